// SPDX-License-Identifier: GPL-2.0-or-later
/* Rules → engine: compile each, order them, give each its point and its prefilter, compile the databases. */
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
	e->counts.evaluated = e->n_sigs;
	e->counts.errors = e->rules->n_errors;
	e->counts.unsupported = 0;
	for (const struct finding *f = e->rules->findings; f; f = f->next)
		e->counts.unsupported += f->severity == FINDING_UNSUPPORTED;
	for (const struct finding *f = e->rules->findings; f; f = f->next)
		e->counts.skipped += f->severity == FINDING_NOTE && strcmp(f->code, "requires") == 0;
}

/* For which protocols, by row, a signature of transactions is: those bound, or any that has its buffers. */
static bool sig_is_for(const struct signature *s, const struct app_proto *p)
{
	if (p->recognise_only)
		return false;
	for (unsigned i = 0; i < s->n_app; i++)
		if (s->app[i] == p)
			return true;
	if (s->n_app)
		return false;
	for (const struct inspection *in = s->inspections; in; in = in->next) {
		const char *name = in->buffer >= BUFFER_APP ? app_buffer_name(in->buffer - BUFFER_APP) : in->tests ? in->tests->app_keyword : NULL;
		if (name && !app_keyword_find(p, name))
			return false;
	}
	return true;
}

static bool sig_has_direction(const struct signature *s, int direction)
{
	if (s->flags & SIG_TO_EITHER)
		return true;
	if (!(s->flags & (SIG_TO_SERVER | SIG_TO_CLIENT)))
		return true;
	return s->flags & (direction ? SIG_TO_CLIENT : SIG_TO_SERVER);
}

static void add_source(struct app_point *point, const struct app_keyword *k, struct prefilter *p)
{
	for (size_t i = 0; i < point->n_sources; i++)
		if (point->source[i].prefilter == p)
			return;
	point->source = xrealloc(point->source, (point->n_sources + 1) * sizeof *point->source);
	point->source[point->n_sources++] = (struct app_source){k, p};
}

/*
 * A signature of transactions stands at each protocol and direction it concerns. Its pattern makes it a candidate only where the
 * pattern's buffer is; in the other direction of a => rule, and for patterns on the payload, it is always one.
 */
static void place_tx(struct engine *e, const struct signature *s)
{
	for (size_t i = 0; i < e->n_app; i++) {
		if (!sig_is_for(s, app_protocols[i]))
			continue;
		for (int d = 0; d < 2; d++) {
			struct app_point *point = &e->app[i][d];
			if (!sig_has_direction(s, d))
				continue;
			const struct app_keyword *k = s->fast.buffer >= BUFFER_APP ? e->rows[i][s->fast.buffer - BUFFER_APP] : NULL;
			bool fast = s->fast.content.len && k && k->directions >> d & 1 && !(s->flags & SIG_TO_EITHER);
			point->any = true;
			if (!fast) {
				number_list_add(&point->plain, s->number);
				continue;
			}
			struct prefilter *p = prefilter_get(e, &(struct prefilter){.buffer = s->fast.buffer, .transforms = s->fast.transforms,
										     .direction = (uint8_t)d});
			bool known = false; /* a second protocol with the same buffer shares the patterns */
			for (size_t before = 0; before < i; before++)
				known |= sig_is_for(s, app_protocols[before]) && e->rows[before][s->fast.buffer - BUFFER_APP] &&
					 e->rows[before][s->fast.buffer - BUFFER_APP]->directions >> d & 1;
			if (!known)
				prefilter_add(p, s);
			add_source(point, k, p);
		}
	}
}

static bool sig_covers(const struct signature *s, unsigned proto)
{
	return s->any_proto || s->proto_bits[proto / 8] >> (proto % 8) & 1;
}

static bool sig_covers_others(const struct signature *s)
{
	for (unsigned proto = 0; proto < 256; proto++)
		if (proto != PROTO_TCP && proto != PROTO_UDP && sig_covers(s, proto))
			return true;
	return false;
}

/* Rules at a few ports have databases of their own, which few flows need; those at wide ranges are with the rules at any port. */
static bool ports_are_narrow(const struct signature *s)
{
	enum { NARROW = 1024 };
	const struct port_set *sets[] = {s->sport, s->dport};
	const uint64_t any[] = {SIG_SPORT_ANY, SIG_DPORT_ANY};
	if (s->flags & SIG_BIDIRECTIONAL)
		return false; /* either way round */
	for (size_t side = 0; side < 2; side++) {
		size_t n = 0;
		for (size_t i = 0; i < sets[side]->n; i++)
			n += (size_t)(sets[side]->in[i].last - sets[side]->in[i].first) + 1;
		if (!(s->flags & any[side]) && n <= NARROW)
			return true;
	}
	return false;
}

static void place_payload(struct engine *e, const struct signature *s, int d)
{
	bool tcp = sig_covers(s, PROTO_TCP);
	const struct sig_sets *k = &e->tables.sets[s->number];
	struct prefilter like = {.buffer = BUFFER_PAYLOAD, .transforms = s->fast.transforms, .direction = (uint8_t)d, .sport = k->sport, .dport = k->dport};
	if (!ports_are_narrow(s))
		like.sport = like.dport = 0;
	if (tcp && s->type != SIG_PACKET) {
		like.stream = true;
		prefilter_add(prefilter_get(e, &like), s);
	}
	like.stream = false;
	if (tcp && s->type != SIG_STREAM && s->type != SIG_APP)
		prefilter_add(prefilter_get(e, &like), s);
	like.udp = true;
	if (sig_covers(s, PROTO_UDP) || sig_covers_others(s))
		prefilter_add(prefilter_get(e, &like), s);
}

static void place_packet(struct engine *e, const struct signature *s)
{
	bool fast = s->fast.content.len && s->fast.buffer == BUFFER_PAYLOAD && !s->fast.transforms;
	for (int d = 0; d < 2; d++) {
		if (!sig_has_direction(s, d))
			continue;
		if (fast) {
			place_payload(e, s, d);
			continue;
		}
		if (sig_covers(s, PROTO_TCP))
			number_list_add(&e->plain[d][0], s->number);
		if (sig_covers(s, PROTO_UDP))
			number_list_add(&e->plain[d][1], s->number);
		if (sig_covers_others(s))
			number_list_add(&e->plain[d][2], s->number);
	}
}

static void place(struct engine *e, struct signature *s)
{
	e->counts.by_type[s->type]++;
	e->wants |= s->flags & (SIG_WANT_MD5 | SIG_WANT_SHA1 | SIG_WANT_SHA256 | SIG_WANT_MAGIC);
	for (const struct inspection *in = s->inspections; in; in = in->next) {
		const char *name = in->buffer >= BUFFER_APP ? app_buffer_name(in->buffer - BUFFER_APP) : "";
		e->want_ja3 |= strncmp(name, "ja3", 3) == 0;
		e->want_ja4 |= strncmp(name, "ja4", 3) == 0;
	}
	switch (s->type) {
	case SIG_DECODER_EVENT:
		number_list_add(&e->decoder, s->number);
		break;
	case SIG_IP_ONLY: case SIG_LIKE_IP_ONLY: /* in the tables of addresses */
		break;
	case SIG_PD_ONLY:
		for (int d = 0; d < 2; d++)
			if (sig_has_direction(s, d))
				number_list_add(&e->pd_only[d], s->number);
		break;
	case SIG_TX:
		place_tx(e, s);
		break;
	default:
		place_packet(e, s);
	}
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

struct engine *engine_new(struct rule_set *rules, const struct engine_settings *s, struct compile_context *ctx, struct error *error)
{
	static uint32_t generation;
	usec_t start = clock_monotonic();
	struct engine *e = xcalloc(1, sizeof *e);
	e->settings = *s;
	e->rules = rules;
	e->generation = __atomic_add_fetch(&generation, 1, __ATOMIC_RELAXED);
	compile_rules(e, ctx);
	rule_set_drop_options(rules); /* half of the set's memory; nothing compiled points into it */
	e->chains = ctx->chains;
	make_rows(e);
	signatures_number(e->sig, e->n_sigs, s->action_rank);
	for (uint32_t i = 0; i < e->n_sigs; i++)
		e->sig[i]->type = (uint8_t)signature_type_of(e->sig[i]);
	group_tables_build(&e->tables, e->sig, e->n_sigs);
	for (uint32_t i = 0; i < e->n_sigs; i++)
		place(e, e->sig[i]);
	if (prefilters_compile(e, error)) {
		e->rules = NULL; /* stays the caller's */
		engine_free(e);
		return NULL;
	}
	e->counts.compile_seconds = (double)(clock_monotonic() - start) / USEC_PER_SEC;
	return e;
}

static void free_points(struct engine *e)
{
	for (size_t i = 0; i < e->n_app; i++) {
		for (int d = 0; d < 2; d++) {
			free(e->app[i][d].source);
			free(e->app[i][d].plain.number);
		}
		free(e->rows[i]);
	}
	free(e->app);
	free(e->rows);
	free(e->decoder.number);
	for (int d = 0; d < 2; d++) {
		free(e->pd_only[d].number);
		for (int k = 0; k < 3; k++)
			free(e->plain[d][k].number);
	}
}

void engine_free(struct engine *e)
{
	if (!e)
		return;
	prefilters_free(e);
	free_points(e);
	group_tables_free(&e->tables);
	for (uint32_t i = 0; i < e->n_sigs; i++)
		signature_release(e->sig[i]);
	transform_chains_release(e->chains);
	free(e->sig);
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

const struct signature *engine_find(const struct engine *e, uint32_t gid, uint32_t sid)
{
	for (uint32_t i = 0; i < e->n_sigs; i++)
		if (e->sig[i]->sid == sid && e->sig[i]->gid == gid)
			return e->sig[i];
	return NULL;
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

static int inspect_new(struct detect_scratch *s, const struct engine *e)
{
	struct inspect *in = calloc(1, sizeof *in);
	if (!in)
		return -ENOMEM;
	s->inspect = in;
	in->seen = calloc(e->n_sigs + 1u, sizeof *in->seen);
	in->candidate = calloc(e->n_sigs + 1u, sizeof *in->candidate);
	in->room = e->n_sigs;
	in->groups = group_cache_new(e);
	if (!in->seen || !in->candidate || !in->groups)
		return -ENOMEM;
	if (e->scratch && hs_clone_scratch(e->scratch, &in->scratch) != HS_SUCCESS)
		return -ENOMEM;
	return 0;
}

static void inspect_free(struct detect_scratch *s)
{
	struct inspect *in = s->inspect;
	if (!in)
		return;
	hs_free_scratch(in->scratch);
	group_cache_free(in->groups);
	free(in->seen);
	free(in->candidate);
	free(in);
	s->inspect = NULL;
}

struct detect_scratch *detect_scratch_new(const struct engine *e, const struct engine_settings *s, struct counters *counters)
{
	struct detect_scratch *d = calloc(1, sizeof *d);
	if (!d)
		return NULL;
	d->engine = e;
	d->counters = counters;
	d->alert_max = s->packet_alert_max;
	if (program_scratch_init(d, s->recursion_limit, s->pcre_match_limit, s->pcre_match_limit_recursion, NULL) || (e && inspect_new(d, e))) {
		detect_scratch_free(d);
		return NULL;
	}
	return d;
}

void detect_scratch_use(struct detect_scratch *s, const struct engine *e)
{
	inspect_free(s);
	s->engine = e;
	if (e && inspect_new(s, e)) {
		inspect_free(s);
		s->engine = NULL;
	}
}

void detect_scratch_free(struct detect_scratch *s)
{
	if (!s)
		return;
	inspect_free(s);
	program_scratch_deinit(s);
	free(s);
}

void detect_flow_release(struct flow *f)
{
	if (f->bits)
		flow_bits_free(f);
}
