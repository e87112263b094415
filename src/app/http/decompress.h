// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Content codings undone, piece by piece: gzip, deflate (with or without zlib's header), br, lzma, one behind the other.
 *
 * Servers and clients disagree about what a coding's name means, and attackers live from that: so the first bytes decide
 * between gzip, zlib and raw deflate whatever the header said, broken gzip headers are stepped over, and what is no
 * compressed data at all goes through as it is. Output is bounded by the ratio and time limits.
 */
#pragma once

#include "base/bytes.h"
#include "base/clock.h"

struct decompress_limits {
	unsigned layers;
	bool lzma;
	uint64_t lzma_memory;
	uint64_t bomb_bytes;  /* more output than this at a ratio above 2048: a bomb */
	usec_t time;          /* spent on one body */
};

enum decompress_event {
	DECOMPRESS_FAILED = 1, DECOMPRESS_LZMA_MEMORY = 2, DECOMPRESS_BOMB = 4, DECOMPRESS_LAYERS = 8, DECOMPRESS_ABNORMAL = 16,
};

typedef void (*decompress_sink)(void *context, struct bytes data);

struct decompressor;

/* By the value of a Content-Encoding header. NULL: nothing to undo, or no memory. `events` gets DECOMPRESS_… bits. */
struct decompressor *decompressor_new(struct bytes codings, const struct decompress_limits *limits, unsigned *events);
/* Hands what comes out to the sink, in order. Returns DECOMPRESS_… bits that are new. */
unsigned decompressor_feed(struct decompressor *d, struct bytes data, decompress_sink sink, void *context);
/* The end: what was held back to be sure comes out. */
void decompressor_finish(struct decompressor *d, decompress_sink sink, void *context);
void decompressor_free(struct decompressor *d);
/* About what it may come to hold. */
size_t decompressor_size(const struct decompressor *d);
