// SPDX-License-Identifier: GPL-2.0-or-later
/* Ethernet and the tags behind its addresses: 802.1Q, 802.1ad, 802.1ah, VN-Tag, 802.1BR E-Tag, Cisco FabricPath; ARP. */
#include "packet/layers.h"

enum { ETHER_HEADER = 14, DCE_HEADER = 16, IEEE8021AH_HEADER = 18, VLAN_HEADER = 4, VNTAG_HEADER = 6, ETAG_HEADER = 8 };

void decode_ethernet(struct decoder *d, struct packet *p, struct bytes b)
{
	COUNT(d->counters, DECODER_ETHERNET);
	if (!layer_enter(d, p))
		return;
	if (b.len < ETHER_HEADER) {
		packet_add_event(p, EVENT_ETHERNET_PKT_TOO_SMALL);
		return;
	}
	uint16_t type = load_be16(b.data + 12);
	p->ether = b.data;
	p->ether_type = type;
	if (type == 0x8903) { /* FabricPath's header stands where the addresses do: it needs to be seen whole */
		decode_dce(d, p, b);
		return;
	}
	if (!decode_ether_type(d, p, type, bytes_from(b, ETHER_HEADER))) {
		packet_add_event(p, EVENT_ETHERNET_UNKNOWN_ETHERTYPE);
		COUNT(d->counters, DECODER_UNKNOWN_ETHERTYPE);
	}
}

void decode_dce(struct decoder *d, struct packet *p, struct bytes b)
{
	if (b.len < DCE_HEADER) {
		packet_add_event(p, EVENT_DCE_PKT_TOO_SMALL);
		return;
	}
	decode_ethernet(d, p, bytes_from(b, DCE_HEADER));
}

static void count_vlan(struct decoder *d, unsigned n)
{
	switch (n) {
	case 1: COUNT(d->counters, DECODER_VLAN); break;
	case 2: COUNT(d->counters, DECODER_VLAN_QINQ); break;
	default: COUNT(d->counters, DECODER_VLAN_QINQINQ); break;
	}
}

void decode_vlan(struct decoder *d, struct packet *p, struct bytes b)
{
	if (!layer_enter(d, p))
		return;
	if (b.len < VLAN_HEADER) {
		packet_add_event(p, EVENT_VLAN_HEADER_TOO_SMALL);
		return;
	}
	if (p->n_vlans == PACKET_MAX_VLANS) {
		packet_add_event(p, EVENT_VLAN_TOO_MANY_LAYERS);
		return;
	}
	p->vlan[p->n_vlans++] = load_be16(b.data) & 0xfff;
	count_vlan(d, p->n_vlans);
	if (!decode_ether_type(d, p, load_be16(b.data + 2), bytes_from(b, VLAN_HEADER)))
		packet_add_event(p, EVENT_VLAN_UNKNOWN_TYPE);
}

/* 802.1ad has the form of 802.1Q; the outer tag of two. */
void decode_qinq(struct decoder *d, struct packet *p, struct bytes b)
{
	decode_vlan(d, p, b);
}

/* I-TAG (service identifier), then the customer's addresses and type. */
void decode_ieee8021ah(struct decoder *d, struct packet *p, struct bytes b)
{
	COUNT(d->counters, DECODER_IEEE8021AH);
	if (!layer_enter(d, p))
		return;
	if (b.len < IEEE8021AH_HEADER) {
		packet_add_event(p, EVENT_IEEE8021AH_HEADER_TOO_SMALL);
		return;
	}
	if (!decode_ether_type(d, p, load_be16(b.data + 16), bytes_from(b, IEEE8021AH_HEADER)))
		packet_add_event(p, EVENT_ETHERNET_UNKNOWN_ETHERTYPE);
}

void decode_vntag(struct decoder *d, struct packet *p, struct bytes b)
{
	COUNT(d->counters, DECODER_VNTAG);
	if (!layer_enter(d, p))
		return;
	if (b.len < VNTAG_HEADER) {
		packet_add_event(p, EVENT_VNTAG_HEADER_TOO_SMALL);
		return;
	}
	if (!decode_ether_type(d, p, load_be16(b.data + 4), bytes_from(b, VNTAG_HEADER)))
		packet_add_event(p, EVENT_VNTAG_UNKNOWN_TYPE);
}

/* Suricata has no event for a short E-Tag; the packet is of no further use. */
void decode_etag(struct decoder *d, struct packet *p, struct bytes b)
{
	if (!layer_enter(d, p))
		return;
	if (b.len < ETAG_HEADER) {
		p->flags |= PACKET_INVALID;
		return;
	}
	if (!decode_ether_type(d, p, load_be16(b.data + 6), bytes_from(b, ETAG_HEADER)))
		packet_add_event(p, EVENT_ETHERNET_UNKNOWN_ETHERTYPE);
}

/* Only Ethernet and IPv4 as EVE reports them; others are ARP all the same, without a message to show. */
void decode_arp(struct decoder *d, struct packet *p, struct bytes b)
{
	enum { ARP_LEN = 28 };
	COUNT(d->counters, DECODER_ARP);
	p->is_arp = true;
	if (b.len >= ARP_LEN && load_be16(b.data) == 1 && load_be16(b.data + 2) == 0x0800 && b.data[4] == 6 && b.data[5] == 4)
		p->arp = bytes_slice(b, 0, ARP_LEN);
}
