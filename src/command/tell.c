// SPDX-License-Identifier: GPL-2.0-or-later
/* What is told the running sluice in one word: stop, reload, confirm, reopen, block, unblock, blocks, release. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "command/ask.h"
#include "command/command.h"
#include "gateway/gateway.h"

enum { OPT_SOCKET = 256, OPT_FOR, OPT_WHY, OPT_JSON, OPT_LIMIT, PATIENCE = 30, PATIENCE_RELOAD = 600 };

struct told {
	const char *socket, *lasts, *why, *limit;
	bool json;
};

static const struct option options[] = {
	{"socket", required_argument, NULL, OPT_SOCKET}, {"for", required_argument, NULL, OPT_FOR},     {"why", required_argument, NULL, OPT_WHY},
	{"json", no_argument, NULL, OPT_JSON},           {"limit", required_argument, NULL, OPT_LIMIT}, {"help", no_argument, NULL, 'h'},
	{0},
};

/* Options that a command does not know are wrong: `allowed` has the letters of those that it does. */
static int parse(int argc, char **argv, struct told *t, const char *allowed, int operands, void (*usage)(void))
{
	*t = (struct told){.socket = ASK_SOCKET};
	optind = 1;
	for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
		const char letter[] = {c == OPT_FOR ? 'f' : c == OPT_WHY ? 'w' : c == OPT_JSON ? 'j' : c == OPT_LIMIT ? 'l' : '\0', '\0'};
		if (c == 'h') {
			usage();
			exit(STATUS_DONE);
		}
		if (c == '?' || (*letter && !strstr(allowed, letter))) {
			if (c != '?')
				fprintf(stderr, "sluice: %s does not take that option\n", argv[0]);
			return STATUS_USAGE;
		}
		switch (c) {
		case OPT_SOCKET: t->socket = optarg; break;
		case OPT_FOR: t->lasts = optarg; break;
		case OPT_WHY: t->why = optarg; break;
		case OPT_JSON: t->json = true; break;
		default: t->limit = optarg; break;
		}
	}
	if (argc - optind == operands)
		return STATUS_DONE;
	fprintf(stderr, "sluice: %s takes %s; `sluice help %s` tells more\n", argv[0], operands ? "an address" : "no operand", argv[0]);
	return STATUS_USAGE;
}

static void print_json(const json_t *message)
{
	json_dumpf(message, stdout, JSON_INDENT(2));
	putchar('\n');
}

/* ---- stop ---- */

void command_stop_usage(void)
{
	puts("usage: sluice stop [--socket PATH]\n\nEnds the running sluice and takes its table away: traffic passes without inspection, whatever when-down says. After a\n"
	     "crash with when-down: drop it takes away the table that still drops.");
}

/* The table of one that is gone, if there is one. */
static int open_line(const char *without_table, const char *with_table)
{
	struct error error = {0};
	int r = gateway_remove_stale(&error);
	if (r == 0 || r == -ENOENT)
		puts(r ? without_table : with_table);
	else
		fprintf(stderr, "sluice: %s\n", error.text);
	return r == 0 || r == -ENOENT ? STATUS_DONE : STATUS_FAILED;
}

static bool wait_for_end(void)
{
	enum { TRIES = 400, PAUSE_MS = 50 };
	for (int i = 0; i < TRIES && gateway_lock_holder(); i++)
		nanosleep(&(struct timespec){.tv_nsec = PAUSE_MS * 1000000L}, NULL);
	return !gateway_lock_holder();
}

/* Nobody answers: it compiles its rules still, listens elsewhere, or is not there. */
static int end_by_signal(void)
{
	int pid = gateway_lock_holder();
	if (pid && kill(pid, SIGTERM) < 0) {
		fprintf(stderr, "sluice: process %d: %s\n", pid, strerror(errno));
		return -1;
	}
	return pid;
}

int command_stop(int argc, char **argv)
{
	struct told t;
	struct error error = {0};
	json_t *message;
	int status = parse(argc, argv, &t, "", 0, command_stop_usage);
	if (status)
		return status;
	int r = ask(t.socket, "shutdown", NULL, PATIENCE, &message, &error);
	json_decref(message);
	if (r == -ENOENT || r == -ECONNREFUSED) {
		r = end_by_signal();
		if (r == 0)
			return open_line("sluice is not running, and no table of its is there: traffic passes without inspection",
					 "sluice was not running; the table that it left is gone: traffic passes without inspection");
	} else if (r < 1) {
		fprintf(stderr, "sluice: %s\n", r < 0 ? error.text : "it refused");
		return STATUS_FAILED;
	}
	if (r < 0)
		return STATUS_FAILED;
	if (!wait_for_end()) {
		fprintf(stderr, "sluice: process %d does not end\n", gateway_lock_holder());
		return STATUS_FAILED;
	}
	static const char opened[] = "stopped; the table is gone: traffic passes without inspection";
	return open_line(opened, opened);
}

/* ---- reload, confirm, reopen ---- */

void command_reload_usage(void)
{
	puts("usage: sluice reload [--json] [--socket PATH]\n\nReads the rules anew. They come into force when all of them are compiled and right; else the old ones stay and the\n"
	     "reason is told. No packet is lost. Status 0: the new rules are in force.");
}

static void show_reload(const json_t *m)
{
	const char *note = json_string_value(json_object_get(m, "message"));
	printf("%lld rules are in force (generation %lld, digest %.16s), after %.1f s\n", (long long)json_integer_value(json_object_get(m, "rules_loaded")),
	       (long long)json_integer_value(json_object_get(m, "generation")), json_string_value(json_object_get(m, "digest")),
	       json_number_value(json_object_get(m, "seconds")));
	if (note && *note)
		printf("  %s\n", note);
}

int command_reload(int argc, char **argv)
{
	struct told t;
	int status = parse(argc, argv, &t, "j", 0, command_reload_usage);
	return status ? status : ask_and_print(t.socket, "reload-rules", NULL, PATIENCE_RELOAD, t.json ? print_json : show_reload);
}

void command_confirm_usage(void)
{
	puts("usage: sluice confirm [--socket PATH]\n"
	     "\nWhat was started with `sluice run --confirm TIME` stays. Without this word within the time it ends and takes its table away.");
}

int command_confirm(int argc, char **argv)
{
	struct told t;
	int status = parse(argc, argv, &t, "", 0, command_confirm_usage);
	return status ? status : ask_and_print(t.socket, "confirm", NULL, PATIENCE, NULL);
}

void command_reopen_usage(void)
{
	puts("usage: sluice reopen [--socket PATH]\n\nOpens the log files again by their names, after logrotate moved them.");
}

int command_reopen(int argc, char **argv)
{
	struct told t;
	int status = parse(argc, argv, &t, "", 0, command_reopen_usage);
	return status ? status : ask_and_print(t.socket, "reopen-log-files", NULL, PATIENCE, NULL);
}

/* ---- blocks ---- */

void command_block_usage(void)
{
	puts("usage: sluice block ADDRESS[/LENGTH] [--for TIME] [--json] [--socket PATH] [--why TEXT]\n"
	     "\nThe kernel drops what comes from the address or goes to it, before anything else looks.\n"
	     "Without --for (10m, 2h, 1d) for good. "
	     "Addresses of the allow list, of this machine, its gateways and resolvers are refused.");
}

static void show_block(const json_t *m)
{
	const char *until = json_string_value(json_object_get(m, "until"));
	printf("blocked %s %s%s\n", json_string_value(json_object_get(m, "address")), until ? "until " : "for good", until ? until : "");
}

int command_block(int argc, char **argv)
{
	struct told t;
	usec_t lasts = 0;
	int status = parse(argc, argv, &t, "fwj", 1, command_block_usage);
	if (status)
		return status;
	if (t.lasts && !clock_parse_duration(t.lasts, &lasts)) {
		fprintf(stderr, "sluice: --for: '%s' is no time, as 90, 10m, 1h30m or 2d\n", t.lasts);
		return STATUS_USAGE;
	}
	json_t *a = json_pack("{s:s,s:f,s:s}", "address", argv[optind], "seconds", (double)lasts / USEC_PER_SEC, "why", t.why ? t.why : "by hand");
	return ask_and_print(t.socket, "block", a, PATIENCE, t.json ? print_json : show_block);
}

void command_unblock_usage(void)
{
	puts("usage: sluice unblock ADDRESS[/LENGTH] [--socket PATH]\n\nThe opposite of `sluice block`; also for blocks that rules made.");
}

int command_unblock(int argc, char **argv)
{
	struct told t;
	int status = parse(argc, argv, &t, "", 1, command_unblock_usage);
	return status ? status : ask_and_print(t.socket, "unblock", json_pack("{s:s}", "address", argv[optind]), PATIENCE, NULL);
}

void command_blocks_usage(void)
{
	puts("usage: sluice blocks [--json] [--limit N] [--socket PATH]\n"
	     "\nWho is blocked, until when, why, by which rule, and how many packets were dropped for it; which flows are slowed: at most N (1000) of each.");
}

static void show_blocks(const json_t *m)
{
	size_t i;
	const json_t *list = json_object_get(m, "blocks"), *b;
	printf("%lld blocked\n", (long long)json_integer_value(json_object_get(m, "count")));
	if (json_integer_value(json_object_get(m, "pending")))
		printf("%lld of them are not in force: the kernel refused them, they are tried again\n", (long long)json_integer_value(json_object_get(m, "pending")));
	for (i = 0; i < json_array_size(list); i++) {
		b = json_array_get(list, i);
		const char *until = json_string_value(json_object_get(b, "until"));
		printf("  %-24s %-31s %8lld packets  %s", json_string_value(json_object_get(b, "address")), until ? until : "for good",
		       (long long)json_integer_value(json_object_get(b, "packets")), json_string_value(json_object_get(b, "why")));
		if (json_object_get(b, "sid"))
			printf(" (sid %lld)", (long long)json_integer_value(json_object_get(b, "sid")));
		const char *state = json_string_value(json_object_get(b, "state"));
		if (state && strcmp(state, "in force") != 0)
			printf(" [%s]", state);
		putchar('\n');
	}
	if (!json_integer_value(json_object_get(m, "slowed")))
		return;
	printf("%lld flows slowed\n", (long long)json_integer_value(json_object_get(m, "slowed")));
	json_array_foreach(json_object_get(m, "slow"), i, b)
		printf("  %s: %s port %lld to %s port %lld, protocol %lld\n", json_string_value(json_object_get(b, "class")), json_string_value(json_object_get(b, "src_ip")),
		       (long long)json_integer_value(json_object_get(b, "src_port")), json_string_value(json_object_get(b, "dest_ip")),
		       (long long)json_integer_value(json_object_get(b, "dest_port")), (long long)json_integer_value(json_object_get(b, "proto")));
}

int command_blocks(int argc, char **argv)
{
	struct told t;
	int status = parse(argc, argv, &t, "jl", 0, command_blocks_usage);
	if (status)
		return status;
	json_t *a = t.limit ? json_pack("{s:i}", "limit", atoi(t.limit)) : NULL;
	return ask_and_print(t.socket, "blocks", a, PATIENCE, t.json ? print_json : show_blocks);
}

void command_release_usage(void)
{
	puts("usage: sluice release ADDRESS [--socket PATH]\n"
	     "\nConnections from or to the address that there are now go on without inspection, in the kernel alone. New ones are inspected.");
}

int command_release(int argc, char **argv)
{
	struct told t;
	int status = parse(argc, argv, &t, "", 1, command_release_usage);
	return status ? status : ask_and_print(t.socket, "release", json_pack("{s:s}", "address", argv[optind]), PATIENCE, NULL);
}
