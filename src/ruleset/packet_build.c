// SPDX-License-Identifier: GPL-2.0-or-later
#include "packet/checksum.h"
#include "ruleset/packet_words.h"

#include <string.h>

enum { ETHERNET = 14, FIRST_PORT = 40000 };

static const uint8_t ether_host[2][6] = {{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}};

static struct address address_or(const struct address *a, uint8_t family, bool source)
{
	static const uint8_t v4[2][4] = {{198, 51, 100, 1}, {192, 0, 2, 1}};
	struct address out = *a;
	if (a->family)
		return out;
	out = (struct address){.family = family};
	if (family == 4)
		memcpy(out.byte, v4[source], 4);
	else
		memcpy(out.byte, source ? "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1" : "\x20\x01\x0d\xb8\0\1\0\0\0\0\0\0\0\0\0\1", 16);
	return out;
}

static size_t put_link(const struct packet_words *w, uint16_t type, uint8_t *out)
{
	memcpy(out, w->has_ether_dst ? w->ether_dst : ether_host[1], 6);
	memcpy(out + 6, w->has_ether_src ? w->ether_src : ether_host[0], 6);
	size_t at = 12;
	if (w->has_vlan) {
		store_be16(out + at, 0x8100);
		store_be16(out + at + 2, w->vlan);
		at += 4;
	}
	store_be16(out + at, type);
	return at + 2;
}

static size_t put_tcp(const struct packet_words *w, uint8_t *p)
{
	uint8_t flags = w->has_flags ? w->flags : TCP_SYN;
	store_be16(p, w->has_sport ? w->sport : FIRST_PORT);
	store_be16(p + 2, w->has_dport ? w->dport : 80);
	store_be32(p + 4, w->has_seq ? w->seq : 1000);
	store_be32(p + 8, w->has_ack ? w->ack : flags & TCP_ACK ? 1 : 0);
	p[13] = flags;
	store_be16(p + 14, w->has_window ? w->window : 64240);
	size_t len = 20;
	if (w->has_mss || (flags & TCP_SYN)) {
		p[20] = 2;
		p[21] = 4;
		store_be16(p + 22, w->has_mss ? w->mss : 1460);
		len = 24;
	}
	p[12] = (uint8_t)(len / 4 << 4);
	return len;
}

static size_t put_transport(const struct packet_words *w, uint8_t proto, uint8_t *p, size_t data)
{
	switch (proto) {
	case PROTO_TCP:
		return put_tcp(w, p);
	case PROTO_UDP:
	case 136:
		store_be16(p, w->has_sport ? w->sport : FIRST_PORT);
		store_be16(p + 2, w->has_dport ? w->dport : 53);
		store_be16(p + 4, (uint16_t)(8 + data));
		return 8;
	case PROTO_ICMP:
	case PROTO_ICMPV6:
		p[0] = w->has_type ? w->type : proto == PROTO_ICMP ? 8 : 128;
		p[1] = w->code;
		store_be16(p + 4, w->has_id ? w->id : 1);
		store_be16(p + 6, 1);
		return 8;
	case PROTO_SCTP:
	case 33:
		store_be16(p, w->has_sport ? w->sport : FIRST_PORT);
		store_be16(p + 2, w->has_dport ? w->dport : 80);
		return 12;
	default:
		return 0;
	}
}

static void put_checksum(uint8_t proto, const struct address *src, const struct address *dst, uint8_t *p, size_t len)
{
	size_t at = proto == PROTO_TCP ? 16 : proto == PROTO_UDP || proto == 136 ? 6 : proto == PROTO_ICMP || proto == PROTO_ICMPV6 ? 2 : 0;
	if (!at || len < at + 2)
		return;
	uint64_t sum = proto == PROTO_ICMP ? 0 : checksum_pseudo(src, dst, proto, (uint32_t)len);
	uint16_t fold = checksum_fold(checksum_add(sum, bytes_of(p, len)));
	if (!fold && proto == PROTO_UDP)
		fold = 0xffff;
	memcpy(p + at, &fold, 2);
}

static size_t put_ip(const struct packet_words *w, uint8_t family, uint8_t proto, const struct address *src, const struct address *dst, size_t len, uint8_t *p)
{
	if (family == 6) {
		store_be32(p, 6u << 28 | (uint32_t)w->tos << 20);
		store_be16(p + 4, (uint16_t)len);
		p[6] = proto;
		p[7] = w->has_ttl ? w->ttl : 64;
		memcpy(p + 8, src->byte, 16);
		memcpy(p + 24, dst->byte, 16);
		return 40;
	}
	p[0] = 0x45;
	p[1] = w->tos;
	store_be16(p + 2, (uint16_t)(20 + len));
	store_be16(p + 6, 0x4000);
	p[8] = w->has_ttl ? w->ttl : 64;
	p[9] = proto;
	memcpy(p + 12, src->byte, 4);
	memcpy(p + 16, dst->byte, 4);
	uint16_t fold = checksum_fold(checksum_add(0, bytes_of(p, 20)));
	memcpy(p + 10, &fold, 2);
	return 20;
}

static size_t build_arp(const struct packet_words *w, uint8_t *out)
{
	size_t at = put_link(w, 0x0806, out);
	struct address src = address_or(&w->src, 4, true), dst = address_or(&w->dst, 4, false);
	uint8_t *p = out + at;
	memcpy(p, "\0\1\x08\0\6\4\0\1", 8);
	p[7] = w->has_type ? w->type : 1;
	memcpy(p + 8, w->has_ether_src ? w->ether_src : ether_host[0], 6);
	memcpy(p + 14, src.byte, 4);
	memcpy(p + 24, dst.byte, 4);
	return at + 28;
}

static size_t build_raw(const struct packet_words *w, uint8_t *out)
{
	size_t at = w->kind == PACKET_WORDS_RAW ? put_link(w, w->raw[0] >> 4 == 6 ? 0x86dd : 0x0800, out) : 0;
	memcpy(out + at, w->raw, w->raw_len);
	return at + w->raw_len;
}

size_t packet_build_data(const struct packet_words *w, const void *data, size_t data_len, uint8_t *out, size_t room)
{
	enum { HEADERS = ETHERNET + 4 + 40 + 60 };
	uint8_t family = w->family ? w->family : w->proto == PROTO_ICMPV6 ? 6 : 4;
	uint8_t proto = w->has_proto ? w->proto : PROTO_TCP;
	size_t ip = family == 6 ? 40 : 20;
	if (room < HEADERS + data_len + w->raw_len + w->length)
		return 0;
	memset(out, 0, HEADERS + w->length);
	if (w->kind == PACKET_WORDS_ARP)
		return build_arp(w, out);
	if (w->kind == PACKET_WORDS_RAW || w->kind == PACKET_WORDS_FRAME)
		return build_raw(w, out);
	struct address src = address_or(&w->src, family, true), dst = address_or(&w->dst, family, false);
	size_t link = put_link(w, family == 6 ? 0x86dd : 0x0800, out);
	uint8_t *p = out + link + ip;
	size_t header = put_transport(w, proto, p, data_len);
	if (data_len)
		memcpy(p + header, data, data_len);
	size_t len = header + data_len;
	if (w->has_length && w->length > ip + len) {
		memset(p + len, 0, w->length - ip - len);
		len = w->length - ip;
		if (proto == PROTO_UDP)
			store_be16(p + 4, (uint16_t)len);
	}
	put_checksum(proto, &src, &dst, p, len);
	put_ip(w, family, proto, &src, &dst, len, out + link);
	return link + ip + len;
}

size_t packet_build(const struct packet_words *w, uint8_t *out, size_t room)
{
	return packet_build_data(w, NULL, 0, out, room);
}

enum { CLIENT = 1000, SERVER = 5000, QUESTION = 16, ANSWER = 32 };
#define DATA_QUESTION "GET / HTTP/1.0\r\n"
#define DATA_ANSWER "HTTP/1.0 200 OK\r\n\r\nhello, world\n"

static const struct packet_flow_step tcp_steps[] = {
	{"SYN", false, TCP_SYN, CLIENT, 0, NULL},
	{"SYN ACK", true, TCP_SYN | TCP_ACK, SERVER, CLIENT + 1, NULL},
	{"ACK", false, TCP_ACK, CLIENT + 1, SERVER + 1, NULL},
	{"data", false, TCP_PSH | TCP_ACK, CLIENT + 1, SERVER + 1, DATA_QUESTION},
	{"data", true, TCP_PSH | TCP_ACK, SERVER + 1, CLIENT + 1 + QUESTION, DATA_ANSWER},
	{"FIN", false, TCP_FIN | TCP_ACK, CLIENT + 1 + QUESTION, SERVER + 1 + ANSWER, NULL},
	{"FIN", true, TCP_FIN | TCP_ACK, SERVER + 1 + ANSWER, CLIENT + 2 + QUESTION, NULL},
	{"last ACK", false, TCP_ACK, CLIENT + 2 + QUESTION, SERVER + 2 + ANSWER, NULL},
}, udp_steps[] = {{"question", false, 0, 0, 0, DATA_QUESTION}, {"answer", true, 0, 0, 0, DATA_ANSWER}, {"question", false, 0, 0, 0, DATA_QUESTION}},
  echo_steps[] = {{"request", false, 0, 0, 0, NULL}, {"reply", true, 0, 0, 0, NULL}}, single_step[] = {{"packet", false, 0, 0, 0, NULL}};
_Static_assert(sizeof DATA_QUESTION - 1 == QUESTION && sizeof DATA_ANSWER - 1 == ANSWER, "the lengths are what the numbers count");

size_t packet_flow_steps(const struct packet_words *w, const struct packet_flow_step **out)
{
	uint8_t proto = w->has_proto ? w->proto : PROTO_TCP;
	bool echo = (proto == PROTO_ICMP && (!w->has_type || w->type == 8)) || (proto == PROTO_ICMPV6 && (!w->has_type || w->type == 128));
	if (w->kind != PACKET_WORDS_IP || (!echo && proto != PROTO_TCP && proto != PROTO_UDP)) {
		*out = single_step;
		return 1;
	}
	*out = proto == PROTO_TCP ? tcp_steps : proto == PROTO_UDP ? udp_steps : echo_steps;
	return proto == PROTO_TCP ? sizeof tcp_steps / sizeof *tcp_steps : proto == PROTO_UDP ? sizeof udp_steps / sizeof *udp_steps : sizeof echo_steps / sizeof *echo_steps;
}
