// SPDX-License-Identifier: GPL-2.0-or-later
/* The `outputs:` list of the configuration becomes eve-logs and a fast.log. */
#include "output/eve.h"

#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LOG_MODULE "output"

/* An element of a list of types: "alert", or {alert: {...}}. `node` becomes the mapping, or NULL. */
static const char *element_name(struct conf *element, struct conf **node)
{
	*node = NULL;
	if (element->kind == CONF_SCALAR)
		return element->value;
	if (!element->first)
		return element->value;
	*node = element->first;
	return element->first->name;
}

static void read_names(struct conf *list, struct app_log_names *out)
{
	for (struct conf *c = list ? list->first : NULL; c && out->n < APP_LOG_NAMES; c = c->next)
		if (c->value)
			out->name[out->n++] = c->value;
}

static void read_xff(struct eve_options *o, struct conf *eve)
{
	struct conf *x = conf_get(eve, "xff");
	if (!x)
		return;
	o->xff = conf_bool(x, "enabled", false);
	o->xff_overwrite = strcmp(conf_string(x, "mode", "extra-data"), "overwrite") == 0;
	o->xff_forward = strcmp(conf_string(x, "deployment", "reverse"), "forward") == 0;
	o->xff_header = conf_string(x, "header", "X-Forwarded-For");
}

static void read_alert(struct eve_options *o, struct conf *n)
{
	o->payload = conf_bool(n, "payload", false);
	o->payload_printable = conf_bool(n, "payload-printable", false);
	o->payload_length = conf_bool(n, "payload-length", false);
	o->packet = conf_bool(n, "packet", false);
	o->http_body = conf_bool(n, "http-body", false);
	o->http_body_printable = conf_bool(n, "http-body-printable", false);
	o->tagged_packets = conf_bool(n, "tagged-packets", true);
	o->alert_verdict = conf_bool(n, "verdict", false);
	conf_size(n, "payload-buffer-size", &o->payload_size, NULL);
	read_xff(o, n); /* its own stands before the log's */
	struct conf *m = conf_get(n, "metadata");
	if (!m)
		return;
	if (m->kind != CONF_MAP) {
		bool on = !m->value || conf_is_true(m->value);
		o->app_layer = o->alert_flow = o->rule_metadata = on;
		return;
	}
	o->app_layer = conf_bool(m, "app-layer", true);
	o->alert_flow = conf_bool(m, "flow", true);
	struct conf *rule = conf_get(m, "rule");
	if (rule && rule->kind == CONF_MAP) {
		o->rule_metadata = conf_bool(rule, "metadata", true);
		o->rule_raw = conf_bool(rule, "raw", false);
		o->rule_reference = conf_bool(rule, "reference", false);
	} else if (rule && rule->value) {
		o->rule_metadata = conf_is_true(rule->value);
	}
}

static void read_anomaly(struct eve_options *o, struct conf *n)
{
	struct conf *types = conf_get(n, "types");
	o->packethdr = conf_bool(n, "packethdr", false);
	if (!types)
		return;
	o->decode = conf_bool(types, "decode", false);
	o->stream = conf_bool(types, "stream", false);
	o->applayer = conf_bool(types, "applayer", true);
}

static void read_drop(struct eve_options *o, struct conf *n)
{
	o->drop_alerts = conf_bool(n, "alerts", false);
	o->drop_all = strcmp(conf_string(n, "flows", "start"), "all") == 0;
	o->drop_verdict = conf_bool(n, "verdict", false);
}

static void force_hash(struct eve_options *o, const char *name)
{
	o->force_md5 |= strcmp(name, "md5") == 0;
	o->force_sha1 |= strcmp(name, "sha1") == 0;
	o->force_sha256 |= strcmp(name, "sha256") == 0;
}

static void read_files(struct eve_options *o, struct conf *n)
{
	o->force_magic = conf_bool(n, "force-magic", false);
	struct conf *hash = conf_get(n, "force-hash");
	for (struct conf *c = hash ? hash->first : NULL; c; c = c->next)
		if (c->value)
			force_hash(o, c->value);
	if (hash && hash->kind == CONF_SCALAR && hash->value)
		force_hash(o, hash->value);
}

static void read_stats(struct eve_options *o, struct conf *n)
{
	o->totals = conf_bool(n, "totals", true);
	o->null_values = conf_bool(n, "null-values", true);
}

static void read_http(struct eve_options *o, struct conf *n)
{
	static const char *const words[] = {"none", "both", "request", "response"};
	o->app.http.extended = conf_bool(n, "extended", true);
	read_names(conf_get(n, "custom"), &o->app.http.custom);
	const char *dump = conf_string(n, "dump-all-headers", "none");
	for (unsigned i = 0; i < 4; i++)
		if (strcmp(words[i], dump) == 0)
			o->app.http.dump_all_headers = (enum app_log_headers)i;
}

static void read_dns(struct eve_options *o, struct conf *n)
{
	int64_t version = o->app.dns.version;
	conf_int(n, "version", &version, NULL);
	o->app.dns.version = version == 2 || version == 1 ? 2 : 3;
	/* the older names of the switches are query and answer */
	o->app.dns.requests = conf_bool(n, "requests", conf_bool(n, "query", true));
	o->app.dns.responses = conf_bool(n, "responses", conf_bool(n, "answer", true));
	read_names(conf_get(n, "types"), &o->app.dns.types);
	if (o->app.dns.types.n == 0)
		read_names(conf_get(n, "custom"), &o->app.dns.types);
	struct app_log_names formats = {0};
	read_names(conf_get(n, "formats"), &formats);
	if (formats.n) {
		o->app.dns.detailed = app_log_named(&formats, "detailed");
		o->app.dns.grouped = app_log_named(&formats, "grouped");
	}
}

static void read_tls(struct eve_options *o, struct conf *n)
{
	o->app.tls.extended = conf_bool(n, "extended", false);
	o->app.tls.session_resumption = conf_bool(n, "session-resumption", true);
	o->app.tls.no_ja4 = !conf_bool(n, "ja4", true);
	read_names(conf_get(n, "custom"), &o->app.tls.custom);
}

/* Records that are no protocol's; protocols come from their descriptors. */
static const struct {
	const char *name;
	uint32_t kind;
	void (*read)(struct eve_options *o, struct conf *n);
} types[] = {
	{"alert", EVE_ALERT, read_alert}, {"anomaly", EVE_ANOMALY, read_anomaly}, {"flow", EVE_FLOW, NULL}, {"netflow", EVE_NETFLOW, NULL},
	{"files", EVE_FILE, read_files},  {"drop", EVE_DROP, read_drop},          {"stats", EVE_STATS, read_stats},
	{"arp", EVE_ARP, NULL},
	{"http", 0, read_http},           {"dns", 0, read_dns},                   {"tls", 0, read_tls},
};

static uint64_t loggers_named(const char *name)
{
	uint64_t bits = 0;
	unsigned n = 0;
	for (size_t i = 0; app_protocols[i]; i++)
		for (size_t k = 0; k < app_protocols[i]->n_loggers; k++, n++)
			if (n < 64 && strcmp(app_protocols[i]->loggers[k].setting, name) == 0)
				bits |= 1ull << n;
	return bits;
}

static void read_type(struct eve_options *o, const char *name, struct conf *n)
{
	if (strcmp(name, "drop") == 0)
		o->drop_named = true;
	if (n ? !conf_bool(n, "enabled", true) : strcmp(name, "arp") == 0)
		return;
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		if (strcmp(types[i].name, name))
			continue;
		o->kinds |= types[i].kind;
		if (types[i].read && n && n->kind == CONF_MAP)
			types[i].read(o, n);
	}
	o->loggers |= loggers_named(name);
}

static void read_eve(struct eve_options *o, struct conf *n)
{
	*o = (struct eve_options){.vars = true, .app_layer = true, .alert_flow = true, .rule_metadata = true, .tagged_packets = true,
				  .applayer = true, .totals = true, .null_values = true, .payload_size = 4096};
	o->app.http.extended = o->app.dns.requests = o->app.dns.responses = o->app.dns.detailed = o->app.dns.grouped = true;
	o->app.tls.session_resumption = true;
	const char *environment = getenv("SURICATA_EVE_DNS_VERSION"); /* as Suricata: where the file says nothing */
	o->app.dns.version = environment && strcmp(environment, "2") == 0 ? 2 : 3;
	o->vars = conf_bool(n, "metadata", true);
	o->community_id = conf_bool(n, "community-id", false);
	int64_t seed = 0;
	conf_int(n, "community-id-seed", &seed, NULL);
	o->community_seed = (uint16_t)seed;
	o->version = conf_bool(n, "suricata-version", false);
	o->ethernet = conf_bool(n, "ethernet", false);
	o->pcap_file = conf_bool(n, "pcap-file", false);
	read_xff(o, n);
	struct conf *list = conf_get(n, "types");
	for (struct conf *c = list ? list->first : NULL; c; c = c->next) {
		struct conf *node;
		const char *name = element_name(c, &node);
		if (name)
			read_type(o, name, node);
	}
}

static struct sink *add_sink(struct outputs *o, struct conf *n, const char *absent, struct error *error)
{
	const char *folder = o->context.log_dir ? o->context.log_dir : conf_string(o->conf, "default-log-dir", "/var/log/suricata");
	const char *type = conf_string(n, "filetype", "regular");
	if (strcmp(type, "regular") && strcmp(type, "unix_stream") && strcmp(type, "unix_dgram")) {
		log_warning("%s: filetype '%s' is not there; a regular file is written", conf_path(n), type);
		type = "regular";
	}
	struct sink *s = sink_open(folder, conf_string(n, "filename", absent), type, conf_bool(n, "append", true), error);
	if (s) {
		s->quiet = o->failed;
		s->next = o->sinks;
		o->sinks = s;
	}
	return s;
}

static int open_output(struct outputs *o, const char *name, struct conf *n, struct error *error)
{
	if (strcmp(name, "fast") == 0) {
		o->fast = add_sink(o, n, "fast.log", error);
		return o->fast ? 0 : -EIO;
	}
	if (strcmp(name, "eve-log"))
		return 0;
	struct eve *e = xcalloc(1, sizeof *e);
	read_eve(&e->options, n);
	/* on a gateway nothing is dropped without a word, unless somebody wants it so */
	if (o->context.live && o->context.ips && !e->options.drop_named && e->options.kinds & EVE_ALERT) {
		e->options.kinds |= EVE_DROP;
		e->options.drop_alerts = true;
	}
	for (const struct eve *x = o->eves; x; x = x->next)
		if (x->options.kinds & e->options.kinds & EVE_ANOMALY) {
			free(e);
			return error_set(error, EINVAL, "outputs: only one 'anomaly' logger can be enabled");
		}
	e->sink = add_sink(o, n, "eve.json", error);
	if (!e->sink) {
		free(e);
		return -EIO;
	}
	struct eve **last = &o->eves;
	while (*last)
		last = &(*last)->next;
	*last = e;
	return 0;
}

/* A flood of dropped packets must not fill the disk; a replay has all it reads. */
static int read_drop_limit(struct outputs *o, struct error *error)
{
	static const struct setting row = {.key = "respond.drop-records", .kind = SETTING_U32, .absent = "100",
					   .help = "drop records a second and worker; 0: no limit"};
	int rc = settings_read(&row, 1, o->conf, &o->drop_limit, error);
	if (!o->context.live)
		o->drop_limit = 0;
	return rc;
}

static int open_all(struct outputs *o, struct error *error)
{
	struct conf *list = conf_get(o->conf, "outputs");
	o->stats_on = conf_bool(o->conf, "stats.enabled", true);
	int rc = read_drop_limit(o, error);
	if (rc)
		return rc;
	for (struct conf *c = list ? list->first : NULL; c; c = c->next) {
		struct conf *node;
		const char *name = element_name(c, &node);
		if (!name || !node || !conf_bool(node, "enabled", false))
			continue;
		rc = open_output(o, name, node, error);
		if (rc)
			return rc;
	}
	return 0;
}

static void close_all(struct outputs *o)
{
	if (!sink_writer_stop(o->writer)) {
		log_error("the disk hangs: the last records are lost");
		o->failed = true;
		o->sinks = NULL; /* the writer has them for good */
	}
	o->writer = NULL;
	for (struct sink *s = o->sinks, *next; s; s = next) {
		next = s->next;
		s->quiet |= o->failed;
		o->failed |= sink_close(s);
	}
	for (struct eve *e = o->eves, *next; e; e = next) {
		next = e->next;
		free(e);
	}
	o->sinks = NULL;
	o->eves = NULL;
	o->fast = NULL;
}

void outputs_rules(struct outputs *o, struct output_rules rules)
{
	o->context.rules = rules;
}

void outputs_open_log(struct conf *conf, const char *log_dir)
{
	struct conf *list = conf_get(conf, "logging.outputs");
	for (struct conf *c = list ? list->first : NULL; c; c = c->next) {
		struct conf *node;
		const char *name = element_name(c, &node);
		if (!name || !node || strcmp(name, "file") || !conf_bool(node, "enabled", false))
			continue;
		const char *file = conf_string(node, "filename", "sluice.log");
		const char *folder = log_dir ? log_dir : conf_string(conf, "default-log-dir", ".");
		char *path = file[0] == '/' ? xstrdup(file) : xasprintf("%s/%s", folder, file);
		FILE *f = fopen(path, "ae");
		free(path);
		if (f)
			log_file(f, strcmp(conf_string(node, "type", "regular"), "json") == 0);
	}
}

struct outputs *outputs_open(struct conf *conf, const struct output_context *context, bool none, struct error *error)
{
	struct outputs *o = xcalloc(1, sizeof *o);
	struct stat st;
	o->conf = conf;
	o->context = *context;
	o->none = none;
	o->opened = clock_real();
	if (none)
		return o;
	if (context->log_dir && stat(context->log_dir, &st) == 0 && !S_ISDIR(st.st_mode))
		error_set(error, ENOTDIR, "%s: %s", context->log_dir, strerror(ENOTDIR));
	else if (context->log_dir && mkdir(context->log_dir, 0777) && errno != EEXIST)
		error_set(error, errno, "%s: %s", context->log_dir, strerror(errno));
	else if (open_all(o, error) == 0)
		return o;
	outputs_close(o);
	return NULL;
}

int outputs_reopen(struct outputs *o, const char *log_dir, struct error *error)
{
	char *folder = xstrdup(log_dir);
	close_all(o);
	o->context.log_dir = folder;
	int rc = open_all(o, error);
	free(folder);
	o->context.log_dir = NULL;
	return rc;
}

int outputs_background(struct outputs *o, struct error *error)
{
	o->writer = o->sinks ? sink_writer_start(o->sinks, error) : NULL;
	return o->writer || !o->sinks ? 0 : -EAGAIN;
}

uint64_t outputs_lost(const struct outputs *o)
{
	uint64_t n = 0;
	for (const struct sink *s = o->sinks; s; s = s->next)
		n += __atomic_load_n(&s->lost, __ATOMIC_RELAXED);
	return n;
}

int outputs_reopen_files(struct outputs *o)
{
	int first = 0;
	for (struct sink *s = o->sinks; s; s = s->next) {
		int r = sink_reopen(s);
		if (r < 0)
			log_error("%s: %s; the old file is written on", s->path, strerror(-r));
		first = first ? first : r;
	}
	outputs_open_log(o->conf, o->context.log_dir);
	return first;
}

int outputs_close(struct outputs *o)
{
	if (!o)
		return 0;
	close_all(o);
	bool failed = o->failed;
	log_file(NULL, false);
	free(o);
	return failed;
}

bool outputs_want(const struct outputs *o, const char *what)
{
	for (const struct eve *e = o->eves; e; e = e->next) {
		const struct eve_options *p = &e->options;
		if ((strcmp(what, "md5") == 0 && p->force_md5) || (strcmp(what, "sha1") == 0 && p->force_sha1) ||
		    (strcmp(what, "sha256") == 0 && p->force_sha256) || (strcmp(what, "magic") == 0 && p->force_magic))
			return true;
		const struct app_log_names *tls = &p->app.tls.custom;
		if (strncmp(what, "ja", 2) == 0 && app_log_named(tls, what))
			return true;
		if (strcmp(what, "ja4") == 0 && p->app.tls.extended && !p->app.tls.no_ja4 && tls->n == 0)
			return true; /* JA3 waits for a rule, JA4 does not */
	}
	return false;
}


struct output_worker *output_worker_new(struct outputs *o, struct detect_scratch *detect, struct responder *respond,
					struct stream_engine *streams, struct app_worker *app)
{
	struct output_worker *w = calloc(1, sizeof *w);
	if (!w)
		return NULL;
	w->outputs = o;
	w->detect = detect;
	w->respond = respond;
	w->streams = streams;
	w->app = app;
	for (const struct eve *e = o->eves; e; e = e->next)
		if (e->options.payload_size > w->payload_room)
			w->payload_room = e->options.payload_size;
	w->payload = w->payload_room ? malloc(w->payload_room) : NULL;
	if (!w->payload)
		w->payload_room = 0;
	return w;
}

void output_worker_free(struct output_worker *w)
{
	if (!w)
		return;
	buffer_free(&w->line);
	buffer_free(&w->scratch);
	free(w->payload);
	free(w);
}
