// SPDX-License-Identifier: GPL-2.0-or-later
/* What the running sluice does; without one: whether traffic passes, and why it ended. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "command/ask.h"
#include "command/command.h"
#include "gateway/gateway.h"

enum { OPT_JSON = 256, OPT_WATCH, OPT_SOCKET, STATUS_NOT_RUNNING = 3, PATIENCE = 10 };

static const char last_exit[] = "/run/sluice/last-exit.json", last_seen[] = "/run/sluice/status.json";

void command_status_usage(void)
{
	puts("usage: sluice status [--json] [--socket PATH] [--watch]\n"
	     "\n"
	     "Protected since when, by which rules; what happens on a crash, on overload and when memory is used up; queues,\n"
	     "flows, alerts with the line that would silence each, blocks. --watch shows it anew each second. When sluice is\n"
	     "not running: whether traffic passes now or is dropped, and the last run's end; status 3.");
}

static long long number(const json_t *o, const char *name)
{
	return (long long)json_integer_value(json_object_get(o, name));
}

static const char *text(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));
	return s ? s : "-";
}

static void show_alerts(const json_t *list)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *a = json_array_get(list, i);
		printf("  %8lld  %s (sid %lld)\n            silence it: %s\n", number(a, "count"), text(a, "msg"), number(a, "sid"), text(a, "suppress"));
	}
}

static void show(const json_t *m)
{
	const json_t *rules = json_object_get(m, "rules"), *down = json_object_get(m, "when_down"), *q = json_object_get(m, "queues");
	const json_t *table = json_object_get(m, "table"), *reload = json_object_get(rules, "last_reload");
	char span[32];
	bool ids = strcmp(text(m, "mode"), "ids") == 0;
	printf("%s since %s (%s), process %lld, version %s\n", ids ? "inspecting (--ids: nothing is dropped)" : "protected", text(m, "since"),
	       clock_format_duration(number(m, "uptime") * USEC_PER_SEC, span), number(m, "pid"), text(m, "version"));
	if (json_object_get(m, "confirm_within"))
		printf("NOT CONFIRMED: it ends in %lld s unless you say `sluice confirm`\n", number(m, "confirm_within"));
	printf("rules: %lld, generation %lld, digest %.16s, %lld unsupported, %lld wrong\n", number(rules, "loaded"), number(rules, "generation"),
	       text(rules, "digest"), number(rules, "unsupported"), number(rules, "errors"));
	if (!json_is_true(json_object_get(reload, "ok")))
		printf("THE LAST RELOAD FAILED, the old rules are in force: %s\n", text(reload, "message"));
	printf("on a crash: %s\non overload: %s\non a memory limit: %s\n", text(down, "crash"), text(down, "overload"), text(down, "memcap"));
	printf("queues %lld-%lld: %lld of %lld packets wait, %lld did not fit\n", number(q, "first"), number(q, "first") + number(q, "number") - 1,
	       number(q, "waiting"), number(q, "room"), number(q, "dropped_full") + number(q, "dropped_buffer"));
	if (strcmp(text(m, "state"), "unprotected") == 0)
		puts("THE TABLE IS HURT: somebody changed it, and it cannot be put in again as yet; the log says why");
	if (number(table, "restored"))
		printf("the table was restored %lld times, after %.3f s altogether without protection\n", number(table, "restored"),
		       json_number_value(json_object_get(table, "unprotected_seconds")));
	printf("%lld packets, %lld flows; %lld packets dropped, %lld rejected; %lld blocked addresses\n", number(m, "packets"), number(m, "flows"),
	       number(m, "dropped"), number(m, "rejected"), number(m, "blocks"));
	if (number(m, "slowed"))
		printf("%lld flows were slowed\n", number(m, "slowed"));
	if (number(m, "records_lost"))
		printf("%lld records could not be written\n", number(m, "records_lost"));
	printf("%lld alerts\n", number(m, "alerts"));
	show_alerts(json_object_get(m, "top_alerts"));
}

/* ---- nobody answers ---- */

/* Who ends takes status.json away and says why; who was killed could not: then it tells when it was seen last. */
static void add_last(json_t *o, int holder)
{
	json_t *seen = json_load_file(last_seen, 0, NULL), *last = json_load_file(last_exit, 0, NULL);
	if (seen && !holder) {
		json_decref(last);
		last = json_pack("{s:s,s:I,s:s,s:i,s:s}", "time", text(seen, "time"), "pid", (json_int_t)number(seen, "pid"), "reason", "killed, or it crashed",
				 "status", STATUS_FAILED, "since", text(seen, "since"));
	}
	json_decref(seen);
	if (last)
		json_object_set_new(o, "last_exit", last);
}

static const char *traffic(const struct gateway_table_state *t, int r)
{
	if (r < 0)
		return "unknown";
	bool nobody_listens = t->there && t->ours && t->drops && !t->alive;
	return nobody_listens || (t->there && t->guard) ? "dropped" : "passes without inspection";
}

/* The lock tells of one that compiles its rules still, or listens at another socket. */
static const char *state_without_answer(int holder)
{
	json_t *seen = json_load_file(last_seen, 0, NULL);
	bool runs = holder && number(seen, "pid") == holder && strcmp(text(seen, "state"), "starting") != 0;
	json_decref(seen);
	return runs ? "running, but not at this control socket (--socket)" : holder ? "starting" : "not running";
}

static json_t *absent(void)
{
	struct gateway_table_state t = {0};
	struct error error = {0};
	char when[40] = "";
	int r = gateway_table_state(&t, &error), holder = gateway_lock_holder();
	json_t *o = json_pack("{s:s,s:s}", "state", state_without_answer(holder), "traffic", traffic(&t, r));
	if (holder)
		json_object_set_new(o, "pid", json_integer(holder));
	if (r < 0)
		json_object_set_new(o, "table_error", json_text(error.text));
	if (t.there && t.since) {
		clock_format_iso(t.since, when);
		json_object_set_new(o, "table_since", json_text(when));
	}
	add_last(o, holder);
	return o;
}

static void show_absent(const json_t *o)
{
	const json_t *last = json_object_get(o, "last_exit");
	printf("sluice is %s\ntraffic: %s%s%s\n", text(o, "state"), text(o, "traffic"), json_object_get(o, "table_since") ? ", by a table from " : "",
	       json_object_get(o, "table_since") ? text(o, "table_since") : "");
	if (json_object_get(o, "table_error"))
		printf("  %s\n", text(o, "table_error"));
	if (last)
		printf("last run: from %s to %s: %s\n", text(last, "since"), text(last, "time"), text(last, "reason"));
	else
		puts("last run: none is known since the boot");
	if (strcmp(text(o, "traffic"), "dropped") == 0)
		puts("`sluice run` protects again; `sluice stop` opens");
}

static int once(const char *socket, bool json)
{
	struct error error = {0};
	json_t *message;
	int r = ask(socket, "status", NULL, PATIENCE, &message, &error);
	bool nobody = r == -ENOENT || r == -ECONNREFUSED;
	if (r < 0 && !nobody) {
		fprintf(stderr, "sluice: %s\n", error.text);
		return STATUS_FAILED;
	}
	if (nobody)
		message = absent();
	if (json) {
		json_dumpf(message, stdout, JSON_INDENT(2));
		putchar('\n');
	} else if (nobody) {
		show_absent(message);
	} else {
		show(message);
	}
	json_decref(message);
	fflush(stdout);
	return nobody ? STATUS_NOT_RUNNING : STATUS_DONE;
}

int command_status(int argc, char **argv)
{
	static const struct option options[] = {{"json", no_argument, NULL, OPT_JSON}, {"watch", no_argument, NULL, OPT_WATCH},
						{"socket", required_argument, NULL, OPT_SOCKET}, {"help", no_argument, NULL, 'h'}, {0}};
	const char *socket = ASK_SOCKET;
	bool json = false, watch = false;
	optind = 1;
	for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;)
		switch (c) {
		case OPT_JSON: json = true; break;
		case OPT_WATCH: watch = true; break;
		case OPT_SOCKET: socket = optarg; break;
		case 'h': command_status_usage(); return STATUS_DONE;
		default: return STATUS_USAGE;
		}
	if (optind < argc) {
		fprintf(stderr, "sluice: status takes no '%s'\n", argv[optind]);
		return STATUS_USAGE;
	}
	for (;;) {
		if (watch && isatty(STDOUT_FILENO))
			fputs("\033[H\033[2J", stdout);
		int status = once(socket, json);
		if (!watch)
			return status;
		sleep(1);
	}
}
