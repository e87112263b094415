// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Binary decision diagrams: functions of Boolean variables in their reduced, ordered form, so that equal functions are equal numbers. Made for sets of
 * packets, where most functions are long chains: nodes of 16 bytes, no reference counts (marking and sweeping at points where the caller names
 * what lives), a lossy cache of operations, a firm bound on memory. Debian's libbdd (BuDDy) was weighed: its state is global, its nodes cost
 * 20 bytes and a count each, and a bound on its memory ends the process.
 *
 * A variable is its level: 0 is asked first. When the bound is reached, `failed` is set and results mean nothing from then on; bdd_room tells before.
 * Not for two threads at a time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint32_t bdd_t; /* a function */
enum { BDD_FALSE = 0, BDD_TRUE = 1, BDD_MAX_LEVELS = 4096 };

struct bdd_node {
	uint32_t level; /* the highest bit: marked */
	bdd_t low, high;
	uint32_t next; /* in its bucket; free: the next free one */
};
struct bdd_cached {
	uint32_t op;
	bdd_t a, b, result;
};
/* Functions that are alive: `n` of them from `set` on, and those of `up`. */
struct bdd_roots {
	struct bdd_roots *up;
	const bdd_t *set;
	size_t n;
};
struct bdd {
	struct bdd_node *node;
	uint32_t *bucket;
	struct bdd_cached *cache;
	uint32_t n_nodes, room, max, n_buckets, cache_mask;
	uint32_t free, n_free, last_live;
	uint64_t work, max_work; /* operations on nodes, so far and at most; 0: any number */
	uint32_t exists; /* number of the last quantification, part of the cache's key */
	struct bdd_roots *roots;
	bool failed;
};

void bdd_init(struct bdd *b, uint32_t max_nodes);
void bdd_free(struct bdd *b);

bdd_t bdd_node(struct bdd *b, uint32_t level, bdd_t low, bdd_t high); /* level ? high : low; both may only ask later levels */
bdd_t bdd_and(struct bdd *b, bdd_t f, bdd_t g);
bdd_t bdd_or(struct bdd *b, bdd_t f, bdd_t g);
bdd_t bdd_minus(struct bdd *b, bdd_t f, bdd_t g); /* f and not g */
static inline bdd_t bdd_not(struct bdd *b, bdd_t f)
{
	return bdd_minus(b, BDD_TRUE, f);
}
static inline bdd_t bdd_var(struct bdd *b, uint32_t level, bool value)
{
	return value ? bdd_node(b, level, BDD_FALSE, BDD_TRUE) : bdd_node(b, level, BDD_TRUE, BDD_FALSE);
}
bool bdd_meet(struct bdd *b, bdd_t f, bdd_t g); /* f and g is not empty; makes no nodes */
/*
 * A cube: literals, level * 2 + value, ascending by level. The same as bdd_minus and bdd_or of f with `within` and the cube, but no node is made for the cube.
 */
bdd_t bdd_minus_cube(struct bdd *b, bdd_t f, const int32_t *literal, size_t n);
bdd_t bdd_or_cube(struct bdd *b, bdd_t f, bdd_t within, const int32_t *literal, size_t n);
/* Forgets the levels that `forget` marks. */
bdd_t bdd_exists(struct bdd *b, bdd_t f, const bool forget[BDD_MAX_LEVELS]);
/* What holds whatever the variables from `level` on are (all), or for some of their values (any). */
bdd_t bdd_all_from(struct bdd *b, bdd_t f, uint32_t level);
bdd_t bdd_any_from(struct bdd *b, bdd_t f, uint32_t level);
bool bdd_holds(const struct bdd *b, bdd_t f, const uint8_t *value); /* value[level] 0 or 1 */
/* Changes `value`, which holds what is preferred, into a member of f, the earlier levels kept sooner. f is not empty. */
void bdd_pick(const struct bdd *b, bdd_t f, uint8_t *value);

/* What may be called where nothing lives but the roots: makes room for `more` nodes. false: the bound is reached. */
bool bdd_room(struct bdd *b, uint32_t more);
static inline void bdd_push(struct bdd *b, struct bdd_roots *r, const bdd_t *set, size_t n)
{
	*r = (struct bdd_roots){b->roots, set, n};
	b->roots = r;
}
static inline void bdd_pop(struct bdd *b)
{
	b->roots = b->roots->up;
}
