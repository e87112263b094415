// SPDX-License-Identifier: GPL-2.0-or-later
#include "command/ruleset.h"

#include <stdio.h>

void ruleset_show_usage(void)
{
	puts("usage: sluice ruleset show [OPTIONS]");
}

int ruleset_show(int argc, char **argv)
{
	struct ruleset *rs = ruleset_open(argc > 1 ? argv[1] : NULL, false);
	if (!rs)
		return STATUS_FAILED;
	for (const struct ruleset_gap *g = rs->gaps; g; g = g->next)
		printf("gap: %s\n", g->what);
	printf("%u chains, %u rules, %zu bytes\n", rs->n_chains, rs->n_rules, rs->arena.used);
	ruleset_free(rs);
	return STATUS_DONE;
}
