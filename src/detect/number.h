// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The one syntax of integers in rules: `5`, `=0x10`, `!5`, `>5`, `<=7`, `1-10` and `1<>10` (both exclusive), `!1-10`, `&0x1`, `!&0x1`,
 * `&0xc0=0x80`, units (kb, mb, gb), and words where a field has them.
 */
#pragma once

#include "base/bytes.h"
#include "base/error.h"

enum number_mode { NUMBER_EQ, NUMBER_NE, NUMBER_LT, NUMBER_LE, NUMBER_GT, NUMBER_GE, NUMBER_RANGE, NUMBER_NOT_RANGE, NUMBER_MASK_EQ, NUMBER_MASK_NE };

struct number_test {
	uint8_t mode;  /* enum number_mode */
	uint64_t a, b; /* ranges: both exclusive; masks: a the mask, b the value */
};

/* `bits` bounds the values; `names` (NULL-terminated, index = value) may be NULL. -EINVAL with words. */
int number_parse(const char *text, unsigned bits, const char *const *names, struct number_test *out, struct error *error);
bool number_test(const struct number_test *t, uint64_t value);
/* A plain value, decimal or hexadecimal, with a unit; moves `*text` behind it. False: there is none, or it is too large. */
bool number_read(const char **text, uint64_t *out);
