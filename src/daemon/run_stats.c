// SPDX-License-Identifier: GPL-2.0-or-later
/* The stats record of a live run. */
#include "daemon/run.h"

#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOG_MODULE "run"

typedef uint64_t pair[2];

static size_t count_protocols(void)
{
	size_t n = 0;
	while (app_protocols[n])
		n++;
	return n;
}

struct figures *figures_new(void)
{
	size_t n = count_protocols();
	struct figures *f = xcalloc(1, sizeof *f);
	f->app = (struct app_worker){
		.counters = &f->counters, .flows = xcalloc(n, sizeof(pair)), .txs = xcalloc(n, sizeof(pair)), .errors = xcalloc(n, sizeof(pair)),
		.gap_errors = xcalloc(n, sizeof(pair)), .alloc_errors = xcalloc(n, sizeof(pair)),
	};
	return f;
}

void figures_free(struct figures *f)
{
	if (!f)
		return;
	free(f->app.flows);
	free(f->app.txs);
	free(f->app.errors);
	free(f->app.gap_errors);
	free(f->app.alloc_errors);
	free(f);
}

static void add_pairs(pair *sum, const pair *part, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		sum[i][0] += part[i][0];
		sum[i][1] += part[i][1];
	}
}

static void add_app(struct app_worker *sum, const struct app_worker *w)
{
	size_t n = count_protocols();
	add_pairs(sum->flows, w->flows, n);
	add_pairs(sum->txs, w->txs, n);
	add_pairs(sum->errors, w->errors, n);
	add_pairs(sum->gap_errors, w->gap_errors, n);
	add_pairs(sum->alloc_errors, w->alloc_errors, n);
	sum->failed[0] += w->failed[0];
	sum->failed[1] += w->failed[1];
	sum->memuse += w->memuse;
}

static void add(struct figures *sum, const struct counters *counters, const uint64_t *events, const struct app_worker *app)
{
	for (int i = 0; i < COUNTER_N_; i++)
		sum->counters.value[i] += counters->value[i];
	for (int i = 0; i < EVENT_N_; i++)
		sum->events[i] += events[i];
	add_app(&sum->app, app);
}

static void add_top(struct top_alert top[TOP_ALERTS], uint32_t gid, uint32_t sid, uint64_t count, const char *msg)
{
	unsigned least = 0;
	for (unsigned i = 0; i < TOP_ALERTS; i++) {
		if (top[i].count && top[i].gid == gid && top[i].sid == sid) {
			top[i].count += count;
			return;
		}
		least = top[i].count < top[least].count ? i : least;
	}
	if (count <= top[least].count)
		return;
	top[least] = (struct top_alert){.gid = gid, .sid = sid, .count = count};
	snprintf(top[least].msg, sizeof top[least].msg, "%s", msg ? msg : "");
}

static void note_top(void *context, const struct signature *sig, uint64_t count)
{
	add_top(context, sig->gid, sig->sid, count, sig->msg);
}

void figures_publish(struct live_worker *w)
{
	struct figures *fresh = figures_new();
	struct capture_stats s;
	worker_alerts(w->worker, note_top, fresh->top);
	add(fresh, worker_counters(w->worker), worker_event_counts(w->worker), worker_app(w->worker));
	w->capture->ops->stats(w->capture, &s);
	fresh->counters.value[COUNTER_CAPTURE_KERNEL_PACKETS] += s.received;
	fresh->counters.value[COUNTER_CAPTURE_KERNEL_DROPS] += s.dropped;
	fresh->captured = s.received;
	fresh->lost = s.dropped;
	pthread_mutex_lock(&w->lock);
	struct figures *old = w->published;
	w->published = fresh;
	pthread_mutex_unlock(&w->lock);
	figures_free(old);
}

/* A flood is said once a record of stats, not once a packet. */
static void say_suppressed(const struct figures *sum)
{
	static uint64_t told;
	uint64_t now = sum->counters.value[COUNTER_IPS_RESPOND_DROP_RECORDS_SUPPRESSED];
	if (now > told)
		log_notice("%llu drop records were left out (respond.drop-records); the packets are counted", (unsigned long long)(now - told));
	told = now;
}

struct figures *run_sum_figures(struct live *l)
{
	struct figures *sum = figures_new();
	sum->app.context = l->runtime.app;
	for (unsigned i = 0; i < l->n_workers; i++) {
		struct live_worker *w = &l->worker[i];
		pthread_mutex_lock(&w->lock);
		if (w->published) {
			add(sum, &w->published->counters, w->published->events, &w->published->app);
			for (unsigned k = 0; k < TOP_ALERTS; k++)
				if (w->published->top[k].count)
					add_top(sum->top, w->published->top[k].gid, w->published->top[k].sid, w->published->top[k].count, w->published->top[k].msg);
		}
		pthread_mutex_unlock(&w->lock);
	}
	return sum;
}

void run_worker_capture(struct live_worker *w, uint64_t *packets, uint64_t *lost)
{
	pthread_mutex_lock(&w->lock);
	*packets = w->published ? w->published->captured : 0;
	*lost = w->published ? w->published->lost : 0;
	pthread_mutex_unlock(&w->lock);
}

void run_write_stats(struct live *l, usec_t now)
{
	struct figures *sum = run_sum_figures(l);
	say_suppressed(sum);
	output_stats(l->runtime.outputs, &sum->counters, sum->events, &sum->app, now, l->since);
	figures_free(sum);
}
