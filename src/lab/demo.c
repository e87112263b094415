// SPDX-License-Identifier: GPL-2.0-or-later
#include "lab/demo.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <nettle/sha2.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "gateway/gateway.h"
#include "lab/http.h"
#include "lab/lab.h"

enum { DROP_SID = 9000001, SEE_SID = 9000002, ROOM = 1 << 20, READY_MS = 60000, PAGE_MS = 10000, ATTACK_MS = 2500, STOP_MS = 2000 };
static const char attack[] = "/download?file=../../../../etc/passwd";
static const char *const family_names[2] = {"IPv4", "IPv6"};

struct demo {
	const struct demo_options *options;
	struct lab lab;
	char folder[64]; /* for logs; goes at the end */
	pid_t server, sluice;
	int sluice_out;
	struct http_served *served;
	uint8_t *page;
	size_t page_len;
	char digest[65];
	unsigned failed;
	bool made;
};

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
	stopped = number;
}

static void say(struct demo *d, bool good, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void say(struct demo *d, bool good, const char *format, ...)
{
	va_list list;
	bool colour = isatty(1) && !getenv("NO_COLOR");
	printf("  %s%s%s ", colour ? (good ? "\033[32m" : "\033[31m") : "", good ? "ok  " : "FAIL", colour ? "\033[0m" : "");
	va_start(list, format);
	vprintf(format, list);
	va_end(list);
	putchar('\n');
	fflush(stdout);
	d->failed += !good;
}

static int trouble(const char *what, const char *why)
{
	fprintf(stderr, "sluice: demo: %s: %s\n", what, why);
	return -1;
}

static void digest_of(const void *data, size_t len, char out[65])
{
	struct sha256_ctx c;
	uint8_t sum[SHA256_DIGEST_SIZE];
	sha256_init(&c);
	sha256_update(&c, len, data);
	sha256_digest(&c, sizeof sum, sum);
	for (size_t i = 0; i < sizeof sum; i++)
		snprintf(out + 2 * i, 3, "%02x", sum[i]);
}

static uint8_t *read_share(const struct demo *d, const char *name, size_t *len)
{
	char *path = xasprintf("%s/%s", d->options->share, name);
	FILE *f = fopen(path, "rbe");
	uint8_t *data = f ? xcalloc(1, ROOM) : NULL;
	*len = f ? fread(data, 1, ROOM - 1, f) : 0;
	if (f)
		fclose(f);
	else
		trouble(path, strerror(errno));
	free(path);
	return data;
}

static int start_server(struct demo *d)
{
	size_t secret_len;
	d->page = read_share(d, "page.html", &d->page_len);
	char *secret = (char *)read_share(d, "secret.txt", &secret_len);
	d->served = mmap(NULL, sizeof *d->served, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (!d->page || !secret || d->served == MAP_FAILED) {
		free(secret);
		return -1;
	}
	digest_of(d->page, d->page_len, d->digest);
	struct error error;
	fflush(stdout);
	d->server = fork();
	if (d->server == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		signal(SIGINT, SIG_IGN);
		if (lab_enter(&d->lab, LAB_SERVER, &error) < 0)
			_exit(1);
		http_serve(d->page, d->page_len, secret, d->served);
	}
	free(secret);
	return d->server < 0 ? trouble("server", strerror(errno)) : 0;
}

static int load_firewall(struct demo *d)
{
	char *path = xasprintf("%s/firewall.nft", d->options->share);
	char *argv[] = {"nft", "-f", path, NULL};
	struct error error;
	int status = -1;
	pid_t pid = lab_spawn(&d->lab, LAB_GATEWAY, argv, -1, &error);
	if (pid > 0)
		waitpid(pid, &status, 0);
	free(path);
	return status == 0 ? 0 : trouble("the gateway's firewall", "nft could not load it");
}

/* Waits for a line that begins with READY; what comes before and after it is shown. */
static int wait_ready(struct demo *d)
{
	char text[16384];
	size_t len = 0;
	usec_t end = clock_monotonic() + READY_MS * 1000LL;
	while (!stopped && clock_monotonic() < end) {
		struct pollfd p = {.fd = d->sluice_out, .events = POLLIN};
		if (poll(&p, 1, 200) <= 0)
			continue;
		ssize_t n = read(d->sluice_out, text + len, sizeof text - 1 - len);
		if (n <= 0)
			break;
		len += (size_t)n;
		text[len] = '\0';
		char *ready = strncmp(text, "READY", 5) == 0 ? text : strstr(text, "\nREADY");
		if (ready && strchr(ready + 1, '\n')) {
			puts("What `sluice run` says on the gateway:");
			for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
				printf("  | %s\n", line);
			return 0;
		}
	}
	return stopped ? -1 : trouble("sluice run", "it did not get ready");
}

static int start_sluice(struct demo *d)
{
	int p[2];
	struct error error = {0};
	if (pipe2(p, O_CLOEXEC) < 0)
		return trouble("pipe", strerror(errno));
	char *config = xasprintf("%s/sluice.yaml", d->options->share), *rules = xasprintf("%s/demo.rules", d->options->share);
	char *argv[] = {(char *)d->options->program, "run", "-c", config, "-S", rules, "-l", d->folder, NULL};
	unsetenv("NOTIFY_SOCKET");
	d->sluice = lab_spawn(&d->lab, LAB_GATEWAY, argv, p[1], &error);
	close(p[1]);
	d->sluice_out = p[0];
	free(config);
	free(rules);
	return d->sluice < 0 ? trouble("sluice run", error.text) : wait_ready(d);
}

static int make(struct demo *d)
{
	struct error error = {0};
	if (lab_make(&d->lab, &error) < 0)
		return trouble("the lab", error.text);
	d->made = true;
	const char *tmp = getenv("TMPDIR");
	snprintf(d->folder, sizeof d->folder, "%s/sluice-demo-XXXXXX", tmp && strlen(tmp) < 40 ? tmp : "/tmp");
	if (!mkdtemp(d->folder)) {
		*d->folder = '\0';
		return trouble("a folder for logs", strerror(errno));
	}
	puts("client 10.23.1.2, fd23:1::2 -- gateway -- 198.51.100.2, 2001:db8:2::2 server");
	puts("The gateway's own firewall (share/demo/firewall.nft) accepts web traffic; sluice stands after it.");
	if (start_server(d) < 0 || load_firewall(d) < 0)
		return -1;
	if (d->options->without_queue) {
		puts("BREAK=queue: sluice is left out, so what follows must fail.");
		return 0;
	}
	return start_sluice(d);
}

/* ---- traffic ---- */

static void fetch_page(struct demo *d, int family, uint8_t *room)
{
	char digest[65];
	ssize_t n = http_get(lab_server_address[family], "/", room, ROOM, PAGE_MS);
	if (n < 0) {
		say(d, false, "%s: the harmless page did not arrive: %s", family_names[family], strerror((int)-n));
		return;
	}
	digest_of(room, (size_t)n, digest);
	bool same = strcmp(digest, d->digest) == 0;
	say(d, same, "%s: the harmless page arrived, %zd bytes, sha256 %.16s…, at the server %.16s…", family_names[family], n, digest, d->digest);
}

static void send_attack(struct demo *d, int family, uint8_t *room)
{
	uint32_t before = __atomic_load_n(&d->served->secrets, __ATOMIC_RELAXED);
	ssize_t n = http_get(lab_server_address[family], attack, room, ROOM, ATTACK_MS);
	uint32_t reached = __atomic_load_n(&d->served->secrets, __ATOMIC_RELAXED) - before;
	if (n >= 0)
		say(d, false, "%s: the attack got through: %zd bytes of /etc/passwd came back", family_names[family], n);
	else
		say(d, reached == 0, "%s: the attack got no answer (%s); requests that reached the server: %u", family_names[family],
		    strerror((int)-n), reached);
}

static int traffic(struct demo *d)
{
	struct error error;
	uint8_t *room = xmalloc(ROOM);
	if (lab_enter(&d->lab, LAB_CLIENT, &error) < 0)
		return trouble("client", error.text);
	printf("The client asks for a page, and then for %s:\n", attack);
	for (int family = 0; family < 2 && !stopped; family++)
		fetch_page(d, family, room);
	for (int family = 0; family < 2 && !stopped; family++)
		send_attack(d, family, room);
	free(room);
	return lab_enter(&d->lab, LAB_GATEWAY, &error);
}

/* ---- what the records say ---- */

struct records {
	unsigned alerts[2], drops[2], seen[2];
	char alert_line[2][160];
};

static void read_record(struct records *r, json_t *o)
{
	const char *type = json_string_value(json_object_get(o, "event_type")), *src = json_string_value(json_object_get(o, "src_ip"));
	json_t *alert = json_object_get(o, "alert");
	if (!type || !src)
		return;
	int family = strchr(src, ':') != NULL;
	json_int_t sid = json_integer_value(json_object_get(alert, "signature_id"));
	const char *action = json_string_value(json_object_get(alert, "action"));
	if (strcmp(type, "alert") == 0 && sid == DROP_SID && action && strcmp(action, "blocked") == 0) {
		r->alerts[family]++;
		snprintf(r->alert_line[family], sizeof r->alert_line[family], "%s:%d, \"%s\"", src,
			 (int)json_integer_value(json_object_get(o, "src_port")), json_string_value(json_object_get(alert, "signature")));
	}
	const char *url = json_string_value(json_object_get(json_object_get(o, "http"), "url"));
	r->seen[family] += strcmp(type, "alert") == 0 && sid == SEE_SID && url && strcmp(url, "/") == 0;
	r->drops[family] += strcmp(type, "drop") == 0;
}

static void check_records(struct demo *d)
{
	char path[128], *line = NULL;
	size_t room = 0;
	unsigned lines = 0, bad = 0;
	struct records r = {0};
	snprintf(path, sizeof path, "%s/eve.json", d->folder);
	FILE *f = fopen(path, "re");
	while (f && getline(&line, &room, f) > 0) {
		json_t *o = json_loads(line, 0, NULL);
		lines++;
		bad += !o;
		if (o)
			read_record(&r, o);
		json_decref(o);
	}
	free(line);
	if (f)
		fclose(f);
	printf("What eve.json says (%u records):\n", lines);
	say(d, lines && !bad, "every line is JSON");
	for (int i = 0; i < 2; i++) {
		say(d, r.alerts[i] > 0, "%s: alert, action blocked: %u%s%s", family_names[i], r.alerts[i], *r.alert_line[i] ? ", from " : "", r.alert_line[i]);
		say(d, r.drops[i] > 0, "%s: drop records: %u", family_names[i], r.drops[i]);
		say(d, r.seen[i] > 0, "%s: alerts about the harmless request, action allowed: %u", family_names[i], r.seen[i]);
	}
}

static void check_queue(struct demo *d)
{
	struct gateway_counts c = {0};
	struct error error = {0};
	int r = gateway_counts(&c, &error);
	say(d, r == 0 && c.queued_packets > 0, "packets that table inet sluice handed to sluice: %llu", (unsigned long long)c.queued_packets);
}

static void stop_sluice(struct demo *d)
{
	if (d->sluice <= 0)
		return;
	usec_t start = clock_monotonic();
	int status = 0;
	kill(d->sluice, SIGTERM);
	pid_t gone = 0;
	while (!(gone = waitpid(d->sluice, &status, WNOHANG)) && clock_monotonic() - start < STOP_MS * 1000LL)
		usleep(10000);
	if (!gone) {
		kill(d->sluice, SIGKILL);
		waitpid(d->sluice, &status, 0);
	}
	say(d, gone > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0, "sluice stopped in %.2f s", (double)(clock_monotonic() - start) / USEC_PER_SEC);
	d->sluice = 0;
	struct gateway_counts c;
	struct error error;
	say(d, gateway_counts(&c, &error) == 0 && c.rules == 0, "its table is gone from the gateway");
}

static void unmake(struct demo *d)
{
	static const char *const files[] = {"eve.json", "fast.log", "stats.log"};
	if (d->sluice > 0) {
		kill(d->sluice, SIGTERM);
		for (int i = 0; i < 200 && waitpid(d->sluice, NULL, WNOHANG) == 0; i++)
			usleep(10000);
	}
	if (d->server > 0)
		kill(d->server, SIGKILL);
	if (d->made)
		lab_end(&d->lab);
	for (size_t i = 0; *d->folder && i < sizeof files / sizeof *files; i++) {
		char path[128];
		snprintf(path, sizeof path, "%s/%s", d->folder, files[i]);
		unlink(path);
	}
	if (*d->folder)
		rmdir(d->folder);
	free(d->page);
}

static void print_end(const struct demo *d)
{
	if (d->failed) {
		printf("\n%u of the demonstration's points did not hold.\n", d->failed);
		return;
	}
	const char *p = d->options->shown, *share = d->options->share;
	printf("\nAll of it held; nothing outside the demonstration's own namespaces was touched. Next:\n"
	       "  %s rules check %s/demo.rules      what sluice makes of rules\n"
	       "  %s replay -S FILE.rules -l . FILE.pcap      the same engine on a capture, without root\n"
	       "  sudo %s run --dry-run      what it would load on this machine; changes nothing\n",
	       p, share, p, p);
}

int demo_run(const struct demo_options *o)
{
	struct demo d = {.options = o, .lab = {{-1, -1, -1}}};
	struct sigaction action = {.sa_handler = on_signal};
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	bool good = make(&d) == 0 && traffic(&d) == 0;
	if (good && !stopped) {
		puts("What the gateway says:");
		check_queue(&d);
		stop_sluice(&d);
		check_records(&d);
	}
	unmake(&d);
	if (stopped)
		puts("\nstopped; everything is taken away");
	else if (good)
		print_end(&d);
	return good && !stopped && !d.failed ? 0 : 1;
}
