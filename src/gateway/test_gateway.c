// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/owner.h"

static int choose(const struct gateway_chain *chain, size_t n)
{
	char reason[200];
	return gateway_choose_priority(chain, n, HOOK_FORWARD, reason, sizeof reason);
}

#define FILTER(p) {.name = "inet t c", .priority = p, .hook = HOOK_FORWARD, .filter = true}
#define OTHER(p) {.name = "inet t c", .priority = p, .hook = HOOK_FORWARD}

static void priority_is_after_every_filter(void **state)
{
	(void)state;
	assert_int_equal(choose(NULL, 0), 10);
	struct gateway_chain usual[] = {FILTER(0), FILTER(-150)};
	assert_int_equal(choose(usual, 2), 10);
	/* firewalld puts all its chains at standard + 10 */
	struct gateway_chain firewalld[] = {FILTER(10)};
	assert_int_equal(choose(firewalld, 1), 11);
	struct gateway_chain security[] = {FILTER(0), FILTER(50)};
	assert_int_equal(choose(security, 2), 51);
}

static void priority_is_nobody_elses(void **state)
{
	(void)state;
	struct gateway_chain nat[] = {FILTER(0), OTHER(10), OTHER(11)};
	assert_int_equal(choose(nat, 3), 12);
	/* a filter after srcnat does not pull sluice behind it */
	struct gateway_chain late[] = {FILTER(0), FILTER(300)};
	assert_int_equal(choose(late, 2), 10);
	/* nothing is left behind 99: the highest free number below srcnat */
	struct gateway_chain full[] = {FILTER(99), FILTER(98)};
	assert_int_equal(choose(full, 2), 97);
	struct gateway_chain input[] = {{.name = "x", .priority = 10, .hook = HOOK_INPUT, .filter = true}};
	assert_int_equal(choose(input, 1), 10);
}

static void marks_are_saved_behind_the_queue(void **state)
{
	(void)state;
	struct gateway_chain none[] = {FILTER(0)};
	assert_int_equal(gateway_choose_marks_priority(none, 1, HOOK_FORWARD, 10), 11);
	struct gateway_chain near[] = {FILTER(11), OTHER(12)};
	assert_int_equal(gateway_choose_marks_priority(near, 2, HOOK_FORWARD, 10), 13);
	assert_int_equal(gateway_choose_marks_priority(near, 2, HOOK_INPUT, 10), 11);
}

static void mark_values_stay_in_the_mask(void **state)
{
	(void)state;
	assert_int_equal(mark_bits(0x0000ff00, MARK_RELEASED), 0x00000100);
	assert_int_equal(mark_bits(0x0000ff00, 0xff), 0x0000ff00);
	assert_int_equal(mark_bits(0x0000ff00, 0x100), 0);
	assert_int_equal(mark_bits(0xf0000000, 3), 0x30000000);
	assert_int_equal(mark_bits(0xf0000000, 0x10), 0);
	assert_int_equal(mark_bits(0x00000101, 1), 1);
	assert_int_equal(mark_bits(0x00000101, 2), 0); /* a hole */
	assert_int_equal(mark_bits(0, 1), 0);
}

static int settings_of(const char *yaml, struct gateway_settings *s, struct conf **conf)
{
	struct error error;
	*conf = conf_new();
	assert_int_equal(conf_load_text(*conf, bytes_of_string(yaml), "t.yaml", &error), 0);
	return gateway_settings_read(s, *conf, &error);
}

static void settings_are_read(void **state)
{
	(void)state;
	struct gateway_settings s;
	struct conf *conf;
	assert_int_equal(settings_of("gateway:\n  queues: auto\n", &s, &conf), 0);
	assert_true(s.own_table && s.bypass && s.owner_flag && s.priority_auto && !s.release_existing && !s.release_over);
	assert_int_equal(s.mark_mask, 0xff00);
	assert_int_equal(s.n_slow, 0);
	conf_free(conf);
	assert_int_equal(settings_of("gateway:\n  existing: release\n  release: depth\n  owner-flag: no\n  when-down: drop\n  mark-mask: 0xf\n"
				     "respond:\n  slow:\n    bulk: { rate: 2mbit }\n    video: { rate: 1mbit }\n", &s, &conf), 0);
	assert_true(s.release_existing && s.release_over && !s.owner_flag && !s.bypass);
	assert_int_equal(s.n_slow, 2);
	assert_string_equal(s.slow[1], "video");
	conf_free(conf);
	/* of two bits 0 is nothing, 1 released, 3 our own packets, so 2 is one class; one bit is too few for anything; holes are no room */
	assert_int_equal(settings_of("gateway: { mark-mask: 0x3 }\nrespond: { slow: { a: {}, b: {} } }\n", &s, &conf), -EINVAL);
	conf_free(conf);
	assert_int_equal(settings_of("gateway: { mark-mask: 0x3 }\nrespond: { slow: { a: {} } }\n", &s, &conf), 0);
	conf_free(conf);
	assert_int_equal(settings_of("gateway: { mark-mask: 0x7 }\nrespond: { slow: { a: {}, b: {} } }\n", &s, &conf), 0);
	conf_free(conf);
	static const char *const wrong[] = {"gateway: { mark-mask: 0x10 }\n", "gateway: { mark-mask: 0x101 }\nrespond: { slow: { a: {} } }\n",
					    "gateway: { existing: kill }\n", "gateway: { release: all }\n", "gateway: { owner-flag: maybe }\n"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		assert_int_equal(settings_of(wrong[i], &s, &conf), -EINVAL);
		conf_free(conf);
	}
}

static void hooks_and_queues_are_read(void **state)
{
	(void)state;
	unsigned hooks = 0;
	struct error e;
	assert_int_equal(gateway_hooks_parse("forward,input", &hooks, &e), 0);
	assert_int_equal(hooks, 1u << HOOK_FORWARD | 1u << HOOK_INPUT);
	assert_int_equal(gateway_hooks_parse("prerouting", &hooks, &e), -EINVAL);
	assert_int_equal(gateway_hooks_parse("", &hooks, &e), -EINVAL);
	struct gateway_settings s = {0};
	assert_int_equal(gateway_queues_parse("2-5", &s, &e), 0);
	assert_int_equal(s.first_queue, 2);
	assert_int_equal(s.n_queues, 4);
	assert_int_equal(gateway_queues_parse("7", &s, &e), 0);
	assert_int_equal(s.n_queues, 1);
	static const char *const wrong[] = {"", "x", "-1", "3-", "3-2", "65536", "1 2", "0-65536"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_int_equal(gateway_queues_parse(wrong[i], &s, &e), -EINVAL);
}

static void owner_names_one_process(void **state)
{
	(void)state;
	struct owner self, read;
	char text[OWNER_TEXT];
	owner_self(&self);
	assert_int_equal(self.pid, getpid());
	assert_true(self.started > 0);
	owner_format(&self, text);
	read = owner_parse(text);
	assert_true(read.known);
	assert_true(owner_lives(&read));
	assert_true(owner_is_self(&read));
	assert_int_equal(read.since, self.since / USEC_PER_SEC * USEC_PER_SEC);
	read.started++; /* the number was given to another process since */
	assert_false(owner_lives(&read));
	assert_false(owner_is_self(&read));
	read = owner_parse("sluice: process 12, started 345, since 1970-01-02T00:00:05Z");
	assert_int_equal(read.pid, 12);
	assert_int_equal(read.since, 86405 * USEC_PER_SEC);
	assert_int_equal(owner_parse("sluice: process 12, started 345").since, 0);
	assert_false(owner_parse("made by hand").known);
	assert_false(owner_parse("").known);
	assert_false(owner_parse("sluice: process -1, started 4").known);
}

static unsigned count(const char *text, const char *word)
{
	unsigned n = 0;
	for (const char *at = text; (at = strstr(at, word)); at += strlen(word))
		n++;
	return n;
}

static void table_says_what_was_asked(void **state)
{
	(void)state;
	struct gateway_plan p = {
		.settings = {.own_table = true, .hooks = 1u << HOOK_FORWARD, .bypass = true, .mark_mask = 0xff00},
		.n_workers = 1, .tcp_queue = 4, .rest_queue = 5, .native_queue = true, .priority = {0, 11, 0},
	};
	assert_int_equal(gateway_load(&p, GATEWAY_TEXT, NULL), 0);
	const char *text = buffer_string(&p.text);
	assert_non_null(strstr(text, "type filter hook forward priority 11; policy accept;\n"));
	assert_non_null(strstr(text, "meta mark & 0x0000ff00 == 0x0000ff00 accept"));
	assert_non_null(strstr(text, "meta l4proto tcp counter queue flags bypass to 4\n"));
	assert_non_null(strstr(text, "counter queue flags bypass to 5\n"));
	assert_null(strstr(text, "symhash"));
	assert_null(strstr(text, "flags owner"));
	/* what is blocked goes before conntrack; what is released goes before the queue; nothing but a verdict releases */
	assert_non_null(strstr(text, "type filter hook prerouting priority -310; policy accept;\n\t\tip saddr @blocked4 counter drop\n"));
	assert_int_equal(count(text, "ip6 daddr @blocked6 counter drop\n"), 2);
	const char *clean = strstr(text, "meta mark & 0x0000ff00 != 0x00000000 jump clean\n"), *goes = strstr(text, "goto worker0\n");
	const char *released = strstr(text, "ct mark & 0x0000ff00 == 0x00000100 counter accept comment \"released\"\n");
	assert_true(clean && released && goes && clean < released && released < goes);
	assert_non_null(strstr(text, "meta mark & 0x0000ff00 == 0x00000100 ct mark set ct mark & 0xffff00ff | 0x00000100 comment \"released\"\n"));
	assert_non_null(strstr(text, "\t\tmeta mark set meta mark & 0xffff00ff\n"));
	/* of new connections it is noted whom DNAT made another, before they are queued */
	const char *called = strstr(text, "ct state new ct status dnat meta nfproto ipv4 update @called4 { ip saddr . ip daddr . th sport . th dport : ct original ip daddr . "
					  "ct original proto-dst }");
	assert_true(called && released < called && called < goes);
	assert_non_null(strstr(text, "map called6 {\n\t\ttype ipv6_addr . ipv6_addr . inet_service . inet_service : ipv6_addr . inet_service\n"));
	buffer_free(&p.text);

	p.settings.bypass = false;
	p.settings.hooks = 1u << HOOK_FORWARD | 1u << HOOK_INPUT;
	p.settings.interface[0] = "wan0";
	p.settings.n_interfaces = 1;
	p.n_workers = 3;
	p.rest_queue = 7;
	assert_int_equal(gateway_load(&p, GATEWAY_TEXT, NULL), 0);
	text = buffer_string(&p.text);
	assert_null(strstr(text, "bypass"));
	assert_int_equal(count(text, "iifname \"wan0\" goto inspect"), 2);
	assert_int_equal(count(text, "oifname \"wan0\" goto inspect"), 1); /* nothing goes out by the input hook */
	assert_int_equal(count(text, "iifname \"lo\" accept"), 1);
	assert_int_equal(count(text, "vmap { 0 : goto worker0, 1 : goto worker1, 2 : goto worker2 }"), 3);
	assert_non_null(strstr(text, "queue to 9\n"));
	buffer_free(&p.text);

	p.settings.slow[0] = "bulk";
	p.settings.n_slow = 1;
	p.table_flags = 2;
	p.marks_priority[HOOK_INPUT] = 12;
	p.n_workers = 0;
	p.guard = true;
	assert_int_equal(gateway_load(&p, GATEWAY_TEXT, NULL), 0);
	text = buffer_string(&p.text);
	assert_non_null(strstr(text, "\tflags owner\n"));
	assert_non_null(strstr(text, "type filter hook input priority 12; policy accept;\n\t\tmeta mark & 0x0000ff00 != 0x00000000 goto marks\n"));
	assert_non_null(strstr(text, "ct mark set ct mark & 0xffff00ff | 0x00000200 comment \"slow bulk\"\n"));
	assert_int_equal(count(text, "iifname \"wan0\" goto guard"), 2);
	assert_non_null(strstr(text, "chain guard {\n\t\tcounter drop "));
	assert_null(strstr(text, "queue"));
	assert_null(strstr(text, "called"));
	buffer_free(&p.text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(priority_is_after_every_filter),
		cmocka_unit_test(priority_is_nobody_elses),
		cmocka_unit_test(marks_are_saved_behind_the_queue),
		cmocka_unit_test(mark_values_stay_in_the_mask),
		cmocka_unit_test(settings_are_read),
		cmocka_unit_test(hooks_and_queues_are_read),
		cmocka_unit_test(owner_names_one_process),
		cmocka_unit_test(table_says_what_was_asked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
