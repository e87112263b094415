// SPDX-License-Identifier: GPL-2.0-or-later
#include "net/conntrack.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "packet/packet.h"

enum { ROOM = 65536, UPDATES = 16384, UPDATE_MAX = 512 };

bool conntrack_established(const struct conntrack_flow *f)
{
	return f->original.proto == PROTO_TCP && f->tcp_state >= TCP_CONNTRACK_SYN_RECV && f->tcp_state <= TCP_CONNTRACK_LAST_ACK;
}

/* ---- reading a message ---- */

static bool fill(const struct nlattr *a, void *out, size_t len)
{
	if (mnl_attr_get_payload_len(a) != len)
		return false;
	memcpy(out, mnl_attr_get_payload(a), len);
	return true;
}

static uint32_t number_32(const struct nlattr *a)
{
	uint32_t v = 0;
	return fill(a, &v, sizeof v) ? ntohl(v) : 0;
}

static uint16_t number_16(const struct nlattr *a)
{
	uint16_t v = 0;
	return fill(a, &v, sizeof v) ? ntohs(v) : 0;
}

static void read_addresses(const struct nlattr *nest, struct conntrack_tuple *t)
{
	const struct nlattr *a;
	mnl_attr_for_each_nested(a, nest) {
		unsigned type = mnl_attr_get_type(a);
		bool four = type == CTA_IP_V4_SRC || type == CTA_IP_V4_DST;
		struct address *to = type == CTA_IP_V4_SRC || type == CTA_IP_V6_SRC ? &t->src : &t->dst;
		if (type >= CTA_IP_V4_SRC && type <= CTA_IP_V6_DST && fill(a, to->byte, four ? 4 : 16))
			to->family = four ? 4 : 6;
	}
}

static void read_protocol(const struct nlattr *nest, struct conntrack_tuple *t)
{
	const struct nlattr *a;
	mnl_attr_for_each_nested(a, nest) {
		unsigned type = mnl_attr_get_type(a);
		if (type == CTA_PROTO_NUM)
			(void)fill(a, &t->proto, 1);
		else if (type == CTA_PROTO_SRC_PORT)
			t->sport = number_16(a);
		else if (type == CTA_PROTO_DST_PORT)
			t->dport = number_16(a);
	}
}

static void read_tuple(const struct nlattr *nest, struct conntrack_tuple *t)
{
	const struct nlattr *a;
	mnl_attr_for_each_nested(a, nest) {
		if (mnl_attr_get_type(a) == CTA_TUPLE_IP)
			read_addresses(a, t);
		else if (mnl_attr_get_type(a) == CTA_TUPLE_PROTO)
			read_protocol(a, t);
	}
}

static void read_tcp_state(const struct nlattr *nest, uint8_t *state)
{
	const struct nlattr *a, *b;
	mnl_attr_for_each_nested(a, nest)
		if (mnl_attr_get_type(a) == CTA_PROTOINFO_TCP)
			mnl_attr_for_each_nested(b, a)
				if (mnl_attr_get_type(b) == CTA_PROTOINFO_TCP_STATE)
					(void)fill(b, state, 1);
}

bool conntrack_parse(const struct nlmsghdr *m, struct conntrack_flow *f)
{
	const struct nlattr *a;
	*f = (struct conntrack_flow){0};
	if (m->nlmsg_len < mnl_nlmsg_size(sizeof(struct nfgenmsg)))
		return false;
	mnl_attr_for_each(a, m, sizeof(struct nfgenmsg)) {
		switch (mnl_attr_get_type(a)) {
		case CTA_TUPLE_ORIG: read_tuple(a, &f->original); break;
		case CTA_TUPLE_REPLY: read_tuple(a, &f->reply); break;
		case CTA_MARK: f->mark = number_32(a); break;
		case CTA_TIMEOUT: f->timeout = number_32(a); break;
		case CTA_ZONE: f->zone = number_16(a); break;
		case CTA_PROTOINFO: read_tcp_state(a, &f->tcp_state); break;
		case CTA_STATUS:
			f->seen_reply = number_32(a) & IPS_SEEN_REPLY;
			f->assured = number_32(a) & IPS_ASSURED;
			break;
		default: break;
		}
	}
	return f->original.src.family && f->original.src.family == f->original.dst.family && f->reply.src.family && f->reply.dst.family;
}

/* ---- a socket ---- */

struct link {
	struct mnl_socket *socket;
	uint32_t seq;
	uint8_t *buffer;
};

static void link_close(struct link *l)
{
	if (l->socket)
		mnl_socket_close(l->socket);
	free(l->buffer);
}

static int link_open(struct link *l, struct error *error)
{
	*l = (struct link){.socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC), .buffer = xmalloc(ROOM)};
	if (l->socket && mnl_socket_bind(l->socket, 0, MNL_SOCKET_AUTOPID) == 0)
		return 0;
	int code = errno;
	link_close(l);
	return error_set(error, code, "cannot open a netlink socket: %s", strerror(code));
}

static struct nlmsghdr *begin(void *at, struct link *l, uint16_t type, uint16_t flags, uint8_t family)
{
	struct nlmsghdr *m = mnl_nlmsg_put_header(at);
	m->nlmsg_type = (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | type);
	m->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	m->nlmsg_seq = ++l->seq;
	struct nfgenmsg *g = mnl_nlmsg_put_extra_header(m, sizeof *g);
	g->nfgen_family = family == 4 ? AF_INET : family == 6 ? AF_INET6 : AF_UNSPEC;
	g->version = NFNETLINK_V0;
	return m;
}

static void put_tuple_as(struct nlmsghdr *m, uint16_t kind, const struct conntrack_tuple *t)
{
	bool four = t->src.family == 4;
	struct nlattr *tuple = mnl_attr_nest_start(m, kind);
	struct nlattr *ip = mnl_attr_nest_start(m, CTA_TUPLE_IP);
	mnl_attr_put(m, four ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, address_len(&t->src), t->src.byte);
	mnl_attr_put(m, four ? CTA_IP_V4_DST : CTA_IP_V6_DST, address_len(&t->dst), t->dst.byte);
	mnl_attr_nest_end(m, ip);
	struct nlattr *proto = mnl_attr_nest_start(m, CTA_TUPLE_PROTO);
	mnl_attr_put_u8(m, CTA_PROTO_NUM, t->proto);
	mnl_attr_put_u16(m, CTA_PROTO_SRC_PORT, htons(t->sport));
	mnl_attr_put_u16(m, CTA_PROTO_DST_PORT, htons(t->dport));
	mnl_attr_nest_end(m, proto);
	mnl_attr_nest_end(m, tuple);
}

static void put_tuple(struct nlmsghdr *m, const struct conntrack_tuple *t)
{
	put_tuple_as(m, CTA_TUPLE_ORIG, t);
}

/* ---- all of them ---- */

/* 1: goes on, 0: the end, -errno */
static int visit_message(const struct nlmsghdr *m, bool (*visit)(void *context, const struct conntrack_flow *f), void *context)
{
	struct conntrack_flow f;
	if (m->nlmsg_type == NLMSG_DONE)
		return 0;
	if (m->nlmsg_type == NLMSG_ERROR)
		return m->nlmsg_len < mnl_nlmsg_size(sizeof(struct nlmsgerr)) ? -EBADMSG : ((const struct nlmsgerr *)mnl_nlmsg_get_payload(m))->error;
	return !conntrack_parse(m, &f) || visit(context, &f);
}

static int dump(struct link *l, const struct nlmsghdr *m, bool (*visit)(void *context, const struct conntrack_flow *f), void *context)
{
	int r = mnl_socket_sendto(l->socket, m, m->nlmsg_len) < 0 ? -errno : 1;
	while (r > 0) {
		ssize_t len = mnl_socket_recvfrom(l->socket, l->buffer, ROOM);
		if (len < 0 && errno == EINTR)
			continue;
		int left = (int)len;
		r = len < 0 ? -errno : 1;
		for (const struct nlmsghdr *in = (const void *)l->buffer; r > 0 && mnl_nlmsg_ok(in, left); in = mnl_nlmsg_next(in, &left))
			r = visit_message(in, visit, context);
	}
	return r;
}

static int cannot(struct error *error, int code)
{
	if (code == -EINVAL || code == -EOPNOTSUPP)
		return error_set(error, EOPNOTSUPP, "this kernel does not tell its connections (nf_conntrack_netlink); try: modprobe nf_conntrack_netlink");
	return error_set(error, -code, "cannot read the tracked connections: %s", strerror(-code));
}

int conntrack_visit(bool (*visit)(void *context, const struct conntrack_flow *f), void *context, struct error *error)
{
	struct link l;
	int r = link_open(&l, error);
	if (r < 0)
		return r;
	r = dump(&l, begin(l.buffer, &l, IPCTNL_MSG_CT_GET, NLM_F_DUMP, 0), visit, context);
	link_close(&l);
	return r < 0 ? cannot(error, r) : 0;
}

/* ---- one ---- */

static bool has_ports(uint8_t proto)
{
	return proto == PROTO_TCP || proto == PROTO_UDP || proto == PROTO_SCTP;
}

static bool take_one(void *context, const struct conntrack_flow *f)
{
	*(struct conntrack_flow *)context = *f;
	return false;
}

static int ask(struct link *l, const struct conntrack_tuple *t, struct conntrack_flow *out)
{
	struct nlmsghdr *m = begin(l->buffer, l, IPCTNL_MSG_CT_GET, 0, t->src.family);
	put_tuple(m, t);
	if (mnl_socket_sendto(l->socket, m, m->nlmsg_len) < 0)
		return -errno;
	ssize_t len = mnl_socket_recvfrom(l->socket, l->buffer, ROOM);
	if (len < 0)
		return -errno;
	const struct nlmsghdr *in = (const void *)l->buffer;
	*out = (struct conntrack_flow){0};
	int r = mnl_nlmsg_ok(in, (int)len) ? visit_message(in, take_one, out) : -EBADMSG;
	return r < 0 ? r : out->original.src.family ? 0 : -ENOENT;
}

/*
 * The kernel finds a connection by either of its tuples. In forward, a packet from the original side looks like the original tuple, or, after destination NAT,
 * like the answers' turned round; so each is tried both ways.
 */
static int find(struct link *l, const struct conntrack_tuple *packet, struct conntrack_flow *out)
{
	struct conntrack_tuple turned = {packet->dst, packet->src, packet->dport, packet->sport, packet->proto};
	if (!has_ports(packet->proto) || !packet->src.family || packet->src.family != packet->dst.family)
		return -ENOENT;
	int r = ask(l, packet, out);
	return r == -ENOENT ? ask(l, &turned, out) : r;
}

int conntrack_of(const struct conntrack_tuple *packet, struct conntrack_flow *out, struct error *error)
{
	struct link l;
	int r = link_open(&l, error);
	if (r < 0)
		return r;
	r = find(&l, packet, out);
	link_close(&l);
	if (r == -ENOENT)
		return error_set(error, ENOENT, "no such connection is tracked");
	return r < 0 ? cannot(error, r) : 0;
}

/* ---- one that neither tuple finds ---- */

struct search {
	struct conntrack_tuple packet; /* in the original direction */
	struct conntrack_flow *out;
	bool found;
};

/* In forward a packet of the original direction has its source not yet translated, its destination already. */
static bool is_it(void *context, const struct conntrack_flow *f)
{
	struct search *s = context;
	const struct conntrack_tuple *p = &s->packet;
	bool ports = !has_ports(p->proto) || (f->original.sport == p->sport && f->reply.sport == p->dport);
	if (f->original.proto != p->proto || !ports || !address_equal(&f->original.src, &p->src) || !address_equal(&f->reply.src, &p->dst))
		return true;
	*s->out = *f;
	s->found = true;
	return false;
}

/*
 * Kernels before 5.8 do not know the filter and tell all of their connections. IPv6 addresses stay out of it: of these the kernel tells those that differ (its
 * ipv6_addr_cmp is taken for an answer of yes or no).
 */
static int search_one_way(struct link *l, struct search *s)
{
	enum { IP_SRC = 1 << 0, PROTO_NUM = 1 << 3, PROTO_SRC_PORT = 1 << 4 }; /* the kernel's CTA_FILTER_F_CTA_… */
	const struct conntrack_tuple *p = &s->packet;
	uint32_t flags = PROTO_NUM | (p->src.family == 4 ? IP_SRC : 0) | (has_ports(p->proto) ? PROTO_SRC_PORT : 0);
	struct nlmsghdr *m = begin(l->buffer, l, IPCTNL_MSG_CT_GET, NLM_F_DUMP, p->src.family);
	put_tuple_as(m, CTA_TUPLE_ORIG, p);
	put_tuple_as(m, CTA_TUPLE_REPLY, &(struct conntrack_tuple){p->dst, p->src, p->dport, p->sport, p->proto});
	struct nlattr *filter = mnl_attr_nest_start(m, CTA_FILTER);
	mnl_attr_put_u32(m, CTA_FILTER_ORIG_FLAGS, flags);
	mnl_attr_put_u32(m, CTA_FILTER_REPLY_FLAGS, flags);
	mnl_attr_nest_end(m, filter);
	int r = dump(l, m, is_it, s);
	return r < 0 ? r : s->found ? 0 : -ENOENT;
}

int conntrack_search(const struct conntrack_tuple *packet, struct conntrack_flow *out, struct error *error)
{
	struct search s = {.packet = *packet, .out = out};
	int r = -ENOENT;
	if (!packet->src.family || packet->src.family != packet->dst.family)
		return error_set(error, ENOENT, "no such connection is tracked");
	for (int turned = 0; turned < 2 && r == -ENOENT; turned++) {
		struct link l; /* one a dump: what is left of it goes with the socket */
		int opened = link_open(&l, error);
		if (opened < 0)
			return opened;
		r = search_one_way(&l, &s);
		link_close(&l);
		s.packet = (struct conntrack_tuple){packet->dst, packet->src, packet->dport, packet->sport, packet->proto};
	}
	if (r == -ENOENT)
		return error_set(error, ENOENT, "no such connection is tracked");
	return r < 0 ? cannot(error, r) : 0;
}

/* ---- marks ---- */

static void put_update(void *at, struct link *l, uint16_t flags, const struct conntrack_flow *f, uint32_t mask, uint32_t bits)
{
	struct nlmsghdr *m = begin(at, l, IPCTNL_MSG_CT_NEW, flags, f->original.src.family);
	put_tuple(m, &f->original);
	if (f->zone)
		mnl_attr_put_u16(m, CTA_ZONE, htons(f->zone));
	mnl_attr_put_u32(m, CTA_MARK, htonl(bits & mask));
	mnl_attr_put_u32(m, CTA_MARK_MASK, htonl(mask));
}

/* A read of the table by one socket, updates by another, many in a message. */
struct marking {
	struct link link;
	uint8_t *updates;
	size_t len;
	uint32_t mask, bits;
	int marked, code;
};

/* Only refusals are answered: connections that ended meanwhile. */
static void flush(struct marking *k)
{
	if (k->len && mnl_socket_sendto(k->link.socket, k->updates, k->len) < 0 && !k->code)
		k->code = -errno;
	k->len = 0;
	ssize_t len;
	while ((len = recv(mnl_socket_get_fd(k->link.socket), k->link.buffer, ROOM, MSG_DONTWAIT)) > 0 || (len < 0 && errno == ENOBUFS)) {
		int left = len < 0 ? 0 : (int)len;
		for (const struct nlmsghdr *m = (const void *)k->link.buffer; mnl_nlmsg_ok(m, left); m = mnl_nlmsg_next(m, &left)) {
			int code = visit_message(m, take_one, &(struct conntrack_flow){0});
			k->marked -= code < 0;
			if (code < 0 && code != -ENOENT && !k->code)
				k->code = code;
		}
	}
}

static bool mark_flow(void *context, const struct conntrack_flow *f)
{
	struct marking *k = context;
	if (!conntrack_established(f))
		return true;
	k->marked++;
	if ((f->mark & k->mask) == (k->bits & k->mask))
		return true;
	put_update(k->updates + k->len, &k->link, 0, f, k->mask, k->bits);
	k->len += ((const struct nlmsghdr *)(k->updates + k->len))->nlmsg_len;
	if (k->len + UPDATE_MAX > UPDATES)
		flush(k);
	return k->code == 0;
}

int conntrack_mark_established(uint32_t mask, uint32_t bits, struct error *error)
{
	struct marking k = {.mask = mask, .bits = bits};
	int r = link_open(&k.link, error);
	if (r < 0)
		return r;
	k.updates = xmalloc(UPDATES);
	r = conntrack_visit(mark_flow, &k, error);
	flush(&k);
	link_close(&k.link);
	free(k.updates);
	if (r == 0 && k.code < 0)
		r = error_set(error, -k.code, "cannot set connection marks: %s", strerror(-k.code));
	return r < 0 ? r : k.marked;
}

static int update(struct link *l, const struct conntrack_flow *f, uint32_t mask, uint32_t bits)
{
	put_update(l->buffer, l, NLM_F_ACK, f, mask, bits);
	if (mnl_socket_sendto(l->socket, l->buffer, ((const struct nlmsghdr *)l->buffer)->nlmsg_len) < 0)
		return -errno;
	ssize_t len = mnl_socket_recvfrom(l->socket, l->buffer, ROOM);
	const struct nlmsghdr *in = (const void *)l->buffer;
	return len < 0 ? -errno : mnl_nlmsg_ok(in, (int)len) ? visit_message(in, take_one, &(struct conntrack_flow){0}) : -EBADMSG;
}

int conntrack_mark(const struct conntrack_tuple *packet, uint32_t mask, uint32_t bits, struct error *error)
{
	struct link l;
	struct conntrack_flow f;
	int r = link_open(&l, error);
	if (r < 0)
		return r;
	r = find(&l, packet, &f);
	if (r == 0)
		r = update(&l, &f, mask, bits);
	link_close(&l);
	if (r == -ENOENT)
		return error_set(error, ENOENT, "no such connection is tracked");
	return r < 0 ? error_set(error, -r, "cannot set a connection mark: %s", strerror(-r)) : 0;
}
