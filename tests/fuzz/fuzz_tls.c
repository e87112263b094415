// SPDX-License-Identifier: GPL-2.0-or-later
/* TLS: chunks of direction (top bit of a two-byte length) and bytes, as a stream engine offers them; 0x7fff: a gap. */
#include "app/log.h"
#include "app/protocols.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct app_context *context;

static void look(struct app_flow *a)
{
	static struct buffer out;
	struct app_log_options o = {.tls = {.extended = true, .session_resumption = true}};
	struct app_view v;
	uint64_t n;
	for (struct app_tx *tx = a->first; tx; tx = tx->next) {
		for (int d = 0; d < 2; d++) {
			for (size_t k = 0; k < a->proto->n_keywords; k++) {
				const struct app_keyword *w = &a->proto->keywords[k];
				for (unsigned i = 0; w->directions >> d & 1 && i < 1000; i++)
					if (!(w->buffer ? w->buffer(a, tx, d, i, &v) : w->number(a, tx, d, i, &n)))
						break;
			}
			tx->inspected[d] = true;
		}
		struct json j = json_into(&out);
		buffer_clear(&out);
		a->proto->loggers[0].ready(a, tx);
		a->proto->loggers[0].log(&j, a, tx, 0, &o);
	}
}

struct side {
	struct buffer held; /* what the parser left */
	bool stop;
};

static void chunk(struct app_worker *w, struct flow *f, struct side *side, int direction, struct reader *r, size_t len)
{
	struct app_input in = {0};
	if (len == 0x7fff) {
		in.gap_len = 10;
		buffer_clear(&side->held);
	} else {
		struct bytes more = reader_bytes(r, len < reader_left(r) ? len : reader_left(r));
		buffer_add(&side->held, more.data, more.len);
		uint8_t *exact = malloc(side->held.len ? side->held.len : 1); /* one byte too far shows */
		if (side->held.len)
			memcpy(exact, side->held.data, side->held.len);
		in.data = bytes_of(exact, side->held.len);
		in.eof = len == 0;
		size_t used = app_stream_input(w, f, direction, &in, &side->stop);
		if (used)
			memmove(side->held.data, side->held.data + used, side->held.len - used);
		side->held.len -= used;
		free(exact);
		return;
	}
	app_stream_input(w, f, direction, &in, &side->stop);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct counters counters;
	struct app_worker w;
	struct flow f = {.key.proto = PROTO_TCP, .key.dport = 443};
	struct side side[2] = {0};
	if (!context)
		context = app_context_new(NULL, true, NULL);
	if (!context || app_worker_init(&w, context, &counters) < 0)
		abort();
	w.want_ja3 = w.want_ja4 = true;
	struct reader r = reader_over(bytes_of(data, size));
	while (reader_left(&r) >= 2) {
		uint16_t head = reader_u16(&r);
		int direction = head >> 15;
		if (side[direction].stop)
			reader_skip(&r, (head & 0x7fff) == 0x7fff || (head & 0x7fffu) > reader_left(&r) ? 0 : head & 0x7fff);
		else
			chunk(&w, &f, &side[direction], direction, &r, head & 0x7fff);
		if (f.app && f.app->proto == &app_tls && f.app->opened)
			look(f.app);
		app_transactions_prune(&w, &f, true);
	}
	app_flow_finish(&w, &f, 0);
	app_flow_free(&w, &f);
	app_worker_deinit(&w);
	for (int d = 0; d < 2; d++)
		buffer_free(&side[d].held);
	return 0;
}
