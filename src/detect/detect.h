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

/*
 * What outlives engines so that a reload builds only what changed: compiled rules, by digest of their text and of the settings they were
 * compiled by; databases, by digest of their patterns. Used by one thread at a time; freed after its last engine.
 */
struct part_store;
struct part_store *part_store_new(void);
void part_store_free(struct part_store *store);
/* How much of the latest engine was there before. */
struct part_counts {
	size_t rules, rules_kept, bytes /* of all rules' memory */;
};
struct part_counts part_counts_of(const struct part_store *store);
/*
 * Rules that are loaded into `rules` from now on (rule_file_load …) are compiled one by one, in turn, or taken as they are from the store.
 * `environment` is a digest of all that decides what a rule compiles to but its text. Then engine_of_load makes the engine of them and takes over
 * `rules`; or load_abandon. `digest`: SHA-256 over their texts, a newline after each.
 */
struct load;
struct load *load_begin(struct part_store *store, struct rule_set *rules, struct compile_context *ctx, uint64_t environment);
size_t load_count(const struct load *l);
struct engine *engine_of_load(struct load *l, const struct engine_settings *s, uint8_t digest[32], struct error *error);
void load_abandon(struct load *l);
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
/*
 * Whether no rule can match any more on the flow of the packet that detect_packet has just seen, an established TCP connection, as long as its
 * streams and transactions bring nothing new. Rules on events do not count.
 */
bool detect_flow_is_over(struct detect_scratch *s, const struct packet *p);
void detect_tx_release(void *context, struct app_tx *tx); /* for app_hooks */
void detect_flow_release(struct flow *f);                 /* f->bits, f->detect */
