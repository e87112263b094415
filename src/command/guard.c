// SPDX-License-Identifier: GPL-2.0-or-later
/* Before the network is there: with when-down: drop, what sluice is to inspect is dropped until it runs. */
#include <errno.h>
#include <stdio.h>

#include "command/command.h"
#include "command/options.h"
#include "daemon/run.h"

void command_guard_usage(void)
{
	puts("usage: sluice guard [OPTIONS of run]\n\nWith when-down: drop it loads a table that drops what sluice is to inspect, until `sluice run` takes over;\n"
	     "for a unit before network-pre.target.\n"
	     "With when-down: bypass it does nothing. `sluice stop` opens.");
}

int command_guard(int argc, char **argv)
{
	static struct run_parsed p;
	int status = run_options_parse(argc, argv, &p, command_guard_usage);
	if (status)
		return status;
	struct error error = {0};
	struct conf *conf = runtime_conf(&p.run.runtime, &error);
	struct gateway_settings s;
	int r = conf ? gateway_settings_read(&s, conf, &error) : -EINVAL;
	if (r == 0 && (s.bypass || !s.own_table)) {
		puts("when-down is bypass: nothing to guard");
		conf_free(conf);
		return STATUS_DONE;
	}
	if (r == 0)
		r = gateway_guard_load(&s, &error);
	conf_free(conf);
	if (r == 0)
		puts("what sluice is to inspect is dropped until it runs");
	else
		fprintf(stderr, "sluice: %s\n", error.text);
	return r == 0 ? STATUS_DONE : STATUS_FAILED;
}
