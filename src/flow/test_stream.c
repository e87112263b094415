// SPDX-License-Identifier: GPL-2.0-or-later
/* Conversations and what comes of them. Expectations are worked out by hand from RFC 9293, RFC 7323, and Novak and Sturges (2007). */
#include "flow/stream_script.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static int fail_count;

enum { INLINE = 1, MIDSTREAM = 2, ASYNC = 4, FLUSH = 8, DEPTH = 16, STRICT_TS = 32, IPS = 64, URG_OOB = 128, URG_DROP = 256 };

static const struct flow_settings flow_defaults = {
	.memcap = 32 << 20, .hash_size = 256, .vlan_use_for_tracking = true, .recursion_use_for_tracking = true,
	.timeout = {{30, 300, 0, 100, 100}, {60, 600, 60, 100, 100}, {30, 300, 0, 100, 100}, {30, 300, 0, 100, 100}},
	.emergency_timeout = {{10, 100, 0, 50, 50}, {5, 100, 10, 50, 50}, {10, 100, 0, 50, 50}, {10, 100, 0, 50, 50}},
};

static struct stream_settings settings_for(unsigned mode)
{
	return (struct stream_settings){
		.memcap = 1 << 20, .reassembly_memcap = 8 << 20, .depth = mode & DEPTH ? 10 : 0, .ips = mode & IPS, .inline_mode = mode & INLINE,
		.midstream = mode & MIDSTREAM, .async_oneside = mode & ASYNC, .drop_invalid = true, .max_syn_queued = 2, .max_synack_queued = 2,
		.chunk_size = {2560, 2560}, .raw = true, .liberal_timestamps = !(mode & STRICT_TS), .check_overlap = true,
		.urgent_policy = mode & URG_OOB ? URGENT_OOB : mode & URG_DROP ? URGENT_DROP : URGENT_INLINE, .urgent_oob_limit = 3,
		.urgent_oob_limit_policy = URGENT_GAP,
	};
}

#define OPEN "c S; s SA; c A; "

struct conversation {
	const char *name;
	unsigned mode;
	const char *text;
	const char *state, *events, *client, *server; /* what the app layer saw of each */
};

static const struct conversation conversations[] = {
	/* opening */
	{"three-way", 0, OPEN, "established", "", "", ""},
	{"syn alone", 0, "c S", "syn_sent", "", "", ""},
	{"syn, syn/ack", 0, "c S; s SA", "syn_recv", "", "", ""},
	{"syn again", 0, "c S; c S @0; s SA; c A", "established", "", "", ""},
	{"second syn meant", 0, "c S; c S @7000; s SA a7001; c A @7001", "established", "", "", ""},
	{"too many syns", 0, "c S; c S @10; c S @20; c S @30", "syn_sent", "3whs_syn_flood", "", ""},
	{"syn/ack for nothing sent", 0, "c S; s SA a77", "syn_sent", "3whs_synack_with_wrong_ack", "", ""},
	{"syn/ack from the client", 0, "c S; c SA", "syn_sent", "3whs_synack_in_wrong_direction", "", ""},
	{"second syn/ack meant", 0, "c S; s SA; s SA @9000; c A a9001; c A a9001 'hi'; s A @9001", "established",
	 "", "hi", ""},
	{"too many syn/acks", 0, "c S; s SA; s SA @1; s SA @2; s SA @3", "syn_recv",
	 "3whs_synack_flood", "", ""},
	{"syn/ack, other ack", 0, "c S; s SA; s SA @0 a5", "syn_recv", "3whs_synack_resend_with_different_ack", "", ""},
	{"syn/ack to the server", 0, "c S; s SA; c SA", "syn_recv", "3whs_synack_toserver_on_syn_recv", "", ""},
	{"ack of the wrong syn/ack", 0, "c S; s SA; c A a100000", "syn_recv", "3whs_right_seq_wrong_ack_evasion", "", ""},
	{"all wrong", 0, "c S; s SA; c A @200000 a100000", "syn_recv", "3whs_wrong_seq_wrong_ack", "", ""},
	{"server speaks first", 0, "c S; s SA; s PA 'x'; c A", "established", "3whs_ack_data_inject", "", "x"},
	{"server speaks first, inline", INLINE, "c S; s SA; s PA 'x'", "syn_recv", "3whs_ack_data_inject 3whs_ack_in_wrong_dir", "", ""},
	{"server acknowledges first", 0, "c S; s SA; s A", "syn_recv", "3whs_ack_in_wrong_dir", "", ""},
	{"client's ack lost", 0, "c S; s SA; s PA @1 a5 'x'", "syn_recv", "3whs_wrong_seq_wrong_ack", "", ""},
	{"client's ack and data lost", 0, "c S; s SA; s PA @1 a5 'x'; c PA @5 'efg'; s A a8", "established", "3whs_wrong_seq_wrong_ack reassembly_seq_gap", "[4]efg", ""},
	{"syn to client", 0, "c S; s SA; s S @50", "syn_recv", "3whs_syn_toclient_on_syn_recv", "", ""},
	{"syn differs", 0, "c S; s SA; c S @50", "syn_recv", "3whs_syn_resend_diff_seq_on_syn_recv", "", ""},
	{"both open", 0, "c S; s S; c SA @0 a1; s SA @0 a1; c A @1 a1", "established", "", "", ""},
	{"both open, wrong ack", 0, "c S; s S; c SA @0 a7", "syn_sent", "4whs_synack_with_wrong_ack", "", ""},
	{"both open, wrong syn", 0, "c S; s S; c SA @9 a1", "syn_sent", "4whs_synack_with_wrong_syn", "", ""},
	{"syn refused", 0, "c S; s RA", "closed", "", "", ""},
	{"reset for nothing", 0, "c S; s RA a50", "syn_sent", "pkt_invalid_ack rst_invalid_ack", "", ""},
	{"reset with a timestamp that nobody asked for", 0, "c S; s RA @0 t100; s FA @0 t100; s SA @9; c A", "established", "pkt_invalid_timestamp pkt_invalid_timestamp", "", ""},
	{"reset, no session", 0, "c R", "none", "rst_but_no_session", "", ""},
	{"fin, no session", 0, "c FA", "none", "fin_but_no_session", "", ""},
	{"syn and fin", 0, "c SF", "syn_sent", "fin_syn", "", ""},
	{"ack number without ack", 0, "c S a9", "syn_sent", "pkt_broken_ack", "", ""},
	{"fast open", 0, "c S f 'GET'; s SA a4; c A", "established", "", "GET", ""},
	{"fast open, data ignored", 0, "c S f 'GET'; s SA a1; c A @1; c PA @1 'GET'; s A a4", "established", "3whs_synack_tfo_data_ignored",
	 "GET", ""},
	{"inline: fast open, data ignored", INLINE | IPS, "c S f 'GET'; s SA a1; c A @1; c PA @1 'GET /x'; s A", "established",
	 "3whs_synack_tfo_data_ignored", "GET /x", ""},
	{"inline: fast open, data ignored, then others", INLINE | IPS, "c S f 'GET'; s SA a1; c A @1; c PA @1 'BAD /x'; s A", "established",
	 "3whs_synack_tfo_data_ignored reassembly_overlap_different_data", "GET /x", ""},
	{"inline: fast open, then another SYN that the server takes", INLINE | IPS, "c S f 'GET'; c S @100; s SA a101", "syn_sent",
	 "3whs_synack_with_wrong_ack", "GET", ""},
	{"fast open, then another SYN that the server takes", 0, "c S f 'GET'; c S @100; s SA a101; c A @101; c PA @101 'POST'; s A a105", "established", "", "POST",
	 ""},
	/* midstream, one side */
	{"no midstream", 0, "c PA 'x'", "none", "", "", ""},
	{"midstream", MIDSTREAM, "c PA 'abc'; s PA 'def'; c A", "established", "", "abc", "def"},
	{"midstream, a last word, then anew", MIDSTREAM, "s A; c S; s SA; c A; c PA 'abc'; s PA 'def'; c A", "established", "", "abc", "def"},
	{"midstream, a last word of the client, then anew", MIDSTREAM, "c A; c S; s SA; c A; c PA 'abc'; s A", "established", "", "abc", ""},
	{"midstream from syn/ack", MIDSTREAM, "s SA; c A; c PA 'q'; s A", "established", "", "q", ""},
	{"one side", ASYNC, "c S; c A; c PA 'abc'; c PA 'def'", "established", "", "abcdef", ""},
	{"one side, lost", ASYNC, "c S; c A; c PA 'abc'; c PA @7 'ghi'", "established", "reassembly_seq_gap", "abc[3]ghi", ""},
	{"one side, wrong seq", ASYNC, "c S; c A @100", "syn_sent", "3whs_async_wrong_seq", "", ""},
	/* data */
	{"seen when acknowledged", 0, OPEN "c PA 'abc'", "established", "", "", ""},
	{"seen", 0, OPEN "c PA 'abc'; s A; s PA 'defg'; c A", "established", "", "abc", "defg"},
	{"partly acknowledged", 0, OPEN "c PA 'abcdef'; s A a4", "established", "", "abc", ""},
	{"inline: at once", INLINE, OPEN "c PA 'abc'; c PA 'def'", "established", "", "abcdef", ""},
	{"out of order", 0, OPEN "c PA @4 'def'; c PA @1 'abc'; s A a7", "established", "", "abcdef", ""},
	{"inline, out of order", INLINE, OPEN "c PA @4 'def'; c PA @1 'abc'; c PA @7 'ghi'", "established", "", "abcdefghi", ""},
	{"lost", 0, OPEN "c PA @4 'def'; s A a7", "established", "reassembly_seq_gap", "[3]def", ""},
	{"inline, lost", INLINE, OPEN "c PA @4 'def'; s A a7", "established", "reassembly_seq_gap", "[3]def", ""},
	{"two lost", 0, OPEN "c PA @3 'cd'; c PA @7 'gh'; s A a9", "established", "reassembly_seq_gap", "[2]cd[2]gh", ""},
	{"lost at the end", 0, OPEN "c PA 'ab'; s A a5", "established", "", "ab", ""},
	{"lost at the end, closed", 0, OPEN "c PA 'ab'; s A a5; c FA @5; s A a6", "close_wait", "", "ab|", ""},
	{"sent again", 0, OPEN "c PA 'abc'; c PA @1 'abc'; s A", "established", "", "abc", ""},
	{"sent again in part", 0, OPEN "c PA 'abcdef'; s A a4; c PA @1 'abcdef'; s A", "established", "pkt_retransmission", "abcdef", ""},
	{"sent again after the ack", 0, OPEN "c PA 'abc'; s A; c PA @1 'abc'", "established",
	 "pkt_spurious_retransmission reassembly_segment_before_base_seq", "abc", ""},
	{"before the last ack", 0, OPEN "c PA 'abcdef'; s A; c PA @1 'abc'", "established", "est_pkt_before_last_ack", "abcdef", ""},
	{"out of the window", 0, "c S; s SA w100; c A; c PA @102 'x'", "established", "est_packet_out_of_window", "", ""},
	{"window scaled", 0, "c S o2; s SA o2 w100; c A; s A w100; c PA @300 'x'; s A a1", "established", "", "", ""},
	{"ack beyond all", 0, OPEN "c A a200000", "established", "pkt_invalid_ack est_invalid_ack", "", ""},
	{"keep-alive", 0, OPEN "c PA 'abc'; s A; c A @3 'c'; s A", "established", "", "abc", ""},
	{"old timestamp", 0, "c S t100; s SA t500; c A t100; c PA t90 'abc'; s A a1 t501", "established", "pkt_invalid_timestamp", "", ""},
	{"one tick back is well with Linux", 0, "c S t100; s SA t500; c A t100; c PA t99 'abc'; s A t501", "established", "", "abc", ""},
	{"reset with an old timestamp", 0, "c S t100; s SA t500; c A t100; s R t0", "closed", "pkt_invalid_timestamp", "", ""},
	{"but not with others", STRICT_TS, "c S t100; s SA t500; c A t100; c PA t99 'abc'; s A a1 t501", "established", "pkt_invalid_timestamp", "", ""},
	{"old timestamp, minutes later", 0, "c S t100; s SA t500; c A t100; c PA t90 +400 'abc'; s A a1", "established", "pkt_invalid_timestamp", "", ""},
	{"depth", DEPTH, OPEN "c PA 'abcdef'; c PA 'ghijkl'; s A; c PA 'mno'; s A", "established", "reassembly_depth_reached", "abcdefghij>", ""},
	{"inline depth", DEPTH | INLINE, OPEN "c PA 'abcdef'; c PA 'ghijkl'; c PA 'mno'", "established", "reassembly_depth_reached", "abcdefghij>",
	 ""},
	/* syn again */
	{"syn on established", 0, OPEN "c S @0", "established", "est_syn_resend", "", ""},
	{"other syn on established", 0, OPEN "c S @99", "established", "est_syn_resend_diff_seq", "", ""},
	{"syn to client on established", 0, OPEN "s S @0", "established", "est_syn_toclient", "", ""},
	{"syn/ack to server", 0, OPEN "c SA", "established", "est_synack_toserver", "", ""},
	{"syn/ack again", 0, OPEN "s SA @0 a1", "established", "", "", ""},
	{"syn/ack again, too late", 0, OPEN "s PA 'x'; s SA @0 a1", "established", "est_synack_resend", "", ""},
	{"syn/ack again, after data", 0, OPEN "c PA 'x'; s A; s SA @0 a1", "established", "est_synack_resend_with_different_ack", "x", ""},
	{"syn/ack, other seq", 0, OPEN "s SA @9 a1", "established", "est_synack_resend_with_diff_seq", "", ""},
	{"syn/ack, other ack", 0, OPEN "s SA @0 a9", "established", "est_synack_resend_with_different_ack", "", ""},
	/* closing */
	{"client closes", 0, OPEN "c FA; s A", "close_wait", "", "|", ""},
	{"client closes, server closes", 0, OPEN "c FA; s A; s FA", "last_ack", "", "|", ""},
	{"closed", 0, OPEN "c PA 'a'; s PA 'b'; c FA; s A; s FA; c A", "closed", "", "a|", "b|"},
	{"server closes", 0, OPEN "s FA", "fin_wait1", "", "", ""},
	{"server closes, acknowledged", 0, OPEN "s FA; c A", "fin_wait2", "", "", "|"},
	{"server closes, client too", 0, OPEN "s FA; c A; c FA", "time_wait", "", "", "|"},
	{"closed the other way", 0, OPEN "s FA; c A; c FA; s A", "closed", "", "|", "|"},
	{"fin acknowledged by fin", 0, OPEN "s FA; c FA", "time_wait", "", "", "|"},
	{"both close at once", 0, OPEN "s FA; c FA a1", "closing", "", "", ""},
	{"both closed", 0, OPEN "s FA; c FA a1; c A; s A", "closed", "", "|", "|"},
	{"data with fin", 0, OPEN "c FA 'bye'; s A", "close_wait", "", "bye|", ""},
	{"data to a half-closed side", 0, OPEN "c FA; s PA 'more'; c A", "close_wait", "", "|", "more"},
	{"syn on closing", 0, OPEN "c FA; c S @0", "close_wait", "shutdown_syn_resend", "", ""},
	{"reset", 0, OPEN "c PA 'abc'; s R", "closed", "", "abc|", ""},
	{"reset elsewhere", 0, OPEN "c R @50", "established", "", "", ""},
	{"reset not his", 0, OPEN "c PA 'a'; s A; s RA; s PA @1 'real'; c A", "established", "suspected_rst_inject", "a|", "real"},
	/* urgent */
	{"urgent in line", 0, OPEN "c PAU u2 'abc'; s A", "established", "", "abc", ""},
	{"urgent out of band", URG_OOB, OPEN "c PAU u2 'abc'; c PA 'def'; s A", "established", "", "acdef", ""},
	{"urgent sent again", URG_OOB, OPEN "c PAU u2 'abc'; c PA @1 'abcd'; s A", "established", "", "acd", ""},
	{"urgent dropped", URG_DROP | IPS | INLINE, OPEN "c PAU u2 'abc'", "established", "", "", ""},
	/* inline: the first copy is the truth */
	{"rewritten", INLINE | IPS, OPEN "c PA 'abc'; c PA @1 'xyzd'", "established", "reassembly_overlap_different_data", "abcd", ""},
};

static void check(const struct conversation *c)
{
	struct stream_settings set = settings_for(c->mode);
	static struct script s;
	script_begin(&s, &set, &flow_defaults);
	script_run(&s, c->text);
	if (c->mode & FLUSH)
		for (int d = 0; d < 2; d++)
			script_read(&s, d, true);
	const char *state = tcp_state_names[s.flow && s.flow->tcp ? s.flow->tcp->state : 0];
	bool right = strcmp(state, c->state) == 0 && strcmp(s.events, c->events) == 0 && strcmp(s.seen[0], c->client) == 0 &&
		     strcmp(s.seen[1], c->server) == 0;
	if (!right)
		print_error("%s:\n  want %s, events '%s', client '%s', server '%s'\n  have %s, events '%s', client '%s', server '%s'\n", c->name,
			    c->state, c->events, c->client, c->server, state, s.events, s.seen[0], s.seen[1]);
	script_finish(&s);
	assert_int_equal(s.counters.value[COUNTER_TCP_MEMUSE], 0);
	assert_int_equal(s.counters.value[COUNTER_TCP_REASSEMBLY_MEMUSE], 0);
	if (!right)
		fail_count++;
}

static void test_conversations(void **state)
{
	fail_count = 0;
	for (size_t i = 0; i < sizeof conversations / sizeof *conversations; i++)
		check(&conversations[i]);
	assert_int_equal(fail_count, 0);
	(void)state;
}

/* An old segment at 4…6 ("AAA") and a new one over it ("B…"): whose bytes count where both have some. */
static const struct {
	unsigned start, end; /* of the new one, end exclusive */
} overlaps[] = {{2, 7}, {2, 6}, {4, 7}, {4, 8}, {4, 6}, {5, 8}, {5, 7}, {5, 6}, {2, 9}};

static const struct {
	enum os_policy os;
	const char *winner; /* of each overlap above */
} policies[] = {
	{OS_FIRST, "AAAAAAAAA"},   {OS_VISTA, "AAAAAAAAA"},     {OS_LAST, "BBBBBBBBB"},      {OS_BSD, "BBAAAAAAB"},
	{OS_HPUX10, "BBAAAAAAB"},  {OS_IRIX, "BBAAAAAAB"},      {OS_MACOS, "BBAAAAAAB"},     {OS_WINDOWS, "BBAAAAAAB"},
	{OS_WINDOWS2K3, "BBAAAAAAB"}, {OS_LINUX, "BBABAAAAB"},  {OS_OLD_LINUX, "BBBBAAAAB"}, {OS_SOLARIS, "BABBABAAB"},
	{OS_OLD_SOLARIS, "BABBABAAB"}, {OS_HPUX11, "BABBABAAB"}, {OS_BSD_RIGHT, "AABBBBBBA"},
};

static void overlap_expect(unsigned i, char winner, char out[10])
{
	for (unsigned at = 1; at < 10; at++) {
		bool old = at >= 4 && at < 7, fresh = at >= overlaps[i].start && at < overlaps[i].end;
		out[at - 1] = old && fresh ? winner : old ? 'A' : fresh ? 'B' : '.';
	}
	out[9] = 0;
}

static void overlap_run(struct script *s, unsigned i)
{
	char line[64];
	script_run(s, OPEN "c A @4 'AAA'");
	snprintf(line, sizeof line, "c A @%u '%.*s'", overlaps[i].start, (int)(overlaps[i].end - overlaps[i].start), "BBBBBBB");
	script_run(s, line);
	for (unsigned at = 1; at < 10; at++) {
		if ((at >= 4 && at < 7) || (at >= overlaps[i].start && at < overlaps[i].end))
			continue;
		snprintf(line, sizeof line, "c A @%u '.'", at);
		script_run(s, line);
	}
	script_run(s, "s A");
}

static void test_overlap_policies(void **state)
{
	struct stream_settings set = settings_for(0);
	unsigned wrong = 0;
	for (size_t k = 0; k < sizeof policies / sizeof *policies; k++) {
		for (unsigned i = 0; i < sizeof overlaps / sizeof *overlaps; i++) {
			static struct script s;
			char want[10];
			script_begin(&s, &set, &flow_defaults);
			s.os = policies[k].os;
			overlap_run(&s, i);
			overlap_expect(i, policies[k].winner[i], want);
			if (strcmp(s.seen[0], want) != 0) {
				print_error("policy %d, overlap %u-%u: want %s, have %s\n", policies[k].os, overlaps[i].start, overlaps[i].end, want, s.seen[0]);
				wrong++;
			}
			script_finish(&s);
		}
	}
	assert_int_equal(wrong, 0);
	(void)state;
}

/* What has been seen stays as it was, whatever the policy. */
static void test_seen_is_final(void **state)
{
	struct stream_settings set = settings_for(0);
	static struct script s;
	script_begin(&s, &set, &flow_defaults);
	s.os = OS_LAST;
	script_run(&s, OPEN "c PA 'abcd'; s A a3; c PA @1 'WXYZ'; s A");
	assert_string_equal(s.seen[0], "abYZ");
	script_finish(&s);
	(void)state;
}

/* Inline, the packet itself is made to say what the first copy said, with a right checksum. */
static void test_inline_rewrites(void **state)
{
	struct stream_settings set = settings_for(INLINE | IPS);
	static struct script s;
	script_begin(&s, &set, &flow_defaults);
	script_run(&s, OPEN "c PA 'abc'; c PA @1 'xyzd'");
	assert_int_equal(s.modified, 1);
	assert_memory_equal(s.wire + 40, "abcd", 4);
	/* the script leaves the header zero: the sum is over addresses, protocol, length, and "abcd" */
	uint32_t sum = 0x0a00 + 1 + 0x0a00 + 2 + 6 + 24 + 0x6162 + 0x6364;
	assert_int_equal(load_be16(s.wire + 20 + 16), (uint16_t)~((sum & 0xffff) + (sum >> 16)));
	script_run(&s, "s A; c PA @1 'xyzd'");
	assert_string_equal(s.seen[0], "abcd");
	script_finish(&s);
	(void)state;
}

/* Tiny segments, all early, and the least at last: bounded in memory, and every byte once. */
static void test_flood_of_pieces(void **state)
{
	struct stream_settings set = settings_for(0);
	static struct script s;
	script_begin(&s, &set, &flow_defaults);
	script_run(&s, OPEN);
	char line[48];
	for (unsigned i = 0; i < 20000; i++) {
		snprintf(line, sizeof line, "c A @%u 'x'", 60000 - 3 * i > 60000 ? 2 : 60000 - 3 * i);
		script_run(&s, line);
	}
	assert_true(s.counters.value[COUNTER_TCP_REASSEMBLY_MEMUSE] <= 2 << 20);
	script_finish(&s);
	(void)state;
}

static void test_memcap(void **state)
{
	struct stream_settings set = settings_for(0);
	set.reassembly_memcap = 64 << 10;
	static struct script s;
	script_begin(&s, &set, &flow_defaults);
	script_run(&s, OPEN);
	for (unsigned i = 0; i < 60; i++)
		script_run(&s, "c A x1000");
	assert_true(s.counters.value[COUNTER_TCP_REASSEMBLY_MEMUSE] <= 64 << 10);
	assert_true(s.counters.value[COUNTER_TCP_SEGMENT_MEMCAP_DROP] > 0);
	script_finish(&s);
	set.memcap = 1;
	script_begin(&s, &set, &flow_defaults);
	script_run(&s, "c S");
	assert_int_equal(s.counters.value[COUNTER_TCP_SSN_MEMCAP_DROP], 1);
	assert_null(s.flow->tcp);
	script_finish(&s);
	(void)state;
}

static void test_raw(void **state)
{
	struct stream_settings set = settings_for(0);
	set.chunk_size[0] = 8;
	static struct script s;
	struct stream_chunk c;
	uint64_t fresh;
	script_begin(&s, &set, &flow_defaults);
	script_run(&s, OPEN);
	assert_false(stream_raw_next(s.streams, s.flow, &s.packet, 0, false, &c, &fresh)); /* from now on data is kept for it */
	script_run(&s, "c PA 'abcde'; s A");
	assert_false(stream_raw_next(s.streams, s.flow, &s.packet, 0, false, &c, &fresh)); /* not a chunk yet */
	stream_raw_trigger(s.flow, 0);
	script_run(&s, "c PA 'fg'");
	assert_true(stream_raw_next(s.streams, s.flow, &s.packet, 0, false, &c, &fresh));
	assert_int_equal(c.data.len, 5); /* "fg" is not acknowledged */
	assert_int_equal(fresh, 0);
	stream_raw_done(s.flow, 0, 5);
	script_run(&s, "s A; c PA 'hijklm'; s A");
	assert_true(stream_raw_next(s.streams, s.flow, &s.packet, 0, false, &c, &fresh));
	assert_int_equal(fresh, 5);
	assert_int_equal(c.offset + c.data.len, 13);
	assert_memory_equal(c.data.data + (fresh - c.offset), "fghijklm", 8);
	stream_raw_done(s.flow, 0, 13);
	uint8_t out[64];
	size_t n = stream_payload(s.streams, s.flow, 0, out, sizeof out);
	assert_int_equal(n, 13);
	assert_memory_equal(out, "abcdefghijklm", 13);
	stream_raw_stop(s.flow, 0);
	stream_app_stop(s.flow, 0);
	stream_prune(s.streams, s.flow);
	assert_int_equal(stream_payload(s.streams, s.flow, 0, out, sizeof out), 0);
	script_finish(&s);
	(void)state;
}

/* An app layer that waits for more gets all it has not taken, in one piece. */
static void test_partial_consumption(void **state)
{
	for (unsigned mode = 0; mode <= INLINE; mode++) {
		struct stream_settings set = settings_for(mode);
		static struct script s;
		struct stream_chunk c;
		script_begin(&s, &set, &flow_defaults);
		script_run(&s, OPEN);
		struct packet *p = script_packet(&s, 0);
		p->tcp.flags = TCP_ACK;
		p->tcp.seq = SCRIPT_ISN_CLIENT + 1;
		p->tcp.ack = SCRIPT_ISN_SERVER + 1;
		script_payload(&s, p, "abcd", 4);
		s.flow = flow_table_get(s.flows, p);
		stream_packet(s.streams, p);
		stream_prune(s.streams, s.flow);
		p = script_packet(&s, 0);
		p->tcp.flags = TCP_ACK;
		p->tcp.seq = SCRIPT_ISN_CLIENT + 5;
		p->tcp.ack = SCRIPT_ISN_SERVER + 1;
		script_payload(&s, p, "efgh", 4);
		s.flow = flow_table_get(s.flows, p);
		stream_packet(s.streams, p);
		s.flow->tcp->async = !mode; /* visible without an ACK */
		assert_true(stream_app_next(s.streams, s.flow, 0, false, &c));
		assert_int_equal(c.data.len, 8);
		assert_memory_equal(c.data.data, "abcdefgh", 8);
		assert_true(c.flags & STREAM_START);
		stream_app_consumed(s.streams, s.flow, 0, 3);
		stream_prune(s.streams, s.flow);
		memset(s.wire, 'z', 64); /* the packet is gone */
		script_run(&s, "c PA @9 'ij'; s A a11");
		assert_string_equal(s.seen[0], "defghij");
		script_finish(&s);
	}
	(void)state;
}

/* A packet of merged segments counts as they do, each with its 40 bytes of headers; what a queue did not copy of one is a gap. */
static void test_merged(void **state)
{
	struct stream_settings set = settings_for(INLINE);
	static struct script s;
	script_begin(&s, &set, &flow_defaults);
	script_run(&s, "c S m1000; s SA m1400; c A; c A gx2500");
	assert_int_equal(s.flow->side[0].packets, 2 + 3);
	assert_int_equal(s.flow->side[0].bytes, 2 * 40 + 3 * 40 + 2500);
	assert_int_equal(s.packet.flow_packet, 6);
	script_run(&s, "c A gx1000");
	assert_int_equal(s.flow->side[0].packets, 6);
	script_finish(&s);
	script_begin(&s, &set, &flow_defaults);
	script_run(&s, OPEN "c PA g'abc'k4; c PA 'hij'; s A");
	assert_string_equal(s.seen[0], "abc[4]hij");
	assert_string_equal(s.events, "reassembly_seq_gap");
	script_finish(&s);
	/* no SYN was seen: an Ethernet's size less headers */
	set.midstream = true;
	script_begin(&s, &set, &flow_defaults);
	script_run(&s, "c A gx3000; s A; c A gx3000");
	assert_int_equal(s.flow->side[0].packets, 6);
	assert_int_equal(stream_piece_size(&s.packet), 1460);
	script_run(&s, "s A; c A x700; s A; c A gx1500");
	assert_int_equal(s.flow->side[0].packets, 6 + 1 + 3);
	script_finish(&s);
	(void)state;
}

static void test_size(void **state)
{
	/* a promise of the design: a flow with its stream state in less than 600 bytes while nothing is buffered */
	assert_true(sizeof(struct flow) + sizeof(struct tcp_session) < 600);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_conversations), cmocka_unit_test(test_overlap_policies), cmocka_unit_test(test_seen_is_final),
		cmocka_unit_test(test_inline_rewrites), cmocka_unit_test(test_flood_of_pieces), cmocka_unit_test(test_memcap),
		cmocka_unit_test(test_raw), cmocka_unit_test(test_partial_consumption), cmocka_unit_test(test_merged), cmocka_unit_test(test_size),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
