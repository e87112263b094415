// SPDX-License-Identifier: GPL-2.0-or-later
#include "net/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

int netns_new(struct error *error)
{
	if (unshare(CLONE_NEWNET) < 0)
		return error_set(error, errno, "cannot make a network namespace: %s", strerror(errno));
	int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	return fd < 0 ? error_set(error, errno, "/proc/self/ns/net: %s", strerror(errno)) : fd;
}

int netns_enter(int fd, struct error *error)
{
	if (setns(fd, CLONE_NEWNET) < 0)
		return error_set(error, errno, "cannot enter a network namespace: %s", strerror(errno));
	return 0;
}

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ssize_t n = write(fd, text, strlen(text));
	int r = n < 0 ? -errno : 0;
	close(fd);
	return r;
}

int userns_become_root(struct error *error)
{
	char map[64];
	unsigned uid = geteuid(), gid = getegid();
	if (unshare(CLONE_NEWUSER) < 0)
		return error_set(error, errno,
				 "cannot make a user namespace: %s (run as root, or allow them: kernel.unprivileged_userns_clone, user.max_user_namespaces)",
				 strerror(errno));
	int r = write_file("/proc/self/setgroups", "deny");
	if (r == 0 || r == -ENOENT) {
		snprintf(map, sizeof map, "0 %u 1", uid);
		r = write_file("/proc/self/uid_map", map);
	}
	if (r == 0) {
		snprintf(map, sizeof map, "0 %u 1", gid);
		r = write_file("/proc/self/gid_map", map);
	}
	return r < 0 ? error_set(error, -r, "cannot become root of a user namespace: %s", strerror(-r)) : 0;
}

int mounts_new(struct error *error)
{
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return error_set(error, errno, "cannot make a mount namespace: %s", strerror(errno));
	return 0;
}

int mounts_hide(const char *folder)
{
	if (mkdir(folder, 0755) < 0 && errno != EEXIST)
		return -errno;
	return mount("tmpfs", folder, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") < 0 ? -errno : 0;
}

int mounts_enter(int fd, struct error *error)
{
	char here[PATH_MAX];
	const char *folder = getcwd(here, sizeof here);
	if (setns(fd, CLONE_NEWNS) < 0)
		return error_set(error, errno, "cannot enter a mount namespace: %s", strerror(errno));
	return folder && chdir(folder) < 0 ? error_set(error, errno, "%s: %s", folder, strerror(errno)) : 0;
}

int netns_sysctl(const char *name, const char *value, struct error *error)
{
	char path[160];
	snprintf(path, sizeof path, "/proc/sys/net/%s", name);
	int r = write_file(path, value);
	return r < 0 ? error_set(error, -r, "%s: %s", path, strerror(-r)) : 0;
}
