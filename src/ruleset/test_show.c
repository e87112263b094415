// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ruleset/print.h"
#include "ruleset/read.h"
#include "ruleset/show.h"

static const char gateway[] =
	"table inet fw {\n"
	"  set admins { type ipv4_addr; flags interval; elements = { 192.0.2.0/28 }; }\n"
	"  map ways { type inet_service : verdict; elements = { 22 : jump shell, 80 : accept }; }\n"
	"  chain shell { ip saddr @admins accept; reject; }\n"
	"  chain pre { type filter hook prerouting priority mangle; meta mark set 5; meta mark set meta mark & 0xffffff00 | 0x30; ct mark set meta mark & 0xf0; }\n"
	"  chain forward { type filter hook forward priority 0; policy drop;\n"
	"    tcp dport vmap @ways\n"
	"    udp dport 53 accept\n"
	"    iifname \"lan*\" ip6 daddr 2001:db8::/32 accept\n"
	"    ct mark & 0x0f00 == 0x0100 notrack; }\n"
	"}\n"
	"table ip sluice { chain ips { type filter hook forward priority 10; queue flags bypass to 0-3; }; }\n";

static struct ruleset *read_gateway(void)
{
	char path[] = "/tmp/test_show.XXXXXX";
	struct ruleset *rs = NULL;
	struct error error = {0};
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, gateway, sizeof gateway - 1), sizeof gateway - 1);
	close(fd);
	if (ruleset_read_file(&rs, path, NULL, &error) < 0)
		fail_msg("%s", error.text);
	unlink(path);
	return rs;
}

static const struct show_section *section_named(const struct show_section *s, size_t n, const char *title)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(s[i].title, title) == 0)
			return &s[i];
	return NULL;
}

/* sluice's table is of IPv4 alone: forward differs between the families, prerouting does not. */
static void test_sections(void **state)
{
	struct show s = {.rs = read_gateway()};
	size_t n;
	struct show_section *sections = show_sections(&s, &n);
	assert_non_null(section_named(sections, n, "prerouting (IPv4, IPv6)"));
	const struct show_section *four = section_named(sections, n, "forward (IPv4)"), *six = section_named(sections, n, "forward (IPv6)");
	assert_non_null(four);
	assert_non_null(six);
	assert_int_equal(four->n, 2);
	assert_int_equal(six->n, 1);
	assert_string_equal(four->stations[1].chain->name, "ips");
	show_sections_free(sections, n);
	s.hook = "output";
	sections = show_sections(&s, &n);
	assert_int_equal(n, 1);
	show_sections_free(sections, n);
	ruleset_free((struct ruleset *)s.rs);
}

static void test_facts(void **state)
{
	struct ruleset *rs = read_gateway();
	struct chain_facts f;
	struct buffer text = {0};
	chain_facts(rs, ruleset_find_chain(rs->tables, "forward"), &f);
	assert_int_equal(f.n_rules, 6);
	assert_int_equal(f.n_chains, 1); /* shell, through the map */
	assert_true(f.rejects && f.accepts && f.notrack && !f.drops && !f.unknown);
	chain_facts(rs, ruleset_find_chain(rs->tables->next, "ips"), &f);
	chain_facts_text(&f, &text);
	assert_string_equal(buffer_string(&text), "queue 0-3 bypass");
	buffer_free(&text);
	ruleset_free(rs);
}

static bool has_use(const struct mark_map *m, uint32_t mask, bool writes, bool connection, bool unmasked)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->use[i].mask == mask && m->use[i].writes == writes && m->use[i].connection == connection && m->use[i].unmasked == unmasked)
			return true;
	return false;
}

static void test_marks(void **state)
{
	struct show s = {.rs = read_gateway(), .sluice_mask = 0x000f0000};
	struct mark_map m;
	mark_map_read(&m, &s);
	assert_true(has_use(&m, 0xffffffff, true, false, true));  /* set 5 */
	assert_true(has_use(&m, 0x000000ff, true, false, false)); /* set mark & ~0xff | 0x30 */
	assert_true(has_use(&m, 0x000000f0, false, false, false)); /* ct mark set meta mark & 0xf0 reads these */
	assert_true(has_use(&m, 0xffffffff, true, true, true));
	assert_true(has_use(&m, 0x00000f00, false, true, false));
	assert_true(has_use(&m, 0x000f0000, true, false, false));
	int at = 0;
	assert_int_equal(mark_map_next(&m, false, &at), 0x0000000f);
	assert_int_equal(mark_map_next(&m, false, &at), 0x000000f0);
	assert_int_equal(mark_map_next(&m, false, &at), 0x0000ff00);
	assert_int_equal(mark_map_next(&m, false, &at), 0x000f0000);
	assert_int_equal(mark_map_next(&m, false, &at), 0xfff00000);
	assert_int_equal(mark_map_next(&m, false, &at), 0);
	mark_map_free(&m);
	ruleset_free((struct ruleset *)s.rs);
}

static enum may_match may(const struct ruleset *rs, const char *chain, uint32_t index, const char *words)
{
	struct packet_words p = {0};
	struct error error = {0};
	assert_int_equal(packet_words_parse(words, &p, &error), 0);
	const struct ruleset_rule *r = ruleset_find_chain(rs->tables, chain)->rules;
	while (r->index != index)
		r = r->next;
	return rule_may_match(rs, r, &p);
}

static void test_may_match(void **state)
{
	struct ruleset *rs = read_gateway();
	assert_int_equal(may(rs, "forward", 1, "tcp dport 80"), MATCH_YES);
	assert_int_equal(may(rs, "forward", 1, "tcp dport 443"), MATCH_NO);
	assert_int_equal(may(rs, "forward", 1, "tcp"), MATCH_MAYBE);
	assert_int_equal(may(rs, "forward", 2, "tcp dport 53"), MATCH_NO);
	assert_int_equal(may(rs, "forward", 2, "udp dport 53"), MATCH_YES);
	assert_int_equal(may(rs, "forward", 3, "tcp 2001:db8:1::1 > 2001:db8::2 iif lan7"), MATCH_YES);
	assert_int_equal(may(rs, "forward", 3, "tcp 2001:db8:1::1 > 2001:db8::2 iif wan0"), MATCH_NO);
	assert_int_equal(may(rs, "forward", 3, "tcp 192.0.2.1 > 192.0.2.2 iif lan7"), MATCH_NO);
	assert_int_equal(may(rs, "shell", 1, "tcp 192.0.2.15:1 > 198.51.100.1:22"), MATCH_YES);
	assert_int_equal(may(rs, "shell", 1, "tcp 192.0.2.16:1 > 198.51.100.1:22"), MATCH_NO);
	ruleset_free(rs);
}

static void test_queues(void **state)
{
	struct ruleset *rs = read_gateway();
	size_t n;
	struct show_queue *q = show_queues(rs, &n);
	assert_int_equal(n, 4);
	assert_int_equal(q[3].number, 3);
	assert_true(q[0].used && q[0].bypass && !q[0].listened);
	free(q);
	ruleset_free(rs);
}

/* Names come from strangers: nothing of theirs becomes markup. */
static void test_drawing_is_escaped(void **state)
{
	struct ruleset *rs = read_gateway();
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	rs->tables->name = "<script>&\"";
	show_svg(out, &(struct show){.rs = rs});
	fclose(out);
	assert_null(strstr(text, "<script"));
	assert_non_null(strstr(text, "&lt;script&gt;&amp;&quot;"));
	assert_non_null(strstr(text, "prefers-color-scheme:dark"));
	free(text);
	ruleset_free(rs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sections), cmocka_unit_test(test_facts), cmocka_unit_test(test_marks), cmocka_unit_test(test_may_match),
		cmocka_unit_test(test_queues), cmocka_unit_test(test_drawing_is_escaped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
