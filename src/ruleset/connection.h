// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Connection tracking and NAT as the kernel does them (nf_conntrack, nf_nat), on packets of a trace: state of TCP with its windows, UDP, ICMP with its
 * errors; other protocols by their addresses alone. Time is that of the packets.
 */
#pragma once

#include <linux/netfilter/nf_conntrack_common.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/memory.h"

/* One direction, as the kernel's tuple: ports in network order; ICMP: the id and (type, code) in place of ports. */
struct tuple {
	uint8_t family, proto; /* family 4, 6 */
	uint16_t zone;
	uint8_t sport[2], dport[2];
	uint8_t src[16], dst[16];
};

struct tcp_side {
	uint32_t end, max_end, max_win, max_ack;
	uint8_t scale, flags;
};
struct tcp_tracking {
	struct tcp_side side[2];
	uint8_t state, last_dir, last_index, last_flags, last_scale, retrans;
	uint32_t last_seq, last_ack, last_end;
	uint16_t last_win;
};

enum { DIR_ORIGINAL, DIR_REPLY };
enum { CT_UNTRACKED = 7 }; /* as the kernel has it beside IP_CT_NEW and the like */

struct connection {
	struct connection *next[2]; /* in the table, by each tuple; next[0]: also of the spare ones */
	struct connection *all, **back; /* all that exist */
	struct tuple tuple[2];
	uint32_t status, mark, secmark; /* status: IPS_… */
	uint8_t labels[16];
	uint8_t has_labels;
	usec_t expires, born, udp_stream_at;
	uint64_t packets[2], bytes[2];
	struct tcp_tracking tcp;
	uint32_t masquerade_device;
	const char *helper;
	uint32_t number;
	bool in_table, nat_random; /* nat_random: a port was chosen by chance */
};

struct connections {
	struct connection **bucket;
	struct connection *all;
	struct connection *pinned; /* the packet's on its way: killed, it is released only when the packet is through */
	struct slab slab;
	size_t n_buckets, n, max;
	uint32_t made;
	usec_t now;
	bool account; /* net.netfilter.nf_conntrack_acct */
	bool checksums;
};

void connections_init(struct connections *c, size_t max);
void connections_free(struct connections *c);

/* What connection tracking says of a packet. `ip` begins at the IP header. */
struct tracked {
	struct connection *connection; /* NULL: invalid or untracked */
	uint8_t info;		       /* IP_CT_… */
	bool drop;		       /* the kernel drops it here */
};
/* At prerouting and output. `arriving`: at prerouting, where checksums are looked at. */
struct tracked connection_track(struct connections *c, struct bytes ip, uint8_t family, uint16_t zone, bool arriving);
/* At the end of postrouting or input. false: dropped, another one has that tuple. */
bool connection_confirm(struct connections *c, struct connection *ct, uint8_t info);
/* A packet that is gone takes the connection with it that it began. */
void connection_release(struct connections *c, struct connection *ct);
/* One that is not in the table. NULL: its protocol has no answers, or the table is full. */
struct connection *connection_new(struct connections *c, const struct tuple *t);
void connection_kill(struct connections *c, struct connection *ct);
/* A TCP reset was sent by `reject`. */
void connection_closing(struct connections *c, struct connection *ct);
struct connection *connection_find(struct connections *c, const struct tuple *t, int *direction);
bool tuple_of(struct bytes ip, uint8_t family, uint16_t zone, struct tuple *out);
bool tuple_invert(const struct tuple *t, struct tuple *out);
/* The transport header as connection tracking finds it; 0: none (a fragment, cut short). */
size_t connection_transport(struct bytes ip, uint8_t family, uint8_t *proto);

/* The state machine of TCP. false: invalid. `again`: forget the connection, it is a new one. `counted`: it is one of the connection's packets. */
bool tcp_track(struct connections *c, struct connection *ct, uint8_t info, struct bytes tcp, bool *again, bool *counted);

/* ---- NAT ---- */

struct nat_range {
	uint32_t flags; /* NF_NAT_RANGE_… */
	struct address min, max;
	uint16_t port_min, port_max;
};
enum { MANIP_SRC, MANIP_DST };
/* false: no free tuple. */
bool nat_setup(struct connections *c, struct connection *ct, const struct nat_range *range, int manip);
/* Rewrites a packet as the connection's mapping says. true: some byte changed. */
bool nat_packet(struct connection *ct, uint8_t info, int manip, uint8_t family, uint8_t *ip, size_t len);

static inline int info_direction(uint8_t info)
{
	return info >= IP_CT_IS_REPLY && info != CT_UNTRACKED ? DIR_REPLY : DIR_ORIGINAL;
}

/* Bob Jenkins' hash as the kernel computes it. */
uint32_t jenkins_bytes(const uint8_t *key, uint32_t len, uint32_t seed);
uint32_t jenkins_words(const uint32_t *key, uint32_t n, uint32_t seed);
static inline uint32_t scale_to(uint32_t value, uint32_t range)
{
	return (uint32_t)(((uint64_t)value * range) >> 32);
}
