// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "gateway/reject.h"

/* Over a header with a right checksum in it the sum of all words is 0xffff (RFC 1071). */
static uint16_t ones_sum(const uint8_t *p, size_t len, uint32_t start)
{
	uint64_t sum = start;
	for (size_t i = 0; i < len; i++)
		sum += (uint64_t)p[i] << (i % 2 ? 0 : 8);
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static uint32_t pseudo4(const uint8_t *ip, uint8_t proto, size_t len)
{
	return ones_sum(ip + 12, 8, proto + (uint32_t)len);
}

static uint32_t pseudo6(const uint8_t *ip, uint8_t proto, size_t len)
{
	return ones_sum(ip + 8, 32, proto + (uint32_t)len);
}

static struct packet tcp_packet(uint8_t *ip, unsigned flags)
{
	memset(ip, 0, 45);
	ip[0] = 0x45;
	struct packet p = {.ip_version = 4, .proto = PROTO_TCP, .is_tcp = true, .sport = 40000, .dport = 80, .ip = {ip, 45}, .payload = {ip + 40, 5}};
	p.src = (struct address){4, {10, 0, 0, 1}};
	p.dst = (struct address){4, {10, 0, 0, 2}};
	p.tcp = (struct tcp_layer){.seq = 1000, .ack = 5000, .flags = (uint8_t)flags};
	return p;
}

static void reset_to_the_sender(void **state)
{
	(void)state;
	uint8_t ip[45], out[REJECT_ROOM];
	struct packet p = tcp_packet(ip, TCP_ACK | TCP_PSH);
	assert_int_equal(reject_build(&p, REJECT_TO_SOURCE, NULL, out), 40);
	assert_int_equal(out[0], 0x45);
	assert_memory_equal(out + 12, ((uint8_t[]){10, 0, 0, 2, 10, 0, 0, 1}), 8);
	assert_int_equal(load_be16(out + 20), 80);
	assert_int_equal(load_be16(out + 22), 40000);
	assert_int_equal(load_be32(out + 24), 5000);
	assert_int_equal(load_be32(out + 28), 1005);
	assert_int_equal(out[33], TCP_RST | TCP_ACK);
	assert_int_equal(ones_sum(out, 20, 0), 0xffff);
	assert_int_equal(ones_sum(out + 20, 20, pseudo4(out, PROTO_TCP, 20)), 0xffff);
	/* a SYN is acknowledged from sequence number zero */
	p = tcp_packet(ip, TCP_SYN);
	p.payload.len = 0;
	assert_int_equal(reject_build(&p, REJECT_TO_SOURCE, NULL, out), 40);
	assert_int_equal(load_be32(out + 24), 0);
	assert_int_equal(load_be32(out + 28), 1001);
	/* no answer to a reset */
	p = tcp_packet(ip, TCP_RST);
	assert_int_equal(reject_build(&p, REJECT_TO_SOURCE, NULL, out), 0);
}

static void reset_to_the_receiver(void **state)
{
	(void)state;
	uint8_t ip[45], out[REJECT_ROOM];
	struct packet p = tcp_packet(ip, TCP_ACK);
	assert_int_equal(reject_build(&p, REJECT_TO_DESTINATION, NULL, out), 40);
	assert_memory_equal(out + 12, ((uint8_t[]){10, 0, 0, 1, 10, 0, 0, 2}), 8);
	assert_int_equal(load_be16(out + 20), 40000);
	assert_int_equal(load_be32(out + 24), 1000);
	assert_int_equal(load_be32(out + 28), 5000);
	assert_int_equal(ones_sum(out + 20, 20, pseudo4(out, PROTO_TCP, 20)), 0xffff);
}

static struct packet udp6_packet(uint8_t ip[1500], size_t len)
{
	memset(ip, 0xab, 1500);
	memset(ip, 0, 48);
	ip[0] = 0x60;
	ip[6] = PROTO_UDP;
	struct packet p = {.ip_version = 6, .proto = PROTO_UDP, .is_udp = true, .sport = 1234, .dport = 53, .ip = {ip, len}, .transport = {ip + 40, len - 40}};
	p.src = (struct address){6, {0xfd, [15] = 1}};
	p.dst = (struct address){6, {0xfd, [15] = 2}};
	memcpy(ip + 8, p.src.byte, 16);
	memcpy(ip + 24, p.dst.byte, 16);
	store_be16(ip + 40, 1234);
	store_be16(ip + 42, 53);
	return p;
}

static void unreachable_in_ipv6(void **state)
{
	(void)state;
	uint8_t ip[1500], out[REJECT_ROOM];
	struct packet p = udp6_packet(ip, 101);
	size_t len = reject_build(&p, REJECT_TO_SOURCE, NULL, out);
	assert_int_equal(len, 40 + 8 + 101);
	assert_int_equal(load_be16(out + 4), 8 + 101);
	assert_int_equal(out[6], PROTO_ICMPV6);
	assert_int_equal(out[40], 1);
	assert_int_equal(out[41], 4);
	assert_memory_equal(out + 48, ip, 101);
	assert_int_equal(ones_sum(out + 40, len - 40, pseudo6(out, PROTO_ICMPV6, len - 40)), 0xffff);
	/* never above the least MTU (RFC 4443 2.4 c) */
	p = udp6_packet(ip, 1500);
	assert_int_equal(reject_build(&p, REJECT_TO_SOURCE, NULL, out), 1280);
	/* the receiver is told of a packet as if it had sent it */
	p = udp6_packet(ip, 60);
	assert_true(reject_build(&p, REJECT_TO_DESTINATION, NULL, out) > 0);
	assert_memory_equal(out + 48 + 8, p.dst.byte, 16);
	assert_memory_equal(out + 48 + 24, p.src.byte, 16);
	assert_int_equal(load_be16(out + 48 + 40), 53);
	assert_int_equal(load_be16(out + 48 + 42), 1234);
}

/* Each end hears of the packet as it knows it, not as NAT makes it look in the hook. */
static void names_behind_nat(void **state)
{
	(void)state;
	uint8_t ip[45], out[REJECT_ROOM];
	struct packet p = tcp_packet(ip, TCP_ACK | TCP_PSH);
	const struct reject_names client = {.src = {4, {10, 0, 0, 1}}, .dst = {4, {192, 0, 2, 9}}, .sport = 40000, .dport = 8080};
	assert_int_equal(reject_build(&p, REJECT_TO_SOURCE, &client, out), 40);
	assert_memory_equal(out + 12, ((uint8_t[]){192, 0, 2, 9, 10, 0, 0, 1}), 8);
	assert_int_equal(load_be16(out + 20), 8080);
	assert_int_equal(load_be16(out + 22), 40000);
	assert_int_equal(ones_sum(out + 20, 20, pseudo4(out, PROTO_TCP, 20)), 0xffff);
	const struct reject_names server = {.src = {4, {10, 0, 0, 254}}, .dst = {4, {10, 0, 0, 2}}, .sport = 61000, .dport = 80};
	assert_int_equal(reject_build(&p, REJECT_TO_DESTINATION, &server, out), 40);
	assert_memory_equal(out + 12, ((uint8_t[]){10, 0, 0, 254, 10, 0, 0, 2}), 8);
	assert_int_equal(load_be16(out + 20), 61000);
	assert_int_equal(load_be32(out + 24), 1000);

	/* a datagram is quoted as it was sent, its header's checksum included */
	uint8_t datagram[60] = {0x45, [3] = 60, [8] = 64, [9] = PROTO_UDP, [12] = 10, [15] = 1, [16] = 10, [19] = 2};
	store_be16(datagram + 20, 40000);
	store_be16(datagram + 22, 80);
	p = (struct packet){.ip_version = 4, .proto = PROTO_UDP, .is_udp = true, .src = p.src, .dst = p.dst, .sport = 40000, .dport = 80,
			    .ip = {datagram, sizeof datagram}, .transport = {datagram + 20, 40}};
	assert_int_equal(reject_build(&p, REJECT_TO_SOURCE, &client, out), 20 + 8 + 60);
	assert_memory_equal(out + 12, ((uint8_t[]){192, 0, 2, 9, 10, 0, 0, 1}), 8);
	assert_memory_equal(out + 28 + 12, ((uint8_t[]){10, 0, 0, 1, 192, 0, 2, 9}), 8);
	assert_int_equal(load_be16(out + 28 + 20), 40000);
	assert_int_equal(load_be16(out + 28 + 22), 8080);
	assert_int_equal(ones_sum(out + 28, 20, 0), 0xffff);
	assert_int_equal(reject_build(&p, REJECT_TO_DESTINATION, &server, out), 20 + 8 + 60);
	assert_memory_equal(out + 28 + 12, ((uint8_t[]){10, 0, 0, 2, 10, 0, 0, 254}), 8);
	assert_int_equal(load_be16(out + 28 + 20), 80);
	assert_int_equal(load_be16(out + 28 + 22), 61000);
}

static void no_answer_where_none_is_due(void **state)
{
	(void)state;
	uint8_t ip[1500], out[REJECT_ROOM];
	struct packet p = udp6_packet(ip, 101);
	p.dst.byte[0] = 0xff;
	assert_int_equal(reject_build(&p, REJECT_TO_SOURCE, NULL, out), 0);
	p = udp6_packet(ip, 101);
	p.flags |= PACKET_FRAGMENT;
	assert_int_equal(reject_build(&p, REJECT_TO_SOURCE, NULL, out), 0);
	p = udp6_packet(ip, 101);
	p.is_udp = false;
	p.is_icmp6 = true;
	p.icmp.type = 1;
	assert_int_equal(reject_build(&p, REJECT_TO_SOURCE, NULL, out), 0);
	p.icmp.type = 128;
	assert_int_not_equal(reject_build(&p, REJECT_TO_SOURCE, NULL, out), 0);
	p.recursion = 1;
	p.tunnel = TUNNEL_GRE;
	assert_int_equal(reject_build(&p, REJECT_TO_SOURCE, NULL, out), 0);
	struct packet none = {0};
	assert_int_equal(reject_build(&none, REJECT_TO_SOURCE, NULL, out), 0);
}

static void actions_name_their_ends(void **state)
{
	(void)state;
	assert_int_equal(reject_whom(ACTION_REJECT | ACTION_DROP), REJECT_TO_SOURCE);
	assert_int_equal(reject_whom(ACTION_REJECT_DST), REJECT_TO_DESTINATION);
	assert_int_equal(reject_whom(ACTION_REJECT_BOTH), REJECT_TO_SOURCE | REJECT_TO_DESTINATION);
	assert_int_equal(reject_whom(ACTION_DROP), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reset_to_the_sender),
		cmocka_unit_test(reset_to_the_receiver),
		cmocka_unit_test(unreachable_in_ipv6),
		cmocka_unit_test(names_behind_nat),
		cmocka_unit_test(no_answer_where_none_is_due),
		cmocka_unit_test(actions_name_their_ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
