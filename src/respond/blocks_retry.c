// SPDX-License-Identifier: GPL-2.0-or-later
/* Blocks that the kernel does not have, or may not have: marked, and tried again until list and kernel say the same. */
#include "respond/blocks_private.h"

#include "base/memory.h"

#include <stdlib.h>

/* Taken off and put in, an element each: below the number that is one transaction of the kernel. */
enum { PIECE_MAX = 500, PIECES_A_CALL = 20 };

void block_list_mark(struct block_list *l, struct block_node *n, enum block_pending state)
{
	bool first_time = n->b.pending == BLOCK_NEVER_YET;
	if (first_time && state == BLOCK_UNSURE)
		return;
	l->pending += (state != BLOCK_IN_FORCE) - (size_t)(n->b.pending != BLOCK_IN_FORCE);
	n->b.pending = (uint8_t)state;
	if (first_time && state == BLOCK_IN_FORCE)
		block_list_tell(l, BLOCK_ADDED, &n->b, 0);
}

/* The next ones, from where the last try began. */
static size_t collect(struct block_list *l, struct block_node *out[PIECE_MAX])
{
	size_t n = 0;
	for (size_t i = 0; i < l->set.n && n < l->piece; i++) {
		struct block_node *x = l->set.heap[(l->at + i) % l->set.n];
		if (x->b.pending)
			out[n++] = x;
	}
	return n;
}

static int try_piece(struct block_list *l, usec_t now, struct error *error)
{
	struct block_node *node[PIECE_MAX];
	struct block_change change[PIECE_MAX] = {0};
	size_t n = collect(l, node);
	if (n == 0)
		return 0;
	for (size_t i = 0; i < n; i++)
		change[i] = block_change_of(&node[i]->b, now);
	int status = block_list_change(l, change, n, change, n, error); /* an element that is there would keep its old end */
	for (size_t i = 0; i < n && status >= 0; i++)
		block_list_mark(l, node[i], BLOCK_IN_FORCE);
	if (status >= 0)
		l->piece = l->piece * 2 < PIECE_MAX ? l->piece * 2 : PIECE_MAX;
	else if (l->piece > 1)
		l->piece /= 2;
	else
		l->at = node[0]->heap_at + 1; /* one alone that the kernel does not want holds up no others */
	return status;
}

size_t block_list_retry(struct block_list *l, usec_t now, struct error *error)
{
	pthread_mutex_lock(&l->lock);
	l->piece = l->piece ? l->piece : PIECE_MAX;
	for (int i = 0; i < PIECES_A_CALL && l->pending; i++)
		(void)try_piece(l, now, error);
	size_t left = l->pending;
	pthread_mutex_unlock(&l->lock);
	return left;
}

size_t block_list_pending(struct block_list *l)
{
	pthread_mutex_lock(&l->lock);
	size_t n = l->pending;
	pthread_mutex_unlock(&l->lock);
	return n;
}

int block_list_reload(struct block_list *l, usec_t now, struct error *error)
{
	block_list_expire(l, now);
	pthread_mutex_lock(&l->lock);
	struct block_change *add = xcalloc(l->set.n + 1, sizeof *add);
	for (size_t i = 0; i < l->set.n; i++)
		add[i] = block_change_of(&l->set.heap[i]->b, now);
	int status = l->set.n ? block_list_change(l, NULL, 0, add, l->set.n, error) : 0;
	for (size_t i = 0; i < l->set.n; i++)
		block_list_mark(l, l->set.heap[i], status < 0 ? BLOCK_UNSURE : BLOCK_IN_FORCE);
	pthread_mutex_unlock(&l->lock);
	free(add);
	return status;
}
