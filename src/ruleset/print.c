// SPDX-License-Identifier: GPL-2.0-or-later
/* Rules, step by step. */
#include <netinet/in.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "ruleset/print_private.h"

/* ---- what is known of the packet ---- */

struct context context_of(uint32_t family)
{
	bool one = family == NFPROTO_IPV4 || family == NFPROTO_IPV6 || family == NFPROTO_ARP;
	return (struct context){.family = family, .l3 = one ? (uint8_t)family : 0, .l4 = -1};
}

static bool is_equal_to_one(const struct step *s)
{
	return s->kind == STEP_COMPARE && s->compare == COMPARE_EQ && !s->match.operand->changes && !s->match.operand->next && s->match.len <= 2;
}

/* The network protocol that a comparison says; 0: none. */
static uint8_t l3_of(const struct step *s)
{
	if (!is_equal_to_one(s))
		return 0;
	const struct operand *o = s->match.operand;
	if (o->source == SOURCE_META && o->key.key == NFT_META_NFPROTO)
		return s->match.data[0];
	bool type = (o->source == SOURCE_META && o->key.key == NFT_META_PROTOCOL) ||
		    (o->source == SOURCE_PAYLOAD && o->payload.base == NFT_PAYLOAD_LL_HEADER && o->payload.offset == 12);
	if (!type || s->match.len != 2)
		return 0;
	uint16_t t = load_be16(s->match.data);
	return t == 0x0800 ? NFPROTO_IPV4 : t == 0x86dd ? NFPROTO_IPV6 : t == 0x0806 ? NFPROTO_ARP : 0;
}

/* The transport protocol that a comparison says; -1: none. */
static int l4_of(const struct context *c, const struct step *s)
{
	if (!is_equal_to_one(s) || s->match.len != 1)
		return -1;
	const struct operand *o = s->match.operand;
	bool meta = o->source == SOURCE_META && o->key.key == NFT_META_L4PROTO;
	bool field = o->source == SOURCE_PAYLOAD && o->payload.base == NFT_PAYLOAD_NETWORK_HEADER &&
		     ((c->l3 == NFPROTO_IPV4 && o->payload.offset == 9) || (c->l3 == NFPROTO_IPV6 && o->payload.offset == 6));
	return meta || field ? s->match.data[0] : -1;
}

void context_follow(struct context *c, const struct step *s)
{
	uint8_t l3 = l3_of(s);
	int l4 = l4_of(c, s);
	if (l3)
		c->l3 = l3;
	if (l4 >= 0)
		c->l4 = l4;
}

static bool operand_uses(const struct operand *o, uint8_t base, int l4)
{
	for (; o; o = o->next) {
		if (o->source == SOURCE_PAYLOAD && o->payload.base == base)
			return true;
		if (o->source == SOURCE_EXTHDR && o->exthdr.op == NFT_EXTHDR_OP_TCPOPT && l4 == IPPROTO_TCP && base == NFT_PAYLOAD_TRANSPORT_HEADER)
			return true;
		if (o->source == SOURCE_EXTHDR && o->exthdr.op == NFT_EXTHDR_OP_IPV6 && base == NFT_PAYLOAD_NETWORK_HEADER)
			return true;
		if (o->source == SOURCE_MAP && operand_uses(o->map.inner, base, l4))
			return true;
		if (o->source == SOURCE_JHASH && operand_uses(o->generate.inner, base, l4))
			return true;
	}
	return false;
}

static bool step_uses(const struct step *s, uint8_t base, int l4)
{
	switch (s->kind) {
	case STEP_COMPARE:
	case STEP_RANGE:
		return operand_uses(s->match.operand, base, l4);
	case STEP_LOOKUP:
	case STEP_VERDICT_MAP:
		return operand_uses(s->lookup.operand, base, l4);
	case STEP_UPDATE:
		return operand_uses(s->update.key, base, l4) || operand_uses(s->update.data, base, l4);
	case STEP_WRITE:
		return operand_uses(s->write.operand, base, l4) || (s->write.target == WRITE_PAYLOAD && s->write.base == base) ||
		       (base == NFT_PAYLOAD_TRANSPORT_HEADER && l4 == IPPROTO_TCP && s->write.target >= WRITE_EXTHDR && s->write.base == NFT_EXTHDR_OP_TCPOPT);
	case STEP_NAT:
		return operand_uses(s->nat.address_min, base, l4) || operand_uses(s->nat.port_min, base, l4);
	default:
		return false;
	}
}

/* `iiftype ether`, `ether type 8021q` before fields of these headers. */
static bool is_link_implied(const struct step *s)
{
	if (!is_equal_to_one(s) || s->match.len != 2)
		return false;
	const struct operand *o = s->match.operand, *next = s->next && s->next->kind <= STEP_RANGE ? s->next->match.operand : NULL;
	bool type = o->source == SOURCE_META && (o->key.key == NFT_META_IIFTYPE || o->key.key == NFT_META_OIFTYPE);
	bool vlan = o->source == SOURCE_PAYLOAD && o->payload.base == NFT_PAYLOAD_LL_HEADER && o->payload.offset == 12;
	if ((!type && !vlan) || !next || next->source != SOURCE_PAYLOAD || next->payload.base != NFT_PAYLOAD_LL_HEADER)
		return false;
	return type || next->payload.offset >= 14;
}

bool step_is_implied(const struct context *before, const struct step *s)
{
	if (is_link_implied(s))
		return true;
	uint8_t l3 = l3_of(s);
	bool own = s->kind == STEP_COMPARE && s->match.operand->source == SOURCE_META;
	int l4 = own ? l4_of(before, s) : -1;
	bool icmp = l4 == IPPROTO_ICMP || l4 == IPPROTO_ICMPV6;
	for (const struct step *n = s->next; n && (l3 || l4 >= 0); n = n->next) {
		if (l3 && step_uses(n, NFT_PAYLOAD_NETWORK_HEADER, -1))
			return true;
		if (l4 >= 0 && step_uses(n, NFT_PAYLOAD_TRANSPORT_HEADER, l4))
			return true;
		if (l3 && l3_of(n))
			return false;
		int other = l4_of(before, n);
		if (l4 >= 0 && other >= 0)
			return false;
		if (l3 && other >= 0)
			icmp = other == IPPROTO_ICMP || other == IPPROTO_ICMPV6;
		if (l3 && icmp && step_uses(n, NFT_PAYLOAD_TRANSPORT_HEADER, -1))
			return true;
	}
	return false;
}

/* ---- matches ---- */

static bool is_zero(const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (data[i])
			return false;
	return true;
}

static const char *comparison(uint8_t how, bool explicit)
{
	static const char *const words[] = {"", "!= ", "< ", "<= ", "> ", ">= "};
	return how == COMPARE_EQ && explicit ? "== " : words[how];
}

/* Length of a mask of ones and then zeros; -1: none. */
static int mask_prefix(const uint8_t *mask, size_t len)
{
	int bits = 0;
	size_t i = 0;
	while (i < len && mask[i] == 0xff)
		i++, bits += 8;
	if (i < len && mask[i]) {
		uint8_t rest = (uint8_t)~mask[i];
		if (rest & (rest + 1))
			return -1;
		bits += 8 - (rest ? 32 - __builtin_clz(rest) : 0);
		i++;
	}
	for (; i < len; i++)
		if (mask[i])
			return -1;
	return bits;
}

/* Bits of a word: `ct state new`, `tcp flags syn / fin,syn`. */
static bool put_bit_match(struct buffer *b, const struct step *s, struct form f, const struct change *mask)
{
	uint64_t bits = number_of(mask->mask, s->match.len, f.big), data = number_of(s->match.data, s->match.len, f.big);
	size_t start = b->len;
	if (s->compare > COMPARE_NEQ)
		return false;
	if (data == 0 && (f.type != TYPE_TCP_FLAG || s->compare == COMPARE_NEQ || __builtin_popcountll(bits) == 1)) {
		buffer_add_string(b, s->compare == COMPARE_NEQ ? " " : " ! ");
		if (put_flags(b, f.type, bits, ","))
			return true;
	} else {
		buffer_add_string(b, s->compare == COMPARE_NEQ ? " != " : " ");
		if (data == 0)
			buffer_add_string(b, "0x0");
		if (data == 0 || put_flags(b, f.type, data, ",")) {
			buffer_add_string(b, " / ");
			if (put_flags(b, f.type, bits, ","))
				return true;
		}
	}
	b->len = start;
	return false;
}

static bool put_masked_match(struct buffer *b, const struct ruleset *rs, const struct context *c, const struct step *s, const struct change *mask)
{
	struct form f;
	size_t bits;
	if (!is_zero(mask->xor, s->match.len) || s->match.len != s->match.operand->len)
		return false;
	if (put_masked_field(b, c, s->match.operand, mask->mask, &f, &bits)) {
		buffer_printf(b, " %s", comparison(s->compare, false));
		put_value(b, rs, f, s->match.data, s->match.len);
		return true;
	}
	size_t start = b->len;
	struct operand bare = *s->match.operand;
	bare.changes = NULL;
	f = put_field(b, rs, c, &bare);
	bool address = f.type == TYPE_IPADDR || f.type == TYPE_IP6ADDR || f.type == TYPE_ETHERADDR;
	int prefix = address ? mask_prefix(mask->mask, s->match.len) : -1;
	if (prefix >= 0 && s->compare <= COMPARE_NEQ) {
		buffer_printf(b, " %s", comparison(s->compare, false));
		put_value(b, rs, f, s->match.data, s->match.len);
		buffer_printf(b, "/%d", prefix);
		return true;
	}
	if (type_is_bitmask(f.type) && put_bit_match(b, s, f, mask))
		return true;
	b->len = start;
	return false;
}

static void put_compare(struct buffer *b, const struct ruleset *rs, const struct context *c, const struct step *s)
{
	const struct operand *o = s->match.operand;
	const struct change *mask = only_mask(o);
	if (mask && put_masked_match(b, rs, c, s, mask))
		return;
	struct form f = put_operand(b, rs, c, o);
	bool changed = false;
	for (const struct change *x = o->changes; x; x = x->next)
		changed |= x->kind != CHANGE_BYTEORDER;
	if (changed && type_is_bitmask(f.type))
		f = (struct form){.type = TYPE_INTEGER, .big = f.big, .hex = true};
	if (changed && f.type == TYPE_INTEGER)
		f.hex = true;
	buffer_printf(b, " %s", comparison(s->compare, changed));
	put_value(b, rs, f, s->match.data, s->match.len);
	bool address = f.type == TYPE_IPADDR || f.type == TYPE_IP6ADDR;
	if (address && s->match.len < (f.type == TYPE_IPADDR ? 4 : 16)) /* only so many bytes were loaded */
		buffer_printf(b, "/%d", s->match.len * 8);
}

static void put_range(struct buffer *b, const struct ruleset *rs, const struct context *c, const struct operand *o, bool inverted, const uint8_t *from,
		      const uint8_t *to, size_t len)
{
	struct form f = put_operand(b, rs, c, o);
	buffer_add_string(b, inverted ? " != " : " ");
	put_value(b, rs, f, from, len);
	buffer_add_byte(b, '-');
	put_value(b, rs, f, to, len);
}

/* From and to are two comparisons in the kernel. */
static bool is_range(const struct step *s)
{
	const struct step *n = s->next;
	return s->kind == STEP_COMPARE && s->compare == COMPARE_GTE && n && n->kind == STEP_COMPARE && n->compare == COMPARE_LTE && n->match.len == s->match.len &&
	       operands_equal(s->match.operand, n->match.operand);
}

static void put_step(struct buffer *b, const struct ruleset *rs, const struct context *c, const struct step *s)
{
	if (is_range(s)) {
		put_range(b, rs, c, s->match.operand, false, s->match.data, s->next->match.data, s->match.len);
	} else if (s->kind == STEP_COMPARE) {
		put_compare(b, rs, c, s);
	} else if (s->kind == STEP_RANGE) {
		put_range(b, rs, c, s->match.operand, s->inverted, s->match.data, s->match.to, s->match.len);
	} else if (s->kind == STEP_LOOKUP) {
		put_operand(b, rs, c, s->lookup.operand);
		buffer_add_string(b, s->inverted ? " != " : " ");
		put_set(b, rs, c, s->lookup.set, s->lookup.operand);
	} else {
		put_statement(b, rs, c, s);
	}
}

void put_steps(struct buffer *b, const struct ruleset *rs, struct context *c, const struct step *s, struct columns *columns)
{
	bool first = true;
	for (; s; s = s->next) {
		bool implied = step_is_implied(c, s), range = is_range(s);
		context_follow(c, s);
		if (implied)
			continue;
		if (!first)
			buffer_add_byte(b, ' ');
		first = false;
		size_t from = b->len;
		put_step(b, rs, c, s);
		if (columns && (columns->want == s || (range && columns->want == s->next)))
			*columns = (struct columns){columns->want, from, b->len, true};
		if (range)
			s = s->next;
	}
}

/* ---- for others ---- */

static void put_rule(struct buffer *b, const struct ruleset *rs, const struct ruleset_rule *rule, struct columns *columns)
{
	struct context c = context_of(rule->chain->table->family);
	put_steps(b, rs, &c, rule->steps, columns);
	if (rule->comment) {
		buffer_add_string(b, b->len ? " comment " : "comment ");
		put_quoted(b, rule->comment);
	}
}

static void flush(FILE *out, struct buffer *b)
{
	fwrite(b->data, 1, b->len, out);
	buffer_free(b);
}

void ruleset_print_rule(FILE *out, const struct ruleset *rs, const struct ruleset_rule *rule)
{
	struct buffer b = {0};
	put_rule(&b, rs, rule, NULL);
	flush(out, &b);
}

bool ruleset_step_columns(const struct ruleset *rs, const struct ruleset_rule *rule, const struct step *step, size_t *from, size_t *to)
{
	struct buffer b = {0};
	struct columns columns = {.want = step};
	put_rule(&b, rs, rule, &columns);
	buffer_free(&b);
	if (columns.found) {
		*from = columns.from;
		*to = columns.to;
	}
	return columns.found;
}

/* Without a rule the header is known by what is looked at alone. */
static struct context context_guess(const struct operand *o)
{
	struct context c = context_of(NFPROTO_INET);
	if (o->source == SOURCE_PAYLOAD && o->payload.base == NFT_PAYLOAD_NETWORK_HEADER) {
		bool six = o->payload.offset >= 20 || (o->len > 4 && o->payload.offset >= 8) || o->payload.offset == 6 || o->payload.offset == 7;
		c.l3 = six ? NFPROTO_IPV6 : NFPROTO_IPV4;
	}
	if (o->source == SOURCE_PAYLOAD && o->payload.base == NFT_PAYLOAD_TRANSPORT_HEADER && o->payload.offset == 13)
		c.l4 = IPPROTO_TCP;
	return c;
}

void ruleset_print_operand(FILE *out, const struct ruleset *rs, const struct operand *o)
{
	struct buffer b = {0};
	struct context c = context_guess(o);
	put_operand(&b, rs, &c, o);
	flush(out, &b);
}

void ruleset_print_value(FILE *out, const struct ruleset *rs, const struct operand *o, const uint8_t *value, size_t len)
{
	struct buffer b = {0};
	size_t at = 0;
	for (; o && at < len; o = o->next) {
		struct context c = context_guess(o);
		size_t n = o->len < len - at ? o->len : len - at;
		if (at)
			buffer_add_string(&b, " . ");
		put_value(&b, rs, operand_form(&c, o), value + at, n);
		at += (o->len + 3u) & ~3u;
	}
	flush(out, &b);
}
