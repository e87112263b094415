// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A compiled rule: what detect/ works with. compile.c and the keyword files make it from a struct rule; engine.c orders it,
 * gives it a type and a number, groups and prefilters it; inspect.c runs it.
 *
 * Immutable once it is compiled, and shared by all engines that have the rule: what number it has is the engine's business.
 */
#pragma once

#include "app/app.h"
#include "detect/program.h"
#include "rule/lists.h"
#include "rule/rule.h"

struct detect_scratch; /* run.h */

enum signature_type { /* decides how often it runs and what drop and pass take: design, section 5 */
	SIG_IP_ONLY, SIG_LIKE_IP_ONLY, SIG_PD_ONLY, SIG_DECODER_EVENT, SIG_PACKET, SIG_PACKET_STREAM, SIG_STREAM, SIG_APP, SIG_TX, SIG_TYPE_N_
};

enum signature_flag {
	SIG_TO_SERVER = 1u << 0, SIG_TO_CLIENT = 1u << 1,   /* flow:to_server, to_client; neither: both */
	SIG_ESTABLISHED = 1u << 2, SIG_NOT_ESTABLISHED = 1u << 3, SIG_STATELESS = 1u << 4,
	SIG_ONLY_STREAM = 1u << 5, SIG_NO_STREAM = 1u << 6, /* flow:only_stream, no_stream; tcp-stream, tcp-pkt */
	SIG_NO_FRAG = 1u << 7, SIG_ONLY_FRAG = 1u << 8,
	SIG_NOALERT = 1u << 9,
	SIG_SRC_ANY = 1u << 10, SIG_DST_ANY = 1u << 11, SIG_SPORT_ANY = 1u << 12, SIG_DPORT_ANY = 1u << 13,
	SIG_BIDIRECTIONAL = 1u << 14,
	SIG_WANT_PACKET = 1u << 15,   /* has conditions on a packet's header: cannot be settled by the stream alone */
	SIG_WANT_PAYLOAD = 1u << 16,
	SIG_WANT_STREAM = 1u << 17,
	SIG_HAS_TX = 1u << 18,        /* has inspections of transactions */
	SIG_BYPASS = 1u << 19,
	SIG_PREFILTER = 1u << 20,     /* `prefilter` was written */
	SIG_TARGET_SRC = 1u << 21, SIG_TARGET_DST = 1u << 22,
	SIG_CHECKS_APP_EVENT = 1u << 23,
	SIG_PARTIAL = 1u << 24,       /* a buffer of it also exists in protocols that are not built yet */
	SIG_SETS_FLOWBIT = 1u << 25, SIG_TESTS_FLOWBIT = 1u << 26,
	SIG_TO_EITHER = 1u << 27,     /* =>: both directions of a transaction */
	SIG_FLOW_NOT_TO = 1u << 28,
	SIG_WANT_DSIZE = 1u << 30,         /* asks for a payload's size: merged packets are cut for it */
	SIG_TESTS_APP_PROTOCOL = 1u << 29, /* app-layer-protocol: with nothing else, a rule about recognition alone */
};

#define SIG_FILES (UINT64_C(1) << 32)       /* asks for properties of files */
#define SIG_WANT_MD5 (UINT64_C(1) << 33)    /* digests must be made */
#define SIG_WANT_SHA1 (UINT64_C(1) << 34)
#define SIG_WANT_SHA256 (UINT64_C(1) << 35)
#define SIG_WANT_MAGIC (UINT64_C(1) << 36)

/* Buffers that belong to packets, not to transactions; app buffers follow (id = BUFFER_APP + app_buffer_id). */
enum {
	BUFFER_NONE, BUFFER_PAYLOAD /* content without a sticky buffer */, BUFFER_BASE64, BUFFER_IP4_HDR, BUFFER_IP6_HDR,
	BUFFER_TCP_HDR, BUFFER_UDP_HDR, BUFFER_ICMP4_HDR, BUFFER_ICMP6_HDR, BUFFER_IP_SRC, BUFFER_IP_DST /* the address's bytes */,
	BUFFER_PKT_N_ = 24, BUFFER_APP = 24,
};

/* The bytes of a packet's own buffer (BUFFER_IP4_HDR …, not BUFFER_PAYLOAD's stream). False: the packet has none. keywords_packet.c */
bool packet_buffer(const struct packet *p, unsigned buffer, struct bytes *out);

/* A condition on a packet or flow that is no byte search. */
struct packet_test {
	bool (*test)(struct detect_scratch *s, const struct packet_test *t);
	const struct keyword *keyword;
	uint64_t a, b;         /* for integers: mode, arguments */
	void *data;            /* in the engine's arena */
	struct packet_test *next;
};

/* What a match does: set bits, tags … Runs when all conditions hold, before the alert is queued. */
struct signature_effect {
	void (*run)(struct detect_scratch *s, const struct signature_effect *e);
	uint64_t a, b;
	void *data;
	struct signature_effect *next;
};

/* A transform chain, interned: equal chains are one pointer. */
struct transform_chain;

/* Conditions on one buffer (with one chain of transforms) in one direction. */
struct inspection {
	unsigned buffer;                        /* BUFFER_… */
	const struct transform_chain *transforms; /* NULL: none */
	uint8_t direction;                      /* bit 0 to server, bit 1 to client */
	uint8_t state[2];                       /* BUFFER_APP: least state by direction; see engine.c for many protocols */
	bool multi;                             /* for each instance by itself */
	bool absent;                            /* `absent` alone: holds if the buffer is not there */
	bool absent_or_else;                    /* `absent: or_else` */
	struct program *program;                /* NULL: the buffer must be there, or absent */
	struct app_test *tests;                 /* integers and flags of transactions */
	struct inspection *next;
};

/* A condition on a transaction that is no byte search: integer keywords, app-layer-event … */
struct app_test {
	/* True if it holds. `pending` set: cannot be said before the transaction goes on. */
	bool (*test)(struct detect_scratch *s, const struct app_test *t, struct app_flow *a, struct app_tx *tx, int direction, bool *pending);
	const struct keyword *keyword;
	const char *app_keyword;  /* name of the protocol row it asks; NULL: none */
	uint64_t a, b;
	void *data;
	struct app_test *next;
};

struct signature {
	uint32_t sid, gid, rev, priority;
	enum rule_action action;
	uint8_t type;         /* enum signature_type */
	uint8_t use[6];       /* order.c: of variables, which decides its place in the order */
	uint64_t flags;       /* enum signature_flag and SIG_FILES … */
	const char *msg, *class_name, *class_text;
	const char *metadata_json; /* object text for EVE alert.metadata, or NULL */
	const char *references_json;
	const struct rule *rule;   /* its text; owned by the engine */
	const char *text;

	/* header */
	uint8_t proto_bits[32];    /* IP protocols, by number */
	bool any_proto;            /* "ip", "any" */
	uint8_t ip_version;        /* 4, 6 for ipv4/ipv6 headers, 0: both */
	bool pkthdr;               /* "pkthdr": decoder events and any packet */
	bool is_arp, is_ether;
	const struct app_proto *app[4]; /* header or app-layer-protocol: any of these; n_app 0: not bound */
	uint8_t n_app;
	const char *hook; int hook_state, hook_direction; /* -1: none */
	const struct address_set *src, *dst;
	const struct port_set *sport, *dport;

	struct packet_test *tests, *last_test;
	struct inspection *inspections, *last_inspection;
	struct signature_effect *effects, *last_effect;
	struct threshold *threshold; /* threshold or detection_filter of the rule itself */

	/* fast pattern; fast.content.len 0: none */
	struct {
		struct bytes content;
		bool nocase;
		unsigned buffer;
		const struct transform_chain *transforms;
		uint8_t direction;
		uint16_t offset, depth;  /* of the whole content, 0: not given */
		bool only;               /* the pattern alone is the condition: no need to look again (fast_pattern:only) */
		bool negated;            /* never prefiltered */
		const struct program_step *step; /* where it came from */
	} fast;
	uint32_t tx_mask;     /* engine.c: bits of all inspections */
	uint32_t n_inspections;
	struct signature *next;
};

/*
 * Rule → signature. NULL: not evaluated; findings say why (unknown or unsupported keyword, wrong value), with the place. `ctx` holds
 * what compiling needs and what outlives it: arena, variables, lists, registries.
 */
struct compile_context {
	struct arena *arena;              /* the engine's */
	struct rule_set *findings;
	const struct rule_vars *vars;
	const struct rule_lists *lists;
	const struct app_context *app;
	struct conf *conf;
	struct detect_registry *registry; /* ids of flowbits, xbits, datasets, vars: outlives engines */
	struct detect_files *files;       /* NULL: no reputation, no countries; sets are all the registry's */
	bool ips;
	bool strict;                      /* unknown → error */
	uint32_t strict_keywords;         /* spare */
	struct arena temp;                /* private: of one rule's compiling */
	bool alone;                       /* private: the rule compiled last depends on more than its text and settings: files, data sets */
	struct transform_chain *chains;   /* interned so far; freed with the arena after transform_chains_release */
};
struct signature *signature_compile(struct compile_context *ctx, const struct rule *r);
/* Frees what does not lie in the arena (PCRE2 code, hash tables). */
void signature_release(struct signature *s);

/* Names → dense ids that outlive engines; thread-safe. */
struct detect_registry;
struct detect_registry *detect_registry_new(void);
void detect_registry_free(struct detect_registry *r);
/*
 * Files that rules ask: reputation, countries, and data sets that are loaded but never saved. They belong to rules that are in force together, so that the
 * next ones read them anew; freed after the engine. NULL with words when one that is configured cannot be read.
 */
struct detect_files;
struct detect_files *detect_files_read(struct conf *conf, struct error *error);
void detect_files_free(struct detect_files *f); /* NULL is allowed */
/* Their paths, those of sets that rules have named included. */
void detect_files_visit(const struct detect_files *f, void (*visit)(void *context, const char *path), void *context);
enum registry_kind { REGISTRY_FLOWBIT, REGISTRY_FLOWINT, REGISTRY_XBIT, REGISTRY_HOSTBIT, REGISTRY_FLOWVAR, REGISTRY_PKTVAR, REGISTRY_DATASET, REGISTRY_KIND_N_ };
uint32_t registry_id(struct detect_registry *r, enum registry_kind kind, const char *name);
const char *registry_name(struct detect_registry *r, enum registry_kind kind, uint32_t id);
