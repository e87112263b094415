// SPDX-License-Identifier: GPL-2.0-or-later
/* What a proxy says of the client that it speaks for: X-Forwarded-For and its like. */
#include "output/eve.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

/* The value of "Name: value" if that is the name. */
static bool header_value(struct bytes line, const char *name, struct bytes *value)
{
	size_t n = strlen(name);
	if (line.len <= n || strncasecmp((const char *)line.data, name, n) || line.data[n] != ':')
		return false;
	*value = bytes_from(line, n + 1);
	return true;
}

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\t';
}

/* Of "client, proxy, proxy" the first, or in front of servers of ours the last, for only our own proxy can be believed. */
static struct bytes choose(struct bytes list, bool first)
{
	size_t start = 0, end = list.len;
	for (size_t i = 0; i < list.len; i++) {
		if (list.data[i] != ',')
			continue;
		if (first) {
			end = i;
			break;
		}
		start = i + 1;
	}
	while (start < end && is_space(list.data[start]))
		start++;
	while (end > start && is_space(list.data[end - 1]))
		end--;
	return bytes_slice(list, start, end - start);
}

static bool is_address(const char *text)
{
	uint8_t spare[16];
	return inet_pton(AF_INET, text, spare) == 1 || inet_pton(AF_INET6, text, spare) == 1;
}

static bool take(struct bytes value, bool first, char out[EVE_XFF_TEXT])
{
	struct bytes chosen = choose(value, first);
	if (chosen.len == 0 || chosen.len >= EVE_XFF_TEXT)
		return false;
	memcpy(out, chosen.data, chosen.len);
	out[chosen.len] = 0;
	return is_address(out);
}

static bool of_tx(struct app_flow *a, struct app_tx *tx, const struct eve_options *o, const struct app_keyword *k, char out[EVE_XFF_TEXT])
{
	enum { MAX_HEADERS = 256 };
	struct app_view view;
	struct bytes value;
	for (unsigned i = 0; i < MAX_HEADERS && k->buffer(a, tx, TO_SERVER, i, &view); i++)
		if (header_value(view.data, o->xff_header, &value))
			return take(value, o->xff_forward, out);
	return false;
}

bool eve_xff(const struct eve *e, const struct flow *f, struct app_tx *tx, char out[EVE_XFF_TEXT])
{
	struct app_flow *a = f ? f->app : NULL;
	if (!e->options.xff || !a || !a->proto)
		return false;
	const struct app_keyword *k = app_keyword_find(a->proto, "http.request_header");
	if (!k || !k->buffer)
		return false;
	if (tx)
		return of_tx(a, tx, &e->options, k, out);
	for (tx = a->first; tx; tx = tx->next)
		if (of_tx(a, tx, &e->options, k, out))
			return true;
	return false;
}
