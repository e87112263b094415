// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Records: what happened, as EVE JSON lines and fast.log. The worker calls these last for a packet, in the order packet, file
 * data, file, transaction, stream; flow records when flows end. Each worker formats into its own ring; writers take large pieces. A full or
 * vanished folder is said once and counted; the packet path goes on.
 */
#pragma once

#include "detect/detect.h"
#include "respond/respond.h"

struct outputs; /* process-wide: what is on, its files */

struct output_rules { /* for stats.detect.engines */
	struct engine_counts counts;
	usec_t loaded;       /* when; 0: unknown */
	uint32_t generation; /* 0: there are no rules */
	char digest[65];
};

struct output_context { /* what records name */
	const char *log_dir;       /* -l; NULL: default-log-dir */
	bool ips;                  /* inline, or simulated */
	bool live;                 /* run, not replay: drop records only of a flow's first */
	const char *sensor_name;
	struct detect_registry *registry;
	const struct app_context *app;
	const char *const *interfaces; size_t n_interfaces;
	bool pcap_input;
	struct output_rules rules;
};
/* NULL: words (folder missing, unknown option). `none`: no files at all. */
struct outputs *outputs_open(struct conf *conf, const struct output_context *context, bool none, struct error *error);
/* The program's own messages also go where `logging.outputs` names a file. Called once, before anything is worth saying. */
void outputs_open_log(struct conf *conf, const char *log_dir);
/* Each capture of --each: the same outputs into another folder, from scratch. */
int outputs_reopen(struct outputs *o, const char *log_dir, struct error *error);
/* After a reload. By who writes stats. */
void outputs_rules(struct outputs *o, struct output_rules rules);
/* Flushes and closes; 1 if any write failed. */
int outputs_close(struct outputs *o);
bool outputs_want(const struct outputs *o, const char *what); /* "md5", "ja3", "ja4", "flow", … */

struct output_worker;
struct output_worker *output_worker_new(struct outputs *o, struct detect_scratch *detect, struct responder *respond,
					struct stream_engine *streams, struct app_worker *app);
void output_worker_free(struct output_worker *w);

void output_packet(struct output_worker *w, struct packet *p, const char *pcap_file); /* alerts, anomalies of the packet, drop, tagged */
void output_transactions(struct output_worker *w, struct flow *f, struct packet *p, bool flow_ends); /* files, transactions, their anomalies; marks them logged */
void output_flow(struct output_worker *w, struct flow *f, usec_t now);
void output_stats(struct outputs *o, const struct counters *sum, const uint64_t *event_counts, const struct app_worker *app, usec_t now, usec_t since);
/* A "block" record: who was blocked or is no longer, and why (docs/respond.md). `covered`: blocks that the new one took in. Any thread. */
struct block;
void output_block(struct outputs *o, const char *action, const struct block *b, size_t covered, usec_t now);
/* An "engine" record of a live run: "start", "stop", "reload", "reload-failed", "table-restored", "table-moved" … `message` may be NULL. Any thread. */
void output_engine(struct outputs *o, const char *action, const char *message, usec_t unprotected, usec_t now);
/* Of a "stats" record what stands under "stats", appended to `out`; for who asks. */
void output_stats_text(const struct outputs *o, const struct counters *sum, const uint64_t *event_counts, const struct app_worker *app, usec_t now,
		       usec_t since, struct buffer *out);
/* From now on a thread writes, and nobody who has a record waits for a disk; what it cannot write in time is lost and counted. */
int outputs_background(struct outputs *o, struct error *error);
/* Records that could not be written. Any thread. */
uint64_t outputs_lost(const struct outputs *o);
/* Opens all files again by their names, after somebody moved them away (logrotate). Any thread; what waits goes into the old ones. -errno of the first that could not. */
int outputs_reopen_files(struct outputs *o);
