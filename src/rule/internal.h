// SPDX-License-Identifier: GPL-2.0-or-later
/* Private to rule/: what the reader of files and the reader of one rule share. */
#pragma once

#include "rule/rule.h"

struct rule_error {
	const char *code;
	struct text_span span;
	char text[320];
};

/*
 * Reads r->text (r->file, r->line, r->active are set) into r. Headers that were met before come from set->index. -EINVAL with the
 * error filled; r->sid then holds the sid if one can be found in the text.
 */
int rule_read(struct rule_set *set, struct rule *r, const struct rule_vars *v, struct rule_error *error);

/* Headers by their text, rules by their sid. */
struct rule_index;
struct rule_index *rule_index_new(void);
void rule_index_free(struct rule_index *x);
/* The set for a text, parsed once; NULL with the place in the error. */
const struct address_set *rule_index_addresses(struct rule_set *s, const char *text, const struct rule_vars *v, struct error *error);
const struct port_set *rule_index_ports(struct rule_set *s, const char *text, const struct rule_vars *v, struct error *error);
/* A text that lives as long as the index. */
const char *rule_index_text(struct rule_set *s, const char *text);
/* The rule of this gid and sid that came before, or NULL and `r` is noted. */
const struct rule **rule_index_sid(struct rule_set *s, const struct rule *r);
