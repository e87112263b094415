// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * New rules while packets flow: compiled aside by a thread of its own under a memory bound, checked, then swapped in worker by worker between two
 * batches; the old engine goes when the last worker has left it. When anything fails the old rules stay.
 */
#pragma once

#include "daemon/run.h"

struct reload_result {
	bool ok;
	uint32_t generation;         /* of the rules that are in force now */
	char digest[65];             /* SHA-256 over the rules in force, hex */
	size_t loaded, evaluated, unsupported, errors;
	double seconds;
	char message[512];           /* why it failed, or which changed keys need a restart */
	usec_t when;
};

/* Starts; `done` is called in the main thread. -EBUSY: one is under way. */
int reload_start(struct live *l, void (*done)(void *context, const struct reload_result *r), void *context, struct error *error);
/* The latest result; generation 1 is what the start loaded. Main thread. */
const struct reload_result *reload_last(const struct live *l);
/* By each worker between batches: takes the new engine if there is one. */
void reload_worker_check(struct live_worker *w);
/* The end comes: what is under way is given up as soon as can be. */
void reload_cancel(struct live *l);
/* Before the first worker starts, and after the last has ended. False: one does not end; then the runtime is to be left as it is. */
void reload_init(struct live *l);
bool reload_deinit(struct live *l);
