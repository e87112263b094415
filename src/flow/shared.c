// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Shards of chained hash tables, each behind its own lock. Keys are packed to bytes without padding, so that hashing and comparing
 * see the fields alone. Entries come from a slab per shard; what is in use is charged to one process-wide count.
 */
#include "flow/shared.h"

#include "base/memory.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <xxhash.h>

enum { N_SHARDS = 64, KEY_BYTES = 52, FIRST_BUCKETS = 64, EXPIRE_SHARDS = 4 };

struct entry {
	uint8_t value[SHARED_VALUE] __attribute__((aligned(16)));
	struct entry *next;
	usec_t expires; /* INT64_MAX: never */
	uint32_t hash;
	uint8_t key[KEY_BYTES];
};

struct shard {
	pthread_mutex_t lock;
	struct entry **bucket;
	size_t n_buckets, n; /* a power of two */
	usec_t soonest;      /* nothing expires before it */
	struct slab slab;
	struct entry *current; /* between shared_lock and shared_unlock */
} __attribute__((aligned(64)));

struct shared_table {
	struct shard shard[N_SHARDS];
	uint64_t memcap, seed;
	_Atomic uint64_t bytes;
	_Atomic size_t count[SHARED_KIND_N_];
	_Atomic unsigned next_expire;
};

static void pack(const struct shared_key *k, uint8_t out[KEY_BYTES])
{
	uint8_t *p = out;
	*p++ = k->kind;
	store_be32(p, k->gid), store_be32(p + 4, k->sid), store_be32(p + 8, k->tenant);
	p += 12;
	*p++ = k->a.family;
	memcpy(p, k->a.byte, 16);
	p += 16;
	*p++ = k->b.family;
	memcpy(p, k->b.byte, 16);
	p += 16;
	store_be16(p, k->port_a), store_be16(p + 2, k->port_b);
	p[4] = k->proto;
}

struct shared_table *shared_new(uint64_t memcap, uint64_t seed)
{
	struct shared_table *t = aligned_alloc(64, (sizeof *t + 63) & ~(size_t)63);
	if (!t)
		return NULL;
	memset(t, 0, sizeof *t);
	t->memcap = memcap;
	t->seed = seed;
	for (size_t i = 0; i < N_SHARDS; i++) {
		pthread_mutex_init(&t->shard[i].lock, NULL);
		t->shard[i].soonest = INT64_MAX;
		slab_init(&t->shard[i].slab, sizeof(struct entry));
		t->shard[i].slab.arena.block = 16 * sizeof(struct entry);
	}
	return t;
}

void shared_free(struct shared_table *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < N_SHARDS; i++) {
		slab_free(&t->shard[i].slab);
		free(t->shard[i].bucket);
		pthread_mutex_destroy(&t->shard[i].lock);
	}
	free(t);
}

/* The low bits choose the shard, the others the bucket. */
static uint32_t hash_of(const struct shared_table *t, const uint8_t key[KEY_BYTES])
{
	return (uint32_t)XXH3_64bits_withSeed(key, KEY_BYTES, t->seed);
}

static struct entry **bucket_of(const struct shard *s, uint32_t hash)
{
	return &s->bucket[(hash / N_SHARDS) & (s->n_buckets - 1)];
}

static void remove_at(struct shared_table *t, struct shard *s, struct entry **at)
{
	struct entry *e = *at;
	*at = e->next;
	s->n--;
	atomic_fetch_sub_explicit(&t->bytes, sizeof *e, memory_order_relaxed);
	atomic_fetch_sub_explicit(&t->count[e->key[0]], 1, memory_order_relaxed);
	slab_give(&s->slab, e);
}

static void expire_shard(struct shared_table *t, struct shard *s, usec_t now)
{
	if (s->soonest > now)
		return;
	s->soonest = INT64_MAX;
	for (size_t i = 0; i < s->n_buckets; i++) {
		for (struct entry **at = &s->bucket[i]; *at;) {
			if ((*at)->expires <= now) {
				remove_at(t, s, at);
				continue;
			}
			if ((*at)->expires < s->soonest)
				s->soonest = (*at)->expires;
			at = &(*at)->next;
		}
	}
}

static void grow(struct shard *s)
{
	size_t n = s->n_buckets ? s->n_buckets * 2 : FIRST_BUCKETS;
	struct entry **bucket = calloc(n, sizeof *bucket), **old = s->bucket;
	if (!bucket)
		return;
	size_t n_old = s->n_buckets;
	s->bucket = bucket;
	s->n_buckets = n;
	for (size_t i = 0; i < n_old; i++)
		for (struct entry *e = old[i], *next; e; e = next) {
			next = e->next;
			struct entry **at = bucket_of(s, e->hash);
			e->next = *at;
			*at = e;
		}
	free(old);
}

static bool full(const struct shared_table *t)
{
	return atomic_load_explicit(&t->bytes, memory_order_relaxed) + sizeof(struct entry) > t->memcap;
}

/* Makes room in this shard, or in a few others that nobody holds. */
static bool make_room(struct shared_table *t, struct shard *own, usec_t now)
{
	expire_shard(t, own, now);
	for (unsigned i = 0; full(t) && i < EXPIRE_SHARDS; i++) {
		struct shard *s = &t->shard[atomic_fetch_add_explicit(&t->next_expire, 1, memory_order_relaxed) % N_SHARDS];
		if (s == own || pthread_mutex_trylock(&s->lock) != 0)
			continue;
		expire_shard(t, s, now);
		pthread_mutex_unlock(&s->lock);
	}
	return !full(t);
}

static struct entry *make_entry(struct shared_table *t, struct shard *s, const uint8_t key[KEY_BYTES], uint32_t hash, usec_t now)
{
	if (full(t) && !make_room(t, s, now))
		return NULL;
	if (s->n >= s->n_buckets)
		grow(s);
	struct entry *e = s->n_buckets ? slab_take(&s->slab) : NULL;
	if (!e)
		return NULL;
	memcpy(e->key, key, KEY_BYTES);
	e->hash = hash;
	e->expires = INT64_MAX;
	struct entry **at = bucket_of(s, hash);
	e->next = *at;
	*at = e;
	s->n++;
	atomic_fetch_add_explicit(&t->bytes, sizeof *e, memory_order_relaxed);
	atomic_fetch_add_explicit(&t->count[key[0]], 1, memory_order_relaxed);
	return e;
}

void *shared_lock(struct shared_table *t, const struct shared_key *key, usec_t now, bool make)
{
	uint8_t packed[KEY_BYTES];
	pack(key, packed);
	uint32_t hash = hash_of(t, packed);
	struct shard *s = &t->shard[hash % N_SHARDS];
	pthread_mutex_lock(&s->lock);
	s->current = NULL;
	for (struct entry **at = s->n_buckets ? bucket_of(s, hash) : NULL; at && *at; at = &(*at)->next) {
		struct entry *e = *at;
		if (e->hash != hash || memcmp(e->key, packed, KEY_BYTES) != 0)
			continue;
		if (e->expires <= now) {
			remove_at(t, s, at);
			break;
		}
		s->current = e;
		return e->value;
	}
	if (make)
		s->current = make_entry(t, s, packed, hash, now);
	return s->current ? s->current->value : NULL;
}

void shared_unlock(struct shared_table *t, const struct shared_key *key, usec_t expires)
{
	uint8_t packed[KEY_BYTES];
	pack(key, packed);
	struct shard *s = &t->shard[hash_of(t, packed) % N_SHARDS];
	struct entry *e = s->current;
	s->current = NULL;
	if (e && expires == 0) {
		struct entry **at = bucket_of(s, e->hash);
		while (*at != e)
			at = &(*at)->next;
		remove_at(t, s, at);
	} else if (e && expires > 0) {
		e->expires = expires;
		if (expires < s->soonest)
			s->soonest = expires;
	}
	pthread_mutex_unlock(&s->lock);
}

size_t shared_count(const struct shared_table *t, enum shared_kind kind)
{
	return atomic_load_explicit(&((struct shared_table *)t)->count[kind], memory_order_relaxed);
}

void shared_expire(struct shared_table *t, usec_t now)
{
	for (unsigned i = 0; i < EXPIRE_SHARDS; i++) {
		struct shard *s = &t->shard[atomic_fetch_add_explicit(&t->next_expire, 1, memory_order_relaxed) % N_SHARDS];
		pthread_mutex_lock(&s->lock);
		expire_shard(t, s, now);
		pthread_mutex_unlock(&s->lock);
	}
}
