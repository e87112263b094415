// SPDX-License-Identifier: GPL-2.0-or-later
/* The handshake, phase by phase (RFC 6143 7.1-7.3). */
#include "app/rfb/rfb.h"

enum phase {
	SERVER_VERSION, CLIENT_VERSION, SECURITY_TYPES, SECURITY_CHOICE, CHALLENGE, RESPONSE, RESULT, REASON, CLIENT_INIT, SERVER_INIT, DONE,
};

enum { EARLY_MAX = 4096 }; /* bytes that may come before their turn */

/* All there is to keep of a flow fits into the pointer. */
static enum phase phase_of(const struct app_flow *a)
{
	return (enum phase)(uintptr_t)a->state;
}

static void set_phase(struct app_flow *a, enum phase p)
{
	a->state = (void *)(uintptr_t)p;
	if (a->first)
		a->first->updated[0] = a->first->updated[1] = true;
}

static void finish(struct app_flow *a)
{
	set_phase(a, DONE);
	for (struct app_tx *tx = a->first; tx; tx = tx->next) {
		app_tx_advance(tx, TO_SERVER, 1);
		app_tx_advance(tx, TO_CLIENT, 1);
	}
}

/* Nothing that is not understood is an error: a session must not break off because of a scheme of a vendor's own. */
static void give_up(struct app_flow *a, enum rfb_event e)
{
	if (a->first)
		app_tx_event(a->first, e);
	finish(a);
}

static struct bytes keep(struct app_flow *a, struct bytes b)
{
	uint8_t *copy = arena_copy(&a->first->arena, b.data, b.len);
	return copy ? bytes_of(copy, b.len) : (struct bytes){0};
}

static bool is_digits(const uint8_t *p)
{
	return p[0] >= '0' && p[0] <= '9' && p[1] >= '0' && p[1] <= '9' && p[2] >= '0' && p[2] <= '9';
}

/* "RFB 003.008\n" */
static void read_version(struct app_flow *a, struct rfb_tx *t, int direction, struct reader *r)
{
	const uint8_t *p = reader_take(r, 12);
	if (!p)
		return;
	if (memcmp(p, "RFB ", 4) != 0 || !is_digits(p + 4) || p[7] != '.' || !is_digits(p + 8) || p[11] != '\n') {
		give_up(a, RFB_EVENT_MALFORMED_MESSAGE);
		return;
	}
	memcpy(t->version[direction].major, p + 4, 3);
	memcpy(t->version[direction].minor, p + 8, 3);
	set_phase(a, direction == TO_CLIENT ? CLIENT_VERSION : SECURITY_TYPES);
}

/* The client's version is the one that both speak. */
static bool at_least(const struct rfb_tx *t, const char *minor)
{
	const struct rfb_version *v = &t->version[TO_SERVER];
	int c = strcmp(v->major, "003");
	return c > 0 || (c == 0 && strcmp(v->minor, minor) >= 0);
}

static void choose(struct app_flow *a, struct rfb_tx *t, uint32_t type)
{
	t->security = type;
	t->has_security = true;
	if (type == RFB_SECURITY_VNC)
		set_phase(a, CHALLENGE);
	else if (type == RFB_SECURITY_NONE)
		set_phase(a, at_least(t, "008") ? RESULT : CLIENT_INIT);
	else if (type == RFB_SECURITY_INVALID && !at_least(t, "007"))
		set_phase(a, REASON);
	else
		give_up(a, RFB_EVENT_UNIMPLEMENTED_SECURITY_TYPE);
}

/* A list to choose from; before 3.7 the server decides. */
static void read_security_types(struct app_flow *a, struct rfb_tx *t, struct reader *r)
{
	if (!at_least(t, "007")) {
		uint32_t type = reader_u32(r);
		if (!r->failed)
			choose(a, t, type);
		return;
	}
	uint8_t n = reader_u8(r);
	reader_skip(r, n);
	if (!r->failed)
		set_phase(a, n ? SECURITY_CHOICE : REASON);
}

static void read_16_bytes(struct app_flow *a, uint8_t *to, bool *there, enum phase next, struct reader *r)
{
	const uint8_t *p = reader_take(r, RFB_CHALLENGE);
	if (!p)
		return;
	memcpy(to, p, RFB_CHALLENGE);
	*there = true;
	set_phase(a, next);
}

static void read_result(struct app_flow *a, struct rfb_tx *t, struct reader *r)
{
	uint32_t result = reader_u32(r);
	if (r->failed)
		return;
	t->result = result;
	t->has_result = true;
	if (result == RFB_RESULT_OK)
		set_phase(a, CLIENT_INIT);
	else if (result >= RFB_RESULT_UNKNOWN)
		give_up(a, RFB_EVENT_UNKNOWN_SECURITY_RESULT);
	else if (at_least(t, "008"))
		set_phase(a, REASON);
	else
		finish(a);
}

/* Text with its length before it; of a very long one the beginning. */
static bool read_text(struct app_flow *a, struct reader *r, struct bytes *out)
{
	uint32_t len = reader_u32(r);
	struct bytes text = reader_bytes(r, len < RFB_MAX_TEXT ? len : RFB_MAX_TEXT);
	if (r->failed)
		return false;
	*out = keep(a, text);
	return true;
}

static void read_client_init(struct app_flow *a, struct rfb_tx *t, struct reader *r)
{
	uint8_t shared = reader_u8(r);
	if (r->failed)
		return;
	t->shared = shared;
	t->has_shared = true;
	set_phase(a, SERVER_INIT);
}

static void read_server_init(struct app_flow *a, struct rfb_tx *t, struct reader *r)
{
	struct rfb_pixels p;
	uint16_t width = reader_u16(r), height = reader_u16(r);
	p.bits = reader_u8(r);
	p.depth = reader_u8(r);
	p.big_endian = reader_u8(r);
	p.true_color = reader_u8(r);
	for (int i = 0; i < 3; i++)
		p.max[i] = reader_u16(r);
	for (int i = 0; i < 3; i++)
		p.shift[i] = reader_u8(r);
	reader_skip(r, 3);
	if (!read_text(a, r, &t->name))
		return;
	t->width = width;
	t->height = height;
	t->pixels = p;
	t->has_screen = true;
	finish(a);
}

static void read_reason(struct app_flow *a, struct rfb_tx *t, struct reader *r)
{
	t->has_reason = read_text(a, r, &t->reason);
	if (t->has_reason)
		finish(a);
}

static int turn_of(enum phase p)
{
	return p == CLIENT_VERSION || p == SECURITY_CHOICE || p == RESPONSE || p == CLIENT_INIT ? TO_SERVER : TO_CLIENT;
}

static void read_phase(struct app_flow *a, struct rfb_tx *t, int direction, struct reader *r)
{
	switch (phase_of(a)) {
	case SERVER_VERSION:
	case CLIENT_VERSION:
		read_version(a, t, direction, r);
		break;
	case SECURITY_TYPES:
		read_security_types(a, t, r);
		break;
	case SECURITY_CHOICE: {
		uint8_t type = reader_u8(r);
		if (!r->failed)
			choose(a, t, type);
		break;
	}
	case CHALLENGE:
		read_16_bytes(a, t->challenge, &t->has_challenge, RESPONSE, r);
		break;
	case RESPONSE:
		read_16_bytes(a, t->response, &t->has_response, RESULT, r);
		break;
	case RESULT:
		read_result(a, t, r);
		break;
	case REASON:
		read_reason(a, t, r);
		break;
	case CLIENT_INIT:
		read_client_init(a, t, r);
		break;
	case SERVER_INIT:
		read_server_init(a, t, r);
		break;
	case DONE:
		break;
	}
}

int rfb_open(struct app_flow *a)
{
	a->state = NULL;
	return 0;
}

void rfb_close(struct app_flow *a)
{
	a->state = NULL;
}

enum app_result rfb_parse(struct app_flow *a, int direction, struct app_input *in)
{
	if (in->gap_len)
		finish(a);
	if (phase_of(a) == DONE)
		return APP_STOP;
	if (in->data.len == 0)
		return APP_OK;
	if (!a->first && !app_tx_new(a, sizeof(struct rfb_tx), in->time))
		return APP_STOP;
	struct reader r = reader_over(in->data);
	in->used = 0;
	while (phase_of(a) != DONE && turn_of(phase_of(a)) == direction && !r.failed && reader_left(&r)) {
		read_phase(a, (struct rfb_tx *)a->first, direction, &r);
		if (!r.failed)
			in->used = in->data.len - reader_left(&r);
	}
	if (phase_of(a) != DONE && turn_of(phase_of(a)) != direction && in->data.len - in->used > EARLY_MAX)
		give_up(a, RFB_EVENT_CONFUSED_STATE);
	if (phase_of(a) != DONE)
		return APP_OK;
	in->used = in->data.len;
	return APP_STOP;
}
