// SPDX-License-Identifier: GPL-2.0-or-later
/* The bits of packet and connection marks: who writes them, who reads them. */
#include <stdlib.h>
#include <string.h>

#include "ruleset/check.h"
#include "ruleset/print.h"

enum { PACKET, CONNECTION, MARKS };

struct owner_bits {
	const struct ruleset_table *table; /* the first of its owner */
	const char *name;
	uint32_t writes[MARKS], reads[MARKS];
	const struct ruleset_rule *writer[MARKS], *reader[MARKS], *unmasked[MARKS];
	const struct step *unmasked_step[MARKS];
};

struct bits {
	struct owner_bits *owner;
	size_t n;
};

static struct owner_bits *take_owner(struct bits *b, const struct ruleset_table *t)
{
	const char *name = check_table_owner(t);
	for (size_t i = 0; i < b->n; i++)
		if (strcmp(b->owner[i].name, name) == 0)
			return &b->owner[i];
	b->owner = xrealloc(b->owner, (b->n + 1) * sizeof *b->owner);
	b->owner[b->n] = (struct owner_bits){.table = t, .name = name};
	return &b->owner[b->n++];
}

static int mark_of_operand(const struct operand *o)
{
	if (o && o->source == SOURCE_META && o->key.key == NFT_META_MARK)
		return PACKET;
	return o && o->source == SOURCE_CT && o->key.key == NFT_CT_MARK ? CONNECTION : -1;
}

static uint32_t kept_bits(const struct operand *o)
{
	uint32_t mask = UINT32_MAX;
	for (const struct change *c = o->changes; c; c = c->next)
		if (c->kind == CHANGE_MASK_XOR && c->mask && o->len == 4) {
			uint32_t m;
			memcpy(&m, c->mask, 4);
			mask &= m;
		}
	return mask;
}

static void read_operand(struct owner_bits *o, const struct ruleset_rule *r, const struct operand *operand)
{
	for (; operand; operand = operand->next) {
		int mark = mark_of_operand(operand);
		if (mark < 0)
			continue;
		o->reads[mark] |= kept_bits(operand);
		if (!o->reader[mark])
			o->reader[mark] = r;
	}
}

/* The bits that a write gives new values: of `mark = (mark & mask) ^ xor` those that are masked out, or turned. */
static uint32_t written_bits(const struct step *s, int mark)
{
	const struct operand *o = s->write.operand;
	uint32_t turned = 0;
	if (!o || mark_of_operand(o) != mark)
		return UINT32_MAX;
	for (const struct change *c = o->changes; c; c = c->next)
		if (c->kind == CHANGE_MASK_XOR && c->xor && o->len == 4) {
			uint32_t x;
			memcpy(&x, c->xor, 4);
			turned |= x;
		}
	return ~kept_bits(o) | turned;
}

static void write_step(struct owner_bits *o, const struct ruleset_rule *r, const struct step *s)
{
	int mark = s->write.target == WRITE_META && s->write.key == NFT_META_MARK ? PACKET : s->write.target == WRITE_CT && s->write.key == NFT_CT_MARK ? CONNECTION : -1;
	if (mark < 0)
		return;
	uint32_t bits = written_bits(s, mark);
	int from = mark_of_operand(s->write.operand);
	if (from >= 0 && from != mark) { /* a copy of the other mark: restored or saved, nobody's bits are lost that were saved before */
		o->writes[mark] |= kept_bits(s->write.operand);
	} else {
		o->writes[mark] |= bits;
		if (bits == UINT32_MAX && !o->unmasked[mark]) {
			o->unmasked[mark] = r;
			o->unmasked_step[mark] = s;
		}
	}
	if (!o->writer[mark])
		o->writer[mark] = r;
}

static void look_at_steps(struct owner_bits *o, const struct ruleset_rule *r, const struct step *first)
{
	for (const struct step *s = first; s; s = s->next) {
		if (s->kind == STEP_COMPARE || s->kind == STEP_RANGE)
			read_operand(o, r, s->match.operand);
		else if (s->kind == STEP_LOOKUP || s->kind == STEP_VERDICT_MAP)
			read_operand(o, r, s->lookup.operand);
		else if (s->kind == STEP_WRITE)
			write_step(o, r, s);
		else if (s->kind == STEP_XT_MATCH || s->kind == STEP_XT_TARGET)
			look_at_steps(o, r, s->xt.meaning);
	}
}

static void tell(struct check *c, const struct owner_bits *a, const struct owner_bits *b, int mark)
{
	static const char *const words[MARKS] = {"packet mark", "connection mark"};
	uint32_t others = b->reads[mark] | b->writes[mark];
	struct finding *f = NULL;
	if (a->unmasked[mark] && others) {
		f = check_add(c, MARK_WRITE_UNMASKED, a->unmasked[mark], "the whole %s is written, of which %s uses 0x%08x", words[mark], b->name, others);
		if (f)
			f->step = a->unmasked_step[mark];
		return;
	}
	uint32_t shared = a->writes[mark] & b->reads[mark];
	if (shared)
		check_add(c, MARK_BITS_SHARED, a->writer[mark], "%s writes bits 0x%08x of the %s, which %s reads (chain %s, rule %u)", a->name, shared, words[mark], b->name,
			  b->reader[mark]->chain->name, b->reader[mark]->index);
}

void check_mark_bits(struct check *c)
{
	struct bits b = {0};
	for (const struct ruleset_table *t = c->rs->tables; t; t = t->next) {
		struct owner_bits *o = take_owner(&b, t);
		for (const struct ruleset_chain *ch = t->chains; ch; ch = ch->next)
			for (const struct ruleset_rule *r = ch->rules; r; r = r->next)
				look_at_steps(o, r, r->steps);
	}
	for (size_t i = 0; i < b.n; i++)
		for (size_t k = 0; k < b.n; k++)
			for (int mark = 0; mark < MARKS && i != k; mark++)
				tell(c, &b.owner[i], &b.owner[k], mark);
	free(b.owner);
}
