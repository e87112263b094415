// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <string.h>

#include "net/conntrack.h"

static _Alignas(8) char room[2048];

static struct nlmsghdr *message(void)
{
	memset(room, 0, sizeof room);
	struct nlmsghdr *m = mnl_nlmsg_put_header(room);
	mnl_nlmsg_put_extra_header(m, sizeof(struct nfgenmsg));
	return m;
}

static void put_tuple4(struct nlmsghdr *m, uint16_t kind, const char *src, const char *dst, uint16_t sport, uint16_t dport)
{
	struct nlattr *tuple = mnl_attr_nest_start(m, kind);
	struct nlattr *ip = mnl_attr_nest_start(m, CTA_TUPLE_IP);
	mnl_attr_put_u32(m, CTA_IP_V4_SRC, inet_addr(src));
	mnl_attr_put_u32(m, CTA_IP_V4_DST, inet_addr(dst));
	mnl_attr_nest_end(m, ip);
	struct nlattr *proto = mnl_attr_nest_start(m, CTA_TUPLE_PROTO);
	mnl_attr_put_u8(m, CTA_PROTO_NUM, 6);
	mnl_attr_put_u16(m, CTA_PROTO_SRC_PORT, htons(sport));
	mnl_attr_put_u16(m, CTA_PROTO_DST_PORT, htons(dport));
	mnl_attr_nest_end(m, proto);
	mnl_attr_nest_end(m, tuple);
}

static void put_state(struct nlmsghdr *m, uint8_t state)
{
	struct nlattr *info = mnl_attr_nest_start(m, CTA_PROTOINFO);
	struct nlattr *tcp = mnl_attr_nest_start(m, CTA_PROTOINFO_TCP);
	mnl_attr_put_u8(m, CTA_PROTOINFO_TCP_STATE, state);
	mnl_attr_nest_end(m, tcp);
	mnl_attr_nest_end(m, info);
}

/* 192.0.2.7 asks 203.0.113.1:8080, which is forwarded to 10.0.0.5:80 */
static struct nlmsghdr *forwarded(void)
{
	struct nlmsghdr *m = message();
	put_tuple4(m, CTA_TUPLE_ORIG, "192.0.2.7", "203.0.113.1", 40000, 8080);
	put_tuple4(m, CTA_TUPLE_REPLY, "10.0.0.5", "192.0.2.7", 80, 40000);
	mnl_attr_put_u32(m, CTA_MARK, htonl(0x00120134));
	mnl_attr_put_u32(m, CTA_TIMEOUT, htonl(431999));
	mnl_attr_put_u32(m, CTA_STATUS, htonl(0x18e)); /* seen reply, assured, confirmed, NATed */
	mnl_attr_put_u16(m, CTA_ZONE, htons(7));
	put_state(m, 3); /* ESTABLISHED */
	return m;
}

static void connection_is_read(void **state)
{
	(void)state;
	struct conntrack_flow f;
	char text[ADDRESS_TEXT];
	assert_true(conntrack_parse(forwarded(), &f));
	assert_string_equal(address_format_short(&f.original.src, text), "192.0.2.7");
	assert_string_equal(address_format_short(&f.original.dst, text), "203.0.113.1");
	assert_string_equal(address_format_short(&f.reply.src, text), "10.0.0.5");
	assert_int_equal(f.original.sport, 40000);
	assert_int_equal(f.original.dport, 8080);
	assert_int_equal(f.reply.sport, 80);
	assert_int_equal(f.original.proto, 6);
	assert_int_equal(f.mark, 0x00120134);
	assert_int_equal(f.timeout, 431999);
	assert_int_equal(f.zone, 7);
	assert_true(f.seen_reply && f.assured);
	assert_true(conntrack_established(&f));
}

static void established_is_between_handshake_and_end(void **state)
{
	(void)state;
	/* NONE, SYN_SENT, SYN_RECV, ESTABLISHED, FIN_WAIT, CLOSE_WAIT, LAST_ACK, TIME_WAIT, CLOSE, SYN_SENT2 */
	static const bool expected[] = {false, false, true, true, true, true, true, false, false, false};
	struct conntrack_flow f = {.original.proto = 6};
	for (unsigned i = 0; i < sizeof expected; i++) {
		f.tcp_state = (uint8_t)i;
		assert_int_equal(conntrack_established(&f), expected[i]);
	}
	f = (struct conntrack_flow){.original.proto = 17, .tcp_state = 3};
	assert_false(conntrack_established(&f));
}

static void what_is_cut_or_wrong_is_no_connection(void **state)
{
	(void)state;
	struct conntrack_flow f;
	struct nlmsghdr *m = forwarded();
	uint32_t whole = m->nlmsg_len;
	/* cut at any place: never more than the message is read, and half a pair of tuples is none */
	for (uint32_t len = NLMSG_HDRLEN; len < whole; len++) {
		m->nlmsg_len = len;
		(void)conntrack_parse(m, &f);
	}
	m->nlmsg_len = NLMSG_HDRLEN;
	assert_false(conntrack_parse(m, &f));
	m = message();
	put_tuple4(m, CTA_TUPLE_ORIG, "192.0.2.7", "203.0.113.1", 1, 2);
	assert_false(conntrack_parse(m, &f));
	/* an address of three bytes, a port of four */
	m = message();
	struct nlattr *tuple = mnl_attr_nest_start(m, CTA_TUPLE_ORIG), *ip = mnl_attr_nest_start(m, CTA_TUPLE_IP);
	mnl_attr_put(m, CTA_IP_V4_SRC, 3, "abc");
	mnl_attr_put(m, CTA_IP_V6_DST, 17, "0123456789abcdefg");
	mnl_attr_nest_end(m, ip);
	struct nlattr *proto = mnl_attr_nest_start(m, CTA_TUPLE_PROTO);
	mnl_attr_put_u32(m, CTA_PROTO_SRC_PORT, 0xffffffff);
	mnl_attr_nest_end(m, proto);
	mnl_attr_nest_end(m, tuple);
	assert_false(conntrack_parse(m, &f));
	assert_int_equal(f.original.src.family, 0);
	assert_int_equal(f.original.sport, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connection_is_read),
		cmocka_unit_test(established_is_between_handshake_and_end),
		cmocka_unit_test(what_is_cut_or_wrong_is_no_connection),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
