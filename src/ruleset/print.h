// SPDX-License-Identifier: GPL-2.0-or-later
/* Rules, matches and sets in nft's syntax. */
#pragma once

#include <stdio.h>

#include "ruleset/model.h"

/* One rule as `nft list` prints it, without handle; on one line, names escaped. Implied matches (`meta l4proto tcp` before `tcp dport`) are left out as nft does. */
void ruleset_print_rule(FILE *out, const struct ruleset *rs, const struct ruleset_rule *rule);
/* One step of it, for underlining: the columns [*from, *to) of that step in what ruleset_print_rule prints. false: not visible (implied). */
bool ruleset_step_columns(const struct ruleset *rs, const struct ruleset_rule *rule, const struct step *step, size_t *from, size_t *to);
void ruleset_print_operand(FILE *out, const struct ruleset *rs, const struct operand *o);
/* Bytes as a value of that operand: an address, a port, a list of flags, 0x…. */
void ruleset_print_value(FILE *out, const struct ruleset *rs, const struct operand *o, const uint8_t *value, size_t len);
const char *ruleset_family_name(uint32_t family);			  /* "ip", "inet", … */
const char *ruleset_hook_name(uint32_t family, uint32_t hook);	  /* "forward", "ingress", … */
void ruleset_print_priority(FILE *out, uint32_t family, uint32_t hook, int32_t priority); /* "filter + 10 (10)", "-150 (mangle)" */
/* Whose table it is, by its name and comments: "firewalld", "Docker", "sluice", …; NULL: nobody known. */
const char *ruleset_owner(const struct ruleset_table *t);
