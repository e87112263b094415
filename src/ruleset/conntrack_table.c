// SPDX-License-Identifier: GPL-2.0-or-later
/* The table of connections, and what makes a packet part of one. */
#include "packet/checksum.h"
#include "packet/packet.h"
#include "ruleset/connection.h"
#include "ruleset/eval.h"

#include <stdlib.h>
#include <string.h>

enum { ICMP_TIMEOUT = 30, UDP_TIMEOUT = 30, UDP_STREAM_TIMEOUT = 120, GENERIC_TIMEOUT = 600, UDP_STREAM_AFTER = 2 };

void connections_init(struct connections *c, size_t max)
{
	*c = (struct connections){.max = max, .n_buckets = 16384};
	c->bucket = xcalloc(c->n_buckets, sizeof *c->bucket);
	slab_init(&c->slab, sizeof(struct connection));
}

void connections_free(struct connections *c)
{
	slab_free(&c->slab);
	free(c->bucket);
	c->bucket = NULL;
}

/* ---- tuples ---- */

size_t connection_transport(struct bytes ip, uint8_t family, uint8_t *proto)
{
	if (family == 4) {
		if (ip.len < 20 || (load_be16(ip.data + 6) & 0x1fff))
			return 0;
		size_t header = (size_t)(ip.data[0] & 15) * 4;
		*proto = ip.data[9];
		return header >= 20 && header <= ip.len ? header : 0;
	}
	uint16_t fragoff;
	long at = ip6_find_header(ip, -1, proto, &fragoff);
	return at > 0 && !fragoff && (size_t)at <= ip.len ? (size_t)at : 0;
}

static bool put_ports(struct bytes ip, size_t at, struct tuple *t)
{
	if (at + 4 > ip.len)
		return false;
	memcpy(t->sport, ip.data + at, 2);
	memcpy(t->dport, ip.data + at + 2, 2);
	return true;
}

static bool put_icmp(struct bytes ip, size_t at, struct tuple *t)
{
	if (at + 8 > ip.len)
		return false;
	memcpy(t->sport, ip.data + at + 4, 2);
	memcpy(t->dport, ip.data + at, 2);
	return true;
}

bool tuple_of(struct bytes ip, uint8_t family, uint16_t zone, struct tuple *out)
{
	memset(out, 0, sizeof *out);
	size_t at = connection_transport(ip, family, &out->proto);
	if (!at)
		return false;
	out->family = family;
	out->zone = zone;
	size_t len = family == 4 ? 4 : 16, src = family == 4 ? 12 : 8;
	memcpy(out->src, ip.data + src, len);
	memcpy(out->dst, ip.data + src + len, len);
	switch (out->proto) {
	case PROTO_TCP: case PROTO_UDP: case 136: case PROTO_SCTP: return put_ports(ip, at, out);
	case PROTO_ICMP: return family == 4 && put_icmp(ip, at, out);
	case PROTO_ICMPV6: return family == 6 && put_icmp(ip, at, out);
	default: return true;
	}
}

/* Types of ICMP that answer each other. */
static bool invert_type(uint8_t proto, uint8_t type, uint8_t *out)
{
	static const uint8_t pairs4[][2] = {{8, 0}, {13, 14}, {15, 16}, {17, 18}}, pairs6[][2] = {{128, 129}, {139, 140}};
	const uint8_t(*pair)[2] = proto == PROTO_ICMP ? pairs4 : pairs6;
	size_t n = proto == PROTO_ICMP ? 4 : 2;
	for (size_t i = 0; i < n; i++) {
		if (pair[i][0] == type || pair[i][1] == type) {
			*out = pair[i][0] == type ? pair[i][1] : pair[i][0];
			return true;
		}
	}
	return false;
}

bool tuple_invert(const struct tuple *t, struct tuple *out)
{
	struct tuple r = {.family = t->family, .proto = t->proto, .zone = t->zone};
	memcpy(r.src, t->dst, 16);
	memcpy(r.dst, t->src, 16);
	if (t->proto == PROTO_ICMP || t->proto == PROTO_ICMPV6) {
		memcpy(r.sport, t->sport, 2);
		memcpy(r.dport, t->dport, 2);
		if (!invert_type(t->proto, t->dport[0], &r.dport[0]))
			return false;
	} else {
		memcpy(r.sport, t->dport, 2);
		memcpy(r.dport, t->sport, 2);
	}
	*out = r;
	return true;
}

/* ---- the table ---- */

static struct connection **bucket_of(struct connections *c, const struct tuple *t)
{
	return &c->bucket[jenkins_bytes((const uint8_t *)t, sizeof *t, 0) % c->n_buckets];
}

static int side_of(const struct connection *ct, const struct tuple *t)
{
	return memcmp(&ct->tuple[DIR_ORIGINAL], t, sizeof *t) == 0 ? DIR_ORIGINAL : memcmp(&ct->tuple[DIR_REPLY], t, sizeof *t) == 0 ? DIR_REPLY : -1;
}

/* A connection hangs in the list of each of its tuples by next[direction]; where both are in one bucket, by one of them. */
static struct connection **link_of(struct connections *c, struct connection *ct, const struct connection *const *head)
{
	return &ct->next[(const struct connection *const *)bucket_of(c, &ct->tuple[DIR_ORIGINAL]) == head ? DIR_ORIGINAL : DIR_REPLY];
}

static void unlink_from(struct connections *c, struct connection **head, struct connection *ct)
{
	struct connection **at = head;
	while (*at && *at != ct)
		at = link_of(c, *at, (const struct connection *const *)head);
	if (*at)
		*at = *link_of(c, ct, (const struct connection *const *)head);
}

static void table_add(struct connections *c, struct connection *ct)
{
	struct connection **a = bucket_of(c, &ct->tuple[DIR_ORIGINAL]), **b = bucket_of(c, &ct->tuple[DIR_REPLY]);
	ct->next[DIR_ORIGINAL] = *a;
	*a = ct;
	if (a != b) {
		ct->next[DIR_REPLY] = *b;
		*b = ct;
	}
	ct->in_table = true;
}

static void table_remove(struct connections *c, struct connection *ct)
{
	struct connection **a = bucket_of(c, &ct->tuple[DIR_ORIGINAL]), **b = bucket_of(c, &ct->tuple[DIR_REPLY]);
	unlink_from(c, a, ct);
	if (a != b)
		unlink_from(c, b, ct);
	ct->in_table = false;
}

struct connection *connection_find(struct connections *c, const struct tuple *t, int *direction)
{
	struct connection **head = bucket_of(c, t);
	for (struct connection *ct = *head, *next; ct; ct = next) {
		next = *link_of(c, ct, (const struct connection *const *)head);
		if (ct->expires <= c->now) {
			connection_kill(c, ct);
			continue;
		}
		int side = side_of(ct, t);
		if (side >= 0) {
			*direction = side;
			return ct;
		}
	}
	return NULL;
}

void connection_release(struct connections *c, struct connection *ct)
{
	if (!ct || ct->in_table || ct == c->pinned)
		return;
	*ct->back = ct->all;
	if (ct->all)
		ct->all->back = ct->back;
	c->n--;
	slab_give(&c->slab, ct);
}

void connection_kill(struct connections *c, struct connection *ct)
{
	if (ct->in_table)
		table_remove(c, ct);
	connection_release(c, ct);
}

static void expire_all(struct connections *c)
{
	for (struct connection *ct = c->all, *next; ct; ct = next) {
		next = ct->all;
		if (ct->in_table && ct->expires <= c->now)
			connection_kill(c, ct);
	}
}

struct connection *connection_new(struct connections *c, const struct tuple *t)
{
	struct tuple reply;
	if (!tuple_invert(t, &reply))
		return NULL;
	if (c->n >= c->max)
		expire_all(c);
	struct connection *ct = c->n < c->max ? slab_take(&c->slab) : NULL;
	if (!ct)
		return NULL;
	ct->tuple[DIR_ORIGINAL] = *t;
	ct->tuple[DIR_REPLY] = reply;
	ct->born = c->now;
	ct->expires = c->now + USEC_PER_SEC * GENERIC_TIMEOUT;
	ct->number = ++c->made;
	ct->all = c->all;
	ct->back = &c->all;
	if (ct->all)
		ct->all->back = &ct->all;
	c->all = ct;
	c->n++;
	return ct;
}

bool connection_confirm(struct connections *c, struct connection *ct, uint8_t info)
{
	int direction;
	if (!ct || (ct->status & IPS_CONFIRMED) || info_direction(info) != DIR_ORIGINAL)
		return true;
	if (connection_find(c, &ct->tuple[DIR_ORIGINAL], &direction) || connection_find(c, &ct->tuple[DIR_REPLY], &direction))
		return false;
	ct->status |= IPS_CONFIRMED;
	table_add(c, ct);
	return true;
}

void connection_closing(struct connections *c, struct connection *ct)
{
	enum { CLOSE = 8, CLOSE_TIMEOUT = 10 };
	if (!ct || !(ct->status & IPS_CONFIRMED) || ct->tuple[0].proto != PROTO_TCP)
		return;
	if (ct->tcp.state != CLOSE)
		ct->expires = c->now + CLOSE_TIMEOUT * USEC_PER_SEC;
	ct->tcp.state = CLOSE;
}

/* ---- protocols ---- */

static void refresh(struct connections *c, struct connection *ct, unsigned seconds)
{
	ct->expires = c->now + seconds * USEC_PER_SEC;
}

static bool checksum_right(const struct tuple *t, struct bytes b, bool pseudo)
{
	struct address src = {.family = t->family}, dst = {.family = t->family};
	memcpy(src.byte, t->src, 16);
	memcpy(dst.byte, t->dst, 16);
	uint64_t sum = pseudo ? checksum_pseudo(&src, &dst, t->proto, (uint32_t)b.len) : 0;
	return checksum_fold(checksum_add(sum, b)) == 0;
}

static bool udp_track(struct connections *c, struct connection *ct, const struct tuple *t, struct bytes b, bool check)
{
	if (b.len < 8)
		return false;
	size_t len = load_be16(b.data + 4);
	if (len > b.len || len < 8)
		return false;
	if (check && load_be16(b.data + 6) && !checksum_right(t, bytes_slice(b, 0, len), true))
		return false;
	if (!(ct->status & IPS_CONFIRMED))
		ct->udp_stream_at = c->now + UDP_STREAM_AFTER * USEC_PER_SEC;
	bool stream = (ct->status & IPS_SEEN_REPLY) && c->now > ct->udp_stream_at;
	refresh(c, ct, stream ? UDP_STREAM_TIMEOUT : UDP_TIMEOUT);
	if (stream)
		ct->status |= IPS_ASSURED;
	return true;
}

/* Only these begin something that is answered. */
static bool icmp_track(struct connections *c, struct connection *ct)
{
	uint8_t type = ct->tuple[DIR_ORIGINAL].dport[0];
	bool v4 = ct->tuple[DIR_ORIGINAL].proto == PROTO_ICMP;
	bool begins = v4 ? type == 8 || type == 13 || type == 15 || type == 17 : type == 128 || type == 139;
	if (begins)
		refresh(c, ct, ICMP_TIMEOUT);
	return begins;
}

/* An error tells of a connection by the packet that it quotes. */
static struct tracked icmp_error(struct connections *c, struct bytes ip, size_t at, const struct tuple *t)
{
	struct tuple quoted, inverse;
	struct tracked none = {0};
	struct bytes inner = bytes_from(ip, at + 8);
	int direction;
	if (!tuple_of(inner, t->family, t->zone, &quoted) || !tuple_invert(&quoted, &inverse))
		return none;
	struct connection *ct = connection_find(c, &inverse, &direction);
	if (!ct || memcmp(ct->tuple[direction].dst, t->dst, 16))
		return none;
	return (struct tracked){.connection = ct, .info = (uint8_t)(IP_CT_RELATED + (direction == DIR_REPLY ? IP_CT_IS_REPLY : 0))};
}

/* true: *out says all; else it is an ordinary packet of ICMP. */
static bool icmp_special(struct connections *c, struct bytes ip, size_t at, const struct tuple *t, bool check, struct tracked *out)
{
	static const uint8_t errors4[] = {3, 4, 5, 11, 12}, untracked6[] = {130, 131, 132, 133, 134, 135, 136, 143};
	*out = (struct tracked){0};
	if (at + 8 > ip.len || (check && !checksum_right(t, bytes_from(ip, at), t->family == 6)))
		return true;
	uint8_t type = ip.data[at];
	if (t->family == 4) {
		if (type > 18)
			return true;
		if (!memchr(errors4, type, sizeof errors4))
			return false;
	} else {
		if (memchr(untracked6, type, sizeof untracked6)) {
			out->info = CT_UNTRACKED;
			return true;
		}
		if (type >= 128)
			return false;
	}
	*out = icmp_error(c, ip, at, t);
	return true;
}

static struct tracked resolve(struct connections *c, const struct tuple *t)
{
	int direction = DIR_ORIGINAL;
	struct connection *ct = connection_find(c, t, &direction);
	if (!ct) {
		bool full = c->n >= c->max;
		ct = connection_new(c, t);
		return (struct tracked){.connection = ct, .info = ct ? IP_CT_NEW : 0, .drop = !ct && full};
	}
	if (direction == DIR_REPLY)
		return (struct tracked){.connection = ct, .info = IP_CT_ESTABLISHED_REPLY};
	return (struct tracked){.connection = ct,
				.info = ct->status & IPS_SEEN_REPLY ? IP_CT_ESTABLISHED : ct->status & IPS_EXPECTED ? IP_CT_RELATED : IP_CT_NEW};
}

static bool protocol_track(struct connections *c, struct tracked *r, const struct tuple *t, struct bytes b, bool check, bool *again, bool *counted)
{
	struct connection *ct = r->connection;
	*counted = t->proto != PROTO_TCP;
	switch (t->proto) {
	case PROTO_TCP:
		if (check && b.len >= 20 && !checksum_right(t, b, true))
			return false;
		return tcp_track(c, ct, r->info, b, again, counted);
	case PROTO_UDP: case 136: return udp_track(c, ct, t, b, check);
	case PROTO_ICMP: case PROTO_ICMPV6: return icmp_track(c, ct);
	default: refresh(c, ct, GENERIC_TIMEOUT); return true;
	}
}

static void account(struct connections *c, const struct tracked *r, struct bytes ip)
{
	if (!c->account || !r->connection)
		return;
	int d = info_direction(r->info);
	r->connection->packets[d]++;
	r->connection->bytes[d] += ip.len;
}

struct tracked connection_track(struct connections *c, struct bytes ip, uint8_t family, uint16_t zone, bool arriving)
{
	struct tuple t;
	struct tracked r = {0}, none = {0};
	bool check = arriving && c->checksums;
	uint8_t proto = 0;
	size_t at = connection_transport(ip, family, &proto);
	bool whole = tuple_of(ip, family, zone, &t);
	if (!at)
		return none;
	bool icmp = proto == PROTO_ICMP || proto == PROTO_ICMPV6;
	if (icmp && icmp_special(c, ip, at, &t, check && (proto == PROTO_ICMP) == (family == 4), &r))
		return r;
	if (!whole)
		return none;
	for (int tries = 0; tries < 2; tries++) {
		bool again = false, counted;
		r = resolve(c, &t);
		if (!r.connection)
			return r;
		if (protocol_track(c, &r, &t, bytes_from(ip, at), check, &again, &counted)) {
			if (r.info == IP_CT_ESTABLISHED_REPLY)
				r.connection->status |= IPS_SEEN_REPLY;
			if (counted)
				account(c, &r, ip);
			return r;
		}
		connection_release(c, r.connection);
		if (!again)
			return none;
	}
	return none;
}
