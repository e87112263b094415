// SPDX-License-Identifier: GPL-2.0-or-later
#include "ruleset/stub.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct stub *stub;

/* What was asked last, and how far the answer has gone. */
static struct {
	uint16_t type, flags;
	uint32_t seq;
	size_t at;
	bool open;
} question;

void stub_begin(struct stub *s)
{
	stub = s;
	question.open = false;
}

void stub_end(void)
{
	stub = NULL;
}

/* ---- answers ---- */

static struct nlmsghdr *answer(uint8_t *out, uint16_t type, uint16_t flags, size_t len)
{
	struct nlmsghdr *m = (struct nlmsghdr *)out;
	memset(out, 0, NLMSG_SPACE(len));
	*m = (struct nlmsghdr){.nlmsg_len = (uint32_t)NLMSG_LENGTH(len), .nlmsg_type = type, .nlmsg_flags = flags, .nlmsg_seq = question.seq};
	return m;
}

static void *put_attribute(struct nlmsghdr *m, uint16_t type, const void *data, size_t len)
{
	struct nlattr *a = (struct nlattr *)((uint8_t *)m + NLMSG_ALIGN(m->nlmsg_len));
	memset(a, 0, NLA_HDRLEN + NLA_ALIGN(len));
	*a = (struct nlattr){.nla_len = (uint16_t)(NLA_HDRLEN + len), .nla_type = type};
	m->nlmsg_len = NLMSG_ALIGN(m->nlmsg_len) + (uint32_t)(NLA_HDRLEN + NLA_ALIGN(len));
	return memcpy((uint8_t *)a + NLA_HDRLEN, data, len);
}

static size_t answer_generation(uint8_t *out)
{
	uint32_t one = htonl(1);
	struct nlmsghdr *m = answer(out, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN, 0, sizeof(struct nfgenmsg));
	put_attribute(m, NFTA_GEN_ID, &one, sizeof one);
	question.open = false;
	return m->nlmsg_len;
}

static size_t answer_device(uint8_t *out, const struct stub_device *d)
{
	struct nlmsghdr *m = answer(out, RTM_NEWLINK, NLM_F_MULTI, sizeof(struct ifinfomsg));
	struct ifinfomsg *i = NLMSG_DATA(m);
	i->ifi_index = (int)d->index;
	put_attribute(m, IFLA_IFNAME, d->name, strnlen(d->name, sizeof d->name - 1) + 1);
	return m->nlmsg_len;
}

static size_t answer_end(uint8_t *out, bool dump)
{
	question.open = false;
	if (dump)
		return answer(out, NLMSG_DONE, NLM_F_MULTI, sizeof(int))->nlmsg_len;
	struct nlmsghdr *m = answer(out, NLMSG_ERROR, 0, sizeof(struct nlmsgerr));
	((struct nlmsgerr *)NLMSG_DATA(m))->error = -ENOENT;
	return m->nlmsg_len;
}

static ssize_t give_answer(struct msghdr *msg)
{
	enum { LARGEST = 256 };
	_Alignas(8) uint8_t one[LARGEST];
	uint8_t *out = msg->msg_iov[0].iov_base;
	size_t room = msg->msg_iov[0].iov_len, used = 0;
	while (question.open && room - used >= LARGEST) {
		size_t n;
		if (question.type == (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN))
			n = answer_generation(one);
		else if (question.type == RTM_GETLINK && question.at < stub->n_devices)
			n = answer_device(one, &stub->devices[question.at++]);
		else
			n = answer_end(one, question.flags & NLM_F_DUMP);
		memcpy(out + used, one, n);
		used += NLMSG_ALIGN(n);
	}
	if (msg->msg_name) {
		memset(msg->msg_name, 0, sizeof(struct sockaddr_nl));
		((struct sockaddr_nl *)msg->msg_name)->nl_family = AF_NETLINK;
		msg->msg_namelen = sizeof(struct sockaddr_nl);
	}
	msg->msg_flags = 0;
	return (ssize_t)used;
}

static void take_transaction(const struct iovec *v)
{
	int left = (int)v->iov_len;
	for (struct nlmsghdr *m = v->iov_base; NLMSG_OK(m, left); m = NLMSG_NEXT(m, left))
		stub->message(stub->context, m);
}

/* ---- in place of the C library's ---- */

#define EXPORTED __attribute__((visibility("default")))

static bool is_netlink(const void *name, size_t len)
{
	sa_family_t family;
	if (!name || len < sizeof family)
		return false;
	memcpy(&family, name, sizeof family);
	return family == AF_NETLINK;
}

EXPORTED ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	if (__builtin_expect(!stub || !is_netlink(msg->msg_name, msg->msg_namelen), 1))
		return syscall(SYS_sendmsg, fd, msg, flags);
	ssize_t sent = 0;
	stub->reached = true;
	for (size_t i = 0; i < msg->msg_iovlen; i++) {
		take_transaction(&msg->msg_iov[i]);
		sent += (ssize_t)msg->msg_iov[i].iov_len;
	}
	return sent;
}

EXPORTED ssize_t sendto(int fd, const void *data, size_t len, int flags, const struct sockaddr *to, socklen_t to_len)
{
	if (__builtin_expect(!stub || !is_netlink(to, to_len) || len < sizeof(struct nlmsghdr), 1))
		return syscall(SYS_sendto, fd, data, len, flags, to, to_len);
	struct nlmsghdr head;
	memcpy(&head, data, sizeof head);
	stub->reached = true;
	question.type = head.nlmsg_type;
	question.flags = head.nlmsg_flags;
	question.seq = head.nlmsg_seq;
	question.at = 0;
	question.open = true;
	return (ssize_t)len;
}

EXPORTED ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
	if (__builtin_expect(!stub || !question.open || msg->msg_iovlen != 1, 1))
		return syscall(SYS_recvmsg, fd, msg, flags);
	return give_answer(msg);
}
