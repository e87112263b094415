// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/address.h"

#include <arpa/inet.h>
#include <stdio.h>

static void format_ip4(const uint8_t *b, char *p)
{
	for (int i = 0; i < 4; i++) {
		if (b[i] >= 100)
			*p++ = (char)('0' + b[i] / 100);
		if (b[i] >= 10)
			*p++ = (char)('0' + b[i] / 10 % 10);
		*p++ = (char)('0' + b[i] % 10);
		*p++ = i < 3 ? '.' : 0;
	}
}

const char *address_format(const struct address *a, char out[ADDRESS_TEXT])
{
	const uint8_t *b = a->byte;
	if (a->family == 4) {
		format_ip4(b, out);
	} else if (a->family == 6) {
		static const char hex[] = "0123456789abcdef";
		char *p = out;
		for (int i = 0; i < 16; i++) {
			*p++ = hex[b[i] >> 4];
			*p++ = hex[b[i] & 15];
			if ((i & 1) && i < 15)
				*p++ = ':';
		}
		*p = 0;
	} else {
		out[0] = 0;
	}
	return out;
}

const char *address_format_short(const struct address *a, char out[ADDRESS_TEXT])
{
	out[0] = 0;
	if (a->family)
		inet_ntop(a->family == 4 ? AF_INET : AF_INET6, a->byte, out, ADDRESS_TEXT);
	return out;
}

bool address_parse(struct bytes text, struct address *out)
{
	char s[ADDRESS_TEXT];
	struct address a = {0};
	if (text.len == 0 || text.len >= sizeof s)
		return false;
	memcpy(s, text.data, text.len);
	s[text.len] = 0;
	if (inet_pton(AF_INET, s, a.byte) == 1)
		a.family = 4;
	else if (inet_pton(AF_INET6, s, a.byte) == 1)
		a.family = 6;
	else
		return false;
	*out = a;
	return true;
}

void address_mask(struct address *a, unsigned bits)
{
	for (unsigned i = 0; i < 16; i++, bits = bits > 8 ? bits - 8 : 0)
		if (bits < 8)
			a->byte[i] &= (uint8_t)(0xff00u >> bits);
}
