// SPDX-License-Identifier: GPL-2.0-or-later
#include "output/sink.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"

static char folder[64];
static struct sink *sink;

static int set_up(void **state)
{
	struct error error;
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/sluice-test-sink-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	sink = sink_open(folder, "eve.json", "regular", true, &error);
	return sink ? 0 : -1;
}

static int tear_down(void **state)
{
	static const char *const names[] = {"eve.json", "eve.json.1", "socket"};
	char path[96];
	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		snprintf(path, sizeof path, "%s/%s", folder, names[i]);
		unlink(path);
	}
	return rmdir(folder);
}

static void expect_file(const char *name, const char *want)
{
	char path[96], text[256];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, text, sizeof text - 1);
	close(fd);
	assert_true(n >= 0);
	text[n] = '\0';
	assert_string_equal(text, want);
}

static void put(const char *text)
{
	sink_write(sink, text, strlen(text));
}

/* The sink's file becomes one end of a pipe; returns the other. */
static int use_pipe(int flags)
{
	int end[2];
	assert_int_equal(pipe2(end, O_CLOEXEC), 0);
	assert_int_equal(fcntl(end[1], F_SETFL, flags), 0);
	assert_true(dup2(end[1], sink->fd) >= 0);
	close(end[1]);
	return end[0];
}

static void test_moved_away(void **state)
{
	char from[96], to[96];
	(void)state;
	put("one\n");
	snprintf(from, sizeof from, "%s/eve.json", folder);
	snprintf(to, sizeof to, "%s/eve.json.1", folder);
	assert_int_equal(rename(from, to), 0);
	assert_int_equal(sink_reopen(sink), 0);
	put("two\n");
	assert_false(sink_close(sink));
	expect_file("eve.json.1", "one\n");
	expect_file("eve.json", "two\n");
}

/* The file that is there is written on when the new one cannot be had. */
static void test_cannot_be_opened_again(void **state)
{
	char *path = sink->path;
	(void)state;
	sink->path = strdup("/nowhere/at/all");
	assert_true(sink_reopen(sink) < 0);
	free(sink->path);
	sink->path = path;
	put("one\n");
	assert_false(sink_close(sink));
	expect_file("eve.json", "one\n");
}

static void test_background_writes_soon(void **state)
{
	struct error error;
	char path[96];
	(void)state;
	struct sink_writer *w = sink_writer_start(sink, &error);
	assert_non_null(w);
	put("one\n");
	snprintf(path, sizeof path, "%s/eve.json", folder);
	usec_t end = clock_monotonic() + 5 * USEC_PER_SEC;
	char c = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	while (read(fd, &c, 1) == 0 && clock_monotonic() < end)
		usleep(10000);
	close(fd);
	assert_int_equal(c, 'o');
	put("two\n");
	assert_true(sink_writer_stop(w));
	assert_false(sink_close(sink));
	expect_file("eve.json", "one\ntwo\n");
}

/* A disk that hangs: whoever has records goes on, memory stays bounded, what is lost is whole lines and counted. */
static void test_a_disk_that_hangs(void **state)
{
	enum { LINE = 1024, LINES = 40000 };
	static char line[LINE];
	struct error error;
	(void)state;
	memset(line, 'x', sizeof line - 1);
	line[LINE - 1] = '\n';
	int reader = use_pipe(0);
	struct sink_writer *w = sink_writer_start(sink, &error);
	usec_t longest = 0;
	for (int i = 0; i < LINES; i++) {
		usec_t before = clock_monotonic();
		sink_write(sink, line, sizeof line);
		usec_t took = clock_monotonic() - before;
		longest = took > longest ? took : longest;
	}
	assert_true(longest < USEC_PER_SEC);
	assert_true(sink->lost > 0);
	assert_true(sink->pending.room <= 64 << 20);
	uint64_t lost = sink->lost, got = 0;
	char *text = malloc(1 << 20);
	while (got < (LINES - lost) * LINE) {
		ssize_t n = read(reader, text, 1 << 20);
		assert_true(n > 0);
		for (ssize_t i = 0; i < n; i++)
			assert_int_equal(text[i], (got + (uint64_t)i) % LINE == LINE - 1 ? '\n' : 'x');
		got += (uint64_t)n;
	}
	assert_int_equal(got, (LINES - lost) * LINE);
	free(text);
	assert_true(sink_writer_stop(w));
	assert_int_equal(sink->lost, lost);
	assert_true(sink_close(sink));
	close(reader);
}

/* Who waits for the end does not wait for a disk. */
static void test_an_end_while_the_disk_hangs(void **state)
{
	static char piece[300000];
	struct error error;
	(void)state;
	memset(piece, '\n', sizeof piece);
	int reader = use_pipe(0);
	struct sink_writer *w = sink_writer_start(sink, &error);
	sink_write(sink, piece, sizeof piece);
	usec_t before = clock_monotonic();
	assert_false(sink_writer_stop(w));
	assert_true(clock_monotonic() - before < 2 * USEC_PER_SEC);
	for (size_t got = 0; got < sizeof piece;) {
		ssize_t n = read(reader, piece, sizeof piece);
		assert_true(n > 0);
		got += (size_t)n;
	}
	assert_true(sink_writer_stop(w));
	assert_false(sink_close(sink));
	close(reader);
}

/* A full disk takes a part of a line. The next line that it takes stands by itself. */
static void test_a_line_cut_off(void **state)
{
	static char many[80000], back[80000];
	(void)state;
	for (size_t i = 0; i < sizeof many; i++)
		many[i] = i % 8 == 7 ? '\n' : 'a';
	int reader = use_pipe(O_NONBLOCK);
	fcntl(sink->fd, F_SETPIPE_SZ, 65536);
	many[65535] = 'b'; /* the pipe's room ends within a line */
	sink_write(sink, many, sizeof many);
	sink_flush(sink);
	assert_true(sink->lost > 1000);
	assert_true(sink->torn);
	ssize_t n = read(reader, back, sizeof back);
	assert_true(n > 0 && back[n - 1] != '\n');
	put("whole\n");
	sink_flush(sink);
	n = read(reader, back, sizeof back);
	assert_int_equal(n, 7);
	assert_memory_equal(back, "\nwhole\n", 7);
	assert_true(sink_close(sink));
	close(reader);
}

static void test_datagrams(void **state)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	struct error error;
	char text[64];
	(void)state;
	sink_close(sink);
	snprintf(a.sun_path, sizeof a.sun_path, "%s/socket", folder);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct timeval limit = {.tv_sec = 5};
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	sink = sink_open(folder, "socket", "unix_dgram", true, &error);
	assert_non_null(sink);
	struct sink_writer *w = sink_writer_start(sink, &error);
	put("one\n");
	put("two\n");
	assert_int_equal(recv(fd, text, sizeof text, 0), 4);
	assert_int_equal(recv(fd, text, sizeof text, 0), 4);
	assert_memory_equal(text, "two\n", 4);
	assert_true(sink_writer_stop(w));
	assert_false(sink_close(sink));
	close(fd);
}

int main(void)
{
#define ROW(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		ROW(test_moved_away), ROW(test_cannot_be_opened_again), ROW(test_background_writes_soon), ROW(test_a_disk_that_hangs), ROW(test_an_end_while_the_disk_hangs), ROW(test_a_line_cut_off),
		ROW(test_datagrams),
	};
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
