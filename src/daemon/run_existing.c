// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Connections from before the start (gateway.existing). The kernel's conntrack knows them: they are released by their mark, or noted here, so that the engine
 * takes them up in the middle whatever it does with others. A restart kills none of them.
 */
#include "daemon/run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/log.h"
#include "net/conntrack.h"

#define LOG_MODULE "run"

enum { EXISTING_MAX = 1 << 20 };

/* Hashes of both ends as the hooks see them, in a table of open addressing; 0: free. Written before the workers start, then only read. */
struct existing {
	uint64_t *slot;
	size_t mask, n;
	uint64_t seed;
};

struct ends {
	struct address a, b;
	uint16_t a_port, b_port;
};

static uint64_t hash_of(const struct existing *x, const struct address *src, uint16_t sport, const struct address *dst, uint16_t dport)
{
	struct ends e;
	memset(&e, 0, sizeof e);
	int order = address_compare(src, dst);
	bool turned = order > 0 || (order == 0 && sport > dport);
	e.a = turned ? *dst : *src;
	e.b = turned ? *src : *dst;
	e.a_port = turned ? dport : sport;
	e.b_port = turned ? sport : dport;
	uint64_t h = XXH3_64bits_withSeed(&e, sizeof e, x->seed);
	return h ? h : 1;
}

static bool count(void *context, const struct conntrack_flow *f)
{
	*(size_t *)context += conntrack_established(f);
	return *(size_t *)context < EXISTING_MAX;
}

/* In forward and input a packet of the original direction has its destination translated already and its source not yet; an answer the same turned round. */
static bool note(void *context, const struct conntrack_flow *f)
{
	struct existing *x = context;
	if (!conntrack_established(f) || x->n * 2 > x->mask)
		return true;
	uint64_t h = hash_of(x, &f->original.src, f->original.sport, &f->reply.src, f->reply.sport);
	size_t at = h & x->mask;
	while (x->slot[at] && x->slot[at] != h)
		at = (at + 1) & x->mask;
	x->n += !x->slot[at];
	x->slot[at] = h;
	return true;
}

static bool is_known(void *context, const struct packet *p)
{
	const struct existing *x = context;
	uint64_t h = hash_of(x, &p->src, p->sport, &p->dst, p->dport);
	size_t at = h & x->mask;
	while (x->slot[at] && x->slot[at] != h)
		at = (at + 1) & x->mask;
	return x->slot[at];
}

static int know(struct live *l, struct error *error)
{
	size_t n = 0;
	int r = conntrack_visit(count, &n, error);
	if (r < 0)
		return r;
	struct existing *x = l->existing = xcalloc(1, sizeof *x);
	for (x->mask = 63; x->mask < 4 * n; x->mask = 2 * x->mask + 1)
		;
	x->slot = xcalloc(x->mask + 1, sizeof *x->slot);
	x->seed = l->runtime.options.seed;
	r = conntrack_visit(note, x, error);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < l->n_workers; i++)
		worker_on_midstream(l->worker[i].worker, is_known, x);
	if (x->n)
		log_info("%zu connections were there before; they are inspected from where they are", x->n);
	return 0;
}

int run_existing_init(struct live *l, struct error *error)
{
	uint32_t mask = l->settings.mark_mask;
	struct error why = {0};
	(void)error;
	int r = l->settings.release_existing && l->settings.own_table ? conntrack_mark_established(mask, mark_bits(mask, MARK_RELEASED), &why) : know(l, &why);
	if (r < 0 && r != -EOPNOTSUPP) /* nothing is lost but what this is for */
		log_warning("connections from before the start are not known: %s", why.text);
	return 0;
}

void run_existing_free(struct live *l)
{
	if (l->existing)
		free(l->existing->slot);
	free(l->existing);
}
