// SPDX-License-Identifier: GPL-2.0-or-later
#include "rule/lists.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static void built_in_lists(void **state)
{
	(void)state;
	struct rule_set set;
	struct conf *conf = conf_new();
	rule_set_init(&set);
	assert_int_equal(conf_load_defaults(conf, NULL), 0);
	/* as if the files that the defaults name were not there */
	conf_get(conf, "classification-file")->value[0] = '.';
	struct rule_lists *l = rule_lists_read(conf, &set, NULL);
	assert_non_null(l);
	assert_null(set.findings);
	const struct rule_class *c = rule_class_find(l, "trojan-activity");
	assert_non_null(c);
	assert_string_equal(c->description, "A Network Trojan was detected");
	assert_int_equal(c->priority, 1);
	assert_null(rule_class_find(l, "no-such-class"));
	assert_string_equal(rule_reference_prefix(l, "url"), "http://");
	assert_string_equal(rule_reference_prefix(l, "CVE"), "http://cve.mitre.org/cgi-bin/cvename.cgi?name=");
	assert_null(rule_reference_prefix(l, "nothing"));
	rule_lists_free(l);
	conf_free(conf);
	rule_set_free(&set);
}

static void own_lists(void **state)
{
	(void)state;
	char path[] = "/tmp/sluice-class-XXXXXX", assignment[80];
	int fd = mkstemp(path);
	static const char text[] = "# c\nconfig classification: a-b, Words, with comma ,2\nconfig classification: bad\nconfig classification: x,y,300\nnonsense\n";
	assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
	close(fd);
	struct rule_set set;
	struct conf *conf = conf_new();
	rule_set_init(&set);
	snprintf(assignment, sizeof assignment, "classification-file=%s", path);
	conf_set(conf, assignment, NULL);
	conf_set(conf, "reference-config-file=/nonexistent", NULL);
	struct rule_lists *l = rule_lists_read(conf, &set, NULL);
	assert_non_null(l);
	assert_string_equal(rule_class_find(l, "a-b")->description, "Words, with comma");
	assert_int_equal(rule_class_find(l, "a-b")->priority, 2);
	assert_null(rule_class_find(l, "x"));
	assert_non_null(rule_reference_prefix(l, "url"));
	int lines[] = {3, 4, 5, 0};
	const struct finding *f = set.findings;
	for (size_t i = 0; i < 4; i++, f = f->next)
		assert_int_equal(f->line, lines[i]);
	assert_null(f);
	rule_lists_free(l);
	conf_free(conf);
	rule_set_free(&set);
	unlink(path);
}

static const struct {
	const char *text;
	bool filter;
	const char *want; /* type track count seconds multiplier, or "!N: words" */
} keywords[] = {
	{"type limit, track by_src, count 1, seconds 60", false, "0 0 1 60 0"},
	{"type both,track by_dst,count 5,seconds 2m", false, "2 1 5 120 0"},
	{"seconds 3600, count 10, track by_both, type threshold", false, "1 3 10 3600 0"},
	{"type backoff, track by_flow, count 1, multiplier 10", false, "6 5 1 0 10"},
	{"track by_rule, count 3, seconds 9", true, "3 2 3 9 0"},
	{"track by_src, count 3", true, "!21: 'seconds' is missing"},
	{"type none, track by_src, count 1, seconds 60", false, "!6: type wants"},
	{"type limit, track by_port, count 1, seconds 60", false, "!19: track wants"},
	{"type limit, track by_src, count x, seconds 60", false, "!33: 'x' is not a number"},
	{"type limit, track by_src, count 1, seconds 60, count 2", false, "!48: 'count' stands here a second time"},
	{"type limit, track by_src, count 0, seconds 60", false, "!1: count must be"},
	{"type limit track by_src", false, "!12: expected ','"},
	{"type limit, track by_src, count 1, seconds 6, gen_id 1", false, "!47: 'gen_id' has no place here"},
	{"type backoff, track by_src, count 1, multiplier 2", false, "!1: backoff can track by_flow alone"},
	{"", false, "!1: '' is no part"},
};

static void threshold_keywords(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++) {
		struct threshold t;
		struct error error = {0};
		char got[600];
		if (threshold_parse(keywords[i].text, keywords[i].filter, &t, &error) < 0)
			snprintf(got, sizeof got, "!%d: %s", error.column, error.text);
		else
			snprintf(got, sizeof got, "%d %d %u %u %u", t.type, t.track, t.count, t.seconds, t.multiplier);
		if (strncmp(got, keywords[i].want, *keywords[i].want == '!' ? strlen(keywords[i].want) : sizeof got) != 0)
			fail_msg("'%s' is %s, not %s", keywords[i].text, got, keywords[i].want);
	}
}

static const char config[] =
	"# comment\n"
	"threshold gen_id 1, sig_id 2, type both, track by_src, count 5, seconds 60\n"
	"event_filter gen_id 0, sig_id 0, type limit, track by_dst, \\\n"
	"   count 1, seconds 10\n"
	"rate_filter gen_id 1, sig_id 3, track by_rule, count 100, seconds 60, new_action drop, timeout 30\n"
	"suppress gen_id 1, sig_id 4\n"
	"suppress gen_id 1, sig_id 5, track by_either, ip [10.0.0.0/8, !10.1.1.1]\n"
	"suppress gen_id 1, sig_id 6, track by_src\n"
	"rate_filter gen_id 1, sig_id 3, track by_rule, count 100, seconds 60, new_action shout, timeout 30\n"
	"suppress gen_id 0, sig_id 6\n";

static void threshold_files(void **state)
{
	(void)state;
	struct rule_set set;
	struct address a;
	rule_set_init(&set);
	struct threshold *first = threshold_text_load(bytes_of_string(config), "t.config", NULL, &set), *t = first;
	assert_int_equal(t->type, THRESHOLD_BOTH);
	assert_int_equal(t->sid, 2);
	t = t->next;
	assert_int_equal(t->type, THRESHOLD_LIMIT);
	assert_int_equal(t->gid, 0);
	assert_int_equal(t->seconds, 10);
	t = t->next;
	assert_int_equal(t->type, THRESHOLD_RATE_FILTER);
	assert_int_equal(t->new_action, RULE_DROP);
	assert_int_equal(t->timeout, 30);
	t = t->next;
	assert_int_equal(t->type, THRESHOLD_SUPPRESS);
	assert_true(t->addresses.any);
	t = t->next;
	assert_int_equal(t->track, TRACK_EITHER);
	assert_true(address_parse(BYTES_LITERAL("10.2.2.2"), &a) && address_set_contains(&t->addresses, &a));
	assert_true(address_parse(BYTES_LITERAL("10.1.1.1"), &a) && !address_set_contains(&t->addresses, &a));
	assert_int_equal(t->number, 5);
	assert_null(t->next);
	int lines[] = {8, 9, 10};
	const struct finding *f = set.findings;
	for (size_t i = 0; i < 3; i++, f = f->next)
		assert_int_equal(f->line, lines[i]);
	assert_null(f);
	threshold_list_free(first);
	rule_set_free(&set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(built_in_lists), cmocka_unit_test(own_lists), cmocka_unit_test(threshold_keywords), cmocka_unit_test(threshold_files),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
