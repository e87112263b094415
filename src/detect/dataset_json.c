// SPDX-License-Identifier: GPL-2.0-or-later
#include "detect/dataset_json.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* The object that holds the last key of a dotted path; *key is that key. */
static json_t *path_parent(json_t *o, const char *path, char key[256])
{
	for (;;) {
		size_t n = strcspn(path, ".");
		snprintf(key, 256, "%.*s", (int)(n < 255 ? n : 255), path);
		if (!path[n] || !o)
			return o;
		o = json_object_get(o, key);
		path += n + 1;
	}
}

static json_t *path_get(json_t *o, const char *path)
{
	char key[256];
	if (!path || !*path)
		return o;
	o = path_parent(o, path, key);
	return json_object_get(o, key);
}

static int item_read(json_t *o, const struct dataset_json *how, int (*each)(void *c, const char *value, const char *context, struct error *error), void *context,
		     struct error *error)
{
	char key[256];
	json_t *parent = path_parent(o, how->value_key ? how->value_key : "", key), *v = json_object_get(parent, key);
	const char *text = json_string_value(v);
	if (!v)
		return 0; /* has none: left out */
	if (!text)
		return error_set(error, EINVAL, "failed to get value because it is not a string: “%s”", how->value_key ? how->value_key : "");
	char *value = strdup(text);
	if (how->remove_key)
		json_object_del(parent, key);
	char *json = json_dumps(o, JSON_COMPACT);
	int rc = value ? each(context, value, json, error) : -ENOMEM;
	free(json);
	free(value);
	return rc;
}

static bool more(FILE *in)
{
	int c = fgetc(in);
	while (isspace(c))
		c = fgetc(in);
	if (c != EOF)
		ungetc(c, in);
	return c != EOF;
}

int dataset_json_read(FILE *in, const struct dataset_json *how, int (*each)(void *c, const char *value, const char *context, struct error *error), void *context,
		      struct error *error)
{
	json_error_t why;
	int rc = 0;
	while (rc == 0 && more(in)) {
		json_t *root = json_loadf(in, how->lines ? JSON_DISABLE_EOF_CHECK : 0, &why), *list = how->lines ? NULL : path_get(root, how->array_key), *item;
		size_t i;
		if (!root)
			rc = error_set(error, EINVAL, "line %d: %s", why.line, why.text);
		else if (how->lines)
			rc = item_read(root, how, each, context, error);
		else if (!json_is_array(list))
			rc = error_set(error, EINVAL, "there is no array of values");
		else
			json_array_foreach(list, i, item)
				rc = rc ? rc : item_read(item, how, each, context, error);
		json_decref(root);
		if (!how->lines)
			break;
	}
	return rc;
}
