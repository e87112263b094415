// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The lock is an abstract Unix socket: its name lives in the network namespace, needs no folder that outlives a crash, and the kernel gives it back when
 * the process ends. Anybody may bind such a name, so a holder without privileges does not keep sluice from starting; the next name is tried then.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "gateway/gateway.h"

#define LOG_MODULE "gateway"

static socklen_t lock_name(struct sockaddr_un *a, int number)
{
	*a = (struct sockaddr_un){.sun_family = AF_UNIX};
	int len = snprintf(a->sun_path + 1, sizeof a->sun_path - 1, "sluice-gateway-%d", number);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len);
}

/* 0: unknown */
static int holder(const struct sockaddr_un *a, socklen_t len, uid_t *uid)
{
	struct ucred who = {.uid = (uid_t)-1};
	socklen_t size = sizeof who;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return 0;
	if (connect(fd, (const struct sockaddr *)a, len) < 0 || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) < 0)
		who.pid = 0;
	close(fd);
	*uid = who.uid;
	return who.pid;
}

enum { NAMES = 4 };

int gateway_lock_holder(void)
{
	for (int i = 0; i < NAMES; i++) {
		struct sockaddr_un name;
		uid_t uid;
		socklen_t len = lock_name(&name, i);
		int pid = holder(&name, len, &uid);
		if (pid && (uid == 0 || uid == geteuid()))
			return pid;
	}
	return 0;
}

int gateway_lock(struct error *error)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return error_set(error, errno, "cannot make a socket: %s", strerror(errno));
	for (int i = 0; i < NAMES; i++) {
		struct sockaddr_un name;
		socklen_t len = lock_name(&name, i);
		if (bind(fd, (const struct sockaddr *)&name, len) == 0 && listen(fd, SOMAXCONN) == 0)
			return fd;
		uid_t uid = 0;
		int pid = errno == EADDRINUSE ? holder(&name, len, &uid) : 0;
		if (uid == 0 || uid == geteuid()) {
			close(fd);
			return error_set(error, EEXIST, "sluice runs already in this network namespace, process %d; stop that one first", pid);
		}
		log_warning("process %d of user %u holds the socket @%s, which is sluice's", pid, (unsigned)uid, name.sun_path + 1);
	}
	close(fd);
	return error_set(error, EEXIST, "all the sockets @sluice-gateway-… are held by others");
}
