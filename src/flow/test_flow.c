// SPDX-License-Identifier: GPL-2.0-or-later
#include "flow/flow.h"

#include "flow/stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const struct flow_settings settings = {
	.memcap = 1 << 20, .hash_size = 64, .vlan_use_for_tracking = true, .recursion_use_for_tracking = true, .emergency_recovery = 30,
	.timeout = {{30, 300, 0, 100, 100}, {60, 600, 60, 100, 100}, {30, 300, 0, 100, 100}, {30, 300, 0, 100, 100}},
	.emergency_timeout = {{10, 100, 0, 50, 50}, {5, 100, 10, 50, 50}, {10, 100, 0, 50, 50}, {10, 100, 0, 50, 50}},
};

enum { T0 = 1700000000 };

static char ended[1024]; /* "id:reason" of flows as they end: id is the client's port */

static void note_end(void *context, struct flow *f, usec_t now)
{
	size_t n = strlen(ended);
	static const char *const reason[] = {"timeout", "forced", "shutdown", "reuse"};
	snprintf(ended + n, sizeof ended - n, "%s%u:%s", n ? " " : "", f->key.sport, reason[f->end_reason]);
	(void)context;
	(void)now;
}

static struct counters counters;

static struct flow_table *table_with(struct flow_settings s)
{
	struct flow_table_hooks hooks = {.end = note_end};
	memset(&counters, 0, sizeof counters);
	ended[0] = 0;
	return flow_table_new(&s, &hooks, &counters, 42);
}

static struct address host(unsigned n)
{
	return (struct address){.family = 4, .byte = {10, 0, (uint8_t)(n >> 8), (uint8_t)n}};
}

/* A datagram from a client's port to port 53, or back. */
static struct packet datagram(unsigned port, bool back, double seconds)
{
	struct packet p = {.ip_version = 4, .proto = PROTO_UDP, .is_udp = true, .ttl = back ? 60 : 64, .time = (usec_t)((T0 + seconds) * USEC_PER_SEC)};
	p.src = host(back ? 2 : 1);
	p.dst = host(back ? 1 : 2);
	p.sport = (uint16_t)(back ? 53 : port);
	p.dport = (uint16_t)(back ? port : 53);
	p.frame = bytes_of("0123456789", 10);
	return p;
}

static struct flow *send(struct flow_table *t, struct packet *p)
{
	return flow_table_get(t, p);
}

static void test_both_directions(void **state)
{
	struct flow_table *t = table_with(settings);
	struct packet a = datagram(1000, false, 0), b = datagram(1000, true, 1), c = datagram(1000, false, 2), d = datagram(1001, false, 2);
	struct flow *f = send(t, &a);
	assert_non_null(f);
	assert_true(a.flags & PACKET_TO_SERVER && a.flags & PACKET_FIRST_IN_DIRECTION && !(a.flags & PACKET_ESTABLISHED));
	assert_int_equal(f->state, FLOW_NEW);
	assert_ptr_equal(send(t, &b), f);
	assert_true(b.flags & PACKET_TO_CLIENT && b.flags & PACKET_FIRST_IN_DIRECTION && b.flags & PACKET_ESTABLISHED);
	assert_int_equal(f->state, FLOW_ESTABLISHED);
	assert_ptr_equal(send(t, &c), f);
	assert_false(c.flags & PACKET_FIRST_IN_DIRECTION);
	assert_int_equal(c.flow_packet, 3);
	assert_int_equal(f->side[0].packets, 2);
	assert_int_equal(f->side[1].bytes, 10);
	assert_int_equal(f->side[1].min_ttl, 60);
	assert_ptr_not_equal(send(t, &d), f);
	assert_true(f->id && f->id < 1ull << 51);
	assert_int_equal(flow_table_count(t), 2);
	flow_table_end_all(t, d.time);
	assert_int_equal(flow_table_count(t), 0);
	assert_true(strcmp(ended, "1000:shutdown 1001:shutdown") == 0 || strcmp(ended, "1001:shutdown 1000:shutdown") == 0);
	flow_table_free(t);
	(void)state;
}

static void test_what_tells_flows_apart(void **state)
{
	struct flow_table *t = table_with(settings);
	struct packet a = datagram(1, false, 0), b = a, c = a, d = a;
	b.n_vlans = 1;
	b.vlan[0] = 5;
	c.recursion = 1;
	d.proto = PROTO_SCTP;
	send(t, &a), send(t, &b), send(t, &c), send(t, &d);
	assert_int_equal(flow_table_count(t), 4);
	flow_table_free(t);
	struct flow_settings less = settings;
	less.vlan_use_for_tracking = less.recursion_use_for_tracking = false;
	t = table_with(less);
	send(t, &a), send(t, &b), send(t, &c);
	assert_int_equal(flow_table_count(t), 1);
	flow_table_free(t);
	(void)state;
}

static void test_timeouts(void **state)
{
	struct flow_table *t = table_with(settings);
	struct packet a = datagram(1, false, 0), b = datagram(2, false, 0), answer = datagram(2, true, 1), late = datagram(1, false, 29.9);
	send(t, &a);
	send(t, &b);
	send(t, &answer);
	assert_int_equal(flow_table_expire(t, (T0 + 29) * USEC_PER_SEC, 10), 0);
	send(t, &late); /* lives on */
	assert_int_equal(flow_table_expire(t, (T0 + 58) * USEC_PER_SEC, 10), 0);
	assert_int_equal(flow_table_expire(t, (T0 + 61) * USEC_PER_SEC, 10), 1); /* 29.9 + 30: not answered */
	assert_string_equal(ended, "1:timeout");
	assert_int_equal(flow_table_expire(t, (T0 + 300) * USEC_PER_SEC, 10), 0);
	assert_int_equal(flow_table_expire(t, (T0 + 302) * USEC_PER_SEC, 10), 1); /* 1 + 300: answered */
	assert_string_equal(ended, "1:timeout 2:timeout");
	flow_table_free(t);
	(void)state;
}

/* A flow whose time is up ends before a packet of the same key, which begins another. */
static void test_timeout_at_lookup(void **state)
{
	struct flow_table *t = table_with(settings);
	struct packet a = datagram(1, false, 0), b = datagram(1, true, 31);
	uint64_t id = send(t, &a)->id;
	struct flow *f = send(t, &b);
	assert_string_equal(ended, "1:timeout");
	assert_true(f->id != id);
	assert_int_equal(f->key.sport, 53); /* who speaks first is the client */
	assert_true(b.flags & PACKET_TO_SERVER);
	flow_table_free(t);
	(void)state;
}

static void test_time_never_runs_back(void **state)
{
	struct flow_table *t = table_with(settings);
	struct packet a = datagram(1, false, 100), b = datagram(2, false, 0);
	send(t, &a);
	struct flow *f = send(t, &b);
	assert_int_equal(flow_table_expire(t, (T0 + 50) * USEC_PER_SEC, 10), 0);
	assert_int_equal(f->last, T0 * USEC_PER_SEC); /* what is told of it is the packet's time */
	struct packet c = datagram(2, false, 31);
	uint64_t id = f->id;
	assert_true(send(t, &c)->id != id); /* 31 seconds of silence, as the packets say */
	assert_int_equal(flow_table_expire(t, (T0 + 131) * USEC_PER_SEC, 10), 2); /* timers count from the newest time */
	flow_table_free(t);
	(void)state;
}

static void test_long_silence(void **state)
{
	struct flow_settings s = settings;
	s.timeout[FLOW_TIMEOUT_UDP][FLOW_NEW] = 5000; /* further than the wheel is wide */
	struct flow_table *t = table_with(s);
	struct packet a = datagram(1, false, 0);
	send(t, &a);
	for (int second = 0; second < 5000; second += 7)
		assert_int_equal(flow_table_expire(t, (usec_t)(T0 + second) * USEC_PER_SEC, 4), 0);
	assert_int_equal(flow_table_expire(t, (T0 + 5001ll) * USEC_PER_SEC, 4), 1);
	struct packet b = datagram(2, false, 6000);
	send(t, &b);
	assert_int_equal(flow_table_expire(t, (T0 + 100000000ll) * USEC_PER_SEC, 4), 1); /* years at a leap */
	flow_table_free(t);
	(void)state;
}

static void test_shorter_timeout(void **state)
{
	struct flow_table *t = table_with(settings);
	struct packet a = datagram(1, false, 0), b = datagram(1, true, 0);
	send(t, &a);
	struct flow *f = send(t, &b);
	flow_set_state(t, f, FLOW_BYPASSED);
	assert_int_equal(flow_table_expire(t, (T0 + 99) * USEC_PER_SEC, 4), 0);
	assert_int_equal(flow_table_expire(t, (T0 + 102) * USEC_PER_SEC, 4), 1);
	flow_table_free(t);
	(void)state;
}

static void test_bypassed_packets(void **state)
{
	struct flow_table *t = table_with(settings);
	uint64_t here = counters.value[COUNTER_FLOW_BYPASSED_LOCAL_PKTS], late = counters.value[COUNTER_FLOW_BYPASSED_LOCAL_CAPTURE_PKTS];
	for (unsigned i = 0; i < 2; i++) { /* bypassed here; by the kernel, and one was on its way */
		struct packet a = datagram(1 + i, false, 0), b = datagram(1 + i, true, 0);
		flow_set_state(t, send(t, &a), i ? FLOW_CAPTURE_BYPASSED : FLOW_BYPASSED);
		send(t, &b);
	}
	assert_int_equal(counters.value[COUNTER_FLOW_BYPASSED_LOCAL_PKTS] - here, 1);
	assert_int_equal(counters.value[COUNTER_FLOW_BYPASSED_LOCAL_CAPTURE_PKTS] - late, 1);
	struct packet c = datagram(3, false, 0);
	struct flow *f = send(t, &c);
	exception_policy_apply(EXCEPTION_BYPASS, &c, f, DROP_STREAM_MIDSTREAM);
	assert_int_equal(f->released, FLOW_RELEASED_EXCEPTION);
	assert_true(c.flags & PACKET_NO_INSPECT);
	flow_table_free(t);
	(void)state;
}

static void test_memcap(void **state)
{
	struct flow_settings s = settings;
	s.memcap = 10 * sizeof(struct flow);
	s.memcap_policy = EXCEPTION_DROP_PACKET;
	struct flow_table *t = table_with(s);
	for (unsigned i = 0; i < 30; i++) {
		struct packet p = datagram(100 + i, false, i);
		assert_non_null(send(t, &p));
		assert_true(flow_table_count(t) <= 10);
	}
	/* emergency: silent for ten seconds or more is over */
	assert_true(strncmp(ended, "100:", 4) == 0);
	assert_int_equal(counters.value[COUNTER_FLOW_EMERG_MODE_ENTERED] > 0, 1);
	flow_table_free(t);
	s.memcap = 1;
	t = table_with(s);
	struct packet p = datagram(1, false, 0);
	assert_null(send(t, &p));
	assert_true(p.action & ACTION_DROP);
	assert_int_equal(p.drop_reason, DROP_FLOW_MEMCAP);
	assert_int_equal(counters.value[COUNTER_FLOW_MEMCAP], 1);
	flow_table_free(t);
	(void)state;
}

static struct packet icmp(unsigned from, unsigned to, uint8_t type, uint8_t code, double seconds)
{
	struct packet p = {.ip_version = 4, .proto = PROTO_ICMP, .is_icmp = true, .time = (usec_t)((T0 + seconds) * USEC_PER_SEC)};
	p.src = host(from);
	p.dst = host(to);
	p.icmp.type = type;
	p.icmp.code = code;
	return p;
}

static void test_icmp(void **state)
{
	struct flow_table *t = table_with(settings);
	struct packet request = icmp(1, 2, 8, 0, 0), reply = icmp(2, 1, 0, 0, 0), udp = datagram(7, false, 0), error = icmp(9, 1, 3, 3, 0);
	struct flow *f = send(t, &request);
	assert_ptr_equal(send(t, &reply), f);
	assert_true(reply.flags & PACKET_TO_CLIENT);
	assert_int_equal(f->icmp_type_client, 8);
	assert_int_equal(f->icmp_type_server, 0);
	assert_true(f->has_icmp_server);
	/* a router says that the datagram could not be delivered: it belongs to the datagram's flow */
	error.icmp.embedded_proto = PROTO_UDP;
	error.icmp.embedded_src = udp.src;
	error.icmp.embedded_dst = udp.dst;
	error.icmp.embedded_sport = udp.sport;
	error.icmp.embedded_dport = udp.dport;
	assert_null(send(t, &error));
	struct flow *g = send(t, &udp);
	assert_ptr_equal(send(t, &error), g);
	assert_true(error.flags & PACKET_TO_CLIENT);
	assert_false(g->has_icmp_server);
	flow_table_free(t);
	(void)state;
}

static void test_swap(void **state)
{
	struct flow_table *t = table_with(settings);
	struct packet a = datagram(7, true, 0), b = datagram(7, false, 0), c = datagram(7, false, 1);
	struct flow *f = send(t, &a); /* the answer was seen first */
	flow_swap(f);
	assert_true(f->flags & FLOW_SWAPPED && f->flags & FLOW_TO_CLIENT_SEEN && !(f->flags & FLOW_TO_SERVER_SEEN));
	assert_int_equal(f->key.sport, 7);
	assert_int_equal(f->side[1].packets, 1);
	assert_ptr_equal(send(t, &b), f);
	assert_true(b.flags & PACKET_TO_SERVER);
	assert_ptr_equal(send(t, &c), f);
	flow_table_free(t);
	(void)state;
}

/* The examples of the specification, https://github.com/corelight/community-id-spec */
static void test_community_id(void **state)
{
	static const struct {
		const char *src, *dst;
		uint16_t sport, dport;
		uint8_t proto;
		uint16_t seed;
		const char *id;
	} cases[] = {
		{"128.232.110.120", "66.35.250.204", 34855, 80, PROTO_TCP, 0, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="},
		{"66.35.250.204", "128.232.110.120", 80, 34855, PROTO_TCP, 0, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="},
		{"128.232.110.120", "66.35.250.204", 34855, 80, PROTO_TCP, 1, "1:3V71V58M3Ksw/yuFALMcW0LAHvc="},
		{"192.168.1.52", "8.8.8.8", 54585, 53, PROTO_UDP, 0, "1:d/FP5EW3wiY1vCndhwleRRKHowQ="},
		{"192.168.0.89", "192.168.0.1", 8, 0, PROTO_ICMP, 0, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="},
		{"192.168.0.1", "192.168.0.89", 0, 8, PROTO_ICMP, 0, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct address src, dst;
		char id[40];
		assert_true(address_parse(bytes_of_string(cases[i].src), &src) && address_parse(bytes_of_string(cases[i].dst), &dst));
		flow_community_id(&src, &dst, cases[i].sport, cases[i].dport, cases[i].proto, cases[i].seed, id);
		assert_string_equal(id, cases[i].id);
	}
	(void)state;
}

static void test_policies(void **state)
{
	struct conf *conf = conf_new();
	struct error e = {0};
	static const struct {
		const char *set;
		bool ips, of_packets;
		int policy;
	} cases[] = {
		{"x.y=1", true, false, EXCEPTION_DROP_FLOW}, {"x.y=1", false, false, EXCEPTION_IGNORE}, {"x.y=1", true, true, EXCEPTION_DROP_PACKET},
		{"exception-policy=pass-flow", true, false, EXCEPTION_PASS_FLOW}, {"exception-policy=pass-flow", true, true, EXCEPTION_PASS_PACKET},
		{"a.policy=reject", true, false, EXCEPTION_REJECT}, {"a.policy=drop-flow", false, false, EXCEPTION_IGNORE},
		{"a.policy=ignore", true, false, EXCEPTION_IGNORE},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int policy = -1;
		assert_int_equal(conf_set(conf, cases[i].set, &e), 0);
		assert_int_equal(exception_policy_read(conf, "a.policy", cases[i].ips, cases[i].of_packets, &policy, &e), 0);
		assert_int_equal(policy, cases[i].policy);
	}
	int policy;
	assert_int_equal(conf_set(conf, "a.policy=explode", &e), 0);
	assert_true(exception_policy_read(conf, "a.policy", true, false, &policy, &e) < 0);
	conf_free(conf);
	struct packet p = datagram(1, false, 0);
	struct flow f = {0};
	exception_policy_apply(EXCEPTION_DROP_FLOW, &p, &f, DROP_STREAM_MIDSTREAM);
	assert_true(p.action & ACTION_DROP && f.flags & FLOW_ACTION_DROP);
	assert_int_equal(p.drop_reason, DROP_STREAM_MIDSTREAM);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_directions), cmocka_unit_test(test_what_tells_flows_apart), cmocka_unit_test(test_timeouts),
		cmocka_unit_test(test_timeout_at_lookup), cmocka_unit_test(test_time_never_runs_back), cmocka_unit_test(test_long_silence),
		cmocka_unit_test(test_shorter_timeout), cmocka_unit_test(test_bypassed_packets), cmocka_unit_test(test_memcap), cmocka_unit_test(test_icmp), cmocka_unit_test(test_swap),
		cmocka_unit_test(test_community_id), cmocka_unit_test(test_policies),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
