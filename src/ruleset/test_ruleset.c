// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "ruleset/model.h"

/* ---- stations ---- */

static struct ruleset_chain *add_chain(struct ruleset_table *t, const char *name, const char *type, uint32_t hook, int32_t priority)
{
	static struct ruleset_chain chains[32];
	static size_t n;
	struct ruleset_chain *c = &chains[n++ % 32], **end = &t->chains;
	*c = (struct ruleset_chain){.name = name, .type = type, .hook = hook, .priority = priority, .table = t, .policy = NF_ACCEPT};
	while (*end)
		end = &(*end)->next;
	return *end = c;
}

static void names_of(const struct ruleset *rs, uint32_t family, uint32_t hook, const char *device, char *out)
{
	struct station s[32];
	size_t n = ruleset_stations(rs, family, hook, device, s, 32);
	*out = 0;
	for (size_t i = 0; i < n; i++) {
		strcat(out, i ? " > " : "");
		strcat(out, s[i].kind == STATION_CHAIN ? s[i].chain->name : s[i].name);
	}
}

/* nf_hook_entries_grow() puts a new hook before its equals; nat chains hang on the kernel's own hook of NAT. */
static void test_stations(void **state)
{
	char way[512];
	struct ruleset_table inet = {.name = "t", .family = NFPROTO_INET}, ip = {.name = "u", .family = NFPROTO_IPV4, .next = NULL}, dormant = {.name = "d", .family = NFPROTO_INET, .flags = NFT_TABLE_F_DORMANT};
	struct ruleset rs = {.tables = &inet};
	inet.next = &ip;
	ip.next = &dormant;
	add_chain(&inet, "first", "filter", NF_INET_FORWARD, 0);
	add_chain(&inet, "ips", "filter", NF_INET_FORWARD, 10);
	add_chain(&ip, "second", "filter", NF_INET_FORWARD, 0);
	add_chain(&dormant, "asleep", "filter", NF_INET_FORWARD, -1);
	add_chain(&inet, "regular", NULL, 0, 0);
	add_chain(&ip, "dnat", "nat", NF_INET_PRE_ROUTING, -300);
	add_chain(&inet, "raw", "filter", NF_INET_PRE_ROUTING, -300);
	names_of(&rs, NFPROTO_IPV4, NF_INET_FORWARD, NULL, way);
	assert_string_equal(way, "second > first > ips");
	names_of(&rs, NFPROTO_IPV6, NF_INET_FORWARD, NULL, way);
	assert_string_equal(way, "first > ips");
	names_of(&rs, NFPROTO_IPV4, NF_INET_PRE_ROUTING, NULL, way);
	assert_string_equal(way, "defragmentation > raw > connection tracking > destination NAT > dnat > routing");
	struct station few[2];
	assert_int_equal(ruleset_stations(&rs, NFPROTO_IPV4, NF_INET_FORWARD, NULL, few, 2), 3);
	assert_string_equal(few[0].chain->name, "second");
	assert_string_equal(few[1].chain->name, "first");
}

static void test_ingress(void **state)
{
	char way[512];
	const char *eth0[] = {"eth0", NULL}, *any[] = {"eth*", NULL}, *both[] = {"eth0", "eth1", NULL};
	struct ruleset_table t = {.name = "t", .family = NFPROTO_NETDEV};
	struct ruleset_flowtable f = {.table = &t, .name = "ft", .hook = NF_NETDEV_INGRESS, .priority = 0, .devices = both};
	struct ruleset rs = {.tables = &t};
	t.flowtables = &f;
	add_chain(&t, "one", "filter", NF_NETDEV_INGRESS, -500)->devices = eth0;
	add_chain(&t, "wild", "filter", NF_NETDEV_INGRESS, 5)->devices = any;
	names_of(&rs, NFPROTO_NETDEV, NF_NETDEV_INGRESS, "eth0", way);
	assert_string_equal(way, "one > flowtable > wild");
	names_of(&rs, NFPROTO_NETDEV, NF_NETDEV_INGRESS, "eth1", way);
	assert_string_equal(way, "flowtable > wild");
	names_of(&rs, NFPROTO_NETDEV, NF_NETDEV_INGRESS, "wlan0", way);
	assert_string_equal(way, "");
}

/* ---- elements ---- */

static void test_set_find(void **state)
{
	struct ruleset_element e[] = {
		{.key = (const uint8_t[]){10, 0, 0, 0}, .key_end = (const uint8_t[]){10, 0, 0, 255}},
		{.key = (const uint8_t[]){10, 0, 2, 1}},
		{.catch_all = true},
	};
	struct ruleset_set s = {.key_len = 4, .flags = NFT_SET_INTERVAL, .elements = e, .n_elements = 3};
	assert_ptr_equal(ruleset_set_find(&s, (const uint8_t[]){10, 0, 0, 0}), &e[0]);
	assert_ptr_equal(ruleset_set_find(&s, (const uint8_t[]){10, 0, 0, 255}), &e[0]);
	assert_ptr_equal(ruleset_set_find(&s, (const uint8_t[]){10, 0, 2, 1}), &e[1]);
	assert_ptr_equal(ruleset_set_find(&s, (const uint8_t[]){10, 0, 1, 0}), &e[2]);
	s.n_elements = 2;
	assert_null(ruleset_set_find(&s, (const uint8_t[]){10, 0, 1, 0}));
	assert_null(ruleset_set_find(&s, (const uint8_t[]){9, 255, 255, 255}));
	assert_null(ruleset_set_find(&s, (const uint8_t[]){10, 0, 2, 2}));
}

/* Each field within its own bounds: 10.0.0.0-10.0.0.9 . 80-90 does not hold 10.0.0.5 . 100. */
static void test_set_find_fields(void **state)
{
	struct ruleset_element e = {.key = (const uint8_t[]){10, 0, 0, 0, 0, 80, 0, 0}, .key_end = (const uint8_t[]){10, 0, 0, 9, 0, 90, 0, 0}};
	struct ruleset_set s = {.key_len = 8, .flags = NFT_SET_INTERVAL | NFT_SET_CONCAT, .n_fields = 2, .field_len = {4, 2}, .elements = &e, .n_elements = 1};
	assert_non_null(ruleset_set_find(&s, (const uint8_t[]){10, 0, 0, 5, 0, 85, 0, 0}));
	assert_null(ruleset_set_find(&s, (const uint8_t[]){10, 0, 0, 5, 0, 100, 0, 0}));
	assert_null(ruleset_set_find(&s, (const uint8_t[]){10, 0, 0, 10, 0, 85, 0, 0}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stations),
		cmocka_unit_test(test_ingress),
		cmocka_unit_test(test_set_find),
		cmocka_unit_test(test_set_find_fields),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
