// SPDX-License-Identifier: GPL-2.0-or-later
/* Records of blocks: not about a packet, hence written by whoever blocks, unblocks or looks at the clock. */
#include "output/eve.h"
#include "respond/blocks.h"

#include <stdio.h>

static void write_rule(struct json *j, const struct block *b)
{
	if (!b->sid)
		return;
	json_uint(j, "gid", b->gid);
	json_uint(j, "signature_id", b->sid);
	json_uint(j, "generation", b->generation);
}

static void write_record(struct buffer *line, const char *action, const struct block *b, size_t covered, usec_t now)
{
	char when[40], text[ADDRESS_TEXT], prefix[ADDRESS_TEXT + 8];
	struct json j = json_into(line);
	json_open(&j, NULL);
	clock_format_iso(now, when);
	json_string(&j, "timestamp", when);
	if (b->flow_id)
		json_uint(&j, "flow_id", b->flow_id);
	json_string(&j, "event_type", "block");
	json_open(&j, "block");
	json_string(&j, "action", action);
	snprintf(prefix, sizeof prefix, "%s/%u", address_format_short(&b->prefix, text), b->len);
	json_string(&j, "prefix", prefix);
	clock_format_iso(b->since, when);
	json_string(&j, "since", when);
	if (b->until) {
		clock_format_iso(b->until, when);
		json_string(&j, "until", when);
	}
	json_string(&j, "why", b->why);
	write_rule(&j, b);
	if (covered)
		json_uint(&j, "covered", covered);
	if (b->packets) {
		json_uint(&j, "pkts", b->packets);
		json_uint(&j, "bytes", b->bytes);
	}
	json_close(&j);
	json_close(&j);
	buffer_add_byte(line, '\n');
}

void output_block(struct outputs *o, const char *action, const struct block *b, size_t covered, usec_t now)
{
	struct buffer line = {0};
	for (const struct eve *e = o->eves; e; e = e->next) {
		if (!(e->options.kinds & (EVE_ALERT | EVE_DROP)))
			continue;
		if (!line.len)
			write_record(&line, action, b, covered, now);
		if (!line.failed)
			sink_write(e->sink, line.data, line.len);
	}
	buffer_free(&line);
}
