// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Packets from nftables' `queue`, verdicts back to it. One capture serves several queue numbers (a worker owns the queue of TCP,
 * with F_GSO, and that of the rest, without). Frames are raw IP. A queue is bound from open to close; closing drops what still
 * waits in it, so take the rules away and drain first.
 */
#pragma once

#include "capture/capture.h"

enum { NFQUEUE_MAX_QUEUES = 8, NFQUEUE_MAX_IFINDEX = 4096, NFQUEUE_COPY_RANGE = 0xffff - 4, NFQUEUE_LENGTH = 8192 };

struct nfqueue_options {
	struct nfqueue_queue {
		uint16_t number;
		bool gso; /* take packets of up to 64 KiB as they are; without, the kernel cuts them to segments */
	} queue[NFQUEUE_MAX_QUEUES];
	unsigned n_queues;
	bool fail_open;                /* a full queue lets packets pass instead of dropping them */
	uint32_t max_len;              /* packets that may wait in a queue; 0: NFQUEUE_LENGTH */
	const uint16_t *interface_of;  /* NFQUEUE_MAX_IFINDEX entries: ifindex → frame.in_interface; NULL: always 0 */
};

/* NULL with words: what is in the way (queue taken and by whom, no permission, no such kernel feature) and what to do. */
struct capture *capture_nfqueue_open(const struct nfqueue_options *options, struct error *error);

/*
 * Kernels (by `uname -r`) that drop datagrams which they had merged (UDP GRO) when the queue does not take them merged: CVE-2026-45859. There F_GSO is
 * the lesser evil on every queue. Pure.
 */
bool nfqueue_kernel_drops_merged(const char *release);

/* ---- for tests: what one netlink message says ---- */

enum nfqueue_kind { NFQUEUE_PACKET, NFQUEUE_ERROR /* a verdict was refused */, NFQUEUE_OTHER, NFQUEUE_MALFORMED };
struct nfqueue_message {
	uint32_t id, mark, info, ifindex, full_len;
	struct bytes payload; /* within the message */
	bool has_id;
};
/* `data` is aligned to 4, as a receive buffer is. Attributes that are cut off count as missing. */
enum nfqueue_kind nfqueue_message_read(const uint8_t *data, size_t len, struct nfqueue_message *out);

/* For a loop over several captures or signals: the sockets, one for each queue. */
unsigned capture_nfqueue_fds(const struct capture *c, int fd[NFQUEUE_MAX_QUEUES]);
/* Queues on which the kernel refused F_GSO or F_FAIL_OPEN although asked: bit n for queue[n]. */
uint32_t capture_nfqueue_without_gso(const struct capture *c);
uint32_t capture_nfqueue_without_fail_open(const struct capture *c);
/* UDP datagrams that the kernel had merged into one packet: what follows the first was seen as its payload. */
uint64_t capture_nfqueue_merged_datagrams(const struct capture *c);
