// SPDX-License-Identifier: GPL-2.0-or-later
/* Where each signature is looked at: points, lists, prefilters; and what of its header groups are made of. */
#include "detect/engine.h"

#include <stdlib.h>

enum { HEAD_MAX = 512 /* how far the beginning of a payload goes */, BRIEF = 4, ENOUGH = 3, WIDE_PORTS = 4096 };

bool signature_toward(const struct signature *s, int direction)
{
	if (s->flags & SIG_TO_EITHER || !(s->flags & (SIG_TO_SERVER | SIG_TO_CLIENT)))
		return true;
	return s->flags & (direction ? SIG_TO_CLIENT : SIG_TO_SERVER);
}

bool signature_covers(const struct signature *s, unsigned proto)
{
	return s->any_proto || s->proto_bits[proto / 8] >> (proto % 8) & 1;
}

static bool covers_kind(const struct signature *s, enum payload_kind kind)
{
	if (kind != PAYLOAD_OTHER)
		return signature_covers(s, kind == PAYLOAD_UDP ? PROTO_UDP : PROTO_TCP);
	for (unsigned proto = 0; proto < 256; proto++)
		if (proto != PROTO_TCP && proto != PROTO_UDP && signature_covers(s, proto))
			return true;
	return false;
}

/* Headers */

static void add_column(struct engine *e, unsigned proto)
{
	uint64_t *bits = xcalloc(e->n_words + 1, sizeof *bits);
	for (uint32_t i = 0; i < e->n_sigs; i++)
		if (signature_covers(e->sig[i], proto))
			bits_set(bits, i);
	for (unsigned c = 0; c < e->n_columns; c++)
		if (memcmp(e->covers[c], bits, e->n_words * sizeof *bits) == 0) {
			e->column[proto] = (uint8_t)c;
			free(bits);
			return;
		}
	if (e->n_columns == COLUMNS_MAX) { /* so many kinds of rules do not exist; the last column takes what is left */
		for (size_t i = 0; i < e->n_words; i++)
			e->covers[COLUMNS_MAX - 1][i] |= bits[i];
		e->column[proto] = COLUMNS_MAX - 1;
		free(bits);
		return;
	}
	e->column[proto] = (uint8_t)e->n_columns;
	e->covers[e->n_columns++] = bits;
}

static void place_headers(struct engine *e)
{
	for (int i = 0; i < 2; i++) {
		e->toward[i] = xcalloc(e->n_words + 1, sizeof(uint64_t));
		e->version[i] = xcalloc(e->n_words + 1, sizeof(uint64_t));
	}
	e->turned = xcalloc(e->n_words + 1, sizeof(uint64_t));
	e->addresses = classifier_new(e->n_sigs);
	e->ports = classifier_new(e->n_sigs);
	for (uint32_t i = 0; i < e->n_sigs; i++) {
		const struct signature *s = e->sig[i];
		if (s->is_arp)
			continue;
		for (int d = 0; d < 2; d++) {
			if (signature_toward(s, d))
				bits_set(e->toward[d], i);
			if (!s->ip_version || s->ip_version == (d ? 6 : 4))
				bits_set(e->version[d], i);
		}
		if (s->flags & SIG_BIDIRECTIONAL)
			bits_set(e->turned, i);
		classifier_add_addresses(e->addresses, s->flags & SIG_SRC_ANY ? NULL : s->src, 0, i);
		classifier_add_addresses(e->addresses, s->flags & SIG_DST_ANY ? NULL : s->dst, 1, i);
		classifier_add_ports(e->ports, s->flags & SIG_SPORT_ANY ? NULL : s->sport, 0, i);
		classifier_add_ports(e->ports, s->flags & SIG_DPORT_ANY ? NULL : s->dport, 1, i);
	}
	classifier_finish(e->addresses);
	classifier_finish(e->ports);
	uint8_t named[32] = {0}; /* protocols that some rule names; the others are alike */
	for (uint32_t i = 0; i < e->n_sigs; i++)
		for (unsigned k = 0; k < 32 && !e->sig[i]->any_proto; k++)
			named[k] |= e->sig[i]->proto_bits[k];
	int other = -1;
	for (unsigned proto = 0; proto < 256; proto++) {
		bool is_named = named[proto / 8] >> (proto % 8) & 1;
		if (is_named || other < 0)
			add_column(e, proto);
		else
			e->column[proto] = e->column[other];
		other = is_named ? other : (int)proto;
	}
}

/* Transactions */

/* For which protocols, by row, a signature of transactions is: those bound, or any that has its buffers. */
static bool is_for(const struct signature *s, const struct app_proto *p)
{
	if (p->recognise_only)
		return false;
	for (unsigned i = 0; i < s->n_app; i++)
		if (s->app[i] == p)
			return true;
	if (s->n_app)
		return false;
	for (const struct inspection *in = s->inspections; in; in = in->next) {
		const char *name = in->buffer >= BUFFER_APP ? app_buffer_name(in->buffer - BUFFER_APP) : in->tests ? in->tests->app_keyword : NULL;
		if (name && !app_keyword_find(p, name))
			return false;
	}
	return true;
}

static bool add_source(struct app_point *point, const struct app_keyword *k, const struct prefilter *p, int direction)
{
	unsigned at = 0;
	for (; at < point->n_sources; at++)
		if (point->source[at].prefilter == p)
			return true;
	if (point->n_sources == APP_SOURCES_MAX || (k->grows && point->n_growing == APP_GROWING_MAX))
		return false;
	/* in the order in which they come to be */
	for (; at > 0 && point->source[at - 1].keyword->state[direction] > k->state[direction]; at--)
		point->source[at] = point->source[at - 1];
	point->source[at] = (struct app_source){k, p, k->grows ? (uint8_t)point->n_growing++ : 0};
	point->n_sources++;
	return true;
}

/* Bodies of HTTP are files as a rule: the same bytes, which can then be searched once for both. */
static unsigned pool_of_body(const struct prefilter *p, const struct app_keyword *k, int direction)
{
	static const char *const bodies[] = {"file.data", "http.request_body", "http.response_body"};
	for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
		if (!p->transforms && k->grows && strcmp(k->name, bodies[i]) == 0)
			return 1u + 4u * PAYLOAD_KIND_N_ + (unsigned)direction; /* those before are of payloads */
	return 0;
}

/*
 * A signature of transactions stands at each protocol and direction it concerns. Its pattern makes it a candidate only where the
 * pattern's buffer is; in the other direction of a => rule, and for patterns on the payload, it is always one.
 */
static void place_tx(struct engine *e, const struct signature *s, uint32_t number)
{
	bool known[2] = {false, false}; /* a second protocol with the same buffer shares the patterns */
	for (size_t i = 0; i < e->n_app; i++) {
		if (!is_for(s, app_protocols[i]))
			continue;
		for (int d = 0; d < 2; d++) {
			struct app_point *point = &e->app[i][d];
			if (!signature_toward(s, d))
				continue;
			const struct app_keyword *k = s->fast.buffer >= BUFFER_APP ? e->rows[i][s->fast.buffer - BUFFER_APP] : NULL;
			bool fast = prefilter_possible(s) && k && k->directions >> d & 1 && !(s->flags & SIG_TO_EITHER);
			struct prefilter *p = fast ? prefilter_get(e, s->fast.buffer, s->fast.transforms, d) : NULL;
			point->any = true;
			if (!p || !add_source(point, k, p, d)) {
				number_list_add(&point->plain, number);
				continue;
			}
			p->pool = pool_of_body(p, k, d);
			if (!known[d])
				prefilter_add(p, number, &(struct pattern_choice){s->fast.content, s->fast.nocase, s->fast.transforms ? 0 : s->fast.depth,
										  s->fast.offset});
			known[d] = true;
		}
	}
}

/* Payloads */

static bool looks_at(const struct signature *s, enum payload_kind kind)
{
	if (kind == PAYLOAD_STREAM)
		return s->type != SIG_PACKET && signature_covers(s, PROTO_TCP);
	if (kind == PAYLOAD_TCP)
		return s->type != SIG_STREAM && signature_covers(s, PROTO_TCP);
	return covers_kind(s, kind);
}

/* A packet's payload is no longer than this, or no packet of the rule; 0: no limit. */
static uint32_t longest_payload(const struct signature *s)
{
	for (const struct packet_test *t = s->tests; t; t = t->next) {
		if (!t->keyword || strcmp(t->keyword->name, "dsize") != 0 || !t->data)
			continue;
		const struct number_test *n = t->data;
		uint64_t most = n->mode == NUMBER_EQ || n->mode == NUMBER_LE ? n->a : n->mode == NUMBER_LT ? n->a - !!n->a :
				n->mode == NUMBER_RANGE ? n->b - !!n->b : 0;
		return most <= UINT16_MAX ? (uint32_t)most : 0;
	}
	return 0;
}

/* A content that must end within the first bytes, or 0. */
static uint32_t anchored_end(const struct program_step *st)
{
	const struct step_content *c = &st->content;
	if (st->kind != STEP_CONTENT || st->flags & (STEP_NEGATED | STEP_RELATIVE) || !(st->flags & (STEP_DEPTH | STEP_STARTSWITH)))
		return 0;
	if (c->offset.var >= 0 || c->depth.var >= 0 || c->offset.value < 0 || c->depth.value <= 0 || c->offset.value + c->depth.value > HEAD_MAX)
		return 0;
	return (uint32_t)(c->offset.value + c->depth.value);
}

/*
 * What is looked for in payloads. They are long and most rules look at their beginning, so a content that lies there is taken rather
 * than the fast pattern, if it says enough. Any content that must be there would do.
 */
static struct pattern_choice choose(const struct signature *s, enum payload_kind kind)
{
	struct pattern_choice c = {s->fast.content, s->fast.nocase, s->fast.depth, s->fast.offset};
	uint32_t most = kind == PAYLOAD_STREAM ? 0 : longest_payload(s);
	if (most && (!c.latest || most < c.latest))
		c.latest = most;
	if (c.latest && c.latest <= HEAD_MAX)
		return c;
	const struct program_step *best = NULL;
	for (const struct inspection *in = s->inspections; in; in = in->next)
		for (const struct program_step *st = in->buffer == BUFFER_PAYLOAD && !in->transforms && in->program ? in->program->first : NULL; st; st = st->next) {
			size_t len = st->kind == STEP_CONTENT ? st->content.pattern.len : 0;
			if (anchored_end(st) && (len >= ENOUGH || len >= c.content.len) && (!best || len > best->content.pattern.len))
				best = st;
		}
	if (!best)
		return c;
	return (struct pattern_choice){best->content.pattern, best->flags & STEP_NOCASE, anchored_end(best), (uint32_t)best->content.offset.value};
}

/* Patterns that may lie anywhere in the payload of one point are searched together, whichever ports and protocols they are for, the short ones apart. */
static unsigned pool_of(const struct payload_scan *scan, struct prefilter *const *p, enum payload_kind kind, int direction)
{
	return p == &scan->head ? 0 : 1u + (unsigned)(p == &scan->brief) + 2u * ((unsigned)kind * 2u + (unsigned)direction);
}

static void scan_add(struct engine *e, struct payload_scan *scan, uint32_t number, enum payload_kind kind, int direction)
{
	struct pattern_choice c = choose(e->sig[number], kind);
	struct prefilter **p = c.latest && c.latest <= HEAD_MAX ? &scan->head : c.content.len < BRIEF ? &scan->brief : &scan->any;
	if (!*p) {
		*p = prefilter_new(e, BUFFER_PAYLOAD, NULL, direction);
		(*p)->pool = pool_of(scan, p, kind, direction);
	}
	prefilter_add(*p, number, &c);
}

static bool is_wide(const struct port_set *ports, bool any)
{
	size_t n = 0;
	for (size_t i = 0; !any && i < ports->n; i++)
		n += (size_t)ports->in[i].last - ports->in[i].first + 1;
	return any || n > WIDE_PORTS;
}

/* 1: it is for few destination ports, 0: for few source ports, -1: for many of both. */
static int narrow_side(const struct signature *s)
{
	if (s->flags & SIG_BIDIRECTIONAL)
		return -1;
	if (!is_wide(s->dport, s->flags & SIG_DPORT_ANY))
		return 1;
	return is_wide(s->sport, s->flags & SIG_SPORT_ANY) ? -1 : 0;
}

static uint32_t port_classes(const struct engine *e)
{
	return e->ports->n_classes;
}

struct class_lists { /* by class of ports: which signatures */
	struct number_list *list;
	uint32_t n;
};

static void note_classes(struct engine *e, struct class_lists *l, const struct port_set *ports, uint32_t number)
{
	for (size_t i = 0; i < ports->n; i++)
		for (uint32_t port = ports->in[i].first; port <= ports->in[i].last; port++) {
			struct number_list *list = &l->list[classifier_port(e->ports, (uint16_t)port)];
			if (!list->n || list->number[list->n - 1] != number)
				number_list_add(list, number);
		}
}

/* A class's own scan; classes with the same signatures share it. */
static void make_by_port(struct engine *e, struct payload_point *point, int side, enum payload_kind kind, int direction, struct class_lists *l)
{
	point->by_port[side] = xcalloc(l->n, sizeof *point->by_port[side]);
	for (uint32_t c = 0; c < l->n; c++) {
		const struct number_list *list = &l->list[c];
		uint32_t same = 0;
		while (same < c && (l->list[same].n != list->n || (list->n && memcmp(l->list[same].number, list->number, list->n * sizeof *list->number) != 0)))
			same++;
		if (same < c) {
			point->by_port[side][c] = point->by_port[side][same];
			continue;
		}
		for (size_t i = 0; i < list->n; i++)
			scan_add(e, &point->by_port[side][c], list->number[i], kind, direction);
	}
	for (uint32_t c = 0; c < l->n; c++)
		free(l->list[c].number);
}

static void scan_add_app(struct engine *e, struct payload_point *point, uint32_t number, enum payload_kind kind, int direction)
{
	const struct signature *s = e->sig[number];
	if (!point->by_app)
		point->by_app = xcalloc(e->n_app, sizeof *point->by_app);
	for (unsigned i = 0; i < s->n_app; i++)
		scan_add(e, &point->by_app[app_protocol_index(s->app[i])], number, kind, direction);
}

static void join_scan(struct payload_scan *scan)
{
	if (scan->any && scan->head)
		prefilter_join(scan->any, scan->head, BRIEF);
}

/* Where both are few, what lies near the start is looked for together with what may lie anywhere. */
static void join_scans(struct engine *e, struct payload_point *point)
{
	join_scan(&point->all);
	for (int side = 0; side < 2; side++)
		for (uint32_t c = 0; c < port_classes(e); c++)
			join_scan(&point->by_port[side][c]);
	for (size_t i = 0; point->by_app && i < e->n_app; i++)
		join_scan(&point->by_app[i]);
}

static void place_payload(struct engine *e, const uint64_t *fast, enum payload_kind kind, int direction, int established)
{
	struct payload_point *point = &e->payload[kind][direction][established];
	uint64_t never = established ? SIG_NOT_ESTABLISHED : SIG_ESTABLISHED;
	struct class_lists narrow[2];
	for (int side = 0; side < 2; side++)
		narrow[side] = (struct class_lists){xcalloc(port_classes(e), sizeof(struct number_list)), port_classes(e)};
	for (uint32_t i = 0; i < e->n_sigs; i++) {
		const struct signature *s = e->sig[i];
		if (!bits_test(fast, i) || s->flags & never || !signature_toward(s, direction) || !looks_at(s, kind))
			continue;
		int side = narrow_side(s);
		if (s->n_app)
			scan_add_app(e, point, i, kind, direction);
		else if (side < 0)
			scan_add(e, &point->all, i, kind, direction);
		else
			note_classes(e, &narrow[side], side ? s->dport : s->sport, i);
	}
	for (int side = 0; side < 2; side++) {
		make_by_port(e, point, side, kind, direction, &narrow[side]);
		free(narrow[side].list);
	}
	join_scans(e, point);
}

static bool is_payload_fast(const struct signature *s)
{
	return prefilter_possible(s) && s->fast.buffer == BUFFER_PAYLOAD && !s->fast.transforms;
}

static bool asks_for_events(const struct signature *s)
{
	for (const struct packet_test *t = s->tests; t; t = t->next)
		if (t->keyword && (strcmp(t->keyword->name, "stream-event") == 0 || strcmp(t->keyword->name, "decode-event") == 0 ||
				   strcmp(t->keyword->name, "engine-event") == 0))
			return true;
	return false;
}

static void note_wants(struct engine *e, const struct signature *s)
{
	e->counts.by_type[s->type]++;
	e->wants |= s->flags & (SIG_WANT_MD5 | SIG_WANT_SHA1 | SIG_WANT_SHA256 | SIG_WANT_MAGIC);
	for (const struct inspection *in = s->inspections; in; in = in->next) {
		const char *name = in->buffer >= BUFFER_APP ? app_buffer_name(in->buffer - BUFFER_APP) : "";
		e->want_ja3 |= strncmp(name, "ja3", 3) == 0;
		e->want_ja4 |= strncmp(name, "ja4", 3) == 0;
	}
}

static void place_late(struct engine *e, uint32_t number)
{
	const struct signature *s = e->sig[number];
	if (s->type != SIG_STREAM && !(s->flags & SIG_NOT_ESTABLISHED))
		bits_set(e->late, number);
}

static void place(struct engine *e, uint32_t number, uint64_t *fast)
{
	const struct signature *s = e->sig[number];
	note_wants(e, s);
	if (s->type == SIG_DECODER_EVENT) {
		number_list_add(&e->decoder, number);
	} else if (s->is_arp || s->is_ether) {
		number_list_add(&e->link, number);
	} else if (s->type == SIG_IP_ONLY) {
		bits_set(e->at_first, number);
	} else if (s->type == SIG_PD_ONLY) {
		bits_set(e->at_protocol, number);
	} else if (s->type == SIG_TX) {
		place_tx(e, s, number);
	} else if (is_payload_fast(s)) {
		bits_set(fast, number);
		place_late(e, number);
	} else if (asks_for_events(s)) {
		bits_set(e->at_event, number);
	} else {
		bits_set(e->at_packet, number);
		place_late(e, number);
	}
}

void engine_place(struct engine *e)
{
	uint64_t *fast = xcalloc(e->n_words + 1, sizeof *fast);
	uint64_t **points[] = {&e->at_packet, &e->at_event, &e->at_first, &e->at_protocol, &e->late};
	for (size_t i = 0; i < sizeof points / sizeof *points; i++)
		*points[i] = xcalloc(e->n_words + 1, sizeof(uint64_t));
	place_headers(e);
	for (uint32_t i = 0; i < e->n_sigs; i++)
		place(e, i, fast);
	for (int kind = 0; kind < PAYLOAD_KIND_N_; kind++)
		for (int i = 0; i < 4; i++)
			place_payload(e, fast, (enum payload_kind)kind, i / 2, i % 2);
	free(fast);
}
