// SPDX-License-Identifier: GPL-2.0-or-later
#include "app/rfb/rfb.h"
#include "app/protocols.h"

static const char *const requests[] = {"request_started", "request_complete", NULL};
static const char *const responses[] = {"response_started", "response_complete", NULL};

static const char *const event_names[] = {
#define EVENT(id, name) name,
#include "app/rfb/events.def"
#undef EVENT
	NULL,
};

#define VERSION(direction_) {.transport = APP_TRANSPORT_TCP, .direction = direction_, .bytes = "RFB ", .depth = 4}
static const struct app_pattern patterns[] = {VERSION(TO_CLIENT), VERSION(TO_SERVER)};

#define T ((const struct rfb_tx *)tx)

static bool name(struct app_flow *a, struct app_tx *tx, int direction, unsigned index, struct app_view *out)
{
	*out = (struct app_view){.data = T->name, .start = true, .end = true};
	return index == 0 && T->has_screen;
}

static bool security_type(struct app_flow *a, struct app_tx *tx, int direction, unsigned index, uint64_t *out)
{
	*out = T->security;
	return index == 0 && T->has_security;
}

static bool security_result(struct app_flow *a, struct app_tx *tx, int direction, unsigned index, uint64_t *out)
{
	*out = T->result < RFB_RESULT_UNKNOWN ? T->result : RFB_RESULT_UNKNOWN;
	return index == 0 && T->has_result;
}

static const char *const result_names[] = {"ok", "fail", "toomany", "unknown", NULL};

/* They are there in the middle of the handshake: rules need not wait for its end. */
static const struct app_keyword keywords[] = {
	{.name = "rfb.name", .kind = APP_BUFFER, .directions = 2, .buffer = name, .help = "name of the desktop"},
	{.name = "rfb.sectype", .kind = APP_INTEGER, .directions = 1, .number = security_type, .bits = 32, .help = "type of security chosen"},
	{.name = "rfb.secresult", .kind = APP_INTEGER, .directions = 2, .number = security_result, .bits = 32, .names = result_names,
	 .help = "whether the client was let in"},
};

static const struct app_logger loggers[] = {{.type = "rfb", .setting = "rfb", .state = {1, 1}, .log = rfb_log}};

const struct app_proto app_rfb = {
	.name = "rfb", .setting = "rfb", .transports = APP_TRANSPORT_TCP, .states = {requests, responses}, .complete = {1, 1}, .patterns = patterns,
	.n_patterns = 2, .keywords = keywords, .n_keywords = sizeof keywords / sizeof *keywords, .events = event_names, .loggers = loggers,
	.n_loggers = 1, .open = rfb_open, .parse = rfb_parse, .close = rfb_close, .first_dir = 2,
};
