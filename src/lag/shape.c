// SPDX-License-Identifier: GPL-2.0-or-later
#include "lag/shape.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

static const uint64_t WHOLE_LINE = 12500000000; /* bytes a second: 100 Gbit/s, for what is not slowed */

struct place {
	struct rtnl *r;
	int ifindex;
	unsigned major;
};

static uint32_t handle_of(const struct place *p, unsigned minor)
{
	return p->major << 16 | minor;
}

static int put_class(const struct place *p, const struct shape_class *c, struct error *error)
{
	enum { FRAME = 1514 }; /* HTB warns of its own reckoning at such rates */
	struct tc_object o = {.type = RTM_NEWTCLASS, .ifindex = p->ifindex, .handle = handle_of(p, c->minor), .parent = handle_of(p, 0), .kind = "htb", .has_options = true};
	tc_htb_class(&o.options, &(struct htb_class){.rate = c->rate ? c->rate : WHOLE_LINE, .ceil = c->ceil, .quantum = FRAME * (c->share ? c->share : 1)});
	int code = tc_put(p->r, &o, NLM_F_CREATE | NLM_F_EXCL, error);
	tc_object_free(&o);
	return code;
}

static int explain_netem(const struct line *l, struct error *error)
{
	struct utsname u;
	char asked[160];
	uname(&u);
	line_describe(l, asked, sizeof asked);
	return error_set(error, ENOENT, "this kernel (%s) has no netem (CONFIG_NET_SCH_NETEM; module sch_netem): no '%s'. A --rate alone works without it", u.release, asked);
}

/* Qdiscs inside the classes have the numbers behind the tree's. */
static struct tc_object leaf(const struct place *p, unsigned minor, const char *kind)
{
	struct tc_object o = {.type = RTM_NEWQDISC, .ifindex = p->ifindex, .handle = (p->major + minor) << 16, .parent = handle_of(p, minor), .has_options = true};
	strncpy(o.kind, kind, sizeof o.kind - 1);
	return o;
}

static int check_seed(const struct place *p, uint32_t handle, struct error *error)
{
	struct tc_list now;
	struct utsname u;
	bool there = false;
	int code = tc_list(&now, p->r, RTM_NEWQDISC, p->ifindex, 0, error);
	for (size_t i = 0; i < now.n; i++)
		there |= now.objects[i].handle == handle && tc_netem_has_seed(&now.objects[i].options);
	tc_list_free(&now);
	uname(&u);
	return code < 0 || there ? code : error_set(error, EOPNOTSUPP, "this kernel's netem (%s) has no seed: that came with Linux 6.6", u.release);
}

/* Where netem is, it keeps the rate too: one queue, whose length is known. */
static int put_netem(const struct place *p, const struct shape_class *c, struct error *error)
{
	struct line with_table = *c->line;
	int16_t *table;
	int code = line_load_distribution(&with_table, &table, error);
	if (code < 0)
		return code;
	struct tc_object o = leaf(p, c->minor, "netem");
	tc_netem(&o.options, &with_table.netem);
	code = tc_put(p->r, &o, NLM_F_CREATE | NLM_F_EXCL, error);
	tc_object_free(&o);
	free(table);
	if (code == 0 && c->line->netem.has_seed)
		code = check_seed(p, o.handle, error);
	return code == -ENOENT ? explain_netem(c->line, error) : code;
}

/* HTB's own queue, first in first out, is what is left where the kernel has none of these. */
static void put_fair(const struct place *p, unsigned minor)
{
	static const char *const kinds[] = {"fq_codel", "sfq"};
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		struct tc_object o = leaf(p, minor, kinds[i]);
		o.has_options = false;
		if (tc_put(p->r, &o, NLM_F_CREATE | NLM_F_EXCL, NULL) == 0)
			return;
	}
}

static int put_slow(const struct place *p, const struct shape_class *c, struct error *error)
{
	int code = put_class(p, c, error);
	if (code == 0 && c->line)
		return put_netem(p, c, error);
	if (code == 0 && c->fair)
		put_fair(p, c->minor);
	return code;
}

/* What is not slowed keeps the qdisc that it had, if that had no parts of its own. */
static int put_rest(const struct place *p, const struct tree *before, struct error *error)
{
	int code = put_class(p, &(struct shape_class){.minor = SHAPE_REST}, error);
	const struct tc_object *root = before ? tree_root(before) : NULL;
	if (code < 0 || !root || tree_has_parts(before) || strcmp(root->kind, "noqueue") == 0 || strcmp(root->kind, "mq") == 0)
		return code;
	struct tc_object o = tree_copy_object(root);
	o.parent = handle_of(p, SHAPE_REST);
	code = tc_put(p->r, &o, NLM_F_CREATE | NLM_F_EXCL, error);
	tc_object_free(&o);
	return code;
}

int shape_device(struct rtnl *r, int ifindex, const struct tree *before, unsigned major, const struct shape_class *classes, size_t n, unsigned default_class,
		 struct error *error)
{
	struct place p = {r, ifindex, major};
	struct tc_object root = {.type = RTM_NEWQDISC, .ifindex = ifindex, .handle = handle_of(&p, 0), .parent = TC_H_ROOT, .kind = "htb", .has_options = true};
	tc_htb(&root.options, default_class);
	int code = tc_put(r, &root, NLM_F_CREATE | NLM_F_REPLACE, error);
	tc_object_free(&root);
	for (size_t i = 0; code == 0 && i < n; i++)
		code = put_slow(&p, &classes[i], error);
	return code == 0 ? put_rest(&p, before, error) : code;
}

bool shape_is_root(const struct tree *t, unsigned major)
{
	const struct tc_object *root = tree_root(t);
	return root && root->handle == (uint32_t)major << 16 && strcmp(root->kind, "htb") == 0;
}
