// SPDX-License-Identifier: GPL-2.0-or-later
/* Requests of the control socket: cut the same whether they come whole or in pieces, within what was given; what was cut is parsed as the daemon does. */
#include "base/jansson.h"
#include "daemon/control_frame.h"

#include <stdlib.h>

static void cut_in_pieces(const uint8_t *data, size_t size, size_t step, long expected)
{
	struct frame_scan s = {0};
	for (size_t n = 0;; n = n + step < size ? n + step : size) {
		long r = frame_length(&s, data, n);
		if (r != FRAME_MORE || n == size) {
			if (r != expected)
				abort();
			return;
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	size_t step = 1 + data[0] % 7;
	data++;
	size--;
	while (size) {
		struct frame_scan s = {0};
		long len = frame_length(&s, data, size);
		cut_in_pieces(data, size, step, len);
		if (len <= 0)
			return 0;
		if ((size_t)len > size)
			abort();
		json_t *o = json_loadb((const char *)data, (size_t)len, JSON_REJECT_DUPLICATES, NULL);
		if (o && !json_is_object(o))
			abort();
		json_decref(o);
		data += len;
		size -= (size_t)len;
	}
	return 0;
}
