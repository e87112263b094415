// SPDX-License-Identifier: GPL-2.0-or-later
/* sluice ruleset diff: which packets of a capture change their fate between two rulesets. */
#include "command/ruleset.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/ruleset_packets.h"
#include "ruleset/print.h"
#include "ruleset/trace_print.h"

enum { OPT_ROUTES = 256, OPT_IIF, OPT_PACKETS, OPT_ALL, SHOWN = 50 };

struct comparing {
	const char *old, *new, *routes;
	struct packets_from source;
	bool all;
	struct ruleset *ruleset[2];
	struct network *network[2];
	struct trace *trace[2];
	uint64_t packets, changed, uncertain;
};

void ruleset_diff_usage(void)
{
	puts("usage: sluice ruleset diff OLD NEW -r CAPTURE [OPTIONS]\n"
	     "\n"
	     "Takes the packets of a capture through two rulesets (files in nft's syntax or JSON; 'live' is the loaded one)\n"
	     "and tells which of them fare differently: passed or not, another interface, another queue, other addresses, another mark.\n"
	     "\n"
	     "  -r CAPTURE      the packets\n"
	     "  --packets FILE  packets in words, one a line (see `sluice ruleset trace --help`)\n"
	     "  --routes FILE   routes in the words of `ip`; without it this host's\n"
	     "  --iif NAME      the device by which packets come that do not say\n"
	     "  --all           all of them, not the first 50\n"
	     "\n"
	     "Exit status: 0 none differs, 1 some do, 2 wrong usage or nothing could be read.");
}

static const struct option long_options[] = {
	{"routes", required_argument, NULL, OPT_ROUTES}, {"iif", required_argument, NULL, OPT_IIF}, {"packets", required_argument, NULL, OPT_PACKETS},
	{"all", no_argument, NULL, OPT_ALL}, {0},
};

static int parse_options(struct comparing *c, int argc, char **argv)
{
	optind = 1;
	for (int o; (o = getopt_long(argc, argv, "r:", long_options, NULL)) != -1;) {
		switch (o) {
		case 'r': c->source.capture = optarg; break;
		case OPT_ROUTES: c->routes = optarg; break;
		case OPT_IIF: c->source.iif = optarg; break;
		case OPT_PACKETS: c->source.lines = optarg; break;
		case OPT_ALL: c->all = true; break;
		default: return STATUS_USAGE;
		}
	}
	if (argc - optind == 2 && (c->source.capture || c->source.lines)) {
		c->old = argv[optind];
		c->new = argv[optind + 1];
		return STATUS_DONE;
	}
	fputs("sluice: two rulesets and a capture are needed (`sluice ruleset diff --help`)\n", stderr);
	return STATUS_USAGE;
}

/* What the packet met at the end, to compare and to say. */
static void print_fate(const struct trace *t, const struct trace_result *r)
{
	const struct network_device *out = network_device(t->o.network, t->packet.out);
	fputs(trace_fate_name(r->fate), stdout);
	if (r->queued)
		printf(" through queue %u", r->queue);
	if (r->fate == FATE_FORWARDED || r->fate == FATE_SENT)
		printf(" to %s", out ? out->name : "an unknown interface");
	if (r->rule) {
		printf(" by %s %s %s rule %u: ", ruleset_family_name(r->chain->table->family), r->chain->table->name, r->chain->name, r->rule->index);
		ruleset_print_rule(stdout, t->o.ruleset, r->rule);
	} else if (r->chain) {
		printf(" by the policy of %s %s %s", ruleset_family_name(r->chain->table->family), r->chain->table->name, r->chain->name);
	}
	if (*r->why)
		printf(" (%s)", r->why);
	if (r->uncertain)
		fputs(" (uncertain)", stdout);
}

static bool differs(const struct comparing *c, const struct trace_result *a, const struct trace_result *b)
{
	const struct trace_packet *p = &c->trace[0]->packet, *q = &c->trace[1]->packet;
	if (a->fate != b->fate || a->queued != b->queued || a->queue != b->queue)
		return true;
	if (a->fate == FATE_DROPPED || a->fate == FATE_STOLEN)
		return false;
	const struct network_device *d = network_device(c->network[0], p->out), *e = network_device(c->network[1], q->out);
	if (!d != !e || (d && strcmp(d->name, e->name)) || p->mark != q->mark)
		return true;
	size_t len = p->len - p->link_len;
	return len != q->len - q->link_len || memcmp(p->bytes + p->link_len, q->bytes + q->link_len, len) != 0;
}

static const struct trace_result *take(void *context, const struct trace_input *in, const char *what)
{
	struct comparing *c = context;
	const struct trace_result *a = trace_run(c->trace[0], in), *b = trace_run(c->trace[1], in);
	c->packets++;
	c->uncertain += a->uncertain || b->uncertain;
	if (!differs(c, a, b))
		return a;
	if (++c->changed > SHOWN && !c->all)
		return a;
	printf("%s:", what);
	trace_print_packet(stdout, c->trace[0], &c->trace[0]->packet);
	fputs("\n  - ", stdout);
	print_fate(c->trace[0], a);
	fputs("\n  + ", stdout);
	print_fate(c->trace[1], b);
	fputc('\n', stdout);
	return a;
}

static int prepare(struct comparing *c)
{
	for (int i = 0; i < 2; i++) {
		const char *file = i ? c->new : c->old;
		c->ruleset[i] = ruleset_open(strcmp(file, "live") ? file : NULL, false);
		c->network[i] = c->ruleset[i] ? packets_network(c->routes) : NULL;
		if (!c->network[i])
			return STATUS_USAGE;
		struct trace_options o = {.ruleset = c->ruleset[i], .network = c->network[i]};
		c->trace[i] = trace_new(&o);
	}
	return STATUS_DONE;
}

int ruleset_diff(int argc, char **argv)
{
	struct comparing c = {0};
	struct error error = {0};
	int rc = parse_options(&c, argc, argv);
	if (rc)
		return rc;
	rc = prepare(&c);
	if (!rc && packets_take(&c.source, c.trace[0], take, &c, &error)) {
		fprintf(stderr, "sluice: %s\n", error.text);
		rc = STATUS_USAGE;
	}
	if (!rc) {
		if (c.changed > SHOWN && !c.all)
			printf("… and %llu more (--all)\n", (unsigned long long)(c.changed - SHOWN));
		printf("%llu packets, %llu fare differently", (unsigned long long)c.packets, (unsigned long long)c.changed);
		printf(c.uncertain ? ", %llu of them all uncertain\n" : "\n", (unsigned long long)c.uncertain);
		rc = c.changed ? STATUS_FAILED : STATUS_DONE;
	}
	for (int i = 0; i < 2; i++) {
		trace_free(c.trace[i]);
		network_free(c.network[i]);
		ruleset_free(c.ruleset[i]);
	}
	return rc;
}
