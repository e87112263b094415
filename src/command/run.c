// SPDX-License-Identifier: GPL-2.0-or-later
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "command/command.h"
#include "command/options.h"
#include "daemon/run.h"

enum { OPT_HOOK = OPTION_OWN, OPT_WHEN_DOWN, OPT_IDS, OPT_DRY_RUN, OPT_NO_SANDBOX, OPT_CONFIRM, OPT_SOCKET };

static const struct option long_options[] = {
	{"hook", required_argument, NULL, OPT_HOOK},
	{"when-down", required_argument, NULL, OPT_WHEN_DOWN},
	{"ids", no_argument, NULL, OPT_IDS},
	{"dry-run", no_argument, NULL, OPT_DRY_RUN},
	{"set", required_argument, NULL, OPTION_SET},
	{"include", required_argument, NULL, OPTION_INCLUDE},
	{"init-errors-fatal", no_argument, NULL, OPTION_FATAL},
	{"no-sandbox", no_argument, NULL, OPT_NO_SANDBOX},
	{"confirm", required_argument, NULL, OPT_CONFIRM},
	{"socket", required_argument, NULL, OPT_SOCKET},
	{"help", no_argument, NULL, 'h'},
	{0},
};

static const char own_config[] = "/etc/sluice/sluice.yaml";

void command_run_usage(void)
{
	puts("usage: sluice run [OPTIONS]\n"
	     "\n"
	     "Inspects what the firewall accepts, by a table of its own beside it (table inet sluice).\n"
	     "\n"
	     "  -c FILE             configuration; without it /etc/sluice/sluice.yaml, or the built-in one\n"
	     "  -l FOLDER           where eve.json and the other logs go\n"
	     "  -q N[-M]            queues: two a worker, TCP and the rest (auto: as the CPUs)\n"
	     "  -S FILE             rules: this file (or pattern) alone\n"
	     "  -s FILE             rules: this file besides those of the configuration\n"
	     "  -v                  say more\n"
	     "  --confirm TIME      a first try over ssh: without `sluice confirm` in this time (60s, 5m) it is all gone again\n"
	     "  --dry-run           print the table, the priority and why, and conflicts; change nothing\n"
	     "  --hook LIST         forward (as it is), input, output; with commas\n"
	     "  --ids               inspect and alert, drop nothing\n"
	     "  --include FILE      more configuration over it\n"
	     "  --init-errors-fatal a wrong rule ends it\n"
	     "  --no-sandbox        keep all rights (no Landlock, no seccomp, all capabilities)\n"
	     "  --set K=V           change a setting: gateway.interfaces.0=wan0\n"
	     "  --socket PATH       the control socket (/run/sluice/command.socket)\n"
	     "  --when-down WHAT    bypass (as it is) or drop: if sluice dies or is overloaded\n"
	     "\n"
	     "It broke the network? Ctrl-C, or `sluice stop`: both take the table away and end it. If it does not answer,\n"
	     "kill -9 it and then `sluice stop`.");
}

static int parse_confirm(struct run_parsed *p, const char *value)
{
	if (clock_parse_duration(value, &p->run.confirm))
		return STATUS_DONE;
	fprintf(stderr, "sluice: --confirm: '%s' is no time, as 60s or 5m\n", value);
	return STATUS_USAGE;
}

static int parse_option(struct run_parsed *p, int option, const char *value)
{
	struct option_list *sets = &p->runtime.sets;
	if (runtime_option(&p->runtime, &p->run.runtime, option, value))
		return STATUS_DONE;
	switch (option) {
	case 'q': option_list_add(sets, xasprintf("gateway.queues=%s", value)); break;
	case OPT_HOOK: option_list_add(sets, xasprintf("gateway.hooks=%s", value)); break;
	case OPT_WHEN_DOWN: option_list_add(sets, xasprintf("gateway.when-down=%s", value)); break;
	case OPT_IDS: p->run.runtime.ids_only = true; break;
	case OPT_DRY_RUN: p->run.dry_run = true; break;
	case OPT_NO_SANDBOX: p->run.no_sandbox = true; break;
	case OPT_CONFIRM: return parse_confirm(p, value);
	case OPT_SOCKET: p->run.socket = value; break;
	default: return STATUS_USAGE;
	}
	return STATUS_DONE;
}

int run_options_parse(int argc, char **argv, struct run_parsed *p, void (*usage)(void))
{
	*p = (struct run_parsed){.run.runtime = {.ips = true, .live = true, .checksums = -1}};
	optind = 1;
	for (int c; (c = getopt_long(argc, argv, "c:S:s:l:q:vh", long_options, NULL)) != -1;) {
		if (c == 'h') {
			usage();
			exit(STATUS_DONE);
		}
		if (parse_option(p, c, optarg))
			return STATUS_USAGE;
	}
	if (optind < argc) {
		fprintf(stderr, "sluice: %s takes no '%s'; `sluice help %s` lists what it takes\n", argv[0], argv[optind], argv[0]);
		return STATUS_USAGE;
	}
	if (!p->run.runtime.config && access(own_config, R_OK) == 0)
		p->run.runtime.config = own_config;
	runtime_options_take(&p->runtime, &p->run.runtime);
	return STATUS_DONE;
}

int command_run(int argc, char **argv)
{
	static struct run_parsed p;
	int status = run_options_parse(argc, argv, &p, command_run_usage);
	return status ? status : run_live(&p.run) ? STATUS_FAILED : STATUS_DONE;
}
