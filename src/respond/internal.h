// SPDX-License-Identifier: GPL-2.0-or-later
/* Private to respond/: what a match is worth once thresholds had their say, and which packets are tagged. */
#pragma once

#include "respond/respond.h"

/* What is left of a match. */
enum judgement {
	JUDGED_NOTHING, /* as if it had not matched */
	JUDGED_SILENT,  /* it acts, but is not logged */
	JUDGED_ALERT,   /* it acts and is logged */
};

/* The lines of threshold.config by the rules they speak of. */
struct threshold_index;
struct threshold_index *threshold_index_new(const struct threshold *first);
void threshold_index_free(struct threshold_index *x);

/*
 * Suppression, then the rule's threshold (a line for its sid stands in its stead; lines for all only where the rule has none), then
 * rate filters, which may change a->action.
 */
enum judgement threshold_judge(const struct threshold_index *x, struct shared_table *shared, struct alert *a, const struct packet *p, usec_t now);

/* ACTION_… bits of a rule's action. */
uint8_t action_bits(enum rule_action action);

/* Counts the packet against the tags of its session and hosts. True: it is tagged. */
bool tags_count(struct shared_table *shared, const struct packet *p, const struct flow *f, usec_t now);
