// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Bytes become segments of one connection. What must hold whatever comes: the app layer's offsets only grow and follow each other,
 * what it has seen is what was sent at that place by somebody, memory stays within its cap, and all of it is given back.
 *
 * First byte: mode. Then eight bytes a segment: who and flags, sequence (2), acknowledgement (2), length, window, oddities.
 */
#include "flow/stream_script.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool right)
{
	if (!right)
		abort();
}

static const struct flow_settings flow_set = {
	.memcap = 1 << 20, .hash_size = 16, .timeout = {{30, 300, 0, 100, 100}, {60, 600, 60, 100, 100}, {30, 300, 0, 100, 100}, {30, 300, 0, 100, 100}},
};

static void read_side(struct script *s, int d, bool flush, uint64_t at[2], unsigned take)
{
	struct stream_chunk c;
	for (int i = 0; i < 64 && s->flow && s->flow->tcp && stream_app_next(s->streams, s->flow, d, flush, &c); i++) {
		check(c.offset >= at[d]); /* a turned flow begins anew */
		uint64_t n = c.flags & STREAM_GAP ? c.data.len : c.data.len * take / 4;
		for (size_t k = 0; c.data.data && k < c.data.len; k++)
			check(c.data.data[k] == 'A' || c.data.data[k] == 'B');
		stream_app_consumed(s->streams, s->flow, d, n);
		at[d] = c.offset + n;
		if (c.flags & STREAM_EOF)
			break;
	}
}

static void read_raw(struct script *s, int d, bool flush)
{
	struct stream_chunk c;
	uint64_t fresh;
	for (int i = 0; i < 4 && s->flow && stream_raw_next(s->streams, s->flow, &s->packet, d, flush, &c, &fresh); i++) {
		check(fresh >= c.offset && fresh < c.offset + c.data.len && c.data.data);
		stream_raw_done(s->flow, d, c.offset + c.data.len);
	}
}

static void send_segment(struct script *s, const uint8_t *b, uint64_t at[2], uint8_t mode)
{
	static uint8_t data[2048];
	int d = b[0] >> 7;
	struct packet *p = script_packet(s, d);
	uint32_t isn[2] = {SCRIPT_ISN_CLIENT, SCRIPT_ISN_SERVER};
	p->tcp.flags = b[0] & 0x3f;
	p->tcp.seq = isn[d] + (uint32_t)(int32_t)(int16_t)load_be16(b + 1);
	p->tcp.ack = isn[!d] + (uint32_t)(int32_t)(int16_t)load_be16(b + 3);
	p->tcp.window = (uint16_t)(b[6] << 8 | 255);
	p->tcp.urgent = b[7] & 3;
	p->tcp.has_fast_open = b[7] & 4;
	p->tcp.has_timestamp = b[7] & 8;
	p->tcp.ts_value = b[7] >> 4;
	p->tcp.has_wscale = b[0] & 64;
	p->tcp.wscale = b[7] >> 4;
	s->now += b[7] * 1000;
	p->time = s->now;
	memset(data, b[7] & 1 ? 'A' : 'B', sizeof data);
	script_payload(s, p, data, b[5] * 8u);
	struct flow *before = s->flow;
	s->flow = flow_table_get(s->flows, p);
	check(s->flow != NULL);
	if (s->flow != before || !s->flow->tcp)
		at[0] = at[1] = 0;
	if (s->flow->tcp)
		s->flow->tcp->side[0].os = s->flow->tcp->side[1].os = (uint8_t)(mode >> 4) % OS_POLICY_N_;
	uint32_t flags = s->flow->flags;
	stream_packet(s->streams, p);
	if ((flags ^ s->flow->flags) & FLOW_SWAPPED)
		at[0] = at[1] = 0;
	if (s->flow->tcp) {
		read_side(s, 0, false, at, 4);
		read_side(s, 1, false, at, b[7] & 3);
		read_raw(s, packet_direction(p), false);
		uint8_t out[64];
		check(stream_payload(s->streams, s->flow, 0, out, sizeof out) <= sizeof out);
	}
	stream_prune(s->streams, s->flow);
	memset(s->wire, 'z', 40 + b[5] * 8u); /* the packet is gone: nobody may look at it */
	check(s->counters.value[COUNTER_TCP_REASSEMBLY_MEMUSE] <= 256 << 10);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct script s;
	uint64_t at[2] = {0, 0};
	if (size < 1)
		return 0;
	uint8_t mode = data[0];
	struct stream_settings set = {
		.memcap = 1 << 20, .reassembly_memcap = 256 << 10, .depth = mode & 8 ? 4096 : 0, .inline_mode = mode & 1, .ips = mode & 1,
		.midstream = mode & 2, .async_oneside = mode & 4, .max_syn_queued = 3, .max_synack_queued = 3, .chunk_size = {100, 100}, .raw = true,
		.liberal_timestamps = true, .urgent_policy = mode & 8 ? URGENT_OOB : URGENT_INLINE, .urgent_oob_limit = 4,
		.urgent_oob_limit_policy = URGENT_GAP,
	};
	script_begin(&s, &set, &flow_set);
	for (size_t i = 1; i + 8 <= size; i += 8)
		send_segment(&s, data + i, at, mode);
	for (int d = 0; s.flow && s.flow->tcp && d < 2; d++) {
		read_side(&s, d, true, at, 4);
		read_raw(&s, d, true);
	}
	script_finish(&s);
	check(s.counters.value[COUNTER_TCP_REASSEMBLY_MEMUSE] == 0 && s.counters.value[COUNTER_TCP_MEMUSE] == 0);
	return 0;
}
