// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/bytes.h"

bool bytes_equal_nocase(struct bytes a, struct bytes b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (byte_lower(a.data[i]) != byte_lower(b.data[i]))
			return false;
	return true;
}

bool bytes_starts_nocase(struct bytes b, const char *prefix)
{
	struct bytes want = bytes_of_string(prefix);
	return b.len >= want.len && bytes_equal_nocase(bytes_slice(b, 0, want.len), want);
}

ptrdiff_t bytes_find(struct bytes hay, struct bytes needle, size_t from)
{
	if (from > hay.len || needle.len > hay.len - from)
		return -1;
	if (needle.len == 0)
		return (ptrdiff_t)from;
	const uint8_t *p = memmem(hay.data + from, hay.len - from, needle.data, needle.len);
	return p ? p - hay.data : -1;
}

/* The first byte is sought in both cases by memchr, the rest compared: needles of rules are short and rare. */
ptrdiff_t bytes_find_nocase(struct bytes hay, struct bytes needle, size_t from)
{
	if (from > hay.len || needle.len > hay.len - from)
		return -1;
	if (needle.len == 0)
		return (ptrdiff_t)from;
	uint8_t low = byte_lower(needle.data[0]), up = low >= 'a' && low <= 'z' ? (uint8_t)(low - 32) : low;
	const uint8_t *p = hay.data + from, *last = hay.data + (hay.len - needle.len);
	const uint8_t *next_low = NULL, *next_up = NULL;
	while (p <= last) {
		size_t room = (size_t)(last - p) + 1;
		if (!next_low || next_low < p)
			next_low = memchr(p, low, room);
		if (up != low && (!next_up || next_up < p))
			next_up = memchr(p, up, room);
		if (!next_low)
			next_low = hay.data + hay.len; /* beyond: not found again */
		if (!next_up)
			next_up = hay.data + hay.len;
		p = next_low < next_up ? next_low : next_up;
		if (p > last)
			return -1;
		size_t i = 1;
		while (i < needle.len && byte_lower(p[i]) == byte_lower(needle.data[i]))
			i++;
		if (i == needle.len)
			return p - hay.data;
		p++;
	}
	return -1;
}
