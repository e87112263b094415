// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * POP3, FTP, RFB, LDAP: a byte that chooses, then chunks of direction (top bit of a two-byte length) and bytes, as a stream
 * engine offers them; 0x7fff: a gap. LDAP over UDP: each chunk is a datagram.
 */
#include "app/log.h"
#include "app/protocols.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct app_context *context;

static void look(struct app_flow *a)
{
	static struct buffer out;
	struct app_log_options o = {0};
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
		a->proto->loggers[0].log(&j, a, tx, 0, &o);
	}
}

struct side {
	struct buffer held; /* what the parser left */
	bool stop;
};

/* A copy of exact size: one byte too far shows. */
static uint8_t *copy_of(const void *data, size_t len)
{
	uint8_t *exact = malloc(len ? len : 1);
	if (!exact)
		abort();
	if (len)
		memcpy(exact, data, len);
	return exact;
}

static void chunk(struct app_worker *w, struct flow *f, struct side *side, int direction, struct bytes more, size_t len)
{
	struct app_input in = {0};
	if (f->key.proto == PROTO_UDP) {
		uint8_t *exact = copy_of(more.data, more.len);
		in.data = bytes_of(exact, more.len);
		app_datagram_input(w, f, direction, &in);
		free(exact);
		return;
	}
	if (len == 0x7fff) {
		in.gap_len = 10;
		buffer_clear(&side->held);
		app_stream_input(w, f, direction, &in, &side->stop);
		return;
	}
	buffer_add(&side->held, more.data, more.len);
	uint8_t *exact = copy_of(side->held.data, side->held.len);
	in.data = bytes_of(exact, side->held.len);
	in.eof = len == 0;
	size_t used = app_stream_input(w, f, direction, &in, &side->stop);
	if (used)
		memmove(side->held.data, side->held.data + used, side->held.len - used);
	side->held.len -= used;
	free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct counters counters;
	static const uint16_t ports[] = {110, 21, 5900, 389};
	struct app_worker w;
	struct side side[2] = {0};
	struct reader r = reader_over(bytes_of(data, size));
	uint8_t choice = reader_u8(&r);
	struct flow f = {.key.proto = choice & 4 ? PROTO_UDP : PROTO_TCP, .key.dport = ports[choice & 3]};
	if (!context)
		context = app_context_new(NULL, true, NULL);
	if (!context || app_worker_init(&w, context, &counters) < 0)
		abort();
	while (reader_left(&r) >= 2) {
		uint16_t head = reader_u16(&r);
		int direction = head >> 15;
		size_t len = head & 0x7fff, there = len == 0x7fff ? 0 : len < reader_left(&r) ? len : reader_left(&r);
		struct bytes more = reader_bytes(&r, there);
		if (!side[direction].stop)
			chunk(&w, &f, &side[direction], direction, more, len);
		if (f.app && f.app->proto && !f.app->proto->recognise_only && f.app->proto->n_loggers)
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
