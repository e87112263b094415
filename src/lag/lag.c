// SPDX-License-Identifier: GPL-2.0-or-later
#include "lag/lag.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lag/select.h"
#include "lag/shape.h"

static int put_line(struct rtnl *r, int ifindex, const struct tree *before, const struct line *l, unsigned default_class, struct error *error)
{
	struct shape_class slow = {.minor = LAG_CLASS_SLOW, .rate = line_needs_netem(l) ? 0 : l->netem.rate, .line = line_needs_netem(l) ? l : NULL};
	return shape_device(r, ifindex, before, LAG_MAJOR, &slow, 1, default_class, error);
}

/* ---- incoming ---- */

enum { INGRESS_HANDLE = 0xffff0000, SSH = 22, DNS = 53, NEXT_TCP = 6, NEXT_UDP = 17, NEXT_ICMP6 = 58 };

static int put_filter(struct rtnl *r, int ifindex, uint16_t protocol, uint16_t priority, const struct u32_filter *f, struct error *error)
{
	struct tc_object o = {.type = RTM_NEWTFILTER, .ifindex = ifindex, .parent = INGRESS_HANDLE, .info = (uint32_t)priority << 16 | htons(protocol), .kind = "u32",
			      .has_options = true};
	tc_u32(&o.options, f);
	int code = tc_put(r, &o, NLM_F_CREATE | NLM_F_EXCL, error);
	tc_object_free(&o);
	return code;
}

/* Words of u32 from the network header on: the protocol, and what stands behind a header without options. */
static struct u32_filter passing(bool six, uint8_t protocol, uint32_t value, uint32_t mask)
{
	enum { PROTOCOL4_AT = 8, HEADER4 = 20, PROTOCOL6_AT = 4, HEADER6 = 40 };
	struct u32_filter f = {.n_words = 2, .then = TC_THEN_CLASS, .class_id = 0x10001};
	f.words[0] = six ? (struct u32_word){htonl((uint32_t)protocol << 8), htonl(0xff00), PROTOCOL6_AT}
			 : (struct u32_word){htonl((uint32_t)protocol << 16), htonl(0xff0000), PROTOCOL4_AT};
	f.words[1] = (struct u32_word){htonl(value), htonl(mask), six ? HEADER6 : HEADER4};
	return f;
}

static int put_exemptions(struct rtnl *r, int ifindex, bool six, struct error *error)
{
	const struct u32_filter rows[] = {
		passing(six, NEXT_TCP, SSH << 16, 0xffff0000), passing(six, NEXT_TCP, SSH, 0xffff),
		passing(six, NEXT_UDP, (uint32_t)DNS << 16, 0xffff0000), /* answers of the resolvers */
		passing(six, NEXT_ICMP6, 0x85000000, 0xff000000), passing(six, NEXT_ICMP6, 0x86000000, 0xfe000000),
		passing(six, NEXT_ICMP6, 0x88000000, 0xfe000000), /* neighbour discovery: types 133 to 137 */
	};
	enum { FOR_IPV4 = 3 };
	int code = 0;
	for (size_t i = 0; code == 0 && i < (six ? sizeof rows / sizeof *rows : FOR_IPV4); i++)
		code = put_filter(r, ifindex, six ? ETH_P_IPV6 : ETH_P_IP, six ? 2 : 1, &rows[i], error);
	return code;
}

static int check_ingress(struct rtnl *r, const struct lag_state *s, struct error *error)
{
	struct tc_list all;
	int code = tc_list(&all, r, RTM_NEWQDISC, s->before.ifindex, 0, error);
	for (size_t i = 0; i < all.n; i++)
		if (TC_H_MAJ(all.objects[i].handle) == INGRESS_HANDLE)
			code = error_set(error, EEXIST, "somebody has a qdisc '%s' at the ingress of %s already", all.objects[i].kind, s->device);
	tc_list_free(&all);
	return code;
}

static int put_incoming(struct rtnl *r, const struct lag_state *s, const struct lag_request *q, struct error *error)
{
	(void)rtnl_link_delete(r, s->ifb, NULL); /* left by a start that was killed: the name is ours */
	int code = rtnl_ifb_add(r, s->ifb, error);
	if (code == 0)
		code = rtnl_link_up(r, s->ifb, error);
	int ifb = (int)if_nametoindex(s->ifb);
	if (code == 0)
		code = put_line(r, ifb, NULL, &q->line_in, LAG_CLASS_SLOW, error);
	struct tc_object ingress = {.type = RTM_NEWQDISC, .ifindex = s->before.ifindex, .handle = INGRESS_HANDLE, .parent = TC_H_INGRESS, .kind = "ingress", .has_options = true};
	if (code == 0)
		code = tc_put(r, &ingress, NLM_F_CREATE | NLM_F_EXCL, error);
	for (int six = 0; code == 0 && six < 2; six++) {
		const struct u32_filter all = {.then = TC_THEN_REDIRECT, .device = ifb};
		if (!q->no_exemptions)
			code = put_exemptions(r, s->before.ifindex, six, error);
		if (code == 0)
			code = put_filter(r, s->before.ifindex, six ? ETH_P_IPV6 : ETH_P_IP, (uint16_t)(10 + six), &all, error);
	}
	return code;
}

/* ---- start and stop ---- */

/* All that can be put back is, whatever fails on the way; the first failure is told. */
static int undo(struct rtnl *r, const struct lag_state *s, bool root_was_replaced, struct error *error)
{
	int status = select_remove(s->device, error), code = 0;
	if (s->ingress_made) {
		struct tc_object ingress = {.type = RTM_NEWQDISC, .ifindex = s->before.ifindex, .handle = INGRESS_HANDLE, .parent = TC_H_INGRESS, .kind = "ingress"};
		code = tc_delete(r, &ingress, status ? NULL : error);
		status = status ? status : code == -ENOENT || code == -EINVAL ? 0 : code; /* killed before it was there */
	}
	if (*s->ifb) {
		code = rtnl_link_delete(r, s->ifb, status ? NULL : error);
		status = status ? status : code == -ENODEV ? 0 : code;
	}
	if (root_was_replaced) {
		code = tree_restore(&s->before, r, status ? NULL : error);
		status = status ? status : code;
	}
	return status;
}

static int check_before(const struct lag_request *q, const struct tree *before, struct error *error)
{
	char what[96];
	tree_describe(before, what, sizeof what);
	if (shape_is_root(before, LAG_MAJOR))
		return error_set(error, EEXIST, "%s is slowed down already: `sluice lag stop --dev %s` first", q->device, q->device);
	if (q->out && tree_has_parts(before) && !q->force)
		return error_set(error, EEXIST, "somebody shapes %s already (%s): --force keeps that aside and puts it back afterwards", q->device, what);
	return 0;
}

static char *describe(bool used, const struct line *l)
{
	char text[200] = "";
	if (used)
		line_describe(l, text, sizeof text);
	return xstrdup(text);
}

static int start_at(struct rtnl *r, struct lag_state *s, const struct lag_request *q, struct error *error)
{
	int code = tree_read(&s->before, r, q->device, error);
	if (code == 0)
		code = check_before(q, &s->before, error);
	if (code == 0 && q->in) {
		code = check_ingress(r, s, error);
		snprintf(s->ifb, sizeof s->ifb, "sluice-in%d", s->before.ifindex);
		s->ingress_made = true;
	}
	if (code == 0)
		code = lag_state_save(s, error); /* before anything changes: a process that dies leaves the way back */
	if (code < 0)
		return code;
	bool replaced = false;
	if (q->out) {
		replaced = true;
		code = put_line(r, s->before.ifindex, &s->before, &q->line_out, SHAPE_REST, error);
	}
	if (code == 0 && q->in)
		code = put_incoming(r, s, q, error);
	if (code == 0 && q->out)
		code = select_load(q, q->device, s->until, error);
	if (code < 0) {
		undo(r, s, replaced, NULL);
		lag_state_forget(s->device);
	}
	return code;
}

int lag_start(const struct lag_request *q, struct error *error)
{
	struct lag_state old, s = {.out = q->out, .in = q->in, .since = clock_real()};
	int code = lag_state_load(&old, q->device, NULL);
	bool current = code == 0 && lag_state_current(&old);
	lag_state_free(&old);
	if (current)
		return error_set(error, EEXIST, "%s is slowed down already: `sluice lag stop --dev %s` first", q->device, q->device);
	if (q->in && q->match && *q->match)
		return error_set(error, EOPNOTSUPP, "incoming traffic meets traffic control before nftables: --match chooses outgoing traffic only");
	struct rtnl *r = rtnl_open(error);
	if (!r)
		return -EIO;
	s.until = q->lasts ? s.since + q->lasts : 0;
	snprintf(s.device, sizeof s.device, "%s", q->device);
	s.words = xstrdup(q->words ? q->words : "");
	s.line_out = describe(q->out, &q->line_out);
	s.line_in = describe(q->in, &q->line_in);
	code = start_at(r, &s, q, error);
	rtnl_close(r);
	lag_state_free(&s);
	return code;
}

int lag_stop(const char *device, struct error *error)
{
	struct lag_state s;
	int code = lag_state_load(&s, device, error);
	if (code < 0)
		return code;
	if (!lag_state_current(&s)) {
		lag_state_forget(device);
		lag_state_free(&s);
		return error_set(error, ENOENT, "what slowed %s down ended with the last boot", device);
	}
	struct rtnl *r = rtnl_open(error);
	struct tree now;
	code = r ? tree_read(&now, r, device, error) : -EIO;
	if (code == 0) {
		bool ours = shape_is_root(&now, LAG_MAJOR);
		code = undo(r, &s, ours, error);
		if (code == 0 && s.out && !ours)
			code = error_set(error, ESTALE, "somebody put another qdisc at the root of %s meanwhile: it stays; all else is put back", device);
		tree_free(&now);
	}
	if (code == 0 || code == -ESTALE || code == -ENODEV) {
		if (code == -ENODEV)
			(void)select_remove(device, NULL);
		lag_state_forget(device);
	}
	rtnl_close(r);
	lag_state_free(&s);
	return code;
}
