// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The block sets of sluice's table, blocked4 and blocked6: prefixes with timeouts that `early` drops before conntrack, by source and by destination. Calls
 * are synchronous, may come from any thread, and go over the process's one socket (see gateway_after_fork).
 */
#pragma once

#include "base/address.h"
#include "base/clock.h"
#include "base/error.h"

struct gateway_block {
	struct address prefix; /* bits behind len are zero */
	uint8_t len;           /* 1 to 32 or 128 */
	usec_t lasts;          /* from now; 0: until taken away */
};

struct gateway_sets;
struct gateway_sets *gateway_sets_open(struct error *error); /* NULL with words */
void gateway_sets_close(struct gateway_sets *s);
/*
 * Takes `remove` away and puts `add` in; a refreshed element is named in both. Up to GATEWAY_SETS_BATCH elements of both kinds together are one transaction; of
 * more, all removals come first. Elements that are gone already (their time is up) are no error. -ENOENT: there is no table; -EEXIST: an added
 * prefix lies over one that is there.
 */
enum { GATEWAY_SETS_BATCH = 1000 };
int gateway_sets_change(struct gateway_sets *s, const struct gateway_block *remove, size_t n_remove, const struct gateway_block *add, size_t n_add,
			struct error *error);
/* Each element with what is left of its time and what it dropped. */
int gateway_sets_read(struct gateway_sets *s, void (*visit)(void *context, const struct gateway_block *b, uint64_t packets, uint64_t bytes), void *context,
		      struct error *error);
/* One element of any set or map of the table; `each` gets the message. -ENOENT: it is not there. */
struct nlmsghdr;
int gateway_sets_find(struct gateway_sets *s, const char *set, const void *key, size_t len, int (*each)(const struct nlmsghdr *m, void *context), void *context);
