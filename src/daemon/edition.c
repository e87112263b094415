// SPDX-License-Identifier: GPL-2.0-or-later
/* The files that a reload replaces, read and compiled. */
#include "daemon/edition.h"

#include "base/log.h"
#include "daemon/runtime.h"

#include <errno.h>
#include <glob.h>
#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#define LOG_MODULE "runtime"

static int load_pattern(struct edition *e, struct rule_set *rules, const char *path, bool must, struct error *error)
{
	glob_t found;
	int rc = 0;
	if (glob(path, 0, NULL, &found) == 0) {
		for (size_t i = 0; rc == 0 && i < found.gl_pathc; i++)
			rc = rule_file_load(rules, found.gl_pathv[i], e->vars, false, error);
		globfree(&found);
		return rc;
	}
	if (must)
		return error_set(error, ENOENT, "%s: %s", path, strerror(ENOENT));
	e->missing++;
	log_warning("no rule file matches %s", path);
	return 0;
}

/* Patterns of rule files, in order; `must`: named by an option. Ends with the first that is not 0. */
typedef int (*pattern_visit)(void *context, const char *pattern, bool must);

static int visit_configured(struct conf *conf, pattern_visit visit, void *context)
{
	struct conf *files = conf_get(conf, "rule-files");
	const char *folder = conf_string(conf, "default-rule-path", "/etc/suricata/rules");
	int rc = 0;
	for (struct conf *c = files ? files->first : NULL; c && rc == 0; c = c->next) {
		if (!c->value)
			continue;
		char *path = c->value[0] == '/' ? xstrdup(c->value) : xasprintf("%s/%s", folder, c->value);
		rc = visit(context, path, false);
		free(path);
	}
	return rc;
}

static int visit_patterns(const struct runtime_options *o, struct conf *conf, pattern_visit visit, void *context)
{
	if (o->no_detection)
		return 0;
	int rc = o->rules_only ? visit(context, o->rules_only, true) : visit_configured(conf, visit, context);
	for (size_t i = 0; rc == 0 && i < o->n_rules_more; i++)
		rc = visit(context, o->rules_more[i], true);
	return rc;
}

struct rule_loading {
	struct edition *edition;
	struct rule_set *rules;
	struct error *error;
};

static int load_visited(void *context, const char *pattern, bool must)
{
	struct rule_loading *l = context;
	return load_pattern(l->edition, l->rules, pattern, must, l->error);
}

struct file_listing {
	void (*visit)(void *context, const char *path);
	void *context;
};

static int list_visited(void *context, const char *pattern, bool must)
{
	struct file_listing *l = context;
	glob_t found;
	(void)must;
	if (glob(pattern, 0, NULL, &found))
		return 0;
	for (size_t i = 0; i < found.gl_pathc; i++)
		l->visit(l->context, found.gl_pathv[i]);
	globfree(&found);
	return 0;
}

void edition_rule_files(const struct runtime_options *o, struct conf *conf, void (*visit)(void *context, const char *path), void *context)
{
	(void)visit_patterns(o, conf, list_visited, &(struct file_listing){visit, context});
}

/* A path of the configuration, and the name of a tree in it. */
static bool is_below(const char *path, const char *tree)
{
	size_t n = strlen(tree);
	return strncmp(path, tree, n) == 0 && (path[n] == '\0' || path[n] == '.');
}

/* ---- what rules compile to depends on these too ---- */

static bool is_beside_rules(const char *path)
{
	static const char *const trees[] = {"rule-files", "respond", "threshold-file", "outputs", "logging", "stats", "reload"};
	for (size_t i = 0; i < sizeof trees / sizeof *trees; i++)
		if (is_below(path, trees[i]))
			return true;
	return false;
}

static void hash_node(const char *path, const struct conf *node, void *context)
{
	XXH3_state_t *h = context;
	if (is_beside_rules(path))
		return;
	XXH3_64bits_update(h, path, strlen(path) + 1);
	if (node->value)
		XXH3_64bits_update(h, node->value, strlen(node->value) + 1);
}

static void hash_file(XXH3_state_t *h, const char *path)
{
	struct buffer text = {0};
	if (path && file_read(path, 16 << 20, &text, NULL) == 0)
		XXH3_64bits_update(h, text.data, text.len);
	buffer_free(&text);
}

static uint64_t environment_of(const struct edition *e)
{
	XXH3_state_t *h = XXH3_createState();
	XXH3_64bits_reset(h);
	conf_walk(e->conf, hash_node, h);
	hash_file(h, conf_string(e->conf, "classification-file", NULL));
	hash_file(h, conf_string(e->conf, "reference-config-file", NULL));
	uint64_t v = XXH3_64bits_digest(h);
	XXH3_freeState(h);
	return v ? v : 1;
}

static void set_digest(struct edition *e, const uint8_t digest[SHA256_DIGEST_SIZE])
{
	for (size_t i = 0; i < SHA256_DIGEST_SIZE; i++)
		snprintf(e->digest + 2 * i, 3, "%02x", digest[i]);
}

/* The engine takes the rules' findings over; without one they stay. */
static int read_rules(struct edition *e, const struct runtime *r, struct error *error)
{
	uint8_t digest[SHA256_DIGEST_SIZE];
	struct rule_set *rules = e->findings;
	struct compile_context ctx = {.vars = e->vars, .lists = e->lists, .app = r->app, .conf = e->conf, .registry = r->registry, .files = e->files, .ips = r->options.ips,
				      .strict = r->options.errors_fatal};
	struct load *l = load_begin(r->parts, rules, &ctx, environment_of(e));
	int rc = visit_patterns(&r->options, e->conf, load_visited, &(struct rule_loading){e, rules, error});
	if (rc || load_count(l) == 0) {
		load_abandon(l);
		return rc;
	}
	e->engine = engine_of_load(l, &e->engine_settings, digest, error);
	if (!e->engine)
		return -ENOMEM;
	set_digest(e, digest);
	e->findings = NULL;
	return 0;
}

/* Wrong words are told in any case. */
static int read_policy(struct edition *e, const struct runtime *r, struct error *error)
{
	struct policy_context c = {.vars = e->vars, .lists = e->lists, .start = r->conf, .machine = r->machine};
	e->respond.policy = policy_read(e->conf, &c, error);
	return e->respond.policy ? 0 : -EINVAL;
}

/* A capture is replayed by the rules' own words, unless somebody wrote what else is to be done. */
static bool policy_acts(const struct edition *e, const struct runtime *r)
{
	const struct runtime_options *o = &r->options;
	return o->ips && !o->ids_only && (o->live || conf_get(e->conf, "respond"));
}

static int read_settings(struct edition *e, const struct runtime *r, struct error *error)
{
	static const struct setting row = {"reload.memory-limit", SETTING_SIZE, offsetof(struct edition, memory_limit), "1gb",
					   .help = "memory that a reload may take beside the rules in force; 0: any"};
	int rc = settings_read(&row, 1, e->conf, e, error);
	return rc ? rc : engine_settings_read(&e->engine_settings, e->conf, r->options.ips, error);
}

static int edition_read(struct edition *e, const struct runtime *r, struct edition_watch *watch, struct error *error)
{
	struct rule_set *rules = e->findings;
	int rc = read_settings(e, r, error);
	if (watch) {
		watch->limit = e->memory_limit;
		rules->watch = &watch->base;
	}
	e->engine_settings.stream_inline = r->stream.inline_mode;
	e->vars = rc == 0 ? rule_vars_read(e->conf, error) : NULL;
	e->lists = e->vars ? rule_lists_read(e->conf, rules, error) : NULL;
	e->files = e->lists ? detect_files_read(e->conf, error) : NULL;
	if (!e->files)
		return -EINVAL;
	rc = respond_settings_read(&e->respond, e->conf, e->vars, r->options.ips, rules, error);
	e->respond.ids_only = r->options.ids_only;
	if (rc == 0)
		rc = read_policy(e, r, error);
	if (rc == 0)
		rc = read_rules(e, r, error);
	return rc == 0 && policy_acts(e, r) ? respond_settings_bind(&e->respond, e->engine, error) : rc;
}

struct edition *edition_load(const struct runtime *r, struct conf *conf, struct edition_watch *watch, struct error *error)
{
	usec_t start = clock_monotonic();
	struct edition *e = xcalloc(1, sizeof *e);
	*e = (struct edition){.generation = r->edition ? r->edition->generation + 1 : 1, .loaded = clock_real(), .conf = conf, .owns_conf = conf != r->conf};
	e->findings = xcalloc(1, sizeof *e->findings);
	rule_set_init(e->findings);
	struct rule_set *rules = e->findings;
	int rc = edition_read(e, r, watch, error);
	rules->watch = NULL;
	e->seconds = (double)(clock_monotonic() - start) / USEC_PER_SEC;
	if (rc == 0)
		return e;
	edition_free(e);
	return NULL;
}

void edition_free(struct edition *e)
{
	if (!e)
		return;
	engine_free(e->engine);
	detect_files_free(e->files);
	if (e->findings)
		rule_set_free(e->findings);
	free(e->findings);
	respond_settings_deinit(&e->respond);
	rule_lists_free(e->lists);
	rule_vars_free(e->vars);
	if (e->owns_conf)
		conf_free(e->conf);
	free(e);
}

struct output_rules edition_rules(const struct edition *e)
{
	struct output_rules r = {.loaded = e->loaded};
	if (e->engine) {
		r.counts = *engine_counts_of(e->engine);
		r.generation = e->generation;
		memcpy(r.digest, e->digest, sizeof r.digest);
	}
	return r;
}

const struct rule_set *edition_findings(const struct edition *e)
{
	return e->engine ? engine_rules(e->engine) : e->findings;
}

size_t edition_errors(const struct edition *e)
{
	size_t n = 0;
	for (const struct finding *f = edition_findings(e)->findings; f; f = f->next)
		n += f->severity == FINDING_ERROR;
	return n;
}

/* Prints what is wrong with rules; what is merely not evaluated is a count unless somebody asks for more. */
size_t edition_report(const struct edition *e)
{
	const struct rule_set *rules = edition_findings(e);
	enum { SHOWN_AT_MOST = 20, LOGGED_AT_MOST = 1000 };
	size_t errors = 0, others = 0;
	for (const struct finding *f = rules->findings; f; f = f->next) {
		if (f->severity == FINDING_ERROR && errors++ < SHOWN_AT_MOST)
			finding_print(f, stderr, isatty(2) && !getenv("NO_COLOR"));
		if (f->severity == FINDING_ERROR && errors <= LOGGED_AT_MOST) {
			log_note(LOG_LEVEL_ERROR, "detect", "%s", f->message);
			log_note(LOG_LEVEL_ERROR, "detect", "error parsing signature \"%s\" from file %s at line %d", f->text ? f->text : "", f->file ? f->file : "", f->line);
		}
		others += f->severity == FINDING_UNSUPPORTED;
	}
	if (errors > SHOWN_AT_MOST)
		log_error("%zu more errors in rules; `sluice rules check` lists all", errors - SHOWN_AT_MOST);
	if (others)
		log_info("%zu rules use what is not evaluated; `sluice rules check` lists them", others);
	return errors;
}

/* ---- what a reload cannot change ---- */

/* These belong to the rules, or are read again with them. */
static bool is_about_rules(const char *path)
{
	static const char *const trees[] = {"vars", "rule-files", "default-rule-path", "classification-file", "reference-config-file", "threshold-file",
					    "action-order", "respond.profile", "respond.rules", "respond.allow", "respond.sets", "respond.block.for",
					    "include", "reload", "reputation-files", "reputation-categories-file", "default-reputation-path",
					    "geoip-database", "datasets"};
	for (size_t i = 0; i < sizeof trees / sizeof *trees; i++)
		if (is_below(path, trees[i]))
			return true;
	return false;
}

struct leaf {
	char *path;
	const char *value;
};
struct leaves {
	struct leaf *at;
	size_t n;
};

static void take_leaf(const char *path, const struct conf *node, void *context)
{
	struct leaves *l = context;
	if (node->first || is_about_rules(path))
		return;
	l->at = xrealloc(l->at, (l->n + 1) * sizeof *l->at);
	l->at[l->n++] = (struct leaf){xstrdup(path), node->value ? node->value : ""};
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct leaf *)a)->path, ((const struct leaf *)b)->path);
}

static struct leaves leaves_of(struct conf *conf)
{
	struct leaves l = {0};
	conf_walk(conf, take_leaf, &l);
	if (l.n)
		qsort(l.at, l.n, sizeof *l.at, by_path);
	return l;
}

static void leaves_free(struct leaves *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->at[i].path);
	free(l->at);
}

size_t edition_restart_keys(struct conf *old, struct conf *now, struct buffer *out)
{
	struct leaves a = leaves_of(old), b = leaves_of(now);
	size_t n = 0, i = 0, k = 0;
	while (i < a.n || k < b.n) {
		int order = i == a.n ? 1 : k == b.n ? -1 : strcmp(a.at[i].path, b.at[k].path);
		const char *path = order <= 0 ? a.at[i].path : b.at[k].path;
		if (order || strcmp(a.at[i].value, b.at[k].value) != 0)
			buffer_printf(out, "%s%s", n++ ? ", " : "", path);
		i += order <= 0;
		k += order >= 0;
	}
	leaves_free(&a);
	leaves_free(&b);
	return n;
}
