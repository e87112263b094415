// SPDX-License-Identifier: GPL-2.0-or-later
/* Sets, elements and verdicts. */
#include <inttypes.h>
#include <string.h>

#include "base/bytes.h"
#include "ruleset/print_private.h"

static size_t type_len(uint8_t type, size_t whole)
{
	switch (type) {
	case TYPE_IPADDR:
	case TYPE_MARK:
	case TYPE_IFINDEX:
	case TYPE_UID:
	case TYPE_GID:
	case TYPE_CLASSID:
	case TYPE_CT_STATE:
	case TYPE_CT_STATUS:
	case TYPE_FIB_ADDR:
	case TYPE_DEVGROUP:
	case TYPE_REALM:
	case TYPE_TIME_HOUR:
		return 4;
	case TYPE_IP6ADDR:
	case TYPE_IFNAME:
	case TYPE_CT_LABEL:
		return 16;
	case TYPE_ETHERADDR:
		return 6;
	case TYPE_ETHERTYPE:
	case TYPE_INET_SERVICE:
	case TYPE_ARPOP:
	case TYPE_ARPHRD:
		return 2;
	case TYPE_INVALID:
	case TYPE_INTEGER:
	case TYPE_STRING:
	case TYPE_BITMASK:
		return whole;
	default:
		return 1;
	}
}

/* In network order? Numbers of intervals are turned, so that they sort. */
static bool type_is_big(uint8_t type, bool interval)
{
	switch (type) {
	case TYPE_MARK:
	case TYPE_IFINDEX:
	case TYPE_UID:
	case TYPE_GID:
	case TYPE_CLASSID:
	case TYPE_CT_STATE:
	case TYPE_CT_STATUS:
	case TYPE_FIB_ADDR:
	case TYPE_DEVGROUP:
	case TYPE_REALM:
	case TYPE_TIME_HOUR:
	case TYPE_TIME_DATE:
	case TYPE_ARPHRD:
	case TYPE_CGROUPV2:
	case TYPE_INTEGER:
		return interval;
	default:
		return true;
	}
}

struct field_form {
	struct form form;
	size_t len;
};

/* What the parts of a key are: by the operand that is looked up, or by the numbers that the set bears. */
static size_t key_parts(const struct ruleset_set *set, const struct operand *key, const struct context *c, struct field_form *out, size_t max)
{
	bool interval = set->flags & NFT_SET_INTERVAL;
	size_t n = 0;
	if (key) {
		for (const struct operand *o = key; o && n < max; o = o->next) {
			out[n] = (struct field_form){operand_form(c, o), o->len};
			if (set->key_type < 64 && out[n].form.type == TYPE_INTEGER && set->key_type > TYPE_STRING)
				out[n].form.type = (uint8_t)set->key_type;
			n++;
		}
		return n;
	}
	uint8_t types[8] = {0};
	for (uint32_t t = set->key_type; t && n < 8 && n < max; t >>= 6)
		types[n++] = t & 63;
	for (size_t i = 0; i < n; i++) {
		uint8_t type = types[n - 1 - i];
		size_t len = n == 1 ? set->key_len : i < set->n_fields ? set->field_len[i] : type_len(type, 4);
		out[i] = (struct field_form){{.type = type, .big = type_is_big(type, interval)}, len};
	}
	if (n == 0)
		out[n++] = (struct field_form){{.type = TYPE_INTEGER, .hex = true, .big = true}, set->key_len};
	return n;
}

/* Both ends of an address prefix? Its length, else -1. */
static int prefix_of(const uint8_t *from, const uint8_t *to, size_t len)
{
	int bits = 0;
	size_t i = 0;
	while (i < len && from[i] == to[i])
		i++, bits += 8;
	if (i < len) {
		uint8_t differs = from[i] ^ to[i];
		if ((differs & (differs + 1)) || (from[i] & differs) || (to[i] & differs) != differs)
			return -1;
		bits += __builtin_clz(differs) - 24;
		for (i++; i < len; i++)
			if (from[i] != 0 || to[i] != 0xff)
				return -1;
	}
	return bits;
}

static void put_interval(struct buffer *b, const struct ruleset *rs, struct form f, const uint8_t *from, const uint8_t *to, size_t len)
{
	bool address = f.type == TYPE_IPADDR || f.type == TYPE_IP6ADDR || f.type == TYPE_ETHERADDR;
	int prefix = address || f.type == TYPE_IFNAME ? prefix_of(from, to, len) : -1;
	if (memcmp(from, to, len) == 0) {
		put_value(b, rs, f, from, len);
	} else if (prefix >= 0 && f.type == TYPE_IFNAME) {
		put_value(b, rs, f, from, (size_t)prefix / 8);
	} else if (prefix >= 0) {
		put_value(b, rs, f, from, len);
		buffer_printf(b, "/%d", prefix);
	} else {
		put_value(b, rs, f, from, len);
		buffer_add_byte(b, '-');
		put_value(b, rs, f, to, len);
	}
}

static void put_data(struct buffer *b, const struct ruleset *rs, const struct ruleset_set *set, const struct ruleset_element *e)
{
	uint8_t types[8];
	size_t n = 0, at = 0;
	for (uint32_t t = set->data_type; t && n < 8; t >>= 6)
		types[n++] = t & 63;
	for (size_t i = 0; i < n && at < set->data_len; i++) {
		uint8_t type = types[n - 1 - i];
		struct form f = {.type = type, .big = type_is_big(type, false)};
		size_t len = n == 1 ? type_len(type, set->data_len) : type_len(type, 4);
		len = len < set->data_len - at ? len : set->data_len - at;
		if (i)
			buffer_add_string(b, " . ");
		bool both = n == 1 && set->data_len >= 2 * len && len; /* an interval of addresses to translate to */
		put_interval(b, rs, f, e->data + at, both ? e->data + at + ((len + 3) & ~(size_t)3) : e->data + at, len);
		at += (len + 3) & ~(size_t)3;
	}
}

void put_verdict(struct buffer *b, const struct verdict *v)
{
	switch (v->code) {
	case NF_ACCEPT:
		buffer_add_string(b, "accept");
		break;
	case NF_DROP:
		buffer_add_string(b, "drop");
		break;
	case NFT_RETURN:
		buffer_add_string(b, "return");
		break;
	case NFT_CONTINUE:
		buffer_add_string(b, "continue");
		break;
	case NFT_JUMP:
	case NFT_GOTO:
		buffer_add_string(b, v->code == NFT_JUMP ? "jump " : "goto ");
		put_name(b, v->chain ? v->chain->name : "?");
		break;
	default:
		buffer_printf(b, "verdict %" PRId32, v->code);
	}
}

void put_element(struct buffer *b, const struct ruleset *rs, const struct ruleset_set *set, const struct ruleset_element *e, const struct operand *key,
		 const struct context *c)
{
	struct field_form parts[16];
	size_t n = key_parts(set, key, c, parts, 16), at = 0;
	if (e->catch_all)
		buffer_add_byte(b, '*');
	for (size_t i = 0; i < n && !e->catch_all && at < set->key_len; i++) {
		size_t len = parts[i].len < set->key_len - at ? parts[i].len : set->key_len - at;
		if (i)
			buffer_add_string(b, " . ");
		put_interval(b, rs, parts[i].form, e->key + at, (e->key_end ? e->key_end : e->key) + at, len);
		at += (parts[i].len + 3) & ~(size_t)3;
	}
	struct context none = context_of(set->table->family);
	for (const struct step *s = e->inner; s; s = s->next) {
		buffer_add_byte(b, ' ');
		put_statement(b, rs, &none, s);
	}
	if (!(set->flags & (NFT_SET_MAP | NFT_SET_OBJECT)))
		return;
	buffer_add_string(b, " : ");
	if (e->object)
		put_quoted(b, e->object);
	else if (set->data_type == NFT_DATA_VERDICT)
		put_verdict(b, &e->verdict);
	else if (e->data)
		put_data(b, rs, set, e);
}

void put_set(struct buffer *b, const struct ruleset *rs, const struct context *c, const struct ruleset_set *set, const struct operand *key)
{
	if (!(set->flags & NFT_SET_ANONYMOUS)) {
		buffer_add_byte(b, '@');
		put_name(b, set->name);
		return;
	}
	buffer_add_string(b, "{ ");
	for (uint32_t i = 0; i < set->n_elements && !set->left_out; i++) {
		if (i)
			buffer_add_string(b, ", ");
		put_element(b, rs, set, &set->elements[i], key, c);
	}
	buffer_add_string(b, " }");
}
