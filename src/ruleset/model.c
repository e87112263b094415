// SPDX-License-Identifier: GPL-2.0-or-later
#include "ruleset/model.h"

#include <limits.h>
#include <linux/netfilter_arp.h>
#include <linux/netfilter_ipv4.h>
#include <stdlib.h>
#include <string.h>

void ruleset_free(struct ruleset *rs)
{
	if (!rs)
		return;
	arena_free(&rs->arena);
	free(rs);
}

struct ruleset_table *ruleset_find_table(const struct ruleset *rs, uint32_t family, const char *name)
{
	for (struct ruleset_table *t = rs->tables; t; t = t->next)
		if (t->family == family && strcmp(t->name, name) == 0)
			return t;
	return NULL;
}

struct ruleset_chain *ruleset_find_chain(const struct ruleset_table *t, const char *name)
{
	for (struct ruleset_chain *c = t->chains; c; c = c->next)
		if (strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

struct ruleset_set *ruleset_find_set(const struct ruleset_table *t, const char *name, uint32_t id)
{
	for (struct ruleset_set *s = t->sets; s; s = s->next)
		if (id && s->id ? s->id == id : strcmp(s->name, name) == 0)
			return s;
	return NULL;
}

/* ---- elements ---- */

/* Each field of a concatenation within its own bounds; fields begin at multiples of 4 bytes. */
static bool fields_within(const struct ruleset_set *set, const struct ruleset_element *e, const uint8_t *key)
{
	const uint8_t *to = e->key_end ? e->key_end : e->key;
	for (size_t i = 0, at = 0; i < set->n_fields; at += (set->field_len[i] + 3u) & ~3u, i++)
		if (memcmp(key + at, e->key + at, set->field_len[i]) < 0 || memcmp(key + at, to + at, set->field_len[i]) > 0)
			return false;
	return true;
}

static const struct ruleset_element *find_linear(const struct ruleset_set *set, uint32_t n, const uint8_t *key)
{
	for (uint32_t i = 0; i < n; i++)
		if (fields_within(set, &set->elements[i], key))
			return &set->elements[i];
	return NULL;
}

/* The last element whose key is not above, if it holds this one. */
static const struct ruleset_element *find_sorted(const struct ruleset_set *set, uint32_t n, const uint8_t *key)
{
	uint32_t low = 0, high = n;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (memcmp(set->elements[middle].key, key, set->key_len) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	const struct ruleset_element *e = low ? &set->elements[low - 1] : NULL;
	return e && memcmp(key, e->key_end ? e->key_end : e->key, set->key_len) <= 0 ? e : NULL;
}

const struct ruleset_element *ruleset_set_find(const struct ruleset_set *set, const uint8_t *key)
{
	if (set->left_out || !set->n_elements)
		return NULL;
	const struct ruleset_element *last = &set->elements[set->n_elements - 1];
	uint32_t n = set->n_elements - last->catch_all;
	bool fields = set->n_fields && (set->flags & NFT_SET_INTERVAL);
	const struct ruleset_element *e = fields ? find_linear(set, n, key) : find_sorted(set, n, key);
	return e ? e : last->catch_all ? last : NULL;
}

/* ---- the way of a packet ---- */

enum { DEFRAGMENTATION = -400, CONNTRACK = -200, NAT_DESTINATION = -100, NAT_SOURCE = 100, HELPER = 300 };

/* What the kernel itself does at a hook of IPv4 and IPv6. */
static const struct own_station {
	uint32_t hook;
	int32_t priority;
	const char *name;
} own_stations[] = {
	{NF_INET_PRE_ROUTING, DEFRAGMENTATION, "defragmentation"},
	{NF_INET_PRE_ROUTING, CONNTRACK, "connection tracking"},
	{NF_INET_PRE_ROUTING, NAT_DESTINATION, "destination NAT"},
	{NF_INET_PRE_ROUTING, INT_MAX, "routing"},
	{NF_INET_LOCAL_IN, NAT_SOURCE, "source NAT"},
	{NF_INET_LOCAL_IN, HELPER, "connection tracking helper"},
	{NF_INET_LOCAL_IN, INT_MAX, "connection tracking confirms"},
	{NF_INET_LOCAL_OUT, DEFRAGMENTATION, "defragmentation"},
	{NF_INET_LOCAL_OUT, CONNTRACK, "connection tracking"},
	{NF_INET_LOCAL_OUT, NAT_DESTINATION, "destination NAT"},
	{NF_INET_LOCAL_OUT, INT_MAX, "routing again"},
	{NF_INET_POST_ROUTING, NAT_SOURCE, "source NAT"},
	{NF_INET_POST_ROUTING, HELPER, "connection tracking helper"},
	{NF_INET_POST_ROUTING, INT_MAX, "connection tracking confirms"},
};

struct route {
	struct station *out;
	size_t n, max;
};

/* Chains of type nat all run where the kernel's NAT stands, whatever their number, which orders them among themselves. */
static bool station_before(const struct station *a, const struct station *b, uint32_t hook)
{
	int32_t nat_at = hook == NF_INET_PRE_ROUTING || hook == NF_INET_LOCAL_OUT ? NAT_DESTINATION : NAT_SOURCE;
	bool nat_a = a->kind == STATION_CHAIN && strcmp(a->chain->type, "nat") == 0, nat_b = b->kind == STATION_CHAIN && strcmp(b->chain->type, "nat") == 0;
	int32_t at_a = nat_a ? nat_at : a->priority, at_b = nat_b ? nat_at : b->priority;
	if (at_a != at_b || nat_a != nat_b)
		return at_a != at_b ? at_a < at_b : nat_b;
	return a->priority < b->priority;
}

/* What comes later into the kernel's list goes before its equals. */
static void put_station(struct route *r, uint32_t hook, struct station s)
{
	size_t at = 0;
	while (at < r->n && at < r->max && station_before(&r->out[at], &s, hook))
		at++;
	if (at < r->max) {
		size_t kept = r->n < r->max ? r->n : r->max - 1;
		memmove(r->out + at + 1, r->out + at, (kept - at) * sizeof *r->out);
		r->out[at] = s;
	}
	r->n++;
}

static bool has_device(const char **devices, const char *device)
{
	for (size_t i = 0; devices && devices[i]; i++) {
		size_t n = strlen(devices[i]);
		if (!device || strcmp(devices[i], device) == 0 || (n && devices[i][n - 1] == '*' && strncmp(devices[i], device, n - 1) == 0))
			return true;
	}
	return false;
}

static bool chain_is_at(const struct ruleset_chain *c, uint32_t family, uint32_t hook, const char *device)
{
	uint32_t f = c->table->family;
	if (!c->type)
		return false;
	if (family == NFPROTO_NETDEV) {
		bool ingress = f == NFPROTO_INET && c->hook == NF_INET_INGRESS && hook == NF_NETDEV_INGRESS;
		return (ingress || (f == NFPROTO_NETDEV && c->hook == hook)) && has_device(c->devices, device);
	}
	if (c->hook != hook || (f == NFPROTO_INET && hook == NF_INET_INGRESS))
		return false;
	return f == family || (f == NFPROTO_INET && (family == NFPROTO_IPV4 || family == NFPROTO_IPV6));
}

static void put_own(struct route *r, uint32_t hook)
{
	for (size_t i = 0; i < sizeof own_stations / sizeof *own_stations; i++)
		if (own_stations[i].hook == hook)
			put_station(r, hook, (struct station){.kind = STATION_KERNEL, .priority = own_stations[i].priority, .name = own_stations[i].name});
}

size_t ruleset_stations(const struct ruleset *rs, uint32_t family, uint32_t hook, const char *device, struct station *out, size_t max)
{
	struct route r = {out, 0, max};
	for (const struct ruleset_table *t = rs->tables; t; t = t->next) {
		for (const struct ruleset_flowtable *f = t->flowtables; f && family == NFPROTO_NETDEV && hook == NF_NETDEV_INGRESS; f = f->next)
			if (has_device(f->devices, device))
				put_station(&r, hook, (struct station){.kind = STATION_KERNEL, .priority = f->priority, .name = "flowtable", .flowtable = f});
		for (const struct ruleset_chain *c = t->chains; c; c = c->next)
			if (!(t->flags & NFT_TABLE_F_DORMANT) && chain_is_at(c, family, hook, device))
				put_station(&r, hook, (struct station){.kind = STATION_CHAIN, .priority = c->priority, .chain = c});
	}
	if (family == NFPROTO_IPV4 || family == NFPROTO_IPV6)
		put_own(&r, hook);
	return r.n;
}
