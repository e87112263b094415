// SPDX-License-Identifier: GPL-2.0-or-later
/* Transforms: a buffer's bytes are turned into others before they are looked at. A plain one is a row and a function. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "detect/keywords.h"

#include <ctype.h>
#include <errno.h>
#include <libpsl.h>
#include <nettle/md5.h>
#include <nettle/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

enum { TRANSFORM_MAX = 16 };

struct transform {
	/* Appends the result to `out`. False: fails. */
	bool (*run)(struct detect_scratch *s, const struct transform *t, struct bytes in, struct buffer *out);
	const char *name;   /* with its arguments: equal names do the same */
	struct bytes key;
	int64_t a, b;
	void *code;
	unsigned mode;
};

struct transform_chain {
	struct transform step[TRANSFORM_MAX];
	unsigned n;
	const char *name;
	struct transform_chain *next; /* of the compile context's */
};

const char *transform_chain_name(const struct transform_chain *c)
{
	return c ? c->name : "";
}

bool transform_run(struct detect_scratch *s, const struct transform_chain *c, struct bytes in, struct bytes *out)
{
	*out = in;
	for (unsigned i = 0; c && i < c->n; i++) {
		struct buffer *to = &s->transform_buffer[i & 1];
		buffer_clear(to);
		if (!c->step[i].run(s, &c->step[i], *out, to) || to->failed)
			return false;
		*out = (struct bytes){to->data ? to->data : (const uint8_t *)"", to->len};
	}
	return true;
}

/* A chain's first steps are another chain's: each owns the expression of its last. */
void transform_chains_release(struct transform_chain *list)
{
	for (struct transform_chain *c = list; c; c = c->next) {
		struct transform *last = &c->step[c->n - 1];
		if (last->code)
			regex_free(last->code);
		last->code = NULL;
	}
}

/* Appends to the chosen buffer's chain; a chain that is there already is used again. */
int builder_transform(struct builder *b, const struct transform *t, struct error *error)
{
	if (!b->sticky || b->buffer == BUFFER_PAYLOAD || b->buffer == BUFFER_BASE64)
		return error_set(error, EINVAL, "a transform stands behind a sticky buffer");
	b->inspection = NULL; /* conditions before it were on the buffer as it was */
	unsigned n = b->transforms ? b->transforms->n : 0;
	if (n == TRANSFORM_MAX)
		return error_set(error, EINVAL, "a buffer has at most %d transforms", TRANSFORM_MAX);
	char name[1024];
	snprintf(name, sizeof name, "%s%s%s", n ? b->transforms->name : "", n ? "," : "", t->name);
	for (struct transform_chain *c = b->ctx->chains; c; c = c->next)
		if (strcmp(c->name, name) == 0) {
			b->transforms = c;
			return 0;
		}
	struct transform_chain *c = builder_alloc(b, sizeof *c);
	if (n)
		memcpy(c->step, b->transforms->step, n * sizeof c->step[0]);
	c->step[n] = *t;
	c->n = n + 1;
	c->name = builder_copy(b, name, strlen(name));
	c->next = b->ctx->chains;
	b->ctx->chains = b->transforms = c;
	return 0;
}

/* The plain ones */

static bool run_dotprefix(struct detect_scratch *s, const struct transform *t, struct bytes in, struct buffer *out)
{
	buffer_add_byte(out, '.');
	buffer_add(out, in.data, in.len);
	return true;
}

static bool run_strip(struct detect_scratch *s, const struct transform *t, struct bytes in, struct buffer *out)
{
	for (size_t i = 0; i < in.len; i++)
		if (!isspace(in.data[i]))
			buffer_add_byte(out, in.data[i]);
	return true;
}

static bool run_compress(struct detect_scratch *s, const struct transform *t, struct bytes in, struct buffer *out)
{
	bool was = false;
	for (size_t i = 0; i < in.len; i++) {
		bool is = isspace(in.data[i]);
		if (!is || !was)
			buffer_add_byte(out, in.data[i]);
		was = is;
	}
	return true;
}

static bool run_lower(struct detect_scratch *s, const struct transform *t, struct bytes in, struct buffer *out)
{
	for (size_t i = 0; i < in.len; i++)
		buffer_add_byte(out, byte_lower(in.data[i]));
	return true;
}

static bool run_upper(struct detect_scratch *s, const struct transform *t, struct bytes in, struct buffer *out)
{
	for (size_t i = 0; i < in.len; i++)
		buffer_add_byte(out, in.data[i] >= 'a' && in.data[i] <= 'z' ? (uint8_t)(in.data[i] - 32) : in.data[i]);
	return true;
}

static bool run_md5(struct detect_scratch *s, const struct transform *t, struct bytes in, struct buffer *out)
{
	struct md5_ctx c;
	uint8_t digest[MD5_DIGEST_SIZE];
	md5_init(&c);
	md5_update(&c, in.len, in.data);
	md5_digest(&c, sizeof digest, digest);
	buffer_add(out, digest, sizeof digest);
	return true;
}

static bool run_sha1(struct detect_scratch *s, const struct transform *t, struct bytes in, struct buffer *out)
{
	struct sha1_ctx c;
	uint8_t digest[SHA1_DIGEST_SIZE];
	sha1_init(&c);
	sha1_update(&c, in.len, in.data);
	sha1_digest(&c, sizeof digest, digest);
	buffer_add(out, digest, sizeof digest);
	return true;
}

static bool run_sha256(struct detect_scratch *s, const struct transform *t, struct bytes in, struct buffer *out)
{
	struct sha256_ctx c;
	uint8_t digest[SHA256_DIGEST_SIZE];
	sha256_init(&c);
	sha256_update(&c, in.len, in.data);
	sha256_digest(&c, sizeof digest, digest);
	buffer_add(out, digest, sizeof digest);
	return true;
}

static int hex_value(uint8_t c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool run_url_decode(struct detect_scratch *s, const struct transform *t, struct bytes in, struct buffer *out)
{
	for (size_t i = 0; i < in.len; i++) {
		int high = in.data[i] == '%' && i + 2 < in.len ? hex_value(in.data[i + 1]) : -1;
		int low = high >= 0 ? hex_value(in.data[i + 2]) : -1;
		if (low >= 0) {
			buffer_add_byte(out, (uint8_t)(high << 4 | low));
			i += 2;
		} else {
			buffer_add_byte(out, in.data[i] == '+' ? ' ' : in.data[i]);
		}
	}
	return true;
}

/* Names of header lines in lower case; HTTP/2's way. */
static bool run_header_lowercase(struct detect_scratch *s, const struct transform *t, struct bytes in, struct buffer *out)
{
	bool name = true;
	for (size_t i = 0; i < in.len; i++) {
		uint8_t c = in.data[i];
		if (c == ':')
			name = false;
		buffer_add_byte(out, name ? byte_lower(c) : c);
		if (c == '\n')
			name = true;
	}
	return true;
}

/* Leaves out lines that begin with a colon. */
static bool run_strip_pseudo(struct detect_scratch *s, const struct transform *t, struct bytes in, struct buffer *out)
{
	for (size_t i = 0; i < in.len;) {
		const uint8_t *nl = memchr(in.data + i, '\n', in.len - i);
		size_t end = nl ? (size_t)(nl - in.data) + 1 : in.len;
		if (in.data[i] != ':')
			buffer_add(out, in.data + i, end - i);
		i = end;
	}
	return true;
}

/* What the Public Suffix List says of a host's name; the tail that is meant keeps its own letters. */
static bool suffix_take(struct bytes in, const char *(*part)(const psl_ctx_t *, const char *), struct buffer *out)
{
	char name[256];
	if (in.len == 0 || in.len >= sizeof name || memchr(in.data, 0, in.len))
		return false;
	for (size_t i = 0; i < in.len; i++)
		name[i] = (char)byte_lower(in.data[i]);
	name[in.len] = 0;
	const char *tail = part(psl_builtin(), name);
	size_t len = tail ? strlen(tail) : 0;
	if (len == 0 || len > in.len)
		return false;
	buffer_add(out, in.data + in.len - len, len);
	return true;
}

static bool run_domain(struct detect_scratch *s, const struct transform *t, struct bytes in, struct buffer *out)
{
	return suffix_take(in, psl_registrable_domain, out);
}

static bool run_tld(struct detect_scratch *s, const struct transform *t, struct bytes in, struct buffer *out)
{
	return suffix_take(in, psl_unregistrable_domain, out);
}

static const struct { const char *name; bool (*run)(struct detect_scratch *, const struct transform *, struct bytes, struct buffer *); } plain[] = {
	{"dotprefix", run_dotprefix}, {"strip_whitespace", run_strip}, {"compress_whitespace", run_compress}, {"to_lowercase", run_lower},
	{"to_uppercase", run_upper}, {"to_md5", run_md5}, {"to_sha1", run_sha1}, {"to_sha256", run_sha256}, {"url_decode", run_url_decode},
	{"header_lowercase", run_header_lowercase}, {"strip_pseudo_headers", run_strip_pseudo},
	{"domain", run_domain}, {"tld", run_tld},
};

SETUP(transform)
{
	for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
		if (strcmp(plain[i].name, o->name) == 0)
			return builder_transform(b, &(struct transform){.run = plain[i].run, .name = plain[i].name}, error);
	return error_set(error, ENOTSUP, "%s is not evaluated", o->name);
}

static bool holds_byte(struct bytes p, int (*is)(int))
{
	for (size_t i = 0; i < p.len; i++)
		if (is(p.data[i]))
			return true;
	return false;
}

static bool holds_two_spaces(struct bytes p)
{
	for (size_t i = 1; i < p.len; i++)
		if (isspace(p.data[i - 1]) && isspace(p.data[i]))
			return true;
	return false;
}

/* The last step decides what the bytes can be. */
const char *transform_forbids(const struct transform_chain *c, const struct program_step *st)
{
	if (!c || c->n == 0 || st->kind != STEP_CONTENT || st->flags & STEP_NEGATED)
		return NULL;
	const struct transform *last = &c->step[c->n - 1];
	struct bytes p = st->content.pattern;
	if (last->run == run_upper && !(st->flags & STEP_NOCASE) && holds_byte(p, islower))
		return "behind to_uppercase there are no lower-case letters";
	if (last->run == run_lower && !(st->flags & STEP_NOCASE) && holds_byte(p, isupper))
		return "behind to_lowercase there are no upper-case letters";
	if (last->run == run_strip && holds_byte(p, isspace))
		return "behind strip_whitespace there are no blanks";
	if (last->run == run_compress && holds_two_spaces(p))
		return "behind compress_whitespace no two blanks follow each other";
	if ((last->run == run_md5 && p.len > 16) || (last->run == run_sha1 && p.len > 20) || (last->run == run_sha256 && p.len > 32))
		return "the content is longer than the digest";
	return NULL;
}

/* Those with arguments */

static char *named(struct builder *b, const struct rule_option *o)
{
	size_t n = strlen(o->name) + (o->value ? strlen(o->value) : 0) + 2;
	char *s = builder_alloc(b, n);
	snprintf(s, n, "%s:%s", o->name, o->value ? o->value : "");
	return s;
}

static bool run_xor(struct detect_scratch *s, const struct transform *t, struct bytes in, struct buffer *out)
{
	for (size_t i = 0; i < in.len; i++)
		buffer_add_byte(out, in.data[i] ^ t->key.data[i % t->key.len]);
	return true;
}

SETUP(xor)
{
	bool negated;
	const char *quoted = builder_quoted(b, o->value, &negated), *text = quoted ? quoted : o->value;
	size_t n = strlen(text);
	uint8_t *key = builder_alloc(b, n / 2 + 1);
	for (size_t i = 0; i < n; i += 2) {
		int high = hex_value((uint8_t)text[i]), low = hex_value((uint8_t)text[i + 1]);
		if (high < 0 || low < 0)
			return error_set(error, EINVAL, "the key of xor is hexadecimal digits, two a byte");
		key[i / 2] = (uint8_t)(high << 4 | low);
	}
	if (n == 0 || n / 2 > 255)
		return error_set(error, EINVAL, "the key of xor has 1 to 255 bytes");
	return builder_transform(b, &(struct transform){.run = run_xor, .name = named(b, o), .key = {key, n / 2}}, error);
}

static bool run_pcre(struct detect_scratch *s, const struct transform *t, struct bytes in, struct buffer *out)
{
	int rc = pcre2_match(t->code, in.data, in.len, 0, 0, s->pcre_match, s->pcre_context);
	const PCRE2_SIZE *ov = rc >= 2 || rc == 0 ? pcre2_get_ovector_pointer(s->pcre_match) : NULL;
	if (!ov || ov[2] == PCRE2_UNSET) {
		buffer_add(out, in.data, in.len); /* nothing captured: as it was */
		return true;
	}
	buffer_add(out, in.data + ov[2], ov[3] - ov[2]);
	return true;
}

SETUP(pcrexform)
{
	bool negated;
	uint32_t groups = 0;
	const char *text = builder_quoted(b, o->value, &negated);
	if (!text)
		return error_set(error, EINVAL, "invalid formatting to %s keyword: the value must stand between double quotes", o->name);
	void *code = regex_compile(bytes_of_string(text), 0, error);
	if (!code)
		return -EINVAL;
	pcre2_pattern_info(code, PCRE2_INFO_CAPTURECOUNT, &groups);
	struct transform_chain *before = b->ctx->chains;
	int rc = groups == 1 ? builder_transform(b, &(struct transform){.run = run_pcre, .name = named(b, o), .code = code}, error)
			     : error_set(error, EINVAL, "the expression must have one group: what it captures becomes the buffer");
	if (rc || b->ctx->chains == before)
		regex_free(code); /* not taken: the same chain was there */
	return rc;
}

static int base64_value(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? c - 'A' : c >= 'a' && c <= 'z' ? c - 'a' + 26 : c >= '0' && c <= '9' ? c - '0' + 52 : c == '+' ? 62 : c == '/' ? 63 : -1;
}

enum base64_mode { BASE64_RFC4648, BASE64_RFC2045, BASE64_STRICT };

static bool run_base64(struct detect_scratch *s, const struct transform *t, struct bytes in, struct buffer *out)
{
	uint32_t group = 0;
	unsigned n = 0;
	size_t count = t->a ? (size_t)t->a : SIZE_MAX;
	struct bytes part = bytes_slice(in, (size_t)t->b, count);
	for (size_t i = 0; i < part.len; i++) {
		int d = base64_value(part.data[i]);
		if (d < 0 && part.data[i] == '=')
			break;
		if (d < 0 && (t->mode == BASE64_RFC2045))
			continue; /* what is not of the alphabet is skipped */
		if (d < 0 && t->mode == BASE64_STRICT)
			goto unchanged;
		if (d < 0)
			break;
		group = group << 6 | (uint32_t)d;
		if (++n == 4) {
			buffer_add(out, (uint8_t[]){(uint8_t)(group >> 16), (uint8_t)(group >> 8), (uint8_t)group}, 3);
			n = 0, group = 0;
		}
	}
	if (n >= 2)
		buffer_add_byte(out, (uint8_t)(group >> (n == 2 ? 4 : 10)));
	if (n == 3)
		buffer_add_byte(out, (uint8_t)(group >> 2));
	if (out->len)
		return true;
unchanged:
	buffer_clear(out);
	buffer_add(out, in.data, in.len);
	return true;
}

/* from_base64[:bytes N, offset N, mode rfc4648|rfc2045|strict] */
SETUP(from_base64)
{
	struct transform t = {.run = run_base64, .name = named(b, o), .mode = BASE64_RFC4648};
	char *f[4];
	unsigned n = o->value && *o->value ? builder_fields(b, o->value, ',', f, 4) : 0;
	for (unsigned i = 0; i < n; i++) {
		struct step_number v = {0, -1};
		int rc = 0;
		if (strncmp(f[i], "bytes ", 6) == 0) {
			rc = builder_number(b, f[i] + 6, 1, 65535, &v, error);
			t.a = v.value;
		} else if (strncmp(f[i], "offset ", 7) == 0) {
			rc = builder_number(b, f[i] + 7, 0, 65535, &v, error);
			t.b = v.value;
		} else if (strcmp(f[i], "mode rfc2045") == 0) {
			t.mode = BASE64_RFC2045;
		} else if (strcmp(f[i], "mode strict") == 0) {
			t.mode = BASE64_STRICT;
		} else if (strcmp(f[i], "mode rfc4648") != 0) {
			rc = error_set(error, EINVAL, "“%s”: from_base64 knows bytes, offset and mode rfc4648, rfc2045 or strict", f[i]);
		}
		if (rc || v.var >= 0)
			return rc ? rc : error_set(error, ENOTSUP, "from_base64 with variables is not evaluated");
	}
	return builder_transform(b, &t, error);
}

enum { INFLATE_MAX = 4096, INFLATE_LIMIT = 1 << 20 };

static bool run_inflate(struct detect_scratch *s, const struct transform *t, struct bytes in, struct buffer *out)
{
	z_stream z = {.next_in = (uint8_t *)(uintptr_t)in.data, .avail_in = in.len > UINT32_MAX ? UINT32_MAX : (uInt)in.len};
	if (inflateInit2(&z, t->mode ? 15 + 16 : 15) != Z_OK)
		return false;
	size_t max = (size_t)t->a;
	int rc = Z_OK;
	while (rc == Z_OK && out->len < max && buffer_reserve(out, 1024)) {
		size_t room = out->room - out->len < max - out->len ? out->room - out->len : max - out->len;
		z.next_out = out->data + out->len;
		z.avail_out = (uInt)room;
		rc = inflate(&z, Z_NO_FLUSH);
		out->len += room - z.avail_out;
		if (z.avail_in == 0 && z.avail_out)
			break;
	}
	inflateEnd(&z);
	return out->len > 0;
}

/* gunzip[:max-size N], zlib_deflate */
SETUP(inflate)
{
	struct transform t = {.run = run_inflate, .name = named(b, o), .a = INFLATE_MAX, .mode = strcmp(o->name, "gunzip") == 0};
	if (o->value && *o->value) {
		const char *text = strncmp(o->value, "max-size", 8) == 0 ? o->value + 8 : o->value;
		uint64_t v;
		if (!number_read(&text, &v) || *text || v == 0 || v > INFLATE_LIMIT)
			return error_set(error, EINVAL, "“%s” is no max-size from 1 to %d", o->value, INFLATE_LIMIT);
		t.a = (int64_t)v;
	}
	return builder_transform(b, &t, error);
}

static bool run_slice(struct detect_scratch *s, const struct transform *t, struct bytes in, struct buffer *out)
{
	int64_t len = (int64_t)in.len, from = t->a < 0 ? len + t->a : t->a, n = t->mode ? t->b : len;
	int64_t to = n < 0 ? len + n : from + n;
	if (from < 0)
		from = 0;
	if (to > len)
		to = len;
	if (from < to)
		buffer_add(out, in.data + from, (size_t)(to - from));
	return true;
}

/* subslice:OFFSET[,COUNT] */
SETUP(subslice)
{
	struct transform t = {.run = run_slice, .name = named(b, o)};
	struct step_number v[2] = {{0, -1}, {0, -1}};
	char *f[2];
	unsigned n = builder_fields(b, o->value, ',', f, 2);
	int rc = builder_number(b, f[0], -65535, 65535, &v[0], error);
	if (rc == 0 && n == 2)
		rc = builder_number(b, f[1], -65535, 65535, &v[1], error);
	if (rc || v[0].var >= 0 || v[1].var >= 0)
		return rc ? rc : error_set(error, ENOTSUP, "subslice with variables is not evaluated");
	t.a = v[0].value;
	t.b = v[1].value;
	t.mode = n == 2;
	return builder_transform(b, &t, error);
}
