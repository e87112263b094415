// SPDX-License-Identifier: GPL-2.0-or-later
#include "net/rtnl_private.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

struct rtnl *rtnl_open(struct error *error)
{
	struct rtnl *r = xcalloc(1, sizeof *r);
	int on = 1;
	r->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (r->socket && mnl_socket_bind(r->socket, 0, MNL_SOCKET_AUTOPID) == 0) {
		/* the kernel's reasons in words (Linux 4.12), dumps of one device alone (4.20): it goes without them too */
		mnl_socket_setsockopt(r->socket, NETLINK_EXT_ACK, &on, sizeof on);
		mnl_socket_setsockopt(r->socket, NETLINK_CAP_ACK, &on, sizeof on);
		mnl_socket_setsockopt(r->socket, NETLINK_GET_STRICT_CHK, &on, sizeof on);
		return r;
	}
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

struct nlmsghdr *rtnl_begin(struct rtnl *r, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *m = mnl_nlmsg_put_header(r->buffer);
	m->nlmsg_type = type;
	m->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
	m->nlmsg_seq = ++r->seq;
	return m;
}

/* The attributes behind an answer: struct nlmsgerr, then, unless it is capped, the request's payload, then they. */
static void take_words(struct rtnl *r, const struct nlmsghdr *m)
{
	if (m->nlmsg_type != NLMSG_ERROR || !(m->nlmsg_flags & NLM_F_ACK_TLVS) || mnl_nlmsg_get_payload_len(m) < sizeof(struct nlmsgerr))
		return;
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(m);
	size_t offset = sizeof *e;
	if (!(m->nlmsg_flags & NLM_F_CAPPED) && e->msg.nlmsg_len > sizeof e->msg)
		offset += MNL_ALIGN(e->msg.nlmsg_len - sizeof e->msg);
	if (offset > mnl_nlmsg_get_payload_len(m))
		return;
	struct nlattr *a;
	mnl_attr_for_each(a, m, (unsigned)offset)
		if (mnl_attr_get_type(a) == NLMSGERR_ATTR_MSG && mnl_attr_validate(a, MNL_TYPE_NUL_STRING) == 0)
			snprintf(r->words, sizeof r->words, "%s", mnl_attr_get_str(a));
}

const char *rtnl_words(const struct rtnl *r, int code)
{
	return *r->words ? r->words : strerror(code < 0 ? -code : code);
}

int rtnl_transact(struct rtnl *r, const struct nlmsghdr *m)
{
	uint32_t seq = m->nlmsg_seq;
	*r->words = 0;
	if (mnl_socket_sendto(r->socket, m, m->nlmsg_len) < 0)
		return -errno;
	ssize_t len = mnl_socket_recvfrom(r->socket, r->buffer, sizeof r->buffer);
	if (len < 0)
		return -errno;
	int left = (int)len;
	if (mnl_nlmsg_ok((struct nlmsghdr *)(void *)r->buffer, left))
		take_words(r, (struct nlmsghdr *)(void *)r->buffer);
	return mnl_cb_run(r->buffer, (size_t)len, seq, mnl_socket_get_portid(r->socket), NULL, NULL) < 0 ? -errno : 0;
}

int rtnl_dump(struct rtnl *r, const struct nlmsghdr *m, mnl_cb_t each, void *context)
{
	uint32_t seq = m->nlmsg_seq;
	int code = 1;
	*r->words = 0;
	if (mnl_socket_sendto(r->socket, m, m->nlmsg_len) < 0)
		return -errno;
	while (code > 0) {
		ssize_t len = mnl_socket_recvfrom(r->socket, r->buffer, sizeof r->buffer);
		if (len < 0)
			return -errno;
		code = mnl_cb_run(r->buffer, (size_t)len, seq, mnl_socket_get_portid(r->socket), each, context);
	}
	return code < 0 ? -errno : 0;
}

int rtnl_veth_add(struct rtnl *r, const char *name, const char *peer, int peer_netns, struct error *error)
{
	struct nlmsghdr *m = rtnl_begin(r, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
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
	int code = rtnl_transact(r, m);
	return code < 0 ? error_set(error, -code, "cannot make the veth pair %s – %s: %s", name, peer, rtnl_words(r, code)) : 0;
}

int rtnl_ifb_add(struct rtnl *r, const char *name, struct error *error)
{
	struct nlmsghdr *m = rtnl_begin(r, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
	mnl_nlmsg_put_extra_header(m, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(m, IFLA_IFNAME, name);
	struct nlattr *info = mnl_attr_nest_start(m, IFLA_LINKINFO);
	mnl_attr_put_str(m, IFLA_INFO_KIND, "ifb");
	mnl_attr_nest_end(m, info);
	int code = rtnl_transact(r, m);
	return code < 0 ? error_set(error, -code, "cannot make the ifb device %s (module ifb): %s", name, rtnl_words(r, code)) : 0;
}

int rtnl_link_delete(struct rtnl *r, const char *name, struct error *error)
{
	struct nlmsghdr *m = rtnl_begin(r, RTM_DELLINK, 0);
	mnl_nlmsg_put_extra_header(m, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(m, IFLA_IFNAME, name);
	int code = rtnl_transact(r, m);
	return code < 0 ? error_set(error, -code, "cannot take the device %s away: %s", name, rtnl_words(r, code)) : 0;
}

int rtnl_link_up(struct rtnl *r, const char *name, struct error *error)
{
	struct nlmsghdr *m = rtnl_begin(r, RTM_NEWLINK, 0);
	struct ifinfomsg *i = mnl_nlmsg_put_extra_header(m, sizeof *i);
	i->ifi_flags = i->ifi_change = IFF_UP;
	mnl_attr_put_strz(m, IFLA_IFNAME, name);
	int code = rtnl_transact(r, m);
	return code < 0 ? error_set(error, -code, "cannot bring %s up: %s", name, rtnl_words(r, code)) : 0;
}

int rtnl_address_add(struct rtnl *r, const char *name, const struct address *a, unsigned prefix_len, struct error *error)
{
	struct nlmsghdr *m = rtnl_begin(r, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
	struct ifaddrmsg *i = mnl_nlmsg_put_extra_header(m, sizeof *i);
	i->ifa_family = a->family == 4 ? AF_INET : AF_INET6;
	i->ifa_prefixlen = (uint8_t)prefix_len;
	i->ifa_flags = a->family == 6 ? IFA_F_NODAD : 0;
	i->ifa_index = if_nametoindex(name);
	mnl_attr_put(m, IFA_LOCAL, address_len(a), a->byte);
	mnl_attr_put(m, IFA_ADDRESS, address_len(a), a->byte);
	int code = i->ifa_index ? rtnl_transact(r, m) : -ENODEV;
	return code < 0 ? error_set(error, -code, "cannot give %s an address: %s", name, rtnl_words(r, code)) : 0;
}

int rtnl_default_route_add(struct rtnl *r, const struct address *via, struct error *error)
{
	struct nlmsghdr *m = rtnl_begin(r, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL);
	struct rtmsg *t = mnl_nlmsg_put_extra_header(m, sizeof *t);
	t->rtm_family = via->family == 4 ? AF_INET : AF_INET6;
	t->rtm_table = RT_TABLE_MAIN;
	t->rtm_protocol = RTPROT_STATIC;
	t->rtm_scope = RT_SCOPE_UNIVERSE;
	t->rtm_type = RTN_UNICAST;
	mnl_attr_put(m, RTA_GATEWAY, address_len(via), via->byte);
	int code = rtnl_transact(r, m);
	return code < 0 ? error_set(error, -code, "cannot add a default route: %s", rtnl_words(r, code)) : 0;
}
