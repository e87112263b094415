// SPDX-License-Identifier: GPL-2.0-or-later
/* From one edition of rules to the next: what goes, what stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/reload.h"
#include "daemon/worker.h"
#include "flow/shared.h"

static char rules_file[] = "/tmp/sluice-reload-XXXXXX";
static const char first_rules[] = "alert udp any any -> any any (msg:\"one\"; content:\"one\"; flowbits:set,seen; sid:1;)\n"
				  "alert udp any any -> any any (msg:\"both\"; content:\"both\"; sid:2; rev:1;)\n";
static const char second_rules[] = "alert udp any any -> any any (msg:\"two\"; content:\"two\"; flowbits:isset,seen; sid:3;)\n"
				   "alert udp any any -> any any (msg:\"both\"; content:\"both\"; sid:2; rev:2;)\n";

struct bench {
	struct runtime runtime;
	struct state state;
	struct worker *worker;
	uint8_t frame[128];
	usec_t time;
};

static void put_rules(const char *text)
{
	FILE *f = fopen(rules_file, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void begin_with(struct bench *b, const char *rules, const struct runtime_options *o)
{
	struct error error = {0};
	memset(b, 0, sizeof *b);
	b->time = 1000000 * USEC_PER_SEC;
	put_rules(rules);
	assert_int_equal(runtime_init(&b->runtime, o, &error), 0);
	b->state.shared = shared_new(1 << 20, 1);
	b->worker = worker_new(&b->runtime, &b->state, 0);
	assert_non_null(b->worker);
}

static void begin(struct bench *b, const char *rules)
{
	static const char *const sets[] = {"detect.sgh-mpm-caching=no", "threshold-file="};
	begin_with(b, rules, &(struct runtime_options){.rules_only = rules_file, .no_output = true, .sets = sets, .n_sets = 2, .checksums = 0});
}

static void end(struct bench *b)
{
	worker_finish(b->worker);
	worker_free(b->worker);
	shared_free(b->state.shared);
	runtime_deinit(&b->runtime);
}

/* Ethernet, IPv4 (RFC 791), UDP (RFC 768) without checksums, 192.0.2.1:1000 → 192.0.2.2:2000. */
static void send(struct bench *b, const char *text)
{
	static const uint8_t head[42] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, 0, 0, 0, 1, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2,
					 1000 >> 8, 1000 & 255, 2000 >> 8, 2000 & 255, 0, 0, 0, 0};
	uint8_t len = (uint8_t)strlen(text);
	memcpy(b->frame, head, sizeof head);
	memcpy(b->frame + sizeof head, text, len);
	b->frame[17] = (uint8_t)(28 + len);
	b->frame[39] = (uint8_t)(8 + len);
	b->time += 1000;
	struct frame f = {.bytes = bytes_of(b->frame, sizeof head + len), .wire_len = (uint32_t)sizeof head + len, .link_type = 1, .time = b->time};
	worker_frame(b->worker, &f);
}

static struct edition *load(struct bench *b, const char *rules)
{
	struct error error = {0};
	put_rules(rules);
	struct conf *conf = runtime_conf(&b->runtime.options, &error);
	assert_non_null(conf);
	struct edition *e = edition_load(&b->runtime, conf, NULL, &error);
	assert_non_null(e);
	return e;
}

static void adopt(struct bench *b, struct edition *e)
{
	assert_int_equal(worker_use(b->worker, e), 0);
	runtime_adopt(&b->runtime, e);
}

static uint64_t alerts(struct bench *b)
{
	struct worker_totals t;
	worker_totals(b->worker, &t);
	return t.alerts;
}

struct wanted {
	uint32_t sid;
	uint64_t count;
};

static void find_count(void *context, const struct signature *sig, uint64_t count)
{
	struct wanted *w = context;
	if (sig->sid == w->sid)
		w->count += count;
}

static uint64_t count_of(struct bench *b, uint32_t sid)
{
	struct wanted w = {.sid = sid};
	worker_alerts(b->worker, find_count, &w);
	return w.count;
}

static void new_rules_act_and_bits_stay(void **state)
{
	struct bench b;
	begin(&b, first_rules);
	send(&b, "two");
	assert_int_equal(alerts(&b), 0);
	send(&b, "one");
	send(&b, "both");
	assert_int_equal(alerts(&b), 2);
	adopt(&b, load(&b, second_rules));
	send(&b, "one"); /* that rule is gone */
	assert_int_equal(alerts(&b), 2);
	send(&b, "two"); /* its bit is not */
	assert_int_equal(alerts(&b), 3);
	send(&b, "both");
	assert_int_equal(alerts(&b), 4);
	end(&b);
}

static void counts_go_by_sid(void **state)
{
	struct bench b;
	begin(&b, first_rules);
	send(&b, "one");
	send(&b, "both");
	send(&b, "both");
	adopt(&b, load(&b, second_rules));
	send(&b, "both");
	assert_int_equal(count_of(&b, 2), 3);
	assert_int_equal(count_of(&b, 1), 0); /* not there at present */
	adopt(&b, load(&b, first_rules));
	assert_int_equal(count_of(&b, 1), 1);
	assert_int_equal(count_of(&b, 2), 3);
	end(&b);
}

/* sha256sum of the texts above */
static void generation_and_digest(void **state)
{
	struct bench b;
	begin(&b, first_rules);
	assert_int_equal(b.runtime.edition->generation, 1);
	assert_string_equal(b.runtime.edition->digest, "aaf0f03832700096b32d3d5d982f0dceca0462afbc020f56207fe7f4facf7a28");
	adopt(&b, load(&b, second_rules));
	assert_int_equal(b.runtime.edition->generation, 2);
	assert_string_equal(b.runtime.edition->digest, "2a0f718230674be0bda12407b21f3968bb72798cae7f8988e9a0c469917a3af8");
	adopt(&b, load(&b, first_rules));
	assert_int_equal(b.runtime.edition->generation, 3);
	assert_string_equal(b.runtime.edition->digest, "aaf0f03832700096b32d3d5d982f0dceca0462afbc020f56207fe7f4facf7a28");
	end(&b);
}

static void wrong_rules_are_counted(void **state)
{
	struct bench b;
	begin(&b, first_rules);
	assert_int_equal(edition_errors(b.runtime.edition), 0);
	struct edition *e = load(&b, "alert udp any any -> any any (msg:\"one\"; content:\"one\"; sid:1;)\nalert udp any any -> any any (msg:\"half\n");
	assert_int_equal(edition_errors(e), 1);
	edition_free(e);
	send(&b, "one");
	assert_int_equal(alerts(&b), 1);
	end(&b);
}

static void keys_that_need_a_restart(void **state)
{
	struct buffer out = {0};
	struct conf *a = conf_new(), *b = conf_new();
	assert_int_equal(conf_set(a, "vars.address-groups.HOME_NET=10.0.0.0/8", NULL), 0);
	assert_int_equal(conf_set(a, "stream.memcap=1mb", NULL), 0);
	assert_int_equal(conf_set(a, "flow.memcap=1mb", NULL), 0);
	assert_int_equal(conf_set(b, "vars.address-groups.HOME_NET=any", NULL), 0);
	assert_int_equal(conf_set(b, "stream.memcap=2mb", NULL), 0);
	assert_int_equal(conf_set(b, "flow.memcap=1mb", NULL), 0);
	assert_int_equal(conf_set(b, "gateway.priority=7", NULL), 0);
	assert_int_equal(edition_restart_keys(a, a, &out), 0);
	assert_int_equal(edition_restart_keys(a, b, &out), 2);
	assert_string_equal(buffer_string(&out), "gateway.priority, stream.memcap");
	buffer_free(&out);
	conf_free(a);
	conf_free(b);
}

enum { WORDS = 60 };

/* Rules of one word each; every tenth word is another one in another edition. */
static char *word_rules(unsigned edition)
{
	struct buffer b = {0};
	for (unsigned i = 0; i < WORDS; i++)
		buffer_printf(&b, "alert udp any any -> any any (msg:\"w\"; content:\"word-%u-%u;\"; sid:%u;)\n", i, i % 10 ? 0 : edition, i + 1);
	char *text = xstrdup(buffer_string(&b));
	buffer_free(&b);
	for (char *p = text; *p; p++) /* a ';' in a content is written |3b| */
		if (p[0] == ';' && p[1] == '"')
			*p = '.';
	return text;
}

static void send_word(struct bench *b, unsigned i, unsigned edition)
{
	char text[32];
	snprintf(text, sizeof text, "word-%u-%u.", i, edition);
	send(b, text);
}

/* Databases and rules of before are used on: what is new is found all the same, what is gone is not. */
static void unchanged_parts_are_kept(void **state)
{
	struct bench b;
	char *text = word_rules(0);
	begin(&b, text);
	free(text);
	assert_int_equal(part_counts_of(b.runtime.parts).rules_kept, 0);
	for (unsigned edition = 1; edition <= 12; edition++) {
		text = word_rules(edition);
		adopt(&b, load(&b, text));
		free(text);
		assert_int_equal(part_counts_of(b.runtime.parts).rules, WORDS);
		assert_int_equal(part_counts_of(b.runtime.parts).rules_kept, WORDS - WORDS / 10);
		uint64_t before = alerts(&b);
		for (unsigned i = 0; i < WORDS; i++)
			send_word(&b, i, i % 10 ? 0 : edition);
		assert_int_equal(alerts(&b) - before, WORDS);
		for (unsigned i = 0; i < WORDS; i += 10)
			send_word(&b, i, edition - 1);
		assert_int_equal(alerts(&b) - before, WORDS);
	}
	size_t bytes = part_counts_of(b.runtime.parts).bytes;
	for (unsigned edition = 13; edition <= 60; edition++) {
		text = word_rules(edition);
		adopt(&b, load(&b, text));
		free(text);
	}
	assert_true(part_counts_of(b.runtime.parts).bytes <= 2 * bytes + 4 * 65536); /* what is gone does not pile up */
	end(&b);
}

/* What a variable stands for is part of what a rule compiles to. */
static void variables_change(void **state)
{
	struct bench b;
	begin(&b, "alert udp $HOME_NET any -> any any (msg:\"h\"; content:\"one\"; sid:1;)\n");
	send(&b, "one"); /* from 192.0.2.1; the home net is 192.168.0.0/16 and others of RFC 1918 */
	assert_int_equal(alerts(&b), 0);
	struct error error = {0};
	struct conf *conf = runtime_conf(&b.runtime.options, &error);
	assert_int_equal(conf_set(conf, "vars.address-groups.HOME_NET=192.0.2.0/24", &error), 0);
	struct edition *e = edition_load(&b.runtime, conf, NULL, &error);
	assert_non_null(e);
	adopt(&b, e);
	send(&b, "one");
	assert_int_equal(alerts(&b), 1);
	end(&b);
}

/* ---- files that rules ask ---- */

static void put_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

/* Reputation and sets that are only loaded are as their files are; what rules put into a set stays. */
static void asked_files_are_read_again(void **state)
{
	struct bench b;
	struct error error = {0};
	char *set = xasprintf("%s.set", rules_file), *hosts = xasprintf("%s.hosts", rules_file), *names = xasprintf("%s.names", rules_file);
	char *rules = xasprintf("alert udp any any -> any any (msg:\"listed\"; ip.src; dataset:isset,listed,type ip,load %s; sid:1;)\n"
				"alert udp any any -> any any (msg:\"new\"; ip.src; dataset:set,seen,type ip; sid:2;)\n"
				"alert udp any any -> any any (msg:\"bad\"; iprep:src,BadHosts,>,10; sid:3;)\n", set);
	char *files[] = {xasprintf("reputation-files.0=%s", hosts), xasprintf("reputation-categories-file=%s", names)};
	const char *sets[] = {"detect.sgh-mpm-caching=no", "threshold-file=", files[0], files[1]};
	struct runtime_options o = {.rules_only = rules_file, .no_output = true, .sets = sets, .n_sets = 4, .checksums = 0};
	put_file(set, "203.0.113.1\n");
	put_file(hosts, "192.0.2.1,1,9\n");
	put_file(names, "1,BadHosts,bad ones\n");
	begin_with(&b, rules, &o);
	send(&b, "a"); /* from 192.0.2.1 */
	assert_int_equal(count_of(&b, 1), 0);
	assert_int_equal(count_of(&b, 2), 1);
	assert_int_equal(count_of(&b, 3), 0);
	put_file(set, "203.0.113.1\n192.0.2.1\n");
	put_file(hosts, "192.0.2.1,1,99\n");
	adopt(&b, load(&b, rules));
	send(&b, "b");
	assert_int_equal(count_of(&b, 1), 1);
	assert_int_equal(count_of(&b, 2), 1); /* its address is in the set already */
	assert_int_equal(count_of(&b, 3), 1);
	put_file(set, "203.0.113.1\n");
	adopt(&b, load(&b, rules));
	send(&b, "c");
	assert_int_equal(count_of(&b, 1), 1);
	assert_int_equal(count_of(&b, 3), 2);
	unlink(hosts);
	assert_null(edition_load(&b.runtime, runtime_conf(&b.runtime.options, &error), NULL, &error));
	assert_non_null(strstr(error.text, hosts));
	send(&b, "d");
	assert_int_equal(count_of(&b, 3), 3);
	end(&b);
	unlink(set);
	unlink(names);
	char *all[] = {set, hosts, names, rules, files[0], files[1]};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		free(all[i]);
}

/* ---- a reload as a whole ---- */

enum { MANY = 4000 };

static char *many_rules(void)
{
	struct buffer b = {0};
	for (unsigned i = 0; i < MANY; i++)
		buffer_printf(&b, "alert udp any any -> any any (msg:\"rule %u of many\"; content:\"many %u\"; sid:%u;)\n", i, i, i + 1);
	char *text = xstrdup(buffer_string(&b));
	buffer_free(&b);
	return text;
}

/* A daemon without workers: what its main thread would be called for is kept. */
struct reloading {
	struct bench b;
	struct live live;
	void (*handler)(void *context); /* atomic */
	void *context;
	struct reload_result result;
};
static struct reloading *reloading;

static void keep_call(struct live *l, void (*handler)(void *context), void *context)
{
	(void)l;
	reloading->context = context;
	__atomic_store_n(&reloading->handler, handler, __ATOMIC_RELEASE);
}

static void keep_result(void *context, const struct reload_result *r)
{
	((struct reloading *)context)->result = *r;
}

static struct reloading *begin_reloading(const char *rules)
{
	struct reloading *r = reloading = xcalloc(1, sizeof *r);
	begin(&r->b, rules);
	r->live.runtime = r->b.runtime;
	r->live.call = keep_call;
	reload_init(&r->live);
	return r;
}

static void start_reload(struct reloading *r, const char *rules)
{
	struct error error = {0};
	put_rules(rules);
	r->handler = NULL;
	assert_int_equal(reload_start(&r->live, keep_result, r, &error), 0);
}

static const struct reload_result *reload_with(struct reloading *r, const char *rules)
{
	start_reload(r, rules);
	while (!__atomic_load_n(&r->handler, __ATOMIC_ACQUIRE))
		usleep(1000);
	r->handler(r->context);
	return &r->result;
}

static void end_reloading(struct reloading *r)
{
	reload_deinit(&r->live);
	worker_free(r->b.worker); /* it never went over to another edition, so it goes before them */
	r->b.runtime = r->live.runtime;
	shared_free(r->b.state.shared);
	runtime_deinit(&r->b.runtime);
	free(r);
}

static void memory_has_a_bound(void **state)
{
	static const char *const tight[] = {"detect.sgh-mpm-caching=no", "threshold-file=", "reload.memory-limit=64kb"};
	static const char *const wide[] = {"detect.sgh-mpm-caching=no", "threshold-file=", "reload.memory-limit=900mb"};
	struct reloading *r = begin_reloading(first_rules);
	char *text = many_rules();
	r->live.runtime.options.sets = tight;
	r->live.runtime.options.n_sets = 3;
	size_t before = part_counts_of(r->live.runtime.parts).bytes;
	const struct reload_result *result = reload_with(r, text);
	assert_false(result->ok);
	assert_int_equal(result->generation, 1);
	assert_non_null(strstr(result->message, "reload.memory-limit is 0.1 MB"));
	assert_ptr_equal(strstr(result->message, rules_file), result->message);
	assert_true(part_counts_of(r->live.runtime.parts).bytes <= before + 4 * 65536); /* what was read of them is gone */
	r->live.runtime.options.sets = wide;
	result = reload_with(r, text);
	assert_string_equal(result->message, "");
	assert_true(result->ok);
	assert_int_equal(result->generation, 2);
	assert_int_equal(result->loaded, MANY);
	free(text);
	end_reloading(r);
}

/* The end does not wait for the rest. */
static void given_up(void **state)
{
	struct reloading *r = begin_reloading(first_rules);
	char *text = many_rules();
	start_reload(r, text);
	reload_cancel(&r->live);
	while (!__atomic_load_n(&r->handler, __ATOMIC_ACQUIRE))
		usleep(1000);
	r->handler(r->context);
	assert_false(r->result.ok);
	assert_non_null(strstr(r->result.message, "not wanted any more"));
	assert_int_equal(reload_last(&r->live)->generation, 1);
	start_reload(r, text);
	assert_true(reload_deinit(&r->live));
	assert_int_equal(r->live.runtime.edition->generation, 1);
	free(text);
	end_reloading(r);
}

/* Nor for a file that nobody writes. */
static void stuck(void **state)
{
	struct error error = {0};
	struct reloading *r = begin_reloading(first_rules);
	char *fifo = xasprintf("%s.fifo", rules_file);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	r->live.runtime.options.rules_only = fifo;
	assert_int_equal(reload_start(&r->live, keep_result, r, &error), 0);
	usleep(10000);
	usec_t start = clock_monotonic();
	assert_false(reload_deinit(&r->live));
	assert_true(clock_monotonic() - start < 10 * USEC_PER_SEC);
	int fd = open(fifo, O_WRONLY | O_CLOEXEC); /* so that the thread ends before what it works with */
	close(fd);
	while (!__atomic_load_n(&r->handler, __ATOMIC_ACQUIRE))
		usleep(1000);
	usleep(100000);
	unlink(fifo);
	free(fifo);
	free(r->context);
	r->live.reload = NULL;
	end_reloading(r);
}

static int make_file(void **state)
{
	int fd = mkstemp(rules_file);
	return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
	return unlink(rules_file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(new_rules_act_and_bits_stay), cmocka_unit_test(counts_go_by_sid), cmocka_unit_test(generation_and_digest),
		cmocka_unit_test(wrong_rules_are_counted), cmocka_unit_test(keys_that_need_a_restart), cmocka_unit_test(unchanged_parts_are_kept),
		cmocka_unit_test(variables_change), cmocka_unit_test(asked_files_are_read_again),
		cmocka_unit_test(memory_has_a_bound), cmocka_unit_test(given_up), cmocka_unit_test(stuck),
	};
	return cmocka_run_group_tests(tests, make_file, remove_file);
}
