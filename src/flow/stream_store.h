// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Private to stream*.c: the bytes of one direction, as runs: sorted, disjoint, each contiguous, addressed by 64-bit offsets.
 * What comes in order extends the last run; what comes early starts one. Neighbours are joined only when somebody
 * wants to see across (store_view), so that each byte is moved at most once more, however it arrives.
 *
 * Beside the runs: where segments began and ended, since the overlap policies of operating systems ask for that.
 */
#pragma once

#include "base/bytes.h"
#include "flow/defrag.h"

enum { STORE_MAX_RUNS = 1024, STORE_MAX_SEGMENTS = 4096, STORE_CLASSES = 9, STORE_SMALLEST = 256 };

struct store_run {
	uint64_t start;
	uint32_t head, len, room; /* the run's bytes are data[head … head + len) */
	uint8_t *data;
};

struct store_segment {
	uint64_t start, end;
};

struct stream_store {
	struct store_run *run;
	uint32_t n_runs, runs_room;
	struct store_segment *segment;
	uint32_t n_segments, segments_room;
	uint32_t n_urgent;         /* out-of-band bytes: their raw offsets, newest last */
	uint64_t urgent[16];
};

/* Where stores take memory: spare blocks by size, and what all of them hold. One a worker. */
struct store_pool {
	void *spare[STORE_CLASSES];
	uint32_t n_spare[STORE_CLASSES];
	uint64_t used, cap; /* bytes; cap: stream.reassembly.memcap */
	struct store_segment *scratch;
	uint32_t scratch_room;
};

struct stream_store *store_new(struct store_pool *pool); /* NULL: memcap or no memory */
void store_free(struct store_pool *pool, struct stream_store *s);
void store_pool_deinit(struct store_pool *pool);

enum store_result { STORE_DIFFERS = 1, STORE_OVERLAP = 2, STORE_FULL = 4 };

/*
 * Takes in a segment. What is new is kept; where bytes are there already, `policy` says who wins, but never left of `frozen`. With
 * `fix` (inline) the first copy stays and is written over the segment's own bytes. Returns enum store_result bits.
 */
unsigned store_insert(struct store_pool *pool, struct stream_store *s, uint64_t offset, struct bytes b, enum os_policy policy,
		      uint64_t frozen, uint8_t *fix);

/* The stored bytes from `from` up to `to` at most, joined into one run first. Empty: nothing is stored at `from`. */
struct bytes store_view(struct store_pool *pool, struct stream_store *s, uint64_t from, uint64_t to);
/* The same without joining: what one run has. */
struct bytes store_peek(const struct stream_store *s, uint64_t from, uint64_t to);
/* How far stored bytes go on from `from` without a gap; `from` if there are none. */
uint64_t store_contiguous(const struct stream_store *s, uint64_t from);
/* The start of the first stored byte at or after `from`; UINT64_MAX: none. */
uint64_t store_next(const struct stream_store *s, uint64_t from);
/* The first stored byte in a row that ends at `from`. */
uint64_t store_reach_back(const struct stream_store *s, uint64_t from);
/* Lets go of what lies left of `offset`. */
void store_cut(struct store_pool *pool, struct stream_store *s, uint64_t offset);
/* Nothing more is expected: what is left moves to blocks of its size. */
void store_fit(struct store_pool *pool, struct stream_store *s);
