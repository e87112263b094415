// SPDX-License-Identifier: GPL-2.0-or-later
/* Private to app/http/. */
#pragma once

#include "app/protocols.h"

enum { N_HTTP_PATTERNS = 59 };
extern const struct app_pattern http_patterns[N_HTTP_PATTERNS];
