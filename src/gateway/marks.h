// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the bits of gateway.mark-mask mean, in packet marks and in conntrack marks alike. The mask's bits, moved down to bit 0, are
 * a number; every other bit of a mark belongs to somebody else and is left as it is.
 *
 *   0              nothing: inspected as ever
 *   MARK_RELEASED  conntrack: the flow is accepted before the queue
 *   MARK_SLOW + n  conntrack: the n-th class of respond.slow
 *   the one behind the last class, where a class ends in time (`for`): packet mark alone: the flow's mark goes back to 0
 *   all ones       packet mark alone: sent by sluice itself (resets, unreachables), never queued
 */
#pragma once

#include <stdint.h>

/* Classes of traffic control that slow flows go into: SLOW_MAJOR : SLOW_MINOR + n, at each device. */
enum { SLOW_MAJOR = 0x51dc, SLOW_MINOR = 0x10 };
enum { MARK_RELEASED = 1, MARK_SLOW = 2, MARK_SLOW_MAX = 32 };

/* The bits in place. 0 for a value that the mask has no room for. Pure. */
static inline uint32_t mark_bits(uint32_t mask, uint32_t value)
{
	uint32_t shifted = mask ? value << __builtin_ctz(mask) : 0;
	return shifted == (shifted & mask) ? shifted : 0;
}
