// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sends packets that mean harm from the client of a lab through the gateway: storm DEVICE COUNT SEED FILE...
 *
 * Both families; TCP with any flags, options and numbers, UDP, ICMP, tunnels and other protocols; options, chains of extension headers, fragments that
 * overlap or lack a piece; lengths that lie, cuts, flipped bits. Most have the headers and checksums that the gateway's kernel insists on, the rest ends there.
 * Data are pieces of the FILEs. One seed, one storm. With a descriptor 9 open on /proc/net/netfilter/nfnetlink_queue of the gateway it waits while much waits
 * there. Prints what was sent.
 */
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"
#include "packet/checksum.h"

enum {
	BATCH = 32,
	FRAME = 1514,
	LINK = 14,
	IP_MOST = FRAME - LINK,
	PORTS = 256,
	HOSTS = 8, /* 10.23.1.48 to .55 talk to 198.51.100.48 to .55, and fd23:1::30 to ::37 to 2001:db8:2::30 to ::37 */
	FIRST_HOST = 48,
	WAITING_MOST = 512,
};

static struct storm {
	uint64_t random;
	int fd;
	struct mmsghdr message[BATCH];
	struct iovec vector[BATCH];
	uint8_t frame[BATCH][FRAME];
	unsigned n;
	uint8_t link[LINK - 2]; /* gateway's address, ours */
	struct bytes seed[128];
	unsigned n_seeds;
	uint32_t next[2][HOSTS][PORTS]; /* sequence numbers, so that some of the data is in order */
	unsigned long sent, left, refused, fragments, tcp, udp, icmp, other;
} storm;

/* What is being made: an IP packet. */
struct making {
	uint8_t b[IP_MOST];
	size_t len, l4; /* where the transport begins */
	bool six;
	uint8_t proto; /* of the transport */
	struct address src, dst;
};

static uint32_t any(uint32_t below)
{
	storm.random ^= storm.random << 13;
	storm.random ^= storm.random >> 7;
	storm.random ^= storm.random << 17;
	return (uint32_t)((storm.random * 0x2545f4914f6cdd1d) >> 32) % below;
}

static bool one_of(uint32_t n)
{
	return any(n) == 0;
}

static void put(struct making *m, const void *data, size_t len)
{
	if (len > IP_MOST - m->len)
		len = IP_MOST - m->len;
	memcpy(m->b + m->len, data, len);
	m->len += len;
}

static void put8(struct making *m, unsigned v)
{
	put(m, &(uint8_t){(uint8_t)v}, 1);
}

static void put16(struct making *m, unsigned v)
{
	uint8_t b[2];
	store_be16(b, (uint16_t)v);
	put(m, b, 2);
}

static void put32(struct making *m, uint32_t v)
{
	uint8_t b[4];
	store_be32(b, v);
	put(m, b, 4);
}

static void put_noise(struct making *m, size_t len)
{
	while (len--)
		put8(m, any(256));
}

static void put_data(struct making *m)
{
	if (one_of(8)) {
		put_noise(m, any(200));
		return;
	}
	struct bytes b = storm.seed[any(storm.n_seeds)];
	size_t from = one_of(3) ? any((uint32_t)b.len) : 0;
	b = bytes_slice(b, from, one_of(3) ? any(1400) : 1400);
	put(m, b.data, b.len);
}

/* ---- transports ---- */

/* Kind, length, value, again and again; some lengths lie. TCP, IPv4 and IPv6's options look alike. */
static void put_options(struct making *m, size_t room)
{
	size_t end = m->len + room;
	while (m->len < end) {
		size_t left = end - m->len;
		if (left < 2 || one_of(4)) {
			put8(m, any(2));
			continue;
		}
		size_t len = 2 + any((uint32_t)(left - 1 < 10 ? left - 1 : 10));
		put8(m, any(one_of(2) ? 256 : 35));
		put8(m, (unsigned)(one_of(8) ? any(256) : len));
		put_noise(m, len - 2);
	}
}

static void put_tcp(struct making *m, unsigned host, unsigned port)
{
	static const uint16_t service[] = {21, 22, 25, 53, 88, 110, 143, 389, 443, 445, 502, 1883, 2049, 3389, 5060, 8080};
	static const uint8_t usual[] = {0x02, 0x10, 0x18, 0x18, 0x18, 0x11, 0x04, 0x12};
	uint32_t *next = &storm.next[m->six][host][port];
	size_t options = 4u * (one_of(3) ? any(11) : 0);
	put16(m, 20000 + port);
	put16(m, service[port % 16]);
	put32(m, one_of(4) ? *next - 200 + any(400) : *next);
	put32(m, one_of(4) ? any(UINT32_MAX) : 1000);
	put8(m, (unsigned)(5 + options / 4) << 4 | (one_of(16) ? any(16) : 0));
	put8(m, one_of(4) ? any(256) : usual[any(sizeof usual)]);
	put16(m, one_of(4) ? any(65536) : 65535);
	put32(m, one_of(16) ? any(65536) : 0);
	put_options(m, options);
	size_t before = m->len;
	if (!one_of(4))
		put_data(m);
	*next += (uint32_t)(m->len - before);
}

static void put_udp(struct making *m, unsigned port)
{
	static const uint16_t service[] = {53, 67, 69, 88, 123, 137, 161, 443, 500, 1194, 1701, 3544, 4789, 5060, 5353, 6081};
	size_t at = m->len;
	put16(m, 20000 + port);
	put16(m, service[port % 16]);
	put32(m, 0);
	put_data(m);
	store_be16(m->b + at + 4, (uint16_t)(one_of(8) ? any(65536) : m->len - at));
}

static void put_icmp(struct making *m)
{
	put8(m, one_of(2) ? any(256) : m->six ? 128 + any(10) : any(19));
	put8(m, any(one_of(2) ? 256 : 16));
	put16(m, 0);
	put32(m, any(64));
	if (!one_of(2)) {
		put_data(m);
		return;
	}
	/* a packet within, as errors carry one */
	put8(m, m->six ? 0x60 : 0x40 | (one_of(4) ? any(16) : 5));
	put_noise(m, 5);
	put8(m, 6);
	put_noise(m, any(60));
}

/* Headers of tunnels in front of an IP header that may be one. */
static void put_inner(struct making *m)
{
	bool six = one_of(2);
	put8(m, six ? 0x60 : 0x45);
	put8(m, 0);
	put16(m, six ? 0 : any(200));
	put32(m, any(1 << 16));
	put8(m, six ? 17 : 64);
	put8(m, six ? 64 : 6);
	put_noise(m, (size_t)(six ? 32 : 10) + any(40));
	put_data(m);
}

static void put_gre(struct making *m)
{
	static const uint16_t type[] = {0x0800, 0x86dd, 0x880b, 0x6558, 0x88be, 0x8100, 0x8847, 0x8864};
	put16(m, one_of(2) ? any(65536) : any(16) << 12);
	put16(m, type[any(8)]);
	put_noise(m, 4u * any(5));
	put_inner(m);
}

static void put_sctp(struct making *m, unsigned port)
{
	put16(m, 20000 + port);
	put16(m, 36412);
	put32(m, any(8));
	put32(m, 0);
	for (unsigned n = any(6); n; n--) {
		put8(m, any(20));
		put8(m, any(256));
		put16(m, any(one_of(2) ? 65536 : 64));
		put_noise(m, any(64));
	}
}

static void put_transport(struct making *m, unsigned host)
{
	unsigned port = any(PORTS);
	m->l4 = m->len;
	switch (m->proto) {
	case PROTO_TCP: put_tcp(m, host, port); break;
	case PROTO_UDP: put_udp(m, port); break;
	case 1:
	case 58: put_icmp(m); break;
	case 4:
	case 41: put_inner(m); break;
	case 47: put_gre(m); break;
	case 132: put_sctp(m, port); break;
	default: put_noise(m, any(100)); break;
	}
}

static uint8_t any_proto(bool six)
{
	static const uint8_t some[] = {4, 41, 47, 50, 51, 132, 136, 59, 2, 89};
	uint32_t n = any(32);
	if (n < 14)
		storm.tcp++;
	else if (n < 23)
		storm.udp++;
	else if (n < 27)
		storm.icmp++;
	else
		storm.other++;
	return n < 14 ? PROTO_TCP : n < 23 ? PROTO_UDP : n < 27 ? (six ? 58 : 1) : n < 31 ? some[any(sizeof some)] : (uint8_t)any(256);
}

/* ---- IP ---- */

static void begin_ip4(struct making *m, unsigned host)
{
	size_t options = one_of(12) ? 4u * any(11) : 0;
	put8(m, 0x45 + (unsigned)options / 4);
	put8(m, one_of(8) ? any(256) : 0);
	put32(m, any(65536)); /* the length comes later */
	put16(m, one_of(2) ? 0x4000 : 0);
	put8(m, one_of(32) ? any(3) : 64);
	put8(m, m->proto);
	put16(m, 0);
	put32(m, 0x0a170130 + host);
	put32(m, 0xc6336430 + host);
	put_options(m, options);
	m->src = (struct address){.family = 4};
	m->dst = m->src;
	memcpy(m->src.byte, m->b + 12, 4);
	memcpy(m->dst.byte, m->b + 16, 4);
}

static void put_extension(struct making *m, uint8_t kind, uint8_t next)
{
	size_t len = kind == 44 ? 0 : any(4);
	put8(m, next);
	put8(m, (unsigned)(kind == 51 ? 2 * len + 2 : kind == 44 ? any(256) : one_of(16) ? any(256) : len));
	if (kind == 0 || kind == 60) {
		put_options(m, 6 + 8 * len);
	} else if (kind == 44) {
		put16(m, one_of(2) ? any(65536) : 0); /* offset and more, an "atomic" one half of the time */
		put32(m, any(64));
	} else {
		put_noise(m, (kind == 51 ? 14u : 6u) + 8 * len);
	}
}

static void begin_ip6(struct making *m, unsigned host)
{
	static const uint8_t kinds[] = {0, 60, 43, 51, 60, 44, 135, 139, 140};
	uint8_t chain[8];
	unsigned n = one_of(6) ? any(8) : 0;
	for (unsigned i = 0; i < n; i++)
		chain[i] = kinds[any(sizeof kinds)];
	put32(m, 0x60000000 | (one_of(4) ? any(1 << 28) : 0));
	put16(m, 0);
	put8(m, n ? chain[0] : m->proto);
	put8(m, one_of(32) ? any(3) : 64);
	inet_pton(AF_INET6, "fd23:1::30", m->src.byte);
	inet_pton(AF_INET6, "2001:db8:2::30", m->dst.byte);
	m->src.byte[15] = (uint8_t)(FIRST_HOST + host);
	m->dst.byte[15] = (uint8_t)(FIRST_HOST + host);
	m->src.family = m->dst.family = 6;
	put(m, m->src.byte, 16);
	put(m, m->dst.byte, 16);
	for (unsigned i = 0; i < n; i++)
		put_extension(m, chain[i], i + 1 < n ? chain[i + 1] : m->proto);
}

/* ---- harm ---- */

static void hurt(struct making *m)
{
	if (one_of(6) && m->len > m->l4)
		m->len = m->l4 + any((uint32_t)(m->len - m->l4 + 1));
	if (one_of(3) && m->len > m->l4)
		for (unsigned n = 1 + any(4); n; n--)
			m->b[m->l4 + any((uint32_t)(m->len - m->l4))] ^= (uint8_t)(1u << any(8));
	if (one_of(12) && m->proto == PROTO_TCP && m->len > m->l4 + 13)
		m->b[m->l4 + 12] = (uint8_t)any(256);
}

static void fill_transport_checksum(const struct making *m, uint8_t *b, size_t len)
{
	static const struct {
		uint8_t proto, at;
	} field[] = {{PROTO_TCP, 16}, {PROTO_UDP, 6}, {58, 2}, {1, 2}};
	for (size_t i = 0; i < sizeof field / sizeof *field; i++) {
		if (field[i].proto != m->proto || len < m->l4 + field[i].at + 2)
			continue;
		uint8_t *sum = b + m->l4 + field[i].at;
		memset(sum, 0, 2);
		uint64_t n = m->proto == 1 ? 0 : checksum_pseudo(&m->src, &m->dst, m->proto, (uint32_t)(len - m->l4));
		uint16_t value = checksum_fold(checksum_add(n, bytes_of(b + m->l4, len - m->l4)));
		memcpy(sum, &value, 2);
	}
}

static void fill_ip4_checksum(uint8_t *b, size_t len)
{
	size_t head = (size_t)(b[0] & 15) * 4;
	memset(b + 10, 0, 2);
	uint16_t value = checksum_fold(checksum_add(0, bytes_slice(bytes_of(b, len), 0, head)));
	memcpy(b + 10, &value, 2);
}

/* Lengths and checksums as they should be, but for some. */
static void finish_ip(struct making *m)
{
	size_t len = one_of(40) ? any((uint32_t)m->len + 40) : m->len;
	if (!one_of(16))
		fill_transport_checksum(m, m->b, m->len);
	if (m->six) {
		store_be16(m->b + 4, (uint16_t)(len > 40 ? len - 40 : 0));
	} else {
		store_be16(m->b + 2, (uint16_t)len);
		if (one_of(60))
			m->b[any(20)] ^= (uint8_t)(1u << any(8));
		if (!one_of(60))
			fill_ip4_checksum(m->b, m->len);
	}
}

/* ---- sending ---- */

static unsigned long waiting(void)
{
	char text[4096];
	ssize_t len = pread(9, text, sizeof text - 1, 0);
	unsigned long sum = 0, n;
	if (len <= 0)
		return 0;
	text[len] = '\0';
	for (const char *line = text; line && *line; line = strchr(line, '\n'), line += line != NULL)
		if (sscanf(line, "%*u %*d %lu", &n) == 1)
			sum += n;
	return sum;
}

static void send_batch(void)
{
	while (waiting() > WAITING_MOST)
		usleep(500);
	for (unsigned done = 0; done < storm.n;) {
		int r = sendmmsg(storm.fd, storm.message + done, storm.n - done, 0);
		storm.sent += r > 0 ? (unsigned)r : 0;
		storm.refused += r <= 0;
		done += r > 0 ? (unsigned)r : 1;
	}
	storm.n = 0;
}

static void send_packet(const uint8_t *b, size_t len, bool six)
{
	uint8_t *f = storm.frame[storm.n];
	memcpy(f, storm.link, sizeof storm.link);
	store_be16(f + 12, six ? ETHERTYPE_IPV6 : ETHERTYPE_IP);
	memcpy(f + LINK, b, len);
	storm.vector[storm.n].iov_len = LINK + len;
	storm.n++;
	storm.left--;
	if (storm.n == BATCH || !storm.left)
		send_batch();
}

/* A piece of the transport, from and to bytes behind it, in front of it the header again. */
static void send_piece(const struct making *m, size_t from, size_t to, uint32_t id, bool more)
{
	struct making p = {.six = m->six};
	put(&p, m->b, m->six ? 40 : (size_t)(m->b[0] & 15) * 4);
	if (m->six) {
		p.b[6] = 44;
		put8(&p, m->proto);
		put8(&p, 0);
		put16(&p, (unsigned)from | more);
		put32(&p, id);
	}
	put(&p, m->b + m->l4 + from, to - from);
	if (m->six) {
		store_be16(p.b + 4, (uint16_t)(p.len - 40));
	} else {
		store_be16(p.b + 2, (uint16_t)p.len);
		store_be16(p.b + 4, (uint16_t)id);
		store_be16(p.b + 6, (uint16_t)(from / 8 | (more ? 0x2000u : 0u)));
		fill_ip4_checksum(p.b, p.len);
	}
	storm.fragments++;
	send_packet(p.b, p.len, m->six);
}

/* In eights, some overlapping, twice, too late or not at all; ids repeat. */
static void send_fragments(struct making *m)
{
	uint32_t id = any(2048);
	size_t all = m->len - m->l4;
	for (size_t from = 0; from < all && storm.left;) {
		size_t to = from + 8u * (1 + any(40));
		bool last = to >= all;
		if (last)
			to = all;
		if (!one_of(16))
			send_piece(m, from, to, id, !last);
		if (one_of(8) && storm.left)
			send_piece(m, from / 16 * 8, to, id, one_of(2));
		from = to;
	}
}

static void make_and_send(void)
{
	unsigned host = any(HOSTS);
	struct making m = {.six = one_of(2)};
	m.proto = any_proto(m.six);
	if (m.six)
		begin_ip6(&m, host);
	else
		begin_ip4(&m, host);
	bool plain = m.six ? m.len == 40 : true;
	put_transport(&m, host);
	if (!one_of(3))
		hurt(&m);
	finish_ip(&m);
	if (plain && one_of(12) && m.len - m.l4 > 16)
		send_fragments(&m);
	else
		send_packet(m.b, m.len, m.six);
}

/* ---- beginning ---- */

static int fail(const char *what)
{
	perror(what);
	return 1;
}

static void read_seed(const char *path)
{
	uint8_t *b = xmalloc(1 << 16);
	FILE *f = fopen(path, "re");
	size_t len = f ? fread(b, 1, 1 << 16, f) : 0;
	if (f)
		fclose(f);
	if (len && storm.n_seeds < sizeof storm.seed / sizeof *storm.seed)
		storm.seed[storm.n_seeds++] = bytes_of(b, len);
	else
		free(b);
}

/* The gateway is the one neighbour that we have. */
static bool read_gateway(const char *device)
{
	char line[256], address[64], name[32];
	bool found = false;
	FILE *f = fopen("/proc/net/arp", "re");
	while (f && !found && fgets(line, sizeof line, f)) {
		unsigned b[6];
		found = sscanf(line, "%*s %*s %*s %63s %*s %31s", address, name) == 2 && strcmp(name, device) == 0 &&
			sscanf(address, "%x:%x:%x:%x:%x:%x", b, b + 1, b + 2, b + 3, b + 4, b + 5) == 6;
		for (int i = 0; found && i < 6; i++)
			storm.link[i] = (uint8_t)b[i];
	}
	if (f)
		fclose(f);
	return found;
}

static int open_device(const char *device)
{
	struct ifreq r = {0};
	snprintf(r.ifr_name, sizeof r.ifr_name, "%s", device);
	storm.fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (storm.fd < 0 || ioctl(storm.fd, SIOCGIFHWADDR, &r) < 0)
		return -1;
	memcpy(storm.link + 6, r.ifr_hwaddr.sa_data, 6);
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(device)};
	return bind(storm.fd, (void *)&to, sizeof to);
}

int main(int argc, char **argv)
{
	if (argc < 5 || !strtoull(argv[3], NULL, 10)) {
		fprintf(stderr, "usage: storm DEVICE COUNT SEED FILE...\n");
		return 2;
	}
	storm.left = strtoul(argv[2], NULL, 10);
	storm.random = strtoull(argv[3], NULL, 10);
	for (int i = 4; i < argc; i++)
		read_seed(argv[i]);
	if (!storm.n_seeds || open_device(argv[1]) < 0)
		return fail(argv[1]);
	if (!read_gateway(argv[1])) {
		fprintf(stderr, "storm: the gateway's address is not known yet\n");
		return 1;
	}
	for (unsigned i = 0; i < BATCH; i++) {
		storm.vector[i].iov_base = storm.frame[i];
		storm.message[i].msg_hdr = (struct msghdr){.msg_iov = &storm.vector[i], .msg_iovlen = 1};
	}
	while (storm.left)
		make_and_send();
	printf("%lu sent, %lu refused; of these %lu fragments; made of %lu TCP, %lu UDP, %lu ICMP, %lu others\n", storm.sent, storm.refused, storm.fragments,
	       storm.tcp, storm.udp, storm.icmp, storm.other);
	return storm.refused ? 1 : 0;
}
