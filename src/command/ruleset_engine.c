// SPDX-License-Identifier: GPL-2.0-or-later
#include "command/ruleset_engine.h"

#include <stdio.h>
#include <stdlib.h>

#include "daemon/worker.h"

enum { LINK_RAW = 12 /* as the queue's captures have it */ };

struct trace_engine {
	struct runtime_options options;
	struct runtime runtime;
	struct state state;
	struct worker *worker;
	uint64_t number;
};

struct trace_engine *trace_engine_new(const char *config, const char *rules)
{
	struct trace_engine *e = xcalloc(1, sizeof *e);
	struct error error = {0};
	e->options = (struct runtime_options){.config = config, .rules_only = rules, .no_output = true, .ips = true, .checksums = 0, .seed = 0x51u};
	if (runtime_init(&e->runtime, &e->options, &error)) {
		fprintf(stderr, "sluice: %s\n", error.text);
		free(e);
		return NULL;
	}
	e->state.shared = shared_new(e->runtime.host_memcap, e->options.seed);
	e->worker = e->state.shared ? worker_new(&e->runtime, &e->state, 0) : NULL;
	if (e->worker)
		return e;
	fputs("sluice: out of memory\n", stderr);
	shared_free(e->state.shared);
	runtime_deinit(&e->runtime);
	free(e);
	return NULL;
}

void trace_engine_free(struct trace_engine *e)
{
	if (!e)
		return;
	worker_finish(e->worker);
	worker_free(e->worker);
	shared_free(e->state.shared);
	runtime_deinit(&e->runtime);
	free(e);
}

bool trace_engine_drops(struct trace_engine *e, struct bytes ip, usec_t time, uint32_t *mark)
{
	struct frame f = {.bytes = ip, .wire_len = (uint32_t)ip.len, .link_type = LINK_RAW, .time = time, .number = ++e->number};
	struct capture_verdict v = worker_frame(e->worker, &f);
	if (v.set_mark)
		*mark = (*mark & ~v.mark_mask) | (v.mark & v.mark_mask);
	return v.verdict == VERDICT_DROP;
}
