// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The JSON of `nft -j list ruleset`, of this nft's version or another. libnftables itself compiles it (over the stub, as it does a text). What it refuses is
 * looked for: of a ruleset's items the first one with which it fails is put aside and named, and so on. A rule that is put aside keeps its place.
 */
#include "ruleset/read_text.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

#include "base/jansson.h"
#include "ruleset/print.h"

enum { REFUSED_MAX = 64, FILE_MAX = 1 << 30 };

struct item {
	json_t *json;	  /* {"rule": {…}} */
	json_t *rule;	  /* NULL: another kind */
	const char *family, *table, *chain; /* of a rule; in the arena */
	uint64_t handle;
	const char *unknown; /* of a rule: what is not known in it; malloc'ed */
};

struct reading {
	json_t *root, *list;
	struct item *item;
	size_t n;
	struct decoder *d;
	struct arena arena;
};

/* Statements of libnftables-json(5). A rule with another one need not be tried. */
static const char *const statements[] = {
	"accept", "drop", "continue", "return", "jump", "goto", "match", "counter", "mangle", "quota", "limit", "fwd", "notrack", "dup", "snat", "dnat",
	"masquerade", "redirect", "reject", "set", "map", "log", "ct helper", "ct count", "ct timeout", "ct expectation", "meter", "queue", "vmap", "tproxy",
	"synproxy", "secmark", "flow", "last", "reset",
};

static bool statement_is_known(const char *name)
{
	for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
		if (strcmp(statements[i], name) == 0)
			return true;
	return false;
}

/* The first statement that nothing is known of; malloc'ed. */
static char *unknown_statement(json_t *rule)
{
	size_t i;
	json_t *statement, *value;
	const char *key;
	json_array_foreach(json_object_get(rule, "expr"), i, statement) {
		json_object_foreach(statement, key, value) {
			const char *type = json_string_value(json_object_get(value, "type")), *name = json_string_value(json_object_get(value, "name"));
			if (strcmp(key, "xt") == 0)
				return xasprintf("xt %.32s '%.64s'", type ? type : "extension", name ? name : "?");
			if (!statement_is_known(key))
				return xasprintf("statement '%.64s'", key);
		}
		if (json_is_string(statement) && !statement_is_known(json_string_value(statement)))
			return xasprintf("statement '%.64s'", json_string_value(statement));
	}
	return NULL;
}

/* In its place something harmless, so that the others keep their numbers. */
static void put_aside(struct item *item, char *why)
{
	free((char *)item->unknown);
	item->unknown = why;
	if (item->rule)
		json_object_set_new(item->rule, "expr", json_pack("[{s:n}]", "counter"));
}

/* Rules of one chain follow each other: the name of the one before is mostly this one's. */
static const char *name_in(struct reading *r, json_t *rule, const char *key, const char *before)
{
	const char *name = json_string_value(json_object_get(rule, key));
	if (!name || (before && strcmp(before, name) == 0))
		return name ? before : "";
	const char *copy = arena_copy(&r->arena, name, strlen(name) + 1);
	return copy ? copy : "";
}

static void name_place(struct reading *r, struct item *item)
{
	const struct item *before = item > r->item && item[-1].family ? item - 1 : NULL;
	item->family = name_in(r, item->rule, "family", before ? before->family : NULL);
	item->table = name_in(r, item->rule, "table", before ? before->table : NULL);
	item->chain = name_in(r, item->rule, "chain", before ? before->chain : NULL);
}

/* Handles are of where it was listed; libnftables would take a rule's for a place to put it. */
static void collect(struct reading *r)
{
	size_t i;
	json_t *entry, *body;
	const char *key;
	r->item = xcalloc(json_array_size(r->list), sizeof *r->item);
	json_array_foreach(r->list, i, entry) {
		json_object_foreach(entry, key, body) {
			struct item *item = &r->item[r->n++];
			*item = (struct item){.json = entry, .handle = (uint64_t)json_integer_value(json_object_get(body, "handle"))};
			json_object_del(body, "handle");
			json_object_del(body, "index");
			if (strcmp(key, "rule") != 0)
				break;
			item->rule = body;
			name_place(r, item);
			char *why = unknown_statement(body);
			if (why)
				put_aside(item, why);
			break;
		}
	}
}

/* The first `n` items, as a text. */
static char *text_of(const struct reading *r, size_t n)
{
	json_t *root = json_object(), *list = json_array();
	for (size_t i = 0; i < n; i++)
		if (r->item[i].rule || !r->item[i].unknown)
			json_array_append(list, r->item[i].json);
	json_object_set_new(root, "nftables", list);
	char *text = json_dumps(root, JSON_COMPACT);
	json_decref(root);
	return text;
}

static int try_items(struct reading *r, size_t n, struct decoder *d, struct error *error)
{
	char *text = text_of(r, n);
	int code = text ? nft_text_decode(d, NULL, text, error) : -ENOMEM;
	free(text);
	return code;
}

static int probe(struct reading *r, size_t n, struct error *error)
{
	struct decoder *d = decoder_new("", NULL);
	int code = try_items(r, n, d, error);
	decoder_free(d);
	return code;
}

/* "internal:0:0-0: Error: Unknown statement …" says it in its last part. */
static char *reason_of(const struct error *error)
{
	const char *at = strstr(error->text, "Error: ");
	at = at ? at + 7 : error->text;
	return xasprintf("%.*s", (int)strcspn(at, "\n"), at);
}

static const char *kind_of(const struct item *item)
{
	return json_object_iter_key(json_object_iter(item->json));
}

static void name_item(struct reading *r, const struct item *item)
{
	json_t *body = json_object_get(item->json, kind_of(item));
	const char *name = json_string_value(json_object_get(body, "name"));
	decoder_gap(r->d, NULL, "%s%s%s: %s", kind_of(item), name ? " " : "", name ? name : "", item->unknown);
}

/* Prefixes of the list work until the first bad item is in. */
static int find_refused(struct reading *r, struct error *error)
{
	size_t good = 0, bad = r->n;
	struct error last = {0};
	while (bad - good > 1) {
		size_t middle = good + (bad - good) / 2;
		struct error e = {0};
		int code = probe(r, middle, &e);
		if (code == -EINVAL) {
			bad = middle;
			last = e;
		} else if (code < 0) {
			*error = e;
			return code;
		} else {
			good = middle;
		}
	}
	if (r->item[bad - 1].unknown)
		return error_set(error, EINVAL, "%.500s", last.text[0] ? last.text : "this nft refuses the JSON");
	put_aside(&r->item[bad - 1], reason_of(last.text[0] ? &last : error));
	if (!r->item[bad - 1].rule)
		name_item(r, &r->item[bad - 1]);
	return 0;
}

/* Handles, and the rules that were put aside. */
static void finish_rules(struct reading *r)
{
	struct ruleset *rs = decoder_ruleset(r->d);
	struct ruleset_rule **cursor = xcalloc(rs->n_chains + 1, sizeof *cursor);
	for (struct ruleset_table *t = rs->tables; t; t = t->next)
		for (struct ruleset_chain *c = t->chains; c; c = c->next)
			cursor[c->number] = c->rules;
	for (size_t i = 0; i < r->n; i++) {
		const struct item *item = &r->item[i];
		if (!item->family)
			continue;
		struct ruleset_table *t = rs->tables;
		while (t && (strcmp(ruleset_family_name(t->family), item->family) != 0 || strcmp(t->name, item->table) != 0))
			t = t->next;
		struct ruleset_chain *c = t ? decoder_find_chain(r->d, t, item->chain) : NULL;
		struct ruleset_rule *rule = c ? cursor[c->number] : NULL;
		if (!rule)
			continue;
		cursor[c->number] = rule->next;
		rule->handle = item->handle;
		if (!item->unknown)
			continue;
		struct step *s = decoder_alloc(r->d, sizeof *s);
		if (!s)
			break;
		*s = (struct step){.kind = STEP_UNKNOWN, .name = decoder_text(r->d, bytes_of_string(item->unknown))};
		rule->steps = s;
		rule->unknown = true;
		decoder_gap(r->d, rule, "%s", item->unknown);
	}
	free(cursor);
}

static void forget(struct reading *r)
{
	for (size_t i = 0; i < r->n; i++)
		free((char *)r->item[i].unknown);
	free(r->item);
	json_decref(r->root);
	r->item = NULL;
	r->root = r->list = NULL;
	r->n = 0;
}

static int load(struct reading *r, const char *path, struct error *error)
{
	json_error_t at;
	r->root = json_load_file(path, 0, &at);
	if (!r->root) {
		error_set(error, EINVAL, "%s:%d:%d: %s", path, at.line, at.column, at.text);
		error->line = at.line;
		error->column = at.column;
		return -EINVAL;
	}
	r->list = json_object_get(r->root, "nftables");
	if (!json_is_array(r->list))
		return error_set(error, EINVAL, "%s: no array \"nftables\" in it: not what `nft -j list ruleset` prints", path);
	collect(r);
	return 0;
}

/* As a whole; the tree, which is large, is let go before libnftables makes one of its own. 1: refused. */
static int decode_whole(struct reading *r, struct error *error)
{
	char *text = text_of(r, r->n);
	json_decref(r->root);
	r->root = r->list = NULL;
	malloc_trim(0);
	struct decoder *d = decoder_new(decoder_ruleset(r->d)->source, r->d->options);
	int code = text ? nft_text_decode(d, NULL, text, error) : error_set(error, ENOMEM, "out of memory");
	free(text);
	if (code < 0) {
		decoder_free(d);
		return code == -EINVAL ? 1 : code;
	}
	decoder_replace(r->d, d);
	return 0;
}

static int decode(struct reading *r, struct error *error)
{
	int code = 0;
	for (int refused = 0; refused <= REFUSED_MAX; refused++) {
		struct decoder *d = decoder_new(decoder_ruleset(r->d)->source, r->d->options);
		struct error e = {0};
		code = try_items(r, r->n, d, &e);
		if (code == 0)
			return decoder_replace(r->d, d), finish_rules(r), 0;
		decoder_free(d);
		*error = e;
		if (code != -EINVAL)
			return code;
		if (refused == REFUSED_MAX || find_refused(r, error) < 0)
			break;
	}
	return error_set(error, EINVAL, "this nft understands too little of that JSON; among others: %.300s", error->text);
}

int ruleset_decode_json(struct decoder *d, const char *path, struct error *error)
{
	struct error local = {0};
	struct reading r = {.d = d};
	arena_init(&r.arena, 1 << 14);
	int code = load(&r, path, &local);
	if (code == 0)
		code = decode_whole(&r, &local);
	if (code == 0) {
		finish_rules(&r);
	} else if (code > 0) { /* once more, to look for what is refused */
		forget(&r);
		code = load(&r, path, &local);
		if (code == 0)
			code = decode(&r, &local);
	}
	forget(&r);
	arena_free(&r.arena);
	if (code < 0 && error)
		*error = local;
	return code;
}
