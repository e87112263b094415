// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/counters.h"

#include <stddef.h>

const char *counter_name(enum counter c)
{
	static const char *const names[] = {
#define COUNTER(id, name) name,
#include "base/counters.def"
#undef COUNTER
	};
	return (unsigned)c < COUNTER_N_ ? names[c] : NULL;
}
