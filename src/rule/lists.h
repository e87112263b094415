// SPDX-License-Identifier: GPL-2.0-or-later
/* The small files beside the rules: classification.config, reference.config, threshold.config. */
#pragma once

#include "rule/rule.h"

struct rule_class {
	const char *name, *description;
	uint32_t priority;
};
struct rule_lists;
/* Files named by classification-file and reference-config-file; without them the built-in copies. Wrong lines are findings. */
struct rule_lists *rule_lists_read(struct conf *conf, struct rule_set *findings, struct error *error);
void rule_lists_free(struct rule_lists *l);
const struct rule_class *rule_class_find(const struct rule_lists *l, const char *name); /* NULL: unknown */
const char *rule_reference_prefix(const struct rule_lists *l, const char *key);         /* "url" → "http://"; NULL: unknown */

/* threshold and detection_filter of rules, and the lines of threshold.config. */
enum threshold_type { THRESHOLD_LIMIT, THRESHOLD_THRESHOLD, THRESHOLD_BOTH, THRESHOLD_DETECTION_FILTER, THRESHOLD_RATE_FILTER, THRESHOLD_SUPPRESS, THRESHOLD_BACKOFF };
enum threshold_track { TRACK_SRC, TRACK_DST, TRACK_RULE, TRACK_BOTH, TRACK_EITHER, TRACK_FLOW };

struct threshold {
	enum threshold_type type;
	enum threshold_track track;
	uint32_t count, seconds, timeout, multiplier;
	enum rule_action new_action;
	struct address_set addresses; /* suppress: whom; any when not given */
	uint32_t gid, sid;            /* of the line; 0: all */
	struct threshold *next;
};
/* In order of the file. -EINVAL and findings for wrong lines; the rest loads. */
struct threshold *threshold_file_load(const char *path, const struct rule_vars *v, struct rule_set *findings, struct error *error);
/* "type limit, track by_src, count 1, seconds 60". */
int threshold_parse(const char *text, bool detection_filter, struct threshold *out, struct error *error);
