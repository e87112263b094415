// SPDX-License-Identifier: GPL-2.0-or-later
#include "detect/group.h"

#include "base/memory.h"
#include "detect/engine.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* Points on a line: 17 bytes of an address (family first) or a port in the last two; compared as bytes. */
struct point {
	uint8_t byte[17];
};

struct classes {
	struct point *start;   /* sorted: where segments begin */
	uint16_t *class_of;    /* by segment */
	size_t n_segments;
	uint8_t *member;       /* [class][set / 8] */
	size_t n_classes, stride;
	uint16_t port[65536];  /* ports: class by number */
};

struct set_list { /* distinct sets while tables are built */
	const void **set;
	size_t n, room;
};

static struct point point_of(const struct address *a)
{
	struct point p;
	p.byte[0] = a->family;
	memcpy(p.byte + 1, a->byte, 16);
	return p;
}

static struct point point_of_port(uint16_t port)
{
	struct point p = {{0}};
	store_be16(p.byte + 15, port);
	return p;
}

static int point_compare(const struct point *a, const struct point *b)
{
	return memcmp(a->byte, b->byte, sizeof a->byte);
}

/* The next point; the last one of the last family has none, and stays. */
static struct point point_after(struct point p)
{
	for (int i = 16; i >= 0; i--)
		if (++p.byte[i])
			return p;
	memset(p.byte, 0xff, sizeof p.byte);
	return p;
}

struct edge {
	struct point at;
	uint32_t set;
	bool opens;
};

struct edges {
	struct edge *item;
	size_t n, room;
};

static void edge_add(struct edges *e, struct point at, uint32_t set, bool opens)
{
	if (e->n == e->room) {
		e->room = e->room ? e->room * 2 : 1024;
		e->item = xrealloc(e->item, e->room * sizeof *e->item);
	}
	e->item[e->n++] = (struct edge){at, set, opens};
}

static void edges_add_addresses(struct edges *e, const struct address_set *s, uint32_t set)
{
	for (size_t i = 0; i < s->n; i++) {
		edge_add(e, point_of(&s->in[i].first), set, true);
		edge_add(e, point_after(point_of(&s->in[i].last)), set, false);
	}
}

static void edges_add_ports(struct edges *e, const struct port_set *s, uint32_t set)
{
	for (size_t i = 0; i < s->n; i++) {
		edge_add(e, point_of_port(s->in[i].first), set, true);
		edge_add(e, point_after(point_of_port(s->in[i].last)), set, false);
	}
}

static int by_point(const void *a, const void *b)
{
	return point_compare(&((const struct edge *)a)->at, &((const struct edge *)b)->at);
}

static uint16_t class_intern(struct classes *c, const uint8_t *member)
{
	for (size_t i = 0; i < c->n_classes; i++)
		if (memcmp(c->member + i * c->stride, member, c->stride) == 0)
			return (uint16_t)i;
	if (c->n_classes == UINT16_MAX)
		return 0; /* cannot be told apart any more: the sets are tested themselves (group_matches) */
	c->member = xrealloc(c->member, (c->n_classes + 1) * c->stride);
	memcpy(c->member + c->n_classes * c->stride, member, c->stride);
	return (uint16_t)c->n_classes++;
}

static struct classes *classes_build(struct edges *e, size_t n_sets)
{
	struct classes *c = xcalloc(1, sizeof *c);
	c->stride = (n_sets + 8) / 8;
	uint8_t *member = xcalloc(1, c->stride);
	if (e->n)
		qsort(e->item, e->n, sizeof *e->item, by_point);
	c->start = xcalloc(e->n + 1, sizeof *c->start);
	c->class_of = xcalloc(e->n + 1, sizeof *c->class_of);
	memset(&c->start[0], 0, sizeof c->start[0]);
	c->class_of[0] = class_intern(c, member);
	c->n_segments = 1;
	for (size_t i = 0; i < e->n;) {
		struct point at = e->item[i].at;
		for (; i < e->n && point_compare(&e->item[i].at, &at) == 0; i++)
			member[e->item[i].set / 8] ^= (uint8_t)(1u << (e->item[i].set % 8));
		if (point_compare(&at, &c->start[c->n_segments - 1]))
			c->n_segments++;
		c->start[c->n_segments - 1] = at;
		c->class_of[c->n_segments - 1] = class_intern(c, member);
	}
	free(member);
	return c;
}

static uint16_t class_find(const struct classes *c, const struct point *p)
{
	size_t low = 0, high = c->n_segments;
	while (high - low > 1) {
		size_t middle = (low + high) / 2;
		if (point_compare(&c->start[middle], p) <= 0)
			low = middle;
		else
			high = middle;
	}
	return c->class_of[low];
}

static void classes_free(struct classes *c)
{
	if (!c)
		return;
	free(c->start);
	free(c->class_of);
	free(c->member);
	free(c);
}

static bool class_has(const struct classes *c, uint16_t class, uint16_t set)
{
	return set == 0 || c->member[class * c->stride + set / 8] >> (set % 8) & 1;
}

/* Numbers of sets: from 1; equal sets share one. */
static uint16_t set_intern(struct set_list *l, const void *set, bool (*equal)(const void *a, const void *b), bool *is_new)
{
	*is_new = false;
	for (size_t i = 0; i < l->n; i++)
		if (l->set[i] == set || equal(l->set[i], set))
			return (uint16_t)(i + 1);
	*is_new = true;
	if (l->n == l->room) {
		l->room = l->room ? l->room * 2 : 64;
		l->set = xrealloc(l->set, l->room * sizeof *l->set);
	}
	l->set[l->n++] = set;
	return (uint16_t)l->n;
}

static bool addresses_equal(const void *a, const void *b)
{
	const struct address_set *x = a, *y = b;
	return x->n == y->n && (x->n == 0 || memcmp(x->in, y->in, x->n * sizeof *x->in) == 0);
}

static bool ports_equal(const void *a, const void *b)
{
	const struct port_set *x = a, *y = b;
	return x->n == y->n && (x->n == 0 || memcmp(x->in, y->in, x->n * sizeof *x->in) == 0);
}

static uint16_t address_number(struct set_list *l, struct edges *e, const struct address_set *s)
{
	bool is_new;
	uint16_t n = set_intern(l, s, addresses_equal, &is_new);
	if (is_new)
		edges_add_addresses(e, s, n);
	return n;
}

static uint16_t port_number(struct set_list *l, struct edges *e, const struct port_set *s)
{
	bool is_new;
	uint16_t n = set_intern(l, s, ports_equal, &is_new);
	if (is_new)
		edges_add_ports(e, s, n);
	return n;
}

/* Rules by addresses alone: segments of the line with the rules that hold there. */
struct address_index {
	struct side {
		struct point *start;
		uint32_t *first; /* per segment, one more at the end */
		size_t n_segments;
		uint32_t *pool;
	} src, dst;
	uint32_t *always;
	size_t n_always;
};

static void side_build(struct side *s, struct edges *e, uint32_t n_sigs)
{
	uint32_t *active = xcalloc(n_sigs + 1u, sizeof *active);
	size_t n_active = 0, room = 0, n_pool = 0;
	if (e->n)
		qsort(e->item, e->n, sizeof *e->item, by_point);
	s->start = xcalloc(e->n + 1, sizeof *s->start);
	s->first = xcalloc(e->n + 2, sizeof *s->first);
	s->n_segments = 1;
	for (size_t i = 0; i < e->n;) {
		struct point at = e->item[i].at;
		for (; i < e->n && point_compare(&e->item[i].at, &at) == 0; i++) {
			size_t k = 0;
			while (k < n_active && active[k] != e->item[i].set)
				k++;
			if (e->item[i].opens && k == n_active)
				active[n_active++] = e->item[i].set;
			else if (!e->item[i].opens && k < n_active)
				active[k] = active[--n_active];
		}
		s->start[s->n_segments] = at;
		s->first[s->n_segments] = (uint32_t)n_pool;
		if (n_pool + n_active > room) {
			room = (n_pool + n_active) * 2;
			s->pool = xrealloc(s->pool, room * sizeof *s->pool);
		}
		if (n_active)
			memcpy(s->pool + n_pool, active, n_active * sizeof *active);
		n_pool += n_active;
		s->n_segments++;
	}
	s->first[s->n_segments] = (uint32_t)n_pool;
	free(active);
}

static void side_visit(const struct side *s, const struct address *a, void (*add)(void *context, uint32_t number), void *context)
{
	struct point p = point_of(a);
	size_t low = 0, high = s->n_segments;
	while (high - low > 1) {
		size_t middle = (low + high) / 2;
		if (point_compare(&s->start[middle], &p) <= 0)
			low = middle;
		else
			high = middle;
	}
	for (uint32_t i = s->first[low]; i < s->first[low + 1]; i++)
		add(context, s->pool[i]);
}

/* Ranges of its list make a set narrow here: lists of single hosts against a site's few networks. */
static struct address_index *address_index_build(struct signature *const *sig, uint32_t n, int direction)
{
	struct address_index *x = xcalloc(1, sizeof *x);
	struct edges src = {0}, dst = {0};
	x->always = xcalloc(n + 1u, sizeof *x->always);
	for (uint32_t i = 0; i < n; i++) {
		const struct signature *s = sig[i];
		if (s->type != SIG_IP_ONLY && s->type != SIG_LIKE_IP_ONLY)
			continue;
		if (s->flags & (SIG_TO_SERVER | SIG_TO_CLIENT) && !(s->flags & (direction ? SIG_TO_CLIENT : SIG_TO_SERVER)))
			continue;
		bool any_src = s->flags & SIG_SRC_ANY, any_dst = s->flags & SIG_DST_ANY;
		if (s->flags & SIG_BIDIRECTIONAL || (any_src && any_dst))
			x->always[x->n_always++] = s->number;
		else if (!any_src && (any_dst || s->src->n >= s->dst->n))
			edges_add_addresses(&src, s->src, s->number);
		else
			edges_add_addresses(&dst, s->dst, s->number);
	}
	side_build(&x->src, &src, n);
	side_build(&x->dst, &dst, n);
	free(src.item);
	free(dst.item);
	return x;
}

static void address_index_free(struct address_index *x)
{
	if (!x)
		return;
	struct side *sides[] = {&x->src, &x->dst};
	for (size_t i = 0; i < 2; i++) {
		free(sides[i]->start);
		free(sides[i]->first);
		free(sides[i]->pool);
	}
	free(x->always);
	free(x);
}

void group_ip_only(const struct group_tables *t, int direction, const struct packet *p, void (*add)(void *context, uint32_t number), void *context)
{
	const struct address_index *x = t->ip_only[direction];
	for (size_t i = 0; i < x->n_always; i++)
		add(context, x->always[i]);
	side_visit(&x->src, &p->src, add, context);
	side_visit(&x->dst, &p->dst, add, context);
}

void group_tables_build(struct group_tables *t, struct signature *const *sig, uint32_t n)
{
	struct set_list addresses = {0}, ports = {0};
	struct edges address_edges = {0}, port_edges = {0};
	t->sets = xcalloc(n + 1u, sizeof *t->sets);
	for (uint32_t i = 0; i < n; i++) {
		const struct signature *s = sig[i];
		struct sig_sets *k = &t->sets[i];
		bool alone = s->type == SIG_IP_ONLY || s->type == SIG_LIKE_IP_ONLY;
		if (!alone && !(s->flags & SIG_SRC_ANY))
			k->src = address_number(&addresses, &address_edges, s->src);
		if (!alone && !(s->flags & SIG_DST_ANY))
			k->dst = address_number(&addresses, &address_edges, s->dst);
		if (!(s->flags & SIG_SPORT_ANY))
			k->sport = port_number(&ports, &port_edges, s->sport);
		if (!(s->flags & SIG_DPORT_ANY))
			k->dport = port_number(&ports, &port_edges, s->dport);
	}
	t->addresses = classes_build(&address_edges, addresses.n);
	t->ports = classes_build(&port_edges, ports.n);
	for (unsigned p = 0; p < 65536; p++) {
		struct point at = point_of_port((uint16_t)p);
		t->ports->port[p] = class_find(t->ports, &at);
	}
	for (int d = 0; d < 2; d++)
		t->ip_only[d] = address_index_build(sig, n, d);
	free(addresses.set);
	free(ports.set);
	free(address_edges.item);
	free(port_edges.item);
}

void group_tables_free(struct group_tables *t)
{
	classes_free(t->addresses);
	classes_free(t->ports);
	address_index_free(t->ip_only[0]);
	address_index_free(t->ip_only[1]);
	free(t->sets);
}

static bool ports_fit(const struct group_tables *t, const struct rule_group *g, const struct sig_sets *k, const struct signature *sig, bool turned)
{
	if (!g->has_ports)
		return sig->any_proto || (k->sport == 0 && k->dport == 0) || (g->proto != PROTO_TCP && g->proto != PROTO_UDP);
	uint16_t from = turned ? g->dport : g->sport, to = turned ? g->sport : g->dport;
	return class_has(t->ports, from, k->sport) && class_has(t->ports, to, k->dport);
}

bool group_matches(const struct group_tables *t, const struct rule_group *g, const struct signature *sig)
{
	const struct sig_sets *k = &t->sets[sig->number];
	if (class_has(t->addresses, g->src, k->src) && class_has(t->addresses, g->dst, k->dst) && ports_fit(t, g, k, sig, false))
		return true;
	return sig->flags & SIG_BIDIRECTIONAL && class_has(t->addresses, g->dst, k->src) && class_has(t->addresses, g->src, k->dst) &&
	       ports_fit(t, g, k, sig, true);
}

enum { GROUP_SLOTS = 4096, GROUP_MAX = 1 << 15 };

struct group_cache {
	const struct engine *engine;
	struct rule_group *slot[GROUP_SLOTS];
	struct arena arena;
	struct rule_group **all;   /* by index */
	size_t n, room;
	uint32_t epoch;            /* flows remember it beside an index: another one means their groups are gone */
};

struct group_cache *group_cache_new(const struct engine *e)
{
	struct group_cache *c = calloc(1, sizeof *c);
	if (!c)
		return NULL;
	static uint32_t epoch;
	c->engine = e;
	c->epoch = __atomic_add_fetch(&epoch, 1u << 16, __ATOMIC_RELAXED); /* room for the times that this one is emptied */
	arena_init(&c->arena, 64 * 1024);
	return c;
}

void group_cache_free(struct group_cache *c)
{
	if (!c)
		return;
	arena_free(&c->arena);
	free(c->all);
	free(c);
}

static bool sig_covers_packet(const struct signature *s, const struct rule_group *g)
{
	return !s->is_arp && (s->ip_version == 0 || s->ip_version == g->version) && s->proto_bits[g->proto / 8] >> (g->proto % 8) & 1;
}

static bool prefilter_applies(const struct engine *e, const struct prefilter *p, const struct rule_group *g)
{
	uint32_t n = p->n_patterns ? p->first[p->n_patterns] : 0;
	for (uint32_t i = 0; i < n; i++) {
		const struct signature *s = e->sig[p->sigs[i]];
		if (sig_covers_packet(s, g) && group_matches(&e->tables, g, s))
			return true;
	}
	return false;
}

static bool wants_prefilter(const struct prefilter *p, const struct rule_group *g, bool stream)
{
	bool tcp = g->proto == PROTO_TCP;
	if (p->buffer != BUFFER_PAYLOAD || p->direction != g->direction || p->udp == tcp)
		return false;
	return !tcp || p->stream == stream;
}

/* Twice over the databases: count, then take. */
static bool group_take_prefilters(struct group_cache *c, struct rule_group *g, bool stream, const struct prefilter ***out, uint32_t *n)
{
	const struct engine *e = c->engine;
	uint32_t room = 0;
	for (const struct prefilter *p = e->prefilters; p; p = p->next)
		room += wants_prefilter(p, g, stream);
	if (room == 0)
		return true;
	const struct prefilter **list = arena_alloc(&c->arena, room * sizeof *list);
	if (!list)
		return false;
	for (const struct prefilter *p = e->prefilters; p; p = p->next)
		if (wants_prefilter(p, g, stream) && prefilter_applies(e, p, g))
			list[(*n)++] = p;
	*out = list;
	return true;
}

static bool group_fill(struct group_cache *c, struct rule_group *g)
{
	const struct engine *e = c->engine;
	const struct number_list *l = &e->plain[g->direction][g->proto == PROTO_TCP ? 0 : g->proto == PROTO_UDP ? 1 : 2];
	g->plain = arena_alloc(&c->arena, (l->n + 1) * sizeof *g->plain);
	if (!g->plain)
		return false;
	for (size_t i = 0; i < l->n; i++) {
		const struct signature *s = e->sig[l->number[i]];
		if (sig_covers_packet(s, g) && group_matches(&e->tables, g, s))
			g->plain[g->n_plain++] = l->number[i];
	}
	if (g->proto == PROTO_TCP && !group_take_prefilters(c, g, true, &g->stream, &g->n_stream))
		return false;
	return group_take_prefilters(c, g, false, &g->packet, &g->n_packet);
}

static void cache_empty(struct group_cache *c)
{
	arena_free(&c->arena);
	memset(c->slot, 0, sizeof c->slot);
	c->n = 0;
	c->epoch++;
}

static bool cache_keep(struct group_cache *c, struct rule_group *g)
{
	if (c->n == c->room) {
		size_t room = c->room ? c->room * 2 : 256;
		struct rule_group **all = realloc(c->all, room * sizeof *all);
		if (!all)
			return false;
		c->all = all;
		c->room = room;
	}
	g->index = (uint32_t)c->n;
	c->all[c->n++] = g;
	return true;
}

static const struct rule_group *look_up(struct group_cache *c, const struct packet *p, int direction)
{
	const struct group_tables *t = &c->engine->tables;
	struct point src = point_of(&p->src), dst = point_of(&p->dst);
	struct rule_group want = {.proto = p->proto, .direction = (uint8_t)direction, .version = p->ip_version};
	want.has_ports = p->is_tcp || p->is_udp || p->is_sctp;
	want.src = class_find(t->addresses, &src);
	want.dst = class_find(t->addresses, &dst);
	if (want.has_ports) {
		want.sport = t->ports->port[p->sport];
		want.dport = t->ports->port[p->dport];
	}
	uint16_t key[6] = {want.src, want.dst, want.sport, want.dport, (uint16_t)(want.proto << 8 | want.direction << 4 | want.version), want.has_ports};
	struct rule_group **slot = &c->slot[XXH3_64bits(key, sizeof key) % GROUP_SLOTS];
	for (struct rule_group *g = *slot; g; g = g->next)
		if (g->src == want.src && g->dst == want.dst && g->sport == want.sport && g->dport == want.dport && g->proto == want.proto &&
		    g->direction == want.direction && g->version == want.version && g->has_ports == want.has_ports)
			return g;
	if (c->n >= GROUP_MAX)
		cache_empty(c); /* a scan over all ports and nets must not hold memory for ever */
	struct rule_group *g = arena_alloc(&c->arena, sizeof *g);
	if (!g)
		return NULL;
	*g = want;
	if (!group_fill(c, g) || !cache_keep(c, g))
		return NULL;
	g->next = *slot;
	*slot = g;
	return g;
}

const struct rule_group *group_find(struct group_cache *c, struct flow *f, const struct packet *p, int direction)
{
	if (!f)
		return look_up(c, p, direction);
	uint32_t flag = direction ? FLOW_GROUPS_TO_CLIENT : FLOW_GROUPS_TO_SERVER;
	if (f->generation == c->epoch && f->flags & flag)
		return c->all[f->side[direction].group];
	const struct rule_group *g = look_up(c, p, direction);
	if (!g)
		return NULL;
	if (f->generation != c->epoch)
		f->flags &= ~(uint32_t)(FLOW_GROUPS_TO_CLIENT | FLOW_GROUPS_TO_SERVER);
	f->generation = c->epoch;
	f->flags |= flag;
	f->side[direction].group = g->index;
	return g;
}
