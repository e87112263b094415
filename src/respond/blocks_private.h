// SPDX-License-Identifier: GPL-2.0-or-later
/* Private to blocks.c and blocks_state.c. */
#pragma once

#include "respond/blocks_set.h"

#include <pthread.h>

struct block_list {
	pthread_mutex_t lock;
	struct block_settings settings;
	struct block_ops ops;
	struct block_set set;
	bool changed; /* since it was saved */
	size_t pending;
	size_t piece, at; /* of the next try: how many, and from where in the heap */
};

/* With the lock held. */
void block_list_mark(struct block_list *l, struct block_node *n, enum block_pending state); /* in force at last: told */
void block_list_tell(struct block_list *l, enum block_event what, const struct block *b, size_t covered);
int block_list_change(struct block_list *l, const struct block_change *remove, size_t n_remove, const struct block_change *add, size_t n_add,
		      struct error *error);
struct block_change block_change_of(const struct block *b, usec_t now);
