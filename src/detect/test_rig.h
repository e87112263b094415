// SPDX-License-Identifier: GPL-2.0-or-later
/* For tests: an engine of rules given as text, and packets for it. */
#pragma once

#include "detect/engine.h"
#include "detect/registry.h"

#include <stdio.h>
#include <stdlib.h>

struct rig {
	struct arena arena;
	struct rule_set *set;
	struct rule_vars *vars;
	struct rule_lists *lists;
	struct conf *conf;
	struct detect_registry *registry;
	struct engine_settings settings;
	struct engine *engine;
	struct detect_scratch *scratch;
	struct counters counters;
};

/* "alert ip any any -> any any (…)", one a line; false: not all rules compile. */
static inline bool rig_begin(struct rig *r, const char *rules)
{
	struct error error = {0};
	memset(r, 0, sizeof *r);
	r->conf = conf_new();
	r->vars = rule_vars_read(r->conf, &error);
	arena_init(&r->arena, 65536);
	r->set = xcalloc(1, sizeof *r->set);
	rule_set_init(r->set);
	r->lists = rule_lists_read(r->conf, r->set, &error);
	r->registry = detect_registry_new();
	rule_text_load(r->set, bytes_of_string(rules), "test", r->vars, false);
	struct compile_context ctx = {.arena = &r->arena, .findings = r->set, .vars = r->vars, .lists = r->lists, .conf = r->conf, .registry = r->registry};
	engine_settings_read(&r->settings, r->conf, false, &error);
	r->settings.cache = false;
	r->engine = engine_new(r->set, &r->settings, &ctx, &error);
	r->scratch = detect_scratch_new(r->engine, &r->settings, &r->counters);
	for (const struct finding *f = r->set->findings; f; f = f->next)
		fprintf(stderr, "%s: %s\n", f->text ? f->text : "", f->message);
	return r->engine && r->scratch && engine_counts_of(r->engine)->evaluated == engine_counts_of(r->engine)->loaded;
}

static inline void rig_end(struct rig *r)
{
	detect_scratch_free(r->scratch);
	engine_free(r->engine);
	detect_registry_free(r->registry);
	rule_lists_free(r->lists);
	arena_free(&r->arena);
	rule_vars_free(r->vars);
	conf_free(r->conf);
}

static inline struct address rig_address(unsigned a, unsigned b, unsigned c, unsigned d)
{
	return (struct address){.family = 4, .byte = {(uint8_t)a, (uint8_t)b, (uint8_t)c, (uint8_t)d}};
}

static inline struct packet rig_datagram(const char *payload)
{
	return (struct packet){
		.ip_version = 4, .proto = PROTO_UDP, .is_udp = true, .src = rig_address(10, 0, 0, 1), .dst = rig_address(10, 0, 0, 2), .sport = 4000, .dport = 53,
		.payload = bytes_of_string(payload),
	};
}

/* Sids of the packet's alerts, in the order in which they were found: "3 1 2". */
static inline const char *rig_alerts(struct rig *r, struct packet *p, bool flush)
{
	static char text[512];
	size_t n = 0;
	r->scratch->n_alerts = 0;
	text[0] = 0;
	detect_packet(r->scratch, p, 0, flush);
	detect_packet_done(r->scratch, p);
	for (unsigned i = 0; i < r->scratch->n_alerts && n < sizeof text; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "%s%u", i ? " " : "", r->scratch->alert[i].sig->sid);
	return text;
}
