// SPDX-License-Identifier: GPL-2.0-or-later
/* One packet of a set: chosen, put into words, followed through the ruleset. */
#include <arpa/inet.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "ruleset/print.h"
#include "ruleset/symbolic.h"

enum { ATTEMPTS = 8, MAX_PATH = 64, MAX_DEPTH = 64, ROOM = 1 << 16, MAX_STATIONS = 256 };

/* ---- bytes of the packet ---- */

static void put_bytes(const struct symbolic *sy, uint8_t *value, const struct operand *like, uint32_t from, const void *data, size_t len)
{
	for (size_t i = 0; i < len * 8; i++) {
		bit_t b = symbolic_bit(sy, like, from + (uint32_t)i);
		if (b > 0)
			value[b / 2] = ((const uint8_t *)data)[i / 8] >> (7 - i % 8) & 1;
	}
}

/* Bits that nobody asks stay as `data` has them. Returns whether any is asked. */
static bool get_bytes(const struct symbolic *sy, const uint8_t *value, const struct operand *like, uint32_t from, void *data, size_t len)
{
	bool any = false;
	for (size_t i = 0; i < len * 8; i++) {
		bit_t b = symbolic_bit(sy, like, from + (uint32_t)i);
		uint8_t *at = (uint8_t *)data + i / 8, bit = 0x80 >> i % 8;
		if (b > 0)
			*at = value[b / 2] ? *at | bit : *at & ~bit;
		any |= b > 0;
	}
	return any;
}

struct sample {
	uint8_t proto, source[16], dest[16], ports[4], tcp_flags;
	uint32_t state;
	char iif[16], oif[16];
};

/* Addresses of the documentation, a connection to a web server. */
static struct sample usual(const struct symbolic *sy)
{
	struct sample s = {.proto = IPPROTO_TCP, .ports = {156, 64, 1, 187}, .tcp_flags = 2, .state = NF_CT_STATE_BIT(IP_CT_NEW), .iif = "eth0", .oif = "eth1"};
	bool v4 = sy->family == NFPROTO_IPV4;
	inet_pton(v4 ? AF_INET : AF_INET6, v4 ? "192.0.2.7" : "2001:db8::7", s.source);
	inet_pton(v4 ? AF_INET : AF_INET6, v4 ? "198.51.100.9" : "2001:db8:1::9", s.dest);
	return s;
}

static void prefer(const struct symbolic *sy, uint8_t *value)
{
	struct sample s = usual(sy);
	bool v4 = sy->family == NFPROTO_IPV4;
	struct operand net = symbolic_payload(NFT_PAYLOAD_NETWORK_HEADER), transport = symbolic_payload(NFT_PAYLOAD_TRANSPORT_HEADER);
	struct operand proto = symbolic_key(SOURCE_META, NFT_META_L4PROTO), state = symbolic_key(SOURCE_CT, NFT_CT_STATE);
	struct operand iif = symbolic_key(SOURCE_META, NFT_META_IIFNAME), oif = symbolic_key(SOURCE_META, NFT_META_OIFNAME);
	memset(value, 0, BDD_MAX_LEVELS);
	put_bytes(sy, value, &proto, 0, &s.proto, 1);
	put_bytes(sy, value, &net, v4 ? 96 : 64, s.source, v4 ? 4 : 16);
	put_bytes(sy, value, &net, v4 ? 128 : 192, s.dest, v4 ? 4 : 16);
	put_bytes(sy, value, &transport, 0, s.ports, 4);
	put_bytes(sy, value, &transport, 13 * 8, &s.tcp_flags, 1);
	put_bytes(sy, value, &state, 0, &s.state, 4);
	put_bytes(sy, value, &iif, 0, s.iif, 16);
	put_bytes(sy, value, &oif, 0, s.oif, 16);
}

/* ---- words ---- */

static void write_proto(FILE *f, const struct symbolic *sy, const uint8_t *value, uint8_t proto)
{
	static const struct {
		uint8_t number;
		const char *name;
	} names[] = {{IPPROTO_TCP, "tcp"}, {IPPROTO_UDP, "udp"}, {IPPROTO_ICMP, "icmp"}, {IPPROTO_ICMPV6, "icmpv6"}, {IPPROTO_SCTP, "sctp"}, {IPPROTO_DCCP, "dccp"},
		{IPPROTO_UDPLITE, "udplite"}, {IPPROTO_ESP, "esp"}, {IPPROTO_GRE, "gre"}};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (names[i].number == proto) {
			fprintf(f, "%s ", names[i].name);
			return;
		}
	fprintf(f, "proto %u ", proto);
}

static void write_address(FILE *f, const struct symbolic *sy, const uint8_t *value, bool source, uint8_t address[16])
{
	char text[INET6_ADDRSTRLEN];
	bool v4 = sy->family == NFPROTO_IPV4;
	struct operand net = symbolic_payload(NFT_PAYLOAD_NETWORK_HEADER);
	get_bytes(sy, value, &net, v4 ? (source ? 96 : 128) : (source ? 64 : 192), address, v4 ? 4 : 16);
	fputs(inet_ntop(v4 ? AF_INET : AF_INET6, address, text, sizeof text), f);
}

static bool has_ports(uint8_t proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP || proto == IPPROTO_DCCP || proto == IPPROTO_UDPLITE;
}

static void write_ends(FILE *f, const struct symbolic *sy, const uint8_t *value, uint8_t proto)
{
	struct sample s = usual(sy);
	struct operand transport = symbolic_payload(NFT_PAYLOAD_TRANSPORT_HEADER);
	const char *open = sy->family == NFPROTO_IPV6 && has_ports(proto) ? "[" : "", *close = *open ? "]" : "";
	get_bytes(sy, value, &transport, 0, s.ports, 4);
	fputs(open, f);
	write_address(f, sy, value, true, s.source);
	fputs(close, f);
	if (has_ports(proto))
		fprintf(f, ":%u", s.ports[0] << 8 | s.ports[1]);
	fprintf(f, " > %s", open);
	write_address(f, sy, value, false, s.dest);
	fputs(close, f);
	if (has_ports(proto))
		fprintf(f, ":%u", s.ports[2] << 8 | s.ports[3]);
	else if ((proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6) && get_bytes(sy, value, &transport, 0, s.ports, 1))
		fprintf(f, " type %u", s.ports[0]);
	if (proto == IPPROTO_TCP && get_bytes(sy, value, &transport, 13 * 8, &s.tcp_flags, 1))
		fprintf(f, "%s%s%s%s", s.tcp_flags & 2 ? " syn" : "", s.tcp_flags & 16 ? " ack" : "", s.tcp_flags & 1 ? " fin" : "", s.tcp_flags & 4 ? " rst" : "");
}

static void write_device(FILE *f, const struct symbolic *sy, const uint8_t *value, bool out)
{
	char name[17] = {0};
	uint32_t index = 0;
	struct operand by_name = symbolic_key(SOURCE_META, out ? NFT_META_OIFNAME : NFT_META_IIFNAME), by_index = symbolic_key(SOURCE_META, out ? NFT_META_OIF : NFT_META_IIF);
	bool named = get_bytes(sy, value, &by_name, 0, name, 16), indexed = get_bytes(sy, value, &by_index, 0, &index, 4);
	const char *known = indexed && index < sy->rs->n_devices ? sy->rs->device_names[index] : NULL;
	if (!named && known)
		strncpy(name, known, 16);
	for (char *c = name; *c; c++)
		if (*c <= ' ' || *c > '~')
			*c = '?';
	if (*name)
		fprintf(f, ", %s %s", out ? "oif" : "iif", name);
}

static void write_words(const struct symbolic *sy, const uint8_t *value, char *text, size_t room)
{
	static const char *const state_name[] = {"invalid", "established", "related", "new", "", "", "untracked"};
	FILE *f = fmemopen(text, room, "w");
	uint32_t state = 0, mark = 0;
	uint8_t proto = IPPROTO_TCP, direction = 0;
	struct operand o = symbolic_key(SOURCE_META, NFT_META_L4PROTO), ct = symbolic_key(SOURCE_CT, NFT_CT_STATE), dir = symbolic_key(SOURCE_CT, NFT_CT_DIRECTION);
	struct operand marks[2] = {symbolic_key(SOURCE_META, NFT_META_MARK), symbolic_key(SOURCE_CT, NFT_CT_MARK)};
	if (!f)
		return;
	if (sy->family == NFPROTO_IPV4 || sy->family == NFPROTO_IPV6) {
		get_bytes(sy, value, &o, 0, &proto, 1);
		write_proto(f, sy, value, proto);
		write_ends(f, sy, value, proto);
	} else {
		fputs(sy->family == NFPROTO_ARP ? "an ARP packet" : "a frame", f);
	}
	write_device(f, sy, value, false);
	write_device(f, sy, value, true);
	if (get_bytes(sy, value, &ct, 0, &state, 4))
		for (int i = 0; i < 7; i++)
			if (state & 1u << i)
				fprintf(f, ", ct state %s", state_name[i]);
	if (state & 6 && get_bytes(sy, value, &dir, 0, &direction, 1) && direction)
		fputs(", a reply", f);
	for (int i = 0; i < 2; i++) {
		mark = 0;
		if (get_bytes(sy, value, &marks[i], 0, &mark, 4) && mark)
			fprintf(f, ", %smark 0x%x", i ? "ct " : "", mark);
	}
	fclose(f);
	text[room - 1] = 0;
}

static void name_unknown(FILE *f, const struct symbolic *sy, uint32_t level)
{
	static const char *const what[STEPS] = {[STEP_LIMIT] = "a limit", [STEP_QUOTA] = "a quota", [STEP_CONNLIMIT] = "a count of connections",
		[STEP_UPDATE] = "an update of a set", [STEP_UNKNOWN] = "a statement that is not known", [STEP_XT_MATCH] = "an xt match that is not known",
		[STEP_SYNPROXY] = "synproxy", [STEP_TPROXY] = "tproxy"};
	for (size_t i = 0; i < sy->n_fields; i++)
		for (uint32_t bit = 0; sy->field[i].unknown && bit < sy->field[i].n_bits; bit++)
			if (sy->field[i].level[bit] == level) {
				struct operand like = sy->field[i].of ? *sy->field[i].of : sy->field[i].like;
				like.next = NULL;
				like.changes = NULL;
				ruleset_print_operand(f, sy->rs, &like);
				return;
			}
	for (size_t i = 0; i < sy->n_unknown; i++) {
		const struct symbolic_unknown *u = &sy->unknown[i];
		if (u->level != level)
			continue;
		if (u->with)
			fprintf(f, "what set %s holds", ((const struct ruleset_set *)u->of)->name);
		else
			fprintf(f, "%s in chain %s", what[((const struct step *)u->of)->kind] ? what[((const struct step *)u->of)->kind] : "a statement",
				u->rule->chain->name);
		return;
	}
}

/* The unknowns that decide, on the way down that this packet takes. */
static void write_rests(const struct symbolic *sy, bdd_t set, const uint8_t *value, char *text, size_t room)
{
	char piece[160], last[160] = "";
	size_t at = 0;
	text[0] = 0;
	while (set > BDD_TRUE) {
		uint32_t level = sy->b.node[set].level;
		set = value[level] ? sy->b.node[set].high : sy->b.node[set].low;
		if (level < sy->first_unknown)
			continue;
		memset(piece, 0, sizeof piece);
		FILE *f = fmemopen(piece, sizeof piece, "w");
		if (!f)
			return;
		name_unknown(f, sy, level);
		fclose(f);
		piece[sizeof piece - 1] = 0;
		if (strcmp(piece, last) != 0 && !strstr(text, piece) && at + strlen(piece) + 3 < room)
			at += (size_t)snprintf(text + at, room - at, "%s%s", at ? ", " : "", piece);
		memcpy(last, piece, sizeof last);
	}
}

static void describe(struct symbolic *sy, bdd_t set, struct witness *w)
{
	write_words(sy, w->value, w->text, sizeof w->text);
	write_rests(sy, w->proven ? BDD_TRUE : set, w->value, w->rests_on, sizeof w->rests_on);
}

void witness_pick(struct symbolic *sy, bdd_t set, struct witness *w)
{
	bdd_t sure = bdd_all_from(&sy->b, set, sy->first_unknown);
	w->proven = sure != BDD_FALSE;
	prefer(sy, w->value);
	bdd_pick(&sy->b, w->proven ? sure : set, w->value);
	describe(sy, set, w);
}

/* ---- the way ---- */

struct follow {
	struct symbolic *sy;
	struct witness *w;
	uint8_t value[BDD_MAX_LEVELS];
	const struct ruleset_rule *would; /* in this base chain: a rule that leads to the IPS's queue and did not match */
	const struct step *would_step;
	unsigned depth;
};

enum way { WAY_ON, WAY_RETURN, WAY_ACCEPT, WAY_DROP };

static void note(struct follow *f, const struct ruleset_chain *c, const struct ruleset_rule *r, const char *what)
{
	struct witness *w = f->w;
	if (w->n_path == MAX_PATH)
		return;
	if (!w->path)
		w->path = xcalloc(MAX_PATH, sizeof *w->path);
	w->path[w->n_path++] = (struct path_item){c, r, what};
}

static enum way follow_chain(struct follow *f, const struct ruleset_chain *c);

static bool leads_to_queue(struct follow *f, const struct ruleset_rule *r)
{
	if (!f->sy->chain[r->chain->number].queues)
		return false;
	if (symbolic_queues(f->sy, r, NULL))
		return true;
	for (const struct step *s = r->steps; s; s = s->next) {
		if (s->kind == STEP_VERDICT && s->verdict.chain && f->sy->chain[s->verdict.chain->number].queues)
			return true;
		for (uint32_t i = 0; s->kind == STEP_VERDICT_MAP && s->lookup.set && !s->lookup.set->left_out && i < s->lookup.set->n_elements; i++)
			if (s->lookup.set->elements[i].verdict.chain && f->sy->chain[s->lookup.set->elements[i].verdict.chain->number].queues)
				return true;
	}
	return false;
}

static enum way follow_verdict(struct follow *f, const struct ruleset_rule *r, const struct verdict *v)
{
	switch (v->code) {
	case NF_ACCEPT:
	case NF_DROP:
		note(f, r->chain, r, v->code == NF_ACCEPT ? "accept" : "drop");
		f->w->end_rule = r;
		f->w->end_chain = r->chain;
		return v->code == NF_ACCEPT ? WAY_ACCEPT : WAY_DROP;
	case NFT_RETURN:
		note(f, r->chain, r, "return");
		return WAY_RETURN;
	case NFT_JUMP:
	case NFT_GOTO:
		if (!v->chain || f->depth > MAX_DEPTH)
			return WAY_DROP;
		note(f, r->chain, r, v->code == NFT_JUMP ? "jump" : "goto");
		f->depth++;
		enum way way = follow_chain(f, v->chain);
		f->depth--;
		return way == WAY_RETURN ? (v->code == NFT_JUMP ? WAY_ON : WAY_RETURN) : way;
	default:
		return WAY_ON;
	}
}

static bool is_verdict(const struct ruleset_element *e, const void *context)
{
	return e == context;
}

static enum way follow_map(struct follow *f, const struct ruleset_rule *r, const struct step *s)
{
	const struct ruleset_set *set = s->lookup.set;
	if (!set || set->left_out || symbolic_set_opaque(set))
		return WAY_ON;
	for (uint32_t i = 0; i < set->n_elements && bdd_room(&f->sy->b, ROOM); i++)
		if (bdd_holds(&f->sy->b, symbolic_elements(f->sy, s->lookup.operand, set, is_verdict, &set->elements[i]), f->value))
			return follow_verdict(f, r, &set->elements[i].verdict);
	return WAY_ON;
}

static enum way follow_queue(struct follow *f, const struct ruleset_rule *r, const struct step *s)
{
	struct symbolic *sy = f->sy;
	bool ips = !sy->is_ips || sy->is_ips(sy->ips, s);
	note(f, r->chain, r, ips ? "queue" : "another queue");
	f->w->queued |= ips;
	if (!ips)
		f->w->other_queue = r;
	if (ips && sy->queue_continues)
		return WAY_ON;
	f->w->end_rule = r;
	f->w->end_chain = r->chain;
	return WAY_ACCEPT;
}

/* false: the step lets the packet go on to the next rule. */
static bool follow_step(struct follow *f, const struct ruleset_rule *r, const struct step *s, enum way *way)
{
	struct symbolic *sy = f->sy;
	if (symbolic_is_match(s)) {
		bool matches = bdd_holds(&sy->b, symbolic_step(sy, s), f->value);
		if (!matches && leads_to_queue(f, r)) {
			f->would = r;
			f->would_step = s;
		}
		return matches;
	}
	switch (s->kind) {
	case STEP_VERDICT:
		*way = follow_verdict(f, r, &s->verdict);
		return false;
	case STEP_VERDICT_MAP:
		*way = follow_map(f, r, s);
		if (*way == WAY_ON && leads_to_queue(f, r)) {
			f->would = r;
			f->would_step = s;
		}
		return false;
	case STEP_REJECT:
		*way = follow_verdict(f, r, &(struct verdict){NF_DROP, NULL});
		return false;
	case STEP_QUEUE:
		*way = follow_queue(f, r, s);
		return *way == WAY_ON;
	case STEP_NAT:
		note(f, r->chain, r, "changed");
		symbolic_write_value(sy, s, f->value);
		*way = WAY_ACCEPT;
		return false;
	case STEP_FORWARD:
		*way = WAY_DROP;
		return false;
	case STEP_WRITE:
	case STEP_NOTRACK:
		if (symbolic_writes(sy, s))
			note(f, r->chain, r, s->kind == STEP_NOTRACK ? "notrack" : "changed");
		f->w->untracked |= s->kind == STEP_NOTRACK;
		symbolic_write_value(sy, s, f->value);
		return true;
	case STEP_FLOW_ADD:
		note(f, r->chain, r, "flow add");
		return true;
	default:
		return true;
	}
}

static enum way follow_steps(struct follow *f, const struct ruleset_rule *r, const struct step *first, bool *on)
{
	enum way way = WAY_ON;
	for (const struct step *s = first; s && *on; s = s->next) {
		if (s->kind == STEP_XT_TARGET && s->xt.meaning)
			way = follow_steps(f, r, s->xt.meaning, on);
		else
			*on = follow_step(f, r, s, &way);
	}
	return way;
}

static enum way follow_chain(struct follow *f, const struct ruleset_chain *c)
{
	for (const struct ruleset_rule *r = c->rules; r && bdd_room(&f->sy->b, ROOM); r = r->next) {
		bool on = true;
		enum way way = follow_steps(f, r, r->steps, &on);
		if (way != WAY_ON)
			return way;
	}
	return WAY_RETURN;
}

static enum way follow_base(struct follow *f, const struct ruleset_chain *c)
{
	struct witness *w = f->w;
	bool before = w->queued;
	note(f, c, NULL, "chain");
	f->would = NULL;
	f->would_step = NULL;
	enum way way = follow_chain(f, c);
	if (way == WAY_RETURN || way == WAY_ON) {
		way = c->policy == NF_DROP ? WAY_DROP : WAY_ACCEPT;
		note(f, c, NULL, way == WAY_DROP ? "policy drop" : "policy accept");
		w->end_rule = NULL;
		w->end_chain = c;
	}
	if (f->sy->chain[c->number].queues && w->queued == before && !before && way == WAY_ACCEPT) {
		w->passed = c;
		w->passed_by = f->would ? f->would : w->end_rule;
		w->passed_step = f->would_step;
	}
	return way;
}

void witness_follow(struct symbolic *sy, uint32_t hook, struct witness *w)
{
	struct follow f = {.sy = sy, .w = w};
	struct symbolic_way way = symbolic_way(hook);
	struct operand ct = symbolic_key(SOURCE_CT, NFT_CT_STATE);
	enum way end = WAY_ACCEPT;
	memcpy(f.value, w->value, sizeof f.value);
	w->n_path = 0;
	w->queued = w->accepted = w->untracked = false;
	w->passed = NULL;
	w->passed_by = w->other_queue = NULL;
	w->passed_step = NULL;
	for (uint32_t i = 0; i < way.n && end == WAY_ACCEPT; i++) {
		struct station st[MAX_STATIONS];
		size_t n = ruleset_stations(sy->rs, sy->family, way.hook[i], NULL, st, MAX_STATIONS);
		for (size_t k = 0; k < n && k < MAX_STATIONS && end == WAY_ACCEPT; k++) {
			uint32_t state = 8;
			get_bytes(sy, f.value, &ct, 0, &state, 4);
			if (st[k].kind == STATION_CHAIN && (!symbolic_is_nat(st[k].chain) || state == 8))
				end = follow_base(&f, st[k].chain);
		}
	}
	w->accepted = end == WAY_ACCEPT;
}

/* What of `start` may become the packet: those parts equal that no rule writes. */
static bdd_t candidates(struct symbolic *sy, bdd_t start, const uint8_t *value)
{
	bool written[BDD_MAX_LEVELS] = {[LEVEL_QUEUED] = true};
	bdd_t f = BDD_TRUE;
	for (const struct ruleset_table *t = sy->rs->tables; t; t = t->next)
		for (const struct ruleset_chain *c = symbolic_has_table(sy, t) ? t->chains : NULL; c; c = c->next)
			for (const struct ruleset_rule *r = sy->chain[c->number].pure ? NULL : c->rules; r; r = r->next)
				for (const struct step *s = r->steps; s; s = s->next)
					symbolic_written(sy, s, written);
	for (uint32_t level = sy->n_levels; level-- > 0;)
		if (!written[level])
			f = value[level] ? bdd_node(&sy->b, level, BDD_FALSE, f) : bdd_node(&sy->b, level, f, BDD_FALSE);
	return bdd_and(&sy->b, start, f);
}

bool witness_find(struct symbolic *sy, uint32_t hook, bdd_t start, bdd_t end, bool (*good)(const struct witness *w), struct witness *w)
{
	struct {
		bdd_t start, end, left;
	} mine = {start, end, BDD_FALSE};
	struct bdd_roots roots;
	uint8_t final[BDD_MAX_LEVELS];
	bool found = false;
	witness_pick(sy, end, w);
	memcpy(final, w->value, sizeof final);
	bdd_push(&sy->b, &roots, (const bdd_t *)&mine, 3);
	mine.left = candidates(sy, start, final);
	for (int i = 0; i < ATTEMPTS && !found && mine.left != BDD_FALSE; i++) {
		memcpy(w->value, final, sizeof final);
		w->value[LEVEL_QUEUED] = 0;
		bdd_pick(&sy->b, mine.left, w->value);
		witness_follow(sy, hook, w);
		found = good(w);
		bdd_t one = BDD_TRUE;
		for (uint32_t level = sy->n_levels; level-- > 0;)
			one = w->value[level] ? bdd_node(&sy->b, level, BDD_FALSE, one) : bdd_node(&sy->b, level, one, BDD_FALSE);
		mine.left = bdd_minus(&sy->b, mine.left, one);
	}
	if (!found)
		memcpy(w->value, final, sizeof final);
	w->proven = w->proven && found;
	describe(sy, end, w);
	bdd_pop(&sy->b);
	return found;
}

void witness_free(struct witness *w)
{
	free(w->path);
	w->path = NULL;
	w->n_path = 0;
}
