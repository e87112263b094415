// SPDX-License-Identifier: GPL-2.0-or-later
/* The kernel tracks connections only where some rule asks for it. */
#include "ruleset/trace_private.h"

#include <string.h>

static bool operand_tracks(const struct operand *o, int depth)
{
	for (; o && depth < 8; o = o->next) {
		if (o->source == SOURCE_CT)
			return true;
		if ((o->source == SOURCE_MAP && operand_tracks(o->map.inner, depth + 1)) ||
		    ((o->source == SOURCE_JHASH) && operand_tracks(o->generate.inner, depth + 1)))
			return true;
	}
	return false;
}

static bool steps_track(const struct step *s, int depth);

static bool step_tracks(const struct step *s, int depth)
{
	switch (s->kind) {
	case STEP_COMPARE: case STEP_RANGE: return operand_tracks(s->match.operand, 0);
	case STEP_LOOKUP: case STEP_VERDICT_MAP: return operand_tracks(s->lookup.operand, 0);
	case STEP_WRITE: return s->write.target == WRITE_CT || operand_tracks(s->write.operand, 0);
	case STEP_UPDATE: return operand_tracks(s->update.key, 0) || steps_track(s->update.inner, depth + 1);
	case STEP_CONNLIMIT: case STEP_NAT: case STEP_SYNPROXY: case STEP_CT_OBJECT: case STEP_FLOW_ADD: case STEP_UNKNOWN: return true;
	case STEP_XT_MATCH: case STEP_XT_TARGET: return !s->xt.meaning || steps_track(s->xt.meaning, depth + 1);
	default: return false;
	}
}

static bool steps_track(const struct step *s, int depth)
{
	for (; s && depth < 8; s = s->next)
		if (step_tracks(s, depth))
			return true;
	return false;
}

static bool table_tracks(const struct ruleset_table *table)
{
	for (const struct ruleset_chain *c = table->chains; c; c = c->next) {
		if (c->type && strcmp(c->type, "nat") == 0)
			return true;
		for (const struct ruleset_rule *r = c->rules; r; r = r->next)
			if (steps_track(r->steps, 0))
				return true;
	}
	return false;
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
		bool tracks = table_tracks(table), nats = table_nats(table);
		t->tracked_families[0] |= v4 && tracks;
		t->tracked_families[1] |= v6 && tracks;
		t->nat_families[0] |= v4 && nats;
		t->nat_families[1] |= v6 && nats;
	}
}
