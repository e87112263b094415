// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Overlaps: the sequence of Novak, "Target-Based Fragmentation Reassembly" (2005), after Paxson and Shankar (2003), with the results that
 * each policy's definition gives. A letter stands for eight bytes.
 */
#include "flow/defrag.h"
#include "flow/defrag_pieces.h"
#include "packet/checksum.h"
#include "packet/decode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct part {
	uint32_t start, units;
	char letter;
};

static const struct part novak[] = {
	{0, 3, 'A'},  {32, 2, 'B'}, {48, 3, 'C'}, {80, 1, 'D'},  {104, 2, 'E'}, {120, 3, 'F'}, {144, 2, 'G'}, {160, 2, 'H'}, {176, 1, 'I'},
	{8, 4, 'J'},  {48, 3, 'K'}, {72, 3, 'L'}, {96, 3, 'M'},  {128, 1, 'N'}, {152, 1, 'O'}, {160, 1, 'P'}, {176, 2, 'Q'},
};

static const struct {
	enum overlap_policy policy;
	const char *result;
} novak_results[] = {
	{OVERLAP_BSD, "AAAJJBCCCLLLMMMFFFGGHHIQ"},       {OVERLAP_BSD_RIGHT, "AJJJBBKKKLDLMEEFNFGOPHQQ"},
	{OVERLAP_LINUX, "AAAJJBKKKLLLMMMFFFGGPHQQ"},     {OVERLAP_FIRST, "AAAJBBCCCLDLMEEFFFGGHHIQ"},
	{OVERLAP_LAST, "AJJJJBKKKLLLMMMFNFGOPHQQ"},      {OVERLAP_WINDOWS, "AAAJBBCCCLLLMEEFFFGGHHIQ"},
	{OVERLAP_SOLARIS, "AAAJBBCCCLLLMMMFFFGGHHIQ"},
};

static void check_list(const struct piece_list *l)
{
	uint32_t sum = 0, at = 0;
	for (const struct piece *p = l->first; p; p = p->next) {
		assert_true(p->start >= at && p->end > p->start);
		at = p->end;
		sum += p->end - p->start;
		if (!p->next)
			assert_ptr_equal(l->last, p);
	}
	assert_int_equal(sum, l->covered);
}

static void add_part(struct piece_store *s, struct piece_list *l, enum overlap_policy policy, const struct part *part, int expected)
{
	uint8_t data[64];
	memset(data, part->letter, sizeof data);
	assert_int_equal(piece_list_add(s, l, policy, part->start, bytes_of(data, part->units * 8)), expected);
	check_list(l);
}

static void test_novak(void **state)
{
	for (size_t i = 0; i < sizeof novak_results / sizeof *novak_results; i++) {
		struct piece_store s;
		struct piece_list l = {0};
		uint8_t out[192];
		char letters[25] = "";
		piece_store_init(&s);
		for (size_t k = 0; k < sizeof novak / sizeof *novak; k++)
			add_part(&s, &l, novak_results[i].policy, &novak[k], k >= 9);
		assert_true(piece_list_covers(&l, 192));
		assert_false(piece_list_covers(&l, 193));
		piece_list_copy(&l, 192, out);
		for (size_t k = 0; k < 24; k++) {
			letters[k] = (char)out[k * 8];
			for (size_t j = 1; j < 8; j++)
				assert_int_equal(out[k * 8 + j], out[k * 8]);
		}
		assert_string_equal(letters, novak_results[i].result);
		piece_list_clear(&s, &l);
		assert_int_equal(s.memuse, 0);
		assert_int_equal(s.n_pieces, 0);
		piece_store_free(&s);
	}
}

/* Any order of disjoint parts gives the same whole without an overlap. */
static void test_orders(void **state)
{
	static const unsigned order[][4] = {{0, 1, 2, 3}, {3, 2, 1, 0}, {1, 3, 0, 2}, {2, 0, 3, 1}};
	for (size_t i = 0; i < 4; i++) {
		struct piece_store s;
		struct piece_list l = {0};
		uint8_t out[64];
		piece_store_init(&s);
		for (size_t k = 0; k < 4; k++)
			add_part(&s, &l, OVERLAP_BSD, &(struct part){order[i][k] * 16, 2, (char)('a' + order[i][k])}, 0);
		assert_true(piece_list_covers(&l, 64));
		piece_list_copy(&l, 64, out);
		assert_memory_equal(out, "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccdddddddddddddddd", 64);
		piece_list_clear(&s, &l);
		piece_store_free(&s);
	}
}

struct rig {
	struct decode_settings decode;
	struct defrag_settings settings;
	struct counters counters;
	uint64_t events[EVENT_N_];
	struct decoder decoder;
	struct defrag *defrag;
	struct host_os *os;
	uint8_t buffer[70000];
};

static int rig_setup(void **state)
{
	struct rig *r = calloc(1, sizeof *r);
	r->decode.max_layers = 16;
	r->settings = (struct defrag_settings){.memcap = 1 << 20, .trackers = 8, .max_frags = 1000, .timeout = 60, .hash_size = 16, .vlan_use_for_tracking = true};
	decoder_init(&r->decoder, &r->decode, &r->counters, r->events);
	r->defrag = defrag_new(&r->settings, NULL, &r->counters, 1);
	*state = r;
	return 0;
}

static int rig_teardown(void **state)
{
	struct rig *r = *state;
	defrag_free(r->defrag);
	free(r);
	return 0;
}

static struct packet *decode_ip(struct rig *r, size_t len, usec_t time)
{
	struct frame f = {.bytes = {r->buffer, len}, .wire_len = (uint32_t)len, .link_type = 101, .time = time, .number = 1};
	return decode_frame(&r->decoder, &f);
}

/* A fragment of 10.0.0.1 > 10.0.0.2, UDP, filled with a letter. */
static struct packet *fragment4(struct rig *r, uint16_t id, uint32_t offset, size_t len, bool more, char fill, usec_t time)
{
	uint8_t *b = r->buffer;
	memset(b, 0, 20);
	b[0] = 0x45;
	store_be16(b + 2, (uint16_t)(20 + len));
	store_be16(b + 4, id);
	store_be16(b + 6, (uint16_t)((more ? 0x2000 : 0) | offset / 8));
	b[8] = 64;
	b[9] = PROTO_UDP;
	memcpy(b + 12, "\x0a\0\0\1\x0a\0\0\2", 8);
	uint16_t sum = checksum_fold(checksum_add(0, bytes_of(b, 20)));
	memcpy(b + 10, &sum, sizeof sum);
	memset(b + 20, fill, len);
	return decode_ip(r, 20 + len, time);
}

static void test_datagram4(void **state)
{
	struct rig *r = *state;
	struct bytes whole;
	struct packet *p = fragment4(r, 7, 16, 9, false, 'b', 1000);
	assert_true(p->flags & PACKET_FRAGMENT);
	assert_false(defrag_packet(r->defrag, p, &whole));
	p = fragment4(r, 7, 0, 16, true, 0, 2000);
	memcpy(r->buffer + 20, "\x04\xd2\0\x35\0\x19\0\0", 8); /* UDP 1234 > 53, 25 bytes, no checksum */
	assert_true(defrag_packet(r->defrag, p, &whole));
	assert_int_equal(whole.len, 45);
	assert_int_equal(load_be16(whole.data + 2), 45);
	assert_int_equal(load_be16(whole.data + 6), 0);
	assert_int_equal(checksum_fold(checksum_add(0, bytes_slice(whole, 0, 20))), 0);
	struct packet *q = decode_datagram(&r->decoder, p, whole);
	assert_non_null(q);
	assert_true(q->is_udp);
	assert_int_equal(q->source, PACKET_DEFRAG);
	assert_int_equal(q->sport, 1234);
	assert_int_equal(q->dport, 53);
	assert_int_equal(q->payload.len, 17);
	assert_memory_equal(q->payload.data + 8, "bbbbbbbbb", 9);
	assert_int_equal(r->counters.value[COUNTER_DEFRAG_IPV4_FRAGMENTS], 2);
	assert_int_equal(r->counters.value[COUNTER_DEFRAG_IPV4_REASSEMBLED], 1);
	assert_int_equal(r->counters.value[COUNTER_DEFRAG_MEMUSE], 0);
}

/* A header checksum that was wrong in the first fragment is wrong in the whole. */
static void test_bad_checksum(void **state)
{
	struct rig *r = *state;
	struct bytes whole;
	struct packet *p = fragment4(r, 7, 0, 16, true, 'a', 0);
	r->buffer[10] ^= 0x55;
	assert_false(defrag_packet(r->defrag, p, &whole));
	assert_true(defrag_packet(r->defrag, fragment4(r, 7, 16, 8, false, 'b', 0), &whole));
	assert_int_not_equal(checksum_fold(checksum_add(0, bytes_slice(whole, 0, 20))), 0);
}

static void test_timeout(void **state)
{
	struct rig *r = *state;
	struct bytes whole;
	assert_false(defrag_packet(r->defrag, fragment4(r, 7, 0, 16, true, 'a', 0), &whole));
	assert_false(defrag_packet(r->defrag, fragment4(r, 7, 16, 8, false, 'b', 61 * USEC_PER_SEC), &whole));
	assert_int_equal(r->counters.value[COUNTER_DEFRAG_WRK_TRACKER_TIMEOUT], 1);
	defrag_expire(r->defrag, 120 * USEC_PER_SEC); /* 59 s after the second */
	assert_int_equal(r->counters.value[COUNTER_DEFRAG_MGR_TRACKER_TIMEOUT], 0);
	defrag_expire(r->defrag, 121 * USEC_PER_SEC);
	assert_int_equal(r->counters.value[COUNTER_DEFRAG_MGR_TRACKER_TIMEOUT], 1);
	assert_int_equal(r->counters.value[COUNTER_DEFRAG_MEMUSE], 0);
}

/* Offset and length together beyond 65,535 (the "ping of death"). */
static void test_too_large(void **state)
{
	struct rig *r = *state;
	struct bytes whole;
	struct packet *p = fragment4(r, 1, 65528, 8, false, 'x', 0);
	assert_false(defrag_packet(r->defrag, p, &whole));
	assert_true(packet_has_event(p, EVENT_IPV4_FRAG_PKT_TOO_LARGE));
	p = fragment4(r, 1, 65504, 11, false, 'x', 0); /* 20 + 65504 + 11 = 65535 */
	assert_false(defrag_packet(r->defrag, p, &whole));
	assert_false(packet_has_event(p, EVENT_IPV4_FRAG_PKT_TOO_LARGE));
}

static void test_largest(void **state)
{
	struct rig *r = *state;
	struct bytes whole;
	r->settings.memcap = 1 << 20;
	for (uint32_t at = 0; at < 65504; at += 1424) /* 46 of them */
		assert_false(defrag_packet(r->defrag, fragment4(r, 1, at, 1424, true, 'x', 0), &whole));
	assert_true(defrag_packet(r->defrag, fragment4(r, 1, 65504, 11, false, 'y', 0), &whole));
	assert_int_equal(whole.len, 65535);
	assert_int_equal(whole.data[65534], 'y');
}

static void test_limits(void **state)
{
	struct rig *r = *state;
	struct bytes whole;
	for (uint16_t id = 0; id < 9; id++) /* one more than there may be */
		assert_false(defrag_packet(r->defrag, fragment4(r, id, 0, 16, true, 'a', 0), &whole));
	assert_int_equal(r->counters.value[COUNTER_DEFRAG_MAX_TRACKERS_REACHED], 1);
	assert_false(defrag_packet(r->defrag, fragment4(r, 0, 16, 8, false, 'b', 0), &whole)); /* the oldest is gone */
	assert_true(defrag_packet(r->defrag, fragment4(r, 8, 16, 8, false, 'b', 0), &whole));
	for (uint16_t id = 0; id < 200; id++) {
		defrag_packet(r->defrag, fragment4(r, (uint16_t)(id / 50), id % 50 * 1400, 1400, true, 'a', 0), &whole);
		assert_true(r->counters.value[COUNTER_DEFRAG_MEMUSE] <= r->settings.memcap);
	}
}

static void test_overlap_event(void **state)
{
	struct rig *r = *state;
	struct bytes whole;
	defrag_packet(r->defrag, fragment4(r, 3, 0, 24, true, 'a', 0), &whole);
	struct packet *p = fragment4(r, 3, 16, 16, true, 'b', 0);
	defrag_packet(r->defrag, p, &whole);
	assert_true(packet_has_event(p, EVENT_IPV4_FRAG_OVERLAP));
	p = fragment4(r, 3, 32, 3, false, 'c', 0);
	assert_true(defrag_packet(r->defrag, p, &whole));
	assert_false(packet_has_event(p, EVENT_IPV4_FRAG_OVERLAP));
	assert_memory_equal(whole.data + 20, "aaaaaaaaaaaaaaaaaaaaaaaabbbbbbbbccc", 35);
}

/* A hop-by-hop header in the part that is not fragmented, a destination header in that which is (RFC 8200 section 4.5). */
static struct packet *fragment6(struct rig *r, uint32_t offset, bool more, struct bytes data)
{
	uint8_t *b = r->buffer;
	memset(b, 0, 56);
	b[0] = 0x60;
	store_be16(b + 4, (uint16_t)(16 + data.len));
	b[6] = 0; /* hop-by-hop */
	b[7] = 64;
	b[23] = 1;
	b[39] = 2;
	memcpy(b + 40, "\x2c\0\x05\2\0\0\1\0", 8); /* router alert, PadN */
	b[48] = 17;
	store_be16(b + 50, (uint16_t)(offset | more));
	store_be32(b + 52, 0x01020304);
	memcpy(b + 56, data.data, data.len);
	return decode_ip(r, 56 + data.len, 0);
}

static void test_datagram6(void **state)
{
	struct rig *r = *state;
	struct bytes whole;
	struct packet *p = fragment6(r, 0, true, BYTES_LITERAL("\x04\xd2\0\x35\0\x13\0\0"));
	assert_true(p->flags & PACKET_FRAGMENT);
	assert_int_equal(p->proto, 44);
	assert_false(defrag_packet(r->defrag, p, &whole));
	p = fragment6(r, 8, false, BYTES_LITERAL("hello world"));
	assert_true(defrag_packet(r->defrag, p, &whole));
	assert_int_equal(whole.len, 40 + 8 + 19);
	assert_int_equal(load_be16(whole.data + 4), 27);
	assert_int_equal(whole.data[40], 17);
	struct packet *q = decode_datagram(&r->decoder, p, whole);
	assert_true(q->is_udp && q->ip_version == 6);
	assert_memory_equal(q->payload.data, "hello world", 11);
}

static void test_host_os(void **state)
{
	struct error error = {0};
	struct conf *c = conf_new();
	assert_int_equal(conf_load_text(c, BYTES_LITERAL("host-os-policy:\n  windows: [0.0.0.0/0]\n  linux: [10.0.0.0/8, \"2001:db8::/32\"]\n"
							 "  solaris: [10.1.2.3]\n  bsd: []\n"), "test", &error), 0);
	struct host_os *h = host_os_read(c, &error);
	assert_non_null(h);
	static const struct {
		const char *text;
		enum os_policy policy;
	} rows[] = {{"192.0.2.1", OS_WINDOWS}, {"10.9.9.9", OS_LINUX}, {"10.1.2.3", OS_SOLARIS}, {"2001:db8::1", OS_LINUX}, {"2001:db9::1", OS_BSD}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct address a;
		assert_true(address_parse(bytes_of_string(rows[i].text), &a));
		assert_int_equal(host_os_find(h, &a), rows[i].policy);
	}
	host_os_free(h);
	assert_int_equal(conf_set(c, "host-os-policy.linux.0=10.0.0.0/33", &error), 0);
	assert_null(host_os_read(c, &error));
	assert_non_null(strstr(error.text, "10.0.0.0/33"));
	conf_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_novak),
		cmocka_unit_test(test_orders),
		cmocka_unit_test_setup_teardown(test_datagram4, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_datagram6, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_bad_checksum, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_timeout, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_too_large, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_largest, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_limits, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_overlap_event, rig_setup, rig_teardown),
		cmocka_unit_test(test_host_os),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
