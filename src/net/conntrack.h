// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ctnetlink: the connections that the kernel tracks in this network namespace. Each call opens a socket of its own; not for the packet path.
 */
#pragma once

#include <stdbool.h>

#include "base/address.h"
#include "base/error.h"

struct conntrack_tuple {
	struct address src, dst;
	uint16_t sport, dport; /* 0 where the protocol has none */
	uint8_t proto;
};

struct conntrack_flow {
	struct conntrack_tuple original, reply; /* reply.src is whom the original really reaches, reply.dst whom the answers go to: differ by NAT */
	uint32_t mark;
	uint32_t timeout;   /* seconds left */
	uint8_t tcp_state;  /* TCP_CONNTRACK_…; 0 for other protocols */
	bool seen_reply, assured;
	uint16_t zone;
};

/* A TCP connection whose handshake is over or under way with both sides heard, and that is not closed. */
bool conntrack_established(const struct conntrack_flow *f);

/* All connections, of any protocol. `visit` may end it by false. -errno with words; -EOPNOTSUPP: this kernel has no ctnetlink. */
int conntrack_visit(bool (*visit)(void *context, const struct conntrack_flow *f), void *context, struct error *error);
/*
 * The connection that a packet belongs to as it is seen in forward, input or output, in either direction, NATed or not. -ENOENT: none is known (also with
 * source and destination NAT on one connection, where the packet's addresses are neither tuple's: conntrack_search). A connection whose first packet is still
 * on its way is not known yet.
 */
int conntrack_of(const struct conntrack_tuple *packet, struct conntrack_flow *out, struct error *error);
/* The same for one with source and destination NAT, and for protocols without ports: the kernel walks all its connections for it. */
int conntrack_search(const struct conntrack_tuple *packet, struct conntrack_flow *out, struct error *error);
/* Sets `bits` within `mask` in the conntrack marks of all TCP connections that are established now; other bits stay. Returns how many. */
int conntrack_mark_established(uint32_t mask, uint32_t bits, struct error *error);
/* The same for one; -ENOENT. */
int conntrack_mark(const struct conntrack_tuple *packet, uint32_t mask, uint32_t bits, struct error *error);

/* One message of ctnetlink. false: none that says both tuples. Pure. */
struct nlmsghdr;
bool conntrack_parse(const struct nlmsghdr *m, struct conntrack_flow *f);
