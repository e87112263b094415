// SPDX-License-Identifier: GPL-2.0-or-later
/* Alert and tagged-packet records, and what drop records repeat of an alert. */
#include "output/eve.h"

#include <pcap/pcap.h>
#include <stdio.h>
#include <string.h>

static void write_end(struct json *j, const char *key, const struct address *a, uint16_t port, bool has_port)
{
	char text[ADDRESS_TEXT];
	json_open(j, key);
	json_string(j, "ip", address_format(a, text));
	if (has_port)
		json_uint(j, "port", port);
	json_close(j);
}

static void write_target(struct json *j, const struct packet *p, const struct signature *s)
{
	bool ports = p->proto == PROTO_TCP || p->proto == PROTO_UDP || p->proto == PROTO_SCTP;
	bool src = s->flags & SIG_TARGET_SRC;
	if (!(s->flags & (SIG_TARGET_SRC | SIG_TARGET_DST)))
		return;
	write_end(j, "source", src ? &p->dst : &p->src, src ? p->dport : p->sport, ports);
	write_end(j, "target", src ? &p->src : &p->dst, src ? p->sport : p->dport, ports);
}

void eve_alert_object(struct json *j, const struct eve *e, const struct packet *p, const struct alert *a, bool ips, const char *xff)
{
	const struct signature *s = a->sig;
	const struct eve_options *o = &e->options;
	bool rejects = a->action & (ACTION_REJECT | ACTION_REJECT_DST | ACTION_REJECT_BOTH);
	bool blocked = rejects || (ips && a->action & ACTION_DROP);
	json_open(j, "alert");
	json_string(j, "action", blocked ? "blocked" : "allowed");
	json_uint(j, "gid", s->gid);
	json_uint(j, "signature_id", s->sid);
	json_uint(j, "rev", s->rev);
	json_string(j, "signature", s->msg ? s->msg : "");
	json_string(j, "category", s->class_text ? s->class_text : "");
	json_uint(j, "severity", s->priority);
	write_target(j, p, s);
	if (xff)
		json_string(j, "xff", xff);
	if (o->rule_metadata && s->metadata_json)
		json_raw(j, "metadata", bytes_of_string(s->metadata_json));
	if (o->rule_reference && s->references_json)
		json_raw(j, "references", bytes_of_string(s->references_json));
	if (a->context.len)
		json_raw(j, "context", a->context);
	if (o->rule_raw && s->text)
		json_string(j, "rule", s->text);
	json_close(j);
}

static void write_flow(struct json *j, const struct flow *f)
{
	char text[ADDRESS_TEXT], when[40];
	const struct flow_key *k = &f->key;
	bool ports = k->proto == PROTO_TCP || k->proto == PROTO_UDP || k->proto == PROTO_SCTP;
	json_open(j, "flow");
	json_uint(j, "pkts_toserver", f->side[0].packets);
	json_uint(j, "pkts_toclient", f->side[1].packets);
	json_uint(j, "bytes_toserver", f->side[0].bytes);
	json_uint(j, "bytes_toclient", f->side[1].bytes);
	clock_format_iso(f->first, when);
	json_string(j, "start", when);
	json_string(j, "src_ip", address_format(&k->src, text));
	json_string(j, "dest_ip", address_format(&k->dst, text));
	if (ports) {
		json_uint(j, "src_port", k->sport);
		json_uint(j, "dest_port", k->dport);
	}
	json_close(j);
}

static void write_tunnel(struct json *j, const struct packet *p)
{
	char text[ADDRESS_TEXT], number[4];
	const struct packet *outer = p->outer;
	if (!(p->flags & PACKET_TUNNELLED) || !outer || !outer->ip_version)
		return;
	json_open(j, "tunnel");
	json_string(j, "src_ip", address_format(&outer->src, text));
	json_uint(j, "src_port", outer->sport);
	json_string(j, "dest_ip", address_format(&outer->dst, text));
	json_uint(j, "dest_port", outer->dport);
	json_string(j, "proto", eve_proto_name(outer->proto, number));
	json_uint(j, "depth", p->recursion);
	if (outer->number && outer->source == PACKET_WIRE)
		json_uint(j, "pcap_cnt", outer->number);
	json_close(j);
}

static void write_packet(struct json *j, const struct packet *p)
{
	if (!p->frame.len)
		return;
	json_base64(j, "packet", p->frame);
	json_open(j, "packet_info");
	json_uint(j, "linktype", (uint64_t)p->link_type);
	const char *name = p->link_type == DLT_IPV4 ? "IPv4" : p->link_type == DLT_IPV6 ? "IPv6" : pcap_datalink_val_to_name(p->link_type);
	if (name)
		json_string(j, "linktype_name", name);
	json_close(j);
}

static bool payload_from_stream(const struct packet *p, const struct alert *a)
{
	return p->is_tcp && p->flow && p->flow->tcp && a->flags & (ALERT_STREAM | ALERT_STATE);
}

static void write_payload(struct output_worker *w, const struct eve *e, struct json *j, const struct packet *p, const struct alert *a)
{
	const struct eve_options *o = &e->options;
	struct bytes payload = bytes_slice(p->payload, 0, o->payload_size);
	bool stream = payload_from_stream(p, a);
	if (stream) {
		size_t room = o->payload_size < w->payload_room ? o->payload_size : w->payload_room;
		size_t n = stream_payload(w->streams, p->flow, packet_direction(p), w->payload, room);
		if (n)
			payload = bytes_of(w->payload, n);
		else
			stream = false;
	}
	if (o->payload)
		json_base64(j, "payload", payload);
	if (o->payload_length)
		json_uint(j, "payload_length", payload.len);
	if (o->payload_printable)
		json_printable(j, "payload_printable", payload);
	if (o->payload || o->payload_printable || o->packet)
		json_uint(j, "stream", stream);
}

static struct app_tx *find_tx(const struct flow *f, const struct alert *a)
{
	if (!f || !f->app || !(a->flags & ALERT_TX))
		return NULL;
	for (struct app_tx *tx = f->app->first; tx; tx = tx->next)
		if (tx->id == a->tx_id)
			return tx;
	return NULL;
}

static void write_files(struct json *j, const struct app_tx *tx, int direction)
{
	if (!tx->files[direction])
		return;
	json_open_array(j, "files");
	for (const struct file *f = tx->files[direction]; f; f = f->next) {
		json_open(j, NULL);
		eve_file_members(j, f, tx);
		json_close(j);
	}
	json_close_array(j);
}

static void write_alert(struct output_worker *w, const struct eve *e, struct packet *p, const struct alert *a)
{
	struct flow *f = p->flow;
	struct app_tx *tx = find_tx(f, a);
	char xff[EVE_XFF_TEXT];
	bool has_xff = e->options.xff && eve_xff(e, f, tx, xff);
	if (has_xff && e->options.xff_overwrite)
		w->overwrite[packet_direction(p)] = xff;
	struct json j = eve_begin(w, e, p, f, "alert", EVE_AS_PACKET, a->flags & ALERT_TX ? a->tx_id : UINT64_MAX, p->time);
	w->overwrite[0] = w->overwrite[1] = NULL;
	write_tunnel(&j, p);
	if (a->flags & ALERT_TX_GUESSED)
		json_bool(&j, "tx_guessed", true);
	eve_alert_object(&j, e, p, a, w->outputs->context.ips, has_xff && !e->options.xff_overwrite ? xff : NULL);
	if (e->options.app_layer && tx) {
		int d = packet_direction(p);
		eve_tx_object(&j, e, f->app, tx, d);
		write_files(&j, tx, d);
	}
	eve_app_proto(&j, f); /* whatever `metadata` says */
	if (f) {
		json_string(&j, "direction", packet_direction(p) ? "to_client" : "to_server");
		if (e->options.alert_flow)
			write_flow(&j, f);
	}
	if (e->options.payload || e->options.payload_printable || e->options.payload_length || e->options.packet)
		write_payload(w, e, &j, p, a);
	if (e->options.packet)
		write_packet(&j, p);
	if (e->options.alert_verdict)
		eve_verdict(&j, p, w->outputs);
	if (a->policy) {
		json_open(&j, "sluice");
		json_string(&j, "policy", a->policy->why);
		json_string(&j, "do", policy_action_names[a->policy->action]);
		if (a->policy->slow_name)
			json_string(&j, "class", a->policy->slow_name);
		json_close(&j);
	}
	eve_end(w, e, &j);
}

static void write_tagged(struct output_worker *w, const struct eve *e, struct packet *p)
{
	struct json j = eve_begin(w, e, p, p->flow, "packet", EVE_AS_PACKET, UINT64_MAX, p->time);
	write_packet(&j, p);
	eve_end(w, e, &j);
}

void eve_alerts(struct output_worker *w, const struct eve *e, struct packet *p)
{
	const struct detect_scratch *s = w->detect;
	for (unsigned i = 0; i < s->n_alerts; i++)
		if (!(s->alert[i].sig->flags & SIG_NOALERT))
			write_alert(w, e, p, &s->alert[i]);
	if (e->options.tagged_packets && s->n_alerts == 0 && respond_tagged(w->respond, p, p->flow, p->time))
		write_tagged(w, e, p);
}
