// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * POP3 (RFC 1939, 2449, 5034). A command and its response are a transaction; the greeting is one without command. Responses
 * belong to commands in their order. Lines that a response lists are kept, messages (RETR, TOP) are walked over and not.
 */
#pragma once

#include "app/line.h"

enum {
	POP3_MAX_REQUEST = 255, POP3_MAX_RESPONSE = 512, /* RFC 2449 4 */
	POP3_MAX_SASL = 12288,                           /* RFC 5034 4 */
	POP3_MAX_LINE = 4096,                            /* of a list or a message */
	POP3_MAX_LISTED = 64 * 1024,                     /* bytes of a response's lines that are kept */
};

enum pop3_event {
#define EVENT(id, name) POP3_EVENT_##id,
#include "app/pop3/events.def"
#undef EVENT
	POP3_EVENT_N_
};

struct pop3_line {
	struct bytes text;
	struct pop3_line *next;
};

struct pop3_command; /* parser.c */

struct pop3_tx {
	struct app_tx tx; /* first */
	const struct pop3_command *known;
	struct bytes command, arguments; /* command empty: none was seen */
	bool sasl;                       /* not a command: credentials on a line of their own, which are not kept */
	bool answered, ok;               /* the status line was seen */
	struct bytes status;             /* what stands behind +OK */
	bool listing;                    /* lines follow, until one with a dot alone */
	struct pop3_line *first, *last;
	size_t listed;
};

/* parser.c */
int pop3_open(struct app_flow *a);
void pop3_close(struct app_flow *a);
enum app_result pop3_parse(struct app_flow *a, int direction, struct app_input *in);

/* log.c */
bool pop3_log(struct json *j, struct app_flow *a, struct app_tx *tx, int direction, const struct app_log_options *o);
