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
	static _Thread_local struct iso_second recent[16]; /* a flow's record says when it began, too */
	time_t second;
	unsigned fraction;
	split(t, &second, &fraction);
	struct iso_second *cached = &recent[second & 15];
	if (second != cached->second || !cached->len)
		write_second(cached, second);
	memcpy(out, cached->text, cached->len + 1);
	for (char *p = out + cached->hole + 6; p-- > out + cached->hole; fraction /= 10)
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

static const struct {
	char unit;
	usec_t seconds;
} units[] = {{'w', 604800}, {'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}};

bool clock_parse_duration(const char *text, usec_t *out)
{
	const usec_t most = 3653LL * 86400;
	usec_t total = 0;
	if (!*text)
		return false;
	for (size_t next = 0; *text;) {
		usec_t n = 0;
		const char *digits = text;
		for (; *text >= '0' && *text <= '9' && n <= most; text++)
			n = n * 10 + (*text - '0');
		if (text == digits || n > most)
			return false;
		size_t u = sizeof units / sizeof *units - 1; /* no unit: seconds, and nothing after them */
		if (*text) {
			for (u = next; u < sizeof units / sizeof *units && units[u].unit != *text; u++)
				;
			if (u == sizeof units / sizeof *units)
				return false;
			text++;
		} else if (next) {
			return false;
		}
		next = u + 1;
		total += n * units[u].seconds;
	}
	if (total < 1 || total > most)
		return false;
	*out = total * USEC_PER_SEC;
	return true;
}

const char *clock_format_duration(usec_t t, char *out)
{
	usec_t seconds = t > 0 ? (t + USEC_PER_SEC / 2) / USEC_PER_SEC : 0;
	size_t len = 0;
	unsigned parts = 0;
	for (size_t u = 1; u < sizeof units / sizeof *units && parts < 2; u++) { /* days and smaller, the two greatest */
		usec_t n = seconds / units[u].seconds;
		if (n == 0 && (len || units[u].seconds > 1)) {
			parts += len != 0;
			continue;
		}
		len += (size_t)snprintf(out + len, 32 - len, "%lld%c", (long long)n, units[u].unit);
		seconds -= n * units[u].seconds;
		parts++;
	}
	return out;
}
