// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * multipart/form-data (RFC 7578) in request bodies: parts with a file name become files. Bytes are held back only as long as
 * they could be the beginning of a boundary, or of a part's headers up to a limit.
 */
#include "app/http/http.h"

#include <stdlib.h>

enum { MAX_BOUNDARY = 200, MAX_HEADERS = 8192 };

enum part { PART_NONE /* before the first boundary */, PART_HEADERS, PART_DATA, PART_END };

struct http_multipart {
	enum part part;
	uint8_t boundary[MAX_BOUNDARY + 4]; /* CR LF - - boundary */
	size_t boundary_len;
	struct buffer held;
	struct file *file;
	bool any;
};

struct http_multipart *http_multipart_new(struct bytes type)
{
	if (!bytes_starts_nocase(type, "multipart/form-data"))
		return NULL;
	ptrdiff_t at = bytes_find_nocase(type, BYTES_LITERAL("boundary="), 0);
	if (at < 0)
		return NULL;
	struct bytes b = bytes_from(type, (size_t)at + 9);
	bool quoted = b.len && b.data[0] == '"';
	if (quoted)
		b = bytes_from(b, 1);
	size_t n = 0;
	while (n < b.len && (quoted ? b.data[n] != '"' : b.data[n] != ';' && b.data[n] != ' ' && b.data[n] != ','))
		n++;
	if (n == 0 || n > MAX_BOUNDARY)
		return NULL;
	struct http_multipart *m = calloc(1, sizeof *m);
	if (!m)
		return NULL;
	memcpy(m->boundary, "\r\n--", 4);
	memcpy(m->boundary + 4, b.data, n);
	m->boundary_len = n + 4;
	/* the first boundary stands at the beginning, as if a line end were before */
	buffer_add(&m->held, "\r\n", 2);
	return m;
}

static void consume(struct http_multipart *m, size_t n)
{
	memmove(m->held.data, m->held.data + n, m->held.len - n);
	m->held.len -= n;
}

static void close_file(struct http_tx *t, enum file_state state)
{
	struct http_multipart *m = t->multipart;
	if (!m->file)
		return;
	if (m->file->size == 0 && state == FILE_CLOSED)
		http_event(t, HTTP_EVENT_MULTIPART_NO_FILEDATA);
	file_close(t->flow, m->file, state);
	m->file = NULL;
}

/* Of a part's headers only the file's name matters. */
static void open_part(struct http_tx *t, struct bytes headers)
{
	struct bytes name;
	ptrdiff_t at = bytes_find_nocase(headers, BYTES_LITERAL("content-disposition:"), 0);
	if (at < 0) {
		http_event(t, HTTP_EVENT_MULTIPART_INVALID_HEADER);
		return;
	}
	struct bytes line = bytes_from(headers, (size_t)at + 20);
	ptrdiff_t end = bytes_find(line, BYTES_LITERAL("\r\n"), 0);
	if (end >= 0)
		line = bytes_slice(line, 0, (size_t)end);
	if (!http_disposition_filename(line, &name))
		return;
	t->multipart->file = file_open(t->flow, &t->tx, TO_SERVER, name);
	if (t->multipart->file)
		t->multipart->file->keep = true;
}

static bool seek_boundary(struct http_tx *t)
{
	struct http_multipart *m = t->multipart;
	struct bytes held = bytes_of(m->held.data, m->held.len), boundary = bytes_of(m->boundary, m->boundary_len);
	ptrdiff_t at = bytes_find(held, boundary, 0);
	/* what cannot be the beginning of a boundary any more goes out */
	size_t out = at >= 0 ? (size_t)at : held.len > boundary.len - 1 ? held.len - (boundary.len - 1) : 0;
	if (out && m->file)
		file_append(t->flow, m->file, bytes_slice(held, 0, out));
	if (at < 0) {
		consume(m, out);
		return false;
	}
	if (held.len < out + boundary.len + 2) { /* two more tell whether it is the last */
		consume(m, out);
		return false;
	}
	close_file(t, FILE_CLOSED);
	m->any = true;
	bool last = memcmp(held.data + out + boundary.len, "--", 2) == 0;
	consume(m, out + boundary.len);
	m->part = last ? PART_END : PART_HEADERS;
	return !last;
}

static bool read_headers(struct http_tx *t)
{
	struct http_multipart *m = t->multipart;
	struct bytes held = bytes_of(m->held.data, m->held.len);
	ptrdiff_t end = bytes_find(held, BYTES_LITERAL("\r\n\r\n"), 0);
	if (end < 0) {
		if (held.len > MAX_HEADERS) {
			http_event(t, HTTP_EVENT_MULTIPART_INVALID_HEADER);
			m->part = PART_END;
		}
		return false;
	}
	if (end == 0) { /* a last boundary that lacks its dashes */
		m->part = PART_END;
		return false;
	}
	open_part(t, bytes_slice(held, 0, (size_t)end));
	consume(m, (size_t)end + 2); /* the empty line's end may belong to the next boundary: a part without data */
	if (m->file && m->held.len >= 2)
		consume(m, 2);
	m->part = PART_DATA;
	return true;
}

void http_multipart_feed(struct http_tx *t, struct bytes data)
{
	struct http_multipart *m = t->multipart;
	if (m->part == PART_END)
		return;
	buffer_add(&m->held, data.data, data.len);
	if (m->held.failed) {
		m->part = PART_END;
		return;
	}
	while (m->part != PART_END)
		if (!(m->part == PART_HEADERS ? read_headers(t) : seek_boundary(t)))
			break;
}

void http_multipart_end(struct http_tx *t, bool whole)
{
	struct http_multipart *m = t->multipart;
	if (m->part == PART_END)
		return;
	if (m->file && m->held.len)
		file_append(t->flow, m->file, bytes_of(m->held.data, m->held.len));
	if (whole && m->held.len > 2)
		http_event(t, HTTP_EVENT_MULTIPART_GENERIC_ERROR); /* no closing boundary */
	close_file(t, FILE_TRUNCATED);
	m->part = PART_END;
}

void http_multipart_free(struct http_multipart *m)
{
	if (!m)
		return;
	buffer_free(&m->held);
	free(m);
}
