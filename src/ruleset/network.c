// SPDX-License-Identifier: GPL-2.0-or-later
#include "ruleset/network.h"

#include <linux/fib_rules.h>
#include <linux/if_arp.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

enum { UNNUMBERED = 1 << 20 }; /* devices that the ruleset does not name get numbers from here on */

struct network *network_new(void)
{
	return xcalloc(1, sizeof(struct network));
}

void network_free(struct network *n)
{
	if (!n)
		return;
	free(n->devices);
	free(n->addresses);
	free(n->routes);
	free(n->rules);
	free(n);
}

const struct network_device *network_device(const struct network *n, uint32_t index)
{
	for (size_t i = 0; index && i < n->n_devices; i++)
		if (n->devices[i].index == index)
			return &n->devices[i];
	return NULL;
}

const struct network_device *network_device_named(const struct network *n, const char *name)
{
	for (size_t i = 0; i < n->n_devices; i++)
		if (strcmp(n->devices[i].name, name) == 0)
			return &n->devices[i];
	return NULL;
}

struct network_device *network_device_add(struct network *n, const char *name)
{
	for (size_t i = 0; i < n->n_devices; i++)
		if (strcmp(n->devices[i].name, name) == 0)
			return &n->devices[i];
	n->devices = xrealloc(n->devices, (n->n_devices + 1) * sizeof *n->devices);
	struct network_device *d = &n->devices[n->n_devices];
	*d = (struct network_device){.index = UNNUMBERED + (uint32_t)n->n_devices, .type = strcmp(name, "lo") ? ARPHRD_ETHER : ARPHRD_LOOPBACK, .mtu = 1500};
	n->n_devices++;
	strncpy(d->name, name, sizeof d->name - 1);
	return d;
}

static void renumber(struct network *n, uint32_t from, uint32_t to)
{
	for (size_t i = 0; i < n->n_devices; i++) {
		n->devices[i].index = n->devices[i].index == from ? to : n->devices[i].index;
		n->devices[i].master = n->devices[i].master == from ? to : n->devices[i].master;
	}
	for (size_t i = 0; i < n->n_addresses; i++)
		n->addresses[i].device = n->addresses[i].device == from ? to : n->addresses[i].device;
	for (size_t i = 0; i < n->n_routes; i++)
		n->routes[i].device = n->routes[i].device == from ? to : n->routes[i].device;
}

void network_number(struct network *n, const struct ruleset *rs)
{
	if (rs->live && n->live)
		return;
	for (size_t i = 0; i < n->n_devices; i++)
		renumber(n, n->devices[i].index, UNNUMBERED * 2u + (uint32_t)i);
	for (uint32_t i = 1; i < rs->n_devices; i++)
		if (rs->device_names[i])
			renumber(n, network_device_add(n, rs->device_names[i])->index, i);
}

/* ---- routing ---- */

static bool has_prefix(const struct address *a, const struct address *net, uint8_t bits)
{
	struct address masked = *a;
	address_mask(&masked, bits);
	return address_equal(&masked, net);
}

static bool rule_matches(const struct network *n, const struct network_rule *r, const struct network_key *k)
{
	const struct network_device *in = network_device(n, k->iif), *out = network_device(n, k->oif);
	bool yes = true;
	if (r->src.family)
		yes = k->src.family && has_prefix(&k->src, &r->src, r->src_prefix);
	if (r->dst.family)
		yes = yes && has_prefix(&k->dst, &r->dst, r->dst_prefix);
	if (*r->iif)
		yes = yes && (in ? strcmp(in->name, r->iif) == 0 : !k->iif && strcmp(r->iif, "lo") == 0);
	if (*r->oif)
		yes = yes && out && strcmp(out->name, r->oif) == 0;
	if (r->mask)
		yes = yes && (k->mark & r->mask) == r->mark;
	return yes != r->inverted;
}

static bool is_end(uint8_t type)
{
	return type == RTN_BLACKHOLE || type == RTN_UNREACHABLE || type == RTN_PROHIBIT;
}

static const struct network_route *table_lookup(const struct network *n, uint32_t table, const struct network_key *k)
{
	const struct network_route *best = NULL;
	for (size_t i = 0; i < n->n_routes; i++) {
		const struct network_route *r = &n->routes[i];
		if (r->table != table || r->family != k->dst.family || (r->tos && r->tos != (k->tos & 0x1c)) || (k->oif && r->device != k->oif && !is_end(r->type)))
			continue;
		if (!has_prefix(&k->dst, &r->dst, r->prefix))
			continue;
		if (!best || r->prefix > best->prefix || (r->prefix == best->prefix && r->metric < best->metric))
			best = r;
	}
	return best;
}

static struct network_way way_of(const struct network_route *r)
{
	return (struct network_way){.found = true, .type = r->type, .device = r->device, .via = r->via, .source = r->source, .uncertain = r->has_more};
}

struct network_way network_route(const struct network *n, const struct network_key *k)
{
	for (size_t i = 0; i < n->n_rules; i++) {
		const struct network_rule *rule = &n->rules[i];
		if (rule->family != k->dst.family || !rule_matches(n, rule, k))
			continue;
		if (rule->action == FR_ACT_BLACKHOLE || rule->action == FR_ACT_UNREACHABLE || rule->action == FR_ACT_PROHIBIT)
			break;
		const struct network_route *r = rule->action == FR_ACT_TO_TBL ? table_lookup(n, rule->table, k) : NULL;
		if (!r || (rule->suppress_default && r->prefix == 0) || r->type == RTN_THROW)
			continue;
		if (is_end(r->type))
			break;
		return way_of(r);
	}
	return (struct network_way){0};
}

bool network_is_local(const struct network *n, const struct address *a, uint32_t device)
{
	for (size_t i = 0; i < n->n_routes; i++) {
		const struct network_route *r = &n->routes[i];
		if (r->table == RT_TABLE_LOCAL && r->type == RTN_LOCAL && r->family == a->family && (!device || r->device == device) && has_prefix(a, &r->dst, r->prefix))
			return true;
	}
	return false;
}

static uint8_t type_ip4(const struct network *n, const struct address *a, uint32_t device)
{
	struct network_key k = {.dst = *a};
	if (a->byte[0] == 0 || load_be32(a->byte) == UINT32_MAX)
		return RTN_BROADCAST;
	if (a->byte[0] >= 224 && a->byte[0] < 240)
		return RTN_MULTICAST;
	const struct network_route *r = table_lookup(n, RT_TABLE_LOCAL, &k);
	return r && (!device || r->device == device) ? r->type : RTN_UNICAST;
}

static uint8_t type_ip6(const struct network *n, const struct address *a, uint32_t device)
{
	if (a->byte[0] == 0xff)
		return RTN_MULTICAST;
	if (network_is_local(n, a, device))
		return RTN_LOCAL;
	struct network_key k = {.dst = *a, .oif = device};
	struct network_way w = network_route(n, &k);
	if (!w.found)
		return RTN_UNREACHABLE;
	return w.type == RTN_ANYCAST || w.type == RTN_LOCAL ? w.type : RTN_UNICAST;
}

uint8_t network_address_type(const struct network *n, const struct address *a, uint32_t device)
{
	return a->family == 4 ? type_ip4(n, a, device) : type_ip6(n, a, device);
}

struct address network_source(const struct network *n, uint32_t device, const struct address *to)
{
	const struct network_address *best = NULL;
	for (size_t i = 0; i < n->n_addresses; i++) {
		const struct network_address *a = &n->addresses[i];
		struct address net = a->address;
		if (a->device != device || a->address.family != to->family || a->scope > RT_SCOPE_UNIVERSE)
			continue;
		address_mask(&net, a->prefix);
		if (has_prefix(to, &net, a->prefix))
			return a->address;
		if (!best)
			best = a;
	}
	return best ? best->address : (struct address){0};
}

struct address network_first_address(const struct network *n, uint32_t device, uint8_t family, bool link_local)
{
	for (size_t i = 0; i < n->n_addresses; i++) {
		const struct network_address *a = &n->addresses[i];
		if (a->device == device && a->address.family == family && (family == 4 || (a->scope == RT_SCOPE_LINK) == link_local))
			return a->address;
	}
	return (struct address){0};
}
