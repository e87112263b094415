// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/address.h"
#include "base/clock.h"
#include "base/counters.h"
#include "base/json.h"
#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void reads_stop_at_the_end(void **state)
{
	(void)state;
	struct reader r = reader_over(BYTES_LITERAL("\x01\x02\x03\x04\x05"));
	assert_int_equal(reader_u8(&r), 1);
	assert_int_equal(reader_u32(&r), 0x02030405);
	assert_false(r.failed);
	assert_int_equal(reader_u16(&r), 0);
	assert_true(r.failed);
	/* over nothing: readable as nothing, and no arithmetic on NULL */
	r = reader_over((struct bytes){0});
	assert_non_null(reader_take(&r, 0));
	assert_false(r.failed);
	assert_int_equal(reader_u8(&r), 0);
	assert_true(r.failed);
}

static void finds_whatever_the_case(void **state)
{
	(void)state;
	struct bytes hay = BYTES_LITERAL("xaXABxabC");
	assert_int_equal(bytes_find_nocase(hay, BYTES_LITERAL("abc"), 0), 6);
	assert_int_equal(bytes_find_nocase(hay, BYTES_LITERAL("AB"), 0), 3);
	assert_int_equal(bytes_find_nocase(hay, BYTES_LITERAL("ab"), 4), 6);
	assert_int_equal(bytes_find_nocase(hay, BYTES_LITERAL("abd"), 0), -1);
	assert_int_equal(bytes_find(hay, BYTES_LITERAL("ab"), 0), 6);
	assert_int_equal(bytes_find(hay, BYTES_LITERAL(""), 9), 9);
	assert_int_equal(bytes_find(hay, BYTES_LITERAL("C"), 9), -1);
}

static const char *written(struct bytes value)
{
	static struct buffer out;
	buffer_clear(&out);
	struct json j = json_into(&out);
	json_open(&j, NULL);
	json_bytes(&j, "v", value);
	json_uint(&j, "n", 18446744073709551615u);
	json_close(&j);
	return buffer_string(&out);
}

static void json_escapes(void **state)
{
	(void)state;
	assert_string_equal(written(BYTES_LITERAL("a\"\\\n\x01")), "{\"v\":\"a\\\"\\\\\\n\\u0001\",\"n\":18446744073709551615}");
	assert_string_equal(written(BYTES_LITERAL("\xc3\xa4")), "{\"v\":\"\xc3\xa4\",\"n\":18446744073709551615}");
	assert_string_equal(written(BYTES_LITERAL("a\xff")), "{\"v\":\"a\\\\xff\",\"n\":18446744073709551615}");
	assert_string_equal(written(BYTES_LITERAL("\xed\xa0\x80")), "{\"v\":\"\\\\xed\\\\xa0\\\\x80\",\"n\":18446744073709551615}");
}

/* Each byte at each place of strings of several lengths, as RFC 8259 section 7 and our way with what is no UTF-8 have it. */
static void json_escapes_at_each_place(void **state)
{
	(void)state;
	char text[24], expected[80];
	for (size_t len = 1; len <= sizeof text; len++)
		for (size_t at = 0; at < len; at++)
			for (unsigned c = 0; c < 256; c++) {
				const char *escape = strchr("\"\"\\\\\bb\tt\nn\ff\rr", (int)c); /* the byte, and its letter */
				char shown[8] = {(char)c};
				if (c == '"' || c == '\\' || c == '\b' || c == '\t' || c == '\n' || c == '\f' || c == '\r')
					snprintf(shown, sizeof shown, "\\%c", escape[1]);
				else if (c < 0x20 || c == 0x7f)
					snprintf(shown, sizeof shown, "\\u%04x", c);
				else if (c >= 0x80)
					snprintf(shown, sizeof shown, "\\\\x%02x", c);
				memset(text, '~', sizeof text);
				text[at] = (char)c;
				snprintf(expected, sizeof expected, "{\"v\":\"%.*s%s%.*s\",\"n\":18446744073709551615}", (int)at, "~~~~~~~~~~~~~~~~~~~~~~~~", shown,
					 (int)(len - at - 1), "~~~~~~~~~~~~~~~~~~~~~~~~");
				assert_string_equal(written(bytes_of(text, len)), expected);
			}
}

static void times_and_addresses_print(void **state)
{
	(void)state;
	char text[ADDRESS_TEXT];
	setenv("TZ", "UTC", 1);
	clock_format_iso(1700000000 * USEC_PER_SEC + 5, text);
	assert_string_equal(text, "2023-11-14T22:13:20.000005+0000");
	struct address a;
	assert_true(address_parse(BYTES_LITERAL("fe80::1"), &a));
	assert_string_equal(address_format(&a, text), "fe80:0000:0000:0000:0000:0000:0000:0001");
	address_mask(&a, 10);
	assert_string_equal(address_format_short(&a, text), "fe80::");
	assert_false(address_parse(BYTES_LITERAL("1.2.3"), &a));
	assert_string_equal(counter_name(COUNTER_DECODER_PKTS), "decoder.pkts");
}

static void slabs_hand_out_zeroed_objects(void **state)
{
	(void)state;
	struct slab s;
	slab_init(&s, 40);
	char *p = slab_take(&s);
	memset(p, 7, 40);
	slab_give(&s, p);
	char *q = slab_take(&s);
	assert_ptr_equal(p, q);
	for (int i = 0; i < 40; i++)
		assert_int_equal(q[i], 0);
	slab_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_stop_at_the_end), cmocka_unit_test(finds_whatever_the_case), cmocka_unit_test(json_escapes),
		cmocka_unit_test(json_escapes_at_each_place),
		cmocka_unit_test(times_and_addresses_print), cmocka_unit_test(slabs_hand_out_zeroed_objects),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
