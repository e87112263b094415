// SPDX-License-Identifier: GPL-2.0-or-later
#include "net/rtnl.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <stdlib.h>

#include "base/memory.h"

enum { ROOM = 8192 };

struct rtnl {
	struct mnl_socket *socket;
	uint32_t seq;
	_Alignas(8) char buffer[ROOM];
};

struct rtnl *rtnl_open(struct error *error)
{
	struct rtnl *r = xcalloc(1, sizeof *r);
	r->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (r->socket && mnl_socket_bind(r->socket, 0, MNL_SOCKET_AUTOPID) == 0)
		return r;
	error_set(error, errno, "cannot open a netlink socket: %s", strerror(errno));
	rtnl_close(r);
	return NULL;
}

void rtnl_close(struct rtnl *r)
{
	if (r && r->socket)
		mnl_socket_close(r->socket);
	free(r);
}

static struct nlmsghdr *begin(struct rtnl *r, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *m = mnl_nlmsg_put_header(r->buffer);
	m->nlmsg_type = type;
	m->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
	m->nlmsg_seq = ++r->seq;
	return m;
}

static int transact(struct rtnl *r, const struct nlmsghdr *m)
{
	if (mnl_socket_sendto(r->socket, m, m->nlmsg_len) < 0)
		return -errno;
	ssize_t len = mnl_socket_recvfrom(r->socket, r->buffer, ROOM);
	if (len < 0 || mnl_cb_run(r->buffer, (size_t)len, r->seq, mnl_socket_get_portid(r->socket), NULL, NULL) < 0)
		return -errno;
	return 0;
}

int rtnl_veth_add(struct rtnl *r, const char *name, const char *peer, int peer_netns, struct error *error)
{
	struct nlmsghdr *m = begin(r, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
	mnl_nlmsg_put_extra_header(m, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(m, IFLA_IFNAME, name);
	struct nlattr *info = mnl_attr_nest_start(m, IFLA_LINKINFO);
	mnl_attr_put_str(m, IFLA_INFO_KIND, "veth");
	struct nlattr *data = mnl_attr_nest_start(m, IFLA_INFO_DATA);
	struct nlattr *other = mnl_attr_nest_start(m, VETH_INFO_PEER);
	mnl_nlmsg_put_extra_header(m, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(m, IFLA_IFNAME, peer);
	mnl_attr_put_u32(m, IFLA_NET_NS_FD, (uint32_t)peer_netns);
	mnl_attr_nest_end(m, other);
	mnl_attr_nest_end(m, data);
	mnl_attr_nest_end(m, info);
	int code = transact(r, m);
	return code < 0 ? error_set(error, -code, "cannot make the veth pair %s – %s: %s", name, peer, strerror(-code)) : 0;
}

int rtnl_link_up(struct rtnl *r, const char *name, struct error *error)
{
	struct nlmsghdr *m = begin(r, RTM_NEWLINK, 0);
	struct ifinfomsg *i = mnl_nlmsg_put_extra_header(m, sizeof *i);
	i->ifi_flags = i->ifi_change = IFF_UP;
	mnl_attr_put_strz(m, IFLA_IFNAME, name);
	int code = transact(r, m);
	return code < 0 ? error_set(error, -code, "cannot bring %s up: %s", name, strerror(-code)) : 0;
}

int rtnl_address_add(struct rtnl *r, const char *name, const struct address *a, unsigned prefix_len, struct error *error)
{
	struct nlmsghdr *m = begin(r, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
	struct ifaddrmsg *i = mnl_nlmsg_put_extra_header(m, sizeof *i);
	i->ifa_family = a->family == 4 ? AF_INET : AF_INET6;
	i->ifa_prefixlen = (uint8_t)prefix_len;
	i->ifa_flags = a->family == 6 ? IFA_F_NODAD : 0;
	i->ifa_index = if_nametoindex(name);
	mnl_attr_put(m, IFA_LOCAL, address_len(a), a->byte);
	mnl_attr_put(m, IFA_ADDRESS, address_len(a), a->byte);
	int code = i->ifa_index ? transact(r, m) : -ENODEV;
	return code < 0 ? error_set(error, -code, "cannot give %s an address: %s", name, strerror(-code)) : 0;
}

int rtnl_default_route_add(struct rtnl *r, const struct address *via, struct error *error)
{
	struct nlmsghdr *m = begin(r, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL);
	struct rtmsg *t = mnl_nlmsg_put_extra_header(m, sizeof *t);
	t->rtm_family = via->family == 4 ? AF_INET : AF_INET6;
	t->rtm_table = RT_TABLE_MAIN;
	t->rtm_protocol = RTPROT_STATIC;
	t->rtm_scope = RT_SCOPE_UNIVERSE;
	t->rtm_type = RTN_UNICAST;
	mnl_attr_put(m, RTA_GATEWAY, address_len(via), via->byte);
	int code = transact(r, m);
	return code < 0 ? error_set(error, -code, "cannot add a default route: %s", strerror(-code)) : 0;
}
