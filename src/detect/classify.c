// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sets of addresses and ports → classes. A sweep over all beginnings and ends of ranges finds the pieces of the space that lie in the
 * same sets; a look-up is one binary search, and the signatures of a class are the union of its sets' users.
 */
#include "detect/engine.h"

#include <stdlib.h>
#include <xxhash.h>

enum { MANY_USERS = 64 };
enum { TABLE_IP4, TABLE_IP6, TABLE_PORTS };
typedef unsigned __int128 class_number;

struct edge { /* a range of a set begins, or has ended before */
	class_number at;
	uint32_t set;
	bool begins;
};

struct edge_list {
	struct edge *edge;
	size_t n, room;
};

struct known_set {
	uint64_t hash;
	const void *ranges;
	size_t bytes;
	uint32_t id;
};

struct set_list {
	struct known_set *slot; /* open hash, room a power of two */
	size_t room;
	struct edge_list edges[3];
};

struct classifier *classifier_new(uint32_t n_sigs)
{
	struct classifier *c = xcalloc(1, sizeof *c);
	c->n_sigs = n_sigs;
	c->any[0] = xcalloc(bits_words(n_sigs) + 1, sizeof(uint64_t));
	c->any[1] = xcalloc(bits_words(n_sigs) + 1, sizeof(uint64_t));
	c->building = xcalloc(1, sizeof *c->building);
	c->building->room = 64;
	c->building->slot = xcalloc(c->building->room, sizeof *c->building->slot);
	return c;
}

static void building_free(struct classifier *c)
{
	if (!c->building)
		return;
	for (int t = 0; t < 3; t++)
		free(c->building->edges[t].edge);
	free(c->building->slot);
	free(c->building);
	c->building = NULL;
}

void classifier_free(struct classifier *c)
{
	if (!c)
		return;
	building_free(c);
	for (unsigned i = 0; i < c->n_sets; i++)
		for (int side = 0; side < 2; side++) {
			free(c->set[i].numbers[side].number);
			free(c->set[i].bits[side]);
		}
	for (int t = 0; t < 3; t++) {
		free(c->table[t].at);
		free(c->table[t].low);
	}
	free(c->set);
	free(c->any[0]);
	free(c->any[1]);
	free(c->class);
	free(c->member);
	free(c->port);
	free(c);
}

static class_number number_of(const struct address *a)
{
	class_number v = 0;
	for (size_t i = 0; i < address_len(a); i++)
		v = v << 8 | a->byte[i];
	return v;
}

static void add_edge(struct edge_list *l, class_number at, uint32_t set, bool begins)
{
	if (l->n == l->room) {
		l->room = l->room ? l->room * 2 : 256;
		l->edge = xrealloc(l->edge, l->room * sizeof *l->edge);
	}
	l->edge[l->n++] = (struct edge){at, set, begins};
}

static void add_range(struct edge_list *l, class_number first, class_number last, class_number top, uint32_t set)
{
	add_edge(l, first, set, true);
	if (last < top)
		add_edge(l, last + 1, set, false);
}

static void grow(struct set_list *b)
{
	struct known_set *old = b->slot;
	size_t room = b->room;
	b->room *= 2;
	b->slot = xcalloc(b->room, sizeof *b->slot);
	for (size_t i = 0; i < room; i++) {
		if (!old[i].ranges)
			continue;
		size_t at = old[i].hash & (b->room - 1);
		while (b->slot[at].ranges)
			at = (at + 1) & (b->room - 1);
		b->slot[at] = old[i];
	}
	free(old);
}

/* The id of a set; *is_new: it was not known. */
static uint32_t intern(struct classifier *c, const void *ranges, size_t bytes, bool *is_new)
{
	struct set_list *b = c->building;
	uint64_t hash = XXH3_64bits(ranges, bytes);
	if (c->n_sets * 2 >= b->room)
		grow(b);
	size_t at = hash & (b->room - 1);
	for (; b->slot[at].ranges; at = (at + 1) & (b->room - 1))
		if (b->slot[at].hash == hash && b->slot[at].bytes == bytes && memcmp(b->slot[at].ranges, ranges, bytes) == 0)
			return b->slot[at].id;
	*is_new = true;
	b->slot[at] = (struct known_set){hash, ranges, bytes, c->n_sets};
	if ((c->n_sets & (c->n_sets - 1)) == 0) {
		size_t room = c->n_sets ? (size_t)c->n_sets * 2 : 1;
		c->set = xrealloc(c->set, room * sizeof *c->set);
	}
	c->set[c->n_sets] = (struct set_users){0};
	return c->n_sets++;
}

void classifier_add_addresses(struct classifier *c, const struct address_set *s, int side, uint32_t number)
{
	bool is_new = false;
	if (!s || s->any) {
		bits_set(c->any[side], number);
		return;
	}
	if (s->n == 0)
		return;
	uint32_t id = intern(c, s->in, s->n * sizeof *s->in, &is_new);
	number_list_add(&c->set[id].numbers[side], number);
	for (size_t i = 0; is_new && i < s->n; i++) {
		bool ip4 = s->in[i].first.family == 4;
		class_number top = ip4 ? UINT32_MAX : ~(class_number)0;
		add_range(&c->building->edges[ip4 ? TABLE_IP4 : TABLE_IP6], number_of(&s->in[i].first), number_of(&s->in[i].last), top, id);
	}
}

void classifier_add_ports(struct classifier *c, const struct port_set *s, int side, uint32_t number)
{
	bool is_new = false;
	if (!s || s->any) {
		bits_set(c->any[side], number);
		return;
	}
	if (s->n == 0)
		return;
	uint32_t id = intern(c, s->in, s->n * sizeof *s->in, &is_new);
	number_list_add(&c->set[id].numbers[side], number);
	for (size_t i = 0; is_new && i < s->n; i++)
		add_range(&c->building->edges[TABLE_PORTS], s->in[i].first, s->in[i].last, UINT16_MAX, id);
}

static int by_place(const void *a, const void *b)
{
	const struct edge *x = a, *y = b;
	return x->at < y->at ? -1 : x->at > y->at;
}

struct class_slot {
	uint64_t hash;
	uint32_t class; /* and 1: free slots are 0 */
};

struct sweep {
	struct classifier *c;
	uint64_t *inside;  /* bit set of sets */
	size_t words;
	struct class_slot *slot;
	size_t room;
	size_t class_room, member_room;
};

static bool same_members(const struct sweep *w, uint32_t class)
{
	const struct classifier *c = w->c;
	uint32_t n = 0;
	for (size_t i = 0; i < w->words; i++)
		n += (uint32_t)__builtin_popcountll(w->inside[i]);
	if (n != c->class[class].n)
		return false;
	for (uint32_t i = 0; i < n; i++)
		if (!bits_test(w->inside, c->member[c->class[class].first + i]))
			return false;
	return true;
}

static void add_members(struct sweep *w)
{
	struct classifier *c = w->c;
	if (c->n_classes == w->class_room) {
		w->class_room = w->class_room ? w->class_room * 2 : 256;
		c->class = xrealloc(c->class, w->class_room * sizeof *c->class);
	}
	uint32_t first = (uint32_t)c->n_members;
	for (uint32_t set = 0; set < c->n_sets; set++) {
		if (!bits_test(w->inside, set))
			continue;
		if (c->n_members == w->member_room) {
			w->member_room = w->member_room ? w->member_room * 2 : 1024;
			c->member = xrealloc(c->member, w->member_room * sizeof *c->member);
		}
		c->member[c->n_members++] = set;
	}
	c->class[c->n_classes].first = first;
	c->class[c->n_classes++].n = (uint32_t)c->n_members - first;
}

static void grow_slots(struct sweep *w)
{
	struct class_slot *old = w->slot;
	size_t room = w->room;
	w->room *= 2;
	w->slot = xcalloc(w->room, sizeof *w->slot);
	for (size_t i = 0; i < room; i++) {
		if (!old[i].class)
			continue;
		size_t at = old[i].hash & (w->room - 1);
		while (w->slot[at].class)
			at = (at + 1) & (w->room - 1);
		w->slot[at] = old[i];
	}
	free(old);
}

/* The class of being inside the sets at hand. */
static uint32_t class_here(struct sweep *w)
{
	uint64_t hash = XXH3_64bits(w->inside, w->words * sizeof *w->inside);
	if ((size_t)w->c->n_classes * 2 >= w->room)
		grow_slots(w);
	size_t at = hash & (w->room - 1);
	for (; w->slot[at].class; at = (at + 1) & (w->room - 1))
		if (w->slot[at].hash == hash && same_members(w, w->slot[at].class - 1))
			return w->slot[at].class - 1;
	add_members(w);
	w->slot[at] = (struct class_slot){hash, w->c->n_classes};
	return w->c->n_classes - 1;
}

static void sweep_table(struct sweep *w, struct edge_list *l, struct class_table *t)
{
	memset(w->inside, 0, w->words * sizeof *w->inside);
	if (l->n)
		qsort(l->edge, l->n, sizeof *l->edge, by_place);
	t->at = xcalloc(l->n + 1, sizeof *t->at);
	t->at[t->n++] = (struct boundary){0, class_here(w)};
	for (size_t i = 0; i < l->n;) {
		class_number at = l->edge[i].at;
		/* ends first: ranges of one set may touch */
		for (size_t k = i; k < l->n && l->edge[k].at == at; k++)
			if (!l->edge[k].begins)
				w->inside[l->edge[k].set / 64] &= ~(UINT64_C(1) << (l->edge[k].set % 64));
		for (; i < l->n && l->edge[i].at == at; i++)
			if (l->edge[i].begins)
				bits_set(w->inside, l->edge[i].set);
		uint32_t class = class_here(w);
		if (t->at[t->n - 1].first == at)
			t->at[t->n - 1].class = class;
		else if (t->at[t->n - 1].class != class)
			t->at[t->n++] = (struct boundary){at, class};
	}
}

static void users_finish(struct classifier *c)
{
	for (unsigned i = 0; i < c->n_sets; i++)
		for (int side = 0; side < 2; side++) {
			struct number_list *l = &c->set[i].numbers[side];
			if (l->n <= MANY_USERS)
				continue;
			c->set[i].bits[side] = xcalloc(bits_words(c->n_sigs) + 1, sizeof(uint64_t));
			for (size_t k = 0; k < l->n; k++)
				bits_set(c->set[i].bits[side], l->number[k]);
			free(l->number);
			*l = (struct number_list){0};
		}
}

static void ports_finish(struct classifier *c)
{
	const struct class_table *t = &c->table[TABLE_PORTS];
	c->port = xcalloc(65536, sizeof *c->port);
	for (size_t i = 0; i < t->n; i++) {
		size_t end = i + 1 < t->n ? (size_t)t->at[i + 1].first : 65536;
		for (size_t p = (size_t)t->at[i].first; p < end; p++)
			c->port[p] = t->at[i].class;
	}
}

void classifier_finish(struct classifier *c)
{
	struct sweep w = {.c = c, .words = bits_words(c->n_sets) + 1, .room = 256};
	w.inside = xcalloc(w.words, sizeof *w.inside);
	w.slot = xcalloc(w.room, sizeof *w.slot);
	for (int t = 0; t < 3; t++)
		sweep_table(&w, &c->building->edges[t], &c->table[t]);
	struct class_table *ip4 = &c->table[TABLE_IP4];
	ip4->low = xcalloc(ip4->n, sizeof *ip4->low);
	for (size_t i = 0; i < ip4->n; i++)
		ip4->low[i] = (uint32_t)ip4->at[i].first;
	users_finish(c);
	ports_finish(c);
	building_free(c);
	free(w.inside);
	free(w.slot);
}

static uint32_t find_low(const struct class_table *t, uint32_t v)
{
	const uint32_t *base = t->low;
	size_t n = t->n;
	while (n > 1) { /* no branch that could be guessed wrong */
		size_t half = n / 2;
		base += base[half] <= v ? half : 0;
		n -= half;
	}
	return t->at[base - t->low].class;
}

uint32_t classifier_address(const struct classifier *c, const struct address *a)
{
	if (a->family == 4)
		return find_low(&c->table[TABLE_IP4], load_be32(a->byte));
	const struct class_table *t = &c->table[TABLE_IP6];
	class_number v = number_of(a);
	size_t low = 0, n = t->n;
	while (n > 1) {
		size_t half = n / 2;
		if (t->at[low + half].first <= v)
			low += half;
		n -= half;
	}
	return t->at[low].class;
}

void classifier_or(const struct classifier *c, uint32_t class, int side, uint64_t *out)
{
	size_t words = bits_words(c->n_sigs);
	for (size_t i = 0; i < words; i++)
		out[i] |= c->any[side][i];
	for (uint32_t k = 0; k < c->class[class].n; k++) {
		const struct set_users *u = &c->set[c->member[c->class[class].first + k]];
		if (u->bits[side]) {
			for (size_t i = 0; i < words; i++)
				out[i] |= u->bits[side][i];
		}
		for (size_t i = 0; i < u->numbers[side].n; i++)
			bits_set(out, u->numbers[side].number[i]);
	}
}
