// SPDX-License-Identifier: GPL-2.0-or-later
/* Messages of the kernel's queue: whatever stands in them, what is read lies within them. */
#include "capture/nfqueue.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nfqueue_message m;
	uint8_t *copy = malloc(size ? size : 1);
	if (!copy)
		return 0;
	if (size)
		memcpy(copy, data, size);
	if (nfqueue_message_read(copy, size, &m) == NFQUEUE_PACKET && m.payload.len) {
		if (m.payload.data < copy || m.payload.data + m.payload.len > copy + size)
			abort();
		volatile uint8_t last = m.payload.data[m.payload.len - 1];
		(void)last;
	}
	free(copy);
	return 0;
}
