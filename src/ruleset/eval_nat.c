// SPDX-License-Identifier: GPL-2.0-or-later
/* Statements that choose a connection's mapping: snat, dnat, masquerade, redirect; and reject, which closes it. */
#include "ruleset/eval.h"

#include <linux/netfilter/nf_nat.h>
#include <string.h>

static bool load_address(struct trace *t, const struct operand *o, uint8_t family, struct address *out)
{
	uint8_t v[VALUE_MAX];
	size_t len;
	if (!o || operand_load(t, o, v, &len) != LOAD_OK)
		return false;
	*out = (struct address){.family = family};
	memcpy(out->byte, v, family == 4 ? 4 : 16);
	return true;
}

static bool load_port(struct trace *t, const struct operand *o, uint16_t *out)
{
	uint8_t v[VALUE_MAX];
	size_t len;
	if (!o || operand_load(t, o, v, &len) != LOAD_OK)
		return false;
	*out = load_be16(v);
	return true;
}

/* LOAD_BREAK: a map has nothing for it; the rule does not apply then. */
static enum load readable(struct trace *t, const struct operand *o)
{
	uint8_t v[VALUE_MAX];
	size_t len;
	return o ? operand_load(t, o, v, &len) : LOAD_OK;
}

static struct address source_of(const struct trace_packet *p)
{
	struct address a = {.family = p->ip};
	memcpy(a.byte, packet_network(p) + (p->ip == 4 ? 12 : 8), p->ip == 4 ? 4 : 16);
	return a;
}

static struct address destination_of(const struct trace_packet *p)
{
	struct address a = {.family = p->ip};
	memcpy(a.byte, packet_network(p) + (p->ip == 4 ? 16 : 24), p->ip == 4 ? 4 : 16);
	return a;
}

/* Prefix to prefix: the host's bits stay. */
static void netmap(const struct trace_packet *p, struct nat_range *r, int manip)
{
	struct address old = manip == MANIP_SRC ? source_of(p) : destination_of(p), new = r->min;
	for (size_t i = 0; i < 16; i++) {
		uint8_t mask = (uint8_t)~(r->min.byte[i] ^ r->max.byte[i]);
		new.byte[i] = (uint8_t)((old.byte[i] & ~mask) | (r->min.byte[i] & mask));
	}
	r->min = r->max = new;
}

static struct address redirect_address(struct trace *t)
{
	const struct trace_packet *p = &t->packet;
	if (p->hook == NF_INET_LOCAL_OUT) {
		struct address a = {.family = p->ip};
		if (p->ip == 4)
			memcpy(a.byte, "\x7f\0\0\1", 4);
		else
			a.byte[15] = 1;
		return a;
	}
	struct address dst = destination_of(p);
	return network_first_address(t->o.network, p->in, p->ip, p->ip == 6 && dst.byte[0] == 0xfe && (dst.byte[1] & 0xc0) == 0x80);
}

/* false: it cannot be known which */
static bool own_address(struct trace *t, const struct step *s, struct nat_range *r)
{
	const struct trace_packet *p = &t->packet;
	struct address to = p->way.via.family == p->ip ? p->way.via : destination_of(p);
	if (!t->o.network->known || (s->nat.redirect ? p->in_unknown : p->out_unknown))
		return s->nat.redirect && p->hook == NF_INET_LOCAL_OUT ? (r->min = r->max = redirect_address(t), true) : false;
	r->min = r->max = s->nat.redirect ? redirect_address(t) : network_source(t->o.network, p->out, &to);
	return true;
}

static bool range_of(struct trace *t, const struct step *s, struct nat_range *r, int manip)
{
	uint8_t family = t->packet.ip;
	r->flags = s->nat.flags & ~(uint32_t)(NF_NAT_RANGE_MAP_IPS | NF_NAT_RANGE_PROTO_SPECIFIED);
	if (load_address(t, s->nat.address_min, family, &r->min)) {
		r->flags |= NF_NAT_RANGE_MAP_IPS;
		if (!load_address(t, s->nat.address_max, family, &r->max))
			r->max = r->min;
		if (r->flags & NF_NAT_RANGE_NETMAP)
			netmap(&t->packet, r, manip);
	}
	if (load_port(t, s->nat.port_min, &r->port_min)) {
		r->flags |= NF_NAT_RANGE_PROTO_SPECIFIED;
		if (!load_port(t, s->nat.port_max, &r->port_max))
			r->port_max = r->port_min;
	}
	return true;
}

void step_nat(struct trace *t, const struct step *s, struct verdict *v)
{
	struct trace_packet *p = &t->packet;
	const struct operand *const operands[] = {s->nat.address_min, s->nat.address_max, s->nat.port_min, s->nat.port_max};
	struct nat_range r = {0};
	int manip = s->nat.type == NFT_NAT_SNAT ? MANIP_SRC : MANIP_DST;
	uint32_t family = p->ip == 6 ? NFPROTO_IPV6 : NFPROTO_IPV4;
	for (size_t i = 0; i < 4; i++) {
		enum load rc = readable(t, operands[i]);
		if (rc == LOAD_UNKNOWN)
			trace_unknown(t, "the address that NAT chooses is not known: it goes on without it");
		if (rc != LOAD_OK) {
			v->code = rc == LOAD_BREAK ? NFT_BREAK : NF_ACCEPT;
			return;
		}
	}
	if ((s->nat.family == NFPROTO_IPV4 || s->nat.family == NFPROTO_IPV6) && s->nat.family != family)
		return; /* of an inet table, for the other family */
	v->code = NF_ACCEPT;
	if (!p->connection || !p->ip)
		return;
	range_of(t, s, &r, manip);
	if (s->nat.masquerade || s->nat.redirect) {
		if (!own_address(t, s, &r)) {
			trace_unknown(t, "the address of the interface is not known: it goes on without NAT");
			return;
		}
		if (!r.min.family) {
			v->code = NF_DROP;
			return;
		}
		r.flags |= NF_NAT_RANGE_MAP_IPS;
	}
	if (!nat_setup(&t->connections, p->connection, &r, manip))
		v->code = NF_DROP;
	if (p->connection->nat_random)
		trace_unknown(t, "the kernel chooses the port by chance: another than this one is as good");
}

void step_reject(struct trace *t, const struct step *s)
{
	struct trace_packet *p = &t->packet;
	if (s->reject.type != NFT_REJECT_TCP_RST || !p->has_transport || p->transport != IPPROTO_TCP || p->fragoff)
		return;
	struct bytes ip = packet_ip(p);
	if (p->thoff + 20 > ip.len || (ip.data[p->thoff + 13] & 4))
		return;
	connection_closing(&t->connections, p->connection);
}
