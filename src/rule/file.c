// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Files of rules: lines, continuation by a backslash at the end, comments, rules behind '#'. A wrong rule is a finding; the
 * others load. Of two active rules with one sid the higher revision stays.
 */
#include "rule/internal.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

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
	unsigned until_step; /* lines */
	int status;          /* -errno of the watch: read no further */
	struct error *error;
};

enum { STEP_LINES = 64 };

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

/* False: another rule has the sid, and it stays. */
static bool settle_duplicate(struct loading *l, const struct rule *r, const struct rule **before)
{
	struct rule_set *s = l->set;
	const struct rule_option *sid = rule_option_find(r, NULL, "sid");
	struct text_span span = sid ? sid->span : (struct text_span){0};
	const struct rule *old = *before;
	if (r->rev > old->rev) {
		rule_set_find(s, FINDING_WARNING, "duplicate-sid", r, span, "replaces revision %u of this sid (%s:%d)", old->rev, old->file, old->line);
		if (s->sink)
			s->sink->leave(s->sink, old);
		else
			((struct rule *)old)->replaced = l->replaced = true; /* the set's own */
		s->n_active--;
		*before = r;
		return true;
	}
	rule_set_find(s, FINDING_ERROR, "duplicate-sid", r, span, "this sid is taken by revision %u at %s:%d", old->rev, old->file, old->line);
	s->n_errors++;
	return false;
}

static void append(struct rule_set *s, struct rule *r)
{
	if (s->last)
		s->last->next = r;
	else
		s->first = r;
	s->last = r;
}

/* A whole rule comes into the set, or goes to the sink. */
static void admit(struct loading *l, const struct rule *r)
{
	struct rule_set *s = l->set;
	const struct rule **before = r->active ? rule_index_sid(s, r) : NULL;
	if (before && !settle_duplicate(l, r, before))
		return;
	if (r->active)
		s->n_active++;
	else
		s->n_disabled++;
	if (s->sink)
		s->sink->take(s->sink, r);
	else
		append(s, (struct rule *)r);
}

static void read_rule(struct loading *l, bool active, int line, uint32_t indent)
{
	struct rule_set *s = l->set, *work = s->sink ? s->sink->work : s;
	const struct rule *known = s->sink && active ? s->sink->known(s->sink, bytes_of(l->text.data, l->text.len)) : NULL;
	if (known) {
		admit(l, known);
		return;
	}
	struct rule *r = arena_alloc(&work->arena, sizeof *r);
	char *text = r ? arena_copy(&work->arena, buffer_string(&l->text), l->text.len + 1) : NULL;
	if (!text || l->text.failed)
		return;
	*r = (struct rule){.text = text, .file = l->file, .line = line, .active = active, .indent = indent, .n_breaks = l->n_breaks};
	if (l->n_breaks)
		r->breaks = arena_copy(&work->arena, l->breaks, l->n_breaks * sizeof *l->breaks);
	if (!r->breaks)
		r->n_breaks = 0;
	struct rule_error e = {0};
	bool nul = memchr(l->text.data, 0, l->text.len) != NULL;
	if (nul || rule_read(work, r, l->vars, &e) < 0) {
		if (!active)
			return;
		s->n_errors++;
		rule_set_find(s, FINDING_ERROR, nul ? "bad-text" : e.code, r, e.span, "%s", nul ? "a NUL byte stands in the rule" : e.text);
		return;
	}
	admit(l, r);
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

static void begin_file(struct loading *l, const char *name)
{
	l->file = l->set->sink ? rule_index_text(l->set->sink->work, name) : arena_copy(&l->set->arena, name, strlen(name) + 1);
}

static void end_file(struct loading *l)
{
	if (l->replaced)
		sweep(l->set);
	buffer_free(&l->text);
	l->set->n_files++;
}

static void ask_watch(struct loading *l)
{
	if (!l->set->watch || l->until_step-- > 0)
		return;
	l->until_step = STEP_LINES;
	l->status = l->set->watch->step(l->set->watch, l->error);
	if (l->status < 0)
		error_prefix(l->error, "%s:%d", l->file, l->line);
}

static void read_text(struct loading *l, struct bytes text)
{
	struct bytes line;
	if (l->line == 0 && text.len >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0)
		text = bytes_from(text, 3);
	l->rest = text;
	while (l->status == 0 && next_line(l, &line)) {
		read_line(l, line);
		ask_watch(l);
	}
}

int rule_text_load(struct rule_set *s, struct bytes text, const char *name, const struct rule_vars *v, bool disabled)
{
	struct loading l = {.set = s, .vars = v, .disabled = disabled};
	begin_file(&l, name);
	read_text(&l, text);
	end_file(&l);
	return l.status;
}

/* Up to the last line's end that no backslash joins to what follows; 0: there is none. */
static size_t whole_lines(const struct buffer *b)
{
	size_t n = b->len;
	while (n) {
		const uint8_t *newline = memrchr(b->data, '\n', n);
		if (!newline)
			return 0;
		size_t before = n = (size_t)(newline - b->data);
		while (before && isspace(b->data[before - 1]) && b->data[before - 1] != '\n')
			before--;
		if (!before || b->data[before - 1] != '\\')
			return n + 1;
	}
	return 0;
}

/* In pieces: a file may be as large as the rest of our memory. */
static int read_pieces(struct loading *l, int fd, const char *path, struct error *error)
{
	enum { PIECE = 256 << 10 };
	struct buffer b = {0};
	ssize_t n = 0;
	while (l->status == 0 && buffer_reserve(&b, PIECE) && (n = read(fd, b.data + b.len, PIECE)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		b.len += (size_t)n;
		size_t whole = whole_lines(&b);
		read_text(l, bytes_of(b.data, whole));
		memmove(b.data, b.data + whole, b.len - whole);
		b.len -= whole;
	}
	int problem = b.failed ? ENOMEM : n < 0 ? errno : 0;
	if (!problem)
		read_text(l, bytes_of(b.data, b.len));
	buffer_free(&b);
	return problem ? error_set(error, problem, "%s: %s", path, strerror(problem)) : l->status;
}

int rule_file_load(struct rule_set *s, const char *path, const struct rule_vars *v, bool disabled, struct error *error)
{
	struct loading l = {.set = s, .vars = v, .disabled = disabled, .error = error};
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_set(error, errno, "%s: %s", path, strerror(errno));
	begin_file(&l, path);
	int rc = read_pieces(&l, fd, path, error);
	end_file(&l);
	close(fd);
	return rc;
}
