// SPDX-License-Identifier: GPL-2.0-or-later
/* The expressions of a rule: the kernel's registers are followed until it is known which bytes each comparison and each statement takes. */
#include "ruleset/decode_rule.h"

#include <linux/netfilter/nf_nat.h>
#include <string.h>
#include <xxhash.h>

/* ---- registers ---- */

/* The first of the register's words, or -1. */
static int word_of(struct bytes reg)
{
	uint32_t r = attr_be32(reg);
	if (r >= NFT_REG_1 && r <= NFT_REG_4)
		return (int)(r - NFT_REG_1) * 4;
	return r >= NFT_REG32_00 && r <= NFT_REG32_15 ? (int)(r - NFT_REG32_00) : -1;
}

static int words_of(uint32_t len)
{
	return (int)((len + 3) / 4);
}

static struct operand *operand_new(struct making *m, uint8_t source, uint32_t len)
{
	struct operand *o = decoder_alloc(m->d, sizeof *o);
	if (!o) {
		static struct operand none;
		return &none; /* the decoder ends with -ENOMEM */
	}
	*o = (struct operand){.source = source, .len = (uint16_t)(len < OPERAND_MAX ? len : OPERAND_MAX)};
	return o;
}

struct operand *operand_unknown(struct making *m, const char *name, uint32_t len)
{
	struct operand *o = operand_new(m, SOURCE_UNKNOWN, len);
	o->name = name;
	m->unknown = true;
	return o;
}

/* The same bytes in many rules: one operand. It must not be changed afterwards. */
const struct operand *operand_shared(struct making *m, const struct operand *like)
{
	enum { SHARED = 1024 };
	struct decoder *d = m->d;
	if (!d->common)
		d->common = xcalloc(SHARED, sizeof *d->common);
	const struct operand **slot = &d->common[XXH3_64bits(like, sizeof *like) % SHARED];
	if (*slot && memcmp(*slot, like, sizeof *like) == 0)
		return *slot;
	struct operand *o = operand_new(m, like->source, like->len);
	memcpy(o, like, sizeof *o);
	return *slot = o;
}

void register_put(struct making *m, struct bytes reg, const struct operand *o)
{
	int at = word_of(reg), n = words_of(o->len);
	for (int i = 0; at >= 0 && i < n && at + i < REGISTER_WORDS; i++)
		m->word[at + i] = (struct word){o, (uint8_t)i};
}

/* Bytes from the middle of an operand: of what a map holds, mostly. */
static struct operand *slice(struct making *m, const struct operand *of, uint32_t from, uint32_t len)
{
	struct operand *o = operand_new(m, of->source, of->len);
	struct change *c = decoder_alloc(m->d, sizeof *c), **end = &o->changes;
	*o = *of;
	o->next = NULL;
	o->changes = NULL;
	for (const struct change *was = of->changes; was; was = was->next) {
		struct change *copy = decoder_alloc(m->d, sizeof *copy);
		if (!copy)
			return o;
		*copy = *was;
		copy->next = NULL;
		*end = copy;
		end = &copy->next;
	}
	o->len = (uint16_t)len;
	if (c)
		*c = (struct change){.kind = CHANGE_SLICE, .shift = from};
	*end = c;
	return o;
}

static const struct operand *part_at(struct making *m, int at, uint32_t wanted)
{
	const struct word *w = &m->word[at];
	uint32_t from = w->part * 4u;
	if (!w->operand)
		return operand_unknown(m, "a register that nothing was loaded into", wanted < 4 ? wanted : 4);
	if (from == 0 && w->operand->len <= wanted)
		return w->operand;
	uint32_t left = w->operand->len - from;
	return slice(m, w->operand, from, left < wanted ? left : wanted);
}

const struct operand *register_get(struct making *m, struct bytes reg, uint32_t len)
{
	int at = word_of(reg);
	if (at < 0 || len == 0 || len > OPERAND_MAX || at + words_of(len) > REGISTER_WORDS)
		return operand_unknown(m, "a register that does not exist", len);
	const struct operand *first = part_at(m, at, len);
	if (words_of(first->len) >= words_of(len))
		return first;
	struct operand *head = NULL, **end = &head;
	while (len) {
		const struct operand *part = part_at(m, at, len);
		struct operand *copy = operand_new(m, part->source, part->len);
		int n = words_of(part->len);
		*copy = *part;
		copy->next = NULL;
		*end = copy;
		end = &copy->next;
		at += n;
		len -= len < (uint32_t)n * 4 ? len : (uint32_t)n * 4;
		if (n == 0)
			break;
	}
	return head;
}

/* All that was loaded there; at least one word. For comparisons of a beginning. */
static const struct operand *register_whole(struct making *m, struct bytes reg, uint32_t len)
{
	int at = word_of(reg);
	if (at >= 0 && at < REGISTER_WORDS && m->word[at].operand && m->word[at].part == 0 && m->word[at].operand->len >= len)
		return m->word[at].operand;
	return register_get(m, reg, len);
}

/* The result of a change of each part: the n-th gets its piece of mask and xor. */
static void register_change(struct making *m, struct bytes from, struct bytes to, uint32_t len, const struct change *change)
{
	const struct operand *parts = register_get(m, from, len);
	int at = word_of(to);
	uint32_t offset = 0;
	for (const struct operand *p = parts; p; p = p->next) {
		struct operand *copy = slice(m, p, 0, p->len);
		struct change *last = copy->changes;
		while (last && last->next)
			last = last->next;
		if (!last)
			return;
		*last = *change;
		if (change->kind == CHANGE_MASK_XOR) {
			last->mask = change->mask + offset;
			last->xor = change->xor + offset;
		}
		for (int i = 0; at >= 0 && i < words_of(copy->len) && at < REGISTER_WORDS; i++)
			m->word[at++] = (struct word){copy, (uint8_t)i};
		offset += (uint32_t)words_of(p->len) * 4;
	}
}

struct step *step_add(struct making *m, uint8_t kind)
{
	static struct step none;
	struct step *s = decoder_alloc(m->d, sizeof *s);
	if (!s)
		return &none;
	s->kind = kind;
	*m->end = s;
	m->end = &s->next;
	return s;
}

/* ---- loads ---- */

static const uint8_t *pack_data(struct making *m, struct bytes nested, uint32_t *len)
{
	struct attrs a;
	attrs_parse(&a, nested);
	struct bytes v = a.at[NFTA_DATA_VALUE];
	*len = v.data ? (uint32_t)(v.len < OPERAND_MAX ? v.len : OPERAND_MAX) : 0;
	return *len ? decoder_pack(m->d, v.data, *len) : NULL;
}

static void make_immediate(struct making *m, const struct attrs *a)
{
	struct verdict v;
	uint32_t len;
	struct attrs data;
	attrs_parse(&data, a->at[NFTA_IMMEDIATE_DATA]);
	if (data.at[NFTA_DATA_VERDICT].data) {
		if (!decode_verdict(m->d, m->table, a->at[NFTA_IMMEDIATE_DATA], &v)) {
			step_add(m, STEP_UNKNOWN)->name = "jump to a chain that is not in the ruleset";
			m->unknown = true;
			return;
		}
		step_add(m, STEP_VERDICT)->verdict = v;
		return;
	}
	const uint8_t *bytes = pack_data(m, a->at[NFTA_IMMEDIATE_DATA], &len);
	struct operand *o = operand_new(m, SOURCE_IMMEDIATE, len);
	o->data = bytes;
	register_put(m, a->at[NFTA_IMMEDIATE_DREG], o);
}

static void make_payload(struct making *m, const struct attrs *a)
{
	uint32_t base = attr_be32(a->at[NFTA_PAYLOAD_BASE]), offset = attr_be32(a->at[NFTA_PAYLOAD_OFFSET]), len = attr_be32(a->at[NFTA_PAYLOAD_LEN]);
	len = len < OPERAND_MAX ? len : OPERAND_MAX;
	if (a->at[NFTA_PAYLOAD_SREG].data) {
		const struct operand *from = register_get(m, a->at[NFTA_PAYLOAD_SREG], len);
		struct step *s = step_add(m, STEP_WRITE);
		s->write.target = WRITE_PAYLOAD;
		s->write.operand = from;
		s->write.base = (uint8_t)base;
		s->write.offset = offset;
		s->write.len = len;
		s->write.checksum_type = (uint8_t)attr_be32(a->at[NFTA_PAYLOAD_CSUM_TYPE]);
		s->write.checksum_offset = attr_be32(a->at[NFTA_PAYLOAD_CSUM_OFFSET]);
		s->write.checksum_flags = attr_be32(a->at[NFTA_PAYLOAD_CSUM_FLAGS]);
		return;
	}
	struct operand like;
	memset(&like, 0, sizeof like);
	like.source = SOURCE_PAYLOAD;
	like.len = (uint16_t)len;
	like.payload.base = (uint8_t)base;
	like.payload.offset = offset;
	register_put(m, a->at[NFTA_PAYLOAD_DREG], operand_shared(m, &like));
}

static void make_exthdr(struct making *m, const struct attrs *a)
{
	uint32_t len = attr_be32(a->at[NFTA_EXTHDR_LEN]), offset = attr_be32(a->at[NFTA_EXTHDR_OFFSET]), op = attr_be32(a->at[NFTA_EXTHDR_OP]);
	bool present = attr_be32(a->at[NFTA_EXTHDR_FLAGS]) & NFT_EXTHDR_F_PRESENT;
	if (a->at[NFTA_EXTHDR_DREG].data) {
		struct operand *o = operand_new(m, SOURCE_EXTHDR, present ? 1 : len);
		o->exthdr.op = (uint8_t)op;
		o->exthdr.type = attr_u8(a->at[NFTA_EXTHDR_TYPE]);
		o->exthdr.offset = offset;
		o->exthdr.present = present;
		register_put(m, a->at[NFTA_EXTHDR_DREG], o);
		return;
	}
	bool from_register = a->at[NFTA_EXTHDR_SREG].data != NULL;
	const struct operand *from = from_register ? register_get(m, a->at[NFTA_EXTHDR_SREG], len) : NULL;
	struct step *s = step_add(m, STEP_WRITE);
	s->write.target = from_register ? WRITE_EXTHDR : WRITE_EXTHDR_RESET;
	s->write.operand = from;
	s->write.base = (uint8_t)op;
	s->write.type = attr_u8(a->at[NFTA_EXTHDR_TYPE]);
	s->write.offset = offset;
	s->write.len = len;
}

/* Bytes that a key's value takes in the register. */
static uint32_t meta_len(uint32_t key)
{
	switch (key) {
	case NFT_META_IIFNAME:
	case NFT_META_OIFNAME:
	case NFT_META_BRI_IIFNAME:
	case NFT_META_BRI_OIFNAME:
	case NFT_META_IIFKIND:
	case NFT_META_OIFKIND:
	case NFT_META_SDIFNAME:
		return 16;
	case NFT_META_PROTOCOL:
	case NFT_META_IIFTYPE:
	case NFT_META_OIFTYPE:
	case NFT_META_BRI_IIFPVID:
	case NFT_META_BRI_IIFVPROTO:
		return 2;
	case NFT_META_NFPROTO:
	case NFT_META_L4PROTO:
	case NFT_META_PKTTYPE:
	case NFT_META_NFTRACE:
	case NFT_META_SECPATH:
	case NFT_META_TIME_DAY:
		return 1;
	case NFT_META_TIME_NS:
		return 8;
	default:
		return 4;
	}
}

static uint32_t ct_len(const struct making *m, uint32_t key)
{
	switch (key) {
	case NFT_CT_DIRECTION:
	case NFT_CT_L3PROTOCOL:
	case NFT_CT_PROTOCOL:
		return 1;
	case NFT_CT_PROTO_SRC:
	case NFT_CT_PROTO_DST:
	case NFT_CT_ZONE:
		return 2;
	case NFT_CT_PKTS:
	case NFT_CT_BYTES:
	case NFT_CT_AVGPKT:
		return 8;
	case NFT_CT_SRC:
	case NFT_CT_DST:
		return m->table->family == NFPROTO_IPV4 ? 4 : 16;
	case NFT_CT_SRC_IP6:
	case NFT_CT_DST_IP6:
	case NFT_CT_LABELS:
	case NFT_CT_HELPER:
		return 16;
	default:
		return 4;
	}
}

static void load_key(struct making *m, uint8_t source, struct bytes reg, uint32_t key, uint32_t len, uint32_t flags, uint32_t level, int8_t direction)
{
	struct operand like;
	memset(&like, 0, sizeof like);
	like.source = source;
	like.len = (uint16_t)len;
	like.key.key = key;
	like.key.flags = flags;
	like.key.level = level;
	like.key.direction = direction;
	register_put(m, reg, operand_shared(m, &like));
}

static void make_meta(struct making *m, const struct attrs *a)
{
	uint32_t key = attr_be32(a->at[NFTA_META_KEY]);
	if (!a->at[NFTA_META_SREG].data) {
		load_key(m, SOURCE_META, a->at[NFTA_META_DREG], key, meta_len(key), 0, 0, -1);
		return;
	}
	const struct operand *from = register_get(m, a->at[NFTA_META_SREG], meta_len(key));
	struct step *s = step_add(m, STEP_WRITE);
	s->write.target = WRITE_META;
	s->write.operand = from;
	s->write.key = key;
	s->write.len = meta_len(key);
}

static void make_ct(struct making *m, const struct attrs *a)
{
	uint32_t key = attr_be32(a->at[NFTA_CT_KEY]), len = ct_len(m, key);
	int8_t direction = a->at[NFTA_CT_DIRECTION].data ? (int8_t)(attr_u8(a->at[NFTA_CT_DIRECTION]) & 1) : -1;
	if (!a->at[NFTA_CT_SREG].data) {
		load_key(m, SOURCE_CT, a->at[NFTA_CT_DREG], key, len, 0, 0, direction);
		return;
	}
	const struct operand *from = register_get(m, a->at[NFTA_CT_SREG], len);
	struct step *s = step_add(m, STEP_WRITE);
	s->write.target = WRITE_CT;
	s->write.operand = from;
	s->write.key = key;
	s->write.direction = direction;
	s->write.len = len;
}

static void make_rt(struct making *m, const struct attrs *a)
{
	uint32_t key = attr_be32(a->at[NFTA_RT_KEY]);
	load_key(m, SOURCE_RT, a->at[NFTA_RT_DREG], key, key == NFT_RT_NEXTHOP6 ? 16 : key == NFT_RT_TCPMSS ? 2 : key == NFT_RT_XFRM ? 1 : 4, 0, 0, -1);
}

static void make_fib(struct making *m, const struct attrs *a)
{
	uint32_t result = attr_be32(a->at[NFTA_FIB_RESULT]), flags = attr_be32(a->at[NFTA_FIB_FLAGS]);
	uint32_t len = flags & NFTA_FIB_F_PRESENT ? 1 : result == NFT_FIB_RESULT_OIFNAME ? 16 : 4;
	load_key(m, SOURCE_FIB, a->at[NFTA_FIB_DREG], result, len, flags, 0, -1);
}

static void make_socket(struct making *m, const struct attrs *a)
{
	uint32_t key = attr_be32(a->at[NFTA_SOCKET_KEY]), len = key == NFT_SOCKET_MARK ? 4 : key == NFT_SOCKET_CGROUPV2 ? 8 : 1;
	load_key(m, SOURCE_SOCKET, a->at[NFTA_SOCKET_DREG], key, len, 0, attr_be32(a->at[NFTA_SOCKET_LEVEL]), -1);
}

static void make_osf(struct making *m, const struct attrs *a)
{
	load_key(m, SOURCE_OSF, a->at[NFTA_OSF_DREG], attr_u8(a->at[NFTA_OSF_TTL]), 16, attr_be32(a->at[NFTA_OSF_FLAGS]), 0, -1);
}

static void make_tunnel(struct making *m, const struct attrs *a)
{
	uint32_t key = attr_be32(a->at[NFTA_TUNNEL_KEY]);
	load_key(m, SOURCE_TUNNEL, a->at[NFTA_TUNNEL_DREG], key, key == 0 ? 1 : 4, 0, attr_be32(a->at[NFTA_TUNNEL_MODE]), -1);
}

static void make_xfrm(struct making *m, const struct attrs *a)
{
	uint32_t key = attr_be32(a->at[NFTA_XFRM_KEY]);
	bool six = key == NFT_XFRM_KEY_DADDR_IP6 || key == NFT_XFRM_KEY_SADDR_IP6;
	load_key(m, SOURCE_XFRM, a->at[NFTA_XFRM_DREG], key, six ? 16 : 4, 0, attr_be32(a->at[NFTA_XFRM_SPNUM]), (int8_t)(attr_u8(a->at[NFTA_XFRM_DIR]) & 1));
}

static void make_numgen(struct making *m, const struct attrs *a)
{
	struct operand *o = operand_new(m, SOURCE_NUMGEN, 4);
	o->generate.key = attr_be32(a->at[NFTA_NG_TYPE]);
	o->generate.modulus = attr_be32(a->at[NFTA_NG_MODULUS]);
	o->generate.offset = attr_be32(a->at[NFTA_NG_OFFSET]);
	register_put(m, a->at[NFTA_NG_DREG], o);
}

static void make_hash(struct making *m, const struct attrs *a)
{
	bool symmetric = attr_be32(a->at[NFTA_HASH_TYPE]) == NFT_HASH_SYM;
	struct operand *o = operand_new(m, symmetric ? SOURCE_SYMHASH : SOURCE_JHASH, 4);
	o->generate.modulus = attr_be32(a->at[NFTA_HASH_MODULUS]);
	o->generate.offset = attr_be32(a->at[NFTA_HASH_OFFSET]);
	o->generate.seed = attr_be32(a->at[NFTA_HASH_SEED]);
	if (!symmetric)
		o->generate.inner = register_get(m, a->at[NFTA_HASH_SREG], attr_be32(a->at[NFTA_HASH_LEN]));
	register_put(m, a->at[NFTA_HASH_DREG], o);
}

/* ---- changes ---- */

static void make_bitwise(struct making *m, const struct attrs *a)
{
	uint32_t len = attr_be32(a->at[NFTA_BITWISE_LEN]), op = attr_be32(a->at[NFTA_BITWISE_OP]), n;
	struct bytes from = a->at[NFTA_BITWISE_SREG], to = a->at[NFTA_BITWISE_DREG];
	uint8_t mask[OPERAND_MAX] = {0}, xor[OPERAND_MAX] = {0};
	if (len == 0 || len > OPERAND_MAX || op > NFT_BITWISE_RSHIFT) {
		register_put(m, to, operand_unknown(m, "bitwise operation on two registers", 4));
		return;
	}
	if (op == NFT_BITWISE_MASK_XOR) {
		const uint8_t *given = pack_data(m, a->at[NFTA_BITWISE_MASK], &n);
		if (given)
			memcpy(mask, given, n < len ? n : len);
		given = pack_data(m, a->at[NFTA_BITWISE_XOR], &n);
		if (given)
			memcpy(xor, given, n < len ? n : len);
		/* room for whole words, as parts step over them */
		const uint8_t *kept_mask = decoder_pack(m->d, mask, (len + 3) & ~3u), *kept_xor = decoder_pack(m->d, xor, (len + 3) & ~3u);
		if (kept_mask && kept_xor)
			register_change(m, from, to, len, &(struct change){.kind = CHANGE_MASK_XOR, .mask = kept_mask, .xor = kept_xor});
		return;
	}
	const uint8_t *shift = pack_data(m, a->at[NFTA_BITWISE_DATA], &n);
	struct change c = {.kind = op == NFT_BITWISE_LSHIFT ? CHANGE_SHIFT_LEFT : CHANGE_SHIFT_RIGHT};
	if (shift && n >= 4)
		memcpy(&c.shift, shift, 4);
	register_change(m, from, to, len, &c);
}

static void make_byteorder(struct making *m, const struct attrs *a)
{
	uint32_t len = attr_be32(a->at[NFTA_BYTEORDER_LEN]), size = attr_be32(a->at[NFTA_BYTEORDER_SIZE]);
	struct change c = {.kind = CHANGE_BYTEORDER, .size = (uint8_t)(size == 2 || size == 8 ? size : 4)};
	register_change(m, a->at[NFTA_BYTEORDER_SREG], a->at[NFTA_BYTEORDER_DREG], len, &c);
}

/* ---- matches ---- */

static void make_cmp(struct making *m, const struct attrs *a)
{
	static const uint8_t how[] = {[NFT_CMP_EQ] = COMPARE_EQ, [NFT_CMP_NEQ] = COMPARE_NEQ, [NFT_CMP_LT] = COMPARE_LT, [NFT_CMP_LTE] = COMPARE_LTE,
				      [NFT_CMP_GT] = COMPARE_GT, [NFT_CMP_GTE] = COMPARE_GTE};
	uint32_t len, op = attr_be32(a->at[NFTA_CMP_OP]);
	const uint8_t *data = pack_data(m, a->at[NFTA_CMP_DATA], &len);
	const struct operand *o = register_whole(m, a->at[NFTA_CMP_SREG], len);
	struct step *s = step_add(m, data && op < sizeof how ? STEP_COMPARE : STEP_UNKNOWN);
	if (s->kind == STEP_UNKNOWN) {
		s->name = "comparison of an unknown kind";
		m->unknown = true;
		return;
	}
	s->compare = how[op];
	s->match.operand = o;
	s->match.data = data;
	s->match.len = (uint16_t)len;
}

static void make_range(struct making *m, const struct attrs *a)
{
	uint32_t len, to_len;
	const uint8_t *from = pack_data(m, a->at[NFTA_RANGE_FROM_DATA], &len), *to = pack_data(m, a->at[NFTA_RANGE_TO_DATA], &to_len);
	const struct operand *o = register_get(m, a->at[NFTA_RANGE_SREG], len);
	struct step *s = step_add(m, from && to && len == to_len ? STEP_RANGE : STEP_UNKNOWN);
	if (s->kind == STEP_UNKNOWN) {
		s->name = "range without bounds";
		m->unknown = true;
		return;
	}
	s->inverted = attr_be32(a->at[NFTA_RANGE_OP]) == NFT_RANGE_NEQ;
	s->match.operand = o;
	s->match.data = from;
	s->match.to = to;
	s->match.len = (uint16_t)len;
}

static const struct ruleset_set *set_of(struct making *m, struct bytes name, struct bytes id)
{
	return decoder_find_set(m->d, m->table, decoder_text(m->d, name), attr_be32(id));
}

static void make_lookup(struct making *m, const struct attrs *a)
{
	const struct ruleset_set *set = set_of(m, a->at[NFTA_LOOKUP_SET], a->at[NFTA_LOOKUP_SET_ID]);
	if (!set) {
		step_add(m, STEP_UNKNOWN)->name = "look-up in a set that is not in the ruleset";
		m->unknown = true;
		return;
	}
	const struct operand *key = register_get(m, a->at[NFTA_LOOKUP_SREG], set->key_len);
	struct bytes to = a->at[NFTA_LOOKUP_DREG];
	if (to.data && set->data_type != NFT_DATA_VERDICT) {
		struct operand *o = operand_new(m, SOURCE_MAP, set->data_len);
		o->map.inner = key;
		o->map.set = set;
		register_put(m, to, o);
		return;
	}
	struct step *s = step_add(m, to.data ? STEP_VERDICT_MAP : STEP_LOOKUP);
	s->inverted = attr_be32(a->at[NFTA_LOOKUP_FLAGS]) & NFT_LOOKUP_F_INV;
	s->lookup.operand = key;
	s->lookup.set = set;
}

/* ---- the table ---- */

static const struct expression {
	const char *name;
	void (*make)(struct making *m, const struct attrs *a);
} expressions[] = {
	{"immediate", make_immediate},
	{"payload", make_payload},
	{"exthdr", make_exthdr},
	{"meta", make_meta},
	{"ct", make_ct},
	{"rt", make_rt},
	{"fib", make_fib},
	{"socket", make_socket},
	{"osf", make_osf},
	{"tunnel", make_tunnel},
	{"xfrm", make_xfrm},
	{"numgen", make_numgen},
	{"hash", make_hash},
	{"bitwise", make_bitwise},
	{"byteorder", make_byteorder},
	{"cmp", make_cmp},
	{"range", make_range},
	{"lookup", make_lookup},
	{"dynset", make_dynset},
	{"counter", make_counter},
	{"limit", make_limit},
	{"quota", make_quota},
	{"connlimit", make_connlimit},
	{"last", make_last},
	{"log", make_log},
	{"queue", make_queue},
	{"reject", make_reject},
	{"nat", make_nat},
	{"masq", make_masquerade},
	{"redir", make_redirect},
	{"tproxy", make_tproxy},
	{"notrack", make_notrack},
	{"synproxy", make_synproxy},
	{"dup", make_dup},
	{"fwd", make_forward},
	{"flow_offload", make_flow_offload},
	{"objref", make_object_reference},
	{"match", make_xt_match},
	{"target", make_xt_target},
};

static void make_expression(struct making *m, struct bytes data)
{
	struct attrs a, inner;
	attrs_parse(&a, data);
	struct bytes name = a.at[NFTA_EXPR_NAME];
	attrs_parse(&inner, a.at[NFTA_EXPR_DATA]);
	for (size_t i = 0; i < sizeof expressions / sizeof *expressions; i++) {
		size_t n = strlen(expressions[i].name);
		if (name.data && name.len >= n && memcmp(name.data, expressions[i].name, n) == 0 && (name.len == n || !name.data[n])) {
			expressions[i].make(m, &inner);
			return;
		}
	}
	struct step *s = step_add(m, STEP_UNKNOWN);
	s->name = decoder_text(m->d, name);
	m->unknown = true;
	decoder_gap(m->d, m->rule, "expression '%s'", s->name);
	/* whatever it loaded, nobody knows where */
	for (int i = 0; i < REGISTER_WORDS; i++)
		m->word[i].operand = NULL;
}

void decode_expressions(struct decoder *d, struct ruleset_table *t, struct ruleset_rule *rule, struct bytes list, struct step **steps)
{
	struct making m = {.d = d, .table = t, .rule = rule, .end = steps};
	struct reader r = reader_over(list);
	uint16_t type;
	struct bytes one;
	uint32_t gaps = d->rs->n_gaps;
	*steps = NULL;
	while (attr_next(&r, &type, &one))
		make_expression(&m, one);
	if (rule)
		rule->unknown = m.unknown;
	if (m.unknown && d->rs->n_gaps == gaps)
		decoder_gap(d, rule, "a part of a rule that cannot be followed");
}
