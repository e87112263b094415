// SPDX-License-Identifier: GPL-2.0-or-later
#include "lag/tree.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/pkt_cls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void remember(int *status, int code)
{
	if (*status == 0)
		*status = code;
}

/* ---- reading ---- */

static bool is_ingress(uint32_t handle)
{
	return TC_H_MAJ(handle) == TC_H_MAJ(TC_H_INGRESS);
}

static void leave_out_ingress(struct tc_list *l)
{
	size_t kept = 0;
	for (size_t i = 0; i < l->n; i++) {
		if (is_ingress(l->objects[i].parent) && l->objects[i].parent != TC_H_ROOT)
			tc_object_free(&l->objects[i]);
		else
			l->objects[kept++] = l->objects[i];
	}
	l->n = kept;
}

static void append(struct tc_list *to, struct tc_list *from)
{
	to->objects = xrealloc(to->objects, (to->n + from->n + 1) * sizeof *to->objects);
	if (from->n)
		memcpy(to->objects + to->n, from->objects, from->n * sizeof *from->objects);
	to->n += from->n;
	free(from->objects);
	*from = (struct tc_list){0};
}

/* Filters hang at a qdisc or a class of one that takes them: asked for one by one, as the kernel has no list of all. */
static int read_filters(struct tree *t, struct rtnl *r, const struct tc_list *at, struct error *error)
{
	for (size_t i = 0; i < at->n; i++) {
		struct tc_list some;
		if (!at->objects[i].handle)
			continue;
		int code = tc_list(&some, r, RTM_NEWTFILTER, t->ifindex, at->objects[i].handle, error);
		if (code == -EOPNOTSUPP || code == -EINVAL || code == -ENOENT)
			continue; /* takes no filters */
		if (code < 0)
			return code;
		append(&t->filters, &some);
	}
	return 0;
}

int tree_read(struct tree *t, struct rtnl *r, const char *device, struct error *error)
{
	*t = (struct tree){.ifindex = (int)if_nametoindex(device)};
	snprintf(t->device, sizeof t->device, "%s", device);
	if (!t->ifindex)
		return error_set(error, ENODEV, "there is no device '%s'", device);
	int code = tc_list(&t->qdiscs, r, RTM_NEWQDISC, t->ifindex, 0, error);
	leave_out_ingress(&t->qdiscs);
	if (code == 0)
		code = tc_list(&t->classes, r, RTM_NEWTCLASS, t->ifindex, 0, error);
	leave_out_ingress(&t->classes);
	if (code == 0)
		code = read_filters(t, r, &t->qdiscs, error);
	if (code == 0)
		code = read_filters(t, r, &t->classes, error);
	if (code < 0)
		tree_free(t);
	return code;
}

void tree_free(struct tree *t)
{
	tc_list_free(&t->qdiscs);
	tc_list_free(&t->classes);
	tc_list_free(&t->filters);
}

const struct tc_object *tree_root(const struct tree *t)
{
	for (size_t i = 0; i < t->qdiscs.n; i++)
		if (t->qdiscs.objects[i].parent == TC_H_ROOT)
			return &t->qdiscs.objects[i];
	return NULL;
}

bool tree_is_default(const struct tree *t)
{
	const struct tc_object *root = tree_root(t);
	return !root || root->handle == 0;
}

static size_t made_qdiscs(const struct tree *t)
{
	size_t n = 0;
	for (size_t i = 0; i < t->qdiscs.n; i++)
		n += t->qdiscs.objects[i].parent != TC_H_ROOT && t->qdiscs.objects[i].handle;
	return n;
}

/* Qdiscs whose classes somebody made; those of the others (prio, mq, …) are there with them. */
static bool has_made_classes(const char *kind)
{
	static const char *const kinds[] = {"htb", "hfsc", "drr", "qfq", "cbq"};
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(kinds[i], kind) == 0)
			return true;
	return false;
}

static size_t made_classes(const struct tree *t)
{
	size_t n = 0;
	for (size_t i = 0; i < t->classes.n; i++)
		n += has_made_classes(t->classes.objects[i].kind);
	return n;
}

/*
 * Each priority is shown once without a handle too: not a filter, but their list. And u32 shows the first table of each (numbers from 0x800 on), which
 * comes by itself, in the order of the priorities.
 */
static bool is_filter(const struct tc_object *o)
{
	enum { OWN_TABLES = 0x800, NODE = 0xfffff, TABLE_SHIFT = 20 };
	bool table = strcmp(o->kind, "u32") == 0 && !(o->handle & NODE) && o->handle >> TABLE_SHIFT >= OWN_TABLES;
	return o->handle && o->has_options && !table;
}

static size_t made_filters(const struct tree *t)
{
	size_t n = 0;
	for (size_t i = 0; i < t->filters.n; i++)
		n += is_filter(&t->filters.objects[i]);
	return n;
}

bool tree_has_parts(const struct tree *t)
{
	return made_qdiscs(t) + made_classes(t) + made_filters(t) > 0;
}

void tree_describe(const struct tree *t, char *out, size_t room)
{
	const struct tc_object *root = tree_root(t);
	struct buffer b = {0};
	buffer_printf(&b, "%s%s", root ? root->kind : "none", tree_is_default(t) ? " (the kernel's choice)" : "");
	const struct {
		size_t n;
		const char *one, *many;
	} parts[] = {{made_classes(t), "class", "classes"}, {made_qdiscs(t), "qdisc below", "qdiscs below"}, {made_filters(t), "filter", "filters"}};
	const char *before = " with ";
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		if (parts[i].n) {
			buffer_printf(&b, "%s%zu %s", before, parts[i].n, parts[i].n == 1 ? parts[i].one : parts[i].many);
			before = ", ";
		}
	snprintf(out, room, "%s", buffer_string(&b));
	buffer_free(&b);
}

/* ---- what kernels give and do not take ---- */

static struct nlattr *find_attribute(struct buffer *options, uint16_t type, size_t least)
{
	for (size_t at = 0; at + sizeof(struct nlattr) <= options->len;) {
		struct nlattr *a = (struct nlattr *)(void *)(options->data + at);
		if (a->nla_len < sizeof *a || a->nla_len > options->len - at)
			return NULL;
		if ((a->nla_type & NLA_TYPE_MASK) == type)
			return a->nla_len - sizeof *a >= least ? a : NULL;
		at += NLA_ALIGN(a->nla_len);
	}
	return NULL;
}

/* HTB tells its version as 3.17 and wants 3. */
static void mend_htb(struct buffer *options)
{
	struct tc_htb_glob g;
	struct nlattr *a = find_attribute(options, TCA_HTB_INIT, sizeof g);
	if (!a)
		return;
	memcpy(&g, a + 1, sizeof g);
	if (g.version >> 16)
		g.version >>= 16;
	g.direct_pkts = 0;
	memcpy(a + 1, &g, sizeof g);
}

/* Filters tell whether the card took them; that is no request. */
static void mend_flags(struct buffer *options, uint16_t type)
{
	uint32_t flags;
	struct nlattr *a = find_attribute(options, type, sizeof flags);
	if (!a)
		return;
	memcpy(&flags, a + 1, sizeof flags);
	flags &= ~(uint32_t)(TCA_CLS_FLAGS_IN_HW | TCA_CLS_FLAGS_NOT_IN_HW);
	memcpy(a + 1, &flags, sizeof flags);
}

struct tc_object tree_copy_object(const struct tc_object *o)
{
	static const struct {
		const char *kind;
		uint16_t flags;
	} filters[] = {{"u32", TCA_U32_FLAGS}, {"flower", TCA_FLOWER_FLAGS}, {"matchall", TCA_MATCHALL_FLAGS}, {"bpf", TCA_BPF_FLAGS_GEN}};
	struct tc_object c = *o;
	c.options = (struct buffer){0};
	buffer_add(&c.options, o->options.data, o->options.len);
	if (o->type == RTM_NEWQDISC && strcmp(o->kind, "htb") == 0)
		mend_htb(&c.options);
	for (size_t i = 0; o->type == RTM_NEWTFILTER && i < sizeof filters / sizeof *filters; i++)
		if (strcmp(filters[i].kind, o->kind) == 0)
			mend_flags(&c.options, filters[i].flags);
	/* pfifo_fast and mq show what cannot be asked for */
	if (strcmp(o->kind, "pfifo_fast") == 0 || strcmp(o->kind, "mq") == 0)
		c.has_options = false;
	return c;
}

/* ---- putting back ---- */

static int put_copy(struct rtnl *r, const struct tc_object *o, uint16_t flags, struct error *error)
{
	struct tc_object c = tree_copy_object(o);
	int code = c.options.failed ? error_set(error, ENOMEM, "no memory") : tc_put(r, &c, flags, error);
	tc_object_free(&c);
	return code;
}

/* Depth by the parent: qdiscs and classes alternate, so each round puts what now has one. */
static int put_parts(const struct tree *t, struct rtnl *r, struct error *error)
{
	size_t n = t->qdiscs.n + t->classes.n;
	uint32_t *known = xcalloc(n + 1, sizeof *known);
	bool *done = xcalloc(n + 1, sizeof *done);
	size_t n_known = 0;
	int status = 0;
	known[n_known++] = tree_root(t)->handle;
	for (bool more = true; more;) {
		more = false;
		for (size_t i = 0; i < n; i++) {
			bool class = i < t->classes.n;
			const struct tc_object *o = class ? &t->classes.objects[i] : &t->qdiscs.objects[i - t->classes.n];
			uint32_t parent = o->parent == TC_H_ROOT ? TC_H_MAJ(o->handle) : o->parent;
			bool known_parent = false;
			for (size_t k = 0; k < n_known && !known_parent; k++)
				known_parent = known[k] == parent;
			if (done[i] || !known_parent || !o->handle || (!class && o->parent == TC_H_ROOT))
				continue;
			if (!class || has_made_classes(o->kind))
				remember(&status, put_copy(r, o, NLM_F_CREATE | NLM_F_REPLACE, status ? NULL : error));
			known[n_known++] = o->handle;
			done[i] = more = true;
		}
	}
	free(known);
	free(done);
	return status;
}

static int put_filters(const struct tree *t, struct rtnl *r, struct error *error)
{
	int status = 0;
	for (size_t i = 0; i < t->filters.n; i++)
		if (is_filter(&t->filters.objects[i]))
			remember(&status, put_copy(r, &t->filters.objects[i], NLM_F_CREATE, status ? NULL : error));
	return status;
}

int tree_restore(const struct tree *t, struct rtnl *r, struct error *error)
{
	struct tree now;
	int code = tree_read(&now, r, t->device, error);
	if (code < 0)
		return code;
	if (!tree_is_default(&now))
		code = tc_delete(r, tree_root(&now), error);
	tree_free(&now);
	if (code < 0 || tree_is_default(t))
		return code;
	if ((code = put_copy(r, tree_root(t), NLM_F_CREATE | NLM_F_REPLACE, error)) < 0)
		return code;
	int parts = put_parts(t, r, error), filters = put_filters(t, r, parts ? NULL : error);
	return parts ? parts : filters;
}

/* ---- as text ---- */

static json_t *object_to_json(const struct tc_object *o)
{
	static const char digits[] = "0123456789abcdef";
	char *hex = xcalloc(2, o->options.len + 1);
	for (size_t i = 0; i < o->options.len; i++) {
		hex[2 * i] = digits[o->options.data[i] >> 4];
		hex[2 * i + 1] = digits[o->options.data[i] & 15];
	}
	json_t *j = json_pack("{s:s, s:I, s:I, s:I}", "kind", o->kind, "handle", (json_int_t)o->handle, "parent", (json_int_t)o->parent, "info", (json_int_t)o->info);
	if (j && o->has_options)
		json_object_set_new(j, "options", json_string_nocheck(hex));
	if (j && o->has_chain)
		json_object_set_new(j, "chain", json_integer(o->chain));
	free(hex);
	return j;
}

static json_t *list_to_json(const struct tc_list *l)
{
	json_t *a = json_array();
	for (size_t i = 0; i < l->n; i++)
		json_array_append_new(a, object_to_json(&l->objects[i]));
	return a;
}

json_t *tree_to_json(const struct tree *t)
{
	return json_pack("{s:s, s:i, s:o, s:o, s:o}", "device", t->device, "index", t->ifindex, "qdiscs", list_to_json(&t->qdiscs), "classes",
			 list_to_json(&t->classes), "filters", list_to_json(&t->filters));
}

static bool read_hex(struct buffer *out, const char *hex)
{
	unsigned byte;
	for (; hex[0] && hex[1]; hex += 2) {
		if (sscanf(hex, "%2x", &byte) != 1)
			return false;
		buffer_add_byte(out, (uint8_t)byte);
	}
	return !hex[0] && !out->failed;
}

static bool list_from_json(struct tc_list *l, const json_t *a, uint16_t type, int ifindex)
{
	size_t n = json_array_size(a);
	l->objects = xcalloc(n + 1, sizeof *l->objects);
	for (size_t i = 0; i < n; i++) {
		const json_t *j = json_array_get(a, i), *chain = json_object_get(j, "chain"), *options = json_object_get(j, "options");
		const char *kind = json_string_value(json_object_get(j, "kind"));
		struct tc_object *o = &l->objects[l->n++];
		*o = (struct tc_object){.type = type, .ifindex = ifindex, .has_chain = chain, .has_options = options, .chain = (uint32_t)json_integer_value(chain),
					.handle = (uint32_t)json_integer_value(json_object_get(j, "handle")),
					.parent = (uint32_t)json_integer_value(json_object_get(j, "parent")),
					.info = (uint32_t)json_integer_value(json_object_get(j, "info"))};
		if (!kind || strlen(kind) >= sizeof o->kind || (options && !json_is_string(options)) || (options && !read_hex(&o->options, json_string_value(options))))
			return false;
		snprintf(o->kind, sizeof o->kind, "%s", kind);
	}
	return true;
}

int tree_from_json(struct tree *t, const json_t *o, struct error *error)
{
	const char *device = json_string_value(json_object_get(o, "device"));
	*t = (struct tree){.ifindex = (int)json_integer_value(json_object_get(o, "index"))};
	if (device && strlen(device) < sizeof t->device && list_from_json(&t->qdiscs, json_object_get(o, "qdiscs"), RTM_NEWQDISC, t->ifindex) &&
	    list_from_json(&t->classes, json_object_get(o, "classes"), RTM_NEWTCLASS, t->ifindex) &&
	    list_from_json(&t->filters, json_object_get(o, "filters"), RTM_NEWTFILTER, t->ifindex)) {
		snprintf(t->device, sizeof t->device, "%s", device);
		return 0;
	}
	tree_free(t);
	return error_set(error, EINVAL, "what was kept of a device's queueing cannot be read");
}
