// SPDX-License-Identifier: GPL-2.0-or-later
/* The record layer (RFC 8446 5.1, RFC 5246 6.2). */
#include "app/tls/tls.h"

enum { HEADER = 5, MANY_RECORDS = 255, PADDING = 16 /* of a heartbeat */ };
enum record_type { CHANGE_CIPHER_SPEC = 20, ALERT = 21, HANDSHAKE = 22, APPLICATION_DATA = 23, HEARTBEAT = 24 };

static uint8_t done_state(int direction)
{
	return direction == TO_SERVER ? TLS_CLIENT_HANDSHAKE_DONE : TLS_SERVER_HANDSHAKE_DONE;
}

/* With `full` the transaction stays to the end of the flow; else it ends when it is over and logged, and can be freed. */
static void transaction_end(const struct tls_context *c)
{
	struct tls_tx *t = c->s->tx;
	if (!t || !c->s->both_encrypted || tls_settings(c->a)->encrypted == TLS_FULL || !tls_log_ready(c->a, &t->tx))
		return;
	app_tx_advance(&t->tx, TO_SERVER, TLS_CLIENT_FINISHED);
	app_tx_advance(&t->tx, TO_CLIENT, TLS_SERVER_FINISHED);
}

/* Both sides encrypt: there is no more to see. */
static void handshake_over(const struct tls_context *c)
{
	int handling = tls_settings(c->a)->encrypted;
	c->s->both_encrypted = true;
	if (handling == TLS_FULL)
		return;
	c->a->no_payload_inspect = true;
	c->a->bypass = handling == TLS_BYPASS;
}

void tls_encrypted(const struct tls_context *c)
{
	struct tls_io *io = &c->s->io[c->direction];
	if (io->encrypted)
		return;
	io->encrypted = true;
	tls_handshake_drop(c->a, io);
	if (c->s->tx)
		app_tx_advance(&c->s->tx->tx, c->direction, done_state(c->direction));
	if (c->s->io[!c->direction].encrypted)
		handshake_over(c);
	transaction_end(c);
}

/*
 * In TLS 1.3 it is a mere disguise (RFC 8446 D.4): a client may send it before its second hello. Its application data
 * says when encryption begins.
 */
static void change_cipher_spec(const struct tls_context *c)
{
	if (c->s->tx)
		c->s->tx->changed_cipher[c->direction] = true;
	if (!tls_is_1_3(c->s->negotiated))
		tls_encrypted(c);
}

static void application_data(const struct tls_context *c)
{
	struct tls_tx *t = c->s->tx;
	if (t)
		t->sent_data[c->direction] = true;
	tls_encrypted(c);
	transaction_end(c);
}

static void alert(const struct tls_context *c, struct bytes body)
{
	if (c->s->io[c->direction].encrypted)
		return;
	if (body.len != 2 || body.data[0] < 1 || body.data[0] > 2)
		tls_event(c, TLS_EVENT_INVALID_ALERT);
	else if (body.data[0] == 2 && c->direction == TO_CLIENT && c->s->tx)
		c->s->tx->refused = true;
}

/* RFC 6520: type, length of the payload, payload, at least 16 bytes of padding. */
static void heartbeat(const struct tls_context *c, struct bytes body)
{
	struct reader r = reader_over(body);
	unsigned type = reader_u8(&r), len = reader_u16(&r);
	if (r.failed || type < 1 || type > 2 || len + PADDING > reader_left(&r))
		tls_event(c, TLS_EVENT_INVALID_HEARTBEAT);
	else if (len > 16384)
		tls_event(c, TLS_EVENT_OVERFLOW_HEARTBEAT);
	else if (c->direction == TO_SERVER)
		tls_event(c, TLS_EVENT_HEARTBEAT);
}

/* Of an encrypted one only the size shows: a good answer is as long as what was asked. */
static void encrypted_heartbeat(const struct tls_context *c, uint32_t len)
{
	struct tls_io *own = &c->s->io[c->direction], *peer = &c->s->io[!c->direction];
	if (!peer->heartbeat_sent) {
		own->heartbeat_sent = true;
		own->heartbeat_len = len;
		return;
	}
	if (peer->heartbeat_len != len)
		tls_event(c, TLS_EVENT_DATALEAK_HEARTBEAT_MISMATCH);
	peer->heartbeat_sent = false;
}

static bool version_is_known(uint16_t v)
{
	return (v >= SSL_3 && v <= TLS_1_3) || (v >= 0x7f10 && v <= 0x7f1c);
}

static bool header_check(const struct tls_context *c, unsigned type, uint16_t version, size_t len)
{
	struct tls_tx *t = c->s->tx;
	if (t && !t->side[c->direction].version)
		t->side[c->direction].version = version;
	if (type < CHANGE_CIPHER_SPEC || type > HEARTBEAT) {
		tls_event(c, TLS_EVENT_INVALID_RECORD_TYPE);
		return false;
	}
	if (len > TLS_MAX_RECORD)
		tls_event(c, TLS_EVENT_INVALID_RECORD_LENGTH);
	else if (!version_is_known(version) && !c->s->both_encrypted)
		tls_event(c, TLS_EVENT_INVALID_RECORD_VERSION);
	return true;
}

static void body_take(const struct tls_context *c, unsigned type, struct bytes body)
{
	switch ((enum record_type)type) {
	case CHANGE_CIPHER_SPEC:
		change_cipher_spec(c);
		break;
	case ALERT:
		alert(c, body);
		break;
	case HANDSHAKE:
		tls_handshake_bytes(c, body);
		break;
	case HEARTBEAT:
		heartbeat(c, body);
		break;
	case APPLICATION_DATA:
		break;
	}
}

/* Bytes of one record (its body may be skipped later), 0: more is needed, -1: no sense. */
static ptrdiff_t tls_record(const struct tls_context *c, struct bytes data)
{
	struct tls_io *io = &c->s->io[c->direction];
	if (data.len < HEADER)
		return 0;
	unsigned type = data.data[0];
	uint16_t version = load_be16(data.data + 1);
	size_t len = load_be16(data.data + 3);
	bool encrypted = io->encrypted && type != CHANGE_CIPHER_SPEC;
	if (!encrypted && type != APPLICATION_DATA && len <= TLS_MAX_RECORD && data.len < HEADER + len && type >= CHANGE_CIPHER_SPEC && type <= HEARTBEAT)
		return 0;
	if (!header_check(c, type, version, len))
		return -1;
	io->is_tls = true;
	if (type == APPLICATION_DATA) {
		application_data(c);
	}
	if (encrypted && type == HEARTBEAT)
		encrypted_heartbeat(c, (uint32_t)len);
	if (encrypted || type == APPLICATION_DATA || len > TLS_MAX_RECORD) {
		io->skip = (uint32_t)len;
		return HEADER;
	}
	body_take(c, type, bytes_slice(data, HEADER, len));
	return (ptrdiff_t)(HEADER + len);
}

static bool is_ssl2(const struct tls_io *io, uint8_t first)
{
	return !io->is_tls && (first & 0xc0);
}

static void tx_begin(const struct tls_context *c)
{
	if (c->s->had_tx)
		return;
	c->s->tx = (struct tls_tx *)app_tx_new(c->a, sizeof *c->s->tx, c->now);
	c->s->had_tx = true;
	if (c->s->tx)
		c->s->tx->owner = c->s;
}

static size_t skip(struct tls_io *io, size_t left)
{
	size_t n = left < io->skip ? left : io->skip;
	io->skip -= (uint32_t)n;
	return n;
}

enum app_result tls_parse(struct app_flow *a, int direction, struct app_input *in)
{
	struct tls_state *s = a->state;
	struct tls_context c = {.a = a, .s = s, .direction = direction, .now = in->time};
	struct tls_io *io = &s->io[direction];
	unsigned records = 0;
	size_t at = 0;
	if (in->gap_len) {
		if (in->gap_len > io->skip)
			return APP_ERROR;
		io->skip -= (uint32_t)in->gap_len; /* lost within what is encrypted: nothing is missed */
		return APP_OK;
	}
	if (in->data.len)
		tx_begin(&c);
	while (at < in->data.len) {
		at += skip(io, in->data.len - at);
		struct bytes rest = bytes_from(in->data, at);
		if (rest.len == 0)
			break;
		ptrdiff_t n = is_ssl2(io, rest.data[0]) ? tls_ssl2_record(&c, rest) : tls_record(&c, rest);
		if (n == 0)
			break;
		if (n < 0)
			return APP_ERROR;
		at += (size_t)n;
		if (++records == MANY_RECORDS && in->data.len < MANY_RECORDS * (HEADER + 4))
			tls_event(&c, TLS_EVENT_TOO_MANY_RECORDS);
	}
	in->used = at;
	return APP_OK;
}
