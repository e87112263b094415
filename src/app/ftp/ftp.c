// SPDX-License-Identifier: GPL-2.0-or-later
#include "app/ftp/ftp.h"
#include "app/protocols.h"

#include <stdlib.h>

static const char *const requests[] = {"request_started", "request_complete", NULL};
static const char *const responses[] = {"response_started", "response_complete", NULL};

static const char *const event_names[] = {
#define EVENT(id, name) name,
#include "app/ftp/events.def"
#undef EVENT
	NULL,
};

static const struct setting rows[] = {
	{.key = "app-layer.protocols.ftp.max-line-length", .kind = SETTING_SIZE, .offset = offsetof(struct ftp_settings, max_line),
	 .absent = "4096", .min = 64, .max = 65536, .help = "longer lines of the control connection are cut off there"},
};

static void *configure(struct conf *conf, struct error *error)
{
	struct ftp_settings *s = xcalloc(1, sizeof *s);
	s->max_line = FTP_MAX_LINE;
	if (conf && settings_read(rows, sizeof rows / sizeof *rows, conf, s, error) < 0) {
		free(s);
		return NULL;
	}
	return s;
}

static void unconfigure(void *settings)
{
	free(settings);
}

#define WORD(text) {.transport = APP_TRANSPORT_TCP, .direction = TO_SERVER, .bytes = text, .depth = 5, .nocase = true}
static const struct app_pattern patterns[] = {WORD("USER "), WORD("PASS "), WORD("PORT ")};

static enum app_probe_result banner(struct bytes data, int direction, const struct flow *f, unsigned *swap)
{
	return bytes_starts_nocase(data, "220 ") || bytes_starts_nocase(data, "220-") ? PROBE_YES : PROBE_NO;
}

static const struct app_probe probes[] = {{APP_TRANSPORT_TCP, "21", TO_CLIENT, 4, 16, banner}};

#define T ((const struct ftp_tx *)tx)
#define GETTER(name) static bool name(struct app_flow *a, struct app_tx *tx, int direction, unsigned index, struct app_view *out)
#define NUMBER(name) static bool name(struct app_flow *a, struct app_tx *tx, int direction, unsigned index, uint64_t *out)

static bool give(struct bytes b, struct app_view *out)
{
	*out = (struct app_view){.data = b, .start = true, .end = true};
	return true;
}

GETTER(command)
{
	return index == 0 && T->command.len && give(T->command, out);
}

GETTER(command_data)
{
	return index == 0 && T->command.len && T->data.len && give(T->data, out);
}

/* The line of that index, counting all of them or those with a code. */
static const struct ftp_reply *reply_at(struct ftp_tx *t, bool codes, unsigned index)
{
	typeof(t->cursor[0]) *c = &t->cursor[codes];
	if (!c->at || index < c->index) {
		for (c->at = t->first, c->index = 0; c->at && codes && !c->at->code.len; c->at = c->at->next)
			;
	}
	const struct ftp_reply *r = c->at;
	unsigned i = c->index;
	while (r && i < index) {
		r = r->next;
		i += r && (!codes || r->code.len);
	}
	if (r) {
		c->at = r;
		c->index = i;
	}
	return r;
}

GETTER(reply)
{
	const struct ftp_reply *r = reply_at((struct ftp_tx *)tx, false, index);
	return r && give(r->text, out);
}

GETTER(completion_code)
{
	const struct ftp_reply *r = reply_at((struct ftp_tx *)tx, true, index);
	return r && give(r->code, out);
}

NUMBER(dynamic_port)
{
	*out = T->port;
	return index == 0 && T->port;
}

NUMBER(mode)
{
	*out = T->active;
	return index == 0 && ftp_has_mode(T);
}

/* Each answer has two names: no and off, yes and on. */
NUMBER(reply_received)
{
	*out = index * 2 + T->answered;
	return index < 2 && T->asked;
}

static const char *const mode_names[] = {"passive", "active", NULL};
static const char *const received_names[] = {"no", "yes", "off", "on", NULL};

static const struct app_keyword keywords[] = {
	{.name = "ftp.command", .kind = APP_BUFFER, .directions = 1, .buffer = command, .help = "command, in capitals"},
	{.name = "ftp.command_data", .kind = APP_BUFFER, .directions = 1, .buffer = command_data, .help = "its argument"},
	{.name = "ftp.reply", .kind = APP_MULTI_BUFFER, .directions = 2, .state = {1, 1}, .buffer = reply, .help = "lines of replies, without the code"},
	{.name = "ftp.completion_code", .kind = APP_MULTI_BUFFER, .directions = 2, .state = {1, 1}, .buffer = completion_code, .help = "codes of replies"},
	{.name = "ftp.dynamic_port", .kind = APP_INTEGER, .directions = 1, .number = dynamic_port, .bits = 16, .help = "port of the data connection"},
	{.name = "ftp.mode", .kind = APP_INTEGER, .directions = 3, .number = mode, .bits = 8, .names = mode_names,
	 .help = "who opens the data connection"},
	{.name = "ftp.reply_received", .kind = APP_INTEGER, .directions = 2, .state = {1, 1}, .number = reply_received, .bits = 8,
	 .names = received_names, .help = "whether the command was answered"},
};

static const struct app_logger loggers[] = {{.type = "ftp", .setting = "ftp", .state = {1, 1}, .log = ftp_log}};

const struct app_proto app_ftp = {
	.name = "ftp", .setting = "ftp", .transports = APP_TRANSPORT_TCP, .states = {requests, responses}, .complete = {1, 1}, .patterns = patterns,
	.n_patterns = 3, .probes = probes, .n_probes = 1, .keywords = keywords, .n_keywords = sizeof keywords / sizeof *keywords,
	.events = event_names, .loggers = loggers, .n_loggers = 1, .configure = configure, .unconfigure = unconfigure, .open = ftp_open,
	.parse = ftp_parse, .close = ftp_close, .first_dir = 2, .max_tx = FTP_MAX_TX,
};
