// SPDX-License-Identifier: GPL-2.0-or-later
#include "gateway/statement.h"

#include <stdio.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/xt_NFQUEUE.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/nft.h"
#include "gateway/owner.h"
#include "packet/packet.h"

enum { ADDRESS_REG = NFT_REG32_00, HASH_REG = NFT_REG32_15 };

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

static void load_mark(struct writer *w, bool conntrack)
{
	if (!conntrack) {
		load_meta(w, NFT_META_MARK);
		return;
	}
	struct nftnl_expr *e = add(w, "ct");
	nftnl_expr_set_u32(e, NFTNL_EXPR_CT_KEY, NFT_CT_MARK);
	nftnl_expr_set_u32(e, NFTNL_EXPR_CT_DREG, NFT_REG_1);
}

static void load_payload_to(struct writer *w, uint32_t base, uint32_t offset, uint32_t len, uint32_t reg)
{
	struct nftnl_expr *e = add(w, "payload");
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_BASE, base);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_LEN, len);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_DREG, reg);
}

static void load_payload(struct writer *w, uint32_t base, uint32_t offset, uint32_t len)
{
	load_payload_to(w, base, offset, len, NFT_REG_1);
}

static void mask(struct writer *w, uint32_t keep, uint32_t bits)
{
	struct nftnl_expr *e = add(w, "bitwise");
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_SREG, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_DREG, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_LEN, sizeof keep);
	nftnl_expr_set(e, NFTNL_EXPR_BITWISE_MASK, &keep, sizeof keep);
	nftnl_expr_set(e, NFTNL_EXPR_BITWISE_XOR, &bits, sizeof bits);
}

static void compare(struct writer *w, uint32_t how, const void *data, uint32_t len)
{
	struct nftnl_expr *e = add(w, "cmp");
	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_OP, how);
	nftnl_expr_set(e, NFTNL_EXPR_CMP_DATA, data, len);
}

/* ---- marks ---- */

void rule_mark_is(struct writer *w, bool conntrack, uint32_t of, uint32_t bits)
{
	load_mark(w, conntrack);
	mask(w, of, 0);
	compare(w, NFT_CMP_EQ, &bits, sizeof bits);
	buffer_printf(w->text, "%s mark & 0x%08x == 0x%08x ", conntrack ? "ct" : "meta", of, bits);
}

void rule_mark_has_any(struct writer *w, uint32_t of)
{
	uint32_t none = 0;
	load_mark(w, false);
	mask(w, of, 0);
	compare(w, NFT_CMP_NEQ, &none, sizeof none);
	buffer_printf(w->text, "meta mark & 0x%08x != 0x00000000 ", of);
}

void rule_mark_set(struct writer *w, bool conntrack, uint32_t keep, uint32_t bits)
{
	const char *what = conntrack ? "ct" : "meta";
	load_mark(w, conntrack);
	mask(w, keep, bits);
	struct nftnl_expr *e = add(w, what);
	nftnl_expr_set_u32(e, conntrack ? NFTNL_EXPR_CT_KEY : NFTNL_EXPR_META_KEY, conntrack ? (uint32_t)NFT_CT_MARK : (uint32_t)NFT_META_MARK);
	nftnl_expr_set_u32(e, conntrack ? NFTNL_EXPR_CT_SREG : NFTNL_EXPR_META_SREG, NFT_REG_1);
	buffer_printf(w->text, "%s mark set %s mark & 0x%08x ", what, what, keep);
	if (bits)
		buffer_printf(w->text, "| 0x%08x ", bits);
}

void rule_class_set(struct writer *w, uint32_t class_id)
{
	struct nftnl_expr *e = add(w, "immediate");
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, NFT_REG_1);
	nftnl_expr_set(e, NFTNL_EXPR_IMM_DATA, &class_id, sizeof class_id);
	e = add(w, "meta");
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, NFT_META_PRIORITY);
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_SREG, NFT_REG_1);
	buffer_printf(w->text, "meta priority set %x:%x ", class_id >> 16, class_id & 0xffff);
}

/* ---- what a packet is ---- */

void rule_interface(struct writer *w, bool out, const char *name)
{
	char padded[16] = {0};
	memcpy(padded, name, strnlen(name, sizeof padded - 1));
	load_meta(w, out ? NFT_META_OIFNAME : NFT_META_IIFNAME);
	compare(w, NFT_CMP_EQ, padded, sizeof padded);
	buffer_printf(w->text, "%s \"%s\" ", out ? "oifname" : "iifname", name);
}

void rule_protocol(struct writer *w, uint8_t proto, const char *name)
{
	load_meta(w, NFT_META_L4PROTO);
	compare(w, NFT_CMP_EQ, &proto, sizeof proto);
	buffer_printf(w->text, "meta l4proto %s ", name);
}

static void match_family(struct writer *w, uint8_t family)
{
	load_meta(w, NFT_META_NFPROTO);
	compare(w, NFT_CMP_EQ, &family, sizeof family);
}

void rule_udp_port(struct writer *w, uint16_t port)
{
	uint8_t wire[2];
	store_be16(wire, port);
	load_meta(w, NFT_META_L4PROTO);
	compare(w, NFT_CMP_EQ, &(uint8_t){PROTO_UDP}, 1);
	load_payload(w, NFT_PAYLOAD_TRANSPORT_HEADER, 2, sizeof wire);
	compare(w, NFT_CMP_EQ, wire, sizeof wire);
	buffer_printf(w->text, "udp dport %u ", port);
}

void rule_address_in(struct writer *w, uint8_t family, bool destination, const char *set)
{
	bool four = family == NFPROTO_IPV4;
	uint32_t len = four ? 4 : 16, source_at = four ? 12 : 8;
	match_family(w, family);
	load_payload(w, NFT_PAYLOAD_NETWORK_HEADER, destination ? source_at + len : source_at, len);
	struct nftnl_expr *e = add(w, "lookup");
	nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_SREG, NFT_REG_1);
	nftnl_expr_set_str(e, NFTNL_EXPR_LOOKUP_SET, set);
	buffer_printf(w->text, "%s %s @%s ", four ? "ip" : "ip6", destination ? "daddr" : "saddr", set);
}

/* ---- what becomes of it ---- */

static void verdict(struct writer *w, int code, const char *chain)
{
	struct nftnl_expr *e = add(w, "immediate");
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_VERDICT, (uint32_t)code);
	if (chain)
		nftnl_expr_set_str(e, NFTNL_EXPR_IMM_CHAIN, chain);
}

void rule_accept(struct writer *w)
{
	verdict(w, NF_ACCEPT, NULL);
	buffer_add_string(w->text, "accept ");
}

void rule_drop(struct writer *w)
{
	verdict(w, NF_DROP, NULL);
	buffer_add_string(w->text, "drop ");
}

void rule_goto(struct writer *w, const char *chain)
{
	verdict(w, NFT_GOTO, chain);
	buffer_printf(w->text, "goto %s ", chain);
}

void rule_jump(struct writer *w, const char *chain)
{
	verdict(w, NFT_JUMP, chain);
	buffer_printf(w->text, "jump %s ", chain);
}

void rule_counter(struct writer *w)
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

void rule_queue(struct writer *w, uint16_t number)
{
	if (w->plan->native_queue)
		queue_native(w, number);
	else
		queue_target(w, number);
	buffer_printf(w->text, "queue %sto %u ", w->plan->settings.bypass ? "flags bypass " : "", number);
}

/* ---- spreading flows over workers ---- */

static void load_conntrack(struct writer *w, uint32_t key, uint32_t reg)
{
	struct nftnl_expr *e = add(w, "ct");
	nftnl_expr_set_u32(e, NFTNL_EXPR_CT_KEY, key);
	nftnl_expr_set_u8(e, NFTNL_EXPR_CT_DIR, 0); /* original */
	nftnl_expr_set_u32(e, NFTNL_EXPR_CT_DREG, reg);
}

/* Returns the number of bytes to hash. */
static uint32_t load_original_tuple(struct writer *w, uint8_t family)
{
	bool four = family == NFPROTO_IPV4;
	uint32_t words = four ? 1 : 4;
	match_family(w, family);
	load_conntrack(w, four ? NFT_CT_SRC_IP : NFT_CT_SRC_IP6, ADDRESS_REG);
	load_conntrack(w, four ? NFT_CT_DST_IP : NFT_CT_DST_IP6, ADDRESS_REG + words);
	load_conntrack(w, NFT_CT_PROTO_SRC, ADDRESS_REG + 2 * words);
	load_conntrack(w, NFT_CT_PROTO_DST, ADDRESS_REG + 2 * words + 1);
	buffer_printf(w->text, "meta nfproto %s jhash ct original %s saddr . ct original %s daddr . ct original proto-src . ct original proto-dst ",
		      four ? "ipv4" : "ipv6", four ? "ip" : "ip6", four ? "ip" : "ip6");
	return (2 * words + 2) * 4;
}

void rule_spread(struct writer *w, uint8_t family, uint32_t map, const char *(*worker_chain)(unsigned worker))
{
	enum { SEED = 0x736c7563 };
	uint32_t len = 0;
	if (family)
		len = load_original_tuple(w, family);
	else
		buffer_add_string(w->text, "symhash ");
	struct nftnl_expr *e = add(w, "hash");
	nftnl_expr_set_u32(e, NFTNL_EXPR_HASH_TYPE, family ? NFT_HASH_JENKINS : NFT_HASH_SYM);
	nftnl_expr_set_u32(e, NFTNL_EXPR_HASH_DREG, HASH_REG);
	nftnl_expr_set_u32(e, NFTNL_EXPR_HASH_MODULUS, w->plan->n_workers);
	buffer_printf(w->text, "mod %u ", w->plan->n_workers);
	if (family) {
		nftnl_expr_set_u32(e, NFTNL_EXPR_HASH_SREG, ADDRESS_REG);
		nftnl_expr_set_u32(e, NFTNL_EXPR_HASH_LEN, len);
		nftnl_expr_set_u32(e, NFTNL_EXPR_HASH_SEED, SEED);
		buffer_printf(w->text, "seed 0x%08x ", SEED);
	}
	e = add(w, "lookup");
	nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_SREG, HASH_REG);
	nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_DREG, NFT_REG_VERDICT);
	nftnl_expr_set_str(e, NFTNL_EXPR_LOOKUP_SET, "__map%d");
	nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_SET_ID, map);
	buffer_add_string(w->text, "vmap {");
	for (unsigned i = 0; i < w->plan->n_workers; i++)
		buffer_printf(w->text, "%s %u : goto %s", i ? "," : "", i, worker_chain(i));
	buffer_add_string(w->text, " } ");
}

/* ---- whom clients call ---- */

static void conntrack_has(struct writer *w, uint32_t key, uint32_t bits)
{
	uint32_t none = 0;
	struct nftnl_expr *e = add(w, "ct");
	nftnl_expr_set_u32(e, NFTNL_EXPR_CT_KEY, key);
	nftnl_expr_set_u32(e, NFTNL_EXPR_CT_DREG, NFT_REG_1);
	mask(w, bits, 0);
	compare(w, NFT_CMP_NEQ, &none, sizeof none);
}

void rule_new_translated(struct writer *w, uint8_t family)
{
	conntrack_has(w, NFT_CT_STATE, NF_CT_STATE_BIT(IP_CT_NEW));
	conntrack_has(w, NFT_CT_STATUS, IPS_DST_NAT);
	match_family(w, family);
	buffer_printf(w->text, "ct state new ct status dnat meta nfproto %s ", family == NFPROTO_IPV4 ? "ipv4" : "ipv6");
}

void rule_note_called(struct writer *w, uint8_t family, const char *map)
{
	bool four = family == NFPROTO_IPV4;
	uint32_t len = four ? 4 : 16, words = len / 4, source_at = four ? 12 : 8, ports = ADDRESS_REG + 2 * words, data = ports + 2;
	load_payload_to(w, NFT_PAYLOAD_NETWORK_HEADER, source_at, len, ADDRESS_REG);
	load_payload_to(w, NFT_PAYLOAD_NETWORK_HEADER, source_at + len, len, ADDRESS_REG + words);
	load_payload_to(w, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 2, ports);
	load_payload_to(w, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, ports + 1);
	load_conntrack(w, four ? NFT_CT_DST_IP : NFT_CT_DST_IP6, data);
	load_conntrack(w, NFT_CT_PROTO_DST, data + words);
	struct nftnl_expr *e = add(w, "dynset");
	nftnl_expr_set_u32(e, NFTNL_EXPR_DYNSET_SREG_KEY, ADDRESS_REG);
	nftnl_expr_set_u32(e, NFTNL_EXPR_DYNSET_SREG_DATA, data);
	nftnl_expr_set_u32(e, NFTNL_EXPR_DYNSET_OP, NFT_DYNSET_OP_UPDATE);
	nftnl_expr_set_str(e, NFTNL_EXPR_DYNSET_SET_NAME, map);
	const char *ip = four ? "ip" : "ip6";
	buffer_printf(w->text, "update @%s { %s saddr . %s daddr . th sport . th dport : ct original %s daddr . ct original proto-dst } ", map, ip, ip, ip);
}

/* ---- a rule ---- */

void rule_begin(struct writer *w)
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

void rule_end(struct writer *w, const char *comment)
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
