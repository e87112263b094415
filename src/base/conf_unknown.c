// SPDX-License-Identifier: GPL-2.0-or-later
/* Keys that nobody asked for: a known one is counted, a misspelt one is named with what was probably meant. */
#include "base/conf.h"

#include "base/embedded.h"
#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>

struct word_list {
	const char **line; /* each ended by a newline or the text's end */
	size_t n;
};

static struct word_list words_of(const char *text)
{
	struct word_list w = {0};
	size_t room = 0;
	while (*text) {
		size_t len = strcspn(text, "\n");
		if (len && *text != '#') {
			if (w.n == room)
				w.line = xrealloc(w.line, (room = room ? room * 2 : 256) * sizeof *w.line);
			w.line[w.n++] = text;
		}
		text += len + (text[len] == '\n');
	}
	return w;
}

static size_t word_len(const char *line)
{
	return strcspn(line, "\r\n");
}

/* "a.*.c" against "a.3.c"; '**' at the end takes all below. */
static bool word_matches(const char *word, size_t len, const char *path)
{
	const char *end = word + len;
	while (word < end && *path) {
		if (end - word == 2 && memcmp(word, "**", 2) == 0)
			return true;
		if (*word == '*' && (word + 1 == end || word[1] == '.')) {
			word++;
			path += strcspn(path, ".");
		} else if (*word == *path) {
			word++;
			path++;
		} else {
			return false;
		}
	}
	return word == end && !*path;
}

enum knowledge { UNKNOWN, THEIRS, OURS };

static enum knowledge word_look_up(const struct word_list *w, const char *path)
{
	for (size_t i = 0; i < w->n; i++) {
		const char *line = w->line[i];
		bool ours = *line == '+';
		if (word_matches(line + ours, word_len(line) - ours, path))
			return ours ? OURS : THEIRS;
	}
	return UNKNOWN;
}

/* Edits that lead from one text to the other, `limit` if more. */
static unsigned distance(const char *a, size_t a_len, const char *b, size_t b_len, unsigned limit)
{
	enum { LONGEST = 120 };
	unsigned row[LONGEST + 1];
	if (a_len > LONGEST || b_len > LONGEST || (a_len > b_len ? a_len - b_len : b_len - a_len) >= limit)
		return limit;
	for (size_t k = 0; k <= b_len; k++)
		row[k] = (unsigned)k;
	for (size_t i = 1; i <= a_len; i++) {
		unsigned corner = row[0];
		row[0] = (unsigned)i;
		for (size_t k = 1; k <= b_len; k++) {
			unsigned change = corner + (a[i - 1] != b[k - 1]), step = (row[k] < row[k - 1] ? row[k] : row[k - 1]) + 1;
			corner = row[k];
			row[k] = change < step ? change : step;
		}
	}
	return row[b_len] < limit ? row[b_len] : limit;
}

/* The word with '*' instead of the path's own indices is near enough to a typing error; NULL: none is. */
static const char *nearest(const struct word_list *w, const char *path)
{
	char general[256], part[256];
	size_t len = 0;
	for (const char *p = path; *p && len + 1 < sizeof general;) {
		size_t n = strcspn(p, ".");
		bool index = strspn(p, "0123456789") == n;
		int wrote = snprintf(part, sizeof part, "%s%.*s", len ? "." : "", index ? 1 : (int)n, index ? "*" : p);
		if (wrote < 0 || len + (size_t)wrote >= sizeof general)
			return NULL;
		memcpy(general + len, part, (size_t)wrote);
		len += (size_t)wrote;
		p += n + (p[n] == '.');
	}
	const char *best = NULL;
	unsigned least = len > 12 ? 5 : 4;
	for (size_t i = 0; i < w->n; i++) {
		const char *line = w->line[i] + (*w->line[i] == '+');
		unsigned d = distance(general, len, line, word_len(line), least);
		if (d < least) {
			least = d;
			best = line;
		}
	}
	return best;
}

static void name_unknown(const struct word_list *w, const struct conf *n, void (*say)(const char *text, void *context), void *context)
{
	struct buffer text = {0};
	const char *path = conf_path(n), *near = nearest(w, path);
	if (n->file)
		buffer_printf(&text, "%s:%d: ", n->file, n->line);
	buffer_printf(&text, "unknown key '%s'", path);
	if (near)
		buffer_printf(&text, "; did you mean '%.*s'?", (int)word_len(near), near);
	say(buffer_string(&text), context);
	buffer_free(&text);
}

/* An element of a list that is known is known too. */
static bool plain_element(const struct conf *n)
{
	return n->parent && n->parent->kind == CONF_LIST && !n->first;
}

unsigned conf_report_unknown(struct conf *root, const char *known, void (*say)(const char *text, void *context), void *context)
{
	struct word_list w = words_of(known ? known : (const char *)embedded_file("suricata-keys.txt").data);
	unsigned unused = 0;
	for (struct conf *n = root->first; n;) {
		bool descend = n->first != NULL;
		if (!n->used) {
			enum knowledge k = plain_element(n) ? OURS : word_look_up(&w, conf_path(n));
			unused += k == THEIRS && !n->first;
			if (k == UNKNOWN) {
				name_unknown(&w, n, say, context);
				descend = false;
			}
		}
		if (descend) {
			n = n->first;
			continue;
		}
		while (n != root && !n->next)
			n = n->parent;
		n = n == root ? NULL : n->next;
	}
	free(w.line);
	return unused;
}
