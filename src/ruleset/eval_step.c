// SPDX-License-Identifier: GPL-2.0-or-later
/* Steps: what a rule asks and does. One function a kind, chosen by a table. */
#include "ruleset/eval.h"

#include <linux/netfilter/nf_nat.h>
#include <stdio.h>
#include <string.h>

typedef void step_fn(struct trace *t, const struct step *s, const void *owner, struct verdict *v);

static const uint8_t nothing[1];

static void report(struct trace *t, const struct step *s, bool matched, const uint8_t *value, size_t len)
{
	if (t->o.steps)
		trace_event(t, (struct trace_event){.kind = TRACE_STEP, .step = s, .matched = matched, .known = value != NULL, .value = value, .value_len = len});
}

/* A condition of which nothing is known is taken for one that does not hold; the trace is uncertain then. */
static bool load_for(struct trace *t, const struct step *s, const struct operand *o, uint8_t *value, size_t *len, struct verdict *v)
{
	enum load rc = operand_load(t, o, value, len);
	if (rc == LOAD_OK)
		return true;
	v->code = NFT_BREAK;
	report(t, s, false, NULL, 0);
	if (rc == LOAD_UNKNOWN)
		trace_unknown(t, "what the rule compares is not known");
	return false;
}

static bool compare(uint8_t how, int order)
{
	switch (how) {
	case COMPARE_EQ: return order == 0;
	case COMPARE_NEQ: return order != 0;
	case COMPARE_LT: return order < 0;
	case COMPARE_LTE: return order <= 0;
	case COMPARE_GT: return order > 0;
	default: return order >= 0;
	}
}

static void run_compare(struct trace *t, const struct step *s, const void *owner, struct verdict *v)
{
	uint8_t value[VALUE_MAX];
	size_t len;
	if (!load_for(t, s, s->match.operand, value, &len, v))
		return;
	bool yes = compare(s->compare, memcmp(value, s->match.data, s->match.len));
	report(t, s, yes, value, len);
	if (!yes)
		v->code = NFT_BREAK;
}

static void run_range(struct trace *t, const struct step *s, const void *owner, struct verdict *v)
{
	uint8_t value[VALUE_MAX];
	size_t len;
	if (!load_for(t, s, s->match.operand, value, &len, v))
		return;
	bool in = memcmp(value, s->match.data, s->match.len) >= 0 && memcmp(value, s->match.to, s->match.len) <= 0;
	report(t, s, in != s->inverted, value, len);
	if (in == s->inverted)
		v->code = NFT_BREAK;
}

bool inner_run(struct trace *t, const struct found *f, struct verdict *v)
{
	for (const struct step *s = f->inner; s && v->code == NFT_CONTINUE; s = s->next)
		step_run(t, s, f->owner, v);
	return v->code == NFT_CONTINUE;
}

static void run_lookup(struct trace *t, const struct step *s, const void *owner, struct verdict *v)
{
	uint8_t value[VALUE_MAX];
	size_t len;
	struct found f;
	if (!load_for(t, s, s->lookup.operand, value, &len, v))
		return;
	if (s->lookup.set->left_out) {
		trace_unknown(t, "the elements of set '%s' were not read", s->lookup.set->name);
		v->code = NFT_BREAK;
		return;
	}
	bool in = live_find(t, s->lookup.set, value, &f);
	report(t, s, in != s->inverted, value, len);
	if (in == s->inverted)
		v->code = NFT_BREAK;
	else if (in && s->kind == STEP_VERDICT_MAP)
		*v = f.verdict;
	if (in && f.inner && in != s->inverted) {
		struct verdict inner = {.code = NFT_CONTINUE};
		if (!inner_run(t, &f, &inner))
			v->code = NFT_BREAK;
	}
}

static void run_verdict(struct trace *t, const struct step *s, const void *owner, struct verdict *v)
{
	*v = s->verdict;
}

static void run_write(struct trace *t, const struct step *s, const void *owner, struct verdict *v)
{
	uint8_t value[VALUE_MAX] = {0};
	size_t len;
	if (s->write.operand) {
		enum load rc = operand_load(t, s->write.operand, value, &len);
		if (rc == LOAD_UNKNOWN)
			trace_unknown(t, "what the rule writes is not known: nothing is written");
		if (rc == LOAD_BREAK)
			v->code = NFT_BREAK;
		if (rc != LOAD_OK)
			return;
	}
	bool done = true;
	switch (s->write.target) {
	case WRITE_META: meta_store(t, s->write.key, value); break;
	case WRITE_CT: ct_store(t, s, value); break;
	case WRITE_PAYLOAD: done = payload_store(&t->packet, s, value); break;
	case WRITE_EXTHDR: done = exthdr_store(&t->packet, s, value); break;
	default: done = exthdr_store(&t->packet, s, NULL); break;
	}
	if (!done)
		v->code = NFT_BREAK;
}

static void run_update(struct trace *t, const struct step *s, const void *owner, struct verdict *v)
{
	uint8_t key[VALUE_MAX], data[VALUE_MAX];
	size_t len;
	struct found f = {0};
	if (!load_for(t, s, s->update.key, key, &len, v))
		return;
	if (s->update.data && !load_for(t, s, s->update.data, data, &len, v))
		return;
	if (s->update.op == NFT_DYNSET_OP_DELETE) {
		live_delete(t, s->update.set, key);
		return;
	}
	if (!live_update(t, s, key, s->update.data ? data : NULL, &f)) {
		v->code = NFT_BREAK;
		return;
	}
	struct verdict inner = {.code = NFT_CONTINUE};
	if (!inner_run(t, &f, &inner))
		v->code = NFT_BREAK;
}

/* ---- limits and the like ---- */

static const struct ruleset_object *object_of(const struct trace *t, uint32_t type, const char *name)
{
	for (const struct ruleset_object *o = t->chain ? t->chain->table->objects : NULL; o; o = o->next)
		if (o->type == type && strcmp(o->name, name) == 0)
			return o;
	return NULL;
}

/* The step of a named object of which this one speaks; also through a map of names. The owner is the object then. */
static const struct step *named(struct trace *t, const struct step *s, uint32_t type, const char *name, const void **owner)
{
	if (!name)
		return s;
	const struct ruleset_object *o = object_of(t, type, name);
	*owner = o;
	return o && o->step ? o->step : NULL;
}

static void limit_begin(const struct step *s, struct step_state *l, int64_t now)
{
	uint64_t ns = s->limit.unit * 1000000000u, rate = s->limit.rate ? s->limit.rate : 1;
	uint64_t burst = !s->limit.bytes && !s->limit.burst ? 5 : s->limit.burst;
	l->max = (int64_t)(s->limit.bytes ? (uint64_t)((unsigned __int128)ns * (rate + burst) / rate) : ns / rate * burst);
	l->tokens = l->max;
	l->last = now;
	l->begun = true;
}

/* A bucket of nanoseconds, as nft_limit_eval() has it. */
static void run_limit(struct trace *t, const struct step *s, const void *owner, struct verdict *v)
{
	s = named(t, s, NFT_OBJECT_LIMIT, s->limit.object, &owner);
	struct step_state *l = s ? live_state(t, s, owner) : NULL;
	if (!l) {
		trace_unknown(t, "the limit is not known");
		return;
	}
	int64_t now = t->packet.time * 1000;
	uint64_t rate = s->limit.rate ? s->limit.rate : 1, ns = s->limit.unit * 1000000000u;
	if (!l->begun)
		limit_begin(s, l, now);
	int64_t tokens = l->tokens + (now > l->last ? now - l->last : 0);
	if (tokens > l->max)
		tokens = l->max;
	l->last = now;
	int64_t cost = (int64_t)(s->limit.bytes ? (uint64_t)((unsigned __int128)ns * packet_network_len(&t->packet) / rate) : ns / rate);
	bool below = tokens >= cost;
	l->tokens = below ? tokens - cost : tokens;
	report(t, s, below != s->inverted, nothing, 0);
	if (below == s->inverted)
		v->code = NFT_BREAK;
}

static void run_quota(struct trace *t, const struct step *s, const void *owner, struct verdict *v)
{
	s = named(t, s, NFT_OBJECT_QUOTA, s->quota.object, &owner);
	struct step_state *q = s ? live_state(t, s, owner) : NULL;
	if (!q) {
		trace_unknown(t, "the quota is not known");
		return;
	}
	if (!q->begun) {
		q->begun = true;
		q->used = s->quota.used;
	}
	q->used += packet_network_len(&t->packet);
	bool over = q->used > s->quota.bytes;
	report(t, s, over == s->inverted, nothing, 0);
	if (over != s->inverted)
		v->code = NFT_BREAK;
}

static bool seen_gone(struct trace *t, const struct connection_seen *seen)
{
	int direction;
	struct connection *c = connection_find(&t->connections, &seen->tuple, &direction);
	return !c || (c->tuple[0].proto == IPPROTO_TCP && (c->tcp.state == 7 || c->tcp.state == 8)); /* TIME_WAIT, CLOSE */
}

static void run_connlimit(struct trace *t, const struct step *s, const void *owner, struct verdict *v)
{
	struct step_state *l = live_state(t, s, owner);
	struct connection *c = t->packet.connection;
	struct tuple tuple;
	if (c)
		tuple = c->tuple[0];
	else if (!tuple_of(packet_ip(&t->packet), t->packet.ip, t->packet.zone, &tuple)) {
		v->code = NF_DROP;
		return;
	}
	bool there = false;
	for (struct connection_seen **at = l ? &l->seen : NULL; at && *at;) {
		bool same = memcmp(&(*at)->tuple, &tuple, sizeof tuple) == 0;
		there |= same;
		if (!same && seen_gone(t, *at)) {
			*at = (*at)->next;
			l->n_seen--;
		} else {
			at = &(*at)->next;
		}
	}
	struct connection_seen *n = l && !there ? arena_alloc(&t->live->arena, sizeof *n) : NULL;
	if (n) {
		n->tuple = tuple;
		n->next = l->seen;
		l->seen = n;
		l->n_seen++;
	}
	bool over = l && l->n_seen > s->connlimit.count;
	report(t, s, over == s->inverted, nothing, 0);
	if (over != s->inverted)
		v->code = NFT_BREAK;
}

/* ---- what ends a packet's way, or turns it ---- */

static void run_queue(struct trace *t, const struct step *s, const void *owner, struct verdict *v)
{
	uint32_t number = s->queue.from;
	if (s->queue.operand) {
		uint8_t value[VALUE_MAX];
		size_t len;
		if (operand_load(t, s->queue.operand, value, &len) == LOAD_OK)
			memcpy(&number, value, 4);
		else
			trace_unknown(t, "the number of the queue is not known");
	}
	t->queue_step = s;
	t->queue_number = (uint16_t)number;
	v->code = NF_QUEUE;
}

static void run_reject(struct trace *t, const struct step *s, const void *owner, struct verdict *v)
{
	step_reject(t, s);
	v->code = NF_DROP;
}

static void run_nat(struct trace *t, const struct step *s, const void *owner, struct verdict *v)
{
	step_nat(t, s, v);
}

static void run_notrack(struct trace *t, const struct step *s, const void *owner, struct verdict *v)
{
	struct trace_packet *p = &t->packet;
	if (!p->connection && p->info != CT_UNTRACKED)
		p->info = CT_UNTRACKED;
}

static void run_tproxy(struct trace *t, const struct step *s, const void *owner, struct verdict *v)
{
	const struct trace_packet *p = &t->packet;
	if (!p->has_transport || (p->transport != IPPROTO_TCP && p->transport != IPPROTO_UDP)) {
		v->code = NFT_BREAK;
		return;
	}
	trace_unknown(t, "whether a transparent socket listens is not known: it goes on as if one did");
}

static void run_synproxy(struct trace *t, const struct step *s, const void *owner, struct verdict *v)
{
	const struct trace_packet *p = &t->packet;
	struct bytes ip = packet_ip(p);
	if (!p->has_transport || p->transport != IPPROTO_TCP || p->fragoff || p->thoff + 20 > ip.len) {
		v->code = NFT_BREAK;
		return;
	}
	uint8_t flags = ip.data[p->thoff + 13];
	if (flags & 2) {
		v->code = NF_STOLEN;
	} else if (flags & 16) {
		trace_unknown(t, "whether the client's cookie is right is not known: it goes on as if it were");
		v->code = NF_STOLEN;
	}
}

static void run_forward(struct trace *t, const struct step *s, const void *owner, struct verdict *v)
{
	v->code = NF_STOLEN;
}

static void run_flow_add(struct trace *t, const struct step *s, const void *owner, struct verdict *v)
{
	trace_unknown(t, "later packets of this connection may take the flowtable and miss these chains");
}

static void run_object(struct trace *t, const struct step *s, const void *owner, struct verdict *v)
{
	struct connection *c = t->packet.connection;
	if (c && s->object.type == NFT_OBJECT_CT_HELPER && !(c->status & (IPS_CONFIRMED | IPS_HELPER))) {
		c->status |= IPS_HELPER;
		c->helper = s->object.name;
	}
}

static void run_xt(struct trace *t, const struct step *s, const void *owner, struct verdict *v)
{
	if (!s->xt.meaning) {
		trace_unknown(t, "xt %s '%s' is not understood: it goes on as if it %s", s->kind == STEP_XT_MATCH ? "match" : "target", s->xt.name,
			      s->kind == STEP_XT_MATCH ? "did not match" : "were not there");
		if (s->kind == STEP_XT_MATCH)
			v->code = NFT_BREAK;
		return;
	}
	for (const struct step *i = s->xt.meaning; i && v->code == NFT_CONTINUE; i = i->next)
		step_run(t, i, owner, v);
}

static void run_unknown(struct trace *t, const struct step *s, const void *owner, struct verdict *v)
{
	trace_unknown(t, "statement '%s' is not understood: it goes on as if it were not there", s->name ? s->name : "?");
}

static void run_nothing(struct trace *t, const struct step *s, const void *owner, struct verdict *v)
{
}

static step_fn *const steps[STEPS] = {
	[STEP_COMPARE] = run_compare,
	[STEP_RANGE] = run_range,
	[STEP_LOOKUP] = run_lookup,
	[STEP_VERDICT] = run_verdict,
	[STEP_VERDICT_MAP] = run_lookup,
	[STEP_WRITE] = run_write,
	[STEP_UPDATE] = run_update,
	[STEP_COUNTER] = run_nothing,
	[STEP_LIMIT] = run_limit,
	[STEP_QUOTA] = run_quota,
	[STEP_CONNLIMIT] = run_connlimit,
	[STEP_LAST] = run_nothing,
	[STEP_LOG] = run_nothing,
	[STEP_QUEUE] = run_queue,
	[STEP_REJECT] = run_reject,
	[STEP_NAT] = run_nat,
	[STEP_TPROXY] = run_tproxy,
	[STEP_NOTRACK] = run_notrack,
	[STEP_SYNPROXY] = run_synproxy,
	[STEP_DUP] = run_nothing,
	[STEP_FORWARD] = run_forward,
	[STEP_FLOW_ADD] = run_flow_add,
	[STEP_CT_OBJECT] = run_object,
	[STEP_XT_MATCH] = run_xt,
	[STEP_XT_TARGET] = run_xt,
	[STEP_UNKNOWN] = run_unknown,
};

void step_run(struct trace *t, const struct step *s, const void *owner, struct verdict *v)
{
	(s->kind < STEPS && steps[s->kind] ? steps[s->kind] : run_unknown)(t, s, owner, v);
}
