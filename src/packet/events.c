// SPDX-License-Identifier: GPL-2.0-or-later
#include "packet/packet.h"

static const struct {
	const char *name;
	bool invalid;
} rows[EVENT_N_] = {
#define EVENT(id, text, fatal) [EVENT_##id] = {text, fatal},
#include "packet/events.def"
#undef EVENT
};

_Static_assert(EVENT_N_ <= 256, "an event is kept in one byte");

const char *packet_event_name(enum packet_event e)
{
	return (unsigned)e < EVENT_N_ ? rows[e].name : "unknown";
}

enum packet_event packet_event_find(struct bytes name)
{
	for (unsigned e = 0; e < EVENT_N_; e++)
		if (bytes_equal(bytes_of_string(rows[e].name), name))
			return (enum packet_event)e;
	return EVENT_N_;
}

bool packet_event_invalidates(enum packet_event e)
{
	return (unsigned)e < EVENT_N_ && rows[e].invalid;
}

void packet_add_event(struct packet *p, enum packet_event e)
{
	if (rows[e].invalid)
		p->flags |= PACKET_INVALID;
	if (p->n_events < PACKET_MAX_EVENTS && !packet_has_event(p, e))
		p->event[p->n_events++] = (uint8_t)e;
}

static const char *const drop_reasons[DROP_REASON_N_] = {
	[DROP_NOT] = "unknown",
	[DROP_DECODE_ERROR] = "decode error",
	[DROP_DEFRAG_ERROR] = "defrag error",
	[DROP_DEFRAG_MEMCAP] = "defrag memcap",
	[DROP_FLOW_MEMCAP] = "flow memcap",
	[DROP_FLOW_DROP] = "flow drop",
	[DROP_APPLAYER_ERROR] = "applayer error",
	[DROP_APPLAYER_MEMCAP] = "applayer memcap",
	[DROP_RULES] = "rules",
	[DROP_RULES_THRESHOLD] = "threshold detection_filter",
	[DROP_STREAM_ERROR] = "stream error",
	[DROP_STREAM_MEMCAP] = "stream memcap",
	[DROP_STREAM_MIDSTREAM] = "stream midstream",
	[DROP_STREAM_URGENT] = "stream urgent",
	[DROP_STREAM_REASSEMBLY] = "stream reassembly",
	[DROP_NFQ_ERROR] = "nfq error",
	[DROP_INNER_PACKET] = "tunnel packet drop",
	[DROP_DEFAULT_PACKET] = "default packet policy",
	[DROP_DEFAULT_APP] = "default app policy",
};

const char *drop_reason_text(enum drop_reason r)
{
	return (unsigned)r < DROP_REASON_N_ ? drop_reasons[r] : "unknown";
}
