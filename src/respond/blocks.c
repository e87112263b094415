// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The list of blocks. Each change is made in the kernel first; what that refused, or may have done by halves, is marked and tried again (blocks_retry.c),
 * so the two never say different things in silence. The kernel's elements have timeouts of their own, hence nothing is to be done there when a block ends.
 */
#include "respond/blocks_private.h"

#include "base/memory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

const char *const block_event_names[] = {"block", "extend", "escalate", "unblock", "expire", "restore", "pending"};
const char *const block_pending_names[] = {"in force", "pending", "unsure"};

static const struct setting rows[] = {
	{.key = "respond.block.max", .kind = SETTING_U32, .offset = offsetof(struct block_settings, max), .absent = "100000", .min = 1, .max = 1000000,
	 .help = "blocks at most; then new ones are refused"},
	{.key = "respond.block.escalate-64", .kind = SETTING_U32, .offset = offsetof(struct block_settings, escalate_64), .absent = "4", .max = 1000000,
	 .help = "blocked addresses of a /64 that make it one block; 0: never"},
	{.key = "respond.block.escalate-56", .kind = SETTING_U32, .offset = offsetof(struct block_settings, escalate_56), .absent = "4", .max = 256,
	 .help = "/64s of a /56 with somebody blocked that make it one block"},
	{.key = "respond.block.escalate-48", .kind = SETTING_U32, .offset = offsetof(struct block_settings, escalate_48), .absent = "8", .max = 256,
	 .help = "/56s of a /48 with somebody blocked that make it one block"},
	{.key = "respond.block.state-file", .kind = SETTING_STRING, .offset = offsetof(struct block_settings, state_file),
	 .absent = "/var/lib/sluice/blocks.json", .help = "where blocks with time left survive a restart; none: nowhere"},
};

int block_settings_read(struct block_settings *s, struct conf *conf, struct error *error)
{
	*s = (struct block_settings){0};
	int status = settings_read(rows, sizeof rows / sizeof *rows, conf, s, error);
	if (status == 0 && strcmp(s->state_file, "none") == 0)
		s->state_file = NULL;
	return status;
}

struct block_list *block_list_new(const struct block_settings *s, const struct block_ops *ops)
{
	struct block_list *l = xcalloc(1, sizeof *l);
	l->settings = *s;
	l->ops = ops ? *ops : (struct block_ops){0};
	pthread_mutex_init(&l->lock, NULL);
	if (block_set_init(&l->set))
		return l;
	block_list_free(l);
	return NULL;
}

void block_list_free(struct block_list *l)
{
	if (!l)
		return;
	if (l->set.head)
		block_set_free(&l->set);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

void block_list_tell(struct block_list *l, enum block_event what, const struct block *b, size_t covered)
{
	l->changed = true;
	if (l->ops.event)
		l->ops.event(l->ops.context, what, b, covered);
}

int block_list_change(struct block_list *l, const struct block_change *remove, size_t n_remove, const struct block_change *add, size_t n_add,
		      struct error *error)
{
	return l->ops.change ? l->ops.change(l->ops.context, remove, n_remove, add, n_add, error) : 0;
}

struct block_change block_change_of(const struct block *b, usec_t now)
{
	/* an element without a timeout would stay for good, so what ends this very moment gets one more */
	usec_t left = b->until ? (b->until > now ? b->until - now : 1) : 0;
	return (struct block_change){b->prefix, b->len, left};
}

/* The block that has a whole prefix within it. */
static struct block_node *find_cover(const struct block_list *l, const struct address *a, unsigned len)
{
	struct block_node *n = block_set_before(&l->set, a);
	return n && n->b.len <= len && block_within(a, &n->b.prefix, n->b.len) ? n : NULL;
}

/* ---- escalation ---- */

/* The first address behind a prefix; false: there is none. */
static bool prefix_behind(const struct address *prefix, unsigned len, struct address *out)
{
	*out = *prefix;
	for (unsigned bit = len; bit-- > 0;) {
		uint8_t mask = (uint8_t)(0x80 >> bit % 8);
		out->byte[bit / 8] ^= mask;
		if (out->byte[bit / 8] & mask)
			return true;
	}
	return false;
}

/* How many prefixes of length `member` within a wider one have a block in them, `own` as if it were there already; counting ends at `enough`. */
static uint32_t count_members(const struct block_list *l, const struct address *wide, unsigned wide_len, unsigned member, const struct address *own,
			      uint32_t enough)
{
	struct address mine = *own, at = *wide;
	uint32_t count = 1;
	address_mask(&mine, member);
	for (bool more = true; more && count < enough; more = prefix_behind(&at, member, &at)) {
		const struct block_node *n = block_set_from(&l->set, &at);
		if (!n || !block_within(&n->b.prefix, wide, wide_len))
			break;
		at = n->b.prefix;
		address_mask(&at, member);
		count += !address_equal(&at, &mine);
	}
	return count;
}

/* Widens a new block as far as thresholds say and the allow list lets it. True: it was widened. */
static bool widen(const struct block_list *l, struct block *b, bool (*allowed)(void *context, const struct address *a, unsigned len), void *context)
{
	const struct {
		unsigned len, member;
		uint32_t threshold;
	} steps[] = {{64, 128, l->settings.escalate_64}, {56, 64, l->settings.escalate_56}, {48, 56, l->settings.escalate_48}};
	bool widened = false;
	if (b->prefix.family != 6 || b->sid == 0)
		return false;
	struct address own = b->prefix;
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		struct address wide = own;
		if (steps[i].threshold == 0 || b->len <= steps[i].len)
			continue;
		address_mask(&wide, steps[i].len);
		if (count_members(l, &wide, steps[i].len, steps[i].member, &own, steps[i].threshold) < steps[i].threshold)
			continue;
		if (allowed && allowed(context, &wide, steps[i].len))
			return widened;
		b->prefix = wide;
		b->len = (uint8_t)steps[i].len;
		widened = true;
	}
	return widened;
}

/* ---- adding ---- */

static int extend(struct block_list *l, struct block_node *n, const struct block *b, usec_t now, struct block *done, struct error *error)
{
	int status = 0;
	bool later = block_ends_later(b->until, n->b.until) && (b->until == 0 || b->until - n->b.until >= USEC_PER_SEC);
	if (later || n->b.pending) {
		struct block fresh = n->b;
		fresh.until = later ? b->until : n->b.until;
		struct block_change old = block_change_of(&n->b, now), new = block_change_of(&fresh, now);
		status = block_list_change(l, &old, 1, &new, 1, error);
		if (status == 0 && later) {
			n->b.until = b->until;
			block_set_moved(&l->set, n);
			block_list_tell(l, BLOCK_EXTENDED, &n->b, 0);
		}
		block_list_mark(l, n, status == 0 ? BLOCK_IN_FORCE : BLOCK_UNSURE);
	}
	*done = n->b;
	return status < 0 ? status : 0;
}

/* Those within a prefix, as changes; also the latest of their ends and `until`. */
static size_t collect_covered(const struct block_list *l, struct block *b, usec_t now, struct block_change **out)
{
	size_t n = 0, room = 0;
	*out = NULL;
	for (struct block_node *x = block_set_from(&l->set, &b->prefix); x && block_within(&x->b.prefix, &b->prefix, b->len); x = x->next[0]) {
		if (n == room)
			*out = xrealloc(*out, (room = room ? room * 2 : 8) * sizeof **out);
		(*out)[n++] = block_change_of(&x->b, now);
		if (block_ends_later(x->b.until, b->until))
			b->until = x->b.until;
	}
	return n;
}

static void forget(struct block_list *l, struct block_node *n)
{
	l->pending -= n->b.pending != BLOCK_IN_FORCE;
	block_set_remove(&l->set, n);
}

static void remove_covered(struct block_list *l, const struct block *b)
{
	for (struct block_node *x; (x = block_set_from(&l->set, &b->prefix)) && block_within(&x->b.prefix, &b->prefix, b->len);)
		forget(l, x);
}

/* The kernel refused what was to take their place: of a large number it may have taken some away. */
static void mark_covered(struct block_list *l, const struct block *b)
{
	for (struct block_node *x = block_set_from(&l->set, &b->prefix); x && block_within(&x->b.prefix, &b->prefix, b->len); x = x->next[0])
		block_list_mark(l, x, BLOCK_UNSURE);
}

static void put_pending(struct block_list *l, const struct block *b)
{
	struct block_node *n = block_set_insert(&l->set, b);
	if (!n)
		return;
	block_list_mark(l, n, BLOCK_NEVER_YET);
	block_list_tell(l, BLOCK_WAITS, &n->b, 0);
}

static int insert(struct block_list *l, struct block *b, bool widened, usec_t now, struct block *done, struct error *error)
{
	struct block_change *covered, add;
	char text[ADDRESS_TEXT];
	size_t n = collect_covered(l, b, now, &covered);
	int status = 0;
	bool full = l->set.n - n >= l->settings.max;
	if (full)
		status = error_set(error, ENOSPC, "%s/%u is not blocked: the list is full (%u, respond.block.max)", address_format_short(&b->prefix, text), b->len,
				   l->settings.max);
	add = block_change_of(b, now);
	if (status == 0)
		status = block_list_change(l, covered, n, &add, 1, error);
	free(covered);
	if (status < 0 && !full)
		n ? mark_covered(l, b) : put_pending(l, b);
	*done = *b;
	if (status < 0)
		return status;
	remove_covered(l, b);
	if (!block_set_insert(&l->set, b)) {
		(void)block_list_change(l, &add, 1, NULL, 0, NULL); /* nobody would know of it */
		return error_set(error, ENOMEM, "out of memory");
	}
	block_list_tell(l, widened ? BLOCK_ESCALATED : BLOCK_ADDED, b, n);
	return widened;
}

static bool is_prefix(const struct block *b)
{
	return address_len(&b->prefix) && b->len >= 1 && b->len <= address_len(&b->prefix) * 8;
}

int block_list_add(struct block_list *l, const struct block *b, usec_t now, bool (*allowed)(void *context, const struct address *a, unsigned len), void *context,
		   struct block *done, struct error *error)
{
	struct block fresh = *b, unused = {0};
	if (!is_prefix(b) || (b->until && b->until <= now))
		return error_set(error, EINVAL, "no address with a length and a time to come");
	address_mask(&fresh.prefix, fresh.len);
	done = done ? done : &unused;
	pthread_mutex_lock(&l->lock);
	struct block_node *cover = find_cover(l, &fresh.prefix, fresh.len);
	int status;
	if (cover) {
		status = extend(l, cover, &fresh, now, done, error);
	} else {
		struct block wide = fresh;
		bool widened = widen(l, &wide, allowed, context);
		status = insert(l, &wide, widened, now, done, error);
		if (status < 0 && widened && !find_cover(l, &fresh.prefix, fresh.len)) /* at least the one, then */
			status = insert(l, &fresh, false, now, done, error);
	}
	pthread_mutex_unlock(&l->lock);
	return status;
}

/* ---- the rest ---- */

int block_list_remove(struct block_list *l, const struct address *a, unsigned len, struct error *error)
{
	char text[ADDRESS_TEXT], wide[ADDRESS_TEXT];
	struct address at = *a;
	int status = 0;
	address_mask(&at, len);
	pthread_mutex_lock(&l->lock);
	struct block_node *n = find_cover(l, &at, len);
	if (n && n->b.len == len) {
		struct block_change gone = block_change_of(&n->b, 0);
		status = block_list_change(l, &gone, 1, NULL, 0, error);
		if (status == 0) {
			block_list_tell(l, BLOCK_REMOVED, &n->b, 0);
			forget(l, n);
		} else {
			block_list_mark(l, n, BLOCK_UNSURE);
		}
	} else if (n) {
		status = error_set(error, ENOENT, "%s/%u is blocked within %s/%u", address_format_short(&at, text), len,
				   address_format_short(&n->b.prefix, wide), n->b.len);
	} else {
		status = error_set(error, ENOENT, "%s/%u is not blocked", address_format_short(&at, text), len);
	}
	pthread_mutex_unlock(&l->lock);
	return status < 0 ? status : 0;
}

void block_list_expire(struct block_list *l, usec_t now)
{
	pthread_mutex_lock(&l->lock);
	while (l->set.n && l->set.heap[0]->b.until && l->set.heap[0]->b.until <= now) {
		block_list_tell(l, BLOCK_EXPIRED, &l->set.heap[0]->b, 0);
		forget(l, l->set.heap[0]);
	}
	pthread_mutex_unlock(&l->lock);
}

size_t block_list_count(struct block_list *l)
{
	pthread_mutex_lock(&l->lock);
	size_t n = l->set.n;
	pthread_mutex_unlock(&l->lock);
	return n;
}

bool block_list_find(struct block_list *l, const struct address *a, struct block *out)
{
	pthread_mutex_lock(&l->lock);
	const struct block_node *n = find_cover(l, a, (unsigned)address_len(a) * 8);
	if (n)
		*out = n->b;
	pthread_mutex_unlock(&l->lock);
	return n != NULL;
}

bool block_list_note(struct block_list *l, const struct address *a, unsigned len, uint64_t packets, uint64_t bytes)
{
	pthread_mutex_lock(&l->lock);
	struct block_node *n = find_cover(l, a, len);
	bool there = n && n->b.len == len;
	if (there) {
		n->b.packets = packets;
		n->b.bytes = bytes;
	}
	pthread_mutex_unlock(&l->lock);
	return there;
}

static int by_end(const void *a, const void *b)
{
	const struct block *x = a, *y = b;
	if (x->until != y->until)
		return block_ends_later(x->until, y->until) ? 1 : -1;
	return address_compare(&x->prefix, &y->prefix);
}

/* A copy is visited: who is to block somebody does not wait until 100,000 are formatted. */
void block_list_visit(struct block_list *l, void (*visit)(void *context, const struct block *b), void *context)
{
	pthread_mutex_lock(&l->lock);
	size_t n = l->set.n;
	struct block *all = xcalloc(n + 1, sizeof *all);
	for (size_t i = 0; i < n; i++)
		all[i] = l->set.heap[i]->b;
	pthread_mutex_unlock(&l->lock);
	qsort(all, n, sizeof *all, by_end);
	for (size_t i = 0; i < n; i++)
		visit(context, &all[i]);
	free(all);
}
