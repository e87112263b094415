// SPDX-License-Identifier: GPL-2.0-or-later
#include "gateway/reject.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"

enum {
	IP4_HEADER = 20, IP6_HEADER = 40, TCP_HEADER = 20, ICMP_HEADER = 8, UDP_PORTS = 4,
	QUOTE4 = 576 - IP4_HEADER - ICMP_HEADER, QUOTE6 = REJECT_ROOM - IP6_HEADER - ICMP_HEADER,
	TTL = 64, MAX_WAITING = 64,
	ICMP4_UNREACHABLE = 3, ICMP4_PORT = 3, ICMP4_PROHIBITED = 13,
	ICMP6_UNREACHABLE = 1, ICMP6_PORT = 4, ICMP6_PROHIBITED = 1, ICMP6_FIRST_INFORMATIONAL = 128,
};

struct reject_answer {
	struct address to;
	size_t len;
	uint8_t bytes[REJECT_ROOM];
};

unsigned reject_whom(unsigned action)
{
	unsigned whom = 0;
	if (action & (ACTION_REJECT | ACTION_REJECT_BOTH))
		whom |= REJECT_TO_SOURCE;
	if (action & (ACTION_REJECT_DST | ACTION_REJECT_BOTH))
		whom |= REJECT_TO_DESTINATION;
	return whom;
}

/* ---- checksums (RFC 1071) ---- */

static uint32_t sum_add(uint32_t sum, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i + 1 < len; i += 2)
		sum += load_be16(p + i);
	if (len & 1)
		sum += (uint32_t)p[len - 1] << 8;
	return sum;
}

static uint16_t sum_fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* With the pseudo header of either family. */
static uint16_t transport_sum(const struct address *src, const struct address *dst, uint8_t proto, const uint8_t *p, size_t len)
{
	uint32_t sum = sum_add(0, src->byte, address_len(src));
	sum = sum_add(sum, dst->byte, address_len(dst));
	sum += proto + (uint32_t)len;
	return sum_fold(sum_add(sum, p, len));
}

/* ---- headers ---- */

static size_t put_ip(uint8_t *out, const struct address *src, const struct address *dst, uint8_t proto, size_t payload_len)
{
	if (src->family == 6) {
		memset(out, 0, IP6_HEADER);
		out[0] = 0x60;
		store_be16(out + 4, (uint16_t)payload_len);
		out[6] = proto;
		out[7] = TTL;
		memcpy(out + 8, src->byte, 16);
		memcpy(out + 24, dst->byte, 16);
		return IP6_HEADER;
	}
	memset(out, 0, IP4_HEADER);
	out[0] = 0x45;
	store_be16(out + 2, (uint16_t)(IP4_HEADER + payload_len));
	out[6] = 0x40; /* don't fragment */
	out[8] = TTL;
	out[9] = proto;
	memcpy(out + 12, src->byte, 4);
	memcpy(out + 16, dst->byte, 4);
	store_be16(out + 10, sum_fold(sum_add(0, out, IP4_HEADER)));
	return IP4_HEADER;
}

static size_t header_len(const struct packet *p)
{
	return p->ip_version == 6 ? IP6_HEADER : IP4_HEADER;
}

/* RFC 9293 3.5.2 towards the sender; towards the receiver the numbers that the sender used, so that they lie in the window. */
static size_t build_reset(const struct packet *p, enum reject_to to, const struct reject_names *n, uint8_t *out)
{
	if (p->tcp.flags & TCP_RST)
		return 0;
	bool back = to == REJECT_TO_SOURCE;
	const struct address *src = back ? &n->dst : &n->src, *dst = back ? &n->src : &n->dst;
	bool has_ack = p->tcp.flags & TCP_ACK;
	uint32_t taken = (uint32_t)p->payload.len + !!(p->tcp.flags & TCP_SYN) + !!(p->tcp.flags & TCP_FIN);
	size_t at = put_ip(out, src, dst, PROTO_TCP, TCP_HEADER);
	uint8_t *t = out + at;
	memset(t, 0, TCP_HEADER);
	store_be16(t, back ? n->dport : n->sport);
	store_be16(t + 2, back ? n->sport : n->dport);
	if (back) {
		store_be32(t + 4, has_ack ? p->tcp.ack : 0);
		store_be32(t + 8, p->tcp.seq + taken);
	} else {
		store_be32(t + 4, p->tcp.seq);
		store_be32(t + 8, p->tcp.ack);
	}
	t[12] = TCP_HEADER / 4 << 4;
	t[13] = back || has_ack ? TCP_RST | TCP_ACK : TCP_RST;
	store_be16(t + 16, transport_sum(src, dst, PROTO_TCP, t, TCP_HEADER));
	return at + TCP_HEADER;
}

/*
 * What the error is about: the packet as the sender knows it; for the receiver, one as if it had sent it (addresses and ports turned), for
 * only then does its kernel find the socket.
 */
static size_t put_quote(const struct packet *p, enum reject_to to, const struct reject_names *n, uint8_t *out, size_t room)
{
	bool back = to == REJECT_TO_SOURCE;
	size_t len = p->ip.len < room ? p->ip.len : room;
	size_t at = p->ip_version == 6 ? 8 : 12, one = address_len(&p->src);
	if (len < at + 2 * one)
		return 0;
	memcpy(out, p->ip.data, len);
	memcpy(out + at, back ? n->src.byte : n->dst.byte, one);
	memcpy(out + at + one, back ? n->dst.byte : n->src.byte, one);
	size_t transport = p->transport.data ? (size_t)(p->transport.data - p->ip.data) : 0;
	if (p->ip_version == 4 && transport >= IP4_HEADER && transport <= len) {
		store_be16(out + 10, 0);
		store_be16(out + 10, sum_fold(sum_add(0, out, transport)));
	}
	if (p->is_udp && transport >= header_len(p) && transport + UDP_PORTS <= len) {
		store_be16(out + transport, back ? n->sport : n->dport);
		store_be16(out + transport + 2, back ? n->dport : n->sport);
	}
	return len;
}

static size_t build_unreachable(const struct packet *p, enum reject_to to, const struct reject_names *n, uint8_t *out)
{
	bool six = p->ip_version == 6, back = to == REJECT_TO_SOURCE;
	const struct address *src = back ? &n->dst : &n->src, *dst = back ? &n->src : &n->dst;
	size_t at = header_len(p);
	uint8_t *m = out + at;
	memset(m, 0, ICMP_HEADER);
	m[0] = six ? ICMP6_UNREACHABLE : ICMP4_UNREACHABLE;
	if (p->is_udp)
		m[1] = six ? ICMP6_PORT : ICMP4_PORT;
	else
		m[1] = six ? ICMP6_PROHIBITED : ICMP4_PROHIBITED;
	size_t quoted = put_quote(p, to, n, m + ICMP_HEADER, six ? QUOTE6 : QUOTE4);
	if (!quoted)
		return 0;
	size_t len = ICMP_HEADER + quoted;
	put_ip(out, src, dst, six ? PROTO_ICMPV6 : PROTO_ICMP, len);
	store_be16(m + 2, six ? transport_sum(src, dst, PROTO_ICMPV6, m, len) : sum_fold(sum_add(0, m, len)));
	return at + len;
}

static bool is_single_host(const struct address *a)
{
	if (a->family == 6)
		return a->byte[0] != 0xff;
	static const uint8_t none[4];
	return a->byte[0] < 224 && memcmp(a->byte, none, 4) != 0;
}

static bool is_icmp_error(const struct packet *p)
{
	static const uint64_t errors4 = 1u << 3 | 1u << 4 | 1u << 5 | 1u << 11 | 1u << 12;
	if (p->is_icmp)
		return p->icmp.type < 64 && errors4 >> p->icmp.type & 1;
	return p->is_icmp6 && p->icmp.type < ICMP6_FIRST_INFORMATIONAL;
}

size_t reject_build(const struct packet *p, enum reject_to to, const struct reject_names *names, uint8_t out[REJECT_ROOM])
{
	const struct reject_names seen = {p->src, p->dst, p->sport, p->dport}, *n = names ? names : &seen;
	bool carried = p->recursion && p->tunnel != TUNNEL_DEFRAG;
	if ((p->ip_version != 4 && p->ip_version != 6) || p->flags & (PACKET_PSEUDO | PACKET_INVALID) || carried)
		return 0;
	if (!is_single_host(&p->src) || !is_single_host(&p->dst) || is_icmp_error(p) || !p->ip.data)
		return 0;
	if (p->is_tcp)
		return build_reset(p, to, n, out);
	if (p->proto == PROTO_TCP || p->flags & PACKET_FRAGMENT)
		return 0;
	return build_unreachable(p, to, n, out);
}

/* ---- sending ---- */

static int open_raw(int family, uint32_t mark)
{
	int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW), on = 1;
	if (fd < 0)
		return -errno;
	int r = setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof mark);
	if (r == 0)
		r = family == AF_INET ? setsockopt(fd, IPPROTO_IP, IP_HDRINCL, &on, sizeof on) : 0;
	if (r == 0)
		return fd;
	r = -errno;
	close(fd);
	return r;
}

int reject_open(struct reject *r, uint32_t mark, struct error *error)
{
	*r = (struct reject){.fd4 = open_raw(AF_INET, mark), .fd6 = -1};
	if (r->fd4 < 0)
		return error_set(error, -r->fd4, "cannot open a raw socket for the answers of reject rules: %s (CAP_NET_RAW is needed)",
				 strerror(-r->fd4));
	r->fd6 = open_raw(AF_INET6, mark);
	r->waiting = xcalloc(MAX_WAITING, sizeof *r->waiting);
	return 0;
}

void reject_close(struct reject *r)
{
	if (r->fd4 >= 0)
		close(r->fd4);
	if (r->fd6 >= 0)
		close(r->fd6);
	r->fd4 = r->fd6 = -1;
	free(r->waiting);
	r->waiting = NULL;
}

static bool may_send(struct reject *r, usec_t now)
{
	if (now / USEC_PER_SEC != r->second) {
		r->second = now / USEC_PER_SEC;
		r->in_second = 0;
	}
	return r->in_second++ < REJECT_PER_SECOND;
}

static void send_answer(struct reject *r, const struct reject_answer *w)
{
	ssize_t sent;
	if (w->to.family == 4) {
		struct sockaddr_in a = {.sin_family = AF_INET};
		memcpy(&a.sin_addr, w->to.byte, 4);
		sent = sendto(r->fd4, w->bytes, w->len, 0, (struct sockaddr *)&a, sizeof a);
	} else {
		struct sockaddr_in6 a = {.sin6_family = AF_INET6};
		memcpy(&a.sin6_addr, w->to.byte, 16);
		sent = sendto(r->fd6, w->bytes, w->len, 0, (struct sockaddr *)&a, sizeof a);
	}
	if (sent < 0)
		r->failed++;
	else
		r->sent++;
}

void reject_flush(struct reject *r)
{
	for (unsigned i = 0; i < r->n_waiting; i++)
		send_answer(r, &r->waiting[i]);
	r->n_waiting = 0;
}

static void add_one(struct reject *r, const struct packet *p, enum reject_to to)
{
	if (!r->waiting)
		return; /* there was no permission for a socket */
	if (r->n_waiting == MAX_WAITING)
		reject_flush(r);
	struct reject_answer *w = &r->waiting[r->n_waiting];
	struct reject_names names = {.src = p->src, .dst = p->dst};
	w->len = reject_build(p, to, NULL, w->bytes);
	if (!w->len)
		return;
	if (!may_send(r, p->time)) {
		r->suppressed++;
		return;
	}
	if (r->names && r->names(r->names_context, p, to, &names))
		w->len = reject_build(p, to, &names, w->bytes);
	w->to = to == REJECT_TO_SOURCE ? names.src : names.dst;
	if (w->len)
		r->n_waiting++;
}

void reject_add(struct reject *r, const struct packet *p, unsigned whom)
{
	if (whom & REJECT_TO_SOURCE)
		add_one(r, p, REJECT_TO_SOURCE);
	if (whom & REJECT_TO_DESTINATION)
		add_one(r, p, REJECT_TO_DESTINATION);
}
