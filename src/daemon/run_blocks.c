// SPDX-License-Identifier: GPL-2.0-or-later
/* Verdicts that block: from the worker's thread into the list and the kernel's sets, and into a record. */
#include "daemon/run.h"

#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "daemon/nat.h"
#include "gateway/sets.h"

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
static struct address destination_of(const struct live *l, const struct respond_block *b)
{
	struct nat_view v;
	return nat_find(l->block_sets, b->packet, &v) ? nat_destination(&v) : b->address;
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
		real.address = destination_of(w->live, b);
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

enum { ROUTES_MAX = 20000 /* looked at, the default ones first: a whole table of the Internet's would take seconds */ };

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

/* False: the file cannot be read. */
static bool allow_resolvers(struct allow_list *l)
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
	return f;
}

static void allow_gateway(struct allow_list *l, const struct address *a)
{
	if (!allow_list_why(l, a, (unsigned)address_len(a) * 8)) /* thousands of routes go by a handful of gateways */
		(void)allow_list_add(l, a, (unsigned)address_len(a) * 8, "gateway");
}

/* /proc/net/route has the gateway in hex, in the machine's byte order; /proc/net/ipv6_route in 32 hex digits, in the fifth column. */
static void allow_gateways(struct allow_list *l)
{
	char line[512], hex[33];
	unsigned gateway;
	FILE *f = fopen("/proc/net/route", "re");
	for (int i = 0; f && i < ROUTES_MAX && fgets(line, sizeof line, f); i++)
		if (sscanf(line, "%*s %*x %x", &gateway) == 1 && gateway) {
			struct address a = {.family = 4};
			memcpy(a.byte, &gateway, 4);
			allow_gateway(l, &a);
		}
	if (f)
		fclose(f);
	f = fopen("/proc/net/ipv6_route", "re");
	for (int i = 0; f && i < ROUTES_MAX && fgets(line, sizeof line, f); i++)
		if (sscanf(line, "%*32s %*2s %*32s %*2s %32s", hex) == 1 && strspn(hex, "0") < 32 && strlen(hex) == 32) {
			struct address a = {.family = 6};
			for (size_t k = 0; k < 16; k++) {
				char byte[3] = {hex[2 * k], hex[2 * k + 1], 0};
				a.byte[k] = (uint8_t)strtoul(byte, NULL, 16);
			}
			allow_gateway(l, &a);
		}
	if (f)
		fclose(f);
}

static bool allow_own(struct allow_list *l)
{
	struct ifaddrs *all = NULL;
	struct address a;
	if (getifaddrs(&all) < 0)
		return false;
	for (const struct ifaddrs *i = all; i; i = i->ifa_next)
		if (address_of(i->ifa_addr, &a))
			(void)allow_list_add(l, &a, (unsigned)address_len(&a) * 8, "own address");
	freeifaddrs(all);
	return true;
}

/* Addresses come and go (DHCP, renumbering), so they are read again now and then. What cannot be read any more stays as it was. */
void run_allow_machine(void *context)
{
	static const char *const reasons[] = {"own address", "gateway", "resolver"};
	struct live *l = context;
	struct allow_list *fresh = allow_list_new();
	if (!allow_own(fresh)) {
		allow_list_free(fresh);
		return;
	}
	allow_gateways(fresh);
	bool resolvers = allow_resolvers(fresh);
	allow_list_replace(l->runtime.machine, reasons, resolvers ? 3 : 2, fresh);
}

static void allow_ssh_client(struct live *l)
{
	const char *ssh = getenv("SSH_CONNECTION");
	if (!ssh)
		ssh = getenv("SSH_CLIENT");
	if (ssh)
		allow_text(l->runtime.machine, ssh, strcspn(ssh, " %"), "ssh client");
}

/* ---- what a person asks for ---- */

int run_block(struct live *l, const struct address *a, unsigned len, usec_t lasts, const char *why, struct block *done, struct error *error)
{
	struct policy *policy = l->runtime.edition->respond.policy;
	const char *allowed_as = policy_allow_why(policy, a, len);
	if (allowed_as)
		return error_set(error, EPERM, "it is never blocked: %s", allowed_as);
	if (!l->block_sets)
		return error_set(error, ENOENT, "there is no table of sluice's own to block by (gateway.table: none)");
	usec_t now = clock_real();
	struct block b = {.prefix = *a, .len = (uint8_t)len, .since = now, .until = lasts ? now + lasts : 0};
	snprintf(b.why, sizeof b.why, "%s", why);
	return block_list_add(l->blocks, &b, now, is_allowed, policy, done, error);
}

static void note_counters(void *context, const struct gateway_block *b, uint64_t packets, uint64_t bytes)
{
	struct live *l = context;
	(void)block_list_note(l->blocks, &b->prefix, b->len, packets, bytes);
}

void run_read_blocks(struct live *l)
{
	struct error why;
	if (l->block_sets)
		(void)gateway_sets_read(l->block_sets, note_counters, l, &why);
}

void run_blocks_tick(void *context)
{
	struct live *l = context;
	struct error why = {0};
	usec_t now = clock_real();
	block_list_expire(l->blocks, now);
	size_t left = block_list_retry(l->blocks, now, &why);
	if (left && !l->said_pending)
		log_warning("%zu blocks are not in force: %s; tried again every second", left, why.text);
	else if (!left && l->said_pending)
		log_notice("all blocks are in force again");
	l->said_pending = left > 0;
}

static void save(struct live *l)
{
	struct error why = {0};
	if (block_list_save(l->blocks, &why) < 0 && !l->said_save_failed) {
		l->said_save_failed = true;
		log_warning("blocks with time left would not survive a restart: %s", why.text);
	}
}

static struct live *of_saver(struct errand *e)
{
	return (struct live *)((char *)e - offsetof(struct live, saver));
}

static void save_aside(struct errand *e)
{
	struct live *l = of_saver(e);
	usec_t begin = clock_monotonic();
	save(l);
	usec_t end = clock_monotonic();
	l->save_next = end + 20 * (end - begin); /* a long list under attack does not keep the disk busy */
}

static void saved(struct errand *e, bool worked)
{
	(void)worked;
	of_saver(e)->saving = false;
}

/* Aside: to wait for the disk (fsync) is nothing for the main thread, which also looks after the table. */
void run_blocks_save(void *context)
{
	struct live *l = context;
	if (l->saving || clock_monotonic() < l->save_next)
		return;
	l->saving = true;
	l->saver = (struct errand){.work = save_aside, .done = saved};
	aside_do(l->aside, &l->saver);
}

/* ---- begin and end ---- */

/* Before workers can block somebody: then the list would be taken for one that was restored already. The kernel's sets follow when they are there. */
static void restore(struct live *l)
{
	struct error why = {0};
	if (block_list_restore(l->blocks, clock_real(), is_allowed, l->runtime.edition->respond.policy, &why) < 0)
		log_warning("blocks of the last run are not restored: %s", why.text);
}

int run_blocks_open(struct live *l, struct error *error)
{
	struct block_settings s;
	int r = block_settings_read(&s, l->runtime.conf, error);
	if (r < 0)
		return r;
	l->blocks = block_list_new(&s, &(struct block_ops){.change = change_sets, .event = record, .context = l});
	if (!l->blocks)
		return error_set(error, ENOMEM, "out of memory");
	run_allow_machine(l);
	allow_ssh_client(l);
	restore(l);
	struct error why = {0};
	l->block_sets = l->settings.own_table ? gateway_sets_open(&why) : NULL;
	if (l->settings.own_table && !l->block_sets)
		log_warning("%s; nobody is blocked in the kernel", why.text);
	for (unsigned i = 0; i < l->n_workers; i++)
		worker_on_block(l->worker[i].worker, &(struct respond_hooks){.block = on_block, .spare = on_spare, .context = &l->worker[i]});
	return 0;
}

void run_blocks_restore(struct live *l)
{
	struct error why = {0};
	if (block_list_reload(l->blocks, clock_real(), &why) < 0)
		log_warning("blocks of the last run are not in force: %s", why.text);
}

void run_blocks_close(struct live *l)
{
	if (!l->blocks)
		return;
	block_list_expire(l->blocks, clock_real());
	if (l->since && !l->saving) /* still: the disk hangs */
		save(l);
	if (l->stuck)
		return;
	block_list_free(l->blocks);
	if (l->block_sets)
		gateway_sets_close(l->block_sets);
	l->blocks = NULL;
	l->block_sets = NULL;
}
