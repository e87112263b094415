// SPDX-License-Identifier: GPL-2.0-or-later
/* Statements in nft's words. */
#include <netinet/in.h>
#include <inttypes.h>
#include <linux/netfilter/nf_log.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_synproxy.h>
#include <string.h>

#include "ruleset/print_private.h"

/* A value to be written, in the form of what it is written to. */
static void put_source(struct buffer *b, const struct ruleset *rs, const struct context *c, struct form f, const struct operand *o)
{
	if (o->source == SOURCE_IMMEDIATE && !o->changes)
		put_value(b, rs, f, o->data, o->len);
	else
		put_operand(b, rs, c, o);
}

/* ---- writes ---- */

/* Only some bits of the packet's field are changed: the field of just these bits. */
static bool put_bit_write(struct buffer *b, const struct ruleset *rs, const struct context *c, const struct step *s)
{
	const struct operand *o = s->write.operand;
	const struct change *x = only_mask(o);
	if (!x || o->source != SOURCE_PAYLOAD || o->payload.base != s->write.base || o->payload.offset != s->write.offset || o->len > 8)
		return false;
	uint8_t bits[8];
	struct form f;
	size_t width;
	for (size_t i = 0; i < o->len; i++)
		bits[i] = (uint8_t)~x->mask[i];
	if (!put_masked_field(b, c, o, bits, &f, &width))
		return false;
	buffer_add_string(b, " set ");
	put_value(b, rs, f, x->xor, o->len);
	return true;
}

static void put_write(struct buffer *b, const struct ruleset *rs, const struct context *c, const struct step *s)
{
	struct operand target = {.len = (uint16_t)s->write.len};
	switch (s->write.target) {
	case WRITE_META:
		target.source = SOURCE_META;
		target.key.key = s->write.key;
		break;
	case WRITE_CT:
		target.source = SOURCE_CT;
		target.key.key = s->write.key;
		target.key.direction = s->write.direction;
		break;
	case WRITE_PAYLOAD:
		if (put_bit_write(b, rs, c, s))
			return;
		target.source = SOURCE_PAYLOAD;
		target.payload.base = s->write.base;
		target.payload.offset = s->write.offset;
		break;
	default:
		target.source = SOURCE_EXTHDR;
		target.exthdr.op = s->write.base;
		target.exthdr.type = s->write.type;
		target.exthdr.offset = s->write.offset;
	}
	if (s->write.target == WRITE_EXTHDR_RESET) {
		buffer_add_string(b, "reset ");
		target.exthdr.present = true;
	}
	struct form f = put_field(b, rs, c, &target);
	if (!s->write.operand)
		return;
	buffer_add_string(b, " set ");
	put_source(b, rs, c, f, s->write.operand);
}

static void put_update(struct buffer *b, const struct ruleset *rs, const struct context *c, const struct step *s)
{
	static const char *const words[] = {[NFT_DYNSET_OP_ADD] = "add", [NFT_DYNSET_OP_UPDATE] = "update", [NFT_DYNSET_OP_DELETE] = "delete"};
	buffer_printf(b, "%s @", s->update.op < 3 ? words[s->update.op] : "?");
	put_name(b, s->update.set->name);
	buffer_add_string(b, " { ");
	put_operand(b, rs, c, s->update.key);
	if (s->update.timeout) {
		buffer_add_string(b, " timeout ");
		put_duration(b, s->update.timeout);
	}
	for (const struct step *i = s->update.inner; i; i = i->next) {
		buffer_add_byte(b, ' ');
		if (i->kind == STEP_COUNTER && !i->counter.object && !i->counter.packets)
			buffer_add_string(b, "counter");
		else
			put_statement(b, rs, c, i);
	}
	if (s->update.data) {
		buffer_add_string(b, " : ");
		put_source(b, rs, c, (struct form){.type = (uint8_t)(s->update.set->data_type & 63), .big = s->update.set->data_type != TYPE_MARK}, s->update.data);
	}
	buffer_add_string(b, " }");
}

/* ---- rates and sums ---- */

static void put_bytes(struct buffer *b, uint64_t n)
{
	static const char *const units[] = {"bytes", "kbytes", "mbytes"};
	size_t i = 0;
	while (i < 2 && n && n % 1024 == 0)
		n /= 1024, i++;
	buffer_printf(b, "%" PRIu64 " %s", n, units[i]);
}

static void put_limit(struct buffer *b, const struct step *s)
{
	const char *unit = s->limit.unit == 60 ? "minute" : s->limit.unit == 3600 ? "hour" : s->limit.unit == 86400 ? "day" : s->limit.unit == 604800 ? "week" : "second";
	if (s->limit.object) {
		buffer_add_string(b, "limit name ");
		put_quoted(b, s->limit.object);
		return;
	}
	buffer_printf(b, "limit rate %s", s->inverted ? "over " : "");
	if (s->limit.bytes)
		put_bytes(b, s->limit.rate);
	else
		buffer_printf(b, "%" PRIu64, s->limit.rate);
	buffer_printf(b, "/%s", unit);
	if (s->limit.bytes && s->limit.burst) {
		buffer_add_string(b, " burst ");
		put_bytes(b, s->limit.burst);
	} else if (!s->limit.bytes && s->limit.burst != 5) { /* what nft takes if none is given */
		buffer_printf(b, " burst %" PRIu32 " packets", s->limit.burst);
	}
}

static void put_counter(struct buffer *b, const struct ruleset *rs, const struct context *c, const struct step *s)
{
	if (s->counter.object_key) {
		buffer_add_string(b, "counter name ");
		put_operand(b, rs, c, s->counter.object_key);
		buffer_add_string(b, " map ");
		put_set(b, rs, c, s->counter.object_set, s->counter.object_key);
	} else if (s->counter.object) {
		buffer_add_string(b, "counter name ");
		put_quoted(b, s->counter.object);
	} else {
		buffer_printf(b, "counter packets %" PRIu64 " bytes %" PRIu64, s->counter.packets, s->counter.bytes);
	}
}

static void put_quota(struct buffer *b, const struct step *s)
{
	if (s->quota.object) {
		buffer_add_string(b, "quota name ");
		put_quoted(b, s->quota.object);
		return;
	}
	buffer_printf(b, "quota %s", s->inverted ? "over " : "");
	put_bytes(b, s->quota.bytes);
	if (s->quota.used) {
		buffer_add_string(b, " used ");
		put_bytes(b, s->quota.used);
	}
}

static void put_log(struct buffer *b, const struct step *s)
{
	static const char *const levels[] = {"emerg", "alert", "crit", "err", "warn", "notice", "info", "debug", "audit"};
	uint32_t f = s->log.flags;
	buffer_add_string(b, "log");
	if (s->log.prefix && *s->log.prefix) {
		buffer_add_string(b, " prefix ");
		put_quoted(b, s->log.prefix);
	}
	if (s->log.has_group)
		buffer_printf(b, " group %" PRIu32, s->log.group);
	if (s->log.snaplen)
		buffer_printf(b, " snaplen %" PRIu32, s->log.snaplen);
	if (s->log.threshold)
		buffer_printf(b, " queue-threshold %" PRIu32, s->log.threshold);
	if (!s->log.has_group && s->log.level != NFT_LOGLEVEL_WARNING && s->log.level < sizeof levels / sizeof *levels)
		buffer_printf(b, " level %s", levels[s->log.level]);
	if ((f & NF_LOG_MASK) == NF_LOG_MASK) {
		buffer_add_string(b, " flags all");
		return;
	}
	if (f & (NF_LOG_TCPSEQ | NF_LOG_TCPOPT))
		buffer_printf(b, " flags tcp %s", !(f & NF_LOG_TCPOPT) ? "sequence" : f & NF_LOG_TCPSEQ ? "sequence,options" : "options");
	if (f & NF_LOG_IPOPT)
		buffer_add_string(b, " flags ip options");
	if (f & NF_LOG_UID)
		buffer_add_string(b, " flags skuid");
	if (f & NF_LOG_MACDECODE)
		buffer_add_string(b, " flags ether");
}

/* ---- where packets go ---- */

static void put_queue(struct buffer *b, const struct ruleset *rs, const struct context *c, const struct step *s)
{
	bool bypass = s->queue.flags & NFT_QUEUE_FLAG_BYPASS, fanout = s->queue.flags & NFT_QUEUE_FLAG_CPU_FANOUT;
	buffer_add_string(b, "queue");
	if (bypass || fanout)
		buffer_printf(b, " flags %s%s%s", bypass ? "bypass" : "", bypass && fanout ? "," : "", fanout ? "fanout" : "");
	buffer_add_string(b, " to ");
	if (s->queue.operand)
		put_operand(b, rs, c, s->queue.operand);
	else if (s->queue.from != s->queue.to)
		buffer_printf(b, "%u-%u", s->queue.from, s->queue.to);
	else
		buffer_printf(b, "%u", s->queue.from);
}

static void put_reject(struct buffer *b, const struct context *c, const struct step *s)
{
	uint8_t code = s->reject.code;
	buffer_add_string(b, "reject");
	if (s->reject.type == NFT_REJECT_TCP_RST) {
		buffer_add_string(b, " with tcp reset");
		return;
	}
	bool x = s->reject.type == NFT_REJECT_ICMPX_UNREACH, six = c->l3 == NFPROTO_IPV6;
	if (code == (x ? NFT_REJECT_ICMPX_PORT_UNREACH : six ? 4 : 3))
		return;
	const char *name = symbol_of(x ? TYPE_ICMPX_CODE : six ? TYPE_ICMPV6_CODE : TYPE_ICMP_CODE, code);
	buffer_printf(b, " with %s ", x ? "icmpx" : six ? "icmpv6" : "icmp");
	if (name)
		buffer_add_string(b, name);
	else
		buffer_printf(b, "%u", code);
}

static bool is_immediate(const struct operand *o)
{
	return o && o->source == SOURCE_IMMEDIATE;
}

static void put_ends(struct buffer *b, const struct ruleset *rs, const struct context *c, struct form f, const struct operand *from, const struct operand *to)
{
	put_source(b, rs, c, f, from);
	if (!to || operands_equal(from, to))
		return;
	if (is_immediate(from) && is_immediate(to) && from->len == to->len && memcmp(from->data, to->data, from->len) == 0)
		return;
	if (!is_immediate(from))
		return; /* an interval that a map holds */
	buffer_add_byte(b, '-');
	put_source(b, rs, c, f, to);
}

/* Address and port out of one map. */
static bool same_map(const struct operand *address, const struct operand *port)
{
	return address && port && address->source == SOURCE_MAP && port->source == SOURCE_MAP && address->map.set == port->map.set;
}

static const struct operand *whole_map(const struct operand *o, struct operand *room)
{
	*room = *o;
	room->changes = NULL;
	return room;
}

static void put_flags_of_nat(struct buffer *b, uint32_t flags)
{
	const char *comma = " ";
	static const struct {
		uint32_t flag;
		const char *name;
	} words[] = {{NF_NAT_RANGE_PROTO_RANDOM, "random"}, {NF_NAT_RANGE_PROTO_RANDOM_FULLY, "fully-random"}, {NF_NAT_RANGE_PERSISTENT, "persistent"}};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (flags & words[i].flag) {
			buffer_printf(b, "%s%s", comma, words[i].name);
			comma = ",";
		}
}

static void put_target(struct buffer *b, const struct ruleset *rs, const struct context *c, const struct step *s)
{
	bool six = s->nat.family == NFPROTO_IPV6, bracket = six && s->nat.port_min && is_immediate(s->nat.address_min);
	struct form f = {.type = six ? TYPE_IP6ADDR : TYPE_IPADDR, .big = true}, port = {.type = TYPE_INET_SERVICE, .big = true};
	struct operand room;
	if (same_map(s->nat.address_min, s->nat.port_min)) {
		put_operand(b, rs, c, whole_map(s->nat.address_min, &room));
		return;
	}
	if (s->nat.address_min) {
		buffer_add_string(b, bracket ? "[" : "");
		const struct operand *from = s->nat.address_min->source == SOURCE_MAP ? whole_map(s->nat.address_min, &room) : s->nat.address_min;
		put_ends(b, rs, c, f, from, s->nat.address_max);
		buffer_add_string(b, bracket ? "]" : "");
	}
	if (s->nat.port_min) {
		buffer_add_byte(b, ':');
		put_ends(b, rs, c, port, s->nat.port_min, s->nat.port_max);
	}
}

static void put_nat(struct buffer *b, const struct ruleset *rs, const struct context *c, const struct step *s)
{
	bool plain = s->nat.masquerade || s->nat.redirect, prefix = s->nat.flags & NF_NAT_RANGE_NETMAP;
	buffer_add_string(b, s->nat.masquerade ? "masquerade" : s->nat.redirect ? "redirect" : s->nat.type == NFT_NAT_SNAT ? "snat" : "dnat");
	if (!plain && c->family == NFPROTO_INET)
		buffer_add_string(b, s->nat.family == NFPROTO_IPV6 ? " ip6" : " ip");
	if (prefix)
		buffer_add_string(b, " prefix");
	if (s->nat.address_min || s->nat.port_min) {
		buffer_add_string(b, " to ");
		put_target(b, rs, c, s);
	}
	put_flags_of_nat(b, s->nat.flags);
}

static void put_tproxy(struct buffer *b, const struct ruleset *rs, const struct context *c, const struct step *s)
{
	bool six = s->tproxy.family == NFPROTO_IPV6;
	buffer_add_string(b, "tproxy");
	if (c->family == NFPROTO_INET && s->tproxy.family)
		buffer_add_string(b, six ? " ip6" : s->tproxy.family == NFPROTO_IPV4 ? " ip" : "");
	buffer_add_string(b, " to ");
	if (s->tproxy.address) {
		buffer_add_string(b, six && s->tproxy.port ? "[" : "");
		put_source(b, rs, c, (struct form){.type = six ? TYPE_IP6ADDR : TYPE_IPADDR, .big = true}, s->tproxy.address);
		buffer_add_string(b, six && s->tproxy.port ? "]" : "");
	}
	if (s->tproxy.port) {
		buffer_add_byte(b, ':');
		put_source(b, rs, c, (struct form){.type = TYPE_INET_SERVICE, .big = true}, s->tproxy.port);
	}
}

static void put_dup(struct buffer *b, const struct ruleset *rs, const struct context *c, const struct step *s)
{
	bool six = s->dup.family == NFPROTO_IPV6, forward = s->kind == STEP_FORWARD;
	struct form device = {.type = TYPE_IFINDEX};
	buffer_add_string(b, forward ? "fwd" : "dup");
	if (forward && s->dup.address)
		buffer_add_string(b, six ? " ip6" : " ip");
	buffer_add_string(b, " to ");
	if (s->dup.address)
		put_source(b, rs, c, (struct form){.type = six ? TYPE_IP6ADDR : TYPE_IPADDR, .big = true}, s->dup.address);
	if (s->dup.address && s->dup.device)
		buffer_add_string(b, " device ");
	if (s->dup.device)
		put_source(b, rs, c, device, s->dup.device);
}

static void put_synproxy(struct buffer *b, const struct step *s)
{
	buffer_add_string(b, "synproxy");
	if (s->synproxy.object) {
		buffer_add_string(b, " name ");
		put_quoted(b, s->synproxy.object);
		return;
	}
	if (s->synproxy.flags & NF_SYNPROXY_OPT_MSS)
		buffer_printf(b, " mss %u", s->synproxy.mss);
	if (s->synproxy.flags & NF_SYNPROXY_OPT_WSCALE)
		buffer_printf(b, " wscale %u", s->synproxy.wscale);
	if (s->synproxy.flags & NF_SYNPROXY_OPT_TIMESTAMP)
		buffer_add_string(b, " timestamp");
	if (s->synproxy.flags & NF_SYNPROXY_OPT_SACK_PERM)
		buffer_add_string(b, " sack-perm");
}

static void put_object(struct buffer *b, const struct ruleset *rs, const struct context *c, const struct step *s)
{
	const char *what = s->object.type == NFT_OBJECT_CT_HELPER ? "ct helper set " : s->object.type == NFT_OBJECT_CT_TIMEOUT ? "ct timeout set "
			   : s->object.type == NFT_OBJECT_CT_EXPECT ? "ct expectation set " : s->object.type == NFT_OBJECT_SECMARK ? "meta secmark set "
			   : s->object.type == NFT_OBJECT_QUOTA ? "quota name " : s->object.type == NFT_OBJECT_LIMIT ? "limit name "
			   : s->object.type == NFT_OBJECT_SYNPROXY ? "synproxy name " : "object ";
	buffer_add_string(b, what);
	if (s->object.name)
		put_quoted(b, s->object.name);
	if (s->object.key) {
		put_operand(b, rs, c, s->object.key);
		buffer_add_string(b, " map ");
		put_set(b, rs, c, s->object.set, s->object.key);
	}
}

/* By what it means where that is understood, so that it reads as any other rule. */
static void put_xt(struct buffer *b, const struct ruleset *rs, const struct context *c, const struct step *s)
{
	bool nothing = s->xt.meaning && s->xt.meaning->kind == STEP_VERDICT && s->xt.meaning->verdict.code == NFT_CONTINUE;
	if (s->xt.meaning && !nothing) {
		struct context inner = *c;
		put_steps(b, rs, &inner, s->xt.meaning, NULL);
		return;
	}
	buffer_printf(b, "xt %s ", s->kind == STEP_XT_MATCH ? "match" : "target");
	put_quoted(b, s->xt.name);
}

void put_statement(struct buffer *b, const struct ruleset *rs, const struct context *c, const struct step *s)
{
	switch ((enum step_kind)s->kind) {
	case STEP_VERDICT:
		put_verdict(b, &s->verdict);
		break;
	case STEP_VERDICT_MAP:
		put_operand(b, rs, c, s->lookup.operand);
		buffer_add_string(b, " vmap ");
		put_set(b, rs, c, s->lookup.set, s->lookup.operand);
		break;
	case STEP_WRITE:
		put_write(b, rs, c, s);
		break;
	case STEP_UPDATE:
		put_update(b, rs, c, s);
		break;
	case STEP_COUNTER:
		put_counter(b, rs, c, s);
		break;
	case STEP_LIMIT:
		put_limit(b, s);
		break;
	case STEP_QUOTA:
		put_quota(b, s);
		break;
	case STEP_CONNLIMIT:
		buffer_printf(b, "ct count %s%" PRIu32, s->inverted ? "over " : "", s->connlimit.count);
		break;
	case STEP_LAST:
		buffer_add_string(b, "last");
		break;
	case STEP_LOG:
		put_log(b, s);
		break;
	case STEP_QUEUE:
		put_queue(b, rs, c, s);
		break;
	case STEP_REJECT:
		put_reject(b, c, s);
		break;
	case STEP_NAT:
		put_nat(b, rs, c, s);
		break;
	case STEP_TPROXY:
		put_tproxy(b, rs, c, s);
		break;
	case STEP_NOTRACK:
		buffer_add_string(b, "notrack");
		break;
	case STEP_SYNPROXY:
		put_synproxy(b, s);
		break;
	case STEP_DUP:
	case STEP_FORWARD:
		put_dup(b, rs, c, s);
		break;
	case STEP_FLOW_ADD:
		buffer_add_string(b, "flow add @");
		put_name(b, s->flow_add.flowtable);
		break;
	case STEP_CT_OBJECT:
		put_object(b, rs, c, s);
		break;
	case STEP_XT_MATCH:
	case STEP_XT_TARGET:
		put_xt(b, rs, c, s);
		break;
	default:
		buffer_add_byte(b, '[');
		put_name(b, s->name ? s->name : "?");
		buffer_add_byte(b, ']');
	}
}
