// SPDX-License-Identifier: GPL-2.0-or-later
/* Commands and replies out of the two streams. */
#include "app/ftp/ftp.h"

#include <errno.h>
#include <stdlib.h>

struct ftp_state {
	struct line_side line[2];
	uint16_t port; /* of the next data connection */
};

int ftp_open(struct app_flow *a)
{
	a->state = calloc(1, sizeof(struct ftp_state));
	return a->state ? 0 : -ENOMEM;
}

void ftp_close(struct app_flow *a)
{
	free(a->state);
	a->state = NULL;
}

static struct bytes keep(struct ftp_tx *t, struct bytes b)
{
	uint8_t *copy = arena_copy(&t->tx.arena, b.data, b.len);
	return copy ? bytes_of(copy, b.len) : (struct bytes){0};
}

static struct ftp_tx *new_tx(struct app_flow *a, usec_t now)
{
	struct ftp_tx *t = (struct ftp_tx *)app_tx_new(a, sizeof *t, now);
	if (!t && a->last) {
		app_tx_event(a->last, FTP_EVENT_TOO_MANY_TRANSACTIONS);
		a->last->updated[0] = a->last->updated[1] = true;
	}
	return t;
}

/* Rules about a command may ask for what only the reply says, so its state is complete with the reply. */
static void complete(struct ftp_tx *t)
{
	app_tx_advance(&t->tx, TO_SERVER, 1);
	app_tx_advance(&t->tx, TO_CLIENT, 1);
}

/* Requests */

static void read_command(struct ftp_state *s, struct ftp_tx *t, struct bytes line)
{
	struct bytes word = line_word(&line);
	t->command = ftp_command_find(word, &t->kind);
	t->data = keep(t, line);
	if (t->kind == FTP_PORT || t->kind == FTP_EPRT) {
		t->port = ftp_port_read(t->kind, line);
		t->active = t->port != 0;
	}
	if (t->kind != FTP_FILE)
		return;
	if (line.len == 0)
		app_tx_event(&t->tx, FTP_EVENT_FILE_WITHOUT_NAME);
	else if (s->port == 0)
		app_tx_event(&t->tx, FTP_EVENT_FILE_BEFORE_PORT);
}

static enum app_result parse_requests(struct app_flow *a, struct ftp_state *s, struct app_input *in, size_t max)
{
	struct bytes line;
	enum line_found found;
	while ((found = line_next(&s->line[TO_SERVER], in, max, &line)) != LINE_NONE) {
		struct ftp_tx *t = new_tx(a, in->time);
		if (!t)
			return APP_ERROR;
		t->asked = true;
		read_command(s, t, line);
		t->data_cut = found == LINE_CUT;
		if (t->data_cut)
			app_tx_event(&t->tx, FTP_EVENT_REQUEST_COMMAND_TOO_LONG);
		t->tx.updated[TO_SERVER] = true;
		a->reset_raw[TO_SERVER] = true;
	}
	return APP_OK;
}

/* Replies */

static struct ftp_tx *waiting(struct app_flow *a)
{
	for (struct app_tx *tx = a->first; tx; tx = tx->next)
		if (tx->state[TO_CLIENT] == 0)
			return (struct ftp_tx *)tx;
	return NULL;
}

static bool has_code(struct bytes line)
{
	if (line.len < 4)
		return false;
	for (int i = 0; i < 3; i++)
		if (line.data[i] < '0' || line.data[i] > '9')
			return false;
	return line.data[3] == ' ' || line.data[3] == '-';
}

/* Lines without text, and spaces at the end of a line, are left out. */
static void add_reply(struct ftp_tx *t, struct bytes line, bool final)
{
	while (line.len && (line.data[line.len - 1] == ' ' || line.data[line.len - 1] == '\t'))
		line.len--;
	if (line.len == 0)
		return;
	size_t cost = line.len + sizeof(struct ftp_reply);
	struct ftp_reply *r = t->kept + cost > FTP_MAX_REPLIES ? NULL : arena_alloc(&t->tx.arena, sizeof *r);
	if (!r) {
		t->reply_cut = true;
		return;
	}
	struct bytes text = keep(t, line);
	t->kept += cost;
	r->code = bytes_slice(text, 0, final ? 3 : 0);
	r->text = bytes_from(text, final ? 4 : 0); /* empty, if a code is all */
	if (t->last)
		t->last->next = r;
	else
		t->first = r;
	t->last = r;
}

/* What the reply agrees on with the command. */
static void read_agreement(struct ftp_state *s, struct ftp_tx *t, struct bytes line)
{
	struct bytes text = bytes_from(line, 4);
	bool good = line.data[0] == '2';
	if (!good)
		return;
	if ((t->kind == FTP_PASV && memcmp(line.data, "227", 3) == 0) || (t->kind == FTP_EPSV && memcmp(line.data, "229", 3) == 0))
		t->port = ftp_port_read(t->kind, text);
	if (t->port)
		s->port = t->port;
}

static enum app_result parse_replies(struct app_flow *a, struct ftp_state *s, struct app_input *in, size_t max)
{
	struct bytes line;
	enum line_found found;
	struct ftp_tx *t = NULL;
	while ((found = line_next(&s->line[TO_CLIENT], in, max, &line)) != LINE_NONE) {
		if (!t)
			t = waiting(a);
		if (!t && !(t = new_tx(a, in->time)))
			return APP_ERROR;
		bool code = has_code(line), final = code && line.data[3] == ' ', preliminary = code && line.data[0] == '1';
		add_reply(t, line, final);
		t->answered |= !preliminary;
		t->tx.updated[TO_CLIENT] = true;
		if (found == LINE_CUT) {
			t->reply_cut = true;
			app_tx_event(&t->tx, FTP_EVENT_RESPONSE_COMMAND_TOO_LONG);
		}
		if (final)
			read_agreement(s, t, line);
		if (final && !preliminary) { /* what follows belongs to the next command */
			complete(t);
			t = NULL;
		}
		a->reset_raw[TO_CLIENT] = true;
	}
	if (t && t->answered)
		complete(t);
	return APP_OK;
}

enum app_result ftp_parse(struct app_flow *a, int direction, struct app_input *in)
{
	const struct ftp_settings *settings = app_settings(a->worker->context, a->proto);
	if (in->gap_len) /* which command a reply belongs to cannot be told any more */
		return APP_ERROR;
	in->used = 0;
	if (direction == TO_SERVER)
		return parse_requests(a, a->state, in, settings->max_line);
	return parse_replies(a, a->state, in, settings->max_line);
}
