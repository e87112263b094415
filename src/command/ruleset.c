// SPDX-License-Identifier: GPL-2.0-or-later
/* `sluice ruleset`: what the loaded nftables ruleset really does, with or without sluice in it. */
#include "command/ruleset.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct command commands[] = {
	{"check", ruleset_check, "what is wrong with it, and whether every packet reaches the IPS", ruleset_check_usage},
	{"diff", ruleset_diff, "packets that change their fate between two rulesets", ruleset_diff_usage},
	{"show", ruleset_show, "the way of a packet, hook by hook and chain by chain", ruleset_show_usage},
	{"trace", ruleset_trace, "packets through the ruleset, rule by rule", ruleset_trace_usage},
};

enum { N_COMMANDS = sizeof commands / sizeof *commands };

void command_ruleset_usage(void)
{
	puts("usage: sluice ruleset COMMAND [OPTIONS]\n\ncommands:");
	for (size_t i = 0; i < N_COMMANDS; i++)
		printf("  %-10s %s\n", commands[i].name, commands[i].help);
	puts("\nWhat a file (-f) or the loaded ruleset really does. `sluice ruleset COMMAND --help` tells more.");
}

static void show_progress(void *context, const char *what, uint64_t done)
{
	(void)context;
	fprintf(stderr, "\r%llu %s read ", (unsigned long long)done, what);
}

struct ruleset *ruleset_open(const char *file, bool no_elements)
{
	bool terminal = isatty(STDERR_FILENO);
	struct ruleset_options o = {.no_elements = no_elements, .progress = terminal ? show_progress : NULL};
	struct ruleset *rs = NULL;
	struct error error = {0};
	int code = file ? ruleset_read_file(&rs, file, &o, &error) : ruleset_read_live(&rs, &o, &error);
	if (terminal && (code < 0 || rs->n_rules >= 10000))
		fputs("\r\033[K", stderr);
	if (code < 0)
		fprintf(stderr, "sluice: %s\n", error.text);
	return rs;
}

int command_ruleset(int argc, char **argv)
{
	const char *name = argc < 2 ? "" : argv[1];
	for (size_t i = 0; i < N_COMMANDS; i++) {
		if (strcmp(commands[i].name, name) != 0)
			continue;
		for (int a = 2; a < argc; a++)
			if (strcmp(argv[a], "--help") == 0 || strcmp(argv[a], "-h") == 0)
				return commands[i].usage(), STATUS_DONE;
		return commands[i].run(argc - 1, argv + 1);
	}
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
		return command_ruleset_usage(), STATUS_DONE;
	fprintf(stderr, "sluice ruleset: %s%s; `sluice help ruleset` lists what there is\n", *name ? "no such thing: " : "what about it?", name);
	return STATUS_USAGE;
}
