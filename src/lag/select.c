// SPDX-License-Identifier: GPL-2.0-or-later
#include "lag/select.h"

#include <arpa/inet.h>
#include <errno.h>
#include <nftables/libnftables.h>
#include <stdlib.h>
#include <string.h>

/* ---- who is never delayed ---- */

static void add_ssh(struct buffer *b)
{
	buffer_printf(b, "\t\ttcp sport 22 return comment \"ssh\"\n\t\ttcp dport 22 return comment \"ssh\"\n");
	const char *connection = getenv("SSH_CONNECTION"); /* client, its port, server, its port */
	char client[64], server[64];
	unsigned client_port, server_port;
	struct in6_addr a;
	if (!connection || sscanf(connection, "%63s %u %63s %u", client, &client_port, server, &server_port) != 4 || client_port > UINT16_MAX || server_port > UINT16_MAX)
		return;
	const char *family = inet_pton(AF_INET, client, &a) == 1 ? "ip" : inet_pton(AF_INET6, client, &a) == 1 ? "ip6" : NULL;
	if (family)
		buffer_printf(b, "\t\t%s daddr %s tcp sport %u return comment \"the connection of this command\"\n", family, client, server_port);
}

static void add_resolvers(struct buffer *b)
{
	char line[256], address[64];
	struct in6_addr a;
	FILE *f = fopen("/etc/resolv.conf", "re");
	while (f && fgets(line, sizeof line, f)) {
		if (sscanf(line, "nameserver %63s", address) != 1)
			continue;
		const char *family = inet_pton(AF_INET, address, &a) == 1 ? "ip" : inet_pton(AF_INET6, address, &a) == 1 ? "ip6" : NULL;
		if (family)
			buffer_printf(b, "\t\t%s daddr %s meta l4proto { tcp, udp } th dport 53 return comment \"resolver\"\n", family, address);
	}
	if (f)
		fclose(f);
}

static void add_exemptions(struct buffer *b)
{
	buffer_printf(b, "\t\ticmpv6 type { nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert, nd-redirect } return comment \"neighbour discovery\"\n");
	add_ssh(b);
	add_resolvers(b);
}

/* ---- the table ---- */

static void add_chain(struct buffer *b, const struct lag_request *q)
{
	buffer_printf(b, "\tchain out {\n\t\ttype filter hook postrouting priority mangle; policy accept;\n\t\toifname != \"%s\" return\n", q->device);
	buffer_printf(b, "\t\tmeta nfproto != @alive return\n");
	if (!q->no_exemptions)
		add_exemptions(b);
	for (const char *const *e = q->except; e && *e; e++)
		buffer_printf(b, "\t\t%s return comment \"excepted\"\n", *e);
	for (const char *const *m = q->match; m && *m; m++)
		buffer_printf(b, "\t\t%s goto slow\n", *m);
	if (!q->match || !*q->match)
		buffer_printf(b, "\t\tgoto slow\n");
	buffer_printf(b, "\t}\n");
}

static void table_name(char *out, size_t room, const char *device)
{
	/* names of devices may hold what names of tables may not */
	int n = snprintf(out, room, "sluice_lag_");
	for (; *device && (size_t)n + 4 < room; device++) {
		bool plain = strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", *device);
		n += snprintf(out + n, room - (size_t)n, plain ? "%c" : "_%02x", (unsigned char)*device);
	}
}

char *select_text(const struct lag_request *q, const char *device, usec_t until)
{
	struct buffer b = {0};
	char name[96], timeout[64] = "", flags[32] = "";
	table_name(name, sizeof name, device);
	usec_t left = until ? until - clock_real() : 0;
	if (until) {
		snprintf(timeout, sizeof timeout, " timeout %llds", (long long)((left + USEC_PER_SEC - 1) / USEC_PER_SEC > 0 ? (left + USEC_PER_SEC - 1) / USEC_PER_SEC : 1));
		snprintf(flags, sizeof flags, "; flags timeout");
	}
	buffer_printf(&b, "table inet %s {\n\tcomment \"sluice lag\"\n", name);
	buffer_printf(&b, "\tset alive {\n\t\ttype nf_proto%s\n\t\telements = { ipv4%s, ipv6%s }\n\t}\n", flags, timeout, timeout);
	buffer_printf(&b, "\tchain slow {\n\t\tmeta priority set %x:%x\n\t\tmeta nfproto ipv4 counter\n\t\tmeta nfproto ipv6 counter\n\t}\n", LAG_MAJOR, LAG_CLASS_SLOW);
	add_chain(&b, q);
	buffer_printf(&b, "}\n");
	char *text = xstrdup(b.failed ? "" : buffer_string(&b));
	buffer_free(&b);
	return text;
}

/* ---- libnftables ---- */

/* nft's words: without the name of the text, which nobody wrote. */
static int nft_words(struct nft_ctx *ctx, const char *what, struct error *error)
{
	const char *words = nft_ctx_get_error_buffer(ctx);
	static const char prefix[] = "<cmdline>:";
	if (strncmp(words, prefix, sizeof prefix - 1) == 0)
		words += sizeof prefix - 1;
	return error_set(error, EINVAL, "%s: nft says:\n%s", what, words);
}

static int run_text(const char *text, bool check_only, const char *what, char **output, struct error *error)
{
	struct nft_ctx *ctx = nft_ctx_new(NFT_CTX_DEFAULT);
	if (!ctx)
		return error_set(error, ENOMEM, "no memory");
	nft_ctx_buffer_error(ctx);
	nft_ctx_buffer_output(ctx);
	nft_ctx_set_dry_run(ctx, check_only);
	int code = nft_run_cmd_from_buffer(ctx, text) ? nft_words(ctx, what, error) : 0;
	if (code == 0 && output)
		*output = xstrdup(nft_ctx_get_output_buffer(ctx));
	nft_ctx_free(ctx);
	return code;
}

/* Each match alone first, on the first line, which is the one that nft underlines. */
static int check_matches(const char *const *match, const char *option, struct error *error)
{
	for (; match && *match; match++) {
		char *text = xasprintf("table inet sluice_lag_try { chain c { %s counter; }; }\n", *match);
		char what[160];
		snprintf(what, sizeof what, "--%s '%.120s'", option, *match);
		int code = strpbrk(*match, "\n;#") ? error_set(error, EINVAL, "%s: one match is wanted, without ';', '#' or a new line", what)
						   : run_text(text, true, what, NULL, error);
		free(text);
		if (code < 0)
			return code;
	}
	return 0;
}

int select_load(const struct lag_request *q, const char *device, usec_t until, struct error *error)
{
	int code = check_matches(q->match, "match", error);
	if (code == 0)
		code = check_matches(q->except, "except", error);
	if (code < 0)
		return code;
	char *text = select_text(q, device, until);
	code = run_text(text, false, "the table of the slow packets", NULL, error);
	free(text);
	return code;
}

int select_remove(const char *device, struct error *error)
{
	char name[96], text[256];
	table_name(name, sizeof name, device);
	snprintf(text, sizeof text, "add table inet %s; delete table inet %s\n", name, name);
	return run_text(text, false, "the table of the slow packets", NULL, error);
}

int select_counts(struct select_counts *out, const char *device, struct error *error)
{
	char name[96], text[160], *listing = NULL;
	table_name(name, sizeof name, device);
	snprintf(text, sizeof text, "list chain inet %s slow\n", name);
	*out = (struct select_counts){0};
	if (run_text(text, false, "the table of the slow packets", &listing, error) < 0)
		return -ENOENT;
	const char *four = strstr(listing, "ipv4 counter"), *six = strstr(listing, "ipv6 counter");
	bool read = four && six && sscanf(four, "ipv4 counter packets %lu bytes %lu", &out->packets4, &out->bytes4) == 2 &&
		    sscanf(six, "ipv6 counter packets %lu bytes %lu", &out->packets6, &out->bytes6) == 2;
	free(listing);
	return read ? 0 : error_set(error, EINVAL, "the table of the slow packets was changed by somebody");
}
