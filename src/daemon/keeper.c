// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/keeper.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include "gateway/gateway.h"

enum { READY = 'r', CONFIRMED = 'c', GRACE_SECONDS = 5 /* the daemon keeps the time itself, if it can */, TRIES = 100, PAUSE_MS = 50 };

/* It may take a moment until the daemon is gone for the kernel, too. */
static void take_away(void)
{
	struct error error = {0};
	int r = -EEXIST;
	for (int i = 0; i < TRIES && r == -EEXIST; i++) {
		r = gateway_remove_stale(&error);
		if (r == -EEXIST)
			nanosleep(&(struct timespec){.tv_nsec = PAUSE_MS * 1000000L}, NULL);
	}
	if (r == 0)
		fputs("sluice: it ended before it was confirmed; its table is gone\n", stderr);
	else if (r != -ENOENT)
		fprintf(stderr, "sluice: it ended before it was confirmed, but its table stays: %s\n", error.text);
}

static int time_left(usec_t deadline)
{
	usec_t now = clock_monotonic();
	if (!deadline)
		return -1;
	return deadline > now ? (int)((deadline - now) / 1000 + 1) : 0;
}

static void keep(int fd, pid_t daemon, usec_t confirm)
{
	usec_t deadline = 0;
	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		char word = 0;
		int r = poll(&p, 1, time_left(deadline));
		if (r < 0 && errno == EINTR)
			continue;
		if (r == 0) { /* it hangs */
			kill(daemon, SIGKILL);
			deadline = 0;
			continue;
		}
		ssize_t n = recv(fd, &word, 1, 0);
		if (n == 1 && word == CONFIRMED)
			return;
		if (n == 1)
			deadline = clock_monotonic() + confirm + GRACE_SECONDS * USEC_PER_SEC;
		else if (n == 0 || errno != EINTR)
			break;
	}
	take_away();
}

static void become_keeper(void)
{
	static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGPIPE};
	(void)setsid(); /* what happens to the terminal is not its concern */
	for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
		signal(ignored[i], SIG_IGN);
	(void)prctl(PR_SET_NAME, "sluice-keeper");
}

int keeper_start(usec_t confirm, struct error *error)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return error_set(error, errno, "socketpair: %s", strerror(errno));
	pid_t daemon = getpid(), pid = fork();
	if (pid == 0) {
		close(pair[0]);
		become_keeper();
		keep(pair[1], daemon, confirm);
		_exit(0);
	}
	close(pair[1]);
	signal(SIGCHLD, SIG_IGN); /* nobody waits for it */
	if (pid > 0)
		return pair[0];
	close(pair[0]);
	return error_set(error, errno, "cannot start a process: %s", strerror(errno));
}

static void say(int fd, char word)
{
	if (fd >= 0)
		(void)!send(fd, &word, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void keeper_ready(int fd)
{
	say(fd, READY);
}

void keeper_confirmed(int fd)
{
	say(fd, CONFIRMED);
}
