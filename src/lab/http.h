// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The smallest web server and client that the demonstration needs; not for anything else. The server believes what it is told: it has the hole
 * that the demonstration's attack is for.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct http_served { /* in memory shared with the server's process */
	uint32_t pages, secrets;
};

/* Serves on port 80 of both families until it is killed: any path is `page`, but one with /etc/passwd in it is `secret`. */
_Noreturn void http_serve(const void *page, size_t page_len, const char *secret, struct http_served *served);
/* Asks for a path. Returns the length of the body, put into `out`; -ETIMEDOUT: no answer in time; -errno. */
ssize_t http_get(const char *address, const char *path, void *out, size_t room, int timeout_ms);
