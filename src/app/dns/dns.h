// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DNS (RFC 1035, 6891) over UDP and TCP. Each message is a transaction of its own, in its own direction alone. A message is
 * copied into its transaction and read whole at once: names are decoded into the transaction's arena, so that rules and
 * events need no second walk. What decoding may cost a message is bounded: compression could blow 64 kB up to megabytes.
 */
#pragma once

#include "app/app.h"

enum {
	DNS_HEADER = 12, DNS_MAX_NAME = 1025, DNS_MAX_LABELS = 255, DNS_MAX_JUMPS = 255,
	DNS_DECODE_BUDGET = 256 * 1024, /* bytes of names and records that one message may unpack to */
};

enum dns_event {
#define EVENT(id, name) DNS_EVENT_##id,
#include "app/dns/events.def"
#undef EVENT
	DNS_EVENT_N_
};
extern const char *const dns_event_names[];

enum dns_flag { DNS_QR = 0x8000, DNS_AA = 0x0400, DNS_TC = 0x0200, DNS_RD = 0x0100, DNS_RA = 0x0080, DNS_Z = 0x0040 };

enum dns_type {
	DNS_A = 1, DNS_NS = 2, DNS_CNAME = 5, DNS_SOA = 6, DNS_NULL = 10, DNS_PTR = 12, DNS_MX = 15, DNS_TXT = 16, DNS_AAAA = 28, DNS_SRV = 33,
	DNS_OPT = 41, DNS_SSHFP = 44,
};

enum dns_name_flag { DNS_NAME_TOO_LONG = 1, DNS_NAME_LOOP = 2, DNS_NAME_LABELS = 4 };

struct dns_name {
	struct bytes text; /* labels with dots between, no dot at the end */
	uint8_t flags;     /* enum dns_name_flag: it was cut off there */
};

struct dns_question {
	struct dns_name name;
	uint16_t type, class_;
};

struct dns_record {
	struct dns_name name;
	uint16_t type, class_;
	uint32_t ttl;
	bool decoded;        /* the fields below are filled for this type; else rdata is not shown */
	struct bytes data;   /* A, AAAA, NULL, TXT (one string), OPT, SSHFP's fingerprint: bytes of the message */
	struct dns_name target, mailbox; /* CNAME, NS, PTR, MX, SRV; SOA: mname, rname */
	uint32_t number[5];  /* SOA: serial, refresh, retry, expire, minimum; SRV: priority, weight, port; SSHFP: algorithm, type */
};

enum dns_section { DNS_ANSWERS, DNS_AUTHORITIES, DNS_ADDITIONALS, DNS_SECTION_N_ };

struct dns_message {
	uint16_t id, flags;
	struct dns_question *question;
	unsigned n_questions;
	struct dns_record *record[DNS_SECTION_N_];
	unsigned n_records[DNS_SECTION_N_];
	uint16_t events;     /* bit n: enum dns_event n */
};

static inline unsigned dns_opcode(const struct dns_message *m)
{
	return m->flags >> 11 & 15;
}

struct dns_tx {
	struct app_tx tx; /* first */
	struct dns_message message;
	uint8_t direction;
	bool complete; /* the message could be read; else only its events count */
	struct {       /* dns.response.rrname: where the last instance was, as they are asked for in order */
		unsigned section, record, first;
	} cursor;
};

/* name.c: a name at *offset of the message; *offset moves behind it. False: it leaves the message, or no memory. */
bool dns_name_read(struct bytes message, size_t *offset, struct arena *arena, size_t *budget, struct dns_name *out);

/* message.c: reads a whole message; `bytes` must live as long as `out`. False: malformed. */
bool dns_message_read(struct bytes bytes, struct arena *arena, struct dns_message *out);
/* A header, and counts that are possible in so many bytes. */
bool dns_counts_can_be(struct bytes message);
/* Does this look like a message? Its direction: TO_SERVER, TO_CLIENT; -1: no. What lies beyond `bytes` is not held against it. */
int dns_message_probe(struct bytes bytes, size_t length);

/* parser.c */
int dns_open(struct app_flow *a);
void dns_close(struct app_flow *a);
enum app_result dns_parse(struct app_flow *a, int direction, struct app_input *in);

/* names.c: NULL: no name. */
const char *dns_type_name(uint16_t type);
const char *dns_rcode_name(unsigned rcode);
extern const char *const dns_type_names[], *const dns_rcode_names[], *const dns_opcode_names[]; /* by value, NULL-terminated */

/* buffers.c, log.c */
enum { N_DNS_KEYWORDS = 11 };
extern const struct app_keyword dns_keywords[N_DNS_KEYWORDS];
bool dns_log(struct json *j, struct app_flow *a, struct app_tx *tx, int direction, const struct app_log_options *o);
bool dns_log_as_flow(const struct app_log_options *o);
