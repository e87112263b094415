// SPDX-License-Identifier: GPL-2.0-or-later
/* The small files beside the rules: classification.config, reference.config, threshold.config. */
#pragma once

#include "rule/rule.h"

struct rule_class {
	const char *name, *description;
	uint32_t priority;
};
struct rule_lists;
/*
 * Files named by classification-file and reference-config-file; without them, or where the configuration names none and the usual ones do
 * not exist, the built-in copies. Wrong lines are findings.
 */
struct rule_lists *rule_lists_read(struct conf *conf, struct rule_set *findings, struct error *error);
void rule_lists_free(struct rule_lists *l);
const struct rule_class *rule_class_find(const struct rule_lists *l, const char *name); /* NULL: unknown */
const char *rule_reference_prefix(const struct rule_lists *l, const char *key);         /* "url" → "http://"; NULL: unknown */

/* threshold and detection_filter of rules, and the lines of threshold.config. */
/* What they mean: respond/threshold.c. */
enum threshold_type { THRESHOLD_LIMIT, THRESHOLD_THRESHOLD, THRESHOLD_BOTH, THRESHOLD_DETECTION_FILTER, THRESHOLD_RATE_FILTER, THRESHOLD_SUPPRESS, THRESHOLD_BACKOFF };
enum threshold_track { TRACK_SRC, TRACK_DST, TRACK_RULE, TRACK_BOTH, TRACK_EITHER, TRACK_FLOW };

struct threshold {
	enum threshold_type type;
	enum threshold_track track;
	uint32_t count, seconds, timeout, multiplier;
	enum rule_action new_action;
	struct address_set addresses; /* suppress: whom; any when not given */
	uint32_t gid, sid;            /* of the line; 0: all */
	uint32_t number;              /* of the line, from 1: what is counted for it has a key of its own */
	struct threshold *next;
};
/*
 * threshold.config, in order of the file: `threshold` and `event_filter`, `rate_filter`, `suppress`. Wrong lines are findings (errors), the rest
 * loads. NULL with an error: the file cannot be read; NULL without: nothing in it. Freed by threshold_list_free.
 */
struct threshold *threshold_file_load(const char *path, const struct rule_vars *v, struct rule_set *findings, struct error *error);
struct threshold *threshold_text_load(struct bytes text, const char *name, const struct rule_vars *v, struct rule_set *findings);
void threshold_list_free(struct threshold *t); /* NULL is allowed */
/* The value of a rule's own keyword: "type limit, track by_src, count 1, seconds 60". -EINVAL with the column in the error. */
int threshold_parse(const char *text, bool detection_filter, struct threshold *out, struct error *error);
