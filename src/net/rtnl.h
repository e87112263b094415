// SPDX-License-Identifier: GPL-2.0-or-later
/* rtnetlink: links, addresses, routes of the network namespace in which the handle was opened. */
#pragma once

#include "base/address.h"
#include "base/error.h"

struct rtnl;
struct rtnl *rtnl_open(struct error *error);
void rtnl_close(struct rtnl *r); /* NULL is allowed */

/* A pair of Ethernet devices: `name` here, `peer` in the namespace of the descriptor. */
int rtnl_veth_add(struct rtnl *r, const char *name, const char *peer, int peer_netns, struct error *error);
/* An ifb device: what is sent into it comes out where it was taken, behind the queueing of that device. */
int rtnl_ifb_add(struct rtnl *r, const char *name, struct error *error);
int rtnl_link_delete(struct rtnl *r, const char *name, struct error *error);
int rtnl_link_up(struct rtnl *r, const char *name, struct error *error);
/* Usable at once: without duplicate address detection. */
int rtnl_address_add(struct rtnl *r, const char *name, const struct address *a, unsigned prefix_len, struct error *error);
int rtnl_default_route_add(struct rtnl *r, const struct address *via, struct error *error);
