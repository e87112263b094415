// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One packet against the engine: decoder events; for the first packet of a direction the rules of addresses alone; packet
 * and stream rules; rules about the mere protocol; then transactions. Candidates are checked in the order of numbers.
 */
#include "detect/engine.h"

/* Rules by addresses alone are not in the groups: their own sets are asked. */
static bool addresses_match(const struct signature *sig, const struct address *src, const struct address *dst)
{
	return (sig->flags & SIG_SRC_ANY || address_set_contains(sig->src, src)) && (sig->flags & SIG_DST_ANY || address_set_contains(sig->dst, dst));
}

static bool ends_match(const struct detect_scratch *s, const struct signature *sig)
{
	const struct packet *p = s->packet;
	if (sig->type != SIG_IP_ONLY && sig->type != SIG_LIKE_IP_ONLY)
		return group_matches(&s->engine->tables, inspect_of((struct detect_scratch *)s)->group, sig);
	return addresses_match(sig, &p->src, &p->dst) || (sig->flags & SIG_BIDIRECTIONAL && addresses_match(sig, &p->dst, &p->src));
}

static bool flow_flags_match(const struct signature *sig, const struct packet *p)
{
	uint64_t f = sig->flags;
	if (!(sig->flags & SIG_TO_EITHER)) {
		if (f & SIG_TO_SERVER && !(p->flags & PACKET_TO_SERVER))
			return false;
		if (f & SIG_TO_CLIENT && !(p->flags & PACKET_TO_CLIENT))
			return false;
	}
	if (f & SIG_ESTABLISHED && !(p->flags & PACKET_ESTABLISHED))
		return false;
	if (f & SIG_NOT_ESTABLISHED && p->flags & PACKET_ESTABLISHED)
		return false;
	if (f & SIG_ONLY_FRAG && !(p->flags & PACKET_FRAGMENT) && p->source != PACKET_DEFRAG)
		return false;
	return !(f & SIG_NO_FRAG && p->flags & PACKET_FRAGMENT);
}

bool header_matches(const struct detect_scratch *s, const struct signature *sig)
{
	const struct packet *p = s->packet;
	if (!p->ip_version) {
		if (!(sig->pkthdr || (sig->is_ether && p->ether) || (sig->is_arp && p->is_arp)))
			return false;
		return true;
	}
	if (sig->is_arp)
		return false;
	if (sig->ip_version && sig->ip_version != p->ip_version)
		return false;
	if (!(sig->proto_bits[p->proto / 8] >> (p->proto % 8) & 1))
		return false;
	if (!flow_flags_match(sig, p))
		return false;
	return ends_match(s, sig);
}

bool tests_hold(struct detect_scratch *s, const struct signature *sig)
{
	for (const struct packet_test *t = sig->tests; t; t = t->next)
		if (!t->test(s, t))
			return false;
	return true;
}

static bool app_matches(const struct detect_scratch *s, const struct signature *sig)
{
	if (sig->n_app == 0)
		return true;
	const struct app_flow *a = s->flow ? s->flow->app : NULL;
	if (!a || !a->proto)
		return false;
	for (unsigned i = 0; i < sig->n_app; i++)
		if (sig->app[i] == a->proto)
			return true;
	return false;
}

static bool run_over(struct detect_scratch *s, const struct inspection *i, struct bytes data, uint64_t offset, bool start, bool end)
{
	struct program_input in = {.data = data, .offset = offset, .start = start, .end = end, .direction = s->direction};
	if (i->transforms && !transform_run(s, i->transforms, data, &in.data))
		return false;
	return !i->program || program_run(s, i->program, &in);
}

static bool packet_header_holds(struct detect_scratch *s, const struct inspection *i)
{
	struct bytes b;
	return packet_buffer(s->packet, i->buffer, &b) && run_over(s, i, b, 0, true, true);
}

static bool over_packet(struct detect_scratch *s, const struct signature *sig, const struct inspection *i)
{
	const struct packet *p = s->packet;
	bool in_stream = p->flags & PACKET_STREAM_ADDED;
	if (p->flags & (PACKET_NO_PAYLOAD_INSPECT | PACKET_PSEUDO) || (p->is_tcp && !p->payload.len && !i->program))
		return false;
	if (p->is_tcp && in_stream && (sig->type == SIG_STREAM || sig->type == SIG_APP || (sig->type == SIG_TX)))
		return false;
	if (sig->flags & SIG_ONLY_STREAM)
		return false;
	return p->payload.len && run_over(s, i, p->payload, 0, true, true);
}

static bool over_stream(struct detect_scratch *s, const struct signature *sig, const struct inspection *i)
{
	struct inspect *in = inspect_of(s);
	if (!in->has_chunk || sig->type == SIG_PACKET || sig->flags & SIG_NO_STREAM)
		return false;
	return run_over(s, i, in->chunk.data, in->chunk.offset, in->chunk.offset == 0, in->chunk.flags & STREAM_EOF);
}

/* All inspections of packets and streams. `matched_stream` says where the payload matched. */
bool payload_holds(struct detect_scratch *s, const struct signature *sig)
{
	struct inspect *in = inspect_of(s);
	in->matched_stream = false;
	for (const struct inspection *i = sig->inspections; i; i = i->next) {
		if (i->buffer >= BUFFER_APP || i->buffer == BUFFER_NONE)
			continue;
		if (i->buffer != BUFFER_PAYLOAD) {
			if (!packet_header_holds(s, i))
				return false;
		} else if (over_packet(s, sig, i)) {
			continue;
		} else if (over_stream(s, sig, i)) {
			in->matched_stream = true;
		} else {
			return false;
		}
	}
	return true;
}

static uint8_t action_of(const struct signature *sig)
{
	static const uint8_t actions[RULE_ACTION_N_] = {
		[RULE_ALERT] = ACTION_ALERT, [RULE_PASS] = ACTION_PASS, [RULE_DROP] = ACTION_ALERT | ACTION_DROP,
		[RULE_REJECT] = ACTION_ALERT | ACTION_DROP | ACTION_REJECT, [RULE_REJECT_SRC] = ACTION_ALERT | ACTION_DROP | ACTION_REJECT,
		[RULE_REJECT_DST] = ACTION_ALERT | ACTION_DROP | ACTION_REJECT_DST, [RULE_REJECT_BOTH] = ACTION_ALERT | ACTION_DROP | ACTION_REJECT_BOTH,
		[RULE_CONFIG] = ACTION_CONFIG, [RULE_ACCEPT] = ACTION_ACCEPT,
	};
	return actions[sig->action];
}

void match_take(struct detect_scratch *s, const struct signature *sig, const struct app_tx *tx, unsigned flags)
{
	s->sig = sig;
	program_captures_keep(s);
	for (const struct signature_effect *e = sig->effects; e; e = e->next)
		e->run(s, e);
	if (sig->flags & SIG_NOALERT && !(action_of(sig) & (ACTION_DROP | ACTION_PASS)))
		return;
	if (s->n_alerts == DETECT_MAX_ALERTS) {
		s->alerts_discarded++;
		return;
	}
	s->alert[s->n_alerts++] = (struct alert){.sig = sig, .tx_id = tx ? tx->id : UINT64_MAX, .flags = (uint16_t)flags, .action = action_of(sig), .context = s->match_context};
}

static void check_packet_rule(struct detect_scratch *s, uint32_t number)
{
	const struct signature *sig = s->engine->sig[number];
	s->sig = sig;
	if (!header_matches(s, sig) || !app_matches(s, sig))
		return;
	program_captures_drop(s);
	if (!tests_hold(s, sig) || !payload_holds(s, sig))
		return;
	unsigned flags = inspect_of(s)->matched_stream ? ALERT_STREAM : 0;
	if (sig->type == SIG_APP || sig->type == SIG_PD_ONLY)
		flags |= ALERT_STATE;
	match_take(s, sig, NULL, flags);
}

static void check_list(struct detect_scratch *s, const struct number_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		check_packet_rule(s, l->number[i]);
}

static void add_candidate(void *context, uint32_t number)
{
	inspect_add(context, number);
}

static void check_addresses(struct detect_scratch *s, int direction)
{
	struct flow *f = s->flow;
	uint32_t flag = direction ? FLOW_IP_ONLY_TO_CLIENT : FLOW_IP_ONLY_TO_SERVER;
	if (f && f->flags & flag)
		return;
	if (f)
		f->flags |= flag;
	struct inspect *in = inspect_of(s);
	inspect_begin(in);
	group_ip_only(&s->engine->tables, direction, s->packet, add_candidate, in);
	if (!f)
		group_ip_only(&s->engine->tables, !direction, s->packet, add_candidate, in);
	inspect_sort(in);
	for (size_t i = 0; i < in->n_candidates; i++)
		check_packet_rule(s, in->candidate[i]);
}

static void check_protocol(struct detect_scratch *s, int direction)
{
	struct flow *f = s->flow;
	uint32_t flag = direction ? FLOW_PD_ONLY_TO_CLIENT : FLOW_PD_ONLY_TO_SERVER;
	if (!f || f->flags & flag || !f->app || !(f->app->proto || f->app->failed))
		return;
	f->flags |= flag;
	check_list(s, &s->engine->pd_only[direction]);
}

static void find_stream(struct detect_scratch *s, int direction, bool flush)
{
	struct inspect *in = inspect_of(s);
	struct packet *p = s->packet;
	in->has_chunk = false;
	if (!p->is_tcp || !s->flow || !s->flow->tcp || s->flow->flags & FLOW_NO_PAYLOAD_INSPECT)
		return;
	in->has_chunk = stream_raw_next(s->streams, s->flow, p, direction, flush, &in->chunk, &in->fresh) && !(in->chunk.flags & STREAM_GAP);
	if (!in->has_chunk)
		return;
	for (uint32_t i = 0; i < in->group->n_stream; i++)
		prefilter_scan(in->group->stream[i], in, in->chunk.data);
}

static void find_packet(struct detect_scratch *s)
{
	struct inspect *in = inspect_of(s);
	const struct rule_group *g = in->group;
	const struct packet *p = s->packet;
	if (!p->payload.len || p->flags & PACKET_NO_PAYLOAD_INSPECT)
		return;
	for (uint32_t i = 0; i < g->n_packet; i++)
		prefilter_scan(g->packet[i], in, p->payload);
	for (uint32_t i = 0; p->is_tcp && !(p->flags & PACKET_STREAM_ADDED) && i < g->n_stream; i++)
		prefilter_scan(g->stream[i], in, p->payload);
}

static void find_candidates(struct detect_scratch *s, int direction, bool flush)
{
	struct inspect *in = inspect_of(s);
	const struct rule_group *g = group_find(in->groups, s->flow, s->packet, direction);
	if (!g)
		return;
	in->group = g;
	find_stream(s, direction, flush);
	find_packet(s);
	for (uint32_t i = 0; i < g->n_plain; i++)
		inspect_add(in, g->plain[i]);
}

/* Without a flow there is no direction: rules for either concern the packet. */
static void check_packet(struct detect_scratch *s, bool flush)
{
	struct inspect *in = inspect_of(s);
	inspect_begin(in);
	if (!s->flow)
		find_candidates(s, !s->direction, flush);
	find_candidates(s, s->direction, flush);
	inspect_sort(in);
	for (size_t i = 0; i < in->n_candidates; i++)
		check_packet_rule(s, in->candidate[i]);
}

void detect_packet(struct detect_scratch *s, struct packet *p, usec_t now, bool flush)
{
	const struct engine *e = s->engine;
	if (!e)
		return;
	s->packet = p;
	s->flow = p->flow;
	s->tx = NULL;
	s->now = now;
	s->direction = packet_direction(p);
	struct inspect *in = inspect_of(s);
	in->has_chunk = false;
	in->group = NULL;
	if (p->ip_version && !(in->group = group_find(in->groups, s->flow, p, s->direction)))
		return;
	if (p->n_events || !p->ip_version)
		check_list(s, &e->decoder);
	if (p->flags & PACKET_INVALID && !p->ip_version)
		return;
	if (s->flow && s->flow->flags & FLOW_ACTION_PASS) {
		/* a passed flow: what is asked once a direction is asked all the same */
		if (p->ip_version && !(p->flags & PACKET_PSEUDO))
			check_addresses(s, s->direction);
		check_protocol(s, s->direction);
		return;
	}
	if (p->ip_version) {
		if (!(p->flags & PACKET_PSEUDO))
			check_addresses(s, s->direction);
		check_packet(s, flush);
		check_protocol(s, s->direction);
		if (s->flow && s->flow->app && s->flow->app->proto && s->flow->app->first)
			inspect_transactions(s, flush);
	} else {
		check_list(s, &e->plain[0][2]);
	}
}

void detect_packet_done(struct detect_scratch *s, struct packet *p)
{
	struct flow *f = p->flow;
	int direction = packet_direction(p);
	if (!f)
		return;
	struct inspect *in = inspect_of(s);
	if (in && in->has_chunk && f->tcp)
		stream_raw_done(f, direction, in->chunk.offset + in->chunk.data.len);
	else if (!s->engine && f->tcp)
		stream_raw_stop(f, direction);
	if (f->app)
		f->app->events_seen = f->app->n_events;
	if (f->app && f->app->proto)
		inspect_transactions_done(f->app, direction);
}
