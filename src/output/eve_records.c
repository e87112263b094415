// SPDX-License-Identifier: GPL-2.0-or-later
/* Anomaly, drop and file records. */
#include "output/eve.h"

#include <stdio.h>
#include <string.h>

static void write_packet_anomaly(struct output_worker *w, const struct eve *e, struct packet *p, enum packet_event event)
{
	char name[96];
	const char *text = packet_event_name(event);
	bool stream = strncmp(text, "stream.", 7) == 0;
	if (stream ? !e->options.stream : !e->options.decode)
		return;
	w->ether_type = p->ether && event == EVENT_ETHERNET_UNKNOWN_ETHERTYPE;
	struct json j = eve_begin(w, e, p, p->flow, "anomaly", EVE_AS_PACKET, UINT64_MAX, p->time);
	w->ether_type = false;
	if (e->options.packethdr && p->frame.len) {
		json_base64(&j, "packet", bytes_slice(p->frame, 0, 32));
		json_open(&j, "packet_info");
		json_uint(&j, "linktype", (uint64_t)p->link_type);
		json_close(&j);
	}
	snprintf(name, sizeof name, "%s%s", stream ? "" : "decoder.", text);
	json_open(&j, "anomaly");
	json_string(&j, "type", stream ? "stream" : "decode");
	json_string(&j, "event", name);
	json_close(&j);
	eve_end(w, e, &j);
}

void eve_packet_anomalies(struct output_worker *w, const struct eve *e, struct packet *p)
{
	if (!e->options.decode && !e->options.stream)
		return;
	for (unsigned i = 0; i < p->n_events; i++)
		write_packet_anomaly(w, e, p, p->event[i]);
}

static void write_app_anomaly(struct output_worker *w, const struct eve *e, struct packet *p, struct flow *f, const char *event, bool upper,
			      const char *layer, uint64_t tx_id)
{
	char name[96];
	size_t n = 0;
	for (; event[n] && n + 1 < sizeof name; n++)
		name[n] = upper && event[n] >= 'a' && event[n] <= 'z' ? (char)(event[n] - 32) : event[n];
	name[n] = 0;
	struct json j = eve_begin(w, e, p, f, "anomaly", EVE_AS_PACKET, tx_id, p->time);
	json_open(&j, "anomaly");
	if (f->app->proto)
		json_string(&j, "app_proto", f->app->proto->name);
	json_string(&j, "type", "applayer");
	json_string(&j, "event", name);
	json_string(&j, "layer", layer);
	json_close(&j);
	eve_end(w, e, &j);
}

/* What has not been written yet; the counts move on after the last eve-log (output.c). */
void eve_app_anomalies(struct output_worker *w, const struct eve *e, struct packet *p, struct flow *f)
{
	struct app_flow *a = f->app;
	if (!e->options.applayer)
		return;
	for (unsigned i = a->events_logged; i < a->n_events; i++)
		write_app_anomaly(w, e, p, f, app_flow_event_names[a->event[i]], true, "proto_detect", UINT64_MAX);
	for (struct app_tx *tx = a->first; tx && a->proto && a->proto->events; tx = tx->next)
		for (unsigned i = tx->events_logged; i < tx->n_events; i++)
			write_app_anomaly(w, e, p, f, a->proto->events[tx->event[i]], a->proto->upper_events, "proto_parser", tx->id);
}

static void write_ip4(struct json *j, const char *key, const uint8_t *bytes)
{
	char text[16];
	snprintf(text, sizeof text, "%u.%u.%u.%u", bytes[0], bytes[1], bytes[2], bytes[3]);
	json_string(j, key, text);
}

void eve_arp(struct output_worker *w, const struct eve *e, struct packet *p)
{
	static const char *const names[] = {NULL, "request", "reply", "request_reverse", "reply_reverse", NULL, NULL, NULL, "inarp_request", "inarp_reply"};
	const uint8_t *m = p->arp.data;
	if (p->arp.len < 28)
		return;
	unsigned code = (unsigned)m[6] << 8 | m[7];
	struct json j = eve_begin(w, e, p, p->flow, "arp", EVE_AS_PACKET, UINT64_MAX, p->time);
	json_open(&j, "arp");
	json_string(&j, "hw_type", "ethernet"); /* the decoder keeps no others */
	json_string(&j, "proto_type", "ipv4");
	json_string(&j, "opcode", code < sizeof names / sizeof *names && names[code] ? names[code] : "unknown");
	eve_mac(&j, "src_mac", m + 8);
	write_ip4(&j, "src_ip", m + 14);
	eve_mac(&j, "dest_mac", m + 18);
	write_ip4(&j, "dest_ip", m + 24);
	json_close(&j);
	eve_end(w, e, &j);
}

static void write_drop_ip(struct json *j, const struct packet *p)
{
	if (p->ip_version == 4) {
		json_uint(j, "len", p->ip4.total_len);
		json_uint(j, "tos", p->ip4.tos);
		json_uint(j, "ttl", p->ttl);
		json_uint(j, "ipid", p->ip4.id);
	} else if (p->ip_version == 6) {
		json_uint(j, "len", p->ip6.payload_len);
		json_uint(j, "tc", p->ip6.traffic_class);
		json_uint(j, "hoplimit", p->ttl);
		json_uint(j, "flowlbl", p->ip6.flow_label);
	}
}

static void write_drop_transport(struct json *j, const struct packet *p)
{
	if (p->is_tcp) {
		const struct tcp_layer *t = &p->tcp;
		json_uint(j, "tcpseq", t->seq);
		json_uint(j, "tcpack", t->ack);
		json_uint(j, "tcpwin", t->window);
		json_bool(j, "syn", t->flags & TCP_SYN);
		json_bool(j, "ack", t->flags & TCP_ACK);
		json_bool(j, "psh", t->flags & TCP_PSH);
		json_bool(j, "rst", t->flags & TCP_RST);
		json_bool(j, "urg", t->flags & TCP_URG);
		json_bool(j, "fin", t->flags & TCP_FIN);
		json_uint(j, "tcpres", t->reserved);
		json_uint(j, "tcpurgp", t->urgent);
	} else if (p->is_udp) {
		json_uint(j, "udplen", p->transport.len);
	} else if ((p->is_icmp || p->is_icmp6) && p->icmp.has_id) {
		json_uint(j, "icmp_id", p->icmp.id);
		json_uint(j, "icmp_seq", p->icmp.seq);
	}
}

/* With `flows: start` only the first of each direction of a dropped flow is worth a record. */
static bool drop_is_due(const struct eve *e, const struct outputs *o, const struct packet *p)
{
	const struct flow *f = p->flow;
	if (!o->context.ips || !(p->action & ACTION_DROP) || p->flags & PACKET_PSEUDO)
		return false;
	if (e->options.drop_all || !f || !(f->flags & FLOW_ACTION_DROP))
		return true;
	return !(f->flags & (packet_direction(p) ? FLOW_WAS_DROP_LOGGED_TC : FLOW_WAS_DROP_LOGGED_TS));
}

/* At most so many a second; the rest is counted. */
static bool drop_has_room(struct output_worker *w, const struct packet *p)
{
	uint32_t limit = w->outputs->drop_limit;
	if (!limit)
		return true;
	if (p->time - w->drop_second >= USEC_PER_SEC || p->time < w->drop_second) {
		w->drop_second = p->time;
		w->drop_records = 0;
	}
	if (w->drop_records < limit) {
		w->drop_records++;
		return true;
	}
	COUNT(w->detect->counters, IPS_RESPOND_DROP_RECORDS_SUPPRESSED);
	return false;
}

void eve_drop(struct output_worker *w, const struct eve *e, struct packet *p)
{
	if (!drop_is_due(e, w->outputs, p) || !drop_has_room(w, p))
		return;
	struct json j = eve_begin(w, e, p, p->flow, "drop", EVE_AS_PACKET, UINT64_MAX, p->time);
	if (p->flow)
		json_string(&j, "direction", packet_direction(p) ? "to_client" : "to_server");
	json_open(&j, "drop");
	write_drop_ip(&j, p);
	write_drop_transport(&j, p);
	json_string(&j, "reason", drop_reason_text(p->drop_reason));
	json_close(&j);
	if (e->options.drop_verdict)
		eve_verdict(&j, p, w->outputs);
	const struct alert *culprit = e->options.drop_alerts ? respond_culprit(w->respond) : NULL;
	if (culprit)
		eve_alert_object(&j, e, p, culprit, w->outputs->context.ips, NULL);
	eve_end(w, e, &j);
}

void eve_file_members(struct json *j, const struct file *f, const struct app_tx *tx)
{
	static const char *const states[] = {"UNKNOWN", "CLOSED", "TRUNCATED", "ERROR"};
	if (f->name.len)
		json_bytes(j, "filename", f->name);
	if (f->magic)
		json_string(j, "magic", f->magic);
	json_bool(j, "gaps", f->gaps);
	json_string(j, "state", states[f->state]);
	if (f->has_md5)
		json_hex(j, "md5", bytes_of(f->md5, sizeof f->md5));
	if (f->has_sha1)
		json_hex(j, "sha1", bytes_of(f->sha1, sizeof f->sha1));
	if (f->has_sha256)
		json_hex(j, "sha256", bytes_of(f->sha256, sizeof f->sha256));
	json_bool(j, "stored", f->stored);
	json_uint(j, "size", f->size);
	if (f->has_range) {
		json_uint(j, "start", f->start);
		json_uint(j, "end", f->end);
	}
	json_uint(j, "tx_id", tx->id);
}

void eve_file(struct output_worker *w, const struct eve *e, struct packet *p, struct flow *f, struct app_tx *tx, const struct file *file, int direction)
{
	struct json j = eve_begin(w, e, p, f, "fileinfo", direction ? EVE_TO_CLIENT : EVE_TO_SERVER, UINT64_MAX, p->time);
	eve_tx_object(&j, e, f->app, tx, direction);
	eve_app_proto(&j, f);
	json_open(&j, "fileinfo");
	eve_file_members(&j, file, tx);
	json_close(&j);
	eve_end(w, e, &j);
}
