// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Multi-pattern search by the Hyperscan API. Patterns are literals; each distinct one (bytes and case) is in a database
 * once and leads to the signatures that chose it.
 */
#include "detect/engine.h"

#include "detect/cache.h"

#include <errno.h>
#include <stdlib.h>

struct pattern {
	struct bytes bytes;
	bool nocase;
	uint32_t sig;
};

struct pattern_list {
	struct pattern *item;
	size_t n, room;
};

struct prefilter *prefilter_get(struct engine *e, const struct prefilter *like)
{
	for (struct prefilter *p = e->prefilters; p; p = p->next)
		if (p->buffer == like->buffer && p->transforms == like->transforms && p->direction == like->direction && p->stream == like->stream &&
		    p->udp == like->udp && p->sport == like->sport && p->dport == like->dport)
			return p;
	struct prefilter *p = xcalloc(1, sizeof *p);
	*p = *like;
	p->next = e->prefilters;
	p->building = xcalloc(1, sizeof *p->building);
	e->prefilters = p;
	return p;
}

void prefilter_add(struct prefilter *p, const struct signature *s)
{
	struct pattern_list *l = p->building;
	if (l->n == l->room) {
		l->room = l->room ? l->room * 2 : 64;
		l->item = xrealloc(l->item, l->room * sizeof *l->item);
	}
	l->item[l->n++] = (struct pattern){s->fast.content, s->fast.nocase, s->number};
	if (s->fast.content.len > p->longest)
		p->longest = (uint32_t)s->fast.content.len;
}

static int by_pattern(const void *a, const void *b)
{
	const struct pattern *x = a, *y = b;
	size_t n = x->bytes.len < y->bytes.len ? x->bytes.len : y->bytes.len;
	int order = (int)x->nocase - (int)y->nocase;
	for (size_t i = 0; order == 0 && i < n; i++) {
		uint8_t c = x->nocase ? byte_lower(x->bytes.data[i]) : x->bytes.data[i];
		uint8_t d = x->nocase ? byte_lower(y->bytes.data[i]) : y->bytes.data[i];
		order = (int)c - (int)d;
	}
	return order ? order : x->bytes.len < y->bytes.len ? -1 : x->bytes.len > y->bytes.len;
}

static int by_pattern_and_number(const void *a, const void *b)
{
	const struct pattern *x = a, *y = b;
	int order = by_pattern(a, b);
	return order ? order : x->sig < y->sig ? -1 : x->sig > y->sig;
}

/* Groups signatures by pattern: `first` and `sigs`. Fills what Hyperscan wants. */
static void index_patterns(struct prefilter *p, const char **text, size_t *len, unsigned *flags, unsigned *ids)
{
	struct pattern_list *l = p->building;
	qsort(l->item, l->n, sizeof *l->item, by_pattern_and_number);
	p->first = xcalloc(l->n + 1, sizeof *p->first);
	p->sigs = xcalloc(l->n, sizeof *p->sigs);
	for (size_t i = 0; i < l->n; i++) {
		if (i == 0 || by_pattern(&l->item[i - 1], &l->item[i])) {
			uint32_t k = p->n_patterns++;
			p->first[k] = (uint32_t)i;
			text[k] = (const char *)l->item[i].bytes.data;
			len[k] = l->item[i].bytes.len;
			flags[k] = HS_FLAG_SINGLEMATCH | (l->item[i].nocase ? HS_FLAG_CASELESS : 0);
			ids[k] = k;
		}
		p->sigs[i] = l->item[i].sig;
	}
	p->first[p->n_patterns] = (uint32_t)l->n;
}

static int compile_one(struct engine *e, struct prefilter *p, struct error *error)
{
	size_t n = p->building->n;
	const char **text = xcalloc(n, sizeof *text);
	size_t *len = xcalloc(n, sizeof *len);
	unsigned *flags = xcalloc(n, sizeof *flags), *ids = xcalloc(n, sizeof *ids);
	int rc = 0;
	index_patterns(p, text, len, flags, ids);
	struct cache_key key = {text, len, flags, p->n_patterns};
	const char *folder = e->settings.cache && p->n_patterns >= 32 ? e->settings.cache_path : NULL;
	p->database = folder ? cache_load(folder, &key) : NULL;
	if (p->database) {
		e->counts.databases_from_cache++;
	} else {
		hs_compile_error_t *why;
		if (hs_compile_lit_multi(text, flags, ids, len, p->n_patterns, HS_MODE_BLOCK, NULL, &p->database, &why) != HS_SUCCESS) {
			rc = error_set(error, ENOTSUP, "patterns cannot be compiled: %s", why->message);
			hs_free_compile_error(why);
		} else if (folder) {
			cache_store(folder, &key, p->database);
		}
	}
	size_t bytes = 0;
	if (rc == 0 && hs_database_size(p->database, &bytes) == HS_SUCCESS)
		e->counts.database_bytes += bytes;
	e->counts.databases++;
	free(text);
	free(len);
	free(flags);
	free(ids);
	free(p->building->item);
	free(p->building);
	p->building = NULL;
	return rc;
}

int prefilters_compile(struct engine *e, struct error *error)
{
	for (struct prefilter *p = e->prefilters; p; p = p->next) {
		int rc = compile_one(e, p, error);
		if (rc)
			return rc;
		if (hs_alloc_scratch(p->database, &e->scratch) != HS_SUCCESS)
			return error_set(error, ENOMEM, "no memory for scanning");
	}
	return 0;
}

void prefilters_free(struct engine *e)
{
	for (struct prefilter *p = e->prefilters, *next; p; p = next) {
		next = p->next;
		hs_free_database(p->database);
		if (p->building)
			free(p->building->item);
		free(p->building);
		free(p->first);
		free(p->sigs);
		free(p);
	}
	hs_free_scratch(e->scratch);
}

struct scan {
	const struct prefilter *prefilter;
	struct inspect *in;
};

static int on_pattern(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *context)
{
	struct scan *c = context;
	(void)from, (void)to, (void)flags;
	for (uint32_t i = c->prefilter->first[id]; i < c->prefilter->first[id + 1]; i++)
		inspect_add(c->in, c->prefilter->sigs[i]);
	return 0;
}

void prefilter_scan(const struct prefilter *p, struct inspect *in, struct bytes data)
{
	struct scan c = {p, in};
	if (data.len)
		hs_scan(p->database, (const char *)data.data, (unsigned)data.len, 0, in->scratch, on_pattern, &c);
}

void inspect_begin(struct inspect *in)
{
	in->n_candidates = 0;
	in->round++;
}

void inspect_add(struct inspect *in, uint32_t number)
{
	if (in->seen[number] == in->round || in->n_candidates == in->room)
		return;
	in->seen[number] = in->round;
	in->candidate[in->n_candidates++] = number;
}

/* Few as a rule: insertion; many: qsort. */
static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

void inspect_sort(struct inspect *in)
{
	if (in->n_candidates > 24) {
		qsort(in->candidate, in->n_candidates, sizeof *in->candidate, by_value);
		return;
	}
	for (size_t i = 1; i < in->n_candidates; i++) {
		uint32_t v = in->candidate[i];
		size_t k = i;
		for (; k > 0 && in->candidate[k - 1] > v; k--)
			in->candidate[k] = in->candidate[k - 1];
		in->candidate[k] = v;
	}
}
