// SPDX-License-Identifier: GPL-2.0-or-later
#include "app/ldap/ldap.h"
#include "app/protocols.h"

static const char *const requests[] = {"request_started", "request_complete", NULL};
static const char *const responses[] = {"response_started", "response_complete", NULL};

static const char *const event_names[] = {
#define EVENT(id, name) name,
#include "app/ldap/events.def"
#undef EVENT
	NULL,
};

/* RFC 4511 4.1.1: a sequence of message id and an operation with an application tag; the message need not be there whole. */
static enum app_probe_result probe(struct bytes data, int direction, const struct flow *f, unsigned *swap)
{
	struct reader r = reader_over(data);
	uint8_t tag = reader_u8(&r), len = reader_u8(&r);
	if (tag != BER_SEQUENCE || (len & 0x80 && ((len & 0x7f) == 0 || (len & 0x7f) > 4)))
		return PROBE_NO;
	reader_skip(&r, len & 0x80 ? len & 0x7f : 0);
	tag = reader_u8(&r);
	len = reader_u8(&r);
	if (tag != BER_INTEGER || len == 0 || len > 4)
		return PROBE_NO;
	reader_skip(&r, len);
	uint8_t operation = reader_u8(&r);
	return !r.failed && (operation & 0xc0) == 0x40 && (operation & 0x1f) <= LDAP_INTERMEDIATE ? PROBE_YES : PROBE_NO;
}

static const struct app_probe probes[] = {{APP_TRANSPORT_TCP | APP_TRANSPORT_UDP, "389, 3268", 2, 7, 0, probe}};

static const struct app_logger loggers[] = {{.type = "ldap", .setting = "ldap", .state = {1, 1}, .log = ldap_log}};

const struct app_proto app_ldap = {
	.name = "ldap", .setting = "ldap", .transports = APP_TRANSPORT_TCP | APP_TRANSPORT_UDP, .states = {requests, responses}, .complete = {1, 1},
	.probes = probes, .n_probes = 1, .keywords = ldap_keywords, .n_keywords = N_LDAP_KEYWORDS, .events = event_names, .loggers = loggers,
	.n_loggers = 1, .parse = ldap_parse, .first_dir = 2,
};
