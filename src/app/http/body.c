// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Bodies: libhtp takes off chunks, we undo compression, keep up to the limit for inspection, and see them as files. A body
 * lies in a sliding buffer; what detection has seen goes, but for the window it wants to look back.
 */
#include "app/http/http.h"

static void decompress_events(struct http_tx *t, unsigned events)
{
	struct http_state *s = t->flow->state;
	if (events & DECOMPRESS_FAILED)
		http_event(t, HTTP_EVENT_GZIP_DECOMPRESSION_FAILED);
	if (events & DECOMPRESS_LZMA_MEMORY)
		http_event(t, HTTP_EVENT_LZMA_MEMLIMIT_REACHED);
	if (events & DECOMPRESS_LAYERS)
		http_event(t, HTTP_EVENT_TOO_MANY_ENCODING_LAYERS);
	if (events & DECOMPRESS_ABNORMAL)
		http_event(t, HTTP_EVENT_ABNORMAL_CE_HEADER);
	if (!(events & DECOMPRESS_BOMB))
		return;
	http_event(t, HTTP_EVENT_COMPRESSION_BOMB);
	if (s && ++s->bombs == t->config->bomb_count)
		http_event(t, HTTP_EVENT_COMPRESSION_BOMB_LIMIT_REACHED);
}

/* The parameter's value: quoted or a token; RFC 6266 4.1. */
bool http_disposition_filename(struct bytes value, struct bytes *out)
{
	ptrdiff_t at = 0;
	while ((at = bytes_find_nocase(value, BYTES_LITERAL("filename"), (size_t)at)) >= 0) {
		size_t p = (size_t)at + 8;
		while (p < value.len && (value.data[p] == ' ' || value.data[p] == '\t'))
			p++;
		at = (ptrdiff_t)p;
		if (p >= value.len || value.data[p] != '=')
			continue;
		struct bytes rest = bytes_from(value, p + 1);
		while (rest.len && (rest.data[0] == ' ' || rest.data[0] == '\t'))
			rest = bytes_from(rest, 1);
		bool quoted = rest.len && rest.data[0] == '"';
		if (quoted)
			rest = bytes_from(rest, 1);
		size_t n = 0;
		while (n < rest.len && (quoted ? rest.data[n] != '"' : rest.data[n] != ';' && rest.data[n] != ' '))
			n++;
		*out = bytes_slice(rest, 0, n);
		return n > 0;
	}
	return false;
}

bool http_content_range(struct bytes value, struct http_range *out)
{
	int64_t number[3] = {-1, -1, -1};
	unsigned n = 0;
	*out = (struct http_range){-1, -1, -1};
	if (!bytes_starts_nocase(value, "bytes"))
		return false;
	for (size_t i = 5; i < value.len && n < 3; i++) {
		uint8_t c = value.data[i];
		if (c >= '0' && c <= '9') {
			int64_t digit = c - '0', so_far = number[n] < 0 ? 0 : number[n];
			if (so_far > (INT64_MAX - digit) / 10)
				return false;
			number[n] = so_far * 10 + digit;
		} else if ((c == '-' && n == 0) || (c == '/' && n == 1)) {
			n++;
		} else if (c == '*' && i + 1 < value.len && value.data[i + 1] == '/') {
			n = 1; /* no range, only a size: it could not be satisfied */
		} else if (c != ' ' && c != '*') {
			return false;
		}
	}
	*out = (struct http_range){number[0], number[1], number[2]};
	return n == 2;
}

static struct bytes file_name(const struct http_tx *t, int direction)
{
	struct bytes value, name;
	if (http_header(t, direction, "content-disposition", &value) && http_disposition_filename(value, &name))
		return name;
	if (t->htp && t->htp->parsed_uri && t->htp->parsed_uri->path)
		return http_bytes(t->htp->parsed_uri->path);
	return (struct bytes){NULL, 0};
}

static void set_range(struct http_tx *t, struct file *f)
{
	struct bytes value;
	struct http_range r;
	if (!http_header(t, TO_CLIENT, "content-range", &value))
		return;
	if (!http_content_range(value, &r)) {
		http_event(t, HTTP_EVENT_RANGE_INVALID);
		return;
	}
	if (r.start < 0 || r.end < r.start || (r.start == 0 && r.end + 1 == r.size))
		return; /* no range, or all of it */
	f->has_range = true;
	f->start = (uint64_t)r.start;
	f->end = (uint64_t)r.end;
}

static void drop_decompressor(struct http_tx *t, struct http_body *b)
{
	app_discharge(t->flow, b->decompressor_size);
	decompressor_free(b->decompressor);
	b->decompressor = NULL;
	b->decompressor_size = 0;
}

/* With the first bytes: is it compressed, multipart, a file? */
void http_body_start(struct http_tx *t, int direction)
{
	struct http_body *b = &t->body[direction];
	struct http_state *s = t->flow->state;
	struct bytes value;
	unsigned events = 0;
	b->begun = true;
	if (http_header(t, direction, "content-encoding", &value) && (!s || s->bombs < t->config->bomb_count)) {
		b->decompressor = decompressor_new(value, &t->config->decompress, &events);
		b->decompressor_size = decompressor_size(b->decompressor);
		app_charge(t->flow, b->decompressor_size);
		decompress_events(t, events);
	}
	if (direction == TO_SERVER) {
		enum htp_method_t method = t->htp ? t->htp->request_method_number : HTP_M_UNKNOWN;
		if (method != HTP_M_POST && method != HTP_M_PUT)
			return;
		if (http_header(t, direction, "content-type", &value))
			t->multipart = http_multipart_new(value);
		if (t->multipart)
			return;
	}
	b->file = file_open(t->flow, &t->tx, direction, file_name(t, direction));
	if (b->file && direction == TO_CLIENT)
		set_range(t, b->file);
}

static void reach_limit(struct http_tx *t, int direction)
{
	struct http_body *b = &t->body[direction];
	b->limit_reached = true;
	if (b->file)
		file_close(t->flow, b->file, FILE_TRUNCATED);
	if (direction == TO_SERVER && t->multipart)
		http_multipart_end(t, false);
}

struct sink {
	struct http_tx *t;
	int direction;
};

static void decoded(void *context, struct bytes data)
{
	struct sink *s = context;
	struct http_tx *t = s->t;
	struct http_body *b = &t->body[s->direction];
	uint64_t limit = t->config->body_limit[s->direction];
	if (b->limit_reached)
		return;
	if (limit && b->total + data.len > limit)
		data = bytes_slice(data, 0, (size_t)(limit - b->total));
	size_t room = b->data.room;
	int rc = slide_add(&b->data, data, NULL);
	if (!app_charge(t->flow, b->data.room - room) || rc < 0) {
		reach_limit(t, s->direction);
		return;
	}
	b->total += data.len;
	t->tx.updated[s->direction] = true;
	if (s->direction == TO_SERVER && t->multipart)
		http_multipart_feed(t, data);
	else if (b->file)
		file_append(t->flow, b->file, data);
	if (limit && b->total >= limit)
		reach_limit(t, s->direction);
}

void http_body_data(struct http_tx *t, int direction, struct bytes data, uint64_t gap_len)
{
	struct http_body *b = &t->body[direction];
	if (!b->begun)
		http_body_start(t, direction);
	if (b->ended || b->limit_reached)
		return;
	if (gap_len) {
		if (b->file)
			file_gap(b->file, gap_len);
		drop_decompressor(t, b); /* nothing can be undone behind a hole */
		return;
	}
	struct sink s = {t, direction};
	if (b->decompressor)
		decompress_events(t, decompressor_feed(b->decompressor, data, decoded, &s));
	else
		decoded(&s, data);
}

void http_body_end(struct http_tx *t, int direction, bool whole)
{
	struct http_body *b = &t->body[direction];
	if (b->ended)
		return;
	struct sink s = {t, direction};
	if (b->decompressor)
		decompressor_finish(b->decompressor, decoded, &s);
	b->ended = true;
	if (b->begun)
		t->tx.updated[direction] = true;
	if (b->file)
		file_close(t->flow, b->file, whole && !b->file->gaps ? FILE_CLOSED : FILE_TRUNCATED);
	if (direction == TO_SERVER && t->multipart)
		http_multipart_end(t, whole);
	drop_decompressor(t, b);
}

bool http_body_view(const struct http_tx *t, int direction, struct app_view *out)
{
	const struct http_body *b = &t->body[direction];
	const struct http_config *c = t->config;
	uint64_t window = c->inspect_window[direction], least = c->minimal_inspect[direction];
	bool end = b->ended || b->limit_reached || t->tx.state[direction] >= HTTP_COMPLETE;
	bool now = end || c->body_inline[t->flow->worker->inline_mode] || b->total >= least;
	if (b->total == 0 || !now)
		return false;
	uint64_t from = b->inspected > least && b->inspected > window ? b->inspected - window : 0;
	if (from < b->data.offset)
		from = b->data.offset;
	out->data = slide_from(&b->data, from);
	out->offset = from;
	out->start = from == 0;
	out->end = end;
	return out->data.len > 0;
}

void http_body_inspected(struct app_flow *a, struct app_tx *tx, int direction)
{
	struct http_tx *t = (struct http_tx *)tx;
	struct http_body *b = &t->body[direction];
	uint64_t window = t->config->inspect_window[direction];
	struct app_view v;
	if (b->inspected == slide_end(&b->data) || !http_body_view(t, direction, &v))
		return;
	b->inspected = slide_end(&b->data);
	if (b->inspected > t->config->minimal_inspect[direction] && b->inspected > window)
		slide_cut(&b->data, b->inspected - window);
}

void http_body_free(struct http_tx *t)
{
	for (int d = 0; d < 2; d++) {
		app_discharge(t->flow, t->body[d].data.room);
		slide_free(&t->body[d].data, NULL);
		drop_decompressor(t, &t->body[d]);
	}
}
