// SPDX-License-Identifier: GPL-2.0-or-later
#include "flow/range.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The first range that ends at or after `at`; s->n if there is none. */
static size_t find_end_from(const struct range_set *s, uint64_t at)
{
	size_t low = 0, high = s->n;
	if (high && s->range[high - 1].end < at)
		return high; /* in order is the usual case */
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (s->range[mid].end < at)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static int make_room(struct range_set *s)
{
	if (s->n < s->room)
		return 0;
	size_t room = s->room ? s->room * 2 : 4;
	struct range *more = realloc(s->range, room * sizeof *more);
	if (!more)
		return -ENOMEM;
	s->range = more;
	s->room = room;
	return 0;
}

int range_add(struct range_set *s, uint64_t start, uint64_t end, size_t max)
{
	if (start >= end)
		return 0;
	size_t first = find_end_from(s, start), last = first;
	while (last < s->n && s->range[last].start <= end)
		last++;
	if (first == last) {
		if (max && s->n >= max)
			return -E2BIG;
		if (make_room(s))
			return -ENOMEM;
		memmove(s->range + first + 1, s->range + first, (s->n - first) * sizeof *s->range);
		s->range[first] = (struct range){start, end};
		s->n++;
		return 0;
	}
	struct range *r = &s->range[first];
	if (start < r->start)
		r->start = start;
	if (end < s->range[last - 1].end)
		end = s->range[last - 1].end;
	r->end = end;
	memmove(r + 1, s->range + last, (s->n - last) * sizeof *s->range);
	s->n -= last - first - 1;
	return 0;
}

void range_cut_before(struct range_set *s, uint64_t start)
{
	size_t gone = 0;
	while (gone < s->n && s->range[gone].end <= start)
		gone++;
	if (gone) {
		memmove(s->range, s->range + gone, (s->n - gone) * sizeof *s->range);
		s->n -= gone;
	}
	if (s->n && s->range[0].start < start)
		s->range[0].start = start;
}

uint64_t range_contiguous(const struct range_set *s, uint64_t from)
{
	size_t i = find_end_from(s, from);
	return i < s->n && s->range[i].start <= from ? s->range[i].end : from;
}

bool range_next_gap(const struct range_set *s, uint64_t from, struct range *out)
{
	uint64_t at = range_contiguous(s, from);
	struct range next;
	if (!range_next(s, at, &next))
		return false;
	*out = (struct range){at, next.start};
	return true;
}

bool range_next(const struct range_set *s, uint64_t from, struct range *out)
{
	size_t i = find_end_from(s, from);
	if (i < s->n && s->range[i].end == from)
		i++;
	if (i >= s->n)
		return false;
	*out = s->range[i];
	if (out->start < from)
		out->start = from;
	return true;
}

bool range_covers(const struct range_set *s, uint64_t start, uint64_t end)
{
	return start >= end || range_contiguous(s, start) >= end;
}

uint64_t seq_unwrap(uint32_t seq, uint32_t base, uint64_t near)
{
	int32_t distance = (int32_t)(seq - base - (uint32_t)near);
	if (distance < 0 && (uint64_t)(-(int64_t)distance) > near)
		return UINT64_MAX; /* before the beginning */
	return near + (uint64_t)(int64_t)distance;
}

void range_free(struct range_set *s)
{
	free(s->range);
	*s = (struct range_set){0};
}
