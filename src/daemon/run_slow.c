// SPDX-License-Identifier: GPL-2.0-or-later
/* Where slow flows are slowed: at the devices that packets leave by. */
#include "daemon/run.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#define LOG_MODULE "run"

enum { MOST_DEVICES = 64 };

struct devices {
	const char *name[MOST_DEVICES];
	size_t n;
};

static void add_device(struct devices *d, const char *name)
{
	for (size_t i = 0; i < d->n; i++)
		if (strcmp(d->name[i], name) == 0)
			return;
	if (d->n < MOST_DEVICES)
		d->name[d->n++] = name;
}

/* Those of gateway.interfaces; without them all that are up, but for the loopback. */
static void choose_devices(const struct live *l, struct devices *d, const struct ifaddrs *all)
{
	for (size_t i = 0; i < l->settings.n_interfaces; i++)
		add_device(d, l->settings.interface[i]);
	for (const struct ifaddrs *a = all; a && l->settings.n_interfaces == 0; a = a->ifa_next)
		if ((a->ifa_flags & IFF_UP) && !(a->ifa_flags & IFF_LOOPBACK))
			add_device(d, a->ifa_name);
}

static void say_spared(void *context, const char *device, const char *why)
{
	(void)context;
	log_warning("slow flows are not slowed at %s: %s", device, why);
}

void run_slow_open(struct live *l)
{
	const struct policy *p = l->runtime.edition->respond.policy;
	struct slow_class classes[MARK_SLOW_MAX];
	unsigned n = (unsigned)policy_n_slow(p);
	struct ifaddrs *all = NULL;
	struct devices d = {0};
	struct error error = {0};
	if (n == 0 || n > MARK_SLOW_MAX || !l->settings.own_table || l->options->runtime.ids_only)
		return;
	for (unsigned i = 0; i < n; i++) {
		const struct policy_slow *s = policy_slow(p, i);
		classes[i] = (struct slow_class){.name = s->name, .rate = s->rate, .ceil = s->ceil, .delay = s->delay, .share = s->share};
	}
	if (getifaddrs(&all) == 0)
		choose_devices(l, &d, all);
	l->slow = slow_open(classes, n, d.name, d.n, say_spared, NULL, &error);
	if (l->slow)
		log_info("%u classes of slow flows at %zu devices", n, slow_n_devices(l->slow));
	if (all)
		freeifaddrs(all);
}
