// SPDX-License-Identifier: GPL-2.0-or-later
/* What the running daemon says of itself: to `sluice status` by the control socket, and each second to /run/sluice/status.json. */
#include "daemon/run.h"

#include <errno.h>
#include <fcntl.h>
#include "base/jansson.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/control.h"
#include "daemon/reload.h"

#define LOG_MODULE "run"

static json_t *time_text(usec_t t)
{
	char text[40];
	if (!t)
		return json_null();
	clock_format_iso(t, text);
	return json_text(text);
}

static void set_count(json_t *o, const char *name, uint64_t n)
{
	json_object_set_new(o, name, json_integer((json_int_t)n));
}

/* ---- queues ---- */

struct queue_state {
	uint64_t waiting, dropped_full, dropped_buffer;
};

/* The kernel's own file: queue, port, waiting, mode, range, dropped as full, dropped for lack of buffer. */
static struct queue_state queue_state(const struct live *l)
{
	struct queue_state s = {0};
	unsigned queue, waiting, full, user, first = l->settings.own_table ? l->plan.tcp_queue : l->settings.first_queue;
	FILE *f = fopen("/proc/net/netfilter/nfnetlink_queue", "re");
	while (f && fscanf(f, "%u %*d %u %*u %*u %u %u %*u %*u", &queue, &waiting, &full, &user) == 4)
		if (queue >= first && queue < first + l->settings.n_queues) {
			s.waiting += waiting;
			s.dropped_full += full;
			s.dropped_buffer += user;
		}
	if (f)
		fclose(f);
	return s;
}

/*
 * What failed open because a queue was full the kernel counts nowhere; but our table counts what it sent to the queues. Workers' figures are a second old or more,
 * so what came by now is held against what had been sent some looks ago: at least so many passed by.
 */
static void count_passed_by(struct live *l, const struct queue_state *s, uint64_t captured)
{
	struct passed_by *p = &l->passed_by;
	struct gateway_counts c;
	struct error why;
	if (!l->settings.own_table || !l->loaded || gateway_counts(&c, &why) < 0 || !c.rules)
		return;
	uint64_t *oldest = &p->sent[p->looks % PASSED_BY_LOOKS], before = p->sent[(p->looks + PASSED_BY_LOOKS - 1) % PASSED_BY_LOOKS];
	if (c.queued_packets < before) { /* another table, whose counters begin anew */
		p->captured_base = p->captured;
		p->base = p->packets;
		memset(p->sent, 0, sizeof p->sent);
	}
	uint64_t came = captured - p->captured_base + s->waiting;
	if (*oldest > came && p->base + *oldest - came > p->packets)
		p->packets = p->base + *oldest - came;
	*oldest = c.queued_packets;
	p->captured = captured;
	p->looks++;
}

/* Said when it happens, and while it goes on once a minute. */
static void say_overrun(struct live *l, const struct queue_state *s, uint64_t lost)
{
	enum { AGAIN_SECONDS = 60 };
	usec_t now = clock_monotonic();
	uint64_t all = s->dropped_full + (s->dropped_buffer > lost ? s->dropped_buffer : lost);
	all = all > l->passed_by.packets ? all : l->passed_by.packets;
	if (all <= l->overrun || (l->overrun_said && now < l->overrun_said + AGAIN_SECONDS * USEC_PER_SEC))
		return;
	char text[160];
	snprintf(text, sizeof text, "%llu packets did not fit the queues and %s", (unsigned long long)(all - l->overrun),
		 l->settings.bypass ? "passed without inspection" : "were dropped");
	log_warning("%s", text);
	output_engine(l->runtime.outputs, "queue-overrun", text, 0, clock_real());
	l->overrun = all;
	l->overrun_said = now;
}

static json_t *queues(const struct live *l)
{
	struct queue_state s = queue_state(l);
	unsigned first = l->settings.own_table ? l->plan.tcp_queue : l->settings.first_queue;
	json_t *o = json_object();
	set_count(o, "first", first);
	set_count(o, "number", l->settings.n_queues);
	set_count(o, "waiting", s.waiting);
	set_count(o, "room", (uint64_t)l->settings.n_queues * NFQUEUE_LENGTH);
	set_count(o, "dropped_full", s.dropped_full);
	set_count(o, "dropped_buffer", s.dropped_buffer);
	set_count(o, "passed_by", l->settings.bypass ? l->passed_by.packets : 0);
	return o;
}

/* ---- rules and alerts ---- */

static json_t *rules(const struct live *l)
{
	const struct reload_result *r = reload_last(l);
	json_t *o = json_object();
	set_count(o, "generation", r->generation);
	json_object_set_new(o, "digest", json_text(r->digest));
	set_count(o, "loaded", r->loaded);
	set_count(o, "evaluated", r->evaluated);
	set_count(o, "unsupported", r->unsupported);
	set_count(o, "errors", r->errors);
	json_object_set_new(o, "last_reload", json_pack("{s:b,s:o,s:o}", "ok", r->ok, "when", time_text(r->when), "message", json_text(r->message)));
	return o;
}

static int by_count(const void *a, const void *b)
{
	uint64_t x = ((const struct top_alert *)a)->count, y = ((const struct top_alert *)b)->count;
	return x < y ? 1 : x > y ? -1 : 0;
}

/* What each worker counts most, added up; with the line that would silence it. */
static json_t *top_alerts(const struct figures *sum)
{
	json_t *list = json_array();
	struct top_alert all[TOP_ALERTS * 2];
	memcpy(all, sum->top, sizeof sum->top);
	qsort(all, TOP_ALERTS, sizeof *all, by_count);
	for (unsigned i = 0; i < TOP_ALERTS && all[i].count; i++) {
		char line[96];
		snprintf(line, sizeof line, "suppress gen_id %u, sig_id %u", all[i].gid, all[i].sid);
		json_t *o = json_pack("{s:I,s:I,s:I,s:s}", "gid", (json_int_t)all[i].gid, "sid", (json_int_t)all[i].sid, "count", (json_int_t)all[i].count, "suppress", line);
		if (o)
			json_object_set_new(o, "msg", json_text(all[i].msg));
		json_array_append_new(list, o);
	}
	return list;
}

/* ---- what happens when ---- */

static const char *memcap_words(const struct live *l)
{
	static const char *const words[][2] = {
		{"ignore", "what there is no memory for passes, inspected as far as can be"},
		{"drop-flow", "flows that there is no memory for are dropped"},
		{"drop-packet", "packets that there is no memory for are dropped"},
		{"pass-flow", "flows that there is no memory for pass without inspection"},
		{"pass-packet", "packets that there is no memory for pass without inspection"},
		{"bypass", "flows that there is no memory for are released"},
		{"reject", "flows that there is no memory for are rejected"},
	};
	const char *policy = conf_string(l->runtime.conf, "exception-policy", "auto");
	if (strcmp(policy, "auto") == 0)
		policy = "drop-flow";
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(words[i][0], policy) == 0)
			return words[i][1];
	return policy;
}

static json_t *when_down(const struct live *l)
{
	bool bypass = l->settings.bypass;
	const char *memcap = memcap_words(l);
	return json_pack("{s:s,s:s,s:s,s:s}", "choice", bypass ? "bypass" : "drop", "crash",
			 bypass ? "traffic passes without inspection" : "traffic stops until the next start or `sluice stop`", "overload",
			 bypass ? "what does not fit the queue passes without inspection" : "what does not fit the queue is dropped", "memcap", memcap);
}

static void add_totals(json_t *o, const struct figures *sum)
{
	const uint64_t *v = sum->counters.value;
	set_count(o, "packets", v[COUNTER_DECODER_PKTS]);
	set_count(o, "bytes", v[COUNTER_DECODER_BYTES]);
	set_count(o, "flows", v[COUNTER_FLOW_TOTAL]);
	set_count(o, "alerts", v[COUNTER_DETECT_ALERT]);
	set_count(o, "accepted", v[COUNTER_IPS_ACCEPTED]);
	set_count(o, "dropped", v[COUNTER_IPS_BLOCKED]);
	set_count(o, "rejected", v[COUNTER_IPS_REJECTED]);
	set_count(o, "slowed", v[COUNTER_IPS_RESPOND_SLOWED]);
}

static const char *state_of(const struct live *l)
{
	if (l->hurt_since)
		return "unprotected";
	return l->confirm_timer > 0 ? "unconfirmed" : "running";
}

json_t *run_status(struct live *l)
{
	struct figures *sum = run_sum_figures(l);
	usec_t now = clock_real();
	json_t *o = json_pack("{s:s,s:i,s:s,s:o,s:I}", "state", state_of(l), "pid", (int)getpid(), "version",
			      SLUICE_VERSION, "since", time_text(l->since), "uptime", (json_int_t)((now - l->since) / USEC_PER_SEC));
	json_object_set_new(o, "mode", json_text(l->options->runtime.ids_only ? "ids" : "ips"));
	json_object_set_new(o, "rules", rules(l));
	json_object_set_new(o, "when_down", when_down(l));
	json_object_set_new(o, "queues", queues(l));
	add_totals(o, sum);
	set_count(o, "blocks", l->blocks ? block_list_count(l->blocks) : 0);
	json_object_set_new(o, "table", json_pack("{s:s,s:I,s:f}", "kind", l->settings.own_table ? "own" : "none", "restored", (json_int_t)l->restores,
						  "unprotected_seconds", (double)l->unprotected / USEC_PER_SEC));
	if (l->confirm_timer > 0)
		set_count(o, "confirm_within", (uint64_t)(l->confirm_until > clock_monotonic() ? (l->confirm_until - clock_monotonic()) / USEC_PER_SEC : 0));
	set_count(o, "records_lost", outputs_lost(l->runtime.outputs));
	set_count(o, "control_refused", control_refused(l->control));
	json_object_set_new(o, "top_alerts", top_alerts(sum));
	figures_free(sum);
	return o;
}

/* ---- files ---- */

static int replace_file(const char *path, const json_t *o)
{
	char fresh[300];
	snprintf(fresh, sizeof fresh, "%s.new", path);
	int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	(void)fchmod(fd, 0644); /* for everybody's status line, whatever the umask */
	int r = json_dumpfd(o, fd, JSON_COMPACT);
	close(fd);
	if (r < 0 || rename(fresh, path) < 0) {
		(void)unlink(fresh);
		return -EIO;
	}
	return 0;
}

/* For status lines of ordinary users: small, and never half written. */
void run_write_status(void *context)
{
	struct live *l = context;
	struct figures *sum = run_sum_figures(l);
	struct queue_state q = queue_state(l);
	const uint64_t *v = sum->counters.value;
	count_passed_by(l, &q, v[COUNTER_CAPTURE_KERNEL_PACKETS]);
	uint64_t lost = q.dropped_full + q.dropped_buffer, stopped = v[COUNTER_IPS_BLOCKED] + v[COUNTER_IPS_REJECTED];
	usec_t now = clock_real();
	double seconds = l->status_last ? (double)(now - l->status_last) / USEC_PER_SEC : 0;
	double packets = seconds > 0 ? (double)(v[COUNTER_DECODER_PKTS] - l->status_packets) / seconds : 0;
	double bits = seconds > 0 ? (double)(v[COUNTER_DECODER_BYTES] - l->status_bytes) * 8 / seconds : 0;
	double alerts = seconds > 0 ? (double)(v[COUNTER_DETECT_ALERT] - l->status_alerts) / seconds : 0;
	json_t *o = json_pack("{s:o,s:i,s:s,s:o,s:i,s:f,s:f,s:f,s:I,s:I,s:I,s:I,s:I,s:I}", "time", time_text(now), "pid", (int)getpid(), "state",
			      l->hurt_since ? "unprotected" : l->confirm_timer > 0 ? "unconfirmed" : l->options->runtime.ids_only ? "ids" : "ips", "since",
			      time_text(l->since), "generation", (int)reload_last(l)->generation, "packets_per_second", packets, "bits_per_second", bits,
			      "alerts_per_second", alerts, "queue_waiting", (json_int_t)q.waiting, "queue_room", (json_int_t)l->settings.n_queues * NFQUEUE_LENGTH,
			      "queue_dropped", (json_int_t)lost, "alerts", (json_int_t)v[COUNTER_DETECT_ALERT], "dropped",
			      (json_int_t)stopped, "blocks", (json_int_t)(l->blocks ? block_list_count(l->blocks) : 0));
	say_overrun(l, &q, v[COUNTER_CAPTURE_KERNEL_DROPS]);
	l->status_last = now;
	l->status_packets = v[COUNTER_DECODER_PKTS];
	l->status_bytes = v[COUNTER_DECODER_BYTES];
	l->status_alerts = v[COUNTER_DETECT_ALERT];
	(void)replace_file(RUN_FOLDER "/status.json", o);
	json_decref(o);
	figures_free(sum);
}

void run_write_starting(const struct live *l)
{
	json_t *o = json_pack("{s:o,s:i,s:s}", "time", time_text(clock_real()), "pid", (int)getpid(), "state", "starting");
	(void)l;
	(void)replace_file(RUN_FOLDER "/status.json", o);
	json_decref(o);
}

void run_write_last_exit(const struct live *l, const char *reason, int status)
{
	json_t *o = json_pack("{s:o,s:i,s:o,s:i,s:o}", "time", time_text(clock_real()), "pid", (int)getpid(), "reason", json_text(reason), "status", status, "since",
			      time_text(l->since));
	(void)replace_file(RUN_FOLDER "/last-exit.json", o);
	json_decref(o);
	(void)unlink(RUN_FOLDER "/status.json");
}
