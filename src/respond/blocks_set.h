// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Private to blocks*.c: disjoint prefixes in two orders. By address a skip list, so that what covers an address and what lies within a
 * prefix are neighbours; by end a heap.
 */
#pragma once

#include "respond/blocks.h"

enum { BLOCK_LEVELS = 20 };

struct block_node {
	struct block b;
	size_t heap_at;
	uint8_t height;
	struct block_node *next[];
};

struct block_set {
	struct block_node *head;
	struct block_node **heap; /* the earliest end first, those for good last */
	size_t n, room;
	uint64_t random;
};

bool block_set_init(struct block_set *s);
void block_set_free(struct block_set *s);
/* The one that begins at `a` or nearest before it, of the same family; NULL: none. */
struct block_node *block_set_before(const struct block_set *s, const struct address *a);
/* The first that begins at `a` or behind it, of any family. */
struct block_node *block_set_from(const struct block_set *s, const struct address *a);
/* NULL: no memory. The prefix must not overlap another. */
struct block_node *block_set_insert(struct block_set *s, const struct block *b);
void block_set_remove(struct block_set *s, struct block_node *n);
/* After n->b.until was changed. */
void block_set_moved(struct block_set *s, struct block_node *n);

bool block_within(const struct address *a, const struct address *prefix, unsigned len);
/* Whether an end is later than another; 0 is the latest. */
static inline bool block_ends_later(usec_t a, usec_t b)
{
	return b != 0 && (a == 0 || a > b);
}
