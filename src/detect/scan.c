// SPDX-License-Identifier: GPL-2.0-or-later
/* Scanning: bytes → candidates, which are kept once each and sorted by number. */
#include "detect/engine.h"

#include <stdlib.h>

struct scan {
	const struct prefilter_part *part[SCAN_LIST_MAX]; /* of one database */
	bool guest[SCAN_LIST_MAX];
	unsigned n_parts;
	struct inspect *in;
	const uint64_t *member;
	uint64_t offset, fresh;
};

static int on_pattern(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *context)
{
	const struct scan *c = context;
	(void)from, (void)flags;
	if (c->offset + to <= c->fresh)
		return 0;
	for (unsigned i = 0; i < c->n_parts; i++) {
		const struct prefilter_part *part = c->part[i];
		const struct prefilter_entry *x = part->entry + part->first[id], *end = part->entry + part->first[id + 1];
		for (; x < end; x++)
			if ((!x->latest || c->offset + to <= x->latest || c->guest[i]) && bits_test(c->member, x->number))
				inspect_add(c->in, x->number);
	}
	return 0;
}

static void scan_part(struct scan *c, struct bytes data)
{
	hs_scan(c->part[0]->database->hs, (const char *)data.data, (unsigned)data.len, 0, c->in->scratch, on_pattern, c);
}

static void scan_parts(const struct prefilter *p, bool guest, struct inspect *in, struct bytes data, uint64_t offset, uint64_t fresh)
{
	struct scan c = {.n_parts = 1, .in = in, .member = in->group->rules->member, .offset = offset, .fresh = fresh};
	c.guest[0] = guest;
	for (unsigned i = 0; data.len && i < p->n_parts; i++) {
		c.part[0] = &p->part[i];
		scan_part(&c, data);
	}
}

void prefilter_scan(const struct prefilter *p, struct inspect *in, struct bytes data, uint64_t offset, uint64_t fresh)
{
	anchors_scan(p->anchors, in, data, offset, fresh);
	if (p->limit) {
		if (offset >= p->limit || fresh >= p->limit)
			return;
		data = bytes_slice(data, 0, (size_t)(p->limit - offset));
	}
	scan_parts(p, false, in, data, offset, fresh);
}

/* What must be searched again: a pattern that ends in what is new may begin before it. */
static size_t seen_before(uint32_t longest, uint64_t offset, uint64_t fresh)
{
	uint64_t back = longest ? longest - 1 : 0, from = fresh > back ? fresh - back : 0;
	return from > offset ? (size_t)(from - offset) : 0;
}

/* The parts of one database among prefilters; 0 if those before `from` have it too. */
static unsigned parts_of(const struct prefilter *const *list, unsigned n, unsigned from, const struct database *d, const struct prefilter_part **out,
			 unsigned *place)
{
	unsigned found = 0;
	for (unsigned i = 0; i < n; i++)
		for (unsigned k = 0; k < list[i]->n_parts; k++) {
			if (list[i]->part[k].database != d)
				continue;
			if (i < from)
				return 0;
			place[found] = i;
			out[found++] = &list[i]->part[k];
			break;
		}
	return found;
}

/* The pool of the first: one search for all of its members in the list, or as many as its patterns have databases after a reload. */
static void scan_pool(const struct scan_list *l, unsigned first, struct inspect *in, struct bytes data, uint64_t offset, uint64_t fresh)
{
	struct scan c = {.in = in, .member = in->group->rules->member, .fresh = fresh};
	const struct prefilter *member[SCAN_LIST_MAX];
	bool guest[SCAN_LIST_MAX];
	unsigned n_members = 0, place[SCAN_LIST_MAX];
	uint32_t longest = 0;
	for (unsigned i = first; i < l->n; i++)
		if (l->item[i]->pool == l->item[first]->pool) {
			guest[n_members] = i >= l->n_own;
			if (i < l->n_own)
				anchors_scan(l->item[i]->anchors, in, data, offset, fresh);
			member[n_members++] = l->item[i];
			longest = l->item[i]->longest > longest ? l->item[i]->longest : longest;
		}
	size_t skip = seen_before(longest, offset, fresh);
	c.offset = offset + skip;
	if (skip >= data.len)
		return;
	for (unsigned i = 0; i < n_members; i++)
		for (unsigned k = 0; k < member[i]->n_parts; k++) {
			c.n_parts = parts_of(member, n_members, i, member[i]->part[k].database, c.part, place);
			for (unsigned m = 0; m < c.n_parts; m++)
				c.guest[m] = guest[place[m]];
			if (c.n_parts)
				scan_part(&c, bytes_from(data, skip));
		}
}

static bool is_pool_seen(const struct scan_list *l, unsigned i)
{
	for (unsigned k = 0; k < i; k++)
		if (l->item[k]->pool == l->item[i]->pool)
			return true;
	return false;
}

void prefilters_scan(const struct scan_list *l, struct inspect *in, struct bytes data, uint64_t offset, uint64_t fresh)
{
	for (unsigned i = 0; i < l->n; i++) {
		const struct prefilter *p = l->item[i];
		size_t skip = seen_before(p->longest, offset, fresh);
		if (p->pool && !is_pool_seen(l, i))
			scan_pool(l, i, in, data, offset, fresh);
		else if (!p->pool && i < l->n_own)
			prefilter_scan(p, in, bytes_from(data, skip), offset + skip, fresh);
		else if (!p->pool && !p->limit)
			scan_parts(p, true, in, bytes_from(data, skip), offset + skip, fresh);
	}
}

void prefilters_scan_start(const struct scan_list *l, struct inspect *in, struct bytes data)
{
	for (unsigned i = 0; i < l->n; i++)
		if (l->item[i]->limit)
			prefilter_scan(l->item[i], in, data, 0, 0);
		else
			anchors_scan(l->item[i]->anchors, in, data, 0, 0);
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
