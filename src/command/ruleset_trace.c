// SPDX-License-Identifier: GPL-2.0-or-later
/* sluice ruleset trace: packets through a ruleset, rule by rule, in the form of `nft monitor trace`. */
#include "command/ruleset.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/ruleset_engine.h"
#include "command/ruleset_packets.h"
#include "ruleset/trace_print.h"

enum { OPT_ROUTES = 256, OPT_IIF, OPT_FLOW, OPT_WHY, OPT_JSON, OPT_PACKETS, OPT_ACCOUNT, OPT_SHORT };

struct tracing {
	const char *file, *routes, *rules, *config;
	struct packets_from source;
	bool why, json, account, checksums, brief;
	struct ruleset *ruleset;
	struct network *network;
	struct trace *trace;
	struct trace_engine *engine;
	struct trace_printer printer;
	struct buffer buffer;
	struct json writer;
};

void ruleset_trace_usage(void)
{
	puts("usage: sluice ruleset trace [OPTIONS] ['PACKET IN WORDS']\n"
	     "\n"
	     "Takes packets through the loaded ruleset, or one in a file, rule by rule, as the kernel would:\n"
	     "connection tracking, NAT, routing, sets and limits that change on the way.\n"
	     "\n"
	     "  'tcp 192.0.2.7:40000 > 198.51.100.9:443 syn, iif eth0'     a packet in words\n"
	     "  -r CAPTURE      the packets of a capture\n"
	     "  --packets FILE  a packet in words each line ('-': standard input); 'at SECONDS' is its time\n"
	     "  --flow          from the packet in words: the whole conversation, both ways\n"
	     "  -f FILE         the ruleset of a file (nft's syntax or the JSON of nft -j), not the loaded one\n"
	     "  --routes FILE   routes in the words of `ip route show table all`, `ip rule`, `ip -o address`; without it this host's\n"
	     "  --iif NAME      the device by which packets come that do not say; without it routes tell\n"
	     "  -S RULES        at a queue, what sluice says with these rules; without it they are accepted\n"
	     "  -c FILE         configuration for -S\n"
	     "  -k all          a wrong checksum makes a packet invalid, as at a real arrival\n"
	     "  --account       connections count bytes and packets (net.netfilter.nf_conntrack_acct)\n"
	     "  --why           each match with its reason\n"
	     "  --short         only what became of each packet\n"
	     "  --json          one object a packet\n"
	     "\n"
	     "Words: tcp udp icmp icmpv6 sctp arp ip ip6, proto N; SOURCE[:PORT] > DESTINATION[:PORT], saddr daddr sport dport;\n"
	     "syn ack fin rst psh urg; type code id ttl tos length vlan seq ackno window mss; mark; ct state STATE; skuid skgid;\n"
	     "iif oif, local; ether saddr|daddr; raw HEX (an IP packet), frame HEX; at SECONDS.\n"
	     "What cannot be known (random numbers, other users' sockets, xt matches without meaning) is named in a line 'unknown'.\n"
	     "Exit status: 0 done, 1 failed, 2 wrong usage.");
}

static const struct option long_options[] = {
	{"routes", required_argument, NULL, OPT_ROUTES}, {"iif", required_argument, NULL, OPT_IIF}, {"flow", no_argument, NULL, OPT_FLOW},
	{"why", no_argument, NULL, OPT_WHY}, {"json", no_argument, NULL, OPT_JSON}, {"packets", required_argument, NULL, OPT_PACKETS},
	{"account", no_argument, NULL, OPT_ACCOUNT}, {"short", no_argument, NULL, OPT_SHORT}, {0},
};

static int parse_options(struct tracing *t, int argc, char **argv)
{
	optind = 1;
	for (int c; (c = getopt_long(argc, argv, "f:r:S:c:k:", long_options, NULL)) != -1;) {
		switch (c) {
		case 'f': t->file = optarg; break;
		case 'r': t->source.capture = optarg; break;
		case 'S': t->rules = optarg; break;
		case 'c': t->config = optarg; break;
		case 'k': t->checksums = strcmp(optarg, "all") == 0; break;
		case OPT_ROUTES: t->routes = optarg; break;
		case OPT_IIF: t->source.iif = optarg; break;
		case OPT_FLOW: t->source.flow = true; break;
		case OPT_WHY: t->why = true; break;
		case OPT_JSON: t->json = true; break;
		case OPT_PACKETS: t->source.lines = optarg; break;
		case OPT_ACCOUNT: t->account = true; break;
		case OPT_SHORT: t->brief = true; break;
		default: return STATUS_USAGE;
		}
	}
	if (optind < argc)
		t->source.words = argv[optind++];
	if (optind == argc && (t->source.words || t->source.capture || t->source.lines))
		return STATUS_DONE;
	fputs(optind < argc ? "sluice: the packet in words is one argument: put it in quotes\n" : "sluice: which packet? (`sluice ruleset trace --help`)\n", stderr);
	return STATUS_USAGE;
}

static void on_event(void *context, const struct trace_packet *p, const struct trace_event *e)
{
	struct tracing *t = context;
	if (!t->brief || e->kind == TRACE_END)
		trace_print_event(&t->printer, p, e);
}

static enum trace_answer on_queue(void *context, struct trace_packet *p, uint16_t number)
{
	(void)number;
	struct bytes ip = bytes_of(p->bytes + p->link_len, p->len - p->link_len);
	return trace_engine_drops(((struct tracing *)context)->engine, ip, p->time, &p->mark) ? ANSWER_DROP : ANSWER_ACCEPT;
}

static const struct trace_result *take_text(struct tracing *t, const struct trace_input *in, const char *what)
{
	if (t->source.flow || t->source.capture || t->source.lines)
		printf("%s# %s\n", t->brief || t->trace->id == 0 ? "" : "\n", what);
	return trace_run(t->trace, in);
}

static void json_result(struct tracing *t, const struct trace_result *r)
{
	const struct trace_packet *p = &t->trace->packet;
	const struct network_device *out = network_device(t->network, p->out);
	struct json *j = &t->writer;
	json_string(j, "fate", trace_fate_name(r->fate));
	json_bool(j, "uncertain", r->uncertain);
	if (r->queued)
		json_uint(j, "queue", r->queue);
	if (out && r->fate != FATE_DELIVERED)
		json_string(j, "out", out->name);
	if (p->bytes && p->len >= p->link_len)
		json_hex(j, "packet", bytes_of(p->bytes + p->link_len, p->len - p->link_len));
	json_uint(j, "mark", p->mark);
}

static const struct trace_result *take_json(struct tracing *t, const struct trace_input *in, const char *what)
{
	buffer_clear(&t->buffer);
	t->writer = json_into(&t->buffer);
	json_open(&t->writer, NULL);
	json_string(&t->writer, "input", what);
	json_open_array(&t->writer, "trace");
	const struct trace_result *r = trace_run(t->trace, in);
	json_close_array(&t->writer);
	json_result(t, r);
	json_close(&t->writer);
	puts(buffer_string(&t->buffer));
	fflush(stdout);
	return r;
}

static const struct trace_result *take(void *context, const struct trace_input *in, const char *what)
{
	struct tracing *t = context;
	return t->json ? take_json(t, in, what) : take_text(t, in, what);
}

static int prepare(struct tracing *t)
{
	t->ruleset = ruleset_open(t->file, false);
	t->network = t->ruleset ? packets_network(t->routes) : NULL;
	if (!t->network)
		return STATUS_FAILED;
	if (t->rules && !(t->engine = trace_engine_new(t->config, t->rules)))
		return STATUS_FAILED;
	struct trace_options o = {.ruleset = t->ruleset, .network = t->network, .checksums = t->checksums, .account = t->account, .steps = t->why,
				  .event = on_event, .queue = t->engine ? on_queue : NULL, .context = t};
	t->trace = trace_new(&o);
	t->printer = (struct trace_printer){.out = stdout, .ruleset = t->ruleset, .trace = t->trace, .why = t->why, .json = t->json ? &t->writer : NULL};
	for (const struct ruleset_gap *g = t->ruleset->gaps; g; g = g->next)
		fprintf(stderr, "sluice: not understood: %s\n", g->what);
	return STATUS_DONE;
}

int ruleset_trace(int argc, char **argv)
{
	struct tracing t = {0};
	struct error error = {0};
	int rc = parse_options(&t, argc, argv);
	if (rc)
		return rc;
	rc = prepare(&t);
	if (!rc && packets_take(&t.source, t.trace, take, &t, &error)) {
		fprintf(stderr, "sluice: %s\n", error.text);
		rc = STATUS_FAILED;
	}
	trace_engine_free(t.engine);
	trace_free(t.trace);
	network_free(t.network);
	ruleset_free(t.ruleset);
	buffer_free(&t.buffer);
	return rc;
}
