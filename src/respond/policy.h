// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * `respond:` of the configuration: which alerts become more than alerts. First match wins; a rule's own drop or reject stands where no policy speaks.
 * Read once, immutable; matched against each rule of an engine when that is compiled or swapped in, so that a packet only looks at a table.
 */
#pragma once

#include "detect/detect.h"

enum policy_action { POLICY_NONE, POLICY_DROP, POLICY_REJECT, POLICY_BLOCK_SRC, POLICY_BLOCK_DST, POLICY_RELEASE, POLICY_SLOW, POLICY_ALERT_ONLY };

struct policy_decision {
	uint8_t action;      /* enum policy_action */
	uint8_t slow_class;  /* index into policy_slow_name */
	uint8_t source_set;  /* 0: any source; else the set number that the packet's source must be in (policy_source_in) */
	usec_t lasts;        /* of a block */
	const char *why;     /* "respond.rules[2]", "profile sure": for records and `sluice blocks` */
};

struct policy;
/* NULL with place and cause: an unknown word, sid, set or class is an error. `file` is named in messages. */
struct policy *policy_read(struct conf *conf, const struct rule_vars *vars, struct error *error);
void policy_free(struct policy *p);

/*
 * The first decision whose match fits the rule; where `source_set` is not 0 the next one is asked for by `from` = the returned index + 1 if the
 * source does not fit. -1: none. Helper rules (noalert), rules shipped disabled, and pass and config rules have none by profile.
 */
int policy_find(const struct policy *p, const struct signature *sig, int from, struct policy_decision *out);
bool policy_source_in(const struct policy *p, unsigned source_set, const struct address *a);
/* Addresses that are never blocked, as configured (respond.allow); what the machine itself has is added by the daemon with policy_allow_add. */
bool policy_allowed(const struct policy *p, const struct address *a, unsigned len); /* true if the prefix and an allowed one overlap */
int policy_allow_add(struct policy *p, const struct address *a, unsigned len, const char *why);
/* Why the overlapping entry is there: "respond.allow", "own address", "gateway", "resolver", "ssh client"; NULL: not allowed. */
const char *policy_allow_why(const struct policy *p, const struct address *a, unsigned len);
const char *policy_profile(const struct policy *p);          /* "sure", "none" */
size_t policy_n_slow(const struct policy *p);
const char *policy_slow_name(const struct policy *p, unsigned index);
/* How many rules of an engine each action takes, for `run`'s report. */
void policy_count(const struct policy *p, const struct engine *e, size_t out[POLICY_ALERT_ONLY + 1]);
