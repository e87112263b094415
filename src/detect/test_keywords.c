// SPDX-License-Identifier: GPL-2.0-or-later
/* Keywords on packets and flows, transforms, texts for events, and rules that are refused. Expectations are by hand, from the manual. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "detect/keywords.h"
#include "detect/registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct arena arena;
static struct rule_set set;
static struct rule_vars *vars;
static struct rule_lists *lists;
static struct conf *conf;
static struct detect_registry *registry;
static struct detect_scratch scratch;
static struct compile_context ctx;

static int start(void **state)
{
	struct error error = {0};
	(void)state;
	conf = conf_new();
	vars = rule_vars_read(conf, &error);
	arena_init(&arena, 65536);
	rule_set_init(&set);
	lists = rule_lists_read(conf, &set, &error);
	registry = detect_registry_new();
	ctx = (struct compile_context){.arena = &arena, .findings = &set, .vars = vars, .lists = lists, .conf = conf, .registry = registry};
	return vars && lists && registry ? program_scratch_init(&scratch, 3000, 3500, 1500, &error) : -1;
}

static int stop(void **state)
{
	(void)state;
	transform_chains_release(ctx.chains);
	program_scratch_deinit(&scratch);
	detect_registry_free(registry);
	rule_lists_free(lists);
	rule_set_free(&set);
	arena_free(&arena);
	rule_vars_free(vars);
	conf_free(conf);
	return 0;
}

static struct signature *compile(const char *header, const char *options)
{
	static unsigned sid = 1;
	char text[4096];
	struct rule *before = set.last;
	int n = snprintf(text, sizeof text, "alert %s (%s; sid:%u;)\n", header, options, sid++);
	rule_text_load(&set, bytes_of(text, (size_t)n), "test", vars, false);
	return set.last && set.last != before ? signature_compile(&ctx, set.last) : NULL;
}

static bool packet_holds(const char *options, struct packet *p)
{
	struct signature *s = compile("ip any any -> any any", options);
	if (!s)
		fail_msg("%s: %s", options, set.last_finding ? set.last_finding->message : "?");
	scratch.packet = p;
	scratch.flow = p->flow;
	bool holds = true;
	for (const struct packet_test *t = s->tests; t && holds; t = t->next)
		holds = t->test(&scratch, t);
	for (const struct inspection *in = s->inspections; in && holds; in = in->next) {
		struct program_input input = {.start = true, .end = true};
		holds = packet_buffer(p, in->buffer, &input.data) && (!in->transforms || transform_run(&scratch, in->transforms, input.data, &input.data)) &&
			(!in->program || program_run(&scratch, in->program, &input));
	}
	for (const struct signature_effect *e = s->effects; e && holds; e = e->next)
		e->run(&scratch, e);
	signature_release(s);
	return holds;
}

static void headers(void **state)
{
	static const uint8_t bytes[] = {0x45, 0, 0, 44, 0x12, 0x34, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
		0x04, 0xd2, 0, 80, 0, 0, 0, 7, 0, 0, 0, 9, 0x60, 0x12, 0x10, 0, 0, 0, 0, 0, 2, 4, 5, 0xb4};
	struct packet p = {.ip_version = 4, .proto = PROTO_TCP, .ttl = 64, .src = {4, {10, 0, 0, 1}}, .dst = {4, {10, 0, 0, 2}}, .ip = bytes_of(bytes, sizeof bytes),
		.ip4 = {.header_len = 20, .tos = 8, .id = 0x1234, .total_len = 44, .df = true, .options = 1u << IP4_OPT_RR}, .transport = bytes_of(bytes + 20, 24),
		.is_tcp = true, .tcp = {.seq = 7, .ack = 9, .window = 4096, .flags = TCP_SYN | TCP_ACK, .header_len = 24, .has_mss = true, .mss = 1460},
		.n_vlans = 2, .vlan = {10, 20}};
	static const struct { const char *options; bool expected; } l[] = {
		{"ttl:64", true}, {"ttl:<64", false}, {"ttl:60-70", true}, {"ttl:64-70", false}, {"tos:8", true}, {"tos:!8", false}, {"id:4660", true}, {"tcp.seq:7", true}, {"seq:8", false},
		{"ack:9", true}, {"window:4096", true}, {"window:!4096", false}, {"tcp.mss:>1000", true}, {"tcp.mss:<1000", false}, {"tcp.wscale:>0", false},
		{"flags:SA", true}, {"flags:S", false}, {"flags:S+", true}, {"flags:+S", true}, {"flags:*SF", true}, {"flags:*RF", false}, {"flags:!S", false}, {"flags:!F", true},
		{"flags:S,A", true}, {"flags:S,12", false}, {"tcp.flags:0", false}, {"ip_proto:6", true}, {"ip_proto:tcp", true}, {"ip_proto:!6", false}, {"ip_proto:>5", true},
		{"sameip", false}, {"fragbits:D", true}, {"fragbits:M", false}, {"fragbits:+D", true}, {"fragbits:*MD", true}, {"ipopts:rr", true}, {"ipopts:any", true}, {"ipopts:ts", false},
		{"vlan.id:10", true}, {"vlan.id:30", false}, {"vlan.id:20,1", true}, {"vlan.id:20,-1", true}, {"vlan.id:10,1", false}, {"vlan.id:10,all", false}, {"vlan.layers:2", true},
		{"itype:8", false}, {"dsize:0", true}, {"dsize:>0", false}, {"fragoffset:0", true}, {"ipv4.hdr; content:\"|45|\"; startswith", true}, {"ipv4.hdr; bsize:20", true},
		{"tcp.hdr; content:\"|02 04|\"; offset:20; byte_test:2,=,1460,0,relative", true}, {"tcp.hdr; bsize:24", true}, {"udp.hdr; content:\"x\"", false},
		{"ip.src; bsize:4", true}, {"tcpv4-csum:valid", false}, {"tcpv4-csum:invalid", true}, {"udpv4-csum:invalid", false}, {"decode-event:ipv4.pkt_too_small", false},
	};
	for (size_t i = 0; i < sizeof l / sizeof l[0]; i++)
		if (packet_holds(l[i].options, &p) != l[i].expected)
			fail_msg("%s: expected %d", l[i].options, l[i].expected);
	struct packet icmp = {.ip_version = 4, .proto = PROTO_ICMP, .is_icmp = true, .icmp = {.type = 8, .code = 0, .has_id = true, .id = 21, .seq = 2}};
	assert_true(packet_holds("itype:8; icode:0; icmp_id:21; icmp_seq:2", &icmp));
	assert_true(packet_holds("itype:>7; icode:<1", &icmp));
	assert_false(packet_holds("icmp_id:22", &icmp));
	icmp.is_icmp = false;
	assert_false(packet_holds("itype:8", &icmp));
	packet_add_event(&icmp, EVENT_IPV4_PKT_TOO_SMALL);
	assert_true(packet_holds("decode-event:ipv4.pkt_too_small", &icmp));
}

static void flow_state(void **state)
{
	struct flow f = {.side = {{.packets = 3, .bytes = 300}, {.packets = 5, .bytes = 5000}}, .first = 0, .last = 10 * USEC_PER_SEC};
	struct packet p = {.flow = &f, .src = {4, {10, 0, 0, 1}}, .dst = {4, {10, 0, 0, 2}}};
	assert_false(packet_holds("flowbits:isset,a", &p));
	assert_true(packet_holds("flowbits:isnotset,a", &p));
	assert_true(packet_holds("flowbits:set,a", &p));
	assert_true(packet_holds("flowbits:isset,a", &p));
	assert_true(packet_holds("flowbits:isset,b|a", &p));
	assert_false(packet_holds("flowbits:isset,b|c", &p));
	assert_true(packet_holds("flowbits:toggle,a", &p));
	assert_false(packet_holds("flowbits:isset,a", &p));
	assert_true(packet_holds("flowbits:toggle,a", &p));
	assert_true(packet_holds("flowbits:unset,a", &p));
	assert_false(packet_holds("flowbits:isset,a", &p));
	assert_true(packet_holds("flowint:n,notset", &p));
	assert_true(packet_holds("flowint:n,+,2", &p));
	assert_true(packet_holds("flowint:n,isset; flowint:n,==,2", &p));
	assert_true(packet_holds("flowint:n,+,3", &p));
	assert_true(packet_holds("flowint:n,>,4; flowint:n,<,6; flowint:n,!=,4", &p));
	assert_true(packet_holds("flowint:m,=,n", &p));
	assert_true(packet_holds("flowint:m,==,n", &p));
	assert_true(packet_holds("flowint:m,-,1", &p));
	assert_false(packet_holds("flowint:m,>=,n", &p));
	assert_true(packet_holds("flow.pkts:8; flow.pkts_toserver:3; flow.pkts:toclient,5; flow.pkts:either,3; flow.bytes:>5000; flow.bytes_toclient:5000", &p));
	assert_true(packet_holds("flow.age:10", &p));
	assert_false(packet_holds("flow.age:<10", &p));
	flow_bits_free(&f);
}

static void host_state(void **state)
{
	struct packet p = {.src = {4, {10, 0, 0, 1}}, .dst = {4, {10, 0, 0, 2}}}, back = {.src = p.dst, .dst = p.src};
	scratch.shared = shared_new(1 << 20, 1);
	scratch.now = 100 * USEC_PER_SEC;
	assert_false(packet_holds("xbits:isset,x,track ip_src", &p));
	assert_true(packet_holds("xbits:set,x,track ip_src,expire 10", &p));
	assert_true(packet_holds("xbits:isset,x,track ip_src", &p));
	assert_false(packet_holds("xbits:isset,x,track ip_src", &back));
	assert_true(packet_holds("xbits:isset,x,track ip_dst", &back));
	assert_true(packet_holds("xbits:set,y,track ip_pair,expire 10", &p));
	assert_true(packet_holds("xbits:isset,y,track ip_pair", &back));
	assert_true(packet_holds("xbits:isnotset,z,track ip_pair", &back));
	assert_true(packet_holds("hostbits:set,h,dst", &p));
	assert_true(packet_holds("hostbits:isset,h,src", &back));
	assert_false(packet_holds("hostbits:isset,h,src", &p));
	assert_true(packet_holds("xbits:unset,y,track ip_pair", &p));
	assert_false(packet_holds("xbits:isset,y,track ip_pair", &p));
	scratch.now += 11 * USEC_PER_SEC;
	assert_false(packet_holds("xbits:isset,x,track ip_src", &p));
	shared_free(scratch.shared);
	scratch.shared = NULL;
}

static void transforms(void **state)
{
	static const struct { const char *options; const char *in, *out; size_t len; } l[] = {
		{"dotprefix", "example.com", ".example.com", 12}, {"strip_whitespace", " a\tb \n", "ab", 2}, {"compress_whitespace", "a  b \t c", "a b c", 5},
		{"to_lowercase", "AbC1", "abc1", 4}, {"to_uppercase", "AbC1", "ABC1", 4}, {"url_decode", "a%20b+c%zz%41", "a b c%zzA", 9},
		{"to_md5", "abc", "\x90\x01\x50\x98\x3c\xd2\x4f\xb0\xd6\x96\x3f\x7d\x28\xe1\x7f\x72", 16},
		{"to_sha1", "abc", "\xa9\x99\x3e\x36\x47\x06\x81\x6a\xba\x3e\x25\x71\x78\x50\xc2\x6c\x9c\xd0\xd8\x9d", 20},
		{"to_sha256", "abc", "\xba\x78\x16\xbf\x8f\x01\xcf\xea\x41\x41\x40\xde\x5d\xae\x22\x23\xb0\x03\x61\xa3\x96\x17\x7a\x9c\xb4\x10\xff\x61\xf2\x00\x15\xad", 32},
		{"xor:\"0102\"", "abc", "``b", 3}, {"pcrexform:\"a(.)c\"", "xabcx", "b", 1}, {"pcrexform:\"a(.)c\"", "nothing", "nothing", 7},
		{"from_base64", "dGVzdA==", "test", 4}, {"from_base64:offset 2", "xxdGVzdA==", "test", 4}, {"from_base64:bytes 4", "dGVzdA==", "tes", 3},
		{"from_base64:mode rfc2045", "dG V\nzdA==", "test", 4}, {"header_lowercase", "Host: A\r\nX-Y: Z\r\n", "host: A\r\nx-y: Z\r\n", 17},
		{"strip_pseudo_headers", ":path: /\r\nhost: a\r\n", "host: a\r\n", 9}, {"strip_whitespace; to_lowercase", "A b", "ab", 2}, {"subslice:1,2", "abcd", "bc", 2},
		{"subslice:-2", "abcd", "cd", 2}, {"gunzip", "", "", 0},
		{"domain", "www.Example.co.uk", "Example.co.uk", 13}, {"domain", "a.b.example.com", "example.com", 11}, {"tld", "www.example.co.uk", "co.uk", 5}, {"tld", "example.com", "com", 3},
		{"domain", "com", "", 0},
	};
	for (size_t i = 0; i < sizeof l / sizeof l[0]; i++) {
		char options[256];
		struct bytes out;
		snprintf(options, sizeof options, "http.uri; %s; bsize:>0", l[i].options);
		struct signature *s = compile("http any any -> any any", options);
		if (!s)
			fail_msg("%s: %s", options, set.last_finding->message);
		bool ok = transform_run(&scratch, s->inspections->transforms, bytes_of_string(l[i].in), &out);
		if (l[i].len == 0)
			assert_false(ok);
		else if (!ok || !bytes_equal(out, bytes_of(l[i].out, l[i].len)))
			fail_msg("%s: “%.*s”", l[i].options, (int)out.len, (const char *)out.data);
	}
	struct signature *a = compile("http any any -> any any", "http.uri; to_lowercase; dotprefix; content:\".a\""), *b = compile("http any any -> any any", "http.uri; to_lowercase; dotprefix; content:\".b\"");
	assert_ptr_equal(a->inspections->transforms, b->inspections->transforms);
	assert_string_equal(transform_chain_name(a->inspections->transforms), "to_lowercase,dotprefix");
}

static void texts(void **state)
{
	struct signature *s = compile("tcp any any -> any any", "msg:\"say \\\"hi\\\"\"; metadata:b two, a one, b three; metadata:c x y; reference:url,example.com/x; reference:cve,2020-1; classtype:attempted-admin; priority:2; target:dest_ip; noalert");
	assert_non_null(s);
	assert_string_equal(s->msg, "say \"hi\"");
	assert_string_equal(s->metadata_json, "{\"a\":[\"one\"],\"b\":[\"two\",\"three\"],\"c\":[\"x y\"]}");
	assert_non_null(strstr(s->references_json, "http"));
	assert_string_equal(s->class_text, "Attempted Administrator Privilege Gain");
	assert_int_equal(s->priority, 2);
	assert_true(s->flags & SIG_TARGET_DST);
	assert_true(s->flags & SIG_NOALERT);
	s = compile("tcp any any -> any any", "classtype:attempted-admin");
	assert_int_equal(s->priority, 1);
	s = compile("tcp any any -> any any", "flow:established,to_server");
	assert_true((s->flags & (SIG_ESTABLISHED | SIG_TO_SERVER)) == (SIG_ESTABLISHED | SIG_TO_SERVER));
	assert_null(s->metadata_json);
}

static void buffers(void **state)
{
	struct signature *s = compile("http any any -> any any", "content:\"/x\"; http_uri; nocase; content:\"abc\"; http_header; content:\"y\"; distance:0; http_uri");
	assert_non_null(s);
	assert_int_equal(s->n_inspections, 2);
	assert_int_equal(s->inspections->buffer, BUFFER_APP + app_buffer_id("http.uri"));
	assert_int_equal(s->inspections->program->n_steps, 2);
	assert_true(s->inspections->program->first->flags & STEP_NOCASE);
	assert_int_equal(s->inspections->direction, 1);
	assert_true(s->flags & SIG_HAS_TX);
	s = compile("tcp any any -> any any", "http.uri; content:\"/x\"; http.method; content:\"GET\"; http.uri; content:\"y\"; distance:0; pcre:\"/z/U\"");
	assert_non_null(s);
	assert_int_equal(s->n_inspections, 2);
	assert_int_equal(s->inspections->program->n_steps, 3);
	assert_true(s->flags & SIG_TO_SERVER); /* implied by the buffers */
	assert_true(bytes_equal(s->fast.content, BYTES_LITERAL("/x"))); /* http.method is a poor place */
	signature_release(s);
	s = compile("http any any -> any any", "http.stat_code; content:\"200\"; pkt_data; content:\"abc\"");
	assert_non_null(s);
	assert_true(s->flags & SIG_TO_CLIENT);
	s = compile("http any any -> any any", "urilen:5<>10; http.referer; absent");
	assert_non_null(s);
	assert_true(s->last_inspection->absent);
}

static void refused(void **state)
{
	static const struct { const char *header, *options, *code; } l[] = {
		{"tcp", "nonsense:1", "unknown-keyword"}, {"tcp", "lua:x.lua", "unsupported-keyword"}, {"foo", "content:\"a\"", "wrong-header"}, {"tcp", "replace:\"x\"", "unsupported-keyword"},
		{"tcp", "flow:to_server,to_client", "wrong-value"}, {"tcp", "flow:established,stateless", "wrong-value"}, {"tcp", "flow:foo", "wrong-value"}, {"tcp", "flow:to_server; flow:established", "wrong-value"},
		{"tcp", "flow:to_server,from_client", "wrong-value"}, {"http", "flow:to_client; http.uri; content:\"a\"", "contradiction"},
		{"http", "http.uri; content:\"a\"; http.stat_code; content:\"200\"", "contradiction"}, {"tcp", "flowbits:set,a b", "wrong-value"}, {"tcp", "flowbits:foo,a", "wrong-value"},
		{"tcp", "flowbits:set,a|b", "wrong-value"}, {"tcp", "flowint:a,%,1", "wrong-value"}, {"tcp", "ttl:300", "wrong-value"}, {"tcp", "flags:Q", "wrong-value"}, {"tcp", "ttl", "wrong-value"},
		{"tcp", "sameip:1", "wrong-value"}, {"http", "http.uri; http.method; content:\"a\"", "wrong-value"}, {"http", "http.uri", "contradiction"}, {"tcp", "http_uri", "wrong-value"},
		{"http", "http.host; content:\"a\"; http_uri", "wrong-value"}, {"tcp", "to_md5; content:\"a\"", "wrong-value"}, {"http", "http.uri; to_uppercase; content:\"abc\"", "contradiction"},
		{"http", "http.uri; to_md5; content:\"01234567890123456\"", "contradiction"}, {"udp", "dsize:10; content:\"boom\"; content:\"loom\"; distance:10", "contradiction"},
		{"http", "http.uri; content:\"abcd\"; bsize:3", "contradiction"}, {"tcp", "content:!\"abc\"; offset:3; fast_pattern", "contradiction"}, {"dns", "dce_stub_data; content:\"0\"", "wrong-value"},
		{"tcp", "decode-event:nothing", "wrong-value"}, {"tcp", "app-layer-event:http.nothing", "unsupported-keyword"}, {"http", "app-layer-protocol:http", "wrong-value"},
		{"tcp", "xbits:set,a", "wrong-value"}, {"tcp", "threshold:foo", "wrong-value"}, {"tcp", "target:me", "wrong-value"}, {"tcp", "config:logging disable, type tx, scope tx", "wrong-value"},
		{"http", "http.referer; absent; content:\"a\"", "wrong-value"}, {"pkthdr", "content:\"a\"", "contradiction"}, {"tcp", "priority:0", "wrong-value"}, {"tcp", "tag:foo", "wrong-value"},
	};
	for (size_t i = 0; i < sizeof l / sizeof l[0]; i++) {
		char header[64];
		snprintf(header, sizeof header, "%s any any -> any any", l[i].header);
		set.last_finding = NULL;
		set.findings = NULL;
		struct signature *s = compile(header, l[i].options);
		if (s || !set.findings || strcmp(set.findings->code, l[i].code) != 0)
			fail_msg("%s (%s): %s, %s", l[i].header, l[i].options, s ? "taken" : "refused", set.findings ? set.findings->code : "no finding");
	}
	assert_null(compile("tcp any any -> any any", "requires:version >= 99"));
	assert_null(compile("tcp any any -> any any", "requires:foo bar"));
	assert_non_null(compile("tcp any any -> any any", "requires:version >= 7 < 9 | >= 99"));
	assert_null(compile("tcp any any -> any any", "requires:version < 8"));
	assert_non_null(compile("tcp any any -> any any", "requires:keyword content, version > 7.0.1"));
}

static void sets(void **state)
{
	struct packet p = {.ip_version = 4, .src = {4, {192, 0, 2, 1}}, .dst = {4, {192, 0, 2, 2}}};
	char path[] = "/tmp/sluice-test-XXXXXX";
	int fd = mkstemp(path);
	static const char lines[] = "192.0.2.1\n198.51.100.7\n";
	assert_true(fd >= 0 && write(fd, lines, sizeof lines - 1) == (ssize_t)sizeof lines - 1);
	close(fd);
	char options[256];
	snprintf(options, sizeof options, "ip.src; dataset:isset,addresses,type ip,load %s", path);
	assert_true(packet_holds(options, &p));
	assert_false(packet_holds("ip.dst; dataset:isset,addresses", &p));
	assert_true(packet_holds("ip.dst; dataset:isnotset,addresses", &p));
	assert_true(packet_holds("ip.dst; dataset:set,addresses", &p));
	assert_false(packet_holds("ip.dst; dataset:set,addresses", &p)); /* not new any more */
	assert_true(packet_holds("ip.dst; dataset:isset,addresses", &p));
	assert_true(packet_holds("ip.dst; dataset:unset,addresses", &p));
	assert_false(packet_holds("ip.dst; dataset:isset,addresses", &p));
	assert_true(packet_holds("ip.dst; to_md5; dataset:set,digests,type md5", &p));
	assert_true(packet_holds("ip.dst; to_md5; dataset:isset,digests", &p));
	assert_null(compile("ip any any -> any any", "ip.src; dataset:isset,untyped"));
	assert_null(compile("ip any any -> any any", "ip.src; datarep:addresses,>,1,type ip"));
	assert_null(compile("ip any any -> any any", "ip.src; dataset:isset,other,type ip,save ../x"));
	unlink(path);
}

/* A database of one network, 192.0.0.0/2 → "DE", written down by the format's description: one node for each of the two bits. */
static void countries(void **state)
{
	static const uint8_t file[] = {
		/* two nodes of two 24-bit records: first bit 0: nothing (2); 1: node 1. Second bit 0: nothing; 1: data 0 (2 + 16) */
		0, 0, 2, 0, 0, 1, 0, 0, 2, 0, 0, 18,
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		/* {"country": {"iso_code": "DE"}} */
		0xe1, 0x47, 'c', 'o', 'u', 'n', 't', 'r', 'y', 0xe1, 0x48, 'i', 's', 'o', '_', 'c', 'o', 'd', 'e', 0x42, 'D', 'E',
		0xab, 0xcd, 0xef, 'M', 'a', 'x', 'M', 'i', 'n', 'd', '.', 'c', 'o', 'm',
		/* {"node_count": 2 (uint32), "record_size": 24 (uint16), "ip_version": 4 (uint16)} */
		0xe3, 0x4a, 'n', 'o', 'd', 'e', '_', 'c', 'o', 'u', 'n', 't', 0xc1, 2, 0x4b, 'r', 'e', 'c', 'o', 'r', 'd', '_', 's', 'i', 'z', 'e', 0xa1, 24,
		0x4a, 'i', 'p', '_', 'v', 'e', 'r', 's', 'i', 'o', 'n', 0xa1, 4,
	};
	char path[] = "/tmp/sluice-test-XXXXXX", code[3] = "";
	int fd = mkstemp(path);
	struct error error = {0};
	assert_true(fd >= 0 && write(fd, file, sizeof file) == (ssize_t)sizeof file);
	close(fd);
	struct geoip *g = geoip_open(path, &error);
	if (!g)
		fail_msg("%s", error.text);
	assert_true(geoip_country(g, &(struct address){4, {192, 0, 2, 1}}, code));
	assert_string_equal(code, "DE");
	assert_false(geoip_country(g, &(struct address){4, {10, 0, 2, 1}}, code));
	assert_false(geoip_country(g, &(struct address){4, {128, 0, 2, 1}}, code));
	geoip_close(g);
	/* Cut off anywhere, it is refused or finds nothing, and nothing worse happens. */
	for (size_t n = 0; n < sizeof file; n++) {
		FILE *out = fopen(path, "we");
		assert_non_null(out);
		fwrite(file, 1, n, out);
		fclose(out);
		g = geoip_open(path, &error);
		if (g)
			(void)geoip_country(g, &(struct address){4, {192, 0, 2, 1}}, code);
		geoip_close(g);
	}
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers), cmocka_unit_test(flow_state), cmocka_unit_test(host_state), cmocka_unit_test(transforms), cmocka_unit_test(texts),
		cmocka_unit_test(buffers), cmocka_unit_test(refused), cmocka_unit_test(sets), cmocka_unit_test(countries),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
