// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Recognition: which protocol do the first bytes of a direction speak?
 *
 * Patterns come first. Nearly all stand at a fixed place, so they lie in buckets by their first byte where that place is the
 * beginning; the few that float are searched one by one. Then probes that look closer, asked by port: those of the flow's
 * server port for this direction, and those of its client port for the other direction, which would mean that the direction
 * of the flow was guessed wrong. A direction is done when no pattern can match any more and all probes have said no.
 */
#include "app/app.h"
#include "flow/stream.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_PROBES = 64, MAX_RANGES = 24, MAX_PATTERN = 48 };

struct pattern {
	const struct app_proto *proto;
	uint8_t bytes[MAX_PATTERN];
	uint8_t len;
	uint16_t offset, depth;
	bool nocase;
	struct pattern *next;
};

struct port_range {
	uint16_t first, last;
};

struct probe {
	const struct app_proto *proto;
	const struct app_probe *row;
	struct port_range port[MAX_RANGES];
	unsigned n_ports; /* 0: any */
};

struct pattern_set { /* of one transport and direction */
	struct pattern *by_first[256]; /* at offset 0, or found by the byte at their fixed offset */
	struct pattern *floating;
	size_t depth;                  /* when this many bytes are there, no pattern can match that does not match now */
};

struct app_recogniser {
	struct pattern_set set[2][2]; /* [UDP][direction] */
	struct probe probe[2][MAX_PROBES];
	unsigned n_probes[2];
	bool midstream; /* stream.midstream: the first that is seen may come from the server, datagrams included */
	struct arena arena;
};

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

/* "GET |20|" as in a rule's content. Rows are literals of ours. */
static uint8_t pattern_bytes(const char *text, uint8_t *out)
{
	size_t n = 0;
	bool hex = false;
	for (const char *p = text; *p && n < MAX_PATTERN; p++) {
		if (*p == '|') {
			hex = !hex;
		} else if (!hex) {
			out[n++] = (uint8_t)*p;
		} else if (*p != ' ' && hex_digit(p[0]) >= 0 && hex_digit(p[1]) >= 0) {
			out[n++] = (uint8_t)(hex_digit(p[0]) << 4 | hex_digit(p[1]));
			p++;
		}
	}
	return (uint8_t)n;
}

static void pattern_link(struct pattern_set *s, struct pattern *p)
{
	size_t end = p->depth ? p->depth : (size_t)p->offset + p->len;
	if (end > s->depth)
		s->depth = end;
	if (p->offset != 0 || p->depth > p->len || p->depth == 0) {
		p->next = s->floating;
		s->floating = p;
		return;
	}
	p->next = s->by_first[p->bytes[0]];
	s->by_first[p->bytes[0]] = p;
}

static int pattern_add(struct app_recogniser *r, const struct app_proto *proto, const struct app_pattern *row, bool udp, uint8_t flip)
{
	struct pattern *p = arena_alloc(&r->arena, sizeof *p);
	if (!p)
		return -1;
	p->proto = proto;
	p->len = pattern_bytes(row->bytes, p->bytes);
	p->offset = row->offset;
	p->depth = row->depth;
	p->nocase = row->nocase;
	p->bytes[0] ^= flip;
	pattern_link(&r->set[udp][row->direction & 1], p);
	return 0;
}

static int patterns_add(struct app_recogniser *r, const struct app_proto *proto, bool udp)
{
	for (size_t i = 0; i < proto->n_patterns; i++) {
		const struct app_pattern *row = &proto->patterns[i];
		if (!(row->transport & (udp ? APP_TRANSPORT_UDP : APP_TRANSPORT_TCP)))
			continue;
		if (pattern_add(r, proto, row, udp, 0) < 0)
			return -1;
		/* buckets are by exact byte: a letter that may come in either case stands in both */
		if (row->nocase && isalpha((unsigned char)row->bytes[0]) && row->offset == 0 && pattern_add(r, proto, row, udp, 0x20) < 0)
			return -1;
	}
	return 0;
}

/* "80, 8080, 5900-5909, [1:3]": what is not a number or a range separates. */
static unsigned parse_ports(const char *text, struct port_range *out)
{
	unsigned n = 0;
	const char *p = text;
	while (*p && n < MAX_RANGES) {
		if (!isdigit((unsigned char)*p)) {
			p++;
			continue;
		}
		char *end;
		unsigned long first = strtoul(p, &end, 10), last = first;
		if ((*end == '-' || *end == ':') && isdigit((unsigned char)end[1]))
			last = strtoul(end + 1, &end, 10);
		p = end;
		if (first <= 65535 && last <= 65535)
			out[n++] = (struct port_range){(uint16_t)first, (uint16_t)last};
	}
	return n;
}

static const char *configured_ports(struct conf *conf, const struct app_proto *p, bool udp)
{
	char name[160];
	snprintf(name, sizeof name, "app-layer.protocols.%s.%s.detection-ports.dp", p->setting, udp ? "udp" : "tcp");
	const char *ports = conf ? conf_string(conf, name, NULL) : NULL;
	if (ports)
		return ports;
	snprintf(name, sizeof name, "app-layer.protocols.%s.detection-ports.dp", p->setting);
	return conf ? conf_string(conf, name, NULL) : NULL;
}

static void probes_add(struct app_recogniser *r, const struct app_proto *proto, bool udp, struct conf *conf)
{
	for (size_t i = 0; i < proto->n_probes; i++) {
		const struct app_probe *row = &proto->probes[i];
		if (!(row->transport & (udp ? APP_TRANSPORT_UDP : APP_TRANSPORT_TCP)) || r->n_probes[udp] == MAX_PROBES)
			continue;
		struct probe *p = &r->probe[udp][r->n_probes[udp]++];
		p->proto = proto;
		p->row = row;
		const char *ports = *row->ports ? configured_ports(conf, proto, udp) : "";
		p->n_ports = parse_ports(ports ? ports : row->ports, p->port);
	}
}

struct app_recogniser *app_recogniser_new(const struct app_context *c, struct conf *conf, struct error *error)
{
	struct app_recogniser *r = xcalloc(1, sizeof *r);
	arena_init(&r->arena, 8192);
	r->midstream = conf && conf_bool(conf, "stream.midstream", false);
	for (size_t i = 0; app_protocols[i]; i++) {
		const struct app_proto *p = app_protocols[i];
		for (int udp = 0; udp < 2; udp++) {
			if (!app_transport_enabled(c, p, udp, NULL))
				continue;
			if (patterns_add(r, p, udp) < 0) {
				app_recogniser_free(r);
				error_set(error, ENOMEM, "out of memory");
				return NULL;
			}
			probes_add(r, p, udp, conf);
		}
	}
	return r;
}

void app_recogniser_free(struct app_recogniser *r)
{
	if (!r)
		return;
	arena_free(&r->arena);
	free(r);
}

static bool pattern_matches(const struct pattern *p, struct bytes data)
{
	struct bytes want = {p->bytes, p->len};
	struct bytes area = bytes_slice(data, p->offset, p->depth ? (size_t)(p->depth - p->offset) : SIZE_MAX);
	if (area.len < want.len)
		return false;
	if (p->depth == p->offset + p->len) {
		area.len = want.len;
		return p->nocase ? bytes_equal_nocase(area, want) : memcmp(area.data, want.data, want.len) == 0;
	}
	return (p->nocase ? bytes_find_nocase(area, want, 0) : bytes_find(area, want, 0)) >= 0;
}

/* `only`: this protocol's alone; NULL: all. */
static const struct app_proto *match_patterns(const struct pattern_set *s, struct bytes data, const struct app_proto *only)
{
	if (data.len == 0)
		return NULL;
	for (const struct pattern *p = s->by_first[data.data[0]]; p; p = p->next)
		if ((!only || p->proto == only) && pattern_matches(p, data))
			return p->proto;
	for (const struct pattern *p = s->floating; p; p = p->next)
		if ((!only || p->proto == only) && pattern_matches(p, data))
			return p->proto;
	return NULL;
}

static bool port_in(const struct probe *p, uint16_t port)
{
	for (unsigned i = 0; i < p->n_ports; i++)
		if (port >= p->port[i].first && port <= p->port[i].last)
			return true;
	return p->n_ports == 0;
}

/* May the direction of the flow have been guessed wrong? Only while the other side has said nothing. */
static bool may_swap(const struct flow *f, int direction, bool datagram)
{
	if (datagram)
		return f->side[!direction].packets == 0 && !(f->flags & FLOW_SWAPPED);
	return f->tcp && f->tcp->midstream && !(f->flags & FLOW_SWAPPED) && f->app->seen_bytes[!direction] == 0;
}

struct asked { /* what one probe said */
	enum app_probe_result result;
	bool swap;
};

/* `by_source`: the port of who spoke first counts too. */
static struct asked ask(const struct probe *p, const struct flow *f, int direction, struct bytes data, bool swappable, bool by_source)
{
	struct asked a = {PROBE_NO, false};
	const struct app_probe *row = p->row;
	bool here = port_in(p, f->key.dport), there = p->n_ports && by_source && port_in(p, f->key.sport);
	int as = here ? direction : !direction;
	if ((!here && !there) || (row->direction != 2 && row->direction != as))
		return a;
	if (data.len < row->min)
		return (struct asked){PROBE_MORE, false};
	unsigned spare = 0;
	a.result = row->probe(data, as, f, &spare);
	if (a.result == PROBE_SWAP) {
		a.result = PROBE_YES;
		as = !as;
	}
	if (a.result == PROBE_MORE && row->max && data.len >= row->max)
		a.result = PROBE_NO;
	a.swap = as != direction;
	if (a.result == PROBE_YES && a.swap && !swappable)
		a.swap = false;
	return a;
}

/* Returns the protocol; `*more`: some probe has not decided yet. */
static const struct app_proto *ask_probes(const struct app_recogniser *r, struct app_flow *a, int direction, struct bytes data, bool datagram,
					  bool *swap, bool *more)
{
	bool swappable = may_swap(a->flow, direction, datagram);
	for (unsigned i = 0; i < r->n_probes[datagram]; i++) {
		if (a->probe_no[direction] >> i & 1)
			continue;
		struct asked said = ask(&r->probe[datagram][i], a->flow, direction, data, swappable, swappable && r->midstream);
		if (said.result == PROBE_YES) {
			*swap = said.swap;
			return r->probe[datagram][i].proto;
		}
		if (said.result == PROBE_MORE)
			*more = true;
		else
			a->probe_no[direction] |= (uint64_t)1 << i;
	}
	return NULL;
}

/* Is it what the other direction speaks? Asked first: the words of some protocols are the same. */
static bool is_the_same(const struct app_recogniser *r, const struct app_flow *a, int direction, struct bytes data, bool datagram)
{
	if (match_patterns(&r->set[datagram][direction], data, a->proto))
		return true;
	for (unsigned i = 0; i < r->n_probes[datagram]; i++)
		if (r->probe[datagram][i].proto == a->proto && ask(&r->probe[datagram][i], a->flow, direction, data, false, false).result == PROBE_YES)
			return true;
	return false;
}

const struct app_proto *app_recognise(const struct app_recogniser *r, struct app_flow *a, int direction, struct bytes data, bool datagram,
				      bool *swap)
{
	const struct app_proto *p = NULL;
	*swap = false;
	if (a->proto && is_the_same(r, a, direction, data, datagram)) {
		a->recognised[direction] = true;
		return a->proto;
	}
	if (!a->patterns_done[direction]) {
		p = match_patterns(&r->set[datagram][direction], data, NULL);
		if (!p && may_swap(a->flow, direction, datagram) && !datagram) {
			p = match_patterns(&r->set[datagram][!direction], data, NULL);
			*swap = p != NULL;
		}
		a->patterns_done[direction] = data.len >= r->set[datagram][direction].depth;
	}
	bool more = false;
	if (!p)
		p = ask_probes(r, a, direction, data, datagram, swap, &more);
	a->recognised[direction] = p || datagram || (a->patterns_done[direction] && !more);
	return p;
}
