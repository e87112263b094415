// SPDX-License-Identifier: GPL-2.0-or-later
/* The detection engine for the worker's loop: engines are built, published and used here. */
#pragma once

#include "detect/run.h"

struct engine_settings { /* detect.*, mpm-algo …, and what decides the cache */
	const char *cache_path;    /* detect.sgh-mpm-caching-path */
	bool cache;                /* detect.sgh-mpm-caching */
	uint32_t recursion_limit;  /* detect.inspection-recursion-limit */
	uint32_t packet_alert_max;
	uint32_t pcre_match_limit, pcre_match_limit_recursion;
	bool guess_applayer_tx;
	bool ips;
	bool stream_inline;
	int default_prefilter;     /* detect.prefilter.default: mpm, auto */
	uint8_t action_rank[RULE_ACTION_N_]; /* action-order: place of each action */
};
int engine_settings_read(struct engine_settings *s, struct conf *conf, bool ips, struct error *error);

struct engine;
struct engine_counts { /* of active rules */
	size_t loaded, evaluated, unsupported, skipped /* by `requires` */, partial, errors, by_type[SIG_TYPE_N_];
	double compile_seconds; size_t database_bytes, databases, databases_from_cache;
};

/*
 * Compiles the active rules of a set. Takes over `rules` (and frees it with the engine). Findings are added to rules->findings. NULL
 * only for lack of memory or a library's failure. May take seconds; any thread but a worker's.
 */
struct engine *engine_new(struct rule_set *rules, const struct engine_settings *s, struct compile_context *ctx, struct error *error);
void engine_free(struct engine *e);
const struct engine_counts *engine_counts_of(const struct engine *e);
struct rule_set *engine_rules(struct engine *e);
uint32_t engine_generation(const struct engine *e);
uint32_t engine_number(const struct engine *e, uint32_t gid, uint32_t sid); /* its place in the order; UINT32_MAX: none */
uint32_t engine_n_signatures(const struct engine *e);
const struct signature *engine_signature(const struct engine *e, uint32_t number); /* number below engine_n_signatures */
const struct signature *engine_find(const struct engine *e, uint32_t gid, uint32_t sid); /* NULL: none */
/* Whether rules ask for digests, file magic, JA3, JA4. */
bool engine_wants(const struct engine *e, const char *what); /* "md5", "sha1", "sha256", "magic", "ja3", "ja4" */

/* One for each worker. `e` may be NULL: no rules; detect_packet then does nothing. */
struct detect_scratch *detect_scratch_new(const struct engine *e, const struct engine_settings *s, struct counters *counters);
/*
 * After a reload, between packets: from now on by these rules, of which flows and transactions learn at their next packet. -ENOMEM: goes on
 * by the old ones.
 */
int detect_scratch_use(struct detect_scratch *s, const struct engine *e);
void detect_scratch_free(struct detect_scratch *s);

/*
 * Runs all rules that concern a packet: packet rules, raw stream, transactions of its direction, protocol-only, decoder events.
 * Fills s->alert (unsorted by action; number order), runs effects (flowbits) as rules match. `flush`: the flow ends, stored bytes and
 * incomplete transactions are looked at a last time.
 */
void detect_packet(struct detect_scratch *s, struct packet *p, usec_t now, bool flush);
/* After respond: tells transactions and streams that this direction was inspected. */
void detect_packet_done(struct detect_scratch *s, struct packet *p);
void detect_tx_release(void *context, struct app_tx *tx); /* for app_hooks */
void detect_flow_release(struct flow *f);                 /* f->bits, f->detect */
