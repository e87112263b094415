// SPDX-License-Identifier: GPL-2.0-or-later
/* How the ends of a connection know it, where NAT makes it look otherwise in forward. For verdicts that block or reject; not for every packet. */
#pragma once

#include "gateway/reject.h"
#include "gateway/sets.h"
#include "net/conntrack.h"

struct nat_view {
	struct conntrack_tuple original; /* as the client sends */
	struct conntrack_tuple reply;    /* as the server answers; by its family 0: not decided yet, the first packet has not left */
	bool answer;                     /* the packet goes from the server to the client */
	bool translated;                 /* the kernel finds the connection of what we send as the packet's ends look here, and translates it */
};

/* Conntrack first; of a flow that was answered, some times a second, a search of all connections; else what forward noted of first packets (`sets` NULL: nothing). */
bool nat_find(struct gateway_sets *sets, const struct packet *p, struct nat_view *out);
/* The address that the packet's receiver had before any NAT. */
struct address nat_destination(const struct nat_view *v);
/* For an answer to one of the packet's ends. False: nothing is to be changed. */
bool nat_names(const struct nat_view *v, enum reject_to to, struct reject_names *out);
