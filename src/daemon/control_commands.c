// SPDX-License-Identifier: GPL-2.0-or-later
/* What may be asked of the running daemon, by name. Those of Suricata's socket answer as its clients expect. */
#include "daemon/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "daemon/reload.h"
#include "daemon/run.h"
#include "net/conntrack.h"

#define LOG_MODULE "control"

static const char *text_of(const json_t *arguments, const char *name)
{
	return json_string_value(json_object_get(arguments, name));
}

/* ---- as Suricata's ---- */

static void do_version(struct live *l, const json_t *a, struct control_reply *r)
{
	(void)l, (void)a;
	control_answer_text(r, true, "sluice %s", SLUICE_VERSION);
}

static void do_uptime(struct live *l, const json_t *a, struct control_reply *r)
{
	(void)a;
	control_answer(r, true, json_integer((json_int_t)((clock_real() - l->since) / USEC_PER_SEC)));
}

static void do_running_mode(struct live *l, const json_t *a, struct control_reply *r)
{
	(void)l, (void)a;
	control_answer_text(r, true, "workers");
}

static void do_capture_mode(struct live *l, const json_t *a, struct control_reply *r)
{
	(void)l, (void)a;
	control_answer_text(r, true, "NFQ");
}

static void do_dump_counters(struct live *l, const json_t *a, struct control_reply *r)
{
	(void)a;
	struct buffer text = {0};
	struct figures *sum = run_sum_figures(l);
	output_stats_text(l->runtime.outputs, &sum->counters, sum->events, &sum->app, clock_real(), l->since, &text);
	figures_free(sum);
	json_t *o = json_loadb((const char *)text.data, text.len, 0, NULL);
	buffer_free(&text);
	control_answer(r, o != NULL, o ? o : json_text("no counters"));
}

/* One "interface" a queue pair would mean nothing to people: each worker is one. */
static void do_iface_list(struct live *l, const json_t *a, struct control_reply *r)
{
	(void)a;
	json_t *names = json_array();
	for (unsigned i = 0; i < l->n_workers; i++)
		json_array_append_new(names, json_sprintf("%u", i));
	control_answer(r, true, json_pack("{s:i,s:o}", "count", (int)l->n_workers, "ifaces", names));
}

static void do_iface_stat(struct live *l, const json_t *a, struct control_reply *r)
{
	const char *name = text_of(a, "iface");
	char *end = NULL;
	unsigned long i = name ? strtoul(name, &end, 10) : l->n_workers;
	if (!name || end == name || *end || i >= l->n_workers) {
		control_answer_text(r, false, "Unknown iface");
		return;
	}
	uint64_t packets, drops;
	run_worker_capture(&l->worker[i], &packets, &drops);
	control_answer(r, true, json_pack("{s:I,s:I,s:i,s:i}", "pkts", (json_int_t)packets, "drop", (json_int_t)drops, "bypassed", 0, "invalid-checksums", 0));
}

static void do_conf_get(struct live *l, const json_t *a, struct control_reply *r)
{
	const char *name = text_of(a, "variable");
	const char *value = name ? conf_string(l->runtime.conf, name, NULL) : NULL;
	if (!name)
		control_answer_text(r, false, "conf-get takes the argument \"variable\"");
	else if (!value)
		control_answer_text(r, false, "Unable to get value");
	else
		control_answer_text(r, true, "%s", value);
}

static json_t *reload_message(const struct reload_result *x)
{
	json_t *o = json_pack("{s:I,s:s,s:I,s:I,s:I,s:I,s:f}", "generation", (json_int_t)x->generation, "digest", x->digest, "rules_loaded", (json_int_t)x->loaded,
			      "rules_evaluated", (json_int_t)x->evaluated, "rules_unsupported", (json_int_t)x->unsupported, "rules_failed", (json_int_t)x->errors,
			      "seconds", x->seconds);
	json_object_set_new(o, "message", json_text(x->message)); /* may quote a rule, whose text need not be UTF-8 */
	return o;
}

static void reload_done(void *context, const struct reload_result *x)
{
	struct control_reply *r = context;
	control_answer(r, x->ok, reload_message(x));
}

static void do_reload(struct live *l, const json_t *a, struct control_reply *r)
{
	struct error error = {0};
	(void)a;
	if (run_reload(l, reload_done, r, &error) < 0)
		control_answer_text(r, false, "%s", error.text);
}

static void do_reload_at_once(struct live *l, const json_t *a, struct control_reply *r)
{
	struct error error = {0};
	(void)a;
	int rc = run_reload(l, NULL, NULL, &error);
	control_answer_text(r, rc == 0, "%s", rc == 0 ? "done" : error.text);
}

static void do_ruleset_stats(struct live *l, const json_t *a, struct control_reply *r)
{
	const struct reload_result *x = reload_last(l);
	(void)a;
	control_answer(r, true, json_pack("[{s:i,s:i,s:i,s:i}]", "id", 0, "rules_loaded", (int)x->loaded, "rules_failed", (int)x->errors, "rules_skipped", 0));
}

static void do_failed_rules(struct live *l, const json_t *a, struct control_reply *r)
{
	enum { SHOWN = 1000 };
	json_t *list = json_array();
	(void)a;
	for (const struct finding *f = edition_findings(l->runtime.edition)->findings; f && json_array_size(list) < SHOWN; f = f->next)
		if (f->severity == FINDING_ERROR)
			json_array_append_new(list, json_pack("{s:i,s:o,s:o,s:i,s:o}", "tenant_id", 0, "rule", json_text(f->text ? f->text : ""), "filename",
							     json_text(f->file ? f->file : ""), "line", f->line, "error", json_text(f->message)));
	control_answer(r, true, list);
}

static void do_reload_time(struct live *l, const json_t *a, struct control_reply *r)
{
	char when[40];
	(void)a;
	clock_format_iso(reload_last(l)->when, when);
	control_answer(r, true, json_pack("[{s:i,s:s}]", "id", 0, "last_reload", when));
}

static void reopen_done(struct live *l, int rc, void *context)
{
	(void)l;
	control_answer_text(context, rc == 0, "%s", rc == 0 ? "done" : strerror(-rc));
}

static void do_reopen(struct live *l, const json_t *a, struct control_reply *r)
{
	(void)a;
	run_reopen(l, reopen_done, r);
}

static void do_shutdown(struct live *l, const json_t *a, struct control_reply *r)
{
	(void)a;
	pid_t pid;
	uid_t uid;
	control_peer(r, &pid, &uid);
	control_answer_text(r, true, "Closing sluice");
	run_end(l, "shutdown was asked for by process %d of user %u", (int)pid, (unsigned)uid);
}

static void do_command_list(struct live *l, const json_t *a, struct control_reply *r)
{
	json_t *list = json_array();
	(void)l, (void)a;
	for (const struct control_command *c = control_commands; c->name; c++)
		json_array_append_new(list, json_text(c->name));
	control_answer(r, true, json_pack("{s:i,s:o}", "count", (int)json_array_size(list), "commands", list));
}

/* ---- sluice's own ---- */

static void do_status(struct live *l, const json_t *a, struct control_reply *r)
{
	(void)a;
	control_answer(r, true, run_status(l));
}

static void do_confirm(struct live *l, const json_t *a, struct control_reply *r)
{
	(void)a;
	bool was = run_confirm(l);
	control_answer_text(r, was, "%s", was ? "confirmed: it stays" : "nothing waits for a confirmation");
}

/* "192.0.2.1", "2001:db8::/64": -EINVAL with words. */
static int prefix_of(const json_t *a, struct address *out, unsigned *len, struct error *error)
{
	const char *text = text_of(a, "address");
	if (!text)
		return error_set(error, EINVAL, "an \"address\" is needed");
	size_t n = strcspn(text, "/");
	if (!address_parse(bytes_of(text, n), out))
		return error_set(error, EINVAL, "'%s' is no address", text);
	unsigned most = (unsigned)address_len(out) * 8;
	*len = most;
	if (text[n] == '/') {
		char *end;
		unsigned long v = strtoul(text + n + 1, &end, 10);
		if (end == text + n + 1 || *end || v < 1 || v > most)
			return error_set(error, EINVAL, "'%s': the prefix' length is from 1 to %u", text, most);
		*len = (unsigned)v;
	}
	struct address masked = *out;
	address_mask(&masked, *len);
	*out = masked;
	return 0;
}

static void add_time(json_t *o, const char *name, usec_t t)
{
	char text[40];
	if (t)
		clock_format_iso(t, text);
	json_object_set_new(o, name, t ? json_text(text) : json_null());
}

static json_t *block_json(const struct block *b)
{
	char text[ADDRESS_TEXT];
	json_t *o = json_pack("{s:o,s:I,s:I}", "address", json_sprintf("%s/%u", address_format_short(&b->prefix, text), b->len), "packets", (json_int_t)b->packets, "bytes",
			      (json_int_t)b->bytes);
	json_object_set_new(o, "why", json_text(b->why));
	json_object_set_new(o, "state", json_text(block_pending_names[b->pending]));
	add_time(o, "since", b->since);
	add_time(o, "until", b->until);
	if (b->sid) {
		json_object_set_new(o, "gid", json_integer(b->gid));
		json_object_set_new(o, "sid", json_integer(b->sid));
	}
	return o;
}

static void do_block(struct live *l, const json_t *a, struct control_reply *r)
{
	struct address address;
	unsigned len;
	struct block done;
	struct error error = {0};
	const json_t *time = json_object_get(a, "seconds");
	double seconds = json_number_value(time);
	const char *why = text_of(a, "why");
	int rc = prefix_of(a, &address, &len, &error);
	if (rc == 0 && ((time && !json_is_number(time)) || seconds < 0 || seconds > 1e9 || (seconds > 0 && seconds < 1)))
		rc = error_set(&error, EINVAL, "\"seconds\" is a number from 1 to 1000000000, or 0: for good");
	if (rc == 0)
		rc = run_block(l, &address, len, (usec_t)(seconds * USEC_PER_SEC), why ? why : "by hand", &done, &error);
	if (rc < 0)
		control_answer_text(r, false, "%s", error.text);
	else
		control_answer(r, true, block_json(&done));
}

static void do_unblock(struct live *l, const json_t *a, struct control_reply *r)
{
	struct address address;
	unsigned len;
	struct error error = {0};
	int rc = prefix_of(a, &address, &len, &error);
	if (rc == 0)
		rc = block_list_remove(l->blocks, &address, len, &error);
	control_answer_text(r, rc >= 0, "%s", rc >= 0 ? "unblocked" : error.text);
}

/* What takes long is answered later; the main thread goes on. */
struct slow {
	struct errand errand;
	struct live *live;
	struct control_reply *reply;
	size_t most;            /* of blocks */
	struct address address; /* to be released */
	char *line;             /* the answer */
};

static void slow_done(struct errand *e, bool worked)
{
	struct slow *x = (struct slow *)e;
	if (worked)
		control_answer_line(x->reply, x->line);
	free(x);
}

static void answer_later(const struct slow *s)
{
	struct slow *x = xcalloc(1, sizeof *x);
	*x = *s;
	x->errand.done = slow_done;
	aside_do(s->live->aside, &x->errand);
}

struct block_listing {
	json_t *list;
	size_t most;
};

struct slow_listing {
	struct live *live;
	json_t *list;
	size_t most, n;
};

static void list_block(void *context, const struct block *b)
{
	struct block_listing *l = context;
	if (json_array_size(l->list) < l->most)
		json_array_append_new(l->list, block_json(b));
}

/* Slow flows as the kernel has them: by their conntrack marks. */
static bool list_slowed(void *context, const struct conntrack_flow *f)
{
	struct slow_listing *x = context;
	const struct gateway_settings *s = &x->live->settings;
	char src[ADDRESS_TEXT], dst[ADDRESS_TEXT];
	for (unsigned i = 0; i < s->n_slow; i++)
		if ((f->mark & s->mark_mask) == mark_bits(s->mark_mask, MARK_SLOW + i) && x->n++ < x->most)
			json_array_append_new(x->list, json_pack("{s:s,s:i,s:s,s:i,s:s,s:i}", "class", s->slow[i], "proto", f->original.proto, "src_ip",
								 address_format_short(&f->original.src, src), "src_port", f->original.sport, "dest_ip",
								 address_format_short(&f->original.dst, dst), "dest_port", f->original.dport));
	return true;
}

static void list_blocks(struct errand *e)
{
	struct slow *s = (struct slow *)e;
	struct block_listing x = {json_array(), s->most};
	run_read_blocks(s->live);
	block_list_visit(s->live->blocks, list_block, &x);
	struct slow_listing slowed = {s->live, json_array(), s->most, 0};
	if (s->live->settings.n_slow)
		(void)conntrack_visit(list_slowed, &slowed, NULL); /* a kernel without it: nothing is slowed either */
	s->line = control_line(true, json_pack("{s:I,s:I,s:o,s:I,s:o}", "count", (json_int_t)block_list_count(s->live->blocks), "pending",
					       (json_int_t)block_list_pending(s->live->blocks), "blocks", x.list, "slowed", (json_int_t)slowed.n, "slow", slowed.list));
}

static void do_blocks(struct live *l, const json_t *a, struct control_reply *r)
{
	enum { SHOWN = 1000, SHOWN_MOST = 20000 };
	json_int_t most = json_integer_value(json_object_get(a, "limit"));
	answer_later(&(struct slow){.errand.work = list_blocks, .live = l, .reply = r,
				    .most = most > 0 && most < SHOWN_MOST ? (size_t)most : most ? SHOWN_MOST : SHOWN});
}

struct releasing {
	struct address address;
	uint32_t mask;
	size_t n;
};

static bool release_one(void *context, const struct conntrack_flow *f)
{
	struct releasing *x = context;
	struct error error;
	if ((address_equal(&f->original.src, &x->address) || address_equal(&f->original.dst, &x->address) || address_equal(&f->reply.src, &x->address)) &&
	    conntrack_mark(&f->original, x->mask, mark_bits(x->mask, MARK_RELEASED), &error) == 0)
		x->n++;
	return true;
}

static void release_all(struct errand *e)
{
	struct slow *s = (struct slow *)e;
	struct releasing x = {.address = s->address, .mask = s->live->settings.mark_mask};
	struct error error = {0};
	bool ok = conntrack_visit(release_one, &x, &error) >= 0;
	s->line = control_line(ok, ok ? json_sprintf("%zu connections released", x.n) : json_text(error.text));
}

static void do_release(struct live *l, const json_t *a, struct control_reply *r)
{
	struct slow x = {.errand.work = release_all, .live = l, .reply = r};
	unsigned len;
	struct error error = {0};
	int rc = l->settings.own_table ? prefix_of(a, &x.address, &len, &error) : error_set(&error, ENOTSUP, "there is no table of sluice's own (gateway.table: none)");
	if (rc < 0)
		control_answer_text(r, false, "%s", error.text);
	else
		answer_later(&x);
}

const struct control_command control_commands[] = {
	{"block", "drop what comes from an address: address, seconds, why", do_block},
	{"blocks", "who is blocked, until when, why: limit", do_blocks},
	{"capture-mode", "how packets come", do_capture_mode},
	{"command-list", "these names", do_command_list},
	{"conf-get", "a value of the configuration: variable", do_conf_get},
	{"confirm", "what was started with --confirm stays", do_confirm},
	{"dump-counters", "the counters of a stats record", do_dump_counters},
	{"iface-list", "the workers", do_iface_list},
	{"iface-stat", "what a worker's queues counted: iface", do_iface_stat},
	{"release", "connections of an address go on without inspection: address", do_release},
	{"reload-rules", "new rules; answers when they are in force, or why not", do_reload},
	{"reopen-log-files", "after logrotate moved them", do_reopen},
	{"ruleset-failed-rules", "rules that are wrong", do_failed_rules},
	{"ruleset-reload-nonblocking", "new rules; answers at once", do_reload_at_once},
	{"ruleset-reload-rules", "as reload-rules", do_reload},
	{"ruleset-reload-time", "when rules were loaded", do_reload_time},
	{"ruleset-stats", "how many rules are loaded and wrong", do_ruleset_stats},
	{"running-mode", "how threads work", do_running_mode},
	{"shutdown", "ends it and takes the table away", do_shutdown},
	{"status", "everything at a glance", do_status},
	{"unblock", "the opposite of block: address", do_unblock},
	{"uptime", "seconds", do_uptime},
	{"version", "of this program", do_version},
	{NULL, NULL, NULL},
};
