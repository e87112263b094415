// SPDX-License-Identifier: GPL-2.0-or-later
/* A sliding buffer: bytes are added at the right, let go at the left; what is held is contiguous and addressed by offsets from the beginning. */
#pragma once

#include "base/bytes.h"

struct slide {
	uint8_t *data;
	size_t len, room;
	uint64_t offset;  /* of data[0] */
};

/* -ENOMEM. `charge` (may be NULL) is raised by what the buffer grew. */
int slide_add(struct slide *s, struct bytes b, uint64_t *charge);
/* Lets go of what lies before the absolute offset. */
void slide_cut(struct slide *s, uint64_t offset);
/* What is held from the absolute offset on (or from what is left). */
struct bytes slide_from(const struct slide *s, uint64_t offset);
static inline uint64_t slide_end(const struct slide *s)
{
	return s->offset + s->len;
}
void slide_free(struct slide *s, uint64_t *charge);
