// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The table itself.
 *
 *   chain early          base chain before conntrack: drops what comes from or goes to a blocked address; early_output: what the gateway sends to one
 *   chain forward        base chain: own packets, released flows and what is not to be inspected pass; the rest goes to `inspect`
 *                        (map called4, called6: whom clients called before DNAT, see gateway/called.h)
 *   chain clean          mark bits within the mask that came from elsewhere are taken off: only a verdict sets them
 *   chain inspect        spreads flows over the workers (only with several)
 *   chain worker0…       TCP to one queue, with F_GSO behind it, everything else to another
 *   chain marks_forward  base chain after that: what the verdict marked goes to `marks`, which saves it to conntrack
 *
 * A guard has no workers: what would be inspected is dropped.
 */
#include <errno.h>
#include <libnftnl/chain.h>
#include <libnftnl/expr.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/called.h"
#include "gateway/internal.h"
#include "gateway/nft.h"
#include "gateway/owner.h"
#include "gateway/sets.h"
#include "gateway/statement.h"
#include "packet/packet.h"

enum { VXLAN_PORT = 4789, GENEVE_PORT = 6081, EARLY_PRIORITY = -310, SHAPE_PRIORITY = -149, TYPE_INTEGER = 4, TYPE_IPV4 = 7, TYPE_IPV6 = 8, BYTEORDER_HOST = 1 };
static const char *const marks_chains[HOOK_N_] = {"marks_input", "marks_forward", "marks_output"};

static bool is_chosen(const struct writer *w, int hook)
{
	return w->plan->settings.hooks & 1u << hook;
}

static const char *worker_chain(unsigned worker)
{
	static const char *const names[GATEWAY_MAX_WORKERS] = {"worker0",  "worker1",  "worker2",  "worker3", "worker4",  "worker5",
							       "worker6",  "worker7",  "worker8",  "worker9", "worker10", "worker11",
							       "worker12", "worker13", "worker14", "worker15"};
	return names[worker];
}

static const char *first_chain(const struct writer *w)
{
	if (w->plan->guard)
		return GATEWAY_GUARD_CHAIN;
	return w->plan->n_workers > 1 ? "inspect" : worker_chain(0);
}

/* ---- declarations: the kernel wants a chain before the rule that jumps to it ---- */

static void declare_chain(struct writer *w, const char *name, int kernel_hook, int priority)
{
	struct nftnl_chain *c = nftnl_chain_alloc();
	nftnl_chain_set_str(c, NFTNL_CHAIN_TABLE, GATEWAY_TABLE);
	nftnl_chain_set_str(c, NFTNL_CHAIN_NAME, name);
	if (kernel_hook >= 0) {
		nftnl_chain_set_u32(c, NFTNL_CHAIN_HOOKNUM, (uint32_t)kernel_hook);
		nftnl_chain_set_s32(c, NFTNL_CHAIN_PRIO, priority);
		nftnl_chain_set_str(c, NFTNL_CHAIN_TYPE, "filter");
		nftnl_chain_set_u32(c, NFTNL_CHAIN_POLICY, NF_ACCEPT);
	}
	nftnl_chain_nlmsg_build_payload(nft_batch_put(w->batch, NFT_MSG_NEWCHAIN, NLM_F_CREATE, name), c);
	nft_batch_done(w->batch);
	nftnl_chain_free(c);
}

static void declare_chains(struct writer *w)
{
	const struct gateway_plan *p = w->plan;
	if (p->guard)
		declare_chain(w, GATEWAY_GUARD_CHAIN, -1, 0);
	for (unsigned i = 0; i < p->n_workers; i++)
		declare_chain(w, worker_chain(i), -1, 0);
	if (p->n_workers > 1)
		declare_chain(w, "inspect", -1, 0);
	declare_chain(w, "clean", -1, 0);
	declare_chain(w, "marks", -1, 0);
	declare_chain(w, "early", NF_INET_PRE_ROUTING, EARLY_PRIORITY);
	declare_chain(w, "early_output", NF_INET_LOCAL_OUT, EARLY_PRIORITY);
	if (p->settings.n_slow)
		declare_chain(w, "shape", NF_INET_POST_ROUTING, SHAPE_PRIORITY);
	for (int hook = 0; hook < HOOK_N_; hook++) {
		if (!is_chosen(w, hook))
			continue;
		declare_chain(w, gateway_hook_names[hook], hook + NF_INET_LOCAL_IN, p->priority[hook]);
		declare_chain(w, marks_chains[hook], hook + NF_INET_LOCAL_IN, p->marks_priority[hook]);
	}
}

static void chain_begin(struct writer *w, const char *name)
{
	w->chain = name;
	buffer_printf(w->text, "\tchain %s {\n", name);
}

static void base_chain_begin(struct writer *w, const char *name, const char *hook, int priority)
{
	chain_begin(w, name);
	buffer_printf(w->text, "\t\ttype filter hook %s priority %d; policy accept;\n", hook, priority);
}

static void chain_end(struct writer *w)
{
	buffer_add_string(w->text, "\t}\n");
}

/* ---- blocked addresses ---- */

struct nftnl_set *gateway_block_set(uint8_t family, bool counters)
{
	bool four = family == NFPROTO_IPV4;
	struct nftnl_set *s = nftnl_set_alloc();
	nftnl_set_set_str(s, NFTNL_SET_NAME, four ? "blocked4" : "blocked6");
	nftnl_set_set_u32(s, NFTNL_SET_ID, four ? 1 : 2);
	nftnl_set_set_u32(s, NFTNL_SET_FAMILY, NFPROTO_INET);
	nftnl_set_set_u32(s, NFTNL_SET_FLAGS, NFT_SET_INTERVAL | NFT_SET_TIMEOUT);
	nftnl_set_set_u32(s, NFTNL_SET_KEY_TYPE, four ? TYPE_IPV4 : TYPE_IPV6);
	nftnl_set_set_u32(s, NFTNL_SET_KEY_LEN, four ? 4 : 16);
	if (counters)
		nftnl_set_add_expr(s, nftnl_expr_alloc("counter"));
	return s;
}

static void write_block_set(struct writer *w, uint8_t family)
{
	struct nftnl_set *s = gateway_block_set(family, w->plan->element_counters);
	buffer_printf(w->text, "\tset %s {\n\t\ttype %s\n\t\tflags interval,timeout\n%s\t}\n", nftnl_set_get_str(s, NFTNL_SET_NAME),
		      family == NFPROTO_IPV4 ? "ipv4_addr" : "ipv6_addr", w->plan->element_counters ? "\t\tcounter\n" : "");
	if (w->batch) {
		nftnl_set_set_str(s, NFTNL_SET_TABLE, GATEWAY_TABLE);
		nftnl_set_nlmsg_build_payload(nft_batch_put(w->batch, NFT_MSG_NEWSET, NLM_F_CREATE, "a block set"), s);
		nft_batch_done(w->batch);
	}
	nftnl_set_free(s);
}

static void blocked_rule(struct writer *w, uint8_t family, bool destination)
{
	rule_begin(w);
	rule_address_in(w, family, destination, family == NFPROTO_IPV4 ? "blocked4" : "blocked6");
	rule_counter(w);
	rule_drop(w);
	rule_end(w, NULL);
}

static void own_mark_rule(struct writer *w)
{
	const struct gateway_settings *s = &w->plan->settings;
	rule_begin(w);
	rule_mark_is(w, false, s->mark_mask, gateway_own_mark(s));
	rule_accept(w);
	rule_end(w, "answers that sluice itself sends");
}

static void write_early_chains(struct writer *w)
{
	static const uint8_t families[] = {NFPROTO_IPV4, NFPROTO_IPV6};
	base_chain_begin(w, "early", "prerouting", EARLY_PRIORITY);
	for (size_t i = 0; i < sizeof families; i++) {
		blocked_rule(w, families[i], false);
		blocked_rule(w, families[i], true);
	}
	chain_end(w);
	base_chain_begin(w, "early_output", "output", EARLY_PRIORITY);
	own_mark_rule(w);
	for (size_t i = 0; i < sizeof families; i++)
		blocked_rule(w, families[i], true);
	chain_end(w);
}

/* ---- the way to the queue ---- */

static void interface_rule(struct writer *w, bool out, const char *name)
{
	rule_begin(w);
	rule_interface(w, out, name);
	rule_goto(w, first_chain(w));
	rule_end(w, NULL);
}

static void released_rule(struct writer *w)
{
	uint32_t mask = w->plan->settings.mark_mask;
	rule_begin(w);
	rule_mark_is(w, true, mask, mark_bits(mask, MARK_RELEASED));
	rule_counter(w);
	rule_accept(w);
	rule_end(w, "released");
}

static void write_base_chain(struct writer *w, enum gateway_hook hook)
{
	const struct gateway_settings *s = &w->plan->settings;
	base_chain_begin(w, gateway_hook_names[hook], gateway_hook_names[hook], w->plan->priority[hook]);
	rule_begin(w);
	rule_mark_has_any(w, s->mark_mask);
	rule_jump(w, "clean");
	rule_end(w, NULL);
	if (hook != HOOK_FORWARD) {
		rule_begin(w);
		rule_interface(w, hook == HOOK_OUTPUT, "lo");
		rule_accept(w);
		rule_end(w, NULL);
	}
	released_rule(w);
	if (hook == HOOK_FORWARD && !w->plan->guard) {
		called_rule(w, NFPROTO_IPV4);
		called_rule(w, NFPROTO_IPV6);
	}
	for (unsigned i = 0; i < s->n_interfaces; i++) {
		if (hook != HOOK_OUTPUT)
			interface_rule(w, false, s->interface[i]);
		if (hook != HOOK_INPUT)
			interface_rule(w, true, s->interface[i]);
	}
	if (s->n_interfaces == 0) {
		rule_begin(w);
		rule_goto(w, first_chain(w));
		rule_end(w, NULL);
	}
	chain_end(w);
}

static void write_clean_chain(struct writer *w)
{
	chain_begin(w, "clean");
	own_mark_rule(w);
	rule_begin(w);
	rule_mark_set(w, false, ~w->plan->settings.mark_mask, 0);
	rule_end(w, "only a verdict sets these bits");
	chain_end(w);
}

static void write_guard_chain(struct writer *w)
{
	chain_begin(w, GATEWAY_GUARD_CHAIN);
	rule_begin(w);
	rule_counter(w);
	rule_drop(w);
	rule_end(w, "nothing passes until sluice inspects");
	chain_end(w);
}

static void write_worker_chain(struct writer *w, unsigned worker)
{
	chain_begin(w, worker_chain(worker));
	rule_begin(w);
	rule_protocol(w, PROTO_TCP, "tcp");
	rule_counter(w);
	rule_queue(w, (uint16_t)(w->plan->tcp_queue + worker));
	rule_end(w, NULL);
	rule_begin(w);
	rule_counter(w);
	rule_queue(w, (uint16_t)(w->plan->rest_queue + worker));
	rule_end(w, NULL);
	chain_end(w);
}

/* The map from a hash to a worker's chain; each rule has one of its own, as nft does it for `vmap { … }`. */
static uint32_t write_map(struct writer *w)
{
	uint32_t id = ++w->set_id;
	if (!w->batch)
		return id;
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
	nftnl_udata_put_u32(u, NFTNL_UDATA_SET_KEYBYTEORDER, BYTEORDER_HOST); /* nft lists 0, 1, 2 instead of swapped bytes */
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

/* By the connection's original addresses and ports: the same in both directions, through NAT, and for ICMP errors about it. */
static void spread_rule(struct writer *w, uint8_t family, const char *comment)
{
	uint32_t map = write_map(w);
	rule_begin(w);
	rule_spread(w, family, map, worker_chain);
	rule_end(w, comment);
}

static void write_inspect_chain(struct writer *w)
{
	static const uint16_t tunnels[] = {VXLAN_PORT, GENEVE_PORT};
	chain_begin(w, "inspect");
	for (size_t i = 0; i < sizeof tunnels / sizeof *tunnels; i++) {
		rule_begin(w);
		rule_udp_port(w, tunnels[i]);
		rule_goto(w, worker_chain(0));
		rule_end(w, "the flows inside stay together");
	}
	spread_rule(w, NFPROTO_IPV4, NULL);
	spread_rule(w, NFPROTO_IPV6, NULL);
	spread_rule(w, 0, "not tracked");
	chain_end(w);
}

/* ---- what the verdict said of the flow ---- */

static void save_rule(struct writer *w, uint32_t value, const char *comment)
{
	uint32_t mask = w->plan->settings.mark_mask, bits = mark_bits(mask, value);
	rule_begin(w);
	rule_mark_is(w, false, mask, bits);
	rule_mark_set(w, true, ~mask, bits);
	rule_end(w, comment);
}

/* One rule a value: nft 1.0.6 takes nothing but constants on the right of `ct mark set`, and its users shall be able to read this. */
static void write_marks_chains(struct writer *w)
{
	const struct gateway_settings *s = &w->plan->settings;
	for (int hook = 0; hook < HOOK_N_; hook++) {
		if (!is_chosen(w, hook))
			continue;
		base_chain_begin(w, marks_chains[hook], gateway_hook_names[hook], w->plan->marks_priority[hook]);
		rule_begin(w);
		rule_mark_has_any(w, s->mark_mask);
		rule_goto(w, "marks");
		rule_end(w, NULL);
		chain_end(w);
	}
	chain_begin(w, "marks");
	save_rule(w, MARK_RELEASED, "released");
	for (unsigned i = 0; i < s->n_slow; i++) {
		char comment[64];
		snprintf(comment, sizeof comment, "slow %s", s->slow[i]);
		save_rule(w, MARK_SLOW + i, comment);
	}
	if (s->slow_ends) {
		rule_begin(w);
		rule_mark_is(w, false, s->mark_mask, mark_bits(s->mark_mask, gateway_clear_mark(s)));
		rule_mark_set(w, true, ~s->mark_mask, 0);
		rule_end(w, "slow no more");
	}
	rule_begin(w);
	rule_mark_set(w, false, ~s->mark_mask, 0);
	rule_end(w, NULL);
	chain_end(w);
}

/* Slow flows into their classes of traffic control, in both directions and both families. */
static void write_shape_chain(struct writer *w)
{
	const struct gateway_settings *s = &w->plan->settings;
	base_chain_begin(w, "shape", "postrouting", SHAPE_PRIORITY);
	for (unsigned i = 0; i < s->n_slow; i++) {
		rule_begin(w);
		rule_mark_is(w, true, s->mark_mask, mark_bits(s->mark_mask, MARK_SLOW + i));
		rule_class_set(w, (uint32_t)SLOW_MAJOR << 16 | (SLOW_MINOR + i));
		rule_end(w, s->slow[i]);
	}
	chain_end(w);
}

/* ---- the whole ---- */

static void delete_table(struct nft_batch *b, uint64_t handle)
{
	struct nftnl_table *t = nftnl_table_alloc();
	nftnl_table_set_str(t, NFTNL_TABLE_NAME, GATEWAY_TABLE);
	nftnl_table_set_u64(t, NFTNL_TABLE_HANDLE, handle);
	nftnl_table_nlmsg_build_payload(nft_batch_put(b, NFT_MSG_DELTABLE, 0, "to delete the old table"), t);
	nft_batch_done(b);
	nftnl_table_free(t);
}

static void declare_table(struct writer *w, const char *comment)
{
	if (w->plan->replaces)
		delete_table(w->batch, w->plan->replaced_handle);
	struct nftnl_table *t = nftnl_table_alloc();
	nftnl_table_set_str(t, NFTNL_TABLE_NAME, GATEWAY_TABLE);
	if (w->plan->table_flags)
		nftnl_table_set_u32(t, NFTNL_TABLE_FLAGS, w->plan->table_flags);
	struct nftnl_udata_buf *u = nftnl_udata_buf_alloc(NFT_USERDATA_MAXLEN);
	nftnl_udata_put_strz(u, NFTNL_UDATA_TABLE_COMMENT, comment);
	nftnl_table_set_data(t, NFTNL_TABLE_USERDATA, nftnl_udata_buf_data(u), nftnl_udata_buf_len(u));
	nftnl_udata_buf_free(u);
	nftnl_table_nlmsg_build_payload(nft_batch_put(w->batch, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL, "the table"), t);
	nft_batch_done(w->batch);
	nftnl_table_free(t);
}

static void write_head(struct writer *w)
{
	struct owner self;
	char comment[OWNER_TEXT];
	owner_self(&self);
	owner_format(&self, comment);
	buffer_printf(w->text, "table inet %s {\n\tcomment \"%s\"\n", GATEWAY_TABLE, comment);
	if (w->plan->table_flags)
		buffer_printf(w->text, "\tflags owner%s\n", w->plan->table_flags & GATEWAY_TABLE_PERSIST ? ",persist" : "");
	if (w->batch)
		declare_table(w, comment);
}

static void write_all(struct writer *w)
{
	struct gateway_plan *p = w->plan;
	write_head(w);
	write_block_set(w, NFPROTO_IPV4);
	write_block_set(w, NFPROTO_IPV6);
	if (is_chosen(w, HOOK_FORWARD) && !p->guard) {
		called_map(w, NFPROTO_IPV4);
		called_map(w, NFPROTO_IPV6);
	}
	w->set_id = 4; /* of the four above */
	if (w->batch)
		declare_chains(w);
	write_early_chains(w);
	for (int hook = 0; hook < HOOK_N_; hook++)
		if (is_chosen(w, hook))
			write_base_chain(w, (enum gateway_hook)hook);
	write_clean_chain(w);
	if (p->guard)
		write_guard_chain(w);
	if (p->n_workers > 1)
		write_inspect_chain(w);
	for (unsigned i = 0; i < p->n_workers; i++)
		write_worker_chain(w, i);
	write_marks_chains(w);
	if (w->plan->settings.n_slow)
		write_shape_chain(w);
	buffer_add_string(w->text, "}\n");
}

int gateway_load(struct gateway_plan *p, enum gateway_load_mode mode, struct error *error)
{
	struct nft_batch batch = {0};
	struct writer w = {.plan = p, .text = &p->text, .batch = mode == GATEWAY_TEXT ? NULL : &batch};
	buffer_clear(&p->text);
	if (mode == GATEWAY_TEXT) {
		write_all(&w);
		return 0;
	}
	struct nft *n = link_take(error);
	if (!n)
		return -EIO;
	nft_batch_begin(&batch, n, mode == GATEWAY_LOAD ? p->genid : 0);
	write_all(&w);
	int r = nft_batch_send(&batch, n, mode == GATEWAY_LOAD, error);
	if (r == 0 && mode == GATEWAY_LOAD)
		r = gateway_fingerprint(n, &p->fingerprint, error);
	link_give();
	return r;
}

/* Whose table may go: positive: yes; 0: it is left; -errno with words. */
typedef int (*may_remove)(bool there, const struct owner *owner, struct error *error);

static int remove_if(may_remove may, struct error *error)
{
	uint64_t handle = 0;
	struct owner owner = {0};
	struct nft_batch batch;
	struct nft *n = link_take(error);
	if (!n)
		return -EIO;
	int r = gateway_find_table(n, &handle, &owner);
	if (r < 0)
		error_set(error, -r, "cannot read the loaded nftables: %s", strerror(-r));
	else
		r = may(r > 0, &owner, error);
	if (r > 0) {
		nft_batch_begin(&batch, n, 0);
		delete_table(&batch, handle);
		r = nft_batch_send(&batch, n, true, error);
	}
	link_give();
	return r;
}

static int is_own(bool there, const struct owner *owner, struct error *error)
{
	(void)error;
	return there && owner_is_self(owner);
}

static int is_stale(bool there, const struct owner *owner, struct error *error)
{
	if (!there)
		return error_set(error, ENOENT, "no table inet " GATEWAY_TABLE " is loaded");
	if (!owner->known)
		return error_set(error, EEXIST, "table inet " GATEWAY_TABLE " was not made by sluice");
	if (owner_lives(owner) && !owner_is_self(owner))
		return error_set(error, EEXIST, "table inet " GATEWAY_TABLE " belongs to the running sluice, process %d", owner->pid);
	return 1;
}

int gateway_remove(struct error *error)
{
	return remove_if(is_own, error);
}

int gateway_remove_stale(struct error *error)
{
	return remove_if(is_stale, error);
}

int gateway_guard_load(const struct gateway_settings *s, struct error *error)
{
	enum { TRIES = 5 };
	struct gateway_settings closed = *s;
	closed.bypass = false;
	int r = -ERESTART;
	for (int i = 0; i < TRIES && r == -ERESTART; i++) {
		struct gateway_plan p;
		r = gateway_plan(&p, &closed, 0, error);
		p.guard = true;
		if (r == 0)
			r = gateway_load(&p, GATEWAY_LOAD, error);
		gateway_plan_free(&p);
	}
	return r;
}
