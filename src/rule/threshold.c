// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Thresholds as text: the `threshold` and `detection_filter` keywords, and the lines of threshold.config. All are lists of "name
 * value", in any order; rows say which kind takes which names.
 */
#include "rule/lists.h"

#include "rule/ranges.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

enum field { GEN_ID = 1, SIG_ID = 2, TYPE = 4, TRACK = 8, COUNT = 16, SECONDS = 32, MULTIPLIER = 64, NEW_ACTION = 128, TIMEOUT = 256, IP = 512 };

static const struct {
	const char *name;
	enum field field;
} fields[] = {{"gen_id", GEN_ID}, {"sig_id", SIG_ID}, {"type", TYPE}, {"track", TRACK}, {"count", COUNT}, {"seconds", SECONDS},
	      {"multiplier", MULTIPLIER}, {"new_action", NEW_ACTION}, {"timeout", TIMEOUT}, {"ip", IP}};

static const char *const types[] = {"limit", "threshold", "both", NULL, NULL, NULL, "backoff"};
static const char *const tracks[] = {"by_src", "by_dst", "by_rule", "by_both", "by_either", "by_flow"};

struct parse {
	struct bytes text;
	size_t at;
	const struct rule_vars *vars;
	struct arena *arena; /* for addresses */
	struct threshold *out;
	unsigned seen; /* enum field */
	struct error *error;
};

static int fail(struct parse *s, size_t at, const char *format, ...) __attribute__((format(printf, 3, 4)));
static int fail(struct parse *s, size_t at, const char *format, ...)
{
	if (!s->error)
		return -EINVAL;
	va_list args;
	va_start(args, format);
	vsnprintf(s->error->text, sizeof s->error->text, format, args);
	va_end(args);
	s->error->column = (int)at + 1;
	return -EINVAL;
}

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void skip_space(struct parse *s)
{
	while (s->at < s->text.len && is_space(s->text.data[s->at]))
		s->at++;
}

/* Up to a space or comma; a comma within brackets belongs to the word. */
static struct bytes word(struct parse *s, bool list)
{
	skip_space(s);
	size_t start = s->at;
	int depth = 0;
	for (; s->at < s->text.len; s->at++) {
		uint8_t c = s->text.data[s->at];
		depth += list && c == '[' ? 1 : list && c == ']' && depth ? -1 : 0;
		if (depth == 0 && (c == ',' || (is_space(c) && !list)))
			break;
	}
	struct bytes w = bytes_slice(s->text, start, s->at - start);
	while (w.len && is_space(w.data[w.len - 1]))
		w.len--;
	return w;
}

static int find_name(const char *const *names, size_t n, struct bytes w)
{
	for (size_t i = 0; i < n; i++)
		if (names[i] && bytes_equal_nocase(w, bytes_of_string(names[i])))
			return (int)i;
	return -1;
}

static int read_number(struct parse *s, struct bytes w, size_t at, bool time, uint32_t *out)
{
	uint64_t v = 0;
	size_t i = 0;
	while (i < w.len && w.data[i] >= '0' && w.data[i] <= '9' && v <= UINT32_MAX)
		v = v * 10 + (uint64_t)(w.data[i++] - '0');
	bool good = i > 0;
	if (time && good && i + 1 == w.len) {
		uint8_t unit = byte_lower(w.data[i++]);
		v *= unit == 'm' ? 60 : unit == 'h' ? 3600 : unit == 'd' ? 86400 : 1;
		good = strchr("smhd", unit) != NULL;
	}
	if (!good || i != w.len || v > UINT32_MAX)
		return fail(s, at, "'%.*s' is not a number", (int)(w.len < 40 ? w.len : 40), (const char *)w.data);
	*out = (uint32_t)v;
	return 0;
}

static int read_addresses(struct parse *s, struct bytes w, size_t at)
{
	struct error inner = {0};
	char *text = xstrndup((const char *)w.data, w.len);
	int status = address_set_parse(text, s->vars, s->arena, &s->out->addresses, &inner);
	free(text);
	return status < 0 ? fail(s, at + (inner.column > 0 ? (size_t)inner.column - 1 : 0), "%s", inner.text) : 0;
}

static int read_action(struct parse *s, struct bytes w, size_t at)
{
	static const enum rule_action actions[] = {RULE_ALERT, RULE_DROP, RULE_PASS, RULE_REJECT, RULE_REJECT_SRC, RULE_REJECT_DST, RULE_REJECT_BOTH};
	for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
		if (bytes_equal_nocase(w, bytes_of_string(rule_action_names[actions[i]]))) {
			s->out->new_action = actions[i];
			return 0;
		}
	}
	return fail(s, at, "new_action wants alert, drop, pass or reject");
}

static int read_value(struct parse *s, enum field field)
{
	skip_space(s);
	size_t at = s->at;
	struct bytes w = word(s, field == IP);
	struct threshold *t = s->out;
	int which;
	switch (field) {
	case GEN_ID:
		return read_number(s, w, at, false, &t->gid);
	case SIG_ID:
		return read_number(s, w, at, false, &t->sid);
	case TYPE:
		which = find_name(types, sizeof types / sizeof *types, w);
		t->type = (enum threshold_type)which;
		return which < 0 ? fail(s, at, "type wants limit, threshold, both or backoff") : 0;
	case TRACK:
		which = find_name(tracks, sizeof tracks / sizeof *tracks, w);
		t->track = (enum threshold_track)which;
		return which < 0 ? fail(s, at, "track wants by_src, by_dst, by_rule, by_both, by_either or by_flow") : 0;
	case COUNT:
		return read_number(s, w, at, false, &t->count);
	case SECONDS:
		return read_number(s, w, at, true, &t->seconds);
	case MULTIPLIER:
		return read_number(s, w, at, false, &t->multiplier);
	case NEW_ACTION:
		return read_action(s, w, at);
	case TIMEOUT:
		return read_number(s, w, at, true, &t->timeout);
	case IP:
		return read_addresses(s, w, at);
	}
	return 0;
}

static int read_fields(struct parse *s, unsigned allowed)
{
	for (;;) {
		skip_space(s);
		size_t at = s->at;
		struct bytes name = word(s, false);
		unsigned field = 0;
		for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
			if (bytes_equal_nocase(name, bytes_of_string(fields[i].name)))
				field = fields[i].field;
		if (!(field & allowed))
			return fail(s, at, field ? "'%.*s' has no place here" : "'%.*s' is no part of a threshold", (int)(name.len < 40 ? name.len : 40),
				    (const char *)name.data);
		if (s->seen & field)
			return fail(s, at, "'%.*s' stands here a second time", (int)name.len, (const char *)name.data);
		s->seen |= field;
		int status = read_value(s, (enum field)field);
		if (status < 0)
			return status;
		skip_space(s);
		if (s->at == s->text.len)
			return 0;
		if (s->text.data[s->at] != ',')
			return fail(s, s->at, "expected ','");
		s->at++;
	}
}

static int want(struct parse *s, unsigned needed)
{
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		if ((needed & fields[i].field) && !(s->seen & fields[i].field))
			return fail(s, s->text.len ? s->text.len - 1 : 0, "'%s' is missing", fields[i].name);
	return 0;
}

static int check(struct parse *s)
{
	struct threshold *t = s->out;
	if (t->type == THRESHOLD_SUPPRESS) {
		if ((s->seen & TRACK) && t->track != TRACK_SRC && t->track != TRACK_DST && t->track != TRACK_EITHER)
			return fail(s, 0, "suppress can track by_src, by_dst and by_either");
		return want(s, s->seen & (TRACK | IP) ? TRACK | IP : 0);
	}
	if (t->track == TRACK_EITHER)
		return fail(s, 0, "by_either is for suppress alone");
	if (t->type == THRESHOLD_BACKOFF) {
		int status = want(s, TRACK | COUNT | MULTIPLIER);
		if (status < 0)
			return status;
		if (s->seen & SECONDS)
			return fail(s, 0, "backoff counts without seconds");
		return t->track != TRACK_FLOW ? fail(s, 0, "backoff can track by_flow alone") :
		       t->count == 0 || t->multiplier == 0 ? fail(s, 0, "count and multiplier must be 1 or more") : 0;
	}
	if (s->seen & MULTIPLIER)
		return fail(s, 0, "'multiplier' is for backoff alone");
	int status = want(s, TRACK | COUNT | SECONDS | (t->type == THRESHOLD_RATE_FILTER ? NEW_ACTION | TIMEOUT : 0));
	if (status < 0)
		return status;
	return t->count == 0 && t->type != THRESHOLD_DETECTION_FILTER ? fail(s, 0, "count must be 1 or more") : 0;
}

int threshold_parse(const char *text, bool detection_filter, struct threshold *out, struct error *error)
{
	struct threshold t = {.type = detection_filter ? THRESHOLD_DETECTION_FILTER : THRESHOLD_LIMIT, .addresses.any = true};
	struct parse s = {.text = bytes_of_string(text), .out = &t, .error = error};
	int status = read_fields(&s, TRACK | COUNT | SECONDS | (detection_filter ? 0 : TYPE | MULTIPLIER));
	if (status == 0 && !detection_filter)
		status = want(&s, TYPE);
	if (status == 0)
		status = check(&s);
	if (status == 0)
		*out = t;
	return status;
}

static const struct line_kind {
	const char *name;
	enum threshold_type type;
	unsigned allowed;
} line_kinds[] = {
	{"threshold", THRESHOLD_LIMIT, GEN_ID | SIG_ID | TYPE | TRACK | COUNT | SECONDS | MULTIPLIER},
	{"event_filter", THRESHOLD_LIMIT, GEN_ID | SIG_ID | TYPE | TRACK | COUNT | SECONDS | MULTIPLIER},
	{"rate_filter", THRESHOLD_RATE_FILTER, GEN_ID | SIG_ID | TRACK | COUNT | SECONDS | NEW_ACTION | TIMEOUT},
	{"suppress", THRESHOLD_SUPPRESS, GEN_ID | SIG_ID | TRACK | IP},
};

static int read_line(struct parse *s)
{
	const struct line_kind *kind = NULL;
	skip_space(s);
	struct bytes name = word(s, false);
	for (size_t i = 0; i < sizeof line_kinds / sizeof *line_kinds; i++)
		if (bytes_equal_nocase(name, bytes_of_string(line_kinds[i].name)))
			kind = &line_kinds[i];
	if (!kind)
		return fail(s, 0, "expected threshold, event_filter, rate_filter or suppress");
	s->out->type = kind->type;
	s->out->addresses.any = true;
	int status = read_fields(s, kind->allowed);
	if (status == 0)
		status = want(s, GEN_ID | SIG_ID | (kind->allowed & TYPE));
	if (status == 0 && s->out->gid == 0 && s->out->sid != 0)
		status = fail(s, 0, "gen_id 0 stands for all and wants sig_id 0");
	return status < 0 ? status : check(s);
}

/* Address sets come from an arena that ends here: the list owns a copy. */
static struct threshold *keep(const struct threshold *t)
{
	struct threshold *copy = xmalloc(sizeof *copy);
	*copy = *t;
	if (t->addresses.n) {
		copy->addresses.in = xmalloc(t->addresses.n * sizeof *t->addresses.in);
		memcpy(copy->addresses.in, t->addresses.in, t->addresses.n * sizeof *t->addresses.in);
	}
	return copy;
}

/* The next line with what a backslash at its end joins to it; false: no more. */
static bool take_line(struct bytes *rest, struct buffer *line, int *number)
{
	buffer_clear(line);
	bool more = rest->len > 0;
	if (!more)
		return false;
	while (more && rest->len) {
		const uint8_t *newline = memchr(rest->data, '\n', rest->len);
		size_t len = newline ? (size_t)(newline - rest->data) : rest->len;
		struct bytes part = bytes_slice(*rest, 0, len);
		*rest = bytes_from(*rest, len + (newline != NULL));
		++*number;
		while (part.len && is_space(part.data[part.len - 1]))
			part.len--;
		more = part.len && part.data[part.len - 1] == '\\';
		buffer_add(line, part.data, part.len - more);
	}
	return true;
}

struct threshold *threshold_text_load(struct bytes text, const char *name, const struct rule_vars *v, struct rule_set *findings)
{
	struct threshold *first = NULL, **tail = &first;
	struct buffer line = {0};
	uint32_t count = 0;
	for (int number = 0, start = 1; take_line(&text, &line, &number); start = number + 1) {
		struct bytes b = bytes_of(line.data, line.len);
		while (b.len && is_space(*b.data))
			b = bytes_from(b, 1);
		if (!b.len || *b.data == '#')
			continue;
		struct arena arena;
		arena_init(&arena, 4096);
		struct error error = {0};
		struct threshold t = {0};
		struct parse s = {.text = b, .vars = v, .arena = &arena, .out = &t, .error = &error};
		if (memchr(b.data, 0, b.len) ? fail(&s, 0, "a NUL byte stands in the line") < 0 : read_line(&s) < 0) {
			rule_set_find_line(findings, FINDING_ERROR, "bad-threshold", name, start, NULL, "%s", error.text);
			findings->n_errors++;
		} else {
			t.number = ++count;
			*tail = keep(&t);
			tail = &(*tail)->next;
		}
		arena_free(&arena);
	}
	buffer_free(&line);
	return first;
}

struct threshold *threshold_file_load(const char *path, const struct rule_vars *v, struct rule_set *findings, struct error *error)
{
	struct buffer text = {0};
	struct threshold *t = NULL;
	if (file_read(path, 64 << 20, &text, error) == 0)
		t = threshold_text_load(bytes_of(text.data, text.len), path, v, findings);
	buffer_free(&text);
	return t;
}

void threshold_list_free(struct threshold *t)
{
	while (t) {
		struct threshold *next = t->next;
		free(t->addresses.in);
		free(t);
		t = next;
	}
}
