// SPDX-License-Identifier: GPL-2.0-or-later
/* Verdicts that block: from the worker's thread into the list and the kernel's sets, and into a record. */
#include "daemon/run.h"

#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "gateway/sets.h"
#include "net/conntrack.h"

#define LOG_MODULE "run"

/* ---- the list's view of the kernel and of the log ---- */

static void convert(const struct block_change *from, size_t n, struct gateway_block *to)
{
	for (size_t i = 0; i < n; i++)
		to[i] = (struct gateway_block){.prefix = from[i].prefix, .len = from[i].len, .lasts = from[i].lasts};
}

static int change_sets(void *context, const struct block_change *remove, size_t n_remove, const struct block_change *add, size_t n_add, struct error *error)
{
	struct live *l = context;
	struct gateway_block few[16], *all = few;
	if (!l->block_sets)
		return 0;
	if (n_remove + n_add > sizeof few / sizeof *few)
		all = xcalloc(n_remove + n_add, sizeof *all);
	convert(remove, n_remove, all);
	convert(add, n_add, all + n_remove);
	int r = gateway_sets_change(l->block_sets, all, n_remove, all + n_remove, n_add, error);
	if (all != few)
		free(all);
	return r;
}

static void record(void *context, enum block_event what, const struct block *b, size_t covered)
{
	struct live *l = context;
	output_block(l->runtime.outputs, block_event_names[what], b, covered, clock_real());
}

/* ---- a worker's verdict ---- */

static bool is_allowed(void *context, const struct address *a, unsigned len)
{
	return policy_allowed(context, a, len);
}

/* Whom the client meant, before any NAT: that is what the sets see. */
static struct address destination_of(const struct respond_block *b)
{
	const struct packet *p = b->packet;
	struct conntrack_tuple seen = {.src = p->src, .dst = p->dst, .sport = p->sport, .dport = p->dport, .proto = p->proto};
	struct conntrack_flow c;
	if (conntrack_of(&seen, &c, NULL) < 0)
		return b->address;
	return address_equal(&c.original.src, &p->src) ? c.original.dst : c.original.src;
}

static struct block block_from(const struct respond_block *b, usec_t now)
{
	const struct signature *sig = b->alert->sig;
	struct block x = {.prefix = b->address, .len = b->len, .since = now, .until = now + b->lasts, .gid = sig->gid, .sid = sig->sid,
			  .generation = b->generation, .flow_id = b->flow ? b->flow->id : 0};
	snprintf(x.why, sizeof x.why, "%s: %s", b->why, sig->msg ? sig->msg : "");
	return x;
}

static void on_spare(void *context, const struct respond_block *b, const char *allowed_as, uint64_t more)
{
	struct live_worker *w = context;
	usec_t now = clock_real();
	struct block x = block_from(b, now);
	char more_text[40] = "";
	if (more)
		snprintf(more_text, sizeof more_text, ", and %llu before", (unsigned long long)more);
	snprintf(x.why, sizeof x.why, "%s names it%s; %s", allowed_as, more_text, b->why);
	output_block(w->live->runtime.outputs, "spare", &x, 0, now);
}

static int on_block(void *context, const struct respond_block *b)
{
	struct live_worker *w = context;
	struct policy *policy = w->edition->respond.policy;
	struct respond_block real = *b;
	if (b->dst)
		real.address = destination_of(b);
	const char *allowed_as = b->dst ? policy_allow_why(policy, &real.address, b->len) : NULL;
	if (allowed_as) {
		on_spare(w, &real, allowed_as, 0);
		return -EPERM;
	}
	usec_t now = clock_real();
	struct block x = block_from(&real, now), done;
	return block_list_add(w->live->blocks, &x, now, is_allowed, policy, &done, NULL);
}

/* ---- start and end ---- */

static bool address_of(const struct sockaddr *s, struct address *out)
{
	*out = (struct address){0};
	if (s && s->sa_family == AF_INET) {
		out->family = 4;
		memcpy(out->byte, &((const struct sockaddr_in *)(const void *)s)->sin_addr, 4);
	} else if (s && s->sa_family == AF_INET6) {
		out->family = 6;
		memcpy(out->byte, &((const struct sockaddr_in6 *)(const void *)s)->sin6_addr, 16);
	}
	return out->family;
}

static void allow_text(struct allow_list *l, const char *text, size_t len, const char *why)
{
	struct address a;
	if (address_parse(bytes_of(text, len), &a))
		(void)allow_list_add(l, &a, (unsigned)address_len(&a) * 8, why);
}

static void allow_resolvers(struct allow_list *l)
{
	char line[256];
	FILE *f = fopen("/etc/resolv.conf", "re");
	while (f && fgets(line, sizeof line, f)) {
		char name[64];
		if (sscanf(line, " nameserver %63s", name) == 1)
			allow_text(l, name, strcspn(name, "%"), "resolver");
	}
	if (f)
		fclose(f);
}

/* As the machine is at the start; main's loop may look again. */
void run_allow_machine(struct live *l)
{
	struct ifaddrs *all = NULL;
	struct address a;
	const char *ssh = getenv("SSH_CLIENT");
	if (getifaddrs(&all) == 0) {
		for (const struct ifaddrs *i = all; i; i = i->ifa_next)
			if (address_of(i->ifa_addr, &a))
				(void)allow_list_add(l->runtime.machine, &a, (unsigned)address_len(&a) * 8, "own address");
		freeifaddrs(all);
	}
	allow_resolvers(l->runtime.machine);
	if (ssh)
		allow_text(l->runtime.machine, ssh, strcspn(ssh, " "), "ssh client");
}

int run_blocks_open(struct live *l, struct error *error)
{
	struct block_settings s;
	int r = block_settings_read(&s, l->runtime.conf, error);
	if (r < 0)
		return r;
	struct error why = {0};
	l->block_sets = l->settings.own_table ? gateway_sets_open(&why) : NULL;
	if (l->settings.own_table && !l->block_sets)
		log_warning("%s; nobody is blocked in the kernel", why.text);
	l->blocks = block_list_new(&s, &(struct block_ops){.change = change_sets, .event = record, .context = l});
	if (!l->blocks)
		return error_set(error, ENOMEM, "out of memory");
	run_allow_machine(l);
	for (unsigned i = 0; i < l->n_workers; i++)
		worker_on_block(l->worker[i].worker, &(struct respond_hooks){.block = on_block, .spare = on_spare, .context = &l->worker[i]});
	return 0;
}

void run_blocks_restore(struct live *l)
{
	struct error why = {0};
	if (block_list_restore(l->blocks, clock_real(), is_allowed, l->runtime.edition->respond.policy, &why) < 0)
		log_warning("blocks of the last run are not restored: %s", why.text);
}

void run_blocks_close(struct live *l)
{
	struct error why = {0};
	if (!l->blocks)
		return;
	block_list_expire(l->blocks, clock_real());
	if (l->since && block_list_save(l->blocks, &why) < 0)
		log_warning("blocks with time left are not kept: %s", why.text);
	block_list_free(l->blocks);
	if (l->block_sets)
		gateway_sets_close(l->block_sets);
	l->blocks = NULL;
	l->block_sets = NULL;
}
