// SPDX-License-Identifier: GPL-2.0-or-later
/* The `ftp` object of EVE. */
#include "app/ftp/ftp.h"

static void log_command(struct json *j, const struct ftp_tx *t)
{
	if (t->command.len == 0)
		return;
	json_bytes(j, "command", t->command);
	if (t->data.len) {
		json_bytes(j, "command_data", t->data);
		json_bool(j, "command_truncated", t->data_cut);
	}
}

static void log_replies(struct json *j, const struct ftp_tx *t)
{
	struct json_mark mark = json_mark(j);
	bool any = false;
	json_open_array(j, "completion_code");
	for (const struct ftp_reply *r = t->first; r; r = r->next)
		if (r->code.len) {
			json_bytes(j, NULL, r->code);
			any = true;
		}
	json_close_array(j);
	if (!any)
		json_rewind(j, mark);
	if (!t->first)
		return;
	json_open_array(j, "reply");
	for (const struct ftp_reply *r = t->first; r; r = r->next)
		json_bytes(j, NULL, r->text);
	json_close_array(j);
}

bool ftp_log(struct json *j, struct app_flow *a, struct app_tx *tx, int direction, const struct app_log_options *o)
{
	const struct ftp_tx *t = (const struct ftp_tx *)tx;
	json_open(j, "ftp");
	log_command(j, t);
	log_replies(j, t);
	if (t->port)
		json_uint(j, "dynamic_port", t->port);
	if (ftp_has_mode(t))
		json_string(j, "mode", t->active ? "active" : "passive");
	json_string(j, "reply_received", t->answered ? "yes" : "no");
	json_bool(j, "reply_truncated", t->reply_cut);
	json_close(j);
	return true;
}
