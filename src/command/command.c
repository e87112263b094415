// SPDX-License-Identifier: GPL-2.0-or-later
#include "command/command.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int command_help(int argc, char **argv);
static void command_help_usage(void);
static int command_version(int argc, char **argv);
static void command_version_usage(void);

static const struct command commands[] = {
	{"block", command_block, "drop what comes from an address, in the kernel", command_block_usage},
	{"blocks", command_blocks, "who is blocked, until when, why", command_blocks_usage},
	{"confirm", command_confirm, "what was started with --confirm stays", command_confirm_usage},
	{"guard", command_guard, "drop until sluice runs (when-down: drop), before the network is there", command_guard_usage},
	{"help", command_help, "what a command does and takes", command_help_usage},
	{"lab", command_lab, "client, gateway and server in namespaces; the demonstration", command_lab_usage},
	{"lag", command_lag, "slow lines: delay, loss and rate for chosen traffic, and back", command_lag_usage},
	{"release", command_release, "connections of an address go on without inspection", command_release_usage},
	{"reload", command_reload, "new rules, without losing a packet", command_reload_usage},
	{"reopen", command_reopen, "open the log files again", command_reopen_usage},
	{"replay", command_replay, "take captures through the engine", command_replay_usage},
	{"rules", command_rules, "read and compile rules, say what is wrong with them and where", command_rules_usage},
	{"ruleset", command_ruleset, "what the loaded nftables ruleset really does: show", command_ruleset_usage},
	{"run", command_run, "inspect what the firewall accepts, and stop what rules drop", command_run_usage},
	{"status", command_status, "what the running sluice does, or what its absence means", command_status_usage},
	{"stop", command_stop, "end it, take the table away", command_stop_usage},
	{"unblock", command_unblock, "the opposite of block", command_unblock_usage},
	{"version", command_version, "print the version", command_version_usage},
};

static const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

static void print_commands(FILE *out)
{
	fputs("usage: sluice COMMAND [OPTIONS]\n\ncommands:\n", out);
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].help);
	fputs("\n`sluice help COMMAND` tells more.\n", out);
}

static int command_help(int argc, char **argv)
{
	if (argc < 2) {
		print_commands(stdout);
		return STATUS_DONE;
	}
	const struct command *c = command_find(argv[1]);
	if (!c) {
		fprintf(stderr, "sluice: no command is called '%s'; `sluice help` lists them\n", argv[1]);
		return STATUS_USAGE;
	}
	c->usage();
	return STATUS_DONE;
}

static void command_help_usage(void)
{
	puts("usage: sluice help [COMMAND]\n\nLists the commands; says what one of them does and takes.");
}

static void command_version_usage(void)
{
	puts("usage: sluice version\n\nPrints the version.");
}

static int command_version(int argc, char **argv)
{
	(void)argc, (void)argv;
	puts("sluice " SLUICE_VERSION);
	return STATUS_DONE;
}

int command_main(int argc, char **argv)
{
	if (argc < 2) {
		print_commands(stderr);
		return STATUS_USAGE;
	}
	const char *name = argv[1];
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
		name = "help";
	else if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
		name = "version";
	const struct command *c = command_find(name);
	if (!c) {
		fprintf(stderr, "sluice: no command is called '%s'; `sluice help` lists them\n", name);
		return STATUS_USAGE;
	}
	return c->run(argc - 1, argv + 1);
}
