// SPDX-License-Identifier: GPL-2.0-or-later
#include "lag/probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/jansson.h"
#include "base/memory.h"

enum { STEP_MS = 100, PATIENCE_MS = 5000, ECHO_LEN = 64 };

struct pinger {
	int fd;
	bool six;
	uint16_t id;
	unsigned count, last; /* last: the highest that was answered */
	usec_t *sent, *trip;
	struct probe *p;
};

static int open_pinger(struct pinger *g, const char *address, const char *device, struct error *error)
{
	struct sockaddr_storage to = {0};
	struct sockaddr_in *four = (struct sockaddr_in *)(void *)&to;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)(void *)&to;
	g->six = strchr(address, ':');
	to.ss_family = g->six ? AF_INET6 : AF_INET;
	if (inet_pton(to.ss_family, address, g->six ? (void *)&six->sin6_addr : (void *)&four->sin_addr) != 1)
		return error_set(error, EINVAL, "'%s' is no IPv4 or IPv6 address", address);
	g->fd = socket(to.ss_family, SOCK_RAW | SOCK_CLOEXEC, g->six ? (int)IPPROTO_ICMPV6 : (int)IPPROTO_ICMP);
	if (g->fd < 0)
		return error_set(error, errno, "cannot open a socket for pings: %s", strerror(errno));
	if (device && setsockopt(g->fd, SOL_SOCKET, SO_BINDTODEVICE, device, (socklen_t)strlen(device)) < 0)
		return error_set(error, errno, "cannot ping by %s: %s", device, strerror(errno));
	if (connect(g->fd, (struct sockaddr *)&to, g->six ? sizeof *six : sizeof *four) < 0)
		return error_set(error, errno, "cannot reach %s: %s", address, strerror(errno));
	return 0;
}

static uint16_t checksum(const uint8_t *at, size_t len)
{
	uint32_t sum = 0;
	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)at[i] << 8 | at[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void send_echo(struct pinger *g, unsigned number)
{
	uint8_t m[ECHO_LEN] = {g->six ? ICMP6_ECHO_REQUEST : ICMP_ECHO};
	m[4] = (uint8_t)(g->id >> 8);
	m[5] = (uint8_t)g->id;
	m[6] = (uint8_t)(number >> 8);
	m[7] = (uint8_t)number;
	uint16_t sum = g->six ? 0 : checksum(m, sizeof m); /* the kernel fills that of ICMPv6 */
	m[2] = (uint8_t)(sum >> 8);
	m[3] = (uint8_t)sum;
	g->sent[number] = clock_monotonic();
	if (send(g->fd, m, sizeof m, 0) == (ssize_t)sizeof m || errno == ENOBUFS)
		g->p->sent++;
}

static void take_answer(struct pinger *g, const uint8_t *m, size_t len, usec_t now)
{
	size_t at = g->six || len < 1 ? 0 : (size_t)(m[0] & 15) * 4; /* a raw IPv4 socket gives the header too */
	if (len < at + 8 || m[at] != (g->six ? ICMP6_ECHO_REPLY : ICMP_ECHOREPLY) || (m[at + 4] << 8 | m[at + 5]) != g->id)
		return;
	unsigned number = (unsigned)(m[at + 6] << 8 | m[at + 7]);
	if (number >= g->count || !g->sent[number])
		return;
	if (g->trip[number]) {
		g->p->again++;
		return;
	}
	g->trip[number] = now - g->sent[number];
	g->p->answered++;
	g->p->late += number < g->last;
	g->last = number > g->last ? number : g->last;
}

static void take_answers(struct pinger *g, int wait_ms)
{
	uint8_t m[2048];
	usec_t end = clock_monotonic() + wait_ms * 1000LL;
	for (usec_t now; (now = clock_monotonic()) < end;) {
		struct pollfd p = {g->fd, POLLIN, 0};
		if (poll(&p, 1, (int)((end - now + 999) / 1000)) <= 0)
			return;
		ssize_t len = recv(g->fd, m, sizeof m, MSG_DONTWAIT);
		if (len > 0)
			take_answer(g, m, (size_t)len, clock_monotonic());
	}
}

static int by_size(const void *a, const void *b)
{
	usec_t x = *(const usec_t *)a, y = *(const usec_t *)b;
	return x < y ? -1 : x > y;
}

static void sum_up(struct pinger *g)
{
	struct probe *p = g->p;
	unsigned n = 0;
	p->trips = xcalloc(g->count + 1, sizeof *p->trips);
	for (unsigned i = 0; i < g->count; i++) {
		p->trips[i] = (double)g->trip[i] / 1000;
		p->bursts += !g->trip[i] && (i == 0 || g->trip[i - 1]);
		if (g->trip[i])
			g->trip[n++] = g->trip[i];
	}
	if (!n)
		return;
	qsort(g->trip, n, sizeof *g->trip, by_size);
	p->least = (double)g->trip[0] / 1000;
	usec_t low = g->trip[(n - 1) / 2], high = g->trip[n / 2];
	p->median = (double)(low + high) / 2000;
	p->most = (double)g->trip[n - 1] / 1000;
}

int lag_probe(struct probe *out, const char *address, const char *device, unsigned count, int gap, struct error *error)
{
	*out = (struct probe){0};
	struct pinger g = {.fd = -1, .id = (uint16_t)getpid(), .count = count > UINT16_MAX ? UINT16_MAX : count, .p = out};
	int code = open_pinger(&g, address, device, error);
	if (code == 0) {
		g.sent = xcalloc(g.count + 1, sizeof *g.sent);
		g.trip = xcalloc(g.count + 1, sizeof *g.trip);
		for (unsigned i = 0; i < g.count; i++) {
			send_echo(&g, i);
			take_answers(&g, gap);
		}
		for (int waited = 0; waited < PATIENCE_MS && out->answered < out->sent; waited += STEP_MS)
			take_answers(&g, STEP_MS);
		sum_up(&g);
	}
	if (g.fd >= 0)
		close(g.fd);
	free(g.sent);
	free(g.trip);
	return code;
}

void probe_free(struct probe *p)
{
	free(p->trips);
	*p = (struct probe){0};
}

static void print_json(FILE *out, const char *address, const struct probe *p)
{
	json_t *trips = json_array();
	for (unsigned i = 0; p->trips && i < p->sent; i++)
		json_array_append_new(trips, json_real(p->trips[i]));
	json_t *o = json_pack("{s:s, s:i, s:i, s:i, s:i, s:i, s:f, s:f, s:f, s:o}", "address", address, "sent", (int)p->sent, "answered", (int)p->answered, "twice",
			      (int)p->again, "out_of_order", (int)p->late, "bursts", (int)p->bursts, "least_ms", p->least, "median_ms", p->median, "most_ms", p->most,
			      "trips_ms", trips);
	json_dumpf(o, out, JSON_COMPACT | JSON_REAL_PRECISION(6));
	fputc('\n', out);
	json_decref(o);
}

void lag_probe_print(FILE *out, const char *address, const struct probe *p, bool json)
{
	if (json) {
		print_json(out, address, p);
		return;
	}
	unsigned lost = p->sent - p->answered;
	fprintf(out, "%s: %u sent, %u answered, %.2f %% lost", address, p->sent, p->answered, p->sent ? 100.0 * lost / p->sent : 0);
	if (lost)
		fprintf(out, " (in runs of %.1f)", p->bursts ? (double)lost / p->bursts : 0);
	if (p->again)
		fprintf(out, ", %u twice", p->again);
	if (p->late)
		fprintf(out, ", %u out of order", p->late);
	if (p->answered)
		fprintf(out, "; round trip %.2f / %.2f / %.2f ms (least, median, most)", p->least, p->median, p->most);
	fputc('\n', out);
}
