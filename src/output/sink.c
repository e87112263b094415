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

enum { PIECE = 256 << 10, BACKLOG_MAX = 16 << 20, KEPT = 2 << 20, SAY_SECONDS = 60, STOP_SECONDS = 1, WRITE_EVERY_MS = 500 };

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

static void add_lost(struct sink *s, const void *data, size_t n)
{
	__atomic_fetch_add(&s->lost, count_lines(data, n), __ATOMIC_RELAXED);
}

/* By who writes, never by who has a record: the program's own log may lie on the same disk. Said once, until it was well again. */
static void say_lost(struct sink *s, int code)
{
	uint64_t lost = __atomic_load_n(&s->lost, __ATOMIC_RELAXED);
	if (code && !s->failed && !s->quiet)
		log_error("%s: %s; records are lost from here on", s->path, strerror(code));
	else if (!code && !s->quiet)
		log_error("%s: %llu records were lost: the disk did not follow, or there was no room", s->path, (unsigned long long)(lost - s->said));
	s->said = lost;
	s->said_at = clock_monotonic();
	s->failed = true;
}

/* Writes; what cannot be written is lost. 0 or an error's code. With `io` taken. */
static int write_out(struct sink *s, const uint8_t *data, size_t left)
{
	while (left) {
		ssize_t n = write(s->fd, data, left);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			int code = errno;
			add_lost(s, data, left);
			return code;
		}
		s->torn = data[n - 1] != '\n';
		data += n;
		left -= (size_t)n;
	}
	return 0;
}

/* A datagram is one record. */
static int write_lines(struct sink *s, const uint8_t *data, size_t n)
{
	int code = 0, first = 0;
	for (const uint8_t *end = data + n, *next; data < end; data = next) {
		const uint8_t *line_end = memchr(data, '\n', (size_t)(end - data));
		next = line_end ? line_end + 1 : end;
		code = write_out(s, data, (size_t)(next - data));
		first = first ? first : code;
	}
	return first;
}

static int write_pieces(struct sink *s)
{
	if (strcmp(s->filetype, "unix_dgram") == 0)
		return write_lines(s, s->writing.data, s->writing.len);
	/* a line that was cut off, as the disk was full, must not swallow the next one */
	int code = s->torn && s->writing.len && !s->is_socket ? write_out(s, (const uint8_t *)"\n", 1) : 0;
	if (code)
		add_lost(s, s->writing.data, s->writing.len);
	return code ? code : write_out(s, s->writing.data, s->writing.len);
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
	int code = write_pieces(s);
	bool news = s->said < __atomic_load_n(&s->lost, __ATOMIC_RELAXED) && (!s->failed || clock_monotonic() > s->said_at + SAY_SECONDS * USEC_PER_SEC);
	if (code || news)
		say_lost(s, code);
	buffer_clear(&s->writing);
	if (s->writing.room > KEPT)
		buffer_free(&s->writing);
	pthread_mutex_unlock(s->io);
}

static void writer_wake(struct sink_writer *w);

void sink_write(struct sink *s, const void *data, size_t n)
{
	pthread_mutex_lock(s->lock);
	size_t before = s->pending.len;
	bool fits = !s->writer || before + n <= BACKLOG_MAX;
	if (fits)
		buffer_add(&s->pending, data, n);
	bool due = s->pending.len >= PIECE || s->is_socket;
	struct sink_writer *writer = s->writer;
	pthread_mutex_unlock(s->lock);
	if (!fits)
		add_lost(s, data, n);
	else if (due && !writer)
		sink_flush(s);
	else if (due && (before < PIECE || s->is_socket))
		writer_wake(writer);
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
	s->failed = s->torn = false;
	pthread_mutex_unlock(s->io);
	return 0;
}

/* ---- in the background ---- */

struct sink_writer {
	struct sink *list;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool stopping, due;
};

static void writer_wake(struct sink_writer *w)
{
	pthread_mutex_lock(&w->lock);
	w->due = true;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
}

static void set_writer(struct sink *list, struct sink_writer *w)
{
	for (struct sink *s = list; s; s = s->next) {
		pthread_mutex_lock(s->lock);
		s->writer = w;
		pthread_mutex_unlock(s->lock);
	}
}

/* True: to write and end. */
static bool wait_for_work(struct sink_writer *w)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_nsec += WRITE_EVERY_MS * 1000000L;
	t.tv_sec += t.tv_nsec / 1000000000L;
	t.tv_nsec %= 1000000000L;
	pthread_mutex_lock(&w->lock);
	while (!w->stopping && !w->due && pthread_cond_timedwait(&w->wake, &w->lock, &t) == 0)
		;
	w->due = false;
	bool stopping = w->stopping;
	pthread_mutex_unlock(&w->lock);
	return stopping;
}

static void *writer_main(void *context)
{
	struct sink_writer *w = context;
	bool stopping = false;
	while (!stopping) {
		stopping = wait_for_work(w);
		for (struct sink *s = w->list; s; s = s->next)
			sink_flush(s);
	}
	return NULL;
}

struct sink_writer *sink_writer_start(struct sink *list, struct error *error)
{
	struct sink_writer *w = xcalloc(1, sizeof *w);
	pthread_condattr_t attr; /* a clock that is set back must not make it sleep for hours */
	w->list = list;
	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->wake, &attr);
	pthread_condattr_destroy(&attr);
	int code = pthread_create(&w->thread, NULL, writer_main, w);
	if (code == 0) {
		set_writer(list, w);
		return w;
	}
	error_set(error, code, "cannot start a thread: %s", strerror(code));
	free(w);
	return NULL;
}

bool sink_writer_stop(struct sink_writer *w)
{
	struct timespec t;
	if (!w)
		return true;
	pthread_mutex_lock(&w->lock);
	w->stopping = true;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += STOP_SECONDS;
	if (pthread_clockjoin_np(w->thread, NULL, CLOCK_MONOTONIC, &t))
		return false;
	set_writer(w->list, NULL);
	pthread_mutex_destroy(&w->lock);
	pthread_cond_destroy(&w->wake);
	free(w);
	return true;
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
