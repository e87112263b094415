// SPDX-License-Identifier: GPL-2.0-or-later
/* Addresses of a rule's header: one, a prefix, a netmask, a range; IPv4 and IPv6. */
#include "rule/ranges.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static range_number number_of(const struct address *a)
{
	range_number v = 0;
	for (size_t i = 0; i < address_len(a); i++)
		v = v << 8 | a->byte[i];
	return v;
}

static struct address address_of(uint8_t family, range_number v)
{
	struct address a = {.family = family};
	for (size_t i = address_len(&a); i > 0; i--, v >>= 8)
		a.byte[i - 1] = (uint8_t)v;
	return a;
}

static int not_an_address(struct bytes text, struct error *error)
{
	return error_set(error, EINVAL, "'%.*s' is not an address", (int)(text.len < 60 ? text.len : 60), (const char *)text.data);
}

static bool parse_small(struct bytes text, unsigned max, unsigned *out)
{
	unsigned v = 0;
	if (text.len == 0 || text.len > 5)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] < '0' || text.data[i] > '9')
			return false;
		v = v * 10 + (unsigned)(text.data[i] - '0');
	}
	*out = v;
	return v <= max;
}

/* "/24" or "/255.255.255.0" as a number of bits. */
static int prefix_bits(struct bytes text, const struct address *a, unsigned *bits, struct error *error)
{
	struct address mask;
	if (parse_small(text, a->family == 4 ? 32 : 128, bits))
		return 0;
	if (a->family == 4 && address_parse(text, &mask) && mask.family == 4) {
		uint32_t m = (uint32_t)number_of(&mask), host = ~m;
		if ((host & (host + 1)) == 0) {
			*bits = (unsigned)__builtin_popcount(m);
			return 0;
		}
	}
	return error_set(error, EINVAL, "'/%.*s' is not a prefix length for IPv%u", (int)(text.len < 40 ? text.len : 40), (const char *)text.data,
			 a->family);
}

static struct bytes trimmed(struct bytes b)
{
	while (b.len && (*b.data == ' ' || *b.data == '\t'))
		b = bytes_from(b, 1);
	while (b.len && (b.data[b.len - 1] == ' ' || b.data[b.len - 1] == '\t'))
		b.len--;
	return b;
}

static int address_atom(struct bytes text, struct range_list *out, struct error *error)
{
	struct address a, b;
	unsigned bits = 0;
	ptrdiff_t at;
	if ((at = bytes_find(text, BYTES_LITERAL("-"), 0)) >= 0) {
		if (!address_parse(trimmed(bytes_slice(text, 0, (size_t)at)), &a) || !address_parse(trimmed(bytes_from(text, (size_t)at + 1)), &b) ||
		    a.family != b.family)
			return error_set(error, EINVAL, "'%.*s' is not a range of addresses", (int)(text.len < 90 ? text.len : 90), (const char *)text.data);
		if (number_of(&a) > number_of(&b))
			return error_set(error, EINVAL, "the range ends before it starts");
		range_list_add(out, a.family, number_of(&a), number_of(&b));
		return 0;
	}
	if ((at = bytes_find(text, BYTES_LITERAL("/"), 0)) >= 0) {
		if (!address_parse(bytes_slice(text, 0, (size_t)at), &a))
			return not_an_address(bytes_slice(text, 0, (size_t)at), error);
		int status = prefix_bits(bytes_from(text, (size_t)at + 1), &a, &bits, error);
		if (status < 0)
			return status;
		unsigned width = a.family == 4 ? 32 : 128;
		range_number host = bits == 0 ? (width == 128 ? ~(range_number)0 : 0xffffffff) : ((range_number)1 << (width - bits)) - 1;
		range_number first = number_of(&a) & ~host;
		range_list_add(out, a.family, first, first | host);
		return 0;
	}
	if (!address_parse(text, &a))
		return not_an_address(text, error);
	range_list_add(out, a.family, number_of(&a), number_of(&a));
	return 0;
}

static void address_all(struct range_list *out)
{
	range_list_add(out, 4, 0, 0xffffffff);
	range_list_add(out, 6, 0, ~(range_number)0);
}

const struct range_kind address_kind = {"address", "vars.address-groups", address_atom, address_all};

int address_set_parse(const char *text, const struct rule_vars *v, struct arena *arena, struct address_set *out, struct error *error)
{
	struct range_list l = {0};
	/* variables are resolved when they are read: nothing is written through this pointer */
	int status = range_list_parse(&address_kind, bytes_of_string(text), v ? (struct range_vars *)&v->addresses : NULL, &l, error);
	if (status < 0)
		return status;
	*out = (struct address_set){.any = l.any, .n = l.any ? 0 : l.n};
	if (out->n) {
		out->in = arena_alloc(arena, l.n * sizeof *out->in);
		for (size_t i = 0; out->in && i < l.n; i++)
			out->in[i] = (struct address_range){address_of(l.item[i].family, l.item[i].first), address_of(l.item[i].family, l.item[i].last)};
		if (!out->in)
			status = error_set(error, ENOMEM, "out of memory");
	}
	range_list_free(&l);
	return status;
}

bool address_set_contains(const struct address_set *s, const struct address *a)
{
	if (s->any)
		return true;
	size_t low = 0, high = s->n;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (address_compare(&s->in[middle].last, a) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < s->n && address_compare(&s->in[low].first, a) <= 0;
}

void address_set_format(const struct address_set *s, struct buffer *out)
{
	char first[ADDRESS_TEXT], last[ADDRESS_TEXT];
	if (s->any)
		buffer_add_string(out, "any");
	for (size_t i = 0; i < s->n; i++) {
		buffer_printf(out, "%s%s", i ? "," : "", address_format_short(&s->in[i].first, first));
		if (!address_equal(&s->in[i].first, &s->in[i].last))
			buffer_printf(out, "-%s", address_format_short(&s->in[i].last, last));
	}
}
