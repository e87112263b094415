// SPDX-License-Identifier: GPL-2.0-or-later
#include "app/tls/tls.h"
#include "app/protocols.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const requests[] = {
	"client_in_progress", "client_hello_done", "client_cert_done", "client_handshake_done", "client_finished", NULL,
};
static const char *const responses[] = {
	"server_in_progress", "server_hello", "server_cert_done", "server_hello_done", "server_handshake_done", "server_finished", NULL,
};
static const char *const rule_names[] = {"tls", "ssl", NULL};

const char *const tls_event_names[] = {
#define EVENT(id, name) name,
#include "app/tls/events.def"
#undef EVENT
	NULL,
};

/* Settings */

static const char *const handlings[] = {"track-only", "full", "bypass", NULL};

static const struct setting rows[] = {
	{.key = "app-layer.protocols.tls.encryption-handling", .kind = SETTING_ENUM, .offset = offsetof(struct tls_settings, encrypted),
	 .absent = "track-only", .names = handlings, .help = "what is done once a connection is encrypted"},
};

static int fingerprints_read(struct conf *conf, const char *key)
{
	const char *value = conf ? conf_string(conf, key, "auto") : "auto";
	return strcmp(value, "auto") == 0 ? TLS_WHEN_WANTED : conf_is_true(value) ? TLS_ALWAYS : TLS_NEVER;
}

static void *configure(struct conf *conf, struct error *error)
{
	struct tls_settings *s = xcalloc(1, sizeof *s);
	if (conf && settings_read(rows, sizeof rows / sizeof *rows, conf, s, error) < 0) {
		free(s);
		return NULL;
	}
	s->ja3 = fingerprints_read(conf, "app-layer.protocols.tls.ja3-fingerprints");
	s->ja4 = fingerprints_read(conf, "app-layer.protocols.tls.ja4-fingerprints");
	return s;
}

static void unconfigure(void *settings)
{
	free(settings);
}

const struct tls_settings *tls_settings(const struct app_flow *a)
{
	return app_settings(a->worker->context, a->proto);
}

/* Life of a connection */

static int open_state(struct app_flow *a)
{
	a->state = calloc(1, sizeof(struct tls_state));
	return a->state ? 0 : -ENOMEM;
}

static void close_state(struct app_flow *a)
{
	struct tls_state *s = a->state;
	tls_handshake_drop(a, &s->io[0]);
	tls_handshake_drop(a, &s->io[1]);
	free(s);
	a->state = NULL;
}

static void release_tx(struct app_tx *tx)
{
	struct tls_tx *t = (struct tls_tx *)tx;
	if (t->owner && t->owner->tx == t)
		t->owner->tx = NULL;
}

/* What comes up after the handshake's transaction has gone gets one of its own, that is complete at once and not logged. */
void tls_event(const struct tls_context *c, enum tls_event event)
{
	struct tls_tx *t = c->s->tx;
	if (!t && c->a->last && ((struct tls_tx *)c->a->last)->event_only)
		t = (struct tls_tx *)c->a->last;
	if (!t) {
		t = (struct tls_tx *)app_tx_new(c->a, sizeof *t, c->now);
		if (!t)
			return;
		t->event_only = true;
		app_tx_advance(&t->tx, TO_SERVER, TLS_CLIENT_FINISHED);
		app_tx_advance(&t->tx, TO_CLIENT, TLS_SERVER_FINISHED);
	}
	app_tx_event(&t->tx, event);
	t->tx.updated[0] = t->tx.updated[1] = true;
}

const char *tls_version_name(uint16_t version, char spare[24])
{
	switch (version) {
	case 0: return "UNDETERMINED";
	case SSL_2: return "SSLv2";
	case SSL_3: return "SSLv3";
	case TLS_1_0: return "TLSv1";
	case TLS_1_1: return "TLS 1.1";
	case TLS_1_2: return "TLS 1.2";
	case TLS_1_3: return "TLS 1.3";
	}
	if (version > 0x7f00 && version < 0x7f10)
		return "TLS 1.3 draft-<16";
	if (version >= 0x7f10 && version <= 0x7f1c)
		snprintf(spare, 24, "TLS 1.3 draft-%u", version & 0xff);
	else if (version == 0xfb17 || version == 0xfb1a)
		snprintf(spare, 24, "TLS 1.3 draft-%u-fb", version & 0xff);
	else
		snprintf(spare, 24, "%u", version);
	return spare;
}

/* Recognition: a record with a handshake, an alert of a server; the hello of SSL 2.0, of which the version stands at a fixed place. */

#define RECORD(direction_, text) {.transport = APP_TRANSPORT_TCP, .direction = direction_, .bytes = text, .depth = 3}
#define HELLO(text) {.transport = APP_TRANSPORT_TCP, .direction = TO_SERVER, .bytes = text, .offset = 2, .depth = 5}

static const struct app_pattern patterns[] = {
	RECORD(TO_SERVER, "|16 03 00|"), RECORD(TO_SERVER, "|16 03 01|"), RECORD(TO_SERVER, "|16 03 02|"), RECORD(TO_SERVER, "|16 03 03|"),
	RECORD(TO_CLIENT, "|16 03 00|"), RECORD(TO_CLIENT, "|16 03 01|"), RECORD(TO_CLIENT, "|16 03 02|"), RECORD(TO_CLIENT, "|16 03 03|"),
	RECORD(TO_CLIENT, "|15 03 00|"), RECORD(TO_CLIENT, "|15 03 01|"), RECORD(TO_CLIENT, "|15 03 02|"), RECORD(TO_CLIENT, "|15 03 03|"),
	HELLO("|01 00 02|"), HELLO("|01 03 00|"), HELLO("|01 03 01|"), HELLO("|01 03 02|"), HELLO("|01 03 03|"),
};

static const struct app_logger loggers[] = {
	{.type = "tls", .setting = "tls", .ready = tls_log_ready, .log = tls_log},
};

const struct app_proto app_tls = {
	.name = "tls", .rule_names = rule_names, .setting = "tls", .transports = APP_TRANSPORT_TCP, .states = {requests, responses},
	.complete = {TLS_CLIENT_FINISHED, TLS_SERVER_FINISHED}, .patterns = patterns, .n_patterns = sizeof patterns / sizeof *patterns,
	.keywords = tls_keywords, .n_keywords = N_TLS_KEYWORDS, .events = tls_event_names, .upper_events = true, .loggers = loggers, .n_loggers = 1,
	.configure = configure, .unconfigure = unconfigure, .open = open_state, .parse = tls_parse, .close = close_state, .tx_release = release_tx,
	.first_dir = TO_SERVER, .one_tx = true,
};
