// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * JA4: what kind of client, and digests of its sorted ciphers and of its sorted extensions with signature algorithms. Lists that
 * are empty have the digest of nothing, as in Suricata, not the zeros of the specification.
 */
#include "app/tls/tls.h"

#include <ctype.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>

static int compare(const void *a, const void *b)
{
	return *(const uint16_t *)a - *(const uint16_t *)b;
}

/* Versions that count; names of drafts are unknown to JA4. */
static bool version_counts(uint16_t v)
{
	return v == SSL_2 || (v >= SSL_3 && v <= TLS_1_3) || (v >= 0x7f10 && v <= 0x7f1c);
}

static const char *version_text(const struct tls_tx *t, uint16_t version)
{
	uint16_t best = 0;
	for (unsigned i = 0; i < t->versions.n; i++)
		if (version_counts(t->versions.v[i]) && t->versions.v[i] > best)
			best = t->versions.v[i];
	switch (best ? best : version) {
	case TLS_1_3: return "13";
	case TLS_1_2: return "12";
	case TLS_1_1: return "11";
	case TLS_1_0: return "10";
	case SSL_3: return "s3";
	case SSL_2: return "s2";
	}
	return "00";
}

static unsigned count(const struct tls_numbers *list)
{
	unsigned n = 0;
	for (unsigned i = 0; i < list->n && n < 99; i++)
		n += !tls_is_grease(list->v[i]);
	return n;
}

/* First and last character of the first protocol; of bytes that are no letters or digits, hexadecimal halves. */
static void alpn_text(const struct tls_side *client, char out[3])
{
	out[0] = out[1] = '0';
	out[2] = 0;
	if (client->n_alpn == 0 || client->alpn[0].len == 0)
		return;
	struct bytes name = client->alpn[0];
	uint8_t first = name.data[0], last = name.data[name.len - 1];
	if (first < 128 && last < 128 && isalnum(first) && isalnum(last)) {
		out[0] = (char)first;
		out[1] = (char)last;
	} else {
		out[0] = "0123456789abcdef"[first >> 4];
		out[1] = "0123456789abcdef"[last & 15];
	}
}

/* "1301,1302": numbers in order, values of RFC 8701 left out. */
static void digest_numbers(struct sha256_ctx *ctx, const uint16_t *v, unsigned n)
{
	char text[5] = ",";
	unsigned used = 0;
	for (unsigned i = 0; i < n; i++) {
		if (tls_is_grease(v[i]))
			continue;
		hex_put(hex_put(text + 1, (uint8_t)(v[i] >> 8)), (uint8_t)v[i]);
		unsigned skip = used++ == 0; /* no comma before the first */
		sha256_update(ctx, sizeof text - skip, (const uint8_t *)text + skip);
	}
}

static void digest_text(struct sha256_ctx *ctx, char out[13])
{
	uint8_t digest[SHA256_DIGEST_SIZE];
	sha256_digest(ctx, sizeof digest, digest);
	for (unsigned i = 0; i < 6; i++)
		out = hex_put(out, digest[i]);
	*out = 0;
}

/* A sorted copy, in the transaction's arena; `without_names`: no SNI and no ALPN. */
static struct tls_numbers sorted(struct tls_tx *t, const struct tls_numbers *list, bool without_names)
{
	struct tls_numbers out = {.v = list->n ? arena_alloc(&t->tx.arena, list->n * sizeof *list->v) : NULL};
	for (unsigned i = 0; out.v && i < list->n; i++)
		if (!without_names || (list->v[i] != 0 && list->v[i] != 16))
			out.v[out.n++] = list->v[i];
	if (out.n)
		qsort(out.v, out.n, sizeof *out.v, compare);
	return out;
}

void tls_ja4(struct tls_tx *t, uint16_t version)
{
	const struct tls_side *client = &t->side[TO_SERVER];
	struct tls_numbers ciphers = sorted(t, &client->ciphers, false), extensions = sorted(t, &client->extensions, true);
	char alpn[3], b[13], c[13];
	struct sha256_ctx ctx;
	alpn_text(client, alpn);
	sha256_init(&ctx);
	digest_numbers(&ctx, ciphers.v, ciphers.n);
	digest_text(&ctx, b);
	sha256_init(&ctx);
	digest_numbers(&ctx, extensions.v, extensions.n);
	sha256_update(&ctx, 1, (const uint8_t *)"_");
	digest_numbers(&ctx, t->signature_algorithms.v, t->signature_algorithms.n);
	digest_text(&ctx, c);
	snprintf(t->ja4, sizeof t->ja4, "t%s%c%02u%02u%s_%s_%s", version_text(t, version), t->sni.data ? 'd' : 'i', count(&client->ciphers),
		 count(&client->extensions), alpn, b, c);
}
