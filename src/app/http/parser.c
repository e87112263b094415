// SPDX-License-Identifier: GPL-2.0-or-later
/* libhtp's callbacks, and the way of bytes into it. */
#include "app/http/http.h"

#include <stdlib.h>

/* libhtp takes from malloc; about this much goes for a connection and for each transaction, beside the bytes of its headers. */
enum { CONNECTION_COST = 4096, TX_COST = 3072, HEADER_BYTES_COST = 3 };

static struct http_state *state_of(const htp_tx_t *tx)
{
	return htp_connp_get_user_data(tx->connp);
}

static struct http_tx *tx_of(const htp_tx_t *tx)
{
	return tx ? htp_tx_get_user_data(tx) : NULL;
}

/*
 * NULL: max-tx, or no memory. libhtp does not listen to an error of its start hooks, and would begin the same request for ever: they say
 * OK, and the first line of a transaction that is not ours is what stops it.
 */
static struct http_tx *tx_make(htp_tx_t *htp)
{
	struct http_state *s = state_of(htp);
	struct http_tx *t = (struct http_tx *)app_tx_new(s->flow, sizeof *t, s->now);
	if (!t)
		return NULL;
	t->htp = htp;
	t->flow = s->flow;
	t->config = s->config;
	htp_tx_set_user_data(htp, t);
	t->charged = TX_COST;
	app_charge(t->flow, t->charged);
	if (s->unmatched)
		http_event(t, HTTP_EVENT_UNABLE_TO_MATCH_RESPONSE_TO_REQUEST);
	s->unmatched = false;
	return t;
}

static int on_request_start(htp_tx_t *htp)
{
	if (!tx_of(htp))
		tx_make(htp);
	return HTP_OK;
}

static int on_uri_normalize(htp_tx_t *htp)
{
	if (tx_of(htp))
		http_uri_normalize(tx_of(htp));
	return HTP_OK;
}

/* Does anything but line ends follow the request line in what is being parsed? */
static bool more_follows(const struct http_state *s, const htp_tx_t *htp)
{
	struct bytes line = http_bytes(htp->request_line);
	ptrdiff_t at = line.len ? bytes_find(s->input, line, 0) : -1;
	if (at < 0)
		return false;
	for (size_t i = (size_t)at + line.len; i < s->input.len; i++)
		if (s->input.data[i] != '\r' && s->input.data[i] != '\n')
			return true;
	return false;
}

static int on_request_line(htp_tx_t *htp)
{
	struct http_tx *t = tx_of(htp);
	if (!t)
		return HTP_ERROR;
	if (htp->is_protocol_0_9 && htp->request_method_number != HTP_M_UNKNOWN && state_of(htp) && more_follows(state_of(htp), htp)) {
		/* servers take it for a newer request that lacks its version: headers follow */
		if (htp->request_method_number != HTP_M_CONNECT)
			htp->is_protocol_0_9 = 0;
		http_event(t, HTTP_EVENT_REQUEST_LINE_MISSING_PROTOCOL);
	}
	http_request_events(t);
	app_tx_advance(&t->tx, TO_SERVER, HTTP_LINE);
	return HTP_OK;
}

static int header_data(htp_tx_data_t *d, int direction)
{
	struct http_tx *t = tx_of(d->tx);
	if (!t || !d->data)
		return HTP_OK;
	struct buffer *raw = &t->raw_headers[direction];
	size_t room = raw->room;
	buffer_add(raw, d->data, d->len);
	size_t cost = raw->room - room + d->len * HEADER_BYTES_COST;
	t->charged += cost;
	return app_charge(t->flow, cost) ? HTP_OK : HTP_ERROR;
}

static int on_request_header_data(htp_tx_data_t *d)
{
	return header_data(d, TO_SERVER);
}

static int on_response_header_data(htp_tx_data_t *d)
{
	return header_data(d, TO_CLIENT);
}

static int on_request_headers(htp_tx_t *htp)
{
	struct http_tx *t = tx_of(htp);
	if (!t)
		return HTP_OK;
	if (state_of(htp) && !state_of(htp)->closing)
		http_request_events(t);
	app_tx_advance(&t->tx, TO_SERVER, HTTP_HEADERS);
	t->flow->reset_raw[TO_SERVER] = true;
	return HTP_OK;
}

static int body_data(htp_tx_data_t *d, int direction)
{
	struct http_tx *t = tx_of(d->tx);
	if (!t || d->len == 0)
		return HTP_OK;
	app_tx_advance(&t->tx, direction, HTTP_BODY);
	t->tx.updated[direction] = true; /* behind the limit too: rules about hooks count pieces */
	http_body_data(t, direction, bytes_of(d->data, d->data ? d->len : 0), d->data ? 0 : d->len);
	return HTP_OK;
}

static int on_request_body(htp_tx_data_t *d)
{
	return body_data(d, TO_SERVER);
}

static int on_response_body(htp_tx_data_t *d)
{
	return body_data(d, TO_CLIENT);
}

static int on_request_trailer(htp_tx_t *htp)
{
	struct http_tx *t = tx_of(htp);
	if (t)
		app_tx_advance(&t->tx, TO_SERVER, HTTP_TRAILER);
	return HTP_OK;
}

static int on_response_trailer(htp_tx_t *htp)
{
	struct http_tx *t = tx_of(htp);
	if (t)
		app_tx_advance(&t->tx, TO_CLIENT, HTTP_TRAILER);
	return HTP_OK;
}

static void complete(struct http_tx *t, int direction)
{
	http_body_end(t, direction, true);
	app_tx_advance(&t->tx, direction, HTTP_COMPLETE);
	t->flow->reset_raw[direction] = true;
}

static int on_request_complete(htp_tx_t *htp)
{
	struct http_tx *t = tx_of(htp);
	if (t)
		complete(t, TO_SERVER);
	return HTP_OK;
}

static int on_response_start(htp_tx_t *htp)
{
	if (state_of(htp))
		state_of(htp)->in_response = true;
	if (!tx_of(htp))
		tx_make(htp);
	return HTP_OK;
}

static int on_response_line(htp_tx_t *htp)
{
	struct http_tx *t = tx_of(htp);
	if (!t)
		return HTP_ERROR;
	app_tx_advance(&t->tx, TO_CLIENT, HTTP_LINE);
	return HTP_OK;
}

/*
 * RFC 9110 7.8 and 9.3.6: after 101 and after a successful CONNECT the connection speaks something else. libhtp does not complete
 * a response that switches.
 */
static void change_protocol(struct http_tx *t)
{
	struct bytes upgrade;
	int status = t->htp->response_status_number;
	if (t->htp->request_method_number == HTP_M_CONNECT && status >= 200 && status < 300) {
		app_change_protocol(t->flow, NULL);
	} else if (status == 101 && http_header(t, TO_CLIENT, "upgrade", &upgrade)) {
		if (bytes_starts_nocase(upgrade, "websocket"))
			app_change_protocol(t->flow, &app_websocket);
		else if (bytes_starts_nocase(upgrade, "h2c"))
			app_change_protocol(t->flow, &app_http2);
	}
	if (t->flow->changing) {
		complete(t, TO_SERVER);
		complete(t, TO_CLIENT);
	}
}

static int on_response_headers(htp_tx_t *htp)
{
	struct http_tx *t = tx_of(htp);
	if (!t)
		return HTP_OK;
	app_tx_advance(&t->tx, TO_CLIENT, HTTP_HEADERS);
	if (htp->response_status_number == 101)
		change_protocol(t);
	return HTP_OK;
}

static int on_response_complete(htp_tx_t *htp)
{
	struct http_tx *t = tx_of(htp);
	if (state_of(htp))
		state_of(htp)->in_response = false;
	if (!t)
		return HTP_OK;
	complete(t, TO_CLIENT);
	change_protocol(t);
	return HTP_OK;
}

static int on_log(htp_log_t *log)
{
	struct http_state *s = htp_connp_get_user_data(log->connp);
	struct http_tx *t = tx_of(log->tx);
	if (s && log->msg && strncmp(log->msg, "Unable to match", 15) == 0) {
		s->unmatched = true; /* libhtp makes the transaction for it only now */
		return HTP_OK;
	}
	if (!t && s)
		t = tx_of(s->direction == TO_SERVER ? htp_connp_get_in_tx(log->connp) : htp_connp_get_out_tx(log->connp));
	if (!t && s)
		t = (struct http_tx *)s->flow->last;
	if (t)
		http_log_event(t, log, s ? s->direction : TO_SERVER);
	return HTP_OK;
}

void http_callbacks_register(htp_cfg_t *c)
{
	htp_config_register_request_start(c, on_request_start);
	htp_config_register_request_uri_normalize(c, on_uri_normalize);
	htp_config_register_request_line(c, on_request_line);
	htp_config_register_request_header_data(c, on_request_header_data);
	htp_config_register_request_headers(c, on_request_headers);
	htp_config_register_request_body_data(c, on_request_body);
	htp_config_register_request_trailer(c, on_request_trailer);
	htp_config_register_request_trailer_data(c, on_request_header_data);
	htp_config_register_request_complete(c, on_request_complete);
	htp_config_register_response_start(c, on_response_start);
	htp_config_register_response_line(c, on_response_line);
	htp_config_register_response_header_data(c, on_response_header_data);
	htp_config_register_response_headers(c, on_response_headers);
	htp_config_register_response_body_data(c, on_response_body);
	htp_config_register_response_trailer(c, on_response_trailer);
	htp_config_register_response_trailer_data(c, on_response_header_data);
	htp_config_register_response_complete(c, on_response_complete);
	htp_config_register_log(c, on_log);
}

int http_open(struct app_flow *a)
{
	struct http_state *s = calloc(1, sizeof *s);
	if (!s)
		return -1;
	s->flow = a;
	s->config = http_config_for(app_settings(a->worker->context, a->proto), &a->flow->key.dst);
	s->connp = htp_connp_create(s->config->htp);
	if (!s->connp) {
		free(s);
		return -1;
	}
	htp_connp_set_user_data(s->connp, s);
	htp_connp_open(s->connp, NULL, a->flow->key.sport, NULL, a->flow->key.dport, NULL);
	a->state = s;
	app_charge(a, CONNECTION_COST);
	return 0;
}

/* The transactions are gone already. */
void http_close(struct app_flow *a)
{
	struct http_state *s = a->state;
	if (!s)
		return;
	htp_connp_set_user_data(s->connp, NULL);
	htp_connp_destroy_all(s->connp);
	app_discharge(a, CONNECTION_COST);
	free(s);
	a->state = NULL;
}

void http_tx_release(struct app_tx *tx)
{
	struct http_tx *t = (struct http_tx *)tx;
	http_body_free(t);
	app_discharge(t->flow, t->charged);
	http_multipart_free(t->multipart);
	buffer_free(&t->raw_headers[0]);
	buffer_free(&t->raw_headers[1]);
	if (t->htp) {
		htp_tx_set_user_data(t->htp, NULL);
		htp_tx_destroy(t->htp); /* refused if it is not complete: then it goes with the connection */
		t->htp = NULL;
	}
}

static htp_time_t time_of(usec_t t)
{
	return (htp_time_t){.tv_sec = t / USEC_PER_SEC, .tv_usec = t % USEC_PER_SEC};
}

/* The end of a direction: libhtp completes what can be; the rest is cut short. */
static enum app_result parse_end(struct app_flow *a, struct http_state *s, int direction, const htp_time_t *now)
{
	s->closing = true; /* what libhtp completes now was cut short: no judgement on it */
	if (direction == TO_SERVER)
		htp_connp_req_close(s->connp, now);
	else
		htp_connp_close(s->connp, now);
	for (struct app_tx *tx = a->first; tx; tx = tx->next) {
		http_body_end((struct http_tx *)tx, direction, false);
		app_tx_advance(tx, direction, HTTP_COMPLETE);
	}
	s->closing = false;
	return APP_OK;
}

/* The transaction whose response comes next or is coming. */
static struct http_tx *awaiting_response(const struct app_flow *a)
{
	struct app_tx *tx = a->first;
	while (tx && tx->state[TO_CLIENT] >= HTTP_COMPLETE)
		tx = tx->next;
	return (struct http_tx *)tx;
}

/* A second "100 Continue", which libhtp takes for an error: its length, if it is there as a whole. */
static size_t repeated_continue(struct http_tx *t, struct bytes data)
{
	if (!t->htp->seen_100continue || t->htp->response_progress > HTP_RESPONSE_LINE || !bytes_starts_nocase(data, "HTTP/1.") ||
	    !bytes_equal(bytes_slice(data, 8, 5), BYTES_LITERAL(" 100 ")))
		return 0;
	ptrdiff_t end = bytes_find(data, BYTES_LITERAL("\r\n\r\n"), 0);
	if (end < 0)
		return 0;
	http_event(t, HTTP_EVENT_CONTINUE_ALREADY_SEEN);
	return (size_t)end + 4;
}

/*
 * Browsers read over some rubbish before the status line; libhtp would take rubbish and all that follows for a body without
 * headers. The rubbish's length, if a status line follows it soon.
 */
static size_t rubbish_before_status(struct http_tx *t, struct bytes data)
{
	enum { RUBBISH_MAX = 256 };
	struct bytes head = bytes_slice(data, 0, RUBBISH_MAX);
	if (t->htp->is_protocol_0_9 || (head.len && head.data[0] == 'H'))
		return 0;
	ptrdiff_t at = bytes_find(head, BYTES_LITERAL("HTTP/1."), 1);
	if (at <= 0 || (head.data[at - 1] != '\n' && head.data[at - 1] != '\r'))
		return 0;
	http_event(t, HTTP_EVENT_RESPONSE_INVALID_PROTOCOL);
	return (size_t)at;
}

/* What of a server's bytes libhtp had better not see. */
static size_t to_skip(const struct http_state *s, struct bytes data)
{
	struct http_tx *t = awaiting_response(s->flow);
	if (!t || !t->htp)
		return 0;
	size_t skip = repeated_continue(t, data);
	if (skip || s->in_response)
		return skip;
	if (t->htp->is_protocol_0_9 && bytes_starts_nocase(data, "HTTP/1."))
		t->htp->is_protocol_0_9 = 0; /* the answer tells what the question did not */
	return rubbish_before_status(t, data);
}

static bool lower_case_version(const struct http_state *s, struct bytes data)
{
	return !s->in_response && data.len > 8 && data.data[0] == 'h' && bytes_starts_nocase(data, "http/1.");
}

static enum app_result result_of(struct http_state *s, int direction, int rc, struct app_input *in, size_t skipped)
{
	if (rc == HTP_STREAM_ERROR)
		return APP_ERROR;
	if (rc == HTP_STREAM_DATA_OTHER)
		in->used = skipped + (direction == TO_SERVER ? htp_connp_req_data_consumed(s->connp) : htp_connp_res_data_consumed(s->connp));
	if (in->used > in->data.len)
		in->used = in->data.len;
	while (in->used < in->data.len && (in->data.data[in->used] == '\r' || in->data.data[in->used] == '\n'))
		in->used++; /* line ends behind a CONNECT belong to nobody */
	if (rc == HTP_STREAM_STOP)
		return APP_STOP;
	return APP_OK;
}

enum app_result http_parse(struct app_flow *a, int direction, struct app_input *in)
{
	struct http_state *s = a->state;
	s->now = in->time;
	s->direction = direction;
	htp_time_t now = time_of(in->time);
	enum app_result r = APP_OK;
	size_t skip = direction == TO_CLIENT && !in->gap_len ? to_skip(s, in->data) : 0;
	if (direction == TO_CLIENT && lower_case_version(s, bytes_from(in->data, skip))) {
		/* libhtp knows the version in capitals alone, clients take either */
		htp_connp_res_data(s->connp, &now, "HTTP", 4);
		skip += 4;
	}
	size_t len = in->gap_len ? (size_t)in->gap_len : in->data.len - skip;
	s->input = in->data;
	if (len) {
		const void *data = in->gap_len ? NULL : in->data.data + skip;
		int rc = direction == TO_SERVER ? htp_connp_req_data(s->connp, &now, data, len) : htp_connp_res_data(s->connp, &now, data, len);
		r = result_of(s, direction, rc, in, skip);
	}
	if (r == APP_OK && (in->eof || in->depth) && (in->gap_len || in->used == in->data.len))
		r = parse_end(a, s, direction, &now);
	return r;
}
