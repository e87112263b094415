// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who reads which link type, Ethernet type and IP protocol: one row each. A frame's packets are taken from the decoder's pool and
 * linked in the order in which their decoding ends, so an inner packet stands before the one that carried it.
 */
#include "packet/layers.h"

enum { LINK_ETHERNET = 1, LINK_RAW = 12 };

/* Link types by number (LINKTYPE_…, and what DLT_… makes of them on Linux). */
static const struct link_row {
	int link_type;
	decode_fn *decode;
} links[] = {
	{LINK_ETHERNET, decode_ethernet}, {LINK_RAW, decode_raw}, {101, decode_raw}, {228, decode_ip4}, {229, decode_ip6}, {14, decode_raw}, {0, decode_null},
	{108, decode_loop},   {113, decode_sll}, {276, decode_sll2}, {9, decode_ppp}, {104, decode_chdlc},
};

static const struct {
	uint16_t type;
	decode_fn *decode;
} ether_types[] = {
	{0x0800, decode_ip4}, {0x86dd, decode_ip6}, {0x8100, decode_vlan}, {0x0806, decode_arp}, {0x88a8, decode_qinq}, {0x9100, decode_qinq},
	{0x8864, decode_pppoe_session}, {0x8863, decode_pppoe_discovery}, {0x8847, decode_mpls}, {0x8848, decode_mpls}, {0x88e7, decode_ieee8021ah},
	{0x8926, decode_vntag}, {0x893f, decode_etag}, {0x894f, decode_nsh}, {0x8903, decode_dce}, {0x6558, decode_ethernet},
};

static decode_fn *const protocols[256] = {
	[PROTO_ICMP] = decode_icmp, [PROTO_IGMP] = decode_igmp, [PROTO_IPIP] = decode_ip4_in_ip, [PROTO_TCP] = decode_tcp, [PROTO_UDP] = decode_udp,
	[PROTO_IPV6] = decode_ip6_in_ip, [PROTO_GRE] = decode_gre, [PROTO_ESP] = decode_esp, [PROTO_ICMPV6] = decode_icmp6, [PROTO_SCTP] = decode_sctp,
};

static decode_fn *link_find(int link_type)
{
	for (size_t i = 0; i < sizeof links / sizeof *links; i++)
		if (links[i].link_type == link_type)
			return links[i].decode;
	return NULL;
}

bool decode_knows_link(int link_type)
{
	return link_find(link_type) != NULL;
}

bool decode_ether_type(struct decoder *d, struct packet *p, uint16_t type, struct bytes b)
{
	for (size_t i = 0; i < sizeof ether_types / sizeof *ether_types; i++) {
		if (ether_types[i].type != type)
			continue;
		ether_types[i].decode(d, p, b);
		return true;
	}
	return false;
}

bool decode_transport(struct decoder *d, struct packet *p, struct bytes b)
{
	decode_fn *decode = protocols[p->proto];
	if (!decode)
		return false;
	decode(d, p, b);
	return true;
}

void decoder_init(struct decoder *d, const struct decode_settings *settings, struct counters *counters, uint64_t *event_counts)
{
	memset(d, 0, sizeof *d);
	d->settings = settings;
	d->counters = counters;
	d->event_counts = event_counts;
}

static struct packet *packet_take(struct decoder *d)
{
	if (d->n_packets == DECODE_MAX_PACKETS)
		return NULL;
	struct packet *p = &d->packet[d->n_packets++];
	size_t size = sizeof *p;
	__asm__("" : "+r"(size)); /* unknown to the compiler: the library's memset is faster than the string instruction in its place */
	memset(p, 0, size);
	return p;
}

/* Appends a packet whose decoding has ended, and counts what is odd about it. */
static void packet_finish(struct decoder *d, struct packet *p)
{
	if (d->last)
		d->last->next = p;
	else
		d->first = p;
	d->last = p;
	for (unsigned i = 0; i < p->n_events; i++)
		d->event_counts[p->event[i]]++;
	if (p->flags & PACKET_INVALID)
		COUNT(d->counters, DECODER_INVALID);
}

static void count_frame(struct decoder *d, const struct packet *p)
{
	uint64_t *v = d->counters->value;
	v[COUNTER_DECODER_PKTS]++;
	v[COUNTER_DECODER_BYTES] += p->frame.len;
	if (p->frame.len > v[COUNTER_DECODER_MAX_PKT_SIZE])
		v[COUNTER_DECODER_MAX_PKT_SIZE] = p->frame.len;
}

struct packet *decode_frame(struct decoder *d, const struct frame *frame)
{
	d->n_packets = 0;
	d->first = d->last = NULL;
	struct packet *p = packet_take(d);
	p->time = frame->time;
	p->number = frame->number;
	p->frame = frame->bytes;
	p->wire_len = frame->wire_len;
	p->link_type = frame->link_type;
	p->in_interface = frame->in_interface;
	p->flags = frame->packet_flags;
	count_frame(d, p);
	decode_fn *decode = frame->link_type == LINK_ETHERNET ? decode_ethernet : link_find(frame->link_type);
	if (decode)
		decode(d, p, frame->bytes);
	else
		p->flags |= PACKET_INVALID;
	packet_finish(d, p);
	return d->first;
}

/* What an inner packet or a reassembled one takes over from the packet it came in. */
static void packet_inherit(struct packet *q, struct packet *p)
{
	q->time = p->time;
	q->number = p->number;
	q->in_interface = p->in_interface;
	q->n_layers = p->n_layers;
	q->n_vlans = p->n_vlans;
	memcpy(q->vlan, p->vlan, sizeof q->vlan);
	q->outer = p;
	q->flags = p->flags & (PACKET_CHECKSUM_READY | PACKET_CHECKSUM_PARTIAL | PACKET_IGNORE_CHECKSUM);
}

struct packet *decode_inner(struct decoder *d, struct packet *p, struct bytes b, enum tunnel tunnel, decode_fn *decode)
{
	struct packet *q = packet_take(d);
	if (!q) {
		packet_add_event(p, EVENT_TOO_MANY_LAYERS);
		return NULL;
	}
	packet_inherit(q, p);
	q->flags |= PACKET_TUNNELLED;
	q->frame = b;
	q->wire_len = (uint32_t)b.len;
	q->link_type = LINK_RAW; /* as EVE has it, whatever it begins with */
	q->tunnel = tunnel;
	q->recursion = (uint8_t)(p->recursion + 1);
	q->source = PACKET_TUNNEL;
	decode(d, q, b);
	packet_finish(d, q);
	p->inner = q;
	p->flags |= PACKET_HAS_INNER;
	return q;
}

struct packet *decode_datagram(struct decoder *d, struct packet *of, struct bytes ip)
{
	struct packet *first = d->first, *last = d->last;
	d->first = d->last = NULL;
	struct packet *q = packet_take(d);
	if (q) {
		packet_inherit(q, of);
		size_t link_len = packet_link_len(of);
		q->ether = of->ether;
		q->ether_type = of->ether_type;
		q->flags |= of->flags & PACKET_TUNNELLED;
		q->frame = bytes_of(ip.data - link_len, ip.len + link_len);
		q->wire_len = (uint32_t)q->frame.len;
		q->link_type = of->link_type;
		q->tunnel = TUNNEL_DEFRAG;
		q->recursion = of->recursion;
		q->source = PACKET_DEFRAG;
		(of->ip_version == 6 ? decode_ip6 : decode_ip4)(d, q, ip);
		packet_finish(d, q);
	}
	struct packet *list = d->first;
	d->first = first;
	d->last = last;
	return list;
}
