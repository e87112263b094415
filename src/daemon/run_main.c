// SPDX-License-Identifier: GPL-2.0-or-later
/* The main thread between start and end: signals, timers, and what people and systemd ask for. */
#include "daemon/run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/control.h"
#include "daemon/keeper.h"
#include "daemon/reload.h"

#define LOG_MODULE "run"

enum { DEFAULT_STATS_SECONDS = 8, SAVE_SECONDS = 2, LOOK_SECONDS = 60 };

void run_end(struct live *l, const char *format, ...)
{
	if (!*l->end_reason) {
		va_list list;
		va_start(list, format);
		vsnprintf(l->end_reason, sizeof l->end_reason, format, list);
		va_end(list);
	}
	loop_end(l->loop);
}

void run_fail(struct live *l, const char *reason)
{
	l->failed = true;
	l->leave_table = !l->settings.bypass && l->confirm_timer <= 0; /* only a person's word opens; but an unconfirmed start locks nobody out */
	run_end(l, "%s", reason);
}

/* ---- reload ---- */

static void after_reload(void *context, const struct reload_result *r)
{
	struct live *l = context;
	char text[256];
	snprintf(text, sizeof text, "READY=1\nSTATUS=%zu rules, generation %u, %u workers%s", r->loaded, r->generation, l->n_workers,
		 r->ok ? "" : "; the last reload failed");
	notify_manager(text);
	output_engine(l->runtime.outputs, r->ok ? "reload" : "reload-failed", *r->message ? r->message : NULL, 0, clock_real());
	void (*done)(void *context, const struct reload_result *r) = l->reload_done;
	l->reload_done = NULL; /* before it is called: it may begin the next reload */
	if (done)
		done(l->reload_context, r);
}

int run_reload(struct live *l, void (*done)(void *context, const struct reload_result *r), void *context, struct error *error)
{
	char text[96];
	int r = reload_start(l, after_reload, l, error);
	if (r < 0)
		return r;
	l->reload_done = done;
	l->reload_context = context;
	snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)clock_monotonic());
	notify_manager(text);
	return 0;
}

static void reload_by_signal(struct live *l)
{
	struct error error = {0};
	if (run_reload(l, NULL, NULL, &error) < 0)
		log_warning("%s", error.text);
}

/* ---- confirmation ---- */

bool run_confirm(struct live *l)
{
	bool waited = l->confirm_timer > 0;
	if (waited) {
		loop_timer_stop(l->loop, l->confirm_timer);
		keeper_confirmed(l->keeper);
		log_notice("confirmed: it stays");
	}
	l->confirm_timer = 0;
	return waited;
}

static void not_confirmed(void *context)
{
	struct live *l = context;
	l->failed = true;
	run_end(l, "it was not confirmed in time (--confirm)");
}

static void begin_confirm(struct live *l)
{
	if (!l->options->confirm)
		return;
	l->confirm_until = clock_monotonic() + l->options->confirm;
	l->confirm_timer = loop_timer_start(l->loop, l->options->confirm, true, not_confirmed, l);
	keeper_ready(l->keeper);
}

/* ---- signals ---- */

static void fill_signals(sigset_t *set)
{
	static const int taken[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR2};
	sigemptyset(set);
	for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
		sigaddset(set, taken[i]);
}

static bool has_terminal(void)
{
	struct sigaction hangup;
	int fd = open("/dev/tty", O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return false;
	close(fd);
	/* nohup: who started us says that we outlive the terminal */
	return sigaction(SIGHUP, NULL, &hangup) < 0 || hangup.sa_handler != SIG_IGN;
}

void run_block_signals(struct live *l)
{
	sigset_t set;
	fill_signals(&set);
	l->has_terminal = has_terminal();
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* ---- log files ---- */

struct reopening {
	struct errand errand;
	struct live *live;
	void (*done)(struct live *l, int result, void *context);
	void *context;
	int result;
};

static void reopen(struct errand *e)
{
	struct reopening *x = (struct reopening *)e;
	x->result = outputs_reopen_files(x->live->runtime.outputs);
}

static void reopened(struct errand *e, bool worked)
{
	struct reopening *x = (struct reopening *)e;
	if (worked)
		x->done(x->live, x->result, x->context);
	free(x);
}

void run_reopen(struct live *l, void (*done)(struct live *l, int result, void *context), void *context)
{
	struct reopening *x = xcalloc(1, sizeof *x);
	*x = (struct reopening){.errand = {.work = reopen, .done = reopened}, .live = l, .done = done, .context = context};
	aside_do(l->aside, &x->errand);
}

static void reload_after_reopening(struct live *l, int result, void *context)
{
	(void)result, (void)context;
	reload_by_signal(l);
}

/* A closed terminal ends what was started from it, and a start that nobody confirmed yet; else it is the word for new log files and rules. */
static void on_hangup(struct live *l)
{
	if (l->has_terminal || l->confirm_timer > 0) {
		run_end(l, "the terminal is gone (SIGHUP)");
		return;
	}
	run_reopen(l, reload_after_reopening, NULL);
}

static void on_signal(void *context, int fd, unsigned events)
{
	struct live *l = context;
	struct signalfd_siginfo s;
	(void)events;
	while (read(fd, &s, sizeof s) == sizeof s)
		switch (s.ssi_signo) {
		case SIGINT: run_end(l, "interrupted (SIGINT)"); break;
		case SIGTERM: run_end(l, "asked to end (SIGTERM)"); break;
		case SIGQUIT: /* a restart: another one will take the table over */
			l->leave_table = !l->settings.bypass && l->confirm_timer <= 0;
			run_end(l, "asked to make way for the next start (SIGQUIT)");
			break;
		case SIGHUP: on_hangup(l); break;
		default: reload_by_signal(l); break;
		}
}

/* ---- signals while rules are compiled ---- */

/* The main thread may be busy for a minute; who asks it to end, or to open the line again, is not kept waiting. */
static void *early_main(void *context)
{
	struct live *l = context;
	struct error error = {0};
	sigset_t set;
	int number = 0;
	fill_signals(&set);
	do {
		if (sigwait(&set, &number) || (number == SIGUSR2 && __atomic_load_n(&l->early_over, __ATOMIC_ACQUIRE)))
			return NULL;
	} while (number == SIGUSR2 || (number == SIGHUP && !l->has_terminal && !l->options->confirm));
	bool leave = number == SIGQUIT || l->was_closed;
	if (l->guarded && !leave && gateway_remove(&error) < 0)
		fprintf(stderr, "sluice: the table could not be removed: %s; `sluice stop` does it\n", error.text);
	snprintf(l->end_reason, sizeof l->end_reason, "asked to end before it was ready (SIG%s)", sigabbrev_np(number));
	run_write_last_exit(l, l->end_reason, 0);
	fprintf(stderr, "sluice: %s\n", l->end_reason);
	_exit(0);
}

int run_early_begin(struct live *l, struct error *error)
{
	int code = pthread_create(&l->early, NULL, early_main, l);
	l->has_early = code == 0;
	return code ? error_set(error, code, "cannot start a thread: %s", strerror(code)) : 0;
}

void run_early_end(struct live *l)
{
	if (!l->has_early)
		return;
	l->has_early = false;
	__atomic_store_n(&l->early_over, true, __ATOMIC_RELEASE);
	pthread_kill(l->early, SIGUSR2);
	pthread_join(l->early, NULL);
}

/* ---- timers ---- */

static void on_stats(void *context)
{
	run_write_stats(context, clock_real());
}

/* systemd hears of us only while every worker turns. */
static void on_watchdog(void *context)
{
	struct live *l = context;
	bool all = true;
	for (unsigned i = 0; i < l->n_workers; i++) {
		uint32_t beats = __atomic_load_n(&l->worker[i].beats, __ATOMIC_RELAXED);
		all &= beats != l->beats[i];
		l->beats[i] = beats;
	}
	if (all)
		notify_manager("WATCHDOG=1");
}

static void start_watchdog(struct live *l)
{
	const char *text = getenv("WATCHDOG_USEC");
	long long interval = text ? atoll(text) : 0;
	if (interval > 0)
		(void)loop_timer_start(l->loop, interval / 3, false, on_watchdog, l);
}

void run_timers_start(struct live *l)
{
	int64_t seconds = DEFAULT_STATS_SECONDS;
	(void)conf_int(l->runtime.conf, "stats.interval", &seconds, NULL);
	if (seconds < 1)
		seconds = DEFAULT_STATS_SECONDS;
	(void)loop_timer_start(l->loop, seconds * USEC_PER_SEC, false, on_stats, l);
	(void)loop_timer_start(l->loop, USEC_PER_SEC, false, run_write_status, l);
	(void)loop_timer_start(l->loop, USEC_PER_SEC, false, run_blocks_tick, l);
	(void)loop_timer_start(l->loop, SAVE_SECONDS * USEC_PER_SEC, false, run_blocks_save, l);
	(void)loop_timer_start(l->loop, LOOK_SECONDS * USEC_PER_SEC, false, run_allow_machine, l);
	start_watchdog(l);
	begin_confirm(l);
}

/* ---- loop and control socket ---- */

/* Who asks whether the place is taken (gateway_lock) connects and is heard here, so that the next one can be heard, too. */
static void on_lock(void *context, int fd, unsigned events)
{
	(void)context, (void)events;
	int s = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	if (s >= 0)
		close(s);
}

static void call_main(struct live *l, void (*handler)(void *context), void *context)
{
	loop_call(l->loop, handler, context);
}

int run_loop_open(struct live *l, struct error *error)
{
	sigset_t set;
	fill_signals(&set);
	l->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (l->signals < 0)
		return error_set(error, errno, "signalfd: %s", strerror(errno));
	l->loop = loop_new(error);
	if (!l->loop)
		return -EIO;
	l->call = call_main;
	(void)loop_watch(l->loop, l->lock, POLLIN, on_lock, l);
	return loop_watch(l->loop, l->signals, POLLIN, on_signal, l);
}

/* Protection does not fail for want of a socket, unless somebody counts on it. */
int run_control_open(struct live *l, struct error *error)
{
	struct error why = {0};
	const char *path = l->options->socket;
	if (!path)
		path = conf_string(l->runtime.conf, "unix-command.filename", RUN_SOCKET);
	if (!l->options->socket && strcmp(conf_string(l->runtime.conf, "unix-command.enabled", "auto"), "no") == 0)
		return 0;
	char *full = path[0] == '/' ? xstrdup(path) : xasprintf(RUN_FOLDER "/%s", path);
	l->control = control_open(l->loop, l, full, &why);
	free(full);
	if (l->control)
		return 0;
	if (l->options->socket || l->options->confirm)
		return error_set(error, EIO, "%s", why.text);
	log_warning("no control socket: %s", why.text);
	return 0;
}
