// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Private to rule/: lists of addresses or ports as sets of number ranges. The grammar is one for both,
 *
 *     list := item { ',' item }      item := { '!' } ( '[' list ']' | '$' NAME | atom )
 *
 * and so is the arithmetic: what is listed, or everything if only exclusions are, less what is excluded. Kinds differ in their
 * atoms alone.
 */
#pragma once

#include "rule/rule.h"

typedef unsigned __int128 range_number;

struct number_range {
	uint8_t family; /* 4, 6; ports: 0 */
	range_number first, last;
};

struct range_list {
	struct number_range *item;
	size_t n, room;
	bool any; /* everything, and what is no number at all */
};

struct range_kind {
	const char *what;   /* "address" */
	const char *group;  /* "vars.address-groups" */
	/* Adds an atom's ranges. -EINVAL with words. */
	int (*atom)(struct bytes text, struct range_list *out, struct error *error);
	void (*all)(struct range_list *out);
};
extern const struct range_kind address_kind, port_kind;

struct range_var {
	char *name, *text;
	struct range_list set;
	enum { VAR_NEW, VAR_OPEN, VAR_DONE } state;
};
struct range_vars {
	struct range_var *var;
	size_t n;
};
struct rule_vars {
	struct range_vars addresses, ports;
};

void range_list_add(struct range_list *l, uint8_t family, range_number first, range_number last);
void range_list_free(struct range_list *l);
/* Sorted and disjoint afterwards. */
void range_list_tidy(struct range_list *l);
/* Evaluates the text. `out` must be empty; it is freed on failure. error->column counts from 1 in the text. */
int range_list_parse(const struct range_kind *kind, struct bytes text, struct range_vars *vars, struct range_list *out, struct error *error);
