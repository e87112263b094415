// SPDX-License-Identifier: GPL-2.0-or-later
/* `respond:` → struct policy. Every wrong word is an error that names its key, its place and what is possible. */
#include "respond/policy_private.h"

#include "base/embedded.h"
#include "base/json.h"

#include <errno.h>
#include <stdlib.h>

enum { RULES_MAX = 10000, SETS_MAX = 255, SLOW_MAX = 32, TEXT_MAX = 200 };

struct policy_reader {
	struct policy *p;
	const struct policy_context *c;
	struct error *error;
};

/* "respond.rules.0.do: '…' …" with file, line and column before it. */
__attribute__((format(printf, 3, 4))) static int wrong(struct policy_reader *r, const struct conf *n, const char *format, ...)
{
	char text[400];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	error_set(r->error, EINVAL, "%s: %s", conf_path(n), text);
	return conf_place(n, r->error);
}

static char *keep(struct policy *p, const char *text, size_t len)
{
	char *s = arena_alloc(&p->arena, len + 1);
	if (!s)
		abort();
	memcpy(s, text, len);
	return s;
}

static void *keep_array(struct policy *p, const void *data, size_t n, size_t size)
{
	void *to = arena_alloc(&p->arena, n * size + 1);
	if (!to)
		abort();
	if (data)
		memcpy(to, data, n * size);
	return to;
}

static void add_word(struct policy_words *w, const char *word, const struct conf *node)
{
	w->word = xrealloc(w->word, (w->n + 1) * sizeof *w->word);
	w->node = xrealloc(w->node, (w->n + 1) * sizeof *w->node);
	w->word[w->n] = word;
	w->node[w->n++] = node;
}

/* Pieces between commas, in the policy's arena. */
static void add_words_of(struct policy *p, struct policy_words *w, const struct conf *node)
{
	for (const char *at = node->value ? node->value : ""; *at;) {
		size_t len = strcspn(at, ","), lead = strspn(at, " \t");
		if (lead < len) {
			size_t end = len;
			while (end > lead && (at[end - 1] == ' ' || at[end - 1] == '\t'))
				end--;
			add_word(w, keep(p, at + lead, end - lead), node);
		}
		at += len + (at[len] == ',');
	}
}

/* One value, several with commas, or a list of them. */
static int read_words(struct policy_reader *r, struct conf *n, struct policy_words *w)
{
	*w = (struct policy_words){0};
	if (n->kind == CONF_MAP)
		return wrong(r, n, "one value or a list of values is wanted, not a mapping");
	if (n->kind == CONF_SCALAR)
		add_words_of(r->p, w, n);
	for (struct conf *c = n->kind == CONF_LIST ? n->first : NULL; c; c = c->next) {
		c->used = true;
		if (c->kind != CONF_SCALAR || c->first)
			return wrong(r, c, "a plain value is wanted here");
		add_words_of(r->p, w, c);
	}
	return w->n ? 0 : wrong(r, n, "is empty");
}

static void free_words(struct policy_words *w)
{
	free(w->word);
	free(w->node);
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

static int read_numbers(struct policy_reader *r, struct conf *n, struct policy_numbers *out, uint32_t max)
{
	struct policy_words w;
	int status = read_words(r, n, &w);
	uint32_t *number = status ? NULL : keep_array(r->p, NULL, w.n, sizeof *number);
	for (size_t i = 0; status == 0 && i < w.n; i++) {
		char *end;
		errno = 0;
		unsigned long v = strtoul(w.word[i], &end, 10);
		if (errno || *end || w.word[i][0] < '0' || w.word[i][0] > '9' || v < 1 || v > max)
			status = wrong(r, w.node[i], "'%.*s' is no number from 1 to %u", TEXT_MAX, w.word[i], max);
		else
			number[i] = (uint32_t)v;
	}
	if (status == 0) {
		qsort(number, w.n, sizeof *number, by_value);
		*out = (struct policy_numbers){number, w.n};
	}
	free_words(&w);
	return status;
}

static int read_classes(struct policy_reader *r, struct conf *n, struct policy_match *m)
{
	struct policy_words w;
	int status = read_words(r, n, &w);
	for (size_t i = 0; status == 0 && i < w.n; i++)
		if (r->c->lists && !rule_class_find(r->c->lists, w.word[i]))
			status = wrong(r, w.node[i], "'%.*s' is no class of classification.config", TEXT_MAX, w.word[i]);
	if (status == 0) {
		m->class_name = keep_array(r->p, w.word, w.n, sizeof *w.word);
		m->n_classes = w.n;
	}
	free_words(&w);
	return status;
}

/* As it stands in the JSON of a signature's metadata, within its quotes. */
static const char *as_json(struct policy_reader *r, const char *before, const char *text, const char *behind)
{
	struct buffer b = {0}, whole = {0};
	struct json j = json_into(&b);
	json_string(&j, NULL, text);
	buffer_printf(&whole, "%s%.*s%s", before, (int)(b.len >= 2 ? b.len - 2 : 0), (const char *)b.data + 1, behind);
	const char *kept = keep(r->p, (const char *)whole.data, whole.len);
	buffer_free(&b);
	buffer_free(&whole);
	return kept;
}

static int read_metadata(struct policy_reader *r, struct conf *n, struct policy_match *m)
{
	size_t count = 0;
	if (n->kind != CONF_MAP || !n->first)
		return wrong(r, n, "keys with their values are wanted, as {confidence: High}");
	for (const struct conf *c = n->first; c; c = c->next)
		count++;
	m->metadata = keep_array(r->p, NULL, count, sizeof *m->metadata);
	for (struct conf *c = n->first; c; c = c->next) {
		struct policy_words w;
		c->used = true;
		int status = read_words(r, c, &w);
		if (status) {
			free_words(&w);
			return status;
		}
		struct policy_metadata *d = &m->metadata[m->n_metadata++];
		d->key = as_json(r, "\"", c->name, "\":[");
		d->value = keep_array(r->p, NULL, w.n, sizeof *d->value);
		d->n_values = w.n;
		for (size_t i = 0; i < w.n; i++)
			d->value[i] = as_json(r, "", w.word[i], "");
		free_words(&w);
	}
	return 0;
}

/* "guests, servers": what is there to choose from. */
static void name_choices(char *out, size_t room, const struct policy *p, bool slow)
{
	size_t n = slow ? p->n_slow : p->n_sets, len = 0;
	snprintf(out, room, "none is");
	for (size_t i = 0; i < n && len + 40 < room; i++) {
		int wrote = snprintf(out + len, room - len, "%s%.30s", i ? ", " : "", slow ? p->slow[i].name : p->set[i].name);
		len += wrote > 0 ? (size_t)wrote : 0;
	}
}

static int read_source_set(struct policy_reader *r, struct conf *n, struct policy_decision *d)
{
	char choices[200];
	for (size_t i = 0; n->value && i < r->p->n_sets; i++)
		if (strcmp(r->p->set[i].name, n->value) == 0) {
			d->source_set = (uint8_t)(i + 1);
			return 0;
		}
	name_choices(choices, sizeof choices, r->p, false);
	return wrong(r, n, "'%.*s' is no set of respond.sets; there: %s", TEXT_MAX, n->value ? n->value : "", choices);
}

static int read_match(struct policy_reader *r, struct conf *n, struct policy_rule *rule)
{
	struct policy_match *m = &rule->match;
	if (n->kind == CONF_SCALAR && n->value && strcmp(n->value, "all") == 0)
		return 0;
	if (n->kind != CONF_MAP || !n->first)
		return wrong(r, n, "what is to match? sid, gid, classtype, severity, metadata, source-set, or: match: all");
	for (struct conf *c = n->first; c; c = c->next) {
		int status;
		c->used = true;
		if (strcmp(c->name, "sid") == 0)
			status = read_numbers(r, c, &m->sid, UINT32_MAX);
		else if (strcmp(c->name, "gid") == 0)
			status = read_numbers(r, c, &m->gid, UINT32_MAX);
		else if (strcmp(c->name, "severity") == 0)
			status = read_numbers(r, c, &m->severity, 255);
		else if (strcmp(c->name, "classtype") == 0)
			status = read_classes(r, c, m);
		else if (strcmp(c->name, "metadata") == 0)
			status = read_metadata(r, c, m);
		else if (strcmp(c->name, "source-set") == 0)
			status = read_source_set(r, c, &rule->decision);
		else
			status = wrong(r, c, "nothing to match by; sid, gid, classtype, severity, metadata and source-set are");
		if (status)
			return status;
	}
	return 0;
}

static int read_slow_name(struct policy_reader *r, const struct conf *n, const char *name, struct policy_decision *d)
{
	char choices[200];
	for (size_t i = 0; i < r->p->n_slow; i++)
		if (strcmp(r->p->slow[i].name, name) == 0) {
			d->action = POLICY_SLOW;
			d->slow_class = (uint8_t)i;
			d->slow_name = r->p->slow[i].name;
			d->lasts = r->p->slow[i].lasts;
			return 0;
		}
	name_choices(choices, sizeof choices, r->p, true);
	return wrong(r, n, "'%.*s' is no class of respond.slow; there: %s", TEXT_MAX, name, choices);
}

static int read_block(struct policy_reader *r, const struct conf *n, char *words[], size_t n_words, struct policy_decision *d)
{
	bool dst = n_words > 1 && strcmp(words[1], "dst") == 0;
	if (n_words < 2 || (!dst && strcmp(words[1], "src") != 0))
		return wrong(r, n, "'%.*s': block whom? block src, or block dst", TEXT_MAX, n->value);
	d->action = dst ? POLICY_BLOCK_DST : POLICY_BLOCK_SRC;
	d->lasts = r->p->block_lasts;
	if (n_words == 2)
		return 0;
	if (n_words != 4 || strcmp(words[2], "for") != 0 || !clock_parse_duration(words[3], &d->lasts))
		return wrong(r, n, "'%.*s': behind 'block %s' stands nothing, or 'for' and a time such as 90s, 10m, 1h30m, 2d", TEXT_MAX, n->value, words[1]);
	return 0;
}

static int read_do(struct policy_reader *r, const struct conf *n, struct policy_decision *d)
{
	static const struct {
		const char *name;
		enum policy_action action;
	} plain[] = {{"drop", POLICY_DROP}, {"reject", POLICY_REJECT}, {"release", POLICY_RELEASE}, {"alert-only", POLICY_ALERT_ONLY}};
	char text[TEXT_MAX], *words[5], *save = NULL;
	size_t count = 0;
	snprintf(text, sizeof text, "%s", n->value && n->kind == CONF_SCALAR ? n->value : "");
	for (char *w = strtok_r(text, " \t", &save); w && count < 5; w = strtok_r(NULL, " \t", &save))
		words[count++] = w;
	for (size_t i = 0; count == 1 && i < sizeof plain / sizeof *plain; i++)
		if (strcmp(words[0], plain[i].name) == 0) {
			d->action = plain[i].action;
			return 0;
		}
	if (count && strcmp(words[0], "block") == 0)
		return read_block(r, n, words, count, d);
	if (count == 2 && strcmp(words[0], "slow") == 0)
		return read_slow_name(r, n, words[1], d);
	return wrong(r, n, "'%.*s' is not one of drop, reject, block src [for T], block dst [for T], release, slow CLASS, alert-only", TEXT_MAX,
		     n->value ? n->value : "");
}

static int read_rule(struct policy_reader *r, struct conf *n, const char *why)
{
	struct policy_rule rule = {.decision.why = why ? why : keep(r->p, conf_path(n), strlen(conf_path(n))), .profile = why != NULL};
	const struct conf *match = NULL, *action = NULL;
	if (n->kind != CONF_MAP)
		return wrong(r, n, "a rule is a mapping: {match: {sid: 2019876}, do: drop}");
	for (struct conf *c = n->first; c; c = c->next) {
		c->used = true;
		if (strcmp(c->name, "match") == 0)
			match = c;
		else if (strcmp(c->name, "do") == 0)
			action = c;
		else
			return wrong(r, c, "no key of a rule; match and do are");
	}
	if (!match || !action)
		return wrong(r, n, "a rule needs both match and do");
	int status = read_match(r, (struct conf *)match, &rule);
	if (status == 0)
		status = read_do(r, action, &rule.decision);
	if (status == 0) {
		r->p->rule = xrealloc(r->p->rule, (r->p->n_rules + 1) * sizeof *r->p->rule);
		r->p->rule[r->p->n_rules++] = rule;
	}
	return status;
}

static int read_rules(struct policy_reader *r, struct conf *list, const char *why)
{
	if (!list || (list->kind == CONF_SCALAR && (!list->value || !*list->value)))
		return 0;
	if (list->kind != CONF_LIST)
		return wrong(r, list, "a list of rules is wanted, each {match: …, do: …}");
	for (struct conf *c = list->first; c; c = c->next) {
		c->used = true;
		if (r->p->n_rules == RULES_MAX)
			return wrong(r, c, "more than %d rules", RULES_MAX);
		int status = read_rule(r, c, why);
		if (status)
			return status;
	}
	return 0;
}

/* A list of prefixes, or one text in the form of address groups, variables allowed. */
static int read_addresses(struct policy_reader *r, struct conf *n, struct address_set *out)
{
	struct policy_words w;
	struct buffer text = {0};
	struct error why = {0};
	if (n->kind == CONF_LIST && !n->first) {
		*out = (struct address_set){0};
		return 0;
	}
	int status = 0;
	if (n->kind == CONF_SCALAR) {
		buffer_add_string(&text, n->value ? n->value : "");
	} else {
		status = read_words(r, n, &w);
		buffer_add_byte(&text, '[');
		for (size_t i = 0; status == 0 && i < w.n; i++)
			buffer_printf(&text, "%s%s", i ? "," : "", w.word[i]);
		buffer_add_byte(&text, ']');
		free_words(&w);
	}
	if (status == 0 && address_set_parse(buffer_string(&text), r->c->vars, &r->p->arena, out, &why) < 0)
		status = wrong(r, n, "%.250s", why.text);
	buffer_free(&text);
	return status;
}

static int read_sets(struct policy_reader *r, struct conf *sets)
{
	if (sets && sets->kind != CONF_MAP && (sets->first || (sets->value && *sets->value)))
		return wrong(r, sets, "names with their prefixes are wanted, as guests: [192.0.2.0/24]");
	for (struct conf *c = sets ? sets->first : NULL; c; c = c->next) {
		struct policy_set s = {.name = keep(r->p, c->name, strlen(c->name))};
		c->used = true;
		if (r->p->n_sets == SETS_MAX)
			return wrong(r, c, "more than %d sets", SETS_MAX);
		int status = read_addresses(r, c, &s.addresses);
		if (status)
			return status;
		r->p->set = xrealloc(r->p->set, (r->p->n_sets + 1) * sizeof *r->p->set);
		r->p->set[r->p->n_sets++] = s;
	}
	return 0;
}

static int read_allow(struct policy_reader *r, struct conf *n)
{
	static const struct address_range all[] = {
		{{4, {0}}, {4, {255, 255, 255, 255}}},
		{{6, {0}}, {6, {255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255}}},
	};
	struct address_set s = {0};
	int status = n ? read_addresses(r, n, &s) : 0;
	const struct address_range *range = s.any ? all : s.in;
	size_t count = s.any ? 2 : s.n;
	for (size_t i = 0; status == 0 && i < count; i++)
		status = allow_list_add_range(r->p->allow, &range[i], "respond.allow");
	return status;
}

static bool read_share(const char *text, uint32_t *out)
{
	enum { MOST = 100 };
	char *end;
	unsigned long v = strtoul(text, &end, 10);
	*out = (uint32_t)v;
	return *text >= '1' && *text <= '9' && !*end && v <= MOST;
}

static int read_slow_value(struct policy_reader *r, const struct conf *c, struct policy_slow *s)
{
	const char *text = c->value ? c->value : "";
	bool rate = strcmp(c->name, "rate") == 0;
	if (rate || strcmp(c->name, "ceil") == 0) {
		if (conf_parse_rate(text, rate ? &s->rate : &s->ceil))
			return 0;
		return wrong(r, c, "'%.*s' is no rate such as 500kbit, 2mbit or 1gbit", TEXT_MAX, text);
	}
	if (strcmp(c->name, "delay") == 0)
		return conf_parse_time(text, &s->delay) ? 0 : wrong(r, c, "'%.*s' is no time of at most 60 s such as 100ms", TEXT_MAX, text);
	if (strcmp(c->name, "share") == 0)
		return read_share(text, &s->share) ? 0 : wrong(r, c, "'%.*s' is no share from 1 to 100", TEXT_MAX, text);
	if (strcmp(c->name, "for") != 0)
		return wrong(r, c, "no key of a slow class; rate, ceil, delay, share and for are");
	if (clock_parse_duration(text, &s->lasts))
		return 0;
	return wrong(r, c, "'%.*s' is no time such as 90s, 10m, 1h30m", TEXT_MAX, text);
}

static int read_slow(struct policy_reader *r, struct conf *slow)
{
	if (slow && slow->kind != CONF_MAP && (slow->first || (slow->value && *slow->value)))
		return wrong(r, slow, "classes with their rates are wanted, as bulk: {rate: 2mbit}");
	for (struct conf *n = slow ? slow->first : NULL; n; n = n->next) {
		struct policy_slow s = {.name = keep(r->p, n->name, strlen(n->name))};
		n->used = true;
		if (r->p->n_slow == SLOW_MAX)
			return wrong(r, n, "more than %d classes", SLOW_MAX);
		for (struct conf *c = n->first; c; c = c->next) {
			c->used = true;
			int status = read_slow_value(r, c, &s);
			if (status)
				return status;
		}
		if (!s.rate)
			return wrong(r, n, "a class needs a rate, as {rate: 2mbit, ceil: 5mbit, for: 30m}");
		if (s.ceil && s.ceil < s.rate)
			return wrong(r, n, "ceil is less than rate");
		r->p->slow = xrealloc(r->p->slow, (r->p->n_slow + 1) * sizeof *r->p->slow);
		r->p->slow[r->p->n_slow++] = s;
	}
	return 0;
}

static int read_profile(struct policy_reader *r, struct conf *n)
{
	struct conf *own = conf_new();
	const char *name = n && n->value && *n->value ? n->value : "sure";
	int status = 0;
	if (strcmp(name, "sure") == 0) {
		r->p->profile = "sure";
		status = conf_load_text(own, embedded_file("profile-sure.yaml"), "profile-sure.yaml", r->error);
		if (status == 0)
			status = read_rules(r, conf_get(own, "rules"), "profile sure");
	} else if (strcmp(name, "none") == 0) {
		r->p->profile = "none";
	} else {
		status = wrong(r, n, "'%.*s' is not one of none, sure", TEXT_MAX, name);
	}
	conf_free(own);
	return status;
}

static int read_block_lasts(struct policy_reader *r, struct conf *n)
{
	r->p->block_lasts = 3600 * USEC_PER_SEC;
	if (!n || !n->value || !*n->value || clock_parse_duration(n->value, &r->p->block_lasts))
		return 0;
	return wrong(r, n, "'%.*s' is no time such as 90s, 10m, 1h30m", TEXT_MAX, n->value);
}

static int check_keys(struct policy_reader *r, struct conf *n, const char *const *known, const char *choices)
{
	for (struct conf *c = n ? n->first : NULL; c; c = c->next) {
		size_t i = 0;
		while (known[i] && strcmp(known[i], c->name) != 0)
			i++;
		if (!known[i])
			return wrong(r, c, "no key of %s; %s are", n->name, choices);
	}
	return 0;
}

static int read_all(struct policy_reader *r, struct conf *conf)
{
	static const char *const keys[] = {"profile", "rules", "allow", "sets", "slow", "block", "drop-records", NULL};
	static const char *const block_keys[] = {"for", "max", "escalate-64", "escalate-56", "escalate-48", "state-file", NULL};
	struct conf *n = conf_get(conf, "respond");
	if (n && n->kind != CONF_MAP && (n->first || (n->value && *n->value)))
		return wrong(r, n, "a mapping is wanted: profile, rules, allow, sets, slow, block, drop-records");
	int status = check_keys(r, n, keys, "profile, rules, allow, sets, slow, block and drop-records");
	if (status == 0)
		status = check_keys(r, conf_get(conf, "respond.block"), block_keys, "for, max, escalate-64, escalate-56, escalate-48 and state-file");
	if (status == 0)
		status = read_block_lasts(r, conf_get(conf, "respond.block.for"));
	if (status == 0)
		status = read_sets(r, conf_get(conf, "respond.sets"));
	if (status == 0)
		status = read_slow(r, conf_get(r->c->start ? r->c->start : conf, "respond.slow"));
	if (status == 0)
		status = read_allow(r, conf_get(conf, "respond.allow"));
	if (status == 0)
		status = read_rules(r, conf_get(conf, "respond.rules"), NULL);
	if (status == 0)
		status = read_profile(r, conf_get(conf, "respond.profile"));
	return status;
}

struct policy *policy_read(struct conf *conf, const struct policy_context *c, struct error *error)
{
	struct policy_reader r = {.p = xcalloc(1, sizeof *r.p), .c = c, .error = error};
	arena_init(&r.p->arena, 16 << 10);
	r.p->allow = allow_list_new();
	r.p->machine = c->machine;
	if (read_all(&r, conf) == 0)
		return r.p;
	policy_free(r.p);
	return NULL;
}

void policy_free(struct policy *p)
{
	if (!p)
		return;
	free(p->rule);
	free(p->set);
	free(p->slow);
	allow_list_free(p->allow);
	arena_free(&p->arena);
	free(p);
}
