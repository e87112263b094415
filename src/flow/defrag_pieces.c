// SPDX-License-Identifier: GPL-2.0-or-later
#include "flow/defrag_pieces.h"

#include <errno.h>
#include <stdlib.h>

enum { BLOB_USUAL = 1536 }; /* bytes of a fragment on a link of 1,500 bytes, and a little more */

void piece_store_init(struct piece_store *s)
{
	memset(s, 0, sizeof *s);
	slab_init(&s->pieces, sizeof(struct piece));
	slab_init(&s->blobs, sizeof(struct blob) + BLOB_USUAL);
}

void piece_store_free(struct piece_store *s)
{
	slab_free(&s->pieces);
	slab_free(&s->blobs);
}

static uint64_t blob_cost(const struct blob *b)
{
	return sizeof *b + (b->size <= BLOB_USUAL ? BLOB_USUAL : b->size);
}

uint64_t piece_store_cost(size_t len)
{
	struct blob b = {.size = (uint32_t)len};
	return blob_cost(&b) + sizeof(struct piece);
}

struct blob *blob_new(struct piece_store *s, struct bytes data)
{
	struct blob *b = data.len <= BLOB_USUAL ? slab_take(&s->blobs) : malloc(sizeof *b + data.len);
	if (!b)
		return NULL;
	b->refs = 1;
	b->size = (uint32_t)data.len;
	memcpy(b->data, data.data, data.len);
	s->memuse += blob_cost(b);
	return b;
}

void blob_drop(struct piece_store *s, struct blob *b)
{
	if (!b || --b->refs)
		return;
	s->memuse -= blob_cost(b);
	if (b->size <= BLOB_USUAL)
		slab_give(&s->blobs, b);
	else
		free(b);
}

static struct piece *piece_new(struct piece_store *s, struct blob *blob, uint32_t start, uint32_t end, uint32_t from)
{
	struct piece *p = slab_take(&s->pieces);
	if (!p)
		return NULL;
	*p = (struct piece){.blob = blob, .start = start, .end = end, .from = from};
	blob->refs++;
	s->memuse += sizeof *p;
	s->n_pieces++;
	return p;
}

static void piece_free(struct piece_store *s, struct piece *p)
{
	blob_drop(s, p->blob);
	s->memuse -= sizeof *p;
	s->n_pieces--;
	slab_give(&s->pieces, p);
}

/* Whether new bytes [start, end) overwrite an old piece where they overlap. */
static bool new_wins(enum overlap_policy policy, const struct piece *old, uint32_t start, uint32_t end)
{
	switch (policy) {
	case OVERLAP_LAST: return true;
	case OVERLAP_BSD: return start < old->start;
	case OVERLAP_BSD_RIGHT: return start >= old->start;
	case OVERLAP_LINUX: return start <= old->start;
	case OVERLAP_WINDOWS: return start < old->start && end > old->end;
	case OVERLAP_SOLARIS: return start < old->start && end >= old->end;
	case OVERLAP_FIRST: break;
	}
	return false;
}

/* One addition: a walk over the pieces that the new bytes touch. */
struct adding {
	struct piece_store *store;
	struct piece_list *list;
	struct blob *blob;
	uint32_t start, end; /* of the new bytes */
	uint32_t at;         /* how far they are placed */
};

/* Places the new bytes up to `to` before *link. Returns the link behind them, or NULL: no memory. */
static struct piece **place(struct adding *a, struct piece **link, uint32_t to)
{
	if (a->at >= to)
		return link;
	struct piece *p = piece_new(a->store, a->blob, a->at, to, a->at - a->start);
	if (!p)
		return NULL;
	p->next = *link;
	*link = p;
	if (!p->next)
		a->list->last = p;
	a->list->covered += to - a->at;
	a->at = to;
	return &p->next;
}

/* The new bytes overwrite a part of *link. Returns where the walk goes on, or NULL: no memory. */
static struct piece **overwrite(struct adding *a, struct piece **link)
{
	struct piece *old = *link;
	uint32_t from = old->start > a->start ? old->start : a->start, to = old->end < a->end ? old->end : a->end;
	if (old->start < from && old->end > to) { /* its middle: two remain */
		struct piece *right = piece_new(a->store, old->blob, to, old->end, old->from + (to - old->start));
		if (!right)
			return NULL;
		right->next = old->next;
		old->next = right;
		if (a->list->last == old)
			a->list->last = right;
	}
	a->list->covered -= to - from;
	if (old->start < from) {
		old->end = from;
		return &old->next;
	}
	if (old->end > to) {
		old->from += to - old->start;
		old->start = to;
		return link;
	}
	*link = old->next;
	piece_free(a->store, old);
	return link;
}

static void find_last(struct piece_list *l)
{
	l->last = l->first;
	while (l->last && l->last->next)
		l->last = l->last->next;
}

static int walk(struct adding *a, enum overlap_policy policy)
{
	struct piece **link = &a->list->first, *old;
	int overlaps = 0;
	while ((old = *link) && old->start < a->end) {
		if (old->end <= a->at) {
			link = &old->next;
			continue;
		}
		overlaps = 1;
		if (new_wins(policy, old, a->start, a->end)) {
			link = overwrite(a, link);
		} else {
			link = place(a, link, old->start);
			if (link) {
				a->at = old->end;
				link = &old->next;
			}
		}
		if (!link)
			return -ENOMEM;
	}
	if (!place(a, link, a->end))
		return -ENOMEM;
	if (overlaps)
		find_last(a->list);
	return overlaps;
}

/* Fragments mostly come in order: behind all that is there. */
static int append(struct adding *a)
{
	struct piece *last = a->list->last;
	return place(a, last ? &last->next : &a->list->first, a->end) ? 0 : -ENOMEM;
}

int piece_list_add(struct piece_store *s, struct piece_list *l, enum overlap_policy policy, uint32_t start, struct bytes data)
{
	if (!data.len)
		return 0;
	struct adding a = {.store = s, .list = l, .start = start, .end = start + (uint32_t)data.len, .at = start};
	a.blob = blob_new(s, data);
	if (!a.blob)
		return -ENOMEM;
	int rc = !l->last || l->last->end <= start ? append(&a) : walk(&a, policy);
	blob_drop(s, a.blob); /* the pieces hold it now, if any is left of it */
	return rc;
}

bool piece_list_covers(const struct piece_list *l, uint32_t len)
{
	if (l->covered < len)
		return false;
	uint32_t at = 0;
	for (const struct piece *p = l->first; p && at < len && p->start == at; p = p->next)
		at = p->end;
	return at >= len;
}

void piece_list_copy(const struct piece_list *l, uint32_t len, uint8_t *out)
{
	for (const struct piece *p = l->first; p && p->start < len; p = p->next)
		memcpy(out + p->start, p->blob->data + p->from, (p->end < len ? p->end : len) - p->start);
}

void piece_list_clear(struct piece_store *s, struct piece_list *l)
{
	while (l->first) {
		struct piece *p = l->first;
		l->first = p->next;
		piece_free(s, p);
	}
	*l = (struct piece_list){0};
}
