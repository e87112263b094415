// SPDX-License-Identifier: GPL-2.0-or-later
#include "ruleset/bdd.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { OP_AND = 1, OP_OR, OP_MINUS, OP_ALL, OP_ANY, OP_EXISTS /* + number */ };
enum { START_NODES = 1 << 16, LEAF = BDD_MAX_LEVELS };
static const uint32_t MARKED = 1u << 31;

void bdd_init(struct bdd *b, uint32_t max_nodes)
{
	*b = (struct bdd){.room = START_NODES, .max = max_nodes < START_NODES ? START_NODES : max_nodes, .n_buckets = START_NODES, .n_nodes = 2};
	b->node = xcalloc(b->room, sizeof *b->node);
	b->bucket = xcalloc(b->n_buckets, sizeof *b->bucket);
	b->cache_mask = (1u << 18) - 1;
	b->cache = xcalloc(b->cache_mask + 1u, sizeof *b->cache);
	b->node[BDD_FALSE].level = b->node[BDD_TRUE].level = LEAF;
}

void bdd_free(struct bdd *b)
{
	free(b->node);
	free(b->bucket);
	free(b->cache);
	*b = (struct bdd){0};
}

static uint32_t mix(uint32_t a, uint32_t b, uint32_t c)
{
	uint64_t h = a * 0x9e3779b97f4a7c15ull ^ b * 0xc2b2ae3d27d4eb4full ^ c * 0x165667b19e3779f9ull;
	return (uint32_t)(h ^ h >> 32) * 0x85ebca6bu >> 3;
}

/* ---- nodes ---- */

static void fill_buckets(struct bdd *b)
{
	memset(b->bucket, 0, b->n_buckets * sizeof *b->bucket);
	for (uint32_t i = 2; i < b->n_nodes; i++) {
		struct bdd_node *n = &b->node[i];
		if (n->level == LEAF)
			continue; /* free */
		uint32_t *at = &b->bucket[mix(n->level, n->low, n->high) & (b->n_buckets - 1)];
		n->next = *at;
		*at = i;
	}
}

static bool grow(struct bdd *b)
{
	if (b->room >= b->max)
		return false;
	b->room = b->room > b->max / 2 ? b->max : b->room * 2;
	b->node = xrealloc(b->node, b->room * sizeof *b->node);
	if (b->n_buckets < b->room / 2) {
		b->n_buckets *= 2;
		b->bucket = xrealloc(b->bucket, b->n_buckets * sizeof *b->bucket);
		fill_buckets(b);
	}
	return true;
}

bdd_t bdd_node(struct bdd *b, uint32_t level, bdd_t low, bdd_t high)
{
	if (low == high)
		return low;
	uint32_t hash = mix(level, low, high), i;
	for (i = b->bucket[hash & (b->n_buckets - 1)]; i; i = b->node[i].next)
		if (b->node[i].level == level && b->node[i].low == low && b->node[i].high == high)
			return i;
	if (b->free) {
		i = b->free;
		b->free = b->node[i].next;
		b->n_free--;
	} else if (b->n_nodes < b->room || grow(b)) {
		i = b->n_nodes++;
	} else {
		b->failed = true;
		return BDD_FALSE;
	}
	uint32_t *at = &b->bucket[hash & (b->n_buckets - 1)];
	b->node[i] = (struct bdd_node){level, low, high, *at};
	return *at = i;
}

static void mark(struct bdd *b, bdd_t f)
{
	while (f > BDD_TRUE && !(b->node[f].level & MARKED)) { /* as deep as there are levels */
		b->node[f].level |= MARKED;
		mark(b, b->node[f].low);
		f = b->node[f].high;
	}
}

static void sweep(struct bdd *b)
{
	b->free = b->n_free = 0;
	for (uint32_t i = b->n_nodes - 1; i >= 2; i--) {
		struct bdd_node *n = &b->node[i];
		if (n->level & MARKED) {
			n->level &= ~MARKED;
		} else {
			*n = (struct bdd_node){.level = LEAF, .next = b->free};
			b->free = i;
			b->n_free++;
		}
	}
	b->last_live = b->n_nodes - b->n_free;
	fill_buckets(b);
	memset(b->cache, 0, (b->cache_mask + 1u) * sizeof *b->cache);
}

bool bdd_room(struct bdd *b, uint32_t more)
{
	uint32_t soft = b->last_live * 2 + (1u << 20); /* sweeping is worth it when half of all is dead */
	if (soft > b->max)
		soft = b->max;
	if (b->n_nodes - b->n_free + more <= soft || b->n_free >= more)
		return !b->failed;
	for (struct bdd_roots *r = b->roots; r; r = r->up)
		for (size_t i = 0; i < r->n; i++)
			mark(b, r->set[i]);
	sweep(b);
	return !b->failed && b->last_live + more <= b->max;
}

/* ---- operations ---- */

static struct bdd_cached *cached(struct bdd *b, uint32_t op, bdd_t f, bdd_t g)
{
	return &b->cache[mix(op, f, g) & b->cache_mask];
}

static bdd_t keep(struct bdd *b, uint32_t op, bdd_t f, bdd_t g, bdd_t result)
{
	*cached(b, op, f, g) = (struct bdd_cached){op, f, g, result};
	return result;
}

/* 1 and the result, where it is known without going down. */
static bool known(uint32_t op, bdd_t f, bdd_t g, bdd_t *result)
{
	if (op == OP_AND) {
		*result = f == BDD_FALSE || g == BDD_FALSE ? BDD_FALSE : f == BDD_TRUE ? g : f;
		return f <= BDD_TRUE || g <= BDD_TRUE || f == g;
	}
	if (op == OP_OR) {
		*result = f == BDD_TRUE || g == BDD_TRUE ? BDD_TRUE : f == BDD_FALSE ? g : f;
		return f <= BDD_TRUE || g <= BDD_TRUE || f == g;
	}
	*result = g == BDD_FALSE ? f : BDD_FALSE;
	return f == BDD_FALSE || g <= BDD_TRUE || f == g;
}

static bdd_t apply(struct bdd *b, uint32_t op, bdd_t f, bdd_t g)
{
	bdd_t result;
	if (known(op, f, g, &result))
		return result;
	if (op != OP_MINUS && f > g) {
		bdd_t swap = f;
		f = g;
		g = swap;
	}
	struct bdd_cached *c = cached(b, op, f, g);
	if (c->op == op && c->a == f && c->b == g)
		return c->result;
	if (++b->work > b->max_work && b->max_work)
		b->failed = true;
	if (b->failed)
		return BDD_FALSE;
	uint32_t of = b->node[f].level, og = b->node[g].level, level = of < og ? of : og;
	bdd_t f0 = of == level ? b->node[f].low : f, f1 = of == level ? b->node[f].high : f;
	bdd_t g0 = og == level ? b->node[g].low : g, g1 = og == level ? b->node[g].high : g;
	bdd_t low = apply(b, op, f0, g0), high = apply(b, op, f1, g1);
	return b->failed ? BDD_FALSE : keep(b, op, f, g, bdd_node(b, level, low, high));
}

bdd_t bdd_and(struct bdd *b, bdd_t f, bdd_t g)
{
	return apply(b, OP_AND, f, g);
}

bdd_t bdd_or(struct bdd *b, bdd_t f, bdd_t g)
{
	return apply(b, OP_OR, f, g);
}

bdd_t bdd_minus(struct bdd *b, bdd_t f, bdd_t g)
{
	return apply(b, OP_MINUS, f, g);
}

/* ---- cubes ---- */

static bdd_t minus_cube(struct bdd *b, bdd_t f, const int32_t *literal, size_t n, uint32_t op)
{
	if (++b->work > b->max_work && b->max_work)
		b->failed = true;
	if (f == BDD_FALSE || !n || b->failed)
		return BDD_FALSE;
	uint32_t level = (uint32_t)literal[0] / 2, of = b->node[f].level;
	if (of < level) { /* the cube does not ask this one: both ways, each node once */
		struct bdd_cached *c = cached(b, op, f, (bdd_t)n);
		if (c->op == op && c->a == f && c->b == n)
			return c->result;
		bdd_t low = minus_cube(b, b->node[f].low, literal, n, op), high = minus_cube(b, b->node[f].high, literal, n, op);
		return keep(b, op, f, (bdd_t)n, bdd_node(b, of, low, high));
	}
	bdd_t low = of == level ? b->node[f].low : f, high = of == level ? b->node[f].high : f;
	if (literal[0] & 1)
		return bdd_node(b, level, low, minus_cube(b, high, literal + 1, n - 1, op));
	return bdd_node(b, level, minus_cube(b, low, literal + 1, n - 1, op), high);
}

bdd_t bdd_minus_cube(struct bdd *b, bdd_t f, const int32_t *literal, size_t n)
{
	return minus_cube(b, f, literal, n, OP_EXISTS + ++b->exists);
}

static bdd_t and_cube(struct bdd *b, bdd_t f, const int32_t *literal, size_t n, uint32_t op)
{
	if (++b->work > b->max_work && b->max_work)
		b->failed = true;
	if (f == BDD_FALSE || !n || b->failed)
		return f;
	uint32_t level = (uint32_t)literal[0] / 2, of = b->node[f].level;
	if (of < level) {
		struct bdd_cached *c = cached(b, op, f, (bdd_t)n);
		if (c->op == op && c->a == f && c->b == n)
			return c->result;
		bdd_t low = and_cube(b, b->node[f].low, literal, n, op), high = and_cube(b, b->node[f].high, literal, n, op);
		return keep(b, op, f, (bdd_t)n, bdd_node(b, of, low, high));
	}
	bool one = literal[0] & 1;
	bdd_t to = of > level ? f : one ? b->node[f].high : b->node[f].low;
	bdd_t rest = and_cube(b, to, literal + 1, n - 1, op);
	return one ? bdd_node(b, level, BDD_FALSE, rest) : bdd_node(b, level, rest, BDD_FALSE);
}

/* As long as the cube asks first, the way goes down beside it; then the general operations take over. */
static bdd_t or_cube(struct bdd *b, bdd_t f, bdd_t within, const int32_t *literal, size_t n)
{
	if (within == BDD_FALSE || f == BDD_TRUE || b->failed)
		return f;
	uint32_t level = n ? (uint32_t)literal[0] / 2 : 0;
	if (!n || b->node[f].level < level || b->node[within].level < level)
		return apply(b, OP_OR, f, and_cube(b, within, literal, n, OP_EXISTS + ++b->exists));
	bdd_t f0 = b->node[f].level == level ? b->node[f].low : f, f1 = b->node[f].level == level ? b->node[f].high : f;
	bdd_t w0 = b->node[within].level == level ? b->node[within].low : within, w1 = b->node[within].level == level ? b->node[within].high : within;
	if (literal[0] & 1)
		return bdd_node(b, level, f0, or_cube(b, f1, w1, literal + 1, n - 1));
	return bdd_node(b, level, or_cube(b, f0, w0, literal + 1, n - 1), f1);
}

bdd_t bdd_or_cube(struct bdd *b, bdd_t f, bdd_t within, const int32_t *literal, size_t n)
{
	return or_cube(b, f, within, literal, n);
}

bool bdd_meet(struct bdd *b, bdd_t f, bdd_t g)
{
	if (f == BDD_FALSE || g == BDD_FALSE)
		return false;
	if (f == BDD_TRUE || g == BDD_TRUE || f == g)
		return true;
	if (f > g)
		return bdd_meet(b, g, f);
	struct bdd_cached *c = cached(b, OP_AND, f, g);
	if (c->op == OP_AND && c->a == f && c->b == g)
		return c->result != BDD_FALSE;
	uint32_t of = b->node[f].level, og = b->node[g].level, level = of < og ? of : og;
	bdd_t f0 = of == level ? b->node[f].low : f, f1 = of == level ? b->node[f].high : f;
	bdd_t g0 = og == level ? b->node[g].low : g, g1 = og == level ? b->node[g].high : g;
	if (bdd_meet(b, f0, g0) || bdd_meet(b, f1, g1))
		return true;
	keep(b, OP_AND, f, g, BDD_FALSE);
	return false;
}

static bdd_t exists(struct bdd *b, bdd_t f, const bool *forget, uint32_t op)
{
	if (f <= BDD_TRUE)
		return f;
	struct bdd_cached *c = cached(b, op, f, 0);
	if (c->op == op && c->a == f)
		return c->result;
	struct bdd_node n = b->node[f];
	bdd_t low = exists(b, n.low, forget, op), high = exists(b, n.high, forget, op);
	return keep(b, op, f, 0, forget[n.level] ? apply(b, OP_OR, low, high) : bdd_node(b, n.level, low, high));
}

bdd_t bdd_exists(struct bdd *b, bdd_t f, const bool forget[BDD_MAX_LEVELS])
{
	return exists(b, f, forget, OP_EXISTS + ++b->exists);
}

static bdd_t cut_from(struct bdd *b, bdd_t f, uint32_t level, bdd_t beyond, uint32_t op)
{
	if (f <= BDD_TRUE)
		return f;
	struct bdd_node n = b->node[f];
	if (n.level >= level)
		return beyond;
	struct bdd_cached *c = cached(b, op, f, level);
	if (c->op == op && c->a == f && c->b == level)
		return c->result;
	bdd_t low = cut_from(b, n.low, level, beyond, op), high = cut_from(b, n.high, level, beyond, op);
	return keep(b, op, f, level, bdd_node(b, n.level, low, high));
}

/* A reduced function that asks anything is neither always true nor never. */
bdd_t bdd_all_from(struct bdd *b, bdd_t f, uint32_t level)
{
	return cut_from(b, f, level, BDD_FALSE, OP_ALL);
}

bdd_t bdd_any_from(struct bdd *b, bdd_t f, uint32_t level)
{
	return cut_from(b, f, level, BDD_TRUE, OP_ANY);
}

bool bdd_holds(const struct bdd *b, bdd_t f, const uint8_t *value)
{
	while (f > BDD_TRUE)
		f = value[b->node[f].level] ? b->node[f].high : b->node[f].low;
	return f == BDD_TRUE;
}

void bdd_pick(const struct bdd *b, bdd_t f, uint8_t *value)
{
	while (f > BDD_TRUE) {
		const struct bdd_node *n = &b->node[f];
		if ((value[n->level] ? n->high : n->low) == BDD_FALSE)
			value[n->level] ^= 1;
		f = value[n->level] ? n->high : n->low;
	}
}
