// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Programs: a rule's conditions on one buffer, in order, run with backtracking. A step that fails relative to an occurrence
 * makes the step before look for its next one, within `inspection-recursion-limit`. Variables of byte_extract and byte_math
 * live in the scratch across one rule's programs.
 *
 * Pure with respect to traffic: bytes in, yes or no out; no allocation, no clock.
 */
#pragma once

#include "base/bytes.h"

struct program;
struct program_step;
struct detect_scratch;

/* What a program runs over. */
struct program_input {
	struct bytes data;
	uint64_t offset;    /* of data[0] in the whole buffer */
	bool start, end;    /* startswith and depth need the start; endswith, bsize, absent need the end */
	int direction;
};

/* True: all steps hold. */
bool program_run(struct detect_scratch *s, const struct program *p, const struct program_input *in);
