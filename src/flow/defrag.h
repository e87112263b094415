// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * IP reassembly, IPv4 (RFC 791) and IPv6 (RFC 8200 section 4.5), with the target's overlap policy (host-os-policy), timeouts
 * and a memcap (`defrag.*`). One a worker.
 */
#pragma once

#include "base/conf.h"
#include "base/counters.h"
#include "packet/packet.h"

enum os_policy { /* names of host-os-policy */
	OS_BSD, OS_BSD_RIGHT, OS_OLD_LINUX, OS_LINUX, OS_OLD_SOLARIS, OS_SOLARIS, OS_HPUX10, OS_HPUX11, OS_IRIX, OS_MACOS,
	OS_WINDOWS, OS_VISTA, OS_WINDOWS2K3, OS_FIRST, OS_LAST, OS_POLICY_N_
};

/* host-os-policy: address → policy, longest prefix wins. Shared, read-only. */
struct host_os;
struct host_os *host_os_read(struct conf *conf, struct error *error);
enum os_policy host_os_find(const struct host_os *h, const struct address *a); /* OS_BSD where none is given */
void host_os_free(struct host_os *h);

struct defrag_settings {
	uint64_t memcap;
	uint32_t trackers, max_frags, timeout, hash_size; /* timeout in seconds */
	int memcap_policy; /* enum exception_policy */
	bool vlan_use_for_tracking, recursion_use_for_tracking;
};
int defrag_settings_read(struct defrag_settings *s, struct conf *conf, bool ips, struct error *error);

struct defrag;
struct defrag *defrag_new(const struct defrag_settings *s, const struct host_os *os, struct counters *counters, uint64_t seed);
void defrag_free(struct defrag *d);

/*
 * Takes in a fragment. If it completes a datagram, `datagram` becomes the whole (IP header without fragment header and payload), valid until
 * the next call, and true is returned. Before it stand packet_link_len(p) bytes: what the fragment had below IP. Overlaps, oversize and memcap set events on `p`.
 */
bool defrag_packet(struct defrag *d, struct packet *p, struct bytes *datagram);
void defrag_expire(struct defrag *d, usec_t now);
