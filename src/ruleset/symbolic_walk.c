// SPDX-License-Identifier: GPL-2.0-or-later
/* Sets of packets through rules, chains and hooks. */
#include <linux/netfilter/nf_conntrack_common.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "ruleset/symbolic.h"

enum { MAX_DEPTH = 64, ROOM = 1 << 17, MAX_STATIONS = 256, MAX_TARGETS = 4096 };

/* A walk through one chain. What lives across rules stands here, for the collector. */
struct walk {
	struct symbolic *sy;
	const struct ruleset_chain *chain;
	unsigned depth;
	bool hooks;
	struct {
		bdd_t rest;	   /* packets before the next rule */
		bdd_t fate[FATES]; /* what became of others */
		bdd_t began;	   /* `rest` when a run of plain rules began */
		bdd_t run[FATES];  /* what became of packets in it; the accepted are the others */
		bdd_t current, missed, at; /* of this rule: those that came so far, those that it let go, those at a step */
		bdd_t jumped[FATES];
	} s;
	bool running;
	struct bdd_roots roots;
};

static void walk_chain(struct symbolic *sy, const struct ruleset_chain *c, bdd_t in, struct fates *out, unsigned depth, bool hooks);

static bool have_room(struct symbolic *sy, const struct ruleset_chain *c)
{
	if (sy->gave_up)
		return false;
	if (bdd_room(&sy->b, ROOM) && ++sy->visits <= sy->max_visits)
		return true;
	sy->gave_up = sy->visits > sy->max_visits ? "too many ways through chains that change packets" : "too complex: sets of packets outgrow their bounds";
	sy->gave_up_at = c;
	return false;
}

/* ---- the fates of a chain, gathered ---- */

static void end_run(struct walk *w)
{
	struct bdd *b = &w->sy->b;
	if (!w->running)
		return;
	bdd_t others = bdd_or(b, bdd_or(b, w->s.rest, w->s.run[FATE_DROP]), w->s.run[FATE_FALL]);
	w->s.fate[FATE_ACCEPT] = bdd_or(b, w->s.fate[FATE_ACCEPT], bdd_minus(b, w->s.began, others));
	w->s.fate[FATE_DROP] = bdd_or(b, w->s.fate[FATE_DROP], w->s.run[FATE_DROP]);
	w->s.fate[FATE_FALL] = bdd_or(b, w->s.fate[FATE_FALL], w->s.run[FATE_FALL]);
	w->s.run[FATE_DROP] = w->s.run[FATE_FALL] = BDD_FALSE;
	w->running = false;
}

static void add_fate(struct walk *w, enum fate f, bdd_t set)
{
	w->s.fate[f] = bdd_or(&w->sy->b, w->s.fate[f], set);
}

static void tell_effect(struct walk *w, const struct ruleset_rule *r, const struct step *s, bdd_t set)
{
	if (w->hooks && w->sy->hooks.effect && set != BDD_FALSE)
		w->sy->hooks.effect(w->sy->hooks.context, w->sy, r, s, set);
}

static void tell_dropped(struct walk *w, const struct ruleset_rule *r, bdd_t set)
{
	if (w->hooks && w->sy->hooks.dropped && set != BDD_FALSE)
		w->sy->hooks.dropped(w->sy->hooks.context, w->sy, r, set);
}

static void tell_rule(struct walk *w, const struct ruleset_rule *r, bool matched)
{
	if (w->hooks && w->sy->hooks.rule)
		w->sy->hooks.rule(w->sy->hooks.context, w->sy, r, matched);
}

/* ---- verdicts ---- */

static void jump(struct walk *w, const struct ruleset_chain *to, bdd_t set, bool back)
{
	struct fates o;
	walk_chain(w->sy, to, set, &o, w->depth + 1, w->hooks);
	add_fate(w, FATE_ACCEPT, o.set[FATE_ACCEPT]);
	add_fate(w, FATE_DROP, o.set[FATE_DROP]);
	if (back)
		w->s.missed = bdd_or(&w->sy->b, w->s.missed, o.set[FATE_FALL]);
	else
		add_fate(w, FATE_FALL, o.set[FATE_FALL]);
}

static void decide(struct walk *w, const struct ruleset_rule *r, const struct verdict *v, bdd_t set)
{
	switch (v->code) {
	case NF_ACCEPT:
		add_fate(w, FATE_ACCEPT, set);
		break;
	case NF_DROP:
		tell_dropped(w, r, set);
		add_fate(w, FATE_DROP, set);
		break;
	case NFT_RETURN:
		add_fate(w, FATE_FALL, set);
		break;
	case NFT_JUMP:
	case NFT_GOTO:
		if (v->chain)
			jump(w, v->chain, set, v->code == NFT_JUMP);
		break;
	default:
		w->s.missed = bdd_or(&w->sy->b, w->s.missed, set);
	}
}

static void queue(struct walk *w, const struct ruleset_rule *r, const struct step *s, bdd_t set)
{
	struct symbolic *sy = w->sy;
	bool ips = !sy->is_ips || sy->is_ips(sy->ips, s);
	tell_effect(w, r, s, set);
	if (ips)
		set = symbolic_mark_queued(sy, set);
	if (ips && sy->queue_continues)
		w->s.current = set;
	else
		add_fate(w, FATE_ACCEPT, set);
}

/* ---- verdict maps ---- */

static bool same_verdict(const struct ruleset_element *e, const void *context)
{
	const struct verdict *v = context;
	return e->verdict.code == v->code && e->verdict.chain == v->chain;
}

static int compare_verdict(const void *a, const void *b)
{
	const struct verdict *x = a, *y = b;
	if (x->code != y->code)
		return x->code < y->code ? -1 : 1;
	return x->chain < y->chain ? -1 : x->chain > y->chain;
}

/* The different verdicts of a map; the caller frees. */
static struct verdict *verdicts_of(const struct ruleset_set *set, size_t *n)
{
	struct verdict *v = xmalloc((set->n_elements + 1) * sizeof *v);
	*n = 0;
	for (uint32_t i = 0; i < set->n_elements; i++)
		v[i] = set->elements[i].verdict;
	qsort(v, set->n_elements, sizeof *v, compare_verdict);
	for (uint32_t i = 0; i < set->n_elements; i++)
		if (!*n || compare_verdict(&v[*n - 1], &v[i]) != 0)
			v[(*n)++] = v[i];
	return v;
}

/* What is in the map may change, or is too much: packets may meet any of its verdicts, or none. */
static void map_opaque(struct walk *w, const struct ruleset_rule *r, const struct step *s, const struct verdict *v, size_t n)
{
	bdd_t in = symbolic_unknown_var(w->sy, s->lookup.set, s->lookup.operand);
	bdd_t hit = bdd_and(&w->sy->b, w->s.current, in);
	w->s.missed = bdd_or(&w->sy->b, w->s.missed, bdd_minus(&w->sy->b, w->s.current, in));
	for (size_t i = 0; i < n; i++)
		decide(w, r, &v[i], hit);
}

static void map_verdicts(struct walk *w, const struct ruleset_rule *r, const struct step *s)
{
	struct symbolic *sy = w->sy;
	size_t n;
	if (!s->lookup.set)
		return;
	struct verdict *v = verdicts_of(s->lookup.set, &n);
	if (symbolic_set_opaque(s->lookup.set)) {
		map_opaque(w, r, s, v, n);
		w->s.current = BDD_FALSE;
	} else {
		for (size_t i = 0; i < n && have_room(sy, w->chain); i++) {
			bdd_t key = symbolic_elements(sy, s->lookup.operand, s->lookup.set, same_verdict, &v[i]), hit = bdd_and(&sy->b, w->s.current, key);
			w->s.current = bdd_minus(&sy->b, w->s.current, key);
			if (hit != BDD_FALSE)
				decide(w, r, &v[i], w->s.at = hit);
		}
	}
	free(v);
	w->s.missed = bdd_or(&sy->b, w->s.missed, w->s.current);
	w->s.current = BDD_FALSE;
}

/* ---- rules ---- */

static bool is_plain_verdict(const struct step *s, int *fate)
{
	*fate = s->kind == STEP_REJECT ? FATE_DROP : s->kind != STEP_VERDICT ? -1 : s->verdict.code == NF_ACCEPT ? FATE_ACCEPT : s->verdict.code == NF_DROP ? FATE_DROP :
		s->verdict.code == NFT_RETURN ? FATE_FALL : -1;
	return *fate >= 0;
}

static bool is_silent(const struct step *s)
{
	return s->kind == STEP_COUNTER || s->kind == STEP_LOG || s->kind == STEP_LAST || s->kind == STEP_CT_OBJECT || s->kind == STEP_DUP ||
	       (s->kind == STEP_VERDICT && s->verdict.code == NFT_CONTINUE);
}

/* Takes the packets of a plain rule out of the rest. */
static void take_plain(struct walk *w, const struct ruleset_rule *r, enum fate fate)
{
	struct bdd *b = &w->sy->b;
	bit_t literal[SYMBOLIC_BITS];
	size_t n;
	bool never;
	bdd_t before = w->s.rest;
	if (symbolic_rule_cube(w->sy, r, literal, &n, &never)) {
		if (never)
			return;
		w->s.rest = bdd_minus_cube(b, before, literal, n);
		if (fate != FATE_ACCEPT && w->s.rest != before)
			w->s.run[fate] = bdd_or_cube(b, w->s.run[fate], before, literal, n);
		return;
	}
	bdd_t match = symbolic_rule(w->sy, r);
	w->s.rest = bdd_minus(b, before, match);
	if (fate != FATE_ACCEPT && w->s.rest != before)
		w->s.run[fate] = bdd_or(b, w->s.run[fate], bdd_and(b, before, match));
}

/* Matches and then one verdict, as most rules are. Returns false if it is not such a rule. */
static bool walk_plain(struct walk *w, const struct ruleset_rule *r)
{
	struct symbolic *sy = w->sy;
	int fate = -1;
	const struct step *s = r->steps;
	for (; s && (symbolic_is_match(s) || is_silent(s)); s = s->next)
		;
	if (s && (!is_plain_verdict(s, &fate) || s->next))
		return false;
	if (!s && !(w->hooks && sy->hooks.rule))
		return true; /* a counter, a log */
	if (!s) {
		tell_rule(w, r, bdd_meet(&sy->b, w->s.rest, symbolic_rule(sy, r)));
		return true;
	}
	if (!w->running) {
		w->running = true;
		w->s.began = w->s.rest;
	}
	if (fate == FATE_DROP && w->hooks && sy->hooks.dropped)
		tell_dropped(w, r, bdd_and(&sy->b, w->s.rest, symbolic_rule(sy, r)));
	bdd_t before = w->s.rest;
	take_plain(w, r, (enum fate)fate);
	if (w->hooks && sy->hooks.rule)
		tell_rule(w, r, before != w->s.rest);
	return true;
}

static void walk_step(struct walk *w, const struct ruleset_rule *r, const struct step *s, bool *tell)
{
	struct symbolic *sy = w->sy;
	if (symbolic_is_match(s)) {
		bdd_t f = symbolic_step(sy, s);
		w->s.missed = bdd_or(&sy->b, w->s.missed, bdd_minus(&sy->b, w->s.current, f));
		w->s.current = bdd_and(&sy->b, w->s.current, f);
		return;
	}
	if (*tell && !is_silent(s)) {
		*tell = false;
		tell_rule(w, r, w->s.current != BDD_FALSE);
	}
	bdd_t set = w->s.current;
	switch (s->kind) {
	case STEP_VERDICT:
		w->s.current = BDD_FALSE;
		decide(w, r, &s->verdict, w->s.at = set);
		break;
	case STEP_VERDICT_MAP:
		map_verdicts(w, r, s);
		break;
	case STEP_REJECT:
		w->s.current = BDD_FALSE;
		decide(w, r, &(struct verdict){NF_DROP, NULL}, set);
		break;
	case STEP_QUEUE:
		w->s.current = BDD_FALSE;
		queue(w, r, s, set);
		break;
	case STEP_NAT:
		tell_effect(w, r, s, set);
		add_fate(w, FATE_ACCEPT, symbolic_write(sy, s, set));
		w->s.current = BDD_FALSE;
		break;
	case STEP_FORWARD: /* gone by another device */
		w->s.current = BDD_FALSE;
		break;
	case STEP_WRITE:
	case STEP_NOTRACK:
	case STEP_FLOW_ADD:
		tell_effect(w, r, s, set);
		w->s.current = symbolic_write(sy, s, set);
		break;
	case STEP_XT_TARGET:
		if (!s->xt.meaning)
			tell_effect(w, r, s, set);
		for (const struct step *m = s->xt.meaning; m; m = m->next)
			walk_step(w, r, m, tell);
		break;
	default:
		break;
	}
}

static void walk_rule(struct walk *w, const struct ruleset_rule *r)
{
	bool tell = true;
	if (walk_plain(w, r))
		return;
	end_run(w);
	w->s.current = w->s.rest;
	w->s.missed = BDD_FALSE;
	for (const struct step *s = r->steps; s && w->s.current != BDD_FALSE; s = s->next)
		walk_step(w, r, s, &tell);
	if (tell)
		tell_rule(w, r, w->s.current != BDD_FALSE);
	w->s.rest = bdd_or(&w->sy->b, w->s.missed, w->s.current);
}

static void walk_rules(struct symbolic *sy, const struct ruleset_chain *c, bdd_t in, struct fates *out, unsigned depth, bool hooks)
{
	struct walk w = {.sy = sy, .chain = c, .depth = depth, .hooks = hooks};
	w.s.rest = in;
	bdd_push(&sy->b, &w.roots, (const bdd_t *)&w.s, sizeof w.s / sizeof(bdd_t));
	for (const struct ruleset_rule *r = c->rules; r && have_room(sy, c); r = r->next) {
		if (w.s.rest == BDD_FALSE && !(hooks && sy->hooks.rule))
			break;
		walk_rule(&w, r);
	}
	end_run(&w);
	w.s.fate[FATE_FALL] = bdd_or(&sy->b, w.s.fate[FATE_FALL], w.s.rest);
	memcpy(out->set, w.s.fate, sizeof out->set);
	bdd_pop(&sy->b);
}

/* ---- chains ---- */

/* A chain in which nothing is written is a function: fates of all packets, cut down to those that come. */
static void summarise(struct symbolic *sy, const struct ruleset_chain *c, unsigned depth)
{
	struct symbolic_chain *s = &sy->chain[c->number];
	struct fates out;
	walk_rules(sy, c, sy->base, &out, depth, false);
	*s->summary = out;
	s->known = true;
}

static void walk_chain(struct symbolic *sy, const struct ruleset_chain *c, bdd_t in, struct fates *out, unsigned depth, bool hooks)
{
	struct symbolic_chain *s = &sy->chain[c->number];
	*out = (struct fates){{[FATE_FALL] = in}};
	if (in == BDD_FALSE)
		return;
	if (s->active || depth > MAX_DEPTH) /* a circle, which the kernel refuses: told of elsewhere */
		return;
	struct bdd_roots roots;
	bdd_push(&sy->b, &roots, &in, 1);
	s->active = true;
	if (s->pure && !(s->hot && hooks)) {
		if (!s->known)
			summarise(sy, c, depth);
		for (size_t i = 0; i < FATES; i++)
			out->set[i] = bdd_and(&sy->b, in, s->summary->set[i]);
	} else {
		walk_rules(sy, c, in, out, depth, hooks);
	}
	s->active = false;
	bdd_pop(&sy->b);
}

void symbolic_walk(struct symbolic *sy, const struct ruleset_chain *c, bdd_t in, struct fates *out)
{
	walk_chain(sy, c, in, out, 0, sy->hooks.effect || sy->hooks.dropped);
}

void symbolic_walk_alone(struct symbolic *sy, const struct ruleset_chain *c)
{
	struct symbolic_chain *s = &sy->chain[c->number];
	struct symbolic_hooks saved = sy->hooks;
	struct fates out;
	bool was = s->active;
	s->active = true;
	sy->hooks.effect = NULL; /* chains that are jumped to have their own turn */
	sy->hooks.dropped = NULL;
	walk_rules(sy, c, sy->base, &out, 0, true);
	s->active = was;
	sy->hooks = saved;
	if (s->pure && !s->hot && !sy->gave_up) {
		*s->summary = out;
		s->known = true;
	}
}

void symbolic_walk_base(struct symbolic *sy, const struct ruleset_chain *c, bdd_t in, struct fates *out)
{
	symbolic_walk(sy, c, in, out);
	enum fate policy = c->policy == NF_DROP ? FATE_DROP : FATE_ACCEPT;
	if (policy == FATE_DROP && sy->hooks.dropped && out->set[FATE_FALL] != BDD_FALSE)
		sy->hooks.dropped(sy->hooks.context, sy, NULL, out->set[FATE_FALL]);
	out->set[policy] = bdd_or(&sy->b, out->set[policy], out->set[FATE_FALL]);
	out->set[FATE_FALL] = BDD_FALSE;
}

/* ---- hooks ---- */

struct symbolic_way symbolic_way(uint32_t hook)
{
	if (hook == NF_INET_FORWARD)
		return (struct symbolic_way){{NF_INET_PRE_ROUTING, NF_INET_FORWARD, NF_INET_POST_ROUTING}, 3};
	if (hook == NF_INET_LOCAL_IN)
		return (struct symbolic_way){{NF_INET_PRE_ROUTING, NF_INET_LOCAL_IN}, 2};
	return (struct symbolic_way){{NF_INET_LOCAL_OUT, NF_INET_POST_ROUTING}, 2};
}

bool symbolic_is_nat(const struct ruleset_chain *c)
{
	return c->type && strcmp(c->type, "nat") == 0;
}

/* Connection tracking leaves out neighbour discovery, and what a rule says. */
static bdd_t tracked_at_start(struct symbolic *sy, uint32_t hook)
{
	struct operand transport = symbolic_payload(NFT_PAYLOAD_TRANSPORT_HEADER), proto = symbolic_key(SOURCE_META, NFT_META_L4PROTO);
	bdd_t tracked = symbolic_state(sy, 1 | 2 | 4 | 8), types = BDD_FALSE;
	uint8_t icmpv6 = 58;
	if (sy->family != NFPROTO_IPV6 || hook == NF_INET_FORWARD)
		return tracked;
	for (uint8_t type = 130; type <= 137; type++)
		types = bdd_or(&sy->b, types, symbolic_equals(sy, &transport, 0, &type, 1));
	bdd_t discovery = bdd_and(&sy->b, symbolic_equals(sy, &proto, 0, &icmpv6, 1), types);
	return bdd_or(&sy->b, tracked, bdd_and(&sy->b, discovery, symbolic_state(sy, NF_CT_STATE_UNTRACKED_BIT)));
}

/* Traffic of this host with itself is nobody's business here. */
bdd_t symbolic_way_start(struct symbolic *sy, uint32_t hook)
{
	struct bdd *b = &sy->b;
	bdd_t set = bdd_and(b, sy->base, symbolic_marks_at_start(sy));
	for (int out = 0; out < 2; out++) {
		bool has = out ? hook != NF_INET_LOCAL_IN : hook != NF_INET_LOCAL_OUT;
		bdd_t none = symbolic_device(sy, out, ""), local = symbolic_device(sy, out, "lo");
		if (!has)
			set = bdd_and(b, set, none);
		else if (none != BDD_TRUE)
			set = bdd_minus(b, set, bdd_or(b, none, local));
	}
	set = bdd_and(b, set, tracked_at_start(sy, hook));
	return bdd_and(b, set, bdd_var(b, LEVEL_QUEUED, false));
}

static bdd_t pass_station(struct symbolic *sy, const struct station *st, bdd_t set, base_visit visit, void *context)
{
	bool source = strcmp(st->name ? st->name : "", "source NAT") == 0;
	if (st->kind == STATION_KERNEL) {
		bool nat = source || strcmp(st->name, "destination NAT") == 0;
		return nat && sy->nat ? symbolic_forget_nat(sy, set, source) : set;
	}
	struct {
		bdd_t in, aside;
		struct fates out;
	} mine = {.in = set};
	struct bdd_roots roots;
	if (symbolic_is_nat(st->chain)) {
		mine.in = bdd_and(&sy->b, set, symbolic_state(sy, NF_CT_STATE_BIT(IP_CT_NEW)));
		mine.aside = bdd_minus(&sy->b, set, mine.in);
	}
	bdd_push(&sy->b, &roots, (const bdd_t *)&mine, sizeof mine / sizeof(bdd_t));
	symbolic_walk_base(sy, st->chain, mine.in, &mine.out);
	if (visit)
		visit(context, sy, st->chain, mine.in, &mine.out);
	set = bdd_or(&sy->b, mine.aside, mine.out.set[FATE_ACCEPT]);
	bdd_pop(&sy->b);
	return set;
}

bdd_t symbolic_walk_way(struct symbolic *sy, uint32_t hook, bdd_t start, base_visit visit, void *context)
{
	struct symbolic_way way = symbolic_way(hook);
	bdd_t set = start;
	for (uint32_t i = 0; i < way.n; i++) {
		struct station st[MAX_STATIONS];
		size_t n = ruleset_stations(sy->rs, sy->family, way.hook[i], NULL, st, MAX_STATIONS);
		for (size_t k = 0; k < n && k < MAX_STATIONS && !sy->gave_up; k++)
			set = pass_station(sy, &st[k], set, visit, context);
	}
	return set;
}
