// SPDX-License-Identifier: GPL-2.0-or-later
/* Rule → signature: header, options one by one, and what only the whole rule can tell. */
#include "detect/engine.h"
#include "detect/keywords.h"

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>

/* The header's protocol */

static const struct { const char *name; uint8_t proto, ip_version; uint32_t flags; } header_protocols[] = {
	{"tcp", PROTO_TCP, 0, 0}, {"tcp-pkt", PROTO_TCP, 0, SIG_NO_STREAM}, {"tcp-stream", PROTO_TCP, 0, SIG_ONLY_STREAM}, {"udp", PROTO_UDP, 0, 0},
	{"icmp", PROTO_ICMP, 0, 0}, {"icmpv4", PROTO_ICMP, 4, 0}, {"icmpv6", PROTO_ICMPV6, 6, 0}, {"sctp", PROTO_SCTP, 0, 0}, {"gre", PROTO_GRE, 0, 0},
	{"esp", PROTO_ESP, 0, 0}, {"ah", PROTO_AH, 0, 0}, {"igmp", PROTO_IGMP, 0, 0},
};

static void proto_set(struct signature *s, unsigned proto)
{
	s->proto_bits[proto / 8] |= (uint8_t)(1u << (proto % 8));
}

static void proto_any(struct signature *s)
{
	s->any_proto = true;
	memset(s->proto_bits, 0xff, sizeof s->proto_bits);
}

static bool header_network(struct signature *s, const char *name)
{
	for (size_t i = 0; i < sizeof header_protocols / sizeof header_protocols[0]; i++)
		if (strcmp(header_protocols[i].name, name) == 0) {
			proto_set(s, header_protocols[i].proto);
			if (strcmp(name, "icmp") == 0)
				proto_set(s, PROTO_ICMPV6);
			s->ip_version = header_protocols[i].ip_version;
			s->flags |= header_protocols[i].flags;
			return true;
		}
	if (strcmp(name, "ip") == 0 || strcmp(name, "any") == 0) {
		proto_any(s);
	} else if (strcmp(name, "ip4") == 0 || strcmp(name, "ipv4") == 0 || strcmp(name, "ip6") == 0 || strcmp(name, "ipv6") == 0) {
		proto_any(s);
		s->ip_version = strchr(name, '4') ? 4 : 6;
	} else if (strcmp(name, "pkthdr") == 0 || strcmp(name, "ether") == 0 || strcmp(name, "arp") == 0) {
		proto_any(s);
		s->pkthdr = strcmp(name, "pkthdr") == 0;
		s->is_ether = strcmp(name, "ether") == 0;
		s->is_arp = strcmp(name, "arp") == 0;
	} else {
		return false;
	}
	return true;
}

static int header_app(struct builder *b, const char *name, struct error *error)
{
	struct signature *s = b->sig;
	unsigned n = rule_protocols(name, s->app);
	if (n == 0 && protocol_known_elsewhere(name))
		return error_set(error, ENOTSUP, "the protocol %s is not recognised", name);
	if (n == 0)
		return error_set(error, EINVAL, "the protocol %s is not known", name);
	bool on = !b->ctx->app;
	for (unsigned i = 0; i < n; i++) {
		on |= b->ctx->app && app_detect_enabled(b->ctx->app, s->app[i]);
		if (s->app[i]->transports & APP_TRANSPORT_TCP)
			proto_set(s, PROTO_TCP);
		if (s->app[i]->transports & APP_TRANSPORT_UDP)
			proto_set(s, PROTO_UDP);
	}
	s->n_app = (uint8_t)n;
	return on ? 0 : error_set(error, ENOTSUP, "the protocol %s is switched off", name);
}

static int state_find(const struct app_proto *p, int direction, const char *hook)
{
	const char *const *names = p->states[direction];
	const char *edge = direction == TO_SERVER ? "request_" : "response_";
	if (strncmp(hook, edge, strlen(edge)) == 0) {
		const char *rest = hook + strlen(edge);
		if (strcmp(rest, "started") == 0)
			return 0;
		if (strcmp(rest, "complete") == 0)
			return p->complete[direction];
	}
	for (int i = 0; names && names[i]; i++)
		if (strcmp(names[i], hook) == 0)
			return i;
	return -1;
}

static int header_hook(struct builder *b, struct error *error)
{
	struct signature *s = b->sig;
	s->hook = b->rule->hook;
	s->hook_state = s->hook_direction = -1;
	for (unsigned i = 0; s->hook && i < s->n_app; i++)
		for (int d = 0; d < 2; d++) {
			int state = state_find(s->app[i], d, s->hook);
			if (state >= 0 && s->hook_state < 0) {
				s->hook_state = state;
				s->hook_direction = d;
			}
		}
	if (!s->hook || strcmp(s->hook, "all") == 0)
		return 0;
	if (s->hook_state < 0)
		return error_set(error, s->n_app ? EINVAL : ENOTSUP, "%s has no hook “%s”", b->rule->protocol, s->hook);
	return builder_direction(b, s->hook_direction ? SIG_TO_CLIENT : SIG_TO_SERVER, error);
}

static int header_compile(struct builder *b, struct error *error)
{
	const struct rule *r = b->rule;
	struct signature *s = b->sig;
	if (!header_network(s, r->protocol)) {
		int rc = header_app(b, r->protocol, error);
		if (rc)
			return rc;
	}
	s->src = &r->src, s->dst = &r->dst, s->sport = &r->sport, s->dport = &r->dport;
	s->flags |= (r->src.any ? SIG_SRC_ANY : 0) | (r->dst.any ? SIG_DST_ANY : 0) | (r->sport.any ? SIG_SPORT_ANY : 0) | (r->dport.any ? SIG_DPORT_ANY : 0);
	s->flags |= (r->bidirectional ? SIG_BIDIRECTIONAL : 0) | (r->to_either ? SIG_TO_EITHER : 0);
	return header_hook(b, error);
}

/* Options */

/* True if the row was there before; notes it. */
static bool seen_before(struct builder *b)
{
	size_t row = (size_t)(b->keyword - keywords);
	uint64_t bit = UINT64_C(1) << (row % 64);
	bool before = b->seen[row / 64 % 4] & bit;
	b->seen[row / 64 % 4] |= bit;
	return before;
}

static int option_row(struct builder *b, const struct rule_option *o, struct error *error)
{
	const struct keyword *k = b->keyword;
	if (k->flags & KEYWORD_NO_VALUE && o->value)
		return error_set(error, EINVAL, "%s takes no value", o->name);
	if (!(k->flags & (KEYWORD_NO_VALUE | KEYWORD_OPTIONAL_VALUE)) && (!o->value || !*o->value))
		return error_set(error, EINVAL, "invalid formatting or malformed option to %s keyword: a value is missing", o->name);
	if (k->flags & KEYWORD_ONCE && seen_before(b))
		return error_set(error, EINVAL, "%s is there already", o->name);
	if (k->flags & KEYWORD_PACKET)
		b->sig->flags |= SIG_WANT_PACKET;
	return k->setup(b, o, error);
}

static bool is_app_keyword(const char *name)
{
	for (size_t i = 0; app_protocols[i]; i++)
		if (app_keyword_find(app_protocols[i], name))
			return true;
	return false;
}

static bool is_for(const struct builder *b, const char *protocol)
{
	for (unsigned i = 0; i < b->sig->n_app; i++)
		if (strncmp(b->sig->app[i]->name, protocol, strlen(protocol)) == 0 || (strcmp(protocol, "dcerpc") == 0 && strcmp(b->sig->app[i]->name, "smb") == 0))
			return true;
	return false;
}

static int option_compile(struct builder *b, const struct rule_option *o, struct error *error)
{
	b->option = o;
	b->keyword = keyword_find(o->name);
	if (b->keyword)
		return option_row(b, o, error);
	if (is_app_keyword(o->name))
		return setup_app_keyword(b, o, error);
	if (keyword_known_elsewhere(o->name)) {
		const char *protocol = keyword_protocol(o->name);
		if (protocol && b->sig->n_app && !is_for(b, protocol))
			return error_set(error, EINVAL, "%s belongs to %s, the rule is about %s", o->name, protocol, b->rule->protocol);
		return error_set(error, ENOTSUP, "%s is not evaluated", o->name);
	}
	error_set(error, EINVAL, "%s is not known", o->name);
	return -ENOENT;
}

/* The whole rule */

/* Inspections whose only content moved elsewhere go; `http.uri;` with nothing behind it stays: the buffer must be there. */
static void empty_drop(struct signature *s)
{
	struct inspection **at = &s->inspections, *last = NULL;
	while (*at) {
		struct inspection *in = *at;
		bool empty = in->program && !in->program->first;
		if (empty && in->buffer == BUFFER_PAYLOAD) {
			*at = in->next;
			s->n_inspections--;
			continue;
		}
		if (empty)
			in->program = NULL;
		last = in;
		at = &in->next;
	}
	s->last_inspection = last;
}

/* A rule about a buffer is about the protocols that have it. */
static int bind_to_buffers(struct builder *b, struct error *error)
{
	struct signature *s = b->sig;
	for (const struct inspection *in = s->inspections; in; in = in->next) {
		const char *name = in->buffer >= BUFFER_APP ? app_buffer_name(in->buffer - BUFFER_APP) : in->tests ? in->tests->app_keyword : NULL;
		if (!name)
			continue;
		const struct app_proto *have[4];
		unsigned n = 0, n_all = 0;
		for (size_t i = 0; app_protocols[i]; i++) {
			bool bound = s->n_app == 0;
			for (unsigned k = 0; k < s->n_app; k++)
				bound |= s->app[k] == app_protocols[i];
			if (!bound || !app_keyword_find(app_protocols[i], name))
				continue;
			n_all++;
			if (n < 4)
				have[n++] = app_protocols[i];
		}
		if (n_all == 0) {
			bool later = s->app[0] && s->app[0]->recognise_only;
			return error_set(error, later ? ENOTSUP : EINVAL, "%s is not there in %s", name, s->app[0]->name);
		}
		if (n_all <= 4 && strncmp(name, "file", 4) != 0) {
			memcpy(s->app, have, n * sizeof have[0]);
			s->n_app = (uint8_t)n;
		}
	}
	return 0;
}

static int inspection_direct(struct signature *s, struct inspection *in, uint8_t *only, struct error *error)
{
	const char *name = in->buffer >= BUFFER_APP ? app_buffer_name(in->buffer - BUFFER_APP) : in->tests ? in->tests->app_keyword : NULL;
	const struct app_keyword *row = NULL;
	uint8_t want = s->flags & SIG_TO_SERVER ? 1 : s->flags & SIG_TO_CLIENT ? 2 : 3;
	if (name) {
		uint8_t have = keyword_directions(s, name, &row);
		in->multi = row && row->kind == APP_MULTI_BUFFER;
		in->state[0] = row ? row->state[0] : 0;
		in->state[1] = row ? row->state[1] : 0;
		if (have && !(have & want) && !(s->flags & SIG_TO_EITHER))
			return error_set(error, EINVAL, "%s is not there in the direction that the rule looks at", name);
		if (have == 1 || have == 2)
			*only |= have;
		in->direction &= s->flags & SIG_TO_EITHER ? have : have & want;
	} else {
		in->direction &= want;
	}
	return 0;
}

static int directions_finish(struct builder *b, struct error *error)
{
	struct signature *s = b->sig;
	uint8_t only = 0;
	for (struct inspection *in = s->inspections; in; in = in->next) {
		int rc = inspection_direct(s, in, &only, error);
		if (rc)
			return rc;
		if (in->buffer >= BUFFER_APP || in->buffer == BUFFER_NONE)
			s->flags |= SIG_HAS_TX;
		if (in->buffer == BUFFER_PAYLOAD)
			s->flags |= SIG_WANT_PAYLOAD;
		else if (in->buffer != BUFFER_NONE && in->buffer < BUFFER_APP)
			s->flags |= SIG_WANT_PACKET;
	}
	if (s->flags & SIG_TO_EITHER)
		return 0;
	if (only == 3)
		return error_set(error, EINVAL, "the rule asks for parts of the request and of the answer: no direction has both");
	if (only)
		s->flags |= only == 1 ? SIG_TO_SERVER : SIG_TO_CLIENT;
	return 0;
}

/* Buffers that protocols carry which are not built here. */
static bool buffer_is_partial(const char *name)
{
	static const struct { const char *prefix, *protocols[6]; } elsewhere[] = {
		{"http.", {"http2"}}, {"dns.", {"doh2"}}, {"file", {"smtp", "smb", "ftp-data", "nfs", "http2"}}, {"ja3", {"quic"}}, {"ja4", {"quic"}}, {"tls.sni", {"quic"}},
	};
	for (size_t i = 0; i < sizeof elsewhere / sizeof elsewhere[0]; i++) {
		if (strncmp(elsewhere[i].prefix, name, strlen(elsewhere[i].prefix)) != 0)
			continue;
		for (size_t k = 0; elsewhere[i].protocols[k]; k++) {
			const struct app_proto *p = app_protocol_find(elsewhere[i].protocols[k]);
			if (!p || p->recognise_only)
				return true;
		}
	}
	return false;
}

static void partial_note(struct builder *b)
{
	b->option = NULL;
	for (const struct inspection *in = b->sig->inspections; in; in = in->next)
		if (in->buffer >= BUFFER_APP && buffer_is_partial(app_buffer_name(in->buffer - BUFFER_APP))) {
			b->sig->flags |= SIG_PARTIAL;
			builder_find(b, FINDING_PARTIAL, "partial", "%s also exists in protocols that are not parsed yet", app_buffer_name(in->buffer - BUFFER_APP));
			return;
		}
}

static int checks_finish(struct builder *b, struct error *error)
{
	struct signature *s = b->sig;
	bool payload = false, tx = s->flags & SIG_HAS_TX;
	for (const struct inspection *in = s->inspections; in; in = in->next)
		payload |= in->buffer == BUFFER_PAYLOAD;
	if (s->pkthdr && (payload || tx))
		return error_set(error, EINVAL, "pkthdr rules look at decoder events and headers: no payload, no application protocol");
	if (tx && s->flags & SIG_NO_STREAM)
		return error_set(error, EINVAL, "a rule about single packets of TCP cannot look at an application protocol");
	if (s->is_arp && (payload || tx))
		return error_set(error, ENOTSUP, "conditions on the bytes of ARP are not evaluated");
	return contents_check(b, error);
}

static int whole_finish(struct builder *b, struct error *error)
{
	struct signature *s = b->sig;
	int rc = builder_used(b, error);
	b->option = NULL;
	empty_drop(s);
	if (!rc)
		rc = bind_to_buffers(b, error);
	if (!rc)
		rc = directions_finish(b, error);
	if (!rc)
		rc = checks_finish(b, error);
	if (rc)
		return rc;
	for (struct inspection *in = s->inspections; in; in = in->next)
		if (in->program)
			program_finish(in->program);
	if (s->fast.content.len == 0)
		signature_choose_fast_pattern(s);
	signature_texts_finish(b);
	partial_note(b);
	return 0;
}

static void refuse(struct builder *b, int rc, bool header, const struct error *error)
{
	const char *unsupported = header ? "unsupported-protocol" : b->option ? "unsupported-keyword" : "unsupported";
	const char *wrong = header ? "wrong-header" : rc == -ENOENT ? "unknown-keyword" : b->option ? "wrong-value" : "contradiction";
	builder_find(b, rc == -ENOTSUP ? FINDING_UNSUPPORTED : FINDING_ERROR, rc == -ENOTSUP ? unsupported : wrong, "%s", error->text);
}

/* What is not for us is not looked at: it may be in words that are not known here. */
static int requirements(struct builder *b, struct error *error)
{
	for (const struct rule_option *o = b->rule->options; o; o = o->next)
		if (strcmp(o->name, "requires") == 0) {
			int rc = option_compile(b, o, error);
			if (rc)
				return rc;
		}
	b->option = NULL;
	return 0;
}

struct signature *signature_compile(struct compile_context *ctx, const struct rule *r)
{
	struct error error = {0};
	struct signature *s = arena_alloc(ctx->arena, sizeof *s);
	if (!s)
		return NULL;
	struct builder b = {.ctx = ctx, .sig = s, .rule = r, .buffer = BUFFER_PAYLOAD};
	*s = (struct signature){.sid = r->sid, .gid = r->gid, .rev = r->rev, .priority = 3, .action = r->action, .rule = r, .text = r->text, .hook_state = -1, .hook_direction = -1,
				  /* what lets pass is quiet unless `alert` is written */
				  .flags = (r->action == RULE_PASS || r->action == RULE_ACCEPT) && !r->also_alert ? SIG_NOALERT : 0};
	arena_init(&ctx->temp, 8192);
	int rc = requirements(&b, &error);
	bool header = rc == 0 && (rc = header_compile(&b, &error)) != 0;
	for (const struct rule_option *o = r->options; o && rc == 0; o = o->next)
		rc = option_compile(&b, o, &error);
	if (rc == 0)
		rc = whole_finish(&b, &error);
	if (rc < 0)
		refuse(&b, rc, header, &error);
	arena_free(&ctx->temp);
	if (rc == 0) {
		signature_settle(s);
		return s;
	}
	signature_release(s);
	return NULL;
}

static void program_release(struct program *p)
{
	for (struct program_step *st = p->first; st; st = st->next) {
		if (st->kind == STEP_PCRE && st->pcre.code)
			regex_free(st->pcre.code);
		if (st->kind == STEP_PCRE)
			st->pcre.code = NULL;
		if (st->kind == STEP_BASE64 && st->base64.sub)
			program_release(st->base64.sub);
	}
}

void signature_release(struct signature *s)
{
	for (struct inspection *in = s->inspections; in; in = in->next)
		if (in->program)
			program_release(in->program);
}
