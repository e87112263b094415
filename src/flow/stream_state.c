// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What an established or closing session lets pass (RFC 9293 section 3.10.7), and how it goes on. States are the server's
 * view, as EVE names them: the client's FIN makes close_wait, the server's fin_wait1.
 */
#include "flow/stream_private.h"

struct rules { /* events of a state */
	uint8_t out_of_window, fin_out_of_window, invalid_ack, fin_invalid_ack, before_last_ack;
};

static const struct rules state_rules[] = {
	[TCP_ESTABLISHED] = {EVENT_STREAM_EST_PACKET_OUT_OF_WINDOW, EVENT_STREAM_FIN_OUT_OF_WINDOW, EVENT_STREAM_EST_INVALID_ACK,
			     EVENT_STREAM_FIN_INVALID_ACK, EVENT_STREAM_EST_PKT_BEFORE_LAST_ACK},
	[TCP_FIN_WAIT1] = {EVENT_STREAM_FIN1_ACK_WRONG_SEQ, EVENT_STREAM_FIN1_FIN_WRONG_SEQ, EVENT_STREAM_FIN1_INVALID_ACK,
			   EVENT_STREAM_FIN1_INVALID_ACK, 0},
	[TCP_FIN_WAIT2] = {EVENT_STREAM_FIN2_ACK_WRONG_SEQ, EVENT_STREAM_FIN2_FIN_WRONG_SEQ, EVENT_STREAM_FIN2_INVALID_ACK,
			   EVENT_STREAM_FIN2_INVALID_ACK, 0},
	[TCP_CLOSING] = {EVENT_STREAM_CLOSING_ACK_WRONG_SEQ, EVENT_STREAM_CLOSING_ACK_WRONG_SEQ, EVENT_STREAM_CLOSING_INVALID_ACK,
			 EVENT_STREAM_CLOSING_INVALID_ACK, 0},
	[TCP_CLOSE_WAIT] = {EVENT_STREAM_CLOSEWAIT_ACK_OUT_OF_WINDOW, EVENT_STREAM_CLOSEWAIT_FIN_OUT_OF_WINDOW,
			    EVENT_STREAM_CLOSEWAIT_INVALID_ACK, EVENT_STREAM_CLOSEWAIT_INVALID_ACK, EVENT_STREAM_CLOSEWAIT_PKT_BEFORE_LAST_ACK},
	[TCP_LAST_ACK] = {EVENT_STREAM_LASTACK_ACK_WRONG_SEQ, EVENT_STREAM_LASTACK_ACK_WRONG_SEQ, EVENT_STREAM_LASTACK_INVALID_ACK,
			  EVENT_STREAM_LASTACK_INVALID_ACK, 0},
	[TCP_TIME_WAIT] = {EVENT_STREAM_TIMEWAIT_ACK_WRONG_SEQ, EVENT_STREAM_TIMEWAIT_ACK_WRONG_SEQ, EVENT_STREAM_TIMEWAIT_INVALID_ACK,
			   EVENT_STREAM_TIMEWAIT_INVALID_ACK, 0},
	[TCP_CLOSED] = {0},
};

enum { PAWS_IDLE = 24 * 24 * 3600 /* RFC 7323 section 5.5 */ };

uint32_t segment_window(const struct segment *g)
{
	return (uint32_t)g->p->tcp.window << g->from->wscale;
}

/*
 * PAWS (RFC 7323 section 5): an older timestamp is an old duplicate. Hosts differ in what they let pass: some take a zero, Linux a
 * value that is one less. A reset is taken whatever its timestamp (section 5.2), though it is worth telling.
 */
bool segment_timestamp_ok(struct segment *g)
{
	struct stream_side *side = g->from;
	const struct tcp_layer *t = &g->p->tcp;
	if (!side->has_timestamp || !t->has_timestamp || !side->ts_started)
		return true;
	enum os_policy os = g->e->settings.liberal_timestamps ? OS_LINUX : side->os;
	if (t->ts_value == 0 && (os == OS_OLD_LINUX || os == OS_WINDOWS || os == OS_VISTA || os == OS_WINDOWS2K3))
		return true;
	if (side->last_ts == 0)
		return true;
	int32_t forward = (int32_t)(t->ts_value - side->last_ts);
	if (forward >= 0 || (forward == -1 && (os == OS_LINUX || os == OS_OLD_LINUX)))
		return true;
	uint32_t second = (uint32_t)(g->p->time / USEC_PER_SEC);
	if (second - side->last_ts_second > PAWS_IDLE)
		return true;
	return segment_refuse(g, EVENT_STREAM_PKT_INVALID_TIMESTAMP);
}

/* Remembers the timestamp of a segment that comes in order (RFC 7323 section 4.3). */
void segment_note_timestamp(struct segment *g)
{
	struct stream_side *side = g->from;
	const struct tcp_layer *t = &g->p->tcp;
	if (!side->has_timestamp || !t->has_timestamp || seq_gt(g->seq, side->next_seq))
		return;
	if (side->ts_started && (int32_t)(t->ts_value - side->last_ts) < 0 && t->ts_value)
		return;
	side->ts_started = true;
	side->last_ts = t->ts_value;
	side->last_ts_second = (uint32_t)(g->p->time / USEC_PER_SEC);
}

/* An ACK is for what the peer may have sent: no further than its window. An old one is merely late. */
bool segment_ack_ok(struct segment *g)
{
	const struct stream_side *peer = g->to;
	if (!(g->flags & TCP_ACK) || g->s->async || seq_le(g->ack, peer->last_ack))
		return true;
	uint32_t edge = seq_gt(peer->next_seq, peer->next_win) ? peer->next_seq : peer->next_win;
	if (seq_le(g->ack, edge + 1)) /* one more: a FIN beyond a full window */
		return true;
	segment_event(g, EVENT_STREAM_PKT_INVALID_ACK);
	return false;
}

/* What a host takes for a valid reset depends on its system (Novak and Sturges; RFC 5961 came later). */
bool segment_rst_ok(struct segment *g)
{
	struct stream_side *from = g->from, *to = g->to;
	if (g->s->state == TCP_SYN_SENT) {
		/* RFC 9293 section 3.10.7.3: it must acknowledge the SYN */
		if (g->flags & TCP_ACK && (g->direction == 0 || (g->ack != to->isn + 1 && g->ack != to->next_seq))) {
			segment_event(g, EVENT_STREAM_PKT_INVALID_ACK);
			return segment_refuse(g, EVENT_STREAM_RST_INVALID_ACK);
		}
		return true;
	}
	if (g->s->async || (g->s->midstream && from->window == 0))
		return true;
	if (g->flags & TCP_ACK && g->ack && !segment_ack_ok(g))
		return segment_refuse(g, EVENT_STREAM_RST_INVALID_ACK);
	segment_timestamp_ok(g);
	uint32_t last = g->seq + g->len;
	bool ok;
	switch (from->os) {
	case OS_HPUX11:
		ok = seq_ge(g->seq, from->next_seq);
		break;
	case OS_OLD_LINUX:
	case OS_LINUX:
	case OS_SOLARIS:
	case OS_OLD_SOLARIS:
		ok = seq_ge(last, from->last_ack) && seq_le(g->seq, from->next_win);
		break;
	default:
		/* exactly what is expected next: after what we saw, or after what the receiver has said that it got */
		ok = g->seq == from->next_seq || g->seq == from->last_ack;
	}
	/* a reset that answers a half-closed side's data has the number of the FIN */
	if (!ok && from->fin && g->seq + 1 == from->next_seq)
		ok = true;
	return ok;
}

void session_reset(struct segment *g)
{
	g->from->rst = true;
	if (g->flags & TCP_ACK && seq_gt(g->ack, g->to->last_ack) && seq_le(g->ack, g->to->next_seq))
		segment_take_ack(g);
	session_state(g, TCP_CLOSED);
}

static void raise_next_win(struct stream_side *side)
{
	uint32_t edge = side->last_ack + side->window;
	if (seq_gt(edge, side->next_win))
		side->next_win = edge;
}

/* The ACK and the window that the packet brings for the other direction. */
void segment_take_ack(struct segment *g)
{
	struct stream_side *peer = g->to;
	if (!(g->flags & TCP_ACK))
		return;
	if (seq_gt(g->ack, peer->last_ack)) {
		peer->last_ack = g->ack;
		if (seq_gt(g->ack, peer->next_seq) && !g->s->async) {
			COUNT(g->e->counters, TCP_ACK_UNSEEN_DATA);
			peer->next_seq = g->ack;
		}
		reassemble_ack(g);
	}
	if (seq_ge(g->seq, g->from->last_ack) || g->s->async)
		peer->window = segment_window(g);
	raise_next_win(peer);
}

/* Retransmissions, for rules that count them. A copy of what is still under way may as well be the capture's doing. */
static void judge_retransmission(struct segment *g)
{
	struct stream_side *side = g->from;
	uint32_t last = g->seq + g->len;
	if (!g->len || g->s->async)
		return;
	if (seq_le(last, side->next_seq))
		g->p->flags |= PACKET_RETRANSMISSION;
	if (seq_le(last, side->last_ack))
		segment_event(g, EVENT_STREAM_PKT_SPURIOUS_RETRANSMISSION);
	else if (seq_lt(g->seq, side->last_ack))
		segment_event(g, EVENT_STREAM_PKT_RETRANSMISSION);
}

void segment_take_data(struct segment *g)
{
	struct stream_side *side = g->from;
	segment_note_timestamp(g);
	if (!g->len)
		return;
	judge_retransmission(g);
	if (g->len > side->mss && !(g->p->flags & PACKET_SUPER))
		side->mss = g->len < UINT16_MAX ? (uint16_t)g->len : UINT16_MAX;
	uint32_t last = g->seq + g->len;
	if (seq_gt(last, side->next_seq))
		side->next_seq = last;
	if (g->s->async) {
		if (seq_gt(last, side->last_ack))
			side->last_ack = last;
		if (seq_gt(last + side->window, side->next_win))
			side->next_win = last + side->window;
	}
	reassemble_payload(g, g->seq);
}

/* Where a FIN takes the session; the packet's ACK has been taken already. */
static enum tcp_state state_after_fin(const struct segment *g)
{
	const struct tcp_session *s = g->s;
	bool acked = s->side[1].fin && s->side[1].last_ack == s->side[1].next_seq;
	switch (s->state) {
	case TCP_ESTABLISHED:
	case TCP_SYN_RECV:
		return g->direction ? TCP_FIN_WAIT1 : TCP_CLOSE_WAIT;
	case TCP_FIN_WAIT1:
		return g->direction ? TCP_FIN_WAIT1 : acked ? TCP_TIME_WAIT : TCP_CLOSING;
	case TCP_FIN_WAIT2:
		return g->direction ? TCP_FIN_WAIT2 : TCP_TIME_WAIT;
	case TCP_CLOSE_WAIT:
		return g->direction ? TCP_LAST_ACK : TCP_CLOSE_WAIT;
	default:
		return s->state;
	}
}

void segment_take_fin(struct segment *g)
{
	struct stream_side *side = g->from;
	uint32_t end = g->seq + g->len;
	if (!side->fin) {
		side->fin = true;
		side->fin_at = side_offset(side, end);
		if (side->fin_at == UINT64_MAX || side->fin_at < side->end)
			side->fin_at = side->end;
		if (seq_ge(end + 1, side->next_seq))
			side->next_seq = end + 1;
		if (g->s->async)
			side->last_ack = side->next_seq;
	}
	session_state(g, state_after_fin(g));
}

/* Where an ACK takes a closing session. */
static void advance_by_ack(struct segment *g)
{
	struct tcp_session *s = g->s;
	const struct stream_side *peer = g->to;
	bool fin_acked = peer->fin && seq_ge(g->ack, peer->next_seq) && g->flags & TCP_ACK;
	if (!fin_acked)
		return;
	switch (s->state) {
	case TCP_FIN_WAIT1:
		if (g->direction == 0)
			session_state(g, TCP_FIN_WAIT2);
		break;
	case TCP_CLOSING:
		if (g->direction == 0)
			session_state(g, TCP_TIME_WAIT);
		break;
	case TCP_LAST_ACK:
		if (g->direction == 0)
			session_state(g, TCP_CLOSED);
		break;
	case TCP_TIME_WAIT:
		if (g->direction == 1)
			session_state(g, TCP_CLOSED);
		break;
	}
}

/* One byte, or none, just left of what is expected, asks whether the peer is alive (RFC 9293 section 3.8.4). */
static bool is_keepalive(const struct segment *g)
{
	return g->len <= 1 && !(g->flags & (TCP_FIN | TCP_SYN | TCP_RST | TCP_URG)) && g->seq == g->from->next_seq - 1 && !g->from->fin;
}

static bool is_window_probe(const struct segment *g)
{
	return g->len == 1 && g->from->window == 0 && g->seq == g->from->next_seq;
}

static bool synack_on_state(struct segment *g)
{
	if (g->direction == 0 && !g->s->four_way)
		return segment_refuse(g, EVENT_STREAM_EST_SYNACK_TOSERVER);
	if (g->s->four_way)
		return true;
	if (g->ack != g->to->last_ack)
		return segment_refuse(g, EVENT_STREAM_EST_SYNACK_RESEND_WITH_DIFFERENT_ACK);
	if (g->seq != g->from->isn)
		return segment_refuse(g, EVENT_STREAM_EST_SYNACK_RESEND_WITH_DIFF_SEQ);
	if (g->s->confirmed)
		return segment_refuse(g, EVENT_STREAM_EST_SYNACK_RESEND);
	return true; /* the client's ACK was lost behind us */
}

static bool syn_on_state(struct segment *g)
{
	if (g->s->state != TCP_ESTABLISHED)
		return segment_refuse(g, EVENT_STREAM_SHUTDOWN_SYN_RESEND);
	if (g->direction == 1)
		return segment_refuse(g, EVENT_STREAM_EST_SYN_TOCLIENT);
	if (g->seq != g->from->isn)
		return segment_refuse(g, EVENT_STREAM_EST_SYN_RESEND_DIFF_SEQ);
	return segment_refuse(g, EVENT_STREAM_EST_SYN_RESEND);
}

/* A smaller window in a packet that is ahead of all we know in both directions: a forger's guess, or a great loss. */
static bool shrinks_window(const struct segment *g)
{
	uint32_t window = segment_window(g);
	if (!(g->flags & TCP_ACK) || g->flags & TCP_FIN || !window || window >= g->to->window || g->s->midstream || g->s->async)
		return false;
	return g->to->window - window > g->len && seq_gt(g->ack, g->to->next_seq) && seq_gt(g->seq, g->from->next_seq);
}

/* After a reset the one who sent it goes on: the reset was not his. */
static bool closed_packet(struct segment *g)
{
	struct tcp_session *s = g->s;
	if (g->flags & TCP_RST)
		return true;
	bool goes_on = g->from->rst && !g->to->rst && g->flags & TCP_ACK && !(g->flags & TCP_SYN) &&
		       (g->len || seq_gt(g->ack, g->to->last_ack)) && seq_ge(g->seq, g->from->last_ack);
	if (goes_on && s->state_before >= TCP_ESTABLISHED && s->state_before < TCP_CLOSED) {
		segment_event(g, EVENT_STREAM_SUSPECTED_RST_INJECT);
		g->from->rst = false;
		for (int d = 0; d < 2; d++)
			s->side[d].eof_offered = s->side[d].eof_delivered = false;
		session_state(g, s->state_before);
		return state_packet(g);
	}
	if (g->flags & TCP_ACK && !g->to->rst && seq_gt(g->ack, g->to->last_ack) && seq_le(g->ack, g->to->next_seq))
		segment_take_ack(g);
	return true;
}

static bool window_ok(const struct segment *g)
{
	const struct tcp_session *s = g->s;
	uint32_t edge = seq_gt(g->from->next_win, g->from->next_seq) ? g->from->next_win : g->from->next_seq;
	return s->async || seq_le(g->seq + g->len, edge) || is_window_probe(g) || (s->midstream && !g->from->syn_seen && !g->to->syn_seen);
}

static bool data_packet(struct segment *g)
{
	const struct rules *r = &state_rules[g->s->state];
	bool fin = g->flags & TCP_FIN;
	bool old = seq_lt(g->seq + g->len + fin, g->from->last_ack) && !g->s->async;
	if (old && (g->len || fin) && r->before_last_ack)
		return segment_refuse(g, r->before_last_ack);
	if (!window_ok(g))
		return segment_refuse(g, fin ? r->fin_out_of_window : r->out_of_window);
	if (!segment_ack_ok(g))
		return segment_refuse(g, fin ? r->fin_invalid_ack : r->invalid_ack);
	if (shrinks_window(g)) /* but packets lost on their way to us look the same: it is taken nonetheless */
		segment_event(g, EVENT_STREAM_PKT_BAD_WINDOW_UPDATE);
	segment_take_ack(g);
	if (g->direction == 1)
		g->s->confirmed = true;
	if (!old)
		segment_take_data(g);
	if (fin)
		segment_take_fin(g);
	advance_by_ack(g);
	return true;
}

bool state_packet(struct segment *g)
{
	if (g->s->state == TCP_CLOSED)
		return closed_packet(g);
	if (g->flags & TCP_RST) {
		if (!segment_rst_ok(g))
			return false;
		session_reset(g);
		return true;
	}
	if ((g->flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK))
		return synack_on_state(g);
	if (g->flags & TCP_SYN)
		return syn_on_state(g);
	if (!segment_timestamp_ok(g))
		return false;
	if (is_keepalive(g)) {
		if (!segment_ack_ok(g))
			return segment_refuse(g, state_rules[g->s->state].invalid_ack);
		segment_take_ack(g);
		advance_by_ack(g);
		return true;
	}
	return data_packet(g);
}
