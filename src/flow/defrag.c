// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Trackers: one a datagram whose fragments are being collected, in a hash table and in a list ordered by their latest fragment. Every
 * byte that is kept is charged to the memcap; when it or the number of trackers is reached, the oldest datagrams go first.
 */
#include "flow/defrag.h"
#include "flow/defrag_pieces.h"
#include "flow/flow.h"
#include "packet/checksum.h"

#include <errno.h>
#include <stdlib.h>
#include <xxhash.h>

enum { MAX_DATAGRAM = 65535, RESULT_ROOM = PACKET_MAX_LINK + 65536 + 64, MAX_NESTING = 4, EXPIRE_AT_ONCE = 64 };

struct key { /* compared as bytes: no holes that are not zeroed */
	uint8_t src[16], dst[16];
	uint32_t id;
	uint16_t vlan[PACKET_MAX_VLANS];
	uint8_t version, proto, recursion, n_vlans;
};

struct tracker {
	struct key key;
	uint32_t hash;
	struct tracker *hash_next, *older, *newer;
	usec_t expires;
	struct piece_list pieces;
	struct blob *header;   /* of the fragment with offset 0, up to the fragment header */
	uint32_t next_header_at; /* IPv6: the byte in it that names the fragment header */
	uint8_t next_header;   /* IPv6: what the fragment header names */
	uint8_t policy;        /* enum overlap_policy */
	bool has_last;
	uint32_t len;          /* has_last: of the datagram's payload */
};

struct defrag {
	const struct defrag_settings *settings;
	const struct host_os *os;
	struct counters *counters;
	uint64_t seed;
	struct tracker **bucket;
	uint32_t mask;
	struct slab trackers;
	struct piece_store store;
	struct tracker *oldest, *newest;
	size_t n_trackers;
	uint8_t *result[MAX_NESTING]; /* a datagram may carry fragments of another */
};

/* One fragment, whatever the family. */
struct fragment {
	struct key key;
	struct bytes data, header;
	uint32_t offset;
	bool more;
	uint32_t next_header_at;
	uint8_t next_header;
};

static const struct setting rows[] = {
	{"defrag.memcap", SETTING_SIZE, offsetof(struct defrag_settings, memcap), "32 MiB", .help = "most memory for fragments"},
	{"defrag.hash-size", SETTING_U32, offsetof(struct defrag_settings, hash_size), "65536", .min = 1, .max = 1u << 28, .help = "buckets"},
	{"defrag.trackers", SETTING_U32, offsetof(struct defrag_settings, trackers), "65535", .min = 1, .help = "most datagrams at a time"},
	{"defrag.max-frags", SETTING_U32, offsetof(struct defrag_settings, max_frags), "65535", .min = 1, .help = "most fragments at a time"},
	{"defrag.timeout", SETTING_U32, offsetof(struct defrag_settings, timeout), "60", .min = 1, .max = 3600,
	 .help = "seconds that a datagram may wait for its next fragment"},
	{"vlan.use-for-tracking", SETTING_BOOL, offsetof(struct defrag_settings, vlan_use_for_tracking), "yes",
	 .help = "VLAN ids belong to the key of flows and datagrams"},
	{"decoder.recursion-level.use-for-tracking", SETTING_BOOL, offsetof(struct defrag_settings, recursion_use_for_tracking), "yes",
	 .help = "depth of tunnels belongs to the key of flows and datagrams"},
};

int defrag_settings_read(struct defrag_settings *s, struct conf *conf, bool ips, struct error *error)
{
	memset(s, 0, sizeof *s);
	int rc = settings_read(rows, sizeof rows / sizeof *rows, conf, s, error);
	return rc ? rc : exception_policy_read(conf, "defrag.memcap-policy", ips, true, &s->memcap_policy, error);
}

struct defrag *defrag_new(const struct defrag_settings *s, const struct host_os *os, struct counters *counters, uint64_t seed)
{
	uint32_t size = 1;
	while (size < s->hash_size && size < 1u << 30)
		size <<= 1;
	struct defrag *d = calloc(1, sizeof *d);
	if (!d)
		return NULL;
	d->bucket = calloc(size, sizeof *d->bucket);
	if (!d->bucket) {
		free(d);
		return NULL;
	}
	d->settings = s;
	d->os = os;
	d->counters = counters;
	d->seed = seed;
	d->mask = size - 1;
	slab_init(&d->trackers, sizeof(struct tracker));
	piece_store_init(&d->store);
	return d;
}

static void list_remove(struct defrag *d, struct tracker *t)
{
	*(t->older ? &t->older->newer : &d->oldest) = t->newer;
	*(t->newer ? &t->newer->older : &d->newest) = t->older;
}

static void list_append(struct defrag *d, struct tracker *t)
{
	t->newer = NULL;
	t->older = d->newest;
	*(d->newest ? &d->newest->newer : &d->oldest) = t;
	d->newest = t;
}

static void tracker_free(struct defrag *d, struct tracker *t)
{
	struct tracker **link = &d->bucket[t->hash & d->mask];
	while (*link != t)
		link = &(*link)->hash_next;
	*link = t->hash_next;
	list_remove(d, t);
	piece_list_clear(&d->store, &t->pieces);
	blob_drop(&d->store, t->header);
	slab_give(&d->trackers, t);
	d->n_trackers--;
}

void defrag_free(struct defrag *d)
{
	if (!d)
		return;
	while (d->oldest)
		tracker_free(d, d->oldest);
	for (unsigned i = 0; i < MAX_NESTING; i++)
		free(d->result[i]);
	piece_store_free(&d->store);
	slab_free(&d->trackers);
	free(d->bucket);
	free(d);
}

static uint64_t memory_used(const struct defrag *d)
{
	return d->store.memuse + d->n_trackers * sizeof(struct tracker);
}

void defrag_expire(struct defrag *d, usec_t now)
{
	for (unsigned n = 0; d->oldest && d->oldest->expires <= now && n < EXPIRE_AT_ONCE; n++) {
		tracker_free(d, d->oldest);
		COUNT(d->counters, DEFRAG_MGR_TRACKER_TIMEOUT);
	}
	d->counters->value[COUNTER_DEFRAG_MEMUSE] = memory_used(d);
}

static enum overlap_policy policy_of(enum os_policy os)
{
	switch (os) {
	case OS_BSD_RIGHT: return OVERLAP_BSD_RIGHT;
	case OS_LINUX:
	case OS_OLD_LINUX: return OVERLAP_LINUX;
	case OS_SOLARIS: return OVERLAP_SOLARIS;
	case OS_WINDOWS:
	case OS_VISTA:
	case OS_WINDOWS2K3: return OVERLAP_WINDOWS;
	case OS_FIRST:
	case OS_OLD_SOLARIS:
	case OS_HPUX11:
	case OS_MACOS: return OVERLAP_FIRST;
	case OS_LAST: return OVERLAP_LAST;
	case OS_BSD:
	case OS_HPUX10:
	case OS_IRIX:
	case OS_POLICY_N_: break;
	}
	return OVERLAP_BSD;
}

static struct tracker *tracker_find(struct defrag *d, const struct key *key, uint32_t hash, usec_t now)
{
	struct tracker *t = d->bucket[hash & d->mask];
	while (t && (t->hash != hash || memcmp(&t->key, key, sizeof *key) != 0))
		t = t->hash_next;
	if (!t || t->expires > now)
		return t;
	tracker_free(d, t);
	COUNT(d->counters, DEFRAG_WRK_TRACKER_TIMEOUT);
	return NULL;
}

/* Makes room for `more` bytes by letting the oldest datagrams go, but not `keep`. */
static bool make_room(struct defrag *d, uint64_t more, const struct tracker *keep)
{
	while (memory_used(d) + more > d->settings->memcap) {
		struct tracker *t = d->oldest == keep && d->oldest ? d->oldest->newer : d->oldest;
		if (!t)
			return false;
		tracker_free(d, t);
		COUNT(d->counters, DEFRAG_TRACKER_HARD_REUSE);
	}
	return true;
}

static struct tracker *tracker_new(struct defrag *d, const struct packet *p, const struct key *key, uint32_t hash)
{
	if (d->n_trackers >= d->settings->trackers) {
		COUNT(d->counters, DEFRAG_MAX_TRACKERS_REACHED);
		COUNT(d->counters, DEFRAG_TRACKER_HARD_REUSE);
		tracker_free(d, d->oldest);
	}
	if (!make_room(d, sizeof(struct tracker), NULL))
		return NULL;
	struct tracker *t = slab_take(&d->trackers);
	if (!t)
		return NULL;
	t->key = *key;
	t->hash = hash;
	t->policy = (uint8_t)policy_of(host_os_find(d->os, &p->dst));
	t->hash_next = d->bucket[hash & d->mask];
	d->bucket[hash & d->mask] = t;
	list_append(d, t);
	d->n_trackers++;
	return t;
}

static void read_key(const struct defrag *d, const struct packet *p, struct key *k)
{
	memset(k, 0, sizeof *k);
	memcpy(k->src, p->src.byte, sizeof k->src);
	memcpy(k->dst, p->dst.byte, sizeof k->dst);
	k->version = p->ip_version;
	if (d->settings->recursion_use_for_tracking)
		k->recursion = p->recursion;
	if (d->settings->vlan_use_for_tracking) {
		k->n_vlans = p->n_vlans;
		memcpy(k->vlan, p->vlan, sizeof k->vlan);
	}
	k->id = p->ip_version == 4 ? p->ip4.id : p->ip6.frag_id;
	k->proto = p->ip_version == 4 ? p->proto : 0; /* RFC 791 counts it in, RFC 8200 does not */
}

static void read_fragment(const struct defrag *d, const struct packet *p, struct fragment *f)
{
	enum { FRAGMENT_HEADER = 8 };
	read_key(d, p, &f->key);
	if (p->ip_version == 4) {
		f->header = bytes_slice(p->ip, 0, p->ip4.header_len);
		f->data = bytes_from(p->ip, p->ip4.header_len);
		f->offset = p->ip4.frag_offset;
		f->more = p->ip4.mf;
		return;
	}
	f->header = bytes_slice(p->ip, 0, p->ip6.frag_header_offset);
	f->data = bytes_from(p->ip, p->ip6.frag_header_offset + FRAGMENT_HEADER);
	f->offset = p->ip6.frag_offset;
	f->more = p->ip6.more_fragments;
	f->next_header_at = p->ip6.frag_prev_header_offset;
	if (p->ip.len > p->ip6.frag_header_offset)
		f->next_header = p->ip.data[p->ip6.frag_header_offset];
}

/* False: it cannot be part of a datagram. */
static bool fragment_ok(struct packet *p, struct fragment *f)
{
	bool is4 = p->ip_version == 4;
	size_t headers = is4 ? f->header.len : f->header.len - 40; /* IPv6 does not count the fixed header */
	if (f->offset + f->data.len + headers > MAX_DATAGRAM) {
		packet_add_event(p, is4 ? EVENT_IPV4_FRAG_PKT_TOO_LARGE : EVENT_IPV6_FRAG_PKT_TOO_LARGE);
		return false;
	}
	if (f->more && f->data.len % 8) {
		if (!is4)
			return false; /* RFC 8200 section 4.5; the decoder has made an event of it */
		f->data.len &= ~(size_t)7;
	}
	return f->data.len || !f->more;
}

static bool ignored(struct defrag *d, struct packet *p)
{
	packet_add_event(p, p->ip_version == 4 ? EVENT_IPV4_FRAG_IGNORED : EVENT_IPV6_FRAG_IGNORED);
	exception_policy_apply((enum exception_policy)d->settings->memcap_policy, p, NULL, DROP_DEFRAG_MEMCAP);
	return false;
}

/* What lies beyond the end that another fragment has given belongs to no datagram. */
static bool contradicts(const struct tracker *t, const struct fragment *f)
{
	uint32_t end = f->offset + (uint32_t)f->data.len;
	if (t->has_last)
		return f->more ? end > t->len : end != t->len;
	return !f->more && t->pieces.last && t->pieces.last->end > end;
}

static bool tracker_add(struct defrag *d, struct packet *p, struct tracker *t, const struct fragment *f)
{
	uint64_t need = piece_store_cost(f->data.len) + (f->offset == 0 ? piece_store_cost(f->header.len) : 0);
	if (d->store.n_pieces >= d->settings->max_frags) {
		COUNT(d->counters, DEFRAG_MAX_FRAGS_REACHED);
		return ignored(d, p);
	}
	if (!make_room(d, need, t))
		return ignored(d, p);
	enum packet_event overlap = p->ip_version == 4 ? EVENT_IPV4_FRAG_OVERLAP : EVENT_IPV6_FRAG_OVERLAP;
	if (contradicts(t, f)) {
		packet_add_event(p, overlap);
		return false;
	}
	int rc = piece_list_add(&d->store, &t->pieces, (enum overlap_policy)t->policy, f->offset, f->data);
	if (rc < 0)
		return ignored(d, p);
	if (rc)
		packet_add_event(p, overlap);
	if (!f->more) {
		t->has_last = true;
		t->len = f->offset + (uint32_t)f->data.len;
	}
	if (f->offset == 0 && !t->header) {
		t->header = blob_new(&d->store, f->header);
		t->next_header_at = f->next_header_at;
		t->next_header = f->next_header;
	}
	return t->has_last && t->header && piece_list_covers(&t->pieces, t->len);
}

/* The header of the first fragment becomes that of the whole. */
static void write_header(const struct tracker *t, uint8_t *out)
{
	uint32_t header_len = t->header->size;
	memcpy(out, t->header->data, header_len);
	if (t->key.version == 6) {
		store_be16(out + 4, (uint16_t)(header_len - 40 + t->len));
		out[t->next_header_at] = t->next_header;
		return;
	}
	/* Adjusted, not made anew (RFC 1624): a checksum that was wrong stays wrong. */
	uint16_t off_by = checksum_fold(checksum_add(0, bytes_of(out, header_len)));
	store_be16(out + 2, (uint16_t)(header_len + t->len));
	store_be16(out + 6, 0);
	store_be16(out + 10, 0);
	uint16_t sum = checksum_fold(checksum_add(off_by, bytes_of(out, header_len)));
	memcpy(out + 10, &sum, sizeof sum);
}

/* How many reassembled datagrams `p` lies within: their bytes are still in use. */
static unsigned nesting(const struct packet *p)
{
	unsigned n = 0;
	for (; p; p = p->outer)
		n += p->source == PACKET_DEFRAG;
	return n;
}

static bool finish(struct defrag *d, struct packet *p, const struct tracker *t, struct bytes *datagram)
{
	unsigned level = nesting(p);
	size_t len = t->header->size + t->len, link_len = packet_link_len(p);
	if (level >= MAX_NESTING || link_len + len > RESULT_ROOM)
		return ignored(d, p);
	uint8_t **out = &d->result[level];
	if (!*out && !(*out = malloc(RESULT_ROOM)))
		return ignored(d, p);
	uint8_t *ip = *out + link_len;
	if (link_len)
		memcpy(*out, p->frame.data, link_len);
	write_header(t, ip);
	piece_list_copy(&t->pieces, t->len, ip + t->header->size);
	*datagram = bytes_of(ip, len);
	return true;
}

bool defrag_packet(struct defrag *d, struct packet *p, struct bytes *datagram)
{
	bool is4 = p->ip_version == 4;
	d->counters->value[is4 ? COUNTER_DEFRAG_IPV4_FRAGMENTS : COUNTER_DEFRAG_IPV6_FRAGMENTS]++;
	struct fragment f = {0};
	read_fragment(d, p, &f);
	if (!fragment_ok(p, &f))
		return false;
	uint32_t hash = (uint32_t)XXH3_64bits_withSeed(&f.key, sizeof f.key, d->seed);
	struct tracker *t = tracker_find(d, &f.key, hash, p->time);
	if (!t)
		t = tracker_new(d, p, &f.key, hash);
	if (!t)
		return ignored(d, p);
	t->expires = p->time + d->settings->timeout * USEC_PER_SEC;
	list_remove(d, t);
	list_append(d, t);
	bool done = tracker_add(d, p, t, &f);
	if (done) {
		done = finish(d, p, t, datagram);
		tracker_free(d, t);
	}
	if (done)
		d->counters->value[is4 ? COUNTER_DEFRAG_IPV4_REASSEMBLED : COUNTER_DEFRAG_IPV6_REASSEMBLED]++;
	d->counters->value[COUNTER_DEFRAG_MEMUSE] = memory_used(d);
	return done;
}
