// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the kernel knows of the network besides the ruleset: devices, their addresses, routes and the rules that choose among tables. Read live by
 * rtnetlink, or from a text in the words of `ip rule`, `ip address` (-o) and `ip route show table all`. Not changed afterwards but by network_number.
 */
#pragma once

#include "base/address.h"
#include "base/error.h"
#include "ruleset/model.h"

struct network_device {
	uint32_t index;
	char name[16], kind[16]; /* kind "": none ("veth", "bridge") */
	uint32_t group, master;	 /* master: index of the bridge or bond it is a port of, 0: none */
	uint32_t mtu;
	uint16_t type; /* ARPHRD_… */
	bool has_mac;
	uint8_t mac[6];
};

struct network_address {
	struct address address;
	uint32_t device;
	uint8_t prefix, scope; /* RT_SCOPE_… */
};

struct network_route {
	uint8_t family, prefix, type, tos; /* family 4, 6; type RTN_… */
	struct address dst, via, source;   /* via, source: family 0 if none */
	uint32_t device, table, metric;
	bool has_more; /* several next hops: which one is taken is not known */
};

struct network_rule {
	uint8_t family; /* 4, 6 */
	uint8_t src_prefix, dst_prefix, action; /* FR_ACT_… */
	bool inverted;
	struct address src, dst; /* family 0: any */
	uint32_t priority, table, mark, mask;
	char iif[16], oif[16];
	bool suppress_default; /* suppress_prefixlength 0 */
};

struct network {
	struct network_device *devices;
	struct network_address *addresses;
	struct network_route *routes;
	struct network_rule *rules;
	size_t n_devices, n_addresses, n_routes, n_rules;
	bool known;   /* routes were read; else every destination is behind an unknown device */
	bool live;
};

void network_free(struct network *n); /* NULL is allowed */
int network_read_live(struct network **out, struct error *error);
int network_read_file(struct network **out, const char *path, struct error *error);
/* Lines of `ip`; what is not understood is an error with its line. For network_read_file and tests. */
int network_read_text(struct network **out, const char *text, struct error *error);
struct network *network_new(void); /* nothing is known */
/* Gives devices the numbers by which the ruleset knows them (of a text: its own). */
void network_number(struct network *n, const struct ruleset *rs);

const struct network_device *network_device(const struct network *n, uint32_t index);
const struct network_device *network_device_named(const struct network *n, const char *name);
/* Found or made: a device of this name. */
struct network_device *network_device_add(struct network *n, const char *name);

struct network_key {
	struct address src, dst;
	uint32_t mark, iif, oif; /* iif 0: made here; oif: must leave there, 0: any */
	uint8_t tos;
};
struct network_way {
	bool found;
	uint8_t type; /* RTN_UNICAST, RTN_LOCAL, … */
	uint32_t device;
	struct address via, source;
	bool uncertain; /* one of several next hops */
};
struct network_way network_route(const struct network *n, const struct network_key *key);
bool network_is_local(const struct network *n, const struct address *a, uint32_t device); /* device 0: any */
/* RTN_… as `fib … type` has it: of the local table alone for IPv4. */
uint8_t network_address_type(const struct network *n, const struct address *a, uint32_t device);
/* The address that a packet leaving `device` for `to` bears, as masquerade chooses it. family 0: none. */
struct address network_source(const struct network *n, uint32_t device, const struct address *to);
struct address network_first_address(const struct network *n, uint32_t device, uint8_t family, bool link_local);
