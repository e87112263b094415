// SPDX-License-Identifier: GPL-2.0-or-later
#include "detect/test_rig.h"
#include "respond/respond.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char rules[] =
	"alert tcp any any -> any any (msg:\"1\"; content:\"a\"; classtype:web-application-attack; metadata:signature_severity Major, confidence High; sid:1;)\n"
	"alert tcp any any -> any any (msg:\"2\"; content:\"b\"; classtype:web-application-attack; metadata:signature_severity Major, confidence Medium; sid:2;)\n"
	"alert tcp any any -> any any (msg:\"3\"; content:\"c\"; priority:3; metadata:signature_severity Critical, confidence High; sid:3;)\n"
	"alert tcp any any -> any any (msg:\"4\"; content:\"d\"; flowbits:set,x; noalert; metadata:signature_severity Critical, confidence High; sid:4;)\n"
	"drop tcp any any -> any any (msg:\"5\"; content:\"e\"; metadata:signature_severity Minor, confidence High; sid:5;)\n"
	"reject tcp any any -> any any (msg:\"6\"; content:\"f\"; metadata:signature_severity Critical, confidence High; sid:6;)\n"
	"pass tcp any any -> any any (msg:\"7\"; content:\"g\"; metadata:signature_severity Critical, confidence High; sid:7;)\n"
	"#alert tcp any any -> any any (msg:\"8\"; content:\"h\"; metadata:signature_severity Critical, confidence High; sid:8;)\n"
	"alert tcp any any -> any any (msg:\"9\"; content:\"i\"; metadata:tag confidence High; sid:9;)\n";

static struct conf *conf;
static struct policy *policy;
static struct rig rig;

static bool begin(const char *text, struct error *error)
{
	memset(error, 0, sizeof *error);
	assert_true(rig_begin(&rig, rules));
	conf = conf_new();
	assert_int_equal(conf_load_text(conf, bytes_of_string(text), "t.yaml", error), 0);
	policy = policy_read(conf, &(struct policy_context){.vars = rig.vars, .lists = rig.lists}, error);
	return policy;
}

static void end(void)
{
	policy_free(policy);
	conf_free(conf);
	rig_end(&rig);
}

/* What a policy says to sids 1 to 9, a letter each: Drop Reject blockSrc blockdsT reLease sloW Alert-only, '-' nothing. */
static const char *said(const char *source)
{
	static const char letters[] = "-DRSTLWA";
	static char text[10];
	struct address from = {0};
	struct policy_table *t = policy_table_new(policy, rig.engine);
	assert_true(address_parse(bytes_of_string(source), &from));
	for (uint32_t sid = 1; sid <= 9; sid++) {
		struct alert a = {.sig = engine_find(rig.engine, 1, sid), .number = engine_number(rig.engine, 1, sid)};
		const struct policy_decision *d = a.sig ? policy_table_find(t, &a, &from) : NULL;
		text[sid - 1] = letters[d ? d->action : 0];
	}
	policy_table_free(t);
	return text;
}

static const char *answer(const char *text)
{
	struct error error;
	assert_true(begin(text, &error));
	const char *letters = said("192.0.2.1");
	end();
	return letters;
}

static void the_sure_ones(void **state)
{
	(void)state;
	/* 1 and 3 are severe and sure; 2 is unsure, 4 a helper, 5 and 6 act by themselves, 7 passes, 8 is disabled, 9's words are one tag's value */
	assert_string_equal(answer("{}"), "D-D------");
	assert_string_equal(answer("respond: {profile: sure}"), "D-D------");
	assert_string_equal(answer("respond: {profile: none}"), "---------");
}

static void what_matches(void **state)
{
	(void)state;
	assert_string_equal(answer("respond: {profile: none, rules: [{match: {sid: 2}, do: drop}]}"), "-D-------");
	assert_string_equal(answer("respond: {profile: none, rules: [{match: {sid: [1, 5]}, do: reject}]}"), "R---R----");
	assert_string_equal(answer("respond: {profile: none, rules: [{match: {sid: '1,2', gid: 1}, do: block src}]}"), "SS-------");
	assert_string_equal(answer("respond: {profile: none, rules: [{match: {gid: 3}, do: drop}]}"), "---------");
	assert_string_equal(answer("respond: {profile: none, rules: [{match: {classtype: web-application-attack}, do: block dst}]}"), "TT-------");
	assert_string_equal(answer("respond: {profile: none, rules: [{match: {severity: 1}, do: drop}]}"), "DD-------");
	assert_string_equal(answer("respond: {profile: none, rules: [{match: {severity: [1, 3]}, do: drop}]}"), "DDD-DD--D");
	assert_string_equal(answer("respond: {profile: none, rules: [{match: {metadata: {confidence: High}}, do: alert-only}]}"), "A-A-AA---");
	assert_string_equal(answer("respond: {profile: none, rules: [{match: {metadata: {confidence: [medium, low]}}, do: drop}]}"), "-D-------");
	assert_string_equal(answer("respond: {profile: none, rules: [{match: {metadata: {confidence: High, signature_severity: Minor}}, do: drop}]}"), "----D----");
	assert_string_equal(answer("respond: {profile: none, rules: [{match: {metadata: {onfidence: High}}, do: drop}]}"), "---------");
	assert_string_equal(answer("respond: {profile: none, rules: [{match: all, do: release}]}"), "LLL-LL--L");
}

static void the_first_wins(void **state)
{
	(void)state;
	assert_string_equal(answer("respond:\n  rules:\n    - {match: {sid: 3}, do: alert-only}\n    - {match: {severity: 1}, do: block src for 10m}\n"
				   "    - {match: {sid: 1}, do: drop}\n"),
			    "SSA------");
}

static void sources(void **state)
{
	(void)state;
	struct error error;
	assert_true(begin("respond:\n  profile: none\n  sets: {guests: [192.0.2.0/24, '2001:db8::/32'], lab: '[10.0.0.0/8,!10.1.0.0/16]'}\n"
			  "  slow: {bulk: {rate: 2mbit, ceil: 5mbit, for: 30m}, crawl: {rate: 64kbit}}\n"
			  "  rules:\n    - {match: {source-set: guests}, do: slow crawl}\n    - {match: {source-set: lab, sid: 2}, do: release}\n"
			  "    - {match: {sid: [1, 2]}, do: drop}\n",
			  &error));
	assert_string_equal(said("192.0.2.200"), "WWW-WW--W");
	assert_string_equal(said("2001:db8:ffff::1"), "WWW-WW--W");
	assert_string_equal(said("10.2.0.1"), "DL-------");
	assert_string_equal(said("10.1.0.1"), "DD-------");
	assert_int_equal(policy_n_slow(policy), 2);
	assert_int_equal(policy_decision(policy, 0)->slow_class, 1);
	assert_int_equal(policy_slow(policy, 0)->rate, 2000000);
	assert_int_equal(policy_slow(policy, 0)->ceil, 5000000);
	assert_int_equal(policy_slow(policy, 0)->lasts, 1800 * USEC_PER_SEC);
	assert_string_equal(policy_slow(policy, 1)->name, "crawl");
	end();
}

static void times(void **state)
{
	(void)state;
	struct error error;
	assert_true(begin("respond: {profile: none, block: {for: 2h}, rules: [{match: all, do: block src}, {match: all, do: block dst for 1h30m}]}", &error));
	assert_int_equal(policy_decision(policy, 0)->lasts, 7200 * USEC_PER_SEC);
	assert_int_equal(policy_decision(policy, 1)->lasts, 5400 * USEC_PER_SEC);
	assert_string_equal(policy_decision(policy, 1)->why, "respond.rules.1");
	end();
	usec_t t;
	char text[32];
	assert_true(clock_parse_duration("90", &t) && t == 90 * USEC_PER_SEC);
	assert_true(clock_parse_duration("1w2d", &t) && t == 9 * 86400 * USEC_PER_SEC);
	static const char *const bad[] = {"", "0", "m", "10x", "-5", "1m1h", "1h5", "5 m", "99999999999999999999s", "11000d"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(clock_parse_duration(bad[i], &t));
	assert_string_equal(clock_format_duration(5400 * USEC_PER_SEC, text), "1h30m");
	assert_string_equal(clock_format_duration(0, text), "0s");
	assert_string_equal(clock_format_duration(90061 * USEC_PER_SEC, text), "1d1h");
}

static void allowed(void **state)
{
	(void)state;
	struct error error;
	struct address a;
	struct allow_list *machine = allow_list_new();
	assert_true(begin("respond: {allow: [192.0.2.0/24, '2001:db8::/64']}", &error));
	assert_true(address_parse(bytes_of_string("192.0.2.77"), &a));
	assert_string_equal(policy_allow_why(policy, &a, 32), "respond.allow");
	assert_true(address_parse(bytes_of_string("192.0.3.1"), &a));
	assert_null(policy_allow_why(policy, &a, 32));
	assert_non_null(policy_allow_why(policy, &a, 22)); /* 192.0.0.0/22 has it within */
	assert_true(address_parse(bytes_of_string("2001:db8:0:1::1"), &a));
	assert_false(policy_allowed(policy, &a, 64));
	assert_true(policy_allowed(policy, &a, 56));
	assert_int_equal(allow_list_add(machine, &a, 128, "ssh client"), 0);
	assert_string_equal(allow_list_why(machine, &a, 64), "ssh client");
	static const char *const others[] = {"gateway", "resolver"}, *const same[] = {"ssh client"};
	struct address b;
	assert_true(address_parse(bytes_of_string("198.51.100.1"), &b));
	for (int i = 0; i < 2; i++) {
		struct allow_list *fresh = allow_list_new();
		assert_int_equal(allow_list_add(fresh, &b, 32, "gateway"), 0);
		allow_list_replace(machine, others, 2, fresh);
	}
	assert_string_equal(allow_list_why(machine, &a, 128), "ssh client");
	assert_string_equal(allow_list_why(machine, &b, 32), "gateway");
	allow_list_replace(machine, same, 1, allow_list_new());
	assert_null(allow_list_why(machine, &a, 128));
	assert_non_null(allow_list_why(machine, &b, 32));
	allow_list_free(machine);
	end();
}

static void wrong_words(void **state)
{
	(void)state;
	static const struct { const char *text, *says; } bad[] = {
		{"respond: {profile: maybe}", "t.yaml:1:11: respond.profile: 'maybe' is not one of none, sure"},
		{"respond: {rule: []}", "no key of respond"},
		{"respond: {rules: [{match: {sid: 1}, do: kill}]}", "t.yaml:1:37: respond.rules.0.do: 'kill' is not one of drop, reject"},
		{"respond: {rules: [{match: {sid: 1}, do: block}]}", "block whom?"},
		{"respond: {rules: [{match: {sid: 1}, do: block src for ever}]}", "90s, 10m"},
		{"respond: {rules: [{match: {sid: 1}, do: slow bulk}]}", "'bulk' is no class of respond.slow; there: none is"},
		{"respond: {slow: {a: {rate: 1mbit}}, rules: [{match: {sid: 1}, do: slow bulk}]}", "there: a"},
		{"respond: {rules: [{match: {sid: x}, do: drop}]}", "'x' is no number from 1 to 4294967295"},
		{"respond: {rules: [{match: {sid: 0}, do: drop}]}", "is no number"},
		{"respond: {rules: [{match: {severity: 300}, do: drop}]}", "from 1 to 255"},
		{"respond: {rules: [{match: {class: x}, do: drop}]}", "nothing to match by"},
		{"respond: {rules: [{match: {classtype: no-such}, do: drop}]}", "'no-such' is no class of classification.config"},
		{"respond: {rules: [{match: {source-set: x}, do: drop}]}", "no set of respond.sets"},
		{"respond: {rules: [{match: {metadata: High}, do: drop}]}", "keys with their values"},
		{"respond: {rules: [{match: {}, do: drop}]}", "what is to match?"},
		{"respond: {rules: [{do: drop}]}", "needs both match and do"},
		{"respond: {rules: [{match: all}]}", "needs both match and do"},
		{"respond: {rules: [{match: all, do: drop, when: x}]}", "match and do are"},
		{"respond: {rules: drop}", "a list of rules"},
		{"respond: {allow: [192.0.2.0/33]}", "respond.allow"},
		{"respond: {sets: {a: nonsense}}", "respond.sets.a"},
		{"respond: {slow: {a: {ceil: 1mbit}}}", "needs a rate"},
		{"respond: {slow: {a: {rate: 1}}}", "no rate such as"},
		{"respond: {slow: {a: {rate: 2mbit, ceil: 1mbit}}}", "ceil is less than rate"},
		{"respond: {block: {for: soon}}", "respond.block.for"},
		{"respond: {block: {until: 1h}}", "no key of block"},
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct error error;
		bool read = begin(bad[i].text, &error);
		if (read || !strstr(error.text, bad[i].says))
			fprintf(stderr, "%s: %s\n", bad[i].text, read ? "was read" : error.text);
		assert_false(read);
		assert_non_null(strstr(error.text, bad[i].says));
		end();
	}
}

/* ---- what is done with a decision ---- */

static struct {
	int blocks, spares, result;
	struct address address;
	usec_t lasts;
	char why[64];
} seen;

static int on_block(void *context, const struct respond_block *b)
{
	(void)context;
	seen.blocks++;
	seen.address = b->address;
	seen.lasts = b->lasts;
	snprintf(seen.why, sizeof seen.why, "%s", b->why);
	return seen.result;
}

static void on_spare(void *context, const struct respond_block *b, const char *allowed_as, uint64_t more)
{
	(void)context, (void)b, (void)more;
	seen.spares++;
	snprintf(seen.why, sizeof seen.why, "%s", allowed_as);
}

/* One match of a sid in a packet from 192.0.2.1 to 198.51.100.2 under this policy. */
static struct packet done(const char *text, uint32_t sid, struct flow *flow, struct counters *counters)
{
	struct error error;
	struct shared_table *shared = shared_new(1 << 20, 1);
	struct packet p = {.time = 5 * USEC_PER_SEC, .ip_version = 4, .src = rig_address(192, 0, 2, 1), .dst = rig_address(198, 51, 100, 2), .flow = flow};
	assert_true(begin(text, &error));
	struct respond_settings s = {.ips = true, .packet_alert_max = 15, .policy = policy};
	assert_int_equal(respond_settings_bind(&s, rig.engine, &error), 0);
	struct responder *r = responder_new(&s, shared, counters);
	responder_on_block(r, &(struct respond_hooks){.block = on_block, .spare = on_spare});
	memset(&seen, 0, sizeof seen);
	rig.scratch->packet = &p;
	rig.scratch->flow = flow;
	rig.scratch->shared = shared;
	rig.scratch->n_alerts = 1;
	rig.scratch->alert[0] = (struct alert){.sig = engine_find(rig.engine, 1, sid), .number = engine_number(rig.engine, 1, sid), .tx_id = UINT64_MAX, .flags = ALERT_STREAM};
	respond_packet(r, rig.scratch, &p);
	assert_int_equal(rig.scratch->n_alerts, 1);
	responder_free(r);
	shared_free(shared);
	policy = NULL; /* the settings own it */
	respond_settings_deinit(&s);
	end();
	return p;
}

static void what_is_done(void **state)
{
	(void)state;
	struct counters c = {0};
	struct flow f = {0};
	struct packet p = done("respond: {profile: none, rules: [{match: {sid: 1}, do: drop}]}", 1, &f, &c);
	assert_true(p.action & ACTION_DROP);
	assert_int_equal(p.drop_reason, DROP_RULES);
	assert_true(f.flags & FLOW_ACTION_DROP);

	f = (struct flow){0};
	p = done("respond: {profile: none, rules: [{match: {sid: 5}, do: alert-only}]}", 5, &f, &c);
	assert_int_equal(p.action, ACTION_ALERT);
	assert_false(f.flags & FLOW_ACTION_DROP);

	f = (struct flow){0};
	p = done("respond: {profile: none, rules: [{match: {sid: 1}, do: reject}]}", 1, &f, &c);
	assert_true(p.action & ACTION_REJECT && p.action & ACTION_DROP);

	f = (struct flow){0};
	p = done("respond: {profile: none, rules: [{match: {sid: 5}, do: release}]}", 5, &f, &c);
	assert_int_equal(p.action, ACTION_ALERT);
	assert_int_equal(f.mark, FLOW_MARK_RELEASED);
	assert_int_equal(f.released, FLOW_RELEASED_POLICY);
	assert_int_equal(c.value[COUNTER_IPS_RESPOND_RELEASED], 1);

	f = (struct flow){0};
	p = done("respond: {profile: none, slow: {a: {rate: 1mbit}, b: {rate: 1mbit}}, rules: [{match: {sid: 1}, do: slow b}]}", 1, &f, &c);
	assert_int_equal(p.action, ACTION_ALERT);
	assert_int_equal(f.mark, FLOW_MARK_SLOW + 1);
	assert_false(f.released);
}

static void who_is_blocked(void **state)
{
	(void)state;
	struct counters c = {0};
	struct flow f = {0};
	struct address src = rig_address(192, 0, 2, 1), dst = rig_address(198, 51, 100, 2);
	struct packet p = done("respond: {profile: none, rules: [{match: {sid: 1}, do: block src for 10m}]}", 1, &f, &c);
	assert_int_equal(seen.blocks, 1);
	assert_true(address_equal(&seen.address, &src));
	assert_int_equal(seen.lasts, 600 * USEC_PER_SEC);
	assert_string_equal(seen.why, "respond.rules.0");
	assert_true(p.action & ACTION_DROP && f.flags & FLOW_ACTION_DROP);
	assert_int_equal(c.value[COUNTER_IPS_RESPOND_BLOCKS], 1);

	f = (struct flow){0};
	done("respond: {profile: none, rules: [{match: {sid: 1}, do: block dst}]}", 1, &f, &c);
	assert_true(address_equal(&seen.address, &dst));

	/* the allow list beats the block, not the drop */
	f = (struct flow){0};
	p = done("respond: {profile: none, allow: [192.0.2.0/24], rules: [{match: {sid: 1}, do: block src}]}", 1, &f, &c);
	assert_int_equal(seen.blocks, 0);
	assert_int_equal(seen.spares, 1);
	assert_string_equal(seen.why, "respond.allow");
	assert_true(p.action & ACTION_DROP && f.flags & FLOW_ACTION_DROP);
	assert_int_equal(c.value[COUNTER_IPS_RESPOND_BLOCKS_SPARED], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_sure_ones), cmocka_unit_test(what_matches), cmocka_unit_test(the_first_wins), cmocka_unit_test(sources),
		cmocka_unit_test(times), cmocka_unit_test(allowed), cmocka_unit_test(wrong_words), cmocka_unit_test(what_is_done),
		cmocka_unit_test(who_is_blocked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
