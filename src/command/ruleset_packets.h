// SPDX-License-Identifier: GPL-2.0-or-later
/* Where the packets of `ruleset trace` and `ruleset diff` come from: words, a conversation, lines of words, a capture. */
#pragma once

#include "ruleset/trace.h"

struct packets_from {
	const char *capture, *lines; /* -r FILE, --packets FILE ("-": standard input) */
	const char *words;
	const char *iif; /* of packets that do not say by which device they come */
	bool flow;
	usec_t clock; /* of packets in words; 0: now */
};

/* What is done with each packet; its result tells where an answer goes. */
typedef const struct trace_result *packet_taker(void *context, const struct trace_input *in, const char *what);

/* `first` is the trace whose network tells devices and whose packets are answered. 0, or -errno with words. */
int packets_take(const struct packets_from *s, struct trace *first, packet_taker *take, void *context, struct error *error);

/* Opens the ruleset's network: --routes, the live one, or none. NULL after saying why. */
struct network *packets_network(const char *routes);
