// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "app/protocols.h"
#include "flow/stream.h"

struct fixture {
	struct app_context *context;
	struct app_worker worker;
	struct counters counters;
	struct flow flow;
};

static void setup_with(struct fixture *x, struct conf *conf, uint8_t proto, uint16_t sport, uint16_t dport)
{
	*x = (struct fixture){0};
	x->context = app_context_new(conf, false, NULL);
	assert_non_null(x->context);
	assert_int_equal(app_worker_init(&x->worker, x->context, &x->counters), 0);
	x->flow.key.proto = proto;
	x->flow.key.sport = sport;
	x->flow.key.dport = dport;
}

static void setup(struct fixture *x, uint8_t proto, uint16_t sport, uint16_t dport)
{
	setup_with(x, NULL, proto, sport, dport);
}

static void teardown(struct fixture *x)
{
	app_flow_free(&x->worker, &x->flow);
	app_worker_deinit(&x->worker);
	app_context_free(x->context);
}

static size_t feed(struct fixture *x, int direction, const char *text)
{
	struct app_input in = {.data = bytes_of_string(text)};
	bool stop;
	return app_stream_input(&x->worker, &x->flow, direction, &in, &stop);
}

static void datagram(struct fixture *x, int direction, const void *data, size_t n)
{
	struct app_input in = {.data = bytes_of(data, n)};
	x->flow.side[direction].packets++;
	app_datagram_input(&x->worker, &x->flow, direction, &in);
}

static void by_pattern(void **state)
{
	struct fixture x;
	setup(&x, PROTO_TCP, 40000, 2222);
	assert_string_equal(app_flow_name(x.flow.app), "unknown");
	assert_int_equal(feed(&x, TO_SERVER, "SS"), 0); /* too little: kept */
	assert_string_equal(app_flow_name(x.flow.app), "unknown");
	feed(&x, TO_SERVER, "SSH-2.0-x\r\n");
	assert_string_equal(app_flow_name(x.flow.app), "ssh");
	assert_ptr_equal(x.flow.app->proto, app_protocol_find("ssh"));
	teardown(&x);
}

/* A client that speaks nonsense to an HTTP server: the answer tells the protocol, an event the rest. */
static void one_direction(void **state)
{
	struct fixture x;
	setup(&x, PROTO_TCP, 40000, 8000);
	assert_int_equal(feed(&x, TO_SERVER, "QUERY /a-long-enough-line HTTP/1.1\r\n\r\n"), 0);
	assert_true(x.flow.app->waiting[TO_SERVER]);
	feed(&x, TO_CLIENT, "HTTP/1.1 400 Bad\r\n\r\n");
	assert_string_equal(app_flow_name(x.flow.app), "http");
	assert_string_equal(app_flow_side_name(x.flow.app, TO_SERVER), "failed");
	assert_int_equal(x.flow.app->n_events, 1);
	assert_int_equal(x.flow.app->event[0], APPLAYER_DETECT_PROTOCOL_ONLY_ONE_DIRECTION);
	teardown(&x);
}

static void mismatch(void **state)
{
	struct fixture x;
	setup(&x, PROTO_TCP, 40000, 22);
	feed(&x, TO_SERVER, "GET / HTTP/1.1\r\n\r\n");
	feed(&x, TO_CLIENT, "SSH-2.0-y\r\n");
	assert_string_equal(app_flow_name(x.flow.app), "http");
	assert_string_equal(app_flow_side_name(x.flow.app, TO_CLIENT), "ssh");
	assert_null(app_flow_side_name(x.flow.app, TO_SERVER));
	assert_int_equal(x.flow.app->event[0], APPLAYER_MISMATCH_PROTOCOL_BOTH_DIRECTIONS);
	teardown(&x);
}

static void failed_when_both_are_nothing(void **state)
{
	struct fixture x;
	setup(&x, PROTO_TCP, 40000, 7777);
	feed(&x, TO_SERVER, "a line that nobody knows at all, long enough to be sure of it\r\n");
	assert_string_equal(app_flow_name(x.flow.app), "unknown");
	feed(&x, TO_CLIENT, "neither does anybody know this one, which is as long as that\r\n");
	assert_string_equal(app_flow_name(x.flow.app), "failed");
	assert_int_equal(x.worker.failed[0], 1);
	teardown(&x);
}

static const uint8_t dns_query[] = {0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 'a', 0, 0, 1, 0, 1};

static void by_probe(void **state)
{
	struct fixture x;
	setup(&x, PROTO_UDP, 40000, 53);
	datagram(&x, TO_SERVER, dns_query, sizeof dns_query);
	assert_string_equal(app_flow_name(x.flow.app), "dns");
	teardown(&x);
	setup(&x, PROTO_UDP, 40000, 54);
	datagram(&x, TO_SERVER, dns_query, sizeof dns_query);
	assert_string_equal(app_flow_name(x.flow.app), "failed");
	teardown(&x);
}

/* An answer from port 53 whose question was not seen: the flow is turned, if midstream is on. */
static void turned(void **state)
{
	uint8_t answer[sizeof dns_query];
	memcpy(answer, dns_query, sizeof answer);
	answer[2] |= 0x80;
	struct fixture x;
	setup(&x, PROTO_UDP, 53, 40000);
	datagram(&x, TO_SERVER, answer, sizeof answer);
	assert_string_equal(app_flow_name(x.flow.app), "failed");
	teardown(&x);
	struct conf *conf = conf_new();
	assert_int_equal(conf_set(conf, "stream.midstream=true", NULL), 0);
	setup_with(&x, conf, PROTO_UDP, 53, 40000);
	datagram(&x, TO_SERVER, answer, sizeof answer);
	assert_string_equal(app_flow_name(x.flow.app), "dns");
	assert_true(x.flow.flags & FLOW_SWAPPED);
	assert_int_equal(x.flow.key.dport, 53);
	teardown(&x);
	conf_free(conf);
}

static void buffers_are_dense(void **state)
{
	assert_int_equal(app_buffer_id("no such buffer"), 0);
	assert_null(app_buffer_name(0));
	for (unsigned i = 1; i < app_buffer_count(); i++)
		assert_int_equal(app_buffer_id(app_buffer_name(i)), i);
}

static void slide_window(void **state)
{
	struct slide s = {0};
	uint64_t charge = 0;
	for (int i = 0; i < 100; i++) {
		assert_int_equal(slide_add(&s, BYTES_LITERAL("0123456789"), &charge), 0);
		slide_cut(&s, (uint64_t)i * 10);
		assert_true(bytes_equal(slide_from(&s, (uint64_t)i * 10), BYTES_LITERAL("0123456789")));
		assert_int_equal(slide_end(&s), (i + 1) * 10);
	}
	assert_true(s.room <= 1024);
	slide_cut(&s, 5000); /* beyond the end: nothing is held */
	assert_int_equal(slide_from(&s, 0).len, 0);
	slide_free(&s, &charge);
	assert_int_equal(charge, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_pattern), cmocka_unit_test(one_direction), cmocka_unit_test(mismatch), cmocka_unit_test(failed_when_both_are_nothing),
		cmocka_unit_test(by_probe), cmocka_unit_test(turned), cmocka_unit_test(buffers_are_dense),
		cmocka_unit_test(slide_window),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
