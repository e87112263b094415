// SPDX-License-Identifier: GPL-2.0-or-later
/* Operands: the bytes that a step compares, looks up or writes. */
#include "ruleset/eval.h"

#include <linux/rtnetlink.h>
#include <string.h>

/* ---- what happens to loaded bytes; the kernel's registers are words of the host ---- */

static void shift_left(uint8_t *v, size_t len, uint32_t by)
{
	uint32_t carry = 0;
	for (size_t i = (len + 3) / 4; i-- > 0;) {
		uint32_t w, out;
		memcpy(&w, v + 4 * i, 4);
		out = (by ? w << by : w) | carry;
		carry = by ? w >> (32 - by) : 0;
		memcpy(v + 4 * i, &out, 4);
	}
}

static void shift_right(uint8_t *v, size_t len, uint32_t by)
{
	uint32_t carry = 0;
	for (size_t i = 0; i < (len + 3) / 4; i++) {
		uint32_t w, out;
		memcpy(&w, v + 4 * i, 4);
		out = carry | (by ? w >> by : w);
		carry = by ? w << (32 - by) : 0;
		memcpy(v + 4 * i, &out, 4);
	}
}

static void swap_bytes(uint8_t *v, size_t len, size_t size)
{
	for (size_t at = 0; size && at + size <= len; at += size) {
		for (size_t i = 0; i < size / 2; i++) {
			uint8_t c = v[at + i];
			v[at + i] = v[at + size - 1 - i];
			v[at + size - 1 - i] = c;
		}
	}
}

static void change(const struct change *c, uint8_t v[VALUE_MAX], size_t *len, size_t operand_len)
{
	switch (c->kind) {
	case CHANGE_MASK_XOR:
		for (size_t i = 0; i < *len; i++)
			v[i] = (uint8_t)((v[i] & c->mask[i]) ^ c->xor[i]);
		break;
	case CHANGE_SHIFT_LEFT: shift_left(v, *len, c->shift & 31); break;
	case CHANGE_SHIFT_RIGHT: shift_right(v, *len, c->shift & 31); break;
	case CHANGE_BYTEORDER: swap_bytes(v, *len, c->size); break;
	case CHANGE_SLICE:
		if (c->shift < VALUE_MAX) {
			memmove(v, v + c->shift, VALUE_MAX - c->shift);
			*len = operand_len;
		}
		break;
	default: break;
	}
}

/* ---- where bytes come from ---- */

static enum load map_load(struct trace *t, const struct operand *o, uint8_t *out, size_t *len)
{
	uint8_t key[VALUE_MAX];
	size_t key_len;
	struct found f;
	enum load rc = operand_load(t, o->map.inner, key, &key_len);
	if (rc != LOAD_OK)
		return rc;
	if (o->map.set->left_out)
		return LOAD_UNKNOWN;
	if (!live_find(t, o->map.set, key, &f) || !f.data)
		return LOAD_BREAK;
	struct verdict v = {.code = NFT_CONTINUE};
	if (!inner_run(t, &f, &v))
		return LOAD_BREAK;
	*len = o->map.set->data_len < VALUE_MAX ? o->map.set->data_len : VALUE_MAX;
	memcpy(out, f.data, *len);
	return LOAD_OK;
}

static enum load generate_load(struct trace *t, const struct operand *o, uint8_t *out)
{
	uint32_t v = 0;
	if (o->source == SOURCE_NUMGEN) {
		if (o->generate.key != NFT_NG_INCREMENTAL)
			return LOAD_UNKNOWN;
		struct step_state *s = live_state(t, o, NULL);
		if (!s || !o->generate.modulus)
			return LOAD_UNKNOWN;
		v = s->counter;
		s->counter = (s->counter + 1) % o->generate.modulus;
	} else {
		uint8_t key[VALUE_MAX];
		size_t len;
		enum load rc = operand_load(t, o->generate.inner, key, &len);
		if (rc != LOAD_OK)
			return rc;
		if (!o->generate.seed)
			return LOAD_UNKNOWN; /* the kernel chose one, and does not tell */
		v = scale_to(jenkins_bytes(key, (uint32_t)len, o->generate.seed), o->generate.modulus);
	}
	v += o->generate.offset;
	memcpy(out, &v, 4);
	return LOAD_OK;
}

static enum load socket_load(struct trace *t)
{
	/* a packet that passes through has no socket here; whether one waits for a packet to this host is not known */
	const struct trace_packet *p = &t->packet;
	bool local = p->made_here || !p->has_dst || p->way.type == RTN_LOCAL;
	return local ? LOAD_UNKNOWN : LOAD_BREAK;
}

static enum load part_load(struct trace *t, const struct operand *o, uint8_t *out, size_t *len)
{
	*len = o->len;
	switch (o->source) {
	case SOURCE_IMMEDIATE: memcpy(out, o->data, o->len); return LOAD_OK;
	case SOURCE_PAYLOAD: return payload_load(&t->packet, o->payload.base, o->payload.offset, o->len, out);
	case SOURCE_EXTHDR: return exthdr_load(&t->packet, o, out);
	case SOURCE_META: return meta_load(t, o->key.key, out);
	case SOURCE_CT: return ct_load(t, o, out);
	case SOURCE_RT: return rt_load(t, o->key.key, out);
	case SOURCE_FIB: return fib_load(t, o->key.key, o->key.flags, out);
	case SOURCE_SOCKET: return socket_load(t);
	case SOURCE_TUNNEL: return o->key.key == NFT_TUNNEL_PATH ? LOAD_OK : LOAD_BREAK; /* no tunnel's metadata: path 0 */
	case SOURCE_XFRM: return LOAD_BREAK;
	case SOURCE_NUMGEN: case SOURCE_JHASH: return generate_load(t, o, out);
	case SOURCE_MAP: return map_load(t, o, out, len);
	default: return LOAD_UNKNOWN;
	}
}

enum load operand_load(struct trace *t, const struct operand *o, uint8_t out[VALUE_MAX], size_t *len)
{
	enum load result = LOAD_OK;
	uint8_t part[VALUE_MAX];
	size_t at = 0, n;
	memset(out, 0, VALUE_MAX); /* some comparisons are longer than what was loaded */
	for (const struct operand *p = o; p; p = p->next) {
		size_t room = p->next || p != o ? ((size_t)p->len + 3) & ~(size_t)3 : p->len;
		if (at + room > VALUE_MAX || p->len > VALUE_MAX)
			return LOAD_UNKNOWN;
		memset(part, 0, sizeof part);
		enum load rc = part_load(t, p, part, &n);
		if (rc == LOAD_BREAK)
			return rc;
		if (rc == LOAD_UNKNOWN)
			result = rc;
		for (const struct change *c = p->changes; c; c = c->next)
			change(c, part, &n, p->len);
		memcpy(out + at, part, n < room ? n : room);
		at += room;
	}
	*len = at;
	return result;
}
