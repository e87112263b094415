// SPDX-License-Identifier: GPL-2.0-or-later
/* What rules see of a packet. Each lies in one direction: the getters say nothing for the other. */
#include "app/quic/quic.h"

static bool give(struct bytes b, struct app_view *out)
{
	*out = (struct app_view){.data = b, .start = true, .end = true};
	return b.len > 0;
}

#define GETTER(name) static bool name(struct app_flow *a, struct app_tx *tx, int direction, unsigned index, struct app_view *out)
#define T ((const struct quic_tx *)tx)
#define HERE (index == 0 && T->direction == direction)

GETTER(version)
{
	return HERE && give(bytes_of(T->version, sizeof T->version), out);
}

GETTER(sni)
{
	return HERE && give(T->sni, out);
}

GETTER(ua)
{
	return HERE && give(T->ua, out);
}

GETTER(cyu_hash)
{
	return HERE && give(bytes_of_string(T->cyu_hash), out);
}

GETTER(cyu_string)
{
	return HERE && give(T->cyu, out);
}

GETTER(ja3_hash)
{
	return HERE && give(bytes_of_string(T->tls.ja3_hash), out);
}

GETTER(ja3_string)
{
	return HERE && give(T->tls.ja3, out);
}

GETTER(ja3s_hash)
{
	return HERE && give(bytes_of_string(T->tls.ja3s_hash), out);
}

GETTER(ja3s_string)
{
	return HERE && give(T->tls.ja3s, out);
}

GETTER(ja4_hash)
{
	return HERE && give(bytes_of_string(T->tls.ja4), out);
}

#define REQUEST 1
#define RESPONSE 2
#define EITHER 3
#define AT(kind_, key, dirs, getter, text) {.name = key, .kind = kind_, .directions = dirs, .state = {1, 1}, .buffer = getter, .help = text}

const struct app_keyword quic_keywords[] = {
	AT(APP_BUFFER, "quic.version", EITHER, version, "version of the packet, as it is sent"),
	AT(APP_BUFFER, "quic.sni", REQUEST, sni, "server name the client asks for"),
	AT(APP_BUFFER, "tls.sni", REQUEST, sni, "server name the client asks for"),
	AT(APP_BUFFER, "quic.ua", REQUEST, ua, "user agent of a Google client"),
	AT(APP_MULTI_BUFFER, "quic.cyu.hash", REQUEST, cyu_hash, "CYU: MD5"),
	AT(APP_MULTI_BUFFER, "quic.cyu.string", REQUEST, cyu_string, "CYU: version and tags of a Google client"),
	AT(APP_BUFFER, "ja3.hash", REQUEST, ja3_hash, "JA3: MD5"),
	AT(APP_BUFFER, "ja3.string", REQUEST, ja3_string, "JA3: the string"),
	AT(APP_BUFFER, "ja3s.hash", RESPONSE, ja3s_hash, "JA3S: MD5"),
	AT(APP_BUFFER, "ja3s.string", RESPONSE, ja3s_string, "JA3S: the string"),
	AT(APP_BUFFER, "ja4.hash", REQUEST, ja4_hash, "JA4"),
};
_Static_assert(sizeof quic_keywords / sizeof *quic_keywords == N_QUIC_KEYWORDS, "the descriptor's count");
