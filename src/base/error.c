// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/error.h"

#include <stdio.h>
#include <string.h>

int error_set(struct error *error, int code, const char *format, ...)
{
	if (error) {
		va_list args;
		va_start(args, format);
		vsnprintf(error->text, sizeof error->text, format, args);
		va_end(args);
	}
	return -code;
}

void error_prefix(struct error *error, const char *format, ...)
{
	if (!error)
		return;
	char old[sizeof error->text];
	memcpy(old, error->text, sizeof old);
	va_list args;
	va_start(args, format);
	int n = vsnprintf(error->text, sizeof error->text, format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= sizeof error->text)
		return;
	snprintf(error->text + n, sizeof error->text - (size_t)n, ": %s", old);
}
