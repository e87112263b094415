// SPDX-License-Identifier: GPL-2.0-or-later
/* Could a packet of which only a few things are known match a rule? Three answers: no, yes, it depends. */
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <string.h>

#include "base/bytes.h"
#include "ruleset/show.h"

enum { VALUE_MAX = 64 };

static uint8_t family_of(const struct packet_words *p)
{
	if (p->family)
		return p->family;
	return p->has_proto && p->proto == IPPROTO_ICMP ? 4 : p->has_proto && p->proto == IPPROTO_ICMPV6 ? 6 : 0;
}

static bool give(uint8_t *out, size_t len, const void *value, size_t have)
{
	if (len > have)
		return false;
	memcpy(out, value, len);
	return true;
}

static bool give_be16(uint8_t *out, size_t len, uint16_t value)
{
	uint8_t bytes[2];
	store_be16(bytes, value);
	return give(out, len, bytes, 2);
}

static bool known_network(const struct packet_words *p, const struct operand *o, uint8_t *out)
{
	uint8_t family = family_of(p);
	uint32_t at = o->payload.offset;
	bool six = family == 6;
	if (!family) /* what lies there in IPv4 alone is asked of the protocol */
		return at == 9 && p->has_proto && give(out, o->len, &p->proto, 1);
	if (at == (six ? 8 : 12) && p->src.family)
		return give(out, o->len, p->src.byte, six ? 16 : 4);
	if (at == (six ? 24 : 16) && p->dst.family)
		return give(out, o->len, p->dst.byte, six ? 16 : 4);
	return at == (six ? 6 : 9) && p->has_proto && give(out, o->len, &p->proto, 1);
}

static bool known_transport(const struct packet_words *p, const struct operand *o, uint8_t *out)
{
	uint32_t at = o->payload.offset;
	bool icmp = p->proto == IPPROTO_ICMP || p->proto == IPPROTO_ICMPV6;
	if (!p->has_proto)
		return false;
	if (icmp)
		return (at == 0 && p->has_type && give(out, o->len, &p->type, 1)) || (at == 1 && p->has_code && give(out, o->len, &p->code, 1));
	if (at == 0 && p->has_sport)
		return give_be16(out, o->len, p->sport);
	if (at == 2 && p->has_dport)
		return give_be16(out, o->len, p->dport);
	return at == 13 && p->proto == IPPROTO_TCP && p->has_flags && give(out, o->len, &p->flags, 1);
}

static bool known_device(const struct ruleset *rs, const char *name, const struct operand *o, bool number, uint8_t *out)
{
	char padded[16] = {0};
	if (!name[0])
		return false;
	if (!number) {
		memcpy(padded, name, strnlen(name, sizeof padded - 1));
		return give(out, o->len, padded, sizeof padded);
	}
	for (uint32_t i = 0; i < rs->n_devices; i++)
		if (rs->device_names[i] && strcmp(rs->device_names[i], name) == 0)
			return give(out, o->len, &i, sizeof i);
	return false;
}

static bool known_meta(const struct ruleset *rs, const struct packet_words *p, const struct operand *o, uint8_t *out)
{
	uint8_t family = family_of(p), nfproto = family == 6 ? NFPROTO_IPV6 : NFPROTO_IPV4;
	switch (o->key.key) {
	case NFT_META_L4PROTO:
		return p->has_proto && give(out, o->len, &p->proto, 1);
	case NFT_META_NFPROTO:
		return family && give(out, o->len, &nfproto, 1);
	case NFT_META_PROTOCOL:
		return family && give_be16(out, o->len, family == 6 ? ETH_P_IPV6 : ETH_P_IP);
	case NFT_META_IIFNAME:
	case NFT_META_IIF:
		return known_device(rs, p->iif, o, o->key.key == NFT_META_IIF, out);
	case NFT_META_OIFNAME:
	case NFT_META_OIF:
		return known_device(rs, p->oif, o, o->key.key == NFT_META_OIF, out);
	case NFT_META_MARK:
		return p->has_mark && give(out, o->len, &p->mark, 4);
	default:
		return false;
	}
}

static bool change_value(const struct change *c, uint8_t *value, size_t len)
{
	for (; c; c = c->next) {
		if (c->kind == CHANGE_MASK_XOR) {
			for (size_t i = 0; i < len; i++)
				value[i] = (value[i] & c->mask[i]) ^ c->xor[i];
		} else if (c->kind == CHANGE_BYTEORDER && c->size <= len) {
			for (size_t at = 0; at + c->size <= len; at += c->size)
				for (size_t i = 0; i < c->size / 2u; i++) {
					uint8_t byte = value[at + i];
					value[at + i] = value[at + c->size - 1 - i];
					value[at + c->size - 1 - i] = byte;
				}
		} else {
			return false;
		}
	}
	return true;
}

/* All parts, as a register would hold them. */
static bool known_value(const struct ruleset *rs, const struct packet_words *p, const struct operand *o, uint8_t out[VALUE_MAX], size_t *len)
{
	size_t at = 0;
	for (; o; o = o->next) {
		bool known = false;
		size_t words = (o->len + 3u) & ~3u;
		if (at + words > VALUE_MAX)
			return false;
		memset(out + at, 0, words);
		if (o->source == SOURCE_META)
			known = known_meta(rs, p, o, out + at);
		else if (o->source == SOURCE_CT)
			known = o->key.key == NFT_CT_STATE && p->has_ct_state && give(out + at, o->len, &p->ct_state, 4);
		else if (o->source == SOURCE_PAYLOAD && o->payload.base == NFT_PAYLOAD_NETWORK_HEADER)
			known = known_network(p, o, out + at);
		else if (o->source == SOURCE_PAYLOAD && o->payload.base == NFT_PAYLOAD_TRANSPORT_HEADER)
			known = known_transport(p, o, out + at);
		if (!known || !change_value(o->changes, out + at, o->len))
			return false;
		*len = at + o->len;
		at += words;
	}
	return true;
}

static bool compares(const struct step *s, const uint8_t *value)
{
	int order = memcmp(value, s->match.data, s->match.len);
	switch (s->compare) {
	case COMPARE_EQ:
		return order == 0;
	case COMPARE_NEQ:
		return order != 0;
	case COMPARE_LT:
		return order < 0;
	case COMPARE_LTE:
		return order <= 0;
	case COMPARE_GT:
		return order > 0;
	default:
		return order >= 0;
	}
}

static enum may_match judge(bool matches)
{
	return matches ? MATCH_YES : MATCH_NO;
}

static enum may_match step_may_match(const struct ruleset *rs, const struct step *s, const struct packet_words *p)
{
	uint8_t value[VALUE_MAX] = {0};
	size_t len = 0;
	bool in;
	switch (s->kind) {
	case STEP_COMPARE:
		return known_value(rs, p, s->match.operand, value, &len) && len >= s->match.len ? judge(compares(s, value)) : MATCH_MAYBE;
	case STEP_RANGE:
		if (!known_value(rs, p, s->match.operand, value, &len) || len < s->match.len)
			return MATCH_MAYBE;
		in = memcmp(value, s->match.data, s->match.len) >= 0 && memcmp(value, s->match.to, s->match.len) <= 0;
		return judge(in != s->inverted);
	case STEP_LOOKUP:
	case STEP_VERDICT_MAP:
		if (s->lookup.set->left_out || (s->lookup.set->flags & NFT_SET_EVAL) || !known_value(rs, p, s->lookup.operand, value, &len))
			return MATCH_MAYBE;
		return judge((ruleset_set_find(s->lookup.set, value) != NULL) != s->inverted);
	case STEP_LIMIT:
	case STEP_QUOTA:
	case STEP_CONNLIMIT:
	case STEP_UPDATE:
	case STEP_UNKNOWN:
		return MATCH_MAYBE;
	default:
		return MATCH_YES;
	}
}

enum may_match rule_may_match(const struct ruleset *rs, const struct ruleset_rule *rule, const struct packet_words *p)
{
	enum may_match all = MATCH_YES;
	for (const struct step *s = rule->steps; s; s = s->next) {
		bool xt = s->kind == STEP_XT_MATCH || s->kind == STEP_XT_TARGET;
		if (s->kind == STEP_XT_MATCH && !s->xt.meaning)
			all = MATCH_MAYBE;
		for (const struct step *m = xt ? s->xt.meaning : s; m; m = xt ? m->next : NULL) {
			enum may_match one = step_may_match(rs, m, p);
			if (one == MATCH_NO)
				return MATCH_NO;
			if (one == MATCH_MAYBE)
				all = MATCH_MAYBE;
		}
	}
	return all;
}
