// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/runtime.h"

#include "base/log.h"

#include <errno.h>
#include <glob.h>
#include <string.h>
#include <stdlib.h>
#include <unistd.h>

#define LOG_MODULE "runtime"

struct conf *runtime_conf(const struct runtime_options *o, struct error *error)
{
	struct conf *conf = conf_new();
	int rc = o->config ? conf_load_file(conf, o->config, error) : conf_load_defaults(conf, error);
	for (size_t i = 0; rc == 0 && i < o->n_includes; i++)
		rc = conf_load_file(conf, o->includes[i], error);
	for (size_t i = 0; rc == 0 && i < o->n_sets; i++)
		rc = conf_set(conf, o->sets[i], error);
	if (rc == 0)
		return conf;
	conf_free(conf);
	return NULL;
}

static int policy_of(struct conf *conf, const char *key, bool ips)
{
	const char *text = conf_string(conf, key, conf_string(conf, "exception-policy", "auto"));
	for (int i = 0; exception_policy_names[i]; i++)
		if (strcmp(exception_policy_names[i], text) == 0)
			return i == EXCEPTION_AUTO ? (ips ? EXCEPTION_DROP_FLOW : EXCEPTION_IGNORE) : i;
	return EXCEPTION_IGNORE;
}

static int read_settings(struct runtime *r, struct error *error)
{
	struct conf *conf = r->conf;
	bool ips = r->options.ips;
	int rc = decode_settings_read(&r->decode, conf, error);
	if (rc == 0)
		rc = flow_settings_read(&r->flow, conf, ips, error);
	if (rc == 0)
		rc = defrag_settings_read(&r->defrag, conf, ips, error);
	if (rc == 0)
		rc = stream_settings_read(&r->stream, conf, ips, error);
	if (rc == 0)
		rc = engine_settings_read(&r->engine_settings, conf, ips, error);
	if (rc)
		return rc;
	r->engine_settings.stream_inline = r->stream.inline_mode;
	r->app_error_policy = policy_of(conf, "app-layer.error-policy", ips);
	r->host_memcap = 32 << 20;
	rc = conf_size(conf, "host.memcap", &r->host_memcap, error);
	if (rc)
		return rc;
	const char *checks = conf_string(conf, "pcap-file.checksum-checks", "auto");
	bool off = r->options.checksums == 0 || (r->options.checksums < 0 && !r->options.live && strcmp(checks, "no") == 0);
	r->packet_flags = off ? PACKET_IGNORE_CHECKSUM : 0;
	return 0;
}

static int load_pattern(struct runtime *r, struct rule_set *rules, const char *path, bool must, struct error *error)
{
	glob_t found;
	int rc = 0;
	if (glob(path, 0, NULL, &found) == 0) {
		for (size_t i = 0; rc == 0 && i < found.gl_pathc; i++)
			rc = rule_file_load(rules, found.gl_pathv[i], r->vars, false, error);
		globfree(&found);
		return rc;
	}
	if (must)
		return error_set(error, ENOENT, "%s: %s", path, strerror(ENOENT));
	log_warning("no rule file matches %s", path);
	return 0;
}

static int load_configured(struct runtime *r, struct rule_set *rules, struct error *error)
{
	struct conf *files = conf_get(r->conf, "rule-files");
	const char *folder = conf_string(r->conf, "default-rule-path", "/etc/suricata/rules");
	for (struct conf *c = files ? files->first : NULL; c; c = c->next) {
		if (!c->value)
			continue;
		char *path = c->value[0] == '/' ? xstrdup(c->value) : xasprintf("%s/%s", folder, c->value);
		int rc = load_pattern(r, rules, path, false, error);
		free(path);
		if (rc)
			return rc;
	}
	return 0;
}

static int load_rules(struct runtime *r, struct rule_set *rules, struct error *error)
{
	const struct runtime_options *o = &r->options;
	if (o->no_detection)
		return 0;
	int rc = o->rules_only ? load_pattern(r, rules, o->rules_only, true, error) : load_configured(r, rules, error);
	for (size_t i = 0; rc == 0 && i < o->n_rules_more; i++)
		rc = load_pattern(r, rules, o->rules_more[i], true, error);
	return rc;
}

/* Prints what is wrong with rules; what is merely not evaluated is a count unless somebody asks for more. */
static size_t report_findings(const struct rule_set *rules)
{
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

/* The engine takes the rules over; without one they stay as a mere list of findings. */
static int build_engine(struct runtime *r, struct rule_set *rules, struct error *error)
{
	if (!rules->first) {
		r->findings = rules;
		return 0;
	}
	struct arena *arena = &rules->arena;
	struct compile_context ctx = {
		.arena = arena, .findings = rules, .vars = r->vars, .lists = r->lists, .app = r->app, .conf = r->conf,
		.registry = r->registry, .ips = r->options.ips, .strict = r->options.errors_fatal,
	};
	r->engine = engine_new(rules, &r->engine_settings, &ctx, error);
	if (!r->engine) {
		r->findings = rules;
		return -ENOMEM;
	}
	return 0;
}

static int init_rules(struct runtime *r, struct error *error)
{
	struct rule_set *rules = xcalloc(1, sizeof *rules);
	rule_set_init(rules);
	r->lists = rule_lists_read(r->conf, rules, error);
	int rc = r->lists ? respond_settings_read(&r->respond, r->conf, r->vars, r->options.ips, rules, error) : -EINVAL;
	if (rc == 0)
		rc = load_rules(r, rules, error);
	if (rc) {
		r->findings = rules;
		return rc;
	}
	r->respond.ids_only = r->options.ids_only;
	rc = build_engine(r, rules, error);
	if (rc)
		return rc;
	if (report_findings(rules) && r->options.errors_fatal)
		return error_set(error, EINVAL, "rules with errors (--init-errors-fatal)");
	return 0;
}

static void say_unknown(const char *text, void *context)
{
	(void)context;
	log_warning("%s", text);
}

/* Only a file of somebody's own can have keys that mean nothing here. */
static void report_unknown_keys(const struct runtime *r)
{
	if (!r->options.config)
		return;
	unsigned unused = conf_report_unknown(r->conf, NULL, say_unknown, NULL);
	if (unused)
		log_info("%s: %u keys of Suricata's are not used here", r->options.config, unused);
}

int runtime_init(struct runtime *r, const struct runtime_options *o, struct error *error)
{
	usec_t start = clock_monotonic();
	*r = (struct runtime){.options = *o};
	r->conf = runtime_conf(o, error);
	if (!r->conf)
		return -EINVAL;
	if (!o->no_output)
		outputs_open_log(r->conf, o->log_dir);
	int rc = read_settings(r, error);
	if (rc)
		return rc;
	r->host_os = host_os_read(r->conf, error);
	r->vars = r->host_os ? rule_vars_read(r->conf, error) : NULL;
	r->app = r->vars ? app_context_new(r->conf, o->ips, error) : NULL;
	r->registry = r->app ? detect_registry_new(r->conf, error) : NULL;
	if (!r->registry)
		return -EINVAL;
	rc = init_rules(r, error);
	if (rc)
		return rc;
	struct output_context out = {
		.log_dir = o->log_dir, .ips = o->ips && !o->ids_only, .live = o->live, .registry = r->registry, .app = r->app, .pcap_input = !o->live,
		.interfaces = o->interfaces, .n_interfaces = o->n_interfaces,
		.rules = r->engine ? engine_counts_of(r->engine) : NULL,
	};
	r->outputs = outputs_open(r->conf, &out, o->no_output, error);
	if (!r->outputs)
		return -EIO;
	report_unknown_keys(r);
	r->load_seconds = (double)(clock_monotonic() - start) / USEC_PER_SEC;
	return 0;
}

int runtime_deinit(struct runtime *r)
{
	int failed = r->outputs ? outputs_close(r->outputs) : 0;
	engine_free(r->engine);
	if (r->findings) {
		rule_set_free(r->findings);
		free(r->findings);
	}
	detect_registry_free(r->registry);
	app_context_free(r->app);
	respond_settings_deinit(&r->respond);
	rule_lists_free(r->lists);
	rule_vars_free(r->vars);
	host_os_free(r->host_os);
	conf_free(r->conf);
	*r = (struct runtime){0};
	return failed;
}
