// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Flows: both directions of a conversation, keyed by addresses, ports, protocol, VLANs and tunnel depth. One table a worker,
 * used by that worker alone. Time is what the caller says; it never runs back (an older time counts as the newest seen).
 *
 * What upper layers hang on a flow is opaque here and freed through flow_table_hooks.
 */
#pragma once

#include "base/conf.h"
#include "base/counters.h"
#include "base/memory.h"
#include "packet/packet.h"

struct tcp_session; /* flow/stream.h */
struct app_flow;    /* app/ */
struct flow_bits;   /* detect/: flowbits, flowints, flowvars */

enum flow_state { FLOW_NEW, FLOW_ESTABLISHED, FLOW_CLOSED, FLOW_BYPASSED /* by us */, FLOW_CAPTURE_BYPASSED, FLOW_STATE_N_ };
enum flow_end_reason { FLOW_END_TIMEOUT, FLOW_END_FORCED, FLOW_END_SHUTDOWN, FLOW_END_TCP_REUSE }; /* EVE: timeout, forced, shutdown, tcp_reuse */

/* What its connection is marked with (gateway/marks.h says the same numbers): the verdicts of its packets carry it. */
enum flow_mark { FLOW_MARK_NONE, FLOW_MARK_RELEASED, FLOW_MARK_SLOW /* + class */, FLOW_MARK_NORMAL = 255 /* slow no more */ };
/* Who let it go by uninspected. */
enum flow_release {
	FLOW_NOT_RELEASED, FLOW_RELEASED_POLICY, FLOW_RELEASED_RULE /* keyword bypass */, FLOW_RELEASED_DEPTH, FLOW_RELEASED_PERSON,
	FLOW_RELEASED_ENCRYPTED, FLOW_RELEASED_EXCEPTION /* policy */,
};

enum flow_flag {
	FLOW_TO_SERVER_SEEN = 1u << 0,
	FLOW_TO_CLIENT_SEEN = 1u << 1,
	FLOW_SWAPPED = 1u << 2,        /* the direction was guessed wrong at first and turned */
	FLOW_ALERTED = 1u << 3,
	FLOW_ACTION_DROP = 1u << 4,    /* every later packet is dropped (reason: flow drop) */
	FLOW_ACTION_PASS = 1u << 5,    /* no more inspection: a pass rule took the flow */
	FLOW_NO_PAYLOAD_INSPECT = 1u << 6,
	FLOW_NO_PACKET_INSPECT = 1u << 7,
	FLOW_IP_ONLY_TO_SERVER = 1u << 8, /* ip-only rules have run for this direction */
	FLOW_IP_ONLY_TO_CLIENT = 1u << 9,
	FLOW_GROUPS_TO_SERVER = 1u << 10, /* rule groups looked up */
	FLOW_GROUPS_TO_CLIENT = 1u << 11,
	FLOW_PD_ONLY_TO_SERVER = 1u << 12, /* protocol-detection-only rules have run */
	FLOW_PD_ONLY_TO_CLIENT = 1u << 13,
	FLOW_REJECTED = 1u << 14,
	FLOW_PROTO_CHANGED = 1u << 15,
	FLOW_EXCEPTION = 1u << 16,     /* an exception policy acted; see exception_policy */
	FLOW_TIMED_OUT = 1u << 17,     /* is being ended: only flushing detection still runs */
	FLOW_SHARED_STATE = 1u << 18,  /* has hostbits, tags… in the shared table */
	FLOW_ELEPHANT = 1u << 19,
	FLOW_WAS_DROP_LOGGED_TS = 1u << 20,
	FLOW_WAS_DROP_LOGGED_TC = 1u << 21,
	FLOW_ACTION_ACCEPT = 1u << 22,
	FLOW_APP_ERROR = 1u << 23,     /* the parser gave up */
};

struct flow_key {
	struct address src, dst; /* client and server */
	uint16_t sport, dport;   /* ICMP: type, type of its counterpart (or the code, if it has none); ESP: halves of the SPI */
	uint8_t proto;
	uint8_t recursion;
	uint8_t n_vlans;
	uint16_t vlan[PACKET_MAX_VLANS];
};

struct flow_side { /* one direction */
	uint64_t packets, bytes;
	uint8_t min_ttl, max_ttl;
	uint32_t group;      /* detect/: id of the interned rule group */
};

struct flow {
	struct flow_key key;
	uint64_t id;              /* "flow_id" of EVE: unique, 51 bits at most so that JavaScript keeps it exact */
	struct flow *hash_next, *wheel_prev, *wheel_next; /* private to the table */
	uint32_t hash;
	uint32_t flags;           /* enum flow_flag */
	uint8_t state;            /* enum flow_state */
	uint8_t end_reason;       /* valid when it ends */
	uint8_t exception_policy; /* enum exception_policy that acted */
	uint32_t exceptions;      /* bit n: enum drop_reason n was the trigger, for EVE's flow.exception_policy */
	uint8_t drop_reason;      /* why FLOW_ACTION_DROP */
	uint8_t mark;             /* enum flow_mark */
	uint32_t slow_until;      /* seconds: from then on it is slow no more; 0: as long as it lasts */
	uint8_t released;         /* enum flow_release: it shall be bypassed; at the end of its packet the worker sets state and mark */
	uint8_t icmp_type_client, icmp_code_client, icmp_type_server, icmp_code_server;
	bool has_icmp_client, has_icmp_server;
	uint8_t ether_client[6], ether_server[6];
	bool has_ether;
	usec_t first, last;       /* time of the first and the latest packet */
	usec_t expires;           /* private to the table */
	usec_t rate_start;        /* flow.rate-tracking: the interval and what came in it */
	uint64_t rate_bytes;
	uint16_t wheel_slot;      /* private to the table */
	struct flow_side side[2]; /* 0 to the server, 1 to the client */
	uint64_t parent_id;       /* 0: none */
	uint32_t generation;      /* detect/: rules that its groups belong to */
	uint32_t rules;           /* detect/: generation of the rules it met last; 0: none yet */
	int in_interface;
	struct tcp_session *tcp;  /* NULL: not TCP, or nothing seen that opens a session, or closed and freed */
	uint8_t tcp_flags[2], tcp_flags_all; /* of the packets of its session, ORed: to server, to client, both */
	uint8_t tcp_state;        /* latest state, kept after the session is gone; enum tcp_state */
	struct app_flow *app;
	struct flow_bits *bits;
	void *detect;             /* detect/ */
	uint64_t tx_count;        /* at the end: transactions it had */
	uint32_t alert_count;
};

enum exception_policy { /* names as in the configuration */
	EXCEPTION_IGNORE, EXCEPTION_DROP_FLOW, EXCEPTION_PASS_FLOW, EXCEPTION_BYPASS, EXCEPTION_DROP_PACKET, EXCEPTION_PASS_PACKET,
	EXCEPTION_REJECT, EXCEPTION_REJECT_BOTH, EXCEPTION_AUTO,
};
extern const char *const exception_policy_names[]; /* "ignore", "drop-flow", "pass-flow", "bypass", "drop-packet", "pass-packet", "reject", "rejectboth", "auto", NULL */

/* Applies a policy to a packet and its flow (may be NULL): actions, flags, drop reason. AUTO must have been resolved (ips: drop-flow, else ignore). */
void exception_policy_apply(enum exception_policy policy, struct packet *p, struct flow *f, enum drop_reason reason);

/*
 * Reads a module's policy; `auto` and what the master switch "exception-policy" says are resolved. `of_packets`: where no flow is at hand,
 * what is meant for a flow goes to the packet.
 */
int exception_policy_read(struct conf *conf, const char *key, bool ips, bool of_packets, int *out, struct error *error);

enum flow_timeout { FLOW_TIMEOUT_DEFAULT, FLOW_TIMEOUT_TCP, FLOW_TIMEOUT_UDP, FLOW_TIMEOUT_ICMP, FLOW_TIMEOUT_N_ };

struct flow_settings {
	uint64_t memcap;
	uint32_t hash_size, prealloc, emergency_recovery;
	uint32_t timeout[FLOW_TIMEOUT_N_][FLOW_STATE_N_]; /* seconds */
	uint32_t emergency_timeout[FLOW_TIMEOUT_N_][FLOW_STATE_N_];
	int memcap_policy;                  /* enum exception_policy */
	bool vlan_use_for_tracking, recursion_use_for_tracking;
	uint64_t elephant_bytes;            /* flow.rate-tracking.bytes; 0: off */
	uint32_t elephant_seconds;
};
int flow_settings_read(struct flow_settings *s, struct conf *conf, bool ips, struct error *error);

struct flow_table;

struct flow_table_hooks {
	/*
	 * A flow is about to end: the caller flushes detection and logs it. Flows end at look-up before a packet could join one that timed out, in
	 * flow_table_expire, and in flow_table_end_all. After the call the flow and all that hangs on it is freed by `release`.
	 */
	void (*end)(void *context, struct flow *f, usec_t now);
	void (*release)(void *context, struct flow *f); /* free f->app, f->bits, f->detect */
	void *context;
};

struct flow_table *flow_table_new(const struct flow_settings *s, const struct flow_table_hooks *hooks, struct counters *counters,
				  uint64_t seed);
void flow_table_free(struct flow_table *t);

/*
 * The flow of a packet, made if new; sets p->flow, direction flags, PACKET_ESTABLISHED and PACKET_FIRST_IN_DIRECTION, p->flow_packet, counts
 * packets and bytes, and turns the timer. NULL: the packet has none (no IP, invalid, fragment, ICMP error that belongs to none) or
 * the memcap is reached (the policy has then been applied to the packet).
 * ICMP errors join the flow they quote. A TCP SYN that reuses a closed flow's tuple ends that flow first.
 */
struct flow *flow_table_get(struct flow_table *t, struct packet *p);

/* State changes that alter the timeout; the stream engine calls it, the daemon for bypass. */
void flow_set_state(struct flow_table *t, struct flow *f, enum flow_state state);

/* Ends flows whose time is up by `now`; at most `budget` of them. */
unsigned flow_table_expire(struct flow_table *t, usec_t now, unsigned budget);
/* Ends all: "shutdown" as reason for those whose time is not up. */
void flow_table_end_all(struct flow_table *t, usec_t now);
/* Takes the flow out at once, ending it for this reason. */
void flow_table_remove(struct flow_table *t, struct flow *f, enum flow_end_reason why);
size_t flow_table_count(const struct flow_table *t);

/* Turns client and server: key, sides, stream, tcp flags; the app layer turns its own (app_flow_swap). */
void flow_swap(struct flow *f);

/* "1:base64" (community id version 1), NUL-terminated, into 32 bytes at least. */
void flow_community_id(const struct address *src, const struct address *dst, uint16_t sport, uint16_t dport, uint8_t proto, uint16_t seed,
		       char out[40]);
