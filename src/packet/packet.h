// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A packet: one network-layer packet with the layers below and above it, as views into bytes that somebody else owns.
 *
 * A captured frame becomes a list of packets (decode.h): the inner packets of tunnels first, the outer one last; a datagram
 * put together from fragments stands after its last fragment. Views are valid until the frame's verdict is given.
 * The fields under "later stages" belong to the folder named there; lower folders never read them.
 */
#pragma once

#include "base/address.h"
#include "base/clock.h"
#include "packet/events.h"

struct flow;

enum { PACKET_MAX_EVENTS = 15, PACKET_MAX_VLANS = 3, PACKET_MAX_SACK = 4 };

enum {
	PROTO_ICMP = 1, PROTO_IGMP = 2, PROTO_IPIP = 4, PROTO_TCP = 6, PROTO_UDP = 17, PROTO_IPV6 = 41, PROTO_GRE = 47,
	PROTO_ESP = 50, PROTO_AH = 51, PROTO_ICMPV6 = 58, PROTO_SCTP = 132,
};

/* By its name in IANA's registry, in any case; -1: none. */
int packet_proto_find(const char *name);

enum { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_PSH = 8, TCP_ACK = 16, TCP_URG = 32, TCP_ECE = 64, TCP_CWR = 128 };

/* How an inner packet was carried. */
enum tunnel {
	TUNNEL_NONE, TUNNEL_GRE, TUNNEL_ERSPAN1, TUNNEL_ERSPAN2, TUNNEL_IPV4_IN_IPV4, TUNNEL_IPV6_IN_IPV4, TUNNEL_IPV4_IN_IPV6,
	TUNNEL_IPV6_IN_IPV6, TUNNEL_TEREDO, TUNNEL_VXLAN, TUNNEL_GENEVE, TUNNEL_ETHERNET,
	TUNNEL_DEFRAG, /* not a tunnel: put together from fragments */
};

enum packet_source { /* "pkt_src" of EVE */
	PACKET_WIRE, PACKET_STREAM_TIMEOUT, PACKET_DEFRAG, PACKET_TUNNEL,
};

struct tcp_layer {
	uint32_t seq, ack;
	uint16_t window, urgent;
	uint8_t flags;    /* TCP_FIN … */
	uint8_t reserved; /* the four reserved bits */
	uint8_t header_len;
	bool has_mss, has_wscale, has_timestamp, has_sack_ok, has_fast_open;
	uint16_t mss;
	uint8_t wscale;
	uint32_t ts_value, ts_echo;
	uint8_t n_sack;
	struct { uint32_t left, right; } sack[PACKET_MAX_SACK];
	uint8_t fast_open_len; /* bytes of the cookie */
};

struct ip4_layer {
	uint8_t header_len; /* with options */
	uint8_t tos;
	uint16_t id, total_len;
	bool df, mf, rf;
	uint16_t frag_offset; /* bytes */
	uint32_t options; /* bit n: the option kind of enum ip4_option n is there */
};

/* What the `ipopts` keyword knows. */
enum ip4_option {
	IP4_OPT_EOL, IP4_OPT_NOP, IP4_OPT_RR, IP4_OPT_TS, IP4_OPT_SEC, IP4_OPT_ESEC, IP4_OPT_LSRR, IP4_OPT_SSRR, IP4_OPT_SATID,
	IP4_OPT_RTRALT, IP4_OPT_CIPSO, IP4_OPT_QS,
};

struct ip6_layer {
	uint16_t payload_len;
	uint8_t traffic_class;
	uint32_t flow_label;
	uint16_t ext_len;       /* bytes of extension headers */
	uint8_t next_header;    /* of the fixed header */
	bool has_fragment;
	bool more_fragments;
	uint16_t frag_offset;   /* bytes */
	uint32_t frag_id;
	uint32_t frag_header_offset, frag_prev_header_offset; /* within ip */
	bool has_hop_options, has_routing, has_dest_options;
};

struct icmp_layer {
	uint8_t type, code;
	bool has_id;
	uint16_t id, seq;
	/* The packet an error message quotes; embedded_proto 0: none. */
	struct address embedded_src, embedded_dst;
	uint16_t embedded_sport, embedded_dport;
	uint8_t embedded_proto;
	uint32_t mtu; /* ICMPv6 packet too big, ICMPv4 fragmentation needed */
	bool has_mtu;
};

enum packet_flag {
	PACKET_INVALID = 1u << 0,        /* the decoder gave up: no flow, no stream */
	PACKET_CHECKSUM_READY = 1u << 1, /* the capture says the transport checksum need not be looked at */
	PACKET_CHECKSUM_PARTIAL = 1u << 2, /* the capture says it is not filled in (NFQA_SKB_CSUMNOTREADY): judge nothing */
	PACKET_TUNNELLED = 1u << 3,      /* an inner packet */
	PACKET_HAS_INNER = 1u << 4,      /* an outer packet whose inner ones were decoded */
	PACKET_FRAGMENT = 1u << 5,       /* a fragment that is not the whole datagram */
	PACKET_IGNORE_CHECKSUM = 1u << 6, /* -k none: stream engine and flow do not look at checksums */
	PACKET_PSEUDO = 1u << 7,         /* made by us at flow end: no bytes on any wire */
	PACKET_SUPER = 1u << 8,          /* GSO: several segments in one */
	PACKET_TRUNCATED = 1u << 9,      /* the capture gave fewer bytes than the packet has */

	/* flow/ */
	PACKET_HAS_FLOW = 1u << 16,
	PACKET_TO_SERVER = 1u << 17,
	PACKET_TO_CLIENT = 1u << 18,
	PACKET_ESTABLISHED = 1u << 19,   /* the flow has been seen in both directions (TCP: handshake done) */
	PACKET_FIRST_IN_DIRECTION = 1u << 20,
	PACKET_STREAM_ADDED = 1u << 21,  /* its payload went into the stream */
	PACKET_NO_STREAM = 1u << 22,     /* the stream engine refused it: not inspected as a stream */
	PACKET_STREAM_EST = 1u << 23,    /* part of an established TCP session */
	PACKET_STREAM_EOF = 1u << 24,    /* the stream ends with it */
	PACKET_RETRANSMISSION = 1u << 25, /* all its payload had been seen */
	PACKET_NO_PAYLOAD_INSPECT = 1u << 26,
	PACKET_NO_INSPECT = 1u << 27,    /* pass, bypass: no detection */
	PACKET_STREAM_MODIFIED = 1u << 28, /* differing retransmission overwritten with the first copy */
	PACKET_SET_DROPPED_FLOW = 1u << 29, /* dropped because its flow is */
	PACKET_FLOW_CHANGED = 1u << 30,
};

/* Verdict bits of a packet: set by detect and respond, read by output and capture. */
enum packet_action {
	ACTION_ALERT = 1, ACTION_DROP = 2, ACTION_REJECT = 4, ACTION_REJECT_DST = 8, ACTION_REJECT_BOTH = 16, ACTION_PASS = 32,
	ACTION_CONFIG = 64, ACTION_ACCEPT = 128,
};

/* Why a packet is dropped: the names of EVE's drop.reason and of ips.drop_reason.* (drop_reason_name). */
enum drop_reason {
	DROP_NOT, DROP_DECODE_ERROR, DROP_DEFRAG_ERROR, DROP_DEFRAG_MEMCAP, DROP_FLOW_MEMCAP, DROP_FLOW_DROP, DROP_APPLAYER_ERROR,
	DROP_APPLAYER_MEMCAP, DROP_RULES, DROP_RULES_THRESHOLD, DROP_STREAM_ERROR, DROP_STREAM_MEMCAP, DROP_STREAM_MIDSTREAM,
	DROP_STREAM_URGENT, DROP_STREAM_REASSEMBLY, DROP_NFQ_ERROR, DROP_INNER_PACKET, DROP_DEFAULT_PACKET, DROP_DEFAULT_APP,
	DROP_REASON_N_
};
const char *drop_reason_text(enum drop_reason r); /* as EVE says it: "rules", "flow drop", "stream error" … */

struct packet {
	/* capture/ */
	usec_t time;
	uint64_t number;      /* "pcap_cnt": place of the frame in the capture, from 1; 0: live */
	struct bytes frame;   /* all of the frame that was captured; of an inner packet: the carried packet from its first header */
	uint32_t wire_len;    /* its length on the wire */
	int link_type;        /* DLT_… */
	int in_interface;     /* index of the capture's interface name, 0: none */

	/* packet/: link */
	const uint8_t *ether; /* destination and source MAC, type; NULL: none */
	uint16_t ether_type;
	uint8_t n_vlans;
	uint16_t vlan[PACKET_MAX_VLANS]; /* ids */
	bool is_arp;
	struct bytes arp;     /* the ARP message when is_arp and long enough */

	/* network */
	uint8_t ip_version;   /* 4, 6, 0: none */
	uint8_t proto;        /* transport, after IPv6 extension headers */
	uint8_t ttl;          /* or hop limit */
	struct address src, dst;
	struct bytes ip;      /* from the IP header to the packet's end as its header says (and as is there) */
	struct ip4_layer ip4;
	struct ip6_layer ip6;

	/* transport */
	struct bytes transport; /* header and payload; empty for a fragment but the first */
	struct bytes payload;   /* of TCP, UDP …; of a protocol that is not read: all behind IP. Empty: fragments, tunnels, what is cut short */
	uint16_t sport, dport; /* 0 where there are none */
	bool is_tcp, is_udp, is_icmp, is_icmp6, is_sctp, is_gre, is_esp; /* header decoded and whole */
	struct tcp_layer tcp;
	struct icmp_layer icmp;
	uint32_t esp_spi;

	/* tunnels */
	struct packet *outer; /* the packet that carried it (or the fragment that completed it) */
	struct packet *inner; /* of an outer one: the last of its inner ones */
	enum tunnel tunnel;
	uint8_t recursion;    /* 0: as on the wire */
	uint8_t n_layers;     /* headers decoded so far, those of its outer packets included */
	enum packet_source source;

	uint8_t n_events;
	uint8_t event[PACKET_MAX_EVENTS];
	uint32_t flags;       /* enum packet_flag */

	/* later stages; flow/ */
	struct flow *flow;
	uint64_t flow_packet; /* number of the packet within its flow */
	/* detect/, respond/: what was found and decided */
	uint8_t action;       /* ACTION_… */
	uint8_t drop_reason;  /* enum drop_reason */

	struct packet *next;  /* the frame's list */
};

static inline bool packet_has_event(const struct packet *p, enum packet_event e)
{
	for (unsigned i = 0; i < p->n_events; i++)
		if (p->event[i] == (uint8_t)e)
			return true;
	return false;
}

/* Notes an event; beyond PACKET_MAX_EVENTS they are dropped. Sets PACKET_INVALID where the row says so. */
void packet_add_event(struct packet *p, enum packet_event e);

enum { PACKET_MAX_LINK = 128 };

/* How many bytes of a packet's frame stand before its IP header; 0 too if they are more than PACKET_MAX_LINK. */
static inline size_t packet_link_len(const struct packet *p)
{
	size_t n = p->ip.data && p->frame.data ? (size_t)(p->ip.data - p->frame.data) : 0;
	return n <= PACKET_MAX_LINK ? n : 0;
}

/* Bytes at its end that a queue did not copy. Of a capture file that is cut short nothing is known. */
static inline uint32_t packet_uncopied(const struct packet *p)
{
	bool cut = p->flags & PACKET_TRUNCATED && !p->number && !p->recursion && p->wire_len > p->frame.len;
	return cut ? p->wire_len - (uint32_t)p->frame.len : 0;
}

/* 0 towards the server, 1 towards the client. */
static inline int packet_direction(const struct packet *p)
{
	return p->flags & PACKET_TO_CLIENT ? 1 : 0;
}

/* Drops a packet for a reason; the first reason stays. */
static inline void packet_drop(struct packet *p, enum drop_reason why)
{
	if (!(p->action & ACTION_DROP))
		p->drop_reason = (uint8_t)why;
	p->action |= ACTION_DROP;
}

/*
 * Checksums (RFC 1071). True if it is right, or if there is none to look at (IPv4 UDP without one, fragments, not that
 * protocol). Computed on call; callers decide whether it matters (-k, PACKET_CHECKSUM_*).
 */
bool packet_checksum_ip_ok(const struct packet *p);
bool packet_checksum_transport_ok(const struct packet *p);
