// SPDX-License-Identifier: GPL-2.0-or-later
/* An HTB tree in the place of a device's root: class 1 is all the rest, with the former qdisc inside; the others are slow. */
#pragma once

#include "lag/line.h"
#include "lag/tree.h"

enum { SHAPE_REST = 1 };

struct shape_class {
	unsigned minor;	     /* from 2 on */
	uint64_t rate, ceil; /* bytes a second; 0: as fast as the line; ceil 0: as rate */
	unsigned share;	     /* of what is left over; 0: 1 */
	const struct line *line; /* NULL, or what netem does inside */
	bool fair;	     /* flows inside it share alike, where the kernel can do that */
};

/* `before` (may be NULL) tells what class 1 holds. -errno with words; then what was put stays for tree_restore. */
int shape_device(struct rtnl *r, int ifindex, const struct tree *before, unsigned major, const struct shape_class *classes, size_t n, unsigned default_class,
		 struct error *error);
/* The root is a tree of that major number. */
bool shape_is_root(const struct tree *t, unsigned major);
