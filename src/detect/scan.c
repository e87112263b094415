// SPDX-License-Identifier: GPL-2.0-or-later
/* Scanning: bytes → candidates, which are kept once each and sorted by number. */
#include "detect/engine.h"

#include <stdlib.h>

struct scan {
	const struct prefilter_part *part;
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
	const struct prefilter_entry *x = c->part->entry + c->part->first[id], *end = c->part->entry + c->part->first[id + 1];
	for (; x < end; x++)
		if ((!x->latest || c->offset + to <= x->latest) && bits_test(c->member, x->number))
			inspect_add(c->in, x->number);
	return 0;
}

void prefilter_scan(const struct prefilter *p, struct inspect *in, struct bytes data, uint64_t offset, uint64_t fresh)
{
	if (p->limit) {
		if (offset >= p->limit || fresh >= p->limit)
			return;
		data = bytes_slice(data, 0, (size_t)(p->limit - offset));
	}
	if (!data.len)
		return;
	struct scan c = {.in = in, .member = in->group->rules->member, .offset = offset, .fresh = fresh};
	for (unsigned i = 0; i < p->n_parts; i++) {
		c.part = &p->part[i];
		hs_scan(c.part->database->hs, (const char *)data.data, (unsigned)data.len, 0, in->scratch, on_pattern, &c);
	}
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
