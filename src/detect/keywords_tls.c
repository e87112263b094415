// SPDX-License-Identifier: GPL-2.0-or-later
/* Keywords of TLS that are no plain buffers or integers: versions, states, dates of certificates, and older ones with a text. */
#include "app/tls/tls.h"
#include "detect/keywords.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { TO_BOTH = 3 };

static const struct tls_side *side_of(const struct app_tx *tx, int direction)
{
	return &((const struct tls_tx *)tx)->side[direction];
}

static struct app_test *tls_test(struct builder *b, struct error *error,
				 bool (*test)(struct detect_scratch *s, const struct app_test *t, struct app_flow *a, struct app_tx *tx, int direction, bool *pending))
{
	return builder_bind(b, "tls", error) ? NULL : builder_app_test(b, TO_BOTH, test);
}

/* tls.version:1.2, tls.version:0x7f12 */

static bool version_holds(struct detect_scratch *s, const struct app_test *t, struct app_flow *a, struct app_tx *tx, int direction, bool *pending)
{
	const struct tls_side *side = side_of(tx, direction);
	*pending = !side->has_hello;
	return side->version == t->a;
}

static int version_parse(const char *text, uint16_t *out)
{
	static const struct { const char *name; uint16_t version; } names[] = {
		{"1.0", TLS_1_0}, {"1.1", TLS_1_1}, {"1.2", TLS_1_2}, {"1.3", TLS_1_3},
	};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(names[i].name, text) == 0) {
			*out = names[i].version;
			return 0;
		}
	char *end;
	unsigned long v = strncmp(text, "0x", 2) == 0 ? strtoul(text, &end, 16) : 0;
	if (v == 0 || v > 0xffff || *end)
		return -EINVAL;
	*out = (uint16_t)v;
	return 0;
}

SETUP(tls_version)
{
	char *f[1];
	uint16_t version;
	builder_fields(b, o->value, '\0', f, 1);
	char *text = f[0];
	size_t n = strlen(text);
	if (n >= 2 && text[0] == '"' && text[n - 1] == '"') {
		text[n - 1] = 0;
		text++;
	}
	if (version_parse(text, &version))
		return error_set(error, EINVAL, "“%s” is no version: 1.0, 1.1, 1.2, 1.3 or a number like 0x0303", text);
	struct app_test *t = tls_test(b, error, version_holds);
	if (!t)
		return -EINVAL;
	t->a = version;
	return 0;
}

/* ssl_version:[!]sslv3,tls1.0: bits in the order of the names. */

static const struct { const char *name; uint16_t version; } ssl_versions[] = {
	{"sslv2", SSL_2}, {"sslv3", SSL_3}, {"tls1.0", TLS_1_0}, {"tls1.1", TLS_1_1}, {"tls1.2", TLS_1_2}, {"tls1.3", TLS_1_3},
};

static bool ssl_version_holds(struct detect_scratch *s, const struct app_test *t, struct app_flow *a, struct app_tx *tx, int direction, bool *pending)
{
	const struct tls_side *side = side_of(tx, direction);
	*pending = side->version == 0;
	for (size_t i = 0; i < sizeof ssl_versions / sizeof *ssl_versions; i++)
		if (side->version == ssl_versions[i].version || (i == 5 && tls_has_1_3_name(side->version)))
			return !!(t->a >> i & 1) != (t->b != 0);
	return false;
}

static int ssl_version_bit(const char *name)
{
	for (size_t i = 0; i < sizeof ssl_versions / sizeof *ssl_versions; i++)
		if (strcasecmp(ssl_versions[i].name, name) == 0)
			return (int)i;
	return -1;
}

SETUP(ssl_version)
{
	char *f[8];
	uint64_t bits = 0;
	bool negated = false;
	unsigned n = builder_fields(b, o->value, ',', f, 8);
	for (unsigned i = 0; i < n; i++) {
		if (*f[i] == '!') {
			negated = true;
			f[i]++;
		}
		int bit = ssl_version_bit(f[i]);
		if (bit < 0)
			return error_set(error, EINVAL, "“%s” is no version: sslv2, sslv3, tls1.0, tls1.1, tls1.2, tls1.3", f[i]);
		bits |= 1u << bit;
	}
	struct app_test *t = tls_test(b, error, ssl_version_holds);
	if (!t)
		return -EINVAL;
	t->a = bits;
	t->b = negated;
	return 0;
}

/* ssl_state:[!]client_hello|server_hello */

static bool state_holds(struct detect_scratch *s, const struct app_test *t, struct app_flow *a, struct app_tx *tx, int direction, bool *pending)
{
	uint8_t seen = ((const struct tls_tx *)tx)->seen;
	*pending = true;
	return t->b ? !(seen & t->a) : (seen & t->a) != 0;
}

SETUP(ssl_state)
{
	static const struct { const char *name; uint8_t bit; } states[] = {
		{"client_hello", TLS_SEEN_CLIENT_HELLO}, {"server_hello", TLS_SEEN_SERVER_HELLO}, {"client_keyx", TLS_SEEN_CLIENT_KEYX},
		{"server_keyx", TLS_SEEN_SERVER_KEYX}, {"unknown", TLS_SEEN_UNKNOWN},
	};
	char *f[8];
	uint64_t bits = 0, negated = 0;
	unsigned n = builder_fields(b, o->value, strchr(o->value, '|') ? '|' : ',', f, 8);
	for (unsigned i = 0; i < n; i++) {
		if (*f[i] == '!') {
			negated = 1;
			f[i]++;
		}
		size_t k = 0;
		while (k < sizeof states / sizeof *states && strcmp(states[k].name, f[i]) != 0)
			k++;
		if (k == sizeof states / sizeof *states)
			return error_set(error, EINVAL, "“%s” is no state: client_hello, server_hello, client_keyx, server_keyx, unknown", f[i]);
		bits |= states[k].bit;
	}
	struct app_test *t = tls_test(b, error, state_holds);
	if (!t)
		return -EINVAL;
	t->a = bits;
	t->b = negated;
	return 0;
}

/* tls_cert_notbefore:1998-05-01<>2008-05-01, tls_cert_notafter:>2015 */

struct date_test {
	char mode; /* '=', '<', '>', 'x': between */
	int64_t from, to;
	bool not_after;
};

static bool date_holds(struct detect_scratch *s, const struct app_test *t, struct app_flow *a, struct app_tx *tx, int direction, bool *pending)
{
	const struct date_test *d = t->data;
	const struct x509 *x = &side_of(tx, direction)->x509;
	*pending = !side_of(tx, direction)->has_certificate;
	if (!x->has_validity)
		return false;
	int64_t v = d->not_after ? x->not_after : x->not_before;
	switch (d->mode) {
	case '<': return v <= d->from;
	case '>': return v >= d->from;
	case 'x': return v >= d->from && v <= d->to;
	default: return v == d->from;
	}
}

static int date_parse(const char *text, int64_t *out)
{
	static const char *const forms[] = {"%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H",
					    "%Y-%m-%dT%H", "%Y-%m-%d", "%Y-%m", "%Y"};
	while (*text == ' ')
		text++;
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		struct tm tm = {.tm_mday = 1};
		const char *end = strptime(text, forms[i], &tm);
		while (end && *end == ' ')
			end++;
		if (end && *end == 0) {
			*out = timegm(&tm);
			return 0;
		}
	}
	return -EINVAL;
}

SETUP(tls_cert_date)
{
	struct date_test *d = builder_alloc(b, sizeof *d);
	char *f[1];
	builder_fields(b, o->value, '\0', f, 1);
	char *text = f[0], *between = strstr(text, "<>");
	d->mode = '=';
	d->not_after = strcmp(o->name, "tls_cert_notafter") == 0;
	if (between) {
		*between = 0;
		d->mode = 'x';
	} else if (*text == '<' || *text == '>') {
		d->mode = *text++;
	}
	if (date_parse(text, &d->from) || (between && date_parse(between + 2, &d->to)))
		return error_set(error, EINVAL, "“%s” is no date: 2015, 2015-10, 2015-10-22, 2015-10-22 23:59:59", o->value);
	struct app_test *t = tls_test(b, error, date_holds);
	if (!t)
		return -EINVAL;
	t->data = d;
	return 0;
}

/* tls_cert_expired, tls_cert_valid: by the time of the packet. */

static bool validity_holds(struct detect_scratch *s, const struct app_test *t, struct app_flow *a, struct app_tx *tx, int direction, bool *pending)
{
	const struct x509 *x = &side_of(tx, direction)->x509;
	int64_t now = (int64_t)(s->now / 1000000);
	*pending = !side_of(tx, direction)->has_certificate;
	if (!x->has_validity)
		return false;
	return t->a ? now > x->not_after : now >= x->not_before && now <= x->not_after;
}

SETUP(tls_cert_validity)
{
	struct app_test *t = tls_test(b, error, validity_holds);
	if (!t)
		return -EINVAL;
	t->a = strcmp(o->name, "tls_cert_expired") == 0;
	return 0;
}

/* tls.subject:[!]"CN=…", tls.issuerdn, tls.fingerprint */

struct text_test {
	struct bytes text;
	bool negated;
	uint8_t what;
};
enum { SUBJECT, ISSUER, FINGERPRINT };

static bool text_holds(struct detect_scratch *s, const struct app_test *t, struct app_flow *a, struct app_tx *tx, int direction, bool *pending)
{
	const struct text_test *x = t->data;
	const struct tls_side *side = side_of(tx, direction);
	*pending = !side->has_certificate;
	if (*pending)
		return false;
	struct bytes in = x->what == SUBJECT ? side->x509.subject : x->what == ISSUER ? side->x509.issuer : bytes_of_string(side->fingerprint);
	return (bytes_find(in, x->text, 0) >= 0) != x->negated;
}

SETUP(tls_text)
{
	struct text_test *x = builder_alloc(b, sizeof *x);
	char *text = builder_quoted(b, o->value, &x->negated);
	if (!text || !*text)
		return error_set(error, EINVAL, "%s needs a text in quotes", o->name);
	x->what = strcmp(o->name, "tls.subject") == 0 ? SUBJECT : strcmp(o->name, "tls.issuerdn") == 0 ? ISSUER : FINGERPRINT;
	for (char *p = text; x->what == FINGERPRINT && *p; p++)
		*p = (char)byte_lower((uint8_t)*p);
	x->text = bytes_of_string(builder_copy(b, text, strlen(text)));
	struct app_test *t = tls_test(b, error, text_holds);
	if (!t)
		return -EINVAL;
	t->data = x;
	return 0;
}
