// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/runtime.h"

#include "base/log.h"

#include <errno.h>
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
	if (rc)
		return rc;
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

static int init_rules(struct runtime *r, struct error *error)
{
	r->parts = part_store_new();
	r->edition = edition_load(r, r->conf, NULL, error);
	if (!r->edition)
		return -EINVAL;
	r->engine = r->edition->engine;
	if (edition_report(r->edition) && r->options.errors_fatal)
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
	*r = (struct runtime){.options = *o, .machine = allow_list_new()};
	r->conf = runtime_conf(o, error);
	if (!r->conf)
		return -EINVAL;
	if (!o->no_output)
		outputs_open_log(r->conf, o->log_dir);
	int rc = read_settings(r, error);
	if (rc)
		return rc;
	r->host_os = host_os_read(r->conf, error);
	r->app = r->host_os ? app_context_new(r->conf, o->ips, error) : NULL;
	if (!r->app)
		return -EINVAL;
	r->registry = detect_registry_new();
	rc = init_rules(r, error);
	if (rc)
		return rc;
	struct output_context out = {
		.log_dir = o->log_dir, .ips = o->ips && !o->ids_only, .live = o->live, .registry = r->registry, .app = r->app, .pcap_input = !o->live,
		.interfaces = o->interfaces, .n_interfaces = o->n_interfaces,
		.rules = edition_rules(r->edition),
	};
	r->outputs = outputs_open(r->conf, &out, o->no_output, error);
	if (!r->outputs)
		return -EIO;
	report_unknown_keys(r);
	r->load_seconds = (double)(clock_monotonic() - start) / USEC_PER_SEC;
	return 0;
}

void runtime_adopt(struct runtime *r, struct edition *e)
{
	struct edition *old = r->edition;
	r->edition = e;
	r->engine = e->engine;
	outputs_rules(r->outputs, edition_rules(e));
	edition_free(old);
}

int runtime_deinit(struct runtime *r)
{
	int failed = r->outputs ? outputs_close(r->outputs) : 0;
	edition_free(r->edition);
	allow_list_free(r->machine);
	part_store_free(r->parts);
	detect_registry_free(r->registry);
	app_context_free(r->app);
	host_os_free(r->host_os);
	conf_free(r->conf);
	*r = (struct runtime){0};
	return failed;
}
