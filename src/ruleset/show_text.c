// SPDX-License-Identifier: GPL-2.0-or-later
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "ruleset/print.h"
#include "ruleset/show.h"

enum { GAPS_SHOWN = 20, ELEMENTS_NAME = 40 };

struct text {
	FILE *out;
	const struct show *show;
	bool *listed; /* chains whose rules have been printed, by number */
};

static const char *tint(const struct text *t, const char *code)
{
	return t->show->colour ? code : "";
}

#define BOLD "\033[1m"
#define DIM "\033[2m"
#define PLAIN "\033[0m"

static void print_name(FILE *out, const char *name)
{
	for (; *name; name++)
		if ((unsigned char)*name < 0x20 || *name == 0x7f)
			fprintf(out, "\\x%02x", (unsigned char)*name);
		else
			putc(*name, out);
}

static void heading(const struct text *t, const char *title)
{
	fprintf(t->out, "\n%s%s%s\n", tint(t, BOLD), title, tint(t, PLAIN));
}

static void print_totals(const struct text *t)
{
	const struct ruleset *rs = t->show->rs;
	uint32_t n = 0;
	for (const struct ruleset_table *x = rs->tables; x; x = x->next)
		n++;
	fprintf(t->out, "%s: %u tables, %u chains, %u rules", rs->live ? "loaded ruleset" : rs->source, n, rs->n_chains, rs->n_rules);
	if (rs->live)
		fprintf(t->out, " (generation %u)", rs->generation);
	putc('\n', t->out);
	for (const struct ruleset_table *x = rs->tables; x; x = x->next) {
		const char *owner = ruleset_owner(x);
		fprintf(t->out, "  table %s ", ruleset_family_name(x->family));
		print_name(t->out, x->name);
		fprintf(t->out, "%s%s", owner ? " of " : "", owner ? owner : "");
		if (x->flags & NFT_TABLE_F_DORMANT)
			fputs(", dormant: switched off", t->out);
		if (x->flags & NFT_TABLE_F_OWNER)
			fprintf(t->out, ", owned by process %u alone", x->owner);
		putc('\n', t->out);
	}
}

/* ---- rules ---- */

static bool is_shown(const struct text *t, const struct ruleset_rule *r, char *sign)
{
	*sign = ' ';
	if (!t->show->packet)
		return true;
	enum may_match m = rule_may_match(t->show->rs, r, t->show->packet);
	*sign = m == MATCH_YES ? '=' : '?';
	return m != MATCH_NO;
}

struct queue_of_chains {
	const struct ruleset_chain **item;
	size_t n;
	bool *seen;
};

static void want_chain(struct queue_of_chains *q, const struct ruleset_chain *c)
{
	if (c && !q->seen[c->number]) {
		q->seen[c->number] = true;
		q->item[q->n++] = c;
	}
}

static void want_targets(struct queue_of_chains *q, const struct step *s)
{
	for (; s; s = s->next) {
		if (s->kind == STEP_VERDICT)
			want_chain(q, s->verdict.chain);
		for (uint32_t i = 0; s->kind == STEP_VERDICT_MAP && !s->lookup.set->left_out && i < s->lookup.set->n_elements; i++)
			want_chain(q, s->lookup.set->elements[i].verdict.chain);
	}
}

static void print_rule_line(const struct text *t, const struct ruleset_rule *r, char sign)
{
	fprintf(t->out, "      %c%5u ", sign, r->index);
	ruleset_print_rule(t->out, t->show->rs, r);
	if (r->handle)
		fprintf(t->out, "%s  # handle %" PRIu64 "%s", tint(t, DIM), r->handle, tint(t, PLAIN));
	else if (r->line)
		fprintf(t->out, "%s  # line %u%s", tint(t, DIM), r->line, tint(t, PLAIN));
	putc('\n', t->out);
}

/* The rules of a base chain, and of those it leads to. A chain that several lead to is listed once. */
static void print_rules(struct text *t, const struct ruleset_chain *base)
{
	uint32_t n = t->show->rs->n_chains + 1;
	struct queue_of_chains q = {.item = xcalloc(n, sizeof *q.item), .seen = xcalloc(n, 1)};
	want_chain(&q, base);
	for (size_t i = 0; i < q.n; i++) {
		const struct ruleset_chain *c = q.item[i];
		char sign;
		bool again = t->listed[c->number];
		if (c == base && again) {
			fputs("      (its rules are above)\n", t->out);
		} else if (c != base) {
			fputs("      chain ", t->out);
			print_name(t->out, c->name);
			fputs(again ? " (above)\n" : "\n", t->out);
		}
		for (const struct ruleset_rule *r = c->rules; r && !again; r = r->next) {
			if (!is_shown(t, r, &sign))
				continue;
			print_rule_line(t, r, sign);
			want_targets(&q, r->steps);
		}
		t->listed[c->number] = true;
	}
	free(q.item);
	free(q.seen);
}

/* ---- the way ---- */

static char *priority_text(const struct station *s, uint32_t family, uint32_t hook)
{
	char *text = NULL, *whole, number[16];
	size_t len;
	FILE *f = open_memstream(&text, &len);
	if (!f)
		return NULL;
	ruleset_print_priority(f, family, hook, s->priority);
	fclose(f);
	snprintf(number, sizeof number, "%d", s->priority);
	whole = xasprintf("%6s  %-13s", number, strcmp(text, number) == 0 ? "" : text);
	free(text);
	return whole;
}

static void print_kernel_station(const struct text *t, const struct station *s)
{
	bool last = s->priority == INT32_MAX;
	fprintf(t->out, "  %s", tint(t, DIM));
	if (last)
		fprintf(t->out, "%6s  %-13s", "", "");
	else
		fprintf(t->out, "%6d  %-13s", s->priority, "");
	fprintf(t->out, "· %s", s->name);
	if (s->flowtable) {
		putc(' ', t->out);
		print_name(t->out, s->flowtable->name);
	}
	fprintf(t->out, "%s\n", tint(t, PLAIN));
}

/* Two chains with one number: their order is that of loading, last one first. */
static bool shares_priority(const struct show_section *s, size_t i)
{
	return i && s->stations[i].kind == STATION_CHAIN && s->stations[i - 1].kind == STATION_CHAIN && s->stations[i].priority == s->stations[i - 1].priority;
}

static void print_chain_station(struct text *t, const struct show_section *section, size_t at)
{
	const struct station *s = &section->stations[at];
	const struct ruleset_chain *c = s->chain;
	const char *owner = ruleset_owner(c->table);
	struct chain_facts facts;
	struct buffer words = {0};
	char *priority = priority_text(s, c->table->family, section->hook);
	chain_facts(t->show->rs, c, &facts);
	chain_facts_text(&facts, &words);
	fprintf(t->out, "  %s%s%s ", priority ? priority : "", tint(t, BOLD), ruleset_family_name(c->table->family));
	print_name(t->out, c->table->name);
	putc(' ', t->out);
	print_name(t->out, c->name);
	fprintf(t->out, "%s", tint(t, PLAIN));
	if (owner)
		fprintf(t->out, " (%s)", owner);
	fprintf(t->out, "  %s, policy %s, %u rule%s", c->type, c->policy == NF_DROP ? "drop" : "accept", facts.n_rules, facts.n_rules == 1 ? "" : "s");
	if (facts.n_chains)
		fprintf(t->out, " in %u chains", facts.n_chains + 1);
	if (words.len)
		fprintf(t->out, "; %s", buffer_string(&words));
	if (facts.packets)
		fprintf(t->out, "; counted %" PRIu64 " packets", facts.packets);
	putc('\n', t->out);
	if (shares_priority(section, at))
		fprintf(t->out, "          %s^ same priority as the one before: the one loaded last goes first%s\n", tint(t, DIM), tint(t, PLAIN));
	free(priority);
	buffer_free(&words);
	if (t->show->rules || t->show->packet)
		print_rules(t, c);
}

static void print_sections(struct text *t)
{
	size_t n;
	struct show_section *sections = show_sections(t->show, &n);
	for (size_t i = 0; i < n; i++) {
		heading(t, sections[i].title);
		for (size_t k = 0; k < sections[i].n; k++) {
			const struct station *s = &sections[i].stations[k];
			if (s->kind == STATION_KERNEL)
				print_kernel_station(t, s);
			else
				print_chain_station(t, &sections[i], k);
		}
		if (!sections[i].n)
			fputs("          nothing\n", t->out);
	}
	show_sections_free(sections, n);
}

/* ---- what belongs to it ---- */

static void print_sets(const struct text *t)
{
	bool any = false;
	for (const struct ruleset_table *x = t->show->rs->tables; x; x = x->next)
		for (const struct ruleset_set *s = x->sets; s; s = s->next) {
			if (s->flags & NFT_SET_ANONYMOUS)
				continue;
			if (!any)
				heading(t, "sets");
			any = true;
			fprintf(t->out, "  %s ", ruleset_family_name(x->family));
			print_name(t->out, x->name);
			putc(' ', t->out);
			print_name(t->out, s->name);
			fprintf(t->out, ": %u element%s", s->n_elements, s->n_elements == 1 ? "" : "s");
			if (s->size)
				fprintf(t->out, " of %u (%u %%)", s->size, (unsigned)((uint64_t)s->n_elements * 100 / s->size));
			fprintf(t->out, "%s%s%s\n", s->flags & NFT_SET_MAP ? ", map" : "", s->flags & NFT_SET_TIMEOUT ? ", with timeouts" : "",
				s->flags & NFT_SET_EVAL ? ", filled by rules" : "");
		}
}

static void print_queues(const struct text *t)
{
	size_t n;
	struct show_queue *q = show_queues(t->show->rs, &n);
	if (n)
		heading(t, "queues");
	for (size_t i = 0; i < n; i++) {
		fprintf(t->out, "  queue %u: %s", q[i].number, q[i].used ? "used by rules" : "no rule leads there");
		if (!t->show->rs->live)
			fprintf(t->out, "%s\n", q[i].bypass ? ", bypass" : "");
		else if (q[i].listened)
			fprintf(t->out, "; process %u%s%s%s listens; %u waiting, %u dropped as it was full, %u dropped by its socket\n", q[i].port, q[i].process[0] ? " (" : "",
				q[i].process, q[i].process[0] ? ")" : "", q[i].waiting, q[i].dropped, q[i].user_dropped);
		else
			fprintf(t->out, "; nobody listens: packets are %s\n", q[i].bypass ? "accepted without inspection (bypass)" : "dropped");
	}
	free(q);
}

static void print_users(const struct text *t, const struct mark_map *m, uint32_t group, bool connection, bool writes)
{
	enum { SHOWN = 6 };
	size_t n = 0;
	for (size_t i = 0; i < m->n; i++) {
		const struct mark_use *u = &m->use[i];
		if (!(u->mask & group) || u->connection != connection || u->writes != writes)
			continue;
		if (n++ < SHOWN) {
			fprintf(t->out, "      %s ", writes ? "written by" : "read by");
			print_name(t->out, u->who);
			fprintf(t->out, "%s\n", u->unmasked ? " (all bits at once)" : "");
		}
	}
	if (n > SHOWN)
		fprintf(t->out, "      %s %zu more\n", writes ? "written by" : "read by", n - SHOWN);
}

static void print_marks(const struct text *t)
{
	struct mark_map m;
	uint32_t group;
	mark_map_read(&m, t->show);
	for (int connection = 0; connection < 2; connection++) {
		bool any = false;
		for (int at = 0; (group = mark_map_next(&m, connection, &at)) != 0;) {
			if (!any)
				heading(t, connection ? "bits of connection marks" : "bits of packet marks");
			any = true;
			fprintf(t->out, "  0x%08x\n", group);
			print_users(t, &m, group, connection, true);
			print_users(t, &m, group, connection, false);
		}
	}
	mark_map_free(&m);
}

static void print_gaps(const struct text *t)
{
	const struct ruleset *rs = t->show->rs;
	uint32_t n = 0;
	if (rs->n_gaps)
		heading(t, "not understood: what is said above does not hold for packets that meet these");
	for (const struct ruleset_gap *g = rs->gaps; g && n < GAPS_SHOWN; g = g->next, n++) {
		fputs("  ", t->out);
		print_name(t->out, g->what);
		if (g->rule) {
			fprintf(t->out, " (%s ", ruleset_family_name(g->rule->chain->table->family));
			print_name(t->out, g->rule->chain->table->name);
			putc(' ', t->out);
			print_name(t->out, g->rule->chain->name);
			fprintf(t->out, " rule %u)", g->rule->index);
		}
		putc('\n', t->out);
	}
	if (rs->n_gaps > GAPS_SHOWN)
		fprintf(t->out, "  and %u more\n", rs->n_gaps - GAPS_SHOWN);
}

void show_text(FILE *out, const struct show *s)
{
	struct text t = {.out = out, .show = s, .listed = xcalloc(s->rs->n_chains + 1, 1)};
	print_totals(&t);
	print_sections(&t);
	if (!s->hook && !s->packet) {
		print_sets(&t);
		print_queues(&t);
		print_marks(&t);
	}
	print_gaps(&t);
	free(t.listed);
}
