// SPDX-License-Identifier: GPL-2.0-or-later
/* Chains: rule after rule, jumps and returns, policies; what nft_do_chain() does. */
#include "ruleset/eval.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void trace_event(struct trace *t, struct trace_event e)
{
	if (!t->o.event)
		return;
	e.base = t->base;
	if (!e.chain)
		e.chain = t->chain;
	if (!e.rule && e.kind != TRACE_POLICY && e.kind != TRACE_RETURN && e.kind != TRACE_STATION)
		e.rule = t->rule;
	t->o.event(t->o.context, &t->packet, &e);
}

void trace_unknown(struct trace *t, const char *format, ...)
{
	char text[256];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	t->result.uncertain = true;
	trace_event(t, (struct trace_event){.kind = TRACE_UNKNOWN, .text = text});
}

/* Steps of one rule. CONTINUE: all were taken; BREAK: one did not hold. */
static struct verdict rule_run(struct trace *t, const struct ruleset_rule *r)
{
	struct verdict v = {.code = NFT_CONTINUE};
	t->rule = r;
	for (const struct step *s = r->steps; s && v.code == NFT_CONTINUE; s = s->next)
		step_run(t, s, NULL, &v);
	return v;
}

static bool is_terminal(int32_t code)
{
	return code == NF_ACCEPT || code == NF_DROP || code == NF_STOLEN || code == NF_QUEUE;
}

static void rule_event(struct trace *t, const struct ruleset_rule *r, struct verdict v)
{
	trace_event(t, (struct trace_event){.kind = TRACE_RULE, .rule = r, .verdict = v});
}

static int32_t policy_of(struct trace *t, const struct ruleset_chain *base)
{
	t->chain = base;
	t->rule = NULL;
	trace_event(t, (struct trace_event){.kind = TRACE_POLICY, .chain = base, .verdict = {.code = base->policy}});
	if (base->policy == NF_DROP)
		t->result.chain = base;
	return base->policy;
}

int32_t chain_run(struct trace *t, const struct ruleset_chain *base)
{
	const struct ruleset_rule *back[JUMP_DEPTH];
	const struct ruleset_chain *back_chain[JUMP_DEPTH];
	const struct ruleset_rule *r = base->rules;
	size_t depth = 0, gotos = 0;
	t->base = t->chain = base;
	t->rule = NULL;
	trace_event(t, (struct trace_event){.kind = TRACE_PACKET});
	for (;;) {
		struct verdict v = {.code = NFT_CONTINUE};
		for (; r; r = r->next) {
			v = rule_run(t, r);
			if (v.code == NFT_BREAK)
				v.code = NFT_CONTINUE;
			else
				rule_event(t, r, v);
			if (v.code != NFT_CONTINUE)
				break;
		}
		if (is_terminal(v.code)) {
			t->result.rule = r;
			t->result.chain = t->chain;
			return v.code;
		}
		if (v.code == NFT_JUMP || v.code == NFT_GOTO) {
			if ((v.code == NFT_JUMP && depth == JUMP_DEPTH) || ++gotos > 4096 || !v.chain)
				return NF_DROP; /* the kernel does not load such a ruleset */
			if (v.code == NFT_JUMP) {
				back_chain[depth] = t->chain;
				back[depth++] = r->next;
			}
			t->chain = v.chain;
			r = v.chain->rules;
			continue;
		}
		if (!r)
			trace_event(t, (struct trace_event){.kind = TRACE_RETURN, .verdict = {.code = NFT_CONTINUE}});
		if (!depth)
			return policy_of(t, base);
		t->chain = back_chain[--depth];
		r = back[depth];
	}
}
