// SPDX-License-Identifier: GPL-2.0-or-later
/* Between the files of packet/: who reads which header. Nothing outside includes this. */
#pragma once

#include "packet/decode.h"

/*
 * Reads a header at the start of `b` and hands the rest on. What is wrong becomes an event of the packet; nothing is returned.
 * Depth is limited by layer_enter.
 */
typedef void decode_fn(struct decoder *d, struct packet *p, struct bytes b);

decode_fn decode_ethernet, decode_vlan, decode_qinq, decode_ieee8021ah, decode_vntag, decode_etag, decode_dce, decode_arp;
decode_fn decode_mpls, decode_nsh, decode_pppoe_session, decode_pppoe_discovery;
decode_fn decode_ppp, decode_raw, decode_null, decode_loop, decode_sll, decode_sll2, decode_chdlc;
decode_fn decode_ip4, decode_ip6;
decode_fn decode_tcp, decode_udp, decode_icmp, decode_icmp6, decode_sctp, decode_igmp, decode_gre, decode_esp, decode_ip4_in_ip, decode_ip6_in_ip;
decode_fn decode_erspan1, decode_erspan2;

/* Counts a header; false: there are too many, which is an event. */
static inline bool layer_enter(struct decoder *d, struct packet *p)
{
	if (++p->n_layers <= d->settings->max_layers)
		return true;
	packet_add_event(p, EVENT_TOO_MANY_LAYERS);
	COUNT(d->counters, DECODER_TOO_MANY_LAYERS);
	return false;
}

/*
 * How long the packet at the start of `b` is whose header says `stated`. A live capture may give fewer bytes than there are (queues copy 65,531
 * at most): what is there is looked at, with an event. A merged packet beyond 64 KB says 0 (BIG TCP). SIZE_MAX: it is cut short.
 */
static inline size_t ip_len(struct packet *p, size_t stated, size_t headers, struct bytes b)
{
	if (stated == headers && (p->flags & PACKET_SUPER))
		return b.len;
	if (stated <= b.len)
		return stated;
	if (!(p->flags & PACKET_TRUNCATED) || p->number)
		return SIZE_MAX;
	packet_add_event(p, EVENT_AFPACKET_TRUNC_PKT);
	return b.len;
}

/* Reads what an Ethernet type names. False: no row for it. */
bool decode_ether_type(struct decoder *d, struct packet *p, uint16_t type, struct bytes b);
/* Reads what an IP protocol names; `b` is the transport header with what follows. False: no row for it. */
bool decode_transport(struct decoder *d, struct packet *p, struct bytes b);

/*
 * Decodes what a tunnel carries as a packet of its own, before `p` in the frame's list. Returns it, or NULL if the frame has
 * too many. decode_inner_undo takes the latest one out again, with its inner ones.
 */
struct packet *decode_inner(struct decoder *d, struct packet *p, struct bytes b, enum tunnel tunnel, decode_fn *decode);
/* Teredo is guessed: only a packet that decodes cleanly counts. */
bool decode_teredo(struct decoder *d, struct packet *p);
bool decode_vxlan(struct decoder *d, struct packet *p);
bool decode_geneve(struct decoder *d, struct packet *p);
/* Tunnels over UDP by their ports. */
bool decode_udp_tunnel(struct decoder *d, struct packet *p);

/* The packet that an ICMP error quotes, IPv4 or IPv6: addresses, protocol, ports. */
void decode_quoted_ip4(struct packet *p, struct bytes b);
void decode_quoted_ip6(struct packet *p, struct bytes b);
