// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a worker needs to detect: scratch (below) and, in detect.h, the calls of the worker's loop. Keyword files read the
 * scratch to find the packet, flow and transaction under inspection.
 */
#pragma once

#include "detect/signature.h"
#include "flow/shared.h"
#include "flow/stream.h"

enum { DETECT_MAX_VARS = 32, DETECT_MAX_ALERTS = 256 };

enum alert_flag {
	ALERT_STREAM = 1, ALERT_STATE = 2 /* by a transaction or app state */, ALERT_TX = 4, ALERT_FLOW_ACTION = 8 /* action takes the flow */,
	ALERT_RATE_FILTERED = 16, ALERT_SUPPRESSED = 32, ALERT_LOGGED = 64, ALERT_TX_GUESSED = 128,
};

struct alert {
	const struct signature *sig;
	uint32_t number;   /* the signature's, in the engine of this packet: its place in the order */
	uint64_t tx_id;    /* UINT64_MAX: none */
	uint16_t flags;
	uint8_t action;    /* ACTION_… that counts after thresholds; from sig->action at first */
	const struct policy_decision *policy; /* respond/: what decided instead of the rule itself; NULL: nothing did */
	struct bytes context; /* JSON object of what rules and data sets say to it; empty: nothing. Valid while the packet is */
};

/* flowbits, flowints, flowvars of a flow: a small sorted list. detect/flowvars.c */
bool flow_bit_test(const struct flow *f, uint32_t id);
void flow_bit_set(struct flow *f, uint32_t id);
void flow_bit_clear(struct flow *f, uint32_t id);
bool flow_int_get(const struct flow *f, uint32_t id, uint32_t *out);
void flow_int_set(struct flow *f, uint32_t id, uint32_t value);
bool flow_var_get(const struct flow *f, uint32_t id, struct bytes *out);
void flow_var_set(struct flow *f, uint32_t id, struct bytes value);
void flow_vars_clear(struct flow *f); /* texts alone; bits and numbers stay */
void flow_bits_free(struct flow *f);
/* For EVE metadata: calls back with names. */
void flow_bits_each(const struct flow *f, void (*bit)(void *c, uint32_t id), void (*number)(void *c, uint32_t id, uint32_t value),
		    void (*var)(void *c, uint32_t id, struct bytes value), void *context);

/* `tag` of a rule: packets that follow are logged too. */
enum tag_metric { TAG_PACKETS, TAG_SECONDS, TAG_BYTES };
struct rule_tag {
	bool host, dst;
	uint8_t metric;  /* enum tag_metric */
	uint32_t count, gid, sid;
};

struct detect_scratch {
	/* the worker's: starts tagging; stops logging of a flow's transactions (1) or of the flow (2). NULL: not wanted */
	void (*tag)(struct detect_scratch *s, const struct rule_tag *t);
	void (*configure)(struct detect_scratch *s, unsigned what);
	/* under inspection */
	struct packet *packet;
	struct flow *flow;          /* NULL: none */
	struct app_tx *tx;          /* NULL: not of a transaction */
	int direction;
	usec_t now;
	const struct signature *sig;
	uint32_t number;            /* of sig */

	/* of the worker */
	const struct engine *engine;
	struct shared_table *shared;
	struct detect_registry *registry;
	struct stream_engine *streams;
	struct app_worker *app;
	struct counters *counters;

	/* of programs: across one rule */
	uint64_t var[DETECT_MAX_VARS];
	uint32_t recursion, recursion_limit;
	struct bytes base64;        /* what base64_decode found */
	struct buffer base64_buffer, transform_buffer[2];
	void *pcre_match;           /* pcre2_match_data */
	void *pcre_context;         /* match limits */
	struct { uint32_t id; uint8_t kind; struct bytes value; } capture_var[8]; /* pcre captures, set when the rule matches */
	uint8_t n_capture_vars;
	struct buffer capture_buffer[8], pktvar_buffer[16]; /* what their values point into; program_scratch_init … */
	/* what alerts say besides (data sets' values, captures): of the rule that is looked at, and texts of this packet's alerts */
	struct { char key[64]; struct buffer json; } context[8];
	uint8_t n_context;
	struct buffer context_text[8];
	uint8_t n_context_texts;
	struct bytes match_context; /* of the latest match */
	/* pktvars of this packet, for EVE */
	struct { uint32_t id; struct bytes value; } pktvar[16];
	uint8_t n_pktvars;

	/* found: sorted and judged by respond/ */
	struct alert alert[DETECT_MAX_ALERTS];
	unsigned n_alerts, alert_max; /* packet-alert-max */
	uint64_t alerts_discarded;
	/* private to inspect.c */
	void *inspect;
};
