// SPDX-License-Identifier: GPL-2.0-or-later
/* Link types other than Ethernet: raw IP, BSD loopback, Linux cooked (SLL, SLL2), PPP, Cisco HDLC; PPPoE (RFC 2516). */
#include "packet/layers.h"

enum { IP4_LEAST = 20, IP6_LEAST = 40 };

void decode_raw(struct decoder *d, struct packet *p, struct bytes b)
{
	COUNT(d->counters, DECODER_RAW);
	uint8_t version = b.len ? b.data[0] >> 4 : 0;
	if (version == 4) {
		if (b.len < IP4_LEAST)
			packet_add_event(p, EVENT_IPV4_PKT_TOO_SMALL);
		else
			decode_ip4(d, p, b);
	} else if (version == 6) {
		if (b.len < IP6_LEAST)
			packet_add_event(p, EVENT_IPV6_PKT_TOO_SMALL);
		else
			decode_ip6(d, p, b);
	} else {
		packet_add_event(p, b.len ? EVENT_IPRAW_INVALID_IP_VERSION : EVENT_IPV4_PKT_TOO_SMALL);
	}
}

/* AF_INET is 2 everywhere, AF_INET6 differs by system: Linux 10, NetBSD and OpenBSD 24, FreeBSD 28, macOS 30. */
static void decode_family(struct decoder *d, struct packet *p, uint32_t family, struct bytes b)
{
	switch (family) {
	case 2:
		decode_ip4(d, p, b);
		break;
	case 10:
	case 24:
	case 28:
	case 30:
		decode_ip6(d, p, b);
		break;
	default:
		packet_add_event(p, EVENT_LTNULL_UNSUPPORTED_TYPE);
	}
}

/* The family is in the byte order of the machine that captured; families are small, so the order shows. */
void decode_null(struct decoder *d, struct packet *p, struct bytes b)
{
	COUNT(d->counters, DECODER_NULL);
	if (b.len < 4) {
		packet_add_event(p, EVENT_LTNULL_PKT_TOO_SMALL);
		return;
	}
	uint32_t family = load_be32(b.data);
	if (family > 0xffff)
		family = __builtin_bswap32(family);
	decode_family(d, p, family, bytes_from(b, 4));
}

void decode_loop(struct decoder *d, struct packet *p, struct bytes b)
{
	decode_null(d, p, b);
}

static void decode_type(struct decoder *d, struct packet *p, uint16_t type, struct bytes b)
{
	if (decode_ether_type(d, p, type, b))
		return;
	packet_add_event(p, EVENT_ETHERNET_UNKNOWN_ETHERTYPE);
	COUNT(d->counters, DECODER_UNKNOWN_ETHERTYPE);
}

void decode_sll(struct decoder *d, struct packet *p, struct bytes b)
{
	enum { SLL_HEADER = 16 };
	COUNT(d->counters, DECODER_SLL);
	if (b.len < SLL_HEADER) {
		packet_add_event(p, EVENT_SLL_PKT_TOO_SMALL);
		return;
	}
	decode_type(d, p, load_be16(b.data + 14), bytes_from(b, SLL_HEADER));
}

void decode_sll2(struct decoder *d, struct packet *p, struct bytes b)
{
	enum { SLL2_HEADER = 20 };
	COUNT(d->counters, DECODER_SLL2);
	if (b.len < SLL2_HEADER) {
		packet_add_event(p, EVENT_SLL2_PKT_TOO_SMALL);
		return;
	}
	decode_type(d, p, load_be16(b.data), bytes_from(b, SLL2_HEADER));
}

void decode_chdlc(struct decoder *d, struct packet *p, struct bytes b)
{
	enum { CHDLC_HEADER = 4 };
	COUNT(d->counters, DECODER_CHDLC);
	if (b.len < CHDLC_HEADER) {
		packet_add_event(p, EVENT_CHDLC_PKT_TOO_SMALL);
		return;
	}
	decode_type(d, p, load_be16(b.data + 2), bytes_from(b, CHDLC_HEADER));
}

enum { PPP_IP4 = 0x21, PPP_VJ_COMPRESSED = 0x2d, PPP_VJ_UNCOMPRESSED = 0x2f, PPP_IP6 = 0x57, PPP_MPLS_UNICAST = 0x281, PPP_MPLS_MULTICAST = 0x283 };

static const uint16_t ppp_data[] = { /* protocols that carry data that nothing here reads */
	0x0023, 0x0025, 0x0027, 0x0029, 0x002b, 0x0031, 0x0033, 0x0035, 0x003d, 0x003f, 0x0041, 0x0043, 0x0045, 0x0047, 0x004b, 0x00fb, 0x00fd,
	0x0201, 0x0203, 0x0207, PPP_VJ_COMPRESSED,
};

/* Network and link control (RFC 1661 section 2): 8021 IPCP, C021 LCP, C223 CHAP … Right, and nothing to look at. */
static bool is_ppp_control(uint16_t protocol)
{
	return protocol >= 0x8000;
}

static void decode_ppp_other(struct packet *p, uint16_t protocol)
{
	if (is_ppp_control(protocol))
		return;
	for (size_t i = 0; i < sizeof ppp_data / sizeof *ppp_data; i++) {
		if (ppp_data[i] == protocol) {
			packet_add_event(p, EVENT_PPP_UNSUP_PROTO);
			return;
		}
	}
	packet_add_event(p, EVENT_PPP_WRONG_TYPE);
}

static void decode_ppp_payload(struct decoder *d, struct packet *p, uint16_t protocol, struct bytes b)
{
	switch (protocol) {
	case PPP_VJ_UNCOMPRESSED:
		if (b.len < IP4_LEAST)
			packet_add_event(p, EVENT_PPP_VJU_PKT_TOO_SMALL);
		else if (b.data[0] >> 4 == 4)
			decode_ip4(d, p, b);
		break;
	case PPP_IP4:
		if (b.len < IP4_LEAST)
			packet_add_event(p, EVENT_PPP_IP4_PKT_TOO_SMALL);
		else
			decode_ip4(d, p, b);
		break;
	case PPP_IP6:
		if (b.len < IP6_LEAST)
			packet_add_event(p, EVENT_PPP_IP6_PKT_TOO_SMALL);
		else
			decode_ip6(d, p, b);
		break;
	case PPP_MPLS_UNICAST:
	case PPP_MPLS_MULTICAST:
		decode_mpls(d, p, b);
		break;
	default:
		decode_ppp_other(p, protocol);
	}
}

/* The protocol field is one byte if its low bit is set (RFC 1661 section 6.5). */
static void decode_ppp_protocol(struct decoder *d, struct packet *p, struct bytes b)
{
	if (b.len >= 1 && (b.data[0] & 1))
		decode_ppp_payload(d, p, b.data[0], bytes_from(b, 1));
	else if (b.len >= 2)
		decode_ppp_payload(d, p, load_be16(b.data), bytes_from(b, 2));
	else
		packet_add_event(p, EVENT_PPP_PKT_TOO_SMALL);
}

void decode_ppp(struct decoder *d, struct packet *p, struct bytes b)
{
	COUNT(d->counters, DECODER_PPP);
	if (!layer_enter(d, p))
		return;
	if (b.len >= 2 && b.data[0] == 0xff && b.data[1] == 0x03) /* address and control of RFC 1662, which may be left out */
		b = bytes_from(b, 2);
	decode_ppp_protocol(d, p, b);
}

enum { PPPOE_HEADER = 6 };

void decode_pppoe_session(struct decoder *d, struct packet *p, struct bytes b)
{
	COUNT(d->counters, DECODER_PPPOE);
	if (!layer_enter(d, p))
		return;
	if (b.len < PPPOE_HEADER + 1) {
		packet_add_event(p, EVENT_PPPOE_PKT_TOO_SMALL);
		return;
	}
	if (b.data[1] != 0)
		packet_add_event(p, EVENT_PPPOE_WRONG_CODE);
	decode_ppp_protocol(d, p, bytes_from(b, PPPOE_HEADER));
}

static bool is_discovery_code(uint8_t code)
{
	return code == 0x09 || code == 0x07 || code == 0x19 || code == 0x65 || code == 0xa7; /* PADI, PADO, PADR, PADS, PADT */
}

void decode_pppoe_discovery(struct decoder *d, struct packet *p, struct bytes b)
{
	COUNT(d->counters, DECODER_PPPOE);
	if (!layer_enter(d, p))
		return;
	if (b.len < PPPOE_HEADER) {
		packet_add_event(p, EVENT_PPPOE_PKT_TOO_SMALL);
		return;
	}
	if (!is_discovery_code(b.data[1])) {
		packet_add_event(p, EVENT_PPPOE_WRONG_CODE);
		return;
	}
	size_t len = load_be16(b.data + 4);
	struct reader r = reader_over(bytes_from(b, PPPOE_HEADER));
	if (len > reader_left(&r)) {
		packet_add_event(p, EVENT_PPPOE_MALFORMED_TAGS);
		return;
	}
	r.end = r.p + len;
	while (reader_left(&r) >= 4) {
		reader_skip(&r, 2);
		reader_skip(&r, reader_u16(&r));
	}
	if (r.failed)
		packet_add_event(p, EVENT_PPPOE_MALFORMED_TAGS);
}
