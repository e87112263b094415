// SPDX-License-Identifier: GPL-2.0-or-later
/* IP addresses of both families as plain values. */
#pragma once

#include "base/bytes.h"

struct address {
	uint8_t family; /* 4, 6, or 0: none */
	uint8_t byte[16]; /* network order; IPv4 in the first four, the rest zero */
};

static inline size_t address_len(const struct address *a)
{
	return a->family == 4 ? 4 : a->family == 6 ? 16 : 0;
}

static inline bool address_equal(const struct address *a, const struct address *b)
{
	return a->family == b->family && memcmp(a->byte, b->byte, 16) == 0;
}

static inline int address_compare(const struct address *a, const struct address *b)
{
	return a->family != b->family ? (int)a->family - (int)b->family : memcmp(a->byte, b->byte, 16);
}

#define ADDRESS_TEXT 48
/* Dotted quad, or IPv6 as EVE prints it: eight groups of four digits with no compression ("fe80:0000:…"). Returns out. */
const char *address_format(const struct address *a, char out[ADDRESS_TEXT]);
/* As people write it (RFC 5952). */
const char *address_format_short(const struct address *a, char out[ADDRESS_TEXT]);
/* false: not an address of either family. */
bool address_parse(struct bytes text, struct address *out);
/* Keeps the first `bits` bits. */
void address_mask(struct address *a, unsigned bits);
