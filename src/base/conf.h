// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The configuration as a tree, read from YAML by libfyaml, edited by --set, asked by dotted names.
 *
 * Suricata's conventions hold: a list's elements are named by index ("outputs.1.eve-log.types.0"); an element that is a
 * one-key mapping is entered by that key ("outputs.1.eve-log"); `include:` is followed; a scalar may carry a unit
 * ("64 MiB", "1mb", "10 gb"); yes/true/on/1 are true. Names are compared with '_' and '-' as written.
 * Nodes are owned by the tree. Read by any thread once built; built by one.
 */
#pragma once

#include "base/bytes.h"
#include "base/error.h"

enum conf_kind { CONF_SCALAR, CONF_MAP, CONF_LIST };

struct conf {
	char *name;  /* key within a map; the index in a list */
	char *value; /* scalar text, or the name of a plain list element; NULL: none (an empty value) */
	enum conf_kind kind;
	struct conf *parent, *first, *last, *next; /* children in order */
	const char *file; /* where it was read, owned by the root; NULL: --set or built in */
	int line, column;
	bool final; /* came from --set: a file does not change it */
	bool used;  /* some setting row or loader has asked for it */
};

/* An empty map. */
struct conf *conf_new(void);
/* Reads a file into the tree. -errno with file:line:column in the error. */
int conf_load_file(struct conf *root, const char *path, struct error *error);
int conf_load_text(struct conf *root, struct bytes text, const char *name, struct error *error);
/* The embedded defaults (data/suricata.yaml in the source tree). */
int conf_load_defaults(struct conf *root, struct error *error);
/* "a.b.0.c=value": makes what is missing on the way. -EINVAL: no '='. */
int conf_set(struct conf *root, const char *assignment, struct error *error);
void conf_free(struct conf *root); /* NULL is allowed */

/* The node of a dotted name below `node`, or NULL. Marks it used. */
struct conf *conf_get(struct conf *node, const char *name);
/* A child by name, not dotted. */
struct conf *conf_child(struct conf *node, const char *name);
/* Marks a node and all below it used: for a loader that walks the children itself. NULL is allowed. */
void conf_use_all(struct conf *node);
/* Its value, `absent` if the node or its value is missing. */
const char *conf_string(struct conf *node, const char *name, const char *absent);
bool conf_bool(struct conf *node, const char *name, bool absent);
/* -EINVAL with the place in the error if the text is no number. `out` is untouched on failure and when absent. */
int conf_int(struct conf *node, const char *name, int64_t *out, struct error *error);
int conf_size(struct conf *node, const char *name, uint64_t *out, struct error *error); /* bytes, with units */

/* Puts "file:line:column: " before the words of an error about a node. Returns -EINVAL. */
int conf_place(const struct conf *node, struct error *error);

/* For one text: true for yes/true/on/1 in any case. */
bool conf_is_true(const char *text);
int conf_parse_size(const char *text, uint64_t *out);
/* A short time in ns: 100ms, 250us, 1.5s, at most 60 s; a bare number is ms. */
bool conf_parse_time(const char *text, uint64_t *ns);
/* Bits a second, as tc writes them: 500kbit, 2mbit, 1gbit, and bytes: 100kbps. More than 0. */
bool conf_parse_rate(const char *text, uint64_t *out);
/* Full dotted name of a node, into a static per-thread buffer. */
const char *conf_path(const struct conf *node);
/* Calls back for every node in order, parents first, with its full dotted name (for --dump-config; a map's value prints as "(null)"). */
void conf_walk(struct conf *root, void (*visit)(const char *path, const struct conf *node, void *context), void *context);

/*
 * Settings as rows. A module declares a struct and a table of rows; settings_read fills the struct. A row is all there is to
 * say of a setting: name, kind, place, Suricata's code default for a file that lacks the key, limits, help.
 */
enum setting_kind { SETTING_BOOL, SETTING_U32, SETTING_U64, SETTING_SIZE, SETTING_STRING, SETTING_ENUM, SETTING_DOUBLE };

struct setting {
	const char *key;    /* full dotted name */
	enum setting_kind kind;
	size_t offset;      /* of the member: bool, uint32_t, uint64_t, uint64_t, const char *, int, double */
	const char *absent; /* text taken when the key is missing; NULL: leave the member as it is */
	const char *const *names; /* SETTING_ENUM: NULL-terminated, the value is the index */
	uint64_t min, max;  /* numbers; max 0: no limit */
	const char *help;   /* one line */
};

/*
 * `into` is filled as far as rows go; -EINVAL with the place at the first wrong value. Strings point into the tree (or to the row's own
 * text). An empty value counts as a missing key.
 */
int settings_read(const struct setting *rows, size_t n_rows, struct conf *root, void *into, struct error *error);

/*
 * After all settings were read: what the tree has that nobody asked for. Keys that Suricata has are counted, others are named with
 * their place and the nearest known name. `known` is a word list, a name a line, '*' for any one part; NULL: the built-in one
 * (data/suricata-keys.txt). Calls `say` for each unknown key; returns how many keys were known but unused.
 */
unsigned conf_report_unknown(struct conf *root, const char *known, void (*say)(const char *text, void *context), void *context);
