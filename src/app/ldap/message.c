// SPDX-License-Identifier: GPL-2.0-or-later
/* Parts of messages (RFC 4511 4). */
#include "app/ldap/ldap.h"

enum { CLASS = 0xc0, APPLICATION = 0x40, CONTROLS = 0xa0, NUMBER = 0x1f };

const char *const ldap_operation_names[] = {
	"bind_request", "bind_response", "unbind_request", "search_request", "search_result_entry", "search_result_done", "modify_request",
	"modify_response", "add_request", "add_response", "del_request", "del_response", "mod_dn_request", "mod_dn_response",
	"compare_request", "compare_response", "abandon_request", "", "", "search_result_reference", "", "", "", "extended_request",
	"extended_response", "intermediate_response", NULL,
};

/* RFC 4511 4.1.9 */
const char *const ldap_result_names[] = {
	"success", "operations_error", "protocol_error", "time_limit_exceeded", "size_limit_exceeded", "compare_false", "compare_true",
	"auth_method_not_supported", "stronger_auth_required", "", "referral", "admin_limit_exceeded", "unavailable_critical_extension",
	"confidentiality_required", "sasl_bind_in_progress", "", "no_such_attribute", "undefined_attribute_type", "inappropriate_matching",
	"constraint_violation", "attribute_or_value_exists", "invalid_attribute_syntax", "", "", "", "", "", "", "", "", "", "",
	"no_such_object", "alias_problem", "invalid_dns_syntax", "", "alias_dereferencing_problem", "", "", "", "", "", "", "", "", "", "", "",
	"inappropriate_authentication", "invalid_credentials", "insufficient_access_rights", "busy", "unavailable", "unwilling_to_perform",
	"loop_detect", "", "", "", "", "", "", "", "", "", "naming_violation", "object_class_violation", "not_allowed_on_non_leaf",
	"not_allowed_on_rdn", "entry_already_exists", "object_class_mods_prohibited", "", "affects_multiple_dsas", "", "", "", "", "", "", "",
	"", "other", NULL,
};

const char *ldap_name(const char *const *names, int64_t value)
{
	for (int64_t i = 0; value >= 0 && names[i]; i++)
		if (i == value)
			return *names[i] ? names[i] : NULL;
	return NULL;
}

bool ldap_message_read(struct bytes bytes, struct ldap_message *out)
{
	struct reader outer = reader_over(bytes);
	struct bytes content, number;
	struct ber op, controls;
	int64_t id;
	*out = (struct ldap_message){0};
	if (!ber_expect(&outer, BER_SEQUENCE, &content))
		return false;
	struct reader r = reader_over(content);
	if (!ber_expect(&r, BER_INTEGER, &number) || !ber_number(number, &id) || id < 0 || id > INT32_MAX)
		return false;
	if (!ber_read(&r, &op) || (op.tag & CLASS) != APPLICATION || !ldap_name(ldap_operation_names, op.tag & NUMBER))
		return false;
	if (ber_read(&r, &controls) && controls.tag == CONTROLS)
		out->controls = controls.value;
	out->id = (uint32_t)id;
	out->op = op.tag & NUMBER;
	out->body = op.value;
	return true;
}

static bool has_result(uint8_t op)
{
	switch (op) {
	case LDAP_BIND_RESPONSE:
	case LDAP_SEARCH_DONE:
	case LDAP_MODIFY_RESPONSE:
	case LDAP_ADD_RESPONSE:
	case LDAP_DEL_RESPONSE:
	case LDAP_MOD_DN_RESPONSE:
	case LDAP_COMPARE_RESPONSE:
	case LDAP_EXTENDED_RESPONSE:
		return true;
	default:
		return false;
	}
}

bool ldap_result_read(const struct ldap_message *m, struct ldap_result *out)
{
	struct reader r = reader_over(m->body);
	struct bytes code;
	struct ber more;
	*out = (struct ldap_result){0};
	if (!has_result(m->op) || !ber_expect(&r, BER_ENUM, &code) || !ber_number(code, &out->code) || !ber_expect(&r, BER_OCTETS, &out->matched) ||
	    !ber_expect(&r, BER_OCTETS, &out->message))
		return false;
	while (ber_read(&r, &more))
		switch (more.tag) {
		case 0x87: out->credentials = more.value; break;
		case 0x8a: out->name = more.value; break;
		case 0x8b: out->value = more.value; break;
		}
	return true;
}

struct bytes ldap_dn(const struct ldap_message *m)
{
	struct reader r = reader_over(m->body);
	struct ldap_result result;
	struct ber version;
	struct bytes name = {0};
	switch (m->op) {
	case LDAP_DEL_REQUEST:
		return m->body;
	case LDAP_BIND_REQUEST:
		if (!ber_read(&r, &version))
			return name;
		break;
	case LDAP_SEARCH_REQUEST:
	case LDAP_SEARCH_ENTRY:
	case LDAP_MODIFY_REQUEST:
	case LDAP_ADD_REQUEST:
	case LDAP_MOD_DN_REQUEST:
	case LDAP_COMPARE_REQUEST:
		break;
	default:
		return ldap_result_read(m, &result) ? result.matched : name;
	}
	ber_expect(&r, BER_OCTETS, &name);
	return name;
}

bool ldap_attributes(const struct ldap_message *m, struct reader *list)
{
	struct reader r = reader_over(m->body);
	struct ber e;
	struct bytes content;
	/* elements before the list: a name; of a search seven, the filter being the last */
	int before = m->op == LDAP_SEARCH_REQUEST ? 7 : 1;
	if (m->op != LDAP_SEARCH_REQUEST && m->op != LDAP_SEARCH_ENTRY && m->op != LDAP_MODIFY_REQUEST && m->op != LDAP_ADD_REQUEST &&
	    m->op != LDAP_COMPARE_REQUEST)
		return false;
	while (before--)
		if (!ber_read(&r, &e))
			return false;
	if (!ber_expect(&r, BER_SEQUENCE, &content))
		return false;
	*list = reader_over(content);
	return true;
}

bool ldap_attribute_next(const struct ldap_message *m, struct reader *list, struct bytes *name)
{
	struct bytes content, operation;
	if (m->op == LDAP_SEARCH_REQUEST)
		return ber_expect(list, BER_OCTETS, name);
	if (m->op == LDAP_COMPARE_REQUEST) {
		bool there = ber_expect(list, BER_OCTETS, name);
		*list = reader_over((struct bytes){0}); /* the value follows */
		return there;
	}
	if (!ber_expect(list, BER_SEQUENCE, &content))
		return false;
	struct reader r = reader_over(content);
	if (m->op == LDAP_MODIFY_REQUEST) {
		if (!ber_expect(&r, BER_ENUM, &operation) || !ber_expect(&r, BER_SEQUENCE, &content))
			return false;
		r = reader_over(content);
	}
	return ber_expect(&r, BER_OCTETS, name);
}
