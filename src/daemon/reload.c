// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/reload.h"

#include "base/log.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LOG_MODULE "reload"

enum {
	STEP_MS = 2, /* how often the builder looks whether all workers have gone over */
	END_SECONDS = 3, /* most that the end waits for it: a database is compiled in less; a file on a disk that hangs is not read */
};

struct reload {
	struct live *live;
	pthread_t thread;
	bool running;                 /* main thread: from the start until `done` was called */
	struct edition *next;         /* atomic: what workers are to go over to; NULL: nothing */
	struct edition *built;        /* of the builder, for the main thread */
	struct reload_result result, last;
	void (*done)(void *context, const struct reload_result *r);
	void *context;
	struct edition_watch watch;   /* of the builder; `cancelled` of all */
};

static void describe(struct reload_result *r, const struct edition *e)
{
	r->generation = e->generation;
	memcpy(r->digest, e->digest, sizeof r->digest);
	r->errors = edition_errors(e);
	r->when = e->loaded;
	r->seconds = e->seconds;
	if (!e->engine)
		return;
	const struct engine_counts *c = engine_counts_of(e->engine);
	r->loaded = c->loaded;
	r->evaluated = c->evaluated;
	r->unsupported = c->unsupported;
}

void reload_init(struct live *l)
{
	struct reload *r = l->reload = xcalloc(1, sizeof *r);
	r->live = l;
	describe(&r->last, l->runtime.edition);
	r->last.ok = true;
	for (unsigned i = 0; i < l->n_workers; i++)
		l->worker[i].edition = l->runtime.edition;
}

/* ---- in the builder's thread ---- */

static const struct finding *first_error(const struct edition *e)
{
	const struct finding *f = edition_findings(e)->findings;
	while (f && f->severity != FINDING_ERROR)
		f = f->next;
	return f;
}

/* What a start tolerates, a reload need not: the rules in force are better than half a file. */
static int check(const struct edition *now, const struct edition *e, struct error *error)
{
	const struct finding *f = first_error(e);
	if (!e->engine)
		return error_set(error, ENOENT, "no rule was loaded");
	if (e->missing > now->missing)
		return error_set(error, ENOENT, "%zu rule files that are configured are not there", e->missing);
	if (edition_errors(e) > edition_errors(now))
		return error_set(error, EINVAL, "%s:%d:%d: %s (rules that are wrong: %zu, in force: %zu)", f->file ? f->file : "?", f->line, f->column, f->message,
				 edition_errors(e), edition_errors(now));
	return 0;
}

static struct edition *build(struct reload *r, struct error *error)
{
	const struct runtime *run = &r->live->runtime;
	struct conf *conf = runtime_conf(&run->options, error);
	struct buffer keys = {0};
	if (!conf)
		return NULL;
	if (edition_restart_keys(run->conf, conf, &keys))
		snprintf(r->result.message, sizeof r->result.message, "these keys have changed and count from the next start: %s", buffer_string(&keys));
	buffer_free(&keys);
	struct edition *e = edition_load(run, conf, &r->watch, error);
	if (!e || check(run->edition, e, error) == 0)
		return e;
	edition_free(e);
	return NULL;
}

static bool all_use(const struct live *l, const struct edition *e)
{
	for (unsigned i = 0; i < l->n_workers; i++) {
		const struct live_worker *w = &l->worker[i];
		if (__atomic_load_n(&w->edition, __ATOMIC_ACQUIRE) != e && !__atomic_load_n(&w->ended, __ATOMIC_ACQUIRE))
			return false;
	}
	return true;
}

/* Idle workers look every READ_MS, busy ones after each batch. */
static void hand_over(struct reload *r)
{
	struct edition *e = r->built;
	__atomic_store_n(&r->next, e, __ATOMIC_RELEASE);
	while (!all_use(r->live, e))
		nanosleep(&(struct timespec){.tv_nsec = STEP_MS * 1000000L}, NULL);
}

/* In the main thread: nobody uses the old edition any more. */
static void finish(void *context)
{
	struct reload *r = context;
	struct live *l = r->live;
	pthread_join(r->thread, NULL);
	if (r->built) {
		runtime_adopt(&l->runtime, r->built);
		describe(&r->result, l->runtime.edition);
		log_notice("%zu rules are in force: generation %u, digest %.16s, after %.1f s%s%s", r->result.loaded, r->result.generation, r->result.digest,
			   r->result.seconds, *r->result.message ? "; " : "", r->result.message);
	} else {
		log_error("reload failed, the old rules stay in force: %s", r->result.message);
	}
	malloc_trim(0); /* what compiling took for a while */
	r->built = NULL;
	r->last = r->result;
	r->running = false;
	if (r->done)
		r->done(r->context, &r->last);
}

static void *builder_main(void *context)
{
	struct reload *r = context;
	struct error error = {0};
	r->built = build(r, &error);
	edition_watch_end(&r->watch);
	r->result.ok = r->built;
	if (r->built) {
		hand_over(r);
	} else {
		describe(&r->result, r->live->runtime.edition);
		r->result.when = clock_real();
		snprintf(r->result.message, sizeof r->result.message, "%s", error.text);
	}
	if (r->live->call)
		r->live->call(r->live, finish, r);
	return NULL;
}

/* ---- elsewhere ---- */

int reload_start(struct live *l, void (*done)(void *context, const struct reload_result *r), void *context, struct error *error)
{
	struct reload *r = l->reload;
	sigset_t all, before;
	if (r->running)
		return error_set(error, EBUSY, "a reload is under way");
	r->result = (struct reload_result){0};
	r->done = done;
	r->context = context;
	edition_watch_begin(&r->watch);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the main thread's */
	int rc = pthread_create(&r->thread, NULL, builder_main, r);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc) {
		edition_watch_end(&r->watch);
		return error_set(error, rc, "cannot start a thread: %s", strerror(rc));
	}
	r->running = true;
	return 0;
}

const struct reload_result *reload_last(const struct live *l)
{
	return &l->reload->last;
}

void reload_worker_check(struct live_worker *w)
{
	struct edition *next = __atomic_load_n(&w->live->reload->next, __ATOMIC_ACQUIRE);
	if (!next || next == w->edition)
		return;
	if (worker_use(w->worker, next) == 0)
		__atomic_store_n(&w->edition, next, __ATOMIC_RELEASE);
}

void reload_cancel(struct live *l)
{
	if (l->reload)
		__atomic_store_n(&l->reload->watch.cancelled, true, __ATOMIC_RELAXED);
}

/* The workers have ended, so a builder that waits for them goes on. */
bool reload_deinit(struct live *l)
{
	struct reload *r = l->reload;
	struct timespec t;
	reload_cancel(l);
	l->reload = NULL;
	if (r && r->running) {
		clock_gettime(CLOCK_MONOTONIC, &t);
		t.tv_sec += END_SECONDS;
		if (pthread_clockjoin_np(r->thread, NULL, CLOCK_MONOTONIC, &t)) {
			log_warning("a reload does not end; nobody waits for it");
			return false;
		}
		if (r->built)
			runtime_adopt(&l->runtime, r->built);
	}
	free(r);
	return true;
}
