// SPDX-License-Identifier: GPL-2.0-or-later
/* What keyword setups use to add to a signature: inspections, programs, tests, effects, variables, texts. */
#include "detect/keywords.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

static void *or_exit(void *p)
{
	if (!p)
		(void)xmalloc(SIZE_MAX); /* compiling is start-up: ends with the usual words */
	return p;
}

void *builder_alloc(struct builder *b, size_t n)
{
	return or_exit(arena_alloc(b->ctx->arena, n));
}

void *builder_temp(struct builder *b, size_t n)
{
	return or_exit(arena_alloc(&b->ctx->temp, n));
}

static char *temp_copy(struct builder *b, const char *text, size_t n)
{
	char *s = builder_temp(b, n + 1);
	memcpy(s, text, n);
	return s;
}

char *builder_copy(struct builder *b, const char *text, size_t n)
{
	char *s = builder_alloc(b, n + 1);
	memcpy(s, text, n);
	return s;
}

void builder_find(struct builder *b, enum finding_severity severity, const char *code, const char *format, ...)
{
	if (!b->ctx->findings)
		return;
	char text[512];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	struct text_span span = b->option ? b->option->span : (struct text_span){0, 0};
	rule_set_find(b->ctx->findings, severity, code, b->rule, span, "%s", text);
}

void builder_choose(struct builder *b, unsigned buffer)
{
	b->buffer = buffer;
	b->sticky = true;
	b->side = 0;
	b->transforms = NULL;
	b->inspection = NULL;
}

int builder_used(struct builder *b, struct error *error)
{
	if (!b->sticky || b->inspection || b->buffer == BUFFER_PAYLOAD || b->buffer == BUFFER_BASE64)
		return 0;
	return error_set(error, EINVAL, "the sticky buffer before has no condition");
}

static bool is_multi(const struct builder *b, unsigned buffer)
{
	const struct app_keyword *row = NULL;
	if (buffer < BUFFER_APP)
		return false;
	keyword_directions(b->sig, app_buffer_name(buffer - BUFFER_APP), &row);
	return row && row->kind == APP_MULTI_BUFFER;
}

static struct inspection *inspection_add(struct builder *b, unsigned buffer, const struct transform_chain *transforms)
{
	struct inspection *in = builder_alloc(b, sizeof *in);
	in->buffer = buffer;
	in->transforms = transforms;
	in->multi = is_multi(b, buffer);
	in->direction = b->side ? b->side : 3;
	if (b->sig->last_inspection)
		b->sig->last_inspection->next = in;
	else
		b->sig->inspections = in;
	b->sig->last_inspection = in;
	b->sig->n_inspections++;
	return in;
}

struct inspection *builder_inspection(struct builder *b, unsigned buffer, const struct transform_chain *transforms)
{
	for (struct inspection *in = b->sig->inspections; in; in = in->next)
		if (in->buffer == buffer && in->transforms == transforms && in->direction == (b->side ? b->side : 3) && !in->multi && !in->tests)
			return in;
	return inspection_add(b, buffer, transforms);
}

struct program *builder_program(struct builder *b)
{
	if (b->buffer == BUFFER_BASE64) {
		if (!b->base64->base64.sub)
			b->base64->base64.sub = or_exit(program_new(b->ctx->arena));
		return b->base64->base64.sub;
	}
	if (!b->inspection)
		b->inspection = builder_inspection(b, b->buffer, b->transforms);
	if (!b->inspection->program)
		b->inspection->program = or_exit(program_new(b->ctx->arena));
	return b->inspection->program;
}

struct program_step *builder_step(struct builder *b, enum step_kind kind)
{
	struct program_step *st = or_exit(program_add(builder_program(b), b->ctx->arena, kind));
	st->keyword = b->keyword ? b->keyword->name : NULL; /* options do not outlive compiling */
	b->last_in = b->buffer == BUFFER_BASE64 ? NULL : b->inspection;
	return st;
}

/* Without a sticky buffer, what counts from the match before looks where that match was. */
struct program_step *builder_step_relative(struct builder *b, enum step_kind kind, const char *words)
{
	const char *at = words ? strstr(words, "relative") : NULL;
	if (b->sticky || !at || !b->last_in || b->last_in == b->inspection)
		return builder_step(b, kind);
	struct inspection *inspection = b->inspection;
	unsigned buffer = b->buffer;
	b->inspection = b->last_in;
	b->buffer = b->last_in->buffer;
	struct program_step *st = builder_step(b, kind);
	b->inspection = inspection;
	b->buffer = buffer;
	return st;
}

struct packet_test *builder_test(struct builder *b, bool (*test)(struct detect_scratch *s, const struct packet_test *t))
{
	struct packet_test *t = builder_alloc(b, sizeof *t);
	t->test = test;
	t->keyword = b->keyword;
	if (b->sig->last_test)
		b->sig->last_test->next = t;
	else
		b->sig->tests = t;
	b->sig->last_test = t;
	return t;
}

struct signature_effect *builder_effect(struct builder *b, void (*run)(struct detect_scratch *s, const struct signature_effect *e))
{
	struct signature_effect *e = builder_alloc(b, sizeof *e);
	e->run = run;
	if (b->sig->last_effect)
		b->sig->last_effect->next = e;
	else
		b->sig->effects = e;
	b->sig->last_effect = e;
	return e;
}

struct app_test *builder_app_test(struct builder *b, uint8_t directions,
				  bool (*test)(struct detect_scratch *s, const struct app_test *t, struct app_flow *a, struct app_tx *tx, int direction, bool *pending))
{
	struct inspection *in = inspection_add(b, BUFFER_NONE, NULL);
	in->direction = directions;
	struct app_test *t = in->tests = builder_alloc(b, sizeof *t);
	t->test = test;
	t->keyword = b->keyword;
	return t;
}

int builder_var(struct builder *b, const char *name, bool make)
{
	for (unsigned i = 0; i < b->n_vars; i++)
		if (strcmp(b->var[i], name) == 0)
			return (int)i;
	if (!make || b->n_vars == DETECT_MAX_VARS)
		return -1;
	b->var[b->n_vars] = temp_copy(b, name, strlen(name));
	return (int)b->n_vars++;
}

int builder_number(struct builder *b, const char *text, int64_t min, int64_t max, struct step_number *out, struct error *error)
{
	char *end;
	errno = 0;
	const char *digits = text + (*text == '-' || *text == '+');
	bool hex = digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X');
	long long v = strtoll(text, &end, hex ? 16 : 10);
	while (isspace((unsigned char)*end))
		end++;
	if (end != text && !*end && !errno && isdigit((unsigned char)*digits)) {
		if (v < min || v > max)
			return error_set(error, EINVAL, "%lld is not between %lld and %lld", v, (long long)min, (long long)max);
		*out = (struct step_number){v, -1};
		return 0;
	}
	int var = builder_var(b, text, false);
	if (var < 0)
		return error_set(error, EINVAL, "“%s” is no number, nor a variable that byte_extract or byte_math has made before", text);
	*out = (struct step_number){0, (int8_t)var};
	return 0;
}

unsigned rule_protocols(const char *name, const struct app_proto **out)
{
	unsigned n = 0;
	for (size_t i = 0; app_protocols[i] && n < 4; i++) {
		const struct app_proto *p = app_protocols[i];
		bool is = strcmp(p->name, name) == 0;
		for (size_t k = 0; !is && p->rule_names && p->rule_names[k]; k++)
			is = strcmp(p->rule_names[k], name) == 0;
		if (is)
			out[n++] = p;
	}
	return n;
}

static bool is_bound_to(const struct signature *s, const struct app_proto *p)
{
	for (unsigned i = 0; i < s->n_app; i++)
		if (s->app[i] == p)
			return true;
	return s->n_app == 0;
}

uint8_t keyword_directions(const struct signature *s, const char *name, const struct app_keyword **row)
{
	uint8_t directions = 0;
	for (size_t i = 0; name && app_protocols[i]; i++) {
		const struct app_keyword *k = is_bound_to(s, app_protocols[i]) ? app_keyword_find(app_protocols[i], name) : NULL;
		if (k && row && !*row)
			*row = k;
		if (k)
			directions |= k->directions;
	}
	return directions;
}

int builder_bind(struct builder *b, const char *protocol, struct error *error)
{
	const struct app_proto *found[4], *both[4];
	unsigned n = rule_protocols(protocol, found), n_both = 0;
	for (unsigned i = 0; i < n; i++)
		if (is_bound_to(b->sig, found[i]))
			both[n_both++] = found[i];
	if (n_both == 0)
		return error_set(error, EINVAL, "%s is not what the rule's protocol speaks", protocol);
	memcpy(b->sig->app, both, n_both * sizeof both[0]);
	b->sig->n_app = (uint8_t)n_both;
	return 0;
}

int builder_direction(struct builder *b, uint32_t flag, struct error *error)
{
	uint32_t other = flag == SIG_TO_SERVER ? SIG_TO_CLIENT : SIG_TO_SERVER;
	if (b->sig->flags & other)
		return error_set(error, EINVAL, "this is sent %s, the rule looks the other way", flag == SIG_TO_SERVER ? "to the server" : "to the client");
	b->sig->flags |= flag;
	return 0;
}

unsigned builder_fields(struct builder *b, const char *text, char separator, char **out, unsigned max)
{
	unsigned n = 0;
	while (text && n < max) {
		const char *end = n + 1 < max ? strchr(text, separator) : NULL;
		const char *from = text, *to = end ? end : text + strlen(text);
		while (from < to && isspace((unsigned char)*from))
			from++;
		while (to > from && isspace((unsigned char)to[-1]))
			to--;
		out[n++] = temp_copy(b, from, (size_t)(to - from));
		text = end ? end + 1 : NULL;
	}
	return n;
}

char *builder_quoted(struct builder *b, const char *value, bool *negated)
{
	*negated = false;
	if (!value)
		return NULL;
	while (isspace((unsigned char)*value))
		value++;
	if (*value == '!') {
		*negated = true;
		value++;
		while (isspace((unsigned char)*value))
			value++;
	}
	size_t len = strlen(value);
	while (len && isspace((unsigned char)value[len - 1]))
		len--;
	if (len < 2 || value[0] != '"' || value[len - 1] != '"')
		return NULL;
	return temp_copy(b, value + 1, len - 2);
}
