// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Rule groups: the signatures whose header fits a packet, and the short lists taken from them. A group is made when the first packet
 * with its key (classes of addresses and ports, protocol, direction) comes; groups with the same signatures share them. A worker's
 * cache is bounded: when it is full it begins anew, and flows look up again because its generation has changed.
 */
#include "detect/engine.h"

#include <stdlib.h>
#include <xxhash.h>

enum { GROUPS_MAX = 16384, GROUP_SLOTS = 4096, RULES_SLOTS = 1024, GROUPS_BYTES = 24 << 20 };

struct group_cache {
	const struct engine *engine;
	struct arena arena;
	struct group *slot[GROUP_SLOTS];
	struct group_rules *rules_slot[RULES_SLOTS];
	struct group **group; /* by id */
	uint32_t n, generation;
	uint64_t *work[2];
};

static uint32_t next_generation(void)
{
	static uint32_t last;
	uint32_t g;
	do
		g = __atomic_add_fetch(&last, 1, __ATOMIC_RELAXED);
	while (g == 0); /* new flows have 0 */
	return g;
}

struct group_cache *group_cache_new(const struct engine *e)
{
	struct group_cache *c = calloc(1, sizeof *c);
	if (!c)
		return NULL;
	c->engine = e;
	arena_init(&c->arena, 64 << 10);
	c->group = calloc(GROUPS_MAX, sizeof *c->group);
	c->work[0] = calloc(e->n_words + 1, sizeof(uint64_t));
	c->work[1] = calloc(e->n_words + 1, sizeof(uint64_t));
	c->generation = next_generation();
	if (c->group && c->work[0] && c->work[1])
		return c;
	group_cache_free(c);
	return NULL;
}

void group_cache_free(struct group_cache *c)
{
	if (!c)
		return;
	arena_free(&c->arena);
	free(c->group);
	free(c->work[0]);
	free(c->work[1]);
	free(c);
}

static void start_anew(struct group_cache *c)
{
	arena_free(&c->arena);
	memset(c->slot, 0, sizeof c->slot);
	memset(c->rules_slot, 0, sizeof c->rules_slot);
	c->n = 0;
	c->generation = next_generation();
}

static void and_side(struct group_cache *c, const struct classifier *k, uint32_t class, int side)
{
	uint64_t *all = c->work[0], *these = c->work[1];
	memset(these, 0, c->engine->n_words * sizeof *these);
	classifier_or(k, class, side, these);
	for (size_t i = 0; i < c->engine->n_words; i++)
		all[i] &= these[i];
}

/* Signatures whose header fits, into work[0]. <> rules, which fit either way round, are few and looked at one by one. */
static void collect(struct group_cache *c, const struct group_key *k, const struct packet *p)
{
	const struct engine *e = c->engine;
	uint64_t *all = c->work[0];
	const uint64_t *covers = e->covers[k->column], *toward = e->toward[k->direction], *version = e->version[k->version == 6];
	for (size_t i = 0; i < e->n_words; i++)
		all[i] = covers[i] & toward[i] & version[i];
	and_side(c, e->addresses, k->src, 0);
	and_side(c, e->addresses, k->dst, 1);
	and_side(c, e->ports, k->sport, 0);
	and_side(c, e->ports, k->dport, 1);
	for (size_t i = 0; i < e->n_words; i++)
		for (uint64_t w = e->turned[i] & ~all[i]; w; w &= w - 1) {
			uint32_t number = (uint32_t)(i * 64 + (unsigned)__builtin_ctzll(w));
			if (header_matches(p, e->sig[number], k->direction))
				bits_set(all, number);
		}
}

static const uint32_t *list_of(struct group_cache *c, const uint64_t *member, const uint64_t *at)
{
	uint32_t n = 0;
	for (size_t i = 0; i < c->engine->n_words; i++)
		n += (uint32_t)__builtin_popcountll(member[i] & at[i]);
	uint32_t *list = arena_alloc(&c->arena, ((size_t)n + 1) * sizeof *list);
	if (!list)
		return NULL;
	n = 0;
	for (size_t i = 0; i < c->engine->n_words; i++)
		for (uint64_t w = member[i] & at[i]; w; w &= w - 1)
			list[n++] = (uint32_t)(i * 64 + (unsigned)__builtin_ctzll(w));
	list[n] = UINT32_MAX;
	return list;
}

static const struct group_rules *rules_of(struct group_cache *c)
{
	const struct engine *e = c->engine;
	size_t bytes = e->n_words * sizeof(uint64_t);
	uint64_t hash = XXH3_64bits(c->work[0], bytes);
	struct group_rules **slot = &c->rules_slot[hash % RULES_SLOTS];
	for (struct group_rules *r = *slot; r; r = r->next)
		if (r->hash == hash && memcmp(r->member, c->work[0], bytes) == 0)
			return r;
	struct group_rules *r = arena_alloc(&c->arena, sizeof *r);
	uint64_t *member = arena_alloc(&c->arena, bytes + sizeof *member);
	if (!r || !member)
		return NULL;
	memcpy(member, c->work[0], bytes);
	*r = (struct group_rules){.member = member, .hash = hash, .next = *slot};
	r->packet = list_of(c, member, e->at_packet);
	r->event = list_of(c, member, e->at_event);
	r->first = list_of(c, member, e->at_first);
	r->protocol = list_of(c, member, e->at_protocol);
	r->late = list_of(c, member, e->late);
	if (!r->packet || !r->event || !r->first || !r->protocol || !r->late)
		return NULL;
	*slot = r;
	return r;
}

static unsigned add_scan(const struct prefilter **out, unsigned n, const struct payload_scan *s)
{
	const struct prefilter *list[] = {s->any, s->brief, s->head};
	for (unsigned i = 0; i < 3; i++)
		if (list[i])
			out[n++] = list[i];
	return n;
}

/* At most three of three each: SCAN_MAX. */
static void add_scans(const struct payload_point *p, const struct group_key *k, const struct prefilter **out)
{
	unsigned n = add_scan(out, 0, &p->all);
	n = add_scan(out, n, &p->by_port[1][k->dport]);
	add_scan(out, n, &p->by_port[0][k->sport]);
}

static struct group *make_group(struct group_cache *c, const struct group_key *k, const struct packet *p)
{
	collect(c, k, p);
	const struct group_rules *rules = rules_of(c);
	struct group *g = rules ? arena_alloc(&c->arena, sizeof *g) : NULL;
	if (!g)
		return NULL;
	*g = (struct group){.key = *k, .id = c->n, .rules = rules};
	for (int established = 0; established < 2; established++) {
		if (k->kind == PAYLOAD_TCP)
			add_scans(&c->engine->payload[PAYLOAD_STREAM][k->direction][established], k, g->stream[established]);
		add_scans(&c->engine->payload[k->kind][k->direction][established], k, g->packet[established]);
	}
	c->group[c->n++] = g;
	return g;
}

const struct group *group_find(struct group_cache *c, const struct packet *p, int direction)
{
	const struct engine *e = c->engine;
	bool has_ports = p->is_tcp || p->is_udp || p->is_sctp;
	struct group_key k = {
		.src = classifier_address(e->addresses, &p->src), .dst = classifier_address(e->addresses, &p->dst),
		.sport = classifier_port(e->ports, has_ports ? p->sport : 0), .dport = classifier_port(e->ports, has_ports ? p->dport : 0),
		.column = e->column[p->proto], .direction = (uint8_t)direction, .version = p->ip_version,
		.kind = p->proto == PROTO_TCP ? PAYLOAD_TCP : p->proto == PROTO_UDP ? PAYLOAD_UDP : PAYLOAD_OTHER,
	};
	uint64_t hash = XXH3_64bits(&k, sizeof k);
	for (struct group *g = c->slot[hash % GROUP_SLOTS]; g; g = g->next)
		if (memcmp(&g->key, &k, sizeof k) == 0)
			return g;
	if (c->n == GROUPS_MAX || c->arena.used > GROUPS_BYTES)
		start_anew(c); /* a scan over all ports and nets must not hold memory for ever */
	struct group *g = make_group(c, &k, p);
	if (!g)
		return NULL;
	g->next = c->slot[hash % GROUP_SLOTS];
	c->slot[hash % GROUP_SLOTS] = g;
	return g;
}

const struct group *group_known(const struct group_cache *c, const struct flow *f, int direction)
{
	uint32_t flag = direction ? FLOW_GROUPS_TO_CLIENT : FLOW_GROUPS_TO_SERVER;
	if (f->generation != c->generation || !(f->flags & flag))
		return NULL;
	const struct group *g = c->group[f->side[direction].group];
	return g->key.direction == direction ? g : NULL; /* else the flow was turned */
}

const struct group *group_of_flow(struct group_cache *c, struct flow *f, const struct packet *p, int direction)
{
	uint32_t flag = direction ? FLOW_GROUPS_TO_CLIENT : FLOW_GROUPS_TO_SERVER;
	/* ICMP errors travel in flows of others and have headers of their own */
	if (f->key.proto != p->proto)
		return group_find(c, p, direction);
	const struct group *g = group_known(c, f, direction);
	if (g)
		return g;
	g = group_find(c, p, direction);
	if (!g)
		return NULL;
	if (f->generation != c->generation)
		f->flags &= ~(uint32_t)(FLOW_GROUPS_TO_SERVER | FLOW_GROUPS_TO_CLIENT);
	f->generation = c->generation;
	f->flags |= flag;
	f->side[direction].group = g->id;
	return g;
}
