// SPDX-License-Identifier: GPL-2.0-or-later
/* Regular expressions: compiled with JIT, run with match limits; captures become variables of the flow or the packet. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/json.h"
#include "detect/program.h"
#include "detect/run.h"

#include <errno.h>
#include <stdio.h>

enum { CAPTURE_PAIRS = 32, CAPTURE_MAX = 8192 };

void *regex_compile(struct bytes pattern, uint32_t options, struct error *error)
{
	int code;
	PCRE2_SIZE at;
	pcre2_code *re = pcre2_compile(pattern.data, pattern.len, options, &code, &at, NULL);
	if (!re) {
		PCRE2_UCHAR text[160];
		pcre2_get_error_message(code, text, sizeof text);
		error_set(error, EINVAL, "the expression is wrong at its character %zu: %s", (size_t)at + 1, (const char *)text);
		return NULL;
	}
	/* Without JIT (no memory for it, hardened kernels) the interpreter does. */
	(void)pcre2_jit_compile(re, PCRE2_JIT_COMPLETE);
	return re;
}

void regex_free(void *code)
{
	pcre2_code_free(code);
}

int program_scratch_init(struct detect_scratch *s, uint32_t recursion_limit, uint32_t match_limit, uint32_t match_limit_recursion, struct error *error)
{
	s->recursion_limit = recursion_limit ? recursion_limit : 3000;
	s->pcre_match = pcre2_match_data_create(CAPTURE_PAIRS, NULL);
	s->pcre_context = pcre2_match_context_create(NULL);
	if (!s->pcre_match || !s->pcre_context)
		return error_set(error, ENOMEM, "no memory for regular expressions");
	pcre2_set_match_limit(s->pcre_context, match_limit ? match_limit : 3500);
	pcre2_set_depth_limit(s->pcre_context, match_limit_recursion ? match_limit_recursion : 1500);
	return 0;
}

void program_scratch_deinit(struct detect_scratch *s)
{
	pcre2_match_data_free(s->pcre_match);
	pcre2_match_context_free(s->pcre_context);
	s->pcre_match = s->pcre_context = NULL;
	buffer_free(&s->base64_buffer);
	for (unsigned i = 0; i < 2; i++)
		buffer_free(&s->transform_buffer[i]);
	for (unsigned i = 0; i < sizeof s->capture_buffer / sizeof s->capture_buffer[0]; i++)
		buffer_free(&s->capture_buffer[i]);
	for (unsigned i = 0; i < sizeof s->pktvar_buffer / sizeof s->pktvar_buffer[0]; i++)
		buffer_free(&s->pktvar_buffer[i]);
	for (unsigned i = 0; i < sizeof s->context / sizeof s->context[0]; i++) {
		buffer_free(&s->context[i].json);
		buffer_free(&s->context_text[i]);
	}
}

static void capture_note(struct detect_scratch *s, const struct step_capture *c, struct bytes value)
{
	if (s->n_capture_vars >= sizeof s->capture_var / sizeof s->capture_var[0])
		return;
	unsigned i = s->n_capture_vars++;
	buffer_clear(&s->capture_buffer[i]);
	buffer_add(&s->capture_buffer[i], value.data, value.len > CAPTURE_MAX ? CAPTURE_MAX : value.len);
	s->capture_var[i].id = c->id;
	s->capture_var[i].kind = c->kind;
	s->capture_var[i].value = (struct bytes){s->capture_buffer[i].data, s->capture_buffer[i].len};
}

static void captures_note(struct program_walk *w, const struct step_pcre *p, const uint8_t *subject, const PCRE2_SIZE *ov, int pairs)
{
	for (unsigned i = 0; i < p->n_captures; i++) {
		const struct step_capture *c = &p->capture[i];
		if (c->group >= pairs || ov[2 * c->group] == PCRE2_UNSET)
			continue;
		struct bytes value = {subject + ov[2 * c->group], ov[2 * c->group + 1] - ov[2 * c->group]};
		if (c->name)
			program_context_text(w->scratch, c->name, value);
		else
			capture_note(w->scratch, c, value);
	}
}

enum outcome program_run_pcre(struct program_walk *w, const struct program_step *st, int64_t at)
{
	struct detect_scratch *s = w->scratch;
	enum outcome no = st->flags & STEP_FINAL ? OUTCOME_STOP : OUTCOME_NO;
	int64_t from = st->flags & STEP_RELATIVE ? at : 0;
	const uint8_t *subject = w->data + from;
	size_t len = (size_t)(w->len - from), start = 0;
	while (start <= len) {
		int rc = pcre2_match(st->pcre.code, subject, len, start, 0, s->pcre_match, s->pcre_context);
		if (st->flags & STEP_NEGATED)
			return rc == PCRE2_ERROR_NOMATCH ? program_step_next(w, st, at) : no;
		if (rc < 0)
			return no;
		const PCRE2_SIZE *ov = pcre2_get_ovector_pointer(s->pcre_match);
		size_t first = ov[0], last = ov[1];
		uint8_t n_captures = s->n_capture_vars;
		if (st->pcre.n_captures)
			captures_note(w, &st->pcre, subject, ov, rc ? rc : CAPTURE_PAIRS);
		enum outcome o = program_step_next(w, st, from + (int64_t)last);
		if (o != OUTCOME_NO)
			return o;
		s->n_capture_vars = n_captures;
		if (!(st->flags & STEP_RETRY))
			return no;
		if (++s->recursion > s->recursion_limit)
			return OUTCOME_STOP;
		start = first + 1;
	}
	return no;
}

static void packet_var_keep(struct detect_scratch *s, uint32_t id, struct bytes value)
{
	unsigned i = s->n_pktvars;
	if (i >= sizeof s->pktvar / sizeof s->pktvar[0])
		return;
	s->n_pktvars++;
	buffer_clear(&s->pktvar_buffer[i]);
	buffer_add(&s->pktvar_buffer[i], value.data, value.len);
	s->pktvar[i].id = id;
	s->pktvar[i].value = (struct bytes){s->pktvar_buffer[i].data, s->pktvar_buffer[i].len};
}

static struct buffer *context_member(struct detect_scratch *s, const char *key)
{
	unsigned i = 0, max = sizeof s->context / sizeof s->context[0];
	while (i < s->n_context && strcmp(s->context[i].key, key) != 0)
		i++;
	if (i == max)
		return NULL;
	if (i == s->n_context)
		s->n_context++;
	snprintf(s->context[i].key, sizeof s->context[i].key, "%s", key);
	buffer_clear(&s->context[i].json);
	return &s->context[i].json;
}

void program_context_json(struct detect_scratch *s, const char *key, const char *json)
{
	struct buffer *to = context_member(s, key);
	if (to)
		buffer_add_string(to, json);
}

void program_context_text(struct detect_scratch *s, const char *key, struct bytes text)
{
	struct buffer *to = context_member(s, key);
	struct json j = json_into(to);
	if (to)
		json_bytes(&j, NULL, text);
}

static void context_keep(struct detect_scratch *s)
{
	s->match_context = (struct bytes){NULL, 0};
	if (s->n_alerts == 0)
		s->n_context_texts = 0;
	if (s->n_context == 0 || s->n_context_texts == sizeof s->context_text / sizeof s->context_text[0])
		return;
	struct buffer *to = &s->context_text[s->n_context_texts++];
	buffer_clear(to);
	struct json j = json_into(to);
	json_open(&j, NULL);
	for (unsigned i = 0; i < s->n_context; i++) {
		json_key_bytes(&j, bytes_of_string(s->context[i].key));
		json_raw(&j, NULL, (struct bytes){s->context[i].json.data, s->context[i].json.len});
	}
	json_close(&j);
	s->match_context = (struct bytes){to->data, to->len};
	s->n_context = 0;
}

void program_captures_keep(struct detect_scratch *s)
{
	context_keep(s);
	for (unsigned i = 0; i < s->n_capture_vars; i++) {
		if (s->capture_var[i].kind == REGISTRY_FLOWVAR && s->flow)
			flow_var_set(s->flow, s->capture_var[i].id, s->capture_var[i].value);
		else if (s->capture_var[i].kind == REGISTRY_PKTVAR)
			packet_var_keep(s, s->capture_var[i].id, s->capture_var[i].value);
	}
	s->n_capture_vars = 0;
}

void program_captures_drop(struct detect_scratch *s)
{
	s->n_context = 0;
	s->n_capture_vars = 0;
}
