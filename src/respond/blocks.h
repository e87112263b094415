// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who is blocked, until when, why and by which rule; escalation of IPv6 sources to prefixes. The list is the truth; the kernel's sets follow it through the
 * ops that the daemon hands in. Thread-safe: one lock, taken only when somebody is blocked, unblocked or listed, never per packet.
 */
#pragma once

#include "base/address.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"

struct block {
	struct address prefix;
	uint8_t len;
	usec_t since, until;   /* real time; until 0: for good */
	uint32_t gid, sid, generation; /* 0: by a person */
	char why[120];         /* "respond.rules[2]: ET EXPLOIT …", or what the person said */
	uint64_t packets, bytes; /* dropped, as last read from the kernel */
};

struct block_change { struct address prefix; uint8_t len; usec_t lasts; /* 0: for good */ };
struct block_ops { /* called under the list's lock, from any thread; the batch is one transaction */
	int (*change)(void *context, const struct block_change *remove, size_t n_remove, const struct block_change *add, size_t n_add, struct error *error);
	void *context;
};

struct block_settings { /* respond.block.* */
	uint32_t max;                    /* entries at most; then new ones are refused and counted */
	uint32_t escalate_64, escalate_56, escalate_48; /* blocked members of a prefix that make it one block; 0: never */
	const char *state_file;          /* blocks with time left survive a restart; NULL: they do not */
};

struct block_list;
struct block_list *block_list_new(const struct block_settings *s, const struct block_ops *ops);
void block_list_free(struct block_list *l);

/*
 * Blocks; an address that is blocked already gets the later end. 1: escalated to a wider prefix (*done says which), 0: done, -ENOSPC: list full,
 * -errno: the kernel refused (the list is unchanged). The caller has asked the allow list for b->prefix; `allowed` is asked again for every wider prefix.
 */
int block_list_add(struct block_list *l, const struct block *b, usec_t now, bool (*allowed)(void *context, const struct address *a, unsigned len), void *context,
		   struct block *done, struct error *error);
int block_list_remove(struct block_list *l, const struct address *a, unsigned len, struct error *error); /* -ENOENT: not blocked */
void block_list_expire(struct block_list *l, usec_t now);
size_t block_list_count(const struct block_list *l);
/* In the order of their ends. The visitor must not call back into the list. */
void block_list_visit(struct block_list *l, void (*visit)(void *context, const struct block *b), void *context);
/* Everything again, after the table was made anew. */
int block_list_reload(struct block_list *l, usec_t now, struct error *error);
/* State file, replaced by rename; reading drops what is over and what `allowed` now names. */
int block_list_save(struct block_list *l, struct error *error);
int block_list_restore(struct block_list *l, usec_t now, bool (*allowed)(void *context, const struct address *a, unsigned len), void *context, struct error *error);
