// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From nf_tables' netlink messages to the model, wherever they come from: a dump of the kernel or what libnftables would send. One decoder
 * makes one ruleset; messages in the order in which the kernel would take them. Every length is checked: messages may be damaged.
 */
#pragma once

#include <linux/netlink.h>

#include "base/bytes.h"
#include "ruleset/read.h"

struct decoder;
struct decoder *decoder_new(const char *source, const struct ruleset_options *options);
/* NEW… and DEL… of tables, chains, rules, sets, elements, flowtables, objects; others are passed over. -EINVAL: damaged. -ENOMEM. */
int decoder_message(struct decoder *d, const struct nlmsghdr *m);
struct ruleset *decoder_ruleset(struct decoder *d); /* what there is so far; the decoder's */
struct ruleset *decoder_finish(struct decoder *d);  /* sorts, numbers, hands over; NULL: no memory. Frees the decoder. */
/* What `from` has read becomes d's; d's gaps stay. Frees `from`. */
void decoder_replace(struct decoder *d, struct decoder *from);
void decoder_free(struct decoder *d);		    /* with what it has read; NULL is allowed */

/* ---- among the decoder's files ---- */

struct decoder {
	struct ruleset *rs;
	const struct ruleset_options *options;
	uint8_t *pack, *pack_end; /* room for strings and keys, which need no alignment */
	struct ruleset_gap **gaps_end;
	struct name_slot *names;
	size_t n_names, names_room;
	/* elements of one set at a time, until a message speaks of another */
	struct ruleset_set *filling;
	struct ruleset_element *elements;
	size_t n_elements, elements_room;
	const struct operand **common; /* operands that many rules share */
	size_t common_room;
	bool no_memory;
	uint64_t n_done;
};

/* An attribute's value; data NULL: not there. */
struct attrs {
	struct bytes at[32];
};
void attrs_parse(struct attrs *a, struct bytes from);
/* The next attribute of a list; its type without flags. false at the end, or where the rest is damaged. */
bool attr_next(struct reader *r, uint16_t *type, struct bytes *value);
uint8_t attr_u8(struct bytes b);
uint16_t attr_be16(struct bytes b);
uint32_t attr_be32(struct bytes b);
uint64_t attr_be64(struct bytes b);

void *decoder_alloc(struct decoder *d, size_t n); /* NULL: no memory, and d->no_memory is set */
const uint8_t *decoder_pack(struct decoder *d, const void *data, size_t n);
const char *decoder_text(struct decoder *d, struct bytes b); /* up to a NUL; "" if not there */
const char *decoder_chain_name(struct decoder *d, struct bytes name, struct bytes id);
void decoder_gap(struct decoder *d, const struct ruleset_rule *rule, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Makes it if need be: maps of a text may name a chain that comes later. */
struct ruleset_chain *decoder_chain(struct decoder *d, struct ruleset_table *t, const char *name);
struct ruleset_chain *decoder_find_chain(struct decoder *d, const struct ruleset_table *t, const char *name);
struct ruleset_set *decoder_find_set(struct decoder *d, const struct ruleset_table *t, const char *name, uint32_t id);
void decoder_name(struct decoder *d, const struct ruleset_table *t, char kind, const char *name, uint32_t id, void *object);

/* decode_set.c */
void decode_set(struct decoder *d, struct ruleset_table *t, const struct attrs *a);
void decode_elements(struct decoder *d, struct ruleset_set *set, struct bytes list);
void decoder_fill_done(struct decoder *d); /* the elements that were gathered go into their set */
bool decode_verdict(struct decoder *d, struct ruleset_table *t, struct bytes data, struct verdict *out);

/* decode_rule.c */
void decode_expressions(struct decoder *d, struct ruleset_table *t, struct ruleset_rule *rule, struct bytes list, struct step **steps);
struct step *decode_object_step(struct decoder *d, struct ruleset_table *t, uint32_t type, struct bytes data);

/* decode_xt.c: what a match or target of xtables means in steps; NULL: not understood */
struct step *xt_match_meaning(struct decoder *d, struct ruleset_rule *rule, const char *name, uint32_t revision, struct bytes info);
struct step *xt_target_meaning(struct decoder *d, struct ruleset_rule *rule, const char *name, uint32_t revision, struct bytes info);
