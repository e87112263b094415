// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ruleset/decode.h"
#include "ruleset/print.h"

static char *source_path(const char *name)
{
	const char *top = getenv("SLUICE_SOURCE");
	return xasprintf("%s/tests/ruleset/%s", top ? top : ".", name);
}

static char *print_rule(const struct ruleset *rs, const struct ruleset_rule *rule)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	ruleset_print_rule(out, rs, rule);
	fclose(out);
	return text;
}

static struct ruleset *read_text(const char *text, struct error *error)
{
	char path[] = "/tmp/test_read.XXXXXX";
	struct ruleset *rs = NULL;
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	ruleset_read_file(&rs, path, NULL, error);
	unlink(path);
	return rs;
}

/* ---- the vocabulary: what is printed is what was read ---- */

/* A counter of a rule is printed with its figures. */
static char *expectation(char *line)
{
	line += strspn(line, " \t");
	line[strcspn(line, "\n")] = 0;
	char *out = xcalloc(1, strlen(line) + 64), *at = out;
	for (const char *p = line; *p;) {
		bool plain = strncmp(p, "counter", 7) == 0 && (p == line || p[-1] == ' ') && (p[7] == 0 || (p[7] == ' ' && p[8] != 'n' && p[8] != 'p' && p[8] != '}'));
		if (plain) {
			at = stpcpy(at, "counter packets 0 bytes 0");
			p += 7;
		} else {
			*at++ = *p++;
		}
	}
	*at = 0;
	return out;
}

static void test_vocabulary(void **state)
{
	char *path = source_path("vocabulary.nft"), line[512];
	struct ruleset *rs = NULL;
	struct error error = {0};
	assert_int_equal(ruleset_read_file(&rs, path, NULL, &error), 0);
	assert_int_equal(rs->n_gaps, 0);
	char *lines[400] = {0};
	FILE *f = fopen(path, "r");
	for (size_t n = 1; fgets(line, sizeof line, f) && n < 400; n++)
		lines[n] = expectation(line);
	fclose(f);
	uint32_t seen = 0;
	for (struct ruleset_table *t = rs->tables; t; t = t->next)
		for (struct ruleset_chain *c = t->chains; c; c = c->next)
			for (struct ruleset_rule *r = c->rules; r; r = r->next) {
				assert_in_range(r->line, 1, 399);
				char *text = print_rule(rs, r);
				/* two ways to write one thing: nft prints the other, too */
				const char *wanted = lines[r->line];
				if (strncmp(wanted, "ct state vmap", 13) == 0)
					wanted = "ct state vmap { invalid : drop, established : accept, related : accept }";
				if (strncmp(wanted, "tcp flags & (fin", 16) == 0)
					wanted = "tcp flags fin,syn / fin,syn drop";
				if (strncmp(wanted, "meta l4proto tcp tcp flags", 26) == 0)
					wanted += 17;
				if (strncmp(wanted, "@th,16,16", 9) == 0)
					wanted = "th dport 22 accept";
				if (strcmp(wanted, "reject with icmpx port-unreachable") == 0)
					wanted = "reject";
				if (strncmp(wanted, "tcp dport 22 ct state", 21) == 0)
					wanted = "tcp dport 22 ct state new limit rate over 3/minute drop";
				assert_string_equal(text, wanted);
				free(text);
				seen++;
			}
	assert_int_equal(seen, rs->n_rules);
	assert_true(seen > 80);
	for (size_t i = 0; i < 400; i++)
		free(lines[i]);
	ruleset_free(rs);
	free(path);
}

/* Its first key is no end of an interval before it. */
static void test_interval_from_zero(void **state)
{
	(void)state;
	char path[] = "/tmp/test_read.XXXXXX";
	FILE *f = fdopen(mkstemp(path), "w");
	assert_non_null(f);
	fputs("table inet t {\n\tset p {\n\t\ttype inet_service\n\t\tflags interval\n\t\telements = { 0-52, 54-1023 }\n\t}\n}\n", f);
	fclose(f);
	struct ruleset *rs = NULL;
	struct error error = {0};
	int code = ruleset_read_file(&rs, path, NULL, &error);
	unlink(path);
	if (code < 0)
		fail_msg("%s", error.text);
	const struct ruleset_set *p = ruleset_find_set(rs->tables, "p", 0);
	static const struct {
		uint8_t port[2];
		bool in;
	} rows[] = {{{0, 0}, true}, {{0, 1}, true}, {{0, 52}, true}, {{0, 53}, false}, {{0, 54}, true}, {{3, 255}, true}, {{4, 0}, false}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(ruleset_set_find(p, rows[i].port) != NULL, rows[i].in);
	ruleset_free(rs);
}

/* Text and JSON of the same ruleset: the same rules. */
static void test_json(void **state)
{
	char *text = source_path("vocabulary.nft"), *json = source_path("vocabulary.json");
	struct ruleset *a = NULL, *b = NULL;
	struct error error = {0};
	int unknown = 0;
	assert_int_equal(ruleset_read_file(&a, text, NULL, &error), 0);
	if (ruleset_read_file(&b, json, NULL, &error) < 0)
		fail_msg("%s", error.text);
	assert_in_range(b->n_gaps, 0, 2); /* nft 1.0 does not read a map to addresses and ports that it wrote itself */
	assert_int_equal(a->n_rules, b->n_rules);
	for (struct ruleset_table *t = a->tables; t; t = t->next)
		for (struct ruleset_chain *c = t->chains; c; c = c->next) {
			struct ruleset_chain *other = ruleset_find_chain(ruleset_find_table(b, t->family, t->name), c->name);
			struct ruleset_rule *q = other->rules;
			assert_int_equal(c->priority, other->priority);
			for (struct ruleset_rule *r = c->rules; r; r = r->next, q = q->next) {
				char *one = print_rule(a, r), *two = print_rule(b, q);
				if (!q->unknown)
					assert_string_equal(one, two);
				unknown += q->unknown;
				assert_true(q->handle > 0);
				free(one);
				free(two);
			}
		}
	assert_in_range(unknown, 0, 1);
	ruleset_free(a);
	ruleset_free(b);
	free(text);
	free(json);
}

/* What this nft does not know is named, and the rest is read. */
static void test_json_unknown(void **state)
{
	static const char text[] =
		"{\"nftables\":[{\"metainfo\":{\"version\":\"9.9\"}},{\"table\":{\"family\":\"ip\",\"name\":\"t\",\"handle\":1}},"
		"{\"chain\":{\"family\":\"ip\",\"table\":\"t\",\"name\":\"c\",\"handle\":1,\"type\":\"filter\",\"hook\":\"forward\",\"prio\":0,\"policy\":\"drop\"}},"
		"{\"rule\":{\"family\":\"ip\",\"table\":\"t\",\"chain\":\"c\",\"handle\":4,\"expr\":[{\"xt\":{\"type\":\"target\",\"name\":\"NFQUEUE\"}}]}},"
		"{\"rule\":{\"family\":\"ip\",\"table\":\"t\",\"chain\":\"c\",\"handle\":5,\"expr\":[{\"match\":{\"op\":\"==\",\"left\":{\"quantum\":1},\"right\":1}}]}},"
		"{\"wormhole\":{\"family\":\"ip\",\"name\":\"w\"}},"
		"{\"rule\":{\"family\":\"ip\",\"table\":\"t\",\"chain\":\"c\",\"handle\":6,\"expr\":[{\"accept\":null}]}}]}";
	struct error error = {0};
	struct ruleset *rs = read_text(text, &error);
	if (!rs)
		fail_msg("%s", error.text);
	assert_int_equal(rs->n_rules, 3);
	assert_int_equal(rs->n_gaps, 3);
	struct ruleset_rule *r = rs->tables->chains->rules;
	assert_int_equal(r->handle, 4);
	assert_int_equal(r->steps->kind, STEP_UNKNOWN);
	assert_string_equal(r->steps->name, "xt target 'NFQUEUE'");
	assert_true(r->next->unknown);
	assert_int_equal(r->next->next->steps->kind, STEP_VERDICT);
	assert_false(r->next->next->unknown);
	ruleset_free(rs);
}

/* ---- texts ---- */

static void test_broken_text(void **state)
{
	struct error error = {0};
	assert_null(read_text("table ip t {\n\tchain c {\n\t\tct stat new accept\n\t}\n}\n", &error));
	assert_int_equal(error.line, 3);
	assert_int_equal(error.column, 6);
	assert_non_null(strstr(error.text, "syntax error"));
	assert_null(read_text("{\"nftables\": 5}", &error));
	assert_null(read_text("{\"nftables\": [", &error));
}

/* Statements and devices that this machine need not have; a chain without a name; a rule put in front. */
static void test_text_needs_no_kernel(void **state)
{
	struct error error = {0};
	struct ruleset *rs = read_text("flush ruleset\n"
				       "define lan = lan7\n"
				       "table inet t {\n"
				       "  flowtable ft { hook ingress priority filter; devices = { nowhere0 }; }\n"
				       "  chain f { type filter hook forward priority 10; policy drop;\n"
				       "    iif $lan oif { lan7, lan8 } flow add @ft\n"
				       "    jump { counter; accept; }\n"
				       "    queue flags bypass,fanout to 3-5; }\n"
				       "}\n"
				       "insert rule inet t f iif \"lan7\" drop\n", &error);
	if (!rs)
		fail_msg("%s", error.text);
	assert_int_equal(rs->n_gaps, 0);
	struct ruleset_chain *f = ruleset_find_chain(rs->tables, "f");
	static const char *const wanted[] = {"iif \"lan7\" drop", "iif \"lan7\" oif { \"lan7\", \"lan8\" } flow add @ft", NULL, "queue flags bypass,fanout to 3-5"};
	struct ruleset_rule *r = f->rules;
	for (size_t i = 0; i < 4; i++, r = r->next) {
		char *text = print_rule(rs, r);
		if (wanted[i])
			assert_string_equal(text, wanted[i]);
		free(text);
	}
	r = f->rules->next->next;
	assert_int_equal(r->steps->verdict.code, NFT_JUMP);
	assert_int_equal(r->steps->verdict.chain->n_rules, 2);
	assert_string_equal(rs->tables->flowtables->devices[0], "nowhere0");
	assert_int_equal(f->policy, NF_DROP);
	assert_int_equal(f->priority, 10);
	ruleset_free(rs);
}

/* Borders of the kernel's intervals: the first and the last address, neighbours, a single one, what lies between. */
static void test_intervals(void **state)
{
	struct error error = {0};
	struct ruleset *rs = read_text("table ip t { set s { type ipv4_addr; flags interval; elements = { 0.0.0.0-0.0.0.9, 10.0.0.0/8, 192.0.2.7, 255.255.255.0/24 }; }; }\n", &error);
	if (!rs)
		fail_msg("%s", error.text);
	struct ruleset_set *s = ruleset_find_set(rs->tables, "s", 0);
	assert_int_equal(s->n_elements, 4);
	assert_non_null(ruleset_set_find(s, (const uint8_t[]){0, 0, 0, 0}));
	assert_null(ruleset_set_find(s, (const uint8_t[]){0, 0, 0, 10}));
	assert_non_null(ruleset_set_find(s, (const uint8_t[]){10, 255, 255, 255}));
	assert_null(ruleset_set_find(s, (const uint8_t[]){11, 0, 0, 0}));
	assert_non_null(ruleset_set_find(s, (const uint8_t[]){192, 0, 2, 7}));
	assert_null(ruleset_set_find(s, (const uint8_t[]){192, 0, 2, 8}));
	assert_non_null(ruleset_set_find(s, (const uint8_t[]){255, 255, 255, 255}));
	ruleset_free(rs);
}

static void test_columns(void **state)
{
	struct error error = {0};
	struct ruleset *rs = read_text("table inet t { chain c { tcp dport 22 counter accept; }; }\n", &error);
	if (!rs)
		fail_msg("%s", error.text);
	const struct ruleset_rule *r = rs->tables->chains->rules;
	size_t from = 0, to = 0;
	assert_false(ruleset_step_columns(rs, r, r->steps, &from, &to)); /* meta l4proto tcp is implied */
	assert_true(ruleset_step_columns(rs, r, r->steps->next, &from, &to));
	assert_int_equal(from, 0);
	assert_int_equal(to, strlen("tcp dport 22"));
	assert_true(ruleset_step_columns(rs, r, r->steps->next->next->next, &from, &to));
	assert_int_equal(from, strlen("tcp dport 22 counter packets 0 bytes 0 "));
	assert_int_equal(to - from, strlen("accept"));
	ruleset_free(rs);
}

/* ---- damaged messages ---- */

static void test_damaged(void **state)
{
	struct {
		struct nlmsghdr head;
		struct nfgenmsg gen;
		uint8_t bytes[64];
	} m = {.head = {.nlmsg_len = sizeof m, .nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWRULE}, .gen = {.nfgen_family = NFPROTO_IPV4}};
	struct decoder *d = decoder_new("damaged", NULL);
	for (int i = 0; i < 256; i++) {
		memset(m.bytes, i, sizeof m.bytes);
		assert_int_equal(decoder_message(d, &m.head), 0);
	}
	m.head.nlmsg_len = NLMSG_HDRLEN;
	assert_int_equal(decoder_message(d, &m.head), -22);
	ruleset_free(decoder_finish(d));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vocabulary),
		cmocka_unit_test(test_interval_from_zero),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_json_unknown),
		cmocka_unit_test(test_broken_text),
		cmocka_unit_test(test_text_needs_no_kernel),
		cmocka_unit_test(test_intervals),
		cmocka_unit_test(test_columns),
		cmocka_unit_test(test_damaged),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
