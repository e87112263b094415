// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The flow table. Flows hang in a hash table by their key (the same for both directions) and in a timer wheel of one-second
 * slots. A packet only writes its flow's new expiry; the wheel looks when it comes by, and moves the flow to its new slot if
 * it has lived on. Only a flow whose time got shorter is moved at once. So a flow costs the wheel nothing per packet.
 */
#include "flow/flow_table.h"

#include "flow/stream.h"

#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

enum { WHEEL_SLOTS = 1024, EVICTION_LOOKS = 64 };
#define FLOW_ID_BITS 51

struct flow_table {
	struct flow_settings settings;
	struct flow_table_hooks hooks;
	struct counters *counters;
	uint64_t seed, made;
	struct flow **row;
	uint32_t mask;
	struct slab slab;
	size_t count;
	bool emergency;
	usec_t now;
	int64_t wheel_second;   /* the second whose slot is looked at next */
	bool wheel_started;
	struct flow *wheel[WHEEL_SLOTS];
};

/* What a packet's flow is looked up by. Laid out without holes, so that it can be hashed as bytes. */
struct lookup {
	struct flow_key key;
	bool reversed;     /* the packet goes from key.dst to key.src: only for ICMP errors */
	bool join_only;    /* it may join a flow, but makes none */
};

struct hash_input {
	uint8_t address[2][16];
	uint16_t port[2];
	uint16_t vlan[PACKET_MAX_VLANS];
	uint8_t proto, recursion, family, pad;
};

static uint32_t key_hash(const struct flow_table *t, const struct flow_key *k)
{
	struct hash_input in = {.proto = k->proto, .recursion = k->recursion, .family = k->src.family};
	int c = memcmp(k->src.byte, k->dst.byte, 16);
	int first = c > 0 || (c == 0 && k->sport > k->dport);
	memcpy(in.address[first], k->src.byte, 16);
	memcpy(in.address[!first], k->dst.byte, 16);
	in.port[first] = k->sport;
	in.port[!first] = k->dport;
	for (unsigned i = 0; i < k->n_vlans; i++)
		in.vlan[i] = k->vlan[i];
	return (uint32_t)XXH3_64bits_withSeed(&in, sizeof in, t->seed);
}

static bool key_same_path(const struct flow_key *a, const struct flow_key *b)
{
	return a->proto == b->proto && a->recursion == b->recursion && a->n_vlans == b->n_vlans &&
	       memcmp(a->vlan, b->vlan, a->n_vlans * sizeof *a->vlan) == 0;
}

static bool key_equal(const struct flow_key *a, const struct flow_key *b)
{
	return a->sport == b->sport && a->dport == b->dport && address_equal(&a->src, &b->src) && address_equal(&a->dst, &b->dst);
}

static bool key_opposite(const struct flow_key *a, const struct flow_key *b)
{
	return a->sport == b->dport && a->dport == b->sport && address_equal(&a->src, &b->dst) && address_equal(&a->dst, &b->src);
}

static bool icmp_is_error(const struct packet *p)
{
	switch (p->icmp.type) {
	case 3: case 4: case 5: case 11: case 12:
		return p->is_icmp;
	default:
		return false;
	}
}

static void fill_ports(const struct packet *p, struct flow_key *k)
{
	if (p->is_icmp || p->is_icmp6) {
		k->sport = p->icmp.type;
		k->dport = icmp_counterpart(p->proto, p->icmp.type, p->icmp.code);
	} else if (p->is_esp) {
		k->sport = (uint16_t)(p->esp_spi >> 16);
		k->dport = (uint16_t)p->esp_spi;
	} else {
		k->sport = p->sport;
		k->dport = p->dport;
	}
}

/* Conversations, and IP in IP as a whole; not what merely carries (GRE) or manages (IGMP, routing protocols). */
static bool makes_flow(const struct packet *p)
{
	return p->is_tcp || p->is_udp || p->is_icmp || p->is_icmp6 || p->is_sctp || p->is_esp || p->proto == PROTO_IPIP || p->proto == PROTO_IPV6;
}

static bool fill_lookup(const struct flow_table *t, const struct packet *p, struct lookup *l)
{
	*l = (struct lookup){0};
	struct flow_key *k = &l->key;
	if (!p->ip_version || p->flags & (PACKET_INVALID | PACKET_FRAGMENT) || !makes_flow(p))
		return false;
	k->proto = p->proto;
	if (t->settings.recursion_use_for_tracking)
		k->recursion = p->recursion;
	if (t->settings.vlan_use_for_tracking) {
		k->n_vlans = p->n_vlans;
		memcpy(k->vlan, p->vlan, p->n_vlans * sizeof *k->vlan);
	}
	if (!icmp_is_error(p)) {
		k->src = p->src;
		k->dst = p->dst;
		fill_ports(p, k);
		return true;
	}
	if (!p->icmp.embedded_proto)
		return false;
	l->join_only = l->reversed = true;
	k->proto = p->icmp.embedded_proto;
	k->src = p->icmp.embedded_src;
	k->dst = p->icmp.embedded_dst;
	k->sport = p->icmp.embedded_sport;
	k->dport = p->icmp.embedded_dport;
	return true;
}

static enum flow_timeout timeout_row(uint8_t proto)
{
	switch (proto) {
	case PROTO_TCP: return FLOW_TIMEOUT_TCP;
	case PROTO_UDP: return FLOW_TIMEOUT_UDP;
	case PROTO_ICMP:
	case PROTO_ICMPV6: return FLOW_TIMEOUT_ICMP;
	default: return FLOW_TIMEOUT_DEFAULT;
	}
}

static usec_t flow_timeout(const struct flow_table *t, const struct flow *f, bool emergency)
{
	const uint32_t(*rows)[FLOW_STATE_N_] = emergency ? t->settings.emergency_timeout : t->settings.timeout;
	return rows[timeout_row(f->key.proto)][f->state] * USEC_PER_SEC;
}

static void wheel_add(struct flow_table *t, struct flow *f)
{
	int64_t second = f->expires / USEC_PER_SEC + 1;
	if (second < t->wheel_second)
		second = t->wheel_second;
	if (second >= t->wheel_second + WHEEL_SLOTS)
		second = t->wheel_second + WHEEL_SLOTS - 1;
	struct flow **slot = &t->wheel[second & (WHEEL_SLOTS - 1)];
	f->wheel_prev = NULL;
	f->wheel_next = *slot;
	if (*slot)
		(*slot)->wheel_prev = f;
	*slot = f;
	f->wheel_slot = (uint16_t)(second & (WHEEL_SLOTS - 1));
}

static void wheel_remove(struct flow_table *t, struct flow *f)
{
	if (f->wheel_prev)
		f->wheel_prev->wheel_next = f->wheel_next;
	else
		t->wheel[f->wheel_slot] = f->wheel_next;
	if (f->wheel_next)
		f->wheel_next->wheel_prev = f->wheel_prev;
}

static void set_time(struct flow_table *t, usec_t now)
{
	if (now > t->now)
		t->now = now;
	if (!t->wheel_started) {
		t->wheel_started = true;
		t->wheel_second = t->now / USEC_PER_SEC;
	}
}

static void count_end(struct flow_table *t, const struct flow *f)
{
	static const uint16_t by_state[FLOW_STATE_N_] = {
		[FLOW_NEW] = COUNTER_FLOW_END_STATE_NEW, [FLOW_ESTABLISHED] = COUNTER_FLOW_END_STATE_ESTABLISHED,
		[FLOW_CLOSED] = COUNTER_FLOW_END_STATE_CLOSED, [FLOW_BYPASSED] = COUNTER_FLOW_END_STATE_LOCAL_BYPASSED,
		[FLOW_CAPTURE_BYPASSED] = COUNTER_FLOW_END_STATE_CAPTURE_BYPASSED,
	};
	t->counters->value[by_state[f->state]]++;
	if (f->key.proto == PROTO_TCP)
		t->counters->value[flow_tcp_end_counter(f)]++;
	if (f->state >= FLOW_BYPASSED)
		COUNT(t->counters, FLOW_BYPASSED_CLOSED);
	t->counters->value[COUNTER_FLOW_ACTIVE]--;
}

static void unlink_row(struct flow_table *t, struct flow *f)
{
	struct flow **at = &t->row[f->hash & t->mask];
	while (*at != f)
		at = &(*at)->hash_next;
	*at = f->hash_next;
}

void flow_table_remove(struct flow_table *t, struct flow *f, enum flow_end_reason why)
{
	unlink_row(t, f);
	wheel_remove(t, f);
	f->end_reason = (uint8_t)why;
	if (why == FLOW_END_TCP_REUSE)
		COUNT(t->counters, FLOW_TCP_REUSE);
	if (t->hooks.end)
		t->hooks.end(t->hooks.context, f, t->now);
	count_end(t, f);
	if (t->hooks.release)
		t->hooks.release(t->hooks.context, f);
	slab_give(&t->slab, f);
	t->count--;
	t->counters->value[COUNTER_FLOW_MEMUSE] -= sizeof *f;
	uint64_t room = t->settings.memcap / 100 * t->settings.emergency_recovery;
	if (t->emergency && t->counters->value[COUNTER_FLOW_MEMUSE] + room <= t->settings.memcap) {
		t->emergency = false;
		COUNT(t->counters, FLOW_EMERG_MODE_OVER);
	}
}

static bool flow_is_over(const struct flow_table *t, const struct flow *f)
{
	return t->emergency ? f->last + flow_timeout(t, f, true) <= t->now : f->expires <= t->now;
}

unsigned flow_table_expire(struct flow_table *t, usec_t now, unsigned budget)
{
	set_time(t, now);
	unsigned ended = 0, moves = budget * 4 + 16;
	int64_t last = t->now / USEC_PER_SEC;
	if (last - t->wheel_second > WHEEL_SLOTS) /* a leap: every slot is due once */
		t->wheel_second = last - WHEEL_SLOTS;
	while (t->wheel_second <= last) {
		struct flow *f = t->wheel[t->wheel_second & (WHEEL_SLOTS - 1)];
		if (!f) {
			if (t->wheel_second == last)
				break;
			t->wheel_second++;
			continue;
		}
		if (flow_is_over(t, f)) {
			if (ended == budget)
				break;
			ended++;
			flow_table_remove(t, f, FLOW_END_TIMEOUT);
			continue;
		}
		if (moves-- == 0)
			break;
		wheel_remove(t, f);
		t->wheel_second++; /* it must not come back into this slot */
		wheel_add(t, f);
		t->wheel_second--;
	}
	return ended;
}

/* Makes room for one flow: of those that would end soonest, one that is over by emergency timeouts, or else the longest silent. */
static bool evict_one(struct flow_table *t)
{
	if (!t->emergency) {
		t->emergency = true;
		COUNT(t->counters, FLOW_EMERG_MODE_ENTERED);
	}
	struct flow *victim = NULL;
	unsigned looks = 0;
	for (unsigned i = 0; i < WHEEL_SLOTS && looks < EVICTION_LOOKS; i++) {
		struct flow *f = t->wheel[(t->wheel_second + i) & (WHEEL_SLOTS - 1)];
		for (; f && looks < EVICTION_LOOKS; f = f->wheel_next, looks++) {
			COUNT(t->counters, FLOW_GET_USED_EVAL);
			if (!victim || f->last < victim->last)
				victim = f;
			if (flow_is_over(t, f)) {
				flow_table_remove(t, f, FLOW_END_TIMEOUT);
				return true;
			}
		}
	}
	if (!victim) {
		COUNT(t->counters, FLOW_GET_USED_FAILED);
		return false;
	}
	COUNT(t->counters, FLOW_GET_USED);
	flow_table_remove(t, victim, FLOW_END_FORCED);
	return true;
}

static struct flow *take_flow(struct flow_table *t)
{
	while (t->counters->value[COUNTER_FLOW_MEMUSE] + sizeof(struct flow) > t->settings.memcap)
		if (!evict_one(t))
			return NULL;
	struct flow *f = slab_take(&t->slab);
	if (f)
		t->counters->value[COUNTER_FLOW_MEMUSE] += sizeof *f;
	return f;
}

static void count_new(struct flow_table *t, uint8_t proto)
{
	COUNT(t->counters, FLOW_TOTAL);
	COUNT(t->counters, FLOW_ACTIVE);
	switch (proto) {
	case PROTO_TCP: COUNT(t->counters, FLOW_TCP); break;
	case PROTO_UDP: COUNT(t->counters, FLOW_UDP); break;
	case PROTO_ICMP: COUNT(t->counters, FLOW_ICMPV4); break;
	case PROTO_ICMPV6: COUNT(t->counters, FLOW_ICMPV6); break;
	}
}

/* Numbers that never repeat and do not say how many flows there were: a counter times an odd number, modulo a power of two. */
static uint64_t next_id(struct flow_table *t)
{
	uint64_t mask = (1ull << FLOW_ID_BITS) - 1, id;
	do
		id = (++t->made * 0x9e3779b97f4a7c15ull + t->seed) & mask;
	while (!id);
	return id;
}

static struct flow *make_flow(struct flow_table *t, const struct packet *p, const struct flow_key *k, uint32_t hash)
{
	struct flow *f = take_flow(t);
	if (!f)
		return NULL;
	f->key = *k;
	f->hash = hash;
	f->id = next_id(t);
	f->first = p->time;
	f->last = p->time;
	f->in_interface = p->in_interface;
	f->hash_next = t->row[hash & t->mask];
	t->row[hash & t->mask] = f;
	f->expires = t->now + flow_timeout(t, f, false);
	wheel_add(t, f);
	t->count++;
	count_new(t, k->proto);
	return f;
}

/*
 * Taken up in the middle, and no byte seen since: it may have been the last word of a connection that is over, and its ports be used again. There is
 * nothing yet that a SYN could do away with.
 */
static bool is_bare_midstream(const struct tcp_session *s)
{
	return s && s->midstream && !s->midstream_synack && !s->side[0].highest && !s->side[1].highest;
}

/*
 * Whether a SYN opens another connection on a flow's addresses: the old one is over and the number is a new one (a host that was refused
 * tries again with the old number), or the SYN comes from the other side.
 */
static bool opens_again(const struct flow *f, const struct packet *p, bool reversed)
{
	if (!p->is_tcp || f->key.proto != PROTO_TCP || (p->tcp.flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) != TCP_SYN)
		return false;
	if (is_bare_midstream(f->tcp))
		return true;
	if (reversed)
		return !f->tcp || f->state == FLOW_CLOSED;
	return f->tcp && f->state == FLOW_CLOSED && p->tcp.seq != f->tcp->side[0].isn;
}

/* Finds the packet's flow; one whose time is up, or that the packet's SYN replaces, ends first. `reversed` says which way the packet goes. */
static struct flow *find_flow(struct flow_table *t, const struct packet *p, const struct lookup *l, uint32_t hash, bool *reversed)
{
	for (struct flow *f = t->row[hash & t->mask]; f; f = f->hash_next) {
		if (f->hash != hash || !key_same_path(&f->key, &l->key))
			continue;
		if (key_equal(&f->key, &l->key))
			*reversed = l->reversed;
		else if (key_opposite(&f->key, &l->key))
			*reversed = !l->reversed;
		else
			continue;
		/* by the packets' own times too, for a capture that was put together from several */
		if (f->expires <= t->now || f->last + flow_timeout(t, f, false) <= p->time)
			flow_table_remove(t, f, FLOW_END_TIMEOUT);
		else if (opens_again(f, p, *reversed))
			flow_table_remove(t, f, FLOW_END_TCP_REUSE);
		else
			return f;
		return NULL;
	}
	return NULL;
}

static void note_ends(struct flow *f, const struct packet *p, int direction)
{
	if ((p->is_icmp || p->is_icmp6) && f->key.proto == p->proto) {
		if (direction) {
			f->has_icmp_server = true;
			f->icmp_type_server = p->icmp.type;
			f->icmp_code_server = p->icmp.code;
		} else if (!f->has_icmp_client) {
			f->has_icmp_client = true;
			f->icmp_type_client = p->icmp.type;
			f->icmp_code_client = p->icmp.code;
		}
	}
	if (p->ether && !f->has_ether) {
		f->has_ether = true;
		memcpy(direction ? f->ether_client : f->ether_server, p->ether, 6);
		memcpy(direction ? f->ether_server : f->ether_client, p->ether + 6, 6);
	}
}

static void track_rate(struct flow_table *t, struct flow *f, uint64_t bytes)
{
	usec_t interval = t->settings.elephant_seconds * USEC_PER_SEC;
	if (t->now - f->rate_start >= interval) {
		f->rate_start = t->now;
		f->rate_bytes = 0;
	}
	f->rate_bytes += bytes;
	if (f->rate_bytes >= t->settings.elephant_bytes && !(f->flags & FLOW_ELEPHANT)) {
		f->flags |= FLOW_ELEPHANT;
		COUNT(t->counters, FLOW_ELEPHANT);
	}
}

/* A packet of several merged segments counts as many as were sent, with their headers. */
static uint64_t pieces_of(const struct packet *p)
{
	if (!(p->flags & PACKET_SUPER) || !p->is_tcp)
		return 1;
	size_t size = stream_piece_size(p), len = p->payload.len + packet_uncopied(p);
	return len > size ? (len + size - 1) / size : 1;
}

static void count_packet(struct flow_table *t, struct flow *f, struct packet *p, int direction)
{
	struct flow_side *s = &f->side[direction];
	uint64_t pieces = pieces_of(p);
	uint64_t bytes = p->frame.len + packet_uncopied(p) + (pieces - 1) * (p->frame.len - p->payload.len);
	if (!s->packets) {
		p->flags |= PACKET_FIRST_IN_DIRECTION;
		s->min_ttl = s->max_ttl = p->ttl;
	}
	if (p->ttl < s->min_ttl)
		s->min_ttl = p->ttl;
	if (p->ttl > s->max_ttl)
		s->max_ttl = p->ttl;
	s->packets += pieces;
	s->bytes += bytes;
	p->flow_packet = f->side[0].packets + f->side[1].packets;
	if (p->proto == f->key.proto) /* an ICMP error is no answer */
		f->flags |= direction ? FLOW_TO_CLIENT_SEEN : FLOW_TO_SERVER_SEEN;
	if (t->settings.elephant_bytes)
		track_rate(t, f, bytes);
	if (f->state == FLOW_BYPASSED) {
		COUNT_ADD(t->counters, FLOW_BYPASSED_LOCAL_PKTS, pieces);
		COUNT_ADD(t->counters, FLOW_BYPASSED_LOCAL_BYTES, bytes);
	} else if (f->state == FLOW_CAPTURE_BYPASSED) { /* was in the queue already */
		COUNT_ADD(t->counters, FLOW_BYPASSED_LOCAL_CAPTURE_PKTS, pieces);
		COUNT_ADD(t->counters, FLOW_BYPASSED_LOCAL_CAPTURE_BYTES, bytes);
	}
}

static void join_flow(struct flow_table *t, struct flow *f, struct packet *p, bool reversed)
{
	int direction = reversed;
	p->flow = f;
	p->flags |= PACKET_HAS_FLOW | (direction ? PACKET_TO_CLIENT : PACKET_TO_SERVER);
	if (p->time > f->last)
		f->last = p->time;
	count_packet(t, f, p, direction);
	note_ends(f, p, direction);
	uint32_t both = FLOW_TO_SERVER_SEEN | FLOW_TO_CLIENT_SEEN;
	if (f->key.proto != PROTO_TCP && (f->flags & both) == both && f->state == FLOW_NEW)
		f->state = FLOW_ESTABLISHED;
	if (f->state == FLOW_ESTABLISHED)
		p->flags |= PACKET_ESTABLISHED;
	f->expires = t->now + flow_timeout(t, f, false);
}

struct flow *flow_table_get(struct flow_table *t, struct packet *p)
{
	struct lookup l;
	set_time(t, p->time);
	if (!fill_lookup(t, p, &l))
		return NULL;
	uint32_t hash = key_hash(t, &l.key);
	bool reversed = false;
	struct flow *f = find_flow(t, p, &l, hash, &reversed);
	if (!f) {
		if (l.join_only)
			return NULL;
		reversed = false; /* as the packet goes, whatever a flow that just ended made of it */
		f = make_flow(t, p, &l.key, hash);
		if (!f) {
			COUNT(t->counters, FLOW_MEMCAP);
			exception_policy_apply(t->settings.memcap_policy, p, NULL, DROP_FLOW_MEMCAP);
			return NULL;
		}
	}
	join_flow(t, f, p, reversed);
	return f;
}

void flow_set_state(struct flow_table *t, struct flow *f, enum flow_state state)
{
	if (f->state == state || f->state >= FLOW_BYPASSED)
		return;
	usec_t before = f->expires;
	f->state = (uint8_t)state;
	f->expires = t->now + flow_timeout(t, f, false);
	if (f->expires < before) {
		wheel_remove(t, f);
		wheel_add(t, f);
	}
}

void flow_table_end_all(struct flow_table *t, usec_t now)
{
	set_time(t, now);
	for (unsigned i = 0; i < WHEEL_SLOTS; i++) {
		struct flow **slot = &t->wheel[(t->wheel_second + i) & (WHEEL_SLOTS - 1)];
		while (*slot)
			flow_table_remove(t, *slot, (*slot)->expires <= t->now ? FLOW_END_TIMEOUT : FLOW_END_SHUTDOWN);
	}
}

size_t flow_table_count(const struct flow_table *t)
{
	return t->count;
}

struct flow_table *flow_table_new(const struct flow_settings *s, const struct flow_table_hooks *hooks, struct counters *counters, uint64_t seed)
{
	struct flow_table *t = calloc(1, sizeof *t);
	if (!t)
		return NULL;
	uint32_t rows = 16;
	while (rows < s->hash_size && rows < 1u << 28)
		rows *= 2;
	t->row = calloc(rows, sizeof(struct flow *));
	if (!t->row) {
		free(t);
		return NULL;
	}
	t->mask = rows - 1;
	t->settings = *s;
	if (hooks)
		t->hooks = *hooks;
	t->counters = counters;
	t->seed = seed;
	slab_init(&t->slab, sizeof(struct flow));
	return t;
}

void flow_table_free(struct flow_table *t)
{
	if (!t)
		return;
	if (t->hooks.release)
		for (unsigned i = 0; i < WHEEL_SLOTS; i++)
			for (struct flow *f = t->wheel[i]; f; f = f->wheel_next)
				t->hooks.release(t->hooks.context, f);
	slab_free(&t->slab);
	free(t->row);
	free(t);
}
