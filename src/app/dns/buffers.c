// SPDX-License-Identifier: GPL-2.0-or-later
/* What rules see of a message. Each lies in one direction: the getters say nothing for the other. */
#include "app/dns/dns.h"

static bool give(struct bytes b, struct app_view *out)
{
	*out = (struct app_view){.data = b, .start = true, .end = true};
	return true;
}

#define GETTER(name) static bool name(struct app_flow *a, struct app_tx *tx, int direction, unsigned index, struct app_view *out)
#define NUMBER(name) static bool name(struct app_flow *a, struct app_tx *tx, int direction, unsigned index, uint64_t *out)
#define T ((const struct dns_tx *)tx)

static const struct dns_message *message_of(const struct app_tx *tx, int direction)
{
	return T->complete && T->direction == direction ? &T->message : NULL;
}

GETTER(question_name)
{
	const struct dns_message *m = message_of(tx, direction);
	return m && index < m->n_questions && give(m->question[index].name.text, out);
}

static bool record_name(const struct dns_message *m, enum dns_section section, unsigned index, struct app_view *out)
{
	return m && index < m->n_records[section] && give(m->record[section][index].name.text, out);
}

GETTER(answer_name)
{
	return record_name(message_of(tx, direction), DNS_ANSWERS, index, out);
}

GETTER(authority_name)
{
	return record_name(message_of(tx, direction), DNS_AUTHORITIES, index, out);
}

GETTER(additional_name)
{
	return record_name(message_of(tx, direction), DNS_ADDITIONALS, index, out);
}

/* A record has its own name and those in its data: index counts through them. */
static bool record_has(const struct dns_record *r, unsigned which, struct app_view *out)
{
	switch (which) {
	case 0:
		return give(r->name.text, out);
	case 1:
		return r->target.text.data && give(r->target.text, out);
	default:
		return r->mailbox.text.data && give(r->mailbox.text, out);
	}
}

static unsigned record_names(const struct dns_record *r)
{
	return 1 + (r->target.text.data != NULL) + (r->mailbox.text.data != NULL);
}

/* All names of a response: the questions', then those of its records. There may be thousands: the walk goes on where it was. */
GETTER(response_name)
{
	struct dns_tx *t = (struct dns_tx *)tx;
	const struct dns_message *m = message_of(tx, direction);
	if (!m)
		return false;
	if (index < m->n_questions)
		return give(m->question[index].name.text, out);
	index -= m->n_questions;
	if (index < t->cursor.first)
		t->cursor.section = t->cursor.record = t->cursor.first = 0;
	for (; t->cursor.section < DNS_SECTION_N_; t->cursor.section++, t->cursor.record = 0)
		for (; t->cursor.record < m->n_records[t->cursor.section]; t->cursor.record++) {
			const struct dns_record *r = &m->record[t->cursor.section][t->cursor.record];
			unsigned n = record_names(r);
			if (index - t->cursor.first < n)
				return record_has(r, index - t->cursor.first, out);
			t->cursor.first += n;
		}
	t->cursor.section = t->cursor.record = t->cursor.first = 0;
	return false;
}

NUMBER(opcode)
{
	const struct dns_message *m = message_of(tx, direction);
	if (!m || index)
		return false;
	*out = dns_opcode(m);
	return true;
}

NUMBER(rcode)
{
	const struct dns_message *m = message_of(tx, direction);
	if (!m || index)
		return false;
	*out = m->flags & 15;
	return true;
}

/* Of the questions, then of the answers. */
NUMBER(rrtype)
{
	const struct dns_message *m = message_of(tx, direction);
	if (!m)
		return false;
	if (index < m->n_questions)
		*out = m->question[index].type;
	else if (index - m->n_questions < m->n_records[DNS_ANSWERS])
		*out = m->record[DNS_ANSWERS][index - m->n_questions].type;
	else
		return false;
	return true;
}

#define REQUEST 1
#define RESPONSE 2
#define EITHER 3
#define NAMES(key, dirs, getter, text) \
	{.name = key, .kind = APP_MULTI_BUFFER, .directions = dirs, .state = {1, 1}, .buffer = getter, .help = text}
#define INTEGER(key, getter, width, words, text) \
	{.name = key, .kind = APP_INTEGER, .directions = EITHER, .state = {1, 1}, .number = getter, .bits = width, .names = words, .help = text}

const struct app_keyword dns_keywords[] = {
	NAMES("dns.query", REQUEST, question_name, "names asked for, in requests"),
	NAMES("dns.query.name", EITHER, question_name, "names asked for, in requests and responses"),
	NAMES("dns.queries.rrname", EITHER, question_name, "names asked for, in requests and responses"),
	NAMES("dns.answer.name", EITHER, answer_name, "names of answers"),
	NAMES("dns.answers.rrname", EITHER, answer_name, "names of answers"),
	NAMES("dns.authorities.rrname", EITHER, authority_name, "names of the authorities section"),
	NAMES("dns.additionals.rrname", EITHER, additional_name, "names of the additionals section"),
	NAMES("dns.response.rrname", RESPONSE, response_name, "all names of a response's records, those in their data too"),
	INTEGER("dns.opcode", opcode, 8, dns_opcode_names, "kind of message"),
	INTEGER("dns.rcode", rcode, 8, dns_rcode_names, "outcome"),
	INTEGER("dns.rrtype", rrtype, 16, dns_type_names, "types of questions and answers"),
};
_Static_assert(sizeof dns_keywords / sizeof *dns_keywords == N_DNS_KEYWORDS, "the descriptor's count");
