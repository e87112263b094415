// SPDX-License-Identifier: GPL-2.0-or-later
#include "app/pop3/pop3.h"
#include "app/protocols.h"

static const char *const requests[] = {"request_started", "request_complete", NULL};
static const char *const responses[] = {"response_started", "response_complete", NULL};

static const char *const event_names[] = {
#define EVENT(id, name) name,
#include "app/pop3/events.def"
#undef EVENT
	NULL,
};

static enum app_probe_result probe(struct bytes data, int direction, const struct flow *f, unsigned *swap)
{
	static const char *const words[] = {"USER ", "PASS ", "CAPA", "AUTH", "STLS", "APOP ", "STAT", "LIST", "QUIT"};
	if (direction == TO_CLIENT)
		return bytes_starts_nocase(data, "+OK") || bytes_starts_nocase(data, "-ERR") ? PROBE_YES : PROBE_NO;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (bytes_starts_nocase(data, words[i]))
			return PROBE_YES;
	return PROBE_NO;
}

static const struct app_probe probes[] = {{APP_TRANSPORT_TCP, "110", 2, 4, 16, probe}};

static const struct app_logger loggers[] = {{.type = "pop3", .setting = "pop3", .state = {1, 1}, .log = pop3_log}};

const struct app_proto app_pop3 = {
	.name = "pop3", .setting = "pop3", .transports = APP_TRANSPORT_TCP, .states = {requests, responses}, .complete = {1, 1}, .probes = probes,
	.n_probes = 1, .events = event_names, .loggers = loggers, .n_loggers = 1, .open = pop3_open, .parse = pop3_parse, .close = pop3_close,
	.first_dir = 2,
};
