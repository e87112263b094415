// SPDX-License-Identifier: GPL-2.0-or-later
#include "ruleset/model.h"

#include <stdlib.h>
#include <string.h>

void ruleset_free(struct ruleset *rs)
{
	if (!rs)
		return;
	arena_free(&rs->arena);
	free(rs);
}

struct ruleset_table *ruleset_find_table(const struct ruleset *rs, uint32_t family, const char *name)
{
	for (struct ruleset_table *t = rs->tables; t; t = t->next)
		if (t->family == family && strcmp(t->name, name) == 0)
			return t;
	return NULL;
}

struct ruleset_chain *ruleset_find_chain(const struct ruleset_table *t, const char *name)
{
	for (struct ruleset_chain *c = t->chains; c; c = c->next)
		if (strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

struct ruleset_set *ruleset_find_set(const struct ruleset_table *t, const char *name, uint32_t id)
{
	for (struct ruleset_set *s = t->sets; s; s = s->next)
		if (id && s->id ? s->id == id : strcmp(s->name, name) == 0)
			return s;
	return NULL;
}
