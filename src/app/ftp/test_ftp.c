// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "app/ftp/ftp.h"
#include "app/test_feed.h"

#define TAIL "\"reply_received\":\"yes\",\"reply_truncated\":false}"

static void greeting(struct fixture *x)
{
	setup(x, PROTO_TCP, 21);
	feed(x, TO_CLIENT, "220 Service ready\r\n");
	assert_string_equal(app_flow_name(x->flow.app), "ftp");
}

/* RFC 959 7 */
static void session(void **state)
{
	struct fixture x;
	greeting(&x);
	assert_string_equal(logged(&x, 0), "\"ftp\":{\"completion_code\":[\"220\"],\"reply\":[\"Service ready\"]," TAIL);
	feed(&x, TO_SERVER, "user Dr. Who\r\n");
	assert_int_equal(tx_at(&x, 1)->state[TO_SERVER], 0);
	feed(&x, TO_CLIENT, "331 User name okay, ");
	assert_int_equal(tx_at(&x, 1)->state[TO_SERVER], 0);
	feed(&x, TO_CLIENT, "need password\r\n");
	assert_int_equal(tx_at(&x, 1)->state[TO_SERVER], 1);
	assert_string_equal(logged(&x, 1), "\"ftp\":{\"command\":\"USER\",\"command_data\":\"Dr. Who\",\"command_truncated\":false,"
					   "\"completion_code\":[\"331\"],\"reply\":[\"User name okay, need password\"]," TAIL);
	feed(&x, TO_SERVER, "PASV\r\n");
	feed(&x, TO_CLIENT, "227 Entering Passive Mode (10,0,0,1,4,2)\r\n");
	assert_string_equal(logged(&x, 2), "\"ftp\":{\"command\":\"PASV\",\"completion_code\":[\"227\"],\"reply\":[\"Entering Passive Mode "
					   "(10,0,0,1,4,2)\"],\"dynamic_port\":1026,\"mode\":\"passive\"," TAIL);
	feed(&x, TO_SERVER, "RETR a\r\n");
	feed(&x, TO_CLIENT, "150 File okay\r\n");
	assert_int_equal(tx_at(&x, 3)->state[TO_CLIENT], 0);
	feed(&x, TO_CLIENT, "226 Closing\r\n");
	assert_int_equal(tx_at(&x, 3)->state[TO_CLIENT], 1);
	assert_int_equal(tx_at(&x, 3)->n_events, 0);
	teardown(&x);
}

static void pipelined(void **state)
{
	struct fixture x;
	greeting(&x);
	feed(&x, TO_SERVER, "USER a\r\nPASS b\r\nPORT 10,0,0,2,1,2\r\n");
	feed(&x, TO_CLIENT, "331 one\r\n230-two\r\n more\r\n230 three\r\n200 four\r\n");
	assert_string_equal(logged(&x, 2), "\"ftp\":{\"command\":\"PASS\",\"command_data\":\"b\",\"command_truncated\":false,"
					   "\"completion_code\":[\"230\"],\"reply\":[\"230-two\",\" more\",\"three\"]," TAIL);
	assert_string_equal(logged(&x, 3), "\"ftp\":{\"command\":\"PORT\",\"command_data\":\"10,0,0,2,1,2\",\"command_truncated\":false,"
					   "\"completion_code\":[\"200\"],\"reply\":[\"four\"],\"dynamic_port\":258,\"mode\":\"active\"," TAIL);
	teardown(&x);
}

static void events(void **state)
{
	struct fixture x;
	char line[5000];
	greeting(&x);
	feed(&x, TO_SERVER, "RETR\r\nRETR a\r\nEPSV\r\n");
	const struct app_flow *a = x.flow.app;
	assert_true(tx_has_event(a, tx_at(&x, 1), "file_without_name"));
	assert_true(tx_has_event(a, tx_at(&x, 2), "file_before_port"));
	feed(&x, TO_CLIENT, "501 no\r\n425 no\r\n229 Entering Extended Passive Mode (|||6446|)\r\n");
	feed(&x, TO_SERVER, "STOR a\r\n");
	assert_int_equal(tx_at(&x, 4)->n_events, 0);
	memset(line, 'A', sizeof line);
	memcpy(line, "CWD ", 4);
	memcpy(line + 4990, "\r\n", 3);
	feed(&x, TO_SERVER, line);
	assert_true(tx_has_event(a, tx_at(&x, 5), "request_command_too_long"));
	assert_int_equal(((struct ftp_tx *)tx_at(&x, 5))->data.len, 4096 - 4);
	memcpy(line, "250 ", 4);
	feed(&x, TO_CLIENT, line);
	assert_true(tx_has_event(a, tx_at(&x, 4), "response_command_too_long"));
	teardown(&x);
}

static void too_many(void **state)
{
	struct fixture x;
	greeting(&x);
	for (int i = 0; i < FTP_MAX_TX; i++)
		feed(&x, TO_SERVER, "NOOP\r\n");
	assert_true(tx_has_event(x.flow.app, x.flow.app->last, "too_many_transactions"));
	assert_true(x.flow.app->error[TO_SERVER]);
	teardown(&x);
}

/* A reply that never ends is not kept whole. */
static void endless_reply(void **state)
{
	struct fixture x;
	char line[1030];
	greeting(&x);
	feed(&x, TO_SERVER, "HELP\r\n");
	memset(line, 'A', sizeof line);
	memcpy(line + 1026, "\r\n", 3);
	memcpy(line, "150-", 4);
	for (int i = 0; i < 200; i++)
		feed(&x, TO_CLIENT, line);
	struct ftp_tx *t = (struct ftp_tx *)tx_at(&x, 1);
	assert_true(t->kept <= FTP_MAX_REPLIES);
	assert_true(t->reply_cut);
	teardown(&x);
}

static void ports(void **state)
{
	assert_int_equal(ftp_port_read(FTP_PORT, BYTES_LITERAL("10,0,0,1,255,255")), 65535);
	assert_int_equal(ftp_port_read(FTP_PORT, BYTES_LITERAL("10,0,0,1,256,1")), 0);
	assert_int_equal(ftp_port_read(FTP_PORT, BYTES_LITERAL("114,115")), 0);
	assert_int_equal(ftp_port_read(FTP_PASV, BYTES_LITERAL("Entering 10,0,0,1,0,21")), 21);
	assert_int_equal(ftp_port_read(FTP_EPRT, BYTES_LITERAL("|2|::1|5282|")), 5282);
	assert_int_equal(ftp_port_read(FTP_EPRT, BYTES_LITERAL("|2|::1|5282")), 0);
	assert_int_equal(ftp_port_read(FTP_EPSV, BYTES_LITERAL("ok (!!!70000!)")), 0);
	assert_int_equal(ftp_port_read(FTP_EPSV, BYTES_LITERAL("ok (")), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(session), cmocka_unit_test(pipelined), cmocka_unit_test(events), cmocka_unit_test(too_many),
		cmocka_unit_test(endless_reply), cmocka_unit_test(ports),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
