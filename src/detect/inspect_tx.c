// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Transactions: each has a state by direction: which buffers were searched how far, and the candidates with a bit for each
 * inspection that already holds. A candidate stays until all hold, or one can hold no more.
 */
#include "detect/engine.h"

#include <stdlib.h>

enum { MAX_SOURCES = 64 };

struct candidate {
	uint32_t number;
	uint32_t held; /* bit n: inspection n holds */
	bool dead;     /* matched, or cannot match any more */
};

struct detect_tx {
	struct candidate *candidate;
	uint32_t n, room;
	bool begun;
	uint64_t scanned[MAX_SOURCES]; /* by source: end of what was searched; UINT64_MAX: done */
};

void detect_tx_release(void *context, struct app_tx *tx)
{
	(void)context;
	for (int d = 0; d < 2; d++) {
		struct detect_tx *t = tx->detect[d];
		if (t)
			free(t->candidate);
		free(t);
		tx->detect[d] = NULL;
	}
}

static struct detect_tx *state_of(struct app_tx *tx, int direction)
{
	if (!tx->detect[direction])
		tx->detect[direction] = calloc(1, sizeof(struct detect_tx));
	return tx->detect[direction];
}

/* Candidates stay sorted by number, so that they are checked in order whenever they came. */
static void candidate_add(struct detect_tx *t, uint32_t number)
{
	uint32_t at = t->n;
	while (at > 0 && t->candidate[at - 1].number > number)
		at--;
	if (at > 0 && t->candidate[at - 1].number == number)
		return;
	if (t->n == t->room) {
		uint32_t room = t->room ? t->room * 2 : 16;
		struct candidate *more = realloc(t->candidate, room * sizeof *more);
		if (!more)
			return;
		t->candidate = more;
		t->room = room;
	}
	for (uint32_t i = t->n; i > at; i--)
		t->candidate[i] = t->candidate[i - 1];
	t->candidate[at] = (struct candidate){.number = number};
	t->n++;
}

struct walk { /* one transaction in one direction */
	struct detect_scratch *s;
	struct app_flow *a;
	struct app_tx *tx;
	struct detect_tx *state;
	const struct app_point *point;
	const struct app_keyword *const *rows;
	int direction;
	bool over; /* complete in this direction, or the flow ends */
};

static bool view_of(struct walk *w, const struct app_keyword *k, unsigned index, const struct transform_chain *transforms, struct app_view *v)
{
	*v = (struct app_view){.start = true, .end = true};
	if (!k->buffer || !k->buffer(w->a, w->tx, w->direction, index, v))
		return false;
	return !transforms || transform_run(w->s, transforms, v->data, &v->data);
}

/* Searches what a source's buffer has new. A growing one is searched again from the longest pattern less one before it. */
static void search(struct walk *w, const struct app_source *src, uint64_t *scanned)
{
	const struct app_keyword *k = src->keyword;
	struct inspect *in = inspect_of(w->s);
	struct app_view v;
	if (*scanned == UINT64_MAX || w->tx->state[w->direction] < k->state[w->direction])
		return;
	for (unsigned i = 0; view_of(w, k, i, src->prefilter->transforms, &v); i++) {
		struct bytes data = v.data;
		if (k->grows && !src->prefilter->transforms && *scanned > v.offset) {
			uint64_t back = src->prefilter->longest ? src->prefilter->longest - 1 : 0;
			uint64_t from = *scanned > back ? *scanned - back : 0;
			data = bytes_from(data, from > v.offset ? (size_t)(from - v.offset) : 0);
		}
		prefilter_scan(src->prefilter, in, data);
		if (k->kind != APP_MULTI_BUFFER) {
			*scanned = k->grows && !(v.end && w->over) ? v.offset + v.data.len : UINT64_MAX;
			return;
		}
	}
	if (k->kind == APP_MULTI_BUFFER && (w->over || w->tx->state[w->direction] > k->state[w->direction]))
		*scanned = UINT64_MAX;
}

static void find_candidates(struct walk *w)
{
	struct inspect *in = inspect_of(w->s);
	inspect_begin(in);
	for (size_t i = 0; i < w->point->n_sources && i < MAX_SOURCES; i++)
		search(w, &w->point->source[i], &w->state->scanned[i]);
	inspect_sort(in);
	for (size_t i = 0; i < in->n_candidates; i++)
		candidate_add(w->state, in->candidate[i]);
	if (!w->state->begun)
		for (size_t i = 0; i < w->point->plain.n; i++)
			candidate_add(w->state, w->point->plain.number[i]);
	w->state->begun = true;
}

enum holds { HOLDS, HOLDS_NOT_YET, HOLDS_NEVER };

static bool passed(const struct walk *w, uint8_t state)
{
	return w->over || w->tx->state[w->direction] > state;
}

static enum holds run_buffer(struct walk *w, const struct inspection *i, const struct app_keyword *k)
{
	struct app_view v;
	bool any = false, ends = true;
	for (unsigned n = 0; view_of(w, k, n, i->transforms, &v); n++) {
		any = true;
		ends &= v.end;
		struct program_input in = {.data = v.data, .offset = v.offset, .start = v.start, .end = v.end, .direction = w->direction};
		if (!i->absent && (!i->program || program_run(w->s, i->program, &in)))
			return HOLDS;
		if (k->kind != APP_MULTI_BUFFER)
			break;
	}
	bool final = passed(w, k->state[w->direction]) || (any && !k->grows && k->kind != APP_MULTI_BUFFER);
	if (k->grows)
		final = w->over;
	if (!any && (i->absent || i->absent_or_else) && final)
		return HOLDS;
	if (any && i->absent)
		return HOLDS_NEVER;
	return final && ends ? HOLDS_NEVER : HOLDS_NOT_YET;
}

static enum holds run_tests(struct walk *w, const struct inspection *i)
{
	for (struct app_test *t = i->tests; t; t = t->next) {
		bool pending = false;
		if (!t->test(w->s, t, w->a, w->tx, w->direction, &pending))
			return pending && !w->over ? HOLDS_NOT_YET : HOLDS_NEVER;
	}
	return HOLDS;
}

static enum holds run_inspection(struct walk *w, const struct inspection *i)
{
	if (i->buffer == BUFFER_NONE)
		return run_tests(w, i);
	const struct app_keyword *k = w->rows[i->buffer - BUFFER_APP];
	if (!k || !(k->directions >> w->direction & 1))
		return HOLDS_NEVER;
	if (w->tx->state[w->direction] < k->state[w->direction] && !w->over)
		return HOLDS_NOT_YET;
	enum holds h = run_buffer(w, i, k);
	return h == HOLDS && i->tests ? run_tests(w, i) : h;
}

static unsigned direction_bits(const struct signature *sig)
{
	return sig->flags & SIG_TO_EITHER ? 3 : 0;
}

/* The inspections of the other direction of a => rule hold if they did when that direction was looked at. */
static bool other_side_holds(const struct walk *w, const struct signature *sig, uint32_t *held)
{
	const struct detect_tx *t = w->tx->detect[!w->direction];
	for (uint32_t i = 0; t && i < t->n; i++)
		if (t->candidate[i].number == sig->number)
			*held |= t->candidate[i].held;
	return true;
}

static bool hook_reached(const struct walk *w, const struct signature *sig)
{
	if (!sig->hook || sig->hook_state < 0)
		return true;
	return w->direction == sig->hook_direction && (w->tx->state[w->direction] >= sig->hook_state || w->over);
}

static void check_candidate(struct walk *w, struct candidate *c)
{
	struct detect_scratch *s = w->s;
	const struct signature *sig = s->engine->sig[c->number];
	bool all = true;
	unsigned n = 0;
	s->sig = sig;
	if (!hook_reached(w, sig))
		return;
	if (!header_matches(s, sig))
		return;
	program_captures_drop(s);
	uint32_t held = c->held;
	if (direction_bits(sig))
		other_side_holds(w, sig, &held);
	for (const struct inspection *i = sig->inspections; i && n < 32; i = i->next, n++) {
		if ((i->buffer != BUFFER_NONE && i->buffer < BUFFER_APP) || held >> n & 1)
			continue;
		if (!(i->direction >> w->direction & 1)) {
			all = all && !direction_bits(sig); /* the other direction's, still open */
			continue;
		}
		enum holds h = run_inspection(w, i);
		if (h == HOLDS) {
			held |= 1u << n;
			c->held |= 1u << n;
			continue;
		}
		c->dead = h == HOLDS_NEVER;
		return;
	}
	if (!all || !tests_hold(s, sig) || !payload_holds(s, sig)) {
		if (all && w->over)
			c->dead = true;
		return;
	}
	c->dead = true;
	match_take(s, sig, w->tx, ALERT_STATE | ALERT_TX);
}

static void inspect_one(struct walk *w)
{
	w->state = state_of(w->tx, w->direction);
	if (!w->state)
		return;
	w->s->tx = w->tx;
	find_candidates(w);
	for (uint32_t i = 0; i < w->state->n; i++)
		if (!w->state->candidate[i].dead)
			check_candidate(w, &w->state->candidate[i]);
	w->s->tx = NULL;
}

void inspect_transactions(struct detect_scratch *s, bool flush)
{
	struct app_flow *a = s->flow->app;
	size_t row = app_protocol_index(a->proto);
	const struct app_point *point = &s->engine->app[row][s->direction];
	if (!point->any || a->proto->recognise_only)
		return;
	struct walk w = {.s = s, .a = a, .point = point, .rows = s->engine->rows[row], .direction = s->direction};
	for (struct app_tx *tx = a->first, *next; tx; tx = next) {
		next = tx->next;
		int d = s->direction;
		if (tx->inspected[d] || tx->skip_inspect[d] || (!tx->updated[d] && !flush))
			continue;
		w.tx = tx;
		w.over = flush || app_tx_complete(a, tx, d);
		inspect_one(&w);
	}
}

void inspect_transactions_done(struct app_flow *a, int direction)
{
	for (struct app_tx *tx = a->first; tx; tx = tx->next) {
		tx->updated[direction] = false;
		if (app_tx_complete(a, tx, direction))
			tx->inspected[direction] = true;
		if (a->proto->tx_inspected)
			a->proto->tx_inspected(a, tx, direction);
	}
}
