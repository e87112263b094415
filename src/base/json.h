// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An append-only JSON writer into a buffer, for one thread. It puts commas itself; keys are written as they are (they are
 * literals of ours). Values are escaped. The caller opens and closes in pairs.
 *
 * Bytes that are not valid UTF-8 are written as Suricata does: ASCII as in any other text, every other byte as the four
 * characters \xnn (so "\\xnn" in JSON).
 */
#pragma once

#include "base/bytes.h"
#include "base/memory.h"

struct json {
	struct buffer *out;
	bool comma; /* the next value needs one before it */
};

static inline struct json json_into(struct buffer *out)
{
	return (struct json){out, false};
}

/* A NULL key: an element of an array, or the outermost value. */
void json_open(struct json *j, const char *key);  /* { */
void json_close(struct json *j);                  /* } */
void json_open_array(struct json *j, const char *key);
void json_close_array(struct json *j);
void json_string(struct json *j, const char *key, const char *value);
void json_bytes(struct json *j, const char *key, struct bytes value);
void json_uint(struct json *j, const char *key, uint64_t value);
void json_int(struct json *j, const char *key, int64_t value);
void json_double(struct json *j, const char *key, double value);
void json_bool(struct json *j, const char *key, bool value);
void json_base64(struct json *j, const char *key, struct bytes value);
void json_hex(struct json *j, const char *key, struct bytes value);
/* Every byte that is not printable ASCII, CR or LF becomes '.', as in payload_printable. */
void json_printable(struct json *j, const char *key, struct bytes value);
/* Text that is JSON already. */
void json_raw(struct json *j, const char *key, struct bytes value);
/* A key that is not a literal of ours. */
void json_key_bytes(struct json *j, struct bytes key); /* then a value with key NULL */

/* A mark to go back to, when an object turns out to be empty. */
struct json_mark {
	size_t len;
	bool comma;
};
static inline struct json_mark json_mark(const struct json *j)
{
	return (struct json_mark){j->out->len, j->comma};
}
static inline void json_rewind(struct json *j, struct json_mark m)
{
	j->out->len = m.len;
	j->comma = m.comma;
}
