// SPDX-License-Identifier: GPL-2.0-or-later
#include "gateway/watch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "gateway/internal.h"
#include "gateway/owner.h"

enum { ROOM = 65536 };

struct gateway_watch {
	struct mnl_socket *socket;
	uint32_t own; /* the port id of our own changes */
	_Alignas(8) uint8_t buffer[ROOM];
};

/* Our own changes stay in the kernel: loading 100,000 elements would overrun the socket with news that we know. Messages of one transaction share a port id. */
static void filter_own(struct gateway_watch *w)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_pid)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(w->own), 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	};
	struct sock_fprog program = {.len = sizeof code / sizeof *code, .filter = code};
	(void)setsockopt(mnl_socket_get_fd(w->socket), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

struct gateway_watch *gateway_watch_open(struct error *error)
{
	/* opens the socket of our changes, so that its id is known from now on */
	if (!link_take(error))
		return NULL;
	link_give();
	struct gateway_watch *w = xcalloc(1, sizeof *w);
	w->own = link_portid();
	w->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (w->socket)
		filter_own(w);
	if (w->socket && mnl_socket_bind(w->socket, 1u << (NFNLGRP_NFTABLES - 1), MNL_SOCKET_AUTOPID) == 0)
		return w;
	error_set(error, errno, "cannot watch nftables: %s", strerror(errno));
	gateway_watch_close(w);
	return NULL;
}

void gateway_watch_close(struct gateway_watch *w)
{
	if (w && w->socket)
		mnl_socket_close(w->socket);
	free(w);
}

int gateway_watch_fd(const struct gateway_watch *w)
{
	return mnl_socket_get_fd(w->socket);
}

static const char *table_of(const struct nlmsghdr *m, size_t left)
{
	const struct nlattr *attr;
	if (left < sizeof(struct nfgenmsg))
		return NULL;
	_Static_assert((int)NFTA_TABLE_NAME == (int)NFTA_RULE_TABLE, "the table's name has one number in all kinds");
	mnl_attr_for_each(attr, m, sizeof(struct nfgenmsg))
		if (mnl_attr_get_type(attr) == NFTA_TABLE_NAME && mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) == 0)
			return mnl_attr_get_str(attr);
	return NULL;
}

static unsigned judge(const struct nlmsghdr *m)
{
	unsigned type = m->nlmsg_type & 0xff;
	const struct nfgenmsg *g = mnl_nlmsg_get_payload(m);
	if (m->nlmsg_type >> 8 != NFNL_SUBSYS_NFTABLES || type == NFT_MSG_NEWGEN)
		return GATEWAY_SAME;
	const char *table = table_of(m, mnl_nlmsg_get_payload_len(m));
	bool ours = table && g->nfgen_family == NFPROTO_INET && strcmp(table, GATEWAY_TABLE) == 0;
	if (type == NFT_MSG_NEWSETELEM || type == NFT_MSG_DELSETELEM)
		return ours ? GATEWAY_BLOCKS : GATEWAY_SAME;
	if (ours)
		return GATEWAY_DAMAGED;
	/* sets and named counters of others come and go often and are nothing to us */
	bool matters = type == NFT_MSG_NEWTABLE || type == NFT_MSG_DELTABLE || type == NFT_MSG_NEWCHAIN || type == NFT_MSG_DELCHAIN ||
		       type == NFT_MSG_NEWRULE || type == NFT_MSG_DELRULE || type == NFT_MSG_NEWFLOWTABLE || type == NFT_MSG_DELFLOWTABLE;
	return matters ? GATEWAY_OTHERS : GATEWAY_SAME;
}

unsigned gateway_watch_read(struct gateway_watch *w)
{
	unsigned change = GATEWAY_SAME;
	for (;;) {
		ssize_t len = recv(mnl_socket_get_fd(w->socket), w->buffer, ROOM, MSG_DONTWAIT);
		if (len < 0 && errno == ENOBUFS)
			change |= GATEWAY_LOST;
		else if (len < 0 && errno == EINTR)
			continue;
		if (len < 0 && errno != ENOBUFS)
			return change;
		int left = len < 0 ? 0 : (int)len;
		for (const struct nlmsghdr *m = (const void *)w->buffer; mnl_nlmsg_ok(m, left); m = mnl_nlmsg_next(m, &left))
			if (m->nlmsg_pid != w->own)
				change |= judge(m);
	}
}

/* ---- what is done about it ---- */

int gateway_misplaced(const struct gateway_plan *p, char why[200], struct error *error)
{
	struct gateway_plan now;
	int r = gateway_plan_again(&now, &p->settings, p->n_workers, error);
	*why = '\0';
	for (int hook = 0; hook < HOOK_N_ && r == 0 && p->settings.priority_auto; hook++) {
		if (!(p->settings.hooks & 1u << hook))
			continue;
		bool taken = false;
		for (size_t i = 0; i < now.n_chains; i++)
			taken |= (int)now.chain[i].hook == hook && now.chain[i].priority == p->priority[hook];
		/* a chain that went away is no reason to move: that costs the packets which wait in the queues */
		r = taken || now.priority[hook] > p->priority[hook];
		if (r)
			snprintf(why, sizeof now.reason[hook], "%s", now.reason[hook]);
	}
	gateway_plan_free(&now);
	return r;
}

int gateway_restore(struct gateway_plan *p, struct error *error)
{
	enum { TRIES = 5 };
	int r = -ERESTART;
	for (int i = 0; i < TRIES && r == -ERESTART; i++) {
		struct gateway_plan next;
		r = gateway_plan_again(&next, &p->settings, p->n_workers, error);
		if (r < 0) {
			gateway_plan_free(&next);
			return r;
		}
		next.guard = p->guard;
		gateway_plan_free(p);
		*p = next;
		r = gateway_load(p, GATEWAY_LOAD, error);
	}
	return r;
}
