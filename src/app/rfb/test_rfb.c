// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "app/rfb/rfb.h"
#include "app/test_feed.h"

static struct rfb_tx *tx_of(struct fixture *x)
{
	return (struct rfb_tx *)x->flow.app->first;
}

static void versions(struct fixture *x, const char *version)
{
	setup(x, PROTO_TCP, 5900);
	feed(x, TO_CLIENT, version);
	assert_string_equal(app_flow_name(x->flow.app), "rfb");
	feed(x, TO_SERVER, version);
}

#define BYTES(text) bytes_of(text, sizeof(text) - 1)
#define SCREEN                               \
	"\x05\x00\x03\x20"                   \
	"\x20\x18\x00\x01\x00\xff\x00\xff\x00\xff\x10\x08\x00\0\0\0" \
	"\0\0\0\x04" "desk"

/* RFC 6143 7.1-7.3: version 3.8, VNC authentication */
static void vnc(void **state)
{
	struct fixture x;
	versions(&x, "RFB 003.008\n");
	feed_bytes(&x, TO_CLIENT, BYTES("\x02\x01\x02"));
	feed_bytes(&x, TO_SERVER, BYTES("\x02"));
	feed(&x, TO_CLIENT, "0123456789");
	assert_false(tx_of(&x)->has_challenge);
	feed(&x, TO_CLIENT, "abcdef");
	feed(&x, TO_SERVER, "fedcba9876543210");
	feed_bytes(&x, TO_CLIENT, BYTES("\0\0\0\0"));
	assert_int_equal(tx_of(&x)->tx.state[TO_SERVER], 0);
	feed_bytes(&x, TO_SERVER, BYTES("\x01"));
	feed_bytes(&x, TO_CLIENT, BYTES(SCREEN));
	assert_int_equal(tx_of(&x)->tx.state[TO_SERVER], 1);
	assert_int_equal(tx_of(&x)->tx.n_events, 0);
	assert_string_equal(logged(&x, 0),
			    "\"rfb\":{\"server_protocol_version\":{\"major\":\"003\",\"minor\":\"008\"},\"client_protocol_version\":{\"major\":\"003\","
			    "\"minor\":\"008\"},\"authentication\":{\"security_type\":2,\"vnc\":{\"challenge\":\"30313233343536373839616263646566\","
			    "\"response\":\"66656463626139383736353433323130\"},\"security_result\":\"OK\"},\"screen_shared\":true,\"framebuffer\":{"
			    "\"width\":1280,\"height\":800,\"name\":\"desk\",\"pixel_format\":{\"bits_per_pixel\":32,\"depth\":24,\"big_endian\":false,"
			    "\"true_color\":true,\"red_max\":255,\"green_max\":255,\"blue_max\":255,\"red_shift\":16,\"green_shift\":8,\"blue_shift\":0}}}");
	teardown(&x);
}

/* 3.7 and no security: no result is sent. 3.3: the server decides. */
static void older(void **state)
{
	struct fixture x;
	versions(&x, "RFB 003.007\n");
	feed_bytes(&x, TO_CLIENT, BYTES("\x01\x01"));
	feed_bytes(&x, TO_SERVER, BYTES("\x01\x00"));
	feed_bytes(&x, TO_CLIENT, BYTES(SCREEN));
	assert_true(tx_of(&x)->has_screen);
	assert_false(tx_of(&x)->shared);
	teardown(&x);
	versions(&x, "RFB 003.003\n");
	feed_bytes(&x, TO_CLIENT, BYTES("\0\0\0\x02" "0123456789abcdef"));
	assert_true(tx_of(&x)->has_challenge);
	teardown(&x);
	versions(&x, "RFB 003.003\n");
	feed_bytes(&x, TO_CLIENT, BYTES("\0\0\0\0" "\0\0\0\x02" "no"));
	assert_true(bytes_equal(tx_of(&x)->reason, BYTES_LITERAL("no")));
	teardown(&x);
}

static void refused(void **state)
{
	struct fixture x;
	versions(&x, "RFB 003.008\n");
	feed_bytes(&x, TO_CLIENT, BYTES("\x01\x01"));
	feed_bytes(&x, TO_SERVER, BYTES("\x01"));
	feed_bytes(&x, TO_CLIENT, BYTES("\0\0\0\x01\0\0\0\x04" "busy"));
	assert_int_equal(tx_of(&x)->result, RFB_RESULT_FAIL);
	assert_true(bytes_equal(tx_of(&x)->reason, BYTES_LITERAL("busy")));
	assert_int_equal(tx_of(&x)->tx.state[TO_CLIENT], 1);
	teardown(&x);
}

static void events(void **state)
{
	struct fixture x;
	versions(&x, "RFB 003.008\n");
	feed_bytes(&x, TO_CLIENT, BYTES("\x01\x1e"));
	feed_bytes(&x, TO_SERVER, BYTES("\x1e"));
	assert_true(tx_has_event(x.flow.app, x.flow.app->first, "unimplemented_security_type"));
	assert_false(x.flow.app->error[0]);
	assert_true(x.stop[TO_SERVER]);
	teardown(&x);
	versions(&x, "RFB 003.008\n");
	feed_bytes(&x, TO_CLIENT, BYTES("\x01\x01"));
	feed_bytes(&x, TO_SERVER, BYTES("\x01"));
	feed_bytes(&x, TO_CLIENT, BYTES("\0\0\0\x07"));
	assert_true(tx_has_event(x.flow.app, x.flow.app->first, "unknown_security_result"));
	teardown(&x);
	setup(&x, PROTO_TCP, 5900);
	feed(&x, TO_CLIENT, "RFB 003,008\n");
	assert_true(tx_has_event(x.flow.app, x.flow.app->first, "malformed_message"));
	teardown(&x);
}

/* Bytes out of turn wait, but not without end. */
static void out_of_turn(void **state)
{
	struct fixture x;
	char much[3000];
	versions(&x, "RFB 003.008\n");
	memset(much, 'x', sizeof much);
	feed_bytes(&x, TO_SERVER, bytes_of(much, sizeof much));
	assert_int_equal(x.flow.app->first->n_events, 0);
	feed_bytes(&x, TO_SERVER, bytes_of(much, sizeof much));
	assert_true(tx_has_event(x.flow.app, x.flow.app->first, "confused_state"));
	assert_true(x.stop[TO_SERVER]);
	teardown(&x);
}

/* A desktop's name that never ends does not keep the record waiting. */
static void endless_name(void **state)
{
	struct fixture x;
	char much[5000];
	versions(&x, "RFB 003.007\n");
	feed_bytes(&x, TO_CLIENT, BYTES("\x01\x01"));
	feed_bytes(&x, TO_SERVER, BYTES("\x01\x00"));
	feed_bytes(&x, TO_CLIENT, BYTES("\x05\x00\x03\x20" "\x20\x18\x00\x01\x00\xff\x00\xff\x00\xff\x10\x08\x00\0\0\0" "\xff\xff\xff\xff"));
	memset(much, 'x', sizeof much);
	feed_bytes(&x, TO_CLIENT, bytes_of(much, sizeof much));
	assert_int_equal(tx_of(&x)->name.len, 4096);
	teardown(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vnc), cmocka_unit_test(older), cmocka_unit_test(refused), cmocka_unit_test(events),
		cmocka_unit_test(out_of_turn), cmocka_unit_test(endless_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
