// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where frames come from and verdicts go. One file and one row a method. A capture is opened, used and closed by the worker's
 * thread. It sees base/ and packet/ alone.
 */
#pragma once

#include "base/conf.h"
#include "base/error.h"
#include "packet/decode.h"

enum verdict { VERDICT_ACCEPT, VERDICT_DROP };

struct capture_verdict {
	enum verdict verdict;
	bool set_mark;
	uint32_t mark, mark_mask;  /* bits to set within the mask; others are kept */
	struct bytes replacement;  /* the network packet's new bytes; empty: as it was */
};

struct capture_stats {
	uint64_t received, dropped, errors;
};

struct capture;

struct capture_ops {
	const char *name;
	/*
	 * Waits up to `timeout_ms` (-1: without end) for frames, and calls `on_frame` for each in order. What on_frame returns is
	 * the frame's verdict; verdicts may be sent in batches, in order, at the latest before the call returns.
	 * Returns the number of frames, 0 when time is up, -ENODATA at the end of a file, -errno with words.
	 */
	int (*read)(struct capture *c, int timeout_ms,
		    struct capture_verdict (*on_frame)(void *context, const struct frame *frame), void *context,
		    struct error *error);
	void (*stats)(struct capture *c, struct capture_stats *out);
	void (*close)(struct capture *c);
};

/* Each method embeds this first. */
struct capture {
	const struct capture_ops *ops;
	bool inline_mode; /* verdicts matter */
};

/*
 * A capture file: pcap (micro- and nanoseconds, both byte orders) or pcapng, "-" for standard input. NULL with words: cannot be opened, or is
 * no capture (error code -EINVAL in *code; a system error otherwise). A file that breaks off yields what is whole, then read returns -EBADMSG once
 * with the offset in the error. Frames are numbered from 1.
 */
struct capture *capture_file_open(const char *path, const char *bpf, int *code, struct error *error);
/* Bytes read so far and the file's size (0: unknown), for progress. */
void capture_file_position(struct capture *c, uint64_t *at, uint64_t *size);
