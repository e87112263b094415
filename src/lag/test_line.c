// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those four first */
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lag/line.h"

static void values(void **state)
{
	(void)state;
	struct line l = {0};
	struct error e;
	assert_int_equal(line_set(&l, "delay", "100ms", &e), 0);
	assert_int_equal(l.netem.delay, 100000000);
	assert_int_equal(line_set(&l, "delay", "1.5s", &e), 0);
	assert_int_equal(l.netem.delay, 1500000000);
	assert_int_equal(line_set(&l, "jitter", "250us", &e), 0);
	assert_int_equal(l.netem.jitter, 250000);
	assert_int_equal(line_set(&l, "loss", "0.5 %, 25%", &e), 0);
	assert_true(l.netem.loss > 0.00499 && l.netem.loss < 0.00501 && l.netem.loss_correlation > 0.2499 && l.netem.loss_correlation < 0.2501);
	assert_int_equal(line_set(&l, "rate", "2mbit", &e), 0);
	assert_int_equal(l.netem.rate, 250000);
	assert_int_equal(line_set(&l, "seed", "18446744073709551615", &e), 0);
	assert_true(l.netem.has_seed && l.netem.seed == UINT64_MAX);
}

static void nonsense(void **state)
{
	(void)state;
	static const char *const wrong[][2] = {
		{"loss", "300%"}, {"loss", "-1%"}, {"loss", "1"}, {"loss", "nan%"}, {"loss", "1%,"}, {"loss", "1%,2%x"}, {"delay", "-5ms"}, {"delay", "61s"},
		{"delay", "10 parsec"}, {"delay", ""}, {"delay", "inf"}, {"rate", "0kbit"}, {"rate", "fast"}, {"rate", "7bit"}, {"burst-loss", "1%"},
		{"burst-loss", "1%,0%"}, {"limit", "0"}, {"limit", "1000001"}, {"seed", "18446744073709551616"}, {"seed", "-1"}, {"distribution", "../../etc/passwd"},
		{"distribution", ""}, {"corrupt", "1%,1%"}, {"colour", "red"},
	};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct line l = {0};
		struct error e = {0};
		if (line_set(&l, wrong[i][0], wrong[i][1], &e) != -EINVAL)
			fail_msg("%s %s was taken", wrong[i][0], wrong[i][1]);
		assert_non_null(strstr(e.text, wrong[i][0]));
	}
}

static int check_of(const char *const *pairs)
{
	struct line l = {0};
	for (; *pairs; pairs += 2)
		assert_int_equal(line_set(&l, pairs[0], pairs[1], NULL), 0);
	return line_check(&l, NULL);
}

static void together(void **state)
{
	(void)state;
	assert_int_equal(check_of((const char *const[]){NULL}), -EINVAL);
	assert_int_equal(check_of((const char *const[]){"delay", "10ms", "jitter", "11ms", NULL}), -EINVAL);
	assert_int_equal(check_of((const char *const[]){"reorder", "25%", NULL}), -EINVAL);
	assert_int_equal(check_of((const char *const[]){"delay", "10ms", "distribution", "normal", NULL}), -EINVAL);
	assert_int_equal(check_of((const char *const[]){"loss", "1%", "burst-loss", "1%,25%", NULL}), -EINVAL);
	assert_int_equal(check_of((const char *const[]){"delay", "10ms", "jitter", "10ms", "distribution", "normal", "reorder", "25%", NULL}), 0);
	assert_int_equal(check_of((const char *const[]){"rate", "1mbit", NULL}), 0);
}

/* each row is valid both ways */
static void rows(void **state)
{
	(void)state;
	for (unsigned i = 0; i < lag_n_profiles; i++)
		for (int in = 0; in < 2; in++) {
			struct line l = {0};
			struct error e = {0};
			if (line_from_profile(&l, lag_profiles[i].name, in, NULL, &e) < 0 || line_check(&l, &e) < 0)
				fail_msg("%s: %s", lag_profiles[i].name, e.text);
		}
}

static void own_profiles(void **state)
{
	(void)state;
	struct conf *c = conf_new();
	static const char text[] = "lag:\n  profiles:\n    my-line: { delay: 80ms, rate: 6mbit, in: { rate: 50mbit } }\n    bad: { delay: never }\n";
	assert_int_equal(conf_load_text(c, (struct bytes){(const uint8_t *)text, sizeof text - 1}, "my.yaml", NULL), 0);
	struct line l = {0};
	struct error e = {0};
	assert_int_equal(line_from_profile(&l, "my-line", false, c, &e), 0);
	assert_int_equal(l.netem.rate, 750000);
	assert_int_equal(line_from_profile(&l, "my-line", true, c, &e), 0);
	assert_int_equal(l.netem.rate, 6250000);
	assert_int_equal(l.netem.delay, 80000000);
	assert_int_equal(line_from_profile(&l, "bad", false, c, &e), -EINVAL);
	assert_non_null(strstr(e.text, "my.yaml:4:"));
	assert_int_equal(line_from_profile(&l, "my-lime", false, c, &e), -ENOENT);
	assert_non_null(strstr(e.text, "my-line"));
	conf_free(c);
}

static void tables(void **state)
{
	(void)state;
	struct line l = {0};
	struct error e = {0};
	int16_t *table;
	assert_int_equal(line_load_distribution(&l, &table, &e), 0); /* uniform: none */
	assert_null(table);
	assert_int_equal(line_set(&l, "distribution", "nowhere", &e), 0);
	assert_int_equal(line_load_distribution(&l, &table, &e), -ENOENT);
	assert_int_equal(line_set(&l, "distribution", "normal", &e), 0);
	if (line_load_distribution(&l, &table, &e) < 0)
		skip(); /* no iproute2 here */
	assert_int_equal(l.netem.distribution_len, 4096);
	assert_true(table[0] < -2 * 8192 && table[4095] > 2 * 8192 && table[2048] > -100 && table[2048] < 100); /* in 1/8192 of the deviation */
	free(table);
}

static void sentence(void **state)
{
	(void)state;
	char out[128];
	struct line l = {0};
	line_set(&l, "delay", "100ms", NULL);
	line_set(&l, "jitter", "20ms", NULL);
	line_set(&l, "loss", "1%", NULL);
	line_set(&l, "rate", "2mbit", NULL);
	line_describe(&l, out, sizeof out);
	assert_string_equal(out, "delay 100ms ± 20ms (uniform), loss 1 %, rate 2000kbit");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values), cmocka_unit_test(nonsense), cmocka_unit_test(together), cmocka_unit_test(rows),
		cmocka_unit_test(own_profiles), cmocka_unit_test(tables), cmocka_unit_test(sentence),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
