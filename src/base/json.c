// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/json.h"

#include <math.h>
#include <stdio.h>

static void begin(struct json *j, const char *key)
{
	if (j->comma)
		buffer_add_byte(j->out, ',');
	if (key) {
		size_t n = strlen(key);
		if (buffer_reserve(j->out, n + 3)) {
			uint8_t *p = j->out->data + j->out->len;
			*p++ = '"';
			memcpy(p, key, n);
			p += n;
			*p++ = '"';
			*p = ':';
			j->out->len += n + 3;
		}
	}
	j->comma = true;
}

void json_open(struct json *j, const char *key)
{
	begin(j, key);
	buffer_add_byte(j->out, '{');
	j->comma = false;
}

void json_close(struct json *j)
{
	buffer_add_byte(j->out, '}');
	j->comma = true;
}

void json_open_array(struct json *j, const char *key)
{
	begin(j, key);
	buffer_add_byte(j->out, '[');
	j->comma = false;
}

void json_close_array(struct json *j)
{
	buffer_add_byte(j->out, ']');
	j->comma = true;
}

/* Length of the UTF-8 character at p, 0 if there is none (RFC 3629 section 4: no overlong forms, no surrogates). */
static size_t utf8_length(const uint8_t *p, size_t left)
{
	uint8_t c = p[0];
	size_t n = c < 0x80 ? 1 : c >= 0xc2 && c <= 0xdf ? 2 : (c & 0xf0) == 0xe0 ? 3 : c >= 0xf0 && c <= 0xf4 ? 4 : 0;
	if (n == 0 || n > left)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((c == 0xe0 && p[1] < 0xa0) || (c == 0xed && p[1] > 0x9f) || (c == 0xf0 && p[1] < 0x90) || (c == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

/* Eight bytes: whether none of them is beyond ASCII, or one that JSON wants escaped. The tests may err to the safe side behind the first such byte. */
static inline bool are_plain(const uint8_t *p)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), tops = UINT64_C(0x8080808080808080);
	uint64_t v;
	memcpy(&v, p, sizeof v);
	uint64_t quote = v ^ ones * '"', backslash = v ^ ones * '\\', delete = v ^ ones * 0x7f;
	return !((v | (v - ones * 0x20) | (quote - ones) | (backslash - ones) | (delete - ones)) & tops);
}

/* How much at the beginning is copied as it is. */
static size_t plain_length(struct bytes b)
{
	size_t i = 0;
	while (i + 8 <= b.len && are_plain(b.data + i))
		i += 8;
	for (; i < b.len; i++) {
		uint8_t c = b.data[i];
		if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\')
			break;
	}
	return i;
}

static bool is_utf8(struct bytes b)
{
	for (size_t i = 0; i < b.len;) {
		if (b.data[i] < 0x80) {
			i++;
			continue;
		}
		size_t n = utf8_length(b.data + i, b.len - i);
		if (n == 0)
			return false;
		i += n;
	}
	return true;
}

static void add_escaped(struct buffer *out, uint8_t c)
{
	static const char hex[] = "0123456789abcdef";
	static const char letter[] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
	if (c == '"' || c == '\\') {
		const uint8_t pair[] = {'\\', c};
		buffer_add(out, pair, 2);
	} else if (c < sizeof letter && letter[c]) {
		const uint8_t pair[] = {'\\', (uint8_t)letter[c]};
		buffer_add(out, pair, 2);
	} else {
		const uint8_t six[] = {'\\', 'u', '0', '0', (uint8_t)hex[c >> 4], (uint8_t)hex[c & 15]};
		buffer_add(out, six, 6);
	}
}

/* Adds text that is UTF-8, escaping what JSON wants escaped; runs of plain bytes are copied whole. */
static void add_text(struct buffer *out, struct bytes b)
{
	size_t start = 0;
	for (size_t i = 0; i < b.len; i++) {
		uint8_t c = b.data[i];
		if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f)
			continue;
		buffer_add(out, b.data + start, i - start);
		add_escaped(out, c);
		start = i + 1;
	}
	buffer_add(out, b.data + start, b.len - start);
}

static void add_bytes(struct buffer *out, struct bytes b)
{
	static const char hex[] = "0123456789abcdef";
	if (is_utf8(b)) {
		add_text(out, b);
		return;
	}
	for (size_t i = 0; i < b.len; i++) {
		uint8_t c = b.data[i];
		if (c < 0x80) {
			add_text(out, bytes_of(&c, 1));
		} else {
			const uint8_t five[] = {'\\', '\\', 'x', (uint8_t)hex[c >> 4], (uint8_t)hex[c & 15]};
			buffer_add(out, five, 5);
		}
	}
}

void json_bytes(struct json *j, const char *key, struct bytes value)
{
	begin(j, key);
	buffer_add_byte(j->out, '"');
	size_t plain = plain_length(value);
	buffer_add(j->out, value.data, plain);
	if (plain < value.len)
		add_bytes(j->out, bytes_from(value, plain));
	buffer_add_byte(j->out, '"');
}

void json_string(struct json *j, const char *key, const char *value)
{
	json_bytes(j, key, bytes_of_string(value));
}

void json_key_bytes(struct json *j, struct bytes key)
{
	json_bytes(j, NULL, key);
	buffer_add_byte(j->out, ':');
	j->comma = false;
}

void json_uint(struct json *j, const char *key, uint64_t value)
{
	char digits[24], *p = digits + sizeof digits;
	do
		*--p = (char)('0' + value % 10);
	while (value /= 10);
	begin(j, key);
	buffer_add(j->out, p, (size_t)(digits + sizeof digits - p));
}

void json_int(struct json *j, const char *key, int64_t value)
{
	if (value >= 0) {
		json_uint(j, key, (uint64_t)value);
		return;
	}
	begin(j, key);
	buffer_printf(j->out, "%lld", (long long)value);
}

void json_double(struct json *j, const char *key, double value)
{
	begin(j, key);
	if (!isfinite(value))
		buffer_add_string(j->out, "null");
	else
		buffer_printf(j->out, "%.17g", value);
}

void json_bool(struct json *j, const char *key, bool value)
{
	begin(j, key);
	buffer_add_string(j->out, value ? "true" : "false");
}

void json_base64(struct json *j, const char *key, struct bytes value)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	begin(j, key);
	size_t n = (value.len + 2) / 3 * 4;
	if (!buffer_reserve(j->out, n + 2))
		return;
	uint8_t *p = j->out->data + j->out->len;
	*p++ = '"';
	for (size_t i = 0; i < value.len; i += 3) {
		size_t left = value.len - i;
		uint32_t v = (uint32_t)value.data[i] << 16;
		if (left > 1)
			v |= (uint32_t)value.data[i + 1] << 8;
		if (left > 2)
			v |= value.data[i + 2];
		*p++ = (uint8_t)digits[v >> 18];
		*p++ = (uint8_t)digits[v >> 12 & 63];
		*p++ = left > 1 ? (uint8_t)digits[v >> 6 & 63] : '=';
		*p++ = left > 2 ? (uint8_t)digits[v & 63] : '=';
	}
	*p = '"';
	j->out->len += n + 2;
}

void json_hex(struct json *j, const char *key, struct bytes value)
{
	static const char hex[] = "0123456789abcdef";
	begin(j, key);
	buffer_add_byte(j->out, '"');
	for (size_t i = 0; i < value.len; i++) {
		buffer_add_byte(j->out, (uint8_t)hex[value.data[i] >> 4]);
		buffer_add_byte(j->out, (uint8_t)hex[value.data[i] & 15]);
	}
	buffer_add_byte(j->out, '"');
}

void json_printable(struct json *j, const char *key, struct bytes value)
{
	begin(j, key);
	buffer_add_byte(j->out, '"');
	for (size_t i = 0; i < value.len; i++) {
		uint8_t c = value.data[i];
		if ((c < 0x20 || c >= 0x7f) && c != '\r' && c != '\n')
			c = '.';
		add_text(j->out, bytes_of(&c, 1));
	}
	buffer_add_byte(j->out, '"');
}

void json_raw(struct json *j, const char *key, struct bytes value)
{
	begin(j, key);
	buffer_add(j->out, value.data, value.len);
}
