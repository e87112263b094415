// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Private to the engine (engine.c, order.c, prefilter.c, inspect*.c): how signatures are held and found.
 *
 * A signature with a fast pattern becomes a candidate when its pattern is seen in its buffer; the others stand in short
 * lists, one for each point at which detection runs. Candidates are then checked whole, in the order of their numbers.
 */
#pragma once

#include "detect/detect.h"
#include "detect/group.h"
#include "detect/keywords.h"

#include <hs.h>

enum { PREFILTER_DIRECTIONS = 2 };

/* A set of patterns scanned together: those of one buffer (with its transforms), direction, and for payloads protocol. */
struct prefilter {
	unsigned buffer;
	const struct transform_chain *transforms;
	uint8_t direction;         /* TO_SERVER, TO_CLIENT */
	bool stream;               /* BUFFER_PAYLOAD: the raw stream, not the packet */
	bool udp;                  /* BUFFER_PAYLOAD: of what is not TCP */
	uint16_t sport, dport;     /* BUFFER_PAYLOAD: the port sets of its signatures (group.h) */
	hs_database_t *database;
	uint32_t n_patterns, longest;
	uint32_t *first;           /* per pattern: where its signatures start in `sigs`; one more at the end */
	uint32_t *sigs;            /* numbers */
	struct prefilter *next;    /* all of an engine, and of one point */
	struct pattern_list *building;
};

struct number_list {
	uint32_t *number;
	size_t n, room;
};

/* What a protocol has for one direction: its buffers' prefilters, and the signatures without a pattern. */
struct app_point {
	struct app_source {
		const struct app_keyword *keyword;
		struct prefilter *prefilter;
	} *source;
	size_t n_sources;
	struct number_list plain;
	bool any;                  /* at least one signature */
};

struct engine {
	struct transform_chain *chains; /* their expressions are freed with it */
	struct engine_settings settings;
	struct rule_set *rules;
	struct engine_counts counts;
	uint32_t generation;
	struct signature **sig;    /* by number */
	uint32_t n_sigs;
	struct prefilter *prefilters;
	struct number_list decoder, pd_only[2];
	struct number_list plain[2][3]; /* packets without a pattern: direction × TCP, UDP, other */
	struct group_tables tables;
	struct app_point (*app)[2];   /* by row of app_protocols */
	size_t n_app;
	const struct app_keyword ***rows; /* [protocol][buffer - BUFFER_APP] */
	hs_scratch_t *scratch;     /* prototype: workers clone it */
	uint64_t wants;            /* SIG_WANT_* of all */
	bool want_ja3, want_ja4;
};

void number_list_add(struct number_list *l, uint32_t number);

/* order.c */
enum signature_type signature_type_of(const struct signature *s);
/* Sorts into the order of evaluation and numbers them. */
void signatures_number(struct signature **sig, uint32_t n, const uint8_t rank[RULE_ACTION_N_]);

/* prefilter.c */
struct prefilter *prefilter_get(struct engine *e, const struct prefilter *like);
void prefilter_add(struct prefilter *p, const struct signature *s);
int prefilters_compile(struct engine *e, struct error *error);
void prefilters_free(struct engine *e);

/* One for each worker. */
struct inspect {
	hs_scratch_t *scratch;
	uint32_t *seen;            /* by number: the round in which it became a candidate */
	uint32_t round;
	uint32_t *candidate;
	size_t n_candidates, room;
	struct group_cache *groups;
	const struct rule_group *group; /* of the packet at hand */
	/* the packet's own state */
	bool matched_stream;       /* the match at hand came from the raw stream */
	struct stream_chunk chunk;
	uint64_t fresh;
	bool has_chunk;
};
static inline struct inspect *inspect_of(struct detect_scratch *s)
{
	return s->inspect;
}
void inspect_begin(struct inspect *in);
void inspect_add(struct inspect *in, uint32_t number);
void inspect_sort(struct inspect *in);
/* Scans and adds the candidates of what is found. */
void prefilter_scan(const struct prefilter *p, struct inspect *in, struct bytes data);

/* inspect.c */
bool header_matches(const struct detect_scratch *s, const struct signature *sig);
bool tests_hold(struct detect_scratch *s, const struct signature *sig);
bool payload_holds(struct detect_scratch *s, const struct signature *sig);
void match_take(struct detect_scratch *s, const struct signature *sig, const struct app_tx *tx, unsigned flags);

/* inspect_tx.c */
void inspect_transactions(struct detect_scratch *s, bool flush);
/* Nothing of this direction is new any more. */
void inspect_transactions_done(struct app_flow *a, int direction);
