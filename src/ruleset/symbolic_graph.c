// SPDX-License-Identifier: GPL-2.0-or-later
/* Which chain leads to which, and what can happen in them. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "ruleset/symbolic.h"

struct edges {
	struct chain_edge *edge;
	size_t n, room;
};

static void add_edge(struct edges *e, const struct ruleset_rule *r, const struct verdict *v)
{
	if (!v->chain || (v->code != NFT_JUMP && v->code != NFT_GOTO))
		return;
	if (e->n && e->edge[e->n - 1].rule == r && e->edge[e->n - 1].to == v->chain)
		return;
	if (e->n == e->room)
		e->edge = xrealloc(e->edge, (e->room = e->room ? e->room * 2 : 64) * sizeof *e->edge);
	e->edge[e->n++] = (struct chain_edge){r->chain, v->chain, r};
}

static void add_steps(struct edges *e, const struct ruleset_rule *r, const struct step *first)
{
	for (const struct step *s = first; s; s = s->next) {
		if (s->kind == STEP_VERDICT)
			add_edge(e, r, &s->verdict);
		else if (s->kind == STEP_XT_TARGET)
			add_steps(e, r, s->xt.meaning);
		else if (s->kind == STEP_VERDICT_MAP && s->lookup.set && !s->lookup.set->left_out)
			for (uint32_t i = 0; i < s->lookup.set->n_elements; i++)
				add_edge(e, r, &s->lookup.set->elements[i].verdict);
	}
}

struct chain_edge *ruleset_edges(const struct ruleset *rs, size_t *n)
{
	struct edges e = {0};
	for (const struct ruleset_table *t = rs->tables; t; t = t->next)
		for (const struct ruleset_chain *c = t->chains; c; c = c->next)
			for (const struct ruleset_rule *r = c->rules; r; r = r->next)
				add_steps(&e, r, r->steps);
	*n = e.n;
	return e.edge;
}

static const struct step *find_queue(const struct symbolic *sy, const struct step *first)
{
	for (const struct step *s = first; s; s = s->next) {
		const struct step *inner = s->kind == STEP_XT_TARGET ? find_queue(sy, s->xt.meaning) : NULL;
		if (inner)
			return inner;
		if (s->kind == STEP_QUEUE && (!sy->is_ips || sy->is_ips(sy->ips, s)))
			return s;
	}
	return NULL;
}

bool symbolic_queues(const struct symbolic *sy, const struct ruleset_rule *r, const struct step **step)
{
	const struct step *s = find_queue(sy, r->steps);
	if (step)
		*step = s;
	return s != NULL;
}

static void look_at_steps(struct symbolic *sy, struct symbolic_chain *c, const struct step *first)
{
	for (const struct step *s = first; s; s = s->next) {
		if (s->kind == STEP_QUEUE || s->kind == STEP_FLOW_ADD)
			c->hot = true;
		if (s->kind == STEP_QUEUE) /* the ghost is written */
			c->pure = false;
		if (s->kind == STEP_XT_TARGET)
			look_at_steps(sy, c, s->xt.meaning);
		else if (c->pure && symbolic_writes(sy, s))
			c->pure = false;
	}
}

static void look_at_chain(struct symbolic *sy, const struct ruleset_chain *c)
{
	struct symbolic_chain *s = &sy->chain[c->number];
	s->pure = true;
	for (const struct ruleset_rule *r = c->rules; r; r = r->next) {
		look_at_steps(sy, s, r->steps);
		s->queues |= symbolic_queues(sy, r, NULL);
	}
}

/* What holds of a chain holds of those that lead to it. */
static bool spread(struct symbolic *sy)
{
	bool more = false;
	for (size_t i = sy->n_edges; i-- > 0;) {
		struct symbolic_chain *from = &sy->chain[sy->edge[i].from->number], *to = &sy->chain[sy->edge[i].to->number];
		if ((to->hot && !from->hot) || (to->queues && !from->queues) || (!to->pure && from->pure))
			more = true;
		from->hot |= to->hot;
		from->queues |= to->queues;
		from->pure &= to->pure;
	}
	return more;
}

void symbolic_prepare(struct symbolic *sy)
{
	const struct ruleset *rs = sy->rs;
	sy->kept = xcalloc(rs->n_chains + 1, sizeof *sy->kept);
	sy->kept[rs->n_chains].set[0] = sy->base;
	bdd_push(&sy->b, &sy->kept_roots, sy->kept->set, (rs->n_chains + 1) * FATES);
	sy->edge = ruleset_edges(rs, &sy->n_edges);
	for (const struct ruleset_table *t = rs->tables; t; t = t->next)
		for (const struct ruleset_chain *c = t->chains; c; c = c->next) {
			sy->chain[c->number].summary = &sy->kept[c->number];
			look_at_chain(sy, c);
		}
	while (spread(sy))
		;
}
