// SPDX-License-Identifier: GPL-2.0-or-later
/* Does every packet that is accepted reach the IPS's queue, and the firewall's decision before? */
#include <linux/netfilter/nf_conntrack_common.h>
#include <stdlib.h>
#include <string.h>

#include "ruleset/check.h"
#include "ruleset/print.h"

enum { MAX_CAUSES = 12 };
static const uint32_t way_hooks[] = {NF_INET_FORWARD, NF_INET_LOCAL_IN, NF_INET_LOCAL_OUT};
static const char *const way_words[] = {[NF_INET_FORWARD] = "forwarded", [NF_INET_LOCAL_IN] = "incoming", [NF_INET_LOCAL_OUT] = "outgoing"};

struct way_check {
	struct check *c;
	struct symbolic *sy;
	uint32_t hook;
	bdd_t start, bypass, rest; /* alive through the whole way */
	struct bdd_roots roots;
	const struct ruleset_rule *hidden; /* a rule behind the queue that would have changed what is queued */
	const struct step *hidden_step;
	bool queue_passed;
};

/* ---- where queue statements are ---- */

/* The way's hooks at which a chain of the family leads to the IPS's queue. */
static bool way_queues(const struct symbolic *sy, uint32_t hook, uint32_t family)
{
	struct symbolic_way way = symbolic_way(hook);
	for (const struct ruleset_table *t = sy->rs->tables; t; t = t->next) {
		if (t->flags & NFT_TABLE_F_DORMANT || (t->family != family && t->family != NFPROTO_INET))
			continue;
		for (const struct ruleset_chain *c = t->chains; c; c = c->next)
			for (uint32_t i = 0; c->type && i < way.n; i++)
				if (c->hook == way.hook[i] && sy->chain[c->number].queues)
					return true;
	}
	return false;
}

static const struct ruleset_rule *first_queue_rule(const struct symbolic *sy, const struct step **step)
{
	for (const struct ruleset_table *t = sy->rs->tables; t; t = t->next)
		for (const struct ruleset_chain *c = t->chains; c; c = c->next)
			for (const struct ruleset_rule *r = c->rules; r; r = r->next)
				if (symbolic_queues(sy, r, step))
					return r;
	return NULL;
}

/* ---- past the queue ---- */

static bool good_bypass(const struct witness *w)
{
	return w->accepted && !w->queued;
}

static const char *directions(struct symbolic *sy, bdd_t set)
{
	bdd_t known = symbolic_state(sy, 2 | 4);
	bool first = bdd_meet(&sy->b, set, symbolic_direction(sy, false)), reply = bdd_meet(&sy->b, bdd_and(&sy->b, set, known), symbolic_direction(sy, true));
	return first && reply ? "in both directions" : reply ? "replies alone" : "in the first direction alone";
}

static enum check_code left_out_by(const struct step *s)
{
	const struct operand *o = s->kind == STEP_COMPARE || s->kind == STEP_RANGE ? s->match.operand : s->kind == STEP_LOOKUP || s->kind == STEP_VERDICT_MAP ?
		s->lookup.operand : NULL;
	if (!o || o->source != SOURCE_META)
		return CLASS_LEFT_OUT;
	switch (o->key.key) {
	case NFT_META_IIF:
	case NFT_META_IIFNAME:
	case NFT_META_OIF:
	case NFT_META_OIFNAME:
		return INTERFACE_LEFT_OUT;
	case NFT_META_NFPROTO:
	case NFT_META_PROTOCOL:
		return FAMILY_LEFT_OUT;
	default:
		return CLASS_LEFT_OUT;
	}
}

static enum check_code cause_of(const struct symbolic *sy, const struct witness *w)
{
	if (w->other_queue)
		return OTHER_QUEUE;
	if (w->untracked)
		return NOTRACK_SKIPS_QUEUE;
	if (!w->passed_step)
		return w->passed_by ? ACCEPT_BEFORE_QUEUE : CLASS_LEFT_OUT;
	enum check_code code = left_out_by(w->passed_step);
	return code == FAMILY_LEFT_OUT && sy->family == NFPROTO_IPV6 ? IPV6_TWIN_MISSING : code;
}

/* Those that pass for the same reason. */
static bdd_t same_cause(struct symbolic *sy, const struct witness *w, enum check_code code)
{
	struct bdd *b = &sy->b;
	if (code == NOTRACK_SKIPS_QUEUE)
		return symbolic_state(sy, NF_CT_STATE_UNTRACKED_BIT);
	if (w->other_queue)
		return symbolic_rule(sy, w->other_queue);
	if (!w->passed_by)
		return BDD_TRUE;
	if (!w->passed_step)
		return symbolic_rule(sy, w->passed_by);
	if (w->passed_step->kind == STEP_VERDICT_MAP || !symbolic_is_match(w->passed_step))
		return bdd_not(b, symbolic_rule(sy, w->passed_by));
	return bdd_not(b, symbolic_step(sy, w->passed_step));
}

static const struct ruleset_rule *notrack_rule(const struct witness *w)
{
	for (size_t i = 0; i < w->n_path; i++)
		if (w->path[i].rule && strcmp(w->path[i].what, "notrack") == 0)
			return w->path[i].rule;
	return w->passed_by;
}

static void tell_bypass(struct way_check *k, struct witness *w, bdd_t cause)
{
	struct symbolic *sy = k->sy;
	enum check_code code = cause_of(sy, w);
	const struct ruleset_rule *r = code == OTHER_QUEUE ? w->other_queue : code == NOTRACK_SKIPS_QUEUE ? notrack_rule(w) : w->passed_by;
	const char *family = sy->family == NFPROTO_IPV4 ? "IPv4" : "IPv6";
	struct finding *f;
	if (r)
		f = check_add(k->c, code, r, "%s %s packets are accepted and never reach the queue, %s", way_words[k->hook], family, directions(sy, cause));
	else
		f = check_add_chain(k->c, code, w->passed ? w->passed : w->end_chain, "%s %s packets are accepted and never reach the queue, %s", way_words[k->hook], family,
				    directions(sy, cause));
	if (f && code != NOTRACK_SKIPS_QUEUE && code != OTHER_QUEUE)
		f->step = w->passed_step;
	check_witness(f, w, sy->family, k->hook);
}

/* One cause after the other, each taken away before the next is looked for. */
static void find_bypasses(struct way_check *k)
{
	struct symbolic *sy = k->sy;
	for (int i = 0; i < MAX_CAUSES && k->bypass != BDD_FALSE && bdd_room(&sy->b, 1 << 18); i++) {
		struct witness w = {0};
		bool found = witness_find(sy, k->hook, k->start, k->bypass, good_bypass, &w);
		if (!found) {
			struct finding *f = check_add_chain(k->c, CLASS_LEFT_OUT, w.end_chain,
				"%s packets may be accepted and not reach the queue, after they were changed on their way",
							    way_words[k->hook]);
			check_witness(f, &w, sy->family, k->hook);
			witness_free(&w);
			return;
		}
		enum check_code code = cause_of(sy, &w);
		bdd_t all = same_cause(sy, &w, code), cause = bdd_and(&sy->b, k->bypass, all);
		tell_bypass(k, &w, cause == BDD_FALSE ? k->bypass : cause);
		bdd_t rest = bdd_minus(&sy->b, k->bypass, all);
		if (rest == k->bypass)
			return;
		k->bypass = rest;
		witness_free(&w);
	}
}

/* No chain of this family on this way queues, though one of the other family does. */
static void tell_family(struct way_check *k)
{
	struct symbolic *sy = k->sy;
	const struct step *step = NULL;
	const struct ruleset_rule *r = first_queue_rule(sy, &step);
	bool v6 = sy->family == NFPROTO_IPV6;
	struct witness w = {0};
	if (k->bypass == BDD_FALSE || !r)
		return;
	bool found = witness_find(sy, k->hook, k->start, k->bypass, good_bypass, &w);
	struct finding *f = check_add(k->c, v6 ? IPV6_TWIN_MISSING : FAMILY_LEFT_OUT, r, "%s %s packets are accepted, and no chain that they meet queues them",
		way_words[k->hook],
				      v6 ? "IPv6" : "IPv4");
	(void)found;
	check_witness(f, &w, sy->family, k->hook);
	witness_free(&w);
}

/* ---- before the decision ---- */

static bool good_dropped(const struct witness *w)
{
	return w->queued && !w->accepted;
}

static void note_effect(void *context, struct symbolic *sy, const struct ruleset_rule *r, const struct step *s, bdd_t set)
{
	struct way_check *k = context;
	if (s->kind == STEP_FLOW_ADD || s->kind == STEP_QUEUE || k->hidden)
		return;
	if (bdd_meet(&sy->b, set, bdd_var(&sy->b, LEVEL_QUEUED, true))) {
		k->hidden = r;
		k->hidden_step = s;
	}
}

static const struct ruleset_rule *queue_rule_of(const struct witness *w)
{
	for (size_t i = 0; i < w->n_path; i++)
		if (w->path[i].rule && strcmp(w->path[i].what, "queue") == 0)
			return w->path[i].rule;
	return NULL;
}

static void tell_decision(struct way_check *k, bdd_t dropped, const struct ruleset_chain *chain)
{
	struct witness w = {0};
	bool found = witness_find(k->sy, k->hook, k->start, dropped, good_dropped, &w);
	const struct ruleset_rule *q = found ? queue_rule_of(&w) : NULL;
	struct finding *f;
	if (q && w.end_rule)
		f = check_add(k->c, QUEUE_BEFORE_DECISION, q, "the queue takes packets that rule %u of chain %s would drop; what the IPS accepts is accepted",
			w.end_rule->index,
			      w.end_rule->chain->name);
	else if (q)
		f = check_add(k->c, QUEUE_BEFORE_DECISION, q, "the queue takes packets that the policy of chain %s would drop; what the IPS accepts is accepted", chain->name);
	else
		f = check_add_chain(k->c, QUEUE_BEFORE_DECISION, chain, "the queue takes packets that this chain would drop");
	check_witness(f, &w, k->sy->family, k->hook);
	witness_free(&w);
}

static void tell_hidden(struct way_check *k, const struct ruleset_chain *chain)
{
	char text[200] = "";
	FILE *f = fmemopen(text, sizeof text, "w");
	if (f) {
		ruleset_print_rule(f, k->sy->rs, k->hidden);
		fclose(f);
		text[sizeof text - 1] = 0;
	}
	for (const struct ruleset_rule *r = chain->rules; r; r = r->next)
		if (symbolic_queues(k->sy, r, NULL)) {
			check_add(k->c, QUEUE_HIDES_RULES, r, "rule %u of chain %s, `%s`, does not run for packets that are queued", k->hidden->index,
				k->hidden->chain->name, text);
			return;
		}
	check_add_chain(k->c, QUEUE_HIDES_RULES, chain, "rule %u of chain %s, `%s`, does not run for packets that are queued", k->hidden->index, k->hidden->chain->name, text);
}

/*
 * The chain once more, as if the queue statement were not there. If all that is queued were dropped then, the statement stands for the decision itself
 * (`… queue; drop`); if some is dropped and some accepted, rules behind it would have decided.
 */
static void what_if(struct way_check *k, const struct ruleset_chain *chain, bdd_t in)
{
	struct symbolic *sy = k->sy;
	struct {
		bdd_t in;
		struct fates out;
	} mine = {.in = bdd_and(&sy->b, in, bdd_var(&sy->b, LEVEL_QUEUED, false))};
	struct bdd_roots roots;
	struct symbolic_hooks saved = sy->hooks;
	sy->hooks = (struct symbolic_hooks){.effect = note_effect, .context = k};
	sy->queue_continues = true;
	k->hidden = NULL;
	bdd_push(&sy->b, &roots, (const bdd_t *)&mine, sizeof mine / sizeof(bdd_t));
	symbolic_walk_base(sy, chain, mine.in, &mine.out);
	bdd_t queued = bdd_var(&sy->b, LEVEL_QUEUED, true), dropped = bdd_and(&sy->b, mine.out.set[FATE_DROP], queued);
	bool mixed = bdd_meet(&sy->b, mine.out.set[FATE_ACCEPT], queued);
	sy->hooks = saved;
	if (dropped != BDD_FALSE && mixed && !sy->gave_up)
		tell_decision(k, dropped, chain);
	if (k->hidden)
		tell_hidden(k, chain);
	sy->queue_continues = false;
	bdd_pop(&sy->b);
}

static void visit_base(void *context, struct symbolic *sy, const struct ruleset_chain *chain, bdd_t in, const struct fates *out)
{
	struct way_check *k = context;
	bdd_t queued = bdd_var(&sy->b, LEVEL_QUEUED, true), late = bdd_and(&sy->b, in, queued);
	bdd_t dropped = bdd_and(&sy->b, out->set[FATE_DROP], queued);
	if (late != BDD_FALSE && dropped != BDD_FALSE && strcmp(chain->table->name, "sluice") != 0) {
		struct witness w = {0};
		bool found = witness_find(sy, k->hook, k->start, dropped, good_dropped, &w);
		const struct ruleset_rule *q = found ? queue_rule_of(&w) : NULL;
		struct finding *f = q ? check_add(k->c, QUEUE_BEFORE_FIREWALL, q, "what is queued here can be dropped later, in chain %s of table %s", chain->name,
			chain->table->name) : NULL;
		check_witness(f, &w, sy->family, k->hook);
		witness_free(&w);
	}
	if (sy->chain[chain->number].queues && !sy->gave_up)
		what_if(k, chain, in);
}

/* ---- flowtables ---- */

static void visit_effect(void *context, struct symbolic *sy, const struct ruleset_rule *r, const struct step *s, bdd_t set)
{
	struct way_check *k = context;
	if (s->kind != STEP_FLOW_ADD || k->hook != NF_INET_FORWARD)
		return;
	struct witness w = {0};
	witness_pick(sy, set, &w);
	struct finding *f = check_add(k->c, FLOWTABLE_SKIPS_QUEUE, r,
		"once a flow is in flowtable %s, its packets skip the chains of the hook forward and never reach the queue, in both directions",
				      s->flow_add.flowtable);
	if (f)
		f->step = s;
	check_witness(f, &w, sy->family, k->hook);
}

/* ---- a way ---- */

static void check_way(struct check *c, struct symbolic *sy, uint32_t hook)
{
	struct way_check k = {.c = c, .sy = sy, .hook = hook};
	uint32_t other = sy->family == NFPROTO_IPV4 ? NFPROTO_IPV6 : NFPROTO_IPV4;
	bool here = way_queues(sy, hook, sy->family), there = way_queues(sy, hook, other);
	if (!here && !there && !(c->o->hooks & 1u << hook))
		return;
	bdd_push(&sy->b, &k.roots, &k.start, 3);
	k.start = symbolic_way_start(sy, hook);
	sy->hooks = (struct symbolic_hooks){.effect = visit_effect, .context = &k};
	bdd_t end = symbolic_walk_way(sy, hook, k.start, visit_base, &k);
	sy->hooks = (struct symbolic_hooks){0};
	k.bypass = sy->gave_up ? BDD_FALSE : bdd_minus(&sy->b, end, bdd_var(&sy->b, LEVEL_QUEUED, true));
	if (k.bypass == BDD_FALSE && !sy->gave_up)
		buffer_printf(&c->proved, "%s %s packets: every one that is accepted is queued\n", way_words[hook], sy->family == NFPROTO_IPV4 ? "IPv4" : "IPv6");
	else if (here)
		find_bypasses(&k);
	else if (there)
		tell_family(&k);
	bdd_pop(&sy->b);
}

void check_queue_ways(struct check *c, struct symbolic *sy)
{
	if (!first_queue_rule(sy, NULL)) {
		if (c->o->queue_given && sy->family == NFPROTO_IPV4)
			check_add(c, QUEUE_MISSING, NULL, "no rule queues to %u-%u", c->o->queue_from, c->o->queue_to);
		return;
	}
	for (size_t i = 0; i < sizeof way_hooks / sizeof *way_hooks && !sy->gave_up; i++)
		if (!c->o->hooks || c->o->hooks & 1u << way_hooks[i])
			check_way(c, sy, way_hooks[i]);
}

/* ---- the statements themselves ---- */

static void check_statement(struct check *c, const struct ruleset_rule *r, const struct step *s)
{
	struct finding *f = NULL;
	if (s->queue.flags & NFT_QUEUE_FLAG_CPU_FANOUT && (s->queue.to != s->queue.from || s->queue.operand))
		f = check_add(c, FANOUT_SPLITS_FLOWS, r, "queues %u-%u by CPU: an engine that sees a part of a flow cannot follow it", s->queue.from, s->queue.to);
	if (f)
		f->step = s;
	if (!(s->queue.flags & NFT_QUEUE_FLAG_BYPASS))
		f = check_add(c, BYPASS_MISSING, r, "when nobody listens to queue %u, every packet of this rule is dropped", s->queue.from);
	if (f)
		f->step = s;
}

void check_queue_statements(struct check *c)
{
	for (const struct ruleset_table *t = c->rs->tables; t; t = t->next)
		for (const struct ruleset_chain *ch = strcmp(t->name, "sluice") == 0 ? NULL : t->chains; ch; ch = ch->next)
			for (const struct ruleset_rule *r = ch->rules; r; r = r->next) {
				const struct step *s = check_find_step(r, STEP_QUEUE, NULL);
				if (s && check_is_ips(c, s))
					check_statement(c, r, s);
			}
}

/* ---- ICMPv6 that IPv6 cannot do without ---- */

static bool passes(struct symbolic *sy, uint32_t hook, uint8_t type, uint32_t states)
{
	struct operand transport = symbolic_payload(NFT_PAYLOAD_TRANSPORT_HEADER), proto = symbolic_key(SOURCE_META, NFT_META_L4PROTO);
	uint8_t icmpv6 = 58;
	struct bdd *b = &sy->b;
	bdd_t set = bdd_and(b, symbolic_way_start(sy, hook), symbolic_equals(sy, &proto, 0, &icmpv6, 1));
	set = bdd_and(b, bdd_and(b, set, symbolic_equals(sy, &transport, 0, &type, 1)), symbolic_state(sy, states));
	if (set == BDD_FALSE || sy->gave_up)
		return true;
	return symbolic_walk_way(sy, hook, set, NULL, NULL) != BDD_FALSE || sy->gave_up;
}

static const struct ruleset_chain *dropping_chain(const struct symbolic *sy, uint32_t hook)
{
	for (const struct ruleset_table *t = sy->rs->tables; t; t = t->next)
		for (const struct ruleset_chain *c = symbolic_has_table(sy, t) ? t->chains : NULL; c; c = c->next)
			if (c->type && c->hook == hook && (c->policy == NF_DROP || c->n_rules))
				return c;
	return NULL;
}

void check_icmpv6(struct check *c, struct symbolic *sy)
{
	static const struct {
		uint32_t hook;
		uint8_t type;
		uint32_t states;
		enum check_code code;
		const char *what;
	} needed[] = {
		{NF_INET_LOCAL_IN, 135, 64, ND_DROPPED, "neighbour solicitations (icmpv6 type 135) are dropped on input"},
		{NF_INET_LOCAL_IN, 136, 64, ND_DROPPED, "neighbour advertisements (icmpv6 type 136) are dropped on input"},
		{NF_INET_LOCAL_OUT, 135, 64, ND_DROPPED, "neighbour solicitations (icmpv6 type 135) are dropped on output"},
		{NF_INET_LOCAL_OUT, 136, 64, ND_DROPPED, "neighbour advertisements (icmpv6 type 136) are dropped on output"},
		{NF_INET_LOCAL_IN, 2, 4, PMTU_DROPPED, "packet-too-big (icmpv6 type 2) is dropped on input"},
		{NF_INET_FORWARD, 2, 4, PMTU_DROPPED, "packet-too-big (icmpv6 type 2) is dropped on its way through"},
	};
	for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
		const struct ruleset_chain *chain = dropping_chain(sy, needed[i].hook);
		if (!chain || passes(sy, needed[i].hook, needed[i].type, needed[i].states))
			continue;
		check_add_chain(c, needed[i].code, chain, "%s", needed[i].what);
	}
}
