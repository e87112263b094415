// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * JSON that is read, or made where speed does not matter: libjansson. It has a json_string as base/json.h has one; ours keeps the name, theirs is
 * json_stringn here, or json_text for a C string.
 */
#pragma once

#include <string.h>

#define json_string jansson_string_not_used
#include <jansson.h>
#undef json_string

/* Text that is not UTF-8 is told so rather than lost. */
static inline json_t *json_text(const char *text)
{
	json_t *s = json_stringn(text, strlen(text));
	return s ? s : json_stringn("(not UTF-8)", 11);
}
