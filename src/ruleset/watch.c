// SPDX-License-Identifier: GPL-2.0-or-later
#include "ruleset/watch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "ruleset/print.h"
#include "ruleset/read.h"

enum { SHOWN = 30, FAR = 256 };

struct growth {
	const struct ruleset_rule *rule;
	double packets, bytes; /* a second */
};

struct growths {
	struct growth *item;
	size_t n, room;
};

static const struct step *counter_of(const struct ruleset_rule *r)
{
	for (const struct step *s = r->steps; s; s = s->next)
		if (s->kind == STEP_COUNTER && !s->counter.object && !s->counter.object_key)
			return s;
	return NULL;
}

/* Rules of both looks stand in the same order but for those that went and came: not far to go. */
static const struct ruleset_rule *same_rule(const struct ruleset_rule **at, uint64_t handle)
{
	const struct ruleset_rule *r = *at;
	int left = FAR;
	for (const struct ruleset_rule *p = r; p && left--; p = p->next)
		if (p->handle == handle) {
			*at = p->next;
			return p;
		}
	return NULL;
}

static void compare_chains(struct growths *g, const struct ruleset_chain *before, const struct ruleset_chain *now, double seconds)
{
	const struct ruleset_rule *at = before->rules;
	for (const struct ruleset_rule *r = now->rules; r; r = r->next) {
		const struct step *new = counter_of(r);
		const struct ruleset_rule *was = new ? same_rule(&at, r->handle) : NULL;
		const struct step *old = was ? counter_of(was) : NULL;
		if (!old || new->counter.packets <= old->counter.packets)
			continue;
		if (g->n == g->room)
			g->item = xrealloc(g->item, (g->room = g->room ? g->room * 2 : 64) * sizeof *g->item);
		g->item[g->n++] = (struct growth){r, (double)(new->counter.packets - old->counter.packets) / seconds,
						  (double)(new->counter.bytes - old->counter.bytes) / seconds};
	}
}

static int fastest_first(const void *va, const void *vb)
{
	const struct growth *a = va, *b = vb;
	return a->packets < b->packets ? 1 : a->packets > b->packets ? -1 : 0;
}

static void print_growths(FILE *out, const struct ruleset *rs, struct growths *g)
{
	if (g->n)
		qsort(g->item, g->n, sizeof *g->item, fastest_first);
	fprintf(out, "%12s %14s\n", "packets/s", "bytes/s");
	for (size_t i = 0; i < g->n && i < SHOWN; i++) {
		const struct ruleset_rule *r = g->item[i].rule;
		fprintf(out, "%12.1f %14.1f  %s %s %s %u: ", g->item[i].packets, g->item[i].bytes, ruleset_family_name(r->chain->table->family), r->chain->table->name,
			r->chain->name, r->index);
		ruleset_print_rule(out, rs, r);
		putc('\n', out);
	}
	if (!g->n)
		fputs("           no counter grew\n", out);
	if (g->n > SHOWN)
		fprintf(out, "           and %zu more\n", g->n - SHOWN);
}

static void print_sets(FILE *out, const struct ruleset *before, const struct ruleset *now)
{
	for (const struct ruleset_table *t = now->tables; t; t = t->next) {
		const struct ruleset_table *was = ruleset_find_table(before, t->family, t->name);
		for (const struct ruleset_set *s = t->sets; s && was; s = s->next) {
			const struct ruleset_set *old = s->flags & NFT_SET_ANONYMOUS ? NULL : ruleset_find_set(was, s->name, 0);
			if (old && old->n_elements != s->n_elements)
				fprintf(out, "  set %s %s %s: %u elements, before %u\n", ruleset_family_name(t->family), t->name, s->name, s->n_elements, old->n_elements);
		}
	}
}

static void print_difference(FILE *out, const struct ruleset *before, const struct ruleset *now, double seconds)
{
	struct growths g = {0};
	for (const struct ruleset_table *t = now->tables; t; t = t->next) {
		const struct ruleset_table *was = ruleset_find_table(before, t->family, t->name);
		for (const struct ruleset_chain *c = t->chains; c && was; c = c->next) {
			const struct ruleset_chain *old = ruleset_find_chain(was, c->name);
			if (old)
				compare_chains(&g, old, c, seconds);
		}
	}
	print_growths(out, now, &g);
	print_sets(out, before, now);
	if (before->generation != now->generation)
		fprintf(out, "  the ruleset was changed meanwhile (generation %u, before %u)\n", now->generation, before->generation);
	fflush(out);
	free(g.item);
}

int ruleset_watch(FILE *out, double seconds, unsigned count, bool terminal)
{
	static const struct ruleset_options options = {.no_elements = true};
	struct timespec pause = {.tv_sec = (time_t)seconds, .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};
	struct ruleset *before = NULL, *now;
	struct error error = {0};
	usec_t then = clock_monotonic();
	if (ruleset_read_live(&before, &options, &error) < 0) {
		fprintf(stderr, "sluice: %s\n", error.text);
		return -EIO;
	}
	for (unsigned i = 0; count == 0 || i < count; i++) {
		nanosleep(&pause, NULL);
		if (ruleset_read_live(&now, &options, &error) < 0) {
			fprintf(stderr, "sluice: %s\n", error.text);
			ruleset_free(before);
			return -EIO;
		}
		usec_t here = clock_monotonic();
		fputs(terminal ? "\033[H\033[2J" : i ? "\n" : "", out);
		print_difference(out, before, now, (double)(here - then) / USEC_PER_SEC);
		ruleset_free(before);
		before = now;
		then = here;
	}
	ruleset_free(before);
	return 0;
}
