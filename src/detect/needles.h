// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Many patterns in bytes, found by windows. Of each pattern some bytes are chosen that are rare in what the network carries; a window that moves
 * over the data in steps asks a table of bits whether such bytes lie under it, and only then is a pattern compared. Steps of eight, where all
 * patterns are long: then one of eight windows, side by side in the pattern, must fall on a step. Faster than the general search of a library
 * where patterns are long and many, and where the data are few bytes.
 */
#pragma once

#include "base/bytes.h"

enum { NEEDLE_MAX = 255, NEEDLE_SPARSE = 15 /* if all are as long, only each eighth byte is looked at */ };

struct needle {
	struct bytes bytes; /* 1 … NEEDLE_MAX; copied */
	bool nocase;
};

struct needles;
struct needles *needles_new(const struct needle *list, uint32_t n);
void needles_free(struct needles *s);
size_t needles_size(const struct needles *s); /* memory */

/* Calls back for each place of each needle, in no order that means anything: `id` is its place in the list, `end` where it ends. */
void needles_scan(const struct needles *s, struct bytes data, void (*found)(void *context, uint32_t id, size_t end), void *context);
