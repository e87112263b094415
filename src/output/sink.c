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
#include <time.h>
#include <unistd.h>

#define LOG_MODULE "output"

enum { PIECE = 256 << 10, BACKLOG_MAX = 16 << 20, WRITE_EVERY_MS = 500 };

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
	s->filetype = filetype;
	s->lock = xcalloc(1, sizeof(pthread_mutex_t));
	s->io = xcalloc(1, sizeof(pthread_mutex_t));
	pthread_mutex_init(s->lock, NULL);
	pthread_mutex_init(s->io, NULL);
	return s;
}

static uint64_t count_lines(const uint8_t *data, size_t n)
{
	uint64_t lines = 0;
	for (size_t i = 0; i < n; i++)
		lines += data[i] == '\n';
	return lines;
}

/* With `io` taken. */
static void write_out(struct sink *s, struct buffer *b)
{
	const uint8_t *data = b->data;
	size_t left = b->len;
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
	buffer_clear(b);
}

/* Waits for the disk; who adds lines meanwhile does not. */
void sink_flush(struct sink *s)
{
	pthread_mutex_lock(s->io);
	pthread_mutex_lock(s->lock);
	struct buffer full = s->pending;
	s->pending = s->writing;
	s->writing = full;
	pthread_mutex_unlock(s->lock);
	write_out(s, &s->writing);
	pthread_mutex_unlock(s->io);
}

static bool add_line(struct sink *s, const void *data, size_t n)
{
	if (s->background && s->pending.len + n > BACKLOG_MAX) {
		s->lost += count_lines(data, n);
		s->failed = true;
		if (!s->said_slow && !s->quiet)
			log_error("%s: the disk does not follow; records are lost", s->path);
		s->said_slow = true;
		return false;
	}
	buffer_add(&s->pending, data, n);
	return s->pending.len >= PIECE || s->is_socket;
}

void sink_write(struct sink *s, const void *data, size_t n)
{
	pthread_mutex_lock(s->lock);
	bool due = add_line(s, data, n);
	pthread_mutex_unlock(s->lock);
	if (due && !s->background)
		sink_flush(s);
}

int sink_reopen(struct sink *s)
{
	if (s->is_socket)
		return 0;
	sink_flush(s);
	int fd = open_target(s, s->filetype);
	if (fd < 0)
		return fd;
	pthread_mutex_lock(s->io);
	close(s->fd);
	s->fd = fd;
	s->failed = s->said_slow = false;
	pthread_mutex_unlock(s->io);
	return 0;
}

/* ---- in the background ---- */

struct sink_writer {
	struct sink *list;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t stop;
	bool stopping;
};

static void *writer_main(void *context)
{
	struct sink_writer *w = context;
	bool stopping = false;
	while (!stopping) {
		struct timespec t;
		clock_gettime(CLOCK_MONOTONIC, &t);
		t.tv_nsec += WRITE_EVERY_MS * 1000000L;
		t.tv_sec += t.tv_nsec / 1000000000L;
		t.tv_nsec %= 1000000000L;
		pthread_mutex_lock(&w->lock);
		if (!w->stopping)
			pthread_cond_timedwait(&w->stop, &w->lock, &t);
		stopping = w->stopping;
		pthread_mutex_unlock(&w->lock);
		for (struct sink *s = w->list; s; s = s->next)
			sink_flush(s);
	}
	return NULL;
}

struct sink_writer *sink_writer_start(struct sink *list, struct error *error)
{
	struct sink_writer *w = xcalloc(1, sizeof *w);
	w->list = list;
	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_t monotonic; /* a clock that is set back must not make it sleep for hours */
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&w->stop, &monotonic);
	pthread_condattr_destroy(&monotonic);
	for (struct sink *s = list; s; s = s->next)
		s->background = true;
	int code = pthread_create(&w->thread, NULL, writer_main, w);
	if (code == 0)
		return w;
	for (struct sink *s = list; s; s = s->next)
		s->background = false;
	error_set(error, code, "cannot start a thread: %s", strerror(code));
	free(w);
	return NULL;
}

void sink_writer_stop(struct sink_writer *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	w->stopping = true;
	pthread_cond_signal(&w->stop);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	for (struct sink *s = w->list; s; s = s->next)
		s->background = false;
	pthread_mutex_destroy(&w->lock);
	pthread_cond_destroy(&w->stop);
	free(w);
}

bool sink_close(struct sink *s)
{
	if (!s)
		return false;
	sink_flush(s);
	bool failed = s->failed;
	if (close(s->fd) && !failed) {
		if (!s->quiet)
			log_error("%s: %s", s->path, strerror(errno));
		failed = true;
	}
	pthread_mutex_destroy(s->lock);
	pthread_mutex_destroy(s->io);
	free(s->lock);
	free(s->io);
	buffer_free(&s->pending);
	buffer_free(&s->writing);
	free(s->path);
	free(s);
	return failed;
}
