// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/log.h"

#include "base/clock.h"
#include "base/json.h"

#include <pthread.h>
#include <stdarg.h>

enum log_level log_level_max = LOG_LEVEL_NOTICE;

static FILE *log_copy;
static bool log_copy_json;
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;

void log_file(FILE *file, bool json)
{
	pthread_mutex_lock(&log_lock);
	if (log_copy)
		fclose(log_copy);
	log_copy = file;
	log_copy_json = json;
	pthread_mutex_unlock(&log_lock);
}

static void write_json(enum log_level level, const char *module, const char *text)
{
	static const char *const names[] = {"Error", "Warning", "Notice", "Info", "Debug"};
	struct buffer line = {0};
	struct json j = json_into(&line);
	char when[40];
	clock_format_iso(clock_real(), when);
	json_open(&j, NULL);
	json_string(&j, "timestamp", when);
	json_string(&j, "log_level", names[level]);
	json_string(&j, "event_type", "engine");
	json_open(&j, "engine");
	json_string(&j, "message", text);
	json_string(&j, "module", module);
	json_close(&j);
	json_close(&j);
	buffer_add_byte(&line, '\n');
	fwrite(line.data, 1, line.len, log_copy);
	fflush(log_copy);
	buffer_free(&line);
}

static const char *const prefix[] = {"error: ", "warning: ", "", "", "debug: "};

static void write_copy(enum log_level level, const char *module, const char *text)
{
	if (log_copy && log_copy_json)
		write_json(level, module, text);
	else if (log_copy)
		fprintf(log_copy, "%s%s\n", prefix[level], text), fflush(log_copy);
}

void log_write(enum log_level level, const char *module, const char *format, ...)
{
	if (level > log_level_max)
		return;
	char text[2048];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	pthread_mutex_lock(&log_lock);
	fprintf(stderr, "sluice: %s%s\n", prefix[level], text);
	write_copy(level, module, text);
	pthread_mutex_unlock(&log_lock);
}

void log_note(enum log_level level, const char *module, const char *format, ...)
{
	char text[4096];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	pthread_mutex_lock(&log_lock);
	write_copy(level, module, text);
	pthread_mutex_unlock(&log_lock);
}
