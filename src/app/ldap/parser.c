// SPDX-License-Identifier: GPL-2.0-or-later
/* Messages out of datagrams and streams, requests and their responses. */
#include "app/ldap/ldap.h"
#include "app/protocols.h"

static struct ldap_tx *new_tx(struct app_flow *a, usec_t now)
{
	struct ldap_tx *t = (struct ldap_tx *)app_tx_new(a, sizeof *t, now);
	if (!t && a->last) {
		app_tx_event(a->last, LDAP_EVENT_TOO_MANY_TRANSACTIONS);
		a->last->updated[0] = a->last->updated[1] = true;
	}
	return t;
}

static enum app_result invalid(struct app_flow *a)
{
	if (a->last) {
		app_tx_event(a->last, LDAP_EVENT_INVALID_DATA);
		a->last->updated[0] = a->last->updated[1] = true;
	}
	return APP_ERROR;
}

/* A copy that lives as long as the transaction. */
static bool keep(struct ldap_tx *t, struct bytes bytes, struct ldap_message *out)
{
	uint8_t *copy = arena_copy(&t->tx.arena, bytes.data, bytes.len);
	return copy && ldap_message_read(bytes_of(copy, bytes.len), out);
}

static bool take_request(struct app_flow *a, struct bytes bytes, usec_t now)
{
	struct ldap_tx *t = new_tx(a, now);
	if (!t)
		return false;
	t->has_request = keep(t, bytes, &t->request);
	app_tx_advance(&t->tx, TO_SERVER, 1);
	if (t->request.op == LDAP_UNBIND_REQUEST || t->request.op == LDAP_ABANDON_REQUEST) /* there is no response to them */
		app_tx_advance(&t->tx, TO_CLIENT, 1);
	return true;
}

static struct ldap_tx *request_of(struct app_flow *a, uint32_t id)
{
	for (struct app_tx *tx = a->first; tx; tx = tx->next) {
		struct ldap_tx *t = (struct ldap_tx *)tx;
		if (t->has_request && t->request.id == id && tx->state[TO_CLIENT] == 0)
			return t;
	}
	return NULL;
}

static void add_response(struct ldap_tx *t, struct bytes bytes)
{
	bool room = t->n_responses < LDAP_MAX_RESPONSES && t->kept + bytes.len <= LDAP_MAX_KEPT;
	struct ldap_message *m = room ? arena_alloc(&t->tx.arena, sizeof *m) : NULL;
	if (!m || !keep(t, bytes, m)) {
		app_tx_event(&t->tx, LDAP_EVENT_TOO_MANY_RESPONSES);
		return;
	}
	t->kept += bytes.len;
	t->n_responses++;
	if (t->last)
		t->last->next = m;
	else
		t->first = m;
	t->last = m;
}

static bool is_last(uint8_t op)
{
	return op != LDAP_SEARCH_ENTRY && op != LDAP_SEARCH_REFERENCE && op != LDAP_INTERMEDIATE;
}

/* RFC 4511 4.14: the server is ready for TLS. */
static bool starts_tls(const struct ldap_tx *t, const struct ldap_message *response)
{
	struct reader r = reader_over(t->request.body);
	struct ldap_result result;
	struct bytes name;
	return t->has_request && t->request.op == LDAP_EXTENDED_REQUEST && ber_expect(&r, 0x80, &name) &&
	       bytes_equal(name, BYTES_LITERAL("1.3.6.1.4.1.1466.20037")) && ldap_result_read(response, &result) && result.code == 0;
}

static bool take_response(struct app_flow *a, const struct ldap_message *m, struct bytes bytes, usec_t now)
{
	struct ldap_tx *t = request_of(a, m->id);
	if (!t) {
		t = new_tx(a, now);
		if (!t)
			return false;
		if (m->id || m->op != LDAP_EXTENDED_RESPONSE) /* RFC 4511 4.4: a notification has no request */
			app_tx_event(&t->tx, LDAP_EVENT_REQUEST_NOT_FOUND);
		app_tx_advance(&t->tx, TO_SERVER, 1);
	}
	add_response(t, bytes);
	t->tx.updated[TO_CLIENT] = true;
	if (is_last(m->op) || !t->has_request)
		app_tx_advance(&t->tx, TO_CLIENT, 1);
	if (starts_tls(t, m))
		app_change_protocol(a, &app_tls);
	return true;
}

static bool take(struct app_flow *a, int direction, struct bytes bytes, usec_t now, bool *full)
{
	struct ldap_message m;
	if (!ldap_message_read(bytes, &m))
		return false;
	*full = !(direction == TO_SERVER ? take_request(a, bytes, now) : take_response(a, &m, bytes, now));
	return true;
}

static enum app_result parse_datagram(struct app_flow *a, int direction, struct app_input *in)
{
	bool full;
	if (in->data.len && !take(a, direction, in->data, in->time, &full))
		invalid(a); /* the next datagram may make sense again */
	return APP_OK;
}

enum app_result ldap_parse(struct app_flow *a, int direction, struct app_input *in)
{
	bool full = false;
	if (a->flow->key.proto == PROTO_UDP)
		return parse_datagram(a, direction, in);
	if (in->gap_len) /* where a message begins is not known any more */
		return APP_ERROR;
	in->used = 0;
	while (!a->changing && !full) {
		struct bytes rest = bytes_from(in->data, in->used);
		if (rest.len == 0)
			break;
		int64_t len = rest.data[0] == BER_SEQUENCE ? ber_length(rest) : -1;
		if (len < 0 || len > LDAP_MAX_MESSAGE)
			return invalid(a);
		if (len == 0 || (size_t)len > rest.len)
			break;
		if (!take(a, direction, bytes_slice(rest, 0, (size_t)len), in->time, &full))
			return invalid(a);
		in->used += (size_t)len;
		a->reset_raw[direction] = true;
	}
	return full ? APP_ERROR : APP_OK;
}
