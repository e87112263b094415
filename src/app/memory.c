// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a protocol's parsers hold, against app-layer.protocols.X.memcap. The limit is the process's; a worker draws credit in blocks, so that
 * charging seldom touches what workers share.
 */
#include "app/context.h"

enum { CREDIT_BLOCK = 256 << 10 };

static bool draw(struct app_memory *m, uint64_t more)
{
	uint64_t drawn = atomic_load_explicit(&m->pool->drawn, memory_order_relaxed);
	do {
		if (m->pool->cap && drawn + more > m->pool->cap)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(&m->pool->drawn, &drawn, drawn + more, memory_order_relaxed, memory_order_relaxed));
	m->credit += more;
	return true;
}

static void give_back(struct app_memory *m, uint64_t n)
{
	m->credit -= n;
	atomic_fetch_sub_explicit(&m->pool->drawn, n, memory_order_relaxed);
}

bool app_charge(struct app_flow *a, size_t n)
{
	struct app_memory *m = a->memory;
	if (!m || !n)
		return true;
	m->used += n;
	a->worker->memuse += n;
	if (m->gauge)
		*m->gauge += n;
	if (m->used <= m->credit || draw(m, m->used - m->credit + CREDIT_BLOCK) || draw(m, m->used - m->credit))
		return true;
	a->memcap = true; /* the parser is closed when it returns, and what it holds goes */
	return false;
}

void app_discharge(struct app_flow *a, size_t n)
{
	struct app_memory *m = a->memory;
	if (!m)
		return;
	m->used -= n;
	a->worker->memuse -= n;
	if (m->gauge)
		*m->gauge -= n;
	if (m->credit > m->used + 2 * (uint64_t)CREDIT_BLOCK)
		give_back(m, m->credit - m->used - CREDIT_BLOCK);
}

void app_tx_charge(struct app_flow *a, struct app_tx *tx)
{
	size_t now = APP_TX_BLOCK + tx->arena.used;
	if (now <= tx->charged)
		return;
	app_charge(a, now - tx->charged);
	tx->charged = now;
}

void app_memory_init(struct app_worker *w)
{
	const struct app_context *c = w->context;
	for (size_t i = 0; i < c->n; i++) {
		w->memory[i].pool = &c->proto[i].memory;
		if (strcmp(app_protocols[i]->name, "http") == 0 && w->counters)
			w->memory[i].gauge = &w->counters->value[COUNTER_HTTP_MEMUSE];
	}
}

void app_memory_deinit(struct app_worker *w)
{
	for (size_t i = 0; w->memory && i < w->context->n; i++)
		give_back(&w->memory[i], w->memory[i].credit);
}
