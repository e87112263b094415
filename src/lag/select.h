// SPDX-License-Identifier: GPL-2.0-or-later
/* Which packets go into the slow class: sluice_lag, a table of nftables beside all others, written by libnftables (matches are the user's, in nft's syntax). */
#pragma once

#include "lag/lag.h"

/* The table of a request as nft reads it; without "add", with a comment that tells whose it is. The caller's, by free. */
char *select_text(const struct lag_request *q, const char *device, usec_t until);
/* Loads it. -EINVAL with nft's own words where a match is wrong, underlined. */
int select_load(const struct lag_request *q, const char *device, usec_t until, struct error *error);
int select_remove(const char *device, struct error *error); /* 0 also if it is not there */
/* Packets and bytes that went into the slow class, of both families apart. -ENOENT: no table. */
struct select_counts {
	uint64_t packets4, bytes4, packets6, bytes6;
};
int select_counts(struct select_counts *out, const char *device, struct error *error);
