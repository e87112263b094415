// SPDX-License-Identifier: GPL-2.0-or-later
#include "command/ruleset.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/gateway.h"
#include "ruleset/print.h"
#include "ruleset/show.h"
#include "ruleset/watch.h"

struct options {
	struct show show;
	struct packet_words packet;
	const char *file, *config, *svg;
	bool json;
	double watch;	/* seconds; 0: once */
	unsigned count; /* looks; 0: until interrupted */
};

void ruleset_show_usage(void)
{
	puts("usage: sluice ruleset show [OPTIONS]\n"
	     "\n"
	     "Prints the way of a packet through nftables: hook by hook the base chains in the order in which the kernel calls them, with the\n"
	     "kernel's own stations between, whose they are and what can come of them; sets, queues and who listens, and which bits of marks\n"
	     "are written and read by whom. Reads the loaded ruleset (as root), or a file.\n"
	     "\n"
	     "options:\n"
	     "  -c FILE        sluice's configuration, for its gateway.mark-mask (default: built in)\n"
	     "  -f FILE        a file in nft's syntax, or what `nft -j list ruleset` printed; - is standard input; needs no rights\n"
	     "  --count N      with --watch: end after N looks\n"
	     "  --for PACKET   only rules that such a packet may match: = it does, ? it depends on more than was said;\n"
	     "                 for example 'tcp dport 443 iif eth0'\n"
	     "  --hook NAME    only this hook: ingress, prerouting, input, forward, output, postrouting, egress\n"
	     "  --json         one object on standard output\n"
	     "  --rules        each chain's rules too\n"
	     "  --svg FILE     a drawing\n"
	     "  --watch [=S]   every S seconds (2): how much each counter grew");
}

enum { OPTION_RULES = 256, OPTION_HOOK, OPTION_FOR, OPTION_WATCH, OPTION_COUNT, OPTION_JSON, OPTION_SVG };

static int wrong(const char *text, const char *what)
{
	fprintf(stderr, "sluice ruleset show: %s%s; `sluice ruleset show --help` tells more\n", text, what);
	return -EINVAL;
}

static int take_hook(struct options *o, const char *name)
{
	static const char *const hooks[] = {"ingress", "prerouting", "input", "forward", "output", "postrouting", "egress"};
	for (size_t i = 0; i < sizeof hooks / sizeof *hooks; i++)
		if (strcmp(hooks[i], name) == 0) {
			o->show.hook = name;
			return 0;
		}
	return wrong("no such hook: ", name);
}

static int take_packet(struct options *o, const char *text)
{
	struct error error = {0};
	o->show.packet = &o->packet;
	return packet_words_parse(text, &o->packet, &error) < 0 ? wrong("--for: ", error.text) : 0;
}

static int take_option(struct options *o, int option)
{
	switch (option) {
	case 'f':
		o->file = optarg;
		return 0;
	case 'c':
		o->config = optarg;
		return 0;
	case OPTION_RULES:
		o->show.rules = true;
		return 0;
	case OPTION_HOOK:
		return take_hook(o, optarg);
	case OPTION_FOR:
		return take_packet(o, optarg);
	case OPTION_WATCH:
		o->watch = optarg ? atof(optarg) : 2;
		return o->watch > 0 && o->watch < 86400 ? 0 : wrong("--watch wants seconds", "");
	case OPTION_COUNT:
		o->count = (unsigned)atoi(optarg);
		return o->count ? 0 : wrong("--count wants a number", "");
	case OPTION_JSON:
		o->json = true;
		return 0;
	case OPTION_SVG:
		o->svg = optarg;
		return 0;
	default:
		return wrong("that is not how to call it", "");
	}
}

static int parse(int argc, char **argv, struct options *o)
{
	static const struct option names[] = {{"rules", no_argument, NULL, OPTION_RULES}, {"hook", required_argument, NULL, OPTION_HOOK},
					      {"for", required_argument, NULL, OPTION_FOR}, {"watch", optional_argument, NULL, OPTION_WATCH},
					      {"count", required_argument, NULL, OPTION_COUNT}, {"json", no_argument, NULL, OPTION_JSON},
					      {"svg", required_argument, NULL, OPTION_SVG}, {0}};
	int option, code = 0;
	optind = 1;
	while (code == 0 && (option = getopt_long(argc, argv, "f:c:", names, NULL)) >= 0)
		code = take_option(o, option);
	if (code == 0 && optind < argc)
		code = wrong("what is meant by ", argv[optind]);
	if (code == 0 && o->watch && o->file)
		code = wrong("--watch is about the loaded ruleset, not a file", "");
	return code;
}

static int read_mask(struct options *o)
{
	struct error error = {0};
	struct gateway_settings settings;
	struct conf *conf = conf_new();
	int code = o->config ? conf_load_file(conf, o->config, &error) : conf_load_defaults(conf, &error);
	if (code == 0)
		code = gateway_settings_read(&settings, conf, &error);
	if (code == 0)
		o->show.sluice_mask = settings.mark_mask;
	else
		fprintf(stderr, "sluice: %s\n", error.text);
	conf_free(conf);
	return code;
}

static int draw(const struct options *o)
{
	FILE *f = fopen(o->svg, "we");
	if (f)
		show_svg(f, &o->show);
	if (f && fclose(f) == 0)
		return STATUS_DONE;
	fprintf(stderr, "sluice: %s: %s\n", o->svg, strerror(errno));
	return STATUS_FAILED;
}

int ruleset_show(int argc, char **argv)
{
	struct options o = {.show.colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR")};
	if (parse(argc, argv, &o) < 0)
		return STATUS_USAGE;
	if (read_mask(&o) < 0)
		return STATUS_FAILED;
	if (o.watch)
		return ruleset_watch(stdout, o.watch, o.count, o.show.colour) < 0 ? STATUS_FAILED : STATUS_DONE;
	struct ruleset *rs = ruleset_open(o.file, !o.show.packet && !o.show.rules);
	if (!rs)
		return STATUS_FAILED;
	int status = STATUS_DONE;
	o.show.rs = rs;
	if (o.svg)
		status = draw(&o);
	else if (o.json)
		show_json(stdout, &o.show);
	else
		show_text(stdout, &o.show);
	ruleset_free(rs);
	return status;
}
