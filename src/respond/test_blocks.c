// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/memory.h"
#include "respond/blocks.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define SECOND USEC_PER_SEC

/* A kernel made of words: what was asked of it in one batch, "-2001:db8::1/128 +2001:db8::/64@60". */
static struct {
	char batch[2000];
	size_t batches, added, removed;
	int refuse;
	char events[2000];
	size_t covered;
} k;

static void add_text(char *to, size_t room, char sign, const struct address *a, unsigned len, usec_t lasts)
{
	char text[ADDRESS_TEXT];
	size_t n = strlen(to);
	if (n + 100 > room)
		return;
	n += (size_t)sprintf(to + n, "%s%c%s/%u", n ? " " : "", sign, address_format_short(a, text), len);
	if (lasts)
		sprintf(to + n, "@%lld", (long long)(lasts / SECOND));
}

static int change(void *context, const struct block_change *remove, size_t n_remove, const struct block_change *add, size_t n_add, struct error *error)
{
	(void)context;
	if (k.refuse)
		return error_set(error, k.refuse, "no");
	k.batch[0] = 0;
	k.batches++;
	k.removed += n_remove;
	k.added += n_add;
	for (size_t i = 0; i < n_remove; i++)
		add_text(k.batch, sizeof k.batch, '-', &remove[i].prefix, remove[i].len, 0);
	for (size_t i = 0; i < n_add; i++)
		add_text(k.batch, sizeof k.batch, '+', &add[i].prefix, add[i].len, add[i].lasts);
	return 0;
}

static void event(void *context, enum block_event what, const struct block *b, size_t covered)
{
	(void)context;
	char text[ADDRESS_TEXT];
	size_t n = strlen(k.events);
	if (n + 100 < sizeof k.events)
		sprintf(k.events + n, "%s%s %s/%u", n ? ", " : "", block_event_names[what], address_format_short(&b->prefix, text), b->len);
	k.covered = covered;
}

static struct block_list *make(const struct block_settings *s)
{
	memset(&k, 0, sizeof k);
	struct block_ops ops = {.change = change, .event = event};
	return block_list_new(s, &ops);
}

static struct block_list *make_plain(void)
{
	return make(&(struct block_settings){.max = 1000, .escalate_64 = 3, .escalate_56 = 2, .escalate_48 = 2});
}

static struct block block_of(const char *text, unsigned len, usec_t until, uint32_t sid)
{
	struct block b = {.len = (uint8_t)len, .until = until * SECOND, .sid = sid, .gid = 1, .why = "test"};
	assert_true(address_parse(bytes_of_string(text), &b.prefix));
	return b;
}

static int add(struct block_list *l, const char *text, unsigned len, usec_t until, uint32_t sid)
{
	struct block b = block_of(text, len, until, sid), done;
	return block_list_add(l, &b, 10 * SECOND, NULL, NULL, &done, NULL);
}

static void append(void *context, const struct block *b)
{
	add_text(context, 1000, '=', &b->prefix, b->len, b->until);
}

static const char *list(struct block_list *l)
{
	static char text[1000];
	text[0] = 0;
	block_list_visit(l, append, text);
	return text;
}

static void later_end_wins(void **state)
{
	(void)state;
	struct block_list *l = make_plain();
	assert_int_equal(add(l, "192.0.2.1", 32, 70, 1), 0);
	assert_string_equal(k.batch, "+192.0.2.1/32@60");
	assert_int_equal(add(l, "192.0.2.1", 32, 40, 1), 0); /* earlier: nothing */
	assert_int_equal(k.batches, 1);
	assert_int_equal(add(l, "192.0.2.1", 32, 110, 1), 0);
	assert_string_equal(k.batch, "-192.0.2.1/32 +192.0.2.1/32@100");
	assert_int_equal(add(l, "192.0.2.1", 32, 0, 0), 0); /* for good */
	assert_string_equal(k.batch, "-192.0.2.1/32 +192.0.2.1/32");
	assert_int_equal(add(l, "192.0.2.1", 32, 500, 1), 0); /* nothing is later than that */
	assert_int_equal(k.batches, 3);
	assert_string_equal(list(l), "=192.0.2.1/32");
	assert_string_equal(k.events, "block 192.0.2.1/32, extend 192.0.2.1/32, extend 192.0.2.1/32");
	block_list_free(l);
}

static void order_and_expiry(void **state)
{
	(void)state;
	struct block_list *l = make_plain();
	add(l, "192.0.2.9", 32, 0, 1);
	add(l, "192.0.2.3", 32, 50, 1);
	add(l, "198.51.100.0", 24, 20, 0);
	add(l, "2001:db8::1", 128, 30, 1);
	assert_string_equal(list(l), "=198.51.100.0/24@20 =2001:db8::1/128@30 =192.0.2.3/32@50 =192.0.2.9/32");
	k.events[0] = 0;
	block_list_expire(l, 30 * SECOND);
	assert_string_equal(k.events, "expire 198.51.100.0/24, expire 2001:db8::1/128");
	assert_string_equal(list(l), "=192.0.2.3/32@50 =192.0.2.9/32");
	assert_int_equal(block_list_count(l), 2);
	block_list_free(l);
}

static void removal(void **state)
{
	(void)state;
	struct block_list *l = make_plain();
	struct error error = {0};
	struct address a;
	add(l, "198.51.100.0", 24, 50, 0);
	assert_true(address_parse(bytes_of_string("198.51.100.7"), &a));
	assert_int_equal(block_list_remove(l, &a, 32, &error), -ENOENT);
	assert_string_equal(error.text, "198.51.100.7/32 is blocked within 198.51.100.0/24");
	struct block found;
	assert_true(block_list_find(l, &a, &found));
	assert_int_equal(found.len, 24);
	assert_int_equal(block_list_remove(l, &a, 24, &error), 0);
	assert_string_equal(k.batch, "-198.51.100.0/24");
	assert_int_equal(block_list_remove(l, &a, 24, &error), -ENOENT);
	assert_int_equal(block_list_count(l), 0);
	block_list_free(l);
}

/* Three addresses of a /64, two /64s of a /56, two /56s of a /48. */
static void escalation(void **state)
{
	(void)state;
	struct block_list *l = make_plain();
	assert_int_equal(add(l, "2001:db8:0:1::1", 128, 100, 1), 0);
	assert_int_equal(add(l, "2001:db8:0:1::2", 128, 500, 1), 0);
	assert_int_equal(add(l, "2001:db8:0:1::3", 128, 70, 1), 1);
	/* one batch, the later end stays */
	assert_string_equal(k.batch, "-2001:db8:0:1::1/128 -2001:db8:0:1::2/128 +2001:db8:0:1::/64@490");
	assert_int_equal(k.covered, 2);
	assert_string_equal(list(l), "=2001:db8:0:1::/64@500");
	assert_int_equal(add(l, "2001:db8:0:1::4", 128, 90, 1), 0); /* is within it */
	assert_int_equal(block_list_count(l), 1);
	/* another /64 of 2001:db8::/56 */
	assert_int_equal(add(l, "2001:db8:0:2::1", 128, 90, 1), 1);
	assert_string_equal(k.batch, "-2001:db8:0:1::/64 +2001:db8::/56@490");
	/* another /56 of 2001:db8::/48 */
	assert_int_equal(add(l, "2001:db8:0:ff00::1", 128, 900, 1), 1);
	assert_string_equal(k.batch, "-2001:db8::/56 +2001:db8::/48@890");
	/* another /48 stands by itself: there is no step behind /48 */
	assert_int_equal(add(l, "2001:db8:1::1", 128, 90, 1), 0);
	assert_int_equal(block_list_count(l), 2);
	block_list_free(l);
}

static void no_escalation(void **state)
{
	(void)state;
	struct block_list *l = make_plain();
	for (int i = 1; i < 9; i++) {
		char text[40];
		sprintf(text, "2001:db8::%d", i);
		assert_int_equal(add(l, text, 128, 100, 0), 0); /* by a person */
		sprintf(text, "192.0.2.%d", i);
		assert_int_equal(add(l, text, 32, 100, 1), 0); /* IPv4 */
	}
	assert_int_equal(block_list_count(l), 16);
	block_list_free(l);
}

static bool is_allowed(void *context, const struct address *a, unsigned len)
{
	(void)a;
	return len <= *(unsigned *)context;
}

static void allowed_prefixes_stay_open(void **state)
{
	(void)state;
	struct block_list *l = make_plain();
	unsigned limit = 56;
	static const char *const texts[] = {"2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8:0:1::1", "2001:db8:0:1::2", "2001:db8:0:1::3"};
	for (size_t i = 0; i < 6; i++) {
		struct block b = block_of(texts[i], 128, 100, 1), done;
		assert_int_equal(block_list_add(l, &b, 10 * SECOND, is_allowed, &limit, &done, NULL), i % 3 == 2);
	}
	assert_string_equal(list(l), "=2001:db8::/64@100 =2001:db8:0:1::/64@100"); /* never the /56 */
	block_list_free(l);
}

static void full_and_refused(void **state)
{
	(void)state;
	struct block_list *l = make(&(struct block_settings){.max = 2, .escalate_64 = 2});
	struct error error = {0};
	struct block b = block_of("192.0.2.3", 32, 100, 1), done;
	assert_int_equal(add(l, "192.0.2.1", 32, 100, 1), 0);
	assert_int_equal(add(l, "2001:db8::1", 128, 100, 1), 0);
	assert_int_equal(block_list_add(l, &b, 10 * SECOND, NULL, NULL, &done, &error), -ENOSPC);
	assert_string_equal(list(l), "=192.0.2.1/32@100 =2001:db8::1/128@100");
	assert_int_equal(add(l, "192.0.2.1", 32, 200, 1), 0); /* what is there can grow */
	assert_int_equal(add(l, "2001:db8::2", 128, 100, 1), 1); /* and what takes others' place fits */
	k.refuse = EPERM;
	assert_int_equal(add(l, "192.0.2.1", 32, 300, 1), -EPERM);
	assert_int_equal(block_list_remove(l, &b.prefix, 32, NULL), -ENOENT);
	assert_string_equal(list(l), "=2001:db8::/64@100 =192.0.2.1/32@200"); /* unchanged */
	assert_int_equal(block_list_pending(l), 1); /* but who knows whether the kernel has it */
	k.refuse = 0;
	b = block_of("192.0.2.3", 32, 5, 1); /* over already */
	assert_int_equal(block_list_add(l, &b, 10 * SECOND, NULL, NULL, &done, &error), -EINVAL);
	block_list_free(l);
}

static enum block_pending state_of(struct block_list *l, const char *text)
{
	struct address a;
	struct block b;
	assert_true(address_parse(bytes_of_string(text), &a));
	assert_true(block_list_find(l, &a, &b));
	return b.pending;
}

static void refused_ones_wait(void **state)
{
	(void)state;
	struct block_list *l = make_plain();
	k.refuse = ENOMEM;
	assert_int_equal(add(l, "192.0.2.1", 32, 100, 1), -ENOMEM);
	assert_int_equal(state_of(l, "192.0.2.1"), BLOCK_NEVER_YET);
	assert_string_equal(k.events, "pending 192.0.2.1/32");
	assert_int_equal(block_list_retry(l, 20 * SECOND, NULL), 1);
	k.refuse = 0;
	assert_int_equal(block_list_retry(l, 30 * SECOND, NULL), 0);
	assert_string_equal(k.batch, "-192.0.2.1/32 +192.0.2.1/32@70");
	assert_string_equal(k.events, "pending 192.0.2.1/32, block 192.0.2.1/32");
	assert_int_equal(state_of(l, "192.0.2.1"), BLOCK_IN_FORCE);
	size_t batches = k.batches;
	assert_int_equal(block_list_retry(l, 40 * SECOND, NULL), 0);
	assert_int_equal(k.batches, batches);
	/* the next packet of an attacker tries it, too */
	k.refuse = ENOMEM;
	assert_int_equal(add(l, "192.0.2.9", 32, 100, 1), -ENOMEM);
	assert_int_equal(add(l, "192.0.2.9", 32, 100, 1), -ENOMEM);
	k.refuse = 0;
	assert_int_equal(add(l, "192.0.2.9", 32, 100, 1), 0);
	assert_int_equal(block_list_pending(l), 0);
	/* one that ends while it waits is gone */
	k.refuse = ENOMEM;
	assert_int_equal(add(l, "192.0.2.8", 32, 50, 1), -ENOMEM);
	block_list_expire(l, 51 * SECOND);
	assert_int_equal(block_list_pending(l), 0);
	block_list_free(l);
}

static void a_refused_prefix_leaves_its_members(void **state)
{
	(void)state;
	struct block_list *l = make_plain();
	add(l, "2001:db8::1", 128, 100, 1);
	add(l, "2001:db8::2", 128, 100, 1);
	k.refuse = E2BIG;
	assert_int_equal(add(l, "2001:db8::3", 128, 100, 1), -E2BIG);
	assert_string_equal(list(l), "=2001:db8::1/128@100 =2001:db8::2/128@100 =2001:db8::3/128@100");
	assert_int_equal(block_list_pending(l), 3);
	k.refuse = 0;
	assert_int_equal(block_list_retry(l, 20 * SECOND, NULL), 0);
	assert_string_equal(k.batch, "-2001:db8::1/128 -2001:db8::2/128 -2001:db8::3/128 +2001:db8::1/128@80 +2001:db8::2/128@80 +2001:db8::3/128@80");
	block_list_free(l);
}

static void a_reload_that_fails_is_known(void **state)
{
	(void)state;
	struct block_list *l = make_plain();
	for (unsigned i = 1; i < 200; i++) {
		char text[20];
		sprintf(text, "192.0.2.%u", i);
		add(l, text, 32, 100, 1);
	}
	k.refuse = ENOBUFS;
	assert_int_equal(block_list_reload(l, 20 * SECOND, NULL), -ENOBUFS);
	assert_int_equal(block_list_pending(l), 199);
	assert_int_equal(block_list_retry(l, 20 * SECOND, NULL), 199);
	k.refuse = 0;
	assert_int_equal(block_list_reload(l, 20 * SECOND, NULL), 0);
	assert_int_equal(block_list_pending(l), 0);
	block_list_free(l);
}

static void a_persons_prefix_takes_in(void **state)
{
	(void)state;
	struct block_list *l = make_plain();
	add(l, "203.0.113.9", 32, 100, 1);
	add(l, "203.0.113.200", 32, 300, 1);
	add(l, "203.0.114.1", 32, 100, 1);
	assert_int_equal(add(l, "203.0.113.77", 24, 50, 0), 0); /* bits behind the length do not matter */
	assert_string_equal(k.batch, "-203.0.113.9/32 -203.0.113.200/32 +203.0.113.0/24@290");
	assert_string_equal(list(l), "=203.0.114.1/32@100 =203.0.113.0/24@300");
	block_list_free(l);
}

static bool nobody_but_two(void *context, const struct address *a, unsigned len)
{
	(void)context;
	return len == 32 && a->byte[3] == 2;
}

static void restart(void **state)
{
	(void)state;
	char path[] = "/tmp/test_blocks.XXXXXX";
	struct error error = {0};
	close(mkstemp(path));
	struct block_settings s = {.max = 100, .state_file = path};
	struct block_list *l = make(&s);
	struct block b = block_of("192.0.2.1", 32, 100, 7), found;
	snprintf(b.why, sizeof b.why, "respond.rules.1: \"quoted\" \xff");
	b.generation = 3;
	b.flow_id = 99;
	block_list_add(l, &b, 10 * SECOND, NULL, NULL, NULL, NULL);
	add(l, "192.0.2.2", 32, 100, 1);
	add(l, "192.0.2.3", 32, 30, 1);
	add(l, "2001:db8::", 64, 0, 0);
	assert_int_equal(block_list_save(l, &error), 0);
	block_list_free(l);
	l = make(&s);
	assert_int_equal(block_list_restore(l, 40 * SECOND, nobody_but_two, NULL, &error), 0);
	assert_string_equal(list(l), "=192.0.2.1/32@100 =2001:db8::/64"); /* 2 is allowed now, 3 is over */
	assert_int_equal(k.batches, 1);
	assert_true(strstr(k.batch, "+192.0.2.1/32@60") && strstr(k.batch, "+2001:db8::/64"));
	assert_true(block_list_find(l, &b.prefix, &found));
	assert_int_equal(found.sid, 7);
	assert_int_equal(found.generation, 3);
	assert_int_equal(found.flow_id, 99);
	assert_non_null(strstr(found.why, "respond.rules.1: \"quoted\""));
	assert_int_equal(block_list_restore(l, 40 * SECOND, NULL, NULL, &error), -EBUSY);
	block_list_free(l);

	static const char *const bad[] = {"", "[]\n", "{\"version\":2}\n", "{\"version\":1}\n{\"prefix\":\"x/1\",\"until\":0}\n", "{\"version\":1}\n{\"prefix\":\"1.2.3.4/33\",\"until\":0}\n",
					  "{\"version\":1}\n{\"prefix\":\"1.2.3.4/32\"}\n", "{\"version\":1}\n{\"prefix\":\"1.2.3.4/32\",\"until\":-1}\n", "{\"version\":1}\n{"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		FILE *f = fopen(path, "w");
		fputs(bad[i], f);
		fclose(f);
		l = make(&s);
		int status = block_list_restore(l, 40 * SECOND, NULL, NULL, &error);
		assert_int_equal(status, i ? -EINVAL : 0); /* an empty file is an empty list */
		assert_int_equal(block_list_count(l), 0);
		block_list_free(l);
	}
	unlink(path);
	l = make(&s);
	assert_int_equal(block_list_restore(l, 40 * SECOND, NULL, NULL, &error), 0); /* no file */
	block_list_free(l);
}

static void many(void **state)
{
	(void)state;
	enum { MANY = 100000 };
	struct block_list *l = make(&(struct block_settings){.max = MANY, .escalate_64 = 4, .escalate_56 = 4, .escalate_48 = 4});
	usec_t start = clock_monotonic();
	for (uint32_t i = 0; i < MANY; i++) {
		uint32_t mixed = i * 2654435761u;
		struct block b = {.len = 32, .sid = 1, .until = (1000 + i % 1000) * SECOND};
		b.prefix = (struct address){4, {(uint8_t)(mixed >> 24), (uint8_t)(mixed >> 16), (uint8_t)(mixed >> 8), (uint8_t)mixed}};
		assert_int_equal(block_list_add(l, &b, 10 * SECOND, NULL, NULL, NULL, NULL), 0);
	}
	assert_int_equal(block_list_count(l), MANY);
	for (usec_t t = 1000; t < 1500; t++)
		block_list_expire(l, t * SECOND);
	assert_int_equal(block_list_count(l), MANY / 2);
	assert_true(clock_monotonic() - start < 20 * SECOND); /* quadratic would be minutes; some 0.2 s it is */
	k.added = 0;
	assert_int_equal(block_list_reload(l, 1500 * SECOND, NULL), 0);
	assert_int_equal(k.added, MANY / 2 - MANY / 1000);
	block_list_free(l);
}

static void settings(void **state)
{
	(void)state;
	struct conf *conf = conf_new();
	struct block_settings s;
	struct error error = {0};
	assert_int_equal(block_settings_read(&s, conf, &error), 0);
	assert_int_equal(s.max, 100000);
	assert_string_equal(s.state_file, "/var/lib/sluice/blocks.json");
	conf_set(conf, "respond.block.state-file=none", NULL);
	conf_set(conf, "respond.block.escalate-48=0", NULL);
	assert_int_equal(block_settings_read(&s, conf, &error), 0);
	assert_null(s.state_file);
	assert_int_equal(s.escalate_48, 0);
	conf_set(conf, "respond.block.max=0", NULL);
	assert_true(block_settings_read(&s, conf, &error) < 0);
	conf_free(conf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(later_end_wins), cmocka_unit_test(order_and_expiry), cmocka_unit_test(removal), cmocka_unit_test(escalation),
		cmocka_unit_test(no_escalation), cmocka_unit_test(allowed_prefixes_stay_open), cmocka_unit_test(full_and_refused), cmocka_unit_test(refused_ones_wait),
		cmocka_unit_test(a_refused_prefix_leaves_its_members), cmocka_unit_test(a_reload_that_fails_is_known),
		cmocka_unit_test(a_persons_prefix_takes_in), cmocka_unit_test(restart), cmocka_unit_test(many), cmocka_unit_test(settings),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
