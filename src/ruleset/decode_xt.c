// SPDX-License-Identifier: GPL-2.0-or-later
#include "ruleset/decode.h"

struct step *xt_match_meaning(struct decoder *d, struct ruleset_rule *rule, const char *name, uint32_t revision, struct bytes info)
{
	return NULL;
}

struct step *xt_target_meaning(struct decoder *d, struct ruleset_rule *rule, const char *name, uint32_t revision, struct bytes info)
{
	return NULL;
}
