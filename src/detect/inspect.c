// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One packet against the engine: decoder events; for the first packet of a direction the rules of addresses alone; packet
 * and stream rules; rules about the mere protocol; then transactions. Candidates are checked in the order of numbers.
 */
#include "detect/engine.h"

static bool addresses_match(const struct signature *sig, const struct address *src, const struct address *dst)
{
	return (sig->flags & SIG_SRC_ANY || address_set_contains(sig->src, src)) && (sig->flags & SIG_DST_ANY || address_set_contains(sig->dst, dst));
}

static bool ports_match(const struct signature *sig, uint16_t sport, uint16_t dport)
{
	return (sig->flags & SIG_SPORT_ANY || port_set_contains(sig->sport, sport)) && (sig->flags & SIG_DPORT_ANY || port_set_contains(sig->dport, dport));
}

/* The same question that groups answer for all signatures at once. */
bool header_matches(const struct packet *p, const struct signature *sig, int direction)
{
	bool has_ports = p->is_tcp || p->is_udp || p->is_sctp;
	uint16_t sport = has_ports ? p->sport : 0, dport = has_ports ? p->dport : 0;
	if (sig->is_arp || (sig->ip_version && sig->ip_version != p->ip_version))
		return false;
	if (!signature_covers(sig, p->proto) || !signature_toward(sig, direction))
		return false;
	if (addresses_match(sig, &p->src, &p->dst) && ports_match(sig, sport, dport))
		return true;
	return sig->flags & SIG_BIDIRECTIONAL && addresses_match(sig, &p->dst, &p->src) && ports_match(sig, dport, sport);
}

/* What `flow` says of a packet: its direction is the group's, but without a flow there is none. */
bool flow_state_matches(const struct packet *p, const struct signature *sig)
{
	uint64_t f = sig->flags;
	if (f & (SIG_TO_SERVER | SIG_TO_CLIENT) && !(f & SIG_TO_EITHER) && !(p->flags & (PACKET_TO_SERVER | PACKET_TO_CLIENT)))
		return false;
	if (f & SIG_ESTABLISHED && !(p->flags & PACKET_ESTABLISHED))
		return false;
	if (f & SIG_NOT_ESTABLISHED && p->flags & PACKET_ESTABLISHED)
		return false;
	if (f & SIG_ONLY_FRAG && !(p->flags & PACKET_FRAGMENT) && p->source != PACKET_DEFRAG)
		return false;
	return !(f & SIG_NO_FRAG && p->flags & PACKET_FRAGMENT);
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
	const struct app_flow *a = s->flow ? s->flow->app : NULL;
	for (unsigned i = 0; i < sig->n_app; i++)
		if (a && sig->app[i] == a->proto)
			return true;
	return sig->n_app == 0;
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

/* A flow's only live transaction, for alerts that belong to none, where the user wants the guess. */
static const struct app_tx *guess_tx(const struct detect_scratch *s)
{
	const struct app_flow *a = s->flow ? s->flow->app : NULL;
	return s->engine->settings.guess_applayer_tx && a && a->proto && a->first == a->last ? a->first : NULL;
}

void match_take(struct detect_scratch *s, const struct app_tx *tx, unsigned flags)
{
	const struct signature *sig = s->sig;
	program_captures_keep(s);
	for (const struct signature_effect *e = sig->effects; e; e = e->next)
		e->run(s, e);
	if (sig->flags & SIG_BYPASS && s->flow && !s->flow->released)
		s->flow->released = FLOW_RELEASED_RULE;
	if (sig->flags & SIG_NOALERT && !(action_of(sig) & (ACTION_DROP | ACTION_PASS)))
		return;
	if (s->n_alerts == DETECT_MAX_ALERTS) {
		s->alerts_discarded++;
		return;
	}
	if (!tx && (tx = guess_tx(s)))
		flags |= ALERT_TX | ALERT_TX_GUESSED;
	s->alert[s->n_alerts++] = (struct alert){
		.sig = sig, .number = s->number, .tx_id = tx ? tx->id : UINT64_MAX, .flags = (uint16_t)flags, .action = action_of(sig), .context = s->match_context,
	};
}

/* Rules on headers and on the payload of single packets have nothing to see where no packet was on the wire. */
static bool needs_real_packet(const struct signature *sig)
{
	return sig->flags & SIG_WANT_PACKET || (sig->type == SIG_PACKET && sig->flags & SIG_WANT_PAYLOAD);
}

/* Of a rule whose header fits. */
static bool check_packet_rule(struct detect_scratch *s, uint32_t number)
{
	const struct packet *p = s->packet;
	const struct signature *sig = s->sig = s->engine->sig[number];
	s->number = number;
	if (!flow_state_matches(p, sig) || !app_matches(s, sig) || (p->flags & PACKET_PSEUDO && needs_real_packet(sig)))
		return false;
	program_captures_drop(s);
	if (!tests_hold(s, sig) || !payload_holds(s, sig))
		return false;
	unsigned flags = inspect_of(s)->matched_stream ? ALERT_STREAM : 0;
	if (sig->type == SIG_APP || sig->type == SIG_PD_ONLY)
		flags |= ALERT_STATE;
	match_take(s, NULL, flags);
	return true;
}

/* Each segment of a merged packet by itself; a rule matches once. */
static bool check_pieces(struct detect_scratch *s, uint32_t number)
{
	struct packet *p = s->packet;
	struct bytes all = p->payload;
	size_t size = stream_piece_size(p), at = 0;
	bool matched = false;
	do {
		p->payload = bytes_slice(all, at, size);
		matched = check_packet_rule(s, number);
		at += size;
	} while (!matched && at < all.len);
	p->payload = all;
	return matched;
}

static bool check_candidate(struct detect_scratch *s, uint32_t number)
{
	return is_merged(s->packet) && payload_wants_pieces(s->engine->sig[number]) ? check_pieces(s, number) : check_packet_rule(s, number);
}

static void check_list(struct detect_scratch *s, const uint32_t *number)
{
	for (; *number != UINT32_MAX; number++)
		check_packet_rule(s, *number);
}

/* Once a direction of a flow; packets without a flow each time. */
static void check_addresses(struct detect_scratch *s)
{
	struct flow *f = s->flow;
	uint32_t flag = s->direction ? FLOW_IP_ONLY_TO_CLIENT : FLOW_IP_ONLY_TO_SERVER;
	if (s->packet->flags & PACKET_PSEUDO || (f && f->flags & flag))
		return;
	if (f)
		f->flags |= flag;
	check_list(s, inspect_of(s)->group->rules->first);
}

static void check_protocol(struct detect_scratch *s)
{
	struct flow *f = s->flow;
	uint32_t flag = s->direction ? FLOW_PD_ONLY_TO_CLIENT : FLOW_PD_ONLY_TO_SERVER;
	if (!f || f->flags & flag || !f->app || !(f->app->proto || f->app->failed))
		return;
	f->flags |= flag;
	check_list(s, inspect_of(s)->group->rules->protocol);
}

static void add_list(struct inspect *in, const uint32_t *number)
{
	for (; *number != UINT32_MAX; number++)
		inspect_add(in, *number);
}

static void check_packet(struct detect_scratch *s, bool flush)
{
	struct inspect *in = inspect_of(s);
	inspect_begin(in);
	payload_find(s, flush);
	add_list(in, in->group->rules->packet);
	if (s->packet->n_events)
		add_list(in, in->group->rules->event);
	inspect_sort(in);
	for (size_t i = 0; i < in->n_candidates; i++) {
		uint32_t number = in->candidate[i];
		payload_judged(s, number, check_candidate(s, number));
	}
}

/* Rules on decoder events look at every packet, whole or not; those on link layers at what they name. */
static void check_below_ip(struct detect_scratch *s)
{
	const struct engine *e = s->engine;
	const struct packet *p = s->packet;
	for (size_t i = 0; (p->n_events || !p->ip_version) && i < e->decoder.n; i++)
		check_packet_rule(s, e->decoder.number[i]);
	for (size_t i = 0; i < e->link.n; i++) {
		const struct signature *sig = e->sig[e->link.number[i]];
		if (sig->is_arp ? p->is_arp : p->ether != NULL)
			check_packet_rule(s, e->link.number[i]);
	}
}

static void check_above_ip(struct detect_scratch *s, bool flush)
{
	struct inspect *in = inspect_of(s);
	struct flow *f = s->flow;
	in->group = f ? group_of_flow(in->groups, f, s->packet, s->direction) : group_find(in->groups, s->packet, s->direction);
	if (!in->group)
		return;
	if (f && f->flags & FLOW_ACTION_PASS)
		return;
	check_addresses(s);
	if (!(f && f->flags & FLOW_NO_PACKET_INSPECT))
		check_packet(s, flush);
	check_protocol(s);
	if (f && f->app && f->app->proto && f->app->first)
		inspect_transactions(s, flush);
}

/* The first packet after a reload: what old rules noted on the flow goes, flowbits and numbers stay; addresses are judged anew. */
static void meet_rules(struct flow *f, uint32_t generation)
{
	if (f->rules) {
		flow_vars_clear(f);
		f->flags &= ~(uint32_t)(FLOW_IP_ONLY_TO_SERVER | FLOW_IP_ONLY_TO_CLIENT | FLOW_PD_ONLY_TO_SERVER | FLOW_PD_ONLY_TO_CLIENT);
	}
	f->rules = generation;
}

void detect_packet(struct detect_scratch *s, struct packet *p, usec_t now, bool flush)
{
	if (!s->engine)
		return;
	s->packet = p;
	s->flow = p->flow;
	s->tx = NULL;
	s->now = now;
	s->direction = packet_direction(p);
	inspect_of(s)->has_chunk = inspect_of(s)->matched_stream = false;
	if (p->flow && p->flow->rules != s->engine->generation)
		meet_rules(p->flow, s->engine->generation);
	check_below_ip(s);
	if (p->ip_version)
		check_above_ip(s, flush);
}

/* Of one direction. */
static bool side_is_over(struct detect_scratch *s, int direction)
{
	const struct flow *f = s->flow;
	const struct group *g = group_known(inspect_of(s)->groups, f, direction);
	if (!g || (g->rules->protocol[0] != UINT32_MAX && !(f->flags & (direction ? FLOW_PD_ONLY_TO_CLIENT : FLOW_PD_ONLY_TO_SERVER))))
		return false;
	bool blind = f->flags & FLOW_NO_PAYLOAD_INSPECT || (f->app && f->app->no_payload_inspect);
	for (const uint32_t *n = g->rules->late; *n != UINT32_MAX; n++) {
		const struct signature *sig = s->engine->sig[*n];
		if (!(blind && sig->flags & (SIG_WANT_PAYLOAD | SIG_WANT_STREAM)) && app_matches(s, sig))
			return false;
	}
	return true;
}

bool detect_flow_is_over(struct detect_scratch *s, const struct packet *p)
{
	if (!s->engine)
		return true;
	s->flow = p->flow;
	return side_is_over(s, TO_SERVER) && side_is_over(s, TO_CLIENT);
}

void detect_packet_done(struct detect_scratch *s, struct packet *p)
{
	struct flow *f = p->flow;
	int direction = packet_direction(p);
	if (!f)
		return;
	struct inspect *in = inspect_of(s);
	if (!s->engine) {
		if (f->tcp)
			stream_raw_stop(f, direction);
	} else if (in->has_chunk && f->tcp) {
		stream_raw_done(f, direction, in->chunk.offset + in->chunk.data.len);
		in->has_chunk = false;
	}
	if (f->app)
		f->app->events_seen = f->app->n_events;
	if (f->app && f->app->proto)
		inspect_transactions_done(f->app, direction);
}
