// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "ruleset/eval.h"

/* lookup3.c's own self test: hashlittle("Four score and seven years ago", 30, 0) is 0x17770551; the kernel adds nothing but the same beginning. */
static void test_jenkins(void **state)
{
	assert_int_equal(jenkins_bytes((const uint8_t *)"Four score and seven years ago", 30, 0), 0x17770551);
	assert_int_equal(jenkins_bytes((const uint8_t *)"Four score and seven years ago", 30, 1), 0xcd628161);
}

struct rig {
	struct ruleset rs;
	struct ruleset_table table;
	struct ruleset_chain chain[2];
	struct network *network;
	struct trace *trace;
};

static void rig_start(struct rig *r)
{
	struct trace_options o = {.ruleset = &r->rs, .network = r->network};
	r->trace = trace_new(&o);
}

static void rig_stop(struct rig *r)
{
	trace_free(r->trace);
	network_free(r->network);
}

/* Sends a packet in words; how far after the first one, in milliseconds. */
static const struct trace_result *send_words(struct rig *r, const char *text, unsigned ms)
{
	struct packet_words w;
	static uint8_t frame[512];
	assert_int_equal(packet_words_parse(text, &w, NULL), 0);
	size_t len = packet_build(&w, frame, sizeof frame);
	struct trace_input in = {.frame = bytes_of(frame, len), .in = w.iif, .out = w.oif, .time = 1000000000 + (usec_t)ms * 1000};
	return trace_run(r->trace, &in);
}

/* Forward: drop what is not established; RFC 9293's handshake makes it so. */
static void test_states(void **state)
{
	struct rig r = {.network = network_new()};
	static const uint8_t established[4] = {2, 0, 0, 0}, zero[4] = {0};
	static struct change mask = {.kind = CHANGE_MASK_XOR, .mask = established, .xor = zero};
	struct operand ct = {.source = SOURCE_CT, .len = 4, .changes = &mask};
	ct.key.key = NFT_CT_STATE;
	ct.key.direction = -1;
	struct step accept = {.kind = STEP_VERDICT, .verdict = {.code = NF_ACCEPT}}, match = {.kind = STEP_COMPARE, .compare = COMPARE_NEQ, .next = &accept};
	match.match.operand = &ct;
	match.match.data = zero;
	match.match.len = 4;
	struct ruleset_rule rule = {.chain = &r.chain[0], .steps = &match, .index = 1};
	r.rs.tables = &r.table;
	r.table = (struct ruleset_table){.name = "t", .family = NFPROTO_INET, .chains = &r.chain[0]};
	r.chain[0] = (struct ruleset_chain){.name = "f", .type = "filter", .hook = NF_INET_FORWARD, .policy = NF_DROP, .table = &r.table, .rules = &rule};
	rig_start(&r);
	assert_int_equal(send_words(&r, "tcp 10.0.0.1:1000 > 10.0.1.1:80 syn seq 100, iif a, oif b", 0)->fate, FATE_DROPPED);
	assert_ptr_equal(r.trace->result.chain, &r.chain[0]);
	r.chain[0].policy = NF_ACCEPT;
	assert_int_equal(send_words(&r, "tcp 10.0.0.1:1000 > 10.0.1.1:80 syn seq 100, iif a, oif b", 1)->fate, FATE_FORWARDED);
	r.chain[0].policy = NF_DROP;
	assert_int_equal(send_words(&r, "tcp 10.0.1.1:80 > 10.0.0.1:1000 syn|ack seq 500 ackno 101, iif b, oif a", 2)->fate, FATE_FORWARDED);
	assert_int_equal(send_words(&r, "tcp 10.0.0.1:1000 > 10.0.1.1:80 ack seq 101 ackno 501, iif a, oif b", 3)->fate, FATE_FORWARDED);
	/* acknowledges what was never sent: invalid */
	assert_int_equal(send_words(&r, "tcp 10.0.0.1:1000 > 10.0.1.1:80 ack seq 101 ackno 9999999, iif a, oif b", 4)->fate, FATE_DROPPED);
	/* another connection */
	assert_int_equal(send_words(&r, "tcp 10.0.0.1:1001 > 10.0.1.1:80 ack seq 101 ackno 501, iif a, oif b", 5)->fate, FATE_DROPPED);
	rig_stop(&r);
}

/* 2 a minute, burst 2: two at once, the third is above it; half a minute later there is one again. */
static void test_limit(void **state)
{
	struct rig r = {.network = network_new()};
	struct step accept = {.kind = STEP_VERDICT, .verdict = {.code = NF_ACCEPT}}, limit = {.kind = STEP_LIMIT, .next = &accept};
	limit.limit.rate = 2;
	limit.limit.unit = 60;
	limit.limit.burst = 2;
	struct ruleset_rule rule = {.chain = &r.chain[0], .steps = &limit, .index = 1};
	r.rs.tables = &r.table;
	r.table = (struct ruleset_table){.name = "t", .family = NFPROTO_IPV4, .chains = &r.chain[0]};
	r.chain[0] = (struct ruleset_chain){.name = "f", .type = "filter", .hook = NF_INET_FORWARD, .policy = NF_DROP, .table = &r.table, .rules = &rule};
	rig_start(&r);
	static const struct {
		unsigned ms;
		enum trace_fate fate;
	} cases[] = {{0, FATE_FORWARDED}, {10, FATE_FORWARDED}, {20, FATE_DROPPED}, {29000, FATE_DROPPED}, {30000, FATE_FORWARDED}, {30010, FATE_DROPPED}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_int_equal(send_words(&r, "udp 10.0.0.1 > 10.0.1.1, iif a, oif b", cases[i].ms)->fate, cases[i].fate);
	rig_stop(&r);
}

static void test_routes(void **state)
{
	struct network *n = NULL;
	struct error e = {0};
	assert_int_equal(network_read_text(&n, "default via 10.0.0.254 dev eth0\n10.0.0.0/24 dev eth0 src 10.0.0.1\n10.9.0.0/16 dev eth1 table 7\n"
					       "0: from all lookup local\n100: from all fwmark 0x1/0x1 lookup 7\n32766: from all lookup main\n", &e), 0);
	struct network_key k = {.dst = {.family = 4, .byte = {10, 9, 1, 1}}};
	assert_string_equal(network_device(n, network_route(n, &k).device)->name, "eth0");
	k.mark = 3;
	assert_string_equal(network_device(n, network_route(n, &k).device)->name, "eth1");
	struct address own = {.family = 4, .byte = {10, 0, 0, 1}};
	assert_true(network_is_local(n, &own, 0));
	network_free(n);
	assert_int_not_equal(network_read_text(&n, "\n10.0.0.0/40 dev eth0\n", &e), 0);
	assert_int_equal(e.line, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_jenkins), cmocka_unit_test(test_states), cmocka_unit_test(test_limit), cmocka_unit_test(test_routes)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
