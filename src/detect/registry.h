// SPDX-License-Identifier: GPL-2.0-or-later
/* What the registry holds beside names: data sets, reputation, countries. Private to detect/. */
#pragma once

#include "detect/signature.h"

struct datasets;
struct iprep;
struct geoip;

struct registry_parts {
	struct datasets *datasets;
	struct iprep *iprep;   /* NULL: not configured */
	struct geoip *geoip;   /* NULL: not configured */
};

int registry_parts_init(struct registry_parts *p, struct detect_registry *r, struct conf *conf, struct error *error);
void registry_parts_deinit(struct registry_parts *p);
struct registry_parts *registry_parts(struct detect_registry *r);
