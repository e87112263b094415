// SPDX-License-Identifier: GPL-2.0-or-later
#include "lag/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lag/select.h"

/* ---- ending in time ---- */

static void sleep_until(usec_t when)
{
	struct timespec t = {.tv_sec = when / USEC_PER_SEC, .tv_nsec = when % USEC_PER_SEC * 1000};
	while (clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

static _Noreturn void watch(const char *device, usec_t since, usec_t until)
{
	enum { PAUSE_MS = 100, TRIES = 600 };
	struct lag_state s;
	sleep_until(until);
	for (int i = 0; i < TRIES; i++) {
		int lock = lag_lock(NULL);
		if (lock >= 0) {
			bool same = lag_state_load(&s, device, NULL) == 0 && s.since == since; /* stopped and started anew: not ours */
			if (same)
				(void)lag_stop(device, NULL);
			_exit(0);
		}
		nanosleep(&(struct timespec){.tv_nsec = PAUSE_MS * 1000000L}, NULL);
	}
	_exit(1);
}

/* A process of its own session, without the caller's descriptors: an ended ssh session does not take it along. */
static int leave_behind(const char *device, int lock, usec_t since, usec_t until)
{
	int pipe_fd[2], watcher = 0;
	if (pipe2(pipe_fd, O_CLOEXEC) < 0)
		return 0;
	pid_t child = fork();
	if (child == 0) {
		int null = open("/dev/null", O_RDWR);
		setsid();
		signal(SIGHUP, SIG_IGN);
		pid_t own = fork();
		if (own > 0 && write(pipe_fd[1], &own, sizeof own) < 0)
			_exit(1);
		if (own != 0)
			_exit(own < 0);
		for (int fd = 0; null >= 0 && fd < 3; fd++)
			dup2(null, fd);
		close(lock);
		if (chdir("/") == 0)
			watch(device, since, until);
		_exit(1);
	}
	close(pipe_fd[1]);
	if (child > 0 && read(pipe_fd[0], &watcher, sizeof watcher) != sizeof watcher)
		watcher = 0;
	close(pipe_fd[0]);
	if (child > 0)
		waitpid(child, NULL, 0);
	return watcher;
}

int lag_watch(const char *device, int lock, struct error *error)
{
	struct lag_state s;
	int code = lag_state_load(&s, device, error);
	if (code < 0)
		return code;
	if (s.until) {
		s.watcher = leave_behind(device, lock, s.since, s.until);
		code = s.watcher ? lag_state_save(&s, error) : error_set(error, EAGAIN, "no process could be left behind to end it");
	}
	lag_state_free(&s);
	return code;
}

/* ---- showing ---- */

struct figures {
	struct lag_state state;
	struct select_counts chosen;
	struct tc_object slow, netem; /* without options */
	bool table, root, watched;
	char before[96];
};

static void find_object(struct tc_object *out, const struct tc_list *l, uint32_t handle)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->objects[i].handle == handle) {
			*out = l->objects[i];
			out->options = (struct buffer){0};
		}
}

static int read_figures(struct figures *f, const char *device, struct error *error)
{
	*f = (struct figures){0};
	int code = lag_state_load(&f->state, device, error);
	if (code < 0)
		return code;
	struct rtnl *r = rtnl_open(error);
	struct tree now = {0};
	code = r ? tree_read(&now, r, f->state.out ? device : f->state.ifb, error) : -EIO;
	rtnl_close(r);
	if (code < 0) {
		lag_state_free(&f->state);
		return code;
	}
	find_object(&f->slow, &now.classes, LAG_MAJOR << 16 | LAG_CLASS_SLOW);
	find_object(&f->netem, &now.qdiscs, (uint32_t)(LAG_MAJOR + LAG_CLASS_SLOW) << 16);
	f->root = tree_root(&now) && tree_root(&now)->handle == (uint32_t)LAG_MAJOR << 16;
	f->table = select_counts(&f->chosen, device, NULL) == 0;
	f->watched = f->state.watcher > 0 && (kill(f->state.watcher, 0) == 0 || errno == EPERM);
	tree_describe(&f->state.before, f->before, sizeof f->before);
	tree_free(&now);
	return 0;
}

static const char *condition(const struct figures *f)
{
	const struct lag_state *s = &f->state;
	if (!lag_state_current(s))
		return "ended with the last boot; `sluice lag stop` clears its note";
	if (!f->root)
		return "somebody took its tree away; `sluice lag stop` puts the rest back";
	if (s->out && !f->table)
		return "somebody took its table away: nothing is slowed; `sluice lag stop` puts the rest back";
	if (s->until && s->until < clock_real())
		return "its time is over; `sluice lag stop` puts back what was there";
	if (s->until && !f->watched)
		return "in force; nobody is left to end it: its time ends in the kernel, `sluice lag stop` puts back what was there";
	return "in force";
}

static void show_json(FILE *out, const struct figures *f)
{
	const struct lag_state *s = &f->state;
	char since[40];
	clock_format_iso(s->since, since);
	json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:f, s:I, s:I, s:I, s:I, s:I, s:I}", "device", s->device, "condition", condition(f), "asked", s->words,
			      "out", s->line_out, "in", s->line_in, "since", since, "before", f->before, "seconds_left",
			      s->until ? (double)(s->until - clock_real()) / USEC_PER_SEC : -1.0, "packets", (json_int_t)f->slow.packets, "bytes", (json_int_t)f->slow.bytes,
			      "dropped", (json_int_t)f->netem.drops + (json_int_t)f->slow.drops, "waiting", (json_int_t)f->slow.waiting, "packets_ipv4",
			      (json_int_t)f->chosen.packets4, "packets_ipv6", (json_int_t)f->chosen.packets6);
	json_dumpf(o, out, JSON_INDENT(2));
	fputc('\n', out);
	json_decref(o);
}

static void show_text(FILE *out, const struct figures *f)
{
	const struct lag_state *s = &f->state;
	char left[32];
	usec_t rest = s->until - clock_real();
	fprintf(out, "%s: %s\n", s->device, condition(f));
	if (s->out)
		fprintf(out, "  outgoing  %s\n", s->line_out);
	if (s->in)
		fprintf(out, "  incoming  %s\n", s->line_in);
	fprintf(out, "  asked     %s\n", s->words);
	fprintf(out, "  slowed    %llu packets, %llu bytes, %u lost, %u waiting\n", (unsigned long long)f->slow.packets, (unsigned long long)f->slow.bytes,
		f->netem.drops + f->slow.drops, f->slow.waiting);
	if (f->table)
		fprintf(out, "  of them   IPv4 %llu packets, %llu bytes; IPv6 %llu packets, %llu bytes\n", (unsigned long long)f->chosen.packets4,
			(unsigned long long)f->chosen.bytes4, (unsigned long long)f->chosen.packets6, (unsigned long long)f->chosen.bytes6);
	fprintf(out, "  left      %s\n", !s->until ? "until it is stopped" : rest > USEC_PER_SEC ? clock_format_duration(rest, left) : "none");
	fprintf(out, "  before    %s\n", f->before);
}

int lag_show(FILE *out, const char *device, bool json, struct error *error)
{
	struct figures f;
	int code = read_figures(&f, device, error);
	if (code < 0)
		return code;
	if (json)
		show_json(out, &f);
	else
		show_text(out, &f);
	lag_state_free(&f.state);
	return 0;
}

/* ---- the live view ---- */

enum { HISTORY = 60 };

static void draw(const double *rates, size_t n)
{
	static const char *const levels[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
	enum { TOP = sizeof levels / sizeof *levels - 1 };
	double most = 1;
	for (size_t i = 0; i < n; i++)
		most = rates[i] > most ? rates[i] : most;
	fputs("  rate      ", stdout);
	for (size_t i = 0; i < n; i++)
		fputs(levels[(size_t)(rates[i] / most * TOP + 0.5)], stdout);
	printf(" %.0f kbit/s\n", n ? rates[n - 1] * 8 / 1000 : 0);
}

static volatile sig_atomic_t interrupted;
static void on_interrupt(int number)
{
	interrupted = number;
}

int lag_show_watch(const char *device, struct error *error)
{
	double rates[HISTORY];
	size_t n = 0;
	uint64_t before = 0;
	int code = 0;
	struct sigaction act = {.sa_handler = on_interrupt};
	sigaction(SIGINT, &act, NULL);
	for (bool first = true; !interrupted && code == 0; first = false) {
		struct figures f;
		if ((code = read_figures(&f, device, error)) < 0)
			break;
		if (n == HISTORY)
			memmove(rates, rates + 1, --n * sizeof *rates);
		if (!first)
			rates[n++] = (double)(f.slow.bytes >= before ? f.slow.bytes - before : 0);
		before = f.slow.bytes;
		if (isatty(STDOUT_FILENO))
			fputs("\033[H\033[2J", stdout);
		show_text(stdout, &f);
		draw(rates, n);
		fflush(stdout);
		lag_state_free(&f.state);
		if (!interrupted)
			nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
	}
	return code;
}
