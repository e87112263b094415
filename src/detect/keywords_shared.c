// SPDX-License-Identifier: GPL-2.0-or-later
/* xbits and hostbits: bits of hosts and of pairs of hosts, in the table that workers share. */
#include "detect/keywords.h"

#include <errno.h>

enum bit_command { BIT_SET, BIT_UNSET, BIT_TOGGLE, BIT_ISSET, BIT_ISNOTSET, BIT_NOALERT, BIT_UNKNOWN };
enum bit_track { BITS_SRC, BITS_DST, BITS_PAIR, BITS_BOTH, BITS_TX };
enum { EXPIRE_DEFAULT = 30 };

struct shared_bit {
	uint8_t command, track, kind;
	uint32_t id, expire; /* seconds */
};

static enum bit_command command_find(const char *word)
{
	static const char *const words[] = {"set", "unset", "toggle", "isset", "isnotset", "noalert"};
	for (unsigned i = 0; i < BIT_UNKNOWN; i++)
		if (strcmp(words[i], word) == 0)
			return (enum bit_command)i;
	return BIT_UNKNOWN;
}

static struct shared_key key_of(const struct detect_scratch *s, const struct shared_bit *x, bool dst)
{
	struct shared_key k = {.kind = x->kind, .sid = x->id};
	const struct packet *p = s->packet;
	if (x->track == BITS_PAIR) {
		bool swap = address_compare(&p->src, &p->dst) > 0;
		k.a = swap ? p->dst : p->src;
		k.b = swap ? p->src : p->dst;
	} else {
		k.a = x->track == BITS_DST || dst ? p->dst : p->src;
	}
	return k;
}

static bool bit_is_set(const struct detect_scratch *s, const struct shared_bit *x, bool dst)
{
	struct shared_key k = key_of(s, x, dst);
	if (!s->shared || shared_count(s->shared, (enum shared_kind)x->kind) == 0)
		return false;
	const uint8_t *v = shared_lock(s->shared, &k, s->now, false);
	bool is = v && *v;
	shared_unlock(s->shared, &k, -1);
	return is;
}

static void bit_change(struct detect_scratch *s, const struct shared_bit *x, bool dst)
{
	struct shared_key k = key_of(s, x, dst);
	if (!s->shared)
		return;
	uint8_t *v = shared_lock(s->shared, &k, s->now, x->command != BIT_UNSET);
	bool on = v && (x->command == BIT_SET || (x->command == BIT_TOGGLE && !*v));
	if (v)
		*v = on;
	shared_unlock(s->shared, &k, on ? s->now + (usec_t)x->expire * USEC_PER_SEC : 0);
}

static bool bit_holds(struct detect_scratch *s, const struct packet_test *t)
{
	const struct shared_bit *x = t->data;
	if (!s->packet || s->packet->src.family == 0)
		return false;
	bool is = bit_is_set(s, x, false) || (x->track == BITS_BOTH && bit_is_set(s, x, true));
	return is == (x->command == BIT_ISSET);
}

static void bit_run(struct detect_scratch *s, const struct signature_effect *e)
{
	const struct shared_bit *x = e->data;
	if (!s->packet || s->packet->src.family == 0)
		return;
	bit_change(s, x, false);
	if (x->track == BITS_BOTH)
		bit_change(s, x, true);
}

static int bit_add(struct builder *b, struct shared_bit x)
{
	struct shared_bit *copy = builder_alloc(b, sizeof *copy);
	*copy = x;
	if (x.command == BIT_ISSET || x.command == BIT_ISNOTSET)
		builder_test(b, bit_holds)->data = copy;
	else
		builder_effect(b, bit_run)->data = copy;
	return 0;
}

static int command_read(struct builder *b, char **f, unsigned n, struct shared_bit *x, enum registry_kind kind, struct error *error)
{
	x->command = (uint8_t)command_find(f[0]);
	if (x->command == BIT_UNKNOWN)
		return error_set(error, EINVAL, "“%s”: what to do is set, unset, toggle, isset, isnotset or noalert", f[0]);
	if (x->command == BIT_NOALERT) {
		b->sig->flags |= SIG_NOALERT;
		return 0;
	}
	if (n < 2 || !*f[1] || strchr(f[1], ' '))
		return error_set(error, EINVAL, "the name of the bit is missing or has a blank");
	x->id = b->ctx->registry ? registry_id(b->ctx->registry, kind, f[1]) : 0;
	return 0;
}

/* xbits:set,name,track ip_src[,expire N] */
SETUP(xbits)
{
	static const struct { const char *word; uint8_t track; } tracks[] = {
		{"track ip_src", BITS_SRC}, {"track ip_dst", BITS_DST}, {"track ip_pair", BITS_PAIR}, {"track tx", BITS_TX},
	};
	struct shared_bit x = {.track = BITS_TX + 1, .expire = EXPIRE_DEFAULT};
	char *f[4];
	unsigned n = builder_fields(b, o->value, ',', f, 4);
	int rc = command_read(b, f, n, &x, REGISTRY_XBIT, error);
	if (rc || x.command == BIT_NOALERT)
		return rc;
	for (unsigned i = 0; n > 2 && i < sizeof tracks / sizeof tracks[0]; i++)
		if (strcmp(tracks[i].word, f[2]) == 0)
			x.track = tracks[i].track;
	if (x.track > BITS_TX)
		return error_set(error, EINVAL, "xbits needs track ip_src, track ip_dst or track ip_pair");
	if (x.track == BITS_TX)
		return error_set(error, ENOTSUP, "xbits of transactions are not evaluated");
	if (n == 4) {
		struct step_number v = {0, -1};
		if (strncmp(f[3], "expire ", 7) != 0 || builder_number(b, f[3] + 7, 1, UINT32_MAX, &v, error) || v.var >= 0)
			return error_set(error, EINVAL, "“%s” is no expire N", f[3]);
		x.expire = (uint32_t)v.value;
	}
	x.kind = x.track == BITS_PAIR ? SHARED_XBIT_PAIR : SHARED_HOSTBIT;
	return bit_add(b, x);
}

/* hostbits:set,name[,src|dst|both] */
SETUP(hostbits)
{
	static const struct { const char *word; uint8_t track; } tracks[] = {{"src", BITS_SRC}, {"dst", BITS_DST}, {"both", BITS_BOTH}};
	struct shared_bit x = {.track = BITS_SRC, .kind = SHARED_HOSTBIT, .expire = 300};
	char *f[3];
	unsigned n = builder_fields(b, o->value, ',', f, 3), i;
	int rc = command_read(b, f, n, &x, REGISTRY_XBIT, error);
	if (rc || x.command == BIT_NOALERT)
		return rc;
	for (i = 0; n == 3 && i < 3 && strcmp(tracks[i].word, f[2]) != 0; i++)
		;
	if (n == 3 && i == 3)
		return error_set(error, EINVAL, "“%s”: a bit belongs to src, dst or both", f[2]);
	x.track = n == 3 ? tracks[i].track : BITS_SRC;
	return bit_add(b, x);
}
