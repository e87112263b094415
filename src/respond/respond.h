// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From matches to a verdict: the alert queue is walked in order (number, then transaction id descending, none last), thresholds and suppression apply,
 * pass ends the walk, drops and rejects are put on the packet or its flow as the rule's type says, tags are noted.
 */
#pragma once

#include "respond/policy.h"

struct respond_settings {
	struct threshold *thresholds;  /* threshold.config, in order; owned */
	bool ips;                      /* drops and rejects act; otherwise only "would be" */
	bool ids_only;                 /* --ids: nothing is dropped */
	const struct rule_vars *vars;
	uint32_t packet_alert_max;
	struct policy *policy;         /* `respond:`; owned. NULL: not read */
	struct policy_table *table;    /* what it says to the engine's rules; owned. NULL: rules' own actions alone */
};
int respond_settings_read(struct respond_settings *s, struct conf *conf, const struct rule_vars *vars, bool ips, struct rule_set *findings, struct error *error);
/* Once the engine is built: the policy becomes what acts. `e` may be NULL. */
int respond_settings_bind(struct respond_settings *s, const struct engine *e, struct error *error);
void respond_settings_deinit(struct respond_settings *s);

struct responder;
struct responder *responder_new(const struct respond_settings *s, struct shared_table *shared, struct counters *counters);
/* After a reload: from now on by these settings. What was counted stays, by gid and sid. */
void responder_use(struct responder *r, const struct respond_settings *s);
void responder_free(struct responder *r);

/* Somebody is to be blocked: by the worker's thread, before the verdict. */
struct respond_block {
	struct address address; /* the packet's source or destination, as it is seen in the hook: behind NAT the daemon knows better */
	uint8_t len;
	bool dst;
	usec_t lasts;
	const char *why;        /* policy_decision.why */
	const struct alert *alert;
	const struct packet *packet;
	const struct flow *flow; /* NULL: none */
	uint32_t generation;     /* of the rules */
};
struct respond_hooks {
	/* As block_list_add: 0 or more: blocked. Whatever it says the packet and its flow are dropped. */
	int (*block)(void *context, const struct respond_block *b);
	/* The address may never be blocked, says the allow list; once a second at most, `more` were not told. */
	void (*spare)(void *context, const struct respond_block *b, const char *allowed_as, uint64_t more);
	void *context;
};
/* NULL hooks: a block is a drop. */
void responder_on_block(struct responder *r, const struct respond_hooks *hooks);

/*
 * Judges s->alert: what is left in s->alert[0 .. n_alerts) is to be logged, in order (suppressed and noalert ones are gone, but their actions
 * done). Sets p->action, p->drop_reason, the flow's flags, FLOW_ALERTED, counters detect.alert, detect.alerts_suppressed,
 * detect.alert_queue_overflow. Called for every packet, also those that were not inspected: tags are counted here.
 *
 * Without ips (or with ids_only) nothing is dropped and no flow is marked as dropped; `reject` then leaves its bits in p->action
 * (ids_only: not even those).
 */
void respond_packet(struct responder *r, struct detect_scratch *s, struct packet *p);
/* The alert that dropped or rejected the packet of the last respond_packet, logged or not; NULL: none did. */
const struct alert *respond_culprit(const struct responder *r);
/* True if the packet of the last respond_packet is to be logged because its session or host is tagged. */
bool respond_tagged(struct responder *r, const struct packet *p, const struct flow *f, usec_t now);

/* For detect_scratch.tag: starts tagging the packet's session or host. */
void respond_tag(struct detect_scratch *s, const struct rule_tag *t);
