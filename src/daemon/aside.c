// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/aside.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/memory.h"
#include "daemon/loop.h"

#define LOG_MODULE "run"

enum { END_SECONDS = 2 };

struct queue {
	struct errand *first, **last;
};

struct aside {
	struct loop *loop;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t news;
	struct queue waiting, worked; /* with the lock */
	bool closing;
};

static void queue_add(struct queue *q, struct errand *e)
{
	e->next = NULL;
	*q->last = e;
	q->last = &e->next;
}

static struct errand *queue_take(struct queue *q)
{
	struct errand *e = q->first;
	if (e && !(q->first = e->next))
		q->last = &q->first;
	return e;
}

static struct errand *take_from(struct aside *a, struct queue *q)
{
	pthread_mutex_lock(&a->lock);
	struct errand *e = queue_take(q);
	pthread_mutex_unlock(&a->lock);
	return e;
}

static void report(void *context)
{
	struct aside *a = context;
	for (struct errand *e; (e = take_from(a, &a->worked));)
		e->done(e, true);
}

/* NULL: the end. */
static struct errand *next_errand(struct aside *a)
{
	pthread_mutex_lock(&a->lock);
	while (!a->closing && !a->waiting.first)
		pthread_cond_wait(&a->news, &a->lock);
	struct errand *e = a->closing ? NULL : queue_take(&a->waiting);
	pthread_mutex_unlock(&a->lock);
	return e;
}

static void *aside_main(void *context)
{
	struct aside *a = context;
	for (struct errand *e; (e = next_errand(a));) {
		e->work(e);
		pthread_mutex_lock(&a->lock);
		queue_add(&a->worked, e);
		bool closing = a->closing;
		pthread_mutex_unlock(&a->lock);
		if (!closing)
			loop_call(a->loop, report, a);
	}
	return NULL;
}

struct aside *aside_open(struct loop *loop, struct error *error)
{
	struct aside *a = xcalloc(1, sizeof *a);
	a->loop = loop;
	a->waiting.last = &a->waiting.first;
	a->worked.last = &a->worked.first;
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->news, NULL);
	int code = pthread_create(&a->thread, NULL, aside_main, a);
	if (code == 0)
		return a;
	free(a);
	error_set(error, code, "cannot start a thread: %s", strerror(code));
	return NULL;
}

void aside_do(struct aside *a, struct errand *e)
{
	pthread_mutex_lock(&a->lock);
	queue_add(&a->waiting, e);
	pthread_cond_signal(&a->news);
	pthread_mutex_unlock(&a->lock);
}

bool aside_close(struct aside *a)
{
	struct timespec t;
	if (!a)
		return true;
	pthread_mutex_lock(&a->lock);
	a->closing = true;
	pthread_cond_signal(&a->news);
	pthread_mutex_unlock(&a->lock);
	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += END_SECONDS;
	if (pthread_clockjoin_np(a->thread, NULL, CLOCK_MONOTONIC, &t)) {
		log_warning("the kernel or the disk does not answer; nobody waits for it");
		return false;
	}
	report(a);
	for (struct errand *e; (e = take_from(a, &a->waiting));)
		e->done(e, false);
	pthread_mutex_destroy(&a->lock);
	pthread_cond_destroy(&a->news);
	free(a);
	return true;
}
