// SPDX-License-Identifier: GPL-2.0-or-later
/* What libhtp says in words or flags becomes events. */
#include "app/http/http.h"

enum { MAX_LOGS = 128 };

const char *const http_event_names[] = {
#define EVENT(id, name) name,
#include "app/http/events.def"
#undef EVENT
	NULL,
};

#define E(id) HTTP_EVENT_##id

/* How libhtp's messages begin; it gives them no numbers. */
static const struct {
	const char *begins;
	uint8_t event;
} messages[] = {
	{"Request field invalid: colon missing", E(REQUEST_FIELD_MISSING_COLON)},
	{"Request field invalid", E(REQUEST_HEADER_INVALID)},
	{"Request header name is not a token", E(REQUEST_HEADER_INVALID)},
	{"Response field invalid: missing colon", E(RESPONSE_FIELD_MISSING_COLON)},
	{"Response field invalid", E(RESPONSE_HEADER_INVALID)},
	{"Response header name is not a token", E(RESPONSE_HEADER_INVALID)},
	{"Response header value contains null", E(RESPONSE_HEADER_INVALID)},
	{"Request chunk encoding: Invalid chunk length", E(INVALID_REQUEST_CHUNK_LEN)},
	{"Response chunk encoding: Invalid chunk length", E(INVALID_RESPONSE_CHUNK_LEN)},
	{"Invalid C-L field in response", E(INVALID_CONTENT_LENGTH_FIELD_IN_RESPONSE)},
	{"Already seen 100-Continue", E(CONTINUE_ALREADY_SEEN)},
	{"Unable to match response to request", E(UNABLE_TO_MATCH_RESPONSE_TO_REQUEST)},
	{"Request buffer over the limit", E(REQUEST_FIELD_TOO_LONG)},
	{"Request field length exceeds", E(REQUEST_FIELD_TOO_LONG)},
	{"Response the buffer limit", E(RESPONSE_FIELD_TOO_LONG)},
	{"Response field length exceeds", E(RESPONSE_FIELD_TOO_LONG)},
	{"Invalid request field folding", E(INVALID_REQUEST_FIELD_FOLDING)},
	{"Invalid response field folding", E(INVALID_RESPONSE_FIELD_FOLDING)},
	{"Request line: leading whitespace", E(REQUEST_LINE_LEADING_WHITESPACE)},
	{"Request line: non-compliant delimiter between Method", E(METHOD_DELIM_NON_COMPLIANT)},
	{"Request line: URI contains non-compliant delimiter", E(URI_DELIM_NON_COMPLIANT)},
	{"Request line: unknown method and no protocol", E(REQUEST_LINE_UNKNOWN_METHOD_NO_PROTOCOL)},
	{"Request line: unknown method and invalid protocol", E(REQUEST_LINE_UNKNOWN_METHOD_INVALID_PROTOCOL)},
	{"Request line: unknown method", E(REQUEST_LINE_INVALID)},
	{"C-L value with extra data in the begin", E(CONTENT_LENGTH_EXTRA_DATA_START)},
	{"C-L value with extra data in the end", E(CONTENT_LENGTH_EXTRA_DATA_END)},
	{"Gaps are not allowed", E(INVALID_GAP)},
	{"Request line: missing protocol", E(REQUEST_LINE_MISSING_PROTOCOL)},
	{"Request line incomplete", E(REQUEST_LINE_INCOMPLETE)},
	{"Unexpected request body", E(REQUEST_BODY_UNEXPECTED)},
	{"Unexpected response body", E(RESPONSE_BODY_UNEXPECTED)},
	{"Unexpected Response body", E(RESPONSE_BODY_UNEXPECTED)},
	{"Ambiguous request C-L value", E(DUPLICATE_CONTENT_LENGTH_FIELD_IN_REQUEST)},
	{"Ambiguous response C-L value", E(DUPLICATE_CONTENT_LENGTH_FIELD_IN_RESPONSE)},
	{"Too many request headers", E(REQUEST_TOO_MANY_HEADERS)},
	{"Too many response headers", E(RESPONSE_TOO_MANY_HEADERS)},
	{"Transfer-encoding has abnormal chunked value", E(RESPONSE_ABNORMAL_TRANSFER_ENCODING)},
	{"Chunked transfer-encoding on HTTP/0.9", E(RESPONSE_CHUNKED_OLD_PROTO)},
	{"C-T multipart/byteranges", E(RESPONSE_MULTIPART_BYTERANGES)},
	{"Invalid response line: invalid protocol", E(RESPONSE_INVALID_PROTOCOL)},
	{"Invalid response line: invalid response status", E(RESPONSE_INVALID_STATUS)},
};

static int event_of(const htp_log_t *log)
{
	for (size_t i = 0; i < sizeof messages / sizeof *messages; i++)
		if (strncmp(log->msg, messages[i].begins, strlen(messages[i].begins)) == 0)
			return messages[i].event;
	if (strncmp(log->msg, "Inbound", 7) == 0 || strncmp(log->msg, "Outbound", 8) == 0 || strncmp(log->msg, "Missing", 7) == 0)
		return -1; /* said again after an error that was an event */
	return log->level == HTP_LOG_ERROR ? E(UNKNOWN_ERROR) : -1;
}

/* RFC 9112 6.2: any number of digits is a length; libhtp reads 63 bits of it and calls more invalid. */
static bool length_is_number(const struct http_tx *t)
{
	struct bytes v;
	if (!http_header(t, TO_SERVER, "content-length", &v) || v.len == 0)
		return false;
	for (size_t i = 0; i < v.len; i++)
		if (v.data[i] < '0' || v.data[i] > '9')
			return false;
	return true;
}

void http_log_event(struct http_tx *t, const htp_log_t *log, int direction)
{
	if (!log->msg)
		return;
	if (++t->n_logs == MAX_LOGS)
		http_event(t, E(TOO_MANY_WARNINGS));
	if (strcmp(log->msg, "Repetition for header") == 0) {
		http_event(t, direction == TO_SERVER ? E(REQUEST_HEADER_REPETITION) : E(RESPONSE_HEADER_REPETITION));
		return;
	}
	int event = event_of(log);
	if (event == E(CONTENT_LENGTH_EXTRA_DATA_END) && direction == TO_SERVER && length_is_number(t))
		return;
	if (event == E(REQUEST_BODY_UNEXPECTED) && t->htp && t->htp->request_protocol_number < HTP_PROTOCOL_1_0) {
		/* behind a first line that is no HTTP, what comes is read as headers */
		if (t->htp->request_protocol_number == HTP_PROTOCOL_INVALID) {
			http_event(t, E(REQUEST_FIELD_MISSING_COLON));
			http_event(t, E(REQUEST_HEADER_REPETITION));
		}
		return;
	}
	if (event >= 0)
		http_event(t, (enum http_event)event);
}

static const struct {
	uint64_t flag;
	uint8_t event;
} flags[] = {
	{HTP_REQUEST_INVALID_T_E, E(INVALID_TRANSFER_ENCODING_VALUE_IN_REQUEST)},
	{HTP_REQUEST_INVALID_C_L, E(INVALID_CONTENT_LENGTH_FIELD_IN_REQUEST)},
	{HTP_HOST_MISSING, E(MISSING_HOST_HEADER)},
	{HTP_HOST_AMBIGUOUS, E(HOST_HEADER_AMBIGUOUS)},
	{HTP_HOSTU_INVALID, E(REQUEST_URI_HOST_INVALID)},
	{HTP_HOSTH_INVALID, E(REQUEST_HEADER_HOST_INVALID)},
};

void http_request_events(struct http_tx *t)
{
	/* "CONNECT host:port /": what follows the port is read over */
	bool spaced = t->htp->request_method_number == HTP_M_CONNECT && bytes_find(http_bytes(t->htp->request_uri), BYTES_LITERAL(" "), 0) > 0;
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
		if (t->htp->flags & flags[i].flag && !(spaced && flags[i].flag == HTP_HOSTU_INVALID) &&
		    !(flags[i].flag == HTP_REQUEST_INVALID_C_L && length_is_number(t)))
			http_event(t, (enum http_event)flags[i].event);
	struct bytes value;
	bool bearer = http_header(t, TO_SERVER, "authorization", &value) && bytes_starts_nocase(value, "bearer");
	if (t->htp->request_auth_type == HTP_AUTH_UNRECOGNIZED && !bearer)
		http_event(t, E(REQUEST_AUTH_UNRECOGNIZED));
	int port = t->htp->parsed_uri ? t->htp->parsed_uri->port_number : -1; /* proxies and port forwarding make the header's differ often */
	if (port > 0 && t->htp->request_method_number != HTP_M_CONNECT && port != t->flow->flow->key.dport)
		http_event(t, E(REQUEST_SERVER_PORT_TCP_PORT_MISMATCH));
}
