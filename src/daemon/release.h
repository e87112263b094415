// SPDX-License-Identifier: GPL-2.0-or-later
/* Which flows are let go uninspected, and how: by a mark that the kernel knows, or in the flow table alone. */
#pragma once

#include "detect/detect.h"

struct release_settings {
	bool by_kernel; /* the kernel accepts flows with FLOW_MARK_RELEASED by itself */
	bool when_over; /* gateway.release: depth */
	bool at_depth;  /* stream.bypass */
};

/* Whether the flow of a packet that was inspected is to be let go now: enum flow_release. It has a flow; that is not let go yet. */
enum flow_release release_due(const struct release_settings *s, struct detect_scratch *d, const struct packet *p);

/* Gives the flow the mark. False: it must be bypassed here; it is one inside of a tunnel, for example, whose outermost flow has the only mark. */
bool release_by_mark(const struct release_settings *s, struct flow *f, const struct packet *p);

/* The packet opens a new connection on the ports of a bypassed one. */
bool release_is_over(const struct flow *f, const struct packet *p);
