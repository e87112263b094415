// SPDX-License-Identifier: GPL-2.0-or-later
/* pcre: the expression with its flags; letters of old that choose a buffer; captures into variables. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "detect/keywords.h"

#include <ctype.h>
#include <errno.h>

static const struct { char letter; const char *buffer; } letters[] = {
	{'U', "http.uri"}, {'I', "http.uri.raw"}, {'P', "http.request_body"}, {'Q', "file.data"}, {'H', "http.header"}, {'D', "http.header.raw"},
	{'M', "http.method"}, {'C', "http.cookie"}, {'S', "http.stat_code"}, {'Y', "http.stat_msg"}, {'V', "http.user_agent"}, {'W', "http.host"}, {'Z', "http.host.raw"},
};

struct pcre_text {
	char *pattern, *flags, *captures; /* captures: ", flow:x, pkt:y" or "" */
	bool negated;
};

static int text_split(struct builder *b, const char *value, struct pcre_text *out, struct error *error)
{
	char *text = builder_quoted(b, value, &out->negated);
	if (!text) { /* the quotation marks may be missing */
		while (isspace((unsigned char)*value) || *value == '!')
			value++;
		text = *value == '/' ? strcpy(builder_temp(b, strlen(value) + 1), value) : NULL;
	}
	if (!text || *text != '/')
		return error_set(error, EINVAL, "an expression is written \"/…/flags\"");
	char *end = text + strlen(text);
	do {
		while (end > text && *end != '/')
			end--;
		/* The slash that ends it is followed by flags and captures alone. */
		const char *s = end + 1;
		while (isalpha((unsigned char)*s))
			s++;
		while (isspace((unsigned char)*s))
			s++;
		if (end > text && (!*s || *s == ','))
			break;
	} while (end-- > text);
	if (end <= text)
		return error_set(error, EINVAL, "the slash behind the expression is missing");
	out->pattern = text + 1;
	*end = 0;
	out->flags = end + 1;
	char *comma = strchr(out->flags, ',');
	out->captures = comma ? comma + 1 : (char *)"";
	if (comma)
		*comma = 0;
	return 0;
}

struct pcre_flags {
	uint32_t options;
	bool relative, rawbytes;
	const char *buffer;
	bool no_limit;
};

static int flag_parse(char c, struct pcre_flags *f, struct error *error)
{
	switch (c) {
	case 'i': f->options |= PCRE2_CASELESS; return 0;
	case 's': f->options |= PCRE2_DOTALL; return 0;
	case 'm': f->options |= PCRE2_MULTILINE; return 0;
	case 'x': f->options |= PCRE2_EXTENDED; return 0;
	case 'A': f->options |= PCRE2_ANCHORED; return 0;
	case 'E': f->options |= PCRE2_DOLLAR_ENDONLY; return 0;
	case 'G': f->options |= PCRE2_UNGREEDY; return 0;
	case 'R': f->relative = true; return 0;
	case 'B': f->rawbytes = true; return 0;
	case 'O': f->no_limit = true; return 0;
	}
	for (size_t i = 0; i < sizeof letters / sizeof letters[0]; i++)
		if (letters[i].letter == c) {
			if (f->buffer && strcmp(f->buffer, letters[i].buffer) != 0)
				return error_set(error, EINVAL, "the flag %c chooses a second buffer", c);
			f->buffer = letters[i].buffer;
			return 0;
		}
	return error_set(error, EINVAL, "“%c” is no flag of pcre", c);
}

enum { CAPTURES_MAX = 8 };

/* "flow:x", "pkt:x", "alert:x": what is before the name, by its separator. NULL: none of them. */
static const char *capture_name(const char *text, char separator, uint8_t *kind)
{
	static const struct { const char *word; uint8_t kind; } words[] = {{"flow", REGISTRY_FLOWVAR}, {"pkt", REGISTRY_PKTVAR}, {"alert", REGISTRY_KIND_N_}};
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		size_t n = strlen(words[i].word);
		if (strncmp(text, words[i].word, n) == 0 && text[n] == separator && text[n + 1]) {
			*kind = words[i].kind;
			return text + n + 1;
		}
	}
	return NULL;
}

static int capture_add(struct builder *b, struct step_pcre *p, const char *name, uint8_t kind, unsigned group, struct error *error)
{
	if (p->n_captures == CAPTURES_MAX)
		return error_set(error, EINVAL, "an expression captures at most %d variables", CAPTURES_MAX);
	if (!p->capture)
		p->capture = builder_alloc(b, CAPTURES_MAX * sizeof *p->capture);
	struct step_capture *c = &p->capture[p->n_captures++];
	*c = (struct step_capture){.kind = kind, .group = (uint8_t)group};
	if (kind == REGISTRY_KIND_N_)
		c->name = builder_copy(b, name, strlen(name));
	else if (b->ctx->registry)
		c->id = registry_id(b->ctx->registry, kind, name);
	return 0;
}

/* "flow:x, pkt:y": the first group, the second. */
static int captures_listed(struct builder *b, struct step_pcre *p, const char *text, unsigned groups, struct error *error)
{
	char *field[CAPTURES_MAX + 1];
	unsigned n = *text ? builder_fields(b, text, ',', field, CAPTURES_MAX + 1) : 0;
	if (n > groups)
		return error_set(error, EINVAL, "the expression has %u groups, but %u variables are to be captured", groups, n);
	for (unsigned i = 0; i < n; i++) {
		uint8_t kind = 0;
		const char *name = capture_name(field[i], ':', &kind);
		if (!name)
			return error_set(error, EINVAL, "“%s”: a captured variable is written flow:NAME, pkt:NAME or alert:NAME", field[i]);
		int rc = capture_add(b, p, name, kind, i + 1, error);
		if (rc)
			return rc;
	}
	return 0;
}

/* (?P<flow_x>…), (?P<pkt_y>…) and (?P<alert_z>…) */
static int captures_named(struct builder *b, struct step_pcre *p, struct error *error)
{
	uint32_t n = 0, size = 0;
	PCRE2_SPTR table = NULL;
	pcre2_pattern_info(p->code, PCRE2_INFO_NAMECOUNT, &n);
	pcre2_pattern_info(p->code, PCRE2_INFO_NAMEENTRYSIZE, &size);
	pcre2_pattern_info(p->code, PCRE2_INFO_NAMETABLE, &table);
	for (uint32_t i = 0; i < n; i++) {
		uint8_t kind = 0;
		const char *name = capture_name((const char *)table + i * size + 2, '_', &kind);
		int rc = name ? capture_add(b, p, name, kind, load_be16(table + i * size), error) : 0;
		if (rc)
			return rc;
	}
	return 0;
}

static int pcre_build(struct builder *b, struct program_step *st, const struct pcre_text *t, const struct pcre_flags *f, struct error *error)
{
	uint32_t groups = 0;
	st->flags |= (t->negated ? STEP_NEGATED : 0) | (f->relative ? STEP_RELATIVE : 0) | (f->rawbytes ? STEP_RAWBYTES : 0);
	st->pcre.code = regex_compile(bytes_of_string(t->pattern), f->options, error);
	if (!st->pcre.code)
		return -EINVAL;
	pcre2_pattern_info(st->pcre.code, PCRE2_INFO_CAPTURECOUNT, &groups);
	int rc = captures_listed(b, &st->pcre, t->captures, groups, error);
	return rc ? rc : captures_named(b, &st->pcre, error);
}

SETUP(pcre)
{
	struct pcre_text t;
	struct pcre_flags f = {0};
	int rc = text_split(b, o->value, &t, error);
	for (const char *s = t.flags; rc == 0 && *s && !isspace((unsigned char)*s); s++)
		rc = flag_parse(*s, &f, error);
	if (rc)
		return rc;
	unsigned before = b->buffer;
	struct inspection *inspection = b->inspection;
	unsigned id = f.buffer ? app_buffer_id(f.buffer) : 0;
	if (id && b->sticky && (before == BUFFER_APP + id || (strcmp(f.buffer, "file.data") == 0 && before == BUFFER_APP + app_buffer_id("http.response_body"))))
		f.buffer = NULL; /* says what is so already */
	if (f.buffer) {
		if (b->sticky)
			return error_set(error, EINVAL, "the expression's flags choose %s, but another buffer is chosen already", f.buffer);
		if (!id)
			return error_set(error, ENOTSUP, "%s is not built", f.buffer);
		b->buffer = BUFFER_APP + id;
		b->inspection = NULL;
	}
	struct program_step *st = builder_step(b, STEP_PCRE);
	b->last = st;
	if (f.buffer) {
		b->buffer = before;
		b->inspection = inspection;
	}
	return pcre_build(b, st, &t, &f, error);
}
