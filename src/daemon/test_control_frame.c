// SPDX-License-Identifier: GPL-2.0-or-later
/* Requests of the control socket come in pieces that may end anywhere, also within a character or a word of JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/control_frame.h"

static long whole(const char *text)
{
	struct frame_scan s = {0};
	return frame_length(&s, (const uint8_t *)text, strlen(text));
}

/* The same, byte by byte; how many were given when the end was seen. */
static long in_pieces(const char *text)
{
	struct frame_scan s = {0};
	for (size_t n = 0; n <= strlen(text); n++) {
		long r = frame_length(&s, (const uint8_t *)text, n);
		if (r != FRAME_MORE)
			return r < 0 ? r : r == (long)n ? r : -2;
	}
	return FRAME_MORE;
}

static void test_ends(void **state)
{
	static const struct {
		const char *text;
		long length;
	} cases[] = {
		{"", FRAME_MORE},
		{" \r\n\t", FRAME_MORE},
		{"{}", 2},
		{"\n {} ", 4},
		{"{}{}", 2},
		{"{\"a\":\"}\"}", 9},
		{"{\"a\":\"\\\"}\"}", 11},
		{"{\"a\":\"\\\\\"}", 10},
		{"{\"a\":[{\"b\":[]}]}x", 16},
		{"{\"a\":tru", FRAME_MORE},
		{"{\"a\":\"\xc3", FRAME_MORE},
		{"{\"a\":\"\\", FRAME_MORE},
		{"x{}", FRAME_GARBAGE},
		{"[]", FRAME_GARBAGE},
		{"\"{}\"", FRAME_GARBAGE},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_int_equal(whole(cases[i].text), cases[i].length);
		assert_int_equal(in_pieces(cases[i].text), cases[i].length);
	}
}

static void test_depth(void **state)
{
	char text[FRAME_DEPTH_MAX + 8];
	(void)state;
	memset(text, '{', sizeof text);
	text[FRAME_DEPTH_MAX] = '\0';
	assert_int_equal(whole(text), FRAME_MORE);
	text[FRAME_DEPTH_MAX] = '[';
	text[FRAME_DEPTH_MAX + 1] = '\0';
	assert_int_equal(whole(text), FRAME_GARBAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_ends), cmocka_unit_test(test_depth)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
