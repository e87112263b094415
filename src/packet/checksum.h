// SPDX-License-Identifier: GPL-2.0-or-later
/* Internet checksums (RFC 1071), for looking at packets and for making them. Sums are in host order of the bytes as they lie. */
#pragma once

#include "packet/packet.h"

/* Adds bytes to a running sum. All pieces but the last must be of even length. */
uint64_t checksum_add(uint64_t sum, struct bytes b);
/* The pseudo header of RFC 9293 and RFC 8200 section 8.1. */
uint64_t checksum_pseudo(const struct address *src, const struct address *dst, uint8_t proto, uint32_t len);
/* Folds and complements: 0 if a received checksum is right; else the value to memcpy into the packet as it is. */
uint16_t checksum_fold(uint64_t sum);
