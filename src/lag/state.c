// SPDX-License-Identifier: GPL-2.0-or-later
/* What is in force at each device, in a file of its own below LAG_FOLDER, so that it can be put back by another process. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/jansson.h"
#include "lag/lag.h"

static void state_path(char *out, size_t room, const char *device)
{
	snprintf(out, room, "%s/%s.json", LAG_FOLDER, device);
}

/* The kernel's number of this boot: what an earlier one was told is forgotten. */
static void read_boot(char *out, size_t room)
{
	FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");
	*out = 0;
	if (!f)
		return;
	if (fgets(out, (int)room, f))
		out[strcspn(out, "\n")] = 0;
	fclose(f);
}

bool lag_state_current(const struct lag_state *s)
{
	char boot[sizeof s->boot];
	read_boot(boot, sizeof boot);
	return strcmp(boot, s->boot) == 0;
}

static int make_folder(struct error *error)
{
	if ((mkdir("/run/sluice", 0755) < 0 && errno != EEXIST) || (mkdir(LAG_FOLDER, 0755) < 0 && errno != EEXIST))
		return error_set(error, errno, "cannot make %s: %s", LAG_FOLDER, strerror(errno));
	return 0;
}

int lag_state_save(const struct lag_state *s, struct error *error)
{
	char path[128], fresh[136], boot[sizeof s->boot];
	int code = make_folder(error);
	if (code < 0)
		return code;
	state_path(path, sizeof path, s->device);
	snprintf(fresh, sizeof fresh, "%s.new", path);
	read_boot(boot, sizeof boot);
	json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:b, s:b, s:I, s:I, s:i, s:s, s:o}", "device", s->device, "ifb", s->ifb, "words", s->words, "line_out",
			      s->line_out, "line_in", s->line_in, "out", s->out, "in", s->in, "ingress_made", s->ingress_made, "since", (json_int_t)s->since,
			      "until", (json_int_t)s->until, "watcher", s->watcher, "boot", boot, "before", tree_to_json(&s->before));
	int fd = o ? open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644) : -1;
	int failed = fd < 0 ? errno : json_dumpfd(o, fd, JSON_INDENT(1)) < 0 || fsync(fd) < 0 ? EIO : 0;
	if (fd >= 0)
		close(fd);
	if (!failed && rename(fresh, path) < 0)
		failed = errno;
	json_decref(o);
	return failed ? error_set(error, failed, "cannot write %s: %s", path, strerror(failed)) : 0;
}

static char *text_of(const json_t *o, const char *key)
{
	const char *t = json_string_value(json_object_get(o, key));
	return xstrdup(t ? t : "");
}

int lag_state_load(struct lag_state *s, const char *device, struct error *error)
{
	char path[128];
	json_error_t where;
	*s = (struct lag_state){0};
	state_path(path, sizeof path, device);
	if (strchr(device, '/') || access(path, F_OK) < 0)
		return error_set(error, ENOENT, "nothing of sluice slows %s down", device);
	json_t *o = json_load_file(path, 0, &where);
	if (!o)
		return error_set(error, EINVAL, "%s:%d:%d: %s", path, where.line, where.column, where.text);
	int code = tree_from_json(&s->before, json_object_get(o, "before"), error);
	if (code == 0) {
		const char *ifb = json_string_value(json_object_get(o, "ifb")), *boot = json_string_value(json_object_get(o, "boot"));
		snprintf(s->device, sizeof s->device, "%s", device);
		snprintf(s->ifb, sizeof s->ifb, "%s", ifb ? ifb : "");
		snprintf(s->boot, sizeof s->boot, "%s", boot ? boot : "");
		s->words = text_of(o, "words");
		s->line_out = text_of(o, "line_out");
		s->line_in = text_of(o, "line_in");
		s->out = json_is_true(json_object_get(o, "out"));
		s->in = json_is_true(json_object_get(o, "in"));
		s->ingress_made = json_is_true(json_object_get(o, "ingress_made"));
		s->since = json_integer_value(json_object_get(o, "since"));
		s->until = json_integer_value(json_object_get(o, "until"));
		s->watcher = (int)json_integer_value(json_object_get(o, "watcher"));
	} else {
		error_prefix(error, "%s", path);
	}
	json_decref(o);
	return code;
}

void lag_state_forget(const char *device)
{
	char path[128];
	state_path(path, sizeof path, device);
	(void)unlink(path);
}

void lag_state_free(struct lag_state *s)
{
	tree_free(&s->before);
	free(s->words);
	free(s->line_out);
	free(s->line_in);
	*s = (struct lag_state){0};
}

size_t lag_state_devices(void (*each)(void *context, const char *device), void *context)
{
	static const char ending[] = ".json";
	size_t n = 0;
	DIR *d = opendir(LAG_FOLDER);
	struct dirent *e;
	while (d && (e = readdir(d))) {
		size_t len = strlen(e->d_name);
		if (len < sizeof ending || strcmp(e->d_name + len - (sizeof ending - 1), ending) != 0)
			continue;
		e->d_name[len - (sizeof ending - 1)] = 0;
		each(context, e->d_name);
		n++;
	}
	if (d)
		closedir(d);
	return n;
}

int lag_lock(struct error *error)
{
	int code = make_folder(error);
	if (code < 0)
		return code;
	int fd = open(LAG_FOLDER "/lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return error_set(error, errno, "cannot open %s/lock: %s", LAG_FOLDER, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
		if (ftruncate(fd, 0) == 0)
			(void)dprintf(fd, "%d\n", (int)getpid());
		return fd;
	}
	char holder[16] = "";
	if (pread(fd, holder, sizeof holder - 1, 0) < 0)
		*holder = 0;
	close(fd);
	return error_set(error, EBUSY, "another `sluice lag` is at work (process %d): try again when it is done", atoi(holder));
}
