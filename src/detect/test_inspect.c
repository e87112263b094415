// SPDX-License-Identifier: GPL-2.0-or-later
/* Packets, streams and transactions against rules: what matches, in which order, and how often. */
#include "detect/test_rig.h"

#include "flow/stream_script.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void packets(void **state)
{
	(void)state;
	static const struct { const char *rules, *payload, *expected; } l[] = {
		{"alert udp any any -> any 53 (content:\"abc\"; sid:1;)", "xxabc", "1"},
		{"alert udp any any -> any 54 (content:\"abc\"; sid:1;)", "xxabc", ""},
		{"alert udp any any -> any any (content:\"abc\"; depth:4; sid:1;)", "xabc", "1"},
		{"alert udp any any -> any any (content:\"abc\"; depth:4; sid:1;)", "xxabc", ""},
		{"alert udp any any -> any any (content:\"abc\"; content:\"longer one\"; depth:12; sid:1;)", "longer one abc", "1"},
		{"alert udp any any -> any any (content:\"abc\"; content:\"longer one\"; depth:12; sid:1;)", "longer one", ""},
		{"alert udp any any -> any any (dsize:<8; content:\"abc\"; sid:1;)", "1234abc", "1"},
		{"alert udp any any -> any any (dsize:<8; content:\"abc\"; sid:1;)", "12345abc", ""},
		{"alert udp any any -> any any (dsize:>7; content:\"abc\"; sid:1;)", "12345abc", "1"},
		{"alert udp any any -> any any (content:!\"abc\"; sid:1;)", "xyz", "1"},
		{"alert udp any any -> any any (content:!\"abc\"; sid:1;)", "abc", ""},
		{"alert udp any any -> any any (content:\"a thing that is longer than what a database keeps of it\"; sid:1;)",
		 "a thing that is longer than what a database keeps of it", "1"},
		{"alert udp any any -> any any (content:\"a thing that is longer than what a database keeps of it\"; sid:1;)",
		 "a thing that is longer than what a database keeps of you", ""},
		{"alert udp any any -> any any (content:\"a thing that is longer than what a database\"; depth:43; sid:1;)",
		 "a thing that is longer than what a database", "1"},
		{"alert udp any any -> any any (content:\"a\"; sid:1;)", "cba", "1"},
		{"alert tcp any any -> any any (content:\"abc\"; sid:1;)", "abc", ""},
		{"alert ip any any -> any any (content:\"abc\"; sid:1;)", "abc", "1"},
		{"alert ip any any -> any any (sid:1;)\nalert ip 10.0.0.2 any -> any any (sid:2;)\nalert ip 10.0.0.1 any -> any any (sid:3;)", "x", "1 3"},
		/* by number, whatever found them */
		{"alert udp any any -> any any (content:\"b\"; sid:1;)\nalert udp any any -> any 53 (content:\"a\"; priority:1; sid:2;)\n"
		 "alert udp any any -> any any (dsize:3; priority:2; sid:3;)\npass udp any any -> any any (content:\"c\"; sid:4;)", "abc", "4 2 3 1"},
		{"alert udp any any <> any 4000 (dsize:1; sid:1;)\nalert udp any any -> any 4000 (dsize:1; sid:2;)", "x", "1"},
	};
	for (size_t i = 0; i < sizeof l / sizeof l[0]; i++) {
		struct rig r;
		assert_true(rig_begin(&r, l[i].rules));
		struct packet p = rig_datagram(l[i].payload);
		const char *alerts = rig_alerts(&r, &p, false);
		if (strcmp(alerts, l[i].expected) != 0)
			fail_msg("%s on \"%s\": expected \"%s\", got \"%s\"", l[i].rules, l[i].payload, l[i].expected, alerts);
		rig_end(&r);
	}
}

static void flows(void **state)
{
	(void)state;
	struct rig r;
	assert_true(rig_begin(&r, "alert ip 10.0.0.0/8 any -> any any (sid:1;)\n"
				  "alert udp any any -> any any (flowbits:isset,a; sid:2;)\n"
				  "alert udp any any -> any any (content:\"set\"; flowbits:set,a; sid:3;)\n"
				  "alert udp any any -> any any (flow:established; dsize:<9; sid:4;)\n"
				  "alert udp any any -> any any (flow:to_client; dsize:<9; sid:5;)\n"));
	struct flow f = {.key.proto = PROTO_UDP};
	struct packet p = rig_datagram("x");
	p.flow = &f;
	p.flags = PACKET_TO_SERVER;
	assert_string_equal(rig_alerts(&r, &p, false), "1"); /* by address: once a direction */
	assert_string_equal(rig_alerts(&r, &p, false), "");
	p.payload = bytes_of_string("set");
	assert_string_equal(rig_alerts(&r, &p, false), "3 2"); /* what tests a bit stands behind what sets it */
	p.payload = bytes_of_string("x");
	p.flags = PACKET_TO_CLIENT | PACKET_ESTABLISHED;
	assert_string_equal(rig_alerts(&r, &p, false), "1 2 4 5");
	f.flags |= FLOW_ACTION_PASS;
	assert_string_equal(rig_alerts(&r, &p, false), "");
	detect_flow_release(&f);
	rig_end(&r);
}

static void without_rules(void **state)
{
	(void)state;
	struct counters counters = {0};
	struct engine_settings settings = {.recursion_limit = 3000, .pcre_match_limit = 3500, .pcre_match_limit_recursion = 1500};
	struct detect_scratch *s = detect_scratch_new(NULL, &settings, &counters);
	struct packet p = rig_datagram("x");
	struct flow f = {.key.proto = PROTO_UDP};
	p.flow = &f;
	detect_packet(s, &p, 0, false);
	detect_packet_done(s, &p);
	assert_int_equal(s->n_alerts, 0);
	detect_scratch_free(s);
}

/* Streams */

static const struct flow_settings flow_settings = {
	.memcap = 1 << 20, .hash_size = 64, .timeout = {{30, 300, 0, 100, 100}, {60, 600, 60, 100, 100}}, .emergency_timeout = {{10, 100, 0, 50, 50}, {5, 100, 10, 50, 50}},
};

/* Runs the segments one by one; the alerts of each, in brackets where there are any. */
static const char *converse(struct rig *r, bool inline_mode, const char *text)
{
	static char out[512];
	struct stream_settings set = {.memcap = 1 << 20, .reassembly_memcap = 1 << 20, .inline_mode = inline_mode, .max_syn_queued = 2, .max_synack_queued = 2,
				      .raw = true};
	set.chunk_size[0] = set.chunk_size[1] = inline_mode ? 64 : 4;
	static struct script s;
	size_t n = 0;
	out[0] = 0;
	if (*text == 'D') { /* a depth of 8 bytes */
		set.depth = 8;
		text++;
	}
	script_begin(&s, &set, &flow_settings);
	r->scratch->streams = s.streams;
	for (const char *at = text; *at;) {
		at = script_segment(&s, at);
		const char *alerts = rig_alerts(r, &s.packet, false);
		if (*alerts)
			n += (size_t)snprintf(out + n, sizeof out - n, "%s[%s%s]", n ? " " : "", alerts,
				      r->scratch->n_alerts && r->scratch->alert[0].flags & ALERT_STREAM ? "" : " by packet");
	}
	if (s.flow)
		detect_flow_release(s.flow);
	script_finish(&s);
	return out;
}

#define OPEN "c S; s SA; c A; "
#define MERGE "c S m1400; s SA m1000; c A; "

static void streams(void **state)
{
	(void)state;
	static const struct { const char *rules; bool inline_mode; const char *text, *expected; } l[] = {
		{"alert tcp any any -> any 80 (content:\"abcdef\"; sid:1;)", true, OPEN "c A 'xxabc'; c A 'defyy'", "[1]"},
		{"alert tcp any any -> any 80 (flow:established,to_server; content:\"abcdef\"; sid:1;)", true, OPEN "c A 'xxabc'; c A 'defyy'", "[1]"},
		{"alert tcp any any -> any 80 (flow:to_client; content:\"abcdef\"; sid:1;)", true, OPEN "c A 'xxabc'; c A 'defyy'", ""},
		{"alert tcp any 80 -> any any (flow:to_client; content:\"abcdef\"; sid:1;)", true, OPEN "s A 'xxabc'; s A 'defyy'", "[1]"},
		/* once, though the view holds it for longer */
		{"alert tcp any any -> any 80 (content:\"abc\"; sid:1;)", true, OPEN "c A 'abc'; c A 'x'; c A 'y'", "[1]"},
		{"alert tcp any any -> any 80 (content:\"abc\"; sid:1;)", true, OPEN "c A 'abc'; c A 'x'; c A 'abc'", "[1] [1]"},
		/* the pattern first, the rest later */
		{"alert tcp any any -> any 80 (content:\"pattern\"; content:\"no\"; distance:0; sid:1;)", true, OPEN "c A 'pattern'; c A 'n'; c A 'o'; c A 'no'", "[1]"},
		{"alert tcp any any -> any 80 (content:\"first\"; content:\"pattern\"; distance:0; sid:1;)", true, OPEN "c A 'first'; c A 'pattern'", "[1]"},
		/* not inline: once a chunk is acknowledged */
		{"alert tcp any any -> any 80 (content:\"abcdef\"; sid:1;)", false, OPEN "c A 'xxabc'; s A; c A 'def'; s A; c A 'zzzz'; s A; c A '!'", "[1]"},
		/* at a place in the stream, or in a packet */
		{"alert tcp any any -> any 80 (content:\"abc\"; depth:3; sid:1;)", true, OPEN "c A 'abc'; c A 'zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz'; c A 'abc'; c A 'xabc'", "[1] [1 by packet]"},
		{"alert tcp any any -> any 80 (content:\"bcd\"; offset:1; depth:3; sid:1;)", true, OPEN "c A 'ab'; c A 'cd'", "[1]"},
		{"alert tcp-pkt any any -> any 80 (content:\"abc\"; sid:1;)", true, OPEN "c A 'ab'; c A 'c'; c A 'abc'", "[1 by packet]"},
		{"alert tcp any any -> any 80 (dsize:3; content:\"abc\"; sid:1;)", true, OPEN "c A 'ab'; c A 'c'; c A 'abc'", "[1 by packet]"},
		/* what is no part of the stream is looked at by itself, but not for rules on the stream alone */
		{"alert tcp any any -> any 80 (content:\"abc\"; sid:1;)\nalert tcp-stream any any -> any 80 (content:\"abc\"; sid:2;)", true, "c A 'abc'", "[1 by packet]"},
		{"alert tcp any any -> any 80 (flow:established; content:\"abc\"; sid:1;)", true, "c A 'abc'", ""},
		{"alert tcp any any -> any 80 (flow:not_established; content:\"abc\"; sid:1;)", true, "c A 'abc'", "[1 by packet]"},
		{"alert tcp any any -> any 80 (flags:S; sid:1;)", true, OPEN, "[1 by packet]"},
		/* merged segments: a packet's payload is what was on the wire, here 1000, 1000 and 500 letters; the stream is whole */
		{"alert tcp any any -> any 80 (dsize:500; sid:1;)\nalert tcp any any -> any 80 (dsize:>1000; sid:2;)\n"
		 "alert tcp-pkt any any -> any 80 (dsize:1000; content:\"abcd\"; startswith; sid:3;)", true, MERGE "c A gx2500", "[1 3 by packet]"},
		{"alert tcp-pkt any any -> any 80 (content:\"yzab\"; depth:4; sid:1;)\nalert tcp-pkt any any -> any 80 (content:\"ab\"; offset:2; depth:2; sid:2;)\n"
		 "alert tcp-pkt any any -> any 80 (dsize:1000; content:\"yzab\"; depth:4; sid:3;)", true, MERGE "c A gx2500", "[1 2 by packet]"},
		{"alert tcp-pkt any any -> any 80 (content:\"klmn\"; offset:998; depth:4; sid:1;)", true, MERGE "c A gx2500", ""},
		{"alert tcp-pkt any any -> any 80 (content:\"klmn\"; offset:998; depth:4; sid:1;)", true, MERGE "c A x2500", "[1 by packet]"},
		{"alert tcp any any -> any 80 (content:\"klmn\"; offset:998; depth:4; sid:1;)", true, MERGE "c A gx2500", "[1]"},
		{"alert tcp any any -> any 80 (content:\"yzab\"; depth:4; sid:1;)", true, MERGE "c A gx2500", "[1 by packet]"},
		{"alert tcp any any -> any 80 (dsize:500; sid:1;)", true, "c S t1m1012; s SA t1m1400; c A t1; c A t1gx2500", "[1 by packet]"},
		{"alert tcp any any -> any 80 (dsize:100; sid:1;)", true, MERGE "c A x1200; c A gx2500", "[1 by packet]"},
		/* behind the depth only rules on packets look; what else they ask is asked of them as ever */
		{"alert tcp any any -> any 80 (content:\"abc\"; sid:1;)", true, "D" OPEN "c A 'abc'; c A '12345'; c A 'abc'", "[1]"},
		{"alert tcp any any -> any 80 (content:\"abc\"; sid:1;)", true, "D" OPEN "c A '12345abc'; c A 'abc'", "[1]"},
		{"alert tcp any any -> any 80 (content:!\"x\"; sid:1;)", true, "D" OPEN "c A '12345678'; c A 'abc'", "[1]"},
		{"alert tcp-pkt any any -> any 80 (content:\"abc\"; sid:1;)", true, "D" OPEN "c A '12345678'; c A 'abc'", "[1 by packet]"},
		{"alert tcp any any -> any 80 (content:\"abc\"; sid:1;)", true, "D" OPEN "c A '12345678'; c A 'abc'; s A 'x'", ""},
		{"alert tcp any 80 -> any any (content:\"abc\"; sid:1;)", true, "D" OPEN "c A '12345678'; c A 'abc'; s A 'abc'", "[1]"},
	};
	for (size_t i = 0; i < sizeof l / sizeof l[0]; i++) {
		struct rig r;
		assert_true(rig_begin(&r, l[i].rules));
		const char *alerts = converse(&r, l[i].inline_mode, l[i].text);
		if (strcmp(alerts, l[i].expected) != 0)
			fail_msg("%s on %s: expected \"%s\", got \"%s\"", l[i].rules, l[i].text, l[i].expected, alerts);
		rig_end(&r);
	}
}

/* More rules wait than a flow notes: all that can be seen is searched again. */
static void many_wait(void **state)
{
	(void)state;
	struct buffer rules = {0};
	struct rig r;
	for (unsigned i = 1; i <= 2 * STREAM_HITS_MAX; i++)
		buffer_printf(&rules, "alert tcp any any -> any 80 (content:\"pattern\"; content:\"%c\"; distance:0; sid:%u;)\n", 'A' + (int)i, i);
	assert_true(rig_begin(&r, buffer_string(&rules)));
	assert_string_equal(converse(&r, true, OPEN "c A 'pattern'; c A 'TU'"), "[19 20]");
	rig_end(&r);
	buffer_free(&rules);
}

/* Transactions: with events alone, so that no parser is needed. */

struct talk {
	struct flow flow;
	struct app_flow app;
	struct app_tx tx[2];
	struct packet packet;
};

static void talk_begin(struct talk *t)
{
	const struct app_proto *http = app_protocol_find("http");
	memset(t, 0, sizeof *t);
	t->packet = rig_datagram("");
	t->packet.proto = t->flow.key.proto = PROTO_TCP;
	t->packet.is_udp = false;
	t->packet.is_tcp = true;
	t->packet.flow = &t->flow;
	t->flow.app = &t->app;
	t->app.proto = http;
	t->app.flow = &t->flow;
	t->app.recognised[0] = t->app.recognised[1] = true;
	t->app.first = t->app.last = &t->tx[0];
}

static const char *talk(struct rig *r, struct talk *t, int direction, bool flush)
{
	t->packet.flags = PACKET_ESTABLISHED | (direction ? PACKET_TO_CLIENT : PACKET_TO_SERVER);
	r->scratch->n_alerts = 0;
	static char text[256];
	size_t n = 0;
	text[0] = 0;
	detect_packet(r->scratch, &t->packet, 0, flush);
	for (unsigned i = 0; i < r->scratch->n_alerts; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "%s%u/%u", i ? " " : "", r->scratch->alert[i].sig->sid, (unsigned)r->scratch->alert[i].tx_id);
	/* not detect_packet_done: there is no parser's transaction behind these */
	for (struct app_tx *tx = t->app.first; tx; tx = tx->next) {
		tx->updated[direction] = false;
		tx->inspected[direction] = app_tx_complete(&t->app, tx, direction);
	}
	return text;
}

static uint8_t event_number(const char *name)
{
	const struct app_proto *http = app_protocol_find("http");
	for (unsigned i = 0; http->events[i]; i++)
		if (strcmp(http->events[i], name) == 0)
			return (uint8_t)i;
	fail_msg("no event %s", name);
	return 0;
}

static void talk_event(struct talk *t, unsigned tx, int direction, const char *name)
{
	t->tx[tx].event[t->tx[tx].n_events++] = event_number(name);
	t->tx[tx].updated[direction] = true;
}

static void talk_end(struct talk *t)
{
	detect_tx_release(NULL, &t->tx[0]);
	detect_tx_release(NULL, &t->tx[1]);
	detect_flow_release(&t->flow);
}

#define HOST "app-layer-event:http.missing_host_header; "
#define URI "app-layer-event:http.uri_delim_non_compliant; "

static void transactions(void **state)
{
	(void)state;
	struct rig r;
	struct talk t;
	assert_true(rig_begin(&r, "alert http any any -> any any (" HOST "sid:1;)\nalert http any any -> any any (" HOST URI "sid:2;)\n"
				  "alert http any any -> any any (flow:to_client; " URI "sid:3;)\nalert http any any -> any any (" HOST "flowbits:isset,x; sid:4;)\n"
				  "alert http any any -> any any (" HOST "flowbits:set,y; sid:5;)\nalert http any any -> any any (" HOST "flowbits:isset,y; sid:6;)\n"));
	talk_begin(&t);
	assert_string_equal(talk(&r, &t, 0, false), ""); /* nothing was updated */
	talk_event(&t, 0, 0, "missing_host_header");
	assert_string_equal(talk(&r, &t, 0, false), "5/0 6/0 1/0");
	assert_string_equal(talk(&r, &t, 0, false), "");
	t.tx[0].updated[0] = true;
	assert_string_equal(talk(&r, &t, 0, false), ""); /* each once */
	talk_event(&t, 0, 0, "uri_delim_non_compliant");
	assert_string_equal(talk(&r, &t, 0, false), "2/0"); /* one of its conditions was seen packets ago */
	t.tx[0].updated[1] = true;
	assert_string_equal(talk(&r, &t, 1, false), "5/0 6/0 1/0 2/0 3/0"); /* the other direction is looked at by itself */
	t.tx[1].id = 1; /* a second transaction starts anew */
	t.tx[0].next = &t.tx[1];
	t.app.last = &t.tx[1];
	talk_event(&t, 1, 0, "missing_host_header");
	assert_string_equal(talk(&r, &t, 0, false), "5/1 6/1 1/1");
	talk_end(&t);
	rig_end(&r);
}

static void transactions_end(void **state)
{
	(void)state;
	struct rig r;
	struct talk t;
	assert_true(rig_begin(&r, "alert http any any -> any any (" HOST "sid:1;)\nalert tcp any any -> any any (app-layer-event:http.missing_host_header; sid:2;)\n"));
	talk_begin(&t);
	talk_event(&t, 0, 0, "missing_host_header");
	t.tx[0].updated[0] = false;
	assert_string_equal(talk(&r, &t, 0, true), "1/0 2/0"); /* the flow ends: all is looked at */
	talk_end(&t);
	talk_begin(&t);
	talk_event(&t, 0, 0, "missing_host_header");
	t.tx[0].skip_inspect[0] = true;
	assert_string_equal(talk(&r, &t, 0, true), "");
	t.tx[0].skip_inspect[0] = false;
	t.app.no_inspect = true;
	assert_string_equal(talk(&r, &t, 0, true), "");
	talk_end(&t);
	rig_end(&r);
}

/* Other rules: what was remembered of the old ones counts no more, and nothing of them is read. */
static void reload(void **state)
{
	(void)state;
	struct rig r, other;
	struct talk t;
	assert_true(rig_begin(&r, "alert http any any -> any any (" HOST URI "sid:1;)\n"));
	assert_true(rig_begin(&other, "alert http any any -> any any (" URI "sid:7;)\nalert http any any -> any any (" HOST "sid:8;)\n"));
	talk_begin(&t);
	talk_event(&t, 0, 0, "missing_host_header");
	assert_string_equal(talk(&r, &t, 0, false), "");
	detect_scratch_use(r.scratch, other.engine);
	t.tx[0].updated[0] = true;
	assert_string_equal(talk(&r, &t, 0, false), "8/0");
	talk_event(&t, 0, 0, "uri_delim_non_compliant");
	assert_string_equal(talk(&r, &t, 0, false), "7/0");
	detect_scratch_use(r.scratch, NULL);
	t.tx[0].updated[0] = true;
	assert_string_equal(talk(&r, &t, 0, false), "");
	talk_end(&t);
	rig_end(&other);
	rig_end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets), cmocka_unit_test(flows), cmocka_unit_test(without_rules), cmocka_unit_test(streams), cmocka_unit_test(many_wait),
		cmocka_unit_test(transactions), cmocka_unit_test(transactions_end), cmocka_unit_test(reload),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
