// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The table itself. Every statement is written twice in one place: as text for people and as an expression for the kernel, so
 * the one cannot drift from the other.
 *
 *   chain forward   base chain: own packets and what is not to be inspected pass; the rest goes to `inspect`
 *   chain inspect   spreads flows over the workers (only with several)
 *   chain worker0…  TCP to one queue, with F_GSO behind it, everything else to another
 */
#include <errno.h>
#include <libnftnl/chain.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/xt_NFQUEUE.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/nft.h"
#include "gateway/owner.h"
#include "packet/packet.h"

enum { ADDRESS_REG = NFT_REG32_00, HASH_REG = NFT_REG32_15, VXLAN_PORT = 4789, GENEVE_PORT = 6081 };

struct writer {
	struct gateway_plan *plan;
	struct buffer *text;
	struct nft_batch *batch; /* NULL: text alone */
	uint32_t set_id;
	struct nftnl_rule *rule; /* the one being written */
	const char *chain;
};

/* ---- statements ---- */

static struct nftnl_expr *add(struct writer *w, const char *name)
{
	struct nftnl_expr *e = nftnl_expr_alloc(name);
	if (!e)
		abort(); /* start-up, out of memory */
	nftnl_rule_add_expr(w->rule, e);
	return e;
}

static void load_meta(struct writer *w, uint32_t key)
{
	struct nftnl_expr *e = add(w, "meta");
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, key);
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_DREG, NFT_REG_1);
}

static void compare(struct writer *w, const void *data, uint32_t len)
{
	struct nftnl_expr *e = add(w, "cmp");
	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_OP, NFT_CMP_EQ);
	nftnl_expr_set(e, NFTNL_EXPR_CMP_DATA, data, len);
}

static void match_own_mark(struct writer *w)
{
	uint32_t mask = w->plan->settings.mark_mask, mark = gateway_own_mark(&w->plan->settings), none = 0;
	load_meta(w, NFT_META_MARK);
	struct nftnl_expr *e = add(w, "bitwise");
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_SREG, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_DREG, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_LEN, sizeof mask);
	nftnl_expr_set(e, NFTNL_EXPR_BITWISE_MASK, &mask, sizeof mask);
	nftnl_expr_set(e, NFTNL_EXPR_BITWISE_XOR, &none, sizeof none);
	compare(w, &mark, sizeof mark);
	buffer_printf(w->text, "meta mark & 0x%08x == 0x%08x ", mask, mark);
}

static void match_interface(struct writer *w, bool out, const char *name)
{
	char padded[16] = {0};
	memcpy(padded, name, strnlen(name, sizeof padded - 1));
	load_meta(w, out ? NFT_META_OIFNAME : NFT_META_IIFNAME);
	compare(w, padded, sizeof padded);
	buffer_printf(w->text, "%s \"%s\" ", out ? "oifname" : "iifname", name);
}

static void match_protocol(struct writer *w, uint8_t proto, const char *name)
{
	load_meta(w, NFT_META_L4PROTO);
	compare(w, &proto, sizeof proto);
	buffer_printf(w->text, "meta l4proto %s ", name);
}

static void match_family(struct writer *w, uint8_t family)
{
	load_meta(w, NFT_META_NFPROTO);
	compare(w, &family, sizeof family);
	buffer_printf(w->text, "meta nfproto %s ", family == NFPROTO_IPV4 ? "ipv4" : "ipv6");
}

static void match_udp_port(struct writer *w, uint16_t port)
{
	uint8_t wire[2];
	store_be16(wire, port);
	load_meta(w, NFT_META_L4PROTO);
	compare(w, &(uint8_t){PROTO_UDP}, 1);
	struct nftnl_expr *e = add(w, "payload");
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_BASE, NFT_PAYLOAD_TRANSPORT_HEADER);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_OFFSET, 2);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_LEN, sizeof wire);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_DREG, NFT_REG_1);
	compare(w, wire, sizeof wire);
	buffer_printf(w->text, "udp dport %u ", port);
}

static void verdict(struct writer *w, int code, const char *chain)
{
	struct nftnl_expr *e = add(w, "immediate");
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_VERDICT, (uint32_t)code);
	if (chain)
		nftnl_expr_set_str(e, NFTNL_EXPR_IMM_CHAIN, chain);
	buffer_printf(w->text, chain ? "goto %s " : "accept ", chain);
}

static void counter(struct writer *w)
{
	add(w, "counter");
	buffer_add_string(w->text, "counter ");
}

static void queue_native(struct writer *w, uint16_t number)
{
	bool bypass = w->plan->settings.bypass;
	struct nftnl_expr *e = add(w, "queue");
	nftnl_expr_set_u16(e, NFTNL_EXPR_QUEUE_NUM, number);
	nftnl_expr_set_u16(e, NFTNL_EXPR_QUEUE_TOTAL, 1);
	nftnl_expr_set_u16(e, NFTNL_EXPR_QUEUE_FLAGS, bypass ? NFT_QUEUE_FLAG_BYPASS : 0);
}

static void queue_target(struct writer *w, uint16_t number)
{
	enum { ALIGNED = 8 }; /* XT_ALIGN of the info */
	struct xt_NFQ_info_v3 *info = xcalloc(1, ALIGNED);
	*info = (struct xt_NFQ_info_v3){.queuenum = number, .queues_total = 1, .flags = w->plan->settings.bypass ? NFQ_FLAG_BYPASS : 0};
	struct nftnl_expr *e = add(w, "target");
	nftnl_expr_set_str(e, NFTNL_EXPR_TG_NAME, "NFQUEUE");
	nftnl_expr_set_u32(e, NFTNL_EXPR_TG_REV, 3);
	nftnl_expr_set(e, NFTNL_EXPR_TG_INFO, info, ALIGNED); /* takes it over */
}

static void queue(struct writer *w, uint16_t number)
{
	if (w->plan->native_queue)
		queue_native(w, number);
	else
		queue_target(w, number);
	buffer_printf(w->text, "queue %sto %u ", w->plan->settings.bypass ? "flags bypass " : "", number);
}

/* ---- rules, chains, the table ---- */

static void rule_begin(struct writer *w)
{
	w->rule = nftnl_rule_alloc();
	if (!w->rule)
		abort();
	nftnl_rule_set_str(w->rule, NFTNL_RULE_TABLE, GATEWAY_TABLE);
	nftnl_rule_set_str(w->rule, NFTNL_RULE_CHAIN, w->chain);
	buffer_add_string(w->text, "\t\t");
}

static void rule_comment(struct writer *w, const char *comment)
{
	struct nftnl_udata_buf *u = nftnl_udata_buf_alloc(NFT_USERDATA_MAXLEN);
	nftnl_udata_put_strz(u, NFTNL_UDATA_RULE_COMMENT, comment);
	nftnl_rule_set_data(w->rule, NFTNL_RULE_USERDATA, nftnl_udata_buf_data(u), nftnl_udata_buf_len(u));
	nftnl_udata_buf_free(u);
	buffer_printf(w->text, "comment \"%s\" ", comment);
}

static void rule_end(struct writer *w, const char *comment)
{
	if (comment)
		rule_comment(w, comment);
	w->text->data[w->text->len - 1] = '\n'; /* the blank after the last word */
	if (w->batch) {
		nftnl_rule_nlmsg_build_payload(nft_batch_put(w->batch, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, w->chain), w->rule);
		nft_batch_done(w->batch);
	}
	nftnl_rule_free(w->rule);
	w->rule = NULL;
}

static void declare_chain(struct writer *w, const char *name, int hook)
{
	if (!w->batch)
		return;
	struct nftnl_chain *c = nftnl_chain_alloc();
	nftnl_chain_set_str(c, NFTNL_CHAIN_TABLE, GATEWAY_TABLE);
	nftnl_chain_set_str(c, NFTNL_CHAIN_NAME, name);
	if (hook >= 0) {
		nftnl_chain_set_u32(c, NFTNL_CHAIN_HOOKNUM, (uint32_t)hook + NF_INET_LOCAL_IN);
		nftnl_chain_set_s32(c, NFTNL_CHAIN_PRIO, w->plan->priority[hook]);
		nftnl_chain_set_str(c, NFTNL_CHAIN_TYPE, "filter");
		nftnl_chain_set_u32(c, NFTNL_CHAIN_POLICY, NF_ACCEPT);
	}
	nftnl_chain_nlmsg_build_payload(nft_batch_put(w->batch, NFT_MSG_NEWCHAIN, NLM_F_CREATE, "a base chain"), c);
	nft_batch_done(w->batch);
	nftnl_chain_free(c);
}

static const char *worker_chain(unsigned worker)
{
	static char name[GATEWAY_MAX_WORKERS][16];
	snprintf(name[worker], sizeof name[worker], "worker%u", worker);
	return name[worker];
}

static const char *first_chain(const struct writer *w)
{
	return w->plan->n_workers > 1 ? "inspect" : worker_chain(0);
}

static void chain_begin(struct writer *w, const char *name)
{
	w->chain = name;
	buffer_printf(w->text, "\tchain %s {\n", name);
}

static void chain_end(struct writer *w)
{
	buffer_add_string(w->text, "\t}\n");
}

static void interface_rule(struct writer *w, bool out, const char *name)
{
	rule_begin(w);
	match_interface(w, out, name);
	verdict(w, NFT_GOTO, first_chain(w));
	rule_end(w, NULL);
}

static void write_base_chain(struct writer *w, enum gateway_hook hook)
{
	const struct gateway_settings *s = &w->plan->settings;
	chain_begin(w, gateway_hook_names[hook]);
	buffer_printf(w->text, "\t\ttype filter hook %s priority %d; policy accept;\n", gateway_hook_names[hook], w->plan->priority[hook]);
	rule_begin(w);
	match_own_mark(w);
	verdict(w, NF_ACCEPT, NULL);
	rule_end(w, "answers that sluice itself sends");
	if (hook != HOOK_FORWARD) {
		rule_begin(w);
		match_interface(w, hook == HOOK_OUTPUT, "lo");
		verdict(w, NF_ACCEPT, NULL);
		rule_end(w, NULL);
	}
	for (unsigned i = 0; i < s->n_interfaces; i++) {
		if (hook != HOOK_OUTPUT)
			interface_rule(w, false, s->interface[i]);
		if (hook != HOOK_INPUT)
			interface_rule(w, true, s->interface[i]);
	}
	if (s->n_interfaces == 0) {
		rule_begin(w);
		verdict(w, NFT_GOTO, first_chain(w));
		rule_end(w, NULL);
	}
	chain_end(w);
}

static void write_worker_chain(struct writer *w, unsigned worker)
{
	chain_begin(w, worker_chain(worker));
	rule_begin(w);
	match_protocol(w, PROTO_TCP, "tcp");
	counter(w);
	queue(w, (uint16_t)(w->plan->tcp_queue + worker));
	rule_end(w, NULL);
	rule_begin(w);
	counter(w);
	queue(w, (uint16_t)(w->plan->rest_queue + worker));
	rule_end(w, NULL);
	chain_end(w);
}

/* ---- spreading flows over workers ---- */

/* The map from a hash to a worker's chain; each rule has one of its own, as nft does it for `vmap { … }`. */
static uint32_t write_map(struct writer *w)
{
	uint32_t id = ++w->set_id;
	if (!w->batch)
		return id;
	enum { TYPE_INTEGER = 4 };
	struct nftnl_set *s = nftnl_set_alloc();
	nftnl_set_set_str(s, NFTNL_SET_TABLE, GATEWAY_TABLE);
	nftnl_set_set_str(s, NFTNL_SET_NAME, "__map%d");
	nftnl_set_set_u32(s, NFTNL_SET_ID, id);
	nftnl_set_set_u32(s, NFTNL_SET_FAMILY, NFPROTO_INET);
	nftnl_set_set_u32(s, NFTNL_SET_FLAGS, NFT_SET_ANONYMOUS | NFT_SET_CONSTANT | NFT_SET_MAP);
	nftnl_set_set_u32(s, NFTNL_SET_KEY_TYPE, TYPE_INTEGER);
	nftnl_set_set_u32(s, NFTNL_SET_KEY_LEN, sizeof(uint32_t));
	nftnl_set_set_u32(s, NFTNL_SET_DATA_TYPE, NFT_DATA_VERDICT);
	nftnl_set_set_u32(s, NFTNL_SET_DATA_LEN, 0);
	nftnl_set_set_u32(s, NFTNL_SET_DESC_SIZE, w->plan->n_workers);
	struct nftnl_udata_buf *u = nftnl_udata_buf_alloc(NFT_USERDATA_MAXLEN);
	nftnl_udata_put_u32(u, NFTNL_UDATA_SET_KEYBYTEORDER, 1); /* the host's; nft lists 0, 1, 2 instead of swapped bytes */
	nftnl_set_set_data(s, NFTNL_SET_USERDATA, nftnl_udata_buf_data(u), nftnl_udata_buf_len(u));
	nftnl_udata_buf_free(u);
	for (uint32_t i = 0; i < w->plan->n_workers; i++) {
		struct nftnl_set_elem *e = nftnl_set_elem_alloc();
		nftnl_set_elem_set(e, NFTNL_SET_ELEM_KEY, &i, sizeof i);
		nftnl_set_elem_set_u32(e, NFTNL_SET_ELEM_VERDICT, (uint32_t)NFT_GOTO);
		nftnl_set_elem_set_str(e, NFTNL_SET_ELEM_CHAIN, worker_chain(i));
		nftnl_set_elem_add(s, e);
	}
	nftnl_set_nlmsg_build_payload(nft_batch_put(w->batch, NFT_MSG_NEWSET, NLM_F_CREATE, "a map"), s);
	nft_batch_done(w->batch);
	nftnl_set_elems_nlmsg_build_payload(nft_batch_put(w->batch, NFT_MSG_NEWSETELEM, NLM_F_CREATE, "a map's elements"), s);
	nft_batch_done(w->batch);
	nftnl_set_free(s);
	return id;
}

static void hash_to_chain(struct writer *w, uint32_t type, uint32_t len, uint32_t map)
{
	enum { SEED = 0x736c7563 };
	struct nftnl_expr *e = add(w, "hash");
	nftnl_expr_set_u32(e, NFTNL_EXPR_HASH_TYPE, type);
	nftnl_expr_set_u32(e, NFTNL_EXPR_HASH_DREG, HASH_REG);
	nftnl_expr_set_u32(e, NFTNL_EXPR_HASH_MODULUS, w->plan->n_workers);
	if (type == NFT_HASH_JENKINS) {
		nftnl_expr_set_u32(e, NFTNL_EXPR_HASH_SREG, ADDRESS_REG);
		nftnl_expr_set_u32(e, NFTNL_EXPR_HASH_LEN, len);
		nftnl_expr_set_u32(e, NFTNL_EXPR_HASH_SEED, SEED);
	}
	e = add(w, "lookup");
	nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_SREG, HASH_REG);
	nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_DREG, NFT_REG_VERDICT);
	nftnl_expr_set_str(e, NFTNL_EXPR_LOOKUP_SET, "__map%d");
	nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_SET_ID, map);
	buffer_printf(w->text, "mod %u ", w->plan->n_workers);
	if (type == NFT_HASH_JENKINS)
		buffer_printf(w->text, "seed 0x%08x ", SEED);
	buffer_add_string(w->text, "vmap {");
	for (unsigned i = 0; i < w->plan->n_workers; i++)
		buffer_printf(w->text, "%s %u : goto %s", i ? "," : "", i, worker_chain(i));
	buffer_add_string(w->text, " } ");
}

static void load_conntrack(struct writer *w, uint32_t key, uint32_t reg)
{
	struct nftnl_expr *e = add(w, "ct");
	nftnl_expr_set_u32(e, NFTNL_EXPR_CT_KEY, key);
	nftnl_expr_set_u8(e, NFTNL_EXPR_CT_DIR, 0); /* original */
	nftnl_expr_set_u32(e, NFTNL_EXPR_CT_DREG, reg);
}

/* The connection's original addresses and ports: the same in both directions, through NAT, and for ICMP errors about it. */
static void write_conntrack_rule(struct writer *w, uint8_t family)
{
	bool four = family == NFPROTO_IPV4;
	uint32_t words = four ? 1 : 4, map = write_map(w);
	rule_begin(w);
	match_family(w, family);
	load_conntrack(w, four ? NFT_CT_SRC_IP : NFT_CT_SRC_IP6, ADDRESS_REG);
	load_conntrack(w, four ? NFT_CT_DST_IP : NFT_CT_DST_IP6, ADDRESS_REG + words);
	load_conntrack(w, NFT_CT_PROTO_SRC, ADDRESS_REG + 2 * words);
	load_conntrack(w, NFT_CT_PROTO_DST, ADDRESS_REG + 2 * words + 1);
	buffer_printf(w->text, "jhash ct original %s saddr . ct original %s daddr . ct original proto-src . ct original proto-dst ",
		      four ? "ip" : "ip6", four ? "ip" : "ip6");
	hash_to_chain(w, NFT_HASH_JENKINS, (2 * words + 2) * 4, map);
	rule_end(w, NULL);
}

static void write_inspect_chain(struct writer *w)
{
	static const uint16_t tunnels[] = {VXLAN_PORT, GENEVE_PORT};
	chain_begin(w, "inspect");
	for (size_t i = 0; i < sizeof tunnels / sizeof *tunnels; i++) {
		rule_begin(w);
		match_udp_port(w, tunnels[i]);
		verdict(w, NFT_GOTO, worker_chain(0));
		rule_end(w, "the flows inside stay together");
	}
	write_conntrack_rule(w, NFPROTO_IPV4);
	write_conntrack_rule(w, NFPROTO_IPV6);
	uint32_t map = write_map(w);
	rule_begin(w);
	buffer_add_string(w->text, "symhash ");
	hash_to_chain(w, NFT_HASH_SYM, 0, map);
	rule_end(w, "not tracked");
	chain_end(w);
}

static void write_table(struct writer *w)
{
	struct owner self;
	char comment[OWNER_TEXT];
	owner_self(&self);
	owner_format(&self, comment);
	buffer_printf(w->text, "table inet %s {\n\tcomment \"%s\"\n", GATEWAY_TABLE, comment);
	if (!w->batch)
		return;
	struct nftnl_table *t = nftnl_table_alloc();
	nftnl_table_set_str(t, NFTNL_TABLE_NAME, GATEWAY_TABLE);
	if (w->plan->replaces) {
		nftnl_table_set_u64(t, NFTNL_TABLE_HANDLE, w->plan->replaced_handle);
		nftnl_table_nlmsg_build_payload(nft_batch_put(w->batch, NFT_MSG_DELTABLE, 0, "to delete the old table"), t);
		nft_batch_done(w->batch);
		nftnl_table_unset(t, NFTNL_TABLE_HANDLE);
	}
	struct nftnl_udata_buf *u = nftnl_udata_buf_alloc(NFT_USERDATA_MAXLEN);
	nftnl_udata_put_strz(u, NFTNL_UDATA_TABLE_COMMENT, comment);
	nftnl_table_set_data(t, NFTNL_TABLE_USERDATA, nftnl_udata_buf_data(u), nftnl_udata_buf_len(u));
	nftnl_udata_buf_free(u);
	nftnl_table_nlmsg_build_payload(nft_batch_put(w->batch, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL, "the table"), t);
	nft_batch_done(w->batch);
	nftnl_table_free(t);
}

static void write_all(struct writer *w)
{
	struct gateway_plan *p = w->plan;
	write_table(w);
	for (unsigned i = 0; i < p->n_workers; i++)
		declare_chain(w, worker_chain(i), -1);
	if (p->n_workers > 1)
		declare_chain(w, "inspect", -1);
	for (int hook = 0; hook < HOOK_N_; hook++)
		if (p->settings.hooks & 1u << hook)
			declare_chain(w, gateway_hook_names[hook], hook);
	for (int hook = 0; hook < HOOK_N_; hook++)
		if (p->settings.hooks & 1u << hook)
			write_base_chain(w, (enum gateway_hook)hook);
	if (p->n_workers > 1)
		write_inspect_chain(w);
	for (unsigned i = 0; i < p->n_workers; i++)
		write_worker_chain(w, i);
	buffer_add_string(w->text, "}\n");
}

int gateway_load(struct gateway_plan *p, enum gateway_load_mode mode, struct error *error)
{
	struct nft n = {0};
	struct nft_batch batch = {0};
	struct writer w = {.plan = p, .text = &p->text, .batch = mode == GATEWAY_TEXT ? NULL : &batch};
	buffer_clear(&p->text);
	if (mode == GATEWAY_TEXT) {
		write_all(&w);
		return 0;
	}
	int r = nft_open(&n, error);
	if (r < 0)
		return r;
	nft_batch_begin(&batch, &n, mode == GATEWAY_LOAD ? p->genid : 0);
	write_all(&w);
	r = nft_batch_send(&batch, &n, mode == GATEWAY_LOAD, error);
	nft_close(&n);
	return r;
}

int gateway_remove(struct error *error)
{
	struct nft n = {0};
	int r = nft_open(&n, error);
	if (r < 0)
		return r;
	uint64_t handle = 0;
	struct owner owner = {0}, self;
	owner_self(&self);
	r = gateway_find_table(&n, &handle, &owner);
	if (r > 0 && owner.pid == self.pid && owner.started == self.started) {
		struct nft_batch batch;
		nft_batch_begin(&batch, &n, 0);
		struct nftnl_table *t = nftnl_table_alloc();
		nftnl_table_set_str(t, NFTNL_TABLE_NAME, GATEWAY_TABLE);
		nftnl_table_set_u64(t, NFTNL_TABLE_HANDLE, handle);
		nftnl_table_nlmsg_build_payload(nft_batch_put(&batch, NFT_MSG_DELTABLE, 0, "to delete the table"), t);
		nft_batch_done(&batch);
		nftnl_table_free(t);
		r = nft_batch_send(&batch, &n, true, error);
	} else if (r < 0) {
		error_set(error, -r, "cannot read the loaded nftables: %s", strerror(-r));
	} else {
		r = 0;
	}
	nft_close(&n);
	return r;
}

/* ---- counters ---- */

static int add_counter(struct nftnl_expr *e, void *context)
{
	struct gateway_counts *c = context;
	if (strcmp(nftnl_expr_get_str(e, NFTNL_EXPR_NAME), "counter") == 0) {
		c->queued_packets += nftnl_expr_get_u64(e, NFTNL_EXPR_CTR_PACKETS);
		c->queued_bytes += nftnl_expr_get_u64(e, NFTNL_EXPR_CTR_BYTES);
	}
	return 0;
}

static int count_rule(const struct nlmsghdr *m, void *context)
{
	struct nftnl_rule *r = nftnl_rule_alloc();
	if (r && nftnl_rule_nlmsg_parse(m, r) == 0 && strcmp(nftnl_rule_get_str(r, NFTNL_RULE_TABLE), GATEWAY_TABLE) == 0 &&
	    nftnl_rule_get_u32(r, NFTNL_RULE_FAMILY) == NFPROTO_INET) {
		((struct gateway_counts *)context)->rules++;
		nftnl_expr_foreach(r, add_counter, context);
	}
	if (r)
		nftnl_rule_free(r);
	return MNL_CB_OK;
}

int gateway_counts(struct gateway_counts *out, struct error *error)
{
	struct nft n = {0};
	*out = (struct gateway_counts){0};
	int r = nft_open(&n, error);
	if (r < 0)
		return r;
	r = nft_dump(&n, NFT_MSG_GETRULE, count_rule, out);
	nft_close(&n);
	return r < 0 ? error_set(error, -r, "cannot read the loaded nftables: %s", strerror(-r)) : 0;
}
