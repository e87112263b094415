// SPDX-License-Identifier: GPL-2.0-or-later
#include "gateway/called.h"

#include <errno.h>
#include <libnftnl/set.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

#include "gateway/internal.h"
#include "gateway/owner.h"

/* Ten seconds: a packet waits milliseconds. With the map full the rule does nothing, and the packet is queued all the same. */
enum { TYPE_IPV4 = 7, TYPE_IPV6 = 8, TYPE_SERVICE = 13, TYPE_BITS = 6, LASTS = 10000, SIZE = 65536, PORTS = 4, WORD = 4, KEY_MAX = 40 };

static const char *map_name(bool four)
{
	return four ? "called4" : "called6";
}

static uint32_t then(uint32_t types, uint32_t type)
{
	return types << TYPE_BITS | type;
}

static struct nftnl_set *make_map(bool four)
{
	uint32_t address = four ? TYPE_IPV4 : TYPE_IPV6, len = four ? 4 : 16;
	struct nftnl_set *s = nftnl_set_alloc();
	nftnl_set_set_str(s, NFTNL_SET_TABLE, GATEWAY_TABLE);
	nftnl_set_set_str(s, NFTNL_SET_NAME, map_name(four));
	nftnl_set_set_u32(s, NFTNL_SET_ID, four ? 3 : 4);
	nftnl_set_set_u32(s, NFTNL_SET_FAMILY, NFPROTO_INET);
	nftnl_set_set_u32(s, NFTNL_SET_FLAGS, NFT_SET_MAP | NFT_SET_TIMEOUT | NFT_SET_EVAL);
	nftnl_set_set_u32(s, NFTNL_SET_KEY_TYPE, then(then(then(address, address), TYPE_SERVICE), TYPE_SERVICE));
	nftnl_set_set_u32(s, NFTNL_SET_KEY_LEN, 2 * len + 2 * WORD);
	nftnl_set_set_u32(s, NFTNL_SET_DATA_TYPE, then(address, TYPE_SERVICE));
	nftnl_set_set_u32(s, NFTNL_SET_DATA_LEN, len + WORD);
	nftnl_set_set_u32(s, NFTNL_SET_DESC_SIZE, SIZE);
	nftnl_set_set_u64(s, NFTNL_SET_TIMEOUT, LASTS);
	return s;
}

void called_map(struct writer *w, uint8_t family)
{
	bool four = family == NFPROTO_IPV4;
	const char *address = four ? "ipv4_addr" : "ipv6_addr";
	buffer_printf(w->text, "\tmap %s {\n\t\ttype %s . %s . inet_service . inet_service : %s . inet_service\n\t\tsize %d\n\t\tflags dynamic,timeout\n\t\ttimeout 10s\n\t}\n",
		      map_name(four), address, address, address, SIZE);
	if (!w->batch)
		return;
	struct nftnl_set *s = make_map(four);
	nftnl_set_nlmsg_build_payload(nft_batch_put(w->batch, NFT_MSG_NEWSET, NLM_F_CREATE, "the map of called addresses"), s);
	nft_batch_done(w->batch);
	nftnl_set_free(s);
}

void called_rule(struct writer *w, uint8_t family)
{
	rule_begin(w);
	rule_new_translated(w, family);
	rule_note_called(w, family, map_name(family == NFPROTO_IPV4));
	rule_end(w, "whom clients call, before DNAT");
}

/* ---- asking ---- */

/* As the rule loads it: each part begins in a word of its own. What has no ports has the transport header's first bytes there, which do as well. */
static size_t put_key(const struct packet *p, uint8_t key[KEY_MAX])
{
	size_t len = address_len(&p->src);
	memset(key, 0, KEY_MAX);
	memcpy(key, p->src.byte, len);
	memcpy(key + len, p->dst.byte, len);
	memcpy(key + 2 * len, p->transport.data, 2);
	memcpy(key + 2 * len + WORD, p->transport.data + 2, 2);
	return 2 * len + 2 * WORD;
}

struct answer {
	size_t address_len;
	struct address *dst;
	uint16_t *dport;
	bool found;
};

static int take_element(struct nftnl_set_elem *e, void *context)
{
	struct answer *a = context;
	uint32_t len = 0;
	const uint8_t *data = nftnl_set_elem_get(e, NFTNL_SET_ELEM_DATA, &len);
	if (!data || len != a->address_len + WORD)
		return 0;
	*a->dst = (struct address){.family = a->address_len == 4 ? 4 : 6};
	memcpy(a->dst->byte, data, a->address_len);
	*a->dport = load_be16(data + a->address_len);
	a->found = true;
	return 0;
}

static int read_answer(const struct nlmsghdr *m, void *context)
{
	struct nftnl_set *s = nftnl_set_alloc();
	if (s && nftnl_set_elems_nlmsg_parse(m, s) == 0)
		nftnl_set_elem_foreach(s, take_element, context);
	if (s)
		nftnl_set_free(s);
	return MNL_CB_OK;
}

int gateway_called(struct gateway_sets *s, const struct packet *p, struct address *dst, uint16_t *dport)
{
	uint8_t key[KEY_MAX];
	if (!p->src.family || p->src.family != p->dst.family || p->transport.len < PORTS)
		return -ENOENT;
	struct answer a = {.address_len = address_len(&p->src), .dst = dst, .dport = dport};
	int r = gateway_sets_find(s, map_name(p->src.family == 4), key, put_key(p, key), read_answer, &a);
	return r < 0 ? r : a.found ? 0 : -ENOENT;
}
