// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Private to the engine (engine.c, place.c, order.c, classify.c, group.c, prefilter.c, anchors.c, scan.c, scratch.c, inspect*.c): how
 * signatures are held and found.
 *
 * A signature with a fast pattern becomes a candidate when its pattern is seen in its buffer; the others stand in short
 * lists, one for each point at which detection runs. Whether a signature's header fits a flow was decided once, when the flow
 * met its rule group. Candidates are then checked whole, in the order of their numbers.
 */
#pragma once

#include "detect/detect.h"
#include "detect/keywords.h"
#include "detect/needles.h"

#include <hs.h>

/* Bit sets of signature numbers. */
static inline size_t bits_words(uint32_t n)
{
	return ((size_t)n + 63) / 64;
}
static inline bool bits_test(const uint64_t *bits, uint32_t i)
{
	return bits[i / 64] >> (i % 64) & 1;
}
static inline void bits_set(uint64_t *bits, uint32_t i)
{
	bits[i / 64] |= UINT64_C(1) << (i % 64);
}

struct number_list {
	uint32_t *number;
	size_t n, room;
};
void number_list_add(struct number_list *l, uint32_t number);

/*
 * Which of many distinct sets of addresses or ports contain a value? The sets cut the space into classes; values of one class are in the
 * same sets. A signature uses a set at its source or its destination (`side` 0, 1).
 */
struct set_users {
	struct number_list numbers[2];
	uint64_t *bits[2];     /* instead of numbers, where they are many */
};
struct boundary {
	unsigned __int128 first; /* the class holds from here to the next boundary */
	uint32_t class;
};
struct class_table { /* of one family */
	struct boundary *at;
	uint32_t *low;         /* IPv4 and ports: `first` of each, alone */
	size_t n;
};
struct classifier {
	uint32_t n_sigs;
	struct set_users *set;
	unsigned n_sets;
	uint64_t *any[2];
	struct { uint32_t first, n; } *class; /* in `member`: ids of sets */
	uint32_t n_classes, *member;
	size_t n_members;
	struct class_table table[3]; /* IPv4, IPv6, ports */
	uint32_t *port;        /* class by port number */
	struct set_list *building;
};
struct classifier *classifier_new(uint32_t n_sigs);
void classifier_free(struct classifier *c);
/* Notes that a signature uses a set; NULL: any. */
void classifier_add_addresses(struct classifier *c, const struct address_set *s, int side, uint32_t number);
void classifier_add_ports(struct classifier *c, const struct port_set *s, int side, uint32_t number);
void classifier_finish(struct classifier *c);
uint32_t classifier_address(const struct classifier *c, const struct address *a);
static inline uint32_t classifier_port(const struct classifier *c, uint16_t port)
{
	return c->port[port];
}
/* Adds to `out` the signatures whose set at that side contains the class. */
void classifier_or(const struct classifier *c, uint32_t class, int side, uint64_t *out);

/* Patterns compiled together; may serve several prefilters. */
struct pattern_mark { /* a pattern by its hash */
	uint64_t hash;
	uint32_t id;
};
struct database {
	struct pattern_mark *mark; /* sorted */
	unsigned users;        /* engines; several, where unchanged databases go from one to the next */
	hs_database_t *hs;
	struct needles *needles; /* instead of it */
	bool by_windows;       /* it is to have these */
	const char **text;     /* while building */
	size_t *len;
	unsigned *flags;
	uint32_t n;
	bool from_cache;
	uint8_t digest[32];
	struct database *next; /* of the store */
};

struct prefilter_entry {
	uint32_t number;
	uint32_t latest;       /* the pattern must end here or before, counted from the buffer's start; 0: anywhere */
};
struct prefilter_part {
	const struct database *database;
	uint32_t *first;       /* per pattern: where its signatures start in `entry`; one more at the end */
	struct prefilter_entry *entry;
};

/* The patterns that are looked for in one buffer (with its transforms), direction, and for payloads kind and ports. */
struct prefilter {
	unsigned buffer;
	const struct transform_chain *transforms;
	uint8_t direction;
	struct prefilter_part *part;
	unsigned n_parts;
	uint32_t n_patterns, longest;
	struct anchors *anchors; /* those with one place; the rest is about the others */
	uint32_t limit;        /* no pattern can matter behind this many bytes from the start; 0: none */
	unsigned pool;         /* prefilters of one number are asked about the same bytes, so they share a database; 0: alone */
	struct pattern_list *building;
	struct prefilter *next;
};

enum { PATTERN_MAX = 32 /* longer ones are looked for by their first bytes */ };

/* Payloads, by what they are of. */
enum payload_kind { PAYLOAD_STREAM, PAYLOAD_TCP, PAYLOAD_UDP, PAYLOAD_OTHER, PAYLOAD_KIND_N_ };
enum { SCAN_MAX = 9, POINT_PREFILTERS_MAX = SCAN_MAX + 3 /* by ports and addresses, by protocol */ };

struct payload_scan {  /* patterns that may lie anywhere; short ones, which slow others down; those near the start */
	struct prefilter *any, *brief, *head;
};
struct payload_point { /* one kind and direction */
	struct payload_scan all;
	struct payload_scan *by_port[2]; /* by class of the source port, of the destination port */
	struct payload_scan *by_app;     /* by row of app_protocols: for signatures bound to it */
};

/* What a protocol has for one direction: its buffers' prefilters, and the signatures without a pattern. */
enum { APP_GROWING_MAX = 8, APP_SOURCES_MAX = 64 };
struct app_point {
	struct app_source {
		const struct app_keyword *keyword;
		const struct prefilter *prefilter;
		uint8_t growing;   /* place in detect_tx.scanned, for those that grow */
	} source[APP_SOURCES_MAX];
	unsigned n_sources, n_growing;
	struct number_list plain;
	bool any;                  /* at least one signature */
};

enum { COLUMNS_MAX = 16 };
struct engine {
	struct engine_settings settings;
	struct rule_set *rules;
	struct engine_counts counts;
	uint32_t generation;
	struct transform_chain *chains; /* their expressions are freed with it */
	struct signature **sig;    /* by number */
	uint32_t *by_sid;          /* numbers, sorted by sid and gid */
	uint32_t n_sigs;
	size_t n_words;            /* of a bit set */
	/* headers */
	struct classifier *addresses, *ports;
	uint8_t column[256];       /* by IP protocol: in `covers` */
	uint64_t *covers[COLUMNS_MAX];
	unsigned n_columns;
	uint64_t *toward[2];       /* by direction of the packet */
	uint64_t *version[2];      /* IPv4, IPv6 */
	uint64_t *turned;          /* <>: these also fit the other way round */
	/* points */
	uint64_t *at_packet, *at_event, *at_first, *at_protocol;
	uint64_t *late;            /* may match on a packet of an established connection, wherever its stream stands */
	struct number_list decoder, link;
	struct payload_point payload[PAYLOAD_KIND_N_][2][2]; /* by direction, and by whether the flow is established */
	struct app_point (*app)[2];   /* by row of app_protocols */
	size_t n_app;
	const struct app_keyword ***rows; /* [protocol][buffer - BUFFER_APP] */
	struct prefilter *prefilters;
	unsigned n_pools;
	struct database **database; /* each once */
	size_t n_databases;
	struct part_store *store; /* NULL: rules and databases are its own */
	struct part **part;       /* whose signatures these are */
	hs_scratch_t *scratch;     /* prototype: workers clone it */
	uint64_t wants;            /* SIG_WANT_* of all */
	bool want_ja3, want_ja4;
};

/*
 * parts.c: what became of rules and patterns, for several engines. Rules lie in chunks of memory, some dozens to one, which go when none of
 * theirs is used any more. One thread at a time.
 */
struct part;
struct part_store;
void part_leave(struct part_store *store, struct part *p);
struct database **part_databases(struct part_store *store); /* the list's head */

/* engine.c: takes over all but the store; on failure all but `rules`. parts[i] has sig[i]; their order does not matter to who frees them. */
struct engine *engine_of_parts(struct part_store *store, struct rule_set *rules, struct part **part, struct signature **sig, uint32_t n, size_t loaded,
			       const struct engine_settings *s, struct error *error);

/* engine.c: of signatures made by hand, for tests. They are released with the engine, their memory stays the caller's. */
struct engine *engine_of_signatures(struct signature **sig, uint32_t n, const struct engine_settings *s, struct error *error);

/* order.c */
/* Type and uses of variables, while the rule's options are there. */
void signature_settle(struct signature *s);
enum signature_type signature_type_of(const struct signature *s);
/* Sorts into the order of evaluation: a signature's number is its place. Ranks all 0: pass, drop, reject, alert. */
void signatures_sort(struct signature **sig, uint32_t n, const uint8_t rank[RULE_ACTION_N_]);

/* place.c: gives each signature its points and prefilters */
void engine_place(struct engine *e);
bool signature_toward(const struct signature *s, int direction);
bool signature_covers(const struct signature *s, unsigned proto);

/* prefilter.c */
struct prefilter *prefilter_new(struct engine *e, unsigned buffer, const struct transform_chain *transforms, int direction);
/* The one of an app buffer, made if there is none. */
struct prefilter *prefilter_get(struct engine *e, unsigned buffer, const struct transform_chain *transforms, int direction);
struct pattern_choice { /* of a signature */
	struct bytes content;
	bool nocase;
	uint32_t latest; /* see prefilter_entry */
	uint32_t earliest; /* it does not begin before */
};
/* It can only lie at one place. */
static inline bool pattern_is_fixed(const struct pattern_choice *c)
{
	return c->latest && c->earliest + c->content.len == c->latest;
}
void prefilter_add(struct prefilter *p, uint32_t number, const struct pattern_choice *c);
/* Moves patterns to another prefilter that looks at the same bytes, but for those shorter than `least`; if they are few together. */
void prefilter_join(struct prefilter *into, struct prefilter *from, size_t least);
bool prefilter_possible(const struct signature *s);
int prefilters_compile(struct engine *e, struct error *error);
void prefilters_free(struct engine *e);

/* anchors.c: patterns with one place. A prefilter's, NULL: none. */
struct anchors;
struct inspect;
bool anchors_add(struct anchors **made, struct bytes content, bool nocase, uint32_t at, uint32_t number); /* false: it is full */
void anchors_finish(struct anchors *a);
void anchors_free(struct anchors *a);
/* As prefilter_scan does for the others. */
void anchors_scan(const struct anchors *a, struct inspect *in, struct bytes data, uint64_t offset, uint64_t fresh);

/* group.c: what of an engine concerns a packet, by its header */
struct group_rules { /* interned: equal sets are one */
	const uint64_t *member;
	const uint32_t *packet, *event, *first, *protocol, *late; /* numbers, ended by UINT32_MAX */
	uint64_t hash;
	struct group_rules *next;
};
struct group {
	struct group_key {
		uint32_t src, dst, sport, dport; /* classes */
		uint8_t column, direction, version, kind;
		uint32_t spare;
	} key;
	uint32_t id;
	const struct group_rules *rules;
	const struct prefilter *stream[2][SCAN_MAX + 1], *packet[2][SCAN_MAX + 1]; /* by whether it is established; ended by NULL */
	struct group *next;
};
struct group_cache;
struct group_cache *group_cache_new(const struct engine *e);
void group_cache_free(struct group_cache *c);
/* Valid until the next call; NULL: no memory. */
const struct group *group_find(struct group_cache *c, const struct packet *p, int direction);
/* Of a flow's packet: what the flow remembers, or found and remembered. */
const struct group *group_of_flow(struct group_cache *c, struct flow *f, const struct packet *p, int direction);

/* What the flow remembers; NULL: nothing. */
const struct group *group_known(const struct group_cache *c, const struct flow *f, int direction);

/* scratch.c, scan.c: one for each worker */
struct stream_hit { /* a signature whose pattern was seen in the stream and that may yet match */
	uint32_t number;
	uint64_t until;    /* as long as the view begins before this offset */
};
enum { STREAM_HITS_MAX = 10 };
struct flow_detect { /* flow->detect */
	struct inspect *owner;
	uint32_t generation;
	uint8_t n[2];
	bool lost[2];      /* there were more than fit */
	struct stream_hit hit[2][STREAM_HITS_MAX];
};

struct inspect {
	hs_scratch_t *scratch;
	struct group_cache *groups;
	const struct group *group; /* of the packet */
	uint32_t *seen;            /* by number: the round in which it became a candidate */
	uint32_t round;
	uint32_t *candidate;
	size_t n_candidates, room;
	struct slab tx_slab, flow_slab;
	/* the packet's own state */
	bool matched_stream;       /* the match at hand came from the raw stream */
	struct stream_chunk chunk;
	uint64_t fresh;
	bool has_chunk;
	bool joined;               /* several packets' bytes are searched as one: a pattern's place says nothing */
};
static inline struct inspect *inspect_of(struct detect_scratch *s)
{
	return s->inspect;
}
void inspect_begin(struct inspect *in);
void inspect_add(struct inspect *in, uint32_t number);
void inspect_sort(struct inspect *in);
/* How much at the beginning need not be searched again: a pattern that ends in what is new, behind `fresh`, may begin before it. */
static inline size_t searched_before(uint32_t longest, uint64_t offset, uint64_t fresh)
{
	uint64_t back = longest ? longest - 1 : 0, from = fresh > back ? fresh - back : 0;
	return from > offset ? (size_t)(from - offset) : 0;
}
/* Scans and adds the candidates of what is found. `offset` is that of data[0] in the buffer; matches that end at or before `fresh` do not count. */
void prefilter_scan(const struct prefilter *p, struct inspect *in, struct bytes data, uint64_t offset, uint64_t fresh);
/* All of a list that ends with NULL, those of one pool in one search. `data` is all that can be seen. */
void prefilters_scan(const struct prefilter *const *list, struct inspect *in, struct bytes data, uint64_t offset, uint64_t fresh);
/* Of several packets, each of `size` bytes but the last: the candidates of each of them, and maybe more. */
void prefilters_scan_pieces(const struct prefilter *const *list, struct inspect *in, struct bytes data, size_t size);

/* inspect.c */
bool header_matches(const struct packet *p, const struct signature *sig, int direction); /* addresses, ports, protocol: what a group knows */
bool flow_state_matches(const struct packet *p, const struct signature *sig);
bool tests_hold(struct detect_scratch *s, const struct signature *sig);
void match_take(struct detect_scratch *s, const struct app_tx *tx, unsigned flags); /* s->sig matched */

/* inspect_payload.c */
bool payload_holds(struct detect_scratch *s, const struct signature *sig);
bool payload_inspection_holds(struct detect_scratch *s, const struct signature *sig, const struct inspection *i);
/* Searches payload and stream: candidates. */
void payload_find(struct detect_scratch *s, bool flush);
/* Whether a rule must see a packet that merged several segments as the segments were on the wire. */
bool payload_wants_pieces(const struct signature *sig);
static inline bool is_merged(const struct packet *p)
{
	return p->flags & PACKET_SUPER && p->is_tcp;
}
/* A candidate was looked at: if it waits for more of the stream, the flow notes it. */
void payload_judged(struct detect_scratch *s, uint32_t number, bool matched);

/* inspect_tx.c */
size_t detect_tx_size(void);
void inspect_transactions(struct detect_scratch *s, bool flush);
/* Nothing of this direction is new any more. */
void inspect_transactions_done(struct app_flow *a, int direction);
