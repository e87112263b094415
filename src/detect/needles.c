// SPDX-License-Identifier: GPL-2.0-or-later
#include "detect/needles.h"

#include "base/memory.h"
#include "detect/byte_pairs.h"

#include <math.h>
#include <stdlib.h>

enum { TIERS = 4, WORDS_LEAST = 3, WORDS_MOST = 12 /* powers of two: 32 kB, so that the cache nearest to the processor may hold it */, LOADS_LOG = 14, UNROLL = 4 };

/*
 * A needle goes to the first tier that it is long enough for: as many windows side by side as a step is long fit into it. Each tier is a pass over the
 * data; so the first is for lists that fit into it as a whole.
 */
static const struct { uint8_t width, step; } shape[TIERS] = {{8, 8}, {4, 2}, {2, 1}, {1, 1}};

struct window {
	uint64_t value;        /* its bytes, folded */
	uint32_t id;
	uint8_t back;          /* it begins so far behind the needle's first byte */
};

struct tier {
	uint64_t *words;       /* a window sets two bits of one word */
	uint32_t *first;       /* windows by the first bits of their hash; one more at the end */
	struct window *window;
	uint32_t n;
	uint8_t word_shift, bucket_shift; /* what of a hash is the place in `words`, in `first` */
};

struct stored {
	const uint8_t *text;
	uint8_t len;
	bool nocase;
};

struct needles {
	struct tier tier[TIERS];
	struct stored *needle;
	uint8_t *text;
	size_t size;
	bool sparse;           /* all in the first tier */
};

/* Letters in lower case, and some other bytes taken for one another: who compares sees the difference. */
static inline uint64_t fold(uint64_t v)
{
	return v | UINT64_C(0x2020202020202020);
}

static inline uint64_t window_at(const uint8_t *p, unsigned width)
{
	uint64_t eight;
	uint32_t four;
	uint16_t two;
	switch (width) {
	case 8: memcpy(&eight, p, 8); return fold(eight);
	case 4: memcpy(&four, p, 4); return fold(four);
	case 2: memcpy(&two, p, 2); return fold(two);
	default: return fold(*p);
	}
}

static inline uint32_t hash_of(uint64_t window)
{
	return (uint32_t)(window * UINT64_C(0x9e3779b97f4a7c15) >> 32);
}

/* Two bits of a word; the word is chosen by the hash's first bits. */
static inline uint64_t bits_of(uint32_t hash)
{
	return UINT64_C(1) << (hash & 63) | UINT64_C(1) << (hash >> 8 & 63);
}

/* ---- building ---- */

static unsigned tier_of(size_t len, bool sparse)
{
	unsigned t = !sparse;
	while (len < (size_t)shape[t].width + shape[t].step - 1)
		t++;
	return t;
}

/* How often the bytes are expected, as a part of all places. */
static double expected(const uint8_t *p, unsigned width)
{
	int rarity = 0;
	for (unsigned i = 0; i + 1 < width; i++)
		rarity += pair_rarity[byte_class[p[i]]][byte_class[p[i + 1]]] - 'a' + 2;
	for (unsigned i = width > 1; i + (width > 1) < width; i++) /* counted twice; or the only one */
		rarity += (width > 1 ? -1 : 1) * (byte_rarity[byte_class[p[i]]] - 'a' + 2);
	return ldexp(1, -rarity);
}

/* Where in a needle its windows begin: what is rare, and not what others have too. */
static unsigned choose(struct bytes b, unsigned t, const uint16_t *loads)
{
	unsigned width = shape[t].width, step = shape[t].step, best = 0;
	double least = HUGE_VAL;
	for (unsigned at = 0; at + width + step - 1 <= b.len; at++) {
		double cost = 0;
		for (unsigned k = 0; k < step; k++)
			cost += expected(b.data + at + k, width) * (1.0 + loads[hash_of(window_at(b.data + at + k, width)) >> (32 - LOADS_LOG)]);
		if (cost < least) {
			least = cost;
			best = at;
		}
	}
	return best;
}

static unsigned log_of(uint32_t n)
{
	unsigned log = 0;
	while (log < 31 && UINT32_C(1) << log < n)
		log++;
	return log;
}

/* Sorts windows into buckets, and sets their bits. */
static void tier_finish(struct needles *s, struct tier *t, const struct window *list)
{
	unsigned buckets = log_of(t->n) + 1, log = buckets < WORDS_LEAST ? WORDS_LEAST : buckets > WORDS_MOST ? WORDS_MOST : buckets;
	t->word_shift = (uint8_t)(32 - log);
	t->bucket_shift = (uint8_t)(32 - buckets);
	size_t n_buckets = (size_t)1 << buckets, words = (size_t)1 << log;
	t->words = xcalloc(words, sizeof *t->words);
	t->first = xcalloc(n_buckets + 2, sizeof *t->first);
	t->window = xcalloc(t->n, sizeof *t->window);
	for (uint32_t i = 0; i < t->n; i++) {
		uint32_t h = hash_of(list[i].value);
		t->words[h >> t->word_shift] |= bits_of(h);
		t->first[(h >> t->bucket_shift) + 2]++;
	}
	for (size_t i = 2; i < n_buckets + 2; i++)
		t->first[i] += t->first[i - 1];
	for (uint32_t i = 0; i < t->n; i++) /* afterwards first[k + 1] is where k ends */
		t->window[t->first[(hash_of(list[i].value) >> t->bucket_shift) + 1]++] = list[i];
	s->size += words * sizeof *t->words + (n_buckets + 2) * sizeof *t->first + t->n * sizeof *t->window;
}

static void tier_build(struct needles *s, unsigned t, uint32_t n)
{
	struct window *list = xcalloc((size_t)n * shape[t].step, sizeof *list);
	uint16_t *loads = xcalloc((size_t)1 << LOADS_LOG, sizeof *loads);
	struct tier *tier = &s->tier[t];
	for (uint32_t i = 0; i < n; i++) {
		struct bytes b = bytes_of(s->needle[i].text, s->needle[i].len);
		if (tier_of(b.len, s->sparse) != t)
			continue;
		unsigned at = choose(b, t, loads);
		for (unsigned k = 0; k < shape[t].step; k++) {
			struct window w = {.value = window_at(b.data + at + k, shape[t].width), .id = i, .back = (uint8_t)(at + k)};
			uint16_t *load = &loads[hash_of(w.value) >> (32 - LOADS_LOG)];
			*load = (uint16_t)(*load + (*load < UINT16_MAX));
			list[tier->n++] = w;
		}
	}
	if (tier->n)
		tier_finish(s, tier, list);
	free(loads);
	free(list);
}

struct needles *needles_new(const struct needle *list, uint32_t n)
{
	struct needles *s = xcalloc(1, sizeof *s);
	size_t bytes = 0;
	s->sparse = true;
	for (uint32_t i = 0; i < n; i++) {
		bytes += list[i].bytes.len;
		s->sparse = s->sparse && list[i].bytes.len >= NEEDLE_SPARSE;
	}
	s->needle = xcalloc((size_t)n + 1, sizeof *s->needle);
	s->text = xcalloc(bytes + 1, 1);
	s->size = sizeof *s + n * sizeof *s->needle + bytes;
	uint8_t *text = s->text;
	bool has[TIERS] = {false};
	for (uint32_t i = 0; i < n; i++) {
		memcpy(text, list[i].bytes.data, list[i].bytes.len);
		s->needle[i] = (struct stored){text, (uint8_t)list[i].bytes.len, list[i].nocase};
		text += list[i].bytes.len;
		has[tier_of(list[i].bytes.len, s->sparse)] = true;
	}
	for (unsigned t = 0; t < TIERS; t++)
		if (has[t])
			tier_build(s, t, n);
	return s;
}

void needles_free(struct needles *s)
{
	for (unsigned t = 0; s && t < TIERS; t++) {
		free(s->tier[t].words);
		free(s->tier[t].first);
		free(s->tier[t].window);
	}
	if (s) {
		free(s->needle);
		free(s->text);
	}
	free(s);
}

size_t needles_size(const struct needles *s)
{
	return s->size;
}

/* ---- scanning ---- */

struct needles_scan {
	const struct needles *s;
	struct bytes data;
	void (*found)(void *context, uint32_t id, size_t end);
	void *context;
};

static bool lies_at(const struct stored *x, const uint8_t *p)
{
	return x->nocase ? bytes_equal_nocase(bytes_of(p, x->len), bytes_of(x->text, x->len)) : memcmp(p, x->text, x->len) == 0;
}

/* Bits are set for what lies at `at`: whose window is it? */
static __attribute__((noinline)) void look(const struct needles_scan *c, const struct tier *t, uint64_t value, size_t at)
{
	uint32_t bucket = hash_of(value) >> t->bucket_shift;
	for (const struct window *w = t->window + t->first[bucket], *end = t->window + t->first[bucket + 1]; w < end; w++) {
		const struct stored *x = &c->s->needle[w->id];
		if (w->value != value || w->back > at || x->len > c->data.len - (at - w->back) || !lies_at(x, c->data.data + (at - w->back)))
			continue;
		c->found(c->context, w->id, at - w->back + x->len);
	}
}

/* The last bit says whether it is worth a look. */
static inline uint64_t bits_at(const uint64_t *words, unsigned shift, uint64_t value)
{
	uint32_t h = hash_of(value);
	uint64_t word = words[h >> shift];
	return word >> (h & 63) & word >> (h >> 8 & 63);
}

static inline __attribute__((always_inline)) void scan_tier(const struct needles_scan *c, const struct tier *t, const unsigned width, const unsigned step)
{
	const uint8_t *p = c->data.data;
	const uint64_t *words = t->words;
	const unsigned shift = t->word_shift;
	size_t at = 0, len = c->data.len;
	for (; at + (UNROLL - 1) * step + width <= len; at += UNROLL * step) {
		uint64_t any = 0;
		for (unsigned i = 0; i < UNROLL; i++)
			any |= bits_at(words, shift, window_at(p + at + i * step, width));
		for (unsigned i = 0; __builtin_expect(any & 1, 0) && i < UNROLL; i++) {
			uint64_t value = window_at(p + at + i * step, width);
			if (bits_at(words, shift, value) & 1)
				look(c, t, value, at + i * step);
		}
	}
	for (; at + width <= len; at += step) {
		uint64_t value = window_at(p + at, width);
		if (bits_at(words, shift, value) & 1)
			look(c, t, value, at);
	}
}

void needles_scan(const struct needles *s, struct bytes data, void (*found)(void *context, uint32_t id, size_t end), void *context)
{
	const struct needles_scan c = {s, data, found, context};
	const struct tier *t = s->tier;
	if (t[0].n)
		scan_tier(&c, &t[0], 8, 8);
	if (t[1].n)
		scan_tier(&c, &t[1], 4, 2);
	if (t[2].n)
		scan_tier(&c, &t[2], 2, 1);
	if (t[3].n)
		scan_tier(&c, &t[3], 1, 1);
}
