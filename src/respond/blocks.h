// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who is blocked, until when, why and by which rule; escalation of IPv6 sources to prefixes. The list is the truth; the kernel's sets follow it through the
 * ops that the daemon hands in. Thread-safe: one lock, taken only when somebody is blocked, unblocked or listed, never per packet.
 *
 * No two blocks overlap, as an interval set wants it: what lies within a wider block is part of that.
 */
#pragma once

#include "base/address.h"
#include "base/clock.h"
#include "base/conf.h"
#include "base/error.h"

struct block {
	struct address prefix;
	uint8_t len;
	usec_t since, until;   /* real time; until 0: for good */
	uint32_t gid, sid, generation; /* 0: by a person */
	uint64_t flow_id;      /* of the flow that the verdict fell on; 0: none */
	char why[120];         /* "respond.rules.2: ET EXPLOIT …", or what the person said */
	uint64_t packets, bytes; /* dropped, as last read from the kernel (block_list_note) */
	uint8_t pending;       /* enum block_pending */
};

/* What the kernel refused stays in the list, says so, and is tried again. */
enum block_pending { BLOCK_IN_FORCE, BLOCK_NEVER_YET, BLOCK_UNSURE /* it was in force, and may be as before */ };
extern const char *const block_pending_names[]; /* "in force", "pending", "unsure" */

struct block_change { struct address prefix; uint8_t len; usec_t lasts; /* from now; 0: for good */ };
enum block_event { BLOCK_ADDED, BLOCK_EXTENDED /* a later end */, BLOCK_ESCALATED /* to a wider prefix */, BLOCK_REMOVED, BLOCK_EXPIRED, BLOCK_RESTORED,
		   BLOCK_WAITS /* the kernel refused it */ };
extern const char *const block_event_names[]; /* "block", "extend", "escalate", "unblock", "expire", "restore", "pending" */
struct block_ops { /* called under the list's lock, from any thread */
	/* One transaction as far as the kernel's sets can. -errno: what it was about is tried again. NULL: no kernel. */
	int (*change)(void *context, const struct block_change *remove, size_t n_remove, const struct block_change *add, size_t n_add, struct error *error);
	/* After it happened; `covered`: how many blocks the new one took in. NULL: nobody listens. */
	void (*event)(void *context, enum block_event what, const struct block *b, size_t covered);
	void *context;
};

struct block_settings { /* respond.block.* */
	uint32_t max;                    /* entries at most; then new ones are refused and counted */
	/*
	 * How many members make a prefix one block: addresses of a /64, /64s of a /56 in which somebody is blocked, /56s of a /48 likewise; 0: never.
	 * Only blocks by a rule escalate.
	 */
	uint32_t escalate_64, escalate_56, escalate_48;
	const char *state_file;          /* blocks with time left survive a restart; NULL: they do not */
};
int block_settings_read(struct block_settings *s, struct conf *conf, struct error *error);

struct block_list;
struct block_list *block_list_new(const struct block_settings *s, const struct block_ops *ops); /* both are copied; state_file's text is not */
void block_list_free(struct block_list *l);

/*
 * Blocks; what is blocked already, by itself or within a wider prefix, gets the later end (a later end by less than a second changes nothing).
 * 1: escalated to a wider prefix, 0: done; *done says what now stands. -EINVAL: no address or length, or its time is over; -ENOSPC: list
 * full; -errno: the kernel refused: the block is pending, or, if it was to take the place of others, not made.
 * The caller has asked the allow list for b->prefix; `allowed` (NULL: nobody) is asked again for every wider prefix.
 */
int block_list_add(struct block_list *l, const struct block *b, usec_t now, bool (*allowed)(void *context, const struct address *a, unsigned len), void *context,
		   struct block *done, struct error *error);
int block_list_remove(struct block_list *l, const struct address *a, unsigned len, struct error *error); /* -ENOENT: not blocked, or within a wider one, which the words name */
void block_list_expire(struct block_list *l, usec_t now); /* the kernel's elements have ended by themselves */
size_t block_list_count(struct block_list *l);
/* The block that an address is in. */
bool block_list_find(struct block_list *l, const struct address *a, struct block *out);
/* In the order of their ends, those for good last; as they were at the moment of the call, for the lock is not held meanwhile. */
void block_list_visit(struct block_list *l, void (*visit)(void *context, const struct block *b), void *context);
/* What the kernel counted for an element. False: there is no such block. */
bool block_list_note(struct block_list *l, const struct address *a, unsigned len, uint64_t packets, uint64_t bytes);
/* What is pending is tried again, in pieces; returns how many are left, and why then. */
size_t block_list_retry(struct block_list *l, usec_t now, struct error *error);
size_t block_list_pending(struct block_list *l);
/* All into the kernel again, after the table was made anew. -errno: they are pending. */
int block_list_reload(struct block_list *l, usec_t now, struct error *error);
/* State file, replaced by rename unless nothing changed since; reading drops what is over and what `allowed` now names,
 * and is followed by one change of the kernel's sets. 0 if there is no file. */
int block_list_save(struct block_list *l, struct error *error);
int block_list_restore(struct block_list *l, usec_t now, bool (*allowed)(void *context, const struct address *a, unsigned len), void *context, struct error *error);
