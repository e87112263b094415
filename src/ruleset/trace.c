// SPDX-License-Identifier: GPL-2.0-or-later
/* The way of a packet from hook to hook, with the kernel's own stations. */
#include "packet/packet.h"
#include "ruleset/eval.h"

#include <linux/if_packet.h>
#include <linux/netfilter_arp.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/rtnetlink.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "packet/checksum.h"
#include "ruleset/trace_private.h"

enum { ETHERNET = 14, MAX_STATIONS = 512, DEFAULT_CONNECTIONS = 262144, ETHER_IP4 = 0x0800, ETHER_IP6 = 0x86dd, ETHER_ARP = 0x0806, ETHER_VLAN = 0x8100, ETHER_QINQ = 0x88a8 };

struct trace *trace_new(const struct trace_options *o)
{
	struct trace *t = xcalloc(1, sizeof *t);
	t->o = *o;
	t->live = xcalloc(1, sizeof *t->live);
	arena_init(&t->live->arena, 64 << 10);
	connections_init(&t->connections, o->max_connections ? o->max_connections : DEFAULT_CONNECTIONS);
	t->connections.checksums = o->checksums;
	t->connections.account = o->account;
	t->packet.room = TRACE_FRAME_MAX;
	t->packet.bytes = xmalloc(TRACE_FRAME_MAX + 64);
	network_number(o->network, o->ruleset);
	trace_families(t);
	return t;
}

void trace_free(struct trace *t)
{
	if (!t)
		return;
	arena_free(&t->live->arena);
	connections_free(&t->connections);
	free(t->live);
	free(t->packet.bytes);
	free(t);
}

const char *trace_fate_name(enum trace_fate f)
{
	static const char *const names[] = {"none", "forwarded", "delivered", "sent", "dropped", "taken"};
	return names[f];
}

static void station(struct trace *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void station(struct trace *t, const char *format, ...)
{
	char text[256];
	va_list args;
	if (!t->o.event)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	t->base = t->chain = NULL;
	trace_event(t, (struct trace_event){.kind = TRACE_STATION, .text = text});
}

/* The kernel itself drops it. */
static int32_t kernel_drops(struct trace *t, const char *why)
{
	t->result.rule = NULL;
	t->result.chain = NULL;
	snprintf(t->result.why, sizeof t->result.why, "%s", why);
	return NF_DROP;
}

/* ---- stations ---- */

static void set_said_state(struct trace *t, uint32_t said)
{
	struct trace_packet *p = &t->packet;
	enum { INVALID = 1, ESTABLISHED = 2, RELATED = 4, UNTRACKED = 64 };
	struct connection *c = p->connection;
	if (said & (INVALID | UNTRACKED)) {
		p->connection = NULL;
		p->info = said & UNTRACKED ? CT_UNTRACKED : 0;
		connection_release(&t->connections, c);
		return;
	}
	struct tuple tuple;
	if (!c && tuple_of(packet_ip(p), p->ip, p->zone, &tuple))
		c = p->connection = connection_new(&t->connections, &tuple);
	if (!c)
		return;
	p->info = said & RELATED ? IP_CT_RELATED : said & ESTABLISHED ? IP_CT_ESTABLISHED : IP_CT_NEW;
	if (said & ESTABLISHED)
		c->status |= IPS_SEEN_REPLY | IPS_ASSURED | IPS_CONFIRMED;
}

static int32_t track(struct trace *t)
{
	struct trace_packet *p = &t->packet;
	if (p->connection || p->info == CT_UNTRACKED)
		return NF_ACCEPT;
	struct tracked r = connection_track(&t->connections, packet_ip(p), p->ip, p->zone, p->hook == NF_INET_PRE_ROUTING);
	p->connection = r.connection;
	p->info = r.info;
	if (t->said_state)
		set_said_state(t, t->said_state);
	t->connections.pinned = p->connection;
	return r.drop ? kernel_drops(t, "connection tracking: the table is full") : NF_ACCEPT;
}

static int manip_of(uint8_t hook)
{
	return hook == NF_INET_PRE_ROUTING || hook == NF_INET_LOCAL_OUT ? MANIP_DST : MANIP_SRC;
}

static bool mapping_chosen(const struct connection *c, int manip)
{
	return c->status & (manip == MANIP_SRC ? IPS_SRC_NAT_DONE : IPS_DST_NAT_DONE);
}

/* No rule chose: the addresses stay; a source port that is taken does not. */
static bool null_binding(struct trace *t, int manip)
{
	struct connection *c = t->packet.connection;
	struct nat_range r = {.flags = NF_NAT_RANGE_MAP_IPS, .min = {.family = c->tuple[0].family}};
	memcpy(r.min.byte, manip == MANIP_SRC ? c->tuple[DIR_REPLY].dst : c->tuple[DIR_REPLY].src, 16);
	r.max = r.min;
	bool done = nat_setup(&t->connections, c, &r, manip);
	if (c->nat_random)
		trace_unknown(t, "the kernel chooses the port by chance: another than this one is as good");
	return done;
}

static int32_t run_chain(struct trace *t, const struct ruleset_chain *c);

/* The nat chains stand together behind the kernel's station; only a connection's first packet meets them. */
static int32_t nat(struct trace *t, const struct station *s, size_t n)
{
	struct trace_packet *p = &t->packet;
	int manip = manip_of(p->hook);
	struct connection *c = p->connection;
	if (!c || !t->nat_families[p->ip == 6])
		return NF_ACCEPT;
	uint8_t kind = p->info % IP_CT_IS_REPLY;
	bool icmp = c->tuple[0].proto == PROTO_ICMP || c->tuple[0].proto == PROTO_ICMPV6 || p->transport == PROTO_ICMP || p->transport == PROTO_ICMPV6;
	if (!(kind == IP_CT_RELATED && icmp) && kind != IP_CT_ESTABLISHED && !mapping_chosen(c, manip)) {
		for (size_t i = 0; i < n && !mapping_chosen(c, manip); i++) {
			int32_t v = run_chain(t, s[i].chain);
			if (v != NF_ACCEPT)
				return v;
		}
		if (!mapping_chosen(c, manip) && !null_binding(t, manip))
			return kernel_drops(t, "NAT: no free tuple");
	}
	if (nat_packet(c, p->info, manip, p->ip, packet_network(p), packet_network_len(p)))
		station(t, "NAT: the %s is rewritten", manip == MANIP_SRC ? "source" : "destination");
	return NF_ACCEPT;
}

static bool is_fragment(const struct trace_packet *p)
{
	struct bytes ip = packet_ip(p);
	if (p->ip == 4)
		return ip.len >= 20 && (load_be16(ip.data + 6) & 0x3fff);
	return ip6_find_header(ip, 44, NULL, NULL) >= 0;
}

static int32_t kernel_station(struct trace *t, const struct station *s, const struct station *chains, size_t n)
{
	struct trace_packet *p = &t->packet;
	if (strcmp(s->name, "connection tracking") == 0)
		return track(t);
	if (strcmp(s->name, "destination NAT") == 0 || strcmp(s->name, "source NAT") == 0)
		return nat(t, chains, n);
	if (strcmp(s->name, "connection tracking confirms") == 0) {
		if (!connection_confirm(&t->connections, p->connection, p->info))
			return kernel_drops(t, "connection tracking: another connection has the same addresses and ports");
		return NF_ACCEPT;
	}
	if (strcmp(s->name, "defragmentation") == 0 && t->tracked_families[p->ip == 6] && is_fragment(p)) {
		trace_unknown(t, "the kernel puts fragments together here; they are not followed further");
		return NF_STOLEN;
	}
	if (s->flowtable)
		trace_unknown(t, "flowtable '%s': a connection that is in it leaves here", s->flowtable->name);
	return NF_ACCEPT;
}

static int32_t answer_queue(struct trace *t)
{
	t->result.queued = true;
	t->result.queue = t->queue_number;
	if (!t->o.queue) {
		station(t, "queued to %u: goes on as if accepted", t->queue_number);
		return NF_ACCEPT;
	}
	bool drop = t->o.queue(t->o.context, &t->packet, t->queue_number) == ANSWER_DROP;
	station(t, "queued to %u: sluice says %s", t->queue_number, drop ? "drop" : "accept");
	return drop ? kernel_drops(t, "the program at the queue dropped it") : NF_ACCEPT;
}

static int32_t run_chain(struct trace *t, const struct ruleset_chain *c)
{
	struct trace_packet *p = &t->packet;
	uint8_t family = p->family;
	if (c->table->family == NFPROTO_INET && c->hook == NF_INET_INGRESS && family == NFPROTO_NETDEV) {
		if (!p->ip)
			return NF_ACCEPT;
		p->family = p->ip == 4 ? NFPROTO_IPV4 : NFPROTO_IPV6;
		p->hook = NF_INET_INGRESS;
	}
	packet_locate(p);
	int32_t v = chain_run(t, c);
	p->family = family;
	return v == NF_QUEUE ? answer_queue(t) : v;
}

static int32_t run_hook(struct trace *t, uint8_t family, uint8_t hook, const char *device)
{
	struct station s[MAX_STATIONS];
	struct trace_packet *p = &t->packet;
	size_t n = ruleset_stations(t->o.ruleset, family, hook, device, s, MAX_STATIONS);
	if (n > MAX_STATIONS)
		n = MAX_STATIONS;
	for (size_t i = 0; i < n; i++) {
		size_t nat_chains = 0;
		p->family = family;
		p->hook = hook;
		packet_locate(p);
		while (s[i].kind == STATION_KERNEL && i + 1 + nat_chains < n && s[i + 1 + nat_chains].kind == STATION_CHAIN &&
		       strcmp(s[i + 1 + nat_chains].chain->type, "nat") == 0)
			nat_chains++;
		int32_t v = s[i].kind == STATION_CHAIN ? run_chain(t, s[i].chain) : kernel_station(t, &s[i], &s[i + 1], nat_chains);
		if (v != NF_ACCEPT)
			return v;
		i += nat_chains;
	}
	return NF_ACCEPT;
}

/* ---- the kernel between the hooks ---- */

static struct address address_at(const struct trace_packet *p, bool source)
{
	struct address a = {.family = p->ip};
	size_t len = p->ip == 4 ? 4 : 16;
	memcpy(a.byte, packet_network(p) + (p->ip == 4 ? 12 : 8) + (source ? 0 : len), len);
	return a;
}

/* ip_rcv(), ipv6_rcv(): what is no IP packet ends here; what follows it is cut off. NULL: fine. */
static const char *check_ip(struct trace_packet *p)
{
	struct bytes ip = packet_ip(p);
	if (p->ip == 6) {
		if (ip.len < 40 || ip.data[0] >> 4 != 6)
			return "no whole IPv6 header";
		size_t len = (size_t)load_be16(ip.data + 4) + 40;
		if (len > ip.len)
			return "the IPv6 packet is cut short";
		p->len = p->link_len + len;
		return ip.data[8] == 0xff ? "the source is a multicast address" : NULL;
	}
	if (ip.len < 20 || ip.data[0] >> 4 != 4 || (ip.data[0] & 15) < 5)
		return "no whole IPv4 header";
	size_t header = (size_t)(ip.data[0] & 15) * 4, len = load_be16(ip.data + 2);
	if (header > ip.len || len < header || len > ip.len)
		return "the IPv4 packet is cut short";
	if (checksum_fold(checksum_add(0, bytes_slice(ip, 0, header))))
		return "wrong checksum of the IPv4 header";
	p->len = p->link_len + len;
	return NULL;
}

static struct network_key key_of(const struct trace_packet *p, uint32_t iif, uint32_t oif)
{
	const uint8_t *ip = packet_network(p);
	return (struct network_key){.src = address_at(p, true), .dst = address_at(p, false), .mark = p->mark, .iif = iif, .oif = oif,
				    .tos = p->ip == 4 ? ip[1] : (uint8_t)(load_be16(ip) >> 4)};
}

/* Where the packet goes; NULL: on. */
static const char *route(struct trace *t, const char *said_out)
{
	struct trace_packet *p = &t->packet;
	const struct network_device *out = said_out ? network_device_named(t->o.network, said_out) : NULL;
	p->has_dst = true;
	if (out) {
		p->way = (struct network_way){.found = true, .type = RTN_UNICAST, .device = out->index};
		return NULL;
	}
	if (!t->o.network->known) {
		p->way = (struct network_way){.found = false, .type = RTN_UNICAST, .uncertain = true};
		station(t, "routing: no routes are known (--routes): taken for a packet that passes through");
		return NULL;
	}
	struct network_key k = key_of(p, p->made_here ? 0 : p->in, 0);
	p->way = network_route(t->o.network, &k);
	if (k.dst.family == 4 && (load_be32(k.dst.byte) == UINT32_MAX || k.dst.byte[0] >> 4 == 14)) {
		p->way.found = true;
		p->way.type = k.dst.byte[0] == 255 ? RTN_BROADCAST : RTN_MULTICAST;
	}
	if (!p->way.found)
		return "routing: no route to the destination";
	if (p->way.uncertain)
		trace_unknown(t, "routing: several next hops; which one is taken is not known");
	return NULL;
}

static const char *check_source(const struct trace *t)
{
	const struct trace_packet *p = &t->packet;
	struct address src = address_at(p, true), dst = address_at(p, false);
	const struct network_device *in = network_device(t->o.network, p->in);
	bool loopback = in && in->type == 772; /* ARPHRD_LOOPBACK */
	if (p->ip != 4 || loopback || !t->o.network->known)
		return NULL;
	if (src.byte[0] >= 224 || (src.byte[0] == 0 && load_be32(dst.byte) != UINT32_MAX) || src.byte[0] == 127 || dst.byte[0] == 127 || dst.byte[0] == 0)
		return "routing: martian address";
	return network_is_local(t->o.network, &src, 0) ? "routing: martian source: it is an address of this host" : NULL;
}

static bool goes_in(const struct network_way *w)
{
	return w->found && (w->type == RTN_LOCAL || w->type == RTN_BROADCAST || w->type == RTN_MULTICAST || w->type == RTN_ANYCAST);
}

static void set_out(struct trace_packet *p)
{
	p->out = p->way.found ? p->way.device : 0;
	p->out_unknown = !p->way.found || p->way.uncertain;
}

static const char *decrease_ttl(struct trace_packet *p)
{
	/* what the type of service makes of the priority (rt_tos2priority) */
	static const uint8_t priorities[16] = {0, 0, 0, 0, 2, 2, 2, 2, 6, 6, 6, 6, 4, 4, 4, 4};
	uint8_t *ip = packet_network(p);
	if (ip[p->ip == 4 ? 8 : 7] <= 1)
		return "routing: TTL is used up";
	if (p->ip == 6) {
		ip[7]--;
		return NULL;
	}
	uint32_t sum = load_be16(ip + 10) + 0x100u;
	store_be16(ip + 10, (uint16_t)(sum + (sum >= 0xffff)));
	ip[8]--;
	p->priority = priorities[(ip[1] & 0x1e) >> 1];
	return NULL;
}

/* ---- ends ---- */

/* A header of Ethernet with no addresses yet. */
static void put_link(struct trace_packet *p)
{
	if (p->link_len || p->len + ETHERNET > p->room)
		return;
	memmove(p->bytes + ETHERNET, p->bytes, p->len);
	memset(p->bytes, 0, ETHERNET);
	store_be16(p->bytes + 12, p->ether_type);
	p->link_len = ETHERNET;
	p->len += ETHERNET;
}

static int32_t egress(struct trace *t)
{
	struct trace_packet *p = &t->packet;
	const struct network_device *out = network_device(t->o.network, p->out);
	if (!out)
		return NF_ACCEPT;
	struct station s[2];
	if (!ruleset_stations(t->o.ruleset, NFPROTO_NETDEV, NF_NETDEV_EGRESS, out->name, s, 1))
		return NF_ACCEPT;
	put_link(p);
	p->link_unknown = true;
	p->in = 0;
	p->in_unknown = false;
	return run_hook(t, NFPROTO_NETDEV, NF_NETDEV_EGRESS, out->name);
}

static uint8_t ip_family(const struct trace_packet *p)
{
	return p->ip == 4 ? NFPROTO_IPV4 : NFPROTO_IPV6;
}

static int32_t leave(struct trace *t, enum trace_fate fate)
{
	int32_t v = run_hook(t, ip_family(&t->packet), NF_INET_POST_ROUTING, NULL);
	if (v == NF_ACCEPT)
		v = egress(t);
	if (v == NF_ACCEPT)
		t->result.fate = fate;
	return v;
}

static int32_t forward(struct trace *t)
{
	struct trace_packet *p = &t->packet;
	const struct network_device *out;
	const char *why = decrease_ttl(p);
	if (!why && p->type != PACKET_HOST)
		why = "routing: its hardware address is not this host's alone";
	if (why)
		return kernel_drops(t, why);
	set_out(p);
	out = network_device(t->o.network, p->out);
	station(t, "routing: forwarded to %s", out ? out->name : "an unknown interface");
	int32_t v = run_hook(t, ip_family(p), NF_INET_FORWARD, NULL);
	return v == NF_ACCEPT ? leave(t, FATE_FORWARDED) : v;
}

static int32_t deliver(struct trace *t)
{
	struct trace_packet *p = &t->packet;
	p->out = 0;
	p->out_unknown = false;
	station(t, "routing: to this host");
	if (p->way.type == RTN_MULTICAST)
		trace_unknown(t, "whether this host listens to the group is not known");
	int32_t v = run_hook(t, ip_family(p), NF_INET_LOCAL_IN, NULL);
	if (v == NF_ACCEPT)
		t->result.fate = FATE_DELIVERED;
	return v;
}

static int32_t receive_ip(struct trace *t, const char *said_out)
{
	struct trace_packet *p = &t->packet;
	const char *why = p->type == PACKET_OTHERHOST ? "its hardware address is another host's" : check_ip(p);
	if (why)
		return kernel_drops(t, why);
	p->out = 0;
	int32_t v = run_hook(t, ip_family(p), NF_INET_PRE_ROUTING, NULL);
	if (v != NF_ACCEPT)
		return v;
	why = check_source(t);
	if (!why)
		why = route(t, said_out);
	if (why)
		return kernel_drops(t, why);
	return goes_in(&p->way) ? deliver(t) : forward(t);
}

static int32_t receive_bridge(struct trace *t, const struct network_device *port, const struct network_device *bridge, bool *up)
{
	struct trace_packet *p = &t->packet;
	int32_t v = run_hook(t, NFPROTO_BRIDGE, NF_INET_PRE_ROUTING, NULL); /* a bridge's hooks have the same numbers */
	bool mine = p->type == PACKET_BROADCAST || p->type == PACKET_MULTICAST || (bridge->has_mac && memcmp(p->bytes, bridge->mac, 6) == 0);
	*up = v == NF_ACCEPT && mine;
	if (v != NF_ACCEPT)
		return v;
	if (mine) {
		v = run_hook(t, NFPROTO_BRIDGE, NF_INET_LOCAL_IN, NULL);
		p->type = p->type == PACKET_OTHERHOST ? PACKET_HOST : p->type;
		p->in = p->arrived = bridge->index;
		return v;
	}
	p->out_unknown = true;
	station(t, "bridge: forwarded to an unknown port");
	v = run_hook(t, NFPROTO_BRIDGE, NF_INET_FORWARD, NULL);
	v = v == NF_ACCEPT ? run_hook(t, NFPROTO_BRIDGE, NF_INET_POST_ROUTING, NULL) : v;
	if (v == NF_ACCEPT)
		t->result.fate = FATE_FORWARDED;
	return v;
}

static void set_type(struct trace *t)
{
	struct trace_packet *p = &t->packet;
	const struct network_device *in = network_device(t->o.network, p->in);
	p->type = PACKET_HOST;
	if (!p->link_len)
		return;
	if (p->bytes[0] & 1)
		p->type = memcmp(p->bytes, "\xff\xff\xff\xff\xff\xff", 6) ? PACKET_MULTICAST : PACKET_BROADCAST;
	else if (in && in->has_mac && t->o.network->live && !t->for_us && memcmp(p->bytes, in->mac, 6))
		p->type = PACKET_OTHERHOST;
}

static int32_t receive(struct trace *t, const char *said_out)
{
	struct trace_packet *p = &t->packet;
	const struct network_device *in = network_device(t->o.network, p->in), *bridge;
	if (!p->made_here)
		set_type(t);
	int32_t v = in && p->link_len ? run_hook(t, NFPROTO_NETDEV, NF_NETDEV_INGRESS, in->name) : NF_ACCEPT;
	bridge = in && in->master ? network_device(t->o.network, in->master) : NULL;
	if (v == NF_ACCEPT && bridge && strcmp(bridge->kind, "bridge") == 0) {
		bool up = false;
		v = receive_bridge(t, in, bridge, &up);
		if (!up)
			return v;
	}
	if (v != NF_ACCEPT)
		return v;
	if (p->ip)
		return receive_ip(t, said_out);
	if (p->ether_type == ETHER_ARP)
		v = run_hook(t, NFPROTO_ARP, NF_ARP_IN, NULL);
	if (v == NF_ACCEPT)
		t->result.fate = FATE_DELIVERED;
	return v;
}

static int32_t send_local(struct trace *t, const char *said_out)
{
	struct trace_packet *p = &t->packet;
	const char *why = check_ip(p);
	if (!why)
		why = route(t, said_out);
	if (why)
		return kernel_drops(t, why);
	set_out(p);
	uint32_t mark = p->mark;
	struct address dst = address_at(p, false);
	int32_t v = run_hook(t, ip_family(p), NF_INET_LOCAL_OUT, NULL);
	if (v != NF_ACCEPT)
		return v;
	struct address now = address_at(p, false);
	if (!said_out && (mark != p->mark || !address_equal(&dst, &now))) {
		why = route(t, NULL);
		if (why)
			return kernel_drops(t, why);
		set_out(p);
	}
	bool back = p->way.found && p->way.type == RTN_LOCAL;
	v = leave(t, FATE_SENT);
	if (v != NF_ACCEPT || !back)
		return v;
	/* to itself: it comes back by the loopback device, and conntrack knows it */
	t->result.fate = FATE_NONE;
	p->in = p->arrived = p->out;
	p->link_unknown = false;
	put_link(p); /* the loopback device's addresses are all zero */
	return receive_ip(t, NULL);
}

/* ---- one packet ---- */

static bool take_frame(struct trace *t, const struct trace_input *in)
{
	struct trace_packet *p = &t->packet;
	uint8_t *bytes = p->bytes;
	size_t room = p->room, link = in->ip_only ? 0 : ETHERNET;
	if (in->frame.len > room || in->frame.len < link + 1)
		return false;
	*p = (struct trace_packet){.bytes = bytes, .room = room, .len = in->frame.len, .link_len = link, .time = in->time, .mark = in->mark,
				   .has_skuid = in->has_skuid, .has_skgid = in->has_skgid, .skuid = in->skuid, .skgid = in->skgid, .made_here = in->local};
	memcpy(bytes, in->frame.data, in->frame.len);
	p->ether_type = in->ip_only ? (bytes[0] >> 4 == 6 ? ETHER_IP6 : ETHER_IP4) : load_be16(bytes + 12);
	if (!in->ip_only && (p->ether_type == ETHER_VLAN || p->ether_type == ETHER_QINQ) && p->len >= ETHERNET + 4) {
		p->has_vlan = true;
		p->vlan = load_be16(bytes + 14);
		p->ether_type = load_be16(bytes + 16);
		memmove(bytes + 12, bytes + 16, p->len - 16);
		p->len -= 4;
	}
	p->ip = p->ether_type == ETHER_IP4 ? 4 : p->ether_type == ETHER_IP6 ? 6 : 0;
	return true;
}

static void set_devices(struct trace *t, const struct trace_input *in)
{
	struct trace_packet *p = &t->packet;
	if (in->in && *in->in)
		p->in = p->arrived = network_device_add(t->o.network, in->in)->index;
	else if (!in->local)
		p->in_unknown = true;
	if (in->out && *in->out)
		network_device_add(t->o.network, in->out);
}

static void finish(struct trace *t, int32_t v)
{
	struct trace_packet *p = &t->packet;
	struct connection *c = p->connection;
	if (v == NF_DROP)
		t->result.fate = FATE_DROPPED;
	else if (v != NF_ACCEPT)
		t->result.fate = FATE_STOLEN;
	if (v == NF_ACCEPT) {
		t->result.rule = NULL;
		t->result.chain = NULL;
	}
	t->connections.pinned = NULL;
	connection_release(&t->connections, c);
	p->connection = NULL;
	t->base = t->chain = NULL;
	t->rule = NULL;
	trace_event(t, (struct trace_event){.kind = TRACE_END, .chain = t->result.chain, .rule = t->result.rule, .fate = t->result.fate, .text = t->result.why});
}

const struct trace_result *trace_run(struct trace *t, const struct trace_input *in)
{
	t->result = (struct trace_result){0};
	t->id++;
	t->said_state = in->ct_state;
	t->for_us = in->for_us;
	t->base = t->chain = NULL;
	t->rule = NULL;
	if (!take_frame(t, in)) {
		t->result.fate = FATE_DROPPED;
		snprintf(t->result.why, sizeof t->result.why, "no packet: %zu bytes", in->frame.len);
		return &t->result;
	}
	if (!t->live->has_begun) {
		t->live->has_begun = true;
		t->live->begun = in->time;
	}
	if (t->packet.time < t->connections.now)
		t->packet.time = t->connections.now; /* a clock that steps back */
	t->connections.now = t->packet.time;
	set_devices(t, in);
	const char *out = in->out && *in->out ? in->out : NULL;
	finish(t, in->local && t->packet.ip ? send_local(t, out) : receive(t, out));
	return &t->result;
}
