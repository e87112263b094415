// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sets of packets, exactly: each bit that a ruleset asks about is a variable of decision diagrams (bdd.h), for the packets of one family at a time.
 *
 * What cannot be said of a packet alone (a limit, a dynamic set, the routing table, chance) is a variable too, an *unknown*, after all others: what
 * holds for all values of the unknowns is proven, what holds for some can happen, and the witness tells which unknown it rests on.
 *
 * Assumptions, all of them: packet marks are 0 on arrival and of local sockets; a connection's mark is 0 or a value that the ruleset's own writes can
 * make of 0 (the IPS's own aside); loads of headers succeed; no extension header stands between IPv6's header and that of transport; packets of
 * established connections can be any.
 */
#pragma once

#include "ruleset/bdd.h"
#include "ruleset/model.h"

enum { SYMBOLIC_FIELDS = 256, SYMBOLIC_BITS = 1024 /* of one key */ };

/* One bit of an operand: a constant, a variable, or a variable's opposite. */
typedef int32_t bit_t;
enum { BIT_0 = -1, BIT_1 = -2, BIT_UNASKED = -3 };

/* A part of packets that rules ask about: one source and key, as many bits as were asked. */
struct symbolic_field {
	struct operand like; /* source, key, …; payload, exthdr: without offset */
	const struct operand *of; /* sources that are one operand's own: maps, hashes, chance */
	bool unknown;	     /* not the packet's own */
	uint32_t n_bits;
	uint16_t *level; /* of each bit; 0: nobody asked */
};

/* What may match or not, and nobody can tell: a step, or what is in a set. */
struct symbolic_unknown {
	const void *of;	  /* step, or set */
	const void *with; /* operand that is looked up; NULL: a step */
	const struct ruleset_rule *rule; /* the first */
	uint16_t level;
};

/* What becomes of packets in a chain: disjoint sets. */
enum fate { FATE_ACCEPT, FATE_DROP, FATE_FALL, FATES };
struct fates {
	bdd_t set[FATES];
};

struct symbolic_chain { /* by chain number */
	bool pure;	 /* nothing is written that anybody asks */
	bool hot;	 /* holds a queue statement or flow add, or jumps to a chain that does */
	bool queues;	 /* the same for a queue statement of the IPS alone */
	bool known;	 /* its summary is there */
	bool active;	 /* being walked: a cycle of jumps */
	struct fates *summary; /* of all packets */
};

/* A rule that leads from its chain to another. */
struct chain_edge {
	const struct ruleset_chain *from, *to;
	const struct ruleset_rule *rule;
};

struct symbolic;

/* Called where something happens; sets are alive only during the call. NULL: not wanted. */
struct symbolic_hooks {
	/* Each rule of a chain that is walked rule by rule: `in` are the packets that reach it; `matched`: false: none of them goes through its matches. */
	void (*rule)(void *context, struct symbolic *sy, const struct ruleset_rule *r, bool matched);
	/* Packets at a statement that is more than a verdict: queue, flow add, notrack, writes. */
	void (*effect)(void *context, struct symbolic *sy, const struct ruleset_rule *r, const struct step *s, bdd_t set);
	/* Packets dropped by a rule; by a policy: r is NULL. */
	void (*dropped)(void *context, struct symbolic *sy, const struct ruleset_rule *r, bdd_t set);
	void *context;
};

struct symbolic {
	const struct ruleset *rs;
	uint32_t family; /* NFPROTO_IPV4, IPV6, ARP, BRIDGE, NETDEV */
	struct bdd b;
	struct symbolic_field field[SYMBOLIC_FIELDS];
	size_t n_fields;
	struct symbolic_unknown *unknown;
	size_t n_unknown;
	uint32_t n_levels, first_unknown; /* levels from here on are unknowns */
	bdd_t base; /* what holds of every packet: one state, real devices */
	bdd_t names[2]; /* the devices that come in, go out: known ones */
	struct symbolic_chain *chain;
	struct fates *kept; /* the summaries and, last, base: for the collector */
	struct bdd_roots kept_roots;
	struct chain_edge *edge;
	size_t n_edges;
	struct symbolic_hooks hooks;
	bool (*is_ips)(const void *context, const struct step *s);
	const void *ips;
	bool queue_continues; /* packets go on behind the IPS's queue statements as if they were not there */
	uint64_t visits, max_visits;
	const char *gave_up; /* why nothing that follows holds; NULL: all is well */
	const struct ruleset_chain *gave_up_at;
	bool nat; /* some rule translates addresses */
};

/* Level of the ghost: 1 once the packet was queued to the IPS. */
enum { LEVEL_QUEUED = 0 };

/* symbolic_field.c */
/* Which queue statements are the IPS's; NULL: all. */
typedef bool (*queue_choice)(const void *context, const struct step *s);
/* `sy` stays where it is until symbolic_free, which has to be called in any case. */
int symbolic_init(struct symbolic *sy, const struct ruleset *rs, uint32_t family, uint32_t max_nodes, queue_choice is_ips, const void *ips);
void symbolic_free(struct symbolic *sy);
bool symbolic_has_table(const struct symbolic *sy, const struct ruleset_table *t);
/* The bits of an operand, from the first; returns how many. *guard: what must hold for its load to succeed, put to what is there. */
size_t symbolic_bits(struct symbolic *sy, const struct operand *o, bit_t *out, size_t max, bdd_t *guard);
bit_t symbolic_bit(const struct symbolic *sy, const struct operand *like, uint32_t bit);
/* Of a key that needs no more: META, CT. */
struct operand symbolic_key(uint8_t source, uint32_t key);
struct operand symbolic_payload(uint8_t base);
/* The packets in which `len` bytes from bit `from` on are `value`. Bits that nobody asks are left out. */
bdd_t symbolic_equals(struct symbolic *sy, const struct operand *like, uint32_t from, const void *value, size_t len);
bdd_t symbolic_state(struct symbolic *sy, uint32_t states); /* conntrack's state is one of these */
bdd_t symbolic_direction(struct symbolic *sy, bool reply);
bdd_t symbolic_device(struct symbolic *sy, bool out, const char *name);
bdd_t symbolic_unknown_var(struct symbolic *sy, const void *of, const void *with);

/* symbolic_graph.c */
struct chain_edge *ruleset_edges(const struct ruleset *rs, size_t *n); /* by chain, in order of rules; the caller frees */
void symbolic_prepare(struct symbolic *sy);			       /* flags of chains */
bool symbolic_queues(const struct symbolic *sy, const struct ruleset_rule *r, const struct step **step); /* has a queue statement of the IPS */

/* symbolic_match.c */
bdd_t symbolic_cube(struct symbolic *sy, const bit_t *bits, const uint8_t *value, size_t n);
bdd_t symbolic_step(struct symbolic *sy, const struct step *s); /* a step that goes on or not: the packets for which it does */
/* Elements that `want` chooses (NULL: all); TRUE for the rest if there is a catch-all among them. */
typedef bool (*element_choice)(const struct ruleset_element *e, const void *context);
bdd_t symbolic_elements(struct symbolic *sy, const struct operand *o, const struct ruleset_set *set, element_choice want, const void *context);
bool symbolic_set_opaque(const struct ruleset_set *set);
bool symbolic_is_match(const struct step *s); /* symbolic_step is for it */
/* A rule whose matches are one cube (bdd.h): its literals, of which there is room for SYMBOLIC_BITS. false: it is not; never: no packet matches. */
bool symbolic_rule_cube(struct symbolic *sy, const struct ruleset_rule *r, bit_t *literal, size_t *n, bool *never);
bdd_t symbolic_rule(struct symbolic *sy, const struct ruleset_rule *r); /* all matches up to the verdict; unknowns counted */

/* symbolic_write.c */
bool symbolic_writes(const struct symbolic *sy, const struct step *s); /* something that is asked somewhere */
bdd_t symbolic_write(struct symbolic *sy, const struct step *s, bdd_t set);
void symbolic_written(struct symbolic *sy, const struct step *s, bool *levels); /* marks those that it writes */
void symbolic_write_value(struct symbolic *sy, const struct step *s, uint8_t *value); /* of one packet */
bdd_t symbolic_mark_queued(struct symbolic *sy, bdd_t set);
bdd_t symbolic_forget_nat(struct symbolic *sy, bdd_t set, bool source); /* addresses that connection tracking may have changed */
bdd_t symbolic_marks_at_start(struct symbolic *sy); /* what marks can be when a packet arrives */

/* symbolic_walk.c */
void symbolic_walk(struct symbolic *sy, const struct ruleset_chain *c, bdd_t in, struct fates *out);
void symbolic_walk_base(struct symbolic *sy, const struct ruleset_chain *c, bdd_t in, struct fates *out); /* with the policy: nothing falls */
void symbolic_walk_alone(struct symbolic *sy, const struct ruleset_chain *c); /* of all packets, rule by rule, for the hooks; keeps the summary */
/* The hooks that a packet passes: forward, input or output (NF_INET_…). Calls `chain` after each base chain with what went in and what came of it. */
struct symbolic_way {
	uint32_t hook[3], n;
};
struct symbolic_way symbolic_way(uint32_t hook);
bdd_t symbolic_way_start(struct symbolic *sy, uint32_t hook);
typedef void (*base_visit)(void *context, struct symbolic *sy, const struct ruleset_chain *c, bdd_t in, const struct fates *out);
bdd_t symbolic_walk_way(struct symbolic *sy, uint32_t hook, bdd_t start, base_visit visit, void *context); /* what is accepted at the end */
/* NAT chains see the first packet alone. */
bool symbolic_is_nat(const struct ruleset_chain *c);

/* symbolic_witness.c: one packet of a set, as concrete as can be. */
struct path_item {
	const struct ruleset_chain *chain;
	const struct ruleset_rule *rule; /* NULL: the chain was entered, or its policy */
	const char *what;		 /* "accept", "drop", "jump", "policy accept", "queue", … */
};
struct witness {
	uint8_t value[BDD_MAX_LEVELS]; /* at the start */
	bool proven;		       /* it is in the set whatever the unknowns are */
	char text[240];		       /* the packet in words */
	char rests_on[400];	       /* the unknowns that it needs; "" if none */
	struct path_item *path;
	size_t n_path;
	bool queued, accepted; /* how it ended */
	const struct ruleset_rule *end_rule; /* that accepted it last, or dropped it; NULL: a policy */
	const struct ruleset_chain *end_chain;
	bool untracked;	  /* a rule said notrack */
	const struct ruleset_rule *other_queue; /* a queue statement that is not the IPS's took it */
	const struct ruleset_chain *passed;   /* a base chain with a queue statement of the IPS in which it was not queued */
	const struct ruleset_rule *passed_by; /* the rule that ended its way there, or would have queued it; NULL: a policy */
	const struct step *passed_step;	      /* passed_by's step that did not match; NULL: it ended the way */
};
/* A member of `set`, which is not empty, with text and rests_on. */
void witness_pick(struct symbolic *sy, bdd_t set, struct witness *w);
/* Follows the packet w->value from the start; fills path and end. */
void witness_follow(struct symbolic *sy, uint32_t hook, struct witness *w);
/* A packet of `start` that becomes one of `end` as far as can be found in a few attempts: one for which `good` says so after it was followed. */
bool witness_find(struct symbolic *sy, uint32_t hook, bdd_t start, bdd_t end, bool (*good)(const struct witness *w), struct witness *w);
void witness_free(struct witness *w);
