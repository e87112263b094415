// SPDX-License-Identifier: GPL-2.0-or-later
/* How rules become an engine: types and order by the manual; groups against each rule's own sets; searching against memmem; the cache. */
#include "detect/test_rig.h"

#include "detect/cache.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void types(void **state)
{
	(void)state;
	/* the manual's "Rule Types and Categorization" has most of these as its examples */
	static const struct { const char *rule; enum signature_type type; } l[] = {
		{"alert pkthdr any any -> any any (decode-event:ipv6.exthdr_dupl_hh; sid:1;)", SIG_DECODER_EVENT},
		{"alert tcp-pkt any any -> any any (content:\"abc\"; startswith; sid:1;)", SIG_PACKET},
		{"alert tcp any any -> any any (ttl:123; sid:1;)", SIG_PACKET},
		{"alert udp any any -> any any (flow:to_server; sid:1;)", SIG_PACKET},
		{"alert tcp any any -> any 443 (flow:to_server; flowbits:set,tls_error; sid:1;)", SIG_PACKET},
		{"alert tcp-pkt any any -> any any (flowbits:isset,fb6; flowbits:isset,fb7; sid:1;)", SIG_PACKET},
		{"alert tcp any any -> any any (dsize:>4; content:\"abc\"; sid:1;)", SIG_PACKET},
		{"alert udp any any -> any any (content:\"abc\"; sid:1;)", SIG_PACKET},
		{"alert tcp-stream any any -> any any (sid:1;)", SIG_IP_ONLY},
		{"alert tcp-pkt [192.168.0.0/16,10.0.0.0/8,172.16.0.0/12] any -> any any (sid:1;)", SIG_IP_ONLY},
		{"alert ip any any -> any any (hostbits:set,myflow2; sid:1;)", SIG_IP_ONLY},
		{"alert udp any any -> any any (sid:1;)", SIG_IP_ONLY},
		{"alert tcp any any -> any 80 (sid:1;)", SIG_PACKET},
		{"alert tcp 192.168.0.0/16 any -> ![192.168.0.0/16,10.0.0.0/8] any (sid:1;)", SIG_LIKE_IP_ONLY},
		{"alert tcp [10.0.0.0/8,!10.10.10.10] any -> any any (sid:1;)", SIG_LIKE_IP_ONLY},
		{"alert ip any any -> any any (flowbits:isset,x; sid:1;)", SIG_PACKET},
		{"alert tcp any any -> any any (app-layer-protocol:!http; sid:1;)", SIG_PD_ONLY},
		{"alert tcp any any -> any any (app-layer-protocol:dns; flow:to_server; sid:1;)", SIG_PD_ONLY},
		{"alert tcp any any -> any any (app-layer-protocol:dns; flow:established; sid:1;)", SIG_PACKET},
		{"alert tcp any any -> any any (content:\"abc\"; startswith; sid:1;)", SIG_PACKET_STREAM},
		{"alert http any any -> any any (content:\"abc\"; depth:30; sid:1;)", SIG_PACKET_STREAM},
		{"alert tcp-stream any any -> any any (content:\"abc\"; sid:1;)", SIG_STREAM},
		{"alert http any any -> any any (content:\"abc\"; sid:1;)", SIG_STREAM},
		{"alert tcp any any -> any 443 (flow:to_server; content:\"abc\"; flowbits:set,tls_error; sid:1;)", SIG_STREAM},
		{"alert tcp any any -> any any (byte_test:4,>,7,4,little; sid:1;)", SIG_STREAM},
		{"alert dns any any -> any any (sid:1;)", SIG_APP},
		{"alert http any any -> any any (flow:established; sid:1;)", SIG_PACKET},
		{"alert tls any any -> any any (flowint:tls_error_int,=,0; sid:1;)", SIG_APP},
		{"alert tcp any any -> any any (app-layer-event:http.missing_host_header; sid:1;)", SIG_TX},
		{"alert http any any -> any any (http.method; content:\"GET\"; content:!\"POST\"; sid:1;)", SIG_TX},
	};
	for (size_t i = 0; i < sizeof l / sizeof l[0]; i++) {
		struct rig r;
		assert_true(rig_begin(&r, l[i].rule));
		const struct signature *s = engine_find(r.engine, 1, 1);
		assert_non_null(s);
		if (s->type != l[i].type)
			fail_msg("%s: expected %d, is %d", l[i].rule, l[i].type, s->type);
		rig_end(&r);
	}
}

static void order(void **state)
{
	(void)state;
	static const char rules[] =
		"alert ip any any -> any any (sid:1;)\n"
		"alert ip any any -> any any (priority:1; sid:2;)\n"
		"alert ip any any -> any any (xbits:isset,x,track ip_src; sid:3;)\n"
		"alert ip any any -> any any (xbits:set,x,track ip_src; sid:4;)\n"
		"alert ip any any -> any any (hostbits:set,x; sid:5;)\n"
		"alert tcp any any -> any any (flowint:n,>,3; sid:6;)\n"
		"alert tcp any any -> any any (flowint:n,+,1; sid:7;)\n"
		"alert tcp any any -> any any (flowbits:isset,b; sid:8;)\n"
		"alert tcp any any -> any any (flowbits:isset,b; flowbits:set,c; sid:9;)\n"
		"alert tcp any any -> any any (flowbits:set,b; sid:10;)\n"
		"reject ip any any -> any any (sid:11;)\n"
		"rejectboth ip any any -> any any (priority:1; sid:12;)\n"
		"drop ip any any -> any any (sid:13;)\n"
		"pass ip any any -> any any (sid:14;)\n"
		"alert ip any any -> any any (priority:1; sid:15;)\n";
	static const uint32_t expected[] = {14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 15, 1};
	struct rig r;
	assert_true(rig_begin(&r, rules));
	assert_int_equal(r.engine->n_sigs, sizeof expected / sizeof expected[0]);
	for (uint32_t i = 0; i < r.engine->n_sigs; i++) {
		assert_int_equal(r.engine->sig[i]->sid, expected[i]);
		assert_int_equal(engine_number(r.engine, 1, expected[i]), i);
	}
	assert_null(engine_find(r.engine, 1, 16));
	assert_null(engine_find(r.engine, 2, 1));
	rig_end(&r);
}

/* Groups */

static uint32_t seed = 12345;

static uint32_t chance(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

/* Few values, so that ranges meet. */
static struct address random_address(void)
{
	static const uint8_t high[] = {0, 9, 10, 11, 255};
	if (chance(4))
		return rig_address(high[chance(5)], chance(2) ? 0 : 255, chance(3), chance(2) ? chance(4) : 252 + chance(4));
	struct address a = {.family = 6, .byte = {0x20, 1}};
	a.byte[15] = (uint8_t)chance(8);
	if (chance(3) == 0)
		memset(a.byte, chance(2) ? 0xff : 0, 16);
	return a;
}

static void add_addresses(struct buffer *b)
{
	char text[2][ADDRESS_TEXT];
	if (chance(3) == 0) {
		buffer_add_string(b, "any");
		return;
	}
	buffer_add_string(b, chance(4) ? "[" : "![");
	for (unsigned n = 1 + chance(3), i = 0; i < n; i++) {
		struct address a = random_address(), c = random_address();
		buffer_add_string(b, i ? "," : "");
		if (chance(2) || a.family != c.family)
			buffer_printf(b, "%s/%u", address_format_short(&a, text[0]), a.family == 4 ? 8 + chance(25) : 96 + chance(33));
		else if (address_compare(&a, &c) <= 0)
			buffer_printf(b, "%s-%s", address_format_short(&a, text[0]), address_format_short(&c, text[1]));
		else
			buffer_printf(b, "%s", address_format_short(&a, text[0]));
	}
	buffer_add_string(b, "]");
}

static const uint16_t some_ports[] = {0, 1, 53, 80, 81, 1023, 1024, 4000, 8080, 65534, 65535};

static void add_ports(struct buffer *b)
{
	unsigned k = sizeof some_ports / sizeof some_ports[0], from = chance(k), to = from + chance(k - from);
	if (chance(3) == 0)
		buffer_add_string(b, "any");
	else if (chance(2))
		buffer_printf(b, "%s%u:%u", chance(4) || (from == 0 && to == k - 1) ? "" : "!", some_ports[from], some_ports[to]);
	else
		buffer_printf(b, "[%u,%u]", some_ports[from], some_ports[to]);
}

static void random_rules(struct buffer *b, unsigned n)
{
	static const char *const protocols[] = {"ip", "tcp", "udp", "icmp", "ip4", "ip6", "sctp"}, *const flows[] = {"", "", "flow:to_server;", "flow:to_client;"};
	for (unsigned sid = 1; sid <= n; sid++) {
		buffer_printf(b, "alert %s ", protocols[chance(7)]);
		add_addresses(b);
		buffer_add_string(b, " ");
		add_ports(b);
		buffer_add_string(b, chance(8) ? " -> " : " <> ");
		add_addresses(b);
		buffer_add_string(b, " ");
		add_ports(b);
		buffer_printf(b, " (%s ttl:>0; sid:%u;)\n", flows[chance(4)], sid);
	}
}

static struct packet random_packet(void)
{
	static const uint8_t protos[] = {PROTO_TCP, PROTO_UDP, PROTO_ICMP, PROTO_SCTP, PROTO_GRE, 200};
	struct packet p = {.src = random_address(), .proto = protos[chance(6)]};
	do
		p.dst = random_address();
	while (p.dst.family != p.src.family);
	p.ip_version = p.src.family;
	p.is_tcp = p.proto == PROTO_TCP;
	p.is_udp = p.proto == PROTO_UDP;
	p.is_sctp = p.proto == PROTO_SCTP;
	if (p.is_tcp || p.is_udp || p.is_sctp) {
		p.sport = some_ports[chance(11)];
		p.dport = some_ports[chance(11)];
	}
	return p;
}

static void groups(void **state)
{
	(void)state;
	struct buffer rules = {0};
	struct rig r;
	unsigned fits = 0;
	random_rules(&rules, 300);
	(void)rig_begin(&r, buffer_string(&rules)); /* lists that leave nothing are refused */
	assert_true(r.engine->n_sigs > 200);
	for (unsigned i = 0; i < 4000; i++) {
		struct packet p = random_packet();
		int direction = (int)chance(2);
		const struct group *g = group_find(inspect_of(r.scratch)->groups, &p, direction);
		assert_non_null(g);
		for (uint32_t n = 0; n < r.engine->n_sigs; n++) {
			bool expected = header_matches(&p, r.engine->sig[n], direction);
			fits += expected;
			if (bits_test(g->rules->member, n) != expected)
				fail_msg("%s: expected %d", r.engine->sig[n]->text, expected);
		}
	}
	assert_true(fits > 10000);
	rig_end(&r);
	buffer_free(&rules);
}

static void group_in_flow(void **state)
{
	(void)state;
	struct rig r;
	assert_true(rig_begin(&r, "alert udp any any -> any 53 (flow:to_server; sid:1;)\nalert udp any 53 -> any any (flow:to_client; sid:2;)\n"));
	struct group_cache *c = inspect_of(r.scratch)->groups;
	struct packet p = rig_datagram("x"), back = p;
	back.sport = 53, back.dport = 4000;
	struct flow f = {.key.proto = PROTO_UDP};
	const struct group *there = group_of_flow(c, &f, &p, 0), *answer = group_of_flow(c, &f, &back, 1);
	assert_ptr_not_equal(there->rules, answer->rules);
	assert_ptr_equal(group_of_flow(c, &f, &p, 0), there);
	struct flow_side side = f.side[0]; /* turned: what was remembered is of the wrong direction */
	f.side[0] = f.side[1];
	f.side[1] = side;
	assert_int_equal(group_of_flow(c, &f, &back, 0)->key.direction, 0);
	uint32_t was = f.generation;
	detect_scratch_use(r.scratch, r.engine); /* as after a reload */
	group_of_flow(inspect_of(r.scratch)->groups, &f, &p, 0);
	assert_int_not_equal(f.generation, was);
	rig_end(&r);
}

/* Searching */

static bool contains(struct bytes hay, struct bytes needle, bool nocase, size_t end)
{
	hay = bytes_slice(hay, 0, end ? end : SIZE_MAX);
	return (nocase ? bytes_find_nocase(hay, needle, 0) : bytes_find(hay, needle, 0)) >= 0;
}

static void random_bytes(uint8_t *out, size_t n, unsigned letters)
{
	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t)"aAbB\0\xff"[chance(letters)];
}

enum { N_PATTERNS = 400 };

/* By the library, as in payloads; or by windows, as in small buffers. */
static void search_buffer(unsigned buffer, bool by_windows)
{
	static uint8_t bytes[N_PATTERNS][48], data[600];
	struct engine e = {0};
	struct error error = {0};
	struct prefilter *p = prefilter_new(&e, buffer, NULL, 0);
	e.n_sigs = N_PATTERNS;
	struct pattern_choice choice[N_PATTERNS];
	for (uint32_t i = 0; i < N_PATTERNS; i++) {
		size_t n = 1 + (i % 5 ? chance(7) : chance(48));
		random_bytes(bytes[i], n, 6);
		choice[i] = (struct pattern_choice){bytes_of(bytes[i], n), chance(2), chance(2) ? (uint32_t)(n + chance(60)) : 0};
		prefilter_add(p, i, &choice[i]);
	}
	assert_int_equal(prefilters_compile(&e, &error), 0);
	assert_int_equal(p->part->database->needles != NULL, by_windows);
	uint64_t all[(N_PATTERNS + 63) / 64];
	memset(all, 0xff, sizeof all);
	struct group_rules rules = {.member = all};
	struct group group = {.rules = &rules};
	uint32_t seen[N_PATTERNS] = {0}, candidate[N_PATTERNS];
	struct inspect in = {.scratch = e.scratch, .group = &group, .seen = seen, .candidate = candidate, .room = N_PATTERNS};
	for (unsigned round = 0; round < 300; round++) {
		struct bytes hay = bytes_of(data, chance(sizeof data));
		random_bytes(data, hay.len, round % 2 ? 6 : 4);
		if (hay.len > 60)
			memcpy(data + chance((uint32_t)hay.len - 48), bytes[chance(N_PATTERNS)], 48);
		inspect_begin(&in);
		prefilter_scan(p, &in, hay, 0, 0);
		for (uint32_t i = 0; i < N_PATTERNS; i++) {
			struct bytes head = bytes_slice(choice[i].content, 0, PATTERN_MAX); /* the rest is looked at with the rule */
			size_t cut = choice[i].content.len - head.len, end = choice[i].latest > cut ? choice[i].latest - cut : 0;
			assert_int_equal(seen[i] == in.round, contains(hay, head, choice[i].nocase, end));
		}
	}
	prefilters_free(&e);
}

static void searching(void **state)
{
	(void)state;
	search_buffer(BUFFER_PAYLOAD, false);
	search_buffer(BUFFER_APP, true);
}

/* Merged packets are searched as one, yet each finds what it would have found by itself. */
static void searching_pieces(void **state)
{
	(void)state;
	enum { PIECE = 700, FAR = 600 };
	static uint8_t data[3 * PIECE - 100];
	struct engine e = {0};
	struct error error = {0};
	struct prefilter *far = prefilter_new(&e, BUFFER_PAYLOAD, NULL, 0), *near = prefilter_new(&e, BUFFER_PAYLOAD, NULL, 0);
	const struct prefilter *list[] = {far, near, NULL};
	prefilter_add(far, 0, &(struct pattern_choice){BYTES_LITERAL("anywhere"), false, 0, 0});
	prefilter_add(far, 1, &(struct pattern_choice){BYTES_LITERAL("up to there"), false, FAR, 0});
	prefilter_add(far, 2, &(struct pattern_choice){BYTES_LITERAL("one place"), false, 20 + 9, 20});
	prefilter_add(near, 3, &(struct pattern_choice){BYTES_LITERAL("beginning"), false, 40, 0});
	assert_int_equal(prefilters_compile(&e, &error), 0);
	assert_int_equal(far->limit, 0);
	assert_int_equal(near->limit, 40);
	uint64_t all = 15;
	struct group_rules rules = {.member = &all};
	struct group group = {.rules = &rules};
	uint32_t seen[4] = {0}, candidate[4];
	struct inspect in = {.scratch = e.scratch, .group = &group, .seen = seen, .candidate = candidate, .room = 4};
	static const struct { uint32_t id; const char *text; size_t at; bool found; } l[] = {
		{0, "anywhere", PIECE + 640, true}, {1, "up to there", PIECE + 10, true}, {1, "up to there", 2 * PIECE + 400, true}, {2, "one place", 20, true},
		{2, "one place", PIECE + 20, true}, {2, "one place", PIECE + 21, false}, {2, "one place", 2 * PIECE + 20, true}, {3, "beginning", PIECE + 31, true},
		{3, "beginning", PIECE + 32, false}, {3, "beginning", PIECE - 4, false}, {3, "beginning", 2 * PIECE, true},
	};
	for (size_t i = 0; i < sizeof l / sizeof l[0]; i++) {
		memset(data, '.', sizeof data);
		memcpy(data + l[i].at, l[i].text, strlen(l[i].text));
		inspect_begin(&in);
		prefilters_scan_pieces(list, &in, bytes_of(data, sizeof data), PIECE);
		if ((seen[l[i].id] == in.round) != l[i].found || in.n_candidates != l[i].found)
			fail_msg("%s at %zu: %zu candidates", l[i].text, l[i].at, in.n_candidates);
	}
	/* too far behind its piece's beginning first, then not: the library reports a pattern once */
	memcpy(data + FAR, "up to there", 11);
	memcpy(data + PIECE + 10, "up to there", 11);
	inspect_begin(&in);
	prefilters_scan_pieces(list, &in, bytes_of(data, sizeof data), PIECE);
	assert_int_equal(seen[1], in.round);
	prefilters_free(&e);
}

/* Patterns with one place, many at each, against a comparison of the bytes there; the data begin anywhere before or behind it. */
static void anchored(void **state)
{
	(void)state;
	static uint8_t bytes[N_PATTERNS][40], data[80];
	struct engine e = {0};
	struct error error = {0};
	struct prefilter *p = prefilter_new(&e, BUFFER_PAYLOAD, NULL, 0);
	struct pattern_choice choice[N_PATTERNS];
	for (uint32_t i = 0; i < N_PATTERNS; i++) {
		uint32_t n = 1 + chance(i % 9 ? 4 : 40), at = chance(6) * chance(6);
		random_bytes(bytes[i], n, 6);
		choice[i] = (struct pattern_choice){bytes_of(bytes[i], n), chance(2), at + n, at};
		prefilter_add(p, i, &choice[i]);
	}
	assert_int_equal(prefilters_compile(&e, &error), 0);
	assert_int_equal(p->n_parts, 0);
	uint64_t all[(N_PATTERNS + 63) / 64];
	memset(all, 0xff, sizeof all);
	all[0] = 0; /* the first 64 are not of the group */
	struct group_rules rules = {.member = all};
	struct group group = {.rules = &rules};
	uint32_t seen[N_PATTERNS] = {0}, candidate[N_PATTERNS];
	struct inspect in = {.group = &group, .seen = seen, .candidate = candidate, .room = N_PATTERNS};
	for (unsigned round = 0; round < 400; round++) {
		uint64_t offset = round % 3 ? 0 : chance(30), fresh = round % 4 ? 0 : chance(40);
		struct bytes hay = bytes_of(data, chance(sizeof data));
		random_bytes(data, hay.len, round % 2 ? 6 : 3);
		inspect_begin(&in);
		prefilter_scan(p, &in, hay, offset, fresh);
		for (uint32_t i = 0; i < N_PATTERNS; i++) {
			struct bytes head = bytes_slice(choice[i].content, 0, PATTERN_MAX);
			uint64_t at = choice[i].earliest, end = at + head.len;
			struct bytes there = at < offset ? (struct bytes){0} : bytes_slice(hay, (size_t)(at - offset), head.len);
			bool found = i >= 64 && end > fresh && (choice[i].nocase ? bytes_equal_nocase(there, head) : bytes_equal(there, head));
			assert_int_equal(seen[i] == in.round, found);
		}
	}
	prefilters_free(&e);
}

/* Only what ends behind the fresh edge counts, and only signatures of the group. */
static void searching_what_is_new(void **state)
{
	(void)state;
	struct engine e = {0};
	struct error error = {0};
	struct prefilter *p = prefilter_new(&e, BUFFER_PAYLOAD, NULL, 0);
	for (uint32_t i = 0; i < 2; i++)
		prefilter_add(p, i, &(struct pattern_choice){BYTES_LITERAL("needle"), false, 0});
	assert_int_equal(prefilters_compile(&e, &error), 0);
	uint64_t second = 2;
	struct group_rules rules = {.member = &second};
	struct group group = {.rules = &rules};
	uint32_t seen[2] = {0}, candidate[2];
	struct inspect in = {.scratch = e.scratch, .group = &group, .seen = seen, .candidate = candidate, .room = 2};
	static const struct { uint64_t offset, fresh; size_t n; } l[] = {{0, 0, 1}, {0, 7, 1}, {0, 8, 0}, {100, 107, 1}, {100, 108, 0}};
	for (size_t i = 0; i < sizeof l / sizeof l[0]; i++) {
		inspect_begin(&in);
		prefilter_scan(p, &in, BYTES_LITERAL("a needle b"), l[i].offset, l[i].fresh);
		if (in.n_candidates != l[i].n)
			fail_msg("offset %d, fresh %d: %zu", (int)l[i].offset, (int)l[i].fresh, in.n_candidates);
	}
	inspect_begin(&in);
	prefilter_scan(p, &in, BYTES_LITERAL("needle"), 0, 6);
	assert_int_equal(in.n_candidates, 0);
	prefilters_free(&e);
}

static void shared_databases(void **state)
{
	(void)state;
	struct rig r;
	/* the same patterns for both directions: one database */
	assert_true(rig_begin(&r, "alert udp any any -> any any (content:\"abcdef\"; sid:1;)\nalert udp any any -> any any (content:\"ghijkl\"; sid:2;)\n"));
	assert_int_equal(engine_counts_of(r.engine)->databases, 1);
	struct packet p = rig_datagram("__ghijkl__abcdef__");
	assert_string_equal(rig_alerts(&r, &p, false), "1 2");
	rig_end(&r);
}

/* Cache */

static char *only_file(const char *folder)
{
	char *command = xasprintf("ls -d %s/*.hs", folder), line[512] = "";
	FILE *f = popen(command, "r");
	free(command);
	if (!f || !fgets(line, sizeof line, f))
		line[0] = 0;
	if (f)
		pclose(f);
	line[strcspn(line, "\n")] = 0;
	return xstrdup(line);
}

static size_t from_cache(struct rig *r, const char *folder)
{
	static const char *const words[] = {"alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliett"};
	struct engine_settings s = r->settings;
	struct error error = {0};
	static struct signature sig[10], *list[10];
	static const struct address_set any = {.any = true};
	static const struct port_set any_port = {.any = true};
	for (uint32_t i = 0; i < 10; i++) {
		sig[i] = (struct signature){.sid = i + 1, .any_proto = true, .action = RULE_ALERT, .src = &any, .dst = &any, .sport = &any_port, .dport = &any_port,
			.hook_state = -1, .flags = SIG_SRC_ANY | SIG_DST_ANY | SIG_SPORT_ANY | SIG_DPORT_ANY | SIG_WANT_PAYLOAD | SIG_NO_STREAM,
			.fast = {.content = bytes_of_string(words[i]), .buffer = BUFFER_PAYLOAD}};
		list[i] = &sig[i];
	}
	s.cache = true;
	s.cache_path = folder;
	struct engine *e = engine_of_signatures(list, 10, &s, &error);
	assert_non_null(e);
	size_t n = engine_counts_of(e)->databases_from_cache;
	assert_int_equal(engine_counts_of(e)->databases, 1);
	engine_free(e);
	return n;
}

static void spoil(const char *path, off_t at)
{
	int fd = open(path, O_RDWR);
	uint8_t c;
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &c, 1, at), 1);
	c ^= 0x40;
	assert_int_equal(pwrite(fd, &c, 1, at), 1);
	close(fd);
}

static void cache(void **state)
{
	(void)state;
	char folder[] = "/tmp/sluice-cache-XXXXXX";
	struct rig r;
	struct stat st;
	assert_non_null(mkdtemp(folder));
	char *inside = xasprintf("%s/a/b", folder);
	assert_true(rig_begin(&r, "alert ip any any -> any any (sid:1;)"));
	assert_int_equal(from_cache(&r, inside), 0);
	assert_int_equal(from_cache(&r, inside), 1);
	assert_int_equal(stat(inside, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	char *file = only_file(inside);
	static const off_t places[] = {0, 8, 39, 40, 200};
	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) { /* our mark, the digest, the bytes */
		spoil(file, places[i]);
		assert_int_equal(from_cache(&r, inside), 0);
		assert_int_equal(from_cache(&r, inside), 1); /* made anew */
	}
	assert_int_equal(truncate(file, 100), 0);
	assert_int_equal(from_cache(&r, inside), 0);
	assert_int_equal(truncate(file, 0), 0);
	assert_int_equal(from_cache(&r, inside), 0);
	assert_int_equal(from_cache(&r, inside), 1);
	assert_int_equal(chmod(inside, 0777), 0); /* anyone may have written there */
	assert_int_equal(from_cache(&r, inside), 0);
	assert_int_equal(chmod(inside, 0700), 0);
	char *away = xasprintf("%s/away", folder); /* a link to what is not ours */
	assert_int_equal(rename(file, away), 0);
	assert_int_equal(symlink(away, file), 0);
	assert_int_equal(from_cache(&r, inside), 0);
	char *remove = xasprintf("rm -r %s", folder);
	assert_int_equal(system(remove), 0);
	free(remove);
	free(away);
	free(file);
	free(inside);
	rig_end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(types), cmocka_unit_test(order), cmocka_unit_test(groups), cmocka_unit_test(group_in_flow), cmocka_unit_test(searching), cmocka_unit_test(searching_pieces), cmocka_unit_test(anchored),
		cmocka_unit_test(searching_what_is_new), cmocka_unit_test(shared_databases), cmocka_unit_test(cache),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
