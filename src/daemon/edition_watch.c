// SPDX-License-Identifier: GPL-2.0-or-later
/* How much memory the making of an edition takes. */
#include "daemon/edition.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What the process holds in memory of its own, files not counted (proc(5): size, resident, shared; in pages). 0: not known. */
static uint64_t memory_held(int fd)
{
	unsigned long long resident, shared;
	char text[128];
	ssize_t n = fd < 0 ? -1 : pread(fd, text, sizeof text - 1, 0);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	if (sscanf(text, "%*u %llu %llu", &resident, &shared) != 2 || resident < shared)
		return 0;
	return (resident - shared) * (uint64_t)sysconf(_SC_PAGESIZE);
}

static int step(struct load_watch *base, struct error *error)
{
	struct edition_watch *w = (struct edition_watch *)base;
	if (__atomic_load_n(&w->cancelled, __ATOMIC_RELAXED))
		return error_set(error, ECANCELED, "not wanted any more");
	uint64_t now = w->limit && w->before ? memory_held(w->fd) : 0;
	if (now <= w->before || now - w->before <= w->limit)
		return 0;
	return error_set(error, ENOMEM, "memory has grown by %.1f MB since the reload began; reload.memory-limit is %.1f MB", (double)(now - w->before) / (1 << 20),
			 (double)w->limit / (1 << 20));
}

void edition_watch_begin(struct edition_watch *w)
{
	*w = (struct edition_watch){.base.step = step, .fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC)};
	w->before = memory_held(w->fd);
}

void edition_watch_end(struct edition_watch *w)
{
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
}
