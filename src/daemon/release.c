// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/release.h"

#include "app/app.h"

static bool at_depth(const struct flow *f)
{
	return f->tcp && f->tcp->side[TO_SERVER].depth_reached && f->tcp->side[TO_CLIENT].depth_reached;
}

/* Streams and transactions are done with. */
static bool has_all_been_seen(const struct flow *f)
{
	if (f->flags & FLOW_SHARED_STATE || (f->app && f->app->first))
		return false;
	return !stream_has_unseen(f, TO_SERVER) && !stream_has_unseen(f, TO_CLIENT);
}

enum flow_release release_due(const struct release_settings *s, struct detect_scratch *d, const struct packet *p)
{
	const struct flow *f = p->flow;
	bool deep = at_depth(f);
	if (deep && s->at_depth)
		return FLOW_RELEASED_DEPTH;
	if (f->app && f->app->bypass)
		return FLOW_RELEASED_ENCRYPTED;
	if (!s->when_over || !f->tcp || f->state != FLOW_ESTABLISHED || p->flags & PACKET_NO_INSPECT)
		return FLOW_NOT_RELEASED;
	bool encrypted = f->app && f->app->no_payload_inspect;
	if ((!deep && !encrypted) || !has_all_been_seen(f) || !detect_flow_is_over(d, p))
		return FLOW_NOT_RELEASED;
	return encrypted ? FLOW_RELEASED_ENCRYPTED : FLOW_RELEASED_DEPTH;
}

bool release_by_mark(const struct release_settings *s, struct flow *f, const struct packet *p)
{
	if (!s->by_kernel || p->recursion || f->mark > FLOW_MARK_RELEASED)
		return false;
	f->mark = FLOW_MARK_RELEASED;
	return true;
}

bool release_is_over(const struct flow *f, const struct packet *p)
{
	if (!p->is_tcp || f->key.proto != PROTO_TCP || (p->tcp.flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) != TCP_SYN)
		return false;
	if (f->state == FLOW_CAPTURE_BYPASSED) /* the kernel would have let it by, was it of the old one */
		return true;
	unsigned state = f->tcp ? f->tcp->state : f->tcp_state;
	return state != TCP_SYN_SENT && state != TCP_SYN_RECV;
}
