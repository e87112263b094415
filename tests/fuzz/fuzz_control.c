// SPDX-License-Identifier: GPL-2.0-or-later
/* Any bytes as requests to the control socket: each connection ends, and the next one is served. */
#include "daemon/test_control.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

const struct control_command control_commands[] = {{"echo", "", do_echo}, {NULL, NULL, NULL}};

static void stop(void)
{
	rig_stop();
	*strrchr(rig.path, '/') = '\0';
	(void)rmdir(rig.path);
}

static void start(void)
{
	log_level_max = LOG_LEVEL_ERROR;
	if (!rig_start("fuzz-control"))
		abort();
	atexit(stop);
}

static int reach(void)
{
	int fd = rig_connect(20);
	if (fd < 0)
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
	if (!rig.control)
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
