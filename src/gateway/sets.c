// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An interval set keeps a prefix as two elements: its first address, with timeout and counter, and the first address behind it, flagged as an end. The
 * prefix that ends with the last of all addresses has no end.
 *
 * Linux before 6.12 does not refresh a timeout by adding the element again, hence delete and add in one transaction. To delete what has just expired is an
 * error that undoes the whole transaction; as each deletion is a message of its own, the answer says which, and the rest is sent again without them.
 */
#include "gateway/sets.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <libnftnl/expr.h>
#include <libnftnl/set.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/internal.h"
#include "gateway/owner.h"

/* 40 prefixes of IPv6 are 3,040 bytes, below what a batch takes at the end of a page */
enum { PER_MESSAGE = 40, USEC_PER_MSEC = 1000 };

typedef unsigned __int128 number;

struct gateway_sets {
	pthread_mutex_t lock; /* of the reader; changes go over the process's own socket */
	struct nft reader;
};

struct gateway_sets *gateway_sets_open(struct error *error)
{
	struct gateway_sets *s = xcalloc(1, sizeof *s);
	pthread_mutex_init(&s->lock, NULL);
	if (nft_open(&s->reader, error) == 0)
		return s;
	gateway_sets_close(s);
	return NULL;
}

void gateway_sets_close(struct gateway_sets *s)
{
	if (!s)
		return;
	nft_close(&s->reader);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static const char *set_name(uint8_t family)
{
	return family == 4 ? "blocked4" : "blocked6";
}

/* ---- prefixes as numbers ---- */

static unsigned width(uint8_t family)
{
	return family == 4 ? 32 : 128;
}

static number number_of(const uint8_t *byte, uint8_t family)
{
	number n = 0;
	for (unsigned i = 0; i < width(family) / 8; i++)
		n = n << 8 | byte[i];
	return n;
}

static void number_put(number n, uint8_t family, uint8_t out[16])
{
	if (family == 4) {
		store_be32(out, (uint32_t)n);
		return;
	}
	for (unsigned i = 16; i-- > 0; n >>= 8)
		out[i] = (uint8_t)n;
}

static number last_of_all(uint8_t family)
{
	return family == 4 ? UINT32_MAX : ~(number)0;
}

static number last_of(const struct gateway_block *b)
{
	unsigned host = width(b->prefix.family) - b->len;
	number first = number_of(b->prefix.byte, b->prefix.family);
	return host >= width(b->prefix.family) ? last_of_all(b->prefix.family) : first | (((number)1 << host) - 1);
}

/* ---- changing ---- */

static void put_element(struct nlmsghdr *m, uint8_t family, number at, bool end, usec_t lasts)
{
	uint8_t key[16];
	number_put(at, family, key);
	struct nlattr *element = mnl_attr_nest_start(m, NFTA_LIST_ELEM);
	struct nlattr *value = mnl_attr_nest_start(m, NFTA_SET_ELEM_KEY);
	mnl_attr_put(m, NFTA_DATA_VALUE, width(family) / 8, key);
	mnl_attr_nest_end(m, value);
	if (end)
		mnl_attr_put_u32(m, NFTA_SET_ELEM_FLAGS, htonl(NFT_SET_ELEM_INTERVAL_END));
	if (lasts > 0)
		mnl_attr_put_u64(m, NFTA_SET_ELEM_TIMEOUT, htobe64((uint64_t)(lasts + USEC_PER_MSEC - 1) / USEC_PER_MSEC));
	mnl_attr_nest_end(m, element);
}

static void put_prefix(struct nlmsghdr *m, const struct gateway_block *b, bool with_timeout)
{
	uint8_t family = b->prefix.family;
	number last = last_of(b);
	put_element(m, family, number_of(b->prefix.byte, family), false, with_timeout ? b->lasts : 0);
	if (last != last_of_all(family))
		put_element(m, family, last + 1, true, 0);
}

static struct nlattr *elements_begin(struct nft_batch *batch, uint16_t type, uint16_t flags, uint8_t family, const char *what, struct nlmsghdr **m)
{
	*m = nft_batch_put(batch, type, flags, what);
	/* a refusal is told anyway; a thousand acknowledgements would overrun the socket */
	(*m)->nlmsg_flags &= (uint16_t)~NLM_F_ACK;
	mnl_attr_put_strz(*m, NFTA_SET_ELEM_LIST_TABLE, GATEWAY_TABLE);
	mnl_attr_put_strz(*m, NFTA_SET_ELEM_LIST_SET, set_name(family));
	return mnl_attr_nest_start(*m, NFTA_SET_ELEM_LIST_ELEMENTS);
}

static void put_removal(struct nft_batch *batch, const struct gateway_block *b)
{
	struct nlmsghdr *m;
	struct nlattr *list = elements_begin(batch, NFT_MSG_DELSETELEM, 0, b->prefix.family, "to take an address off the block set", &m);
	put_prefix(m, b, false);
	mnl_attr_nest_end(m, list);
	nft_batch_done(batch);
}

static void put_additions(struct nft_batch *batch, const struct gateway_block *const *add, size_t n, uint8_t family)
{
	struct nlmsghdr *m = NULL;
	struct nlattr *list = NULL;
	unsigned in_message = 0;
	for (size_t i = 0; i < n; i++) {
		if (add[i]->prefix.family != family)
			continue;
		if (!in_message)
			list = elements_begin(batch, NFT_MSG_NEWSETELEM, NLM_F_CREATE, family, "an address for the block set", &m);
		put_prefix(m, add[i], true);
		if (++in_message < PER_MESSAGE)
			continue;
		mnl_attr_nest_end(m, list);
		nft_batch_done(batch);
		in_message = 0;
	}
	if (in_message) {
		mnl_attr_nest_end(m, list);
		nft_batch_done(batch);
	}
}

struct change {
	const struct gateway_block *remove[GATEWAY_SETS_BATCH], *add[GATEWAY_SETS_BATCH];
	size_t n_remove, n_add;
	size_t absent; /* removals of the last try that were not there */
	bool failed;   /* anything else */
};

static void note_failure(void *context, uint32_t index, int code)
{
	struct change *c = context;
	if (code == -ENOENT && index < c->n_remove && c->remove[index]) {
		c->remove[index] = NULL;
		c->absent++;
	} else if (code < 0) {
		c->failed = true;
	}
}

static void forget_absent(struct change *c)
{
	size_t kept = 0;
	for (size_t i = 0; i < c->n_remove; i++)
		if (c->remove[i])
			c->remove[kept++] = c->remove[i];
	c->n_remove = kept;
}

static int send_change(struct nft *n, struct change *c, struct error *error)
{
	struct nft_batch batch;
	nft_batch_begin(&batch, n, 0);
	for (size_t i = 0; i < c->n_remove; i++)
		put_removal(&batch, c->remove[i]);
	put_additions(&batch, c->add, c->n_add, 4);
	put_additions(&batch, c->add, c->n_add, 6);
	batch.failed = note_failure;
	batch.context = c;
	c->absent = 0;
	c->failed = false;
	return nft_batch_send(&batch, n, true, error);
}

static int there_is_a_table(struct nft *n, struct error *error)
{
	uint64_t handle;
	struct owner owner;
	int r = gateway_find_table(n, &handle, &owner);
	return r == 1 ? 0 : error_set(error, r < 0 ? -r : ENOENT, "the table inet " GATEWAY_TABLE " is not loaded");
}

/* One transaction; again without what was not there, as often as something else turns out to be missing. */
static int apply(struct nft *n, struct change *c, struct error *error)
{
	int r = 0;
	while (c->n_remove + c->n_add) {
		r = send_change(n, c, error);
		if (r == 0 || c->failed || !c->absent)
			break;
		forget_absent(c);
		r = c->n_remove + c->n_add ? r : there_is_a_table(n, error);
	}
	return r;
}

static int by_address(const void *a, const void *b)
{
	return address_compare(&(*(const struct gateway_block *const *)a)->prefix, &(*(const struct gateway_block *const *)b)->prefix);
}

static size_t take(const struct gateway_block **out, size_t room, const struct gateway_block **from, size_t *left)
{
	size_t n = *left < room ? *left : room;
	for (size_t i = 0; i < n; i++)
		out[i] = (*from)++;
	*left -= n;
	return n;
}

int gateway_sets_change(struct gateway_sets *s, const struct gateway_block *remove, size_t n_remove, const struct gateway_block *add, size_t n_add,
			struct error *error)
{
	(void)s;
	struct change *c = xcalloc(1, sizeof *c);
	struct nft *n = link_take(error);
	int r = n ? 0 : -EIO;
	while (r == 0 && n_remove + n_add) {
		c->n_remove = take(c->remove, GATEWAY_SETS_BATCH, &remove, &n_remove);
		c->n_add = take(c->add, GATEWAY_SETS_BATCH - c->n_remove, &add, &n_add);
		qsort(c->add, c->n_add, sizeof *c->add, by_address);
		r = apply(n, c, error);
	}
	if (n)
		link_give();
	free(c);
	return r;
}

/* ---- reading ---- */

struct element {
	number at;
	bool end;
	usec_t left;
	uint64_t packets, bytes;
};

struct elements {
	struct element *item;
	size_t n, room;
	uint8_t family;
};

static int read_counter(struct nftnl_expr *e, void *context)
{
	struct element *out = context;
	if (strcmp(nftnl_expr_get_str(e, NFTNL_EXPR_NAME), "counter") == 0) {
		out->packets = nftnl_expr_get_u64(e, NFTNL_EXPR_CTR_PACKETS);
		out->bytes = nftnl_expr_get_u64(e, NFTNL_EXPR_CTR_BYTES);
	}
	return 0;
}

static int add_element(struct nftnl_set_elem *e, void *context)
{
	struct elements *list = context;
	uint32_t len = 0;
	const uint8_t *key = nftnl_set_elem_get(e, NFTNL_SET_ELEM_KEY, &len);
	if (!key || len != width(list->family) / 8)
		return 0;
	if (list->n == list->room) {
		list->room = list->room ? 2 * list->room : 256;
		list->item = xrealloc(list->item, list->room * sizeof *list->item);
	}
	struct element *out = &list->item[list->n++];
	*out = (struct element){.at = number_of(key, list->family)};
	if (nftnl_set_elem_is_set(e, NFTNL_SET_ELEM_FLAGS))
		out->end = nftnl_set_elem_get_u32(e, NFTNL_SET_ELEM_FLAGS) & NFT_SET_ELEM_INTERVAL_END;
	if (nftnl_set_elem_is_set(e, NFTNL_SET_ELEM_EXPIRATION))
		out->left = (usec_t)nftnl_set_elem_get_u64(e, NFTNL_SET_ELEM_EXPIRATION) * USEC_PER_MSEC;
	nftnl_set_elem_expr_foreach(e, read_counter, out);
	return 0;
}

static int read_elements(const struct nlmsghdr *m, void *context)
{
	struct nftnl_set *s = nftnl_set_alloc();
	if (s && nftnl_set_elems_nlmsg_parse(m, s) == 0)
		nftnl_set_elem_foreach(s, add_element, context);
	if (s)
		nftnl_set_free(s);
	return MNL_CB_OK;
}

/* In order, an end before the start that has the same address. */
static int by_place(const void *a, const void *b)
{
	const struct element *x = a, *y = b;
	return x->at != y->at ? (x->at < y->at ? -1 : 1) : (int)y->end - (int)x->end;
}

/* A range that somebody else put in need not be one prefix. */
static void visit_range(const struct elements *list, const struct element *e, number last,
			void (*visit)(void *context, const struct gateway_block *b, uint64_t packets, uint64_t bytes), void *context)
{
	number first = e->at;
	for (;;) {
		unsigned host = 0;
		while (host + 1 < width(list->family) && !(first & ((number)1 << host)) && first + (((number)2 << host) - 1) <= last)
			host++;
		struct gateway_block b = {.prefix.family = list->family, .len = (uint8_t)(width(list->family) - host), .lasts = e->left};
		number_put(first, list->family, b.prefix.byte);
		visit(context, &b, e->packets, e->bytes);
		number end = first + (((number)1 << host) - 1);
		if (end >= last)
			return;
		first = end + 1;
	}
}

static int read_family(struct nft *n, uint8_t family, struct elements *list)
{
	enum { TRIES = 5, MANY = 10000 /* to read them takes the kernel seconds */ };
	int r = -EINTR;
	*list = (struct elements){.family = family};
	/* EINTR: the set changed meanwhile; what was read is used all the same in the end, being at most one change off */
	for (int i = 0; i < TRIES && r == -EINTR && list->n < MANY; i++) {
		list->n = 0;
		r = nft_dump_ours(n, NFT_MSG_GETSETELEM, set_name(family), read_elements, list);
	}
	if (list->n)
		qsort(list->item, list->n, sizeof *list->item, by_place);
	return r == -EINTR ? 0 : r;
}

int gateway_sets_read(struct gateway_sets *s, void (*visit)(void *context, const struct gateway_block *b, uint64_t packets, uint64_t bytes), void *context,
		      struct error *error)
{
	int r = 0;
	for (uint8_t family = 4; family <= 6 && r == 0; family += 2) {
		struct elements list;
		pthread_mutex_lock(&s->lock);
		r = read_family(&s->reader, family, &list);
		pthread_mutex_unlock(&s->lock);
		for (size_t i = 0; i < list.n && r == 0; i++) {
			bool closed = i + 1 < list.n;
			if (!list.item[i].end)
				visit_range(&list, &list.item[i], closed ? list.item[i + 1].at - 1 : last_of_all(family), visit, context);
		}
		free(list.item);
	}
	if (r == -ENOENT)
		return error_set(error, ENOENT, "the table inet " GATEWAY_TABLE " is not loaded");
	return r < 0 ? error_set(error, -r, "cannot read the block sets: %s", strerror(-r)) : 0;
}

int gateway_sets_find(struct gateway_sets *s, const char *set, const void *key, size_t len, int (*each)(const struct nlmsghdr *m, void *context), void *context)
{
	pthread_mutex_lock(&s->lock);
	int r = nft_find_ours(&s->reader, set, key, len, each, context);
	pthread_mutex_unlock(&s->lock);
	return r;
}
