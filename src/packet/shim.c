// SPDX-License-Identifier: GPL-2.0-or-later
/* Headers between link and network that are neither: MPLS (RFC 3032, RFC 4385) and the network service header (RFC 8300). */
#include "packet/layers.h"

enum { MPLS_ENTRY = 4, LABEL_EXPLICIT_NULL4 = 0, LABEL_ROUTER_ALERT = 1, LABEL_EXPLICIT_NULL6 = 2, LABEL_IMPLICIT_NULL = 3, LABEL_UNRESERVED = 16 };

/* Below the stack there is no type: the first nibble tells (RFC 4928). 0 is the control word of a pseudo wire. */
static void decode_mpls_guess(struct decoder *d, struct packet *p, struct bytes b)
{
	switch (b.data[0] >> 4) {
	case 4:
		decode_ip4(d, p, b);
		break;
	case 6:
		decode_ip6(d, p, b);
		break;
	case 0:
		decode_ethernet(d, p, bytes_from(b, 4));
		break;
	default:
		packet_add_event(p, EVENT_MPLS_UNKNOWN_PAYLOAD_TYPE);
	}
}

static void decode_mpls_payload(struct decoder *d, struct packet *p, uint32_t label, struct bytes b)
{
	if (!b.len || (label >= LABEL_UNRESERVED && b.len < 4)) {
		packet_add_event(p, EVENT_MPLS_PKT_TOO_SMALL);
		return;
	}
	if (label == LABEL_EXPLICIT_NULL4)
		decode_ip4(d, p, b);
	else if (label == LABEL_EXPLICIT_NULL6)
		decode_ip6(d, p, b);
	else if (label == LABEL_ROUTER_ALERT)
		packet_add_event(p, EVENT_MPLS_BAD_LABEL_ROUTER_ALERT);
	else if (label == LABEL_IMPLICIT_NULL)
		packet_add_event(p, EVENT_MPLS_BAD_LABEL_IMPLICIT_NULL);
	else if (label < LABEL_UNRESERVED)
		packet_add_event(p, EVENT_MPLS_BAD_LABEL_RESERVED);
	else
		decode_mpls_guess(d, p, b);
}

void decode_mpls(struct decoder *d, struct packet *p, struct bytes b)
{
	COUNT(d->counters, DECODER_MPLS);
	if (!layer_enter(d, p))
		return;
	uint32_t entry;
	do {
		if (b.len < MPLS_ENTRY) {
			packet_add_event(p, EVENT_MPLS_HEADER_TOO_SMALL);
			return;
		}
		entry = load_be32(b.data);
		b = bytes_from(b, MPLS_ENTRY);
	} while (!(entry & 0x100)); /* bottom of stack */
	decode_mpls_payload(d, p, entry >> 12, b);
}

static void decode_nsh_payload(struct decoder *d, struct packet *p, uint8_t next, struct bytes b)
{
	switch (next) {
	case 1:
		if (b.len < 20)
			packet_add_event(p, EVENT_NSH_UNKNOWN_PAYLOAD);
		else
			decode_ip4(d, p, b);
		break;
	case 2:
		decode_ip6(d, p, b);
		break;
	case 3:
		decode_ethernet(d, p, b);
		break;
	case 5:
		decode_mpls(d, p, b);
		break;
	case 4: /* another service header */
	case 6: /* experiments */
	case 7:
		packet_add_event(p, EVENT_NSH_UNSUPPORTED_TYPE);
		break;
	default:
		packet_add_event(p, EVENT_NSH_UNKNOWN_PAYLOAD);
	}
}

void decode_nsh(struct decoder *d, struct packet *p, struct bytes b)
{
	enum { NSH_HEADER = 8, NSH_TYPE1 = 24 };
	COUNT(d->counters, DECODER_NSH);
	if (!layer_enter(d, p))
		return;
	if (b.len < NSH_HEADER) {
		packet_add_event(p, EVENT_NSH_HEADER_TOO_SMALL);
		return;
	}
	uint16_t first = load_be16(b.data);
	size_t len = (size_t)(first & 0x3f) * 4;
	uint8_t md_type = b.data[2] & 0xf;
	if (first >> 14 != 0) {
		packet_add_event(p, EVENT_NSH_UNSUPPORTED_VERSION);
		return;
	}
	if (len >= b.len || len < NSH_HEADER) {
		packet_add_event(p, EVENT_NSH_BAD_HEADER_LENGTH);
		return;
	}
	if (md_type == 0 || md_type == 0xf) {
		packet_add_event(p, EVENT_NSH_RESERVED_TYPE);
		return;
	}
	if (md_type > 2) {
		packet_add_event(p, EVENT_NSH_UNSUPPORTED_TYPE);
		return;
	}
	if (md_type == 1 && len != NSH_TYPE1) {
		packet_add_event(p, EVENT_NSH_BAD_HEADER_LENGTH);
		return;
	}
	decode_nsh_payload(d, p, b.data[3], bytes_from(b, len));
}
