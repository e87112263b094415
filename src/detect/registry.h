// SPDX-License-Identifier: GPL-2.0-or-later
/* What rules ask beside the packet: data sets, reputation, countries. Private to detect/. */
#pragma once

#include "base/address.h"
#include "detect/signature.h"

struct dataset;
struct iprep;
struct geoip;

struct detect_files {
	struct dataset *datasets; /* list: those that are loaded and never saved; by who compiles rules */
	struct iprep *iprep;      /* NULL: not configured */
	struct geoip *geoip;      /* NULL: not configured */
	char **path;              /* of all that was read */
	size_t n_paths;
};
void detect_files_note(struct detect_files *f, const char *path);

/* The other sets: what rules put into them outlives engines. */
struct dataset **registry_datasets(struct detect_registry *r);

/* datasets.c: saves those that are to be saved, and frees all. */
void datasets_free(struct dataset *list);

/* iprep.c: reputation-categories-file, reputation-files. NULL: not configured, or an error. */
struct iprep *iprep_read(struct conf *conf, struct detect_files *files, struct error *error);
void iprep_free(struct iprep *r);
int iprep_category(const struct iprep *r, const char *name);                       /* -1: unknown */
int iprep_find(const struct iprep *r, const struct address *a, int category); /* -1: none; else 0 to 127 */

/* geoip.c: a MaxMind DB, mapped. NULL with words. */
struct geoip *geoip_open(const char *path, struct error *error);
void geoip_close(struct geoip *g);
/* Two letters of the country (ISO 3166-1). False: not in the database. */
bool geoip_country(const struct geoip *g, const struct address *a, char out[3]);
