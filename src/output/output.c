// SPDX-License-Identifier: GPL-2.0-or-later
/* When records are due: after a packet, after its transactions, at a flow's end, at the end of all. */
#include "output/eve.h"

#include <stdlib.h>
#include <string.h>

void output_packet(struct output_worker *w, struct packet *p, const char *pcap_file)
{
	struct outputs *o = w->outputs;
	w->pcap_file = pcap_file;
	if (!o->eves && !o->fast)
		return;
	if (o->fast && w->detect->n_alerts)
		fast_alerts(w, p);
	for (const struct eve *e = o->eves; e; e = e->next) {
		if (p->arp.len && e->options.kinds & EVE_ARP)
			eve_arp(w, e, p);
		if (e->options.kinds & EVE_ALERT)
			eve_alerts(w, e, p);
		if (p->n_events && e->options.kinds & EVE_ANOMALY)
			eve_packet_anomalies(w, e, p);
		if (p->action & ACTION_DROP && e->options.kinds & EVE_DROP)
			eve_drop(w, e, p);
	}
	if (p->action & ACTION_DROP && p->flow && p->flow->flags & FLOW_ACTION_DROP)
		p->flow->flags |= packet_direction(p) ? FLOW_WAS_DROP_LOGGED_TC : FLOW_WAS_DROP_LOGGED_TS;
}

static void log_files(struct output_worker *w, struct flow *f, struct app_tx *tx, struct packet *p, bool flow_ends)
{
	for (int d = 0; d < 2; d++) {
		for (struct file *file = tx->files[d]; file; file = file->next) {
			if (file->logged || (file->state == FILE_OPEN && !flow_ends))
				continue;
			for (const struct eve *e = w->outputs->eves; e; e = e->next)
				if (e->options.kinds & EVE_FILE)
					eve_file(w, e, p, f, tx, file, d);
			file->logged = true;
		}
	}
}

static void write_tx(struct output_worker *w, const struct eve *e, struct flow *f, struct app_tx *tx, struct packet *p,
		     const struct app_logger *l, int direction)
{
	bool as_flow = !l->by_direction || (l->as_flow && l->as_flow(&e->options.app));
	enum eve_direction ends = !as_flow ? (direction ? EVE_TO_CLIENT : EVE_TO_SERVER) : EVE_AS_FLOW;
	struct json j = eve_begin(w, e, p, f, l->type, ends, l->with_tx_id ? tx->id : UINT64_MAX, p->time);
	struct app_log_options o = e->options.app;
	o.in_alert = false;
	if (l->log(&j, f->app, tx, direction, &o))
		eve_end(w, e, &j);
}

/* Whether a logger's states are reached: both, or each by itself for records by direction. */
static bool tx_is_due(const struct app_flow *a, const struct app_logger *l, const struct app_tx *tx, int direction, bool flow_ends)
{
	if (flow_ends)
		return true;
	if (l->ready)
		return l->ready(a, tx);
	if (l->by_direction)
		return tx->state[direction] >= l->state[direction];
	return tx->state[0] >= l->state[0] && tx->state[1] >= l->state[1];
}

static unsigned first_logger(const struct app_proto *p)
{
	unsigned n = 0;
	for (size_t i = 0; app_protocols[i] && app_protocols[i] != p; i++)
		n += (unsigned)app_protocols[i]->n_loggers;
	return n;
}

static void log_tx(struct output_worker *w, struct flow *f, struct app_tx *tx, struct packet *p, bool flow_ends)
{
	const struct app_proto *proto = f->app->proto;
	unsigned base = first_logger(proto);
	for (unsigned k = 0; k < proto->n_loggers; k++) {
		const struct app_logger *l = &proto->loggers[k];
		for (int d = 0; d < (l->by_direction ? 2 : 1); d++) {
			uint32_t bit = 1u << (k * 2 + (unsigned)d);
			if (tx->logged & bit || !tx_is_due(f->app, l, tx, d, flow_ends))
				continue;
			for (const struct eve *e = w->outputs->eves; e; e = e->next)
				if (base + k < 64 && e->options.loggers >> (base + k) & 1)
					write_tx(w, e, f, tx, p, l, d);
			tx->logged |= bit;
		}
	}
}

void output_transactions(struct output_worker *w, struct flow *f, struct packet *p, bool flow_ends)
{
	struct app_flow *a = f->app;
	if (!a)
		return;
	for (const struct eve *e = w->outputs->eves; e; e = e->next)
		if (e->options.kinds & EVE_ANOMALY)
			eve_app_anomalies(w, e, p, f);
	a->events_logged = a->n_events;
	for (struct app_tx *tx = a->first; tx && a->proto; tx = tx->next) {
		tx->events_logged = tx->n_events;
		if (tx->files[0] || tx->files[1])
			log_files(w, f, tx, p, flow_ends);
		log_tx(w, f, tx, p, flow_ends);
	}
}

void output_flow(struct output_worker *w, struct flow *f, usec_t now)
{
	if (f->exceptions)
		output_count_exceptions(w->detect->counters, f);
	f->tx_count = f->app ? f->app->n_tx : 0;
	for (const struct eve *e = w->outputs->eves; e; e = e->next) {
		if (e->options.kinds & EVE_FLOW)
			eve_flow(w, e, f, now);
		if (e->options.kinds & EVE_NETFLOW)
			eve_netflow(w, e, f, now);
	}
}
