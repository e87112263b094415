// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * QUIC: chunks of a byte of flags, a two-byte length and bytes. Flags: 1: to client; 2: the bytes are frames, and are protected
 * here; else they are a datagram.
 */
#include "app/log.h"
#include "app/protocols.h"
#include "app/quic/test_protect.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(struct app_flow *a)
{
	static struct buffer out;
	struct app_log_options o = {0};
	struct app_view v;
	for (struct app_tx *tx = a->first; tx; tx = tx->next)
		for (int d = 0; d < 2; d++) {
			for (size_t k = 0; k < a->proto->n_keywords; k++)
				for (unsigned i = 0; i < 10 && a->proto->keywords[k].buffer(a, tx, d, i, &v); i++)
					;
			struct json j = json_into(&out);
			buffer_clear(&out);
			a->proto->loggers[0].log(&j, a, tx, d, &o);
			tx->inspected[d] = true;
		}
}

static void datagram(struct app_worker *w, struct flow *f, unsigned flags, uint32_t number, struct bytes data)
{
	bool frames = flags & 2 && data.len < PROTECTED_MAX;
	uint8_t *exact = malloc(PROTECTED_HEAD + data.len + QUIC_TAG); /* one byte too far shows */
	size_t len = data.len;
	if (frames)
		len = protect(flags & 1, number, data, exact);
	else if (len)
		memcpy(exact, data.data, len);
	uint8_t *shrunk = realloc(exact, len ? len : 1);
	struct app_input in = {.data = bytes_of(shrunk, len)};
	app_datagram_input(w, f, flags & 1, &in);
	free(shrunk);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct app_context *context;
	static struct counters counters;
	struct app_worker w;
	struct flow f = {.key.proto = PROTO_UDP, .key.dport = 443};
	if (!context)
		context = app_context_new(NULL, true, NULL);
	if (!context || app_worker_init(&w, context, &counters) < 0)
		abort();
	struct reader r = reader_over(bytes_of(data, size));
	for (uint32_t number = 0; reader_left(&r) >= 3; number++) {
		unsigned flags = reader_u8(&r);
		size_t len = reader_u16(&r);
		datagram(&w, &f, flags, number, reader_bytes(&r, len < reader_left(&r) ? len : reader_left(&r)));
		if (f.app && f.app->proto == &app_quic)
			look(f.app);
		app_transactions_prune(&w, &f, true);
	}
	app_flow_finish(&w, &f, 0);
	app_flow_free(&w, &f);
	app_worker_deinit(&w);
	return 0;
}
