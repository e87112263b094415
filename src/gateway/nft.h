// SPDX-License-Identifier: GPL-2.0-or-later
/* Transport to nftables: dumps and transactions over one netlink socket. */
#pragma once

#include <libmnl/libmnl.h>
#include <libnftnl/batch.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct nft {
	struct mnl_socket *socket;
	uint32_t seq;
};

int nft_open(struct nft *n, struct error *error);
void nft_close(struct nft *n);
/* Dumps all objects of a kind (NFT_MSG_GET…, all families). -EINTR: all of it came, but the ruleset changed on the way: begin once more. */
int nft_dump(struct nft *n, uint16_t type, mnl_cb_t each, void *context);
/* Those of one kind in sluice's table; `set`, if not NULL, is for elements. */
int nft_dump_ours(struct nft *n, uint16_t type, const char *set, mnl_cb_t each, void *context);
/* The elements of one set of any table. */
int nft_dump_set(struct nft *n, uint32_t family, const char *table, const char *set, mnl_cb_t each, void *context);
/* One element of a set or map of that table, by its key. -ENOENT: it is not there, or there is no table. */
int nft_find_ours(struct nft *n, const char *set, const void *key, size_t len, mnl_cb_t each, void *context);
int nft_generation(struct nft *n, uint32_t *genid);

/* A transaction. Between begin and send, nft_batch_put gives room for one message. */
struct nft_batch {
	struct nftnl_batch *batch;
	uint32_t seq, first;
	const char *what[256]; /* of each message, for the error */
	unsigned n;
	/* NULL, or called for each message that the kernel refused, by its place in the batch */
	void (*failed)(void *context, uint32_t index, int code);
	void *context;
};
void nft_batch_begin(struct nft_batch *b, struct nft *n, uint32_t genid); /* genid 0: whatever is loaded */
struct nlmsghdr *nft_batch_put(struct nft_batch *b, uint16_t type, uint16_t flags, const char *what);
void nft_batch_done(struct nft_batch *b); /* the message is complete */
/* Sends; without `commit` the kernel checks all of it and undoes it. Frees the batch. -errno with the message that failed in words. */
int nft_batch_send(struct nft_batch *b, struct nft *n, bool commit, struct error *error);
