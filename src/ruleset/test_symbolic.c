// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ruleset/read.h"
#include "ruleset/symbolic.h"

/*
 * Random rulesets over three small fields, and every packet there is: the second byte of the IP header and the first of the transport header, 0 to 7 each,
 * and the mark, which rules write. The evaluator below knows nothing of the model.
 */
enum { CHAINS = 4, RULES = 7, VALUES = 8, ROUNDS = 150 };
enum test_field { FIELD_A, FIELD_B, FIELD_MARK, FIELDS };
enum test_match { MATCH_EQ, MATCH_NEQ, MATCH_LESS, MATCH_RANGE, MATCH_SET, MATCH_MASK, MATCHES };
enum test_verdict { V_ACCEPT, V_DROP, V_RETURN, V_JUMP, V_GOTO, V_MARK, V_COUNTER, V_MAP, VERDICTS };

struct test_rule {
	unsigned n_matches;
	struct {
		enum test_field field;
		enum test_match match;
		unsigned value, to;
	} m[2];
	enum test_verdict verdict;
	unsigned to, map; /* a chain, or a mark; of the map: values with that bit jump, others with bit 8 + value are dropped */
};
static struct test_rule rules[CHAINS][RULES];
static unsigned seed;

static unsigned chance(unsigned n)
{
	seed = seed * 1103515245u + 12345u;
	return (seed >> 16) % n;
}

/* ---- what is true ---- */

enum { TRUE_ACCEPT, TRUE_DROP, TRUE_FALL };

static bool true_match(const struct test_rule *r, const unsigned *packet)
{
	for (unsigned i = 0; i < r->n_matches; i++) {
		unsigned v = packet[r->m[i].field], w = r->m[i].value, to = r->m[i].to;
		const bool holds[MATCHES] = {v == w, v != w, v < w, v >= w && v <= to, v == w || v == to, (v & to) == w};
		if (!holds[r->m[i].match])
			return false;
	}
	return true;
}

static int true_fate(unsigned chain, unsigned *packet)
{
	for (unsigned i = 0; i < RULES; i++) {
		const struct test_rule *r = &rules[chain][i];
		if (!true_match(r, packet) || r->verdict == V_COUNTER)
			continue;
		if (r->verdict == V_ACCEPT || r->verdict == V_DROP || r->verdict == V_RETURN)
			return r->verdict == V_ACCEPT ? TRUE_ACCEPT : r->verdict == V_DROP ? TRUE_DROP : TRUE_FALL;
		if (r->verdict == V_MARK) {
			packet[FIELD_MARK] = r->to;
			continue;
		}
		if (r->verdict == V_MAP && !(r->map >> packet[FIELD_A] & 1))
			continue;
		if (r->verdict == V_MAP && r->map >> (8 + packet[FIELD_A]) & 1)
			return TRUE_DROP;
		int fate = true_fate(r->to, packet);
		if (fate != TRUE_FALL || r->verdict == V_GOTO)
			return fate;
	}
	return TRUE_FALL;
}

/* ---- the same as text ---- */

static void make_rule(struct test_rule *r, unsigned chain)
{
	*r = (struct test_rule){.n_matches = chance(3), .verdict = (enum test_verdict)chance(VERDICTS), .to = chance(VALUES), .map = chance(1 << 16) | 1};
	bool jumps = r->verdict == V_JUMP || r->verdict == V_GOTO || r->verdict == V_MAP;
	if (jumps && chain + 1 == CHAINS)
		r->verdict = V_DROP;
	else if (jumps)
		r->to = chain + 1 + chance(CHAINS - chain - 1);
	for (unsigned i = 0; i < r->n_matches; i++) {
		r->m[i].field = (enum test_field)chance(FIELDS);
		r->m[i].match = (enum test_match)chance(MATCHES);
		r->m[i].value = chance(VALUES);
		r->m[i].to = chance(VALUES);
		if (r->m[i].match == MATCH_RANGE && r->m[i].to <= r->m[i].value)
			r->m[i].match = MATCH_EQ;
		if (r->m[i].match == MATCH_SET && r->m[i].to == r->m[i].value)
			r->m[i].match = MATCH_NEQ;
		if (r->m[i].match == MATCH_MASK)
			r->m[i].value &= r->m[i].to;
		if (r->m[i].match == MATCH_LESS && !r->m[i].value)
			r->m[i].value = 1;
	}
}

static void write_rule(FILE *f, const struct test_rule *r)
{
	static const char *const field[FIELDS] = {"@nh,8,8", "@th,0,8", "meta mark"};
	for (unsigned i = 0; i < r->n_matches; i++) {
		unsigned v = r->m[i].value, to = r->m[i].to;
		fputs(field[r->m[i].field], f);
		switch (r->m[i].match) {
		case MATCH_EQ: fprintf(f, " %u ", v); break;
		case MATCH_NEQ: fprintf(f, " != %u ", v); break;
		case MATCH_LESS: fprintf(f, " < %u ", v); break;
		case MATCH_RANGE: fprintf(f, " %u-%u ", v, to); break;
		case MATCH_SET: fprintf(f, " { %u, %u } ", v, to); break;
		default: fprintf(f, " & %u == %u ", to, v); break;
		}
	}
	switch (r->verdict) {
	case V_ACCEPT: fputs("accept\n", f); break;
	case V_DROP: fputs("drop\n", f); break;
	case V_RETURN: fputs("return\n", f); break;
	case V_JUMP: fprintf(f, "jump c%u\n", r->to); break;
	case V_GOTO: fprintf(f, "goto c%u\n", r->to); break;
	case V_MARK: fprintf(f, "meta mark set %u\n", r->to); break;
	case V_MAP:
		fputs("@nh,8,8 vmap { ", f);
		for (unsigned v = 0, first = 1; v < VALUES; v++)
			if (r->map >> v & 1) {
				fprintf(f, first ? "%u : " : ", %u : ", v);
				first = 0;
				if (r->map >> (8 + v) & 1)
					fputs("drop", f);
				else
					fprintf(f, "jump c%u", r->to);
			}
		fputs(" }\n", f);
		break;
	default: fputs("counter\n", f); break;
	}
}

static struct ruleset *make_ruleset(const char *path)
{
	struct ruleset *rs = NULL;
	struct error error = {0};
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs("table ip t {\n", f);
	for (unsigned c = CHAINS; c-- > 0;) {
		fprintf(f, "chain c%u {\n", c);
		if (!c)
			fputs("type filter hook input priority 0; policy accept;\n", f);
		for (unsigned i = 0; i < RULES; i++) {
			make_rule(&rules[c][i], c);
			write_rule(f, &rules[c][i]);
		}
		fputs("}\n", f);
	}
	fputs("}\n", f);
	fclose(f);
	if (ruleset_read_file(&rs, path, &(struct ruleset_options){0}, &error) < 0)
		fail_msg("%s", error.text);
	return rs;
}

/* ---- both ---- */

static bdd_t packet_set(struct symbolic *sy, unsigned a, unsigned b, int mark)
{
	struct operand net = symbolic_payload(NFT_PAYLOAD_NETWORK_HEADER), transport = symbolic_payload(NFT_PAYLOAD_TRANSPORT_HEADER), m = symbolic_key(SOURCE_META, NFT_META_MARK);
	uint8_t byte_a = (uint8_t)a, byte_b = (uint8_t)b;
	uint32_t word = (uint32_t)mark;
	bdd_t set = bdd_and(&sy->b, symbolic_equals(sy, &net, 8, &byte_a, 1), symbolic_equals(sy, &transport, 0, &byte_b, 1));
	return mark < 0 ? set : bdd_and(&sy->b, set, symbolic_equals(sy, &m, 0, &word, 4));
}

static void compare_all(const struct ruleset *rs, unsigned round)
{
	struct symbolic sy;
	struct fates out;
	assert_int_equal(symbolic_init(&sy, rs, NFPROTO_IPV4, 1 << 20, NULL, NULL), 0);
	struct operand m = symbolic_key(SOURCE_META, NFT_META_MARK);
	uint32_t zero = 0;
	const struct ruleset_chain *c = ruleset_find_chain(rs->tables, "c0");
	symbolic_walk(&sy, c, bdd_and(&sy.b, sy.base, symbolic_equals(&sy, &m, 0, &zero, 4)), &out);
	assert_null(sy.gave_up);
	for (unsigned a = 0; a < VALUES; a++)
		for (unsigned b = 0; b < VALUES; b++) {
			unsigned packet[FIELDS] = {a, b, 0};
			int fate = true_fate(0, packet);
			const enum fate as[] = {FATE_ACCEPT, FATE_DROP, FATE_FALL};
			for (int f = 0; f < FATES; f++) {
				bool there = bdd_meet(&sy.b, out.set[as[f]], packet_set(&sy, a, b, -1));
				bool with_mark = bdd_meet(&sy.b, out.set[as[f]], packet_set(&sy, a, b, (int)packet[FIELD_MARK]));
				if (there != (fate == f) || with_mark != (fate == f))
					fail_msg("round %u: packet %u %u: fate %d, mark %u; the set of fate %d says %d %d", round, a, b, fate, packet[FIELD_MARK], f, there, with_mark);
			}
		}
	symbolic_free(&sy);
}

static void test_brute_force(void **state)
{
	char path[] = "/tmp/sluice-symbolic-XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	const char *wish = getenv("ROUNDS");
	unsigned rounds = wish ? (unsigned)atoi(wish) : ROUNDS;
	for (unsigned round = 0; round < rounds; round++) {
		seed = round * 7919 + 1;
		struct ruleset *rs = make_ruleset(path);
		compare_all(rs, round);
		ruleset_free(rs);
	}
	unlink(path);
}

/* ---- the diagrams themselves, against truth tables of five variables ---- */

static bdd_t from_table(struct bdd *b, uint32_t table, uint32_t level)
{
	if (level == 5)
		return table & 1 ? BDD_TRUE : BDD_FALSE;
	unsigned half = 1u << (4 - level);
	uint32_t mask = half == 16 ? 0xffff : (1u << half) - 1;
	return bdd_node(b, level, from_table(b, table & mask, level + 1), from_table(b, table >> half & mask, level + 1));
}

static void test_diagrams(void **state)
{
	struct bdd b;
	bool forget[BDD_MAX_LEVELS] = {[0] = true};
	bdd_init(&b, 1 << 17);
	seed = 5;
	for (int i = 0; i < 2000; i++) {
		uint32_t x = chance(1 << 16) << 16 | chance(1 << 16), y = chance(1 << 16) << 16 | chance(1 << 16);
		bdd_t f = from_table(&b, x, 0), g = from_table(&b, y, 0);
		assert_int_equal(bdd_and(&b, f, g), from_table(&b, x & y, 0));
		assert_int_equal(bdd_or(&b, f, g), from_table(&b, x | y, 0));
		assert_int_equal(bdd_minus(&b, f, g), from_table(&b, x & ~y, 0));
		assert_int_equal(bdd_not(&b, f), from_table(&b, ~x, 0));
		assert_int_equal(bdd_meet(&b, f, g), (x & y) != 0);
		uint32_t either = (x | x >> 16) & 0xffff;
		assert_int_equal(bdd_exists(&b, f, forget), from_table(&b, either | either << 16, 0));
		bdd_t keep[2] = {f, g};
		struct bdd_roots roots;
		bdd_push(&b, &roots, keep, 2);
		assert_true(bdd_room(&b, 100000));
		bdd_pop(&b);
		assert_int_equal(from_table(&b, x, 0), f); /* equal functions are equal numbers, also after a sweep */
	}
	assert_false(b.failed);
	bdd_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_diagrams), cmocka_unit_test(test_brute_force)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
