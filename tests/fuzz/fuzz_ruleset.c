// SPDX-License-Identifier: GPL-2.0-or-later
/* Netlink messages of nf_tables, one after the other, as a kernel would not send them: decoded, finished, printed. */
#include <linux/netfilter/nfnetlink.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ruleset/decode.h"
#include "ruleset/print.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void print_all(const struct ruleset *rs)
{
	char *text = NULL;
	size_t len = 0, from, to;
	FILE *out = open_memstream(&text, &len);
	struct station stations[64];
	if (!out)
		return;
	for (const struct ruleset_table *t = rs->tables; t; t = t->next) {
		ruleset_owner(t);
		for (const struct ruleset_chain *c = t->chains; c; c = c->next)
			for (const struct ruleset_rule *r = c->rules; r; r = r->next) {
				ruleset_print_rule(out, rs, r);
				ruleset_step_columns(rs, r, r->steps, &from, &to);
			}
	}
	for (uint32_t hook = 0; hook < 6; hook++)
		ruleset_stations(rs, NFPROTO_IPV4, hook, NULL, stations, 64);
	fclose(out);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum { LARGEST = 1 << 16 };
	_Alignas(8) static uint8_t message[LARGEST];
	struct decoder *d = decoder_new("fuzz", NULL);
	size_t at = 0;
	while (size - at >= sizeof(struct nlmsghdr)) {
		struct nlmsghdr head;
		memcpy(&head, data + at, sizeof head);
		size_t len = head.nlmsg_len;
		if (len < sizeof head || len > size - at || len > LARGEST)
			break;
		memcpy(message, data + at, len);
		decoder_message(d, (const struct nlmsghdr *)message);
		at += NLMSG_ALIGN(len);
		if (at >= size)
			break;
	}
	struct ruleset *rs = decoder_finish(d);
	if (rs)
		print_all(rs);
	ruleset_free(rs);
	return 0;
}
