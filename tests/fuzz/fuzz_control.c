// SPDX-License-Identifier: GPL-2.0-or-later
/* Any bytes as requests to the control socket: each connection ends, and the next one is served. */
#include "daemon/control.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct loop *loop;
static struct control *control;
static pthread_t thread;
static struct sockaddr_un address = {.sun_family = AF_UNIX};

/* In the place of the daemon's commands. */
static void do_echo(struct live *l, const json_t *arguments, struct control_reply *r)
{
	(void)l;
	control_answer(r, true, arguments ? json_deep_copy(arguments) : json_null());
}

const struct control_command control_commands[] = {{"echo", "", do_echo}, {NULL, NULL, NULL}};

static void *loop_main(void *context)
{
	struct error error;
	(void)context;
	(void)loop_run(loop, &error);
	return NULL;
}

static void end(void *context)
{
	(void)context;
	loop_end(loop);
}

static void stop(void)
{
	loop_call(loop, end, NULL);
	pthread_join(thread, NULL);
	control_close(control);
	loop_free(loop);
}

static void start(void)
{
	struct error error;
	log_level_max = LOG_LEVEL_ERROR;
	snprintf(address.sun_path, sizeof address.sun_path, "/tmp/sluice-fuzz-control-%d", (int)getpid());
	loop = loop_new(&error);
	control = control_open(loop, NULL, address.sun_path, &error);
	if (!control || pthread_create(&thread, NULL, loop_main, NULL))
		abort();
	atexit(stop);
}

static int reach(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct timeval limit = {.tv_sec = 20};
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
		abort();
	return fd;
}

/* What comes until the other side closes. */
static size_t drain(int fd)
{
	char part[65536];
	size_t total = 0;
	ssize_t n;
	while ((n = recv(fd, part, sizeof part, 0)) > 0)
		total += (size_t)n;
	if (n < 0 && errno != ECONNRESET)
		abort(); /* it hangs */
	return total;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char good[] = "{\"command\":\"echo\",\"arguments\":[1]}";
	if (!control)
		start();
	int fd = reach();
	(void)!send(fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
	shutdown(fd, SHUT_WR);
	(void)drain(fd);
	close(fd);
	fd = reach();
	(void)!send(fd, good, sizeof good - 1, MSG_NOSIGNAL);
	shutdown(fd, SHUT_WR);
	if (drain(fd) != sizeof "{\"return\":\"OK\",\"message\":[1]}\n" - 1)
		abort();
	close(fd);
	return 0;
}
