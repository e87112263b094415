// SPDX-License-Identifier: GPL-2.0-or-later
/* Frames of Initial packets (RFC 9000 19), Google's streams, and the pieces of a hello put together. */
#include "app/quic/quic.h"

#include <nettle/md5.h>
#include <stdio.h>

enum frame { PADDING = 0, PING = 1, ACK = 2, ACK_ECN = 3, CRYPTO = 6, GOOGLE_STREAM = 0x80 };
enum { TAG_SIZE = 8, MAX_TAGS = 512, MESSAGE_HEADER = 4, GOOGLE_CYU = 0x51303433 /* Q043 */ };

/* Where a fragment belongs: the first of those with a greater offset. */
static unsigned place_of(const struct quic_crypto *c, uint32_t offset)
{
	unsigned i = c->n;
	while (i && c->fragment[i - 1].offset > offset)
		i--;
	return i;
}

/* False: there are too many, or one lies too far out. */
static bool fragment_add(struct quic_crypto *c, uint64_t offset, struct bytes data)
{
	if (offset > QUIC_MAX_CRYPTO || data.len > QUIC_MAX_CRYPTO - offset)
		return false;
	unsigned i = place_of(c, (uint32_t)offset);
	if (data.len == 0 || (i && c->fragment[i - 1].offset + c->fragment[i - 1].len >= offset + data.len))
		return true; /* nothing new: sent again */
	if (c->n == QUIC_MAX_FRAGMENTS || c->bytes.len + data.len > QUIC_MAX_CRYPTO)
		return false;
	uint32_t at = (uint32_t)c->bytes.len;
	buffer_add(&c->bytes, data.data, data.len);
	if (c->bytes.len < at + data.len)
		return false;
	memmove(c->fragment + i + 1, c->fragment + i, (c->n - i) * sizeof *c->fragment);
	c->fragment[i] = (struct quic_fragment){(uint32_t)offset, (uint32_t)data.len, at};
	c->n++;
	return true;
}

/* How far there is no hole. */
static uint32_t contiguous(const struct quic_crypto *c)
{
	uint32_t end = 0;
	for (unsigned i = 0; i < c->n && c->fragment[i].offset <= end; i++)
		if (c->fragment[i].offset + c->fragment[i].len > end)
			end = c->fragment[i].offset + c->fragment[i].len;
	return end;
}

/* The first `len` bytes, which are there. The first copy of a byte counts, as far as fragments begin in order. */
static void gather(const struct quic_crypto *c, uint8_t *out, uint32_t len)
{
	uint32_t end = 0;
	for (unsigned i = 0; i < c->n && end < len; i++) {
		const struct quic_fragment *f = &c->fragment[i];
		if (f->offset + f->len <= end)
			continue;
		uint32_t skip = end - f->offset, n = f->len - skip;
		if (n > len - end)
			n = len - end;
		memcpy(out + end, c->bytes.data + f->at + skip, n);
		end += n;
	}
}

static uint32_t message_len(const struct quic_crypto *c)
{
	uint8_t head[MESSAGE_HEADER];
	uint32_t have = contiguous(c);
	if (have < sizeof head)
		return 0;
	gather(c, head, sizeof head);
	uint32_t len = MESSAGE_HEADER + (load_be32(head) & 0xffffff);
	return len <= have ? len : 0;
}

bool quic_crypto_complete(const struct quic_crypto *c)
{
	return message_len(c) != 0;
}

struct bytes quic_crypto_message(const struct quic_crypto *c, struct arena *arena)
{
	uint32_t len = message_len(c);
	uint8_t *p = len ? arena_alloc(arena, len) : NULL;
	if (!p)
		return (struct bytes){0};
	gather(c, p, len);
	return bytes_of(p, len);
}

static bool read_ack(struct reader *r, bool ecn)
{
	uint64_t v, ranges;
	if (!quic_varint(r, &v) || !quic_varint(r, &v) || !quic_varint(r, &ranges) || !quic_varint(r, &v))
		return false;
	if (ranges > reader_left(r))
		return false;
	for (ranges = ranges * 2 + (ecn ? 3 : 0); ranges; ranges--)
		if (!quic_varint(r, &v))
			return false;
	return true;
}

static bool read_crypto(struct reader *r, struct quic_crypto *crypto, struct quic_said *said)
{
	uint64_t offset, len;
	if (!quic_varint(r, &offset) || !quic_varint(r, &len) || len > reader_left(r))
		return false;
	struct bytes data = reader_bytes(r, (size_t)len);
	if (crypto && !fragment_add(crypto, offset, data))
		said->too_long = true;
	return true;
}

/* 1fdoooss: a length may follow (d), the offset has no or 2 to 8 bytes (ooo), the stream's number 1 to 4 (ss). */
static bool read_google_stream(struct reader *r, uint8_t type, struct quic_said *said)
{
	unsigned o = type >> 2 & 7;
	reader_skip(r, (type & 3u) + 1 + (o ? o + 1 : 0));
	size_t len = type & 0x20 ? reader_u16(r) : reader_left(r);
	struct bytes data = reader_bytes(r, len);
	if (r->failed)
		return false;
	if (data.len >= 4 && memcmp(data.data, "CHLO", 4) == 0)
		said->chlo = bytes_from(data, 4);
	return true;
}

bool quic_frames_read(struct bytes payload, struct quic_crypto *crypto, struct quic_said *said)
{
	struct reader r = reader_over(payload);
	bool ok = true;
	while (ok && reader_left(&r)) {
		uint8_t type = reader_u8(&r);
		if (type & GOOGLE_STREAM) {
			ok = read_google_stream(&r, type, said);
			continue;
		}
		switch (type) {
		case PADDING:
		case PING:
			break;
		case ACK:
		case ACK_ECN:
			ok = read_ack(&r, type == ACK_ECN);
			break;
		case CRYPTO:
			ok = read_crypto(&r, crypto, said);
			break;
		default: /* the end of a connection, or what has no place here */
			return true;
		}
	}
	return ok;
}

static void hash(struct bytes text, char out[33])
{
	struct md5_ctx ctx;
	uint8_t digest[MD5_DIGEST_SIZE];
	md5_init(&ctx);
	md5_update(&ctx, text.len, text.data);
	md5_digest(&ctx, sizeof digest, digest);
	for (unsigned i = 0; i < sizeof digest; i++)
		snprintf(out + i * 2, 3, "%02x", digest[i]);
}

static struct bytes keep(struct arena *arena, struct bytes b)
{
	const uint8_t *p = b.len ? arena_copy(arena, b.data, b.len) : NULL;
	return bytes_of(p, p ? b.len : 0);
}

/* A tag's name: zero bytes fill it up. */
static size_t name_len(const uint8_t *name)
{
	size_t n = 4;
	while (n && name[n - 1] == 0)
		n--;
	return n;
}

/* After "CHLO": how many, two spare bytes, of each the tag and where its value ends; then the values. CYU lists the tags. */
bool quic_chlo_read(struct quic_tx *t, uint32_t version, struct bytes data)
{
	struct reader r = reader_over(data);
	struct arena *arena = &t->tls.tx.arena;
	unsigned n = reader_u8(&r); /* little-endian */
	n |= (unsigned)reader_u8(&r) << 8;
	reader_skip(&r, 2);
	struct reader tags = reader_over(reader_bytes(&r, (size_t)n * TAG_SIZE));
	struct bytes values = reader_rest(&r);
	if (r.failed || n > MAX_TAGS)
		return false;
	char *cyu = arena_alloc(arena, 4 + (size_t)n * 5);
	size_t used = 0, begin = 0;
	if (!cyu)
		return true;
	cyu[used++] = (char)(version >> 8);
	cyu[used++] = (char)version;
	for (unsigned i = 0; i < n; i++) {
		const uint8_t *name = reader_take(&tags, 4), *e = reader_take(&tags, 4);
		size_t end = (size_t)e[0] | (size_t)e[1] << 8 | (size_t)e[2] << 16 | (size_t)e[3] << 24, len = name_len(name);
		if (end < begin || end > values.len)
			return false;
		cyu[used++] = i ? '-' : ',';
		memcpy(cyu + used, name, len);
		used += len;
		struct bytes value = bytes_slice(values, begin, end - begin);
		if (memcmp(name, "SNI", 4) == 0)
			t->sni = keep(arena, value);
		else if (memcmp(name, "UAID", 4) == 0)
			t->ua = keep(arena, value);
		begin = end;
	}
	if (version >= GOOGLE_CYU) {
		t->cyu = bytes_of(cyu, used);
		hash(t->cyu, t->cyu_hash);
	}
	return true;
}
