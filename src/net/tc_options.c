// SPDX-License-Identifier: GPL-2.0-or-later
#include "net/tc_options.h"

#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_connmark.h>
#include <linux/tc_act/tc_mirred.h>
#include <string.h>

/* not in the headers of Linux 6.1 */
enum { NETEM_PRNG_SEED = TCA_NETEM_SLOT_DIST + 1 };
enum { TICK_NS = 64, LINE_LAYER_ETHERNET = 1 };
static const uint64_t SECOND = 1000000000;

static void put(struct buffer *out, uint16_t type, const void *data, size_t len)
{
	static const uint8_t zero[4];
	struct nlattr a = {.nla_type = type, .nla_len = (uint16_t)(sizeof a + len)};
	buffer_add(out, &a, sizeof a);
	buffer_add(out, data, len);
	buffer_add(out, zero, (4 - len % 4) % 4);
}

static uint32_t ticks_for(uint64_t bytes, uint64_t rate)
{
	return tc_ticks(rate ? (uint64_t)((double)bytes * (double)SECOND / (double)rate) : 0);
}

uint32_t tc_ticks(uint64_t ns)
{
	uint64_t ticks = ns / TICK_NS;
	return ticks > UINT32_MAX ? UINT32_MAX : (uint32_t)ticks;
}

static uint32_t share(double probability)
{
	return probability >= 1 ? UINT32_MAX : probability <= 0 ? 0 : (uint32_t)(probability * (double)UINT32_MAX + 0.5);
}

/* ---- netem ---- */

uint32_t netem_limit(const struct netem *n)
{
	enum { LEAST = 1000, FRAME = 1514, MOST = 1000000 };
	static const uint64_t LINE = 1250000000;
	double bytes = (double)(n->rate && n->rate < LINE ? n->rate : LINE) * (double)(n->delay + n->jitter) / (double)SECOND;
	double packets = 2 * bytes / FRAME;
	return packets < LEAST ? LEAST : packets > MOST ? MOST : (uint32_t)packets;
}

static void put_burst_loss(struct buffer *out, const struct netem *n)
{
	/* h: what passes in the bad state, k1: what is lost in the good one (netem: 1 - h and 1 - k of tc-netem(8)) */
	struct tc_netem_gemodel g = {.p = share(n->burst_p), .r = share(n->burst_r), .h = 0, .k1 = 0};
	struct buffer nested = {0};
	put(&nested, NETEM_LOSS_GE, &g, sizeof g);
	put(out, TCA_NETEM_LOSS | NLA_F_NESTED, nested.data, nested.len);
	buffer_free(&nested);
}

static void put_rate(struct buffer *out, uint64_t rate)
{
	struct tc_netem_rate r = {.rate = rate > UINT32_MAX ? UINT32_MAX : (uint32_t)rate};
	if (rate > UINT32_MAX)
		put(out, TCA_NETEM_RATE64, &rate, sizeof rate);
	put(out, TCA_NETEM_RATE, &r, sizeof r);
}

/* Attributes that stand at zero may be left out, as tc does. */
void tc_netem(struct buffer *out, const struct netem *n)
{
	struct tc_netem_qopt q = {.latency = tc_ticks(n->delay),
				  .limit = n->limit ? n->limit : netem_limit(n),
				  .loss = n->burst_p > 0 ? 0 : share(n->loss),
				  .gap = n->reorder > 0,
				  .duplicate = share(n->duplicate),
				  .jitter = tc_ticks(n->jitter)};
	struct tc_netem_corr c = {share(n->delay_correlation), share(n->loss_correlation), share(n->duplicate_correlation)};
	struct tc_netem_reorder reorder = {share(n->reorder), share(n->reorder_correlation)};
	struct tc_netem_corrupt corrupt = {share(n->corrupt), 0};
	int64_t delay = (int64_t)n->delay, jitter = (int64_t)n->jitter;
	buffer_add(out, &q, sizeof q);
	if (c.delay_corr || c.loss_corr || c.dup_corr)
		put(out, TCA_NETEM_CORR, &c, sizeof c);
	if (n->reorder > 0)
		put(out, TCA_NETEM_REORDER, &reorder, sizeof reorder);
	if (n->corrupt > 0)
		put(out, TCA_NETEM_CORRUPT, &corrupt, sizeof corrupt);
	if (n->burst_p > 0)
		put_burst_loss(out, n);
	if (n->rate)
		put_rate(out, n->rate);
	if (n->delay / TICK_NS > UINT32_MAX)
		put(out, TCA_NETEM_LATENCY64, &delay, sizeof delay);
	if (n->jitter / TICK_NS > UINT32_MAX)
		put(out, TCA_NETEM_JITTER64, &jitter, sizeof jitter);
	if (n->has_seed)
		put(out, NETEM_PRNG_SEED, &n->seed, sizeof n->seed);
	if (n->distribution && n->jitter)
		put(out, TCA_NETEM_DELAY_DIST, n->distribution, n->distribution_len * sizeof *n->distribution);
}

bool tc_netem_has_seed(const struct buffer *options)
{
	for (size_t at = sizeof(struct tc_netem_qopt); at + sizeof(struct nlattr) <= options->len;) {
		struct nlattr a;
		memcpy(&a, options->data + at, sizeof a);
		if (a.nla_len < sizeof a || a.nla_len > options->len - at)
			return false;
		if ((a.nla_type & NLA_TYPE_MASK) == NETEM_PRNG_SEED)
			return true;
		at += NLA_ALIGN(a.nla_len);
	}
	return false;
}

/* ---- HTB, prio, fw ---- */

void tc_htb(struct buffer *out, uint32_t default_class)
{
	enum { VERSION = 3, RATE_TO_QUANTUM = 10 };
	struct tc_htb_glob g = {.version = VERSION, .rate2quantum = RATE_TO_QUANTUM, .defcls = default_class};
	put(out, TCA_HTB_INIT, &g, sizeof g);
}

/* Without tables of times for each length, which kernels since 3.8 reckon themselves once the link layer is named. */
static struct tc_ratespec rate_of(uint64_t rate)
{
	return (struct tc_ratespec){.linklayer = LINE_LAYER_ETHERNET, .rate = rate > UINT32_MAX ? UINT32_MAX : (uint32_t)rate};
}

void tc_htb_class(struct buffer *out, const struct htb_class *c)
{
	enum { FRAME = 1600 }; /* timers are fine enough for one packet at a time: as tc reckons on such kernels */
	uint64_t ceil = c->ceil ? c->ceil : c->rate;
	uint64_t burst = c->burst ? c->burst : c->rate / SECOND + FRAME, ceil_burst = c->burst ? c->burst : ceil / SECOND + FRAME;
	struct tc_htb_opt o = {.rate = rate_of(c->rate),
			       .ceil = rate_of(ceil),
			       .buffer = ticks_for(burst, c->rate),
			       .cbuffer = ticks_for(ceil_burst, ceil),
			       .quantum = c->quantum,
			       .prio = c->priority};
	if (c->rate > UINT32_MAX)
		put(out, TCA_HTB_RATE64, &c->rate, sizeof c->rate);
	if (ceil > UINT32_MAX)
		put(out, TCA_HTB_CEIL64, &ceil, sizeof ceil);
	put(out, TCA_HTB_PARMS, &o, sizeof o);
}

void tc_prio(struct buffer *out, unsigned bands)
{
	struct tc_prio_qopt q = {.bands = (int)bands};
	buffer_add(out, &q, sizeof q);
}

void tc_fw(struct buffer *out, uint32_t mask, uint32_t class_id)
{
	put(out, TCA_FW_MASK, &mask, sizeof mask);
	put(out, TCA_FW_CLASSID, &class_id, sizeof class_id);
}

/* ---- u32 with actions ---- */

static void put_nested(struct buffer *out, uint16_t type, struct buffer *inner)
{
	put(out, (uint16_t)(type | NLA_F_NESTED), inner->data, inner->len);
	buffer_free(inner);
}

static void put_action(struct buffer *out, uint16_t place, const char *kind, uint16_t type, const void *parameters, size_t len)
{
	struct buffer options = {0}, action = {0};
	put(&options, type, parameters, len);
	put(&action, TCA_ACT_KIND, kind, strlen(kind) + 1);
	put_nested(&action, TCA_ACT_OPTIONS, &options);
	put_nested(out, place, &action);
}

static void put_actions(struct buffer *out, const struct u32_filter *f)
{
	struct tc_connmark mark = {.action = TC_ACT_PIPE};
	struct tc_mirred away = {.action = TC_ACT_STOLEN, .eaction = TCA_EGRESS_REDIR, .ifindex = (uint32_t)f->device};
	uint16_t place = 1;
	struct buffer all = {0};
	if (f->then == TC_THEN_CONNMARK_REDIRECT)
		put_action(&all, place++, "connmark", TCA_CONNMARK_PARMS, &mark, sizeof mark);
	put_action(&all, place, "mirred", TCA_MIRRED_PARMS, &away, sizeof away);
	put_nested(out, TCA_U32_ACT, &all);
}

void tc_u32(struct buffer *out, const struct u32_filter *f)
{
	struct buffer selector = {0};
	struct tc_u32_key key = {0};
	struct tc_u32_sel head = {.flags = TC_U32_TERMINAL, .nkeys = (uint8_t)(f->n_words ? f->n_words : 1)};
	buffer_add(&selector, &head, sizeof head);
	for (unsigned i = 0; i < head.nkeys; i++) { /* without words one that fits all */
		if (i < f->n_words)
			key = (struct tc_u32_key){.mask = f->words[i].mask, .val = f->words[i].value, .off = f->words[i].offset};
		buffer_add(&selector, &key, sizeof key);
	}
	put(out, TCA_U32_SEL, selector.data, selector.len);
	buffer_free(&selector);
	if (f->then == TC_THEN_CLASS)
		put(out, TCA_U32_CLASSID, &f->class_id, sizeof f->class_id);
	else
		put_actions(out, f);
}
