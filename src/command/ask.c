// SPDX-License-Identifier: GPL-2.0-or-later
#include "command/ask.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/memory.h"
#include "command/command.h"

static int reach(const char *path, int seconds, struct error *error)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	struct timeval limit = {.tv_sec = seconds};
	if (strlen(path) >= sizeof a.sun_path)
		return error_set(error, ENAMETOOLONG, "%s: too long for a socket's name", path);
	strcpy(a.sun_path, path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return error_set(error, errno, "%s", strerror(errno));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0)
		return fd;
	int code = errno;
	close(fd);
	if (code == ENOENT || code == ECONNREFUSED)
		return error_set(error, code, "nobody listens at %s: sluice is not running", path);
	if (code == EACCES)
		return error_set(error, code, "%s: no permission; root and members of the group sluice may ask", path);
	return error_set(error, code, "%s: %s", path, strerror(code));
}

static int send_all(int fd, const char *text, struct error *error)
{
	for (size_t left = strlen(text); left;) {
		ssize_t n = send(fd, text, left, MSG_NOSIGNAL);
		if (n < 0)
			return error_set(error, errno, "asking: %s", strerror(errno));
		text += n;
		left -= (size_t)n;
	}
	return 0;
}

/* One object; its end is where the text becomes whole. */
static json_t *receive(int fd, struct error *error)
{
	struct buffer in = {0};
	json_t *o = NULL;
	char part[16384];
	while (!o) {
		ssize_t n = recv(fd, part, sizeof part, 0);
		if (n <= 0) {
			error_set(error, n < 0 ? errno : EPIPE, n == 0 ? "the connection was closed before an answer came" : "no answer: %s", strerror(n < 0 ? errno : EPIPE));
			break;
		}
		buffer_add(&in, part, (size_t)n);
		if (part[n - 1] == '\n')
			o = json_loadb((const char *)in.data, in.len, JSON_DISABLE_EOF_CHECK, NULL);
	}
	buffer_free(&in);
	return o;
}

int ask(const char *path, const char *command, json_t *arguments, int seconds, json_t **message, struct error *error)
{
	*message = NULL;
	int fd = reach(path, seconds, error);
	if (fd < 0) {
		json_decref(arguments);
		return fd;
	}
	json_t *request = arguments ? json_pack("{s:s,s:o}", "command", command, "arguments", arguments) : json_pack("{s:s}", "command", command);
	char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
	json_decref(request);
	int r = text ? send_all(fd, text, error) : error_set(error, EINVAL, "the request is not UTF-8");
	free(text);
	json_t *answer = r == 0 ? receive(fd, error) : NULL;
	close(fd);
	if (!answer)
		return r < 0 ? r : -EPIPE;
	*message = json_incref(json_object_get(answer, "message"));
	const char *verdict = json_string_value(json_object_get(answer, "return"));
	r = verdict && strcmp(verdict, "OK") == 0;
	json_decref(answer);
	return r;
}

int ask_and_print(const char *path, const char *command, json_t *arguments, int seconds, void (*show)(const json_t *message))
{
	struct error error = {0};
	json_t *message;
	int r = ask(path, command, arguments, seconds, &message, &error);
	if (r < 0)
		fprintf(stderr, "sluice: %s\n", error.text);
	else if (json_is_string(message))
		fprintf(r ? stdout : stderr, "%s%s\n", r ? "" : "sluice: ", json_string_value(message));
	else if (message && show && r)
		show(message);
	else if (message)
		fprintf(r ? stdout : stderr, "%s%s\n", r ? "" : "sluice: ", json_string_value(json_object_get(message, "message")));
	json_decref(message);
	return r == 1 ? STATUS_DONE : STATUS_FAILED;
}
