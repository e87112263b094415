// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The live side: rules compiled → queues bound → table loaded in one transaction → READY; and back: table away → queues
 * drained → workers finished. Whatever fails on the way up, nothing half-installed is left.
 */
#pragma once

#include "capture/nfqueue.h"
#include "daemon/worker.h"
#include "gateway/gateway.h"
#include "gateway/reject.h"
#include "respond/blocks.h"

#include <pthread.h>

struct run_options {
	struct runtime_options runtime; /* sets hold gateway.* already */
	bool dry_run;
	bool no_sandbox;
};

/* Exit status: 0 it ran and ended well, 1 not. Prints. */
int run_live(const struct run_options *o);

/* ---- between the files run*.c ---- */

/* What is counted, at one moment. A worker publishes its own once a second; who reports adds them up and never looks into a running worker. */
struct figures {
	struct counters counters;
	uint64_t events[EVENT_N_];
	struct app_worker app; /* its counts alone */
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
	struct error error; /* why it ended early; empty: it did not */
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
	struct block_list *blocks;
	struct gateway_sets *block_sets; /* NULL: no table of our own */
	char *log_dir;
	const char **sets;      /* what the runtime's options point to, when they had to be added to */
	const char **interfaces; size_t n_interfaces;
	uint16_t interface_of[NFQUEUE_MAX_IFINDEX];
	usec_t since;
};

/* run_report.c: what a person reads */
void run_print_plan(const struct live *l);                 /* --dry-run */
void run_print_ready(const struct live *l);
void run_print_end(const struct live *l);
void run_print_no_rules(const struct runtime_options *o);

/* run_confine.c: gives up what is not needed any more; before the first thread */
int run_confine(struct live *l, struct error *error);

/* run_blocks.c: policies that block. Open before the first thread, restore when the table is there, close after the last thread. */
int run_blocks_open(struct live *l, struct error *error);
void run_blocks_restore(struct live *l);
void run_blocks_close(struct live *l);
void run_allow_machine(struct live *l); /* adds own addresses, resolvers and the ssh client to runtime.machine */

/* run_stats.c */
struct figures *figures_new(void);
void figures_free(struct figures *f); /* NULL is allowed */
void figures_publish(struct live_worker *w); /* by the worker's thread */
void run_write_stats(struct live *l, usec_t now); /* the "stats" record, of all workers together */

/* notify.c: tells systemd, if it started us (sd_notify(3)); several lines are allowed */
void notify_manager(const char *text);
