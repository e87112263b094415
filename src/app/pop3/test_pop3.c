// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "app/test_feed.h"

#define RESPONSE(header, data) "\"response\":{\"success\":true,\"status\":\"OK\",\"header\":\"" header "\",\"data\":[" data "]}"
#define REQUEST(command, args) "\"request\":{\"command\":\"" command "\",\"args\":[" args "]}"

/* RFC 1939 10, shortened */
static void session(void **state)
{
	struct fixture x;
	setup(&x, PROTO_TCP, 110);
	feed(&x, TO_CLIENT, "+OK POP3 server ready <1896.697170952@dbc.mtview.ca.us>\r\n");
	assert_string_equal(app_flow_name(x.flow.app), "pop3");
	assert_string_equal(logged(&x, 0), "\"pop3\":{" RESPONSE("POP3 server ready <1896.697170952@dbc.mtview.ca.us>", "") "}");
	feed(&x, TO_SERVER, "STAT\r\nLI");
	assert_null(tx_at(&x, 2));
	feed(&x, TO_SERVER, "ST\r\n");
	feed(&x, TO_CLIENT, "+OK 2 320\r\n+OK 2 messages\r\n1 120\r\n..2 200\r\n");
	assert_string_equal(logged(&x, 1), "\"pop3\":{" REQUEST("STAT", "") "," RESPONSE("2 320", "") "}");
	assert_int_equal(tx_at(&x, 2)->state[TO_CLIENT], 0);
	feed(&x, TO_CLIENT, ".\r\n");
	assert_string_equal(logged(&x, 2), "\"pop3\":{" REQUEST("LIST", "") "," RESPONSE("2 messages", "\"1 120\",\".2 200\"") "}");
	feed(&x, TO_SERVER, "RETR 1\r\nQUIT\r\n");
	feed(&x, TO_CLIENT, "+OK 120 octets\r\nSubject: a\r\n\r\n+OK no status\r\n");
	assert_int_equal(tx_at(&x, 3)->state[TO_CLIENT], 0);
	feed(&x, TO_CLIENT, ".\r\n+OK bye\r\n");
	assert_string_equal(logged(&x, 3), "\"pop3\":{" REQUEST("RETR", "\"1\"") "," RESPONSE("120 octets", "") "}");
	assert_string_equal(logged(&x, 4), "\"pop3\":{" REQUEST("QUIT", "") "," RESPONSE("bye", "") "}");
	for (uint64_t i = 0; i < 5; i++)
		assert_int_equal(tx_at(&x, i)->n_events, 0);
	teardown(&x);
}

/* RFC 5034 4: the credentials are no command, and not shown */
static void sasl(void **state)
{
	struct fixture x;
	setup(&x, PROTO_TCP, 110);
	feed(&x, TO_CLIENT, "+OK\r\n");
	feed(&x, TO_SERVER, "AUTH PLAIN\r\n");
	feed(&x, TO_CLIENT, "+ \r\n");
	feed(&x, TO_SERVER, "dGVzdAB0ZXN0AHRlc3Q=\r\n");
	feed(&x, TO_CLIENT, "-ERR no\r\n");
	assert_string_equal(logged(&x, 1), "\"pop3\":{" REQUEST("AUTH", "\"PLAIN\"") "," RESPONSE("", "") "}");
	assert_string_equal(logged(&x, 2), "\"pop3\":{" REQUEST("<SASL DATA>", "") ",\"response\":{\"success\":false,\"status\":\"ERR\","
					   "\"header\":\"no\",\"data\":[]}}");
	feed(&x, TO_SERVER, "AUTH PLAIN dGVzdAB0ZXN0AHRlc3Q=\r\nSTAT\r\n");
	assert_string_equal(logged(&x, 4), "\"pop3\":{" REQUEST("STAT", "") "}");
	teardown(&x);
}

static void events(void **state)
{
	struct fixture x;
	char line[600];
	setup(&x, PROTO_TCP, 110);
	feed(&x, TO_CLIENT, "+OK\r\n");
	feed(&x, TO_SERVER, "AUTH\r\nuser a\r\nTOP 1\r\nPASS two words\r\n");
	const struct app_flow *a = x.flow.app;
	assert_true(tx_has_event(a, tx_at(&x, 1), "incorrect_argument_count"));
	assert_true(tx_has_event(a, tx_at(&x, 2), "unknown_command"));
	assert_true(tx_has_event(a, tx_at(&x, 3), "incorrect_argument_count"));
	assert_int_equal(tx_at(&x, 4)->n_events, 0);
	memset(line, 'A', sizeof line);
	memcpy(line, "NOOP ", 5);
	memcpy(line + 300, "\r\n", 3);
	feed(&x, TO_SERVER, line);
	assert_true(tx_has_event(a, tx_at(&x, 5), "request_too_long"));
	memset(line, 'A', sizeof line);
	memcpy(line, "-ERR ", 5);
	memcpy(line + 597, "\r\n", 3);
	feed(&x, TO_CLIENT, line);
	assert_true(tx_has_event(a, tx_at(&x, 1), "response_too_long"));
	assert_false(a->error[TO_CLIENT]);
	feed(&x, TO_CLIENT, "what is that\r\n");
	assert_true(a->error[TO_CLIENT]);
	teardown(&x);
}

static void too_many(void **state)
{
	struct fixture x;
	setup(&x, PROTO_TCP, 110);
	feed(&x, TO_CLIENT, "+OK\r\n");
	for (int i = 0; i < APP_MAX_TX; i++)
		feed(&x, TO_SERVER, "NOOP\r\n");
	assert_true(tx_has_event(x.flow.app, x.flow.app->last, "too_many_transactions"));
	assert_true(x.flow.app->error[TO_SERVER]);
	teardown(&x);
}

/* No peer makes the stream keep an endless line. */
static void endless_line(void **state)
{
	struct fixture x;
	char part[1024];
	setup(&x, PROTO_TCP, 110);
	feed(&x, TO_CLIENT, "+OK\r\n");
	memset(part, 'x', sizeof part);
	for (int i = 0; i < 100; i++) {
		feed_bytes(&x, TO_SERVER, bytes_of(part, sizeof part));
		assert_true(x.held[TO_SERVER].len <= 12288 + sizeof part);
	}
	feed(&x, TO_SERVER, "\r\nQUIT\r\n");
	assert_true(tx_has_event(x.flow.app, tx_at(&x, 1), "request_too_long"));
	assert_string_equal(logged(&x, 2), "\"pop3\":{" REQUEST("QUIT", "") "}");
	teardown(&x);
}

static void after_a_gap(void **state)
{
	struct fixture x;
	setup(&x, PROTO_TCP, 110);
	feed(&x, TO_CLIENT, "+OK\r\n");
	feed(&x, TO_SERVER, "LIST\r\n");
	struct app_input in = {.gap_len = 100};
	app_stream_input(&x.worker, &x.flow, TO_CLIENT, &in, &x.stop[TO_CLIENT]);
	assert_int_equal(tx_at(&x, 1)->state[TO_CLIENT], 1);
	feed(&x, TO_CLIENT, "half a line\r\nrest of a message\r\n.\r\n");
	feed(&x, TO_SERVER, "STAT\r\n");
	feed(&x, TO_CLIENT, "+OK 1 2\r\n");
	assert_string_equal(logged(&x, 2), "\"pop3\":{" REQUEST("STAT", "") "," RESPONSE("1 2", "") "}");
	teardown(&x);
}

static void starttls(void **state)
{
	struct fixture x;
	setup(&x, PROTO_TCP, 110);
	feed(&x, TO_CLIENT, "+OK\r\n");
	feed(&x, TO_SERVER, "STLS\r\n");
	feed(&x, TO_CLIENT, "+OK Begin TLS negotiation\r\n");
	assert_true(x.flow.app->changing);
	assert_ptr_equal(x.flow.app->change_to, &app_tls);
	teardown(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(session), cmocka_unit_test(sasl), cmocka_unit_test(events), cmocka_unit_test(too_many),
		cmocka_unit_test(endless_line), cmocka_unit_test(after_a_gap), cmocka_unit_test(starttls),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
