// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Patterns that can only lie at one place: they are compared there, which is far cheaper than searching for them. Half of what rules
 * want to see at the beginning of payloads is of this kind. By place, and in each place by a hash of their first four bytes, as many begin alike
 * ("/", "GET "); those that are shorter by the first byte.
 */
#include "detect/engine.h"

#include <stdlib.h>

enum { BRIEF_ONES, WHOLE_ONES, LISTS, WHOLE_LEAST = 4, KEYS = 256 };

struct anchor {
	struct bytes bytes;
	uint32_t at, number;
	bool nocase;
	uint8_t list, key;
};

struct anchor_place {
	uint32_t at;
	bool has[LISTS];
	uint64_t some[LISTS][KEYS / 64]; /* by key: whether there are any */
};

struct anchor_lists {
	uint16_t first[LISTS][KEYS + 1]; /* by key: where its anchors start in `anchor` */
};

struct anchors {
	struct anchor *anchor;
	uint32_t n, room, end; /* end: no anchor ends behind it */
	struct anchor_place *place;
	struct anchor_lists *lists; /* of each place */
	uint32_t n_places;
};

static uint8_t brief_key(const uint8_t *p)
{
	return *p | 0x20;
}

/* Of four bytes; upper case and lower case have one. */
static uint8_t whole_key(const uint8_t *p)
{
	uint32_t four;
	memcpy(&four, p, sizeof four);
	return (uint8_t)((four | 0x20202020) * 0x9e3779b1u >> 24);
}

bool anchors_add(struct anchors **made, struct bytes content, bool nocase, uint32_t at, uint32_t number)
{
	struct anchors *a = *made ? *made : (*made = xcalloc(1, sizeof *a));
	if (a->n == UINT16_MAX)
		return false;
	if (a->n == a->room) {
		a->room = a->room ? a->room * 2 : 4;
		a->anchor = xrealloc(a->anchor, a->room * sizeof *a->anchor);
	}
	uint8_t list = content.len < WHOLE_LEAST ? BRIEF_ONES : WHOLE_ONES;
	uint8_t key = list == BRIEF_ONES ? brief_key(content.data) : whole_key(content.data);
	a->anchor[a->n++] = (struct anchor){content, at, number, nocase, list, key};
	if (at + content.len > a->end)
		a->end = at + (uint32_t)content.len;
	return true;
}

static int by_place(const void *x, const void *y)
{
	const struct anchor *a = x, *b = y;
	if (a->at != b->at)
		return a->at < b->at ? -1 : 1;
	int order = a->list != b->list ? (int)a->list - (int)b->list : (int)a->key - (int)b->key;
	return order ? order : a->number < b->number ? -1 : a->number > b->number;
}

/* Of the place whose anchors begin at `start`; returns where they end. */
static uint32_t make_place(struct anchors *a, uint32_t start, struct anchor_place *p, struct anchor_lists *lists)
{
	uint32_t i = start;
	p->at = a->anchor[start].at;
	for (unsigned list = 0; list < LISTS; list++)
		for (unsigned key = 0; key <= KEYS; key++) {
			lists->first[list][key] = (uint16_t)i;
			for (; key < KEYS && i < a->n && a->anchor[i].at == p->at && a->anchor[i].list == list && a->anchor[i].key == key; i++) {
				p->has[list] = true;
				bits_set(p->some[list], key);
			}
		}
	return i;
}

void anchors_finish(struct anchors *a)
{
	if (!a)
		return;
	qsort(a->anchor, a->n, sizeof *a->anchor, by_place);
	for (uint32_t i = 0; i < a->n; i++)
		a->n_places += i == 0 || a->anchor[i].at != a->anchor[i - 1].at;
	a->place = xcalloc(a->n_places, sizeof *a->place);
	a->lists = xcalloc(a->n_places, sizeof *a->lists);
	for (uint32_t i = 0, k = 0; i < a->n; k++)
		i = make_place(a, i, &a->place[k], &a->lists[k]);
}

void anchors_free(struct anchors *a)
{
	if (!a)
		return;
	free(a->anchor);
	free(a->place);
	free(a->lists);
	free(a);
}

static bool holds(const struct anchor *x, const uint8_t *data, size_t left)
{
	if (x->bytes.len > left)
		return false;
	return x->nocase ? bytes_equal_nocase(bytes_of(data, x->bytes.len), x->bytes) : memcmp(data, x->bytes.data, x->bytes.len) == 0;
}

struct anchors_scan {
	const struct anchors *a;
	struct inspect *in;
	uint64_t fresh;
};

static void try_list(const struct anchors_scan *c, const struct anchor_place *p, unsigned list, unsigned key, const uint8_t *at, size_t left)
{
	if (!bits_test(p->some[list], key))
		return;
	const uint16_t *first = c->a->lists[p - c->a->place].first[list];
	const uint64_t *member = c->in->group->rules->member;
	for (uint32_t i = first[key]; i < first[key + 1]; i++) {
		const struct anchor *x = &c->a->anchor[i];
		if (p->at + x->bytes.len > c->fresh && bits_test(member, x->number) && holds(x, at, left))
			inspect_add(c->in, x->number);
	}
}

void anchors_scan(const struct anchors *a, struct inspect *in, struct bytes data, uint64_t offset, uint64_t fresh)
{
	if (!a || offset >= a->end || fresh >= a->end)
		return;
	const struct anchors_scan c = {a, in, fresh};
	for (const struct anchor_place *p = a->place; p < a->place + a->n_places; p++) {
		if (p->at < offset)
			continue;
		if (p->at - offset >= data.len)
			return;
		const uint8_t *at = data.data + (p->at - offset);
		size_t left = data.len - (size_t)(p->at - offset);
		if (p->has[BRIEF_ONES])
			try_list(&c, p, BRIEF_ONES, brief_key(at), at, left);
		if (p->has[WHOLE_ONES] && left >= WHOLE_LEAST)
			try_list(&c, p, WHOLE_ONES, whole_key(at), at, left);
	}
}
