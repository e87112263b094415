// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A table with the owner flag belongs to the netlink socket that made it, and goes with it. So a process has one socket for all its changes, opened by the
 * first and kept to the end.
 */
#include <errno.h>
#include <pthread.h>

#include "gateway/internal.h"

static struct {
	pthread_mutex_t lock;
	struct nft nft;
} process = {.lock = PTHREAD_MUTEX_INITIALIZER};

struct nft *link_take(struct error *error)
{
	pthread_mutex_lock(&process.lock);
	if (process.nft.socket || nft_open(&process.nft, error) == 0)
		return &process.nft;
	pthread_mutex_unlock(&process.lock);
	return NULL;
}

void link_give(void)
{
	pthread_mutex_unlock(&process.lock);
}

uint32_t link_portid(void)
{
	pthread_mutex_lock(&process.lock);
	uint32_t id = process.nft.socket ? mnl_socket_get_portid(process.nft.socket) : 0;
	pthread_mutex_unlock(&process.lock);
	return id;
}

void gateway_after_fork(void)
{
	/* in the child there is one thread; whoever held the lock is not here to give it back */
	pthread_mutex_init(&process.lock, NULL);
	nft_close(&process.nft);
}
