// SPDX-License-Identifier: GPL-2.0-or-later
/* Handshake messages out of the bytes of handshake records: several in one, or one in several. */
#include "app/tls/tls.h"

enum { MESSAGE_HEADER = 4 };
enum message_type {
	HELLO_REQUEST = 0, CLIENT_HELLO = 1, SERVER_HELLO = 2, CERTIFICATE = 11, SERVER_KEY_EXCHANGE = 12,
	CERTIFICATE_REQUEST = 13, SERVER_HELLO_DONE = 14,
	CLIENT_KEY_EXCHANGE = 16,
};

/* Types that IANA lists. */
static bool type_is_known(unsigned type)
{
	return type <= 6 || type == 8 || (type >= CERTIFICATE && type <= CLIENT_KEY_EXCHANGE) || (type >= 20 && type <= 26) || type == 67 || type == 254;
}

static void note(const struct tls_context *c, uint8_t seen)
{
	c->s->tx->seen |= seen;
}

static void client_message(const struct tls_context *c, unsigned type, struct bytes body)
{
	bool ok = true;
	switch (type) {
	case CLIENT_HELLO:
		note(c, TLS_SEEN_CLIENT_HELLO);
		ok = tls_client_hello(c, body);
		app_tx_advance(&c->s->tx->tx, TO_SERVER, TLS_CLIENT_HELLO_DONE);
		break;
	case CERTIFICATE:
		ok = tls_certificates(c, body);
		app_tx_advance(&c->s->tx->tx, TO_SERVER, TLS_CLIENT_CERT_DONE);
		break;
	case CLIENT_KEY_EXCHANGE:
		note(c, TLS_SEEN_CLIENT_KEYX);
		break;
	}
	if (!ok)
		tls_event(c, TLS_EVENT_INVALID_HANDSHAKE_MESSAGE);
}

static void server_message(const struct tls_context *c, unsigned type, struct bytes body)
{
	bool ok = true;
	switch (type) {
	case SERVER_HELLO:
		note(c, TLS_SEEN_SERVER_HELLO);
		ok = tls_server_hello(c, body);
		app_tx_advance(&c->s->tx->tx, TO_CLIENT, TLS_SERVER_HELLO);
		break;
	case CERTIFICATE:
		ok = tls_certificates(c, body);
		app_tx_advance(&c->s->tx->tx, TO_CLIENT, TLS_SERVER_CERT_DONE);
		break;
	case SERVER_KEY_EXCHANGE:
		note(c, TLS_SEEN_SERVER_KEYX);
		break;
	case CERTIFICATE_REQUEST:
		c->s->tx->wants_client_certificate = true;
		break;
	case SERVER_HELLO_DONE:
		app_tx_advance(&c->s->tx->tx, TO_CLIENT, TLS_SERVER_HELLO_DONE);
		break;
	}
	if (!ok)
		tls_event(c, TLS_EVENT_INVALID_HANDSHAKE_MESSAGE);
}

static void message(const struct tls_context *c, unsigned type, struct bytes body)
{
	if (!c->s->tx)
		return;
	if (!type_is_known(type))
		tls_event(c, TLS_EVENT_INVALID_HANDSHAKE_MESSAGE);
	if (c->direction == TO_SERVER)
		client_message(c, type, body);
	else
		server_message(c, type, body);
}

/* Whole messages at the beginning of `data`; returns how much they are. */
static size_t messages_take(const struct tls_context *c, struct bytes data)
{
	struct tls_io *io = &c->s->io[c->direction];
	size_t at = 0;
	while (at < data.len) {
		if (io->handshake_skip) {
			size_t n = data.len - at < io->handshake_skip ? data.len - at : io->handshake_skip;
			io->handshake_skip -= (uint32_t)n;
			at += n;
			continue;
		}
		if (data.len - at < MESSAGE_HEADER)
			break;
		uint32_t head = load_be32(data.data + at), len = head & 0xffffff;
		if (len > TLS_MAX_MESSAGE) {
			tls_event(c, type_is_known(head >> 24) ? TLS_EVENT_HANDSHAKE_INVALID_LENGTH : TLS_EVENT_INVALID_HANDSHAKE_MESSAGE);
			io->handshake_skip = MESSAGE_HEADER + len;
			continue;
		}
		if (data.len - at - MESSAGE_HEADER < len)
			break;
		message(c, head >> 24, bytes_slice(data, at + MESSAGE_HEADER, len));
		at += MESSAGE_HEADER + len;
	}
	return at;
}

void tls_handshake_drop(struct app_flow *a, struct tls_io *io)
{
	app_discharge(a, io->handshake.room);
	buffer_free(&io->handshake);
}

/* False: the memcap is reached. */
static bool hold(const struct tls_context *c, struct buffer *held, struct bytes data)
{
	size_t room = held->room;
	buffer_add(held, data.data, data.len);
	return app_charge(c->a, held->room - room);
}

void tls_handshake_bytes(const struct tls_context *c, struct bytes data)
{
	struct buffer *held = &c->s->io[c->direction].handshake;
	if (held->len == 0) {
		size_t used = messages_take(c, data);
		if (used < data.len)
			hold(c, held, bytes_from(data, used));
	} else {
		if (!hold(c, held, data))
			return;
		size_t used = messages_take(c, bytes_of(held->data, held->len));
		memmove(held->data, held->data + used, held->len - used);
		held->len -= used;
	}
	if (held->len == 0 && held->room)
		tls_handshake_drop(c->a, &c->s->io[c->direction]);
}
