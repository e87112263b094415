// SPDX-License-Identifier: GPL-2.0-or-later
/* The stats record: counters by their dotted names as nested objects. */
#include "output/eve.h"

#include <stdlib.h>
#include <string.h>

struct row {
	char *name;
	uint64_t value;
};

struct rows {
	struct row *row;
	size_t n, room;
};

static void add(struct rows *r, char *name, uint64_t value)
{
	if (r->n == r->room) {
		r->room = r->room ? r->room * 2 : 512;
		r->row = xrealloc(r->row, r->room * sizeof *r->row);
	}
	r->row[r->n++] = (struct row){name, value};
}

static void add_counters(struct rows *r, const struct counters *sum, bool ips)
{
	for (unsigned c = 0; c < COUNTER_N_; c++) {
		const char *name = counter_name(c);
		if (!ips && strncmp(name, "ips.", 4) == 0)
			continue;
		uint64_t value = sum->value[c];
		if (c == COUNTER_DECODER_AVG_PKT_SIZE)
			value = sum->value[COUNTER_DECODER_PKTS] ? sum->value[COUNTER_DECODER_BYTES] / sum->value[COUNTER_DECODER_PKTS] : 0;
		add(r, xstrdup(name), value);
	}
}

static void add_events(struct rows *r, const uint64_t *counts)
{
	for (unsigned e = 0; e < EVENT_N_; e++) {
		const char *name = packet_event_name(e);
		if (e == EVENT_TOO_MANY_LAYERS)
			add(r, xstrdup("decoder.too_many_layers"), counts[e]); /* the one that is no event there */
		else if (strncmp(name, "stream.", 7))
			add(r, xasprintf("decoder.event.%s", name), counts[e]);
	}
}

/* A protocol on both transports is counted apart: dns_tcp, dns_udp. */
static void add_app(struct rows *r, const struct app_worker *app)
{
	static const char *const suffix[] = {"_tcp", "_udp"};
	for (size_t i = 0; app_protocols[i]; i++) {
		const struct app_proto *p = app_protocols[i];
		bool both = p->transports == (APP_TRANSPORT_TCP | APP_TRANSPORT_UDP);
		for (unsigned t = 0; t < 2; t++) {
			if (!(p->transports >> t & 1))
				continue;
			const char *s = both ? suffix[t] : "";
			add(r, xasprintf("app_layer.flow.%s%s", p->name, s), app->flows[i][t]);
			add(r, xasprintf("app_layer.tx.%s%s", p->name, s), app->txs[i][t]);
			add(r, xasprintf("app_layer.error.%s%s.parser", p->name, s), app->errors[i][t]);
			if (t == 0)
				add(r, xasprintf("app_layer.error.%s%s.gap", p->name, s), app->gap_errors[i][t]);
		}
	}
	add(r, xstrdup("app_layer.flow.failed_tcp"), app->failed[0]);
	add(r, xstrdup("app_layer.flow.failed_udp"), app->failed[1]);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct row *)a)->name, ((const struct row *)b)->name);
}

/* Rows are sorted, so that those of one object stand together; objects are opened and closed where names part. */
static void write_rows(struct json *j, const struct rows *r)
{
	const char *previous = "";
	size_t depth = 0;
	for (size_t i = 0; i < r->n; i++) {
		const char *name = r->row[i].name;
		size_t common = 0, level = 0;
		for (size_t k = 0; name[k] && name[k] == previous[k]; k++)
			if (name[k] == '.') {
				common = k + 1;
				level++;
			}
		for (; depth > level; depth--)
			json_close(j);
		const char *rest = name + common;
		for (const char *dot; (dot = strchr(rest, '.')); rest = dot + 1, depth++) {
			json_key_bytes(j, bytes_of(rest, (size_t)(dot - rest)));
			json_open(j, NULL);
		}
		json_key_bytes(j, bytes_of_string(rest));
		json_uint(j, NULL, r->row[i].value);
		previous = name;
	}
	for (; depth; depth--)
		json_close(j);
}

/* Suricata's keys, and which rules these are: two reloads with the same files have one digest and two generations. */
static void write_engines(struct json *j, const struct output_rules *r)
{
	const struct engine_counts *c = &r->counts;
	char when[40];
	/* an object beside detect.*: the rows above have closed theirs, so it is written first and merged by position */
	json_open_array(j, "engines");
	json_open(j, NULL);
	json_uint(j, "id", 0);
	if (r->loaded) {
		clock_format_iso(r->loaded, when);
		json_string(j, "last_reload", when);
	}
	json_uint(j, "rules_loaded", c->evaluated);
	json_uint(j, "rules_failed", c->errors);
	json_uint(j, "rules_skipped", c->unsupported + c->skipped);
	if (r->generation) {
		json_uint(j, "generation", r->generation);
		json_string(j, "digest", r->digest);
	}
	json_close(j);
	json_close_array(j);
}

/* detect.* is the one object with a list in it. */
static void split_detect(struct rows *all, struct rows *detect)
{
	size_t kept = 0;
	for (size_t i = 0; i < all->n; i++) {
		struct row row = all->row[i];
		if (strncmp(row.name, "detect.", 7)) {
			all->row[kept++] = row;
			continue;
		}
		if (strcmp(row.name, "detect.engines")) {
			memmove(row.name, row.name + 7, strlen(row.name + 7) + 1);
			add(detect, row.name, row.value);
		} else {
			free(row.name);
		}
	}
	all->n = kept;
}

static void free_rows(struct rows *r)
{
	for (size_t i = 0; i < r->n; i++)
		free(r->row[i].name);
	free(r->row);
}

/* The members of a record's "stats". */
static void write_members(struct json *j, const struct rows *rows, const struct rows *detect, const struct output_rules *rules, usec_t uptime)
{
	json_int(j, "uptime", uptime > 0 ? uptime / USEC_PER_SEC : 0);
	write_rows(j, rows);
	json_open(j, "detect");
	write_engines(j, rules);
	write_rows(j, detect);
	json_close(j);
}

static void write_stats(const struct eve *e, struct buffer *line, const struct rows *rows, const struct rows *detect,
			const struct output_rules *rules, usec_t now, usec_t since)
{
	char when[40];
	buffer_clear(line);
	struct json j = json_into(line);
	json_open(&j, NULL);
	clock_format_iso(now, when);
	json_string(&j, "timestamp", when);
	json_string(&j, "event_type", "stats");
	json_open(&j, "stats");
	write_members(&j, rows, detect, rules, now - since);
	json_close(&j);
	json_close(&j);
	buffer_add_byte(line, '\n');
	sink_write(e->sink, line->data, line->len);
}

static void gather(struct rows *rows, struct rows *detect, const struct counters *sum, bool ips, const uint64_t *event_counts, const struct app_worker *app)
{
	add_counters(rows, sum, ips);
	add_events(rows, event_counts);
	add_app(rows, app);
	split_detect(rows, detect);
	qsort(rows->row, rows->n, sizeof *rows->row, by_name);
	qsort(detect->row, detect->n, sizeof *detect->row, by_name);
}

void output_stats_text(const struct outputs *o, const struct counters *sum, const uint64_t *event_counts, const struct app_worker *app, usec_t now,
		       usec_t since, struct buffer *out)
{
	struct rows rows = {0}, detect = {0};
	gather(&rows, &detect, sum, o->context.ips, event_counts, app);
	struct json j = json_into(out);
	json_open(&j, NULL);
	write_members(&j, &rows, &detect, &o->context.rules, now - since);
	json_close(&j);
	free_rows(&rows);
	free_rows(&detect);
}

void output_stats(struct outputs *o, const struct counters *sum, const uint64_t *event_counts, const struct app_worker *app, usec_t now, usec_t since)
{
	bool wanted = false;
	for (const struct eve *e = o->eves; e; e = e->next)
		wanted |= (e->options.kinds & EVE_STATS) != 0;
	if (!wanted || !o->stats_on)
		return;
	struct rows rows = {0}, detect = {0};
	struct buffer line = {0};
	gather(&rows, &detect, sum, o->context.ips, event_counts, app);
	for (const struct eve *e = o->eves; e; e = e->next)
		if (e->options.kinds & EVE_STATS)
			write_stats(e, &line, &rows, &detect, &o->context.rules, now, since);
	buffer_free(&line);
	free_rows(&rows);
	free_rows(&detect);
}
