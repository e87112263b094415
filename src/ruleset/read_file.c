// SPDX-License-Identifier: GPL-2.0-or-later
#include "ruleset/read.h"

#include <errno.h>

int ruleset_read_file(struct ruleset **out, const char *path, const struct ruleset_options *o, struct error *error)
{
	return error_set(error, ENOSYS, "%s: reading files comes later", path);
}
