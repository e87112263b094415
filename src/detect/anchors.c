// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Patterns that can only lie at one place: they are compared there, which is far cheaper than searching for them. Half of what rules
 * want to see at the beginning of payloads is of this kind. By place, and in each place by the first byte.
 */
#include "detect/engine.h"

#include <stdlib.h>

struct anchor {
	struct bytes bytes;
	uint32_t at, number;
	bool nocase;
};

struct anchor_place {
	uint32_t at;
	uint16_t first[257]; /* by the first byte, in lower case: where its anchors start in `anchor` */
};

struct anchors {
	struct anchor *anchor;
	uint32_t n, room, end; /* end: no anchor ends behind it */
	struct anchor_place *place;
	uint32_t n_places;
};

bool anchors_add(struct anchors **made, struct bytes content, bool nocase, uint32_t at, uint32_t number)
{
	struct anchors *a = *made ? *made : (*made = xcalloc(1, sizeof *a));
	if (a->n == UINT16_MAX)
		return false;
	if (a->n == a->room) {
		a->room = a->room ? a->room * 2 : 4;
		a->anchor = xrealloc(a->anchor, a->room * sizeof *a->anchor);
	}
	a->anchor[a->n++] = (struct anchor){content, at, number, nocase};
	if (at + content.len > a->end)
		a->end = at + (uint32_t)content.len;
	return true;
}

static int by_place(const void *x, const void *y)
{
	const struct anchor *a = x, *b = y;
	int first = byte_lower(a->bytes.data[0]), second = byte_lower(b->bytes.data[0]);
	if (a->at != b->at)
		return a->at < b->at ? -1 : 1;
	return first != second ? first - second : a->number < b->number ? -1 : a->number > b->number;
}

void anchors_finish(struct anchors *a)
{
	if (!a)
		return;
	qsort(a->anchor, a->n, sizeof *a->anchor, by_place);
	for (uint32_t i = 0; i < a->n; i++)
		a->n_places += i == 0 || a->anchor[i].at != a->anchor[i - 1].at;
	a->place = xcalloc(a->n_places, sizeof *a->place);
	struct anchor_place *p = a->place - 1;
	for (uint32_t i = 0, c = 0; i < a->n; i++) {
		if (i == 0 || a->anchor[i].at != p->at) {
			*++p = (struct anchor_place){.at = a->anchor[i].at};
			c = 0;
		}
		for (; c <= byte_lower(a->anchor[i].bytes.data[0]); c++)
			p->first[c] = (uint16_t)i;
		for (unsigned rest = c; rest < 257; rest++)
			p->first[rest] = (uint16_t)(i + 1);
	}
}

void anchors_free(struct anchors *a)
{
	if (!a)
		return;
	free(a->anchor);
	free(a->place);
	free(a);
}

static bool holds(const struct anchor *x, const uint8_t *data, size_t left)
{
	if (x->bytes.len > left)
		return false;
	return x->nocase ? bytes_equal_nocase(bytes_of(data, x->bytes.len), x->bytes) : memcmp(data, x->bytes.data, x->bytes.len) == 0;
}

void anchors_scan(const struct anchors *a, struct inspect *in, struct bytes data, uint64_t offset, uint64_t fresh)
{
	if (!a || offset >= a->end || fresh >= a->end)
		return;
	const uint64_t *member = in->group->rules->member;
	for (const struct anchor_place *p = a->place; p < a->place + a->n_places; p++) {
		if (p->at < offset)
			continue;
		if (p->at - offset >= data.len)
			return;
		const uint8_t *at = data.data + (p->at - offset);
		unsigned c = byte_lower(*at);
		for (uint32_t i = p->first[c]; i < p->first[c + 1]; i++) {
			const struct anchor *x = &a->anchor[i];
			if (p->at + x->bytes.len > fresh && bits_test(member, x->number) && holds(x, at, data.len - (size_t)(p->at - offset)))
				inspect_add(in, x->number);
		}
	}
}
