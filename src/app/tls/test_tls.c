// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "app/log.h"
#include "app/protocols.h"
#include "app/tls/tls.h"

struct fixture {
	struct app_context *context;
	struct app_worker worker;
	struct counters counters;
	struct flow flow;
	struct buffer held[2];
	bool stop[2];
};

static void setup(struct fixture *x, struct conf *conf)
{
	*x = (struct fixture){0};
	x->context = app_context_new(conf, false, NULL);
	assert_non_null(x->context);
	assert_int_equal(app_worker_init(&x->worker, x->context, &x->counters), 0);
	x->worker.want_ja3 = x->worker.want_ja4 = true;
	x->flow.key.proto = PROTO_TCP;
	x->flow.key.sport = 40000;
	x->flow.key.dport = 443;
}

static void teardown(struct fixture *x)
{
	app_flow_free(&x->worker, &x->flow);
	app_worker_deinit(&x->worker);
	app_context_free(x->context);
	buffer_free(&x->held[0]);
	buffer_free(&x->held[1]);
}

/* As a stream engine does: what is not taken comes again with more behind it. */
static void feed(struct fixture *x, int direction, struct bytes data)
{
	struct buffer *held = &x->held[direction];
	buffer_add(held, data.data, data.len);
	struct app_input in = {.data = bytes_of(held->data, held->len)};
	if (x->stop[direction])
		return;
	size_t used = app_stream_input(&x->worker, &x->flow, direction, &in, &x->stop[direction]);
	memmove(held->data, held->data + used, held->len - used);
	held->len -= used;
}

static struct bytes unhex(const char *text, struct buffer *out)
{
	buffer_clear(out);
	for (; text[0] && text[1]; text += 2) {
		char two[3] = {text[0], text[1]};
		buffer_add_byte(out, (uint8_t)strtoul(two, NULL, 16));
	}
	return bytes_of(out->data, out->len);
}

static void feed_hex(struct fixture *x, int direction, const char *text)
{
	struct buffer b = {0};
	feed(x, direction, unhex(text, &b));
	buffer_free(&b);
}

static struct tls_tx *tx_of(struct fixture *x)
{
	return (struct tls_tx *)x->flow.app->first;
}

static bool text_is(struct bytes b, const char *text)
{
	return bytes_equal(b, bytes_of_string(text));
}

/* RFC 8448 section 3: the simple handshake, as records. Application data is invented: nothing but its header is looked at. */
#define CLIENT_HELLO                                                                                                                  \
	"16030100c4010000c00303cb34ecb1e78163ba1c38c6dacb196a6dffa21a8d9912ec18a2ef6283024dece7000006130113031302010000910000"         \
	"000b0009000006736572766572ff01000100000a00140012001d001700180019010001010102010301040023000000330026002400"                   \
	"1d002099381de560e4bd43d23d8e435a7dbafeb3c06e51c13cae4d5413691e529aaf2c002b0003020304000d0020001e040305030603020308040805"     \
	"080604010501060102010402050206020202002d00020101001c00024001"
#define SERVER_HELLO                                                                                                                  \
	"160303005a020000560303a6af06a4121860dc5e6e60249cd34c95930c8ac5cb1434dac155772ed3e2692800130100002e00330024001d0020c9828876"   \
	"112095fe66762bdbf7c672e156d6cc253b833df1dd69b1b04e751f0f002b00020304"
#define DATA "1703030004aabbccdd"

static void rfc8448(void **state)
{
	struct fixture x;
	setup(&x, NULL);
	feed_hex(&x, TO_SERVER, CLIENT_HELLO);
	assert_string_equal(app_flow_name(x.flow.app), "tls");
	struct tls_tx *t = tx_of(&x);
	assert_int_equal(t->tx.state[TO_SERVER], TLS_CLIENT_HELLO_DONE);
	assert_true(text_is(t->sni, "server"));
	assert_int_equal(t->side[TO_SERVER].random[31], 0xe7);
	/* 4865-4867-4866; extensions, groups in the order of the trace; no point formats */
	assert_true(text_is(t->ja3, "771,4865-4867-4866,0-65281-10-35-51-43-13-45-28,29-23-24-25-256-257-258-259-260,"));
	feed_hex(&x, TO_CLIENT, SERVER_HELLO);
	assert_int_equal(t->side[TO_CLIENT].version, TLS_1_3);
	assert_true(text_is(t->ja3s, "771,4865,51-43"));
	assert_false(tls_log_ready(x.flow.app, &t->tx));
	feed_hex(&x, TO_CLIENT, DATA);
	assert_false(x.flow.app->no_payload_inspect);
	feed_hex(&x, TO_SERVER, "140303000101");
	assert_true(tls_log_ready(x.flow.app, &t->tx));
	feed_hex(&x, TO_SERVER, DATA);
	assert_true(x.flow.app->no_payload_inspect);
	assert_int_equal(t->tx.state[TO_SERVER], TLS_CLIENT_FINISHED);
	assert_int_equal(t->tx.state[TO_CLIENT], TLS_SERVER_FINISHED);
	assert_int_equal(t->tx.n_events, 0);
	teardown(&x);
}

static void bytewise(void **state)
{
	struct fixture x;
	struct buffer b = {0};
	setup(&x, NULL);
	struct bytes all = unhex(CLIENT_HELLO "140303000101", &b);
	for (size_t i = 0; i < all.len; i++)
		feed(&x, TO_SERVER, bytes_slice(all, i, 1));
	all = unhex(SERVER_HELLO DATA, &b);
	for (size_t i = 0; i < all.len; i++)
		feed(&x, TO_CLIENT, bytes_slice(all, i, 1));
	assert_true(text_is(tx_of(&x)->sni, "server"));
	assert_int_equal(tx_of(&x)->side[TO_CLIENT].version, TLS_1_3);
	assert_true(tls_log_ready(x.flow.app, &tx_of(&x)->tx));
	buffer_free(&b);
	teardown(&x);
}

/* A message in records of one byte each. */
static void message_over_records(void **state)
{
	struct fixture x;
	struct buffer b = {0}, records = {0};
	setup(&x, NULL);
	struct bytes hello = bytes_from(unhex(CLIENT_HELLO, &b), 5);
	for (size_t i = 0; i < hello.len; i++) {
		buffer_add(&records, "\x16\x03\x01\x00\x01", 5);
		buffer_add_byte(&records, hello.data[i]);
	}
	feed(&x, TO_SERVER, bytes_of(records.data, records.len));
	assert_true(text_is(tx_of(&x)->sni, "server"));
	buffer_free(&b);
	buffer_free(&records);
	teardown(&x);
}

/* A message that waits for its end, and what hellos leave in the transaction, count against the memcap. */
static void memcap(void **state)
{
	struct fixture x;
	struct conf *conf = conf_new();
	uint8_t record[5 + 1000] = {0x16, 3, 1, 1000 >> 8, 1000 & 0xff, 11, 1, 0x80, 0};
	assert_int_equal(conf_set(conf, "app-layer.protocols.tls.memcap=32kb", NULL), 0);
	setup(&x, conf);
	feed_hex(&x, TO_SERVER, CLIENT_HELLO);
	unsigned n = 0;
	for (; n < 90 && !x.flow.app->memcap; n++)
		feed(&x, TO_SERVER, bytes_of(record, sizeof record));
	assert_true(n > 10 && n < 40);
	assert_true(x.flow.app->error[TO_SERVER]);
	app_transactions_prune(&x.worker, &x.flow, false);
	assert_int_equal(x.worker.memuse, 0);
	teardown(&x);
	conf_free(conf);
}

static void put16(struct buffer *b, unsigned v)
{
	buffer_add_byte(b, (uint8_t)(v >> 8));
	buffer_add_byte(b, (uint8_t)v);
}

/* A ClientHello by lists of numbers; bodies of extensions that matter are given, the others empty. */
static void hello_build(struct buffer *out, uint16_t version, const uint16_t *ciphers, unsigned n_ciphers, struct bytes extensions)
{
	struct buffer body = {0};
	put16(&body, version);
	for (int i = 0; i < 32; i++)
		buffer_add_byte(&body, 0);
	buffer_add_byte(&body, 0);
	put16(&body, n_ciphers * 2);
	for (unsigned i = 0; i < n_ciphers; i++)
		put16(&body, ciphers[i]);
	buffer_add(&body, "\x01\x00", 2);
	if (extensions.data) {
		put16(&body, (unsigned)extensions.len);
		buffer_add(&body, extensions.data, extensions.len);
	}
	buffer_add(out, "\x16\x03\x01", 3);
	put16(out, (unsigned)body.len + 4);
	buffer_add(out, "\x01\x00", 2);
	put16(out, (unsigned)body.len);
	buffer_add(out, body.data, body.len);
	buffer_free(&body);
}

static void extension_add(struct buffer *b, unsigned type, const void *data, size_t n)
{
	put16(b, type);
	put16(b, (unsigned)n);
	buffer_add(b, data, n);
}

/* The two examples that JA3's authors published. */
static void ja3_published(void **state)
{
	struct fixture x;
	struct buffer b = {0}, e = {0};
	const uint16_t first[] = {47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4}, second[] = {4, 5, 10, 9, 100, 98, 3, 6, 19, 18, 99};
	extension_add(&e, 0, "", 0);
	extension_add(&e, 10, "\0\6\0\x17\0\x18\0\x19", 8);
	extension_add(&e, 11, "\1\0", 2);
	hello_build(&b, TLS_1_0, first, 12, bytes_of(e.data, e.len));
	setup(&x, NULL);
	feed(&x, TO_SERVER, bytes_of(b.data, b.len));
	assert_true(text_is(tx_of(&x)->ja3, "769,47-53-5-10-49161-49162-49171-49172-50-56-19-4,0-10-11,23-24-25,0"));
	assert_string_equal(tx_of(&x)->ja3_hash, "ada70206e40642a3e4461f35503241d5");
	teardown(&x);
	buffer_clear(&b);
	hello_build(&b, TLS_1_0, second, 11, (struct bytes){0});
	setup(&x, NULL);
	feed(&x, TO_SERVER, bytes_of(b.data, b.len));
	assert_string_equal(tx_of(&x)->ja3_hash, "de350869b8c85de67a350c8d186f11e6");
	teardown(&x);
	buffer_free(&b);
	buffer_free(&e);
}

/* The example of JA4's specification, with a value of RFC 8701 in each list. */
static void ja4_published(void **state)
{
	struct fixture x;
	struct buffer b = {0}, e = {0};
	const uint16_t ciphers[] = {0x6a6a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035};
	const uint16_t empty[] = {0xdada, 0x1b, 0x33, 0x4469, 0x17, 0x2d, 5, 0x23, 0x12, 0xb, 0xa, 0xff01, 0x15};
	for (unsigned i = 0; i < sizeof empty / sizeof *empty; i++)
		extension_add(&e, empty[i], empty[i] == 0xa || empty[i] == 0xb ? "\0\0" : "", empty[i] == 0xa ? 2 : empty[i] == 0xb ? 1 : 0);
	extension_add(&e, 0, "\0\6\0\0\3a.b", 8);
	extension_add(&e, 16, "\0\x0c\2h2\x08http/1.1", 14);
	extension_add(&e, 43, "\4\x1a\x1a\3\4", 5);
	extension_add(&e, 13, "\0\x10\4\3\x08\4\4\1\5\3\x08\5\5\1\x08\6\6\1", 18);
	hello_build(&b, TLS_1_2, ciphers, 16, bytes_of(e.data, e.len));
	setup(&x, NULL);
	feed(&x, TO_SERVER, bytes_of(b.data, b.len));
	assert_string_equal(tx_of(&x)->ja4, "t13d1516h2_8daaf6152771_e5627efa2ab1");
	assert_int_equal(tx_of(&x)->side[TO_SERVER].n_alpn, 2);
	assert_true(text_is(tx_of(&x)->side[TO_SERVER].alpn[1], "http/1.1"));
	teardown(&x);
	buffer_free(&b);
	buffer_free(&e);
}

/* Made by openssl req -x509; what is expected is what openssl x509 says. */
static const char certificate[] =
	"30820222308201c8a0030201020206009a11edc231300a06082a8648ce3d040302306e310b3009060355040613025345310f300d06035504080c06536bc3a56e65"
	"31163014060355040a0c0d4578616d706c652c20496e632e311c301a06092a864886f70d010901160d61406578616d706c652e6f72673118301606035504030c0f"
	"7777772e6578616d706c652e6f7267301e170d3236313132333030343432385a170d3336313132303030343432385a306e310b3009060355040613025345310f30"
	"0d06035504080c06536bc3a56e6531163014060355040a0c0d4578616d706c652c20496e632e311c301a06092a864886f70d010901160d61406578616d706c652e"
	"6f72673118301606035504030c0f7777772e6578616d706c652e6f72673059301306072a8648ce3d020106082a8648ce3d03010703420004fb50572624be150160"
	"6198da2d82f5cccbca121ee607d9be355b5f20dfeb0a39b1e0e7e26fe1d6f7aaf9775793da1abd1b9253b1bd9055d0c52a63a73dcb8104a3523050302f0603551d"
	"1104283026820f7777772e6578616d706c652e6f7267820d2a2e6578616d706c652e6f72678704c0000201301d0603551d0e04160414fcee07616e47a052132d56"
	"f1385ca32060cc48ff300a06082a8648ce3d0403020348003045022100a94a8be53e014651ba12580c9b7ac75fba9ef1b9545b64bf6ac2d4825e67959202204e01"
	"ac9217ca90ef6d33174df14a2f7c61c4079cfcb9c1a1b01de91fba79ff9f";

static void certificate_is_read(void **state)
{
	struct buffer b = {0};
	struct arena arena;
	struct x509 c;
	char text[64];
	arena_init(&arena, 4096);
	struct bytes der = unhex(certificate, &b);
	assert_int_equal(x509_read(der, &arena, &c), X509_OK);
	assert_true(text_is(c.subject, "C=SE, ST=Sk\xc3\xa5ne, O=Example, Inc., Email=a@example.org, CN=www.example.org"));
	assert_true(bytes_equal(c.subject, c.issuer));
	assert_true(text_is(c.serial, "00:9A:11:ED:C2:31"));
	assert_int_equal(c.n_alternative, 3);
	assert_true(text_is(c.alternative[1], "*.example.org"));
	assert_true(text_is(c.alternative[2], "[192, 0, 2, 1]"));
	x509_date(c.not_before, text);
	assert_string_equal(text, "2026-11-23T00:44:28");
	x509_date(c.not_after, text);
	assert_string_equal(text, "2036-11-20T00:44:28");
	x509_fingerprint(der, text);
	assert_string_equal(text, "36:02:37:f5:26:ef:a3:09:77:26:1d:43:bb:b2:82:d9:f0:6f:42:c2");
	arena_free(&arena);
	buffer_free(&b);
}

static void certificate_cut_off(void **state)
{
	struct buffer b = {0};
	struct bytes der = unhex(certificate, &b);
	for (size_t n = 0; n < der.len; n++) {
		struct arena arena;
		struct x509 c;
		uint8_t *copy = test_malloc(n ? n : 1);
		memcpy(copy, der.data, n);
		arena_init(&arena, 4096);
		assert_int_equal(x509_read(bytes_of(copy, n), &arena, &c), X509_DER);
		arena_free(&arena);
		test_free(copy);
	}
	buffer_free(&b);
}

/* TLS 1.2: hello, certificate, done; then each side changes cipher. */
static void full_handshake(void **state)
{
	struct fixture x;
	struct buffer b = {0}, der = {0};
	const uint16_t ciphers[] = {0xc02f};
	struct bytes c = unhex(certificate, &der);
	setup(&x, NULL);
	hello_build(&b, TLS_1_2, ciphers, 1, (struct bytes){0});
	feed(&x, TO_SERVER, bytes_of(b.data, b.len));
	feed_hex(&x, TO_CLIENT, "160303002a02000026030300000000000000000000000000000000000000000000000000000000000000"
				"0000c02f00");
	buffer_clear(&b);
	buffer_add(&b, "\x16\x03\x03", 3);
	put16(&b, (unsigned)c.len + 10);
	buffer_add(&b, "\x0b\x00", 2);
	put16(&b, (unsigned)c.len + 6);
	buffer_add_byte(&b, 0);
	put16(&b, (unsigned)c.len + 3);
	buffer_add_byte(&b, 0);
	put16(&b, (unsigned)c.len);
	buffer_add(&b, c.data, c.len);
	feed(&x, TO_CLIENT, bytes_of(b.data, b.len));
	struct tls_tx *t = tx_of(&x);
	assert_int_equal(t->tx.state[TO_CLIENT], TLS_SERVER_CERT_DONE);
	assert_int_equal(t->side[TO_CLIENT].n_certificates, 1);
	assert_true(bytes_equal(t->side[TO_CLIENT].certificate[0], c));
	feed_hex(&x, TO_CLIENT, "16030300040e000000");
	assert_true(tls_log_ready(x.flow.app, &t->tx));
	feed_hex(&x, TO_SERVER, "140303000101");
	feed_hex(&x, TO_CLIENT, "140303000101");
	assert_true(x.flow.app->no_payload_inspect);
	assert_int_equal(t->tx.n_events, 0);
	buffer_free(&b);
	buffer_free(&der);
	teardown(&x);
}

static bool has_event(const struct app_tx *tx, unsigned event)
{
	for (unsigned i = 0; i < tx->n_events; i++)
		if (tx->event[i] == event)
			return true;
	return false;
}

static void heartbeats(void **state)
{
	struct fixture x;
	setup(&x, NULL);
	feed_hex(&x, TO_SERVER, CLIENT_HELLO);
	feed_hex(&x, TO_SERVER, "18030300030140ff"); /* asks for 16,639 bytes and sends none: heartbleed */
	assert_true(has_event(&tx_of(&x)->tx, TLS_EVENT_INVALID_HEARTBEAT));
	teardown(&x);
	setup(&x, NULL);
	feed_hex(&x, TO_SERVER, CLIENT_HELLO);
	feed_hex(&x, TO_CLIENT, SERVER_HELLO DATA);
	feed_hex(&x, TO_SERVER, DATA);
	feed_hex(&x, TO_SERVER, "18030300020000");
	feed_hex(&x, TO_CLIENT, "1803030003000000"); /* the answer is longer than what was asked */
	assert_true(has_event(x.flow.app->last, TLS_EVENT_DATALEAK_HEARTBEAT_MISMATCH));
	teardown(&x);
}

static void nonsense(void **state)
{
	struct fixture x;
	setup(&x, NULL);
	feed_hex(&x, TO_SERVER, CLIENT_HELLO);
	feed_hex(&x, TO_SERVER, "0a0b0c0d0e0f");
	assert_true(has_event(&tx_of(&x)->tx, TLS_EVENT_INVALID_RECORD_TYPE));
	assert_true(x.flow.app->error[TO_SERVER]);
	teardown(&x);
	/* a message of 16 MB is not gathered */
	setup(&x, NULL);
	feed_hex(&x, TO_SERVER, CLIENT_HELLO);
	feed_hex(&x, TO_SERVER, "160301000501ffffff00");
	assert_true(has_event(&tx_of(&x)->tx, TLS_EVENT_HANDSHAKE_INVALID_LENGTH));
	assert_int_equal(((struct tls_state *)x.flow.app->state)->io[0].handshake.len, 0);
	teardown(&x);
}

static void handling(void **state)
{
	struct fixture x;
	struct conf *conf = conf_new();
	assert_int_equal(conf_set(conf, "app-layer.protocols.tls.encryption-handling=full", NULL), 0);
	setup(&x, conf);
	feed_hex(&x, TO_SERVER, CLIENT_HELLO "140303000101" DATA);
	feed_hex(&x, TO_CLIENT, SERVER_HELLO DATA);
	assert_false(x.flow.app->no_payload_inspect);
	assert_int_not_equal(tx_of(&x)->tx.state[TO_SERVER], TLS_CLIENT_FINISHED);
	teardown(&x);
	conf_free(conf);
}

/* RFC 5246 E.2: an old hello that offers TLS 1.0. */
static void ssl2_hello(void **state)
{
	struct fixture x;
	setup(&x, NULL);
	feed_hex(&x, TO_SERVER, "801c01030100030000001000002f000102030405060708090a0b0c0d0e0f");
	assert_string_equal(app_flow_name(x.flow.app), "tls");
	assert_int_equal(tx_of(&x)->side[TO_SERVER].version, TLS_1_0);
	assert_int_equal(tx_of(&x)->tx.state[TO_SERVER], TLS_CLIENT_HELLO_DONE);
	assert_int_equal(tx_of(&x)->tx.n_events, 0);
	teardown(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc8448), cmocka_unit_test(bytewise), cmocka_unit_test(message_over_records), cmocka_unit_test(memcap), cmocka_unit_test(ja3_published),
		cmocka_unit_test(ja4_published), cmocka_unit_test(certificate_is_read), cmocka_unit_test(certificate_cut_off),
		cmocka_unit_test(full_handshake), cmocka_unit_test(heartbeats), cmocka_unit_test(nonsense), cmocka_unit_test(handling),
		cmocka_unit_test(ssl2_hello),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
