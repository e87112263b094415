// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Transactions: each has a state by direction: which buffers were searched how far, and the candidates with a bit for each
 * inspection that already holds. A candidate stays until all hold, or one can hold no more. Signatures without a pattern are
 * candidates always, but are noted only once there is something to remember of them.
 */
#include "detect/engine.h"

#include <stdlib.h>

enum { CANDIDATES_INSIDE = 8, CANDIDATES_MAX = 4096 };
enum candidate_state { CANDIDATE_HEADER_FITS = 1, CANDIDATE_DEAD = 2 /* matched, or cannot match any more */, CANDIDATE_MATCHED = 4 };

struct candidate {
	uint32_t number;
	uint32_t held;  /* bit n: inspection n holds */
	uint8_t state;
};

struct detect_tx {
	struct inspect *owner;
	uint32_t generation;    /* of the engine that the numbers are of */
	uint32_t n, room;
	struct candidate *candidate; /* `inside`, until they are more */
	uint64_t done;          /* bit n: source n needs no more search */
	uint64_t scanned[APP_GROWING_MAX]; /* end of what was searched */
	uint16_t whole[APP_GROWING_MAX]; /* of several instances, those that were searched to their end */
	struct candidate inside[CANDIDATES_INSIDE];
};

size_t detect_tx_size(void)
{
	return sizeof(struct detect_tx);
}

static void forget_candidates(struct detect_tx *t)
{
	if (t->candidate != t->inside)
		free(t->candidate);
	t->candidate = t->inside;
	t->room = CANDIDATES_INSIDE;
	t->n = 0;
}

void detect_tx_release(void *context, struct app_tx *tx)
{
	(void)context;
	for (int d = 0; d < 2; d++) {
		struct detect_tx *t = tx->detect[d];
		tx->detect[d] = NULL;
		if (!t)
			continue;
		forget_candidates(t);
		slab_give(&t->owner->tx_slab, t);
	}
}

static struct detect_tx *state_of(struct detect_scratch *s, struct app_tx *tx, int direction)
{
	struct detect_tx *t = tx->detect[direction];
	if (!t) {
		t = slab_take(&inspect_of(s)->tx_slab);
		if (!t)
			return NULL;
		t->owner = inspect_of(s);
		t->candidate = t->inside;
		tx->detect[direction] = t;
	}
	if (t->generation != s->engine->generation) {
		t->generation = s->engine->generation;
		t->done = 0;
		memset(t->scanned, 0, sizeof t->scanned);
		memset(t->whole, 0, sizeof t->whole);
		forget_candidates(t);
	}
	return t;
}

static bool make_room(struct detect_tx *t)
{
	if (t->n < t->room)
		return true;
	if (t->room >= CANDIDATES_MAX)
		return false;
	uint32_t room = t->room * 2;
	struct candidate *more = realloc(t->candidate == t->inside ? NULL : t->candidate, room * sizeof *more);
	if (!more)
		return false;
	if (t->candidate == t->inside)
		memcpy(more, t->inside, sizeof t->inside);
	t->candidate = more;
	t->room = room;
	return true;
}

/* Puts it at its place in the order of numbers, at or before `at`. */
static bool candidate_insert(struct detect_tx *t, uint32_t at, struct candidate c)
{
	while (at > 0 && t->candidate[at - 1].number > c.number)
		at--;
	if ((at > 0 && t->candidate[at - 1].number == c.number) || !make_room(t))
		return false;
	memmove(&t->candidate[at + 1], &t->candidate[at], (t->n - at) * sizeof c);
	t->candidate[at] = c;
	t->n++;
	return true;
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

/* What a growing buffer has new, and the longest pattern less one before it. */
static void search_new(struct inspect *in, const struct prefilter *p, const struct app_view *v, uint64_t *scanned)
{
	uint64_t end = v->offset + v->data.len;
	size_t skip = p->transforms ? 0 : searched_before(p->longest, v->offset, *scanned);
	if (end > *scanned || p->transforms)
		prefilter_scan(p, in, bytes_from(v->data, skip), p->transforms ? 0 : v->offset + skip, 0);
	*scanned = end;
}

/* Instances grow one after the other; those behind one that grows are few, and searched whole. */
static void search_instances(struct walk *w, const struct app_source *src)
{
	const struct app_keyword *k = src->keyword;
	const struct prefilter *p = src->prefilter;
	struct inspect *in = inspect_of(w->s);
	uint16_t *whole = &w->state->whole[src->growing];
	struct app_view v;
	for (unsigned i = k->grows ? *whole : 0; view_of(w, k, i, p->transforms, &v); i++) {
		if (!k->grows || i != *whole || i == UINT16_MAX) {
			prefilter_scan(p, in, v.data, 0, 0);
			continue;
		}
		search_new(in, p, &v, &w->state->scanned[src->growing]);
		if (v.end) {
			++*whole;
			w->state->scanned[src->growing] = 0;
		}
	}
}

/* Searches what a source's buffer has new. False: there may be more. */
static bool search(struct walk *w, const struct app_source *src)
{
	const struct app_keyword *k = src->keyword;
	const struct prefilter *p = src->prefilter;
	struct inspect *in = inspect_of(w->s);
	struct app_view v;
	if (k->kind == APP_MULTI_BUFFER) {
		search_instances(w, src);
		return w->over || w->tx->state[w->direction] > k->state[w->direction];
	}
	if (!view_of(w, k, 0, p->transforms, &v))
		return !k->grows && (w->over || w->tx->state[w->direction] > k->state[w->direction]);
	if (!k->grows) {
		prefilter_scan(p, in, v.data, 0, 0);
		return true;
	}
	search_new(in, p, &v, &w->state->scanned[src->growing]);
	return v.end && w->over;
}

/* Another source, not searched yet, that sees the same bytes now as this one does, and would be searched by the same tables. */
static const struct app_source *find_twin(struct walk *w, unsigned of, const struct app_view *v)
{
	const struct app_source *src = &w->point->source[of];
	for (unsigned i = of + 1; i < w->point->n_sources; i++) {
		const struct app_source *other = &w->point->source[i];
		struct app_view its;
		if (other->prefilter->pool == src->prefilter->pool && other->keyword->grows && !(w->state->done >> i & 1) && w->state->whole[other->growing] == 0 &&
		    w->state->scanned[other->growing] == w->state->scanned[src->growing] && view_of(w, other->keyword, 0, NULL, &its) &&
		    its.data.data == v->data.data && its.data.len == v->data.len && its.offset == v->offset)
			return other;
	}
	return NULL;
}

/* A body that is a file is searched once for both; each source's own search then finds nothing new. */
static void search_twins(struct walk *w, unsigned of)
{
	const struct app_source *src = &w->point->source[of], *twin;
	struct app_view v;
	if (!src->prefilter->pool || !src->keyword->grows || w->state->whole[src->growing] || !view_of(w, src->keyword, 0, NULL, &v))
		return;
	uint64_t *scanned = &w->state->scanned[src->growing], end = v.offset + v.data.len;
	twin = end > *scanned ? find_twin(w, of, &v) : NULL;
	if (!twin)
		return;
	const struct prefilter *a = src->prefilter, *b = twin->prefilter, *list[] = {a, b, NULL};
	size_t skip = searched_before(a->longest > b->longest ? a->longest : b->longest, v.offset, *scanned);
	prefilters_scan(list, inspect_of(w->s), bytes_from(v.data, skip), v.offset + skip, 0);
	*scanned = w->state->scanned[twin->growing] = end;
}

/* Sources stand in the order of states: those whose buffer is not reached end the walk. */
static void find_candidates(struct walk *w)
{
	struct inspect *in = inspect_of(w->s);
	const struct app_point *point = w->point;
	int d = w->direction;
	inspect_begin(in);
	for (unsigned i = 0; i < point->n_sources; i++) {
		if (w->state->done >> i & 1)
			continue;
		if (!w->over && w->tx->state[d] < point->source[i].keyword->state[d])
			break;
		search_twins(w, i);
		if (search(w, &point->source[i]))
			w->state->done |= UINT64_C(1) << i;
	}
	for (size_t i = 0; i < in->n_candidates; i++)
		candidate_insert(w->state, w->state->n, (struct candidate){.number = in->candidate[i]});
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

static enum holds run_inspection(struct walk *w, const struct signature *sig, const struct inspection *i)
{
	if (i->buffer == BUFFER_NONE)
		return run_tests(w, i);
	if (i->buffer < BUFFER_APP) /* in the payload that is seen now; later ones may have it */
		return payload_inspection_holds(w->s, sig, i) ? HOLDS : HOLDS_NOT_YET;
	const struct app_keyword *k = w->rows[i->buffer - BUFFER_APP];
	if (!k || !(k->directions >> w->direction & 1))
		return HOLDS_NEVER;
	if (w->tx->state[w->direction] < k->state[w->direction] && !w->over)
		return HOLDS_NOT_YET;
	enum holds h = run_buffer(w, i, k);
	return h == HOLDS && i->tests ? run_tests(w, i) : h;
}

/* A => rule's inspections of the other direction hold if they did when that direction was looked at; it matches once. */
static const struct candidate *other_side(const struct walk *w, const struct signature *sig, uint32_t number)
{
	static const struct candidate none;
	const struct detect_tx *t = w->tx->detect[!w->direction];
	if (!t || t->generation != w->state->generation || !(sig->flags & SIG_TO_EITHER))
		return &none;
	for (uint32_t i = 0; i < t->n; i++)
		if (t->candidate[i].number == number)
			return &t->candidate[i];
	return &none;
}

static bool hook_reached(const struct walk *w, const struct signature *sig)
{
	if (!sig->hook || sig->hook_state < 0)
		return true;
	return w->direction == sig->hook_direction && (w->tx->state[w->direction] >= sig->hook_state || w->over);
}

/* A rule about a hook alone matches with each update for as long as the transaction is there. */
static bool stays_at_hook(const struct walk *w, const struct signature *sig)
{
	return sig->hook && !sig->inspections && !w->over && w->tx->state[w->direction] == sig->hook_state;
}

static bool is_of_payload(const struct inspection *i)
{
	return i->buffer != BUFFER_NONE && i->buffer < BUFFER_APP;
}

/* Behind inspection n of the payload stands one that can hold no more: then the payload, which is long, need not be searched again and again. */
static bool is_hopeless(struct walk *w, const struct signature *sig, const struct inspection *of_payload, unsigned n, uint32_t held)
{
	for (const struct inspection *i = of_payload->next; i && ++n < 32; i = i->next)
		if (!(held >> n & 1) && i->direction >> w->direction & 1 && !is_of_payload(i) && !i->tests && run_inspection(w, sig, i) == HOLDS_NEVER)
			return true;
	return false;
}

/* Holds what is still open; notes it in `c`. */
static bool inspections_hold(struct walk *w, const struct signature *sig, struct candidate *c)
{
	bool either = sig->flags & SIG_TO_EITHER, all = true;
	const struct candidate *other = other_side(w, sig, c->number);
	uint32_t held = c->held | other->held;
	unsigned n = 0;
	if (other->state & CANDIDATE_MATCHED) {
		c->state |= CANDIDATE_DEAD;
		return false;
	}
	for (const struct inspection *i = sig->inspections; i; i = i->next, n++) {
		uint32_t bit = n < 32 ? UINT32_C(1) << n : 0;
		if (held & bit)
			continue;
		if (!(i->direction >> w->direction & 1)) {
			all = all && !either; /* the other direction's, still open */
			continue;
		}
		enum holds h = is_of_payload(i) && is_hopeless(w, sig, i, n, held) ? HOLDS_NEVER : run_inspection(w, sig, i);
		if (h != HOLDS) {
			if (h == HOLDS_NEVER)
				c->state |= CANDIDATE_DEAD;
			return false;
		}
		c->held |= bit;
	}
	return all;
}

/* The header, the flow's state and tests of the packet count when the rule is first looked at. False: nothing to remember. */
static bool check_candidate(struct walk *w, struct candidate *c)
{
	struct detect_scratch *s = w->s;
	const struct signature *sig = s->engine->sig[c->number];
	s->sig = sig;
	s->number = c->number;
	if (!hook_reached(w, sig))
		return true;
	if (c->state & CANDIDATE_MATCHED && !stays_at_hook(w, sig)) {
		c->state |= CANDIDATE_DEAD;
		return true;
	}
	program_captures_drop(s);
	if (!(c->state & CANDIDATE_HEADER_FITS)) {
		if (!flow_state_matches(s->packet, sig) || !tests_hold(s, sig))
			return false;
	}
	inspect_of(s)->matched_stream = false;
	if (!inspections_hold(w, sig, c)) {
		if (c->held)
			c->state |= CANDIDATE_HEADER_FITS;
		return true;
	}
	c->state |= CANDIDATE_MATCHED | (stays_at_hook(w, sig) ? 0 : CANDIDATE_DEAD);
	match_take(s, w->tx, ALERT_STATE | ALERT_TX);
	return true;
}

/* The transaction's candidates and the signatures without a pattern, both sorted, as one list. */
static void check_all(struct walk *w)
{
	struct detect_tx *t = w->state;
	const struct number_list *plain = &w->point->plain;
	const uint64_t *member = inspect_of(w->s)->group->rules->member;
	uint32_t i = 0;
	size_t k = 0;
	while (i < t->n || k < plain->n) {
		if (k == plain->n || (i < t->n && t->candidate[i].number <= plain->number[k])) {
			k += k < plain->n && t->candidate[i].number == plain->number[k];
			if (!(t->candidate[i].state & CANDIDATE_DEAD))
				check_candidate(w, &t->candidate[i]);
			i++;
			continue;
		}
		struct candidate c = {.number = plain->number[k++]};
		if (!bits_test(member, c.number) || !check_candidate(w, &c))
			continue;
		if ((c.held || c.state) && candidate_insert(t, i, c))
			i++;
	}
}

static void inspect_one(struct walk *w)
{
	w->state = state_of(w->s, w->tx, w->direction);
	if (!w->state)
		return;
	w->s->tx = w->tx;
	find_candidates(w);
	check_all(w);
	w->s->tx = NULL;
}

void inspect_transactions(struct detect_scratch *s, bool flush)
{
	struct app_flow *a = s->flow->app;
	size_t row = app_protocol_index(a->proto);
	const struct app_point *point = &s->engine->app[row][s->direction];
	int d = s->direction;
	if (!point->any || a->no_inspect)
		return;
	struct walk w = {.s = s, .a = a, .point = point, .rows = s->engine->rows[row], .direction = d};
	for (struct app_tx *tx = a->first, *next; tx; tx = next) {
		next = tx->next;
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
