// SPDX-License-Identifier: GPL-2.0-or-later
/* flowbits, flowints and flowvars of a flow: one sorted list of small entries, allocated when the first is set. */
#include "detect/run.h"

#include <stdlib.h>

enum entry_kind { ENTRY_BIT, ENTRY_INT, ENTRY_VAR };
enum { ENTRIES_MAX = 1024, VAR_MAX = 8192 }; /* bounds what rules and traffic can make a flow hold */

struct entry {
	uint32_t id;
	uint8_t kind;
	uint32_t value;  /* an int's value; a text's length */
	uint8_t *text;
};

struct flow_bits {
	uint16_t n, room;
	struct entry entry[];
};

/* Where the entry is or would be. */
static unsigned place(const struct flow_bits *b, uint8_t kind, uint32_t id)
{
	unsigned low = 0, high = b ? b->n : 0;
	while (low < high) {
		unsigned mid = (low + high) / 2;
		const struct entry *e = &b->entry[mid];
		if (e->kind < kind || (e->kind == kind && e->id < id))
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct entry *find(const struct flow *f, uint8_t kind, uint32_t id)
{
	unsigned i = place(f->bits, kind, id);
	return f->bits && i < f->bits->n && f->bits->entry[i].kind == kind && f->bits->entry[i].id == id ? &f->bits->entry[i] : NULL;
}

static struct entry *make(struct flow *f, uint8_t kind, uint32_t id)
{
	struct entry *e = find(f, kind, id);
	if (e)
		return e;
	struct flow_bits *b = f->bits;
	if (!b || b->n == b->room) {
		unsigned room = b ? b->room * 2u : 4;
		if (room > ENTRIES_MAX)
			return NULL;
		b = realloc(f->bits, sizeof *b + room * sizeof b->entry[0]);
		if (!b)
			return NULL;
		if (!f->bits)
			b->n = 0;
		b->room = (uint16_t)room;
		f->bits = b;
	}
	unsigned i = place(b, kind, id);
	memmove(&b->entry[i + 1], &b->entry[i], (b->n - i) * sizeof b->entry[0]);
	b->n++;
	b->entry[i] = (struct entry){.id = id, .kind = kind};
	return &b->entry[i];
}

static void drop(struct flow *f, uint8_t kind, uint32_t id)
{
	struct entry *e = find(f, kind, id);
	if (!e)
		return;
	free(e->text);
	unsigned i = (unsigned)(e - f->bits->entry);
	f->bits->n--;
	memmove(e, e + 1, (f->bits->n - i) * sizeof *e);
}

bool flow_bit_test(const struct flow *f, uint32_t id)
{
	return find(f, ENTRY_BIT, id);
}

void flow_bit_set(struct flow *f, uint32_t id)
{
	(void)make(f, ENTRY_BIT, id);
}

void flow_bit_clear(struct flow *f, uint32_t id)
{
	drop(f, ENTRY_BIT, id);
}

bool flow_int_get(const struct flow *f, uint32_t id, uint32_t *out)
{
	const struct entry *e = find(f, ENTRY_INT, id);
	if (e)
		*out = e->value;
	return e;
}

void flow_int_set(struct flow *f, uint32_t id, uint32_t value)
{
	struct entry *e = make(f, ENTRY_INT, id);
	if (e)
		e->value = value;
}

bool flow_var_get(const struct flow *f, uint32_t id, struct bytes *out)
{
	const struct entry *e = find(f, ENTRY_VAR, id);
	if (e)
		*out = (struct bytes){e->text, e->value};
	return e;
}

void flow_var_set(struct flow *f, uint32_t id, struct bytes value)
{
	size_t len = value.len > VAR_MAX ? VAR_MAX : value.len;
	struct entry *e = make(f, ENTRY_VAR, id);
	uint8_t *text = e ? realloc(e->text, len ? len : 1) : NULL;
	if (!text)
		return;
	if (len)
		memcpy(text, value.data, len);
	e->text = text;
	e->value = (uint32_t)len;
}

void flow_vars_clear(struct flow *f)
{
	unsigned kept = 0;
	for (unsigned i = 0; f->bits && i < f->bits->n; i++) {
		struct entry *e = &f->bits->entry[i];
		if (e->kind == ENTRY_VAR)
			free(e->text);
		else
			f->bits->entry[kept++] = *e;
	}
	if (f->bits)
		f->bits->n = (uint16_t)kept;
}

void flow_bits_free(struct flow *f)
{
	for (unsigned i = 0; f->bits && i < f->bits->n; i++)
		free(f->bits->entry[i].text);
	free(f->bits);
	f->bits = NULL;
}

void flow_bits_each(const struct flow *f, void (*bit)(void *c, uint32_t id), void (*number)(void *c, uint32_t id, uint32_t value),
		    void (*var)(void *c, uint32_t id, struct bytes value), void *context)
{
	for (unsigned i = 0; f->bits && i < f->bits->n; i++) {
		const struct entry *e = &f->bits->entry[i];
		if (e->kind == ENTRY_BIT && bit)
			bit(context, e->id);
		else if (e->kind == ENTRY_INT && number)
			number(context, e->id, e->value);
		else if (e->kind == ENTRY_VAR && var)
			var(context, e->id, (struct bytes){e->text, e->value});
	}
}
