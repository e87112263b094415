// SPDX-License-Identifier: GPL-2.0-or-later
/* Programs and numbers: (options of a rule, buffer, expected). Expectations are counted by hand from the rule language's manual. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "detect/keywords.h"

#include <stdio.h>
#include <stdlib.h>

enum verdict { NO, YES, WRONG /* the rule is refused */ };

struct line {
	const char *options, *data;
	enum verdict expected;
	size_t len; /* 0: of the string */
};

static struct arena arena;
static struct rule_set set;
static struct rule_vars *vars;
static struct conf *conf;
static struct detect_scratch scratch;

static int start(void **state)
{
	struct error error = {0};
	(void)state;
	conf = conf_new();
	vars = rule_vars_read(conf, &error);
	arena_init(&arena, 65536);
	rule_set_init(&set);
	return vars && program_scratch_init(&scratch, 3000, 3500, 1500, &error) == 0 ? 0 : -1;
}

static int stop(void **state)
{
	(void)state;
	program_scratch_deinit(&scratch);
	rule_set_free(&set);
	arena_free(&arena);
	rule_vars_free(vars);
	conf_free(conf);
	return 0;
}

static struct signature *compile(const char *options)
{
	static unsigned sid = 1;
	char text[4096];
	struct compile_context ctx = {.arena = &arena, .findings = &set, .vars = vars};
	struct rule *before = set.last;
	int n = snprintf(text, sizeof text, "alert tcp any any -> any any (%s; sid:%u;)\n", options, sid++);
	rule_text_load(&set, bytes_of(text, (size_t)n), "test", vars, false);
	return set.last && set.last != before ? signature_compile(&ctx, set.last) : NULL;
}

static enum verdict run(const char *options, struct bytes data, bool end)
{
	struct signature *s = compile(options);
	if (!s)
		return WRONG;
	enum verdict v = YES;
	program_captures_drop(&scratch);
	for (const struct inspection *in = s->inspections; in && v == YES; in = in->next) {
		struct program_input input = {.data = data, .start = true, .end = end};
		if (in->program && !program_run(&scratch, in->program, &input))
			v = NO;
	}
	signature_release(s);
	return v;
}

static void lines_check(const struct line *l, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		enum verdict v = run(l[i].options, bytes_of(l[i].data, l[i].len ? l[i].len : strlen(l[i].data)), true);
		if (v != l[i].expected)
			fail_msg("%s on “%s”: %d, expected %d (%s)", l[i].options, l[i].data, v, l[i].expected, set.last_finding ? set.last_finding->message : "");
	}
}
#define CHECK(lines) lines_check(lines, sizeof lines / sizeof lines[0])

static void content(void **state)
{
	static const struct line l[] = {
		{"content:\"abc\"", "xxabcxx", YES}, {"content:\"abc\"", "xxabxcx", NO}, {"content:\"abc\"", "abc", YES}, {"content:\"abc\"", "ab", NO},
		{"content:\"ABC\"", "xxabcxx", NO}, {"content:\"ABC\"; nocase", "xxabcxx", YES}, {"content:\"aBc\"; nocase", "xxAbCxx", YES},
		{"content:\"a|62 63|d\"", "abcd", YES}, {"content:\"|61626364|\"", "xabcd", YES}, {"content:\"|0d 0A|\"", "a\r\nb", YES},
		{"content:\"a\\;b\\\"c\\\\d\\:\"", "a;b\"c\\d:", YES}, {"content:\"|6\"", "x", WRONG}, {"content:\"|6|\"", "x", WRONG}, {"content:\"|6g|\"", "x", WRONG},
		{"content:\"\"", "x", WRONG}, {"content:abc", "abc", WRONG}, {"content:!\"abc\"", "xxabx", YES}, {"content:!\"abc\"", "xxabcx", NO},
		{"content:\"a\"; content:\"b\"", "ba", YES}, {"content:\"a\"; content:!\"b\"", "ba", NO}, {"content:\"a\"; content:!\"b\"", "ca", YES},
		{"content:\"a\"; nocase; nocase", "a", WRONG}, {"nocase", "a", WRONG},
	};
	CHECK(l);
}

static void absolute(void **state)
{
	static const struct line l[] = {
		{"content:\"abc\"; depth:3", "abcdef", YES}, {"content:\"def\"; depth:3", "abcdef", NO}, {"content:\"def\"; depth:6", "abcdef", YES},
		{"content:\"def\"; depth:5", "abcdef", NO}, {"content:\"def\"; offset:3", "abcdef", YES}, {"content:\"def\"; offset:4", "abcdef", NO},
		{"content:\"def\"; offset:3; depth:3", "abcdef", YES}, {"content:\"b\"; offset:1; depth:1", "abc", YES}, {"content:\"c\"; offset:1; depth:1", "abc", NO},
		{"content:\"abc\"; depth:2", "abc", WRONG}, {"content:\"abc\"; offset:70000", "abc", WRONG}, {"content:\"abc\"; offset:100", "abc", NO},
		{"content:!\"abc\"; depth:3", "xabc", YES}, {"content:!\"abc\"; depth:4", "xabc", NO}, {"content:!\"a\"; offset:9", "a", YES},
		{"content:\"abc\"; startswith", "abcd", YES}, {"content:\"abc\"; startswith", "xabc", NO}, {"content:\"abc\"; endswith", "xabc", YES},
		{"content:\"abc\"; endswith", "abcx", NO}, {"content:\"abc\"; endswith", "abcabc", YES}, {"content:\"abc\"; startswith; endswith", "abc", YES},
		{"content:\"abc\"; startswith; endswith", "abcabc", NO}, {"content:!\"abc\"; endswith", "abcx", YES}, {"content:!\"abc\"; endswith", "xabc", NO},
		{"content:!\"abc\"; startswith", "xabc", YES}, {"content:!\"abc\"; startswith", "abc", NO}, {"content:\"abc\"; endswith", "bc", NO},
		{"content:\"a\"; startswith; depth:4", "a", WRONG}, {"content:\"a\"; offset:3; endswith", "xxxa", YES}, {"content:\"a\"; offset:4; endswith", "xxxa", NO}, {"content:\"A\"; nocase; endswith", "xxa", YES},
	};
	CHECK(l);
}

static void relative(void **state)
{
	static const struct line l[] = {
		{"content:\"abc\"; content:\"d\"; distance:0", "abcd", YES}, {"content:\"abc\"; content:\"d\"; distance:1", "abcd", NO},
		{"content:\"abc\"; content:\"d\"; distance:1", "abcxd", YES}, {"content:\"abc\"; content:\"d\"; within:1", "abcd", YES},
		{"content:\"abc\"; content:\"d\"; within:1", "abcxd", NO}, {"content:\"abc\"; content:\"d\"; within:2", "abcxd", YES},
		{"content:\"abc\"; content:\"d\"; distance:2; within:1", "abcxxd", YES}, {"content:\"abc\"; content:\"d\"; distance:2; within:1", "abcxxxd", NO},
		{"content:\"abc\"; content:\"d\"; distance:2; within:2", "abcxxxd", YES}, {"content:\"abc\"; content:\"a\"; distance:-3; within:1", "abc", YES},
		{"content:\"abc\"; content:\"x\"; distance:-4; within:1", "xabc", YES}, {"content:\"abc\"; content:\"bc\"; distance:0", "abc", NO},
		/* backtracking: the first "a" is not followed by b, the second is */
		{"content:\"a\"; content:\"b\"; distance:0; within:1", "axxab", YES}, {"content:\"a\"; content:\"b\"; within:1; content:\"c\"; within:1", "abxabdabc", YES},
		{"content:\"a\"; content:\"b\"; within:1; content:\"c\"; within:1", "abxabdacb", NO},
		{"content:\"a\"; content:\"b\"; distance:1; content:\"c\"; distance:1; within:1", "a.bb.c", YES},
		/* overlapping occurrences count */
		{"content:\"aa\"; content:\"b\"; within:1", "aaab", YES},
		{"content:\"a\"; content:!\"b\"; within:1", "abac", YES}, {"content:\"a\"; content:!\"b\"; within:1", "abab", NO},
		{"content:\"a\"; content:!\"b\"; distance:0", "ab", NO}, {"content:\"a\"; content:!\"b\"; distance:0", "ba", YES},
		{"content:\"a\"; content:!\"b\"; within:1", "a", YES}, {"content:\"abc\"; within:2", "abc", WRONG},
		{"content:\"a\"; content:\"b\"; distance:0; offset:1", "ab", WRONG}, {"content:\"a\"; content:\"b\"; depth:5; within:1", "ab", WRONG},
		{"content:\"x\"; content:\"y\"; distance:0; endswith", "xyxy", YES}, {"content:\"x\"; content:\"y\"; distance:3; endswith", "x..y", NO},
		{"content:\"x\"; content:\"y\"; distance:2; endswith", "x..y", YES}, {"content:\"b\"; distance:1", "xb", YES}, {"content:\"b\"; distance:2", "xb", NO},
		/* the last content is not relative: the ones before need not be tried again */
		{"content:\"a\"; content:\"z\"", "aaaaaaa", NO},
	};
	CHECK(l);
}

static void expressions(void **state)
{
	static const struct line l[] = {
		{"pcre:\"/a.c/\"", "xabcx", YES}, {"pcre:\"/a.c/\"", "xABCx", NO}, {"pcre:\"/a.c/i\"", "xABCx", YES}, {"pcre:!\"/a.c/\"", "xabcx", NO},
		{"pcre:!\"/a.c/\"", "xacx", YES}, {"pcre:\"/a.c/\"", "a\nc", NO}, {"pcre:\"/a.c/s\"", "a\nc", YES}, {"pcre:\"/^b/\"", "a\nb", NO},
		{"pcre:\"/^b/m\"", "a\nb", YES}, {"pcre:\"/a b/x\"", "ab", YES}, {"pcre:\"/b/A\"", "ab", NO}, {"pcre:\"/a\\/b/\"", "a/b", YES},
		{"pcre:\"/a$/\"", "a\n", YES}, {"pcre:\"/a$/E\"", "a\n", NO}, {"content:\"x\"; pcre:\"/^b/R\"", "axb", YES},
		{"content:\"x\"; pcre:\"/^b/R\"", "axcb", NO}, {"content:\"x\"; pcre:\"/^b/R\"", "xcxb", YES}, {"pcre:\"/a+/\"; content:\"b\"; within:1", "aaab", YES},
		{"pcre:\"/\\d+/\"; content:\"b\"; within:1", "12a34b", YES}, {"pcre:\"/\\d/\"; content:\"b\"; within:1", "12a34a", NO},
		{"content:\"a\"; pcre:!\"/^b/R\"", "abac", YES}, {"content:\"a\"; pcre:!\"/^b/R\"", "abab", NO}, {"pcre:\"/(/\"", "x", WRONG},
		{"pcre:\"/a/q\"", "a", WRONG}, {"pcre:\"a\"", "a", WRONG}, {"pcre:/a.c/", "abc", YES}, {"pcre:a", "a", WRONG}, {"pcre:\"/x\\x00y/\"", "x\0y", YES, 3}, {"pcre:\"/(a)(b)/, flow:one, pkt:two\"", "ab", YES},
		{"pcre:\"/(a)b/, flow:one, pkt:two\"", "ab", WRONG}, {"pcre:\"/a/O\"", "a", YES},
	};
	CHECK(l);
}

static void byte_tests(void **state)
{
	static const struct line l[] = {
		{"byte_test:1,=,0x41,0", "A", YES}, {"byte_test:1,=,65,0", "A", YES}, {"byte_test:1,!=,65,0", "A", NO}, {"byte_test:1,>,64,0", "A", YES},
		{"byte_test:1,<,65,0", "A", NO}, {"byte_test:1,<=,65,0", "A", YES}, {"byte_test:1,>=,66,0", "A", NO}, {"byte_test:1,&,1,0", "A", YES},
		{"byte_test:1,&,2,0", "A", NO}, {"byte_test:1,!&,2,0", "A", YES}, {"byte_test:1,!&,1,0", "A", NO}, {"byte_test:1,^,65,0", "A", NO}, {"byte_test:1,^,64,0", "A", YES},
		{"byte_test:2,=,258,0", "\1\2", YES}, {"byte_test:2,=,513,0,little", "\1\2", YES}, {"byte_test:4,=,0x01020304,0,big", "\1\2\3\4", YES},
		{"byte_test:2,=,258,1", "\1\2", NO}, {"byte_test:1,=,2,1", "\1\2", YES}, {"byte_test:1,=,2,2", "\1\2", NO},
		{"byte_test:3,=,123,0,string,dec", "123", YES}, {"byte_test:3,=,0x123,0,string,hex", "123", YES}, {"byte_test:3,=,83,0,string,oct", "123", YES},
		{"byte_test:4,=,123,0,string,dec", "123x", YES}, {"byte_test:3,=,1,0,string,dec", "xyz", NO}, {"content:\"x\"; byte_test:1,=,2,1,relative", "x\1\2", YES},
		{"content:\"x\"; byte_test:1,=,1,-2,relative", "\1x", YES}, {"content:\"x\"; byte_test:1,=,1,-3,relative", "\1x", NO},
		/* the second x is followed by 2 */
		{"content:\"x\"; byte_test:1,=,2,0,relative", "x\1x\2", YES}, {"byte_test:2,=,0x2,0,bitmask 0x00f0", "\0\x2f", YES, 2},
		{"byte_test:0,=,12,0,string,dec", "12", YES}, {"byte_test:0,=,0,0", "a", WRONG},
		{"byte_test:1,=,1", "a", WRONG}, {"byte_test:9,=,1,0", "a", WRONG}, {"byte_test:1,%,1,0", "a", WRONG}, {"byte_test:1,=,x,0", "a", WRONG},
		{"byte_test:1,=,1,0,foo", "a", WRONG}, {"byte_test:1,!,5,0", "\5", NO}, {"byte_test:1,!,5,0", "\6", YES},
		{"byte_test:8,=,72623859790382856,0", "\1\2\3\4\5\6\7\10", YES},
	};
	CHECK(l);
}

static void byte_moves(void **state)
{
	static const struct line l[] = {
		{"byte_jump:1,0; content:\"z\"; within:1", "\2xxz", YES}, {"byte_jump:1,0; content:\"z\"; within:1", "\1xxz", NO},
		{"byte_jump:1,0; content:\"z\"; distance:0", "\1xxz", YES}, {"byte_jump:1,0; content:\"z\"", "\7xxz", NO}, {"byte_jump:1,0; content:\"x\"", "\3xxz", YES},
		{"byte_jump:1,0,from_beginning; content:\"z\"; within:1", "\3xxz", YES}, {"byte_jump:1,0,multiplier 2; content:\"z\"; within:1", "\1xxz", YES},
		{"byte_jump:1,0,post_offset 1; content:\"z\"; within:1", "\1xxz", YES}, {"byte_jump:1,0,align; content:\"z\"; within:1", "\1xxxxz", YES},
		{"byte_jump:1,0,from_end,post_offset -1; content:\"z\"; within:1", "\0xxz", YES, 4}, {"byte_jump:2,0,little; content:\"z\"; within:1", "\1\0xz", YES, 4},
		{"byte_jump:2,0,string,dec; content:\"z\"; within:1", "03xxxz", YES}, {"content:\"a\"; byte_jump:1,0,relative; content:\"z\"; within:1", "a\1xz", YES},
		/* the first a leads nowhere, the second to z */
		{"content:\"a\"; byte_jump:1,0,relative; content:\"z\"; within:1", "a\1xya\1xz", YES},
		{"content:\"b\"; byte_jump:0,0,relative,post_offset -9; content:\"a\"; within:1", "ab", YES}, /* before the start: the start */
		{"byte_jump:1,0,from_beginning,from_end", "a", WRONG}, {"byte_jump:1", "a", WRONG},
		{"byte_extract:1,0,n; content:\"z\"; offset:n; depth:1", "\3xxz", YES}, {"byte_extract:1,0,n; content:\"z\"; offset:n; depth:1", "\2xxz", NO},
		{"byte_extract:1,0,n; content:\"z\"; distance:n; within:1", "\2xxz", YES}, {"byte_extract:1,0,n; byte_test:1,=,n,1", "\5\5", YES},
		{"byte_extract:1,0,n; byte_test:1,=,n,1", "\5\6", NO}, {"byte_extract:1,0,n,multiplier 2; byte_test:1,=,n,1", "\3\6", YES},
		{"byte_extract:1,0,n; isdataat:n", "\3xxx", YES}, {"byte_extract:1,0,n; isdataat:n", "\4xxx", NO}, {"byte_extract:1,0,n; byte_jump:1,n; content:\"z\"; within:1", "\2.\1.z", YES},
		{"byte_test:1,=,n,0", "a", WRONG}, {"byte_extract:1,0,9n", "a", WRONG},
		{"content:\"k\"; byte_extract:1,0,n,relative; content:\"z\"; offset:n; depth:1", "k\1k\4z", YES},
		{"byte_math:bytes 1, offset 0, oper +, rvalue 2, result n; byte_test:1,=,n,1", "\3\5", YES}, {"byte_math:bytes 1, offset 0, oper -, rvalue 2, result n; byte_test:1,=,n,1", "\3\1", YES},
		{"byte_math:bytes 1, offset 0, oper *, rvalue 3, result n; byte_test:1,=,n,1", "\3\11", YES}, {"byte_math:bytes 1, offset 0, oper /, rvalue 2, result n; byte_test:1,=,n,1", "\6\3", YES},
		{"byte_math:bytes 1, offset 0, oper <<, rvalue 2, result n; byte_test:1,=,n,1", "\1\4", YES}, {"byte_math:bytes 1, offset 0, oper >>, rvalue 2, result n; byte_test:1,=,n,1", "\4\1", YES},
		{"byte_math:bytes 1, offset 0, oper /, rvalue 0, result n", "a", WRONG}, {"byte_math:bytes 1, offset 0, oper +, rvalue 0", "a", WRONG},
		{"byte_extract:1,0,d; byte_math:bytes 1, offset 1, oper /, rvalue d, result n", "\0a", NO, 2},
	};
	CHECK(l);
}

static void sizes(void **state)
{
	static const struct line l[] = {
		{"isdataat:3", "abcd", YES}, {"isdataat:4", "abcd", NO}, {"isdataat:!4", "abcd", YES}, {"isdataat:!3", "abcd", NO},
		{"content:\"b\"; isdataat:2,relative", "abcd", YES}, {"content:\"b\"; isdataat:3,relative", "abcd", NO}, {"content:\"d\"; isdataat:!1,relative", "abcd", YES},
		{"content:\"c\"; isdataat:!1,relative", "abcd", NO}, {"content:\"a\"; isdataat:!1,relative", "aba", YES}, {"isdataat:31,relative", "0123456789012345678901234567890", YES},
		{"isdataat:x", "a", WRONG}, {"isdataat:1,foo", "a", WRONG}, {"bsize:3", "abc", WRONG /* no sticky buffer */},
		{"entropy:value > 1.9", "abcd", YES}, {"entropy:value > 2.1", "abcd", NO}, {"entropy:value < 0.1", "aaaa", YES}, {"entropy:bytes 2, offset 0, value = 1", "abaa", YES},
		{"entropy:value 1-3", "abcd", YES}, {"entropy:value !1-3", "abcd", NO}, {"entropy:value > 9", "a", WRONG}, {"entropy:bytes 3", "a", WRONG},
	};
	CHECK(l);
}

static void base64(void **state)
{
	static const struct line l[] = {
		{"base64_decode; base64_data; content:\"test\"", "dGVzdA==", YES}, {"base64_decode; base64_data; content:\"tost\"", "dGVzdA==", NO},
		{"base64_decode:bytes 4; base64_data; content:\"tes\"; bsize:3", "dGVzdA==", YES}, {"base64_decode:offset 2; base64_data; content:\"test\"", "xydGVzdA==", YES},
		{"content:\"arg=\"; base64_decode:relative; base64_data; content:\"test\"", "arg=dGVzdA==", YES},
		{"content:\"=\"; base64_decode:offset 1, relative; base64_data; content:\"test\"", "arg= dGVzdA==", YES},
		{"base64_decode; base64_data; content:\"te\"; content:\"st\"; distance:0; within:2", "dGVzdA==", YES},
		{"base64_decode; base64_data; content:\"es\"; pkt_data; content:\"dGV\"", "dGVzdA==", YES}, {"base64_data; content:\"a\"", "a", WRONG}, {"base64_decode:foo", "a", WRONG},
		{"base64_decode; base64_data; content:\"a\"", "----", NO},
	};
	CHECK(l);
}

static void fast_patterns(void **state)
{
	struct signature *s = compile("content:\"short\"; content:\"the longest one\"; content:\"middle\"");
	assert_non_null(s);
	assert_true(bytes_equal(s->fast.content, BYTES_LITERAL("the longest one")));
	s = compile("content:\"short\"; fast_pattern; content:\"the longest one\"");
	assert_true(bytes_equal(s->fast.content, BYTES_LITERAL("short")));
	s = compile("content:\"abcdefgh\"; fast_pattern:2,3; content:\"the longest one\"");
	assert_true(bytes_equal(s->fast.content, BYTES_LITERAL("cde")));
	s = compile("content:!\"the longest one\"; content:\"short\"");
	assert_true(bytes_equal(s->fast.content, BYTES_LITERAL("short")));
	s = compile("content:\"aaaaa\"; content:\"abcde\"");
	assert_true(bytes_equal(s->fast.content, BYTES_LITERAL("abcde"))); /* as long, more diverse */
	assert_null(compile("content:\"abc\"; fast_pattern; content:\"def\"; fast_pattern"));
	assert_null(compile("content:\"abc\"; fast_pattern:2,3"));
	assert_null(compile("content:\"abc\"; depth:3; fast_pattern:only"));
	s = compile("content:\"abc\"; offset:2; depth:4");
	assert_int_equal(s->fast.offset, 2);
	assert_int_equal(s->fast.depth, 6);
}

static void windows(void **state)
{
	/* A body that has slid: bytes 10 to 15 of it. */
	struct signature *s = compile("content:\"abc\"; offset:10; depth:3");
	struct program_input in = {.data = BYTES_LITERAL("abcabc"), .offset = 10};
	assert_true(program_run(&scratch, s->inspections->program, &in));
	s = compile("content:\"abc\"; depth:8");
	assert_false(program_run(&scratch, s->inspections->program, &in));
	s = compile("content:\"abc\"; depth:13");
	assert_true(program_run(&scratch, s->inspections->program, &in));
	s = compile("content:\"abc\"; endswith");
	assert_false(program_run(&scratch, s->inspections->program, &in)); /* the end is not known yet */
	in.end = true;
	assert_true(program_run(&scratch, s->inspections->program, &in));
	s = compile("content:\"abc\"; startswith");
	assert_false(program_run(&scratch, s->inspections->program, &in));
	s = compile("isdataat:15");
	assert_true(program_run(&scratch, s->inspections->program, &in));
	s = compile("isdataat:16");
	assert_false(program_run(&scratch, s->inspections->program, &in));
}

/* A thousand times "a" and three relative contents: without a limit this is a thousand million steps. */
static void bounded(void **state)
{
	static char data[3000];
	memset(data, 'a', sizeof data);
	struct signature *s = compile("content:\"a\"; content:\"a\"; distance:0; content:\"a\"; distance:0; content:\"a\"; distance:0; content:\"b\"; distance:0");
	struct program_input in = {.data = bytes_of(data, sizeof data), .start = true, .end = true};
	assert_false(program_run(&scratch, s->inspections->program, &in));
	assert_true(scratch.recursion <= scratch.recursion_limit + 8);
}

static void captures(void **state)
{
	struct flow f = {0};
	struct bytes v = {0};
	struct detect_registry *r = detect_registry_new();
	assert_non_null(r);
	scratch.flow = &f;
	struct compile_context ctx = {.arena = &arena, .findings = &set, .vars = vars, .registry = r};
	static const char text[] = "alert tcp any any -> any any (pcre:\"/user=(\\w+) (?P<pkt_word>\\w+)/, flow:user\"; sid:99999;)\n";
	rule_text_load(&set, BYTES_LITERAL(text), "test", vars, false);
	struct signature *s = signature_compile(&ctx, set.last);
	assert_non_null(s);
	struct program_input in = {.data = BYTES_LITERAL("GET user=joe word"), .start = true, .end = true};
	program_captures_drop(&scratch);
	scratch.n_pktvars = 0;
	assert_true(program_run(&scratch, s->inspections->program, &in));
	program_captures_keep(&scratch);
	assert_true(flow_var_get(&f, registry_id(r, REGISTRY_FLOWVAR, "user"), &v));
	assert_true(bytes_equal(v, BYTES_LITERAL("joe")));
	assert_int_equal(scratch.n_pktvars, 1);
	assert_true(bytes_equal(scratch.pktvar[0].value, BYTES_LITERAL("word")));
	signature_release(s);
	flow_bits_free(&f);
	scratch.flow = NULL;
	detect_registry_free(r);
}

static void numbers(void **state)
{
	static const struct { const char *text; uint64_t value; int expected; } l[] = {
		{"5", 5, 1}, {"5", 6, 0}, {"=0x10", 16, 1}, {"!5", 5, 0}, {"!=5", 6, 1}, {">5", 5, 0}, {">5", 6, 1}, {">=5", 5, 1}, {"<5", 4, 1}, {"<=5", 6, 0},
		{"1-4", 1, 0}, {"1-4", 2, 1}, {"1-4", 3, 1}, {"1-4", 4, 0}, {"1<>4", 3, 1}, {"1<>4", 4, 0}, {"!1-4", 1, 1}, {"!1-4", 2, 0}, {"&0x4", 5, 1}, {"&0x4", 3, 0},
		{"!&0x4", 3, 1}, {"&0xc0=0x80", 0x81, 1}, {"&0xc0=0x80", 0xc1, 0}, {"&0xc0!=0", 0x41, 1}, {"1kb", 1024, 1}, {"2 MiB", 2097152, 1}, {"two", 2, 1}, {"!two", 2, 0},
		{"4-1", 0, -1}, {"1-2", 0, -1}, {"<0", 0, -1}, {"abc", 0, -1}, {"5x", 0, -1}, {"", 0, -1}, {"99999999999999999999", 0, -1}, {"> 5", 6, 1}, {" 7 ", 7, 1},
	};
	static const char *const names[] = {"zero", "one", "two", NULL};
	for (size_t i = 0; i < sizeof l / sizeof l[0]; i++) {
		struct number_test t;
		struct error error = {0};
		int rc = number_parse(l[i].text, 32, names, &t, &error);
		int got = rc ? -1 : number_test(&t, l[i].value);
		if (got != l[i].expected)
			fail_msg("%s on %llu: %d, expected %d", l[i].text, (unsigned long long)l[i].value, got, l[i].expected);
	}
	struct number_test t;
	assert_int_not_equal(number_parse("256", 8, NULL, &t, NULL), 0);
	assert_int_equal(number_parse("255", 8, NULL, &t, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(content), cmocka_unit_test(absolute), cmocka_unit_test(relative), cmocka_unit_test(expressions), cmocka_unit_test(byte_tests),
		cmocka_unit_test(byte_moves), cmocka_unit_test(sizes), cmocka_unit_test(base64), cmocka_unit_test(fast_patterns), cmocka_unit_test(windows),
		cmocka_unit_test(bounded), cmocka_unit_test(captures), cmocka_unit_test(numbers),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
