// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Blocks on disk: lines of JSON, {"version":1}, then {"prefix":"192.0.2.1/32","until":…} for each; times in microseconds. Reading them is
 * blocks_restore.c's, for jansson and our own writer share names.
 */
#include "respond/blocks_private.h"

#include "base/json.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void write_block(void *context, const struct block *b)
{
	struct buffer *out = context;
	struct json json = json_into(out), *j = &json;
	char text[ADDRESS_TEXT], prefix[ADDRESS_TEXT + 8];
	snprintf(prefix, sizeof prefix, "%s/%u", address_format_short(&b->prefix, text), b->len);
	json_open(j, NULL);
	json_string(j, "prefix", prefix);
	json_int(j, "since", b->since);
	json_int(j, "until", b->until);
	json_uint(j, "gid", b->gid);
	json_uint(j, "sid", b->sid);
	json_uint(j, "generation", b->generation);
	json_uint(j, "flow_id", b->flow_id);
	json_string(j, "why", b->why);
	json_close(j);
	buffer_add_byte(out, '\n');
}

static int write_whole(int fd, const struct buffer *b)
{
	for (size_t at = 0; at < b->len;) {
		ssize_t n = write(fd, b->data + at, b->len - at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += (size_t)n;
	}
	return fsync(fd) < 0 ? -errno : 0;
}

static int replace_file(const char *path, const struct buffer *b)
{
	char *fresh = xasprintf("%s.new", path);
	int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	int status = fd < 0 ? -errno : write_whole(fd, b);
	if (fd >= 0 && close(fd) < 0 && status == 0)
		status = -errno;
	if (status == 0 && rename(fresh, path) < 0)
		status = -errno;
	if (status < 0 && fd >= 0)
		(void)unlink(fresh);
	free(fresh);
	return status;
}

static bool set_changed(struct block_list *l, bool now)
{
	pthread_mutex_lock(&l->lock);
	bool before = l->changed;
	l->changed = now;
	pthread_mutex_unlock(&l->lock);
	return before;
}

int block_list_save(struct block_list *l, struct error *error)
{
	struct buffer text = {0};
	if (!l->settings.state_file || !set_changed(l, false))
		return 0;
	buffer_add_string(&text, "{\"version\":1}\n");
	block_list_visit(l, write_block, &text);
	int status = text.failed ? -ENOMEM : replace_file(l->settings.state_file, &text);
	buffer_free(&text);
	if (status < 0)
		(void)set_changed(l, true);
	return status < 0 ? error_set(error, -status, "%s: %s", l->settings.state_file, strerror(-status)) : 0;
}
