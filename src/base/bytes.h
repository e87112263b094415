// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Byte views and the bounds-checked reader.
 *
 * A `struct bytes` is a borrowed view: it owns nothing and lives as long as what it points into. A `struct reader` walks
 * over one. Every read checks the bounds; a read beyond the end returns zero and sets `failed`, which stays set. So a parser
 * reads its fields straight down and tests `failed` once. Parsers of bytes from the network use nothing else.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
	const uint8_t *data;
	size_t len;
};

#define BYTES_LITERAL(s) ((struct bytes){(const uint8_t *)(s), sizeof(s) - 1})

static inline struct bytes bytes_of(const void *data, size_t len)
{
	return (struct bytes){data, len};
}

static inline struct bytes bytes_of_string(const char *s)
{
	return (struct bytes){(const uint8_t *)s, strlen(s)};
}

/* What lies from `offset` on, at most `len` bytes of it; empty if `offset` is beyond the end. */
static inline struct bytes bytes_slice(struct bytes b, size_t offset, size_t len)
{
	if (offset > b.len)
		offset = b.len;
	if (len > b.len - offset)
		len = b.len - offset;
	return (struct bytes){b.data ? b.data + offset : NULL, len};
}

static inline struct bytes bytes_from(struct bytes b, size_t offset)
{
	return bytes_slice(b, offset, SIZE_MAX);
}

static inline bool bytes_equal(struct bytes a, struct bytes b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline uint8_t byte_lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

/* Equal but for the case of ASCII letters. */
bool bytes_equal_nocase(struct bytes a, struct bytes b);
bool bytes_starts_nocase(struct bytes b, const char *prefix);

/* Position of the first `needle` at or after `from`, or -1. An empty needle is found at `from`. */
ptrdiff_t bytes_find(struct bytes hay, struct bytes needle, size_t from);
ptrdiff_t bytes_find_nocase(struct bytes hay, struct bytes needle, size_t from);

/* Unaligned loads; the caller has checked that the bytes are there. */
static inline uint16_t load_be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t load_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t load_be64(const uint8_t *p)
{
	return (uint64_t)load_be32(p) << 32 | load_be32(p + 4);
}

static inline void store_be16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void store_be32(uint8_t *p, uint32_t v)
{
	store_be16(p, (uint16_t)(v >> 16));
	store_be16(p + 2, (uint16_t)v);
}

/* Two hexadecimal digits; returns what follows them. */
static inline char *hex_put(char *out, uint8_t v)
{
	out[0] = "0123456789abcdef"[v >> 4];
	out[1] = "0123456789abcdef"[v & 15];
	return out + 2;
}

struct reader {
	const uint8_t *p, *end;
	bool failed;
};

static inline struct reader reader_over(struct bytes b)
{
	static const uint8_t nothing[1];
	return b.data ? (struct reader){b.data, b.data + b.len, false} : (struct reader){nothing, nothing, false}; /* NULL + 0 is undefined */
}

static inline size_t reader_left(const struct reader *r)
{
	return (size_t)(r->end - r->p);
}

/* The next `n` bytes, or NULL with `failed` set; then nothing more can be read. */
static inline const uint8_t *reader_take(struct reader *r, size_t n)
{
	if (reader_left(r) < n) {
		r->failed = true;
		r->p = r->end;
		return NULL;
	}
	const uint8_t *p = r->p;
	r->p += n;
	return p;
}

static inline struct bytes reader_bytes(struct reader *r, size_t n)
{
	const uint8_t *p = reader_take(r, n);
	return p ? (struct bytes){p, n} : (struct bytes){NULL, 0};
}

static inline uint8_t reader_u8(struct reader *r)
{
	const uint8_t *p = reader_take(r, 1);
	return p ? *p : 0;
}

static inline uint16_t reader_u16(struct reader *r)
{
	const uint8_t *p = reader_take(r, 2);
	return p ? load_be16(p) : 0;
}

static inline uint32_t reader_u24(struct reader *r)
{
	const uint8_t *p = reader_take(r, 3);
	return p ? (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2] : 0;
}

static inline uint32_t reader_u32(struct reader *r)
{
	const uint8_t *p = reader_take(r, 4);
	return p ? load_be32(p) : 0;
}

static inline uint64_t reader_u64(struct reader *r)
{
	const uint8_t *p = reader_take(r, 8);
	return p ? load_be64(p) : 0;
}

static inline void reader_skip(struct reader *r, size_t n)
{
	(void)reader_take(r, n);
}

static inline struct bytes reader_rest(const struct reader *r)
{
	return (struct bytes){r->p, reader_left(r)};
}
