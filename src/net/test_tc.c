// SPDX-License-Identifier: GPL-2.0-or-later
/* Options against what tc (iproute2 6.1) sends for the same request; objects against the kernel where the test may make a namespace. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those four first */
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "net/tc.h"
#include "net/tc_options.h"

static void assert_bytes(struct buffer *b, const char *hex)
{
	uint8_t want[256];
	size_t n = 0;
	for (; hex[0]; hex += 2 + (hex[2] == ' '))
		sscanf(hex, "%2hhx", &want[n++]);
	assert_int_equal(b->len, n);
	assert_memory_equal(b->data, want, n);
	buffer_free(b);
}

/* tc qdisc … netem delay 100ms 20ms loss 1% */
static void netem_plain(void **state)
{
	(void)state;
	struct buffer b = {0};
	struct netem n = {.delay = 100000000, .jitter = 20000000, .loss = 0.01, .limit = 1000};
	tc_netem(&b, &n);
	assert_bytes(&b, "84d71700 e8030000 295c8f02 00000000 00000000 b4c40400");
}

/* … limit 5000 delay 100ms 20ms loss gemodel 1% 20% duplicate 1% reorder 25% 50% corrupt 0.1% rate 2mbit: all but tc's empty correlations */
static void netem_all(void **state)
{
	(void)state;
	struct buffer b = {0};
	struct netem n = {.delay = 100000000, .jitter = 20000000, .burst_p = 0.01, .burst_r = 0.2, .duplicate = 0.01, .reorder = 0.25,
			  .reorder_correlation = 0.5, .corrupt = 0.001, .rate = 250000, .limit = 5000};
	tc_netem(&b, &n);
	assert_bytes(&b, "84d71700 88130000 00000000 01000000 295c8f02 b4c40400 "
			 "0c000300 00000040 00000080 "
			 "0c000400 37894100 00000000 "
			 "18000580 14000200 295c8f02 33333333 00000000 00000000 "
			 "14000600 90d00300 00000000 00000000 00000000");
}

static void netem_seed(void **state)
{
	(void)state;
	struct buffer b = {0};
	struct netem n = {.delay = 1000000, .loss = 0.01, .loss_correlation = 0.25};
	tc_netem(&b, &n);
	assert_false(tc_netem_has_seed(&b));
	n.has_seed = true;
	struct buffer with = {0};
	tc_netem(&with, &n);
	assert_true(tc_netem_has_seed(&with));
	with.len = 30; /* cut within the first attribute */
	assert_false(tc_netem_has_seed(&with));
	buffer_free(&with);
	buffer_free(&b);
}

static void netem_limits(void **state)
{
	(void)state;
	struct netem n = {.delay = 100000000, .rate = 125000000}; /* 1 Gbit/s × 0.1 s = 12.5 MB = 8256 packets */
	assert_int_equal(netem_limit(&n), 16512);
	n.rate = 0;
	assert_in_range(netem_limit(&n), 165000, 165200);
	n.delay = 1000;
	assert_int_equal(netem_limit(&n), 1000);
}

/* tc qdisc … htb default 0; tc class … htb rate 2mbit ceil 5mbit quantum 1514, but for the two tables of times */
static void htb(void **state)
{
	(void)state;
	struct buffer b = {0};
	tc_htb(&b, 0);
	assert_bytes(&b, "18000200 03000000 0a000000 00000000 00000000 00000000");
	b = (struct buffer){0};
	tc_htb_class(&b, &(struct htb_class){.rate = 250000, .ceil = 625000, .quantum = 1514});
	/* tc names cell_log 3 and cell_align -1 of its tables, which are not sent here */
	assert_bytes(&b, "30000100 00010000 00000000 90d00300 00010000 00000000 68890900 a0860100 409c0000 ea050000 00000000 00000000");
}

/* tc filter … handle 0x100/0xff00 fw flowid 1:10 */
static void fw(void **state)
{
	(void)state;
	struct buffer b = {0};
	tc_fw(&b, 0xff00, 0x10010);
	assert_bytes(&b, "08000500 00ff0000 08000100 10000100");
}

static void messages(void **state)
{
	(void)state;
	uint8_t out[512], least[64];
	struct tc_object o = {.type = RTM_NEWQDISC, .ifindex = 7, .handle = 0x10000, .parent = TC_H_ROOT, .kind = "htb", .has_options = true};
	tc_htb(&o.options, 0);
	/* header 16, tcmsg 20, kind 8, options 4 + 24, as tc's 72 bytes */
	assert_int_equal(tc_message(out, sizeof out, &o, NLM_F_CREATE | NLM_F_EXCL), 72);
	assert_int_equal(tc_message(least, sizeof least, &o, 0), 0);
	tc_object_free(&o);
}

static void names(void **state)
{
	(void)state;
	char out[16];
	assert_string_equal(tc_handle_name(0x10020, out), "1:20");
	assert_string_equal(tc_handle_name(0x100000, out), "10:");
	assert_string_equal(tc_handle_name(TC_H_ROOT, out), "root");
	assert_string_equal(tc_handle_name(TC_H_INGRESS, out), "ingress");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(netem_plain), cmocka_unit_test(netem_all), cmocka_unit_test(netem_seed), cmocka_unit_test(netem_limits), cmocka_unit_test(htb),
		cmocka_unit_test(fw), cmocka_unit_test(messages), cmocka_unit_test(names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
