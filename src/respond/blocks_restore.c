// SPDX-License-Identifier: GPL-2.0-or-later
/* The state file of blocks_state.c read back at the start. */
#include "respond/blocks_private.h"

#include "base/memory.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { STATE_MAX = 512 << 20 };

static bool parse_prefix(const char *text, struct block *b)
{
	const char *slash = text ? strchr(text, '/') : NULL;
	char *end;
	if (!slash || slash[1] < '0' || slash[1] > '9' || !address_parse(bytes_of(text, (size_t)(slash - text)), &b->prefix))
		return false;
	unsigned long len = strtoul(slash + 1, &end, 10);
	if (*end || len < 1 || len > address_len(&b->prefix) * 8)
		return false;
	b->len = (uint8_t)len;
	address_mask(&b->prefix, b->len);
	return true;
}

static uint32_t number_of(const json_t *o, const char *key)
{
	json_int_t v = json_integer_value(json_object_get(o, key));
	return v > 0 && v <= UINT32_MAX ? (uint32_t)v : 0;
}

static bool read_block(const json_t *o, struct block *b)
{
	*b = (struct block){0};
	if (!json_is_object(o) || !json_is_integer(json_object_get(o, "until")) || !parse_prefix(json_string_value(json_object_get(o, "prefix")), b))
		return false;
	b->since = json_integer_value(json_object_get(o, "since"));
	b->until = json_integer_value(json_object_get(o, "until"));
	b->gid = number_of(o, "gid");
	b->sid = number_of(o, "sid");
	b->generation = number_of(o, "generation");
	json_int_t flow = json_integer_value(json_object_get(o, "flow_id"));
	b->flow_id = flow > 0 ? (uint64_t)flow : 0;
	const char *why = json_string_value(json_object_get(o, "why"));
	snprintf(b->why, sizeof b->why, "%s", why ? why : "");
	return b->until >= 0;
}

/* Wider ones first, so that what lies within them is seen to. */
static int by_place(const void *a, const void *b)
{
	const struct block *x = a, *y = b;
	int order = address_compare(&x->prefix, &y->prefix);
	return order ? order : (int)x->len - (int)y->len;
}

/* Into the list, as far as there is room; what overlaps a wider one gives it its end. */
static void take(struct block_list *l, const struct block *b, size_t n)
{
	struct block_node *last = NULL;
	for (size_t i = 0; i < n; i++) {
		struct block_node *x = last && block_within(&b[i].prefix, &last->b.prefix, last->b.len) ? last : NULL;
		if (x && block_ends_later(b[i].until, x->b.until)) {
			x->b.until = b[i].until;
			block_set_moved(&l->set, x);
		}
		if (!x && l->set.n < l->settings.max)
			x = block_set_insert(&l->set, &b[i]);
		last = x ? x : last;
	}
}

struct selection {
	struct block *block;
	size_t n, room;
	usec_t now;
	bool (*allowed)(void *context, const struct address *a, unsigned len);
	void *context;
};

static bool is_first_line(const json_t *o)
{
	return json_integer_value(json_object_get(o, "version")) == 1;
}

static void select_block(struct selection *s, const struct block *b)
{
	if ((b->until && b->until <= s->now) || (s->allowed && s->allowed(s->context, &b->prefix, b->len)))
		return;
	if (s->n == s->room)
		s->block = xrealloc(s->block, (s->room = s->room ? s->room * 2 : 64) * sizeof *s->block);
	s->block[s->n++] = *b;
}

/* A line that is no block is an error: half a list would look like the whole. */
static int read_lines(struct selection *s, const char *path, const struct buffer *text, struct error *error)
{
	const char *at = (const char *)text->data, *end = at + text->len;
	for (int line = 1; at < end; line++) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		size_t len = (size_t)((newline ? newline : end) - at);
		json_error_t why = {.text = "no block"};
		struct block b;
		json_t *o = json_loadb(at, len, 0, &why);
		bool good = o && (line == 1 ? is_first_line(o) : read_block(o, &b));
		json_decref(o);
		if (!good)
			return error_set(error, EINVAL, "%s:%d: %s", path, line, line == 1 && o ? "no list of blocks of version 1" : why.text[0] ? why.text : "no block");
		if (line > 1)
			select_block(s, &b);
		at += len + (newline != NULL);
	}
	return 0;
}

static int fill(struct block_list *l, struct selection *s, struct error *error)
{
	if (s->n)
		qsort(s->block, s->n, sizeof *s->block, by_place);
	pthread_mutex_lock(&l->lock);
	bool empty = l->set.n == 0;
	if (empty)
		take(l, s->block, s->n);
	for (size_t i = 0; empty && i < l->set.n; i++)
		block_list_tell(l, BLOCK_RESTORED, &l->set.heap[i]->b, 0);
	pthread_mutex_unlock(&l->lock);
	return empty ? block_list_reload(l, s->now, error) : error_set(error, EBUSY, "blocks are restored before others are made");
}

int block_list_restore(struct block_list *l, usec_t now, bool (*allowed)(void *context, const struct address *a, unsigned len), void *context, struct error *error)
{
	struct selection s = {.now = now, .allowed = allowed, .context = context};
	const char *path = l->settings.state_file;
	struct buffer text = {0};
	if (!path || access(path, F_OK) < 0)
		return 0;
	int status = file_read(path, STATE_MAX, &text, error);
	if (status >= 0)
		status = read_lines(&s, path, &text, error);
	buffer_free(&text);
	if (status >= 0)
		status = fill(l, &s, error);
	free(s.block);
	return status;
}
