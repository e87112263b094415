// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/confine.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/memory.h"

/* ---- capabilities ---- */

/* Sockets that need more (the raw ones that answers leave by) are open; the rest of the program's life is netlink to netfilter. */
static int keep_net_admin(unsigned read_search /* CAPNG_PERMITTED, CAPNG_EFFECTIVE */, bool bounds, struct error *error)
{
	capng_clear(CAPNG_SELECT_BOTH);
	int r = capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_NET_ADMIN);
	if (bounds && r == 0)
		(void)capng_apply(CAPNG_SELECT_BOUNDS);
	if (r == 0 && read_search)
		r = capng_update(CAPNG_ADD, (capng_type_t)read_search, CAP_DAC_READ_SEARCH);
	return r || capng_apply(CAPNG_SELECT_CAPS) ? error_set(error, EPERM, "capabilities could not be dropped") : 0;
}

static const char *unreadable(const struct confine_settings *s)
{
	for (size_t i = 0; i < s->n_again; i++) {
		int fd = open(s->again[i], O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		if (fd < 0 && errno == EACCES)
			return s->again[i];
		if (fd >= 0)
			close(fd);
	}
	return NULL;
}

/* Rules are often another user's, who fetches them. The right to read them is for what Landlock shows, not for the whole tree. */
static int drop_capabilities(const struct confine_settings *s, struct confine_report *report, struct error *error)
{
	/* cutting the bounding set needs CAP_SETPCAP, which a unit or an ordinary user's namespace need not have given: then it is cut already */
	bool known = capng_get_caps_process() == 0, bounds = known && capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP);
	bool more = known && report->landlock && capng_have_capability(CAPNG_PERMITTED, CAP_DAC_READ_SEARCH);
	int r = keep_net_admin(more ? CAPNG_PERMITTED : 0, bounds, error);
	if (r < 0)
		return r;
	report->capabilities = true;
	report->others = unreadable(s);
	report->read_search = more && report->others;
	return more ? keep_net_admin(report->others ? CAPNG_PERMITTED | CAPNG_EFFECTIVE : 0, false, error) : 0;
}

/* ---- Landlock ---- */

/* By ABI, from landlock(7): each adds the rights that the kernel then knows. */
static uint64_t rights_of_abi(int abi)
{
	uint64_t all = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR |
		       LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR |
		       LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
		       LANDLOCK_ACCESS_FS_MAKE_SYM;
	if (abi >= 2)
		all |= 1ULL << 13; /* REFER */
	if (abi >= 3)
		all |= 1ULL << 14; /* TRUNCATE */
	return all;
}

enum {
	READS = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
	CHANGES = READS | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
		  LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_SOCK | 1 << 13 | 1 << 14, /* REFER, TRUNCATE */
};

struct landlock {
	int fd;
	uint64_t handled;
};

/* A path that cannot be opened is left out: what is not there need not be allowed. */
static int allow_below(const struct landlock *l, const char *path, uint64_t rights)
{
	struct landlock_path_beneath_attr rule = {.parent_fd = open(path, O_PATH | O_CLOEXEC)};
	if (rule.parent_fd < 0)
		return 0;
	struct stat st;
	bool folder = fstat(rule.parent_fd, &st) == 0 && S_ISDIR(st.st_mode);
	rule.allowed_access = rights & l->handled;
	if (!folder)
		rule.allowed_access &= LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | 1ULL << 14;
	int r = (int)syscall(SYS_landlock_add_rule, l->fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
	int code = errno;
	close(rule.parent_fd);
	return r < 0 ? -code : 0;
}

/* A file may be replaced by another of its name (rule updates do that), so its folder is what is read. Never the whole tree by a file in it. */
static int allow_folder_of(const struct landlock *l, const char *path, uint64_t rights)
{
	struct stat st;
	char copy[PATH_MAX];
	if (strlen(path) >= sizeof copy)
		return 0;
	strcpy(copy, path);
	const char *folder = stat(path, &st) == 0 && S_ISDIR(st.st_mode) ? copy : dirname(copy);
	return allow_below(l, strcmp(folder, "/") ? folder : path, rights);
}

/* Keys whose file is written, and made anew when it was moved away. */
static bool is_written(const struct conf *node)
{
	static const char *const names[] = {"filename", "save", "state", "state-file"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (node->name && strcmp(node->name, names[i]) == 0)
			return true;
	return false;
}

struct walk {
	const struct landlock *landlock;
	int result;
};

static void allow_named(const char *path, const struct conf *node, void *context)
{
	struct walk *w = context;
	(void)path;
	if (w->result == 0 && node->value && node->value[0] == '/' && node->value[1])
		w->result = allow_folder_of(w->landlock, node->value, is_written(node) ? CHANGES : READS);
}

static int allow_configured(const struct landlock *l, struct conf *conf, const char *key, uint64_t rights)
{
	struct conf *list = conf ? conf_get(conf, key) : NULL;
	int r = 0;
	for (struct conf *c = list ? list->first : NULL; c && r == 0; c = c->next)
		if (c->value)
			r = allow_below(l, c->value, rights);
	return r;
}

static int allow_all(const struct landlock *l, const struct confine_settings *s)
{
	static const char *const always[] = {
		"/proc", /* queues' counters, whether the owner of a table lives */
		"/etc/localtime", "/usr/share/zoneinfo", "/etc/resolv.conf", "/etc/hosts", "/etc/passwd", "/etc/group", "/etc/nsswitch.conf",
		"/dev/urandom", "/sys/devices/system/cpu",
	};
	int r = allow_below(l, "/dev/null", READS | LANDLOCK_ACCESS_FS_WRITE_FILE);
	for (size_t i = 0; i < sizeof always / sizeof *always && r == 0; i++)
		r = allow_below(l, always[i], READS);
	for (size_t i = 0; i < s->n_readable && r == 0; i++)
		r = allow_folder_of(l, s->readable[i], READS);
	for (size_t i = 0; i < s->n_again && r == 0; i++)
		r = allow_folder_of(l, s->again[i], READS);
	for (size_t i = 0; i < s->n_writable && r == 0; i++)
		r = allow_below(l, s->writable[i], CHANGES);
	if (r == 0 && s->removable)
		r = allow_folder_of(l, s->removable, LANDLOCK_ACCESS_FS_REMOVE_FILE);
	if (r == 0)
		r = allow_configured(l, s->conf, "security.landlock.directories.read", READS);
	if (r == 0)
		r = allow_configured(l, s->conf, "security.landlock.directories.write", CHANGES);
	if (r == 0 && s->conf) {
		struct walk w = {.landlock = l};
		conf_walk(s->conf, allow_named, &w);
		r = w.result;
	}
	return r;
}

static int restrict_files(const struct confine_settings *s, struct confine_report *report, struct error *error)
{
	int abi = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	if (abi <= 0)
		return 0; /* ENOSYS, EOPNOTSUPP: not built in, or switched off at boot */
	struct landlock_ruleset_attr attr = {.handled_access_fs = rights_of_abi(abi)};
	struct landlock l = {.fd = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0), .handled = attr.handled_access_fs};
	if (l.fd < 0)
		return error_set(error, errno, "Landlock: %s", strerror(errno));
	int r = allow_all(&l, s);
	if (r == 0 && syscall(SYS_landlock_restrict_self, l.fd, 0) < 0)
		r = -errno;
	close(l.fd);
	if (r < 0)
		return error_set(error, -r, "Landlock: %s", strerror(-r));
	report->landlock = true;
	report->landlock_abi = abi;
	return 0;
}

/* ---- seccomp ---- */

/* Files, memory, threads, clocks, sockets that exist, netlink. No execve, no ptrace, no mount, no module, no key, no bpf. */
static const char *const calls[] = {
	"read", "readv", "pread64", "preadv", "write", "writev", "pwrite64", "pwritev", "open", "openat", "openat2", "close", "close_range", "lseek",
	"stat", "fstat", "lstat", "newfstatat", "statx", "statfs", "fstatfs", "access", "faccessat", "faccessat2", "readlink", "readlinkat",
	"getdents", "getdents64", "getcwd", "rename", "renameat", "renameat2", "unlink", "unlinkat", "mkdir", "mkdirat", "rmdir", "chmod", "fchmod",
	"fchmodat", "chown", "fchown", "fchownat", "umask", "ftruncate", "fallocate", "fsync", "fdatasync", "flock", "fcntl", "ioctl", "dup", "dup2", "dup3",
	"pipe", "pipe2", "eventfd2", "timerfd_create", "timerfd_settime", "timerfd_gettime", "signalfd4", "epoll_create1", "epoll_ctl", "epoll_wait",
	"epoll_pwait", "epoll_pwait2", "poll", "ppoll", "select", "pselect6", "socket", "bind", "listen", "accept", "accept4", "connect", "shutdown",
	"getsockname", "getpeername", "getsockopt", "setsockopt", "sendto", "sendmsg", "sendmmsg", "recvfrom", "recvmsg", "recvmmsg", "socketpair",
	"mmap", "munmap", "mremap", "mprotect", "madvise", "brk", "mlock", "munlock", "membarrier", "rseq", "clone", "clone3", "exit",
	"exit_group", "futex", "futex_waitv", "set_robust_list", "get_robust_list", "set_tid_address", "gettid", "getpid", "getppid", "getuid", "geteuid",
	"getgid", "getegid", "getgroups", "tgkill", "tkill", "kill", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigtimedwait", "rt_sigpending",
	"rt_sigsuspend", "sigaltstack", "restart_syscall", "nanosleep", "clock_nanosleep", "clock_gettime", "clock_getres", "gettimeofday", "time", "times",
	"getrandom", "getrusage", "getrlimit", "setrlimit", "prlimit64", "sysinfo", "uname", "getcpu", "sched_yield", "sched_getaffinity", "sched_setaffinity",
	"sched_getparam", "sched_getscheduler", "sched_setscheduler", "sched_get_priority_min", "sched_get_priority_max", "getpriority", "setpriority", "prctl",
	"wait4", "waitid", "arch_prctl", "capget",
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	"ptrace", "personality", "process_vm_readv", "capset",
#endif
};

static int restrict_calls(struct confine_report *report, struct error *error)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int r = filter ? 0 : -ENOMEM;
	for (size_t i = 0; i < sizeof calls / sizeof *calls && r == 0; i++) {
		int number = seccomp_syscall_resolve_name(calls[i]);
		if (number != __NR_SCMP_ERROR) /* a call that this machine does not have */
			r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0);
		if (r == -EDOM)
			r = 0; /* known to the library, but not a call of this machine */
	}
	if (r == 0)
		r = seccomp_load(filter);
	seccomp_release(filter);
	if (r == -EINVAL || r == -ENOSYS)
		return 0; /* a kernel without it */
	if (r < 0)
		return error_set(error, -r, "seccomp: %s", strerror(-r));
	report->seccomp = true;
	return 0;
}

int confine_process(const struct confine_settings *s, struct confine_report *report, struct error *error)
{
	*report = (struct confine_report){0};
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_set(error, errno, "no_new_privs: %s", strerror(errno));
	int r = restrict_files(s, report, error);
	if (r == 0)
		r = drop_capabilities(s, report, error);
	if (r == 0)
		r = restrict_calls(report, error);
	if (r == 0 && report->read_search && !report->seccomp) { /* open_by_handle_at(2) passes by Landlock */
		report->read_search = false;
		r = keep_net_admin(0, false, error);
	}
	return r;
}
