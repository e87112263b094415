// SPDX-License-Identifier: GPL-2.0-or-later
/* Messages out of datagrams and out of streams, where a length stands before each (RFC 1035 4.2.2). */
#include "app/dns/dns.h"

/* All there is to keep of a flow fits into the pointer: after a gap a direction looks for the next message. */
static bool is_lost(const struct app_flow *a, int direction)
{
	return (uintptr_t)a->state >> direction & 1;
}

static void set_lost(struct app_flow *a, int direction, bool lost)
{
	uintptr_t bits = (uintptr_t)a->state & ~((uintptr_t)1 << direction);
	a->state = (void *)(bits | (uintptr_t)lost << direction);
}

int dns_open(struct app_flow *a)
{
	a->state = NULL;
	return 0;
}

void dns_close(struct app_flow *a)
{
	a->state = NULL;
}

static void tx_events(struct dns_tx *t)
{
	for (unsigned e = 0; e < DNS_EVENT_N_; e++)
		if (t->message.events >> e & 1)
			app_tx_event(&t->tx, e);
}

/* What cannot be read leaves no transaction; one that is still there has the event. */
static void malformed(struct app_flow *a)
{
	if (a->last)
		app_tx_event(a->last, DNS_EVENT_MALFORMED_DATA);
}

/* One message. False: it makes no sense. */
static bool take_message(struct app_flow *a, int direction, struct bytes bytes, usec_t now)
{
	if (!dns_counts_can_be(bytes)) {
		malformed(a);
		return false;
	}
	struct dns_tx *t = (struct dns_tx *)app_tx_new(a, sizeof *t, now);
	if (!t)
		return true; /* too many at once: not kept */
	t->direction = (uint8_t)direction;
	t->tx.unidirectional[direction] = true;
	uint8_t *copy = arena_copy(&t->tx.arena, bytes.data, bytes.len);
	if (!copy || !dns_message_read(bytes_of(copy, bytes.len), &t->tx.arena, &t->message)) {
		app_tx_free(a->worker, a, &t->tx);
		a->n_tx--;
		malformed(a);
		return false;
	}
	t->complete = !!(t->message.flags & DNS_QR) == (direction == TO_CLIENT);
	if (!t->complete)
		t->message.events |= direction == TO_CLIENT ? 1u << DNS_EVENT_NOT_RESPONSE : 1u << DNS_EVENT_NOT_REQUEST;
	tx_events(t);
	app_tx_advance(&t->tx, direction, 1);
	return true;
}

/* After a gap: are we at the beginning of a message again? */
static bool found_again(struct app_flow *a, int direction, struct bytes data)
{
	if (data.len < 2 + DNS_HEADER || dns_message_probe(bytes_from(data, 2), load_be16(data.data)) != direction)
		return false;
	set_lost(a, direction, false);
	return true;
}

static enum app_result parse_stream(struct app_flow *a, int direction, struct app_input *in)
{
	if (in->gap_len) {
		set_lost(a, direction, true);
		return APP_OK;
	}
	if (is_lost(a, direction) && in->data.len && !found_again(a, direction, in->data))
		return APP_OK;
	size_t at = 0;
	while (in->data.len - at >= 2) {
		size_t len = load_be16(in->data.data + at);
		if (in->data.len - at - 2 < len)
			break;
		struct bytes message = bytes_slice(in->data, at + 2, len);
		at += 2 + len;
		if (len && !take_message(a, direction, message, in->time)) {
			in->used = at;
			return APP_ERROR;
		}
		a->reset_raw[direction] = true;
	}
	in->used = at;
	return APP_OK;
}

enum app_result dns_parse(struct app_flow *a, int direction, struct app_input *in)
{
	if (a->flow->key.proto == PROTO_TCP)
		return parse_stream(a, direction, in);
	if (in->data.len == 0)
		return APP_OK;
	take_message(a, direction, in->data, in->time); /* the next datagram may make sense again */
	return APP_OK;
}
