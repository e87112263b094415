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
	struct dataset *datasets;
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

struct detect_registry *detect_registry_new(void)
{
	struct detect_registry *r = xcalloc(1, sizeof *r);
	pthread_mutex_init(&r->lock, NULL);
	return r;
}

void detect_registry_free(struct detect_registry *r)
{
	if (!r)
		return;
	datasets_free(r->datasets);
	for (unsigned k = 0; k < REGISTRY_KIND_N_; k++) {
		for (uint32_t i = 0; i < r->list[k].n; i++)
			free(r->list[k].name[i]);
		free(r->list[k].name);
		free(r->list[k].hash);
	}
	pthread_mutex_destroy(&r->lock);
	free(r);
}

struct dataset **registry_datasets(struct detect_registry *r)
{
	return &r->datasets;
}

/* ---- files ---- */

void detect_files_note(struct detect_files *f, const char *path)
{
	f->path = xrealloc(f->path, (f->n_paths + 1) * sizeof *f->path);
	f->path[f->n_paths++] = xstrdup(path);
}

struct detect_files *detect_files_read(struct conf *conf, struct error *error)
{
	struct detect_files *f = xcalloc(1, sizeof *f);
	const char *countries = conf_string(conf, "geoip-database", "");
	if (*countries) {
		detect_files_note(f, countries);
		f->geoip = geoip_open(countries, error);
	}
	bool failed = *countries && !f->geoip;
	if (!failed && conf_get(conf, "reputation-files")) {
		f->iprep = iprep_read(conf, f, error);
		failed = !f->iprep;
	}
	if (!failed)
		return f;
	detect_files_free(f);
	return NULL;
}

void detect_files_free(struct detect_files *f)
{
	if (!f)
		return;
	datasets_free(f->datasets);
	iprep_free(f->iprep);
	geoip_close(f->geoip);
	for (size_t i = 0; i < f->n_paths; i++)
		free(f->path[i]);
	free(f->path);
	free(f);
}

void detect_files_visit(const struct detect_files *f, void (*visit)(void *context, const char *path), void *context)
{
	for (size_t i = 0; i < f->n_paths; i++)
		visit(context, f->path[i]);
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
