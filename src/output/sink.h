// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where lines go: a file, or a datagram or stream socket. Lines are gathered and written in large pieces; a failure is said once,
 * counted, and ends nothing. Any thread.
 *
 * As it is, who fills a piece writes it and waits for the disk (replay). In the background (run) a thread of the list writes, twice a second or when a piece is
 * full; who writes a line never waits: when the disk does not follow, lines are lost, counted, and said once.
 */
#pragma once

#include "base/clock.h"
#include "base/conf.h"
#include "base/memory.h"

struct sink_writer;

struct sink {
	char *path;
	int fd;
	bool append, failed, is_socket;
	bool quiet;    /* what went wrong was said elsewhere: count only */
	bool torn;     /* of io: what was written last ends within a line */
	uint64_t lost; /* atomic: lines that could not be written */
	uint64_t said; /* of io: of them, those that somebody was told of, and when */
	usec_t said_at;
	struct buffer pending, writing;
	struct sink_writer *writer; /* in the background; NULL: who fills a piece writes */
	void *lock, *io; /* of pending; of the descriptor and what is being written */
	const char *filetype; /* a literal's or the configuration's text */
	struct sink *next;
};

/* Opens a file below `folder` (or an absolute path). NULL with words. `filetype`: regular, unix_stream, unix_dgram. */
struct sink *sink_open(const char *folder, const char *name, const char *filetype, bool append, struct error *error);
void sink_write(struct sink *s, const void *data, size_t n);
void sink_flush(struct sink *s);
/* The file by its name again, made if need be; what was gathered goes into the old one. -errno: the old one stays. */
int sink_reopen(struct sink *s);
/* Flushes, closes, frees. True if anything was lost. */
bool sink_close(struct sink *s);

/*
 * A thread that writes for all sinks of a list, whose order and members stay until sink_writer_stop, which writes what is left. False: the disk hangs; then
 * the thread and the sinks are to be left as they are.
 */
struct sink_writer *sink_writer_start(struct sink *list, struct error *error);
bool sink_writer_stop(struct sink_writer *w); /* NULL is allowed */
