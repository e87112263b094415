// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Rule groups: what of the rules can concern a packet, found from its header alone.
 *
 * The distinct address sets and port sets of all rules cut the number line into segments; segments with the same memberships are
 * one *class*. A group is a combination of classes (both addresses, both ports), protocol and direction; it is made the
 * first time a worker meets the combination and holds the rules without a pattern and the pattern databases that apply. So a
 * header test of a rule is two look-ups of a bit, whatever the lists in it.
 */
#pragma once

#include "detect/signature.h"

struct engine;
struct prefilter;

struct classes;        /* of addresses or of ports */
struct address_index;  /* rules that are told by addresses alone */

struct sig_sets { /* by number: the sets of its header, 0: any */
	uint16_t src, dst, sport, dport;
};

/* Built by engine_new from all signatures. */
struct group_tables {
	struct sig_sets *sets;
	struct classes *addresses, *ports;
	struct address_index *ip_only[2];
};
void group_tables_build(struct group_tables *t, struct signature *const *sig, uint32_t n);
void group_tables_free(struct group_tables *t);

/* The rules told by addresses alone whose narrower side holds this packet; appended by `add`. */
void group_ip_only(const struct group_tables *t, int direction, const struct packet *p, void (*add)(void *context, uint32_t number), void *context);

struct rule_group {
	uint16_t src, dst, sport, dport; /* classes */
	uint8_t proto, direction, version;
	bool has_ports;
	uint32_t *plain;                 /* numbers, sorted: rules without a pattern */
	uint32_t n_plain;
	const struct prefilter **stream, **packet; /* databases to search in the raw stream, in a packet's payload */
	uint32_t n_stream, n_packet;
	uint32_t index;
	struct rule_group *next;         /* of the worker's table */
};

/* A worker's groups. */
struct group_cache;
struct group_cache *group_cache_new(const struct engine *e);
void group_cache_free(struct group_cache *c);
/* The group of a packet in a direction, remembered in its flow (may be NULL); valid until the next call. NULL: no memory. */
const struct rule_group *group_find(struct group_cache *c, struct flow *f, const struct packet *p, int direction);
/* Whether a signature's addresses and ports fit (also turned, for <>). */
bool group_matches(const struct group_tables *t, const struct rule_group *g, const struct signature *sig);
