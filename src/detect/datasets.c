// SPDX-License-Identifier: GPL-2.0-or-later
#include "detect/keywords.h"
#include "detect/registry.h"

#include <errno.h>

int registry_parts_init(struct registry_parts *p, struct detect_registry *r, struct conf *conf, struct error *error)
{
	return 0;
}

void registry_parts_deinit(struct registry_parts *p)
{
}

#define LATER(word) SETUP(word) { return error_set(error, ENOTSUP, "%s is not evaluated", o->name); }
LATER(dataset)
LATER(datarep)
LATER(iprep)
LATER(geoip)
LATER(ip_address)
