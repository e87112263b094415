// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One rule:
 *
 *     action[:scope] protocol[:hook] source ports direction destination ports ( name[:value]; … )
 *
 * The text is copied once and cut in place, so that names and values need no memory of their own. A ';' ends an option unless a
 * backslash stands before it, within quotes too.
 */
#include "rule/internal.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

const char *const rule_action_names[] = {
	[RULE_ALERT] = "alert", [RULE_PASS] = "pass", [RULE_DROP] = "drop", [RULE_REJECT] = "reject", [RULE_REJECT_SRC] = "rejectsrc",
	[RULE_REJECT_DST] = "rejectdst", [RULE_REJECT_BOTH] = "rejectboth", [RULE_CONFIG] = "config", [RULE_ACCEPT] = "accept", NULL,
};

struct parse {
	struct rule_set *set;
	const struct rule_vars *vars;
	struct rule *r;
	char *cut; /* copy of r->text that gets NULs; offsets are the same */
	uint32_t at, len;
	struct rule_error *error;
};

static int fail(struct parse *s, const char *code, uint32_t start, uint32_t len, const char *format, ...) __attribute__((format(printf, 5, 6)));
static int fail(struct parse *s, const char *code, uint32_t start, uint32_t len, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(s->error->text, sizeof s->error->text, format, args);
	va_end(args);
	s->error->code = code;
	s->error->span = (struct text_span){start, len};
	return -EINVAL;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void skip_space(struct parse *s)
{
	while (s->at < s->len && is_space(s->cut[s->at]))
		s->at++;
}

/*
 * A word of the header, up to a space outside of brackets or the '(' of the options. "! 80" is one word. Its end is not cut yet,
 * for the '(' may stand right behind it: the caller cuts when the next word is taken.
 */
static struct text_span word(struct parse *s)
{
	skip_space(s);
	uint32_t start = s->at, depth = 0;
	bool only_negated = true;
	for (; s->at < s->len; s->at++) {
		char c = s->cut[s->at];
		if (c == '[')
			depth++;
		else if (c == ']' && depth)
			depth--;
		if (depth == 0 && (c == '(' || (is_space(c) && !only_negated)))
			break;
		only_negated &= c == '!' || is_space(c);
	}
	return (struct text_span){start, s->at - start};
}

static char *cut_out(struct parse *s, struct text_span w)
{
	char *p = arena_copy(&s->set->arena, s->cut + w.start, w.len + 1);
	if (p)
		p[w.len] = 0;
	return p;
}

/* Words of headers are few and short: the common ones are shared. */
static const char *header_word(struct parse *s, struct text_span w)
{
	static const char *const common[] = {"any", "$HOME_NET", "$EXTERNAL_NET", "$HTTP_PORTS", "$HTTP_SERVERS", "tcp", "http", "tls", "dns", "udp", "ip"};
	for (size_t i = 0; i < sizeof common / sizeof *common; i++)
		if (strlen(common[i]) == w.len && memcmp(common[i], s->cut + w.start, w.len) == 0)
			return common[i];
	return cut_out(s, w);
}

static bool span_is(const struct parse *s, uint32_t start, uint32_t len, const char *name)
{
	return strlen(name) == len && bytes_equal_nocase(bytes_of(s->cut + start, len), bytes_of_string(name));
}

static int read_action(struct parse *s)
{
	struct text_span w = word(s);
	const char *colon = memchr(s->cut + w.start, ':', w.len);
	uint32_t len = colon ? (uint32_t)(colon - (s->cut + w.start)) : w.len;
	int action = -1;
	for (int i = 0; i < RULE_ACTION_N_; i++)
		if (span_is(s, w.start, len, rule_action_names[i]))
			action = i;
	if (action < 0)
		return fail(s, "unknown-action", w.start, w.len, "'%.*s' is no action; there are alert, drop, pass, reject, rejectsrc, rejectdst, rejectboth, config and accept",
			    (int)(len < 40 ? len : 40), s->cut + w.start);
	s->r->action = (enum rule_action)action;
	if (!colon)
		return 0;
	struct text_span scope = {w.start + len + 1, w.len - len - 1};
	if (scope.len > 6 && span_is(s, scope.start + scope.len - 6, 6, ",alert")) {
		s->r->also_alert = true;
		scope.len -= 6;
	}
	if (!scope.len)
		return fail(s, "bad-header", w.start, w.len, "a scope is missing behind the action's ':'");
	s->r->scope = cut_out(s, scope);
	return s->r->scope ? 0 : fail(s, "memory", 0, 0, "out of memory");
}

static int read_protocol(struct parse *s)
{
	struct text_span w = word(s);
	s->r->protocol_span = w;
	if (!w.len)
		return fail(s, "bad-header", w.start, 0, "expected a protocol");
	const char *colon = memchr(s->cut + w.start, ':', w.len);
	uint32_t len = colon ? (uint32_t)(colon - (s->cut + w.start)) : w.len;
	for (uint32_t i = 0; i < w.len; i++) {
		char *c = &s->cut[w.start + i];
		*c = (char)byte_lower((uint8_t)*c);
		if (!isalnum((unsigned char)*c) && !strchr(":_-.!<", *c))
			return fail(s, "bad-header", w.start, w.len, "expected a protocol, not '%.*s'", (int)(w.len < 40 ? w.len : 40), s->cut + w.start);
	}
	if (len == 0 || (colon && len + 1 == w.len))
		return fail(s, "bad-header", w.start, w.len, "expected PROTOCOL or PROTOCOL:HOOK");
	s->r->protocol = header_word(s, (struct text_span){w.start, len});
	if (colon)
		s->r->hook = cut_out(s, (struct text_span){w.start + len + 1, w.len - len - 1});
	return s->r->protocol && (s->r->hook || !colon) ? 0 : fail(s, "memory", 0, 0, "out of memory");
}

static int list_error(struct parse *s, struct text_span w, const struct error *e)
{
	/* an open bracket swallows the rest of the rule */
	if (w.start + w.len == s->len && memchr(s->cut + w.start, '(', w.len))
		return fail(s, "bad-header", w.start, 1, "a '[' in this list is never closed");
	uint32_t skip = e->column > 0 && (uint32_t)e->column <= w.len ? (uint32_t)e->column - 1 : 0;
	uint32_t len = 1;
	while (skip + len < w.len && !strchr(",]", s->cut[w.start + skip + len]))
		len++;
	return fail(s, "bad-header", w.start + skip, len, "%s", e->text);
}

static int read_addresses(struct parse *s, struct address_set *out, const char **text, struct text_span *span)
{
	struct text_span w = *span = word(s);
	struct error e = {0};
	if (!w.len)
		return fail(s, "bad-header", w.start, 0, "expected an address, a list of addresses or any");
	*text = header_word(s, w);
	const struct address_set *set = *text ? rule_index_addresses(s->set, *text, s->vars, &e) : NULL;
	if (!set)
		return list_error(s, w, &e);
	*out = *set;
	return 0;
}

static int read_ports(struct parse *s, struct port_set *out, const char **text, struct text_span *span)
{
	struct text_span w = *span = word(s);
	struct error e = {0};
	if (!w.len)
		return fail(s, "bad-header", w.start, 0, "expected a port, a list of ports or any");
	*text = header_word(s, w);
	const struct port_set *set = *text ? rule_index_ports(s->set, *text, s->vars, &e) : NULL;
	if (!set)
		return list_error(s, w, &e);
	*out = *set;
	return 0;
}

static int read_direction(struct parse *s)
{
	struct text_span w = word(s);
	if (span_is(s, w.start, w.len, "<>"))
		s->r->bidirectional = true;
	else if (span_is(s, w.start, w.len, "=>"))
		s->r->to_either = true;
	else if (span_is(s, w.start, w.len, "<-"))
		return fail(s, "bad-header", w.start, w.len, "there is no '<-': change the sides and write '->'");
	else if (!span_is(s, w.start, w.len, "->"))
		return fail(s, "bad-header", w.start, w.len ? w.len : 1, "expected '->', '<>' or '=>'");
	return 0;
}

static int read_header(struct parse *s)
{
	struct rule *r = s->r;
	int status = read_action(s);
	if (status == 0)
		status = read_protocol(s);
	if (status == 0)
		status = read_addresses(s, &r->src, &r->src_text, &r->src_span);
	if (status == 0)
		status = read_ports(s, &r->sport, &r->sport_text, &r->sport_span);
	if (status == 0)
		status = read_direction(s);
	if (status == 0)
		status = read_addresses(s, &r->dst, &r->dst_text, &r->dst_span);
	if (status == 0)
		status = read_ports(s, &r->dport, &r->dport_text, &r->dport_span);
	return status;
}

/* The ';' that ends an option, or s->len. */
static uint32_t option_end(const struct parse *s, uint32_t at)
{
	for (; at < s->len && s->cut[at] != ';'; at++)
		if (s->cut[at] == '\\' && at + 1 < s->len)
			at++;
	return at;
}

static struct text_span trim(const struct parse *s, uint32_t start, uint32_t end)
{
	while (start < end && is_space(s->cut[start]))
		start++;
	while (end > start && is_space(s->cut[end - 1]))
		end--;
	return (struct text_span){start, end - start};
}

static int read_option(struct parse *s, struct text_span w, struct rule_option *o)
{
	uint32_t name_len = 0;
	while (name_len < w.len && s->cut[w.start + name_len] != ':')
		name_len++;
	struct text_span name = trim(s, w.start, w.start + name_len);
	if (!name.len)
		return fail(s, "bad-option", w.start, w.len, "an option without a name");
	for (uint32_t i = 0; i < name.len; i++) {
		char *c = &s->cut[name.start + i];
		if (!isalnum((unsigned char)*c) && !strchr("_-.", *c))
			return fail(s, "bad-option", name.start, name.len, "expected the name of an option, then ':' or ';'%s",
				    strchr(s->r->text + name.start, '"') ? " (within quotes a ';' is written '\\;')" : "");
		*c = (char)byte_lower((uint8_t)*c);
	}
	o->name = s->cut + name.start;
	o->span = w;
	if (name_len < w.len) {
		o->value_span = trim(s, w.start + name_len + 1, w.start + w.len);
		o->value = s->cut + o->value_span.start;
		s->cut[o->value_span.start + o->value_span.len] = 0;
	}
	s->cut[name.start + name.len] = 0;
	return 0;
}

static int read_options(struct parse *s)
{
	skip_space(s);
	if (s->at == s->len || s->cut[s->at] != '(')
		return fail(s, "bad-header", s->at < s->len ? s->at : s->len - 1, 1, "expected '(' and the options");
	uint32_t open = s->at++;
	struct text_span all = trim(s, s->at, s->len);
	if (!all.len || s->cut[all.start + all.len - 1] != ')')
		return fail(s, "bad-option", s->len - 1, 1, "expected ')' at the end of the rule");
	s->len = all.start + all.len - 1;
	struct rule_option **tail = &s->r->options;
	for (s->at = open + 1; s->at < s->len;) {
		uint32_t end = option_end(s, s->at);
		struct text_span w = trim(s, s->at, end);
		if (end == s->len && w.len)
			return fail(s, "bad-option", w.start + w.len - 1, 1, "expected ';' at the end of the option");
		s->at = end + 1;
		if (!w.len)
			continue;
		struct rule_option *o = arena_alloc(&s->set->options, sizeof *o);
		if (!o)
			return fail(s, "memory", 0, 0, "out of memory");
		int status = read_option(s, w, o);
		if (status < 0)
			return status;
		*tail = o;
		tail = &o->next;
	}
	return 0;
}

static int read_number(struct parse *s, const struct rule_option *o, uint32_t least, uint32_t *out)
{
	uint64_t v = 0;
	const char *p = o->value;
	for (; p && *p >= '0' && *p <= '9' && v <= UINT32_MAX; p++)
		v = v * 10 + (uint64_t)(*p - '0');
	if (!p || p == o->value || *p || v > UINT32_MAX || v < least)
		return fail(s, "bad-value", o->value ? o->value_span.start : o->span.start, o->value ? o->value_span.len : o->span.len,
			    "%s wants a number from %u to 4294967295", o->name, least);
	*out = (uint32_t)v;
	return 0;
}

static int read_ids(struct parse *s)
{
	struct rule *r = s->r;
	r->gid = 1;
	unsigned seen = 0;
	for (const struct rule_option *o = r->options; o; o = o->next) {
		static const char *const names[] = {"sid", "gid", "rev", "msg"};
		unsigned which = 0;
		while (which < 4 && strcmp(o->name, names[which]) != 0)
			which++;
		if (which == 4)
			continue;
		if (seen & 1u << which)
			return fail(s, "duplicate-option", o->span.start, o->span.len, "%s stands here a second time", o->name);
		seen |= 1u << which;
		if (which == 3)
			continue;
		int status = read_number(s, o, which == 0, which == 0 ? &r->sid : which == 1 ? &r->gid : &r->rev);
		if (status < 0)
			return status;
	}
	if (!(seen & 1))
		return fail(s, "missing-sid", 0, 0, "the rule has no sid");
	return 0;
}

/* A wrong rule is named by its sid all the same, if one can be read. */
static uint32_t guess_sid(const char *text)
{
	for (const char *p = text; (p = strstr(p, "sid")); p += 3) {
		const char *digits = p + 3 + strspn(p + 3, " \t");
		if ((p > text && (isalnum((unsigned char)p[-1]) || p[-1] == '_')) || *digits != ':')
			continue;
		return (uint32_t)strtoul(digits + 1, NULL, 10);
	}
	return 0;
}

int rule_read(struct rule_set *set, struct rule *r, const struct rule_vars *v, struct rule_error *error)
{
	size_t len = strlen(r->text);
	struct parse s = {.set = set, .vars = v, .r = r, .len = (uint32_t)len, .error = error};
	if (len > 1 << 24)
		return fail(&s, "too-long", 0, 0, "the rule is longer than 16 MiB");
	s.cut = arena_copy(&set->options, r->text, len + 1);
	if (!s.cut)
		return fail(&s, "memory", 0, 0, "out of memory");
	int status = read_header(&s);
	if (status == 0)
		status = read_options(&s);
	if (status == 0)
		status = read_ids(&s);
	if (status < 0 && !r->sid)
		r->sid = guess_sid(r->text);
	return status;
}

struct rule *rule_parse(struct rule_set *s, const char *text, const struct rule_vars *v, struct error *error)
{
	struct rule_error e = {0};
	struct rule *r = arena_alloc(&s->arena, sizeof *r);
	if (r)
		r->text = arena_copy(&s->arena, text, strlen(text) + 1);
	if (!r || !r->text) {
		error_set(error, ENOMEM, "out of memory");
		return NULL;
	}
	r->active = true;
	if (rule_read(s, r, v, &e) == 0)
		return r;
	error_set(error, EINVAL, "%s", e.text);
	if (error)
		error->column = (int)e.span.start + 1;
	return NULL;
}

const struct rule_option *rule_option_find(const struct rule *r, const struct rule_option *from, const char *name)
{
	for (const struct rule_option *o = from ? from : r->options; o; o = o->next)
		if (strcmp(o->name, name) == 0)
			return o;
	return NULL;
}

static void add_without_spaces(struct buffer *out, const char *text)
{
	for (; *text; text++)
		if (!is_space(*text))
			buffer_add_byte(out, (uint8_t)*text);
}

void rule_format(const struct rule *r, struct buffer *out)
{
	buffer_add_string(out, rule_action_names[r->action]);
	if (r->scope)
		buffer_printf(out, ":%s%s", r->scope, r->also_alert ? ",alert" : "");
	buffer_printf(out, " %s%s%s ", r->protocol, r->hook ? ":" : "", r->hook ? r->hook : "");
	const char *const words[] = {r->src_text, r->sport_text, r->bidirectional ? "<>" : r->to_either ? "=>" : "->", r->dst_text, r->dport_text};
	for (size_t i = 0; i < 5; i++) {
		add_without_spaces(out, words[i]);
		buffer_add_byte(out, ' ');
	}
	buffer_add_byte(out, '(');
	for (const struct rule_option *o = r->options; o; o = o->next) {
		if ((strcmp(o->name, "gid") == 0 && r->gid == 1) || (strcmp(o->name, "rev") == 0 && r->rev == 0))
			continue;
		buffer_printf(out, "%s%s%s%s;", o == r->options ? "" : " ", o->name, o->value ? ":" : "", o->value ? o->value : "");
	}
	buffer_add_byte(out, ')');
}
