// SPDX-License-Identifier: GPL-2.0-or-later
/* Which folders the running daemon needs, and what people are told about its confinement. */
#include "daemon/run.h"

#include <sys/stat.h>

#include "base/log.h"
#include "daemon/confine.h"

#define LOG_MODULE "run"

int run_confine(struct live *l, struct error *error)
{
	const struct run_options *o = l->options;
	if (o->no_sandbox) {
		log_warning("--no-sandbox: no Landlock, no seccomp, all capabilities stay; whoever takes this process over has the machine");
		return 0;
	}
	const struct runtime_options *r = &l->runtime.options;
	(void)mkdir("/run/sluice", 0755);
	(void)mkdir("/var/lib/sluice", 0750);
	const char *reads[4 + 64], *writes[] = {r->log_dir, conf_string(l->runtime.conf, "default-log-dir", NULL), l->runtime.edition->engine_settings.cache_path,
						"/run/sluice", "/var/lib/sluice"};
	size_t n_reads = 0, n_writes = 0;
	const char *files[] = {r->config, r->rules_only};
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		if (files[i])
			reads[n_reads++] = files[i];
	for (size_t i = 0; i < r->n_rules_more && n_reads < sizeof reads / sizeof *reads; i++)
		reads[n_reads++] = r->rules_more[i];
	for (size_t i = 0; i < r->n_includes && n_reads < sizeof reads / sizeof *reads; i++)
		reads[n_reads++] = r->includes[i];
	for (size_t i = 0; i < sizeof writes / sizeof *writes; i++)
		if (writes[i])
			writes[n_writes++] = writes[i];
	struct confine_settings s = {.conf = l->runtime.conf, .readable = reads, .n_readable = n_reads, .writable = writes, .n_writable = n_writes,
				     .removable = o->socket};
	struct confine_report report;
	int rc = confine_process(&s, &report, error);
	if (rc < 0)
		return rc;
	if (!report.landlock || !report.seccomp)
		log_notice("this kernel has no %s%s%s: less confinement than there could be", report.landlock ? "" : "Landlock",
			   report.landlock || report.seccomp ? "" : " and no ", report.seccomp ? "" : "seccomp");
	return 0;
}
