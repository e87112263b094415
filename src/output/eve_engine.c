// SPDX-License-Identifier: GPL-2.0-or-later
/* Records of the daemon's own life: start, stop, reloads, the table restored. */
#include "output/eve.h"

static void write_record(struct buffer *line, const struct output_rules *rules, const char *action, const char *message, usec_t unprotected, usec_t now)
{
	char when[40];
	struct json j = json_into(line);
	json_open(&j, NULL);
	clock_format_iso(now, when);
	json_string(&j, "timestamp", when);
	json_string(&j, "event_type", "engine");
	json_open(&j, "engine");
	json_string(&j, "action", action);
	if (message)
		json_string(&j, "message", message);
	if (unprotected)
		json_uint(&j, "unprotected_ms", (uint64_t)(unprotected + 999) / 1000);
	if (rules->generation) {
		json_uint(&j, "generation", rules->generation);
		json_string(&j, "digest", rules->digest);
	}
	json_close(&j);
	json_close(&j);
	buffer_add_byte(line, '\n');
}

void output_engine(struct outputs *o, const char *action, const char *message, usec_t unprotected, usec_t now)
{
	struct buffer line = {0};
	for (const struct eve *e = o->eves; e; e = e->next) {
		if (!(e->options.kinds & (EVE_ALERT | EVE_DROP | EVE_STATS)))
			continue;
		if (!line.len)
			write_record(&line, &o->context.rules, action, message, unprotected, now);
		if (!line.failed)
			sink_write(e->sink, line.data, line.len);
	}
	buffer_free(&line);
}
