// SPDX-License-Identifier: GPL-2.0-or-later
/* The ruleset may be changed by others at any time: our table is put in again when it was hurt, and moved when our place is no longer right. */
#include "daemon/run.h"

#include <errno.h>
#include <poll.h>

#include "base/log.h"
#include "daemon/loop.h"
#include "gateway/watch.h"

#define LOG_MODULE "watch"

enum { RETRY_MS = 200, SETTLE_MS = 300 /* a firewall's reload comes in pieces */ };

static void look(void *context);

static void look_again(struct live *l, unsigned ms)
{
	if (l->look_timer <= 0)
		l->look_timer = loop_timer_start(l->loop, (usec_t)ms * 1000, true, look, l);
}

static void fill_sets(struct live *l)
{
	struct error error = {0};
	if (block_list_reload(l->blocks, clock_real(), &error) < 0)
		log_error("blocks are not in force: %s", error.text);
}

/* Says how long packets passed by us. */
static void restored(struct live *l)
{
	usec_t gap = clock_monotonic() - l->hurt_since;
	l->unprotected += gap;
	l->restores++;
	log_warning("table inet sluice was changed by somebody else and is whole again, after %.0f ms; packets may have passed by it meanwhile",
		    (double)gap / 1000);
	output_engine(l->runtime.outputs, "table-restored", "table inet sluice was changed by somebody else and is whole again", gap, clock_real());
	l->hurt_since = 0;
	l->said_not_restored = false;
}

static void mend(struct live *l)
{
	struct error error = {0};
	int whole = gateway_intact(&l->plan, &error);
	if (whole == 1) {
		l->hurt_since = 0;
		return;
	}
	if (!l->hurt_since)
		l->hurt_since = clock_monotonic();
	if (whole == 0 && gateway_restore(&l->plan, &error) == 0) {
		fill_sets(l);
		restored(l);
		return;
	}
	if (!l->said_not_restored) {
		log_error("table inet sluice is hurt and cannot be restored: %s; tried again every %d ms", error.text, RETRY_MS);
		output_engine(l->runtime.outputs, "table-hurt", error.text, 0, clock_real());
	}
	l->said_not_restored = true;
	look_again(l, RETRY_MS);
}

static void move(struct live *l)
{
	struct error error = {0};
	char why[200];
	if (gateway_misplaced(&l->plan, why, &error) != 1)
		return;
	if (gateway_restore(&l->plan, &error) < 0) {
		log_error("%s, but the table cannot be moved: %s", why, error.text);
		return;
	}
	fill_sets(l);
	log_notice("the table has moved: %s", why);
	output_engine(l->runtime.outputs, "table-moved", why, 0, clock_real());
}

static void look(void *context)
{
	struct live *l = context;
	l->look_timer = 0;
	if (l->hurt_since)
		mend(l);
	else
		move(l);
}

static void on_change(void *context, int fd, unsigned events)
{
	struct live *l = context;
	(void)fd, (void)events;
	unsigned what = gateway_watch_read(l->watch);
	if (what & (GATEWAY_DAMAGED | GATEWAY_LOST)) {
		if (!l->hurt_since)
			l->hurt_since = clock_monotonic();
		mend(l);
	} else if (what & GATEWAY_BLOCKS) {
		fill_sets(l);
	}
	if (what & GATEWAY_OTHERS)
		look_again(l, SETTLE_MS);
}

int run_watch_init(struct live *l, struct error *error)
{
	l->watch = gateway_watch_open(error);
	return l->watch ? loop_watch(l->loop, gateway_watch_fd(l->watch), POLLIN, on_change, l) : -EIO;
}
