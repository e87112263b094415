// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where sluice stands among the base chains of a hook: after every chain that filters, so that what the firewall drops costs no
 * inspection, and before srcnat (100), so that addresses are still those of the inside. Never on another chain's number: of chains
 * with equal numbers the one loaded last runs first, so a reload of either would turn the order.
 */
#include "gateway/gateway.h"

#include <stdio.h>

enum { USUAL = 10, SOURCE_NAT = 100 };

static bool taken(const struct gateway_chain *chain, size_t n, enum gateway_hook hook, int priority)
{
	for (size_t i = 0; i < n; i++)
		if (chain[i].hook == hook && chain[i].priority == priority)
			return true;
	return false;
}

int gateway_choose_priority(const struct gateway_chain *chain, size_t n, enum gateway_hook hook, char *reason, size_t room)
{
	const struct gateway_chain *last = NULL;
	for (size_t i = 0; i < n; i++)
		if (chain[i].hook == hook && chain[i].filter && chain[i].priority < SOURCE_NAT && (!last || chain[i].priority > last->priority))
			last = &chain[i];
	int priority = last && last->priority >= USUAL ? last->priority + 1 : USUAL;
	while (priority < SOURCE_NAT && taken(chain, n, hook, priority))
		priority++;
	if (priority >= SOURCE_NAT) {
		/* no number is left between the last filter and srcnat: the highest that nobody has */
		for (priority = SOURCE_NAT - 1; priority > 0 && taken(chain, n, hook, priority); priority--)
			;
		snprintf(reason, room, "the highest free number below srcnat (%d); %s (%d) leaves none after it", SOURCE_NAT, last ? last->name : "",
			 last ? last->priority : 0);
	} else if (!last) {
		snprintf(reason, room, "the usual one; no other chain filters on this hook");
	} else if (priority == USUAL) {
		snprintf(reason, room, "the usual one, after %s (%d)", last->name, last->priority);
	} else {
		snprintf(reason, room, "after %s, which has %d", last->name, last->priority);
	}
	return priority;
}

int gateway_choose_marks_priority(const struct gateway_chain *chain, size_t n, enum gateway_hook hook, int priority)
{
	int after = priority + 1;
	while (taken(chain, n, hook, after))
		after++;
	return after;
}
