// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * `run --confirm`: a process beside the daemon that takes its table away should the daemon die, hang or be killed before somebody confirmed. It has
 * no terminal and ends by itself.
 */
#pragma once

#include "base/clock.h"
#include "base/error.h"

/* Before there are threads, sockets or a table. A descriptor, which the daemon keeps open; -errno. */
int keeper_start(usec_t confirm, struct error *error);
/* The time begins to run now. */
void keeper_ready(int fd);
/* It was confirmed: the keeper ends and leaves everything as it is. */
void keeper_confirmed(int fd);
