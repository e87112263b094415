// SPDX-License-Identifier: GPL-2.0-or-later
/* `decoder.*`: which tunnels are looked for, and on which ports. */
#include "base/memory.h"
#include "packet/decode.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static const struct setting rows[] = {
	{"decoder.teredo.enabled", SETTING_BOOL, offsetof(struct decode_settings, teredo), "yes", .help = "look for Teredo in UDP"},
	{"decoder.vxlan.enabled", SETTING_BOOL, offsetof(struct decode_settings, vxlan), "yes", .help = "look for VXLAN on its ports"},
	{"decoder.geneve.enabled", SETTING_BOOL, offsetof(struct decode_settings, geneve), "yes", .help = "look for Geneve on its ports"},
	{"decoder.max-layers", SETTING_U32, offsetof(struct decode_settings, max_layers), "16", .min = 1, .max = 64,
	 .help = "headers in one frame before it is too_many_layers"},
};

struct port_list {
	uint16_t *port;
	uint8_t *n;
	size_t room;
};

static int add_text(struct port_list *l, struct conf *root, const char *text, const char *key, unsigned depth, struct error *error);

/* $NAME stands for vars.port-groups.NAME. */
static int add_variable(struct port_list *l, struct conf *root, const char *name, const char *key, unsigned depth, struct error *error)
{
	char path[128];
	snprintf(path, sizeof path, "vars.port-groups.%s", name);
	const char *value = conf_string(root, path, NULL);
	if (!value || depth > 8)
		return error_set(error, EINVAL, "%s: port variable $%s %s", key, name, value ? "refers to itself" : "is not defined");
	return add_text(l, root, value, key, depth + 1, error);
}

static int add_one(struct port_list *l, struct conf *root, char *word, const char *key, unsigned depth, struct error *error)
{
	if (*word == '$')
		return add_variable(l, root, word + 1, key, depth, error);
	char *end;
	unsigned long port = strtoul(word, &end, 10);
	if (end == word || *end || port > 65535)
		return error_set(error, EINVAL, "%s: '%s' is no port", key, word);
	if (*l->n == l->room)
		return error_set(error, EINVAL, "%s: more than %zu ports", key, l->room);
	l->port[(*l->n)++] = (uint16_t)port;
	return 0;
}

static int add_text(struct port_list *l, struct conf *root, const char *text, const char *key, unsigned depth, struct error *error)
{
	if (strcasecmp(text, "any") == 0)
		return 0;
	char *copy = xstrdup(text), *save = NULL;
	int rc = 0;
	for (char *word = strtok_r(copy, "[], \t", &save); word && rc == 0; word = strtok_r(NULL, "[], \t", &save))
		rc = add_one(l, root, word, key, depth, error);
	free(copy);
	return rc;
}

static int read_ports(struct port_list l, struct conf *root, const char *key, const char *absent, struct error *error)
{
	struct conf *node = conf_get(root, key);
	*l.n = 0;
	if (!node || node->kind == CONF_SCALAR)
		return add_text(&l, root, node && node->value ? node->value : absent, key, 0, error);
	int rc = 0;
	for (struct conf *c = node->first; c && rc == 0; c = c->next)
		rc = add_text(&l, root, c->value ? c->value : "", key, 0, error);
	return rc;
}

int decode_settings_read(struct decode_settings *s, struct conf *conf, struct error *error)
{
	memset(s, 0, sizeof *s);
	int rc = settings_read(rows, sizeof rows / sizeof *rows, conf, s, error);
	enum { ROOM = sizeof s->teredo_ports / sizeof *s->teredo_ports };
	if (rc == 0)
		rc = read_ports((struct port_list){s->teredo_ports, &s->n_teredo_ports, ROOM}, conf, "decoder.teredo.ports", "any", error);
	if (rc == 0)
		rc = read_ports((struct port_list){s->vxlan_ports, &s->n_vxlan_ports, ROOM}, conf, "decoder.vxlan.ports", "4789", error);
	if (rc == 0)
		rc = read_ports((struct port_list){s->geneve_ports, &s->n_geneve_ports, ROOM}, conf, "decoder.geneve.ports", "6081", error);
	const char *check = conf_string(conf, "decoder.vxlan.reserved-bits-check", "strict");
	s->vxlan_reserved_strict = strcmp(check, "strict") == 0;
	s->erspan1 = true;
	return rc;
}
