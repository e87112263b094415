// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where lines go: a file, or a datagram or stream socket. Lines are gathered and written in large pieces; a failure is said once,
 * counted, and ends nothing. Any thread: a lock is taken a piece, not a line (each worker hands over whole lines).
 */
#pragma once

#include "base/conf.h"
#include "base/memory.h"

struct sink {
	char *path;
	int fd;
	bool append, failed, is_socket;
	bool quiet;    /* what went wrong was said elsewhere: count only */
	uint64_t lost; /* lines that could not be written */
	struct buffer pending;
	void *lock;
	struct sink *next;
};

/* Opens a file below `folder` (or an absolute path). NULL with words. `filetype`: regular, unix_stream, unix_dgram. */
struct sink *sink_open(const char *folder, const char *name, const char *filetype, bool append, struct error *error);
void sink_write(struct sink *s, const void *data, size_t n);
void sink_flush(struct sink *s);
/* Flushes, closes, frees. True if anything was lost. */
bool sink_close(struct sink *s);
