// SPDX-License-Identifier: GPL-2.0-or-later
/* A signature's type, which says how often it runs and what it acts upon, and its place in the order, which says when. */
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

static enum signature_type payload_type(const struct signature *s)
{
	if (!signature_covers(s, PROTO_TCP) || s->flags & SIG_NO_STREAM)
		return SIG_PACKET;
	if (s->flags & SIG_ONLY_STREAM)
		return SIG_STREAM;
	if (s->flags & SIG_WANT_PACKET)
		return SIG_PACKET;
	return has_anchored_payload(s) ? SIG_PACKET_STREAM : SIG_STREAM;
}

/* Variables and the like can change with every packet. */
static bool changes_by_packet(const struct signature *s)
{
	if (s->flags & (SIG_ESTABLISHED | SIG_NOT_ESTABLISHED))
		return true;
	for (const struct packet_test *t = s->tests; t; t = t->next)
		if (!t->keyword || strcmp(t->keyword->name, "app-layer-protocol") != 0)
			return true;
	return false;
}

/* Of a protocol, asking for no more than where the hosts are: about the flow as a whole. */
static bool is_about_hosts(const struct signature *s)
{
	for (const struct packet_test *t = s->tests; t; t = t->next)
		if (!t->keyword || (strcmp(t->keyword->name, "geoip") != 0 && strcmp(t->keyword->name, "iprep") != 0))
			return false;
	return s->n_app && s->tests && !s->inspections && !(s->flags & (SIG_ESTABLISHED | SIG_NOT_ESTABLISHED));
}

/* Whether an exclusion was written: in the text, or in a variable, where what is left is most of the address space. */
static bool is_negated(const struct address_set *set, const char *text)
{
	uint64_t covered = 0;
	if (!set || set->any)
		return false;
	if (text && strchr(text, '!'))
		return true;
	for (size_t i = 0; i < set->n; i++)
		if (set->in[i].first.family == 4)
			covered += (uint64_t)load_be32(set->in[i].last.byte) - load_be32(set->in[i].first.byte) + 1;
	return set->n > 1 && covered > UINT32_MAX / 2;
}

static bool is_by_address(const struct signature *s)
{
	uint64_t flow = SIG_TO_SERVER | SIG_TO_CLIENT | SIG_STATELESS | SIG_NO_FRAG | SIG_ONLY_FRAG | SIG_FLOW_NOT_TO;
	bool header_says_stream = s->rule && s->rule->protocol && strncmp(s->rule->protocol, "tcp-", 4) == 0;
	if (!header_says_stream)
		flow |= SIG_ONLY_STREAM | SIG_NO_STREAM;
	return !(s->flags & flow) && s->flags & SIG_SPORT_ANY && s->flags & SIG_DPORT_ANY && !s->is_arp && !s->is_ether;
}

enum signature_type signature_type_of(const struct signature *s)
{
	if (s->pkthdr)
		return SIG_DECODER_EVENT;
	if (s->flags & SIG_HAS_TX || (s->hook && s->hook_state >= 0))
		return SIG_TX;
	if (s->flags & SIG_WANT_PAYLOAD)
		return payload_type(s);
	if (is_about_hosts(s))
		return SIG_APP;
	if (s->flags & SIG_WANT_PACKET || changes_by_packet(s))
		return SIG_PACKET;
	if (s->flags & SIG_TESTS_APP_PROTOCOL)
		return SIG_PD_ONLY;
	if (s->n_app)
		return SIG_APP;
	if (!is_by_address(s))
		return SIG_PACKET;
	const struct rule *r = s->rule;
	return is_negated(s->src, r ? r->src_text : NULL) || is_negated(s->dst, r ? r->dst_text : NULL) ? SIG_LIKE_IP_ONLY : SIG_IP_ONLY;
}

enum use { USES_NOT, TESTS, SETS_AND_TESTS, SETS };

static enum use both(bool sets, bool tests)
{
	return sets ? (tests ? SETS_AND_TESTS : SETS) : tests ? TESTS : USES_NOT;
}

/* Whether one of the words stands by itself in a value such as "name, +, 1". */
static bool word_in(const char *value, const char *const *words)
{
	for (const char *at = value; *at;) {
		at += strspn(at, ", ");
		size_t n = strcspn(at, ", ");
		for (const char *const *w = words; n && *w; w++)
			if (strlen(*w) == n && memcmp(*w, at, n) == 0)
				return true;
		at += n;
	}
	return false;
}

/* How a signature uses a kind of variable, by its rule's options. */
static enum use use_of(const struct signature *s, const char *keyword, const char *const *setting, const char *const *testing)
{
	bool sets = false, tests = false;
	for (const struct rule_option *o = s->rule ? s->rule->options : NULL; o; o = o->next) {
		if (!o->value || strcmp(o->name, keyword) != 0)
			continue;
		sets |= word_in(o->value, setting);
		tests |= word_in(o->value, testing);
	}
	return both(sets, tests);
}

/* pcre captures set variables; the keyword tests them. */
static enum use use_of_texts(const struct signature *s, enum registry_kind kind, const char *keyword)
{
	bool sets = false;
	for (const struct inspection *in = s->inspections; in; in = in->next)
		for (const struct program_step *st = in->program ? in->program->first : NULL; st; st = st->next)
			for (unsigned i = 0; st->kind == STEP_PCRE && i < st->pcre.n_captures; i++)
				sets |= st->pcre.capture[i].kind == kind;
	return both(sets, s->rule && rule_option_find(s->rule, NULL, keyword));
}

void signature_settle(struct signature *s)
{
	static const char *const bit_sets[] = {"set", "unset", "toggle", NULL}, *const bit_tests[] = {"isset", "isnotset", NULL};
	static const char *const int_sets[] = {"+", "-", "=", NULL}, *const int_tests[] = {"isset", "notset", "isnotset", "<", ">", "<=", ">=", "==", "!=", NULL};
	const uint8_t use[6] = {
		both(s->flags & SIG_SETS_FLOWBIT, s->flags & SIG_TESTS_FLOWBIT), use_of(s, "flowint", int_sets, int_tests),
		use_of_texts(s, REGISTRY_FLOWVAR, "flowvar"), use_of_texts(s, REGISTRY_PKTVAR, "pktvar"),
		use_of(s, "hostbits", bit_sets, bit_tests), use_of(s, "xbits", bit_sets, bit_tests),
	};
	memcpy(s->use, use, sizeof use);
	s->type = (uint8_t)signature_type_of(s);
}

struct place {
	struct signature *sig;
	int rank;
	uint32_t loaded;
};

static int by_order(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	int use = memcmp(y->sig->use, x->sig->use, sizeof x->sig->use);
	if (use)
		return use;
	if (x->sig->priority != y->sig->priority)
		return x->sig->priority < y->sig->priority ? -1 : 1;
	return x->loaded < y->loaded ? -1 : x->loaded > y->loaded;
}

void signatures_sort(struct signature **sig, uint32_t n, const uint8_t rank[RULE_ACTION_N_])
{
	static const uint8_t usual[RULE_ACTION_N_] = {[RULE_PASS] = 0, [RULE_DROP] = 1, [RULE_REJECT] = 2, [RULE_REJECT_SRC] = 2, [RULE_REJECT_DST] = 2,
						      [RULE_REJECT_BOTH] = 2, [RULE_ALERT] = 3};
	static const uint8_t none[RULE_ACTION_N_];
	struct place *place = xcalloc((size_t)n + 1, sizeof *place);
	if (!rank || memcmp(rank, none, sizeof none) == 0)
		rank = usual;
	for (uint32_t i = 0; i < n; i++)
		place[i] = (struct place){sig[i], sig[i]->action == RULE_CONFIG || sig[i]->action == RULE_ACCEPT ? -1 : rank[sig[i]->action], i};
	qsort(place, n, sizeof *place, by_order);
	for (uint32_t i = 0; i < n; i++)
		sig[i] = place[i].sig;
	free(place);
}
