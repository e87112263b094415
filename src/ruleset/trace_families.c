// SPDX-License-Identifier: GPL-2.0-or-later
/* The kernel tracks connections only where some rule asks for it. */
#include "ruleset/trace_private.h"

#include <string.h>

/* A rule that asks for them switches the counting on. */
static bool counts(const struct operand *o)
{
	return o->source == SOURCE_CT && (o->key.key == NFT_CT_PKTS || o->key.key == NFT_CT_BYTES || o->key.key == NFT_CT_AVGPKT);
}

static bool operand_tracks(struct trace *t, const struct operand *o, int depth)
{
	for (; o && depth < 8; o = o->next) {
		t->connections.account |= counts(o);
		if (o->source == SOURCE_CT)
			return true;
		if ((o->source == SOURCE_MAP && operand_tracks(t, o->map.inner, depth + 1)) ||
		    ((o->source == SOURCE_JHASH) && operand_tracks(t, o->generate.inner, depth + 1)))
			return true;
	}
	return false;
}

static bool steps_track(struct trace *t, const struct step *s, int depth);

static bool step_tracks(struct trace *t, const struct step *s, int depth)
{
	switch (s->kind) {
	case STEP_COMPARE: case STEP_RANGE: return operand_tracks(t, s->match.operand, 0);
	case STEP_LOOKUP: case STEP_VERDICT_MAP: return operand_tracks(t, s->lookup.operand, 0);
	case STEP_WRITE: return s->write.target == WRITE_CT || operand_tracks(t, s->write.operand, 0);
	case STEP_UPDATE: return operand_tracks(t, s->update.key, 0) || steps_track(t, s->update.inner, depth + 1);
	case STEP_CONNLIMIT: case STEP_NAT: case STEP_SYNPROXY: case STEP_CT_OBJECT: case STEP_FLOW_ADD: case STEP_UNKNOWN: return true;
	case STEP_XT_MATCH: case STEP_XT_TARGET: return !s->xt.meaning || steps_track(t, s->xt.meaning, depth + 1);
	default: return false;
	}
}

static bool steps_track(struct trace *t, const struct step *s, int depth)
{
	bool yes = false;
	for (; s && depth < 8; s = s->next)
		yes |= step_tracks(t, s, depth);
	return yes;
}

static bool table_tracks(struct trace *t, const struct ruleset_table *table)
{
	bool yes = false;
	for (const struct ruleset_chain *c = table->chains; c; c = c->next) {
		yes |= c->type && strcmp(c->type, "nat") == 0;
		for (const struct ruleset_rule *r = c->rules; r; r = r->next)
			yes |= steps_track(t, r->steps, 0);
	}
	return yes;
}

static bool table_nats(const struct ruleset_table *table)
{
	for (const struct ruleset_chain *c = table->chains; c; c = c->next)
		if (c->type && strcmp(c->type, "nat") == 0 && !(table->flags & NFT_TABLE_F_DORMANT))
			return true;
	return false;
}

void trace_families(struct trace *t)
{
	for (const struct ruleset_table *table = t->o.ruleset->tables; table; table = table->next) {
		bool v4 = table->family == NFPROTO_IPV4 || table->family == NFPROTO_INET, v6 = table->family == NFPROTO_IPV6 || table->family == NFPROTO_INET;
		if (!v4 && !v6)
			continue;
		bool tracks = table_tracks(t, table), nats = table_nats(table);
		t->tracked_families[0] |= v4 && tracks;
		t->tracked_families[1] |= v6 && tracks;
		t->nat_families[0] |= v4 && nats;
		t->nat_families[1] |= v6 && nats;
	}
}
