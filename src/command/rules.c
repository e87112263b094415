// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * `sluice rules check`: the rules are read and compiled as the daemon would, without databases and traffic; what is wrong, not
 * evaluated or doubtful is listed with its place.
 */
#include "command/command.h"
#include "command/options.h"

#include "base/json.h"
#include "respond/policy.h"
#include "rule/lists.h"

#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct check {
	const char *config;
	struct option_list sets, files;
	bool json, strict, all;

	struct conf *conf;
	struct rule_vars *vars;
	struct rule_lists *lists;
	struct app_context *app;
	struct detect_registry *registry;
	struct detect_files *asked;
	struct rule_set rules;
	size_t evaluated, unsupported, partial, skipped;
	struct policy *policy;
	size_t dropped; /* alert rules that the policy turns into drops, or more */
	bool unread; /* a file could not be read */
};

void command_rules_usage(void)
{
	puts("usage: sluice rules check [OPTIONS] FILE...\n"
	     "\n"
	     "Reads and compiles rules as `sluice run` and `sluice replay` would, and says what is wrong with them and where. A FILE\n"
	     "may be a folder: its *.rules are read. Rules behind '#' are read too and counted as disabled.\n"
	     "\n"
	     "options:\n"
	     "  -c FILE       configuration with the variables, lists and protocols to use (default: built in)\n"
	     "  --all         list every finding; without it, what is not evaluated, partial or a mere note is summed up\n"
	     "  --json        one object on standard output: counts and all findings\n"
	     "  --set K=V     set a key of the configuration\n"
	     "  --strict      warnings and rules that are not evaluated make the check fail too\n"
	     "\n"
	     "severities:\n"
	     "  error         the rule does not load\n"
	     "  warning       it loads, but is hardly what its author meant\n"
	     "  unsupported   it uses what sluice does not evaluate, and is left out as a whole\n"
	     "  partial       it is evaluated, but not in every protocol it speaks of\n"
	     "  note          it works, but could be better (no fast pattern: every packet pays for it)\n"
	     "\n"
	     "exit status: 0 no errors, 1 errors or an unreadable file, 2 wrong usage");
}

static int parse_options(int argc, char **argv, struct check *c)
{
	static const struct option longs[] = {{"json", no_argument, NULL, 'j'}, {"all", no_argument, NULL, 'a'}, {"strict", no_argument, NULL, 's'},
					      {"set", required_argument, NULL, 'S'}, {"config", required_argument, NULL, 'c'}, {"help", no_argument, NULL, 'h'}, {0}};
	optind = 1;
	for (int o; (o = getopt_long(argc, argv, "c:h", longs, NULL)) != -1;) {
		if (o == 'j')
			c->json = true;
		else if (o == 'a')
			c->all = true;
		else if (o == 's')
			c->strict = true;
		else if (o == 'S')
			option_list_add(&c->sets, optarg);
		else if (o == 'c')
			c->config = optarg;
		else if (o == 'h')
			return command_rules_usage(), 1;
		else
			return fputs("`sluice help rules` shows the options\n", stderr), -EINVAL;
	}
	for (int i = optind; i < argc; i++)
		option_list_add(&c->files, argv[i]);
	if (!c->files.n)
		return fputs("sluice rules check: which files? (`sluice help rules`)\n", stderr), -EINVAL;
	return 0;
}

static int read_configuration(struct check *c, struct error *error)
{
	c->conf = conf_new();
	int status = c->config ? conf_load_file(c->conf, c->config, error) : conf_load_defaults(c->conf, error);
	for (size_t i = 0; status == 0 && i < c->sets.n; i++)
		status = conf_set(c->conf, c->sets.item[i], error);
	if (status < 0)
		return status;
	c->vars = rule_vars_read(c->conf, error);
	c->lists = c->vars ? rule_lists_read(c->conf, &c->rules, error) : NULL;
	c->app = c->lists ? app_context_new(c->conf, false, error) : NULL;
	c->asked = c->app ? detect_files_read(c->conf, error) : NULL;
	c->registry = detect_registry_new();
	struct policy_context about = {.vars = c->vars, .lists = c->lists};
	c->policy = c->asked ? policy_read(c->conf, &about, error) : NULL;
	return c->policy ? 0 : -EINVAL;
}

/* As far as it can be said without a packet: what depends on its source is left out. */
static bool policy_drops(const struct check *c, const struct signature *s)
{
	int at = policy_find(c->policy, s, 0);
	const struct policy_decision *d = at < 0 ? NULL : policy_decision(c->policy, at);
	return d && s->action == RULE_ALERT && !d->source_set && d->action >= POLICY_DROP && d->action <= POLICY_BLOCK_DST;
}

static void load_file(struct check *c, const char *path)
{
	struct error error = {0};
	if (rule_file_load(&c->rules, path, c->vars, true, &error) == 0)
		return;
	fprintf(stderr, "sluice: %s\n", error.text);
	c->unread = true;
}

static int is_rules(const struct dirent *e)
{
	size_t n = strlen(e->d_name);
	return e->d_name[0] != '.' && n > 6 && strcmp(e->d_name + n - 6, ".rules") == 0;
}

static void load_path(struct check *c, const char *path)
{
	struct stat st;
	struct dirent **entries;
	if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode)) {
		load_file(c, path);
		return;
	}
	int n = scandir(path, &entries, is_rules, alphasort);
	for (int i = 0; i < n; i++) {
		char *file = xasprintf("%s/%s", path, entries[i]->d_name);
		load_file(c, file);
		free(file);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	if (n <= 0) {
		fprintf(stderr, "sluice: %s: %s\n", path, n < 0 ? strerror(errno) : "no *.rules in this folder");
		c->unread = true;
	}
}

static void note(struct check *c, const struct rule *r, enum finding_severity severity, const char *code, struct text_span span, const char *text)
{
	rule_set_find(&c->rules, severity, code, r, span, "%s", text);
}

/* What a rule that compiles may still lack. */
static void lint_rule(struct check *c, const struct rule *r, const struct signature *s)
{
	bool looks_at_bytes = false;
	for (const struct inspection *in = s->inspections; in; in = in->next)
		looks_at_bytes |= in->program != NULL;
	if (!s->msg && !(s->flags & SIG_NOALERT))
		note(c, r, FINDING_NOTE, "no-msg", (struct text_span){0}, "the rule has no msg: its alerts will say nothing");
	if (looks_at_bytes && s->fast.content.len == 0)
		note(c, r, FINDING_NOTE, "no-fast-pattern", r->protocol_span, "no content can serve as fast pattern: the rule runs on all traffic of its header");
	else if (s->fast.content.len && s->fast.content.len < 3)
		note(c, r, FINDING_NOTE, "short-fast-pattern", r->protocol_span, "the fast pattern has less than three bytes: the rule will run often");
	if (r->bidirectional && strcmp(r->src_text, r->dst_text) == 0 && strcmp(r->sport_text, r->dport_text) == 0)
		note(c, r, FINDING_NOTE, "same-sides", r->src_span, "'<>' between equal sides says no more than '->'");
	if ((s->flags & (SIG_ESTABLISHED | SIG_NOT_ESTABLISHED)) == (SIG_ESTABLISHED | SIG_NOT_ESTABLISHED))
		note(c, r, FINDING_WARNING, "never-matches", r->protocol_span, "the flow cannot be established and not established at once");
}

static void compile_rules(struct check *c)
{
	struct arena arena;
	arena_init(&arena, 1 << 20);
	struct compile_context ctx = {.arena = &arena, .findings = &c->rules, .vars = c->vars, .lists = c->lists, .app = c->app, .conf = c->conf,
				      .registry = c->registry, .files = c->asked, .strict = c->strict};
	for (const struct rule *r = c->rules.first; r; r = r->next) {
		if (!r->active)
			continue;
		const struct finding *before = c->rules.last_finding;
		struct signature *s = signature_compile(&ctx, r);
		if (s) {
			c->evaluated++;
			c->partial += (s->flags & SIG_PARTIAL) != 0;
			c->dropped += policy_drops(c, s);
			lint_rule(c, r, s);
			signature_release(s);
			continue;
		}
		bool wrong = false, unsupported = false;
		for (const struct finding *f = before ? before->next : c->rules.findings; f; f = f->next) {
			wrong |= f->severity == FINDING_ERROR;
			unsupported |= f->severity == FINDING_UNSUPPORTED;
		}
		if (wrong)
			c->rules.n_errors++;
		else if (unsupported)
			c->unsupported++;
		else
			c->skipped++;
	}
	arena_free(&arena);
}

static void print_json(const struct check *c)
{
	struct buffer out = {0};
	struct json j = json_into(&out);
	json_open(&j, NULL);
	json_open(&j, "rules");
	json_uint(&j, "active", c->rules.n_active);
	json_uint(&j, "disabled", c->rules.n_disabled);
	json_uint(&j, "errors", c->rules.n_errors);
	json_uint(&j, "evaluated", c->evaluated);
	json_uint(&j, "unsupported", c->unsupported);
	json_uint(&j, "partial", c->partial);
	json_uint(&j, "skipped", c->skipped);
	json_uint(&j, "alerts_dropped_by_policy", c->dropped);
	json_close(&j);
	json_open_array(&j, "findings");
	for (const struct finding *f = c->rules.findings; f; f = f->next) {
		json_open(&j, NULL);
		json_string(&j, "severity", finding_severity_names[f->severity]);
		json_string(&j, "code", f->code);
		if (f->file)
			json_string(&j, "file", f->file);
		if (f->line)
			json_uint(&j, "line", (uint64_t)f->line);
		if (f->column)
			json_uint(&j, "column", (uint64_t)f->column);
		if (f->sid)
			json_uint(&j, "sid", f->sid);
		json_string(&j, "message", f->message);
		json_close(&j);
	}
	json_close_array(&j);
	json_close(&j);
	fwrite(out.data, 1, out.len, stdout);
	putchar('\n');
	buffer_free(&out);
}

struct sum {
	const struct finding *first;
	size_t n;
};

static int by_count(const void *va, const void *vb)
{
	const struct sum *a = va, *b = vb;
	if (a->n != b->n)
		return a->n > b->n ? -1 : 1;
	return strcmp(a->first->message, b->first->message);
}

/* One line for each different message of a severity: how many rules it concerns, and one of them. */
static void print_sums(const struct check *c, enum finding_severity severity)
{
	enum { LINES = 30 };
	struct sum *sums = NULL;
	size_t n = 0, room = 0;
	for (const struct finding *f = c->rules.findings; f; f = f->next) {
		size_t i = 0;
		if (f->severity != severity)
			continue;
		while (i < n && strcmp(sums[i].first->message, f->message) != 0)
			i++;
		if (i == n && n == room)
			sums = xrealloc(sums, (room = room ? room * 2 : 64) * sizeof *sums);
		if (i == n)
			sums[n++] = (struct sum){f, 0};
		sums[i].n++;
	}
	if (n)
		qsort(sums, n, sizeof *sums, by_count);
	for (size_t i = 0; i < n && i < LINES; i++)
		printf("  %6zu %s: %s [%s] (as sid %u)\n", sums[i].n, finding_severity_names[severity], sums[i].first->message, sums[i].first->code, sums[i].first->sid);
	if (n > LINES)
		printf("         and %zu more kinds; --all lists them\n", n - LINES);
	free(sums);
}

static void print_text(const struct check *c)
{
	bool colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
	for (const struct finding *f = c->rules.findings; f; f = f->next)
		if (c->all || f->severity <= FINDING_WARNING)
			finding_print(f, stdout, colour);
	for (int s = FINDING_UNSUPPORTED; !c->all && s <= FINDING_NOTE; s++)
		print_sums(c, (enum finding_severity)s);
	printf("%zu active rules in %zu files: %zu evaluated (%zu of them partially), %zu not supported, %zu left out by `requires`; %zu disabled; %zu errors\n",
	       c->rules.n_active, c->rules.n_files, c->evaluated, c->partial, c->unsupported, c->skipped, c->rules.n_disabled, c->rules.n_errors);
	printf("`sluice run` would drop on %zu alert rules (respond.profile: %s)\n", c->dropped, policy_profile(c->policy));
}

static bool has_failed(const struct check *c)
{
	bool warned = false;
	for (const struct finding *f = c->rules.findings; f; f = f->next)
		warned |= f->severity == FINDING_WARNING;
	return c->unread || c->rules.n_errors || (c->strict && (warned || c->unsupported));
}

static int check_rules(struct check *c)
{
	struct error error = {0};
	if (read_configuration(c, &error) < 0) {
		fprintf(stderr, "sluice: %s\n", error.text);
		return STATUS_FAILED;
	}
	for (size_t i = 0; i < c->files.n; i++)
		load_path(c, c->files.item[i]);
	compile_rules(c);
	if (c->json)
		print_json(c);
	else
		print_text(c);
	return has_failed(c) ? STATUS_FAILED : STATUS_DONE;
}

static void check_deinit(struct check *c)
{
	rule_set_free(&c->rules);
	policy_free(c->policy);
	detect_registry_free(c->registry);
	detect_files_free(c->asked);
	app_context_free(c->app);
	rule_lists_free(c->lists);
	rule_vars_free(c->vars);
	conf_free(c->conf);
	free(c->sets.item);
	free(c->files.item);
}

int command_rules(int argc, char **argv)
{
	if (argc < 2 || strcmp(argv[1], "check") != 0) {
		bool asked = argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);
		if (asked)
			return command_rules_usage(), STATUS_DONE;
		fprintf(stderr, "sluice rules: %s%s; there is `sluice rules check`\n", argc < 2 ? "what about them?" : "no such thing: ", argc < 2 ? "" : argv[1]);
		return STATUS_USAGE;
	}
	struct check c = {0};
	rule_set_init(&c.rules);
	int status = parse_options(argc - 1, argv + 1, &c);
	status = status < 0 ? STATUS_USAGE : status > 0 ? STATUS_DONE : check_rules(&c);
	check_deinit(&c);
	return status;
}
