// SPDX-License-Identifier: GPL-2.0-or-later
/* Ports of a rule's header: "80", "1024:", ":1023", "8000:8080". */
#include "rule/ranges.h"

#include <errno.h>
#include <stdlib.h>

static int parse_port(struct bytes text, range_number *out, struct error *error)
{
	range_number v = 0;
	bool good = text.len > 0 && text.len <= 8;
	for (size_t i = 0; good && i < text.len; i++) {
		good = text.data[i] >= '0' && text.data[i] <= '9';
		v = v * 10 + (range_number)(text.data[i] - '0');
	}
	if (!good || v > 65535)
		return error_set(error, EINVAL, "'%.*s' is not a port", (int)(text.len < 40 ? text.len : 40), (const char *)text.data);
	*out = v;
	return 0;
}

static struct bytes trimmed(struct bytes b)
{
	while (b.len && (*b.data == ' ' || *b.data == '\t'))
		b = bytes_from(b, 1);
	while (b.len && (b.data[b.len - 1] == ' ' || b.data[b.len - 1] == '\t'))
		b.len--;
	return b;
}

static int port_atom(struct bytes text, struct range_list *out, struct error *error)
{
	range_number first = 0, last = 65535;
	ptrdiff_t colon = bytes_find(text, BYTES_LITERAL(":"), 0);
	struct bytes low = trimmed(colon < 0 ? text : bytes_slice(text, 0, (size_t)colon));
	struct bytes high = trimmed(colon < 0 ? text : bytes_from(text, (size_t)colon + 1));
	if (colon >= 0 && !low.len && !high.len)
		return error_set(error, EINVAL, "a range of ports wants at least one end");
	if ((low.len || colon < 0) && parse_port(low, &first, error) < 0)
		return -EINVAL;
	if ((high.len || colon < 0) && parse_port(high, &last, error) < 0)
		return -EINVAL;
	if (first > last)
		return error_set(error, EINVAL, "the range ends before it starts");
	range_list_add(out, 0, first, last);
	return 0;
}

static void port_all(struct range_list *out)
{
	range_list_add(out, 0, 0, 65535);
}

const struct range_kind port_kind = {"port", "vars.port-groups", port_atom, port_all};

int port_set_parse(const char *text, const struct rule_vars *v, struct arena *arena, struct port_set *out, struct error *error)
{
	struct range_list l = {0};
	int status = range_list_parse(&port_kind, bytes_of_string(text), v ? (struct range_vars *)&v->ports : NULL, &l, error);
	if (status < 0)
		return status;
	*out = (struct port_set){.any = l.any, .n = l.any ? 0 : l.n};
	if (out->n) {
		out->in = arena_alloc(arena, l.n * sizeof *out->in);
		for (size_t i = 0; out->in && i < l.n; i++)
			out->in[i] = (struct port_range){(uint16_t)l.item[i].first, (uint16_t)l.item[i].last};
		if (!out->in)
			status = error_set(error, ENOMEM, "out of memory");
	}
	range_list_free(&l);
	return status;
}

bool port_set_contains(const struct port_set *s, uint16_t port)
{
	if (s->any)
		return true;
	size_t low = 0, high = s->n;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (s->in[middle].last < port)
			low = middle + 1;
		else
			high = middle;
	}
	return low < s->n && s->in[low].first <= port;
}

void port_set_format(const struct port_set *s, struct buffer *out)
{
	if (s->any)
		buffer_add_string(out, "any");
	for (size_t i = 0; i < s->n; i++) {
		buffer_printf(out, "%s%u", i ? "," : "", s->in[i].first);
		if (s->in[i].last != s->in[i].first)
			buffer_printf(out, "-%u", s->in[i].last);
	}
}
