// SPDX-License-Identifier: GPL-2.0-or-later
/* Names → dense ids, one list a kind; they outlive engines. Looked up when rules are compiled and events are written. */
#include "detect/registry.h"

#include <pthread.h>
#include <stdlib.h>

struct name_list {
	char **name;
	uint32_t n, room;
	uint32_t *hash; /* open addressing: index + 1, 0 is free */
	uint32_t hash_size;
};

struct detect_registry {
	pthread_mutex_t lock;
	struct name_list list[REGISTRY_KIND_N_];
	struct registry_parts parts;
};

static uint32_t name_hash(const char *s)
{
	uint32_t h = 2166136261u;
	for (; *s; s++)
		h = (h ^ (uint8_t)*s) * 16777619u;
	return h;
}

static void hash_grow(struct name_list *l)
{
	free(l->hash);
	l->hash_size = l->hash_size ? l->hash_size * 2 : 64;
	l->hash = xcalloc(l->hash_size, sizeof l->hash[0]);
	for (uint32_t i = 0; i < l->n; i++) {
		uint32_t at = name_hash(l->name[i]) & (l->hash_size - 1);
		while (l->hash[at])
			at = (at + 1) & (l->hash_size - 1);
		l->hash[at] = i + 1;
	}
}

static uint32_t list_id(struct name_list *l, const char *name)
{
	if (2 * (l->n + 1) > l->hash_size)
		hash_grow(l);
	uint32_t at = name_hash(name) & (l->hash_size - 1);
	for (; l->hash[at]; at = (at + 1) & (l->hash_size - 1))
		if (strcmp(l->name[l->hash[at] - 1], name) == 0)
			return l->hash[at] - 1;
	if (l->n == l->room) {
		l->room = l->room ? l->room * 2 : 32;
		l->name = xrealloc(l->name, l->room * sizeof l->name[0]);
	}
	l->name[l->n++] = xstrdup(name);
	l->hash[at] = l->n;
	return l->n - 1;
}

struct detect_registry *detect_registry_new(struct conf *conf, struct error *error)
{
	struct detect_registry *r = xcalloc(1, sizeof *r);
	pthread_mutex_init(&r->lock, NULL);
	const char *countries = conf ? conf_string(conf, "geoip-database", NULL) : NULL;
	if (countries && *countries)
		r->parts.geoip = geoip_open(countries, error);
	bool failed = countries && *countries && !r->parts.geoip;
	if (!failed && conf && conf_get(conf, "reputation-files")) {
		r->parts.iprep = iprep_read(conf, error);
		failed = !r->parts.iprep;
	}
	if (!failed)
		return r;
	detect_registry_free(r);
	return NULL;
}

void detect_registry_free(struct detect_registry *r)
{
	if (!r)
		return;
	datasets_free(r->parts.datasets);
	iprep_free(r->parts.iprep);
	geoip_close(r->parts.geoip);
	for (unsigned k = 0; k < REGISTRY_KIND_N_; k++) {
		for (uint32_t i = 0; i < r->list[k].n; i++)
			free(r->list[k].name[i]);
		free(r->list[k].name);
		free(r->list[k].hash);
	}
	pthread_mutex_destroy(&r->lock);
	free(r);
}

struct registry_parts *registry_parts(struct detect_registry *r)
{
	return &r->parts;
}

uint32_t registry_id(struct detect_registry *r, enum registry_kind kind, const char *name)
{
	pthread_mutex_lock(&r->lock);
	uint32_t id = list_id(&r->list[kind], name);
	pthread_mutex_unlock(&r->lock);
	return id;
}

const char *registry_name(struct detect_registry *r, enum registry_kind kind, uint32_t id)
{
	pthread_mutex_lock(&r->lock);
	const char *name = id < r->list[kind].n ? r->list[kind].name[id] : NULL;
	pthread_mutex_unlock(&r->lock);
	return name;
}
