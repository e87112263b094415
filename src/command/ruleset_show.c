// SPDX-License-Identifier: GPL-2.0-or-later
#include "command/ruleset.h"

#include <stdio.h>
#include <string.h>

#include "ruleset/print.h"

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
	for (const struct ruleset_table *t = rs->tables; t && rs->n_rules < 10000; t = t->next)
		for (const struct ruleset_chain *c = t->chains; c; c = c->next)
			for (const struct ruleset_rule *r = c->rules; r; r = r->next) {
				printf("%u: ", r->line);ruleset_print_rule(stdout, rs, r);
				putchar('\n');
			}
	fprintf(stderr, "%u chains, %u rules, %zu bytes\n", rs->n_chains, rs->n_rules, rs->arena.used);
	ruleset_free(rs);
	return STATUS_DONE;
}
