// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What went wrong, in words that a person will read: the cause and the place.
 *
 * Functions that can fail return 0 or -errno (or a pointer or NULL) and fill the error they were handed; NULL is allowed
 * where the words do not matter. Only main and the commands print errors.
 */
#pragma once

#include <stdarg.h>

struct error {
	char text[512];
	int line, column; /* place in a text that was read, from 1; 0: unknown */
};

/* Both return -code, so that `return error_set(error, EINVAL, "…")` is one line. */
int error_set(struct error *error, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Puts "prefix: " before the text that is there. */
void error_prefix(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));
