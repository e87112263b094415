// SPDX-License-Identifier: GPL-2.0-or-later
/* Which bits of packets a ruleset asks about, and their order as variables. */
#include <errno.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <stdlib.h>
#include <string.h>

#include "ruleset/symbolic.h"

enum { STATES = NF_CT_STATE_INVALID_BIT | 2 | 4 | 8 | NF_CT_STATE_UNTRACKED_BIT, MAX_NAMES = 1000, MAX_WORK = 100000000 };

struct scan {
	struct symbolic *sy;
	const struct ruleset_rule *rule;
	size_t unknown_room;
	const uint8_t **name; /* 16 bytes each: devices that rules and sets name, by direction */
	size_t n_names;
	bool failed;
};

/* ---- fields ---- */

struct operand symbolic_key(uint8_t source, uint32_t key)
{
	struct operand o;
	memset(&o, 0, sizeof o);
	o.source = source;
	o.key.key = key;
	o.key.direction = -1;
	return o;
}

struct operand symbolic_payload(uint8_t base)
{
	struct operand o;
	memset(&o, 0, sizeof o);
	o.source = SOURCE_PAYLOAD;
	o.payload.base = base;
	return o;
}

static bool own_of_operand(uint8_t source)
{
	return source == SOURCE_MAP || source == SOURCE_NUMGEN || source == SOURCE_JHASH || source == SOURCE_SYMHASH || source == SOURCE_UNKNOWN;
}

static bool same_field(const struct symbolic_field *f, const struct operand *o)
{
	const struct operand *l = &f->like;
	if (l->source != o->source)
		return false;
	if (own_of_operand(o->source))
		return f->of == o;
	if (o->source == SOURCE_PAYLOAD)
		return l->payload.base == o->payload.base;
	if (o->source == SOURCE_EXTHDR)
		return l->exthdr.op == o->exthdr.op && l->exthdr.type == o->exthdr.type && l->exthdr.present == o->exthdr.present;
	return l->key.key == o->key.key && l->key.flags == o->key.flags && l->key.level == o->key.level && l->key.direction == o->key.direction;
}

static struct symbolic_field *find_field(const struct symbolic *sy, const struct operand *o)
{
	for (size_t i = 0; i < sy->n_fields; i++)
		if (same_field(&sy->field[i], o))
			return (struct symbolic_field *)&sy->field[i];
	return NULL;
}

/* What is not the packet's: chance, sockets, the routing table, the clock. */
static bool is_unknown_key(const struct operand *o)
{
	static const uint32_t meta[] = {NFT_META_SKUID, NFT_META_SKGID, NFT_META_CGROUP, NFT_META_PRANDOM, NFT_META_SECPATH, NFT_META_SECMARK, NFT_META_CPU,
		NFT_META_TIME_NS, NFT_META_TIME_DAY, NFT_META_TIME_HOUR, NFT_META_RTCLASSID, NFT_META_NFTRACE};
	for (size_t i = 0; o->source == SOURCE_META && i < sizeof meta / sizeof *meta; i++)
		if (meta[i] == o->key.key)
			return true;
	return own_of_operand(o->source) || o->source == SOURCE_FIB || o->source == SOURCE_RT || o->source == SOURCE_SOCKET || o->source == SOURCE_OSF ||
	       o->source == SOURCE_TUNNEL || o->source == SOURCE_XFRM;
}

static struct symbolic_field *take_field(struct scan *s, const struct operand *o)
{
	struct symbolic *sy = s->sy;
	struct symbolic_field *f = find_field(sy, o);
	if (f)
		return f;
	if (sy->n_fields == SYMBOLIC_FIELDS) {
		s->failed = true;
		return &sy->field[0];
	}
	f = &sy->field[sy->n_fields++];
	*f = (struct symbolic_field){.like = *o, .of = own_of_operand(o->source) ? o : NULL, .unknown = is_unknown_key(o)};
	return f;
}

static void ask_bits(struct scan *s, const struct operand *o, uint32_t from, uint32_t n)
{
	struct symbolic_field *f = take_field(s, o);
	if (from + n > 1 << 16)
		return;
	if (f->n_bits < from + n) {
		f->level = xrealloc(f->level, (from + n) * sizeof *f->level);
		memset(f->level + f->n_bits, 0, (from + n - f->n_bits) * sizeof *f->level);
		f->n_bits = from + n;
	}
	for (uint32_t i = from; i < from + n; i++)
		f->level[i] = 1;
}

/* Fields that are known by two names become one; constants of the family nothing. Returns false if the bits are constant. */
static bool canonical(const struct symbolic *sy, const struct operand *o, uint32_t *bit, struct operand *as)
{
	*as = *o;
	bool ip = sy->family == NFPROTO_IPV4 || sy->family == NFPROTO_IPV6;
	if (o->source == SOURCE_PAYLOAD) {
		*bit += o->payload.offset * 8;
		as->payload.offset = 0;
		uint32_t at = sy->family == NFPROTO_IPV4 ? 72 : 48;
		if (ip && o->payload.base == NFT_PAYLOAD_NETWORK_HEADER && *bit < 4)
			return false;
		if (ip && o->payload.base == NFT_PAYLOAD_NETWORK_HEADER && *bit >= at && *bit < at + 8) {
			*as = symbolic_key(SOURCE_META, NFT_META_L4PROTO);
			*bit -= at;
		}
		return true;
	}
	if (o->source == SOURCE_EXTHDR && !o->exthdr.present) {
		*bit += o->exthdr.offset * 8;
		as->exthdr.offset = 0;
	} else if (o->source == SOURCE_EXTHDR) {
		as->exthdr.offset = 0;
		return *bit == 7;
	}
	if (o->source == SOURCE_CT && o->key.key == NFT_CT_STATE)
		return *bit == 1 || (*bit >= 4 && *bit <= 7);
	if (o->source == SOURCE_CT && o->key.key == NFT_CT_DIRECTION)
		return *bit == 7;
	return !(ip && o->source == SOURCE_META && (o->key.key == NFT_META_NFPROTO || o->key.key == NFT_META_PROTOCOL));
}

/* A bit that is the same in all packets of the family. */
static bit_t constant_bit(const struct symbolic *sy, const struct operand *o, uint32_t bit)
{
	uint32_t value = 0, bits = 32;
	if (o->source == SOURCE_META && o->key.key == NFT_META_NFPROTO) {
		value = sy->family;
		bits = 8;
	} else if (o->source == SOURCE_META && o->key.key == NFT_META_PROTOCOL) {
		value = sy->family == NFPROTO_IPV4 ? 0x0800 : 0x86dd;
		bits = 16;
	} else if (o->source == SOURCE_PAYLOAD) {
		value = sy->family == NFPROTO_IPV4 ? 4 : 6;
		bits = 4;
	}
	return bit < bits && value >> (bits - 1 - bit) & 1 ? BIT_1 : BIT_0;
}

/* ---- what rules ask ---- */

static void ask_operand(struct scan *s, const struct operand *o)
{
	for (; o; o = o->next) {
		if (o->source == SOURCE_IMMEDIATE)
			continue;
		for (uint32_t i = 0; i < o->len * 8u && i < SYMBOLIC_BITS; i++) {
			struct operand as;
			uint32_t bit = i;
			if (canonical(s->sy, o, &bit, &as))
				ask_bits(s, own_of_operand(o->source) ? o : &as, bit, 1);
		}
		if (o->source == SOURCE_EXTHDR && !o->exthdr.present) {
			struct operand as = *o;
			as.exthdr.present = true;
			as.exthdr.offset = 0;
			ask_bits(s, &as, 7, 1);
		}
	}
}

static void add_unknown(struct scan *s, const void *of, const void *with)
{
	struct symbolic *sy = s->sy;
	if (sy->n_unknown >= BDD_MAX_LEVELS) {
		s->failed = true;
		return;
	}
	if (sy->n_unknown == s->unknown_room) {
		s->unknown_room = s->unknown_room ? s->unknown_room * 2 : 64;
		sy->unknown = xrealloc(sy->unknown, s->unknown_room * sizeof *sy->unknown);
	}
	sy->unknown[sy->n_unknown++] = (struct symbolic_unknown){of, with, s->rule, 0};
}

static bool is_name(const struct operand *o)
{
	return o->source == SOURCE_META && (o->key.key == NFT_META_IIFNAME || o->key.key == NFT_META_OIFNAME) && o->len == 16;
}

static void add_name(struct scan *s, const uint8_t *data, size_t len)
{
	uint8_t name[16] = {0};
	memcpy(name, data, len < 16 ? len : 16);
	if (len < 16) /* a beginning: a device that begins so */
		name[len] = '0';
	for (size_t i = 0; i < s->n_names; i++)
		if (memcmp(s->name[i], name, 16) == 0)
			return;
	if (s->n_names < MAX_NAMES) {
		uint8_t *copy = xmalloc(16);
		memcpy(copy, name, 16);
		s->name = xrealloc(s->name, (s->n_names + 1) * sizeof *s->name);
		s->name[s->n_names++] = copy;
	}
}

static void add_set_names(struct scan *s, const struct operand *o, const struct ruleset_set *set)
{
	for (size_t at = 0; o && !set->left_out; at += (o->len + 3u) & ~3u, o = o->next)
		for (uint32_t i = 0; is_name(o) && i < set->n_elements && i < MAX_NAMES; i++)
			if (!set->elements[i].catch_all)
				add_name(s, set->elements[i].key + at, 16);
}

static void scan_steps(struct scan *s, const struct step *first);

static void scan_lookup(struct scan *s, const struct step *st)
{
	const struct ruleset_set *set = st->lookup.set;
	ask_operand(s, st->lookup.operand);
	if (!set)
		return;
	if (symbolic_set_opaque(set))
		add_unknown(s, set, st->lookup.operand);
	else
		add_set_names(s, st->lookup.operand, set);
}

static void scan_nat(struct scan *s, const struct step *st)
{
	s->sy->nat = true;
	ask_operand(s, st->nat.address_min);
	ask_operand(s, st->nat.port_min);
}

static void scan_step(struct scan *s, const struct step *st)
{
	switch (st->kind) {
	case STEP_COMPARE:
	case STEP_RANGE:
		ask_operand(s, st->match.operand);
		if (st->kind == STEP_COMPARE && is_name(st->match.operand) && !st->match.operand->changes)
			add_name(s, st->match.data, st->match.len);
		break;
	case STEP_LOOKUP:
	case STEP_VERDICT_MAP:
		scan_lookup(s, st);
		break;
	case STEP_WRITE:
		ask_operand(s, st->write.operand);
		break;
	case STEP_LIMIT:
	case STEP_QUOTA:
	case STEP_CONNLIMIT:
	case STEP_UPDATE:
	case STEP_UNKNOWN:
	case STEP_SYNPROXY:
	case STEP_TPROXY:
		add_unknown(s, st, NULL);
		break;
	case STEP_NAT:
		scan_nat(s, st);
		break;
	case STEP_XT_MATCH:
	case STEP_XT_TARGET:
		if (st->xt.meaning)
			scan_steps(s, st->xt.meaning);
		else if (st->kind == STEP_XT_MATCH)
			add_unknown(s, st, NULL);
		break;
	default:
		break;
	}
}

static void scan_steps(struct scan *s, const struct step *first)
{
	for (const struct step *st = first; st; st = st->next)
		scan_step(s, st);
}

bool symbolic_has_table(const struct symbolic *sy, const struct ruleset_table *t)
{
	return t->family == sy->family || (t->family == NFPROTO_INET && (sy->family == NFPROTO_IPV4 || sy->family == NFPROTO_IPV6));
}

static void scan_ruleset(struct scan *s)
{
	struct symbolic *sy = s->sy;
	struct operand state = symbolic_key(SOURCE_CT, NFT_CT_STATE), direction = symbolic_key(SOURCE_CT, NFT_CT_DIRECTION);
	for (const struct ruleset_table *t = sy->rs->tables; t; t = t->next)
		for (const struct ruleset_chain *c = symbolic_has_table(sy, t) ? t->chains : NULL; c; c = c->next)
			for (s->rule = c->rules; s->rule; s->rule = s->rule->next)
				scan_steps(s, s->rule->steps);
	if (sy->family != NFPROTO_IPV4 && sy->family != NFPROTO_IPV6)
		return;
	state.len = 4;
	direction.len = 1;
	ask_operand(s, &state);
	ask_operand(s, &direction);
}

/* ---- the order of variables ---- */

struct order {
	uint32_t rank, sub, bit;
	struct symbolic_field *f;
};

/*
 * What tells packets apart coarsely comes first. Addresses come before ports: rules on addresses alone are many (lists of blocks), those on ports alone are few, and a
 * rule costs as much as there are nodes above what it asks.
 */
static uint32_t field_rank(const struct operand *o)
{
	if (o->source == SOURCE_META)
		switch (o->key.key) {
		case NFT_META_L4PROTO:
		case NFT_META_PROTOCOL:
		case NFT_META_NFPROTO:
			return 1;
		case NFT_META_IIF:
		case NFT_META_IIFNAME:
			return 2;
		case NFT_META_OIF:
		case NFT_META_OIFNAME:
			return 3;
		case NFT_META_MARK:
			return 9;
		default:
			return 10;
		}
	if (o->source == SOURCE_CT)
		return o->key.key == NFT_CT_STATE || o->key.key == NFT_CT_DIRECTION || o->key.key == NFT_CT_STATUS ? 4 : o->key.key == NFT_CT_MARK ? 9 : 10;
	if (o->source == SOURCE_PAYLOAD)
		return o->payload.base == NFT_PAYLOAD_NETWORK_HEADER ? 5 : o->payload.base == NFT_PAYLOAD_TRANSPORT_HEADER ? 6 : 7;
	return 8;
}

static int compare_order(const void *a, const void *b)
{
	const struct order *x = a, *y = b;
	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	if (x->sub != y->sub)
		return x->sub < y->sub ? -1 : 1;
	if (x->bit != y->bit)
		return x->bit < y->bit ? -1 : 1;
	return x->f < y->f ? -1 : x->f > y->f;
}

static int assign_levels(struct scan *s)
{
	struct symbolic *sy = s->sy;
	struct order *order = NULL;
	size_t n = 0, room = 0;
	for (size_t i = 0; i < sy->n_fields; i++)
		for (uint32_t bit = 0; bit < sy->field[i].n_bits; bit++) {
			struct symbolic_field *f = &sy->field[i];
			if (!f->level[bit])
				continue;
			if (n == room)
				order = xrealloc(order, (room = room ? room * 2 : 256) * sizeof *order);
			uint32_t rank = field_rank(&f->like) + (f->unknown ? 100 : 0);
			order[n++] = (struct order){rank, rank == 9 ? 0 : (uint32_t)i, bit, f};
		}
	if (n)
		qsort(order, n, sizeof *order, compare_order);
	sy->first_unknown = 0;
	bool fits = n + sy->n_unknown + 1 < BDD_MAX_LEVELS && !s->failed;
	for (size_t i = 0; fits && i < n; i++) {
		order[i].f->level[order[i].bit] = (uint16_t)(i + 1);
		if (order[i].f->unknown && !sy->first_unknown)
			sy->first_unknown = (uint32_t)(i + 1);
	}
	free(order);
	if (!sy->first_unknown)
		sy->first_unknown = (uint32_t)n + 1;
	sy->n_levels = (uint32_t)(n + 1 + sy->n_unknown);
	return fits ? 0 : -E2BIG;
}

static int compare_unknown(const void *a, const void *b)
{
	const struct symbolic_unknown *x = a, *y = b;
	if (x->of != y->of)
		return x->of < y->of ? -1 : 1;
	return x->with < y->with ? -1 : x->with > y->with;
}

static void assign_unknowns(struct symbolic *sy)
{
	size_t n = 0;
	uint32_t level = sy->n_levels - (uint32_t)sy->n_unknown;
	if (sy->n_unknown)
		qsort(sy->unknown, sy->n_unknown, sizeof *sy->unknown, compare_unknown);
	for (size_t i = 0; i < sy->n_unknown; i++)
		if (!n || compare_unknown(&sy->unknown[n - 1], &sy->unknown[i]) != 0)
			sy->unknown[n++] = sy->unknown[i];
	sy->n_unknown = n;
	for (size_t i = 0; i < n; i++)
		sy->unknown[i].level = (uint16_t)(level + i);
	sy->n_levels = level + (uint32_t)n;
}

bdd_t symbolic_unknown_var(struct symbolic *sy, const void *of, const void *with)
{
	struct symbolic_unknown key = {.of = of, .with = with};
	const struct symbolic_unknown *u =
		sy->n_unknown ? bsearch(&key, sy->unknown, sy->n_unknown, sizeof key, compare_unknown) : NULL;
	return u ? bdd_var(&sy->b, u->level, true) : BDD_TRUE;
}

/* ---- bits ---- */

bit_t symbolic_bit(const struct symbolic *sy, const struct operand *o, uint32_t bit)
{
	struct operand as;
	if (!canonical(sy, o, &bit, &as))
		return constant_bit(sy, o, bit);
	const struct symbolic_field *f = find_field(sy, own_of_operand(o->source) ? o : &as);
	return f && bit < f->n_bits && f->level[bit] ? f->level[bit] * 2 : BIT_UNASKED;
}

static bit_t opposite(bit_t b)
{
	return b == BIT_0 ? BIT_1 : b == BIT_1 ? BIT_0 : b < 0 ? b : b ^ 1;
}

static void reverse_bytes(bit_t *bits, size_t n, size_t size)
{
	bit_t swap[8];
	for (size_t at = 0; size && at + size * 8 <= n; at += size * 8)
		for (size_t i = 0; i < size / 2; i++) {
			bit_t *x = bits + at + i * 8, *y = bits + at + (size - 1 - i) * 8;
			memcpy(swap, x, sizeof swap);
			memcpy(x, y, sizeof swap);
			memcpy(y, swap, sizeof swap);
		}
}

/* The kernel shifts words in the order of the host, the first the highest. */
static void shift_bits(bit_t *bits, size_t n, const struct change *c)
{
	bit_t old[SYMBOLIC_BITS];
	reverse_bytes(bits, n, 4);
	memcpy(old, bits, n * sizeof *old);
	for (size_t i = 0; i < n; i++) {
		size_t from = c->kind == CHANGE_SHIFT_LEFT ? i + c->shift : i - c->shift;
		bits[i] = from < n ? old[from] : BIT_0;
	}
	reverse_bytes(bits, n, 4);
}

static void change_bits(bit_t *bits, size_t n, const struct change *c)
{
	if (c->kind == CHANGE_MASK_XOR) {
		for (size_t i = 0; i < n; i++) {
			if (c->mask && !(c->mask[i / 8] >> (7 - i % 8) & 1))
				bits[i] = BIT_0;
			if (c->xor && c->xor[i / 8] >> (7 - i % 8) & 1)
				bits[i] = opposite(bits[i]);
		}
	} else if (c->kind == CHANGE_BYTEORDER) {
		reverse_bytes(bits, n, c->size);
	} else if (c->kind != CHANGE_SLICE) {
		shift_bits(bits, n, c);
	}
}

static bdd_t guard_of(struct symbolic *sy, const struct operand *o)
{
	if (o->source == SOURCE_CT && o->key.key != NFT_CT_STATE)
		return symbolic_state(sy, 2 | 4 | 8);
	if (o->source != SOURCE_EXTHDR || o->exthdr.present)
		return BDD_TRUE;
	struct operand as = *o;
	as.exthdr.present = true;
	bit_t b = symbolic_bit(sy, &as, 7);
	return b > 0 ? bdd_var(&sy->b, (uint32_t)b / 2, true) : BDD_TRUE;
}

static size_t part_bits(struct symbolic *sy, const struct operand *o, bit_t *out, size_t max)
{
	size_t n = o->len * 8u;
	if (n > max)
		n = max;
	for (size_t i = 0; i < n; i++)
		out[i] = o->source == SOURCE_IMMEDIATE ? (o->data[i / 8] >> (7 - i % 8) & 1 ? BIT_1 : BIT_0) : symbolic_bit(sy, o, (uint32_t)i);
	for (const struct change *c = own_of_operand(o->source) ? NULL : o->changes; c; c = c->next)
		change_bits(out, n, c);
	return n;
}

size_t symbolic_bits(struct symbolic *sy, const struct operand *o, bit_t *out, size_t max, bdd_t *guard)
{
	size_t n = 0;
	for (; o && n < max; o = o->next) {
		n += part_bits(sy, o, out + n, max - n);
		if (guard)
			*guard = bdd_and(&sy->b, *guard, guard_of(sy, o));
		while (o->next && n % 32 && n < max)
			out[n++] = BIT_0;
	}
	return n;
}

/* ---- what holds of every packet ---- */

bdd_t symbolic_equals(struct symbolic *sy, const struct operand *like, uint32_t from, const void *value, size_t len)
{
	bit_t bits[SYMBOLIC_BITS];
	for (size_t i = 0; i < len * 8; i++)
		bits[i] = symbolic_bit(sy, like, from + (uint32_t)i);
	return symbolic_cube(sy, bits, value, len * 8);
}

bdd_t symbolic_state(struct symbolic *sy, uint32_t states)
{
	struct operand o = symbolic_key(SOURCE_CT, NFT_CT_STATE);
	bdd_t any = BDD_FALSE;
	if (sy->family != NFPROTO_IPV4 && sy->family != NFPROTO_IPV6)
		return BDD_TRUE;
	for (uint32_t bit = 1; bit <= 64; bit <<= 1)
		if (states & bit & STATES)
			any = bdd_or(&sy->b, any, symbolic_equals(sy, &o, 0, &bit, sizeof bit));
	return any;
}

bdd_t symbolic_direction(struct symbolic *sy, bool reply)
{
	struct operand o = symbolic_key(SOURCE_CT, NFT_CT_DIRECTION);
	uint8_t value = reply;
	return symbolic_equals(sy, &o, 0, &value, 1);
}

bdd_t symbolic_device(struct symbolic *sy, bool out, const char *name)
{
	char padded[16] = {0};
	struct operand by_name = symbolic_key(SOURCE_META, out ? NFT_META_OIFNAME : NFT_META_IIFNAME), by_index = symbolic_key(SOURCE_META, out ? NFT_META_OIF : NFT_META_IIF);
	strncpy(padded, name, sizeof padded - 1);
	bdd_t is = symbolic_equals(sy, &by_name, 0, padded, sizeof padded);
	uint32_t index = *name ? UINT32_MAX : 0;
	for (uint32_t i = 1; i < sy->rs->n_devices; i++)
		if (sy->rs->device_names[i] && strcmp(sy->rs->device_names[i], name) == 0)
			index = i;
	return bdd_and(&sy->b, is, symbolic_equals(sy, &by_index, 0, &index, sizeof index));
}

static void base_of_devices(struct scan *s, bool out)
{
	struct symbolic *sy = s->sy;
	bdd_t any = bdd_or(&sy->b, symbolic_device(sy, out, ""), symbolic_device(sy, out, "other0"));
	for (uint32_t i = 1; i < sy->rs->n_devices && i < MAX_NAMES; i++)
		if (sy->rs->device_names[i])
			any = bdd_or(&sy->b, any, symbolic_device(sy, out, sy->rs->device_names[i]));
	for (size_t i = 0; i < s->n_names; i++) {
		char name[17] = {0};
		memcpy(name, s->name[i], 16);
		any = bdd_or(&sy->b, any, symbolic_device(sy, out, name));
	}
	any = bdd_or(&sy->b, any, symbolic_device(sy, out, "lo"));
	sy->names[out] = any;
}

static void make_base(struct scan *s)
{
	struct symbolic *sy = s->sy;
	base_of_devices(s, false);
	base_of_devices(s, true);
	sy->base = bdd_and(&sy->b, sy->names[0], sy->names[1]);
	if (sy->family != NFPROTO_IPV4 && sy->family != NFPROTO_IPV6)
		return;
	bdd_t tracked = bdd_or(&sy->b, symbolic_state(sy, 2 | 4), bdd_and(&sy->b, symbolic_state(sy, STATES & ~6u), symbolic_direction(sy, false)));
	sy->base = bdd_and(&sy->b, sy->base, tracked);
}

int symbolic_init(struct symbolic *sy, const struct ruleset *rs, uint32_t family, uint32_t max_nodes, queue_choice is_ips, const void *ips)
{
	*sy = (struct symbolic){.rs = rs, .family = family, .max_visits = 20ull * rs->n_rules + 200000, .is_ips = is_ips, .ips = ips};
	struct scan s = {.sy = sy};
	scan_ruleset(&s);
	int code = assign_levels(&s);
	bdd_init(&sy->b, max_nodes);
	sy->b.max_work = MAX_WORK;
	sy->chain = xcalloc(rs->n_chains + 1, sizeof *sy->chain);
	if (code == 0) {
		assign_unknowns(sy);
		make_base(&s);
		symbolic_prepare(sy);
	} else {
		sy->gave_up = "too many different bits and unknowns are asked";
	}
	for (size_t i = 0; i < s.n_names; i++)
		free((void *)s.name[i]);
	free(s.name);
	return code;
}

void symbolic_free(struct symbolic *sy)
{
	for (size_t i = 0; i < sy->n_fields; i++)
		free(sy->field[i].level);
	free(sy->unknown);
	free(sy->chain);
	free(sy->kept);
	free(sy->edge);
	bdd_free(&sy->b);
}
