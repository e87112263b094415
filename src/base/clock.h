// SPDX-License-Identifier: GPL-2.0-or-later
/* Time is an argument everywhere: microseconds since the epoch. Only these functions and the daemon ask a clock. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef int64_t usec_t;
#define USEC_PER_SEC 1000000LL

/* "90" (seconds), "10m", "1h30m", "2d", "1w": more than 0, at most ten years. False: it is no such text. */
bool clock_parse_duration(const char *text, usec_t *out);
/* "1h30m", "45s"; `out` holds 32 bytes at least. Returns out. */
const char *clock_format_duration(usec_t t, char *out);

usec_t clock_real(void);
usec_t clock_monotonic(void);

/* "2026-11-22T21:19:30.321798+0000" in the zone of TZ; `out` holds at least 40 bytes. */
void clock_format_iso(usec_t t, char *out);
/* The same, of the form of fast.log: "11/22/2026-21:19:30.321798". */
void clock_format_fast(usec_t t, char *out);
