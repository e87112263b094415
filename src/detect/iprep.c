// SPDX-License-Identifier: GPL-2.0-or-later
/* Reputation of addresses: files of "ADDRESS[/BITS],CATEGORY,VALUE", categories of "NUMBER,NAME,WORDS". Read-only. */
#include "detect/keywords.h"
#include "detect/registry.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { CATEGORIES = 64 };

struct entry {
	struct address address;
	uint8_t bits, category, value;
};

struct iprep {
	char *category[CATEGORIES];
	struct entry *entry; /* sorted by bits, address, category */
	size_t n, room;
	bool bits_used[2][129]; /* by family */
};

static int entry_compare(const void *x, const void *y)
{
	const struct entry *a = x, *b = y;
	if (a->bits != b->bits)
		return a->bits < b->bits ? -1 : 1;
	int c = address_compare(&a->address, &b->address);
	return c ? c : (int)a->category - (int)b->category;
}

static FILE *reputation_open(struct conf *conf, const char *name, struct detect_files *files, struct error *error)
{
	const char *folder = conf_string(conf, "default-reputation-path", NULL);
	char *path = *name == '/' || !folder ? xstrdup(name) : xasprintf("%s/%s", folder, name);
	detect_files_note(files, path);
	FILE *in = fopen(path, "re");
	if (!in)
		error_set(error, errno, "%s: %s", path, strerror(errno));
	free(path);
	return in;
}

static int categories_read(struct iprep *r, FILE *in)
{
	char line[512], name[128];
	unsigned id;
	while (fgets(line, sizeof line, in))
		if (*line != '#' && sscanf(line, "%u,%127[^,\r\n]", &id, name) == 2 && id > 0 && id < CATEGORIES) {
			free(r->category[id]);
			r->category[id] = xstrdup(name);
		}
	return 0;
}

static void line_read(struct iprep *r, const char *line)
{
	char address[64];
	unsigned category, value;
	struct entry e = {0};
	if (*line == '#' || sscanf(line, "%63[^,],%u,%u", address, &category, &value) != 3 || category >= CATEGORIES || value > 127)
		return;
	char *slash = strchr(address, '/');
	if (slash)
		*slash = 0;
	if (!address_parse(bytes_of_string(address), &e.address))
		return;
	unsigned full = (unsigned)address_len(&e.address) * 8;
	unsigned long bits = slash ? strtoul(slash + 1, NULL, 10) : full;
	if (bits > full)
		return;
	address_mask(&e.address, (unsigned)bits);
	e.bits = (uint8_t)bits, e.category = (uint8_t)category, e.value = (uint8_t)value;
	r->bits_used[e.address.family == 6][bits] = true;
	if (r->n == r->room)
		r->entry = xrealloc(r->entry, (r->room = r->room ? r->room * 2 : 256) * sizeof *r->entry);
	r->entry[r->n++] = e;
}

struct iprep *iprep_read(struct conf *conf, struct detect_files *files, struct error *error)
{
	struct iprep *r = xcalloc(1, sizeof *r);
	const char *categories = conf_string(conf, "reputation-categories-file", NULL);
	FILE *in = categories ? reputation_open(conf, categories, files, error) : NULL;
	if (categories && !in)
		goto failed;
	if (in) {
		categories_read(r, in);
		fclose(in);
	}
	struct conf *list = conf_get(conf, "reputation-files");
	for (struct conf *c = list ? list->first : NULL; c; c = c->next) {
		char line[512];
		if (!c->value)
			continue;
		in = reputation_open(conf, c->value, files, error);
		if (!in)
			goto failed;
		while (fgets(line, sizeof line, in))
			line_read(r, line);
		fclose(in);
	}
	if (r->n)
		qsort(r->entry, r->n, sizeof *r->entry, entry_compare);
	return r;
failed:
	iprep_free(r);
	return NULL;
}

void iprep_free(struct iprep *r)
{
	if (!r)
		return;
	for (unsigned i = 0; i < CATEGORIES; i++)
		free(r->category[i]);
	free(r->entry);
	free(r);
}

int iprep_category(const struct iprep *r, const char *name)
{
	for (int i = 0; i < CATEGORIES; i++)
		if (r->category[i] && strcmp(r->category[i], name) == 0)
			return i;
	return -1;
}

/* The longest prefix that has the category. */
int iprep_find(const struct iprep *r, const struct address *a, int category)
{
	unsigned full = (unsigned)address_len(a) * 8;
	for (int bits = (int)full; full && bits >= 0; bits--) {
		if (!r->bits_used[a->family == 6][bits])
			continue;
		struct entry key = {.address = *a, .bits = (uint8_t)bits, .category = (uint8_t)category};
		address_mask(&key.address, (unsigned)bits);
		const struct entry *e = bsearch(&key, r->entry, r->n, sizeof *r->entry, entry_compare);
		if (e)
			return e->value;
	}
	return -1;
}

/* iprep:any|src|dst|both,CATEGORY,OPERATOR,VALUE or isset, isnotset */

enum rep_side { REP_ANY, REP_SRC, REP_DST, REP_BOTH };
enum rep_ask { REP_COMPARE, REP_ISSET, REP_ISNOTSET };

struct rep_test {
	const struct iprep *reputation;
	int category;
	uint8_t side, ask;
	struct number_test value;
};

static bool rep_one(const struct rep_test *x, const struct address *a)
{
	int value = iprep_find(x->reputation, a, x->category);
	if (x->ask != REP_COMPARE)
		return (value >= 0) == (x->ask == REP_ISSET);
	return value >= 0 && number_test(&x->value, (uint64_t)value);
}

static bool iprep_holds(struct detect_scratch *s, const struct packet_test *t)
{
	const struct rep_test *x = t->data;
	const struct packet *p = s->packet;
	switch (x->side) {
	case REP_SRC: return rep_one(x, &p->src);
	case REP_DST: return rep_one(x, &p->dst);
	case REP_ANY: return rep_one(x, &p->src) || rep_one(x, &p->dst);
	default: return rep_one(x, &p->src) && rep_one(x, &p->dst);
	}
}

SETUP(iprep)
{
	static const char *const sides[] = {"any", "src", "dst", "both"};
	struct rep_test *x = builder_alloc(b, sizeof *x);
	char *f[4], text[64];
	unsigned n = builder_fields(b, o->value, ',', f, 4);
	for (x->side = 0; x->side < 4 && strcmp(sides[x->side], f[0]) != 0; x->side++)
		;
	if (x->side == 4 || n < 3)
		return error_set(error, EINVAL, "iprep takes any, src, dst or both, a category, and an operator with a value, isset or isnotset");
	if (!b->ctx->files || !b->ctx->files->iprep)
		return error_set(error, ENOTSUP, "iprep needs reputation-files");
	b->ctx->alone = true;
	x->reputation = b->ctx->files->iprep;
	x->category = iprep_category(x->reputation, f[1]);
	if (x->category < 0)
		return error_set(error, EINVAL, "there is no category “%s”", f[1]);
	x->ask = strcmp(f[2], "isset") == 0 ? REP_ISSET : strcmp(f[2], "isnotset") == 0 ? REP_ISNOTSET : REP_COMPARE;
	if ((x->ask == REP_COMPARE) != (n == 4))
		return error_set(error, EINVAL, "an operator needs a value");
	if (n == 4) {
		snprintf(text, sizeof text, "%.2s%.32s", f[2], f[3]);
		int rc = number_parse(text, 8, NULL, &x->value, error);
		if (rc)
			return rc;
	}
	builder_test(b, iprep_holds)->data = x;
	return 0;
}
