// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Private to stream*.c. stream.c: settings, engine, a packet's way through; stream_handshake.c: how sessions begin;
 * stream_state.c: what each state lets pass; stream_reassemble.c: what bytes go in and may be seen; stream_store.c: the bytes.
 */
#pragma once

#include "flow/stream.h"
#include "flow/stream_store.h"

struct stream_engine {
	struct stream_settings settings;
	const struct host_os *os;
	struct flow_table *flows;
	struct counters *counters;
	uint64_t *event_counts;
	struct slab sessions;
	struct store_pool pool;
	uint64_t chunk_size[2];
	bool (*known)(void *context, const struct packet *p); /* see stream_on_midstream */
	void *known_context;
	bool raw_used; /* raw inspection has asked at least once: what it has not had is kept for it */
	/* Inline: the payload of the packet at hand, in order, not copied yet. It lies right of all that is stored. */
	struct {
		struct tcp_session *session; /* NULL: none */
		uint64_t offset;
		struct bytes data;
	} live;
};

/* A packet in its session. */
struct segment {
	struct stream_engine *e;
	struct packet *p;
	struct flow *f;
	struct tcp_session *s;
	struct stream_side *from, *to; /* its sender's side and the other */
	int direction;
	uint32_t seq, ack, len;        /* len: of the payload */
	uint8_t flags;
	unsigned result;               /* enum stream_result */
};

/* Sequence numbers: RFC 9293 section 3.4, modulo 2^32. */
static inline bool seq_lt(uint32_t a, uint32_t b) { return (int32_t)(a - b) < 0; }
static inline bool seq_le(uint32_t a, uint32_t b) { return (int32_t)(a - b) <= 0; }
static inline bool seq_gt(uint32_t a, uint32_t b) { return (int32_t)(a - b) > 0; }
static inline bool seq_ge(uint32_t a, uint32_t b) { return (int32_t)(a - b) >= 0; }

/* Notes an event and says that the packet is not valid. */
bool segment_refuse(struct segment *g, enum packet_event event);
void segment_event(struct segment *g, enum packet_event event);
void session_state(struct segment *g, enum tcp_state state);

/* stream_handshake.c; false: the packet is refused */
bool session_open(struct segment *g);
bool handshake_packet(struct segment *g); /* SYN_SENT, SYN_RECV */
void side_begin(struct stream_side *side, uint32_t isn);
void session_free_queue(struct tcp_session *s);

/* stream_state.c */
bool state_packet(struct segment *g);
bool segment_timestamp_ok(struct segment *g);
void segment_note_timestamp(struct segment *g);
bool segment_ack_ok(struct segment *g);
bool segment_rst_ok(struct segment *g);
void segment_take_ack(struct segment *g);
void segment_take_data(struct segment *g);
void segment_take_fin(struct segment *g);
void session_reset(struct segment *g);
uint32_t segment_window(const struct segment *g);

/* stream_reassemble.c */
uint64_t side_offset(const struct stream_side *side, uint32_t seq);
void reassemble_payload(struct segment *g, uint32_t seq);
void reassemble_ack(struct segment *g);
bool stream_has_news(const struct stream_engine *e, const struct tcp_session *s, int direction, bool flush);
void stream_settle(struct stream_engine *e);
void stream_forget_live(struct stream_engine *e);
