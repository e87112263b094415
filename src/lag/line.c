// SPDX-License-Identifier: GPL-2.0-or-later
#include "lag/line.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* ---- values ---- */

static bool read_number(const char *text, char **end, double *out)
{
	if (!((*text >= '0' && *text <= '9') || *text == '.'))
		return false; /* no sign, no "nan", no "inf" */
	*out = strtod(text, end);
	return *end != text && isfinite(*out);
}

/* "1%", "0.5 %", up to 100: a bare number is refused, as 0.1 could mean either. */
static bool read_share(const char *text, char **end, double *out)
{
	if (!read_number(text, end, out))
		return false;
	*end += strspn(*end, " ");
	if (**end != '%' || *out > 100)
		return false;
	(*end)++;
	*out /= 100;
	return true;
}

/* One share, or two with a comma between; the second is left alone if there is none. */
static bool read_shares(const char *text, double *first, double *second)
{
	char *end;
	if (!read_share(text, &end, first))
		return false;
	if (*end == ',' && second)
		return read_share(end + 1 + strspn(end + 1, " "), &end, second) && !*end;
	return !*end;
}

/* ---- properties, one row each ---- */

enum value { VALUE_TIME, VALUE_SHARE, VALUE_PAIR, VALUE_RATE, VALUE_COUNT, VALUE_SEED, VALUE_TABLE };
static const char *const expected[] = {
	[VALUE_TIME] = "a time of at most 60 s such as 100ms, 250us or 1.5s",
	[VALUE_SHARE] = "a share such as 1% or 0.1%, and behind a comma how much a packet resembles the one before (0% to 100%)",
	[VALUE_PAIR] = "two shares: how often a burst begins, how often it ends, such as 1%,25%",
	[VALUE_RATE] = "a rate such as 500kbit, 2mbit or 1gbit",
	[VALUE_COUNT] = "a number of packets from 1 to 1000000",
	[VALUE_SEED] = "a number from 0 to 18446744073709551615",
	[VALUE_TABLE] = "a distribution: uniform, normal, pareto, paretonormal or experimental",
};

static const struct property {
	const char *option;
	enum value value;
	size_t at, correlation; /* in struct netem; 0 for correlation: none */
} properties[] = {
#define AT(member) offsetof(struct netem, member)
	{"delay", VALUE_TIME, AT(delay), 0},
	{"jitter", VALUE_TIME, AT(jitter), 0},
	{"correlation", VALUE_SHARE, AT(delay_correlation), 0},
	{"loss", VALUE_SHARE, AT(loss), AT(loss_correlation)},
	{"burst-loss", VALUE_PAIR, AT(burst_p), AT(burst_r)},
	{"duplicate", VALUE_SHARE, AT(duplicate), AT(duplicate_correlation)},
	{"reorder", VALUE_SHARE, AT(reorder), AT(reorder_correlation)},
	{"corrupt", VALUE_SHARE, AT(corrupt), 0},
	{"rate", VALUE_RATE, AT(rate), 0},
	{"limit", VALUE_COUNT, AT(limit), 0},
	{"seed", VALUE_SEED, AT(seed), 0},
	{"distribution", VALUE_TABLE, 0, 0},
#undef AT
};

static bool set_table(struct line *l, const char *value)
{
	size_t n = strlen(value);
	if (n == 0 || n >= sizeof l->distribution || strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789-_") != n)
		return false; /* a name, never a path */
	snprintf(l->distribution, sizeof l->distribution, "%s", strcmp(value, "uniform") ? value : "");
	return true;
}

static bool set_count(uint64_t most, const char *value, uint64_t *out)
{
	char *end;
	errno = 0;
	*out = strtoull(value, &end, 0);
	return *value >= '0' && *value <= '9' && !*end && errno == 0 && *out <= most;
}

static bool set_value(struct line *l, const struct property *p, const char *value)
{
	enum { MOST_PACKETS = 1000000, BITS = 8 };
	char *at = (char *)&l->netem + p->at;
	double *second = p->correlation ? (double *)(void *)((char *)&l->netem + p->correlation) : NULL;
	uint64_t n;
	switch (p->value) {
	case VALUE_TIME:
		return conf_parse_time(value, (uint64_t *)(void *)at);
	case VALUE_SHARE:
		return read_shares(value, (double *)(void *)at, second);
	case VALUE_PAIR:
		*second = 0;
		return read_shares(value, (double *)(void *)at, second) && *second > 0;
	case VALUE_RATE:
		if (!conf_parse_rate(value, &n) || n < BITS)
			return false;
		l->netem.rate = n / BITS;
		return true;
	case VALUE_COUNT:
		if (!set_count(MOST_PACKETS, value, &n) || n == 0)
			return false;
		l->netem.limit = (uint32_t)n;
		return true;
	case VALUE_SEED:
		l->netem.has_seed = true;
		return set_count(UINT64_MAX, value, &l->netem.seed);
	case VALUE_TABLE:
		return set_table(l, value);
	}
	return false;
}

int line_set(struct line *l, const char *option, const char *value, struct error *error)
{
	for (size_t i = 0; i < sizeof properties / sizeof *properties; i++)
		if (strcmp(properties[i].option, option) == 0)
			return set_value(l, &properties[i], value) ? 0 : error_set(error, EINVAL, "%s: '%s' is not %s", option, value, expected[properties[i].value]);
	return error_set(error, EINVAL, "a line has no property '%s'", option);
}

/* ---- profiles ---- */

static int apply(struct line *l, const char *const *pairs, struct error *error)
{
	for (; *pairs; pairs += 2) {
		int code = line_set(l, pairs[0], pairs[1], error);
		if (code < 0)
			return code;
	}
	return 0;
}

/* lag.profiles.NAME: { delay: 80ms, …, in: { … } }; `in` goes over what stands beside it. */
static int apply_conf(struct line *l, struct conf *node, bool in, struct error *error)
{
	int code = 0;
	for (struct conf *c = node->first; c && code == 0; c = c->next)
		if (strcmp(c->name, "in") != 0 && (code = line_set(l, c->name, c->value ? c->value : "", error)) < 0)
			return conf_place(c, error);
	struct conf *towards = in ? conf_get(node, "in") : NULL;
	return towards ? apply_conf(l, towards, false, error) : code;
}

static int unknown_profile(const char *name, struct conf *own, struct error *error)
{
	struct buffer list = {0};
	for (unsigned i = 0; i < lag_n_profiles; i++)
		buffer_printf(&list, "%s%s", i ? ", " : "", lag_profiles[i].name);
	for (struct conf *c = own ? own->first : NULL; c; c = c->next)
		buffer_printf(&list, ", %s", c->name);
	int code = error_set(error, ENOENT, "no profile is called '%s'; there are %s", name, buffer_string(&list));
	buffer_free(&list);
	return code;
}

int line_from_profile(struct line *l, const char *name, bool in, struct conf *conf, struct error *error)
{
	struct conf *own = conf ? conf_get(conf, "lag.profiles") : NULL;
	for (struct conf *c = own ? own->first : NULL; c; c = c->next)
		if (strcmp(c->name, name) == 0)
			return apply_conf(l, c, in, error);
	for (unsigned i = 0; i < lag_n_profiles; i++)
		if (strcmp(lag_profiles[i].name, name) == 0)
			return apply(l, in && lag_profiles[i].in[0] ? lag_profiles[i].in : lag_profiles[i].out, error);
	return unknown_profile(name, own, error);
}

/* ---- as a whole ---- */

int line_check(const struct line *l, struct error *error)
{
	const struct netem *n = &l->netem;
	if (!n->delay && !n->jitter && n->loss <= 0 && n->burst_p <= 0 && n->duplicate <= 0 && n->reorder <= 0 && n->corrupt <= 0 && !n->rate)
		return error_set(error, EINVAL, "nothing is asked for: a profile, or one of --delay, --loss, --burst-loss, --duplicate, --reorder, --corrupt, --rate");
	if (n->jitter > n->delay)
		return error_set(error, EINVAL, "jitter goes both ways around the delay: it cannot be more than that");
	if (n->reorder > 0 && !n->delay)
		return error_set(error, EINVAL, "reorder sends some packets at once and the others after the delay: it needs a delay");
	if (*l->distribution && !n->jitter)
		return error_set(error, EINVAL, "a distribution is that of the jitter: it needs one");
	if (n->loss > 0 && n->burst_p > 0)
		return error_set(error, EINVAL, "loss and burst-loss are two models of the same: one of them");
	return 0;
}

bool line_needs_netem(const struct line *l)
{
	const struct netem *n = &l->netem;
	return n->delay || n->loss > 0 || n->burst_p > 0 || n->duplicate > 0 || n->reorder > 0 || n->corrupt > 0;
}

static FILE *open_table(const char *name, char *path, size_t room)
{
	static const char *const folders[] = {"/usr/lib/tc", "/usr/lib/x86_64-linux-gnu/tc", "/usr/lib/aarch64-linux-gnu/tc", "/lib/tc", "/usr/lib64/tc"};
	const char *own = getenv("TC_LIB_DIR"); /* as tc(8) */
	for (size_t i = 0; i <= sizeof folders / sizeof *folders; i++) {
		const char *folder = i ? folders[i - 1] : own;
		FILE *f = folder && (size_t)snprintf(path, room, "%s/%s.dist", folder, name) < room ? fopen(path, "re") : NULL;
		if (f)
			return f;
	}
	return NULL;
}

int line_load_distribution(struct line *l, int16_t **table, struct error *error)
{
	enum { MOST = 16384, LINE = 512 };
	char path[256], text[LINE];
	*table = NULL;
	if (!*l->distribution)
		return 0;
	FILE *f = open_table(l->distribution, path, sizeof path);
	if (!f)
		return error_set(error, ENOENT, "no table of the distribution '%s' is installed (iproute2 brings %s.dist)", l->distribution, l->distribution);
	int16_t *values = xcalloc(MOST, sizeof *values);
	uint32_t n = 0;
	while (fgets(text, sizeof text, f)) {
		char *at = text, *end;
		while (*text != '#' && n < MOST) {
			long v = strtol(at, &end, 10);
			if (end == at)
				break;
			at = end;
			values[n++] = (int16_t)(v < INT16_MIN ? INT16_MIN : v > INT16_MAX ? INT16_MAX : v);
		}
	}
	fclose(f);
	if (n == 0) {
		free(values);
		return error_set(error, EINVAL, "%s holds no numbers", path);
	}
	l->netem.distribution = *table = values;
	l->netem.distribution_len = n;
	return 0;
}

static void describe_time(struct buffer *b, uint64_t ns)
{
	buffer_printf(b, ns % 1000000 ? "%gms" : "%.0fms", (double)ns / 1e6);
}

void line_describe(const struct line *l, char *out, size_t room)
{
	const struct netem *n = &l->netem;
	struct buffer b = {0};
	const struct {
		const char *name;
		double share;
	} shares[] = {{"loss", n->burst_p > 0 ? 0 : n->loss}, {"duplicate", n->duplicate}, {"reorder", n->reorder}, {"corrupt", n->corrupt}};
	if (n->delay) {
		buffer_printf(&b, "delay ");
		describe_time(&b, n->delay);
		if (n->jitter) {
			buffer_printf(&b, " ± ");
			describe_time(&b, n->jitter);
			buffer_printf(&b, " (%s)", *l->distribution ? l->distribution : "uniform");
		}
	}
	for (size_t i = 0; i < sizeof shares / sizeof *shares; i++)
		if (shares[i].share > 0)
			buffer_printf(&b, "%s%s %g %%", b.len ? ", " : "", shares[i].name, 100 * shares[i].share);
	if (n->burst_p > 0)
		buffer_printf(&b, "%sbursts of loss: %g %% begin one, %g %% end it", b.len ? ", " : "", 100 * n->burst_p, 100 * n->burst_r);
	if (n->rate)
		buffer_printf(&b, "%srate %gkbit", b.len ? ", " : "", (double)n->rate * 8 / 1000);
	snprintf(out, room, "%s", b.len ? buffer_string(&b) : "nothing");
	buffer_free(&b);
}
