// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The content that a prefilter looks for: the one that says fast_pattern, else by the manual's order: contents that are not negated; the
 * buffer with the better priority; the longest; the one of more diverse bytes; the first.
 */
#include "detect/keywords.h"

#include <ctype.h>

static int buffer_priority(unsigned buffer)
{
	if (buffer < BUFFER_APP)
		return buffer == BUFFER_PAYLOAD ? 1 : 2;
	/* Small buffers with few values make poor patterns. */
	static const char *const poor[] = {"http.method", "http.stat_code", "http.stat_msg", "http.protocol", "http.response_line"};
	const char *name = app_buffer_name(buffer - BUFFER_APP);
	for (size_t i = 0; i < sizeof poor / sizeof poor[0]; i++)
		if (strcmp(poor[i], name) == 0)
			return 0;
	return 3;
}

/* Rare bytes say more: letters 3, digits and printable 4, zeros, ones and 0xff 2, others 6; a byte seen before 1. */
static unsigned strength(struct bytes pattern)
{
	bool seen[256] = {false};
	unsigned sum = 0;
	for (size_t i = 0; i < pattern.len; i++) {
		uint8_t c = pattern.data[i];
		if (seen[c])
			sum += 1;
		else if (isalpha(c))
			sum += 3;
		else if (isprint(c) || c == 0 || c == 1 || c == 0xff)
			sum += c == 0 || c == 1 || c == 0xff ? 2 : 4;
		else
			sum += 6;
		seen[c] = true;
	}
	return sum;
}

static struct bytes chopped(const struct program_step *st)
{
	const struct step_content *c = &st->content;
	return st->flags & STEP_FAST_CHOP ? bytes_slice(c->pattern, c->fast_offset, c->fast_len) : c->pattern;
}

static void take(struct signature *s, const struct inspection *in, const struct program_step *st)
{
	s->fast.content = chopped(st);
	s->fast.nocase = st->flags & STEP_NOCASE;
	s->fast.buffer = in->buffer;
	s->fast.transforms = in->transforms;
	s->fast.direction = in->direction;
	s->fast.offset = st->flags & STEP_OFFSET && st->content.offset.var < 0 ? (uint16_t)st->content.offset.value : 0;
	s->fast.depth = st->flags & (STEP_DEPTH | STEP_STARTSWITH) && st->content.depth.var < 0 ? (uint16_t)(s->fast.offset + st->content.depth.value) : 0;
	if (st->flags & STEP_FAST_CHOP || st->content.offset.var >= 0)
		s->fast.offset = s->fast.depth = 0;
	s->fast.only = st->flags & STEP_FAST_ONLY;
	s->fast.negated = st->flags & STEP_NEGATED;
	s->fast.step = st;
}

/* True if a is a better pattern than b. */
static bool better(const struct inspection *ia, const struct program_step *a, const struct inspection *ib, const struct program_step *b)
{
	int pa = buffer_priority(ia->buffer), pb = buffer_priority(ib->buffer);
	if (pa != pb)
		return pa > pb;
	if (a->content.pattern.len != b->content.pattern.len)
		return a->content.pattern.len > b->content.pattern.len;
	return strength(a->content.pattern) > strength(b->content.pattern);
}

void signature_choose_fast_pattern(struct signature *s)
{
	const struct inspection *best_in = NULL;
	const struct program_step *best = NULL;
	for (const struct inspection *in = s->inspections; in; in = in->next) {
		if (!in->program || in->absent_or_else)
			continue;
		for (const struct program_step *st = in->program->first; st; st = st->next) {
			if (st->kind != STEP_CONTENT)
				continue;
			if (st->flags & STEP_FAST) {
				take(s, in, st);
				return;
			}
			if (!(st->flags & STEP_NEGATED) && (!best || better(in, st, best_in, best))) {
				best_in = in;
				best = st;
			}
		}
	}
	if (best)
		take(s, best_in, best);
}
