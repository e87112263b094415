// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a threshold makes of a match. Counts live in the shared table under the rule, the line and what is tracked; an entry
 * expires when its window ends, so a count that is there is a count of the present window.
 *
 *     limit C             alerts up to the Cth, then acts silently
 *     threshold C         every Cth alerts; the others are nothing
 *     both C              the Cth alerts, later ones act silently, earlier ones are nothing
 *     detection_filter C  alerts from the one after the Cth on; earlier ones are nothing
 *     backoff C, M        the Cth alerts, then the C·Mth, C·M²th …; those between act silently, the first is nothing if C > 1
 */
#include "respond/internal.h"

#include <stdlib.h>

enum { FLOW_MEMORY = 3600 }; /* seconds that a flow's count without a window is kept after its last match */

struct chain {
	uint32_t gid, sid;
	const struct threshold **line; /* in order of the file */
	size_t n;
};

struct threshold_index {
	struct chain *chain; /* open hash table; n 0: free */
	size_t room;         /* a power of two */
	bool any;
};

static size_t place(const struct threshold_index *x, uint32_t gid, uint32_t sid)
{
	uint64_t h = ((uint64_t)gid << 32 | sid) * 0x9e3779b97f4a7c15u;
	size_t i = (size_t)(h >> 32) & (x->room - 1);
	while (x->chain[i].n && (x->chain[i].gid != gid || x->chain[i].sid != sid))
		i = (i + 1) & (x->room - 1);
	return i;
}

struct threshold_index *threshold_index_new(const struct threshold *first)
{
	struct threshold_index *x = xcalloc(1, sizeof *x);
	size_t n = 0;
	for (const struct threshold *t = first; t; t = t->next)
		n++;
	for (x->room = 8; x->room < n * 2; x->room *= 2)
		;
	x->chain = xcalloc(x->room, sizeof *x->chain);
	x->any = n > 0;
	for (const struct threshold *t = first; t; t = t->next) {
		struct chain *c = &x->chain[place(x, t->gid, t->sid)];
		c->gid = t->gid;
		c->sid = t->sid;
		c->line = xrealloc(c->line, (c->n + 1) * sizeof *c->line);
		c->line[c->n++] = t;
	}
	return x;
}

void threshold_index_free(struct threshold_index *x)
{
	if (!x)
		return;
	for (size_t i = 0; i < x->room; i++)
		free(x->chain[i].line);
	free(x->chain);
	free(x);
}

static struct shared_key key_of(const struct threshold *t, const struct signature *sig, const struct packet *p, enum shared_kind kind)
{
	struct shared_key k = {.kind = kind, .gid = sig->gid, .sid = sig->sid, .port_a = (uint16_t)t->number, .port_b = (uint16_t)(t->number >> 16)};
	switch (t->track) {
	case TRACK_SRC:
		k.a = p->src;
		break;
	case TRACK_DST:
		k.a = p->dst;
		break;
	case TRACK_BOTH: {
		bool swap = address_compare(&p->src, &p->dst) > 0;
		k.a = swap ? p->dst : p->src;
		k.b = swap ? p->src : p->dst;
		break;
	}
	case TRACK_FLOW: {
		uint64_t id = p->flow ? p->flow->id : 0;
		memcpy(k.a.byte, &id, sizeof id);
		break;
	}
	case TRACK_RULE:
	case TRACK_EITHER:
		break;
	}
	return k;
}

struct count {
	uint32_t n;
	uint64_t next; /* backoff: the match that alerts next */
};

/* A count where there is no host or flow says nothing: the match stands, even if the rule alone is what counts. */
static bool can_track(const struct threshold *t, const struct packet *p)
{
	return p->ip_version && (t->track != TRACK_FLOW || p->flow);
}

static usec_t window_end(const struct threshold *t, usec_t now)
{
	return now + (t->seconds ? (usec_t)t->seconds * USEC_PER_SEC : 1);
}

static enum judgement judge_backoff(const struct threshold *t, struct count *c)
{
	if (!c->next)
		c->next = t->count;
	if (c->n < c->next)
		return c->n == 1 ? JUDGED_NOTHING : JUDGED_SILENT;
	/* a multiplier of 1 alerts always from here on; no overflow: both factors are below 2³² unless next has run away */
	c->next = c->next > UINT32_MAX ? UINT64_MAX : c->next * t->multiplier;
	if (t->multiplier == 1)
		c->next = (uint64_t)c->n + 1;
	return JUDGED_ALERT;
}

static enum judgement judge_count(const struct threshold *t, struct count *c)
{
	switch (t->type) {
	case THRESHOLD_LIMIT:
		return c->n <= t->count ? JUDGED_ALERT : JUDGED_SILENT;
	case THRESHOLD_THRESHOLD:
		return c->n >= t->count ? JUDGED_ALERT : JUDGED_NOTHING;
	case THRESHOLD_BOTH:
		return c->n < t->count ? JUDGED_NOTHING : c->n == t->count ? JUDGED_ALERT : JUDGED_SILENT;
	case THRESHOLD_DETECTION_FILTER:
		return c->n > t->count ? JUDGED_ALERT : JUDGED_NOTHING;
	case THRESHOLD_BACKOFF:
		return judge_backoff(t, c);
	case THRESHOLD_RATE_FILTER:
	case THRESHOLD_SUPPRESS:
		break;
	}
	return JUDGED_ALERT;
}

static enum judgement judge_threshold(const struct threshold *t, struct shared_table *shared, const struct signature *sig, const struct packet *p,
				      usec_t now)
{
	if (!can_track(t, p))
		return JUDGED_ALERT;
	bool filter = t->type == THRESHOLD_DETECTION_FILTER;
	struct shared_key key = key_of(t, sig, p, filter ? SHARED_DETECTION_FILTER : SHARED_THRESHOLD);
	struct count *c = shared_lock(shared, &key, now, true);
	enum judgement j = JUDGED_ALERT;
	usec_t expires = -1;
	if (c) {
		bool first = c->n == 0;
		c->n += c->n < UINT32_MAX;
		j = judge_count(t, c);
		if (t->type == THRESHOLD_BACKOFF)
			expires = now + FLOW_MEMORY * USEC_PER_SEC;
		else if (t->type == THRESHOLD_THRESHOLD && j == JUDGED_ALERT)
			expires = 0;
		else if (first)
			expires = window_end(t, now);
	}
	shared_unlock(shared, &key, expires);
	return j;
}

struct rate {
	uint32_t n;
	usec_t window_end, active_until;
};

/* Whether the rate is exceeded: then, and for `timeout` seconds (0: for good), the new action counts. */
static bool rate_exceeded(const struct threshold *t, struct shared_table *shared, const struct signature *sig, const struct packet *p, usec_t now)
{
	if (!can_track(t, p))
		return false;
	struct shared_key key = key_of(t, sig, p, SHARED_RATE_FILTER);
	struct rate *r = shared_lock(shared, &key, now, true);
	usec_t expires = -1;
	bool exceeded = false;
	if (r && r->active_until > now) {
		exceeded = true;
	} else if (r) {
		if (r->active_until || r->window_end <= now)
			*r = (struct rate){.window_end = window_end(t, now)};
		exceeded = ++r->n > t->count;
		if (exceeded)
			r->active_until = t->timeout ? now + (usec_t)t->timeout * USEC_PER_SEC : INT64_MAX;
		expires = exceeded ? r->active_until : r->window_end;
	}
	shared_unlock(shared, &key, expires);
	return exceeded;
}

static bool suppressed(const struct threshold *t, const struct packet *p)
{
	if (t->addresses.any)
		return true;
	if (!p->ip_version)
		return false;
	bool src = t->track != TRACK_DST && address_set_contains(&t->addresses, &p->src);
	return src || (t->track != TRACK_SRC && address_set_contains(&t->addresses, &p->dst));
}

/* The lines that speak of a rule: for its sid, for all of its gid, for all. */
struct lines {
	const struct chain *chain[3];
};

static struct lines lines_of(const struct threshold_index *x, const struct signature *sig)
{
	struct lines l = {{0}};
	if (!x->any)
		return l;
	const uint32_t ids[3][2] = {{sig->gid, sig->sid}, {sig->gid, 0}, {0, 0}};
	for (int i = 0; i < 3; i++)
		l.chain[i] = &x->chain[place(x, ids[i][0], ids[i][1])];
	return l;
}

static bool is_suppressed(const struct lines *l, const struct packet *p)
{
	for (int i = 0; i < 3; i++)
		for (size_t k = 0; l->chain[i] && k < l->chain[i]->n; k++)
			if (l->chain[i]->line[k]->type == THRESHOLD_SUPPRESS && suppressed(l->chain[i]->line[k], p))
				return true;
	return false;
}

static const struct threshold *effective_threshold(const struct lines *l, const struct signature *sig)
{
	for (int i = 0; i < 3; i++) {
		if (i == 1 && sig->threshold)
			return sig->threshold;
		for (size_t k = 0; l->chain[i] && k < l->chain[i]->n; k++) {
			const struct threshold *t = l->chain[i]->line[k];
			if (t->type != THRESHOLD_SUPPRESS && t->type != THRESHOLD_RATE_FILTER)
				return t;
		}
	}
	return NULL;
}

static void apply_rate_filters(const struct lines *l, struct shared_table *shared, struct alert *a, const struct packet *p, usec_t now)
{
	for (int i = 0; i < 3; i++) {
		for (size_t k = 0; l->chain[i] && k < l->chain[i]->n; k++) {
			const struct threshold *t = l->chain[i]->line[k];
			if (t->type != THRESHOLD_RATE_FILTER || !rate_exceeded(t, shared, a->sig, p, now))
				continue;
			a->action = action_bits(t->new_action);
			a->flags |= ALERT_RATE_FILTERED;
		}
	}
}

enum judgement threshold_judge(const struct threshold_index *x, struct shared_table *shared, struct alert *a, const struct packet *p, usec_t now)
{
	if (!x->any && !a->sig->threshold)
		return JUDGED_ALERT;
	struct lines l = lines_of(x, a->sig);
	if (is_suppressed(&l, p))
		return JUDGED_SILENT;
	const struct threshold *t = effective_threshold(&l, a->sig);
	enum judgement j = t ? judge_threshold(t, shared, a->sig, p, now) : JUDGED_ALERT;
	if (j != JUDGED_NOTHING && x->any)
		apply_rate_filters(&l, shared, a, p, now);
	return j;
}
