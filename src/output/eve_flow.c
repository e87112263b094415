// SPDX-License-Identifier: GPL-2.0-or-later
/* Flow and netflow records, written when a flow ends. */
#include "output/eve.h"

#include <stdio.h>

static const char *const state_names[] = {"new", "established", "closed", "bypassed", "bypassed"};
static const char *const reason_names[] = {"timeout", "forced", "shutdown", "tcp_reuse"};

/* By enum flow_release. */
static const char *const release_names[] = {NULL, "policy", "rule", "depth", "person", "encrypted", "exception-policy"};

/* The silence of a flow that goes by in the kernel says nothing of its end. */
static const char *reason_of(const struct flow *f)
{
	return f->state == FLOW_CAPTURE_BYPASSED && f->end_reason == FLOW_END_TIMEOUT ? "released" : reason_names[f->end_reason];
}

static int64_t age_of(const struct flow *f)
{
	return f->last / USEC_PER_SEC - f->first / USEC_PER_SEC;
}

static void write_times(struct json *j, const struct flow *f)
{
	char when[40];
	clock_format_iso(f->first, when);
	json_string(j, "start", when);
	clock_format_iso(f->last, when);
	json_string(j, "end", when);
	json_int(j, "age", age_of(f));
}

/* What EVE calls the thing that made an exception policy act. */
static const char *exception_target(unsigned reason)
{
	switch (reason) {
	case DROP_STREAM_MIDSTREAM: return "stream_midstream";
	case DROP_STREAM_MEMCAP: return "stream_memcap";
	case DROP_STREAM_REASSEMBLY: return "stream_reassembly_memcap";
	case DROP_APPLAYER_ERROR: return "app_layer_error";
	case DROP_DEFRAG_MEMCAP: return "defrag_memcap";
	case DROP_FLOW_MEMCAP: return "flow_memcap";
	default: return NULL;
	}
}

void output_count_exceptions(struct counters *c, const struct flow *f)
{
	static const struct {
		enum drop_reason reason;
		enum counter first; /* of its policies */
	} rows[] = {
		{DROP_STREAM_MIDSTREAM, COUNTER_EXCEPTION_MIDSTREAM}, {DROP_STREAM_MEMCAP, COUNTER_EXCEPTION_SSN_MEMCAP},
		{DROP_STREAM_REASSEMBLY, COUNTER_EXCEPTION_REASSEMBLY}, {DROP_APPLAYER_ERROR, COUNTER_EXCEPTION_APP_ERROR},
	};
	if (f->exception_policy == EXCEPTION_IGNORE || f->exception_policy >= EXCEPTION_AUTO)
		return;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (f->exceptions >> rows[i].reason & 1)
			c->value[rows[i].first + f->exception_policy - EXCEPTION_DROP_FLOW]++;
}

/* EVE writes "drop_flow" where the configuration says "drop-flow". */
static const char *policy_text(unsigned policy, char out[32])
{
	const char *name = exception_policy_names[policy];
	size_t i = 0;
	for (; name[i] && i < 31; i++)
		out[i] = name[i] == '-' ? '_' : name[i];
	out[i] = 0;
	return out;
}

static void write_exceptions(struct json *j, const struct flow *f)
{
	if (!f->exceptions)
		return;
	char policy[32];
	json_open_array(j, "exception_policy");
	for (unsigned r = 0; r < DROP_REASON_N_; r++) {
		const char *target = f->exceptions >> r & 1 ? exception_target(r) : NULL;
		if (!target)
			continue;
		json_open(j, NULL);
		json_string(j, "target", target);
		json_string(j, "policy", policy_text(f->exception_policy, policy));
		json_close(j);
	}
	json_close_array(j);
}

static void write_flow(struct json *j, const struct flow *f, bool ips)
{
	json_open(j, "flow");
	json_uint(j, "pkts_toserver", f->side[0].packets);
	json_uint(j, "pkts_toclient", f->side[1].packets);
	json_uint(j, "bytes_toserver", f->side[0].bytes);
	json_uint(j, "bytes_toclient", f->side[1].bytes);
	write_times(j, f);
	if (f->flags & FLOW_ELEPHANT)
		json_bool(j, "elephant", true);
	if (f->state >= FLOW_BYPASSED)
		json_string(j, "bypass", f->state == FLOW_BYPASSED ? "local" : "capture");
	if (f->state >= FLOW_BYPASSED && f->released < sizeof release_names / sizeof *release_names && release_names[f->released])
		json_string(j, "released", release_names[f->released]);
	if (f->mark >= FLOW_MARK_SLOW)
		json_bool(j, "slowed", true);
	json_string(j, "state", state_names[f->state]);
	json_string(j, "reason", reason_of(f));
	json_bool(j, "alerted", f->flags & FLOW_ALERTED);
	if (f->flags & FLOW_ACTION_DROP)
		json_string(j, "action", "drop");
	else if (f->flags & FLOW_ACTION_ACCEPT)
		json_string(j, "action", "accept");
	else if (f->flags & FLOW_ACTION_PASS)
		json_string(j, "action", "pass");
	write_exceptions(j, f);
	if (f->tx_count)
		json_uint(j, "tx_cnt", f->tx_count);
	json_close(j);
	(void)ips;
}

static void write_tcp_flags(struct json *j, uint8_t flags)
{
	static const struct {
		uint8_t bit;
		const char *name;
	} names[] = {{TCP_SYN, "syn"}, {TCP_FIN, "fin"}, {TCP_RST, "rst"}, {TCP_PSH, "psh"}, {TCP_ACK, "ack"},
		     {TCP_URG, "urg"}, {TCP_ECE, "ecn"}, {TCP_CWR, "cwr"}};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (flags & names[i].bit)
			json_bool(j, names[i].name, true);
}

static void write_hex(struct json *j, const char *key, uint8_t value)
{
	char text[3];
	snprintf(text, sizeof text, "%02x", value);
	json_string(j, key, text);
}

static void write_tcp(struct json *j, const struct flow *f)
{
	const struct tcp_session *s = f->tcp;
	json_open(j, "tcp");
	write_hex(j, "tcp_flags", f->tcp_flags_all);
	write_hex(j, "tcp_flags_ts", f->tcp_flags[0]);
	write_hex(j, "tcp_flags_tc", f->tcp_flags[1]);
	write_tcp_flags(j, f->tcp_flags_all);
	if (f->tcp_state != TCP_NONE || s)
		json_string(j, "state", tcp_state_names[s ? s->state : f->tcp_state]);
	if (s) {
		if (s->side[0].gap)
			json_bool(j, "ts_gap", true);
		if (s->side[1].gap)
			json_bool(j, "tc_gap", true);
		json_uint(j, "ts_max_regions", s->side[0].max_regions ? s->side[0].max_regions : 1);
		json_uint(j, "tc_max_regions", s->side[1].max_regions ? s->side[1].max_regions : 1);
	}
	json_close(j);
}

void eve_flow(struct output_worker *w, const struct eve *e, struct flow *f, usec_t now)
{
	struct json j = eve_begin(w, e, NULL, f, "flow", EVE_AS_FLOW, UINT64_MAX, now);
	eve_app_proto(&j, f);
	write_flow(&j, f, w->outputs->context.ips);
	if (f->key.proto == PROTO_TCP)
		write_tcp(&j, f);
	eve_end(w, e, &j);
}

static void write_side(struct output_worker *w, const struct eve *e, struct flow *f, int direction, usec_t now)
{
	const struct flow_side *s = &f->side[direction];
	struct json j = eve_begin(w, e, NULL, f, "netflow", direction ? EVE_TO_CLIENT : EVE_TO_SERVER, UINT64_MAX, now);
	eve_app_proto(&j, f);
	json_open(&j, "netflow");
	json_uint(&j, "pkts", s->packets);
	json_uint(&j, "bytes", s->bytes);
	write_times(&j, f);
	json_uint(&j, "min_ttl", s->min_ttl);
	json_uint(&j, "max_ttl", s->max_ttl);
	if (f->tx_count)
		json_uint(&j, "tx_cnt", f->tx_count);
	json_close(&j);
	if (f->key.proto == PROTO_TCP) {
		json_open(&j, "tcp");
		write_hex(&j, "tcp_flags", f->tcp_flags[direction]);
		write_tcp_flags(&j, f->tcp_flags[direction]);
		json_close(&j);
	}
	eve_end(w, e, &j);
}

void eve_netflow(struct output_worker *w, const struct eve *e, struct flow *f, usec_t now)
{
	for (int d = 0; d < 2; d++)
		if (d == 0 || f->side[d].packets)
			write_side(w, e, f, d, now);
}
