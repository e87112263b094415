// SPDX-License-Identifier: GPL-2.0-or-later
/* The `rfb` object of EVE. */
#include "app/rfb/rfb.h"

#include <stdio.h>

static void log_version(struct json *j, const char *key, const struct rfb_version *v)
{
	if (!v->major[0])
		return;
	json_open(j, key);
	json_string(j, "major", v->major);
	json_string(j, "minor", v->minor);
	json_close(j);
}

static void log_authentication(struct json *j, const struct rfb_tx *t)
{
	json_open(j, "authentication");
	if (t->has_security)
		json_uint(j, "security_type", t->security);
	if (t->has_challenge) {
		json_open(j, "vnc");
		json_hex(j, "challenge", bytes_of(t->challenge, sizeof t->challenge));
		if (t->has_response)
			json_hex(j, "response", bytes_of(t->response, sizeof t->response));
		json_close(j);
	}
	/* a failure shows as the reason that the server gives */
	if (t->has_result && t->result == RFB_RESULT_OK)
		json_string(j, "security_result", "OK");
	else if (t->has_result && t->result == RFB_RESULT_TOOMANY)
		json_string(j, "security_result", "TOOMANY");
	json_close(j);
}

static void log_screen(struct json *j, const struct rfb_tx *t)
{
	static const char *const colours[] = {"red", "green", "blue"};
	char key[2][3][16];
	const struct rfb_pixels *p = &t->pixels;
	json_open(j, "framebuffer");
	json_uint(j, "width", t->width);
	json_uint(j, "height", t->height);
	json_bytes(j, "name", t->name);
	json_open(j, "pixel_format");
	json_uint(j, "bits_per_pixel", p->bits);
	json_uint(j, "depth", p->depth);
	json_bool(j, "big_endian", p->big_endian);
	json_bool(j, "true_color", p->true_color);
	for (int i = 0; i < 3; i++) {
		snprintf(key[0][i], sizeof key[0][i], "%s_max", colours[i]);
		snprintf(key[1][i], sizeof key[1][i], "%s_shift", colours[i]);
	}
	for (int i = 0; i < 3; i++)
		json_uint(j, key[0][i], p->max[i]);
	for (int i = 0; i < 3; i++)
		json_uint(j, key[1][i], p->shift[i]);
	json_close(j);
	json_close(j);
}

bool rfb_log(struct json *j, struct app_flow *a, struct app_tx *tx, int direction, const struct app_log_options *o)
{
	const struct rfb_tx *t = (const struct rfb_tx *)tx;
	json_open(j, "rfb");
	log_version(j, "server_protocol_version", &t->version[TO_CLIENT]);
	log_version(j, "client_protocol_version", &t->version[TO_SERVER]);
	log_authentication(j, t);
	if (t->has_reason)
		json_bytes(j, "server_security_failure_reason", t->reason);
	if (t->has_shared)
		json_bool(j, "screen_shared", t->shared);
	if (t->has_screen)
		log_screen(j, t);
	json_close(j);
	return true;
}
