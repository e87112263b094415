// SPDX-License-Identifier: GPL-2.0-or-later
/* ICMP for both families (RFC 792, RFC 4443), with the packet that an error message quotes. */
#include "packet/layers.h"

enum { ICMP_HEADER = 8, IP4_HEADER = 20, IP6_HEADER = 40 };

struct type_row {
	uint8_t type;
	uint8_t max_code;
	bool known, quotes, has_id;
};

/* Types by IANA's list; the highest code that it names. */
static const struct type_row icmp_types[256] = {
	[0] = {0, 0, true, false, true},    /* echo reply */
	[3] = {3, 15, true, true, false},   /* destination unreachable */
	[4] = {4, 0, true, true, false},    /* source quench */
	[5] = {5, 3, true, true, false},    /* redirect */
	[8] = {8, 0, true, false, true},    /* echo */
	[9] = {9, 16, true, false, false},  /* router advertisement */
	[10] = {10, 0, true, false, false}, /* router solicitation */
	[11] = {11, 1, true, true, false},  /* time exceeded */
	[12] = {12, 2, true, true, false},  /* parameter problem */
	[13] = {13, 0, true, false, true},  /* timestamp */
	[14] = {14, 0, true, false, true},
	[15] = {15, 0, true, false, true},  /* information */
	[16] = {16, 0, true, false, true},
	[17] = {17, 0, true, false, true},  /* address mask */
	[18] = {18, 0, true, false, true},
};

static const struct type_row icmp6_types[256] = {
	[1] = {1, 7, true, true, false},    /* destination unreachable */
	[2] = {2, 0, true, true, false},    /* packet too big */
	[3] = {3, 1, true, true, false},    /* time exceeded */
	[4] = {4, 2, true, true, false},    /* parameter problem */
	[128] = {128, 0, true, false, true},
	[129] = {129, 0, true, false, true},
	[130] = {130, 0, true, false, false}, /* multicast listener query, report, done */
	[131] = {131, 0, true, false, false},
	[132] = {132, 0, true, false, false},
	[133] = {133, 0, true, false, false}, /* neighbour discovery */
	[134] = {134, 0, true, false, false},
	[135] = {135, 0, true, false, false},
	[136] = {136, 0, true, false, false},
	[137] = {137, 0, true, false, false},
	[138] = {138, 255, true, false, false}, /* router renumbering */
	[139] = {139, 2, true, false, false}, /* node information */
	[140] = {140, 2, true, false, false},
	[141] = {141, 0, true, false, false},
	[142] = {142, 0, true, false, false},
	[143] = {143, 0, true, false, false},
	[144] = {144, 0, true, false, false}, /* home agent discovery */
	[145] = {145, 0, true, false, false},
	[146] = {146, 0, true, false, false},
	[147] = {147, 0, true, false, false},
	[148] = {148, 0, true, false, false}, /* certification path */
	[149] = {149, 0, true, false, false},
	[151] = {151, 255, true, false, false}, /* multicast router discovery */
	[152] = {152, 0, true, false, false},
	[153] = {153, 0, true, false, false},
	[154] = {154, 255, true, false, false},
	[155] = {155, 255, true, false, false},
	[156] = {156, 1, true, false, false},
	[157] = {157, 4, true, false, false},
	[158] = {158, 0, true, false, false},
	[160] = {160, 0, true, false, false},
	[161] = {161, 4, true, false, false},
};

static void read_quoted_ports(struct packet *p, uint8_t proto, struct bytes b)
{
	struct icmp_layer *i = &p->icmp;
	i->embedded_proto = proto;
	bool has_ports = proto == PROTO_TCP || proto == PROTO_UDP || proto == PROTO_SCTP;
	if (!has_ports || b.len < 8)
		return;
	i->embedded_sport = load_be16(b.data);
	i->embedded_dport = load_be16(b.data + 2);
}

void decode_quoted_ip4(struct packet *p, struct bytes b)
{
	if (b.len < IP4_HEADER) {
		packet_add_event(p, EVENT_ICMPV4_IPV4_TRUNC_PKT);
		return;
	}
	if (b.data[0] >> 4 != 4) {
		packet_add_event(p, EVENT_ICMPV4_IPV4_UNKNOWN_VER);
		return;
	}
	size_t header_len = (b.data[0] & 0xf) * 4u;
	struct icmp_layer *i = &p->icmp;
	i->embedded_src.family = i->embedded_dst.family = 4;
	memcpy(i->embedded_src.byte, b.data + 12, 4);
	memcpy(i->embedded_dst.byte, b.data + 16, 4);
	read_quoted_ports(p, b.data[9], header_len < IP4_HEADER ? bytes_of(NULL, 0) : bytes_from(b, header_len));
}

void decode_quoted_ip6(struct packet *p, struct bytes b)
{
	if (b.len < IP6_HEADER) {
		packet_add_event(p, EVENT_ICMPV6_IPV6_TRUNC_PKT);
		return;
	}
	if (b.data[0] >> 4 != 6) {
		packet_add_event(p, EVENT_ICMPV6_IPV6_UNKNOWN_VERSION);
		return;
	}
	struct icmp_layer *i = &p->icmp;
	i->embedded_src.family = i->embedded_dst.family = 6;
	memcpy(i->embedded_src.byte, b.data + 8, 16);
	memcpy(i->embedded_dst.byte, b.data + 24, 16);
	read_quoted_ports(p, b.data[6], bytes_from(b, IP6_HEADER));
}

static void read_header(struct packet *p, const struct type_row *row, struct bytes b)
{
	p->icmp.type = b.data[0];
	p->icmp.code = b.data[1];
	if (row->has_id) {
		p->icmp.has_id = true;
		p->icmp.id = load_be16(b.data + 4);
		p->icmp.seq = load_be16(b.data + 6);
	}
	p->payload = bytes_from(b, ICMP_HEADER);
}

/* Some types of ICMP have more header than the eight bytes: times (RFC 792), an address mask (RFC 950), routers (RFC 1256). */
static size_t icmp_header_len(struct bytes b)
{
	switch (b.data[0]) {
	case 9: return ICMP_HEADER + b.data[4] * b.data[5] * 4u;
	case 13:
	case 14: return ICMP_HEADER + 12;
	case 17:
	case 18: return ICMP_HEADER + 4;
	default: return ICMP_HEADER;
	}
}

void decode_icmp(struct decoder *d, struct packet *p, struct bytes b)
{
	COUNT(d->counters, DECODER_ICMPV4);
	if (b.len < ICMP_HEADER) {
		packet_add_event(p, EVENT_ICMPV4_PKT_TOO_SMALL);
		return;
	}
	const struct type_row *row = &icmp_types[b.data[0]];
	read_header(p, row, b);
	if (icmp_header_len(b) <= b.len)
		p->payload = bytes_from(b, icmp_header_len(b));
	p->is_icmp = true;
	if (!row->known)
		packet_add_event(p, EVENT_ICMPV4_UNKNOWN_TYPE);
	else if (p->icmp.code > row->max_code)
		packet_add_event(p, EVENT_ICMPV4_UNKNOWN_CODE);
	else if (row->quotes && p->payload.len) /* one that quotes nothing is odd, but not cut short */
		decode_quoted_ip4(p, p->payload);
	if (p->icmp.type == 3 && p->icmp.code == 4) {
		p->icmp.has_mtu = true;
		p->icmp.mtu = load_be16(b.data + 6); /* RFC 1191 */
	}
}

static void check_type6(struct packet *p, const struct type_row *row)
{
	uint8_t type = p->icmp.type;
	if (type == 100 || type == 101 || type == 200 || type == 201)
		packet_add_event(p, EVENT_ICMPV6_EXPERIMENTATION_TYPE);
	else if ((type >= 5 && type <= 99) || (type >= 102 && type <= 126) || (type >= 162 && type <= 199) || (type >= 202 && type <= 254))
		packet_add_event(p, EVENT_ICMPV6_UNASSIGNED_TYPE);
	else if (!row->known)
		packet_add_event(p, EVENT_ICMPV6_UNKNOWN_TYPE);
	else if (p->icmp.code > row->max_code)
		packet_add_event(p, EVENT_ICMPV6_UNKNOWN_CODE);
	if (((type >= 130 && type <= 132) || type == 143) && p->ttl != 1) /* RFC 2710, RFC 3810: the hop limit is 1 */
		packet_add_event(p, EVENT_ICMPV6_MLD_MESSAGE_WITH_INVALID_HL);
}

void decode_icmp6(struct decoder *d, struct packet *p, struct bytes b)
{
	COUNT(d->counters, DECODER_ICMPV6);
	if (b.len < ICMP_HEADER) {
		packet_add_event(p, EVENT_ICMPV6_PKT_TOO_SMALL);
		return;
	}
	const struct type_row *row = &icmp6_types[b.data[0]];
	read_header(p, row, b);
	p->is_icmp6 = true;
	check_type6(p, row);
	if (row->quotes && p->icmp.code <= row->max_code)
		decode_quoted_ip6(p, p->payload);
	if (p->icmp.type == 2) {
		p->icmp.has_mtu = true;
		p->icmp.mtu = load_be32(b.data + 4);
	}
}
