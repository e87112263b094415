// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Compiled rules that outlive an engine. A load reads files rule by rule: a text that an engine before had is taken as it is, another is
 * compiled into the memory of the current chunk. So a reload takes memory for what changed, and for a new engine's tables.
 */
#include "detect/engine.h"

#include <nettle/sha2.h>
#include <stdlib.h>
#include <xxhash.h>

enum { BLOCK = 60 << 10, CHUNK_MAX = 4 * BLOCK, RULE_USUAL = 3 << 10, SLOTS = 1 << 15, SPARSE_AT_ONCE = 16 };

struct chunk {
	struct arena arena;
	size_t live, made; /* rules */
	bool pinned;       /* something of longer life lies in it too */
	struct chunk *next;
};

struct part {
	XXH128_hash_t key;
	struct signature *sig; /* NULL: not evaluated */
	struct chunk *chunk;
	unsigned users;
	bool alone;            /* another load has to look again: it had findings, or depends on files */
	struct part *next;
};

struct part_store {
	struct part **slot;
	struct chunk *chunks, *current;
	struct rule_set work;  /* of the rule that is read; its index holds the headers of all */
	struct transform_chain *chains;
	struct database *databases;
	struct part_counts counts;
};

struct part_store *part_store_new(void)
{
	struct part_store *s = xcalloc(1, sizeof *s);
	s->slot = xcalloc(SLOTS, sizeof(struct part *));
	rule_set_init(&s->work);
	s->work.arena = (struct arena){0}; /* a chunk's, while a rule is read */
	arena_init(&s->work.options, 16 << 10);
	return s;
}

struct database **part_databases(struct part_store *store)
{
	return &store->databases;
}

struct part_counts part_counts_of(const struct part_store *store)
{
	struct part_counts c = store->counts;
	for (const struct chunk *k = store->chunks; k; k = k->next)
		c.bytes += k->arena.used;
	return c;
}

/* ---- chunks ---- */

static void chunk_drop(struct part_store *s, struct chunk *c)
{
	struct chunk **at = &s->chunks;
	if (c->live || c->pinned || c == s->current)
		return;
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	arena_free(&c->arena);
	free(c);
}

static struct chunk *chunk_current(struct part_store *s)
{
	struct chunk *c = s->current;
	if (c && c->arena.end - c->arena.at >= RULE_USUAL && c->arena.used < CHUNK_MAX)
		return c;
	s->current = NULL;
	if (c)
		chunk_drop(s, c);
	c = xcalloc(1, sizeof *c);
	arena_init(&c->arena, BLOCK);
	c->next = s->chunks;
	s->chunks = s->current = c;
	return c;
}

static bool chunk_is_sparse(const struct chunk *c)
{
	return c->live * 2 < c->made && !c->pinned;
}

static struct part **slot_of(struct part_store *s, XXH128_hash_t key)
{
	return &s->slot[key.low64 % SLOTS];
}

static void part_free(struct part_store *s, struct part *p)
{
	struct part **at = slot_of(s, p->key);
	while (*at && *at != p)
		at = &(*at)->next;
	if (*at)
		*at = p->next;
	if (p->sig)
		signature_release(p->sig);
	p->chunk->live--;
	chunk_drop(s, p->chunk);
	free(p);
}

void part_leave(struct part_store *store, struct part *p)
{
	if (--p->users == 0)
		part_free(store, p);
}

void part_store_free(struct part_store *s)
{
	if (!s)
		return;
	transform_chains_release(s->chains);
	for (struct chunk *c = s->chunks, *next; c; c = next) {
		next = c->next;
		arena_free(&c->arena);
		free(c);
	}
	s->work.arena = (struct arena){0};
	rule_set_free(&s->work);
	free(s->slot);
	free(s);
}

/* ---- loading ---- */

struct load {
	struct rule_sink sink;
	struct part_store *store;
	struct rule_set *rules;
	struct compile_context *ctx;
	uint64_t environment;
	struct part **part;
	size_t n, room, sparse;
	struct part *found; /* by sink.known, until sink.take */
	XXH128_hash_t key;  /* of the rule that is looked at */
	struct sha256_ctx digest;
	usec_t start;
};

static XXH128_hash_t key_of(const struct load *l, struct bytes text)
{
	return XXH3_128bits_withSeed(text.data, text.len, l->environment);
}

/* Memory for a rule that is not known: the current chunk's. */
static void work_begin(struct load *l)
{
	l->store->work.arena = chunk_current(l->store)->arena;
}

static void work_end(struct load *l)
{
	struct rule_set *work = &l->store->work;
	l->store->current->arena = work->arena;
	work->arena = (struct arena){0};
	arena_free(&work->options);
}

static const struct rule *known(struct rule_sink *sink, struct bytes text)
{
	struct load *l = (struct load *)sink;
	l->found = NULL;
	l->key = key_of(l, text);
	if (l->store->work.arena.block)
		work_end(l); /* the rule before was not whole */
	for (struct part *p = *slot_of(l->store, l->key); p; p = p->next) {
		if (!XXH128_isEqual(p->key, l->key) || p->alone || !p->sig)
			continue;
		/* chunks that are mostly empty are left, a few with each load */
		if (chunk_is_sparse(p->chunk) && l->sparse < (size_t)SPARSE_AT_ONCE * 32) {
			l->sparse++;
			break;
		}
		l->found = p;
		return p->sig->rule;
	}
	work_begin(l);
	return NULL;
}

static void add(struct load *l, struct part *p)
{
	if (l->n == l->room) {
		l->room = l->room ? l->room * 2 : 1024;
		l->part = xrealloc(l->part, l->room * sizeof(struct part *));
	}
	l->part[l->n++] = p;
	p->users++;
}

static struct part *compile(struct load *l, const struct rule *r)
{
	struct part_store *s = l->store;
	struct compile_context *ctx = l->ctx;
	const struct finding *before = l->rules->last_finding;
	const struct transform_chain *chains = ctx->chains;
	struct part *p = xcalloc(1, sizeof *p);
	ctx->alone = false;
	p->key = l->key;
	p->sig = signature_compile(ctx, r);
	p->alone = ctx->alone || l->rules->last_finding != before; /* what is said is said with each load */
	p->chunk = s->current;
	p->chunk->live++;
	p->chunk->made++;
	p->chunk->pinned |= ctx->chains != chains;
	s->chains = ctx->chains;
	((struct rule *)r)->options = NULL; /* ours: read a moment ago, not shared yet */
	struct part **at = slot_of(s, p->key);
	p->next = *at;
	*at = p;
	return p;
}

static void take(struct rule_sink *sink, const struct rule *r)
{
	struct load *l = (struct load *)sink;
	sha256_update(&l->digest, strlen(r->text), (const uint8_t *)r->text);
	sha256_update(&l->digest, 1, (const uint8_t *)"\n");
	l->store->counts.rules++;
	l->store->counts.rules_kept += l->found != NULL;
	if (l->found) {
		add(l, l->found);
		return;
	}
	add(l, compile(l, r));
	work_end(l);
}

/* Rare: two revisions of one sid. */
static void leave(struct rule_sink *sink, const struct rule *r)
{
	struct load *l = (struct load *)sink;
	for (size_t i = 0; i < l->n; i++)
		if (l->part[i]->sig && l->part[i]->sig->rule == r) {
			part_leave(l->store, l->part[i]);
			memmove(l->part + i, l->part + i + 1, (--l->n - i) * sizeof(struct part *));
			return;
		}
}

struct load *load_begin(struct part_store *store, struct rule_set *rules, struct compile_context *ctx, uint64_t environment)
{
	struct load *l = xcalloc(1, sizeof *l);
	*l = (struct load){.sink = {&store->work, known, take, leave}, .store = store, .rules = rules, .ctx = ctx, .environment = environment};
	l->start = clock_monotonic();
	sha256_init(&l->digest);
	store->counts = (struct part_counts){0};
	store->work.environment = environment;
	rules->sink = &l->sink;
	ctx->arena = &store->work.arena;
	ctx->findings = rules;
	ctx->chains = store->chains;
	return l;
}

size_t load_count(const struct load *l)
{
	return l->n;
}

static void load_end(struct load *l)
{
	if (l->store->work.arena.block)
		work_end(l);
	rule_set_drop_options(l->rules);
	l->rules->sink = NULL;
	free(l->part);
	free(l);
}

void load_abandon(struct load *l)
{
	for (size_t i = 0; i < l->n; i++)
		part_leave(l->store, l->part[i]);
	load_end(l);
}

struct engine *engine_of_load(struct load *l, const struct engine_settings *s, uint8_t digest[32], struct error *error)
{
	usec_t start = l->start;
	struct part **part = xcalloc(l->n + 1, sizeof(struct part *));
	struct signature **sig = xcalloc(l->n + 1, sizeof *sig);
	uint32_t n = 0;
	sha256_digest(&l->digest, SHA256_DIGEST_SIZE, digest);
	for (size_t i = 0; i < l->n; i++) {
		if (!l->part[i]->sig) {
			part_leave(l->store, l->part[i]);
			continue;
		}
		part[n] = l->part[i];
		sig[n++] = l->part[i]->sig;
	}
	size_t loaded = l->n;
	struct part_store *store = l->store;
	struct rule_set *rules = l->rules;
	load_end(l);
	struct engine *e = engine_of_parts(store, rules, part, sig, n, loaded, s, error);
	if (e)
		e->counts.compile_seconds = (double)(clock_monotonic() - start) / USEC_PER_SEC;
	return e;
}
