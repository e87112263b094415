// SPDX-License-Identifier: GPL-2.0-or-later
/* Words of packets, and packets of any bytes through a ruleset with connection tracking and NAT, one after the other. First byte: words or packets. */
#include <stdlib.h>
#include <string.h>

#include "ruleset/eval.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct step *step(struct ruleset *rs, uint8_t kind)
{
	struct step *s = arena_alloc(&rs->arena, sizeof *s);
	s->kind = kind;
	return s;
}

static struct ruleset_chain *chain(struct ruleset *rs, struct ruleset_table *t, const char *type, uint32_t hook, int32_t priority, struct step *steps)
{
	struct ruleset_chain *c = arena_alloc(&rs->arena, sizeof *c);
	struct ruleset_rule *r = arena_alloc(&rs->arena, sizeof *r);
	*c = (struct ruleset_chain){.name = "c", .type = type, .hook = hook, .priority = priority, .table = t, .policy = NF_ACCEPT, .rules = r, .n_rules = 1};
	*r = (struct ruleset_rule){.chain = c, .steps = steps, .handle = 1, .index = 1};
	c->next = t->chains;
	return t->chains = c;
}

/* Prerouting reads payload at the ends of packets, changes an option and a field; destination NAT with an address; masquerade. */
static void build(struct ruleset *rs, struct ruleset_table *t)
{
	static const uint8_t address[16] = {10, 0, 0, 9}, port[2] = {0, 80};
	struct operand *to = arena_alloc(&rs->arena, sizeof *to), *to_port = arena_alloc(&rs->arena, sizeof *to_port), *ct = arena_alloc(&rs->arena, sizeof *ct);
	*to = (struct operand){.source = SOURCE_IMMEDIATE, .len = 4, .data = address};
	*to_port = (struct operand){.source = SOURCE_IMMEDIATE, .len = 2, .data = port};
	*ct = (struct operand){.source = SOURCE_CT, .len = 4};
	ct->key.key = NFT_CT_STATE;
	ct->key.direction = -1;
	struct step *mss = step(rs, STEP_WRITE), *count = step(rs, STEP_CONNLIMIT), *nat = step(rs, STEP_NAT), *state = step(rs, STEP_RANGE);
	mss->write.operand = to_port;
	mss->write.target = WRITE_EXTHDR;
	mss->write.base = NFT_EXTHDR_OP_TCPOPT;
	mss->write.type = 2;
	mss->write.offset = 2;
	mss->write.len = 2;
	state->match.operand = ct;
	state->match.data = (const uint8_t *)"\0\0\0\0";
	state->match.to = (const uint8_t *)"\xff\xff\xff\xff";
	state->match.len = 4;
	state->next = count;
	count->connlimit.count = 3;
	count->inverted = false;
	mss->next = state;
	nat->nat.type = NFT_NAT_DNAT;
	nat->nat.family = NFPROTO_IPV4;
	nat->nat.address_min = to;
	nat->nat.port_min = to_port;
	chain(rs, t, "filter", NF_INET_PRE_ROUTING, -150, mss);
	chain(rs, t, "nat", NF_INET_PRE_ROUTING, -100, nat);
	chain(rs, t, "filter", NF_INET_FORWARD, 0, step(rs, STEP_COUNTER));
}

static void packets(const uint8_t *data, size_t size)
{
	struct ruleset rs = {0};
	struct ruleset_table t = {.name = "t", .family = NFPROTO_INET};
	arena_init(&rs.arena, 4096);
	rs.tables = &t;
	build(&rs, &t);
	struct network *n = network_new();
	struct trace_options o = {.ruleset = &rs, .network = n, .max_connections = 16, .checksums = size & 1, .account = true};
	struct trace *tr = trace_new(&o);
	usec_t time = 1000000;
	while (size > 3) {
		size_t len = ((size_t)data[0] << 8 | data[1]) % 512, left = size - 3;
		len = len > left ? left : len;
		time += data[2] * 100000;
		struct trace_input in = {.frame = bytes_of(data + 3, len), .ip_only = data[2] & 1, .in = "eth0", .out = "eth1", .time = time};
		trace_run(tr, &in);
		data += 3 + len;
		size -= 3 + len;
	}
	trace_free(tr);
	network_free(n);
	arena_free(&rs.arena);
}

static void words(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	struct packet_words w;
	uint8_t frame[4096];
	struct error e;
	if (text && packet_words_parse(text, &w, &e) == 0)
		packet_build(&w, frame, sizeof frame);
	struct network *n = NULL;
	if (text && network_read_text(&n, text, &e) == 0)
		network_free(n);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size && *data % 2)
		words(data + 1, size - 1);
	else if (size)
		packets(data + 1, size - 1);
	return 0;
}
