// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Data sets: values that rules ask for and change. They are loaded when the first rule names them. Those that are saved, or filled by rules
 * alone, live in the registry and are saved when that goes; the others are files' (registry.h), so that each reload reads them again. Each
 * has a lock of its own; workers take it for reading unless a rule changes the set.
 */
#define LOG_MODULE "datasets"
#include "base/json.h"
#include "base/log.h"
#include "detect/dataset_json.h"
#include "detect/keywords.h"
#include "detect/registry.h"

#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum set_type { SET_NONE, SET_STRING, SET_MD5, SET_SHA256, SET_IP4, SET_IP, SET_TYPE_N_ };
enum set_format { FORMAT_CSV, FORMAT_JSON, FORMAT_NDJSON };
static const char *const type_names[] = {"", "string", "md5", "sha256", "ipv4", "ip"};
enum { VALUE_MAX = 65535, VALUES_MAX = 4000000, LINE_MAX_ = 262144 };

struct value {
	struct value *chain, *later; /* same hash slot; order of insertion */
	struct value *sooner;
	uint32_t hash, len;
	uint16_t reputation;
	char *context;               /* JSON text of it */
	uint8_t data[];
};

struct dataset {
	struct dataset *next;
	char *name, *save;
	enum set_type type;
	bool reputation, failed; /* failed: could not be loaded; said once */
	pthread_rwlock_t lock;
	struct value **slot;
	uint32_t n_slots;
	size_t n, max;
	struct value *first, *last;
};

static uint32_t hash_of(struct bytes v)
{
	uint32_t h = 2166136261u;
	for (size_t i = 0; i < v.len; i++)
		h = (h ^ v.data[i]) * 16777619u;
	return h;
}

static struct value *value_find(const struct dataset *d, struct bytes v, uint32_t hash)
{
	struct value *x = d->n_slots ? d->slot[hash & (d->n_slots - 1)] : NULL;
	while (x && (x->hash != hash || x->len != v.len || memcmp(x->data, v.data, v.len) != 0))
		x = x->chain;
	return x;
}

static void slots_grow(struct dataset *d)
{
	uint32_t n = d->n_slots ? d->n_slots * 2 : 256;
	struct value **slot = calloc(n, sizeof *slot);
	if (!slot)
		return;
	free(d->slot);
	d->slot = slot;
	d->n_slots = n;
	for (struct value *x = d->first; x; x = x->later) {
		x->chain = slot[x->hash & (n - 1)];
		slot[x->hash & (n - 1)] = x;
	}
}

/* 1: added, 0: there already, -1: full or no memory. */
static int value_add(struct dataset *d, struct bytes v, uint16_t reputation, const char *context)
{
	uint32_t hash = hash_of(v);
	if (value_find(d, v, hash))
		return 0;
	if (d->n >= d->max || v.len > VALUE_MAX)
		return -1;
	if (d->n >= d->n_slots)
		slots_grow(d);
	struct value *x = d->n_slots ? malloc(sizeof *x + v.len) : NULL;
	if (!x)
		return -1;
	*x = (struct value){.hash = hash, .len = (uint32_t)v.len, .reputation = reputation, .sooner = d->last, .context = context ? strdup(context) : NULL};
	memcpy(x->data, v.data, v.len);
	x->chain = d->slot[hash & (d->n_slots - 1)];
	d->slot[hash & (d->n_slots - 1)] = x;
	if (d->last)
		d->last->later = x;
	else
		d->first = x;
	d->last = x;
	d->n++;
	return 1;
}

static bool value_remove(struct dataset *d, struct bytes v)
{
	struct value *x = value_find(d, v, hash_of(v));
	if (!x)
		return false;
	struct value **at = &d->slot[x->hash & (d->n_slots - 1)];
	while (*at != x)
		at = &(*at)->chain;
	*at = x->chain;
	*(x->sooner ? &x->sooner->later : &d->first) = x->later;
	*(x->later ? &x->later->sooner : &d->last) = x->sooner;
	free(x->context);
	free(x);
	d->n--;
	return true;
}

/* Values as text */

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool hex_read(const char *s, size_t want, struct buffer *out)
{
	if (strlen(s) != 2 * want)
		return false;
	for (; *s; s += 2) {
		int high = hex_digit(s[0]), low = hex_digit(s[1]);
		if (high < 0 || low < 0)
			return false;
		buffer_add_byte(out, (uint8_t)(high << 4 | low));
	}
	return true;
}

static bool base64_read(const char *s, struct buffer *out)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint32_t group = 0;
	unsigned n = 0;
	size_t len = strlen(s), used = strcspn(s, "=");
	if (len % 4 || len - used > 2 || strspn(s + used, "=") != len - used)
		return false;
	for (size_t i = 0; i < used; i++) {
		const char *d = strchr(digits, s[i]);
		if (!d)
			return false;
		group = group << 6 | (uint32_t)(d - digits);
		if (++n == 4) {
			buffer_add(out, (uint8_t[]){(uint8_t)(group >> 16), (uint8_t)(group >> 8), (uint8_t)group}, 3);
			n = 0, group = 0;
		}
	}
	if (n >= 2)
		buffer_add_byte(out, (uint8_t)(group >> (n == 2 ? 4 : 10)));
	if (n == 3)
		buffer_add_byte(out, (uint8_t)(group >> 2));
	return n != 1;
}

/* Of "ip": four bytes or sixteen, as the packet has them. */
static bool address_read(const char *s, enum set_type type, struct buffer *out)
{
	struct address a;
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	if (!address_parse(bytes_of_string(s), &a) || (type == SET_IP4 && a.family != 4))
		return false;
	if (a.family == 6 && memcmp(a.byte, mapped, sizeof mapped) == 0)
		buffer_add(out, a.byte + 12, 4);
	else
		buffer_add(out, a.byte, address_len(&a));
	return true;
}

static bool text_read(enum set_type type, const char *text, bool plain, struct buffer *out)
{
	buffer_clear(out);
	switch (type) {
	case SET_STRING:
		if (!plain)
			return base64_read(text, out);
		buffer_add_string(out, text);
		return true;
	case SET_MD5: return hex_read(text, 16, out);
	case SET_SHA256: return hex_read(text, 32, out);
	case SET_IP4: case SET_IP: return address_read(text, type, out);
	default: return false;
	}
}

static void value_write(const struct dataset *d, const struct value *x, FILE *out)
{
	char text[ADDRESS_TEXT];
	struct buffer b = {0};
	struct json j = json_into(&b);
	if (d->type == SET_STRING) {
		json_base64(&j, NULL, (struct bytes){x->data, x->len});
		fprintf(out, "%.*s\n", (int)b.len - 2, (const char *)b.data + 1);
	} else if (d->type == SET_IP4 || d->type == SET_IP) {
		struct address a = {.family = x->len == 4 ? 4 : 6};
		memcpy(a.byte, x->data, x->len);
		fprintf(out, "%s\n", address_format_short(&a, text));
	} else {
		for (uint32_t i = 0; i < x->len; i++)
			fprintf(out, "%02x", x->data[i]);
		fputc('\n', out);
	}
	buffer_free(&b);
}

/* Files */

struct load {
	enum set_format format;
	struct dataset_json json;
	const char *path;
	bool must; /* a file that is not there is an error */
};

static int line_add(struct dataset *d, char *line, struct buffer *scratch, struct error *error)
{
	char *comma = strchr(line, ',');
	unsigned long reputation = 0;
	if (comma) {
		*comma = 0;
		reputation = strtoul(comma + 1, NULL, 10);
	}
	if (!!comma != d->reputation) {
		log_error("Cannot mix dataset and datarep values for set %s", d->name);
		return error_set(error, EINVAL, "a set holds values alone or values with reputations: %s mixes them", d->name);
	}
	if (!text_read(d->type, line, false, scratch)) {
		if (d->type == SET_STRING)
			log_error("bad base64 encoding %s", d->name);
		return error_set(error, EINVAL, "“%s” is no %s: %s", line, d->type == SET_STRING ? "base64" : type_names[d->type], d->name);
	}
	value_add(d, (struct bytes){scratch->data, scratch->len}, (uint16_t)reputation, NULL);
	return 0;
}

static int csv_read(struct dataset *d, FILE *in, struct error *error)
{
	struct buffer scratch = {0};
	char *line = NULL;
	size_t room = 0;
	ssize_t n;
	int rc = 0;
	while (rc == 0 && (n = getline(&line, &room, in)) >= 0) {
		while (n && isspace((unsigned char)line[n - 1]))
			line[--n] = 0;
		if (n && *line != '#')
			rc = line_add(d, line, &scratch, error);
	}
	free(line);
	buffer_free(&scratch);
	return rc;
}

struct json_load {
	struct dataset *set;
	struct buffer scratch;
};

static int json_value_add(void *context, const char *value, const char *json, struct error *error)
{
	struct json_load *l = context;
	if (!text_read(l->set->type, value, true, &l->scratch))
		return error_set(error, EINVAL, "“%s” is no %s", value, type_names[l->set->type]);
	value_add(l->set, (struct bytes){l->scratch.data, l->scratch.len}, 0, json);
	return 0;
}

static int json_read(struct dataset *d, FILE *in, const struct load *l, struct error *error)
{
	struct json_load load = {.set = d};
	int rc = dataset_json_read(in, &l->json, json_value_add, &load, error);
	if (rc)
		error_prefix(error, "the set %s", d->name);
	buffer_free(&load.scratch);
	return rc;
}

static int file_load(struct dataset *d, const struct load *l, struct error *error)
{
	FILE *in = fopen(l->path, "re");
	if (!in && !l->must)
		return 0;
	if (!in)
		return error_set(error, EINVAL, "the set's file %s cannot be read: %s", l->path, strerror(errno));
	int rc = l->format == FORMAT_CSV ? csv_read(d, in, error) : json_read(d, in, l, error);
	fclose(in);
	return rc;
}

void datasets_free(struct dataset *d)
{
	for (struct dataset *next; d; d = next) {
		next = d->next;
		FILE *out = d->save && !d->failed ? fopen(d->save, "we") : NULL;
		if (d->save && !d->failed && !out)
			log_error("%s: %s", d->save, strerror(errno));
		for (struct value *x = d->last, *sooner; x; x = sooner) { /* the newest first */
			sooner = x->sooner;
			if (out)
				value_write(d, x, out);
			free(x->context);
			free(x);
		}
		if (out)
			fclose(out);
		pthread_rwlock_destroy(&d->lock);
		free(d->slot);
		free(d->name);
		free(d->save);
		free(d);
	}
}

/* Rules */

struct wish { /* what an option says */
	const char *command, *name, *load, *save, *state, *context_key;
	enum set_type type;
	bool reputation;
	struct number_test value; /* datarep */
	struct load how;
};

static int path_check(struct builder *b, const char *path, bool write, struct error *error)
{
	bool absolute = b->ctx->conf && conf_bool(b->ctx->conf, "datasets.rules.allow-absolute-filenames", false);
	if (write && b->ctx->conf && !conf_bool(b->ctx->conf, "datasets.rules.allow-write", true)) {
		log_error("Rules containing save/state datasets have been disabled");
		return error_set(error, EINVAL, "rules may not save sets: datasets.rules.allow-write is off");
	}
	if (write && *path == '/' && !absolute) {
		log_error("Absolute paths not allowed: %s", path);
		return error_set(error, EINVAL, "rules may not save to absolute paths: datasets.rules.allow-absolute-filenames is off");
	}
	if (write && (strncmp(path, "../", 3) == 0 || strstr(path, "/../"))) {
		log_error("Directory traversals not allowed: %s", path);
		return error_set(error, EINVAL, "rules may not save outside the data folder");
	}
	return 0;
}

static char *data_path(struct builder *b, const char *name)
{
	const char *folder = b->ctx->conf ? conf_string(b->ctx->conf, "default-data-dir", NULL) : NULL;
	return *name == '/' || !folder ? xstrdup(name) : xasprintf("%s/%s", folder, name);
}

/* Beside the rule's file, else in the folder of rules. */
static char *load_path(struct builder *b, const char *name)
{
	const char *file = b->rule->file, *slash = file ? strrchr(file, '/') : NULL;
	if (*name == '/')
		return xstrdup(name);
	char *path = slash ? xasprintf("%.*s/%s", (int)(slash - file), file, name) : xstrdup(name);
	FILE *in = fopen(path, "re");
	if (in) {
		fclose(in);
		return path;
	}
	free(path);
	const char *folder = b->ctx->conf ? conf_string(b->ctx->conf, "default-rule-path", NULL) : NULL;
	return folder ? xasprintf("%s/%s", folder, name) : xstrdup(name);
}

static int set_load(struct builder *b, struct dataset *d, const struct wish *w, struct error *error)
{
	char *path = w->state ? data_path(b, w->state) : w->load ? load_path(b, w->load) : NULL;
	struct load l = w->how;
	l.json.lines = l.format == FORMAT_NDJSON;
	l.path = path;
	l.must = !w->state;
	if (path && b->ctx->files)
		detect_files_note(b->ctx->files, path);
	int rc = path ? file_load(d, &l, error) : 0;
	free(path);
	if (rc == 0 && !d->save && (w->save || w->state))
		d->save = data_path(b, w->save ? w->save : w->state);
	return rc;
}

/* Of the configuration: datasets.NAME.{type,load,state,save}. */
static void wish_from_conf(struct builder *b, struct wish *w)
{
	char key[128];
	snprintf(key, sizeof key, "datasets.%.64s", w->name);
	struct conf *c = b->ctx->conf ? conf_get(b->ctx->conf, key) : NULL;
	if (!c)
		return;
	const char *type = conf_string(c, "type", "");
	for (unsigned i = 1; i < SET_TYPE_N_ && w->type == SET_NONE; i++)
		if (strcmp(type_names[i], type) == 0)
			w->type = (enum set_type)i;
	w->load = w->load ? w->load : conf_string(c, "load", NULL);
	w->state = w->state ? w->state : conf_string(c, "state", NULL);
	w->save = w->save ? w->save : conf_string(c, "save", NULL);
}

/* Where a pointer to the set of that name stands in a list; NULL: there is none. */
static struct dataset **set_find(struct dataset **list, const char *name)
{
	while (*list && strcmp((*list)->name, name))
		list = &(*list)->next;
	return *list ? list : NULL;
}

/* A set that is there already; false: this rule cannot use it. */
static bool set_fits(const struct dataset *d, const struct wish *w, struct error *error)
{
	if (d->failed)
		return error_set(error, EINVAL, "the set %s could not be loaded", w->name), false;
	if (w->type != SET_NONE && w->type != d->type)
		return error_set(error, EINVAL, "the set %s is of the type %s", w->name, type_names[d->type]), false;
	if (w->reputation == d->reputation)
		return true;
	log_error("Cannot mix dataset and datarep values for set %s", w->name);
	return error_set(error, EINVAL, "a set holds values alone or values with reputations: %s is used for both", w->name), false;
}

static void set_put(struct dataset **list, struct dataset *d)
{
	d->next = *list;
	*list = d;
}

static struct dataset *set_get(struct builder *b, struct wish *w, struct error *error)
{
	struct dataset **kept = registry_datasets(b->ctx->registry), **read = b->ctx->files ? &b->ctx->files->datasets : NULL;
	struct dataset **at = set_find(kept, w->name);
	if (!at && read)
		at = set_find(read, w->name);
	if (at && !set_fits(*at, w, error))
		return NULL;
	if (at) {
		struct dataset *d = *at;
		if (d->save || !(w->save || w->state))
			return d;
		d->save = data_path(b, w->save ? w->save : w->state);
		*at = d->next; /* from now on it is kept, if it was not */
		set_put(kept, d);
		return d;
	}
	wish_from_conf(b, w);
	if (w->type == SET_NONE)
		return error_set(error, EINVAL, "the set %s needs a type: string, md5, sha256, ipv4, ip", w->name), NULL;
	struct dataset *d = xcalloc(1, sizeof *d);
	d->name = xstrdup(w->name);
	d->type = w->type;
	d->reputation = w->reputation;
	d->max = VALUES_MAX;
	pthread_rwlock_init(&d->lock, NULL);
	set_put(read && w->load && !w->save && !w->state ? read : kept, d);
	d->failed = set_load(b, d, w, error) != 0;
	return d->failed ? NULL : d;
}

static int wish_word(struct builder *b, struct wish *w, char *word, struct error *error)
{
	char *value = strchr(word, ' ');
	size_t n = value ? (size_t)(value - word) : strlen(word);
	while (value && *value == ' ')
		value++;
#define IS(text) (n == sizeof text - 1 && memcmp(word, text, n) == 0)
	if (IS("type") && value) {
		for (unsigned i = 1; i < SET_TYPE_N_; i++)
			if (strcmp(type_names[i], value) == 0)
				w->type = (enum set_type)i;
		if (strcmp(value, "ipv6") == 0)
			w->type = SET_IP;
		return w->type ? 0 : error_set(error, EINVAL, "“%s” is no type of sets: string, md5, sha256, ipv4, ip", value);
	}
	if (IS("load") && value)
		return w->load = value, path_check(b, value, false, error);
	if (IS("save") && value)
		return w->save = value, path_check(b, value, true, error);
	if (IS("state") && value)
		return w->state = value, path_check(b, value, true, error);
	if (IS("format") && value) {
		w->how.format = strcmp(value, "csv") == 0 ? FORMAT_CSV : strcmp(value, "json") == 0 ? FORMAT_JSON : FORMAT_NDJSON;
		return strcmp(value, "csv") && strcmp(value, "json") && strcmp(value, "ndjson") && strcmp(value, "jsonline")
			       ? error_set(error, EINVAL, "“%s” is no format: csv, json, ndjson", value)
			       : 0;
	}
	if (IS("value_key") && value)
		return w->how.json.value_key = value, 0;
	if (IS("array_key") && value)
		return w->how.json.array_key = value, 0;
	if ((IS("context_key") || IS("enrichment_key")) && value)
		return w->context_key = value, 0;
	if (IS("remove_key"))
		return w->how.json.remove_key = true, 0;
	if ((IS("memcap") || IS("hashsize")) && value)
		return 0;
#undef IS
	return error_set(error, EINVAL, "“%s” is not a word that sets know", word);
}

enum set_command { SET_SET, SET_UNSET, SET_ISSET, SET_ISNOTSET, SET_REPUTATION };

struct set_use {
	struct dataset *set;
	enum set_command command;
	struct number_test value;
	const char *context_key;
};

/* Asked and changed in one go: "set" holds when the value is new. */
static bool set_run(struct detect_scratch *s, const struct program_step *st, struct bytes v)
{
	const struct set_use *u = st->call.data;
	struct dataset *d = u->set;
	if ((d->type == SET_MD5 && v.len != 16) || (d->type == SET_SHA256 && v.len != 32) || (d->type == SET_IP4 && v.len != 4))
		return false;
	bool change = u->command <= SET_UNSET, holds;
	if (change)
		pthread_rwlock_wrlock(&d->lock);
	else
		pthread_rwlock_rdlock(&d->lock);
	const struct value *x = change ? NULL : value_find(d, v, hash_of(v));
	switch (u->command) {
	case SET_SET: holds = value_add(d, v, 0, NULL) == 1; break;
	case SET_UNSET: holds = value_remove(d, v); break;
	case SET_ISSET: holds = x; break;
	case SET_ISNOTSET: holds = !x; break;
	default: holds = x && number_test(&u->value, x->reputation);
	}
	if (holds && x && x->context && u->context_key)
		program_context_json(s, u->context_key, x->context);
	pthread_rwlock_unlock(&d->lock);
	return holds;
}

static int use_add(struct builder *b, struct wish *w, enum set_command command, struct error *error)
{
	bool address = w->type == SET_IP4 || w->type == SET_IP;
	if (!b->sticky || b->buffer == BUFFER_PAYLOAD)
		return error_set(error, EINVAL, "a set is asked for a sticky buffer: none stands before it");
	if (!b->ctx->registry)
		return error_set(error, ENOTSUP, "there is no registry for sets");
	if (address && b->buffer != BUFFER_IP_SRC && b->buffer != BUFFER_IP_DST)
		builder_find(b, FINDING_WARNING, "dataset-type", "a set of addresses is asked for a buffer that is no address");
	b->ctx->alone = true;
	struct dataset *d = set_get(b, w, error);
	if (!d)
		return -EINVAL;
	struct set_use *u = builder_alloc(b, sizeof *u);
	*u = (struct set_use){d, command, w->value, w->context_key ? builder_copy(b, w->context_key, strlen(w->context_key)) : NULL};
	struct program_step *st = builder_step(b, STEP_CALL);
	st->call.run = set_run;
	st->call.data = u;
	return 0;
}

SETUP(dataset)
{
	static const char *const commands[] = {"set", "unset", "isset", "isnotset"};
	struct wish w = {0};
	char *f[16];
	unsigned n = builder_fields(b, o->value, ',', f, 16), c;
	for (c = 0; c < 4 && strcmp(commands[c], f[0]) != 0; c++)
		;
	if (c == 4 || n < 2)
		return error_set(error, EINVAL, "dataset takes set, unset, isset or isnotset, and a name");
	w.name = f[1];
	for (unsigned i = 2; i < n; i++) {
		int rc = wish_word(b, &w, f[i], error);
		if (rc)
			return rc;
	}
	if ((w.load && w.state) || (w.save && w.state))
		return error_set(error, EINVAL, "state says both, from where to load and where to save");
	return use_add(b, &w, (enum set_command)c, error);
}

SETUP(datarep)
{
	struct wish w = {.reputation = true};
	char *f[16], text[64];
	unsigned n = builder_fields(b, o->value, ',', f, 16);
	if (n < 3)
		return error_set(error, EINVAL, "datarep takes a name, an operator and a value");
	w.name = f[0];
	snprintf(text, sizeof text, "%.2s%.32s", strcmp(f[1], "==") == 0 ? "=" : f[1], f[2]);
	int rc = number_parse(text, 16, NULL, &w.value, error);
	for (unsigned i = 3; i < n && rc == 0; i++)
		rc = wish_word(b, &w, f[i], error);
	return rc ? rc : use_add(b, &w, SET_REPUTATION, error);
}
