// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What eve-log's `types:` say to the loggers of protocols. output/ fills it from the configuration, one for each eve-log;
 * loggers read what is theirs. Strings are owned by output/ and outlive the workers.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { APP_LOG_NAMES = 64 };

struct app_log_names { /* a list of words of the configuration: custom fields, record types */
	const char *name[APP_LOG_NAMES];
	unsigned n;
};

enum app_log_headers { LOG_HEADERS_NONE, LOG_HEADERS_BOTH, LOG_HEADERS_REQUEST, LOG_HEADERS_RESPONSE };

struct app_log_options {
	bool in_alert;              /* the object goes into an alert, not into a record of its own */
	struct {
		bool extended;
		struct app_log_names custom;
		enum app_log_headers dump_all_headers;
	} http;
	struct {
		uint8_t version;    /* 2 or 3 */
		bool requests, responses, detailed, grouped;
		struct app_log_names types; /* n 0: all */
	} dns;
	struct {
		bool extended, session_resumption, no_ja4;
		struct app_log_names custom; /* n > 0: these alone */
	} tls;
};

static inline bool app_log_named(const struct app_log_names *l, const char *name)
{
	for (unsigned i = 0; i < l->n; i++)
		if (__builtin_strcmp(l->name[i], name) == 0)
			return true;
	return false;
}
