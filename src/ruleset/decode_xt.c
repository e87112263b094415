// SPDX-License-Identifier: GPL-2.0-or-later
/* Matches and targets of xtables, as iptables-nft puts them into rules: in the steps of nftables that mean the same. */
#include <netinet/in.h>
#include <stdlib.h>

#include "ruleset/decode_rule.h"

#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/xt_CONNMARK.h>
#include <linux/netfilter/xt_CT.h>
#include <linux/netfilter/xt_LOG.h>
#include <linux/netfilter/xt_MARK.h>
#include <linux/netfilter/xt_NFLOG.h>
#include <linux/netfilter/xt_NFQUEUE.h>
#include <linux/netfilter/xt_TCPMSS.h>
#include <linux/netfilter/xt_addrtype.h>
#include <linux/netfilter/xt_conntrack.h>
#include <linux/netfilter/xt_iprange.h>
#include <linux/netfilter/xt_limit.h>
#include <linux/netfilter/xt_mark.h>
#include <linux/netfilter/xt_multiport.h>
#include <linux/netfilter/xt_pkttype.h>
#include <linux/netfilter/xt_state.h>
#include <linux/netfilter/xt_tcpudp.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv4/ipt_REJECT.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <linux/netfilter_ipv6/ip6t_REJECT.h>

#define ALL_ONES 0xffffffffu

/* ---- what steps are made of ---- */

static const struct operand *field(struct making *m, uint32_t base, uint32_t offset, uint32_t len)
{
	struct operand like;
	memset(&like, 0, sizeof like);
	like.source = SOURCE_PAYLOAD;
	like.len = (uint16_t)len;
	like.payload.base = (uint8_t)base;
	like.payload.offset = offset;
	return operand_shared(m, &like);
}

static const struct operand *key(struct making *m, uint8_t source, uint32_t key, uint32_t len, uint32_t flags)
{
	struct operand like;
	memset(&like, 0, sizeof like);
	like.source = source;
	like.len = (uint16_t)len;
	like.key.key = key;
	like.key.flags = flags;
	like.key.direction = -1;
	return operand_shared(m, &like);
}

static const struct operand *immediate(struct making *m, const void *data, uint32_t len)
{
	struct operand *o = decoder_alloc(m->d, sizeof *o);
	if (!o)
		return operand_unknown(m, "?", len);
	*o = (struct operand){.source = SOURCE_IMMEDIATE, .len = (uint16_t)len};
	o->data = decoder_pack(m->d, data, len);
	return o;
}

/* (bytes & mask) ^ xor */
static const struct operand *masked(struct making *m, const struct operand *of, const void *mask, const void *xor)
{
	static const uint8_t zero[16];
	struct operand *o = decoder_alloc(m->d, sizeof *o);
	struct change *c = decoder_alloc(m->d, sizeof *c);
	if (!o || !c)
		return of;
	*c = (struct change){.kind = CHANGE_MASK_XOR, .mask = decoder_pack(m->d, mask, of->len), .xor = decoder_pack(m->d, xor ? xor : zero, of->len)};
	*o = *of;
	o->changes = c;
	return o;
}

static void compare(struct making *m, const struct operand *o, bool not, const void *data)
{
	struct step *s = step_add(m, STEP_COMPARE);
	s->compare = not ? COMPARE_NEQ : COMPARE_EQ;
	s->match.operand = o;
	s->match.data = decoder_pack(m->d, data, o->len);
	s->match.len = o->len;
}

static void within(struct making *m, const struct operand *o, bool not, const void *from, const void *to)
{
	if (memcmp(from, to, o->len) == 0) {
		compare(m, o, not, from);
		return;
	}
	struct step *s = step_add(m, STEP_RANGE);
	s->inverted = not;
	s->match.operand = o;
	s->match.data = decoder_pack(m->d, from, o->len);
	s->match.to = decoder_pack(m->d, to, o->len);
	s->match.len = o->len;
}

/* Some bits of a mask are set (or, if not: none is). */
static void any_bit(struct making *m, const struct operand *o, bool not, const void *bits)
{
	static const uint8_t zero[16];
	compare(m, masked(m, o, bits, NULL), !not, zero);
}

static int by_first(const void *a, const void *b)
{
	return memcmp(a, b, 2);
}

/* One of several ports or ranges of ports (network order: from, to). */
static void port_set(struct making *m, const struct operand *o, bool not, uint8_t (*ports)[4], size_t n)
{
	struct ruleset_set *set = decoder_alloc(m->d, sizeof *set);
	struct ruleset_element *v = decoder_alloc(m->d, n * sizeof *v);
	if (!set || !v)
		return;
	qsort(ports, n, sizeof *ports, by_first);
	for (size_t i = 0; i < n; i++) {
		v[i].key = decoder_pack(m->d, ports[i], 2);
		if (memcmp(ports[i], ports[i] + 2, 2) != 0)
			v[i].key_end = decoder_pack(m->d, ports[i] + 2, 2);
	}
	*set = (struct ruleset_set){.table = m->table, .name = "", .flags = NFT_SET_ANONYMOUS | NFT_SET_CONSTANT | NFT_SET_INTERVAL, .key_type = 13, .key_len = 2,
				    .elements = v, .n_elements = (uint32_t)n};
	struct step *s = step_add(m, STEP_LOOKUP);
	s->inverted = not;
	s->lookup.operand = o;
	s->lookup.set = set;
}

static void write_key(struct making *m, uint8_t target, uint32_t k, const struct operand *from)
{
	struct step *s = step_add(m, STEP_WRITE);
	s->write.target = target;
	s->write.key = k;
	s->write.direction = -1;
	s->write.operand = from;
	s->write.len = from->len;
}

static void port_range(struct making *m, uint32_t offset, const uint16_t range[2], bool not)
{
	uint8_t from[2], to[2];
	if (range[0] == 0 && range[1] == 0xffff && !not)
		return;
	store_be16(from, range[0]);
	store_be16(to, range[1]);
	within(m, field(m, NFT_PAYLOAD_TRANSPORT_HEADER, offset, 2), not, from, to);
}

/* ---- matches; each returns false for what it does not understand. The info is as long as the row says. ---- */

static bool match_states(struct making *m, uint32_t mask, uint32_t untracked, bool not)
{
	uint32_t states = mask & 0xf, status = 0;
	if (mask & untracked)
		states |= 64;
	if (mask & XT_CONNTRACK_STATE_SNAT && untracked == XT_CONNTRACK_STATE_UNTRACKED)
		status |= IPS_SRC_NAT;
	if (mask & XT_CONNTRACK_STATE_DNAT && untracked == XT_CONNTRACK_STATE_UNTRACKED)
		status |= IPS_DST_NAT;
	if (states && status)
		return false; /* one or the other: not a row of steps */
	if (status)
		any_bit(m, key(m, SOURCE_CT, NFT_CT_STATUS, 4, 0), not, &status);
	else
		any_bit(m, key(m, SOURCE_CT, NFT_CT_STATE, 4, 0), not, &states);
	return true;
}

static bool match_conntrack(struct making *m, uint32_t revision, struct bytes info)
{
	struct xt_conntrack_mtinfo3 i = {0};
	memcpy(&i, info.data, info.len < sizeof i ? info.len : sizeof i);
	uint32_t state = i.state_mask, status = i.status_mask;
	if (revision == 1) { /* its masks are bytes, at the end */
		const struct xt_conntrack_mtinfo1 *one = (const void *)info.data;
		state = one->state_mask;
		status = one->status_mask;
	}
	if (i.match_flags & ~(XT_CONNTRACK_STATE | XT_CONNTRACK_STATUS | XT_CONNTRACK_DIRECTION | XT_CONNTRACK_STATE_ALIAS))
		return false;
	if (i.match_flags & XT_CONNTRACK_STATE && !match_states(m, state, XT_CONNTRACK_STATE_UNTRACKED, i.invert_flags & XT_CONNTRACK_STATE))
		return false;
	if (i.match_flags & XT_CONNTRACK_STATUS)
		any_bit(m, key(m, SOURCE_CT, NFT_CT_STATUS, 4, 0), i.invert_flags & XT_CONNTRACK_STATUS, &status);
	if (i.match_flags & XT_CONNTRACK_DIRECTION)
		compare(m, key(m, SOURCE_CT, NFT_CT_DIRECTION, 1, 0), false, i.invert_flags & XT_CONNTRACK_DIRECTION ? "\1" : "\0");
	return true;
}

static bool match_state(struct making *m, uint32_t revision, struct bytes info)
{
	const struct xt_state_info *i = (const void *)info.data;
	return match_states(m, i->statemask, XT_STATE_UNTRACKED, false);
}

static bool match_multiport(struct making *m, uint32_t revision, struct bytes info)
{
	struct xt_multiport_v1 i = {0};
	uint8_t ports[XT_MULTI_PORTS][4];
	size_t n = 0;
	memcpy(&i, info.data, info.len < sizeof i ? info.len : sizeof i);
	if (revision == 0) {
		memset(i.pflags, 0, sizeof i.pflags);
		i.invert = 0;
	}
	if (i.flags == XT_MULTIPORT_EITHER || i.count > XT_MULTI_PORTS)
		return false;
	for (size_t k = 0; k < i.count; k++) {
		store_be16(ports[n], i.ports[k]);
		bool range = i.pflags[k] && k + 1 < i.count;
		k += range;
		store_be16(ports[n++] + 2, i.ports[k]);
	}
	port_set(m, field(m, NFT_PAYLOAD_TRANSPORT_HEADER, i.flags == XT_MULTIPORT_SOURCE ? 0 : 2, 2), i.invert, ports, n);
	return true;
}

static bool match_tcp(struct making *m, uint32_t revision, struct bytes info)
{
	const struct xt_tcp *i = (const void *)info.data;
	port_range(m, 0, i->spts, i->invflags & XT_TCP_INV_SRCPT);
	port_range(m, 2, i->dpts, i->invflags & XT_TCP_INV_DSTPT);
	if (i->flg_mask || i->invflags & XT_TCP_INV_FLAGS)
		compare(m, masked(m, field(m, NFT_PAYLOAD_TRANSPORT_HEADER, 13, 1), &i->flg_mask, NULL), i->invflags & XT_TCP_INV_FLAGS, &i->flg_cmp);
	if (i->option) {
		struct operand like;
		memset(&like, 0, sizeof like);
		like.source = SOURCE_EXTHDR;
		like.len = 1;
		like.exthdr.op = NFT_EXTHDR_OP_TCPOPT;
		like.exthdr.type = i->option;
		like.exthdr.present = true;
		compare(m, operand_shared(m, &like), false, i->invflags & XT_TCP_INV_OPTION ? "\0" : "\1");
	}
	return true;
}

static bool match_udp(struct making *m, uint32_t revision, struct bytes info)
{
	const struct xt_udp *i = (const void *)info.data;
	port_range(m, 0, i->spts, i->invflags & XT_UDP_INV_SRCPT);
	port_range(m, 2, i->dpts, i->invflags & XT_UDP_INV_DSTPT);
	return true;
}

static bool match_icmp(struct making *m, uint32_t revision, struct bytes info)
{
	const struct ipt_icmp *i = (const void *)info.data; /* ip6t_icmp is the same */
	bool not = i->invflags & IPT_ICMP_INV, any_code = i->code[0] == 0 && i->code[1] == 0xff;
	if (i->type == 0xff && m->table->family == NFPROTO_IPV4)
		return !not;
	if (not && !any_code)
		return false; /* not this type with this code: one or the other */
	compare(m, field(m, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1), not, &i->type);
	if (!any_code)
		within(m, field(m, NFT_PAYLOAD_TRANSPORT_HEADER, 1, 1), false, &i->code[0], &i->code[1]);
	return true;
}

static bool match_any_mark(struct making *m, const struct operand *o, struct bytes info)
{
	const struct xt_mark_mtinfo1 *i = (const void *)info.data; /* xt_connmark_mtinfo1 is the same */
	compare(m, i->mask == ALL_ONES ? o : masked(m, o, &i->mask, NULL), i->invert, &i->mark);
	return true;
}

static bool match_mark(struct making *m, uint32_t revision, struct bytes info)
{
	return match_any_mark(m, key(m, SOURCE_META, NFT_META_MARK, 4, 0), info);
}

static bool match_connmark(struct making *m, uint32_t revision, struct bytes info)
{
	return match_any_mark(m, key(m, SOURCE_CT, NFT_CT_MARK, 4, 0), info);
}

/* Bits of types; one of them is a comparison. */
static bool match_type(struct making *m, uint32_t types, uint32_t flags, bool not)
{
	if (!types)
		return true;
	if (types & (types - 1))
		return false;
	uint32_t type = (uint32_t)__builtin_ctz(types);
	compare(m, key(m, SOURCE_FIB, NFT_FIB_RESULT_ADDRTYPE, 4, flags), not, &type);
	return true;
}

static bool match_addrtype(struct making *m, uint32_t revision, struct bytes info)
{
	const struct xt_addrtype_info_v1 *i = (const void *)info.data;
	uint32_t device = i->flags & XT_ADDRTYPE_LIMIT_IFACE_IN ? NFTA_FIB_F_IIF : i->flags & XT_ADDRTYPE_LIMIT_IFACE_OUT ? NFTA_FIB_F_OIF : 0;
	return match_type(m, i->source, NFTA_FIB_F_SADDR | device, i->flags & XT_ADDRTYPE_INVERT_SOURCE) &&
	       match_type(m, i->dest, NFTA_FIB_F_DADDR | device, i->flags & XT_ADDRTYPE_INVERT_DEST);
}

static bool match_limit(struct making *m, uint32_t revision, struct bytes info)
{
	static const uint64_t units[] = {1, 60, 3600, 86400};
	const struct xt_rateinfo *i = (const void *)info.data;
	struct step *s = step_add(m, STEP_LIMIT);
	for (size_t k = 0; k < 4 && i->avg && !s->limit.rate; k++) {
		s->limit.rate = XT_LIMIT_SCALE * units[k] / i->avg;
		s->limit.unit = units[k];
	}
	s->limit.burst = i->burst;
	return s->limit.rate != 0;
}

static bool match_iprange(struct making *m, uint32_t revision, struct bytes info)
{
	const struct xt_iprange_mtinfo *i = (const void *)info.data;
	bool six = m->table->family == NFPROTO_IPV6;
	uint32_t len = six ? 16 : 4;
	if (i->flags & IPRANGE_SRC)
		within(m, field(m, NFT_PAYLOAD_NETWORK_HEADER, six ? 8 : 12, len), i->flags & IPRANGE_SRC_INV, &i->src_min, &i->src_max);
	if (i->flags & IPRANGE_DST)
		within(m, field(m, NFT_PAYLOAD_NETWORK_HEADER, six ? 24 : 16, len), i->flags & IPRANGE_DST_INV, &i->dst_min, &i->dst_max);
	return true;
}

static bool match_pkttype(struct making *m, uint32_t revision, struct bytes info)
{
	const struct xt_pkttype_info *i = (const void *)info.data;
	uint8_t type = (uint8_t)i->pkttype;
	compare(m, key(m, SOURCE_META, NFT_META_PKTTYPE, 1, 0), i->invert, &type);
	return true;
}

/* ---- targets ---- */

static bool target_nfqueue(struct making *m, uint32_t revision, struct bytes info)
{
	struct xt_NFQ_info_v3 i = {.queues_total = 1};
	size_t len = revision == 0 ? sizeof(struct xt_NFQ_info) : revision == 1 ? sizeof(struct xt_NFQ_info_v1) : sizeof i;
	memcpy(&i, info.data, info.len < len ? info.len : len);
	struct step *s = step_add(m, STEP_QUEUE);
	s->queue.from = i.queuenum;
	s->queue.to = (uint16_t)(i.queuenum + (i.queues_total ? i.queues_total - 1 : 0));
	s->queue.flags = (i.flags & NFQ_FLAG_BYPASS ? NFT_QUEUE_FLAG_BYPASS : 0) | (revision >= 3 && i.flags & NFQ_FLAG_CPU_FANOUT ? NFT_QUEUE_FLAG_CPU_FANOUT : 0);
	s->queue.xt = true;
	return true;
}

static const struct operand *new_mark(struct making *m, const struct operand *old, uint32_t mark, uint32_t mask)
{
	uint32_t keep = ~mask;
	return mask == ALL_ONES ? immediate(m, &mark, 4) : masked(m, old, &keep, &mark);
}

static bool target_mark(struct making *m, uint32_t revision, struct bytes info)
{
	const struct xt_mark_tginfo2 *i = (const void *)info.data;
	write_key(m, WRITE_META, NFT_META_MARK, new_mark(m, key(m, SOURCE_META, NFT_META_MARK, 4, 0), i->mark, i->mask));
	return true;
}

static bool target_connmark(struct making *m, uint32_t revision, struct bytes info)
{
	struct xt_connmark_tginfo2 i = {0};
	memcpy(&i, info.data, info.len < sizeof i ? info.len : sizeof i);
	if (revision == 1) {
		const struct xt_connmark_tginfo1 *one = (const void *)info.data;
		i = (struct xt_connmark_tginfo2){.ctmark = one->ctmark, .ctmask = one->ctmask, .nfmask = one->nfmask, .mode = one->mode};
	}
	const struct operand *packet = key(m, SOURCE_META, NFT_META_MARK, 4, 0), *connection = key(m, SOURCE_CT, NFT_CT_MARK, 4, 0);
	if (i.shift_bits)
		return false;
	if (i.mode == XT_CONNMARK_SET)
		write_key(m, WRITE_CT, NFT_CT_MARK, new_mark(m, connection, i.ctmark, i.ctmask));
	else if (i.mode == XT_CONNMARK_SAVE && i.ctmask == ALL_ONES)
		write_key(m, WRITE_CT, NFT_CT_MARK, i.nfmask == ALL_ONES ? packet : masked(m, packet, &i.nfmask, NULL));
	else if (i.mode == XT_CONNMARK_RESTORE && i.nfmask == ALL_ONES)
		write_key(m, WRITE_META, NFT_META_MARK, i.ctmask == ALL_ONES ? connection : masked(m, connection, &i.ctmask, NULL));
	else
		return false; /* bits of both marks */
	return true;
}

static bool target_reject(struct making *m, uint32_t revision, struct bytes info)
{
	static const int8_t four[] = {[IPT_ICMP_NET_UNREACHABLE] = 0, [IPT_ICMP_HOST_UNREACHABLE] = 1, [IPT_ICMP_PROT_UNREACHABLE] = 2, [IPT_ICMP_PORT_UNREACHABLE] = 3,
				      [IPT_ICMP_ECHOREPLY] = -1, [IPT_ICMP_NET_PROHIBITED] = 9, [IPT_ICMP_HOST_PROHIBITED] = 10, [IPT_TCP_RESET] = -1,
				      [IPT_ICMP_ADMIN_PROHIBITED] = 13};
	static const int8_t six[] = {[IP6T_ICMP6_NO_ROUTE] = 0, [IP6T_ICMP6_ADM_PROHIBITED] = 1, [IP6T_ICMP6_NOT_NEIGHBOUR] = 2, [IP6T_ICMP6_ADDR_UNREACH] = 3,
				     [IP6T_ICMP6_PORT_UNREACH] = 4, [IP6T_ICMP6_ECHOREPLY] = -1, [IP6T_TCP_RESET] = -1, [IP6T_ICMP6_POLICY_FAIL] = 5,
				     [IP6T_ICMP6_REJECT_ROUTE] = 6};
	uint32_t with;
	bool is_six = m->table->family == NFPROTO_IPV6;
	memcpy(&with, info.data, sizeof with);
	bool reset = with == (is_six ? (uint32_t)IP6T_TCP_RESET : (uint32_t)IPT_TCP_RESET);
	if (with >= (is_six ? sizeof six : sizeof four) || (!reset && (is_six ? six : four)[with] < 0))
		return false;
	struct step *s = step_add(m, STEP_REJECT);
	s->reject.type = reset ? NFT_REJECT_TCP_RST : NFT_REJECT_ICMP_UNREACH;
	s->reject.code = reset ? 0 : (uint8_t)(is_six ? six : four)[with];
	return true;
}

static bool target_log(struct making *m, uint32_t revision, struct bytes info)
{
	const struct xt_log_info *i = (const void *)info.data;
	struct step *s = step_add(m, STEP_LOG);
	s->log.level = i->level;
	s->log.flags = i->logflags;
	s->log.prefix = decoder_text(m->d, bytes_of(i->prefix, sizeof i->prefix));
	return true;
}

static bool target_nflog(struct making *m, uint32_t revision, struct bytes info)
{
	const struct xt_nflog_info *i = (const void *)info.data;
	struct step *s = step_add(m, STEP_LOG);
	s->log.has_group = true;
	s->log.group = i->group;
	s->log.level = NFT_LOGLEVEL_WARNING;
	s->log.snaplen = i->len;
	s->log.threshold = i->threshold;
	s->log.prefix = decoder_text(m->d, bytes_of(i->prefix, sizeof i->prefix));
	return true;
}

struct translation {
	uint32_t flags;
	uint8_t from[16], to[16];
	uint16_t low, high; /* network order */
	uint32_t len;
};

/* Three structures, by family and revision. */
static bool translation_read(const struct making *m, uint32_t revision, struct bytes info, struct translation *t)
{
	if (m->table->family == NFPROTO_IPV4 && revision == 0) {
		struct nf_nat_ipv4_multi_range_compat r;
		if (info.len < sizeof r)
			return false;
		memcpy(&r, info.data, sizeof r);
		*t = (struct translation){.flags = r.range[0].flags, .low = r.range[0].min.all, .high = r.range[0].max.all, .len = 4};
		memcpy(t->from, &r.range[0].min_ip, 4);
		memcpy(t->to, &r.range[0].max_ip, 4);
		return r.rangesize == 1;
	}
	struct nf_nat_range r;
	if (info.len < sizeof r)
		return false;
	memcpy(&r, info.data, sizeof r);
	*t = (struct translation){.flags = r.flags, .low = r.min_proto.all, .high = r.max_proto.all, .len = m->table->family == NFPROTO_IPV4 ? 4 : 16};
	memcpy(t->from, &r.min_addr, 16);
	memcpy(t->to, &r.max_addr, 16);
	return !(r.flags & NF_NAT_RANGE_PROTO_OFFSET);
}

static bool translate(struct making *m, uint32_t revision, struct bytes info, uint32_t type, bool masquerade, bool redirect)
{
	struct translation t;
	if (!translation_read(m, revision, info, &t))
		return false;
	struct step *s = step_add(m, STEP_NAT);
	s->nat.type = type;
	s->nat.family = m->table->family;
	s->nat.flags = t.flags;
	s->nat.masquerade = masquerade;
	s->nat.redirect = redirect;
	if (t.flags & NF_NAT_RANGE_MAP_IPS && !redirect && !masquerade) {
		s->nat.address_min = immediate(m, t.from, t.len);
		s->nat.address_max = memcmp(t.from, t.to, t.len) ? immediate(m, t.to, t.len) : s->nat.address_min;
	}
	if (t.flags & NF_NAT_RANGE_PROTO_SPECIFIED) {
		s->nat.port_min = immediate(m, &t.low, 2);
		s->nat.port_max = t.low != t.high ? immediate(m, &t.high, 2) : s->nat.port_min;
	}
	return true;
}

static bool target_masquerade(struct making *m, uint32_t revision, struct bytes info)
{
	return translate(m, revision, info, NFT_NAT_SNAT, true, false);
}

static bool target_redirect(struct making *m, uint32_t revision, struct bytes info)
{
	return translate(m, revision, info, NFT_NAT_DNAT, false, true);
}

static bool target_dnat(struct making *m, uint32_t revision, struct bytes info)
{
	return translate(m, revision, info, NFT_NAT_DNAT, false, false);
}

static bool target_snat(struct making *m, uint32_t revision, struct bytes info)
{
	return translate(m, revision, info, NFT_NAT_SNAT, false, false);
}

static bool target_tcpmss(struct making *m, uint32_t revision, struct bytes info)
{
	const struct xt_tcpmss_info *i = (const void *)info.data;
	uint8_t mss[2];
	store_be16(mss, i->mss);
	const struct operand *from = i->mss == XT_TCPMSS_CLAMP_PMTU ? key(m, SOURCE_RT, NFT_RT_TCPMSS, 2, 0) : immediate(m, mss, 2);
	struct step *s = step_add(m, STEP_WRITE);
	s->write.target = WRITE_EXTHDR;
	s->write.base = NFT_EXTHDR_OP_TCPOPT;
	s->write.type = 2;
	s->write.offset = 2;
	s->write.len = 2;
	s->write.operand = from;
	return true;
}

static bool target_ct(struct making *m, uint32_t revision, struct bytes info)
{
	struct xt_ct_target_info_v1 i = {0};
	memcpy(&i, info.data, info.len < sizeof i ? info.len : sizeof i);
	if (i.flags & XT_CT_NOTRACK) {
		step_add(m, STEP_NOTRACK);
		return true;
	}
	if (i.helper[0] || i.zone || (i.flags & ~XT_CT_NOTRACK))
		return false;
	return true;
}

static bool target_notrack(struct making *m, uint32_t revision, struct bytes info)
{
	step_add(m, STEP_NOTRACK);
	return true;
}

/* Repairs a checksum; no verdict depends on it. */
static bool target_nothing(struct making *m, uint32_t revision, struct bytes info)
{
	return true;
}

/* ---- the tables ---- */

struct extension {
	const char *name;
	bool (*make)(struct making *m, uint32_t revision, struct bytes info);
	uint32_t least; /* bytes of info */
	uint32_t from, to; /* revisions */
};

static const struct extension matches[] = {
	{"addrtype", match_addrtype, sizeof(struct xt_addrtype_info_v1), 1, 1},
	{"connmark", match_connmark, sizeof(struct xt_mark_mtinfo1), 1, 1},
	{"conntrack", match_conntrack, sizeof(struct xt_conntrack_mtinfo1), 1, 3},
	{"icmp", match_icmp, sizeof(struct ipt_icmp), 0, 0},
	{"icmp6", match_icmp, sizeof(struct ip6t_icmp), 0, 0},
	{"iprange", match_iprange, sizeof(struct xt_iprange_mtinfo), 1, 1},
	{"limit", match_limit, sizeof(struct xt_rateinfo), 0, 0},
	{"mark", match_mark, sizeof(struct xt_mark_mtinfo1), 1, 1},
	{"multiport", match_multiport, sizeof(struct xt_multiport), 0, 1},
	{"pkttype", match_pkttype, sizeof(struct xt_pkttype_info), 0, 0},
	{"state", match_state, sizeof(struct xt_state_info), 0, 0},
	{"tcp", match_tcp, sizeof(struct xt_tcp), 0, 0},
	{"udp", match_udp, sizeof(struct xt_udp), 0, 0},
};

static const struct extension targets[] = {
	{"CHECKSUM", target_nothing, 0, 0, 0},
	{"CONNMARK", target_connmark, sizeof(struct xt_connmark_tginfo1), 1, 2},
	{"CT", target_ct, 16, 0, 2},
	{"DNAT", target_dnat, sizeof(struct nf_nat_ipv4_multi_range_compat), 0, 2},
	{"LOG", target_log, sizeof(struct xt_log_info), 0, 0},
	{"MARK", target_mark, sizeof(struct xt_mark_tginfo2), 2, 2},
	{"MASQUERADE", target_masquerade, sizeof(struct nf_nat_ipv4_multi_range_compat), 0, 1},
	{"NFLOG", target_nflog, sizeof(struct xt_nflog_info), 0, 0},
	{"NFQUEUE", target_nfqueue, sizeof(struct xt_NFQ_info), 0, 3},
	{"NOTRACK", target_notrack, 0, 0, 0},
	{"REDIRECT", target_redirect, sizeof(struct nf_nat_ipv4_multi_range_compat), 0, 1},
	{"REJECT", target_reject, 4, 0, 0},
	{"SNAT", target_snat, sizeof(struct nf_nat_ipv4_multi_range_compat), 0, 2},
	{"TCPMSS", target_tcpmss, sizeof(struct xt_tcpmss_info), 0, 0},
};

static struct step *meaning(struct decoder *d, struct ruleset_rule *rule, const struct extension *rows, size_t n, const char *name, uint32_t revision,
			    struct bytes info)
{
	_Alignas(8) uint8_t aligned[512] = {0};
	struct step *steps = NULL;
	struct making m = {.d = d, .table = rule->chain->table, .rule = rule, .end = &steps};
	for (size_t i = 0; i < n; i++) {
		const struct extension *x = &rows[i];
		if (strcmp(x->name, name) != 0 || revision < x->from || revision > x->to || info.len < x->least || info.len > sizeof aligned)
			continue;
		if (info.len)
			memcpy(aligned, info.data, info.len);
		if (!x->make(&m, revision, bytes_of(aligned, info.len)))
			return NULL;
		if (!steps) /* understood, and nothing */
			step_add(&m, STEP_VERDICT)->verdict.code = NFT_CONTINUE;
		return steps;
	}
	return NULL;
}

struct step *xt_match_meaning(struct decoder *d, struct ruleset_rule *rule, const char *name, uint32_t revision, struct bytes info)
{
	return meaning(d, rule, matches, sizeof matches / sizeof *matches, name, revision, info);
}

struct step *xt_target_meaning(struct decoder *d, struct ruleset_rule *rule, const char *name, uint32_t revision, struct bytes info)
{
	return meaning(d, rule, targets, sizeof targets / sizeof *targets, name, revision, info);
}
