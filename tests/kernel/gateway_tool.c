// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * gateway/ and net/conntrack alone, for the kernel tests: loads the table, accepts what is queued, and does what standard input says, a line a
 * command; each answers with one line, or with several that end with one. At the end of the input the table is taken away.
 * usage: gateway_tool state
 *        gateway_tool trap DEVICE
 *        gateway_tool [--owner] [--drop] [--guard] [--output] [--mask M] [--slow NAME]... [--mark VALUE]
 * --mark: the verdict of the first packet with data of a flow sets that value.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <linux/if_ether.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture/nfqueue.h"
#include "gateway/gateway.h"
#include "gateway/sets.h"
#include "gateway/watch.h"
#include "net/conntrack.h"
#include "net/tc.h"
#include "net/tc_options.h"

static struct tool {
	struct gateway_settings settings;
	struct gateway_plan plan;
	struct gateway_sets *sets;
	struct gateway_watch *watch;
	struct capture *capture;
	uint32_t mark;
	bool stopped;
} tool = {.settings = {.own_table = true, .hooks = 1u << HOOK_FORWARD, .priority_auto = true, .bypass = true, .mark_mask = 0xff00}};

static void say(int r, const struct error *error)
{
	if (r < 0)
		printf("failed: %s\n", error->text);
	else
		printf("done %d\n", r);
}

static struct capture_verdict on_frame(void *context, const struct frame *f)
{
	(void)context;
	/* long enough to carry data: marks of bare acknowledgements would do, too, but a test may want to see the handshake queued */
	bool marks = tool.mark && f->wire_len > 100;
	return (struct capture_verdict){.verdict = VERDICT_ACCEPT, .set_mark = marks, .mark = tool.mark, .mark_mask = tool.settings.mark_mask};
}

static void *listen_to_queue(void *context)
{
	struct error error;
	while (!tool.stopped && tool.capture->ops->read(tool.capture, 100, on_frame, context, &error) >= 0)
		;
	return NULL;
}

static bool read_prefix(const char *text, struct gateway_block *b)
{
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	if (!address_parse((struct bytes){(const uint8_t *)text, len}, &b->prefix))
		return false;
	b->len = (uint8_t)(slash ? atoi(slash + 1) : 8 * (int)address_len(&b->prefix));
	return true;
}

/* "block [-]PREFIX[=SECONDS]...": all of them in one change; '-' removes first */
static int change_blocks(char *words, struct error *error)
{
	struct gateway_block remove[64], add[64];
	size_t n_remove = 0, n_add = 0;
	for (char *at, *word = strtok_r(words, " ", &at); word && n_add < 64; word = strtok_r(NULL, " ", &at)) {
		struct gateway_block b = {0};
		bool removes = *word == '-';
		char *lasts = strchr(word, '=');
		if (lasts) {
			b.lasts = (usec_t)(atof(lasts + 1) * USEC_PER_SEC);
			*lasts = '\0';
		}
		if (!read_prefix(word + removes, &b))
			return error_set(error, EINVAL, "%s is no prefix", word);
		if (removes)
			remove[n_remove++] = b;
		else
			add[n_add++] = b;
	}
	return gateway_sets_change(tool.sets, remove, n_remove, add, n_add, error);
}

/* That many prefixes: host addresses of 10.0.0.0/8 and /64s of 2001:db8::/32 by turns, not one beside the other. */
static struct gateway_block *many_blocks(size_t n)
{
	struct gateway_block *b = calloc(n, sizeof *b);
	for (size_t i = 0; b && i < n; i++) {
		b[i].lasts = 600 * USEC_PER_SEC;
		b[i].prefix.family = i % 2 ? 6 : 4;
		if (i % 2) {
			memcpy(b[i].prefix.byte, "\x20\x01\x0d\xb8", 4);
			store_be32(b[i].prefix.byte + 4, (uint32_t)i * 7);
			b[i].len = 64;
		} else {
			store_be32(b[i].prefix.byte, 0x0a000000 + (uint32_t)i * 3);
			b[i].len = 32;
		}
	}
	return b;
}

static int block_many(size_t n, struct error *error)
{
	struct gateway_block *b = many_blocks(n);
	usec_t before = clock_monotonic();
	int r = gateway_sets_change(tool.sets, NULL, 0, b, n, error);
	printf("took %.3f s\n", (double)(clock_monotonic() - before) / USEC_PER_SEC);
	free(b);
	return r;
}

static void print_block(void *context, const struct gateway_block *b, uint64_t packets, uint64_t bytes)
{
	char text[ADDRESS_TEXT];
	if (++*(int *)context <= 50)
		printf("%s/%u %.1f %llu %llu\n", address_format_short(&b->prefix, text), b->len, (double)b->lasts / USEC_PER_SEC,
		       (unsigned long long)packets, (unsigned long long)bytes);
}

static int list_blocks(struct error *error)
{
	int n = 0;
	int r = gateway_sets_read(tool.sets, print_block, &n, error);
	return r < 0 ? r : n;
}

/* Changes of the next half second. */
static int watch_once(void)
{
	struct pollfd p = {.fd = gateway_watch_fd(tool.watch), .events = POLLIN};
	return poll(&p, 1, 500) > 0 ? (int)gateway_watch_read(tool.watch) : 0;
}

static void print_state(struct error *error)
{
	struct gateway_table_state s;
	int r = gateway_table_state(&s, error);
	if (r == 0)
		printf("there %d ours %d self %d alive %d guard %d drops %d hooks %u age %lld\n", s.there, s.ours, s.pid == getpid(), s.alive, s.guard, s.drops,
		       s.hooks, (long long)((clock_real() - s.since) / USEC_PER_SEC));
	say(r, error);
}

static void print_counts(struct error *error)
{
	struct gateway_counts c;
	int r = gateway_counts(&c, error);
	if (r == 0)
		printf("queued %llu released %llu blocked %llu\n", (unsigned long long)c.queued_packets, (unsigned long long)c.released_packets,
		       (unsigned long long)c.blocked_packets);
	say(r, error);
}

static bool print_flow(void *context, const struct conntrack_flow *f)
{
	char a[ADDRESS_TEXT], b[ADDRESS_TEXT];
	(*(int *)context)++;
	printf("proto %u %s:%u > %s:%u state %u mark 0x%08x %s\n", f->original.proto, address_format_short(&f->original.src, a), f->original.sport,
	       address_format_short(&f->original.dst, b), f->original.dport, f->tcp_state, f->mark, conntrack_established(f) ? "established" : "");
	return true;
}

static int list_flows(struct error *error)
{
	int n = 0;
	int r = conntrack_visit(print_flow, &n, error);
	return r < 0 ? r : n;
}

/* "of PROTO SRC SPORT DST DPORT" */
static int find_flow(const char *words, struct error *error)
{
	char src[64], dst[64];
	unsigned proto, sport, dport;
	struct conntrack_tuple t = {0};
	struct conntrack_flow f;
	int n = 0;
	if (sscanf(words, "%u %63s %u %63s %u", &proto, src, &sport, dst, &dport) != 5)
		return error_set(error, EINVAL, "PROTO SRC SPORT DST DPORT");
	t = (struct conntrack_tuple){.proto = (uint8_t)proto, .sport = (uint16_t)sport, .dport = (uint16_t)dport};
	address_parse((struct bytes){(const uint8_t *)src, strlen(src)}, &t.src);
	address_parse((struct bytes){(const uint8_t *)dst, strlen(dst)}, &t.dst);
	int r = conntrack_of(&t, &f, error);
	if (r == 0)
		print_flow(&n, &f);
	return r;
}

static int find_misplaced(struct error *error)
{
	char why[200];
	int r = gateway_misplaced(&tool.plan, why, error);
	if (*why)
		puts(why);
	return r;
}

static void obey(char *line)
{
	struct error error = {0};
	char *words = strchr(line, ' ');
	words = words ? (*words = '\0', words + 1) : line + strlen(line);
	uint32_t mask = tool.settings.mark_mask, released = mark_bits(mask, MARK_RELEASED);
	if (strcmp(line, "block") == 0)
		say(change_blocks(words, &error), &error);
	else if (strcmp(line, "block-many") == 0)
		say(block_many((size_t)atol(words), &error), &error);
	else if (strcmp(line, "blocks") == 0)
		say(list_blocks(&error), &error);
	else if (strcmp(line, "watch") == 0)
		say(watch_once(), &error);
	else if (strcmp(line, "intact") == 0)
		say(gateway_intact(&tool.plan, &error), &error);
	else if (strcmp(line, "restore") == 0)
		say(gateway_restore(&tool.plan, &error), &error);
	else if (strcmp(line, "misplaced") == 0)
		say(find_misplaced(&error), &error);
	else if (strcmp(line, "state") == 0)
		print_state(&error);
	else if (strcmp(line, "counts") == 0)
		print_counts(&error);
	else if (strcmp(line, "flows") == 0)
		say(list_flows(&error), &error);
	else if (strcmp(line, "of") == 0)
		say(find_flow(words, &error), &error);
	else if (strcmp(line, "release-all") == 0)
		say(conntrack_mark_established(mask, released, &error), &error);
	else
		puts("failed: no such command");
	fflush(stdout);
}

static int load_all(bool guard, struct error *error)
{
	int r = gateway_lock(error);
	if (r >= 0 && guard)
		r = gateway_guard_load(&tool.settings, error);
	tool.watch = r < 0 ? NULL : gateway_watch_open(error);
	tool.sets = tool.watch ? gateway_sets_open(error) : NULL;
	if (!tool.sets)
		return -EIO;
	if (guard)
		return 0;
	r = gateway_plan(&tool.plan, &tool.settings, 1, error);
	if (r < 0)
		return r;
	struct nfqueue_options o = {.queue = {{tool.plan.tcp_queue, true}, {tool.plan.rest_queue, false}}, .n_queues = 2, .fail_open = true};
	tool.capture = capture_nfqueue_open(&o, error);
	return tool.capture ? gateway_load(&tool.plan, GATEWAY_LOAD, error) : -EIO;
}

static bool read_options(int argc, char **argv, bool *guard)
{
	static const struct option options[] = {{"owner", 0, NULL, 'o'}, {"drop", 0, NULL, 'd'}, {"guard", 0, NULL, 'g'}, {"output", 0, NULL, 'O'},
						{"mask", 1, NULL, 'm'}, {"slow", 1, NULL, 's'}, {"mark", 1, NULL, 'M'}, {0}};
	struct gateway_settings *s = &tool.settings;
	uint32_t value = 0;
	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		switch (c) {
		case 'o': s->owner_flag = true; break;
		case 'd': s->bypass = false; break;
		case 'g': *guard = true; break;
		case 'O': s->hooks |= 1u << HOOK_OUTPUT | 1u << HOOK_INPUT; break;
		case 'm': s->mark_mask = (uint32_t)strtoul(optarg, NULL, 0); break;
		case 's': s->slow[s->n_slow++] = optarg; break;
		case 'M': value = (uint32_t)strtoul(optarg, NULL, 0); break;
		default: return false;
		}
	}
	tool.mark = value ? mark_bits(s->mark_mask, value) : 0;
	return true;
}

/* The old trap of two families: two filters of one priority. Prints what sluice says of the kernel's refusal. */
static int filter_trap(const char *device)
{
	struct error error = {0};
	struct rtnl *r = rtnl_open(&error);
	struct tc_object root = {.type = RTM_NEWQDISC, .ifindex = (int)if_nametoindex(device), .handle = 0x10000, .parent = TC_H_ROOT, .kind = "htb", .has_options = true};
	tc_htb(&root.options, 0);
	int code = r ? tc_put(r, &root, NLM_F_CREATE | NLM_F_EXCL, &error) : -EIO;
	static const uint16_t protocols[] = {ETH_P_IP, ETH_P_IPV6};
	for (size_t i = 0; code == 0 && i < 2; i++) {
		struct tc_object f = {.type = RTM_NEWTFILTER, .ifindex = root.ifindex, .parent = 0x10000,
				      .info = 3u << 16 | htons(protocols[i]), .kind = "u32", .has_options = true};
		tc_u32(&f.options, &(struct u32_filter){.then = TC_THEN_CLASS, .class_id = 0x10001});
		code = tc_put(r, &f, NLM_F_CREATE | NLM_F_EXCL, &error);
		tc_object_free(&f);
	}
	puts(code < 0 ? error.text : "no trap");
	(void)tc_delete(r, &root, NULL);
	tc_object_free(&root);
	rtnl_close(r);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "trap") == 0)
		return filter_trap(argv[2]);
	struct error error = {0};
	char line[4096];
	bool guard = false;
	pthread_t thread;
	if (!read_options(argc, argv, &guard))
		return 2;
	if (argc > optind && strcmp(argv[optind], "state") == 0) {
		print_state(&error);
		return 0;
	}
	if (load_all(guard, &error) < 0) {
		printf("failed: %s\n", error.text);
		return 1;
	}
	if (tool.capture)
		pthread_create(&thread, NULL, listen_to_queue, NULL);
	for (unsigned i = 0; i < tool.plan.n_notes; i++)
		printf("# %s\n", tool.plan.note[i]);
	puts("READY");
	fflush(stdout);
	while (fgets(line, sizeof line, stdin)) {
		line[strcspn(line, "\n")] = '\0';
		obey(line);
	}
	int r = gateway_remove(&error);
	tool.stopped = true;
	if (tool.capture) {
		pthread_join(thread, NULL);
		tool.capture->ops->close(tool.capture);
	}
	gateway_watch_close(tool.watch);
	gateway_sets_close(tool.sets);
	gateway_plan_free(&tool.plan);
	if (r < 0)
		printf("failed: %s\n", error.text);
	return r < 0;
}
