// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Whom a client called before destination NAT, of connections that conntrack does not tell yet: an entry is confirmed, and found by ctnetlink, when its first
 * packet has left, and a packet that waits for a verdict has not. So the chain `forward` notes it in maps of sluice's table, called4 and called6, for as
 * long as a packet may wait.
 */
#pragma once

#include "gateway/sets.h"
#include "gateway/statement.h"
#include "packet/packet.h"

/* The map's declaration, and the rule that fills it. */
void called_map(struct writer *w, uint8_t family);
void called_rule(struct writer *w, uint8_t family);

/* Asks for a packet as it is seen in forward. -ENOENT: it is not the first of a connection whose destination was translated (also: there is no table). */
int gateway_called(struct gateway_sets *s, const struct packet *p, struct address *dst, uint16_t *dport);
