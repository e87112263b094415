// SPDX-License-Identifier: GPL-2.0-or-later
/* Scanning: bytes → candidates, which are kept once each and sorted by number. */
#include "detect/engine.h"

#include <stdlib.h>

struct scan {
	const struct prefilter_part *part[POINT_PREFILTERS_MAX]; /* of one database */
	unsigned n_parts;
	struct inspect *in;
	const uint64_t *member;
	uint64_t offset, fresh;
};

static void on_needle(void *context, uint32_t id, size_t to)
{
	const struct scan *c = context;
	if (c->offset + to <= c->fresh)
		return;
	for (unsigned i = 0; i < c->n_parts; i++) {
		const struct prefilter_part *part = c->part[i];
		const struct prefilter_entry *x = part->entry + part->first[id], *end = part->entry + part->first[id + 1];
		for (; x < end; x++)
			if ((!x->latest || c->in->joined || c->offset + to <= x->latest) && bits_test(c->member, x->number))
				inspect_add(c->in, x->number);
	}
}

static int on_pattern(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *context)
{
	(void)from, (void)flags;
	on_needle(context, id, (size_t)to);
	return 0;
}

static void scan_part(struct scan *c, struct bytes data)
{
	const struct database *d = c->part[0]->database;
	if (d->needles)
		needles_scan(d->needles, data, on_needle, c);
	else
		hs_scan(d->hs, (const char *)data.data, (unsigned)data.len, 0, c->in->scratch, on_pattern, c);
}

void prefilter_scan(const struct prefilter *p, struct inspect *in, struct bytes data, uint64_t offset, uint64_t fresh)
{
	anchors_scan(p->anchors, in, data, offset, fresh);
	if (p->limit) {
		if (offset >= p->limit || fresh >= p->limit)
			return;
		data = bytes_slice(data, 0, (size_t)(p->limit - offset));
	}
	if (!data.len || !p->n_parts)
		return;
	struct scan c = {.n_parts = 1, .in = in, .member = in->group->rules->member, .offset = offset, .fresh = fresh};
	for (unsigned i = 0; i < p->n_parts; i++) {
		c.part[0] = &p->part[i];
		scan_part(&c, data);
	}
}

/* The parts of one database among prefilters; 0 if those before `from` have it too. */
static unsigned parts_of(const struct prefilter *const *list, unsigned n, unsigned from, const struct database *d, const struct prefilter_part **out)
{
	unsigned found = 0;
	for (unsigned i = 0; i < n; i++)
		for (unsigned k = 0; k < list[i]->n_parts; k++) {
			if (list[i]->part[k].database != d)
				continue;
			if (i < from)
				return 0;
			out[found++] = &list[i]->part[k];
			break;
		}
	return found;
}

/* The pool of list[0]: one search for all of its members in the list, or as many as its patterns have databases after a reload. */
static void scan_pool(const struct prefilter *const *list, unsigned n, struct inspect *in, struct bytes data, uint64_t offset, uint64_t fresh)
{
	struct scan c = {.in = in, .member = in->group->rules->member, .fresh = fresh};
	const struct prefilter *member[POINT_PREFILTERS_MAX];
	unsigned n_members = 0;
	uint32_t longest = 0;
	for (unsigned i = 0; i < n; i++)
		if (list[i]->pool == list[0]->pool) {
			anchors_scan(list[i]->anchors, in, data, offset, fresh);
			member[n_members++] = list[i];
			longest = list[i]->longest > longest ? list[i]->longest : longest;
		}
	size_t skip = searched_before(longest, offset, fresh);
	c.offset = offset + skip;
	if (skip >= data.len)
		return;
	for (unsigned i = 0; i < n_members; i++)
		for (unsigned k = 0; k < member[i]->n_parts; k++) {
			c.n_parts = parts_of(member, n_members, i, member[i]->part[k].database, c.part);
			if (c.n_parts)
				scan_part(&c, bytes_from(data, skip));
		}
}

static bool is_pool_seen(const struct prefilter *const *list, unsigned i)
{
	for (unsigned k = 0; k < i; k++)
		if (list[k]->pool == list[i]->pool)
			return true;
	return false;
}

void prefilters_scan(const struct prefilter *const *list, struct inspect *in, struct bytes data, uint64_t offset, uint64_t fresh)
{
	unsigned n = 0;
	while (list[n])
		n++;
	for (unsigned i = 0; i < n; i++) {
		size_t skip = searched_before(list[i]->longest, offset, fresh);
		if (!list[i]->pool)
			prefilter_scan(list[i], in, bytes_from(data, skip), offset + skip, fresh);
		else if (!is_pool_seen(list, i))
			scan_pool(list + i, n - i, in, data, offset, fresh);
	}
}

/*
 * A search for each piece would cost more than one over all of them. It also finds what lies across their ends or too far behind a beginning; so
 * only where the beginning is all that is searched, and where patterns have one place, each piece is looked at by itself.
 */
void prefilters_scan_pieces(const struct prefilter *const *list, struct inspect *in, struct bytes data, size_t size)
{
	const struct prefilter *rest[POINT_PREFILTERS_MAX + 1];
	unsigned n = 0;
	for (; *list; list++) {
		for (size_t at = 0; at < data.len && (*list)->limit; at += size)
			prefilter_scan(*list, in, bytes_slice(data, at, size), 0, 0);
		for (size_t at = 0; at < data.len && !(*list)->limit && (*list)->anchors; at += size)
			anchors_scan((*list)->anchors, in, bytes_slice(data, at, size), 0, 0);
		if (!(*list)->limit)
			rest[n++] = *list;
	}
	rest[n] = NULL;
	in->joined = true;
	prefilters_scan(rest, in, data, 0, 0);
	in->joined = false;
}

void inspect_begin(struct inspect *in)
{
	in->n_candidates = 0;
	if (++in->round == 0) { /* came round: old marks would look new */
		memset(in->seen, 0, in->room * sizeof *in->seen);
		in->round = 1;
	}
}

void inspect_add(struct inspect *in, uint32_t number)
{
	if (in->seen[number] == in->round || in->n_candidates == in->room)
		return;
	in->seen[number] = in->round;
	in->candidate[in->n_candidates++] = number;
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

/* They are few as a rule. */
void inspect_sort(struct inspect *in)
{
	if (in->n_candidates > 24) {
		qsort(in->candidate, in->n_candidates, sizeof *in->candidate, by_value);
		return;
	}
	for (size_t i = 1; i < in->n_candidates; i++) {
		uint32_t v = in->candidate[i];
		size_t k = i;
		for (; k > 0 && in->candidate[k - 1] > v; k--)
			in->candidate[k] = in->candidate[k - 1];
		in->candidate[k] = v;
	}
}
