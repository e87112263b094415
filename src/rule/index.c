// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the loader has met: address and port lists by their text (31,620 rules of a common set have some 1,530 headers), rules by
 * gid and sid. One open hash table; keys are never taken out.
 */
#include "rule/internal.h"

#include "rule/ranges.h"

#include <stdlib.h>
#include <xxhash.h>

enum entry_kind { FREE, ADDRESSES, PORTS, SID, TEXT };

struct entry {
	enum entry_kind kind;
	uint64_t hash;
	const char *text;             /* of a list; sids: NULL */
	uint64_t environment;         /* that it was read in */
	uint64_t sid;                 /* gid << 32 | sid */
	union {
		struct address_set *addresses;
		struct port_set *ports;
		const struct rule *rule;
	};
};

struct rule_index {
	struct entry *entry;
	size_t n, room; /* room: a power of two */
	struct arena arena; /* of lists */
};

enum { SHARED_MAX = 256 /* longer lists have one user as a rule */, ARENA_MAX = 8 << 20 /* then lists are their rules' own */ };

struct rule_index *rule_index_new(void)
{
	struct rule_index *x = xcalloc(1, sizeof *x);
	x->room = 1024;
	x->entry = xcalloc(x->room, sizeof *x->entry);
	arena_init(&x->arena, 16 << 10);
	return x;
}

void rule_index_free(struct rule_index *x)
{
	if (!x)
		return;
	arena_free(&x->arena);
	free(x->entry);
	free(x);
}

static bool same(const struct entry *a, const struct entry *b)
{
	if (a->hash != b->hash || a->kind != b->kind || a->sid != b->sid || a->environment != b->environment)
		return false;
	return a->text == b->text || (a->text && b->text && strcmp(a->text, b->text) == 0);
}

static struct entry *slot(struct rule_index *x, const struct entry *key)
{
	for (size_t i = key->hash & (x->room - 1);; i = (i + 1) & (x->room - 1))
		if (x->entry[i].kind == FREE || same(&x->entry[i], key))
			return &x->entry[i];
}

static void grow(struct rule_index *x)
{
	struct rule_index big = {.n = x->n, .room = x->room * 2, .arena = x->arena};
	big.entry = xcalloc(big.room, sizeof *big.entry);
	for (size_t i = 0; i < x->room; i++)
		if (x->entry[i].kind != FREE)
			*slot(&big, &x->entry[i]) = x->entry[i];
	free(x->entry);
	*x = big;
}

/* The entry of a key, made if it is missing: then its kind is FREE and the caller fills it. */
static struct entry *find(struct rule_index *x, struct entry *key)
{
	if (x->n * 4 >= x->room * 3)
		grow(x);
	return slot(x, key);
}

static void fill(struct rule_index *x, struct entry *e, const struct entry *key)
{
	*e = *key;
	x->n++;
}

static struct entry text_key(enum entry_kind kind, const char *text, const struct rule_set *s, const struct rule_vars *v)
{
	uint64_t environment = s->environment ? s->environment : (uintptr_t)v;
	return (struct entry){.kind = kind, .hash = XXH3_64bits_withSeed(text, strlen(text), kind), .text = text, .environment = environment};
}

/* Where a list is kept: with the index if others may share it, else with its rule. NULL: the latter. */
static struct arena *shared_arena(struct rule_index *x, const char *text)
{
	return strlen(text) <= SHARED_MAX && x->arena.used < ARENA_MAX ? &x->arena : NULL;
}

const struct address_set *rule_index_addresses(struct rule_set *s, const char *text, const struct rule_vars *v, struct error *error)
{
	struct entry key = text_key(ADDRESSES, text, s, v);
	struct entry *e = find(s->index, &key);
	if (e->kind != FREE)
		return e->addresses;
	struct arena *shared = shared_arena(s->index, text), *arena = shared ? shared : &s->arena;
	key.addresses = arena_alloc(arena, sizeof *key.addresses);
	if (!key.addresses || address_set_parse(text, v, arena, key.addresses, error) < 0)
		return NULL;
	key.text = shared ? arena_copy(shared, text, strlen(text) + 1) : NULL;
	if (key.text)
		fill(s->index, e, &key);
	return key.addresses;
}

const struct port_set *rule_index_ports(struct rule_set *s, const char *text, const struct rule_vars *v, struct error *error)
{
	struct entry key = text_key(PORTS, text, s, v);
	struct entry *e = find(s->index, &key);
	if (e->kind != FREE)
		return e->ports;
	struct arena *shared = shared_arena(s->index, text), *arena = shared ? shared : &s->arena;
	key.ports = arena_alloc(arena, sizeof *key.ports);
	if (!key.ports || port_set_parse(text, v, arena, key.ports, error) < 0)
		return NULL;
	key.text = shared ? arena_copy(shared, text, strlen(text) + 1) : NULL;
	if (key.text)
		fill(s->index, e, &key);
	return key.ports;
}

const char *rule_index_text(struct rule_set *s, const char *text)
{
	struct entry key = {.kind = TEXT, .hash = XXH3_64bits(text, strlen(text)), .text = text};
	struct entry *e = find(s->index, &key);
	if (e->kind != FREE)
		return e->text;
	key.text = arena_copy(&s->index->arena, text, strlen(text) + 1);
	if (key.text)
		fill(s->index, e, &key);
	return key.text;
}

const struct rule **rule_index_sid(struct rule_set *s, const struct rule *r)
{
	struct entry key = {.kind = SID, .sid = (uint64_t)r->gid << 32 | r->sid};
	key.hash = XXH3_64bits(&key.sid, sizeof key.sid);
	struct entry *e = find(s->index, &key);
	if (e->kind != FREE)
		return &e->rule;
	key.rule = r;
	fill(s->index, e, &key);
	return NULL;
}
