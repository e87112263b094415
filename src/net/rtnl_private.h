// SPDX-License-Identifier: GPL-2.0-or-later
/* What the files of net/ that speak rtnetlink share. */
#pragma once

#include <libmnl/libmnl.h>

#include "net/rtnl.h"

enum { RTNL_ROOM = 65536 }; /* of a message: netem's tables of distributions take up to 32 kB */

struct rtnl {
	struct mnl_socket *socket;
	uint32_t seq;
	char words[160]; /* the kernel's own about the last refusal; empty if it gave none */
	_Alignas(8) char buffer[RTNL_ROOM];
};

/* A message in the handle's buffer, without its extra header; NLM_F_REQUEST and NLM_F_ACK are set. */
struct nlmsghdr *rtnl_begin(struct rtnl *r, uint16_t type, uint16_t flags);
/* Sends it and waits for the answer. 0 or -errno; then rtnl_words. */
int rtnl_transact(struct rtnl *r, const struct nlmsghdr *m);
/* Sends a dump request and hands each answer to `each`. -EINTR: something changed meanwhile, ask again. */
int rtnl_dump(struct rtnl *r, const struct nlmsghdr *m, mnl_cb_t each, void *context);
/* The kernel's words, or those for the code. */
const char *rtnl_words(const struct rtnl *r, int code);
