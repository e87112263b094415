// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Internet checksums (RFC 1071). The ones' complement sum does not care about the width of the words: 64 bits at a time with the
 * carry added back give the same sum as 16 bits at a time.
 */
#include "packet/checksum.h"

static uint64_t add_carry(uint64_t a, uint64_t b)
{
	uint64_t s;
	return __builtin_add_overflow(a, b, &s) ? s + 1 : s;
}

static uint64_t load_native(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof v);
	return v;
}

uint64_t checksum_add(uint64_t sum, struct bytes b)
{
	const uint8_t *p = b.data;
	size_t n = b.len;
	uint64_t s0 = sum, s1 = 0; /* two chains, so that additions overlap */
	for (; n >= 16; p += 16, n -= 16) {
		s0 = add_carry(s0, load_native(p));
		s1 = add_carry(s1, load_native(p + 8));
	}
	s0 = add_carry(s0, s1);
	if (n >= 8) {
		s0 = add_carry(s0, load_native(p));
		p += 8;
		n -= 8;
	}
	if (n) {
		uint64_t tail = 0;
		memcpy(&tail, p, n);
		s0 = add_carry(s0, tail);
	}
	return s0;
}

uint16_t checksum_fold(uint64_t sum)
{
	sum = (sum >> 32) + (sum & 0xffffffff);
	sum = (sum >> 32) + (sum & 0xffffffff);
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)~sum;
}

uint64_t checksum_pseudo(const struct address *src, const struct address *dst, uint8_t proto, uint32_t len)
{
	uint8_t pseudo[40];
	size_t n = src->family == 6 ? 16 : 4;
	memcpy(pseudo, src->byte, n);
	memcpy(pseudo + n, dst->byte, n);
	store_be32(pseudo + 2 * n, len);
	store_be32(pseudo + 2 * n + 4, proto);
	return checksum_add(0, bytes_of(pseudo, 2 * n + 8));
}

bool packet_checksum_ip_ok(const struct packet *p)
{
	if (p->ip_version != 4 || !p->ip.len || p->ip4.header_len > p->ip.len)
		return true;
	return checksum_fold(checksum_add(0, bytes_slice(p->ip, 0, p->ip4.header_len))) == 0;
}

/* What of the transport the checksum covers: a UDP header may say less than what is there. */
static struct bytes covered(const struct packet *p)
{
	if (p->is_udp && p->transport.len >= 8)
		return bytes_slice(p->transport, 0, load_be16(p->transport.data + 4));
	return p->transport;
}

bool packet_checksum_transport_ok(const struct packet *p)
{
	if ((p->flags & (PACKET_FRAGMENT | PACKET_PSEUDO)) || !p->transport.len)
		return true;
	struct bytes b = covered(p);
	if (p->is_icmp)
		return checksum_fold(checksum_add(0, b)) == 0;
	if (p->is_udp && b.len >= 8 && p->ip_version == 4 && load_be16(b.data + 6) == 0)
		return true;
	if (!p->is_tcp && !p->is_udp && !p->is_icmp6)
		return true;
	uint64_t sum = checksum_pseudo(&p->src, &p->dst, p->proto, (uint32_t)b.len);
	return checksum_fold(checksum_add(sum, b)) == 0;
}
