// SPDX-License-Identifier: GPL-2.0-or-later
/* Headers: RFC 9000 17.2, RFC 9369 3.2; Google's Q046 (lengths of ids as halves of one byte) and its public header before. */
#include "app/quic/quic.h"

enum { LONG_FORM = 0x80, FIXED_BIT = 0x40 };
enum public_flag { PUBLIC_VERSION = 0x01, PUBLIC_NONCE = 0x04, PUBLIC_CID = 0x08, PUBLIC_NONCE_SIZE = 32 };

bool quic_varint(struct reader *r, uint64_t *out)
{
	uint8_t first = reader_u8(r);
	uint64_t v = first & 0x3f;
	for (unsigned n = (1u << (first >> 6)) - 1; n; n--)
		v = v << 8 | reader_u8(r);
	*out = v;
	return !r->failed;
}

bool quic_is_google(uint32_t version)
{
	return version == 0x51303339 || (version >= 0x51303433 && version <= 0x51303436); /* Q039, Q043 to Q046 */
}

/* Which of the four packet types the two bits mean depends on the version. */
static enum quic_type type_of(uint8_t first, uint32_t version)
{
	unsigned bits = first >> 4 & 3;
	if (version == 0)
		return QUIC_VERSION_NEGOTIATION;
	return (enum quic_type)(version == QUIC_VERSION_2 ? (bits + 3) & 3 : bits);
}

static bool ids_google(struct reader *r, struct quic_header *out)
{
	uint8_t lengths = reader_u8(r);
	out->dcid = reader_bytes(r, lengths >> 4 ? (lengths >> 4) + 3u : 0);
	out->scid = reader_bytes(r, lengths & 15 ? (lengths & 15) + 3u : 0);
	return !r->failed;
}

static bool ids(struct reader *r, struct quic_header *out)
{
	uint8_t n = reader_u8(r);
	out->dcid = reader_bytes(r, n);
	uint8_t m = reader_u8(r);
	out->scid = reader_bytes(r, m);
	/* RFC 8999 5.1: versions that are not known may have longer ones */
	return !r->failed && ((n <= QUIC_MAX_CID && m <= QUIC_MAX_CID) || !quic_is_known(out->version));
}

/* What follows the ids: of an Initial the token; the length of the rest, unless all that is left belongs to it. */
static bool length(struct reader *r, struct quic_header *out)
{
	uint64_t n = 0;
	if (out->type == QUIC_RETRY || out->type == QUIC_VERSION_NEGOTIATION) {
		out->payload = reader_left(r);
		return true;
	}
	if (out->type == QUIC_INITIAL) {
		if (!quic_varint(r, &n) || n > reader_left(r))
			return false;
		reader_skip(r, (size_t)n);
	}
	if (!quic_varint(r, &n) || n > reader_left(r))
		return false;
	out->payload = (size_t)n;
	return true;
}

static bool read_long(struct reader *r, uint8_t first, struct quic_header *out)
{
	out->version = reader_u32(r);
	out->type = type_of(first, out->version);
	if (!quic_is_google(out->version))
		return ids(r, out) && length(r, out);
	if (!ids_google(r, out))
		return false;
	reader_skip(r, (first & 3) + 1u); /* packet number */
	reader_skip(r, QUIC_GOOGLE_HASH);
	out->payload = reader_left(r);
	return !r->failed;
}

/* Without a version there is nothing to learn: those packets are taken for short headers. */
static bool read_public(struct reader *r, uint8_t first, struct quic_header *out)
{
	if (first & PUBLIC_CID)
		out->dcid = reader_bytes(r, 8);
	else if (first & PUBLIC_NONCE)
		reader_skip(r, PUBLIC_NONCE_SIZE);
	out->version = reader_u32(r);
	out->type = QUIC_INITIAL;
	reader_skip(r, first >> 4 & 3 ? (first >> 4 & 3) * 2u : 1); /* packet number of 1, 2, 4, 6 bytes */
	if (quic_is_google(out->version))
		reader_skip(r, QUIC_GOOGLE_HASH);
	out->payload = reader_left(r);
	return !r->failed;
}

bool quic_header_read(struct bytes data, struct quic_header *out)
{
	struct reader r = reader_over(data);
	*out = (struct quic_header){.type = QUIC_SHORT};
	uint8_t first = reader_u8(&r);
	bool ok = !r.failed;
	if (first & LONG_FORM)
		ok = read_long(&r, first, out);
	else if (!(first & FIXED_BIT) && first & PUBLIC_VERSION)
		ok = read_public(&r, first, out);
	out->len = data.len - reader_left(&r);
	return ok && !r.failed;
}
