// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A thread for what may take long and is nobody's packet: large dumps of the kernel's, waiting for the disk. Errands are done in turn, and reported in the
 * main thread, which is never held up. For the main thread, but for `work`.
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"

struct loop;
struct aside;
struct errand {
	void (*work)(struct errand *e);            /* aside */
	/* In the main thread, after it; `worked` false: the end came before it. May free the errand. */
	void (*done)(struct errand *e, bool worked);
	struct errand *next;                       /* private */
};

struct aside *aside_open(struct loop *loop, struct error *error);
void aside_do(struct aside *a, struct errand *e);
/*
 * After the loop's end: those that wait are given up, the one under way is waited for, not for long. False: it does not end; then what it works with is to
 * be left as it is. NULL is allowed.
 */
bool aside_close(struct aside *a);
