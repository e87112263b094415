// SPDX-License-Identifier: GPL-2.0-or-later
/* Looks at what is loaded and decides: priorities, native queue or xt target, whether a table of ours may be replaced. */
#include <errno.h>
#include <libnftnl/chain.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/xt_NFQUEUE.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/internal.h"
#include "gateway/owner.h"

__attribute__((format(printf, 2, 3))) static void note(struct gateway_plan *p, const char *format, ...)
{
	if (p->n_notes == GATEWAY_MAX_NOTES)
		return;
	char text[sizeof p->note[0]];
	va_list list;
	va_start(list, format);
	vsnprintf(text, sizeof text, format, list);
	va_end(list);
	for (unsigned i = 0; i < p->n_notes; i++)
		if (strcmp(p->note[i], text) == 0)
			return;
	memcpy(p->note[p->n_notes++], text, sizeof text);
}

static const char *family_name(uint32_t family)
{
	switch (family) {
	case NFPROTO_INET: return "inet";
	case NFPROTO_IPV4: return "ip";
	case NFPROTO_IPV6: return "ip6";
	case NFPROTO_BRIDGE: return "bridge";
	case NFPROTO_NETDEV: return "netdev";
	case NFPROTO_ARP: return "arp";
	default: return "?";
	}
}

static bool is_ours(uint32_t family, const char *table)
{
	return family == NFPROTO_INET && table && strcmp(table, GATEWAY_TABLE) == 0;
}

static int read_chain(const struct nlmsghdr *m, void *context)
{
	struct gateway_plan *p = context;
	struct nftnl_chain *c = nftnl_chain_alloc();
	if (!c || nftnl_chain_nlmsg_parse(m, c) < 0 || !nftnl_chain_is_set(c, NFTNL_CHAIN_HOOKNUM))
		goto out;
	uint32_t family = nftnl_chain_get_u32(c, NFTNL_CHAIN_FAMILY), hook = nftnl_chain_get_u32(c, NFTNL_CHAIN_HOOKNUM);
	const char *table = nftnl_chain_get_str(c, NFTNL_CHAIN_TABLE), *type = nftnl_chain_get_str(c, NFTNL_CHAIN_TYPE);
	bool internet = family == NFPROTO_INET || family == NFPROTO_IPV4 || family == NFPROTO_IPV6;
	if (!internet || is_ours(family, table) || hook < NF_INET_LOCAL_IN || hook > NF_INET_LOCAL_OUT)
		goto out;
	p->chain = xrealloc(p->chain, (p->n_chains + 1) * sizeof *p->chain);
	struct gateway_chain *out = &p->chain[p->n_chains++];
	*out = (struct gateway_chain){
		.priority = nftnl_chain_get_s32(c, NFTNL_CHAIN_PRIO),
		.hook = (enum gateway_hook)(hook - NF_INET_LOCAL_IN),
		.filter = type && strcmp(type, "filter") == 0,
	};
	snprintf(out->name, sizeof out->name, "%s %s %s", family_name(family), table, nftnl_chain_get_str(c, NFTNL_CHAIN_NAME));
out:
	if (c)
		nftnl_chain_free(c);
	return MNL_CB_OK;
}

static int by_place(const void *a, const void *b)
{
	const struct gateway_chain *x = a, *y = b;
	return x->hook != y->hook ? (int)x->hook - (int)y->hook : x->priority - y->priority;
}

static bool overlaps(const struct gateway_plan *p, unsigned first, unsigned n)
{
	unsigned ours = p->tcp_queue < p->rest_queue ? p->tcp_queue : p->rest_queue, count = 2 * p->n_workers;
	return first < ours + count && ours < first + n;
}

struct rule_place {
	struct gateway_plan *plan;
	char chain[160];
	bool known;     /* which bits of what is written to a mark may be set */
	uint32_t bits;
};

static void read_queue_target(struct rule_place *at, unsigned first, unsigned n)
{
	if (overlaps(at->plan, first, n))
		note(at->plan, "conflict: a rule in %s also queues to %u: packets would come to sluice from there, too", at->chain, first);
	else
		note(at->plan, "a rule in %s queues to %u, for another program", at->chain, first);
}

static uint32_t value_of(struct nftnl_expr *e, uint16_t attr)
{
	uint32_t len = 0, value = 0;
	const void *data = nftnl_expr_is_set(e, attr) ? nftnl_expr_get(e, attr, &len) : NULL;
	memcpy(&value, data ? data : &value, len < sizeof value ? len : sizeof value);
	return value;
}

/* `mark set 0x1`, `mark set mark & 0xff | 0x1`: a number, or what is there changed by a mask. Anything else may be any bit. */
static void follow_value(struct rule_place *at, struct nftnl_expr *e, const char *name)
{
	if (strcmp(name, "immediate") == 0 && nftnl_expr_is_set(e, NFTNL_EXPR_IMM_DATA)) {
		at->known = true;
		at->bits = value_of(e, NFTNL_EXPR_IMM_DATA);
	} else if (strcmp(name, "bitwise") == 0 && nftnl_expr_is_set(e, NFTNL_EXPR_BITWISE_XOR)) {
		at->known = true;
		at->bits = value_of(e, NFTNL_EXPR_BITWISE_XOR);
	} else if (strcmp(name, "cmp") != 0 && strcmp(name, "counter") != 0) {
		at->known = false;
	}
}

static bool writes_mark(struct nftnl_expr *e, const char *name)
{
	if (strcmp(name, "meta") == 0)
		return nftnl_expr_is_set(e, NFTNL_EXPR_META_SREG) && nftnl_expr_get_u32(e, NFTNL_EXPR_META_KEY) == NFT_META_MARK;
	return strcmp(name, "ct") == 0 && nftnl_expr_is_set(e, NFTNL_EXPR_CT_SREG) && nftnl_expr_get_u32(e, NFTNL_EXPR_CT_KEY) == NFT_CT_MARK;
}

static void read_mark(struct rule_place *at)
{
	uint32_t mask = at->plan->settings.mark_mask;
	if (at->known && at->bits & mask)
		note(at->plan, "conflict: %s sets the bits 0x%08x of marks, which are sluice's: choose another gateway.mark-mask than 0x%08x", at->chain,
		     at->bits & mask, mask);
	else if (!at->known)
		note(at->plan, "%s sets marks: sluice's own are within 0x%08x (gateway.mark-mask)", at->chain, mask);
}

static int read_expression(struct nftnl_expr *e, void *context)
{
	struct rule_place *at = context;
	const char *name = nftnl_expr_get_str(e, NFTNL_EXPR_NAME);
	if (!name)
		return 0;
	if (strcmp(name, "queue") == 0) {
		unsigned n = nftnl_expr_is_set(e, NFTNL_EXPR_QUEUE_TOTAL) ? nftnl_expr_get_u16(e, NFTNL_EXPR_QUEUE_TOTAL) : 1;
		if (nftnl_expr_is_set(e, NFTNL_EXPR_QUEUE_NUM))
			read_queue_target(at, nftnl_expr_get_u16(e, NFTNL_EXPR_QUEUE_NUM), n);
		else
			note(at->plan, "a rule in %s queues to a number that it computes", at->chain);
	} else if (strcmp(name, "target") == 0 && strcmp(nftnl_expr_get_str(e, NFTNL_EXPR_TG_NAME), "NFQUEUE") == 0) {
		uint32_t len = 0;
		const struct xt_NFQ_info_v1 *info = nftnl_expr_get(e, NFTNL_EXPR_TG_INFO, &len);
		if (info && len >= sizeof *info)
			read_queue_target(at, info->queuenum, info->queues_total);
	} else if (strcmp(name, "flow_offload") == 0) {
		note(at->plan, "%s offloads flows to a flowtable: their later packets pass by sluice", at->chain);
	} else if (strcmp(name, "notrack") == 0) {
		note(at->plan, "%s takes packets out of connection tracking: fragments reach sluice one by one", at->chain);
	} else if (writes_mark(e, name)) {
		read_mark(at);
	}
	follow_value(at, e, name);
	return 0;
}

static int read_rule(const struct nlmsghdr *m, void *context)
{
	struct rule_place at = {.plan = context};
	struct nftnl_rule *r = nftnl_rule_alloc();
	if (r && nftnl_rule_nlmsg_parse(m, r) == 0) {
		uint32_t family = nftnl_rule_get_u32(r, NFTNL_RULE_FAMILY);
		const char *table = nftnl_rule_get_str(r, NFTNL_RULE_TABLE);
		snprintf(at.chain, sizeof at.chain, "%s %s %s", family_name(family), table, nftnl_rule_get_str(r, NFTNL_RULE_CHAIN));
		if (!is_ours(family, table))
			nftnl_expr_foreach(r, read_expression, &at);
	}
	if (r)
		nftnl_rule_free(r);
	return MNL_CB_OK;
}

/* A table with the owner flag goes when its process has let go of all files, which may be a moment after it is dead. */
static int wait_for_last_owner(struct nft *n)
{
	enum { TRIES = 100, STEP_USEC = 10000 };
	uint64_t handle;
	struct owner owner = {0};
	int r = 1;
	for (int i = 0; i < TRIES && r > 0; i++) {
		usleep(STEP_USEC);
		r = gateway_find_table(n, &handle, &owner);
	}
	return r;
}

static int judge_table(struct gateway_plan *p, struct nft *n, struct error *error)
{
	struct owner owner = {0};
	int r = gateway_find_table(n, &p->replaced_handle, &owner);
	if (r <= 0)
		return r < 0 ? error_set(error, -r, "cannot read the loaded nftables: %s", strerror(-r)) : 0;
	if (!owner.known)
		return error_set(error, EEXIST, "table inet " GATEWAY_TABLE " is there and was not made by sluice; if nobody needs it: "
						"nft delete table inet " GATEWAY_TABLE);
	p->replaces = true;
	if (owner_is_self(&owner))
		return 0;
	if (owner_lives(&owner))
		return error_set(error, EEXIST, "table inet " GATEWAY_TABLE " belongs to the running sluice, process %d; stop that one first",
				 owner.pid);
	if (owner.locked && wait_for_last_owner(n) == 0)
		return -EINTR; /* look again */
	note(p, "the table of a run that is gone (process %d) is replaced", owner.pid);
	return 0;
}

static void probe(struct gateway_plan *p, struct nft *n)
{
	p->native_queue = probe_queue(n);
	p->element_counters = probe_element_counters(n);
	/* bypass: the table goes with its process. drop: it stays, so it may only be owned where it survives its owner (Linux 6.9) */
	uint32_t flags = p->settings.bypass ? GATEWAY_TABLE_OWNER : GATEWAY_TABLE_OWNER | GATEWAY_TABLE_PERSIST;
	if (p->settings.owner_flag && probe_table_flags(n, flags))
		p->table_flags = flags;
}

/* -EINTR without words: the ruleset changed meanwhile. */
static int look(struct gateway_plan *p, struct error *error)
{
	struct nft n = {0};
	int r = nft_open(&n, error);
	if (r < 0)
		return r;
	(void)nft_generation(&n, &p->genid);
	r = nft_dump(&n, NFT_MSG_GETCHAIN, read_chain, p);
	if (r == -EPERM) {
		note(p, "not allowed to read the loaded nftables: priorities and conflicts are guesses (run as root)");
		r = 0;
		goto out;
	}
	if (r == 0)
		r = nft_dump(&n, NFT_MSG_GETRULE, read_rule, p);
	if (r == -EINVAL || r == -EOPNOTSUPP) {
		r = error_set(error, -r, "this kernel has no nftables (CONFIG_NF_TABLES); try: modprobe nf_tables");
		goto out;
	} else if (r < 0) {
		r = error_set(error, -r, "cannot read the loaded nftables: %s", strerror(-r));
		goto out;
	}
	p->looked = true;
	probe(p, &n);
	r = judge_table(p, &n, error);
out:
	nft_close(&n);
	return r;
}

static int choose_priority(struct gateway_plan *p, enum gateway_hook hook, bool again, struct error *error)
{
	char *reason = p->reason[hook];
	p->priority[hook] = gateway_choose_priority(p->chain, p->n_chains, hook, reason, sizeof p->reason[hook]);
	if (p->settings.priority_auto)
		return 0;
	int wish = p->priority[hook] = p->settings.priority;
	snprintf(reason, sizeof p->reason[hook], "as gateway.priority says");
	for (size_t i = 0; i < p->n_chains; i++) {
		if (p->chain[i].hook != hook || p->chain[i].priority != wish)
			continue;
		if (!again)
			return error_set(error, EINVAL, "gateway.priority %d is taken by %s: of two equal numbers the one loaded last runs first", wish,
					 p->chain[i].name);
		note(p, "gateway.priority %d is taken by %s, too: of two equal numbers the one loaded last runs first", wish, p->chain[i].name);
	}
	return 0;
}

static int choose_priorities(struct gateway_plan *p, bool again, struct error *error)
{
	int r = 0;
	for (int hook = 0; hook < HOOK_N_ && r == 0; hook++) {
		if (!(p->settings.hooks & 1u << hook))
			continue;
		r = choose_priority(p, (enum gateway_hook)hook, again, error);
		p->marks_priority[hook] = gateway_choose_marks_priority(p->chain, p->n_chains, (enum gateway_hook)hook, p->priority[hook]);
	}
	return r;
}

static int make_plan(struct gateway_plan *p, const struct gateway_settings *s, unsigned n_workers, bool again, struct error *error)
{
	enum { TRIES = 5 };
	int r = -EINTR;
	*p = (struct gateway_plan){0};
	/* EINTR: somebody changed the ruleset while it was read */
	for (int i = 0; i < TRIES && r == -EINTR; i++) {
		gateway_plan_free(p);
		*p = (struct gateway_plan){.settings = *s, .n_workers = n_workers, .native_queue = true};
		p->tcp_queue = (uint16_t)s->first_queue;
		p->rest_queue = (uint16_t)(s->first_queue + n_workers);
		r = look(p, error);
	}
	if (r == -EINTR)
		error_set(error, EINTR, "the loaded nftables change faster than they can be read");
	if (r < 0)
		return r;
	if (p->n_chains)
		qsort(p->chain, p->n_chains, sizeof *p->chain, by_place);
	return choose_priorities(p, again, error);
}

int gateway_plan(struct gateway_plan *p, const struct gateway_settings *s, unsigned n_workers, struct error *error)
{
	return make_plan(p, s, n_workers, false, error);
}

int gateway_plan_again(struct gateway_plan *p, const struct gateway_settings *s, unsigned n_workers, struct error *error)
{
	return make_plan(p, s, n_workers, true, error);
}

void gateway_plan_free(struct gateway_plan *p)
{
	free(p->chain);
	buffer_free(&p->text);
	*p = (struct gateway_plan){0};
}
