// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Application protocols: recognition, parsers, transactions.
 *
 * A protocol is one descriptor (struct app_proto) and one row in protocols.c. The descriptor lists all that others need to
 * know: names, how it is recognised, states by direction, keywords and buffers, events, loggers. detect/ and output/ read it
 * and know no protocol by name.
 *
 * Bytes come from the worker (app_input) and are borrowed for the call. What a parser does not use of a stream comes again, with more.
 * Transactions are numbered from 0 in a flow, kept in a list, live in an arena of their own and are freed in one go when both
 * directions are inspected, logged and their files closed (app_transactions_prune).
 */
#pragma once

#include "app/file.h"
#include "base/conf.h"
#include "base/counters.h"
#include "base/json.h"
#include "flow/flow.h"

enum { TO_SERVER = 0, TO_CLIENT = 1 };
enum { APP_MAX_TX_EVENTS = 15, APP_TRANSPORT_TCP = 1, APP_TRANSPORT_UDP = 2, APP_MAX_TX = 256 };

struct app_flow;
struct app_worker;
struct app_proto;

struct app_tx { /* each protocol embeds this first */
	uint64_t id;
	struct app_tx *next, *prev;
	uint8_t state[2];          /* progress, in the protocol's own list of states */
	bool updated[2];           /* something changed in this direction since detection last saw it */
	bool inspected[2];         /* complete, and detection is done with it */
	bool skip_inspect[2];      /* depth, error, pass: nothing more to inspect */
	uint8_t n_events;
	uint8_t event[APP_MAX_TX_EVENTS]; /* index into the protocol's event names */
	uint8_t events_logged;     /* anomaly records written so far */
	uint32_t logged;           /* bit n: logger n has had it */
	bool unidirectional[2];    /* spare: this direction only (a DNS answer without query) */
	struct file *files[2];     /* first of each direction's */
	struct file *last_file[2];
	void *detect[2];           /* detect/: inspection state, freed by app_hooks.release_tx */
	uint32_t alerts;
	bool passed, dropped;      /* a pass or drop rule took the transaction */
	struct arena arena;        /* what the transaction itself keeps */
	size_t charged;            /* private: of it, charged so far */
	usec_t created;
};

struct app_flow {
	const struct app_proto *proto;     /* NULL: not known (yet) */
	const struct app_proto *original;  /* before a change (STARTTLS, CONNECT, upgrade), or expected by port; else NULL */
	const struct app_proto *found[2];  /* what each direction alone looked like */
	void *state;                       /* the protocol's own */
	struct app_worker *worker;
	struct flow *flow;
	struct app_tx *first, *last;
	uint64_t n_tx;                     /* ever made: the next id */
	uint32_t n_live;
	bool recognised[2];                /* recognition has ended in this direction, found or not */
	bool nameless;                     /* bytes were missed before recognition ended: it stays "unknown" */
	bool failed;                       /* nothing is it: app_proto "failed" */
	bool error[2], eof[2], gap[2];
	bool no_inspect, no_payload_inspect; /* the parser ended inspection (TLS after the handshake) */
	bool bypass;                       /* the flow may be released (TLS encryption-handling: bypass) */
	bool reset_raw[2];                 /* the parser asks raw inspection to look now */
	uint64_t done_bytes[2];
	uint8_t n_events;                  /* of the flow, not of a transaction: applayer_* below */
	uint8_t event[8];
	uint8_t events_logged;
	uint8_t events_seen;               /* those that detection has seen: detect_packet_done moves it up */
	/*
	 * Recognition has seen bytes of this direction and left them in the stream, because only the other one can tell the protocol.
	 * When that is known (a call for the other direction returns with `proto` set) the worker offers them again.
	 */
	bool waiting[2];
	uint64_t seen_bytes[2];            /* greatest number of bytes offered while recognition went on */
	uint64_t probe_no[2];              /* private to recognition: probes that have said no */
	bool patterns_done[2];             /* likewise */
	bool mismatch[2];                  /* it found another protocol, or none, where the other direction is known: found[] or "failed" */
	bool opened;                       /* proto->open was called */
	bool memcap;                       /* the protocol's memcap was reached for it: the parser is closed */
	struct app_memory *memory;         /* private: whom it charges */
	/* app_change_protocol was called: from the next bytes on. The worker flushes detection and output before it hands them over. */
	bool changing;
	const struct app_proto *change_to, *expected;
};

/* Events any protocol may have: app-layer-event:applayer_… and anomaly records. */
enum app_flow_event {
	APPLAYER_MISMATCH_PROTOCOL_BOTH_DIRECTIONS, APPLAYER_WRONG_DIRECTION_FIRST_DATA, APPLAYER_DETECT_PROTOCOL_ONLY_ONE_DIRECTION,
	APPLAYER_PROTO_DETECTION_SKIPPED, APPLAYER_NO_TLS_AFTER_STARTTLS, APPLAYER_UNEXPECTED_PROTOCOL, APP_FLOW_EVENT_N_
};
extern const char *const app_flow_event_names[];

enum app_result {
	APP_OK,    /* took `used` bytes; wants to be called with what follows */
	APP_ERROR, /* no sense to go on: the flow's parser is closed */
	APP_STOP,  /* wants no more of this direction */
};

struct app_input {
	struct bytes data;   /* contiguous; empty at the mere end; data.data NULL with gap_len: a gap */
	uint64_t gap_len;
	uint64_t offset;     /* absolute stream offset; 0 for datagrams */
	bool start, eof, depth; /* first bytes; nothing follows; what follows is cut off */
	usec_t time;
	const struct packet *packet;
	size_t used;         /* out: bytes taken; preset to all */
};

/* What a buffer keyword sees. */
struct app_view {
	struct bytes data;
	uint64_t offset;     /* of data[0] in the whole buffer (bodies slide) */
	bool start, end;     /* data begins at / reaches the end of the whole buffer */
};

enum app_keyword_kind {
	APP_BUFFER,        /* one buffer */
	APP_MULTI_BUFFER,  /* instances 0, 1, 2 … */
	APP_INTEGER,       /* one number or several */
	APP_FLAGS,         /* yes or no: the keyword without value */
};

struct app_keyword {
	const char *name;            /* "http.uri"; the buffer's name; may also be named by other protocols' rows */
	enum app_keyword_kind kind;
	uint8_t directions;          /* bit 0: to server, bit 1: to client */
	uint8_t state[2];            /* least state in which it is there (inspection waits for it) */
	bool grows;                  /* may grow until the state is passed (bodies): inspected at each update */
	/* False: not there (now). Caches what it must build in the transaction's arena. `index` counts instances. */
	bool (*buffer)(struct app_flow *a, struct app_tx *tx, int direction, unsigned index, struct app_view *out);
	bool (*number)(struct app_flow *a, struct app_tx *tx, int direction, unsigned index, uint64_t *out);
	uint8_t bits;                /* APP_INTEGER: 8, 16, 32, 64 */
	const char *const *names;    /* APP_INTEGER: words for values, NULL-terminated, index = value; may be NULL */
	const char *help;
};

struct app_log_options; /* app/log.h */

struct app_logger {
	const char *type;            /* event_type: "http" */
	const char *setting;         /* its name in eve-log's types; usually the same */
	/*
	 * Logged when both directions have reached these states (or the transaction is over). For records by direction (dns
	 * version 2) `by_direction`: called once for each.
	 */
	uint8_t state[2];
	bool (*ready)(const struct app_flow *a, const struct app_tx *tx); /* NULL, or: asked instead of the states */
	bool by_direction;
	/* NULL, or: true if the record shows client and server as source and destination whatever its direction. */
	bool (*as_flow)(const struct app_log_options *o);
	bool with_tx_id;             /* the record carries tx_id beside its object (http does, dns and tls do not) */
	/* Writes members into the open event object (usually opens one named like the type). False: nothing to say. */
	bool (*log)(struct json *j, struct app_flow *a, struct app_tx *tx, int direction, const struct app_log_options *o);
};

/* Recognition: patterns first, then probes. */
struct app_pattern {
	uint8_t transport;           /* APP_TRANSPORT_… */
	uint8_t direction;           /* in which the bytes go */
	const char *bytes;           /* as in a rule's content: "|16 03|", "GET " */
	uint16_t offset, depth;      /* depth: where it must end at the latest; 0: anywhere */
	bool nocase;
};

enum app_probe_result { PROBE_NO, PROBE_YES, PROBE_MORE, PROBE_SWAP /* it is, but the other way round */ };

struct app_probe {
	uint8_t transport;
	const char *ports;           /* "53", "80,8080"; "" : any port; overridden by app-layer.protocols.X.detection-ports */
	uint8_t direction;           /* 2: both */
	uint16_t min, max;           /* bytes it needs at least, and looks at at most */
	enum app_probe_result (*probe)(struct bytes data, int direction, const struct flow *f, unsigned *swap);
};

struct app_proto {
	const char *name;            /* EVE's app_proto: "http" */
	const char *const *rule_names; /* rule headers that mean it, NULL-terminated: {"http", "http1"} */
	const char *setting;         /* below app-layer.protocols: "http", "dns", "tls" */
	uint8_t transports;
	bool recognise_only;         /* no parser (yet): flows get the name */
	bool off_by_default;         /* app-layer.protocols.X.enabled is no where it is not said */
	const char *const *states[2]; /* names by direction, NULL-terminated; the last is complete */
	uint8_t complete[2];         /* index of the last */
	const struct app_pattern *patterns; size_t n_patterns;
	const struct app_probe *probes; size_t n_probes;
	const struct app_keyword *keywords; size_t n_keywords;
	const char *const *events;   /* NULL-terminated: app-layer-event names without the protocol */
	bool upper_events;           /* anomaly records name its events in capitals (http, tls) */
	const struct app_logger *loggers; size_t n_loggers;
	/* Reads settings once; the result is found by app_settings. NULL: none. */
	void *(*configure)(struct conf *conf, struct error *error);
	void (*unconfigure)(void *settings);
	int (*open)(struct app_flow *a);              /* fills a->state; -ENOMEM */
	enum app_result (*parse)(struct app_flow *a, int direction, struct app_input *in);
	void (*close)(struct app_flow *a);
	void (*tx_release)(struct app_tx *tx);        /* what lies outside its arena; NULL: nothing */
	void (*tx_inspected)(struct app_flow *a, struct app_tx *tx, int direction); /* detection has seen all there is now: windows may slide */
	uint8_t first_dir;           /* who speaks first: TO_SERVER usually */
	uint32_t max_tx;             /* live transactions; 0: APP_MAX_TX; app-layer.protocols.X.max-tx overrides it */
	bool one_tx;                 /* a transaction a flow: the count of flows is theirs too, as in Suricata's stats */
	bool direct_change;          /* a change to it needs no recognition (websocket after an upgrade) */
};

extern const struct app_proto *const app_protocols[]; /* NULL-terminated; protocols.c */
size_t app_protocol_index(const struct app_proto *p); /* its row */
const struct app_proto *app_protocol_find(const char *name); /* by name or rule name */

/* Process-wide, read-only once made. */
struct app_context;
struct app_context *app_context_new(struct conf *conf, bool ips, struct error *error);
void app_context_free(struct app_context *c);
bool app_enabled(const struct app_context *c, const struct app_proto *p); /* parser on ("yes") */
bool app_detect_enabled(const struct app_context *c, const struct app_proto *p); /* or "detection-only" */
bool app_transport_enabled(const struct app_context *c, const struct app_proto *p, bool udp, bool *parser); /* recognised; parsed too? */
void *app_settings(const struct app_context *c, const struct app_proto *p);
bool app_is_ips(const struct app_context *c);
int app_memcap_policy(const struct app_context *c); /* enum exception_policy, resolved */

/* One for each worker. */
struct app_hooks {
	void (*release_tx)(void *context, struct app_tx *tx); /* detect's state on it */
	void *context;
};
struct app_worker {
	const struct app_context *context;
	struct counters *counters;
	struct app_hooks hooks;
	/* by protocol index; [transport is UDP]: flows, transactions, errors */
	uint64_t (*flows)[2], (*txs)[2], (*errors)[2], (*gap_errors)[2], (*alloc_errors)[2];
	uint64_t failed[2];
	struct slab flow_slab;
	struct slab tx_slab; /* blocks in which a transaction lies with the beginning of its arena */
	uint32_t next_file_id;
	uint64_t memuse;     /* all that is charged */
	struct app_memory *memory; /* by protocol index */
	bool want_md5, want_sha1, want_sha256, want_magic; /* by rules or outputs */
	bool want_ja3, want_ja4;
	bool inline_mode;
};
int app_worker_init(struct app_worker *w, const struct app_context *c, struct counters *counters);
void app_worker_deinit(struct app_worker *w);

/*
 * Bytes of a TCP direction, a gap, or its end: recognition, then the parser. Returns how much was used (a gap: all). Afterwards
 * `*stop` says that this direction wants no more. May set the flow's events, change its protocol, swap it: then FLOW_SWAPPED has
 * changed, nothing was used, and the worker turns its packet and offers the bytes again in the other direction.
 */
size_t app_stream_input(struct app_worker *w, struct flow *f, int direction, struct app_input *in, bool *stop);
/* A UDP datagram. If FLOW_SWAPPED has changed afterwards, the flow was turned and the worker turns its packet. */
void app_datagram_input(struct app_worker *w, struct flow *f, int direction, struct app_input *in);
/* The flow ends: parsers see the end, transactions are completed. */
void app_flow_finish(struct app_worker *w, struct flow *f, usec_t now);
void app_flow_free(struct app_worker *w, struct flow *f);
void app_flow_swap(struct app_flow *a);

/*
 * For parsers. What lies outside of a transaction's arena is charged when it is kept (estimated, where a library keeps it) and discharged when it
 * goes. False: the protocol's memcap (app-layer.protocols.X.memcap) is reached. It counts as charged all the same, and the flow's parser is
 * closed when it returns.
 */
bool app_charge(struct app_flow *a, size_t n);
void app_discharge(struct app_flow *a, size_t n);
struct app_tx *app_tx_new(struct app_flow *a, size_t size, usec_t now); /* NULL: no memory, or max-tx */
void app_tx_event(struct app_tx *tx, unsigned event);
void app_flow_event(struct app_flow *a, enum app_flow_event e);
void app_tx_advance(struct app_tx *tx, int direction, uint8_t state); /* raises state and marks updated */
/* The flow speaks another protocol from now on (NULL: find out anew). */
void app_change_protocol(struct app_flow *a, const struct app_proto *to);
/* Frees transactions that all are done with. `inspect`: detection is on; `n_loggers_due` is what output waits for. */
void app_transactions_prune(struct app_worker *w, struct flow *f, bool inspect);
void app_tx_free(struct app_worker *w, struct app_flow *a, struct app_tx *tx);
static inline bool app_tx_complete(const struct app_flow *a, const struct app_tx *tx, int direction)
{
	return tx->state[direction] >= a->proto->complete[direction];
}
/* "unknown" until recognition ends, "failed", or the protocol's name. NULL is allowed. */
const char *app_flow_name(const struct app_flow *a);
/* What a direction alone looked like, where it is not the flow's name ("failed", another protocol); else NULL: app_proto_ts, app_proto_tc. */
const char *app_flow_side_name(const struct app_flow *a, int direction);

/* Recognition (recognise.c); for app.c. */
struct app_recogniser;
struct app_recogniser *app_recogniser_new(const struct app_context *c, struct conf *conf, struct error *error);
void app_recogniser_free(struct app_recogniser *r);
/*
 * Looks at the first bytes of a direction. The protocol, or NULL; then a->recognised[direction] says whether more bytes could help.
 * `*swap`: it is, but the other way round.
 */
const struct app_proto *app_recognise(const struct app_recogniser *r, struct app_flow *a, int direction, struct bytes data, bool datagram,
				      bool *swap);

/* Files. */
struct file *file_open(struct app_flow *a, struct app_tx *tx, int direction, struct bytes name);
int file_append(struct app_flow *a, struct file *f, struct bytes data); /* counts size, feeds digests, content window */
void file_gap(struct file *f, uint64_t len);
void file_close(struct app_flow *a, struct file *f, enum file_state state);
void file_free(struct app_flow *a, struct file *f);

/* Buffers by name: ids are dense, 0 is none. The same name from many protocols is one buffer. */
unsigned app_buffer_id(const char *name);
const char *app_buffer_name(unsigned id);
unsigned app_buffer_count(void);
/* A protocol's keyword of a name, or NULL. */
const struct app_keyword *app_keyword_find(const struct app_proto *p, const char *name);
