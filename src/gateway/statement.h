// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Statements of the table. Each is written twice in one place, as text for people and as an expression for the kernel, so that the one cannot drift
 * from the other.
 */
#pragma once

#include "gateway/gateway.h"

struct nft_batch;
struct nftnl_rule;

struct writer {
	struct gateway_plan *plan;
	struct buffer *text;
	struct nft_batch *batch; /* NULL: text alone */
	uint32_t set_id;
	struct nftnl_rule *rule; /* the one being written */
	const char *chain;
};

void rule_begin(struct writer *w);
void rule_end(struct writer *w, const char *comment); /* NULL: without */

void rule_mark_is(struct writer *w, bool conntrack, uint32_t mask, uint32_t bits);
void rule_mark_has_any(struct writer *w, uint32_t mask); /* of the packet's mark */
/* Keeps `keep` of the mark and sets `bits`. */
void rule_mark_set(struct writer *w, bool conntrack, uint32_t keep, uint32_t bits);
/* Into a class of traffic control, MAJOR:MINOR. */
void rule_class_set(struct writer *w, uint32_t class_id);
void rule_interface(struct writer *w, bool out, const char *name);
void rule_protocol(struct writer *w, uint8_t proto, const char *name);
void rule_family(struct writer *w, uint8_t family);
void rule_udp_port(struct writer *w, uint16_t port);
/* The packet's source or destination is in the set. */
void rule_address_in(struct writer *w, uint8_t family, bool destination, const char *set);
/* The first packets of a connection whose destination NAT has changed, and noting the original one in a map (gateway/called.h). */
void rule_new_translated(struct writer *w, uint8_t family);
void rule_note_called(struct writer *w, uint8_t family, const char *map);
void rule_accept(struct writer *w);
void rule_drop(struct writer *w);
void rule_goto(struct writer *w, const char *chain);
void rule_jump(struct writer *w, const char *chain);
void rule_counter(struct writer *w);
void rule_queue(struct writer *w, uint16_t number);
/* Loads conntrack's original addresses and ports and spreads by their hash, or by symhash with `family` 0, over the workers' chains. */
void rule_spread(struct writer *w, uint8_t family, uint32_t map, const char *(*worker_chain)(unsigned worker));
