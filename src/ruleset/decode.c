// SPDX-License-Identifier: GPL-2.0-or-later
#include "ruleset/decode.h"

#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { ARENA_BLOCK = 1 << 18, PACK_BLOCK = 1 << 16, PROGRESS_EVERY = 10000, DEVICES_MAX = 256 };

/* ---- attributes ---- */

bool attr_next(struct reader *r, uint16_t *type, struct bytes *value)
{
	uint16_t head[2];
	if (reader_left(r) < sizeof head)
		return false;
	memcpy(head, r->p, sizeof head);
	if (head[0] < sizeof head || head[0] > reader_left(r))
		return false;
	*type = head[1] & NLA_TYPE_MASK;
	*value = bytes_of(r->p + sizeof head, head[0] - sizeof head);
	size_t step = NLA_ALIGN((size_t)head[0]);
	reader_skip(r, step < reader_left(r) ? step : reader_left(r));
	return true;
}

void attrs_parse(struct attrs *a, struct bytes from)
{
	struct reader r = reader_over(from);
	uint16_t type;
	struct bytes value;
	memset(a, 0, sizeof *a);
	while (attr_next(&r, &type, &value))
		if (type < sizeof a->at / sizeof *a->at)
			a->at[type] = value;
}

uint8_t attr_u8(struct bytes b)
{
	return b.len >= 1 ? b.data[0] : 0;
}

uint16_t attr_be16(struct bytes b)
{
	return b.len >= 2 ? load_be16(b.data) : 0;
}

uint32_t attr_be32(struct bytes b)
{
	return b.len >= 4 ? load_be32(b.data) : 0;
}

uint64_t attr_be64(struct bytes b)
{
	return b.len >= 8 ? load_be64(b.data) : 0;
}

/* ---- memory ---- */

void *decoder_alloc(struct decoder *d, size_t n)
{
	void *p = arena_alloc(&d->rs->arena, n);
	d->no_memory |= !p;
	return p;
}

const uint8_t *decoder_pack(struct decoder *d, const void *data, size_t n)
{
	if (n > PACK_BLOCK / 4) {
		void *own = decoder_alloc(d, n);
		return own ? memcpy(own, data, n) : NULL;
	}
	if (n > (size_t)(d->pack_end - d->pack)) {
		uint8_t *block = decoder_alloc(d, PACK_BLOCK);
		if (!block)
			return NULL;
		d->pack = block;
		d->pack_end = block + PACK_BLOCK;
	}
	uint8_t *p = d->pack;
	d->pack += n;
	if (n)
		memcpy(p, data, n);
	return p;
}

const char *decoder_text(struct decoder *d, struct bytes b)
{
	static const char nothing[1];
	size_t n = b.data ? strnlen((const char *)b.data, b.len) : 0;
	if (!n)
		return nothing;
	char text[256];
	if (n >= sizeof text)
		n = sizeof text - 1;
	memcpy(text, b.data, n);
	text[n] = 0;
	const uint8_t *p = decoder_pack(d, text, n + 1);
	return p ? (const char *)p : nothing;
}

void decoder_gap(struct decoder *d, const struct ruleset_rule *rule, const char *format, ...)
{
	char text[320];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	struct ruleset_gap *g = decoder_alloc(d, sizeof *g);
	const char *what = (const char *)decoder_pack(d, text, strlen(text) + 1);
	if (!g || !what)
		return;
	*g = (struct ruleset_gap){.rule = rule, .what = what};
	*d->gaps_end = g;
	d->gaps_end = &g->next;
	d->rs->n_gaps++;
}

/* ---- names: a ruleset has many chains and sets ---- */

struct name_slot {
	const struct ruleset_table *table;
	const char *name;
	void *object;
	uint32_t id;
	char kind;
};

/* A set of a text is known by its number where it has one: the names of anonymous sets are all alike. */
static size_t name_place(const struct decoder *d, const struct ruleset_table *t, char kind, const char *name, uint32_t id)
{
	uint64_t hash = id ? XXH3_64bits(&id, sizeof id) : XXH3_64bits(name, strlen(name));
	size_t mask = d->names_room - 1, at = (hash ^ (uintptr_t)t >> 4 ^ (uint8_t)kind) & mask;
	for (; d->names[at].name; at = (at + 1) & mask) {
		const struct name_slot *s = &d->names[at];
		if (s->table == t && s->kind == kind && (id ? s->id == id : !s->id && strcmp(s->name, name) == 0))
			break;
	}
	return at;
}

static void names_grow(struct decoder *d)
{
	struct name_slot *old = d->names;
	size_t room = d->names_room;
	d->names_room = room ? room * 2 : 256;
	d->names = xcalloc(d->names_room, sizeof *d->names);
	for (size_t i = 0; i < room; i++)
		if (old[i].name)
			d->names[name_place(d, old[i].table, old[i].kind, old[i].name, old[i].id)] = old[i];
	free(old);
}

void decoder_name(struct decoder *d, const struct ruleset_table *t, char kind, const char *name, uint32_t id, void *object)
{
	if (d->n_names * 2 >= d->names_room)
		names_grow(d);
	struct name_slot *s = &d->names[name_place(d, t, kind, name, id)];
	d->n_names += !s->name;
	*s = (struct name_slot){.table = t, .name = name, .object = object, .id = id, .kind = kind};
}

static void *find_named(struct decoder *d, const struct ruleset_table *t, char kind, const char *name, uint32_t id)
{
	return d->names_room ? d->names[name_place(d, t, kind, name, id)].object : NULL;
}

struct ruleset_chain *decoder_find_chain(struct decoder *d, const struct ruleset_table *t, const char *name)
{
	return find_named(d, t, 'c', name, 0);
}

struct ruleset_set *decoder_find_set(struct decoder *d, const struct ruleset_table *t, const char *name, uint32_t id)
{
	struct ruleset_set *s = id ? find_named(d, t, 's', name, id) : NULL;
	return s ? s : find_named(d, t, 's', name, 0);
}

/* ---- tables, chains, rules ---- */

/* The table that a message speaks of. A text may add to one that is not in it. */
static struct ruleset_table *table_of(struct decoder *d, uint32_t family, struct bytes name)
{
	char text[256];
	size_t n = name.data ? strnlen((const char *)name.data, name.len) : 0;
	n = n < sizeof text ? n : sizeof text - 1;
	if (n)
		memcpy(text, name.data, n);
	text[n] = 0;
	struct ruleset_table *t = ruleset_find_table(d->rs, family, text);
	if (t || !(t = decoder_alloc(d, sizeof *t)))
		return t;
	*t = (struct ruleset_table){.name = decoder_text(d, bytes_of_string(text)), .family = family, .comment = NULL};
	t->chains_end = &t->chains;
	t->sets_end = &t->sets;
	*d->rs->tables_end = t;
	d->rs->tables_end = &t->next;
	return t;
}

/* What nft keeps beside an object: type, length, value, one byte each for the first two. The comment is number 0 of tables and rules. */
static const char *user_comment(struct decoder *d, struct bytes data)
{
	struct reader r = reader_over(data);
	while (reader_left(&r) >= 2) {
		uint8_t type = reader_u8(&r), len = reader_u8(&r);
		struct bytes value = reader_bytes(&r, len);
		if (type == 0 && value.data)
			return decoder_text(d, value);
	}
	return NULL;
}

static void decode_table(struct decoder *d, uint32_t family, struct bytes data)
{
	struct attrs a;
	attrs_parse(&a, data);
	struct ruleset_table *t = table_of(d, family, a.at[NFTA_TABLE_NAME]);
	if (!t)
		return;
	t->flags = attr_be32(a.at[NFTA_TABLE_FLAGS]);
	t->handle = attr_be64(a.at[NFTA_TABLE_HANDLE]);
	t->owner = attr_be32(a.at[NFTA_TABLE_OWNER]);
	if (a.at[NFTA_TABLE_USERDATA].data)
		t->comment = user_comment(d, a.at[NFTA_TABLE_USERDATA]);
}

/* One name, a list of names, or none. */
static const char **decode_devices(struct decoder *d, struct bytes one, struct bytes list)
{
	const char *names[DEVICES_MAX + 1];
	size_t n = 0;
	struct reader r = reader_over(list);
	uint16_t type;
	struct bytes value;
	while (n < DEVICES_MAX && attr_next(&r, &type, &value))
		names[n++] = decoder_text(d, value);
	if (n == 0 && one.data)
		names[n++] = decoder_text(d, one);
	if (n == 0)
		return NULL;
	names[n] = NULL;
	const char **out = decoder_alloc(d, (n + 1) * sizeof *out);
	return out ? memcpy(out, names, (n + 1) * sizeof *out) : NULL;
}

/* Chains of `jump { … }` have a number in place of a name as long as they are not loaded. */
const char *decoder_chain_name(struct decoder *d, struct bytes name, struct bytes id)
{
	char text[32];
	if (name.data || !id.data)
		return decoder_text(d, name);
	snprintf(text, sizeof text, "__chain%u", attr_be32(id));
	return decoder_text(d, bytes_of_string(text));
}

struct ruleset_chain *decoder_chain(struct decoder *d, struct ruleset_table *t, const char *text)
{
	struct ruleset_chain *c = decoder_find_chain(d, t, text);
	if (c || !(c = decoder_alloc(d, sizeof *c)))
		return c;
	*c = (struct ruleset_chain){.name = text, .table = t, .policy = NF_ACCEPT, .number = d->rs->n_chains++};
	c->rules_end = &c->rules;
	*t->chains_end = c;
	t->chains_end = &c->next;
	decoder_name(d, t, 'c', text, 0, c);
	return c;
}

static void decode_chain(struct decoder *d, uint32_t family, struct bytes data)
{
	struct attrs a, hook, counter;
	attrs_parse(&a, data);
	struct ruleset_table *t = table_of(d, family, a.at[NFTA_CHAIN_TABLE]);
	struct ruleset_chain *c = t ? decoder_chain(d, t, decoder_chain_name(d, a.at[NFTA_CHAIN_NAME], a.at[NFTA_CHAIN_ID])) : NULL;
	if (!c)
		return;
	c->handle = attr_be64(a.at[NFTA_CHAIN_HANDLE]);
	if (a.at[NFTA_CHAIN_POLICY].data)
		c->policy = (int32_t)attr_be32(a.at[NFTA_CHAIN_POLICY]);
	if (a.at[NFTA_CHAIN_HOOK].data) {
		attrs_parse(&hook, a.at[NFTA_CHAIN_HOOK]);
		c->type = a.at[NFTA_CHAIN_TYPE].data ? decoder_text(d, a.at[NFTA_CHAIN_TYPE]) : "filter";
		c->hook = attr_be32(hook.at[NFTA_HOOK_HOOKNUM]);
		c->priority = (int32_t)attr_be32(hook.at[NFTA_HOOK_PRIORITY]);
		c->devices = decode_devices(d, hook.at[NFTA_HOOK_DEV], hook.at[NFTA_HOOK_DEVS]);
	}
	if (a.at[NFTA_CHAIN_COUNTERS].data) {
		attrs_parse(&counter, a.at[NFTA_CHAIN_COUNTERS]);
		c->packets = attr_be64(counter.at[NFTA_COUNTER_PACKETS]);
		c->bytes = attr_be64(counter.at[NFTA_COUNTER_BYTES]);
	}
}

static void progress(struct decoder *d, const char *what)
{
	const struct ruleset_options *o = d->options;
	if (o && o->progress && ++d->n_done % PROGRESS_EVERY == 0)
		o->progress(o->context, what, d->n_done);
}

static struct ruleset_rule **rule_place(struct ruleset_chain *c, const struct attrs *a, bool append)
{
	uint64_t after = attr_be64(a->at[NFTA_RULE_POSITION]);
	if (!after)
		return append ? c->rules_end : &c->rules;
	for (struct ruleset_rule **p = &c->rules; *p; p = &(*p)->next)
		if ((*p)->handle == after)
			return append ? &(*p)->next : p;
	return c->rules_end;
}

/* NFTA_RULE_POSITION of a dump names the rule before, which is the last one anyway. */
static void decode_rule(struct decoder *d, uint32_t family, uint16_t flags, struct bytes data)
{
	struct attrs a;
	attrs_parse(&a, data);
	struct ruleset_table *t = table_of(d, family, a.at[NFTA_RULE_TABLE]);
	struct ruleset_chain *c = t ? decoder_chain(d, t, decoder_chain_name(d, a.at[NFTA_RULE_CHAIN], a.at[NFTA_RULE_CHAIN_ID])) : NULL;
	struct ruleset_rule *rule = c ? decoder_alloc(d, sizeof *rule) : NULL;
	if (!rule)
		return;
	*rule = (struct ruleset_rule){.chain = c, .handle = attr_be64(a.at[NFTA_RULE_HANDLE])};
	if (a.at[NFTA_RULE_USERDATA].data)
		rule->comment = user_comment(d, a.at[NFTA_RULE_USERDATA]);
	decode_expressions(d, t, rule, a.at[NFTA_RULE_EXPRESSIONS], &rule->steps);
	bool dumped = !(flags & (NLM_F_CREATE | NLM_F_REQUEST));
	struct ruleset_rule **place = dumped ? c->rules_end : rule_place(c, &a, flags & NLM_F_APPEND);
	rule->next = *place;
	*place = rule;
	if (!rule->next)
		c->rules_end = &rule->next;
	rule->index = ++c->n_rules;
	d->rs->n_rules++;
	progress(d, "rules");
}

/* ---- sets, flowtables, objects ---- */

static void decode_flowtable(struct decoder *d, uint32_t family, struct bytes data)
{
	struct attrs a, hook;
	attrs_parse(&a, data);
	attrs_parse(&hook, a.at[NFTA_FLOWTABLE_HOOK]);
	struct ruleset_table *t = table_of(d, family, a.at[NFTA_FLOWTABLE_TABLE]);
	struct ruleset_flowtable *f = t ? decoder_alloc(d, sizeof *f) : NULL;
	if (!f)
		return;
	*f = (struct ruleset_flowtable){.table = t, .name = decoder_text(d, a.at[NFTA_FLOWTABLE_NAME]), .flags = attr_be32(a.at[NFTA_FLOWTABLE_FLAGS]),
					.hook = attr_be32(hook.at[NFTA_FLOWTABLE_HOOK_NUM]), .priority = (int32_t)attr_be32(hook.at[NFTA_FLOWTABLE_HOOK_PRIORITY]),
					.devices = decode_devices(d, (struct bytes){0}, hook.at[NFTA_FLOWTABLE_HOOK_DEVS])};
	struct ruleset_flowtable **end = &t->flowtables;
	while (*end && strcmp((*end)->name, f->name) != 0)
		end = &(*end)->next;
	if (*end && !f->devices)
		f->devices = (*end)->devices;
	f->next = *end ? (*end)->next : NULL;
	*end = f;
}

static void decode_object(struct decoder *d, uint32_t family, struct bytes data)
{
	struct attrs a;
	attrs_parse(&a, data);
	struct ruleset_table *t = table_of(d, family, a.at[NFTA_OBJ_TABLE]);
	struct ruleset_object *o = t ? decoder_alloc(d, sizeof *o) : NULL;
	if (!o)
		return;
	*o = (struct ruleset_object){.table = t, .name = decoder_text(d, a.at[NFTA_OBJ_NAME]), .type = attr_be32(a.at[NFTA_OBJ_TYPE])};
	o->step = decode_object_step(d, t, o->type, a.at[NFTA_OBJ_DATA]);
	struct ruleset_object **end = &t->objects;
	while (*end)
		end = &(*end)->next;
	*end = o;
}

static void decode_set_message(struct decoder *d, uint32_t family, struct bytes data)
{
	struct attrs a;
	attrs_parse(&a, data);
	struct ruleset_table *t = table_of(d, family, a.at[NFTA_SET_TABLE]);
	if (t)
		decode_set(d, t, &a);
}

static void decode_element_message(struct decoder *d, uint32_t family, struct bytes data)
{
	struct attrs a;
	attrs_parse(&a, data);
	struct ruleset_table *t = table_of(d, family, a.at[NFTA_SET_ELEM_LIST_TABLE]);
	const char *name = t ? decoder_text(d, a.at[NFTA_SET_ELEM_LIST_SET]) : NULL;
	struct ruleset_set *set = name ? decoder_find_set(d, t, name, attr_be32(a.at[NFTA_SET_ELEM_LIST_SET_ID])) : NULL;
	if (set)
		decode_elements(d, set, a.at[NFTA_SET_ELEM_LIST_ELEMENTS]);
	else if (name && *name)
		decoder_gap(d, NULL, "elements of the set '%s', which is not in the ruleset", name);
}

/* ---- what a text takes away ---- */

static void forget_names(struct decoder *d, const struct ruleset_table *t)
{
	for (size_t i = 0; i < d->names_room; i++)
		if (d->names[i].name && (!t || d->names[i].table == t))
			d->names[i].table = (const void *)d; /* the slot stays, so that others are found behind it */
}

static void delete_table(struct decoder *d, uint32_t family, struct bytes data)
{
	struct attrs a;
	attrs_parse(&a, data);
	const char *name = decoder_text(d, a.at[NFTA_TABLE_NAME]);
	decoder_fill_done(d);
	for (struct ruleset_table **p = &d->rs->tables; *p;) {
		struct ruleset_table *t = *p;
		if ((family != NFPROTO_UNSPEC && family != t->family) || (*name && strcmp(name, t->name) != 0)) {
			p = &t->next;
			continue;
		}
		forget_names(d, t);
		for (struct ruleset_chain *c = t->chains; c; c = c->next)
			d->rs->n_rules -= c->n_rules;
		*p = t->next;
	}
	d->rs->tables_end = &d->rs->tables;
	while (*d->rs->tables_end)
		d->rs->tables_end = &(*d->rs->tables_end)->next;
}

/* flush table, flush chain; a single rule has a handle, which a text cannot know. */
static void delete_rules(struct decoder *d, uint32_t family, struct bytes data)
{
	struct attrs a;
	attrs_parse(&a, data);
	struct ruleset_table *t = table_of(d, family, a.at[NFTA_RULE_TABLE]);
	const char *name = a.at[NFTA_RULE_CHAIN].data ? decoder_text(d, a.at[NFTA_RULE_CHAIN]) : NULL;
	if (!t)
		return;
	if (a.at[NFTA_RULE_HANDLE].data) {
		decoder_gap(d, NULL, "a rule is deleted by its handle, which only a loaded ruleset has");
		return;
	}
	for (struct ruleset_chain *c = t->chains; c; c = c->next) {
		if (name && strcmp(name, c->name) != 0)
			continue;
		d->rs->n_rules -= c->n_rules;
		c->n_rules = 0;
		c->rules = NULL;
		c->rules_end = &c->rules;
	}
}

static const struct kind {
	uint16_t type;
	void (*decode)(struct decoder *d, uint32_t family, struct bytes data);
	const char *gap; /* of what is not followed */
} kinds[] = {
	{NFT_MSG_NEWTABLE, decode_table, NULL},
	{NFT_MSG_NEWCHAIN, decode_chain, NULL},
	{NFT_MSG_NEWSET, decode_set_message, NULL},
	{NFT_MSG_NEWSETELEM, decode_element_message, NULL},
	{NFT_MSG_NEWFLOWTABLE, decode_flowtable, NULL},
	{NFT_MSG_NEWOBJ, decode_object, NULL},
	{NFT_MSG_DELTABLE, delete_table, NULL},
	{NFT_MSG_DELRULE, delete_rules, NULL},
	{NFT_MSG_DELCHAIN, NULL, "a chain is deleted"},
	{NFT_MSG_DELSET, NULL, "a set is deleted"},
	{NFT_MSG_DELSETELEM, NULL, "elements of a set are deleted"},
	{NFT_MSG_DELOBJ, NULL, "a stateful object is deleted"},
	{NFT_MSG_DELFLOWTABLE, NULL, "a flowtable is deleted"},
};

int decoder_message(struct decoder *d, const struct nlmsghdr *m)
{
	enum { HEAD = NLMSG_HDRLEN + sizeof(struct nfgenmsg) };
	uint16_t type = NFNL_MSG_TYPE(m->nlmsg_type);
	if (NFNL_SUBSYS_ID(m->nlmsg_type) != NFNL_SUBSYS_NFTABLES)
		return 0;
	if (m->nlmsg_len < HEAD)
		return -EINVAL;
	const struct nfgenmsg *g = NLMSG_DATA(m);
	struct bytes data = bytes_of((const uint8_t *)m + HEAD, m->nlmsg_len - HEAD);
	if (type == NFT_MSG_NEWRULE)
		decode_rule(d, g->nfgen_family, m->nlmsg_flags, data);
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (kinds[i].type != type)
			continue;
		if (kinds[i].decode)
			kinds[i].decode(d, g->nfgen_family, data);
		else
			decoder_gap(d, NULL, "%s by the text, which is not followed", kinds[i].gap);
	}
	return d->no_memory ? -ENOMEM : 0;
}

struct decoder *decoder_new(const char *source, const struct ruleset_options *options)
{
	struct decoder *d = xcalloc(1, sizeof *d);
	d->rs = xcalloc(1, sizeof *d->rs);
	d->options = options;
	arena_init(&d->rs->arena, ARENA_BLOCK);
	d->rs->tables_end = &d->rs->tables;
	d->gaps_end = &d->rs->gaps;
	d->rs->source = decoder_text(d, bytes_of_string(source));
	return d;
}

struct ruleset *decoder_ruleset(struct decoder *d)
{
	return d->rs;
}

void decoder_free(struct decoder *d)
{
	if (!d)
		return;
	ruleset_free(d->rs);
	free(d->names);
	free(d->elements);
	free(d->common);
	free(d);
}

void decoder_replace(struct decoder *d, struct decoder *from)
{
	struct decoder old = *d;
	*d = *from;
	*from = old;
	d->options = old.options;
	for (const struct ruleset_gap *g = old.rs->gaps; g; g = g->next)
		decoder_gap(d, NULL, "%s", g->what);
	decoder_free(from);
}

static void number_all(struct ruleset *rs)
{
	rs->n_chains = rs->n_rules = 0;
	for (struct ruleset_table *t = rs->tables; t; t = t->next)
		for (struct ruleset_chain *c = t->chains; c; c = c->next) {
			uint32_t index = 0;
			c->number = rs->n_chains++;
			for (struct ruleset_rule *r = c->rules; r; r = r->next)
				r->index = ++index;
			rs->n_rules += index;
		}
}

struct ruleset *decoder_finish(struct decoder *d)
{
	struct ruleset *rs = d->rs;
	decoder_fill_done(d);
	number_all(rs);
	if (!d->no_memory)
		d->rs = NULL;
	else
		rs = NULL;
	decoder_free(d);
	return rs;
}
