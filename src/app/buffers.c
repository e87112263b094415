// SPDX-License-Identifier: GPL-2.0-or-later
/* Names of buffers and their dense ids, gathered once from the rows of all protocols. */
#include "app/app.h"

#include <pthread.h>

enum { MAX_BUFFERS = 1024 };

static const char *names[MAX_BUFFERS];
static unsigned n_names;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static unsigned find(const char *name)
{
	for (unsigned i = 1; i < n_names; i++)
		if (strcmp(names[i], name) == 0)
			return i;
	return 0;
}

static void gather(void)
{
	n_names = 1;
	for (size_t p = 0; app_protocols[p]; p++)
		for (size_t k = 0; k < app_protocols[p]->n_keywords && n_names < MAX_BUFFERS; k++)
			if (!find(app_protocols[p]->keywords[k].name))
				names[n_names++] = app_protocols[p]->keywords[k].name;
}

unsigned app_buffer_id(const char *name)
{
	pthread_once(&once, gather);
	return find(name);
}

const char *app_buffer_name(unsigned id)
{
	pthread_once(&once, gather);
	return id && id < n_names ? names[id] : NULL;
}

unsigned app_buffer_count(void)
{
	pthread_once(&once, gather);
	return n_names;
}

const struct app_keyword *app_keyword_find(const struct app_proto *p, const char *name)
{
	for (size_t i = 0; i < p->n_keywords; i++)
		if (strcmp(p->keywords[i].name, name) == 0)
			return &p->keywords[i];
	return NULL;
}
