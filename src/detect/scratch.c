// SPDX-License-Identifier: GPL-2.0-or-later
/* What a worker needs to detect: made with it, fitted to each new engine. */
#include "detect/engine.h"

#include <errno.h>
#include <stdlib.h>

/* State on flows and transactions outlives engines, so its slabs do too. */
static struct inspect *inspect_made(struct detect_scratch *s)
{
	struct inspect *in = s->inspect;
	if (in)
		return in;
	in = calloc(1, sizeof *in);
	if (!in)
		return NULL;
	slab_init(&in->tx_slab, detect_tx_size());
	slab_init(&in->flow_slab, sizeof(struct flow_detect));
	s->inspect = in;
	return in;
}

static int inspect_init(struct detect_scratch *s, const struct engine *e)
{
	struct inspect *in = inspect_made(s);
	if (!in)
		return -ENOMEM;
	*in = (struct inspect){.tx_slab = in->tx_slab, .flow_slab = in->flow_slab, .room = e->n_sigs};
	in->seen = calloc(e->n_sigs + 1u, sizeof *in->seen);
	in->candidate = calloc(e->n_sigs + 1u, sizeof *in->candidate);
	in->groups = group_cache_new(e);
	if (!in->seen || !in->candidate || !in->groups)
		return -ENOMEM;
	if (e->scratch && hs_clone_scratch(e->scratch, &in->scratch) != HS_SUCCESS)
		return -ENOMEM;
	return 0;
}

static void inspect_deinit(struct detect_scratch *s)
{
	struct inspect *in = s->inspect;
	if (!in)
		return;
	hs_free_scratch(in->scratch);
	group_cache_free(in->groups);
	free(in->seen);
	free(in->candidate);
	in->scratch = NULL;
	in->groups = NULL;
	in->group = NULL;
	in->seen = in->candidate = NULL;
	in->room = in->n_candidates = 0;
	in->round = 0;
	in->has_chunk = false;
}

struct detect_scratch *detect_scratch_new(const struct engine *e, const struct engine_settings *s, struct counters *counters)
{
	struct detect_scratch *d = calloc(1, sizeof *d);
	if (!d)
		return NULL;
	d->engine = e;
	d->counters = counters;
	d->alert_max = s->packet_alert_max;
	if (program_scratch_init(d, s->recursion_limit, s->pcre_match_limit, s->pcre_match_limit_recursion, NULL) || (e && inspect_init(d, e))) {
		detect_scratch_free(d);
		return NULL;
	}
	return d;
}

/* What was found and not yet told belongs to the old rules; what flows and transactions hold says by its generation whose it is. */
static void forget_found(struct detect_scratch *s)
{
	s->sig = NULL;
	s->packet = NULL;
	s->flow = NULL;
	s->tx = NULL;
	s->n_alerts = 0;
	s->n_capture_vars = s->n_pktvars = s->n_context = s->n_context_texts = 0;
	s->match_context = (struct bytes){0};
}

int detect_scratch_use(struct detect_scratch *s, const struct engine *e)
{
	struct inspect old = {0}, *in = s->inspect;
	if (in)
		old = *in;
	if (e && inspect_init(s, e)) {
		inspect_deinit(s);
		if (in)
			*in = old;
		return -ENOMEM;
	}
	struct inspect fresh = in ? *in : (struct inspect){0};
	if (in) {
		*in = old;
		inspect_deinit(s);
		if (e)
			*in = fresh;
	}
	s->engine = e;
	forget_found(s);
	return 0;
}

void detect_scratch_free(struct detect_scratch *s)
{
	if (!s)
		return;
	inspect_deinit(s);
	struct inspect *in = s->inspect;
	if (in) {
		slab_free(&in->tx_slab);
		slab_free(&in->flow_slab);
		free(in);
	}
	program_scratch_deinit(s);
	free(s);
}

void detect_flow_release(struct flow *f)
{
	struct flow_detect *d = f->detect;
	if (d)
		slab_give(&d->owner->flow_slab, d);
	f->detect = NULL;
	if (f->bits)
		flow_bits_free(f);
}
