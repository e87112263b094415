// SPDX-License-Identifier: GPL-2.0-or-later
#include "app/dns/dns.h"
#include "app/protocols.h"

static const char *const requests[] = {"request_started", "request_complete", NULL};
static const char *const responses[] = {"response_started", "response_complete", NULL};

const char *const dns_event_names[] = {
#define EVENT(id, name) name,
#include "app/dns/events.def"
#undef EVENT
	NULL,
};

static enum app_probe_result said(int found, int direction)
{
	return found < 0 ? PROBE_NO : found == direction ? PROBE_YES : PROBE_SWAP;
}

static enum app_probe_result probe_datagram(struct bytes data, int direction, const struct flow *f, unsigned *swap)
{
	return said(dns_message_probe(data, data.len), direction);
}

static enum app_probe_result probe_stream(struct bytes data, int direction, const struct flow *f, unsigned *swap)
{
	return said(dns_message_probe(bytes_from(data, 2), load_be16(data.data)), direction);
}

static const struct app_probe probes[] = {
	{APP_TRANSPORT_UDP, "53", 2, DNS_HEADER, 0, probe_datagram},
	{APP_TRANSPORT_TCP, "53", 2, 2 + DNS_HEADER, 0, probe_stream},
};

static const struct app_logger loggers[] = {
	{.type = "dns", .setting = "dns", .state = {1, 1}, .by_direction = true, .as_flow = dns_log_as_flow, .log = dns_log},
};

const struct app_proto app_dns = {
	.name = "dns", .setting = "dns", .transports = APP_TRANSPORT_TCP | APP_TRANSPORT_UDP, .states = {requests, responses}, .complete = {1, 1},
	.probes = probes, .n_probes = 2, .keywords = dns_keywords, .n_keywords = N_DNS_KEYWORDS, .events = dns_event_names,
	.loggers = loggers, .n_loggers = 1, .open = dns_open, .parse = dns_parse, .close = dns_close, .first_dir = 2,
};
