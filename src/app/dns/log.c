// SPDX-License-Identifier: GPL-2.0-or-later
/* The `dns` object of EVE: version 3 as it is in alerts too, version 2 for those who still read it. */
#include "app/dns/dns.h"
#include "app/log.h"

#include <stdio.h>

static const char *type_text(uint16_t type, char spare[8])
{
	const char *name = dns_type_name(type);
	if (name)
		return name;
	snprintf(spare, 8, "%u", type);
	return spare;
}

static void log_name(struct json *j, const char *key, const char *truncated, const struct dns_name *name)
{
	json_bytes(j, key, name->text);
	if (name->flags & DNS_NAME_TOO_LONG)
		json_bool(j, truncated, true);
}

static void log_address(struct json *j, const char *key, struct bytes b)
{
	char text[48];
	if (b.len == 4) {
		snprintf(text, sizeof text, "%u.%u.%u.%u", b.data[0], b.data[1], b.data[2], b.data[3]);
		json_string(j, key, text);
	} else if (b.len == 16) {
		size_t n = 0;
		for (unsigned i = 0; i < 16; i += 2)
			n += (size_t)snprintf(text + n, sizeof text - n, "%s%04x", i ? ":" : "", load_be16(b.data + i));
		json_string(j, key, text);
	} else {
		json_bytes(j, key, b);
	}
}

static void log_soa(struct json *j, const char *key, const struct dns_record *r)
{
	json_open(j, key);
	log_name(j, "mname", "mname_truncated", &r->target);
	log_name(j, "rname", "rname_truncated", &r->mailbox);
	json_uint(j, "serial", r->number[0]);
	json_uint(j, "refresh", r->number[1]);
	json_uint(j, "retry", r->number[2]);
	json_uint(j, "expire", r->number[3]);
	json_uint(j, "minimum", r->number[4]);
	json_close(j);
}

static void log_srv(struct json *j, const char *key, const struct dns_record *r)
{
	json_open(j, key);
	json_uint(j, "priority", r->number[0]);
	json_uint(j, "weight", r->number[1]);
	json_uint(j, "port", r->number[2]);
	log_name(j, "name", "name_truncated", &r->target);
	json_close(j);
}

static void log_sshfp(struct json *j, const char *key, const struct dns_record *r)
{
	char text[3 * 64 + 1];
	size_t n = 0;
	for (size_t i = 0; i < r->data.len && i < 64; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "%s%02x", i ? ":" : "", r->data.data[i]);
	text[n] = 0;
	json_open(j, key);
	json_string(j, "fingerprint", text);
	json_uint(j, "algo", r->number[0]);
	json_uint(j, "type", r->number[1]);
	json_close(j);
}

static void log_options(struct json *j, struct bytes rdata)
{
	struct reader r = reader_over(rdata);
	json_open_array(j, "opt");
	while (reader_left(&r) >= 4) {
		unsigned code = reader_u16(&r);
		struct bytes data = reader_bytes(&r, reader_u16(&r));
		json_open(j, NULL);
		json_uint(j, "code", code);
		json_hex(j, "data", data);
		json_close(j);
	}
	json_close_array(j);
}

/* The value of a record: under its own key, or as an element of a group (key NULL). False: this type's value is not shown. */
static bool log_value(struct json *j, const struct dns_record *r, bool in_group)
{
	const char *key = in_group ? NULL : "rdata";
	if (!r->decoded)
		return false;
	switch (r->type) {
	case DNS_A:
	case DNS_AAAA:
		log_address(j, key, r->data);
		return true;
	case DNS_NULL:
	case DNS_TXT:
		json_bytes(j, key, r->data);
		return true;
	case DNS_CNAME:
	case DNS_NS:
	case DNS_PTR:
	case DNS_MX:
		log_name(j, key, "rdata_truncated", &r->target);
		return true;
	case DNS_SOA:
		log_soa(j, in_group ? NULL : "soa", r);
		return true;
	case DNS_SRV:
		log_srv(j, in_group ? NULL : "srv", r);
		return true;
	case DNS_SSHFP:
		log_sshfp(j, in_group ? NULL : "sshfp", r);
		return true;
	}
	return false;
}

static void log_record(struct json *j, const struct dns_record *r)
{
	char spare[8];
	json_open(j, NULL);
	log_name(j, "rrname", "rrname_truncated", &r->name);
	json_string(j, "rrtype", type_text(r->type, spare));
	json_uint(j, "ttl", r->ttl);
	if (r->type == DNS_OPT && r->decoded)
		log_options(j, r->data);
	else
		log_value(j, r, false);
	json_close(j);
}

static void log_section(struct json *j, const char *key, const struct dns_message *m, enum dns_section s)
{
	if (m->n_records[s] == 0)
		return;
	json_open_array(j, key);
	for (unsigned i = 0; i < m->n_records[s]; i++)
		log_record(j, &m->record[s][i]);
	json_close_array(j);
}

/* An OPT that carries no option says nothing. */
static void log_additionals(struct json *j, const struct dns_message *m)
{
	struct json_mark mark = json_mark(j);
	bool any = false;
	json_open_array(j, "additionals");
	for (unsigned i = 0; i < m->n_records[DNS_ADDITIONALS]; i++) {
		const struct dns_record *r = &m->record[DNS_ADDITIONALS][i];
		if (r->type == DNS_OPT && r->data.len == 0)
			continue;
		log_record(j, r);
		any = true;
	}
	json_close_array(j);
	if (!any)
		json_rewind(j, mark);
}

static void log_grouped(struct json *j, const struct dns_message *m)
{
	static const uint16_t types[] = {DNS_A, DNS_AAAA, DNS_CNAME, DNS_MX, DNS_NS, DNS_NULL, DNS_PTR, DNS_SOA, DNS_SRV, DNS_SSHFP, DNS_TXT};
	json_open(j, "grouped");
	for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
		bool any = false;
		for (unsigned i = 0; i < m->n_records[DNS_ANSWERS]; i++) {
			const struct dns_record *r = &m->record[DNS_ANSWERS][i];
			if (r->type != types[t] || !r->decoded)
				continue;
			if (!any)
				json_open_array(j, dns_type_name(types[t]));
			any = true;
			log_value(j, r, true);
		}
		if (any)
			json_close_array(j);
	}
	json_close(j);
}

static void log_answers(struct json *j, const struct dns_message *m, const struct app_log_options *o)
{
	if (m->n_records[DNS_ANSWERS]) {
		if (o->dns.detailed || o->in_alert)
			log_section(j, "answers", m, DNS_ANSWERS);
		if (o->dns.grouped || o->in_alert)
			log_grouped(j, m);
	}
	log_section(j, "authorities", m, DNS_AUTHORITIES);
	log_additionals(j, m);
}

static void log_flags(struct json *j, const struct dns_message *m)
{
	static const struct {
		uint16_t flag;
		const char *key;
	} flags[] = {{DNS_QR, "qr"}, {DNS_AA, "aa"}, {DNS_TC, "tc"}, {DNS_RD, "rd"}, {DNS_RA, "ra"}, {DNS_Z, "z"}};
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
		if (m->flags & flags[i].flag)
			json_bool(j, flags[i].key, true);
}

static void log_rcode(struct json *j, const struct dns_message *m)
{
	char text[8];
	const char *name = dns_rcode_name(m->flags & 15);
	snprintf(text, sizeof text, "%d", m->flags & 15);
	json_string(j, "rcode", name ? name : text);
}

static void log_hex_flags(struct json *j, const struct dns_message *m)
{
	char text[8];
	snprintf(text, sizeof text, "%x", m->flags);
	json_string(j, "flags", text);
}

static void log_questions(struct json *j, const struct dns_message *m)
{
	char spare[8];
	if (m->n_questions == 0)
		return;
	json_open_array(j, "queries");
	for (unsigned i = 0; i < m->n_questions; i++) {
		json_open(j, NULL);
		log_name(j, "rrname", "rrname_truncated", &m->question[i].name);
		json_string(j, "rrtype", type_text(m->question[i].type, spare));
		json_close(j);
	}
	json_close_array(j);
}

static void log_version_3(struct json *j, const struct dns_tx *t, const struct app_log_options *o)
{
	const struct dns_message *m = &t->message;
	json_open(j, "dns");
	json_uint(j, "version", 3);
	json_string(j, "type", t->direction == TO_SERVER ? "request" : "response");
	json_uint(j, "tx_id", t->tx.id);
	json_uint(j, "id", m->id);
	log_hex_flags(j, m);
	log_flags(j, m);
	json_uint(j, "opcode", dns_opcode(m));
	log_rcode(j, m);
	log_questions(j, m);
	log_answers(j, m, o);
	json_close(j);
}

static void log_version_2(struct json *j, const struct dns_tx *t, const struct app_log_options *o)
{
	const struct dns_message *m = &t->message;
	char spare[8];
	bool query = t->direction == TO_SERVER;
	json_open(j, "dns");
	json_uint(j, "version", 2);
	json_string(j, "type", query ? "query" : "answer");
	json_uint(j, "id", m->id);
	if (!query)
		log_hex_flags(j, m);
	if (!query)
		log_flags(j, m);
	else if (m->flags & DNS_Z)
		json_bool(j, "z", true);
	if (m->n_questions) {
		log_name(j, "rrname", "rrname_truncated", &m->question[0].name);
		json_string(j, "rrtype", type_text(m->question[0].type, spare));
	}
	if (query)
		json_uint(j, "tx_id", t->tx.id);
	json_uint(j, "opcode", dns_opcode(m));
	if (!query) {
		log_rcode(j, m);
		log_answers(j, m, o);
	}
	json_close(j);
}

/* Without a question there is no type, and nothing to say. */
static bool type_is_wanted(const struct dns_message *m, const struct app_log_names *types)
{
	for (unsigned i = 0; i < m->n_questions; i++) {
		const char *name = dns_type_name(m->question[i].type);
		if (types->n == 0)
			return true;
		for (unsigned k = 0; name && k < types->n; k++)
			if (bytes_equal_nocase(bytes_of_string(name), bytes_of_string(types->name[k])))
				return true;
	}
	return false;
}

bool dns_log_as_flow(const struct app_log_options *o)
{
	return o->dns.version == 2;
}

bool dns_log(struct json *j, struct app_flow *a, struct app_tx *tx, int direction, const struct app_log_options *o)
{
	const struct dns_tx *t = (const struct dns_tx *)tx;
	if (!t->complete || t->direction != direction)
		return false;
	if (!o->in_alert && (!(direction == TO_SERVER ? o->dns.requests : o->dns.responses) || !type_is_wanted(&t->message, &o->dns.types)))
		return false;
	if (o->dns.version == 2 && !o->in_alert)
		log_version_2(j, t, o);
	else
		log_version_3(j, t, o);
	return true;
}
