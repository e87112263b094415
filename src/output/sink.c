// SPDX-License-Identifier: GPL-2.0-or-later
#include "output/sink.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define LOG_MODULE "output"

enum { PIECE = 256 * 1024 };

static int open_socket(const char *path, int type)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof a.sun_path)
		return -ENAMETOOLONG;
	strcpy(a.sun_path, path);
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0)
		return fd;
	int code = errno;
	close(fd);
	return -code;
}

static int open_target(struct sink *s, const char *filetype)
{
	if (strcmp(filetype, "unix_stream") == 0)
		return open_socket(s->path, SOCK_STREAM);
	if (strcmp(filetype, "unix_dgram") == 0)
		return open_socket(s->path, SOCK_DGRAM);
	int fd = open(s->path, O_WRONLY | O_CREAT | O_CLOEXEC | (s->append ? O_APPEND : O_TRUNC), 0644);
	return fd < 0 ? -errno : fd;
}

struct sink *sink_open(const char *folder, const char *name, const char *filetype, bool append, struct error *error)
{
	struct sink *s = xcalloc(1, sizeof *s);
	s->path = name[0] == '/' ? xstrdup(name) : xasprintf("%s/%s", folder, name);
	s->append = append;
	s->is_socket = strncmp(filetype, "unix_", 5) == 0;
	s->fd = open_target(s, filetype);
	if (s->fd < 0) {
		error_set(error, -s->fd, "%s: %s", s->path, strerror(-s->fd));
		free(s->path);
		free(s);
		return NULL;
	}
	s->lock = xcalloc(1, sizeof(pthread_mutex_t));
	pthread_mutex_init(s->lock, NULL);
	return s;
}

static uint64_t count_lines(const uint8_t *data, size_t n)
{
	uint64_t lines = 0;
	for (size_t i = 0; i < n; i++)
		lines += data[i] == '\n';
	return lines;
}

static void flush_locked(struct sink *s)
{
	const uint8_t *data = s->pending.data;
	size_t left = s->pending.len;
	while (left) {
		ssize_t n = write(s->fd, data, left);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			if (!s->failed && !s->quiet)
				log_error("%s: %s; records are lost from here on", s->path, strerror(errno));
			s->failed = true;
			s->lost += count_lines(data, left);
			break;
		}
		data += n;
		left -= (size_t)n;
	}
	buffer_clear(&s->pending);
}

void sink_write(struct sink *s, const void *data, size_t n)
{
	pthread_mutex_lock(s->lock);
	buffer_add(&s->pending, data, n);
	if (s->pending.len >= PIECE || s->is_socket)
		flush_locked(s);
	pthread_mutex_unlock(s->lock);
}

void sink_flush(struct sink *s)
{
	pthread_mutex_lock(s->lock);
	flush_locked(s);
	pthread_mutex_unlock(s->lock);
}

bool sink_close(struct sink *s)
{
	if (!s)
		return false;
	flush_locked(s);
	bool failed = s->failed;
	if (close(s->fd) && !failed) {
		if (!s->quiet)
			log_error("%s: %s", s->path, strerror(errno));
		failed = true;
	}
	pthread_mutex_destroy(s->lock);
	free(s->lock);
	buffer_free(&s->pending);
	free(s->path);
	free(s);
	return failed;
}
