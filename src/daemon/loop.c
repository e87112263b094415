// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/loop.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/memory.h"

enum { WATCHES_MAX = 320, TIMERS_MAX = 16 };

struct watched {
	int fd; /* -1: forgotten */
	unsigned events;
	loop_handler handler;
	void *context;
};

struct timer {
	int id; /* 0: free */
	usec_t interval, next;
	bool once;
	loop_timer handler;
	void *context;
};

struct call {
	loop_timer handler;
	void *context;
	struct call *next;
};

struct loop {
	struct watched watched[WATCHES_MAX];
	unsigned n_watched;
	struct timer timer[TIMERS_MAX];
	int last_id;
	int wake;             /* eventfd: calls wait */
	pthread_mutex_t lock; /* of calls */
	struct call *calls, **last_call;
	bool ended;
};

static void run_calls(void *context, int fd, unsigned events)
{
	struct loop *l = context;
	uint64_t n;
	(void)events;
	if (read(fd, &n, sizeof n) < 0)
		return;
	pthread_mutex_lock(&l->lock);
	struct call *c = l->calls;
	l->calls = NULL;
	l->last_call = &l->calls;
	pthread_mutex_unlock(&l->lock);
	while (c) {
		struct call *next = c->next;
		c->handler(c->context);
		free(c);
		c = next;
	}
}

struct loop *loop_new(struct error *error)
{
	struct loop *l = xcalloc(1, sizeof *l);
	pthread_mutex_init(&l->lock, NULL);
	l->last_call = &l->calls;
	l->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->wake < 0) {
		error_set(error, errno, "eventfd: %s", strerror(errno));
		free(l);
		return NULL;
	}
	(void)loop_watch(l, l->wake, POLLIN, run_calls, l);
	return l;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	for (struct call *c = l->calls, *next; c; c = next) {
		next = c->next;
		free(c);
	}
	close(l->wake);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

int loop_watch(struct loop *l, int fd, unsigned events, loop_handler handler, void *context)
{
	for (unsigned i = 0; i < l->n_watched; i++)
		if (l->watched[i].fd == fd) {
			l->watched[i] = (struct watched){fd, events, handler, context};
			return 0;
		}
	if (l->n_watched == WATCHES_MAX)
		return -ENOSPC;
	l->watched[l->n_watched++] = (struct watched){fd, events, handler, context};
	return 0;
}

void loop_forget(struct loop *l, int fd)
{
	for (unsigned i = 0; i < l->n_watched; i++)
		if (l->watched[i].fd == fd)
			l->watched[i].fd = -1;
}

int loop_timer_start(struct loop *l, usec_t interval, bool once, loop_timer handler, void *context)
{
	for (unsigned i = 0; i < TIMERS_MAX; i++)
		if (!l->timer[i].id) {
			l->timer[i] = (struct timer){++l->last_id, interval, clock_monotonic() + interval, once, handler, context};
			return l->timer[i].id;
		}
	return -ENOSPC;
}

void loop_timer_stop(struct loop *l, int id)
{
	for (unsigned i = 0; i < TIMERS_MAX; i++)
		if (id > 0 && l->timer[i].id == id)
			l->timer[i].id = 0;
}

void loop_call(struct loop *l, loop_timer handler, void *context)
{
	struct call *c = xcalloc(1, sizeof *c);
	uint64_t one = 1;
	*c = (struct call){.handler = handler, .context = context};
	pthread_mutex_lock(&l->lock);
	*l->last_call = c;
	l->last_call = &c->next;
	pthread_mutex_unlock(&l->lock);
	if (write(l->wake, &one, sizeof one) < 0)
		return; /* full: it is readable already */
}

void loop_end(struct loop *l)
{
	l->ended = true;
}

/* A timer that is late is not made up for: what it does concerns the present. */
static void run_timers(struct loop *l)
{
	usec_t now = clock_monotonic();
	for (unsigned i = 0; i < TIMERS_MAX && !l->ended; i++) {
		struct timer *t = &l->timer[i];
		if (!t->id || t->next > now)
			continue;
		struct timer due = *t;
		if (t->once)
			t->id = 0;
		else
			t->next = now + t->interval;
		due.handler(due.context);
	}
}

static int until_next_timer(const struct loop *l)
{
	usec_t now = clock_monotonic(), least = 60 * USEC_PER_SEC;
	for (unsigned i = 0; i < TIMERS_MAX; i++) {
		const struct timer *t = &l->timer[i];
		usec_t left = !t->id ? least : t->next > now ? t->next - now : 0;
		least = left < least ? left : least;
	}
	return (int)((least + 999) / 1000);
}

static void drop_forgotten(struct loop *l)
{
	unsigned n = 0;
	for (unsigned i = 0; i < l->n_watched; i++)
		if (l->watched[i].fd >= 0)
			l->watched[n++] = l->watched[i];
	l->n_watched = n;
}

int loop_run(struct loop *l, struct error *error)
{
	struct pollfd p[WATCHES_MAX];
	while (!l->ended) {
		drop_forgotten(l);
		unsigned n = l->n_watched;
		for (unsigned i = 0; i < n; i++)
			p[i] = (struct pollfd){.fd = l->watched[i].fd, .events = (short)l->watched[i].events};
		int ready = poll(p, n, until_next_timer(l));
		if (ready < 0 && errno != EINTR)
			return error_set(error, errno, "poll: %s", strerror(errno));
		/* a handler may forget others and add some; what it added waits for the next turn */
		for (unsigned i = 0; i < n && ready > 0 && !l->ended; i++)
			if (p[i].revents && l->watched[i].fd == p[i].fd)
				l->watched[i].handler(l->watched[i].context, p[i].fd, (unsigned)p[i].revents);
		run_timers(l);
	}
	return 0;
}
