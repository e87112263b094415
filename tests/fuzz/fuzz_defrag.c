// SPDX-License-Identifier: GPL-2.0-or-later
/* A run of raw IP packets, each after two bytes of length: what fragments they hold go through defragmentation, with small limits. */
#include "flow/defrag.h"
#include "packet/decode.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void feed(struct decoder *decoder, struct defrag *defrag, struct packet *list, unsigned depth)
{
	for (struct packet *p = list; p; p = p->next) {
		struct bytes datagram;
		if (p->flags & PACKET_INVALID || !(p->flags & PACKET_FRAGMENT) || !defrag_packet(defrag, p, &datagram))
			continue;
		if (datagram.len < 20 || datagram.len > 65535 + 40 || depth > DECODE_MAX_PACKETS)
			abort();
		feed(decoder, defrag, decode_datagram(decoder, p, datagram), depth + 1);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct decoder decoder;
	static struct counters counters;
	static uint64_t events[EVENT_N_];
	static const struct decode_settings decode = {.max_layers = 16};
	if (!size)
		return 0;
	struct defrag_settings settings = {.memcap = 200000, .trackers = 6, .max_frags = 100, .timeout = 10, .hash_size = 4};
	struct defrag *defrag = defrag_new(&settings, NULL, &counters, 0);
	struct reader r = reader_over(bytes_of(data, size));
	decoder_init(&decoder, &decode, &counters, events);
	for (usec_t now = 0; reader_left(&r) > 2; now += USEC_PER_SEC) {
		uint16_t len = reader_u16(&r);
		struct bytes b = reader_bytes(&r, len < reader_left(&r) ? len : reader_left(&r));
		struct frame f = {.bytes = b, .wire_len = (uint32_t)b.len, .link_type = 101, .time = now, .number = 1};
		feed(&decoder, defrag, decode_frame(&decoder, &f), 0);
		defrag_expire(defrag, now);
		if (counters.value[COUNTER_DEFRAG_MEMUSE] > settings.memcap + settings.memcap / 10) /* overlaps may split pieces */
			abort();
	}
	defrag_free(defrag);
	return 0;
}
