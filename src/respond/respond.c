// SPDX-License-Identifier: GPL-2.0-or-later
/* The walk over a packet's alerts: order, thresholds, actions and their scope. */
#include "respond/internal.h"

#include <errno.h>
#include <stdlib.h>

enum { REJECTS = ACTION_REJECT | ACTION_REJECT_DST | ACTION_REJECT_BOTH };

struct responder {
	const struct respond_settings *settings;
	struct shared_table *shared;
	struct counters *counters;
	struct threshold_index *index;
	usec_t now; /* the newest time seen */
	struct alert culprit;
	bool has_culprit, tagged;
	struct respond_hooks hooks;
	usec_t spared_at;  /* when a spared address was last told */
	uint64_t spared;   /* and how many since were not */
};

static const struct setting rows[] = {
	{.key = "packet-alert-max", .kind = SETTING_U32, .offset = offsetof(struct respond_settings, packet_alert_max), .absent = "15", .min = 1,
	 .max = DETECT_MAX_ALERTS, .help = "alerts that a packet may have; the rest is counted"},
};

int respond_settings_read(struct respond_settings *s, struct conf *conf, const struct rule_vars *vars, bool ips, struct rule_set *findings,
			  struct error *error)
{
	*s = (struct respond_settings){.ips = ips, .vars = vars};
	int status = settings_read(rows, sizeof rows / sizeof *rows, conf, s, error);
	struct conf *file = conf_get(conf, "threshold-file");
	if (status < 0 || !file || !file->value || !*file->value)
		return status;
	struct error reason = {0};
	s->thresholds = threshold_file_load(file->value, vars, findings, &reason);
	/* Suricata goes on without the file too, for installations name one that is not there */
	if (!s->thresholds && reason.text[0])
		rule_set_find_line(findings, FINDING_WARNING, "no-file", NULL, 0, NULL, "threshold-file: %s", reason.text);
	return 0;
}

int respond_settings_bind(struct respond_settings *s, const struct engine *e, struct error *error)
{
	if (!s->policy || !e)
		return 0;
	s->table = policy_table_new(s->policy, e);
	return s->table ? 0 : error_set(error, ENOMEM, "out of memory");
}

void respond_settings_deinit(struct respond_settings *s)
{
	policy_table_free(s->table);
	policy_free(s->policy);
	s->table = NULL;
	s->policy = NULL;
	threshold_list_free(s->thresholds);
	s->thresholds = NULL;
}

struct responder *responder_new(const struct respond_settings *s, struct shared_table *shared, struct counters *counters)
{
	struct responder *r = xcalloc(1, sizeof *r);
	r->settings = s;
	r->shared = shared;
	r->counters = counters;
	r->index = threshold_index_new(s->thresholds);
	return r;
}

void responder_use(struct responder *r, const struct respond_settings *s)
{
	threshold_index_free(r->index);
	r->settings = s;
	r->index = threshold_index_new(s->thresholds);
	r->culprit = (struct alert){0};
	r->has_culprit = r->tagged = false;
}

void responder_on_block(struct responder *r, const struct respond_hooks *hooks)
{
	r->hooks = hooks ? *hooks : (struct respond_hooks){0};
}

void responder_free(struct responder *r)
{
	if (!r)
		return;
	threshold_index_free(r->index);
	free(r);
}

uint8_t action_bits(enum rule_action action)
{
	static const uint8_t bits[RULE_ACTION_N_] = {
		[RULE_ALERT] = ACTION_ALERT, [RULE_PASS] = ACTION_PASS, [RULE_DROP] = ACTION_ALERT | ACTION_DROP,
		[RULE_REJECT] = ACTION_ALERT | ACTION_DROP | ACTION_REJECT, [RULE_REJECT_SRC] = ACTION_ALERT | ACTION_DROP | ACTION_REJECT,
		[RULE_REJECT_DST] = ACTION_ALERT | ACTION_DROP | ACTION_REJECT_DST,
		[RULE_REJECT_BOTH] = ACTION_ALERT | ACTION_DROP | ACTION_REJECT_BOTH, [RULE_CONFIG] = ACTION_CONFIG, [RULE_ACCEPT] = ACTION_ACCEPT,
	};
	return bits[action];
}

/* By number; of one rule the later transaction first, and what belongs to none last. */
static bool comes_before(const struct alert *a, const struct alert *b)
{
	if (a->number != b->number)
		return a->number < b->number;
	if (a->tx_id == UINT64_MAX || b->tx_id == UINT64_MAX)
		return a->tx_id != UINT64_MAX && b->tx_id == UINT64_MAX;
	return a->tx_id > b->tx_id;
}

/* They are few and nearly in order. */
static void sort_alerts(struct alert *a, unsigned n)
{
	for (unsigned i = 1; i < n; i++) {
		struct alert x = a[i];
		unsigned k = i;
		for (; k > 0 && comes_before(&x, &a[k - 1]); k--)
			a[k] = a[k - 1];
		a[k] = x;
	}
}

/* A rule that asks for no more than its header speaks of flows, not of single packets. */
static bool only_header(const struct signature *s)
{
	const uint64_t narrowed = SIG_TO_SERVER | SIG_TO_CLIENT | SIG_ESTABLISHED | SIG_NOT_ESTABLISHED | SIG_STATELESS | SIG_ONLY_STREAM |
				  SIG_NO_STREAM | SIG_NO_FRAG | SIG_ONLY_FRAG | SIG_FLOW_NOT_TO;
	return !s->tests && !s->inspections && !(s->flags & narrowed) && s->hook_state < 0;
}

/* What drop, reject and pass take: the flow, or the packet alone. */
static bool takes_flow(const struct alert *a)
{
	switch (a->sig->type) {
	case SIG_DECODER_EVENT:
		return false;
	case SIG_PACKET:
		return only_header(a->sig);
	case SIG_PACKET_STREAM:
	case SIG_STREAM:
		return a->flags & (ALERT_STREAM | ALERT_STATE);
	default:
		return true;
	}
}

static void drop_packet(struct responder *r, struct packet *p, const struct alert *a, bool flow)
{
	const struct respond_settings *s = r->settings;
	if (!r->has_culprit)
		r->culprit = *a;
	r->has_culprit = true;
	if (!s->ids_only)
		p->action |= a->action & REJECTS;
	if (!s->ips || s->ids_only)
		return;
	packet_drop(p, a->flags & ALERT_RATE_FILTERED ? DROP_RULES_THRESHOLD : DROP_RULES);
	if (flow && p->flow && !(p->flow->flags & FLOW_ACTION_PASS)) {
		p->flow->flags |= FLOW_ACTION_DROP | (a->action & REJECTS ? FLOW_REJECTED : 0);
		p->flow->drop_reason = p->drop_reason;
	}
}

static void pass_packet(struct packet *p, bool flow)
{
	if (p->action & ACTION_DROP)
		return;
	p->action |= ACTION_PASS;
	if (flow && p->flow && !(p->flow->flags & FLOW_ACTION_DROP))
		p->flow->flags |= FLOW_ACTION_PASS;
}

/* ---- what a policy says ---- */

/* The bits of an alert whose rule has got another action. */
static uint8_t policy_bits(const struct policy_decision *d)
{
	static const uint8_t bits[POLICY_ACTION_N_] = {
		[POLICY_DROP] = ACTION_ALERT | ACTION_DROP, [POLICY_REJECT] = ACTION_ALERT | ACTION_DROP | ACTION_REJECT,
		[POLICY_BLOCK_SRC] = ACTION_ALERT | ACTION_DROP, [POLICY_BLOCK_DST] = ACTION_ALERT | ACTION_DROP, [POLICY_RELEASE] = ACTION_ALERT,
		[POLICY_SLOW] = ACTION_ALERT, [POLICY_ALERT_ONLY] = ACTION_ALERT,
	};
	return bits[d->action];
}

static void spare(struct responder *r, const struct respond_block *b, const char *why)
{
	COUNT(r->counters, IPS_RESPOND_BLOCKS_SPARED);
	if (r->spared_at && r->now - r->spared_at < USEC_PER_SEC) {
		r->spared++;
		return;
	}
	if (r->hooks.spare)
		r->hooks.spare(r->hooks.context, b, why, r->spared);
	r->spared_at = r->now;
	r->spared = 0;
}

static void block(struct responder *r, const struct packet *p, const struct alert *a)
{
	const struct policy_decision *d = a->policy;
	bool dst = d->action == POLICY_BLOCK_DST;
	struct respond_block b = {.address = dst ? p->dst : p->src, .dst = dst, .lasts = d->lasts, .why = d->why, .alert = a, .packet = p,
				  .flow = p->flow, .generation = policy_table_generation(r->settings->table)};
	b.len = (uint8_t)(address_len(&b.address) * 8);
	if (!b.len)
		return; /* ARP and the like */
	const char *why = policy_allow_why(r->settings->policy, &b.address, b.len);
	if (why)
		spare(r, &b, why);
	else if (r->hooks.block && r->hooks.block(r->hooks.context, &b) >= 0)
		COUNT(r->counters, IPS_RESPOND_BLOCKS);
	else if (r->hooks.block)
		COUNT(r->counters, IPS_RESPOND_BLOCKS_FAILED);
}

static void mark_flow(struct responder *r, struct flow *f, const struct policy_decision *d, usec_t now)
{
	if (!f || f->flags & FLOW_ACTION_DROP)
		return;
	if (d->action == POLICY_SLOW && f->mark == FLOW_MARK_NONE) {
		f->mark = (uint8_t)(FLOW_MARK_SLOW + d->slow_class);
		f->slow_until = d->lasts ? (uint32_t)((now + d->lasts) / USEC_PER_SEC) : 0;
		COUNT(r->counters, IPS_RESPOND_SLOWED);
	} else if (d->action == POLICY_RELEASE && !f->released) {
		f->mark = FLOW_MARK_RELEASED;
		f->released = FLOW_RELEASED_POLICY;
		COUNT(r->counters, IPS_RESPOND_RELEASED);
	}
}

static void apply_policy(struct responder *r, struct packet *p, const struct alert *a)
{
	const struct policy_decision *d = a->policy;
	bool blocks = d->action == POLICY_BLOCK_SRC || d->action == POLICY_BLOCK_DST;
	if (!r->settings->ips || r->settings->ids_only)
		return;
	if (blocks)
		block(r, p, a);
	else if (d->action == POLICY_SLOW || d->action == POLICY_RELEASE)
		mark_flow(r, p->flow, d, p->time);
}

static void act(struct responder *r, struct packet *p, struct alert *a)
{
	bool flow = takes_flow(a) || (a->policy && (a->policy->action == POLICY_BLOCK_SRC || a->policy->action == POLICY_BLOCK_DST));
	if (flow)
		a->flags |= ALERT_FLOW_ACTION;
	if (a->policy)
		apply_policy(r, p, a);
	if (a->action & (ACTION_DROP | REJECTS))
		drop_packet(r, p, a, flow);
	if (a->action & ACTION_PASS)
		pass_packet(p, flow);
}

/* A rate filter's new action stands: it is the user's word on this very rule. */
static void decide(struct responder *r, struct alert *a, const struct packet *p)
{
	a->action = action_bits(a->sig->action);
	a->policy = r->settings->table ? policy_table_find(r->settings->table, a, &p->src) : NULL;
	if (a->policy)
		a->action = policy_bits(a->policy);
}

/* A filter that turns an alert into a pass keeps it quiet; a rule that passes speaks if `alert` is written. */
static bool is_quiet(const struct alert *a)
{
	return a->sig->flags & SIG_NOALERT || (a->flags & ALERT_RATE_FILTERED && a->action & ACTION_PASS);
}

static unsigned walk(struct responder *r, struct detect_scratch *s, struct packet *p)
{
	unsigned kept = 0;
	for (unsigned i = 0; i < s->n_alerts; i++) {
		struct alert a = s->alert[i];
		decide(r, &a, p);
		enum judgement j = threshold_judge(r->index, r->shared, &a, p, r->now);
		if (a.flags & ALERT_RATE_FILTERED)
			a.policy = NULL;
		if (j != JUDGED_NOTHING)
			act(r, p, &a);
		if (j != JUDGED_ALERT || is_quiet(&a))
			COUNT(r->counters, DETECT_ALERTS_SUPPRESSED);
		else if (kept == r->settings->packet_alert_max)
			COUNT(r->counters, DETECT_ALERT_QUEUE_OVERFLOW);
		else
			s->alert[kept++] = a;
		if (j != JUDGED_NOTHING && a.action & ACTION_PASS)
			break;
	}
	return kept;
}

void respond_packet(struct responder *r, struct detect_scratch *s, struct packet *p)
{
	if (p->time > r->now)
		r->now = p->time;
	r->has_culprit = false;
	if (s->n_alerts) {
		sort_alerts(s->alert, s->n_alerts);
		s->n_alerts = walk(r, s, p);
		COUNT_ADD(r->counters, DETECT_ALERT, s->n_alerts);
		if (s->n_alerts) {
			p->action |= ACTION_ALERT;
			if (p->flow) {
				p->flow->flags |= FLOW_ALERTED;
				p->flow->alert_count += s->n_alerts;
			}
		}
	}
	if (s->alerts_discarded) {
		COUNT_ADD(r->counters, DETECT_ALERT_QUEUE_OVERFLOW, s->alerts_discarded);
		s->alerts_discarded = 0;
	}
	r->tagged = tags_count(r->shared, p, p->flow, r->now);
}

const struct alert *respond_culprit(const struct responder *r)
{
	return r->has_culprit ? &r->culprit : NULL;
}

bool respond_tagged(struct responder *r, const struct packet *p, const struct flow *f, usec_t now)
{
	(void)p, (void)f, (void)now;
	return r->tagged;
}
