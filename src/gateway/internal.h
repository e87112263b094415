// SPDX-License-Identifier: GPL-2.0-or-later
/* Between the files of gateway/. */
#pragma once

#include "gateway/gateway.h"
#include "gateway/nft.h"

#define GATEWAY_GUARD_CHAIN "guard"
enum { GATEWAY_TABLE_OWNER = 2, GATEWAY_TABLE_PERSIST = 4 }; /* NFT_TABLE_F_…; older headers lack the second */

/* link.c: the process's one socket for changes; from link_take to link_give it is the caller's alone. NULL with words. */
struct nft *link_take(struct error *error);
void link_give(void);
uint32_t link_portid(void); /* 0: it was never taken */

/* table.c: as declared, without its table's name. NFPROTO_IPV4 or _IPV6; the caller frees it. */
struct nftnl_set;
struct nftnl_set *gateway_block_set(uint8_t family, bool counters);

/* probe.c: what this kernel takes, asked by transactions that are never committed */
bool probe_queue(struct nft *n);
bool probe_table_flags(struct nft *n, uint32_t flags);
bool probe_element_counters(struct nft *n);

/* state.c: of all that our table is made of, elements of the block sets apart. 0 where there is no table. `n` NULL: by a socket of its own. */
int gateway_fingerprint(struct nft *n, uint64_t *out, struct error *error);

/* plan.c: a plan for the table that is to take the place of this process's own, even where a number fixed by hand has been taken since. */
int gateway_plan_again(struct gateway_plan *p, const struct gateway_settings *s, unsigned n_workers, struct error *error);
