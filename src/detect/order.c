// SPDX-License-Identifier: GPL-2.0-or-later
/* A signature's type, which says how often it runs, and its number, which says when. */
#include "detect/engine.h"

#include <stdlib.h>

/* A content tied to a place in the buffer is looked for in each packet as well as in the stream. */
static bool has_anchored_payload(const struct signature *s)
{
	for (const struct inspection *in = s->inspections; in; in = in->next) {
		if (in->buffer != BUFFER_PAYLOAD || !in->program)
			continue;
		for (const struct program_step *st = in->program->first; st; st = st->next)
			if (st->kind == STEP_CONTENT && st->flags & (STEP_DEPTH | STEP_OFFSET | STEP_STARTSWITH))
				return true;
	}
	return false;
}

static bool only_flags(const struct packet_test *t, uint32_t flag)
{
	for (; t; t = t->next)
		if (t->keyword && !(t->keyword->flags & flag))
			return false;
	return true;
}

static bool is_tcp(const struct signature *s)
{
	return !s->any_proto && s->proto_bits[0] >> PROTO_TCP & 1;
}

static enum signature_type payload_type(const struct signature *s)
{
	if (!(s->any_proto || is_tcp(s)) || s->flags & SIG_NO_STREAM)
		return SIG_PACKET;
	if (s->flags & SIG_ONLY_STREAM)
		return SIG_STREAM;
	if (s->flags & SIG_WANT_PACKET || has_anchored_payload(s))
		return SIG_PACKET_STREAM;
	return SIG_STREAM;
}

enum signature_type signature_type_of(const struct signature *s)
{
	const uint64_t flow = SIG_TO_SERVER | SIG_TO_CLIENT | SIG_ESTABLISHED | SIG_NOT_ESTABLISHED | SIG_STATELESS | SIG_ONLY_STREAM | SIG_NO_STREAM |
			      SIG_NO_FRAG | SIG_ONLY_FRAG;
	if (s->pkthdr)
		return SIG_DECODER_EVENT;
	if (s->flags & SIG_HAS_TX || (s->hook && s->hook_state >= 0))
		return SIG_TX;
	if (s->flags & SIG_WANT_PAYLOAD)
		return s->n_app ? SIG_APP : payload_type(s);
	if (s->flags & SIG_WANT_PACKET)
		return SIG_PACKET;
	if (s->n_app && !(s->flags & SIG_TESTS_APP_PROTOCOL))
		return SIG_APP;
	if (s->n_app || s->flags & SIG_TESTS_APP_PROTOCOL)
		return only_flags(s->tests, KEYWORD_IP_ONLY_OK) && !(s->flags & SIG_TESTS_FLOWBIT) ? SIG_PD_ONLY : SIG_APP;
	if (!(s->flags & (flow | SIG_TESTS_FLOWBIT)) && s->flags & SIG_SPORT_ANY && s->flags & SIG_DPORT_ANY && only_flags(s->tests, KEYWORD_IP_ONLY_OK))
		return SIG_IP_ONLY;
	return SIG_PACKET;
}

/* Place of an action by `action-order`; config and accept come before all. */
static int action_rank(const struct signature *s, const uint8_t rank[RULE_ACTION_N_])
{
	return s->action == RULE_CONFIG || s->action == RULE_ACCEPT ? -1 : rank[s->action];
}

static int bit_rank(const struct signature *s)
{
	bool sets = s->flags & SIG_SETS_FLOWBIT, tests = s->flags & SIG_TESTS_FLOWBIT;
	return sets ? (tests ? 1 : 0) : (tests ? 2 : 3);
}

static int by_order(const void *a, const void *b, void *rank)
{
	const struct signature *x = *(struct signature *const *)a, *y = *(struct signature *const *)b;
	int order = action_rank(x, rank) - action_rank(y, rank);
	if (order == 0)
		order = bit_rank(x) - bit_rank(y);
	if (order == 0 && x->priority != y->priority)
		order = x->priority < y->priority ? -1 : 1;
	if (order == 0)
		order = x->number < y->number ? -1 : x->number > y->number; /* order of loading */
	return order;
}

void signatures_number(struct signature **sig, uint32_t n, const uint8_t rank[RULE_ACTION_N_])
{
	for (uint32_t i = 0; i < n; i++)
		sig[i]->number = i;
	qsort_r(sig, n, sizeof *sig, by_order, (void *)(uintptr_t)rank);
	for (uint32_t i = 0; i < n; i++)
		sig[i]->number = i;
}
