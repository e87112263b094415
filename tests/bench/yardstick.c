// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A fixed piece of work of the kind an inspection engine does, timed, so that the engine's own time can be given as a ratio
 * that survives a noisy machine.
 *
 * usage: yardstick CAPTURE RULES...
 *
 * The fast pattern of every active rule (the content it names so, else its longest) is compiled into one database; the capture
 * (Ethernet) is read into memory; then every TCP and UDP payload is scanned once for all patterns. `flow` is the same walk with a hash
 * look-up instead of the scan: near the floor of any engine. `scan` is a yardstick and no floor: an engine need not look for every
 * pattern in every byte. One JSON object is printed: compile_s, flow_s, scan_s, packets, bytes, patterns, matches.
 */
#include <hs.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <xxhash.h>

struct view {
	const unsigned char *data;
	size_t len;
};

struct pattern {
	unsigned char byte[256];
	size_t len;
	int nocase, chosen;
};

static struct view *frames;
static size_t n_frames, n_patterns;
static struct pattern *patterns;
static unsigned long long total_bytes, matches;

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void fail(const char *what, const char *why)
{
	fprintf(stderr, "yardstick: %s: %s\n", what, why);
	exit(1);
}

/* The bytes of a quoted content. */
static void read_content(const char *p, struct pattern *out)
{
	int hex = 0;
	for (; *p && *p != '"' && out->len < sizeof out->byte; p++) {
		if (*p == '|') {
			hex = !hex;
		} else if (hex && *p != ' ') {
			unsigned value;
			if (sscanf(p, "%2x", &value) != 1)
				return;
			out->byte[out->len++] = (unsigned char)value;
			p++;
		} else if (!hex) {
			if (*p == '\\' && p[1])
				p++;
			out->byte[out->len++] = (unsigned char)*p;
		}
	}
}

/* Where an option ends: at a semicolon that is neither quoted nor escaped. */
static const char *option_end(const char *p)
{
	for (int quoted = 0; *p && (quoted || *p != ';'); p++) {
		if (*p == '\\' && p[1])
			p++;
		else if (*p == '"')
			quoted = !quoted;
	}
	return p;
}

static int is_named(const char *option, const char *name)
{
	size_t n = strlen(name);
	return strncmp(option, name, n) == 0 && (option[n] == ':' || option[n] == ';');
}

static void keep(const struct pattern *p)
{
	if (n_patterns % 1024 == 0)
		patterns = realloc(patterns, (n_patterns + 1024) * sizeof *patterns);
	if (!patterns)
		fail("patterns", "out of memory");
	patterns[n_patterns++] = *p;
}

/* Of the contents that must be there, the one that the rule names as its fast pattern, or else the first of the longest. */
static void keep_fast_pattern(const char *rule)
{
	struct pattern best = {.len = 0}, last = {.len = 0};
	const char *end;
	for (const char *p = strchr(rule, '('); p && *p; p = end) {
		p += 1 + strspn(p + 1, " \t");
		end = option_end(p);
		int is_content = is_named(p, "content") || is_named(p, "uricontent");
		if (is_content || !*end) {
			if (last.len && (last.chosen || (!best.chosen && last.len > best.len)))
				best = last;
			last = (struct pattern){.len = 0};
		}
		const char *text = p + strcspn(p, ":");
		if (is_content && text[1 + strspn(text + 1, " ")] == '"')
			read_content(text + 2 + strspn(text + 1, " "), &last);
		last.nocase |= is_named(p, "nocase");
		last.chosen |= is_named(p, "fast_pattern");
	}
	if (best.len)
		keep(&best);
}

static void read_rules(const char *path)
{
	FILE *f = fopen(path, "r");
	char *line = NULL;
	size_t room = 0;
	if (!f)
		fail(path, "cannot be opened");
	while (getline(&line, &room, f) > 0)
		if (*line != '#')
			keep_fast_pattern(line);
	free(line);
	fclose(f);
}

static int by_bytes(const void *a, const void *b)
{
	const struct pattern *x = a, *y = b;
	int order = memcmp(x->byte, y->byte, x->len < y->len ? x->len : y->len);
	return order ? order : x->len != y->len ? (x->len < y->len ? -1 : 1) : x->nocase - y->nocase;
}

static void drop_twins(void)
{
	size_t kept = 0;
	qsort(patterns, n_patterns, sizeof *patterns, by_bytes);
	for (size_t i = 0; i < n_patterns; i++)
		if (i == 0 || by_bytes(&patterns[i], &patterns[kept - 1]))
			patterns[kept++] = patterns[i];
	n_patterns = kept;
}

static hs_database_t *compile(void)
{
	const char **text = calloc(n_patterns, sizeof *text);
	unsigned *flags = calloc(n_patterns, sizeof *flags), *ids = calloc(n_patterns, sizeof *ids);
	hs_compile_error_t *error;
	hs_database_t *db;
	if (!text || !flags || !ids)
		fail("patterns", "out of memory");
	for (size_t i = 0; i < n_patterns; i++) {
		char *t = malloc(patterns[i].len * 4 + 1);
		for (size_t k = 0; t && k < patterns[i].len; k++)
			sprintf(t + 4 * k, "\\x%02x", patterns[i].byte[k]); /* NUL is a byte like others */
		text[i] = t;
		flags[i] = HS_FLAG_SINGLEMATCH | (patterns[i].nocase ? HS_FLAG_CASELESS : 0);
		ids[i] = (unsigned)i;
	}
	if (hs_compile_multi(text, flags, ids, (unsigned)n_patterns, HS_MODE_BLOCK, NULL, &db, &error) != HS_SUCCESS)
		fail("patterns", error->message);
	return db;
}

static void read_capture(const char *path)
{
	char why[PCAP_ERRBUF_SIZE];
	struct pcap_pkthdr *head;
	const unsigned char *data;
	pcap_t *p = pcap_open_offline(path, why);
	if (!p)
		fail(path, why);
	while (pcap_next_ex(p, &head, &data) == 1) {
		if (n_frames % 65536 == 0)
			frames = realloc(frames, (n_frames + 65536) * sizeof *frames);
		unsigned char *copy = malloc(head->caplen + 1);
		if (!frames || !copy)
			fail(path, "out of memory");
		memcpy(copy, data, head->caplen);
		frames[n_frames++] = (struct view){copy, head->caplen};
		total_bytes += head->caplen;
	}
	pcap_close(p);
}

/* The payload of a plain IPv4 or IPv6 packet with TCP or UDP; `tuple` gets 38 bytes that name its flow. */
static struct view payload_of(struct view f, unsigned char tuple[38])
{
	size_t at = 14, ports;
	if (f.len < 34)
		return (struct view){0};
	while (f.data[at - 2] == 0x81 && f.data[at - 1] == 0 && at + 24 < f.len)
		at += 4;
	unsigned type = f.data[at - 2] * 256u + f.data[at - 1], proto;
	size_t end = f.len;
	memset(tuple, 0, 38);
	if (type == 0x0800) {
		size_t head = (f.data[at] & 15) * 4u, total = f.data[at + 2] * 256u + f.data[at + 3];
		proto = f.data[at + 9];
		if (head < 20 || total < head || at + total > f.len || (f.data[at + 6] & 0x1f) || f.data[at + 7])
			return (struct view){0};
		memcpy(tuple, f.data + at + 12, 8);
		end = at + total;
		ports = at + head;
	} else if (type == 0x86dd && at + 40 <= f.len) {
		size_t total = f.data[at + 4] * 256u + f.data[at + 5];
		proto = f.data[at + 6];
		if (at + 40 + total > f.len)
			return (struct view){0};
		memcpy(tuple, f.data + at + 8, 32);
		end = at + 40 + total;
		ports = at + 40;
	} else {
		return (struct view){0};
	}
	size_t head = proto == 6 && ports + 20 <= end ? (f.data[ports + 12] >> 4) * 4u : proto == 17 && ports + 8 <= end ? 8 : 0;
	if (head == 0 || ports + head > end)
		return (struct view){0};
	memcpy(tuple + 32, f.data + ports, 4);
	tuple[36] = (unsigned char)proto;
	return (struct view){f.data + ports + head, end - ports - head};
}

static int on_match(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *context)
{
	(void)id, (void)from, (void)to, (void)flags, (void)context;
	matches++;
	return 0;
}

static double walk(const hs_database_t *db, hs_scratch_t *scratch)
{
	static unsigned char seen[1 << 22];
	double start = now();
	for (size_t i = 0; i < n_frames; i++) {
		unsigned char tuple[38];
		struct view v = payload_of(frames[i], tuple);
		if (!v.data)
			continue;
		seen[XXH3_64bits(tuple, sizeof tuple) & (sizeof seen - 1)]++;
		if (db && v.len)
			hs_scan(db, (const char *)v.data, (unsigned)v.len, 0, scratch, on_match, NULL);
	}
	return now() - start;
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		fputs("usage: yardstick CAPTURE RULES...\n", stderr);
		return 2;
	}
	for (int i = 2; i < argc; i++)
		read_rules(argv[i]);
	if (n_patterns == 0)
		fail(argv[2], "no active rule with a content");
	drop_twins();
	hs_scratch_t *scratch = NULL;
	double start = now();
	hs_database_t *db = compile();
	double compile_s = now() - start;
	if (hs_alloc_scratch(db, &scratch) != HS_SUCCESS)
		fail("scratch", "out of memory");
	read_capture(argv[1]);
	double flow_s = walk(NULL, NULL), scan_s = walk(db, scratch);
	printf("{\"compile_s\":%.4f,\"flow_s\":%.4f,\"scan_s\":%.4f,\"packets\":%zu,\"bytes\":%llu,\"patterns\":%zu,\"matches\":%llu}\n", compile_s,
	       flow_s, scan_s, n_frames, total_bytes, n_patterns, matches);
	return 0;
}
