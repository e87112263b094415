// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Payloads: of single packets, and the raw stream. A rule on the stream of TCP is held against the stream, and against the packet
 * where the packet is not part of it; a rule with a content at a fixed place against both.
 *
 * The stream is seen through a window that moves. Only its new bytes are searched. A signature whose pattern was seen but which did
 * not match stays with the flow for as long as the pattern may be in the window; one that matched goes, so it does not match again
 * on the same bytes.
 */
#include "detect/engine.h"

static bool run_over(struct detect_scratch *s, const struct inspection *i, struct bytes data, uint64_t offset, bool start, bool end)
{
	struct program_input in = {.data = data, .offset = offset, .start = start, .end = end, .direction = s->direction};
	if (i->transforms && !transform_run(s, i->transforms, data, &in.data))
		return false;
	return !i->program || program_run(s, i->program, &in);
}

static bool header_holds(struct detect_scratch *s, const struct inspection *i)
{
	struct bytes b = {0};
	return packet_buffer(s->packet, i->buffer, &b) && run_over(s, i, b, 0, true, true);
}

static bool no_payload_inspection(const struct detect_scratch *s)
{
	const struct packet *p = s->packet;
	const struct flow *f = s->flow;
	return p->flags & PACKET_NO_PAYLOAD_INSPECT || (f && (f->flags & FLOW_NO_PAYLOAD_INSPECT || (f->app && f->app->no_payload_inspect)));
}

static bool is_by_packet(const struct signature *sig)
{
	return sig->type == SIG_PACKET || sig->type == SIG_PACKET_STREAM;
}

/* TCP that is no part of the stream is looked at as rules on the stream look at it. What lies behind the depth is not looked at any more. */
static bool is_beside_stream(const struct detect_scratch *s)
{
	const struct packet *p = s->packet;
	const struct flow *f = s->flow;
	return p->is_tcp && !(p->flags & PACKET_STREAM_ADDED) && !(f && f->tcp && f->tcp->side[s->direction].depth_reached);
}

static bool over_packet(struct detect_scratch *s, const struct signature *sig, const struct inspection *i)
{
	const struct packet *p = s->packet;
	if (!p->payload.len || p->flags & PACKET_PSEUDO || no_payload_inspection(s))
		return false;
	if (p->is_tcp && (sig->flags & SIG_ONLY_STREAM || !(is_by_packet(sig) || is_beside_stream(s))))
		return false;
	return run_over(s, i, p->payload, 0, true, true);
}

static bool over_stream(struct detect_scratch *s, const struct signature *sig, const struct inspection *i)
{
	const struct inspect *in = inspect_of(s);
	if (!in->has_chunk || sig->type == SIG_PACKET)
		return false;
	return run_over(s, i, in->chunk.data, in->chunk.offset, in->chunk.offset == 0, in->chunk.flags & STREAM_EOF);
}

bool payload_wants_pieces(const struct signature *sig)
{
	return sig->flags & SIG_WANT_DSIZE || (is_by_packet(sig) && sig->flags & SIG_WANT_PAYLOAD);
}

bool payload_inspection_holds(struct detect_scratch *s, const struct signature *sig, const struct inspection *i)
{
	if (i->buffer != BUFFER_PAYLOAD)
		return header_holds(s, i);
	if (over_stream(s, sig, i)) {
		inspect_of(s)->matched_stream = true;
		return true;
	}
	return over_packet(s, sig, i);
}

bool payload_holds(struct detect_scratch *s, const struct signature *sig)
{
	inspect_of(s)->matched_stream = false;
	for (const struct inspection *i = sig->inspections; i; i = i->next)
		if (i->buffer != BUFFER_NONE && i->buffer < BUFFER_APP && !payload_inspection_holds(s, sig, i))
			return false;
	return true;
}

/* Signatures that wait for more of the stream */

static struct flow_detect *kept_of(const struct detect_scratch *s)
{
	struct flow_detect *d = s->flow->detect;
	return d && d->generation == s->engine->generation ? d : NULL;
}

/* Those whose pattern may still be in the window are candidates again. */
static void add_kept(struct detect_scratch *s, int direction)
{
	struct inspect *in = inspect_of(s);
	struct flow_detect *d = kept_of(s);
	if (!d)
		return;
	uint8_t left = 0;
	for (unsigned i = 0; i < d->n[direction]; i++) {
		struct stream_hit h = d->hit[direction][i];
		if (h.until <= in->chunk.offset)
			continue;
		d->hit[direction][left++] = h;
		inspect_add(in, h.number);
	}
	d->n[direction] = left;
}

static void drop_kept(struct flow_detect *d, int direction, uint32_t number)
{
	for (unsigned i = 0; i < d->n[direction]; i++)
		if (d->hit[direction][i].number == number)
			d->hit[direction][i--] = d->hit[direction][--d->n[direction]];
}

static struct flow_detect *keep_made(struct detect_scratch *s)
{
	struct flow_detect *d = s->flow->detect;
	if (!d) {
		d = slab_take(&inspect_of(s)->flow_slab);
		if (!d)
			return NULL;
		d->owner = inspect_of(s);
		s->flow->detect = d;
	}
	if (d->generation != s->engine->generation) {
		d->generation = s->engine->generation;
		d->n[0] = d->n[1] = 0;
		d->lost[0] = d->lost[1] = false;
	}
	return d;
}

static bool is_on_stream(const struct signature *sig)
{
	return (sig->type == SIG_STREAM || sig->type == SIG_PACKET_STREAM) && sig->fast.content.len && sig->fast.buffer == BUFFER_PAYLOAD;
}

void payload_judged(struct detect_scratch *s, uint32_t number, bool matched)
{
	const struct signature *sig = s->engine->sig[number];
	struct inspect *in = inspect_of(s);
	if (!in->has_chunk || !is_on_stream(sig))
		return;
	if (matched) {
		if (s->flow->detect)
			drop_kept(s->flow->detect, s->direction, number);
		return;
	}
	struct flow_detect *d = keep_made(s);
	if (!d)
		return;
	struct stream_hit *hit = d->hit[s->direction];
	uint64_t until = in->chunk.offset + in->chunk.data.len;
	for (unsigned i = 0; i < d->n[s->direction]; i++)
		if (hit[i].number == number)
			return;
	if (d->n[s->direction] == STREAM_HITS_MAX)
		d->lost[s->direction] = true;
	else
		hit[d->n[s->direction]++] = (struct stream_hit){number, until};
}

/* Searching */

static unsigned add_app_scan(const struct prefilter **list, unsigned n, const struct payload_scan *scan)
{
	const struct prefilter *of[] = {scan->any, scan->brief, scan->head};
	for (unsigned i = 0; i < 3; i++)
		if (of[i])
			list[n++] = of[i];
	return n;
}

static bool is_established(const struct detect_scratch *s)
{
	return s->packet->flags & PACKET_ESTABLISHED;
}

/* What the packet's group looks for, and what its flow's protocol adds. */
static void all_prefilters(struct detect_scratch *s, enum payload_kind kind, const struct prefilter *const *of_group, const struct prefilter **list)
{
	const struct payload_point *point = &s->engine->payload[kind][s->direction][is_established(s)];
	const struct app_flow *a = s->flow ? s->flow->app : NULL;
	unsigned n = 0;
	while (of_group[n]) {
		list[n] = of_group[n];
		n++;
	}
	if (point->by_app && a && a->proto)
		n = add_app_scan(list, n, &point->by_app[app_protocol_index(a->proto)]);
	list[n] = NULL;
}

static void scan_all(struct detect_scratch *s, enum payload_kind kind, const struct prefilter *const *of_group, struct bytes data, uint64_t offset,
		     uint64_t fresh)
{
	const struct prefilter *list[POINT_PREFILTERS_MAX + 1];
	all_prefilters(s, kind, of_group, list);
	prefilters_scan(list, inspect_of(s), data, offset, fresh);
}

static void find_in_stream(struct detect_scratch *s, bool flush)
{
	struct inspect *in = inspect_of(s);
	struct packet *p = s->packet;
	struct flow *f = s->flow;
	int d = s->direction;
	if (!f || !f->tcp || !p->is_tcp || no_payload_inspection(s))
		return;
	in->has_chunk = stream_raw_next(s->streams, f, p, d, flush, &in->chunk, &in->fresh) && !(in->chunk.flags & STREAM_GAP);
	if (!in->has_chunk)
		return;
	struct flow_detect *kept = kept_of(s);
	uint64_t fresh = in->fresh;
	if (kept && kept->lost[d]) { /* too many to keep: all that can be seen is searched again */
		fresh = in->chunk.offset;
		kept->lost[d] = false;
	}
	add_kept(s, d);
	scan_all(s, PAYLOAD_STREAM, in->group->stream[is_established(s)], in->chunk.data, in->chunk.offset, fresh);
}

/* Offsets count from each segment's start. */
static void find_in_pieces(struct detect_scratch *s)
{
	struct inspect *in = inspect_of(s);
	const struct prefilter *list[POINT_PREFILTERS_MAX + 1];
	all_prefilters(s, (enum payload_kind)in->group->key.kind, in->group->packet[is_established(s)], list);
	prefilters_scan_pieces(list, in, s->packet->payload, stream_piece_size(s->packet));
}

static void find_in_packet(struct detect_scratch *s)
{
	struct inspect *in = inspect_of(s);
	const struct packet *p = s->packet;
	if (!p->payload.len || p->flags & PACKET_PSEUDO || no_payload_inspection(s))
		return;
	if (is_merged(p))
		find_in_pieces(s);
	else
		scan_all(s, (enum payload_kind)in->group->key.kind, in->group->packet[is_established(s)], p->payload, 0, 0);
	if (is_beside_stream(s))
		scan_all(s, PAYLOAD_STREAM, in->group->stream[is_established(s)], p->payload, 0, 0);
}

void payload_find(struct detect_scratch *s, bool flush)
{
	find_in_stream(s, flush);
	find_in_packet(s);
}
