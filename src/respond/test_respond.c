// SPDX-License-Identifier: GPL-2.0-or-later
#include "respond/respond.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* A bench with one packet of one flow; signatures are made by hand. */
static struct {
	struct respond_settings settings;
	struct rule_set findings;
	struct shared_table *shared;
	struct counters counters;
	struct responder *responder;
	struct detect_scratch scratch;
	struct packet packet;
	struct flow flow;
	struct signature sig[8];
} b;

static struct packet_test any_test; /* that a signature has one is all that counts here */

static void start(bool ips, const char *thresholds)
{
	memset(&b, 0, sizeof b);
	rule_set_init(&b.findings);
	b.settings = (struct respond_settings){.ips = ips, .packet_alert_max = 15};
	b.settings.thresholds = threshold_text_load(bytes_of_string(thresholds), "t", NULL, &b.findings);
	assert_null(b.findings.findings);
	b.shared = shared_new(1 << 20, 1);
	b.responder = responder_new(&b.settings, b.shared, &b.counters);
	b.scratch.shared = b.shared;
	b.flow.id = 77;
	for (uint32_t i = 0; i < 8; i++)
		b.sig[i] = (struct signature){.sid = i + 1, .gid = 1, .action = RULE_ALERT, .type = SIG_TX, .hook_state = -1, .tests = &any_test};
}

static void stop(void)
{
	responder_free(b.responder);
	shared_free(b.shared);
	respond_settings_deinit(&b.settings);
	rule_set_free(&b.findings);
}

/* A packet at a second from 10.0.0.HOST to 10.0.0.PEER. */
static void packet(usec_t second, uint8_t host, uint8_t peer)
{
	b.packet = (struct packet){.time = second * USEC_PER_SEC, .ip_version = 4, .flow = &b.flow, .wire_len = 100};
	b.packet.src = (struct address){4, {10, 0, 0, host}};
	b.packet.dst = (struct address){4, {10, 0, 0, peer}};
	b.scratch.packet = &b.packet;
	b.scratch.flow = &b.flow;
	b.scratch.n_alerts = 0;
}

static void match(unsigned sig, uint64_t tx, uint16_t flags)
{
	b.scratch.alert[b.scratch.n_alerts++] = (struct alert){.sig = &b.sig[sig], .number = sig, .tx_id = tx, .flags = flags};
}

/* Judges; the sids that are left, as digits. */
static const char *judged(void)
{
	static char text[DETECT_MAX_ALERTS + 1];
	respond_packet(b.responder, &b.scratch, &b.packet);
	unsigned n = b.scratch.n_alerts;
	for (unsigned i = 0; i < n; i++)
		text[i] = (char)('0' + b.scratch.alert[i].sig->sid);
	text[n] = 0;
	return text;
}

/* One match of the first signature in a packet of its own: 'A' alert, 'a' silent action (drop), '-' nothing. */
static char one(usec_t second, uint8_t host, uint8_t peer)
{
	packet(second, host, peer);
	match(0, UINT64_MAX, 0);
	const char *left = judged();
	return *left ? 'A' : b.packet.action & ACTION_DROP ? 'a' : '-';
}

static void order(void **state)
{
	(void)state;
	start(false, "");
	packet(1, 1, 2);
	match(3, UINT64_MAX, 0);
	match(1, UINT64_MAX, 0);
	match(1, 4, 0);
	match(0, 9, 0);
	match(1, 7, 0);
	assert_string_equal(judged(), "12224");
	assert_int_equal(b.scratch.alert[1].tx_id, 7);
	assert_int_equal(b.scratch.alert[2].tx_id, 4);
	assert_true(b.scratch.alert[3].tx_id == UINT64_MAX);
	assert_int_equal(b.counters.value[COUNTER_DETECT_ALERT], 5);
	assert_int_equal(b.flow.alert_count, 5);
	assert_true(b.flow.flags & FLOW_ALERTED);
	assert_int_equal(b.packet.action, ACTION_ALERT);
	stop();
}

static void what_a_drop_takes(void **state)
{
	(void)state;
	static const struct { enum signature_type type; uint16_t flags; bool flow; } drops[] = {
		{SIG_PACKET, 0, false}, {SIG_DECODER_EVENT, 0, false}, {SIG_PACKET_STREAM, 0, false}, {SIG_PACKET_STREAM, ALERT_STREAM, true},
		{SIG_STREAM, 0, false}, {SIG_STREAM, ALERT_STATE, true}, {SIG_APP, 0, true}, {SIG_TX, ALERT_TX, true}, {SIG_IP_ONLY, 0, true},
		{SIG_LIKE_IP_ONLY, 0, true}, {SIG_PD_ONLY, 0, true},
	};
	for (size_t i = 0; i < sizeof drops / sizeof *drops; i++) {
		start(true, "");
		b.sig[0].type = drops[i].type;
		b.sig[0].action = RULE_DROP;
		packet(1, 1, 2);
		match(0, UINT64_MAX, drops[i].flags);
		assert_string_equal(judged(), "1");
		assert_true(b.packet.action & ACTION_DROP);
		assert_int_equal(b.packet.drop_reason, DROP_RULES);
		assert_int_equal(!!(b.flow.flags & FLOW_ACTION_DROP), drops[i].flow);
		assert_int_equal(!!(b.scratch.alert[0].flags & ALERT_FLOW_ACTION), drops[i].flow);
		assert_non_null(respond_culprit(b.responder));
		stop();
	}
}

static void a_header_alone_speaks_of_flows(void **state)
{
	(void)state;
	for (int narrowed = 0; narrowed < 2; narrowed++) {
		start(true, "");
		b.sig[0].type = SIG_PACKET;
		b.sig[0].action = RULE_PASS;
		b.sig[0].tests = NULL;
		b.sig[0].flags = narrowed ? SIG_NOT_ESTABLISHED : 0;
		packet(1, 1, 2);
		match(0, UINT64_MAX, 0);
		judged();
		assert_int_equal(!!(b.flow.flags & FLOW_ACTION_PASS), !narrowed);
		stop();
	}
}

static void nothing_is_dropped_without_ips(void **state)
{
	(void)state;
	start(false, "");
	b.sig[0].action = RULE_DROP;
	b.sig[1].action = RULE_REJECT_BOTH;
	packet(1, 1, 2);
	match(0, UINT64_MAX, 0);
	match(1, UINT64_MAX, 0);
	assert_string_equal(judged(), "12");
	assert_false(b.packet.action & ACTION_DROP);
	assert_true(b.packet.action & ACTION_REJECT_BOTH);
	assert_false(b.flow.flags & FLOW_ACTION_DROP);
	b.settings.ids_only = true;
	packet(1, 1, 2);
	match(1, UINT64_MAX, 0);
	judged();
	assert_int_equal(b.packet.action, ACTION_ALERT);
	stop();
}

static void reject_implies_drop(void **state)
{
	(void)state;
	start(true, "");
	b.sig[0].action = RULE_REJECT_DST;
	packet(1, 1, 2);
	match(0, 3, ALERT_TX);
	judged();
	assert_int_equal(b.packet.action, ACTION_ALERT | ACTION_DROP | ACTION_REJECT_DST);
	assert_true(b.flow.flags & FLOW_ACTION_DROP && b.flow.flags & FLOW_REJECTED);
	stop();
}

static void pass_ends_the_walk(void **state)
{
	(void)state;
	start(true, "");
	b.sig[1].action = RULE_PASS;
	b.sig[1].flags = SIG_NOALERT;
	b.sig[2].action = RULE_DROP;
	packet(1, 1, 2);
	match(2, UINT64_MAX, 0);
	match(1, UINT64_MAX, 0);
	match(0, UINT64_MAX, 0);
	assert_string_equal(judged(), "1");
	assert_int_equal(b.packet.action, ACTION_ALERT | ACTION_PASS);
	assert_true(b.flow.flags & FLOW_ACTION_PASS);
	/* a pass that comes after a drop (action-order) ends the walk, and the packet stays dropped */
	b.flow.flags = 0;
	b.sig[0].action = RULE_DROP;
	b.sig[1].flags = 0;
	packet(1, 1, 2);
	match(0, UINT64_MAX, 0);
	match(1, UINT64_MAX, 0);
	match(2, UINT64_MAX, 0);
	assert_string_equal(judged(), "12");
	assert_true(b.packet.action & ACTION_DROP);
	assert_false(b.packet.action & ACTION_PASS || b.flow.flags & FLOW_ACTION_PASS);
	stop();
}

static void packet_pass_spares_the_packet_alone(void **state)
{
	(void)state;
	start(true, "");
	b.sig[0].action = RULE_PASS;
	b.sig[0].type = SIG_PACKET;
	packet(1, 1, 2);
	match(0, UINT64_MAX, 0);
	judged();
	assert_true(b.packet.action & ACTION_PASS);
	assert_false(b.flow.flags & FLOW_ACTION_PASS);
	stop();
}

static void quiet_rules_act(void **state)
{
	(void)state;
	start(true, "suppress gen_id 1, sig_id 2\n");
	b.sig[0].action = b.sig[1].action = RULE_DROP;
	b.sig[0].flags = SIG_NOALERT;
	for (unsigned i = 0; i < 2; i++) {
		b.flow.flags = 0;
		packet(1, 1, 2);
		match(i, UINT64_MAX, 0);
		assert_string_equal(judged(), "");
		assert_true(b.packet.action & ACTION_DROP && b.flow.flags & FLOW_ACTION_DROP);
		assert_false(b.flow.flags & FLOW_ALERTED);
		assert_int_equal(respond_culprit(b.responder)->sig->sid, i + 1);
	}
	assert_int_equal(b.counters.value[COUNTER_DETECT_ALERTS_SUPPRESSED], 2);
	assert_int_equal(b.counters.value[COUNTER_DETECT_ALERT], 0);
	stop();
}

static void queue_has_an_end(void **state)
{
	(void)state;
	start(true, "");
	b.settings.packet_alert_max = 2;
	b.sig[3].action = RULE_DROP;
	packet(1, 1, 2);
	for (unsigned i = 0; i < 4; i++)
		match(i, UINT64_MAX, 0);
	assert_string_equal(judged(), "12");
	assert_int_equal(b.counters.value[COUNTER_DETECT_ALERT_QUEUE_OVERFLOW], 2);
	assert_true(b.packet.action & ACTION_DROP);
	stop();
}

/* Matches at seconds 0, 0, 1, 1, 2 … of one host; what each is worth. */
static const struct { const char *threshold; bool filter; const char *want; } thresholds[] = {
	{"type limit, track by_src, count 2, seconds 3", false, "AAaaaaAAaaaaAA"},
	{"type threshold, track by_src, count 3, seconds 60", false, "--A--A--A--A--"},
	{"type threshold, track by_src, count 3, seconds 1", false, "--------------"},
	{"type both, track by_src, count 2, seconds 3", false, "-Aaaaa-Aaaaa-A"},
	{"track by_src, count 4, seconds 60", true, "----AAAAAAAAAA"},
	{"track by_src, count 4, seconds 3", true, "----AA----AA--"},
	{"type backoff, track by_flow, count 1, multiplier 2", false, "AAaAaaaAaaaaaa"},
	{"type backoff, track by_flow, count 3, multiplier 2", false, "-aAaaAaaaaaAaa"},
	{"type backoff, track by_flow, count 2, multiplier 1", false, "-AAAAAAAAAAAAA"},
};

static void rule_thresholds(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof thresholds / sizeof *thresholds; i++) {
		char got[15] = "";
		struct threshold t;
		start(true, "");
		b.sig[0].action = RULE_DROP;
		b.sig[0].type = SIG_PACKET;
		assert_int_equal(threshold_parse(thresholds[i].threshold, thresholds[i].filter, &t, NULL), 0);
		b.sig[0].threshold = &t;
		for (int k = 0; k < 14; k++)
			got[k] = one(100 + k / 2, 1, 2);
		if (strcmp(got, thresholds[i].want) != 0)
			fail_msg("%s: %s, not %s", thresholds[i].threshold, got, thresholds[i].want);
		stop();
	}
}

static void what_is_tracked(void **state)
{
	(void)state;
	static const struct { const char *track, *want; } rows_[] = {
		{"by_src", "AaAaAA"}, {"by_dst", "AAaAaa"}, {"by_both", "AAAAAa"}, {"by_rule", "Aaaaaa"}, {"by_flow", "Aaaaaa"},
	};
	static const uint8_t hosts[6][2] = {{1, 2}, {1, 3}, {4, 3}, {4, 1}, {9, 3}, {3, 1}};
	for (size_t i = 0; i < sizeof rows_ / sizeof *rows_; i++) {
		char line[120], got[7] = "";
		snprintf(line, sizeof line, "threshold gen_id 1, sig_id 1, type limit, track %s, count 1, seconds 60\n", rows_[i].track);
		start(true, line);
		b.sig[0].action = RULE_DROP;
		for (int k = 0; k < 6; k++)
			got[k] = one(100, hosts[k][0], hosts[k][1]);
		assert_string_equal(got, rows_[i].want);
		stop();
	}
}

static void lines_and_own_thresholds(void **state)
{
	(void)state;
	struct threshold own;
	/* a line for the sid stands in the rule's stead */
	start(true, "threshold gen_id 1, sig_id 1, type limit, track by_src, count 1, seconds 60\nthreshold gen_id 0, sig_id 0, type limit, track by_src, count 2, seconds 60\n");
	assert_int_equal(threshold_parse("type limit, track by_src, count 3, seconds 60", false, &own, NULL), 0);
	b.sig[0].threshold = b.sig[1].threshold = &own;
	unsigned alerts[3] = {0};
	for (unsigned i = 0; i < 3; i++) {
		for (int k = 0; k < 5; k++) {
			packet(100, 1, 2);
			match(i, UINT64_MAX, 0);
			alerts[i] += *judged() != 0;
		}
	}
	assert_int_equal(alerts[0], 1);
	assert_int_equal(alerts[1], 3); /* a line for all does not touch a rule that has its own */
	assert_int_equal(alerts[2], 2);
	stop();
}

static void suppression_by_address(void **state)
{
	(void)state;
	static const struct { const char *track; char want[4]; } rows_[] = {{"by_src", "aAA"}, {"by_dst", "AaA"}, {"by_either", "aaA"}};
	for (size_t i = 0; i < 3; i++) {
		char line[120];
		snprintf(line, sizeof line, "suppress gen_id 1, sig_id 1, track %s, ip [10.0.0.1,10.0.0.64/26]\n", rows_[i].track);
		start(true, line);
		b.sig[0].action = RULE_DROP;
		assert_int_equal(one(1, 1, 2), rows_[i].want[0]);
		assert_int_equal(one(1, 2, 65), rows_[i].want[1]);
		assert_int_equal(one(1, 2, 3), rows_[i].want[2]);
		stop();
	}
}

static void rates_change_the_action(void **state)
{
	(void)state;
	start(true, "rate_filter gen_id 1, sig_id 1, track by_src, count 2, seconds 10, new_action drop, timeout 5\n");
	for (int i = 0; i < 2; i++) {
		assert_int_equal(one(100, 1, 2), 'A');
		assert_false(b.packet.action & ACTION_DROP);
	}
	assert_int_equal(one(101, 1, 2), 'A');
	assert_true(b.packet.action & ACTION_DROP);
	assert_int_equal(b.packet.drop_reason, DROP_RULES_THRESHOLD);
	assert_true(b.scratch.alert[0].action & ACTION_DROP);
	assert_int_equal(one(105, 1, 2), 'A');
	assert_true(b.packet.action & ACTION_DROP);
	one(105, 3, 2); /* another host */
	assert_false(b.packet.action & ACTION_DROP);
	one(106, 1, 2); /* five seconds have passed: it counts anew */
	assert_false(b.packet.action & ACTION_DROP);
	stop();
	start(true, "rate_filter gen_id 1, sig_id 1, track by_rule, count 1, seconds 60, new_action pass, timeout 1000\n");
	assert_int_equal(one(100, 1, 2), 'A');
	assert_int_equal(one(100, 1, 2), '-');
	assert_true(b.packet.action & ACTION_PASS && b.flow.flags & FLOW_ACTION_PASS);
	stop();
	start(true, "rate_filter gen_id 1, sig_id 1, track by_both, count 1, seconds 60, new_action alert, timeout 1000\n");
	b.sig[0].action = RULE_DROP;
	b.sig[0].type = SIG_PACKET;
	one(100, 1, 2);
	assert_true(b.packet.action & ACTION_DROP);
	one(100, 2, 1);
	assert_false(b.packet.action & ACTION_DROP);
	stop();
}

static bool tagged(usec_t second, uint8_t host, uint8_t peer)
{
	packet(second, host, peer);
	respond_packet(b.responder, &b.scratch, &b.packet);
	return respond_tagged(b.responder, &b.packet, b.packet.flow, b.packet.time);
}

static void tags(void **state)
{
	(void)state;
	start(false, "");
	struct rule_tag host = {.host = true, .count = 3, .metric = TAG_PACKETS, .gid = 1, .sid = 1};
	struct rule_tag session = {.count = 250, .metric = TAG_BYTES, .gid = 1, .sid = 1};
	struct rule_tag timed = {.host = true, .dst = true, .count = 10, .metric = TAG_SECONDS, .gid = 1, .sid = 2};
	struct flow other = {.id = 78};
	assert_false(tagged(100, 1, 2));
	/* the packet that matches is the first of three */
	packet(100, 1, 2);
	respond_tag(&b.scratch, &host);
	respond_packet(b.responder, &b.scratch, &b.packet);
	assert_true(tagged(100, 5, 1));
	assert_false(tagged(100, 5, 6));
	assert_true(tagged(100, 1, 7));
	assert_false(tagged(100, 1, 2));
	/* 250 bytes are three packets of 100 */
	packet(100, 1, 2);
	respond_tag(&b.scratch, &session);
	respond_packet(b.responder, &b.scratch, &b.packet);
	assert_true(tagged(100, 1, 2));
	assert_true(tagged(100, 2, 1));
	assert_false(tagged(100, 1, 2));
	packet(100, 1, 9);
	respond_tag(&b.scratch, &timed);
	assert_true(tagged(105, 9, 4));
	assert_true(tagged(109, 4, 9));
	assert_false(tagged(110, 9, 4));
	packet(110, 1, 2);
	respond_tag(&b.scratch, &session);
	b.packet.flow = &other;
	respond_packet(b.responder, &b.scratch, &b.packet);
	assert_false(respond_tagged(b.responder, &b.packet, &other, 0));
	stop();
}

static void settings(void **state)
{
	(void)state;
	struct conf *conf = conf_new();
	struct respond_settings s;
	struct rule_set set;
	struct error error = {0};
	rule_set_init(&set);
	assert_int_equal(respond_settings_read(&s, conf, NULL, true, &set, &error), 0);
	assert_int_equal(s.packet_alert_max, 15);
	conf_set(conf, "packet-alert-max=32", NULL);
	conf_set(conf, "threshold-file=/nonexistent", NULL);
	assert_int_equal(respond_settings_read(&s, conf, NULL, true, &set, &error), 0);
	assert_int_equal(s.packet_alert_max, 32);
	assert_int_equal(set.findings->severity, FINDING_WARNING);
	conf_set(conf, "packet-alert-max=1000", NULL);
	assert_true(respond_settings_read(&s, conf, NULL, true, &set, &error) < 0);
	rule_set_free(&set);
	conf_free(conf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order), cmocka_unit_test(what_a_drop_takes), cmocka_unit_test(a_header_alone_speaks_of_flows), cmocka_unit_test(nothing_is_dropped_without_ips),
		cmocka_unit_test(reject_implies_drop), cmocka_unit_test(pass_ends_the_walk), cmocka_unit_test(packet_pass_spares_the_packet_alone),
		cmocka_unit_test(quiet_rules_act), cmocka_unit_test(queue_has_an_end), cmocka_unit_test(rule_thresholds),
		cmocka_unit_test(what_is_tracked), cmocka_unit_test(lines_and_own_thresholds), cmocka_unit_test(suppression_by_address),
		cmocka_unit_test(rates_change_the_action), cmocka_unit_test(tags), cmocka_unit_test(settings),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
