// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the program says to the person who runs it: one line on stderr, and, where `logging.outputs` asks for a JSON file, an
 * "engine" record there. Called by commands and the daemon, and at start-up by loaders that report many things (rules);
 * never on the packet path.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_NOTICE, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

extern enum log_level log_level_max; /* what is above is not printed; NOTICE at first */

void log_write(enum log_level level, const char *module, const char *format, ...) __attribute__((format(printf, 3, 4)));
#define log_error(...) log_write(LOG_LEVEL_ERROR, LOG_MODULE, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, LOG_MODULE, __VA_ARGS__)
#define log_notice(...) log_write(LOG_LEVEL_NOTICE, LOG_MODULE, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, LOG_MODULE, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, LOG_MODULE, __VA_ARGS__)

/* Into the file alone: what a person has been told in a better form. */
void log_note(enum log_level level, const char *module, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Also write records as JSON lines of EVE's "engine" kind to this file, or as plain text; it is taken over, and closed when another or NULL is given. */
void log_file(FILE *file, bool json);
