// SPDX-License-Identifier: GPL-2.0-or-later
/* Rules → engine: compile each, order them, give each its points (place.c), compile the databases (prefilter.c). */
#include "detect/engine.h"

#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LOG_MODULE "detect"

static const char *const prefilter_names[] = {"mpm", "auto", NULL};

static const struct setting engine_rows[] = {
	{.key = "detect.inspection-recursion-limit", .kind = SETTING_U32, .offset = offsetof(struct engine_settings, recursion_limit), .absent = "3000",
	 .help = "steps back that a rule's conditions on one buffer may take"},
	{.key = "packet-alert-max", .kind = SETTING_U32, .offset = offsetof(struct engine_settings, packet_alert_max), .absent = "15", .min = 1, .max = 255,
	 .help = "alerts of one packet that are kept"},
	{.key = "pcre.match-limit", .kind = SETTING_U32, .offset = offsetof(struct engine_settings, pcre_match_limit), .absent = "3500",
	 .help = "PCRE2's match limit"},
	{.key = "pcre.match-limit-recursion", .kind = SETTING_U32, .offset = offsetof(struct engine_settings, pcre_match_limit_recursion),
	 .absent = "1500", .help = "PCRE2's depth limit"},
	{.key = "detect.guess-applayer-tx", .kind = SETTING_BOOL, .offset = offsetof(struct engine_settings, guess_applayer_tx), .absent = "no",
	 .help = "alerts without a transaction show the flow's only one"},
	{.key = "detect.sgh-mpm-caching", .kind = SETTING_BOOL, .offset = offsetof(struct engine_settings, cache), .absent = "no",
	 .help = "keep compiled databases on disk"},
	{.key = "detect.sgh-mpm-caching-path", .kind = SETTING_STRING, .offset = offsetof(struct engine_settings, cache_path),
	 .absent = "/var/lib/suricata/cache/sgh", .help = "where"},
	{.key = "detect.prefilter.default", .kind = SETTING_ENUM, .offset = offsetof(struct engine_settings, default_prefilter), .absent = "mpm",
	 .names = prefilter_names, .help = "mpm, or auto: header keywords may prefilter too"},
};

static void rank_action(struct engine_settings *s, const char *name, uint8_t rank)
{
	for (unsigned a = 0; a < RULE_ACTION_N_; a++)
		if (strncmp(rule_action_names[a], name, strlen(name)) == 0) /* "reject" stands for all its forms */
			s->action_rank[a] = rank;
}

static int read_action_order(struct engine_settings *s, struct conf *conf, struct error *error)
{
	static const char *const usual[] = {"pass", "drop", "reject", "alert"};
	struct conf *list = conf_get(conf, "action-order");
	uint8_t rank = 0;
	for (uint8_t i = 0; i < 4; i++)
		rank_action(s, usual[i], i);
	for (struct conf *c = list ? list->first : NULL; c; c = c->next) {
		bool known = false;
		for (unsigned i = 0; i < 4; i++)
			known |= c->value && strcmp(usual[i], c->value) == 0;
		if (!known || rank == 4)
			return error_set(error, EINVAL, "%s: pass, drop, reject and alert stand in action-order, each once", conf_path(c));
		rank_action(s, c->value, rank++);
	}
	if (rank != 0 && rank != 4)
		return error_set(error, EINVAL, "action-order: names %u of the four actions pass, drop, reject, alert", rank);
	return 0;
}

int engine_settings_read(struct engine_settings *s, struct conf *conf, bool ips, struct error *error)
{
	*s = (struct engine_settings){.ips = ips};
	int rc = settings_read(engine_rows, sizeof engine_rows / sizeof *engine_rows, conf, s, error);
	return rc ? rc : read_action_order(s, conf, error);
}

void number_list_add(struct number_list *l, uint32_t number)
{
	if (l->n == l->room) {
		l->room = l->room ? l->room * 2 : 16;
		l->number = xrealloc(l->number, l->room * sizeof *l->number);
	}
	l->number[l->n++] = number;
}

static void count_findings(struct engine *e)
{
	e->counts.evaluated = e->n_sigs;
	e->counts.errors = e->rules->n_errors;
	for (const struct finding *f = e->rules->findings; f; f = f->next) {
		e->counts.unsupported += f->severity == FINDING_UNSUPPORTED;
		e->counts.skipped += f->severity == FINDING_NOTE && strcmp(f->code, "requires") == 0;
	}
}

/* Signatures in the order of rules; those that are not evaluated are counted and left. */
static void compile_rules(struct engine *e, struct compile_context *ctx)
{
	size_t room = e->rules->n_active + 1;
	e->sig = xcalloc(room, sizeof *e->sig);
	for (const struct rule *r = e->rules->first; r; r = r->next) {
		if (!r->active || e->n_sigs == room)
			continue;
		e->counts.loaded++;
		struct signature *s = signature_compile(ctx, r);
		if (!s)
			continue;
		if (s->flags & SIG_PARTIAL)
			e->counts.partial++;
		e->sig[e->n_sigs++] = s;
	}
	count_findings(e);
}

static void make_rows(struct engine *e)
{
	while (app_protocols[e->n_app])
		e->n_app++;
	e->app = xcalloc(e->n_app, sizeof *e->app);
	e->rows = xcalloc(e->n_app, sizeof *e->rows);
	for (size_t i = 0; i < e->n_app; i++) {
		e->rows[i] = xcalloc(app_buffer_count() + 1, sizeof **e->rows);
		for (unsigned b = 1; b <= app_buffer_count(); b++) {
			const char *name = app_buffer_name(b);
			e->rows[i][b] = name ? app_keyword_find(app_protocols[i], name) : NULL;
		}
	}
}

static int compare_sids(uint32_t sid, uint32_t gid, const struct signature *s)
{
	if (sid != s->sid)
		return sid < s->sid ? -1 : 1;
	return gid < s->gid ? -1 : gid > s->gid;
}

static int by_sid(const void *a, const void *b, void *context)
{
	const struct engine *e = context;
	const struct signature *x = e->sig[*(const uint32_t *)a];
	return compare_sids(x->sid, x->gid, e->sig[*(const uint32_t *)b]);
}

/* The order of signatures that are compiled. */
static void number(struct engine *e)
{
	e->n_words = bits_words(e->n_sigs);
	signatures_sort(e->sig, e->n_sigs, e->settings.action_rank);
	e->by_sid = xcalloc((size_t)e->n_sigs + 1, sizeof *e->by_sid);
	for (uint32_t i = 0; i < e->n_sigs; i++)
		e->by_sid[i] = i;
	qsort_r(e->by_sid, e->n_sigs, sizeof *e->by_sid, by_sid, e);
}

static struct engine *engine_alloc(const struct engine_settings *s)
{
	static uint32_t generation;
	struct engine *e = xcalloc(1, sizeof *e);
	e->settings = *s;
	e->generation = __atomic_add_fetch(&generation, 1, __ATOMIC_RELAXED);
	make_rows(e);
	return e;
}

struct engine *engine_new(struct rule_set *rules, const struct engine_settings *s, struct compile_context *ctx, struct error *error)
{
	usec_t start = clock_monotonic();
	struct engine *e = engine_alloc(s);
	e->rules = rules;
	compile_rules(e, ctx);
	e->chains = ctx->chains;
	number(e);
	rule_set_drop_options(rules); /* half of the set's memory; nothing compiled points into it */
	engine_place(e);
	if (prefilters_compile(e, error)) {
		e->rules = NULL; /* stays the caller's */
		engine_free(e);
		return NULL;
	}
	e->counts.compile_seconds = (double)(clock_monotonic() - start) / USEC_PER_SEC;
	return e;
}

struct engine *engine_of_parts(struct part_store *store, struct rule_set *rules, struct part **part, struct signature **sig, uint32_t n, size_t loaded,
			       const struct engine_settings *s, struct error *error)
{
	struct engine *e = engine_alloc(s);
	e->store = store;
	e->rules = rules;
	e->part = part;
	e->sig = sig;
	e->n_sigs = n;
	e->counts.loaded = loaded;
	for (uint32_t i = 0; i < n; i++)
		e->counts.partial += (sig[i]->flags & SIG_PARTIAL) != 0;
	count_findings(e);
	number(e);
	engine_place(e);
	if (prefilters_compile(e, error) == 0)
		return e;
	e->rules = NULL;
	engine_free(e);
	return NULL;
}

struct engine *engine_of_signatures(struct signature **sig, uint32_t n, const struct engine_settings *s, struct error *error)
{
	struct engine *e = engine_alloc(s);
	e->sig = xcalloc((size_t)n + 1, sizeof(struct signature *));
	memcpy(e->sig, sig, n * sizeof(struct signature *));
	e->n_sigs = n;
	for (uint32_t i = 0; i < n; i++)
		signature_settle(sig[i]);
	number(e);
	engine_place(e);
	if (prefilters_compile(e, error) == 0)
		return e;
	engine_free(e);
	return NULL;
}

static void free_scans(struct engine *e)
{
	for (int kind = 0; kind < PAYLOAD_KIND_N_; kind++)
		for (int i = 0; i < 4; i++) {
			struct payload_point *p = &e->payload[kind][i / 2][i % 2];
			free(p->by_port[0]);
			free(p->by_port[1]);
			free(p->by_app);
		}
}

static void free_headers(struct engine *e)
{
	uint64_t *bits[] = {e->toward[0], e->toward[1], e->version[0], e->version[1], e->turned, e->at_packet, e->at_event, e->at_first, e->at_protocol, e->late};
	for (size_t i = 0; i < sizeof bits / sizeof *bits; i++)
		free(bits[i]);
	for (unsigned i = 0; i < e->n_columns; i++)
		free(e->covers[i]);
	classifier_free(e->addresses);
	classifier_free(e->ports);
}

static void free_points(struct engine *e)
{
	for (size_t i = 0; i < e->n_app; i++) {
		for (int d = 0; d < 2; d++)
			free(e->app[i][d].plain.number);
		free(e->rows[i]);
	}
	free(e->app);
	free(e->rows);
	free(e->decoder.number);
	free(e->link.number);
}

void engine_free(struct engine *e)
{
	if (!e)
		return;
	prefilters_free(e);
	free_points(e);
	free_scans(e);
	free_headers(e);
	for (uint32_t i = 0; i < e->n_sigs; i++)
		if (e->part)
			part_leave(e->store, e->part[i]);
		else
			signature_release(e->sig[i]);
	transform_chains_release(e->chains);
	free(e->part);
	free(e->sig);
	free(e->by_sid);
	if (e->rules) {
		rule_set_free(e->rules);
		free(e->rules);
	}
	free(e);
}

const struct engine_counts *engine_counts_of(const struct engine *e)
{
	return &e->counts;
}

struct rule_set *engine_rules(struct engine *e)
{
	return e->rules;
}

uint32_t engine_generation(const struct engine *e)
{
	return e->generation;
}

uint32_t engine_number(const struct engine *e, uint32_t gid, uint32_t sid)
{
	uint32_t low = 0, high = e->n_sigs;
	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		int order = compare_sids(sid, gid, e->sig[e->by_sid[mid]]);
		if (order == 0)
			return e->by_sid[mid];
		if (order < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return UINT32_MAX;
}

uint32_t engine_n_signatures(const struct engine *e)
{
	return e->n_sigs;
}

const struct signature *engine_signature(const struct engine *e, uint32_t number)
{
	return e->sig[number];
}

const struct signature *engine_find(const struct engine *e, uint32_t gid, uint32_t sid)
{
	uint32_t number = engine_number(e, gid, sid);
	return number == UINT32_MAX ? NULL : e->sig[number];
}

bool engine_wants(const struct engine *e, const char *what)
{
	static const struct {
		const char *name;
		uint64_t flag;
	} flags[] = {{"md5", SIG_WANT_MD5}, {"sha1", SIG_WANT_SHA1}, {"sha256", SIG_WANT_SHA256}, {"magic", SIG_WANT_MAGIC}};
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
		if (strcmp(flags[i].name, what) == 0)
			return e->wants & flags[i].flag;
	return strcmp(what, "ja3") == 0 ? e->want_ja3 : strcmp(what, "ja4") == 0 && e->want_ja4;
}
