// SPDX-License-Identifier: GPL-2.0-or-later
/* sluice's own engine as the program at the queue of a trace. (Apart from the ruleset's headers, whose names are others.) */
#pragma once

#include "base/bytes.h"
#include "base/clock.h"

struct trace_engine;
/* Compiles the rules; NULL after saying why on standard error. `config` may be NULL. */
struct trace_engine *trace_engine_new(const char *config, const char *rules);
void trace_engine_free(struct trace_engine *e); /* NULL is allowed */
/* What it says of an IP packet; the mark may be changed. */
bool trace_engine_drops(struct trace_engine *e, struct bytes ip, usec_t time, uint32_t *mark);
