// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A network to try things in: client – gateway – server, three network namespaces with IPv4 and IPv6. Nothing outside them is
 * touched. As root, or else in a user namespace of one's own, which the calling process then is in (so: before threads).
 *
 *   client 10.23.1.2, fd23:1::2 ── inside│gateway│outside ── 198.51.100.2, 2001:db8:2::2 server
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

enum lab_host { LAB_CLIENT, LAB_GATEWAY, LAB_SERVER, LAB_N_ };
extern const char *const lab_host_names[LAB_N_ + 1];
extern const char *const lab_server_address[2]; /* IPv4, IPv6 */

struct lab {
	int netns[LAB_N_];
};

/* -errno with words: what this machine does not allow. */
int lab_make(struct lab *lab, struct error *error);
/* Ends what still runs in it, and lets it go. */
void lab_end(struct lab *lab);
int lab_enter(const struct lab *lab, enum lab_host host, struct error *error);
/* -1: no such host */
int lab_host_find(const char *name);

/* Starts a program in a host; it gets SIGKILL if we die. `out` (may be -1) becomes its standard output. -errno. */
pid_t lab_spawn(const struct lab *lab, enum lab_host host, char *const argv[], int out, struct error *error);

/*
 * A lab that stays: a process in the background holds it, and a file (or $SLUICE_LAB, within `lab run`) says which. lab_find: 0
 * and the holder's pid, -ENOENT: none is up.
 */
int lab_hold(struct error *error);
int lab_find(pid_t *holder);
int lab_join(struct lab *lab, pid_t holder, struct error *error);
int lab_release(struct error *error);
/* Makes this process the one whose $SLUICE_LAB children find. */
void lab_announce(struct lab *lab);
