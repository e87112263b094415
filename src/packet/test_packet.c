// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Packets built by hand from the RFCs, with the fields they must yield; each cut off at every length, flush against the end of a block,
 * so that a read beyond it is seen by the sanitizer.
 */
#include "packet/checksum.h"
#include "packet/decode.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define ETHER "\2\0\0\0\0\2\2\0\0\0\0\1"
#define ETHER4 ETHER "\x08\0"
#define ADDR4 "\x0a\0\0\1\x0a\0\0\2"
#define ADDR6 "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1" "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\2"
#define IP4(len, proto) "\x45\0\0" len "\0\1\0\0\x40" proto "\0\0" ADDR4
#define IP6(len, next) "\x60\0\0\0\0" len next "\x40" ADDR6
#define UDP(sport, dport, len) "\0" sport "\0" dport "\0" len "\0\0"
/* 1025 > 80, sequence 1, acknowledgement 2, 20 bytes of header, PSH ACK, window 512 */
#define TCP20 "\4\1\0\x50\0\0\0\1\0\0\0\2\x50\x18\2\0\0\0\0\0"

static const struct decode_settings settings = {
	.teredo = true, .vxlan = true, .geneve = true, .erspan1 = true, .vxlan_reserved_strict = true, .teredo_ports = {3544}, .n_teredo_ports = 1,
	.vxlan_ports = {4789}, .n_vxlan_ports = 1, .geneve_ports = {6081}, .n_geneve_ports = 1, .max_layers = 16,
};
static struct counters counters;
static uint64_t event_counts[EVENT_N_];
static struct decoder decoder;

static struct packet *decode(int link_type, struct bytes b)
{
	decoder_init(&decoder, &settings, &counters, event_counts);
	struct frame f = {.bytes = b, .wire_len = (uint32_t)b.len, .link_type = link_type, .time = 5, .number = 1};
	return decode_frame(&decoder, &f);
}

#define DECODE(link, text) decode(link, BYTES_LITERAL(text))


static void check_address(const struct address *a, const char *text)
{
	char out[ADDRESS_TEXT];
	assert_string_equal(address_format_short(a, out), text);
}

static void check_bytes(struct bytes b, const char *text)
{
	assert_int_equal(b.len, strlen(text));
	assert_memory_equal(b.data, text, b.len);
}

static void test_tcp(void **state)
{
	/* MSS 1460, SACK permitted, timestamps 7 and 9, NOP, window scale 7 (RFC 9293, 2018, 7323) */
	struct packet *p = DECODE(1, ETHER4 "\x45\x10\0\x40\x12\x34\x40\0\x3f\6\0\0" ADDR4
				     "\4\1\0\x50\x11\x22\x33\x44\x55\x66\x77\x88\xa0\x02\x20\0\0\0\0\7"
				     "\2\4\5\xb4\4\2\x08\x0a\0\0\0\7\0\0\0\x09\1\3\3\7" "data" "padding");
	assert_null(p->next);
	assert_int_equal(p->n_events, 0);
	assert_true(p->is_tcp);
	assert_int_equal(p->ip_version, 4);
	assert_int_equal(p->ip4.tos, 0x10);
	assert_int_equal(p->ip4.id, 0x1234);
	assert_true(p->ip4.df && !p->ip4.mf);
	assert_int_equal(p->ttl, 63);
	check_address(&p->src, "10.0.0.1");
	check_address(&p->dst, "10.0.0.2");
	assert_int_equal(p->sport, 1025);
	assert_int_equal(p->dport, 80);
	assert_int_equal(p->tcp.seq, 0x11223344);
	assert_int_equal(p->tcp.ack, 0x55667788);
	assert_int_equal(p->tcp.flags, TCP_SYN);
	assert_int_equal(p->tcp.window, 0x2000);
	assert_int_equal(p->tcp.urgent, 7);
	assert_true(p->tcp.has_mss && p->tcp.has_sack_ok && p->tcp.has_timestamp && p->tcp.has_wscale);
	assert_int_equal(p->tcp.mss, 1460);
	assert_int_equal(p->tcp.ts_value, 7);
	assert_int_equal(p->tcp.ts_echo, 9);
	assert_int_equal(p->tcp.wscale, 7);
	check_bytes(p->payload, "data"); /* the Ethernet padding is not part of it */
	assert_int_equal(p->ip.len, 64);
	assert_int_equal(p->ether_type, 0x0800);
}

static void test_tcp_options(void **state)
{
	/* the segment with nothing but timestamps takes a shorter way: same result */
	struct packet *p = DECODE(12, IP4("\x34", "\6") "\4\1\0\x50\0\0\0\1\0\0\0\2\x80\x10\2\0\0\0\0\0" "\1\1\x08\x0a\0\0\0\3\0\0\0\4");
	assert_true(p->tcp.has_timestamp);
	assert_int_equal(p->tcp.ts_value, 3);
	assert_int_equal(p->tcp.ts_echo, 4);
	/* two SACK blocks (RFC 2018) */
	p = DECODE(12, IP4("\x3c", "\6") "\4\1\0\x50\0\0\0\1\0\0\0\2\xa0\x10\2\0\0\0\0\0" "\5\x12\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\1\0");
	assert_int_equal(p->tcp.n_sack, 2);
	assert_int_equal(p->tcp.sack[1].left, 3);
	assert_int_equal(p->tcp.sack[1].right, 4);
	/* fast open with a cookie of eight bytes (RFC 7413) */
	p = DECODE(12, IP4("\x34", "\6") "\4\1\0\x50\0\0\0\1\0\0\0\2\x80\x02\2\0\0\0\0\0" "\x22\x0a" "cookieee\1\1");
	assert_true(p->tcp.has_fast_open);
	assert_int_equal(p->tcp.fast_open_len, 8);
	/* an option longer than what is left */
	p = DECODE(12, IP4("\x2c", "\6") "\4\1\0\x50\0\0\0\1\0\0\0\2\x60\x02\2\0\0\0\0\0" "\2\5\5\xb4");
	assert_true(packet_has_event(p, EVENT_TCP_OPT_INVALID_LEN));
	/* the same option twice */
	p = DECODE(12, IP4("\x30", "\6") "\4\1\0\x50\0\0\0\1\0\0\0\2\x70\x02\2\0\0\0\0\0" "\2\4\5\xb4\2\4\1\0");
	assert_true(packet_has_event(p, EVENT_TCP_OPT_DUPLICATE));
	assert_int_equal(p->tcp.mss, 1460);
}

static void test_vlan_udp6(void **state)
{
	/* 802.1ad 100, 802.1Q 200, IPv6 with hop-by-hop (router alert) and destination options, UDP */
	struct packet *p = DECODE(1, ETHER "\x88\xa8\0\x64\x81\0\0\xc8\x86\xdd" IP6("\x1d", "\0")
				     "\x3c\0\5\2\0\0\1\0" "\x11\0\1\4\0\0\0\0" UDP("\7", "\x35", "\x0d") "hello");
	assert_true(p->is_udp);
	assert_int_equal(p->n_vlans, 2);
	assert_int_equal(p->vlan[0], 100);
	assert_int_equal(p->vlan[1], 200);
	assert_int_equal(p->ip6.ext_len, 16);
	assert_true(p->ip6.has_hop_options && p->ip6.has_dest_options);
	assert_int_equal(p->proto, PROTO_UDP);
	check_address(&p->dst, "2001:db8::2");
	check_bytes(p->payload, "hello");
	assert_true(packet_has_event(p, EVENT_IPV6_DSTOPTS_ONLY_PADDING));
	assert_false(packet_has_event(p, EVENT_IPV6_HOPOPTS_ONLY_PADDING));
}

/* One row an oddity: the packet, and the event that says so. */
static const struct {
	int link;
	struct bytes bytes;
	enum packet_event event;
	bool invalid;
} oddities[] = {
	{1, BYTES_LITERAL("\1\2\3"), EVENT_ETHERNET_PKT_TOO_SMALL, true},
	{1, BYTES_LITERAL(ETHER "\x12\x34zz"), EVENT_ETHERNET_UNKNOWN_ETHERTYPE, false},
	{1, BYTES_LITERAL(ETHER "\x81\0\0"), EVENT_VLAN_HEADER_TOO_SMALL, true},
	{1, BYTES_LITERAL(ETHER "\x81\0\0\1\x81\0\0\2\x81\0\0\3\x81\0\0\4\x08\0"), EVENT_VLAN_TOO_MANY_LAYERS, true},
	{1, BYTES_LITERAL(ETHER "\x88\x47\0\1\1\x40"), EVENT_MPLS_PKT_TOO_SMALL, true},
	{1, BYTES_LITERAL(ETHER "\x88\x47\0\0\x31\x40zzzz"), EVENT_MPLS_BAD_LABEL_IMPLICIT_NULL, true},
	{1, BYTES_LITERAL(ETHER "\x88\x64\x11\0\0\1\0\4\0\x21zz"), EVENT_PPP_IP4_PKT_TOO_SMALL, true},
	{1, BYTES_LITERAL(ETHER "\x88\x63\x11\x55\0\1\0\0"), EVENT_PPPOE_WRONG_CODE, true},
	{1, BYTES_LITERAL(ETHER "\x89\x4f\x40\6\1\1\0\0\0\0" "0123456789abcdef!"), EVENT_NSH_UNSUPPORTED_VERSION, true},
	{12, BYTES_LITERAL("\x75"), EVENT_IPRAW_INVALID_IP_VERSION, true},
	{0, BYTES_LITERAL("\x63\0\0\0zzzz"), EVENT_LTNULL_UNSUPPORTED_TYPE, true},
	{228, BYTES_LITERAL("\x45\0\0\x14"), EVENT_IPV4_PKT_TOO_SMALL, true},
	{228, BYTES_LITERAL("\x44\0\0\x14\0\1\0\0\x40\6\0\0" ADDR4), EVENT_IPV4_HLEN_TOO_SMALL, true},
	{228, BYTES_LITERAL("\x46\0\0\x14\0\1\0\0\x40\6\0\0" ADDR4 "\0\0\0\0"), EVENT_IPV4_IPLEN_SMALLER_THAN_HLEN, true},
	{228, BYTES_LITERAL(IP4("\x15", "\6")), EVENT_IPV4_TRUNC_PKT, true},
	{228, BYTES_LITERAL("\x46\0\0\x18\0\1\0\0\x40\xfd\0\0" ADDR4 "\x07\x09\4\0"), EVENT_IPV4_OPT_INVALID_LEN, true},
	{228, BYTES_LITERAL("\x46\0\0\x18\0\1\0\0\x40\xfd\0\0" ADDR4 "\x5f\4\0\0"), EVENT_IPV4_OPT_INVALID, false},
	{228, BYTES_LITERAL(IP4("\x14", "\x3a")), EVENT_IPV4_ICMPV6, false},
	{228, BYTES_LITERAL(IP4("\x15", "\6") "\0"), EVENT_TCP_PKT_TOO_SMALL, true},
	{228, BYTES_LITERAL(IP4("\x28", "\6") "\4\1\0\x50\0\0\0\1\0\0\0\2\x60\x18\2\0\0\0\0\0"), EVENT_TCP_HLEN_TOO_SMALL, true},
	{228, BYTES_LITERAL(IP4("\x28", "\6") "\4\1\0\x50\0\0\0\1\0\0\0\2\x40\x18\2\0\0\0\0\0"), EVENT_TCP_INVALID_OPTLEN, true},
	{228, BYTES_LITERAL(IP4("\x18", "\x11") "\0\1\0\2"), EVENT_UDP_HLEN_TOO_SMALL, true},
	{228, BYTES_LITERAL(IP4("\x1c", "\x11") UDP("\1", "\2", "\x09")), EVENT_UDP_PKT_TOO_SMALL, true},
	{228, BYTES_LITERAL(IP4("\x1c", "\x11") UDP("\1", "\2", "\7")), EVENT_UDP_LEN_INVALID, true},
	{228, BYTES_LITERAL(IP4("\x1c", "\1") "\x2a\0\0\0\0\0\0\0"), EVENT_ICMPV4_UNKNOWN_TYPE, false},
	{228, BYTES_LITERAL(IP4("\x1c", "\1") "\x08\1\0\0\0\0\0\0"), EVENT_ICMPV4_UNKNOWN_CODE, false},
	{228, BYTES_LITERAL(IP4("\x1c", "\x84") "\0\1\0\2\0\0\0\0"), EVENT_SCTP_PKT_TOO_SMALL, true},
	{228, BYTES_LITERAL(IP4("\x18", "\x32") "\0\0\0\1"), EVENT_ESP_PKT_TOO_SMALL, true},
	{228, BYTES_LITERAL(IP4("\x18", "\x2f") "\0\2\x08\0"), EVENT_GRE_WRONG_VERSION, true},
	{228, BYTES_LITERAL(IP4("\x18", "\x2f") "\x30\0\x08\0"), EVENT_GRE_VERSION0_HDR_TOO_BIG, true},
	{228, BYTES_LITERAL(IP4("\x18", "\x2f") "\x20\1\x08\0"), EVENT_GRE_VERSION1_WRONG_PROTOCOL, true},
	{229, BYTES_LITERAL("\x60\0\0\0"), EVENT_IPV6_PKT_TOO_SMALL, true},
	{229, BYTES_LITERAL(IP6("\1", "\x3b")), EVENT_IPV6_TRUNC_PKT, true},
	{229, BYTES_LITERAL(IP6("\1", "\x3b") "x"), EVENT_IPV6_DATA_AFTER_NONE_HEADER, false},
	{229, BYTES_LITERAL(IP6("\x08", "\0") "\x3b\1\1\4\0\0\0\0"), EVENT_IPV6_TRUNC_EXTHDR, false},
	{229, BYTES_LITERAL(IP6("\x08", "\0") "\x3b\0\1\5\0\0\0\0"), EVENT_IPV6_EXTHDR_INVALID_OPTLEN, false},
	{229, BYTES_LITERAL(IP6("\x10", "\0") "\0\0\5\2\0\0\1\0" "\x3b\0\5\2\0\0\1\0"), EVENT_IPV6_EXTHDR_DUPL_HH, false},
	{229, BYTES_LITERAL(IP6("\x08", "\x2b") "\x3b\0\0\0\0\0\0\0"), EVENT_IPV6_RH_TYPE_0, false},
	{229, BYTES_LITERAL(IP6("\x08", "\x2c") "\x3b\0\0\0\0\0\0\1"), EVENT_IPV6_EXTHDR_USELESS_FH, false},
	{229, BYTES_LITERAL(IP6("\x0c", "\x2c") "\6\0\0\0\0\0\0\1zzzz"), EVENT_IPV6_TRUNC_EXTHDR, false},
	{229, BYTES_LITERAL(IP6("\x0c", "\x2c") "\6\0\0\1\0\0\0\1zzzz"), EVENT_IPV6_FRAG_INVALID_LENGTH, false},
	{229, BYTES_LITERAL(IP6("\x0c", "\x2c") "\6\1\0\x08\0\0\0\1zzzz"), EVENT_IPV6_FH_NON_ZERO_RESERVED_FIELD, false},
	{229, BYTES_LITERAL(IP6("\x0c", "\x33") "\x3b\1\0\1\0\0\0\0\0\0\0\0"), EVENT_IPV6_EXTHDR_AH_RES_NOT_NULL, false},
	{229, BYTES_LITERAL(IP6("\0", "\xfd")), EVENT_IPV6_UNKNOWN_NEXT_HEADER, false},
	{229, BYTES_LITERAL(IP6("\x08", "\x3a") "\x82\0\0\0\0\0\0\0"), EVENT_ICMPV6_MLD_MESSAGE_WITH_INVALID_HL, false},
	{229, BYTES_LITERAL(IP6("\x08", "\x3a") "\x64\0\0\0\0\0\0\0"), EVENT_ICMPV6_EXPERIMENTATION_TYPE, false},
	{229, BYTES_LITERAL(IP6("\x08", "\4") "zzzzzzzz"), EVENT_IPV6_IPV4_IN_IPV6_TOO_SMALL, false},
	{113, BYTES_LITERAL("\0\0"), EVENT_SLL_PKT_TOO_SMALL, true},
	{276, BYTES_LITERAL("\x08\0"), EVENT_SLL2_PKT_TOO_SMALL, true},
	{9, BYTES_LITERAL("\xff"), EVENT_PPP_WRONG_TYPE, true},
	{104, BYTES_LITERAL("\x0f\0\x08"), EVENT_CHDLC_PKT_TOO_SMALL, true},
};

static void test_oddities(void **state)
{
	for (size_t i = 0; i < sizeof oddities / sizeof *oddities; i++) {
		memset(event_counts, 0, sizeof event_counts);
		struct packet *p = decode(oddities[i].link, oddities[i].bytes);
		if (!packet_has_event(p, oddities[i].event) || !event_counts[oddities[i].event])
			fail_msg("row %zu: no event %s", i, packet_event_name(oddities[i].event));
		if (((p->flags & PACKET_INVALID) != 0) != oddities[i].invalid)
			fail_msg("row %zu: invalid or not", i);
	}
}

/* What a tunnel carries: first the inner packet, then the outer one. */
static const struct {
	struct bytes bytes;
	enum tunnel tunnel;
	uint8_t inner_version, outer_proto;
} tunnels[] = {
	{BYTES_LITERAL(IP4("\x35", "\4") IP4("\x21", "\x11") UDP("\1", "\2", "\x0d") "hello"), TUNNEL_IPV4_IN_IPV4, 4, PROTO_IPIP},
	{BYTES_LITERAL(IP4("\x49", "\x29") IP6("\x0d", "\x11") UDP("\1", "\2", "\x0d") "hello"), TUNNEL_IPV6_IN_IPV4, 6, PROTO_IPV6},
	{BYTES_LITERAL(IP6("\x21", "\4") IP4("\x21", "\x11") UDP("\1", "\2", "\x0d") "hello"), TUNNEL_IPV4_IN_IPV6, 4, PROTO_IPIP},
	{BYTES_LITERAL(IP6("\x35", "\x29") IP6("\x0d", "\x11") UDP("\1", "\2", "\x0d") "hello"), TUNNEL_IPV6_IN_IPV6, 6, PROTO_IPV6},
	{BYTES_LITERAL(IP4("\x3d", "\x2f") "\x20\0\x08\0\0\0\0\x09" IP4("\x21", "\x11") UDP("\1", "\2", "\x0d") "hello"), TUNNEL_GRE, 4, PROTO_GRE},
	{BYTES_LITERAL(IP4("\x47", "\x2f") "\0\0\x65\x58" ETHER4 IP4("\x21", "\x11") UDP("\1", "\2", "\x0d") "hello"), TUNNEL_ETHERNET, 4, PROTO_GRE},
	{BYTES_LITERAL(IP4("\x53", "\x2f") "\x10\0\x88\xbe\0\0\0\1" "\x10\x07\0\0\0\0\0\0" ETHER4 IP4("\x21", "\x11") UDP("\1", "\2", "\x0d") "hello"),
	 TUNNEL_ERSPAN2, 4, PROTO_GRE},
	{BYTES_LITERAL(IP4("\x47", "\x2f") "\0\0\x88\xbe" ETHER4 IP4("\x21", "\x11") UDP("\1", "\2", "\x0d") "hello"), TUNNEL_ERSPAN1, 4, PROTO_GRE},
	{BYTES_LITERAL(IP4("\x51", "\x11") "\x0d\xd8\x0d\xd8\0\x3d\0\0" IP6("\x0d", "\x11") UDP("\1", "\2", "\x0d") "hello"), TUNNEL_TEREDO, 6, PROTO_UDP},
	{BYTES_LITERAL(IP4("\x53", "\x11") "\1\1\x12\xb5\0\x3f\0\0" "\x08\0\0\0\0\0\1\0" ETHER4 IP4("\x21", "\x11") UDP("\1", "\2", "\x0d") "hello"),
	 TUNNEL_VXLAN, 4, PROTO_UDP},
	{BYTES_LITERAL(IP4("\x57", "\x11") "\1\1\x17\xc1\0\x43\0\0" "\1\0\x65\x58\0\0\1\0" "optn" ETHER4 IP4("\x21", "\x11") UDP("\1", "\2", "\x0d") "hello"),
	 TUNNEL_GENEVE, 4, PROTO_UDP},
};

static void test_tunnels(void **state)
{
	for (size_t i = 0; i < sizeof tunnels / sizeof *tunnels; i++) {
		struct packet *p = decode(12, tunnels[i].bytes), *out = p->next;
		if (!out || out->next)
			fail_msg("row %zu: not two packets", i);
		assert_int_equal(p->tunnel, tunnels[i].tunnel);
		assert_int_equal(p->ip_version, tunnels[i].inner_version);
		assert_ptr_equal(p->outer, out);
		assert_ptr_equal(out->inner, p);
		assert_int_equal(p->recursion, 1);
		assert_int_equal(p->source, PACKET_TUNNEL);
		assert_true(p->flags & PACKET_TUNNELLED);
		assert_true(out->flags & PACKET_HAS_INNER);
		assert_int_equal(out->proto, tunnels[i].outer_proto);
		assert_int_equal(p->n_vlans, tunnels[i].tunnel == TUNNEL_ERSPAN2 ? 1 : 0);
		assert_true(p->is_udp);
		check_bytes(p->payload, "hello");
		assert_int_equal(p->n_events + out->n_events, 0);
	}
}

static void test_shims(void **state)
{
	/* MPLS stack of two, PPPoE session, NSH type 1, 802.1ah, VN-Tag, E-Tag, FabricPath: all around the same datagram */
	static const struct bytes rows[] = {
		BYTES_LITERAL(ETHER "\x88\x47\0\1\0\x40\0\2\1\x40" IP4("\x21", "\x11") UDP("\1", "\2", "\x0d") "hello"),
		BYTES_LITERAL(ETHER "\x88\x64\x11\0\0\1\0\x23\0\x21" IP4("\x21", "\x11") UDP("\1", "\2", "\x0d") "hello"),
		BYTES_LITERAL(ETHER "\x89\x4f\0\6\1\1\0\0\1\xff" "0123456789abcdef" IP4("\x21", "\x11") UDP("\1", "\2", "\x0d") "hello"),
		BYTES_LITERAL(ETHER "\x88\xe7\0\0\0\1" ETHER4 IP4("\x21", "\x11") UDP("\1", "\2", "\x0d") "hello"),
		BYTES_LITERAL(ETHER "\x89\x26\0\0\0\1\x08\0" IP4("\x21", "\x11") UDP("\1", "\2", "\x0d") "hello"),
		BYTES_LITERAL(ETHER "\x89\x3f\0\0\0\1\0\0\x08\0" IP4("\x21", "\x11") UDP("\1", "\2", "\x0d") "hello"),
		BYTES_LITERAL(ETHER "\x89\x03\0\0" ETHER4 IP4("\x21", "\x11") UDP("\1", "\2", "\x0d") "hello"),
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct packet *p = decode(1, rows[i]);
		if (!p->is_udp || p->n_events)
			fail_msg("row %zu: no datagram", i);
		check_bytes(p->payload, "hello");
	}
}

static void test_links(void **state)
{
#define DATAGRAM IP4("\x21", "\x11") UDP("\1", "\2", "\x0d") "hello"
	static const struct {
		int link;
		struct bytes bytes;
	} rows[] = {
		{12, BYTES_LITERAL(DATAGRAM)}, {101, BYTES_LITERAL(DATAGRAM)}, {228, BYTES_LITERAL(DATAGRAM)}, {0, BYTES_LITERAL("\2\0\0\0" DATAGRAM)},
		{0, BYTES_LITERAL("\0\0\0\2" DATAGRAM)}, {108, BYTES_LITERAL("\0\0\0\2" DATAGRAM)},
		{113, BYTES_LITERAL("\0\0\0\1\0\6\2\0\0\0\0\1\0\0\x08\0" DATAGRAM)},
		{276, BYTES_LITERAL("\x08\0\0\0\0\0\0\1\0\1\0\6\2\0\0\0\0\1\0\0" DATAGRAM)}, {9, BYTES_LITERAL("\xff\3\0\x21" DATAGRAM)},
		{9, BYTES_LITERAL("\x21" DATAGRAM)}, {104, BYTES_LITERAL("\x0f\0\x08\0" DATAGRAM)},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct packet *p = decode(rows[i].link, rows[i].bytes);
		if (!p->is_udp || p->n_events)
			fail_msg("row %zu: no datagram", i);
		check_bytes(p->payload, "hello");
		assert_true(decode_knows_link(rows[i].link));
	}
	assert_false(decode_knows_link(147));
	assert_true(decode(147, BYTES_LITERAL(DATAGRAM))->flags & PACKET_INVALID);
}

static void test_icmp(void **state)
{
	/* fragmentation needed, MTU 1400, quoting 10.0.0.1:7 > 10.0.0.2:9 UDP (RFC 792, RFC 1191) */
	struct packet *p = DECODE(12, IP4("\x38", "\1") "\3\4\0\0\0\0\5\x78" IP4("\x64", "\x11") UDP("\7", "\x09", "\x50"));
	assert_true(p->is_icmp);
	assert_int_equal(p->icmp.type, 3);
	assert_true(p->icmp.has_mtu);
	assert_int_equal(p->icmp.mtu, 1400);
	assert_int_equal(p->icmp.embedded_proto, PROTO_UDP);
	assert_int_equal(p->icmp.embedded_sport, 7);
	assert_int_equal(p->icmp.embedded_dport, 9);
	check_address(&p->icmp.embedded_src, "10.0.0.1");
	p = DECODE(12, IP4("\x20", "\1") "\x08\0\0\0\x12\x34\0\7ping");
	assert_true(p->icmp.has_id);
	assert_int_equal(p->icmp.id, 0x1234);
	assert_int_equal(p->icmp.seq, 7);
	check_bytes(p->payload, "ping");
	/* packet too big, MTU 1280 (RFC 4443) */
	p = DECODE(12, IP6("\x38", "\x3a") "\2\0\0\0\0\0\5\0" IP6("\x40", "\x11") UDP("\7", "\x09", "\x40"));
	assert_true(p->is_icmp6);
	assert_int_equal(p->icmp.mtu, 1280);
	assert_int_equal(p->icmp.embedded_dport, 9);
	check_address(&p->icmp.embedded_dst, "2001:db8::2");
}

static void test_fragments(void **state)
{
	struct packet *p = DECODE(12, "\x45\0\0\x1c\0\1\x20\0\x40\x11\0\0" ADDR4 UDP("\1", "\2", "\x20"));
	assert_true(p->flags & PACKET_FRAGMENT && p->ip4.mf);
	assert_false(p->is_udp);
	assert_int_equal(p->transport.len, 8);
	assert_int_equal(p->payload.len, 0);
	p = DECODE(12, "\x45\0\0\x1c\0\1\0\2\x40\x11\0\0" ADDR4 "abcdefgh");
	assert_true(p->flags & PACKET_FRAGMENT);
	assert_int_equal(p->ip4.frag_offset, 16);
	assert_int_equal(p->transport.len, 0);
	p = DECODE(12, IP6("\x10", "\x2c") "\x11\0\0\x09\1\2\3\4" "abcdefgh");
	assert_true(p->flags & PACKET_FRAGMENT && p->ip6.more_fragments);
	assert_int_equal(p->ip6.frag_offset, 8);
	assert_int_equal(p->ip6.frag_id, 0x01020304);
	assert_int_equal(p->ip6.frag_header_offset, 40);
	assert_int_equal(p->ip6.frag_prev_header_offset, 6);
}

static void test_options4(void **state)
{
	/* record route of one address, no-operation; loose source route; router alert (RFC 791, RFC 2113) */
	struct packet *p = DECODE(12, "\x48\0\0\x20\0\1\0\0\x40\xfd\0\0" ADDR4 "\7\7\4\0\0\0\0\1\x94\4\0\0");
	assert_int_equal(p->ip4.options, 1u << IP4_OPT_RR | 1u << IP4_OPT_NOP | 1u << IP4_OPT_RTRALT);
	assert_int_equal(p->ip4.header_len, 32);
	p = DECODE(12, "\x47\0\0\x1c\0\1\0\0\x40\xfd\0\0" ADDR4 "\x83\7\4\x0a\0\0\3\0");
	assert_int_equal(p->ip4.options, 1u << IP4_OPT_LSRR | 1u << IP4_OPT_EOL);
}

static struct packet *decode_live(uint32_t flags, struct bytes b)
{
	decoder_init(&decoder, &settings, &counters, event_counts);
	struct frame f = {.bytes = b, .wire_len = (uint32_t)b.len, .link_type = 12, .packet_flags = flags};
	return decode_frame(&decoder, &f);
}

/* A queue gives fewer bytes than there are, or a merged packet whose length does not fit into its header. */
static void test_live(void **state)
{
	struct packet *p = decode_live(PACKET_TRUNCATED | PACKET_SUPER, BYTES_LITERAL("\x45\0\xff\xff\0\1\0\0\x40\6\0\0" ADDR4 TCP20 "what is there"));
	assert_true(p->is_tcp && !(p->flags & PACKET_INVALID));
	assert_true(packet_has_event(p, EVENT_AFPACKET_TRUNC_PKT));
	check_bytes(p->payload, "what is there");
	p = decode_live(PACKET_TRUNCATED, BYTES_LITERAL(IP6("\xff", "\x11") UDP("\1", "\2", "\xff") "part"));
	assert_true(p->is_udp);
	check_bytes(p->payload, "part");
	p = decode_live(PACKET_SUPER, BYTES_LITERAL(IP4("\0", "\6") TCP20 "big"));
	assert_true(p->is_tcp);
	check_bytes(p->payload, "big");
	p = decode_live(PACKET_SUPER, BYTES_LITERAL(IP6("\0", "\6") TCP20 "big"));
	assert_true(p->is_tcp);
	check_bytes(p->payload, "big");
	p = decode_live(0, BYTES_LITERAL(IP4("\0", "\6") TCP20 "big"));
	assert_true(packet_has_event(p, EVENT_IPV4_IPLEN_SMALLER_THAN_HLEN));
}

static void test_arp(void **state)
{
	struct packet *p = DECODE(1, ETHER "\x08\6\0\1\x08\0\6\4\0\1\2\0\0\0\0\1\x0a\0\0\1\0\0\0\0\0\0\x0a\0\0\2");
	assert_true(p->is_arp);
	assert_int_equal(p->arp.len, 28);
	assert_int_equal(p->n_events, 0);
	assert_int_equal(p->ip_version, 0);
}

/* The header of RFC 1071's neighbour everyone knows: 45 00 00 73 00 00 40 00 40 11 b8 61 c0 a8 00 01 c0 a8 00 c7. */
static void test_checksums(void **state)
{
	struct bytes header = BYTES_LITERAL("\x45\0\0\x73\0\0\x40\0\x40\x11\xb8\x61\xc0\xa8\0\1\xc0\xa8\0\xc7");
	assert_int_equal(checksum_fold(checksum_add(0, header)), 0);
	/* RFC 1071 section 3: 0001 f203 f4f5 f6f7 sum to ddf2 */
	uint16_t sum = checksum_fold(checksum_add(0, BYTES_LITERAL("\0\1\xf2\3\xf4\xf5\xf6\xf7")));
	assert_memory_equal(&sum, "\x22\x0d", 2); /* the complement of ddf2 */
	/* every length and alignment against the plain way */
	uint8_t data[80];
	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (uint8_t)(i * 37 + 200);
	for (size_t from = 0; from < 8; from++) {
		for (size_t n = 0; n + from <= sizeof data; n++) {
			uint32_t plain = 0;
			for (size_t i = 0; i < n; i++)
				plain += i % 2 ? data[from + i] : (uint32_t)data[from + i] << 8;
			while (plain >> 16)
				plain = (plain & 0xffff) + (plain >> 16);
			uint8_t wire[2];
			sum = checksum_fold(checksum_add(0, bytes_of(data + from, n)));
			memcpy(wire, &sum, 2);
			assert_int_equal(load_be16(wire), (uint16_t)~plain);
		}
	}
}

static void test_packet_checksums(void **state)
{
	/* UDP 10.0.0.1:1 > 10.0.0.2:2 "hello": 0a00+0001+0a00+0002+0011+000d+0001+0002+000d+6865+6c6c+6f00 = 15802, with the carry 5803; the complement a7fc */
	struct packet *p = DECODE(12, IP4("\x21", "\x11") "\0\1\0\2\0\x0d\xa7\xfc" "hello");
	uint32_t s = 0x0a00 + 1 + 0x0a00 + 2 + 0x11 + 0xd + 1 + 2 + 0xd + 0x6865 + 0x6c6c + 0x6f00;
	s = (s & 0xffff) + (s >> 16);
	assert_int_equal((uint16_t)~s, 0xa7fc);
	assert_true(packet_checksum_transport_ok(p));
	assert_false(packet_checksum_ip_ok(p));
	p = DECODE(12, IP4("\x21", "\x11") "\0\1\0\2\0\x0d\xa7\xfe" "hello");
	assert_false(packet_checksum_transport_ok(p));
	p = DECODE(12, IP4("\x21", "\x11") "\0\1\0\2\0\x0d\0\0" "hello"); /* none given */
	assert_true(packet_checksum_transport_ok(p));
}

/* A tunnel in a tunnel without end: the limit of layers stops it. */
static void test_layers(void **state)
{
	uint8_t data[20 * 40];
	size_t n = sizeof data / 20;
	for (size_t i = 0; i < n; i++) {
		memcpy(data + 20 * i, IP4("\0", "\4"), 20);
		store_be16(data + 20 * i + 2, (uint16_t)(sizeof data - 20 * i));
	}
	unsigned count = 0;
	struct packet *p = decode(12, bytes_of(data, sizeof data));
	assert_true(packet_has_event(p, EVENT_TOO_MANY_LAYERS)); /* the innermost comes first */
	for (struct packet *q = p; q; q = q->next)
		count++;
	assert_int_equal(count, settings.max_layers + 1);
}

static volatile unsigned sink;

static void touch(struct bytes b)
{
	unsigned sum = 0;
	for (size_t i = 0; i < b.len; i++)
		sum += b.data[i];
	sink = sum;
}

static void cut_everywhere(int link, struct bytes whole)
{
	for (size_t len = 0; len <= whole.len; len++) {
		uint8_t *copy = malloc(len ? len : 1);
		memcpy(copy, whole.data, len);
		for (struct packet *p = decode(link, bytes_of(copy, len)); p; p = p->next) {
			touch(p->ip);
			touch(p->transport);
			touch(p->payload);
			touch(p->arp);
			sink = packet_checksum_ip_ok(p) + packet_checksum_transport_ok(p);
		}
		free(copy);
	}
}

static void test_cut(void **state)
{
	for (size_t i = 0; i < sizeof oddities / sizeof *oddities; i++)
		cut_everywhere(oddities[i].link, oddities[i].bytes);
	for (size_t i = 0; i < sizeof tunnels / sizeof *tunnels; i++)
		cut_everywhere(12, tunnels[i].bytes);
	cut_everywhere(1, BYTES_LITERAL(ETHER "\x88\xa8\0\x64\x81\0\0\xc8\x86\xdd" IP6("\x1d", "\0") "\x3c\0\5\2\0\0\1\0" "\x11\0\1\4\0\0\0\0"
					      UDP("\7", "\x35", "\x0d") "hello"));
	cut_everywhere(12, BYTES_LITERAL(IP4("\x28", "\6") TCP20));
}

static void test_names(void **state)
{
	assert_int_equal(packet_event_find(BYTES_LITERAL("ipv4.trunc_pkt")), EVENT_IPV4_TRUNC_PKT);
	assert_int_equal(packet_event_find(BYTES_LITERAL("stream.fin_syn")), EVENT_STREAM_FIN_SYN);
	assert_int_equal(packet_event_find(BYTES_LITERAL("ipv4.trunc_pk")), EVENT_N_);
	assert_string_equal(packet_event_name(EVENT_TOO_MANY_LAYERS), "too_many_layers");
	assert_string_equal(drop_reason_text(DROP_FLOW_DROP), "flow drop");
}

static void test_settings(void **state)
{
	struct error error = {0};
	struct decode_settings s;
	struct conf *c = conf_new();
	assert_int_equal(decode_settings_read(&s, c, &error), 0);
	assert_int_equal(s.n_teredo_ports, 0);
	assert_int_equal(s.vxlan_ports[0], 4789);
	assert_int_equal(s.max_layers, 16);
	assert_int_equal(conf_load_text(c, BYTES_LITERAL("vars:\n  port-groups:\n    VX: \"[4789, 8472]\"\ndecoder:\n  vxlan:\n    ports: $VX\n"
							 "  geneve:\n    enabled: no\n  teredo:\n    ports: [3544, 3545]\n"), "test", &error), 0);
	assert_int_equal(decode_settings_read(&s, c, &error), 0);
	assert_int_equal(s.n_vxlan_ports, 2);
	assert_int_equal(s.vxlan_ports[1], 8472);
	assert_int_equal(s.n_teredo_ports, 2);
	assert_false(s.geneve);
	assert_int_equal(conf_set(c, "decoder.geneve.ports=70000", &error), 0);
	assert_int_equal(decode_settings_read(&s, c, &error), -EINVAL);
	assert_non_null(strstr(error.text, "decoder.geneve.ports"));
	conf_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tcp), cmocka_unit_test(test_tcp_options), cmocka_unit_test(test_vlan_udp6), cmocka_unit_test(test_oddities),
		cmocka_unit_test(test_tunnels), cmocka_unit_test(test_shims), cmocka_unit_test(test_links), cmocka_unit_test(test_icmp),
		cmocka_unit_test(test_fragments), cmocka_unit_test(test_options4), cmocka_unit_test(test_live), cmocka_unit_test(test_arp), cmocka_unit_test(test_checksums),
		cmocka_unit_test(test_packet_checksums), cmocka_unit_test(test_layers), cmocka_unit_test(test_cut), cmocka_unit_test(test_names),
		cmocka_unit_test(test_settings),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
