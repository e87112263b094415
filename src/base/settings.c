// SPDX-License-Identifier: GPL-2.0-or-later
/* Settings as rows: one loop reads them all. */
#include "base/conf.h"

#include "base/memory.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

static int wrong(const struct setting *s, const struct conf *n, const char *text, const char *want, struct error *error)
{
	error_set(error, EINVAL, "%s: '%s' is not %s", s->key, text, want);
	return n ? conf_place(n, error) : -EINVAL;
}

static int read_number(const struct setting *s, const struct conf *n, const char *text, uint64_t limit, uint64_t *out, struct error *error)
{
	char want[80];
	uint64_t v = 0, max = s->max ? s->max : limit;
	char *end;
	bool ok;
	if (s->kind == SETTING_SIZE) {
		ok = conf_parse_size(text, &v) == 0;
	} else {
		errno = 0;
		v = strtoull(text, &end, strncasecmp(text, "0x", 2) == 0 ? 16 : 10);
		ok = errno == 0 && end != text && !end[strspn(end, " \t")] && *text >= '0' && *text <= '9';
	}
	if (!ok)
		return wrong(s, n, text, s->kind == SETTING_SIZE ? "a size such as 4096, 64kb or '10 MiB'" : "a number", error);
	if (v < s->min || v > max) {
		snprintf(want, sizeof want, "between %llu and %llu", (unsigned long long)s->min, (unsigned long long)max);
		return wrong(s, n, text, want, error);
	}
	*out = v;
	return 0;
}

static int read_enum(const struct setting *s, const struct conf *n, const char *text, int *out, struct error *error)
{
	struct buffer want = {0};
	for (int i = 0; s->names[i]; i++) {
		if (strcasecmp(s->names[i], text) == 0) {
			*out = i;
			buffer_free(&want);
			return 0;
		}
		buffer_printf(&want, "%s%s", i ? ", " : "one of ", s->names[i]);
	}
	int status = wrong(s, n, text, buffer_string(&want), error);
	buffer_free(&want);
	return status;
}

static int read_one(const struct setting *s, const struct conf *n, const char *text, char *at, struct error *error)
{
	uint64_t v;
	double d;
	char *end;
	int status = 0;
	switch (s->kind) {
	case SETTING_BOOL:
		*(bool *)at = conf_is_true(text);
		return 0;
	case SETTING_U32:
		status = read_number(s, n, text, UINT32_MAX, &v, error);
		if (status == 0)
			*(uint32_t *)at = (uint32_t)v;
		return status;
	case SETTING_U64:
	case SETTING_SIZE:
		status = read_number(s, n, text, UINT64_MAX, &v, error);
		if (status == 0)
			*(uint64_t *)at = v;
		return status;
	case SETTING_STRING:
		*(const char **)at = text;
		return 0;
	case SETTING_ENUM:
		return read_enum(s, n, text, (int *)at, error);
	case SETTING_DOUBLE:
		d = strtod(text, &end);
		if (end == text || *end || !isfinite(d))
			return wrong(s, n, text, "a number", error);
		*(double *)at = d;
		return 0;
	}
	return 0;
}

int settings_read(const struct setting *rows, size_t n_rows, struct conf *root, void *into, struct error *error)
{
	for (size_t i = 0; i < n_rows; i++) {
		const struct setting *s = &rows[i];
		const struct conf *n = conf_get(root, s->key);
		const char *text = n && n->value && *n->value ? n->value : s->absent;
		if (!text)
			continue;
		int status = read_one(s, n, text, (char *)into + s->offset, error);
		if (status < 0)
			return status;
	}
	return 0;
}
