// SPDX-License-Identifier: GPL-2.0-or-later
/* The `ldap` object of EVE: each operation has a function that reads its parts as it writes them. */
#include "app/ldap/ldap.h"

/* The next element as text; credentials in hex. */
static bool log_text(struct json *j, const char *key, struct reader *r, uint8_t tag)
{
	struct bytes b;
	if (!ber_expect(r, tag, &b))
		return false;
	json_bytes(j, key, b);
	return true;
}

static void log_number(struct json *j, const char *key, struct reader *r, uint8_t tag)
{
	struct bytes b;
	int64_t v;
	if (ber_expect(r, tag, &b) && ber_number(b, &v))
		json_int(j, key, v);
}

static void log_bool(struct json *j, const char *key, struct reader *r, uint8_t tag)
{
	struct bytes b;
	if (ber_expect(r, tag, &b) && b.len == 1)
		json_bool(j, key, b.data[0]);
}

static void log_values(struct json *j, const char *key, struct reader *r, uint8_t tag)
{
	struct bytes content;
	json_open_array(j, key);
	if (ber_expect(r, tag, &content)) {
		struct reader list = reader_over(content);
		while (log_text(j, NULL, &list, BER_OCTETS))
			;
	}
	json_close_array(j);
}

static void log_bind_request(struct json *j, struct reader *r)
{
	struct ber auth;
	struct bytes b;
	log_number(j, "version", r, BER_INTEGER);
	log_text(j, "name", r, BER_OCTETS);
	if (!ber_read(r, &auth) || auth.tag != 0xa3) /* a simple password is not shown */
		return;
	struct reader sasl = reader_over(auth.value);
	json_open(j, "sasl");
	log_text(j, "mechanism", &sasl, BER_OCTETS);
	if (ber_expect(&sasl, BER_OCTETS, &b))
		json_hex(j, "credentials", b);
	json_close(j);
}

static void log_search_request(struct json *j, struct reader *r)
{
	struct ber filter;
	struct bytes content;
	log_text(j, "base_object", r, BER_OCTETS);
	log_number(j, "scope", r, BER_ENUM);
	log_number(j, "deref_alias", r, BER_ENUM);
	log_number(j, "size_limit", r, BER_INTEGER);
	log_number(j, "time_limit", r, BER_INTEGER);
	log_bool(j, "types_only", r, BER_BOOLEAN);
	if (!ber_read(r, &filter))
		return;
	if (filter.tag == 0x87) {
		json_open(j, "filter");
		json_string(j, "type", "present");
		json_bytes(j, "value", filter.value);
		json_close(j);
	}
	struct reader rest = *r;
	if (ber_expect(&rest, BER_SEQUENCE, &content) && content.len)
		log_values(j, "attributes", r, BER_SEQUENCE);
}

/* A list of names with sets of values. */
static void log_attributes(struct json *j, struct reader *r, const char *name)
{
	struct bytes content;
	if (!ber_expect(r, BER_SEQUENCE, &content) || content.len == 0)
		return;
	struct reader list = reader_over(content);
	json_open_array(j, "attributes");
	while (ber_expect(&list, BER_SEQUENCE, &content)) {
		struct reader one = reader_over(content);
		json_open(j, NULL);
		log_text(j, name, &one, BER_OCTETS);
		log_values(j, "values", &one, BER_SET);
		json_close(j);
	}
	json_close_array(j);
}

static void log_search_entry(struct json *j, struct reader *r)
{
	log_text(j, "base_object", r, BER_OCTETS);
	log_attributes(j, r, "type");
}

static void log_add_request(struct json *j, struct reader *r)
{
	log_text(j, "entry", r, BER_OCTETS);
	log_attributes(j, r, "name");
}

static void log_change(struct json *j, struct reader *r)
{
	static const char *const kinds[] = {"add", "delete", "replace", "increment", NULL}; /* RFC 4511 4.6, RFC 4525 */
	struct bytes b;
	int64_t v = -1;
	json_open(j, NULL);
	if (ber_expect(r, BER_ENUM, &b))
		ber_number(b, &v);
	const char *kind = ldap_name(kinds, v);
	json_string(j, "operation", kind ? kind : "unknown");
	if (ber_expect(r, BER_SEQUENCE, &b)) {
		struct reader one = reader_over(b);
		json_open(j, "modification");
		log_text(j, "attribute_type", &one, BER_OCTETS);
		log_values(j, "attribute_values", &one, BER_SET);
		json_close(j);
	}
	json_close(j);
}

static void log_modify_request(struct json *j, struct reader *r)
{
	struct bytes content, change;
	log_text(j, "object", r, BER_OCTETS);
	if (!ber_expect(r, BER_SEQUENCE, &content))
		return;
	struct reader list = reader_over(content);
	json_open_array(j, "changes");
	while (ber_expect(&list, BER_SEQUENCE, &change)) {
		struct reader one = reader_over(change);
		log_change(j, &one);
	}
	json_close_array(j);
}

static void log_mod_dn_request(struct json *j, struct reader *r)
{
	log_text(j, "entry", r, BER_OCTETS);
	log_text(j, "new_rdn", r, BER_OCTETS);
	log_bool(j, "delete_old_rdn", r, BER_BOOLEAN);
	log_text(j, "new_superior", r, 0x80);
}

static void log_compare_request(struct json *j, struct reader *r)
{
	struct bytes b;
	log_text(j, "entry", r, BER_OCTETS);
	if (!ber_expect(r, BER_SEQUENCE, &b))
		return;
	struct reader one = reader_over(b);
	json_open(j, "attribute_value_assertion");
	log_text(j, "description", &one, BER_OCTETS);
	log_text(j, "value", &one, BER_OCTETS);
	json_close(j);
}

/* Name and value with tags of their own: RFC 4511 4.12, 4.13. */
static void log_named_value(struct json *j, struct reader *r)
{
	struct ber e;
	while (ber_read(r, &e))
		if (e.tag == 0x80 || e.tag == 0x81)
			json_bytes(j, e.tag == 0x80 ? "name" : "value", e.value);
}

static void log_result(struct json *j, const struct ldap_message *m)
{
	struct ldap_result result;
	if (!ldap_result_read(m, &result))
		return;
	const char *name = ldap_name(ldap_result_names, result.code);
	json_string(j, "result_code", name ? name : "unknown");
	json_bytes(j, "matched_dn", result.matched);
	json_bytes(j, "message", result.message);
	if (result.credentials.data && m->op == LDAP_BIND_RESPONSE)
		json_hex(j, "server_sasl_creds", result.credentials);
	if (result.name.data && m->op == LDAP_EXTENDED_RESPONSE)
		json_bytes(j, "name", result.name);
	if (result.value.data && m->op == LDAP_EXTENDED_RESPONSE)
		json_bytes(j, "value", result.value);
}

static void log_operation(struct json *j, const struct ldap_message *m)
{
	struct reader r = reader_over(m->body);
	int64_t id;
	const char *name = ldap_name(ldap_operation_names, m->op);
	if (!name || m->op == LDAP_UNBIND_REQUEST || m->op == LDAP_SEARCH_REFERENCE)
		return;
	json_open(j, name);
	switch (m->op) {
	case LDAP_BIND_REQUEST: log_bind_request(j, &r); break;
	case LDAP_SEARCH_REQUEST: log_search_request(j, &r); break;
	case LDAP_SEARCH_ENTRY: log_search_entry(j, &r); break;
	case LDAP_MODIFY_REQUEST: log_modify_request(j, &r); break;
	case LDAP_ADD_REQUEST: log_add_request(j, &r); break;
	case LDAP_DEL_REQUEST: json_bytes(j, "dn", m->body); break;
	case LDAP_MOD_DN_REQUEST: log_mod_dn_request(j, &r); break;
	case LDAP_COMPARE_REQUEST: log_compare_request(j, &r); break;
	case LDAP_EXTENDED_REQUEST:
	case LDAP_INTERMEDIATE: log_named_value(j, &r); break;
	case LDAP_ABANDON_REQUEST:
		if (ber_number(m->body, &id))
			json_int(j, "message_id", id);
		break;
	default: log_result(j, m);
	}
	json_close(j);
}

static void log_controls(struct json *j, const struct ldap_message *m)
{
	struct bytes content, b;
	struct ber e;
	if (!m->controls.data)
		return;
	struct reader list = reader_over(m->controls);
	json_open_array(j, "controls");
	while (ber_expect(&list, BER_SEQUENCE, &content)) {
		struct reader one = reader_over(content);
		bool critical = false;
		b = (struct bytes){0};
		json_open(j, NULL);
		log_text(j, "control_type", &one, BER_OCTETS);
		while (ber_read(&one, &e)) {
			if (e.tag == BER_BOOLEAN)
				critical = e.value.len && e.value.data[0];
			else if (e.tag == BER_OCTETS)
				b = e.value;
		}
		json_bool(j, "criticality", critical);
		if (b.data)
			json_hex(j, "control_value", b);
		json_close(j);
	}
	json_close_array(j);
}

static void log_message(struct json *j, const struct ldap_message *m)
{
	log_operation(j, m);
	log_controls(j, m);
}

bool ldap_log(struct json *j, struct app_flow *a, struct app_tx *tx, int direction, const struct app_log_options *o)
{
	const struct ldap_tx *t = (const struct ldap_tx *)tx;
	json_open(j, "ldap");
	if (t->has_request) {
		json_open(j, "request");
		json_uint(j, "message_id", t->request.id);
		json_string(j, "operation", ldap_name(ldap_operation_names, t->request.op));
		log_message(j, &t->request);
		json_close(j);
	}
	if (t->first) {
		json_open_array(j, "responses");
		for (const struct ldap_message *m = t->first; m; m = m->next) {
			json_open(j, NULL);
			json_string(j, "operation", ldap_name(ldap_operation_names, m->op));
			if (!t->has_request)
				json_uint(j, "message_id", m->id);
			log_message(j, m);
			json_close(j);
		}
		json_close_array(j);
	}
	json_close(j);
	return true;
}
