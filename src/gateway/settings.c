// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/gateway.h"

const char *const gateway_hook_names[] = {"input", "forward", "output", NULL};

static int hook_of(const char *name, size_t len)
{
	for (int i = 0; i < HOOK_N_; i++)
		if (strlen(gateway_hook_names[i]) == len && strncmp(gateway_hook_names[i], name, len) == 0)
			return i;
	return -1;
}

int gateway_hooks_parse(const char *text, unsigned *out, struct error *error)
{
	unsigned hooks = 0;
	for (const char *at = text; *at;) {
		size_t len = strcspn(at, ", ");
		int hook = hook_of(at, len);
		if (len && hook < 0)
			return error_set(error, EINVAL, "'%.*s' is no hook: input, forward and output are", (int)len, at);
		if (len)
			hooks |= 1u << hook;
		at += len;
		at += strspn(at, ", ");
	}
	if (!hooks)
		return error_set(error, EINVAL, "no hook is named: input, forward, output");
	*out = hooks;
	return 0;
}

int gateway_queues_parse(const char *text, struct gateway_settings *s, struct error *error)
{
	char *end;
	unsigned long first = strtoul(text, &end, 10), last = first;
	bool good = end != text && *text >= '0' && *text <= '9';
	if (good && (*end == '-' || *end == ':')) {
		const char *second = end + 1;
		last = strtoul(second, &end, 10);
		good = end != second && *second >= '0' && *second <= '9';
	}
	if (!good || *end || first > 65535 || last > 65535 || last < first)
		return error_set(error, EINVAL, "'%s' is no queue or range of queues, as 0 or 0-3 (up to 65535)", text);
	s->queues_auto = false;
	s->first_queue = (unsigned)first;
	s->n_queues = (unsigned)(last - first + 1);
	return 0;
}

static int read_hooks(struct gateway_settings *s, struct conf *conf, struct error *error)
{
	struct conf *node = conf_get(conf, "gateway.hooks");
	if (!node)
		return 0;
	if (node->value) /* "forward,input", as by --hook */
		return gateway_hooks_parse(node->value, &s->hooks, error);
	unsigned all = 0;
	for (struct conf *c = node->first; c; c = c->next) {
		unsigned one = 0;
		c->used = true;
		int r = gateway_hooks_parse(c->value ? c->value : "", &one, error);
		if (r < 0)
			return r;
		all |= one;
	}
	if (all)
		s->hooks = all;
	return 0;
}

static int read_interfaces(struct gateway_settings *s, struct conf *conf, struct error *error)
{
	struct conf *node = conf_get(conf, "gateway.interfaces");
	for (struct conf *c = node ? node->first : NULL; c; c = c->next) {
		c->used = true;
		if (!c->value || !*c->value || strlen(c->value) > 15)
			return error_set(error, EINVAL, "gateway.interfaces: '%s' is no interface name", c->value ? c->value : "");
		if (s->n_interfaces == GATEWAY_MAX_INTERFACES)
			return error_set(error, EINVAL, "gateway.interfaces: more than %d", GATEWAY_MAX_INTERFACES);
		s->interface[s->n_interfaces++] = c->value;
	}
	return 0;
}

static int read_priority(struct gateway_settings *s, struct conf *conf, struct error *error)
{
	const char *text = conf_string(conf, "gateway.priority", "auto");
	if (strcmp(text, "auto") == 0)
		return 0;
	char *end;
	long value = strtol(text, &end, 10);
	if (end == text || *end || value < -500 || value > 500)
		return error_set(error, EINVAL, "gateway.priority: '%s' is neither auto nor a number from -500 to 500", text);
	s->priority_auto = false;
	s->priority = (int)value;
	return 0;
}

static int read_choice(struct conf *conf, const char *key, const char *yes, const char *no, bool *out, struct error *error)
{
	const char *text = conf_string(conf, key, yes);
	if (strcmp(text, yes) && strcmp(text, no))
		return error_set(error, EINVAL, "%s: '%s' is neither %s nor %s", key, text, yes, no);
	*out = strcmp(text, yes) == 0;
	return 0;
}

static int read_mask(struct gateway_settings *s, struct conf *conf, struct error *error)
{
	const char *text = conf_string(conf, "gateway.mark-mask", "0x0000ff00");
	char *end;
	unsigned long value = strtoul(text, &end, 0);
	if (end == text || *end || value == 0 || value > UINT32_MAX)
		return error_set(error, EINVAL, "gateway.mark-mask: '%s' is no mask of 32 bits, as 0x0000ff00", text);
	s->mark_mask = (uint32_t)value;
	/* all ones are taken (sluice's own packets); the highest value in use is the last slow class (or the one behind it, where classes end in time), or MARK_RELEASED */
	uint32_t highest = s->n_slow ? MARK_SLOW + s->n_slow - !s->slow_ends : MARK_RELEASED;
	for (uint32_t v = MARK_RELEASED; v <= highest; v++)
		if (!mark_bits(s->mark_mask, v) || mark_bits(s->mark_mask, v) == s->mark_mask)
			return error_set(error, EINVAL, "gateway.mark-mask: %s has no room for the values 1 to %u and one more; it needs that many bits side by side",
					 text, highest);
	return 0;
}

static int read_slow(struct gateway_settings *s, struct conf *conf, struct error *error)
{
	struct conf *node = conf_get(conf, "respond.slow");
	for (struct conf *c = node ? node->first : NULL; c; c = c->next) {
		if (s->n_slow == MARK_SLOW_MAX)
			return error_set(error, EINVAL, "respond.slow: more than %d classes", MARK_SLOW_MAX);
		s->slow[s->n_slow++] = c->name;
		s->slow_ends |= conf_child(c, "for") != NULL;
	}
	return 0;
}

int gateway_settings_read(struct gateway_settings *s, struct conf *conf, struct error *error)
{
	*s = (struct gateway_settings){.hooks = 1u << HOOK_FORWARD, .priority_auto = true, .priority = 10, .queues_auto = true};
	bool inspects = true;
	int r = read_choice(conf, "gateway.table", "own", "none", &s->own_table, error);
	if (r == 0)
		r = read_choice(conf, "gateway.when-down", "bypass", "drop", &s->bypass, error);
	if (r == 0)
		r = read_hooks(s, conf, error);
	if (r == 0)
		r = read_interfaces(s, conf, error);
	if (r == 0)
		r = read_priority(s, conf, error);
	if (r == 0)
		r = read_choice(conf, "gateway.owner-flag", "yes", "no", &s->owner_flag, error);
	if (r == 0)
		r = read_choice(conf, "gateway.existing", "inspect", "release", &inspects, error);
	s->release_existing = !inspects;
	bool keeps = true;
	if (r == 0)
		r = read_choice(conf, "gateway.release", "none", "depth", &keeps, error);
	s->release_over = !keeps;
	if (r == 0)
		r = read_slow(s, conf, error);
	if (r == 0)
		r = read_mask(s, conf, error);
	const char *queues = conf_string(conf, "gateway.queues", "auto");
	if (r == 0 && strcmp(queues, "auto"))
		r = gateway_queues_parse(queues, s, error);
	return r;
}
