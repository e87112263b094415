// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Private to output/: one eve-log of the configuration, what it wants, and the writers of its records. One file a kind of
 * record: alert, anomaly, drop, file, flow, stats.
 */
#pragma once

#include "app/log.h"
#include "output/output.h"
#include "output/sink.h"

enum eve_kind { /* records that are no protocol's; bits */
	EVE_ALERT = 1, EVE_ANOMALY = 2, EVE_FLOW = 4, EVE_NETFLOW = 8, EVE_FILE = 16, EVE_DROP = 32, EVE_STATS = 64, EVE_ARP = 128, EVE_PACKET = 256,
};

struct eve_options {
	uint32_t kinds;
	/* of all records */
	bool vars, community_id, version, ethernet, pcap_file;
	uint16_t community_seed;
	/* alert */
	bool payload, payload_printable, payload_length, packet, app_layer, alert_flow, rule_metadata, rule_raw, rule_reference;
	bool http_body, http_body_printable, tagged_packets, alert_verdict;
	uint64_t payload_size;
	/* anomaly */
	bool decode, stream, applayer, packethdr;
	/* drop */
	bool drop_alerts, drop_all, drop_verdict, drop_named;
	/* files */
	bool force_magic, force_md5, force_sha1, force_sha256;
	/* stats */
	bool totals, null_values;
	/* xff */
	bool xff, xff_overwrite, xff_forward;
	const char *xff_header;   /* its name */
	struct app_log_options app;
	uint64_t loggers;         /* bit n: the n-th logger of all protocols in order is on */
};

struct eve {
	struct eve_options options;
	struct sink *sink;
	struct eve *next;
};

struct outputs {
	struct conf *conf;
	struct output_context context;
	struct eve *eves;
	struct sink *fast;
	struct sink *sinks;
	struct sink_writer *writer; /* NULL: who fills a piece writes it */
	bool none, stats_on;
	uint32_t drop_limit;     /* respond.drop-records: a second and worker; 0: as many as there are */
	bool failed;             /* writing has failed, in a folder that may be closed already: said once for all */
	usec_t opened;
	uint64_t stats_written;
};

struct output_worker {
	struct outputs *outputs;
	struct detect_scratch *detect;
	struct responder *respond;
	struct stream_engine *streams;
	struct app_worker *app;
	const char *pcap_file;
	struct buffer line, scratch;
	uint8_t *payload;         /* room for alert payloads */
	size_t payload_room;
	const char *overwrite[2]; /* address to show as source, destination (xff); NULL: the packet's */
	bool ether_type;          /* the record says the frame's type */
	usec_t drop_second;       /* when drop_records were counted from */
	uint32_t drop_records;
};

/* Which way round a record names the ends. */
enum eve_direction { EVE_AS_PACKET, EVE_AS_FLOW, EVE_TO_SERVER, EVE_TO_CLIENT };

/* Opens a record with the members all have, from timestamp to community_id. `tx_id` UINT64_MAX: none. */
struct json eve_begin(struct output_worker *w, const struct eve *e, const struct packet *p, struct flow *f, const char *type,
		      enum eve_direction direction, uint64_t tx_id, usec_t time);
void eve_end(struct output_worker *w, const struct eve *e, struct json *j);

void eve_ports_and_proto(struct json *j, uint8_t proto, uint16_t sport, uint16_t dport);
void eve_app_proto(struct json *j, const struct flow *f);
void eve_vars(struct output_worker *w, struct json *j, const struct packet *p, const struct flow *f);
void eve_verdict(struct json *j, const struct packet *p, const struct outputs *o);
void eve_alert_object(struct json *j, const struct eve *e, const struct packet *p, const struct alert *a, bool ips, const char *xff);
/* The protocol's own object of a transaction, as its logger writes it. False: none. */
bool eve_tx_object(struct json *j, const struct eve *e, struct app_flow *a, struct app_tx *tx, int direction);
void eve_file_members(struct json *j, const struct file *f, const struct app_tx *tx);
const char *eve_proto_name(uint8_t proto, char number[4]);

void eve_alerts(struct output_worker *w, const struct eve *e, struct packet *p);
void eve_packet_anomalies(struct output_worker *w, const struct eve *e, struct packet *p);
void eve_app_anomalies(struct output_worker *w, const struct eve *e, struct packet *p, struct flow *f);
void eve_drop(struct output_worker *w, const struct eve *e, struct packet *p);
void eve_file(struct output_worker *w, const struct eve *e, struct packet *p, struct flow *f, struct app_tx *tx, const struct file *file, int direction);
void eve_flow(struct output_worker *w, const struct eve *e, struct flow *f, usec_t now);
void eve_netflow(struct output_worker *w, const struct eve *e, struct flow *f, usec_t now);
/* The address that a proxy's header names: of this transaction, or (NULL) of the first of the flow that has one. */
enum { EVE_XFF_TEXT = 46 };
bool eve_xff(const struct eve *e, const struct flow *f, struct app_tx *tx, char out[EVE_XFF_TEXT]);
void eve_arp(struct output_worker *w, const struct eve *e, struct packet *p);
/* A flow's exceptions into stats.exception_policy, once when it ends. */
void output_count_exceptions(struct counters *c, const struct flow *f);
void eve_mac(struct json *j, const char *key, const uint8_t *m);
void fast_alerts(struct output_worker *w, struct packet *p);
