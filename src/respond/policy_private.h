// SPDX-License-Identifier: GPL-2.0-or-later
/* Private to policy*.c: how `respond:` is held. */
#pragma once

#include "respond/policy.h"

struct policy_words {
	const char **word;
	const struct conf **node; /* where it stands */
	size_t n;
};

struct policy_metadata {
	const char *key;    /* as JSON writes it, with what surrounds it: "\"key\":[" */
	const char **value; /* as JSON escapes them, without quotes */
	size_t n_values;
};

struct policy_numbers {
	uint32_t *number; /* sorted */
	size_t n;         /* 0: any */
};

struct policy_match { /* all that is given must fit */
	struct policy_numbers sid, gid, severity;
	const char **class_name;
	size_t n_classes;
	struct policy_metadata *metadata;
	size_t n_metadata;
};

struct policy_rule {
	struct policy_match match;
	struct policy_decision decision;
	bool profile;
};

struct policy_set {
	const char *name;
	struct address_set addresses;
};

struct policy {
	struct arena arena;
	const char *profile;
	struct policy_rule *rule;
	size_t n_rules;
	struct policy_slow *slow;
	size_t n_slow;
	struct policy_set *set;
	size_t n_sets;
	usec_t block_lasts;
	struct allow_list *allow;   /* respond.allow */
	struct allow_list *machine; /* of the daemon; NULL: none */
};

/* policy_allow.c */
int allow_list_add_range(struct allow_list *l, const struct address_range *r, const char *why);
