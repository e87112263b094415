// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which line of a text a rule stands on. libnftables does not tell, so the blocks are read once more, as far as they are plain: `table … { chain … { … } }`.
 * Where a chain's rules, counted so, are not as many as the ruleset has, none of them gets a line: better no line than a wrong one.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "ruleset/print.h"
#include "ruleset/read_text.h"

enum { TEXT_MAX = 64 << 20, WORD = 256 };

struct scan {
	const char *p;
	uint32_t line;
	struct ruleset *rs;
};

/* Over blanks, comments and lines that go on; `lines` too: over ends of lines and semicolons. */
static void skip(struct scan *s, bool lines)
{
	for (;; s->p++) {
		if (*s->p == '#') {
			while (*s->p && *s->p != '\n')
				s->p++;
			s->p--;
		} else if (s->p[0] == '\\' && s->p[1] == '\n') {
			s->p++;
			s->line++;
		} else if (*s->p == '\n' && lines) {
			s->line++;
		} else if (!(*s->p == ' ' || *s->p == '\t' || *s->p == '\r' || (lines && *s->p == ';'))) {
			return;
		}
	}
}

static void word(struct scan *s, char out[WORD])
{
	size_t n = 0;
	skip(s, false);
	bool quoted = *s->p == '"';
	s->p += quoted;
	while (*s->p && *s->p != '\n' && (quoted ? *s->p != '"' : !isspace((unsigned char)*s->p) && !strchr("{};", *s->p))) {
		if (n + 1 < WORD)
			out[n++] = *s->p;
		s->p++;
	}
	s->p += quoted && *s->p == '"';
	out[n] = 0;
}

/* To the end of a statement: an end of line or semicolon outside of braces, or the brace that closes the block. */
static void statement(struct scan *s)
{
	int depth = 0;
	for (; *s->p; s->p++) {
		if (*s->p == '"') {
			while (s->p[1] && s->p[1] != '"' && s->p[1] != '\n')
				s->p++;
			s->p += s->p[1] == '"';
		} else if (*s->p == '#') {
			while (s->p[1] && s->p[1] != '\n')
				s->p++;
		} else if (*s->p == '{') {
			depth++;
		} else if (*s->p == '}') {
			if (depth-- == 0)
				return;
		} else if (s->p[0] == '\\' && s->p[1] == '\n') {
			s->p++;
			s->line++;
		} else if (*s->p == '\n' && depth > 0) {
			s->line++;
		} else if ((*s->p == '\n' || *s->p == ';') && depth == 0) {
			return;
		}
	}
}

static bool is_property(const char *first)
{
	static const char *const words[] = {"type", "policy", "device", "devices", "comment", "flags", "hook"};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(words[i], first) == 0)
			return true;
	return false;
}

static void place(struct ruleset_chain *c, const uint32_t *lines, uint32_t n)
{
	uint32_t i = 0;
	if (!c || c->n_rules != n)
		return;
	for (struct ruleset_rule *r = c->rules; r; r = r->next)
		r->line = lines[i++];
}

/* Between the braces of a chain. */
static void chain_block(struct scan *s, struct ruleset_chain *c)
{
	uint32_t *lines = NULL, n = 0, room = 0;
	char first[WORD];
	for (skip(s, true); *s->p && *s->p != '}'; skip(s, true)) {
		uint32_t line = s->line;
		const char *start = s->p;
		word(s, first);
		s->p = start;
		statement(s);
		if (is_property(first))
			continue;
		if (n == room)
			lines = xrealloc(lines, (room = room ? room * 2 : 64) * sizeof *lines);
		lines[n++] = line;
	}
	s->p += *s->p == '}';
	place(c, lines, n);
	free(lines);
}

static void table_block(struct scan *s, struct ruleset_table *t)
{
	char what[WORD], name[WORD];
	for (skip(s, true); *s->p && *s->p != '}'; skip(s, true)) {
		const char *start = s->p;
		word(s, what);
		if (strcmp(what, "chain") != 0) {
			s->p = start;
			statement(s);
			continue;
		}
		word(s, name);
		skip(s, true);
		if (*s->p != '{')
			continue;
		s->p++;
		chain_block(s, t ? ruleset_find_chain(t, name) : NULL);
	}
	s->p += *s->p == '}';
}

static struct ruleset_table *named_table(struct scan *s)
{
	char family[WORD], name[WORD];
	word(s, family);
	skip(s, false);
	if (*s->p == '{') {
		strcpy(name, family);
		strcpy(family, "ip");
	} else {
		word(s, name);
	}
	for (struct ruleset_table *t = s->rs->tables; t; t = t->next)
		if (strcmp(ruleset_family_name(t->family), family) == 0 && strcmp(t->name, name) == 0)
			return t;
	return NULL;
}

void ruleset_place_lines(struct ruleset *rs, const char *path)
{
	struct buffer text = {0};
	char what[WORD];
	if (file_read(path, TEXT_MAX, &text, NULL) < 0)
		return;
	struct scan s = {.p = buffer_string(&text), .line = 1, .rs = rs};
	for (skip(&s, true); *s.p; skip(&s, true)) {
		const char *start = s.p;
		word(&s, what);
		struct ruleset_table *t = strcmp(what, "table") == 0 ? named_table(&s) : NULL;
		skip(&s, false);
		if (strcmp(what, "table") == 0 && *s.p == '{') {
			s.p++;
			table_block(&s, t);
			continue;
		}
		s.p = start;
		statement(&s);
		s.p += *s.p == '}';
	}
	buffer_free(&text);
}
