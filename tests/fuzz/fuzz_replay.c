// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The whole way of a packet, from frame to records: a worker with a small rule set, inline or not. Whatever comes: no crash, and all
 * counted memory stays within its caps and is given back.
 *
 * First byte: bit 0: inline, bit 1: statistics at the end. Then operations: what (bits 0-1: raw IP, Ethernet, data of a TCP flow, a datagram of a UDP flow; bit 2:
 * direction; bits 3-4: flow; bit 5: 70 seconds pass before; bit 6: TCP: sent again 3 bytes early, UDP: as a fragment; bit 7: TCP: with FIN),
 * two bytes of length, bytes. TCP flows shake hands by themselves, so that what follows reaches the protocols.
 */
#include "base/log.h"
#include "daemon/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char rules[] =
	"alert http any any -> any any (msg:\"uri\"; flow:established,to_server; http.uri; content:\"/a\"; pcre:\"/^\\/a[0-9]+/U\"; sid:1;)\n"
	"drop http any any -> any any (http.user_agent; content:\"bad\"; nocase; sid:2;)\n"
	"alert http any any -> any any (flow:to_client; file.data; content:\"evil\"; fast_pattern; sid:3;)\n"
	"reject http any any -> any any (http.method; content:\"TRACE\"; sid:4;)\n"
	"alert http any any -> any any (http.request_body; content:\"id=\"; byte_test:2,>,40,0,relative,string; sid:5;)\n"
	"alert http any any -> any any (http.header; content:\"X-\"; to_lowercase; content:\"cookie\"; distance:0; sid:6;)\n"
	"alert http any any -> any any (http.host; domain; content:\"example\"; xbits:set,seen,track ip_src,expire 60; sid:7;)\n"
	"alert http any any -> any any (http.stat_code; content:\"404\"; xbits:isset,seen,track ip_dst; threshold:type limit,track by_src,count 1,seconds 60; sid:8;)\n"
	"alert dns any any -> any any (dns.query; content:\"example\"; nocase; bsize:>5; sid:10;)\n"
	"drop dns any any -> any any (dns.query; content:\"blocked\"; endswith; sid:11;)\n"
	"alert dns any any -> any any (dns.query; dotprefix; content:\".test\"; flowbits:set,d; flowbits:noalert; sid:12;)\n"
	"alert dns any any -> any any (flowbits:isset,d; dns.rcode:3; sid:13;)\n"
	"alert tls any any -> any any (tls.sni; content:\"example\"; pcre:\"/e.{1,20}e/\"; sid:20;)\n"
	"alert tls any any -> any any (tls.cert_subject; content:\"CN=\"; sid:21;)\n"
	"alert tls any any -> any any (ja3.hash; content:\"0\"; sid:22;)\n"
	"alert tls any any -> any any (ja4.hash; content:\"t1\"; sid:23;)\n"
	"pass tls any any -> any any (tls.version:1.3; sid:24;)\n"
	"alert tls any any -> any any (tls.certs; content:\"|30 82|\"; within:2; sid:25;)\n"
	"alert tcp any any -> any any (content:\"attack\"; flow:established; stream_size:both,>,1; tag:session,10,packets; sid:30;)\n"
	"drop tcp any any -> any 80 (content:\"|00 01 02|\"; depth:8; content:!\"x\"; within:4; sid:31;)\n"
	"alert tcp any any -> any any (flags:S; window:!0; detection_filter:track by_src,count 3,seconds 10; sid:32;)\n"
	"alert tcp any any -> any any (byte_extract:2,0,len; byte_jump:2,0,multiplier 2; isdataat:len,relative; content:\"z\"; distance:len; sid:33;)\n"
	"alert tcp any any -> any any (content:\"b64:\"; base64_decode:bytes 30,offset 0,relative; base64_data; content:\"hi\"; flowint:n,+,1; sid:34;)\n"
	"alert udp any any -> any any (dsize:>8; byte_math:bytes 1,offset 0,oper *,rvalue 3,result r; byte_test:1,=,r,1; sid:40;)\n"
	"alert udp any any -> any any (content:\"|ff ff|\"; rawbytes; entropy:value > 1; sid:41;)\n"
	"alert icmp any any -> any any (itype:3; icode:<5; icmp_id:0; sid:42;)\n"
	"alert ip any any -> any any (ttl:<3; ipopts:any; fragbits:M; sid:43;)\n"
	"alert ip [10.0.0.0/8,!10.0.0.9] any -> any any (ip_proto:132; sid:44;)\n"
	"drop ip any any -> 10.9.9.9 any (sid:45;)\n"
	"alert pkthdr any any -> any any (decode-event:ipv4.trunc_pkt; sid:50;)\n"
	"drop pkthdr any any -> any any (decode-event:tcp.opt_invalid_len; sid:51;)\n"
	"alert tcp any any -> any any (stream-event:reassembly_overlap_different_data; sid:52;)\n"
	"alert http any any -> any any (app-layer-event:http.invalid_content_length_field_in_request; sid:53;)\n"
	"alert ip any any -> any any (app-layer-event:applayer_mismatch_protocol_both_directions; sid:54;)\n"
	"alert ipv6 any any -> any any (ipv6.hdr; content:\"|06|\"; offset:6; depth:1; sid:55;)\n"
	"alert tcp-pkt any any -> any any (content:\"seg\"; dsize:<100; replace:\"gas\"; sid:56;)\n"
	"alert tcp-stream any any -> any any (content:\"str\"; content:\"eam\"; distance:0; sid:57;)\n";

/* All records are formatted and go nowhere; limits are so small that an input can reach them. */
static const char *const sets[] = {
	"outputs.0.fast.filename=/dev/null", "outputs.1.eve-log.filename=/dev/null", "outputs.1.eve-log.community-id=true",
	"outputs.1.eve-log.types.0.alert.payload=yes", "outputs.1.eve-log.types.0.alert.packet=yes", "outputs.1.eve-log.ethernet=true",
	"outputs.1.eve-log.types.0.alert.http-body=yes", "outputs.1.eve-log.types.0.alert.payload-printable=yes",
	"logging.outputs.1.file.enabled=no", "detect.sgh-mpm-caching=no", "flow.hash-size=256", "flow.prealloc=0", "flow.memcap=512kb",
	"stream.memcap=256kb", "stream.prealloc-sessions=0", "stream.reassembly.memcap=256kb", "stream.reassembly.segment-prealloc=0",
	"defrag.memcap=256kb", "defrag.hash-size=64", "defrag.trackers=100", "host.memcap=64kb",
};

enum { FLOWS = 4, MAX_SEGMENT = 1400 };
enum { CAP_FLOW = 512 << 10, CAP_STREAM = 256 << 10, CAP_DEFRAG = 256 << 10, HEADROOM = 64 << 10 };

static const uint16_t ports[FLOWS] = {80, 443, 53, 8080};

struct world {
	struct worker *worker;
	usec_t now;
	uint64_t number;
	bool open[FLOWS];
	uint32_t next[FLOWS][2];
};

static struct runtime *runtime_of(bool ips)
{
	static struct runtime runtimes[2];
	struct runtime *r = &runtimes[ips];
	if (r->conf)
		return r;
	struct error error = {0};
	char path[64];
	int fd = memfd_create("rules", 0);
	if (fd < 0 || write(fd, rules, sizeof rules - 1) != (ssize_t)sizeof rules - 1)
		abort();
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	struct runtime_options o = {.sets = sets, .n_sets = sizeof sets / sizeof *sets, .rules_only = path, .log_dir = "/tmp", .ips = ips,
				    .checksums = 0, .seed = 1, .errors_fatal = true};
	if (runtime_init(r, &o, &error)) {
		fprintf(stderr, "%s\n", error.text);
		abort();
	}
	close(fd);
	return r;
}

static void give(struct world *w, unsigned link, struct bytes b)
{
	/* exactly as long as it is, so that a byte too far is seen */
	uint8_t *copy = malloc(b.len ? b.len : 1);
	memcpy(copy, b.data, b.len);
	struct frame f = {.bytes = {copy, b.len}, .wire_len = (uint32_t)b.len, .link_type = (int)link, .time = w->now, .number = ++w->number};
	worker_frame(w->worker, &f);
	free(copy);
	w->now += 1000;
}

/* An IPv4 header without checksum: none is looked at. */
static uint8_t *header(uint8_t *out, unsigned flow, int direction, unsigned proto, size_t len, unsigned fragment)
{
	memcpy(out, (uint8_t[20]){0x45, 0, 0, 0, 0, 1, 0, 0, 64, (uint8_t)proto, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2}, 20);
	store_be16(out + 2, (uint16_t)(20 + len));
	store_be16(out + 6, (uint16_t)fragment);
	out[direction ? 19 : 15] = 1;
	out[direction ? 15 : 19] = 2;
	store_be16(out + 20 + (direction ? 2 : 0), (uint16_t)(40000 + flow));
	store_be16(out + 20 + (direction ? 0 : 2), ports[flow]);
	return out + 20;
}

static void segment(struct world *w, unsigned flow, int d, unsigned flags, uint32_t back, struct bytes data)
{
	uint8_t out[20 + 20 + MAX_SEGMENT];
	uint8_t *tcp = header(out, flow, d, 6, 20 + data.len, 0);
	store_be32(tcp + 4, w->next[flow][d] - back);
	store_be32(tcp + 8, flags & 0x10 ? w->next[flow][!d] : 0);
	memcpy(tcp + 12, (uint8_t[8]){0x50, (uint8_t)flags, 0xff, 0xff}, 8);
	memcpy(tcp + 20, data.data, data.len);
	uint32_t ends = (uint32_t)data.len + (flags & 2 ? 1 : 0) + (flags & 1 ? 1 : 0);
	w->next[flow][d] += ends > back ? ends - back : 0;
	give(w, 101, bytes_of(out, 40 + data.len));
}

static void tcp_data(struct world *w, unsigned flow, unsigned op, struct bytes data)
{
	int d = op >> 2 & 1;
	struct bytes none = bytes_of("", 0);
	if (!w->open[flow]) {
		w->open[flow] = true;
		w->next[flow][0] = 1000;
		w->next[flow][1] = 2000;
		segment(w, flow, 0, 0x02, 0, none);
		segment(w, flow, 1, 0x12, 0, none);
		segment(w, flow, 0, 0x10, 0, none);
	}
	for (size_t at = 0; at < data.len || at == 0; at += MAX_SEGMENT) {
		struct bytes part = bytes_slice(data, at, data.len - at < MAX_SEGMENT ? data.len - at : MAX_SEGMENT);
		bool last = at + MAX_SEGMENT >= data.len;
		segment(w, flow, d, 0x10 | (op & 0x80 && last ? 1 : 0), op & 0x40 ? 3 : 0, part);
	}
	segment(w, flow, !d, 0x10, 0, none);
}

static void udp_data(struct world *w, unsigned flow, unsigned op, struct bytes data)
{
	uint8_t out[20 + 8 + MAX_SEGMENT];
	if (data.len > MAX_SEGMENT)
		data.len = MAX_SEGMENT;
	uint8_t *udp = header(out, flow, op >> 2 & 1, 17, 8 + data.len, op & 0x40 ? 0x2000 : 0);
	store_be16(udp + 4, (uint16_t)(8 + data.len));
	store_be16(udp + 6, 0);
	memcpy(udp + 8, data.data, data.len);
	give(w, 101, bytes_of(out, 28 + data.len));
}

static void operation(struct world *w, unsigned op, struct bytes data)
{
	unsigned flow = op >> 3 & 3;
	if (op & 0x20)
		w->now += 70 * USEC_PER_SEC;
	switch (op & 3) {
	case 0: give(w, 101, data); break;
	case 1: give(w, 1, data); break;
	case 2: tcp_data(w, flow, op, data); break;
	case 3: udp_data(w, flow, op, data); break;
	}
}

static void check_caps(const struct counters *c)
{
	if (c->value[COUNTER_FLOW_MEMUSE] > CAP_FLOW + HEADROOM || c->value[COUNTER_TCP_MEMUSE] > CAP_STREAM + HEADROOM ||
	    c->value[COUNTER_TCP_REASSEMBLY_MEMUSE] > CAP_STREAM + HEADROOM || c->value[COUNTER_DEFRAG_MEMUSE] > CAP_DEFRAG + HEADROOM)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	log_level_max = LOG_LEVEL_ERROR;
	struct runtime *r = runtime_of(data[0] & 1);
	struct state state = {.shared = shared_new(r->host_memcap, 1)};
	struct world w = {.worker = worker_new(r, &state, 0), .now = 1000 * USEC_PER_SEC};
	if (!w.worker)
		abort();
	struct reader in = reader_over(bytes_of(data + 1, size - 1));
	while (reader_left(&in) >= 3) {
		unsigned op = reader_u8(&in);
		size_t len = reader_u16(&in);
		operation(&w, op, reader_bytes(&in, len < reader_left(&in) ? len : reader_left(&in)));
		check_caps(worker_counters(w.worker));
	}
	worker_tick(w.worker, w.now);
	worker_finish(w.worker);
	const struct counters *c = worker_counters(w.worker);
	if (data[0] & 2)
		output_stats(r->outputs, c, worker_event_counts(w.worker), worker_app(w.worker), w.now, w.now);
	if (c->value[COUNTER_TCP_MEMUSE] || c->value[COUNTER_TCP_REASSEMBLY_MEMUSE] || worker_app(w.worker)->memuse)
		abort();
	worker_free(w.worker);
	shared_free(state.shared);
	return 0;
}
