// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "app/quic/test_protect.h"
#include "app/test_feed.h"

static size_t unhex(const char *text, uint8_t *out)
{
	size_t n = 0;
	for (; text[0] && text[1]; text += 2) {
		unsigned v = 0;
		for (int i = 0; i < 2; i++)
			v = v << 4 | (unsigned)(text[i] <= '9' ? text[i] - '0' : text[i] - 'a' + 10);
		out[n++] = (uint8_t)v;
	}
	return n;
}

static void is_hex(const uint8_t *p, size_t n, const char *text)
{
	uint8_t want[64];
	assert_int_equal(unhex(text, want), n);
	assert_memory_equal(p, want, n);
}

/* RFC 9001 A.1. */
static void keys_of_version_1(void **state)
{
	struct quic_keys k;
	assert_true(quic_keys_make(&k, 1, bytes_of(rfc_dcid, 8)));
	is_hex(k.side[0].key, 16, "1f369613dd76d5467730efcbe3b1a22d");
	is_hex(k.side[0].iv, 12, "fa044b2f42a3fd3b46fb255c");
	is_hex(k.side[0].hp, 16, "9f50449e04a0e810283a1e9933adedd2");
	is_hex(k.side[1].key, 16, "cf3a5331653c364c88f0f379b6067e37");
	is_hex(k.side[1].iv, 12, "0ac1493ca1905853b0bba03e");
	is_hex(k.side[1].hp, 16, "c206b8d9b9f0f37644430b490eeaa314");
}

/* RFC 9369 A.1. */
static void keys_of_version_2(void **state)
{
	struct quic_keys k;
	assert_true(quic_keys_make(&k, 0x6b3343cf, bytes_of(rfc_dcid, 8)));
	is_hex(k.side[0].key, 16, "8b1a0bc121284290a29e0971b5cd045d");
	is_hex(k.side[0].iv, 12, "91f73e2351d8fa91660e909f");
	is_hex(k.side[0].hp, 16, "45b95e15235d6f45a6b19cbcb0294ba9");
	is_hex(k.side[1].key, 16, "82db637861d55e1d011f19ea71d5d2a7");
	is_hex(k.side[1].iv, 12, "dd13c276499c0249d3310652");
	is_hex(k.side[1].hp, 16, "edf6d05c83121201b436e16877593c3a");
	assert_false(quic_keys_make(&k, 0x0a0a0a0a, bytes_of(rfc_dcid, 8)));
}

/* RFC 9001 A.3: the server's Initial packet, with an ACK and the ServerHello. */
static const char server_packet[] =
	"cf000000010008f067a5502a4262b5004075c0d95a482cd0991cd25b0aac406a5816b6394100f37a1c69797554780bb38cc5a99f5ede4cf73c3ec2493a1839b3dbcba3f6ea"
	"46c5b7684df3548e7ddeb9c3bf9c73cc3f3bded74b562bfb19fb84022f8ef4cdd93795d77d06edbb7aaf2f58891850abbdca3d20398c276456cbc42158407dd074ee";

/* RFC 9001 A.2: the CRYPTO frame in the client's. */
static const char client_frames[] =
	"060040f1010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e86804fe3a47f06a2b69484c00000413011302010000c000000010000e00000b6578616d706c652e636f6d"
	"ff01000100000a00080006001d0017001800100007000504616c706e000500050100000000003300260024001d00209370b2c9caa47fbabaf4559fedba753de171fa71f50f"
	"1ce15d43e994ec74d748002b0003020304000d0010000e0403050306030203080408050806002d00020101001c00024001003900320408ffffffffffffffff05048000ffff"
	"07048000ffff0801100104800075300901100f088394c8f03e51570806048000ffff";

static void servers_packet(void **state)
{
	struct quic_keys k;
	struct quic_header h;
	uint8_t packet[256], plain[256];
	struct bytes payload, data = bytes_of(packet, unhex(server_packet, packet));
	quic_keys_make(&k, 1, bytes_of(rfc_dcid, 8));
	assert_true(quic_header_read(data, &h));
	assert_int_equal(h.type, QUIC_INITIAL);
	assert_int_equal(h.scid.len, 8);
	assert_int_equal(h.len + h.payload, data.len);
	assert_true(quic_unprotect(&k.side[TO_CLIENT], data, h.len, plain, &payload));
	is_hex(payload.data, 9, "0200000000" "0600405a");
	assert_false(quic_unprotect(&k.side[TO_SERVER], data, h.len, plain, &payload));
	packet[data.len - 1] ^= 1;
	assert_false(quic_unprotect(&k.side[TO_CLIENT], data, h.len, plain, &payload));
}

static void send(struct fixture *x, int direction, struct bytes data)
{
	uint8_t *exact = test_malloc(data.len);
	memcpy(exact, data.data, data.len);
	struct app_input in = {.data = bytes_of(exact, data.len)};
	app_datagram_input(&x->worker, &x->flow, direction, &in);
	test_free(exact);
}

static void send_frames(struct fixture *x, int direction, uint32_t number, struct bytes frames)
{
	uint8_t packet[PROTECTED_MAX];
	send(x, direction, bytes_of(packet, protect(direction, number, frames, packet)));
}

static const char *said(struct fixture *x, uint64_t id, int direction)
{
	struct app_log_options o = {0};
	struct app_tx *tx = tx_at(x, id);
	buffer_clear(&x->out);
	struct json j = json_into(&x->out);
	assert_non_null(tx);
	assert_true(x->flow.app->proto->loggers[0].log(&j, x->flow.app, tx, direction, &o));
	return buffer_string(&x->out);
}

static void both_hellos(void **state)
{
	struct fixture x;
	uint8_t b[512];
	setup(&x, PROTO_UDP, 443);
	send_frames(&x, TO_SERVER, 2, bytes_of(b, unhex(client_frames, b)));
	const char *text = said(&x, 0, TO_SERVER);
	assert_non_null(strstr(text, "\"version\":\"1\",\"sni\":\"example.com\""));
	/* by hand: version, ciphers, extensions as they stand there, groups, no point formats */
	assert_non_null(strstr(text, "\"string\":\"771,4865-4866,0-65281-10-16-5-51-43-13-45-28-57,29-23-24,\""));
	assert_non_null(strstr(text, "\"ja4\":\"q13d0211an_"));
	assert_non_null(strstr(text, "{\"name\":\"alpn\",\"type\":16,\"values\":[\"alpn\"]}"));
	send(&x, TO_CLIENT, bytes_of(b, unhex(server_packet, b)));
	text = said(&x, 1, TO_CLIENT);
	assert_non_null(strstr(text, "\"ja3s\":{\"hash\""));
	assert_non_null(strstr(text, "\"string\":\"771,4865,51-43\""));
	assert_null(strstr(text, "sni"));
	send_frames(&x, TO_SERVER, 3, bytes_of(b, unhex(client_frames, b)));
	assert_null(tx_at(&x, 2)); /* nothing new after the hello */
	teardown(&x);
}

/* A piece of the client's hello as a CRYPTO frame of its own. */
static size_t piece(const uint8_t *hello, unsigned from, unsigned len, uint8_t *out)
{
	out[0] = 6;
	store_be16(out + 1, (uint16_t)(0x4000 | from));
	store_be16(out + 3, (uint16_t)(0x4000 | len));
	memcpy(out + 5, hello + from, len);
	return 5 + len;
}

/* 241 bytes in three pieces, the last one first, overlapping, with padding between, two packets in one datagram. */
static void pieces_out_of_order(void **state)
{
	struct fixture x;
	uint8_t b[512], f[512], packet[PROTECTED_MAX];
	unhex(client_frames, b);
	const uint8_t *hello = b + 4;
	setup(&x, PROTO_UDP, 443);
	send_frames(&x, TO_SERVER, 0, bytes_of(f, piece(hello, 150, 91, f)));
	assert_null(strstr(said(&x, 0, TO_SERVER), "example.com"));
	memset(f, 0, 10);
	size_t n = protect(TO_SERVER, 1, bytes_of(f, 10 + piece(hello, 60, 100, f + 10)), packet);
	n += protect(TO_SERVER, 2, bytes_of(f, piece(hello, 0, 60, f)), packet + n);
	send(&x, TO_SERVER, bytes_of(packet, n));
	assert_null(strstr(said(&x, 1, TO_SERVER), "example.com"));
	assert_non_null(strstr(said(&x, 2, TO_SERVER), "\"sni\":\"example.com\""));
	teardown(&x);
}

/* More than is kept: an event, and the memory is given back. */
static void too_far_out(void **state)
{
	struct fixture x;
	uint8_t f[16] = {6, 0x80, 0x01, 0x00, 0x00, 1, 'x'}; /* offset 65536 */
	setup(&x, PROTO_UDP, 443);
	send_frames(&x, TO_SERVER, 0, bytes_of(f, 7));
	assert_true(tx_has_event(x.flow.app, tx_at(&x, 0), "crypto_frag_too_long"));
	const struct quic_state *s = x.flow.app->state;
	assert_null(s->crypto[TO_SERVER]);
	teardown(&x);
}

static void too_many_pieces(void **state)
{
	struct fixture x;
	uint8_t f[1400];
	setup(&x, PROTO_UDP, 443);
	for (unsigned i = 0; i <= QUIC_MAX_FRAGMENTS; i++)
		memcpy(f + i * 6, (uint8_t[]){6, (uint8_t)(0x40 | (4 + i * 2) >> 8), (uint8_t)(4 + i * 2), 1, 'x', 0}, 6);
	send_frames(&x, TO_SERVER, 0, bytes_of(f, (QUIC_MAX_FRAGMENTS + 1) * 6));
	assert_true(tx_has_event(x.flow.app, tx_at(&x, 0), "crypto_frag_too_long"));
	teardown(&x);
}

static void what_does_not_open(void **state)
{
	struct fixture x;
	uint8_t b[512], packet[PROTECTED_MAX];
	setup(&x, PROTO_UDP, 443);
	size_t n = protect(TO_SERVER, 0, bytes_of(b, unhex(client_frames, b)), packet);
	packet[n - 1] ^= 1;
	send(&x, TO_SERVER, bytes_of(packet, n));
	assert_true(tx_has_event(x.flow.app, tx_at(&x, 0), "failed_decrypt"));
	b[3] = 0xf2; /* one byte more than there is */
	send_frames(&x, TO_SERVER, 1, bytes_of(b, unhex(client_frames, b) - 1));
	assert_true(tx_has_event(x.flow.app, tx_at(&x, 1), "error_on_data"));
	teardown(&x);
}

/* RFC 9000 17.2.5: after a Retry the client begins anew, with keys by another id; a second Retry changes nothing. */
static void retries(void **state)
{
	static const uint8_t retry[] = {0xf0, 0, 0, 0, 1, 0, 4, 9, 9, 9, 9, 't', 'o', 'k', 'e', 'n', 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
	struct fixture x;
	uint8_t b[512];
	size_t n = unhex(client_frames, b);
	setup(&x, PROTO_UDP, 443);
	send_frames(&x, TO_SERVER, 0, bytes_of(b, n));
	send(&x, TO_CLIENT, bytes_of(retry, sizeof retry));
	send_frames(&x, TO_SERVER, 1, bytes_of(b, n));
	assert_non_null(strstr(said(&x, 2, TO_SERVER), "example.com"));
	send(&x, TO_CLIENT, bytes_of(retry, sizeof retry));
	send(&x, TO_CLIENT, bytes_of(b, unhex(server_packet, b)));
	assert_non_null(strstr(said(&x, 4, TO_CLIENT), "ja3s"));
	teardown(&x);
}

/* Something else under the same ports first, with an id of its own: it does not open; what comes after it does. */
static void stray_packet_first(void **state)
{
	struct fixture x;
	uint8_t b[512], packet[PROTECTED_MAX];
	setup(&x, PROTO_UDP, 443);
	size_t n = protect(TO_SERVER, 0, bytes_of(b, unhex(client_frames, b)), packet);
	packet[6] ^= 1;
	send(&x, TO_SERVER, bytes_of(packet, n));
	assert_true(tx_has_event(x.flow.app, tx_at(&x, 0), "failed_decrypt"));
	packet[6] ^= 1;
	send(&x, TO_SERVER, bytes_of(packet, n));
	assert_non_null(strstr(said(&x, 1, TO_SERVER), "example.com"));
	teardown(&x);
}

/* Q046: ids by halves of a byte, a hash before the frames, a stream that begins with CHLO: two tags, little-endian ends. */
static void google(void **state)
{
	static const uint8_t datagram[] = {
		0xc3, 'Q', '0', '4', '6', 0x50, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0xa0, 1, 0, 32, 'C', 'H', 'L', 'O', 2, 0, 0, 0, 'S', 'N', 'I', 0, 3, 0, 0, 0, 'U', 'A', 'I', 'D', 8, 0, 0, 0,
		'a', '.', 'b', 'c', 'u', 'r', 'l', '!',
	};
	struct fixture x;
	setup(&x, PROTO_UDP, 443);
	send(&x, TO_SERVER, bytes_of(datagram, sizeof datagram));
	const char *text = said(&x, 0, TO_SERVER);
	assert_non_null(strstr(text, "{\"version\":\"Q046\",\"sni\":\"a.b\",\"ua\":\"curl!\",\"cyu\":[{\"hash\":\""));
	assert_non_null(strstr(text, "\"string\":\"46,SNI-UAID\""));
	teardown(&x);
}

/* RFC 9000 17.2.1 and 17.2.5; RFC 9369 3.2: the type's bits are others in version 2. */
static void types(void **state)
{
	struct quic_header h;
	uint8_t packet[48] = {0xf0, 0, 0, 0, 1, 0, 0};
	assert_true(quic_header_read(bytes_of(packet, sizeof packet), &h));
	assert_int_equal(h.type, QUIC_RETRY);
	store_be32(packet + 1, 0x6b3343cf);
	packet[0] = 0xc0;
	assert_true(quic_header_read(bytes_of(packet, sizeof packet), &h));
	assert_int_equal(h.type, QUIC_RETRY);
	packet[0] = 0xd0;
	assert_true(quic_header_read(bytes_of(packet, sizeof packet), &h));
	assert_int_equal(h.type, QUIC_INITIAL);
	store_be32(packet + 1, 0);
	assert_true(quic_header_read(bytes_of(packet, sizeof packet), &h));
	assert_int_equal(h.type, QUIC_VERSION_NEGOTIATION);
	store_be32(packet + 1, 1);
	packet[5] = 21;
	assert_false(quic_header_read(bytes_of(packet, sizeof packet), &h));
	store_be32(packet + 1, 0x0a0a0a0a); /* RFC 8999 5.1: other versions may have longer ids */
	assert_true(quic_header_read(bytes_of(packet, sizeof packet), &h));
	assert_int_equal(h.dcid.len, 21);
}

/* RFC 9000 A.1. */
static void varints(void **state)
{
	static const struct { const char *hex; uint64_t value; } rows[] = {
		{"c2197c5eff14e88c", 151288809941952652}, {"9d7f3e7d", 494878333}, {"7bbd", 15293}, {"25", 37}, {"4025", 37},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		uint8_t b[8];
		uint64_t v;
		struct reader r = reader_over(bytes_of(b, unhex(rows[i].hex, b)));
		assert_true(quic_varint(&r, &v));
		assert_true(v == rows[i].value);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_of_version_1), cmocka_unit_test(keys_of_version_2), cmocka_unit_test(servers_packet), cmocka_unit_test(both_hellos),
		cmocka_unit_test(pieces_out_of_order), cmocka_unit_test(too_far_out), cmocka_unit_test(too_many_pieces),
		cmocka_unit_test(what_does_not_open), cmocka_unit_test(google), cmocka_unit_test(retries),
		cmocka_unit_test(stray_packet_first), cmocka_unit_test(types), cmocka_unit_test(varints),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
