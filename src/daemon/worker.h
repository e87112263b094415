// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One worker: the only place that knows the order of the stages: decode, defragmentation, flow, stream, app, detect, respond,
 * output, prune. Used by one thread.
 */
#pragma once

#include "capture/capture.h"
#include "daemon/runtime.h"

/* State that outlives packets and that rules of several flows touch; one for all workers, a new one for each capture of --each. */
struct state {
	struct shared_table *shared;
};

struct worker;
struct worker *worker_new(struct runtime *r, struct state *state, unsigned index); /* NULL: no memory */
void worker_free(struct worker *w);

/* Inspects a frame and says what shall become of it. Fits capture_ops.read. */
struct capture_verdict worker_frame(void *worker, const struct frame *frame);
/* Time goes on without packets. */
void worker_tick(struct worker *w, usec_t now);
/* The end of input: all flows end at the last time seen. */
void worker_finish(struct worker *w);

/* From now on by another edition's rules; between packets. Flows, streams and what is counted stay. -ENOMEM: it goes on by the old ones. */
int worker_use(struct worker *w, const struct edition *e);

/* Called for every packet that a rule rejects; the live capture sends the answer. NULL: none. */
void worker_on_reject(struct worker *w, void (*reject)(void *context, const struct packet *p), void *context);
/* Called when a policy blocks somebody, by the worker's thread; the hooks are copied. */
void worker_on_block(struct worker *w, const struct respond_hooks *hooks);
/* gateway.mark-mask: verdicts on packets of marked flows carry the mark's bits within it. 0: none do. */
void worker_mark_mask(struct worker *w, uint32_t mask, uint8_t clear);
/*
 * by_kernel: flows that are let go get FLOW_MARK_RELEASED and do not come back, for the kernel accepts what is marked so; else they are bypassed
 * here. when_over (gateway.release: depth): also flows in which nothing can be found any more are let go.
 */
void worker_releases(struct worker *w, bool by_kernel, bool when_over);
/* See stream_on_midstream. */
void worker_on_midstream(struct worker *w, bool (*known)(void *context, const struct packet *p), void *context);
/* The name EVE gives as pcap_filename. */
void worker_capture_name(struct worker *w, const char *name);

struct worker_totals {
	uint64_t packets, bytes, flows, alerts, drops;
	usec_t first, last;
};
void worker_totals(const struct worker *w, struct worker_totals *out);
const struct counters *worker_counters(const struct worker *w);
const uint64_t *worker_event_counts(const struct worker *w);
const struct app_worker *worker_app(const struct worker *w);
/* Calls back for each signature that alerted, with its count. */
void worker_alerts(const struct worker *w, void (*visit)(void *c, const struct signature *sig, uint64_t count), void *context);
