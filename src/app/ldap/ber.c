// SPDX-License-Identifier: GPL-2.0-or-later
#include "app/ldap/ldap.h"

/* Tag and length. */
static bool read_header(struct reader *r, uint8_t *tag, size_t *len)
{
	*tag = reader_u8(r);
	uint8_t first = reader_u8(r);
	*len = first;
	if (r->failed || (*tag & 0x1f) == 0x1f)
		return false;
	if (!(first & 0x80))
		return true;
	unsigned n = first & 0x7f;
	if (n == 0 || n > 4)
		return false;
	for (*len = 0; n; n--)
		*len = *len << 8 | reader_u8(r);
	return !r->failed;
}

bool ber_read(struct reader *r, struct ber *out)
{
	size_t len;
	if (reader_left(r) == 0 || !read_header(r, &out->tag, &len))
		return false;
	out->value = reader_bytes(r, len);
	return !r->failed;
}

bool ber_expect(struct reader *r, uint8_t tag, struct bytes *value)
{
	struct ber e;
	*value = (struct bytes){0};
	if (!ber_read(r, &e) || e.tag != tag)
		return false;
	*value = e.value;
	return true;
}

bool ber_number(struct bytes value, int64_t *out)
{
	if (value.len == 0 || value.len > 8)
		return false;
	uint64_t v = value.data[0] & 0x80 ? UINT64_MAX : 0;
	for (size_t i = 0; i < value.len; i++)
		v = v << 8 | value.data[i];
	*out = (int64_t)v;
	return true;
}

int64_t ber_length(struct bytes data)
{
	struct reader r = reader_over(data);
	uint8_t tag;
	size_t len;
	if (read_header(&r, &tag, &len))
		return (int64_t)(data.len - reader_left(&r) + len);
	return r.failed ? 0 : -1;
}
