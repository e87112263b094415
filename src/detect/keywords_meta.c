// SPDX-License-Identifier: GPL-2.0-or-later
/* Keywords that say something about the rule, and what happens after a match: msg, metadata, threshold, tag, requires … */
#include "detect/keywords.h"

#include "base/json.h"
#include "rule/lists.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

SETUP(nothing)
{
	return 0;
}

SETUP(msg)
{
	bool negated;
	char *text = builder_quoted(b, o->value, &negated), *to = text;
	if (!text || negated)
		return error_set(error, EINVAL, "invalid formatting to %s keyword: the value must stand between double quotes", o->name);
	for (const char *s = text; *s; s++) {
		if (*s == '\\' && s[1] && strchr("\":;\\", s[1]))
			s++;
		*to++ = *s;
	}
	*to = 0;
	b->sig->msg = builder_copy(b, text, strlen(text));
	return 0;
}

static int whole_number(const char *text, uint32_t min, uint32_t max, uint32_t *out, struct error *error)
{
	char *end;
	errno = 0;
	unsigned long v = strtoul(text, &end, 10);
	if (errno || end == text || *end || v < min || v > max || !isdigit((unsigned char)*text))
		return error_set(error, EINVAL, "“%s” is no number from %u to %u", text, min, max);
	*out = (uint32_t)v;
	return 0;
}

SETUP(sid)
{
	return whole_number(o->value, 1, UINT32_MAX, &b->sig->sid, error);
}

SETUP(gid)
{
	return whole_number(o->value, 0, UINT32_MAX, &b->sig->gid, error);
}

SETUP(rev)
{
	return whole_number(o->value, 0, UINT32_MAX, &b->sig->rev, error);
}

static bool option_there(const struct builder *b, const char *name)
{
	for (const struct rule_option *o = b->rule->options; o; o = o->next)
		if (strcmp(o->name, name) == 0)
			return true;
	return false;
}

SETUP(priority)
{
	return whole_number(o->value, 1, 255, &b->sig->priority, error);
}

SETUP(classtype)
{
	const struct rule_class *c = b->ctx->lists ? rule_class_find(b->ctx->lists, o->value) : NULL;
	b->sig->class_name = builder_copy(b, o->value, strlen(o->value));
	if (!c) {
		if (b->ctx->lists)
			builder_find(b, FINDING_WARNING, "unknown-classtype", "the class “%s” is not in the classification file", o->value);
		return 0;
	}
	b->sig->class_text = c->description ? builder_copy(b, c->description, strlen(c->description)) : NULL; /* the lists may go first */
	if (!option_there(b, "priority"))
		b->sig->priority = c->priority;
	return 0;
}

/* Lists that become JSON */

struct reference_item {
	const char *text;
	struct reference_item *next;
};

SETUP(reference)
{
	char *f[2];
	unsigned n = builder_fields(b, o->value, ',', f, 2);
	if (n < 2 || !*f[0] || !*f[1])
		return error_set(error, EINVAL, "a reference is written KIND,ID");
	const char *prefix = b->ctx->lists ? rule_reference_prefix(b->ctx->lists, f[0]) : NULL;
	if (!prefix && b->ctx->lists)
		builder_find(b, FINDING_WARNING, "unknown-reference", "references of the kind “%s” are not in the reference file", f[0]);
	struct reference_item *item = builder_temp(b, sizeof *item), **at = &b->references;
	size_t len = (prefix ? strlen(prefix) : 0) + strlen(f[1]);
	char *text = builder_temp(b, len + 1);
	strcat(strcpy(text, prefix ? prefix : ""), f[1]);
	item->text = text;
	while (*at)
		at = &(*at)->next;
	*at = item;
	return 0;
}

struct metadata_item {
	const char *key, *value;
	struct metadata_item *next;
};

/* Sorted by key; values of a key in the rule's order. */
static void metadata_add(struct builder *b, const char *key, const char *value)
{
	struct metadata_item *item = builder_temp(b, sizeof *item), **at = &b->metadata;
	item->key = key;
	item->value = value;
	while (*at && strcmp((*at)->key, key) <= 0)
		at = &(*at)->next;
	item->next = *at;
	*at = item;
}

SETUP(metadata)
{
	char *f[64];
	unsigned n = builder_fields(b, o->value, ',', f, 64);
	for (unsigned i = 0; i < n; i++) {
		char *value = f[i];
		while (*value && !isspace((unsigned char)*value))
			value++;
		if (!*value)
			continue; /* a key alone says nothing */
		*value++ = 0;
		while (isspace((unsigned char)*value))
			value++;
		metadata_add(b, f[i], value);
	}
	return 0;
}

static const char *text_take(struct builder *b, struct buffer *out)
{
	return builder_copy(b, (const char *)out->data, out->len);
}

void signature_texts_finish(struct builder *b)
{
	struct buffer out = {0};
	struct json j = json_into(&out);
	if (b->metadata) {
		json_open(&j, NULL);
		for (const struct metadata_item *m = b->metadata, *before = NULL; m; before = m, m = m->next) {
			if (!before || strcmp(before->key, m->key) != 0) {
				if (before)
					json_close_array(&j);
				json_key_bytes(&j, bytes_of_string(m->key));
				json_open_array(&j, NULL);
			}
			json_string(&j, NULL, m->value);
		}
		json_close_array(&j);
		json_close(&j);
		b->sig->metadata_json = text_take(b, &out);
	}
	if (b->references) {
		buffer_clear(&out);
		j = json_into(&out);
		json_open_array(&j, NULL);
		for (const struct reference_item *r = b->references; r; r = r->next)
			json_string(&j, NULL, r->text);
		json_close_array(&j);
		b->sig->references_json = text_take(b, &out);
	}
	buffer_free(&out);
}

SETUP(target)
{
	bool src = strcmp(o->value, "src_ip") == 0;
	if (!src && strcmp(o->value, "dest_ip") != 0)
		return error_set(error, EINVAL, "the target is src_ip or dest_ip");
	b->sig->flags |= src ? SIG_TARGET_SRC : SIG_TARGET_DST;
	return 0;
}

/* requires:version >= 7.0.0, feature geoip, keyword foo */

static int version_compare(const char *text)
{
	static const unsigned ours[3] = {8, 0, 6}; /* the rule language is that of Suricata 8.0.6 */
	unsigned v[3] = {0};
	int n = sscanf(text, "%u.%u.%u", &v[0], &v[1], &v[2]);
	for (int i = 0; i < 3 && n > 0; i++)
		if (ours[i] != v[i])
			return ours[i] < v[i] ? -1 : 1;
	return 0;
}

static bool version_holds(const char *text, bool *wrong)
{
	static const struct { const char *op; int low, high; } ops[] = {{">=", 0, 1}, {"<=", -1, 0}, {">", 1, 1}, {"<", -1, -1}, {"=", 0, 0}};
	while (isspace((unsigned char)*text))
		text++;
	for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++)
		if (strncmp(text, ops[i].op, strlen(ops[i].op)) == 0) {
			const char *number = text + strlen(ops[i].op);
			while (isspace((unsigned char)*number))
				number++;
			*wrong = !isdigit((unsigned char)*number);
			int c = version_compare(number);
			return c >= ops[i].low && c <= ops[i].high;
		}
	*wrong = true;
	return false;
}

/* "a < 8 | b >= 9": one of the alternatives, each of conditions that all hold. */
static bool versions_hold(struct builder *b, const char *text, bool *wrong)
{
	char *alternative[8];
	unsigned n = builder_fields(b, text, '|', alternative, 8);
	bool any = false;
	for (unsigned i = 0; i < n; i++) {
		bool all = true;
		for (char *s = alternative[i]; *s; ) {
			char *next = s + strspn(s, "<>= ");
			next += strcspn(next, "<>=");
			char saved = *next;
			*next = 0;
			bool bad = false;
			all &= version_holds(s, &bad);
			*wrong |= bad;
			*next = saved;
			s = next;
		}
		any |= all;
	}
	return any;
}

SETUP(requires)
{
	static const char *const features[] = {"geoip", "ja3", "ja4"};
	char *f[16];
	unsigned n = builder_fields(b, o->value, ',', f, 16);
	const char *unmet = NULL;
	for (unsigned i = 0; i < n; i++) {
		bool wrong = false, have = false;
		if (strncmp(f[i], "version", 7) == 0) {
			have = versions_hold(b, f[i] + 7, &wrong);
			if (wrong)
				return error_set(error, EINVAL, "“%s” is no comparison of versions", f[i]);
		} else if (strncmp(f[i], "feature ", 8) == 0) {
			for (size_t k = 0; k < sizeof features / sizeof features[0]; k++)
				have |= strcasecmp(features[k], f[i] + 8) == 0;
		} else if (strncmp(f[i], "keyword ", 8) == 0) {
			have = keyword_find(f[i] + 8) || app_buffer_id(f[i] + 8);
		} /* what is asked for in words that are not known yet cannot be there */
		if (!have && !unmet)
			unmet = f[i];
	}
	if (unmet)
		builder_find(b, FINDING_NOTE, "requires", "left out: missing a required feature: %s", unmet);
	return unmet ? 1 : 0;
}

SETUP(noalert)
{
	b->sig->flags |= SIG_NOALERT;
	return 0;
}

SETUP(alert)
{
	b->sig->flags &= ~(uint64_t)SIG_NOALERT;
	return 0;
}

static int threshold_add(struct builder *b, const struct rule_option *o, bool filter, struct error *error)
{
	if (b->sig->threshold)
		return error_set(error, EINVAL, "the rule has a threshold or detection_filter already");
	struct threshold *t = builder_alloc(b, sizeof *t);
	int rc = threshold_parse(o->value, filter, t, error);
	if (rc == 0)
		b->sig->threshold = t;
	return rc;
}

SETUP(threshold)
{
	return threshold_add(b, o, false, error);
}

SETUP(detection_filter)
{
	return threshold_add(b, o, true, error);
}

SETUP(prefilter)
{
	b->sig->flags |= SIG_PREFILTER;
	return 0;
}

/* tag:session|host[,N,packets|seconds|bytes[,src|dst]] */

static void tag_run(struct detect_scratch *s, const struct signature_effect *e)
{
	if (e->data && s->flow && s->tag)
		s->tag(s, e->data);
}

SETUP(tag)
{
	char *f[4];
	unsigned n = builder_fields(b, o->value, ',', f, 4);
	struct rule_tag *t = builder_alloc(b, sizeof *t);
	t->host = strcmp(f[0], "host") == 0;
	t->count = 256;
	if (!t->host && strcmp(f[0], "session") != 0)
		return error_set(error, EINVAL, "a tag is of the session or of the host");
	if (n >= 2) {
		int rc = whole_number(f[1], 1, UINT32_MAX, &t->count, error);
		if (rc)
			return rc;
		if (n < 3)
			return error_set(error, EINVAL, "a tag's number is of packets, seconds or bytes");
	}
	if (n >= 3) {
		t->metric = strcmp(f[2], "packets") == 0 ? TAG_PACKETS : strcmp(f[2], "seconds") == 0 ? TAG_SECONDS : strcmp(f[2], "bytes") == 0 ? TAG_BYTES : UINT8_MAX;
		if (t->metric == UINT8_MAX)
			return error_set(error, EINVAL, "a tag's number is of packets, seconds or bytes");
	}
	if (n == 4) {
		t->dst = strcmp(f[3], "dst") == 0;
		if (!t->host || (!t->dst && strcmp(f[3], "src") != 0))
			return error_set(error, EINVAL, "a host's tag follows src or dst");
	}
	t->gid = b->rule->gid;
	t->sid = b->rule->sid;
	builder_effect(b, tag_run)->data = t;
	return 0;
}

/* config:logging disable, type tx, scope flow */

static void config_run(struct detect_scratch *s, const struct signature_effect *e)
{
	if (s->tx && e->a == 0)
		s->tx->logged = UINT32_MAX;
	else if (s->flow && s->configure)
		s->configure(s, (unsigned)e->a);
}

SETUP(config)
{
	char *f[4];
	unsigned n = builder_fields(b, o->value, ',', f, 4);
	bool disable = n && strcmp(f[0], "logging disable") == 0, tracking = n && strncmp(f[0], "tracking", 8) == 0;
	if (b->sig->action != RULE_CONFIG)
		return error_set(error, EINVAL, "config belongs to rules whose action is config");
	if (n != 3 || (!disable && !tracking) || strncmp(f[1], "type ", 5) != 0 || strncmp(f[2], "scope ", 6) != 0)
		return error_set(error, EINVAL, "config is written logging disable, type tx, scope tx (or flow, packet)");
	bool tx = strcmp(f[1] + 5, "tx") == 0, flow = strcmp(f[1] + 5, "flow") == 0;
	if (tracking || (!tx && !flow))
		return error_set(error, ENOTSUP, "this config is not evaluated");
	builder_effect(b, config_run)->a = tx && strcmp(f[2] + 6, "tx") == 0 ? 0 : tx ? 1 : 2;
	b->sig->flags |= SIG_NOALERT;
	return 0;
}
