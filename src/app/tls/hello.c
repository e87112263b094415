// SPDX-License-Identifier: GPL-2.0-or-later
/* ClientHello and ServerHello (RFC 8446 4.1, RFC 6066, RFC 7301). */
#include "app/tls/tls.h"

enum extension {
	SERVER_NAME = 0, SUPPORTED_GROUPS = 10, POINT_FORMATS = 11, SIGNATURE_ALGORITHMS = 13, APPLICATION_PROTOCOLS = 16, SUPPORTED_VERSIONS = 43,
};

/* Two-byte numbers of a list, kept in the transaction. */
static struct tls_numbers numbers_keep(struct arena *arena, struct bytes list)
{
	struct tls_numbers out = {0};
	unsigned n = (unsigned)(list.len / 2);
	out.v = n ? arena_alloc(arena, n * sizeof *out.v) : NULL;
	for (; out.v && out.n < n; out.n++)
		out.v[out.n] = load_be16(list.data + out.n * 2);
	return out;
}

static struct bytes bytes_keep(struct arena *arena, struct bytes b)
{
	const uint8_t *p = b.len ? arena_copy(arena, b.data, b.len) : (const uint8_t *)"";
	return bytes_of(p, p ? b.len : 0);
}

static struct bytes vector_u8(struct reader *r)
{
	return reader_bytes(r, reader_u8(r));
}

static struct bytes vector_u16(struct reader *r)
{
	return reader_bytes(r, reader_u16(r));
}

/* The list of names: one of type host_name is allowed. False: malformed. */
static bool server_name(const struct tls_context *c, struct bytes data)
{
	struct reader r = reader_over(data);
	struct tls_tx *t = c->s->tx;
	if (data.len == 0)
		return true;
	struct reader names = reader_over(vector_u16(&r));
	uint8_t type = reader_u8(&names);
	struct bytes name = vector_u16(&names);
	if (r.failed || names.failed) {
		tls_event(c, TLS_EVENT_INVALID_SNI_LENGTH);
		return false;
	}
	if (type != 0) {
		tls_event(c, TLS_EVENT_INVALID_SNI_TYPE);
		return true;
	}
	if (name.len == 0 || name.len > 255)
		tls_event(c, TLS_EVENT_INVALID_SNI_LENGTH);
	if (t->sni.data) {
		tls_event(c, TLS_EVENT_MULTIPLE_SNI_EXTENSIONS);
		return true;
	}
	t->sni = bytes_keep(&t->tx.arena, name);
	return true;
}

static bool protocols(struct arena *arena, struct tls_side *side, struct bytes data)
{
	struct reader r = reader_over(data);
	struct bytes list = vector_u16(&r);
	if (r.failed || side->alpn)
		return !r.failed;
	unsigned n = 0;
	for (struct reader each = reader_over(list); reader_left(&each) && n < TLS_MAX_ALPN; n++)
		vector_u8(&each);
	side->alpn = n ? arena_alloc(arena, n * sizeof *side->alpn) : NULL;
	struct reader each = reader_over(list);
	for (; side->alpn && side->n_alpn < n; side->n_alpn++) {
		struct bytes name = vector_u8(&each);
		if (each.failed || name.len == 0)
			return false;
		side->alpn[side->n_alpn] = bytes_keep(arena, name);
	}
	return true;
}

static bool client_extension(const struct tls_context *c, unsigned type, struct bytes data)
{
	struct tls_tx *t = c->s->tx;
	struct arena *arena = &t->tx.arena;
	struct reader r = reader_over(data);
	switch ((enum extension)type) {
	case SERVER_NAME:
		return server_name(c, data);
	case SUPPORTED_GROUPS:
		if (!t->groups.v)
			t->groups = numbers_keep(arena, vector_u16(&r));
		break;
	case POINT_FORMATS:
		if (!t->point_formats.data)
			t->point_formats = bytes_keep(arena, vector_u8(&r));
		break;
	case SIGNATURE_ALGORITHMS:
		if (!t->signature_algorithms.v)
			t->signature_algorithms = numbers_keep(arena, vector_u16(&r));
		break;
	case APPLICATION_PROTOCOLS:
		return protocols(arena, &t->side[TO_SERVER], data);
	case SUPPORTED_VERSIONS:
		if (!t->versions.v)
			t->versions = numbers_keep(arena, vector_u8(&r));
		break;
	}
	return !r.failed;
}

static bool server_extension(const struct tls_context *c, unsigned type, struct bytes data)
{
	struct tls_tx *t = c->s->tx;
	if (type == SUPPORTED_VERSIONS && data.len >= 2)
		c->s->negotiated = load_be16(data.data);
	else if (type == APPLICATION_PROTOCOLS)
		return protocols(&t->tx.arena, &t->side[TO_CLIENT], data);
	return true;
}

/* Extensions are at the end and may be absent. Their numbers are kept as they were sent. */
static bool extensions(const struct tls_context *c, struct tls_side *side, struct reader *r,
		       bool (*one)(const struct tls_context *c, unsigned type, struct bytes data))
{
	if (reader_left(r) < 2)
		return reader_left(r) == 0;
	struct bytes list = vector_u16(r);
	unsigned n = 0;
	if (r->failed)
		return false;
	for (struct reader each = reader_over(list); reader_left(&each) >= 4 && !each.failed; n++) {
		reader_skip(&each, 2);
		vector_u16(&each);
	}
	side->extensions.v = n ? arena_alloc(&c->s->tx->tx.arena, n * sizeof *side->extensions.v) : NULL;
	bool ok = true;
	for (struct reader each = reader_over(list); side->extensions.v && side->extensions.n < n;) {
		unsigned type = reader_u16(&each);
		struct bytes data = vector_u16(&each);
		if (each.failed)
			return false;
		side->extensions.v[side->extensions.n++] = (uint16_t)type;
		ok = one(c, type, data) && ok;
	}
	return ok;
}

static bool ja3_wanted(const struct tls_context *c)
{
	int how = tls_settings(c->a)->ja3;
	return how == TLS_ALWAYS || (how == TLS_WHEN_WANTED && c->a->worker->want_ja3);
}

static bool ja4_wanted(const struct tls_context *c)
{
	int how = tls_settings(c->a)->ja4;
	return how == TLS_ALWAYS || (how == TLS_WHEN_WANTED && c->a->worker->want_ja4);
}

/* The first of a connection counts: after a HelloRetryRequest a client repeats itself. */
bool tls_client_hello(const struct tls_context *c, struct bytes body)
{
	struct tls_tx *t = c->s->tx;
	struct tls_side *side = &t->side[TO_SERVER];
	struct reader r = reader_over(body);
	if (side->has_hello)
		return true;
	uint16_t version = reader_u16(&r);
	struct bytes random = reader_bytes(&r, TLS_RANDOM), session_id = vector_u8(&r), ciphers = vector_u16(&r);
	vector_u8(&r); /* compression */
	if (r.failed || session_id.len > 32)
		return false;
	side->has_hello = true;
	side->version = version;
	memcpy(side->random, random.data, TLS_RANDOM);
	side->session_id = bytes_keep(&t->tx.arena, session_id);
	side->ciphers = numbers_keep(&t->tx.arena, ciphers);
	bool ok = extensions(c, side, &r, client_extension);
	if (ja3_wanted(c))
		tls_ja3(t, version);
	if (ja4_wanted(c))
		tls_ja4(t, version);
	return ok;
}

/*
 * Drafts of TLS 1.3 before 22 had no session id and no compression, and said their version in the first field; those before 16
 * said 1.3 there.
 */
static bool is_short_form(uint16_t version)
{
	return version == TLS_1_3 || (version >= 0x7f00 && version <= 0x7f15);
}

bool tls_server_hello(const struct tls_context *c, struct bytes body)
{
	struct tls_tx *t = c->s->tx;
	struct tls_side *side = &t->side[TO_CLIENT];
	struct reader r = reader_over(body);
	uint16_t version = reader_u16(&r);
	struct bytes random = reader_bytes(&r, TLS_RANDOM), session_id = {0};
	if (!is_short_form(version))
		session_id = vector_u8(&r);
	const uint8_t *cipher = reader_take(&r, 2);
	if (!is_short_form(version))
		reader_skip(&r, 1);
	if (r.failed || session_id.len > 32)
		return false;
	side->has_hello = true;
	memcpy(side->random, random.data, TLS_RANDOM);
	side->session_id = bytes_keep(&t->tx.arena, session_id);
	side->ciphers = numbers_keep(&t->tx.arena, bytes_of(cipher, 2));
	side->extensions = (struct tls_numbers){0};
	c->s->negotiated = version == TLS_1_3 ? TLS_1_3_OLD_DRAFT : version;
	bool ok = extensions(c, side, &r, server_extension);
	side->version = c->s->negotiated;
	if (side->version > TLS_1_3 && !tls_has_1_3_name(side->version))
		tls_event(c, TLS_EVENT_INVALID_RECORD_VERSION);
	if (ja3_wanted(c) && !t->ja3s.len)
		tls_ja3s(t, version);
	return ok;
}
