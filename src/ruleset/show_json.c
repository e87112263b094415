// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "ruleset/print.h"
#include "ruleset/show.h"

static void put_chain_name(struct json *j, const struct ruleset_chain *c)
{
	json_string(j, "family", ruleset_family_name(c->table->family));
	json_string(j, "table", c->table->name);
	json_string(j, "chain", c->name);
}

static void put_rule(struct json *j, const struct ruleset *rs, const struct ruleset_rule *r)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	if (!f)
		return;
	ruleset_print_rule(f, rs, r);
	fclose(f);
	json_open(j, NULL);
	json_uint(j, "index", r->index);
	if (r->handle)
		json_uint(j, "handle", r->handle);
	if (r->line)
		json_uint(j, "line", r->line);
	json_string(j, "text", text);
	for (const struct step *s = r->steps; s; s = s->next)
		if (s->kind == STEP_COUNTER && !s->counter.object && !s->counter.object_key) {
			json_uint(j, "packets", s->counter.packets);
			json_uint(j, "bytes", s->counter.bytes);
			break;
		}
	if (r->unknown)
		json_bool(j, "understood", false);
	json_close(j);
	free(text);
}

static void put_queue_numbers(struct json *j, const struct chain_facts *f)
{
	json_open_array(j, "queues");
	for (size_t i = 0; i < f->n_queues; i++) {
		json_open(j, NULL);
		json_uint(j, "from", f->queue[i].from);
		json_uint(j, "to", f->queue[i].to);
		json_bool(j, "bypass", f->queue[i].flags & NFT_QUEUE_FLAG_BYPASS);
		json_bool(j, "fanout", f->queue[i].flags & NFT_QUEUE_FLAG_CPU_FANOUT);
		json_close(j);
	}
	json_close_array(j);
}

static void put_station(struct json *j, const struct show *s, const struct station *st)
{
	struct chain_facts facts;
	json_open(j, NULL);
	if (st->kind == STATION_KERNEL) {
		json_string(j, "kernel", st->name);
		if (st->flowtable)
			json_string(j, "flowtable", st->flowtable->name);
		if (st->priority != INT32_MAX)
			json_int(j, "priority", st->priority);
		json_close(j);
		return;
	}
	chain_facts(s->rs, st->chain, &facts);
	const char *owner = ruleset_owner(st->chain->table);
	put_chain_name(j, st->chain);
	json_int(j, "priority", st->priority);
	json_string(j, "type", st->chain->type);
	json_string(j, "policy", st->chain->policy == NF_DROP ? "drop" : "accept");
	if (owner)
		json_string(j, "owner", owner);
	json_uint(j, "rules", facts.n_rules);
	json_bool(j, "drops", facts.drops);
	json_bool(j, "rejects", facts.rejects);
	json_bool(j, "understood", !facts.unknown);
	put_queue_numbers(j, &facts);
	json_close(j);
}

static void put_sections(struct json *j, const struct show *s)
{
	size_t n;
	struct show_section *sections = show_sections(s, &n);
	json_open_array(j, "hooks");
	for (size_t i = 0; i < n; i++) {
		json_open(j, NULL);
		json_string(j, "title", sections[i].title);
		json_string(j, "hook", ruleset_hook_name(sections[i].family, sections[i].hook));
		if (sections[i].device)
			json_string(j, "device", sections[i].device);
		json_open_array(j, "stations");
		for (size_t k = 0; k < sections[i].n; k++)
			put_station(j, s, &sections[i].stations[k]);
		json_close_array(j);
		json_close(j);
	}
	json_close_array(j);
	show_sections_free(sections, n);
}

static void put_chains(struct json *j, const struct show *s)
{
	json_open_array(j, "chains");
	for (const struct ruleset_table *t = s->rs->tables; t; t = t->next)
		for (const struct ruleset_chain *c = t->chains; c; c = c->next) {
			json_open(j, NULL);
			put_chain_name(j, c);
			json_open_array(j, "rules");
			for (const struct ruleset_rule *r = c->rules; r; r = r->next)
				if (!s->packet || rule_may_match(s->rs, r, s->packet) != MATCH_NO)
					put_rule(j, s->rs, r);
			json_close_array(j);
			json_close(j);
		}
	json_close_array(j);
}

static void put_sets(struct json *j, const struct show *s)
{
	json_open_array(j, "sets");
	for (const struct ruleset_table *t = s->rs->tables; t; t = t->next)
		for (const struct ruleset_set *set = t->sets; set; set = set->next) {
			if (set->flags & NFT_SET_ANONYMOUS)
				continue;
			json_open(j, NULL);
			json_string(j, "family", ruleset_family_name(t->family));
			json_string(j, "table", t->name);
			json_string(j, "name", set->name);
			json_uint(j, "elements", set->n_elements);
			if (set->size)
				json_uint(j, "size", set->size);
			json_bool(j, "map", set->flags & NFT_SET_MAP);
			json_close(j);
		}
	json_close_array(j);
}

static void put_queues(struct json *j, const struct show *s)
{
	size_t n;
	struct show_queue *q = show_queues(s->rs, &n);
	json_open_array(j, "queues");
	for (size_t i = 0; i < n; i++) {
		json_open(j, NULL);
		json_uint(j, "number", q[i].number);
		json_bool(j, "used", q[i].used);
		json_bool(j, "bypass", q[i].bypass);
		if (s->rs->live)
			json_bool(j, "listened", q[i].listened);
		if (q[i].listened) {
			json_uint(j, "process", q[i].port);
			json_string(j, "name", q[i].process);
			json_uint(j, "waiting", q[i].waiting);
			json_uint(j, "dropped", q[i].dropped);
			json_uint(j, "user_dropped", q[i].user_dropped);
		}
		json_close(j);
	}
	json_close_array(j);
	free(q);
}

static void put_marks(struct json *j, const struct show *s)
{
	struct mark_map m;
	char mask[16];
	mark_map_read(&m, s);
	json_open_array(j, "marks");
	for (size_t i = 0; i < m.n; i++) {
		snprintf(mask, sizeof mask, "0x%08x", m.use[i].mask);
		json_open(j, NULL);
		json_string(j, "mark", m.use[i].connection ? "connection" : "packet");
		json_string(j, "mask", mask);
		json_string(j, "does", m.use[i].writes ? "writes" : "reads");
		json_string(j, "who", m.use[i].who);
		json_close(j);
	}
	json_close_array(j);
	mark_map_free(&m);
}

static void put_gaps(struct json *j, const struct show *s)
{
	json_open_array(j, "not_understood");
	for (const struct ruleset_gap *g = s->rs->gaps; g; g = g->next) {
		json_open(j, NULL);
		json_string(j, "what", g->what);
		if (g->rule) {
			put_chain_name(j, g->rule->chain);
			json_uint(j, "rule", g->rule->index);
		}
		json_close(j);
	}
	json_close_array(j);
}

void show_json(FILE *out, const struct show *s)
{
	struct buffer b = {0};
	struct json j = json_into(&b);
	json_open(&j, NULL);
	json_string(&j, "source", s->rs->source);
	if (s->rs->live)
		json_uint(&j, "generation", s->rs->generation);
	json_uint(&j, "n_chains", s->rs->n_chains);
	json_uint(&j, "n_rules", s->rs->n_rules);
	put_sections(&j, s);
	if (s->rules || s->packet)
		put_chains(&j, s);
	put_sets(&j, s);
	put_queues(&j, s);
	put_marks(&j, s);
	put_gaps(&j, s);
	json_close(&j);
	fwrite(b.data, 1, b.len, out);
	putc('\n', out);
	buffer_free(&b);
}
