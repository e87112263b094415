// SPDX-License-Identifier: GPL-2.0-or-later
/* Where a request ends on the control socket: JSON objects follow one another, with or without white space between, and come in pieces that may end anywhere. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FRAME_MORE = 0, FRAME_GARBAGE = -1, FRAME_DEPTH_MAX = 64 };

/* How far the bytes were looked at. All zero at the beginning, and again when bytes were taken off the front. */
struct frame_scan {
	size_t at;
	unsigned depth;
	bool in_string, escaped;
};

/*
 * The length of the first object, white space before it included. FRAME_MORE: its end is not there yet; the next call goes on where this one ended.
 * FRAME_GARBAGE: no object begins here, or one is nested too deep. Whether it is right JSON is not looked at.
 */
long frame_length(struct frame_scan *s, const uint8_t *data, size_t len);
