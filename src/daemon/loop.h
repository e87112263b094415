// SPDX-License-Identifier: GPL-2.0-or-later
/* The main thread of `run`: file descriptors and timers with their handlers. Nothing here is on the packet path. */
#pragma once

#include <stdbool.h>

#include "base/clock.h"
#include "base/error.h"

struct loop;
struct loop *loop_new(struct error *error);
void loop_free(struct loop *l);
typedef void (*loop_handler)(void *context, int fd, unsigned events /* POLLIN, POLLOUT, … */);
int loop_watch(struct loop *l, int fd, unsigned events, loop_handler handler, void *context); /* a second call changes `events` */
void loop_forget(struct loop *l, int fd); /* allowed inside a handler */
typedef void (*loop_timer)(void *context);
/* Every `interval`; with `once` a single time. Returns an id for loop_timer_stop. */
int loop_timer_start(struct loop *l, usec_t interval, bool once, loop_timer handler, void *context);
void loop_timer_stop(struct loop *l, int id);
/* Has `handler` called in the main thread, soon. From any thread. */
void loop_call(struct loop *l, loop_timer handler, void *context);
/* Runs until loop_end. */
int loop_run(struct loop *l, struct error *error);
void loop_end(struct loop *l);
