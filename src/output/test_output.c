// SPDX-License-Identifier: GPL-2.0-or-later
#include "output/eve.h"

#include <fcntl.h>
#define json_string jansson_string /* base/json.h has the name too */
#include <jansson.h>
#undef json_string
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { CAP = 64 * 1024 };

/* One worker whose eve-log goes to a file of a folder of its own. */
static struct {
	char folder[32];
	struct outputs outputs;
	struct eve eve;
	struct output_worker worker;
	struct detect_scratch scratch;
	struct counters counters;
	struct signature sig;
	struct packet packet;
	struct flow flow;
} b;

static void start(uint32_t kinds)
{
	struct error error = {0};
	memset(&b, 0, sizeof b);
	strcpy(b.folder, "/tmp/test-output-XXXXXX");
	assert_non_null(mkdtemp(b.folder));
	b.eve.options.kinds = kinds;
	b.eve.sink = sink_open(b.folder, "eve.json", "regular", true, &error);
	assert_non_null(b.eve.sink);
	b.outputs.eves = &b.eve;
	b.scratch.counters = &b.counters;
	b.worker = (struct output_worker){.outputs = &b.outputs, .detect = &b.scratch};
	b.sig = (struct signature){.sid = 12, .gid = 1, .rev = 3, .priority = 2, .msg = "a \"quoted\" name", .class_text = "Misc activity"};
	b.flow = (struct flow){.id = 4711, .first = 1000000, .last = 3500000};
	b.flow.key = (struct flow_key){.src = {4, {10, 0, 0, 1}}, .dst = {4, {10, 0, 0, 2}}, .sport = 1234, .dport = 80, .proto = PROTO_TCP};
	b.flow.side[0] = (struct flow_side){.packets = 3, .bytes = 180};
	b.flow.side[1] = (struct flow_side){.packets = 2, .bytes = 120};
	b.packet = (struct packet){.time = 2500000, .number = 5, .ip_version = 4, .proto = PROTO_TCP, .is_tcp = true, .flow = &b.flow,
				   .src = b.flow.key.dst, .dst = b.flow.key.src, .sport = 80, .dport = 1234, .flags = PACKET_TO_CLIENT};
}

/* What was written. */
static char *stop(void)
{
	static char text[CAP];
	char path[64];
	assert_false(sink_close(b.eve.sink));
	snprintf(path, sizeof path, "%s/eve.json", b.folder);
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	size_t n = fread(text, 1, sizeof text - 1, f);
	fclose(f);
	text[n] = 0;
	unlink(path);
	rmdir(b.folder);
	buffer_free(&b.worker.line);
	buffer_free(&b.worker.scratch);
	return text;
}

/* The only line, as JSON. */
static json_t *stop_with_record(void)
{
	json_error_t error;
	json_t *record = json_loads(stop(), JSON_REJECT_DUPLICATES, &error);
	if (!record)
		print_error("%s at %d\n", error.text, error.position);
	assert_non_null(record);
	return record;
}

/* The member at a path such as "alert.gid". */
static json_t *member(json_t *o, const char *path)
{
	char name[64];
	for (const char *dot; o && (dot = strchr(path, '.')); path = dot + 1) {
		snprintf(name, sizeof name, "%.*s", (int)(dot - path), path);
		o = json_object_get(o, name);
	}
	return json_object_get(o, path);
}

static void assert_text(json_t *o, const char *path, const char *expected)
{
	const char *text = json_string_value(member(o, path));
	assert_non_null(text);
	assert_string_equal(text, expected);
}

static void assert_number(json_t *o, const char *path, json_int_t expected)
{
	assert_true(json_is_integer(member(o, path)));
	assert_int_equal(json_integer_value(member(o, path)), expected);
}

static void test_alert(void **state)
{
	(void)state;
	start(EVE_ALERT);
	b.scratch.alert[0] = (struct alert){.sig = &b.sig, .tx_id = UINT64_MAX, .action = ACTION_ALERT};
	b.scratch.n_alerts = 1;
	output_packet(&b.worker, &b.packet, NULL);
	json_t *r = stop_with_record();
	assert_text(r, "event_type", "alert");
	assert_number(r, "flow_id", 4711);
	assert_number(r, "pcap_cnt", 5);
	assert_text(r, "src_ip", "10.0.0.2");
	assert_number(r, "src_port", 80);
	assert_text(r, "dest_ip", "10.0.0.1");
	assert_text(r, "proto", "TCP");
	assert_text(r, "direction", "to_client");
	assert_text(r, "alert.action", "allowed");
	assert_number(r, "alert.signature_id", 12);
	assert_number(r, "alert.rev", 3);
	assert_text(r, "alert.signature", "a \"quoted\" name");
	assert_null(member(r, "alert.xff"));
	json_decref(r);
}

static void test_blocked(void **state)
{
	(void)state;
	start(EVE_ALERT);
	b.outputs.context.ips = true;
	b.scratch.alert[0] = (struct alert){.sig = &b.sig, .tx_id = UINT64_MAX, .action = ACTION_ALERT | ACTION_DROP};
	b.scratch.n_alerts = 1;
	output_packet(&b.worker, &b.packet, NULL);
	json_t *r = stop_with_record();
	assert_text(r, "alert.action", "blocked");
	json_decref(r);
}

static void test_flow(void **state)
{
	(void)state;
	start(EVE_FLOW);
	b.flow.exceptions = 1u << DROP_STREAM_MIDSTREAM;
	b.flow.exception_policy = EXCEPTION_REJECT;
	output_flow(&b.worker, &b.flow, 9000000);
	json_t *r = stop_with_record();
	assert_text(r, "event_type", "flow");
	assert_text(r, "src_ip", "10.0.0.1");
	assert_number(r, "dest_port", 80);
	assert_number(r, "flow.pkts_toserver", 3);
	assert_number(r, "flow.bytes_toclient", 120);
	assert_number(r, "flow.age", 2);
	assert_text(r, "flow.state", "new");
	json_t *x = json_array_get(member(r, "flow.exception_policy"), 0);
	assert_text(x, "target", "stream_midstream");
	assert_text(x, "policy", "reject");
	json_decref(r);
	assert_int_equal(b.counters.value[COUNTER_EXCEPTION_MIDSTREAM_REJECT], 1);
	assert_int_equal(b.counters.value[COUNTER_EXCEPTION_MIDSTREAM], 0);
}

/* RFC 826: who has 192.0.2.7? */
static void test_arp(void **state)
{
	static const uint8_t message[28] = {0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 0x1a, 192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 192, 0, 2, 7};
	(void)state;
	start(EVE_ARP);
	b.packet = (struct packet){.time = 1, .is_arp = true, .arp = bytes_of(message, sizeof message)};
	output_packet(&b.worker, &b.packet, NULL);
	json_t *r = stop_with_record();
	assert_text(r, "event_type", "arp");
	assert_text(r, "arp.opcode", "request");
	assert_text(r, "arp.src_mac", "02:00:00:00:00:1a");
	assert_text(r, "arp.src_ip", "192.0.2.1");
	assert_text(r, "arp.dest_ip", "192.0.2.7");
	assert_null(member(r, "src_ip"));
	json_decref(r);
}

static void test_off(void **state)
{
	(void)state;
	start(0);
	b.scratch.alert[0] = (struct alert){.sig = &b.sig, .tx_id = UINT64_MAX, .action = ACTION_ALERT};
	b.scratch.n_alerts = 1;
	output_packet(&b.worker, &b.packet, NULL);
	output_flow(&b.worker, &b.flow, 9000000);
	assert_string_equal(stop(), "");
}

/* A full disk: said once, counted by the line, no end of anything. */
static void test_full(void **state)
{
	char path[64];
	(void)state;
	start(EVE_FLOW);
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	if (full < 0)
		skip();
	assert_true(dup2(full, b.eve.sink->fd) >= 0);
	close(full);
	for (int i = 0; i < 3; i++) {
		output_flow(&b.worker, &b.flow, 9000000);
		assert_int_equal(b.eve.sink->lost, i);
		sink_flush(b.eve.sink);
		assert_true(b.eve.sink->failed);
		assert_int_equal(b.eve.sink->lost, i + 1);
	}
	assert_true(sink_close(b.eve.sink));
	snprintf(path, sizeof path, "%s/eve.json", b.folder);
	unlink(path);
	rmdir(b.folder);
	buffer_free(&b.worker.line);
}

static void test_missing_folder(void **state)
{
	struct error error = {0};
	(void)state;
	assert_null(sink_open("/nonexistent/folder", "eve.json", "regular", true, &error));
	assert_non_null(strstr(error.text, "/nonexistent/folder/eve.json"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alert), cmocka_unit_test(test_blocked), cmocka_unit_test(test_flow), cmocka_unit_test(test_arp),
		cmocka_unit_test(test_off), cmocka_unit_test(test_full), cmocka_unit_test(test_missing_folder),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
