// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The way of bytes into parsers. A flow's app_flow is made with its first bytes; recognition looks at each direction until the
 * protocol is known; then the parser has them. What a parser cannot follow closes it for both directions.
 */
#include "app/context.h"
#include "flow/stream.h"

enum { DETECTION_BYTES_MAX = 100000 }; /* one direction alone, unknown: recognition gives up */

const char *const app_flow_event_names[] = {
	"applayer_mismatch_protocol_both_directions", "applayer_wrong_direction_first_data", "applayer_detect_protocol_only_one_direction",
	"applayer_proto_detection_skipped", "applayer_no_tls_after_starttls", "applayer_unexpected_protocol", NULL,
};

static bool is_udp(const struct app_flow *a)
{
	return a->flow->key.proto == PROTO_UDP;
}

static struct app_flow *flow_of(struct app_worker *w, struct flow *f)
{
	if (f->app)
		return f->app;
	struct app_flow *a = slab_take(&w->flow_slab);
	if (!a)
		return NULL;
	a->worker = w;
	a->flow = f;
	f->app = a;
	return a;
}

void app_flow_event(struct app_flow *a, enum app_flow_event e)
{
	for (unsigned i = 0; i < a->n_events; i++)
		if (a->event[i] == e)
			return;
	if (a->n_events < sizeof a->event)
		a->event[a->n_events++] = (uint8_t)e;
}

const char *app_flow_name(const struct app_flow *a)
{
	return a && a->proto ? a->proto->name : a && a->failed ? "failed" : "unknown";
}

const char *app_flow_side_name(const struct app_flow *a, int direction)
{
	if (!a || !a->proto || !a->mismatch[direction])
		return NULL;
	return a->found[direction] ? a->found[direction]->name : "failed";
}

static void set_protocol(struct app_flow *a, const struct app_proto *p)
{
	a->proto = p;
	a->failed = false;
	a->worker->flows[app_protocol_index(p)][is_udp(a)]++;
}

static void set_failed(struct app_flow *a)
{
	a->failed = true;
	a->worker->failed[is_udp(a)]++;
}

#define SWAP(x, y)                   \
	do {                         \
		typeof(x) swap_ = x; \
		x = y;               \
		y = swap_;           \
	} while (0)

void app_flow_swap(struct app_flow *a)
{
	SWAP(a->found[0], a->found[1]);
	SWAP(a->recognised[0], a->recognised[1]);
	SWAP(a->eof[0], a->eof[1]);
	SWAP(a->gap[0], a->gap[1]);
	SWAP(a->error[0], a->error[1]);
	SWAP(a->waiting[0], a->waiting[1]);
	SWAP(a->seen_bytes[0], a->seen_bytes[1]);
	SWAP(a->done_bytes[0], a->done_bytes[1]);
	SWAP(a->patterns_done[0], a->patterns_done[1]);
	SWAP(a->mismatch[0], a->mismatch[1]);
	a->probe_no[0] = a->probe_no[1] = 0;
}

static void turn(struct app_flow *a, int direction)
{
	a->recognised[direction] = a->patterns_done[direction] = false;
	app_flow_swap(a);
	flow_swap(a->flow);
	a->flow->flags |= FLOW_SWAPPED;
}

void app_change_protocol(struct app_flow *a, const struct app_proto *to)
{
	a->changing = true;
	a->change_to = to;
}

static void free_state(struct app_worker *w, struct app_flow *a)
{
	while (a->first)
		app_tx_free(w, a, a->first);
	app_parser_close(a);
}

/* The worker has flushed what the old protocol had to show. */
static void apply_change(struct app_worker *w, struct app_flow *a)
{
	const struct app_proto *to = a->change_to, *from = a->proto;
	struct flow *f = a->flow;
	free_state(w, a);
	*a = (struct app_flow){.worker = w, .flow = f, .original = from, .expected = to};
	f->flags |= FLOW_PROTO_CHANGED;
	if (to && to->direct_change) {
		set_protocol(a, to);
		a->recognised[0] = a->recognised[1] = true;
	}
}

enum recognition { KNOWN, WAIT, TURNED, FAILED };

static enum recognition found_first(struct app_flow *a, int direction, const struct app_proto *p)
{
	bool other_spoke = a->seen_bytes[!direction] > 0 || a->gap[!direction];
	if (p->first_dir < 2 && p->first_dir != direction && !other_spoke && !a->original) {
		app_flow_event(a, APPLAYER_WRONG_DIRECTION_FIRST_DATA);
		set_failed(a);
		return FAILED;
	}
	set_protocol(a, p);
	if (a->expected && a->expected != p)
		app_flow_event(a, strcmp(a->expected->name, "tls") == 0 ? APPLAYER_NO_TLS_AFTER_STARTTLS : APPLAYER_UNEXPECTED_PROTOCOL);
	if (other_spoke) {
		if (!a->original)
			app_flow_event(a, APPLAYER_DETECT_PROTOCOL_ONLY_ONE_DIRECTION);
		a->mismatch[!direction] = a->recognised[!direction] && !a->original;
		a->recognised[!direction] = true;
		if (a->waiting[!direction])
			return WAIT; /* what the other side said came first */
	}
	return KNOWN;
}

static enum recognition not_found(struct app_flow *a, int direction, struct app_input *in)
{
	if (a->proto && (a->recognised[direction] || in->eof || in->depth)) {
		if (a->recognised[direction] && !a->original) {
			app_flow_event(a, APPLAYER_DETECT_PROTOCOL_ONLY_ONE_DIRECTION);
			a->mismatch[direction] = true;
		}
		a->recognised[direction] = true;
		return KNOWN;
	}
	if (a->recognised[0] && a->recognised[1]) {
		set_failed(a);
		return FAILED;
	}
	if (a->recognised[direction] && in->data.len > DETECTION_BYTES_MAX && !a->seen_bytes[!direction]) {
		app_flow_event(a, APPLAYER_PROTO_DETECTION_SKIPPED);
		set_failed(a);
		return FAILED;
	}
	a->waiting[direction] = true;
	return WAIT;
}

static enum recognition recognise_stream(struct app_worker *w, struct app_flow *a, int direction, struct app_input *in)
{
	if (in->data.len > a->seen_bytes[direction])
		a->seen_bytes[direction] = in->data.len;
	const struct app_proto *p = NULL;
	if (!a->recognised[direction]) {
		bool swap;
		p = app_recognise(w->context->recogniser, a, direction, in->data, false, &swap);
		if (p && swap) {
			turn(a, direction);
			return TURNED;
		}
	}
	if (!p)
		return not_found(a, direction, in);
	a->found[direction] = p;
	if (!a->proto)
		return found_first(a, direction, p);
	if (a->proto != p) {
		app_flow_event(a, APPLAYER_MISMATCH_PROTOCOL_BOTH_DIRECTIONS);
		a->mismatch[direction] = true;
	}
	return KNOWN;
}

static void close_direction(struct app_flow *a, int direction)
{
	for (struct app_tx *tx = a->first; tx; tx = tx->next)
		app_tx_advance(tx, direction, a->proto->complete[direction]);
}

static void fail(struct app_flow *a, bool gap)
{
	size_t row = app_protocol_index(a->proto);
	if (a->memcap)
		a->worker->alloc_errors[row][is_udp(a)]++;
	else if (gap)
		a->worker->gap_errors[row][is_udp(a)]++;
	else
		a->worker->errors[row][is_udp(a)]++;
	a->flow->flags |= FLOW_APP_ERROR;
	for (int d = 0; d < 2; d++) {
		a->error[d] = true;
		close_direction(a, d);
	}
}

/* Hands bytes, a gap or the end to the parser. True: this direction wants no more. */
static bool parse(struct app_worker *w, struct app_flow *a, int direction, struct app_input *in)
{
	bool parser;
	app_transport_enabled(w->context, a->proto, is_udp(a), &parser);
	if (!parser || a->error[direction] || a->eof[direction])
		return true;
	if (!a->opened) {
		a->memory = &w->memory[app_protocol_index(a->proto)];
		if (a->proto->open && a->proto->open(a) < 0) {
			w->alloc_errors[app_protocol_index(a->proto)][is_udp(a)]++;
			a->error[0] = a->error[1] = true;
			return true;
		}
		a->opened = true;
	}
	enum app_result r = a->proto->parse(a, direction, in);
	a->done_bytes[direction] += in->used;
	if (a->last)
		app_tx_charge(a, a->last);
	if (a->first)
		app_tx_charge(a, a->first);
	if (r == APP_ERROR || a->memcap) {
		fail(a, in->gap_len > 0);
		return true;
	}
	if (in->eof || in->depth) {
		a->eof[direction] = true;
		close_direction(a, direction);
	}
	return r == APP_STOP || a->eof[direction];
}

static size_t stream_gap(struct app_worker *w, struct app_flow *a, int direction, struct app_input *in, bool *stop)
{
	a->gap[direction] = true;
	if (a->proto) {
		*stop = parse(w, a, direction, in);
	} else if (a->flow->side[direction].packets == 0) {
		a->recognised[direction] = true; /* one side is not seen at all: the other has to tell */
	} else {
		/* what the flow speaks can no longer be told; it stays without a name */
		a->recognised[0] = a->recognised[1] = a->nameless = true;
		*stop = true;
	}
	return in->gap_len;
}

size_t app_stream_input(struct app_worker *w, struct flow *f, int direction, struct app_input *in, bool *stop)
{
	*stop = false;
	in->used = in->data.len;
	struct app_flow *a = flow_of(w, f);
	if (!a || a->failed || a->nameless) {
		*stop = true;
		return in->gap_len ? in->gap_len : in->data.len;
	}
	if (a->changing && in->data.len)
		apply_change(w, a);
	if (in->gap_len)
		return stream_gap(w, a, direction, in, stop);
	if (in->data.len && (!a->proto || !a->recognised[direction])) {
		switch (recognise_stream(w, a, direction, in)) {
		case KNOWN:
			break;
		case WAIT:
		case TURNED:
			return 0;
		case FAILED:
			*stop = true;
			return in->data.len;
		}
	}
	if (!a->proto)
		return 0;
	a->waiting[direction] = false;
	*stop = parse(w, a, direction, in);
	return *stop ? in->data.len : in->used;
}

static int recognise_datagram(struct app_worker *w, struct app_flow *a, int direction, struct bytes data)
{
	bool swap;
	const struct app_proto *p = app_recognise(w->context->recogniser, a, direction, data, true, &swap);
	if (!p) {
		if (!a->proto && !a->failed)
			set_failed(a);
		return direction;
	}
	if (swap) {
		turn(a, direction);
		direction = !direction;
		a->recognised[direction] = true;
	}
	a->found[direction] = p;
	if (!a->proto) {
		a->mismatch[!direction] = a->failed;
		set_protocol(a, p);
	} else if (a->proto != p) {
		app_flow_event(a, APPLAYER_MISMATCH_PROTOCOL_BOTH_DIRECTIONS);
		a->mismatch[direction] = true;
	}
	return direction;
}

void app_datagram_input(struct app_worker *w, struct flow *f, int direction, struct app_input *in)
{
	in->used = in->data.len;
	struct app_flow *a = flow_of(w, f);
	if (!a || in->data.len == 0)
		return;
	if (!a->recognised[direction])
		direction = recognise_datagram(w, a, direction, in->data);
	if (a->proto)
		parse(w, a, direction, in);
}

void app_flow_finish(struct app_worker *w, struct flow *f, usec_t now)
{
	struct app_flow *a = f->app;
	if (!a || !a->proto)
		return;
	for (int d = 0; d < 2 && a->opened; d++) {
		struct app_input in = {.eof = true, .time = now};
		if (!a->error[d] && !a->eof[d])
			parse(w, a, d, &in);
		close_direction(a, d);
	}
	f->tx_count = a->n_tx;
}

void app_flow_free(struct app_worker *w, struct flow *f)
{
	struct app_flow *a = f->app;
	if (!a)
		return;
	free_state(w, a);
	slab_give(&w->flow_slab, a);
	f->app = NULL;
}
