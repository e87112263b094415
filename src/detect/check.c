// SPDX-License-Identifier: GPL-2.0-or-later
/* What only all of a rule's contents together can tell wrong: what can never match, and modifiers that do not go together. */
#include "detect/keywords.h"

#include <errno.h>

static int one_check(const struct inspection *in, const struct program_step *st, struct error *error)
{
	const uint32_t placed = STEP_OFFSET | STEP_DEPTH | STEP_DISTANCE | STEP_WITHIN | STEP_STARTSWITH;
	const char *why = transform_forbids(in->transforms, st);
	if (why)
		return error_set(error, EINVAL, "a content can never match: %s", why);
	if (st->kind != STEP_CONTENT || !(st->flags & STEP_FAST))
		return 0;
	if (st->flags & STEP_NEGATED && st->flags & placed)
		return error_set(error, EINVAL, "fast_pattern does not go with a negated content that has offset, depth, distance or within");
	if (st->flags & STEP_FAST_ONLY && st->flags & (placed | STEP_NEGATED))
		return error_set(error, EINVAL, "fast_pattern:only does not go with negation, offset, depth, distance or within");
	return 0;
}

/* The least number of bytes that a payload with all of these contents has. */
static int64_t least_size(const struct program *p)
{
	int64_t end = 0, most = 0;
	for (const struct program_step *st = p->first; st; st = st->next) {
		const struct step_content *c = &st->content;
		if (st->kind != STEP_CONTENT || st->flags & STEP_NEGATED)
			continue;
		if (c->offset.var >= 0 || c->distance.var >= 0)
			return most;
		int64_t len = (int64_t)c->pattern.len, from = st->flags & STEP_RELATIVE ? end + c->distance.value : c->offset.value;
		end = (from > 0 ? from : 0) + len;
		if (end > most)
			most = end;
	}
	return most;
}

static int64_t most_size(const struct number_test *t)
{
	switch (t->mode) {
	case NUMBER_EQ: case NUMBER_LE: return (int64_t)t->a;
	case NUMBER_LT: return (int64_t)t->a - 1;
	case NUMBER_RANGE: return (int64_t)t->b - 1;
	default: return INT64_MAX;
	}
}

/* bsize: contents that do not fit. */
static int bsize_check(const struct inspection *in, struct error *error)
{
	for (const struct program_step *st = in->program->first; st; st = st->next)
		if (st->kind == STEP_BSIZE && most_size(&st->size) < least_size(in->program))
			return error_set(error, EINVAL, "signature can't match: its contents need %lld bytes, bsize allows %lld", (long long)least_size(in->program),
					 (long long)most_size(&st->size));
	return 0;
}

int contents_check(struct builder *b, struct error *error)
{
	for (const struct inspection *in = b->sig->inspections; in; in = in->next) {
		if (!in->program)
			continue;
		for (const struct program_step *st = in->program->first; st; st = st->next)
			if (one_check(in, st, error))
				return -EINVAL;
		if (bsize_check(in, error))
			return -EINVAL;
		if (in->buffer == BUFFER_PAYLOAD && b->dsize && most_size(b->dsize) < least_size(in->program))
			return error_set(error, EINVAL, "signature can't match: its contents need %lld bytes, dsize allows %lld", (long long)least_size(in->program),
					 (long long)most_size(b->dsize));
	}
	return 0;
}
