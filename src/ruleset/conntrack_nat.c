// SPDX-License-Identifier: GPL-2.0-or-later
/* NAT: choosing a connection's mapping once, and rewriting its packets by it, the quoted ones of ICMP errors too. */
#include "packet/checksum.h"
#include "packet/packet.h"
#include "ruleset/connection.h"
#include "ruleset/eval.h"

#include <linux/netfilter/nf_nat.h>
#include <string.h>

/* ---- choosing ---- */

static bool has_ports(uint8_t proto)
{
	return proto == PROTO_TCP || proto == PROTO_UDP || proto == PROTO_SCTP || proto == 136;
}

static bool used_by_other(struct connections *c, const struct connection *ct, const struct tuple *t)
{
	struct tuple reply;
	int direction;
	if (!tuple_invert(t, &reply))
		return true;
	const struct connection *other = connection_find(c, &reply, &direction);
	return other && other != ct;
}

static uint8_t *manip_address(struct tuple *t, int manip)
{
	return manip == MANIP_SRC ? t->src : t->dst;
}

static uint8_t *manip_port(struct tuple *t, int manip)
{
	return manip == MANIP_SRC ? t->sport : t->dport;
}

static bool port_in_range(const struct tuple *t, const struct nat_range *r, int manip)
{
	bool icmp = t->proto == PROTO_ICMP || t->proto == PROTO_ICMPV6;
	uint16_t port = load_be16(icmp || manip == MANIP_SRC ? t->sport : t->dport);
	return !(has_ports(t->proto) || icmp) || (port >= r->port_min && port <= r->port_max);
}

static bool in_range(const struct tuple *t, const struct nat_range *r)
{
	size_t len = t->family == 4 ? 4 : 16;
	if ((r->flags & NF_NAT_RANGE_MAP_IPS) && (memcmp(t->src, r->min.byte, len) < 0 || memcmp(t->src, r->max.byte, len) > 0))
		return false;
	return !(r->flags & NF_NAT_RANGE_PROTO_SPECIFIED) || port_in_range(t, r, MANIP_SRC);
}

/* An address within the range, spread by a hash over the packet's own (find_best_ips_proto). */
static void choose_address(struct tuple *t, const struct nat_range *r, int manip)
{
	size_t len = t->family == 4 ? 4 : 16, words = len / 4;
	uint8_t *out = manip_address(t, manip);
	uint32_t src[4] = {0}, dst;
	bool full = false;
	if (!(r->flags & NF_NAT_RANGE_MAP_IPS))
		return;
	if (memcmp(r->min.byte, r->max.byte, len) == 0) {
		memcpy(out, r->min.byte, len);
		return;
	}
	memcpy(src, t->src, len);
	memcpy(&dst, t->dst + len - 4, 4);
	uint32_t j = jenkins_words(src, 4, r->flags & NF_NAT_RANGE_PERSISTENT ? 0 : dst ^ t->zone);
	for (size_t i = 0; i < words; i++) {
		uint32_t low = load_be32(r->min.byte + 4 * i), high = load_be32(r->max.byte + 4 * i);
		store_be32(out + 4 * i, full ? scale_to(j, UINT32_MAX) : low + scale_to(j, high - low + 1));
		if (load_be32(out + 4 * i) != high)
			full = true;
		if (!(r->flags & NF_NAT_RANGE_PERSISTENT)) {
			uint32_t d;
			memcpy(&d, t->dst + 4 * i, 4);
			j ^= d;
		}
	}
}

/* A port that is free; *random: the kernel begins its search by chance. */
static void choose_port(struct connections *c, struct connection *ct, struct tuple *t, const struct nat_range *r, int manip)
{
	uint8_t *port = manip_port(t, manip);
	uint32_t min, size, off = 0;
	bool specified = r->flags & NF_NAT_RANGE_PROTO_SPECIFIED, icmp = t->proto == PROTO_ICMP || t->proto == PROTO_ICMPV6;
	if (!has_ports(t->proto) && !icmp)
		return;
	if (icmp)
		port = t->sport;
	if (!specified && manip == MANIP_DST && !icmp)
		return;
	uint16_t old = load_be16(port);
	if (specified) {
		uint16_t low = r->port_min < r->port_max ? r->port_min : r->port_max, high = r->port_min < r->port_max ? r->port_max : r->port_min;
		min = low;
		size = high - low + 1u;
	} else if (icmp) {
		min = 0;
		size = 65536;
	} else {
		min = old < 512 ? 1 : old < 1024 ? 600 : 1024;
		size = old < 512 ? 511 : old < 1024 ? 424 : 64512;
	}
	if ((r->flags & NF_NAT_RANGE_PROTO_RANDOM_ALL) || manip != MANIP_DST)
		ct->nat_random |= size > 1;
	for (uint32_t i = 0; i < size; i++, off++) {
		store_be16(port, (uint16_t)(min + off % size));
		if (!used_by_other(c, ct, t))
			return;
	}
}

/* Another connection from the same source has a mapping in the range: the same is used again. */
static bool same_as_other(struct connections *c, const struct tuple *orig, const struct nat_range *r, struct tuple *out)
{
	for (const struct connection *o = c->all; o; o = o->all) {
		const struct tuple *t = &o->tuple[DIR_ORIGINAL];
		if (!o->in_table || !(o->status & IPS_SRC_NAT_DONE) || t->proto != orig->proto || t->zone != orig->zone || memcmp(t->src, orig->src, 16) ||
		    memcmp(t->sport, orig->sport, 2))
			continue;
		*out = *orig;
		memcpy(out->src, o->tuple[DIR_REPLY].dst, 16);
		memcpy(out->sport, orig->proto == PROTO_ICMP || orig->proto == PROTO_ICMPV6 ? o->tuple[DIR_REPLY].sport : o->tuple[DIR_REPLY].dport, 2);
		if (in_range(out, r) && !used_by_other(c, NULL, out))
			return true;
	}
	return false;
}

static void unique_tuple(struct connections *c, struct connection *ct, const struct tuple *orig, const struct nat_range *r, int manip, struct tuple *out)
{
	bool random = r->flags & NF_NAT_RANGE_PROTO_RANDOM_ALL;
	*out = *orig;
	if (manip == MANIP_SRC && !random) {
		if (in_range(orig, r)) {
			if (!used_by_other(c, ct, orig))
				return;
		} else if (same_as_other(c, orig, r, out)) {
			return;
		}
		*out = *orig;
	}
	choose_address(out, r, manip);
	if (!random) {
		if (r->flags & NF_NAT_RANGE_PROTO_SPECIFIED) {
			if (port_in_range(out, r, manip) && (r->port_min == r->port_max || !used_by_other(c, ct, out)))
				return;
		} else if (!used_by_other(c, ct, out)) {
			return;
		}
	}
	choose_port(c, ct, out, r, manip);
}

bool nat_setup(struct connections *c, struct connection *ct, const struct nat_range *range, int manip)
{
	struct tuple current, chosen;
	if (!tuple_invert(&ct->tuple[DIR_REPLY], &current))
		return false;
	if (!(ct->status & IPS_CONFIRMED)) {
		unique_tuple(c, ct, &current, range, manip, &chosen);
		if (memcmp(&chosen, &current, sizeof chosen)) {
			if (!tuple_invert(&chosen, &ct->tuple[DIR_REPLY]))
				return false;
			ct->status |= manip == MANIP_SRC ? IPS_SRC_NAT : IPS_DST_NAT;
		}
	}
	ct->status |= manip == MANIP_SRC ? IPS_SRC_NAT_DONE : IPS_DST_NAT_DONE;
	return true;
}

/* ---- rewriting ---- */

static void sum_change(uint8_t *at, const uint8_t *before, const uint8_t *after, size_t len, bool zero_is_none)
{
	uint16_t old, now;
	memcpy(&old, at, 2);
	if (zero_is_none && !old)
		return;
	uint64_t sum = (uint16_t)~old;
	uint8_t inverse[16];
	for (size_t i = 0; i < len; i++)
		inverse[i] = (uint8_t)~before[i];
	sum = checksum_add(checksum_add(sum, bytes_of(inverse, len)), bytes_of(after, len));
	now = checksum_fold(sum);
	if (zero_is_none && !now)
		now = 0xffff;
	memcpy(at, &now, 2);
}

/* Where the transport's checksum lies; 0: none. */
static size_t checksum_at(uint8_t proto, size_t at, size_t len)
{
	size_t sum = proto == PROTO_TCP ? at + 16 : proto == PROTO_UDP || proto == 136 ? at + 6 : proto == PROTO_ICMP || proto == PROTO_ICMPV6 ? at + 2 : 0;
	return sum && sum + 2 <= len ? sum : 0;
}

static void change_transport(uint8_t *ip, size_t len, size_t at, uint8_t proto, const struct tuple *target, int manip)
{
	bool icmp = proto == PROTO_ICMP || proto == PROTO_ICMPV6;
	size_t port = icmp ? at + 4 : manip == MANIP_SRC ? at : at + 2, sum = checksum_at(proto, at, len);
	const uint8_t *new = icmp || manip == MANIP_SRC ? target->sport : target->dport;
	if (!(has_ports(proto) || icmp) || port + 2 > len)
		return;
	if (icmp && ip[at] != 8 && ip[at] != 0 && (ip[at] < 13 || ip[at] > 18) && ip[at] != 128 && ip[at] != 129)
		return;
	if (sum)
		sum_change(ip + sum, ip + port, new, 2, proto == PROTO_UDP);
	memcpy(ip + port, new, 2);
}

/* Address and port of one side become the target's. `quoted`: within an ICMP error. */
static bool change_packet(uint8_t family, uint8_t *ip, size_t len, const struct tuple *target, int manip)
{
	uint8_t proto = 0, old[16];
	size_t at = connection_transport(bytes_of(ip, len), family, &proto), n = family == 4 ? 4 : 16;
	uint8_t *address = ip + (family == 4 ? 12 : 8) + (manip == MANIP_DST ? n : 0);
	const uint8_t *new = manip == MANIP_SRC ? target->src : target->dst;
	if (!at)
		return false;
	memcpy(old, address, n);
	change_transport(ip, len, at, proto, target, manip);
	size_t sum = proto == PROTO_ICMP ? 0 : checksum_at(proto, at, len);
	if (sum)
		sum_change(ip + sum, old, new, n, proto == PROTO_UDP);
	if (family == 4)
		sum_change(ip + 10, old, new, n, false);
	memcpy(address, new, n);
	return true;
}

static bool is_error(uint8_t family, const uint8_t *ip, size_t len, size_t *at)
{
	uint8_t proto = 0;
	*at = connection_transport(bytes_of(ip, len), family, &proto);
	if (!*at || *at + 8 > len)
		return false;
	uint8_t type = ip[*at];
	return family == 4 ? proto == PROTO_ICMP && (type == 3 || type == 4 || type == 5 || type == 11 || type == 12) : proto == PROTO_ICMPV6 && type < 128;
}

/* The packet that an error quotes goes the other way: the other side of it is changed. */
static void change_quoted(const struct connection *ct, int dir, int manip, uint8_t family, uint8_t *ip, size_t len, size_t at)
{
	struct tuple target;
	uint8_t proto = family == 4 ? PROTO_ICMP : PROTO_ICMPV6;
	if (at + 8 < len && tuple_invert(&ct->tuple[dir], &target)) {
		struct tuple inner;
		if (tuple_of(bytes_of(ip + at + 8, len - at - 8), family, 0, &inner))
			change_packet(family, ip + at + 8, len - at - 8, &ct->tuple[!dir], manip == MANIP_SRC ? MANIP_DST : MANIP_SRC);
	}
	memset(ip + at + 2, 0, 2);
	struct address src = {.family = family}, dst = {.family = family};
	size_t n = family == 4 ? 4 : 16, from = family == 4 ? 12 : 8;
	memcpy(src.byte, ip + from, n);
	memcpy(dst.byte, ip + from + n, n);
	uint64_t sum = family == 6 ? checksum_pseudo(&src, &dst, proto, (uint32_t)(len - at)) : 0;
	uint16_t fold = checksum_fold(checksum_add(sum, bytes_of(ip + at, len - at)));
	memcpy(ip + at + 2, &fold, 2);
}

bool nat_packet(struct connection *ct, uint8_t info, int manip, uint8_t family, uint8_t *ip, size_t len)
{
	int dir = info_direction(info);
	uint32_t bit = manip == MANIP_SRC ? IPS_SRC_NAT : IPS_DST_NAT;
	struct tuple target;
	size_t at;
	if (dir == DIR_REPLY)
		bit ^= IPS_NAT_MASK;
	if (!(ct->status & bit) || !tuple_invert(&ct->tuple[!dir], &target))
		return false;
	bool related = info % IP_CT_IS_REPLY == IP_CT_RELATED;
	if (!related || !is_error(family, ip, len, &at))
		return change_packet(family, ip, len, &target, manip);
	size_t n = family == 4 ? 4 : 16;
	uint8_t old[16], *address = ip + (family == 4 ? 12 : 8) + (manip == MANIP_DST ? n : 0);
	memcpy(old, address, n);
	memcpy(address, manip == MANIP_SRC ? target.src : target.dst, n);
	if (family == 4)
		sum_change(ip + 10, old, address, n, false);
	change_quoted(ct, dir, manip, family, ip, len, at);
	return true;
}
