// SPDX-License-Identifier: GPL-2.0-or-later
/* Chains, their order and their jumps; sets; blocks that miss what is forwarded. */
#include <stdlib.h>
#include <string.h>

#include "ruleset/check.h"
#include "ruleset/print.h"

/* ---- priorities ---- */

static bool share_packets(const struct ruleset_chain *a, const struct ruleset_chain *b)
{
	uint32_t x = a->table->family, y = b->table->family;
	bool ip = (x == NFPROTO_INET && (y == NFPROTO_IPV4 || y == NFPROTO_IPV6)) || (y == NFPROTO_INET && (x == NFPROTO_IPV4 || x == NFPROTO_IPV6));
	return x == y || ip;
}

static bool same_devices(const struct ruleset_chain *a, const struct ruleset_chain *b)
{
	if (!a->devices || !b->devices)
		return true;
	for (size_t i = 0; a->devices[i]; i++)
		for (size_t k = 0; b->devices[k]; k++)
			if (strcmp(a->devices[i], b->devices[k]) == 0)
				return true;
	return false;
}

static const struct ruleset_chain *equal_of(const struct ruleset *rs, const struct ruleset_chain *c)
{
	for (const struct ruleset_table *t = rs->tables; t; t = t->next)
		for (const struct ruleset_chain *e = t->flags & NFT_TABLE_F_DORMANT ? NULL : t->chains; e; e = e->next) {
			if (e == c)
				return NULL; /* told with the first of them */
			if (e->type && e->hook == c->hook && e->priority == c->priority && symbolic_is_nat(e) == symbolic_is_nat(c) && share_packets(e, c) &&
				same_devices(e, c))
				return e;
		}
	return NULL;
}

static void check_priorities(struct check *c)
{
	for (const struct ruleset_table *t = c->rs->tables; t; t = t->next)
		for (const struct ruleset_chain *ch = t->flags & NFT_TABLE_F_DORMANT ? NULL : t->chains; ch; ch = ch->next) {
			const struct ruleset_chain *e = ch->type ? equal_of(c->rs, ch) : NULL;
			if (e)
				check_add_chain(c, EQUAL_PRIORITIES, ch, "priority %d on hook %s is also that of chain %s in table %s %s", ch->priority,
						ruleset_hook_name(t->family, ch->hook), e->name, ruleset_family_name(e->table->family), e->table->name);
		}
}

/* ---- jumps ---- */

struct graph {
	const struct chain_edge *edge;
	size_t n;
	size_t *first; /* by chain number: its first edge */
	uint8_t *state; /* 1: on the way, 2: done */
	uint32_t *hooks; /* by chain: the hooks from which packets come, bits */
};

static void make_graph(const struct ruleset *rs, struct graph *g)
{
	size_t n;
	struct chain_edge *edges = ruleset_edges(rs, &n);
	*g = (struct graph){.edge = edges, .n = n, .first = xcalloc(rs->n_chains + 1, sizeof *g->first), .state = xcalloc(rs->n_chains + 1, 1),
		.hooks = xcalloc(rs->n_chains + 1, sizeof *g->hooks)};
	for (size_t i = n; i-- > 0;)
		g->first[edges[i].from->number] = i + 1;
}

static void free_graph(struct graph *g)
{
	free((void *)g->edge);
	free(g->first);
	free(g->state);
	free(g->hooks);
}

/* Depth first, without recursion: a chain that is met again while it is on the way closes a circle. */
static void find_cycle(struct check *c, struct graph *g, const struct ruleset_chain *from)
{
	size_t *stack = xcalloc(c->rs->n_chains + 1, sizeof *stack), depth = 0; /* edges + 1, of each chain the next to look at */
	const struct ruleset_chain **on = xcalloc(c->rs->n_chains + 1, sizeof *on);
	on[0] = from;
	stack[0] = g->first[from->number];
	g->state[from->number] = 1;
	for (;;) {
		const struct chain_edge *e = stack[depth] ? &g->edge[stack[depth] - 1] : NULL;
		if (!e || e->from != on[depth]) {
			g->state[on[depth]->number] = 2;
			if (!depth--)
				break;
			continue;
		}
		stack[depth] = stack[depth] < g->n ? stack[depth] + 1 : 0;
		if (g->state[e->to->number] == 1)
			check_add(c, JUMP_CYCLE, e->rule, "it jumps to chain %s, from which packets came here", e->to->name);
		if (g->state[e->to->number])
			continue;
		depth++;
		on[depth] = e->to;
		stack[depth] = g->first[e->to->number];
		g->state[e->to->number] = 1;
	}
	free(stack);
	free(on);
}

static void spread_hooks(const struct ruleset *rs, struct graph *g)
{
	bool more = true;
	for (const struct ruleset_table *t = rs->tables; t; t = t->next)
		for (const struct ruleset_chain *c = t->flags & NFT_TABLE_F_DORMANT ? NULL : t->chains; c; c = c->next)
			if (c->type)
				g->hooks[c->number] = (t->family == NFPROTO_NETDEV ? 1u << 16 : 1u) << c->hook;
	while (more) {
		more = false;
		for (size_t i = 0; i < g->n; i++) {
			uint32_t *to = &g->hooks[g->edge[i].to->number], with = *to | g->hooks[g->edge[i].from->number];
			more |= with != *to;
			*to = with;
		}
	}
}

void check_structure(struct check *c)
{
	struct graph g;
	make_graph(c->rs, &g);
	spread_hooks(c->rs, &g);
	check_priorities(c);
	for (const struct ruleset_table *t = c->rs->tables; t; t = t->next)
		for (const struct ruleset_chain *ch = t->chains; ch; ch = ch->next) {
			if (!g.state[ch->number])
				find_cycle(c, &g, ch);
			if (!ch->type && !g.hooks[ch->number] && !(t->flags & NFT_TABLE_F_DORMANT))
				check_add_chain(c, DEAD_CHAIN, ch, "no rule that packets reach jumps to it (%u rules)", ch->n_rules);
		}
	free_graph(&g);
}

/* ---- sets ---- */

static bool is_asked(const struct check *c, const struct ruleset_set *set, const struct ruleset_rule **by)
{
	for (const struct ruleset_chain *ch = set->table->chains; ch; ch = ch->next)
		for (const struct ruleset_rule *r = ch->rules; r; r = r->next)
			for (const struct step *s = r->steps; s; s = s->next)
				if ((s->kind == STEP_LOOKUP || s->kind == STEP_VERDICT_MAP) && s->lookup.set == set) {
					*by = r;
					return true;
				}
	return false;
}

static bool overlap(const struct ruleset_set *set, const struct ruleset_element *a, const struct ruleset_element *b)
{
	const uint8_t *a_end = a->key_end ? a->key_end : a->key, *b_end = b->key_end ? b->key_end : b->key;
	if (!set->n_fields)
		return memcmp(a_end, b->key, set->key_len) >= 0 && memcmp(b_end, a->key, set->key_len) >= 0;
	for (size_t i = 0, at = 0; i < set->n_fields; at += (set->field_len[i] + 3u) & ~3u, i++)
		if (memcmp(a_end + at, b->key + at, set->field_len[i]) < 0 || memcmp(b_end + at, a->key + at, set->field_len[i]) < 0)
			return false;
	return true;
}

static void check_overlaps(struct check *c, const struct ruleset_set *set)
{
	uint32_t reach = set->n_fields && set->flags & NFT_SET_INTERVAL ? 200 : 1; /* sorted sets: neighbours */
	for (uint32_t i = 0; i < set->n_elements && !set->left_out; i++)
		for (uint32_t k = i + 1; k < set->n_elements && k <= i + reach; k++) {
			if (set->elements[i].catch_all || set->elements[k].catch_all || !overlap(set, &set->elements[i], &set->elements[k]))
				continue;
			struct finding *f = check_add(c, OVERLAPPING_INTERVALS, NULL, "elements %u and %u of set %s overlap", i + 1, k + 1, set->name);
			if (f) {
				f->set = set;
				f->table = set->table;
			}
			return;
		}
}

void check_sets(struct check *c)
{
	for (const struct ruleset_table *t = c->rs->tables; t; t = t->next)
		for (const struct ruleset_set *set = t->sets; set; set = set->next) {
			const struct ruleset_rule *by = NULL;
			if (set->flags & NFT_SET_INTERVAL)
				check_overlaps(c, set);
			if (set->n_elements || set->flags & (NFT_SET_EVAL | NFT_SET_TIMEOUT) || strcmp(t->name, "sluice") == 0 || !is_asked(c, set, &by))
				continue;
			struct finding *f = check_add(c, EMPTY_SET, by, "set %s has no elements, and no timeout that would say that they come and go", set->name);
			if (f)
				f->set = set;
		}
}

/* ---- blocks and containers ---- */

static bool decides(const struct ruleset_rule *r, bool drop)
{
	for (const struct step *s = r->steps; s; s = s->next)
		if (drop ? s->kind == STEP_REJECT || (s->kind == STEP_VERDICT && s->verdict.code == NF_DROP) : s->kind == STEP_VERDICT && s->verdict.code == NF_ACCEPT)
			return true;
	return false;
}

/* A set of sources whose packets the rule drops. */
static const struct ruleset_set *blocked_set(const struct ruleset_rule *r)
{
	for (const struct step *s = r->steps; s; s = s->next) {
		const struct operand *o = s->kind == STEP_LOOKUP && !s->inverted ? s->lookup.operand : NULL;
		bool source = o && o->source == SOURCE_PAYLOAD && o->payload.base == NFT_PAYLOAD_NETWORK_HEADER && (o->payload.offset == 12 || o->payload.offset == 8);
		if (source && s->lookup.set && !(s->lookup.set->flags & NFT_SET_ANONYMOUS) && decides(r, true))
			return s->lookup.set;
	}
	return NULL;
}

static bool translates_to_containers(const struct ruleset *rs)
{
	for (const struct ruleset_table *t = rs->tables; t; t = t->next)
		for (const struct ruleset_chain *c = t->chains; c; c = c->next)
			for (const struct ruleset_rule *r = c->rules; r; r = r->next) {
				const struct step *s = check_find_step(r, STEP_NAT, NULL);
				if (s && s->nat.type == NFT_NAT_DNAT && s->nat.address_min)
					return true;
			}
	return false;
}

static bool blocked_elsewhere(const struct ruleset *rs, const struct graph *g, const struct ruleset_set *set)
{
	const uint32_t early = 1u << NF_INET_PRE_ROUTING | 1u << NF_INET_FORWARD | 1u << NF_INET_INGRESS | 0xffffu << 16;
	for (const struct ruleset_table *t = rs->tables; t; t = t->next)
		for (const struct ruleset_chain *c = t->chains; c; c = c->next)
			for (const struct ruleset_rule *r = g->hooks[c->number] & early ? c->rules : NULL; r; r = r->next) {
				const struct ruleset_set *b = blocked_set(r);
				if (b && (b == set || strcmp(b->name, set->name) == 0))
					return true;
			}
	return false;
}

void check_blocks(struct check *c)
{
	struct graph g;
	if (!translates_to_containers(c->rs))
		return;
	make_graph(c->rs, &g);
	spread_hooks(c->rs, &g);
	for (const struct ruleset_table *t = c->rs->tables; t; t = t->next)
		for (const struct ruleset_chain *ch = t->chains; ch; ch = ch->next)
			for (const struct ruleset_rule *r = g.hooks[ch->number] == 1u << NF_INET_LOCAL_IN ? ch->rules : NULL; r; r = r->next) {
				const struct ruleset_set *set = blocked_set(r);
				if (set && !blocked_elsewhere(c->rs, &g, set))
					check_add(c, BLOCK_MISSES_CONTAINERS, r,
						"sources in set %s are dropped on input, but connections that destination NAT forwards never meet that hook", set->name);
			}
	free_graph(&g);
}
