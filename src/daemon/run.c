// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/run.h"

#include <errno.h>
#include <malloc.h>
#include <net/if.h>
#include <sched.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/control.h"
#include "daemon/reload.h"
#include "flow/shared.h"
#include "gateway/watch.h"

#define LOG_MODULE "run"

enum { READ_MS = 100, DRAIN_MS = 20, DRAIN_ROUNDS = 25, AUTO_WORKERS_MAX = 8, LOAD_TRIES = 5, DEFAULT_STATS_SECONDS = 8 };

/* ---- a worker's thread ---- */

static void on_reject(void *context, const struct packet *p)
{
	struct live_worker *w = context;
	if (!w->live->options->runtime.ids_only)
		reject_add(&w->reject, p, reject_whom(p->action));
}

/* After the table is gone only what waits in the queues is left; a table of the user's own may go on feeding us, hence the bound. */
static void drain(struct live_worker *w)
{
	struct error error;
	for (int i = 0; i < DRAIN_ROUNDS; i++)
		if (w->capture->ops->read(w->capture, DRAIN_MS, worker_frame, w->worker, &error) <= 0)
			return;
}

static void *worker_main(void *context)
{
	struct live_worker *w = context;
	usec_t next_tick = 0;
	while (!__atomic_load_n(&w->live->stopping, __ATOMIC_RELAXED)) {
		int n = w->capture->ops->read(w->capture, READ_MS, worker_frame, w->worker, &w->error);
		reject_flush(&w->reject);
		if (n < 0) {
			__atomic_store_n(&w->ended, true, __ATOMIC_RELEASE);
			kill(getpid(), SIGTERM);
			return NULL;
		}
		reload_worker_check(w);
		__atomic_fetch_add(&w->beats, 1, __ATOMIC_RELAXED);
		/* a tick when idle, and once a second when not; in real time, as the packets' */
		usec_t now = clock_monotonic();
		if (n == 0 || now > next_tick)
			worker_tick(w->worker, clock_real());
		if (now > next_tick) {
			figures_publish(w);
			next_tick = now + USEC_PER_SEC;
		}
	}
	drain(w);
	reject_flush(&w->reject);
	worker_finish(w->worker);
	figures_publish(w);
	__atomic_store_n(&w->ended, true, __ATOMIC_RELEASE);
	return NULL;
}

/* ---- the way up ---- */

static unsigned useful_workers(void)
{
	cpu_set_t set;
	unsigned n = sched_getaffinity(0, sizeof set, &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
	return n < AUTO_WORKERS_MAX ? n : AUTO_WORKERS_MAX;
}

/* With a table of our own a worker has two queues, TCP's and the rest's; with the user's rules one for all. */
static int count_workers(struct live *l, struct error *error)
{
	struct gateway_settings *s = &l->settings;
	unsigned each = s->own_table ? 2 : 1;
	if (s->queues_auto) {
		l->n_workers = s->own_table ? useful_workers() : 1;
		s->n_queues = l->n_workers * each;
		return 0;
	}
	if (s->own_table && s->n_queues == 1 && s->first_queue < 65535)
		s->n_queues = 2; /* -q 4: queues 4 and 5 */
	l->n_workers = s->n_queues / each;
	if (s->n_queues % each)
		return error_set(error, EINVAL, "%u queues: with a table of its own sluice needs two for each worker (TCP, the rest), so an even number",
				 s->n_queues);
	if (l->n_workers > GATEWAY_MAX_WORKERS)
		return error_set(error, EINVAL, "%u queues are %u workers; at most %d are possible", s->n_queues, l->n_workers, GATEWAY_MAX_WORKERS);
	return 0;
}

static void list_interfaces(struct live *l)
{
	struct if_nameindex *all = if_nameindex();
	for (struct if_nameindex *i = all; i && i->if_index; i++) {
		if (i->if_index >= NFQUEUE_MAX_IFINDEX)
			continue;
		l->interfaces = xrealloc(l->interfaces, (l->n_interfaces + 1) * sizeof *l->interfaces);
		l->interfaces[l->n_interfaces++] = xstrdup(i->if_name);
		l->interface_of[i->if_index] = (uint16_t)l->n_interfaces;
	}
	if_freenameindex(all);
}

static int open_captures(struct live *l, struct error *error)
{
	const struct gateway_settings *s = &l->settings;
	struct utsname kernel = {0};
	bool merged = uname(&kernel) == 0 && nfqueue_kernel_drops_merged(kernel.release);
	if (merged && s->own_table)
		log_notice("Linux %s drops merged datagrams unless they are taken merged (CVE-2026-45859): so they are, and counted; a newer kernel is better",
			   kernel.release);
	for (unsigned i = 0; i < l->n_workers; i++) {
		struct nfqueue_options o = {.fail_open = s->bypass, .interface_of = l->interface_of};
		if (s->own_table) {
			o.queue[o.n_queues++] = (struct nfqueue_queue){(uint16_t)(l->plan.tcp_queue + i), true};
			o.queue[o.n_queues++] = (struct nfqueue_queue){(uint16_t)(l->plan.rest_queue + i), merged};
		} else {
			o.queue[o.n_queues++] = (struct nfqueue_queue){(uint16_t)(s->first_queue + i), true};
		}
		l->worker[i].capture = capture_nfqueue_open(&o, error);
		if (!l->worker[i].capture)
			return -EIO;
		if (capture_nfqueue_without_gso(l->worker[i].capture))
			log_warning("this kernel refuses F_GSO: TCP comes in single segments, which costs speed");
		if (s->bypass && capture_nfqueue_without_fail_open(l->worker[i].capture))
			log_warning("this kernel refuses F_FAIL_OPEN: a full queue drops packets although when-down is bypass");
	}
	return 0;
}

static int make_workers(struct live *l, struct error *error)
{
	l->state.shared = shared_new(l->runtime.host_memcap, l->runtime.options.seed);
	if (!l->state.shared)
		return error_set(error, ENOMEM, "out of memory");
	for (unsigned i = 0; i < l->n_workers; i++) {
		struct live_worker *w = &l->worker[i];
		w->live = l;
		w->worker = worker_new(&l->runtime, &l->state, i);
		if (!w->worker)
			return error_set(error, ENOMEM, "out of memory");
		struct error why;
		if (reject_open(&w->reject, gateway_own_mark(&l->settings), &why) < 0 && i == 0)
			log_warning("%s; rejected packets are only dropped", why.text);
		worker_on_reject(w->worker, on_reject, w);
		worker_mark_mask(w->worker, l->settings.mark_mask);
		worker_releases(w->worker, l->settings.own_table, l->settings.release_over);
	}
	return 0;
}

/* The ruleset may change between look and load: then look again. */
static int load_table(struct live *l, struct error *error)
{
	int r = 0;
	for (int i = 0; i < LOAD_TRIES; i++) {
		r = gateway_load(&l->plan, GATEWAY_LOAD, error);
		if (r != -ERESTART)
			break;
		gateway_plan_free(&l->plan);
		r = gateway_plan(&l->plan, &l->settings, l->n_workers, error);
		if (r < 0)
			break;
	}
	l->loaded = r == 0;
	return r;
}

static int start_threads(struct live *l, struct error *error)
{
	for (unsigned i = 0; i < l->n_workers; i++) {
		int r = pthread_create(&l->worker[i].thread, NULL, worker_main, &l->worker[i]);
		if (r)
			return error_set(error, r, "cannot start a thread: %s", strerror(r));
		l->worker[i].started = true;
	}
	return 0;
}

/* ---- the way down; copes with what is half built ---- */

static const char *worker_error(const struct live *l)
{
	for (unsigned i = 0; i < l->n_workers; i++)
		if (*l->worker[i].error.text && __atomic_load_n(&l->worker[i].ended, __ATOMIC_ACQUIRE))
			return l->worker[i].error.text;
	return NULL;
}

static void stop(struct live *l)
{
	struct error error = {0};
	/*
	 * A start that fails leaves the line as it found it: closed by an earlier run's `drop`, or open. With `drop` a worker that failed opens nothing either, unless
	 * nobody has confirmed the start.
	 */
	bool crashed = l->since && !l->settings.bypass && l->confirm_timer <= 0 && worker_error(l);
	bool leave = l->leave_table || crashed || (!l->since && l->was_closed);
	if ((l->loaded || l->guarded) && !leave && gateway_remove(&error) < 0)
		log_error("the table could not be removed: %s; once this process is gone `sluice stop` does it", error.text);
	l->loaded = l->guarded = false;
	__atomic_store_n(&l->stopping, true, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < l->n_workers; i++)
		if (l->worker[i].started)
			pthread_join(l->worker[i].thread, NULL);
	for (unsigned i = 0; i < l->n_workers; i++)
		l->worker[i].started = false;
	run_blocks_close(l);
	reload_deinit(l);
}

static int release(struct live *l)
{
	for (unsigned i = 0; i < l->n_workers; i++) {
		struct live_worker *w = &l->worker[i];
		if (w->capture)
			w->capture->ops->close(w->capture);
		if (w->worker)
			reject_close(&w->reject);
		worker_free(w->worker);
		figures_free(w->published);
	}
	if (l->state.shared)
		shared_free(l->state.shared);
	control_close(l->control);
	if (l->watch)
		gateway_watch_close(l->watch);
	run_existing_free(l);
	loop_free(l->loop);
	if (l->signals >= 0)
		close(l->signals);
	int failed = runtime_deinit(&l->runtime);
	gateway_plan_free(&l->plan);
	for (size_t i = 0; i < l->n_interfaces; i++)
		free((char *)l->interfaces[i]);
	free(l->interfaces);
	free(l->log_dir);
	free(l->option_sets);
	return failed;
}

/* ---- in between ---- */

static void block_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGQUIT);
	sigaddset(set, SIGUSR2);
	sigprocmask(SIG_BLOCK, set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static void call_main(struct live *l, void (*handler)(void *context), void *context)
{
	loop_call(l->loop, handler, context);
}

void run_end(struct live *l, const char *reason)
{
	if (!l->end_reason)
		l->end_reason = reason;
	loop_end(l->loop);
}

/* ---- what people and systemd ask for ---- */

static void after_reload(void *context, const struct reload_result *r)
{
	struct live *l = context;
	char text[256];
	snprintf(text, sizeof text, "READY=1\nSTATUS=%zu rules, generation %u, %u workers%s", r->loaded, r->generation, l->n_workers,
		 r->ok ? "" : "; the last reload failed");
	notify_manager(text);
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

bool run_confirm(struct live *l)
{
	bool waited = l->confirm_timer > 0;
	if (waited) {
		loop_timer_stop(l->loop, l->confirm_timer);
		log_notice("confirmed: the table stays");
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

/* ---- signals and timers ---- */

/* A closed terminal ends what was started from it, and a start that nobody confirmed yet; else it is the word for new log files and rules. */
static void on_hangup(struct live *l)
{
	if (l->has_terminal || l->confirm_timer > 0) {
		run_end(l, "the terminal is gone");
		return;
	}
	(void)outputs_reopen_files(l->runtime.outputs);
	reload_by_signal(l);
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
			l->leave_table = !l->settings.bypass;
			run_end(l, "asked to make way for the next start (SIGQUIT)");
			break;
		case SIGHUP: on_hangup(l); break;
		default: reload_by_signal(l); break;
		}
}

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

static void start_timers(struct live *l)
{
	int64_t seconds = DEFAULT_STATS_SECONDS;
	(void)conf_int(l->runtime.conf, "stats.interval", &seconds, NULL);
	if (seconds < 1)
		seconds = DEFAULT_STATS_SECONDS;
	(void)loop_timer_start(l->loop, seconds * USEC_PER_SEC, false, on_stats, l);
	(void)loop_timer_start(l->loop, USEC_PER_SEC, false, run_write_status, l);
	(void)loop_timer_start(l->loop, USEC_PER_SEC, false, run_blocks_tick, l);
	(void)loop_timer_start(l->loop, 30 * USEC_PER_SEC, false, run_blocks_save, l);
	(void)loop_timer_start(l->loop, 60 * USEC_PER_SEC, false, run_allow_machine, l);
	start_watchdog(l);
	if (l->options->confirm) {
		l->confirm_until = clock_monotonic() + l->options->confirm;
		l->confirm_timer = loop_timer_start(l->loop, l->options->confirm, true, not_confirmed, l);
	}
}

static int open_control(struct live *l, struct error *error)
{
	const char *path = l->options->socket;
	if (!path)
		path = conf_string(l->runtime.conf, "unix-command.filename", RUN_SOCKET);
	if (strcmp(conf_string(l->runtime.conf, "unix-command.enabled", "auto"), "no") == 0)
		return 0;
	char *full = path[0] == '/' ? xstrdup(path) : xasprintf(RUN_FOLDER "/%s", path);
	l->control = control_open(l->loop, l, full, error);
	free(full);
	return l->control ? 0 : -EIO;
}

static int make_loop(struct live *l, struct error *error)
{
	sigset_t set;
	block_signals(&set);
	int terminal = open("/dev/tty", O_RDONLY | O_CLOEXEC | O_NOCTTY);
	l->has_terminal = terminal >= 0;
	if (terminal >= 0)
		close(terminal);
	l->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	l->loop = l->signals < 0 ? NULL : loop_new(error);
	if (!l->loop)
		return l->signals < 0 ? error_set(error, errno, "signalfd: %s", strerror(errno)) : -EIO;
	return loop_watch(l->loop, l->signals, POLLIN, on_signal, l);
}

/* One at a time, from before the rules are compiled on; with `drop` nothing passes meanwhile. */
static int take_place(struct live *l, const struct gateway_settings *s, struct error *error)
{
	struct gateway_table_state before;
	if (l->options->dry_run)
		return 0;
	(void)mkdir(RUN_FOLDER, 0755);
	l->lock = gateway_lock(error);
	if (l->lock < 0)
		return l->lock;
	if (!s->own_table || s->bypass)
		return 0;
	l->was_closed = gateway_table_state(&before, error) == 0 && before.there && before.ours && before.drops;
	int r = gateway_guard_load(s, error);
	l->guarded = r == 0;
	return r;
}

/*
 * when-down is one choice for people and three switches inside: the rule's bypass flag, F_FAIL_OPEN of the queue, and here the
 * engine's exception policy, unless the configuration names one itself.
 */
static int read_settings(struct live *l, struct runtime_options *o, struct error *error)
{
	struct conf *conf = runtime_conf(o, error);
	if (!conf)
		return -EINVAL;
	struct gateway_settings s;
	int r = gateway_settings_read(&s, conf, error);
	if (r == 0)
		r = take_place(l, &s, error);
	bool open_choice = strcmp(conf_string(conf, "exception-policy", "auto"), "auto") == 0;
	conf_free(conf);
	if (r == 0 && s.bypass && open_choice) {
		l->option_sets = xcalloc(o->n_sets + 1, sizeof *l->option_sets);
		if (o->n_sets)
			memcpy(l->option_sets, o->sets, o->n_sets * sizeof *l->option_sets);
		l->option_sets[o->n_sets++] = "exception-policy=ignore";
		o->sets = l->option_sets;
	}
	return r;
}

static void make_log_folder(struct live *l, struct runtime_options *o)
{
	if (o->log_dir || o->config)
		return;
	l->log_dir = xstrdup("/var/log/sluice");
	(void)mkdir(l->log_dir, 0750);
	o->log_dir = l->log_dir;
}

static int dry_run(struct live *l, struct error *error)
{
	int r = gateway_plan(&l->plan, &l->settings, l->n_workers, error);
	if (r == 0)
		r = gateway_load(&l->plan, GATEWAY_TEXT, error);
	if (r < 0)
		return r;
	run_print_plan(l);
	if (!l->plan.looked || !l->settings.own_table)
		return 0;
	r = gateway_load(&l->plan, GATEWAY_CHECK, error);
	if (r == 0)
		puts("\nThe kernel would take it. Nothing was changed.");
	return r;
}

/* The table, what belongs into it, and the watch over it. */
static int protect(struct live *l, struct error *error)
{
	int r = load_table(l, error);
	if (r < 0)
		return r;
	run_blocks_restore(l);
	return run_watch_init(l, error);
}

static int start(struct live *l, struct error *error)
{
	int r = l->settings.own_table ? gateway_plan(&l->plan, &l->settings, l->n_workers, error) : 0;
	if (r == 0)
		r = open_captures(l, error);
	if (r == 0)
		r = make_workers(l, error);
	if (r == 0) {
		reload_init(l);
		l->call = call_main;
		r = run_blocks_open(l, error);
	}
	if (r == 0)
		r = open_control(l, error);
	if (r == 0)
		r = run_existing_init(l, error);
	if (r == 0)
		r = run_confine(l, error);
	if (r == 0)
		r = outputs_background(l->runtime.outputs, error);
	if (r == 0)
		r = start_threads(l, error);
	if (r == 0 && l->settings.own_table)
		r = protect(l, error);
	return r;
}

static const char *end_words(const struct live *l, int status, const struct error *error)
{
	const char *worker = worker_error(l);
	return status < 0 ? error->text : worker ? worker : l->end_reason;
}

static int run_with(struct live *l, struct error *error)
{
	struct runtime_options o = l->options->runtime;
	sigset_t set;
	if (!l->options->dry_run)
		block_signals(&set); /* who interrupts while rules are compiled must not leave a closed line: the signal waits for the loop */
	int r = read_settings(l, &o, error);
	if (r < 0)
		return r;
	/* anew, from the tree that lives as long as the run: interface names point into it */
	make_log_folder(l, &o);
	list_interfaces(l);
	o.interfaces = l->interfaces;
	o.n_interfaces = l->n_interfaces;
	if (getrandom(&o.seed, sizeof o.seed, 0) != sizeof o.seed)
		o.seed = (uint64_t)clock_real();
	o.no_output = o.no_detection = l->options->dry_run;
	r = runtime_init(&l->runtime, &o, error);
	malloc_trim(0); /* what compiling took for a while */
	if (r == 0)
		r = gateway_settings_read(&l->settings, l->runtime.conf, error);
	if (r == 0)
		r = count_workers(l, error);
	if (r < 0)
		return r;
	if (l->options->dry_run)
		return dry_run(l, error);
	if (!l->runtime.engine) {
		run_print_no_rules(&o);
		return error_set(error, ENOENT, "no rule was loaded");
	}
	r = make_loop(l, error);
	if (r == 0)
		r = start(l, error);
	if (r == 0) {
		l->since = clock_real();
		start_timers(l);
		run_write_status(l);
		run_print_ready(l);
		r = loop_run(l->loop, error);
		notify_manager("STOPPING=1");
	}
	stop(l);
	if (l->since) {
		run_write_stats(l, clock_real());
		run_print_end(l);
		run_write_last_exit(l, end_words(l, r, error), r < 0 || l->failed || worker_error(l));
	}
	return r;
}

int run_live(const struct run_options *o)
{
	struct live *l = xcalloc(1, sizeof *l);
	struct error error = {0};
	l->options = o;
	l->lock = l->signals = -1;
	for (int i = 0; i < GATEWAY_MAX_WORKERS; i++) {
		l->worker[i].reject = (struct reject){.fd4 = -1, .fd6 = -1};
		pthread_mutex_init(&l->worker[i].lock, NULL);
	}
	int r = run_with(l, &error);
	stop(l); /* what failed on the way may have left something */
	if (r < 0)
		fprintf(stderr, "sluice: %s\n", error.text);
	bool ended_early = false;
	for (unsigned i = 0; i < l->n_workers; i++) {
		ended_early |= *l->worker[i].error.text != '\0';
		if (*l->worker[i].error.text)
			fprintf(stderr, "sluice: %s\n", l->worker[i].error.text);
	}
	int failed = release(l);
	bool early = l->failed;
	if (l->end_reason && early)
		fprintf(stderr, "sluice: ended: %s\n", l->end_reason);
	free(l);
	return r < 0 || failed || ended_early || early;
}
