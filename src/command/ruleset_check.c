// SPDX-License-Identifier: GPL-2.0-or-later
/* `sluice ruleset check`: what is wrong with a ruleset. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command/ruleset.h"
#include "ruleset/check.h"
#include "ruleset/print.h"

enum { CLEAN = 0, FINDINGS = 1, NOT_READ = 2 };

struct check_command {
	struct check_options o;
	enum check_severity least;
	bool json, against_live;
	const char *sarif;
};

void ruleset_check_usage(void)
{
	puts("usage: sluice ruleset check [OPTIONS]\n\n"
	     "Proves or disproves, by sets of packets and not by samples, that every packet which the ruleset accepts reaches the IPS's queue, and finds\n"
	     "what else is wrong with it: each finding with its place, a packet that shows it and its way, and a fix.\n\n"
	     "  -f FILE            a file in nft's syntax, or the JSON of `nft -j list ruleset`; default: the loaded ruleset (as root)\n"
	     "  --against live     the loaded ruleset, which the file is to replace or to join\n"
	     "  --queue N[-M]      the IPS's queues; default: every queue statement\n"
	     "  --hook HOOKS       ways of packets: forward,input,output; default: those on which some rule queues\n"
	     "  --ssh WORDS        the connection that must survive: 'CLIENT PORT SERVER PORT'; default: $SSH_CONNECTION\n"
	     "  --host DIR         where the host's files are (proc/net/if_inet6, etc/nftables.conf, …); default: / for the loaded ruleset, none for a file\n"
	     "  --severity LEVEL   the least that is told: note, warning or error; default: warning\n"
	     "  --json             findings as JSON\n"
	     "  --sarif FILE       and as SARIF 2.1.0, for CI\n\n"
	     "Exit status: 0 no findings, 1 findings, 2 the ruleset could not be read.");
}

static bool parse_queues(const char *text, struct check_options *o)
{
	char *end;
	unsigned long from = strtoul(text, &end, 10), to = from;
	if (end == text)
		return false;
	if (*end == '-')
		to = strtoul(end + 1, &end, 10);
	o->queue_given = true;
	o->queue_from = (uint16_t)from;
	o->queue_to = (uint16_t)to;
	return !*end && from <= to && to <= 65535;
}

static bool parse_hooks(const char *text, unsigned *out)
{
	static const struct {
		const char *name;
		uint32_t hook;
	} names[] = {{"forward", NF_INET_FORWARD}, {"input", NF_INET_LOCAL_IN}, {"output", NF_INET_LOCAL_OUT}};
	for (const char *at = text; *at;) {
		size_t n = strcspn(at, ","), i;
		for (i = 0; i < 3; i++)
			if (strlen(names[i].name) == n && memcmp(names[i].name, at, n) == 0)
				break;
		if (i == 3)
			return false;
		*out |= 1u << names[i].hook;
		at += n + (at[n] == ',');
	}
	return *out != 0;
}

static bool parse_severity(const char *text, enum check_severity *out)
{
	for (int i = 0; check_severity_names[i]; i++)
		if (strcmp(check_severity_names[i], text) == 0) {
			*out = (enum check_severity)i;
			return true;
		}
	return false;
}

static int refuse(const char *option, const char *value)
{
	fprintf(stderr, "sluice ruleset check: %s: %s is not understood\n", option, value);
	return STATUS_USAGE;
}

static int parse(int argc, char **argv, struct check_command *k)
{
	enum { AGAINST = 256, QUEUE, HOOK, SSH, HOST, SEVERITY, JSON, SARIF };
	static const struct option long_options[] = {{"file", required_argument, NULL, 'f'}, {"against", required_argument, NULL, AGAINST}, {"queue",
		required_argument, NULL, QUEUE},
		{"hook", required_argument, NULL, HOOK}, {"ssh", required_argument, NULL, SSH}, {"host", required_argument, NULL, HOST},
		{"severity", required_argument, NULL, SEVERITY}, {"json", no_argument, NULL, JSON}, {"sarif", required_argument, NULL, SARIF}, {0}};
	optind = 1;
	for (int c; (c = getopt_long(argc, argv, "f:", long_options, NULL)) != -1;) {
		if (c == 'f')
			k->o.file = optarg;
		else if (c == AGAINST && strcmp(optarg, "live") == 0)
			k->against_live = true;
		else if (c == AGAINST)
			return refuse("--against", optarg);
		else if (c == QUEUE && !parse_queues(optarg, &k->o))
			return refuse("--queue", optarg);
		else if (c == HOOK && !parse_hooks(optarg, &k->o.hooks))
			return refuse("--hook", optarg);
		else if (c == SEVERITY && !parse_severity(optarg, &k->least))
			return refuse("--severity", optarg);
		else if (c == SSH)
			k->o.ssh = optarg;
		else if (c == HOST)
			k->o.host = optarg;
		else if (c == JSON)
			k->json = true;
		else if (c == SARIF)
			k->sarif = optarg;
		else if (c == '?')
			return STATUS_USAGE;
	}
	if (optind < argc)
		return refuse("argument", argv[optind]);
	if (k->against_live && !k->o.file)
		return refuse("--against", "live without -f FILE");
	return STATUS_DONE;
}

static int report(const struct check_command *k, const struct check *c)
{
	size_t n = k->json ? check_write_json(stdout, c, k->least) : check_write_text(stdout, c, k->least);
	if (k->sarif) {
		FILE *f = fopen(k->sarif, "we");
		if (!f) {
			fprintf(stderr, "sluice: %s: %s\n", k->sarif, strerror(errno));
			return NOT_READ;
		}
		check_write_sarif(f, c, k->least);
		fclose(f);
	}
	return n ? FINDINGS : CLEAN;
}

int ruleset_check(int argc, char **argv)
{
	struct check_command k = {.least = CHECK_WARNING, .o = {.ssh = getenv("SSH_CONNECTION")}};
	struct ruleset *rs = NULL, *live = NULL;
	struct error error = {0};
	struct check c;
	int code = parse(argc, argv, &k);
	if (code != STATUS_DONE)
		return code;
	if (!k.o.file && !k.o.host)
		k.o.host = "/";
	if (k.against_live && !(live = ruleset_open(NULL, false)))
		return NOT_READ;
	if (!k.o.file) {
		rs = ruleset_open(NULL, false);
	} else if (ruleset_read_file(&rs, k.o.file, &(struct ruleset_options){0}, &error) < 0 && check_refused(&c, &k.o, &error)) {
		code = report(&k, &c);
		check_free(&c);
		ruleset_free(live);
		return code;
	} else if (!rs) {
		fprintf(stderr, "sluice: %s\n", error.text);
	}
	if (!rs) {
		ruleset_free(live);
		return NOT_READ;
	}
	k.o.against = live;
	check_run(&c, rs, &k.o);
	code = report(&k, &c);
	check_free(&c);
	ruleset_free(rs);
	ruleset_free(live);
	return code;
}
