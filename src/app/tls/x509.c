// SPDX-License-Identifier: GPL-2.0-or-later
#include "app/tls/x509.h"

#include <nettle/sha1.h>
#include <stdio.h>
#include <time.h>

enum tag {
	TAG_INTEGER = 0x02, TAG_OCTETS = 0x04, TAG_OID = 0x06, TAG_UTF8 = 0x0c, TAG_UTC_TIME = 0x17, TAG_GENERALIZED_TIME = 0x18, TAG_UNIVERSAL = 0x1c,
	TAG_BMP = 0x1e, TAG_SEQUENCE = 0x30, TAG_SET = 0x31, TAG_VERSION = 0xa0, TAG_EXTENSIONS = 0xa3, TAG_BOOLEAN = 0x01,
};

/* One element: its tag and what is in it. Indefinite lengths and long tags do not occur in DER certificates. */
static bool der_next(struct reader *r, uint8_t *tag, struct bytes *body)
{
	*tag = reader_u8(r);
	size_t len = reader_u8(r);
	if (len & 0x80) {
		unsigned n = len & 0x7f;
		if (n == 0 || n > 4)
			return false;
		for (len = 0; n--;)
			len = len << 8 | reader_u8(r);
	}
	*body = reader_bytes(r, len);
	return !r->failed && (*tag & 0x1f) != 0x1f;
}

static bool der_expect(struct reader *r, uint8_t tag, struct bytes *body)
{
	uint8_t found;
	return der_next(r, &found, body) && found == tag;
}

static bool der_peek(const struct reader *r, uint8_t tag)
{
	return reader_left(r) && *r->p == tag;
}

struct text { /* grows up to X509_MAX_TEXT, then is cut */
	uint8_t data[X509_MAX_TEXT];
	size_t n;
};

static void text_add(struct text *t, const void *data, size_t n)
{
	if (n > sizeof t->data - t->n)
		n = sizeof t->data - t->n;
	memcpy(t->data + t->n, data, n);
	t->n += n;
}

static void text_add_string(struct text *t, const char *s)
{
	text_add(t, s, strlen(s));
}

static void text_add_codepoint(struct text *t, uint32_t c)
{
	uint8_t out[4];
	if (c < 0x80) {
		out[0] = (uint8_t)c;
		text_add(t, out, 1);
	} else if (c < 0x800) {
		out[0] = (uint8_t)(0xc0 | c >> 6);
		out[1] = (uint8_t)(0x80 | (c & 63));
		text_add(t, out, 2);
	} else if (c < 0x10000) {
		out[0] = (uint8_t)(0xe0 | c >> 12);
		out[1] = (uint8_t)(0x80 | (c >> 6 & 63));
		out[2] = (uint8_t)(0x80 | (c & 63));
		text_add(t, out, 3);
	} else if (c < 0x110000) {
		out[0] = (uint8_t)(0xf0 | c >> 18);
		out[1] = (uint8_t)(0x80 | (c >> 12 & 63));
		out[2] = (uint8_t)(0x80 | (c >> 6 & 63));
		out[3] = (uint8_t)(0x80 | (c & 63));
		text_add(t, out, 4);
	}
}

/* Strings of one byte a character are taken as they are; the wide ones become UTF-8. */
static void text_add_value(struct text *t, uint8_t tag, struct bytes v)
{
	if (tag == TAG_BMP)
		for (size_t i = 0; i + 2 <= v.len; i += 2)
			text_add_codepoint(t, load_be16(v.data + i));
	else if (tag == TAG_UNIVERSAL)
		for (size_t i = 0; i + 4 <= v.len; i += 4)
			text_add_codepoint(t, load_be32(v.data + i));
	else
		text_add(t, v.data, v.len);
}

/* DER of attribute types and how they are called. */
static const struct {
	const char *oid, *name;
	uint8_t len;
} attributes[] = {
	{"\x55\x04\x03", "CN", 3}, {"\x55\x04\x06", "C", 3}, {"\x55\x04\x07", "L", 3}, {"\x55\x04\x08", "ST", 3}, {"\x55\x04\x0a", "O", 3},
	{"\x55\x04\x0b", "OU", 3}, {"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01", "Email", 9}, {"\x55\x04\x05", "serialNumber", 3},
	{"\x55\x04\x09", "streetAddress", 3}, {"\x55\x04\x11", "postalCode", 3}, {"\x55\x04\x0f", "businessCategory", 3},
	{"\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19", "DC", 10}, {"\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x01", "UID", 10},
	{"\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x01", "msJurisdictionLocality", 11},
	{"\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x02", "msJurisdictionStateOrProvince", 11},
	{"\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x03", "msJurisdictionCountry", 11}, {"\x55\x04\x29", "name", 3}, {"\x55\x04\x04", "surname", 3},
	{"\x55\x04\x2a", "givenName", 3}, {"\x55\x04\x2b", "initials", 3}, {"\x55\x04\x2c", "generationQualifier", 3}, {"\x55\x04\x0c", "title", 3},
	{"\x55\x04\x0d", "description", 3}, {"\x55\x04\x2e", "dnQualifier", 3}, {"\x55\x04\x41", "pseudonym", 3},
	{"\x55\x04\x61", "organizationIdentifier", 3}, {"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x02", "unstructuredName", 9},
	{"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x08", "unstructuredAddress", 9},
};

static void text_add_oid(struct text *t, struct bytes oid)
{
	char part[24];
	uint64_t v = 0;
	bool first = true;
	for (size_t i = 0; i < oid.len; i++) {
		v = v << 7 | (oid.data[i] & 0x7f);
		if (oid.data[i] & 0x80)
			continue;
		if (first) {
			uint64_t arc = v < 80 ? v / 40 : 2;
			snprintf(part, sizeof part, "%u.%llu", (unsigned)arc, (unsigned long long)(v - arc * 40));
		} else {
			snprintf(part, sizeof part, ".%llu", (unsigned long long)v);
		}
		text_add_string(t, part);
		first = false;
		v = 0;
	}
}

static void text_add_attribute(struct text *t, struct bytes oid)
{
	for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++)
		if (bytes_equal(oid, bytes_of(attributes[i].oid, attributes[i].len))) {
			text_add_string(t, attributes[i].name);
			return;
		}
	text_add_oid(t, oid);
}

/* RDNSequence: parts by ", ", several attributes of one part by " + ". */
static bool name_read(struct bytes name, struct text *t)
{
	struct reader parts = reader_over(name);
	for (bool first = true; reader_left(&parts); first = false) {
		struct bytes set, pair, oid, value;
		uint8_t tag;
		if (!der_expect(&parts, TAG_SET, &set))
			return false;
		struct reader pairs = reader_over(set);
		for (bool one = true; reader_left(&pairs); one = false) {
			if (!der_expect(&pairs, TAG_SEQUENCE, &pair))
				return false;
			struct reader r = reader_over(pair);
			if (!der_expect(&r, TAG_OID, &oid) || !der_next(&r, &tag, &value))
				return false;
			if (!first || !one)
				text_add_string(t, one ? ", " : " + ");
			text_add_attribute(t, oid);
			text_add_string(t, "=");
			text_add_value(t, tag, value);
		}
	}
	return true;
}

static bool name_keep(struct reader *r, struct arena *arena, struct bytes *out)
{
	struct text t;
	struct bytes name;
	t.n = 0;
	if (!der_expect(r, TAG_SEQUENCE, &name))
		return false;
	bool ok = name_read(name, &t);
	uint8_t *kept = arena_copy(arena, t.data, t.n ? t.n : 1);
	*out = bytes_of(kept, kept ? t.n : 0);
	return ok;
}

/* Digits of fixed width; -1: others. */
static int digits(struct reader *r, unsigned n)
{
	int v = 0;
	while (n--) {
		unsigned c = reader_u8(r) - (unsigned)'0';
		if (c > 9)
			return -1;
		v = v * 10 + (int)c;
	}
	return r->failed ? -1 : v;
}

/* "Z" or an offset. False: neither. */
static bool zone_read(struct reader *r, int64_t *seconds)
{
	uint8_t sign = reader_u8(r);
	if (sign == 'Z')
		return !r->failed;
	int hours = digits(r, 2), minutes = digits(r, 2);
	if ((sign != '+' && sign != '-') || hours < 0 || minutes < 0)
		return false;
	*seconds -= (sign == '+' ? 60 : -60) * (hours * 60 + minutes);
	return true;
}

static bool date_read(struct reader *r, int64_t *out)
{
	uint8_t tag;
	struct bytes text;
	if (!der_next(r, &tag, &text) || (tag != TAG_UTC_TIME && tag != TAG_GENERALIZED_TIME))
		return false;
	struct reader d = reader_over(text);
	struct tm tm = {0};
	int year = digits(&d, tag == TAG_UTC_TIME ? 2 : 4);
	if (tag == TAG_UTC_TIME)
		year += year < 50 ? 2000 : 1900;
	tm.tm_year = year - 1900;
	tm.tm_mon = digits(&d, 2) - 1;
	tm.tm_mday = digits(&d, 2);
	tm.tm_hour = digits(&d, 2);
	tm.tm_min = digits(&d, 2);
	if (reader_left(&d) && *d.p >= '0' && *d.p <= '9')
		tm.tm_sec = digits(&d, 2);
	if (d.failed || year < 0 || tm.tm_mon < 0 || tm.tm_mon > 11 || tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour < 0 || tm.tm_hour > 23 ||
	    tm.tm_min < 0 || tm.tm_min > 59 || tm.tm_sec < 0 || tm.tm_sec > 60)
		return false;
	*out = timegm(&tm);
	return zone_read(&d, out);
}

static enum x509_part validity_read(struct reader *r, struct x509 *out)
{
	struct bytes body;
	if (!der_expect(r, TAG_SEQUENCE, &body))
		return X509_VALIDITY;
	struct reader dates = reader_over(body);
	if (!date_read(&dates, &out->not_before) || !date_read(&dates, &out->not_after))
		return X509_DATE;
	out->has_validity = true;
	return X509_OK;
}

static bool serial_read(struct reader *r, struct arena *arena, struct x509 *out)
{
	static const char hex[] = "0123456789ABCDEF";
	struct bytes number;
	if (!der_expect(r, TAG_INTEGER, &number) || number.len == 0 || number.len > X509_MAX_TEXT / 3)
		return false;
	uint8_t *text = arena_alloc(arena, number.len * 3);
	for (size_t i = 0; text && i < number.len; i++) {
		text[i * 3] = (uint8_t)hex[number.data[i] >> 4];
		text[i * 3 + 1] = (uint8_t)hex[number.data[i] & 15];
		text[i * 3 + 2] = ':';
	}
	out->serial = bytes_of(text, text ? number.len * 3 - 1 : 0);
	return true;
}

/* GeneralName (RFC 5280 4.2.1.6): those that are text, as they are; addresses byte by byte; others in words. */
static void general_name(uint8_t tag, struct bytes v, struct text *t)
{
	char part[8];
	struct reader r = reader_over(v);
	struct bytes name;
	switch (tag) {
	case 0x81: /* rfc822Name */
	case 0x82: /* dNSName */
	case 0x86: /* URI */
		text_add(t, v.data, v.len);
		return;
	case 0x87: /* iPAddress */
		text_add_string(t, "[");
		for (size_t i = 0; i < v.len; i++) {
			snprintf(part, sizeof part, "%s%u", i ? ", " : "", v.data[i]);
			text_add_string(t, part);
		}
		text_add_string(t, "]");
		return;
	case 0xa4: /* directoryName */
		text_add_string(t, "DirectoryName(");
		if (der_expect(&r, TAG_SEQUENCE, &name))
			name_read(name, t);
		text_add_string(t, ")");
		return;
	case 0x88: /* registeredID */
		text_add_string(t, "RegisteredID(");
		text_add_oid(t, v);
		text_add_string(t, ")");
		return;
	default:
		text_add_string(t, tag == 0xa0 ? "OtherName" : "GeneralName");
	}
}

static bool alternatives_read(struct bytes value, struct arena *arena, struct x509 *out)
{
	struct text t;
	struct bytes list, v;
	uint8_t tag;
	struct reader outer = reader_over(value);
	if (!der_expect(&outer, TAG_SEQUENCE, &list))
		return false;
	unsigned n = 0;
	for (struct reader r = reader_over(list); reader_left(&r) && n < X509_MAX_NAMES; n++)
		if (!der_next(&r, &tag, &v))
			return false;
	out->alternative = arena_alloc(arena, n * sizeof *out->alternative);
	for (struct reader r = reader_over(list); out->alternative && out->n_alternative < n && der_next(&r, &tag, &v);) {
		t.n = 0;
		general_name(tag, v, &t);
		uint8_t *kept = arena_copy(arena, t.data, t.n ? t.n : 1);
		out->alternative[out->n_alternative++] = bytes_of(kept, kept ? t.n : 0);
	}
	return true;
}

static bool extension_read(struct bytes body, struct arena *arena, struct x509 *out)
{
	struct bytes oid, critical, value;
	struct reader r = reader_over(body);
	if (!der_expect(&r, TAG_OID, &oid))
		return false;
	if (der_peek(&r, TAG_BOOLEAN) && !der_expect(&r, TAG_BOOLEAN, &critical))
		return false;
	if (!der_expect(&r, TAG_OCTETS, &value))
		return false;
	if (bytes_equal(oid, bytes_of("\x55\x1d\x11", 3)) && !out->alternative)
		return alternatives_read(value, arena, out);
	return true;
}

static bool extensions_read(struct reader *r, struct arena *arena, struct x509 *out)
{
	struct bytes outer, list, one;
	while (reader_left(r) && !der_peek(r, TAG_EXTENSIONS)) {
		uint8_t tag; /* unique ids of version 2 */
		if (!der_next(r, &tag, &one))
			return false;
	}
	if (!reader_left(r))
		return true;
	if (!der_expect(r, TAG_EXTENSIONS, &outer))
		return false;
	struct reader in = reader_over(outer);
	if (!der_expect(&in, TAG_SEQUENCE, &list))
		return false;
	for (struct reader each = reader_over(list); reader_left(&each);)
		if (!der_expect(&each, TAG_SEQUENCE, &one) || !extension_read(one, arena, out))
			return false;
	return true;
}

enum x509_part x509_read(struct bytes der, struct arena *arena, struct x509 *out)
{
	struct bytes certificate, body, skipped;
	struct reader r = reader_over(der);
	*out = (struct x509){0};
	if (!der_expect(&r, TAG_SEQUENCE, &certificate))
		return X509_DER;
	r = reader_over(certificate);
	if (!der_expect(&r, TAG_SEQUENCE, &body))
		return X509_DER;
	r = reader_over(body);
	if (der_peek(&r, TAG_VERSION) && (!der_expect(&r, TAG_VERSION, &skipped) || skipped.len != 3 || skipped.data[0] != TAG_INTEGER))
		return X509_VERSION;
	if (!serial_read(&r, arena, out))
		return X509_SERIAL;
	if (!der_expect(&r, TAG_SEQUENCE, &skipped))
		return X509_ALGORITHM;
	if (!name_keep(&r, arena, &out->issuer))
		return X509_ISSUER;
	enum x509_part dates = validity_read(&r, out);
	if (dates != X509_OK)
		return dates;
	if (!name_keep(&r, arena, &out->subject))
		return X509_SUBJECT;
	if (!der_expect(&r, TAG_SEQUENCE, &skipped))
		return X509_DER;
	return extensions_read(&r, arena, out) ? X509_OK : X509_EXTENSIONS;
}

void x509_date(int64_t seconds, char out[32])
{
	struct tm tm;
	time_t t = (time_t)seconds;
	if (!gmtime_r(&t, &tm) || strftime(out, 32, "%Y-%m-%dT%H:%M:%S", &tm) == 0)
		out[0] = 0;
}

void x509_fingerprint(struct bytes der, char out[60])
{
	struct sha1_ctx ctx;
	uint8_t digest[SHA1_DIGEST_SIZE];
	sha1_init(&ctx);
	sha1_update(&ctx, der.len, der.data);
	sha1_digest(&ctx, sizeof digest, digest);
	for (unsigned i = 0; i < sizeof digest; i++) {
		out = hex_put(out, digest[i]);
		*out++ = i + 1 < sizeof digest ? ':' : 0;
	}
}
