// SPDX-License-Identifier: GPL-2.0-or-later
#include "ruleset/read_text.h"

void ruleset_place_lines(struct ruleset *rs, const char *path)
{
	(void)rs;
	(void)path;
}
