// SPDX-License-Identifier: GPL-2.0-or-later
#include "detect/number.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <strings.h>

static const char *skip_space(const char *s)
{
	while (isspace((unsigned char)*s))
		s++;
	return s;
}

static unsigned unit_shift(const char **text)
{
	static const struct { const char *name; unsigned shift; } unit[] = {{"kib", 10}, {"mib", 20}, {"gib", 30}, {"kb", 10}, {"mb", 20}, {"gb", 30}};
	const char *s = skip_space(*text);
	for (size_t i = 0; i < sizeof unit / sizeof unit[0]; i++)
		if (strncasecmp(s, unit[i].name, strlen(unit[i].name)) == 0) {
			*text = s + strlen(unit[i].name);
			return unit[i].shift;
		}
	return 0;
}

bool number_read(const char **text, uint64_t *out)
{
	const char *s = skip_space(*text);
	if (!isdigit((unsigned char)*s))
		return false;
	char *end;
	bool hex = s[0] == '0' && (s[1] == 'x' || s[1] == 'X');
	errno = 0;
	unsigned long long v = strtoull(s, &end, hex ? 16 : 10);
	if (errno || (hex && end <= s + 2))
		return false;
	s = end;
	unsigned shift = unit_shift(&s);
	if (v > UINT64_MAX >> shift)
		return false;
	*text = s;
	*out = (uint64_t)v << shift;
	return true;
}

static bool name_read(const char *s, const char *const *names, struct number_test *out)
{
	bool negated = *s == '!';
	s = skip_space(s + negated);
	for (unsigned i = 0; names && names[i]; i++)
		if (strcasecmp(names[i], s) == 0) {
			*out = (struct number_test){negated ? NUMBER_NE : NUMBER_EQ, i, 0};
			return true;
		}
	return false;
}

static bool mask_read(const char **s, bool negated, struct number_test *out)
{
	if (!number_read(s, &out->a))
		return false;
	*s = skip_space(*s);
	out->b = 0;
	out->mode = negated ? NUMBER_MASK_EQ : NUMBER_MASK_NE; /* &m alone: some bit of it is set */
	if (**s == '=' || (**s == '!' && (*s)[1] == '=')) {
		bool differs = **s == '!';
		*s += differs ? 2 : 1;
		out->mode = differs != negated ? NUMBER_MASK_NE : NUMBER_MASK_EQ;
		return number_read(s, &out->b);
	}
	return true;
}

static uint8_t mode_read(const char **s)
{
	static const struct { const char *text; uint8_t mode; } op[] = {
		{"!=", NUMBER_NE}, {"<=", NUMBER_LE}, {">=", NUMBER_GE}, {"==", NUMBER_EQ}, {"<", NUMBER_LT}, {">", NUMBER_GT}, {"=", NUMBER_EQ}, {"!", NUMBER_NE},
	};
	for (size_t i = 0; i < sizeof op / sizeof op[0]; i++)
		if (strncmp(*s, op[i].text, strlen(op[i].text)) == 0) {
			*s += strlen(op[i].text);
			return op[i].mode;
		}
	return NUMBER_EQ;
}

/* Behind the first value: "-b" or "<>b". */
static bool range_read(const char **s, struct number_test *out)
{
	const char *p = skip_space(*s);
	size_t n = *p == '-' ? 1 : strncmp(p, "<>", 2) == 0 ? 2 : 0;
	if (n == 0 || (out->mode != NUMBER_EQ && out->mode != NUMBER_NE))
		return n == 0;
	p += n;
	if (!number_read(&p, &out->b) || out->b <= out->a || out->b - out->a < 2)
		return false; /* nothing lies between */
	out->mode = out->mode == NUMBER_NE ? NUMBER_NOT_RANGE : NUMBER_RANGE;
	*s = p;
	return true;
}

/* A comparison that always or never holds is a mistake. */
static bool makes_sense(const struct number_test *t, uint64_t max)
{
	switch (t->mode) {
	case NUMBER_LT: return t->a > 0 && t->a <= max;
	case NUMBER_GT: return t->a < max;
	case NUMBER_GE: return t->a > 0 && t->a <= max;
	case NUMBER_LE: return t->a < max;
	default: return t->a <= max && t->b <= max;
	}
}

int number_parse(const char *text, unsigned bits, const char *const *names, struct number_test *out, struct error *error)
{
	struct number_test t = {0};
	if (!text)
		return error_set(error, EINVAL, "a number is missing");
	const char *s = skip_space(text);
	if (name_read(s, names, out))
		return 0;
	bool ok;
	if (*s == '&' || (*s == '!' && s[1] == '&')) {
		bool negated = *s == '!';
		s += negated ? 2 : 1;
		ok = mask_read(&s, negated, &t);
	} else {
		t.mode = mode_read(&s);
		ok = number_read(&s, &t.a) && range_read(&s, &t);
	}
	uint64_t max = bits >= 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
	if (!ok || *skip_space(s))
		return error_set(error, EINVAL, "“%s” is no number, comparison or range%s", text, names ? " nor a word that is known here" : "");
	if (!makes_sense(&t, max))
		return error_set(error, EINVAL, "“%s” always or never holds for a field of %u bits", text, bits);
	*out = t;
	return 0;
}

bool number_test(const struct number_test *t, uint64_t v)
{
	switch (t->mode) {
	case NUMBER_EQ: return v == t->a;
	case NUMBER_NE: return v != t->a;
	case NUMBER_LT: return v < t->a;
	case NUMBER_LE: return v <= t->a;
	case NUMBER_GT: return v > t->a;
	case NUMBER_GE: return v >= t->a;
	case NUMBER_RANGE: return v > t->a && v < t->b;
	case NUMBER_NOT_RANGE: return v <= t->a || v >= t->b;
	case NUMBER_MASK_EQ: return (v & t->a) == t->b;
	case NUMBER_MASK_NE: return (v & t->a) != t->b;
	}
	return false;
}
