// SPDX-License-Identifier: GPL-2.0-or-later
#include "lag/slow.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lag/lag.h"
#include "lag/shape.h"

#define FOLDER "/run/sluice/slow"
enum { BITS = 8 };

struct slowing {
	struct rtnl *r;
	struct tree *before;
	size_t n;
};

/* ---- what was there, over a kill -9 ---- */

static void kept_path(char *out, size_t room, const char *device)
{
	snprintf(out, room, FOLDER "/%s.json", device);
}

static int keep(const struct tree *t, struct error *error)
{
	char path[128];
	kept_path(path, sizeof path, t->device);
	(void)mkdir("/run/sluice", 0755);
	(void)mkdir(FOLDER, 0755);
	json_t *o = tree_to_json(t);
	int failed = json_dump_file(o, path, JSON_INDENT(1));
	json_decref(o);
	return failed ? error_set(error, EIO, "cannot write %s", path) : 0;
}

static void forget(const char *device)
{
	char path[128];
	kept_path(path, sizeof path, device);
	(void)unlink(path);
}

/* A tree of ours with a file beside it was left by a run that was killed. */
static int clear_old(struct rtnl *r, struct tree *now, struct error *error)
{
	char path[128];
	struct tree old;
	kept_path(path, sizeof path, now->device);
	json_t *o = shape_is_root(now, SLOW_MAJOR) ? json_load_file(path, 0, NULL) : NULL;
	int code = o ? tree_from_json(&old, o, error) : 0;
	if (o && code == 0) {
		old.ifindex = now->ifindex;
		code = tree_restore(&old, r, error);
		tree_free(&old);
		char device[IF_NAMESIZE];
		memcpy(device, now->device, sizeof device);
		tree_free(now);
		if (code == 0)
			code = tree_read(now, r, device, error);
	}
	json_decref(o);
	return code;
}

/* ---- devices ---- */

static int put_classes(struct rtnl *r, const struct tree *before, const struct slow_class *classes, unsigned n, struct error *error)
{
	struct shape_class shapes[MARK_SLOW_MAX];
	struct line lines[MARK_SLOW_MAX] = {0};
	for (unsigned i = 0; i < n; i++) {
		lines[i].netem = (struct netem){.delay = classes[i].delay, .rate = 0};
		shapes[i] = (struct shape_class){.minor = SLOW_MINOR + i, .rate = classes[i].rate / BITS, .ceil = classes[i].ceil / BITS, .share = classes[i].share,
						 .line = classes[i].delay ? &lines[i] : NULL, .fair = true};
	}
	return shape_device(r, before->ifindex, before, SLOW_MAJOR, shapes, n, SHAPE_REST, error);
}

static int shape(struct slowing *s, const char *device, const struct slow_class *classes, unsigned n, struct error *error)
{
	struct tree t;
	char what[96];
	int code = tree_read(&t, s->r, device, error);
	if (code < 0)
		return code;
	if ((code = clear_old(s->r, &t, error)) == 0 && tree_has_parts(&t)) {
		tree_describe(&t, what, sizeof what);
		code = error_set(error, EEXIST, "somebody shapes it already (%s)", what);
	}
	if (code == 0)
		code = keep(&t, error);
	if (code == 0 && (code = put_classes(s->r, &t, classes, n, error)) < 0) {
		(void)tree_restore(&t, s->r, NULL);
		forget(t.device);
	}
	if (code == 0)
		s->before[s->n++] = t;
	else
		tree_free(&t);
	return code;
}

struct slowing *slow_open(const struct slow_class *classes, unsigned n, const char *const *devices, size_t n_devices,
		       void (*spared)(void *context, const char *device, const char *why), void *context, struct error *error)
{
	struct slowing *s = xcalloc(1, sizeof *s);
	s->before = xcalloc(n_devices + 1, sizeof *s->before);
	s->r = rtnl_open(error);
	for (size_t i = 0; s->r && i < n_devices; i++)
		if (shape(s, devices[i], classes, n, error) < 0)
			spared(context, devices[i], error->text);
	if (s->n)
		return s;
	slow_close(s, true);
	return NULL;
}

void slow_close(struct slowing *s, bool keep_trees)
{
	for (size_t i = 0; s && i < s->n; i++) {
		struct tree now;
		if (!keep_trees && tree_read(&now, s->r, s->before[i].device, NULL) == 0) {
			if (shape_is_root(&now, SLOW_MAJOR)) /* else somebody put another one there meanwhile */
				(void)tree_restore(&s->before[i], s->r, NULL);
			forget(s->before[i].device);
			tree_free(&now);
		}
		tree_free(&s->before[i]);
	}
	if (s) {
		rtnl_close(s->r);
		free(s->before);
	}
	free(s);
}

size_t slow_n_devices(const struct slowing *s)
{
	return s ? s->n : 0;
}
