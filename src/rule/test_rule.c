// SPDX-License-Identifier: GPL-2.0-or-later
#include "rule/rule.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static const char vars_text[] =
	"vars:\n"
	"  address-groups: {HOME_NET: '[192.168.0.0/16,10.0.0.0/8]', EXTERNAL_NET: '!$HOME_NET', DNS: $HOME_NET, V6: [fd00::/8, ::1], WHITE: ''}\n"
	"  port-groups: {HTTP: '80', SHELL: '!80', FILES: '[$HTTP,110,143]'}\n";

static struct rule_vars *vars;

static int make_vars(void **state)
{
	(void)state;
	struct conf *conf = conf_new();
	struct error error = {0};
	conf_load_text(conf, bytes_of_string(vars_text), "v", &error);
	vars = rule_vars_read(conf, &error);
	conf_free(conf);
	return vars ? 0 : -1;
}

static int free_vars(void **state)
{
	(void)state;
	rule_vars_free(vars);
	return 0;
}

/* One line a case: the list; what it is, or "!N: words" when it is wrong at column N. */
static const struct { const char *list, *want; } addresses[] = {
	{"any", "any"},
	{"1.2.3.4", "1.2.3.4"},
	{"[1.2.3.4]", "1.2.3.4"},
	{"[ 1.2.3.4 , 1.2.3.5 ]", "1.2.3.4-1.2.3.5"},
	{"10.0.0.0/8", "10.0.0.0-10.255.255.255"},
	{"10.1.2.3/8", "10.0.0.0-10.255.255.255"},
	{"10.0.0.0/255.255.0.0", "10.0.0.0-10.0.255.255"},
	{"0.0.0.0/0", "0.0.0.0-255.255.255.255"},
	{"1.1.1.1-1.1.1.9", "1.1.1.1-1.1.1.9"},
	{"2001:db8::/32", "2001:db8::-2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"},
	{"::/0", "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
	{"::1", "::1"},
	{"[::1,1.1.1.1]", "1.1.1.1,::1"},
	{"[10.0.0.0/8,!10.1.0.0/16]", "10.0.0.0-10.0.255.255,10.2.0.0-10.255.255.255"},
	{"[10.0.0.0/8,![10.1.0.0/16,!10.1.2.3]]", "10.0.0.0-10.0.255.255,10.1.2.3,10.2.0.0-10.255.255.255"},
	{"[any,!10.0.0.0/8]", "0.0.0.0-9.255.255.255,11.0.0.0-255.255.255.255,::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
	{"!128.0.0.0/1", "0.0.0.0-127.255.255.255,::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
	{"$HOME_NET", "10.0.0.0-10.255.255.255,192.168.0.0-192.168.255.255"},
	{"$DNS", "10.0.0.0-10.255.255.255,192.168.0.0-192.168.255.255"},
	{"!$EXTERNAL_NET", "10.0.0.0-10.255.255.255,192.168.0.0-192.168.255.255"},
	{"[$HOME_NET,!192.168.0.0/16]", "10.0.0.0-10.255.255.255"},
	{"[10.0.0.1,$EXTERNAL_NET,!::/0,!0.0.0.0/1,!128.0.0.0/2,!192.0.0.0/3,!224.0.0.0/3,10.0.0.1]", "!2: nothing is left"},
	{"$V6", "::1,fd00::-fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
	{"[any,1.1.1.1]", "any"},
	{"!any", "!1: '!any' matches nothing"},
	{"[1.1.1.1,!1.1.1.1]", "!2: nothing is left"},
	{"[$HOME_NET,$NONE]", "!12: variable $NONE is not set"},
	{"[1.1.1.1,1.2.3]", "!10: '1.2.3' is not an address"},
	{"1.2.3.4/33", "!1: '/33' is not a prefix"},
	{"1.2.3.4/255.0.255.0", "!1: '/255.0.255.0' is not a prefix"},
	{"[1.1.1.1", "!1: this '[' is never closed"},
	{"1.1.1.1]", "!8: this ']' closes nothing"},
	{"[1.1.1.1,,2.2.2.2]", "!10: expected an address"},
	{"[]", "!2: expected an address"},
	{"1.1.1.9-1.1.1.1", "!1: the range ends before"},
	{"1.1.1.1-::1", "!1: '1.1.1.1-::1' is not a range"},
}, ports[] = {
	{"any", "any"},
	{"80", "80"},
	{"1024:", "1024-65535"},
	{":80", "0-80"},
	{"8000:8080", "8000-8080"},
	{"[80,443,8000:8080,!8001]", "80,443,8000,8002-8080"},
	{"!80", "0-79,81-65535"},
	{"![80,443]", "0-79,81-442,444-65535"},
	{"$FILES", "80,110,143"},
	{"[$FILES,!$HTTP]", "110,143"},
	{"$SHELL", "0-79,81-65535"},
	{"[80,81,82]", "80-82"},
	{"65536", "!1: '65536' is not a port"},
	{"[80,x]", "!5: 'x' is not a port"},
	{"90:80", "!1: the range ends before"},
	{"!any", "!1: '!any' matches nothing"},
	{":", "!1: a range of ports wants"},
	{"$PORTS", "!1: variable $PORTS is not set under vars.port-groups"},
};

static void compare(const char *list, const char *want, int status, const struct error *error, struct buffer *got)
{
	char text[600];
	if (status < 0)
		snprintf(text, sizeof text, "!%d: %s", error->column, error->text);
	else
		snprintf(text, sizeof text, "%s", buffer_string(got));
	if (status < 0 ? strncmp(text, want, strlen(want)) != 0 : strcmp(text, want) != 0)
		fail_msg("%s is %s, not %s", list, text, want);
	buffer_clear(got);
}

static void lists(void **state)
{
	(void)state;
	struct arena arena;
	struct buffer got = {0};
	arena_init(&arena, 4096);
	for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
		struct address_set set;
		struct error error = {0};
		int status = address_set_parse(addresses[i].list, vars, &arena, &set, &error);
		if (status == 0)
			address_set_format(&set, &got);
		compare(addresses[i].list, addresses[i].want, status, &error, &got);
	}
	for (size_t i = 0; i < sizeof ports / sizeof *ports; i++) {
		struct port_set set;
		struct error error = {0};
		int status = port_set_parse(ports[i].list, vars, &arena, &set, &error);
		if (status == 0)
			port_set_format(&set, &got);
		compare(ports[i].list, ports[i].want, status, &error, &got);
	}
	buffer_free(&got);
	arena_free(&arena);
}

static void members(void **state)
{
	(void)state;
	struct arena arena;
	struct address_set set;
	struct port_set p;
	struct address a;
	arena_init(&arena, 4096);
	assert_int_equal(address_set_parse("[10.0.0.0/8,!10.1.0.0/16,fd00::/8]", vars, &arena, &set, NULL), 0);
	static const struct { const char *text; bool in; } rows[] = {
		{"10.0.0.0", true}, {"10.0.255.255", true}, {"10.1.0.0", false}, {"10.1.255.255", false}, {"10.2.0.0", true}, {"11.0.0.0", false},
		{"9.255.255.255", false}, {"fd00::", true}, {"fdff::1", true}, {"fe00::", false}, {"::", false},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_true(address_parse(bytes_of_string(rows[i].text), &a));
		assert_int_equal(address_set_contains(&set, &a), rows[i].in);
	}
	assert_int_equal(port_set_parse("[80,1024:2000,!1500]", NULL, &arena, &p, NULL), 0);
	assert_true(port_set_contains(&p, 80) && port_set_contains(&p, 1024) && port_set_contains(&p, 2000));
	assert_false(port_set_contains(&p, 79) || port_set_contains(&p, 81) || port_set_contains(&p, 1500) || port_set_contains(&p, 2001));
	arena_free(&arena);
}

static void variables_made_of_themselves(void **state)
{
	(void)state;
	struct conf *conf = conf_new();
	struct error error = {0};
	conf_load_text(conf, BYTES_LITERAL("vars: {address-groups: {A: '$B', B: '[1.1.1.1,$A]'}}"), "v.yaml", &error);
	assert_null(rule_vars_read(conf, &error));
	assert_non_null(strstr(error.text, "v.yaml:1:"));
	assert_non_null(strstr(error.text, "made of itself"));
	conf_free(conf);
}

/* One line a case: the rule; its canonical form (NULL: as it is), or "!N: words". */
static const struct { const char *rule, *want; } rules[] = {
	{"alert tcp any any -> any any (sid:1;)", NULL},
	{"alert tcp any any -> any any (msg:\"x\"; content:\"a\\;b\"; nocase; sid:1; rev:2;)", NULL},
	{"  alert   TCP any any  ->  any 80 ( Msg : \"x\" ;NoCase ;sid: 1 ; gid:1; rev:0 ;; ) ", "alert tcp any any -> any 80 (msg:\"x\"; nocase; sid:1;)"},
	{"drop http [1.1.1.1, 2.2.2.2] any <> ! 10.0.0.1 [80, 81] (sid:7; gid:3;)", "drop http [1.1.1.1,2.2.2.2] any <> !10.0.0.1 [80,81] (sid:7; gid:3;)"},
	{"pass dns:request_complete any any => any any (sid:1;)", NULL},
	{"accept:flow,alert http1:request_line any any -> any any (sid:1;)", NULL},
	{"drop:packet tcp:all any any -> any any (sid:1;)", NULL},
	{"rejectboth ip any any -> any any(sid:4294967295;)", "rejectboth ip any any -> any any (sid:4294967295;)"},
	{"config dns any any -> any any (sid:09; config:logging disable, type tx, scope tx;)", NULL},
	{"alert tcp $HOME_NET any -> $EXTERNAL_NET $HTTP (pcre:\"/a\\/b;\"; sid:1;)", "!61: expected the name of an option, then ':' or ';' (within quotes"},
	{"alert tcp any any -> any any (sid:1)", "!35: expected ';' at the end"},
	{"alert tcp any any -> any any (sid:1;", "!36: expected ')'"},
	{"alert tcp any any -> any any", "!28: expected '('"},
	{"alert tcp any any -> any (sid:1;)", "!26: expected a port"},
	{"alert tcp any any any any (sid:1;)", "!19: expected '->'"},
	{"alert tcp any any <- any any (sid:1;)", "!19: there is no '<-'"},
	{"alarm tcp any any -> any any (sid:1;)", "!1: 'alarm' is no action"},
	{"alert tcp any any -> [1.1.1.1,bad] any (sid:1;)", "!31: 'bad' is not an address"},
	{"alert tcp $NONE any -> any any (sid:1;)", "!11: variable $NONE"},
	{"alert tcp any [80,99999] -> any any (sid:1;)", "!19: '99999' is not a port"},
	{"alert tcp any any -> any any (msg:\"x\";)", "!1: the rule has no sid"},
	{"alert tcp any any -> any any (sid:0;)", "!35: sid wants a number"},
	{"alert tcp any any -> any any (sid:4294967296;)", "!35: sid wants a number"},
	{"alert tcp any any -> any any (sid:1x;)", "!35: sid wants a number"},
	{"alert tcp any any -> any any (sid;)", "!31: sid wants a number"},
	{"alert tcp any any -> any any (sid:1; sid:2;)", "!38: sid stands here a second time"},
	{"alert tcp any any -> any any (:1; sid:2;)", "!31: an option without a name"},
	{"alert tcp any any -> any any (a b; sid:2;)", "!31: expected the name of an option"},
	{"alert", "!6: expected a protocol"},
	{"alert tcp: any any -> any any (sid:1;)", "!7: expected PROTOCOL"},
	{"alert tcp [any any -> any any (sid:1;)", "!11: a '[' in this list is never closed"},
	{"accept:tx dns:<request_complete any any -> any any (sid:1;)", NULL},
};

static void grammar(void **state)
{
	(void)state;
	struct rule_set set;
	struct buffer got = {0};
	rule_set_init(&set);
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
		struct error error = {0};
		struct rule *r = rule_parse(&set, rules[i].rule, vars, &error);
		if (r)
			rule_format(r, &got);
		compare(rules[i].rule, rules[i].want ? rules[i].want : rules[i].rule, r ? 0 : -EINVAL, &error, &got);
	}
	buffer_free(&got);
	rule_set_free(&set);
}

static void options_keep_their_places(void **state)
{
	(void)state;
	struct rule_set set;
	rule_set_init(&set);
	const char *text = "alert tcp any any -> any any (msg:\"m\"; content: !\"x|3b|\" ; offset:4; sid:5;)";
	struct rule *r = rule_parse(&set, text, NULL, NULL);
	assert_non_null(r);
	const struct rule_option *o = rule_option_find(r, NULL, "content");
	assert_string_equal(o->value, "!\"x|3b|\"");
	assert_int_equal(o->span.len, strlen("content: !\"x|3b|\""));
	assert_memory_equal(text + o->span.start, "content: !", 10);
	assert_memory_equal(text + o->value_span.start, "!\"x|3b|\"", o->value_span.len);
	assert_string_equal(o->next->name, "offset");
	assert_null(rule_option_find(r, o->next, "content"));
	assert_int_equal(r->gid, 1);
	assert_true(r->src.any && r->sport.any);
	rule_set_free(&set);
}

static const char file_text[] =
	"# alert the admin when this changes\n"
	"#alert tcp any any -> any any (msg:\"off\"; sid:10;)\r\n"
	"  alert tcp any any -> any any (msg:\"first\"; sid:11;)\r\n"
	"\n"
	"alert tcp any any -> any any (msg:\"two lines\"; \\\n"
	"    content:\"x\"; bad value; \\\n"
	"    sid:12;)\n"
	"alert tcp any any -> any any (msg:\"old\"; sid:13; rev:1;)\n"
	"alert tcp any any -> any any (msg:\"new\"; sid:13; rev:2;)\n"
	"alert tcp any any -> any any (msg:\"same\"; sid:13; rev:2;)\n"
	"alert udp any any -> any any (msg:\"other\"; \\\n"
	"  sid:14;)";

static void files(void **state)
{
	(void)state;
	struct rule_set set;
	rule_set_init(&set);
	assert_int_equal(rule_text_load(&set, bytes_of_string(file_text), "f.rules", NULL, true), 0);
	assert_int_equal(set.n_active, 3);
	assert_int_equal(set.n_disabled, 1);
	assert_int_equal(set.n_errors, 2);
	static const uint32_t sids[] = {10, 11, 13, 14};
	const struct rule *r = set.first;
	for (size_t i = 0; i < 4; i++, r = r->next)
		assert_int_equal(r->sid, sids[i]);
	assert_null(r);
	assert_int_equal(set.last->line, 11);
	assert_int_equal(set.first->next->line, 3);
	assert_false(set.first->active);
	const struct finding *f = set.findings;
	assert_int_equal(f->line, 6);
	assert_int_equal(f->column, 18);
	assert_int_equal(f->sid, 12);
	assert_string_equal(f->code, "bad-option");
	f = f->next;
	assert_string_equal(f->code, "duplicate-sid");
	assert_int_equal(f->severity, FINDING_WARNING);
	assert_int_equal(f->line, 9);
	assert_int_equal(f->next->severity, FINDING_ERROR);
	struct error error = {0};
	assert_int_equal(rule_file_load(&set, "/nonexistent.rules", NULL, false, &error), -ENOENT);
	rule_set_free(&set);
	rule_set_init(&set);
	rule_text_load(&set, bytes_of_string(file_text), "f.rules", NULL, false);
	assert_int_equal(set.n_disabled, 0);
	assert_int_equal(set.n_active, 3);
	rule_set_free(&set);
}

static void findings_underline_the_place(void **state)
{
	(void)state;
	struct rule_set set;
	char *text = NULL;
	size_t size = 0;
	rule_set_init(&set);
	rule_text_load(&set, BYTES_LITERAL("alert tcp any any -> any 99999 (sid:1;)\n"), "f.rules", NULL, false);
	FILE *f = open_memstream(&text, &size);
	finding_print(set.findings, f, false);
	fclose(f);
	assert_string_equal(text, "f.rules:1:26: error: sid 1: '99999' is not a port [bad-header]\n"
				  "    alert tcp any any -> any 99999 (sid:1;)\n"
				  "                             ^~~~~\n");
	free(text);
	rule_set_free(&set);
	/* a character of several bytes takes one column */
	rule_set_init(&set);
	rule_text_load(&set, BYTES_LITERAL("alert ip any any -> any 1 (a:\xc3\xa4; sid:x;)\n"), "f.rules", NULL, false);
	f = open_memstream(&text, &size);
	finding_print(set.findings, f, false);
	fclose(f);
	assert_non_null(strstr(text, "\n    alert ip any any -> any 1 (a:\xc3\xa4; sid:x;)\n"
				     "                                        ^\n"));
	free(text);
	rule_set_free(&set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists), cmocka_unit_test(members), cmocka_unit_test(variables_made_of_themselves), cmocka_unit_test(grammar),
		cmocka_unit_test(options_keep_their_places), cmocka_unit_test(files), cmocka_unit_test(findings_underline_the_place),
	};
	return cmocka_run_group_tests(tests, make_vars, free_vars);
}
