// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * host-os-policy: which operating system stands behind an address, so that fragments and segments are put together as it would.
 * A short list, searched by prefix; the longest wins, of equal ones the first.
 */
#include "base/memory.h"
#include "flow/defrag.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct prefix {
	struct address address;
	uint8_t bits;
	uint8_t policy; /* enum os_policy */
};

struct host_os {
	struct prefix *prefix; /* longest first */
	size_t n;
};

static const char *const names[] = {"bsd", "bsd-right", "old-linux", "linux", "old-solaris", "solaris", "hpux10", "hpux11", "irix", "macos",
				    "windows", "vista", "windows2k3", "first", "last"};
_Static_assert(sizeof names / sizeof *names == OS_POLICY_N_, "a name for each policy");

static int prefix_parse(const char *text, struct prefix *out)
{
	char copy[64];
	if (strlen(text) >= sizeof copy)
		return -EINVAL;
	strcpy(copy, text);
	char *slash = strchr(copy, '/');
	if (slash)
		*slash++ = '\0';
	if (!address_parse(bytes_of_string(copy), &out->address))
		return -EINVAL;
	unsigned long most = address_len(&out->address) * 8, bits = most;
	if (slash) {
		char *end;
		bits = strtoul(slash, &end, 10);
		if (end == slash || *end || bits > most)
			return -EINVAL;
	}
	out->bits = (uint8_t)bits;
	address_mask(&out->address, out->bits);
	return 0;
}

static int prefix_add(struct host_os *h, const char *text, unsigned policy, struct error *error)
{
	struct prefix p = {.policy = (uint8_t)policy};
	if (prefix_parse(text, &p))
		return error_set(error, EINVAL, "host-os-policy.%s: '%s' is no address or prefix", names[policy], text);
	h->prefix = xrealloc(h->prefix, (h->n + 1) * sizeof *h->prefix);
	size_t at = h->n++;
	for (; at && h->prefix[at - 1].bits < p.bits; at--)
		h->prefix[at] = h->prefix[at - 1];
	h->prefix[at] = p;
	return 0;
}

static int read_policy(struct host_os *h, struct conf *node, unsigned policy, struct error *error)
{
	int rc = 0;
	if (node->kind == CONF_SCALAR)
		return node->value && *node->value ? prefix_add(h, node->value, policy, error) : 0;
	for (struct conf *c = node->first; c && rc == 0; c = c->next)
		if (c->value)
			rc = prefix_add(h, c->value, policy, error);
	return rc;
}

struct host_os *host_os_read(struct conf *conf, struct error *error)
{
	struct host_os *h = xcalloc(1, sizeof *h);
	for (unsigned i = 0; i < OS_POLICY_N_; i++) {
		char key[64];
		snprintf(key, sizeof key, "host-os-policy.%s", names[i]);
		struct conf *node = conf_get(conf, key);
		if (node && read_policy(h, node, i, error)) {
			host_os_free(h);
			return NULL;
		}
	}
	return h;
}

enum os_policy host_os_find(const struct host_os *h, const struct address *a)
{
	for (size_t i = 0; h && i < h->n; i++) {
		if (h->prefix[i].address.family != a->family)
			continue;
		struct address masked = *a;
		address_mask(&masked, h->prefix[i].bits);
		if (address_equal(&masked, &h->prefix[i].address))
			return (enum os_policy)h->prefix[i].policy;
	}
	return OS_BSD;
}

void host_os_free(struct host_os *h)
{
	if (h)
		free(h->prefix);
	free(h);
}
