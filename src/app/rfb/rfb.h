// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * RFB, the protocol of VNC (RFC 6143). A connection is one transaction: its handshake. The peers take turns in it, so one phase
 * says what comes next and from whom. What follows the handshake, or a way to authenticate that is not known, is not looked at.
 */
#pragma once

#include "app/app.h"

enum { RFB_CHALLENGE = 16, RFB_MAX_TEXT = 4096 };

enum rfb_event {
#define EVENT(id, name) RFB_EVENT_##id,
#include "app/rfb/events.def"
#undef EVENT
	RFB_EVENT_N_
};

enum rfb_security { RFB_SECURITY_INVALID = 0, RFB_SECURITY_NONE = 1, RFB_SECURITY_VNC = 2 };
enum rfb_result { RFB_RESULT_OK, RFB_RESULT_FAIL, RFB_RESULT_TOOMANY, RFB_RESULT_UNKNOWN };

struct rfb_version {
	char major[4], minor[4]; /* three digits; empty: not seen */
};

struct rfb_pixels {
	uint8_t bits, depth, big_endian, true_color;
	uint16_t max[3]; /* red, green, blue */
	uint8_t shift[3];
};

struct rfb_tx {
	struct app_tx tx; /* first */
	struct rfb_version version[2];
	bool has_security, has_challenge, has_response, has_result, has_shared, has_screen;
	uint32_t security, result;
	uint8_t challenge[RFB_CHALLENGE], response[RFB_CHALLENGE];
	struct bytes reason; /* why the server refuses */
	bool has_reason, shared;
	uint16_t width, height;
	struct rfb_pixels pixels;
	struct bytes name;
};

/* parser.c */
int rfb_open(struct app_flow *a);
void rfb_close(struct app_flow *a);
enum app_result rfb_parse(struct app_flow *a, int direction, struct app_input *in);

/* log.c */
bool rfb_log(struct json *j, struct app_flow *a, struct app_tx *tx, int direction, const struct app_log_options *o);
