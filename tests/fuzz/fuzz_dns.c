// SPDX-License-Identifier: GPL-2.0-or-later
/* DNS: first byte: transport and direction; then a datagram, or records of a stream as two-byte length and bytes. */
#include "app/log.h"
#include "app/protocols.h"

#include <stdlib.h>


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(struct app_flow *a)
{
	static struct buffer out;
	struct app_log_options o = {.dns = {.version = 3, .requests = true, .responses = true, .detailed = true, .grouped = true}};
	struct app_view v;
	uint64_t n;
	for (struct app_tx *tx = a->first; tx; tx = tx->next)
		for (int d = 0; d < 2; d++) {
			for (size_t k = 0; k < a->proto->n_keywords; k++) {
				const struct app_keyword *w = &a->proto->keywords[k];
				for (unsigned i = 0; w->directions >> d & 1 && i < 10000; i++)
					if (!(w->buffer ? w->buffer(a, tx, d, i, &v) : w->number(a, tx, d, i, &n)))
						break;
			}
			for (o.dns.version = 2; o.dns.version <= 3; o.dns.version++) {
				struct json j = json_into(&out);
				buffer_clear(&out);
				a->proto->loggers[0].log(&j, a, tx, d, &o);
			}
			tx->inspected[d] = true;
		}
}

static void stream(struct app_worker *w, struct flow *f, int direction, struct bytes all)
{
	size_t at = 0;
	bool stop = false;
	for (size_t end = 1; end <= all.len && !stop; end += 1 + end / 8) {
		struct app_input in = {.data = bytes_slice(all, at, end - at), .offset = at};
		at += app_stream_input(w, f, direction, &in, &stop);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct app_context *context;
	static struct counters counters;
	struct app_worker w;
	if (size < 1)
		return 0;
	if (!context)
		context = app_context_new(NULL, true, NULL);
	if (!context || app_worker_init(&w, context, &counters) < 0)
		abort();
	int direction = data[0] & 1;
	struct flow f = {.key.proto = data[0] & 2 ? PROTO_TCP : PROTO_UDP, .key.dport = 53};
	struct bytes all = bytes_of(data + 1, size - 1);
	if (f.key.proto == PROTO_TCP) {
		stream(&w, &f, direction, all);
	} else {
		struct app_input in = {.data = all};
		app_datagram_input(&w, &f, direction, &in);
	}
	if (f.app && f.app->proto == &app_dns)
		look(f.app);
	app_flow_finish(&w, &f, 0);
	app_flow_free(&w, &f);
	app_worker_deinit(&w);
	return 0;
}
