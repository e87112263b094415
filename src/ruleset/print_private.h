// SPDX-License-Identifier: GPL-2.0-or-later
/* Among the files that print. */
#pragma once

#include "base/memory.h"
#include "ruleset/print.h"

/* nft's numbers of types, as sets keep them. */
enum nft_type {
	TYPE_INVALID, TYPE_VERDICT, TYPE_NFPROTO, TYPE_BITMASK, TYPE_INTEGER, TYPE_STRING, TYPE_LLADDR, TYPE_IPADDR, TYPE_IP6ADDR, TYPE_ETHERADDR,
	TYPE_ETHERTYPE, TYPE_ARPOP, TYPE_INET_PROTOCOL, TYPE_INET_SERVICE, TYPE_ICMP_TYPE, TYPE_TCP_FLAG, TYPE_DCCP_PKTTYPE, TYPE_MH_TYPE, TYPE_TIME,
	TYPE_MARK, TYPE_IFINDEX, TYPE_ARPHRD, TYPE_REALM, TYPE_CLASSID, TYPE_UID, TYPE_GID, TYPE_CT_STATE, TYPE_CT_DIR, TYPE_CT_STATUS, TYPE_ICMP6_TYPE,
	TYPE_CT_LABEL, TYPE_PKTTYPE, TYPE_ICMP_CODE, TYPE_ICMPV6_CODE, TYPE_ICMPX_CODE, TYPE_DEVGROUP, TYPE_DSCP, TYPE_ECN, TYPE_FIB_ADDR, TYPE_BOOLEAN,
	TYPE_CT_EVENTBIT, TYPE_IFNAME, TYPE_IGMP_TYPE, TYPE_TIME_DATE, TYPE_TIME_HOUR, TYPE_TIME_DAY, TYPE_CGROUPV2, TYPES
};

/* What a value looks like: its type, the order of its bytes, and how far it stands to the left in them. */
struct form {
	uint8_t type; /* enum nft_type */
	bool big;     /* network order; else the host's */
	uint8_t shift;
	bool hex;
	bool exists; /* a boolean that reads exists or missing */
};

/* What is known of the packet where a rule has come to. */
struct context {
	uint32_t family; /* of the table */
	uint8_t l3;	 /* NFPROTO_…; 0: open */
	int l4;		 /* protocol number; -1: open */
};

struct context context_of(uint32_t family);
/* Goes on behind a step: a comparison with a protocol tells more. */
void context_follow(struct context *c, const struct step *s);
/* A comparison that only says what a later field says anyway. */
bool step_is_implied(const struct context *before, const struct step *s);

/* print_value.c */
void put_value(struct buffer *b, const struct ruleset *rs, struct form f, const uint8_t *value, size_t len);
/* Bits of a bitmask type as words; false: no words for them. */
bool put_flags(struct buffer *b, uint8_t type, uint64_t bits, const char *between);
bool type_is_bitmask(uint8_t type);
uint64_t number_of(const uint8_t *value, size_t len, bool big);
void put_quoted(struct buffer *b, const char *text);
void put_name(struct buffer *b, const char *text); /* an identifier; what it must not hold is escaped */
void put_duration(struct buffer *b, uint64_t ms);
const char *symbol_of(uint8_t type, uint64_t value); /* NULL: none */

/* print_operand.c */
struct form put_operand(struct buffer *b, const struct ruleset *rs, const struct context *c, const struct operand *o);
struct form operand_form(const struct context *c, const struct operand *o);
/* Without the changes: the name of the field alone. */
struct form put_field(struct buffer *b, const struct ruleset *rs, const struct context *c, const struct operand *o);
bool operands_equal(const struct operand *a, const struct operand *b);
/* The single mask of an operand that has no other change, or NULL. */
const struct change *only_mask(const struct operand *o);
/* The field that a mask cuts out of a payload: `ip dscp`. */
bool put_masked_field(struct buffer *b, const struct context *c, const struct operand *o, const uint8_t *mask, struct form *form, size_t *bits);

/* print_set.c */
void put_set(struct buffer *b, const struct ruleset *rs, const struct context *c, const struct ruleset_set *set, const struct operand *key);
void put_verdict(struct buffer *b, const struct verdict *v);
void put_element(struct buffer *b, const struct ruleset *rs, const struct ruleset_set *set, const struct ruleset_element *e, const struct operand *key,
		 const struct context *c);

/* print_step.c */
void put_statement(struct buffer *b, const struct ruleset *rs, const struct context *c, const struct step *s);

/* print.c; `want`: whose columns to note. Returns what follows the last step that was printed: a range is two. */
struct columns {
	const struct step *want;
	size_t from, to;
	bool found;
};
void put_steps(struct buffer *b, const struct ruleset *rs, struct context *c, const struct step *s, struct columns *columns);
