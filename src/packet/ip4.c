// SPDX-License-Identifier: GPL-2.0-or-later
/* IPv4 (RFC 791) with its options (RFC 7126 lists them). */
#include "packet/layers.h"

enum { IP4_HEADER = 20 };

enum { /* option types */
	OPT_EOL = 0, OPT_NOP = 1, OPT_RR = 7, OPT_QS = 25, OPT_TS = 68, OPT_SEC = 130, OPT_LSRR = 131, OPT_ESEC = 133, OPT_CIPSO = 134, OPT_SATID = 136,
	OPT_SSRR = 137, OPT_RTRALT = 148,
};

static uint64_t option_bytes_valid_pointer(struct bytes o, unsigned least, unsigned unit)
{
	/* The pointer is counted from 1, starts behind the fixed part, and stays within, or is one unit beyond the end: full. */
	uint8_t pointer = o.data[2];
	return pointer >= least && (pointer - least) % unit == 0 && pointer <= o.len + 1;
}

/* Record route and the source routes: type, length, pointer, addresses. */
static bool route_ok(struct bytes o)
{
	return o.len >= 3 && o.len % 4 == 3 && option_bytes_valid_pointer(o, 4, 4);
}

/* Type, length, pointer, overflow and flag; with flag 0 times alone, with 1 and 3 pairs of address and time. */
static bool timestamp_ok(struct bytes o)
{
	if (o.len < 4)
		return false;
	uint8_t flag = o.data[3] & 0xf;
	if (flag == 0)
		return o.len % 4 == 0 && option_bytes_valid_pointer(o, 5, 4);
	if (flag == 1 || flag == 3)
		return o.len % 8 == 4 && option_bytes_valid_pointer(o, 5, 8);
	return false;
}

/* Domain of interpretation, then tags that fill the option (FIPS 188). */
static bool cipso_ok(struct bytes o)
{
	if (o.len < 8 || load_be32(o.data + 2) == 0)
		return false;
	struct reader r = reader_over(bytes_from(o, 6));
	while (reader_left(&r)) {
		uint8_t type = reader_u8(&r), len = reader_u8(&r);
		if (r.failed || len < 2 || (type != 1 && type != 2 && type != 5 && type != 6 && type != 7 && type < 127))
			return false;
		if ((type == 1 || type == 2 || type == 5) && len < 4)
			return false;
		reader_skip(&r, len - 2u);
	}
	return !r.failed;
}

static bool security_ok(struct bytes o)
{
	return o.len >= 3;
}

static bool length4(struct bytes o)
{
	return o.len == 4;
}

static bool length8(struct bytes o)
{
	return o.len == 8;
}

static const struct {
	uint8_t type;
	uint8_t bit; /* enum ip4_option */
	bool (*ok)(struct bytes option);
} options[] = {
	{OPT_RR, IP4_OPT_RR, route_ok},     {OPT_TS, IP4_OPT_TS, timestamp_ok},     {OPT_SEC, IP4_OPT_SEC, security_ok},
	{OPT_ESEC, IP4_OPT_ESEC, security_ok}, {OPT_LSRR, IP4_OPT_LSRR, route_ok},  {OPT_SSRR, IP4_OPT_SSRR, route_ok},
	{OPT_SATID, IP4_OPT_SATID, length4}, {OPT_RTRALT, IP4_OPT_RTRALT, length4}, {OPT_CIPSO, IP4_OPT_CIPSO, cipso_ok},
	{OPT_QS, IP4_OPT_QS, length8},
};

static void note_option(struct packet *p, uint8_t type, struct bytes option)
{
	for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
		if (options[i].type != type)
			continue;
		uint32_t bit = 1u << options[i].bit;
		if (p->ip4.options & bit)
			packet_add_event(p, EVENT_IPV4_OPT_DUPLICATE);
		else if (!options[i].ok(option))
			packet_add_event(p, EVENT_IPV4_OPT_MALFORMED);
		else
			p->ip4.options |= bit;
		return;
	}
	packet_add_event(p, EVENT_IPV4_OPT_INVALID);
}

static void decode_options(struct packet *p, struct bytes b)
{
	if (b.len % 8)
		packet_add_event(p, EVENT_IPV4_OPT_PAD_REQUIRED);
	while (b.len) {
		uint8_t type = b.data[0];
		if (type == OPT_EOL) {
			p->ip4.options |= 1u << IP4_OPT_EOL;
			return;
		}
		if (type == OPT_NOP) {
			p->ip4.options |= 1u << IP4_OPT_NOP;
			b = bytes_from(b, 1);
			continue;
		}
		if (b.len < 2) {
			packet_add_event(p, EVENT_IPV4_OPT_EOL_REQUIRED);
			return;
		}
		if (b.data[1] < 2 || b.data[1] > b.len) {
			packet_add_event(p, EVENT_IPV4_OPT_INVALID_LEN);
			return;
		}
		note_option(p, type, bytes_slice(b, 0, b.data[1]));
		b = bytes_from(b, b.data[1]);
	}
}

static void read_header(struct packet *p, struct bytes b, uint8_t header_len, size_t len)
{
	uint16_t fragment = load_be16(b.data + 6);
	p->ip_version = 4;
	p->proto = b.data[9];
	p->ttl = b.data[8];
	p->src.family = p->dst.family = 4;
	memcpy(p->src.byte, b.data + 12, 4);
	memcpy(p->dst.byte, b.data + 16, 4);
	p->ip = bytes_slice(b, 0, len);
	p->ip4.header_len = header_len;
	p->ip4.tos = b.data[1];
	p->ip4.id = load_be16(b.data + 4);
	p->ip4.total_len = load_be16(b.data + 2);
	p->ip4.rf = fragment & 0x8000;
	p->ip4.df = fragment & 0x4000;
	p->ip4.mf = fragment & 0x2000;
	p->ip4.frag_offset = (uint16_t)((fragment & 0x1fff) * 8);
}

static void clear_header(struct packet *p)
{
	p->ip_version = p->proto = p->ttl = 0;
	p->src = p->dst = (struct address){0};
	p->ip = (struct bytes){0};
	p->ip4 = (struct ip4_layer){0};
}

/* EVENT_N_ if it is right; then `len` bytes of `b` are the packet. */
static enum packet_event check_header(struct packet *p, struct bytes b, size_t *len)
{
	if (b.len < IP4_HEADER)
		return EVENT_IPV4_PKT_TOO_SMALL;
	if (b.data[0] >> 4 != 4)
		return EVENT_IPV4_WRONG_IP_VERSION;
	size_t header_len = (b.data[0] & 0xf) * 4u;
	*len = ip_len(p, load_be16(b.data + 2), 0, b);
	if (header_len < IP4_HEADER)
		return EVENT_IPV4_HLEN_TOO_SMALL;
	if (*len < header_len)
		return EVENT_IPV4_IPLEN_SMALLER_THAN_HLEN;
	if (*len == SIZE_MAX)
		return EVENT_IPV4_TRUNC_PKT;
	return EVENT_N_;
}

void decode_ip4(struct decoder *d, struct packet *p, struct bytes b)
{
	COUNT(d->counters, DECODER_IPV4);
	if (!layer_enter(d, p))
		return;
	size_t len;
	enum packet_event wrong = check_header(p, b, &len);
	if (wrong != EVENT_N_) {
		packet_add_event(p, wrong);
		return;
	}
	uint8_t header_len = (uint8_t)((b.data[0] & 0xf) * 4);
	read_header(p, b, header_len, len);
	if (header_len > IP4_HEADER) {
		decode_options(p, bytes_slice(b, IP4_HEADER, header_len - IP4_HEADER));
		if (p->flags & PACKET_INVALID) { /* a header that cannot be read says nothing */
			clear_header(p);
			return;
		}
	}
	struct bytes rest = bytes_from(p->ip, header_len);
	if (p->ip4.mf || p->ip4.frag_offset) {
		p->flags |= PACKET_FRAGMENT;
		if (!p->ip4.frag_offset)
			p->transport = rest;
		return;
	}
	p->transport = rest;
	if (p->proto == PROTO_ICMPV6)
		packet_add_event(p, EVENT_IPV4_ICMPV6);
	else if (!decode_transport(d, p, rest))
		p->payload = rest;
}
