// SPDX-License-Identifier: GPL-2.0-or-later
/* Transactions: made by parsers, freed when all are done with them. */
#include "app/context.h"

#include <stdlib.h>

static bool is_udp(const struct app_flow *a)
{
	return a->flow->key.proto == PROTO_UDP;
}

/* The transaction and the first part of its arena are one piece of a slab; a protocol with a larger one pays malloc. */
static struct app_tx *tx_take(struct app_worker *w, size_t size)
{
	size_t head = (size + 15) & ~(size_t)15;
	if (head > APP_TX_BLOCK)
		return NULL;
	struct app_tx *tx = slab_take(&w->tx_slab);
	if (!tx)
		return NULL;
	arena_init(&tx->arena, APP_TX_BLOCK);
	tx->arena.at = (uint8_t *)tx + head;
	tx->arena.end = (uint8_t *)tx + APP_TX_BLOCK;
	return tx;
}

struct app_tx *app_tx_new(struct app_flow *a, size_t size, usec_t now)
{
	struct app_worker *w = a->worker;
	size_t row = app_protocol_index(a->proto);
	if (a->n_live >= w->context->proto[row].max_tx)
		return NULL;
	struct app_tx *tx = tx_take(w, size);
	if (!tx) {
		w->alloc_errors[row][is_udp(a)]++;
		return NULL;
	}
	tx->id = a->n_tx++;
	tx->created = now;
	tx->prev = a->last;
	if (a->last)
		a->last->next = tx;
	else
		a->first = tx;
	a->last = tx;
	a->n_live++;
	app_tx_charge(a, tx);
	if (!a->proto->one_tx)
		w->txs[row][is_udp(a)]++;
	return tx;
}

void app_tx_event(struct app_tx *tx, unsigned event)
{
	for (unsigned i = 0; i < tx->n_events; i++)
		if (tx->event[i] == event)
			return;
	if (tx->n_events < APP_MAX_TX_EVENTS)
		tx->event[tx->n_events++] = (uint8_t)event;
}

void app_tx_advance(struct app_tx *tx, int direction, uint8_t state)
{
	if (state > tx->state[direction]) {
		tx->state[direction] = state;
		tx->updated[direction] = true;
	}
}

void app_tx_free(struct app_worker *w, struct app_flow *a, struct app_tx *tx)
{
	if (tx->prev)
		tx->prev->next = tx->next;
	else
		a->first = tx->next;
	if (tx->next)
		tx->next->prev = tx->prev;
	else
		a->last = tx->prev;
	a->n_live--;
	if (w->hooks.release_tx)
		w->hooks.release_tx(w->hooks.context, tx);
	if (a->proto && a->proto->tx_release)
		a->proto->tx_release(tx);
	for (int d = 0; d < 2; d++)
		for (struct file *f = tx->files[d], *next; f; f = next) {
			next = f->next;
			file_free(a, f);
		}
	app_discharge(a, tx->charged);
	arena_free(&tx->arena);
	slab_give(&w->tx_slab, tx);
}

static bool files_closed(const struct app_tx *tx)
{
	for (int d = 0; d < 2; d++)
		if (tx->last_file[d] && tx->last_file[d]->state == FILE_OPEN)
			return false;
	return true;
}

static bool is_done(const struct app_flow *a, const struct app_tx *tx, int direction, bool inspect)
{
	if (tx->unidirectional[!direction])
		return true;
	if (!app_tx_complete(a, tx, direction))
		return false;
	return !inspect || tx->inspected[direction] || tx->skip_inspect[direction] || a->no_inspect;
}

void app_parser_close(struct app_flow *a)
{
	if (a->opened && a->proto->close)
		a->proto->close(a);
	a->opened = false;
	a->state = NULL;
}

void app_transactions_prune(struct app_worker *w, struct flow *f, bool inspect)
{
	struct app_flow *a = f->app;
	if (!a || !a->proto)
		return;
	for (struct app_tx *tx = a->first, *next; tx; tx = next) {
		next = tx->next;
		if (is_done(a, tx, TO_SERVER, inspect) && is_done(a, tx, TO_CLIENT, inspect) && files_closed(tx))
			app_tx_free(w, a, tx);
	}
	if (a->opened && !a->first && !a->changing && ((a->error[0] && a->error[1]) || (a->eof[0] && a->eof[1])))
		app_parser_close(a); /* nothing more comes */
}
