// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Packets through a ruleset, as the kernel would take them: hook by hook, rule by rule, with connection tracking, NAT, routing, sets that change on the
 * way, and time that is the packets' own. What cannot be known is named in an event, and the trace is uncertain from there.
 */
#pragma once

#include "ruleset/connection.h"
#include "ruleset/model.h"
#include "ruleset/network.h"
#include "ruleset/packet_words.h"

enum { TRACE_FRAME_MAX = 70000 };

/* A packet on its way. Kept between stations, changed by NAT and rules. */
struct trace_packet {
	uint8_t *bytes; /* link header (if link_len), network header, … */
	size_t len, room, link_len;
	uint16_t ether_type, vlan; /* vlan: TCI */
	bool has_vlan, link_unknown; /* link_unknown: leaving, its hardware addresses are not known */
	uint8_t family;		     /* of the hook: NFPROTO_IPV4, IPV6, ARP, BRIDGE, NETDEV */
	uint8_t ip;		     /* 4, 6, 0: not IP */
	uint8_t hook, type;	     /* type: PACKET_HOST, … */
	uint32_t in, out;	     /* devices at this hook, 0: none */
	bool in_unknown, out_unknown; /* there is one, which is not known */
	uint32_t arrived;	     /* the device it came by, at all hooks */
	uint32_t mark, priority, secmark;
	uint8_t nftrace;
	usec_t time;
	bool has_transport;
	uint8_t transport; /* the protocol */
	uint16_t fragoff;
	size_t thoff; /* from the network header */
	struct connection *connection;
	uint8_t info; /* IP_CT_…, with connection NULL: 0 or CT_UNTRACKED */
	uint16_t zone;
	bool has_dst; /* routed */
	struct network_way way;
	bool has_skuid, has_skgid, made_here;
	uint32_t skuid, skgid;
};

enum trace_kind {
	TRACE_PACKET,  /* enters a base chain */
	TRACE_RULE,    /* a rule all of whose steps were taken, with its verdict */
	TRACE_RETURN,  /* the end of a regular chain */
	TRACE_POLICY,
	TRACE_STEP,    /* --why: one step and its result */
	TRACE_STATION, /* what the kernel does by itself: text */
	TRACE_UNKNOWN, /* what is not known: text */
	TRACE_END,     /* text: what became of it */
};

enum trace_fate { FATE_NONE, FATE_FORWARDED, FATE_DELIVERED, FATE_SENT, FATE_DROPPED, FATE_STOLEN };

struct trace_event {
	enum trace_kind kind;
	const struct ruleset_chain *base, *chain;
	const struct ruleset_rule *rule;
	const struct step *step;
	struct verdict verdict;
	bool matched;
	bool known; /* value is what the step saw */
	const uint8_t *value;
	size_t value_len;
	const char *text;
	enum trace_fate fate;
};

struct trace_result {
	enum trace_fate fate;
	const struct ruleset_rule *rule;   /* that decided, NULL: a policy or the kernel */
	const struct ruleset_chain *chain; /* whose policy or rule it was; NULL: the kernel */
	bool uncertain;
	bool queued;
	uint16_t queue;
	char why[160]; /* of the kernel */
};

enum trace_answer { ANSWER_ACCEPT, ANSWER_DROP };

struct trace_options {
	const struct ruleset *ruleset;
	struct network *network; /* renumbered by the ruleset's devices; the caller's */
	bool checksums;		 /* -k all: a wrong one makes a packet invalid */
	bool account;		 /* nf_conntrack_acct */
	bool steps;		 /* TRACE_STEP events */
	size_t max_connections;	 /* 0: 262144 */
	void (*event)(void *context, const struct trace_packet *p, const struct trace_event *e); /* NULL: only the result counts */
	/* What the program at the queue says; NULL: accept. The mark may be changed. */
	enum trace_answer (*queue)(void *context, struct trace_packet *p, uint16_t number);
	void *context;
};

struct live;
struct trace {
	struct trace_options o;
	struct connections connections;
	struct live *live;
	struct trace_packet packet;
	struct trace_result result;
	const struct ruleset_chain *base, *chain;
	const struct ruleset_rule *rule;
	const struct step *queue_step;
	uint16_t queue_number;
	bool tracked_families[2]; /* connection tracking is on: some rule wants it, IPv4 and IPv6 */
	bool nat_families[2];
	uint32_t said_state;
	bool for_us;
	uint32_t id; /* of the packet, from 1 */
};

struct trace *trace_new(const struct trace_options *o);
void trace_free(struct trace *t); /* NULL is allowed */

/* A frame of Ethernet (link header included) or, with link 0, an IP packet. */
struct trace_input {
	struct bytes frame;
	bool ip_only;	/* no link header */
	const char *in;  /* device; NULL or "": not known, or made here */
	const char *out; /* must leave there; NULL: routing says */
	bool local;	/* made here */
	bool for_us;	/* its hardware address is this host's, whatever the frame says */
	uint32_t mark;
	uint32_t ct_state; /* what is said of it, 0: conntrack says */
	bool has_skuid, has_skgid;
	uint32_t skuid, skgid;
	usec_t time;
};
/* Takes a packet through. The result is valid until the next. */
const struct trace_result *trace_run(struct trace *t, const struct trace_input *in);
const char *trace_fate_name(enum trace_fate f);
