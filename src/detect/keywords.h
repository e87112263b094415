// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One row a keyword (keywords.c). A row's `setup` gets the option and adds to the signature through the builder. Buffer and
 * integer keywords of protocols need no row: they come from the descriptors in app/.
 */
#pragma once

#include "detect/signature.h"

enum keyword_flag {
	KEYWORD_NO_VALUE = 1, KEYWORD_OPTIONAL_VALUE = 2,
	KEYWORD_META = 4,        /* says something about the rule, tests nothing */
	KEYWORD_MODIFIER = 8,    /* changes the content before it */
	KEYWORD_LEGACY = 16,     /* http_uri and the like */
	KEYWORD_IP_ONLY_OK = 32, /* does not keep a rule from being ip-only */
	KEYWORD_TRANSFORM = 64,
};

struct builder { /* of one signature */
	struct compile_context *ctx;
	struct signature *sig;
	const struct rule_option *option; /* being set up: for findings */
	unsigned buffer;                  /* sticky buffer, BUFFER_PAYLOAD at first */
	struct transform_chain *transforms;
	struct inspection *inspection;    /* current one */
	struct program_step *last;        /* the latest content or pcre, for modifiers and relative ones */
	struct { const char *name; } var[32];
	unsigned n_vars;
	bool failed;
	bool unsupported;
	void *more;                       /* private to compile.c */
};

struct keyword {
	const char *name, *alias;
	/* 0, -EINVAL with words (the row's caller underlines the option), -ENOTSUP: known, not evaluated. */
	int (*setup)(struct builder *b, const struct rule_option *o, struct error *error);
	uint32_t flags;
	const char *help;
};
extern const struct keyword keywords[];
extern const size_t n_keywords;
const struct keyword *keyword_find(const char *name); /* by name or alias; NULL: unknown */
/* True for the names that Suricata knows and sluice does not evaluate (a list, for "unsupported" instead of "unknown"). */
bool keyword_known_elsewhere(const char *name);
