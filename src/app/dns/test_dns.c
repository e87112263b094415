// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "app/dns/dns.h"
#include "app/log.h"
#include "app/protocols.h"


struct fixture {
	struct app_context *context;
	struct app_worker worker;
	struct counters counters;
	struct flow flow;
};

static void setup(struct fixture *x, uint8_t proto)
{
	*x = (struct fixture){0};
	x->context = app_context_new(NULL, false, NULL);
	assert_non_null(x->context);
	assert_int_equal(app_worker_init(&x->worker, x->context, &x->counters), 0);
	x->flow.key.proto = proto;
	x->flow.key.sport = 40000;
	x->flow.key.dport = 53;
}

static void teardown(struct fixture *x)
{
	app_flow_free(&x->worker, &x->flow);
	app_worker_deinit(&x->worker);
	app_context_free(x->context);
}

/* RFC 1035 7.3 and 4.1: a question for ISI.EDU's MX and the answer with compressed names; then EDNS (RFC 6891). */
static const uint8_t query[] = {
	0x12, 0x34, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 1,
	3, 'i', 's', 'i', 3, 'e', 'd', 'u', 0, 0, 15, 0, 1,
	0, 0, 41, 0x10, 0, 0, 0, 0, 0, 0, 8, 0, 10, 0, 4, 0xde, 0xad, 0xbe, 0xef,
};
static const uint8_t answer[] = {
	0x12, 0x34, 0x85, 0x80, 0, 1, 0, 3, 0, 1, 0, 1,
	3, 'i', 's', 'i', 3, 'e', 'd', 'u', 0, 0, 15, 0, 1,
	0xc0, 12, 0, 15, 0, 1, 0, 0, 0, 60, 0, 9, 0, 10, 4, 'v', 'a', 'x', 'a', 0xc0, 12,
	0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60, 0, 6, 2, 'h', 'i', 2, 'y', 'o',
	0xc0, 12, 0, 28, 0, 1, 0, 0, 0, 60, 0, 16, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
	0xc0, 16, 0, 6, 0, 1, 0, 0, 0, 60, 0, 29, 2, 'n', 's', 0xc0, 12, 1, 'a', 0xc0, 16, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 5,
	2, 's', 'v', 0xc0, 12, 0, 33, 0, 1, 0, 0, 0, 1, 0, 10, 0, 1, 0, 2, 0x13, 0xc4, 1, 'x', 0xc0, 16,
};

static bool text_is(struct bytes b, const char *text)
{
	return bytes_equal(b, bytes_of_string(text));
}

static void whole_answer(void **state)
{
	struct arena arena;
	struct dns_message m;
	arena_init(&arena, 4096);
	assert_true(dns_message_read(bytes_of(answer, sizeof answer), &arena, &m));
	assert_int_equal(m.events, 0);
	assert_int_equal(m.n_questions, 1);
	assert_true(text_is(m.question[0].name.text, "isi.edu"));
	assert_int_equal(m.n_records[DNS_ANSWERS], 4); /* MX, two strings of TXT, AAAA */
	assert_true(text_is(m.record[0][0].target.text, "vaxa.isi.edu"));
	assert_true(text_is(m.record[0][1].data, "hi") && text_is(m.record[0][2].data, "yo"));
	assert_true(text_is(m.record[1][0].name.text, "edu"));
	assert_true(text_is(m.record[1][0].target.text, "ns.isi.edu"));
	assert_true(text_is(m.record[1][0].mailbox.text, "a.edu"));
	assert_int_equal(m.record[1][0].number[4], 5);
	assert_true(text_is(m.record[2][0].target.text, "x.edu"));
	assert_int_equal(m.record[2][0].number[2], 5060);
	arena_free(&arena);
}

/* Every shorter form is refused or known as incomplete, and never read beyond its end. */
static void cut_answers(void **state)
{
	for (size_t n = 0; n < sizeof answer; n++) {
		struct arena arena;
		struct dns_message m;
		arena_init(&arena, 4096);
		uint8_t *copy = test_malloc(n ? n : 1);
		memcpy(copy, answer, n);
		bool ok = dns_message_read(bytes_of(copy, n), &arena, &m);
		assert_true(!ok || m.events & (1 << DNS_EVENT_INVALID_ADDITIONALS | 1 << DNS_EVENT_INVALID_AUTHORITIES));
		test_free(copy);
		arena_free(&arena);
	}
}

static unsigned events_of(const uint8_t *name, size_t n, bool *ok)
{
	uint8_t message[4096] = {0, 1, 1, 0, 0, 1};
	struct arena arena;
	struct dns_message m;
	memcpy(message + 12, name, n);
	arena_init(&arena, 4096);
	*ok = dns_message_read(bytes_of(message, 12 + n + 4), &arena, &m);
	arena_free(&arena);
	return m.events;
}

static void evil_names(void **state)
{
	bool ok;
	const uint8_t self[] = {0xc0, 12}, pair[] = {0xc0, 14, 0xc0, 12}, beyond[] = {0xff, 0xff}, extended[] = {0x41, 'a', 0};
	assert_int_equal(events_of(self, sizeof self, &ok), 1 << DNS_EVENT_INFINITE_LOOP);
	assert_true(ok);
	assert_int_equal(events_of(pair, sizeof pair, &ok), 1 << DNS_EVENT_INFINITE_LOOP);
	events_of(beyond, sizeof beyond, &ok);
	assert_false(ok);
	events_of(extended, sizeof extended, &ok);
	assert_false(ok);
	uint8_t labels[2 * 300 + 1] = {0};
	for (int i = 0; i < 300; i++) {
		labels[2 * i] = 1;
		labels[2 * i + 1] = 'a';
	}
	assert_int_equal(events_of(labels, sizeof labels, &ok), 1 << DNS_EVENT_TOO_MANY_LABELS);
	uint8_t name[64 * 20 + 1] = {0};
	for (int i = 0; i < 20; i++)
		memset(name + 64 * i, 'b', 64), name[64 * i] = 63;
	assert_int_equal(events_of(name, sizeof name, &ok), 1 << DNS_EVENT_NAME_TOO_LONG);
	assert_true(ok);
}

static void datagram(struct fixture *x, int direction, const void *data, size_t n)
{
	struct app_input in = {.data = bytes_of(data, n)};
	x->flow.side[direction].packets++;
	app_datagram_input(&x->worker, &x->flow, direction, &in);
}

static void buffer_is(struct fixture *x, struct app_tx *tx, const char *name, int direction, unsigned index, const char *want)
{
	struct app_view v;
	const struct app_keyword *k = app_keyword_find(&app_dns, name);
	assert_non_null(k);
	bool there = k->buffer(x->flow.app, tx, direction, index, &v);
	assert_int_equal(there, want != NULL);
	if (want)
		assert_true(text_is(v.data, want));
}

static void keywords(void **state)
{
	struct fixture x;
	setup(&x, PROTO_UDP);
	datagram(&x, TO_SERVER, query, sizeof query);
	datagram(&x, TO_CLIENT, answer, sizeof answer);
	assert_string_equal(app_flow_name(x.flow.app), "dns");
	struct app_tx *q = x.flow.app->first, *r = q->next;
	assert_int_equal(r->id, 1);
	buffer_is(&x, q, "dns.query", TO_SERVER, 0, "isi.edu");
	buffer_is(&x, q, "dns.query", TO_SERVER, 1, NULL);
	buffer_is(&x, q, "dns.query.name", TO_CLIENT, 0, NULL);
	buffer_is(&x, r, "dns.query.name", TO_CLIENT, 0, "isi.edu");
	static const char *const names[] = {"isi.edu", "isi.edu", "vaxa.isi.edu", "isi.edu", "isi.edu", "isi.edu", "edu", "ns.isi.edu", "a.edu",
					    "sv.isi.edu", "x.edu", NULL};
	for (unsigned i = 0; i < 12; i++)
		buffer_is(&x, r, "dns.response.rrname", TO_CLIENT, i, names[i]);
	buffer_is(&x, r, "dns.response.rrname", TO_CLIENT, 7, names[7]); /* out of order too */
	buffer_is(&x, r, "dns.response.rrname", TO_CLIENT, 2, names[2]);
	uint64_t v;
	assert_true(app_keyword_find(&app_dns, "dns.rrtype")->number(x.flow.app, r, TO_CLIENT, 1, &v));
	assert_int_equal(v, DNS_MX);
	teardown(&x);
}

static void logged_is(struct fixture *x, struct app_tx *tx, int direction, unsigned version, const char *want)
{
	struct buffer out = {0};
	struct json j = json_into(&out);
	struct app_log_options o = {.dns = {.version = (uint8_t)version, .requests = true, .responses = true, .detailed = true, .grouped = true}};
	assert_true(app_dns.loggers[0].log(&j, x->flow.app, tx, direction, &o));
	assert_string_equal(buffer_string(&out), want);
	buffer_free(&out);
}

static void records(void **state)
{
	struct fixture x;
	setup(&x, PROTO_UDP);
	datagram(&x, TO_SERVER, query, sizeof query);
	datagram(&x, TO_CLIENT, answer, sizeof answer);
	logged_is(&x, x.flow.app->first, TO_SERVER, 3,
		  "\"dns\":{\"version\":3,\"type\":\"request\",\"tx_id\":0,\"id\":4660,\"flags\":\"100\",\"rd\":true,\"opcode\":0,\"rcode\":\"NOERROR\","
		  "\"queries\":[{\"rrname\":\"isi.edu\",\"rrtype\":\"MX\"}],\"additionals\":[{\"rrname\":\"\",\"rrtype\":\"OPT\",\"ttl\":0,"
		  "\"opt\":[{\"code\":10,\"data\":\"deadbeef\"}]}]}");
	logged_is(&x, x.flow.app->first, TO_SERVER, 2,
		  "\"dns\":{\"version\":2,\"type\":\"query\",\"id\":4660,\"rrname\":\"isi.edu\",\"rrtype\":\"MX\",\"tx_id\":0,\"opcode\":0}");
	logged_is(&x, x.flow.app->last, TO_CLIENT, 3,
		  "\"dns\":{\"version\":3,\"type\":\"response\",\"tx_id\":1,\"id\":4660,\"flags\":\"8580\",\"qr\":true,\"aa\":true,\"rd\":true,\"ra\":true,"
		  "\"opcode\":0,\"rcode\":\"NOERROR\",\"queries\":[{\"rrname\":\"isi.edu\",\"rrtype\":\"MX\"}],"
		  "\"answers\":[{\"rrname\":\"isi.edu\",\"rrtype\":\"MX\",\"ttl\":60,\"rdata\":\"vaxa.isi.edu\"},"
		  "{\"rrname\":\"isi.edu\",\"rrtype\":\"TXT\",\"ttl\":60,\"rdata\":\"hi\"},{\"rrname\":\"isi.edu\",\"rrtype\":\"TXT\",\"ttl\":60,\"rdata\":\"yo\"},"
		  "{\"rrname\":\"isi.edu\",\"rrtype\":\"AAAA\",\"ttl\":60,\"rdata\":\"2001:0db8:0000:0000:0000:0000:0000:0001\"}],"
		  "\"grouped\":{\"AAAA\":[\"2001:0db8:0000:0000:0000:0000:0000:0001\"],\"MX\":[\"vaxa.isi.edu\"],\"TXT\":[\"hi\",\"yo\"]},"
		  "\"authorities\":[{\"rrname\":\"edu\",\"rrtype\":\"SOA\",\"ttl\":60,\"soa\":{\"mname\":\"ns.isi.edu\",\"rname\":\"a.edu\",\"serial\":1,"
		  "\"refresh\":2,\"retry\":3,\"expire\":4,\"minimum\":5}}],"
		  "\"additionals\":[{\"rrname\":\"sv.isi.edu\",\"rrtype\":\"SRV\",\"ttl\":1,\"srv\":{\"priority\":1,\"weight\":2,\"port\":5060,\"name\":\"x.edu\"}}]}");
	teardown(&x);
}

static size_t framed(uint8_t *out, const uint8_t *message, size_t n)
{
	store_be16(out, (uint16_t)n);
	memcpy(out + 2, message, n);
	return n + 2;
}

/* Two messages and the beginning of a third, byte by byte, as the stream engine offers them. */
static void stream_bytewise(void **state)
{
	struct fixture x;
	uint8_t data[512];
	setup(&x, PROTO_TCP);
	size_t n = framed(data, query, sizeof query), at = 0;
	n += framed(data + n, query, sizeof query);
	for (size_t end = 1; end <= n; end++) {
		bool stop;
		struct app_input in = {.data = bytes_of(data + at, end - at), .offset = at};
		at += app_stream_input(&x.worker, &x.flow, TO_SERVER, &in, &stop);
		assert_false(stop);
	}
	assert_int_equal(at, n);
	assert_int_equal(x.flow.app->n_tx, 2);
	teardown(&x);
}

/* What lies behind a gap is taken up again where a message begins. */
static void stream_gap(void **state)
{
	struct fixture x;
	uint8_t data[128];
	bool stop;
	setup(&x, PROTO_TCP);
	size_t n = framed(data, query, sizeof query);
	struct app_input in = {.data = bytes_of(data, n)};
	app_stream_input(&x.worker, &x.flow, TO_SERVER, &in, &stop);
	in = (struct app_input){.gap_len = 10};
	app_stream_input(&x.worker, &x.flow, TO_SERVER, &in, &stop);
	in = (struct app_input){.data = bytes_of_string("the rest of a message that was lost")};
	app_stream_input(&x.worker, &x.flow, TO_SERVER, &in, &stop);
	assert_int_equal(x.flow.app->n_tx, 1);
	in = (struct app_input){.data = bytes_of(data, n)};
	app_stream_input(&x.worker, &x.flow, TO_SERVER, &in, &stop);
	assert_int_equal(x.flow.app->n_tx, 2);
	assert_false(stop);
	teardown(&x);
}

static void probes(void **state)
{
	const uint8_t http[] = "GET / HTTP/1.1\r\n\r\n";
	assert_int_equal(dns_message_probe(bytes_of(query, sizeof query), sizeof query), TO_SERVER);
	assert_int_equal(dns_message_probe(bytes_of(answer, sizeof answer), sizeof answer), TO_CLIENT);
	assert_int_equal(dns_message_probe(bytes_of(answer, 20), sizeof answer), TO_CLIENT);
	assert_int_equal(dns_message_probe(bytes_of(http, sizeof http - 1), sizeof http - 1), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_answer), cmocka_unit_test(cut_answers), cmocka_unit_test(evil_names), cmocka_unit_test(keywords),
		cmocka_unit_test(records), cmocka_unit_test(stream_bytewise), cmocka_unit_test(stream_gap), cmocka_unit_test(probes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
