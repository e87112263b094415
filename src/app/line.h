// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Lines of text protocols, out of what a stream has in hand. A line ends at LF; a CR before it belongs to the end. A line longer
 * than a protocol's limit is cut off there and the rest of it passed over, so that no peer makes the stream keep more than that.
 */
#pragma once

#include "app/app.h"

struct line_side { /* one for each direction, zero at the beginning */
	bool skipping; /* the rest of a line that was cut off, or of one that began in a gap */
};

enum line_found { LINE_NONE, LINE_WHOLE, LINE_CUT };

/* The next line at in->used, which moves behind it: begin with 0. LINE_NONE: the rest waits for more. */
static inline enum line_found line_next(struct line_side *s, struct app_input *in, size_t limit, struct bytes *out)
{
	for (;;) {
		struct bytes rest = bytes_from(in->data, in->used);
		const uint8_t *end = rest.len ? memchr(rest.data, '\n', rest.len) : NULL;
		size_t len = end ? (size_t)(end - rest.data) : rest.len;
		if (s->skipping) {
			in->used += len + (end != NULL);
			if (!end)
				return LINE_NONE;
			s->skipping = false;
			continue;
		}
		if (!end && len <= limit)
			return LINE_NONE;
		bool cut = len > limit;
		in->used += end ? len + 1 : len;
		s->skipping = !end;
		if (cut)
			len = limit;
		else if (len && rest.data[len - 1] == '\r')
			len--;
		*out = bytes_slice(rest, 0, len);
		return cut ? LINE_CUT : LINE_WHOLE;
	}
}

/* The next word: up to a space; *rest moves behind it and behind the spaces that follow. Empty: there is none. */
static inline struct bytes line_word(struct bytes *rest)
{
	size_t from = 0, to;
	while (from < rest->len && rest->data[from] == ' ')
		from++;
	for (to = from; to < rest->len && rest->data[to] != ' ';)
		to++;
	struct bytes word = bytes_slice(*rest, from, to - from);
	while (to < rest->len && rest->data[to] == ' ')
		to++;
	*rest = bytes_from(*rest, to);
	return word;
}
