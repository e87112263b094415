// SPDX-License-Identifier: GPL-2.0-or-later
/* Private to app/: what an app_context holds. */
#pragma once

#include "app/app.h"

enum { APP_TX_BLOCK = 2048 }; /* a transaction and the beginning of its arena: one piece of the worker's slab */

enum app_enabled { APP_OFF, APP_DETECT, APP_PARSE };

struct app_proto_context {
	uint8_t enabled[2]; /* enum app_enabled, by [transport is UDP] */
	uint32_t max_tx;
	void *settings;
};

struct app_context {
	bool ips;
	size_t n;
	struct app_proto_context *proto; /* by the protocol's row */
	struct app_recogniser *recogniser;
};
