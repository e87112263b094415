// SPDX-License-Identifier: GPL-2.0-or-later
#include "gateway/nft.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <libnftnl/common.h>
#include <libnftnl/gen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/memory.h"
#include "gateway/owner.h"

enum { PAGE = 32768, OVERRUN = 4096, RECEIVE_ROOM = 65536 };

int nft_open(struct nft *n, struct error *error)
{
	n->seq = 1;
	n->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (!n->socket || mnl_socket_bind(n->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		int code = errno;
		nft_close(n);
		return error_set(error, code, "cannot open a netlink socket: %s", strerror(code));
	}
	return 0;
}

void nft_close(struct nft *n)
{
	if (n->socket)
		mnl_socket_close(n->socket);
	n->socket = NULL;
}

static int message_code(const struct nlmsghdr *m)
{
	/* both kinds begin with the code; the end of a dump may bear one, too */
	return m->nlmsg_len >= mnl_nlmsg_size(sizeof(int)) ? *(const int *)mnl_nlmsg_get_payload(m) : 0;
}

/* To the end even when the dump is known to be torn: what is left behind would be taken for the next answer. */
static int receive_all(struct nft *n, uint32_t seq, mnl_cb_t each, void *context)
{
	uint8_t *buffer = xmalloc(RECEIVE_ROOM);
	bool torn = false, done = false;
	int code = 0;
	while (!done) {
		ssize_t len = mnl_socket_recvfrom(n->socket, buffer, RECEIVE_ROOM);
		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0) {
			code = -errno;
			break;
		}
		int left = (int)len;
		for (const struct nlmsghdr *m = (const void *)buffer; !done && mnl_nlmsg_ok(m, left); m = mnl_nlmsg_next(m, &left)) {
			if (m->nlmsg_seq != seq)
				continue;
			torn |= (m->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
			done = m->nlmsg_type == NLMSG_DONE || m->nlmsg_type == NLMSG_ERROR;
			code = done ? message_code(m) : 0;
			done = done || each(m, context) == MNL_CB_STOP;
		}
	}
	free(buffer);
	return code < 0 ? code : torn ? -EINTR : 0;
}

int nft_dump(struct nft *n, uint16_t type, mnl_cb_t each, void *context)
{
	char buffer[256];
	uint32_t seq = ++n->seq;
	struct nlmsghdr *m = nftnl_nlmsg_build_hdr(buffer, type, NFPROTO_UNSPEC, NLM_F_DUMP, seq);
	if (mnl_socket_sendto(n->socket, m, m->nlmsg_len) < 0)
		return -errno;
	return receive_all(n, seq, each, context);
}

int nft_dump_ours(struct nft *n, uint16_t type, const char *set, mnl_cb_t each, void *context)
{
	char buffer[512];
	uint32_t seq = ++n->seq;
	struct nlmsghdr *m = nftnl_nlmsg_build_hdr(buffer, type, NFPROTO_INET, NLM_F_DUMP, seq);
	_Static_assert((int)NFTA_RULE_TABLE == (int)NFTA_CHAIN_TABLE && (int)NFTA_RULE_TABLE == (int)NFTA_SET_TABLE &&
			       (int)NFTA_RULE_TABLE == (int)NFTA_SET_ELEM_LIST_TABLE, "the table's name has one number in all kinds");
	mnl_attr_put_strz(m, NFTA_RULE_TABLE, GATEWAY_TABLE);
	if (set)
		mnl_attr_put_strz(m, NFTA_SET_ELEM_LIST_SET, set);
	if (mnl_socket_sendto(n->socket, m, m->nlmsg_len) < 0)
		return -errno;
	return receive_all(n, seq, each, context);
}

int nft_dump_set(struct nft *n, uint32_t family, const char *table, const char *set, mnl_cb_t each, void *context)
{
	char buffer[1024];
	uint32_t seq = ++n->seq;
	struct nlmsghdr *m = nftnl_nlmsg_build_hdr(buffer, NFT_MSG_GETSETELEM, (uint16_t)family, NLM_F_DUMP, seq);
	if (!mnl_attr_put_strz_check(m, sizeof buffer, NFTA_SET_ELEM_LIST_TABLE, table) || !mnl_attr_put_strz_check(m, sizeof buffer, NFTA_SET_ELEM_LIST_SET, set))
		return -ENAMETOOLONG;
	if (mnl_socket_sendto(n->socket, m, m->nlmsg_len) < 0)
		return -errno;
	return receive_all(n, seq, each, context);
}

int nft_find_ours(struct nft *n, const char *set, const void *key, size_t len, mnl_cb_t each, void *context)
{
	char buffer[512];
	uint32_t seq = ++n->seq;
	struct nlmsghdr *m = nftnl_nlmsg_build_hdr(buffer, NFT_MSG_GETSETELEM, NFPROTO_INET, NLM_F_ACK, seq);
	mnl_attr_put_strz(m, NFTA_SET_ELEM_LIST_TABLE, GATEWAY_TABLE);
	mnl_attr_put_strz(m, NFTA_SET_ELEM_LIST_SET, set);
	struct nlattr *list = mnl_attr_nest_start(m, NFTA_SET_ELEM_LIST_ELEMENTS);
	struct nlattr *element = mnl_attr_nest_start(m, NFTA_LIST_ELEM);
	struct nlattr *value = mnl_attr_nest_start(m, NFTA_SET_ELEM_KEY);
	mnl_attr_put(m, NFTA_DATA_VALUE, len, key);
	mnl_attr_nest_end(m, value);
	mnl_attr_nest_end(m, element);
	mnl_attr_nest_end(m, list);
	if (mnl_socket_sendto(n->socket, m, m->nlmsg_len) < 0)
		return -errno;
	return receive_all(n, seq, each, context);
}

static int read_generation(const struct nlmsghdr *m, void *context)
{
	struct nftnl_gen *g = nftnl_gen_alloc();
	if (g && nftnl_gen_nlmsg_parse(m, g) == 0)
		*(uint32_t *)context = nftnl_gen_get_u32(g, NFTNL_GEN_ID);
	if (g)
		nftnl_gen_free(g);
	return MNL_CB_STOP;
}

int nft_generation(struct nft *n, uint32_t *genid)
{
	char buffer[256];
	uint32_t seq = ++n->seq;
	struct nlmsghdr *m = nftnl_nlmsg_build_hdr(buffer, NFT_MSG_GETGEN, NFPROTO_UNSPEC, 0, seq);
	if (mnl_socket_sendto(n->socket, m, m->nlmsg_len) < 0)
		return -errno;
	return receive_all(n, seq, read_generation, genid);
}

/* ---- transactions ---- */

static struct nlmsghdr *put_batch_edge(struct nft_batch *b, uint16_t type)
{
	struct nlmsghdr *m = mnl_nlmsg_put_header(nftnl_batch_buffer(b->batch));
	m->nlmsg_type = type;
	m->nlmsg_flags = NLM_F_REQUEST;
	m->nlmsg_seq = b->seq++;
	struct nfgenmsg *g = mnl_nlmsg_put_extra_header(m, sizeof *g);
	g->nfgen_family = AF_UNSPEC;
	g->version = NFNETLINK_V0;
	g->res_id = htons(NFNL_SUBSYS_NFTABLES);
	return m;
}

void nft_batch_begin(struct nft_batch *b, struct nft *n, uint32_t genid)
{
	b->batch = nftnl_batch_alloc(PAGE, OVERRUN);
	b->seq = n->seq + 1;
	b->n = 0;
	b->failed = NULL;
	struct nlmsghdr *m = put_batch_edge(b, NFNL_MSG_BATCH_BEGIN);
	if (genid)
		mnl_attr_put_u32(m, NFNL_BATCH_GENID, htonl(genid));
	nftnl_batch_update(b->batch);
	b->first = b->seq;
}

struct nlmsghdr *nft_batch_put(struct nft_batch *b, uint16_t type, uint16_t flags, const char *what)
{
	if (b->n < sizeof b->what / sizeof *b->what)
		b->what[b->n++] = what;
	return nftnl_nlmsg_build_hdr(nftnl_batch_buffer(b->batch), type, NFPROTO_INET, (uint16_t)(flags | NLM_F_ACK), b->seq++);
}

void nft_batch_done(struct nft_batch *b)
{
	nftnl_batch_update(b->batch);
}

static int transmit(struct nft_batch *b, struct nft *n)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	unsigned pages = (unsigned)nftnl_batch_iovec_len(b->batch);
	struct iovec *v = xcalloc(pages, sizeof *v);
	nftnl_batch_iovec(b->batch, v, pages);
	struct msghdr out = {.msg_name = &kernel, .msg_namelen = sizeof kernel, .msg_iov = v, .msg_iovlen = pages};
	ssize_t sent = sendmsg(mnl_socket_get_fd(n->socket), &out, 0);
	int code = errno;
	free(v);
	return sent < 0 ? -code : 0;
}

/* The kernel has done all its work when sendmsg returns, so the answers are there: the first failure is the cause. */
static int first_failure(struct nft_batch *b, struct nft *n, const char **what)
{
	uint8_t *buffer = xmalloc(RECEIVE_ROOM);
	int failure = 0;
	ssize_t len;
	/* ENOBUFS: there were more refusals than fit */
	while ((len = recv(mnl_socket_get_fd(n->socket), buffer, RECEIVE_ROOM, MSG_DONTWAIT)) > 0 || (len < 0 && errno == ENOBUFS)) {
		int left = len < 0 ? 0 : (int)len;
		if (len < 0 && !failure)
			failure = -ENOBUFS;
		for (const struct nlmsghdr *m = (const void *)buffer; mnl_nlmsg_ok(m, left); m = mnl_nlmsg_next(m, &left)) {
			int code = m->nlmsg_type == NLMSG_ERROR ? message_code(m) : 0;
			uint32_t index = m->nlmsg_seq - b->first;
			if (code && b->failed)
				b->failed(b->context, index, code);
			if (!code || (failure && failure != -ENOBUFS))
				continue;
			failure = code;
			*what = m->nlmsg_seq >= b->first && index < b->n ? b->what[index] : "the transaction";
		}
	}
	free(buffer);
	return failure;
}

int nft_batch_send(struct nft_batch *b, struct nft *n, bool commit, struct error *error)
{
	if (commit) {
		put_batch_edge(b, NFNL_MSG_BATCH_END);
		nftnl_batch_update(b->batch);
	}
	const char *what = "the transaction";
	int r = transmit(b, n);
	if (r == 0)
		r = first_failure(b, n, &what);
	n->seq = b->seq;
	nftnl_batch_free(b->batch);
	b->batch = NULL;
	if (r == -EPERM)
		return error_set(error, EPERM, "no permission to change nftables: run as root, or give the program CAP_NET_ADMIN");
	if (r < 0)
		return error_set(error, -r, "nftables refused %s: %s", what, strerror(-r));
	return 0;
}
