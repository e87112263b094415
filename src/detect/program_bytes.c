// SPDX-License-Identifier: GPL-2.0-or-later
/* byte_test, byte_jump, byte_extract, byte_math, base64_decode. */
#include "detect/program.h"
#include "detect/run.h"

#include <errno.h>
#include <stdlib.h>

/* Digits in the buffer; false if there are none. */
static bool read_string(const uint8_t *p, int64_t n, unsigned base, uint64_t *out)
{
	char text[24];
	if (n > (int64_t)sizeof text - 1)
		return false;
	memcpy(text, p, (size_t)n);
	text[n] = 0;
	char *end;
	errno = 0;
	*out = strtoull(text, &end, (int)base);
	return end != text && errno == 0;
}

static uint64_t read_binary(const uint8_t *p, int64_t n, bool little)
{
	uint64_t v = 0;
	for (int64_t i = 0; i < n; i++)
		v = v << 8 | p[little ? n - 1 - i : i];
	return v;
}

/* Reads the value that the step is about; *end is where its bytes end. */
static bool value_read(const struct program_walk *w, const struct program_step *st, int64_t at, uint64_t *value, int64_t *end)
{
	const struct step_byte *b = &st->byte;
	int64_t n = program_number(w, b->count);
	int64_t from = (st->flags & STEP_RELATIVE ? at : -w->base) + program_number(w, b->offset);
	if (from < 0 || n < 0 || from > w->len || n > w->len - from)
		return false;
	if (n == 0 && b->string) /* as many digits as there are */
		n = w->len - from < 23 ? w->len - from : 23;
	*end = from + n;
	if (n == 0) {
		*value = 0;
		return st->kind == STEP_BYTE_JUMP;
	}
	if (b->string ? !read_string(w->data + from, n, b->base, value) : n > 8)
		return false;
	if (!b->string)
		*value = read_binary(w->data + from, n, b->little);
	if (b->mask)
		*value = (*value & b->mask) >> b->shift;
	return true;
}

static bool compare(uint8_t op, uint64_t value, uint64_t with)
{
	switch ((enum byte_op)op) {
	case BYTE_LT: return value < with;
	case BYTE_GT: return value > with;
	case BYTE_EQ: return value == with;
	case BYTE_NE: return value != with;
	case BYTE_LE: return value <= with;
	case BYTE_GE: return value >= with;
	case BYTE_AND: return (value & with) != 0;
	case BYTE_OR: return (value ^ with) != 0;
	default: return false;
	}
}

static uint64_t wanted(const struct program_walk *w, struct step_number n)
{
	return n.var < 0 ? (uint64_t)n.value : w->scratch->var[n.var];
}

static bool calculate(uint8_t op, uint64_t a, uint64_t b, uint64_t *out)
{
	switch ((enum byte_op)op) {
	case BYTE_ADD: *out = a + b; return true;
	case BYTE_SUB: *out = a - b; return true;
	case BYTE_MUL: *out = a * b; return true;
	case BYTE_DIV: *out = b ? a / b : 0; return b != 0;
	case BYTE_SHL: *out = b < 64 ? a << b : 0; return true;
	case BYTE_SHR: *out = b < 64 ? a >> b : 0; return true;
	default: return false;
	}
}

static bool jump(const struct program_walk *w, const struct step_byte *b, uint64_t value, int64_t end, int64_t *to)
{
	if (value > UINT32_MAX)
		return false;
	uint64_t by = value * b->multiplier;
	if (b->align)
		by = (by + 3) & ~UINT64_C(3);
	if (by > UINT32_MAX)
		return false;
	int64_t from = b->from_beginning ? -w->base : b->from_end ? w->len : end;
	*to = from + (int64_t)by + program_number(w, b->post_offset);
	if (*to < 0)
		*to = 0; /* before the start: the start */
	return *to <= w->len;
}

enum outcome program_run_byte(struct program_walk *w, const struct program_step *st, int64_t at)
{
	const struct step_byte *b = &st->byte;
	enum outcome no = st->flags & STEP_FINAL ? OUTCOME_STOP : OUTCOME_NO;
	uint64_t value = 0;
	int64_t end = at;
	if (!value_read(w, st, at, &value, &end))
		return no;
	switch ((enum step_kind)st->kind) {
	case STEP_BYTE_TEST:
		if (compare(b->op, value, wanted(w, b->value)) == !!(st->flags & STEP_NEGATED))
			return no;
		return program_step_next(w, st, at);
	case STEP_BYTE_JUMP:
		if (!jump(w, b, value, end, &end))
			return no;
		break;
	case STEP_BYTE_EXTRACT:
		value *= b->multiplier;
		if (b->align)
			value = (value + 3) & ~UINT64_C(3);
		break;
	case STEP_BYTE_MATH:
		if (!calculate(b->op, value, wanted(w, b->value), &value))
			return no;
		break;
	default: return no;
	}
	if (b->var >= 0)
		w->scratch->var[b->var] = value;
	enum outcome o = program_step_next(w, st, end);
	return o == OUTCOME_NO ? no : o;
}

static int base64_digit(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? c - 'A' : c >= 'a' && c <= 'z' ? c - 'a' + 26 : c >= '0' && c <= '9' ? c - '0' + 52 : c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Decodes as far as the alphabet goes; a rest of two or three digits gives one or two bytes. */
static void base64_decode(struct bytes in, struct buffer *out)
{
	buffer_clear(out);
	if (!buffer_reserve(out, in.len))
		return;
	uint32_t group = 0;
	unsigned n = 0;
	for (size_t i = 0; i < in.len; i++) {
		int d = base64_digit(in.data[i]);
		if (d < 0)
			break;
		group = group << 6 | (uint32_t)d;
		if (++n == 4) {
			out->data[out->len++] = (uint8_t)(group >> 16);
			out->data[out->len++] = (uint8_t)(group >> 8);
			out->data[out->len++] = (uint8_t)group;
			n = 0, group = 0;
		}
	}
	if (n >= 2)
		out->data[out->len++] = (uint8_t)(group >> (n == 2 ? 4 : 10));
	if (n == 3)
		out->data[out->len++] = (uint8_t)(group >> 2);
}

enum outcome program_run_base64(struct program_walk *w, const struct program_step *st, int64_t at)
{
	struct detect_scratch *s = w->scratch;
	enum outcome no = st->flags & STEP_FINAL ? OUTCOME_STOP : OUTCOME_NO;
	int64_t from = (st->flags & STEP_RELATIVE ? at : 0) + st->base64.offset;
	if (from < 0 || from >= w->len)
		return no;
	struct bytes in = bytes_slice((struct bytes){w->data, (size_t)w->len}, (size_t)from, st->base64.count ? st->base64.count : SIZE_MAX);
	base64_decode(in, &s->base64_buffer);
	s->base64 = (struct bytes){s->base64_buffer.data, s->base64_buffer.len};
	if (s->base64.len == 0)
		return no;
	if (st->base64.sub) {
		uint32_t recursion = s->recursion;
		struct program_input sub = {.data = s->base64, .start = true, .end = true, .direction = w->in->direction};
		bool holds = program_run(s, st->base64.sub, &sub);
		s->recursion += recursion;
		if (!holds)
			return no;
	}
	return program_step_next(w, st, at);
}
