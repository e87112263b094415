// SPDX-License-Identifier: GPL-2.0-or-later
#include "detect/program.h"

#include "detect/run.h"

#include <math.h>

struct program *program_new(struct arena *arena)
{
	return arena_alloc(arena, sizeof(struct program));
}

struct program_step *program_add(struct program *p, struct arena *arena, enum step_kind kind)
{
	struct program_step *st = arena_alloc(arena, sizeof *st);
	if (!st)
		return NULL;
	st->kind = (uint8_t)kind;
	if (kind == STEP_CONTENT)
		st->content.offset.var = st->content.depth.var = st->content.distance.var = st->content.within.var = -1;
	else if (kind >= STEP_BYTE_TEST && kind <= STEP_BYTE_MATH)
		st->byte.var = st->byte.count.var = st->byte.offset.var = st->byte.value.var = st->byte.post_offset.var = -1;
	else if (kind == STEP_ISDATAAT)
		st->at.var = -1;
	if (p->last)
		p->last->next = st;
	else
		p->first = st;
	p->last = st;
	p->n_steps++;
	return st;
}

static bool step_moves(const struct program_step *st)
{
	if (st->flags & STEP_NEGATED)
		return false;
	return st->kind == STEP_CONTENT || st->kind == STEP_PCRE || st->kind == STEP_BYTE_JUMP || st->kind == STEP_BYTE_EXTRACT || st->kind == STEP_BYTE_MATH;
}

/*
 * From the back: does a step, or one behind it before the position is set anew, count from the position it is handed? Then the
 * step before is worth another try. If neither position nor variables matter, its failure is final.
 */
static void finish_step(struct program_step *st, bool *position_matters, bool *var_matters)
{
	bool moves = step_moves(st);
	if (*position_matters)
		st->flags |= STEP_RETRY;
	if (moves) {
		st->flags |= STEP_MOVES;
		*position_matters = st->flags & STEP_RELATIVE;
	} else {
		*position_matters |= !!(st->flags & STEP_RELATIVE);
	}
	*var_matters |= !!(st->flags & STEP_VAR);
	if (!*position_matters && !*var_matters)
		st->flags |= STEP_FINAL;
}

void program_finish(struct program *p)
{
	struct program_step *list[512];
	unsigned n = 0;
	for (struct program_step *st = p->first; st; st = st->next) {
		if (st->kind == STEP_BASE64 && st->base64.sub)
			program_finish(st->base64.sub);
		if (st->flags & STEP_ENDSWITH || st->kind == STEP_BSIZE)
			p->whole = true;
		if (n < 512)
			list[n++] = st;
	}
	bool position = false, var = false;
	while (n)
		finish_step(list[--n], &position, &var);
}

int64_t program_number(const struct program_walk *w, struct step_number n)
{
	if (n.var < 0)
		return n.value;
	uint64_t v = w->scratch->var[n.var];
	return v > INT64_MAX / 4 ? INT64_MAX / 4 : (int64_t)v;
}

/* Where a content may lie: from *lo to before *hi, in terms of data[0]. False: nowhere. */
static bool content_window(const struct program_walk *w, const struct program_step *st, int64_t at, int64_t *lo, int64_t *hi)
{
	const struct step_content *c = &st->content;
	if (st->flags & STEP_RELATIVE) {
		*lo = at + program_number(w, c->distance);
		*hi = st->flags & STEP_WITHIN ? *lo + program_number(w, c->within) : w->len;
	} else {
		*lo = program_number(w, c->offset) - w->base;
		*hi = st->flags & (STEP_DEPTH | STEP_STARTSWITH) ? *lo + program_number(w, c->depth) : w->len;
	}
	if (*lo < 0)
		*lo = 0;
	if (*hi > w->len)
		*hi = w->len;
	if (st->flags & STEP_ENDSWITH) {
		int64_t only = w->len - (int64_t)c->pattern.len;
		if (!w->in->end || only < *lo || *hi < w->len)
			return false;
		*lo = only;
	}
	return *lo <= *hi && (int64_t)c->pattern.len <= *hi - *lo;
}

static int64_t content_find(const struct program_walk *w, const struct program_step *st, int64_t lo, int64_t hi)
{
	struct bytes hay = {w->data + lo, (size_t)(hi - lo)};
	ptrdiff_t at = st->flags & STEP_NOCASE ? bytes_find_nocase(hay, st->content.pattern, 0) : bytes_find(hay, st->content.pattern, 0);
	return at < 0 ? -1 : lo + at;
}

static enum outcome failed(const struct program_step *st)
{
	return st->flags & STEP_FINAL ? OUTCOME_STOP : OUTCOME_NO;
}

static enum outcome run_content(struct program_walk *w, const struct program_step *st, int64_t at)
{
	struct detect_scratch *s = w->scratch;
	int64_t lo, hi, len = (int64_t)st->content.pattern.len;
	bool possible = content_window(w, st, at, &lo, &hi);
	if (st->flags & STEP_NEGATED) {
		if (st->flags & STEP_ENDSWITH && !w->in->end)
			return failed(st); /* the end is not known yet */
		if (possible && content_find(w, st, lo, hi) >= 0)
			return failed(st);
		return program_step_next(w, st, at);
	}
	while (possible && len <= hi - lo) {
		int64_t found = content_find(w, st, lo, hi);
		if (found < 0)
			break;
		enum outcome o = program_step_next(w, st, found + len);
		if (o != OUTCOME_NO)
			return o;
		if (!(st->flags & STEP_RETRY))
			break;
		if (++s->recursion > s->recursion_limit)
			return OUTCOME_STOP;
		lo = found + 1;
	}
	return failed(st);
}

static bool isdataat_holds(const struct program_walk *w, const struct program_step *st, int64_t at)
{
	int64_t n = program_number(w, st->at);
	bool there = st->flags & STEP_RELATIVE ? at + n <= w->len : n - w->base < w->len;
	return there != !!(st->flags & STEP_NEGATED);
}

/* A size that is not final yet can only have grown beyond. */
static bool bsize_holds(const struct program_walk *w, const struct program_step *st)
{
	const struct number_test *t = &st->size;
	uint64_t size = (uint64_t)(w->base + w->len);
	if (w->in->end)
		return number_test(t, size);
	return (t->mode == NUMBER_GT && size > t->a) || (t->mode == NUMBER_GE && size >= t->a);
}

static enum outcome run_step(struct program_walk *w, const struct program_step *st, int64_t at)
{
	bool holds = false;
	switch ((enum step_kind)st->kind) {
	case STEP_CONTENT: return run_content(w, st, at);
	case STEP_PCRE: return program_run_pcre(w, st, at);
	case STEP_BYTE_TEST: case STEP_BYTE_JUMP: case STEP_BYTE_EXTRACT: case STEP_BYTE_MATH: return program_run_byte(w, st, at);
	case STEP_BASE64: return program_run_base64(w, st, at);
	case STEP_ISDATAAT: holds = isdataat_holds(w, st, at); break;
	case STEP_BSIZE: holds = bsize_holds(w, st); break;
	case STEP_ENTROPY: holds = program_entropy_holds((struct bytes){w->data, (size_t)w->len}, &st->entropy); break;
	case STEP_CALL: holds = st->call.run(w->scratch, st, (struct bytes){w->data, (size_t)w->len}); break;
	case STEP_KIND_N_: break;
	}
	return holds ? program_step_next(w, st, at) : failed(st);
}

enum outcome program_step_next(struct program_walk *w, const struct program_step *done, int64_t at)
{
	if (!done->next)
		return OUTCOME_YES;
	if (++w->scratch->recursion > w->scratch->recursion_limit)
		return OUTCOME_STOP;
	return run_step(w, done->next, at);
}

bool program_run(struct detect_scratch *s, const struct program *p, const struct program_input *in)
{
	struct program_walk w = {s, in, in->data.data ? in->data.data : (const uint8_t *)"", (int64_t)in->data.len, (int64_t)in->offset};
	s->recursion = 0;
	return !p->first || run_step(&w, p->first, 0) == OUTCOME_YES;
}

bool program_entropy_holds(struct bytes data, const struct step_entropy *e)
{
	if (e->offset < 0 || (size_t)e->offset >= data.len)
		return false;
	data = bytes_slice(data, (size_t)e->offset, e->count ? e->count : SIZE_MAX);
	uint32_t count[256] = {0};
	for (size_t i = 0; i < data.len; i++)
		count[data.data[i]]++;
	double entropy = 0;
	for (unsigned i = 0; i < 256; i++)
		if (count[i]) {
			double share = (double)count[i] / (double)data.len;
			entropy -= share * log2(share);
		}
	switch (e->op) {
	case BYTE_LT: return entropy < e->value;
	case BYTE_GT: return entropy > e->value;
	case BYTE_LE: return entropy <= e->value;
	case BYTE_GE: return entropy >= e->value;
	case BYTE_AND: return entropy > e->value && entropy < e->high;
	case BYTE_OR: return entropy <= e->value || entropy >= e->high;
	case BYTE_NE: return fabs(entropy - e->value) >= 1e-9;
	default: return fabs(entropy - e->value) < 1e-9;
	}
}
