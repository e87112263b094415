// SPDX-License-Identifier: GPL-2.0-or-later
/* Matches of rules, and what sets hold, as sets of packets. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "ruleset/symbolic.h"

enum { MAX_ELEMENT_BITS = 3000000, MAX_JOINED = 20000 };

static inline bool bit_of(const uint8_t *data, size_t i)
{
	return data[i / 8] >> (7 - i % 8) & 1;
}

static bdd_t bit_is(struct symbolic *sy, bit_t b, bool value)
{
	if (b == BIT_UNASKED)
		return BDD_TRUE;
	if (b < 0)
		return (b == BIT_1) == value ? BDD_TRUE : BDD_FALSE;
	return bdd_var(&sy->b, (uint32_t)b / 2, value != (b & 1));
}

/* ---- equality ---- */

static int compare_down(const void *a, const void *b)
{
	return *(const bit_t *)b - *(const bit_t *)a;
}

/* The literals (level * 2 + value) of bits that are variables; false: a constant or a pair of them says never. */
static bool literals(const bit_t *bits, const uint8_t *value, size_t n, bit_t *out, size_t *n_out)
{
	size_t m = 0;
	bool sorted = true;
	for (size_t i = n; i-- > 0;) {
		if (bits[i] == BIT_UNASKED)
			continue;
		if (bits[i] < 0) {
			if ((bits[i] == BIT_1) != bit_of(value, i))
				return false;
			continue;
		}
		out[m] = (bits[i] & ~1) | (bit_of(value, i) != (bits[i] & 1));
		sorted = sorted && (!m || out[m - 1] > out[m]);
		m++;
	}
	if (!sorted)
		qsort(out, m, sizeof *out, compare_down);
	*n_out = m;
	return true;
}

bdd_t symbolic_cube(struct symbolic *sy, const bit_t *bits, const uint8_t *value, size_t n)
{
	bit_t lit[SYMBOLIC_BITS];
	size_t m;
	bdd_t f = BDD_TRUE;
	if (n > SYMBOLIC_BITS || !literals(bits, value, n, lit, &m))
		return BDD_FALSE;
	for (size_t i = 0; i < m; i++) {
		if (i && lit[i] == lit[i - 1])
			continue;
		if (i && lit[i] / 2 == lit[i - 1] / 2)
			return BDD_FALSE;
		f = lit[i] & 1 ? bdd_node(&sy->b, (uint32_t)lit[i] / 2, BDD_FALSE, f) : bdd_node(&sy->b, (uint32_t)lit[i] / 2, f, BDD_FALSE);
	}
	return f;
}

/* ---- order ---- */

/* bits >= value (at_least), or bits <= value, as bytes compare. */
static bdd_t bounded(struct symbolic *sy, const bit_t *bits, const uint8_t *value, size_t n, bool at_least)
{
	bdd_t f = BDD_TRUE;
	for (size_t i = n; i-- > 0;) {
		bool v = bit_of(value, i);
		bdd_t beyond = bit_is(sy, bits[i], at_least), level = bit_is(sy, bits[i], v);
		f = v == at_least ? bdd_and(&sy->b, level, f) : bdd_or(&sy->b, beyond, bdd_and(&sy->b, level, f));
	}
	return f;
}

static bdd_t within(struct symbolic *sy, const bit_t *bits, const uint8_t *from, const uint8_t *to, size_t n)
{
	if (memcmp(from, to, n / 8) == 0)
		return symbolic_cube(sy, bits, from, n);
	size_t same = 0;
	while (same < n && bit_of(from, same) == bit_of(to, same))
		same++;
	bool prefix = true;
	for (size_t i = same; prefix && i < n; i++)
		prefix = !bit_of(from, i) && bit_of(to, i);
	if (prefix)
		return symbolic_cube(sy, bits, from, same);
	return bdd_and(&sy->b, bounded(sy, bits, from, n, true), bounded(sy, bits, to, n, false));
}

static bdd_t compare_step(struct symbolic *sy, const struct step *s)
{
	bit_t bits[SYMBOLIC_BITS];
	bdd_t guard = BDD_TRUE, f;
	size_t n = symbolic_bits(sy, s->match.operand, bits, SYMBOLIC_BITS, &guard), len = s->match.len * 8u;
	if (!n)
		return BDD_TRUE;
	if (len && len < n)
		n = len;
	if (s->kind == STEP_RANGE) {
		f = within(sy, bits, s->match.data, s->match.to, n);
		return bdd_and(&sy->b, guard, s->inverted ? bdd_not(&sy->b, f) : f);
	}
	switch (s->compare) {
	case COMPARE_EQ:
	case COMPARE_NEQ:
		f = symbolic_cube(sy, bits, s->match.data, n);
		f = s->compare == COMPARE_NEQ ? bdd_not(&sy->b, f) : f;
		break;
	case COMPARE_LTE:
	case COMPARE_GT:
		f = bounded(sy, bits, s->match.data, n, false);
		f = s->compare == COMPARE_GT ? bdd_not(&sy->b, f) : f;
		break;
	default:
		f = bounded(sy, bits, s->match.data, n, true);
		f = s->compare == COMPARE_LT ? bdd_not(&sy->b, f) : f;
	}
	return bdd_and(&sy->b, guard, f);
}

/* ---- sets ---- */

/* Elements with the key's bits in the order of the variables. */
struct trie {
	struct symbolic *sy;
	const uint8_t *from, *to; /* `width` bytes each; to == from: single keys */
	size_t width, n_bits;
	const bit_t *bits; /* ascending */
};

bool symbolic_set_opaque(const struct ruleset_set *set)
{
	if (set->left_out || set->flags & (NFT_SET_EVAL | NFT_SET_TIMEOUT))
		return true;
	uint64_t bits = set->key_len * 8u;
	return set->n_elements * bits > MAX_ELEMENT_BITS * (set->n_fields ? 1 : 2) || (set->n_fields && set->flags & NFT_SET_INTERVAL && set->n_elements > MAX_JOINED);
}

static size_t first_with(const struct trie *t, size_t low, size_t high, size_t bit)
{
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (bit_of(t->from + middle * t->width, bit))
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static bdd_t branch(const struct trie *t, size_t bit, bdd_t zero, bdd_t one)
{
	bit_t b = t->bits[bit];
	return b & 1 ? bdd_node(&t->sy->b, (uint32_t)b / 2, one, zero) : bdd_node(&t->sy->b, (uint32_t)b / 2, zero, one);
}

static bdd_t trie_keys(const struct trie *t, size_t low, size_t high, size_t bit)
{
	if (low >= high)
		return BDD_FALSE;
	if (bit == t->n_bits)
		return BDD_TRUE;
	size_t middle = first_with(t, low, high, bit);
	return branch(t, bit, trie_keys(t, low, middle, bit + 1), trie_keys(t, middle, high, bit + 1));
}

/* The first interval of [low, high) that ends not before `at`; with `begin`: that begins after it. */
static size_t first_beyond(const struct trie *t, size_t low, size_t high, const uint8_t *at, bool begin)
{
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = memcmp((begin ? t->from : t->to) + middle * t->width, at, t->width);
		if (begin ? order > 0 : order >= 0)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/* Intervals of [low, high) that hold keys that begin with the first `bit` bits of `at`, whose rest is 0. */
static bdd_t trie_intervals(const struct trie *t, size_t low, size_t high, size_t bit, uint8_t *at)
{
	uint8_t end[64];
	memcpy(end, at, t->width);
	for (size_t i = bit; i < t->n_bits; i++)
		end[i / 8] |= 0x80 >> i % 8;
	low = first_beyond(t, low, high, at, false);
	high = first_beyond(t, low, high, end, true);
	if (low >= high)
		return BDD_FALSE;
	if (memcmp(t->from + low * t->width, at, t->width) <= 0 && memcmp(t->to + low * t->width, end, t->width) >= 0)
		return BDD_TRUE;
	bdd_t zero = trie_intervals(t, low, high, bit + 1, at);
	at[bit / 8] |= 0x80 >> bit % 8;
	bdd_t one = trie_intervals(t, low, high, bit + 1, at);
	at[bit / 8] &= ~(0x80 >> bit % 8);
	return branch(t, bit, zero, one);
}

/* Where each variable's bit lies in a key; false: not each is a variable of its own. */
static bool bit_order(const bit_t *bits, size_t n, bit_t *sorted, uint16_t *place, size_t *n_vars, bool *monotone)
{
	size_t m = 0;
	*monotone = true;
	for (size_t i = 0; i < n; i++) {
		if (bits[i] < 0) {
			*monotone = false;
			if (bits[i] == BIT_1)
				return false;
			continue; /* padding, or masked: must be 0 in the key */
		}
		size_t at = m++;
		while (at && sorted[at - 1] > bits[i]) {
			sorted[at] = sorted[at - 1];
			place[at] = place[at - 1];
			at--;
			*monotone = false;
		}
		if (at && sorted[at - 1] / 2 == bits[i] / 2)
			return false;
		sorted[at] = bits[i];
		place[at] = (uint16_t)i;
	}
	*n_vars = m;
	return true;
}

static bool possible(const bit_t *bits, const uint8_t *key, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (bits[i] == BIT_0 && bit_of(key, i))
			return false;
	return true;
}

static int compare_width(const void *a, const void *b, void *width)
{
	return memcmp(a, b, *(size_t *)width);
}

struct chosen {
	const struct ruleset_element **e;
	size_t n;
	bool intervals, all;
};

static bdd_t keys_bdd(struct symbolic *sy, const struct chosen *c, const bit_t *bits, size_t n, const bit_t *sorted, const uint16_t *place, size_t n_vars)
{
	size_t width = n_vars / 8 + 1, kept = 0;
	uint8_t *keys = xcalloc(c->n, width);
	for (size_t i = 0; i < c->n; i++) {
		if (!possible(bits, c->e[i]->key, n))
			continue;
		uint8_t *key = keys + kept++ * width;
		for (size_t v = 0; v < n_vars; v++)
			if (bit_of(c->e[i]->key, place[v]) != (sorted[v] & 1))
				key[v / 8] |= 0x80 >> v % 8;
	}
	qsort_r(keys, kept, width, compare_width, &width);
	bit_t plain[SYMBOLIC_BITS];
	for (size_t v = 0; v < n_vars; v++)
		plain[v] = sorted[v] & ~1;
	struct trie t = {sy, keys, keys, width, n_vars, plain};
	bdd_t f = trie_keys(&t, 0, kept, 0);
	free(keys);
	return f;
}

static bdd_t intervals_bdd(struct symbolic *sy, const struct chosen *c, const bit_t *bits, size_t n)
{
	size_t width = n / 8;
	uint8_t *keys = xcalloc(c->n, width * 2), *to = keys + c->n * width, at[64] = {0};
	for (size_t i = 0; i < c->n; i++) {
		memcpy(keys + i * width, c->e[i]->key, width);
		memcpy(to + i * width, c->e[i]->key_end ? c->e[i]->key_end : c->e[i]->key, width);
	}
	struct trie t = {sy, keys, to, width, n, bits};
	bdd_t f = trie_intervals(&t, 0, c->n, 0, at);
	free(keys);
	return f;
}

static bdd_t element_bdd(struct symbolic *sy, const struct ruleset_set *set, const struct ruleset_element *e, const bit_t *bits, size_t n)
{
	if (!e->key_end)
		return symbolic_cube(sy, bits, e->key, n);
	if (!set->n_fields)
		return within(sy, bits, e->key, e->key_end, n);
	bdd_t f = BDD_TRUE;
	for (size_t i = 0, at = 0; i < set->n_fields && at * 8 < n; at += (set->field_len[i] + 3u) & ~3u, i++)
		f = bdd_and(&sy->b, f, within(sy, bits + at * 8, e->key + at, e->key_end + at, set->field_len[i] * 8u));
	return f;
}

static bdd_t joined(struct symbolic *sy, const struct ruleset_set *set, const struct chosen *c, size_t low, size_t high, const bit_t *bits, size_t n)
{
	if (high - low == 1)
		return element_bdd(sy, set, c->e[low], bits, n);
	size_t middle = low + (high - low) / 2;
	bdd_t left = joined(sy, set, c, low, middle, bits, n);
	return bdd_or(&sy->b, left, joined(sy, set, c, middle, high, bits, n));
}

static struct chosen choose(const struct ruleset_set *set, element_choice want, const void *context)
{
	struct chosen c = {.e = xmalloc((set->n_elements + 1) * sizeof *c.e)};
	for (uint32_t i = 0; i < set->n_elements; i++) {
		const struct ruleset_element *e = &set->elements[i];
		if (want && !want(e, context))
			continue;
		if (e->catch_all) {
			c.all = true;
			continue;
		}
		c.intervals |= e->key_end != NULL;
		c.e[c.n++] = e;
	}
	return c;
}

static bdd_t elements_bdd(struct symbolic *sy, const struct ruleset_set *set, const struct chosen *c, const bit_t *bits, size_t n)
{
	bit_t sorted[SYMBOLIC_BITS];
	uint16_t place[SYMBOLIC_BITS];
	size_t n_vars;
	bool monotone;
	if (!c->n)
		return BDD_FALSE;
	bool ordered = bit_order(bits, n, sorted, place, &n_vars, &monotone);
	if (!c->intervals && ordered)
		return keys_bdd(sy, c, bits, n, sorted, place, n_vars);
	if (c->intervals && ordered && monotone && !set->n_fields && n <= 512)
		return intervals_bdd(sy, c, bits, n);
	return joined(sy, set, c, 0, c->n, bits, n);
}

bdd_t symbolic_elements(struct symbolic *sy, const struct operand *o, const struct ruleset_set *set, element_choice want, const void *context)
{
	bit_t bits[SYMBOLIC_BITS];
	bdd_t guard = BDD_TRUE;
	size_t n = symbolic_bits(sy, o, bits, SYMBOLIC_BITS, &guard);
	if (n > set->key_len * 8u)
		n = set->key_len * 8u;
	struct chosen c = choose(set, want, context);
	bdd_t f = elements_bdd(sy, set, &c, bits, n);
	free(c.e);
	if (c.all) { /* what no other element holds */
		struct chosen every = choose(set, NULL, NULL);
		f = bdd_or(&sy->b, f, bdd_not(&sy->b, elements_bdd(sy, set, &every, bits, n)));
		free(every.e);
	}
	return bdd_and(&sy->b, guard, f);
}

static bdd_t lookup_step(struct symbolic *sy, const struct step *s)
{
	const struct ruleset_set *set = s->lookup.set;
	bdd_t f;
	if (!set)
		return BDD_TRUE;
	if (symbolic_set_opaque(set))
		f = symbolic_unknown_var(sy, set, s->lookup.operand);
	else
		f = symbolic_elements(sy, s->lookup.operand, set, NULL, NULL);
	return s->inverted ? bdd_not(&sy->b, f) : f;
}

/* ---- steps ---- */

bool symbolic_is_match(const struct step *s)
{
	switch (s->kind) {
	case STEP_COMPARE:
	case STEP_RANGE:
	case STEP_LOOKUP:
	case STEP_LIMIT:
	case STEP_QUOTA:
	case STEP_CONNLIMIT:
	case STEP_UPDATE:
	case STEP_UNKNOWN:
	case STEP_XT_MATCH:
	case STEP_SYNPROXY:
	case STEP_TPROXY:
		return true;
	default:
		return false;
	}
}

/* SYNPROXY drops or goes on, tproxy accepts or goes on: what goes on may be any. */
bdd_t symbolic_step(struct symbolic *sy, const struct step *s)
{
	bdd_t f = BDD_TRUE;
	switch (s->kind) {
	case STEP_COMPARE:
	case STEP_RANGE:
		return compare_step(sy, s);
	case STEP_LOOKUP:
		return lookup_step(sy, s);
	case STEP_XT_MATCH:
		if (!s->xt.meaning)
			return symbolic_unknown_var(sy, s, NULL);
		for (const struct step *m = s->xt.meaning; m; m = m->next)
			if (symbolic_is_match(m))
				f = bdd_and(&sy->b, f, symbolic_step(sy, m));
		return f;
	default:
		return symbolic_unknown_var(sy, s, NULL);
	}
}

bdd_t symbolic_rule(struct symbolic *sy, const struct ruleset_rule *r)
{
	bdd_t f = BDD_TRUE;
	for (const struct step *s = r->steps; s && f != BDD_FALSE; s = s->next)
		if (symbolic_is_match(s))
			f = bdd_and(&sy->b, f, symbolic_step(sy, s));
		else if (s->kind == STEP_VERDICT_MAP && s->lookup.set && !symbolic_set_opaque(s->lookup.set))
			f = bdd_and(&sy->b, f, symbolic_elements(sy, s->lookup.operand, s->lookup.set, NULL, NULL));
	return f;
}

/* ---- rules that are one cube ---- */

static bool add_literals(struct symbolic *sy, const struct step *s, bit_t *literal, size_t *n, bool *never)
{
	bit_t bits[SYMBOLIC_BITS], more[SYMBOLIC_BITS];
	bdd_t guard = BDD_TRUE;
	size_t m;
	if (s->kind == STEP_LIMIT || s->kind == STEP_QUOTA || s->kind == STEP_CONNLIMIT) {
		bdd_t f = symbolic_unknown_var(sy, s, NULL);
		if (f > BDD_TRUE)
			literal[(*n)++] = (bit_t)(sy->b.node[f].level * 2 + 1);
		return true;
	}
	if (s->kind != STEP_COMPARE || s->compare != COMPARE_EQ)
		return false;
	size_t bits_n = symbolic_bits(sy, s->match.operand, bits, SYMBOLIC_BITS, &guard), len = s->match.len * 8u;
	if (guard != BDD_TRUE || *n + bits_n >= SYMBOLIC_BITS)
		return false;
	if (!literals(bits, s->match.data, len && len < bits_n ? len : bits_n, more, &m)) {
		*never = true;
		return true;
	}
	memcpy(literal + *n, more, m * sizeof *more);
	*n += m;
	return true;
}

static int compare_up(const void *a, const void *b)
{
	return *(const bit_t *)a - *(const bit_t *)b;
}

bool symbolic_rule_cube(struct symbolic *sy, const struct ruleset_rule *r, bit_t *literal, size_t *n, bool *never)
{
	size_t kept = 0;
	*n = 0;
	*never = false;
	for (const struct step *s = r->steps; s && !*never; s = s->next)
		if (symbolic_is_match(s) && !add_literals(sy, s, literal, n, never))
			return false;
	qsort(literal, *n, sizeof *literal, compare_up);
	for (size_t i = 0; i < *n && !*never; i++) {
		if (kept && literal[kept - 1] == literal[i])
			continue;
		if (kept && literal[kept - 1] / 2 == literal[i] / 2)
			*never = true;
		literal[kept++] = literal[i];
	}
	*n = kept;
	return true;
}
