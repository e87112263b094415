// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Traffic control by rtnetlink: qdiscs, classes and filters of a device, as they are kept and handed over: read, put, taken away.
 * What an object means is in its options, raw as the kernel gives and takes them (tc_options.h builds those that sluice makes), so that what
 * somebody else made can be put back without being understood.
 */
#pragma once

#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>

#include "base/memory.h"
#include "net/rtnl.h"

struct tc_object {
	uint16_t type; /* RTM_NEWQDISC, RTM_NEWTCLASS, RTM_NEWTFILTER */
	int ifindex;
	uint32_t handle, parent; /* TC_H_ROOT, TC_H_INGRESS, or major << 16 | minor */
	uint32_t info;		 /* filter: priority << 16 | protocol in network order */
	uint32_t chain;		 /* filter */
	bool has_chain;
	bool has_options;
	char kind[16];
	struct buffer options; /* the value of TCA_OPTIONS */
	/* as dumped */
	uint64_t packets, bytes;
	uint32_t drops, overlimits, backlog, waiting;
};

void tc_object_free(struct tc_object *o);

struct tc_list {
	struct tc_object *objects;
	size_t n;
};

/* All of a type (RTM_NEWQDISC, RTM_NEWTCLASS, RTM_NEWTFILTER) at a device, in the kernel's order; `parent` is for filters (0: the root's).
 * The caller's, by tc_list_free; empty after an error. */
int tc_list(struct tc_list *out, struct rtnl *r, uint16_t type, int ifindex, uint32_t parent, struct error *error);
void tc_list_free(struct tc_list *l);

/* How an object is put: NLM_F_CREATE | NLM_F_EXCL: must be new; NLM_F_CREATE | NLM_F_REPLACE: takes the place of what is there. -errno; error tells which and why. */
int tc_put(struct rtnl *r, const struct tc_object *o, uint16_t flags, struct error *error);
/* -ENOENT, -EINVAL or -ENODEV if there is none: for the caller to judge. */
int tc_delete(struct rtnl *r, const struct tc_object *o, struct error *error);

/* "1:20", "root", "ingress"; out has room for 16. */
const char *tc_handle_name(uint32_t handle, char *out);
/* The message of tc_put as bytes: for tests and for --print. */
size_t tc_message(void *out, size_t room, const struct tc_object *o, uint16_t flags);
