// SPDX-License-Identifier: GPL-2.0-or-later
#include "lab/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

static bool send_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
		if (n <= 0)
			return false;
		data += n;
		len -= (size_t)n;
	}
	return true;
}

static void answer(int fd, const void *page, size_t page_len, const char *secret, struct http_served *served)
{
	char request[4096];
	size_t len = 0;
	struct timeval limit = {.tv_sec = 10};
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	do {
		ssize_t n = recv(fd, request + len, sizeof request - 1 - len, 0);
		if (n <= 0)
			return;
		len += (size_t)n;
		request[len] = '\0';
	} while (!strstr(request, "\r\n\r\n") && len < sizeof request - 1);
	bool attack = strstr(request, "/etc/passwd") != NULL;
	__atomic_add_fetch(attack ? &served->secrets : &served->pages, 1, __ATOMIC_RELAXED);
	size_t body = attack ? strlen(secret) : page_len;
	char head[160];
	int n = snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Type: text/%s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
			 attack ? "plain" : "html", body);
	if (send_all(fd, head, (size_t)n))
		send_all(fd, attack ? secret : page, body);
}

_Noreturn void http_serve(const void *page, size_t page_len, const char *secret, struct http_served *served)
{
	struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(80)};
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1, off = 0;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
	signal(SIGCHLD, SIG_IGN);
	if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof any) < 0 || listen(fd, 16) < 0)
		_exit(1);
	for (;;) {
		int client = accept(fd, NULL, NULL);
		if (client < 0)
			continue;
		if (fork() == 0) {
			answer(client, page, page_len, secret, served);
			_exit(0);
		}
		close(client);
	}
}

static int connect_in_time(const char *address, int timeout_ms)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV}, *found;
	if (getaddrinfo(address, "80", &hints, &found))
		return -EINVAL;
	int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), problem = 0;
	if (connect(fd, found->ai_addr, found->ai_addrlen) < 0)
		problem = errno;
	if (problem == EINPROGRESS) {
		problem = 0;
		struct pollfd p = {.fd = fd, .events = POLLOUT};
		socklen_t len = sizeof problem;
		if (poll(&p, 1, timeout_ms) <= 0)
			problem = ETIMEDOUT;
		else
			getsockopt(fd, SOL_SOCKET, SO_ERROR, &problem, &len);
	}
	freeaddrinfo(found);
	if (!problem)
		return fd;
	close(fd);
	return -problem;
}

ssize_t http_get(const char *address, const char *path, void *out, size_t room, int timeout_ms)
{
	usec_t end = clock_monotonic() + timeout_ms * 1000LL;
	int fd = connect_in_time(address, timeout_ms);
	if (fd < 0)
		return fd;
	char request[512];
	bool six = strchr(address, ':') != NULL;
	int n = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: %s%s%s\r\nUser-Agent: sluice-demo\r\nConnection: close\r\n\r\n", path,
			 six ? "[" : "", address, six ? "]" : "");
	ssize_t got = send_all(fd, request, (size_t)n) ? 0 : -EIO;
	char *at = out;
	size_t len = 0;
	while (got >= 0) {
		int left = (int)((end - clock_monotonic()) / 1000);
		struct pollfd p = {.fd = fd, .events = POLLIN};
		if (left <= 0 || poll(&p, 1, left) <= 0) {
			got = -ETIMEDOUT;
			break;
		}
		ssize_t r = recv(fd, at + len, room - len, 0);
		got = r < 0 ? -errno : 0;
		if (r <= 0)
			break;
		len += (size_t)r;
	}
	close(fd);
	if (got < 0)
		return got;
	char *body = memmem(out, len, "\r\n\r\n", 4);
	if (!body)
		return -EBADMSG;
	body += 4;
	len -= (size_t)(body - at);
	memmove(out, body, len);
	return (ssize_t)len;
}
