// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Tags: after a match, the packets of its session or of one of its hosts are logged too, for so many packets, bytes or seconds; the
 * packet that matched is the first of them. An entry of the shared table holds the few tags of one session or host.
 */
#include "respond/internal.h"

#include <stddef.h>

enum { TAGS_MAX = 3, TAG_MEMORY = 300 }; /* seconds without a packet after which tags that count packets or bytes are forgotten */

struct tag {
	uint32_t gid, sid;
	uint32_t left;   /* packets or bytes; seconds: when it ends, seconds after `base` */
	uint8_t metric;  /* enum tag_metric */
	uint8_t used;
};

struct tags {
	struct tag tag[TAGS_MAX];
	usec_t base;
};
_Static_assert(sizeof(struct tags) <= SHARED_VALUE, "tags fit an entry");

static struct shared_key session_key(const struct flow *f)
{
	return (struct shared_key){.kind = SHARED_TAG_HOST, .gid = (uint32_t)(f->id >> 32), .sid = (uint32_t)f->id, .tenant = UINT32_MAX};
}

static struct shared_key host_key(const struct address *a)
{
	return (struct shared_key){.kind = SHARED_TAG_HOST, .a = *a};
}

static uint32_t seconds_since(const struct tags *t, usec_t now)
{
	usec_t passed = now > t->base ? (now - t->base) / USEC_PER_SEC : 0;
	return passed > UINT32_MAX ? UINT32_MAX : (uint32_t)passed;
}

static usec_t expiry(const struct tags *t, usec_t now)
{
	usec_t end = 0;
	for (int i = 0; i < TAGS_MAX; i++) {
		const struct tag *g = &t->tag[i];
		usec_t until = g->metric == TAG_SECONDS ? t->base + (usec_t)g->left * USEC_PER_SEC : now + TAG_MEMORY * USEC_PER_SEC;
		if (g->used && until > end)
			end = until;
	}
	return end;
}

void respond_tag(struct detect_scratch *s, const struct rule_tag *t)
{
	const struct packet *p = s->packet;
	if (!s->shared || !p || (t->host ? !p->ip_version : !s->flow))
		return;
	struct shared_key key = t->host ? host_key(t->dst ? &p->dst : &p->src) : session_key(s->flow);
	struct tags *tags = shared_lock(s->shared, &key, p->time, true);
	struct tag *free_one = NULL;
	for (int i = 0; tags && i < TAGS_MAX; i++) {
		struct tag *g = &tags->tag[i];
		if (!g->used)
			free_one = free_one ? free_one : g;
		else if (g->gid == t->gid && g->sid == t->sid && g->metric == t->metric) /* it matched again: it begins anew */
			free_one = g, i = TAGS_MAX;
	}
	if (free_one) {
		if (!tags->base)
			tags->base = p->time;
		uint32_t end = t->metric == TAG_SECONDS ? seconds_since(tags, p->time) : 0;
		*free_one = (struct tag){t->gid, t->sid, t->count > UINT32_MAX - end ? UINT32_MAX : t->count + end, t->metric, true};
		if (!t->host)
			s->flow->flags |= FLOW_SHARED_STATE;
	}
	shared_unlock(s->shared, &key, tags ? expiry(tags, p->time) : -1);
}

static bool count_one(struct tags *t, struct tag *g, const struct packet *p, usec_t now)
{
	if (!g->used)
		return false;
	uint32_t cost = g->metric == TAG_BYTES ? (p->wire_len ? p->wire_len : (uint32_t)p->frame.len) : 1;
	if (g->metric == TAG_SECONDS) {
		g->used = seconds_since(t, now) < g->left;
		return g->used;
	}
	g->left -= cost < g->left ? cost : g->left;
	g->used = g->left > 0;
	return true;
}

static bool count_entry(struct shared_table *shared, const struct shared_key *key, const struct packet *p, usec_t now)
{
	struct tags *t = shared_lock(shared, key, now, false);
	bool tagged = false;
	for (int i = 0; t && i < TAGS_MAX; i++)
		tagged |= count_one(t, &t->tag[i], p, now);
	shared_unlock(shared, key, t ? expiry(t, now) : -1);
	return tagged;
}

bool tags_count(struct shared_table *shared, const struct packet *p, const struct flow *f, usec_t now)
{
	if (!shared || shared_count(shared, SHARED_TAG_HOST) == 0 || p->flags & PACKET_PSEUDO)
		return false;
	bool tagged = false;
	if (f && f->flags & FLOW_SHARED_STATE) {
		struct shared_key key = session_key(f);
		tagged |= count_entry(shared, &key, p, now);
	}
	if (p->ip_version) {
		struct shared_key src = host_key(&p->src), dst = host_key(&p->dst);
		tagged |= count_entry(shared, &src, p, now);
		if (!address_equal(&p->src, &p->dst))
			tagged |= count_entry(shared, &dst, p, now);
	}
	return tagged;
}
