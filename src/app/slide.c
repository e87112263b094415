// SPDX-License-Identifier: GPL-2.0-or-later
#include "app/slide.h"

#include <errno.h>
#include <stdlib.h>

int slide_add(struct slide *s, struct bytes b, uint64_t *charge)
{
	if (b.len == 0)
		return 0;
	if (b.len > s->room - s->len) {
		if (b.len > SIZE_MAX / 4 || s->len > SIZE_MAX / 4)
			return -ENOMEM;
		size_t room = s->room ? s->room : 1024;
		while (room < s->len + b.len)
			room *= 2;
		uint8_t *data = realloc(s->data, room);
		if (!data)
			return -ENOMEM;
		if (charge)
			*charge += room - s->room;
		s->data = data;
		s->room = room;
	}
	memcpy(s->data + s->len, b.data, b.len);
	s->len += b.len;
	return 0;
}

/* Bytes are moved only when at least as many go as stay, so that a window that creeps on costs a constant per byte. */
void slide_cut(struct slide *s, uint64_t offset)
{
	if (offset <= s->offset)
		return;
	uint64_t gone = offset - s->offset;
	if (gone >= s->len) {
		s->offset += s->len;
		s->len = 0;
		return;
	}
	if (gone < s->len - gone)
		return;
	memmove(s->data, s->data + gone, s->len - gone);
	s->len -= gone;
	s->offset += gone;
}

struct bytes slide_from(const struct slide *s, uint64_t offset)
{
	if (offset < s->offset)
		offset = s->offset;
	uint64_t skip = offset - s->offset;
	if (skip > s->len)
		skip = s->len;
	return (struct bytes){s->data ? s->data + skip : NULL, s->len - (size_t)skip};
}

void slide_free(struct slide *s, uint64_t *charge)
{
	if (charge)
		*charge -= s->room < *charge ? s->room : *charge;
	free(s->data);
	*s = (struct slide){0};
}
