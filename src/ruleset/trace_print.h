// SPDX-License-Identifier: GPL-2.0-or-later
/* Events of a trace in the form of `nft monitor trace`, and as JSON. */
#pragma once

#include <stdio.h>

#include "base/json.h"
#include "ruleset/trace.h"

struct trace_printer {
	FILE *out;
	const struct ruleset *ruleset;
	const struct trace *trace;
	bool why; /* each step with its reason */
	bool told; /* of the chain: the packet as it is after the first rule that was taken */
	struct json *json; /* instead of text: an array of events is open */
};
/* For trace_options.event, with the printer as its context. */
void trace_print_event(struct trace_printer *p, const struct trace_packet *packet, const struct trace_event *e);
/* "accept", "jump other", … */
void trace_print_verdict(FILE *out, const struct verdict *v);
/* The headers of a packet: `iif "eth0" ip saddr 192.0.2.1 …`. */
void trace_print_packet(FILE *out, const struct trace *t, const struct trace_packet *p);
