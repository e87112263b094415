// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The command line: one file and one row (command.c) a subcommand. Exit status: 0 done, 1 failed, 2 wrong usage (STATUS_USAGE).
 */
#pragma once

enum { STATUS_DONE = 0, STATUS_FAILED = 1, STATUS_USAGE = 2 };

struct command {
	const char *name;
	int (*run)(int argc, char **argv); /* argv[0] is the subcommand's name */
	const char *help;                  /* one line */
	void (*usage)(void);               /* `sluice help NAME` */
};

int command_main(int argc, char **argv);

/* The subcommands. */
int command_replay(int argc, char **argv);
void command_replay_usage(void);
int command_rules(int argc, char **argv);
void command_rules_usage(void);
int command_ruleset(int argc, char **argv);
void command_ruleset_usage(void);
int command_run(int argc, char **argv);
void command_run_usage(void);
int command_lag(int argc, char **argv);
void command_lag_usage(void);
int command_lab(int argc, char **argv);
void command_lab_usage(void);
int command_block(int argc, char **argv);
void command_block_usage(void);
int command_blocks(int argc, char **argv);
void command_blocks_usage(void);
int command_confirm(int argc, char **argv);
void command_confirm_usage(void);
int command_guard(int argc, char **argv);
void command_guard_usage(void);
int command_release(int argc, char **argv);
void command_release_usage(void);
int command_reload(int argc, char **argv);
void command_reload_usage(void);
int command_reopen(int argc, char **argv);
void command_reopen_usage(void);
int command_status(int argc, char **argv);
void command_status_usage(void);
int command_stop(int argc, char **argv);
void command_stop_usage(void);
int command_unblock(int argc, char **argv);
void command_unblock_usage(void);
