// SPDX-License-Identifier: GPL-2.0-or-later
/* What flows are told from outside: settings, exception policies; and what they tell: community id. */
#include "flow/flow.h"

#include "flow/flow_table.h"
#include "flow/stream.h"

#include <nettle/base64.h>
#include <nettle/sha1.h>
#include <stdlib.h>
#include <string.h>

const char *const exception_policy_names[] = {"ignore", "drop-flow", "pass-flow", "bypass", "drop-packet", "pass-packet", "reject",
					      "rejectboth", "auto", NULL};

static void pass_packet(struct packet *p)
{
	p->flags |= PACKET_NO_INSPECT | PACKET_NO_PAYLOAD_INSPECT;
	p->action |= ACTION_PASS;
}

static void drop_with_flow(struct packet *p, struct flow *f, enum drop_reason reason)
{
	if (p)
		packet_drop(p, reason);
	if (f && !(f->flags & FLOW_ACTION_DROP)) {
		f->flags |= FLOW_ACTION_DROP | FLOW_NO_PACKET_INSPECT | FLOW_NO_PAYLOAD_INSPECT;
		f->drop_reason = (uint8_t)reason;
	}
}

void exception_policy_apply(enum exception_policy policy, struct packet *p, struct flow *f, enum drop_reason reason)
{
	if (f) { /* what was met is told even if the policy is to ignore it */
		if (policy != EXCEPTION_IGNORE)
			f->flags |= FLOW_EXCEPTION;
		f->exception_policy = (uint8_t)policy;
		f->exceptions |= 1u << reason;
	}
	switch (policy) {
	case EXCEPTION_REJECT:
	case EXCEPTION_REJECT_BOTH:
		if (p)
			p->action |= policy == EXCEPTION_REJECT ? ACTION_REJECT : ACTION_REJECT_BOTH;
		drop_with_flow(p, f, reason);
		break;
	case EXCEPTION_DROP_FLOW:
		drop_with_flow(p, f, reason);
		break;
	case EXCEPTION_DROP_PACKET:
		if (p)
			packet_drop(p, reason);
		break;
	case EXCEPTION_BYPASS:
		if (f && !f->released)
			f->released = FLOW_RELEASED_EXCEPTION;
		if (p)
			pass_packet(p);
		break;
	case EXCEPTION_PASS_FLOW:
		if (f)
			f->flags |= FLOW_ACTION_PASS | FLOW_NO_PACKET_INSPECT | FLOW_NO_PAYLOAD_INSPECT;
		if (p)
			pass_packet(p);
		break;
	case EXCEPTION_PASS_PACKET:
		if (p)
			pass_packet(p);
		break;
	case EXCEPTION_IGNORE:
	case EXCEPTION_AUTO:
		break;
	}
}

int exception_policy_read(struct conf *conf, const char *key, bool ips, bool of_packets, int *out, struct error *error)
{
	int all = EXCEPTION_AUTO, own = -1;
	const struct setting rows[] = {
		{"exception-policy", SETTING_ENUM, 0, "auto", exception_policy_names, 0, 0, "policy where a module has none of its own"},
	};
	const struct setting row = {key, SETTING_ENUM, 0, NULL, exception_policy_names, 0, 0, "what to do when its limit is reached"};
	int rc = settings_read(rows, 1, conf, &all, error);
	if (rc == 0)
		rc = settings_read(&row, 1, conf, &own, error);
	if (rc)
		return rc;
	int policy = own >= 0 ? own : all;
	if (policy == EXCEPTION_AUTO)
		policy = ips ? EXCEPTION_DROP_FLOW : EXCEPTION_IGNORE;
	/* nothing can be dropped by one who only listens; rejecting and passing still make sense */
	if (!ips && (policy == EXCEPTION_DROP_FLOW || policy == EXCEPTION_DROP_PACKET))
		policy = EXCEPTION_IGNORE;
	/* where no flow is at hand, what is meant for the flow goes to the packet */
	if (of_packets && policy == EXCEPTION_DROP_FLOW)
		policy = EXCEPTION_DROP_PACKET;
	if (of_packets && policy == EXCEPTION_PASS_FLOW)
		policy = EXCEPTION_PASS_PACKET;
	if (of_packets && policy == EXCEPTION_BYPASS)
		policy = own >= 0 ? EXCEPTION_IGNORE : EXCEPTION_PASS_PACKET;
	*out = policy;
	return 0;
}

#define TIMEOUT(key, table, proto, state, text, words)                                                                                     \
	{"flow-timeouts." key, SETTING_U32, offsetof(struct flow_settings, table[proto][state]), text, NULL, 0, 100000000, words}
#define TIMEOUTS(name, proto, n, e, c, b, en, ee, ec, eb)                                                                                  \
	TIMEOUT(name ".new", timeout, proto, FLOW_NEW, n, "seconds a flow may be silent: not answered yet"),                               \
	TIMEOUT(name ".established", timeout, proto, FLOW_ESTABLISHED, e, "seconds: established"),                                         \
	TIMEOUT(name ".closed", timeout, proto, FLOW_CLOSED, c, "seconds: closed"),                                                        \
	TIMEOUT(name ".bypassed", timeout, proto, FLOW_BYPASSED, b, "seconds: bypassed"),                                                  \
	TIMEOUT(name ".emergency-new", emergency_timeout, proto, FLOW_NEW, en, "seconds when the memcap is reached: not answered yet"),    \
	TIMEOUT(name ".emergency-established", emergency_timeout, proto, FLOW_ESTABLISHED, ee, "the same: established"),                   \
	TIMEOUT(name ".emergency-closed", emergency_timeout, proto, FLOW_CLOSED, ec, "the same: closed"),                                  \
	TIMEOUT(name ".emergency-bypassed", emergency_timeout, proto, FLOW_BYPASSED, eb, "the same: bypassed")

static const struct setting flow_rows[] = {
	{"flow.memcap", SETTING_SIZE, offsetof(struct flow_settings, memcap), "32mb", NULL, 0, 0, "most memory of the flow table"},
	{"flow.hash-size", SETTING_U32, offsetof(struct flow_settings, hash_size), "65536", NULL, 1, 1u << 28, "rows of the hash table"},
	{"flow.prealloc", SETTING_U32, offsetof(struct flow_settings, prealloc), "10000", NULL, 0, 0, "flows made at start"},
	{"flow.emergency-recovery", SETTING_U32, offsetof(struct flow_settings, emergency_recovery), "30", NULL, 1, 100,
	 "percent of the memcap that must be free again to end the emergency"},
	{"flow.rate-tracking.bytes", SETTING_SIZE, offsetof(struct flow_settings, elephant_bytes), "0", NULL, 0, 0,
	 "bytes within the interval that make a flow an elephant"},
	{"flow.rate-tracking.interval", SETTING_U32, offsetof(struct flow_settings, elephant_seconds), "10", NULL, 1, 0, "that interval, seconds"},
	{"vlan.use-for-tracking", SETTING_BOOL, offsetof(struct flow_settings, vlan_use_for_tracking), "yes", NULL, 0, 0,
	 "VLANs tell flows apart"},
	{"decoder.recursion-level.use-for-tracking", SETTING_BOOL, offsetof(struct flow_settings, recursion_use_for_tracking), "yes", NULL, 0,
	 0, "the depth of tunnels tells flows apart"},
	TIMEOUTS("default", FLOW_TIMEOUT_DEFAULT, "30", "300", "0", "100", "10", "100", "0", "50"),
	TIMEOUTS("tcp", FLOW_TIMEOUT_TCP, "60", "3600", "120", "100", "10", "300", "20", "50"),
	TIMEOUTS("udp", FLOW_TIMEOUT_UDP, "30", "300", "0", "100", "10", "100", "0", "50"),
	TIMEOUTS("icmp", FLOW_TIMEOUT_ICMP, "30", "300", "0", "100", "10", "100", "0", "50"),
};

int flow_settings_read(struct flow_settings *s, struct conf *conf, bool ips, struct error *error)
{
	*s = (struct flow_settings){0};
	int rc = settings_read(flow_rows, sizeof flow_rows / sizeof *flow_rows, conf, s, error);
	if (rc)
		return rc;
	for (unsigned i = 0; i < FLOW_TIMEOUT_N_; i++)
		s->timeout[i][FLOW_CAPTURE_BYPASSED] = s->timeout[i][FLOW_BYPASSED],
		s->emergency_timeout[i][FLOW_CAPTURE_BYPASSED] = s->emergency_timeout[i][FLOW_BYPASSED];
	return exception_policy_read(conf, "flow.memcap-policy", ips, true, &s->memcap_policy, error);
}

void flow_swap(struct flow *f)
{
	struct flow_key *k = &f->key;
	struct address a = k->src;
	k->src = k->dst;
	k->dst = a;
	uint16_t port = k->sport;
	k->sport = k->dport;
	k->dport = port;
	struct flow_side side = f->side[0];
	f->side[0] = f->side[1];
	f->side[1] = side;
	uint8_t flags = f->tcp_flags[0];
	f->tcp_flags[0] = f->tcp_flags[1];
	f->tcp_flags[1] = flags;
	uint8_t ether[6];
	memcpy(ether, f->ether_client, 6);
	memcpy(f->ether_client, f->ether_server, 6);
	memcpy(f->ether_server, ether, 6);
	static const uint32_t pair[][2] = {
		{FLOW_TO_SERVER_SEEN, FLOW_TO_CLIENT_SEEN}, {FLOW_IP_ONLY_TO_SERVER, FLOW_IP_ONLY_TO_CLIENT},
		{FLOW_GROUPS_TO_SERVER, FLOW_GROUPS_TO_CLIENT}, {FLOW_PD_ONLY_TO_SERVER, FLOW_PD_ONLY_TO_CLIENT},
		{FLOW_WAS_DROP_LOGGED_TS, FLOW_WAS_DROP_LOGGED_TC},
	};
	uint32_t was = f->flags;
	for (size_t i = 0; i < sizeof pair / sizeof *pair; i++) {
		f->flags &= ~(pair[i][0] | pair[i][1]);
		f->flags |= (was & pair[i][0] ? pair[i][1] : 0) | (was & pair[i][1] ? pair[i][0] : 0);
	}
	f->flags ^= FLOW_SWAPPED;
	if (f->tcp)
		stream_swap(f->tcp);
}

static bool icmp_pair(uint8_t proto, uint16_t type, uint16_t *answer)
{
	/* requests and their answers: RFC 792, 950, 1256; RFC 4443, 2710, 4861, 4620, 3810 */
	static const uint8_t v4[][2] = {{8, 0}, {13, 14}, {15, 16}, {17, 18}, {10, 9}};
	static const uint8_t v6[][2] = {{128, 129}, {133, 134}, {135, 136}, {130, 131}, {139, 140}, {144, 145}};
	const uint8_t (*pairs)[2] = proto == PROTO_ICMP ? v4 : v6;
	size_t n = proto == PROTO_ICMP ? sizeof v4 / sizeof *v4 : sizeof v6 / sizeof *v6;
	for (size_t i = 0; i < n; i++) {
		if (pairs[i][0] == type || pairs[i][1] == type) {
			*answer = pairs[i][pairs[i][0] == type];
			return true;
		}
	}
	return false;
}

uint16_t icmp_counterpart(uint8_t proto, uint8_t type, uint8_t code)
{
	uint16_t answer;
	return icmp_pair(proto, type, &answer) ? answer : code;
}

/* Whether the community id keeps the order: the lesser endpoint comes first, but for ICMP messages that have no counterpart. */
static bool community_in_order(const struct address *src, const struct address *dst, uint16_t sport, uint16_t dport, bool one_way)
{
	int c = memcmp(src->byte, dst->byte, address_len(src));
	return one_way || c < 0 || (c == 0 && sport <= dport);
}

void flow_community_id(const struct address *src, const struct address *dst, uint16_t sport, uint16_t dport, uint8_t proto, uint16_t seed,
		       char out[40])
{
	bool icmp = proto == PROTO_ICMP || proto == PROTO_ICMPV6;
	uint16_t answer;
	bool one_way = icmp && !icmp_pair(proto, sport, &answer);
	if (icmp && !one_way)
		dport = answer;
	if (!community_in_order(src, dst, sport, dport, one_way)) {
		const struct address *a = src;
		src = dst;
		dst = a;
		uint16_t port = sport;
		sport = dport;
		dport = port;
	}
	uint8_t text[2 + 16 + 16 + 2 + 4], digest[SHA1_DIGEST_SIZE];
	size_t n = 0, len = address_len(src);
	store_be16(text, seed);
	n += 2;
	memcpy(text + n, src->byte, len);
	n += len;
	memcpy(text + n, dst->byte, len);
	n += len;
	text[n++] = proto;
	text[n++] = 0;
	if (icmp || proto == PROTO_TCP || proto == PROTO_UDP || proto == PROTO_SCTP) {
		store_be16(text + n, sport);
		store_be16(text + n + 2, dport);
		n += 4;
	}
	struct sha1_ctx sha;
	sha1_init(&sha);
	sha1_update(&sha, n, text);
	sha1_digest(&sha, sizeof digest, digest);
	memcpy(out, "1:", 2);
	base64_encode_raw(out + 2, sizeof digest, digest);
	out[2 + BASE64_ENCODE_RAW_LENGTH(SHA1_DIGEST_SIZE)] = 0;
}
