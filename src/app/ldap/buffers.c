// SPDX-License-Identifier: GPL-2.0-or-later
/* What rules see of a transaction. */
#include "app/ldap/ldap.h"

/* What a message gives to a walk. False: nothing; a message with attributes is gone through by walk_step. */
static bool item_of(const struct ldap_message *m, enum ldap_walk_kind kind, struct ldap_item *out)
{
	struct ldap_result result;
	switch (kind) {
	case LDAP_WALK_OPERATION:
		out->number = m->op;
		return true;
	case LDAP_WALK_DN:
		out->text = ldap_dn(m);
		return out->text.data != NULL;
	default:
		if (!ldap_result_read(m, &result))
			return false;
		out->text = result.message;
		out->number = (uint64_t)result.code;
		return true;
	}
}

/* On to the next instance. */
static bool walk_step(struct ldap_walk *w, enum ldap_walk_kind kind, const struct ldap_message *first)
{
	for (;;) {
		if (w->inside) {
			w->inside = ldap_attribute_next(w->message, &w->list, &w->item.text);
			if (w->inside)
				return true;
		}
		w->message = w->begun ? w->message ? w->message->next : NULL : first;
		w->begun = true;
		if (!w->message)
			return false;
		if (kind == LDAP_WALK_ATTRIBUTE)
			w->inside = ldap_attributes(w->message, &w->list);
		else if (item_of(w->message, kind, &w->item))
			return true;
	}
}

static const struct ldap_item *item_at(struct app_tx *tx, int direction, enum ldap_walk_kind kind, unsigned index)
{
	struct ldap_tx *t = (struct ldap_tx *)tx;
	const struct ldap_message *first = direction == TO_CLIENT ? t->first : t->has_request ? &t->request : NULL;
	struct ldap_walk *w = &t->walk[direction][kind];
	if (index + 1 < w->n || !w->message)
		*w = (struct ldap_walk){0};
	for (; w->n <= index; w->n++)
		if (!walk_step(w, kind, first)) {
			*w = (struct ldap_walk){0}; /* there may be more the next time */
			return NULL;
		}
	return &w->item;
}

#define GETTER(name, kind)                                                                                                    \
	static bool name(struct app_flow *a, struct app_tx *tx, int direction, unsigned index, struct app_view *out)           \
	{                                                                                                                      \
		const struct ldap_item *i = item_at(tx, direction, kind, index);                                               \
		if (i)                                                                                                         \
			*out = (struct app_view){.data = i->text, .start = true, .end = true};                                 \
		return i != NULL;                                                                                              \
	}
#define NUMBER(name, kind)                                                                                                    \
	static bool name(struct app_flow *a, struct app_tx *tx, int direction, unsigned index, uint64_t *out)                  \
	{                                                                                                                      \
		const struct ldap_item *i = item_at(tx, direction, kind, index);                                               \
		if (i)                                                                                                         \
			*out = i->number;                                                                                      \
		return i != NULL;                                                                                              \
	}

GETTER(dn, LDAP_WALK_DN)
GETTER(message, LDAP_WALK_MESSAGE)
GETTER(attribute, LDAP_WALK_ATTRIBUTE)
NUMBER(operation, LDAP_WALK_OPERATION)
NUMBER(code, LDAP_WALK_CODE)

static bool count(struct app_flow *a, struct app_tx *tx, int direction, unsigned index, uint64_t *out)
{
	*out = ((const struct ldap_tx *)tx)->n_responses;
	return index == 0;
}

#define REQUEST 1
#define RESPONSES 2
#define TEXTS(key, dirs, getter, text) {.name = key, .kind = APP_MULTI_BUFFER, .directions = dirs, .buffer = getter, .help = text}
#define INTEGER(key, dirs, getter, width, words, text) \
	{.name = key, .kind = APP_INTEGER, .directions = dirs, .number = getter, .bits = width, .names = words, .help = text}

/* Each response is looked at when it comes; their number is certain with the last. */
const struct app_keyword ldap_keywords[] = {
	INTEGER("ldap.request.operation", REQUEST, operation, 8, ldap_operation_names, "operation of the request"),
	INTEGER("ldap.responses.operation", RESPONSES, operation, 8, ldap_operation_names, "operations of the responses"),
	INTEGER("ldap.responses.result_code", RESPONSES, code, 32, ldap_result_names, "outcomes"),
	{.name = "ldap.responses.count", .kind = APP_INTEGER, .directions = RESPONSES, .state = {1, 1}, .number = count, .bits = 32,
	 .help = "number of responses"},
	{.name = "ldap.request.dn", .kind = APP_BUFFER, .directions = REQUEST, .buffer = dn, .help = "entry that the request is about"},
	TEXTS("ldap.responses.dn", RESPONSES, dn, "entries that the responses are about"),
	TEXTS("ldap.responses.message", RESPONSES, message, "messages for people in the responses"),
	TEXTS("ldap.request.attribute_type", REQUEST, attribute, "names of attributes in the request"),
	TEXTS("ldap.responses.attribute_type", RESPONSES, attribute, "names of attributes in the responses"),
};
_Static_assert(sizeof ldap_keywords / sizeof *ldap_keywords == N_LDAP_KEYWORDS, "the descriptor's count");
