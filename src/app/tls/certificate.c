// SPDX-License-Identifier: GPL-2.0-or-later
/* The Certificate message of TLS 1.2 and before (RFC 5246 7.4.2). */
#include "app/tls/tls.h"

static void part_event(const struct tls_context *c, enum x509_part part)
{
	static const uint8_t events[] = {
		[X509_DER] = TLS_EVENT_CERTIFICATE_INVALID_DER, [X509_VERSION] = TLS_EVENT_CERTIFICATE_INVALID_VERSION,
		[X509_SERIAL] = TLS_EVENT_CERTIFICATE_INVALID_SERIAL, [X509_ALGORITHM] = TLS_EVENT_CERTIFICATE_INVALID_ALGORITHM,
		[X509_ISSUER] = TLS_EVENT_CERTIFICATE_INVALID_ISSUER, [X509_VALIDITY] = TLS_EVENT_CERTIFICATE_INVALID_VALIDITY,
		[X509_DATE] = TLS_EVENT_CERTIFICATE_INVALID_DATE, [X509_SUBJECT] = TLS_EVENT_CERTIFICATE_INVALID_SUBJECT,
		[X509_NAME] = TLS_EVENT_CERTIFICATE_INVALID_NAME, [X509_EXTENSIONS] = TLS_EVENT_CERTIFICATE_INVALID_EXTENSIONS,
	};
	if (part != X509_OK)
		tls_event(c, events[part]);
}

static void first_read(const struct tls_context *c, struct tls_side *side)
{
	part_event(c, x509_read(side->certificate[0], &c->s->tx->tx.arena, &side->x509));
	x509_fingerprint(side->certificate[0], side->fingerprint);
	side->has_certificate = true;
}

static unsigned count(struct bytes list, bool *whole)
{
	struct reader r = reader_over(list);
	unsigned n = 0;
	while (reader_left(&r) >= 3 && !r.failed) {
		reader_skip(&r, reader_u24(&r));
		n += !r.failed;
	}
	*whole = !r.failed && !reader_left(&r);
	return n;
}

bool tls_certificates(const struct tls_context *c, struct bytes body)
{
	struct tls_side *side = &c->s->tx->side[c->direction];
	struct arena *arena = &c->s->tx->tx.arena;
	struct reader outer = reader_over(body);
	struct bytes list = reader_bytes(&outer, reader_u24(&outer));
	bool whole;
	if (side->n_certificates)
		return true; /* renegotiation */
	unsigned n = count(list, &whole);
	if (outer.failed)
		return false;
	if (reader_left(&outer))
		tls_event(c, TLS_EVENT_CERTIFICATE_INVALID_LENGTH);
	side->n_certificates = n;
	if (n > TLS_MAX_CERTIFICATES)
		n = TLS_MAX_CERTIFICATES;
	if (n == 0)
		return whole;
	side->certificate = arena_alloc(arena, n * sizeof *side->certificate);
	uint8_t *copy = arena_copy(arena, list.data, list.len);
	if (!side->certificate || !copy) {
		side->n_certificates = 0;
		return whole;
	}
	struct reader r = reader_over(bytes_of(copy, list.len));
	for (unsigned i = 0; i < n; i++)
		side->certificate[i] = reader_bytes(&r, reader_u24(&r));
	first_read(c, side);
	return whole;
}
