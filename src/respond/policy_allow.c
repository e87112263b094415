// SPDX-License-Identifier: GPL-2.0-or-later
/* Who is never blocked. Asked when somebody is to be blocked, added to by the daemon as addresses come and go. */
#include "respond/policy_private.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

struct allow_range { /* both ends are in it */
	struct address first, last;
	const char *why;
};

struct allow_list {
	pthread_rwlock_t lock;
	struct allow_range *range;
	size_t n;
};

struct allow_list *allow_list_new(void)
{
	struct allow_list *l = xcalloc(1, sizeof *l);
	pthread_rwlock_init(&l->lock, NULL);
	return l;
}

void allow_list_free(struct allow_list *l)
{
	if (!l)
		return;
	pthread_rwlock_destroy(&l->lock);
	free(l->range);
	free(l);
}

/* The last address of a prefix. */
static struct address prefix_last(const struct address *a, unsigned len)
{
	struct address last = *a;
	for (size_t bit = len; bit < address_len(a) * 8; bit++)
		last.byte[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	return last;
}

const char *allow_list_why(struct allow_list *l, const struct address *a, unsigned len)
{
	struct address first = *a, last = prefix_last(a, len);
	const char *why = NULL;
	address_mask(&first, len);
	pthread_rwlock_rdlock(&l->lock);
	for (size_t i = 0; i < l->n && !why; i++) {
		const struct allow_range *x = &l->range[i];
		if (x->first.family == a->family && address_compare(&x->first, &last) <= 0 && address_compare(&first, &x->last) <= 0)
			why = x->why;
	}
	pthread_rwlock_unlock(&l->lock);
	return why;
}

static int add_range(struct allow_list *l, const struct allow_range *x)
{
	pthread_rwlock_wrlock(&l->lock);
	struct allow_range *more = realloc(l->range, (l->n + 1) * sizeof *more);
	if (more) {
		l->range = more;
		more[l->n++] = *x;
	}
	pthread_rwlock_unlock(&l->lock);
	return more ? 0 : -ENOMEM;
}

int allow_list_add_range(struct allow_list *l, const struct address_range *r, const char *why)
{
	return add_range(l, &(struct allow_range){r->first, r->last, why});
}

int allow_list_add(struct allow_list *l, const struct address *a, unsigned len, const char *why)
{
	struct allow_range x = {.first = *a, .last = prefix_last(a, len), .why = why};
	address_mask(&x.first, len);
	return add_range(l, &x);
}

static bool is_one_of(const char *why, const char *const *reason, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(why, reason[i]) == 0)
			return true;
	return false;
}

void allow_list_replace(struct allow_list *l, const char *const *why, size_t n, struct allow_list *fresh)
{
	pthread_rwlock_wrlock(&l->lock);
	struct allow_range *all = xcalloc(l->n + fresh->n + 1, sizeof *all), *old = l->range;
	size_t kept = 0;
	for (size_t i = 0; i < l->n; i++)
		if (!is_one_of(l->range[i].why, why, n))
			all[kept++] = l->range[i];
	if (fresh->n)
		memcpy(all + kept, fresh->range, fresh->n * sizeof *all);
	l->range = all;
	l->n = kept + fresh->n;
	pthread_rwlock_unlock(&l->lock);
	free(old);
	allow_list_free(fresh);
}

const char *policy_allow_why(const struct policy *p, const struct address *a, unsigned len)
{
	const char *why = allow_list_why(p->allow, a, len);
	return why || !p->machine ? why : allow_list_why(p->machine, a, len);
}

bool policy_allowed(const struct policy *p, const struct address *a, unsigned len)
{
	return policy_allow_why(p, a, len) != NULL;
}
