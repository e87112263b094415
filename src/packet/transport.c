// SPDX-License-Identifier: GPL-2.0-or-later
/* Small transports: UDP (RFC 768), SCTP (RFC 9260), IGMP, ESP (RFC 4303). */
#include "packet/layers.h"

void decode_udp(struct decoder *d, struct packet *p, struct bytes b)
{
	enum { UDP_HEADER = 8 };
	COUNT(d->counters, DECODER_UDP);
	if (b.len < UDP_HEADER) {
		packet_add_event(p, EVENT_UDP_HLEN_TOO_SMALL);
		return;
	}
	uint16_t len = load_be16(b.data + 4);
	if (len > b.len && !packet_has_event(p, EVENT_AFPACKET_TRUNC_PKT)) {
		packet_add_event(p, EVENT_UDP_PKT_TOO_SMALL);
		return;
	}
	if (len < UDP_HEADER) {
		packet_add_event(p, EVENT_UDP_LEN_INVALID);
		return;
	}
	p->sport = load_be16(b.data);
	p->dport = load_be16(b.data + 2);
	p->payload = bytes_slice(b, UDP_HEADER, len - UDP_HEADER);
	p->is_udp = true;
	decode_udp_tunnel(d, p);
}

void decode_sctp(struct decoder *d, struct packet *p, struct bytes b)
{
	enum { SCTP_HEADER = 12 };
	COUNT(d->counters, DECODER_SCTP);
	if (b.len < SCTP_HEADER) {
		packet_add_event(p, EVENT_SCTP_PKT_TOO_SMALL);
		return;
	}
	p->sport = load_be16(b.data);
	p->dport = load_be16(b.data + 2);
	p->payload = bytes_from(b, SCTP_HEADER);
	p->is_sctp = true;
}

/* Nothing to read in it that a rule could ask for; a short one has no event. */
void decode_igmp(struct decoder *d, struct packet *p, struct bytes b)
{
	p->payload = b;
}

void decode_esp(struct decoder *d, struct packet *p, struct bytes b)
{
	enum { ESP_HEADER = 8 };
	COUNT(d->counters, DECODER_ESP);
	if (b.len < ESP_HEADER) {
		packet_add_event(p, EVENT_ESP_PKT_TOO_SMALL);
		return;
	}
	p->esp_spi = load_be32(b.data);
	p->payload = bytes_from(b, ESP_HEADER);
	p->is_esp = true;
}
