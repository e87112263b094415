// SPDX-License-Identifier: GPL-2.0-or-later
/* Options that several commands take. */
#pragma once

#include "daemon/run.h"

struct option_list {
	const char **item;
	size_t n;
};
void option_list_add(struct option_list *l, const char *item); /* kept as it is */

/* Numbers of long options that `run` and `replay` have in common; a command's own follow. */
enum { OPTION_SET = 256, OPTION_INCLUDE, OPTION_FATAL, OPTION_OWN };

/* What makes a runtime: -c, -l, -S, -s, -v, --set, --include, --init-errors-fatal. */
struct runtime_parsed {
	struct option_list sets, includes, rules;
};
/* False: it is none of them. */
bool runtime_option(struct runtime_parsed *p, struct runtime_options *o, int option, const char *value);
/* After the last one: lists into options, which point to them from now on. */
void runtime_options_take(const struct runtime_parsed *p, struct runtime_options *o);

/* The options of `run`, which `guard` reads too. */
struct run_parsed {
	struct run_options run;
	struct runtime_parsed runtime;
};
/* STATUS_DONE, or STATUS_USAGE after saying why. --help prints `usage` and exits. */
int run_options_parse(int argc, char **argv, struct run_parsed *p, void (*usage)(void));
