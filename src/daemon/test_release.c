// SPDX-License-Identifier: GPL-2.0-or-later
#include "app/app.h"
#include "daemon/release.h"
#include "detect/test_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct scene {
	struct rig rig;
	struct flow flow;
	struct tcp_session tcp;
	struct app_flow app;
	struct packet packet[2]; /* by direction */
};

/* An established connection; both directions have met the rules. */
static void begin(struct scene *s, const char *rules)
{
	memset(s, 0, sizeof *s);
	assert_true(rig_begin(&s->rig, rules));
	s->flow.key.proto = PROTO_TCP;
	s->flow.state = FLOW_ESTABLISHED;
	s->flow.tcp = &s->tcp;
	s->tcp.state = TCP_ESTABLISHED;
	for (int d = 0; d < 2; d++) {
		struct packet *p = &s->packet[d];
		*p = rig_datagram("");
		p->proto = PROTO_TCP;
		p->is_udp = false;
		p->is_tcp = true;
		p->dport = 80;
		p->flow = &s->flow;
		p->flags = PACKET_ESTABLISHED | (d ? PACKET_TO_CLIENT : PACKET_TO_SERVER);
	}
	struct packet *back = &s->packet[1];
	*back = (struct packet){.ip_version = 4, .proto = PROTO_TCP, .is_tcp = true, .src = back->dst, .dst = back->src, .sport = 80, .dport = 4000,
				.flow = &s->flow, .flags = back->flags};
	s->flow.tcp = NULL; /* nothing of streams is to be had */
	for (int d = 0; d < 2; d++)
		rig_alerts(&s->rig, &s->packet[d], false);
	s->flow.tcp = &s->tcp;
}

static enum flow_release due(struct scene *s, bool when_over, bool at_depth)
{
	return release_due(&(struct release_settings){.when_over = when_over, .at_depth = at_depth}, s->rig.scratch, &s->packet[0]);
}

static void end(struct scene *s)
{
	s->flow.tcp = NULL;
	s->flow.app = NULL;
	detect_flow_release(&s->flow);
	rig_end(&s->rig);
}

static void test_depth(void **state)
{
	struct scene s;
	begin(&s, "alert http any any -> any any (http.uri; content:\"x\"; sid:1;)\n");
	assert_int_equal(due(&s, true, true), FLOW_NOT_RELEASED);
	s.tcp.side[0].depth_reached = true;
	assert_int_equal(due(&s, true, true), FLOW_NOT_RELEASED); /* one direction alone */
	s.tcp.side[1].depth_reached = true;
	assert_int_equal(due(&s, false, false), FLOW_NOT_RELEASED);
	assert_int_equal(due(&s, false, true), FLOW_RELEASED_DEPTH);
	assert_int_equal(due(&s, true, false), FLOW_RELEASED_DEPTH);
	s.flow.flags |= FLOW_SHARED_STATE; /* tagged */
	assert_int_equal(due(&s, true, false), FLOW_NOT_RELEASED);
	end(&s);
	(void)state;
}

static void test_transactions(void **state)
{
	struct scene s;
	struct app_tx tx = {0};
	begin(&s, "");
	s.tcp.side[0].depth_reached = s.tcp.side[1].depth_reached = true;
	s.flow.app = &s.app;
	s.app.first = &tx;
	assert_int_equal(due(&s, true, false), FLOW_NOT_RELEASED);
	s.app.first = NULL;
	assert_int_equal(due(&s, true, false), FLOW_RELEASED_DEPTH);
	end(&s);
	(void)state;
}

/* Which rules may match behind the depth. */
static void test_rules(void **state)
{
	static const struct {
		const char *rule;
		bool plain, blind; /* released: at the depth, with payload that is not inspected */
	} cases[] = {
		{"alert tcp any any -> any any (dsize:>1000; content:\"abc\"; sid:1;)", false, true},
		{"alert tcp-pkt any any -> any any (content:\"abc\"; sid:1;)", false, true},
		{"alert tcp any any -> any any (flow:only_stream; content:\"abc\"; sid:1;)", true, true},
		{"alert tcp any any -> any any (flow:not_established; content:\"abc\"; dsize:3; sid:1;)", true, true},
		{"alert tcp any any -> any any (ttl:1; sid:1;)", false, false},
		{"alert tcp any 80 -> any any (ttl:1; sid:1;)", false, false}, /* the other direction's */
		{"alert tcp any any -> any 81 (ttl:1; sid:1;)", true, true},
		{"alert udp any any -> any any (ttl:1; sid:1;)", true, true},
		{"alert tcp any any -> any any (stream-event:est_packet_out_of_window; sid:1;)", true, true},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct scene s;
		begin(&s, cases[i].rule);
		s.tcp.side[0].depth_reached = s.tcp.side[1].depth_reached = true;
		if ((due(&s, true, false) == FLOW_RELEASED_DEPTH) != cases[i].plain)
			fail_msg("%s", cases[i].rule);
		s.flow.app = &s.app;
		s.app.no_payload_inspect = true;
		if ((due(&s, true, false) == FLOW_RELEASED_ENCRYPTED) != cases[i].blind)
			fail_msg("blind: %s", cases[i].rule);
		end(&s);
	}
	(void)state;
}

static void test_encrypted(void **state)
{
	struct scene s;
	begin(&s, "");
	s.flow.app = &s.app;
	assert_int_equal(due(&s, true, true), FLOW_NOT_RELEASED);
	s.app.bypass = true;
	assert_int_equal(due(&s, false, false), FLOW_RELEASED_ENCRYPTED);
	end(&s);
	(void)state;
}

static void test_mark(void **state)
{
	struct release_settings kernel = {.by_kernel = true}, here = {0};
	struct packet p = {0}, inner = {.recursion = 1};
	struct flow f = {0}, slow = {.mark = FLOW_MARK_SLOW};
	assert_false(release_by_mark(&here, &f, &p));
	assert_false(release_by_mark(&kernel, &f, &inner));
	assert_int_equal(f.mark, FLOW_MARK_NONE);
	assert_true(release_by_mark(&kernel, &f, &p));
	assert_int_equal(f.mark, FLOW_MARK_RELEASED);
	assert_false(release_by_mark(&kernel, &slow, &p));
	assert_int_equal(slow.mark, FLOW_MARK_SLOW);
	(void)state;
}

static void test_new_connection(void **state)
{
	struct tcp_session tcp = {.state = TCP_SYN_SENT};
	struct flow f = {.key.proto = PROTO_TCP, .state = FLOW_BYPASSED, .tcp = &tcp};
	struct packet p = {.is_tcp = true, .proto = PROTO_TCP};
	p.tcp.flags = TCP_SYN;
	assert_false(release_is_over(&f, &p)); /* its own, once more */
	tcp.state = TCP_ESTABLISHED;
	assert_true(release_is_over(&f, &p));
	p.tcp.flags = TCP_SYN | TCP_ACK;
	assert_false(release_is_over(&f, &p));
	p.tcp.flags = TCP_ACK;
	f.state = FLOW_CAPTURE_BYPASSED;
	assert_false(release_is_over(&f, &p)); /* was in the queue already */
	p.tcp.flags = TCP_SYN | TCP_ECE | TCP_CWR;
	tcp.state = TCP_SYN_SENT;
	assert_true(release_is_over(&f, &p));
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_depth), cmocka_unit_test(test_transactions), cmocka_unit_test(test_rules),
		cmocka_unit_test(test_encrypted), cmocka_unit_test(test_mark), cmocka_unit_test(test_new_connection),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
