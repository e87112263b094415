// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The order of the stages, and nothing but the order.
 *
 * A frame is a list of packets, inner before outer; each goes through flow, stream, app, detect, respond and output by
 * itself, and a drop on one of them drops the frame. A flow that ends is flushed: what its streams still hold is parsed,
 * and at most one pseudo-packet a direction lets detection and output see it.
 */
#include "daemon/worker.h"

#include "daemon/release.h"
#include "gateway/marks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct alert_count {
	const struct signature *sig; /* NULL: has not alerted */
	uint64_t count;
};

/* Of rules that are not there any more; should they come back, they go on counting. */
struct past_count {
	uint32_t gid, sid;
	uint64_t count;
};

struct worker {
	struct runtime *runtime;
	struct state *state;
	struct counters counters;
	uint64_t event_counts[EVENT_N_];
	struct decoder decoder;
	struct defrag *defrag;
	struct flow_table *flows;
	struct stream_engine *streams;
	struct app_worker app;
	struct detect_scratch *detect;
	struct responder *responder;
	struct output_worker *output;
	const char *capture_name;
	void (*reject)(void *context, const struct packet *p);
	void *reject_context;
	uint32_t mark_mask; /* 0: verdicts carry no marks */
	uint8_t clear_mark; /* its number says: slow no more */
	struct release_settings release;
	struct packet pseudo;
	usec_t now, first;
	uint64_t packets, bytes, drops;
	struct alert_count *alerts; /* by number of the signature */
	size_t n_alerts;
	struct past_count *past;
	size_t n_past;
	bool app_ready;
};

_Static_assert((int)FLOW_MARK_RELEASED == (int)MARK_RELEASED && (int)FLOW_MARK_SLOW == (int)MARK_SLOW, "flows' marks are the gateway's");

enum { EXPIRE_A_PACKET = 4, EXPIRE_A_TICK = 4096, RAW_PIECES = 16 };

static void count_alert(struct worker *w, const struct alert *a)
{
	if (a->number < w->n_alerts) {
		w->alerts[a->number].sig = a->sig;
		w->alerts[a->number].count++;
	}
}

/* A flow that nobody wants to inspect any more is bypassed from the next packet on. */
static void let_go(struct worker *w, const struct packet *p)
{
	struct flow *f = p->flow;
	if (!f || f->state >= FLOW_BYPASSED || p->flags & PACKET_PSEUDO || p->action & ACTION_DROP || f->flags & FLOW_ACTION_DROP)
		return;
	if (!f->released && !respond_tagged(w->responder, p, f, w->now))
		f->released = (uint8_t)release_due(&w->release, w->detect, p);
	if (!f->released)
		return;
	if (f->released != FLOW_RELEASED_POLICY)
		COUNT(&w->counters, IPS_RESPOND_RELEASED);
	flow_set_state(w->flows, f, release_by_mark(&w->release, f, p) ? FLOW_CAPTURE_BYPASSED : FLOW_BYPASSED);
	for (int d = 0; f->tcp && d < 2; d++) { /* what is stored goes with the next stream_prune */
		stream_app_stop(f, d);
		stream_raw_stop(f, d);
	}
}

/* Detection, its consequences and its records for one packet; flow and app state are as the packet left them. */
static void judge_packet(struct worker *w, struct packet *p, bool flush)
{
	struct detect_scratch *s = w->detect;
	s->n_alerts = 0;
	s->n_pktvars = 0;
	if (!(p->flags & PACKET_NO_INSPECT) && !(p->flags & PACKET_SET_DROPPED_FLOW))
		detect_packet(s, p, w->now, flush);
	respond_packet(w->responder, s, p);
	let_go(w, p);
	for (unsigned i = 0; i < s->n_alerts; i++)
		count_alert(w, &s->alert[i]);
	detect_packet_done(s, p);
	output_packet(w->output, p, w->capture_name);
	if (p->flow)
		output_transactions(w->output, p->flow, p, flush);
	if ((p->action & (ACTION_REJECT | ACTION_REJECT_DST | ACTION_REJECT_BOTH)) && w->reject)
		w->reject(w->reject_context, p);
}

static void app_error(struct worker *w, struct packet *p, struct flow *f)
{
	bool memcap = f->app->memcap;
	enum drop_reason why = memcap ? DROP_APPLAYER_MEMCAP : DROP_APPLAYER_ERROR;
	f->flags |= FLOW_APP_ERROR;
	f->exceptions |= 1u << why;
	if (p)
		exception_policy_apply(memcap ? app_memcap_policy(w->runtime->app) : w->runtime->app_error_policy, p, f, why);
}

static struct packet *make_pseudo(struct worker *w, struct flow *f, int direction);

/* The protocol changes with the next bytes: what the old one has to show is shown now. */
static void flush_protocol(struct worker *w, struct flow *f)
{
	for (int d = 0; d < 2 && f->app->first; d++)
		judge_packet(w, make_pseudo(w, f, d), true);
}

/* Hands a direction's visible bytes to the app layer until it has had all or wants no more. */
static void feed_app(struct worker *w, struct packet *p, struct flow *f, int direction, bool flush)
{
	struct stream_chunk chunk;
	bool had_error = f->app && (f->app->error[0] || f->app->error[1]);
	while (f->tcp && stream_app_next(w->streams, f, direction, flush, &chunk)) {
		struct app_input in = {
			.data = chunk.flags & STREAM_GAP ? (struct bytes){0} : chunk.data,
			.gap_len = chunk.flags & STREAM_GAP ? chunk.data.len : 0,
			.offset = chunk.offset, .start = chunk.flags & STREAM_START, .eof = chunk.flags & STREAM_EOF,
			.depth = chunk.flags & STREAM_DEPTH, .time = w->now, .packet = p,
		};
		bool stop = false;
		bool swapped = f->flags & FLOW_SWAPPED;
		if (f->app && f->app->changing && chunk.data.data)
			flush_protocol(w, f);
		size_t used = app_stream_input(&w->app, f, direction, &in, &stop);
		if (((f->flags & FLOW_SWAPPED) != 0) != swapped) {
			/* the flow was turned: what was this direction is the other one now */
			direction = !direction;
			if (p && p->flow == f)
				p->flags ^= PACKET_TO_SERVER | PACKET_TO_CLIENT;
			stream_app_again(f, direction);
			continue;
		}
		if (f->app && f->app->proto && f->app->waiting[!direction]) {
			/* this direction told the protocol; the other's bytes came before */
			f->app->waiting[!direction] = false;
			stream_app_again(f, !direction);
			feed_app(w, p, f, !direction, flush);
			if (used == 0 && !stop) {
				stream_app_again(f, direction);
				continue;
			}
		}
		stream_app_consumed(w->streams, f, direction, chunk.flags & STREAM_GAP ? chunk.data.len : used);
		if (stop)
			stream_app_stop(f, direction);
		if (f->app && f->app->no_payload_inspect) {
			stream_raw_stop(f, TO_SERVER);
			stream_raw_stop(f, TO_CLIENT);
		}
		for (int d = 0; f->app && d < 2; d++) {
			if (f->app->reset_raw[d])
				stream_raw_trigger(f, d);
			f->app->reset_raw[d] = false;
		}
		if (stop || chunk.flags & STREAM_EOF || (used == 0 && !(chunk.flags & STREAM_GAP)))
			break;
	}
	if (!had_error && f->app && (f->app->error[0] || f->app->error[1]))
		app_error(w, p, f);
}

/* Runs TCP for a packet. False: its flow was a finished connection's, the packet opens a new one. */
static bool track_stream(struct worker *w, struct packet *p)
{
	unsigned result = stream_packet(w->streams, p);
	if (result & STREAM_REUSED) {
		flow_table_remove(w->flows, p->flow, FLOW_END_TCP_REUSE);
		p->flow = NULL;
		return false;
	}
	struct flow *f = p->flow;
	if (p->action & ACTION_DROP)
		return true;
	/* what the packet's ACK revealed is read before its own data, as it was sent before */
	int own = packet_direction(p);
	unsigned due[2] = {result & STREAM_DATA_TO_SERVER, result & STREAM_DATA_TO_CLIENT};
	if (due[!own])
		feed_app(w, p, f, !own, false);
	if (due[own])
		feed_app(w, p, f, own, false);
	return true;
}

/* The packet's flow. One that is bypassed is not looked at any more: its ports may have been taken by another connection. */
static struct flow *find_flow(struct worker *w, struct packet *p)
{
	struct flow *f = flow_table_get(w->flows, p);
	if (!f || f->state < FLOW_BYPASSED || !release_is_over(f, p))
		return f;
	flow_table_remove(w->flows, f, FLOW_END_TCP_REUSE);
	p->flow = NULL;
	p->flags &= ~(unsigned)(PACKET_TO_SERVER | PACKET_TO_CLIENT | PACKET_FIRST_IN_DIRECTION | PACKET_ESTABLISHED);
	return flow_table_get(w->flows, p);
}

static void track_flow(struct worker *w, struct packet *p)
{
	struct flow *f = find_flow(w, p);
	if (f && p->is_tcp && !(f->flags & FLOW_ACTION_DROP) && f->state < FLOW_BYPASSED) {
		if (!track_stream(w, p)) {
			f = flow_table_get(w->flows, p);
			if (f)
				track_stream(w, p);
		}
	}
	if (!f)
		return;
	if (f->flags & FLOW_ACTION_DROP) {
		p->flags |= PACKET_SET_DROPPED_FLOW;
		packet_drop(p, DROP_FLOW_DROP);
	} else if (p->is_udp && f->state < FLOW_BYPASSED && p->payload.len) {
		struct app_input in = {.data = p->payload, .start = true, .time = w->now, .packet = p};
		bool had_error = f->app && (f->app->error[0] || f->app->error[1]);
		bool swapped = f->flags & FLOW_SWAPPED;
		app_datagram_input(&w->app, f, packet_direction(p), &in);
		if (((f->flags & FLOW_SWAPPED) != 0) != swapped)
			p->flags ^= PACKET_TO_SERVER | PACKET_TO_CLIENT;
		if (!had_error && f->app && (f->app->error[0] || f->app->error[1]))
			app_error(w, p, f);
	}
	if (f->flags & FLOW_ACTION_PASS)
		p->action |= ACTION_PASS;
	if (f->state >= FLOW_BYPASSED)
		p->flags |= PACKET_NO_INSPECT;
}

static void inspect_packet(struct worker *w, struct packet *p);

/* What is odd about a fragment is known before detection looks at it; the datagram that it completes comes after it. */
static bool collect_fragment(struct worker *w, struct packet *p, struct bytes *datagram)
{
	unsigned before = p->n_events;
	bool whole = defrag_packet(w->defrag, p, datagram);
	for (unsigned i = before; i < p->n_events; i++)
		w->event_counts[p->event[i]]++;
	return whole;
}

static void inspect_datagram(struct worker *w, struct packet *p, struct bytes datagram)
{
	struct packet *list = decode_datagram(&w->decoder, p, datagram);
	for (struct packet *q = list; q; q = q->next) {
		inspect_packet(w, q);
		if (q->action & ACTION_DROP)
			packet_drop(p, q->drop_reason);
	}
}

static void inspect_packet(struct worker *w, struct packet *p)
{
	struct bytes datagram;
	bool whole = false;
	if (!(p->flags & (PACKET_INVALID | PACKET_FRAGMENT)))
		track_flow(w, p);
	else if (!(p->flags & PACKET_INVALID))
		whole = collect_fragment(w, p, &datagram);
	judge_packet(w, p, false);
	struct flow *f = p->flow;
	if (f) {
		if (f->app)
			app_transactions_prune(&w->app, f, w->detect->engine != NULL);
		if (f->tcp)
			stream_prune(w->streams, f);
	}
	if (whole)
		inspect_datagram(w, p, datagram);
	if (p->action & ACTION_DROP)
		w->drops++;
}

static void count_verdict(struct worker *w, const struct packet *p, bool dropped)
{
	if (!w->runtime->options.ips)
		return;
	if (!dropped || w->runtime->options.ids_only) {
		COUNT(&w->counters, IPS_ACCEPTED);
		return;
	}
	bool rejected = p->action & (ACTION_REJECT | ACTION_REJECT_DST | ACTION_REJECT_BOTH);
	if (rejected)
		COUNT(&w->counters, IPS_REJECTED);
	else
		COUNT(&w->counters, IPS_BLOCKED);
	static const uint16_t counter[DROP_REASON_N_] = {
		[DROP_DECODE_ERROR] = COUNTER_IPS_DROP_REASON_DECODE_ERROR, [DROP_DEFRAG_ERROR] = COUNTER_IPS_DROP_REASON_DEFRAG_ERROR,
		[DROP_DEFRAG_MEMCAP] = COUNTER_IPS_DROP_REASON_DEFRAG_MEMCAP, [DROP_FLOW_MEMCAP] = COUNTER_IPS_DROP_REASON_FLOW_MEMCAP,
		[DROP_FLOW_DROP] = COUNTER_IPS_DROP_REASON_FLOW_DROP, [DROP_APPLAYER_ERROR] = COUNTER_IPS_DROP_REASON_APPLAYER_ERROR,
		[DROP_APPLAYER_MEMCAP] = COUNTER_IPS_DROP_REASON_APPLAYER_MEMCAP, [DROP_RULES] = COUNTER_IPS_DROP_REASON_RULES,
		[DROP_RULES_THRESHOLD] = COUNTER_IPS_DROP_REASON_THRESHOLD_DETECTION_FILTER,
		[DROP_STREAM_ERROR] = COUNTER_IPS_DROP_REASON_STREAM_ERROR, [DROP_STREAM_MEMCAP] = COUNTER_IPS_DROP_REASON_STREAM_MEMCAP,
		[DROP_STREAM_MIDSTREAM] = COUNTER_IPS_DROP_REASON_STREAM_MIDSTREAM,
		[DROP_STREAM_URGENT] = COUNTER_IPS_DROP_REASON_STREAM_URGENT,
		[DROP_STREAM_REASSEMBLY] = COUNTER_IPS_DROP_REASON_STREAM_REASSEMBLY, [DROP_NFQ_ERROR] = COUNTER_IPS_DROP_REASON_NFQ_ERROR,
		[DROP_INNER_PACKET] = COUNTER_IPS_DROP_REASON_TUNNEL_PACKET_DROP,
		[DROP_DEFAULT_PACKET] = COUNTER_IPS_DROP_REASON_DEFAULT_PACKET_POLICY,
		[DROP_DEFAULT_APP] = COUNTER_IPS_DROP_REASON_DEFAULT_APP_POLICY,
	};
	if (counter[p->drop_reason])
		w->counters.value[counter[p->drop_reason]]++;
}

/* The frame belongs to the connection of its outermost packet. */
static void mark_verdict(const struct worker *w, struct flow *f, struct capture_verdict *v)
{
	if (!f || f->mark == FLOW_MARK_NONE || !w->mark_mask || v->verdict != VERDICT_ACCEPT)
		return;
	if (f->mark >= FLOW_MARK_SLOW && f->mark != FLOW_MARK_NORMAL && f->slow_until && w->now / USEC_PER_SEC >= f->slow_until)
		f->mark = FLOW_MARK_NORMAL;
	v->mark = mark_bits(w->mark_mask, f->mark == FLOW_MARK_NORMAL ? w->clear_mark : f->mark);
	v->mark_mask = w->mark_mask;
	v->set_mark = v->mark != 0;
}

struct capture_verdict worker_frame(void *worker, const struct frame *frame)
{
	struct worker *w = worker;
	if (frame->time > w->now)
		w->now = frame->time;
	if (!w->packets++)
		w->first = frame->time;
	w->bytes += frame->wire_len;
	flow_table_expire(w->flows, w->now, EXPIRE_A_PACKET);
	struct frame f = *frame;
	f.packet_flags |= w->runtime->packet_flags;
	bool dropped = false;
	struct flow *outermost = NULL;
	for (struct packet *p = decode_frame(&w->decoder, &f); p; p = p->next) {
		if (dropped)
			packet_drop(p, DROP_INNER_PACKET); /* a drop on an inner packet takes the outer one with it */
		inspect_packet(w, p);
		dropped = dropped || (p->action & ACTION_DROP);
		if (!p->next) {
			count_verdict(w, p, dropped);
			outermost = p->flow;
		}
	}
	bool acts = w->runtime->options.ips && !w->runtime->options.ids_only;
	struct capture_verdict v = {.verdict = dropped && acts ? VERDICT_DROP : VERDICT_ACCEPT};
	mark_verdict(w, outermost, &v);
	return v;
}

/* A packet without bytes, for what a flow's end brings to light. */
static struct packet *make_pseudo(struct worker *w, struct flow *f, int direction)
{
	struct packet *p = &w->pseudo;
	memset(p, 0, sizeof *p);
	const struct flow_key *k = &f->key;
	p->time = w->now;
	p->ip_version = k->src.family;
	p->proto = k->proto;
	p->src = direction ? k->dst : k->src;
	p->dst = direction ? k->src : k->dst;
	p->sport = direction ? k->dport : k->sport;
	p->dport = direction ? k->sport : k->dport;
	p->n_vlans = k->n_vlans;
	memcpy(p->vlan, k->vlan, sizeof p->vlan);
	p->is_tcp = k->proto == PROTO_TCP;
	p->is_udp = k->proto == PROTO_UDP;
	p->source = PACKET_STREAM_TIMEOUT;
	p->recursion = k->recursion;
	p->flags = PACKET_PSEUDO | PACKET_HAS_FLOW | (direction ? PACKET_TO_CLIENT : PACKET_TO_SERVER) | PACKET_ESTABLISHED | PACKET_STREAM_EST |
		   PACKET_STREAM_EOF | PACKET_IGNORE_CHECKSUM;
	if (f->flags & FLOW_ACTION_PASS)
		p->flags |= PACKET_NO_INSPECT;
	p->flow = f;
	p->in_interface = f->in_interface;
	return p;
}

static bool has_unfinished(const struct flow *f)
{
	return f->app && f->app->first;
}

/* What transactions of a bypassed flow have to show; nobody inspects them. */
static void show_transactions(struct worker *w, struct flow *f)
{
	app_flow_finish(&w->app, f, w->now);
	for (int d = 0; d < 2 && has_unfinished(f); d++) {
		struct packet *p = make_pseudo(w, f, d);
		p->flags |= PACKET_NO_INSPECT;
		judge_packet(w, p, true);
	}
}

/* A flow ends: parse what is left, look at it once a direction, write its record. */
static void end_flow(void *context, struct flow *f, usec_t now)
{
	struct worker *w = context;
	if (now > w->now)
		w->now = now;
	f->flags |= FLOW_TIMED_OUT;
	if (f->flags & FLOW_ACTION_DROP) {
		/* its end is known */
	} else if (f->state >= FLOW_BYPASSED) {
		if (has_unfinished(f))
			show_transactions(w, f);
	} else {
		bool unseen[2] = {f->tcp && stream_has_unseen(f, TO_SERVER), f->tcp && stream_has_unseen(f, TO_CLIENT)};
		for (int d = 0; f->tcp && d < 2; d++) {
			struct packet *p = make_pseudo(w, f, d);
			feed_app(w, p, f, d, true);
		}
		app_flow_finish(&w->app, f, w->now);
		for (int d = 0; d < 2; d++)
			if (unseen[d] || has_unfinished(f)) {
				if (f->tcp)
					COUNT(&w->counters, TCP_PSEUDO);
				judge_packet(w, make_pseudo(w, f, d), true);
				for (int n = 0; n < RAW_PIECES && stream_raw_is_due(w->streams, f, d); n++) /* behind gaps */
					judge_packet(w, make_pseudo(w, f, d), true);
			}
	}
	output_flow(w->output, f, w->now);
}

static void release_flow(void *context, struct flow *f)
{
	struct worker *w = context;
	if (f->tcp)
		stream_session_free(w->streams, f);
	if (f->app)
		app_flow_free(&w->app, f);
	detect_flow_release(f);
}

void worker_tick(struct worker *w, usec_t now)
{
	if (now > w->now)
		w->now = now;
	flow_table_expire(w->flows, w->now, EXPIRE_A_TICK);
	defrag_expire(w->defrag, w->now);
	shared_expire(w->state->shared, w->now);
}

void worker_finish(struct worker *w)
{
	flow_table_end_all(w->flows, w->now);
}

void worker_on_reject(struct worker *w, void (*reject)(void *context, const struct packet *p), void *context)
{
	w->reject = reject;
	w->reject_context = context;
}

void worker_on_block(struct worker *w, const struct respond_hooks *hooks)
{
	responder_on_block(w->responder, hooks);
}

void worker_mark_mask(struct worker *w, uint32_t mask, uint8_t clear)
{
	w->mark_mask = mask;
	w->clear_mark = clear;
}

void worker_releases(struct worker *w, bool by_kernel, bool when_over)
{
	w->release.by_kernel = by_kernel;
	w->release.when_over = when_over;
}

void worker_on_midstream(struct worker *w, bool (*known)(void *context, const struct packet *p), void *context)
{
	stream_on_midstream(w->streams, known, context);
}

void worker_capture_name(struct worker *w, const char *name)
{
	w->capture_name = name;
}

/* What the protocols' parsers have to find out for rules and records. */
static void set_wants(struct worker *w, const struct engine *e)
{
	struct {
		const char *what;
		bool *flag;
	} wants[] = {{"md5", &w->app.want_md5},     {"sha1", &w->app.want_sha1}, {"sha256", &w->app.want_sha256},
		     {"magic", &w->app.want_magic}, {"ja3", &w->app.want_ja3},   {"ja4", &w->app.want_ja4}};
	for (size_t i = 0; i < sizeof wants / sizeof *wants; i++)
		*wants[i].flag = (e && engine_wants(e, wants[i].what)) || outputs_want(w->runtime->outputs, wants[i].what);
}

static struct alert_count *counts_new(const struct engine *e, size_t *n)
{
	*n = e ? engine_counts_of(e)->evaluated : 0;
	return calloc(*n + 1, sizeof(struct alert_count));
}

static bool worker_init(struct worker *w, unsigned index)
{
	struct runtime *r = w->runtime;
	uint64_t seed = r->options.seed + index;
	decoder_init(&w->decoder, &r->decode, &w->counters, w->event_counts);
	w->defrag = defrag_new(&r->defrag, r->host_os, &w->counters, seed);
	struct flow_table_hooks hooks = {.end = end_flow, .release = release_flow, .context = w};
	w->flows = flow_table_new(&r->flow, &hooks, &w->counters, seed);
	if (!w->defrag || !w->flows)
		return false;
	w->streams = stream_engine_new(&r->stream, r->host_os, w->flows, &w->counters, w->event_counts);
	if (!w->streams || app_worker_init(&w->app, r->app, &w->counters))
		return false;
	w->app_ready = true;
	w->app.hooks = (struct app_hooks){.release_tx = detect_tx_release};
	w->app.inline_mode = r->stream.inline_mode;
	w->release.at_depth = r->stream.bypass;
	set_wants(w, r->engine);
	w->detect = detect_scratch_new(r->engine, &r->edition->engine_settings, &w->counters);
	w->alerts = counts_new(r->engine, &w->n_alerts);
	if (!w->detect || !w->alerts)
		return false;
	w->detect->shared = w->state->shared;
	w->detect->tag = respond_tag;
	w->detect->registry = r->registry;
	w->detect->streams = w->streams;
	w->detect->app = &w->app;
	w->responder = responder_new(&r->edition->respond, w->state->shared, &w->counters);
	w->output = w->responder ? output_worker_new(r->outputs, w->detect, w->responder, w->streams, &w->app) : NULL;
	return w->output != NULL;
}

struct worker *worker_new(struct runtime *r, struct state *state, unsigned index)
{
	struct worker *w = calloc(1, sizeof *w);
	if (!w)
		return NULL;
	w->runtime = r;
	w->state = state;
	if (worker_init(w, index))
		return w;
	worker_free(w);
	return NULL;
}

void worker_free(struct worker *w)
{
	if (!w)
		return;
	flow_table_free(w->flows);
	defrag_free(w->defrag);
	output_worker_free(w->output);
	responder_free(w->responder);
	detect_scratch_free(w->detect);
	stream_engine_free(w->streams);
	if (w->app_ready)
		app_worker_deinit(&w->app);
	free(w->alerts);
	free(w->past);
	free(w);
}

/* ---- other rules ---- */

static void add_past(struct worker *w, uint32_t gid, uint32_t sid, uint64_t count)
{
	struct past_count *past = realloc(w->past, (w->n_past + 1) * sizeof *past);
	if (!past)
		return; /* a number less in a summary */
	past[w->n_past++] = (struct past_count){gid, sid, count};
	w->past = past;
}

static void count_for(struct worker *w, struct alert_count *counts, const struct engine *e, struct past_count c)
{
	uint32_t number = e ? engine_number(e, c.gid, c.sid) : UINT32_MAX;
	if (number == UINT32_MAX) {
		add_past(w, c.gid, c.sid, c.count);
		return;
	}
	counts[number].sig = engine_find(e, c.gid, c.sid);
	counts[number].count += c.count;
}

static void carry_counts(struct worker *w, struct alert_count *counts, const struct engine *e)
{
	struct past_count *past = w->past;
	size_t n_past = w->n_past;
	w->past = NULL;
	w->n_past = 0;
	for (size_t i = 0; i < n_past; i++)
		count_for(w, counts, e, past[i]);
	for (size_t i = 0; i < w->n_alerts; i++)
		if (w->alerts[i].sig)
			count_for(w, counts, e, (struct past_count){w->alerts[i].sig->gid, w->alerts[i].sig->sid, w->alerts[i].count});
	free(past);
}

int worker_use(struct worker *w, const struct edition *e)
{
	size_t n;
	struct alert_count *counts = counts_new(e->engine, &n);
	if (!counts || detect_scratch_use(w->detect, e->engine)) {
		free(counts);
		return -ENOMEM;
	}
	carry_counts(w, counts, e->engine);
	free(w->alerts);
	w->alerts = counts;
	w->n_alerts = n;
	responder_use(w->responder, &e->respond);
	set_wants(w, e->engine);
	return 0;
}

void worker_totals(const struct worker *w, struct worker_totals *out)
{
	*out = (struct worker_totals){.packets = w->packets, .bytes = w->bytes, .drops = w->drops, .first = w->first, .last = w->now,
				      .flows = w->counters.value[COUNTER_FLOW_TOTAL], .alerts = w->counters.value[COUNTER_DETECT_ALERT]};
}

const struct counters *worker_counters(const struct worker *w)
{
	return &w->counters;
}

const uint64_t *worker_event_counts(const struct worker *w)
{
	return w->event_counts;
}

const struct app_worker *worker_app(const struct worker *w)
{
	return &w->app;
}

void worker_alerts(const struct worker *w, void (*visit)(void *c, const struct signature *sig, uint64_t count), void *context)
{
	for (size_t i = 0; i < w->n_alerts; i++)
		if (w->alerts[i].sig)
			visit(context, w->alerts[i].sig, w->alerts[i].count);
}
