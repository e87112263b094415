// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How sessions begin: the three-way handshake and its oddities (several SYNs or SYN/ACKs, of which one is meant; both ends
 * opening at once; fast open), and sessions whose beginning was not seen.
 *
 * An attacker may send a second SYN or SYN/ACK with other numbers to make us follow the wrong connection. So all of them
 * are kept (a few), and the one that the other side acknowledges is the truth.
 */
#include "flow/stream_private.h"

#include <stdlib.h>
#include <string.h>

struct opening { /* a SYN or SYN/ACK */
	uint32_t seq, ack, ts;
	uint16_t window, mss;
	uint8_t wscale;
	bool has_wscale, has_timestamp, sack_ok;
};

struct syn_queue {
	uint32_t n;
	struct opening item[];
};

enum { WSCALE_MAX = 14 /* RFC 7323 section 2.3 */, MSS_LEAST = 64 };

static struct opening opening_of(const struct packet *p)
{
	const struct tcp_layer *t = &p->tcp;
	return (struct opening){
		.seq = t->seq, .ack = t->ack, .ts = t->ts_value, .window = t->window, .mss = t->has_mss ? t->mss : 0,
		.wscale = t->wscale > WSCALE_MAX ? WSCALE_MAX : t->wscale, .has_wscale = t->has_wscale, .has_timestamp = t->has_timestamp,
		.sack_ok = t->has_sack_ok,
	};
}

void session_free_queue(struct tcp_session *s)
{
	free(s->queue);
	s->queue = NULL;
}

static bool same_opening(const struct opening *a, const struct opening *b)
{
	return a->seq == b->seq && a->ack == b->ack && a->ts == b->ts;
}

static bool queue_has(const struct syn_queue *q, const struct opening *o)
{
	for (uint32_t i = 0; q && i < q->n; i++)
		if (same_opening(&q->item[i], o))
			return true;
	return false;
}

/* Keeps another opening. False: there are too many; then the oldest gives way, for the newest is the likeliest to be answered. */
static bool queue_add(struct tcp_session *s, const struct opening *o, uint32_t max)
{
	struct syn_queue *q = s->queue;
	if (queue_has(q, o))
		return true;
	if (!q) {
		q = max ? calloc(1, sizeof *q + max * sizeof *q->item) : NULL;
		if (!q)
			return false;
		s->queue = q;
	}
	bool full = q->n >= max;
	if (full)
		memmove(q->item, q->item + 1, --q->n * sizeof *q->item);
	q->item[q->n++] = *o;
	return !full;
}

void side_begin(struct stream_side *side, uint32_t isn)
{
	side->isn = isn;
	side->origin = side->next_seq = side->last_ack = isn + 1;
	side->end = side->highest = side->acked = side->base = 0;
}

/* Takes over what an opening says of its sender and of what its receiver may send. */
static void side_take_opening(struct segment *g, struct stream_side *from, struct stream_side *to, const struct opening *o)
{
	side_begin(from, o->seq);
	from->syn_seen = true;
	from->has_wscale = o->has_wscale;
	from->wscale = o->has_wscale ? o->wscale : 0;
	from->sack_ok = o->sack_ok;
	from->mss = o->mss;
	from->has_timestamp = o->has_timestamp;
	from->ts_started = o->has_timestamp;
	from->last_ts = o->ts;
	from->last_ts_second = (uint32_t)(g->p->time / USEC_PER_SEC);
	to->window = o->window; /* never scaled in a SYN: RFC 7323 section 2.2 */
}

static bool take_session(struct segment *g)
{
	struct stream_engine *e = g->e;
	if (g->s)
		return true;
	if (e->settings.memcap && e->counters->value[COUNTER_TCP_MEMUSE] + sizeof *g->s > e->settings.memcap) {
		COUNT(e->counters, TCP_SSN_MEMCAP_DROP);
		exception_policy_apply(e->settings.memcap_policy, g->p, g->f, DROP_STREAM_MEMCAP);
		return false;
	}
	g->s = slab_take(&e->sessions);
	if (!g->s)
		return false;
	e->counters->value[COUNTER_TCP_MEMUSE] += sizeof *g->s;
	COUNT(e->counters, TCP_SESSIONS);
	COUNT(e->counters, TCP_ACTIVE_SESSIONS);
	COUNT(e->counters, TCP_SSN_FROM_POOL);
	g->f->tcp = g->s;
	for (int d = 0; d < 2; d++) {
		struct stream_side *side = &g->s->side[d];
		const struct address *receiver = d ? &g->f->key.src : &g->f->key.dst;
		side->os = (uint8_t)(e->os ? host_os_find(e->os, receiver) : OS_BSD);
		side->no_raw = !e->settings.raw;
	}
	g->from = &g->s->side[g->direction];
	g->to = &g->s->side[!g->direction];
	return true;
}

/* With a cookie, or asking for one (RFC 7413), a SYN may carry data that the server takes at once. */
static void take_syn_data(struct segment *g)
{
	if (!g->p->tcp.has_fast_open || !g->len)
		return;
	g->s->fast_open = true;
	g->from->next_win = g->seq + 1 + g->len;
	g->from->next_seq = g->seq + 1 + g->len;
	reassemble_payload(g, g->seq + 1);
}

static bool open_by_syn(struct segment *g)
{
	if (!take_session(g))
		return true;
	struct opening o = opening_of(g->p);
	side_take_opening(g, g->from, g->to, &o);
	session_state(g, TCP_SYN_SENT);
	take_syn_data(g);
	return true;
}

/* The packet's sender turns out to be the server: the flow was guessed the wrong way round. */
static void turn_flow(struct segment *g)
{
	flow_swap(g->f);
	g->direction = !g->direction;
	g->p->flags ^= PACKET_TO_SERVER | PACKET_TO_CLIENT;
}

/* A side of which nothing but a number is known: as generous as TCP can be. */
static void side_assume(struct stream_side *side, uint32_t next, uint32_t window)
{
	side_begin(side, next - 1);
	side->syn_seen = false;
	side->wscale = WSCALE_MAX;
	side->has_wscale = true;
	side->window = window;
	side->next_win = next + window;
}

static bool open_midstream_synack(struct segment *g)
{
	if (g->direction == 0)
		turn_flow(g);
	if (!take_session(g))
		return true;
	struct opening o = opening_of(g->p);
	g->s->midstream = g->s->midstream_synack = true;
	side_assume(g->to, g->ack, o.window);
	side_take_opening(g, g->from, g->to, &o);
	g->to->has_wscale = o.has_wscale;
	g->to->wscale = o.has_wscale ? WSCALE_MAX : 0;
	g->from->window = 65535u << WSCALE_MAX;
	g->from->next_win = g->from->next_seq + g->from->window;
	session_state(g, TCP_SYN_RECV);
	return true;
}

static bool open_midstream(struct segment *g)
{
	if (!take_session(g))
		return true;
	g->s->midstream = true;
	g->s->async = g->e->settings.async_oneside;
	uint32_t window = (uint32_t)g->p->tcp.window << WSCALE_MAX;
	side_assume(g->from, g->seq, 65535u << WSCALE_MAX);
	side_assume(g->to, g->ack, window);
	if (g->p->tcp.has_timestamp) {
		g->from->has_timestamp = g->to->has_timestamp = g->from->ts_started = true;
		g->from->last_ts = g->p->tcp.ts_value;
		g->from->last_ts_second = (uint32_t)(g->p->time / USEC_PER_SEC);
	}
	session_state(g, TCP_ESTABLISHED);
	segment_take_data(g);
	if (g->flags & TCP_FIN)
		segment_take_fin(g);
	return true;
}

/* No session yet, and no SYN. */
static bool open_without_syn(struct segment *g)
{
	const struct stream_settings *set = &g->e->settings;
	bool known = g->e->known && g->e->known(g->e->known_context, g->p);
	if (g->flags & TCP_FIN && !known) {
		segment_event(g, EVENT_STREAM_FIN_BUT_NO_SESSION);
		if (!set->midstream || !g->len)
			return true;
	}
	if (!set->midstream && !set->async_oneside && !known) {
		exception_policy_apply(set->midstream_policy, g->p, g->f, DROP_STREAM_MIDSTREAM);
		return true;
	}
	if (set->midstream && !known)
		exception_policy_apply(set->midstream_policy, g->p, g->f, DROP_STREAM_MIDSTREAM);
	COUNT(g->e->counters, TCP_MIDSTREAM_PICKUPS);
	return g->flags & TCP_SYN ? open_midstream_synack(g) : open_midstream(g);
}

bool session_open(struct segment *g)
{
	if (g->flags & TCP_RST)
		return segment_refuse(g, EVENT_STREAM_RST_BUT_NO_SESSION);
	if ((g->flags & (TCP_SYN | TCP_FIN)) == (TCP_SYN | TCP_FIN))
		segment_event(g, EVENT_STREAM_FIN_SYN);
	if ((g->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN)
		return open_by_syn(g);
	if (g->flags & TCP_ACK)
		return open_without_syn(g);
	return true;
}

/* A SYN's data that nobody has looked at goes with the SYN. */
static void forget_data(struct segment *g, struct stream_side *side)
{
	store_free(&g->e->pool, side->store);
	side->store = NULL;
	side->end = side->highest = 0;
}

/*
 * The client's SYN that this SYN/ACK answers becomes the session's. Not if another SYN's data was looked at (a fast open, inline): the parser would go on
 * behind bytes that the server never took.
 */
static bool choose_syn(struct segment *g)
{
	struct syn_queue *q = g->s->queue;
	if (g->to->app_offered)
		return false;
	for (uint32_t i = q ? q->n : 0; i > 0; i--) {
		if (q->item[i - 1].seq + 1 == g->ack) {
			forget_data(g, g->to);
			g->s->fast_open = false;
			side_take_opening(g, g->to, g->from, &q->item[i - 1]);
			return true;
		}
	}
	return false;
}

/* What both have agreed on: options count only if both sent them (RFC 7323 sections 1.3, 2.2 and 3.2). */
static void agree_on_options(struct segment *g)
{
	if (!g->from->has_wscale || !g->to->has_wscale) {
		g->from->has_wscale = g->to->has_wscale = false;
		g->from->wscale = g->to->wscale = 0;
	}
	bool ts = g->from->has_timestamp && g->to->has_timestamp;
	g->from->has_timestamp = g->to->has_timestamp = ts;
	bool sack = g->from->sack_ok && g->to->sack_ok;
	g->from->sack_ok = g->to->sack_ok = sack;
	uint32_t options = ts ? 12 : 0;
	uint16_t a = g->from->mss, b = g->to->mss; /* a SYN says what its sender takes, which is what its own link carries too */
	g->from->mss = g->to->mss = a && b ? (a < b ? a : b) : (uint16_t)(a | b);
	for (int d = 0; d < 2; d++) {
		struct stream_side *side = &g->s->side[d];
		if (side->mss > options + MSS_LEAST)
			side->mss = (uint16_t)(side->mss - options);
	}
}

static void take_synack(struct segment *g)
{
	struct opening o = opening_of(g->p);
	side_take_opening(g, g->from, g->to, &o);
	if (g->to->syn_seen)
		agree_on_options(g);
	g->to->last_ack = g->ack;
	g->to->next_win = g->ack + g->to->window;
	g->from->next_win = g->from->next_seq + g->from->window;
	g->to->acked = side_offset(g->to, g->ack);
	session_state(g, TCP_SYN_RECV);
	session_free_queue(g->s);
}

/*
 * The server did not take the SYN's data. What nobody has seen is as if it never came; what was looked at already (inline) stays the
 * truth that the data sent again must equal, or one could show the parser one thing and the server another.
 */
static void forget_fast_open(struct segment *g)
{
	struct stream_side *side = g->to;
	if (g->e->settings.inline_mode || side->app_offered)
		return;
	forget_data(g, side);
}

static bool synack_on_syn_sent(struct segment *g)
{
	if (g->s->four_way) { /* both sent SYNs: each answers the other's */
		if (g->ack != g->to->isn + 1)
			return segment_refuse(g, EVENT_STREAM_4WHS_SYNACK_WITH_WRONG_ACK);
		if (g->seq != g->from->isn)
			return segment_refuse(g, EVENT_STREAM_4WHS_SYNACK_WITH_WRONG_SYN);
		take_synack(g);
		return true;
	}
	if (g->direction == 0)
		return segment_refuse(g, EVENT_STREAM_3WHS_SYNACK_IN_WRONG_DIRECTION);
	bool with_data = g->s->fast_open && g->ack == g->to->next_seq;
	if (g->s->fast_open && g->ack == g->to->isn + 1) {
		segment_event(g, EVENT_STREAM_3WHS_SYNACK_TFO_DATA_IGNORED);
		g->to->next_seq = g->ack; /* it will be sent again */
		g->s->fast_open = false;
		forget_fast_open(g);
	} else if (!with_data && g->ack != g->to->isn + 1 && !choose_syn(g)) {
		return segment_refuse(g, EVENT_STREAM_3WHS_SYNACK_WITH_WRONG_ACK);
	}
	take_synack(g);
	return true;
}

static bool syn_on_syn_sent(struct segment *g)
{
	struct opening o = opening_of(g->p);
	if (g->direction == 1) { /* both open at once: RFC 9293 section 3.5, figure 7 */
		g->s->four_way = true;
		side_take_opening(g, g->from, g->to, &o);
		return true;
	}
	if (g->seq == g->from->isn)
		return true; /* sent again */
	if (!queue_add(g->s, &o, g->e->settings.max_syn_queued))
		segment_event(g, EVENT_STREAM_3WHS_SYN_FLOOD);
	return true;
}

static bool rst_on_handshake(struct segment *g)
{
	/* a client that gives up its SYN repeats its number; anything else answers what somebody else sent */
	if (g->s->state == TCP_SYN_SENT && g->direction == 0 && g->seq != g->from->isn && !(g->flags & TCP_ACK))
		return true;
	if (!segment_rst_ok(g))
		return false;
	session_reset(g);
	return true;
}

/* Only one direction is seen: the client goes on although nobody answered. */
static bool ack_on_syn_sent(struct segment *g)
{
	if (!g->e->settings.async_oneside || g->direction == 1)
		return true;
	if (g->seq != g->from->next_seq)
		return segment_refuse(g, EVENT_STREAM_3WHS_ASYNC_WRONG_SEQ);
	g->s->async = true;
	g->from->next_win = g->from->next_seq + (65535u << WSCALE_MAX);
	g->from->window = 65535u << WSCALE_MAX;
	side_assume(g->to, g->ack, (uint32_t)g->p->tcp.window << WSCALE_MAX);
	g->from->has_timestamp = g->to->has_timestamp = g->p->tcp.has_timestamp;
	session_state(g, TCP_ESTABLISHED);
	segment_take_data(g);
	if (g->flags & TCP_FIN)
		segment_take_fin(g);
	return true;
}

/*
 * What the server sends echoes the SYN's timestamp, and a host that got none sends none (RFC 7323 section 3.2). A client drops a
 * reset or FIN with anything else, so it must not end the session for us.
 */
static bool echo_is_right(const struct segment *g)
{
	const struct tcp_layer *t = &g->p->tcp;
	return !t->has_timestamp || (g->to->has_timestamp && t->ts_echo == g->to->last_ts);
}

static bool syn_sent_packet(struct segment *g)
{
	if (g->direction == 1 && g->flags & (TCP_RST | TCP_FIN) && !echo_is_right(g))
		return segment_refuse(g, EVENT_STREAM_PKT_INVALID_TIMESTAMP);
	if (g->flags & TCP_RST)
		return rst_on_handshake(g);
	if ((g->flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK))
		return synack_on_syn_sent(g);
	if (g->flags & TCP_SYN)
		return syn_on_syn_sent(g);
	if (g->flags & TCP_ACK)
		return ack_on_syn_sent(g);
	return true;
}

static bool synack_on_syn_recv(struct segment *g)
{
	if (g->direction == 0 && !g->s->four_way)
		return segment_refuse(g, EVENT_STREAM_3WHS_SYNACK_TOSERVER_ON_SYN_RECV);
	if (g->s->four_way)
		return true;
	if (g->ack != g->to->last_ack && g->ack != g->to->isn + 1)
		return segment_refuse(g, EVENT_STREAM_3WHS_SYNACK_RESEND_WITH_DIFFERENT_ACK);
	if (g->seq == g->from->isn)
		return true;
	struct opening o = opening_of(g->p);
	if (!queue_add(g->s, &o, g->e->settings.max_synack_queued))
		segment_event(g, EVENT_STREAM_3WHS_SYNACK_FLOOD);
	return true;
}

static bool syn_on_syn_recv(struct segment *g)
{
	if (g->direction == 1)
		return segment_refuse(g, EVENT_STREAM_3WHS_SYN_TOCLIENT_ON_SYN_RECV);
	if (g->seq != g->from->isn)
		return segment_refuse(g, EVENT_STREAM_3WHS_SYN_RESEND_DIFF_SEQ_ON_SYN_RECV);
	return true;
}

/* The server's SYN/ACK that the client acknowledges becomes the session's. */
static void choose_synack(struct segment *g)
{
	struct syn_queue *q = g->to->app_offered ? NULL : g->s->queue;
	for (uint32_t i = 0; q && i < q->n; i++) {
		if (q->item[i].seq + 1 != g->ack)
			continue;
		forget_data(g, g->to);
		side_take_opening(g, g->to, g->from, &q->item[i]);
		agree_on_options(g);
		g->to->next_win = g->to->next_seq + g->to->window;
		return;
	}
}

/* The handshake is done: what the packet carries is taken in as in any established session. */
static bool establish(struct segment *g)
{
	session_free_queue(g->s);
	g->from->next_win = g->from->last_ack + g->from->window;
	g->to->window = segment_window(g);
	session_state(g, TCP_ESTABLISHED);
	segment_take_ack(g);
	g->to->next_win = g->to->last_ack + g->to->window;
	segment_take_data(g);
	if (g->flags & TCP_FIN)
		segment_take_fin(g);
	return true;
}

/*
 * The server speaks although the client's last ACK was not seen. Either that packet was lost on its way to us, or it is a fast open, or
 * somebody injects data. What acknowledges bytes of the client that nobody saw is not believed; the client itself can go on.
 */
static bool server_on_syn_recv(struct segment *g)
{
	struct tcp_session *s = g->s;
	if (s->four_way) {
		if (g->seq != g->from->next_seq)
			return segment_refuse(g, EVENT_STREAM_4WHS_WRONG_SEQ);
		if (!segment_ack_ok(g))
			return segment_refuse(g, EVENT_STREAM_4WHS_INVALID_ACK);
		return establish(g);
	}
	if (s->fast_open || (s->midstream_synack && g->seq == g->from->next_seq))
		return establish(g);
	if (!g->e->settings.inline_mode && seq_gt(g->ack, g->to->next_seq)) /* nobody has seen the client say that */
		return segment_refuse(g, EVENT_STREAM_3WHS_WRONG_SEQ_WRONG_ACK);
	if (g->len) {
		segment_event(g, EVENT_STREAM_3WHS_ACK_DATA_INJECT);
		/* who only listens may have been told things in another order than they happened */
		if (!g->e->settings.inline_mode && g->seq == g->from->next_seq && g->ack == g->to->next_seq)
			return establish(g);
	}
	return segment_refuse(g, EVENT_STREAM_3WHS_ACK_IN_WRONG_DIR);
}

static bool client_on_syn_recv(struct segment *g)
{
	struct tcp_session *s = g->s;
	if (s->four_way && g->seq != g->from->next_seq)
		return segment_refuse(g, EVENT_STREAM_4WHS_WRONG_SEQ);
	if (!segment_timestamp_ok(g))
		return false;
	bool right_seq = seq_ge(g->seq, g->from->isn + 1) && seq_le(g->seq + g->len, g->from->next_win + g->len) &&
			 seq_le(g->seq, g->from->next_win);
	if (s->midstream_synack && g->ack == g->to->next_seq)
		right_seq = true;
	if (g->ack != g->to->isn + 1)
		choose_synack(g);
	/* before it has answered, the server sends nothing that could be acknowledged; unless we have lost something, as who only listens may */
	bool lost = !g->e->settings.inline_mode && (g->seq != g->from->next_seq || g->flags & TCP_FIN);
	bool went_on = lost || s->fast_open || s->midstream;
	bool right_ack = g->ack == g->to->next_seq || (went_on && seq_ge(g->ack, g->to->isn + 1) && seq_le(g->ack, g->to->next_win));
	if (!right_seq && !right_ack)
		return segment_refuse(g, EVENT_STREAM_3WHS_WRONG_SEQ_WRONG_ACK);
	if (!right_ack)
		return segment_refuse(g, s->four_way ? EVENT_STREAM_4WHS_INVALID_ACK : EVENT_STREAM_3WHS_RIGHT_SEQ_WRONG_ACK_EVASION);
	if (!right_seq)
		return segment_refuse(g, g->flags & TCP_FIN ? EVENT_STREAM_FIN_OUT_OF_WINDOW : EVENT_STREAM_EST_PACKET_OUT_OF_WINDOW);
	return establish(g);
}

static bool syn_recv_packet(struct segment *g)
{
	if (g->flags & TCP_RST)
		return rst_on_handshake(g);
	if ((g->flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK))
		return synack_on_syn_recv(g);
	if (g->flags & TCP_SYN)
		return syn_on_syn_recv(g);
	if (!(g->flags & TCP_ACK)) {
		if (g->flags & TCP_FIN && g->direction == 0)
			return establish(g);
		return true;
	}
	return g->direction ? server_on_syn_recv(g) : client_on_syn_recv(g);
}

bool handshake_packet(struct segment *g)
{
	return g->s->state == TCP_SYN_SENT ? syn_sent_packet(g) : syn_recv_packet(g);
}
