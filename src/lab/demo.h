// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The demonstration: a gateway whose own firewall accepts web traffic, sluice behind it, a harmless page that must arrive byte
 * for byte, an attack that must not, over IPv4 and IPv6. All that it prints comes from counters, digests and log files.
 */
#pragma once

#include <stdbool.h>

struct demo_options {
	const char *program;  /* this program's own path */
	const char *shown;    /* how the person called it */
	const char *share;    /* folder with the rules and pages */
	bool without_queue;   /* take the IPS out: the demonstration must then fail */
};

/* Exit status: 0 all held, 1 something did not. */
int demo_run(const struct demo_options *o);
