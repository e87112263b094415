// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/conf.h"
#include "command/command.h"
#include "lag/lag.h"
#include "lag/probe.h"
#include "lag/watch.h"

static const char own_config[] = "/etc/sluice/sluice.yaml";

void command_lag_usage(void)
{
	puts("usage: sluice lag start [PROFILE] [OPTIONS]   slow traffic down, in IPv4 and IPv6 alike\n"
	     "       sluice lag stop [--dev IF]             put back what was there\n"
	     "       sluice lag status [--dev IF] [--json] [--watch]\n"
	     "       sluice lag probe [--dev IF] [--count N] [--gap MS] [--json] ADDRESS…\n"
	     "       sluice lag list                        the profiles, and where they come from\n\n"
	     "  -c FILE               configuration, for lag.profiles; /etc/sluice/sluice.yaml if it is there\n"
	     "  --burst-loss P,R      lost packets in bursts: how often one begins, how often it ends (Gilbert-Elliott)\n"
	     "  --correlation 25%     how much a packet's delay resembles the one before\n"
	     "  --corrupt 0.1%        packets with a wrong bit\n"
	     "  --delay 100ms         one way\n"
	     "  --dev IF              that device; without it, the one of the default route\n"
	     "  --direction D         out (the default): what leaves by the device; in: what arrives there; both\n"
	     "  --distribution D      of the jitter: uniform (the default), normal, pareto, paretonormal, experimental\n"
	     "  --duplicate 1%        packets that come twice\n"
	     "  --except SPEC         but not these\n"
	     "  --for 10m             ends by itself\n"
	     "  --force               also where somebody shapes already; that is put back afterwards\n"
	     "  --jitter 20ms         the delay goes up and down by it\n"
	     "  --limit PACKETS       what the line holds; without it twice delay times rate\n"
	     "  --loss 1%[,25%]       lost packets, and how much one resembles the one before\n"
	     "  --match SPEC          outgoing packets of this kind only, in nft's words: 'ip daddr 192.0.2.0/24 tcp dport 443'; several may be given\n"
	     "  --no-exemptions       also ssh, neighbour discovery and the resolvers, which are not slowed otherwise\n"
	     "  --print               print the commands of tc and nft that do the same, and do nothing\n"
	     "  --rate 2mbit          as fast as that\n"
	     "  --reorder 25%[,50%]   packets that overtake the delayed ones\n"
	     "  --seed N              the same chance again (Linux 6.6)");
}

/* ---- options ---- */

enum { MOST_SPECS = 32, OPT_LINE = 256, OPT_DEV, OPT_DIRECTION, OPT_MATCH, OPT_EXCEPT, OPT_NO_EXEMPTIONS, OPT_FOR, OPT_FORCE, OPT_PRINT, OPT_JSON, OPT_WATCH, OPT_COUNT, OPT_GAP };

static const struct option options[] = {
	{"delay", required_argument, NULL, OPT_LINE},
	{"jitter", required_argument, NULL, OPT_LINE},
	{"distribution", required_argument, NULL, OPT_LINE},
	{"correlation", required_argument, NULL, OPT_LINE},
	{"loss", required_argument, NULL, OPT_LINE},
	{"burst-loss", required_argument, NULL, OPT_LINE},
	{"duplicate", required_argument, NULL, OPT_LINE},
	{"reorder", required_argument, NULL, OPT_LINE},
	{"corrupt", required_argument, NULL, OPT_LINE},
	{"rate", required_argument, NULL, OPT_LINE},
	{"limit", required_argument, NULL, OPT_LINE},
	{"seed", required_argument, NULL, OPT_LINE},
	{"dev", required_argument, NULL, OPT_DEV},
	{"direction", required_argument, NULL, OPT_DIRECTION},
	{"match", required_argument, NULL, OPT_MATCH},
	{"except", required_argument, NULL, OPT_EXCEPT},
	{"no-exemptions", no_argument, NULL, OPT_NO_EXEMPTIONS},
	{"for", required_argument, NULL, OPT_FOR},
	{"force", no_argument, NULL, OPT_FORCE},
	{"print", no_argument, NULL, OPT_PRINT},
	{"json", no_argument, NULL, OPT_JSON},
	{"watch", no_argument, NULL, OPT_WATCH},
	{"count", required_argument, NULL, OPT_COUNT},
	{"gap", required_argument, NULL, OPT_GAP},
	{"help", no_argument, NULL, 'h'},
	{0},
};

struct asked {
	struct {
		const char *option, *value;
	} line[64];
	size_t n_line;
	const char *match[MOST_SPECS + 1], *except[MOST_SPECS + 1];
	size_t n_match, n_except;
	const char *device, *direction, *config, *profile;
	usec_t lasts;
	uint64_t count, gap; /* pings, ms */
	bool no_exemptions, force, print, json, watch;
};

static bool wrong(const char *option, const char *value, const char *want)
{
	fprintf(stderr, "sluice: --%s: '%s' is not %s\n", option, value, want);
	return false;
}

static bool add_spec(const char **list, size_t *n, const char *option)
{
	if (*n == MOST_SPECS)
		return wrong(option, optarg, "allowed any more: 32 at most");
	list[(*n)++] = optarg;
	return true;
}

static bool take_number(const char *option, uint64_t *out, uint64_t most, const char *want)
{
	char *end;
	*out = strtoull(optarg, &end, 10);
	return (*optarg >= '1' && *optarg <= '9' && !*end && *out <= most) || wrong(option, optarg, want);
}

static bool take_option(struct asked *a, int c, int index)
{
	enum { MOST_PINGS = 60000, MOST_GAP = 10000 };
	switch (c) {
	case OPT_LINE:
		if (a->n_line == sizeof a->line / sizeof *a->line)
			return wrong(options[index].name, optarg, "allowed any more: 64 properties at most");
		a->line[a->n_line].option = options[index].name;
		a->line[a->n_line++].value = optarg;
		return true;
	case OPT_DEV: a->device = optarg; return true;
	case OPT_DIRECTION:
		a->direction = optarg;
		return strcmp(optarg, "out") == 0 || strcmp(optarg, "in") == 0 || strcmp(optarg, "both") == 0 || wrong("direction", optarg, "out, in or both");
	case OPT_MATCH: return add_spec(a->match, &a->n_match, "match");
	case OPT_EXCEPT: return add_spec(a->except, &a->n_except, "except");
	case OPT_NO_EXEMPTIONS: return a->no_exemptions = true;
	case OPT_FOR: return clock_parse_duration(optarg, &a->lasts) || wrong("for", optarg, "a time such as 90s, 10m or 1h30m");
	case OPT_FORCE: return a->force = true;
	case OPT_PRINT: return a->print = true;
	case OPT_JSON: return a->json = true;
	case OPT_WATCH: return a->watch = true;
	case OPT_COUNT: return take_number("count", &a->count, MOST_PINGS, "a number from 1 to 60000");
	case OPT_GAP: return take_number("gap", &a->gap, MOST_GAP, "a number of milliseconds from 1 to 10000");
	case 'c': a->config = optarg; return true;
	default: return false;
	}
}

static int parse(int argc, char **argv, struct asked *a)
{
	*a = (struct asked){.direction = "out", .count = 20, .gap = 20};
	optind = 1;
	for (int c, index = 0; (c = getopt_long(argc, argv, "c:h", options, &index)) != -1;) {
		if (c == 'h') {
			command_lag_usage();
			exit(STATUS_DONE);
		}
		if (!take_option(a, c, index))
			return STATUS_USAGE;
	}
	return STATUS_DONE;
}

/* ---- the device of the default route ---- */

static const char *default_device(void)
{
	static char name[IF_NAMESIZE];
	char line[256];
	unsigned destination, mask;
	FILE *f = fopen("/proc/net/route", "re");
	while (f && !*name && fgets(line, sizeof line, f)) {
		char device[IF_NAMESIZE];
		if (sscanf(line, "%15s %x %*x %*x %*d %*d %*d %x", device, &destination, &mask) == 3 && destination == 0 && mask == 0)
			memcpy(name, device, sizeof name);
	}
	if (f)
		fclose(f);
	f = *name ? NULL : fopen("/proc/net/ipv6_route", "re");
	while (f && !*name && fgets(line, sizeof line, f)) {
		char device[IF_NAMESIZE];
		if (sscanf(line, "00000000000000000000000000000000 00 %*s %*s %*s %*s %*s %*s %*s %15s", device) == 1 && strcmp(device, "lo") != 0)
			memcpy(name, device, sizeof name);
	}
	if (f)
		fclose(f);
	return *name ? name : NULL;
}

static const char *only_device;
static void keep_device(void *context, const char *device)
{
	(void)context;
	static char name[IF_NAMESIZE];
	snprintf(name, sizeof name, "%s", device);
	only_device = name;
}

/* Of stop, status, probe: what is given, or the only one there is. */
static const char *device_in_force(const struct asked *a)
{
	if (a->device)
		return a->device;
	size_t n = lag_state_devices(keep_device, NULL);
	if (n == 1)
		return only_device;
	fprintf(stderr, n ? "sluice: several devices are slowed down: --dev says which\n" : "sluice: nothing is slowed down\n");
	return NULL;
}

static int failed(const struct error *e)
{
	fprintf(stderr, "sluice: %s\n", e->text);
	return STATUS_FAILED;
}

/* ---- start ---- */

static int fill_line(struct line *l, const struct asked *a, bool in, struct conf *conf, struct error *error)
{
	int code = a->profile ? line_from_profile(l, a->profile, in, conf, error) : 0;
	for (size_t i = 0; code == 0 && i < a->n_line; i++)
		code = line_set(l, a->line[i].option, a->line[i].value, error);
	return code == 0 ? line_check(l, error) : code;
}

static int load_config(const struct asked *a, struct conf **conf, struct error *error)
{
	const char *path = a->config ? a->config : access(own_config, R_OK) == 0 ? own_config : NULL;
	*conf = NULL;
	if (!path)
		return 0;
	*conf = conf_new();
	return conf_load_file(*conf, path, error);
}

/* What was asked for, as one would type it. */
static char *words_of(const struct asked *a)
{
	struct buffer b = {0};
	buffer_printf(&b, "%s", a->profile ? a->profile : "");
	for (size_t i = 0; i < a->n_line; i++)
		buffer_printf(&b, "%s--%s %s", b.len ? " " : "", a->line[i].option, a->line[i].value);
	for (size_t i = 0; i < a->n_match; i++)
		buffer_printf(&b, " --match '%s'", a->match[i]);
	for (size_t i = 0; i < a->n_except; i++)
		buffer_printf(&b, " --except '%s'", a->except[i]);
	char *text = xstrdup(buffer_string(&b));
	buffer_free(&b);
	return text;
}

static int begin(const struct lag_request *q, struct error *error)
{
	int lock = lag_lock(error);
	if (lock < 0)
		return lock;
	int code = lag_start(q, error);
	if (code == 0 && q->lasts)
		lag_watch(q->device, lock, error);
	close(lock);
	return code;
}

static void tell_started(const struct lag_request *q)
{
	char line[200], left[32];
	if (q->out) {
		line_describe(&q->line_out, line, sizeof line);
		printf("%s, outgoing: %s (room for %u packets)\n", q->device, line, q->line_out.netem.limit ? q->line_out.netem.limit : netem_limit(&q->line_out.netem));
	}
	if (q->in) {
		line_describe(&q->line_in, line, sizeof line);
		printf("%s, incoming: %s\n", q->device, line);
	}
	if (q->lasts)
		printf("for %s; ", clock_format_duration(q->lasts, left));
	printf("`sluice lag stop --dev %s` puts back what was there\n", q->device);
}

static int lag_command_start(struct asked *a, int argc, char **argv)
{
	struct error error = {0};
	struct conf *conf;
	if (argc > 1) {
		fprintf(stderr, "sluice: one profile at most, not '%s' too\n", argv[1]);
		return STATUS_USAGE;
	}
	a->profile = argc ? argv[0] : NULL;
	struct lag_request q = {.device = a->device ? a->device : default_device(), .out = strcmp(a->direction, "in") != 0, .in = strcmp(a->direction, "out") != 0,
				.match = a->match, .except = a->except, .lasts = a->lasts, .force = a->force, .no_exemptions = a->no_exemptions};
	if (!q.device) {
		fprintf(stderr, "sluice: there is no default route: --dev says which device\n");
		return STATUS_USAGE;
	}
	if (strlen(q.device) >= IF_NAMESIZE) {
		fprintf(stderr, "sluice: --dev: '%s' is longer than names of devices are (%d characters)\n", q.device, IF_NAMESIZE - 1);
		return STATUS_USAGE;
	}
	int code = load_config(a, &conf, &error);
	if (code == 0 && q.out)
		code = fill_line(&q.line_out, a, false, conf, &error);
	if (code == 0 && q.in)
		code = fill_line(&q.line_in, a, true, conf, &error);
	conf_free(conf);
	if (code < 0) {
		failed(&error);
		return STATUS_USAGE;
	}
	if (a->print) {
		lag_print(stdout, &q);
		return STATUS_DONE;
	}
	char *words = words_of(a);
	q.words = words;
	code = begin(&q, &error);
	free(words);
	if (code < 0)
		return failed(&error);
	tell_started(&q);
	return STATUS_DONE;
}

/* ---- the others ---- */

static int lag_command_stop(struct asked *a, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	struct error error = {0};
	const char *device = device_in_force(a);
	if (!device)
		return STATUS_FAILED;
	int lock = lag_lock(&error), code = lock < 0 ? lock : lag_stop(device, &error);
	if (lock >= 0)
		close(lock);
	if (code < 0)
		return failed(&error);
	printf("%s is as it was before\n", device);
	return STATUS_DONE;
}

static int lag_command_status(struct asked *a, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	struct error error = {0};
	const char *device = device_in_force(a);
	if (!device)
		return STATUS_FAILED;
	int code = a->watch ? lag_show_watch(device, &error) : lag_show(stdout, device, a->json, &error);
	return code < 0 ? failed(&error) : STATUS_DONE;
}

static int lag_command_probe(struct asked *a, int argc, char **argv)
{
	int status = STATUS_DONE;
	if (argc == 0) {
		fprintf(stderr, "sluice: probe needs an address that answers pings\n");
		return STATUS_USAGE;
	}
	for (int i = 0; i < argc; i++) {
		struct error error = {0};
		struct probe p = {0};
		if (lag_probe(&p, argv[i], a->device, (unsigned)a->count, (int)a->gap, &error) < 0)
			status = failed(&error);
		else
			lag_probe_print(stdout, argv[i], &p, a->json);
		probe_free(&p);
	}
	return status;
}

static int lag_command_list(struct asked *a, int argc, char **argv)
{
	(void)a;
	(void)argc;
	(void)argv;
	for (unsigned i = 0; i < lag_n_profiles; i++) {
		struct line out = {0}, in = {0};
		char there[200], back[200];
		line_from_profile(&out, lag_profiles[i].name, false, NULL, NULL);
		line_from_profile(&in, lag_profiles[i].name, true, NULL, NULL);
		line_describe(&out, there, sizeof there);
		line_describe(&in, back, sizeof back);
		printf("%-17s %s\n%17s out: %s\n%17s in:  %s\n%17s source: %s\n", lag_profiles[i].name, lag_profiles[i].what, "", there, "", back, "", lag_profiles[i].source);
	}
	return STATUS_DONE;
}

int command_lag(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(struct asked *a, int argc, char **argv);
	} verbs[] = {{"start", lag_command_start}, {"stop", lag_command_stop}, {"status", lag_command_status}, {"probe", lag_command_probe}, {"list", lag_command_list}};
	struct asked a;
	int status = parse(argc, argv, &a);
	if (status)
		return status;
	const char *verb = optind < argc ? argv[optind++] : "";
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (strcmp(verbs[i].name, verb) == 0)
			return verbs[i].run(&a, argc - optind, argv + optind);
	fprintf(stderr, "sluice: lag: '%s' is none of start, stop, status, probe, list; `sluice help lag` tells more\n", verb);
	return STATUS_USAGE;
}
