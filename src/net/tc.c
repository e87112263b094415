// SPDX-License-Identifier: GPL-2.0-or-later
#include "net/tc.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/gen_stats.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/rtnl_private.h"

void tc_object_free(struct tc_object *o)
{
	buffer_free(&o->options);
}

const char *tc_handle_name(uint32_t handle, char *out)
{
	if (handle == TC_H_ROOT)
		return "root";
	if (handle == TC_H_INGRESS)
		return "ingress";
	if (TC_H_MIN(handle))
		snprintf(out, 16, "%x:%x", TC_H_MAJ(handle) >> 16, TC_H_MIN(handle));
	else
		snprintf(out, 16, "%x:", TC_H_MAJ(handle) >> 16);
	return out;
}

/* ---- reading ---- */

struct reading {
	struct tc_list *out;
	int ifindex;
	bool failed;
};

static void read_stats(struct tc_object *o, const struct nlattr *stats)
{
	const struct nlattr *a;
	mnl_attr_for_each_nested(a, stats) {
		size_t len = mnl_attr_get_payload_len(a);
		const void *at = mnl_attr_get_payload(a);
		if (mnl_attr_get_type(a) == TCA_STATS_BASIC && len >= sizeof(uint64_t) + sizeof(uint32_t)) {
			uint32_t packets;
			memcpy(&o->bytes, at, sizeof o->bytes);
			memcpy(&packets, (const char *)at + sizeof o->bytes, sizeof packets);
			if (!o->packets) /* TCA_STATS_PKT64 came before it */
				o->packets = packets;
		} else if (mnl_attr_get_type(a) == TCA_STATS_PKT64 && len >= sizeof(uint64_t)) {
			memcpy(&o->packets, at, sizeof o->packets);
		} else if (mnl_attr_get_type(a) == TCA_STATS_QUEUE && len >= sizeof(struct gnet_stats_queue)) {
			struct gnet_stats_queue q;
			memcpy(&q, at, sizeof q);
			o->waiting = q.qlen;
			o->backlog = q.backlog;
			o->drops = q.drops;
			o->overlimits = q.overlimits;
		}
	}
}

static void read_attribute(struct tc_object *o, const struct nlattr *a)
{
	switch (mnl_attr_get_type(a)) {
	case TCA_KIND:
		if (mnl_attr_validate(a, MNL_TYPE_NUL_STRING) == 0)
			snprintf(o->kind, sizeof o->kind, "%s", mnl_attr_get_str(a));
		break;
	case TCA_OPTIONS:
		o->has_options = true;
		buffer_add(&o->options, mnl_attr_get_payload(a), mnl_attr_get_payload_len(a));
		break;
	case TCA_STATS2:
		read_stats(o, a);
		break;
	case TCA_CHAIN:
		if (mnl_attr_validate(a, MNL_TYPE_U32) == 0) {
			o->chain = mnl_attr_get_u32(a);
			o->has_chain = true;
		}
		break;
	default:
		break;
	}
}

static int read_object(const struct nlmsghdr *m, void *context)
{
	struct reading *into = context;
	if (mnl_nlmsg_get_payload_len(m) < sizeof(struct tcmsg))
		return MNL_CB_OK;
	const struct tcmsg *t = mnl_nlmsg_get_payload(m);
	if (t->tcm_ifindex != into->ifindex)
		return MNL_CB_OK;
	struct tc_object o = {.type = m->nlmsg_type, .ifindex = t->tcm_ifindex, .handle = t->tcm_handle, .parent = t->tcm_parent, .info = t->tcm_info};
	const struct nlattr *a;
	mnl_attr_for_each(a, m, sizeof *t)
		read_attribute(&o, a);
	into->failed |= o.options.failed;
	into->out->objects = xrealloc(into->out->objects, (into->out->n + 1) * sizeof o);
	into->out->objects[into->out->n++] = o;
	return MNL_CB_OK;
}

void tc_list_free(struct tc_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		tc_object_free(&l->objects[i]);
	free(l->objects);
	*l = (struct tc_list){0};
}

static const char *type_name(uint16_t type)
{
	return type >= RTM_NEWTFILTER ? "filter" : type >= RTM_NEWTCLASS ? "class" : "qdisc";
}

int tc_list(struct tc_list *out, struct rtnl *r, uint16_t type, int ifindex, uint32_t parent, struct error *error)
{
	enum { TRIES = 5, REQUEST = RTM_GETQDISC - RTM_NEWQDISC };
	int code = -EINTR;
	struct reading into = {out, ifindex, false};
	*out = (struct tc_list){0};
	for (int i = 0; i < TRIES && code == -EINTR; i++) {
		tc_list_free(out);
		struct nlmsghdr *m = rtnl_begin(r, (uint16_t)(type + REQUEST), NLM_F_DUMP);
		struct tcmsg *t = mnl_nlmsg_put_extra_header(m, sizeof *t);
		t->tcm_ifindex = ifindex;
		t->tcm_parent = parent;
		code = rtnl_dump(r, m, read_object, &into);
	}
	if (code == 0 && !into.failed)
		return 0;
	char name[IF_NAMESIZE] = "?";
	if_indextoname((unsigned)ifindex, name);
	tc_list_free(out);
	code = code ? code : -ENOMEM;
	return error_set(error, -code, "cannot read the %ss of %s: %s", type_name(type), name, rtnl_words(r, code));
}

/* ---- writing ---- */

static void put_object(struct nlmsghdr *m, const struct tc_object *o)
{
	struct tcmsg *t = mnl_nlmsg_put_extra_header(m, sizeof *t);
	t->tcm_family = AF_UNSPEC;
	t->tcm_ifindex = o->ifindex;
	t->tcm_handle = o->handle;
	t->tcm_parent = o->parent;
	t->tcm_info = o->info;
	if (*o->kind)
		mnl_attr_put_strz(m, TCA_KIND, o->kind);
	if (o->has_chain)
		mnl_attr_put_u32(m, TCA_CHAIN, o->chain);
	if (o->has_options)
		mnl_attr_put(m, TCA_OPTIONS, o->options.len, o->options.data);
}

size_t tc_message(void *out, size_t room, const struct tc_object *o, uint16_t flags)
{
	enum { REST = 256 }; /* headers and the small attributes */
	if (o->options.len + REST > room)
		return 0;
	struct nlmsghdr *m = mnl_nlmsg_put_header(out);
	m->nlmsg_type = o->type;
	m->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
	put_object(m, o);
	return m->nlmsg_len;
}

/* "qdisc netem 20: at 1:2 of eth0" */
static void name_object(char *out, size_t room, const struct tc_object *o)
{
	char device[IF_NAMESIZE] = "?", handle[16], parent[16];
	if_indextoname((unsigned)o->ifindex, device);
	snprintf(out, room, "%s %s%s%s at %s of %s", type_name(o->type), o->kind, o->handle ? " " : "", o->handle ? tc_handle_name(o->handle, handle) : "",
		 tc_handle_name(o->parent, parent), device);
}

/*
 * The trap of two families: a priority of filters belongs to one protocol. Kernels before 6.12 say "not found" instead, and old ones nothing at all.
 * Also, all fw filters of one priority share one mask (cls_fw).
 */
static const char *explain(const struct tc_object *o, int code)
{
	if (o->type == RTM_NEWTFILTER && code == -EINVAL)
		return "; a priority holds filters of one protocol (and, for fw, of one mask) only: give each family its own priority, or one filter `protocol all`";
	if (code == -ENOENT && o->type != RTM_NEWTFILTER)
		return "; is this kernel built without it, or its module missing?";
	return "";
}

static int send_object(struct rtnl *r, const struct tc_object *o, uint16_t type, uint16_t flags, const char *verb, struct error *error)
{
	enum { REST = 256 };
	if (o->options.len + REST > RTNL_ROOM)
		return error_set(error, EMSGSIZE, "options of %zu bytes do not fit a message", o->options.len);
	struct nlmsghdr *m = rtnl_begin(r, type, flags);
	put_object(m, o);
	int code = rtnl_transact(r, m);
	if (code == 0)
		return 0;
	char name[96];
	name_object(name, sizeof name, o);
	return error_set(error, -code, "cannot %s %s: %s%s", verb, name, rtnl_words(r, code), explain(o, code));
}

int tc_put(struct rtnl *r, const struct tc_object *o, uint16_t flags, struct error *error)
{
	return send_object(r, o, o->type, flags, "make", error);
}

int tc_delete(struct rtnl *r, const struct tc_object *o, struct error *error)
{
	struct tc_object bare = *o;
	bare.has_options = false;
	return send_object(r, &bare, (uint16_t)(o->type + 1), 0, "take away", error);
}
