// SPDX-License-Identifier: GPL-2.0-or-later
/* Private to the conf_*.c files: how the tree is built. */
#pragma once

#include "base/conf.h"

enum { CONF_MAX_DEPTH = 64, CONF_MAX_NODES = 1 << 18, CONF_MAX_INCLUDES = 64 };

/* The root node stands first, so that a root is both. */
struct conf_root {
	struct conf node;
	char **files; /* names that nodes point to */
	size_t n_files, n_nodes;
	unsigned n_includes, include_depth;
	struct conf *pruned; /* what was said anew later: aliases may still name it. Counted in n_nodes, freed with the tree */
};

struct conf_root *conf_root_of(struct conf *node);
/* Keeps a copy of a file's name as long as the tree lives. */
const char *conf_keep_file(struct conf_root *root, const char *name);
/* Adds a child at the end; NULL: the tree has CONF_MAX_NODES already. */
struct conf *conf_add(struct conf_root *root, struct conf *parent, const char *name, size_t len);
/* A child by the first `len` bytes of a name; made if it is missing. NULL as above. */
struct conf *conf_need(struct conf_root *root, struct conf *parent, const char *name, size_t len);
/* The node of a dotted name, made where missing. NULL: too many nodes, or too deep. */
struct conf *conf_need_path(struct conf_root *root, struct conf *parent, const char *name, size_t len);
/* Forgets what a file said below the node; what --set said stays. */
void conf_prune(struct conf_root *root, struct conf *node);
void conf_set_value(struct conf *node, const char *text, size_t len);
