// SPDX-License-Identifier: GPL-2.0-or-later
/* Keywords of application protocols: their buffers, numbers and flags by the descriptors; events; older names. */
#include "detect/keywords.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Older names of buffers. Sticky: contents follow. Modifier: it changes the content before it. */
static const struct { const char *name, *buffer; } older[] = {
	{"http_uri", "http.uri"}, {"http_raw_uri", "http.uri.raw"}, {"http_method", "http.method"}, {"http_header", "http.header"},
	{"http_raw_header", "http.header.raw"}, {"http_cookie", "http.cookie"}, {"http_client_body", "http.request_body"},
	{"http_server_body", "file.data"}, {"http_user_agent", "http.user_agent"}, {"http_host", "http.host"},
	{"http_raw_host", "http.host.raw"}, {"http_stat_code", "http.stat_code"}, {"http_stat_msg", "http.stat_msg"},
	/* sticky */
	{"file_data", "file.data"}, {"dns_query", "dns.query"}, {"tls_sni", "tls.sni"}, {"tls_cert_subject", "tls.cert_subject"},
	{"tls_cert_issuer", "tls.cert_issuer"}, {"tls_cert_serial", "tls.cert_serial"}, {"tls_cert_fingerprint", "tls.cert_fingerprint"},
	{"ja3_hash", "ja3.hash"}, {"ja3_string", "ja3.string"}, {"http_request_line", "http.request_line"}, {"http_response_line", "http.response_line"},
	{"http_protocol", "http.protocol"}, {"http_start", "http.start"}, {"http_header_names", "http.header_names"}, {"http_accept", "http.accept"},
	{"http_accept_lang", "http.accept_lang"}, {"http_accept_enc", "http.accept_enc"}, {"http_connection", "http.connection"},
	{"http_content_len", "http.content_len"}, {"http_content_type", "http.content_type"}, {"http_referer", "http.referer"}, {"http_referrer", "http.referer"},
};

static const char *newer_name(const char *name)
{
	for (size_t i = 0; i < sizeof older / sizeof older[0]; i++)
		if (strcmp(older[i].name, name) == 0)
			return older[i].buffer;
	return name;
}

static int buffer_find(const char *name, unsigned *out, struct error *error)
{
	unsigned id = app_buffer_id(name);
	if (!id)
		return error_set(error, ENOTSUP, "%s is not evaluated: its protocol is not parsed", name);
	*out = BUFFER_APP + id;
	return 0;
}

static int sticky(struct builder *b, const char *name, struct error *error)
{
	unsigned buffer = 0;
	int rc = builder_used(b, error);
	if (rc == 0)
		rc = buffer_find(name, &buffer, error);
	if (rc)
		return rc;
	builder_choose(b, buffer);
	b->last = NULL;
	return 0;
}

SETUP(legacy_buffer)
{
	return sticky(b, newer_name(o->name), error);
}

/* Takes the last step of a program out of it. */
static void step_move(struct program *from, struct program *to, struct program_step *st)
{
	struct program_step **at = &from->first;
	from->last = NULL;
	while (*at != st) {
		from->last = *at;
		at = &(*at)->next;
	}
	*at = st->next;
	for (struct program_step *i = st->next; i; i = i->next)
		from->last = i;
	from->n_steps--;
	st->next = NULL;
	if (to->last)
		to->last->next = st;
	else
		to->first = st;
	to->last = st;
	to->n_steps++;
}

SETUP(legacy_modifier)
{
	unsigned buffer = 0;
	if (b->sticky)
		return error_set(error, EINVAL, "%s changes a content of no sticky buffer: one is chosen already", o->name);
	if (!b->last || b->last->kind != STEP_CONTENT || !b->last_in || b->last_in->buffer != BUFFER_PAYLOAD)
		return error_set(error, EINVAL, "%s changes the content before it: there is none", o->name);
	if (b->last->flags & STEP_RAWBYTES)
		return error_set(error, EINVAL, "%s does not go with rawbytes", o->name);
	int rc = buffer_find(newer_name(o->name), &buffer, error);
	if (rc)
		return rc;
	struct inspection *in = builder_inspection(b, buffer, NULL);
	if (!in->program)
		in->program = program_new(b->ctx->arena);
	step_move(b->last_in->program, in->program, b->last);
	b->last_in = in;
	return 0;
}

SETUP(pkt_data)
{
	int rc = builder_used(b, error);
	builder_choose(b, BUFFER_PAYLOAD);
	b->sticky = false;
	b->last = NULL;
	return rc;
}

/* A protocol's own keyword */

struct app_number {
	struct number_test test;
	bool all, at; /* of many numbers: all of them; the one at `index`, from the end if that is negative */
	int index;
};

static bool number_at_holds(const struct app_number *want, const struct app_keyword *k, struct app_flow *a, struct app_tx *tx, int direction)
{
	uint64_t v;
	int index = want->index;
	unsigned n = 0;
	while (index < 0 && n < 4096 && k->number(a, tx, direction, n, &v))
		n++;
	index += (int)n;
	return index >= 0 && k->number(a, tx, direction, (unsigned)index, &v) && number_test(&want->test, v);
}

static bool app_number_holds(struct detect_scratch *s, const struct app_test *t, struct app_flow *a, struct app_tx *tx, int direction, bool *pending)
{
	const struct app_keyword *k = app_keyword_find(a->proto, t->app_keyword);
	const struct app_number *want = t->data;
	uint64_t v;
	if (!k || !k->number || !(k->directions & (1 << direction)))
		return false;
	/* as with buffers: that there are no more, or none, is certain when the state has passed */
	bool open = tx->state[direction] <= k->state[direction] && !app_tx_complete(a, tx, direction);
	*pending = open;
	if (want->at)
		return !(open && want->index < 0) && number_at_holds(want, k, a, tx, direction);
	for (unsigned i = 0; k->number(a, tx, direction, i, &v); i++) {
		if (number_test(&want->test, v) != want->all)
			return !want->all;
		if (want->all && i >= 4096)
			break;
	}
	return want->all && !open && k->number(a, tx, direction, 0, &v);
}

static bool app_flag_holds(struct detect_scratch *s, const struct app_test *t, struct app_flow *a, struct app_tx *tx, int direction, bool *pending)
{
	const struct app_keyword *k = app_keyword_find(a->proto, t->app_keyword);
	uint64_t v = 0;
	bool is = k && k->number && k->number(a, tx, direction, 0, &v) && v;
	if (!is && k)
		*pending = tx->state[direction] < k->state[direction];
	return is;
}

static int app_number_setup(struct builder *b, const struct rule_option *o, const struct app_keyword *row, uint8_t directions, struct error *error)
{
	struct app_number *n = builder_alloc(b, sizeof *n);
	char *f[2];
	if (!o->value || !*o->value)
		return error_set(error, EINVAL, "%s needs a value", o->name);
	unsigned fields = builder_fields(b, o->value, ',', f, 2);
	if (fields == 2 && strcmp(f[1], "all") != 0 && strcmp(f[1], "any") != 0) {
		char *end;
		long index = strtol(f[1], &end, 10);
		if (end == f[1] || *end || index < -4096 || index > 4096)
			return error_set(error, ENOTSUP, "“%s”: of many numbers, any, all or one by its index is looked at", f[1]);
		n->at = true;
		n->index = (int)index;
	}
	n->all = fields == 2 && strcmp(f[1], "all") == 0;
	int rc = number_parse(f[0], row->bits ? row->bits : 64, row->names, &n->test, error);
	if (rc)
		return rc;
	struct app_test *t = builder_app_test(b, directions, app_number_holds);
	t->app_keyword = row->name;
	t->data = n;
	return 0;
}

SETUP(app_keyword)
{
	const struct app_keyword *row = NULL;
	uint8_t directions = keyword_directions(b->sig, o->name, &row);
	if (!row) {
		bool unbuilt = b->sig->n_app && b->sig->app[0]->recognise_only;
		return error_set(error, unbuilt ? ENOTSUP : EINVAL, "%s is not there in %s", o->name, b->rule->protocol);
	}
	if (row->kind == APP_INTEGER)
		return app_number_setup(b, o, row, directions, error);
	uint8_t side = !o->value || !*o->value ? 0 : strcmp(o->value, "to_server") == 0 ? 1 : strcmp(o->value, "to_client") == 0 ? 2 : 4;
	if (side == 4 || (side && !(b->sig->flags & SIG_TO_EITHER)))
		return error_set(error, EINVAL, "%s takes no value but to_server or to_client, in rules with =>", o->name);
	if (side && !(directions & side))
		return error_set(error, EINVAL, "%s is not there in that direction", o->name);
	if (row->kind == APP_FLAGS) {
		builder_app_test(b, side ? side : directions, app_flag_holds)->app_keyword = row->name;
		return 0;
	}
	int rc = sticky(b, o->name, error);
	b->side = side;
	return rc;
}

/* app-layer-protocol:[!]name[,to_server|to_client|either|both|final|original] */

enum protocol_mode { PROTOCOL_DEFAULT, PROTOCOL_FINAL, PROTOCOL_ORIGINAL, PROTOCOL_TO_SERVER, PROTOCOL_TO_CLIENT, PROTOCOL_EITHER, PROTOCOL_BOTH, PROTOCOL_MODE_N_ };
enum protocol_what { PROTOCOL_FAILED = 1, PROTOCOL_UNKNOWN = 2, PROTOCOL_NEGATED = 4 };

struct protocol_test {
	const struct app_proto *any[4];
	uint8_t n, what, mode;
};

static bool protocol_is(const struct protocol_test *x, const struct app_proto *p)
{
	for (unsigned i = 0; i < x->n; i++)
		if (x->any[i] == p)
			return true;
	return false;
}

/* 1 yes, 0 no, -1 not known yet. */
static int protocol_state(const struct protocol_test *x, const struct app_flow *a, int direction)
{
	const struct app_proto *p = a->found[direction] ? a->found[direction] : a->recognised[direction] ? a->proto : NULL;
	if (x->what & PROTOCOL_FAILED)
		return a->failed ? 1 : a->recognised[direction] ? 0 : -1;
	if (!p && !a->recognised[direction])
		return x->what & PROTOCOL_UNKNOWN ? 1 : -1;
	return x->what & PROTOCOL_UNKNOWN ? 0 : protocol_is(x, p);
}

static bool protocol_holds(struct detect_scratch *s, const struct packet_test *t)
{
	const struct protocol_test *x = t->data;
	const struct app_flow *a = s->flow ? s->flow->app : NULL;
	if (!a)
		return (x->what & PROTOCOL_UNKNOWN) && s->flow && !(x->what & PROTOCOL_NEGATED);
	int is, here = s->packet ? packet_direction(s->packet) : s->direction;
	switch ((enum protocol_mode)x->mode) {
	case PROTOCOL_FINAL: is = x->what & PROTOCOL_FAILED ? a->failed : a->proto ? protocol_is(x, a->proto) : -1; break;
	case PROTOCOL_ORIGINAL: is = a->original ? protocol_is(x, a->original) : a->proto ? protocol_is(x, a->proto) : -1; break;
	case PROTOCOL_TO_SERVER: is = protocol_state(x, a, TO_SERVER); break;
	case PROTOCOL_TO_CLIENT: is = protocol_state(x, a, TO_CLIENT); break;
	case PROTOCOL_EITHER: is = protocol_state(x, a, TO_SERVER) == 1 || protocol_state(x, a, TO_CLIENT) == 1; break;
	case PROTOCOL_BOTH: is = protocol_state(x, a, TO_SERVER) == 1 && protocol_state(x, a, TO_CLIENT) == 1; break;
	default:
		is = protocol_state(x, a, here);
		if (is != 1 && a->proto)
			is = protocol_is(x, a->proto);
	}
	return is >= 0 && (is == 1) != !!(x->what & PROTOCOL_NEGATED);
}

SETUP(app_layer_protocol)
{
	static const char *const modes[] = {"", "final", "original", "to_server", "to_client", "either", "both"};
	struct protocol_test *x = builder_alloc(b, sizeof *x);
	char *f[2];
	unsigned n = builder_fields(b, o->value, ',', f, 2);
	const char *name = f[0];
	if (*name == '!') {
		x->what |= PROTOCOL_NEGATED;
		name++;
	}
	if (n == 2) {
		for (x->mode = 1; x->mode < PROTOCOL_MODE_N_ && strcmp(modes[x->mode], f[1]) != 0; x->mode++)
			;
		if (x->mode == PROTOCOL_MODE_N_)
			return error_set(error, EINVAL, "“%s”: app-layer-protocol knows final, original, to_server, to_client, either, both", f[1]);
	}
	if (b->sig->n_app && !(x->what & PROTOCOL_NEGATED))
		return error_set(error, EINVAL, "the rule's header has chosen a protocol already");
	if (b->sig->n_app)
		return error_set(error, EINVAL, "the rule's header says which protocol it is");
	if (strcmp(name, "failed") == 0)
		x->what |= PROTOCOL_FAILED;
	else if (strcmp(name, "unknown") == 0)
		x->what |= PROTOCOL_UNKNOWN;
	else if ((x->n = (uint8_t)rule_protocols(name, x->any)) == 0)
		return error_set(error, protocol_known_elsewhere(name) ? ENOTSUP : EINVAL, "the protocol %s is not recognised", name);
	builder_test(b, protocol_holds)->data = x;
	b->sig->flags |= SIG_TESTS_APP_PROTOCOL;
	return 0;
}

/* app-layer-event:http.unable_to_match…, or of any protocol: applayer_… */

static bool tx_event_holds(struct detect_scratch *s, const struct app_test *t, struct app_flow *a, struct app_tx *tx, int direction, bool *pending)
{
	if (a->proto != t->data)
		return false;
	for (unsigned i = 0; i < tx->n_events && i < APP_MAX_TX_EVENTS; i++)
		if (tx->event[i] == t->a)
			return true;
	*pending = !app_tx_complete(a, tx, direction);
	return false;
}

/* Events of a flow are seen once: by the packet after which they came up. */
static bool flow_event_holds(struct detect_scratch *s, const struct packet_test *t)
{
	const struct app_flow *a = s->flow ? s->flow->app : NULL;
	for (unsigned i = a ? a->events_seen : 0; a && i < a->n_events && i < sizeof a->event; i++)
		if (a->event[i] == t->a)
			return true;
	return false;
}

static int flow_event_setup(struct builder *b, const char *name, struct error *error)
{
	for (unsigned i = 0; i < APP_FLOW_EVENT_N_; i++)
		if (strcmp(app_flow_event_names[i], name) == 0) {
			builder_test(b, flow_event_holds)->a = i;
			b->sig->flags |= SIG_CHECKS_APP_EVENT;
			return 0;
		}
	return error_set(error, EINVAL, "there is no event “%s” of application protocols", name);
}

static int tx_event_setup(struct builder *b, const struct app_proto *p, const char *name, struct error *error)
{
	for (unsigned i = 0; p->events && p->events[i]; i++)
		if (strcmp(p->events[i], name) == 0) {
			int rc = builder_bind(b, p->name, error);
			if (rc)
				return rc;
			struct app_test *t = builder_app_test(b, 3, tx_event_holds);
			t->a = i;
			t->data = (void *)(uintptr_t)p;
			b->sig->flags |= SIG_CHECKS_APP_EVENT;
			return 0;
		}
	/* Lists of events differ by version: a rule about one that is not there is left out, not wrong. */
	return error_set(error, ENOTSUP, p->recognise_only ? "%s is not parsed" : "%s has no event “%s”", p->name, name);
}

SETUP(app_layer_event)
{
	char proto[64];
	const char *dot = strchr(o->value, '.');
	if (strncmp(o->value, "applayer_", 9) == 0)
		return flow_event_setup(b, o->value, error);
	if (!dot || (size_t)(dot - o->value) >= sizeof proto)
		return error_set(error, EINVAL, "an event is written PROTOCOL.EVENT");
	snprintf(proto, sizeof proto, "%.*s", (int)(dot - o->value), o->value);
	if (strcmp(dot + 1, "") == 0)
		return error_set(error, EINVAL, "an event is written PROTOCOL.EVENT");
	const struct app_proto *p[4];
	unsigned n = rule_protocols(proto, p);
	if (n == 0)
		return error_set(error, protocol_known_elsewhere(proto) ? ENOTSUP : EINVAL, "the protocol %s is not parsed", proto);
	int rc = -ENOTSUP;
	for (unsigned i = 0; i < n && rc; i++) /* of several, one that is parsed has the word */
		if (!p[i]->recognise_only || rc == -ENOTSUP)
			rc = tx_event_setup(b, p[i], dot + 1, error);
	return rc;
}
