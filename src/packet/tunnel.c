// SPDX-License-Identifier: GPL-2.0-or-later
/* IP in IP, and tunnels over UDP: Teredo (RFC 4380), VXLAN (RFC 7348), Geneve (RFC 8926). */
#include "packet/layers.h"

void decode_ip4_in_ip(struct decoder *d, struct packet *p, struct bytes b)
{
	if (p->ip_version == 4) {
		COUNT(d->counters, DECODER_IPV4_IN_IPV4);
		decode_inner(d, p, b, TUNNEL_IPV4_IN_IPV4, decode_ip4);
		return;
	}
	COUNT(d->counters, DECODER_IPV4_IN_IPV6);
	if (b.len < 20)
		packet_add_event(p, EVENT_IPV6_IPV4_IN_IPV6_TOO_SMALL);
	else if (b.data[0] >> 4 != 4)
		packet_add_event(p, EVENT_IPV6_IPV4_IN_IPV6_WRONG_VERSION);
	else
		decode_inner(d, p, b, TUNNEL_IPV4_IN_IPV6, decode_ip4);
}

void decode_ip6_in_ip(struct decoder *d, struct packet *p, struct bytes b)
{
	if (p->ip_version == 4) {
		COUNT(d->counters, DECODER_IPV6_IN_IPV4);
		decode_inner(d, p, b, TUNNEL_IPV6_IN_IPV4, decode_ip6);
		return;
	}
	COUNT(d->counters, DECODER_IPV6_IN_IPV6);
	if (b.len < 40)
		packet_add_event(p, EVENT_IPV6_IPV6_IN_IPV6_TOO_SMALL);
	else if (b.data[0] >> 4 != 6)
		packet_add_event(p, EVENT_IPV6_IPV6_IN_IPV6_WRONG_VERSION);
	else
		decode_inner(d, p, b, TUNNEL_IPV6_IN_IPV6, decode_ip6);
}

static bool on_port(const uint16_t *port, unsigned n, const struct packet *p)
{
	for (unsigned i = 0; i < n; i++)
		if (p->sport == port[i] || p->dport == port[i])
			return true;
	return false;
}

/* Authentication and origin indication may stand before the IPv6 packet (RFC 4380 section 5.1.1). */
static void skip_teredo_headers(struct reader *r)
{
	if (reader_left(r) >= 4 && load_be16(r->p) == 0x0001) {
		reader_skip(r, 2);
		uint8_t id_len = reader_u8(r), auth_len = reader_u8(r);
		reader_skip(r, id_len + auth_len + 9u);
	}
	if (reader_left(r) >= 8 && load_be16(r->p) == 0x0000)
		reader_skip(r, 8);
}

bool decode_teredo(struct decoder *d, struct packet *p)
{
	struct reader r = reader_over(p->payload);
	skip_teredo_headers(&r);
	struct bytes b = reader_rest(&r);
	if (r.failed || b.len < 40 || b.data[0] >> 4 != 6 || load_be16(b.data + 4) + 40u != b.len)
		return false;
	COUNT(d->counters, DECODER_TEREDO);
	unsigned n_packets = d->n_packets;
	struct packet *last = d->last;
	struct packet *q = decode_inner(d, p, b, TUNNEL_TEREDO, decode_ip6);
	if (!q || !(q->flags & PACKET_INVALID))
		return q != NULL;
	/* Only looked like it: the guess is taken back, with what was made of it. */
	d->n_packets = n_packets;
	d->last = last;
	if (last)
		last->next = NULL;
	else
		d->first = NULL;
	p->inner = NULL;
	p->flags &= ~(uint32_t)PACKET_HAS_INNER;
	return false;
}

bool decode_vxlan(struct decoder *d, struct packet *p)
{
	enum { VXLAN_HEADER = 8 };
	struct bytes b = p->payload;
	if (b.len < VXLAN_HEADER + 14u || !(b.data[0] & 0x08))
		return false;
	if (d->settings->vxlan_reserved_strict && ((b.data[0] & ~0x08) || b.data[1] || b.data[2] || b.data[3] || b.data[7]))
		return false;
	COUNT(d->counters, DECODER_VXLAN);
	return decode_inner(d, p, bytes_from(b, VXLAN_HEADER), TUNNEL_VXLAN, decode_ethernet) != NULL;
}

bool decode_geneve(struct decoder *d, struct packet *p)
{
	enum { GENEVE_HEADER = 8 };
	struct bytes b = p->payload;
	if (b.len < GENEVE_HEADER || b.data[0] >> 6 != 0)
		return false;
	size_t header = GENEVE_HEADER + (b.data[0] & 0x3f) * 4u;
	if (header > b.len)
		return false;
	COUNT(d->counters, DECODER_GENEVE);
	struct bytes rest = bytes_from(b, header);
	switch (load_be16(b.data + 2)) {
	case 0x6558:
		return decode_inner(d, p, rest, TUNNEL_GENEVE, decode_ethernet) != NULL;
	case 0x0800:
		return decode_inner(d, p, rest, TUNNEL_GENEVE, decode_ip4) != NULL;
	case 0x86dd:
		return decode_inner(d, p, rest, TUNNEL_GENEVE, decode_ip6) != NULL;
	case 0x0806:
		return decode_inner(d, p, rest, TUNNEL_GENEVE, decode_arp) != NULL;
	default:
		packet_add_event(p, EVENT_GENEVE_UNKNOWN_PAYLOAD_TYPE);
		return false;
	}
}

bool decode_udp_tunnel(struct decoder *d, struct packet *p)
{
	const struct decode_settings *s = d->settings;
	if (s->teredo && (!s->n_teredo_ports || on_port(s->teredo_ports, s->n_teredo_ports, p)) && decode_teredo(d, p))
		return true;
	if (s->geneve && on_port(s->geneve_ports, s->n_geneve_ports, p) && decode_geneve(d, p))
		return true;
	return s->vxlan && on_port(s->vxlan_ports, s->n_vxlan_ports, p) && decode_vxlan(d, p);
}
