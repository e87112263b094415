// SPDX-License-Identifier: GPL-2.0-or-later
#include "rule/ranges.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

enum { MAX_NESTING = 32, MAX_RANGES = 1 << 20 };

struct parse {
	const struct range_kind *kind;
	struct range_vars *vars;
	const char *start, *p, *end;
	unsigned depth;
	struct error *error;
};

void range_list_add(struct range_list *l, uint8_t family, range_number first, range_number last)
{
	if (l->n == l->room)
		l->item = xrealloc(l->item, (l->room = l->room ? l->room * 2 : 8) * sizeof *l->item);
	l->item[l->n++] = (struct number_range){family, first, last};
}

void range_list_free(struct range_list *l)
{
	free(l->item);
	*l = (struct range_list){0};
}

static int compare(const void *va, const void *vb)
{
	const struct number_range *a = va, *b = vb;
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return a->first < b->first ? -1 : a->first > b->first;
}

void range_list_tidy(struct range_list *l)
{
	if (l->n < 2)
		return;
	qsort(l->item, l->n, sizeof *l->item, compare);
	size_t kept = 0;
	for (size_t i = 1; i < l->n; i++) {
		struct number_range *last = &l->item[kept], *r = &l->item[i];
		/* last + 1 cannot wrap: then it is the greatest number and r->first is not beyond it */
		if (r->family == last->family && (r->first <= last->last || r->first == last->last + 1)) {
			if (r->last > last->last)
				last->last = r->last;
		} else {
			l->item[++kept] = *r;
		}
	}
	l->n = kept + 1;
}

/* a less b, both tidy. */
static struct range_list subtract(const struct range_list *a, const struct range_list *b)
{
	struct range_list out = {0};
	size_t k = 0;
	for (size_t i = 0; i < a->n; i++) {
		struct number_range r = a->item[i];
		bool left = true;
		while (k < b->n && (b->item[k].family < r.family || (b->item[k].family == r.family && b->item[k].last < r.first)))
			k++;
		for (size_t m = k; left && m < b->n && b->item[m].family == r.family && b->item[m].first <= r.last; m++) {
			if (b->item[m].first > r.first)
				range_list_add(&out, r.family, r.first, b->item[m].first - 1);
			left = b->item[m].last < r.last;
			r.first = b->item[m].last + 1;
		}
		if (left)
			range_list_add(&out, r.family, r.first, r.last);
	}
	return out;
}

static void append(struct range_list *to, const struct range_list *from)
{
	for (size_t i = 0; i < from->n; i++)
		range_list_add(to, from->item[i].family, from->item[i].first, from->item[i].last);
}

static int fail_at(struct parse *s, const char *at, const char *format, ...) __attribute__((format(printf, 3, 4)));
static int fail_at(struct parse *s, const char *at, const char *format, ...)
{
	if (!s->error)
		return -EINVAL;
	va_list args;
	va_start(args, format);
	vsnprintf(s->error->text, sizeof s->error->text, format, args);
	va_end(args);
	s->error->column = (int)(at - s->start) + 1;
	return -EINVAL;
}

static void skip_space(struct parse *s)
{
	while (s->p < s->end && isspace((unsigned char)*s->p))
		s->p++;
}

static int resolve(const struct range_kind *kind, struct range_vars *vars, struct range_var *v, unsigned depth, struct error *error);
static int parse_list(struct parse *s, struct range_list *out);

static int parse_variable(struct parse *s, struct range_list *out)
{
	const char *at = s->p++, *name = s->p;
	while (s->p < s->end && (isalnum((unsigned char)*s->p) || *s->p == '_' || *s->p == '-' || *s->p == '.'))
		s->p++;
	size_t len = (size_t)(s->p - name);
	for (size_t i = 0; s->vars && i < s->vars->n; i++) {
		struct range_var *v = &s->vars->var[i];
		if (strlen(v->name) != len || memcmp(v->name, name, len) != 0)
			continue;
		struct error inner = {0};
		if (resolve(s->kind, s->vars, v, s->depth, &inner) < 0)
			return fail_at(s, at, "variable $%s: %s", v->name, inner.text);
		append(out, &v->set);
		out->any = v->set.any;
		return 0;
	}
	return fail_at(s, at, "variable $%.*s is not set under %s", (int)len, name, s->kind->group);
}

static int parse_atom(struct parse *s, struct range_list *out)
{
	const char *at = s->p;
	while (s->p < s->end && *s->p != ',' && *s->p != ']' && *s->p != '[')
		s->p++;
	const char *end = s->p;
	while (end > at && isspace((unsigned char)end[-1]))
		end--;
	if (end == at)
		return fail_at(s, at, "expected %s %s", s->kind == &address_kind ? "an" : "a", s->kind->what);
	if (end - at == 3 && bytes_equal_nocase(bytes_of(at, 3), BYTES_LITERAL("any"))) {
		s->kind->all(out);
		out->any = true;
		return 0;
	}
	struct error inner = {0};
	if (s->kind->atom(bytes_of(at, (size_t)(end - at)), out, &inner) < 0)
		return fail_at(s, at, "%s", inner.text);
	return 0;
}

/* One item without its '!' signs. */
static int parse_positive(struct parse *s, struct range_list *out)
{
	if (s->p < s->end && *s->p == '[') {
		const char *at = s->p++;
		if (++s->depth > MAX_NESTING)
			return fail_at(s, at, "lists are nested too deeply");
		int status = parse_list(s, out);
		s->depth--;
		if (status < 0)
			return status;
		if (s->p == s->end || *s->p != ']')
			return fail_at(s, at, "this '[' is never closed");
		s->p++;
		return 0;
	}
	if (s->p < s->end && *s->p == '$')
		return parse_variable(s, out);
	return parse_atom(s, out);
}

struct sums {
	struct range_list in, out;
	bool listed; /* something stands without '!' */
};

static int parse_item(struct parse *s, struct sums *sums)
{
	bool negated = false;
	skip_space(s);
	const char *at = s->p;
	while (s->p < s->end && *s->p == '!') {
		negated = !negated;
		s->p++;
		skip_space(s);
	}
	struct range_list item = {0};
	int status = parse_positive(s, &item);
	if (status == 0 && negated && item.any)
		status = fail_at(s, at, "'!any' matches nothing");
	if (status == 0) {
		struct range_list *to = negated ? &sums->out : &sums->in;
		append(to, &item);
		to->any |= item.any;
		sums->listed |= !negated;
		if (to->n > MAX_RANGES)
			status = fail_at(s, at, "the list is too long");
	}
	range_list_free(&item);
	skip_space(s);
	return status;
}

static int combine(struct parse *s, const char *at, struct sums *sums, struct range_list *out)
{
	if (!sums->listed)
		s->kind->all(&sums->in);
	range_list_tidy(&sums->in);
	range_list_tidy(&sums->out);
	*out = subtract(&sums->in, &sums->out);
	out->any = sums->in.any && sums->out.n == 0;
	if (out->n > 0)
		return 0;
	range_list_free(out);
	return fail_at(s, at, "nothing is left: all that is listed is excluded too");
}

static int parse_list(struct parse *s, struct range_list *out)
{
	struct sums sums = {0};
	const char *at = s->p;
	int status;
	for (;;) {
		status = parse_item(s, &sums);
		if (status < 0 || s->p == s->end || *s->p != ',')
			break;
		s->p++;
	}
	if (status == 0)
		status = combine(s, at, &sums, out);
	range_list_free(&sums.in);
	range_list_free(&sums.out);
	return status;
}

static int parse_all(const struct range_kind *kind, struct bytes text, struct range_vars *vars, unsigned depth, struct range_list *out,
		     struct error *error)
{
	const char *start = (const char *)text.data;
	struct parse s = {.kind = kind, .vars = vars, .start = start, .p = start, .end = start + text.len, .depth = depth, .error = error};
	int status = parse_list(&s, out);
	if (status == 0 && s.p < s.end)
		status = fail_at(&s, s.p, *s.p == ']' ? "this ']' closes nothing" : "expected ',' or the end of the list");
	if (status < 0)
		range_list_free(out);
	return status;
}

int range_list_parse(const struct range_kind *kind, struct bytes text, struct range_vars *vars, struct range_list *out, struct error *error)
{
	return parse_all(kind, text, vars, 0, out, error);
}

static int resolve(const struct range_kind *kind, struct range_vars *vars, struct range_var *v, unsigned depth, struct error *error)
{
	if (v->state == VAR_DONE)
		return 0;
	if (v->state == VAR_OPEN || depth + 1 >= MAX_NESTING)
		return error_set(error, EINVAL, "it is made of itself");
	v->state = VAR_OPEN;
	int status = parse_all(kind, bytes_of_string(v->text), vars, depth + 1, &v->set, error);
	v->state = status < 0 ? VAR_NEW : VAR_DONE;
	return status;
}

/* A value that was written as a YAML list becomes the text of one. */
static void list_text(const struct conf *n, struct buffer *out)
{
	if (!n->first) {
		buffer_add_string(out, n->value ? n->value : "");
		return;
	}
	buffer_add_byte(out, '[');
	for (const struct conf *c = n->first; c; c = c->next) {
		buffer_add_string(out, c->value ? c->value : "");
		if (c->next)
			buffer_add_byte(out, ',');
	}
	buffer_add_byte(out, ']');
}

static int vars_read(const struct range_kind *kind, struct conf *conf, struct range_vars *vars, struct error *error)
{
	struct conf *group = conf_get(conf, kind->group);
	conf_use_all(group);
	for (struct conf *c = group ? group->first : NULL; c; c = c->next) {
		struct buffer text = {0};
		list_text(c, &text);
		if (text.len) {
			vars->var = xrealloc(vars->var, (vars->n + 1) * sizeof *vars->var);
			vars->var[vars->n++] = (struct range_var){.name = xstrdup(c->name), .text = xstrdup(buffer_string(&text))};
		}
		buffer_free(&text);
	}
	for (size_t i = 0; i < vars->n; i++) {
		if (resolve(kind, vars, &vars->var[i], 0, error) < 0) {
			error_prefix(error, "%s.%s '%s'", kind->group, vars->var[i].name, vars->var[i].text);
			return conf_place(conf_child(group, vars->var[i].name), error);
		}
	}
	return 0;
}

struct rule_vars *rule_vars_read(struct conf *conf, struct error *error)
{
	struct rule_vars *v = xcalloc(1, sizeof *v);
	if (vars_read(&address_kind, conf, &v->addresses, error) < 0 || vars_read(&port_kind, conf, &v->ports, error) < 0) {
		rule_vars_free(v);
		return NULL;
	}
	return v;
}

static void vars_free(struct range_vars *vars)
{
	for (size_t i = 0; i < vars->n; i++) {
		free(vars->var[i].name);
		free(vars->var[i].text);
		range_list_free(&vars->var[i].set);
	}
	free(vars->var);
}

void rule_vars_free(struct rule_vars *v)
{
	if (!v)
		return;
	vars_free(&v->addresses);
	vars_free(&v->ports);
	free(v);
}
