// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Keywords on a packet's headers. A plain integer field is one row of `fields` (and one of keywords.c): name, width, how to get
 * it. The others have logic of their own.
 */
#include "detect/keywords.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* Fields: false where the packet has none. */
#define FIELD(name, when, value) static bool get_##name(const struct packet *p, uint64_t *out) { *out = (value); return (when); }
FIELD(ttl, p->ip_version, p->ttl)
FIELD(tos, p->ip_version == 4, p->ip4.tos)
FIELD(id, p->ip_version == 4, p->ip4.id)
FIELD(fragoffset, p->ip_version, p->ip_version == 4 ? p->ip4.frag_offset / 8u : p->ip6.frag_offset / 8u)
FIELD(seq, p->is_tcp, p->tcp.seq)
FIELD(ack, p->is_tcp, p->tcp.ack)
FIELD(window, p->is_tcp, p->tcp.window)
FIELD(mss, p->is_tcp && p->tcp.has_mss, p->tcp.mss)
FIELD(wscale, p->is_tcp && p->tcp.has_wscale, p->tcp.wscale)
FIELD(itype, p->is_icmp || p->is_icmp6, p->icmp.type)
FIELD(icode, p->is_icmp || p->is_icmp6, p->icmp.code)
FIELD(icmp_id, (p->is_icmp || p->is_icmp6) && p->icmp.has_id, p->icmp.id)
FIELD(icmp_seq, (p->is_icmp || p->is_icmp6) && p->icmp.has_id, p->icmp.seq)
FIELD(mtu, p->is_icmp6 && p->icmp.has_mtu, p->icmp.mtu)
FIELD(vlan_layers, true, p->n_vlans)

static const struct { const char *name; unsigned bits; bool (*get)(const struct packet *p, uint64_t *out); } fields[] = {
	{"ttl", 8, get_ttl}, {"tos", 8, get_tos}, {"id", 16, get_id}, {"fragoffset", 16, get_fragoffset}, {"tcp.seq", 32, get_seq}, {"seq", 32, get_seq},
	{"tcp.ack", 32, get_ack}, {"ack", 32, get_ack}, {"tcp.window", 16, get_window}, {"window", 16, get_window}, {"tcp.mss", 16, get_mss},
	{"tcp.wscale", 8, get_wscale}, {"itype", 8, get_itype}, {"icode", 8, get_icode}, {"icmp_id", 16, get_icmp_id}, {"icmp_seq", 16, get_icmp_seq},
	{"icmpv6.mtu", 32, get_mtu}, {"vlan.layers", 8, get_vlan_layers},
};

static bool field_holds(struct detect_scratch *s, const struct packet_test *t)
{
	uint64_t v;
	return fields[t->a].get(s->packet, &v) && number_test(t->data, v);
}

SETUP(packet_number)
{
	size_t i;
	bool negated;
	for (i = 0; i < sizeof fields / sizeof fields[0] && strcmp(fields[i].name, o->name) != 0; i++)
		;
	if (i == sizeof fields / sizeof fields[0])
		return error_set(error, ENOENT, "no field is called %s", o->name);
	struct number_test *n = builder_alloc(b, sizeof *n);
	char *quoted = builder_quoted(b, o->value, &negated);
	int rc = number_parse(quoted ? quoted : o->value, fields[i].bits, NULL, n, error);
	if (rc)
		return rc;
	struct packet_test *t = builder_test(b, field_holds);
	t->a = i;
	t->data = n;
	return 0;
}

/* flags:[+*!=]FSRPAUEC12 0[,mask] */

static int flags_letters(const char **s, uint8_t *out, struct error *error)
{
	static const struct { char letter; uint8_t bit; } letter[] = {{'F', TCP_FIN}, {'S', TCP_SYN}, {'R', TCP_RST}, {'P', TCP_PSH}, {'A', TCP_ACK}, {'U', TCP_URG},
		{'E', TCP_ECE}, {'C', TCP_CWR}, {'2', TCP_ECE}, {'1', TCP_CWR}, {'0', 0}};
	*out = 0;
	for (; **s && !strchr(",+*!=", **s); (*s)++) {
		size_t i;
		if (isspace((unsigned char)**s))
			continue;
		for (i = 0; i < sizeof letter / sizeof letter[0] && letter[i].letter != toupper((unsigned char)**s); i++)
			;
		if (i == sizeof letter / sizeof letter[0])
			return error_set(error, EINVAL, "“%c” is no TCP flag: F S R P A U E C 0", **s);
		*out |= letter[i].bit;
	}
	return 0;
}

static bool flags_hold(struct detect_scratch *s, const struct packet_test *t)
{
	if (!s->packet->is_tcp)
		return false;
	uint8_t want = (uint8_t)t->a, flags = s->packet->tcp.flags & (uint8_t)~(t->b & 0xff);
	switch (t->b >> 8) {
	case '+': return (flags & want) == want;
	case '*': return (flags & want) != 0;
	case '!': return (flags & want) != want;
	default: return flags == want;
	}
}

SETUP(flags)
{
	const char *s = o->value;
	uint8_t want, mask = 0, mode = '=';
	if (strchr("+*!=", *s))
		mode = (uint8_t)*s++;
	int rc = flags_letters(&s, &want, error);
	if (rc == 0 && strchr("+*!=", *s) && *s)
		mode = (uint8_t)*s++;
	if (rc == 0 && *s == ',') {
		s++;
		rc = flags_letters(&s, &mask, error);
	}
	if (rc || *s)
		return rc ? rc : error_set(error, EINVAL, "flags takes flags and, after a comma, flags to leave out of account");
	struct packet_test *t = builder_test(b, flags_hold);
	t->a = want;
	t->b = (uint64_t)mode << 8 | mask;
	return 0;
}

/* Options, protocol, fragment bits */

static bool ipopts_hold(struct detect_scratch *s, const struct packet_test *t)
{
	return s->packet->ip_version == 4 && (s->packet->ip4.options & t->a);
}

SETUP(ipopts)
{
	static const struct { const char *name; uint32_t mask; } names[] = {
		{"rr", 1u << IP4_OPT_RR}, {"lsrr", 1u << IP4_OPT_LSRR}, {"eol", 1u << IP4_OPT_EOL}, {"nop", 1u << IP4_OPT_NOP}, {"ts", 1u << IP4_OPT_TS},
		{"sec", 1u << IP4_OPT_SEC}, {"esec", 1u << IP4_OPT_ESEC}, {"ssrr", 1u << IP4_OPT_SSRR}, {"satid", 1u << IP4_OPT_SATID}, {"any", ~0u},
		{"rtralt", 1u << IP4_OPT_RTRALT}, {"cipso", 1u << IP4_OPT_CIPSO}, {"qs", 1u << IP4_OPT_QS},
	};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strcasecmp(names[i].name, o->value) == 0) {
			builder_test(b, ipopts_hold)->a = names[i].mask;
			return 0;
		}
	return error_set(error, EINVAL, "“%s” is no IP option that is known", o->value);
}

static bool ip_proto_holds(struct detect_scratch *s, const struct packet_test *t)
{
	return s->packet->ip_version && number_test(t->data, s->packet->proto);
}

SETUP(ip_proto)
{
	const char *s = o->value;
	struct number_test *n = builder_alloc(b, sizeof *n);
	char op = *s == '!' || *s == '<' || *s == '>' ? *s++ : '=';
	while (isspace((unsigned char)*s))
		s++;
	int named = isdigit((unsigned char)*s) ? -1 : packet_proto_find(s);
	char text[32];
	if (named < 0 && !isdigit((unsigned char)*s))
		return error_set(error, EINVAL, "“%s” is no IP protocol", s);
	snprintf(text, sizeof text, "%c%.20s", op, s);
	if (named >= 0)
		snprintf(text, sizeof text, "%c%d", op, named);
	builder_test(b, ip_proto_holds)->data = n;
	return number_parse(text, 8, NULL, n, error);
}

static bool sameip_holds(struct detect_scratch *s, const struct packet_test *t)
{
	return s->packet->src.family && address_equal(&s->packet->src, &s->packet->dst);
}

SETUP(sameip)
{
	builder_test(b, sameip_holds);
	return 0;
}

enum { FRAG_M = 1, FRAG_D = 2, FRAG_R = 4 };

static bool fragbits_hold(struct detect_scratch *s, const struct packet_test *t)
{
	const struct packet *p = s->packet;
	if (p->ip_version != 4)
		return false;
	unsigned have = (p->ip4.mf ? FRAG_M : 0) | (p->ip4.df ? FRAG_D : 0) | (p->ip4.rf ? FRAG_R : 0), want = (unsigned)t->a;
	switch (t->b) {
	case '+': return (have & want) == want;
	case '*': return (have & want) != 0;
	case '!': return (have & want) != want;
	default: return have == want;
	}
}

SETUP(fragbits)
{
	unsigned want = 0;
	char mode = '=';
	for (const char *s = o->value; *s; s++) {
		char c = (char)toupper((unsigned char)*s);
		if (strchr("+*!", c))
			mode = c;
		else if (strchr("MDR", c))
			want |= c == 'M' ? FRAG_M : c == 'D' ? FRAG_D : FRAG_R;
		else if (!isspace((unsigned char)c))
			return error_set(error, EINVAL, "“%c” is no fragment bit: M D R", *s);
	}
	struct packet_test *t = builder_test(b, fragbits_hold);
	t->a = want;
	t->b = (uint64_t)mode;
	return 0;
}

/* Checksums */

static bool csum_holds(struct detect_scratch *s, const struct packet_test *t)
{
	const struct packet *p = s->packet;
	bool ok;
	switch (t->a) {
	case 0: if (p->ip_version != 4) return false; ok = packet_checksum_ip_ok(p); break;
	case 1: if (p->ip_version != t->b >> 1 || !p->is_tcp) return false; ok = packet_checksum_transport_ok(p); break;
	case 2: if (p->ip_version != t->b >> 1 || !p->is_udp) return false; ok = packet_checksum_transport_ok(p); break;
	case 3: if (!p->is_icmp) return false; ok = packet_checksum_transport_ok(p); break;
	default: if (!p->is_icmp6) return false; ok = packet_checksum_transport_ok(p); break;
	}
	return ok == (t->b & 1);
}

SETUP(csum)
{
	static const struct { const char *name; uint8_t what, version; } names[] = {{"ipv4-csum", 0, 4}, {"tcpv4-csum", 1, 4},
		{"tcpv6-csum", 1, 6}, {"udpv4-csum", 2, 4}, {"udpv6-csum", 2, 6},
		{"icmpv4-csum", 3, 4}, {"icmpv6-csum", 4, 6}};
	bool negated;
	const char *quoted = builder_quoted(b, o->value, &negated), *text = quoted ? quoted : o->value;
	bool valid = strcasecmp(text, "valid") == 0;
	if (!valid && strcasecmp(text, "invalid") != 0)
		return error_set(error, EINVAL, "a checksum is valid or invalid");
	struct packet_test *t = builder_test(b, csum_holds);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strcmp(names[i].name, o->name) == 0) {
			t->a = names[i].what;
			t->b = (uint64_t)names[i].version << 1 | valid;
		}
	return 0;
}

/* vlan.id:N[,layer|any|all] */

static bool vlan_id_holds(struct detect_scratch *s, const struct packet_test *t)
{
	const struct packet *p = s->packet;
	int layer = (int)(int64_t)t->a;
	unsigned n = p->n_vlans < PACKET_MAX_VLANS ? p->n_vlans : PACKET_MAX_VLANS, hits = 0;
	for (unsigned i = 0; i < n; i++)
		hits += number_test(t->data, p->vlan[i]);
	if (t->b)
		return t->b == 1 ? hits > 0 : n > 0 && hits == n;
	layer = layer < 0 ? (int)n + layer : layer;
	return layer >= 0 && layer < (int)n && number_test(t->data, p->vlan[layer]);
}

SETUP(vlan_id)
{
	char *f[2];
	unsigned n = builder_fields(b, o->value, ',', f, 2);
	struct packet_test *t = builder_test(b, vlan_id_holds);
	struct number_test *number = builder_alloc(b, sizeof *number);
	t->data = number;
	t->b = n == 1 || strcmp(f[1], "any") == 0 ? 1 : strcmp(f[1], "all") == 0 ? 2 : 0;
	if (t->b == 0) {
		struct step_number v;
		int rc = builder_number(b, f[1], -PACKET_MAX_VLANS, PACKET_MAX_VLANS - 1, &v, error);
		if (rc || v.var >= 0)
			return rc ? rc : -EINVAL;
		t->a = (uint64_t)v.value;
	}
	int rc = number_parse(f[0], 16, NULL, number, error);
	if (rc == 0 && number->mode <= NUMBER_NE && (number->a > 4094))
		return error_set(error, EINVAL, "VLAN ids are below 4095");
	return rc;
}

/* Events */

static bool event_holds(struct detect_scratch *s, const struct packet_test *t)
{
	return packet_has_event(s->packet, (enum packet_event)t->a);
}

static int event_add(struct builder *b, const char *name, struct error *error)
{
	enum packet_event e = packet_event_find(bytes_of_string(name));
	if (e == EVENT_N_)
		return error_set(error, EINVAL, "there is no event “%s”", name);
	builder_test(b, event_holds)->a = e;
	return 0;
}

SETUP(decode_event)
{
	return event_add(b, o->value, error);
}

SETUP(stream_event)
{
	char name[128];
	snprintf(name, sizeof name, "stream.%s", o->value);
	return event_add(b, name, error);
}

/* Buffers of headers */

static size_t header_len(const struct packet *p, unsigned buffer)
{
	switch (buffer) {
	case BUFFER_IP4_HDR: return p->ip_version == 4 ? p->ip4.header_len : 0;
	case BUFFER_IP6_HDR: return p->ip_version == 6 ? 40u + p->ip6.ext_len : 0;
	case BUFFER_TCP_HDR: return p->is_tcp ? p->tcp.header_len : 0;
	case BUFFER_UDP_HDR: return p->is_udp ? 8 : 0;
	case BUFFER_ICMP4_HDR: return p->is_icmp ? p->transport.len - p->payload.len : 0;
	case BUFFER_ICMP6_HDR: return p->is_icmp6 ? p->transport.len - p->payload.len : 0;
	default: return 0;
	}
}

bool packet_buffer(const struct packet *p, unsigned buffer, struct bytes *out)
{
	if (buffer == BUFFER_PAYLOAD) {
		*out = p->payload;
		return p->payload.len > 0;
	}
	if (buffer == BUFFER_IP_SRC || buffer == BUFFER_IP_DST) {
		const struct address *a = buffer == BUFFER_IP_SRC ? &p->src : &p->dst;
		*out = (struct bytes){a->byte, address_len(a)};
		return out->len > 0;
	}
	*out = bytes_slice(buffer == BUFFER_IP4_HDR || buffer == BUFFER_IP6_HDR ? p->ip : p->transport, 0, header_len(p, buffer));
	return out->len > 0;
}

SETUP(header_buffer)
{
	static const struct { const char *name; unsigned buffer; } names[] = {{"ipv4.hdr", BUFFER_IP4_HDR}, {"ipv6.hdr", BUFFER_IP6_HDR}, {"tcp.hdr", BUFFER_TCP_HDR},
		{"udp.hdr", BUFFER_UDP_HDR}, {"icmpv4.hdr", BUFFER_ICMP4_HDR}, {"icmpv6.hdr", BUFFER_ICMP6_HDR},
		{"ip.src", BUFFER_IP_SRC}, {"ip.dst", BUFFER_IP_DST}};
	int rc = builder_used(b, error);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strcmp(names[i].name, o->name) == 0)
			builder_choose(b, names[i].buffer);
	b->last = NULL;
	return rc;
}
