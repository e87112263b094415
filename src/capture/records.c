// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/records.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { FILE_HEADER = 24, RECORD_HEADER = 16, PIECE = 256 << 10 /* stays in the cache */, LONGEST = 262144, ROOM = LONGEST + RECORD_HEADER + PIECE };

static uint32_t native32(const uint8_t *at)
{
	uint32_t v;
	memcpy(&v, at, sizeof v);
	return v;
}

bool records_open(struct records *r, int fd, int link_type, int longest)
{
	uint8_t head[FILE_HEADER];
	uint16_t version[2];
	*r = (struct records){.fd = fd, .link_type = link_type, .offset = FILE_HEADER};
	if (pread(fd, head, sizeof head, 0) != (ssize_t)sizeof head)
		return false;
	uint32_t magic = native32(head);
	memcpy(version, head + 4, sizeof version);
	if ((magic != 0xa1b2c3d4 && magic != 0xa1b23c4d) || version[0] != 2 || version[1] != 4)
		return false;
	r->nano = magic == 0xa1b23c4d;
	r->longest = longest > 0 && longest < LONGEST ? (uint32_t)longest : LONGEST;
	r->data = malloc(ROOM);
	return r->data != NULL;
}

void records_close(struct records *r)
{
	free(r->data);
	r->data = NULL;
}

/* The record at the place reached; 0: it is not whole. */
static size_t peek(const struct records *r, struct frame *out)
{
	size_t room = r->end - r->at;
	if (room < RECORD_HEADER)
		return 0;
	const uint8_t *h = r->data + r->at;
	uint32_t captured = native32(h + 8), wire = native32(h + 12), fraction = native32(h + 4);
	if (captured > r->longest || captured > room - RECORD_HEADER)
		return 0;
	*out = (struct frame){
		.bytes = {h + RECORD_HEADER, captured},
		.wire_len = wire,
		.link_type = r->link_type,
		.time = (usec_t)(int32_t)native32(h) * USEC_PER_SEC + (r->nano ? fraction / 1000 : fraction),
		.packet_flags = wire > captured ? PACKET_TRUNCATED : 0,
	};
	return RECORD_HEADER + captured;
}

static bool read_piece(struct records *r)
{
	size_t want = ROOM - r->end < PIECE ? ROOM - r->end : PIECE;
	ssize_t n;
	do
		n = want ? pread(r->fd, r->data + r->end, want, (off_t)(r->offset + r->end)) : 0;
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return false;
	r->end += (size_t)n;
	return true;
}

size_t records_next(struct records *r, struct frame *out)
{
	size_t len = peek(r, out);
	if (!len) {
		memmove(r->data, r->data + r->at, r->end - r->at);
		r->offset += r->at;
		r->end -= r->at;
		r->at = 0;
	}
	while (!len && read_piece(r))
		len = peek(r, out);
	r->at += len;
	return len;
}
