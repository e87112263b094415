// SPDX-License-Identifier: GPL-2.0-or-later
/* The way of a packet, drawn in text, JSON and SVG: sections (a hook of a family, or of a device) of stations. */
#pragma once

#include <stdio.h>

#include "ruleset/model.h"
#include "ruleset/packet_words.h"

struct show {
	const struct ruleset *rs;
	const char *hook;		   /* only this one; NULL: all */
	const struct packet_words *packet; /* only rules that such a packet may match; NULL: all */
	bool rules;			   /* each rule, not the chains alone */
	bool colour;
	uint32_t sluice_mask; /* gateway.mark-mask */
};

void show_text(FILE *out, const struct show *s);
void show_json(FILE *out, const struct show *s);
void show_svg(FILE *out, const struct show *s);

/* ---- among these ---- */

struct show_section {
	char title[96]; /* "forward (IPv4, IPv6)" */
	uint32_t family, hook;
	const char *device;
	struct station *stations;
	size_t n;
};

/* In the order in which a packet meets them. The caller's, by show_sections_free. */
struct show_section *show_sections(const struct show *s, size_t *n);
void show_sections_free(struct show_section *sections, size_t n);

/* What can come of a chain, those it jumps to included. */
struct chain_facts {
	uint32_t n_rules, n_chains; /* chains besides this one */
	bool drops, rejects, accepts, nat, notrack, offload, unknown;
	uint64_t packets, bytes; /* the chain's own rules' counters, added up */
	struct {
		uint16_t from, to, flags;
		bool computed;
	} queue[8];
	size_t n_queues;
};
void chain_facts(const struct ruleset *rs, const struct ruleset_chain *c, struct chain_facts *f);
/* "drops, rejects; queue 0-3 bypass" */
void chain_facts_text(const struct chain_facts *f, struct buffer *out);

/* Queues that rules use, and who listens. */
struct show_queue {
	uint16_t number;
	bool used, bypass, listened;
	uint32_t port;	/* netlink's, mostly the process' number */
	char process[32];
	uint32_t waiting, dropped, user_dropped;
};
struct show_queue *show_queues(const struct ruleset *rs, size_t *n); /* free() it */

/* Who writes and who reads a bit of a mark: one row for bits with the same readers and writers. */
struct mark_use {
	uint32_t mask;
	bool writes;
	bool connection; /* the connection's mark, not the packet's */
	bool unmasked;	 /* writes all bits, although it means a few */
	char who[128];	 /* "inet firewalld mangle_PRE rule 3 (firewalld)", "ip rule 100", "tc filter on eth0" */
};
struct mark_map {
	struct mark_use *use;
	size_t n;
};
void mark_map_read(struct mark_map *m, const struct show *s);
void mark_map_free(struct mark_map *m);
/* The first group at or after bit *at of bits with the same uses; moves *at behind it. 0: no more, or nobody uses the rest. */
uint32_t mark_map_next(const struct mark_map *m, bool connection, int *at);

/* May a packet of these words match the rule? The steps that it is known to fulfil do not count as open. */
enum may_match { MATCH_NO, MATCH_MAYBE, MATCH_YES };
enum may_match rule_may_match(const struct ruleset *rs, const struct ruleset_rule *rule, const struct packet_words *p);
