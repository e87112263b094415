// SPDX-License-Identifier: GPL-2.0-or-later
/* Which decision fits a rule, and the table of them for an engine. */
#include "respond/policy_private.h"

#include <stdlib.h>
#include <strings.h>

const char *const policy_action_names[] = {"none", "drop", "reject", "block src", "block dst", "release", "slow", "alert-only"};

static bool number_fits(const struct policy_numbers *n, uint32_t value)
{
	size_t low = 0, high = n->n;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (n->number[middle] == value)
			return true;
		if (n->number[middle] < value)
			low = middle + 1;
		else
			high = middle;
	}
	return n->n == 0;
}

static bool class_fits(const struct policy_match *m, const char *name)
{
	for (size_t i = 0; i < m->n_classes; i++)
		if (name && strcmp(m->class_name[i], name) == 0)
			return true;
	return m->n_classes == 0;
}

/* `at` stands behind "[": strings with commas between, up to "]". */
static bool list_has(const char *at, const struct policy_metadata *m)
{
	while (*at == '"') {
		const char *value = ++at;
		while (*at && *at != '"')
			at += 1 + (*at == '\\' && at[1]);
		size_t len = (size_t)(at - value);
		for (size_t i = 0; i < m->n_values; i++)
			if (strlen(m->value[i]) == len && strncasecmp(m->value[i], value, len) == 0)
				return true;
		at += *at == '"';
		at += *at == ',';
	}
	return false;
}

/*
 * The text is our own: {"key":["value","value"],…}. What a key looks like with its quotes, colon and bracket cannot stand within a
 * value, for there quotes are escaped.
 */
static bool metadata_fits(const struct policy_metadata *m, const char *json)
{
	const char *at = json ? strstr(json, m->key) : NULL;
	return at && list_has(at + strlen(m->key), m);
}

static bool match_fits(const struct policy_match *m, const struct signature *s)
{
	if (!number_fits(&m->sid, s->sid) || !number_fits(&m->gid, s->gid) || !number_fits(&m->severity, s->priority) || !class_fits(m, s->class_name))
		return false;
	for (size_t i = 0; i < m->n_metadata; i++)
		if (!metadata_fits(&m->metadata[i], s->metadata_json))
			return false;
	return true;
}

/* Helper rules set bits for others and match what is harmless; pass and its kin are not about harm at all. */
static bool may_decide(const struct policy_rule *r, const struct signature *s)
{
	if (s->flags & SIG_NOALERT || s->action == RULE_PASS || s->action == RULE_CONFIG || s->action == RULE_ACCEPT)
		return false;
	return !r->profile || s->action == RULE_ALERT;
}

int policy_find(const struct policy *p, const struct signature *sig, int from)
{
	for (size_t i = (size_t)from; i < p->n_rules; i++)
		if (may_decide(&p->rule[i], sig) && match_fits(&p->rule[i].match, sig))
			return (int)i;
	return -1;
}

const struct policy_decision *policy_decision(const struct policy *p, int at)
{
	return &p->rule[at].decision;
}

size_t policy_n_decisions(const struct policy *p)
{
	return p->n_rules;
}

bool policy_source_in(const struct policy *p, unsigned source_set, const struct address *a)
{
	return source_set == 0 || (source_set <= p->n_sets && address_set_contains(&p->set[source_set - 1].addresses, a));
}

const char *policy_profile(const struct policy *p)
{
	return p->profile;
}

size_t policy_n_slow(const struct policy *p)
{
	return p->n_slow;
}

const struct policy_slow *policy_slow(const struct policy *p, unsigned index)
{
	return &p->slow[index];
}

usec_t policy_block_lasts(const struct policy *p)
{
	return p->block_lasts;
}

/* ---- of one engine ---- */

struct policy_table {
	const struct policy *policy;
	uint32_t generation;
	size_t *count;    /* by decision */
	uint32_t n;
	uint16_t first[]; /* by a rule's number: its decision + 1; 0: none */
};

struct policy_table *policy_table_new(const struct policy *p, const struct engine *e)
{
	uint32_t n = engine_n_signatures(e);
	struct policy_table *t = calloc(1, sizeof *t + n * sizeof t->first[0]);
	size_t *count = calloc(p->n_rules + 1, sizeof *count);
	if (!t || !count) {
		free(t);
		free(count);
		return NULL;
	}
	t->policy = p;
	t->generation = engine_generation(e);
	t->count = count;
	t->n = n;
	for (uint32_t i = 0; i < n; i++) {
		int at = policy_find(p, engine_signature(e, i), 0);
		t->first[i] = (uint16_t)(at + 1);
		if (at >= 0)
			count[at]++;
	}
	return t;
}

void policy_table_free(struct policy_table *t)
{
	if (!t)
		return;
	free(t->count);
	free(t);
}

const struct policy_decision *policy_table_find(const struct policy_table *t, const struct alert *a, const struct address *source)
{
	int at = a->number < t->n ? t->first[a->number] - 1 : -1;
	while (at >= 0) {
		const struct policy_decision *d = policy_decision(t->policy, at);
		if (policy_source_in(t->policy, d->source_set, source))
			return d;
		at = policy_find(t->policy, a->sig, at + 1);
	}
	return NULL;
}

uint32_t policy_table_generation(const struct policy_table *t)
{
	return t->generation;
}

size_t policy_table_count(const struct policy_table *t, int decision)
{
	return t->count[decision];
}

void policy_table_sums(const struct policy_table *t, size_t out[POLICY_ACTION_N_])
{
	memset(out, 0, POLICY_ACTION_N_ * sizeof *out);
	for (size_t i = 0; i < t->policy->n_rules; i++)
		out[t->policy->rule[i].decision.action] += t->count[i];
}

static void describe_action(const struct policy *p, const struct policy_decision *d, struct buffer *out)
{
	char lasts[32];
	buffer_add_string(out, policy_action_names[d->action]);
	if (d->action == POLICY_BLOCK_SRC || d->action == POLICY_BLOCK_DST)
		buffer_printf(out, " for %s", clock_format_duration(d->lasts, lasts));
	if (d->action == POLICY_SLOW)
		buffer_printf(out, " %s", p->slow[d->slow_class].name);
}

void policy_table_describe(const struct policy_table *t, struct buffer *out)
{
	const struct policy *p = t->policy;
	for (size_t i = 0; i < p->n_rules; i++) {
		const struct policy_decision *d = &p->rule[i].decision;
		buffer_printf(out, "%s: ", d->why);
		describe_action(p, d, out);
		if (d->source_set)
			buffer_printf(out, ", sources in %s", p->set[d->source_set - 1].name);
		if (t->count[i])
			buffer_printf(out, "; %zu rule%s\n", t->count[i], t->count[i] == 1 ? "" : "s");
		else
			buffer_add_string(out, "; fits no rule first\n");
	}
}
