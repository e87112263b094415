// SPDX-License-Identifier: GPL-2.0-or-later
/* classification.config and reference.config: a line an entry, "config KIND: …". */
#include "rule/lists.h"

#include "base/embedded.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>

struct reference {
	const char *key, *prefix;
};

struct rule_lists {
	struct rule_class *class;
	struct reference *reference;
	size_t n_classes, n_references;
	struct buffer text[2]; /* what the entries point into, cut in place */
};

struct reading {
	struct rule_lists *lists;
	struct rule_set *findings;
	const char *file;
	int line;
};

static char *trim(char *s)
{
	s += strspn(s, " \t");
	for (size_t n = strlen(s); n && strchr(" \t\r", s[n - 1]);)
		s[--n] = 0;
	return s;
}

static const char *take_class(struct reading *r, char *text)
{
	char *description = strchr(text, ','), *priority = description ? strrchr(description + 1, ',') : NULL, *end;
	if (!priority)
		return "expected 'config classification: NAME,DESCRIPTION,PRIORITY'";
	*description++ = 0;
	*priority++ = 0;
	priority = trim(priority);
	unsigned long value = strtoul(priority, &end, 10);
	if (end == priority || *end || value < 1 || value > 255)
		return "the priority must be a number from 1 to 255";
	const char *name = trim(text);
	if (!*name)
		return "a classification without a name";
	struct rule_lists *l = r->lists;
	for (size_t i = 0; i < l->n_classes; i++)
		if (strcasecmp(l->class[i].name, name) == 0)
			return "this class is named a second time; the first stays";
	l->class = xrealloc(l->class, (l->n_classes + 1) * sizeof *l->class);
	l->class[l->n_classes++] = (struct rule_class){name, trim(description), (uint32_t)value};
	return NULL;
}

static const char *take_reference(struct reading *r, char *text)
{
	char *key = trim(text), *prefix = key + strcspn(key, " \t");
	if (!*key)
		return "expected 'config reference: KEY PREFIX'";
	if (*prefix)
		*prefix++ = 0;
	struct rule_lists *l = r->lists;
	prefix = trim(prefix);
	for (size_t i = 0; i < l->n_references; i++) {
		if (strcasecmp(l->reference[i].key, key) == 0) {
			l->reference[i].prefix = prefix;
			return NULL;
		}
	}
	l->reference = xrealloc(l->reference, (l->n_references + 1) * sizeof *l->reference);
	l->reference[l->n_references++] = (struct reference){key, prefix};
	return NULL;
}

/* "config WORD: rest" → rest; NULL: something else. */
static char *config_line(char *line, const char *word)
{
	if (strncasecmp(line, "config", 6) != 0 || !strchr(" \t", line[6]))
		return NULL;
	line = trim(line + 6);
	size_t n = strlen(word);
	if (strncasecmp(line, word, n) != 0)
		return NULL;
	line = trim(line + n);
	return *line == ':' ? trim(line + 1) : NULL;
}

static void read_lines(struct reading *r, char *text, const char *word, const char *(*take)(struct reading *, char *))
{
	for (char *line = text, *next; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = 0;
		r->line++;
		line = trim(line);
		if (!*line || *line == '#')
			continue;
		char *rest = config_line(line, word);
		const char *wrong = rest ? take(r, rest) : "expected 'config …'";
		if (wrong)
			rule_set_find_line(r->findings, FINDING_WARNING, "bad-line", r->file, r->line, NULL, "%s", wrong);
	}
}

/* The built-in configuration names files of a Suricata installation: they are read if they are there. */
static bool must_exist(const struct conf *n)
{
	return n && (n->final || n->file);
}

static int read_list(struct rule_lists *l, struct conf *conf, size_t which, struct rule_set *findings, struct error *error)
{
	static const struct {
		const char *key, *built_in, *word;
		const char *(*take)(struct reading *, char *);
	} kinds[] = {{"classification-file", "classification.config", "classification", take_class},
		     {"reference-config-file", "reference.config", "reference", take_reference}};
	struct conf *n = conf ? conf_get(conf, kinds[which].key) : NULL;
	struct buffer *text = &l->text[which];
	struct reading r = {.lists = l, .findings = findings, .file = n && n->value ? n->value : kinds[which].built_in};
	struct error reason = {0};
	if (!n || !n->value || file_read(n->value, 16 << 20, text, &reason) < 0) {
		if (must_exist(n) && n->value)
			rule_set_find_line(findings, FINDING_WARNING, "no-file", NULL, 0, NULL, "%s; the built-in %s is used", reason.text, kinds[which].built_in);
		struct bytes b = embedded_file(kinds[which].built_in);
		buffer_clear(text);
		buffer_add(text, b.data, b.len);
		r.file = kinds[which].built_in;
	}
	(void)buffer_string(text);
	if (text->failed)
		return error_set(error, ENOMEM, "out of memory");
	read_lines(&r, (char *)text->data, kinds[which].word, kinds[which].take);
	return 0;
}

struct rule_lists *rule_lists_read(struct conf *conf, struct rule_set *findings, struct error *error)
{
	struct rule_lists *l = xcalloc(1, sizeof *l);
	if (read_list(l, conf, 0, findings, error) == 0 && read_list(l, conf, 1, findings, error) == 0)
		return l;
	rule_lists_free(l);
	return NULL;
}

void rule_lists_free(struct rule_lists *l)
{
	if (!l)
		return;
	buffer_free(&l->text[0]);
	buffer_free(&l->text[1]);
	free(l->class);
	free(l->reference);
	free(l);
}

const struct rule_class *rule_class_find(const struct rule_lists *l, const char *name)
{
	for (size_t i = 0; i < l->n_classes; i++)
		if (strcasecmp(l->class[i].name, name) == 0)
			return &l->class[i];
	return NULL;
}

const char *rule_reference_prefix(const struct rule_lists *l, const char *key)
{
	for (size_t i = 0; i < l->n_references; i++)
		if (strcasecmp(l->reference[i].key, key) == 0)
			return l->reference[i].prefix;
	return NULL;
}
