// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The control socket: Suricata's unix-socket protocol, {"command":…,"arguments":{…}} → {"return":"OK|NOK","message":…}, one JSON object after another,
 * the greeting {"version":"0.2"} optional. Clients are served by the main loop, never block it, and are bounded in number, request size and unread
 * replies. Only root and the group `sluice` may connect.
 *
 * A command is one row in control_commands.c.
 */
#pragma once

#include <sys/types.h>

#include "base/jansson.h"
#include "daemon/loop.h"

struct live;
struct control;
struct control *control_open(struct loop *loop, struct live *live, const char *path, struct error *error);
void control_close(struct control *c);
uint64_t control_refused(const struct control *c); /* requests that were none; NULL is allowed */

struct control_reply; /* one request's answer, which may come later */
/* Answers and frees. `message` is taken over. From the main thread. */
void control_answer(struct control_reply *r, bool ok, json_t *message);
void control_answer_text(struct control_reply *r, bool ok, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The same in two steps, for long answers: the line may be made by any thread (NULL: no memory), and is taken over when it is sent. */
char *control_line(bool ok, json_t *message);
void control_answer_line(struct control_reply *r, char *line);

/* Who asks; pid 0: gone already. */
void control_peer(const struct control_reply *r, pid_t *pid, uid_t *uid);

struct control_command {
	const char *name, *help;
	/* `arguments` may be NULL. Must answer, at once or later. */
	void (*run)(struct live *live, const json_t *arguments, struct control_reply *reply);
};
extern const struct control_command control_commands[]; /* ends with a NULL name */
