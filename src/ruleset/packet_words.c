// SPDX-License-Identifier: GPL-2.0-or-later
#include "ruleset/packet_words.h"

#include <ctype.h>
#include <errno.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "packet/packet.h"

struct words {
	const char *text, *at;
	char word[80]; /* the present one */
	size_t column; /* where it begins, from 1 */
	struct packet_words *out;
	struct error *error;
};

static int wrong(struct words *w, const char *what)
{
	int rc = *w->word ? error_set(w->error, EINVAL, "column %zu: '%s': %s", w->column, w->word, what)
			  : error_set(w->error, EINVAL, "column %zu: %s", w->column, what);
	if (w->error)
		w->error->column = (int)w->column;
	return rc;
}

/* The next word, of what stands between blanks and commas; false: there is none. '>' stands alone. */
static bool next(struct words *w)
{
	while (isspace((unsigned char)*w->at) || *w->at == ',')
		w->at++;
	w->column = (size_t)(w->at - w->text) + 1;
	size_t n = 0;
	if (*w->at == '>') {
		w->word[n++] = *w->at++;
	} else {
		while (*w->at && *w->at != ',' && *w->at != '>' && !isspace((unsigned char)*w->at) && n < sizeof w->word - 1)
			w->word[n++] = *w->at++;
	}
	w->word[n] = 0;
	return n > 0;
}

static int number(struct words *w, uint64_t max, uint64_t *out)
{
	if (!next(w))
		return wrong(w, "a number is missing here");
	char *end;
	errno = 0;
	unsigned long long v = strtoull(w->word, &end, 0);
	if (*end || end == w->word || errno || *w->word == '-')
		return wrong(w, "a number was expected");
	if (v > max)
		return wrong(w, "too large a number");
	*out = v;
	return 0;
}

#define NUMBER(field, max)                                                                                                                                 \
	do {                                                                                                                                               \
		uint64_t v_;                                                                                                                               \
		int rc_ = number(w, max, &v_);                                                                                                             \
		if (rc_)                                                                                                                                   \
			return rc_;                                                                                                                        \
		w->out->field = (typeof(w->out->field))v_;                                                                                                 \
		w->out->has_##field = true;                                                                                                                \
	} while (0)

static int set_family(struct words *w, uint8_t family)
{
	if (w->out->family && w->out->family != family)
		return wrong(w, "IPv4 and IPv6 do not mix in one packet");
	w->out->family = family;
	return 0;
}

/* "192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]:80"; port NULL: none may be there */
static int address(struct words *w, struct address *out, uint16_t *port, bool *has_port)
{
	const char *text = w->word, *end = text + strlen(text), *colon = NULL;
	if (*text == '[') {
		const char *close = strchr(text, ']');
		if (!close)
			return wrong(w, "the bracket is not closed");
		colon = close[1] == ':' ? close + 1 : NULL;
		if (close[1] && !colon)
			return wrong(w, "':' and a port were expected after the bracket");
		text++;
		end = close;
	} else if (strchr(text, '.') && (colon = strchr(text, ':'))) {
		end = colon;
	}
	if (!address_parse(bytes_of(text, (size_t)(end - text)), out))
		return wrong(w, "an IP address was expected");
	int rc = set_family(w, out->family);
	if (rc || !colon)
		return rc;
	char *rest;
	unsigned long v = strtoul(colon + 1, &rest, 10);
	if (!port || *rest || rest == colon + 1 || v > 65535)
		return wrong(w, port ? "after ':' stands a port, 0-65535" : "no port is possible here");
	*port = (uint16_t)v;
	*has_port = true;
	return 0;
}

static int next_address(struct words *w, struct address *out)
{
	return next(w) ? address(w, out, NULL, NULL) : wrong(w, "an address is missing here");
}

static int ether(struct words *w, uint8_t out[6], bool *has)
{
	unsigned b[6];
	char more;
	if (!next(w))
		return wrong(w, "a hardware address is missing here");
	if (sscanf(w->word, "%2x:%2x:%2x:%2x:%2x:%2x%c", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5], &more) != 6)
		return wrong(w, "a hardware address was expected, as 02:00:00:00:00:01");
	for (int i = 0; i < 6; i++)
		out[i] = (uint8_t)b[i];
	*has = true;
	return 0;
}

static int device(struct words *w, char out[PACKET_NAME])
{
	if (!next(w))
		return wrong(w, "the name of an interface is missing here");
	if (strlen(w->word) >= PACKET_NAME)
		return wrong(w, "too long for the name of an interface");
	strcpy(out, w->word);
	return 0;
}

static const struct flag_name {
	const char *name;
	uint32_t value;
} tcp_flags[] = {{"fin", TCP_FIN}, {"syn", TCP_SYN}, {"rst", TCP_RST}, {"psh", TCP_PSH}, {"ack", TCP_ACK}, {"urg", TCP_URG}, {"ecn", TCP_ECE}, {"cwr", TCP_CWR}, {0}},
  states[] = {{"new", 8}, {"established", 2}, {"related", 4}, {"invalid", 1}, {"untracked", 64}, {0}},
  icmp_types[] = {{"echo-reply", 0}, {"echo-request", 8}, {"destination-unreachable", 3}, {"time-exceeded", 11}, {"redirect", 5}, {0}},
  icmpv6_types[] = {{"echo-request", 128}, {"echo-reply", 129}, {"destination-unreachable", 1}, {"packet-too-big", 2}, {"time-exceeded", 3},
		    {"nd-router-solicit", 133}, {"nd-router-advert", 134}, {"nd-neighbor-solicit", 135}, {"nd-neighbor-advert", 136}, {0}},
  arp_types[] = {{"request", 1}, {"reply", 2}, {0}};

static const struct flag_name *find_name(const struct flag_name *table, const char *word)
{
	for (; table->name; table++)
		if (strcmp(table->name, word) == 0)
			return table;
	return NULL;
}

static int ct_state(struct words *w)
{
	if (!next(w) || (strcmp(w->word, "state") == 0 && !next(w)))
		return wrong(w, "after 'ct' stands a state: new, established, related, invalid, untracked");
	const struct flag_name *s = find_name(states, w->word);
	if (!s)
		return wrong(w, "no state of a connection: new, established, related, invalid, untracked");
	w->out->ct_state |= s->value;
	w->out->has_ct_state = true;
	return 0;
}

static int raw(struct words *w, uint8_t kind)
{
	struct packet_words *o = w->out;
	o->kind = kind;
	while (isspace((unsigned char)*w->at))
		w->at++;
	for (; *w->at && *w->at != ','; w->at++) {
		int high, low;
		if (isspace((unsigned char)*w->at) || *w->at == ':')
			continue;
		high = isxdigit((unsigned char)w->at[0]), low = high && isxdigit((unsigned char)w->at[1]);
		w->column = (size_t)(w->at - w->text) + 1;
		*w->word = 0;
		if (!low)
			return wrong(w, "two hexadecimal digits were expected");
		if (o->raw_len == PACKET_RAW_MAX)
			return wrong(w, "too long a packet");
		char digits[3] = {w->at[0], w->at[1], 0};
		o->raw[o->raw_len++] = (uint8_t)strtoul(digits, NULL, 16);
		w->at++;
	}
	return o->raw_len ? 0 : wrong(w, "the bytes of the packet are missing here");
}

/* Names of protocols that begin a description. */
static const struct proto_word {
	const char *name;
	int proto;
	uint8_t family, kind;
} protos[] = {
	{"tcp", 6, 0, 0}, {"udp", 17, 0, 0}, {"icmp", 1, 4, 0}, {"icmpv6", 58, 6, 0}, {"sctp", 132, 0, 0}, {"udplite", 136, 0, 0}, {"dccp", 33, 0, 0}, {"gre", 47, 0, 0},
	{"esp", 50, 0, 0}, {"ip", -1, 4, 0}, {"ip6", -1, 6, 0}, {"arp", -1, 4, PACKET_WORDS_ARP}, {0},
};

/* true: it was the name of a protocol */
static bool proto(struct words *w, int *rc)
{
	for (const struct proto_word *p = protos; p->name; p++) {
		if (strcmp(p->name, w->word))
			continue;
		if (p->family && (*rc = set_family(w, p->family)))
			return true;
		w->out->kind = p->kind;
		if (p->proto >= 0) {
			w->out->proto = (uint8_t)p->proto;
			w->out->has_proto = true;
		}
		return true;
	}
	return false;
}

static int proto_number(struct words *w)
{
	if (!next(w))
		return wrong(w, "a protocol is missing here");
	int n = packet_proto_find(w->word);
	char *end;
	unsigned long v = strtoul(w->word, &end, 10);
	if (n < 0 && (*end || v > 255))
		return wrong(w, "no protocol");
	w->out->proto = (uint8_t)(n >= 0 ? n : (int)v);
	w->out->has_proto = true;
	return 0;
}

static int key_address(struct words *w, bool *known)
{
	struct packet_words *o = w->out;
	*known = true;
	if (strcmp(w->word, "saddr") == 0)
		return next_address(w, &o->src);
	if (strcmp(w->word, "daddr") == 0)
		return next_address(w, &o->dst);
	if (strcmp(w->word, "ether") == 0) {
		if (!next(w) || (strcmp(w->word, "saddr") && strcmp(w->word, "daddr")))
			return wrong(w, "after 'ether' stands saddr or daddr");
		bool src = *w->word == 's';
		return ether(w, src ? o->ether_src : o->ether_dst, src ? &o->has_ether_src : &o->has_ether_dst);
	}
	if (strcmp(w->word, "iif") == 0 || strcmp(w->word, "iifname") == 0)
		return device(w, o->iif);
	if (strcmp(w->word, "oif") == 0 || strcmp(w->word, "oifname") == 0)
		return device(w, o->oif);
	if (strcmp(w->word, "ct") == 0)
		return ct_state(w);
	*known = false;
	return 0;
}

static int key_number(struct words *w, bool *known)
{
	const char *k = w->word;
	*known = true;
	if (strcmp(k, "sport") == 0)
		NUMBER(sport, 65535);
	else if (strcmp(k, "dport") == 0)
		NUMBER(dport, 65535);
	else if (strcmp(k, "type") == 0)
		NUMBER(type, 255);
	else if (strcmp(k, "code") == 0)
		NUMBER(code, 255);
	else if (strcmp(k, "id") == 0)
		NUMBER(id, 65535);
	else if (strcmp(k, "ttl") == 0 || strcmp(k, "hoplimit") == 0)
		NUMBER(ttl, 255);
	else if (strcmp(k, "tos") == 0)
		NUMBER(tos, 255);
	else if (strcmp(k, "mark") == 0)
		NUMBER(mark, UINT32_MAX);
	else if (strcmp(k, "length") == 0 || strcmp(k, "len") == 0)
		NUMBER(length, 65535);
	else if (strcmp(k, "vlan") == 0)
		NUMBER(vlan, 4095);
	else if (strcmp(k, "seq") == 0)
		NUMBER(seq, UINT32_MAX);
	else if (strcmp(k, "window") == 0)
		NUMBER(window, 65535);
	else if (strcmp(k, "mss") == 0)
		NUMBER(mss, 65535);
	else if (strcmp(k, "skuid") == 0)
		NUMBER(skuid, UINT32_MAX);
	else if (strcmp(k, "skgid") == 0)
		NUMBER(skgid, UINT32_MAX);
	else if (strcmp(k, "ackno") == 0)
		NUMBER(ack, UINT32_MAX);
	else
		*known = false;
	return 0;
}

/* "at 1.5": seconds */
static int moment(struct words *w)
{
	char *end;
	if (!next(w))
		return wrong(w, "a time in seconds is missing here");
	double v = strtod(w->word, &end);
	if (*end || end == w->word || !(v >= 0 && v < 1e9))
		return wrong(w, "a time in seconds was expected");
	w->out->at = (usec_t)(v * 1e6);
	w->out->has_at = true;
	return 0;
}

/* Flags of TCP, also joined by '|' or '+': "syn", "syn|ack"; kinds of ICMP and ARP. */
static bool named(struct words *w)
{
	struct packet_words *o = w->out;
	const struct flag_name *types = o->kind == PACKET_WORDS_ARP ? arp_types : o->proto == 58 ? icmpv6_types : icmp_types;
	const struct flag_name *type = o->kind == PACKET_WORDS_ARP || o->proto == 1 || o->proto == 58 ? find_name(types, w->word) : NULL;
	if (type) {
		o->type = (uint8_t)type->value;
		o->has_type = true;
		return true;
	}
	char copy[sizeof w->word], *save = NULL;
	uint8_t flags = 0;
	strcpy(copy, w->word);
	for (char *p = strtok_r(copy, "|+", &save); p; p = strtok_r(NULL, "|+", &save)) {
		const struct flag_name *f = find_name(tcp_flags, p);
		if (!f)
			return false;
		flags |= (uint8_t)f->value;
	}
	o->flags |= flags;
	o->has_flags = o->has_flags || flags;
	return flags && o->proto == 6;
}

static int word(struct words *w)
{
	struct packet_words *o = w->out;
	bool known;
	int rc = 0;
	if (proto(w, &rc))
		return rc;
	if (strcmp(w->word, "proto") == 0 || strcmp(w->word, "protocol") == 0)
		return proto_number(w);
	if (strcmp(w->word, "raw") == 0 || strcmp(w->word, "frame") == 0)
		return raw(w, *w->word == 'r' ? PACKET_WORDS_RAW : PACKET_WORDS_FRAME);
	if (strcmp(w->word, "at") == 0)
		return moment(w);
	if (strcmp(w->word, "local") == 0) {
		o->local = true;
		return 0;
	}
	if (strcmp(w->word, "flags") == 0)
		return 0;
	rc = key_address(w, &known);
	if (rc || known)
		return rc;
	rc = key_number(w, &known);
	if (rc || known)
		return rc;
	if (strcmp(w->word, ">") == 0) {
		if (!next(w))
			return wrong(w, "the destination is missing here");
		return address(w, &o->dst, &o->dport, &o->has_dport);
	}
	if (named(w))
		return 0;
	if (strchr(w->word, '.') || strchr(w->word, ':'))
		return address(w, &o->src, &o->sport, &o->has_sport);
	return wrong(w, "unknown word in the description of a packet");
}

int packet_words_parse(const char *text, struct packet_words *out, struct error *error)
{
	struct words w = {.text = text, .at = text, .out = out, .error = error};
	memset(out, 0, sizeof *out);
	while (next(&w)) {
		int rc = word(&w);
		if (rc)
			return rc;
	}
	*w.word = 0;
	if (w.column == 1)
		return wrong(&w, "the description of a packet is empty");
	if (out->kind == PACKET_WORDS_RAW || out->kind == PACKET_WORDS_FRAME)
		return 0;
	if (out->proto == 1 && out->family == 6)
		return wrong(&w, "'icmp' is of IPv4: 'icmpv6' was meant?");
	bool ports = out->proto == 6 || out->proto == 17 || out->proto == 132 || out->proto == 136 || out->proto == 33;
	if ((out->has_sport || out->has_dport) && !ports)
		return wrong(&w, "ports need a protocol that has them: tcp, udp, sctp, …");
	return 0;
}
