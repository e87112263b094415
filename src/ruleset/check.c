// SPDX-License-Identifier: GPL-2.0-or-later
#include "ruleset/check.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "ruleset/print.h"

enum { MAX_OF_CODE = 50, MAX_NODES = 6 << 20 };

const char *const check_severity_names[] = {"note", "warning", "error", NULL};

const struct check_kind check_kinds[CHECK_CODES] = {
	[ACCEPT_BEFORE_QUEUE] = {"accept-before-queue", CHECK_ERROR, "accepted before the queue",
		"move the queue to a base chain of its own with a later priority (accept ends only its own chain), or behind a jump before this rule"},
	[FLOWTABLE_SKIPS_QUEUE] = {"flowtable-skips-queue", CHECK_ERROR, "a flowtable takes flows past the queue",
		"add to the flowtable only flows that the IPS has released, by a bit of the conntrack mark"},
	[NOTRACK_SKIPS_QUEUE] = {"notrack-skips-queue", CHECK_ERROR, "packets without connection tracking pass by the queue",
		"queue untracked packets too, or narrow the notrack rule"},
	[OTHER_QUEUE] = {"other-queue", CHECK_ERROR, "another queue takes the packets", "queue to the IPS in a later base chain, so that both see them"},
	[INTERFACE_LEFT_OUT] = {"interface-left-out", CHECK_ERROR, "an interface is left out of the queue", "name the interface too, or match none"},
	[FAMILY_LEFT_OUT] = {"family-left-out", CHECK_ERROR, "a family is left out of the queue", "queue in a table of family inet, without a match on the family"},
	[IPV6_TWIN_MISSING] = {"ipv6-twin-missing", CHECK_ERROR, "IPv4 is queued, and IPv6 is not",
		"queue in a table of family inet, or add the same rule to a table of family ip6"},
	[CLASS_LEFT_OUT] = {"class-left-out", CHECK_ERROR, "a class of packets never reaches the queue",
		"drop the match that leaves them out, or queue them by a rule of their own"},
	[QUEUE_MISSING] = {"queue-missing", CHECK_ERROR, "no statement queues to this number", "load the IPS's table, or ask for the number that is used"},
	[QUEUE_BEFORE_DECISION] = {"queue-before-decision", CHECK_ERROR, "what the IPS accepts, the firewall's rules behind the queue never see",
		"queue is terminal: put it in a base chain with a later priority than the firewall's"},
	[QUEUE_HIDES_RULES] = {"queue-hides-rules", CHECK_WARNING, "rules of the same chain behind the queue never run for what is queued",
		"queue is terminal: put it in a base chain of its own, with a later priority"},
	[QUEUE_BEFORE_FIREWALL] = {"queue-before-firewall", CHECK_WARNING, "the IPS inspects what the firewall then drops",
		"give the queue's chain a later priority than the firewall's"},
	[FANOUT_SPLITS_FLOWS] = {"fanout-splits-flows", CHECK_WARNING, "fanout picks the queue by CPU: packets of one flow reach different queues",
		"leave fanout out, or spread by `queue flags bypass to symhash mod N`"},
	[BYPASS_MISSING] = {"bypass-missing", CHECK_WARNING, "without bypass all traffic stops when nobody listens to the queue",
		"add the flag bypass, unless traffic has to stop then"},
	[QUEUE_WITHOUT_LISTENER] = {"queue-without-listener", CHECK_ERROR, "nobody listens to the queue", "start the IPS, or take the rule away"},
	[QUEUE_SYNTAX_OLD] = {"queue-syntax-old", CHECK_ERROR, "an old form of the queue statement, which this nft refuses", "write `queue flags bypass to 3-4`"},
	[AFTER_TERMINAL] = {"after-terminal", CHECK_WARNING, "rules behind a rule that decides about every packet", "move them before it, or take them away"},
	[SHADOWED_RULE] = {"shadowed-rule", CHECK_WARNING, "earlier rules decide otherwise about all packets of this rule", "move the rule before those, or take it away"},
	[REDUNDANT_RULE] = {"redundant-rule", CHECK_NOTE, "earlier rules decide the same about all packets of this rule", "take the rule away"},
	[CONTRADICTORY_MATCH] = {"contradictory-match", CHECK_WARNING, "no packet can match", "take one of the matches away"},
	[EQUAL_PRIORITIES] = {"equal-priorities", CHECK_WARNING, "base chains with equal priorities on a hook: the one that was loaded last runs first",
		"give each a priority of its own"},
	[EMPTY_SET] = {"empty-set", CHECK_NOTE, "a set that rules ask is empty", "fill it, or take the rules away"},
	[OVERLAPPING_INTERVALS] = {"overlapping-intervals", CHECK_WARNING, "intervals of a set overlap", "merge them, or give the set `auto-merge`"},
	[JUMP_CYCLE] = {"jump-cycle", CHECK_ERROR, "chains jump in a circle", "break the circle: the kernel refuses it"},
	[DEAD_CHAIN] = {"dead-chain", CHECK_NOTE, "no packet can reach this chain", "jump to it, or take it away"},
	[MARK_BITS_SHARED] = {"mark-bits-shared", CHECK_WARNING, "bits of a mark that one owner writes are another's",
		"give each owner bits of its own, and read and write under a mask"},
	[MARK_WRITE_UNMASKED] = {"mark-write-unmasked", CHECK_WARNING, "a write of the whole mark clears other owners' bits",
		"write under a mask: `meta mark set meta mark & 0xffffff00 | 0x1`"},
	[FLUSH_RULESET] = {"flush-ruleset", CHECK_WARNING, "`flush ruleset` takes other owners' tables away",
		"flush only the tables of this file: `table inet filter` and `flush table inet filter` before it"},
	[LOCK_OUT] = {"lock-out", CHECK_ERROR, "the administrator's ssh connection would not survive",
		"accept it first: `ct state established,related accept` and the ssh port from there"},
	[LOGIN_DROPPED] = {"login-dropped", CHECK_WARNING, "the administrator could not log in again", "accept new connections to the ssh port from there"},
	[BLOCK_MISSES_CONTAINERS] = {"block-misses-containers", CHECK_WARNING, "a block on the input hook does not reach forwarded containers",
		"block in a chain at prerouting, before destination NAT"},
	[ND_DROPPED] = {"nd-dropped", CHECK_ERROR, "neighbour discovery of IPv6 is dropped: IPv6 stops",
		"accept icmpv6 nd-neighbor-solicit, nd-neighbor-advert (and nd-router-advert)"},
	[PMTU_DROPPED] = {"pmtu-dropped", CHECK_WARNING, "ICMPv6 packet-too-big is dropped: connections hang", "accept `ct state related` or icmpv6 packet-too-big"},
	[IPV6_ADDRESS_TEMPORARY] = {"ipv6-address-temporary", CHECK_WARNING, "an allow rule names a temporary address of this host", "name the stable address"},
	[IPV6_ADDRESS_GONE] = {"ipv6-address-gone", CHECK_WARNING, "an allow rule names an address of this host's network that the host no longer has",
		"name the present address"},
};

/* ---- findings ---- */

static bool told_already(const struct check *c, enum check_code code, const struct ruleset_rule *r, const struct ruleset_chain *chain, const char *text)
{
	for (const struct finding *f = c->findings; f; f = f->next)
		if (f->code == code && f->rule == r && f->chain == chain && (r || strcmp(f->text, text) == 0))
			return true;
	return false;
}

static struct finding *add(struct check *c, enum check_code code, const struct ruleset_rule *r, const struct ruleset_chain *chain, const char *format, va_list args)
{
	char text[600];
	vsnprintf(text, sizeof text, format, args);
	if (told_already(c, code, r, chain, text))
		return NULL;
	if (c->n_by_code[code]++ >= MAX_OF_CODE) {
		c->n_left_out[code]++;
		return NULL;
	}
	struct finding *f = xcalloc(1, sizeof *f);
	*f = (struct finding){.code = code, .rule = r, .chain = chain, .table = chain ? chain->table : NULL, .text = xstrdup(text)};
	f->line = r ? r->line : 0;
	*c->end = f;
	c->end = &f->next;
	c->n_findings++;
	return f;
}

struct finding *check_add(struct check *c, enum check_code code, const struct ruleset_rule *r, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	struct finding *f = add(c, code, r, r ? r->chain : NULL, format, args);
	va_end(args);
	return f;
}

struct finding *check_add_chain(struct check *c, enum check_code code, const struct ruleset_chain *chain, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	struct finding *f = add(c, code, NULL, chain, format, args);
	va_end(args);
	return f;
}

void check_witness(struct finding *f, struct witness *w, uint32_t family, uint32_t hook)
{
	if (!f)
		return;
	f->packet = xstrdup(w->text);
	f->rests_on = *w->rests_on ? xstrdup(w->rests_on) : NULL;
	f->proven = w->proven;
	f->path = w->path;
	f->n_path = w->n_path;
	f->family = family;
	f->hook = hook;
	w->path = NULL;
	w->n_path = 0;
}

bool check_is_ips(const void *check, const struct step *s)
{
	const struct check *c = check;
	return !c->o->queue_given || s->queue.operand || (s->queue.from >= c->o->queue_from && s->queue.to <= c->o->queue_to);
}

static const struct step *find_step(const struct step *first, int kind, const struct step **after)
{
	for (const struct step *s = first; s; s = s->next) {
		const struct step *inner = s->kind == STEP_XT_TARGET || s->kind == STEP_XT_MATCH ? find_step(s->xt.meaning, kind, after) : NULL;
		if (inner)
			return inner;
		if (s->kind == kind && !*after)
			return s;
		if (s == *after)
			*after = NULL;
	}
	return NULL;
}

const struct step *check_find_step(const struct ruleset_rule *r, int kind, const struct step **after)
{
	const struct step *none = NULL;
	return find_step(r->steps, kind, after ? after : &none);
}

const char *check_table_owner(const struct ruleset_table *t)
{
	const char *owner = ruleset_owner(t);
	return owner ? owner : t->name;
}

/* ---- all of it ---- */

static const uint32_t families[] = {NFPROTO_IPV4, NFPROTO_IPV6, NFPROTO_ARP, NFPROTO_BRIDGE, NFPROTO_NETDEV};

static bool family_is_used(const struct ruleset *rs, uint32_t family)
{
	bool inet = family == NFPROTO_IPV4 || family == NFPROTO_IPV6;
	for (const struct ruleset_table *t = rs->tables; t; t = t->next)
		if (t->family == family || (t->family == NFPROTO_INET && inet))
			return true;
	return false;
}

static void note_limit(struct check *c, const struct symbolic *sy)
{
	if (!sy->gave_up)
		return;
	buffer_printf(&c->limits, "%s: %s%s%s: nothing is proven there\n", ruleset_family_name(sy->family), sy->gave_up, sy->gave_up_at ? ", in chain " : "",
		      sy->gave_up_at ? sy->gave_up_at->name : "");
}

/* Those of IPv6 also matter when there is no table for it: what is queued in IPv4 passes there. */
static void check_family(struct check *c, uint32_t family, struct rule_marks *marks)
{
	struct symbolic sy;
	bool ip = family == NFPROTO_IPV4 || family == NFPROTO_IPV6;
	if (!family_is_used(c->rs, family) && !ip)
		return;
	if (c->o->progress)
		c->o->progress(ruleset_family_name(family));
	if (symbolic_init(&sy, c->rs, family, c->o->max_nodes ? c->o->max_nodes : MAX_NODES, check_is_ips, c) == 0) {
		check_rules_family(c, &sy, marks);
		if (ip)
			check_queue_ways(c, &sy);
		if (family == NFPROTO_IPV6)
			check_icmpv6(c, &sy);
	}
	if (sy.gave_up)
		check_rules_unknown(c, &sy, marks);
	note_limit(c, &sy);
	symbolic_free(&sy);
}

static void note_gaps(struct check *c)
{
	size_t n = 0;
	for (const struct ruleset_gap *g = c->rs->gaps; g && n < 20; g = g->next, n++)
		buffer_printf(&c->limits, "not known: %s\n", g->what);
	if (c->rs->n_gaps > n)
		buffer_printf(&c->limits, "not known: %u more\n", (unsigned)(c->rs->n_gaps - n));
}

void check_run(struct check *c, const struct ruleset *rs, const struct check_options *o)
{
	*c = (struct check){.rs = rs, .o = o};
	c->end = &c->findings;
	note_gaps(c);
	check_structure(c);
	check_sets(c);
	check_queue_statements(c);
	check_mark_bits(c);
	check_blocks(c);
	check_listeners(c);
	check_flushes(c);
	check_addresses(c);
	struct rule_marks *marks = check_rules_begin(c);
	for (size_t i = 0; i < sizeof families / sizeof *families; i++)
		check_family(c, families[i], marks);
	check_rules_end(c, marks);
	check_lock_out(c);
}

void check_free(struct check *c)
{
	for (struct finding *f = c->findings, *next; f; f = next) {
		next = f->next;
		free(f->text);
		free(f->packet);
		free(f->rests_on);
		free(f->path);
		free(f);
	}
	buffer_free(&c->proved);
	buffer_free(&c->limits);
	*c = (struct check){0};
}

/* ---- what nft itself refuses ---- */

bool check_refused(struct check *c, const struct check_options *o, const struct error *error)
{
	static const struct {
		const char *words;
		enum check_code code;
	} reasons[] = {{"total", QUEUE_SYNTAX_OLD}, {"options", QUEUE_SYNTAX_OLD}, {"conflicting intervals", OVERLAPPING_INTERVALS}, {"interval overlaps",
		OVERLAPPING_INTERVALS}};
	*c = (struct check){.o = o};
	c->end = &c->findings;
	for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
		if (!strstr(error->text, reasons[i].words))
			continue;
		if (reasons[i].code == QUEUE_SYNTAX_OLD && !strstr(error->text, "queue"))
			continue;
		struct finding *f = check_add(c, reasons[i].code, NULL, "nft refuses the file: %s", error->text);
		if (f) {
			f->file = o->file;
			f->line = error->line > 0 ? (uint32_t)error->line : 0;
			f->column = error->column > 0 ? (uint32_t)error->column : 0;
		}
		return true;
	}
	return false;
}
