// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/run.h"

#include <errno.h>
#include <malloc.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/control.h"
#include "daemon/keeper.h"
#include "daemon/loop.h"
#include "daemon/nat.h"
#include "daemon/reload.h"
#include "flow/shared.h"
#include "gateway/watch.h"

#define LOG_MODULE "run"

enum { READ_MS = 100, DRAIN_MS = 20, DRAIN_ROUNDS = 25, AUTO_WORKERS_MAX = 8, LOAD_TRIES = 5 };

/* ---- a worker's thread ---- */

static void on_reject(void *context, const struct packet *p)
{
	struct live_worker *w = context;
	if (!w->live->options->runtime.ids_only)
		reject_add(&w->reject, p, reject_whom(p->action));
}

static bool names_behind_nat(void *context, const struct packet *p, enum reject_to to, struct reject_names *out)
{
	const struct live_worker *w = context;
	struct nat_view v;
	return nat_find(w->live->block_sets, p, &v) && nat_names(&v, to, out);
}

/* After the table is gone only what waits in the queues is left; a table of the user's own may go on feeding us, hence the bound. */
static void drain(struct live_worker *w)
{
	struct error error;
	for (int i = 0; i < DRAIN_ROUNDS; i++)
		if (w->capture->ops->read(w->capture, DRAIN_MS, worker_frame, w->worker, &error) <= 0)
			return;
}

/* In the main thread: the line is not inspected any more by this worker, and a restart helps more than the others' going on. */
static void worker_failed(void *context)
{
	struct live_worker *w = context;
	run_fail(w->live, w->error.text);
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
			w->live->call(w->live, worker_failed, w);
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
	unsigned n = s->n_queues / each;
	if (s->n_queues % each)
		return error_set(error, EINVAL, "%u queues: with a table of its own sluice needs two for each worker (TCP, the rest), so an even number",
				 s->n_queues);
	if (n > GATEWAY_MAX_WORKERS)
		return error_set(error, EINVAL, "%u queues are %u workers; at most %d are possible", s->n_queues, n, GATEWAY_MAX_WORKERS);
	l->n_workers = n;
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
		w->reject.names = names_behind_nat;
		w->reject.names_context = w;
		worker_on_reject(w->worker, on_reject, w);
		worker_mark_mask(w->worker, l->settings.mark_mask, (uint8_t)gateway_clear_mark(&l->settings));
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

static void stop(struct live *l)
{
	struct error error = {0};
	/* a start that fails leaves the line as it found it: closed by an earlier run's `drop`, or open */
	bool leave = l->leave_table || (!l->since && l->was_closed);
	if ((l->loaded || l->guarded) && !leave && gateway_remove(&error) < 0)
		log_error("the table could not be removed: %s; once this process is gone `sluice stop` does it", error.text);
	l->loaded = l->guarded = false;
	reload_cancel(l);
	__atomic_store_n(&l->stopping, true, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < l->n_workers; i++)
		if (l->worker[i].started)
			pthread_join(l->worker[i].thread, NULL);
	for (unsigned i = 0; i < l->n_workers; i++)
		l->worker[i].started = false;
	l->stuck |= !aside_close(l->aside);
	l->aside = NULL;
	run_blocks_close(l);
	slow_close(l->slow, leave);
	l->slow = NULL;
	l->stuck |= !reload_deinit(l);
}

static int release(struct live *l)
{
	if (l->stuck)
		return outputs_close(l->runtime.outputs);
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
	if (l->keeper >= 0)
		close(l->keeper);
	int failed = runtime_deinit(&l->runtime);
	gateway_plan_free(&l->plan);
	for (size_t i = 0; i < l->n_interfaces; i++)
		free((char *)l->interfaces[i]);
	free(l->interfaces);
	free(l->log_dir);
	free(l->option_sets);
	fflush(stdout);
	if (l->lock >= 0)
		close(l->lock); /* last of all: who waits for our end waits for this */
	return failed;
}

/* ---- the way up ---- */

/* One at a time, from before the rules are compiled on; with `drop` nothing passes meanwhile. */
static int take_place(struct live *l, const struct gateway_settings *s, struct error *error)
{
	struct gateway_table_state before;
	if (l->options->dry_run)
		return 0;
	run_block_signals(l);
	if (l->options->confirm) {
		l->keeper = keeper_start(l->options->confirm, error);
		if (l->keeper < 0)
			return l->keeper;
	}
	if (mkdir(RUN_FOLDER, 0755) == 0)
		(void)chmod(RUN_FOLDER, 0755); /* whatever the umask: everybody may read the status */
	l->lock = gateway_lock(error);
	if (l->lock < 0)
		return l->lock;
	run_write_starting(l);
	if (s->own_table && !s->bypass) {
		l->was_closed = gateway_table_state(&before, error) == 0 && before.there && before.ours && before.drops;
		int r = gateway_guard_load(s, error);
		l->guarded = r == 0;
		if (r < 0)
			return r;
	}
	return run_early_begin(l, error);
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
		r = run_blocks_open(l, error);
	}
	if (r == 0)
		r = run_control_open(l, error);
	if (r == 0)
		r = run_existing_init(l, error);
	if (r == 0)
		run_slow_open(l);
	if (r == 0)
		r = run_confine(l, error);
	if (r == 0)
		r = outputs_background(l->runtime.outputs, error);
	if (r == 0 && !(l->aside = aside_open(l->loop, error)))
		r = -EAGAIN;
	if (r == 0)
		r = start_threads(l, error);
	if (r == 0 && l->settings.own_table)
		r = protect(l, error);
	return r;
}

static int run_with(struct live *l, struct error *error)
{
	struct runtime_options o = l->options->runtime;
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
	run_early_end(l);
	r = run_loop_open(l, error);
	if (r == 0)
		r = start(l, error);
	if (r < 0)
		return r;
	l->since = clock_real();
	run_timers_start(l);
	run_write_status(l);
	run_print_ready(l);
	output_engine(l->runtime.outputs, "start", NULL, 0, l->since);
	r = loop_run(l->loop, error);
	if (r < 0)
		run_fail(l, error->text);
	notify_manager("STOPPING=1");
	stop(l);
	run_write_stats(l, clock_real());
	output_engine(l->runtime.outputs, "stop", l->end_reason, 0, clock_real());
	run_print_end(l);
	return r;
}

/* For `sluice status` when nobody answers any more. A start that found the place taken is no end of that which has it. */
static void note_end(struct live *l, int r, const struct error *error)
{
	if (l->lock < 0)
		return;
	if (r < 0 && !l->since)
		snprintf(l->end_reason, sizeof l->end_reason, "could not start: %s", error->text);
	run_write_last_exit(l, l->end_reason, r < 0 || l->failed);
}

int run_live(const struct run_options *o)
{
	struct live *l = xcalloc(1, sizeof *l);
	struct error error = {0};
	l->options = o;
	l->lock = l->signals = l->keeper = -1;
	for (int i = 0; i < GATEWAY_MAX_WORKERS; i++) {
		l->worker[i].reject = (struct reject){.fd4 = -1, .fd6 = -1};
		pthread_mutex_init(&l->worker[i].lock, NULL);
	}
	int r = run_with(l, &error);
	run_early_end(l);
	stop(l); /* what failed on the way may have left something */
	note_end(l, r, &error);
	if (r < 0)
		fprintf(stderr, "sluice: %s\n", error.text);
	else if (l->failed)
		fprintf(stderr, "sluice: ended: %s\n", l->end_reason);
	bool failed = r < 0 || l->failed;
	failed |= release(l) != 0;
	if (!l->stuck)
		free(l);
	return failed;
}
