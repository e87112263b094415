// SPDX-License-Identifier: GPL-2.0-or-later
/* The options of `run`, which `guard` reads too. */
#pragma once

#include "daemon/run.h"

struct option_list {
	const char **item;
	size_t n;
};
struct run_parsed {
	struct run_options run;
	struct option_list sets, includes, rules;
};
/* STATUS_DONE, or STATUS_USAGE after saying why. --help prints `usage` and exits. */
int run_options_parse(int argc, char **argv, struct run_parsed *p, void (*usage)(void));
