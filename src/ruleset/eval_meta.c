// SPDX-License-Identifier: GPL-2.0-or-later
/* What a packet has beside its bytes: meta keys, its connection, its route. */
#include "ruleset/eval.h"

#include <linux/if_arp.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <time.h>

static enum load put32(uint8_t *out, uint32_t v)
{
	memcpy(out, &v, 4);
	return LOAD_OK;
}

static enum load put16(uint8_t *out, uint16_t v)
{
	memcpy(out, &v, 2);
	return LOAD_OK;
}

static enum load put64(uint8_t *out, uint64_t v)
{
	memcpy(out, &v, 8);
	return LOAD_OK;
}

/* ---- devices ---- */

struct side {
	uint32_t index;
	bool unknown;
};

static struct side in_side(const struct trace_packet *p)
{
	return (struct side){p->in, p->in_unknown};
}

static struct side out_side(const struct trace_packet *p)
{
	return (struct side){p->out, p->out_unknown};
}

static enum load device_index(struct side s, uint8_t *out)
{
	return s.unknown ? LOAD_UNKNOWN : put32(out, s.index);
}

static enum load device_name(struct trace *t, struct side s, uint8_t *out)
{
	const struct network_device *d = network_device(t->o.network, s.index);
	if (s.unknown || (s.index && !d))
		return LOAD_UNKNOWN;
	if (d)
		strncpy((char *)out, d->name, 16);
	return LOAD_OK; /* none: an empty name */
}

static enum load device_detail(struct trace *t, uint32_t key, struct side s, uint8_t *out)
{
	const struct network_device *d = network_device(t->o.network, s.index);
	if (!s.unknown && !s.index)
		return LOAD_BREAK;
	if (s.unknown || !d)
		return LOAD_UNKNOWN;
	switch (key) {
	case NFT_META_IIFTYPE: case NFT_META_OIFTYPE: return put16(out, d->type);
	case NFT_META_IIFGROUP: case NFT_META_OIFGROUP: return put32(out, d->group);
	default:
		if (!*d->kind)
			return LOAD_BREAK;
		strncpy((char *)out, d->kind, 16);
		return LOAD_OK;
	}
}

/* ---- meta ---- */

static enum load time_load(const struct trace_packet *p, uint32_t key, uint8_t *out)
{
	time_t seconds = (time_t)(p->time / USEC_PER_SEC);
	struct tm tm;
	switch (key) {
	case NFT_META_TIME_NS: return put64(out, (uint64_t)p->time * 1000);
	case NFT_META_TIME_HOUR: return put32(out, (uint32_t)(seconds % 86400));
	default:
		gmtime_r(&seconds, &tm);
		*out = (uint8_t)tm.tm_wday;
		return LOAD_OK;
	}
}

static enum load bridge_load(struct trace *t, uint32_t key, uint8_t *out)
{
	const struct trace_packet *p = &t->packet;
	struct side s = key == NFT_META_BRI_IIFNAME ? in_side(p) : out_side(p);
	const struct network_device *d = network_device(t->o.network, s.index);
	if (key != NFT_META_BRI_IIFNAME && key != NFT_META_BRI_OIFNAME)
		return LOAD_UNKNOWN;
	if (!s.index && !s.unknown)
		return LOAD_BREAK;
	if (!d)
		return LOAD_UNKNOWN;
	return d->master ? device_name(t, (struct side){d->master, false}, out) : LOAD_BREAK;
}

enum load meta_load(struct trace *t, uint32_t key, uint8_t *out)
{
	const struct trace_packet *p = &t->packet;
	switch (key) {
	case NFT_META_LEN: return put32(out, (uint32_t)packet_network_len(p));
	case NFT_META_PROTOCOL: store_be16(out, p->ether_type); return LOAD_OK;
	case NFT_META_NFPROTO: *out = p->family; return LOAD_OK;
	case NFT_META_L4PROTO: *out = p->transport; return p->has_transport ? LOAD_OK : LOAD_BREAK;
	case NFT_META_PRIORITY: return put32(out, p->priority);
	case NFT_META_MARK: return put32(out, p->mark);
	case NFT_META_SECMARK: return put32(out, p->secmark);
	case NFT_META_NFTRACE: *out = p->nftrace; return LOAD_OK;
	case NFT_META_IIF: return device_index(in_side(p), out);
	case NFT_META_OIF: return device_index(out_side(p), out);
	case NFT_META_IIFNAME: return device_name(t, in_side(p), out);
	case NFT_META_OIFNAME: return device_name(t, out_side(p), out);
	case NFT_META_IIFTYPE: case NFT_META_IIFGROUP: case NFT_META_IIFKIND: return device_detail(t, key, in_side(p), out);
	case NFT_META_OIFTYPE: case NFT_META_OIFGROUP: case NFT_META_OIFKIND: return device_detail(t, key, out_side(p), out);
	case NFT_META_PKTTYPE: *out = p->type; return LOAD_OK;
	case NFT_META_SKUID: return p->has_skuid ? put32(out, p->skuid) : p->made_here ? LOAD_UNKNOWN : LOAD_BREAK;
	case NFT_META_SKGID: return p->has_skgid ? put32(out, p->skgid) : p->made_here ? LOAD_UNKNOWN : LOAD_BREAK;
	case NFT_META_CGROUP: return p->made_here ? LOAD_UNKNOWN : LOAD_BREAK;
	case NFT_META_RTCLASSID: return p->has_dst ? put32(out, 0) : LOAD_BREAK;
	case NFT_META_SECPATH: *out = 0; return LOAD_OK;
	case NFT_META_SDIF: return put32(out, 0);
	case NFT_META_SDIFNAME: return LOAD_OK;
	case NFT_META_TIME_NS: case NFT_META_TIME_DAY: case NFT_META_TIME_HOUR: return time_load(p, key, out);
	case NFT_META_BRI_IIFNAME: case NFT_META_BRI_OIFNAME: case NFT_META_BRI_IIFPVID: case NFT_META_BRI_IIFVPROTO: return bridge_load(t, key, out);
	default: return LOAD_UNKNOWN;
	}
}

void meta_store(struct trace *t, uint32_t key, const uint8_t *value)
{
	struct trace_packet *p = &t->packet;
	switch (key) {
	case NFT_META_MARK: memcpy(&p->mark, value, 4); break;
	case NFT_META_PRIORITY: memcpy(&p->priority, value, 4); break;
	case NFT_META_SECMARK: memcpy(&p->secmark, value, 4); break;
	case NFT_META_NFTRACE: p->nftrace = *value != 0; break;
	case NFT_META_PKTTYPE:
		if (*value <= PACKET_OTHERHOST && p->type <= PACKET_OTHERHOST)
			p->type = *value;
		break;
	default: break;
	}
}

/* ---- connections ---- */

enum { STATE_INVALID = 1, STATE_UNTRACKED = 64 };

static uint32_t state_of(const struct trace_packet *p)
{
	if (p->connection)
		return 1u << (p->info % IP_CT_IS_REPLY + 1);
	return p->info == CT_UNTRACKED ? STATE_UNTRACKED : STATE_INVALID;
}

static enum load counters_load(const struct operand *o, const struct connection *c, uint8_t *out)
{
	uint64_t packets = 0, bytes = 0;
	for (int d = 0; d < 2; d++) {
		if (o->key.direction >= 0 && o->key.direction != d)
			continue;
		packets += c->packets[d];
		bytes += c->bytes[d];
	}
	return put64(out, o->key.key == NFT_CT_PKTS ? packets : o->key.key == NFT_CT_BYTES ? bytes : packets ? bytes / packets : 0);
}

static enum load tuple_load(const struct operand *o, const struct connection *c, uint8_t *out)
{
	const struct tuple *t = &c->tuple[o->key.direction == DIR_REPLY];
	size_t len = t->family == 4 ? 4 : 16;
	switch (o->key.key) {
	case NFT_CT_SRC: memcpy(out, t->src, len); return LOAD_OK;
	case NFT_CT_DST: memcpy(out, t->dst, len); return LOAD_OK;
	case NFT_CT_PROTO_SRC: memcpy(out, t->sport, 2); return LOAD_OK;
	case NFT_CT_PROTO_DST: memcpy(out, t->dport, 2); return LOAD_OK;
	case NFT_CT_SRC_IP: case NFT_CT_DST_IP: case NFT_CT_SRC_IP6: case NFT_CT_DST_IP6: {
		bool v4 = o->key.key == NFT_CT_SRC_IP || o->key.key == NFT_CT_DST_IP, src = o->key.key == NFT_CT_SRC_IP || o->key.key == NFT_CT_SRC_IP6;
		if (v4 != (t->family == 4))
			return LOAD_BREAK;
		memcpy(out, src ? t->src : t->dst, len);
		return LOAD_OK;
	}
	default: return LOAD_UNKNOWN;
	}
}

enum load ct_load(struct trace *t, const struct operand *o, uint8_t *out)
{
	const struct trace_packet *p = &t->packet;
	const struct connection *c = p->connection;
	if (o->key.key == NFT_CT_STATE)
		return put32(out, state_of(p));
	if (!c)
		return LOAD_BREAK;
	switch (o->key.key) {
	case NFT_CT_DIRECTION: *out = (uint8_t)info_direction(p->info); return LOAD_OK;
	case NFT_CT_STATUS: return put32(out, c->status);
	case NFT_CT_MARK: return put32(out, c->mark);
	case NFT_CT_SECMARK: return put32(out, c->secmark);
	case NFT_CT_EXPIRATION: /* of a new connection the kernel's subtraction gives none */
		return put32(out, (c->status & IPS_CONFIRMED) && c->expires > p->time ? (uint32_t)((c->expires - p->time) / 1000) : 0);
	case NFT_CT_LABELS: memcpy(out, c->labels, sizeof c->labels); return LOAD_OK;
	case NFT_CT_HELPER: return LOAD_BREAK; /* of connections that a helper expected */
	case NFT_CT_BYTES: case NFT_CT_PKTS: case NFT_CT_AVGPKT: return counters_load(o, c, out);
	case NFT_CT_L3PROTOCOL: *out = c->tuple[0].family == 4 ? NFPROTO_IPV4 : NFPROTO_IPV6; return LOAD_OK;
	case NFT_CT_PROTOCOL: *out = c->tuple[0].proto; return LOAD_OK;
	case NFT_CT_ZONE: return put16(out, c->tuple[0].zone);
	case NFT_CT_ID: return LOAD_UNKNOWN;
	default: return tuple_load(o, c, out);
	}
}

void ct_store(struct trace *t, const struct step *s, const uint8_t *value)
{
	struct trace_packet *p = &t->packet;
	struct connection *c = p->connection;
	if (s->write.key == NFT_CT_ZONE) {
		if (!c && p->info != CT_UNTRACKED)
			memcpy(&p->zone, value, 2);
		return;
	}
	if (!c)
		return;
	if (s->write.key == NFT_CT_MARK)
		memcpy(&c->mark, value, 4);
	else if (s->write.key == NFT_CT_SECMARK)
		memcpy(&c->secmark, value, 4);
	else if (s->write.key == NFT_CT_LABELS)
		for (size_t i = 0; i < sizeof c->labels; i++)
			c->labels[i] |= value[i];
}

/* ---- routes ---- */

static struct address packet_address(const struct trace_packet *p, bool source)
{
	struct bytes ip = packet_ip(p);
	struct address a = {0};
	if (p->ip == 4 && ip.len >= 20) {
		a.family = 4;
		memcpy(a.byte, ip.data + (source ? 12 : 16), 4);
	} else if (p->ip == 6 && ip.len >= 40) {
		a.family = 6;
		memcpy(a.byte, ip.data + (source ? 8 : 24), 16);
	}
	return a;
}

enum load rt_load(struct trace *t, uint32_t key, uint8_t *out)
{
	const struct trace_packet *p = &t->packet;
	struct address dst = packet_address(p, false);
	uint8_t wanted = key == NFT_RT_NEXTHOP4 ? 4 : 6;
	if (!p->has_dst)
		return LOAD_BREAK;
	switch (key) {
	case NFT_RT_CLASSID: return put32(out, 0);
	case NFT_RT_NEXTHOP4:
	case NFT_RT_NEXTHOP6:
		if (p->ip != wanted)
			return LOAD_BREAK;
		if (!p->way.found || p->way.uncertain)
			return LOAD_UNKNOWN;
		memcpy(out, p->way.via.family == p->ip ? p->way.via.byte : dst.byte, p->ip == 4 ? 4 : 16);
		return LOAD_OK;
	case NFT_RT_XFRM: *out = 0; return LOAD_OK;
	default: return LOAD_UNKNOWN;
	}
}

static enum load fib_device(struct trace *t, uint32_t key, uint32_t flags, uint32_t device, uint8_t *out)
{
	const struct network_device *d = network_device(t->o.network, device);
	if (flags & NFTA_FIB_F_PRESENT) {
		*out = device != 0;
		return LOAD_OK;
	}
	if (key == NFT_FIB_RESULT_OIF)
		return put32(out, device);
	if (d)
		strncpy((char *)out, d->name, 16);
	return LOAD_OK;
}

static enum load fib_oif(struct trace *t, uint32_t key, uint32_t flags, uint8_t *out)
{
	const struct trace_packet *p = &t->packet;
	bool to = flags & NFTA_FIB_F_DADDR;
	uint32_t device = flags & NFTA_FIB_F_IIF ? p->in : flags & NFTA_FIB_F_OIF ? p->out : 0;
	struct network_key k = {
		.dst = packet_address(p, !to), .src = packet_address(p, to), .mark = flags & NFTA_FIB_F_MARK ? p->mark : 0,
		.oif = p->ip == 6 || !device ? device : 0, .tos = 0,
	};
	const struct network_device *in = network_device(t->o.network, p->in);
	if ((p->hook == NF_INET_PRE_ROUTING || p->family == NFPROTO_NETDEV) && in && in->type == ARPHRD_LOOPBACK)
		return fib_device(t, key, flags, p->in, out);
	if (((flags & NFTA_FIB_F_IIF) && p->in_unknown) || ((flags & NFTA_FIB_F_OIF) && p->out_unknown))
		return LOAD_UNKNOWN;
	struct network_way w = network_route(t->o.network, &k);
	if (w.uncertain)
		return LOAD_UNKNOWN;
	if (!w.found || w.type == RTN_LOCAL || (p->ip == 6 && w.type != RTN_UNICAST && w.type != RTN_ANYCAST))
		return fib_device(t, key, flags, 0, out);
	return fib_device(t, key, flags, device && w.device != device ? 0 : w.device, out);
}

enum load fib_load(struct trace *t, uint32_t key, uint32_t flags, uint8_t *out)
{
	const struct trace_packet *p = &t->packet;
	if (!p->ip)
		return LOAD_BREAK;
	if (!t->o.network->known)
		return LOAD_UNKNOWN;
	if (key != NFT_FIB_RESULT_ADDRTYPE)
		return fib_oif(t, key, flags, out);
	struct address a = packet_address(p, !(flags & NFTA_FIB_F_DADDR));
	uint32_t device = flags & NFTA_FIB_F_IIF ? p->in : flags & NFTA_FIB_F_OIF ? p->out : 0;
	uint32_t type = network_address_type(t->o.network, &a, device);
	if (flags & NFTA_FIB_F_PRESENT) {
		*out = type != RTN_UNSPEC;
		return LOAD_OK;
	}
	return put32(out, type);
}
