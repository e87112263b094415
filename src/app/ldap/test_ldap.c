// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "app/ldap/ldap.h"
#include "app/test_feed.h"

#define BYTES(text) bytes_of(text, sizeof(text) - 1)

/* Encoded by hand from RFC 4511 appendix B. Lengths stand in octal where a letter follows. */
#define BIND BYTES("\x30\x15\x02\x01\x01\x60\x10\x02\x01\x03\x04\x04" "cn=a" "\x80\x05" "secre")
#define BIND_OK BYTES("\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00")
#define SEARCH                                                                                         \
	BYTES("\x30\x27\x02\x01\x02\x63\x22\x04\x04" "dc=x" "\x0a\x01\x02\x0a\x01\x00\x02\x01\x05\x02\x01\x00\x01\x01\x00" \
	      "\x87\x02" "cn" "\x30\x07\x04\x02" "sn" "\x04\x01" "*")
#define ENTRY(dn) BYTES("\x30\x17\x02\x01\x02\x64\x12\x04\x04" dn "\x30\x0a\x30\x08\x04\x02" "sn" "\x31\x02\x04\x00")
#define DONE BYTES("\x30\x0e\x02\x01\x02\x65\x09\x0a\x01\x04\x04\x00\x04\x02" "no")

static void encoding(void **state)
{
	struct ldap_message m;
	assert_true(ldap_message_read(BIND, &m));
	assert_int_equal(m.op, LDAP_BIND_REQUEST);
	assert_true(ldap_message_read(SEARCH, &m));
	assert_int_equal(m.id, 2);
	assert_int_equal(ber_length(BYTES("\x30\x82\x01\x00")), 260);
	assert_int_equal(ber_length(BYTES("\x30\x82\x01")), 0);
	assert_int_equal(ber_length(BYTES("\x30\x80")), -1); /* 5.1: not the indefinite form */
	int64_t v;
	assert_true(ber_number(BYTES("\xff\x7f"), &v));
	assert_int_equal(v, -129);
}

static void session(void **state)
{
	struct fixture x;
	setup(&x, PROTO_TCP, 389);
	feed_bytes(&x, TO_SERVER, BIND);
	assert_string_equal(app_flow_name(x.flow.app), "ldap");
	feed_bytes(&x, TO_CLIENT, BIND_OK);
	assert_string_equal(logged(&x, 0),
			    "\"ldap\":{\"request\":{\"message_id\":1,\"operation\":\"bind_request\",\"bind_request\":{\"version\":3,\"name\":\"cn=a\"}},"
			    "\"responses\":[{\"operation\":\"bind_response\",\"bind_response\":{\"result_code\":\"success\",\"matched_dn\":\"\","
			    "\"message\":\"\"}}]}");
	struct bytes search = SEARCH;
	feed_bytes(&x, TO_SERVER, bytes_slice(search, 0, 10));
	assert_null(tx_at(&x, 1));
	feed_bytes(&x, TO_SERVER, bytes_from(search, 10));
	feed_bytes(&x, TO_CLIENT, ENTRY("dc=y"));
	feed_bytes(&x, TO_CLIENT, ENTRY("dc=z"));
	assert_int_equal(tx_at(&x, 1)->state[TO_CLIENT], 0);
	feed_bytes(&x, TO_CLIENT, DONE);
	assert_int_equal(tx_at(&x, 1)->state[TO_CLIENT], 1);
	assert_string_equal(logged(&x, 1),
			    "\"ldap\":{\"request\":{\"message_id\":2,\"operation\":\"search_request\",\"search_request\":{\"base_object\":\"dc=x\","
			    "\"scope\":2,\"deref_alias\":0,\"size_limit\":5,\"time_limit\":0,\"types_only\":false,\"filter\":{\"type\":\"present\","
			    "\"value\":\"cn\"},\"attributes\":[\"sn\",\"*\"]}},\"responses\":[{\"operation\":\"search_result_entry\","
			    "\"search_result_entry\":{\"base_object\":\"dc=y\",\"attributes\":[{\"type\":\"sn\",\"values\":[\"\"]}]}},"
			    "{\"operation\":\"search_result_entry\",\"search_result_entry\":{\"base_object\":\"dc=z\",\"attributes\":[{\"type\":\"sn\","
			    "\"values\":[\"\"]}]}},{\"operation\":\"search_result_done\",\"search_result_done\":{\"result_code\":\"size_limit_exceeded\","
			    "\"matched_dn\":\"\",\"message\":\"no\"}}]}");
	teardown(&x);
}

static bool buffer_is(struct fixture *x, const char *name, int direction, unsigned index, const char *text)
{
	const struct app_keyword *k = app_keyword_find(&app_ldap, name);
	struct app_view v;
	if (!k->buffer(x->flow.app, tx_at(x, 0), direction, index, &v))
		return !text;
	return text && bytes_equal(v.data, bytes_of_string(text));
}

static void keywords(void **state)
{
	struct fixture x;
	uint64_t v;
	setup(&x, PROTO_TCP, 389);
	feed_bytes(&x, TO_SERVER, SEARCH);
	feed_bytes(&x, TO_CLIENT, ENTRY("dc=y"));
	assert_true(buffer_is(&x, "ldap.responses.attribute_type", TO_CLIENT, 0, "sn"));
	assert_true(buffer_is(&x, "ldap.responses.attribute_type", TO_CLIENT, 1, NULL));
	feed_bytes(&x, TO_CLIENT, ENTRY("dc=z"));
	feed_bytes(&x, TO_CLIENT, DONE);
	for (int again = 0; again < 2; again++) {
		assert_true(buffer_is(&x, "ldap.request.dn", TO_SERVER, 0, "dc=x"));
		assert_true(buffer_is(&x, "ldap.responses.dn", TO_CLIENT, 0, "dc=y"));
		assert_true(buffer_is(&x, "ldap.responses.dn", TO_CLIENT, 1, "dc=z"));
		assert_true(buffer_is(&x, "ldap.responses.dn", TO_CLIENT, 2, ""));
		assert_true(buffer_is(&x, "ldap.responses.dn", TO_CLIENT, 3, NULL));
		assert_true(buffer_is(&x, "ldap.responses.message", TO_CLIENT, 0, "no"));
		assert_true(buffer_is(&x, "ldap.request.attribute_type", TO_SERVER, 0, "sn"));
		assert_true(buffer_is(&x, "ldap.request.attribute_type", TO_SERVER, 1, "*"));
		assert_true(buffer_is(&x, "ldap.request.attribute_type", TO_SERVER, 2, NULL));
		assert_true(buffer_is(&x, "ldap.responses.attribute_type", TO_CLIENT, 1, "sn"));
	}
	const struct app_keyword *operation = app_keyword_find(&app_ldap, "ldap.responses.operation");
	assert_true(operation->number(x.flow.app, tx_at(&x, 0), TO_CLIENT, 2, &v));
	assert_int_equal(v, 5);
	const struct app_keyword *code = app_keyword_find(&app_ldap, "ldap.responses.result_code");
	assert_true(code->number(x.flow.app, tx_at(&x, 0), TO_CLIENT, 0, &v));
	assert_int_equal(v, 4);
	assert_false(code->number(x.flow.app, tx_at(&x, 0), TO_CLIENT, 1, &v));
	teardown(&x);
}

static void events(void **state)
{
	struct fixture x;
	setup(&x, PROTO_TCP, 389);
	feed_bytes(&x, TO_SERVER, BIND);
	feed_bytes(&x, TO_CLIENT, DONE);
	const struct app_flow *a = x.flow.app;
	assert_true(tx_has_event(a, tx_at(&x, 1), "request_not_found"));
	/* 4.4.1: notice of disconnection */
	feed_bytes(&x, TO_CLIENT, BYTES("\x30\x0c\x02\x01\x00\x78\x07\x0a\x01\x34\x04\x00\x04\x00"));
	assert_int_equal(tx_at(&x, 2)->n_events, 0);
	feed_bytes(&x, TO_SERVER, BYTES("\x30\x05\x02\x01\x03\x42\x00"));
	assert_int_equal(tx_at(&x, 3)->state[TO_CLIENT], 1); /* unbind */
	assert_false(a->error[TO_SERVER]);
	feed(&x, TO_SERVER, "what");
	assert_true(tx_has_event(a, tx_at(&x, 3), "invalid_data"));
	assert_true(a->error[TO_SERVER]);
	teardown(&x);
}

static void too_many_responses(void **state)
{
	struct fixture x;
	setup(&x, PROTO_TCP, 389);
	feed_bytes(&x, TO_SERVER, SEARCH);
	for (int i = 0; i < LDAP_MAX_RESPONSES; i++)
		feed_bytes(&x, TO_CLIENT, ENTRY("dc=y"));
	assert_int_equal(tx_at(&x, 0)->n_events, 0);
	feed_bytes(&x, TO_CLIENT, ENTRY("dc=y"));
	assert_true(tx_has_event(x.flow.app, tx_at(&x, 0), "too_many_responses"));
	assert_int_equal(((struct ldap_tx *)tx_at(&x, 0))->n_responses, LDAP_MAX_RESPONSES);
	teardown(&x);
}

/* A message that says it is huge does not make the stream wait for it. */
static void huge(void **state)
{
	struct fixture x;
	setup(&x, PROTO_TCP, 389);
	feed_bytes(&x, TO_SERVER, BIND);
	feed_bytes(&x, TO_SERVER, BYTES("\x30\x84\x7f\xff\xff\xff\x02\x01\x03"));
	assert_true(tx_has_event(x.flow.app, tx_at(&x, 0), "invalid_data"));
	teardown(&x);
}

static void starttls(void **state)
{
	struct fixture x;
	setup(&x, PROTO_TCP, 389);
	feed_bytes(&x, TO_SERVER, BYTES("\x30\x1d\x02\x01\x01\x77\x18\x80\x16" "1.3.6.1.4.1.1466.20037"));
	feed_bytes(&x, TO_CLIENT, BYTES("\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00"));
	assert_true(x.flow.app->changing);
	assert_ptr_equal(x.flow.app->change_to, &app_tls);
	teardown(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encoding), cmocka_unit_test(session), cmocka_unit_test(keywords), cmocka_unit_test(events),
		cmocka_unit_test(too_many_responses), cmocka_unit_test(huge), cmocka_unit_test(starttls),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
