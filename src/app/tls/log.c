// SPDX-License-Identifier: GPL-2.0-or-later
/* The `tls` object of EVE. Each field is a row; a record has the basic ones, the extended ones too, or those of `custom`. */
#include "app/log.h"
#include "app/tls/tls.h"

static void log_text(struct json *j, const char *key, struct bytes b)
{
	if (b.len)
		json_bytes(j, key, b);
}

static void log_when(struct json *j, const char *key, int64_t seconds)
{
	char text[32];
	x509_date(seconds, text);
	json_string(j, key, text);
}

static void log_list(struct json *j, const char *key, const struct bytes *v, unsigned n)
{
	if (n == 0)
		return;
	json_open_array(j, key);
	for (unsigned i = 0; i < n; i++)
		json_bytes(j, NULL, v[i]);
	json_close_array(j);
}

static void log_chain(struct json *j, const char *key, const struct tls_side *s)
{
	if (s->n_certificates == 0)
		return;
	json_open_array(j, key);
	for (unsigned i = 0; i < s->n_certificates && i < TLS_MAX_CERTIFICATES; i++)
		json_base64(j, NULL, s->certificate[i]);
	json_close_array(j);
}

static void log_numbers(struct json *j, const char *key, const struct tls_numbers *list)
{
	struct json_mark mark = json_mark(j);
	bool any = false;
	json_open_array(j, key);
	for (unsigned i = 0; i < list->n; i++) {
		if (tls_is_grease(list->v[i]))
			continue;
		json_uint(j, NULL, list->v[i]);
		any = true;
	}
	if (any)
		json_close_array(j);
	else
		json_rewind(j, mark);
}

#define FIELD(name) static void name(struct json *j, const struct tls_tx *t)
#define SERVER (&t->side[TO_CLIENT])
#define CLIENT (&t->side[TO_SERVER])

FIELD(subject) { log_text(j, "subject", SERVER->x509.subject); }
FIELD(issuer) { log_text(j, "issuerdn", SERVER->x509.issuer); }
FIELD(serial) { log_text(j, "serial", SERVER->x509.serial); }
FIELD(alternative) { log_list(j, "subjectaltname", SERVER->x509.alternative, SERVER->x509.n_alternative); }
FIELD(sni) { log_text(j, "sni", t->sni); }
FIELD(client_alpns) { log_list(j, "client_alpns", CLIENT->alpn, CLIENT->n_alpn); }
FIELD(server_alpns) { log_list(j, "server_alpns", SERVER->alpn, SERVER->n_alpn); }
FIELD(chain) { log_chain(j, "chain", SERVER); }

/* A server that shows no certificate goes on with an earlier session. TLS 1.3 hides them all. */
static bool is_resumed(const struct tls_tx *t)
{
	return SERVER->has_hello && !SERVER->has_certificate && !tls_is_1_3(SERVER->version);
}

FIELD(resumed)
{
	if (is_resumed(t))
		json_bool(j, "session_resumed", true);
}

FIELD(fingerprint)
{
	if (SERVER->has_certificate)
		json_string(j, "fingerprint", SERVER->fingerprint);
}

static uint16_t version_of(const struct tls_tx *t)
{
	return SERVER->version ? SERVER->version : CLIENT->version;
}

FIELD(version)
{
	char spare[24];
	json_string(j, "version", tls_version_name(version_of(t), spare));
}

FIELD(not_before)
{
	if (SERVER->x509.has_validity)
		log_when(j, "notbefore", SERVER->x509.not_before);
}

FIELD(not_after)
{
	if (SERVER->x509.has_validity)
		log_when(j, "notafter", SERVER->x509.not_after);
}

FIELD(certificate)
{
	if (SERVER->n_certificates)
		json_base64(j, "certificate", SERVER->certificate[0]);
}

static void log_ja3(struct json *j, const char *key, const char *hash, struct bytes string)
{
	if (!string.len)
		return;
	json_open(j, key);
	json_string(j, "hash", hash);
	json_bytes(j, "string", string);
	json_close(j);
}

FIELD(ja3) { log_ja3(j, "ja3", t->ja3_hash, t->ja3); }
FIELD(ja3s) { log_ja3(j, "ja3s", t->ja3s_hash, t->ja3s); }

FIELD(ja4)
{
	if (*t->ja4)
		json_string(j, "ja4", t->ja4);
}

static void client_members(struct json *j, const struct tls_side *c, bool certificate_too, bool chain_too)
{
	log_text(j, "subject", c->x509.subject);
	log_text(j, "issuerdn", c->x509.issuer);
	json_string(j, "fingerprint", c->fingerprint);
	log_text(j, "serial", c->x509.serial);
	if (c->x509.has_validity) {
		log_when(j, "notbefore", c->x509.not_before);
		log_when(j, "notafter", c->x509.not_after);
	}
	log_list(j, "subjectaltname", c->x509.alternative, c->x509.n_alternative);
	if (certificate_too)
		json_base64(j, "certificate", c->certificate[0]);
	if (chain_too)
		log_chain(j, "chain", c);
}

static void client(struct json *j, const struct tls_tx *t, bool basics, bool certificate_too, bool chain_too)
{
	if (!CLIENT->has_certificate || !(basics || certificate_too || chain_too))
		return;
	json_open(j, "client");
	if (basics) {
		client_members(j, CLIENT, certificate_too, chain_too);
	} else {
		if (certificate_too)
			json_base64(j, "certificate", CLIENT->certificate[0]);
		if (chain_too)
			log_chain(j, "chain", CLIENT);
	}
	json_close(j);
}

FIELD(client_handshake)
{
	char spare[24];
	if (!CLIENT->has_hello)
		return;
	json_open(j, "client_handshake");
	json_string(j, "version", tls_version_name(CLIENT->version, spare));
	log_numbers(j, "ciphers", &CLIENT->ciphers);
	log_numbers(j, "exts", &CLIENT->extensions);
	log_numbers(j, "sig_algs", &t->signature_algorithms);
	json_close(j);
}

FIELD(server_handshake)
{
	char spare[24];
	if (!SERVER->has_hello)
		return;
	json_open(j, "server_handshake");
	json_string(j, "version", tls_version_name(SERVER->version, spare));
	if (SERVER->ciphers.n)
		json_uint(j, "cipher", SERVER->ciphers.v[0]);
	log_numbers(j, "exts", &SERVER->extensions);
	json_close(j);
}

enum { BASIC = 1, EXTENDED = 2, ASKED_FOR = 0 };

static const struct field {
	const char *name; /* in `custom` */
	uint8_t in;
	void (*log)(struct json *j, const struct tls_tx *t);
} fields[] = {
	{"subject", BASIC | EXTENDED, subject}, {"issuer", BASIC | EXTENDED, issuer}, {"subjectaltname", EXTENDED, alternative},
	{"session_resumed", BASIC | EXTENDED, resumed}, {"serial", EXTENDED, serial}, {"fingerprint", EXTENDED, fingerprint}, {"sni", EXTENDED, sni},
	{"version", EXTENDED, version}, {"not_before", EXTENDED, not_before}, {"not_after", EXTENDED, not_after},
	{"certificate", ASKED_FOR, certificate}, {"chain", ASKED_FOR, chain}, {"ja3", EXTENDED, ja3}, {"ja3s", EXTENDED, ja3s}, {"ja4", EXTENDED, ja4},
	{"client_alpns", EXTENDED, client_alpns}, {"server_alpns", EXTENDED, server_alpns}, {"client_handshake", ASKED_FOR, client_handshake},
	{"server_handshake", ASKED_FOR, server_handshake},
};

static void log_fields(struct json *j, const struct tls_tx *t, const struct app_log_options *o)
{
	const struct app_log_names *custom = &o->tls.custom;
	bool listed = custom->n > 0 && !o->in_alert;
	uint8_t level = o->tls.extended || o->in_alert ? EXTENDED : BASIC;
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		if (listed ? app_log_named(custom, fields[i].name) : fields[i].in & level)
			fields[i].log(j, t);
	if (listed)
		client(j, t, app_log_named(custom, "client"), app_log_named(custom, "client_certificate"), app_log_named(custom, "client_chain"));
	else if (level == EXTENDED)
		client(j, t, true, false, false);
}

bool tls_log_ready(const struct app_flow *a, const struct app_tx *tx)
{
	const struct tls_tx *t = (const struct tls_tx *)tx;
	if (a->error[0] || a->error[1] || t->refused)
		return true;
	if (!CLIENT->version)
		return false;
	if (SERVER->has_certificate && tx->state[TO_CLIENT] >= TLS_SERVER_HELLO_DONE)
		return !t->wants_client_certificate || CLIENT->has_certificate || t->changed_cipher[TO_SERVER] || t->sent_data[TO_SERVER];
	if (tls_has_1_3_name(SERVER->version))
		return t->sent_data[TO_CLIENT] && (t->changed_cipher[TO_SERVER] || t->sent_data[TO_SERVER]);
	return t->sent_data[TO_CLIENT];
}

bool tls_log(struct json *j, struct app_flow *a, struct app_tx *tx, int direction, const struct app_log_options *o)
{
	const struct tls_tx *t = (const struct tls_tx *)tx;
	if (t->event_only || (!o->in_alert && is_resumed(t) && !o->tls.session_resumption))
		return false;
	json_open(j, "tls");
	log_fields(j, t, o);
	if (a->original)
		json_string(j, "from_proto", a->original->name);
	json_close(j);
	return true;
}
