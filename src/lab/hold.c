// SPDX-License-Identifier: GPL-2.0-or-later
/* A lab that stays up: its holder's descriptors, at fixed numbers, are how other processes find the namespaces. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gateway/owner.h"
#include "lab/lab.h"
#include "net/netns.h"

enum { FIRST_FD = 100 };

static const char *state_path(void)
{
	static char path[256];
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	if (geteuid() == 0 && access("/run", W_OK) == 0)
		snprintf(path, sizeof path, "/run/sluice-lab");
	else if (runtime && *runtime)
		snprintf(path, sizeof path, "%s/sluice-lab", runtime);
	else
		snprintf(path, sizeof path, "/tmp/sluice-lab-%u", (unsigned)geteuid());
	return path;
}

void lab_announce(struct lab *lab)
{
	char text[32];
	for (int i = 0; i < LAB_N_; i++) {
		if (lab->netns[i] != FIRST_FD + i) {
			dup3(lab->netns[i], FIRST_FD + i, O_CLOEXEC);
			close(lab->netns[i]);
			lab->netns[i] = FIRST_FD + i;
		}
	}
	snprintf(text, sizeof text, "%d", (int)getpid());
	setenv("SLUICE_LAB", text, 1);
}

/* The file may lie in a folder that others write to: only a file of our own counts. */
static int read_state(pid_t *holder)
{
	int fd = open(state_path(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;
	char text[96] = "";
	if (fd < 0)
		return -ENOENT;
	bool good = fstat(fd, &st) == 0 && st.st_uid == geteuid() && read(fd, text, sizeof text - 1) > 0;
	close(fd);
	int pid;
	unsigned long long started;
	if (!good || sscanf(text, "%d %llu", &pid, &started) != 2 || pid <= 0 || process_start_time(pid) != started)
		return -ENOENT;
	*holder = pid;
	return 0;
}

int lab_find(pid_t *holder)
{
	const char *given = getenv("SLUICE_LAB");
	if (given && atoi(given) > 0 && process_start_time(atoi(given))) {
		*holder = atoi(given);
		return 0;
	}
	return read_state(holder);
}

static int write_state(pid_t holder, struct error *error)
{
	const char *path = state_path();
	unlink(path);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return error_set(error, errno, "%s: %s", path, strerror(errno));
	int n = dprintf(fd, "%d %llu\n", (int)holder, process_start_time(holder));
	close(fd);
	return n < 0 ? error_set(error, EIO, "%s: cannot write", path) : 0;
}

/* The holder: makes the lab, tells its parent how it went, and sleeps until it is told to go. */
static void hold(int report)
{
	struct lab lab = {{-1, -1, -1}};
	struct error error = {0};
	int r = lab_make(&lab, &error);
	dprintf(report, "%s", r < 0 ? error.text : "ok");
	close(report);
	if (r < 0)
		_exit(1);
	lab_announce(&lab);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int i = 0; i < 3; i++)
		dup2(null, i);
	if (chdir("/") < 0)
		_exit(1);
	for (;;)
		pause();
}

int lab_hold(struct error *error)
{
	pid_t holder;
	if (read_state(&holder) == 0)
		return error_set(error, EEXIST, "a lab is up already (process %d); `sluice lab down` takes it away", (int)holder);
	int p[2];
	if (pipe2(p, O_CLOEXEC) < 0)
		return error_set(error, errno, "cannot make a pipe: %s", strerror(errno));
	holder = fork();
	if (holder == 0) {
		setsid();
		close(p[0]);
		hold(p[1]);
	}
	close(p[1]);
	char text[sizeof error->text] = "";
	size_t len = 0;
	ssize_t n;
	while (len < sizeof text - 1 && (n = read(p[0], text + len, sizeof text - 1 - len)) > 0)
		len += (size_t)n;
	close(p[0]);
	if (strcmp(text, "ok"))
		return error_set(error, EIO, "%s", *text ? text : "the lab's holder ended");
	int r = write_state(holder, error);
	if (r < 0)
		kill(holder, SIGKILL);
	return r;
}

static bool same_file(const char *a, const char *b)
{
	struct stat x, y;
	return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_ino == y.st_ino && x.st_dev == y.st_dev;
}

int lab_join(struct lab *lab, pid_t holder, struct error *error)
{
	char path[64];
	int opened[LAB_N_];
	for (int i = 0; i < LAB_N_; i++) {
		snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)holder, FIRST_FD + i);
		opened[i] = open(path, O_RDONLY | O_CLOEXEC);
		if (opened[i] < 0)
			return error_set(error, errno, "the lab of process %d cannot be reached: %s", (int)holder, strerror(errno));
		lab->netns[i] = opened[i];
	}
	snprintf(path, sizeof path, "/proc/%d/ns/mnt", (int)holder);
	int mounts = same_file(path, "/proc/self/ns/mnt") ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	snprintf(path, sizeof path, "/proc/%d/ns/user", (int)holder);
	int user = same_file(path, "/proc/self/ns/user") ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	int r = 0;
	if (user >= 0 && setns(user, CLONE_NEWUSER) < 0)
		r = error_set(error, errno, "cannot enter the lab's user namespace: %s", strerror(errno));
	if (r == 0 && mounts >= 0)
		r = mounts_enter(mounts, error);
	close(user);
	close(mounts);
	return r;
}

int lab_release(struct error *error)
{
	pid_t holder;
	if (read_state(&holder) < 0)
		return error_set(error, ENOENT, "no lab is up");
	struct lab lab;
	/* a child joins, as joining may change the user namespace for good */
	pid_t child = fork();
	if (child == 0) {
		setenv("SLUICE_LAB", "", 1);
		if (lab_join(&lab, holder, error) == 0)
			lab_end(&lab);
		_exit(0);
	}
	if (child > 0)
		waitpid(child, NULL, 0);
	kill(holder, SIGKILL);
	unlink(state_path());
	return 0;
}
