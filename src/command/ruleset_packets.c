// SPDX-License-Identifier: GPL-2.0-or-later
#include "command/ruleset_packets.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/ruleset_capture.h"

enum { FRAME = 4096 };

struct taking {
	const struct packets_from *source;
	struct trace *trace;
	packet_taker *take;
	void *context;
	usec_t begun;
};

struct network *packets_network(const char *routes)
{
	struct network *n = NULL;
	struct error error = {0};
	if (routes ? network_read_file(&n, routes, &error) : network_read_live(&n, &error)) {
		if (!routes)
			return network_new();
		fprintf(stderr, "sluice: %s\n", error.text);
		return NULL;
	}
	return n;
}

/* ---- words ---- */

static struct trace_input input_of(const struct taking *t, const struct packet_words *w, struct bytes frame)
{
	bool local = w->local || (!*w->iif && *w->oif);
	struct trace_input in = {
		.frame = frame,
		.in = *w->iif ? w->iif : local ? NULL : t->source->iif,
		.out = *w->oif && !local ? w->oif : NULL,
		.local = local,
		.for_us = !w->has_ether_dst && w->kind != PACKET_WORDS_FRAME,
		.mark = w->mark,
		.ct_state = w->ct_state,
		.has_skuid = w->has_skuid,
		.has_skgid = w->has_skgid,
		.skuid = w->skuid,
		.skgid = w->skgid,
		.time = t->begun + w->at,
	};
	if (local && *w->oif)
		in.out = w->oif;
	if (local) {
		in.ip_only = true;
		in.frame = bytes_from(frame, 14);
	}
	return in;
}

/* Who sends: its own address means that this host does. */
static void guess_device(const struct taking *t, struct trace_input *in)
{
	const struct network *n = t->trace->o.network;
	struct bytes ip = in->ip_only ? in->frame : bytes_from(in->frame, 14);
	struct network_key k = {0};
	if (in->in || in->local || !n->known || ip.len < 20)
		return;
	if (ip.data[0] >> 4 == 4) {
		k.dst.family = 4;
		memcpy(k.dst.byte, ip.data + 12, 4);
	} else if (ip.data[0] >> 4 == 6 && ip.len >= 40) {
		k.dst.family = 6;
		memcpy(k.dst.byte, ip.data + 8, 16);
	} else {
		return;
	}
	struct network_way way = network_route(n, &k);
	const struct network_device *d = network_device(n, way.device);
	if (way.found && way.type == 2) { /* RTN_LOCAL */
		in->local = true;
		if (!in->ip_only) {
			in->frame = ip;
			in->ip_only = true;
		}
	} else if (way.found && d && !way.uncertain) {
		in->in = d->name;
	}
}

static const struct trace_result *take(struct taking *t, struct trace_input *in, const char *what)
{
	guess_device(t, in);
	return t->take(t->context, in, what);
}

static int take_words(struct taking *t, const char *text, struct error *error)
{
	struct packet_words w;
	uint8_t frame[FRAME + PACKET_RAW_MAX];
	int rc = packet_words_parse(text, &w, error);
	size_t len = rc ? 0 : packet_build(&w, frame, sizeof frame);
	if (rc)
		return rc;
	if (!len)
		return error_set(error, E2BIG, "so long a packet cannot be made");
	struct trace_input in = input_of(t, &w, bytes_of(frame, len));
	take(t, &in, text);
	return 0;
}

/* ---- a conversation ---- */

static void put_answer(struct packet_words *w, const struct tuple *seen)
{
	w->src = (struct address){.family = seen->family};
	w->dst = w->src;
	memcpy(w->src.byte, seen->dst, 16);
	memcpy(w->dst.byte, seen->src, 16);
	bool ports = w->proto == 6 || w->proto == 17;
	if (ports) {
		w->sport = load_be16(seen->dport);
		w->dport = load_be16(seen->sport);
		w->has_sport = w->has_dport = true;
	} else {
		w->type = w->proto == 1 ? 0 : 129;
		w->id = load_be16(seen->sport);
		w->has_type = w->has_id = true;
	}
}

static void device_name(const struct trace *t, uint32_t index, char out[PACKET_NAME])
{
	const struct network_device *d = network_device(t->o.network, index);
	if (d)
		strcpy(out, d->name);
}

/* The first words say how it begins; answers come from where the questions went, to whom they seem to come from. */
static int take_flow(struct taking *t, struct error *error)
{
	struct packet_words first, w;
	const struct packet_flow_step *steps;
	struct tuple seen = {0};
	char out[PACKET_NAME] = "";
	bool have = false;
	int rc = packet_words_parse(t->source->words, &first, error);
	if (rc)
		return rc;
	if (!first.has_proto) {
		first.proto = 6;
		first.has_proto = true;
	}
	size_t n = packet_flow_steps(&first, &steps);
	for (size_t i = 0; i < n; i++) {
		uint8_t frame[FRAME + PACKET_RAW_MAX];
		w = first;
		if (steps[i].reply) {
			if (!have)
				break;
			put_answer(&w, &seen);
			memcpy(w.iif, out, sizeof out);
			*w.oif = 0;
			w.local = false;
		}
		if (w.proto == 6) {
			w.has_flags = w.has_seq = w.has_ack = true;
			w.flags = steps[i].flags;
			w.seq = steps[i].seq;
			w.ack = steps[i].ack;
		}
		w.ct_state = 0;
		size_t len = packet_build_data(&w, steps[i].data, steps[i].data ? strlen(steps[i].data) : 0, frame, sizeof frame);
		struct trace_input in = input_of(t, &w, bytes_of(frame, len));
		in.time += (usec_t)i * 1000;
		in.ct_state = 0;
		const struct trace_result *r = len ? take(t, &in, steps[i].what) : NULL;
		if (!r || r->fate == FATE_DROPPED || r->fate == FATE_STOLEN)
			break;
		const struct trace_packet *p = &t->trace->packet;
		if (!steps[i].reply) {
			have = p->ip && tuple_of(bytes_of(p->bytes + p->link_len, p->len - p->link_len), p->ip, 0, &seen);
			device_name(t->trace, r->fate == FATE_DELIVERED ? 0 : p->out, out);
		}
	}
	return 0;
}

/* ---- lines and captures ---- */

static int take_lines(struct taking *t, struct error *error)
{
	FILE *f = strcmp(t->source->lines, "-") ? fopen(t->source->lines, "re") : stdin;
	char *line = NULL;
	size_t room = 0;
	int rc = 0, number = 0;
	if (!f)
		return error_set(error, errno, "%s: %s", t->source->lines, strerror(errno));
	while (!rc && getline(&line, &room, f) > 0) {
		number++;
		line[strcspn(line, "\n#")] = 0;
		if (!line[strspn(line, " \t")])
			continue;
		rc = take_words(t, line, error);
		if (rc)
			error_prefix(error, "%s: line %d: ", t->source->lines, number);
	}
	free(line);
	if (f != stdin)
		fclose(f);
	return rc;
}

static void on_frame(void *context, struct bytes bytes, bool ip_only, usec_t time, uint64_t number)
{
	struct taking *t = context;
	struct trace_input in = {.frame = bytes, .ip_only = ip_only, .in = t->source->iif, .time = time};
	char what[32];
	snprintf(what, sizeof what, "packet %llu", (unsigned long long)number);
	take(t, &in, what);
}

int packets_take(const struct packets_from *s, struct trace *first, packet_taker *taker, void *context, struct error *error)
{
	struct taking t = {.source = s, .trace = first, .take = taker, .context = context, .begun = s->clock ? s->clock : clock_real()};
	int rc = 0;
	if (s->capture)
		rc = capture_take(s->capture, on_frame, &t, error);
	if (!rc && s->lines)
		rc = take_lines(&t, error);
	if (!rc && s->words)
		rc = s->flow ? take_flow(&t, error) : take_words(&t, s->words, error);
	return rc;
}
