// SPDX-License-Identifier: GPL-2.0-or-later
/* TCP (RFC 9293) and its options. */
#include "packet/layers.h"

enum { TCP_HEADER = 20 };
enum { OPT_EOL = 0, OPT_NOP = 1, OPT_MSS = 2, OPT_WSCALE = 3, OPT_SACK_OK = 4, OPT_SACK = 5, OPT_TIMESTAMP = 8, OPT_FAST_OPEN = 34, OPT_EXPERIMENT = 254 };

static void read_sack(struct packet *p, struct bytes o)
{
	struct tcp_layer *t = &p->tcp;
	if (o.len < 10 || o.len > 34 || (o.len - 2) % 8) {
		packet_add_event(p, EVENT_TCP_OPT_INVALID_LEN);
		return;
	}
	if (t->n_sack) {
		packet_add_event(p, EVENT_TCP_OPT_DUPLICATE);
		return;
	}
	for (size_t at = 2; at < o.len && t->n_sack < PACKET_MAX_SACK; at += 8, t->n_sack++) {
		t->sack[t->n_sack].left = load_be32(o.data + at);
		t->sack[t->n_sack].right = load_be32(o.data + at + 4);
	}
}

/* A cookie is 4 to 16 bytes of even length; none is a request for one (RFC 7413 section 4.1.1). */
static void read_fast_open(struct packet *p, size_t cookie)
{
	if (cookie && (cookie < 4 || cookie > 16 || cookie % 2)) {
		packet_add_event(p, EVENT_TCP_OPT_INVALID_LEN);
	} else if (p->tcp.has_fast_open) {
		packet_add_event(p, EVENT_TCP_OPT_DUPLICATE);
	} else {
		p->tcp.has_fast_open = true;
		p->tcp.fast_open_len = (uint8_t)cookie;
	}
}

/* True if an option of fixed length is right and new; what is odd is an event. */
static bool take(struct packet *p, struct bytes o, size_t len, bool *has)
{
	if (o.len != len) {
		packet_add_event(p, EVENT_TCP_OPT_INVALID_LEN);
		return false;
	}
	if (*has) {
		packet_add_event(p, EVENT_TCP_OPT_DUPLICATE);
		return false;
	}
	*has = true;
	return true;
}

static void read_option(struct packet *p, struct bytes o)
{
	struct tcp_layer *t = &p->tcp;
	switch (o.data[0]) {
	case OPT_MSS:
		if (take(p, o, 4, &t->has_mss))
			t->mss = load_be16(o.data + 2);
		break;
	case OPT_WSCALE:
		if (take(p, o, 3, &t->has_wscale))
			t->wscale = o.data[2] > 14 ? 14 : o.data[2]; /* RFC 7323 section 2.3 */
		break;
	case OPT_SACK_OK:
		take(p, o, 2, &t->has_sack_ok);
		break;
	case OPT_SACK:
		read_sack(p, o);
		break;
	case OPT_TIMESTAMP:
		if (take(p, o, 10, &t->has_timestamp)) {
			t->ts_value = load_be32(o.data + 2);
			t->ts_echo = load_be32(o.data + 6);
		}
		break;
	case OPT_FAST_OPEN:
		read_fast_open(p, o.len - 2);
		break;
	case OPT_EXPERIMENT: /* fast open before it had a number of its own, RFC 6994 */
		if (o.len >= 4 && load_be16(o.data + 2) == 0xf989)
			read_fast_open(p, o.len - 4);
		break;
	}
}

static void decode_options(struct packet *p, struct bytes b)
{
	while (b.len) {
		if (b.data[0] == OPT_EOL)
			return;
		if (b.data[0] == OPT_NOP) {
			b = bytes_from(b, 1);
			continue;
		}
		if (b.len < 2)
			return;
		if (b.data[1] < 2 || b.data[1] > b.len) {
			packet_add_event(p, EVENT_TCP_OPT_INVALID_LEN);
			return;
		}
		read_option(p, bytes_slice(b, 0, b.data[1]));
		b = bytes_from(b, b.data[1]);
	}
}

/* No-operation, no-operation, timestamp: what nearly every segment carries. */
static bool read_common_options(struct tcp_layer *t, struct bytes b)
{
	if (b.len != 12 || load_be32(b.data) != 0x0101080a)
		return false;
	t->has_timestamp = true;
	t->ts_value = load_be32(b.data + 4);
	t->ts_echo = load_be32(b.data + 8);
	return true;
}

void decode_tcp(struct decoder *d, struct packet *p, struct bytes b)
{
	COUNT(d->counters, DECODER_TCP);
	if (b.len < TCP_HEADER) {
		packet_add_event(p, EVENT_TCP_PKT_TOO_SMALL);
		return;
	}
	struct tcp_layer *t = &p->tcp;
	uint8_t header_len = (uint8_t)((b.data[12] >> 4) * 4);
	if (header_len > b.len) {
		packet_add_event(p, EVENT_TCP_HLEN_TOO_SMALL);
		return;
	}
	if (header_len < TCP_HEADER) {
		packet_add_event(p, EVENT_TCP_INVALID_OPTLEN);
		return;
	}
	p->sport = load_be16(b.data);
	p->dport = load_be16(b.data + 2);
	t->seq = load_be32(b.data + 4);
	t->ack = load_be32(b.data + 8);
	t->header_len = header_len;
	t->reserved = b.data[12] & 0xf;
	t->flags = b.data[13];
	t->window = load_be16(b.data + 14);
	t->urgent = load_be16(b.data + 18);
	struct bytes options = bytes_slice(b, TCP_HEADER, header_len - TCP_HEADER);
	if (options.len && !read_common_options(t, options))
		decode_options(p, options);
	p->payload = bytes_from(b, header_len);
	p->is_tcp = true;
}
