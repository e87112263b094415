// SPDX-License-Identifier: GPL-2.0-or-later
/* What the files that decode expressions share. */
#pragma once

#include "ruleset/decode.h"

enum { REGISTER_WORDS = 16, OPERAND_MAX = 64 };

/* Four bytes of a register: which operand lies there, and which of its words. */
struct word {
	const struct operand *operand;
	uint8_t part;
};

/* A rule (or an object, an element's statements) on its way from expressions to steps. */
struct making {
	struct decoder *d;
	struct ruleset_table *table;
	struct ruleset_rule *rule; /* NULL: of an element or object */
	struct step **end;
	struct word word[REGISTER_WORDS];
	bool unknown;
};

struct step *step_add(struct making *m, uint8_t kind);
struct operand *operand_unknown(struct making *m, const char *name, uint32_t len);
const struct operand *operand_shared(struct making *m, const struct operand *like);
/* `len` bytes from a register on: one operand, or a concatenation. */
const struct operand *register_get(struct making *m, struct bytes reg, uint32_t len);
void register_put(struct making *m, struct bytes reg, const struct operand *o);

/* decode_statement.c */
#define STATEMENTS(X) \
	X(dynset) X(counter) X(limit) X(quota) X(connlimit) X(last) X(log) X(queue) X(reject) X(nat) X(masquerade) X(redirect) X(tproxy) X(notrack) \
	X(synproxy) X(dup) X(forward) X(flow_offload) X(object_reference) X(xt_match) X(xt_target)
#define DECLARE_STATEMENT(name) void make_##name(struct making *m, const struct attrs *a);
STATEMENTS(DECLARE_STATEMENT)
