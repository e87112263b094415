// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * TCP as connection tracking sees it from the middle: states, and windows by which segments are believed or not (Guido van Rooij, "Real Stateful TCP
 * Packet Filtering in IP Filter"). The kernel's decisions with its defaults: loose 1, be_liberal 0, max_retrans 3.
 */
#include "packet/packet.h"
#include "ruleset/connection.h"

#include <linux/netfilter/nf_conntrack_tcp.h>
#include <string.h>

enum { N = TCP_CONNTRACK_MAX, IGNORE = 14, INVALID = 15 };
enum index { INDEX_SYN, INDEX_SYNACK, INDEX_FIN, INDEX_ACK, INDEX_RST, INDEX_NONE };
enum { SIMULTANEOUS = IP_CT_TCP_SIMULTANEOUS_OPEN, MAXACK_SET = IP_CT_TCP_FLAG_MAXACK_SET, CHALLENGE = IP_CT_EXP_CHALLENGE_ACK,
       MAX_RETRANS = 3, ACK_WINDOW = 66000, MAX_SCALE = 14 };

/* Next states, a letter each, for the present ones in the order none, SYN_SENT, SYN_RECV, ESTABLISHED, FIN_WAIT, CLOSE_WAIT, LAST_ACK, TIME_WAIT,
 * CLOSE, SYN_SENT2:
 * s r e f w l t c 2 are those from SYN_SENT on, '.' ignored, '!' invalid. Rows: SYN, SYN ACK, FIN, ACK, RST, none. */
static const char *const next_states[2][6] = {
	{"ss.....ss2", "!!r!!!!!!r", "!!fflllTc!", "e!eewwTTc!", "!ccccccccc", "!!!!!!!!!!"},
	{"!2!!!!!s!2", "!r.......r", "!!fflllTc!", "!.rewwTTc.", "!ccccccccc", "!!!!!!!!!!"},
};

static uint8_t state_of_letter(char c)
{
	static const char letters[] = "-srefwlTc2";
	const char *at = strchr(letters, c);
	return at && c ? (uint8_t)(at - letters) : c == '.' ? IGNORE : INVALID;
}

static const unsigned timeouts[N] = {
	[TCP_CONNTRACK_SYN_SENT] = 120, [TCP_CONNTRACK_SYN_RECV] = 60, [TCP_CONNTRACK_ESTABLISHED] = 432000, [TCP_CONNTRACK_FIN_WAIT] = 120,
	[TCP_CONNTRACK_CLOSE_WAIT] = 60, [TCP_CONNTRACK_LAST_ACK] = 30, [TCP_CONNTRACK_TIME_WAIT] = 120, [TCP_CONNTRACK_CLOSE] = 10,
	[TCP_CONNTRACK_SYN_SENT2] = 120,
};
enum { TIMEOUT_RETRANS = 300, TIMEOUT_UNACK = 300 };

struct segment {
	uint32_t seq, ack, end;
	uint16_t win;
	uint8_t flags;
	enum index index;
	struct bytes options;
};

static bool before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static bool after(uint32_t a, uint32_t b)
{
	return before(b, a);
}

static bool segment_read(struct bytes b, struct segment *s)
{
	/* SYN, FIN, RST, ACK with or without URG in the combinations that make sense */
	static const uint8_t valid[] = {TCP_SYN, TCP_SYN | TCP_URG, TCP_SYN | TCP_ACK, TCP_RST, TCP_RST | TCP_ACK, TCP_FIN | TCP_ACK,
					TCP_FIN | TCP_ACK | TCP_URG, TCP_ACK, TCP_ACK | TCP_URG};
	if (b.len < 20)
		return false;
	size_t header = (size_t)(b.data[12] >> 4) * 4;
	s->flags = b.data[13] & (TCP_FIN | TCP_SYN | TCP_RST | TCP_ACK | TCP_URG);
	if (header < 20 || header > b.len || !memchr(valid, s->flags, sizeof valid))
		return false;
	s->seq = load_be32(b.data + 4);
	s->ack = load_be32(b.data + 8);
	s->win = load_be16(b.data + 14);
	s->end = s->seq + (uint32_t)(b.len - header) + !!(s->flags & TCP_SYN) + !!(s->flags & TCP_FIN);
	s->options = bytes_slice(b, 20, header - 20);
	s->index = s->flags & TCP_RST ? INDEX_RST
		   : s->flags & TCP_SYN ? (s->flags & TCP_ACK ? INDEX_SYNACK : INDEX_SYN)
		   : s->flags & TCP_FIN ? INDEX_FIN : s->flags & TCP_ACK ? INDEX_ACK : INDEX_NONE;
	return true;
}

/* ---- options ---- */

enum { OPTION_SCALE = 3, OPTION_SACK_PERM = 4, OPTION_SACK = 5 };

/* The next option that is whole; false: no more. */
static bool next_option(struct bytes *left, uint8_t *kind, struct bytes *value)
{
	while (left->len) {
		*kind = left->data[0];
		if (*kind == 0)
			return false;
		if (*kind == 1) {
			*left = bytes_from(*left, 1);
			continue;
		}
		if (left->len < 2 || left->data[1] < 2 || left->data[1] > left->len)
			return false;
		*value = bytes_slice(*left, 2, left->data[1] - 2u);
		*left = bytes_from(*left, left->data[1]);
		return true;
	}
	return false;
}

static void read_options(const struct segment *s, struct tcp_side *side)
{
	struct bytes left = s->options, v;
	uint8_t kind;
	if (!left.len)
		return;
	side->scale = 0;
	side->flags &= IP_CT_TCP_FLAG_BE_LIBERAL;
	while (next_option(&left, &kind, &v)) {
		if (kind == OPTION_SACK_PERM && v.len == 0) {
			side->flags |= IP_CT_TCP_FLAG_SACK_PERM;
		} else if (kind == OPTION_SCALE && v.len == 1) {
			side->scale = v.data[0] > MAX_SCALE ? MAX_SCALE : v.data[0];
			side->flags |= IP_CT_TCP_FLAG_WINDOW_SCALE;
		}
	}
}

static uint32_t highest_sack(const struct segment *s, uint32_t sack)
{
	struct bytes left = s->options, v;
	uint8_t kind;
	while (next_option(&left, &kind, &v)) {
		if (kind != OPTION_SACK || v.len < 8 || v.len % 8)
			continue;
		for (size_t i = 0; i < v.len; i += 8) {
			uint32_t right = load_be32(v.data + i + 4);
			if (after(right, sack))
				sack = right;
		}
		break;
	}
	return sack;
}

/* ---- windows ---- */

enum belief { BELIEVED, PASSED, DISBELIEVED, LIBERAL };

static void begin_side(struct tcp_side *sender, struct tcp_side *receiver, const struct segment *s, int dir)
{
	sender->end = sender->max_end = s->end;
	sender->max_win = s->win ? s->win : 1;
	read_options(s, sender);
	if (dir == DIR_REPLY && !(sender->flags & receiver->flags & IP_CT_TCP_FLAG_WINDOW_SCALE))
		sender->scale = receiver->scale = 0;
}

static void begin_midway(struct tcp_side *sender, struct tcp_side *receiver, const struct segment *s, uint32_t sack)
{
	uint32_t win = (uint32_t)s->win << sender->scale;
	sender->end = s->end;
	sender->max_win = win ? win : 1;
	sender->max_end = s->end + sender->max_win;
	if (!receiver->max_win)
		receiver->end = receiver->max_end = sack;
	else if (sack == receiver->end + 1)
		receiver->end++;
}

/* true: the answer is known already */
static bool begin_sides(struct tcp_tracking *k, struct tcp_side *sender, struct tcp_side *receiver, const struct segment *s, uint32_t sack, int dir)
{
	bool syn = s->flags & TCP_SYN;
	if (!sender->max_win) {
		if (!syn) {
			begin_midway(sender, receiver, s, sack);
			return false;
		}
		begin_side(sender, receiver, s, dir);
		return !(s->flags & TCP_ACK);
	}
	if (!syn || !after(s->end, sender->end) || (k->state != TCP_CONNTRACK_SYN_SENT && k->state != TCP_CONNTRACK_SYN_RECV))
		return false;
	begin_side(sender, receiver, s, dir);
	return dir == DIR_REPLY && !(s->flags & TCP_ACK);
}

static uint32_t ack_window(const struct tcp_side *sender)
{
	return sender->max_win > ACK_WINDOW ? sender->max_win : ACK_WINDOW;
}

static enum belief window_check(struct tcp_side *sender, const struct tcp_side *receiver, uint32_t seq, uint32_t end, uint32_t sack)
{
	bool liberal = sender->flags & IP_CT_TCP_FLAG_BE_LIBERAL;
	bool late_ack = !after(sack, receiver->end - ack_window(sender) - 1);
	bool in_window = after(end, sender->end - receiver->max_win - 1);
	if (!before(seq, sender->max_end + 1)) {
		uint32_t overshot = end - sender->max_end + 1;
		if (!receiver->max_win || !in_window || late_ack || overshot > receiver->max_win || !before(sack, receiver->end + 1))
			return liberal ? LIBERAL : DISBELIEVED;
		sender->end = end;
		sender->flags |= IP_CT_TCP_FLAG_DATA_UNACKNOWLEDGED;
		return liberal ? LIBERAL : PASSED;
	}
	if (!before(sack, receiver->end + 1))
		return liberal ? LIBERAL : DISBELIEVED;
	if (receiver->max_win && !in_window)
		return liberal ? LIBERAL : PASSED;
	if (late_ack)
		return liberal ? LIBERAL : PASSED;
	return BELIEVED;
}

static void count_retransmission(struct tcp_tracking *k, const struct segment *s, uint32_t seq, uint32_t ack, uint32_t end, int dir)
{
	if (s->index != INDEX_ACK)
		return;
	if (k->last_dir == dir && k->last_seq == seq && k->last_ack == ack && k->last_end == end && k->last_win == s->win) {
		k->retrans++;
		return;
	}
	k->last_dir = (uint8_t)dir;
	k->last_seq = seq;
	k->last_ack = ack;
	k->last_end = end;
	k->last_win = s->win;
	k->retrans = 0;
}

static void window_update(struct tcp_side *sender, struct tcp_side *receiver, const struct segment *s, uint32_t ack, uint32_t sack, uint32_t end)
{
	uint32_t win = s->flags & TCP_SYN ? s->win : (uint32_t)s->win << sender->scale, with_sack = win + (sack - ack);
	if (sender->max_win < with_sack)
		sender->max_win = with_sack;
	if (after(end, sender->end)) {
		sender->end = end;
		sender->flags |= IP_CT_TCP_FLAG_DATA_UNACKNOWLEDGED;
	}
	if ((s->flags & TCP_ACK) && (!(sender->flags & MAXACK_SET) || after(ack, sender->max_ack))) {
		sender->max_ack = ack;
		sender->flags |= MAXACK_SET;
	}
	if (receiver->max_win && after(end, sender->max_end))
		receiver->max_win += end - sender->max_end;
	if (after(sack + win, receiver->max_end - 1)) {
		receiver->max_end = sack + win;
		if (!win)
			receiver->max_end++;
	}
	if (ack == receiver->end)
		receiver->flags &= (uint8_t)~IP_CT_TCP_FLAG_DATA_UNACKNOWLEDGED;
}

static enum belief in_window(struct tcp_tracking *k, const struct segment *s, int dir)
{
	struct tcp_side *sender = &k->side[dir], *receiver = &k->side[!dir];
	uint32_t seq = s->seq, ack = s->ack, sack = ack, end = s->end;
	if (receiver->flags & IP_CT_TCP_FLAG_SACK_PERM)
		sack = highest_sack(s, sack);
	if (begin_sides(k, sender, receiver, s, sack, dir))
		return BELIEVED;
	if (!(s->flags & TCP_ACK) || ((s->flags & TCP_RST) && !ack))
		ack = sack = receiver->end;
	if ((s->flags & TCP_RST) && !seq && k->state == TCP_CONNTRACK_SYN_SENT)
		seq = end = sender->end;
	enum belief b = window_check(sender, receiver, seq, end, sack);
	if (b == LIBERAL)
		return BELIEVED; /* liberal: nothing is learnt of it */
	if (b != BELIEVED)
		return b;
	window_update(sender, receiver, s, ack, sack, end);
	count_retransmission(k, s, seq, ack, end, dir);
	return BELIEVED;
}

/* ---- states ---- */

static bool begin(struct connection *ct, const struct segment *s)
{
	struct tcp_tracking *k = &ct->tcp;
	uint8_t next = state_of_letter(next_states[0][s->index][TCP_CONNTRACK_NONE]);
	if (next >= N)
		return false;
	*k = (struct tcp_tracking){.last_index = INDEX_NONE};
	struct tcp_side *first = &k->side[0];
	first->end = first->max_end = s->end;
	first->max_win = s->win ? s->win : 1;
	if (next == TCP_CONNTRACK_SYN_SENT) {
		read_options(s, first);
		return true;
	}
	first->max_end += first->max_win;
	first->flags = k->side[1].flags = IP_CT_TCP_FLAG_SACK_PERM | IP_CT_TCP_FLAG_BE_LIBERAL;
	return true;
}

static void remember_syn(struct tcp_tracking *k, const struct segment *s, uint8_t old)
{
	struct tcp_side seen = {0};
	k->last_flags = 0;
	k->last_scale = 0;
	read_options(s, &seen);
	if (seen.flags & IP_CT_TCP_FLAG_WINDOW_SCALE) {
		k->last_flags |= IP_CT_TCP_FLAG_WINDOW_SCALE;
		k->last_scale = seen.scale;
	}
	k->last_flags |= seen.flags & IP_CT_TCP_FLAG_SACK_PERM;
	if (old == TCP_CONNTRACK_LAST_ACK)
		k->last_flags |= CHALLENGE;
}

/* A packet that is let go without changing anything but what is remembered of it. true: it puts us in step again instead. */
static bool ignored(struct tcp_tracking *k, const struct segment *s, int dir, uint8_t old)
{
	if (s->index == INDEX_SYNACK && k->last_index == INDEX_SYN && k->last_dir != dir && s->ack == k->last_end) {
		struct tcp_side *other = &k->side[k->last_dir], *own = &k->side[dir];
		other->end = other->max_end = k->last_end;
		other->max_win = k->last_win ? k->last_win : 1;
		other->scale = k->last_scale;
		k->last_flags &= (uint8_t)~CHALLENGE;
		other->flags = k->last_flags;
		*own = (struct tcp_side){.flags = own->flags & IP_CT_TCP_FLAG_BE_LIBERAL};
		return true;
	}
	k->last_index = (uint8_t)s->index;
	k->last_dir = (uint8_t)dir;
	k->last_seq = s->seq;
	k->last_end = s->end;
	k->last_win = s->win;
	if (s->index == INDEX_SYN && dir == DIR_ORIGINAL)
		remember_syn(k, s, old);
	if (old == TCP_CONNTRACK_SYN_SENT && s->index == INDEX_ACK && dir == DIR_REPLY)
		k->last_ack = s->ack;
	return false;
}

enum course { COURSE_CHECK, COURSE_TAKE, COURSE_REFUSE };

static bool established(const struct connection *ct)
{
	return ct->tcp.state == TCP_CONNTRACK_ESTABLISHED && (ct->status & IPS_ASSURED);
}

static bool nearly_over(uint8_t state)
{
	return state >= TCP_CONNTRACK_FIN_WAIT && state <= TCP_CONNTRACK_CLOSE;
}

static enum course reset(struct connection *ct, const struct segment *s, int dir, uint8_t old, uint8_t *next)
{
	struct tcp_tracking *k = &ct->tcp;
	const struct tcp_side *other = &k->side[!dir];
	if (s->index != INDEX_RST)
		return COURSE_CHECK;
	if (nearly_over(k->state))
		return COURSE_TAKE;
	if ((other->flags & MAXACK_SET) && k->last_index != INDEX_SYN) {
		if (!s->seq && !established(ct))
			return COURSE_CHECK;
		if (before(s->seq, other->max_ack))
			return COURSE_REFUSE;
		if (!established(ct) || s->seq == other->max_ack)
			return COURSE_CHECK;
		if (k->last_index == INDEX_ACK && k->last_dir == dir && s->seq == k->last_end)
			return COURSE_CHECK;
		*next = old; /* a challenge may follow */
	}
	bool answers_syn = (ct->status & IPS_SEEN_REPLY) && k->last_index == INDEX_SYN;
	bool answers_ack = !(ct->status & IPS_ASSURED) && k->last_index == INDEX_ACK;
	if ((answers_syn || answers_ack) && s->ack == k->last_end)
		return COURSE_TAKE;
	if (old == TCP_CONNTRACK_SYN_SENT && k->last_index == INDEX_ACK && k->last_dir == DIR_REPLY && s->seq == k->last_ack)
		return COURSE_TAKE;
	return COURSE_CHECK;
}

static unsigned timeout_of(const struct tcp_tracking *k, uint8_t state, enum index index)
{
	unsigned t = timeouts[state];
	if (k->retrans >= MAX_RETRANS && t > TIMEOUT_RETRANS)
		return TIMEOUT_RETRANS;
	if (index == INDEX_RST)
		return timeouts[TCP_CONNTRACK_CLOSE];
	if (((k->side[0].flags | k->side[1].flags) & IP_CT_TCP_FLAG_DATA_UNACKNOWLEDGED) && t > TIMEOUT_UNACK)
		return TIMEOUT_UNACK;
	return !k->last_win && t > TIMEOUT_RETRANS ? TIMEOUT_RETRANS : t;
}

/* true: the packet counts for the connection */
static bool take(struct connections *c, struct connection *ct, const struct segment *s, int dir, uint8_t old, uint8_t next)
{
	struct tcp_tracking *k = &ct->tcp;
	k->last_index = (uint8_t)s->index;
	k->last_dir = (uint8_t)dir;
	k->state = next;
	if (old != next && next == TCP_CONNTRACK_FIN_WAIT)
		k->side[dir].flags |= IP_CT_TCP_FLAG_CLOSE_INIT;
	unsigned timeout = timeout_of(k, next, s->index);
	if (!(ct->status & IPS_SEEN_REPLY)) {
		if (s->flags & TCP_RST) {
			ct->expires = c->now; /* gone, once this packet is through */
			return true;
		}
		if (s->index == INDEX_SYN && old == TCP_CONNTRACK_SYN_SENT)
			return false;
		if (next == TCP_CONNTRACK_ESTABLISHED && timeout > TIMEOUT_UNACK)
			timeout = TIMEOUT_UNACK;
	} else if (!(ct->status & IPS_ASSURED) && (old == TCP_CONNTRACK_SYN_RECV || old == TCP_CONNTRACK_ESTABLISHED) &&
		   next == TCP_CONNTRACK_ESTABLISHED) {
		ct->status |= IPS_ASSURED;
	}
	ct->expires = c->now + timeout * USEC_PER_SEC;
	return true;
}

static bool reopens(const struct tcp_tracking *k, int dir)
{
	return ((k->side[0].flags | k->side[1].flags) & IP_CT_TCP_FLAG_CLOSE_INIT) || (k->last_dir == dir && k->last_index == INDEX_RST);
}

static bool is_challenge(const struct tcp_tracking *k, const struct segment *s, int dir, uint8_t old)
{
	return old == TCP_CONNTRACK_LAST_ACK && s->index == INDEX_ACK && k->last_dir != dir && k->last_index == INDEX_SYN && (k->last_flags & CHALLENGE);
}

bool tcp_track(struct connections *c, struct connection *ct, uint8_t info, struct bytes tcp, bool *again, bool *counted)
{
	struct tcp_tracking *k = &ct->tcp;
	struct segment s;
	int dir = info_direction(info);
	if (!segment_read(tcp, &s) || (!(ct->status & IPS_CONFIRMED) && !begin(ct, &s)))
		return false;
	uint8_t old = k->state, next = state_of_letter(next_states[dir][s.index][old]);
	enum course course = COURSE_CHECK;
	if (next == TCP_CONNTRACK_SYN_SENT && old >= TCP_CONNTRACK_TIME_WAIT) {
		if (reopens(k, dir)) {
			connection_kill(c, ct);
			*again = true;
			return false;
		}
		next = IGNORE;
	}
	if (next == IGNORE) {
		if (!ignored(k, &s, dir, old))
			return true;
		old = TCP_CONNTRACK_SYN_SENT;
		next = TCP_CONNTRACK_SYN_RECV;
	} else if (next == INVALID) {
		return false;
	} else if (next == TCP_CONNTRACK_TIME_WAIT && is_challenge(k, &s, dir, old)) {
		k->last_flags &= (uint8_t)~CHALLENGE;
		return true;
	} else if (next == TCP_CONNTRACK_SYN_SENT2) {
		k->last_flags |= SIMULTANEOUS;
	} else if (next == TCP_CONNTRACK_SYN_RECV && dir == DIR_REPLY && s.index == INDEX_ACK && (k->last_flags & SIMULTANEOUS)) {
		next = TCP_CONNTRACK_ESTABLISHED;
	} else if (next == TCP_CONNTRACK_CLOSE) {
		course = reset(ct, &s, dir, old, &next);
	}
	if (course == COURSE_REFUSE)
		return false;
	enum belief b = course == COURSE_TAKE ? BELIEVED : in_window(k, &s, dir);
	if (b == BELIEVED)
		*counted = take(c, ct, &s, dir, old, next);
	return b != DISBELIEVED;
}
