// SPDX-License-Identifier: GPL-2.0-or-later
/* The frames of a capture for a trace. (Apart from the ruleset's headers, whose names are others.) */
#pragma once

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"

/* Calls back for each frame of Ethernet, or (ip_only) IP packet. Frames of other links are left out, and counted on standard error. */
int capture_take(const char *path, void (*each)(void *context, struct bytes bytes, bool ip_only, usec_t time, uint64_t number), void *context,
		 struct error *error);
