// SPDX-License-Identifier: GPL-2.0-or-later
/* Sets in JSON files; apart, because jansson's names meet those of base/json.h. */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stdio.h>

struct dataset_json {
	bool lines;             /* one object a line; else one array (below array_key, if given) */
	const char *value_key;  /* dotted: where the value is */
	const char *array_key;
	bool remove_key;        /* the context does not repeat the value */
};
/* Calls back with each value and the JSON text of its object. 0, or the first failure. */
int dataset_json_read(FILE *in, const struct dataset_json *how, int (*each)(void *c, const char *value, const char *context, struct error *error), void *context,
		      struct error *error);
