// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/control.h"

#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "daemon/control_frame.h"

#define LOG_MODULE "control"

enum {
	CLIENTS_MAX = 256, REQUEST_MAX = 64 << 10,
	BACKLOG = 128, ACCEPTED_AT_ONCE = 16,
	UNREAD_MAX = 64 << 20, /* of all clients together: 20,000 blocks are up to 20 MB */
	KEPT_MAX = 64 << 10,   /* what a buffer holds on to between two requests */
	PATIENCE_SECONDS = 10, /* with a client that does not read */
};

struct client {
	struct control *control;
	uint64_t id;      /* 0: free */
	int fd;
	struct buffer in, out;
	struct frame_scan scan; /* of in */
	bool unseen;      /* `in` may hold a whole request */
	size_t sent;      /* of out */
	bool answering;   /* a request is under way; the next one waits */
	bool closing;     /* once `out` is out */
	usec_t used;      /* when it last asked, or took something */
};

struct control {
	struct loop *loop;
	struct live *live;
	int fd, timer;
	char *path;
	uint64_t last_id;
	struct client client[CLIENTS_MAX];
	bool said_garbage;
	uint64_t refused; /* requests that were none */
	bool deaf;        /* no descriptor was left for a connection: not listening until the next look */
	struct control_reply *replies; /* that are due */
};

struct control_reply {
	struct control *control;
	uint64_t client;
	struct control_reply *next;
};

static void client_close(struct client *c)
{
	loop_forget(c->control->loop, c->fd);
	close(c->fd);
	buffer_free(&c->in);
	buffer_free(&c->out);
	*c = (struct client){.control = c->control};
}

static void on_client(void *context, int fd, unsigned events);

/* A request that came along with the one before is served when the client can take an answer; until then nothing more is read from it. */
static void client_wait(struct client *c)
{
	bool writes = c->sent < c->out.len, reads = !writes && !c->answering && !c->closing;
	unsigned events = writes || (reads && c->unseen) ? POLLOUT : reads ? POLLIN : 0;
	(void)loop_watch(c->control->loop, c->fd, events, on_client, c);
}

/* What the socket takes now; the rest when it is writable. */
static void client_flush(struct client *c)
{
	while (c->sent < c->out.len) {
		ssize_t n = send(c->fd, c->out.data + c->sent, c->out.len - c->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n <= 0) {
			client_close(c);
			return;
		}
		c->sent += (size_t)n;
		c->used = clock_monotonic();
	}
	if (c->sent == c->out.len) {
		if (c->out.room > KEPT_MAX)
			buffer_free(&c->out);
		buffer_clear(&c->out);
		c->sent = 0;
		if (c->closing) {
			client_close(c);
			return;
		}
	}
	client_wait(c);
}

/* Together they may owe reading so much and no more: who took nothing for longest goes. */
static void bound_unread(struct control *control)
{
	for (;;) {
		struct client *slowest = NULL;
		size_t sum = 0;
		for (unsigned i = 0; i < CLIENTS_MAX; i++) {
			struct client *c = &control->client[i];
			sum += c->out.len;
			if (c->out.len && (!slowest || c->used < slowest->used))
				slowest = c;
		}
		if (sum <= UNREAD_MAX || !slowest)
			return;
		client_close(slowest);
	}
}

char *control_line(bool ok, json_t *message)
{
	json_t *o = message ? json_pack("{s:s,s:o}", "return", ok ? "OK" : "NOK", "message", message) : json_pack("{s:s}", "return", ok ? "OK" : "NOK");
	char *line = o ? json_dumps(o, JSON_COMPACT) : NULL;
	json_decref(o);
	return line;
}

static void client_send(struct client *c, const char *line)
{
	if (line) {
		buffer_add_string(&c->out, line);
		buffer_add_byte(&c->out, '\n');
	}
	if (!line || c->out.failed) { /* it would wait for ever */
		client_close(c);
		return;
	}
	client_flush(c);
	bound_unread(c->control);
}

static void client_say(struct client *c, bool ok, json_t *message)
{
	char *line = control_line(ok, message);
	client_send(c, line);
	free(line);
}

/* ---- requests ---- */

void control_answer_line(struct control_reply *r, char *line)
{
	struct control *control = r->control;
	uint64_t id = r->client;
	struct control_reply **at = &control->replies;
	while (*at != r)
		at = &(*at)->next;
	*at = r->next;
	free(r);
	for (unsigned i = 0; i < CLIENTS_MAX; i++) {
		struct client *c = &control->client[i];
		if (c->id != id)
			continue;
		c->answering = false;
		client_send(c, line);
		break;
	}
	free(line);
}

void control_answer(struct control_reply *r, bool ok, json_t *message)
{
	control_answer_line(r, control_line(ok, message));
}

void control_answer_text(struct control_reply *r, bool ok, const char *format, ...)
{
	char text[1024];
	va_list list;
	va_start(list, format);
	vsnprintf(text, sizeof text, format, list);
	va_end(list);
	control_answer(r, ok, json_text(text));
}

static void request(struct client *c, const json_t *o)
{
	const char *name = json_string_value(json_object_get(o, "command"));
	if (!name && json_object_get(o, "version")) { /* the greeting */
		client_say(c, true, NULL);
		return;
	}
	if (!name) {
		client_say(c, false, json_text("a request is {\"command\": NAME, \"arguments\": {…}}"));
		return;
	}
	for (const struct control_command *k = control_commands; k->name; k++) {
		if (strcmp(k->name, name) != 0)
			continue;
		struct control_reply *r = xcalloc(1, sizeof *r);
		*r = (struct control_reply){c->control, c->id, c->control->replies};
		c->control->replies = r;
		c->answering = true;
		uint64_t id = c->id;
		k->run(c->control->live, json_object_get(o, "arguments"), r);
		if (c->id == id)
			client_wait(c);
		return;
	}
	client_say(c, false, json_text("Unknown command"));
}

static void refuse(struct client *c, const char *why)
{
	c->closing = true;
	c->control->refused++;
	if (!c->control->said_garbage)
		log_notice("a client of the control socket sends what is no request: %s", why);
	c->control->said_garbage = true;
	client_say(c, false, json_text(why));
}

/* One request a turn, so that nobody keeps the main thread by asking much at once. */
static void serve(struct client *c)
{
	if (c->answering || c->closing || c->out.len)
		return;
	long len = frame_length(&c->scan, c->in.data, c->in.len);
	c->unseen = false;
	if (len == FRAME_MORE && c->scan.depth == 0) { /* white space alone */
		c->in.len = 0;
		c->scan = (struct frame_scan){0};
	}
	if (len == FRAME_MORE && c->in.len < REQUEST_MAX) {
		client_wait(c);
		return;
	}
	if (len <= 0) {
		refuse(c, len == FRAME_MORE ? "the request is too long" : "that is no JSON object");
		return;
	}
	json_t *o = json_loadb((const char *)c->in.data, (size_t)len, JSON_REJECT_DUPLICATES, NULL);
	memmove(c->in.data, c->in.data + len, c->in.len - (size_t)len);
	c->in.len -= (size_t)len;
	c->scan = (struct frame_scan){0};
	c->unseen = c->in.len > 0;
	if (o)
		request(c, o);
	else
		refuse(c, "that is no JSON object");
	json_decref(o);
}

static void on_client(void *context, int fd, unsigned events)
{
	struct client *c = context;
	if (events & POLLOUT) {
		uint64_t id = c->id;
		client_flush(c);
		if (c->id == id)
			serve(c); /* what it asked meanwhile */
		return;
	}
	uint8_t data[4096];
	ssize_t n = recv(fd, data, sizeof data, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		client_close(c);
		return;
	}
	c->used = clock_monotonic();
	if (c->in.len < 2 * REQUEST_MAX) /* who hung up while an answer is under way is read to the end */
		buffer_add(&c->in, data, (size_t)n);
	serve(c);
}

/* ---- clients ---- */

/* The one that was silent for longest, of those that nothing is owed. */
static struct client *least_missed(struct control *c, bool owed)
{
	struct client *oldest = NULL;
	for (unsigned i = 0; i < CLIENTS_MAX; i++) {
		struct client *x = &c->client[i];
		if (!x->answering && (owed || x->out.len == 0) && (!oldest || x->used < oldest->used))
			oldest = x;
	}
	return oldest;
}

static struct client *free_client(struct control *c)
{
	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		if (!c->client[i].id)
			return &c->client[i];
	struct client *x = least_missed(c, false);
	x = x ? x : least_missed(c, true);
	if (x)
		client_close(x);
	return x;
}

/* False: nobody more waits. */
static bool take_client(struct control *control, int fd)
{
	int s = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (s < 0) {
		if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM)
			return false;
		control->deaf = true; /* else poll would tell of it without end */
		loop_forget(control->loop, control->fd);
		return false;
	}
	struct client *c = free_client(control);
	if (!c) {
		close(s);
		return true;
	}
	*c = (struct client){.control = control, .id = ++control->last_id, .fd = s, .used = clock_monotonic()};
	client_wait(c);
	return true;
}

static void on_connection(void *context, int fd, unsigned events)
{
	(void)events;
	for (int i = 0; i < ACCEPTED_AT_ONCE && take_client(context, fd); i++)
		;
}

/* Who does not read what he asked for is not waited for. */
static void look_after(void *context)
{
	struct control *control = context;
	usec_t now = clock_monotonic();
	for (unsigned i = 0; i < CLIENTS_MAX; i++) {
		struct client *c = &control->client[i];
		if (c->id && c->sent < c->out.len && now > c->used + PATIENCE_SECONDS * USEC_PER_SEC)
			client_close(c);
	}
	if (control->deaf)
		(void)loop_watch(control->loop, control->fd, POLLIN, on_connection, control);
	control->deaf = false;
}

uint64_t control_refused(const struct control *c)
{
	return c ? c->refused : 0;
}

void control_peer(const struct control_reply *r, pid_t *pid, uid_t *uid)
{
	struct ucred who = {.uid = (uid_t)-1};
	socklen_t size = sizeof who;
	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		if (r->control->client[i].id == r->client)
			(void)getsockopt(r->control->client[i].fd, SOL_SOCKET, SO_PEERCRED, &who, &size);
	*pid = who.pid;
	*uid = who.uid;
}

static void give_to_group(const char *path)
{
	const struct group *g = getgrnam("sluice");
	if (g && lchown(path, (uid_t)-1, g->gr_gid) < 0)
		log_notice("the control socket stays root's alone: %s", strerror(errno));
}

static void make_folder_of(const char *path)
{
	char *folder = xstrdup(path), *end = strrchr(folder, '/');
	if (end && end != folder) {
		*end = '\0';
		if (mkdir(folder, 0755) == 0)
			(void)chmod(folder, 0755); /* whatever the umask: the group must reach the socket */
	}
	free(folder);
}

/* A dead run's socket makes room; a living one (of another network namespace, for in ours there is one at a time) and what is no socket do not. */
static int make_room(const char *path, const struct sockaddr_un *a, struct error *error)
{
	struct stat st;
	if (lstat(path, &st) < 0)
		return 0;
	if (!S_ISSOCK(st.st_mode))
		return error_set(error, EEXIST, "%s: there is a file that is no socket", path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool lives = fd >= 0 && (connect(fd, (const struct sockaddr *)a, sizeof *a) == 0 || errno == EAGAIN);
	if (fd >= 0)
		close(fd);
	if (lives)
		return error_set(error, EADDRINUSE, "%s: another program listens there; --socket or unix-command.filename chooses another", path);
	return unlink(path) < 0 ? error_set(error, errno, "%s: %s", path, strerror(errno)) : 0;
}

static int listen_at(const char *path, const struct sockaddr_un *a, struct error *error)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return error_set(error, errno, "%s: %s", path, strerror(errno));
	mode_t before = umask(0117);
	int r = bind(fd, (const struct sockaddr *)a, sizeof *a), code = errno;
	umask(before);
	if (r == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	code = r == 0 ? errno : code;
	close(fd);
	return error_set(error, code, "%s: %s", path, strerror(code));
}

struct control *control_open(struct loop *loop, struct live *live, const char *path, struct error *error)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof a.sun_path) {
		error_set(error, ENAMETOOLONG, "%s: too long for a socket's name", path);
		return NULL;
	}
	strcpy(a.sun_path, path);
	make_folder_of(path);
	int fd = make_room(path, &a, error) < 0 ? -1 : listen_at(path, &a, error);
	if (fd < 0)
		return NULL;
	give_to_group(path);
	struct control *c = xcalloc(1, sizeof *c);
	*c = (struct control){.loop = loop, .live = live, .fd = fd, .path = xstrdup(path)};
	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		c->client[i].control = c;
	(void)loop_watch(loop, fd, POLLIN, on_connection, c);
	c->timer = loop_timer_start(loop, 2 * USEC_PER_SEC, false, look_after, c);
	return c;
}

void control_close(struct control *c)
{
	if (!c)
		return;
	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		if (c->client[i].id) {
			client_flush(&c->client[i]);
			if (c->client[i].id)
				client_close(&c->client[i]);
		}
	for (struct control_reply *r = c->replies, *next; r; r = next) {
		next = r->next;
		free(r);
	}
	loop_timer_stop(c->loop, c->timer);
	loop_forget(c->loop, c->fd);
	close(c->fd);
	(void)unlink(c->path);
	free(c->path);
	free(c);
}
