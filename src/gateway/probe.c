// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <libnftnl/chain.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdio.h>
#include <unistd.h>

#include "gateway/internal.h"

struct probe {
	struct nft_batch batch;
	char table[64];
};

/* A table of another name; like all of the probe it is gone when the answer is there. */
static void begin(struct probe *p, struct nft *n, uint32_t flags)
{
	snprintf(p->table, sizeof p->table, "sluice_probe_%d", (int)getpid());
	nft_batch_begin(&p->batch, n, 0);
	struct nftnl_table *t = nftnl_table_alloc();
	nftnl_table_set_str(t, NFTNL_TABLE_NAME, p->table);
	if (flags)
		nftnl_table_set_u32(t, NFTNL_TABLE_FLAGS, flags);
	nftnl_table_nlmsg_build_payload(nft_batch_put(&p->batch, NFT_MSG_NEWTABLE, NLM_F_CREATE, "a table"), t);
	nft_batch_done(&p->batch);
	nftnl_table_free(t);
}

bool probe_queue(struct nft *n)
{
	struct probe p = {0};
	begin(&p, n, 0);
	struct nftnl_chain *c = nftnl_chain_alloc();
	nftnl_chain_set_str(c, NFTNL_CHAIN_TABLE, p.table);
	nftnl_chain_set_str(c, NFTNL_CHAIN_NAME, "probe");
	nftnl_chain_nlmsg_build_payload(nft_batch_put(&p.batch, NFT_MSG_NEWCHAIN, NLM_F_CREATE, "a chain"), c);
	nft_batch_done(&p.batch);
	nftnl_chain_free(c);
	struct nftnl_rule *r = nftnl_rule_alloc();
	nftnl_rule_set_str(r, NFTNL_RULE_TABLE, p.table);
	nftnl_rule_set_str(r, NFTNL_RULE_CHAIN, "probe");
	struct nftnl_expr *e = nftnl_expr_alloc("queue");
	nftnl_expr_set_u16(e, NFTNL_EXPR_QUEUE_NUM, 0);
	nftnl_expr_set_u16(e, NFTNL_EXPR_QUEUE_TOTAL, 1);
	nftnl_rule_add_expr(r, e);
	nftnl_rule_nlmsg_build_payload(nft_batch_put(&p.batch, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, "queue"), r);
	nft_batch_done(&p.batch);
	nftnl_rule_free(r);
	return nft_batch_send(&p.batch, n, false, NULL) != -ENOENT;
}

bool probe_table_flags(struct nft *n, uint32_t flags)
{
	struct probe p = {0};
	begin(&p, n, flags);
	return nft_batch_send(&p.batch, n, false, NULL) == 0;
}

bool probe_element_counters(struct nft *n)
{
	struct probe p = {0};
	begin(&p, n, 0);
	struct nftnl_set *s = gateway_block_set(NFPROTO_IPV4, true);
	nftnl_set_set_str(s, NFTNL_SET_TABLE, p.table);
	nftnl_set_nlmsg_build_payload(nft_batch_put(&p.batch, NFT_MSG_NEWSET, NLM_F_CREATE, "a set"), s);
	nft_batch_done(&p.batch);
	nftnl_set_free(s);
	return nft_batch_send(&p.batch, n, false, NULL) == 0;
}
