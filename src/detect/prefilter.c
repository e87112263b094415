// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Multi-pattern search: what is looked for together. Patterns are literals; each distinct one (bytes and case) is in a database once and leads to the
 * signatures that chose it. A database is the library's (Hyperscan's API), or one of windows (needles.h), as choose_windows tells.
 *
 * Compiling some 250 to 1,500 patterns by the library takes far more memory than fewer or more of them; where it may be, they go into several small
 * databases.
 */
#include "detect/engine.h"

#include "detect/cache.h"

#include <errno.h>
#include <stdlib.h>
#include <xxhash.h>

enum {
	FEW_SEARCHED = 48, /* are found by the library's fastest way */
	POOL_LEAST = 40, FEW_PATTERNS = 300, MANY_PATTERNS = 1500,
	CACHE_LEAST = 8, /* fewer are compiled as fast as they are read */
	COVER_LEAST = 24, COVERS_MAX = 8,
	MANY_LONG = 500,
};

struct pattern {
	struct bytes bytes;
	bool nocase;
	struct prefilter_entry entry;
};

struct pattern_list {
	struct pattern *item;
	size_t n, room;
};

struct prefilter *prefilter_new(struct engine *e, unsigned buffer, const struct transform_chain *transforms, int direction)
{
	struct prefilter *p = xcalloc(1, sizeof *p);
	*p = (struct prefilter){.buffer = buffer, .transforms = transforms, .direction = (uint8_t)direction, .next = e->prefilters};
	p->building = xcalloc(1, sizeof *p->building);
	e->prefilters = p;
	return p;
}

struct prefilter *prefilter_get(struct engine *e, unsigned buffer, const struct transform_chain *transforms, int direction)
{
	for (struct prefilter *p = e->prefilters; p; p = p->next)
		if (p->buffer == buffer && p->transforms == transforms && p->direction == direction)
			return p;
	return prefilter_new(e, buffer, transforms, direction);
}

/* Vectorscan misses one-byte patterns in databases; a condition that a content is missing cannot be found by looking for it. */
bool prefilter_possible(const struct signature *s)
{
#ifdef __x86_64__
	const size_t least = 1;
#else
	const size_t least = 2;
#endif
	return s->fast.content.len >= least && !s->fast.negated;
}

static void pattern_list_add(struct pattern_list *l, struct pattern p)
{
	if (l->n == l->room) {
		l->room = l->room ? l->room * 2 : 16;
		l->item = xrealloc(l->item, l->room * sizeof *l->item);
	}
	l->item[l->n++] = p;
}

void prefilter_add(struct prefilter *p, uint32_t number, const struct pattern_choice *c)
{
	struct bytes b = bytes_slice(c->content, 0, PATTERN_MAX);
	size_t cut = c->content.len - b.len;
	if (b.len > p->longest)
		p->longest = (uint32_t)b.len;
	if (pattern_is_fixed(c) && anchors_add(&p->anchors, b, c->nocase, c->earliest, number))
		return;
	pattern_list_add(p->building, (struct pattern){b, c->nocase, {number, c->latest > cut ? (uint32_t)(c->latest - cut) : 0}});
}

void prefilter_join(struct prefilter *into, struct prefilter *from, size_t least)
{
	struct pattern_list *l = from->building;
	size_t left = 0;
	if (into->building->n + l->n > FEW_SEARCHED)
		return;
	for (size_t i = 0; i < l->n; i++)
		if (l->item[i].bytes.len >= least)
			pattern_list_add(into->building, l->item[i]);
		else
			l->item[left++] = l->item[i];
	l->n = left;
	if (into->longest < from->longest)
		into->longest = from->longest;
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
	return order ? order : x->entry.number < y->entry.number ? -1 : x->entry.number > y->entry.number;
}

static void sort_patterns(struct prefilter *p)
{
	struct pattern_list *l = p->building;
	bool bounded = true;
	if (l->n)
		qsort(l->item, l->n, sizeof *l->item, by_pattern_and_number);
	for (size_t i = 0; i < l->n; i++) {
		uint32_t latest = l->item[i].entry.latest;
		p->n_patterns += i == 0 || by_pattern(&l->item[i - 1], &l->item[i]) != 0;
		bounded = bounded && latest;
		p->limit = latest > p->limit ? latest : p->limit;
	}
	if (!bounded)
		p->limit = 0;
}

static uint64_t hash_of(const struct pattern *p)
{
	uint8_t folded[PATTERN_MAX];
	for (size_t i = 0; i < p->bytes.len; i++)
		folded[i] = p->nocase ? byte_lower(p->bytes.data[i]) : p->bytes.data[i];
	return XXH3_64bits_withSeed(folded, p->bytes.len, p->nocase);
}

static int by_hash(const void *a, const void *b)
{
	uint64_t x = ((const struct pattern_mark *)a)->hash, y = ((const struct pattern_mark *)b)->hash;
	return x < y ? -1 : x > y;
}

/* The pattern's id in a database; UINT32_MAX: it is not there. */
static uint32_t id_of(const struct database *d, const struct pattern *p)
{
	struct pattern_mark key = {.hash = hash_of(p)}, *found = bsearch(&key, d->mark, d->n, sizeof *d->mark, by_hash);
	return found ? found->id : UINT32_MAX;
}

/* The entries of a prefilter for the patterns of a database. */
static void make_part(struct prefilter *p, const struct database *d)
{
	const struct pattern_list *l = p->building;
	struct prefilter_part part = {.database = d, .first = xcalloc((size_t)d->n + 2, sizeof *part.first)};
	uint32_t *id = xcalloc(l->n + 1, sizeof *id), n = 0;
	for (size_t i = 0; i < l->n; i++) {
		id[i] = i && by_pattern(&l->item[i - 1], &l->item[i]) == 0 ? id[i - 1] : id_of(d, &l->item[i]);
		if (id[i] != UINT32_MAX) {
			part.first[id[i] + 2]++;
			n++;
		}
	}
	for (uint32_t k = 2; k < d->n + 2; k++)
		part.first[k] += part.first[k - 1];
	part.entry = n ? xcalloc(n, sizeof *part.entry) : NULL;
	for (size_t i = 0; i < l->n; i++) /* afterwards first[k + 1] is where k ends */
		if (id[i] != UINT32_MAX)
			part.entry[part.first[id[i] + 1]++] = l->item[i].entry;
	free(id);
	if (n == 0) {
		free(part.first);
		return;
	}
	p->part = xrealloc(p->part, (p->n_parts + 1) * sizeof *p->part);
	p->part[p->n_parts++] = part;
}

static struct database *database_new(const struct pattern *patterns, size_t n, bool by_windows)
{
	struct database *d = xcalloc(1, sizeof *d);
	d->mark = xcalloc(n, sizeof *d->mark);
	d->text = xcalloc(n, sizeof *d->text);
	d->len = xcalloc(n, sizeof *d->len);
	d->flags = xcalloc(n, sizeof *d->flags);
	d->n = (uint32_t)n;
	for (size_t i = 0; i < n; i++) {
		d->text[i] = (const char *)patterns[i].bytes.data;
		d->len[i] = patterns[i].bytes.len;
		d->flags[i] = HS_FLAG_SINGLEMATCH | (patterns[i].nocase ? HS_FLAG_CASELESS : 0);
		d->mark[i] = (struct pattern_mark){hash_of(&patterns[i]), (uint32_t)i};
	}
	qsort(d->mark, n, sizeof *d->mark, by_hash);
	cache_digest(&(struct cache_key){d->text, d->len, d->flags, d->n}, d->digest);
	d->by_windows = by_windows;
	d->digest[0] ^= by_windows; /* the same patterns, found another way */
	return d;
}

static void database_forget_text(struct database *d)
{
	free(d->text);
	free(d->len);
	free(d->flags);
	d->text = NULL;
	d->len = NULL;
	d->flags = NULL;
}

/* The engine's own, or one of an engine before it. */
static struct database *database_find(struct engine *e, const uint8_t digest[32])
{
	for (size_t i = 0; i < e->n_databases; i++)
		if (memcmp(e->database[i]->digest, digest, 32) == 0)
			return e->database[i];
	for (struct database *d = e->store ? *part_databases(e->store) : NULL; d; d = d->next)
		if (memcmp(d->digest, digest, 32) == 0)
			return d;
	return NULL;
}

static void database_free(struct database *d)
{
	database_forget_text(d);
	hs_free_database(d->hs);
	needles_free(d->needles);
	free(d->mark);
	free(d);
}

static void database_leave(struct engine *e, struct database *d)
{
	if (--d->users)
		return;
	for (struct database **at = e->store ? part_databases(e->store) : NULL; at && *at; at = &(*at)->next)
		if (*at == d) {
			*at = d->next;
			break;
		}
	database_free(d);
}

static void database_use(struct engine *e, struct database *d)
{
	for (size_t i = 0; i < e->n_databases; i++)
		if (e->database[i] == d)
			return;
	e->database = xrealloc(e->database, (e->n_databases + 1) * sizeof(struct database *));
	e->database[e->n_databases++] = d;
	d->users++;
}

/* A database for the patterns, or the one that has the same already. */
static const struct database *database_of(struct engine *e, const struct pattern *patterns, size_t n, bool by_windows)
{
	struct database *d = database_new(patterns, n, by_windows), *known = database_find(e, d->digest);
	if (known) {
		database_free(d);
		database_use(e, known);
		return known;
	}
	database_use(e, d);
	if (e->store) {
		struct database **list = part_databases(e->store);
		d->next = *list;
		*list = d;
	}
	return d;
}

/* The patterns of several prefilters, sorted, each once. */
static struct pattern *gather(struct prefilter *const *set, size_t n_set, size_t *distinct)
{
	size_t n = 0;
	for (size_t i = 0; i < n_set; i++)
		n += set[i]->building->n;
	struct pattern *all = xcalloc(n + 1, sizeof *all);
	n = 0;
	for (size_t i = 0; i < n_set; i++) {
		memcpy(all + n, set[i]->building->item, set[i]->building->n * sizeof *all);
		n += set[i]->building->n;
	}
	qsort(all, n, sizeof *all, by_pattern);
	*distinct = 0;
	for (size_t i = 0; i < n; i++)
		if (i == 0 || by_pattern(&all[*distinct - 1], &all[i]) != 0)
			all[(*distinct)++] = all[i];
	return all;
}

static size_t patterns_in(const struct database *d, const struct pattern *all, size_t n)
{
	size_t hits = 0;
	for (size_t i = 0; i < n; i++)
		hits += id_of(d, &all[i]) != UINT32_MAX;
	return hits;
}

/* Of an engine before: one with many of these patterns and few others. */
static struct database *best_cover(struct engine *e, const struct pattern *all, size_t n, size_t least)
{
	struct database *best = NULL;
	size_t most = least ? least - 1 : 0;
	for (struct database *d = *part_databases(e->store); d; d = d->next) {
		if (!d->hs || d->n <= most || d->n < COVER_LEAST)
			continue;
		size_t hits = patterns_in(d, all, n);
		if (hits > most && hits * 5 >= (size_t)d->n * 4) {
			best = d;
			most = hits;
		}
	}
	return best;
}

/*
 * After a small change the databases of the engine before are used on, together with a small one for what is new: compiling a large one takes
 * more memory than the rest of a reload. Where they fit no more they are made anew. Returns how many patterns are left.
 */
static size_t cover(struct engine *e, struct prefilter *const *set, size_t n_set, struct pattern *all, size_t n, unsigned most)
{
	struct database *chosen[COVERS_MAX];
	struct pattern *left = xcalloc(n + 1, sizeof *left);
	size_t n_left = n;
	unsigned n_chosen = 0;
	memcpy(left, all, n * sizeof *all);
	while (n_left && n_chosen < most) {
		struct database *d = best_cover(e, left, n_left, n / (2 * most) + 1);
		if (!d)
			break;
		size_t kept = 0;
		for (size_t i = 0; i < n_left; i++)
			if (id_of(d, &left[i]) == UINT32_MAX)
				left[kept++] = left[i];
		n_left = kept;
		chosen[n_chosen++] = d;
	}
	if (n_left * 5 <= n) {
		for (unsigned i = 0; i < n_chosen; i++) {
			database_use(e, chosen[i]);
			for (size_t k = 0; k < n_set; k++)
				make_part(set[k], chosen[i]);
		}
		memcpy(all, left, n_left * sizeof *all);
		n = n_left;
	}
	free(left);
	return n;
}

/* Payloads, bodies and files are long. What is looked for in them is not mixed with other things, and each byte is looked at once. */
static bool is_long(const struct engine *e, const struct prefilter *p)
{
	if (p->buffer < BUFFER_APP)
		return true;
	for (size_t i = 0; i < e->n_app; i++) {
		const struct app_keyword *k = e->rows[i][p->buffer - BUFFER_APP];
		if (k && k->grows)
			return true;
	}
	return false;
}

static void make_database(struct engine *e, struct prefilter *const *set, size_t n_set, const struct pattern *patterns, size_t n, bool by_windows)
{
	const struct database *d = n ? database_of(e, patterns, n, by_windows) : NULL;
	for (size_t i = 0; d && i < n_set; i++)
		make_part(set[i], d);
}

/*
 * Moves what is to be found by windows to the front: in few bytes all; in files the long patterns, where they are many. In payloads none, the library
 * is as fast there. Returns how many.
 */
static size_t choose_windows(const struct engine *e, const struct prefilter *p, struct pattern *all, size_t n)
{
	size_t least = is_long(e, p) ? NEEDLE_SPARSE : 1, taken = 0, n_rest = 0;
	for (size_t i = 0; i < n; i++)
		taken += all[i].bytes.len >= least;
	if (p->buffer < BUFFER_APP || (least > 1 && taken < MANY_LONG))
		return 0;
	struct pattern *rest = xcalloc(n + 1, sizeof *rest);
	taken = 0;
	for (size_t i = 0; i < n; i++)
		if (all[i].bytes.len >= least)
			all[taken++] = all[i];
		else
			rest[n_rest++] = all[i];
	memcpy(all + taken, rest, n_rest * sizeof *rest);
	free(rest);
	return taken;
}

/* Prefilters that share databases. */
static void make_databases(struct engine *e, struct prefilter *const *set, size_t n_set, bool may_split)
{
	size_t n;
	struct pattern *all = gather(set, n_set, &n), *left = all;
	size_t by_windows = choose_windows(e, set[0], all, n);
	make_database(e, set, n_set, all, by_windows, true);
	left += by_windows;
	n -= by_windows;
	if (e->store && n >= COVER_LEAST)
		n = cover(e, set, n_set, left, n, n_set > 1 && may_split ? COVERS_MAX : 2);
	size_t pieces = may_split && n > FEW_PATTERNS && n < MANY_PATTERNS ? (n + FEW_PATTERNS - 1) / FEW_PATTERNS : 1;
	size_t step = (n + pieces - 1) / pieces;
	for (size_t at = 0; at < n; at += step)
		make_database(e, set, n_set, left + at, n - at < step ? n - at : step, false);
	free(all);
}

/* A search for several small sets costs little more than for one; each search for itself costs a pass over the bytes and its tables' room in the cache. */
static void plan_pools(struct engine *e, struct prefilter **set)
{
	for (unsigned pool = 1; pool <= e->n_pools; pool++) {
		size_t n = 0;
		for (struct prefilter *p = e->prefilters; p; p = p->next)
			if (p->pool == pool)
				set[n++] = p;
		if (n)
			make_databases(e, set, n, false);
	}
}

static void plan(struct engine *e)
{
	size_t n = 0;
	for (struct prefilter *p = e->prefilters; p; p = p->next, n++) {
		sort_patterns(p);
		anchors_finish(p->anchors);
		if (p->limit || p->n_patterns < POOL_LEAST)
			p->pool = 0; /* only the start of the bytes is searched for these; or they would only slow the others down */
		e->n_pools = p->pool > e->n_pools ? p->pool : e->n_pools;
	}
	struct prefilter **pool = xcalloc(n + 1, sizeof *pool);
	plan_pools(e, pool);
	for (struct prefilter *p = e->prefilters; p; p = p->next) {
		if (p->pool)
			continue;
		if (p->n_patterns)
			make_databases(e, &p, 1, p->limit);
	}
	free(pool);
	for (struct prefilter *p = e->prefilters; p; p = p->next) {
		free(p->building->item);
		free(p->building);
		p->building = NULL;
	}
}

/* As expressions, for libraries that refuse literals with NUL bytes. */
static hs_error_t compile_expressions(struct database *d, const unsigned *ids, hs_compile_error_t **why)
{
	struct buffer text = {0};
	const char **expressions = xcalloc(d->n, sizeof *expressions);
	size_t *at = xcalloc(d->n, sizeof *at);
	for (uint32_t i = 0; i < d->n; i++) {
		at[i] = text.len;
		for (size_t k = 0; k < d->len[i]; k++)
			buffer_printf(&text, "\\x%02x", (uint8_t)d->text[i][k]);
		buffer_add_byte(&text, 0);
	}
	for (uint32_t i = 0; i < d->n; i++)
		expressions[i] = (const char *)text.data + at[i];
	hs_error_t rc = hs_compile_multi(expressions, d->flags, ids, d->n, HS_MODE_BLOCK, NULL, &d->hs, why);
	free(expressions);
	free(at);
	buffer_free(&text);
	return rc;
}

static void build_needles(struct database *d)
{
	struct needle *list = xcalloc(d->n, sizeof *list);
	for (uint32_t i = 0; i < d->n; i++)
		list[i] = (struct needle){bytes_of(d->text[i], d->len[i]), d->flags[i] & HS_FLAG_CASELESS};
	d->needles = needles_new(list, d->n);
	free(list);
}

static int compile_one(struct engine *e, struct database *d, struct error *error)
{
	const char *folder = e->settings.cache && d->n >= CACHE_LEAST ? e->settings.cache_path : NULL;
	d->hs = folder ? cache_load(folder, d->digest) : NULL;
	d->from_cache = d->hs;
	if (d->hs)
		return 0;
	unsigned *ids = xcalloc(d->n, sizeof *ids);
	hs_compile_error_t *why = NULL;
	for (uint32_t i = 0; i < d->n; i++)
		ids[i] = i;
	hs_error_t rc = hs_compile_lit_multi(d->text, d->flags, ids, d->len, d->n, HS_MODE_BLOCK, NULL, &d->hs, &why);
	if (rc == HS_COMPILER_ERROR) {
		hs_free_compile_error(why);
		why = NULL;
		rc = compile_expressions(d, ids, &why);
	}
	free(ids);
	if (rc != HS_SUCCESS) {
		error_set(error, ENOTSUP, "patterns cannot be compiled: %s", why ? why->message : "the library failed");
		hs_free_compile_error(why);
		return -ENOTSUP;
	}
	if (folder)
		cache_store(folder, d->digest, d->hs);
	return 0;
}

static int ask_watch(const struct engine *e, size_t done, struct error *error)
{
	struct load_watch *w = e->rules ? e->rules->watch : NULL;
	int r = w ? w->step(w, error) : 0;
	if (r < 0)
		error_prefix(error, "when %zu of %zu databases were compiled", done, e->n_databases);
	return r;
}

int prefilters_compile(struct engine *e, struct error *error)
{
	plan(e);
	for (size_t i = 0; i < e->n_databases; i++) {
		struct database *d = e->database[i];
		size_t bytes = 0;
		if (d->by_windows) {
			if (!d->needles)
				build_needles(d);
			database_forget_text(d);
			e->counts.database_bytes += needles_size(d->needles);
			continue;
		}
		int rc = ask_watch(e, i, error);
		if (rc == 0 && !d->hs)
			rc = compile_one(e, d, error);
		database_forget_text(d);
		if (rc)
			return rc;
		if (hs_alloc_scratch(d->hs, &e->scratch) != HS_SUCCESS)
			return error_set(error, ENOMEM, "no memory for scanning");
		if (hs_database_size(d->hs, &bytes) == HS_SUCCESS)
			e->counts.database_bytes += bytes;
		e->counts.databases++;
		e->counts.databases_from_cache += d->from_cache;
	}
	return ask_watch(e, e->n_databases, error);
}

void prefilters_free(struct engine *e)
{
	for (struct prefilter *p = e->prefilters, *next; p; p = next) {
		next = p->next;
		for (unsigned i = 0; i < p->n_parts; i++) {
			free(p->part[i].first);
			free(p->part[i].entry);
		}
		if (p->building)
			free(p->building->item);
		free(p->building);
		free(p->part);
		anchors_free(p->anchors);
		free(p);
	}
	for (size_t i = 0; i < e->n_databases; i++)
		database_leave(e, e->database[i]);
	free(e->database);
	hs_free_scratch(e->scratch);
}
