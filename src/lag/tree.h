// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What hangs at the root of a device: read, kept in a file, put back. Nothing of it needs to be understood, but for the few things that kernels give
 * in a dump and do not take back (tree.c names them).
 */
#pragma once

#include <net/if.h>

#include "base/jansson.h"
#include "net/tc.h"

struct tree {
	int ifindex;
	char device[IF_NAMESIZE];
	struct tc_list qdiscs, classes, filters; /* without those at the ingress */
};

/* -errno with words; the tree is the caller's, by tree_free, also after an error (empty then). */
int tree_read(struct tree *t, struct rtnl *r, const char *device, struct error *error);
void tree_free(struct tree *t);
/* The qdisc at the root. NULL: the kernel shows none (no device does that). */
const struct tc_object *tree_root(const struct tree *t);
/* The kernel's own choice: it comes back by itself when another root goes. */
bool tree_is_default(const struct tree *t);
/* Something inside it was made by somebody: classes, filters, qdiscs below classes. */
bool tree_has_parts(const struct tree *t);
/* "htb with 3 classes and 1 filter": at most `room` bytes. */
void tree_describe(const struct tree *t, char *out, size_t room);
/* Takes away what is at the root now and puts the tree there. A part that is refused does not keep the others from being put: the first refusal is returned. */
int tree_restore(const struct tree *t, struct rtnl *r, struct error *error);
/* An object put elsewhere: another handle or parent; what the kernel would refuse of its dump is mended. The caller's, by tc_object_free. */
struct tc_object tree_copy_object(const struct tc_object *o);

json_t *tree_to_json(const struct tree *t);
int tree_from_json(struct tree *t, const json_t *o, struct error *error);
