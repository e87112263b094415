// SPDX-License-Identifier: GPL-2.0-or-later
/* What rules see of HTTP/1. */
#include "app/http/http.h"

static bool give(struct bytes b, struct app_view *out)
{
	*out = (struct app_view){.data = b, .start = true, .end = true};
	return true;
}

/* A string of libhtp's; absent where it is NULL. */
static bool give_string(const bstr *s, struct app_view *out)
{
	return s && give(http_bytes(s), out);
}

#define GETTER(name) static bool name(struct app_flow *a, struct app_tx *tx, int direction, unsigned index, struct app_view *out)
#define T ((struct http_tx *)tx)

GETTER(uri)
{
	return index == 0 && T->uri.len && give(T->uri, out);
}

GETTER(uri_raw)
{
	return index == 0 && T->htp && give_string(T->htp->request_uri, out);
}

GETTER(method)
{
	return index == 0 && T->htp && give_string(T->htp->request_method, out);
}

GETTER(protocol)
{
	return index == 0 && T->htp && give_string(direction == TO_SERVER ? T->htp->request_protocol : T->htp->response_protocol, out);
}

GETTER(request_line)
{
	return index == 0 && T->htp && give_string(T->htp->request_line, out);
}

GETTER(response_line)
{
	return index == 0 && T->htp && give_string(T->htp->response_line, out);
}

GETTER(stat_code)
{
	return index == 0 && T->htp && give_string(T->htp->response_status, out);
}

GETTER(stat_msg)
{
	return index == 0 && T->htp && give_string(T->htp->response_message, out);
}

GETTER(host)
{
	const bstr *name = T->htp ? T->htp->request_hostname : NULL;
	if (index || !name)
		return false;
	struct bytes *lower = &T->cache[TO_SERVER][CACHE_HOST];
	if (!T->cached[TO_SERVER][CACHE_HOST]) {
		uint8_t *p = arena_copy(&tx->arena, bstr_ptr(name), bstr_len(name));
		for (size_t i = 0; p && i < bstr_len(name); i++)
			p[i] = byte_lower(p[i]);
		*lower = bytes_of(p, p ? bstr_len(name) : 0);
		T->cached[TO_SERVER][CACHE_HOST] = true;
	}
	return lower->data && give(*lower, out);
}

/* The host as it was written: in the URI, or else in the header without its port. */
GETTER(host_raw)
{
	struct bytes value;
	if (index || !T->htp)
		return false;
	if (T->htp->parsed_uri_raw && T->htp->parsed_uri_raw->hostname)
		return give_string(T->htp->parsed_uri_raw->hostname, out);
	return http_header(T, TO_SERVER, "host", &value) && give(value, out);
}

static bool give_header(const struct http_tx *t, int direction, unsigned index, const char *name, struct app_view *out)
{
	struct bytes value;
	return index == 0 && http_header(t, direction, name, &value) && give(value, out);
}

#define HEADER(getter, name) \
	GETTER(getter)       \
	{                    \
		return give_header(T, direction, index, name, out); \
	}

HEADER(user_agent, "user-agent")
HEADER(referer, "referer")
HEADER(accept, "accept")
HEADER(accept_enc, "accept-encoding")
HEADER(accept_lang, "accept-language")
HEADER(connection, "connection")
HEADER(content_type, "content-type")
HEADER(content_len, "content-length")
HEADER(location, "location")
HEADER(server, "server")

GETTER(cookie)
{
	return give_header(T, direction, index, direction == TO_SERVER ? "cookie" : "set-cookie", out);
}

GETTER(header_raw)
{
	const struct buffer *b = &T->raw_headers[direction];
	return index == 0 && b->len && give(bytes_of(b->data, b->len), out);
}

static htp_table_t *headers_of(const struct http_tx *t, int direction)
{
	return !t->htp ? NULL : direction == TO_SERVER ? t->htp->request_headers : t->htp->response_headers;
}

static bool is_cookie(const htp_header_t *h, int direction)
{
	return bytes_equal_nocase(http_bytes(h->name), direction == TO_SERVER ? BYTES_LITERAL("cookie") : BYTES_LITERAL("set-cookie"));
}

static uint8_t *put(uint8_t *p, struct bytes b)
{
	if (b.len)
		memcpy(p, b.data, b.len);
	return p + b.len;
}

/* The first line that http.start begins with. */
static struct bytes first_line(const struct http_tx *t, int direction)
{
	return http_bytes(direction == TO_SERVER ? t->htp->request_line : t->htp->response_line);
}

/* Writes the buffer, or only counts when `p` is NULL. */
static size_t build(const struct http_tx *t, int direction, enum http_cache what, uint8_t *p)
{
	htp_table_t *table = headers_of(t, direction);
	size_t n = table ? htp_table_size(table) : 0, len = 0;
#define ADD(b)                            \
	do {                              \
		struct bytes add_ = (b);  \
		len += add_.len;          \
		if (p)                    \
			p = put(p, add_); \
	} while (0)
	if (what == CACHE_START)
		ADD(first_line(t, direction));
	if (what != CACHE_HEADER)
		ADD(BYTES_LITERAL("\r\n"));
	for (size_t i = 0; i < n; i++) {
		const htp_header_t *h = htp_table_get_index(table, i, NULL);
		if (!h || (what == CACHE_HEADER && is_cookie(h, direction)))
			continue;
		ADD(http_bytes(h->name));
		if (what != CACHE_NAMES) {
			ADD(BYTES_LITERAL(": "));
			ADD(http_bytes(h->value));
		}
		ADD(BYTES_LITERAL("\r\n"));
	}
	if (what != CACHE_HEADER)
		ADD(BYTES_LITERAL("\r\n"));
#undef ADD
	return len;
}

/* Built once for a message, when its headers are complete; once more when trailers have come. */
static bool give_built(struct http_tx *t, int direction, enum http_cache what, struct app_view *out)
{
	struct bytes *cache = &t->cache[direction][what];
	if (!t->htp)
		return t->cached[direction][what] && cache->len && give(*cache, out);
	if (!t->cached[direction][what]) {
		size_t len = build(t, direction, what, NULL);
		uint8_t *p = len ? arena_alloc(&t->tx.arena, len) : NULL;
		if (p)
			build(t, direction, what, p);
		*cache = bytes_of(p, p ? len : 0);
		t->cached[direction][what] = true;
	}
	return cache->len && give(*cache, out);
}

GETTER(header)
{
	return index == 0 && give_built(T, direction, CACHE_HEADER, out);
}

GETTER(header_names)
{
	htp_table_t *table = headers_of(T, direction);
	return index == 0 && table && htp_table_size(table) && give_built(T, direction, CACHE_NAMES, out);
}

GETTER(start)
{
	return index == 0 && T->htp && first_line(T, direction).len && give_built(T, direction, CACHE_START, out);
}

/* "name: value" of one header, built when it is asked for first. */
GETTER(one_header)
{
	htp_table_t *table = headers_of(T, direction);
	size_t n = table ? htp_table_size(table) : 0;
	if (index >= n)
		return false;
	if (n > T->n_lines[direction]) {
		T->line[direction] = arena_alloc(&tx->arena, n * sizeof **T->line);
		T->n_lines[direction] = T->line[direction] ? n : 0;
	}
	const htp_header_t *h = htp_table_get_index(table, index, NULL);
	struct bytes *line = index < T->n_lines[direction] ? &T->line[direction][index] : NULL;
	if (!h || !line)
		return false;
	if (!line->data) {
		struct bytes name = http_bytes(h->name), value = http_bytes(h->value);
		uint8_t *p = arena_alloc(&tx->arena, name.len + 2 + value.len);
		if (!p)
			return false;
		put(put(put(p, name), BYTES_LITERAL(": ")), value);
		*line = bytes_of(p, name.len + 2 + value.len);
	}
	return give(*line, out);
}

GETTER(body)
{
	return index == 0 && http_body_view(T, direction, out);
}

/* Files without content are no instances: an empty one would end the list. Once the next has begun, an empty file stays so. */
static struct file *first_full(struct file *f)
{
	while (f && f->content.len == 0)
		f = f->next;
	return f;
}

/* Towards the server, files of a form are seen one by one; any other body is one. */
GETTER(file_data)
{
	if (direction == TO_CLIENT || !T->multipart)
		return index == 0 && http_body_view(T, direction, out);
	struct file *f = first_full(tx->files[direction]);
	while (f && index--)
		f = first_full(f->next);
	if (!f)
		return false;
	out->data = slide_from(&f->content, 0);
	out->offset = f->content.offset;
	out->start = f->content.offset == 0;
	out->end = f->state != FILE_OPEN;
	return true;
}

GETTER(file_name)
{
	struct file *f = tx->files[direction];
	while (f && index--)
		f = f->next;
	return f && give(f->name, out);
}

static bool urilen(struct app_flow *a, struct app_tx *tx, int direction, unsigned index, uint64_t *out)
{
	if (index || T->uri.len == 0)
		return false;
	*out = T->uri.len;
	return true;
}

static bool urilen_raw(struct app_flow *a, struct app_tx *tx, int direction, unsigned index, uint64_t *out)
{
	if (index || !T->htp || !T->htp->request_uri)
		return false;
	*out = bstr_len(T->htp->request_uri);
	return true;
}

enum { REQUEST = 1, RESPONSE = 2, EITHER = 3 };

#define ROW(text, way, least, getter, words) {.name = text, .kind = APP_BUFFER, .directions = way, .state = {least, least}, .buffer = getter, .help = words}

const struct app_keyword http_keywords[] = {
	ROW("http.uri", REQUEST, HTTP_LINE, uri, "the URI, normalised"),
	ROW("http.uri.raw", REQUEST, HTTP_LINE, uri_raw, "the URI as it was sent"),
	ROW("http.method", REQUEST, HTTP_LINE, method, "the request's method"),
	ROW("http.protocol", EITHER, HTTP_LINE, protocol, "\"HTTP/1.1\" of the first line"),
	ROW("http.request_line", REQUEST, HTTP_LINE, request_line, "the whole request line"),
	ROW("http.response_line", RESPONSE, HTTP_LINE, response_line, "the whole status line"),
	ROW("http.stat_code", RESPONSE, HTTP_LINE, stat_code, "the status code as text"),
	ROW("http.stat_msg", RESPONSE, HTTP_LINE, stat_msg, "the status message"),
	ROW("http.host", REQUEST, HTTP_HEADERS, host, "the host in lower case, of the URI or the Host header"),
	ROW("http.host.raw", REQUEST, HTTP_HEADERS, host_raw, "the host as it was sent"),
	ROW("http.header", EITHER, HTTP_HEADERS, header, "all headers but cookies, normalised"),
	ROW("http.header.raw", EITHER, HTTP_HEADERS, header_raw, "all headers as they were sent"),
	ROW("http.header_names", EITHER, HTTP_HEADERS, header_names, "the names of all headers"),
	ROW("http.start", EITHER, HTTP_HEADERS, start, "first line and headers"),
	ROW("http.user_agent", REQUEST, HTTP_HEADERS, user_agent, "the User-Agent header"),
	ROW("http.referer", REQUEST, HTTP_HEADERS, referer, "the Referer header"),
	ROW("http.cookie", EITHER, HTTP_HEADERS, cookie, "the Cookie or Set-Cookie header"),
	ROW("http.accept", REQUEST, HTTP_HEADERS, accept, "the Accept header"),
	ROW("http.accept_enc", REQUEST, HTTP_HEADERS, accept_enc, "the Accept-Encoding header"),
	ROW("http.accept_lang", REQUEST, HTTP_HEADERS, accept_lang, "the Accept-Language header"),
	ROW("http.connection", EITHER, HTTP_HEADERS, connection, "the Connection header"),
	ROW("http.content_type", EITHER, HTTP_HEADERS, content_type, "the Content-Type header"),
	ROW("http.content_len", EITHER, HTTP_HEADERS, content_len, "the Content-Length header"),
	ROW("http.location", RESPONSE, HTTP_HEADERS, location, "the Location header"),
	ROW("http.server", RESPONSE, HTTP_HEADERS, server, "the Server header"),
	{.name = "http.request_header", .kind = APP_MULTI_BUFFER, .directions = REQUEST, .state = {HTTP_HEADERS, HTTP_HEADERS},
	 .buffer = one_header, .help = "each request header, \"name: value\""},
	{.name = "http.response_header", .kind = APP_MULTI_BUFFER, .directions = RESPONSE, .state = {HTTP_HEADERS, HTTP_HEADERS},
	 .buffer = one_header, .help = "each response header, \"name: value\""},
	{.name = "http.request_body", .kind = APP_BUFFER, .directions = REQUEST, .state = {HTTP_BODY, HTTP_BODY}, .grows = true,
	 .buffer = body, .help = "the request's body"},
	{.name = "http.response_body", .kind = APP_BUFFER, .directions = RESPONSE, .state = {HTTP_BODY, HTTP_BODY}, .grows = true,
	 .buffer = body, .help = "the response's body, decoded"},
	{.name = "file.data", .kind = APP_MULTI_BUFFER, .directions = EITHER, .state = {HTTP_BODY, HTTP_BODY}, .grows = true,
	 .buffer = file_data, .help = "the content of files"},
	{.name = "file.name", .kind = APP_MULTI_BUFFER, .directions = EITHER, .state = {HTTP_BODY, HTTP_BODY}, .grows = true,
	 .buffer = file_name, .help = "the names of files"},
	{.name = "urilen", .kind = APP_INTEGER, .directions = REQUEST, .state = {HTTP_LINE, HTTP_LINE}, .number = urilen, .bits = 16,
	 .help = "the length of the normalised URI"},
	{.name = "urilen.raw", .kind = APP_INTEGER, .directions = REQUEST, .state = {HTTP_LINE, HTTP_LINE}, .number = urilen_raw, .bits = 16,
	 .help = "the length of the URI as it was sent"},
};
_Static_assert(sizeof http_keywords / sizeof *http_keywords == N_HTTP_KEYWORDS, "the descriptor's count");
