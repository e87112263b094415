// SPDX-License-Identifier: GPL-2.0-or-later
/* The subcommands of `sluice ruleset`: one file and one row (ruleset.c) each. */
#pragma once

#include "command/command.h"
#include "ruleset/read.h"

int ruleset_check(int argc, char **argv);
void ruleset_check_usage(void);
int ruleset_show(int argc, char **argv);
void ruleset_show_usage(void);
int ruleset_trace(int argc, char **argv);
void ruleset_trace_usage(void);
int ruleset_diff(int argc, char **argv);
void ruleset_diff_usage(void);

/* Reads the file, or the loaded ruleset if `file` is NULL, with progress on a terminal. NULL after saying why on standard error. */
struct ruleset *ruleset_open(const char *file, bool no_elements);
