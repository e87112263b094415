// SPDX-License-Identifier: GPL-2.0-or-later
/* Time is an argument everywhere: microseconds since the epoch. Only these functions and the daemon ask a clock. */
#pragma once

#include <stdint.h>

typedef int64_t usec_t;
#define USEC_PER_SEC 1000000LL

usec_t clock_real(void);
usec_t clock_monotonic(void);

/* "2026-11-22T21:19:30.321798+0000" in the zone of TZ; `out` holds at least 40 bytes. */
void clock_format_iso(usec_t t, char *out);
/* The same, of the form of fast.log: "11/22/2026-21:19:30.321798". */
void clock_format_fast(usec_t t, char *out);
