// SPDX-License-Identifier: GPL-2.0-or-later
/* The protocol of the control socket, with commands of the test's own in the place of the daemon's. */
#include "daemon/test_control.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/memory.h"

enum { LARGE = 4 << 20, PATIENCE_SECONDS = 5 };

/* ---- the daemon's side ---- */

static void do_large(struct live *l, const json_t *arguments, struct control_reply *r)
{
	(void)l, (void)arguments;
	char *text = xmalloc(LARGE);
	memset(text, 'x', LARGE);
	control_answer(r, true, json_stringn(text, LARGE));
	free(text);
}

static void answer_now(void *context)
{
	control_answer_text(context, true, "%s", "at last");
}

static void do_later(struct live *l, const json_t *arguments, struct control_reply *r)
{
	(void)l, (void)arguments;
	loop_timer_start(rig.loop, 50000, true, answer_now, r);
}

static void do_never(struct live *l, const json_t *arguments, struct control_reply *r)
{
	(void)l, (void)arguments, (void)r; /* control_close frees it */
}

static void do_fail(struct live *l, const json_t *arguments, struct control_reply *r)
{
	(void)l, (void)arguments;
	control_answer_text(r, false, "not %d of them, \xff", 3);
}

const struct control_command control_commands[] = {
	{"echo", "", do_echo}, {"large", "", do_large}, {"later", "", do_later}, {"never", "", do_never}, {"fail", "", do_fail}, {NULL, NULL, NULL},
};

static int set_up(void **state)
{
	(void)state;
	return rig_start("test-control") ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	rig_stop();
	assert_int_equal(access(rig.path, F_OK), -1);
	*strrchr(rig.path, '/') = '\0';
	return rmdir(rig.path);
}

/* ---- a client's ---- */

static int connect_to_it(void)
{
	int fd = rig_connect(PATIENCE_SECONDS);
	assert_true(fd >= 0);
	return fd;
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* One line; false: the other side has closed. */
static bool hear(int fd, char *line, size_t room)
{
	size_t n = 0;
	while (n + 1 < room) {
		ssize_t got = recv(fd, line + n, 1, 0);
		assert_false(got < 0 && errno == EAGAIN); /* it hangs */
		if (got <= 0)
			return false;
		if (line[n++] == '\n')
			break;
	}
	line[n] = '\0';
	return true;
}

static void expect(int fd, const char *want)
{
	char line[4096];
	assert_true(hear(fd, line, sizeof line));
	line[strcspn(line, "\n")] = '\0';
	assert_string_equal(line, want);
}

static void expect_refusal(int fd)
{
	char line[4096];
	assert_true(hear(fd, line, sizeof line));
	assert_non_null(strstr(line, "\"NOK\""));
	assert_false(hear(fd, line, sizeof line));
	close(fd);
}

static void test_greeting_and_command(void **state)
{
	int fd = connect_to_it();
	(void)state;
	say(fd, "{\"version\": \"0.2\"}");
	expect(fd, "{\"return\":\"OK\"}");
	say(fd, "{\"command\": \"echo\", \"arguments\": {\"iface\": \"eth0\"}}");
	expect(fd, "{\"return\":\"OK\",\"message\":{\"iface\":\"eth0\"}}");
	close(fd);
}

static void test_without_greeting(void **state)
{
	int fd = connect_to_it();
	(void)state;
	say(fd, "{\"command\":\"echo\"}\n");
	expect(fd, "{\"return\":\"OK\",\"message\":null}");
	say(fd, "{\"command\":\"fail\"}\r\n");
	expect(fd, "{\"return\":\"NOK\",\"message\":\"(not UTF-8)\"}");
	close(fd);
}

static void test_framing(void **state)
{
	static const char request[] = " {\"command\":\"echo\",\"arguments\":{\"a\":\"}{\\\"}\"}}";
	int fd = connect_to_it();
	(void)state;
	for (const char *c = request; *c; c++)
		assert_int_equal(send(fd, c, 1, MSG_NOSIGNAL), 1);
	expect(fd, "{\"return\":\"OK\",\"message\":{\"a\":\"}{\\\"}\"}}");
	say(fd, "{\"command\":\"echo\",\"arguments\":{\"n\":1}}{\"command\":\"echo\",\"arguments\":{\"n\":2}}\n\n{\"command\":\"ec");
	expect(fd, "{\"return\":\"OK\",\"message\":{\"n\":1}}");
	expect(fd, "{\"return\":\"OK\",\"message\":{\"n\":2}}");
	say(fd, "ho\"}");
	expect(fd, "{\"return\":\"OK\",\"message\":null}");
	close(fd);
}

static void test_answers_keep_their_order(void **state)
{
	int fd = connect_to_it();
	(void)state;
	say(fd, "{\"command\":\"later\"}{\"command\":\"echo\"}");
	expect(fd, "{\"return\":\"OK\",\"message\":\"at last\"}");
	expect(fd, "{\"return\":\"OK\",\"message\":null}");
	/* who asks and says that this is all, gets the answer still */
	say(fd, "{\"command\":\"later\"}");
	shutdown(fd, SHUT_WR);
	expect(fd, "{\"return\":\"OK\",\"message\":\"at last\"}");
	close(fd);
}

static void test_unknown_command(void **state)
{
	int fd = connect_to_it();
	(void)state;
	say(fd, "{\"command\":\"make-coffee\"}");
	expect(fd, "{\"return\":\"NOK\",\"message\":\"Unknown command\"}");
	say(fd, "{\"command\":\"echo\"}");
	expect(fd, "{\"return\":\"OK\",\"message\":null}");
	close(fd);
}

static void test_garbage_ends_the_connection(void **state)
{
	static const char *const garbage[] = {"hello\n", "[1,2]", "GET / HTTP/1.1\r\n\r\n", "{\"command\":}", "\x16\x03\x01\x02", "{\"a\":1,\"a\":2}", "nullx"};
	(void)state;
	for (size_t i = 0; i < sizeof garbage / sizeof *garbage; i++) {
		int fd = connect_to_it();
		say(fd, garbage[i]);
		expect_refusal(fd);
	}
	int fd = connect_to_it();
	say(fd, "{\"command\":7}");
	char line[256];
	assert_true(hear(fd, line, sizeof line));
	assert_non_null(strstr(line, "\"NOK\""));
	close(fd);
}

static void test_a_long_request_is_refused(void **state)
{
	int fd = connect_to_it();
	char piece[4097];
	(void)state;
	memset(piece, ' ', sizeof piece - 1);
	piece[sizeof piece - 1] = '\0';
	say(fd, "{\"command\":\"");
	memset(piece, 'a', sizeof piece - 1);
	for (int i = 0; i < 64; i++)
		if (send(fd, piece, 4096, MSG_NOSIGNAL) != 4096)
			break;
	expect_refusal(fd);
	/* deep nesting is no way to the stack's end */
	fd = connect_to_it();
	memset(piece, '[', sizeof piece - 1);
	say(fd, "{\"command\":");
	say(fd, piece);
	expect_refusal(fd);
}

static void test_who_never_reads_holds_nobody_up(void **state)
{
	int deaf[20];
	(void)state;
	for (int i = 0; i < 20; i++) {
		deaf[i] = connect_to_it();
		say(deaf[i], "{\"command\":\"large\"}{\"command\":\"large\"}{\"command\":\"large\"}");
	}
	int fd = connect_to_it();
	say(fd, "{\"command\":\"echo\"}");
	expect(fd, "{\"return\":\"OK\",\"message\":null}");
	close(fd);
	/* one of them reads after all: it gets what it asked for, the next answer after the first is gone */
	char *text = xmalloc(LARGE + 100);
	for (int n = 0; n < 3; n++) {
		size_t got = 0;
		while (got == 0 || text[got - 1] != '\n') {
			ssize_t more = recv(deaf[19], text + got, LARGE + 100 - got, 0);
			assert_true(more > 0);
			got += (size_t)more;
		}
		assert_true(got > LARGE);
	}
	free(text);
	for (int i = 0; i < 20; i++)
		close(deaf[i]);
}

static unsigned open_descriptors(void)
{
	unsigned n = 0;
	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void test_hundreds_of_clients(void **state)
{
	enum { MANY = 400, SERVED = 256 };
	int fd[MANY];
	unsigned before = open_descriptors();
	(void)state;
	for (int i = 0; i < MANY; i++)
		fd[i] = connect_to_it();
	say(fd[MANY - 1], "{\"command\":\"echo\"}");
	expect(fd[MANY - 1], "{\"return\":\"OK\",\"message\":null}");
	assert_true(open_descriptors() <= before + MANY + SERVED + 16);
	for (int i = 0; i < MANY; i++)
		close(fd[i]);
}

static void test_who_goes_before_the_answer(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++) {
		int fd = connect_to_it();
		say(fd, i % 2 ? "{\"command\":\"later\"}" : "{\"command\":\"never\"}");
		close(fd);
	}
	usleep(100000);
	int fd = connect_to_it();
	say(fd, "{\"command\":\"later\"}");
	expect(fd, "{\"return\":\"OK\",\"message\":\"at last\"}");
	close(fd);
}

static void test_whose_it_is(void **state)
{
	struct stat st;
	(void)state;
	assert_int_equal(stat(rig.path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
}

/* Only a socket that a dead run left is in the way for nothing. */
static void test_a_file_of_somebody_is_not_taken_away(void **state)
{
	char name[64];
	struct error error = {0};
	(void)state;
	snprintf(name, sizeof name, "/tmp/sluice-test-control-file-%d", (int)getpid());
	int fd = open(name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	struct loop *other = loop_new(&error);
	assert_null(control_open(other, NULL, name, &error));
	assert_non_null(strstr(error.text, name));
	assert_null(control_open(other, NULL, rig.path, &error)); /* nor the place of one that lives */
	assert_non_null(strstr(error.text, "listens"));
	loop_free(other);
	assert_int_equal(unlink(name), 0);
	int again = connect_to_it();
	say(again, "{\"command\":\"echo\"}");
	expect(again, "{\"return\":\"OK\",\"message\":null}");
	close(again);
}

int main(void)
{
#define ROW(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		ROW(test_greeting_and_command), ROW(test_without_greeting), ROW(test_framing), ROW(test_answers_keep_their_order), ROW(test_unknown_command),
		ROW(test_garbage_ends_the_connection), ROW(test_a_long_request_is_refused), ROW(test_who_never_reads_holds_nobody_up),
		ROW(test_hundreds_of_clients), ROW(test_who_goes_before_the_answer), ROW(test_whose_it_is), ROW(test_a_file_of_somebody_is_not_taken_away),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
