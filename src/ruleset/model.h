// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A nftables ruleset as the kernel executes it: read once (read.h), not changed afterwards, shared by show, check and trace.
 *
 * The kernel's bytecode works on registers; here the register is gone: a rule is a list of steps, and each step names the operands
 * that it compares, looks up or writes. Bytes are as the register holds them: fields of the packet in network order, numbers of meta,
 * ct and the like in the order of the host (of the machine that wrote the bytecode, which is this one).
 *
 * Everything lives in the ruleset's arena. Names come from strangers (other owners' tables): print them escaped (print.h).
 * Threads: a finished ruleset is read only.
 */
#pragma once

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/memory.h"

/* ---- operands: where bytes come from ---- */

enum operand_source {
	SOURCE_IMMEDIATE, /* data */
	SOURCE_PAYLOAD,   /* bytes of the packet */
	SOURCE_EXTHDR,    /* IPv6 extension header, TCP option, IPv4 option, SCTP chunk, DCCP option */
	SOURCE_META,      /* key: NFT_META_… */
	SOURCE_CT,        /* key: NFT_CT_…, direction */
	SOURCE_RT,        /* key: NFT_RT_… */
	SOURCE_FIB,       /* key: NFT_FIB_RESULT_…, flags: NFTA_FIB_F_… */
	SOURCE_SOCKET,    /* key: NFT_SOCKET_…, level (cgroupv2) */
	SOURCE_OSF,
	SOURCE_TUNNEL,  /* key: NFT_TUNNEL_… */
	SOURCE_XFRM,    /* key: NFT_XFRM_…, direction, level: SPI number */
	SOURCE_NUMGEN,  /* key: NFT_NG_INCREMENTAL or NFT_NG_RANDOM; modulus, offset */
	SOURCE_JHASH,   /* of inner; modulus, seed, offset */
	SOURCE_SYMHASH, /* modulus, offset */
	SOURCE_MAP,     /* what the map `set` holds for the key `inner` */
	SOURCE_UNKNOWN, /* name says what the kernel called it */
	SOURCES
};

enum change_kind { CHANGE_MASK_XOR, CHANGE_SHIFT_LEFT, CHANGE_SHIFT_RIGHT, CHANGE_BYTEORDER, CHANGE_SLICE };

/* What happens to the bytes after they were loaded, in order. */
struct change {
	struct change *next;
	uint8_t kind; /* enum change_kind */
	uint8_t size; /* CHANGE_BYTEORDER: 2, 4 or 8 bytes at a time; the direction does not matter for the result */
	uint32_t shift; /* bits; CHANGE_SLICE: the first byte that stays, the operand's len says how many (before it: all of the map's data_len) */
	const uint8_t *mask, *xor; /* CHANGE_MASK_XOR: as long as the operand; (bytes & mask) ^ xor */
};

struct ruleset_set;

/* One part; a concatenation is a chain of parts, each of which begins at the next register of 4 bytes. */
struct operand {
	struct operand *next; /* the next part of a concatenation */
	struct change *changes;
	uint16_t len; /* bytes; in a concatenation each part takes len rounded up to 4 */
	uint8_t source;
	union {
		const uint8_t *data; /* SOURCE_IMMEDIATE: len bytes */
		struct {
			uint8_t base; /* NFT_PAYLOAD_LL_HEADER, NETWORK_HEADER, TRANSPORT_HEADER, INNER_HEADER */
			uint32_t offset;
		} payload;
		struct {
			uint8_t op; /* NFT_EXTHDR_OP_… */
			uint8_t type;
			uint32_t offset;
			bool present; /* NFT_EXTHDR_F_PRESENT: one byte, 1 if the header is there */
		} exthdr;
		struct {
			uint32_t key, flags;
			uint32_t level;
			int8_t direction; /* IP_CT_DIR_ORIGINAL, _REPLY; -1 if none was given */
		} key;            /* META, CT, RT, FIB, SOCKET, OSF, TUNNEL, XFRM */
		struct {
			const struct operand *inner; /* JHASH */
			uint32_t key, modulus, seed, offset;
		} generate; /* NUMGEN, JHASH, SYMHASH */
		struct {
			const struct operand *inner;
			const struct ruleset_set *set;
		} map;
		const char *name; /* UNKNOWN */
	};
};

/* ---- steps: what a rule does, in order ---- */

enum step_kind {
	STEP_COMPARE,     /* goes on if the operand compares so with data */
	STEP_RANGE,       /* goes on if from <= operand <= to, as bytes (or not, if inverted) */
	STEP_LOOKUP,      /* goes on if the set holds the operand (or not, if inverted) */
	STEP_VERDICT,     /* accept, drop, jump, goto, return, continue */
	STEP_VERDICT_MAP, /* the verdict that the map holds; goes on with the next rule if none */
	STEP_WRITE,       /* puts the operand into the packet, its mark, its connection */
	STEP_UPDATE,      /* adds to, updates or deletes from a set; goes on if that worked (delete: always) */
	STEP_COUNTER,
	STEP_LIMIT,     /* goes on below the rate */
	STEP_QUOTA,     /* goes on below the quota */
	STEP_CONNLIMIT, /* ct count */
	STEP_LAST,
	STEP_LOG,
	STEP_QUEUE, /* terminal */
	STEP_REJECT, /* terminal: drop with an answer */
	STEP_NAT, /* snat, dnat, masquerade, redirect: terminal: accept */
	STEP_TPROXY,
	STEP_NOTRACK,
	STEP_SYNPROXY,
	STEP_DUP,
	STEP_FORWARD, /* netdev: fwd to; terminal */
	STEP_FLOW_ADD, /* offload to a flowtable */
	STEP_CT_OBJECT, /* helper, timeout, expectation by name */
	STEP_XT_MATCH, /* of iptables-nft; see xt */
	STEP_XT_TARGET,
	STEP_UNKNOWN, /* name; no conclusion about this rule holds */
	STEPS
};

enum compare { COMPARE_EQ, COMPARE_NEQ, COMPARE_LT, COMPARE_LTE, COMPARE_GT, COMPARE_GTE };

/* A terminal or wandering decision. `code` as the kernel has it: NF_DROP, NF_ACCEPT, NFT_CONTINUE, NFT_BREAK, NFT_JUMP, NFT_GOTO, NFT_RETURN. */
struct verdict {
	int32_t code;
	const struct ruleset_chain *chain; /* of jump and goto */
};

enum write_target { WRITE_META, WRITE_CT, WRITE_PAYLOAD, WRITE_EXTHDR, WRITE_EXTHDR_RESET };

struct step {
	struct step *next;
	uint8_t kind;	  /* enum step_kind */
	bool inverted;	  /* RANGE, LOOKUP, LIMIT (over), QUOTA (over), CONNLIMIT (over) */
	uint8_t compare; /* COMPARE */
	union {
		struct {
			const struct operand *operand;
			const uint8_t *data; /* COMPARE: `len` bytes, fewer than the operand's if only its beginning counts (iifname "eth*"); RANGE: from */
			const uint8_t *to;   /* RANGE */
			uint16_t len;
		} match;
		struct {
			const struct operand *operand;
			const struct ruleset_set *set;
		} lookup; /* LOOKUP, VERDICT_MAP */
		struct verdict verdict;
		struct {
			const struct operand *operand; /* NULL: EXTHDR_RESET */
			uint8_t target; /* enum write_target */
			uint8_t base;   /* payload base, exthdr op */
			uint8_t type;   /* exthdr */
			int8_t direction; /* ct */
			uint32_t key; /* meta, ct */
			uint32_t offset, len; /* payload, exthdr */
			uint8_t checksum_type; /* NFT_PAYLOAD_CSUM_… */
			uint32_t checksum_offset, checksum_flags;
		} write;
		struct {
			const struct operand *key, *data; /* data: NULL but for maps */
			const struct ruleset_set *set;
			uint32_t op; /* NFT_DYNSET_OP_… */
			uint64_t timeout; /* ms; 0: the set's */
			const struct step *inner; /* statements of the new element: limit, counter, connlimit, quota, … */
		} update;
		struct {
			const char *object; /* name of the stateful object, or NULL */
			const struct operand *object_key; /* `counter name … map`: the map's key, with object_set */
			const struct ruleset_set *object_set;
			uint64_t packets, bytes; /* as read */
		} counter;
		struct {
			const char *object;
			uint64_t rate, unit; /* packets or bytes in `unit` seconds */
			uint32_t burst;
			bool bytes;
		} limit;
		struct {
			const char *object;
			uint64_t bytes, used;
		} quota;
		struct {
			uint32_t count;
		} connlimit;
		struct {
			const char *prefix;
			uint32_t level, group, snaplen, threshold, flags;
			bool has_group;
		} log;
		struct {
			uint16_t from, to; /* queue numbers, both included */
			uint16_t flags;    /* NFT_QUEUE_FLAG_BYPASS, NFT_QUEUE_FLAG_CPU_FANOUT */
			const struct operand *operand; /* `to symhash …`, `to … map`: NULL if constant */
			bool xt; /* by the xt target NFQUEUE */
		} queue;
		struct {
			uint32_t type; /* NFT_REJECT_… */
			uint8_t code;
		} reject;
		struct {
			uint32_t type;  /* NFT_NAT_SNAT, NFT_NAT_DNAT */
			uint32_t family; /* NFPROTO_IPV4, NFPROTO_IPV6 */
			uint32_t flags; /* NF_NAT_RANGE_… */
			bool masquerade, redirect; /* type SNAT, DNAT without addresses */
			const struct operand *address_min, *address_max, *port_min, *port_max; /* each may be NULL */
		} nat;
		struct {
			uint32_t family;
			const struct operand *address, *port;
		} tproxy;
		struct {
			uint16_t mss;
			uint8_t wscale;
			uint32_t flags;
			const char *object;
		} synproxy;
		struct {
			const struct operand *address, *device;
			uint32_t family;
		} dup; /* DUP, FORWARD */
		struct {
			const char *flowtable;
		} flow_add;
		struct {
			uint32_t type; /* NFT_OBJECT_… */
			const char *name;
			const struct operand *key; /* through a map of objects */
			const struct ruleset_set *set;
		} object;
		struct {
			const char *name; /* "multiport", "MARK" */
			uint32_t revision;
			const uint8_t *info;
			uint32_t info_len;
			struct step *meaning; /* the same in steps above, where it is understood; NULL: no conclusion holds */
		} xt;
		const char *name; /* UNKNOWN */
	};
};

/* ---- what a ruleset consists of ---- */

struct ruleset_rule {
	struct ruleset_rule *next;
	struct ruleset_chain *chain;
	struct step *steps;
	const char *comment; /* NULL if none */
	uint64_t handle;     /* 0 if read from a text */
	uint32_t index;      /* place in its chain, from 1 */
	uint32_t line;       /* of the text, 0 if unknown */
	uint8_t unknown;     /* some step is STEP_UNKNOWN, an xt without meaning, or has an operand SOURCE_UNKNOWN */
};

struct ruleset_chain {
	struct ruleset_chain *next; /* of its table, in the order of their making */
	struct ruleset_table *table;
	const char *name;
	const char *type; /* "filter", "nat", "route"; NULL: a regular chain */
	uint32_t hook;    /* NF_INET_…, NF_NETDEV_…, NF_ARP_…, NF_BR_… */
	int32_t priority;
	int32_t policy; /* NF_ACCEPT, NF_DROP */
	const char **devices; /* netdev, inet ingress; NULL-terminated, NULL if none */
	struct ruleset_rule *rules, **rules_end;
	uint32_t n_rules;
	uint64_t handle;
	uint64_t packets, bytes; /* of the policy's counter, where the kernel keeps one */
	uint32_t number; /* over all chains, from 0: for a caller's arrays */
};

/* Verdict, data or object of an element of a map. */
struct ruleset_element {
	const uint8_t *key;	/* set->key_len bytes */
	const uint8_t *key_end; /* interval: the last one that is in (included), field by field for concatenations; NULL: the key alone */
	const uint8_t *data;    /* map: set->data_len bytes */
	struct verdict verdict; /* verdict map */
	const char *object;     /* map of objects */
	uint64_t expires;       /* ms from when it was read; 0: never */
	bool catch_all;
	uint8_t raw; /* while it is read */
	const struct step *inner; /* counter, limit, …: NULL if none */
};

struct ruleset_set {
	struct ruleset_set *next;
	struct ruleset_table *table;
	const char *name;
	uint32_t flags;    /* NFT_SET_ANONYMOUS, _CONSTANT, _INTERVAL, _MAP, _TIMEOUT, _EVAL, _OBJECT, _CONCAT */
	uint32_t key_type; /* nft's numbers of types (as the kernel keeps them for nft); concatenation: 6 bits a part */
	uint32_t data_type; /* NFT_DATA_VERDICT for a verdict map */
	uint32_t object_type;
	uint16_t key_len, data_len;
	uint8_t n_fields, field_len[16]; /* concatenation: bytes of each part, without padding; else n_fields 0 */
	uint32_t size;    /* 0: no bound */
	uint64_t timeout; /* ms; 0: none of its own */
	uint64_t handle;
	uint32_t id;	  /* within a text: how rules name anonymous sets */
	/* Sorted by key (memcmp), so that a look-up is a search; catch-all last. Intervals do not overlap. Concatenated intervals: order of reading. */
	struct ruleset_element *elements;
	uint32_t n_elements;
	bool left_out; /* the elements were not read (ruleset_options.no_elements); n_elements then counts them */
};

struct ruleset_flowtable {
	struct ruleset_flowtable *next;
	struct ruleset_table *table;
	const char *name;
	uint32_t hook;
	int32_t priority;
	uint32_t flags; /* NFT_FLOWTABLE_HW_OFFLOAD, _COUNTER */
	const char **devices;
};

/* A named counter, quota, limit, ct helper, ct timeout, ct expectation, secmark, synproxy. */
struct ruleset_object {
	struct ruleset_object *next;
	struct ruleset_table *table;
	const char *name;
	uint32_t type; /* NFT_OBJECT_… */
	struct step *step; /* COUNTER, LIMIT, QUOTA, SYNPROXY, CT_OBJECT, UNKNOWN */
};

struct ruleset_table {
	struct ruleset_table *next;
	const char *name;
	uint32_t family; /* NFPROTO_IPV4, IPV6, INET, ARP, BRIDGE, NETDEV */
	uint32_t flags;  /* NFT_TABLE_F_DORMANT, NFT_TABLE_F_OWNER */
	uint32_t owner;  /* netlink port of the owner */
	uint64_t handle;
	struct ruleset_chain *chains, **chains_end;
	struct ruleset_set *sets, **sets_end;
	struct ruleset_flowtable *flowtables;
	struct ruleset_object *objects;
	const char *comment;
};

/* Something that the model does not know, and what does not hold therefore. */
struct ruleset_gap {
	struct ruleset_gap *next;
	const struct ruleset_rule *rule; /* NULL: not of one rule */
	const char *what;		 /* "xt match 'geoip'", "table of iptables-legacy 'filter'" */
};

struct ruleset {
	struct arena arena;
	struct ruleset_table *tables, **tables_end; /* in the order of their making */
	struct ruleset_gap *gaps;
	uint32_t n_chains, n_rules, n_gaps;
	uint32_t generation; /* of a live one */
	bool live;
	const char *source; /* "live", the file's name */
	/* devices by number, for operands iif and oif: of the live system, or those that a text named */
	const char **device_names; /* by index; NULL where none */
	uint32_t n_devices;
};

void ruleset_free(struct ruleset *rs); /* NULL is allowed */

struct ruleset_table *ruleset_find_table(const struct ruleset *rs, uint32_t family, const char *name);
struct ruleset_chain *ruleset_find_chain(const struct ruleset_table *t, const char *name);
struct ruleset_set *ruleset_find_set(const struct ruleset_table *t, const char *name, uint32_t id);
/* The element that holds the key (also in an interval, or the catch-all), or NULL. */
const struct ruleset_element *ruleset_set_find(const struct ruleset_set *set, const uint8_t *key);

/* ---- the way of a packet ---- */

enum station_kind { STATION_CHAIN, STATION_KERNEL };

/* One station of a hook, in the order in which a packet meets them. Equal priorities: in the order in which the kernel calls them. */
struct station {
	uint8_t kind;
	int32_t priority;
	const struct ruleset_chain *chain; /* STATION_CHAIN */
	const char *name; /* STATION_KERNEL: "defragmentation", "connection tracking", … as docs name them */
	const struct ruleset_flowtable *flowtable; /* STATION_KERNEL "flowtable": which */
};

/*
 * The stations at a hook for packets of a family (NFPROTO_IPV4, IPV6, ARP, BRIDGE, NETDEV: device then counts; inet tables belong to both IPs).
 * Dormant tables are left out. Returns how many there are; fills at most `max`.
 */
size_t ruleset_stations(const struct ruleset *rs, uint32_t family, uint32_t hook, const char *device, struct station *out, size_t max);
