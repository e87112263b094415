// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Rules on real packets: what the kernel's interpreter does, step by step. Between the files eval_*.c and trace_*.c; others use trace.h.
 */
#pragma once

#include "ruleset/connection.h"
#include "ruleset/model.h"
#include "ruleset/network.h"
#include "ruleset/trace.h"

enum { VALUE_MAX = 256, KEY_MAX = 128, JUMP_DEPTH = 16 };

enum load { LOAD_OK, LOAD_BREAK, LOAD_UNKNOWN };

/* ---- what lives from packet to packet ---- */

/* Of one step, or of one step of one element: a limit's tokens, a quota's use, a generator's place. */
struct step_state {
	struct step_state *next;
	const void *step, *owner;
	bool begun;
	int64_t tokens, max, last; /* ns */
	uint64_t used;
	uint32_t counter;
	struct connection_seen {
		struct connection_seen *next;
		struct tuple tuple;
	} *seen; /* connlimit */
	uint32_t n_seen;
};

struct live_element {
	struct live_element *next;
	const struct ruleset_element *read; /* NULL: it came on the way */
	uint64_t expires; /* µs of the trace's time; 0: never */
	uint64_t timeout;
	const struct step *inner;
	uint8_t key[KEY_MAX], data[KEY_MAX];
	bool gone;
};

struct live_set {
	struct live_set *next;
	const struct ruleset_set *set;
	struct live_element *bucket[256];
	uint32_t n; /* elements now, those that were read and are not gone included */
};

enum { STATE_BUCKETS = 1024, SET_BUCKETS = 64 };
struct live {
	struct arena arena;
	struct step_state *bucket[STATE_BUCKETS];
	struct live_set *sets[SET_BUCKETS];
	usec_t begun; /* when the first packet came: times left count from there */
	bool has_begun;
	size_t used_elements;
};

struct step_state *live_state(struct trace *t, const void *step, const void *owner);

/* What a set holds for a key. */
struct found {
	const uint8_t *data;
	struct verdict verdict;
	const char *object;
	const struct step *inner;
	const void *owner; /* of the inner steps' state */
};
bool live_find(struct trace *t, const struct ruleset_set *set, const uint8_t *key, struct found *out);
/* false: it does not fit. */
bool live_update(struct trace *t, const struct step *s, const uint8_t *key, const uint8_t *data, struct found *out);
void live_delete(struct trace *t, const struct ruleset_set *set, const uint8_t *key);

/* ---- the packet's headers ---- */

/* Finds the transport header anew, as nft_set_pktinfo_*() does at each hook. */
void packet_locate(struct trace_packet *p);
static inline uint8_t *packet_network(const struct trace_packet *p)
{
	return p->bytes + p->link_len;
}
static inline size_t packet_network_len(const struct trace_packet *p)
{
	return p->len - p->link_len;
}
static inline struct bytes packet_ip(const struct trace_packet *p)
{
	return bytes_of(packet_network(p), packet_network_len(p));
}
enum load payload_load(const struct trace_packet *p, uint8_t base, uint32_t offset, uint32_t len, uint8_t *out);
bool payload_store(struct trace_packet *p, const struct step *s, const uint8_t *data);
enum load exthdr_load(const struct trace_packet *p, const struct operand *o, uint8_t *out);
bool exthdr_store(struct trace_packet *p, const struct step *s, const uint8_t *data);
/* offset of an IPv6 extension header from the IP header; -1: not there. `target` -1: the transport header (sets *proto, *fragoff) */
long ip6_find_header(struct bytes ip, int target, uint8_t *proto, uint16_t *fragoff);

/* ---- steps ---- */

enum load operand_load(struct trace *t, const struct operand *o, uint8_t out[VALUE_MAX], size_t *len);
enum load meta_load(struct trace *t, uint32_t key, uint8_t *out);
enum load ct_load(struct trace *t, const struct operand *o, uint8_t *out);
enum load rt_load(struct trace *t, uint32_t key, uint8_t *out);
enum load fib_load(struct trace *t, uint32_t key, uint32_t flags, uint8_t *out);
void meta_store(struct trace *t, uint32_t key, const uint8_t *value);
void ct_store(struct trace *t, const struct step *s, const uint8_t *value);

/* true: go on with the next step of the rule; *v is then CONTINUE. */
void step_run(struct trace *t, const struct step *s, const void *owner, struct verdict *v);
/* Inner steps of an element of a set: all must go on. */
bool inner_run(struct trace *t, const struct found *f, struct verdict *v);
void step_nat(struct trace *t, const struct step *s, struct verdict *v);
void step_reject(struct trace *t, const struct step *s);

/* One base chain. NF_ACCEPT, NF_DROP, NF_QUEUE, NF_STOLEN; for NF_QUEUE t->queue_step says where. */
int32_t chain_run(struct trace *t, const struct ruleset_chain *base);

void trace_event(struct trace *t, struct trace_event e);
/* Something is not known: from here the trace is uncertain. */
void trace_unknown(struct trace *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
