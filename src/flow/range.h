// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sequence ranges: which parts of a stream were seen, as sorted disjoint [start, end) of absolute 64-bit offsets. Numbers
 * alone, no bytes: the rules of overlap, gap and end are tested here without a packet.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct range {
	uint64_t start, end;
};

struct range_set {
	struct range *range;
	size_t n, room;
};

/* Adds a range, merging neighbours. -ENOMEM; -E2BIG beyond `max` ranges (0: no limit). */
int range_add(struct range_set *s, uint64_t start, uint64_t end, size_t max);
/* Forgets what lies before `start`. */
void range_cut_before(struct range_set *s, uint64_t start);
/* How far one can go from `from` without a gap; `from` itself if it is not covered. */
uint64_t range_contiguous(const struct range_set *s, uint64_t from);
/* The first gap or covered part at or after `from`. False: none. */
bool range_next_gap(const struct range_set *s, uint64_t from, struct range *out);
bool range_next(const struct range_set *s, uint64_t from, struct range *out);
bool range_covers(const struct range_set *s, uint64_t start, uint64_t end);
/* A 32-bit sequence number near the offset `near` becomes a 64-bit one; `base` is the sequence number of offset 0 (RFC 9293 section 3.4). */
uint64_t seq_unwrap(uint32_t seq, uint32_t base, uint64_t near);
void range_free(struct range_set *s);
