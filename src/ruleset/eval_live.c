// SPDX-License-Identifier: GPL-2.0-or-later
/* What changes while packets go through: elements of sets, tokens of limits, what quotas have used. */
#include "ruleset/eval.h"

#include <string.h>

static size_t pointer_hash(const void *a, const void *b)
{
	uint64_t h = ((uint64_t)(uintptr_t)a * 0x9e3779b97f4a7c15u) ^ ((uint64_t)(uintptr_t)b * 0xc2b2ae3d27d4eb4fu);
	return (size_t)(h >> 40);
}

struct step_state *live_state(struct trace *t, const void *step, const void *owner)
{
	struct step_state **at = &t->live->bucket[pointer_hash(step, owner) % STATE_BUCKETS];
	for (struct step_state *s = *at; s; s = s->next)
		if (s->step == step && s->owner == owner)
			return s;
	struct step_state *s = arena_alloc(&t->live->arena, sizeof *s);
	if (!s)
		return NULL;
	s->step = step;
	s->owner = owner;
	s->next = *at;
	*at = s;
	return s;
}

static struct live_set *live_set(struct trace *t, const struct ruleset_set *set, bool make)
{
	struct live_set **at = &t->live->sets[pointer_hash(set, NULL) % SET_BUCKETS];
	for (struct live_set *s = *at; s; s = s->next)
		if (s->set == set)
			return s;
	struct live_set *s = make ? arena_alloc(&t->live->arena, sizeof *s) : NULL;
	if (!s)
		return NULL;
	s->set = set;
	s->n = set->n_elements;
	s->next = *at;
	*at = s;
	return s;
}

static struct live_element **bucket_of(struct live_set *s, const uint8_t *key)
{
	return &s->bucket[jenkins_bytes(key, s->set->key_len, 0) % 256];
}

static struct live_element *find_live(struct live_set *s, const uint8_t *key)
{
	for (struct live_element *e = s ? *bucket_of(s, key) : NULL; e; e = e->next)
		if (memcmp(e->key, key, s->set->key_len) == 0)
			return e;
	return NULL;
}

static uint64_t now_of(const struct trace *t)
{
	return (uint64_t)t->packet.time;
}

static bool expired(const struct trace *t, const struct live_element *e)
{
	return e->gone || (e->expires && e->expires <= now_of(t));
}

/* Elements that were read live on as long as they had left when the first packet came. */
static bool read_expired(const struct trace *t, const struct ruleset_element *e)
{
	return e->expires && (uint64_t)(t->packet.time - t->live->begun) >= e->expires * 1000;
}

static void found_live(const struct live_element *e, struct found *out)
{
	*out = (struct found){.data = e->data, .inner = e->inner, .owner = e};
	if (e->read) {
		out->data = e->read->data;
		out->verdict = e->read->verdict;
		out->object = e->read->object;
	}
}

bool live_find(struct trace *t, const struct ruleset_set *set, const uint8_t *key, struct found *out)
{
	struct live_element *e = find_live(live_set(t, set, false), key);
	if (e && !expired(t, e)) {
		found_live(e, out);
		return true;
	}
	const struct ruleset_element *r = ruleset_set_find(set, key);
	if (!r || read_expired(t, r) || (e && e->read == r))
		return false;
	*out = (struct found){.data = r->data, .verdict = r->verdict, .object = r->object, .inner = r->inner, .owner = r};
	return true;
}

/* The element of this key as one that can change; made of one that was read, or NULL. */
static struct live_element *element_of(struct trace *t, struct live_set *s, const uint8_t *key, bool make)
{
	struct live_element *e = find_live(s, key);
	if (e)
		return e;
	const struct ruleset_element *r = ruleset_set_find(s->set, key);
	if (r && (r->catch_all || read_expired(t, r)))
		r = NULL;
	if ((!r && !make) || s->set->key_len > KEY_MAX || s->set->data_len > KEY_MAX)
		return NULL;
	e = arena_alloc(&t->live->arena, sizeof *e);
	if (!e)
		return NULL;
	struct live_element **at = bucket_of(s, key);
	memcpy(e->key, key, s->set->key_len);
	e->read = r;
	e->gone = !r;
	if (r) {
		e->inner = r->inner;
		e->timeout = s->set->timeout * 1000;
		e->expires = r->expires ? (uint64_t)t->live->begun + r->expires * 1000 : 0;
	}
	e->next = *at;
	*at = e;
	return e;
}

bool live_update(struct trace *t, const struct step *s, const uint8_t *key, const uint8_t *data, struct found *out)
{
	const struct ruleset_set *set = s->update.set;
	struct live_set *l = live_set(t, set, true);
	struct live_element *e = l ? element_of(t, l, key, true) : NULL;
	if (!e)
		return false;
	uint64_t timeout = (s->update.timeout ? s->update.timeout : set->timeout) * 1000;
	if (expired(t, e)) {
		if (e->gone && set->size && l->n >= set->size)
			return false;
		l->n += e->gone;
		*e = (struct live_element){.next = e->next, .inner = s->update.inner, .timeout = timeout};
		memcpy(e->key, key, set->key_len);
		if (data)
			memcpy(e->data, data, set->data_len);
		e->expires = timeout ? now_of(t) + timeout : 0;
		/* a new element begins its limits anew */
		for (const struct step *i = e->inner; i; i = i->next) {
			struct step_state *state = live_state(t, i, e);
			if (state)
				state->begun = false;
		}
	} else if (s->update.op == NFT_DYNSET_OP_UPDATE && e->timeout && timeout) {
		e->expires = now_of(t) + timeout;
	}
	found_live(e, out);
	return true;
}

void live_delete(struct trace *t, const struct ruleset_set *set, const uint8_t *key)
{
	struct live_set *l = live_set(t, set, true);
	struct live_element *e = l ? element_of(t, l, key, false) : NULL;
	if (e && !e->gone) {
		e->gone = true;
		l->n -= l->n > 0;
	}
}
