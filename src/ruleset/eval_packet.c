// SPDX-License-Identifier: GPL-2.0-or-later
/* Where headers lie, and bytes from and to them: payload and extension headers as the kernel's expressions read and write them. */
#include "packet/checksum.h"
#include "ruleset/eval.h"

#include <string.h>

enum { HOP_BY_HOP = 0, ROUTING = 43, FRAGMENT = 44, AUTH = 51, NONE = 59, DESTINATION = 60, MOBILITY = 135 };

static bool is_extension(uint8_t h)
{
	return h == HOP_BY_HOP || h == ROUTING || h == FRAGMENT || h == AUTH || h == NONE || h == DESTINATION;
}

static size_t extension_len(uint8_t kind, const uint8_t *h)
{
	return kind == AUTH ? ((size_t)h[1] + 2) << 2 : kind == FRAGMENT ? 8 : ((size_t)h[1] + 1) << 3;
}

long ip6_find_header(struct bytes ip, int target, uint8_t *proto, uint16_t *fragoff)
{
	if (ip.len < 40)
		return -1;
	uint8_t kind = ip.data[6];
	size_t at = 40;
	if (fragoff)
		*fragoff = 0;
	while (kind != (target < 0 ? 256 : target)) {
		if (!is_extension(kind) || kind == NONE) {
			if (target >= 0)
				return -1;
			break;
		}
		if (at + 8 > ip.len && at + 2 > ip.len)
			return -1;
		const uint8_t *h = ip.data + at;
		if (kind == FRAGMENT) {
			if (at + 4 > ip.len)
				return -1;
			uint16_t off = load_be16(h + 2) & 0xfff8;
			if (off) {
				if (target >= 0 || (is_extension(h[0]) && h[0] != NONE))
					return -1;
				if (fragoff)
					*fragoff = off;
				*proto = h[0];
				return 0;
			}
		}
		at += extension_len(kind, h);
		kind = h[0];
	}
	if (proto)
		*proto = kind;
	return (long)at;
}

static void locate_ip6(struct trace_packet *p)
{
	struct bytes ip = packet_ip(p);
	uint8_t proto = 0;
	uint16_t fragoff = 0;
	bool ingress = p->family == NFPROTO_NETDEV || p->family == NFPROTO_BRIDGE;
	if (ip.len < 40 || (ingress && (ip.data[0] >> 4 != 6 || (size_t)load_be16(ip.data + 4) + 40 > ip.len)))
		return;
	long at = ip6_find_header(ip, -1, &proto, &fragoff);
	if (at < 0 || at > 65535)
		return;
	p->has_transport = true;
	p->transport = proto;
	p->thoff = (size_t)at;
	p->fragoff = fragoff;
}

static void locate_ip4(struct trace_packet *p)
{
	struct bytes ip = packet_ip(p);
	bool ingress = p->family == NFPROTO_NETDEV || p->family == NFPROTO_BRIDGE;
	if (ip.len < 20)
		return;
	size_t header = (size_t)(ip.data[0] & 15) * 4, total = load_be16(ip.data + 2);
	if (ingress && (ip.data[0] >> 4 != 4 || header < 20 || total > ip.len || total < header))
		return;
	p->has_transport = true;
	p->transport = ip.data[9];
	p->thoff = header;
	p->fragoff = load_be16(ip.data + 6) & 0x1fff;
}

void packet_locate(struct trace_packet *p)
{
	p->has_transport = false;
	p->transport = 0;
	p->thoff = 0;
	p->fragoff = 0;
	if (p->ip == 4)
		locate_ip4(p);
	else if (p->ip == 6)
		locate_ip6(p);
}

/* ---- payload ---- */

/* -1: the packet has no such header */
static long inner_offset(const struct trace_packet *p)
{
	if (!p->has_transport || p->fragoff)
		return -1;
	struct bytes ip = packet_ip(p);
	if (p->transport == IPPROTO_UDP)
		return (long)p->thoff + 8;
	if (p->transport == IPPROTO_TCP)
		return p->thoff + 20 <= ip.len ? (long)p->thoff + (ip.data[p->thoff + 12] >> 4) * 4 : -1;
	return p->transport == IPPROTO_IPIP ? (long)p->thoff : -1;
}

/* Begin of a header within p->bytes; -1: none. */
static long base_offset(const struct trace_packet *p, uint8_t base)
{
	switch (base) {
	case NFT_PAYLOAD_LL_HEADER:
		return p->link_len ? 0 : -1;
	case NFT_PAYLOAD_NETWORK_HEADER:
		return (long)p->link_len;
	case NFT_PAYLOAD_TRANSPORT_HEADER:
		return p->has_transport && !p->fragoff ? (long)(p->link_len + p->thoff) : -1;
	default: {
		long at = inner_offset(p);
		return at < 0 ? -1 : (long)p->link_len + at;
	}
	}
}

/* The tag that the device took off stands in the header again for whoever reads it. */
static enum load link_load(const struct trace_packet *p, uint32_t offset, uint32_t len, uint8_t *out)
{
	uint8_t header[18];
	memcpy(header, p->bytes, 12);
	store_be16(header + 12, 0x8100);
	store_be16(header + 14, p->vlan);
	store_be16(header + 16, p->ether_type);
	for (uint32_t i = 0; i < len; i++) {
		size_t at = (size_t)offset + i;
		if (at >= 18 && at - 4 >= p->len)
			return LOAD_BREAK;
		out[i] = at < 18 ? header[at] : p->bytes[at - 4];
	}
	return LOAD_OK;
}

enum load payload_load(const struct trace_packet *p, uint8_t base, uint32_t offset, uint32_t len, uint8_t *out)
{
	long at = base_offset(p, base);
	if (at < 0 || offset > p->len || len > VALUE_MAX)
		return LOAD_BREAK;
	if (base == NFT_PAYLOAD_LL_HEADER && p->link_unknown)
		return LOAD_UNKNOWN;
	if (base == NFT_PAYLOAD_LL_HEADER && p->has_vlan && p->link_len == 14)
		return link_load(p, offset, len, out);
	if ((size_t)at + offset + len > p->len)
		return LOAD_BREAK;
	memcpy(out, p->bytes + at + offset, len);
	return LOAD_OK;
}

/* The sum of RFC 1624: what was there leaves, what comes enters. */
static uint16_t checksum_change(uint16_t old, const uint8_t *before, const uint8_t *after, size_t len)
{
	uint64_t sum = (uint16_t)~old;
	uint8_t inverse[VALUE_MAX];
	for (size_t i = 0; i < len; i++)
		inverse[i] = (uint8_t)~before[i];
	if (len & 1)
		inverse[len] = 0xff;
	sum = checksum_add(sum, bytes_of(inverse, len + (len & 1)));
	sum = checksum_add(sum, bytes_of(after, len));
	return checksum_fold(sum);
}

static void checksum_update(uint8_t *at, const uint8_t *before, const uint8_t *after, size_t len)
{
	uint16_t old, now;
	memcpy(&old, at, 2);
	now = checksum_change(old, before, after, len);
	if (!now)
		now = 0xffff;
	memcpy(at, &now, 2);
}

/* Where the transport's checksum lies that covers addresses; -1: it has none. */
static long transport_checksum(const struct trace_packet *p)
{
	if (!p->has_transport || p->fragoff)
		return -1;
	size_t at = p->link_len + p->thoff;
	switch (p->transport) {
	case IPPROTO_TCP: at += 16; break;
	case IPPROTO_UDP: case IPPROTO_UDPLITE: at += 6; break;
	case IPPROTO_ICMPV6: at += 2; break;
	default: return -1;
	}
	if (at + 2 > p->len)
		return -1;
	if (p->transport == IPPROTO_UDP && !p->bytes[at] && !p->bytes[at + 1])
		return -1;
	return (long)at;
}

bool payload_store(struct trace_packet *p, const struct step *s, const uint8_t *data)
{
	long base = base_offset(p, s->write.base);
	if (base < 0 || s->write.len > VALUE_MAX - 1 || s->write.offset > p->len)
		return false;
	size_t at = (size_t)base + s->write.offset, len = s->write.len;
	if (at + len > p->len)
		return false;
	if (s->write.checksum_type == NFT_PAYLOAD_CSUM_INET) {
		size_t sum = (size_t)base + s->write.checksum_offset;
		if (sum + 2 > p->len)
			return false;
		checksum_update(p->bytes + sum, p->bytes + at, data, len);
	}
	long transport = s->write.checksum_flags & NFT_PAYLOAD_L4CSUM_PSEUDOHDR ? transport_checksum(p) : -1;
	if (transport >= 0)
		checksum_update(p->bytes + transport, p->bytes + at, data, len);
	memcpy(p->bytes + at, data, len);
	return true;
}

/* ---- extension headers and options ---- */

static enum load present_or(const struct operand *o, bool there, uint8_t *out)
{
	if (!o->exthdr.present)
		return there ? LOAD_OK : LOAD_BREAK;
	*out = there;
	return LOAD_OK;
}

static enum load ip6_load(const struct trace_packet *p, const struct operand *o, uint8_t *out)
{
	if (p->ip != 6)
		return LOAD_BREAK;
	long at = ip6_find_header(packet_ip(p), o->exthdr.type, NULL, NULL);
	if (o->exthdr.present || at < 0)
		return present_or(o, at >= 0, out);
	size_t from = p->link_len + (size_t)at + o->exthdr.offset;
	if (from + o->len > p->len)
		return LOAD_BREAK;
	memcpy(out, p->bytes + from, o->len);
	return LOAD_OK;
}

/* The header of TCP with its options; empty: it is none. */
static struct bytes tcp_header(const struct trace_packet *p)
{
	struct bytes ip = packet_ip(p), none = {0};
	if (!p->has_transport || p->transport != IPPROTO_TCP || p->fragoff || p->thoff + 20 > ip.len)
		return none;
	size_t len = (size_t)(ip.data[p->thoff + 12] >> 4) * 4;
	return len < 20 || p->thoff + len > ip.len ? none : bytes_slice(ip, p->thoff, len);
}

static size_t option_len(struct bytes h, size_t at)
{
	return h.data[at] <= 1 || h.data[at + 1] == 0 ? 1 : h.data[at + 1];
}

/* The first option of a kind in TCP's header; 0: there is none. */
static size_t tcp_option(struct bytes h, uint8_t type)
{
	for (size_t at = 20; at + 1 < h.len; at += option_len(h, at))
		if (h.data[at] == type)
			return at;
	return 0;
}

static enum load tcp_load(const struct trace_packet *p, const struct operand *o, uint8_t *out)
{
	struct bytes h = tcp_header(p);
	size_t at = h.len ? tcp_option(h, o->exthdr.type) : 0;
	size_t len = at ? option_len(h, at) : 0;
	bool there = at && at + len <= h.len && (size_t)o->len + o->exthdr.offset <= len;
	if (o->exthdr.present)
		return present_or(o, there, out);
	if (!there)
		return LOAD_BREAK;
	memcpy(out, h.data + at + o->exthdr.offset, o->len);
	return LOAD_OK;
}

/* Options of IPv4: only those that the kernel looks for (loose and strict source route, record route, router alert). */
static enum load ip4_load(const struct trace_packet *p, const struct operand *o, uint8_t *out)
{
	struct bytes ip = packet_ip(p);
	if (p->ip != 4 || ip.len < 20)
		return LOAD_BREAK;
	size_t end = (size_t)(ip.data[0] & 15) * 4, at = 20;
	while (at + 1 < end && end <= ip.len) {
		uint8_t kind = ip.data[at], len = kind <= 1 ? 1 : ip.data[at + 1];
		if (kind == 0 || len == 0 || at + len > end)
			break;
		if (kind == o->exthdr.type) {
			if (o->exthdr.present)
				return present_or(o, true, out);
			if (at + o->exthdr.offset + o->len > ip.len)
				return LOAD_BREAK;
			memcpy(out, ip.data + at + o->exthdr.offset, o->len);
			return LOAD_OK;
		}
		at += len;
	}
	return present_or(o, false, out);
}

static enum load sctp_load(const struct trace_packet *p, const struct operand *o, uint8_t *out)
{
	struct bytes ip = packet_ip(p);
	if (!p->has_transport || p->transport != IPPROTO_SCTP || p->fragoff)
		return present_or(o, false, out);
	for (size_t at = p->thoff + 12; at + 4 <= ip.len;) {
		size_t len = load_be16(ip.data + at + 2);
		if (ip.data[at] == o->exthdr.type) {
			if (o->exthdr.present)
				return present_or(o, true, out);
			if (o->exthdr.offset + o->len > len || at + o->exthdr.offset + o->len > ip.len)
				return LOAD_BREAK;
			memcpy(out, ip.data + at + o->exthdr.offset, o->len);
			return LOAD_OK;
		}
		if (!len)
			break;
		at += (len + 3) & ~(size_t)3;
	}
	return present_or(o, false, out);
}

enum load exthdr_load(const struct trace_packet *p, const struct operand *o, uint8_t *out)
{
	switch (o->exthdr.op) {
	case NFT_EXTHDR_OP_IPV6: return ip6_load(p, o, out);
	case NFT_EXTHDR_OP_TCPOPT: return tcp_load(p, o, out);
	case NFT_EXTHDR_OP_IPV4: return ip4_load(p, o, out);
	case NFT_EXTHDR_OP_SCTP: return sctp_load(p, o, out);
	default: return LOAD_UNKNOWN;
	}
}

enum { OPTION_MSS = 2 };

/* `tcp option … set` changes an option that is there; the MSS only ever becomes smaller. `reset tcp option` makes it padding. */
bool exthdr_store(struct trace_packet *p, const struct step *s, const uint8_t *data)
{
	struct bytes h = tcp_header(p);
	size_t at = h.len ? tcp_option(h, s->write.type) : 0;
	if (!h.len || !at)
		return h.len; /* an option that is not there: nothing to do */
	size_t len = option_len(h, at);
	uint8_t *tcp = packet_network(p) + p->thoff, *option = tcp + at, before[64], after[64];
	if (at + len > h.len || (data && (s->write.len > 4 || s->write.len + s->write.offset > len)))
		return false;
	if (data && s->write.type == OPTION_MSS && s->write.offset == 2 && load_be16(option + 2) <= load_be16(data))
		return true;
	memcpy(before, tcp, h.len);
	if (data)
		memcpy(option + s->write.offset, data, s->write.len);
	else
		memset(option, 1, len);
	memcpy(after, tcp, h.len);
	uint16_t old, now;
	memcpy(&old, before + 16, 2);
	memset(before + 16, 0, 2);
	memset(after + 16, 0, 2);
	now = checksum_change(old, before, after, h.len);
	memcpy(tcp + 16, &now, 2);
	return true;
}
