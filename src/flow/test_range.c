// SPDX-License-Identifier: GPL-2.0-or-later
#include "flow/range.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char *shown(const struct range_set *s)
{
	static char text[512];
	int n = 0;
	text[0] = 0;
	for (size_t i = 0; i < s->n; i++)
		n += snprintf(text + n, sizeof text - n, "%s%llu-%llu", i ? " " : "", (unsigned long long)s->range[i].start,
			      (unsigned long long)s->range[i].end);
	return text;
}

/* Adds in turn, and what is there after each. */
static const struct {
	uint64_t start, end;
	const char *set;
} additions[] = {
	{10, 20, "10-20"},
	{30, 40, "10-20 30-40"},
	{5, 5, "10-20 30-40"},          /* nothing */
	{12, 18, "10-20 30-40"},        /* within */
	{20, 22, "10-22 30-40"},        /* touches on the right */
	{8, 10, "8-22 30-40"},          /* touches on the left */
	{50, 60, "8-22 30-40 50-60"},
	{0, 2, "0-2 8-22 30-40 50-60"},
	{21, 31, "0-2 8-40 50-60"},     /* closes a gap */
	{1, 55, "0-60"},                /* swallows all */
	{UINT64_MAX - 1, UINT64_MAX, "0-60 18446744073709551614-18446744073709551615"},
};

static void test_add(void **state)
{
	struct range_set s = {0};
	for (size_t i = 0; i < sizeof additions / sizeof *additions; i++) {
		assert_int_equal(range_add(&s, additions[i].start, additions[i].end, 0), 0);
		assert_string_equal(shown(&s), additions[i].set);
	}
	range_free(&s);
	(void)state;
}

static void test_limit(void **state)
{
	struct range_set s = {0};
	assert_int_equal(range_add(&s, 0, 1, 2), 0);
	assert_int_equal(range_add(&s, 2, 3, 2), 0);
	assert_int_equal(range_add(&s, 4, 5, 2), -E2BIG);
	assert_int_equal(range_add(&s, 1, 2, 2), 0); /* joining needs no room */
	assert_string_equal(shown(&s), "0-3");
	range_free(&s);
	(void)state;
}

static void test_look(void **state)
{
	struct range_set s = {0};
	struct range r;
	range_add(&s, 10, 20, 0);
	range_add(&s, 30, 40, 0);
	assert_int_equal(range_contiguous(&s, 10), 20);
	assert_int_equal(range_contiguous(&s, 19), 20);
	assert_int_equal(range_contiguous(&s, 20), 20);
	assert_int_equal(range_contiguous(&s, 9), 9);
	assert_true(range_covers(&s, 12, 20));
	assert_false(range_covers(&s, 12, 21));
	assert_true(range_covers(&s, 25, 25));
	assert_true(range_next_gap(&s, 12, &r));
	assert_true(r.start == 20 && r.end == 30);
	assert_true(range_next_gap(&s, 0, &r));
	assert_true(r.start == 0 && r.end == 10);
	assert_false(range_next_gap(&s, 35, &r)); /* open to the right is not a gap */
	assert_true(range_next(&s, 15, &r));
	assert_true(r.start == 15 && r.end == 20);
	assert_true(range_next(&s, 20, &r));
	assert_true(r.start == 30 && r.end == 40);
	assert_false(range_next(&s, 40, &r));
	range_cut_before(&s, 35);
	assert_string_equal(shown(&s), "35-40");
	range_cut_before(&s, 40);
	assert_int_equal(s.n, 0);
	range_free(&s);
	(void)state;
}

static void test_unwrap(void **state)
{
	assert_true(seq_unwrap(1001, 1000, 0) == 1);
	assert_true(seq_unwrap(999, 1000, 0) == UINT64_MAX);
	assert_true(seq_unwrap(5, 0xfffffff0u, 0) == 21);
	assert_true(seq_unwrap(999, 1000, 100) == UINT64_MAX);
	/* once round: 2^32 + 5 beyond the base is the same number as 5 beyond it */
	assert_true(seq_unwrap(1005, 1000, 0x100000000ull) == 0x100000005ull);
	assert_true(seq_unwrap(995, 1000, 0x100000000ull) == 0xfffffffbull);
	assert_true(seq_unwrap(1000 + 0x7fffffffu, 1000, 0) == 0x7fffffffull);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_add), cmocka_unit_test(test_limit), cmocka_unit_test(test_look), cmocka_unit_test(test_unwrap),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
