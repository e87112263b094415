// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Files carried in transactions: name, size, state, digests, and a sliding window of content for `file.data`. A file belongs
 * to one transaction and dies with it.
 */
#pragma once

#include "app/slide.h"
#include "base/clock.h"

enum file_state { FILE_OPEN, FILE_CLOSED, FILE_TRUNCATED, FILE_ERROR }; /* EVE: CLOSED, TRUNCATED, ERROR; open ones are UNKNOWN */

struct file {
	struct file *next;
	struct bytes name;        /* in the transaction's arena */
	uint32_t id;              /* "file_id" */
	uint8_t state;
	bool gaps, stored, logged;
	uint64_t size;            /* bytes seen so far */
	uint64_t start, end;      /* of a range, when has_range */
	bool has_range;
	uint32_t sid_count;       /* of filestore rules: spare */
	bool keep;                /* content is kept; else it lies with the protocol */
	struct slide content;
	uint64_t inspected;       /* bytes that file.data rules have seen */
	void *digests;            /* private: running md5, sha1, sha256 */
	bool has_md5, has_sha1, has_sha256;
	uint8_t md5[16], sha1[20], sha256[32];
	char *magic;              /* libmagic's words; NULL: not asked */
};
