// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/conf.h"
#include "base/memory.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static struct conf *read_text(const char *text)
{
	struct conf *root = conf_new();
	struct error error = {0};
	int status = conf_load_text(root, bytes_of_string(text), "t.yaml", &error);
	if (status < 0)
		print_message("%s\n", error.text);
	assert_int_equal(status, 0);
	return root;
}

static void assert_value(struct conf *root, const char *name, const char *want)
{
	const char *got = conf_string(root, name, "(none)");
	if (strcmp(got, want) != 0)
		fail_msg("%s is '%s', not '%s'", name, got, want);
}

static void names_reach_into_lists(void **state)
{
	(void)state;
	struct conf *root = read_text("outputs:\n  - fast:\n      enabled: yes\n  - eve-log: {types: [alert, {http: {extended: no}}]}\nx: [a, b]\n");
	assert_value(root, "outputs.0.fast.enabled", "yes");
	assert_value(root, "outputs.0", "fast");
	assert_value(root, "outputs.1.eve-log.types.0", "alert");
	assert_value(root, "outputs.1.eve-log.types.1", "http");
	assert_value(root, "outputs.1.eve-log.types.1.http.extended", "no");
	assert_value(root, "x.1", "b");
	assert_null(conf_get(root, "x.2"));
	assert_int_equal(conf_get(root, "outputs")->kind, CONF_LIST);
	assert_string_equal(conf_path(conf_get(root, "outputs.1.eve-log.types.1.http")), "outputs.1.eve-log.types.1.http");
	assert_int_equal(conf_get(root, "outputs.1.eve-log")->line, 4);
	conf_free(root);
}

static void set_wins_over_files(void **state)
{
	(void)state;
	struct conf *root = conf_new();
	assert_int_equal(conf_set(root, "a.0.b.c=1", NULL), 0);
	assert_int_equal(conf_set(root, "stream.depth = 7", NULL), 0);
	assert_int_equal(conf_load_text(root, BYTES_LITERAL("a:\n  - b:\n      c: 2\n      d: 3\nstream:\n  depth: 8\n  inline: no\n"), "t", NULL), 0);
	assert_value(root, "a.0.b.c", "1");
	assert_value(root, "a.0.b.d", "3");
	assert_value(root, "stream.depth", "7");
	assert_value(root, "stream.inline", "no");
	assert_int_equal(conf_set(root, "stream.inline=yes", NULL), 0);
	assert_true(conf_bool(root, "stream.inline", false));
	assert_int_equal(conf_set(root, "novalue", NULL), -EINVAL);
	conf_free(root);
}

static void later_definition_replaces(void **state)
{
	(void)state;
	struct conf *root = read_text("o: [1, 2, 3]\np: {a: 1, b: 2}\no: [9]\np.b: 5\nq.r.s: 6\n");
	assert_value(root, "o.0", "9");
	assert_null(conf_get(root, "o.1"));
	assert_value(root, "p.a", "1");
	assert_value(root, "p.b", "5");
	assert_value(root, "q.r.s", "6");
	conf_free(root);
}

static void aliases_and_merges(void **state)
{
	(void)state;
	struct conf *root = read_text("a: &x {b: 1, c: [7]}\nd: *x\ne:\n  <<: *x\n  b: 2\n");
	assert_value(root, "d.c.0", "7");
	assert_value(root, "e.b", "2");
	assert_value(root, "e.c.0", "7");
	conf_free(root);
	/* what an anchor named stays known, though the name was given another value later */
	root = read_text("a: {k: 1, l: &x {m: 2}}\na: {n: 3}\nb: *x\n");
	assert_value(root, "b.m", "2");
	assert_value(root, "a.n", "3");
	assert_null(conf_get(root, "a.k"));
	conf_free(root);
}

static void bomb_is_refused(void **state)
{
	(void)state;
	struct buffer text = {0};
	buffer_add_string(&text, "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
	for (int i = 1; i < 12; i++) {
		buffer_printf(&text, "a%d: &a%d [", i, i);
		for (int k = 0; k < 10; k++)
			buffer_printf(&text, "%s*a%d", k ? "," : "", i - 1);
		buffer_add_string(&text, "]\n");
	}
	struct conf *root = conf_new();
	struct error error = {0};
	assert_int_equal(conf_load_text(root, bytes_of(text.data, text.len), "bomb", &error), -EINVAL);
	assert_non_null(strstr(error.text, "too many entries"));
	conf_free(root);
	buffer_free(&text);
}

static void errors_name_the_place(void **state)
{
	(void)state;
	struct conf *root = conf_new();
	struct error error = {0};
	assert_int_equal(conf_load_text(root, BYTES_LITERAL("a: 1\nb: [1, 2\nc: 3\n"), "bad.yaml", &error), -EINVAL);
	assert_non_null(strstr(error.text, "bad.yaml:"));
	assert_true(error.line >= 2);
	assert_int_equal(conf_load_file(root, "/nonexistent/x.yaml", &error), -ENOENT);
	assert_non_null(strstr(error.text, "/nonexistent/x.yaml: No such file"));
	assert_int_equal(conf_load_text(root, BYTES_LITERAL("- 1\n- 2\n"), "l", &error), -EINVAL);
	assert_int_equal(conf_load_text(root, BYTES_LITERAL(""), "e", &error), 0);
	static const struct { const char *text; int line, column; } bad[] = {
		{"a: 1\n%Y%A\n", 2, 1}, {"%YAML 1.1", 1, 1}, {"a: 1\nb: \xfe\n", 2, 4}, {"a: \xc0\x80\n", 1, 4}, {"a: \xed\xa0\x80\n", 1, 4}, {"a\n: \x01", 2, 3},
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_int_equal(conf_load_text(root, bytes_of_string(bad[i].text), "b", &error), -EINVAL);
		assert_int_equal(error.line, bad[i].line);
		assert_int_equal(error.column, bad[i].column);
	}
	assert_int_equal(conf_load_text(root, BYTES_LITERAL("%YAML 1.1 \r\n---\na: \xc3\xa4\xe2\x82\xac\n"), "u", &error), 0);
	assert_value(root, "a", "\xc3\xa4\xe2\x82\xac");
	conf_free(root);
}

static void includes_are_followed(void **state)
{
	(void)state;
	char dir[] = "/tmp/sluice-conf-XXXXXX", path[64], part[64];
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/main.yaml", dir);
	snprintf(part, sizeof part, "%s/part.yaml", dir);
	FILE *f = fopen(path, "w");
	fputs("a: 1\ninclude: part.yaml\nb: 3\nsub:\n  include:\n    - ./part.yaml\n", f);
	fclose(f);
	f = fopen(part, "w");
	fputs("b: 2\nlist: [x, y]\n", f);
	fclose(f);
	struct conf *root = conf_new();
	struct error error = {0};
	assert_int_equal(conf_load_file(root, path, &error), 0);
	assert_value(root, "b", "3");
	assert_value(root, "list.1", "y");
	assert_value(root, "sub.list.0", "x");
	assert_value(root, "sub.b", "2");
	f = fopen(part, "w");
	fputs("include: main.yaml\n", f);
	fclose(f);
	assert_int_equal(conf_load_file(root, path, &error), -EINVAL);
	conf_free(root);
	unlink(path), unlink(part), rmdir(dir);
}

static void sizes(void **state)
{
	(void)state;
	static const struct { const char *text; uint64_t want; int status; } rows[] = {
		{"4096", 4096, 0}, {"64kb", 65536, 0}, {"10 MiB", 10485760, 0}, {"1mb", 1048576, 0}, {"1.5 KiB", 1536, 0}, {"2 gb", 2147483648, 0},
		{"0", 0, 0}, {"1tb", 0, -EINVAL}, {"", 0, -EINVAL}, {"-1", 0, -EINVAL}, {"99999999999999 gb", 0, -EINVAL}, {"4 kb x", 0, -EINVAL},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		uint64_t got = 0;
		assert_int_equal(conf_parse_size(rows[i].text, &got), rows[i].status);
		assert_int_equal(got, rows[i].want);
	}
}

static const char *const colours[] = {"red", "green", NULL};
struct settings {
	bool on, missing;
	uint32_t count;
	uint64_t memcap;
	const char *name;
	int colour;
	double ratio;
};
#define ROW(k, kind_, member, ...) {.key = k, .kind = kind_, .offset = offsetof(struct settings, member), __VA_ARGS__}
static const struct setting rows[] = {
	ROW("s.on", SETTING_BOOL, on, .absent = "no"),
	ROW("s.missing", SETTING_BOOL, missing, .absent = "yes"),
	ROW("s.count", SETTING_U32, count, .min = 1, .max = 10),
	ROW("s.memcap", SETTING_SIZE, memcap, .absent = "32 MiB"),
	ROW("s.name", SETTING_STRING, name, .absent = "x"),
	ROW("s.colour", SETTING_ENUM, colour, .names = colours),
	ROW("s.ratio", SETTING_DOUBLE, ratio, .absent = "1.0"),
};

static void settings_fill_a_struct(void **state)
{
	(void)state;
	struct conf *root = read_text("s: {on: yes, count: 3, memcap: 1 KiB, colour: Green, ratio: 0.5, name: }\n");
	struct settings s = {.count = 5};
	assert_int_equal(settings_read(rows, sizeof rows / sizeof *rows, root, &s, NULL), 0);
	assert_true(s.on && s.missing);
	assert_int_equal(s.count, 3);
	assert_int_equal(s.memcap, 1024);
	assert_int_equal(s.colour, 1);
	assert_string_equal(s.name, "x");
	assert_true(s.ratio > 0.49 && s.ratio < 0.51);
	conf_free(root);
	struct error error = {0};
	root = read_text("s:\n  count: 11\n");
	assert_int_equal(settings_read(rows, sizeof rows / sizeof *rows, root, &s, &error), -EINVAL);
	assert_string_equal(error.text, "t.yaml:2:3: s.count: '11' is not between 1 and 10");
	conf_free(root);
	root = read_text("s: {colour: blue}\n");
	assert_int_equal(settings_read(rows, sizeof rows / sizeof *rows, root, &s, &error), -EINVAL);
	assert_non_null(strstr(error.text, "one of red, green"));
	conf_free(root);
}

static void said(const char *text, void *context)
{
	buffer_printf(context, "%s\n", text);
}

static void unknown_keys_are_named(void **state)
{
	(void)state;
	struct conf *root = read_text("alpha: 1\nbetta: {x: 1, y: 2}\nlist: [{item: {size: 1, sise: 2}}]\nomega: 3\ntree: {a: {b: 1}}\n");
	struct buffer text = {0};
	(void)conf_get(root, "alpha");
	unsigned n = conf_report_unknown(root, "# words\nalpha\nbeta\nlist\nlist.*\nlist.*.item\nlist.*.item.size\nomega\n+tree.**\n+tree\n", said, &text);
	assert_int_equal(n, 2); /* list.0.item.size, omega */
	assert_string_equal(buffer_string(&text), "t.yaml:2: unknown key 'betta'; did you mean 'beta'?\n"
						  "t.yaml:3: unknown key 'list.0.item.sise'; did you mean 'list.*.item.size'?\n");
	buffer_free(&text);
	conf_free(root);
}

static void defaults_are_all_known(void **state)
{
	(void)state;
	struct conf *root = conf_new();
	struct buffer text = {0};
	assert_int_equal(conf_load_defaults(root, NULL), 0);
	assert_value(root, "outputs.1.eve-log.types.33", "flow");
	assert_value(root, "vars.port-groups.SIP_PORTS", "[5060, 5061]");
	assert_int_not_equal(conf_report_unknown(root, NULL, said, &text), 0);
	assert_string_equal(buffer_string(&text), "");
	buffer_free(&text);
	conf_free(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_reach_into_lists), cmocka_unit_test(set_wins_over_files), cmocka_unit_test(later_definition_replaces),
		cmocka_unit_test(aliases_and_merges), cmocka_unit_test(bomb_is_refused), cmocka_unit_test(errors_name_the_place),
		cmocka_unit_test(includes_are_followed), cmocka_unit_test(sizes), cmocka_unit_test(settings_fill_a_struct),
		cmocka_unit_test(unknown_keys_are_named), cmocka_unit_test(defaults_are_all_known),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
