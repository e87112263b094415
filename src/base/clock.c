// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/clock.h"

#include <stdio.h>
#include <string.h>
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

/* The text of a second with a hole for the fraction: records come many a second. */
struct iso_second {
	time_t second;
	size_t hole, len; /* 0: none yet */
	char text[40];
};

static void write_second(struct iso_second *s, time_t second)
{
	const struct tm *tm = local_time(second);
	long zone = tm->tm_gmtoff / 60;
	char sign = zone < 0 ? '-' : '+';
	if (zone < 0)
		zone = -zone;
	int n = snprintf(s->text, sizeof s->text, "%04d-%02d-%02dT%02d:%02d:%02d.000000%c%02ld%02ld", tm->tm_year + 1900, tm->tm_mon + 1,
			 tm->tm_mday, tm->tm_hour, tm->tm_min, tm->tm_sec, sign, zone / 60, zone % 60);
	s->second = second;
	s->hole = (size_t)(strchr(s->text, '.') + 1 - s->text);
	s->len = (size_t)n < sizeof s->text ? (size_t)n : sizeof s->text - 1;
}

void clock_format_iso(usec_t t, char *out)
{
	static _Thread_local struct iso_second cached;
	time_t second;
	unsigned fraction;
	split(t, &second, &fraction);
	if (second != cached.second || !cached.len)
		write_second(&cached, second);
	memcpy(out, cached.text, cached.len + 1);
	for (char *p = out + cached.hole + 6; p-- > out + cached.hole; fraction /= 10)
		*p = (char)('0' + fraction % 10);
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
