// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The network in the words of `ip`: lines of `ip route show table all` (also with -6), of `ip rule`, and of `ip -o address`. Addresses and local routes that
 * are not there follow from connected routes with `src`; without rules there are the usual three.
 */
#include "ruleset/network.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 16 << 20 };

#define ADD(n, list)                                                                                                                                       \
	((n)->list = xrealloc((n)->list, ((n)->n_##list + 1) * sizeof *(n)->list), memset(&(n)->list[(n)->n_##list], 0, sizeof *(n)->list),               \
	 &(n)->list[(n)->n_##list++])

struct line {
	char *save;
	const char *word; /* the present one, NULL at the end */
	int number;
	struct error *error;
	struct network *network;
};

static const char *next(struct line *l)
{
	return l->word = strtok_r(NULL, " \t", &l->save);
}

static int wrong(struct line *l, const char *what)
{
	int rc = error_set(l->error, EINVAL, "line %d: '%s': %s", l->number, l->word ? l->word : "(end)", what);
	if (l->error)
		l->error->line = l->number;
	return rc;
}

static const struct name {
	const char *name;
	uint32_t value;
} types[] = {{"unicast", RTN_UNICAST}, {"local", RTN_LOCAL}, {"broadcast", RTN_BROADCAST}, {"anycast", RTN_ANYCAST}, {"multicast", RTN_MULTICAST},
	     {"blackhole", RTN_BLACKHOLE}, {"unreachable", RTN_UNREACHABLE}, {"prohibit", RTN_PROHIBIT}, {"throw", RTN_THROW}, {0}},
  tables[] = {{"local", RT_TABLE_LOCAL}, {"main", RT_TABLE_MAIN}, {"default", RT_TABLE_DEFAULT}, {0}};

static bool find(const struct name *t, const char *word, uint32_t *out)
{
	for (; t->name; t++) {
		if (word && strcmp(t->name, word) == 0) {
			*out = t->value;
			return true;
		}
	}
	return false;
}

static bool number(const char *word, uint32_t *out)
{
	char *end;
	if (!word || !*word)
		return false;
	*out = (uint32_t)strtoul(word, &end, 0);
	return !*end;
}

static bool table_number(const char *word, uint32_t *out)
{
	return find(tables, word, out) || number(word, out);
}

/* "default", "10.0.0.0/24", "2001:db8::1" */
static bool prefix(const char *word, struct address *a, uint8_t *bits)
{
	const char *slash = word ? strchr(word, '/') : NULL;
	uint32_t v = 0;
	if (!word || !address_parse(slash ? bytes_of(word, (size_t)(slash - word)) : bytes_of_string(word), a))
		return false;
	uint32_t most = a->family == 4 ? 32 : 128;
	if (slash && (!number(slash + 1, &v) || v > most))
		return false;
	*bits = (uint8_t)(slash ? v : most);
	return true;
}

static bool plain(const char *word, struct address *a)
{
	return word && address_parse(bytes_of_string(word), a);
}

/* One word of a route with its value. -1: unknown. */
static int route_word(struct line *l, struct network_route *r)
{
	uint32_t v;
	const char *w = l->word;
	if (strcmp(w, "via") == 0) {
		next(l);
		if (l->word && (strcmp(l->word, "inet6") == 0 || strcmp(l->word, "inet") == 0))
			next(l);
		return plain(l->word, &r->via) ? 0 : wrong(l, "an address was expected after 'via'");
	}
	if (strcmp(w, "dev") == 0) {
		if (!next(l) || strlen(l->word) > 15)
			return wrong(l, "the name of a device was expected after 'dev'");
		r->device = network_device_add(l->network, l->word)->index;
		return 0;
	}
	if (strcmp(w, "src") == 0)
		return plain(next(l), &r->source) ? 0 : wrong(l, "an address was expected after 'src'");
	if (strcmp(w, "table") == 0)
		return table_number(next(l), &r->table) ? 0 : wrong(l, "a table was expected (numbers, local, main, default)");
	if (strcmp(w, "metric") == 0)
		return number(next(l), &r->metric) ? 0 : wrong(l, "a number was expected after 'metric'");
	if (strcmp(w, "tos") == 0) {
		bool ok = number(next(l), &v);
		r->tos = ok ? (uint8_t)v : 0;
		return ok ? 0 : wrong(l, "a number was expected after 'tos'");
	}
	if (strcmp(w, "nexthop") == 0) {
		r->has_more = true;
		return 0;
	}
	static const char *const with_value[] = {"proto", "scope", "pref", "mtu", "advmss", "weight", "expires", "hoplimit", "error", "realm", "initcwnd", "nhid", "encap"};
	for (size_t i = 0; i < sizeof with_value / sizeof *with_value; i++)
		if (strcmp(w, with_value[i]) == 0)
			next(l);
	return 0; /* flags: linkdown, onlink, pervasive, … */
}

static int route(struct line *l)
{
	struct network_route r = {.type = RTN_UNICAST};
	uint32_t type;
	int rc = 0;
	bool is_default;
	if (find(types, l->word, &type)) {
		r.type = (uint8_t)type;
		next(l);
	}
	is_default = l->word && strcmp(l->word, "default") == 0;
	if (!is_default && !prefix(l->word, &r.dst, &r.prefix))
		return wrong(l, "a destination was expected, as in `ip route show`");
	while (!rc && next(l))
		rc = route_word(l, &r);
	if (rc)
		return rc;
	if (is_default)
		r.dst.family = r.via.family ? r.via.family : r.source.family ? r.source.family : 4;
	r.family = r.dst.family;
	if (!r.table)
		r.table = r.type == RTN_LOCAL || r.type == RTN_BROADCAST || r.type == RTN_ANYCAST || r.type == RTN_MULTICAST ? RT_TABLE_LOCAL : RT_TABLE_MAIN;
	*ADD(l->network, routes) = r;
	return 0;
}

static int rule_word(struct line *l, struct network_rule *r)
{
	const char *w = l->word;
	if (strcmp(w, "not") == 0) {
		r->inverted = true;
	} else if (strcmp(w, "from") == 0 || strcmp(w, "to") == 0) {
		bool from = *w == 'f';
		next(l);
		if (l->word && strcmp(l->word, "all") == 0)
			return 0;
		if (!prefix(l->word, from ? &r->src : &r->dst, from ? &r->src_prefix : &r->dst_prefix))
			return wrong(l, "a prefix or 'all' was expected");
	} else if (strcmp(w, "fwmark") == 0) {
		if (!next(l))
			return wrong(l, "a mark was expected");
		char *end;
		r->mark = (uint32_t)strtoul(l->word, &end, 0);
		r->mask = *end == '/' ? (uint32_t)strtoul(end + 1, NULL, 0) : UINT32_MAX;
	} else if (strcmp(w, "iif") == 0 || strcmp(w, "oif") == 0) {
		char *to = *w == 'i' ? r->iif : r->oif;
		if (!next(l) || strlen(l->word) > 15)
			return wrong(l, "the name of a device was expected");
		strcpy(to, l->word);
	} else if (strcmp(w, "lookup") == 0 || strcmp(w, "table") == 0) {
		r->action = FR_ACT_TO_TBL;
		if (!table_number(next(l), &r->table))
			return wrong(l, "a table was expected");
	} else if (strcmp(w, "suppress_prefixlength") == 0) {
		r->suppress_default = next(l) != NULL;
	} else if (strcmp(w, "blackhole") == 0 || strcmp(w, "unreachable") == 0 || strcmp(w, "prohibit") == 0) {
		r->action = *w == 'b' ? FR_ACT_BLACKHOLE : *w == 'u' ? FR_ACT_UNREACHABLE : FR_ACT_PROHIBIT;
	}
	return 0;
}

/* "0: from all lookup local": of both families unless an address says which */
static int rule(struct line *l)
{
	struct network_rule r = {.priority = (uint32_t)strtoul(l->word, NULL, 10), .action = FR_ACT_TO_TBL, .table = RT_TABLE_MAIN};
	int rc = 0;
	while (!rc && next(l))
		rc = rule_word(l, &r);
	uint8_t said = r.src.family ? r.src.family : r.dst.family;
	for (uint8_t family = 4; family <= 6 && !rc; family += 2) {
		if (said && said != family)
			continue;
		r.family = family;
		*ADD(l->network, rules) = r;
	}
	return rc;
}

/* "2: eth0    inet 192.0.2.1/24 brd … scope global eth0" */
static int interface_address(struct line *l, const char *device)
{
	struct network_address a = {.device = network_device_add(l->network, device)->index};
	if (!prefix(next(l), &a.address, &a.prefix))
		return wrong(l, "an address was expected");
	while (next(l))
		if (strcmp(l->word, "scope") == 0 && next(l))
			a.scope = strcmp(l->word, "link") == 0 ? RT_SCOPE_LINK : strcmp(l->word, "host") == 0 ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE;
	*ADD(l->network, addresses) = a;
	return 0;
}

static int numbered(struct line *l)
{
	char first[32];
	strncpy(first, l->word, sizeof first - 1);
	first[sizeof first - 1] = 0;
	char *copy = xstrdup(l->save ? l->save : ""), *save = NULL;
	const char *device = strtok_r(copy, " \t", &save), *family = strtok_r(NULL, " \t", &save);
	int rc;
	if (family && (strcmp(family, "inet") == 0 || strcmp(family, "inet6") == 0)) {
		next(l);
		next(l);
		rc = interface_address(l, device);
	} else {
		rc = rule(l);
	}
	free(copy);
	return rc;
}

static int by_priority(const void *a, const void *b)
{
	const struct network_rule *x = a, *y = b;
	return x->priority < y->priority ? -1 : x->priority > y->priority;
}

/* What `ip` would have shown too. */
static void complete(struct network *n)
{
	static const uint32_t usual[][2] = {{0, RT_TABLE_LOCAL}, {32766, RT_TABLE_MAIN}, {32767, RT_TABLE_DEFAULT}};
	for (size_t i = 0, end = n->n_routes; i < end; i++) {
		struct network_route r = n->routes[i];
		bool have = false;
		for (size_t j = 0; j < n->n_addresses; j++)
			have |= address_equal(&n->addresses[j].address, &r.source);
		if (!r.source.family || r.via.family || have || r.type != RTN_UNICAST)
			continue;
		*ADD(n, addresses) = (struct network_address){.address = r.source, .device = r.device, .prefix = r.prefix};
	}
	for (size_t i = 0; i < n->n_addresses; i++) {
		const struct network_address *a = &n->addresses[i];
		if (!network_is_local(n, &a->address, 0))
			*ADD(n, routes) = (struct network_route){.family = a->address.family, .prefix = a->address.family == 4 ? 32 : 128, .type = RTN_LOCAL,
								 .dst = a->address, .device = a->device, .table = RT_TABLE_LOCAL};
	}
	for (size_t i = 0; !n->n_rules && i < 6; i++) {
		struct network_rule *r = xrealloc(n->rules, 6 * sizeof *r);
		n->rules = r;
		r[i] = (struct network_rule){.family = i % 2 ? 6 : 4, .priority = usual[i / 2][0], .action = FR_ACT_TO_TBL, .table = usual[i / 2][1]};
		if (i == 5)
			n->n_rules = 6;
	}
	qsort(n->rules, n->n_rules, sizeof *n->rules, by_priority);
}

int network_read_text(struct network **out, const char *text, struct error *error)
{
	struct network *n = network_new();
	char *copy = xstrdup(text), *save = NULL;
	int rc = 0, line_number = 0;
	for (char *at = copy, *end; at && !rc; at = end) {
		end = strchr(at, '\n');
		if (end)
			*end++ = 0;
		struct line l = {.number = ++line_number, .error = error, .network = n};
		at[strcspn(at, "#\r\\")] = 0;
		l.word = strtok_r(at, " \t", &save);
		l.save = save;
		if (!l.word)
			continue;
		rc = l.word[strlen(l.word) - 1] == ':' && *l.word >= '0' && *l.word <= '9' ? numbered(&l) : route(&l);
	}
	free(copy);
	if (rc) {
		network_free(n);
		return rc;
	}
	complete(n);
	n->known = true;
	*out = n;
	return 0;
}

int network_read_file(struct network **out, const char *path, struct error *error)
{
	struct buffer b = {0};
	int rc = file_read(path, TEXT_MAX, &b, error);
	if (rc == 0) {
		rc = network_read_text(out, buffer_string(&b), error);
		if (rc)
			error_prefix(error, "%s: ", path);
	}
	buffer_free(&b);
	return rc;
}
