// SPDX-License-Identifier: GPL-2.0-or-later
/* GRE (RFC 1701, RFC 2784, RFC 2890), its enhanced form of PPTP (RFC 2637), and ERSPAN in it. */
#include "packet/layers.h"

enum { GRE_HEADER = 4 };
enum {
	GRE_CHECKSUM = 0x8000, GRE_ROUTE = 0x4000, GRE_KEY = 0x2000, GRE_SEQUENCE = 0x1000, GRE_STRICT = 0x0800, GRE_RECURSION = 0x0700,
	GRE1_ACK = 0x0080, GRE_FLAGS0 = 0x00f8, GRE_FLAGS1 = 0x0078, GRE_VERSION = 0x0007,
};
enum { ETHER_IP4 = 0x0800, ETHER_IP6 = 0x86dd, ETHER_PPP = 0x880b, ETHER_ERSPAN = 0x88be, ETHER_ETHERNET = 0x6558, ETHER_VLAN = 0x8100,
       ETHER_ARP = 0x0806 };

/* Source route entries (RFC 1701): family, offset, length, bytes; one of length 0 is the last. */
static bool skip_routes(struct reader *r)
{
	uint8_t len;
	do {
		reader_skip(r, 3);
		len = reader_u8(r);
		reader_skip(r, len);
	} while (!r->failed && len);
	return !r->failed;
}

static void carry(struct decoder *d, struct packet *p, uint16_t flags, uint16_t protocol, struct bytes b)
{
	switch (protocol) {
	case ETHER_IP4:
		decode_inner(d, p, b, TUNNEL_GRE, decode_ip4);
		break;
	case ETHER_IP6:
		decode_inner(d, p, b, TUNNEL_GRE, decode_ip6);
		break;
	case ETHER_ARP:
		decode_inner(d, p, b, TUNNEL_GRE, decode_arp);
		break;
	case ETHER_PPP:
		decode_inner(d, p, b, TUNNEL_GRE, decode_ppp);
		break;
	case ETHER_VLAN:
		decode_inner(d, p, b, TUNNEL_GRE, decode_vlan);
		break;
	case ETHER_ETHERNET:
		decode_inner(d, p, b, TUNNEL_ETHERNET, decode_ethernet);
		break;
	case ETHER_ERSPAN: /* type I has no header of its own, and no sequence number */
		if (flags & GRE_SEQUENCE)
			decode_inner(d, p, b, TUNNEL_ERSPAN2, decode_erspan2);
		else if (d->settings->erspan1)
			decode_inner(d, p, b, TUNNEL_ERSPAN1, decode_erspan1);
		break;
	}
}

static void decode_gre0(struct decoder *d, struct packet *p, uint16_t flags, struct bytes b)
{
	if (flags & GRE_RECURSION) {
		packet_add_event(p, EVENT_GRE_VERSION0_RECUR);
		return;
	}
	if (flags & GRE_FLAGS0) {
		packet_add_event(p, EVENT_GRE_VERSION0_FLAGS);
		return;
	}
	struct reader r = reader_over(bytes_from(b, GRE_HEADER));
	if (flags & (GRE_CHECKSUM | GRE_ROUTE))
		reader_skip(&r, 4); /* checksum and offset are both there if one is */
	if (flags & GRE_KEY)
		reader_skip(&r, 4);
	if (flags & GRE_SEQUENCE)
		reader_skip(&r, 4);
	if (r.failed) {
		packet_add_event(p, EVENT_GRE_VERSION0_HDR_TOO_BIG);
		return;
	}
	if ((flags & GRE_ROUTE) && !skip_routes(&r)) {
		packet_add_event(p, EVENT_GRE_VERSION0_MALFORMED_SRE_HDR);
		return;
	}
	carry(d, p, flags, load_be16(b.data + 2), reader_rest(&r));
}

static const struct {
	uint16_t mask;
	enum packet_event event;
} gre1_forbidden[] = {
	{GRE_CHECKSUM, EVENT_GRE_VERSION1_CHKSUM}, {GRE_ROUTE, EVENT_GRE_VERSION1_ROUTE}, {GRE_STRICT, EVENT_GRE_VERSION1_SSR},
	{GRE_RECURSION, EVENT_GRE_VERSION1_RECUR}, {GRE_FLAGS1, EVENT_GRE_VERSION1_FLAGS},
};

static void decode_gre1(struct decoder *d, struct packet *p, uint16_t flags, struct bytes b)
{
	for (size_t i = 0; i < sizeof gre1_forbidden / sizeof *gre1_forbidden; i++) {
		if (flags & gre1_forbidden[i].mask) {
			packet_add_event(p, gre1_forbidden[i].event);
			return;
		}
	}
	if (load_be16(b.data + 2) != ETHER_PPP) {
		packet_add_event(p, EVENT_GRE_VERSION1_WRONG_PROTOCOL);
		return;
	}
	if (!(flags & GRE_KEY)) {
		packet_add_event(p, EVENT_GRE_VERSION1_NO_KEY);
		return;
	}
	struct reader r = reader_over(bytes_from(b, GRE_HEADER + 4u));
	r.failed = b.len < GRE_HEADER + 4u;
	if (flags & GRE_SEQUENCE)
		reader_skip(&r, 4);
	if (flags & GRE1_ACK)
		reader_skip(&r, 4);
	if (r.failed)
		packet_add_event(p, EVENT_GRE_VERSION1_HDR_TOO_BIG);
	else if (reader_left(&r)) /* an acknowledgement alone carries nothing */
		carry(d, p, flags, ETHER_PPP, reader_rest(&r));
}

void decode_gre(struct decoder *d, struct packet *p, struct bytes b)
{
	COUNT(d->counters, DECODER_GRE);
	if (!layer_enter(d, p))
		return;
	if (b.len < GRE_HEADER) {
		packet_add_event(p, EVENT_GRE_PKT_TOO_SMALL);
		return;
	}
	p->is_gre = true;
	uint16_t flags = load_be16(b.data);
	switch (flags & GRE_VERSION) {
	case 0:
		decode_gre0(d, p, flags, b);
		break;
	case 1:
		decode_gre1(d, p, flags, b);
		break;
	default:
		packet_add_event(p, EVENT_GRE_WRONG_VERSION);
	}
}

void decode_erspan1(struct decoder *d, struct packet *p, struct bytes b)
{
	COUNT(d->counters, DECODER_ERSPAN);
	decode_ethernet(d, p, b);
}

/* Version and VLAN, class and session, index: eight bytes (draft-foschiano-erspan, type II has version 1). */
void decode_erspan2(struct decoder *d, struct packet *p, struct bytes b)
{
	enum { ERSPAN_HEADER = 8 };
	COUNT(d->counters, DECODER_ERSPAN);
	if (!layer_enter(d, p))
		return;
	if (b.len < ERSPAN_HEADER) {
		packet_add_event(p, EVENT_ERSPAN_HEADER_TOO_SMALL);
		return;
	}
	uint16_t first = load_be16(b.data), vlan = first & 0xfff;
	if (first >> 12 != 1) {
		packet_add_event(p, EVENT_ERSPAN_UNSUPPORTED_VERSION);
		return;
	}
	if (vlan && p->n_vlans == PACKET_MAX_VLANS) {
		packet_add_event(p, EVENT_ERSPAN_TOO_MANY_VLAN_LAYERS);
		return;
	}
	if (vlan)
		p->vlan[p->n_vlans++] = vlan;
	decode_ethernet(d, p, bytes_from(b, ERSPAN_HEADER));
}
