// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Private to capture/: the records of a pcap file in its common form (this machine's byte order, version 2.4), read in large pieces
 * and used where they lie. What is not of that form is left to libpcap.
 */
#pragma once

#include "packet/decode.h"

struct records {
	int fd;
	uint8_t *data;         /* NULL: the file is not read this way (any more) */
	size_t at, end;        /* the bytes that are there: data[at … end) */
	uint64_t offset;       /* of data[0] in the file */
	uint32_t longest;      /* records whose data are longer are not of the common form */
	int link_type;
	bool nano;
};

/* False: not of the common form. `longest`: the snapshot length. */
bool records_open(struct records *r, int fd, int link_type, int longest);
void records_close(struct records *r);
/*
 * The next record: fills bytes (valid until the next call), wire_len, link_type, time, packet_flags. Returns its length with its header; 0: it is
 * not whole, or odd.
 */
size_t records_next(struct records *r, struct frame *out);
static inline uint64_t records_offset(const struct records *r)
{
	return r->offset + r->at;
}
