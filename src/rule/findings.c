// SPDX-License-Identifier: GPL-2.0-or-later
/* Rule sets, and what is said about their rules, with the underlined place. */
#include "rule/internal.h"

#include <stdarg.h>
#include <stdlib.h>

const char *const finding_severity_names[] = {"error", "warning", "unsupported", "partial", "note", NULL};

void rule_set_init(struct rule_set *s)
{
	*s = (struct rule_set){0};
	arena_init(&s->arena, 1 << 18);
	arena_init(&s->options, 1 << 18);
	s->index = rule_index_new();
}

void rule_set_free(struct rule_set *s)
{
	if (!s)
		return;
	rule_index_free(s->index);
	arena_free(&s->arena);
	arena_free(&s->options);
	*s = (struct rule_set){0};
}

void rule_set_drop_options(struct rule_set *s)
{
	for (struct rule *r = s->first; r; r = r->next)
		r->options = NULL;
	arena_free(&s->options);
	if (s->sink) { /* then it holds no more than sids */
		rule_index_free(s->index);
		s->index = NULL;
	}
}

static struct finding *finding_add(struct rule_set *s, enum finding_severity severity, const char *code, const char *format, va_list args)
{
	char text[1024];
	struct finding *f = arena_alloc(&s->arena, sizeof *f);
	vsnprintf(text, sizeof text, format, args);
	if (f)
		f->message = arena_copy(&s->arena, text, strlen(text) + 1);
	if (!f || !f->message)
		return NULL;
	f->severity = severity;
	f->code = code;
	if (s->last_finding)
		s->last_finding->next = f;
	else
		s->findings = f;
	s->last_finding = f;
	return f;
}

void rule_set_find(struct rule_set *s, enum finding_severity severity, const char *code, const struct rule *rule, struct text_span span,
		   const char *format, ...)
{
	va_list args;
	if (s->sink && severity == FINDING_PARTIAL)
		return; /* for who checks rules; a daemon would hold thousands */
	va_start(args, format);
	struct finding *f = finding_add(s, severity, code, format, args);
	va_end(args);
	if (!f || !rule)
		return;
	f->file = rule->file;
	f->sid = rule->sid;
	/* a sink's rules may go before the set does */
	f->text = s->sink && rule->text ? arena_copy(&s->arena, rule->text, strlen(rule->text) + 1) : rule->text;
	f->span = span;
	uint32_t line = 0;
	while (line < rule->n_breaks && rule->breaks[line] <= span.start)
		line++;
	f->line = rule->line + (int)line;
	f->column = (int)(line ? span.start - rule->breaks[line - 1] : span.start + rule->indent) + 1;
}

void rule_set_find_line(struct rule_set *s, enum finding_severity severity, const char *code, const char *file, int line, const char *text,
			const char *format, ...)
{
	va_list args;
	va_start(args, format);
	struct finding *f = finding_add(s, severity, code, format, args);
	va_end(args);
	if (!f)
		return;
	f->file = file ? arena_copy(&s->arena, file, strlen(file) + 1) : NULL;
	f->text = text ? arena_copy(&s->arena, text, strlen(text) + 1) : NULL;
	f->line = line;
}

/* Characters, not bytes: what continues one in UTF-8 takes no column. */
static int columns(const char *text, size_t n)
{
	int count = 0;
	for (size_t i = 0; i < n; i++)
		count += ((unsigned char)text[i] & 0xc0) != 0x80;
	return count;
}

/* The part of the text around the place, at most one line of a terminal; the place stays whole if it fits. */
static void print_place(const struct finding *f, FILE *out, bool colour)
{
	enum { WIDTH = 110 };
	size_t len = strlen(f->text), start = f->span.start, n = f->span.len;
	if (start > len)
		return;
	if (n > len - start)
		n = len - start;
	size_t from = start > 40 ? start - 40 : 0;
	while (from < start && ((unsigned char)f->text[from] & 0xc0) == 0x80)
		from++;
	size_t shown = len - from < WIDTH ? len - from : WIDTH;
	if (n > from + shown - start)
		n = from + shown - start;
	fprintf(out, "    %s", from ? "…" : "");
	for (size_t i = 0; i < shown; i++) {
		unsigned char c = (unsigned char)f->text[from + i];
		fputc(c < 32 || c == 127 ? ' ' : c, out);
	}
	fprintf(out, "%s\n", from + shown < len ? "…" : "");
	if (n == 0)
		return;
	fprintf(out, "    %*s%s", columns(f->text + from, start - from) + (from ? 1 : 0), "", colour ? "\033[1;31m" : "");
	for (int i = 0, width = columns(f->text + start, n); i < width; i++)
		fputc(i ? '~' : '^', out);
	fprintf(out, "%s\n", colour ? "\033[0m" : "");
}

void finding_print(const struct finding *f, FILE *out, bool colour)
{
	static const char *const colours[] = {"\033[1;31m", "\033[1;33m", "\033[1;35m", "\033[1;36m", "\033[1m"};
	if (f->file)
		fprintf(out, "%s:%d:", f->file, f->line);
	if (f->file && f->column > 0)
		fprintf(out, "%d:", f->column);
	fprintf(out, "%s%s%s%s:", f->file ? " " : "", colour ? colours[f->severity] : "", finding_severity_names[f->severity], colour ? "\033[0m" : "");
	if (f->sid)
		fprintf(out, " sid %u:", f->sid);
	fprintf(out, " %s [%s]\n", f->message, f->code);
	if (f->text)
		print_place(f, out, colour);
}
