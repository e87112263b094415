// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/loop.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct rig {
	struct loop *loop;
	int pipe[2][2];
	unsigned timers, calls, reads[2];
	int timer;
	char order[32];
};

static int set_up(void **state)
{
	static struct rig r;
	struct error error;
	r = (struct rig){.loop = loop_new(&error)};
	*state = &r;
	return r.loop && pipe(r.pipe[0]) == 0 && pipe(r.pipe[1]) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
	struct rig *r = *state;
	loop_free(r->loop);
	for (int i = 0; i < 4; i++)
		close(r->pipe[i / 2][i % 2]);
	return 0;
}

static void run(struct rig *r)
{
	struct error error;
	assert_int_equal(loop_run(r->loop, &error), 0);
}

static void end(void *context)
{
	loop_end(((struct rig *)context)->loop);
}

/* ---- timers ---- */

static void on_timer(void *context)
{
	struct rig *r = context;
	if (++r->timers == 3)
		loop_end(r->loop);
}

static void note_a(void *context)
{
	strcat(((struct rig *)context)->order, "a");
}

static void note_b(void *context)
{
	strcat(((struct rig *)context)->order, "b");
}

static void test_timer_repeats(void **state)
{
	struct rig *r = *state;
	usec_t before = clock_monotonic();
	assert_true(loop_timer_start(r->loop, 10000, false, on_timer, r) > 0);
	run(r);
	assert_int_equal(r->timers, 3);
	assert_true(clock_monotonic() - before >= 30000);
}

static void test_timer_once_and_in_order(void **state)
{
	struct rig *r = *state;
	loop_timer_start(r->loop, 20000, true, note_b, r);
	loop_timer_start(r->loop, 5000, true, note_a, r);
	loop_timer_start(r->loop, 60000, true, end, r);
	run(r);
	assert_string_equal(r->order, "ab");
}

static void stop_self(void *context)
{
	struct rig *r = context;
	r->timers++;
	loop_timer_stop(r->loop, r->timer);
}

static void test_timer_stopped_by_itself(void **state)
{
	struct rig *r = *state;
	r->timer = loop_timer_start(r->loop, 2000, false, stop_self, r);
	int other = loop_timer_start(r->loop, 2000, false, note_a, r);
	loop_timer_stop(r->loop, other);
	loop_timer_start(r->loop, 30000, true, end, r);
	run(r);
	assert_int_equal(r->timers, 1);
	assert_string_equal(r->order, "");
}

static void test_timers_are_bounded(void **state)
{
	struct rig *r = *state;
	int id = 0;
	for (int i = 0; i < 1000 && id >= 0; i++)
		id = loop_timer_start(r->loop, USEC_PER_SEC, false, note_a, r);
	assert_int_equal(id, -ENOSPC);
}

/* ---- descriptors ---- */

static void on_read(void *context, int fd, unsigned events)
{
	struct rig *r = context;
	char c;
	assert_true(events & POLLIN);
	assert_int_equal(read(fd, &c, 1), 1);
	if (++r->reads[fd == r->pipe[1][0]] == 2)
		loop_end(r->loop);
}

static void test_descriptor(void **state)
{
	struct rig *r = *state;
	assert_int_equal(loop_watch(r->loop, r->pipe[0][0], POLLIN, on_read, r), 0);
	assert_int_equal(write(r->pipe[0][1], "xy", 2), 2);
	run(r);
	assert_int_equal(r->reads[0], 2);
}

/* Both are ready in one turn; whoever comes first forgets the other, whose handler then must not be called. */
static void forget_both(void *context, int fd, unsigned events)
{
	struct rig *r = context;
	(void)fd, (void)events;
	r->calls++;
	loop_forget(r->loop, r->pipe[0][0]);
	loop_forget(r->loop, r->pipe[1][0]);
}

static void test_forget_in_a_handler(void **state)
{
	struct rig *r = *state;
	for (int i = 0; i < 2; i++) {
		loop_watch(r->loop, r->pipe[i][0], POLLIN, forget_both, r);
		assert_int_equal(write(r->pipe[i][1], "x", 1), 1);
	}
	loop_timer_start(r->loop, 30000, true, end, r);
	run(r);
	assert_int_equal(r->calls, 1);
}

static void test_no_events_no_call(void **state)
{
	struct rig *r = *state;
	loop_watch(r->loop, r->pipe[0][0], POLLIN, on_read, r);
	loop_watch(r->loop, r->pipe[0][0], 0, on_read, r); /* changes the events */
	assert_int_equal(write(r->pipe[0][1], "x", 1), 1);
	loop_timer_start(r->loop, 20000, true, end, r);
	run(r);
	assert_int_equal(r->reads[0], 0);
}

static void test_descriptors_are_bounded(void **state)
{
	struct rig *r = *state;
	int status = 0;
	for (int fd = 1000; fd < 3000 && status == 0; fd++)
		status = loop_watch(r->loop, fd, POLLIN, on_read, r);
	assert_int_equal(status, -ENOSPC);
}

/* ---- calls from other threads ---- */

enum { CALLS = 10000 };

static void on_call(void *context)
{
	struct rig *r = context;
	if (++r->calls == CALLS)
		loop_end(r->loop);
}

static void *call_often(void *context)
{
	struct rig *r = context;
	for (int i = 0; i < CALLS / 2; i++)
		loop_call(r->loop, on_call, r);
	return NULL;
}

static void test_calls_from_threads(void **state)
{
	struct rig *r = *state;
	pthread_t t[2];
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&t[i], NULL, call_often, r), 0);
	run(r);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	assert_int_equal(r->calls, CALLS);
}

static void test_calls_in_order(void **state)
{
	struct rig *r = *state;
	loop_call(r->loop, note_b, r);
	loop_call(r->loop, note_a, r);
	loop_call(r->loop, end, r);
	run(r);
	assert_string_equal(r->order, "ba");
}

/* One that is never made is freed with the loop (the sanitizer looks). */
static void test_call_that_is_left(void **state)
{
	struct rig *r = *state;
	loop_call(r->loop, on_call, r);
	assert_int_equal(r->calls, 0);
}

int main(void)
{
#define ROW(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		ROW(test_timer_repeats), ROW(test_timer_once_and_in_order), ROW(test_timer_stopped_by_itself), ROW(test_timers_are_bounded),
		ROW(test_descriptor), ROW(test_forget_in_a_handler), ROW(test_no_events_no_call), ROW(test_descriptors_are_bounded),
		ROW(test_calls_from_threads), ROW(test_calls_in_order), ROW(test_call_that_is_left),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
