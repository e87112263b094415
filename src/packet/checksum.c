// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Internet checksums (RFC 1071). The ones' complement sum does not care about the width of the words: 32 bits at a time,
 * with the carries added back in the end, give the same sum as 16 bits at a time.
 */
#include "packet/checksum.h"

/* Built twice, the loader picks; not under sanitizers, which are not ready yet when it does. */
#if defined(__x86_64__) && defined(__gnu_linux__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(__clang__)
#define FOR_WIDE_CPUS __attribute__((target_clones("avx2", "default"), optimize("O3")))
#else
#define FOR_WIDE_CPUS
#endif

static uint64_t add_carry(uint64_t a, uint64_t b)
{
	uint64_t s;
	return __builtin_add_overflow(a, b, &s) ? s + 1 : s;
}

/* Words of 32 bits into sums of 64 have no carry to look at, so the compiler can take several at a time. */
FOR_WIDE_CPUS
static uint64_t add_words(const uint8_t *p, size_t n_words)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < n_words; i++) {
		uint32_t word;
		memcpy(&word, p + 4 * i, sizeof word);
		sum += word;
	}
	return sum;
}

uint64_t checksum_add(uint64_t sum, struct bytes b)
{
	size_t n_words = b.len / 4, rest = b.len % 4;
	if (n_words)
		sum = add_carry(sum, add_words(b.data, n_words));
	if (rest) {
		uint32_t tail = 0;
		memcpy(&tail, b.data + 4 * n_words, rest);
		sum = add_carry(sum, tail);
	}
	return sum;
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
	if ((p->flags & (PACKET_FRAGMENT | PACKET_PSEUDO | PACKET_TRUNCATED)) || !p->transport.len)
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
