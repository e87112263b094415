// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * YAML → tree, from libfyaml's events. A stack of open collections stands in for recursion; aliases copy what their anchor
 * named, within the tree's bound on nodes, so nested aliases cannot blow it up.
 */
#include "base/conf.h"

#include "base/conf_tree.h"
#include "base/embedded.h"
#include "base/memory.h"

#include <errno.h>
#include <libfyaml.h>
#include <stdio.h>
#include <stdlib.h>

struct level {
	struct conf *node;
	struct conf *key; /* of a map: the node whose value comes next; NULL: a key comes next */
	bool include;     /* of a map: `include:` was the key; of a list: its elements are files */
	bool merge;       /* of a map: `<<` was the key; of a list: its elements are merged */
	unsigned index;   /* of a list */
};

struct anchor {
	char *name;
	struct conf *node;
};

struct reading {
	struct conf_root *root;
	struct conf *top;
	const char *file;
	struct error *error;
	struct level level[CONF_MAX_DEPTH];
	unsigned depth;
	struct anchor *anchors;
	size_t n_anchors;
	int line, column; /* of the event being read */
};

static int load_file(struct conf_root *root, struct conf *top, const char *path, struct error *error);

static int fail(struct reading *r, const char *text)
{
	error_set(r->error, EINVAL, "%s:%d:%d: %s", r->file, r->line, r->column, text);
	if (r->error) {
		r->error->line = r->line;
		r->error->column = r->column;
	}
	return -EINVAL;
}

static int too_big(struct reading *r)
{
	return fail(r, "the configuration has too many entries");
}

static void note_anchor(struct reading *r, struct fy_token *token, struct conf *node)
{
	if (!token || !node)
		return;
	size_t len;
	const char *text = fy_token_get_text(token, &len);
	if (!text)
		return;
	r->anchors = xrealloc(r->anchors, (r->n_anchors + 1) * sizeof *r->anchors);
	r->anchors[r->n_anchors++] = (struct anchor){xstrndup(text, len), node};
}

static struct conf *find_anchor(const struct reading *r, const char *text, size_t len)
{
	for (size_t i = r->n_anchors; i > 0; i--)
		if (strlen(r->anchors[i - 1].name) == len && memcmp(r->anchors[i - 1].name, text, len) == 0)
			return r->anchors[i - 1].node;
	return NULL;
}

/* A path beside the file that includes it, unless it is absolute. */
static int include_file(struct reading *r, const char *text, size_t len)
{
	const char *slash = len && text[0] == '/' ? NULL : strrchr(r->file, '/');
	if (++r->root->n_includes > CONF_MAX_INCLUDES || r->root->include_depth > 8)
		return fail(r, "too many included files");
	char *path = xasprintf("%.*s%.*s", slash ? (int)(slash + 1 - r->file) : 0, r->file, (int)len, text);
	r->root->include_depth++;
	int status = load_file(r->root, r->depth > 1 && r->level[r->depth - 1].node->kind == CONF_LIST ? r->level[r->depth - 2].node : r->level[r->depth - 1].node,
			       path, r->error);
	r->root->include_depth--;
	if (status < 0)
		error_prefix(r->error, "%s:%d: include", r->file, r->line);
	free(path);
	return status;
}

/* The node that the next value belongs to; NULL: too many nodes. */
static struct conf *value_node(struct reading *r)
{
	if (r->depth == 0)
		return r->top;
	struct level *l = &r->level[r->depth - 1];
	if (l->node->kind == CONF_MAP || l->key) {
		struct conf *n = l->key;
		l->key = NULL;
		return n;
	}
	char index[16];
	int len = snprintf(index, sizeof index, "%u", l->index++);
	struct conf *n = conf_need(r->root, l->node, index, (size_t)len);
	if (n && !n->final) {
		n->file = r->file;
		n->line = r->line;
		n->column = r->column;
	}
	return n;
}

/* Names the map's next entry. A name that is there already is defined anew: what a file said of it before goes. */
static int take_key(struct reading *r, struct level *l, const char *text, size_t len)
{
	if (len == 7 && memcmp(text, "include", 7) == 0) {
		l->include = true;
		return 0;
	}
	if (len == 2 && memcmp(text, "<<", 2) == 0) {
		l->merge = true;
		return 0;
	}
	struct conf *n = memchr(text, '.', len) ? conf_need_path(r->root, l->node, text, len) : conf_need(r->root, l->node, text, len);
	if (!n)
		return too_big(r);
	if (!n->final) {
		conf_prune(r->root, n);
		conf_set_value(n, NULL, 0);
		n->kind = n->first ? n->kind : CONF_SCALAR;
		n->file = r->file;
		n->line = r->line;
		n->column = r->column;
	}
	/* an element of a list is named by its first key */
	if (l->node->parent && l->node->parent->kind == CONF_LIST && !l->node->value)
		conf_set_value(l->node, text, len);
	l->key = n;
	return 0;
}

static bool is_null(struct fy_event *e, const char *text, size_t len)
{
	enum fy_scalar_style style = fy_token_scalar_style(e->scalar.value);
	return !text || (style == FYSS_PLAIN && (len == 0 || (len == 1 && *text == '~') || (len == 4 && memcmp(text, "null", 4) == 0)));
}

static int take_scalar(struct reading *r, struct fy_event *e)
{
	size_t len = 0;
	const char *text = e->scalar.value ? fy_token_get_text(e->scalar.value, &len) : NULL;
	struct level *l = r->depth ? &r->level[r->depth - 1] : NULL;
	if (!l)
		return text && len ? fail(r, "expected a map of settings ('name: value')") : 0;
	if (l->include) {
		l->include = l->node->kind == CONF_LIST;
		return text && len ? include_file(r, text, len) : 0;
	}
	if (l->merge)
		return fail(r, "'<<' wants an alias of a map");
	if (l->node->kind == CONF_MAP && !l->key)
		return take_key(r, l, text ? text : "", len);
	struct conf *n = value_node(r);
	if (!n)
		return too_big(r);
	note_anchor(r, e->scalar.anchor, n);
	if (!n->final && !is_null(e, text, len))
		conf_set_value(n, text, len);
	return 0;
}

static int open_collection(struct reading *r, enum conf_kind kind, struct fy_token *anchor)
{
	struct level *l = r->depth ? &r->level[r->depth - 1] : NULL;
	if (r->depth == CONF_MAX_DEPTH)
		return fail(r, "the configuration is nested too deeply");
	if (!l && kind != CONF_MAP)
		return fail(r, "expected a map of settings ('name: value')");
	if (l && l->node->kind == CONF_MAP && !l->key && !l->include && !l->merge)
		return fail(r, "a name must be a plain text");
	if (l && (l->include || l->merge)) {
		if (kind != CONF_LIST)
			return fail(r, l->include ? "'include' wants a file name or a list of them" : "'<<' wants an alias of a map");
		struct level list = {.include = l->include, .merge = l->merge};
		static struct conf spare = {.kind = CONF_LIST};
		list.node = &spare;
		l->include = l->merge = false;
		r->level[r->depth++] = list;
		return 0;
	}
	struct conf *n = value_node(r);
	if (!n)
		return too_big(r);
	note_anchor(r, anchor, n);
	if (!n->final || n->kind == CONF_SCALAR)
		n->kind = kind;
	r->level[r->depth++] = (struct level){.node = n};
	return 0;
}

/* Copies a subtree; the source lies before the target in the file, so it is no part of it unless an anchor names its own parent. */
static int copy_tree(struct reading *r, struct conf *to, const struct conf *from, unsigned depth)
{
	if (depth >= CONF_MAX_DEPTH)
		return fail(r, "an alias is nested too deeply");
	for (const struct conf *p = to; p; p = p->parent)
		if (p == from)
			return fail(r, "an alias stands within what it names");
	if (!to->final && from->value)
		conf_set_value(to, from->value, strlen(from->value));
	to->kind = from->kind;
	for (const struct conf *c = from->first; c; c = c->next) {
		struct conf *n = conf_need(r->root, to, c->name, strlen(c->name));
		if (!n)
			return too_big(r);
		n->file = r->file;
		n->line = r->line;
		n->column = r->column;
		int status = copy_tree(r, n, c, depth + 1);
		if (status < 0)
			return status;
	}
	return 0;
}

static int take_alias(struct reading *r, struct fy_event *e)
{
	size_t len = 0;
	const char *text = fy_token_get_text(e->alias.anchor, &len);
	struct conf *from = text ? find_anchor(r, text, len) : NULL;
	struct level *l = r->depth ? &r->level[r->depth - 1] : NULL;
	if (!from || !l)
		return fail(r, "this alias names no anchor before it");
	if (l->include || (l->node->kind == CONF_MAP && !l->key && !l->merge))
		return fail(r, "an alias cannot stand here");
	struct conf *to;
	if (l->merge) {
		bool list = l->node->kind == CONF_LIST;
		to = list ? r->level[r->depth - 2].node : l->node;
		l->merge = list;
	} else {
		to = value_node(r);
	}
	return to ? copy_tree(r, to, from, 0) : too_big(r);
}

static int close_collection(struct reading *r)
{
	if (r->depth == 0)
		return fail(r, "unexpected end of a list or map");
	r->depth--;
	return 0;
}

static int take_event(struct reading *r, struct fy_event *e)
{
	const struct fy_mark *mark = fy_event_start_mark(e);
	if (mark) {
		r->line = mark->line + 1;
		r->column = mark->column + 1;
	}
	switch (e->type) {
	case FYET_SCALAR:
		return take_scalar(r, e);
	case FYET_ALIAS:
		return take_alias(r, e);
	case FYET_MAPPING_START:
		return open_collection(r, CONF_MAP, e->mapping_start.anchor);
	case FYET_SEQUENCE_START:
		return open_collection(r, CONF_LIST, e->sequence_start.anchor);
	case FYET_MAPPING_END:
	case FYET_SEQUENCE_END:
		return close_collection(r);
	default:
		return 0;
	}
}

/* What libfyaml says of the text; its first finding is the cause. */
static int parser_error(struct reading *r, struct fy_diag *diag)
{
	void *at = NULL;
	struct fy_diag_error *e = fy_diag_errors_iterate(diag, &at);
	r->line = e && e->line > 0 ? e->line : r->line;
	r->column = e && e->column > 0 ? e->column : r->column;
	return fail(r, e && e->msg ? e->msg : "this is no YAML");
}

static int parse_events(struct reading *r, struct bytes text, struct fy_diag *diag)
{
	struct fy_parse_cfg cfg = {.flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_ALLOW_DUPLICATE_KEYS | FYPCF_DEFAULT_VERSION_1_1 |
					    FYPCF_DISABLE_MMAP_OPT | FYPCF_SLOPPY_FLOW_INDENTATION,
				   .diag = diag};
	struct fy_parser *parser = fy_parser_create(&cfg);
	if (!parser)
		return error_set(r->error, ENOMEM, "%s: out of memory", r->file);
	int status = fy_parser_set_string(parser, (const char *)text.data, text.len) ? -ENOMEM : 0;
	bool first = true;
	while (status == 0) {
		struct fy_event *e = fy_parser_parse(parser);
		if (!e) {
			if (fy_parser_get_stream_error(parser))
				status = parser_error(r, diag);
			break;
		}
		bool document = e->type == FYET_DOCUMENT_START;
		bool second = document && !first;
		first = first && !document;
		if (!second)
			status = take_event(r, e);
		fy_parser_event_free(parser, e);
		if (second) /* only the first document counts */
			break;
	}
	fy_parser_destroy(parser);
	return status;
}

/* Length of the UTF-8 sequence at the start (RFC 3629: no surrogates, no overlong forms); 0: none. */
static size_t utf8_len(struct bytes b)
{
	const uint8_t *p = b.data;
	size_t n = *p < 0x80 ? 1 : *p >= 0xc2 && *p < 0xe0 ? 2 : *p >= 0xe0 && *p < 0xf0 ? 3 : *p >= 0xf0 && *p < 0xf5 ? 4 : 0;
	if (n > b.len || n == 0)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	bool bad = (*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] >= 0xa0) || (*p == 0xf0 && p[1] < 0x90) || (*p == 0xf4 && p[1] >= 0x90);
	return bad ? 0 : n;
}

/* "%YAML 1.1"; libfyaml 0.7 can hang over others. */
static bool directive_ok(struct bytes rest)
{
	const uint8_t *newline = memchr(rest.data, '\n', rest.len);
	struct bytes line = bytes_slice(rest, 0, newline ? (size_t)(newline - rest.data) : 0);
	while (line.len && strchr(" \t\r", line.data[line.len - 1]))
		line.len--;
	return bytes_equal(line, BYTES_LITERAL("%YAML 1.1")) || bytes_equal(line, BYTES_LITERAL("%YAML 1.2"));
}

/* What libfyaml must not see: bytes that are no text, directives other than the version. */
static int check_text(struct reading *r, struct bytes text)
{
	for (size_t i = 0, n; i < text.len; i += n) {
		bool starts_line = i == 0 || text.data[i - 1] == '\n';
		n = utf8_len(bytes_from(text, i));
		r->line += starts_line && i > 0;
		r->column = starts_line ? 1 : r->column + 1;
		if (n == 0 || (text.data[i] < 32 && !strchr("\t\n\r", text.data[i])) || text.data[i] == 0)
			return fail(r, "this is no text in UTF-8");
		if (starts_line && text.data[i] == '%' && !directive_ok(bytes_from(text, i)))
			return fail(r, "unknown directive: expected %YAML 1.1");
	}
	r->line = r->column = 1;
	return 0;
}

static int load_text(struct conf_root *root, struct conf *top, struct bytes text, const char *name, struct error *error)
{
	if (text.len == 0)
		return 0;
	struct reading r = {.root = root, .top = top, .file = conf_keep_file(root, name), .error = error, .line = 1, .column = 1};
	struct fy_diag_cfg cfg;
	fy_diag_cfg_default(&cfg);
	cfg.fp = NULL;
	struct fy_diag *diag = fy_diag_create(&cfg);
	if (!diag)
		return error_set(error, ENOMEM, "%s: out of memory", name);
	fy_diag_set_collect_errors(diag, true);
	int status = check_text(&r, text);
	if (status == 0)
		status = parse_events(&r, text, diag);
	fy_diag_destroy(diag);
	for (size_t i = 0; i < r.n_anchors; i++)
		free(r.anchors[i].name);
	free(r.anchors);
	return status;
}

int file_read(const char *path, size_t max, struct buffer *out, struct error *error)
{
	FILE *f = fopen(path, "re");
	if (!f)
		return error_set(error, errno, "%s: %s", path, strerror(errno));
	for (size_t n = 1; n > 0 && out->len <= max;) {
		if (!buffer_reserve(out, 65536))
			break;
		n = fread(out->data + out->len, 1, out->room - out->len, f);
		out->len += n;
	}
	int status = ferror(f) ? (errno ? errno : EIO) : out->failed ? ENOMEM : out->len > max ? EFBIG : 0;
	fclose(f);
	return status ? error_set(error, status, "%s: %s", path, strerror(status)) : 0;
}

static int load_file(struct conf_root *root, struct conf *top, const char *path, struct error *error)
{
	struct buffer text = {0};
	int status = file_read(path, 16 << 20, &text, error);
	if (status == 0)
		status = load_text(root, top, bytes_of(text.data, text.len), path, error);
	buffer_free(&text);
	return status;
}

int conf_load_file(struct conf *root, const char *path, struct error *error)
{
	return load_file(conf_root_of(root), root, path, error);
}

int conf_load_text(struct conf *root, struct bytes text, const char *name, struct error *error)
{
	return load_text(conf_root_of(root), root, text, name, error);
}

static void forget_file(struct conf *n)
{
	for (struct conf *c = n->first; c; c = c->next) {
		c->file = NULL;
		forget_file(c);
	}
}

int conf_load_defaults(struct conf *root, struct error *error)
{
	int status = conf_load_text(root, embedded_file("suricata.yaml"), "built-in configuration", error);
	forget_file(root);
	return status;
}
