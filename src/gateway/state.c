// SPDX-License-Identifier: GPL-2.0-or-later
/* Reading our own table back: what it counted, whether it is whole, what it does when nobody listens. */
#include <errno.h>
#include <libnftnl/chain.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/xt_NFQUEUE.h>
#include <string.h>
#include <xxhash.h>

#include "gateway/internal.h"
#include "gateway/owner.h"
#include "gateway/watch.h"

/* Again when it changes while it is read (EINTR) or goes meanwhile (ENOENT), within reason. `n` NULL: by a socket of its own. */
static int read_patiently(struct nft *n, int (*once)(struct nft *n, void *out), void *out, struct error *error)
{
	enum { TRIES = 10 };
	struct nft own = {0};
	int r = n ? 0 : nft_open(&own, error);
	if (r < 0)
		return r;
	r = -EINTR;
	for (int i = 0; i < TRIES && (r == -EINTR || r == -ENOENT); i++)
		r = once(n ? n : &own, out);
	if (!n)
		nft_close(&own);
	return r < 0 ? error_set(error, -r, "cannot read the loaded nftables: %s", strerror(-r)) : 0;
}

/* What a message says of a chain or rule of our table; NULL: it is none. The caller frees it. */
static struct nftnl_chain *our_chain(const struct nlmsghdr *m)
{
	struct nftnl_chain *c = nftnl_chain_alloc();
	if (c && nftnl_chain_nlmsg_parse(m, c) == 0 && strcmp(nftnl_chain_get_str(c, NFTNL_CHAIN_TABLE), GATEWAY_TABLE) == 0 &&
	    nftnl_chain_get_u32(c, NFTNL_CHAIN_FAMILY) == NFPROTO_INET)
		return c;
	if (c)
		nftnl_chain_free(c);
	return NULL;
}

static struct nftnl_rule *our_rule(const struct nlmsghdr *m)
{
	struct nftnl_rule *r = nftnl_rule_alloc();
	if (r && nftnl_rule_nlmsg_parse(m, r) == 0)
		return r;
	if (r)
		nftnl_rule_free(r);
	return NULL;
}

/* ---- counters ---- */

struct counted_rule {
	bool has_counter, queues, drops;
	uint64_t packets, bytes;
};

static int read_counted(struct nftnl_expr *e, void *context)
{
	struct counted_rule *c = context;
	const char *name = nftnl_expr_get_str(e, NFTNL_EXPR_NAME);
	if (strcmp(name, "counter") == 0) {
		c->has_counter = true;
		c->packets = nftnl_expr_get_u64(e, NFTNL_EXPR_CTR_PACKETS);
		c->bytes = nftnl_expr_get_u64(e, NFTNL_EXPR_CTR_BYTES);
	} else if (strcmp(name, "queue") == 0 || strcmp(name, "target") == 0) {
		c->queues = true;
	} else if (strcmp(name, "immediate") == 0 && nftnl_expr_is_set(e, NFTNL_EXPR_IMM_VERDICT)) {
		c->drops = nftnl_expr_get_u32(e, NFTNL_EXPR_IMM_VERDICT) == NF_DROP;
	}
	return 0;
}

static int count_rule(const struct nlmsghdr *m, void *context)
{
	struct gateway_counts *out = context;
	struct counted_rule c = {0};
	struct nftnl_rule *r = our_rule(m);
	if (!r)
		return MNL_CB_OK;
	out->rules++;
	nftnl_expr_foreach(r, read_counted, &c);
	if (c.queues) {
		out->queued_packets += c.packets;
		out->queued_bytes += c.bytes;
	} else if (c.drops) {
		out->blocked_packets += c.packets;
		out->blocked_bytes += c.bytes;
	} else {
		out->released_packets += c.packets;
		out->released_bytes += c.bytes;
	}
	nftnl_rule_free(r);
	return MNL_CB_OK;
}

static int count_once(struct nft *n, void *out)
{
	*(struct gateway_counts *)out = (struct gateway_counts){0};
	int r = nft_dump_ours(n, NFT_MSG_GETRULE, NULL, count_rule, out);
	return r == -ENOENT ? 0 : r;
}

int gateway_counts(struct gateway_counts *out, struct error *error)
{
	return read_patiently(NULL, count_once, out, error);
}

/* ---- is it whole ---- */

/* One number an object; their sum does not depend on the order. Handles are never used twice, and a rule cannot be changed in place. */
struct object {
	uint64_t kind, handle;
	int64_t a, b;
};

static void add_object(uint64_t *sum, struct object o)
{
	*sum += XXH3_64bits(&o, sizeof o);
}

static int add_chain(const struct nlmsghdr *m, void *context)
{
	struct nftnl_chain *c = our_chain(m);
	if (!c)
		return MNL_CB_OK;
	bool base = nftnl_chain_is_set(c, NFTNL_CHAIN_HOOKNUM);
	add_object(context, (struct object){NFT_MSG_GETCHAIN, nftnl_chain_get_u64(c, NFTNL_CHAIN_HANDLE), base ? nftnl_chain_get_s32(c, NFTNL_CHAIN_PRIO) : 0,
					    base ? nftnl_chain_get_u32(c, NFTNL_CHAIN_POLICY) : 0});
	nftnl_chain_free(c);
	return MNL_CB_OK;
}

static int add_rule(const struct nlmsghdr *m, void *context)
{
	struct nftnl_rule *r = our_rule(m);
	if (r)
		add_object(context, (struct object){.kind = NFT_MSG_GETRULE, .handle = nftnl_rule_get_u64(r, NFTNL_RULE_HANDLE)});
	if (r)
		nftnl_rule_free(r);
	return MNL_CB_OK;
}

static int add_set(const struct nlmsghdr *m, void *context)
{
	struct nftnl_set *s = nftnl_set_alloc();
	if (s && nftnl_set_nlmsg_parse(m, s) == 0)
		add_object(context, (struct object){.kind = NFT_MSG_GETSET, .handle = nftnl_set_get_u64(s, NFTNL_SET_HANDLE)});
	if (s)
		nftnl_set_free(s);
	return MNL_CB_OK;
}

static int read_once(struct nft *n, void *out)
{
	uint64_t *sum = out;
	uint32_t before = 0, after = 0;
	uint64_t handle = 0;
	struct owner owner = {0};
	*sum = 0;
	(void)nft_generation(n, &before);
	int r = gateway_find_table(n, &handle, &owner);
	if (r <= 0)
		return r;
	add_object(sum, (struct object){NFT_MSG_GETTABLE, handle, owner.dormant, 0});
	r = nft_dump(n, NFT_MSG_GETCHAIN, add_chain, sum);
	if (r == 0)
		r = nft_dump_ours(n, NFT_MSG_GETRULE, NULL, add_rule, sum);
	if (r == 0)
		r = nft_dump_ours(n, NFT_MSG_GETSET, NULL, add_set, sum);
	(void)nft_generation(n, &after);
	return before != after ? -EINTR : r;
}

int gateway_fingerprint(struct nft *n, uint64_t *out, struct error *error)
{
	return read_patiently(n, read_once, out, error);
}

int gateway_intact(const struct gateway_plan *p, struct error *error)
{
	uint64_t now = 0;
	int r = gateway_fingerprint(NULL, &now, error);
	return r < 0 ? r : now == p->fingerprint;
}

/* ---- for who asks from outside ---- */

static int read_state_chain(const struct nlmsghdr *m, void *context)
{
	struct gateway_table_state *s = context;
	struct nftnl_chain *c = our_chain(m);
	if (!c)
		return MNL_CB_OK;
	const char *name = nftnl_chain_get_str(c, NFTNL_CHAIN_NAME);
	s->guard |= strcmp(name, GATEWAY_GUARD_CHAIN) == 0;
	for (int hook = 0; hook < HOOK_N_; hook++)
		if (strcmp(name, gateway_hook_names[hook]) == 0)
			s->hooks |= 1u << hook;
	nftnl_chain_free(c);
	return MNL_CB_OK;
}

static int read_state_expression(struct nftnl_expr *e, void *context)
{
	struct gateway_table_state *s = context;
	const char *name = nftnl_expr_get_str(e, NFTNL_EXPR_NAME);
	if (strcmp(name, "queue") == 0) {
		s->drops |= !(nftnl_expr_get_u16(e, NFTNL_EXPR_QUEUE_FLAGS) & NFT_QUEUE_FLAG_BYPASS);
	} else if (strcmp(name, "target") == 0) {
		uint32_t len = 0;
		const struct xt_NFQ_info_v3 *info = nftnl_expr_get(e, NFTNL_EXPR_TG_INFO, &len);
		s->drops |= info && len >= sizeof *info && !(info->flags & NFQ_FLAG_BYPASS);
	}
	return 0;
}

static int read_state_rule(const struct nlmsghdr *m, void *context)
{
	struct nftnl_rule *r = our_rule(m);
	if (r)
		nftnl_expr_foreach(r, read_state_expression, context);
	if (r)
		nftnl_rule_free(r);
	return MNL_CB_OK;
}

static int read_state(struct nft *n, void *context)
{
	struct gateway_table_state *out = context;
	uint64_t handle;
	struct owner owner = {0};
	*out = (struct gateway_table_state){0};
	int r = gateway_find_table(n, &handle, &owner);
	if (r <= 0)
		return r;
	*out = (struct gateway_table_state){.there = true, .ours = owner.known, .pid = owner.pid, .since = owner.since};
	out->alive = owner.known && owner_lives(&owner);
	r = nft_dump(n, NFT_MSG_GETCHAIN, read_state_chain, out);
	if (r == 0)
		r = nft_dump_ours(n, NFT_MSG_GETRULE, NULL, read_state_rule, out);
	out->drops |= out->guard;
	return r;
}

int gateway_table_state(struct gateway_table_state *out, struct error *error)
{
	*out = (struct gateway_table_state){0};
	return read_patiently(NULL, read_state, out, error);
}
