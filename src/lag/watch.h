// SPDX-License-Identifier: GPL-2.0-or-later
/* While a line is slow: showing it, and ending it when its time is over. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "base/error.h"

/* Leaves a process behind that ends it in time (`lock` is closed there), and a timer of systemd where that runs. What fails is no failure of
 * the start: the elements of the table time out in the kernel anyway; error then has words. */
int lag_watch(const char *device, int lock, struct error *error);
/* What is in force: asked for, packets and bytes of both families, what netem lost, time left, what was there before. */
int lag_show(FILE *out, const char *device, bool json, struct error *error);
/* The same each second on a terminal, with a line of the rates; until interrupted. */
int lag_show_watch(const char *device, struct error *error);
