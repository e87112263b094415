// SPDX-License-Identifier: GPL-2.0-or-later
/* What a person reads of a live run, and the record of counters. */
#include "daemon/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void print_hooks(const struct gateway_plan *p)
{
	for (int hook = 0; hook < HOOK_N_; hook++) {
		if (!(p->settings.hooks & 1u << hook))
			continue;
		printf("  hook %s, priority %d: %s\n", gateway_hook_names[hook], p->priority[hook], p->reason[hook]);
		for (size_t i = 0; i < p->n_chains; i++)
			if ((int)p->chain[i].hook == hook)
				printf("    %s: %s (%d)\n", p->chain[i].priority < p->priority[hook] ? "before" : "after", p->chain[i].name,
				       p->chain[i].priority);
	}
}

static void print_interfaces(const struct gateway_settings *s)
{
	fputs("  interfaces: ", stdout);
	for (unsigned i = 0; i < s->n_interfaces; i++)
		printf("%s%s", i ? ", " : "", s->interface[i]);
	puts(s->n_interfaces ? "" : "all");
}

static void print_queues(const struct live *l)
{
	const struct gateway_settings *s = &l->settings;
	if (!s->own_table) {
		printf("  queues %u-%u, for all protocols; the rules that fill them are yours (gateway.table: none)\n", s->first_queue,
		       s->first_queue + s->n_queues - 1);
		return;
	}
	printf("  queues %u-%u for TCP, %u-%u for the rest, %u worker%s; %s\n", l->plan.tcp_queue, l->plan.tcp_queue + l->n_workers - 1,
	       l->plan.rest_queue, l->plan.rest_queue + l->n_workers - 1, l->n_workers, l->n_workers == 1 ? "" : "s",
	       l->plan.native_queue ? "nft's queue" : "the xt target NFQUEUE, as this kernel has no nft_queue");
}

static void print_when_down(const struct gateway_settings *s)
{
	if (s->bypass)
		puts("  when-down bypass: if sluice dies or is overloaded, traffic passes without inspection");
	else
		puts("  when-down drop: if sluice dies or is overloaded, traffic stops");
}

static void print_notes(const struct gateway_plan *p)
{
	for (unsigned i = 0; i < p->n_notes; i++)
		printf("  note: %s\n", p->note[i]);
}

void run_print_plan(const struct live *l)
{
	if (!l->settings.own_table) {
		puts("gateway.table is none: sluice would load no table and only bind its queues.");
		print_queues(l);
		return;
	}
	puts("sluice would load this table in one transaction and touch nothing else:\n");
	fwrite(l->plan.text.data, 1, l->plan.text.len, stdout);
	putchar('\n');
	print_hooks(&l->plan);
	print_interfaces(&l->settings);
	print_queues(l);
	print_when_down(&l->settings);
	printf("  marks: sluice uses the bits 0x%08x; its own answers carry all of them\n", l->settings.mark_mask);
	print_notes(&l->plan);
	if (l->plan.n_notes == 0)
		puts("  no conflicts found");
}

/* What becomes of alerts: by rules' own words, and by the policy, decision by decision. */
static void print_policy(const struct live *l)
{
	const struct respond_settings *s = &l->runtime.edition->respond;
	struct buffer text = {0};
	if (l->options->runtime.ids_only || !s->table) {
		puts("  policy: alerts only, nothing is dropped (--ids)");
		return;
	}
	printf("  policy: drop and reject rules act; respond.profile is %s\n", policy_profile(s->policy));
	policy_table_describe(s->table, &text);
	for (const char *line = buffer_string(&text); *line;) {
		size_t len = strcspn(line, "\n");
		printf("    %.*s\n", (int)len, line);
		line += len + (line[len] != 0);
	}
	buffer_free(&text);
}

void run_print_ready(const struct live *l)
{
	const struct engine_counts *c = engine_counts_of(l->runtime.engine);
	char text[256];
	const struct edition *e = l->runtime.edition;
	printf("READY in %.1f s: %zu rules (generation %u, digest %.16s), %zu of them unsupported\n", l->runtime.load_seconds, c->loaded, e->generation,
	       e->digest, c->unsupported);
	if (l->settings.own_table) {
		print_hooks(&l->plan);
		print_interfaces(&l->settings);
	}
	print_queues(l);
	print_policy(l);
	print_when_down(&l->settings);
	printf("  logs in %s\n", l->runtime.options.log_dir ? l->runtime.options.log_dir : conf_string(l->runtime.conf, "default-log-dir", "."));
	print_notes(&l->plan);
	printf("Stop with Ctrl-C or `kill %d`; the table goes with it.\n", (int)getpid());
	fflush(stdout);
	snprintf(text, sizeof text, "READY=1\nSTATUS=%zu rules, %u workers\nMAINPID=%d", c->loaded, l->n_workers, (int)getpid());
	notify_manager(text);
}

void run_print_end(const struct live *l)
{
	struct worker_totals sum = {0}, t;
	uint64_t lost = 0, merged = 0, answers = 0;
	for (unsigned i = 0; i < l->n_workers; i++) {
		struct capture_stats s;
		worker_totals(l->worker[i].worker, &t);
		sum.packets += t.packets;
		sum.flows += t.flows;
		sum.alerts += t.alerts;
		sum.drops += t.drops;
		l->worker[i].capture->ops->stats(l->worker[i].capture, &s);
		lost += s.dropped;
		merged += capture_nfqueue_merged_datagrams(l->worker[i].capture);
		answers += l->worker[i].reject.sent;
	}
	printf("stopped: %llu packets, %llu flows, %llu alerts, %llu packets dropped, %llu answers sent\n", (unsigned long long)sum.packets,
	       (unsigned long long)sum.flows, (unsigned long long)sum.alerts, (unsigned long long)sum.drops, (unsigned long long)answers);
	if (lost)
		printf("  %llu packets did not fit the queues and %s\n", (unsigned long long)lost,
		       l->settings.bypass ? "passed without inspection" : "were dropped");
	if (merged)
		printf("  %llu packets held several UDP datagrams: only the first of each was seen by itself\n", (unsigned long long)merged);
}

void run_print_no_rules(const struct runtime_options *o)
{
	struct conf *conf = o->rules_only ? NULL : runtime_conf(o, NULL);
	fputs("sluice: there is no rule to inspect by. Searched:\n", stderr);
	if (o->rules_only)
		fprintf(stderr, "  %s (-S)\n", o->rules_only);
	for (size_t i = 0; i < o->n_rules_more; i++)
		fprintf(stderr, "  %s (-s)\n", o->rules_more[i]);
	struct conf *files = conf ? conf_get(conf, "rule-files") : NULL;
	const char *folder = conf ? conf_string(conf, "default-rule-path", "/etc/suricata/rules") : "";
	for (struct conf *c = files ? files->first : NULL; c; c = c->next)
		if (c->value)
			fprintf(stderr, "  %s%s%s\n", c->value[0] == '/' ? "" : folder, c->value[0] == '/' ? "" : "/", c->value);
	fputs("How to get rules: `suricata-update` writes the free ET Open rules, or fetch them by hand from\n"
	      "  https://rules.emergingthreats.net/open/\n"
	      "and name them: sluice run -S FILE.rules. A first rule of your own is one line; README.md has one.\n", stderr);
	conf_free(conf);
}
