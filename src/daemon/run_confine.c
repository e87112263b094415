// SPDX-License-Identifier: GPL-2.0-or-later
/* Which folders the running daemon needs, and what people are told about its confinement. */
#include "daemon/run.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "base/log.h"
#include "daemon/confine.h"

#define LOG_MODULE "run"

/* What a reload reads again. */
struct again {
	const char **path;
	size_t n;
};

static void add_again(void *context, const char *path)
{
	struct again *a = context;
	a->path = xrealloc(a->path, (a->n + 1) * sizeof *a->path);
	a->path[a->n++] = xstrdup(path);
}

static struct again files_again(const struct live *l)
{
	static const char *const keys[] = {"classification-file", "reference-config-file", "threshold-file"};
	const struct runtime_options *o = &l->runtime.options;
	struct again a = {0};
	edition_rule_files(o, l->runtime.conf, add_again, &a);
	detect_files_visit(l->runtime.edition->files, add_again, &a);
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		add_again(&a, conf_string(l->runtime.conf, keys[i], ""));
	for (size_t i = 0; i < o->n_includes; i++)
		add_again(&a, o->includes[i]);
	if (o->config)
		add_again(&a, o->config);
	return a;
}

static void tell(const struct confine_report *report)
{
	if (!report->landlock || !report->seccomp)
		log_notice("this kernel has no %s%s%s: less confinement than there could be", report->landlock ? "" : "Landlock",
			   report->landlock || report->seccomp ? "" : " and no ", report->seccomp ? "" : "seccomp");
	if (report->read_search)
		log_info("%s is for another user to read: CAP_DAC_READ_SEARCH stays, for the folders that are needed", report->others);
	else if (report->others)
		log_warning("%s cannot be read again by a reload: it is another user's, and the right to read such files (CAP_DAC_READ_SEARCH) %s; `chgrp root` and "
			    "`chmod g+r` help", report->others, report->landlock ? "was not given" : "is not kept without Landlock");
}

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
	struct again again = files_again(l);
	s.again = again.path;
	s.n_again = again.n;
	int rc = confine_process(&s, &report, error);
	if (rc == 0)
		tell(&report);
	for (size_t i = 0; i < again.n; i++)
		free((char *)again.path[i]);
	free(again.path);
	return rc;
}
