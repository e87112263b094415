// SPDX-License-Identifier: GPL-2.0-or-later
/* Counters of the loaded ruleset, looked at again and again. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

/* Prints, every `seconds`, the counters that grew, fastest first, and named sets whose number of elements changed. `count` looks, 0: until interrupted. */
int ruleset_watch(FILE *out, double seconds, unsigned count, bool terminal);
