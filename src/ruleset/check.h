// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What is wrong with a ruleset: findings, proven by sets of packets (symbolic.h) where they are about packets.
 *
 * A kind of finding is a row in check.c's table, found by a function in one of the check_*.c. What the model does not know (ruleset.gaps) and what was too
 * complex limits what is proven, and is said with the result.
 */
#pragma once

#include <stdio.h>

#include "base/error.h"
#include "base/memory.h"
#include "ruleset/symbolic.h"

enum check_severity { CHECK_NOTE, CHECK_WARNING, CHECK_ERROR };
extern const char *const check_severity_names[]; /* NULL at the end */

enum check_code {
	ACCEPT_BEFORE_QUEUE, FLOWTABLE_SKIPS_QUEUE, NOTRACK_SKIPS_QUEUE, OTHER_QUEUE, INTERFACE_LEFT_OUT, FAMILY_LEFT_OUT, IPV6_TWIN_MISSING, CLASS_LEFT_OUT, QUEUE_MISSING,
	QUEUE_BEFORE_DECISION, QUEUE_HIDES_RULES, QUEUE_BEFORE_FIREWALL, FANOUT_SPLITS_FLOWS, BYPASS_MISSING, QUEUE_WITHOUT_LISTENER, QUEUE_SYNTAX_OLD,
	AFTER_TERMINAL, SHADOWED_RULE, REDUNDANT_RULE, CONTRADICTORY_MATCH, EQUAL_PRIORITIES, EMPTY_SET, OVERLAPPING_INTERVALS, JUMP_CYCLE, DEAD_CHAIN,
	MARK_BITS_SHARED, MARK_WRITE_UNMASKED, FLUSH_RULESET, LOCK_OUT, LOGIN_DROPPED, BLOCK_MISSES_CONTAINERS, ND_DROPPED, PMTU_DROPPED, IPV6_ADDRESS_TEMPORARY,
	IPV6_ADDRESS_GONE, CHECK_CODES
};

struct check_kind {
	const char *code;
	enum check_severity severity;
	const char *title, *fix;
};
extern const struct check_kind check_kinds[CHECK_CODES];

struct finding {
	struct finding *next;
	enum check_code code;
	const struct ruleset_table *table;
	const struct ruleset_chain *chain; /* the place; each may be NULL */
	const struct ruleset_rule *rule;
	const struct step *step; /* what is underlined; NULL: the whole rule */
	const struct ruleset_set *set;
	const char *file; /* another place: a file of the host */
	uint32_t line, column;
	char *text;  /* what was found */
	char *packet, *rests_on; /* the witness, and what it rests on; NULL: none */
	bool proven, followed;
	struct path_item *path;
	size_t n_path;
	uint32_t family, hook; /* of the packets; 0: of none */
};

struct check_options {
	const char *file;    /* that the ruleset was read from; NULL: live */
	bool queue_given;    /* --queue */
	uint16_t queue_from, queue_to;
	unsigned hooks;	     /* bits of 1 << NF_INET_…; 0: those that have a queue statement */
	const struct ruleset *against; /* the loaded one, which the file is to replace or to join; NULL: none */
	const char *host;    /* where the host's files are: "/" for this one; NULL: do not look */
	const char *ssh;     /* "CLIENT PORT SERVER PORT", as SSH_CONNECTION has it; NULL: none */
	uint32_t max_nodes;  /* memory bound of the sets of packets, in nodes of 20 bytes */
	void (*progress)(const char *what);
};

struct check {
	const struct ruleset *rs;
	const struct check_options *o;
	struct finding *findings, **end;
	size_t n_findings, n_by_code[CHECK_CODES], n_left_out[CHECK_CODES];
	struct buffer proved, limits; /* lines: what was proven, what limits it */
	bool flushes; /* the file begins with `flush ruleset` */
};

void check_run(struct check *c, const struct ruleset *rs, const struct check_options *o);
void check_free(struct check *c);
/* nft refused the text: a finding, if the reason is one of those that are told here. */
bool check_refused(struct check *c, const struct check_options *o, const struct error *error);

/* How it is told. Findings below `severity` are left out; returns how many were told. */
size_t check_write_text(FILE *out, const struct check *c, enum check_severity severity);
size_t check_write_json(FILE *out, const struct check *c, enum check_severity severity);
size_t check_write_sarif(FILE *out, const struct check *c, enum check_severity severity);
void check_write_path(FILE *out, const struct check *c, const struct finding *f);

/* For the functions that find. NULL: there are enough of that code, or the place was told already. */
struct finding *check_add(struct check *c, enum check_code code, const struct ruleset_rule *r, const char *format, ...) __attribute__((format(printf, 4, 5)));
struct finding *check_add_chain(struct check *c, enum check_code code, const struct ruleset_chain *chain, const char *format, ...) __attribute__((format(printf, 4, 5)));
void check_witness(struct finding *f, struct witness *w, uint32_t family, uint32_t hook); /* takes the path; f may be NULL */
bool check_is_ips(const void *check, const struct step *s);
const struct step *check_find_step(const struct ruleset_rule *r, int kind, const struct step **after); /* through xt's meaning too */
const char *check_table_owner(const struct ruleset_table *t); /* whose it is, or its name */

/* The functions that find, one for each group. */
void check_queue_ways(struct check *c, struct symbolic *sy);
void check_queue_statements(struct check *c);
void check_icmpv6(struct check *c, struct symbolic *sy);
struct rule_marks;
struct rule_marks *check_rules_begin(struct check *c);
void check_rules_family(struct check *c, struct symbolic *sy, struct rule_marks *m);
void check_rules_unknown(struct check *c, const struct symbolic *sy, struct rule_marks *m); /* it gave up: nothing is said of its rules */
void check_rules_end(struct check *c, struct rule_marks *m);
void check_structure(struct check *c);
void check_sets(struct check *c);
void check_mark_bits(struct check *c);
void check_blocks(struct check *c);
void check_addresses(struct check *c);
void check_flushes(struct check *c);
void check_listeners(struct check *c);
void check_lock_out(struct check *c);
