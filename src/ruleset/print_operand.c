// SPDX-License-Identifier: GPL-2.0-or-later
/* The names of what a rule looks at. */
#include <inttypes.h>
#include <netinet/in.h>
#include <string.h>

#include "base/bytes.h"
#include "ruleset/print_private.h"

enum { LL = NFT_PAYLOAD_LL_HEADER, NETWORK = NFT_PAYLOAD_NETWORK_HEADER, TRANSPORT = NFT_PAYLOAD_TRANSPORT_HEADER, ANY_PROTOCOL = -1 };

/* A field: where it lies, in bits, and whose it is. l3: NFPROTO_…, l4: protocol number, where the header is known by it. */
static const struct field {
	const char *name;
	uint8_t base, l3;
	int16_t l4;
	uint16_t offset, bits;
	uint8_t type;
	bool hex;
} fields[] = {
	{"ether daddr", LL, 0, ANY_PROTOCOL, 0, 48, TYPE_ETHERADDR}, {"ether saddr", LL, 0, ANY_PROTOCOL, 48, 48, TYPE_ETHERADDR},
	{"ether type", LL, 0, ANY_PROTOCOL, 96, 16, TYPE_ETHERTYPE}, {"vlan pcp", LL, 0, ANY_PROTOCOL, 112, 3, TYPE_INTEGER},
	{"vlan dei", LL, 0, ANY_PROTOCOL, 115, 1, TYPE_INTEGER}, {"vlan id", LL, 0, ANY_PROTOCOL, 116, 12, TYPE_INTEGER},
	{"vlan type", LL, 0, ANY_PROTOCOL, 128, 16, TYPE_ETHERTYPE},
	{"ip version", NETWORK, NFPROTO_IPV4, ANY_PROTOCOL, 0, 4, TYPE_INTEGER}, {"ip hdrlength", NETWORK, NFPROTO_IPV4, ANY_PROTOCOL, 4, 4, TYPE_INTEGER},
	{"ip dscp", NETWORK, NFPROTO_IPV4, ANY_PROTOCOL, 8, 6, TYPE_DSCP}, {"ip ecn", NETWORK, NFPROTO_IPV4, ANY_PROTOCOL, 14, 2, TYPE_ECN},
	{"ip length", NETWORK, NFPROTO_IPV4, ANY_PROTOCOL, 16, 16, TYPE_INTEGER}, {"ip id", NETWORK, NFPROTO_IPV4, ANY_PROTOCOL, 32, 16, TYPE_INTEGER},
	{"ip frag-off", NETWORK, NFPROTO_IPV4, ANY_PROTOCOL, 48, 16, TYPE_INTEGER, true}, {"ip ttl", NETWORK, NFPROTO_IPV4, ANY_PROTOCOL, 64, 8, TYPE_INTEGER},
	{"ip protocol", NETWORK, NFPROTO_IPV4, ANY_PROTOCOL, 72, 8, TYPE_INET_PROTOCOL},
	{"ip checksum", NETWORK, NFPROTO_IPV4, ANY_PROTOCOL, 80, 16, TYPE_INTEGER}, {"ip saddr", NETWORK, NFPROTO_IPV4, ANY_PROTOCOL, 96, 32, TYPE_IPADDR},
	{"ip daddr", NETWORK, NFPROTO_IPV4, ANY_PROTOCOL, 128, 32, TYPE_IPADDR},
	{"ip6 version", NETWORK, NFPROTO_IPV6, ANY_PROTOCOL, 0, 4, TYPE_INTEGER}, {"ip6 dscp", NETWORK, NFPROTO_IPV6, ANY_PROTOCOL, 4, 6, TYPE_DSCP},
	{"ip6 ecn", NETWORK, NFPROTO_IPV6, ANY_PROTOCOL, 10, 2, TYPE_ECN}, {"ip6 flowlabel", NETWORK, NFPROTO_IPV6, ANY_PROTOCOL, 12, 20, TYPE_INTEGER},
	{"ip6 length", NETWORK, NFPROTO_IPV6, ANY_PROTOCOL, 32, 16, TYPE_INTEGER}, {"ip6 nexthdr", NETWORK, NFPROTO_IPV6, ANY_PROTOCOL, 48, 8, TYPE_INET_PROTOCOL},
	{"ip6 hoplimit", NETWORK, NFPROTO_IPV6, ANY_PROTOCOL, 56, 8, TYPE_INTEGER}, {"ip6 saddr", NETWORK, NFPROTO_IPV6, ANY_PROTOCOL, 64, 128, TYPE_IP6ADDR},
	{"ip6 daddr", NETWORK, NFPROTO_IPV6, ANY_PROTOCOL, 192, 128, TYPE_IP6ADDR},
	{"arp htype", NETWORK, NFPROTO_ARP, ANY_PROTOCOL, 0, 16, TYPE_INTEGER}, {"arp ptype", NETWORK, NFPROTO_ARP, ANY_PROTOCOL, 16, 16, TYPE_ETHERTYPE},
	{"arp hlen", NETWORK, NFPROTO_ARP, ANY_PROTOCOL, 32, 8, TYPE_INTEGER}, {"arp plen", NETWORK, NFPROTO_ARP, ANY_PROTOCOL, 40, 8, TYPE_INTEGER},
	{"arp operation", NETWORK, NFPROTO_ARP, ANY_PROTOCOL, 48, 16, TYPE_ARPOP}, {"arp saddr ether", NETWORK, NFPROTO_ARP, ANY_PROTOCOL, 64, 48, TYPE_ETHERADDR},
	{"arp saddr ip", NETWORK, NFPROTO_ARP, ANY_PROTOCOL, 112, 32, TYPE_IPADDR},
	{"arp daddr ether", NETWORK, NFPROTO_ARP, ANY_PROTOCOL, 144, 48, TYPE_ETHERADDR},
	{"arp daddr ip", NETWORK, NFPROTO_ARP, ANY_PROTOCOL, 192, 32, TYPE_IPADDR},
	{"tcp sport", TRANSPORT, 0, IPPROTO_TCP, 0, 16, TYPE_INET_SERVICE}, {"tcp dport", TRANSPORT, 0, IPPROTO_TCP, 16, 16, TYPE_INET_SERVICE},
	{"tcp sequence", TRANSPORT, 0, IPPROTO_TCP, 32, 32, TYPE_INTEGER}, {"tcp ackseq", TRANSPORT, 0, IPPROTO_TCP, 64, 32, TYPE_INTEGER},
	{"tcp doff", TRANSPORT, 0, IPPROTO_TCP, 96, 4, TYPE_INTEGER}, {"tcp flags", TRANSPORT, 0, IPPROTO_TCP, 104, 8, TYPE_TCP_FLAG},
	{"tcp window", TRANSPORT, 0, IPPROTO_TCP, 112, 16, TYPE_INTEGER}, {"tcp checksum", TRANSPORT, 0, IPPROTO_TCP, 128, 16, TYPE_INTEGER},
	{"tcp urgptr", TRANSPORT, 0, IPPROTO_TCP, 144, 16, TYPE_INTEGER},
	{"udp sport", TRANSPORT, 0, IPPROTO_UDP, 0, 16, TYPE_INET_SERVICE}, {"udp dport", TRANSPORT, 0, IPPROTO_UDP, 16, 16, TYPE_INET_SERVICE},
	{"udp length", TRANSPORT, 0, IPPROTO_UDP, 32, 16, TYPE_INTEGER}, {"udp checksum", TRANSPORT, 0, IPPROTO_UDP, 48, 16, TYPE_INTEGER},
	{"udplite sport", TRANSPORT, 0, IPPROTO_UDPLITE, 0, 16, TYPE_INET_SERVICE}, {"udplite dport", TRANSPORT, 0, IPPROTO_UDPLITE, 16, 16, TYPE_INET_SERVICE},
	{"sctp sport", TRANSPORT, 0, IPPROTO_SCTP, 0, 16, TYPE_INET_SERVICE}, {"sctp dport", TRANSPORT, 0, IPPROTO_SCTP, 16, 16, TYPE_INET_SERVICE},
	{"sctp vtag", TRANSPORT, 0, IPPROTO_SCTP, 32, 32, TYPE_INTEGER}, {"dccp sport", TRANSPORT, 0, IPPROTO_DCCP, 0, 16, TYPE_INET_SERVICE},
	{"dccp dport", TRANSPORT, 0, IPPROTO_DCCP, 16, 16, TYPE_INET_SERVICE}, {"dccp type", TRANSPORT, 0, IPPROTO_DCCP, 67, 4, TYPE_DCCP_PKTTYPE},
	{"icmp type", TRANSPORT, 0, IPPROTO_ICMP, 0, 8, TYPE_ICMP_TYPE}, {"icmp code", TRANSPORT, 0, IPPROTO_ICMP, 8, 8, TYPE_ICMP_CODE},
	{"icmp checksum", TRANSPORT, 0, IPPROTO_ICMP, 16, 16, TYPE_INTEGER}, {"icmp id", TRANSPORT, 0, IPPROTO_ICMP, 32, 16, TYPE_INTEGER},
	{"icmp sequence", TRANSPORT, 0, IPPROTO_ICMP, 48, 16, TYPE_INTEGER}, {"icmp gateway", TRANSPORT, 0, IPPROTO_ICMP, 32, 32, TYPE_INTEGER},
	{"icmpv6 type", TRANSPORT, 0, IPPROTO_ICMPV6, 0, 8, TYPE_ICMP6_TYPE}, {"icmpv6 code", TRANSPORT, 0, IPPROTO_ICMPV6, 8, 8, TYPE_ICMPV6_CODE},
	{"icmpv6 checksum", TRANSPORT, 0, IPPROTO_ICMPV6, 16, 16, TYPE_INTEGER}, {"icmpv6 mtu", TRANSPORT, 0, IPPROTO_ICMPV6, 32, 32, TYPE_INTEGER},
	{"icmpv6 id", TRANSPORT, 0, IPPROTO_ICMPV6, 32, 16, TYPE_INTEGER}, {"icmpv6 sequence", TRANSPORT, 0, IPPROTO_ICMPV6, 48, 16, TYPE_INTEGER},
	{"igmp type", TRANSPORT, 0, IPPROTO_IGMP, 0, 8, TYPE_IGMP_TYPE}, {"igmp mrt", TRANSPORT, 0, IPPROTO_IGMP, 8, 8, TYPE_INTEGER},
	{"igmp group", TRANSPORT, 0, IPPROTO_IGMP, 32, 32, TYPE_IPADDR}, {"esp spi", TRANSPORT, 0, IPPROTO_ESP, 0, 32, TYPE_INTEGER},
	{"esp sequence", TRANSPORT, 0, IPPROTO_ESP, 32, 32, TYPE_INTEGER}, {"ah spi", TRANSPORT, 0, IPPROTO_AH, 32, 32, TYPE_INTEGER},
	{"comp cpi", TRANSPORT, 0, IPPROTO_COMP, 16, 16, TYPE_INTEGER},
	{"th sport", TRANSPORT, 0, ANY_PROTOCOL, 0, 16, TYPE_INET_SERVICE}, {"th dport", TRANSPORT, 0, ANY_PROTOCOL, 16, 16, TYPE_INET_SERVICE},
};

/* Keys of meta, ct and the like: name, type, whether the value is in network order. */
struct key {
	uint32_t key;
	const char *name;
	uint8_t type;
	bool hex;
};

static const struct key meta_keys[] = {
	{NFT_META_LEN, "meta length", TYPE_INTEGER}, {NFT_META_PROTOCOL, "meta protocol", TYPE_ETHERTYPE}, {NFT_META_PRIORITY, "meta priority", TYPE_CLASSID},
	{NFT_META_MARK, "meta mark", TYPE_MARK}, {NFT_META_IIF, "iif", TYPE_IFINDEX}, {NFT_META_OIF, "oif", TYPE_IFINDEX},
	{NFT_META_IIFNAME, "iifname", TYPE_IFNAME}, {NFT_META_OIFNAME, "oifname", TYPE_IFNAME}, {NFT_META_IIFTYPE, "iiftype", TYPE_ARPHRD},
	{NFT_META_OIFTYPE, "oiftype", TYPE_ARPHRD}, {NFT_META_SKUID, "meta skuid", TYPE_UID}, {NFT_META_SKGID, "meta skgid", TYPE_GID},
	{NFT_META_NFTRACE, "meta nftrace", TYPE_BOOLEAN}, {NFT_META_RTCLASSID, "meta rtclassid", TYPE_REALM}, {NFT_META_SECMARK, "meta secmark", TYPE_INTEGER},
	{NFT_META_NFPROTO, "meta nfproto", TYPE_NFPROTO}, {NFT_META_L4PROTO, "meta l4proto", TYPE_INET_PROTOCOL},
	{NFT_META_BRI_IIFNAME, "meta ibrname", TYPE_IFNAME}, {NFT_META_BRI_OIFNAME, "meta obrname", TYPE_IFNAME}, {NFT_META_PKTTYPE, "meta pkttype", TYPE_PKTTYPE},
	{NFT_META_CPU, "meta cpu", TYPE_INTEGER}, {NFT_META_IIFGROUP, "iifgroup", TYPE_DEVGROUP}, {NFT_META_OIFGROUP, "oifgroup", TYPE_DEVGROUP},
	{NFT_META_CGROUP, "meta cgroup", TYPE_INTEGER}, {NFT_META_PRANDOM, "meta random", TYPE_INTEGER}, {NFT_META_SECPATH, "meta ipsec", TYPE_BOOLEAN},
	{NFT_META_IIFKIND, "meta iifkind", TYPE_IFNAME}, {NFT_META_OIFKIND, "meta oifkind", TYPE_IFNAME}, {NFT_META_BRI_IIFPVID, "meta ibrpvid", TYPE_INTEGER},
	{NFT_META_BRI_IIFVPROTO, "meta ibrvproto", TYPE_ETHERTYPE}, {NFT_META_TIME_NS, "meta time", TYPE_TIME_DATE},
	{NFT_META_TIME_DAY, "meta day", TYPE_TIME_DAY}, {NFT_META_TIME_HOUR, "meta hour", TYPE_TIME_HOUR}, {NFT_META_SDIF, "sdif", TYPE_IFINDEX},
	{NFT_META_SDIFNAME, "sdifname", TYPE_IFNAME}, {0}};

static const struct key ct_keys[] = {
	{NFT_CT_STATE, "state", TYPE_CT_STATE}, {NFT_CT_DIRECTION, "direction", TYPE_CT_DIR}, {NFT_CT_STATUS, "status", TYPE_CT_STATUS},
	{NFT_CT_MARK, "mark", TYPE_MARK}, {NFT_CT_SECMARK, "secmark", TYPE_INTEGER}, {NFT_CT_EXPIRATION, "expiration", TYPE_TIME},
	{NFT_CT_HELPER, "helper", TYPE_STRING}, {NFT_CT_L3PROTOCOL, "l3proto", TYPE_NFPROTO}, {NFT_CT_SRC, "saddr", TYPE_INVALID},
	{NFT_CT_DST, "daddr", TYPE_INVALID}, {NFT_CT_PROTOCOL, "protocol", TYPE_INET_PROTOCOL}, {NFT_CT_PROTO_SRC, "proto-src", TYPE_INET_SERVICE},
	{NFT_CT_PROTO_DST, "proto-dst", TYPE_INET_SERVICE}, {NFT_CT_LABELS, "label", TYPE_CT_LABEL}, {NFT_CT_PKTS, "packets", TYPE_INTEGER},
	{NFT_CT_BYTES, "bytes", TYPE_INTEGER}, {NFT_CT_AVGPKT, "avgpkt", TYPE_INTEGER}, {NFT_CT_ZONE, "zone", TYPE_INTEGER},
	{NFT_CT_EVENTMASK, "event", TYPE_CT_EVENTBIT}, {NFT_CT_SRC_IP, "ip saddr", TYPE_IPADDR}, {NFT_CT_DST_IP, "ip daddr", TYPE_IPADDR},
	{NFT_CT_SRC_IP6, "ip6 saddr", TYPE_IP6ADDR}, {NFT_CT_DST_IP6, "ip6 daddr", TYPE_IP6ADDR}, {NFT_CT_ID, "id", TYPE_INTEGER}, {0}};

static const struct key rt_keys[] = {{NFT_RT_CLASSID, "rt classid", TYPE_REALM}, {NFT_RT_NEXTHOP4, "rt ip nexthop", TYPE_IPADDR},
				     {NFT_RT_NEXTHOP6, "rt ip6 nexthop", TYPE_IP6ADDR}, {NFT_RT_TCPMSS, "rt mtu", TYPE_INTEGER},
				     {NFT_RT_XFRM, "rt ipsec", TYPE_BOOLEAN}, {0}};
static const struct key socket_keys[] = {{NFT_SOCKET_TRANSPARENT, "socket transparent", TYPE_INTEGER}, {NFT_SOCKET_MARK, "socket mark", TYPE_MARK},
					 {NFT_SOCKET_WILDCARD, "socket wildcard", TYPE_INTEGER}, {NFT_SOCKET_CGROUPV2, "socket cgroupv2", TYPE_CGROUPV2}, {0}};
static const struct key fib_results[] = {{NFT_FIB_RESULT_OIF, "oif", TYPE_IFINDEX}, {NFT_FIB_RESULT_OIFNAME, "oifname", TYPE_IFNAME},
					 {NFT_FIB_RESULT_ADDRTYPE, "type", TYPE_FIB_ADDR}, {0}};
static const struct key xfrm_keys[] = {{NFT_XFRM_KEY_DADDR_IP4, "ip daddr", TYPE_IPADDR}, {NFT_XFRM_KEY_DADDR_IP6, "ip6 daddr", TYPE_IP6ADDR},
				       {NFT_XFRM_KEY_SADDR_IP4, "ip saddr", TYPE_IPADDR}, {NFT_XFRM_KEY_SADDR_IP6, "ip6 saddr", TYPE_IP6ADDR},
				       {NFT_XFRM_KEY_REQID, "reqid", TYPE_INTEGER}, {NFT_XFRM_KEY_SPI, "spi", TYPE_INTEGER, true}, {0}};

static const struct key *key_find(const struct key *keys, uint32_t key)
{
	static const struct key none = {.type = TYPE_INTEGER};
	for (; keys->name; keys++)
		if (keys->key == key)
			return keys;
	return &none;
}

/* ---- payload ---- */

static bool field_fits(const struct field *f, const struct context *c, uint8_t base)
{
	if (f->base != base)
		return false;
	if (f->l3)
		return f->l3 == c->l3 || !c->l3;
	return f->l4 == ANY_PROTOCOL || f->l4 == c->l4;
}

/* Exactly that field, or an address of which only the beginning was loaded (a prefix). */
static const struct field *field_find(const struct context *c, uint8_t base, uint32_t offset, uint32_t bits)
{
	const struct field *part = NULL;
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		const struct field *f = &fields[i];
		if (!field_fits(f, c, base) || f->offset != offset)
			continue;
		if (f->bits == bits)
			return f;
		bool address = f->type == TYPE_IPADDR || f->type == TYPE_IP6ADDR || f->type == TYPE_ETHERADDR;
		if (address && c->l3 && bits < f->bits && !part)
			part = f;
	}
	return part;
}

static struct form put_payload(struct buffer *b, const struct context *c, const struct operand *o)
{
	static const char *const bases[] = {"ll", "nh", "th", "ih"};
	const struct field *f = field_find(c, o->payload.base, o->payload.offset * 8, o->len * 8u);
	if (!f) {
		buffer_printf(b, "@%s,%" PRIu32 ",%u", o->payload.base < 4 ? bases[o->payload.base] : "?", o->payload.offset * 8, o->len * 8u);
		return (struct form){.type = TYPE_INTEGER, .big = true, .hex = true};
	}
	buffer_add_string(b, f->name);
	return (struct form){.type = f->type, .big = true, .hex = f->hex};
}

bool put_masked_field(struct buffer *b, const struct context *c, const struct operand *o, const uint8_t *mask, struct form *form, size_t *bits)
{
	uint64_t m = number_of(mask, o->len, true);
	if (o->source != SOURCE_PAYLOAD || o->len > 8 || !m)
		return false;
	int low = __builtin_ctzll(m);
	int n = __builtin_popcountll(m);
	if ((m >> low) != ((n == 64 ? 0 : (uint64_t)1 << n) - 1))
		return false;
	uint32_t offset = o->payload.offset * 8 + o->len * 8u - (uint32_t)low - (uint32_t)n;
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		const struct field *f = &fields[i];
		if (!field_fits(f, c, o->payload.base) || f->offset != offset || f->bits != (uint32_t)n)
			continue;
		buffer_add_string(b, f->name);
		*form = (struct form){.type = f->type, .big = true, .hex = f->hex, .shift = (uint8_t)low};
		*bits = (size_t)n;
		return true;
	}
	return false;
}

/* ---- header extensions ---- */

static const struct extension {
	uint8_t op, type;
	const char *name;
} extensions[] = {
	{NFT_EXTHDR_OP_IPV6, 0, "hbh"}, {NFT_EXTHDR_OP_IPV6, 43, "rt"}, {NFT_EXTHDR_OP_IPV6, 44, "frag"}, {NFT_EXTHDR_OP_IPV6, 60, "dst"},
	{NFT_EXTHDR_OP_IPV6, 135, "mh"}, {NFT_EXTHDR_OP_IPV6, 51, "auth"},
	{NFT_EXTHDR_OP_TCPOPT, 0, "tcp option eol"}, {NFT_EXTHDR_OP_TCPOPT, 1, "tcp option nop"}, {NFT_EXTHDR_OP_TCPOPT, 2, "tcp option maxseg"},
	{NFT_EXTHDR_OP_TCPOPT, 3, "tcp option window"}, {NFT_EXTHDR_OP_TCPOPT, 4, "tcp option sack-perm"}, {NFT_EXTHDR_OP_TCPOPT, 5, "tcp option sack"},
	{NFT_EXTHDR_OP_TCPOPT, 8, "tcp option timestamp"}, {NFT_EXTHDR_OP_TCPOPT, 19, "tcp option md5sig"}, {NFT_EXTHDR_OP_TCPOPT, 30, "tcp option mptcp"},
	{NFT_EXTHDR_OP_TCPOPT, 34, "tcp option fastopen"},
	{NFT_EXTHDR_OP_IPV4, 131, "ip option lsrr"}, {NFT_EXTHDR_OP_IPV4, 7, "ip option rr"}, {NFT_EXTHDR_OP_IPV4, 137, "ip option ssrr"},
	{NFT_EXTHDR_OP_IPV4, 148, "ip option ra"},
};

static const struct extension_field {
	uint8_t op, type;
	uint16_t offset, len;
	const char *name;
} extension_fields[] = {
	{NFT_EXTHDR_OP_TCPOPT, 2, 2, 2, "size"}, {NFT_EXTHDR_OP_TCPOPT, 3, 2, 1, "count"}, {NFT_EXTHDR_OP_TCPOPT, 8, 2, 4, "tsval"},
	{NFT_EXTHDR_OP_TCPOPT, 8, 6, 4, "tsecr"}, {NFT_EXTHDR_OP_TCPOPT, 5, 2, 4, "left"}, {NFT_EXTHDR_OP_TCPOPT, 5, 6, 4, "right"},
	{NFT_EXTHDR_OP_IPV6, 44, 0, 1, "nexthdr"}, {NFT_EXTHDR_OP_IPV6, 44, 4, 4, "id"}, {NFT_EXTHDR_OP_IPV6, 43, 0, 1, "nexthdr"},
	{NFT_EXTHDR_OP_IPV6, 43, 1, 1, "hdrlength"}, {NFT_EXTHDR_OP_IPV6, 43, 2, 1, "type"}, {NFT_EXTHDR_OP_IPV6, 43, 3, 1, "seg-left"},
	{NFT_EXTHDR_OP_IPV6, 0, 0, 1, "nexthdr"}, {NFT_EXTHDR_OP_IPV6, 60, 0, 1, "nexthdr"},
};

static void put_extension(struct buffer *b, uint8_t op, uint8_t type)
{
	static const char *const kinds[] = {"exthdr", "tcp option", "ip option", "sctp chunk", "dccp option"};
	for (size_t i = 0; i < sizeof extensions / sizeof *extensions; i++)
		if (extensions[i].op == op && extensions[i].type == type) {
			buffer_add_string(b, extensions[i].name);
			return;
		}
	buffer_printf(b, "%s %u", op < 5 ? kinds[op] : "exthdr", type);
}

static struct form put_exthdr(struct buffer *b, const struct operand *o)
{
	if (o->exthdr.present) {
		if (o->exthdr.op == NFT_EXTHDR_OP_IPV6)
			buffer_add_string(b, "exthdr ");
		put_extension(b, o->exthdr.op, o->exthdr.type);
		return (struct form){.type = TYPE_BOOLEAN, .exists = true};
	}
	put_extension(b, o->exthdr.op, o->exthdr.type);
	for (size_t i = 0; i < sizeof extension_fields / sizeof *extension_fields; i++) {
		const struct extension_field *f = &extension_fields[i];
		if (f->op == o->exthdr.op && f->type == o->exthdr.type && f->offset == o->exthdr.offset && f->len == o->len) {
			buffer_printf(b, " %s", f->name);
			return (struct form){.type = TYPE_INTEGER, .big = true};
		}
	}
	buffer_printf(b, " @%" PRIu32 ",%u", o->exthdr.offset * 8, o->len * 8u);
	return (struct form){.type = TYPE_INTEGER, .big = true, .hex = true};
}

/* ---- the rest ---- */

static struct form put_key(struct buffer *b, const struct key *keys, uint32_t key, const char *kind)
{
	const struct key *k = key_find(keys, key);
	if (k->name)
		buffer_add_string(b, k->name);
	else
		buffer_printf(b, "%s %" PRIu32, kind, key);
	bool network = k->type == TYPE_IPADDR || k->type == TYPE_IP6ADDR || k->type == TYPE_ETHERTYPE || k->type == TYPE_INET_SERVICE;
	return (struct form){.type = k->type, .hex = k->hex, .big = network};
}

static struct form put_ct(struct buffer *b, const struct context *c, const struct operand *o)
{
	buffer_printf(b, "ct %s", o->key.direction == 0 ? "original " : o->key.direction == 1 ? "reply " : "");
	struct form f = put_key(b, ct_keys, o->key.key, "key");
	if (f.type == TYPE_INVALID)
		f.type = c->l3 == NFPROTO_IPV6 || o->len > 4 ? TYPE_IP6ADDR : TYPE_IPADDR;
	return f;
}

static struct form put_fib(struct buffer *b, const struct operand *o)
{
	static const char *const words[] = {"saddr", "daddr", "mark", "iif", "oif"};
	const char *dot = "";
	buffer_add_string(b, "fib ");
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (o->key.flags >> i & 1) {
			buffer_printf(b, "%s%s", dot, words[i]);
			dot = " . ";
		}
	buffer_add_byte(b, ' ');
	struct form f = put_key(b, fib_results, o->key.key, "result");
	if (o->key.flags & NFTA_FIB_F_PRESENT)
		f = (struct form){.type = TYPE_BOOLEAN, .exists = true};
	return f;
}

static struct form put_generator(struct buffer *b, const struct ruleset *rs, const struct context *c, const struct operand *o)
{
	if (o->source == SOURCE_NUMGEN)
		buffer_printf(b, "numgen %s mod %" PRIu32, o->generate.key == NFT_NG_RANDOM ? "random" : "inc", o->generate.modulus);
	else if (o->source == SOURCE_SYMHASH)
		buffer_printf(b, "symhash mod %" PRIu32, o->generate.modulus);
	if (o->source == SOURCE_JHASH) {
		buffer_add_string(b, "jhash ");
		if (o->generate.inner)
			put_operand(b, rs, c, o->generate.inner);
		buffer_printf(b, " mod %" PRIu32, o->generate.modulus);
		if (o->generate.seed)
			buffer_printf(b, " seed 0x%" PRIx32, o->generate.seed);
	}
	if (o->generate.offset)
		buffer_printf(b, " offset %" PRIu32, o->generate.offset);
	return (struct form){.type = TYPE_INTEGER};
}

static struct form put_map(struct buffer *b, const struct ruleset *rs, const struct context *c, const struct operand *o)
{
	put_operand(b, rs, c, o->map.inner);
	buffer_add_string(b, " map ");
	put_set(b, rs, c, o->map.set, o->map.inner);
	return (struct form){.type = (uint8_t)(o->map.set->data_type & 63), .big = o->map.set->data_type != TYPE_MARK};
}

struct form put_field(struct buffer *b, const struct ruleset *rs, const struct context *c, const struct operand *o)
{
	struct form f;
	switch (o->source) {
	case SOURCE_IMMEDIATE:
		put_value(b, rs, (struct form){.type = TYPE_INTEGER, .hex = true}, o->data, o->len);
		return (struct form){.type = TYPE_INTEGER};
	case SOURCE_PAYLOAD:
		return put_payload(b, c, o);
	case SOURCE_EXTHDR:
		return put_exthdr(b, o);
	case SOURCE_META:
		return put_key(b, meta_keys, o->key.key, "meta");
	case SOURCE_CT:
		return put_ct(b, c, o);
	case SOURCE_RT:
		return put_key(b, rt_keys, o->key.key, "rt");
	case SOURCE_FIB:
		return put_fib(b, o);
	case SOURCE_SOCKET:
		f = put_key(b, socket_keys, o->key.key, "socket");
		if (o->key.key == NFT_SOCKET_CGROUPV2)
			buffer_printf(b, " level %" PRIu32, o->key.level);
		return f;
	case SOURCE_OSF:
		buffer_printf(b, "osf %s%s", o->key.key == 1 ? "ttl loose " : o->key.key == 2 ? "ttl skip " : "", o->key.flags & NFT_OSF_F_VERSION ? "version" : "name");
		return (struct form){.type = TYPE_STRING};
	case SOURCE_TUNNEL:
		buffer_add_string(b, o->key.key ? "tunnel id" : "tunnel path");
		return (struct form){.type = TYPE_INTEGER};
	case SOURCE_XFRM:
		buffer_printf(b, "ipsec %s ", o->key.direction == 1 ? "out" : "in");
		if (o->key.level)
			buffer_printf(b, "spnum %" PRIu32 " ", o->key.level);
		return put_key(b, xfrm_keys, o->key.key, "key");
	case SOURCE_NUMGEN:
	case SOURCE_JHASH:
	case SOURCE_SYMHASH:
		return put_generator(b, rs, c, o);
	case SOURCE_MAP:
		return put_map(b, rs, c, o);
	default:
		buffer_add_string(b, "[");
		put_name(b, o->name ? o->name : "?");
		buffer_add_string(b, "]");
		return (struct form){.type = TYPE_INTEGER, .hex = true};
	}
}

/* (bytes & mask) ^ xor, as people write it. */
static void put_mask_xor(struct buffer *b, struct form f, const struct change *c, size_t len)
{
	uint64_t all = len >= 8 ? UINT64_MAX : ((uint64_t)1 << len * 8) - 1;
	uint64_t mask = number_of(c->mask, len, f.big), xor = number_of(c->xor, len, f.big), or = xor & ~mask;
	int width = f.type == TYPE_MARK ? 8 : 1;
	if ((mask | or) != all)
		buffer_printf(b, " & 0x%0*" PRIx64, width, mask | or);
	if (or)
		buffer_printf(b, " | 0x%0*" PRIx64, width, or);
	if (xor & mask)
		buffer_printf(b, " ^ 0x%0*" PRIx64, width, xor & mask);
}

static struct form put_part(struct buffer *b, const struct ruleset *rs, const struct context *c, const struct operand *o)
{
	struct form f;
	size_t bits;
	const struct change *mask = only_mask(o);
	if (mask && number_of(mask->xor, o->len, true) == 0 && put_masked_field(b, c, o, mask->mask, &f, &bits))
		return f;
	f = put_field(b, rs, c, o);
	for (const struct change *x = o->changes; x; x = x->next) {
		if (x->kind == CHANGE_MASK_XOR)
			put_mask_xor(b, f, x, o->len);
		else if (x->kind == CHANGE_SHIFT_LEFT || x->kind == CHANGE_SHIFT_RIGHT)
			buffer_printf(b, " %s %" PRIu32, x->kind == CHANGE_SHIFT_LEFT ? "<<" : ">>", x->shift);
		else if (x->kind == CHANGE_BYTEORDER)
			f.big = !f.big;
	}
	return f;
}

struct form put_operand(struct buffer *b, const struct ruleset *rs, const struct context *c, const struct operand *o)
{
	struct form first = put_part(b, rs, c, o);
	for (const struct operand *next = o->next; next; next = next->next) {
		buffer_add_string(b, " . ");
		put_part(b, rs, c, next);
	}
	return first;
}

struct form operand_form(const struct context *c, const struct operand *o)
{
	static const struct ruleset none;
	struct buffer scratch = {0};
	struct operand alone = *o;
	alone.next = NULL;
	if (o->source == SOURCE_MAP) {
		bool host = o->map.set->data_type == TYPE_MARK;
		return (struct form){.type = (uint8_t)(o->map.set->data_type & 63), .big = !host};
	}
	struct form f = put_part(&scratch, &none, c, &alone);
	buffer_free(&scratch);
	return f;
}

const struct change *only_mask(const struct operand *o)
{
	return o->changes && !o->changes->next && o->changes->kind == CHANGE_MASK_XOR ? o->changes : NULL;
}

static bool changes_equal(const struct change *a, const struct change *b, size_t len)
{
	for (; a && b; a = a->next, b = b->next) {
		if (a->kind != b->kind || a->size != b->size || a->shift != b->shift)
			return false;
		if (a->kind == CHANGE_MASK_XOR && (memcmp(a->mask, b->mask, len) != 0 || memcmp(a->xor, b->xor, len) != 0))
			return false;
	}
	return !a && !b;
}

bool operands_equal(const struct operand *a, const struct operand *b)
{
	if (a == b)
		return true;
	if (!a || !b || a->source != b->source || a->len != b->len || !changes_equal(a->changes, b->changes, a->len))
		return false;
	if (a->next || b->next)
		return false; /* concatenations are compared by nobody */
	if (a->source == SOURCE_MAP)
		return a->map.set == b->map.set && operands_equal(a->map.inner, b->map.inner);
	if (a->source == SOURCE_PAYLOAD)
		return a->payload.base == b->payload.base && a->payload.offset == b->payload.offset;
	if (a->source == SOURCE_EXTHDR)
		return a->exthdr.op == b->exthdr.op && a->exthdr.type == b->exthdr.type && a->exthdr.offset == b->exthdr.offset &&
		       a->exthdr.present == b->exthdr.present;
	if (a->source == SOURCE_NUMGEN || a->source == SOURCE_JHASH || a->source == SOURCE_SYMHASH || a->source == SOURCE_UNKNOWN || a->source == SOURCE_IMMEDIATE)
		return false;
	return a->key.key == b->key.key && a->key.flags == b->key.flags && a->key.level == b->key.level && a->key.direction == b->key.direction;
}
