// SPDX-License-Identifier: GPL-2.0-or-later
/* The `quic` object of EVE. */
#include "app/log.h"
#include "app/quic/quic.h"

#include <stdio.h>

/* IANA's registry of TLS extensions, in the spelling of EVE; sorted. */
static const struct extension_name {
	uint16_t type;
	const char *name;
} names[] = {
	{0, "server_name"}, {1, "max_fragment_length"}, {2, "client_certificate_url"}, {3, "trusted_ca_keys"}, {4, "truncated_hmac"},
	{5, "status_request"}, {6, "user_mapping"}, {7, "client_authz"}, {8, "server_authz"}, {9, "cert_type"}, {10, "supported_groups"},
	{11, "ec_point_formats"}, {12, "srp"}, {13, "signature_algorithms"}, {14, "use_srtp"}, {15, "heartbeat"}, {16, "alpn"},
	{17, "status_request_v2"}, {18, "signed_certificate_timestamp"}, {19, "client_certificate_type"}, {20, "server_certificate_type"},
	{21, "padding"}, {22, "encrypt_then_mac"}, {23, "extended_master_secret"}, {24, "token_binding"}, {25, "cached_info"}, {26, "tls_lts"},
	{27, "compress_certificate"}, {28, "record_size_limit"}, {29, "pwd_protect"}, {30, "pwd_clear"}, {31, "password_salt"},
	{32, "ticket_pinning"}, {33, "tls_cert_with_extern_psk"}, {34, "delegated_credentials"}, {35, "session_ticket"}, {36, "tlmsp"},
	{37, "tlmsp_proxying"}, {38, "tlmsp_delegate"}, {39, "supported_ekt_ciphers"}, {41, "pre_shared_key"}, {42, "early_data"},
	{43, "supported_versions"}, {44, "cookie"}, {45, "psk_key_exchange_modes"}, {47, "certificate_authorities"}, {48, "oid_filters"},
	{49, "post_handshake_auth"}, {50, "signature_algorithms_cert"}, {51, "key_share"}, {52, "transparency_info"},
	{53, "connection_id_deprecated"}, {54, "connection_id"}, {55, "external_id_hash"}, {56, "external_session_id"},
	{57, "quic_transport_parameters"}, {58, "ticket_request"}, {59, "dnssec_chain"}, {65281, "renegotiation_info"},
};

static const char *extension_name(uint16_t type)
{
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (names[i].type == type)
			return names[i].name;
	return NULL;
}

/* Google's as they are sent, others as a number in base 16. */
static void log_version(struct json *j, const struct quic_tx *t)
{
	char text[12];
	uint32_t v = load_be32(t->version);
	if (quic_is_google(v))
		snprintf(text, sizeof text, "%.4s", (const char *)t->version);
	else if (v == QUIC_VERSION_2)
		snprintf(text, sizeof text, "v2");
	else
		snprintf(text, sizeof text, "%x", v);
	json_string(j, "version", text);
}

static void log_fingerprint(struct json *j, const char *key, const char *hash, struct bytes string)
{
	if (!string.len)
		return;
	json_open(j, key);
	json_string(j, "hash", hash);
	json_bytes(j, "string", string);
	json_close(j);
}

static void log_tls_version(struct json *j, uint16_t v)
{
	static const char *const known[] = {"Ssl30", "Tls10", "Tls11", "Tls12", "Tls13"};
	char text[24];
	if (tls_is_grease(v))
		return;
	if (v >= SSL_3 && v <= TLS_1_3)
		snprintf(text, sizeof text, "%s", known[v - SSL_3]);
	else if (v >= 0x7f12 && v <= 0x7f17)
		snprintf(text, sizeof text, "Tls13Draft%u", v & 0xffu);
	else
		snprintf(text, sizeof text, "%u", v);
	json_string(j, NULL, text);
}

static void values_versions(struct json *j, const struct quic_tx *t)
{
	if (t->direction == TO_CLIENT) {
		log_tls_version(j, t->tls.side[TO_CLIENT].version);
		return;
	}
	for (unsigned i = 0; i < t->tls.versions.n; i++)
		log_tls_version(j, t->tls.versions.v[i]);
}

static void values_signatures(struct json *j, const struct quic_tx *t)
{
	for (unsigned i = 0; i < t->tls.signature_algorithms.n; i++) {
		char text[8];
		snprintf(text, sizeof text, "%u", t->tls.signature_algorithms.v[i]);
		json_string(j, NULL, text);
	}
}

static void values_alpn(struct json *j, const struct quic_tx *t)
{
	const struct tls_side *side = &t->tls.side[t->direction];
	for (unsigned i = 0; i < side->n_alpn; i++)
		json_bytes(j, NULL, side->alpn[i]);
}

static void values_name(struct json *j, const struct quic_tx *t)
{
	if (t->tls.sni.len)
		json_bytes(j, NULL, t->tls.sni);
}

static void log_extension(struct json *j, const struct quic_tx *t, uint16_t type)
{
	void (*values)(struct json *j, const struct quic_tx *t) = type == 0 ? values_name : type == 13 ? values_signatures : type == 16 ? values_alpn
								: type == 43 ? values_versions : NULL;
	const char *name = extension_name(type);
	json_open(j, NULL);
	if (name)
		json_string(j, "name", name);
	json_uint(j, "type", type);
	if (values) {
		json_open_array(j, "values");
		values(j, t);
		json_close_array(j);
	}
	json_close(j);
}

static void log_extensions(struct json *j, const struct quic_tx *t)
{
	const struct tls_numbers *list = &t->tls.side[t->direction].extensions;
	struct json_mark mark = json_mark(j);
	bool any = false;
	json_open_array(j, "extensions");
	for (unsigned i = 0; i < list->n; i++) {
		if (tls_is_grease(list->v[i]))
			continue;
		log_extension(j, t, list->v[i]);
		any = true;
	}
	if (any)
		json_close_array(j);
	else
		json_rewind(j, mark);
}

bool quic_log(struct json *j, struct app_flow *a, struct app_tx *tx, int direction, const struct app_log_options *o)
{
	const struct quic_tx *t = (const struct quic_tx *)tx;
	if (t->direction != direction)
		return false;
	json_open(j, "quic");
	log_version(j, t);
	if (t->sni.len)
		json_bytes(j, "sni", t->sni);
	if (t->ua.len)
		json_bytes(j, "ua", t->ua);
	if (t->cyu.len) {
		json_open_array(j, "cyu");
		log_fingerprint(j, NULL, t->cyu_hash, t->cyu);
		json_close_array(j);
	}
	log_fingerprint(j, "ja3", t->tls.ja3_hash, t->tls.ja3);
	log_fingerprint(j, "ja3s", t->tls.ja3s_hash, t->tls.ja3s);
	if (*t->tls.ja4)
		json_string(j, "ja4", t->tls.ja4);
	log_extensions(j, t);
	json_close(j);
	return true;
}
