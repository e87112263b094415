// SPDX-License-Identifier: GPL-2.0-or-later
/* flow, flowbits, flowint, stream_size, bypass, and the counts of a flow. */
#include "detect/keywords.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

/* flow:to_server,established */

static const struct { const char *word; uint32_t flag, conflicts; } flow_words[] = {
	{"to_server", SIG_TO_SERVER, SIG_TO_CLIENT}, {"from_client", SIG_TO_SERVER, SIG_TO_CLIENT},
	{"to_client", SIG_TO_CLIENT, SIG_TO_SERVER}, {"from_server", SIG_TO_CLIENT, SIG_TO_SERVER},
	{"established", SIG_ESTABLISHED, SIG_NOT_ESTABLISHED | SIG_STATELESS}, {"not_established", SIG_NOT_ESTABLISHED, SIG_ESTABLISHED},
	{"stateless", SIG_STATELESS, SIG_ESTABLISHED}, {"only_stream", SIG_ONLY_STREAM, SIG_NO_STREAM}, {"no_stream", SIG_NO_STREAM, SIG_ONLY_STREAM},
	{"no_frag", SIG_NO_FRAG, SIG_ONLY_FRAG}, {"only_frag", SIG_ONLY_FRAG, SIG_NO_FRAG},
};

SETUP(flow)
{
	char *f[8];
	uint32_t seen = 0;
	unsigned n = builder_fields(b, o->value, ',', f, 8), i;
	for (unsigned k = 0; k < n; k++) {
		for (i = 0; i < sizeof flow_words / sizeof flow_words[0] && strcmp(flow_words[i].word, f[k]) != 0; i++)
			;
		if (i == sizeof flow_words / sizeof flow_words[0])
			return error_set(error, EINVAL, "“%s” is not a word that flow knows", f[k]);
		if (seen & flow_words[i].flag)
			return error_set(error, EINVAL, "%s stands twice", f[k]);
		if ((seen | b->sig->flags) & flow_words[i].conflicts)
			return error_set(error, EINVAL, "%s contradicts what the rule has said before", f[k]);
		seen |= flow_words[i].flag;
	}
	b->sig->flags |= seen;
	return 0;
}

/* flowbits:isset,a|b */

enum bit_command { BIT_SET, BIT_UNSET, BIT_TOGGLE, BIT_ISSET, BIT_ISNOTSET, BIT_NOALERT, BIT_UNKNOWN };

static enum bit_command bit_command(const char *word)
{
	static const char *const words[] = {"set", "unset", "toggle", "isset", "isnotset", "noalert"};
	for (unsigned i = 0; i < BIT_UNKNOWN; i++)
		if (strcmp(words[i], word) == 0)
			return (enum bit_command)i;
	return BIT_UNKNOWN;
}

struct bit_list {
	unsigned n;
	uint32_t id[];
};

static bool flowbits_holds(struct detect_scratch *s, const struct packet_test *t)
{
	const struct bit_list *l = t->data;
	bool any = false;
	for (unsigned i = 0; s->flow && i < l->n && !any; i++)
		any = flow_bit_test(s->flow, l->id[i]);
	/* isnotset,a|b: one of them is not set. */
	if (t->a == BIT_ISSET)
		return any;
	for (unsigned i = 0; s->flow && i < l->n; i++)
		if (!flow_bit_test(s->flow, l->id[i]))
			return true;
	return !s->flow;
}

static void flowbits_run(struct detect_scratch *s, const struct signature_effect *e)
{
	const struct bit_list *l = e->data;
	for (unsigned i = 0; s->flow && i < l->n; i++) {
		bool on = e->a == BIT_SET || (e->a == BIT_TOGGLE && !flow_bit_test(s->flow, l->id[i]));
		if (on)
			flow_bit_set(s->flow, l->id[i]);
		else
			flow_bit_clear(s->flow, l->id[i]);
	}
}

static uint32_t bit_id(struct builder *b, enum registry_kind kind, const char *name)
{
	return b->ctx->registry ? registry_id(b->ctx->registry, kind, name) : 0;
}

static struct bit_list *bit_list(struct builder *b, enum registry_kind kind, const char *text, struct error *error)
{
	char *f[32];
	unsigned n = builder_fields(b, text, '|', f, 32);
	struct bit_list *l = builder_alloc(b, sizeof *l + n * sizeof l->id[0]);
	for (unsigned i = 0; i < n; i++) {
		if (!*f[i] || strpbrk(f[i], " \t")) {
			error_set(error, EINVAL, "“%s” is no name of a bit", f[i]);
			return NULL;
		}
		l->id[l->n++] = bit_id(b, kind, f[i]);
	}
	return l;
}

SETUP(flowbits)
{
	char *f[2];
	unsigned n = builder_fields(b, o->value, ',', f, 2);
	enum bit_command c = bit_command(f[0]);
	if (c == BIT_UNKNOWN)
		return error_set(error, EINVAL, "“%s”: flowbits knows set, unset, toggle, isset, isnotset, noalert", f[0]);
	if (c == BIT_NOALERT) {
		b->sig->flags |= SIG_NOALERT;
		return n == 1 ? 0 : error_set(error, EINVAL, "noalert stands alone");
	}
	if (n < 2)
		return error_set(error, EINVAL, "the name of the bit is missing");
	bool changes = c == BIT_SET || c == BIT_UNSET || c == BIT_TOGGLE;
	if (changes && strchr(f[1], '|'))
		return error_set(error, EINVAL, "a list of bits can only be asked for");
	struct bit_list *l = bit_list(b, REGISTRY_FLOWBIT, f[1], error);
	if (!l)
		return -EINVAL;
	if (changes) {
		struct signature_effect *e = builder_effect(b, flowbits_run);
		e->a = c;
		e->data = l;
		b->sig->flags |= SIG_SETS_FLOWBIT;
	} else {
		struct packet_test *t = builder_test(b, flowbits_holds);
		t->a = c;
		t->data = l;
		b->sig->flags |= SIG_TESTS_FLOWBIT;
	}
	return 0;
}

/* flowint:name,+,1 */

enum int_command { INT_ADD, INT_SUB, INT_SET, INT_ISSET, INT_NOTSET, INT_COMPARE };

struct flow_number {
	uint32_t id;
	uint8_t command, op;
	bool by_name;
	uint32_t value; /* or the id of another */
};

static uint32_t flow_number_value(const struct flow *f, const struct flow_number *x)
{
	uint32_t v = 0;
	if (x->by_name)
		flow_int_get(f, x->value, &v);
	return x->by_name ? v : x->value;
}

static bool flowint_holds(struct detect_scratch *s, const struct packet_test *t)
{
	const struct flow_number *x = t->data;
	uint32_t v = 0;
	bool is = s->flow && flow_int_get(s->flow, x->id, &v);
	if (x->command == INT_ISSET || x->command == INT_NOTSET)
		return s->flow && is == (x->command == INT_ISSET);
	if (!is)
		return false;
	struct number_test n = {.mode = x->op, .a = flow_number_value(s->flow, x)};
	return number_test(&n, v);
}

static void flowint_run(struct detect_scratch *s, const struct signature_effect *e)
{
	const struct flow_number *x = e->data;
	uint32_t v = 0;
	if (!s->flow)
		return;
	flow_int_get(s->flow, x->id, &v);
	uint32_t by = flow_number_value(s->flow, x);
	flow_int_set(s->flow, x->id, x->command == INT_ADD ? v + by : x->command == INT_SUB ? v - by : by);
}

static const struct { const char *text; uint8_t command, op; } int_commands[] = {
	{"+", INT_ADD, 0}, {"-", INT_SUB, 0}, {"=", INT_SET, 0}, {"isset", INT_ISSET, 0}, {"notset", INT_NOTSET, 0}, {"isnotset", INT_NOTSET, 0},
	{"<", INT_COMPARE, NUMBER_LT}, {"<=", INT_COMPARE, NUMBER_LE}, {"==", INT_COMPARE, NUMBER_EQ}, {"!=", INT_COMPARE, NUMBER_NE},
	{">", INT_COMPARE, NUMBER_GT}, {">=", INT_COMPARE, NUMBER_GE},
};

SETUP(flowint)
{
	char *f[3];
	unsigned n = builder_fields(b, o->value, ',', f, 3), i;
	struct flow_number *x = builder_alloc(b, sizeof *x);
	if (n < 2 || !*f[0])
		return error_set(error, EINVAL, "flowint takes a name, an operator and a value");
	for (i = 0; i < sizeof int_commands / sizeof int_commands[0] && strcmp(int_commands[i].text, f[1]) != 0; i++)
		;
	if (i == sizeof int_commands / sizeof int_commands[0])
		return error_set(error, EINVAL, "“%s” is no operator of flowint", f[1]);
	x->id = bit_id(b, REGISTRY_FLOWINT, f[0]);
	x->command = int_commands[i].command;
	x->op = int_commands[i].op;
	bool asks = x->command == INT_ISSET || x->command == INT_NOTSET;
	if (asks != (n == 2))
		return error_set(error, EINVAL, asks ? "%s takes no value" : "%s needs a value", f[1]);
	if (n == 3 && isdigit((unsigned char)f[2][0])) {
		const char *text = f[2];
		uint64_t v;
		if (!number_read(&text, &v) || *text || v > UINT32_MAX)
			return error_set(error, EINVAL, "“%s” is no number of 32 bits", f[2]);
		x->value = (uint32_t)v;
	} else if (n == 3) {
		x->by_name = true;
		x->value = bit_id(b, REGISTRY_FLOWINT, f[2]);
	}
	if (x->command <= INT_SET)
		builder_effect(b, flowint_run)->data = x;
	else
		builder_test(b, flowint_holds)->data = x;
	return 0;
}

/* flowvar, pktvar: a variable holds some text */
static bool flowvar_holds(struct detect_scratch *s, const struct packet_test *t)
{
	const struct bytes *want = t->data;
	struct bytes have;
	return s->flow && flow_var_get(s->flow, (uint32_t)t->a, &have) && bytes_find(have, *want, 0) >= 0;
}

SETUP(flowvar)
{
	char *f[2];
	bool negated;
	if (strcmp(o->name, "pktvar") == 0)
		return error_set(error, ENOTSUP, "pktvar is not evaluated");
	if (builder_fields(b, o->value, ',', f, 2) < 2)
		return error_set(error, EINVAL, "flowvar takes a name and a text");
	char *text = builder_quoted(b, f[1], &negated);
	struct bytes *want = builder_alloc(b, sizeof *want);
	text = text ? text : f[1];
	*want = bytes_of_string(builder_copy(b, text, strlen(text)));
	struct packet_test *t = builder_test(b, flowvar_holds);
	t->a = bit_id(b, REGISTRY_FLOWVAR, f[0]);
	t->data = want;
	return 0;
}

/* stream_size:server,>,100 */

enum size_side { SIDE_CLIENT, SIDE_SERVER, SIDE_BOTH, SIDE_EITHER };

static bool stream_size_holds(struct detect_scratch *s, const struct packet_test *t)
{
	if (!s->flow || !s->flow->tcp)
		return false;
	bool client = number_test(t->data, stream_size_of(s->flow->tcp, TO_SERVER)), server = number_test(t->data, stream_size_of(s->flow->tcp, TO_CLIENT));
	switch (t->a) {
	case SIDE_CLIENT: return client;
	case SIDE_SERVER: return server;
	case SIDE_BOTH: return client && server;
	default: return client || server;
	}
}

SETUP(stream_size)
{
	static const char *const sides[] = {"client", "server", "both", "either"};
	char *f[3];
	unsigned n = builder_fields(b, o->value, ',', f, 3), side;
	for (side = 0; side < 4 && (n == 0 || strcmp(sides[side], f[0]) != 0); side++)
		;
	if (n < 2 || side == 4)
		return error_set(error, EINVAL, "stream_size takes client, server, both or either, an operator and a number");
	char *text = builder_temp(b, strlen(f[1]) + (n == 3 ? strlen(f[2]) : 0) + 1);
	strcat(strcpy(text, f[1]), n == 3 ? f[2] : "");
	struct packet_test *t = builder_test(b, stream_size_holds);
	struct number_test *number = builder_alloc(b, sizeof *number);
	t->a = side;
	t->data = number;
	return number_parse(text, 32, NULL, number, error);
}

/* flow.pkts:>5, flow.pkts_toserver … */

enum flow_measure { FLOW_PACKETS, FLOW_BYTES, FLOW_AGE };

static bool flow_number_holds(struct detect_scratch *s, const struct packet_test *t)
{
	const struct flow *f = s->flow;
	if (!f)
		return false;
	if (t->a == FLOW_AGE)
		return number_test(t->data, (uint64_t)((f->last - f->first) / USEC_PER_SEC));
	uint64_t side[2];
	for (unsigned i = 0; i < 2; i++)
		side[i] = t->a == FLOW_PACKETS ? f->side[i].packets : f->side[i].bytes;
	switch (t->b) {
	case 0: return number_test(t->data, side[0]);
	case 1: return number_test(t->data, side[1]);
	case 2: return number_test(t->data, side[0]) || number_test(t->data, side[1]); /* either */
	default: return number_test(t->data, side[0] + side[1]);
	}
}

/* The newer form names the direction: flow.pkts:toserver,>5. */
SETUP(flow_number)
{
	static const char *const names[] = {"toserver", "toclient", "either", "both"};
	char *f[2];
	unsigned n = builder_fields(b, o->value, ',', f, 2), side = 3;
	const char *under = strchr(o->name, '_');
	if (under)
		side = strcmp(under + 1, "toclient") == 0 ? 1 : 0;
	if (n == 2) {
		for (side = 0; side < 4 && strcmp(names[side], f[0]) != 0; side++)
			;
		if (side == 4 || under)
			return error_set(error, EINVAL, "“%s” is no direction: toserver, toclient, both, either", f[0]);
	}
	struct packet_test *t = builder_test(b, flow_number_holds);
	struct number_test *number = builder_alloc(b, sizeof *number);
	t->a = strncmp(o->name, "flow.bytes", 10) == 0 ? FLOW_BYTES : FLOW_PACKETS;
	t->b = side;
	t->data = number;
	return number_parse(f[n - 1], t->a == FLOW_BYTES ? 64 : 32, NULL, number, error);
}

SETUP(flow_age)
{
	struct packet_test *t = builder_test(b, flow_number_holds);
	struct number_test *number = builder_alloc(b, sizeof *number);
	t->a = FLOW_AGE;
	t->data = number;
	return number_parse(o->value, 32, NULL, number, error);
}

SETUP(bypass)
{
	b->sig->flags |= SIG_BYPASS;
	return 0;
}
