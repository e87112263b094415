// SPDX-License-Identifier: GPL-2.0-or-later
#include "flow/shared.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct shared_key key_of(uint32_t sid, uint8_t host)
{
	struct shared_key k = {.kind = SHARED_THRESHOLD, .gid = 1, .sid = sid};
	k.a.family = 4;
	k.a.byte[3] = host;
	return k;
}

static uint32_t bump(struct shared_table *t, struct shared_key k, usec_t now, usec_t expires)
{
	uint32_t *v = shared_lock(t, &k, now, true);
	uint32_t n = v ? ++*v : 0;
	shared_unlock(t, &k, expires);
	return n;
}

static void values_stay_until_they_expire(void **state)
{
	(void)state;
	struct shared_table *t = shared_new(1 << 20, 1);
	assert_int_equal(bump(t, key_of(1, 1), 100, 200), 1);
	assert_int_equal(bump(t, key_of(1, 1), 150, -1), 2);
	assert_int_equal(bump(t, key_of(1, 2), 150, 300), 1);
	assert_int_equal(bump(t, key_of(2, 1), 150, 300), 1);
	assert_int_equal(shared_count(t, SHARED_THRESHOLD), 3);
	assert_int_equal(bump(t, key_of(1, 1), 200, 400), 1); /* had expired: new */
	struct shared_key k = key_of(9, 9);
	assert_null(shared_lock(t, &k, 200, false));
	shared_unlock(t, &k, -1);
	assert_int_equal(bump(t, key_of(1, 2), 200, 0), 2); /* and gone */
	assert_int_equal(bump(t, key_of(1, 2), 200, 300), 1);
	for (int i = 0; i < 64; i++)
		shared_expire(t, 350);
	assert_int_equal(shared_count(t, SHARED_THRESHOLD), 1);
	k = key_of(1, 1);
	k.kind = SHARED_TAG_HOST;
	assert_null(shared_lock(t, &k, 350, false));
	shared_unlock(t, &k, -1);
	shared_free(t);
}

static void all_fields_count(void **state)
{
	(void)state;
	struct shared_table *t = shared_new(1 << 20, 7);
	struct shared_key k[8];
	for (int i = 0; i < 8; i++)
		k[i] = key_of(1, 1);
	k[1].tenant = 1, k[2].b.family = 6, k[3].port_a = 1, k[4].port_b = 1, k[5].proto = 6, k[6].gid = 2, k[7].b.byte[15] = 1;
	for (int i = 0; i < 8; i++)
		assert_int_equal(bump(t, k[i], 1, 10), 1);
	for (int i = 0; i < 8; i++)
		assert_int_equal(bump(t, k[i], 1, 10), 2);
	shared_free(t);
}

static void memory_is_bounded(void **state)
{
	(void)state;
	struct shared_table *t = shared_new(100000, 1);
	size_t made = 0;
	for (uint32_t i = 0; i < 5000; i++)
		made += bump(t, key_of(i, 0), 1, 100);
	assert_true(made > 300 && made < 1600);
	assert_int_equal(shared_count(t, SHARED_THRESHOLD), made);
	/* what has expired makes room */
	size_t later = 0;
	for (uint32_t i = 5000; i < 5200; i++)
		later += bump(t, key_of(i, 0), 1000, 2000);
	assert_int_equal(later, 200);
	shared_free(t);
}

static void *worker(void *context)
{
	for (int i = 0; i < 20000; i++)
		bump(context, key_of((uint32_t)i % 16, 0), 1, 100);
	return NULL;
}

static void threads_count_right(void **state)
{
	(void)state;
	struct shared_table *t = shared_new(1 << 20, 1);
	pthread_t thread[2];
	for (int i = 0; i < 2; i++)
		pthread_create(&thread[i], NULL, worker, t);
	for (int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	uint32_t sum = 0;
	for (uint32_t i = 0; i < 16; i++)
		sum += bump(t, key_of(i, 0), 1, 100) - 1;
	assert_int_equal(sum, 40000);
	shared_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_stay_until_they_expire), cmocka_unit_test(all_fields_count), cmocka_unit_test(memory_is_bounded),
		cmocka_unit_test(threads_count_right),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
