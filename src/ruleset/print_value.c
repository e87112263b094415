// SPDX-License-Identifier: GPL-2.0-or-later
/* Values by their type, and their names. */
#include <arpa/inet.h>
#include <ctype.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "ruleset/print_private.h"

struct symbol {
	uint8_t type;
	uint64_t value;
	const char *name;
};

static const struct symbol symbols[] = {
	{TYPE_NFPROTO, NFPROTO_IPV4, "ipv4"}, {TYPE_NFPROTO, NFPROTO_IPV6, "ipv6"},
	{TYPE_ETHERTYPE, 0x0800, "ip"}, {TYPE_ETHERTYPE, 0x0806, "arp"}, {TYPE_ETHERTYPE, 0x86dd, "ip6"}, {TYPE_ETHERTYPE, 0x8100, "8021q"},
	{TYPE_ETHERTYPE, 0x88a8, "8021ad"},
	{TYPE_ARPOP, 1, "request"}, {TYPE_ARPOP, 2, "reply"}, {TYPE_ARPOP, 3, "rrequest"}, {TYPE_ARPOP, 4, "rreply"}, {TYPE_ARPOP, 8, "inrequest"},
	{TYPE_ARPOP, 9, "inreply"}, {TYPE_ARPOP, 10, "nak"},
	{TYPE_INET_PROTOCOL, 0, "ip"}, {TYPE_INET_PROTOCOL, 1, "icmp"}, {TYPE_INET_PROTOCOL, 2, "igmp"}, {TYPE_INET_PROTOCOL, 4, "ipencap"},
	{TYPE_INET_PROTOCOL, 6, "tcp"}, {TYPE_INET_PROTOCOL, 17, "udp"}, {TYPE_INET_PROTOCOL, 33, "dccp"}, {TYPE_INET_PROTOCOL, 41, "ipv6"},
	{TYPE_INET_PROTOCOL, 43, "ipv6-route"}, {TYPE_INET_PROTOCOL, 44, "ipv6-frag"}, {TYPE_INET_PROTOCOL, 47, "gre"}, {TYPE_INET_PROTOCOL, 50, "esp"},
	{TYPE_INET_PROTOCOL, 51, "ah"}, {TYPE_INET_PROTOCOL, 58, "ipv6-icmp"}, {TYPE_INET_PROTOCOL, 59, "ipv6-nonxt"}, {TYPE_INET_PROTOCOL, 60, "ipv6-opts"},
	{TYPE_INET_PROTOCOL, 89, "ospf"}, {TYPE_INET_PROTOCOL, 103, "pim"}, {TYPE_INET_PROTOCOL, 108, "ipcomp"}, {TYPE_INET_PROTOCOL, 112, "vrrp"},
	{TYPE_INET_PROTOCOL, 115, "l2tp"}, {TYPE_INET_PROTOCOL, 132, "sctp"}, {TYPE_INET_PROTOCOL, 136, "udplite"},
	{TYPE_ICMP_TYPE, 0, "echo-reply"}, {TYPE_ICMP_TYPE, 3, "destination-unreachable"}, {TYPE_ICMP_TYPE, 4, "source-quench"}, {TYPE_ICMP_TYPE, 5, "redirect"},
	{TYPE_ICMP_TYPE, 8, "echo-request"}, {TYPE_ICMP_TYPE, 9, "router-advertisement"}, {TYPE_ICMP_TYPE, 10, "router-solicitation"},
	{TYPE_ICMP_TYPE, 11, "time-exceeded"}, {TYPE_ICMP_TYPE, 12, "parameter-problem"}, {TYPE_ICMP_TYPE, 13, "timestamp-request"},
	{TYPE_ICMP_TYPE, 14, "timestamp-reply"}, {TYPE_ICMP_TYPE, 15, "info-request"}, {TYPE_ICMP_TYPE, 16, "info-reply"},
	{TYPE_ICMP_TYPE, 17, "address-mask-request"}, {TYPE_ICMP_TYPE, 18, "address-mask-reply"},
	{TYPE_ICMP6_TYPE, 1, "destination-unreachable"}, {TYPE_ICMP6_TYPE, 2, "packet-too-big"}, {TYPE_ICMP6_TYPE, 3, "time-exceeded"},
	{TYPE_ICMP6_TYPE, 4, "parameter-problem"}, {TYPE_ICMP6_TYPE, 128, "echo-request"}, {TYPE_ICMP6_TYPE, 129, "echo-reply"},
	{TYPE_ICMP6_TYPE, 130, "mld-listener-query"}, {TYPE_ICMP6_TYPE, 131, "mld-listener-report"}, {TYPE_ICMP6_TYPE, 132, "mld-listener-done"},
	{TYPE_ICMP6_TYPE, 133, "nd-router-solicit"}, {TYPE_ICMP6_TYPE, 134, "nd-router-advert"}, {TYPE_ICMP6_TYPE, 135, "nd-neighbor-solicit"},
	{TYPE_ICMP6_TYPE, 136, "nd-neighbor-advert"}, {TYPE_ICMP6_TYPE, 137, "nd-redirect"}, {TYPE_ICMP6_TYPE, 138, "router-renumbering"},
	{TYPE_ICMP6_TYPE, 141, "ind-neighbor-solicit"}, {TYPE_ICMP6_TYPE, 142, "ind-neighbor-advert"}, {TYPE_ICMP6_TYPE, 143, "mld2-listener-report"},
	{TYPE_TCP_FLAG, 1, "fin"}, {TYPE_TCP_FLAG, 2, "syn"}, {TYPE_TCP_FLAG, 4, "rst"}, {TYPE_TCP_FLAG, 8, "psh"}, {TYPE_TCP_FLAG, 16, "ack"},
	{TYPE_TCP_FLAG, 32, "urg"}, {TYPE_TCP_FLAG, 64, "ecn"}, {TYPE_TCP_FLAG, 128, "cwr"},
	{TYPE_CT_STATE, 1, "invalid"}, {TYPE_CT_STATE, 2, "established"}, {TYPE_CT_STATE, 4, "related"}, {TYPE_CT_STATE, 8, "new"}, {TYPE_CT_STATE, 64, "untracked"},
	{TYPE_CT_DIR, 0, "original"}, {TYPE_CT_DIR, 1, "reply"},
	{TYPE_CT_STATUS, 1, "expected"}, {TYPE_CT_STATUS, 2, "seen-reply"}, {TYPE_CT_STATUS, 4, "assured"}, {TYPE_CT_STATUS, 8, "confirmed"},
	{TYPE_CT_STATUS, 16, "snat"}, {TYPE_CT_STATUS, 32, "dnat"}, {TYPE_CT_STATUS, 512, "dying"},
	{TYPE_CT_EVENTBIT, 1, "new"}, {TYPE_CT_EVENTBIT, 2, "related"}, {TYPE_CT_EVENTBIT, 4, "destroy"}, {TYPE_CT_EVENTBIT, 8, "reply"},
	{TYPE_CT_EVENTBIT, 16, "assured"}, {TYPE_CT_EVENTBIT, 32, "protoinfo"}, {TYPE_CT_EVENTBIT, 64, "helper"}, {TYPE_CT_EVENTBIT, 128, "mark"},
	{TYPE_PKTTYPE, 0, "host"}, {TYPE_PKTTYPE, 1, "broadcast"}, {TYPE_PKTTYPE, 2, "multicast"}, {TYPE_PKTTYPE, 3, "other"},
	{TYPE_ICMP_CODE, 0, "net-unreachable"}, {TYPE_ICMP_CODE, 1, "host-unreachable"}, {TYPE_ICMP_CODE, 2, "prot-unreachable"},
	{TYPE_ICMP_CODE, 3, "port-unreachable"}, {TYPE_ICMP_CODE, 4, "frag-needed"}, {TYPE_ICMP_CODE, 9, "net-prohibited"},
	{TYPE_ICMP_CODE, 10, "host-prohibited"}, {TYPE_ICMP_CODE, 13, "admin-prohibited"},
	{TYPE_ICMPV6_CODE, 0, "no-route"}, {TYPE_ICMPV6_CODE, 1, "admin-prohibited"}, {TYPE_ICMPV6_CODE, 3, "addr-unreachable"},
	{TYPE_ICMPV6_CODE, 4, "port-unreachable"}, {TYPE_ICMPV6_CODE, 5, "policy-fail"}, {TYPE_ICMPV6_CODE, 6, "reject-route"},
	{TYPE_ICMPX_CODE, 0, "no-route"}, {TYPE_ICMPX_CODE, 1, "port-unreachable"}, {TYPE_ICMPX_CODE, 2, "host-unreachable"}, {TYPE_ICMPX_CODE, 3, "admin-prohibited"},
	{TYPE_DSCP, 0x00, "cs0"}, {TYPE_DSCP, 0x08, "cs1"}, {TYPE_DSCP, 0x10, "cs2"}, {TYPE_DSCP, 0x18, "cs3"}, {TYPE_DSCP, 0x20, "cs4"}, {TYPE_DSCP, 0x28, "cs5"},
	{TYPE_DSCP, 0x30, "cs6"}, {TYPE_DSCP, 0x38, "cs7"}, {TYPE_DSCP, 0x01, "lephb"}, {TYPE_DSCP, 0x0a, "af11"}, {TYPE_DSCP, 0x0c, "af12"},
	{TYPE_DSCP, 0x0e, "af13"}, {TYPE_DSCP, 0x12, "af21"}, {TYPE_DSCP, 0x14, "af22"}, {TYPE_DSCP, 0x16, "af23"}, {TYPE_DSCP, 0x1a, "af31"},
	{TYPE_DSCP, 0x1c, "af32"}, {TYPE_DSCP, 0x1e, "af33"}, {TYPE_DSCP, 0x22, "af41"}, {TYPE_DSCP, 0x24, "af42"}, {TYPE_DSCP, 0x26, "af43"},
	{TYPE_DSCP, 0x2c, "va"}, {TYPE_DSCP, 0x2e, "ef"},
	{TYPE_ECN, 0, "not-ect"}, {TYPE_ECN, 1, "ect1"}, {TYPE_ECN, 2, "ect0"}, {TYPE_ECN, 3, "ce"},
	{TYPE_FIB_ADDR, 0, "unspec"}, {TYPE_FIB_ADDR, 1, "unicast"}, {TYPE_FIB_ADDR, 2, "local"}, {TYPE_FIB_ADDR, 3, "broadcast"}, {TYPE_FIB_ADDR, 4, "anycast"},
	{TYPE_FIB_ADDR, 5, "multicast"}, {TYPE_FIB_ADDR, 6, "blackhole"}, {TYPE_FIB_ADDR, 7, "unreachable"}, {TYPE_FIB_ADDR, 8, "prohibit"},
	{TYPE_ARPHRD, 1, "ether"}, {TYPE_ARPHRD, 512, "ppp"}, {TYPE_ARPHRD, 768, "ipip"}, {TYPE_ARPHRD, 772, "loopback"}, {TYPE_ARPHRD, 776, "sit"},
	{TYPE_ARPHRD, 778, "ipgre"}, {TYPE_ARPHRD, 65534, "none"},
	{TYPE_IGMP_TYPE, 0x11, "membership-query"}, {TYPE_IGMP_TYPE, 0x12, "membership-report-v1"}, {TYPE_IGMP_TYPE, 0x16, "membership-report-v2"},
	{TYPE_IGMP_TYPE, 0x22, "membership-report-v3"}, {TYPE_IGMP_TYPE, 0x17, "leave-group"},
	{TYPE_DCCP_PKTTYPE, 0, "request"}, {TYPE_DCCP_PKTTYPE, 1, "response"}, {TYPE_DCCP_PKTTYPE, 2, "data"}, {TYPE_DCCP_PKTTYPE, 3, "ack"},
	{TYPE_TIME_DAY, 0, "\"Sunday\""}, {TYPE_TIME_DAY, 1, "\"Monday\""}, {TYPE_TIME_DAY, 2, "\"Tuesday\""}, {TYPE_TIME_DAY, 3, "\"Wednesday\""},
	{TYPE_TIME_DAY, 4, "\"Thursday\""}, {TYPE_TIME_DAY, 5, "\"Friday\""}, {TYPE_TIME_DAY, 6, "\"Saturday\""},
	{TYPE_DEVGROUP, 0, "default"},
};

const char *symbol_of(uint8_t type, uint64_t value)
{
	for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++)
		if (symbols[i].type == type && symbols[i].value == value)
			return symbols[i].name;
	return NULL;
}

bool type_is_bitmask(uint8_t type)
{
	return type == TYPE_TCP_FLAG || type == TYPE_CT_STATE || type == TYPE_CT_STATUS || type == TYPE_CT_EVENTBIT;
}

bool put_flags(struct buffer *b, uint8_t type, uint64_t bits, const char *between)
{
	size_t start = b->len;
	const char *comma = "";
	for (int i = 0; i < 64 && bits; i++) {
		if (!(bits >> i & 1))
			continue;
		const char *name = symbol_of(type, (uint64_t)1 << i);
		if (!name) {
			b->len = start;
			return false;
		}
		buffer_printf(b, "%s%s", comma, name);
		comma = between;
		bits &= ~((uint64_t)1 << i);
	}
	return b->len > start;
}

uint64_t number_of(const uint8_t *value, size_t len, bool big)
{
	uint64_t n = 0;
	if (len > 8)
		len = 8;
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	big = true;
#endif
	for (size_t i = 0; i < len; i++)
		n |= (uint64_t)value[i] << 8 * (big ? len - 1 - i : i);
	return n;
}

static void put_escaped(struct buffer *b, const char *text, size_t len, const char *refused)
{
	for (size_t i = 0; i < len && text[i]; i++) {
		uint8_t c = (uint8_t)text[i];
		if (c < 0x20 || c == 0x7f || strchr(refused, c))
			buffer_printf(b, "\\x%02x", c);
		else
			buffer_add_byte(b, c);
	}
}

void put_quoted(struct buffer *b, const char *text)
{
	buffer_add_byte(b, '"');
	put_escaped(b, text, strlen(text), "\"\\");
	buffer_add_byte(b, '"');
}

void put_name(struct buffer *b, const char *text)
{
	put_escaped(b, text, strlen(text), "\"\\ {};");
}

void put_duration(struct buffer *b, uint64_t ms)
{
	static const struct {
		uint64_t ms;
		const char *unit;
	} units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "m"}, {1000, "s"}, {1, "ms"}};
	if (!ms)
		buffer_add_string(b, "0s");
	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		if (ms >= units[i].ms)
			buffer_printf(b, "%" PRIu64 "%s", ms / units[i].ms, units[i].unit);
		ms %= units[i].ms;
	}
}

static void put_address(struct buffer *b, int family, const uint8_t *value, size_t len)
{
	uint8_t whole[16] = {0};
	char text[INET6_ADDRSTRLEN];
	memcpy(whole, value, len < sizeof whole ? len : sizeof whole);
	buffer_add_string(b, inet_ntop(family, whole, text, sizeof text) ? text : "?");
}

static void put_hex_bytes(struct buffer *b, const uint8_t *value, size_t len, bool big)
{
	size_t skip = 0;
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	big = true;
#endif
	while (skip + 1 < len && value[big ? skip : len - 1 - skip] == 0)
		skip++;
	buffer_add_string(b, "0x");
	for (size_t i = skip; i < len; i++)
		buffer_printf(b, i == skip ? "%x" : "%02x", value[big ? i : len - 1 - i]);
}

static void put_device(struct buffer *b, const struct ruleset *rs, uint32_t index)
{
	const char *name = index < rs->n_devices ? rs->device_names[index] : NULL;
	if (name)
		put_quoted(b, name);
	else
		buffer_printf(b, "%u", index);
}

static void put_class(struct buffer *b, uint32_t handle)
{
	if (handle == 0)
		buffer_add_string(b, "none");
	else if (handle == 0xffffffff)
		buffer_add_string(b, "root");
	else if (handle >> 16 && !(handle & 0xffff))
		buffer_printf(b, "%x:", handle >> 16);
	else
		buffer_printf(b, "%x:%x", handle >> 16, handle & 0xffff);
}

static void put_moment(struct buffer *b, uint8_t type, uint64_t n)
{
	if (type == TYPE_TIME_HOUR) { /* of UTC in the kernel; nft adds the zone of whoever looks */
		time_t now = time(NULL);
		struct tm here;
		localtime_r(&now, &here);
		long s = ((long)n + here.tm_gmtoff + 86400) % 86400;
		buffer_printf(b, s % 60 ? "\"%02ld:%02ld:%02ld\"" : "\"%02ld:%02ld\"", s / 3600, s / 60 % 60, s % 60);
		return;
	}
	time_t t = (time_t)(n / 1000000000);
	struct tm tm;
	char text[64];
	if (localtime_r(&t, &tm) && strftime(text, sizeof text, "\"%Y-%m-%d %H:%M:%S\"", &tm))
		buffer_add_string(b, text);
}

static bool put_special(struct buffer *b, const struct ruleset *rs, struct form f, const uint8_t *value, size_t len, uint64_t n)
{
	switch (f.type) {
	case TYPE_IPADDR:
		put_address(b, AF_INET, value, len);
		return true;
	case TYPE_IP6ADDR:
		put_address(b, AF_INET6, value, len);
		return true;
	case TYPE_ETHERADDR:
	case TYPE_LLADDR:
		for (size_t i = 0; i < len; i++)
			buffer_printf(b, i ? ":%02x" : "%02x", value[i]);
		return true;
	case TYPE_STRING:
	case TYPE_IFNAME:
		buffer_add_byte(b, '"');
		put_escaped(b, (const char *)value, len, "\"\\");
		buffer_add_string(b, len && value[len - 1] && len < 16 && f.type == TYPE_IFNAME ? "*\"" : "\"");
		return true;
	case TYPE_IFINDEX:
		put_device(b, rs, (uint32_t)n);
		return true;
	case TYPE_CLASSID:
		put_class(b, (uint32_t)n);
		return true;
	case TYPE_MARK:
		buffer_printf(b, "0x%08" PRIx64, n);
		return true;
	case TYPE_TIME:
		put_duration(b, n);
		return true;
	case TYPE_TIME_DATE:
	case TYPE_TIME_HOUR:
		put_moment(b, f.type, n);
		return true;
	case TYPE_BOOLEAN:
		buffer_add_string(b, f.exists ? (n ? "exists" : "missing") : n ? "1" : "0");
		return true;
	default:
		return false;
	}
}

void put_value(struct buffer *b, const struct ruleset *rs, struct form f, const uint8_t *value, size_t len)
{
	uint64_t n = number_of(value, len, f.big) >> f.shift;
	if (put_special(b, rs, f, value, len, n))
		return;
	if (type_is_bitmask(f.type) && put_flags(b, f.type, n, f.type == TYPE_TCP_FLAG ? " | " : ","))
		return;
	const char *symbol = symbol_of(f.type, n);
	if (symbol)
		buffer_add_string(b, symbol);
	else if (len > 8)
		put_hex_bytes(b, value, len, f.big);
	else
		buffer_printf(b, f.hex || type_is_bitmask(f.type) || f.type == TYPE_DSCP || f.type == TYPE_ETHERTYPE ? "0x%" PRIx64 : "%" PRIu64, n);
}
