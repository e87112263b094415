// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The bytes of one datagram as they come in: disjoint pieces in order, each a part of some fragment's bytes. Who wins where two
 * fragments overlap is the target's policy. Private to flow/defrag.c and its test.
 */
#pragma once

#include "base/bytes.h"
#include "base/memory.h"

/* After Novak, "Target-Based Fragmentation Reassembly" (2005). */
enum overlap_policy {
	OVERLAP_FIRST,     /* the bytes that came first stay */
	OVERLAP_LAST,      /* the bytes that came last stay */
	OVERLAP_BSD,       /* first, but what begins earlier overwrites */
	OVERLAP_BSD_RIGHT, /* last, but what begins earlier does not overwrite */
	OVERLAP_LINUX,     /* first, but what begins no later overwrites */
	OVERLAP_WINDOWS,   /* first, but what begins earlier and ends later overwrites */
	OVERLAP_SOLARIS,   /* first, but what begins earlier and ends no earlier overwrites */
};

/* A fragment's bytes, shared by its pieces. */
struct blob {
	uint32_t refs, size;
	uint8_t data[];
};

struct piece {
	struct piece *next;
	struct blob *blob;
	uint32_t start, end; /* place in the datagram */
	uint32_t from;       /* place in the blob of `start` */
};

/* Where pieces and bytes come from; shared by all datagrams of a worker. Fragments of usual size come from a slab. */
struct piece_store {
	struct slab pieces, blobs;
	uint64_t memuse;
	size_t n_pieces;
};

struct piece_list {
	struct piece *first, *last;
	uint32_t covered; /* bytes in pieces */
};

void piece_store_init(struct piece_store *s);
void piece_store_free(struct piece_store *s); /* pieces that are still out are freed by their lists before */

/* Takes a copy of `data` as the datagram's bytes from `start` on. -ENOMEM; 1 if it overlaps with bytes that are there, else 0. */
int piece_list_add(struct piece_store *s, struct piece_list *l, enum overlap_policy policy, uint32_t start, struct bytes data);
/* True if the bytes [0, len) are all there. */
bool piece_list_covers(const struct piece_list *l, uint32_t len);
/* Copies [0, len) to `out`; they are all there. */
void piece_list_copy(const struct piece_list *l, uint32_t len, uint8_t *out);
void piece_list_clear(struct piece_store *s, struct piece_list *l);
/* What keeping `len` bytes will be charged, if they stay in one piece. */
uint64_t piece_store_cost(size_t len);
/* For headers: a blob by itself. NULL: no memory. */
struct blob *blob_new(struct piece_store *s, struct bytes data);
void blob_drop(struct piece_store *s, struct blob *b); /* NULL is allowed */
