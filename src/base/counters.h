// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Counters of a worker: an array indexed by the enum, added up when they are read. One row of counters.def is all that a
 * counter needs; its name is its place in the "stats" event. No atomics: a worker writes its own, a reader may see a value
 * that is a moment old.
 */
#pragma once

#include <stdint.h>

enum counter {
#define COUNTER(id, name) COUNTER_##id,
#include "base/counters.def"
#undef COUNTER
	COUNTER_N_
};

struct counters {
	uint64_t value[COUNTER_N_];
};

/* Dotted name, as in EVE. */
const char *counter_name(enum counter c);

#define COUNT(counters, id) ((counters)->value[COUNTER_##id]++)
#define COUNT_ADD(counters, id, n) ((counters)->value[COUNTER_##id] += (n))
