// SPDX-License-Identifier: GPL-2.0-or-later
/* The ruleset of this network namespace, by netlink dumps. */
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/nft.h"
#include "ruleset/decode.h"

enum { TRIES = 5, DEVICES_MAX = 1 << 16 };

static int take_message(const struct nlmsghdr *m, void *context)
{
	return decoder_message(context, m) < 0 ? MNL_CB_STOP : MNL_CB_OK;
}

static int dump_elements(struct nft *n, struct decoder *d, const struct ruleset_table *t, const struct ruleset_set *s)
{
	int code = nft_dump_set(n, t->family, t->name, s->name, take_message, d);
	decoder_fill_done(d);
	return code == -ENOENT ? -EINTR : code;
}

static int dump_all_elements(struct nft *n, struct decoder *d)
{
	int code = 0;
	for (const struct ruleset_table *t = decoder_ruleset(d)->tables; t && code == 0; t = t->next)
		for (const struct ruleset_set *s = t->sets; s && code == 0; s = s->next)
			code = dump_elements(n, d, t, s);
	return code;
}

/* Elements before rules, as they name counters and chains only; rules name sets. */
static int dump_everything(struct nft *n, struct decoder *d)
{
	static const uint16_t before[] = {NFT_MSG_GETTABLE, NFT_MSG_GETCHAIN, NFT_MSG_GETOBJ, NFT_MSG_GETFLOWTABLE, NFT_MSG_GETSET};
	int code = 0;
	for (size_t i = 0; i < sizeof before / sizeof *before && code == 0; i++) {
		code = nft_dump(n, before[i], take_message, d);
		if (before[i] == NFT_MSG_GETFLOWTABLE && code != -EINTR)
			code = 0; /* a kernel without flowtables */
	}
	if (code == 0)
		code = dump_all_elements(n, d);
	return code == 0 ? nft_dump(n, NFT_MSG_GETRULE, take_message, d) : code;
}

static void name_devices(struct decoder *d)
{
	struct ruleset *rs = decoder_ruleset(d);
	struct if_nameindex *list = if_nameindex();
	unsigned highest = 0;
	for (struct if_nameindex *i = list; i && i->if_index; i++)
		highest = i->if_index > highest && i->if_index < DEVICES_MAX ? i->if_index : highest;
	rs->device_names = list ? decoder_alloc(d, (highest + 1) * sizeof *rs->device_names) : NULL;
	rs->n_devices = rs->device_names ? highest + 1 : 0;
	for (struct if_nameindex *i = list; i && i->if_index; i++)
		if (i->if_index < rs->n_devices)
			rs->device_names[i->if_index] = decoder_text(d, bytes_of_string(i->if_name));
	if (list)
		if_freenameindex(list);
}

/* Tables of iptables-legacy are not nf_tables': the kernel only says that they exist. */
static void name_legacy(struct decoder *d, const char *path, const char *program)
{
	FILE *f = fopen(path, "re");
	char line[64];
	while (f && fgets(line, sizeof line, f)) {
		line[strcspn(line, "\n")] = 0;
		decoder_gap(d, NULL, "table of %s '%s': its rules are invisible here, and packets meet them too", program, line);
	}
	if (f)
		fclose(f);
}

static int read_once(struct nft *n, struct decoder *d)
{
	uint32_t before = 0, after = 0;
	int code = nft_generation(n, &before);
	if (code == 0)
		code = dump_everything(n, d);
	if (code == 0)
		code = nft_generation(n, &after);
	decoder_ruleset(d)->generation = after;
	return code == 0 && before != after ? -EINTR : code;
}

static int fail(int code, struct error *error)
{
	if (code == -EPERM)
		return error_set(error, EPERM, "no permission to read nftables: run as root, or give the program CAP_NET_ADMIN");
	if (code == -EINTR)
		return error_set(error, EAGAIN, "the ruleset changes faster than it can be read");
	return error_set(error, -code, "cannot read the ruleset: %s", strerror(-code));
}

int ruleset_read_live(struct ruleset **out, const struct ruleset_options *o, struct error *error)
{
	struct nft n;
	struct decoder *d = NULL;
	int code = nft_open(&n, error);
	if (code < 0)
		return code;
	for (int i = 0; i < TRIES; i++) {
		decoder_free(d);
		d = decoder_new("live", o);
		code = read_once(&n, d);
		if (code != -EINTR)
			break;
	}
	nft_close(&n);
	if (code < 0) {
		decoder_free(d);
		return fail(code, error);
	}
	decoder_ruleset(d)->live = true;
	name_devices(d);
	name_legacy(d, "/proc/net/ip_tables_names", "iptables-legacy");
	name_legacy(d, "/proc/net/ip6_tables_names", "ip6tables-legacy");
	name_legacy(d, "/proc/net/arp_tables_names", "arptables-legacy");
	*out = decoder_finish(d);
	return *out ? 0 : error_set(error, ENOMEM, "out of memory");
}
