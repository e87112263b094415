// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/clock.h"

#include <stdio.h>
#include <time.h>

static usec_t read_clock(clockid_t id)
{
	struct timespec t;
	clock_gettime(id, &t);
	return (usec_t)t.tv_sec * USEC_PER_SEC + t.tv_nsec / 1000;
}

usec_t clock_real(void)
{
	return read_clock(CLOCK_REALTIME);
}

usec_t clock_monotonic(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

/* localtime_r takes a lock and reads the zone: done once a second for each thread. */
static const struct tm *local_time(time_t second)
{
	static _Thread_local time_t last = -1;
	static _Thread_local struct tm tm;
	if (second != last) {
		localtime_r(&second, &tm);
		last = second;
	}
	return &tm;
}

static void split(usec_t t, time_t *second, unsigned *fraction)
{
	usec_t f = t % USEC_PER_SEC;
	if (f < 0)
		f += USEC_PER_SEC;
	*second = (time_t)((t - f) / USEC_PER_SEC);
	*fraction = (unsigned)f;
}

void clock_format_iso(usec_t t, char *out)
{
	time_t second;
	unsigned fraction;
	split(t, &second, &fraction);
	const struct tm *tm = local_time(second);
	long zone = tm->tm_gmtoff / 60;
	char sign = zone < 0 ? '-' : '+';
	if (zone < 0)
		zone = -zone;
	snprintf(out, 40, "%04d-%02d-%02dT%02d:%02d:%02d.%06u%c%02ld%02ld", tm->tm_year + 1900, tm->tm_mon + 1, tm->tm_mday,
		 tm->tm_hour, tm->tm_min, tm->tm_sec, fraction, sign, zone / 60, zone % 60);
}

void clock_format_fast(usec_t t, char *out)
{
	time_t second;
	unsigned fraction;
	split(t, &second, &fraction);
	const struct tm *tm = local_time(second);
	snprintf(out, 40, "%02d/%02d/%04d-%02d:%02d:%02d.%06u", tm->tm_mon + 1, tm->tm_mday, tm->tm_year + 1900, tm->tm_hour,
		 tm->tm_min, tm->tm_sec, fraction);
}
