// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Watches the ruleset of this network namespace (NFNLGRP_NFTABLES): is our table still whole, are our priorities still right? Used by the
 * daemon's main thread; `fd` becomes readable when something changed.
 */
#pragma once

#include "gateway/gateway.h"

enum gateway_change {
	GATEWAY_SAME = 0,
	GATEWAY_OTHERS = 1,  /* somebody else's chains or rules changed: look at the priority again */
	GATEWAY_DAMAGED = 2, /* our table, or a part of it, is gone or was changed by another process */
	GATEWAY_LOST = 4,    /* messages were lost: look at everything again */
	GATEWAY_BLOCKS = 8,  /* somebody else changed the elements of the block sets: fill them again */
};

struct gateway_watch;
struct gateway_watch *gateway_watch_open(struct error *error);
void gateway_watch_close(struct gateway_watch *w);
int gateway_watch_fd(const struct gateway_watch *w);
/* Takes all that waits; never blocks. Bits of enum gateway_change. Our own process's transactions do not count. */
unsigned gateway_watch_read(struct gateway_watch *w);

/* Whether all of our table (chains, rules, sets) is as `p` loaded it; block elements do not matter. 1 yes, 0 no, -errno. */
int gateway_intact(const struct gateway_plan *p, struct error *error);
/*
 * On GATEWAY_OTHERS: 1 if a chain has our priority now or filters behind us, so that gateway_restore would move us; why, in words. 0: all is well, or
 * gateway.priority is fixed by hand.
 */
int gateway_misplaced(const struct gateway_plan *p, char why[200], struct error *error);
/*
 * Puts the table in again (all of it, one transaction, replacing what is left of ours), with priorities for what is loaded now. The caller fills the block sets after.
 */
int gateway_restore(struct gateway_plan *p, struct error *error);
