// SPDX-License-Identifier: GPL-2.0-or-later
/* The `pop3` object of EVE. */
#include "app/pop3/pop3.h"

static void log_request(struct json *j, const struct pop3_tx *t)
{
	struct bytes rest = t->arguments, word;
	json_open(j, "request");
	json_bytes(j, "command", t->sasl ? BYTES_LITERAL("<SASL DATA>") : t->command);
	json_open_array(j, "args");
	while ((word = line_word(&rest)).len)
		json_bytes(j, NULL, word);
	json_close_array(j);
	json_close(j);
}

static void log_response(struct json *j, const struct pop3_tx *t)
{
	json_open(j, "response");
	json_bool(j, "success", t->ok);
	json_string(j, "status", t->ok ? "OK" : "ERR");
	json_bytes(j, "header", t->status);
	json_open_array(j, "data");
	for (const struct pop3_line *l = t->first; l; l = l->next)
		json_bytes(j, NULL, l->text);
	json_close_array(j);
	json_close(j);
}

bool pop3_log(struct json *j, struct app_flow *a, struct app_tx *tx, int direction, const struct app_log_options *o)
{
	const struct pop3_tx *t = (const struct pop3_tx *)tx;
	json_open(j, "pop3");
	if (t->command.len || t->sasl)
		log_request(j, t);
	if (t->answered && !t->listing)
		log_response(j, t);
	json_close(j);
	return true;
}
