// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * For tests: a conversation as text, run through flow table and stream engine.
 *
 *   "c S; s SA; c A; c PA 'GET'; s A; s FA; c RA"
 *
 * Who (c, s), flags (S A F R P U, '.' for none), then in any order: @N the sequence number, counted from the sender's SYN (default: what comes
 * next); aN the acknowledgement, counted from the peer's SYN (default: all the peer sent); wN the window (65535), oN window scale,
 * tN timestamp, mN MSS, uN urgent pointer, f fast open, g merged by the kernel, kN so many more bytes that were not copied, +N seconds later,
 * 'text' payload, xN payload of N letters.
 */
#pragma once

#include "flow/stream.h"

#include <stdio.h>
#include <stdlib.h>

enum { SCRIPT_ISN_CLIENT = 1000, SCRIPT_ISN_SERVER = 4294960000u /* wraps soon */ };

struct script {
	struct flow_table *flows;
	struct stream_engine *streams;
	struct counters counters;
	uint64_t event_counts[EVENT_N_];
	struct flow *flow;
	usec_t now;
	uint32_t next[2];    /* what each side sends next */
	uint8_t wire[65536]; /* the packet at hand */
	struct packet packet;
	int os;              /* policy of both hosts; -1: as the engine has it */
	char events[1024];   /* names without "stream.", space between */
	char seen[2][4096];  /* what the app layer got: bytes, "[N]" for gaps, '|' end, '>' depth */
	bool keep_dropped;
	unsigned drops, modified;
};

static void script_end(void *context, struct flow *f, usec_t now)
{
	struct script *s = context;
	if (s->flow == f)
		s->flow = NULL;
	(void)now;
}

static void script_release(void *context, struct flow *f)
{
	struct script *s = context;
	if (f->tcp)
		stream_session_free(s->streams, f);
}

static inline void script_begin(struct script *s, const struct stream_settings *set, const struct flow_settings *fs)
{
	memset(s, 0, sizeof *s);
	struct flow_table_hooks hooks = {script_end, script_release, s};
	s->flows = flow_table_new(fs, &hooks, &s->counters, 7);
	s->streams = stream_engine_new(set, NULL, s->flows, &s->counters, s->event_counts);
	s->now = 1700000000 * USEC_PER_SEC;
	s->next[0] = SCRIPT_ISN_CLIENT;
	s->next[1] = SCRIPT_ISN_SERVER;
	s->os = -1;
}

static inline void script_finish(struct script *s)
{
	flow_table_free(s->flows);
	stream_engine_free(s->streams);
}

static inline void script_note(struct script *s, int direction, const struct stream_chunk *c)
{
	char *to = s->seen[direction];
	size_t n = strlen(to), room = sizeof s->seen[0] - n;
	if (c->flags & STREAM_GAP)
		snprintf(to + n, room, "[%zu]", c->data.len);
	else
		snprintf(to + n, room, "%.*s%s%s", (int)c->data.len, c->data.len ? (const char *)c->data.data : "",
			 c->flags & STREAM_DEPTH ? ">" : "", c->flags & STREAM_EOF ? "|" : "");
}

/* Reads as an app layer that takes all it is given. */
static inline void script_read(struct script *s, int direction, bool flush)
{
	struct stream_chunk c;
	for (int i = 0; s->flow && s->flow->tcp && i < 100 && stream_app_next(s->streams, s->flow, direction, flush, &c); i++) {
		script_note(s, direction, &c);
		stream_app_consumed(s->streams, s->flow, direction, c.data.len);
		if (c.flags & STREAM_EOF)
			break;
	}
}

static inline void script_send(struct script *s, struct packet *p)
{
	struct flow *f = s->flow = flow_table_get(s->flows, p);
	if (f->tcp && s->os >= 0)
		f->tcp->side[0].os = f->tcp->side[1].os = (uint8_t)s->os;
	unsigned result = stream_packet(s->streams, p);
	for (unsigned i = 0; i < p->n_events; i++) {
		const char *name = packet_event_name(p->event[i]);
		size_t n = strlen(s->events);
		snprintf(s->events + n, sizeof s->events - n, "%s%s", n ? " " : "", strncmp(name, "stream.", 7) == 0 ? name + 7 : name);
	}
	int own = packet_direction(p);
	if (p->action & ACTION_DROP)
		s->drops++;
	if (p->flags & PACKET_STREAM_MODIFIED)
		s->modified++;
	if (result & (own ? STREAM_DATA_TO_SERVER : STREAM_DATA_TO_CLIENT))
		script_read(s, !own, false);
	if (result & (own ? STREAM_DATA_TO_CLIENT : STREAM_DATA_TO_SERVER))
		script_read(s, own, false);
	stream_prune(s->streams, f);
}

static inline struct packet *script_packet(struct script *s, int from_server)
{
	struct packet *p = &s->packet;
	memset(p, 0, sizeof *p);
	p->time = s->now;
	p->ip_version = 4;
	p->proto = PROTO_TCP;
	p->is_tcp = true;
	p->src = p->dst = (struct address){.family = 4};
	memcpy(p->src.byte, from_server ? "\x0a\0\0\2" : "\x0a\0\0\1", 4);
	memcpy(p->dst.byte, from_server ? "\x0a\0\0\1" : "\x0a\0\0\2", 4);
	p->sport = from_server ? 80 : 4000;
	p->dport = from_server ? 4000 : 80;
	p->flags = PACKET_IGNORE_CHECKSUM;
	p->tcp.window = 65535;
	return p;
}

static inline void script_payload(struct script *s, struct packet *p, const void *data, size_t n)
{
	memset(s->wire, 0, 40);
	memcpy(s->wire + 40, data, n);
	p->frame = p->ip = bytes_of(s->wire, 40 + n);
	p->transport = bytes_of(s->wire + 20, 20 + n);
	p->payload = bytes_of(s->wire + 40, n);
}

static inline uint8_t script_flags(const char **at)
{
	uint8_t flags = 0;
	for (; **at && **at != ' ' && **at != ';'; (*at)++) {
		const char *letters = "FSRPAU", *l = strchr(letters, **at);
		if (l)
			flags |= (uint8_t)(1u << (l - letters));
	}
	return flags;
}

/* One segment; returns what follows it. */
static inline const char *script_segment(struct script *s, const char *at)
{
	at += strspn(at, " ;");
	if (!*at)
		return at;
	int d = *at == 's';
	uint32_t isn[2] = {SCRIPT_ISN_CLIENT, SCRIPT_ISN_SERVER};
	struct packet *p = script_packet(s, d);
	at += 2;
	p->tcp.flags = script_flags(&at);
	p->tcp.seq = s->next[d];
	p->tcp.ack = p->tcp.flags & TCP_ACK ? s->next[!d] : 0;
	static char data[4096];
	size_t n = 0;
	uint32_t uncopied = 0;
	while (*at && *at != ';') {
		char what = *at++;
		if (what == '\'') {
			n = strcspn(at, "'");
			memcpy(data, at, n);
			at += n + 1;
		}
		if (!strchr("@awotmux+fgk", what))
			continue;
		char *end;
		unsigned long v = strtoul(at, &end, 10);
		at = end;
		switch (what) {
		case '@': p->tcp.seq = isn[d] + (uint32_t)v; break;
		case 'a': p->tcp.ack = isn[!d] + (uint32_t)v; break;
		case 'w': p->tcp.window = (uint16_t)v; break;
		case 'o': p->tcp.has_wscale = true; p->tcp.wscale = (uint8_t)v; break;
		case 't': p->tcp.has_timestamp = true; p->tcp.ts_value = (uint32_t)v; break;
		case 'm': p->tcp.has_mss = true; p->tcp.mss = (uint16_t)v; break;
		case 'u': p->tcp.urgent = (uint16_t)v; break;
		case 'g': p->flags |= PACKET_SUPER; break;
		case 'k': uncopied = (uint32_t)v; break;
		case 'f': p->tcp.has_fast_open = true; break;
		case '+': s->now += (usec_t)v * USEC_PER_SEC; p->time = s->now; break;
		case 'x':
			for (n = 0; n < v && n < sizeof data; n++)
				data[n] = (char)('a' + n % 26);
			break;
		}
	}
	script_payload(s, p, data, n);
	if (uncopied)
		p->flags |= PACKET_TRUNCATED;
	p->wire_len = (uint32_t)p->frame.len + uncopied;
	uint32_t end = p->tcp.seq + (uint32_t)n + uncopied + !!(p->tcp.flags & TCP_SYN) + !!(p->tcp.flags & TCP_FIN);
	if ((int32_t)(end - s->next[d]) > 0)
		s->next[d] = end;
	script_send(s, p);
	return at;
}

static inline void script_run(struct script *s, const char *text)
{
	while (*text)
		text = script_segment(s, text);
}
