// SPDX-License-Identifier: GPL-2.0-or-later
/* Families, hooks, priorities, owners. */
#include <inttypes.h>
#include <linux/netfilter_arp.h>
#include <linux/netfilter_bridge.h>
#include <string.h>

#include "ruleset/print.h"

const char *ruleset_family_name(uint32_t family)
{
	switch (family) {
	case NFPROTO_IPV4:
		return "ip";
	case NFPROTO_IPV6:
		return "ip6";
	case NFPROTO_INET:
		return "inet";
	case NFPROTO_ARP:
		return "arp";
	case NFPROTO_BRIDGE:
		return "bridge";
	case NFPROTO_NETDEV:
		return "netdev";
	default:
		return "unknown";
	}
}

const char *ruleset_hook_name(uint32_t family, uint32_t hook)
{
	static const char *const inet[] = {"prerouting", "input", "forward", "output", "postrouting", "ingress"}, *const arp[] = {"input", "output", "forward"};
	if (family == NFPROTO_NETDEV)
		return hook == 0 ? "ingress" : hook == 1 ? "egress" : "unknown";
	if (family == NFPROTO_ARP)
		return hook < 3 ? arp[hook] : "unknown";
	return hook < sizeof inet / sizeof *inet ? inet[hook] : "unknown";
}

/* The names of nft(8), by family and hook. */
static const struct priority {
	const char *name;
	int32_t ip, bridge;
	int hook; /* only at this one; -1: any */
} priorities[] = {
	{"raw", -300, INT32_MIN, -1}, {"mangle", -150, INT32_MIN, -1}, {"dstnat", -100, -300, NF_INET_PRE_ROUTING},
	{"dstnat", INT32_MIN, -300, NF_INET_LOCAL_OUT}, {"filter", 0, -200, -1}, {"out", INT32_MIN, 100, NF_INET_LOCAL_OUT},
	{"security", 50, INT32_MIN, -1}, {"srcnat", 100, 300, NF_INET_POST_ROUTING},
};

static bool priority_applies(const struct priority *p, uint32_t family, uint32_t hook, int32_t *value)
{
	*value = family == NFPROTO_BRIDGE ? p->bridge : p->ip;
	if (*value == INT32_MIN || (p->hook >= 0 && (uint32_t)p->hook != hook))
		return false;
	return (family != NFPROTO_ARP && family != NFPROTO_NETDEV) || strcmp(p->name, "filter") == 0;
}

void ruleset_print_priority(FILE *out, uint32_t family, uint32_t hook, int32_t priority)
{
	for (size_t i = 0; i < sizeof priorities / sizeof *priorities; i++) {
		int32_t value;
		if (!priority_applies(&priorities[i], family, hook, &value))
			continue;
		int64_t off = (int64_t)priority - value;
		if (off < -10 || off > 10)
			continue;
		if (off == 0)
			fputs(priorities[i].name, out);
		else
			fprintf(out, "%s %c %d", priorities[i].name, off < 0 ? '-' : '+', (int)(off < 0 ? -off : off));
		return;
	}
	fprintf(out, "%" PRId32, priority);
}

/* ---- owners ---- */

/* A table's name, or its beginning with a * at the end; for those of iptables-nft a chain must show whose it is. */
static const struct owner_row {
	const char *table, *chain, *owner;
} owners[] = {
	{"sluice", NULL, "sluice"},
	{"firewalld*", NULL, "firewalld"},
	{"docker-bridges*", NULL, "Docker"},
	{"crowdsec*", NULL, "CrowdSec"},
	{"f2b-*", NULL, "fail2ban"},
	{"f2b_*", NULL, "fail2ban"},
	{"banIP*", NULL, "banIP"},
	{"fw4", NULL, "OpenWrt fw4"},
	{"libvirt*", NULL, "libvirt"},
	{"kube-proxy*", NULL, "Kubernetes"},
	{"kube-*", NULL, "Kubernetes"},
	{"cni_*", NULL, "CNI"},
	{"netavark*", NULL, "Podman"},
	{"incus*", NULL, "Incus"},
	{"lxd*", NULL, "LXD"},
	{"lxc*", NULL, "LXC"},
	{"tailscale*", NULL, "Tailscale"},
	{"wg-quick-*", NULL, "wg-quick"},
	{"mullvad*", NULL, "Mullvad"},
	{"nixos-*", NULL, "NixOS"},
	{"io.systemd.*", NULL, "systemd"},
	{"vyos_*", NULL, "VyOS"},
	{"proxmox-firewall*", NULL, "Proxmox"},
	{"sshguard", NULL, "sshguard"},
	{"filter", "DOCKER*", "Docker by iptables-nft"},
	{"nat", "DOCKER*", "Docker by iptables-nft"},
	{"*", "KUBE-*", "Kubernetes by iptables-nft"},
	{"*", "LIBVIRT_*", "libvirt by iptables-nft"},
	{"*", "CROWDSEC*", "CrowdSec by iptables-nft"},
	{"*", "f2b-*", "fail2ban by iptables-nft"},
	{"*", "ufw-*", "ufw by iptables-nft"},
	{"*", "ufw6-*", "ufw by iptables-nft"},
	{"*", "ts-*", "Tailscale by iptables-nft"},
	{"*", "NETAVARK*", "Podman by iptables-nft"},
	{"*", "CNI-*", "CNI by iptables-nft"},
};

static bool fits(const char *pattern, const char *name)
{
	size_t n = strlen(pattern);
	return n && pattern[n - 1] == '*' ? strncmp(pattern, name, n - 1) == 0 : strcmp(pattern, name) == 0;
}

/* iptables-nft has these tables, and names its base chains in capitals. */
static bool is_iptables(const struct ruleset_table *t)
{
	static const char *const names[] = {"filter", "nat", "mangle", "raw", "security"};
	bool named = false;
	if (t->family == NFPROTO_INET || t->family == NFPROTO_NETDEV)
		return false;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		named |= strcmp(names[i], t->name) == 0;
	for (const struct ruleset_chain *c = t->chains; named && c; c = c->next)
		if (c->type && strspn(c->name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == strlen(c->name))
			return true;
	return false;
}

static const char *owner_by_comment(const char *comment)
{
	static const char *const words[] = {"sluice", "firewalld", "docker", "crowdsec", "fail2ban", "banip", "libvirt", "kubernetes"};
	for (size_t i = 0; comment && i < sizeof words / sizeof *words; i++)
		if (strcasestr(comment, words[i]))
			return words[i];
	return NULL;
}

const char *ruleset_owner(const struct ruleset_table *t)
{
	bool iptables = is_iptables(t);
	for (size_t i = 0; i < sizeof owners / sizeof *owners; i++) {
		const struct owner_row *o = &owners[i];
		if (!fits(o->table, t->name) || (o->chain && !iptables))
			continue;
		for (const struct ruleset_chain *c = t->chains; c && o->chain; c = c->next)
			if (fits(o->chain, c->name))
				return o->owner;
		if (!o->chain)
			return o->owner;
	}
	return iptables ? "iptables-nft" : owner_by_comment(t->comment);
}
