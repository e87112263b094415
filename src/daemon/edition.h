// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An edition: everything that a reload replaces, read from the files as they are at one moment. Workers go from one edition to the next between
 * two packets; an edition is freed when nobody works by it any more. What outlives editions (names of flowbits, data sets, parsed and compiled
 * rules that did not change) belongs to the runtime.
 */
#pragma once

#include "output/output.h"

struct runtime;
struct runtime_options;

/*
 * Over an edition that is made while another one is in force: its memory, and whether it is wanted still. Looked at between parts: rules, each database.
 * What the process takes meanwhile is measured as a whole, so traffic that grows counts too.
 */
struct edition_watch {
	struct load_watch base;
	bool cancelled;            /* atomic: set by anybody; then edition_load fails with -ECANCELED */
	int fd;                    /* of /proc/self/statm; -1: not measured */
	uint64_t before, limit;    /* bytes; limit 0: none */
};
void edition_watch_begin(struct edition_watch *w);
void edition_watch_end(struct edition_watch *w);

struct edition {
	uint32_t generation;       /* 1: what the start loaded */
	char digest[65];           /* SHA-256, hex, over the active rules' texts in order, a newline after each */
	usec_t loaded;             /* when, real time */
	double seconds;            /* how long it took */
	size_t missing;            /* rule files that are named and not there */
	struct conf *conf;
	bool owns_conf;
	struct rule_vars *vars;
	struct rule_lists *lists;
	struct engine_settings engine_settings;
	uint64_t memory_limit;     /* reload.memory-limit: bytes that making it may take; 0: any */
	struct respond_settings respond;
	struct detect_files *files; /* that its rules ask */
	struct engine *engine;     /* NULL: no rules */
	struct rule_set *findings; /* of the files, and of the rules when there is no engine */
};

/*
 * Reads and compiles by `conf`, which is the runtime's own or taken over, also when it fails. What is wrong with rules is no error: engine_counts_of and
 * edition_findings have it. `watch` may be NULL.
 */
struct edition *edition_load(const struct runtime *r, struct conf *conf, struct edition_watch *watch, struct error *error);
/* Calls back for each rule file that options and configuration name, as far as they are there; `text` is the caller's for the call alone. */
void edition_rule_files(const struct runtime_options *o, struct conf *conf, void (*visit)(void *context, const char *path), void *context);
void edition_free(struct edition *e); /* NULL is allowed */
struct output_rules edition_rules(const struct edition *e); /* for the records */
const struct rule_set *edition_findings(const struct edition *e);
size_t edition_errors(const struct edition *e);
/* Prints what is wrong with rules, and logs it; at most 20 of a kind. Returns how many rules are wrong. */
size_t edition_report(const struct edition *e);
/* Keys outside of rules whose values differ, "a.b, c.d": they count from the next start. Returns how many. */
size_t edition_restart_keys(struct conf *old, struct conf *now, struct buffer *out);
