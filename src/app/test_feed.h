// SPDX-License-Identifier: GPL-2.0-or-later
/* For tests of parsers: a worker and a flow, text fed to them, what their loggers say. Include it after cmocka.h. */
#pragma once

#include "app/log.h"
#include "app/protocols.h"

struct fixture {
	struct app_context *context;
	struct app_worker worker;
	struct counters counters;
	struct flow flow;
	struct buffer held[2], out;
	bool stop[2];
};

static inline void setup(struct fixture *x, uint8_t proto, uint16_t dport)
{
	*x = (struct fixture){0};
	x->context = app_context_new(NULL, false, NULL);
	assert_non_null(x->context);
	assert_int_equal(app_worker_init(&x->worker, x->context, &x->counters), 0);
	x->flow.key.proto = proto;
	x->flow.key.sport = 40000;
	x->flow.key.dport = dport;
}

static inline void teardown(struct fixture *x)
{
	app_flow_free(&x->worker, &x->flow);
	app_worker_deinit(&x->worker);
	app_context_free(x->context);
	for (int d = 0; d < 2; d++)
		buffer_free(&x->held[d]);
	buffer_free(&x->out);
}

/* As a stream engine does: what is not taken comes again with more behind it. */
static inline void feed_bytes(struct fixture *x, int direction, struct bytes data)
{
	struct buffer *held = &x->held[direction];
	buffer_add(held, data.data, data.len);
	if (x->stop[direction])
		return;
	struct app_input in = {.data = bytes_of(held->data, held->len)};
	size_t used = app_stream_input(&x->worker, &x->flow, direction, &in, &x->stop[direction]);
	if (used)
		memmove(held->data, held->data + used, held->len - used);
	held->len -= used;
}

static inline void feed(struct fixture *x, int direction, const char *text)
{
	feed_bytes(x, direction, bytes_of_string(text));
}

static inline struct app_tx *tx_at(struct fixture *x, uint64_t id)
{
	struct app_tx *tx = x->flow.app ? x->flow.app->first : NULL;
	while (tx && tx->id != id)
		tx = tx->next;
	return tx;
}

/* What the logger writes of a transaction: JSON text, valid until the next call. */
static inline const char *logged(struct fixture *x, uint64_t id)
{
	struct app_log_options o = {0};
	struct app_tx *tx = tx_at(x, id);
	buffer_clear(&x->out);
	if (!tx)
		return "no transaction";
	struct json j = json_into(&x->out);
	if (!x->flow.app->proto->loggers[0].log(&j, x->flow.app, tx, TO_SERVER, &o))
		return "nothing";
	return buffer_string(&x->out);
}

static inline bool tx_has_event(const struct app_flow *a, const struct app_tx *tx, const char *name)
{
	for (unsigned i = 0; i < tx->n_events; i++)
		if (strcmp(a->proto->events[tx->event[i]], name) == 0)
			return true;
	return false;
}
