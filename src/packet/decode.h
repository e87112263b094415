// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Bytes on a link become packets. One file a header family; the table in decode.c says who reads which link type, Ethernet
 * type and IP protocol. Decoding never allocates: packets come from the decoder's own pool of a frame's worth.
 */
#pragma once

#include "base/conf.h"
#include "base/counters.h"
#include "packet/packet.h"

enum { DECODE_MAX_PACKETS = 32 }; /* of one frame; more is the event too_many_layers */

/* `decoder.*`, `vars.port-groups.{TEREDO,VXLAN,GENEVE}_PORTS` and the like. */
struct decode_settings {
	bool teredo, vxlan, geneve, erspan1;
	uint16_t teredo_ports[16], vxlan_ports[16], geneve_ports[16];
	uint8_t n_teredo_ports, n_vxlan_ports, n_geneve_ports; /* 0 Teredo ports: any */
	bool vxlan_reserved_strict; /* decoder.vxlan.reserved-bits-check */
	uint32_t max_layers; /* decoder.max-layers, 16 */
};
int decode_settings_read(struct decode_settings *s, struct conf *conf, struct error *error);

/* One for each worker. */
struct decoder {
	const struct decode_settings *settings;
	struct counters *counters;
	uint64_t *event_counts;  /* EVENT_N_ of them */
	struct packet packet[DECODE_MAX_PACKETS];
	unsigned n_packets;
	struct packet *first, *last; /* the list being made */
};

void decoder_init(struct decoder *d, const struct decode_settings *settings, struct counters *counters, uint64_t *event_counts);

/* What a capture knows of a frame. */
struct frame {
	struct bytes bytes;
	uint32_t wire_len;
	int link_type;
	usec_t time;
	uint64_t number;
	uint32_t packet_flags; /* PACKET_CHECKSUM_READY, _PARTIAL, PACKET_IGNORE_CHECKSUM, PACKET_SUPER */
	int in_interface;
};

/*
 * Decodes a frame. Returns the list of its packets, inner before outer, never NULL (a frame that is no packet is one packet
 * with events). Valid until the next call. Counts decoder.* and every event.
 */
struct packet *decode_frame(struct decoder *d, const struct frame *frame);

/*
 * A datagram put together from fragments (flow/defrag.h) becomes a packet as if it had come alone: `ip` holds it with its IP
 * header. Its inner packets come with it; the list is for the caller to insert. `of` is the fragment that completed it. Before the
 * header stand packet_link_len(of) bytes, the fragment's headers below IP: its frame begins there.
 */
struct packet *decode_datagram(struct decoder *d, struct packet *of, struct bytes ip);

/* True for the link types that decode_frame knows. */
bool decode_knows_link(int link_type);
