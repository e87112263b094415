// SPDX-License-Identifier: GPL-2.0-or-later
/* Statements that change packets, their marks or their state: what a set of packets becomes. */
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_nat.h>
#include <string.h>

#include "ruleset/symbolic.h"

enum { MAX_VALUES = 256 };

/* The bits that a statement gives new values, and those. */
struct change_of {
	bit_t to[SYMBOLIC_BITS], from[SYMBOLIC_BITS]; /* from BIT_UNASKED: anything */
	size_t n;
};

static void put_operand(struct symbolic *sy, struct change_of *c, const struct operand *dest, uint32_t first, size_t len, const struct operand *value)
{
	bit_t bits[SYMBOLIC_BITS];
	size_t n = value ? symbolic_bits(sy, value, bits, SYMBOLIC_BITS, NULL) : 0;
	for (size_t i = 0; i < len * 8 && c->n < SYMBOLIC_BITS; i++) {
		bit_t b = symbolic_bit(sy, dest, first + (uint32_t)i);
		if (b <= 0 || (i < n && bits[i] == b))
			continue; /* nobody asks, or it stays */
		c->to[c->n] = b;
		c->from[c->n++] = i < n ? bits[i] : BIT_UNASKED;
	}
}

static void put_address(struct symbolic *sy, struct change_of *c, bool source, const struct operand *from, const struct operand *to)
{
	struct operand net = symbolic_payload(NFT_PAYLOAD_NETWORK_HEADER);
	bool v4 = sy->family == NFPROTO_IPV4;
	uint32_t at = v4 ? (source ? 96 : 128) : (source ? 64 : 192);
	put_operand(sy, c, &net, at, v4 ? 4 : 16, to && to != from ? NULL : from);
}

static void put_nat(struct symbolic *sy, struct change_of *c, const struct step *s)
{
	bool source = s->nat.type == NFT_NAT_SNAT;
	struct operand transport = symbolic_payload(NFT_PAYLOAD_TRANSPORT_HEADER);
	if (s->nat.address_min || s->nat.masquerade || s->nat.redirect)
		put_address(sy, c, source, s->nat.address_min, s->nat.address_max);
	if (s->nat.port_min)
		put_operand(sy, c, &transport, source ? 0 : 16, 2, s->nat.port_max && s->nat.port_max != s->nat.port_min ? NULL : s->nat.port_min);
}

static void gather(struct symbolic *sy, const struct step *s, struct change_of *c)
{
	struct operand dest;
	uint32_t untracked = NF_CT_STATE_UNTRACKED_BIT;
	const struct operand value = {.source = SOURCE_IMMEDIATE, .len = 4, .data = (const uint8_t *)&untracked};
	switch (s->kind) {
	case STEP_WRITE:
		if (s->write.target == WRITE_META || s->write.target == WRITE_CT) {
			dest = symbolic_key(s->write.target == WRITE_META ? SOURCE_META : SOURCE_CT, s->write.key);
			put_operand(sy, c, &dest, 0, s->write.operand ? s->write.operand->len : 4, s->write.operand);
		} else if (s->write.target == WRITE_PAYLOAD) {
			dest = symbolic_payload(s->write.base);
			put_operand(sy, c, &dest, s->write.offset * 8, s->write.len, s->write.operand);
		}
		break;
	case STEP_NAT:
		put_nat(sy, c, s);
		break;
	case STEP_NOTRACK:
		dest = symbolic_key(SOURCE_CT, NFT_CT_STATE);
		put_operand(sy, c, &dest, 0, 4, &value);
		break;
	case STEP_XT_TARGET:
		for (const struct step *m = s->xt.meaning; m; m = m->next)
			gather(sy, m, c);
		break;
	default:
		break;
	}
}

bool symbolic_writes(const struct symbolic *sy, const struct step *s)
{
	struct change_of c = {.n = 0};
	gather((struct symbolic *)sy, s, &c);
	return c.n > 0;
}

static bdd_t same_bits(struct symbolic *sy, bit_t to, bit_t from)
{
	uint32_t a = (uint32_t)to / 2;
	if (from == BIT_0 || from == BIT_1)
		return bdd_var(&sy->b, a, from == BIT_1);
	uint32_t b = (uint32_t)from / 2;
	bdd_t one = bdd_and(&sy->b, bdd_var(&sy->b, a, true), bdd_var(&sy->b, b, !(from & 1)));
	return bdd_or(&sy->b, one, bdd_and(&sy->b, bdd_var(&sy->b, a, false), bdd_var(&sy->b, b, from & 1)));
}

static bdd_t apply_change(struct symbolic *sy, const struct change_of *c, bdd_t set)
{
	bool forget[BDD_MAX_LEVELS] = {0};
	for (size_t i = 0; i < c->n; i++)
		forget[c->to[i] / 2] = true;
	set = bdd_exists(&sy->b, set, forget);
	for (size_t i = c->n; i-- > 0;)
		if (c->from[i] != BIT_UNASKED && (c->from[i] < 0 || !forget[c->from[i] / 2]))
			set = bdd_and(&sy->b, set, same_bits(sy, c->to[i], c->from[i]));
	return set;
}

bdd_t symbolic_write(struct symbolic *sy, const struct step *s, bdd_t set)
{
	struct change_of c = {.n = 0};
	gather(sy, s, &c);
	return c.n ? apply_change(sy, &c, set) : set;
}

void symbolic_written(struct symbolic *sy, const struct step *s, bool *levels)
{
	struct change_of c = {.n = 0};
	gather(sy, s, &c);
	for (size_t i = 0; i < c.n; i++)
		levels[c.to[i] / 2] = true;
}

void symbolic_write_value(struct symbolic *sy, const struct step *s, uint8_t *value)
{
	struct change_of c = {.n = 0};
	uint8_t old[BDD_MAX_LEVELS];
	gather(sy, s, &c);
	memcpy(old, value, sizeof old);
	for (size_t i = 0; i < c.n; i++)
		if (c.from[i] != BIT_UNASKED)
			value[c.to[i] / 2] = c.from[i] < 0 ? c.from[i] == BIT_1 : old[c.from[i] / 2] ^ (c.from[i] & 1);
}

bdd_t symbolic_mark_queued(struct symbolic *sy, bdd_t set)
{
	bool forget[BDD_MAX_LEVELS] = {[LEVEL_QUEUED] = true};
	return bdd_and(&sy->b, bdd_exists(&sy->b, set, forget), bdd_var(&sy->b, LEVEL_QUEUED, true));
}

/* Packets of known connections had their addresses changed if NAT chose so: both forms are possible. */
bdd_t symbolic_forget_nat(struct symbolic *sy, bdd_t set, bool source)
{
	struct change_of c = {.n = 0};
	struct operand transport = symbolic_payload(NFT_PAYLOAD_TRANSPORT_HEADER);
	put_address(sy, &c, source, NULL, NULL);
	put_operand(sy, &c, &transport, source ? 0 : 16, 2, NULL);
	bdd_t known = bdd_and(&sy->b, set, symbolic_state(sy, 2 | 4));
	return bdd_or(&sy->b, set, apply_change(sy, &c, known));
}

/* ---- marks ---- */

struct marks {
	uint32_t value[MAX_VALUES][2]; /* of connection, packet */
	size_t n;
	bool any; /* too many, or not constants */
};

static void add_marks(struct marks *m, uint32_t ct, uint32_t packet)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->value[i][0] == ct && m->value[i][1] == packet)
			return;
	if (m->n == MAX_VALUES)
		m->any = true;
	else
		memcpy(m->value[m->n++], (uint32_t[]){ct, packet}, 8);
}

static uint32_t u32_at(const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof v);
	return v;
}

static bool evaluate_mark(const struct operand *o, uint32_t ct, uint32_t packet, uint32_t *out)
{
	if (!o || o->len != 4 || o->next)
		return false;
	if (o->source == SOURCE_IMMEDIATE)
		*out = u32_at(o->data);
	else if (o->source == SOURCE_META && o->key.key == NFT_META_MARK)
		*out = packet;
	else if (o->source == SOURCE_CT && o->key.key == NFT_CT_MARK)
		*out = ct;
	else
		return false;
	for (const struct change *c = o->changes; c; c = c->next) {
		if (c->kind == CHANGE_MASK_XOR)
			*out = (*out & (c->mask ? u32_at(c->mask) : UINT32_MAX)) ^ (c->xor ? u32_at(c->xor) : 0);
		else if (c->kind == CHANGE_SHIFT_LEFT)
			*out = c->shift < 32 ? *out << c->shift : 0;
		else if (c->kind == CHANGE_SHIFT_RIGHT)
			*out = c->shift < 32 ? *out >> c->shift : 0;
		else
			return false;
	}
	return true;
}

static void write_mark(struct marks *m, const struct step *s)
{
	bool meta = s->write.target == WRITE_META && s->write.key == NFT_META_MARK, ct = s->write.target == WRITE_CT && s->write.key == NFT_CT_MARK;
	for (size_t i = 0; (meta || ct) && i < m->n && !m->any; i++) {
		uint32_t value, old_ct = m->value[i][0], old = m->value[i][1];
		if (!evaluate_mark(s->write.operand, old_ct, old, &value))
			m->any = true;
		else
			add_marks(m, ct ? value : old_ct, meta ? value : old);
	}
}

static void write_marks(struct marks *m, const struct step *first)
{
	for (const struct step *s = first; s && !m->any; s = s->next) {
		if (s->kind == STEP_WRITE)
			write_mark(m, s);
		else if (s->kind == STEP_XT_TARGET)
			for (const struct step *x = s->xt.meaning; x; x = x->next)
				if (x->kind == STEP_WRITE)
					write_mark(m, x);
	}
}

/* All marks that writes can make of 0, whichever of them run in whatever order. The IPS's own table is left out: what it releases is meant to pass. */
static void close_marks(const struct symbolic *sy, struct marks *m)
{
	for (size_t before = 0; before != m->n && !m->any;) {
		before = m->n;
		for (const struct ruleset_table *t = sy->rs->tables; t; t = t->next)
			for (const struct ruleset_chain *c = symbolic_has_table(sy, t) && strcmp(t->name, "sluice") != 0 ? t->chains : NULL; c; c = c->next)
				for (const struct ruleset_rule *r = c->rules; r && !m->any; r = r->next)
					write_marks(m, r->steps);
		size_t n = m->n; /* the next packet of a connection comes without a mark of its own */
		for (size_t i = 0; i < n; i++)
			add_marks(m, m->value[i][0], 0);
	}
}

bdd_t symbolic_marks_at_start(struct symbolic *sy)
{
	struct marks m = {.n = 1};
	struct operand packet = symbolic_key(SOURCE_META, NFT_META_MARK), ct = symbolic_key(SOURCE_CT, NFT_CT_MARK);
	uint32_t zero = 0;
	bdd_t none = symbolic_equals(sy, &ct, 0, &zero, sizeof zero), any = none;
	close_marks(sy, &m);
	for (size_t i = 0; i < m.n && !m.any; i++)
		any = bdd_or(&sy->b, any, symbolic_equals(sy, &ct, 0, &m.value[i][0], 4));
	if (m.any)
		any = BDD_TRUE;
	bdd_t fresh = bdd_and(&sy->b, symbolic_state(sy, 1 | 8 | 64), none), known = bdd_and(&sy->b, symbolic_state(sy, 2 | 4), any);
	return bdd_and(&sy->b, symbolic_equals(sy, &packet, 0, &zero, sizeof zero), bdd_or(&sy->b, fresh, known));
}
