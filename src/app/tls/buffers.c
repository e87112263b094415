// SPDX-License-Identifier: GPL-2.0-or-later
/* What rules see of a connection. */
#include "app/tls/tls.h"

static bool give(struct bytes b, struct app_view *out)
{
	*out = (struct app_view){.data = b, .start = true, .end = true};
	return true;
}

static bool give_some(struct bytes b, struct app_view *out)
{
	return b.len && give(b, out);
}

static bool give_string(const char *s, struct app_view *out)
{
	return give_some(bytes_of_string(s), out);
}

#define GETTER(name) static bool name(struct app_flow *a, struct app_tx *tx, int direction, unsigned index, struct app_view *out)
#define T ((const struct tls_tx *)tx)

GETTER(sni)
{
	return index == 0 && give_some(T->sni, out);
}

GETTER(alpn)
{
	const struct tls_side *s = &T->side[direction];
	return index < s->n_alpn && give(s->alpn[index], out);
}

GETTER(subject)
{
	return index == 0 && give_some(T->side[direction].x509.subject, out);
}

GETTER(issuer)
{
	return index == 0 && give_some(T->side[direction].x509.issuer, out);
}

GETTER(serial)
{
	return index == 0 && give_some(T->side[direction].x509.serial, out);
}

GETTER(fingerprint)
{
	return index == 0 && give_string(T->side[direction].fingerprint, out);
}

GETTER(alternative)
{
	const struct x509 *x = &T->side[direction].x509;
	return index < x->n_alternative && give(x->alternative[index], out);
}

GETTER(certificate)
{
	const struct tls_side *s = &T->side[direction];
	return index < s->n_certificates && index < TLS_MAX_CERTIFICATES && give(s->certificate[index], out);
}

static bool random_part(const struct tls_side *s, size_t from, size_t len, struct app_view *out)
{
	return s->has_hello && give(bytes_of(s->random + from, len), out);
}

GETTER(random_all)
{
	return index == 0 && random_part(&T->side[direction], 0, TLS_RANDOM, out);
}

GETTER(random_time)
{
	return index == 0 && random_part(&T->side[direction], 0, 4, out);
}

GETTER(random_bytes)
{
	return index == 0 && random_part(&T->side[direction], 4, TLS_RANDOM - 4, out);
}

GETTER(ja3_hash)
{
	return index == 0 && give_string(T->ja3_hash, out);
}

GETTER(ja3_string)
{
	return index == 0 && give_some(T->ja3, out);
}

GETTER(ja3s_hash)
{
	return index == 0 && give_string(T->ja3s_hash, out);
}

GETTER(ja3s_string)
{
	return index == 0 && give_some(T->ja3s, out);
}

GETTER(ja4_hash)
{
	return index == 0 && give_string(T->ja4, out);
}

static bool chain_len(struct app_flow *a, struct app_tx *tx, int direction, unsigned index, uint64_t *out)
{
	const struct tls_side *s = &T->side[direction];
	if (index || !s->has_certificate)
		return false;
	*out = s->n_certificates;
	return true;
}

#define BOTH 3
#define AT(kind_, key, dirs, client, server, getter, text) \
	{.name = key, .kind = kind_, .directions = dirs, .state = {client, server}, .buffer = getter, .help = text}
#define HELLO_(key, getter, text) AT(APP_BUFFER, key, BOTH, TLS_CLIENT_HELLO_DONE, TLS_SERVER_HELLO, getter, text)
#define CLIENT_HELLO_(key, getter, text) AT(APP_BUFFER, key, 1, TLS_CLIENT_HELLO_DONE, TLS_SERVER_HELLO, getter, text)
#define SERVER_HELLO_(key, getter, text) AT(APP_BUFFER, key, 2, TLS_CLIENT_HELLO_DONE, TLS_SERVER_HELLO, getter, text)
#define CERTIFICATE_(kind_, key, getter, text) AT(kind_, key, BOTH, TLS_CLIENT_CERT_DONE, TLS_SERVER_CERT_DONE, getter, text)

const struct app_keyword tls_keywords[] = {
	CLIENT_HELLO_("tls.sni", sni, "server name the client asks for"),
	AT(APP_MULTI_BUFFER, "tls.alpn", BOTH, TLS_CLIENT_HELLO_DONE, TLS_SERVER_HELLO, alpn, "application protocols offered, and chosen"),
	CERTIFICATE_(APP_BUFFER, "tls.cert_subject", subject, "subject of the certificate"),
	CERTIFICATE_(APP_BUFFER, "tls.cert_issuer", issuer, "issuer of the certificate"),
	CERTIFICATE_(APP_BUFFER, "tls.cert_serial", serial, "serial number of the certificate"),
	CERTIFICATE_(APP_BUFFER, "tls.cert_fingerprint", fingerprint, "SHA-1 of the certificate"),
	CERTIFICATE_(APP_MULTI_BUFFER, "tls.subjectaltname", alternative, "other names of the certificate"),
	CERTIFICATE_(APP_MULTI_BUFFER, "tls.certs", certificate, "certificates of the chain, as DER"),
	{.name = "tls.cert_chain_len", .kind = APP_INTEGER, .directions = BOTH, .state = {TLS_CLIENT_CERT_DONE, TLS_SERVER_CERT_DONE},
	 .number = chain_len, .bits = 32, .help = "number of certificates in the chain"},
	HELLO_("tls.random", random_all, "the hello's random, 32 bytes"),
	HELLO_("tls.random_time", random_time, "its first 4 bytes"),
	HELLO_("tls.random_bytes", random_bytes, "its last 28 bytes"),
	CLIENT_HELLO_("ja3.hash", ja3_hash, "JA3: MD5"),
	CLIENT_HELLO_("ja3.string", ja3_string, "JA3: the string"),
	SERVER_HELLO_("ja3s.hash", ja3s_hash, "JA3S: MD5"),
	SERVER_HELLO_("ja3s.string", ja3s_string, "JA3S: the string"),
	CLIENT_HELLO_("ja4.hash", ja4_hash, "JA4"),
};
_Static_assert(sizeof tls_keywords / sizeof *tls_keywords == N_TLS_KEYWORDS, "the descriptor's count");
