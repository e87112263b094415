// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory: allocation at start-up, arenas tied to a lifetime, slabs of equal objects.
 *
 * `x*` functions are for start-up and configuration: they end the program with a message when memory is out. The packet path
 * never calls them; it takes from arenas and slabs, which return NULL when the system has no more, and counts the failure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *xmalloc(size_t n);
void *xcalloc(size_t count, size_t size);
void *xrealloc(void *p, size_t n);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t n);
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * An arena hands out memory that is freed all at once. Blocks come from malloc, `block` bytes each, larger wishes get their own.
 * Not for two threads at a time. Memory is zeroed and aligned to 16.
 */
struct arena_block;
struct arena {
	struct arena_block *blocks;
	uint8_t *at, *end;
	size_t block;
	size_t used; /* bytes taken from the system */
};

void arena_init(struct arena *a, size_t block);
void *arena_alloc(struct arena *a, size_t n); /* NULL: no memory */
void *arena_copy(struct arena *a, const void *data, size_t n);
void arena_free(struct arena *a); /* all of it; the arena can be used again */

/* A slab hands out objects of one size and takes them back. Objects are zeroed when handed out. Not shared by threads. */
struct slab {
	size_t size;
	void *spare;
	struct arena arena;
	size_t in_use, made;
};

void slab_init(struct slab *s, size_t size);
void *slab_take(struct slab *s); /* NULL: no memory */
void slab_give(struct slab *s, void *object); /* NULL is allowed */
void slab_free(struct slab *s);

/* A growable run of bytes. A failed growth sets `failed` and drops what was to be added. */
struct buffer {
	uint8_t *data;
	size_t len, room;
	bool failed;
};

bool buffer_reserve(struct buffer *b, size_t more); /* room for `more` bytes behind len */
void buffer_add(struct buffer *b, const void *data, size_t n);
void buffer_add_byte(struct buffer *b, uint8_t c);
void buffer_add_string(struct buffer *b, const char *s);
void buffer_printf(struct buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
const char *buffer_string(struct buffer *b); /* ends it with a NUL that len does not count */
static inline void buffer_clear(struct buffer *b)
{
	b->len = 0;
	b->failed = false;
}
void buffer_free(struct buffer *b);

struct error;
/* Adds the whole of a file, at most `max` bytes. -errno with the file's name and the reason; -EFBIG. */
int file_read(const char *path, size_t max, struct buffer *out, struct error *error);
