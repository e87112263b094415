// SPDX-License-Identifier: GPL-2.0-or-later
/* The map of mark bits: who writes and who reads which. */
#include <arpa/inet.h>
#include <linux/fib_rules.h>
#include <linux/pkt_cls.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "net/rtnl_private.h"
#include "net/tc.h"
#include "ruleset/print.h"
#include "ruleset/show.h"

enum { USES_MAX = 4096 };
#define ALL_BITS 0xffffffffu

static void add_use(struct mark_map *m, uint32_t mask, bool writes, bool connection, const char *who, bool unmasked)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->use[i].mask == mask && m->use[i].writes == writes && m->use[i].connection == connection && strcmp(m->use[i].who, who) == 0)
			return;
	if (!mask || m->n == USES_MAX)
		return;
	if ((m->n & (m->n - 1)) == 0)
		m->use = xrealloc(m->use, (m->n ? m->n * 2 : 1) * sizeof *m->use);
	m->use[m->n] = (struct mark_use){.mask = mask, .writes = writes, .connection = connection, .unmasked = unmasked};
	snprintf(m->use[m->n++].who, sizeof m->use->who, "%s", who);
}

/* ---- nftables ---- */

static bool is_mark(const struct operand *o, bool *connection)
{
	*connection = o->source == SOURCE_CT;
	return (o->source == SOURCE_META && o->key.key == NFT_META_MARK) || (o->source == SOURCE_CT && o->key.key == NFT_CT_MARK);
}

static uint32_t word_of(const uint8_t *bytes)
{
	uint32_t w;
	memcpy(&w, bytes, sizeof w);
	return w;
}

/* Bits that are left of the operand: those of its masks. */
static uint32_t bits_of(const struct operand *o)
{
	uint32_t bits = ALL_BITS;
	for (const struct change *c = o->changes; c; c = c->next)
		if (c->kind == CHANGE_MASK_XOR && o->len == 4)
			bits &= word_of(c->mask);
	return bits;
}

static void read_operand(struct mark_map *m, const struct operand *o, const char *who)
{
	for (; o; o = o->next) {
		bool connection;
		if (is_mark(o, &connection))
			add_use(m, bits_of(o), false, connection, who, false);
		if (o->source == SOURCE_MAP)
			for (const struct operand *i = o->map.inner; i; i = i->next)
				if (is_mark(i, &connection))
					add_use(m, bits_of(i), false, connection, who, false);
	}
}

static void write_mark(struct mark_map *m, const struct step *s, const char *who)
{
	const struct operand *o = s->write.operand;
	bool target = s->write.target == WRITE_CT, connection = false;
	bool own = is_mark(o, &connection) && connection == target;
	const struct change *c = o->changes;
	if (own && c && !c->next && c->kind == CHANGE_MASK_XOR) { /* mark set mark & mask | bits: the others stay */
		add_use(m, ~word_of(c->mask) | word_of(c->xor), true, target, who, false);
		return;
	}
	add_use(m, ALL_BITS, true, target, who, true);
	if (!own)
		read_operand(m, o, who);
}

static void use_of_steps(struct mark_map *m, const struct step *s, const char *who)
{
	for (; s; s = s->next) {
		switch (s->kind) {
		case STEP_COMPARE:
		case STEP_RANGE:
			read_operand(m, s->match.operand, who);
			break;
		case STEP_LOOKUP:
		case STEP_VERDICT_MAP:
			read_operand(m, s->lookup.operand, who);
			break;
		case STEP_UPDATE:
			read_operand(m, s->update.key, who);
			break;
		case STEP_WRITE:
			if ((s->write.target == WRITE_META && s->write.key == NFT_META_MARK) || (s->write.target == WRITE_CT && s->write.key == NFT_CT_MARK))
				write_mark(m, s, who);
			else if (s->write.operand)
				read_operand(m, s->write.operand, who);
			break;
		default:
			break;
		}
	}
}

static void use_of_rules(struct mark_map *m, const struct ruleset *rs)
{
	char who[128];
	for (const struct ruleset_table *t = rs->tables; t; t = t->next)
		for (const struct ruleset_chain *c = t->chains; c; c = c->next)
			for (const struct ruleset_rule *r = c->rules; r; r = r->next) {
				snprintf(who, sizeof who, "%s %.32s %.48s rule %u", ruleset_family_name(t->family), t->name, c->name, r->index);
				use_of_steps(m, r->steps, who);
				for (const struct step *s = r->steps; s; s = s->next)
					if (s->kind == STEP_XT_MATCH || s->kind == STEP_XT_TARGET)
						use_of_steps(m, s->xt.meaning, who);
			}
}

/* ---- ip rule ---- */

static int take_rule(const struct nlmsghdr *h, void *context)
{
	uint32_t mark = 0, mask = ALL_BITS, priority = 0;
	bool marked = false;
	const struct nlattr *a;
	char who[128];
	if (mnl_nlmsg_get_payload_len(h) < sizeof(struct fib_rule_hdr))
		return MNL_CB_OK;
	const struct fib_rule_hdr *rule = mnl_nlmsg_get_payload(h);
	mnl_attr_for_each(a, h, sizeof *rule) {
		if (mnl_attr_validate(a, MNL_TYPE_U32) < 0)
			continue;
		if (mnl_attr_get_type(a) == FRA_FWMARK) {
			mark = mnl_attr_get_u32(a);
			marked = true;
		} else if (mnl_attr_get_type(a) == FRA_FWMASK) {
			mask = mnl_attr_get_u32(a);
		} else if (mnl_attr_get_type(a) == FRA_PRIORITY) {
			priority = mnl_attr_get_u32(a);
		}
	}
	snprintf(who, sizeof who, "ip%s rule %u (mark 0x%x)", rule->family == AF_INET6 ? " -6" : "", priority, mark);
	if (marked)
		add_use(context, mask, false, false, who, false);
	return MNL_CB_OK;
}

static void use_of_routing(struct mark_map *m, struct rtnl *r)
{
	for (int i = 0; i < 2; i++) {
		struct nlmsghdr *h = rtnl_begin(r, RTM_GETRULE, NLM_F_DUMP);
		struct fib_rule_hdr *f = mnl_nlmsg_put_extra_header(h, sizeof *f);
		f->family = i ? AF_INET6 : AF_INET;
		rtnl_dump(r, h, take_rule, m);
	}
}

/* ---- tc ---- */

static uint32_t option_u32(const struct buffer *options, uint16_t type, uint32_t otherwise)
{
	const struct nlattr *attr;
	mnl_attr_for_each_payload((const void *)options->data, options->len)
		if (mnl_attr_get_type(attr) == type && mnl_attr_validate(attr, MNL_TYPE_U32) == 0)
			return mnl_attr_get_u32(attr);
	return otherwise;
}

/* A filter `fw` compares the mark with its handle, under its mask. */
static void use_of_filters(struct mark_map *m, struct rtnl *r, const char *device, int ifindex, uint32_t parent)
{
	struct tc_list filters;
	char who[128], name[16];
	if (tc_list(&filters, r, RTM_NEWTFILTER, ifindex, parent, NULL) < 0)
		return;
	for (size_t i = 0; i < filters.n; i++) {
		const struct tc_object *o = &filters.objects[i];
		if (strcmp(o->kind, "fw") != 0 || !o->handle)
			continue;
		snprintf(who, sizeof who, "tc filter fw on %.16s, parent %s (mark 0x%x)", device, tc_handle_name(parent, name), o->handle);
		add_use(m, option_u32(&o->options, TCA_FW_MASK, ALL_BITS), false, false, who, false);
	}
	tc_list_free(&filters);
}

static void use_of_shaping(struct mark_map *m, struct rtnl *r)
{
	struct if_nameindex *list = if_nameindex();
	for (struct if_nameindex *i = list; i && i->if_index; i++) {
		struct tc_list parents;
		static const uint16_t types[] = {RTM_NEWQDISC, RTM_NEWTCLASS};
		for (size_t t = 0; t < 2; t++) {
			if (tc_list(&parents, r, types[t], (int)i->if_index, 0, NULL) < 0)
				continue;
			for (size_t k = 0; k < parents.n; k++)
				if (parents.objects[k].handle)
					use_of_filters(m, r, i->if_name, (int)i->if_index, parents.objects[k].handle);
			tc_list_free(&parents);
		}
	}
	if (list)
		if_freenameindex(list);
}

/* ---- the map ---- */

/* Where others use marks, or sluice runs. */
static void add_own_mask(struct mark_map *m, const struct show *s)
{
	bool used[2] = {false, false};
	bool runs = ruleset_find_table(s->rs, NFPROTO_INET, "sluice") != NULL;
	for (size_t i = 0; i < m->n; i++)
		used[m->use[i].connection] = true;
	for (int connection = 0; connection < 2; connection++)
		if (runs || used[connection])
			add_use(m, s->sluice_mask, true, connection, "sluice (gateway.mark-mask)", false);
}

void mark_map_read(struct mark_map *m, const struct show *s)
{
	*m = (struct mark_map){0};
	use_of_rules(m, s->rs);
	struct rtnl *r = s->rs->live ? rtnl_open(NULL) : NULL;
	if (r) {
		use_of_routing(m, r);
		use_of_shaping(m, r);
	}
	rtnl_close(r);
	add_own_mask(m, s);
}

void mark_map_free(struct mark_map *m)
{
	free(m->use);
	*m = (struct mark_map){0};
}

static bool same_users(const struct mark_map *m, bool connection, int a, int b)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->use[i].connection == connection && (m->use[i].mask >> a & 1) != (m->use[i].mask >> b & 1))
			return false;
	return true;
}

static bool has_users(const struct mark_map *m, bool connection, int bit)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->use[i].connection == connection && m->use[i].mask >> bit & 1)
			return true;
	return false;
}

uint32_t mark_map_next(const struct mark_map *m, bool connection, int *at)
{
	uint32_t group = 0;
	while (*at < 32 && !has_users(m, connection, *at))
		(*at)++;
	for (int first = *at; *at < 32 && same_users(m, connection, first, *at); (*at)++)
		group |= (uint32_t)1 << *at;
	return group;
}
