// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *or_die(void *p)
{
	if (!p) {
		fputs("sluice: out of memory\n", stderr);
		exit(1);
	}
	return p;
}

void *xmalloc(size_t n)
{
	return or_die(malloc(n ? n : 1));
}

void *xcalloc(size_t count, size_t size)
{
	return or_die(calloc(count ? count : 1, size ? size : 1));
}

void *xrealloc(void *p, size_t n)
{
	return or_die(realloc(p, n ? n : 1));
}

char *xstrdup(const char *s)
{
	return or_die(strdup(s));
}

char *xstrndup(const char *s, size_t n)
{
	return or_die(strndup(s, n));
}

char *xasprintf(const char *format, ...)
{
	char *s = NULL;
	va_list args;
	va_start(args, format);
	int n = vasprintf(&s, format, args);
	va_end(args);
	return or_die(n < 0 ? NULL : s);
}

struct arena_block {
	struct arena_block *next;
	size_t size;
} __attribute__((aligned(16)));

void arena_init(struct arena *a, size_t block)
{
	*a = (struct arena){.block = block};
}

static struct arena_block *arena_grow(struct arena *a, size_t n)
{
	struct arena_block *b = calloc(1, sizeof *b + n);
	if (!b)
		return NULL;
	b->size = n;
	b->next = a->blocks;
	a->blocks = b;
	a->used += n + sizeof *b;
	return b;
}

void *arena_alloc(struct arena *a, size_t n)
{
	if (n > SIZE_MAX / 2)
		return NULL;
	n = (n + 15) & ~(size_t)15;
	if (n <= (size_t)(a->end - a->at)) {
		void *p = a->at;
		a->at += n;
		return p;
	}
	bool own = n > a->block / 2;
	struct arena_block *b = arena_grow(a, own ? n : a->block);
	if (!b)
		return NULL;
	uint8_t *start = (uint8_t *)(b + 1);
	if (!own) {
		a->at = start + n;
		a->end = start + a->block;
	}
	return start;
}

void *arena_copy(struct arena *a, const void *data, size_t n)
{
	void *p = arena_alloc(a, n);
	if (p && n)
		memcpy(p, data, n);
	return p;
}

void arena_free(struct arena *a)
{
	for (struct arena_block *b = a->blocks, *next; b; b = next) {
		next = b->next;
		free(b);
	}
	arena_init(a, a->block);
}

void slab_init(struct slab *s, size_t size)
{
	if (size < sizeof(void *))
		size = sizeof(void *);
	*s = (struct slab){.size = size};
	arena_init(&s->arena, size * 64 > 65536 ? size * 64 : 65536);
}

void *slab_take(struct slab *s)
{
	void *p = s->spare;
	if (p) {
		memcpy(&s->spare, p, sizeof s->spare);
		memset(p, 0, s->size);
	} else {
		p = arena_alloc(&s->arena, s->size);
		if (!p)
			return NULL;
		s->made++;
	}
	s->in_use++;
	return p;
}

void slab_give(struct slab *s, void *object)
{
	if (!object)
		return;
	memcpy(object, &s->spare, sizeof s->spare);
	s->spare = object;
	s->in_use--;
}

void slab_free(struct slab *s)
{
	arena_free(&s->arena);
	s->spare = NULL;
	s->in_use = s->made = 0;
}

bool buffer_reserve(struct buffer *b, size_t more)
{
	if (more <= b->room - b->len)
		return true;
	if (more > SIZE_MAX / 4 - b->len) {
		b->failed = true;
		return false;
	}
	size_t room = b->room ? b->room * 2 : 256;
	while (room < b->len + more)
		room *= 2;
	uint8_t *data = realloc(b->data, room);
	if (!data) {
		b->failed = true;
		return false;
	}
	b->data = data;
	b->room = room;
	return true;
}

void buffer_add(struct buffer *b, const void *data, size_t n)
{
	if (n && buffer_reserve(b, n)) {
		memcpy(b->data + b->len, data, n);
		b->len += n;
	}
}

void buffer_add_byte(struct buffer *b, uint8_t c)
{
	if (buffer_reserve(b, 1))
		b->data[b->len++] = c;
}

void buffer_add_string(struct buffer *b, const char *s)
{
	buffer_add(b, s, strlen(s));
}

void buffer_printf(struct buffer *b, const char *format, ...)
{
	va_list args, again;
	va_start(args, format);
	va_copy(again, args);
	int n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (n >= 0 && buffer_reserve(b, (size_t)n + 1)) {
		vsnprintf((char *)b->data + b->len, (size_t)n + 1, format, again);
		b->len += (size_t)n;
	}
	va_end(again);
}

const char *buffer_string(struct buffer *b)
{
	if (!buffer_reserve(b, 1))
		return "";
	b->data[b->len] = 0;
	return (const char *)b->data;
}

void buffer_free(struct buffer *b)
{
	free(b->data);
	*b = (struct buffer){0};
}
