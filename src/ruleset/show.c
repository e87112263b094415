// SPDX-License-Identifier: GPL-2.0-or-later
#include "ruleset/show.h"

#include <linux/netfilter_arp.h>
#include <linux/netfilter_bridge.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "ruleset/print.h"

/* ---- sections ---- */

struct building {
	const struct show *show;
	struct show_section *section;
	size_t n;
};

static bool hook_is_wanted(const struct show *s, uint32_t family, uint32_t hook)
{
	return !s->hook || strcmp(s->hook, ruleset_hook_name(family, hook)) == 0;
}

static struct show_section *add_section(struct building *b, uint32_t family, uint32_t hook, const char *device)
{
	struct station some[64];
	size_t n = ruleset_stations(b->show->rs, family, hook, device, some, 64);
	b->section = xrealloc(b->section, (b->n + 1) * sizeof *b->section);
	struct show_section *s = &b->section[b->n++];
	*s = (struct show_section){.family = family, .hook = hook, .device = device, .n = n, .stations = xcalloc(n + 1, sizeof *s->stations)};
	if (n <= 64)
		memcpy(s->stations, some, n * sizeof *some);
	else
		ruleset_stations(b->show->rs, family, hook, device, s->stations, n);
	return s;
}

static bool sections_equal(const struct show_section *a, const struct show_section *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (a->stations[i].kind != b->stations[i].kind || a->stations[i].chain != b->stations[i].chain || a->stations[i].name != b->stations[i].name)
			return false;
	return true;
}

/* IPv4 and IPv6 together, where they are alike. */
static void add_ip(struct building *b, uint32_t hook)
{
	uint8_t family = b->show->packet ? b->show->packet->family : 0;
	const char *name = ruleset_hook_name(NFPROTO_INET, hook);
	if (!hook_is_wanted(b->show, NFPROTO_INET, hook))
		return;
	if (family != 6)
		snprintf(add_section(b, NFPROTO_IPV4, hook, NULL)->title, 96, "%s (IPv4)", name);
	if (family != 4)
		snprintf(add_section(b, NFPROTO_IPV6, hook, NULL)->title, 96, "%s (IPv6)", name);
	if (family == 0 && sections_equal(&b->section[b->n - 2], &b->section[b->n - 1])) {
		free(b->section[--b->n].stations);
		snprintf(b->section[b->n - 1].title, 96, "%s (IPv4, IPv6)", name);
	}
}

static void add_if_used(struct building *b, uint32_t family, uint32_t hook, const char *device)
{
	if (!hook_is_wanted(b->show, family, hook))
		return;
	struct show_section *s = add_section(b, family, hook, device);
	snprintf(s->title, sizeof s->title, "%s%s%s", ruleset_hook_name(family, hook), device ? " of " : family == NFPROTO_ARP ? " (ARP)" : " (bridge)", device ? device : "");
	if (s->n == 0)
		free(b->section[--b->n].stations);
}

static bool is_listed(const char *const *names, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

enum { DEVICES_SHOWN = 256 };

static size_t list_devices(const struct ruleset *rs, const char **out)
{
	size_t n = 0;
	for (const struct ruleset_table *t = rs->tables; t; t = t->next) {
		for (const struct ruleset_flowtable *f = t->flowtables; f; f = f->next)
			for (size_t i = 0; f->devices && f->devices[i] && n < DEVICES_SHOWN; i++)
				if (!is_listed(out, n, f->devices[i]))
					out[n++] = f->devices[i];
		for (const struct ruleset_chain *c = t->chains; c; c = c->next)
			for (size_t i = 0; c->devices && c->devices[i] && n < DEVICES_SHOWN; i++)
				if (!is_listed(out, n, c->devices[i]))
					out[n++] = c->devices[i];
	}
	return n;
}

struct show_section *show_sections(const struct show *s, size_t *n)
{
	struct building b = {.show = s};
	const char *devices[DEVICES_SHOWN];
	size_t n_devices = list_devices(s->rs, devices);
	const struct packet_words *p = s->packet;
	for (size_t i = 0; i < n_devices; i++)
		if (!p || !p->iif[0] || strcmp(p->iif, devices[i]) == 0)
			add_if_used(&b, NFPROTO_NETDEV, NF_NETDEV_INGRESS, devices[i]);
	for (uint32_t hook = 0; hook < NF_INET_NUMHOOKS; hook++)
		add_ip(&b, hook);
	for (size_t i = 0; i < n_devices; i++)
		if (!p || !p->oif[0] || strcmp(p->oif, devices[i]) == 0)
			add_if_used(&b, NFPROTO_NETDEV, NF_NETDEV_INGRESS + 1, devices[i]);
	for (uint32_t hook = 0; hook < NF_ARP_NUMHOOKS; hook++)
		add_if_used(&b, NFPROTO_ARP, hook, NULL);
	for (uint32_t hook = 0; hook < NF_INET_NUMHOOKS; hook++)
		add_if_used(&b, NFPROTO_BRIDGE, hook, NULL);
	*n = b.n;
	return b.section;
}

void show_sections_free(struct show_section *sections, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(sections[i].stations);
	free(sections);
}

/* ---- facts ---- */

struct walk {
	const struct ruleset_chain **todo; /* chains, each once */
	bool *seen;
	size_t n;
	struct chain_facts *facts;
};

static void meet_chain(struct walk *w, const struct ruleset_chain *c)
{
	if (!c || w->seen[c->number])
		return;
	w->seen[c->number] = true;
	w->todo[w->n++] = c;
}

static void meet_verdict(struct walk *w, const struct verdict *v)
{
	w->facts->drops |= v->code == NF_DROP;
	w->facts->accepts |= v->code == NF_ACCEPT;
	meet_chain(w, v->chain);
}

static void meet_queue(struct chain_facts *f, const struct step *s)
{
	for (size_t i = 0; i < f->n_queues; i++)
		if (f->queue[i].from == s->queue.from && f->queue[i].to == s->queue.to && f->queue[i].flags == s->queue.flags)
			return;
	if (f->n_queues == sizeof f->queue / sizeof *f->queue)
		return;
	f->queue[f->n_queues].from = s->queue.from;
	f->queue[f->n_queues].to = s->queue.to;
	f->queue[f->n_queues].flags = s->queue.flags;
	f->queue[f->n_queues++].computed = s->queue.operand != NULL;
}

static void meet_steps(struct walk *w, const struct step *s)
{
	struct chain_facts *f = w->facts;
	for (; s; s = s->next) {
		switch (s->kind) {
		case STEP_VERDICT:
			meet_verdict(w, &s->verdict);
			break;
		case STEP_VERDICT_MAP:
			for (uint32_t i = 0; i < s->lookup.set->n_elements && !s->lookup.set->left_out; i++)
				meet_verdict(w, &s->lookup.set->elements[i].verdict);
			break;
		case STEP_REJECT:
			f->rejects = true;
			break;
		case STEP_QUEUE:
			meet_queue(f, s);
			break;
		case STEP_NAT:
			f->nat = true;
			break;
		case STEP_NOTRACK:
			f->notrack = true;
			break;
		case STEP_FLOW_ADD:
			f->offload = true;
			break;
		case STEP_XT_MATCH:
		case STEP_XT_TARGET:
			for (const struct step *m = s->xt.meaning; m; m = m->next) { /* one level deep, as meanings are made */
				f->rejects |= m->kind == STEP_REJECT;
				f->nat |= m->kind == STEP_NAT;
				f->notrack |= m->kind == STEP_NOTRACK;
				if (m->kind == STEP_QUEUE)
					meet_queue(f, m);
			}
			break;
		default:
			break;
		}
	}
}

static void add_counters(struct chain_facts *f, const struct step *s)
{
	for (; s; s = s->next)
		if (s->kind == STEP_COUNTER && !s->counter.object && !s->counter.object_key) {
			f->packets += s->counter.packets;
			f->bytes += s->counter.bytes;
		}
}

void chain_facts(const struct ruleset *rs, const struct ruleset_chain *c, struct chain_facts *f)
{
	struct walk w = {.todo = xcalloc(rs->n_chains + 1, sizeof *w.todo), .seen = xcalloc(rs->n_chains + 1, 1), .facts = f};
	memset(f, 0, sizeof *f);
	meet_chain(&w, c);
	for (size_t i = 0; i < w.n; i++) {
		for (const struct ruleset_rule *r = w.todo[i]->rules; r; r = r->next) {
			meet_steps(&w, r->steps);
			f->unknown |= r->unknown;
			if (i == 0)
				add_counters(f, r->steps);
		}
		f->n_rules += w.todo[i]->n_rules;
	}
	f->n_chains = w.n ? (uint32_t)w.n - 1 : 0;
	free(w.todo);
	free(w.seen);
}

void chain_facts_text(const struct chain_facts *f, struct buffer *out)
{
	const struct {
		bool is;
		const char *name;
	} words[] = {{f->drops, "drops"}, {f->rejects, "rejects"}, {f->nat, "translates"}, {f->notrack, "takes from tracking"}, {f->offload, "offloads flows"},
		     {f->unknown, "not wholly understood"}};
	const char *comma = "";
	for (size_t i = 0; i < f->n_queues; i++) {
		buffer_printf(out, "%squeue %u", comma, f->queue[i].from);
		if (f->queue[i].to != f->queue[i].from)
			buffer_printf(out, "-%u", f->queue[i].to);
		if (f->queue[i].computed)
			buffer_add_string(out, " by expression");
		if (f->queue[i].flags & NFT_QUEUE_FLAG_BYPASS)
			buffer_add_string(out, " bypass");
		if (f->queue[i].flags & NFT_QUEUE_FLAG_CPU_FANOUT)
			buffer_add_string(out, " fanout");
		comma = ", ";
	}
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (words[i].is) {
			buffer_printf(out, "%s%s", comma, words[i].name);
			comma = ", ";
		}
}

/* ---- queues ---- */

struct queues {
	struct show_queue *item;
	size_t n;
};

static struct show_queue *queue_of(struct queues *q, uint16_t number)
{
	for (size_t i = 0; i < q->n; i++)
		if (q->item[i].number == number)
			return &q->item[i];
	q->item = xrealloc(q->item, (q->n + 1) * sizeof *q->item);
	q->item[q->n] = (struct show_queue){.number = number};
	return &q->item[q->n++];
}

enum { QUEUES_SHOWN = 1024 };

static void use_queues(struct queues *q, const struct step *s)
{
	for (; s; s = s->next) {
		const struct step *inner = s->kind == STEP_XT_TARGET ? s->xt.meaning : s;
		if (!inner || inner->kind != STEP_QUEUE || inner->queue.operand)
			continue;
		for (uint32_t n = inner->queue.from; n <= inner->queue.to && q->n < QUEUES_SHOWN; n++) {
			struct show_queue *one = queue_of(q, (uint16_t)n);
			one->used = true;
			one->bypass |= (inner->queue.flags & NFT_QUEUE_FLAG_BYPASS) != 0;
		}
	}
}

static void name_process(struct show_queue *q)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%u/comm", q->port);
	FILE *f = fopen(path, "re");
	if (f && fgets(q->process, sizeof q->process, f))
		q->process[strcspn(q->process, "\n")] = 0;
	if (f)
		fclose(f);
}

static void read_listeners(struct queues *q)
{
	FILE *f = fopen("/proc/net/netfilter/nfnetlink_queue", "re");
	unsigned number, port, waiting, mode, range, dropped, user_dropped;
	char line[160];
	while (f && fgets(line, sizeof line, f)) {
		if (sscanf(line, "%u %u %u %u %u %u %u", &number, &port, &waiting, &mode, &range, &dropped, &user_dropped) != 7)
			continue;
		struct show_queue *one = queue_of(q, (uint16_t)number);
		one->listened = true;
		one->port = port;
		one->waiting = waiting;
		one->dropped = dropped;
		one->user_dropped = user_dropped;
		name_process(one);
	}
	if (f)
		fclose(f);
}

static int by_number(const void *a, const void *b)
{
	return ((const struct show_queue *)a)->number - ((const struct show_queue *)b)->number;
}

struct show_queue *show_queues(const struct ruleset *rs, size_t *n)
{
	struct queues q = {0};
	for (const struct ruleset_table *t = rs->tables; t; t = t->next)
		for (const struct ruleset_chain *c = t->chains; c; c = c->next)
			for (const struct ruleset_rule *r = c->rules; r; r = r->next)
				use_queues(&q, r->steps);
	if (rs->live)
		read_listeners(&q);
	if (q.n)
		qsort(q.item, q.n, sizeof *q.item, by_number);
	*n = q.n;
	return q.item;
}
