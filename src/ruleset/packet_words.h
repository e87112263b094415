// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A packet in words, as people type it:
 *
 *   tcp 192.0.2.7:40000 > 198.51.100.9:443 syn, iif eth0
 *   udp dport 53 iif eth0        icmp 10.0.0.1 > 10.0.0.2 echo-request      icmpv6 fe80::1 > ff02::1 type 135
 *   arp 10.0.0.1 > 10.0.0.2 request, iif eth0                raw 4500001c…, iif eth0   (an IP packet)   frame 0200…08004500… (with its Ethernet header)
 *
 * What is not said is not known (the has_… fields); packet_build fills it with something usual. Commas may stand between words.
 */
#pragma once

#include "base/address.h"
#include "base/clock.h"
#include "base/error.h"

enum { PACKET_RAW_MAX = 2048, PACKET_NAME = 16 };

enum packet_words_kind { PACKET_WORDS_IP, PACKET_WORDS_ARP, PACKET_WORDS_RAW, PACKET_WORDS_FRAME };

struct packet_words {
	uint8_t kind;	/* enum packet_words_kind */
	uint8_t family; /* 4, 6; 0: not said (no address, `udp dport 53`) */
	bool has_proto, has_sport, has_dport, has_flags, has_type, has_code, has_id, has_ttl, has_tos, has_mark, has_ct_state, has_length, has_vlan, has_seq, has_ack,
		has_window, has_mss, has_ether_src, has_ether_dst, has_skuid, has_skgid;
	uint8_t proto; /* 6, 17, 1, 58, … */
	struct address src, dst; /* family 0: not said */
	uint16_t sport, dport;
	uint8_t flags; /* of TCP */
	uint8_t type, code; /* of ICMP, ARP's operation in type */
	uint16_t id;   /* of ICMP echo */
	uint8_t ttl, tos;
	uint32_t mark;
	uint32_t ct_state; /* NF_CT_STATE_…_BIT and 64 for untracked, as `ct state` has them */
	uint16_t length;   /* of the IP packet */
	uint16_t vlan;
	uint32_t seq, ack;
	uint16_t window, mss;
	uint32_t skuid, skgid;
	uint8_t ether_src[6], ether_dst[6];
	bool local;  /* made by this host */
	usec_t at;   /* after the first packet of a row */
	bool has_at;
	char iif[PACKET_NAME], oif[PACKET_NAME]; /* "": not said */
	uint8_t raw[PACKET_RAW_MAX];
	size_t raw_len;
};

/* -EINVAL with words; error->column is the place, from 1. */
int packet_words_parse(const char *text, struct packet_words *out, struct error *error);

/*
 * The packet as a frame of Ethernet, with right checksums; what was not said becomes usual (port 40000, TTL 64, SYN, …). Not said
 * addresses are those of the documentation (192.0.2.1, 198.51.100.1, 2001:db8::1, 2001:db8:1::1). Returns its length, 0: it does not fit.
 * A raw packet gets an Ethernet header.
 */
size_t packet_build(const struct packet_words *w, uint8_t *out, size_t room);
/* The same with data behind the header of transport. */
size_t packet_build_data(const struct packet_words *w, const void *data, size_t len, uint8_t *out, size_t room);

/*
 * A conversation that begins with the packet in words: a TCP handshake, data both ways, both FINs; question and answer of UDP and of ICMP echo; any other
 * packet alone. Whom the answers go to is for the caller to find (NAT). Returns how many steps.
 */
struct packet_flow_step {
	const char *what; /* "SYN", "SYN ACK", "data", … */
	bool reply;
	uint8_t flags;
	uint32_t seq, ack; /* of TCP, to be put in */
	const char *data;
};
size_t packet_flow_steps(const struct packet_words *w, const struct packet_flow_step **out);
