// SPDX-License-Identifier: GPL-2.0-or-later
/* IPv6 (RFC 8200) and its extension headers. */
#include "packet/layers.h"

enum { IP6_HEADER = 40, FRAGMENT_HEADER = 8 };
enum {
	NEXT_HOP = 0, NEXT_ROUTING = 43, NEXT_FRAGMENT = 44, NEXT_NONE = 59, NEXT_DEST = 60, NEXT_MOBILITY = 135, NEXT_HIP = 139, NEXT_SHIM6 = 140,
};

/* The walk over the extension headers. */
struct walk {
	struct packet *p;
	struct bytes rest;    /* from the next header on */
	size_t at;            /* its place in the packet */
	size_t prev;          /* place of the byte that names it */
	uint8_t next;         /* what it is */
	bool seen_hop, seen_routing, seen_fragment, seen_ah;
	uint8_t n_dest;
};

static bool option_len_ok(uint8_t type, uint8_t len)
{
	switch (type) {
	case 0x05: return len == 2;  /* router alert, RFC 2711 */
	case 0xc2: return len == 4;  /* jumbo payload, RFC 2675 */
	case 0xc9: return len == 16; /* home address, RFC 6275 */
	default: return true;
	}
}

/* Options of hop-by-hop and destination headers (RFC 8200 section 4.2); `b` is what follows the first two bytes. */
static void walk_options(struct packet *p, struct bytes b, enum packet_event unknown, enum packet_event only_padding)
{
	struct reader r = reader_over(b);
	bool other = false;
	while (reader_left(&r)) {
		uint8_t type = reader_u8(&r);
		if (type == 0) /* Pad1 */
			continue;
		uint8_t len = reader_u8(&r);
		if (r.failed || len > reader_left(&r) || !option_len_ok(type, len)) {
			packet_add_event(p, EVENT_IPV6_EXTHDR_INVALID_OPTLEN);
			break;
		}
		if (type == 1 && len == 0)
			packet_add_event(p, EVENT_IPV6_ZERO_LEN_PADN);
		else if (type != 1)
			other = true;
		if (type != 1 && type != 0x05 && type != 0xc2 && type != 0xc9)
			packet_add_event(p, unknown);
		reader_skip(&r, len);
	}
	if (!other)
		packet_add_event(p, only_padding);
}

/* Goes behind a header of `len` bytes. False: it is not all there. */
static bool walk_on(struct walk *w, size_t len)
{
	if (len > w->rest.len) {
		packet_add_event(w->p, EVENT_IPV6_TRUNC_EXTHDR);
		return false;
	}
	w->prev = w->at;
	w->next = w->rest.data[0];
	w->at += len;
	w->rest = bytes_from(w->rest, len);
	return true;
}

/* Length of a header whose second byte counts 8-byte units beyond the first; 0: too short to say. */
static size_t header_len(const struct walk *w)
{
	return w->rest.len < 2 ? SIZE_MAX : (w->rest.data[1] + 1u) * 8u;
}

static bool walk_hop(struct walk *w)
{
	struct bytes b = w->rest;
	size_t len = header_len(w);
	if (!walk_on(w, len))
		return false;
	if (w->seen_hop) {
		packet_add_event(w->p, EVENT_IPV6_EXTHDR_DUPL_HH);
		return true;
	}
	w->seen_hop = w->p->ip6.has_hop_options = true;
	walk_options(w->p, bytes_slice(b, 2, len - 2), EVENT_IPV6_HOPOPTS_UNKNOWN_OPT, EVENT_IPV6_HOPOPTS_ONLY_PADDING);
	return true;
}

static bool walk_dest(struct walk *w)
{
	struct bytes b = w->rest;
	size_t len = header_len(w);
	if (!walk_on(w, len))
		return false;
	if (++w->n_dest > 2) { /* once before the routing header, once before the upper layer */
		packet_add_event(w->p, EVENT_IPV6_EXTHDR_DUPL_DH);
		return true;
	}
	w->p->ip6.has_dest_options = true;
	walk_options(w->p, bytes_slice(b, 2, len - 2), EVENT_IPV6_DSTOPTS_UNKNOWN_OPT, EVENT_IPV6_DSTOPTS_ONLY_PADDING);
	return true;
}

static bool walk_routing(struct walk *w)
{
	struct bytes b = w->rest;
	if (!walk_on(w, header_len(w)))
		return false;
	if (w->seen_routing)
		packet_add_event(w->p, EVENT_IPV6_EXTHDR_DUPL_RH);
	else if (b.data[2] == 0)
		packet_add_event(w->p, EVENT_IPV6_RH_TYPE_0);
	w->seen_routing = w->p->ip6.has_routing = true;
	return true;
}

static bool walk_ah(struct walk *w)
{
	enum { AH_LEAST = 12 };
	struct bytes b = w->rest;
	size_t len = b.len < 2 ? SIZE_MAX : (b.data[1] + 2u) * 4u;
	if (len != SIZE_MAX && len < AH_LEAST) /* RFC 4302 section 2.2: never less than the fixed part */
		len = b.data[1] ? AH_LEAST : 8;
	if (!walk_on(w, len))
		return false;
	if (b.data[2] || b.data[3])
		packet_add_event(w->p, EVENT_IPV6_EXTHDR_AH_RES_NOT_NULL);
	if (w->seen_ah)
		packet_add_event(w->p, EVENT_IPV6_EXTHDR_DUPL_AH);
	w->seen_ah = true;
	return true;
}

/* The first fragment holds the whole chain of headers (RFC 7112): is the one behind the fragment header there? */
static bool upper_header_there(const struct walk *w)
{
	static const uint8_t least[256] = {[PROTO_TCP] = 20, [PROTO_UDP] = 8, [PROTO_ICMPV6] = 8, [PROTO_SCTP] = 12};
	return w->rest.len >= least[w->next];
}

/* False also for a real fragment: what follows is not a header of ours to read. */
static bool walk_fragment(struct walk *w)
{
	struct packet *p = w->p;
	size_t at = w->at, prev = w->prev;
	struct bytes b = w->rest;
	if (!walk_on(w, FRAGMENT_HEADER))
		return false;
	if (w->seen_fragment) {
		packet_add_event(p, EVENT_IPV6_EXTHDR_DUPL_FH);
		return true;
	}
	w->seen_fragment = true;
	uint16_t field = load_be16(b.data + 2);
	p->ip6.has_fragment = true;
	p->ip6.more_fragments = field & 1;
	p->ip6.frag_offset = field & 0xfff8;
	p->ip6.frag_id = load_be32(b.data + 4);
	p->ip6.frag_header_offset = (uint32_t)at;
	p->ip6.frag_prev_header_offset = (uint32_t)prev;
	if (b.data[1])
		packet_add_event(p, EVENT_IPV6_FH_NON_ZERO_RESERVED_FIELD);
	if (p->ip6.more_fragments && w->rest.len % 8)
		packet_add_event(p, EVENT_IPV6_FRAG_INVALID_LENGTH);
	if (!p->ip6.more_fragments && !p->ip6.frag_offset) {
		packet_add_event(p, EVENT_IPV6_EXTHDR_USELESS_FH); /* an atomic fragment, RFC 6946: whole by itself */
		if (upper_header_there(w))
			return true;
		packet_add_event(p, EVENT_IPV6_TRUNC_EXTHDR);
		return false;
	}
	p->flags |= PACKET_FRAGMENT;
	return false;
}

/* Steps over one extension header. False: the walk ends here, `done` says whether at an upper layer. */
static bool walk_step(struct walk *w, bool *upper)
{
	*upper = false;
	switch (w->next) {
	case NEXT_HOP: return walk_hop(w);
	case NEXT_DEST: return walk_dest(w);
	case NEXT_ROUTING: return walk_routing(w);
	case NEXT_FRAGMENT: return walk_fragment(w);
	case PROTO_AH: return walk_ah(w);
	case NEXT_MOBILITY:
	case NEXT_HIP:
	case NEXT_SHIM6: return walk_on(w, header_len(w));
	case NEXT_NONE:
		if (w->rest.len)
			packet_add_event(w->p, EVENT_IPV6_DATA_AFTER_NONE_HEADER);
		return false;
	default:
		*upper = true;
		return false;
	}
}

static void read_header(struct packet *p, struct bytes b, size_t len)
{
	uint32_t first = load_be32(b.data);
	p->ip_version = 6;
	p->ttl = b.data[7];
	p->src.family = p->dst.family = 6;
	memcpy(p->src.byte, b.data + 8, 16);
	memcpy(p->dst.byte, b.data + 24, 16);
	p->ip6.payload_len = load_be16(b.data + 4);
	p->ip6.traffic_class = (uint8_t)(first >> 20);
	p->ip6.flow_label = first & 0xfffff;
	p->ip6.next_header = b.data[6];
	p->ip = bytes_slice(b, 0, len);
}

static void decode_upper(struct decoder *d, struct packet *p, struct walk *w)
{
	p->proto = w->next;
	p->transport = w->rest;
	if (p->proto == PROTO_ICMP) {
		packet_add_event(p, EVENT_IPV6_ICMPV4);
	} else if (!decode_transport(d, p, w->rest)) {
		packet_add_event(p, EVENT_IPV6_UNKNOWN_NEXT_HEADER);
		p->payload = w->rest;
	}
}

/* EVENT_N_ if it is right; then `len` bytes of `b` are the packet. */
static enum packet_event check_header(struct packet *p, struct bytes b, size_t *len)
{
	if (b.len < IP6_HEADER)
		return EVENT_IPV6_PKT_TOO_SMALL;
	if (b.data[0] >> 4 != 6)
		return EVENT_IPV6_WRONG_IP_VERSION;
	*len = ip_len(p, IP6_HEADER + (size_t)load_be16(b.data + 4), IP6_HEADER, b);
	if (*len == SIZE_MAX)
		return EVENT_IPV6_TRUNC_PKT;
	return EVENT_N_;
}

void decode_ip6(struct decoder *d, struct packet *p, struct bytes b)
{
	COUNT(d->counters, DECODER_IPV6);
	if (!layer_enter(d, p))
		return;
	size_t len;
	enum packet_event wrong = check_header(p, b, &len);
	if (wrong != EVENT_N_) {
		packet_add_event(p, wrong);
		return;
	}
	read_header(p, b, len);
	struct walk w = {.p = p, .rest = bytes_from(p->ip, IP6_HEADER), .at = IP6_HEADER, .prev = 6, .next = b.data[6]};
	bool upper;
	while (walk_step(&w, &upper))
		;
	p->ip6.ext_len = (uint16_t)(w.at - IP6_HEADER);
	if (upper) {
		decode_upper(d, p, &w);
		return;
	}
	/* It ends at a fragment header, at no next header, or at a header that is not all there: that is the packet's protocol. */
	p->proto = p->flags & PACKET_FRAGMENT ? NEXT_FRAGMENT : w.next;
	if ((p->flags & PACKET_FRAGMENT) && !p->ip6.frag_offset)
		p->transport = w.rest;
}
