// SPDX-License-Identifier: GPL-2.0-or-later
/* content and its modifiers; sizes of buffers and payloads; isdataat, absent, entropy. */
#include "detect/keywords.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* "ab|63 64|e\;" → bytes, in place of a copy. */
static int pattern_parse(struct builder *b, const char *text, struct bytes *out, struct error *error)
{
	uint8_t *to = builder_alloc(b, strlen(text) + 1);
	size_t n = 0;
	bool hex = false;
	int high = -1;
	for (const char *s = text; *s; s++) {
		if (*s == '|') {
			if (high >= 0)
				return error_set(error, EINVAL, "half a byte stands between the bars");
			hex = !hex;
		} else if (hex) {
			int d = hex_digit(*s);
			if (d < 0 && !isspace((unsigned char)*s))
				return error_set(error, EINVAL, "“%c” between bars is no hexadecimal digit", *s);
			if (d >= 0 && high >= 0)
				to[n++] = (uint8_t)(high << 4 | d), high = -1;
			else if (d >= 0)
				high = d;
			else if (high >= 0)
				return error_set(error, EINVAL, "half a byte stands between the bars");
		} else if (*s == '\\') {
			s++;
			if (!*s || !strchr("\":;\\", *s))
				return error_set(error, EINVAL, "a backslash stands before one of \" : ; \\ only");
			to[n++] = (uint8_t)*s;
		} else {
			to[n++] = (uint8_t)*s;
		}
	}
	if (hex)
		return error_set(error, EINVAL, "a bar is missing");
	if (n == 0)
		return error_set(error, EINVAL, "the content is empty");
	if (n > 65535)
		return error_set(error, EINVAL, "the content is longer than 65,535 bytes");
	*out = (struct bytes){to, n};
	return 0;
}

static int content_add(struct builder *b, const struct rule_option *o, struct error *error)
{
	bool negated;
	struct bytes pattern;
	const char *text = builder_quoted(b, o->value, &negated);
	if (!text)
		return error_set(error, EINVAL, "invalid formatting to %s keyword: the value must stand between double quotes", o->name);
	int rc = pattern_parse(b, text, &pattern, error);
	if (rc)
		return rc;
	struct program_step *st = builder_step(b, STEP_CONTENT);
	st->content.pattern = pattern;
	st->flags |= negated ? STEP_NEGATED : 0;
	b->last = st;
	return 0;
}

SETUP(content)
{
	if (b->inspection && b->inspection->absent)
		return error_set(error, EINVAL, "a buffer that is absent has no content");
	return content_add(b, o, error);
}

SETUP(uricontent)
{
	unsigned id = app_buffer_id("http.uri");
	if (!id)
		return error_set(error, ENOTSUP, "http.uri is not built");
	if (b->sticky)
		return error_set(error, EINVAL, "uricontent does not go with a sticky buffer");
	builder_choose(b, BUFFER_APP + id);
	int rc = content_add(b, o, error);
	builder_choose(b, BUFFER_PAYLOAD);
	b->sticky = false;
	return rc;
}

/* tls.subject:"CN=x": a content on a buffer, in one word. */
SETUP(buffer_text)
{
	static const struct { const char *name, *buffer; bool nocase; } words[] = {
		{"tls.subject", "tls.cert_subject", false}, {"tls.issuerdn", "tls.cert_issuer", false}, {"tls.fingerprint", "tls.cert_fingerprint", true},
	};
	size_t i = 0;
	while (strcmp(words[i].name, b->keyword->name) != 0)
		i++;
	unsigned id = app_buffer_id(words[i].buffer);
	if (!id)
		return error_set(error, ENOTSUP, "%s is not built", words[i].buffer);
	int rc = builder_used(b, error);
	builder_choose(b, BUFFER_APP + id);
	if (rc == 0)
		rc = content_add(b, o, error);
	if (rc == 0 && words[i].nocase)
		b->last->flags |= STEP_NOCASE;
	builder_choose(b, BUFFER_PAYLOAD);
	b->sticky = false;
	b->last = NULL;
	return rc;
}

static struct program_step *last_content(struct builder *b, const struct rule_option *o, struct error *error)
{
	if (b->last && b->last->kind == STEP_CONTENT)
		return b->last;
	error_set(error, EINVAL, "%s belongs to a content: none stands before it", o->name);
	return NULL;
}

/* A modifier that may stand once. */
static struct program_step *modified(struct builder *b, const struct rule_option *o, uint32_t flag, struct error *error)
{
	struct program_step *st = last_content(b, o, error);
	if (st && st->flags & flag) {
		error_set(error, EINVAL, "the content has %s already", o->name);
		return NULL;
	}
	if (st)
		st->flags |= flag;
	return st;
}

SETUP(nocase)
{
	return modified(b, o, STEP_NOCASE, error) ? 0 : -EINVAL;
}

SETUP(rawbytes)
{
	return modified(b, o, STEP_RAWBYTES, error) ? 0 : -EINVAL;
}

SETUP(replace)
{
	return error_set(error, ENOTSUP, "replace is not evaluated: sluice does not rewrite payload");
}

static int number_set(struct builder *b, struct program_step *st, const char *text, int64_t min, int64_t max, struct step_number *out, struct error *error)
{
	int rc = builder_number(b, text, min, max, out, error);
	if (rc == 0 && out->var >= 0)
		st->flags |= STEP_VAR;
	return rc;
}

static int mixed(const struct program_step *st, struct error *error)
{
	if (st->flags & (STEP_DEPTH | STEP_OFFSET | STEP_STARTSWITH) && st->flags & (STEP_DISTANCE | STEP_WITHIN))
		return error_set(error, EINVAL, "a content is found either from the start of the buffer (offset, depth, startswith) or from the content before (distance, within)");
	if (st->flags & STEP_STARTSWITH && st->flags & (STEP_DEPTH | STEP_OFFSET))
		return error_set(error, EINVAL, "startswith does not go with offset or depth");
	return 0;
}

SETUP(depth)
{
	struct program_step *st = modified(b, o, STEP_DEPTH, error);
	if (!st)
		return -EINVAL;
	int rc = number_set(b, st, o->value, 0, 65535, &st->content.depth, error);
	if (rc)
		return rc;
	if (st->content.depth.var < 0 && st->content.depth.value < (int64_t)st->content.pattern.len)
		return error_set(error, EINVAL, "a depth of %lld is shorter than the content, which has %zu bytes", (long long)st->content.depth.value, st->content.pattern.len);
	return mixed(st, error);
}

SETUP(offset)
{
	struct program_step *st = modified(b, o, STEP_OFFSET, error);
	int rc = st ? number_set(b, st, o->value, 0, 65535, &st->content.offset, error) : -EINVAL;
	return rc ? rc : mixed(st, error);
}

SETUP(distance)
{
	struct program_step *st = modified(b, o, STEP_DISTANCE, error);
	if (!st)
		return -EINVAL;
	st->flags |= STEP_RELATIVE;
	int rc = number_set(b, st, o->value, -1048576, 1048576, &st->content.distance, error);
	return rc ? rc : mixed(st, error);
}

SETUP(within)
{
	struct program_step *st = modified(b, o, STEP_WITHIN, error);
	if (!st)
		return -EINVAL;
	st->flags |= STEP_RELATIVE;
	int rc = number_set(b, st, o->value, -1048576, 1048576, &st->content.within, error);
	if (rc)
		return rc;
	if (st->content.within.var < 0 && st->content.within.value < (int64_t)st->content.pattern.len)
		return error_set(error, EINVAL, "within %lld bytes there is no room for the content, which has %zu", (long long)st->content.within.value, st->content.pattern.len);
	return mixed(st, error);
}

SETUP(startswith)
{
	struct program_step *st = modified(b, o, STEP_STARTSWITH, error);
	if (!st)
		return -EINVAL;
	st->content.depth.value = (int64_t)st->content.pattern.len;
	return mixed(st, error);
}

SETUP(endswith)
{
	struct program_step *st = modified(b, o, STEP_ENDSWITH, error);
	return st ? mixed(st, error) : -EINVAL;
}

static int fast_chop(struct program_step *st, const char *value, struct error *error)
{
	unsigned offset, len;
	char rest;
	if (sscanf(value, "%u , %u %c", &offset, &len, &rest) != 2)
		return error_set(error, EINVAL, "fast_pattern takes nothing, “only”, or an offset and a length");
	if (len == 0 || offset > 65535 || len > 65535 || offset + len > st->content.pattern.len)
		return error_set(error, EINVAL, "bytes %u to %u are not all in the content, which has %zu", offset, offset + len, st->content.pattern.len);
	st->flags |= STEP_FAST_CHOP;
	st->content.fast_offset = (uint16_t)offset;
	st->content.fast_len = (uint16_t)len;
	return 0;
}

SETUP(fast_pattern)
{
	struct program_step *st = last_content(b, o, error);
	if (!st)
		return -EINVAL;
	if (b->fast)
		return error_set(error, EINVAL, "the rule has its fast_pattern already");
	b->fast = o;
	st->flags |= STEP_FAST;
	if (b->buffer == BUFFER_BASE64)
		return error_set(error, EINVAL, "decoded base64 cannot be prefiltered");
	if (!o->value || !*o->value)
		return 0;
	if (strcasecmp(o->value, "only") == 0) {
		if (st->flags & (STEP_NEGATED | STEP_RELATIVE | STEP_OFFSET | STEP_DEPTH))
			return error_set(error, EINVAL, "fast_pattern:only does not go with negation, offset, depth, distance or within");
		st->flags |= STEP_FAST_ONLY;
		return 0;
	}
	return fast_chop(st, o->value, error);
}

SETUP(isdataat)
{
	char *field[3];
	bool negated = *o->value == '!';
	unsigned n = builder_fields(b, o->value + negated, ',', field, 3);
	if (b->buffer != BUFFER_PAYLOAD && n == 3 && strcmp(field[2], "rawbytes") == 0)
		n = 2;
	struct program_step *st = builder_step_relative(b, STEP_ISDATAAT, o->value);
	st->flags |= negated ? STEP_NEGATED : 0;
	for (unsigned i = 1; i < n; i++) {
		if (strcmp(field[i], "relative") == 0)
			st->flags |= STEP_RELATIVE;
		else if (strcmp(field[i], "rawbytes") == 0)
			st->flags |= STEP_RAWBYTES;
		else
			return error_set(error, EINVAL, "“%s”: isdataat knows relative and rawbytes", field[i]);
	}
	return number_set(b, st, field[0], 0, 65535, &st->at, error);
}

SETUP(bsize)
{
	if (!b->sticky || b->buffer == BUFFER_PAYLOAD)
		return error_set(error, EINVAL, "bsize measures a sticky buffer: none stands before it");
	struct program_step *st = builder_step(b, STEP_BSIZE);
	int rc = number_parse(o->value, 64, NULL, &st->size, error);
	return rc;
}

/* urilen:N[,norm|raw] */
SETUP(urilen)
{
	char *field[2];
	unsigned n = builder_fields(b, o->value, ',', field, 2);
	bool raw = n > 1 && strcmp(field[1], "raw") == 0;
	if (n > 1 && !raw && strcmp(field[1], "norm") != 0)
		return error_set(error, EINVAL, "“%s”: urilen knows norm and raw", field[1]);
	unsigned id = app_buffer_id(raw ? "http.uri.raw" : "http.uri");
	if (!id)
		return error_set(error, ENOTSUP, "http.uri is not built");
	struct inspection *in = builder_inspection(b, BUFFER_APP + id, NULL);
	if (!in->program)
		in->program = program_new(b->ctx->arena);
	struct program_step *st = program_add(in->program, b->ctx->arena, STEP_BSIZE);
	st->keyword = "urilen";
	return number_parse(field[0], 16, NULL, &st->size, error);
}

static bool dsize_holds(struct detect_scratch *s, const struct packet_test *t)
{
	const struct packet *p = s->packet;
	return !(p->flags & PACKET_PSEUDO) && number_test(t->data, p->payload.len);
}

SETUP(dsize)
{
	struct number_test *n = builder_alloc(b, sizeof *n);
	int rc = number_parse(o->value, 16, NULL, n, error);
	if (rc)
		return rc;
	if (b->dsize)
		return error_set(error, EINVAL, "the rule has a dsize already");
	builder_test(b, dsize_holds)->data = n;
	b->sig->flags |= SIG_WANT_DSIZE;
	b->dsize = n;
	return 0;
}

SETUP(absent)
{
	if (!b->sticky || b->buffer < BUFFER_APP)
		return error_set(error, EINVAL, "absent is about a sticky buffer of an application protocol: none stands before it");
	bool or_else = o->value && strcmp(o->value, "or_else") == 0;
	if (o->value && *o->value && !or_else)
		return error_set(error, EINVAL, "absent takes nothing or “or_else”");
	if (!b->inspection)
		b->inspection = builder_inspection(b, b->buffer, b->transforms);
	if (b->inspection->program && b->inspection->program->first && !or_else)
		return error_set(error, EINVAL, "a buffer that is absent has no content");
	b->inspection->absent = !or_else;
	b->inspection->absent_or_else = or_else;
	return 0;
}

static int entropy_value(struct step_entropy *e, char *text, struct error *error)
{
	static const struct { const char *text; uint8_t op; } op[] = {{"<=", BYTE_LE}, {">=", BYTE_GE}, {"!=", BYTE_NE}, {"<", BYTE_LT}, {">", BYTE_GT}, {"=", BYTE_EQ}};
	e->op = BYTE_EQ;
	for (size_t i = 0; i < sizeof op / sizeof op[0]; i++)
		if (strncmp(text, op[i].text, strlen(op[i].text)) == 0) {
			e->op = op[i].op;
			text += strlen(op[i].text);
			break;
		}
	char *end, *dash = strchr(text, '-');
	if (e->op == BYTE_EQ && dash && dash > text) { /* between the two, or outside of them */
		bool outside = *text == '!';
		e->op = outside ? BYTE_OR : BYTE_AND;
		e->high = strtod(dash + 1, &end);
		if (end == dash + 1 || *end)
			return error_set(error, EINVAL, "“%s” is no range", text);
		*dash = 0;
		text += outside;
	}
	e->value = strtod(text, &end);
	return end != text && !*end && e->value >= 0 && e->value <= 8 ? 0 : error_set(error, EINVAL, "an entropy lies between 0 and 8");
}

SETUP(entropy)
{
	char *field[8];
	unsigned n = builder_fields(b, o->value, ',', field, 8);
	struct program_step *st = builder_step(b, STEP_ENTROPY);
	bool has_value = false;
	for (unsigned i = 0; i < n; i++) {
		struct step_number v = {0, -1};
		int rc = 0;
		if (strncmp(field[i], "bytes ", 6) == 0) {
			rc = builder_number(b, field[i] + 6, 0, 65535, &v, error);
			st->entropy.count = (uint32_t)v.value;
		} else if (strncmp(field[i], "offset ", 7) == 0) {
			rc = builder_number(b, field[i] + 7, -65535, 65535, &v, error);
			st->entropy.offset = (int32_t)v.value;
		} else if (strncmp(field[i], "value ", 6) == 0 || strncmp(field[i], "value", 5) == 0) {
			char *text = field[i] + 5, *to = text;
			for (char *from = text; *from; from++)
				if (!isspace((unsigned char)*from))
					*to++ = *from;
			*to = 0;
			rc = entropy_value(&st->entropy, text, error);
			has_value = true;
		} else {
			rc = error_set(error, EINVAL, "“%s”: entropy knows bytes, offset and value", field[i]);
		}
		if (rc)
			return rc;
	}
	return has_value ? 0 : error_set(error, EINVAL, "entropy needs a value");
}
