// SPDX-License-Identifier: GPL-2.0-or-later
/* Rules that never match, and why: each chain alone, of all packets, rule by rule. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ruleset/check.h"

enum { SEEN = 1, MATCHED = 2, MAX_DEAD = 300, MAX_LOOKED = 30000, MAX_AT_ONCE = 3000, MAX_NAMED = 3 };

/* A rule that no packet of some family matched, with the reason. */
struct dead {
	const struct ruleset_rule *rule;
	enum check_code code;
	char text[240];
};

struct rule_marks {
	struct check *c;
	uint32_t *first; /* by chain: the number of its first rule */
	uint8_t *mark;	 /* by rule */
	struct dead *dead;
	size_t n_dead, looked;
	uint32_t ended_by; /* in the chain that is walked: the index of a rule that decides about all; 0: none yet */
	bool all_gone;
};

struct rule_marks *check_rules_begin(struct check *c)
{
	struct rule_marks *m = xcalloc(1, sizeof *m);
	uint32_t n = 0;
	*m = (struct rule_marks){.c = c, .first = xcalloc(c->rs->n_chains + 1, sizeof *m->first), .mark = xcalloc(c->rs->n_rules + 1, 1),
		.dead = xcalloc(MAX_DEAD, sizeof *m->dead)};
	for (const struct ruleset_table *t = c->rs->tables; t; t = t->next)
		for (const struct ruleset_chain *ch = t->chains; ch; ch = ch->next) {
			m->first[ch->number] = n;
			n += ch->n_rules;
		}
	return m;
}

static uint8_t *mark_of(struct rule_marks *m, const struct ruleset_rule *r)
{
	return &m->mark[m->first[r->chain->number] + r->index - 1];
}

/* ---- why ---- */

/* What a rule makes of packets: NF_ACCEPT, NF_DROP; -1: it goes on, or it depends. */
static int decision(const struct ruleset_rule *r)
{
	for (const struct step *s = r->steps; s; s = s->next) {
		if (s->kind == STEP_REJECT)
			return NF_DROP;
		if (s->kind == STEP_VERDICT && (s->verdict.code == NF_ACCEPT || s->verdict.code == NF_DROP))
			return s->verdict.code;
		if (s->kind == STEP_VERDICT)
			return s->verdict.code == NFT_RETURN || s->verdict.code == NFT_GOTO ? s->verdict.code : -1;
		if (s->kind == STEP_QUEUE || (s->kind == STEP_XT_TARGET && check_find_step(r, STEP_QUEUE, NULL)))
			return NF_QUEUE;
		if (s->kind == STEP_NAT)
			return NF_STOLEN;
	}
	return -1;
}

struct cover {
	uint32_t index[MAX_NAMED];
	unsigned n;
	bool same, all; /* they decide as the rule does; they are all of the rules that were asked for */
};

/* Earlier rules that decide about packets of this one. */
static struct cover find_cover(struct rule_marks *m, struct symbolic *sy, const struct ruleset_rule *r, bdd_t match)
{
	struct cover cover = {.same = true};
	int mine = decision(r);
	size_t looked = 0;
	bdd_t left = match;
	for (const struct ruleset_rule *e = r->chain->rules; e && e != r && left != BDD_FALSE; e = e->next) {
		int theirs = decision(e);
		if (theirs == -1)
			continue;
		if (++looked > MAX_AT_ONCE || ++m->looked > MAX_LOOKED)
			return cover;
		bdd_t f = symbolic_rule(sy, e);
		if (!bdd_meet(&sy->b, left, f))
			continue;
		left = bdd_minus(&sy->b, left, f);
		if (cover.n < MAX_NAMED)
			cover.index[cover.n] = e->index;
		cover.n++;
		cover.same = cover.same && theirs == mine;
	}
	cover.all = left == BDD_FALSE;
	return cover;
}

static void explain_cover(struct dead *d, const struct cover *cover)
{
	size_t at = (size_t)snprintf(d->text, sizeof d->text, "%s", cover->n == 1 ? "all its packets are those of rule" : "all its packets are those of rules");
	for (unsigned i = 0; i < cover->n && i < MAX_NAMED; i++)
		at += (size_t)snprintf(d->text + at, sizeof d->text - at, "%s %u", i ? "," : "", cover->index[i]);
	if (cover->n > MAX_NAMED)
		snprintf(d->text + at, sizeof d->text - at, " and %u more", cover->n - MAX_NAMED);
	d->code = cover->same ? REDUNDANT_RULE : SHADOWED_RULE;
}

static bool asks_empty_set(const struct ruleset_rule *r)
{
	for (const struct step *s = r->steps; s; s = s->next)
		if ((s->kind == STEP_LOOKUP || s->kind == STEP_VERDICT_MAP) && s->lookup.set && !s->lookup.set->n_elements)
			return true;
	return false;
}

static struct dead *take_dead(struct rule_marks *m, const struct ruleset_rule *r)
{
	for (size_t i = 0; i < m->n_dead; i++)
		if (m->dead[i].rule == r)
			return &m->dead[i];
	return m->n_dead < MAX_DEAD ? &m->dead[m->n_dead++] : NULL;
}

static void explain(struct rule_marks *m, struct symbolic *sy, const struct ruleset_rule *r)
{
	bdd_t match = bdd_and(&sy->b, sy->base, symbolic_rule(sy, r));
	if (asks_empty_set(r))
		return; /* told with the set */
	struct dead *d = take_dead(m, r);
	if (!d || (d->rule && match == BDD_FALSE))
		return; /* of another family, and explained there */
	d->rule = r;
	if (match == BDD_FALSE) {
		d->code = CONTRADICTORY_MATCH;
		snprintf(d->text, sizeof d->text, "its matches exclude each other, or ask for what no packet has");
	} else if (m->ended_by) {
		d->code = AFTER_TERMINAL;
		snprintf(d->text, sizeof d->text, "rule %u of this chain decides about every packet", m->ended_by);
	} else {
		struct cover cover = find_cover(m, sy, r, match);
		if (cover.all)
			explain_cover(d, &cover);
		else {
			d->code = SHADOWED_RULE;
			snprintf(d->text, sizeof d->text, "earlier rules of the chain leave no packet for it");
		}
	}
}

static void each_rule(void *context, struct symbolic *sy, const struct ruleset_rule *r, bool matched)
{
	struct rule_marks *m = context;
	uint8_t *mark = mark_of(m, r);
	*mark |= SEEN | (matched ? MATCHED : 0);
	if (!matched && !(*mark & MATCHED))
		explain(m, sy, r);
	bool plain = true;
	for (const struct step *s = r->steps; s; s = s->next)
		plain = plain && !symbolic_is_match(s) && s->kind != STEP_VERDICT_MAP;
	if (matched && plain && decision(r) != -1 && !m->ended_by)
		m->ended_by = r->index;
}

void check_rules_family(struct check *c, struct symbolic *sy, struct rule_marks *m)
{
	sy->hooks = (struct symbolic_hooks){.rule = each_rule, .context = m};
	for (const struct ruleset_table *t = c->rs->tables; t && !sy->gave_up; t = t->next)
		for (const struct ruleset_chain *ch = symbolic_has_table(sy, t) ? t->chains : NULL; ch && !sy->gave_up; ch = ch->next) {
			m->ended_by = 0;
			symbolic_walk_alone(sy, ch);
		}
	sy->hooks = (struct symbolic_hooks){0};
}

void check_rules_unknown(struct check *c, const struct symbolic *sy, struct rule_marks *m)
{
	for (const struct ruleset_table *t = c->rs->tables; t; t = t->next)
		for (const struct ruleset_chain *ch = symbolic_has_table(sy, t) ? t->chains : NULL; ch; ch = ch->next)
			memset(m->mark + m->first[ch->number], SEEN | MATCHED, ch->n_rules);
}

/* Of the rules behind one that ends its chain, the first is told. */
void check_rules_end(struct check *c, struct rule_marks *m)
{
	const struct ruleset_chain *ended = NULL;
	for (size_t i = 0; i < m->n_dead; i++) {
		const struct dead *d = &m->dead[i];
		if (*mark_of(m, d->rule) & MATCHED)
			continue;
		if (d->code == AFTER_TERMINAL && d->rule->chain == ended)
			continue;
		if (d->code == AFTER_TERMINAL)
			ended = d->rule->chain;
		struct finding *f = check_add(c, d->code, d->rule, "%s", d->text);
		if (f)
			f->proven = true;
	}
	free(m->first);
	free(m->mark);
	free(m->dead);
	free(m);
}
