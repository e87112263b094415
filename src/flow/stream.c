// SPDX-License-Identifier: GPL-2.0-or-later
/* The stream engine: its settings, its sessions, and a packet's way through it. */
#include "flow/stream_private.h"

#include "flow/flow_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *const tcp_state_names[] = {"none", "syn_sent", "syn_recv", "established", "fin_wait1", "fin_wait2", "time_wait",
				       "last_ack", "close_wait", "closing", "closed", NULL};

static const char *const urgent_names[] = {"inline", "drop", "oob", "gap", NULL};
static const char *const urgent_limit_names[] = {"inline", "drop", "gap", NULL};

#define AT(member) offsetof(struct stream_settings, member)
static const struct setting stream_rows[] = {
	{"stream.memcap", SETTING_SIZE, AT(memcap), "64mb", NULL, 0, 0, "most memory of sessions"},
	{"stream.midstream", SETTING_BOOL, AT(midstream), "no", NULL, 0, 0, "take up sessions whose beginning was not seen"},
	{"stream.async-oneside", SETTING_BOOL, AT(async_oneside), "no", NULL, 0, 0, "follow sessions of which one direction alone is seen"},
	{"stream.checksum-validation", SETTING_BOOL, AT(checksum_validation), "yes", NULL, 0, 0, "packets with a wrong checksum do not count"},
	{"stream.drop-invalid", SETTING_BOOL, AT(drop_invalid), "yes", NULL, 0, 0, "inline: drop what the state machine refuses"},
	{"stream.bypass", SETTING_BOOL, AT(bypass), "no", NULL, 0, 0, "bypass a flow whose depth is reached"},
	{"stream.liberal-timestamps", SETTING_BOOL, AT(liberal_timestamps), "yes", NULL, 0, 0, "timestamps are judged as Linux does"},
	{"stream.max-synack-queued", SETTING_U32, AT(max_synack_queued), "5", NULL, 0, 255, "differing SYN/ACKs kept of a handshake"},
	{"stream.max-syn-queued", SETTING_U32, AT(max_syn_queued), "10", NULL, 0, 255, "differing SYNs kept of a handshake"},
	{"stream.prealloc-sessions", SETTING_U32, AT(prealloc_sessions), "2048", NULL, 0, 0, "not needed: sessions come from slabs"},
	{"stream.reassembly.memcap", SETTING_SIZE, AT(reassembly_memcap), "256mb", NULL, 0, 0, "most memory of stored payload"},
	{"stream.reassembly.depth", SETTING_SIZE, AT(depth), "0", NULL, 0, 0, "bytes of a direction that are looked at; 0: all"},
	{"stream.reassembly.toserver-chunk-size", SETTING_SIZE, AT(chunk_size[0]), "2560", NULL, 1, 1u << 30, "raw inspection waits for so much"},
	{"stream.reassembly.toclient-chunk-size", SETTING_SIZE, AT(chunk_size[1]), "2560", NULL, 1, 1u << 30, "the same, to the client"},
	{"stream.reassembly.randomize-chunk-size", SETTING_BOOL, AT(randomize_chunk_size), "yes", NULL, 0, 0, "vary the chunk size"},
	{"stream.reassembly.randomize-chunk-range", SETTING_U32, AT(randomize_chunk_range), "10", NULL, 0, 100, "by at most so many percent"},
	{"stream.reassembly.raw", SETTING_BOOL, AT(raw), "yes", NULL, 0, 0, "rules see raw stream data"},
	{"stream.reassembly.segment-prealloc", SETTING_U32, AT(segment_prealloc), "2048", NULL, 0, 0, "not needed: blocks come from a pool"},
	{"stream.reassembly.max-regions", SETTING_U32, AT(max_regions), "8", NULL, 0, 0, "not needed: separate pieces are bounded anyhow"},
	{"stream.reassembly.check-overlap-different-data", SETTING_BOOL, AT(check_overlap), "yes", NULL, 0, 0, "compare retransmitted data"},
	{"stream.reassembly.urgent.policy", SETTING_ENUM, AT(urgent_policy), "oob", urgent_names, 0, 0, "what to do with urgent data"},
	{"stream.reassembly.urgent.oob-limit-policy", SETTING_ENUM, AT(urgent_oob_limit_policy), "drop", urgent_limit_names, 0, 0,
	 "what to do beyond the limit"},
	{"stream.reassembly.urgent.oob-limit", SETTING_U32, AT(urgent_oob_limit), "65535", NULL, 0, 65535, "most out-of-band bytes of a direction"},
};

/*
 * The policy for sessions taken up in their middle is about flows, and must not contradict the wish to take them up: the manual's table
 * in "Exception Policies" says which go together.
 */
static bool midstream_policy_fits(const char *own, bool midstream, bool ips)
{
	if (strcmp(own, "drop-packet") == 0 || strcmp(own, "pass-packet") == 0)
		return false;
	if (strcmp(own, "drop-flow") == 0)
		return ips && !midstream;
	if (strcmp(own, "bypass") == 0 || strcmp(own, "reject") == 0 || strcmp(own, "rejectboth") == 0)
		return !midstream;
	return true;
}

static int read_midstream_policy(struct stream_settings *s, struct conf *conf, bool ips, struct error *error)
{
	struct conf *node = conf_get(conf, "stream.midstream-policy");
	const char *own = conf_string(conf, "stream.midstream-policy", NULL);
	if (own && !midstream_policy_fits(own, s->midstream, ips)) {
		error_set(error, EINVAL, "stream.midstream-policy: '%s' does not go with stream.midstream: %s%s", own, s->midstream ? "true" : "false",
			  ips ? "" : " where nothing can be dropped");
		return node ? conf_place(node, error) : -EINVAL;
	}
	int rc = exception_policy_read(conf, "stream.midstream-policy", ips, false, &s->midstream_policy, error);
	bool of_packet = s->midstream_policy == EXCEPTION_DROP_PACKET || s->midstream_policy == EXCEPTION_PASS_PACKET;
	if (rc == 0 && !own && (s->midstream || of_packet)) /* who accepts such sessions does not want them dropped by default */
		s->midstream_policy = EXCEPTION_IGNORE;
	return rc;
}

int stream_settings_read(struct stream_settings *s, struct conf *conf, bool ips, struct error *error)
{
	*s = (struct stream_settings){0};
	int rc = settings_read(stream_rows, sizeof stream_rows / sizeof *stream_rows, conf, s, error);
	if (rc)
		return rc;
	/* names of the limit's policy have no "oob" among them */
	s->urgent_oob_limit_policy = s->urgent_oob_limit_policy == 2 ? URGENT_GAP : s->urgent_oob_limit_policy;
	const char *in_line = conf_string(conf, "stream.inline", "auto");
	s->inline_mode = strcmp(in_line, "auto") == 0 ? ips : conf_is_true(in_line);
	rc = exception_policy_read(conf, "stream.memcap-policy", ips, false, &s->memcap_policy, error);
	if (rc == 0)
		rc = exception_policy_read(conf, "stream.reassembly.memcap-policy", ips, false, &s->reassembly_memcap_policy, error);
	if (rc == 0)
		rc = read_midstream_policy(s, conf, ips, error);
	s->ips = ips;
	return rc;
}

static uint64_t chunk_size(const struct stream_settings *s, int direction)
{
	uint64_t size = s->chunk_size[direction];
	if (!s->randomize_chunk_size)
		return size;
	int64_t range = (int64_t)(size * s->randomize_chunk_range / 100);
	int64_t off = range ? random() % (2 * range + 1) - range : 0;
	return (uint64_t)((int64_t)size + off > 0 ? (int64_t)size + off : 1);
}

struct stream_engine *stream_engine_new(const struct stream_settings *s, const struct host_os *os, struct flow_table *flows,
					struct counters *counters, uint64_t *event_counts)
{
	struct stream_engine *e = calloc(1, sizeof *e);
	if (!e)
		return NULL;
	e->settings = *s;
	e->os = os;
	e->flows = flows;
	e->counters = counters;
	e->event_counts = event_counts;
	e->pool.cap = s->reassembly_memcap;
	for (int d = 0; d < 2; d++)
		e->chunk_size[d] = chunk_size(s, d);
	slab_init(&e->sessions, sizeof(struct tcp_session));
	return e;
}

void stream_on_midstream(struct stream_engine *e, bool (*known)(void *context, const struct packet *p), void *context)
{
	e->known = known;
	e->known_context = context;
}

void stream_engine_free(struct stream_engine *e)
{
	if (!e)
		return;
	slab_free(&e->sessions);
	store_pool_deinit(&e->pool);
	free(e);
}

void stream_session_free(struct stream_engine *e, struct flow *f)
{
	struct tcp_session *s = f->tcp;
	if (!s)
		return;
	if (e->live.session == s)
		stream_forget_live(e);
	f->tcp_state = s->state;
	for (int d = 0; d < 2; d++)
		store_free(&e->pool, s->side[d].store);
	session_free_queue(s);
	slab_give(&e->sessions, s);
	e->counters->value[COUNTER_TCP_MEMUSE] -= sizeof *s;
	e->counters->value[COUNTER_TCP_ACTIVE_SESSIONS]--;
	e->counters->value[COUNTER_TCP_REASSEMBLY_MEMUSE] = e->pool.used;
	f->tcp = NULL;
}

void stream_swap(struct tcp_session *s)
{
	struct stream_side side = s->side[0];
	s->side[0] = s->side[1];
	s->side[1] = side;
	uint32_t depth = s->reassembly_depth[0];
	s->reassembly_depth[0] = s->reassembly_depth[1];
	s->reassembly_depth[1] = depth;
}

enum counter flow_tcp_end_counter(const struct flow *f)
{
	static const uint16_t counter[] = {
		[TCP_NONE] = COUNTER_FLOW_END_TCP_STATE_NONE, [TCP_SYN_SENT] = COUNTER_FLOW_END_TCP_STATE_SYN_SENT,
		[TCP_SYN_RECV] = COUNTER_FLOW_END_TCP_STATE_SYN_RECV, [TCP_ESTABLISHED] = COUNTER_FLOW_END_TCP_STATE_ESTABLISHED,
		[TCP_FIN_WAIT1] = COUNTER_FLOW_END_TCP_STATE_FIN_WAIT1, [TCP_FIN_WAIT2] = COUNTER_FLOW_END_TCP_STATE_FIN_WAIT2,
		[TCP_TIME_WAIT] = COUNTER_FLOW_END_TCP_STATE_TIME_WAIT, [TCP_LAST_ACK] = COUNTER_FLOW_END_TCP_STATE_LAST_ACK,
		[TCP_CLOSE_WAIT] = COUNTER_FLOW_END_TCP_STATE_CLOSE_WAIT, [TCP_CLOSING] = COUNTER_FLOW_END_TCP_STATE_CLOSING,
		[TCP_CLOSED] = COUNTER_FLOW_END_TCP_STATE_CLOSED,
	};
	return counter[f->tcp ? f->tcp->state : f->tcp_state];
}

uint16_t stream_mss(const struct flow *f, int direction)
{
	return f->tcp ? f->tcp->side[direction].mss : 0;
}

size_t stream_piece_size(const struct packet *p)
{
	enum { USUAL_MTU = 1500, LEAST = 500 };
	uint16_t mss = p->flow ? stream_mss(p->flow, packet_direction(p)) : 0;
	if (mss)
		return mss;
	size_t headers = p->ip.data && p->payload.data ? (size_t)(p->payload.data - p->ip.data) : 40;
	return headers + LEAST < USUAL_MTU ? USUAL_MTU - headers : LEAST;
}

void segment_event(struct segment *g, enum packet_event event)
{
	packet_add_event(g->p, event);
	if (g->e->event_counts)
		g->e->event_counts[event]++;
}

bool segment_refuse(struct segment *g, enum packet_event event)
{
	segment_event(g, event);
	return false;
}

void session_state(struct segment *g, enum tcp_state state)
{
	struct tcp_session *s = g->s;
	if (s->state == state)
		return;
	s->state_before = s->state;
	s->state = (uint8_t)state;
	g->f->tcp_state = (uint8_t)state;
	switch (state) {
	case TCP_NONE:
	case TCP_SYN_SENT:
	case TCP_SYN_RECV:
		flow_set_state(g->e->flows, g->f, FLOW_NEW);
		break;
	case TCP_LAST_ACK:
	case TCP_TIME_WAIT:
	case TCP_CLOSED:
		flow_set_state(g->e->flows, g->f, FLOW_CLOSED);
		break;
	default:
		flow_set_state(g->e->flows, g->f, FLOW_ESTABLISHED);
	}
}

static bool checksum_ok(const struct stream_engine *e, const struct packet *p)
{
	if (!e->settings.checksum_validation ||
	    p->flags & (PACKET_IGNORE_CHECKSUM | PACKET_CHECKSUM_READY | PACKET_CHECKSUM_PARTIAL | PACKET_PSEUDO | PACKET_TRUNCATED))
		return true;
	return packet_checksum_transport_ok(p);
}

static void count_flags(struct stream_engine *e, const struct packet *p)
{
	uint8_t flags = p->tcp.flags;
	if ((flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK))
		COUNT(e->counters, TCP_SYNACK);
	else if (flags & TCP_SYN)
		COUNT(e->counters, TCP_SYN);
	if (flags & TCP_RST)
		COUNT(e->counters, TCP_RST);
	if (flags & TCP_URG)
		COUNT(e->counters, TCP_URG);
}

static bool run_states(struct segment *g)
{
	if (!g->s)
		return session_open(g);
	switch (g->s->state) {
	case TCP_NONE:
		return session_open(g);
	case TCP_SYN_SENT:
	case TCP_SYN_RECV:
		return handshake_packet(g);
	default:
		return state_packet(g);
	}
}

static void refuse_packet(struct segment *g)
{
	g->p->flags |= PACKET_NO_STREAM;
	if (g->e->settings.ips && g->e->settings.inline_mode && g->e->settings.drop_invalid) {
		packet_drop(g->p, DROP_STREAM_ERROR);
		g->result |= STREAM_DROP;
	}
}

static void mark_packet(struct segment *g, bool was_established)
{
	struct tcp_session *s = g->s;
	if (!s)
		return;
	g->f->tcp_flags[packet_direction(g->p)] |= g->flags;
	g->f->tcp_flags_all |= g->flags;
	if (s->state >= TCP_ESTABLISHED)
		g->p->flags |= PACKET_STREAM_EST;
	if (s->state >= TCP_ESTABLISHED && was_established)
		g->p->flags |= PACKET_ESTABLISHED;
	else
		g->p->flags &= ~(uint32_t)PACKET_ESTABLISHED;
	g->e->counters->value[COUNTER_TCP_REASSEMBLY_MEMUSE] = g->e->pool.used;
	for (int d = 0; d < 2; d++)
		if (stream_has_news(g->e, s, d, false))
			g->result |= d ? STREAM_DATA_TO_CLIENT : STREAM_DATA_TO_SERVER;
}

unsigned stream_packet(struct stream_engine *e, struct packet *p)
{
	struct flow *f = p->flow;
	stream_forget_live(e);
	if (!checksum_ok(e, p)) {
		COUNT(e->counters, TCP_INVALID_CHECKSUM);
		p->flags |= PACKET_NO_STREAM;
		return 0;
	}
	count_flags(e, p);
	int d = packet_direction(p);
	struct segment g = {.e = e, .p = p, .f = f, .s = f->tcp, .direction = d, .seq = p->tcp.seq, .ack = p->tcp.ack,
			    .len = (uint32_t)p->payload.len + packet_uncopied(p), .flags = p->tcp.flags};
	if (g.s) {
		g.from = &g.s->side[d];
		g.to = &g.s->side[!d];
	}
	if (!(g.flags & TCP_ACK) && g.ack != 0)
		segment_event(&g, EVENT_STREAM_PKT_BROKEN_ACK);
	bool was_established = g.s && g.s->state >= TCP_ESTABLISHED;
	if (!run_states(&g))
		refuse_packet(&g);
	mark_packet(&g, was_established);
	return g.result;
}
