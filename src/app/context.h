// SPDX-License-Identifier: GPL-2.0-or-later
/* Private to app/: what an app_context holds. */
#pragma once

#include "app/app.h"

#include <stdatomic.h>

enum { APP_TX_BLOCK = 2048 }; /* a transaction and the beginning of its arena: one piece of the worker's slab */

enum app_enabled { APP_OFF, APP_DETECT, APP_PARSE };

struct app_memory_pool {
	_Atomic uint64_t drawn;
	uint64_t cap; /* 0: none */
};
struct app_memory { /* a worker's part of it */
	struct app_memory_pool *pool;
	uint64_t used, credit;
	uint64_t *gauge; /* of stats; NULL: none */
};

struct app_proto_context {
	struct app_memory_pool memory;
	uint8_t enabled[2]; /* enum app_enabled, by [transport is UDP] */
	uint32_t max_tx;
	void *settings;
};

struct app_context {
	bool ips;
	int memcap_policy; /* enum exception_policy */
	_Atomic bool cap_told; /* by the first worker */
	size_t n;
	struct app_proto_context *proto; /* by the protocol's row */
	struct app_recogniser *recogniser;
};

/* tx.c: frees the protocol's own state; its transactions are gone */
void app_parser_close(struct app_flow *a);

/* memory.c */
void app_memory_init(struct app_worker *w);
void app_memory_deinit(struct app_worker *w);
void app_tx_charge(struct app_flow *a, struct app_tx *tx); /* what its arena has grown */
