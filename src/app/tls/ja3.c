// SPDX-License-Identifier: GPL-2.0-or-later
/* JA3 and JA3S: version, ciphers, extensions, groups and point formats as numbers, values of RFC 8701 left out; MD5 of it. */
#include "app/tls/tls.h"

#include <nettle/md5.h>
#include <stdio.h>

struct text {
	char *p, *end;
	bool first; /* of its list */
};

static void add_char(struct text *t, char c)
{
	if (t->p < t->end)
		*t->p++ = c;
}

static void add_number(struct text *t, unsigned v)
{
	char digits[5];
	unsigned n = 0;
	if (!t->first)
		add_char(t, '-');
	t->first = false;
	do
		digits[n++] = (char)('0' + v % 10);
	while ((v /= 10));
	while (n)
		add_char(t, digits[--n]);
}

static void add_list(struct text *t, const struct tls_numbers *list)
{
	add_char(t, ',');
	t->first = true;
	for (unsigned i = 0; i < list->n; i++)
		if (!tls_is_grease(list->v[i]))
			add_number(t, list->v[i]);
}

static void hash(struct bytes text, char out[33])
{
	struct md5_ctx ctx;
	uint8_t digest[MD5_DIGEST_SIZE];
	md5_init(&ctx);
	md5_update(&ctx, text.len, text.data);
	md5_digest(&ctx, sizeof digest, digest);
	for (unsigned i = 0; i < sizeof digest; i++)
		out = hex_put(out, digest[i]);
	*out = 0;
}

static struct text begin(struct tls_tx *t, size_t numbers, uint16_t version)
{
	size_t room = 32 + numbers * 6;
	char *p = arena_alloc(&t->tx.arena, room);
	struct text x = {p, p ? p + room : NULL, true};
	add_number(&x, version);
	return x;
}

void tls_ja3(struct tls_tx *t, uint16_t version)
{
	const struct tls_side *client = &t->side[TO_SERVER];
	size_t numbers = (size_t)client->ciphers.n + client->extensions.n + t->groups.n + t->point_formats.len;
	struct text x = begin(t, numbers, version);
	char *start = x.p ? x.end - (32 + numbers * 6) : NULL;
	if (!start)
		return;
	add_list(&x, &client->ciphers);
	add_list(&x, &client->extensions);
	add_list(&x, &t->groups);
	add_char(&x, ',');
	x.first = true;
	for (size_t i = 0; i < t->point_formats.len; i++)
		add_number(&x, t->point_formats.data[i]);
	t->ja3 = bytes_of(start, (size_t)(x.p - start));
	hash(t->ja3, t->ja3_hash);
}

void tls_ja3s(struct tls_tx *t, uint16_t version)
{
	const struct tls_side *server = &t->side[TO_CLIENT];
	size_t numbers = (size_t)server->ciphers.n + server->extensions.n;
	struct text x = begin(t, numbers, version);
	char *start = x.p ? x.end - (32 + numbers * 6) : NULL;
	if (!start)
		return;
	add_list(&x, &server->ciphers);
	add_list(&x, &server->extensions);
	t->ja3s = bytes_of(start, (size_t)(x.p - start));
	hash(t->ja3s, t->ja3s_hash);
}
