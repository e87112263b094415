// SPDX-License-Identifier: GPL-2.0-or-later
/* The tree itself: nodes, dotted names, --set, look-ups. Reading YAML is conf_yaml.c's. */
#include "base/conf.h"

#include "base/conf_tree.h"
#include "base/memory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

struct conf *conf_new(void)
{
	struct conf_root *root = xcalloc(1, sizeof *root);
	root->node.kind = CONF_MAP;
	return &root->node;
}

static void node_free(struct conf *n)
{
	free(n->name);
	free(n->value);
	free(n);
}

/* The next node of a walk that visits children before their parent is freed: no recursion, however deep the tree is. */
static struct conf *deepest(struct conf *n)
{
	while (n->first)
		n = n->first;
	return n;
}

static void tree_free(struct conf_root *root, struct conf *top)
{
	struct conf *n = deepest(top);
	while (n != top) {
		struct conf *parent = n->parent, *next = n->next;
		parent->first = next;
		node_free(n);
		root->n_nodes--;
		n = next ? deepest(next) : parent;
	}
	top->first = top->last = NULL;
}

void conf_free(struct conf *node)
{
	if (!node)
		return;
	struct conf_root *root = conf_root_of(node);
	tree_free(root, &root->node);
	for (struct conf *p = root->pruned, *next; p; p = next) {
		next = p->next;
		tree_free(root, p);
		node_free(p);
	}
	for (size_t i = 0; i < root->n_files; i++)
		free(root->files[i]);
	free(root->files);
	free(root->node.value);
	free(root);
}

struct conf_root *conf_root_of(struct conf *node)
{
	while (node->parent)
		node = node->parent;
	return (struct conf_root *)node;
}

const char *conf_keep_file(struct conf_root *root, const char *name)
{
	root->files = xrealloc(root->files, (root->n_files + 1) * sizeof *root->files);
	root->files[root->n_files] = xstrdup(name);
	return root->files[root->n_files++];
}

struct conf *conf_add(struct conf_root *root, struct conf *parent, const char *name, size_t len)
{
	if (root->n_nodes >= CONF_MAX_NODES)
		return NULL;
	struct conf *n = xcalloc(1, sizeof *n);
	n->name = xstrndup(name, len);
	n->parent = parent;
	if (parent->last)
		parent->last->next = n;
	else
		parent->first = n;
	parent->last = n;
	root->n_nodes++;
	return n;
}

static struct conf *child_of(struct conf *node, const char *name, size_t len)
{
	for (struct conf *c = node->first; c; c = c->next)
		if (strncmp(c->name, name, len) == 0 && !c->name[len])
			return c;
	return NULL;
}

struct conf *conf_need(struct conf_root *root, struct conf *parent, const char *name, size_t len)
{
	struct conf *c = child_of(parent, name, len);
	return c ? c : conf_add(root, parent, name, len);
}

static bool is_index(const char *name)
{
	size_t n = strspn(name, "0123456789");
	return n > 0 && !name[n];
}

/* A node that had no children gets one: it is a list or a map from now on, and an element is named by its first key. */
static void became_parent(struct conf *parent, struct conf *child)
{
	if (parent->kind != CONF_SCALAR)
		return;
	parent->kind = is_index(child->name) ? CONF_LIST : CONF_MAP;
	if (parent->kind == CONF_MAP && parent->parent && parent->parent->kind == CONF_LIST && !parent->value)
		parent->value = xstrdup(child->name);
}

struct conf *conf_need_path(struct conf_root *root, struct conf *parent, const char *name, size_t len)
{
	struct conf *n = parent;
	for (unsigned depth = 0; depth < CONF_MAX_DEPTH; depth++) {
		const char *dot = memchr(name, '.', len);
		size_t part = dot ? (size_t)(dot - name) : len;
		struct conf *child = conf_need(root, n, name, part);
		if (!child)
			return NULL;
		became_parent(n, child);
		n = child;
		if (!dot)
			return n;
		name += part + 1;
		len -= part + 1;
	}
	return NULL;
}

static bool has_final(const struct conf *n)
{
	for (const struct conf *c = n->first; c; c = c->next)
		if (c->final || (c->first && has_final(c)))
			return true;
	return n->final;
}

void conf_prune(struct conf_root *root, struct conf *node)
{
	struct conf **at = &node->first;
	node->last = NULL;
	while (*at) {
		struct conf *c = *at;
		if (has_final(c)) {
			node->last = c;
			at = &c->next;
			continue;
		}
		*at = c->next;
		c->parent = NULL;
		c->next = root->pruned;
		root->pruned = c;
	}
}

void conf_set_value(struct conf *node, const char *text, size_t len)
{
	free(node->value);
	node->value = text ? xstrndup(text, len) : NULL;
}

int conf_set(struct conf *root, const char *assignment, struct error *error)
{
	const char *equals = strchr(assignment, '=');
	if (!equals || equals == assignment)
		return error_set(error, EINVAL, "--set wants NAME=VALUE, not '%s'", assignment);
	size_t len = (size_t)(equals - assignment);
	while (len && (assignment[len - 1] == ' ' || assignment[len - 1] == '\t'))
		len--;
	const char *value = equals + 1 + strspn(equals + 1, " \t");
	struct conf *n = conf_need_path(conf_root_of(root), root, assignment, len);
	if (!n)
		return error_set(error, EINVAL, "--set %s: the name has too many parts", assignment);
	conf_set_value(n, value, strlen(value));
	n->final = true;
	n->file = NULL;
	n->line = n->column = 0;
	return 0;
}

struct conf *conf_child(struct conf *node, const char *name)
{
	struct conf *c = node ? child_of(node, name, strlen(name)) : NULL;
	if (c)
		c->used = true;
	return c;
}

struct conf *conf_get(struct conf *node, const char *name)
{
	while (node) {
		size_t part = strcspn(name, ".");
		struct conf *c = child_of(node, name, part);
		if (!c)
			return NULL;
		c->used = true;
		if (!name[part])
			return c;
		name += part + 1;
		node = c;
	}
	return NULL;
}

void conf_use_all(struct conf *node)
{
	for (struct conf *n = node; n;) {
		n->used = true;
		if (n->first) {
			n = n->first;
			continue;
		}
		while (n != node && !n->next)
			n = n->parent;
		n = n == node ? NULL : n->next;
	}
}

const char *conf_string(struct conf *node, const char *name, const char *absent)
{
	struct conf *n = conf_get(node, name);
	return n && n->value ? n->value : absent;
}

bool conf_is_true(const char *text)
{
	return text && (strcasecmp(text, "yes") == 0 || strcasecmp(text, "true") == 0 || strcasecmp(text, "on") == 0 || strcmp(text, "1") == 0);
}

bool conf_bool(struct conf *node, const char *name, bool absent)
{
	const char *text = conf_string(node, name, NULL);
	return text ? conf_is_true(text) : absent;
}

int conf_place(const struct conf *n, struct error *error)
{
	if (!error || !n)
		return -EINVAL;
	error->line = n->line;
	error->column = n->column;
	if (n->file)
		error_prefix(error, "%s:%d:%d", n->file, n->line, n->column);
	return -EINVAL;
}

static bool parse_int(const char *text, int64_t *out)
{
	char *end;
	text += strspn(text, " \t");
	errno = 0;
	bool hex = strncasecmp(text, "0x", 2) == 0;
	long long v = strtoll(text, &end, hex ? 16 : 10);
	if (errno || end == text || end[strspn(end, " \t")])
		return false;
	*out = v;
	return true;
}

int conf_int(struct conf *node, const char *name, int64_t *out, struct error *error)
{
	struct conf *n = conf_get(node, name);
	if (!n || !n->value || !*n->value)
		return 0;
	if (parse_int(n->value, out))
		return 0;
	error_set(error, EINVAL, "%s: '%s' is not a number", conf_path(n), n->value);
	return conf_place(n, error);
}

int conf_parse_size(const char *text, uint64_t *out)
{
	static const struct { const char *unit; double factor; } units[] = {
		{"", 1}, {"kb", 1024}, {"kib", 1024}, {"mb", 1048576}, {"mib", 1048576}, {"gb", 1073741824}, {"gib", 1073741824},
	};
	char *end;
	text += strspn(text, " \t");
	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	unsigned long long whole = strtoull(text, &end, 10);
	if (errno)
		return -EINVAL;
	double fraction = 0, place = 0.1;
	if (*end == '.')
		for (end++; *end >= '0' && *end <= '9'; end++, place /= 10)
			fraction += (*end - '0') * place;
	end += strspn(end, " \t");
	size_t len = strcspn(end, " \t");
	if (end[len + strspn(end + len, " \t")])
		return -EINVAL;
	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		if (strlen(units[i].unit) != len || strncasecmp(end, units[i].unit, len) != 0)
			continue;
		if ((double)whole * units[i].factor >= 18446744073709549568.0)
			return -EINVAL;
		*out = whole * (uint64_t)units[i].factor + (uint64_t)(fraction * units[i].factor);
		return 0;
	}
	return -EINVAL;
}

int conf_size(struct conf *node, const char *name, uint64_t *out, struct error *error)
{
	struct conf *n = conf_get(node, name);
	if (!n || !n->value || !*n->value)
		return 0;
	if (conf_parse_size(n->value, out) == 0)
		return 0;
	error_set(error, EINVAL, "%s: '%s' is not a size such as 4096, 64kb or '10 MiB'", conf_path(n), n->value);
	return conf_place(n, error);
}

bool conf_parse_time(const char *text, uint64_t *ns)
{
	static const struct {
		const char *unit;
		double ns;
	} units[] = {{"", 1e6}, {"ms", 1e6}, {"s", 1e9}, {"us", 1e3}, {"ns", 1}};
	static const double MOST = 60e9;
	char *end;
	double v;
	if (!((*text >= '0' && *text <= '9') || *text == '.'))
		return false; /* no sign, no "nan", no "inf" */
	v = strtod(text, &end);
	if (end == text)
		return false;
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (strcmp(end, units[i].unit) == 0) {
			v *= units[i].ns;
			*ns = (uint64_t)(v + 0.5);
			return v <= MOST;
		}
	return false;
}

bool conf_parse_rate(const char *text, uint64_t *out)
{
	static const struct {
		const char *unit;
		uint64_t factor;
	} units[] = {{"bit", 1}, {"kbit", 1000}, {"mbit", 1000000}, {"gbit", 1000000000}, {"bps", 8}, {"kbps", 8000}, {"mbps", 8000000}, {"gbps", 8000000000}};
	char *end;
	double v = strtod(text, &end);
	if (end == text || *text < '0' || *text > '9')
		return false;
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (strcmp(end, units[i].unit) == 0) {
			v *= (double)units[i].factor;
			*out = v >= 1 && v < 1e15 ? (uint64_t)v : 0;
			return *out != 0;
		}
	return false;
}

const char *conf_path(const struct conf *node)
{
	static _Thread_local char text[2048];
	char *at = text + sizeof text - 1;
	*at = 0;
	for (const struct conf *n = node; n && n->parent; n = n->parent) {
		size_t len = strlen(n->name);
		if (len + 1 > (size_t)(at - text))
			break;
		if (*at)
			*--at = '.';
		at -= len;
		memcpy(at, n->name, len);
	}
	return at;
}

void conf_walk(struct conf *root, void (*visit)(const char *path, const struct conf *node, void *context), void *context)
{
	for (struct conf *n = root->first; n;) {
		visit(conf_path(n), n, context);
		if (n->first) {
			n = n->first;
			continue;
		}
		while (n != root && !n->next)
			n = n->parent;
		n = n == root ? NULL : n->next;
	}
}
