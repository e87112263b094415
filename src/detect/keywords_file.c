// SPDX-License-Identifier: GPL-2.0-or-later
/* Keywords on files carried in transactions. A rule about files holds if one file of the direction has all it asks for in one keyword. */
#include "detect/keywords.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct file_want {
	bool (*holds)(const struct file_want *w, const struct file *f, bool *pending);
	bool negated;
	struct bytes text;
	struct number_test size;
	uint8_t (*hash)[32];
	size_t n_hashes, hash_len;
};

static bool file_holds(struct detect_scratch *s, const struct app_test *t, struct app_flow *a, struct app_tx *tx, int direction, bool *pending)
{
	const struct file_want *w = t->data;
	bool wait = !app_tx_complete(a, tx, direction);
	for (const struct file *f = tx->files[direction]; f; f = f->next) {
		bool unknown = false;
		bool is = w->holds(w, f, &unknown);
		if (!unknown && is != w->negated)
			return true;
		wait |= unknown;
	}
	*pending = wait;
	return false;
}

static struct file_want *want_new(struct builder *b, bool (*holds)(const struct file_want *w, const struct file *f, bool *pending))
{
	struct file_want *w = builder_alloc(b, sizeof *w);
	w->holds = holds;
	struct app_test *t = builder_app_test(b, 3, file_holds);
	t->data = w;
	b->sig->flags |= SIG_FILES;
	return w;
}

static int quoted_text(struct builder *b, const struct rule_option *o, struct file_want *w, struct error *error)
{
	char *text = builder_quoted(b, o->value, &w->negated);
	if (!text || !*text)
		return error_set(error, EINVAL, "%s takes a text between quotation marks", o->name);
	w->text = bytes_of_string(builder_copy(b, text, strlen(text)));
	return 0;
}

static bool name_holds(const struct file_want *w, const struct file *f, bool *pending)
{
	return bytes_find_nocase(f->name, w->text, 0) >= 0;
}

SETUP(filename)
{
	return quoted_text(b, o, want_new(b, name_holds), error);
}

static bool extension_holds(const struct file_want *w, const struct file *f, bool *pending)
{
	if (f->name.len <= w->text.len || f->name.data[f->name.len - w->text.len - 1] != '.')
		return false;
	return bytes_equal_nocase(bytes_from(f->name, f->name.len - w->text.len), w->text);
}

SETUP(fileext)
{
	return quoted_text(b, o, want_new(b, extension_holds), error);
}

/* Of a file that is not closed yet only what cannot change any more is said. */
static bool size_holds(const struct file_want *w, const struct file *f, bool *pending)
{
	const struct number_test *n = &w->size;
	if (f->state != FILE_OPEN)
		return number_test(n, f->size);
	bool sure = (n->mode == NUMBER_GT && f->size > n->a) || (n->mode == NUMBER_GE && f->size >= n->a);
	*pending = !sure;
	return sure;
}

SETUP(filesize)
{
	char *f[2];
	unsigned n = builder_fields(b, o->value, ',', f, 2);
	return number_parse(f[n - 1], 64, NULL, &want_new(b, size_holds)->size, error);
}

/* filemd5:list */

static bool hash_holds(const struct file_want *w, const struct file *f, bool *pending)
{
	const uint8_t *digest = w->hash_len == 16 ? f->md5 : w->hash_len == 20 ? f->sha1 : f->sha256;
	bool there = w->hash_len == 16 ? f->has_md5 : w->hash_len == 20 ? f->has_sha1 : f->has_sha256;
	*pending = f->state == FILE_OPEN;
	for (size_t i = 0; there && i < w->n_hashes; i++)
		if (memcmp(w->hash[i], digest, w->hash_len) == 0)
			return true;
	return false;
}

static bool hex_read(const char *s, uint8_t *out, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned v;
		char two[3] = {s[2 * i], s[2 * i] ? s[2 * i + 1] : 0, 0};
		if (strspn(two, "0123456789abcdefABCDEF") != 2 || sscanf(two, "%2x", &v) != 1)
			return false;
		out[i] = (uint8_t)v;
	}
	return true;
}

static FILE *list_open(struct builder *b, const char *name)
{
	FILE *in = NULL;
	b->ctx->alone = true;
	const char *slash = b->rule->file ? strrchr(b->rule->file, '/') : NULL;
	if (*name != '/' && slash) {
		char *path = xasprintf("%.*s/%s", (int)(slash - b->rule->file), b->rule->file, name);
		in = fopen(path, "re");
		free(path);
	}
	if (!in && *name != '/' && b->ctx->conf) {
		char *path = xasprintf("%s/%s", conf_string(b->ctx->conf, "default-rule-path", "."), name);
		in = fopen(path, "re");
		free(path);
	}
	if (!in)
		in = fopen(name, "re");
	return in;
}

SETUP(filehash)
{
	const char *name = o->value;
	struct file_want *w = want_new(b, hash_holds);
	w->hash_len = strcmp(o->name, "filemd5") == 0 ? 16 : strcmp(o->name, "filesha1") == 0 ? 20 : 32;
	if (*name == '!') {
		w->negated = true;
		name++;
	}
	FILE *in = list_open(b, name);
	if (!in)
		return error_set(error, EINVAL, "the list %s cannot be read: %s", name, strerror(errno));
	char line[512];
	size_t room = 0;
	uint8_t (*list)[32] = NULL;
	while (fgets(line, sizeof line, in)) {
		uint8_t digest[32] = {0};
		if (*line == '#' || !hex_read(line, digest, w->hash_len))
			continue;
		if (w->n_hashes == room)
			list = xrealloc(list, (room = room ? room * 2 : 64) * sizeof *list);
		memcpy(list[w->n_hashes++], digest, sizeof digest);
	}
	fclose(in);
	w->hash = builder_alloc(b, (w->n_hashes + 1) * sizeof *w->hash);
	if (w->n_hashes)
		memcpy(w->hash, list, w->n_hashes * sizeof *list);
	free(list);
	b->sig->flags |= w->hash_len == 16 ? SIG_WANT_MD5 : w->hash_len == 20 ? SIG_WANT_SHA1 : SIG_WANT_SHA256;
	return 0;
}

SETUP(filemagic)
{
	return error_set(error, ENOTSUP, "%s is not evaluated", o->name);
}

SETUP(filestore)
{
	return error_set(error, ENOTSUP, "filestore is not evaluated: files are not kept");
}
