// SPDX-License-Identifier: GPL-2.0-or-later
/* Events of packets: what is odd about one, by the names that `decode-event:` and `stream-event:` rules use. */
#pragma once

#include "base/bytes.h"

enum packet_event {
#define EVENT(id, name, invalid) EVENT_##id,
#include "packet/events.def"
#undef EVENT
	EVENT_N_
};

const char *packet_event_name(enum packet_event e); /* "ipv4.trunc_pkt", "stream.fin_syn" */
/* EVENT_N_ if there is none of that name. */
enum packet_event packet_event_find(struct bytes name);
/* Whether a packet with this event is not looked at any further by flow and stream. */
bool packet_event_invalidates(enum packet_event e);
