// SPDX-License-Identifier: GPL-2.0-or-later
/* Asking the running sluice by its control socket. */
#pragma once

#include "base/error.h"
#include "base/jansson.h"

#define ASK_SOCKET "/run/sluice/command.socket"

/*
 * Sends one request and waits up to `seconds` for its answer. `arguments` is taken over, may be NULL. 1: OK, 0: NOK, with *message to be freed by the
 * caller in both cases; -ENOENT, -ECONNREFUSED: nobody is there; -errno with words.
 */
int ask(const char *socket, const char *command, json_t *arguments, int seconds, json_t **message, struct error *error);
/* The same, printing: the answer if it is text, the error or the refusal. Exit status. `show` (may be NULL) prints an answer that is no text. */
int ask_and_print(const char *socket, const char *command, json_t *arguments, int seconds, void (*show)(const json_t *message));
