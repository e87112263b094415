// SPDX-License-Identifier: GPL-2.0-or-later
#include "app/quic/quic.h"
#include "app/protocols.h"

#include <stdlib.h>

enum { USUAL_CID = 16 };

static const char *const requests[] = {"request_started", "request_complete", NULL};
static const char *const responses[] = {"response_started", "response_complete", NULL};

const char *const quic_event_names[] = {
#define EVENT(id, name) name,
#include "app/quic/events.def"
#undef EVENT
	NULL,
};

/*
 * RFC 8999 5, RFC 9000 17.3: what comes to these ports and can be read as a header. Old versions and short headers have no mark to
 * know them by: all that is refused is a long header that its connection ids leave, and a datagram too short for ids as they are.
 */
static enum app_probe_result probe(struct bytes data, int direction, const struct flow *f, unsigned *swap)
{
	struct reader r = reader_over(data);
	if (!(reader_u8(&r) & 0x80))
		return data.len > USUAL_CID ? PROBE_YES : PROBE_NO;
	if (quic_is_google(reader_u32(&r)))
		return PROBE_YES;
	reader_skip(&r, reader_u8(&r));
	reader_skip(&r, reader_u8(&r));
	return r.failed ? PROBE_NO : PROBE_YES;
}

/* Fingerprints are part of each record, whatever is set for TLS. */
static void *configure(struct conf *conf, struct error *error)
{
	struct tls_settings *s = xcalloc(1, sizeof *s);
	s->ja3 = s->ja4 = TLS_ALWAYS;
	return s;
}

static const struct app_probe probes[] = {{APP_TRANSPORT_UDP, "443, 80", TO_SERVER, 7, 0, probe}};

static const struct app_logger loggers[] = {
	{.type = "quic", .setting = "quic", .state = {1, 1}, .by_direction = true, .log = quic_log},
};

const struct app_proto app_quic = {
	.name = "quic", .setting = "quic", .transports = APP_TRANSPORT_UDP, .states = {requests, responses}, .complete = {1, 1},
	.probes = probes, .n_probes = 1, .keywords = quic_keywords, .n_keywords = N_QUIC_KEYWORDS, .events = quic_event_names,
	.loggers = loggers, .n_loggers = 1, .configure = configure, .unconfigure = free, .open = quic_open, .parse = quic_parse,
	.close = quic_close, .first_dir = 2,
};
