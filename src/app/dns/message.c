// SPDX-License-Identifier: GPL-2.0-or-later
/* A message: header, questions, three sections of records. */
#include "app/dns/dns.h"

enum { SMALLEST_QUESTION = 5, MAX_OPCODE = 6 };

struct source {
	struct bytes message;
	size_t at;
	struct arena *arena;
	size_t budget;
	struct dns_message *out;
};

static bool name_at(struct source *s, size_t *at, struct dns_name *out)
{
	if (!dns_name_read(s->message, at, s->arena, &s->budget, out))
		return false;
	if (out->flags & DNS_NAME_TOO_LONG)
		s->out->events |= 1u << DNS_EVENT_NAME_TOO_LONG;
	if (out->flags & DNS_NAME_LOOP)
		s->out->events |= 1u << DNS_EVENT_INFINITE_LOOP;
	if (out->flags & DNS_NAME_LABELS)
		s->out->events |= 1u << DNS_EVENT_TOO_MANY_LABELS;
	return true;
}

static bool question_read(struct source *s, struct dns_question *q)
{
	if (!name_at(s, &s->at, &q->name) || s->message.len - s->at < 4)
		return false;
	q->type = load_be16(s->message.data + s->at);
	q->class_ = load_be16(s->message.data + s->at + 2);
	s->at += 4;
	return true;
}

/* A name within rdata, which must not reach beyond it. */
static bool rdata_name(struct source *s, size_t *at, size_t end, struct dns_name *out)
{
	return name_at(s, at, out) && *at <= end;
}

static bool soa_read(struct source *s, size_t at, size_t end, struct dns_record *r)
{
	if (!rdata_name(s, &at, end, &r->target) || !rdata_name(s, &at, end, &r->mailbox) || end - at < 20)
		return false;
	for (unsigned i = 0; i < 5; i++)
		r->number[i] = load_be32(s->message.data + at + i * 4);
	return true;
}

static bool srv_read(struct source *s, size_t at, size_t end, struct dns_record *r)
{
	if (end - at < 7)
		return false;
	for (unsigned i = 0; i < 3; i++)
		r->number[i] = load_be16(s->message.data + at + i * 2);
	at += 6;
	return rdata_name(s, &at, end, &r->target);
}

static bool sshfp_read(struct bytes rdata, struct dns_record *r)
{
	if (rdata.len < 2)
		return false;
	r->number[0] = rdata.data[0];
	r->number[1] = rdata.data[1];
	r->data = bytes_from(rdata, 2);
	return true;
}

static bool options_are_whole(struct bytes rdata)
{
	struct reader r = reader_over(rdata);
	while (reader_left(&r)) {
		reader_skip(&r, 2);
		reader_skip(&r, reader_u16(&r));
	}
	return !r.failed;
}

/* What is known of this type's rdata. Nothing at all (an update that deletes, RFC 2136 2.5) is no error. */
static bool rdata_read(struct source *s, size_t at, size_t end, struct dns_record *r)
{
	struct bytes rdata = bytes_slice(s->message, at, end - at);
	size_t name_at_ = at;
	r->decoded = true;
	r->data = rdata;
	switch (r->type) {
	case DNS_A:
	case DNS_AAAA:
	case DNS_NULL:
		return true;
	case DNS_OPT:
		return options_are_whole(rdata);
	case DNS_CNAME:
	case DNS_NS:
	case DNS_PTR:
		return rdata.len == 0 || rdata_name(s, &name_at_, end, &r->target);
	case DNS_MX:
		name_at_ += 2;
		return rdata.len == 0 || (rdata.len > 2 && rdata_name(s, &name_at_, end, &r->target));
	case DNS_SOA:
		return rdata.len == 0 || soa_read(s, at, end, r);
	case DNS_SRV:
		return rdata.len == 0 || srv_read(s, at, end, r);
	case DNS_SSHFP:
		return rdata.len == 0 || sshfp_read(rdata, r);
	}
	r->decoded = false;
	return true;
}

/* Records so far; more than the header said when a TXT has several strings. */
struct list {
	struct dns_record *first;
	unsigned n, room;
};

static struct dns_record *list_add(struct source *s, struct list *l)
{
	if (l->n == l->room) {
		unsigned room = l->room ? l->room * 2 : 8;
		if (room * sizeof *l->first > s->budget)
			return NULL;
		s->budget -= room * sizeof *l->first;
		struct dns_record *more = arena_alloc(s->arena, room * sizeof *more);
		if (!more)
			return NULL;
		if (l->n)
			memcpy(more, l->first, l->n * sizeof *more);
		l->first = more;
		l->room = room;
	}
	return &l->first[l->n++];
}

/* Each character string of a TXT record is shown as a record. */
static bool txt_read(struct source *s, struct list *l, const struct dns_record *head, struct bytes rdata)
{
	struct reader r = reader_over(rdata);
	do {
		struct dns_record *one = list_add(s, l);
		if (!one)
			return false;
		*one = *head;
		one->decoded = true;
		if (rdata.len)
			one->data = reader_bytes(&r, reader_u8(&r));
	} while (!r.failed && reader_left(&r));
	return !r.failed;
}

static bool record_read(struct source *s, struct list *l)
{
	struct dns_record r = {0};
	if (!name_at(s, &s->at, &r.name) || s->message.len - s->at < 10)
		return false;
	const uint8_t *p = s->message.data + s->at;
	r.type = load_be16(p);
	r.class_ = load_be16(p + 2);
	r.ttl = load_be32(p + 4);
	size_t at = s->at + 10, len = load_be16(p + 8);
	if (s->message.len - at < len)
		return false;
	s->at = at + len;
	if (r.type == DNS_TXT)
		return txt_read(s, l, &r, bytes_slice(s->message, at, len));
	if (!rdata_read(s, at, at + len, &r))
		return false;
	struct dns_record *kept = list_add(s, l);
	if (kept)
		*kept = r;
	return kept;
}

static bool section_read(struct source *s, enum dns_section section, unsigned count)
{
	struct list l = {0};
	bool ok = true;
	while (ok && count--)
		ok = record_read(s, &l);
	s->out->record[section] = l.first;
	s->out->n_records[section] = l.n;
	return ok;
}

static bool questions_read(struct source *s, unsigned count)
{
	if (count > (s->message.len - s->at) / SMALLEST_QUESTION)
		return false;
	s->out->question = arena_alloc(s->arena, count * sizeof *s->out->question);
	if (!s->out->question)
		return false;
	while (s->out->n_questions < count) {
		if (!question_read(s, &s->out->question[s->out->n_questions]))
			return false;
		s->out->n_questions++;
	}
	return true;
}

/* Counts that such a length can hold at all, if loosely: a section that is cut off or wrong is an event, not another protocol. */
static bool counts_can_be(struct bytes m, size_t length)
{
	size_t records = 0;
	for (unsigned at = 4; at < DNS_HEADER; at += 2)
		records += load_be16(m.data + at);
	return records * 2 <= length;
}

bool dns_counts_can_be(struct bytes message)
{
	return message.len >= DNS_HEADER && counts_can_be(message, message.len);
}

bool dns_message_read(struct bytes bytes, struct arena *arena, struct dns_message *out)
{
	*out = (struct dns_message){0};
	if (!dns_counts_can_be(bytes))
		return false;
	struct source s = {.message = bytes, .at = DNS_HEADER, .arena = arena, .budget = DNS_DECODE_BUDGET, .out = out};
	out->id = load_be16(bytes.data);
	out->flags = load_be16(bytes.data + 2);
	if (out->flags & DNS_Z)
		out->events |= 1u << DNS_EVENT_Z_FLAG_SET;
	if (dns_opcode(out) > MAX_OPCODE)
		out->events |= 1u << DNS_EVENT_INVALID_OPCODE;
	if (!questions_read(&s, load_be16(bytes.data + 4)) || !section_read(&s, DNS_ANSWERS, load_be16(bytes.data + 6)))
		return false;
	if (!section_read(&s, DNS_AUTHORITIES, load_be16(bytes.data + 8)))
		out->events |= 1u << DNS_EVENT_INVALID_AUTHORITIES;
	else if (!section_read(&s, DNS_ADDITIONALS, load_be16(bytes.data + 10)))
		out->events |= 1u << DNS_EVENT_INVALID_ADDITIONALS;
	return true;
}

/* The first question, as far as it is there. */
static bool question_is_plausible(struct bytes m)
{
	size_t at = DNS_HEADER;
	for (unsigned labels = 0; at < m.len; labels++) {
		uint8_t n = m.data[at];
		if (n == 0 || (n & 0xc0) == 0xc0)
			return true;
		if (n & 0xc0 || labels > DNS_MAX_LABELS)
			return false;
		at += 1 + (size_t)n;
	}
	return true;
}

int dns_message_probe(struct bytes bytes, size_t length)
{
	if (bytes.len < DNS_HEADER || length < DNS_HEADER)
		return -1;
	unsigned questions = load_be16(bytes.data + 4);
	bool answer = load_be16(bytes.data + 2) & DNS_QR;
	if (!counts_can_be(bytes, length) || (questions == 0 && !answer))
		return -1;
	if (questions && !question_is_plausible(bytes_slice(bytes, 0, length)))
		return -1;
	return answer ? TO_CLIENT : TO_SERVER;
}
