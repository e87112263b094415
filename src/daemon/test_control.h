// SPDX-License-Identifier: GPL-2.0-or-later
/* For the test and the fuzz target of the control socket: a main loop in a thread, with commands of their own in the place of the daemon's, and a client. */
#pragma once

#include "daemon/control.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct control_rig {
	struct loop *loop;
	struct control *control;
	pthread_t thread;
	char path[64];
};
static struct control_rig rig;

static void do_echo(struct live *l, const json_t *arguments, struct control_reply *r)
{
	(void)l;
	control_answer(r, true, arguments ? json_deep_copy(arguments) : json_null());
}

static void *rig_main(void *context)
{
	struct error error;
	(void)context;
	(void)loop_run(rig.loop, &error);
	return NULL;
}

static void rig_end(void *context)
{
	(void)context;
	loop_end(rig.loop);
}

/* `name`: of a folder of its own. */
static bool rig_start(const char *name)
{
	struct error error;
	snprintf(rig.path, sizeof rig.path, "/tmp/sluice-%s-%d/socket", name, (int)getpid());
	rig.loop = loop_new(&error);
	rig.control = control_open(rig.loop, NULL, rig.path, &error);
	return rig.control && pthread_create(&rig.thread, NULL, rig_main, NULL) == 0;
}

/* The folder is left, empty. */
static void rig_stop(void)
{
	loop_call(rig.loop, rig_end, NULL);
	pthread_join(rig.thread, NULL);
	control_close(rig.control);
	loop_free(rig.loop);
}

/* A client; -1: it cannot be reached. */
static int rig_connect(int patience_seconds)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	struct timeval limit = {.tv_sec = patience_seconds};
	snprintf(a.sun_path, sizeof a.sun_path, "%s", rig.path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0)
		return fd;
	close(fd);
	return -1;
}
