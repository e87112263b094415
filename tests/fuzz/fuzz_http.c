// SPDX-License-Identifier: GPL-2.0-or-later
/* HTTP/1: records of direction (top bit of a two-byte length) and bytes; a length of zero is the direction's end, 0x7fff a gap. */
#include "app/protocols.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(struct app_flow *a)
{
	struct app_view v;
	uint64_t n;
	for (struct app_tx *tx = a->first; tx; tx = tx->next)
		for (int d = 0; d < 2; d++) {
			for (size_t k = 0; k < a->proto->n_keywords; k++) {
				const struct app_keyword *w = &a->proto->keywords[k];
				if (!(w->directions >> d & 1) || tx->state[d] < w->state[d])
					continue;
				for (unsigned i = 0; i < 4; i++)
					if (!(w->buffer ? w->buffer(a, tx, d, i, &v) : w->number(a, tx, d, i, &n)))
						break;
			}
			if (a->proto->tx_inspected)
				a->proto->tx_inspected(a, tx, d);
			tx->inspected[d] = true;
		}
}

static void record(struct app_worker *w, struct flow *f, struct reader *r)
{
	uint16_t head = reader_u16(r);
	int direction = head >> 15;
	size_t len = head & 0x7fff;
	bool stop;
	struct app_input in = {.eof = len == 0, .gap_len = len == 0x7fff ? 100 : 0};
	if (!in.gap_len)
		in.data = reader_bytes(r, len < reader_left(r) ? len : reader_left(r));
	app_stream_input(w, f, direction, &in, &stop);
	if (f->app && f->app->proto && f->app->opened)
		look(f->app);
	app_transactions_prune(w, f, true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct app_context *context;
	static struct counters counters;
	struct app_worker w;
	struct flow f = {.key.proto = PROTO_TCP, .key.dport = 80};
	if (!context)
		context = app_context_new(NULL, true, NULL);
	if (!context || app_worker_init(&w, context, &counters) < 0)
		abort();
	struct reader r = reader_over(bytes_of(data, size));
	while (reader_left(&r) >= 2)
		record(&w, &f, &r);
	app_flow_finish(&w, &f, 0);
	app_flow_free(&w, &f);
	app_worker_deinit(&w);
	return 0;
}
