// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/nat.h"

#include "base/clock.h"
#include "flow/flow.h"
#include "gateway/called.h"

enum { SEARCHES_PER_SECOND = 50 }; /* each walks the kernel's whole table: milliseconds where that is large */

static bool may_search(void)
{
	static _Thread_local usec_t second;
	static _Thread_local unsigned in_second;
	usec_t now = clock_monotonic() / USEC_PER_SEC;
	if (now != second) {
		second = now;
		in_second = 0;
	}
	return in_second++ < SEARCHES_PER_SECOND;
}

static void take_flow(const struct conntrack_flow *c, const struct conntrack_tuple *seen, struct nat_view *out)
{
	*out = (struct nat_view){.original = c->original, .reply = c->reply};
	out->answer = !address_equal(&c->original.src, &seen->src) || c->original.sport != seen->sport;
}

/* Only a flow that was answered can be in conntrack and yet be found by neither tuple. */
static bool was_answered(const struct packet *p)
{
	return p->flow && p->flow->side[0].packets && p->flow->side[1].packets;
}

bool nat_find(struct gateway_sets *sets, const struct packet *p, struct nat_view *out)
{
	struct conntrack_tuple seen = {.src = p->src, .dst = p->dst, .sport = p->sport, .dport = p->dport, .proto = p->proto};
	struct conntrack_flow c;
	if (conntrack_of(&seen, &c, NULL) == 0) {
		take_flow(&c, &seen, out);
		out->translated = true;
		return true;
	}
	if (was_answered(p) && may_search() && conntrack_search(&seen, &c, NULL) == 0) {
		take_flow(&c, &seen, out);
		return true;
	}
	*out = (struct nat_view){.original = seen};
	return sets && gateway_called(sets, p, &out->original.dst, &out->original.dport) == 0;
}

struct address nat_destination(const struct nat_view *v)
{
	return v->answer ? v->original.src : v->original.dst;
}

bool nat_names(const struct nat_view *v, enum reject_to to, struct reject_names *out)
{
	bool client = (to == REJECT_TO_SOURCE) != v->answer;
	/* as that end sends */
	const struct conntrack_tuple *t = client ? &v->original : &v->reply;
	if (v->translated || !t->src.family)
		return false;
	if (to == REJECT_TO_SOURCE)
		*out = (struct reject_names){t->src, t->dst, t->sport, t->dport};
	else
		*out = (struct reject_names){t->dst, t->src, t->dport, t->sport};
	return true;
}
