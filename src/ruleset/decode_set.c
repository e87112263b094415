// SPDX-License-Identifier: GPL-2.0-or-later
/* Sets and their elements: the kernel's pairs of interval borders become intervals. */
#include "ruleset/decode.h"

#include <stdlib.h>

#ifndef NFT_SET_ELEM_CATCHALL
#define NFT_SET_ELEM_CATCHALL 2
#endif

enum { KEY_MAX = 256, RAW_START = 1, RAW_END = 2 };

static void decode_fields(struct ruleset_set *s, struct bytes description)
{
	struct attrs a, field;
	struct reader r;
	uint16_t type;
	struct bytes one;
	attrs_parse(&a, description);
	r = reader_over(a.at[NFTA_SET_DESC_CONCAT]);
	s->size = attr_be32(a.at[NFTA_SET_DESC_SIZE]);
	while (s->n_fields < sizeof s->field_len && attr_next(&r, &type, &one)) {
		attrs_parse(&field, one);
		uint32_t len = attr_be32(field.at[NFTA_SET_FIELD_LEN]);
		s->field_len[s->n_fields++] = (uint8_t)(len < KEY_MAX ? len : KEY_MAX - 1);
	}
	/* a lie about the fields must not lead beyond the key */
	uint32_t sum = 0;
	for (size_t i = 0; i < s->n_fields; i++)
		sum += (s->field_len[i] + 3u) & ~3u;
	if (sum > s->key_len)
		s->n_fields = 0;
}

void decode_set(struct decoder *d, struct ruleset_table *t, const struct attrs *a)
{
	uint32_t id = attr_be32(a->at[NFTA_SET_ID]), key_len = attr_be32(a->at[NFTA_SET_KEY_LEN]), data_len = attr_be32(a->at[NFTA_SET_DATA_LEN]);
	const char *name = decoder_text(d, a->at[NFTA_SET_NAME]);
	struct ruleset_set *s = decoder_find_set(d, t, name, id);
	if (s && s->id == id)
		return; /* named a second time: the first stays */
	s = decoder_alloc(d, sizeof *s);
	if (!s)
		return;
	*s = (struct ruleset_set){.table = t, .name = name, .id = id, .flags = attr_be32(a->at[NFTA_SET_FLAGS]), .key_type = attr_be32(a->at[NFTA_SET_KEY_TYPE]),
				  .data_type = attr_be32(a->at[NFTA_SET_DATA_TYPE]), .object_type = attr_be32(a->at[NFTA_SET_OBJ_TYPE]),
				  .key_len = (uint16_t)(key_len <= KEY_MAX ? key_len : KEY_MAX), .data_len = (uint16_t)(data_len <= KEY_MAX ? data_len : KEY_MAX),
				  .timeout = attr_be64(a->at[NFTA_SET_TIMEOUT]), .handle = attr_be64(a->at[NFTA_SET_HANDLE])};
	decode_fields(s, a->at[NFTA_SET_DESC]);
	*t->sets_end = s;
	t->sets_end = &s->next;
	if (id)
		decoder_name(d, t, 's', s->name, id, s);
	if (!(s->flags & NFT_SET_ANONYMOUS) || !id)
		decoder_name(d, t, 's', s->name, 0, s);
}

/* ---- elements ---- */

/* The key as the set has it, no matter how long the attribute is. NULL: not there. */
static const uint8_t *pack_value(struct decoder *d, struct bytes nested, size_t len)
{
	struct attrs a;
	uint8_t value[KEY_MAX] = {0};
	attrs_parse(&a, nested);
	struct bytes v = a.at[NFTA_DATA_VALUE];
	if (!v.data)
		return NULL;
	memcpy(value, v.data, v.len < len ? v.len : len);
	return decoder_pack(d, value, len);
}

bool decode_verdict(struct decoder *d, struct ruleset_table *t, struct bytes data, struct verdict *out)
{
	struct attrs a, verdict;
	attrs_parse(&a, data);
	if (!a.at[NFTA_DATA_VERDICT].data)
		return false;
	attrs_parse(&verdict, a.at[NFTA_DATA_VERDICT]);
	out->code = (int32_t)attr_be32(verdict.at[NFTA_VERDICT_CODE]);
	out->chain = NULL;
	if (out->code != NFT_JUMP && out->code != NFT_GOTO)
		return true;
	out->chain = decoder_chain(d, t, decoder_chain_name(d, verdict.at[NFTA_VERDICT_CHAIN], verdict.at[NFTA_VERDICT_CHAIN_ID]));
	return out->chain != NULL;
}

static void decode_inner(struct decoder *d, struct ruleset_set *set, const struct attrs *a, struct ruleset_element *e)
{
	struct step *inner = NULL;
	struct bytes list = a->at[NFTA_SET_ELEM_EXPRESSIONS];
	uint8_t wrapped[1024];
	struct bytes one = a->at[NFTA_SET_ELEM_EXPR];
	if (!list.data && one.data && one.len + 4 <= sizeof wrapped) { /* one alone is a list of one */
		uint16_t head[2] = {(uint16_t)(one.len + 4), NFTA_LIST_ELEM};
		memcpy(wrapped, head, sizeof head);
		memcpy(wrapped + 4, one.data, one.len);
		list = bytes_of(wrapped, one.len + 4);
	}
	if (list.data)
		decode_expressions(d, set->table, NULL, list, &inner);
	e->inner = inner;
}

static bool element_room(struct decoder *d)
{
	if (d->n_elements < d->elements_room)
		return true;
	size_t room = d->elements_room ? d->elements_room * 2 : 64;
	struct ruleset_element *v = realloc(d->elements, room * sizeof *v);
	if (!v) {
		d->no_memory = true;
		return false;
	}
	d->elements = v;
	d->elements_room = room;
	return true;
}

static void decode_element(struct decoder *d, struct ruleset_set *set, struct bytes data)
{
	struct attrs a;
	struct ruleset_element e = {0};
	attrs_parse(&a, data);
	uint32_t flags = attr_be32(a.at[NFTA_SET_ELEM_FLAGS]);
	e.catch_all = flags & NFT_SET_ELEM_CATCHALL;
	e.key = e.catch_all ? NULL : pack_value(d, a.at[NFTA_SET_ELEM_KEY], set->key_len);
	if ((!e.catch_all && !e.key) || !element_room(d))
		return;
	if (a.at[NFTA_SET_ELEM_KEY_END].data)
		e.key_end = pack_value(d, a.at[NFTA_SET_ELEM_KEY_END], set->key_len);
	if (e.key_end && memcmp(e.key, e.key_end, set->key_len) == 0)
		e.key_end = NULL;
	if ((set->flags & NFT_SET_INTERVAL) && !set->n_fields && !e.key_end && !e.catch_all)
		e.raw = flags & NFT_SET_ELEM_INTERVAL_END ? RAW_END : RAW_START;
	struct bytes value = a.at[NFTA_SET_ELEM_DATA];
	if (value.data && (set->flags & NFT_SET_MAP) && set->data_type == NFT_DATA_VERDICT) {
		if (!decode_verdict(d, set->table, value, &e.verdict))
			decoder_gap(d, NULL, "verdict of an element of the map '%s'", set->name);
	} else if (value.data) {
		e.data = pack_value(d, value, set->data_len);
	}
	if (a.at[NFTA_SET_ELEM_OBJREF].data)
		e.object = decoder_text(d, a.at[NFTA_SET_ELEM_OBJREF]);
	e.expires = attr_be64(a.at[NFTA_SET_ELEM_EXPIRATION]);
	if (!e.expires)
		e.expires = attr_be64(a.at[NFTA_SET_ELEM_TIMEOUT]);
	decode_inner(d, set, &a, &e);
	d->elements[d->n_elements++] = e;
}

static bool keeps_elements(const struct decoder *d, const struct ruleset_set *set)
{
	return !d->options || !d->options->no_elements || (set->flags & NFT_SET_ANONYMOUS) || set->data_type == NFT_DATA_VERDICT;
}

void decode_elements(struct decoder *d, struct ruleset_set *set, struct bytes list)
{
	struct reader r = reader_over(list);
	uint16_t type;
	struct bytes one;
	if (d->filling != set) {
		decoder_fill_done(d);
		d->filling = set;
		/* some are there already: they come back and are sorted in */
		for (uint32_t i = 0; !set->left_out && i < set->n_elements && element_room(d); i++)
			d->elements[d->n_elements++] = set->elements[i];
	}
	while (attr_next(&r, &type, &one)) {
		if (keeps_elements(d, set)) {
			decode_element(d, set, one);
		} else {
			struct attrs a;
			attrs_parse(&a, one);
			set->left_out = true;
			set->n_elements += !(attr_be32(a.at[NFTA_SET_ELEM_FLAGS]) & NFT_SET_ELEM_INTERVAL_END);
		}
		if (d->options && d->options->progress && ++d->n_done % 100000 == 0)
			d->options->progress(d->options->context, "elements", d->n_done);
	}
}

/* ---- sorting ---- */

static int by_key(const void *va, const void *vb, void *len)
{
	const struct ruleset_element *a = va, *b = vb;
	if (a->catch_all || b->catch_all)
		return a->catch_all - b->catch_all;
	int order = memcmp(a->key, b->key, *(const uint16_t *)len);
	return order ? order : (a->raw != RAW_END) - (b->raw != RAW_END);
}

/* The number before. */
static const uint8_t *key_before(struct decoder *d, const uint8_t *key, size_t len)
{
	uint8_t value[KEY_MAX];
	memcpy(value, key, len);
	for (size_t i = len; i-- > 0;)
		if (value[i]--)
			break;
	return decoder_pack(d, value, len);
}

/* A start lasts until the end or the next start; in the kernel the end is the first key that is out. */
static size_t join_borders(struct decoder *d, const struct ruleset_set *set, struct ruleset_element *v, size_t n)
{
	size_t kept = 0;
	struct ruleset_element *open = NULL;
	static const uint8_t ones[KEY_MAX] = {[0 ... KEY_MAX - 1] = 0xff};
	for (size_t i = 0; i < n; i++) {
		int raw = v[i].raw; /* v[i] may be v[kept] */
		if (open && raw)
			open->key_end = key_before(d, v[i].key, set->key_len);
		if (raw)
			open = NULL;
		if (raw == RAW_END)
			continue;
		v[kept] = v[i];
		v[kept].raw = 0;
		if (raw == RAW_START)
			open = &v[kept];
		kept++;
	}
	if (open)
		open->key_end = ones;
	for (size_t i = 0; i < kept; i++)
		if (v[i].key_end && !set->n_fields && memcmp(v[i].key, v[i].key_end, set->key_len) >= 0)
			v[i].key_end = NULL;
	return kept;
}

/* The same key twice (a text may say so): once. */
static size_t drop_equal(const struct ruleset_set *set, struct ruleset_element *v, size_t n)
{
	size_t kept = n ? 1 : 0;
	for (size_t i = 1; i < n; i++)
		if (v[i].catch_all != v[kept - 1].catch_all || v[i].key_end || (!v[i].catch_all && memcmp(v[i].key, v[kept - 1].key, set->key_len) != 0))
			v[kept++] = v[i];
	return kept;
}

void decoder_fill_done(struct decoder *d)
{
	struct ruleset_set *set = d->filling;
	d->filling = NULL;
	if (!set || set->left_out)
		return;
	size_t n = d->n_elements;
	bool fields = set->n_fields && (set->flags & NFT_SET_INTERVAL);
	if (n && !fields)
		qsort_r(d->elements, n, sizeof *d->elements, by_key, &set->key_len);
	if (n && fields) { /* order of reading, but the catch-all last */
		for (size_t i = 0; i + 1 < n; i++)
			if (d->elements[i].catch_all) {
				struct ruleset_element e = d->elements[i];
				d->elements[i] = d->elements[n - 1];
				d->elements[n - 1] = e;
			}
	} else {
		n = drop_equal(set, d->elements, join_borders(d, set, d->elements, n));
	}
	struct ruleset_element *v = n ? decoder_alloc(d, n * sizeof *v) : NULL;
	if (v)
		memcpy(v, d->elements, n * sizeof *v);
	set->elements = v;
	set->n_elements = v ? (uint32_t)n : 0;
	d->n_elements = 0;
}
