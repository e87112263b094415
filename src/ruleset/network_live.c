// SPDX-License-Identifier: GPL-2.0-or-later
/* The network by rtnetlink: links, addresses, routes, rules. */
#include "ruleset/network.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM = 65536, LIMIT = 1 << 20 /* routes beyond this are not kept */ };

#define ADD(n, list)                                                                                                                                       \
	((n)->list = xrealloc((n)->list, ((n)->n_##list + 1) * sizeof *(n)->list), memset(&(n)->list[(n)->n_##list], 0, sizeof *(n)->list),               \
	 &(n)->list[(n)->n_##list++])

static struct address address_from(const struct nlattr *a, int family)
{
	struct address out = {0};
	size_t len = family == AF_INET ? 4 : 16;
	if (a && mnl_attr_get_payload_len(a) >= len) {
		out.family = family == AF_INET ? 4 : 6;
		memcpy(out.byte, mnl_attr_get_payload(a), len);
	}
	return out;
}

/* Attributes by their number; those above `max` are left out. */
static void attributes(const struct nlmsghdr *m, size_t offset, const struct nlattr **out, size_t max)
{
	const struct nlattr *a;
	memset(out, 0, (max + 1) * sizeof *out);
	mnl_attr_for_each(a, m, (unsigned)offset) if (mnl_attr_get_type(a) <= max) out[mnl_attr_get_type(a)] = a;
}

static uint32_t u32_or(const struct nlattr *a, uint32_t otherwise)
{
	return a && mnl_attr_get_payload_len(a) >= 4 ? mnl_attr_get_u32(a) : otherwise;
}

static void name_from(const struct nlattr *a, char out[16])
{
	if (a)
		strncpy(out, mnl_attr_get_str(a), 15);
}

static int on_link(const struct nlmsghdr *m, void *context)
{
	struct network *n = context;
	const struct ifinfomsg *i = mnl_nlmsg_get_payload(m);
	const struct nlattr *a[IFLA_GROUP + 1], *in;
	attributes(m, sizeof *i, a, IFLA_GROUP);
	struct network_device *d = ADD(n, devices);
	d->index = (uint32_t)i->ifi_index;
	d->type = i->ifi_type;
	d->group = u32_or(a[IFLA_GROUP], 0);
	d->master = u32_or(a[IFLA_MASTER], 0);
	d->mtu = u32_or(a[IFLA_MTU], 1500);
	name_from(a[IFLA_IFNAME], d->name);
	if (a[IFLA_ADDRESS] && mnl_attr_get_payload_len(a[IFLA_ADDRESS]) == 6) {
		d->has_mac = true;
		memcpy(d->mac, mnl_attr_get_payload(a[IFLA_ADDRESS]), 6);
	}
	if (a[IFLA_LINKINFO])
		mnl_attr_for_each_nested(in, a[IFLA_LINKINFO]) if (mnl_attr_get_type(in) == IFLA_INFO_KIND) name_from(in, d->kind);
	return MNL_CB_OK;
}

static int on_address(const struct nlmsghdr *m, void *context)
{
	struct network *n = context;
	const struct ifaddrmsg *i = mnl_nlmsg_get_payload(m);
	const struct nlattr *a[IFA_FLAGS + 1];
	attributes(m, sizeof *i, a, IFA_FLAGS);
	if (i->ifa_family != AF_INET && i->ifa_family != AF_INET6)
		return MNL_CB_OK;
	struct network_address *x = ADD(n, addresses);
	x->address = address_from(a[IFA_LOCAL] ? a[IFA_LOCAL] : a[IFA_ADDRESS], i->ifa_family);
	x->device = i->ifa_index;
	x->prefix = i->ifa_prefixlen;
	x->scope = i->ifa_scope;
	return MNL_CB_OK;
}

static int on_route(const struct nlmsghdr *m, void *context)
{
	struct network *n = context;
	const struct rtmsg *i = mnl_nlmsg_get_payload(m);
	const struct nlattr *a[RTA_TABLE + 1];
	attributes(m, sizeof *i, a, RTA_TABLE);
	if ((i->rtm_family != AF_INET && i->rtm_family != AF_INET6) || (i->rtm_flags & RTM_F_CLONED) || n->n_routes >= LIMIT)
		return MNL_CB_OK;
	struct network_route *r = ADD(n, routes);
	r->family = i->rtm_family == AF_INET ? 4 : 6;
	r->prefix = i->rtm_dst_len;
	r->type = i->rtm_type;
	r->tos = i->rtm_tos;
	r->table = u32_or(a[RTA_TABLE], i->rtm_table);
	r->metric = u32_or(a[RTA_PRIORITY], 0);
	r->device = u32_or(a[RTA_OIF], 0);
	r->dst = address_from(a[RTA_DST], i->rtm_family);
	r->dst.family = r->family;
	r->via = address_from(a[RTA_GATEWAY], i->rtm_family);
	r->source = address_from(a[RTA_PREFSRC], i->rtm_family);
	if (a[RTA_MULTIPATH] && !a[RTA_OIF]) {
		const struct rtnexthop *hop = mnl_attr_get_payload(a[RTA_MULTIPATH]);
		r->device = (uint32_t)hop->rtnh_ifindex;
		r->has_more = true;
	}
	return MNL_CB_OK;
}

static int on_rule(const struct nlmsghdr *m, void *context)
{
	struct network *n = context;
	const struct fib_rule_hdr *i = mnl_nlmsg_get_payload(m);
	const struct nlattr *a[FRA_OIFNAME + 1];
	attributes(m, sizeof *i, a, FRA_OIFNAME);
	if (i->family != AF_INET && i->family != AF_INET6)
		return MNL_CB_OK;
	struct network_rule *r = ADD(n, rules);
	r->family = i->family == AF_INET ? 4 : 6;
	r->src_prefix = i->src_len;
	r->dst_prefix = i->dst_len;
	r->src = address_from(a[FRA_SRC], i->family);
	r->dst = address_from(a[FRA_DST], i->family);
	r->action = i->action;
	r->inverted = i->flags & FIB_RULE_INVERT;
	r->priority = u32_or(a[FRA_PRIORITY], 0);
	r->table = u32_or(a[FRA_TABLE], i->table);
	r->mark = u32_or(a[FRA_FWMARK], 0);
	r->mask = u32_or(a[FRA_FWMASK], r->mark ? UINT32_MAX : 0);
	r->suppress_default = a[FRA_SUPPRESS_PREFIXLEN] && u32_or(a[FRA_SUPPRESS_PREFIXLEN], UINT32_MAX) != UINT32_MAX;
	name_from(a[FRA_IIFNAME], r->iif);
	name_from(a[FRA_OIFNAME], r->oif);
	return MNL_CB_OK;
}

static int dump(struct mnl_socket *s, uint16_t type, mnl_cb_t each, struct network *n, char *buffer)
{
	static uint32_t seq;
	memset(buffer, 0, 256);
	struct nlmsghdr *m = mnl_nlmsg_put_header(buffer);
	m->nlmsg_type = type;
	m->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	uint32_t mine = m->nlmsg_seq = ++seq;
	mnl_nlmsg_put_extra_header(m, sizeof(struct ifinfomsg));
	if (mnl_socket_sendto(s, m, m->nlmsg_len) < 0)
		return -errno;
	for (int rc = 1; rc > 0;) {
		ssize_t len = mnl_socket_recvfrom(s, buffer, ROOM);
		if (len < 0 && errno == EINTR)
			continue;
		rc = len < 0 ? -1 : mnl_cb_run(buffer, (size_t)len, mine, mnl_socket_get_portid(s), each, n);
		if (rc < 0)
			return -errno;
	}
	return 0;
}

static int by_priority(const void *a, const void *b)
{
	const struct network_rule *x = a, *y = b;
	return x->priority < y->priority ? -1 : x->priority > y->priority;
}

int network_read_live(struct network **out, struct error *error)
{
	static const struct {
		uint16_t type;
		mnl_cb_t each;
	} dumps[] = {{RTM_GETLINK, on_link}, {RTM_GETADDR, on_address}, {RTM_GETROUTE, on_route}, {RTM_GETRULE, on_rule}};
	struct mnl_socket *s = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!s || mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) < 0) {
		int code = errno;
		if (s)
			mnl_socket_close(s);
		return error_set(error, code, "cannot open a netlink socket: %s", strerror(code));
	}
	struct network *n = network_new();
	char *buffer = xmalloc(ROOM);
	int rc = 0;
	for (size_t i = 0; i < sizeof dumps / sizeof *dumps && !rc; i++) {
		rc = dump(s, dumps[i].type, dumps[i].each, n, buffer);
		rc = rc == -EAFNOSUPPORT || rc == -EOPNOTSUPP ? 0 : rc;
	}
	free(buffer);
	mnl_socket_close(s);
	if (rc) {
		network_free(n);
		return error_set(error, -rc, "cannot read the routes: %s", strerror(-rc));
	}
	if (n->n_rules)
		qsort(n->rules, n->n_rules, sizeof *n->rules, by_priority);
	n->known = n->live = true;
	*out = n;
	return 0;
}
