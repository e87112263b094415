// SPDX-License-Identifier: GPL-2.0-or-later
/* Datagrams: the packets in each, what their frames say, and the transactions that show it. */
#include "app/quic/quic.h"

#include <errno.h>
#include <stdlib.h>

enum message_type { CLIENT_HELLO = 1, SERVER_HELLO = 2 };

struct packet_place { /* where a packet came in */
	struct app_flow *a;
	struct quic_state *s;
	int direction;
	usec_t now;
};

int quic_open(struct app_flow *a)
{
	a->state = calloc(1, sizeof(struct quic_state));
	return a->state ? 0 : -ENOMEM;
}

static void crypto_free(struct quic_state *s, int direction)
{
	if (!s->crypto[direction])
		return;
	buffer_free(&s->crypto[direction]->bytes);
	free(s->crypto[direction]);
	s->crypto[direction] = NULL;
}

void quic_close(struct app_flow *a)
{
	struct quic_state *s = a->state;
	crypto_free(s, TO_SERVER);
	crypto_free(s, TO_CLIENT);
	free(s);
	a->state = NULL;
}

/* A transaction is complete when it is made. */
static struct quic_tx *tx_new(const struct packet_place *p, uint32_t version)
{
	struct quic_tx *t = (struct quic_tx *)app_tx_new(p->a, sizeof *t, p->now);
	if (!t)
		return NULL;
	store_be32(t->version, version);
	t->direction = (uint8_t)p->direction;
	t->tls.tx.unidirectional[p->direction] = true;
	app_tx_advance(&t->tls.tx, p->direction, 1);
	return t;
}

static void tx_event(const struct packet_place *p, uint32_t version, enum quic_event event)
{
	struct quic_tx *t = tx_new(p, version);
	if (t)
		app_tx_event(&t->tls.tx, event);
}

/* The hello of a side lies there as a whole: it becomes a transaction. False: it cannot be read. */
static bool take_hello(const struct packet_place *p, uint32_t version)
{
	struct quic_tx *t = tx_new(p, version);
	p->s->hello[p->direction] = true;
	if (!t)
		return true;
	struct bytes message = quic_crypto_message(p->s->crypto[p->direction], &t->tls.tx.arena);
	struct tls_state state = {.tx = &t->tls};
	struct tls_context c = {.a = p->a, .s = &state, .direction = p->direction, .now = p->now};
	bool ok = false;
	if (message.len && message.data[0] == (p->direction == TO_SERVER ? CLIENT_HELLO : SERVER_HELLO))
		ok = p->direction == TO_SERVER ? tls_client_hello(&c, bytes_from(message, 4)) : tls_server_hello(&c, bytes_from(message, 4));
	t->tls.tx.n_events = 0; /* those of TLS have no name here */
	if (*t->tls.ja4)
		t->tls.ja4[0] = 'q';
	t->sni = t->tls.sni;
	if (!ok)
		app_tx_event(&t->tls.tx, QUIC_EVENT_ERROR_ON_DATA);
	return ok;
}

static void take_chlo(const struct packet_place *p, uint32_t version, struct bytes chlo)
{
	struct quic_tx *t = tx_new(p, version);
	if (t && !quic_chlo_read(t, version, chlo))
		app_tx_event(&t->tls.tx, QUIC_EVENT_ERROR_ON_DATA);
}

/* False: the rest of the datagram makes no sense. */
static bool take_frames(const struct packet_place *p, const struct quic_header *h, struct bytes payload)
{
	struct quic_state *s = p->s;
	struct quic_said said = {0};
	struct quic_crypto *crypto = s->crypto[p->direction];
	if (!crypto && s->has_keys)
		crypto = s->crypto[p->direction] = calloc(1, sizeof *crypto);
	if (!quic_frames_read(payload, s->has_keys ? crypto : NULL, &said)) {
		tx_event(p, h->version, QUIC_EVENT_ERROR_ON_DATA);
		return false;
	}
	if (said.too_long) {
		tx_event(p, h->version, QUIC_EVENT_CRYPTO_FRAG_TOO_LONG);
		crypto_free(s, p->direction);
		return true;
	}
	if (said.chlo.data) {
		take_chlo(p, h->version, said.chlo);
	} else if (crypto && quic_crypto_complete(crypto)) {
		bool ok = take_hello(p, h->version);
		crypto_free(s, p->direction);
		return ok;
	} else {
		tx_new(p, h->version); /* the version is all there is to say */
	}
	return true;
}

/* The keys of the connection; of a client's packet its own id's too: a stray datagram before it must not hide what follows. */
static bool open_packet(const struct packet_place *p, const struct quic_header *h, struct bytes packet, uint8_t *plain, struct bytes *payload)
{
	struct quic_state *s = p->s;
	struct quic_keys own;
	if (quic_unprotect(&s->keys.side[p->direction], packet, h->len, plain, payload))
		return true;
	if (p->direction != TO_SERVER || !quic_keys_make(&own, h->version, h->dcid) ||
	    !quic_unprotect(&own.side[TO_SERVER], packet, h->len, plain, payload))
		return false;
	s->keys = own;
	crypto_free(s, TO_SERVER);
	crypto_free(s, TO_CLIENT);
	return true;
}

/* An Initial packet. False: the rest of the datagram makes no sense. */
static bool take_initial(const struct packet_place *p, const struct quic_header *h, struct bytes packet)
{
	static _Thread_local uint8_t plain[QUIC_MAX_DATAGRAM];
	struct quic_state *s = p->s;
	struct bytes payload = bytes_from(packet, h->len);
	if (!s->has_keys)
		s->has_keys = quic_keys_make(&s->keys, h->version, h->dcid);
	if (!s->has_keys || payload.len == 0)
		return take_frames(p, h, payload);
	if (packet.len > sizeof plain || !open_packet(p, h, packet, plain, &payload)) {
		tx_event(p, h->version, QUIC_EVENT_FAILED_DECRYPT);
		return false;
	}
	return take_frames(p, h, payload);
}

/* The client begins anew, with keys by the id that the server chose (RFC 9000 17.2.5). */
static void take_retry(const struct packet_place *p)
{
	if (p->direction != TO_CLIENT || !p->s->has_keys || p->s->retried)
		return;
	p->s->retried = true;
	p->s->has_keys = p->s->hello[TO_SERVER] = false;
	crypto_free(p->s, TO_SERVER);
}

/* One packet of a datagram; returns how long it is, 0: nothing more to read. */
static size_t take_packet(const struct packet_place *p, struct bytes data)
{
	struct quic_header h;
	if (!quic_header_read(data, &h) || p->s->hello[p->direction] || h.type == QUIC_SHORT)
		return 0;
	size_t len = h.len + h.payload;
	switch (h.type) {
	case QUIC_INITIAL:
		return take_initial(p, &h, bytes_slice(data, 0, len)) ? len : 0;
	case QUIC_RETRY:
		take_retry(p);
		tx_new(p, h.version);
		return len;
	default:
		if (p->s->has_keys && h.type != QUIC_VERSION_NEGOTIATION)
			return len; /* Handshake and 0-RTT have keys of their own */
		tx_new(p, h.version);
		return len;
	}
}

enum app_result quic_parse(struct app_flow *a, int direction, struct app_input *in)
{
	struct packet_place p = {.a = a, .s = a->state, .direction = direction, .now = in->time};
	struct bytes data = in->data;
	for (unsigned n = 0; n < QUIC_MAX_PACKETS && data.len; n++) {
		size_t len = take_packet(&p, data);
		if (len == 0)
			break;
		data = bytes_from(data, len);
	}
	return APP_OK;
}
