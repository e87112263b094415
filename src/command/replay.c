// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * sluice replay: captures through the same engine that `run` uses. Takes Suricata's short options, so that what people have
 * in their scripts works.
 */
#include "base/log.h"
#include "command/command.h"
#include "command/options.h"
#include "daemon/worker.h"

#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOG_MODULE "replay"

enum { OPT_SIMULATE = OPTION_OWN, OPT_RUNMODE, OPT_NO_DETECTION, OPT_EACH, OPT_QUIET, OPT_JSON, OPT_STRICT, OPT_DUMP, OPT_DATA_DIR, OPT_IGNORED,
       OPT_IGNORED_VALUE, OPT_FIREWALL, OPT_DELETE, OPT_ANALYSIS };

struct replay {
	struct runtime_options options;
	struct runtime_parsed parsed;
	struct option_list inputs;
	bool test, each, quiet, json, strict, dump, delete_done;
	const char *bpf;
	char *data_dir; /* --data-dir, as a setting */
	struct runtime runtime;
	/* the run */
	struct state state;
	struct worker *worker;
	struct worker_totals totals;
	size_t n_captures, n_skipped, n_broken, n_failed;
	usec_t started, last_shown;
	bool tty;
	struct { const struct signature *sig; uint64_t count; } *top;
	size_t n_top;
	uint64_t by_proto[256]; /* flows by row of app_protocols */
};

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
	(void)number;
	stopped = 1;
}

void command_replay_usage(void)
{
	puts("usage: sluice replay [OPTIONS] [FILE|FOLDER]...\n"
	     "\n"
	     "Takes captures (pcap, pcapng, '-' for standard input, folders) through the engine.\n"
	     "Without -l it writes no files, only the summary.\n"
	     "\n"
	     "  -c FILE             configuration (a suricata.yaml); without it the built-in defaults\n"
	     "  -F, --bpf FILTER    only packets that match\n"
	     "  -k all|none         look at checksums, or not\n"
	     "  -l FOLDER           write eve.json and the other logs there\n"
	     "  -r FILE             a capture or a folder of them (as FILE)\n"
	     "  -S FILE             rules: this file (or pattern) alone\n"
	     "  -s FILE             rules: this file besides those of the configuration\n"
	     "  -T                  only read configuration and rules\n"
	     "  -v                  say more\n"
	     "  --data-dir FOLDER   where datasets are kept (default-data-dir)\n"
	     "  --disable-detection no rules\n"
	     "  --dump-config       print the configuration as key = value\n"
	     "  --each              every capture with a fresh state; events in FOLDER/NAME/eve.json\n"
	     "  --include FILE      more configuration over it\n"
	     "  --init-errors-fatal a wrong rule ends it\n"
	     "  --json              the summary as JSON\n"
	     "  --pcap-file-delete  delete each capture that was read\n"
	     "  --quiet             no summary\n"
	     "  --set K=V           change a setting: outputs.1.eve-log.community-id=true\n"
	     "  --simulate-ips      judge as if inline: drops, rejects, first copy of a byte is the truth\n"
	     "  --strict            exit 1 if a capture breaks off\n"
	     "\n"
	     "Other options of Suricata's that concern the reading of captures are taken and change nothing.\n"
	     "Exit status: 0 done, 1 no packet could be read or writing a log failed, 2 wrong usage.");
}

static const struct option long_options[] = {
	{"set", required_argument, NULL, OPTION_SET},
	{"simulate-ips", no_argument, NULL, OPT_SIMULATE},
	{"runmode", required_argument, NULL, OPT_RUNMODE},
	{"disable-detection", no_argument, NULL, OPT_NO_DETECTION},
	{"init-errors-fatal", no_argument, NULL, OPTION_FATAL},
	{"each", no_argument, NULL, OPT_EACH},
	{"quiet", no_argument, NULL, OPT_QUIET},
	{"json", no_argument, NULL, OPT_JSON},
	{"strict", no_argument, NULL, OPT_STRICT},
	{"include", required_argument, NULL, OPTION_INCLUDE},
	{"dump-config", no_argument, NULL, OPT_DUMP},
	{"data-dir", required_argument, NULL, OPT_DATA_DIR},
	{"bpf", required_argument, NULL, 'F'},
	{"no-random", no_argument, NULL, OPT_IGNORED},
	{"pcap-file-continuous", no_argument, NULL, OPT_IGNORED},
	{"pcap-file-recursive", no_argument, NULL, OPT_IGNORED},
	{"pcap-file-delete", no_argument, NULL, OPT_DELETE},
	{"pcap-file-buffer-size", required_argument, NULL, OPT_IGNORED_VALUE},
	{"strict-rule-keywords", optional_argument, NULL, OPT_IGNORED},
	{"firewall-rules-exclusive", required_argument, NULL, OPT_FIREWALL},
	{"firewall", no_argument, NULL, OPT_FIREWALL},
	{"engine-analysis", no_argument, NULL, OPT_ANALYSIS},
	{"help", no_argument, NULL, 'h'},
	{0},
};

static int parse_checksums(const char *text, int *out)
{
	if (strcmp(text, "all") && strcmp(text, "none")) {
		fprintf(stderr, "sluice: -k takes 'all' or 'none', not '%s'\n", text);
		return STATUS_USAGE;
	}
	*out = strcmp(text, "all") == 0;
	return STATUS_DONE;
}

static int parse_option(struct replay *r, int option, const char *value)
{
	struct runtime_options *o = &r->options;
	if (runtime_option(&r->parsed, o, option, value))
		return STATUS_DONE;
	switch (option) {
	case 'r': option_list_add(&r->inputs, value); break;
	case 'k': return parse_checksums(value, &o->checksums);
	case 'F': r->bpf = value; break;
	case 'T': r->test = true; break;
	case OPT_DATA_DIR:
		free(r->data_dir);
		r->data_dir = xasprintf("default-data-dir=%s", value);
		break;
	case OPT_SIMULATE: o->ips = true; break;
	case OPT_NO_DETECTION: o->no_detection = true; break;
	case OPT_EACH: r->each = true; break;
	case OPT_QUIET: r->quiet = true; break;
	case OPT_JSON: r->json = true; break;
	case OPT_STRICT: r->strict = true; break;
	case OPT_DUMP: r->dump = true; break;
	case OPT_DELETE: r->delete_done = true; break;
	case OPT_RUNMODE: case OPT_IGNORED: case OPT_IGNORED_VALUE: break;
	case OPT_FIREWALL:
	case OPT_ANALYSIS:
		fprintf(stderr, "sluice: this option of Suricata is not there: sluice has no firewall rules of its own and no engine analysis\n");
		return STATUS_FAILED;
	case 'h': command_replay_usage(); exit(STATUS_DONE);
	default: return STATUS_USAGE;
	}
	return STATUS_DONE;
}

static int parse_options(struct replay *r, int argc, char **argv)
{
	r->options.checksums = -1;
	r->options.seed = 0x51u;
	optind = 1;
	int c;
	while ((c = getopt_long(argc, argv, "c:r:S:s:l:k:F:Tvh", long_options, NULL)) != -1) {
		int rc = parse_option(r, c, optarg);
		if (rc)
			return rc;
	}
	for (; optind < argc; optind++)
		option_list_add(&r->inputs, argv[optind]);
	if (r->data_dir)
		option_list_add(&r->parsed.sets, r->data_dir);
	runtime_options_take(&r->parsed, &r->options);
	r->options.no_output = !r->options.log_dir;
	if (r->each && !r->options.log_dir)
		r->options.no_output = true;
	if (r->inputs.n == 0 && !r->test && !r->dump) {
		fputs("sluice: which capture? (`sluice help replay`)\n", stderr);
		return STATUS_USAGE;
	}
	return STATUS_DONE;
}

static void print_setting(const char *path, const struct conf *node, void *context)
{
	(void)context;
	printf("%s = %s\n", path, node->value ? node->value : "(null)");
}

static int dump_config(struct replay *r)
{
	struct error error = {0};
	struct conf *conf = runtime_conf(&r->options, &error);
	if (!conf) {
		fprintf(stderr, "sluice: %s\n", error.text);
		return STATUS_FAILED;
	}
	conf_walk(conf, print_setting, NULL);
	conf_free(conf);
	return STATUS_DONE;
}

static int start_worker(struct replay *r)
{
	r->state.shared = shared_new(r->runtime.host_memcap, r->options.seed);
	r->worker = r->state.shared ? worker_new(&r->runtime, &r->state, 0) : NULL;
	if (r->worker)
		return 0;
	shared_free(r->state.shared);
	log_error("out of memory");
	return -ENOMEM;
}

static void add_alert(void *context, const struct signature *sig, uint64_t count)
{
	struct replay *r = context;
	for (size_t i = 0; i < r->n_top; i++) {
		if (r->top[i].sig == sig) {
			r->top[i].count += count;
			return;
		}
	}
	r->top = xrealloc(r->top, (r->n_top + 1) * sizeof *r->top);
	r->top[r->n_top].sig = sig;
	r->top[r->n_top++].count = count;
}

static void add_totals(struct replay *r)
{
	struct worker_totals t;
	worker_totals(r->worker, &t);
	r->totals.packets += t.packets;
	r->totals.bytes += t.bytes;
	r->totals.flows += t.flows;
	r->totals.alerts += t.alerts;
	r->totals.drops += t.drops;
	worker_alerts(r->worker, add_alert, r);
	const struct app_worker *app = worker_app(r->worker);
	for (size_t i = 0; i < 256 && app_protocols[i]; i++)
		r->by_proto[i] += app->flows[i][0] + app->flows[i][1];
}

static void stop_worker(struct replay *r)
{
	struct worker_totals t;
	worker_finish(r->worker);
	worker_totals(r->worker, &t);
	output_stats(r->runtime.outputs, worker_counters(r->worker), worker_event_counts(r->worker), worker_app(r->worker), t.last, t.first);
	add_totals(r);
	worker_free(r->worker);
	shared_free(r->state.shared);
	r->worker = NULL;
}

static void show_progress(struct replay *r, struct capture *c)
{
	usec_t now = clock_monotonic();
	if (!r->tty || now - r->last_shown < USEC_PER_SEC / 4)
		return;
	r->last_shown = now;
	uint64_t at = 0, size = 0;
	capture_file_position(c, &at, &size);
	struct worker_totals t;
	worker_totals(r->worker, &t);
	double seconds = (double)(now - r->started) / USEC_PER_SEC;
	fprintf(stderr, "\r%llu MB of %llu, %.0f packets/s  ", (unsigned long long)(at >> 20), (unsigned long long)(size >> 20),
		(double)(r->totals.packets + t.packets) / seconds);
}

/* Reads one capture through the worker that is there. Returns false if no packet of it could be read. */
static bool read_capture(struct replay *r, const char *path)
{
	struct error error = {0};
	int code = 0;
	struct capture *c = capture_file_open(path, r->bpf, &code, &error);
	if (!c) {
		fprintf(stderr, "sluice: %s\n", error.text);
		return false;
	}
	struct worker_totals before, after;
	worker_totals(r->worker, &before);
	worker_capture_name(r->worker, path);
	int n = -ENODATA;
	while (!stopped && (n = c->ops->read(c, -1, worker_frame, r->worker, &error)) >= 0)
		show_progress(r, c);
	if (!stopped && n != -ENODATA) {
		if (r->tty)
			fputc('\n', stderr);
		fprintf(stderr, "sluice: %s\n", error.text);
		r->n_broken++;
	}
	c->ops->close(c);
	worker_totals(r->worker, &after);
	return after.packets > before.packets;
}

static bool is_capture(const char *path)
{
	struct error error;
	int code = 0;
	struct capture *c = capture_file_open(path, NULL, &code, &error);
	if (c)
		c->ops->close(c);
	return c != NULL;
}

static int make_folders(const char *path)
{
	char *copy = xstrdup(path);
	for (char *p = copy + 1; *p; p++) {
		if (*p == '/') {
			*p = 0;
			mkdir(copy, 0777);
			*p = '/';
		}
	}
	int rc = mkdir(copy, 0777) && errno != EEXIST ? -errno : 0;
	free(copy);
	return rc;
}

/* One capture of --each: a fresh state and a folder of its own. */
static void replay_alone(struct replay *r, const char *path, const char *name)
{
	struct error error = {0};
	if (!r->options.no_output) {
		char *folder = xasprintf("%s/%s", r->options.log_dir, name);
		int rc = make_folders(folder);
		if (rc == 0)
			rc = outputs_reopen(r->runtime.outputs, folder, &error);
		else
			error_set(&error, -rc, "%s: %s", folder, strerror(-rc));
		free(folder);
		if (rc) {
			fprintf(stderr, "sluice: %s\n", error.text);
			r->n_failed++;
			return;
		}
	}
	if (start_worker(r)) {
		r->n_failed++;
		return;
	}
	if (!read_capture(r, path))
		r->n_failed++;
	stop_worker(r);
	r->n_captures++;
}

static void replay_file(struct replay *r, const char *path, const char *name)
{
	if (r->each) {
		replay_alone(r, path, name);
		return;
	}
	if (!read_capture(r, path))
		r->n_failed++;
	else if (r->delete_done)
		unlink(path);
	r->n_captures++;
}

static void replay_folder(struct replay *r, const char *root, const char *below)
{
	char *folder = *below ? xasprintf("%s/%s", root, below) : xstrdup(root);
	struct dirent **entries;
	int n = scandir(folder, &entries, NULL, alphasort);
	if (n < 0) {
		fprintf(stderr, "sluice: %s: %s\n", folder, strerror(errno));
		r->n_failed++;
	}
	for (int i = 0; i < n; i++) {
		const char *entry = entries[i]->d_name;
		char *path = xasprintf("%s/%s", folder, entry);
		char *name = *below ? xasprintf("%s/%s", below, entry) : xstrdup(entry);
		struct stat st;
		if (entry[0] == '.' || stopped || stat(path, &st))
			;
		else if (S_ISDIR(st.st_mode))
			replay_folder(r, root, name);
		else if (!S_ISREG(st.st_mode) || !is_capture(path))
			r->n_skipped++;
		else
			replay_file(r, path, name);
		free(path);
		free(name);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	free(folder);
}

static void replay_inputs(struct replay *r)
{
	for (size_t i = 0; i < r->inputs.n && !stopped; i++) {
		const char *path = r->inputs.item[i];
		struct stat st;
		if (strcmp(path, "-") && stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
			replay_folder(r, path, "");
			continue;
		}
		const char *slash = strrchr(path, '/');
		replay_file(r, path, slash ? slash + 1 : path);
	}
}

static int by_count(const void *a, const void *b)
{
	const typeof(*((struct replay *)0)->top) *x = a, *y = b;
	return x->count < y->count ? 1 : x->count > y->count ? -1 : (int)x->sig->sid - (int)y->sig->sid;
}

static void print_json(struct replay *r, double seconds)
{
	struct buffer out = {0};
	struct json j = json_into(&out);
	json_open(&j, NULL);
	json_uint(&j, "captures", r->n_captures);
	json_uint(&j, "skipped", r->n_skipped);
	json_uint(&j, "broken", r->n_broken);
	json_uint(&j, "packets", r->totals.packets);
	json_uint(&j, "bytes", r->totals.bytes);
	json_uint(&j, "flows", r->totals.flows);
	json_uint(&j, "alerts", r->totals.alerts);
	json_uint(&j, "drops", r->totals.drops);
	json_double(&j, "load_seconds", r->runtime.load_seconds);
	json_double(&j, "seconds", seconds);
	json_open(&j, "protocols");
	for (size_t i = 0; i < 256 && app_protocols[i]; i++)
		if (r->by_proto[i])
			json_uint(&j, app_protocols[i]->name, r->by_proto[i]);
	json_close(&j);
	json_open_array(&j, "top_alerts");
	for (size_t i = 0; i < r->n_top && i < 10; i++) {
		json_open(&j, NULL);
		json_uint(&j, "sid", r->top[i].sig->sid);
		json_string(&j, "msg", r->top[i].sig->msg ? r->top[i].sig->msg : "");
		json_uint(&j, "count", r->top[i].count);
		json_close(&j);
	}
	json_close_array(&j);
	json_close(&j);
	puts(buffer_string(&out));
	buffer_free(&out);
}

static void print_summary(struct replay *r, double seconds)
{
	printf("%zu captures, %llu packets, %.1f MB, %llu flows, %llu alerts%s", r->n_captures, (unsigned long long)r->totals.packets,
	       (double)r->totals.bytes / 1e6, (unsigned long long)r->totals.flows, (unsigned long long)r->totals.alerts,
	       r->options.ips ? "" : "\n");
	if (r->options.ips)
		printf(", %llu packets dropped\n", (unsigned long long)r->totals.drops);
	printf("rules and configuration %.2f s, packets %.2f s\n", r->runtime.load_seconds, seconds);
	if (r->n_skipped)
		printf("%zu files are no captures\n", r->n_skipped);
	const char *lead = "protocols:";
	for (size_t i = 0; i < 256 && app_protocols[i]; i++) {
		if (r->by_proto[i]) {
			printf("%s %s %llu", lead, app_protocols[i]->name, (unsigned long long)r->by_proto[i]);
			lead = ",";
		}
	}
	if (*lead == ',')
		putchar('\n');
	for (size_t i = 0; i < r->n_top && i < 10; i++)
		printf("%8llu  %u  %s\n", (unsigned long long)r->top[i].count, r->top[i].sig->sid, r->top[i].sig->msg ? r->top[i].sig->msg : "");
}

static int replay_all(struct replay *r)
{
	struct error error = {0};
	int rc = runtime_init(&r->runtime, &r->options, &error);
	if (rc) {
		log_error("%s", error.text);
		runtime_deinit(&r->runtime);
		return STATUS_FAILED;
	}
	if (r->test) {
		if (!r->quiet)
			puts("configuration and rules were read");
		return runtime_deinit(&r->runtime) ? STATUS_FAILED : STATUS_DONE;
	}
	r->started = clock_monotonic();
	if (!r->each && start_worker(r)) {
		runtime_deinit(&r->runtime);
		return STATUS_FAILED;
	}
	replay_inputs(r);
	if (!r->each)
		stop_worker(r);
	double seconds = (double)(clock_monotonic() - r->started) / USEC_PER_SEC;
	if (r->tty)
		fputs("\r\033[K", stderr);
	if (r->n_top)
		qsort(r->top, r->n_top, sizeof *r->top, by_count);
	if (r->json)
		print_json(r, seconds);
	else if (!r->quiet)
		print_summary(r, seconds);
	bool nothing = r->totals.packets == 0;
	bool failed = runtime_deinit(&r->runtime) || nothing || (r->strict && r->n_broken) || (!r->each && r->n_failed);
	return failed ? STATUS_FAILED : STATUS_DONE;
}

int command_replay(int argc, char **argv)
{
	struct replay r = {0};
	int rc = parse_options(&r, argc, argv);
	if (rc == STATUS_DONE && r.dump) {
		rc = dump_config(&r);
	} else if (rc == STATUS_DONE) {
		signal(SIGINT, on_signal);
		signal(SIGTERM, on_signal);
		r.tty = isatty(2) && !r.quiet;
		rc = replay_all(&r);
	}
	free(r.parsed.sets.item);
	free(r.data_dir);
	free(r.parsed.includes.item);
	free(r.inputs.item);
	free(r.parsed.rules.item);
	free(r.top);
	return rc;
}
