// SPDX-License-Identifier: GPL-2.0-or-later
#include "gateway/owner.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Field 22 of /proc/PID/stat; the name in field 2 may hold blanks and brackets, so count from the last ')'. 0: no such process. */
unsigned long long process_start_time(int pid)
{
	char path[64], text[1024];
	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	FILE *f = fopen(path, "re");
	if (!f)
		return 0;
	size_t len = fread(text, 1, sizeof text - 1, f);
	fclose(f);
	text[len] = '\0';
	const char *at = strrchr(text, ')');
	char state = 0;
	unsigned long long started = 0;
	/* a zombie holds nothing any more */
	if (at && sscanf(at + 1, " %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu", &state, &started) == 2 &&
	    state != 'Z')
		return started;
	return 0;
}

void owner_self(struct owner *o)
{
	*o = (struct owner){.known = true, .pid = (int)getpid()};
	o->started = process_start_time(o->pid);
}

void owner_format(const struct owner *o, char out[OWNER_TEXT])
{
	snprintf(out, OWNER_TEXT, "sluice: process %d, started %llu", o->pid, o->started);
}

struct owner owner_parse(const char *comment)
{
	struct owner o = {0};
	o.known = sscanf(comment, "sluice: process %d, started %llu", &o.pid, &o.started) == 2 && o.pid > 0;
	return o;
}

bool owner_lives(const struct owner *o)
{
	unsigned long long started = process_start_time(o->pid);
	return started && started == o->started;
}
