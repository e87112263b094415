// SPDX-License-Identifier: GPL-2.0-or-later
/* Findings for people, as JSON, and as SARIF 2.1.0. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "ruleset/check.h"
#include "ruleset/print.h"

static bool told(const struct finding *f, enum check_severity least)
{
	return check_kinds[f->code].severity >= least;
}

static char *rule_text(const struct check *c, const struct ruleset_rule *r)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);
	if (f) {
		ruleset_print_rule(f, c->rs, r);
		fclose(f);
	}
	return text ? text : xstrdup("");
}

/* ---- for people ---- */

static void write_place(FILE *out, const struct check *c, const struct finding *f)
{
	const char *file = f->file ? f->file : c->o->file;
	if (f->line && file)
		fprintf(out, f->column ? "%s:%u:%u " : "%s:%u ", file, f->line, f->column);
	else if (f->file)
		fprintf(out, "%s ", f->file);
	if (f->table)
		fprintf(out, "table %s %s ", ruleset_family_name(f->table->family), f->table->name);
	if (f->chain)
		fprintf(out, "chain %s ", f->chain->name);
	if (f->rule && f->rule->handle)
		fprintf(out, "rule %u (handle %llu)", f->rule->index, (unsigned long long)f->rule->handle);
	else if (f->rule)
		fprintf(out, "rule %u", f->rule->index);
	if (f->set && !f->rule)
		fprintf(out, "set %s", f->set->name);
}

static char *place_text(const struct check *c, const struct finding *f)
{
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);
	if (out) {
		write_place(out, c, f);
		fclose(out);
	}
	while (n && text[n - 1] == ' ')
		text[--n] = 0;
	return text ? text : xstrdup("");
}

static void write_underlined(FILE *out, const struct check *c, const struct finding *f)
{
	char *text = rule_text(c, f->rule);
	size_t from = 0, to = strlen(text);
	if (f->step && (!ruleset_step_columns(c->rs, f->rule, f->step, &from, &to) || to > strlen(text) || from >= to)) {
		from = 0;
		to = strlen(text);
	}
	fprintf(out, "    %s\n    %*s", text, (int)from, "");
	for (size_t i = from; i < to; i++)
		fputc('^', out);
	fputc('\n', out);
	free(text);
}

void check_write_path(FILE *out, const struct check *c, const struct finding *f)
{
	const struct ruleset_chain *in = NULL;
	for (size_t i = 0; i < f->n_path; i++) {
		const struct path_item *p = &f->path[i];
		if (!p->rule && strcmp(p->what, "chain") == 0)
			fprintf(out, "%s%s %s %s", i ? "; " : "", ruleset_family_name(p->chain->table->family), p->chain->table->name, p->chain->name);
		else if (!p->rule)
			fprintf(out, ": %s", p->what);
		else if (p->chain == in)
			fprintf(out, ", rule %u: %s", p->rule->index, p->what);
		else
			fprintf(out, "%s%s rule %u: %s", p->chain->type ? "" : " > ", p->chain->type ? "," : p->chain->name, p->rule->index, p->what);
		in = p->rule ? p->chain : in;
	}
}

static void write_witness(FILE *out, const struct check *c, const struct finding *f)
{
	if (!f->packet)
		return;
	fprintf(out, "    packet: %s\n", f->packet);
	if (f->n_path) {
		fputs("    its way: ", out);
		check_write_path(out, c, f);
		fputc('\n', out);
	}
	if (f->rests_on)
		fprintf(out, "    can happen; it rests on: %s\n", f->rests_on);
	else
		fprintf(out, "    %s\n", f->proven ? "proven" : "can happen");
}

size_t check_write_text(FILE *out, const struct check *c, enum check_severity least)
{
	size_t n = 0, counts[3] = {0};
	for (const struct finding *f = c->findings; f; f = f->next) {
		const struct check_kind *k = &check_kinds[f->code];
		if (!told(f, least))
			continue;
		char *place = place_text(c, f);
		fprintf(out, "%s[%s]: %s\n", check_severity_names[k->severity], k->code, k->title);
		if (*place)
			fprintf(out, "  at %s\n", place);
		if (f->rule)
			write_underlined(out, c, f);
		fprintf(out, "    %s\n", f->text);
		write_witness(out, c, f);
		fprintf(out, "    fix: %s\n\n", k->fix);
		free(place);
		counts[k->severity]++;
		n++;
	}
	for (int i = 0; i < CHECK_CODES; i++)
		if (c->n_left_out[i] && check_kinds[i].severity >= least)
			fprintf(out, "and %zu more of %s\n", c->n_left_out[i], check_kinds[i].code);
	if (c->proved.len)
		fprintf(out, "proven:\n%.*s", (int)c->proved.len, (const char *)c->proved.data);
	if (c->limits.len)
		fprintf(out, "what limits these conclusions:\n%.*s", (int)c->limits.len, (const char *)c->limits.data);
	if (n)
		fprintf(out, "%zu errors, %zu warnings, %zu notes\n", counts[CHECK_ERROR], counts[CHECK_WARNING], counts[CHECK_NOTE]);
	else
		fputs("no findings\n", out);
	return n;
}

/* ---- JSON ---- */

static void json_path(struct json *j, const struct finding *f)
{
	json_open_array(j, "path");
	for (size_t i = 0; i < f->n_path; i++) {
		const struct path_item *p = &f->path[i];
		json_open(j, NULL);
		json_string(j, "family", ruleset_family_name(p->chain->table->family));
		json_string(j, "table", p->chain->table->name);
		json_string(j, "chain", p->chain->name);
		if (p->rule)
			json_uint(j, "rule", p->rule->index);
		json_string(j, "what", p->what);
		json_close(j);
	}
	json_close_array(j);
}

static void json_place(struct json *j, const struct check *c, const struct finding *f)
{
	if (f->line) {
		json_string(j, "file", f->file ? f->file : c->o->file ? c->o->file : "live");
		json_uint(j, "line", f->line);
	}
	if (f->table) {
		json_string(j, "family", ruleset_family_name(f->table->family));
		json_string(j, "table", f->table->name);
	}
	if (f->chain)
		json_string(j, "chain", f->chain->name);
	if (f->set)
		json_string(j, "set", f->set->name);
	if (f->rule) {
		char *text = rule_text(c, f->rule);
		json_uint(j, "rule", f->rule->index);
		if (f->rule->handle)
			json_uint(j, "handle", f->rule->handle);
		json_string(j, "text", text);
		free(text);
	}
}

static void json_finding(struct json *j, const struct check *c, const struct finding *f)
{
	const struct check_kind *k = &check_kinds[f->code];
	json_open(j, NULL);
	json_string(j, "code", k->code);
	json_string(j, "severity", check_severity_names[k->severity]);
	json_string(j, "title", k->title);
	json_string(j, "message", f->text);
	json_string(j, "fix", k->fix);
	json_place(j, c, f);
	if (f->packet) {
		json_string(j, "packet", f->packet);
		json_bool(j, "proven", f->proven);
		json_string(j, "packet_family", ruleset_family_name(f->family));
		json_string(j, "hook", ruleset_hook_name(f->family, f->hook));
		json_path(j, f);
	}
	if (f->rests_on)
		json_string(j, "rests_on", f->rests_on);
	json_close(j);
}

static void json_lines(struct json *j, const char *key, const struct buffer *lines)
{
	json_open_array(j, key);
	for (size_t at = 0; at < lines->len;) {
		const uint8_t *end = memchr(lines->data + at, '\n', lines->len - at);
		size_t n = end ? (size_t)(end - lines->data) - at : lines->len - at;
		json_bytes(j, NULL, (struct bytes){lines->data + at, n});
		at += n + 1;
	}
	json_close_array(j);
}

size_t check_write_json(FILE *out, const struct check *c, enum check_severity least)
{
	struct buffer b = {0};
	struct json j = json_into(&b);
	size_t n = 0;
	json_open(&j, NULL);
	json_open_array(&j, "findings");
	for (const struct finding *f = c->findings; f; f = f->next)
		if (told(f, least)) {
			json_finding(&j, c, f);
			n++;
		}
	json_close_array(&j);
	json_lines(&j, "proven", &c->proved);
	json_lines(&j, "limits", &c->limits);
	json_close(&j);
	fprintf(out, "%.*s\n", (int)b.len, (const char *)b.data);
	buffer_free(&b);
	return n;
}

/* ---- SARIF ---- */

static void sarif_message(struct json *j, const char *key, const char *text)
{
	json_open(j, key);
	json_string(j, "text", text);
	json_close(j);
}

static void sarif_rules(struct json *j)
{
	json_open_array(j, "rules");
	for (int i = 0; i < CHECK_CODES; i++) {
		json_open(j, NULL);
		json_string(j, "id", check_kinds[i].code);
		sarif_message(j, "shortDescription", check_kinds[i].title);
		sarif_message(j, "help", check_kinds[i].fix);
		json_close(j);
	}
	json_close_array(j);
}

static void sarif_location(struct json *j, const struct check *c, const struct finding *f)
{
	char *place = place_text(c, f);
	const char *file = f->file ? f->file : c->o->file;
	json_open_array(j, "locations");
	json_open(j, NULL);
	if (file) {
		json_open(j, "physicalLocation");
		json_open(j, "artifactLocation");
		json_string(j, "uri", file);
		json_close(j);
		json_open(j, "region");
		json_uint(j, "startLine", f->line ? f->line : 1);
		json_close(j);
		json_close(j);
	}
	json_open_array(j, "logicalLocations");
	json_open(j, NULL);
	json_string(j, "fullyQualifiedName", place);
	json_close(j);
	json_close_array(j);
	json_close(j);
	json_close_array(j);
	free(place);
}

size_t check_write_sarif(FILE *out, const struct check *c, enum check_severity least)
{
	struct buffer b = {0};
	struct json j = json_into(&b);
	size_t n = 0;
	json_open(&j, NULL);
	json_string(&j, "$schema", "https://json.schemastore.org/sarif-2.1.0.json");
	json_string(&j, "version", "2.1.0");
	json_open_array(&j, "runs");
	json_open(&j, NULL);
	json_open(&j, "tool");
	json_open(&j, "driver");
	json_string(&j, "name", "sluice ruleset check");
	json_string(&j, "version", SLUICE_VERSION);
	sarif_rules(&j);
	json_close(&j);
	json_close(&j);
	json_open_array(&j, "results");
	for (const struct finding *f = c->findings; f; f = f->next) {
		if (!told(f, least))
			continue;
		char *text = xasprintf("%s%s%s", f->text, f->packet ? "; packet: " : "", f->packet ? f->packet : "");
		json_open(&j, NULL);
		json_string(&j, "ruleId", check_kinds[f->code].code);
		json_string(&j, "level", check_severity_names[check_kinds[f->code].severity]);
		sarif_message(&j, "message", text);
		sarif_location(&j, c, f);
		json_close(&j);
		free(text);
		n++;
	}
	json_close_array(&j);
	json_close(&j);
	json_close_array(&j);
	json_close(&j);
	fprintf(out, "%.*s\n", (int)b.len, (const char *)b.data);
	buffer_free(&b);
	return n;
}
