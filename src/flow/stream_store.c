// SPDX-License-Identifier: GPL-2.0-or-later
#include "flow/stream_store.h"

#include <stdlib.h>
#include <string.h>

enum { KEEP_SPARE = 64 };

static int class_of(uint32_t room)
{
	int c = 0;
	for (uint32_t size = STORE_SMALLEST; size < room; size *= 2)
		c++;
	return c;
}

/* A block of at least `n` bytes; *room says how many. Every byte is charged before it is kept. */
static uint8_t *block_take(struct store_pool *pool, uint32_t n, uint32_t *room)
{
	int c = class_of(n);
	uint32_t size = (uint32_t)STORE_SMALLEST << c;
	if (pool->cap && pool->used + size > pool->cap)
		return NULL;
	uint8_t *p;
	if (c < STORE_CLASSES && pool->spare[c]) {
		p = pool->spare[c];
		memcpy(&pool->spare[c], p, sizeof(void *));
		pool->n_spare[c]--;
	} else {
		p = malloc(size);
		if (!p)
			return NULL;
	}
	pool->used += size;
	*room = size;
	return p;
}

static void block_give(struct store_pool *pool, uint8_t *p, uint32_t room)
{
	if (!p)
		return;
	pool->used -= room;
	int c = class_of(room);
	if (c >= STORE_CLASSES || pool->n_spare[c] >= KEEP_SPARE) {
		free(p);
		return;
	}
	memcpy(p, &pool->spare[c], sizeof(void *));
	pool->spare[c] = p;
	pool->n_spare[c]++;
}

void store_pool_deinit(struct store_pool *pool)
{
	for (int c = 0; c < STORE_CLASSES; c++)
		for (void *p = pool->spare[c], *next; p; p = next) {
			memcpy(&next, p, sizeof next);
			free(p);
		}
	free(pool->scratch);
	*pool = (struct store_pool){0};
}

/* Grows an array that lies in a block of the pool. */
static bool array_grow(struct store_pool *pool, void **array, uint32_t *room, uint32_t n, uint32_t size)
{
	if (n < *room)
		return true;
	uint32_t bytes, had = *room ? (uint32_t)STORE_SMALLEST << class_of(*room * size) : 0;
	uint8_t *more = block_take(pool, *room ? had * 2 : STORE_SMALLEST, &bytes);
	if (!more)
		return false;
	if (n)
		memcpy(more, *array, (size_t)n * size);
	block_give(pool, *array, had);
	*array = more;
	*room = bytes / size;
	return true;
}

static void array_free(struct store_pool *pool, void *array, uint32_t room, uint32_t size)
{
	if (array)
		block_give(pool, array, (uint32_t)STORE_SMALLEST << class_of(room * size));
}

struct stream_store *store_new(struct store_pool *pool)
{
	uint32_t room;
	struct stream_store *s = (void *)block_take(pool, sizeof *s, &room);
	if (s)
		memset(s, 0, sizeof *s);
	return s;
}

void store_free(struct store_pool *pool, struct stream_store *s)
{
	if (!s)
		return;
	for (uint32_t i = 0; i < s->n_runs; i++)
		block_give(pool, s->run[i].data, s->run[i].room);
	array_free(pool, s->run, s->runs_room, sizeof *s->run);
	array_free(pool, s->segment, s->segments_room, sizeof *s->segment);
	block_give(pool, (uint8_t *)s, (uint32_t)STORE_SMALLEST << class_of(sizeof *s));
}

static uint64_t run_end(const struct store_run *r)
{
	return r->start + r->len;
}

/* Index of the first run that ends behind `at`. */
static uint32_t run_find(const struct stream_store *s, uint64_t at)
{
	uint32_t low = 0, high = s->n_runs;
	if (high && run_end(&s->run[high - 1]) <= at)
		return high;
	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		if (run_end(&s->run[mid]) <= at)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool run_reserve(struct store_pool *pool, struct store_run *r, uint32_t more)
{
	if (r->head + r->len + more <= r->room)
		return true;
	if (r->len + more <= r->room && r->head >= r->len) { /* half of it was let go: slide */
		memmove(r->data, r->data + r->head, r->len);
		r->head = 0;
		return true;
	}
	uint32_t room;
	if (r->len + more > 1u << 30)
		return false;
	uint8_t *data = block_take(pool, r->len + more + (r->len > 2048 ? r->len / 2 : 0), &room);
	if (!data)
		return false;
	if (r->len)
		memcpy(data, r->data + r->head, r->len);
	block_give(pool, r->data, r->room);
	r->data = data;
	r->head = 0;
	r->room = room;
	return true;
}

static bool run_append(struct store_pool *pool, struct store_run *r, const uint8_t *data, uint32_t n)
{
	if (!run_reserve(pool, r, n))
		return false;
	memcpy(r->data + r->head + r->len, data, n);
	r->len += n;
	return true;
}

/* Keeps bytes for which nothing is stored yet. `i`: the run before which they lie. */
static bool put(struct store_pool *pool, struct stream_store *s, uint32_t i, uint64_t offset, const uint8_t *data, uint32_t n)
{
	if (i > 0 && run_end(&s->run[i - 1]) == offset)
		return run_append(pool, &s->run[i - 1], data, n);
	if (s->n_runs >= STORE_MAX_RUNS || !array_grow(pool, (void **)&s->run, &s->runs_room, s->n_runs, sizeof *s->run))
		return false;
	struct store_run fresh = {.start = offset};
	if (!run_append(pool, &fresh, data, n))
		return false;
	memmove(s->run + i + 1, s->run + i, (s->n_runs - i) * sizeof *s->run);
	s->run[i] = fresh;
	s->n_runs++;
	return true;
}

/* Whether a new segment's bytes replace an old one's where they overlap: Novak and Sturges, Target-Based TCP Stream Reassembly (2007). */
static bool new_wins(enum os_policy policy, const struct store_segment *old, const struct store_segment *fresh)
{
	switch (policy) {
	case OS_LAST:
		return true;
	case OS_FIRST:
	case OS_VISTA:
		return false;
	case OS_LINUX:
		return fresh->start < old->start || (fresh->start == old->start && fresh->end > old->end);
	case OS_OLD_LINUX:
		return fresh->start < old->start || (fresh->start == old->start && fresh->end >= old->end);
	case OS_SOLARIS:
	case OS_OLD_SOLARIS:
	case OS_HPUX11:
		return fresh->end > old->end || (fresh->end == old->end && fresh->start <= old->start);
	case OS_BSD_RIGHT:
		return fresh->start >= old->start;
	default: /* bsd, hpux10, irix, macos, windows, windows2k3 */
		return fresh->start < old->start;
	}
}

static uint32_t segment_find(const struct stream_store *s, uint64_t at)
{
	uint32_t low = 0, high = s->n_segments;
	if (high && s->segment[high - 1].end <= at)
		return high;
	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		if (s->segment[mid].end <= at)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* Bytes left of `frozen` are settled: their segments need not be known any more. */
static void segments_trim(struct stream_store *s, uint64_t frozen)
{
	uint32_t gone = segment_find(s, frozen);
	if (gone) {
		memmove(s->segment, s->segment + gone, (s->n_segments - gone) * sizeof *s->segment);
		s->n_segments -= gone;
	}
	if (s->n_segments >= STORE_MAX_SEGMENTS) { /* a flood of tiny ones: the older half counts as one */
		uint32_t half = s->n_segments / 2;
		s->segment[half - 1].start = s->segment[0].start;
		memmove(s->segment, s->segment + half - 1, (s->n_segments - half + 1) * sizeof *s->segment);
		s->n_segments -= half - 1;
	}
}

static void segment_note(struct store_pool *pool, struct stream_store *s, struct store_segment fresh, uint64_t frozen)
{
	if (s->n_segments == s->segments_room)
		segments_trim(s, frozen);
	if (!array_grow(pool, (void **)&s->segment, &s->segments_room, s->n_segments, sizeof *s->segment))
		return;
	uint32_t i = segment_find(s, fresh.start);
	memmove(s->segment + i + 1, s->segment + i, (s->n_segments - i) * sizeof *s->segment);
	s->segment[i] = fresh;
	s->n_segments++;
}

static void write_over(struct stream_store *s, uint64_t from, uint64_t to, uint64_t offset, const uint8_t *data)
{
	for (uint32_t i = run_find(s, from); i < s->n_runs && s->run[i].start < to; i++) {
		struct store_run *r = &s->run[i];
		uint64_t a = from > r->start ? from : r->start, b = to < run_end(r) ? to : run_end(r);
		memcpy(r->data + r->head + (a - r->start), data + (a - offset), b - a);
	}
}

struct owners { /* the segments that own the bytes where a new one came in, in order */
	struct store_segment *list;
	uint32_t n;
};

static void owner_add(struct owners *o, uint64_t start, uint64_t end)
{
	if (start < end)
		o->list[o->n++] = (struct store_segment){start, end};
}

static bool scratch_reserve(struct store_pool *pool, uint32_t n)
{
	if (n <= pool->scratch_room)
		return true;
	struct store_segment *more = realloc(pool->scratch, n * sizeof *more);
	if (!more)
		return false;
	pool->scratch = more;
	pool->scratch_room = n;
	return true;
}

/*
 * A segment came in over older ones: decides for each of those who owns the bytes that both have, writes the winner's, and notes the
 * segments as they now are (what loses is clipped).
 */
static void resolve_overlap(struct store_pool *pool, struct stream_store *s, const struct store_segment *fresh, const uint8_t *data,
			    enum os_policy policy, uint64_t frozen)
{
	uint32_t first = segment_find(s, fresh->start), last = first;
	while (last < s->n_segments && s->segment[last].start < fresh->end)
		last++;
	if (!scratch_reserve(pool, 3 * (last - first) + 1))
		return;
	struct owners o = {pool->scratch, 0};
	uint64_t at = fresh->start; /* the new segment owns from here, until an older one that wins */
	for (uint32_t i = first; i < last; i++) {
		struct store_segment old = s->segment[i];
		if (!new_wins(policy, &old, fresh)) {
			owner_add(&o, at, old.start);
			owner_add(&o, old.start, old.end);
			at = old.end;
			continue;
		}
		uint64_t from = old.start > fresh->start ? old.start : fresh->start, to = old.end < fresh->end ? old.end : fresh->end;
		owner_add(&o, old.start, from);
		if (from < frozen)
			from = frozen;
		if (from < to)
			write_over(s, from, to, fresh->start, data);
		if (old.end > fresh->end) {
			owner_add(&o, at, fresh->end);
			owner_add(&o, fresh->end, old.end);
			at = old.end;
		}
	}
	if (at < fresh->end)
		owner_add(&o, at, fresh->end);
	while (s->n_segments + o.n - (last - first) > s->segments_room)
		if (!array_grow(pool, (void **)&s->segment, &s->segments_room, s->segments_room, sizeof *s->segment))
			return;
	memmove(s->segment + first + o.n, s->segment + last, (s->n_segments - last) * sizeof *s->segment);
	memcpy(s->segment + first, o.list, o.n * sizeof *o.list);
	s->n_segments += o.n - (last - first);
}

/* Keeps what is new of a segment; says whether the rest differs from what is there. */
static unsigned fill_gaps(struct store_pool *pool, struct stream_store *s, uint64_t offset, struct bytes b, uint8_t *fix)
{
	unsigned result = 0;
	uint64_t at = offset, end = offset + b.len;
	while (at < end) {
		uint32_t i = run_find(s, at);
		struct store_run *r = i < s->n_runs ? &s->run[i] : NULL;
		const uint8_t *data = b.data + (at - offset);
		if (!r || r->start > at) {
			uint64_t to = r && r->start < end ? r->start : end;
			if (!put(pool, s, i, at, data, (uint32_t)(to - at)))
				return result | STORE_FULL;
			at = to;
			continue;
		}
		uint64_t to = run_end(r) < end ? run_end(r) : end;
		const uint8_t *stored = r->data + r->head + (at - r->start);
		result |= STORE_OVERLAP;
		if (memcmp(stored, data, to - at) != 0) {
			result |= STORE_DIFFERS;
			if (fix)
				memcpy(fix + (at - offset), stored, to - at);
		}
		at = to;
	}
	return result;
}

unsigned store_insert(struct store_pool *pool, struct stream_store *s, uint64_t offset, struct bytes b, enum os_policy policy, uint64_t frozen,
		      uint8_t *fix)
{
	if (!b.len)
		return 0;
	unsigned result = fill_gaps(pool, s, offset, b, fix);
	if (fix) /* inline: the first copy stays, segments need not be known */
		return result;
	struct store_segment fresh = {offset, offset + b.len};
	if (result & STORE_OVERLAP)
		resolve_overlap(pool, s, &fresh, b.data, policy, frozen);
	else
		segment_note(pool, s, fresh, frozen);
	return result;
}

struct bytes store_peek(const struct stream_store *s, uint64_t from, uint64_t to)
{
	uint32_t i = s ? run_find(s, from) : 0;
	if (!s || i >= s->n_runs || s->run[i].start > from || from >= to)
		return (struct bytes){0};
	const struct store_run *r = &s->run[i];
	uint64_t end = run_end(r) < to ? run_end(r) : to;
	return (struct bytes){r->data + r->head + (from - r->start), (size_t)(end - from)};
}

struct bytes store_view(struct store_pool *pool, struct stream_store *s, uint64_t from, uint64_t to)
{
	uint32_t i = s ? run_find(s, from) : 0;
	if (!s || i >= s->n_runs || s->run[i].start > from)
		return (struct bytes){0};
	uint32_t joined = 0;
	for (uint32_t k = i + 1; k < s->n_runs && run_end(&s->run[i]) < to && s->run[k].start == run_end(&s->run[i]); k++, joined++) {
		if (!run_append(pool, &s->run[i], s->run[k].data + s->run[k].head, s->run[k].len))
			break;
		block_give(pool, s->run[k].data, s->run[k].room);
	}
	if (joined) {
		memmove(s->run + i + 1, s->run + i + 1 + joined, (s->n_runs - i - 1 - joined) * sizeof *s->run);
		s->n_runs -= joined;
	}
	return store_peek(s, from, to);
}

uint64_t store_contiguous(const struct stream_store *s, uint64_t from)
{
	if (!s)
		return from;
	for (uint32_t i = run_find(s, from); i < s->n_runs && s->run[i].start <= from; i++)
		from = run_end(&s->run[i]);
	return from;
}

uint64_t store_next(const struct stream_store *s, uint64_t from)
{
	uint32_t i = s ? run_find(s, from) : 0;
	if (!s || i >= s->n_runs)
		return UINT64_MAX;
	return s->run[i].start > from ? s->run[i].start : from;
}

uint64_t store_reach_back(const struct stream_store *s, uint64_t from)
{
	uint32_t i = s && from ? run_find(s, from - 1) : 0;
	if (!s || !from || i >= s->n_runs || s->run[i].start >= from)
		return from;
	while (i > 0 && run_end(&s->run[i - 1]) == s->run[i].start)
		i--;
	return s->run[i].start;
}

/* Moves what is left of a run to a block of its size, if that is at least `steps` classes smaller. */
static void run_fit(struct store_pool *pool, struct store_run *r, int steps)
{
	uint32_t room;
	if (class_of(r->len) + steps > class_of(r->room))
		return;
	uint8_t *data = block_take(pool, r->len, &room);
	if (!data)
		return;
	memcpy(data, r->data + r->head, r->len);
	block_give(pool, r->data, r->room);
	r->data = data;
	r->head = 0;
	r->room = room;
}

void store_fit(struct store_pool *pool, struct stream_store *s)
{
	for (uint32_t i = 0; i < s->n_runs; i++)
		run_fit(pool, &s->run[i], 1);
}

void store_cut(struct store_pool *pool, struct stream_store *s, uint64_t offset)
{
	uint32_t gone = 0;
	while (gone < s->n_runs && run_end(&s->run[gone]) <= offset) {
		block_give(pool, s->run[gone].data, s->run[gone].room);
		gone++;
	}
	if (gone) {
		memmove(s->run, s->run + gone, (s->n_runs - gone) * sizeof *s->run);
		s->n_runs -= gone;
	}
	if (s->n_runs && s->run[0].start < offset) {
		struct store_run *r = &s->run[0];
		uint32_t n = (uint32_t)(offset - r->start);
		r->start = offset;
		r->head += n;
		r->len -= n;
		run_fit(pool, r, 2); /* an idle connection keeps what is left for long; the copy is a quarter of the block at most */
	}
}
