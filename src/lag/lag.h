// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Slowing traffic down at a device, and putting everything back.
 *
 * Outgoing: an HTB tree takes the place of the root; class 2 is the slow line (netem inside), class 1 all the rest, with the former qdisc inside. A table of
 * nftables puts packets into class 2 by `meta priority`, one rule for both families; its elements time out, so that --for ends in the kernel even
 * if nobody is left to take it away. Incoming: filters at the ingress send packets through an ifb device with the same tree.
 * What was there before is kept in a file (LAG_FOLDER) until it is back.
 */
#pragma once

#include <stdio.h>

#include "base/clock.h"
#include "lag/line.h"
#include "lag/tree.h"

#define LAG_FOLDER "/run/sluice/lag"
enum { LAG_MAJOR = 0x51cc, LAG_CLASS_SLOW = 2 };

struct lag_request {
	const char *device;
	bool out, in;
	struct line line_out, line_in;
	const char *const *match, *const *except; /* in nft's syntax; NULL-terminated or NULL */
	usec_t lasts;  /* 0: until stopped */
	bool force;	   /* also where somebody made classes or filters */
	bool no_exemptions; /* also ssh, neighbour discovery, the resolvers */
	const char *words; /* as it was asked for: for status */
};

/* What is in force at a device. */
struct lag_state {
	struct tree before;
	char device[IF_NAMESIZE], ifb[IF_NAMESIZE]; /* ifb: empty without incoming traffic */
	char *words, *line_out, *line_in;
	bool out, in, ingress_made; /* the ingress qdisc is ours */
	usec_t since, until; /* until 0: stopped by hand */
	int watcher;	   /* process that ends it; 0: none */
	char boot[40];
};

/* -errno; then nothing is changed. Needs CAP_NET_ADMIN. */
int lag_start(const struct lag_request *q, struct error *error);
/* Puts back what was there. -ENOENT: nothing is in force at the device. */
int lag_stop(const char *device, struct error *error);
/* The commands of tc and nft that do the same, for people who want to learn or check. */
void lag_print(FILE *out, const struct lag_request *q);

/* -ENOENT: none. The caller's, by lag_state_free. */
int lag_state_load(struct lag_state *s, const char *device, struct error *error);
int lag_state_save(const struct lag_state *s, struct error *error);
void lag_state_forget(const char *device);
void lag_state_free(struct lag_state *s);
/* Names of devices with a state, `each` by `each`; returns how many. */
size_t lag_state_devices(void (*each)(void *context, const char *device), void *context);
/* The file is of this boot (else the kernel has forgotten all of it). */
bool lag_state_current(const struct lag_state *s);

/* The lock of all changes: a descriptor, or -errno; -EBUSY names who holds it. */
int lag_lock(struct error *error);
