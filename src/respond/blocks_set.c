// SPDX-License-Identifier: GPL-2.0-or-later
#include "respond/blocks_set.h"

#include <stdlib.h>

bool block_within(const struct address *a, const struct address *prefix, unsigned len)
{
	struct address x = *a;
	address_mask(&x, len);
	return address_equal(&x, prefix);
}

bool block_set_init(struct block_set *s)
{
	*s = (struct block_set){.random = 88172645463325252u};
	s->head = calloc(1, sizeof *s->head + BLOCK_LEVELS * sizeof s->head);
	if (s->head)
		s->head->height = BLOCK_LEVELS;
	return s->head != NULL;
}

void block_set_free(struct block_set *s)
{
	for (struct block_node *n = s->head, *next; n; n = next) {
		next = n->next[0];
		free(n);
	}
	free(s->heap);
	*s = (struct block_set){0};
}

/* The last node of each level that begins before `a`. */
static void search(const struct block_set *s, const struct address *a, struct block_node *path[BLOCK_LEVELS])
{
	struct block_node *n = s->head;
	for (int level = BLOCK_LEVELS - 1; level >= 0; level--) {
		while (n->next[level] && address_compare(&n->next[level]->b.prefix, a) < 0)
			n = n->next[level];
		path[level] = n;
	}
}

struct block_node *block_set_from(const struct block_set *s, const struct address *a)
{
	struct block_node *path[BLOCK_LEVELS];
	search(s, a, path);
	return path[0]->next[0];
}

struct block_node *block_set_before(const struct block_set *s, const struct address *a)
{
	struct block_node *path[BLOCK_LEVELS];
	search(s, a, path);
	struct block_node *n = path[0]->next[0];
	if (n && address_equal(&n->b.prefix, a))
		return n;
	n = path[0];
	return n != s->head && n->b.prefix.family == a->family ? n : NULL;
}

/* One level more with a chance of a half each. */
static uint8_t draw_height(struct block_set *s)
{
	s->random ^= s->random << 13;
	s->random ^= s->random >> 7;
	s->random ^= s->random << 17;
	int zeros = __builtin_ctzll(s->random | UINT64_C(1) << (BLOCK_LEVELS - 1));
	return (uint8_t)(zeros + 1);
}

static void heap_put(struct block_set *s, size_t at, struct block_node *n)
{
	s->heap[at] = n;
	n->heap_at = at;
}

static bool ends_before(const struct block_node *a, const struct block_node *b)
{
	return block_ends_later(b->b.until, a->b.until);
}

void block_set_moved(struct block_set *s, struct block_node *n)
{
	size_t at = n->heap_at;
	for (; at && ends_before(n, s->heap[(at - 1) / 2]); at = (at - 1) / 2)
		heap_put(s, at, s->heap[(at - 1) / 2]);
	for (size_t child; (child = at * 2 + 1) < s->n; at = child) {
		child += child + 1 < s->n && ends_before(s->heap[child + 1], s->heap[child]);
		if (!ends_before(s->heap[child], n))
			break;
		heap_put(s, at, s->heap[child]);
	}
	heap_put(s, at, n);
}

static bool heap_grow(struct block_set *s)
{
	if (s->n < s->room)
		return true;
	size_t room = s->room ? s->room * 2 : 64;
	struct block_node **heap = realloc(s->heap, room * sizeof *heap);
	if (!heap)
		return false;
	s->heap = heap;
	s->room = room;
	return true;
}

struct block_node *block_set_insert(struct block_set *s, const struct block *b)
{
	struct block_node *path[BLOCK_LEVELS];
	uint8_t height = draw_height(s);
	struct block_node *n = heap_grow(s) ? malloc(sizeof *n + height * sizeof n) : NULL;
	if (!n)
		return NULL;
	n->b = *b;
	n->height = height;
	search(s, &b->prefix, path);
	for (unsigned level = 0; level < height; level++) {
		n->next[level] = path[level]->next[level];
		path[level]->next[level] = n;
	}
	heap_put(s, s->n++, n);
	block_set_moved(s, n);
	return n;
}

void block_set_remove(struct block_set *s, struct block_node *n)
{
	struct block_node *path[BLOCK_LEVELS], *last = s->heap[--s->n];
	search(s, &n->b.prefix, path);
	for (unsigned level = 0; level < n->height; level++)
		path[level]->next[level] = n->next[level];
	if (last != n) {
		heap_put(s, n->heap_at, last);
		block_set_moved(s, last);
	}
	free(n);
}
