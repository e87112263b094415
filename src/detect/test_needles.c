// SPDX-License-Identifier: GPL-2.0-or-later
/* Needles are found where a plain comparison at each place finds them, and nowhere else. */
#include "detect/needles.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { TEXT = 700, NEEDLES = 400 };

struct places {
	uint8_t at[NEEDLES][TEXT + 1]; /* by where it ends: how often it was reported */
};

static void note(void *context, uint32_t id, size_t end)
{
	struct places *p = context;
	assert_in_range(end, 1, TEXT);
	p->at[id][end]++;
}

static uint64_t state = 88172645463325252u;
static unsigned any(unsigned below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)(state % below);
}

static bool plainly(const struct needle *x, struct bytes text, size_t end)
{
	if (end < x->bytes.len)
		return false;
	for (size_t i = 0; i < x->bytes.len; i++) {
		uint8_t a = text.data[end - x->bytes.len + i], b = x->bytes.data[i];
		if (x->nocase ? byte_lower(a) != byte_lower(b) : a != b)
			return false;
	}
	return true;
}

static size_t compare(const struct needle *list, uint32_t n, struct bytes text)
{
	struct needles *s = needles_new(list, n);
	struct places *p = xcalloc(1, sizeof *p);
	size_t found = 0;
	needles_scan(s, text, note, p);
	for (uint32_t id = 0; id < n; id++)
		for (size_t end = 1; end <= text.len; end++) {
			if (p->at[id][end] != plainly(&list[id], text, end))
				fail_msg("needle %u of %zu bytes, end %zu of %zu: %d times", id, list[id].bytes.len, end, text.len, p->at[id][end]);
			found += p->at[id][end];
		}
	free(p);
	needles_free(s);
	return found;
}

/* Few letters, so that much is found; of many lengths, so that ends and beginnings fall everywhere. The data stand alone in memory, for the sanitizer. */
static void as_a_plain_search(void **unused)
{
	(void)unused;
	static const char letters[] = {'a', 'A', 'b', '\0', '@', '`', (char)0xc1, (char)0xe1};
	size_t found = 0;
	for (unsigned round = 0; round < 60; round++) {
		bool sparse = round % 3 == 0;
		size_t len = any(4) ? any(60) : any(TEXT);
		unsigned kinds = 2 + any(7);
		uint8_t *room = xmalloc(NEEDLES * 40);
		uint8_t *exact = xmalloc(len ? len : 1);
		struct needle list[NEEDLES];
		uint32_t n = 1 + any(NEEDLES);
		for (size_t i = 0; i < len; i++)
			exact[i] = (uint8_t)letters[any(kinds)];
		for (uint32_t i = 0; i < n; i++) {
			size_t need = sparse ? NEEDLE_SPARSE + any(25) : 1 + any(any(2) ? 12 : 40), from = len > need ? any((unsigned)(len - need)) : 0;
			for (size_t k = 0; k < need; k++)
				room[i * 40 + k] = len > need && any(40) ? exact[from + k] : (uint8_t)letters[any(kinds)];
			list[i] = (struct needle){bytes_of(room + i * 40, need), any(2)};
		}
		found += compare(list, n, bytes_of(exact, len));
		free(exact);
		free(room);
	}
	assert_true(found > 1000);
}

static void each_length_at_each_place(void **unused)
{
	(void)unused;
	uint8_t text[64], word[32];
	for (size_t len = 1; len <= sizeof word; len++)
		for (size_t at = 0; at + len <= sizeof text; at++) {
			memset(text, '.', sizeof text);
			for (size_t i = 0; i < len; i++)
				text[at + i] = word[i] = (uint8_t)('A' + i);
			struct needle list[] = {{bytes_of(word, len), false}, {BYTES_LITERAL("this is not there"), true}};
			assert_int_equal(compare(list, 2, bytes_of(text, sizeof text)), 1);
			text[at] |= 0x20;
			assert_int_equal(compare(list, 2, bytes_of(text, sizeof text)), 0);
			list[0].nocase = true;
			assert_int_equal(compare(list, 2, bytes_of(text, sizeof text)), 1);
		}
}

static void the_longest(void **unused)
{
	(void)unused;
	uint8_t text[NEEDLE_MAX + 2];
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (uint8_t)i;
	struct needle list[] = {{bytes_of(text + 1, NEEDLE_MAX), true}, {bytes_of(text, NEEDLE_MAX), false}};
	assert_int_equal(compare(list, 2, bytes_of(text, sizeof text)), 2);
	assert_int_equal(compare(list, 2, bytes_of(text, NEEDLE_MAX)), 1);
	assert_int_equal(compare(list, 2, bytes_of(NULL, 0)), 0);
}

/* None: nothing is found, and nothing is read. */
static void none(void **unused)
{
	(void)unused;
	assert_int_equal(compare(NULL, 0, BYTES_LITERAL("something")), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_a_plain_search), cmocka_unit_test(each_length_at_each_place), cmocka_unit_test(the_longest), cmocka_unit_test(none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
