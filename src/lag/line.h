// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a line is like: delay, loss, rate. Filled from a profile (a row of profiles.c, or `lag.profiles` of the configuration) and from options, which
 * go over it. All of it is one way: --direction says which.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/conf.h"
#include "base/error.h"
#include "net/tc_options.h"

struct line {
	struct netem netem;   /* distribution and its length are NULL and 0 until line_load_distribution */
	char distribution[24]; /* "normal", "pareto", … as tc names its tables; empty: uniform */
};

struct profile {
	const char *name;
	const char *what;   /* one line for `sluice lag list` */
	const char *source; /* who measured or defined it */
	/* pairs of option and value, as on the command line, NULL at the end */
	const char *out[9]; /* away from this machine */
	const char *in[9];  /* towards it; empty: the same */
};

extern const struct profile lag_profiles[];
extern const unsigned lag_n_profiles;

/* Sets one property by the name of its option, without dashes: "delay", "jitter", "loss", "burst-loss", … -EINVAL: error says what was expected. */
int line_set(struct line *l, const char *option, const char *value, struct error *error);
/* The row of that name, or that of `lag.profiles` (conf may be NULL). -ENOENT: error names those that exist. */
int line_from_profile(struct line *l, const char *name, bool in, struct conf *conf, struct error *error);
/* What does not go together: jitter without delay, reorder without delay, a distribution without jitter, nothing at all. */
int line_check(const struct line *l, struct error *error);
/* More than a rate is asked for. */
bool line_needs_netem(const struct line *l);
/* Reads tc's table of the distribution (iproute2 installs them); into memory of the caller's, to be freed. */
int line_load_distribution(struct line *l, int16_t **table, struct error *error);
/* "delay 100ms ± 20ms (normal), loss 1 %, rate 2mbit": a sentence for people, at most `room` bytes. */
void line_describe(const struct line *l, char *out, size_t room);
