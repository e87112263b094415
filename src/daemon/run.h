// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The live side: rules compiled → queues bound → table loaded in one transaction → READY; and back: table away → queues
 * drained → workers finished. Whatever fails on the way up, nothing half-installed is left.
 */
#pragma once

#include "capture/nfqueue.h"
#include "daemon/aside.h"
#include "daemon/worker.h"
#include "gateway/gateway.h"
#include "gateway/reject.h"
#include "gateway/sets.h"
#include "lag/slow.h"
#include "respond/blocks.h"

#include "base/jansson.h"
#include <pthread.h>

#define RUN_FOLDER "/run/sluice"
#define RUN_SOCKET RUN_FOLDER "/command.socket"

struct run_options {
	struct runtime_options runtime; /* sets hold gateway.* already */
	bool dry_run;
	bool no_sandbox;
	const char *socket;            /* --socket; NULL: unix-command.filename, or RUN_SOCKET */
	usec_t confirm;                /* --confirm: without `sluice confirm` in this time it ends again; 0: no need */
};

/* Exit status: 0 it ran and ended well, 1 not. Prints. */
int run_live(const struct run_options *o);

/* ---- between the files run*.c ---- */

/* What is counted, at one moment. A worker publishes its own once a second; who reports adds them up and never looks into a running worker. */
enum { TOP_ALERTS = 8 };
struct top_alert {
	uint32_t gid, sid;
	uint64_t count; /* 0: none */
	char msg[96];
};
struct figures {
	struct counters counters;
	uint64_t events[EVENT_N_];
	struct app_worker app; /* its counts alone */
	struct top_alert top[TOP_ALERTS];
	uint64_t captured, lost; /* packets of its queues */
};

struct live_worker {
	pthread_mutex_t lock;    /* of published */
	struct figures *published;
	struct worker *worker;
	struct capture *capture;
	struct reject reject;
	struct live *live;
	const struct edition *edition; /* it works by; atomic */
	pthread_t thread;
	bool started;
	bool ended;              /* atomic: takes no new rules any more */
	uint32_t beats;          /* atomic: turns of its loop, for the watchdog */
	struct error error; /* why it ended early; empty: it did not */
};

struct reload_result;

enum { PASSED_BY_LOOKS = 4 };
struct passed_by { /* what failed open, from the counters of our table; see run_status.c */
	uint64_t packets, base;
	uint64_t captured, captured_base; /* by the workers: at the last look, and when the table was made */
	uint64_t sent[PASSED_BY_LOOKS];   /* to the queues, at the last looks */
	unsigned looks;
};

struct live {
	const struct run_options *options;
	struct gateway_settings settings;
	struct gateway_plan plan;
	struct runtime runtime;
	struct state state;
	unsigned n_workers;
	struct live_worker worker[GATEWAY_MAX_WORKERS];
	bool loaded;            /* our table is in the kernel */
	bool stopping;          /* atomic: workers drain and end */
	struct reload *reload;
	/* Has `handler` called in the main thread, soon; from any thread. */
	void (*call)(struct live *l, void (*handler)(void *context), void *context);
	struct loop *loop;
	struct aside *aside;
	struct control *control;
	int lock;               /* of the network namespace; -1: not taken */
	int signals;            /* signalfd; -1: none */
	char end_reason[200];   /* empty: not asked to end */
	bool leave_table;       /* the next start takes it over: until then when-down holds */
	bool has_terminal;      /* and ends with it */
	pthread_t early;        /* hears signals before the loop does */
	bool has_early, early_over; /* early_over: atomic; its next SIGUSR2 is the word to end */
	int keeper;             /* --confirm; -1: none */
	bool guarded;           /* when-down: drop: the table that only drops is loaded, until the real one is */
	bool was_closed;        /* an earlier run's table dropped already */
	bool failed;            /* it ended for a reason that is no success */
	bool stuck;             /* a thread goes on, of which everything stays as it is until the process is gone */

	struct block_list *blocks;
	struct gateway_sets *block_sets; /* NULL: no table of our own */
	bool said_save_failed, said_pending;
	struct passed_by passed_by;
	usec_t save_next;       /* not before; the saver's, while there is one */
	struct errand saver;    /* writes blocks to disk */
	bool saving;            /* main thread: the errand is under way */

	struct gateway_watch *watch;
	int look_timer;         /* 0: none runs */
	usec_t hurt_since;      /* monotonic; 0: the table is whole */
	usec_t unprotected;     /* altogether */
	uint64_t restores;
	bool said_not_restored;

	struct slowing *slow; /* traffic classes of slow flows; NULL: none */

	struct existing *existing; /* connections from before the start; NULL: not asked for */

	int confirm_timer;      /* above 0: not confirmed yet */
	usec_t confirm_until;   /* monotonic */

	void (*reload_done)(void *context, const struct reload_result *r); /* of who asked for the one under way */
	void *reload_context;

	usec_t status_last;     /* what the last status.json counted, for rates */
	uint64_t overrun;       /* packets that did not fit, as last said, and when */
	usec_t overrun_said;
	uint64_t status_packets, status_bytes, status_alerts;
	uint32_t beats[GATEWAY_MAX_WORKERS]; /* at the last look of the watchdog */
	char *log_dir;
	const char **option_sets; /* what the runtime's options point to, when they had to be added to */
	const char **interfaces; size_t n_interfaces;
	uint16_t interface_of[NFQUEUE_MAX_IFINDEX];
	usec_t since;
};

/* run_report.c: what a person reads */
void run_print_plan(const struct live *l);                 /* --dry-run */
void run_print_ready(const struct live *l);
void run_print_end(const struct live *l);
void run_print_no_rules(const struct runtime_options *o);

/* run_slow.c: devices get the classes of respond.slow; what cannot be is said, and packets go on at full speed there */
void run_slow_open(struct live *l);

/* run_confine.c: gives up what is not needed any more; before the first thread */
int run_confine(struct live *l, struct error *error);

/* run_main.c */
void run_block_signals(struct live *l); /* for all threads to come */
/* Until run_early_end a signal that asks for the end is obeyed at once, by the end of the process. */
int run_early_begin(struct live *l, struct error *error);
void run_early_end(struct live *l);
int run_loop_open(struct live *l, struct error *error);
int run_control_open(struct live *l, struct error *error);
void run_timers_start(struct live *l);
void run_end(struct live *l, const char *format, ...) __attribute__((format(printf, 2, 3)));
void run_fail(struct live *l, const char *reason); /* the end, but nobody's wish: with `drop` nothing passes after it */
/* Tells systemd, starts, and calls `done` (may be NULL) in the main thread. -EBUSY. */
int run_reload(struct live *l, void (*done)(void *context, const struct reload_result *r), void *context, struct error *error);
bool run_confirm(struct live *l); /* false: nothing was waiting */
/* Log files by their names again, aside; `done` in the main thread, with what outputs_reopen_files returned. */
void run_reopen(struct live *l, void (*done)(struct live *l, int result, void *context), void *context);

/* run_blocks.c: policies that block, and persons. Open before the first thread (it reads those of the last run), restore when the table is there, close after the last thread. */
int run_blocks_open(struct live *l, struct error *error);
void run_blocks_restore(struct live *l);
void run_blocks_close(struct live *l);
void run_blocks_tick(void *live);
void run_blocks_save(void *live);
void run_allow_machine(void *live); /* own addresses, gateways and resolvers into runtime.machine, as they are now */
/* What a person asks for; `lasts` 0: for good. As block_list_add; -EPERM: allowed. */
int run_block(struct live *l, const struct address *a, unsigned len, usec_t lasts, const char *why, struct block *done, struct error *error);
void run_read_blocks(struct live *l); /* what the kernel counted for each */

/* run_watch.c: from now on a table that others hurt is mended */
int run_watch_init(struct live *l, struct error *error);

/* run_existing.c: connections that were there before us are released, or known so that they may be taken up in the middle */
int run_existing_init(struct live *l, struct error *error);
void run_existing_free(struct live *l);

/* run_status.c */
json_t *run_status(struct live *l);
void run_write_status(void *live); /* RUN_FOLDER/status.json */
void run_write_starting(const struct live *l); /* the same file, before there is anything to count */
void run_write_last_exit(const struct live *l, const char *reason, int status);

/* run_stats.c */
struct figures *run_sum_figures(struct live *l); /* of all workers, as published last; the caller frees */
void run_worker_capture(struct live_worker *w, uint64_t *packets, uint64_t *lost);
struct figures *figures_new(void);
void figures_free(struct figures *f); /* NULL is allowed */
void figures_publish(struct live_worker *w); /* by the worker's thread */
void run_write_stats(struct live *l, usec_t now); /* the "stats" record, of all workers together */

/* notify.c: tells systemd, if it started us (sd_notify(3)); several lines are allowed */
void notify_manager(const char *text);
