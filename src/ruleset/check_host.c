// SPDX-License-Identifier: GPL-2.0-or-later
/* A ruleset and the host that it is on: who listens, which addresses there are, what flushes it, who is logged in. */
#include <arpa/inet.h>
#include <dirent.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ruleset/check.h"
#include "ruleset/print.h"

enum { MAX_FILE = 1 << 20, TEMPORARY = 1, LINK_LOCAL = 0x20 };

static bool read_host(const struct check *c, const char *name, struct buffer *out)
{
	char path[4096];
	struct error error;
	if (!c->o->host)
		return false;
	snprintf(path, sizeof path, "%s/%s", strcmp(c->o->host, "/") == 0 ? "" : c->o->host, name);
	bool ok = file_read(path, MAX_FILE, out, &error) == 0;
	buffer_string(out);
	return ok && out->data;
}

/* ---- listeners ---- */

static void check_queue_listener(struct check *c, const struct ruleset_rule *r, const struct step *s, const char *listeners)
{
	for (uint32_t q = s->queue.from; q <= s->queue.to; q++) {
		bool heard = false;
		for (const char *line = listeners; line && *line && !heard; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
			heard = (uint32_t)strtoul(line, NULL, 10) == q;
		if (heard)
			continue;
		struct finding *f = check_add(c, QUEUE_WITHOUT_LISTENER, r, "queue %u has no listener: %s", q, s->queue.flags & NFT_QUEUE_FLAG_BYPASS ?
			"its packets pass without inspection" : "its packets are dropped");
		if (f)
			f->step = s;
		return;
	}
}

void check_listeners(struct check *c)
{
	struct buffer b = {0};
	if (read_host(c, "proc/net/netfilter/nfnetlink_queue", &b))
		for (const struct ruleset_table *t = c->rs->tables; t; t = t->next)
			for (const struct ruleset_chain *ch = t->chains; ch; ch = ch->next)
				for (const struct ruleset_rule *r = ch->rules; r; r = r->next) {
					const struct step *s = check_find_step(r, STEP_QUEUE, NULL);
					if (s && !s->queue.operand)
						check_queue_listener(c, r, s, (const char *)b.data);
				}
	buffer_free(&b);
}

/* ---- addresses of IPv6 ---- */

struct own_address {
	uint8_t address[16];
	unsigned prefix, flags;
};

/* "20010db8… 02 40 00 80     eth0" of /proc/net/if_inet6 */
static bool parse_address(const char *line, struct own_address *a)
{
	unsigned index, scope;
	char hex[33];
	if (sscanf(line, "%32[0-9a-f] %x %x %x %x", hex, &index, &a->prefix, &scope, &a->flags) != 5 || scope == LINK_LOCAL || strlen(hex) != 32)
		return false;
	for (int i = 0; i < 16; i++)
		sscanf(hex + 2 * i, "%2hhx", &a->address[i]);
	return a->prefix > 0 && a->prefix < 128;
}

static size_t read_addresses(const char *text, struct own_address *out, size_t max)
{
	size_t n = 0;
	for (const char *line = text; line && *line && n < max; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
		n += parse_address(line, &out[n]);
	return n;
}

static bool same_network(const struct own_address *a, const uint8_t *address)
{
	unsigned whole = a->prefix / 8, rest = a->prefix % 8;
	return memcmp(a->address, address, whole) == 0 && (!rest || ((a->address[whole] ^ address[whole]) & (0xff << (8 - rest) & 0xff)) == 0);
}

static void judge_address(struct check *c, const struct ruleset_rule *r, const struct step *s, const uint8_t *address, const struct own_address *own, size_t n)
{
	char text[INET6_ADDRSTRLEN];
	bool near = false;
	struct finding *f = NULL;
	inet_ntop(AF_INET6, address, text, sizeof text);
	for (size_t i = 0; i < n; i++) {
		near |= same_network(&own[i], address);
		if (memcmp(own[i].address, address, 16) != 0)
			continue;
		if (own[i].flags & TEMPORARY)
			f = check_add(c, IPV6_ADDRESS_TEMPORARY, r, "%s is a temporary address: the host will have another one soon", text);
		if (f)
			f->step = s;
		return;
	}
	if (near)
		f = check_add(c, IPV6_ADDRESS_GONE, r, "%s is in a network of this host, which does not have that address", text);
	if (f)
		f->step = s;
}

static bool is_address_step(const struct step *s, bool source)
{
	const struct operand *o = s->kind == STEP_COMPARE && s->compare == COMPARE_EQ ? s->match.operand : s->kind == STEP_LOOKUP && !s->inverted ? s->lookup.operand : NULL;
	return o && !o->next && !o->changes && o->source == SOURCE_PAYLOAD && o->payload.base == NFT_PAYLOAD_NETWORK_HEADER && o->len == 16 &&
		o->payload.offset == (source ? 8 : 24);
}

static void check_addresses_of(struct check *c, const struct ruleset_rule *r, bool source, const struct own_address *own, size_t n)
{
	bool allows = false;
	for (const struct step *s = r->steps; s; s = s->next)
		allows |= s->kind == STEP_VERDICT && s->verdict.code == NF_ACCEPT;
	for (const struct step *s = allows ? r->steps : NULL; s; s = s->next) {
		if (!is_address_step(s, source))
			continue;
		if (s->kind == STEP_COMPARE)
			judge_address(c, r, s, s->match.data, own, n);
		for (uint32_t i = 0; s->kind == STEP_LOOKUP && s->lookup.set && !s->lookup.set->left_out && i < s->lookup.set->n_elements; i++)
			if (!s->lookup.set->elements[i].key_end && !s->lookup.set->elements[i].catch_all)
				judge_address(c, r, s, s->lookup.set->elements[i].key, own, n);
	}
}

/* Addresses of this host stand where packets come to it, or go from it. */
void check_addresses(struct check *c)
{
	struct buffer b = {0};
	struct own_address own[256];
	if (read_host(c, "proc/net/if_inet6", &b)) {
		size_t n = read_addresses((const char *)b.data, own, 256);
		for (const struct ruleset_table *t = n ? c->rs->tables : NULL; t; t = t->next)
			for (const struct ruleset_chain *ch = t->chains; ch; ch = ch->next)
				for (const struct ruleset_rule *r = ch->rules; r; r = r->next) {
					if (!ch->type || ch->hook == NF_INET_LOCAL_IN || ch->hook == NF_INET_PRE_ROUTING)
						check_addresses_of(c, r, false, own, n);
					if (ch->type && (ch->hook == NF_INET_LOCAL_OUT || ch->hook == NF_INET_POST_ROUTING))
						check_addresses_of(c, r, true, own, n);
				}
	}
	buffer_free(&b);
}

/* ---- flush ruleset ---- */

/* The line of a `flush ruleset` that is no comment; 0: none. */
static uint32_t flush_line(const char *text)
{
	uint32_t n = 1;
	for (const char *line = text; line && *line; n++) {
		const char *end = strchr(line, '\n'), *at = strstr(line, "flush ruleset"), *comment = strchr(line, '#');
		if (at && (!end || at < end) && !(comment && comment < at))
			return n;
		line = end ? end + 1 : NULL;
	}
	return 0;
}

/* A table of the ruleset that the text does not make again. */
static const struct ruleset_table *lost_table(const struct ruleset *rs, const char *text)
{
	for (const struct ruleset_table *t = rs->tables; t; t = t->next) {
		char name[160];
		snprintf(name, sizeof name, "table %s %.120s", ruleset_family_name(t->family), t->name);
		if (!strstr(text, name))
			return t;
	}
	return NULL;
}

static void check_flush_file(struct check *c, const struct ruleset *rs, const char *name, const char *text)
{
	uint32_t line = flush_line(text);
	const struct ruleset_table *t = line ? lost_table(rs, text) : NULL;
	struct finding *f = t ? check_add(c, FLUSH_RULESET, NULL, "%s flushes the whole ruleset, and does not make table %s %s (%s) again", name,
		ruleset_family_name(t->family), t->name,
					 check_table_owner(t))
			      : NULL;
	if (!f)
		return;
	f->file = arena_copy(&((struct ruleset *)c->rs)->arena, name, strlen(name) + 1);
	f->line = line;
}

static const char *const flush_files[] = {"etc/nftables.conf", "etc/sysconfig/nftables.conf", "etc/systemd/system/nftables.service", "lib/systemd/system/nftables.service",
	"usr/lib/systemd/system/nftables.service", "etc/rc.local", "etc/init.d/nftables", "etc/crontab"};
static const char *const flush_folders[] = {"etc/systemd/system", "etc/systemd/system/nftables.service.d", "etc/network/if-up.d", "etc/network/if-pre-up.d", "etc/cron.d",
	"etc/NetworkManager/dispatcher.d", "etc/nftables.d", "etc/networkd-dispatcher/routable.d"};

static void check_flush_at(struct check *c, const char *name)
{
	struct buffer b = {0};
	if (read_host(c, name, &b))
		check_flush_file(c, c->rs, name, (const char *)b.data);
	buffer_free(&b);
}

static void check_flush_folder(struct check *c, const char *folder)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/%s", strcmp(c->o->host, "/") == 0 ? "" : c->o->host, folder);
	DIR *d = opendir(path);
	for (struct dirent *e; d && (e = readdir(d));) {
		if (*e->d_name == '.' || e->d_type == DT_DIR || e->d_type == DT_LNK)
			continue;
		snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
		if (strcmp(path, "etc/systemd/system/nftables.service") != 0)
			check_flush_at(c, path);
	}
	if (d)
		closedir(d);
}

void check_flushes(struct check *c)
{
	struct buffer b = {0};
	struct error error;
	if (c->o->file && strcmp(c->o->file, "-") != 0 && file_read(c->o->file, 64u << 20, &b, &error) == 0 && buffer_string(&b)) {
		c->flushes = flush_line((const char *)b.data) > 0;
		if (c->o->against)
			check_flush_file(c, c->o->against, c->o->file, (const char *)b.data);
	}
	buffer_free(&b);
	for (size_t i = 0; c->o->host && i < sizeof flush_files / sizeof *flush_files; i++)
		check_flush_at(c, flush_files[i]);
	for (size_t i = 0; c->o->host && i < sizeof flush_folders / sizeof *flush_folders; i++)
		check_flush_folder(c, flush_folders[i]);
}

/* ---- the administrator's connection ---- */

struct login {
	uint32_t family;
	uint8_t client[16], server[16];
	uint16_t client_port, server_port; /* in network order */
};

static bool parse_login(const char *text, struct login *l)
{
	char client[64], server[64];
	unsigned from, to;
	if (!text || sscanf(text, "%63s %u %63s %u", client, &from, server, &to) != 4 || from > 65535 || to > 65535)
		return false;
	l->client_port = htons((uint16_t)from);
	l->server_port = htons((uint16_t)to);
	client[strcspn(client, "%")] = server[strcspn(server, "%")] = 0;
	l->family = strchr(client, ':') ? NFPROTO_IPV6 : NFPROTO_IPV4;
	int af = l->family == NFPROTO_IPV6 ? AF_INET6 : AF_INET;
	return inet_pton(af, client, l->client) == 1 && inet_pton(af, server, l->server) == 1;
}

static bdd_t login_packets(struct symbolic *sy, const struct login *l, bool answer, uint32_t states)
{
	struct bdd *b = &sy->b;
	bool v4 = sy->family == NFPROTO_IPV4;
	size_t len = v4 ? 4 : 16;
	struct operand net = symbolic_payload(NFT_PAYLOAD_NETWORK_HEADER), transport = symbolic_payload(NFT_PAYLOAD_TRANSPORT_HEADER),
		proto = symbolic_key(SOURCE_META, NFT_META_L4PROTO);
	uint8_t tcp = 6;
	bdd_t set = bdd_and(b, symbolic_way_start(sy, answer ? NF_INET_LOCAL_OUT : NF_INET_LOCAL_IN), symbolic_equals(sy, &proto, 0, &tcp, 1));
	set = bdd_and(b, set, symbolic_equals(sy, &net, v4 ? 96 : 64, answer ? l->server : l->client, len));
	set = bdd_and(b, set, symbolic_equals(sy, &net, v4 ? 128 : 192, answer ? l->client : l->server, len));
	set = bdd_and(b, set, symbolic_equals(sy, &transport, 16, answer ? &l->client_port : &l->server_port, 2));
	if (states != NF_CT_STATE_BIT(IP_CT_NEW))
		set = bdd_and(b, set, symbolic_equals(sy, &transport, 0, answer ? &l->server_port : &l->client_port, 2));
	set = bdd_and(b, set, symbolic_state(sy, states));
	return states == 2 ? bdd_and(b, set, symbolic_direction(sy, answer)) : set;
}

static bool good_drop(const struct witness *w)
{
	return !w->accepted;
}

/* Every device that the connection may use has to let it through; none does: it is cut. */
static void check_login(struct check *c, struct symbolic *sy, const struct login *l, bool answer, uint32_t states, const char *what)
{
	uint32_t hook = answer ? NF_INET_LOCAL_OUT : NF_INET_LOCAL_IN;
	struct {
		bdd_t start;
	} mine = {login_packets(sy, l, answer, states)};
	struct bdd_roots roots;
	struct witness w = {0};
	if (sy->gave_up || mine.start == BDD_FALSE)
		return;
	bdd_push(&sy->b, &roots, &mine.start, 1);
	bdd_t passes = symbolic_walk_way(sy, hook, mine.start, NULL, NULL);
	if (passes == BDD_FALSE && !sy->gave_up) {
		bool found = witness_find(sy, hook, mine.start, mine.start, good_drop, &w);
		enum check_code code = states == 2 ? LOCK_OUT : LOGIN_DROPPED;
		struct finding *f = found && w.end_rule ? check_add(c, code, w.end_rule, "%s", what) : check_add_chain(c, code, w.end_chain, "%s", what);
		check_witness(f, &w, sy->family, hook);
	}
	witness_free(&w);
	bdd_pop(&sy->b);
}

/* The loaded tables that stay, and the file's: with what `nft -f` makes of them. Shares what is in both. */
static struct ruleset *joined(const struct ruleset *file, const struct ruleset *live, bool flushes, struct ruleset_table **copies)
{
	struct ruleset *rs = xcalloc(1, sizeof *rs);
	size_t n = 0, at = 0;
	for (const struct ruleset_table *t = live->tables; t; t = t->next)
		n++;
	for (const struct ruleset_table *t = file->tables; t; t = t->next)
		n++;
	struct ruleset_table *copy = *copies = xcalloc(n + 1, sizeof *copy), **end = &rs->tables;
	*rs = (struct ruleset){.device_names = live->device_names, .n_devices = live->n_devices};
	end = &rs->tables;
	for (int from_live = 0; from_live < 2; from_live++)
		for (const struct ruleset_table *t = from_live ? live->tables : file->tables; t; t = t->next) {
			if (from_live && (flushes || ruleset_find_table(file, t->family, t->name)))
				continue;
			copy[at] = *t;
			copy[at].next = NULL;
			*end = &copy[at];
			end = &copy[at++].next;
			for (struct ruleset_chain *c = t->chains; c; c = c->next) {
				c->number = rs->n_chains++; /* over both */
				rs->n_rules += c->n_rules;
			}
		}
	return rs;
}

void check_lock_out(struct check *c)
{
	struct login l;
	struct symbolic sy;
	struct ruleset_table *copies = NULL;
	if (!c->o->file || !parse_login(c->o->ssh, &l))
		return;
	struct ruleset empty = {.n_chains = 0};
	struct ruleset *rs = joined(c->rs, c->o->against ? c->o->against : &empty, c->flushes, &copies);
	if (symbolic_init(&sy, rs, l.family, c->o->max_nodes ? c->o->max_nodes : 6 << 20, NULL, NULL) == 0) {
		check_login(c, &sy, &l, false, 2, "packets of the ssh connection are dropped on input");
		check_login(c, &sy, &l, true, 2, "answers of the ssh connection are dropped on output");
		check_login(c, &sy, &l, false, 8, "a new ssh connection from the same address is dropped on input");
	}
	symbolic_free(&sy);
	free(copies);
	free(rs);
}
