// SPDX-License-Identifier: GPL-2.0-or-later
/* Commands and responses out of the two streams. */
#include "app/pop3/pop3.h"
#include "app/protocols.h"

#include <errno.h>
#include <stdlib.h>

struct pop3_state {
	struct line_side line[2];
	bool sasl;  /* AUTH goes on: the client's next line is no command */
	bool lost;  /* bytes of the server are missing: which command a response belongs to is not known */
};

enum lines { ONE_LINE, LINES, LINES_WITHOUT_ARGUMENT, MESSAGE };

struct pop3_command {
	const char *name;
	uint8_t least, most; /* arguments */
	enum lines lines;    /* how a good response goes on */
};

enum { ANY = 255 };

/* RFC 1939 5-7, RFC 2449 5, RFC 2595 4, RFC 5034 4, RFC 6856 2-3. A password may hold spaces. */
static const struct pop3_command commands[] = {
	{"USER", 1, 1, ONE_LINE}, {"PASS", 1, ANY, ONE_LINE}, {"APOP", 2, 2, ONE_LINE}, {"AUTH", 1, 2, ONE_LINE}, {"CAPA", 0, 0, LINES},
	{"STLS", 0, 0, ONE_LINE}, {"UTF8", 0, 0, ONE_LINE}, {"LANG", 0, 1, LINES_WITHOUT_ARGUMENT}, {"STAT", 0, 0, ONE_LINE},
	{"LIST", 0, 1, LINES_WITHOUT_ARGUMENT}, {"UIDL", 0, 1, LINES_WITHOUT_ARGUMENT}, {"RETR", 1, 1, MESSAGE}, {"TOP", 2, 2, MESSAGE},
	{"DELE", 1, 1, ONE_LINE}, {"NOOP", 0, 0, ONE_LINE}, {"RSET", 0, 0, ONE_LINE}, {"QUIT", 0, 0, ONE_LINE},
};

int pop3_open(struct app_flow *a)
{
	a->state = calloc(1, sizeof(struct pop3_state));
	return a->state ? 0 : -ENOMEM;
}

void pop3_close(struct app_flow *a)
{
	free(a->state);
	a->state = NULL;
}

static struct bytes keep(struct pop3_tx *t, struct bytes b)
{
	uint8_t *copy = arena_copy(&t->tx.arena, b.data, b.len);
	return copy ? bytes_of(copy, b.len) : (struct bytes){0};
}

static struct pop3_tx *new_tx(struct app_flow *a, usec_t now)
{
	struct pop3_tx *t = (struct pop3_tx *)app_tx_new(a, sizeof *t, now);
	if (!t && a->last) {
		app_tx_event(a->last, POP3_EVENT_TOO_MANY_TRANSACTIONS);
		a->last->updated[0] = a->last->updated[1] = true;
	}
	return t;
}

static bool is(const struct pop3_command *c, const char *name)
{
	return c && strcmp(c->name, name) == 0;
}

/* Requests */

static unsigned count_words(struct bytes rest)
{
	unsigned n = 0;
	while (line_word(&rest).len)
		n++;
	return n;
}

/* As in Suricata, a command in small letters is not a known one, whatever RFC 1939 3 says of their case. */
static void classify(struct pop3_tx *t)
{
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		if (bytes_equal(t->command, bytes_of_string(commands[i].name)))
			t->known = &commands[i];
	if (!t->known) {
		app_tx_event(&t->tx, POP3_EVENT_UNKNOWN_COMMAND);
		return;
	}
	unsigned n = count_words(t->arguments);
	if (n < t->known->least || (n > t->known->most && t->known->most != ANY))
		app_tx_event(&t->tx, POP3_EVENT_INCORRECT_ARGUMENT_COUNT);
}

static bool take_request(struct app_flow *a, struct pop3_state *s, struct bytes line, bool cut, usec_t now)
{
	struct pop3_tx *t = new_tx(a, now);
	if (!t)
		return false;
	if (s->sasl) {
		t->sasl = true;
	} else {
		struct bytes rest = bytes_slice(line, 0, POP3_MAX_REQUEST);
		struct bytes word = line_word(&rest);
		t->command = keep(t, word);
		t->arguments = keep(t, rest);
		cut |= line.len > POP3_MAX_REQUEST;
		classify(t);
		s->sasl = is(t->known, "AUTH") && count_words(rest) == 1;
	}
	if (cut)
		app_tx_event(&t->tx, POP3_EVENT_REQUEST_TOO_LONG);
	app_tx_advance(&t->tx, TO_SERVER, 1);
	return true;
}

static enum app_result parse_requests(struct app_flow *a, struct pop3_state *s, struct app_input *in)
{
	struct bytes line;
	enum line_found found;
	/* whether a line is a command is known only when it is there */
	while (!a->changing && (found = line_next(&s->line[TO_SERVER], in, POP3_MAX_SASL, &line)) != LINE_NONE) {
		if (line.len && !take_request(a, s, line, found == LINE_CUT, in->time))
			return APP_ERROR;
		a->reset_raw[TO_SERVER] = true;
	}
	return APP_OK;
}

/* Responses */

/* The oldest command that waits for its response, or for more of it. */
static struct pop3_tx *waiting(struct app_flow *a)
{
	for (struct app_tx *tx = a->first; tx; tx = tx->next)
		if (tx->state[TO_CLIENT] == 0)
			return (struct pop3_tx *)tx;
	return NULL;
}

/* The response of a command that is not known has lines if they are in hand, up to the dot. */
static bool has_lines(const struct pop3_tx *t, struct bytes behind)
{
	if (!t->known)
		return t->command.len && behind.len >= 3 && bytes_equal(bytes_from(behind, behind.len - 3), BYTES_LITERAL(".\r\n"));
	return t->known->lines == LINES || t->known->lines == MESSAGE ||
	       (t->known->lines == LINES_WITHOUT_ARGUMENT && t->arguments.len == 0);
}

static void complete(struct app_flow *a, struct pop3_tx *t)
{
	t->listing = false;
	app_tx_advance(&t->tx, TO_CLIENT, 1);
	if (is(t->known, "STLS") && t->ok)
		app_change_protocol(a, &app_tls);
}

static bool read_status(struct bytes line, bool *ok, bool *goes_on, struct bytes *text)
{
	*ok = bytes_equal(bytes_slice(line, 0, 3), BYTES_LITERAL("+OK"));
	*goes_on = !*ok && line.len && line.data[0] == '+';
	size_t at = *ok ? 3 : 1;
	if (!*ok && !*goes_on) {
		if (!bytes_equal(bytes_slice(line, 0, 4), BYTES_LITERAL("-ERR")))
			return false;
		at = 4;
	}
	*ok |= *goes_on;
	if (at < line.len && line.data[at] == ' ')
		at++;
	*text = bytes_from(line, at);
	return true;
}

static bool take_status(struct app_flow *a, struct pop3_state *s, struct bytes line, bool cut, struct app_input *in)
{
	bool ok, goes_on;
	struct bytes text;
	if (!read_status(line, &ok, &goes_on, &text))
		return s->lost; /* the rest of a response whose beginning is missing */
	s->lost = false;
	struct pop3_tx *t = waiting(a);
	if (!t) { /* the greeting */
		t = new_tx(a, in->time);
		if (!t)
			return false;
		app_tx_advance(&t->tx, TO_SERVER, 1);
	}
	t->answered = true;
	t->ok = ok;
	t->status = keep(t, bytes_slice(text, 0, POP3_MAX_RESPONSE));
	if (cut || line.len > POP3_MAX_RESPONSE)
		app_tx_event(&t->tx, POP3_EVENT_RESPONSE_TOO_LONG);
	if (t->sasl || is(t->known, "AUTH"))
		s->sasl = goes_on;
	t->listing = ok && has_lines(t, bytes_from(in->data, in->used));
	if (!t->listing)
		complete(a, t);
	return true;
}

static void take_line(struct app_flow *a, struct pop3_tx *t, struct bytes line)
{
	if (bytes_equal(line, BYTES_LITERAL("."))) {
		complete(a, t);
		return;
	}
	if (t->known && t->known->lines == MESSAGE)
		return;
	if (line.len && line.data[0] == '.')
		line = bytes_from(line, 1); /* RFC 1939 3: byte-stuffed */
	size_t cost = line.len + sizeof(struct pop3_line);
	if (t->listed + cost > POP3_MAX_LISTED)
		return;
	struct pop3_line *l = arena_alloc(&t->tx.arena, sizeof *l);
	if (!l)
		return;
	t->listed += cost;
	l->text = keep(t, line);
	if (t->last)
		t->last->next = l;
	else
		t->first = l;
	t->last = l;
}

static enum app_result parse_responses(struct app_flow *a, struct pop3_state *s, struct app_input *in)
{
	struct bytes line;
	enum line_found found;
	while (!a->changing && (found = line_next(&s->line[TO_CLIENT], in, POP3_MAX_LINE, &line)) != LINE_NONE) {
		struct pop3_tx *t = waiting(a);
		if (t && t->listing)
			take_line(a, t, line);
		else if (!take_status(a, s, line, found == LINE_CUT, in))
			return APP_ERROR;
		a->reset_raw[TO_CLIENT] = true;
	}
	return APP_OK;
}

static void gap(struct app_flow *a, struct pop3_state *s, int direction)
{
	s->line[direction].skipping = true;
	if (direction == TO_SERVER)
		return;
	s->lost = true;
	for (struct pop3_tx *t; (t = waiting(a));)
		app_tx_advance(&t->tx, TO_CLIENT, 1);
}

enum app_result pop3_parse(struct app_flow *a, int direction, struct app_input *in)
{
	if (in->gap_len) {
		gap(a, a->state, direction);
		return APP_OK;
	}
	in->used = 0;
	return direction == TO_SERVER ? parse_requests(a, a->state, in) : parse_responses(a, a->state, in);
}
