// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "ruleset/packet_words.h"

static void test_words(void **state)
{
	struct packet_words w;
	struct error e = {0};
	assert_int_equal(packet_words_parse("tcp 192.0.2.7:40000 > 198.51.100.9:443 syn, iif eth0, mark 0x10", &w, &e), 0);
	assert_int_equal(w.proto, 6);
	assert_int_equal(w.family, 4);
	assert_memory_equal(w.src.byte, "\xc0\0\2\7", 4);
	assert_memory_equal(w.dst.byte, "\xc6\x33\x64\x09", 4);
	assert_int_equal(w.sport, 40000);
	assert_int_equal(w.dport, 443);
	assert_int_equal(w.flags, 2);
	assert_string_equal(w.iif, "eth0");
	assert_int_equal(w.mark, 16);
	assert_int_equal(packet_words_parse("udp [2001:db8::1]:53 > 2001:db8::2 ct state established", &w, &e), 0);
	assert_int_equal(w.family, 6);
	assert_int_equal(w.sport, 53);
	assert_false(w.has_dport);
	assert_int_equal(w.ct_state, 2);
	assert_int_equal(packet_words_parse("tcp dport 443 iif eth0", &w, &e), 0);
	assert_int_equal(w.family, 0);
	assert_int_equal(w.dport, 443);
	assert_int_equal(packet_words_parse("icmpv6 nd-neighbor-solicit", &w, &e), 0);
	assert_int_equal(w.type, 135);
}

static void test_wrong(void **state)
{
	static const struct {
		const char *text;
		int column;
	} cases[] = {
		{"tcp 192.0.2.7:70000 > 1.2.3.4", 5}, {"tcp 1.2.3.4 > 2001:db8::1", 15}, {"tcp dport 99999", 11}, {"tcp 1.2.3.4 >", 14},
		{"tcp 1.2.3.4 > 1.2.3.5 sin", 23},    {"", 1},			     {"raw 45000", 9},	      {"tcp iif averyveryverylongname", 9},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct packet_words w;
		struct error e = {0};
		assert_int_not_equal(packet_words_parse(cases[i].text, &w, &e), 0);
		assert_int_equal(e.column, cases[i].column);
	}
}

/* The example of the IPv4 header checksum is RFC 1071's method by hand: 4500+0028+0000+4000+4006+0000+c000+0207+c633+6409 → complement. */
static void test_build(void **state)
{
	struct packet_words w;
	uint8_t out[256];
	assert_int_equal(packet_words_parse("tcp 192.0.2.7:40000 > 198.51.100.9:443 ack", &w, NULL), 0);
	assert_int_equal(packet_build(&w, out, sizeof out), 14 + 20 + 20);
	uint32_t sum = 0x4500 + 0x0028 + 0x4000 + 0x4006 + 0xc000 + 0x0207 + 0xc633 + 0x6409;
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	assert_int_equal(out[14 + 10] << 8 | out[14 + 11], ~sum & 0xffff);
	assert_int_equal(out[14 + 33], 0x10);
	assert_int_equal(packet_words_parse("udp 2001:db8::1 > 2001:db8::2 vlan 7", &w, NULL), 0);
	assert_int_equal(packet_build(&w, out, sizeof out), 18 + 40 + 8);
	assert_memory_equal(out + 12, "\x81\0\0\7\x86\xdd", 6);
	assert_int_equal(packet_build(&w, out, 20), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_words), cmocka_unit_test(test_wrong), cmocka_unit_test(test_build)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
