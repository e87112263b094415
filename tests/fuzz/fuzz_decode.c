// SPDX-License-Identifier: GPL-2.0-or-later
/* Any bytes as a frame: the first byte picks the link type, the rest is the frame. */
#include "packet/decode.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const int links[] = {1, 12, 101, 228, 229, 0, 108, 113, 276, 9, 104, 147 /* none */};

static volatile unsigned sink; /* so that no read is optimised away */

/* Reads every byte that a view promises. */
static void touch(struct bytes b)
{
	unsigned sum = 0;
	for (size_t i = 0; i < b.len; i++)
		sum += b.data[i];
	sink = sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct decoder decoder;
	static struct counters counters;
	static uint64_t events[EVENT_N_];
	static const struct decode_settings settings = {
		.teredo = true, .vxlan = true, .geneve = true, .erspan1 = true, .vxlan_ports = {4789}, .n_vxlan_ports = 1, .geneve_ports = {6081},
		.n_geneve_ports = 1, .max_layers = 16,
	};
	if (!size)
		return 0;
	uint8_t *copy = malloc(size); /* flush against the end of a block, so that a read beyond it is seen */
	memcpy(copy, data, size);
	decoder_init(&decoder, &settings, &counters, events);
	struct frame f = {.bytes = {copy + 1, size - 1}, .wire_len = (uint32_t)size - 1, .link_type = links[data[0] % (sizeof links / sizeof *links)], .number = 1};
	unsigned n = 0;
	for (struct packet *p = decode_frame(&decoder, &f); p; p = p->next) {
		touch(p->ip);
		touch(p->transport);
		touch(p->payload);
		touch(p->arp);
		sink = packet_checksum_ip_ok(p) + packet_checksum_transport_ok(p);
		if (++n > DECODE_MAX_PACKETS)
			abort();
	}
	if (!n)
		abort();
	free(copy);
	return 0;
}
