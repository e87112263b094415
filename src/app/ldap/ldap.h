// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * LDAP (RFC 4511) over TCP and UDP. A request and all responses with its message id are a transaction. Messages are copied
 * into it as they are; loggers and rules read the BER of what they want when they want it. Filters are not taken apart but for
 * the plainest, so nothing here goes deeper than the messages' own few levels.
 */
#pragma once

#include "app/app.h"

enum {
	LDAP_MAX_MESSAGE = 1024 * 1024,
	LDAP_MAX_RESPONSES = 4096,        /* of a transaction */
	LDAP_MAX_KEPT = 1024 * 1024,      /* bytes of them */
};

enum ldap_event {
#define EVENT(id, name) LDAP_EVENT_##id,
#include "app/ldap/events.def"
#undef EVENT
	LDAP_EVENT_N_
};

/* Operations: the application tag of the message (RFC 4511 appendix B). */
enum ldap_op {
	LDAP_BIND_REQUEST, LDAP_BIND_RESPONSE, LDAP_UNBIND_REQUEST, LDAP_SEARCH_REQUEST, LDAP_SEARCH_ENTRY, LDAP_SEARCH_DONE,
	LDAP_MODIFY_REQUEST, LDAP_MODIFY_RESPONSE, LDAP_ADD_REQUEST, LDAP_ADD_RESPONSE, LDAP_DEL_REQUEST, LDAP_DEL_RESPONSE,
	LDAP_MOD_DN_REQUEST, LDAP_MOD_DN_RESPONSE, LDAP_COMPARE_REQUEST, LDAP_COMPARE_RESPONSE, LDAP_ABANDON_REQUEST,
	LDAP_SEARCH_REFERENCE = 19, LDAP_EXTENDED_REQUEST = 23, LDAP_EXTENDED_RESPONSE = 24, LDAP_INTERMEDIATE = 25,
};

struct ldap_message {
	uint32_t id;
	uint8_t op;             /* enum ldap_op */
	struct bytes body;      /* the operation's content; of DelRequest and AbandonRequest the value itself */
	struct bytes controls;  /* content of the list; data NULL: none */
	struct ldap_message *next;
};

/* ber.c: one element (X.690). False: there is no whole one, or none that LDAP may have (RFC 4511 5.1: definite lengths). */
struct ber {
	uint8_t tag;
	struct bytes value;
};
enum { BER_BOOLEAN = 1, BER_INTEGER = 2, BER_OCTETS = 4, BER_ENUM = 10, BER_SEQUENCE = 0x30, BER_SET = 0x31 };
bool ber_read(struct reader *r, struct ber *out);
bool ber_expect(struct reader *r, uint8_t tag, struct bytes *value);
bool ber_number(struct bytes value, int64_t *out);
/* Length of the element that begins here, header included; 0: not known yet; -1: no element. */
int64_t ber_length(struct bytes data);

/* What rules walk over: instances, asked for in order. */
enum ldap_walk_kind { LDAP_WALK_DN, LDAP_WALK_MESSAGE, LDAP_WALK_CODE, LDAP_WALK_OPERATION, LDAP_WALK_ATTRIBUTE, LDAP_WALK_N_ };
struct ldap_item {
	struct bytes text;
	uint64_t number;
};
struct ldap_walk {
	const struct ldap_message *message;
	bool begun, inside;     /* inside: `list` goes through the attributes of `message` */
	struct reader list;
	unsigned n;             /* instances so far; `item` is the last */
	struct ldap_item item;
};

struct ldap_tx {
	struct app_tx tx; /* first */
	bool has_request;
	struct ldap_message request;
	struct ldap_message *first, *last; /* responses */
	unsigned n_responses;
	size_t kept;
	struct ldap_walk walk[2][LDAP_WALK_N_]; /* by direction */
};

/* message.c: reads what stands around an operation. */
bool ldap_message_read(struct bytes bytes, struct ldap_message *out);
struct ldap_result {
	int64_t code;
	struct bytes matched, message;
	struct bytes credentials, name, value; /* data NULL: not there */
};
bool ldap_result_read(const struct ldap_message *m, struct ldap_result *out); /* false: not a result */
struct bytes ldap_dn(const struct ldap_message *m);  /* of the entry it is about; data NULL: none */
/* The list of attributes in a message; false: none. ldap_attribute_next gives their names. */
bool ldap_attributes(const struct ldap_message *m, struct reader *list);
bool ldap_attribute_next(const struct ldap_message *m, struct reader *list, struct bytes *name);
extern const char *const ldap_operation_names[], *const ldap_result_names[]; /* by value, NULL-terminated; "": none */
const char *ldap_name(const char *const *names, int64_t value); /* NULL: none */

/* parser.c */
enum app_result ldap_parse(struct app_flow *a, int direction, struct app_input *in);

/* buffers.c, log.c */
enum { N_LDAP_KEYWORDS = 9 };
extern const struct app_keyword ldap_keywords[N_LDAP_KEYWORDS];
bool ldap_log(struct json *j, struct app_flow *a, struct app_tx *tx, int direction, const struct app_log_options *o);
