// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Files of rules: lines, continuation by a backslash at the end, comments, rules behind '#'. A wrong rule is a finding; the
 * others load. Of two active rules with one sid the higher revision stays.
 */
#include "rule/internal.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

struct loading {
	struct rule_set *set;
	const struct rule_vars *vars;
	const char *file;
	struct bytes rest; /* of the text */
	int line;          /* number of the line last taken */
	bool disabled;
	struct buffer text; /* of the rule being read, joined */
	uint32_t breaks[256];
	uint32_t n_breaks;
	bool replaced;
};

static bool next_line(struct loading *l, struct bytes *out)
{
	if (!l->rest.len)
		return false;
	const uint8_t *newline = memchr(l->rest.data, '\n', l->rest.len);
	size_t len = newline ? (size_t)(newline - l->rest.data) : l->rest.len;
	*out = bytes_slice(l->rest, 0, len);
	l->rest = bytes_from(l->rest, len + (newline != NULL));
	if (out->len && out->data[out->len - 1] == '\r')
		out->len--;
	l->line++;
	return true;
}

static struct bytes without_leading(struct bytes b, const char *set)
{
	while (b.len && *b.data && strchr(set, *b.data))
		b = bytes_from(b, 1);
	return b;
}

/* "#alert tcp …" and "# drop …" are rules that are switched off, "# alert the admin" is not found out here but by parsing. */
static bool starts_with_action(struct bytes b)
{
	for (int i = 0; rule_action_names[i]; i++) {
		size_t n = strlen(rule_action_names[i]);
		if (b.len > n && bytes_starts_nocase(b, rule_action_names[i]) && (b.data[n] == ' ' || b.data[n] == '\t' || b.data[n] == ':'))
			return true;
	}
	return false;
}

/* The text of a rule, of as many lines as a backslash joins. */
static void join_lines(struct loading *l, struct bytes line)
{
	buffer_clear(&l->text);
	l->n_breaks = 0;
	for (;;) {
		struct bytes kept = line;
		while (kept.len && isspace(kept.data[kept.len - 1]))
			kept.len--;
		bool more = kept.len && kept.data[kept.len - 1] == '\\';
		kept.len -= more;
		buffer_add(&l->text, kept.data, kept.len);
		if (!more || !next_line(l, &line))
			return;
		if (l->n_breaks < sizeof l->breaks / sizeof *l->breaks)
			l->breaks[l->n_breaks++] = (uint32_t)l->text.len;
	}
}

static void note_duplicate(struct loading *l, struct rule *r, struct rule **before)
{
	struct rule_set *s = l->set;
	const struct rule_option *sid = rule_option_find(r, NULL, "sid");
	struct rule *old = *before;
	if (r->rev > old->rev) {
		rule_set_find(s, FINDING_WARNING, "duplicate-sid", r, sid->span, "replaces revision %u of this sid (%s:%d)", old->rev, old->file, old->line);
		old->replaced = l->replaced = true;
		s->n_active--;
		*before = r;
		return;
	}
	rule_set_find(s, FINDING_ERROR, "duplicate-sid", r, sid->span, "this sid is taken by revision %u at %s:%d", old->rev, old->file, old->line);
	s->n_errors++;
	r->replaced = true;
}

static void append(struct rule_set *s, struct rule *r)
{
	if (s->last)
		s->last->next = r;
	else
		s->first = r;
	s->last = r;
	if (r->active)
		s->n_active++;
	else
		s->n_disabled++;
}

static void read_rule(struct loading *l, bool active, int line, uint32_t indent)
{
	struct rule_set *s = l->set;
	struct rule *r = arena_alloc(&s->arena, sizeof *r);
	char *text = r ? arena_copy(&s->arena, buffer_string(&l->text), l->text.len + 1) : NULL;
	if (!text || l->text.failed)
		return;
	*r = (struct rule){.text = text, .file = l->file, .line = line, .active = active, .indent = indent, .n_breaks = l->n_breaks};
	if (l->n_breaks)
		r->breaks = arena_copy(&s->arena, l->breaks, l->n_breaks * sizeof *l->breaks);
	if (!r->breaks)
		r->n_breaks = 0;
	struct rule_error e = {0};
	bool nul = memchr(l->text.data, 0, l->text.len) != NULL;
	if (nul || rule_read(s, r, l->vars, &e) < 0) {
		if (!active)
			return;
		s->n_errors++;
		rule_set_find(s, FINDING_ERROR, nul ? "bad-text" : e.code, r, e.span, "%s", nul ? "a NUL byte stands in the rule" : e.text);
		return;
	}
	struct rule **before = active ? rule_index_sid(s, r) : NULL;
	if (before)
		note_duplicate(l, r, before);
	if (!r->replaced)
		append(s, r);
}

/* Takes out what a later revision replaced. */
static void sweep(struct rule_set *s)
{
	struct rule **at = &s->first;
	s->last = NULL;
	while (*at) {
		if ((*at)->replaced) {
			*at = (*at)->next;
			continue;
		}
		s->last = *at;
		at = &(*at)->next;
	}
}

static void read_line(struct loading *l, struct bytes line)
{
	struct bytes text = without_leading(line, " \t");
	int number = l->line;
	if (!text.len)
		return;
	if (*text.data != '#') {
		join_lines(l, text);
		read_rule(l, true, number, (uint32_t)(text.data - line.data));
		return;
	}
	if (!l->disabled)
		return;
	text = without_leading(text, "# \t");
	if (!starts_with_action(text))
		return;
	buffer_clear(&l->text);
	buffer_add(&l->text, text.data, text.len);
	l->n_breaks = 0;
	read_rule(l, false, number, (uint32_t)(text.data - line.data));
}

int rule_text_load(struct rule_set *s, struct bytes text, const char *name, const struct rule_vars *v, bool disabled)
{
	struct loading l = {.set = s, .vars = v, .rest = text, .disabled = disabled};
	l.file = arena_copy(&s->arena, name, strlen(name) + 1);
	if (text.len >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0)
		l.rest = bytes_from(text, 3);
	struct bytes line;
	while (next_line(&l, &line))
		read_line(&l, line);
	if (l.replaced)
		sweep(s);
	buffer_free(&l.text);
	s->n_files++;
	return 0;
}

int rule_file_load(struct rule_set *s, const char *path, const struct rule_vars *v, bool disabled, struct error *error)
{
	struct buffer text = {0};
	int status = file_read(path, (size_t)1 << 30, &text, error);
	if (status == 0)
		status = rule_text_load(s, bytes_of(text.data, text.len), path, v, disabled);
	buffer_free(&text);
	return status;
}
