// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * TCP: state machine (RFC 9293), reassembly, what of a stream may be seen when.
 *
 * The store is addressed by absolute 64-bit offsets; offset 0 is the first byte after the SYN (midstream: the first byte
 * seen). Each direction has left edges: `app` (what the parser has consumed), `raw` (what raw inspection is done with), `log`
 * (payload of alerts). What lies left of all of them is let go by stream_prune.
 *
 * Inline: a segment is visible when it arrives, and the first copy of a byte is the truth: a differing retransmission is
 * overwritten in the packet (PACKET_STREAM_MODIFIED) with the event reassembly_overlap_different_data. Not inline: bytes
 * become visible when the peer's ACK covers them, or at RST, FIN, async, depth or flow end. stream_visible() decides alone.
 */
#pragma once

#include "flow/defrag.h"
#include "flow/flow.h"
#include "flow/range.h"

enum tcp_state { /* names of EVE: lower case */
	TCP_NONE, TCP_SYN_SENT, TCP_SYN_RECV, TCP_ESTABLISHED, TCP_FIN_WAIT1, TCP_FIN_WAIT2, TCP_TIME_WAIT, TCP_LAST_ACK,
	TCP_CLOSE_WAIT, TCP_CLOSING, TCP_CLOSED,
};
extern const char *const tcp_state_names[];

struct stream_settings { /* stream.*; Suricata's meaning */
	uint64_t memcap, reassembly_memcap, depth; /* depth 0: unlimited */
	bool ips; /* packets can be dropped */
	bool inline_mode, midstream, async_oneside, checksum_validation, drop_invalid, bypass;
	uint32_t max_synack_queued, max_syn_queued;
	uint64_t chunk_size[2]; /* raw reassembly, to the server and to the client; randomised by randomize-chunk-range when on */
	uint32_t randomize_chunk_range;
	bool randomize_chunk_size;
	bool raw;
	uint32_t segment_prealloc, max_regions;
	int memcap_policy, reassembly_memcap_policy, midstream_policy; /* enum exception_policy, resolved */
	int urgent_policy; /* enum stream_urgent */
	uint32_t urgent_oob_limit;
	int urgent_oob_limit_policy;
	bool liberal_timestamps;
	uint32_t prealloc_sessions; /* read for the sake of old files; slabs need none */
	bool check_overlap;
};
enum stream_urgent { URGENT_INLINE, URGENT_DROP, URGENT_OOB, URGENT_GAP };
/* `ips`: auto policies become drop-flow; stream.inline auto becomes inline. */
int stream_settings_read(struct stream_settings *s, struct conf *conf, bool ips, struct error *error);

struct stream_side { /* one direction's sender; read by upper layers, written by stream*.c alone */
	uint32_t isn;
	uint32_t origin;         /* sequence number of offset 0 */
	uint32_t next_seq;       /* behind the newest byte (or FIN) it sent */
	uint32_t last_ack;       /* newest acknowledgement of what it sent */
	uint32_t window;         /* what the peer lets it send, scaled */
	uint32_t next_win;       /* right edge of that, as far as it ever went */
	uint32_t last_ts, last_ts_second;
	uint64_t end;            /* offset behind what was seen without a gap (or over gaps that are final) */
	uint64_t highest;        /* offset behind the newest byte seen */
	uint64_t acked;          /* offset the peer's ACK covers */
	uint64_t fin_at;         /* offset of the stream's end, when fin is set */
	uint64_t base;           /* offset of the first byte that may be stored */
	uint64_t app_edge, raw_edge, log_edge; /* left edges */
	uint64_t app_offered;    /* how far the app layer has been offered bytes */
	struct stream_store *store; /* private: bytes; NULL: none */
	uint16_t max_regions;    /* most separate pieces the store ever had; 0 counts as 1 */
	uint16_t mss;
	uint16_t urgent_seen;    /* out-of-band bytes so far */
	uint8_t wscale;
	uint8_t os;              /* enum os_policy of the receiver */
	bool has_wscale : 1, has_timestamp : 1, sack_ok : 1, ts_started : 1;
	bool syn_seen : 1, fin : 1, rst : 1;
	bool gap : 1, depth_reached : 1, depth_offered : 1;
	bool no_app : 1, no_raw : 1; /* parser or raw inspection wants no more */
	bool raw_trigger : 1;    /* raw inspection is to look at once */
	bool live : 1;           /* private: its newest bytes lie in the packet at hand */
	bool eof_offered : 1, eof_delivered : 1, raw_eof_delivered : 1;
};

struct tcp_session {
	uint8_t state, state_before; /* enum tcp_state; state_before: what an RST ended */
	bool midstream : 1, midstream_synack : 1, async : 1, fast_open : 1, four_way : 1, confirmed : 1, bypassed : 1;
	struct stream_side side[2]; /* 0: sent by the client (to the server), 1: by the server */
	struct syn_queue *queue;    /* private: differing SYNs or SYN/ACKs of a handshake */
	uint32_t reassembly_depth[2]; /* per-direction override of the protocol, 0: the setting */
};

struct stream_engine;
struct stream_engine *stream_engine_new(const struct stream_settings *s, const struct host_os *os, struct flow_table *flows,
					struct counters *counters, uint64_t *event_counts);
void stream_engine_free(struct stream_engine *e);
/*
 * A packet without a session whose beginning was not seen: `known` says whether it belongs to a connection that there was before us; then it is
 * taken up in the middle whatever stream.midstream says, and no policy acts.
 */
void stream_on_midstream(struct stream_engine *e, bool (*known)(void *context, const struct packet *p), void *context);

/* What a packet did; bits. */
enum stream_result {
	STREAM_DATA_TO_SERVER = 1, /* the app layer may have something to read in this direction (data, gap or end) */
	STREAM_DATA_TO_CLIENT = 2,
	STREAM_REUSED = 4,         /* the packet opens a new connection on a finished one's tuple: the caller removes the flow and calls flow_table_get and this again */
	STREAM_DROP = 8,           /* inline: the packet is invalid and drop_invalid is set, or the policy says so; packet_drop was called */
};

/*
 * Runs the state machine and takes the payload in. Events go to the packet. p->flow is set and TCP. Inline, the payload is used where it lies:
 * call stream_prune for the flow while the packet is still there, or its bytes count as lost.
 */
unsigned stream_packet(struct stream_engine *e, struct packet *p);

enum stream_chunk_flag { STREAM_START = 1, STREAM_EOF = 2, STREAM_GAP = 4, STREAM_DEPTH = 8 };

struct stream_chunk {
	struct bytes data;   /* contiguous from the edge on; valid until the next stream_packet or stream_prune. Of a gap: data NULL, len its length */
	uint64_t offset;     /* absolute, of data */
	unsigned flags;
};

/*
 * What the app layer may read now in a direction: all visible contiguous bytes right of its edge, or a gap, or the end. False: nothing.
 * `flush`: what is stored is visible whatever the ACKs say (flow end).
 */
bool stream_app_next(struct stream_engine *e, struct flow *f, int direction, bool flush, struct stream_chunk *out);
/* The parser has taken n bytes (or the whole gap: n = its length; or the end: n = 0 with eof delivered). */
void stream_app_consumed(struct stream_engine *e, struct flow *f, int direction, uint64_t n);
/* What was offered and not taken is offered again, though nothing new has come (the other direction has told the protocol, the flow was turned). */
void stream_app_again(struct flow *f, int direction);
/* It wants no more bytes of this direction. */
void stream_app_stop(struct flow *f, int direction);

/*
 * Raw inspection's view for a packet in this direction: the bytes visible since the edge, once they are a chunk, reaching back a little.
 * Inline: the packet's own bytes, in order or not, with what lies before them up to the chunk size and what they join. `fresh` is the offset of
 * the first byte not inspected before. False: nothing new. `flush` as above. At a gap it stops: call again after stream_raw_done.
 */
bool stream_raw_next(struct stream_engine *e, struct flow *f, const struct packet *p, int direction, bool flush, struct stream_chunk *out,
		     uint64_t *fresh);
void stream_raw_done(struct flow *f, int direction, uint64_t upto);
/* At a flow's end: whether there is still something to call stream_raw_next with `flush` for. */
bool stream_raw_is_due(const struct stream_engine *e, const struct flow *f, int direction);
void stream_raw_stop(struct flow *f, int direction);
/* The app layer asks that raw inspection look at once, not only when a chunk is full (end of a request). */
void stream_raw_trigger(struct flow *f, int direction);

/* Payload that an alert shows: stored bytes right of `log_edge`, at most max. Copies, gaps as "[N bytes missing]". */
size_t stream_payload(const struct stream_engine *e, struct flow *f, int direction, uint8_t *out, size_t max);

/* How far a direction may be seen: inline all that came without a gap, else what the peer has acknowledged. */
uint64_t stream_visible(const struct stream_engine *e, const struct tcp_session *s, int direction, bool flush);

/* The segment size of a direction's sender: the SYNs' less options, or the largest plain segment seen; 0: unknown. */
uint16_t stream_mss(const struct flow *f, int direction);
/* The same for a merged packet (PACKET_SUPER) that has its flow: what its pieces had on the wire; a guess where nothing is known. Never 0. */
size_t stream_piece_size(const struct packet *p);
/* Turns the sides; flow_swap calls it. */
void stream_swap(struct tcp_session *s);

/* Lets go of what lies left of all edges. Called after output. */
void stream_prune(struct stream_engine *e, struct flow *f);
/* Frees the session when the flow ends or both sides are closed and done. */
void stream_session_free(struct stream_engine *e, struct flow *f);

/* Sizes for stream_size: bytes sent by the client, by the server, by sequence numbers. */
uint32_t stream_size_of(const struct tcp_session *s, int direction);
/* True if some bytes of a direction are stored that the app layer or raw inspection has not had (flow end). */
bool stream_has_unseen(const struct flow *f, int direction);
