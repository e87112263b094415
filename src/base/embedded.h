// SPDX-License-Identifier: GPL-2.0-or-later
/* The files of data/ that the program carries within itself; scripts/embed makes the C text. */
#pragma once

#include "base/bytes.h"

/* By base name; empty if there is none. A NUL follows that the length does not count. */
struct bytes embedded_file(const char *name);
