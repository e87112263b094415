// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a taken-over process could still do: after the start only CAP_NET_ADMIN remains (and CAP_DAC_READ_SEARCH, if files that are read again belong to others
 * and both of the following hold), Landlock shows the folders that rules, cache, logs and state
 * live in, and seccomp lets a listed set of system calls through (others fail with EPERM: a call that nobody thought of must not take the line down).
 *
 * Call once, in the main thread, when sockets and files are open and no other thread has been started: threads inherit all three.
 */
#pragma once

#include "base/conf.h"
#include "base/error.h"

struct confine_settings {
	struct conf *conf;           /* every absolute path that it names may be read; security.landlock.directories add to it */
	const char *const *readable; size_t n_readable; /* files or folders; of a file its folder */
	const char *const *writable; size_t n_writable; /* folders, made before; those that are not there are left out */
	const char *const *again; size_t n_again; /* files that are read again later; of each its folder may be read */
	const char *removable;       /* a file that is made already and may be removed (with others of its folder); NULL: none */
};

struct confine_report { /* what holds now, for people */
	bool capabilities, landlock, seccomp;
	int landlock_abi; /* 0: the kernel has none */
	const char *others; /* the first of `again` that CAP_NET_ADMIN alone does not let us read; NULL: none */
	bool read_search; /* so CAP_DAC_READ_SEARCH stays */
};

/* -errno with words when something that this kernel has cannot be had; what it lacks is only missing from the report. */
int confine_process(const struct confine_settings *s, struct confine_report *report, struct error *error);
