// SPDX-License-Identifier: GPL-2.0-or-later
/* Between the files trace*.c. */
#pragma once

#include "ruleset/trace.h"

/* For which of the IP families the ruleset makes the kernel track connections, and do NAT: fills tracked_families and nat_families. */
void trace_families(struct trace *t);
