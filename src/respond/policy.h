// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * `respond:` of the configuration: which alerts become more than alerts. First match wins, rules before the profile; a rule's own drop or reject
 * stands where no policy speaks. Read once, immutable; matched against each rule of an engine when that is
 * compiled or swapped in, so that a packet only looks at a table.
 */
#pragma once

#include "base/clock.h"
#include "detect/detect.h"

enum policy_action { POLICY_NONE, POLICY_DROP, POLICY_REJECT, POLICY_BLOCK_SRC, POLICY_BLOCK_DST, POLICY_RELEASE, POLICY_SLOW, POLICY_ALERT_ONLY, POLICY_ACTION_N_ };
extern const char *const policy_action_names[]; /* "none", "drop", "reject", "block src" … */

struct policy_decision {
	uint8_t action;      /* enum policy_action */
	uint8_t slow_class;  /* index for policy_slow */
	uint8_t source_set;  /* 0: any source; else the set number that the packet's source must be in (policy_source_in) */
	usec_t lasts;        /* of a block, a slow flow; 0: as long as that lasts */
	const char *slow_name; /* of the class; NULL: another action */
	const char *why;     /* "respond.rules.2", "profile sure": for records and `sluice blocks` */
};

struct policy_slow { /* a class of respond.slow; its number is its place */
	const char *name;
	uint64_t rate, ceil; /* bits a second; ceil 0: as rate */
	uint64_t delay;      /* ns; 0: none */
	uint32_t share;      /* of what the others leave; 0: 1 */
	usec_t lasts;        /* 0: as long as the flow */
};

struct policy;
struct policy_context {
	const struct rule_vars *vars;
	const struct rule_lists *lists; /* NULL: classtypes are not looked up */
	struct conf *start;             /* what the program was started with: its slow classes, which the table is made for, stay. NULL: `conf` itself */
	struct allow_list *machine;     /* asked besides respond.allow; not owned. NULL: none */
};
/* NULL with place and cause: an unknown word, set or class is an error. */
struct policy *policy_read(struct conf *conf, const struct policy_context *c, struct error *error);
void policy_free(struct policy *p);

/*
 * The place of the first decision from `from` on whose match fits the rule, source sets aside; where policy_decision(…)->source_set is not 0 and
 * the source does not fit, the next one is asked for. -1: none. noalert rules, and pass, config and accept rules have none; a profile speaks of
 * alert rules alone.
 */
int policy_find(const struct policy *p, const struct signature *sig, int from);
const struct policy_decision *policy_decision(const struct policy *p, int at);
size_t policy_n_decisions(const struct policy *p);
bool policy_source_in(const struct policy *p, unsigned source_set, const struct address *a);

/*
 * Who is never blocked: respond.allow, and what the daemon knows: "own address", "gateway", "resolver", "ssh client". The latter outlives
 * configurations. A prefix is allowed if it and one of the list overlap. Allow lists may be asked and changed from any thread.
 */
struct allow_list;
struct allow_list *allow_list_new(void);
void allow_list_free(struct allow_list *l); /* NULL is allowed */
int allow_list_add(struct allow_list *l, const struct address *a, unsigned len, const char *why); /* `why` is kept as it is; -ENOMEM */
/* Those with one of the reasons (compared as text) make way for all of `fresh`, which is freed; in one step, so that nobody falls through between. */
void allow_list_replace(struct allow_list *l, const char *const *why, size_t n, struct allow_list *fresh);
/* Why an overlapping entry is there; NULL: there is none. */
const char *allow_list_why(struct allow_list *l, const struct address *a, unsigned len);
/* The same of the configuration's entries ("respond.allow") and those of policy_read's `machine`. */
const char *policy_allow_why(const struct policy *p, const struct address *a, unsigned len);
bool policy_allowed(const struct policy *p, const struct address *a, unsigned len);

const char *policy_profile(const struct policy *p);          /* "sure", "none" */
size_t policy_n_slow(const struct policy *p);
const struct policy_slow *policy_slow(const struct policy *p, unsigned index);
usec_t policy_block_lasts(const struct policy *p);           /* respond.block.for: where a rule or a person gives no time */

/* What a policy says to the rules of one engine, by their numbers. The policy must live longer. */
struct policy_table;
struct policy_table *policy_table_new(const struct policy *p, const struct engine *e);
void policy_table_free(struct policy_table *t); /* NULL is allowed */
/* The decision for a match of a rule in a packet from `source`; NULL: the rule's own action stands. */
const struct policy_decision *policy_table_find(const struct policy_table *t, const struct alert *a, const struct address *source);
uint32_t policy_table_generation(const struct policy_table *t);
/* How many rules each decision is the first of; and for all decisions of an action together. */
size_t policy_table_count(const struct policy_table *t, int decision);
void policy_table_sums(const struct policy_table *t, size_t out[POLICY_ACTION_N_]);
/* As people read it at the start: one line a decision, what fits no rule is named. */
void policy_table_describe(const struct policy_table *t, struct buffer *out);
