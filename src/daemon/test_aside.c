// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/aside.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/loop.h"

struct rig {
	struct loop *loop;
	struct aside *aside;
	pthread_t main;
	int gate[2];      /* an errand that reads from here takes until somebody writes */
	unsigned ticks;
	char order[16];   /* of `done` */
};
static struct rig rig;

struct test_errand {
	struct errand errand;
	char name;
	bool waits, last;
	bool elsewhere;   /* it worked in another thread */
	unsigned ticks;   /* of the loop, when it was done */
};

static void work(struct errand *e)
{
	struct test_errand *t = (struct test_errand *)e;
	char c;
	t->elsewhere = !pthread_equal(pthread_self(), rig.main);
	if (t->waits)
		(void)!read(rig.gate[0], &c, 1);
}

static void done(struct errand *e, bool worked)
{
	struct test_errand *t = (struct test_errand *)e;
	char name = worked ? t->name : '-';
	assert_true(pthread_equal(pthread_self(), rig.main));
	strncat(rig.order, &name, 1);
	t->ticks = rig.ticks;
	if (t->last)
		loop_end(rig.loop);
}

static void tick(void *context)
{
	(void)context;
	if (++rig.ticks == 3)
		(void)!write(rig.gate[1], "", 1);
}

static int set_up(void **state)
{
	struct error error;
	(void)state;
	rig = (struct rig){.loop = loop_new(&error), .main = pthread_self()};
	if (!rig.loop || pipe(rig.gate) < 0)
		return -1;
	rig.aside = aside_open(rig.loop, &error);
	return rig.aside ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	loop_free(rig.loop);
	close(rig.gate[0]);
	close(rig.gate[1]);
	return 0;
}

/* The loop turns while the first one waits; they are done in turn. */
static void test_main_goes_on(void **state)
{
	struct test_errand e[3] = {{.name = 'a', .waits = true}, {.name = 'b'}, {.name = 'c', .last = true}};
	struct error error;
	(void)state;
	(void)loop_timer_start(rig.loop, 1000, false, tick, NULL);
	for (int i = 0; i < 3; i++) {
		e[i].errand = (struct errand){.work = work, .done = done};
		aside_do(rig.aside, &e[i].errand);
	}
	assert_int_equal(loop_run(rig.loop, &error), 0);
	assert_string_equal(rig.order, "abc");
	assert_true(e[0].ticks >= 3);
	assert_true(e[0].elsewhere && e[2].elsewhere);
	assert_true(aside_close(rig.aside));
}

/* When the end is waited for. */
static void *open_gate(void *context)
{
	usleep(100000);
	return write(rig.gate[1], "", 1) == 1 ? context : NULL;
}

/* What worked is reported, what waits is given up. */
static void test_end(void **state)
{
	struct test_errand e[3] = {{.name = 'a', .waits = true}, {.name = 'b'}, {.name = 'c'}};
	(void)state;
	for (int i = 0; i < 3; i++) {
		e[i].errand = (struct errand){.work = work, .done = done};
		aside_do(rig.aside, &e[i].errand);
	}
	while (!__atomic_load_n(&e[0].elsewhere, __ATOMIC_RELAXED))
		usleep(1000);
	pthread_t opener;
	assert_int_equal(pthread_create(&opener, NULL, open_gate, NULL), 0);
	assert_true(aside_close(rig.aside));
	pthread_join(opener, NULL);
	assert_string_equal(rig.order, "a--");
}

static void test_nobody_answers(void **state)
{
	static struct test_errand e = {.name = 'a', .waits = true, .errand = {.work = work, .done = done}};
	struct test_errand waiting = {.name = 'b', .errand = {.work = work, .done = done}};
	(void)state;
	aside_do(rig.aside, &e.errand);
	aside_do(rig.aside, &waiting.errand);
	while (!__atomic_load_n(&e.elsewhere, __ATOMIC_RELAXED))
		usleep(1000);
	assert_false(aside_close(rig.aside));
	assert_string_equal(rig.order, "");
	(void)!write(rig.gate[1], "", 1);
	usleep(100000); /* its thread ends before the rest does */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_main_goes_on, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_end, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nobody_answers, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
