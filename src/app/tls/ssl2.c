// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SSL 2.0: its hello is still the first message of some clients that then speak TLS (RFC 5246 E.2). Of the rest only the
 * kinds of messages are told apart, until encryption begins.
 */
#include "app/tls/tls.h"

enum message_type { ERROR_MESSAGE = 0, CLIENT_HELLO = 1, CLIENT_MASTER_KEY = 2, SERVER_HELLO = 4 };

/* Version, lengths of three parts, the parts: ciphers of three bytes, session id, challenge. */
static bool client_hello(const struct tls_context *c, struct bytes body)
{
	struct tls_tx *t = c->s->tx;
	struct reader r = reader_over(body);
	uint16_t version = reader_u16(&r);
	size_t ciphers = reader_u16(&r), session_id = reader_u16(&r), challenge = reader_u16(&r);
	reader_skip(&r, ciphers + session_id + challenge);
	if (r.failed)
		return false;
	t->side[TO_SERVER].version = version;
	t->seen |= TLS_SEEN_CLIENT_HELLO;
	int ja4 = tls_settings(c->a)->ja4;
	if (ja4 == TLS_ALWAYS || (ja4 == TLS_WHEN_WANTED && c->a->worker->want_ja4))
		tls_ja4(t, 0);
	app_tx_advance(&t->tx, TO_SERVER, TLS_CLIENT_HELLO_DONE);
	return true;
}

static void server_hello(const struct tls_context *c, struct bytes body)
{
	c->s->tx->side[TO_CLIENT].version = SSL_2;
	c->s->negotiated = SSL_2;
	c->s->tx->seen |= TLS_SEEN_SERVER_HELLO;
	app_tx_advance(&c->s->tx->tx, TO_CLIENT, TLS_SERVER_HELLO_DONE);
}

static void message(const struct tls_context *c, struct bytes body)
{
	if (!c->s->tx || body.len == 0)
		return;
	unsigned type = body.data[0];
	struct bytes rest = bytes_from(body, 1);
	if (type == ERROR_MESSAGE)
		tls_event(c, TLS_EVENT_ERROR_MESSAGE);
	else if (type == CLIENT_HELLO && c->direction == TO_SERVER && !client_hello(c, rest))
		tls_event(c, TLS_EVENT_INVALID_SSLV2_HEADER);
	else if (type == SERVER_HELLO && c->direction == TO_CLIENT)
		server_hello(c, rest);
	else if (type == CLIENT_MASTER_KEY && c->direction == TO_SERVER)
		c->s->tx->seen |= TLS_SEEN_CLIENT_KEYX;
}

/* After the client's key both sides encrypt. */
static bool is_encrypted(const struct tls_context *c)
{
	return c->s->negotiated == SSL_2 && c->s->tx && c->s->tx->seen & TLS_SEEN_CLIENT_KEYX;
}

ptrdiff_t tls_ssl2_record(const struct tls_context *c, struct bytes data)
{
	struct tls_io *io = &c->s->io[c->direction];
	if (data.len < 3)
		return 0;
	bool short_header = data.data[0] & 0x80;
	size_t head = short_header ? 2 : 3, len = load_be16(data.data) & (short_header ? 0x7fff : 0x3fff);
	if (c->s->tx && !c->s->tx->side[c->direction].version)
		c->s->tx->side[c->direction].version = SSL_2;
	if (len == 0) {
		tls_event(c, TLS_EVENT_INVALID_SSLV2_HEADER);
		return -1;
	}
	if (is_encrypted(c) || io->encrypted) {
		tls_encrypted(c);
		io->skip = (uint32_t)len;
		return (ptrdiff_t)head;
	}
	if (data.len - head < len)
		return 0;
	message(c, bytes_slice(data, head, len));
	return (ptrdiff_t)(head + len);
}
