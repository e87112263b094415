// SPDX-License-Identifier: GPL-2.0-or-later
/* Measuring: pings of ours, both families. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "base/error.h"

struct probe {
	unsigned sent, answered, again, late; /* again: answered twice; late: answers out of order */
	double least, median, most;	      /* ms of a round trip; 0 without an answer */
	unsigned bursts;		      /* runs of lost ones */
	double *trips;		      /* ms, in order of sending, 0 without an answer: `sent` of them */
};
void probe_free(struct probe *p);
/* Pings an address `count` times, `gap` ms apart, and waits for the last ones for five seconds at most. `device` may be NULL. -errno with words. */
int lag_probe(struct probe *out, const char *address, const char *device, unsigned count, int gap, struct error *error);
void lag_probe_print(FILE *out, const char *address, const struct probe *p, bool json);
