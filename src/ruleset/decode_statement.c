// SPDX-License-Identifier: GPL-2.0-or-later
/* Statements, and the stateful objects that hold the same things under a name. */
#include "ruleset/decode_rule.h"

#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <string.h>

static uint32_t max_address(const struct making *m, uint32_t family)
{
	(void)m;
	return family == NFPROTO_IPV4 ? 4 : 16;
}

static const struct operand *get_if(struct making *m, struct bytes reg, uint32_t len)
{
	return reg.data ? register_get(m, reg, len) : NULL;
}

/* The steps of one expression, or of several, apart from the rule's. */
static struct step *inner_steps(struct making *m, struct bytes one, struct bytes several)
{
	struct step *steps = NULL;
	uint8_t wrapped[1024];
	if (!several.data && one.data && one.len + 4 <= sizeof wrapped) {
		uint16_t head[2] = {(uint16_t)(one.len + 4), NFTA_LIST_ELEM};
		memcpy(wrapped, head, sizeof head);
		memcpy(wrapped + 4, one.data, one.len);
		several = bytes_of(wrapped, one.len + 4);
	}
	if (several.data)
		decode_expressions(m->d, m->table, NULL, several, &steps);
	return steps;
}

static void make_missing(struct making *m, const char *what)
{
	step_add(m, STEP_UNKNOWN)->name = what;
	m->unknown = true;
}

void make_dynset(struct making *m, const struct attrs *a)
{
	const struct ruleset_set *set = decoder_find_set(m->d, m->table, decoder_text(m->d, a->at[NFTA_DYNSET_SET_NAME]), attr_be32(a->at[NFTA_DYNSET_SET_ID]));
	if (!set) {
		make_missing(m, "update of a set that is not in the ruleset");
		return;
	}
	const struct operand *key = register_get(m, a->at[NFTA_DYNSET_SREG_KEY], set->key_len), *data = get_if(m, a->at[NFTA_DYNSET_SREG_DATA], set->data_len);
	struct step *inner = inner_steps(m, a->at[NFTA_DYNSET_EXPR], a->at[NFTA_DYNSET_EXPRESSIONS]);
	struct step *s = step_add(m, STEP_UPDATE);
	s->inverted = attr_be32(a->at[NFTA_DYNSET_FLAGS]) & NFT_DYNSET_F_INV;
	s->update.key = key;
	s->update.data = data;
	s->update.set = set;
	s->update.op = attr_be32(a->at[NFTA_DYNSET_OP]);
	s->update.timeout = attr_be64(a->at[NFTA_DYNSET_TIMEOUT]);
	s->update.inner = inner;
}

void make_counter(struct making *m, const struct attrs *a)
{
	struct step *s = step_add(m, STEP_COUNTER);
	s->counter.packets = attr_be64(a->at[NFTA_COUNTER_PACKETS]);
	s->counter.bytes = attr_be64(a->at[NFTA_COUNTER_BYTES]);
}

void make_limit(struct making *m, const struct attrs *a)
{
	struct step *s = step_add(m, STEP_LIMIT);
	s->limit.rate = attr_be64(a->at[NFTA_LIMIT_RATE]);
	s->limit.unit = attr_be64(a->at[NFTA_LIMIT_UNIT]);
	s->limit.burst = attr_be32(a->at[NFTA_LIMIT_BURST]);
	s->limit.bytes = attr_be32(a->at[NFTA_LIMIT_TYPE]) == NFT_LIMIT_PKT_BYTES;
	s->inverted = attr_be32(a->at[NFTA_LIMIT_FLAGS]) & NFT_LIMIT_F_INV;
}

void make_quota(struct making *m, const struct attrs *a)
{
	struct step *s = step_add(m, STEP_QUOTA);
	s->quota.bytes = attr_be64(a->at[NFTA_QUOTA_BYTES]);
	s->quota.used = attr_be64(a->at[NFTA_QUOTA_CONSUMED]);
	s->inverted = attr_be32(a->at[NFTA_QUOTA_FLAGS]) & NFT_QUOTA_F_INV;
}

void make_connlimit(struct making *m, const struct attrs *a)
{
	struct step *s = step_add(m, STEP_CONNLIMIT);
	s->connlimit.count = attr_be32(a->at[NFTA_CONNLIMIT_COUNT]);
	s->inverted = attr_be32(a->at[NFTA_CONNLIMIT_FLAGS]) & NFT_CONNLIMIT_F_INV;
}

void make_last(struct making *m, const struct attrs *a)
{
	(void)a;
	step_add(m, STEP_LAST);
}

void make_log(struct making *m, const struct attrs *a)
{
	struct step *s = step_add(m, STEP_LOG);
	s->log.prefix = a->at[NFTA_LOG_PREFIX].data ? decoder_text(m->d, a->at[NFTA_LOG_PREFIX]) : NULL;
	s->log.has_group = a->at[NFTA_LOG_GROUP].data != NULL;
	s->log.group = attr_be16(a->at[NFTA_LOG_GROUP]);
	s->log.snaplen = attr_be32(a->at[NFTA_LOG_SNAPLEN]);
	s->log.threshold = attr_be16(a->at[NFTA_LOG_QTHRESHOLD]);
	s->log.level = a->at[NFTA_LOG_LEVEL].data ? attr_be32(a->at[NFTA_LOG_LEVEL]) : (uint32_t)NFT_LOGLEVEL_WARNING;
	s->log.flags = attr_be32(a->at[NFTA_LOG_FLAGS]);
}

void make_queue(struct making *m, const struct attrs *a)
{
	const struct operand *o = get_if(m, a->at[NFTA_QUEUE_SREG_QNUM], 2);
	uint16_t first = attr_be16(a->at[NFTA_QUEUE_NUM]), total = a->at[NFTA_QUEUE_TOTAL].data ? attr_be16(a->at[NFTA_QUEUE_TOTAL]) : 1;
	struct step *s = step_add(m, STEP_QUEUE);
	s->queue.from = first;
	s->queue.to = (uint16_t)(first + (total ? total - 1 : 0));
	s->queue.flags = attr_be16(a->at[NFTA_QUEUE_FLAGS]);
	s->queue.operand = o;
}

void make_reject(struct making *m, const struct attrs *a)
{
	struct step *s = step_add(m, STEP_REJECT);
	s->reject.type = attr_be32(a->at[NFTA_REJECT_TYPE]);
	s->reject.code = attr_u8(a->at[NFTA_REJECT_ICMP_CODE]);
}

void make_nat(struct making *m, const struct attrs *a)
{
	uint32_t family = attr_be32(a->at[NFTA_NAT_FAMILY]), len = max_address(m, family);
	const struct operand *from = get_if(m, a->at[NFTA_NAT_REG_ADDR_MIN], len), *to = get_if(m, a->at[NFTA_NAT_REG_ADDR_MAX], len);
	const struct operand *low = get_if(m, a->at[NFTA_NAT_REG_PROTO_MIN], 2), *high = get_if(m, a->at[NFTA_NAT_REG_PROTO_MAX], 2);
	struct step *s = step_add(m, STEP_NAT);
	s->nat.type = attr_be32(a->at[NFTA_NAT_TYPE]);
	s->nat.family = family;
	s->nat.flags = attr_be32(a->at[NFTA_NAT_FLAGS]);
	s->nat.address_min = from;
	s->nat.address_max = to;
	s->nat.port_min = low;
	s->nat.port_max = high;
}

void make_masquerade(struct making *m, const struct attrs *a)
{
	const struct operand *low = get_if(m, a->at[NFTA_MASQ_REG_PROTO_MIN], 2), *high = get_if(m, a->at[NFTA_MASQ_REG_PROTO_MAX], 2);
	struct step *s = step_add(m, STEP_NAT);
	s->nat.type = NFT_NAT_SNAT;
	s->nat.masquerade = true;
	s->nat.flags = attr_be32(a->at[NFTA_MASQ_FLAGS]);
	s->nat.port_min = low;
	s->nat.port_max = high;
}

void make_redirect(struct making *m, const struct attrs *a)
{
	const struct operand *low = get_if(m, a->at[NFTA_REDIR_REG_PROTO_MIN], 2), *high = get_if(m, a->at[NFTA_REDIR_REG_PROTO_MAX], 2);
	struct step *s = step_add(m, STEP_NAT);
	s->nat.type = NFT_NAT_DNAT;
	s->nat.redirect = true;
	s->nat.flags = attr_be32(a->at[NFTA_REDIR_FLAGS]);
	s->nat.port_min = low;
	s->nat.port_max = high;
}

void make_tproxy(struct making *m, const struct attrs *a)
{
	uint32_t family = attr_be32(a->at[NFTA_TPROXY_FAMILY]);
	const struct operand *address = get_if(m, a->at[NFTA_TPROXY_REG_ADDR], max_address(m, family)), *port = get_if(m, a->at[NFTA_TPROXY_REG_PORT], 2);
	struct step *s = step_add(m, STEP_TPROXY);
	s->tproxy.family = family;
	s->tproxy.address = address;
	s->tproxy.port = port;
}

void make_notrack(struct making *m, const struct attrs *a)
{
	(void)a;
	step_add(m, STEP_NOTRACK);
}

void make_synproxy(struct making *m, const struct attrs *a)
{
	struct step *s = step_add(m, STEP_SYNPROXY);
	s->synproxy.mss = attr_be16(a->at[NFTA_SYNPROXY_MSS]);
	s->synproxy.wscale = attr_u8(a->at[NFTA_SYNPROXY_WSCALE]);
	s->synproxy.flags = attr_be32(a->at[NFTA_SYNPROXY_FLAGS]);
}

void make_dup(struct making *m, const struct attrs *a)
{
	uint32_t family = m->table->family;
	const struct operand *address = get_if(m, a->at[NFTA_DUP_SREG_ADDR], max_address(m, family)), *device = get_if(m, a->at[NFTA_DUP_SREG_DEV], 4);
	struct step *s = step_add(m, STEP_DUP);
	s->dup.family = family;
	s->dup.address = address;
	s->dup.device = device;
}

void make_forward(struct making *m, const struct attrs *a)
{
	uint32_t family = attr_be32(a->at[NFTA_FWD_NFPROTO]);
	const struct operand *address = get_if(m, a->at[NFTA_FWD_SREG_ADDR], max_address(m, family)), *device = get_if(m, a->at[NFTA_FWD_SREG_DEV], 4);
	struct step *s = step_add(m, STEP_FORWARD);
	s->dup.family = family;
	s->dup.address = address;
	s->dup.device = device;
}

void make_flow_offload(struct making *m, const struct attrs *a)
{
	const char *name = decoder_text(m->d, a->at[NFTA_FLOW_TABLE_NAME]);
	step_add(m, STEP_FLOW_ADD)->flow_add.flowtable = name;
}

/* ---- objects ---- */

/* counter, quota, limit, synproxy by name are the statements themselves; what else there is belongs to the connection. */
static void name_object(struct step *s, uint32_t type, const char *name)
{
	if (type == NFT_OBJECT_COUNTER)
		s->counter.object = name;
	else if (type == NFT_OBJECT_QUOTA)
		s->quota.object = name;
	else if (type == NFT_OBJECT_LIMIT)
		s->limit.object = name;
	else if (type == NFT_OBJECT_SYNPROXY)
		s->synproxy.object = name;
}

static uint8_t kind_of_object(uint32_t type)
{
	return type == NFT_OBJECT_COUNTER ? STEP_COUNTER : type == NFT_OBJECT_QUOTA ? STEP_QUOTA : type == NFT_OBJECT_LIMIT ? STEP_LIMIT
	       : type == NFT_OBJECT_SYNPROXY ? STEP_SYNPROXY : STEP_CT_OBJECT;
}

/* What the object says is repeated in the step that names it, so that nobody has to look it up. */
static void copy_object(struct making *m, struct step *s, uint32_t type, const char *name)
{
	for (const struct ruleset_object *o = m->table->objects; o; o = o->next) {
		if (o->type != type || strcmp(o->name, name) != 0 || !o->step || o->step->kind != s->kind || s->kind == STEP_CT_OBJECT)
			continue;
		struct step *next = s->next;
		*s = *o->step;
		s->next = next;
	}
}

void make_object_reference(struct making *m, const struct attrs *a)
{
	uint32_t type = attr_be32(a->at[NFTA_OBJREF_IMM_TYPE]);
	const char *name = a->at[NFTA_OBJREF_IMM_NAME].data ? decoder_text(m->d, a->at[NFTA_OBJREF_IMM_NAME]) : NULL;
	const struct ruleset_set *set = NULL;
	const struct operand *key = NULL;
	if (!name) {
		set = decoder_find_set(m->d, m->table, decoder_text(m->d, a->at[NFTA_OBJREF_SET_NAME]), attr_be32(a->at[NFTA_OBJREF_SET_ID]));
		if (!set) {
			make_missing(m, "object through a map that is not in the ruleset");
			return;
		}
		type = set->object_type;
		key = register_get(m, a->at[NFTA_OBJREF_SET_SREG], set->key_len);
	}
	bool keyed_counter = !name && type == NFT_OBJECT_COUNTER;
	struct step *s = step_add(m, name ? kind_of_object(type) : keyed_counter ? STEP_COUNTER : STEP_CT_OBJECT);
	if (name && s->kind != STEP_CT_OBJECT) {
		copy_object(m, s, type, name);
		name_object(s, type, name);
	} else if (keyed_counter) {
		s->counter.object_key = key;
		s->counter.object_set = set;
	} else {
		s->object.type = type;
		s->object.name = name;
		s->object.key = key;
		s->object.set = set;
	}
}

struct step *decode_object_step(struct decoder *d, struct ruleset_table *t, uint32_t type, struct bytes data)
{
	static void (*const makers[])(struct making *, const struct attrs *) = {
		[NFT_OBJECT_COUNTER] = make_counter, [NFT_OBJECT_QUOTA] = make_quota, [NFT_OBJECT_LIMIT] = make_limit, [NFT_OBJECT_SYNPROXY] = make_synproxy};
	struct step *step = NULL;
	struct making m = {.d = d, .table = t, .end = &step};
	struct attrs a;
	attrs_parse(&a, data);
	if (type < sizeof makers / sizeof *makers && makers[type])
		makers[type](&m, &a);
	else
		step_add(&m, STEP_CT_OBJECT)->object.type = type;
	return step;
}

/* ---- xtables ---- */

static void make_xt(struct making *m, uint8_t kind, struct bytes name, struct bytes revision, struct bytes info)
{
	const char *text = decoder_text(m->d, name);
	if (kind == STEP_XT_MATCH && m->rule && strcmp(text, "comment") == 0) {
		m->rule->comment = decoder_text(m->d, info);
		return;
	}
	const uint8_t *kept = info.data ? decoder_pack(m->d, info.data, info.len) : NULL;
	struct step *meaning = m->rule ? (kind == STEP_XT_MATCH ? xt_match_meaning : xt_target_meaning)(m->d, m->rule, text, attr_be32(revision), info) : NULL;
	struct step *s = step_add(m, kind);
	s->xt.name = text;
	s->xt.revision = attr_be32(revision);
	s->xt.info = kept;
	s->xt.info_len = kept ? (uint32_t)info.len : 0;
	s->xt.meaning = meaning;
	if (meaning)
		return;
	m->unknown = true;
	if (kind == STEP_XT_MATCH && strcmp(text, "set") == 0)
		decoder_gap(m->d, m->rule, "xt match 'set': an ipset, whose elements are not nftables'");
	else
		decoder_gap(m->d, m->rule, "xt %s '%s'", kind == STEP_XT_MATCH ? "match" : "target", text);
}

void make_xt_match(struct making *m, const struct attrs *a)
{
	make_xt(m, STEP_XT_MATCH, a->at[NFTA_MATCH_NAME], a->at[NFTA_MATCH_REV], a->at[NFTA_MATCH_INFO]);
}

void make_xt_target(struct making *m, const struct attrs *a)
{
	make_xt(m, STEP_XT_TARGET, a->at[NFTA_TARGET_NAME], a->at[NFTA_TARGET_REV], a->at[NFTA_TARGET_INFO]);
}
