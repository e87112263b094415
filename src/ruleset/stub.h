// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The kernel that libnftables talks to while a file is read: one without tables, with the network devices that it is told of. What libnftables would send
 * is handed out instead; nothing reaches the kernel, so neither privileges nor a kernel that knows the statements are needed, and every complaint is
 * about the text. It stands in for sendmsg, sendto and recvmsg of this process (all others' calls go straight on), so it is for a child process alone.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nlmsghdr;

struct stub_device {
	uint32_t index;
	char name[16];
};

struct stub {
	/* one message of a transaction */
	void (*message)(void *context, const struct nlmsghdr *m);
	void *context;
	const struct stub_device *devices;
	size_t n_devices;
	bool reached; /* libnftables did come here */
};

void stub_begin(struct stub *s);
void stub_end(void);
