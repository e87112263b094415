// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What workers share after all: counts and bits by host, by pair of hosts, by rule. One table of locked shards, touched only by
 * rules that use it. Keys and values are plain bytes by value; nothing in it points into an engine. Any thread.
 */
#pragma once

#include "base/address.h"
#include "base/clock.h"

enum shared_kind { /* who owns an entry's meaning */
	SHARED_THRESHOLD, SHARED_DETECTION_FILTER, SHARED_RATE_FILTER, SHARED_HOSTBIT, SHARED_XBIT_PAIR, SHARED_TAG_HOST, SHARED_XBIT_TX,
	SHARED_EXPECTATION, SHARED_KIND_N_
};

struct shared_key {
	uint8_t kind;
	uint32_t gid, sid;     /* or a bit's id */
	uint32_t tenant;
	struct address a, b;   /* unused ones zero */
	uint16_t port_a, port_b;
	uint8_t proto;
};

enum { SHARED_VALUE = 64 };

struct shared_table;
struct shared_table *shared_new(uint64_t memcap, uint64_t seed);
void shared_free(struct shared_table *t);

/*
 * Locks the shard of `key` and returns its value (SHARED_VALUE bytes, zeroed when new, aligned to 16), or NULL, with the shard locked all the same: not there
 * and not to be made, or the memcap is reached. Entries whose `expires` has passed by `now` count as absent. Always call shared_unlock.
 */
void *shared_lock(struct shared_table *t, const struct shared_key *key, usec_t now, bool make);
/* Ends the access. `expires` 0: remove the entry; -1: leave its expiry as it is. */
void shared_unlock(struct shared_table *t, const struct shared_key *key, usec_t expires);
/* Entries of a kind, for "is there any at all" before a look-up; a relaxed read. */
size_t shared_count(const struct shared_table *t, enum shared_kind kind);
/* Frees what has expired; a few shards a call. */
void shared_expire(struct shared_table *t, usec_t now);
