// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What goes into a stream and what of it may be seen.
 *
 * Offsets count bytes of the stream from 0; urgent bytes that go out of band are not of the stream and shift what follows.
 * Inline, a segment that comes in order and has nothing stored to its right is not copied: it is `live` in the packet. What is
 * still wanted of it when the packet is done (stream_prune) is stored then.
 */
#include "flow/stream_private.h"

#include <stdio.h>
#include <string.h>

enum {
	RAW_REACH = 1024,          /* not inline: how much raw inspection may look back, if it is still there */
	RAW_LAG = 256 << 10,       /* most that is kept for raw inspection alone */
};

/* Where a sequence number lies, urgent bytes counted; UINT64_MAX: before the stream's beginning. */
static uint64_t raw_offset(const struct stream_side *side, uint32_t seq)
{
	return seq_unwrap(seq, side->origin, side->highest + side->urgent_seen);
}

/* Urgent bytes known to lie before a raw offset. */
static uint64_t urgent_before(const struct stream_side *side, uint64_t raw)
{
	const struct stream_store *st = side->store;
	uint64_t n = side->urgent_seen;
	for (uint32_t i = st ? st->n_urgent : 0; i > 0 && st->urgent[i - 1] >= raw; i--)
		n--;
	return n;
}

uint64_t side_offset(const struct stream_side *side, uint32_t seq)
{
	uint64_t raw = raw_offset(side, seq);
	if (raw == UINT64_MAX || !side->urgent_seen)
		return raw;
	uint64_t n = urgent_before(side, raw);
	return raw > n ? raw - n : 0;
}

static bool is_inline(const struct stream_engine *e)
{
	return e->settings.inline_mode;
}

static uint64_t side_depth(const struct stream_engine *e, const struct tcp_session *s, int direction)
{
	uint64_t depth = s->reassembly_depth[direction] ? s->reassembly_depth[direction] : e->settings.depth;
	return depth ? depth : UINT64_MAX;
}

uint64_t stream_visible(const struct stream_engine *e, const struct tcp_session *s, int direction, bool flush)
{
	const struct stream_side *side = &s->side[direction];
	if (flush || s->state == TCP_CLOSED) /* what is missing will not come */
		return side->highest;
	if (is_inline(e) || s->async || side->depth_reached)
		return side->end;
	return side->end < side->acked ? side->end : side->acked;
}

static bool wants_nothing(const struct stream_side *side)
{
	return side->no_app && side->no_raw;
}

static void drop_store(struct stream_engine *e, struct stream_side *side)
{
	if (!side->store || side->store->n_urgent)
		return;
	store_free(&e->pool, side->store);
	side->store = NULL;
}

static void note_regions(struct stream_side *side)
{
	if (side->store->n_runs > side->max_regions)
		side->max_regions = (uint16_t)side->store->n_runs;
}

static void memcap_reached(struct segment *g)
{
	COUNT(g->e->counters, TCP_SEGMENT_MEMCAP_DROP);
	exception_policy_apply(g->e->settings.reassembly_memcap_policy, g->p, g->f, DROP_STREAM_REASSEMBLY);
}

static bool need_store(struct segment *g)
{
	if (!g->from->store)
		g->from->store = store_new(&g->e->pool);
	return g->from->store != NULL;
}

/* The first copy was written over the packet's payload: its checksum follows (RFC 1624 would need the old bytes; this counts anew). */
static void fix_checksum(struct packet *p)
{
	uint8_t *t = (uint8_t *)(uintptr_t)p->transport.data;
	if (p->transport.len < 20)
		return;
	uint32_t sum = PROTO_TCP + (uint32_t)p->transport.len;
	size_t n = address_len(&p->src);
	for (size_t i = 0; i < n; i += 2)
		sum += (uint32_t)load_be16(p->src.byte + i) + load_be16(p->dst.byte + i);
	store_be16(t + 16, 0);
	for (size_t i = 0; i + 1 < p->transport.len; i += 2)
		sum += load_be16(t + i);
	if (p->transport.len & 1)
		sum += (uint32_t)t[p->transport.len - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	store_be16(t + 16, (uint16_t)~sum);
}

/* Stores a part of the payload. Inline, what differs from the first copy is made equal to it, in the packet too. */
static bool store_part(struct segment *g, uint64_t offset, struct bytes b)
{
	struct stream_engine *e = g->e;
	struct stream_side *side = g->from;
	if (!need_store(g)) {
		memcap_reached(g);
		return false;
	}
	uint64_t frozen = stream_visible(e, g->s, g->direction, false);
	if (frozen < side->app_edge)
		frozen = side->app_edge;
	uint8_t *fix = is_inline(e) ? (uint8_t *)(uintptr_t)b.data : NULL;
	unsigned result = store_insert(&e->pool, side->store, offset, b, side->os, frozen, fix);
	if (result & STORE_OVERLAP)
		COUNT(e->counters, TCP_OVERLAP);
	if (result & STORE_DIFFERS) {
		COUNT(e->counters, TCP_OVERLAP_DIFF_DATA);
		if (is_inline(e) || e->settings.check_overlap)
			segment_event(g, EVENT_STREAM_REASSEMBLY_OVERLAP_DIFFERENT_DATA);
		if (is_inline(e)) {
			fix_checksum(g->p);
			g->p->flags |= PACKET_STREAM_MODIFIED;
		}
	}
	if (result & STORE_FULL)
		memcap_reached(g);
	note_regions(side);
	return !(result & STORE_FULL);
}

static void advance_end(struct stream_side *side, uint64_t end)
{
	if (end > side->highest)
		side->highest = end;
	uint64_t to = store_contiguous(side->store, side->end);
	if (to > side->end)
		side->end = to;
}

/* In order, with nothing to its right: the packet itself is the stream's end. */
static bool take_live(struct segment *g, uint64_t offset, struct bytes b)
{
	struct stream_side *side = g->from;
	if (!is_inline(g->e) || offset != side->end || store_next(side->store, offset) != UINT64_MAX)
		return false;
	g->e->live.session = g->s;
	g->e->live.offset = offset;
	side->live = true;
	g->e->live.data = b;
	side->end = offset + b.len;
	if (side->end > side->highest)
		side->highest = side->end;
	return true;
}

/* Bytes beyond the depth are not of interest. */
static struct bytes cut_at_depth(struct segment *g, uint64_t offset, struct bytes b)
{
	uint64_t depth = side_depth(g->e, g->s, g->direction);
	if (offset + b.len < depth)
		return b;
	struct stream_side *side = g->from;
	if (!side->depth_reached && offset <= side->end) {
		side->depth_reached = true;
		COUNT(g->e->counters, TCP_STREAM_DEPTH_REACHED);
		segment_event(g, EVENT_STREAM_REASSEMBLY_DEPTH_REACHED);
	}
	return bytes_slice(b, 0, offset < depth ? (size_t)(depth - offset) : 0);
}

static void insert(struct segment *g, uint64_t offset, struct bytes b)
{
	struct stream_side *side = g->from;
	if (offset < side->base) { /* what was let go cannot be compared any more */
		uint64_t gone = side->base - offset;
		if (gone >= b.len) {
			segment_event(g, EVENT_STREAM_REASSEMBLY_SEGMENT_BEFORE_BASE_SEQ);
			return;
		}
		b = bytes_from(b, (size_t)gone);
		offset += gone;
	}
	uint64_t end = offset + b.len;
	if (side->depth_reached && offset >= side->end)
		return;
	b = cut_at_depth(g, offset, b);
	if (!b.len)
		return;
	g->p->flags |= PACKET_STREAM_ADDED;
	if (wants_nothing(side)) {
		if (end > side->highest)
			side->highest = end;
		side->end = side->highest;
		return;
	}
	stream_settle(g->e);
	if (!take_live(g, offset, b) && store_part(g, offset, b))
		advance_end(side, offset + b.len);
}

static bool urgent_is_over_limit(struct segment *g)
{
	if (g->from->urgent_seen < g->e->settings.urgent_oob_limit)
		return false;
	segment_event(g, EVENT_STREAM_REASSEMBLY_URGENT_OOB_LIMIT_REACHED);
	return true;
}

static bool urgent_is_known(const struct stream_store *st, uint64_t raw)
{
	for (uint32_t i = 0; st && i < st->n_urgent; i++)
		if (st->urgent[i] == raw)
			return true;
	return false;
}

/* Notes that the byte at a raw offset is not of the stream. */
static bool urgent_note(struct segment *g, uint64_t raw)
{
	struct stream_side *side = g->from;
	if (!need_store(g))
		return false;
	struct stream_store *st = side->store;
	if (urgent_is_known(st, raw))
		return true;
	if (raw < side->highest + side->urgent_seen)
		return false; /* it has been taken as an ordinary byte before */
	enum { ROOM = sizeof st->urgent / sizeof *st->urgent };
	if (st->n_urgent == ROOM)
		memmove(st->urgent, st->urgent + 1, --st->n_urgent * sizeof *st->urgent);
	st->urgent[st->n_urgent++] = raw;
	side->urgent_seen++;
	COUNT(g->e->counters, TCP_URGENT_OOB_DATA);
	return true;
}

/*
 * Urgent data. The pointer shows behind the urgent byte in practice (RFC 6093 section 3.1), so the byte before it is the one that a
 * receiver takes out of band unless SO_OOBINLINE is set. Returns true if the segment was dealt with.
 */
static bool take_urgent(struct segment *g, uint64_t raw, struct bytes b)
{
	struct stream_side *side = g->from;
	int policy = g->e->settings.urgent_policy;
	if (policy == URGENT_OOB && g->p->tcp.urgent && g->p->tcp.urgent <= b.len && urgent_is_over_limit(g))
		policy = g->e->settings.urgent_oob_limit_policy;
	if (policy == URGENT_INLINE)
		return false;
	if (policy == URGENT_DROP) {
		if (g->e->settings.ips) {
			packet_drop(g->p, DROP_STREAM_URGENT);
			g->result |= STREAM_DROP;
		}
		return true;
	}
	if (policy == URGENT_GAP) /* neither reading is the right one for sure: nobody reads it */
		return true;
	if (!g->p->tcp.urgent || g->p->tcp.urgent > b.len)
		return false; /* the urgent byte is not in this segment */
	size_t at = g->p->tcp.urgent - 1u;
	uint64_t before = urgent_before(side, raw);
	if (at)
		insert(g, raw - before, bytes_slice(b, 0, at));
	stream_settle(g->e);
	if (!urgent_note(g, raw + at))
		return at > 0;
	if (at + 1 < b.len)
		insert(g, raw + at + 1 - urgent_before(side, raw + at + 1), bytes_from(b, at + 1));
	return true;
}

/* A retransmission may run over urgent bytes noted before: they are left out again. */
static void insert_around_urgent(struct segment *g, uint64_t raw, struct bytes b)
{
	struct stream_side *side = g->from;
	for (uint32_t i = 0; side->store && i < side->store->n_urgent; i++) {
		uint64_t u = side->store->urgent[i];
		if (u < raw || u >= raw + b.len)
			continue;
		size_t n = (size_t)(u - raw);
		if (n)
			insert(g, raw - urgent_before(side, raw), bytes_slice(b, 0, n));
		b = bytes_from(b, n + 1);
		raw = u + 1;
	}
	if (b.len)
		insert(g, raw - urgent_before(side, raw), b);
}

/*
 * What the peer acknowledged and we never saw is lost for good: the stream goes on behind it. Only when it does go on: of a side of which
 * nothing comes after, or nothing at all, there is nothing to tell.
 */
static void skip_gap(struct segment *g, struct stream_side *side)
{
	uint64_t next = store_next(side->store, side->end);
	if (wants_nothing(side)) {
		side->gap = true;
		side->end = side->acked;
		return;
	}
	if (next > side->acked || next == side->end)
		return;
	side->gap = true;
	COUNT(g->e->counters, TCP_REASSEMBLY_GAP);
	segment_event(g, EVENT_STREAM_REASSEMBLY_SEQ_GAP);
	side->end = store_contiguous(side->store, next);
	if (side->end > side->highest)
		side->highest = side->end;
}

static void skip_gaps(struct segment *g, struct stream_side *side)
{
	while (side->acked > side->end && !side->depth_reached) {
		uint64_t before = side->end;
		skip_gap(g, side);
		if (side->end == before)
			break;
	}
}

void reassemble_payload(struct segment *g, uint32_t seq)
{
	struct stream_side *side = g->from;
	struct bytes b = g->p->payload;
	uint64_t raw = raw_offset(side, seq);
	if (raw == UINT64_MAX) {
		uint32_t early = side->origin - seq; /* how much lies before the beginning */
		if (early >= b.len) {
			segment_event(g, EVENT_STREAM_REASSEMBLY_SEGMENT_BEFORE_BASE_SEQ);
			return;
		}
		b = bytes_from(b, early);
		raw = 0;
	}
	if (side->fin && raw >= side->fin_at + side->urgent_seen)
		return; /* nothing comes behind a FIN */
	if (g->flags & TCP_URG && take_urgent(g, raw, b))
		;
	else
		insert_around_urgent(g, raw, b);
	if (g->s->async && side->acked < side->highest) /* nobody will say what arrived: all did, and what is missing will not come */
		side->acked = side->highest;
	skip_gaps(g, side);
}

void reassemble_ack(struct segment *g)
{
	struct stream_side *side = g->to;
	uint64_t acked = side_offset(side, side->last_ack);
	if (acked == UINT64_MAX)
		return;
	if (side->fin && acked > side->fin_at)
		acked = side->fin_at;
	if (acked <= side->acked)
		return;
	side->acked = acked;
	skip_gaps(g, side);
}

/* The packet is gone, and with it what of it was not kept. */
void stream_forget_live(struct stream_engine *e)
{
	if (!e->live.session)
		return;
	e->live.session->side[0].live = e->live.session->side[1].live = false;
	e->live.session = NULL;
}

/* Copies the live payload into the store, so that it stays and lies together with what is before it. */
static bool keep_live(struct stream_engine *e, uint64_t from)
{
	struct tcp_session *s = e->live.session;
	struct stream_side *side = &s->side[s->side[1].live];
	stream_forget_live(e);
	uint64_t start = e->live.offset, end = start + e->live.data.len;
	if (from < start)
		from = start;
	if (from >= end)
		return true;
	if (!side->store)
		side->store = store_new(&e->pool);
	if (!side->store) {
		COUNT(e->counters, TCP_SEGMENT_MEMCAP_DROP);
		return false;
	}
	struct bytes b = bytes_from(e->live.data, (size_t)(from - start));
	unsigned result = store_insert(&e->pool, side->store, from, b, OS_FIRST, 0, (uint8_t *)(uintptr_t)b.data);
	note_regions(side);
	return !(result & STORE_FULL);
}

void stream_settle(struct stream_engine *e)
{
	if (e->live.session)
		keep_live(e, 0);
}

static bool is_live(const struct stream_engine *e, const struct tcp_session *s, int direction)
{
	return e->live.session == s && s->side[direction].live;
}

/* Whether a direction has come to its end, as far as it may be seen. */
static bool at_end(const struct stream_engine *e, const struct tcp_session *s, int direction, bool flush)
{
	const struct stream_side *side = &s->side[direction];
	if (flush)
		return true;
	if (s->state == TCP_CLOSED) /* a reset may be forged: who has not spoken yet may still do so */
		return side->fin || side->highest > 0;
	if (!side->fin || (side->end < side->fin_at && side->acked < side->fin_at))
		return false;
	return is_inline(e) || s->async || side->last_ack == side->next_seq;
}

/* The bytes from `from` on that may be seen, in one piece. */
static struct bytes view(struct stream_engine *e, struct tcp_session *s, int direction, uint64_t from, uint64_t to)
{
	struct stream_side *side = &s->side[direction];
	if (from >= to)
		return (struct bytes){0};
	if (is_live(e, s, direction)) {
		if (from >= e->live.offset)
			return bytes_slice(e->live.data, (size_t)(from - e->live.offset), (size_t)(to - from));
		if (to > e->live.offset && !keep_live(e, 0))
			to = e->live.offset;
	}
	return store_view(&e->pool, side->store, from, to);
}

/* Where stored bytes begin again behind a gap at `from`; at most `to`. */
static uint64_t gap_end(const struct stream_engine *e, const struct tcp_session *s, int direction, uint64_t from, uint64_t to)
{
	uint64_t next = store_next(s->side[direction].store, from);
	if (is_live(e, s, direction) && e->live.offset >= from && e->live.offset < next)
		next = e->live.offset;
	return next < to ? next : to;
}

static void offer_gap(struct stream_side *side, uint64_t from, uint64_t to, struct stream_chunk *out)
{
	*out = (struct stream_chunk){.data = {NULL, (size_t)(to - from)}, .offset = from, .flags = STREAM_GAP};
	side->gap = true;
	side->app_offered = to;
	if (from == 0)
		out->flags |= STREAM_START;
}

bool stream_app_next(struct stream_engine *e, struct flow *f, int direction, bool flush, struct stream_chunk *out)
{
	struct tcp_session *s = f->tcp;
	struct stream_side *side = &s->side[direction];
	if (side->no_app || side->eof_delivered)
		return false;
	uint64_t edge = side->app_edge, visible = stream_visible(e, s, direction, flush);
	struct bytes b = view(e, s, direction, edge, visible);
	bool more_behind = b.len && edge + b.len < visible; /* a gap follows that is final */
	if (b.len && more_behind && side->app_offered >= edge + b.len) {
		offer_gap(side, edge, gap_end(e, s, direction, edge + b.len, visible), out);
		return true;
	}
	if (!b.len && edge < visible) {
		offer_gap(side, edge, gap_end(e, s, direction, edge, visible), out);
		return true;
	}
	bool end = !more_behind && at_end(e, s, direction, flush);
	bool deep = side->depth_reached && !side->depth_offered && edge + b.len >= side->end;
	bool fresh = edge + b.len > side->app_offered;
	if (!fresh && !(end && !side->eof_offered) && !deep)
		return false;
	*out = (struct stream_chunk){.data = b, .offset = edge};
	if (edge == 0)
		out->flags |= STREAM_START;
	if (end) {
		out->flags |= STREAM_EOF;
		side->eof_offered = true;
	}
	if (deep) {
		out->flags |= STREAM_DEPTH;
		side->depth_offered = true;
	}
	side->app_offered = edge + b.len;
	return true;
}

void stream_app_consumed(struct stream_engine *e, struct flow *f, int direction, uint64_t n)
{
	struct stream_side *side = &f->tcp->side[direction];
	(void)e;
	side->app_edge += n;
	if (side->app_edge > side->highest)
		side->app_edge = side->highest;
	if (side->eof_offered)
		side->eof_delivered = true;
}

void stream_app_again(struct flow *f, int direction)
{
	if (!f->tcp)
		return;
	struct stream_side *side = &f->tcp->side[direction];
	side->app_offered = side->app_edge;
	side->eof_offered = side->eof_delivered = false;
}

void stream_app_stop(struct flow *f, int direction)
{
	if (f->tcp)
		f->tcp->side[direction].no_app = true;
}

bool stream_has_news(const struct stream_engine *e, const struct tcp_session *s, int direction, bool flush)
{
	const struct stream_side *side = &s->side[direction];
	if (side->no_app || side->eof_delivered)
		return false;
	uint64_t visible = stream_visible(e, s, direction, flush);
	if (visible > side->app_offered || (side->depth_reached && !side->depth_offered))
		return true;
	return (s->state == TCP_CLOSED || side->fin) && !side->eof_offered && at_end(e, s, direction, flush);
}

/* What raw inspection looks at for a packet: from `edge` on is new, `to` is how far it may see. */
struct raw_span {
	uint64_t edge, to;
};

/* Inline, a packet is judged by what it brings, in order or not: its own bytes, and what they join. */
static bool raw_span_of_packet(const struct stream_side *side, const struct packet *p, struct raw_span *out)
{
	if (!(p->flags & PACKET_STREAM_ADDED) || !p->payload.len)
		return false;
	uint64_t start = side_offset(side, p->tcp.seq + !!(p->tcp.flags & TCP_SYN));
	if (start == UINT64_MAX || start < side->base)
		start = side->base;
	out->edge = start;
	out->to = start + p->payload.len;
	if (out->to > side->highest)
		out->to = side->highest;
	uint64_t joined = store_contiguous(side->store, out->to);
	if (joined > out->to)
		out->to = joined;
	return out->edge < out->to;
}

/* Else a chunk is awaited, unless something says that no more will come or that it is time. */
static bool raw_span_of_chunk(const struct stream_engine *e, struct tcp_session *s, int direction, bool flush, struct raw_span *out)
{
	struct stream_side *side = &s->side[direction];
	out->to = stream_visible(e, s, direction, flush);
	out->edge = side->raw_edge > side->base ? side->raw_edge : side->base;
	if (out->edge >= out->to)
		return false;
	bool before_gap = !is_live(e, s, direction) && store_contiguous(side->store, out->edge) < out->to;
	return flush || side->raw_trigger || before_gap || side->depth_reached || at_end(e, s, direction, flush) ||
	       out->to - out->edge >= e->chunk_size[direction];
}

/* How far back raw inspection looks. */
static uint64_t raw_start(const struct stream_engine *e, const struct tcp_session *s, int direction, uint64_t edge)
{
	const struct stream_side *side = &s->side[direction];
	uint64_t reach = is_inline(e) ? e->chunk_size[direction] : RAW_REACH;
	uint64_t from = edge > reach ? edge - reach : 0, start = store_reach_back(side->store, edge);
	return from > start ? from : start;
}

bool stream_raw_next(struct stream_engine *e, struct flow *f, const struct packet *p, int direction, bool flush, struct stream_chunk *out,
		     uint64_t *fresh)
{
	struct tcp_session *s = f->tcp;
	struct raw_span span;
	e->raw_used = true;
	if (!s || s->side[direction].no_raw)
		return false;
	struct stream_side *side = &s->side[direction];
	bool by_packet = is_inline(e) && !flush;
	if (by_packet ? !raw_span_of_packet(side, p, &span) : !raw_span_of_chunk(e, s, direction, flush, &span))
		return false;
	span.edge = gap_end(e, s, direction, span.edge, span.to); /* what lies behind a gap is looked at by itself */
	uint64_t from = raw_start(e, s, direction, span.edge);
	struct bytes b = view(e, s, direction, from, span.to);
	if (!b.len || from + b.len <= span.edge) {
		stream_raw_done(f, direction, span.edge);
		return false;
	}
	bool end = at_end(e, s, direction, flush) && from + b.len >= stream_visible(e, s, direction, flush);
	*out = (struct stream_chunk){.data = b, .offset = from, .flags = (from == 0 ? STREAM_START : 0) | (end ? STREAM_EOF : 0)};
	*fresh = span.edge;
	return true;
}

bool stream_raw_is_due(const struct stream_engine *e, const struct flow *f, int direction)
{
	const struct tcp_session *s = f->tcp;
	return s && !s->side[direction].no_raw && s->side[direction].raw_edge < stream_visible(e, s, direction, true);
}

void stream_raw_done(struct flow *f, int direction, uint64_t upto)
{
	if (!f->tcp)
		return;
	struct stream_side *side = &f->tcp->side[direction];
	if (upto > side->raw_edge)
		side->raw_edge = upto;
	side->raw_trigger = false;
}

void stream_raw_stop(struct flow *f, int direction)
{
	if (f->tcp)
		f->tcp->side[direction].no_raw = true;
}

void stream_raw_trigger(struct flow *f, int direction)
{
	if (f->tcp)
		f->tcp->side[direction].raw_trigger = true;
}

static size_t payload_of_live(const struct stream_engine *e, struct flow *f, int direction, uint8_t *out, size_t max)
{
	if (!is_live(e, f->tcp, direction))
		return 0;
	size_t n = e->live.data.len < max ? e->live.data.len : max;
	memcpy(out, e->live.data.data, n);
	return n;
}

size_t stream_payload(const struct stream_engine *e, struct flow *f, int direction, uint8_t *out, size_t max)
{
	if (!f->tcp)
		return 0;
	const struct stream_side *side = &f->tcp->side[direction];
	uint64_t at = side->log_edge > side->base ? side->log_edge : side->base;
	size_t n = 0;
	while (n < max) {
		struct bytes b = store_peek(side->store, at, UINT64_MAX);
		if (!b.len) {
			uint64_t next = store_next(side->store, at);
			if (next == UINT64_MAX)
				break;
			char text[40];
			size_t len = (size_t)snprintf(text, sizeof text, "[%llu bytes missing]", (unsigned long long)(next - at));
			if (len > max - n)
				break;
			memcpy(out + n, text, len);
			n += len;
			at = next;
			continue;
		}
		size_t take = b.len < max - n ? b.len : max - n;
		memcpy(out + n, b.data, take);
		n += take;
		at += take;
	}
	return n + payload_of_live(e, f, direction, out + n, max - n);
}

/* The first offset that somebody still wants to see. */
static uint64_t wanted_from(struct stream_engine *e, struct tcp_session *s, int direction)
{
	struct stream_side *side = &s->side[direction];
	uint64_t from = side->no_app ? UINT64_MAX : side->app_edge;
	if (!side->no_raw && e->raw_used) {
		uint64_t visible = stream_visible(e, s, direction, false);
		if (visible > side->raw_edge && visible - side->raw_edge > RAW_LAG)
			side->raw_edge = visible - RAW_LAG;
		uint64_t reach = is_inline(e) ? e->chunk_size[direction] : RAW_REACH;
		uint64_t raw = side->raw_edge > reach ? side->raw_edge - reach : 0;
		if (raw < from)
			from = raw;
	}
	return from < side->end ? from : side->end;
}

static void prune_side(struct stream_engine *e, struct tcp_session *s, int direction)
{
	struct stream_side *side = &s->side[direction];
	uint64_t from = wanted_from(e, s, direction);
	bool over = wants_nothing(side);
	/* inline, a retransmission of what the peer has not acknowledged is compared with the first copy */
	if (!over && !s->async && is_inline(e) && s->state != TCP_CLOSED && side->acked < from && side->end - side->acked <= RAW_LAG)
		from = side->acked;
	if (is_live(e, s, direction))
		keep_live(e, over ? UINT64_MAX : from);
	if (from > side->base)
		side->base = from;
	if (!side->store)
		return;
	if (over)
		drop_store(e, side);
	else
		store_cut(&e->pool, side->store, side->base);
	if (side->store && !side->store->n_runs)
		drop_store(e, side);
	if (side->store && s->state == TCP_CLOSED)
		store_fit(&e->pool, side->store);
}

void stream_prune(struct stream_engine *e, struct flow *f)
{
	if (!f->tcp)
		return;
	prune_side(e, f->tcp, 0);
	prune_side(e, f->tcp, 1);
	e->counters->value[COUNTER_TCP_REASSEMBLY_MEMUSE] = e->pool.used;
}

uint32_t stream_size_of(const struct tcp_session *s, int direction)
{
	const struct stream_side *side = &s->side[direction];
	return side->next_seq - side->isn;
}

bool stream_has_unseen(const struct flow *f, int direction)
{
	if (!f->tcp)
		return false;
	const struct stream_side *side = &f->tcp->side[direction];
	bool app = !side->no_app && side->app_offered < side->highest;
	bool raw = !side->no_raw && side->raw_edge < side->highest;
	return app || raw;
}
