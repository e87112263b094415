// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Answers to packets that a rule rejects: a TCP RST, or ICMP/ICMPv6 "unreachable" for everything else, to the packet's
 * sender, its receiver or both, each as if the other end had sent it. They leave by a raw socket with the reserved mark, which the table lets pass.
 * None is sent about ICMP errors, later fragments, multicast and broadcast (RFC 1122 3.2.2, RFC 4443 2.4), nor for what was
 * carried in a tunnel. At most REJECT_PER_SECOND a second.
 */
#pragma once

#include "base/error.h"
#include "packet/packet.h"

enum { REJECT_ROOM = 1280, REJECT_PER_SECOND = 1000 };
enum reject_to { REJECT_TO_SOURCE = 1, REJECT_TO_DESTINATION = 2 };

/* Who is to be answered, by ACTION_REJECT, _DST and _BOTH. */
unsigned reject_whom(unsigned action);
/* A packet's addresses and ports as one of its ends knows them, where NAT makes them others in the hook. */
struct reject_names {
	struct address src, dst;
	uint16_t sport, dport;
};
/* The whole IP packet to one end; 0: none is due. `names` NULL: the end knows the packet as it is seen. Pure. */
size_t reject_build(const struct packet *p, enum reject_to to, const struct reject_names *names, uint8_t out[REJECT_ROOM]);

struct reject_answer;
struct reject {
	int fd4, fd6;
	struct reject_answer *waiting;
	unsigned n_waiting;
	usec_t second;
	unsigned in_second;
	uint64_t sent, suppressed, failed;
	/* NULL, or tells how that end knows the packet. False: as it is, or what leaves is translated by the kernel. Asked for answers that will be sent. */
	bool (*names)(void *context, const struct packet *p, enum reject_to to, struct reject_names *out);
	void *names_context;
};
/* One a worker. Without IPv6 in the kernel only IPv4 is answered. */
int reject_open(struct reject *r, uint32_t mark, struct error *error);
void reject_close(struct reject *r);
/*
 * Notes the answers to a packet; reject_flush sends them. In between go the verdicts of the packets before it: a reset that
 * overtakes the end of the handshake would be lost on a receiver that knows no connection yet.
 */
void reject_add(struct reject *r, const struct packet *p, unsigned whom);
void reject_flush(struct reject *r);
