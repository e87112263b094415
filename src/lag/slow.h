// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Traffic classes of `respond.slow`: at each device an HTB tree with a class each, for both families and, as each device has it, both directions.
 * Flows come into a class by `meta priority` from their conntrack mark (gateway/table.c). Main thread.
 */
#pragma once

#include "base/clock.h"
#include "base/error.h"
#include "gateway/marks.h"

#include <stddef.h>

struct slow_class {
	const char *name;
	uint64_t rate, ceil; /* bits a second; ceil 0: as rate */
	uint64_t delay;	     /* ns; 0: none */
	unsigned share;	     /* of what other slow classes leave of their rates; 0: 1 */
};

struct slowing;
/*
 * Puts the trees at the devices; those where somebody shapes already, or where the kernel refuses, are left as they are and named by `spared`.
 * What a killed run left is put back first. NULL without any device (error says why the last was spared).
 */
struct slowing *slow_open(const struct slow_class *classes, unsigned n, const char *const *devices, size_t n_devices,
		       void (*spared)(void *context, const char *device, const char *why), void *context, struct error *error);
/* Puts back what was there; NULL is allowed. `keep`: for the next process, which then finds what to put back. */
void slow_close(struct slowing *s, bool keep);
size_t slow_n_devices(const struct slowing *s);
