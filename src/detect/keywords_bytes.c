// SPDX-License-Identifier: GPL-2.0-or-later
/* byte_test, byte_jump, byte_extract, byte_math, base64_decode: their syntax. */
#include "detect/keywords.h"

#include <errno.h>
#include <stdlib.h>

enum { MAX_FIELDS = 16 };

/* Words that several of them share: 1 taken, 0 not one of them, -EINVAL. */
static int common_word(struct builder *b, struct program_step *st, char *word, struct error *error)
{
	struct step_byte *x = &st->byte;
	char *value = strchr(word, ' ');
	size_t len = value ? (size_t)(value - word) : strlen(word);
	while (value && *value == ' ')
		value++;
#define IS(text) (len == sizeof text - 1 && memcmp(word, text, len) == 0)
	if (IS("relative"))
		st->flags |= STEP_RELATIVE;
	else if (IS("little") || (IS("endian") && value && strcmp(value, "little") == 0))
		x->little = true;
	else if (IS("big") || (IS("endian") && value && strcmp(value, "big") == 0))
		x->little = false;
	else if (IS("string")) {
		x->string = true;
		if (value)
			return common_word(b, st, value, error);
	} else if (IS("hex"))
		x->base = 16;
	else if (IS("dec"))
		x->base = 10;
	else if (IS("oct"))
		x->base = 8;
	else if (IS("align") && (!value || strcmp(value, "4") == 0))
		x->align = true;
	else if (IS("dce"))
		return error_set(error, ENOTSUP, "the byte order of DCE/RPC is not known: it is not parsed");
	else if (IS("bitmask") && value) {
		char *end;
		unsigned long long mask = strtoull(value, &end, 16);
		if (*end || mask == 0 || mask > UINT32_MAX)
			return error_set(error, EINVAL, "“%s” is no mask of at most 32 bits", value);
		x->mask = (uint32_t)mask;
		x->shift = (uint8_t)__builtin_ctz(x->mask);
	} else if (IS("multiplier") && value) {
		struct step_number n;
		int rc = builder_number(b, value, 1, 65535, &n, error);
		if (rc)
			return rc;
		x->multiplier = (uint32_t)n.value;
	} else
		return 0;
#undef IS
	return 1;
}

static int unknown_word(const char *keyword, const char *word, struct error *error)
{
	return error_set(error, EINVAL, "“%s” is not a word that %s knows", word, keyword);
}

static void note_vars(struct program_step *st)
{
	const struct step_byte *x = &st->byte;
	if (x->count.var >= 0 || x->offset.var >= 0 || x->value.var >= 0 || x->post_offset.var >= 0)
		st->flags |= STEP_VAR;
}

static int count_check(const struct program_step *st, struct error *error)
{
	const struct step_byte *x = &st->byte;
	int64_t max = x->string ? 23 : 8;
	if (st->kind != STEP_BYTE_JUMP && !x->string && x->count.var < 0 && x->count.value == 0)
		return error_set(error, EINVAL, "0 bytes hold no number");
	if (x->count.var < 0 && x->count.value > max)
		return error_set(error, EINVAL, "%lld bytes are too many: at most %lld %s", (long long)x->count.value, (long long)max, x->string ? "digits" : "bytes");
	return 0;
}

static int test_operator(struct program_step *st, const char *op, struct error *error)
{
	static const struct { const char *text; uint8_t op; } ops[] = {
		{"<", BYTE_LT}, {">", BYTE_GT}, {"=", BYTE_EQ}, {"<=", BYTE_LE}, {">=", BYTE_GE}, {"&", BYTE_AND}, {"^", BYTE_OR}, {"", BYTE_EQ},
	};
	if (*op == '!') {
		st->flags |= STEP_NEGATED;
		op++;
	} else if (!*op) {
		return error_set(error, EINVAL, "an operator is missing");
	}
	while (*op == ' ')
		op++;
	for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++)
		if (strcmp(ops[i].text, op) == 0) {
			st->byte.op = ops[i].op;
			return 0;
		}
	return error_set(error, EINVAL, "“%s” is no operator of byte_test: < > = <= >= & ^, or these after !", op);
}

/* byte_test:COUNT,[!]OPERATOR,VALUE,OFFSET[,words] */
SETUP(byte_test)
{
	char *f[MAX_FIELDS];
	unsigned n = builder_fields(b, o->value, ',', f, MAX_FIELDS);
	if (n < 4)
		return error_set(error, EINVAL, "byte_test takes a count, an operator, a value and an offset at least");
	struct program_step *st = builder_step_relative(b, STEP_BYTE_TEST, o->value);
	int rc = builder_number(b, f[0], 0, 23, &st->byte.count, error);
	if (rc == 0)
		rc = test_operator(st, f[1], error);
	if (rc == 0)
		rc = builder_number(b, f[2], 0, INT64_MAX, &st->byte.value, error);
	if (rc == 0)
		rc = builder_number(b, f[3], -65535, 65535, &st->byte.offset, error);
	for (unsigned i = 4; i < n && rc >= 0; i++) {
		rc = common_word(b, st, f[i], error);
		if (rc == 0)
			rc = unknown_word(o->name, f[i], error);
	}
	note_vars(st);
	return rc < 0 ? rc : count_check(st, error);
}

/* byte_jump:COUNT,OFFSET[,words] */
SETUP(byte_jump)
{
	char *f[MAX_FIELDS];
	unsigned n = builder_fields(b, o->value, ',', f, MAX_FIELDS);
	if (n < 2)
		return error_set(error, EINVAL, "byte_jump takes a count and an offset at least");
	struct program_step *st = builder_step_relative(b, STEP_BYTE_JUMP, o->value);
	st->byte.multiplier = 1;
	int rc = builder_number(b, f[0], 0, 23, &st->byte.count, error);
	if (rc == 0)
		rc = builder_number(b, f[1], -65535, 65535, &st->byte.offset, error);
	for (unsigned i = 2; i < n && rc >= 0; i++) {
		if (strcmp(f[i], "from_beginning") == 0)
			st->byte.from_beginning = true;
		else if (strcmp(f[i], "from_end") == 0)
			st->byte.from_end = true;
		else if (strncmp(f[i], "post_offset ", 12) == 0)
			rc = builder_number(b, f[i] + 12, -65535, 65535, &st->byte.post_offset, error);
		else if ((rc = common_word(b, st, f[i], error)) == 0)
			rc = unknown_word(o->name, f[i], error);
	}
	if (rc >= 0 && st->byte.from_beginning && st->byte.from_end)
		return error_set(error, EINVAL, "a jump starts from the beginning or from the end, not both");
	note_vars(st);
	return rc < 0 ? rc : count_check(st, error);
}

static int var_make(struct builder *b, const char *name, int8_t *out, struct error *error)
{
	if (!*name || (*name >= '0' && *name <= '9'))
		return error_set(error, EINVAL, "“%s” is no name for a variable", name);
	int var = builder_var(b, name, true);
	if (var < 0)
		return error_set(error, EINVAL, "a rule has at most %d variables", DETECT_MAX_VARS);
	*out = (int8_t)var;
	return 0;
}

/* byte_extract:COUNT,OFFSET,NAME[,words] */
SETUP(byte_extract)
{
	char *f[MAX_FIELDS];
	unsigned n = builder_fields(b, o->value, ',', f, MAX_FIELDS);
	if (n < 3)
		return error_set(error, EINVAL, "byte_extract takes a count, an offset and a name at least");
	struct program_step *st = builder_step_relative(b, STEP_BYTE_EXTRACT, o->value);
	st->byte.multiplier = 1;
	int rc = builder_number(b, f[0], 1, 23, &st->byte.count, error);
	if (rc == 0)
		rc = builder_number(b, f[1], -65535, 65535, &st->byte.offset, error);
	if (rc == 0)
		rc = var_make(b, f[2], &st->byte.var, error);
	for (unsigned i = 3; i < n && rc >= 0; i++)
		if ((rc = common_word(b, st, f[i], error)) == 0)
			rc = unknown_word(o->name, f[i], error);
	note_vars(st);
	return rc < 0 ? rc : count_check(st, error);
}

static int math_operator(struct step_byte *x, const char *op, struct error *error)
{
	static const struct { const char *text; uint8_t op; } ops[] = {{"+", BYTE_ADD}, {"-", BYTE_SUB}, {"*", BYTE_MUL}, {"/", BYTE_DIV}, {"<<", BYTE_SHL}, {">>", BYTE_SHR}};
	for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++)
		if (strcmp(ops[i].text, op) == 0) {
			x->op = ops[i].op;
			return 0;
		}
	return error_set(error, EINVAL, "“%s” is no operator of byte_math: + - * / << >>", op);
}

/* byte_math:bytes N, offset N, oper O, rvalue V, result NAME[, words] */
SETUP(byte_math)
{
	enum { BYTES = 1, OFFSET = 2, OPER = 4, RVALUE = 8, RESULT = 16 };
	char *f[MAX_FIELDS], *result = NULL;
	unsigned n = builder_fields(b, o->value, ',', f, MAX_FIELDS), have = 0;
	struct program_step *st = builder_step_relative(b, STEP_BYTE_MATH, o->value);
	int rc = 0;
	for (unsigned i = 0; i < n && rc >= 0; i++) {
		char *value = strchr(f[i], ' ');
		size_t len = value ? (size_t)(value - f[i]) : strlen(f[i]);
		while (value && *value == ' ')
			value++;
		unsigned word = !value ? 0 : !strncmp(f[i], "bytes", len) ? BYTES : !strncmp(f[i], "offset", len) ? OFFSET : !strncmp(f[i], "oper", len) ? OPER :
			!strncmp(f[i], "rvalue", len) ? RVALUE : !strncmp(f[i], "result", len) ? RESULT : 0;
		if (word && have & word)
			return error_set(error, EINVAL, "“%s” stands twice", f[i]);
		have |= word;
		switch (word) {
		case BYTES: rc = builder_number(b, value, 1, 10, &st->byte.count, error); break;
		case OFFSET: rc = builder_number(b, value, -65535, 65535, &st->byte.offset, error); break;
		case OPER: rc = math_operator(&st->byte, value, error); break;
		case RVALUE: rc = builder_number(b, value, 0, UINT32_MAX, &st->byte.value, error); break;
		case RESULT: result = value; break;
		default:
			if ((rc = common_word(b, st, f[i], error)) == 0)
				rc = unknown_word(o->name, f[i], error);
		}
	}
	if (rc >= 0 && have != (BYTES | OFFSET | OPER | RVALUE | RESULT))
		return error_set(error, EINVAL, "byte_math takes bytes, offset, oper, rvalue and result");
	if (rc >= 0 && st->byte.op == BYTE_DIV && st->byte.value.var < 0 && st->byte.value.value == 0)
		return error_set(error, EINVAL, "nothing is divided by zero");
	if (rc >= 0)
		rc = var_make(b, result, &st->byte.var, error);
	note_vars(st);
	return rc < 0 ? rc : count_check(st, error);
}

/* base64_decode[:bytes N, offset N, relative] */
SETUP(base64_decode)
{
	char *f[4];
	unsigned n = o->value && *o->value ? builder_fields(b, o->value, ',', f, 4) : 0;
	struct program_step *st = builder_step_relative(b, STEP_BASE64, o->value);
	for (unsigned i = 0; i < n; i++) {
		struct step_number v = {0, -1};
		int rc = 0;
		if (strncmp(f[i], "bytes ", 6) == 0) {
			rc = builder_number(b, f[i] + 6, 1, 65535, &v, error);
			st->base64.count = (uint32_t)v.value;
		} else if (strncmp(f[i], "offset ", 7) == 0) {
			rc = builder_number(b, f[i] + 7, 0, 65535, &v, error);
			st->base64.offset = (uint32_t)v.value;
		} else if (strcmp(f[i], "relative") == 0) {
			st->flags |= STEP_RELATIVE;
		} else {
			rc = error_set(error, EINVAL, "“%s”: base64_decode knows bytes, offset and relative", f[i]);
		}
		if (rc == 0 && v.var >= 0)
			rc = error_set(error, ENOTSUP, "base64_decode with variables is not evaluated");
		if (rc)
			return rc;
	}
	b->base64 = st;
	return 0;
}

SETUP(base64_data)
{
	if (!b->base64)
		return error_set(error, EINVAL, "base64_data stands behind base64_decode");
	builder_choose(b, BUFFER_BASE64);
	b->last = NULL;
	return 0;
}
