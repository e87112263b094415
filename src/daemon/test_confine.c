// SPDX-License-Identifier: GPL-2.0-or-later
/* What a confined process can no longer do; each check in a child, for there is no way back. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/confine.h"

static char top[] = "/tmp/sluice-confine-XXXXXX";
static char readable[64], writable[64], hidden[64];

static void write_file(const char *path)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs("x", f);
	fclose(f);
}

static int make_folders(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(top));
	snprintf(readable, sizeof readable, "%s/rules", top);
	snprintf(writable, sizeof writable, "%s/log", top);
	snprintf(hidden, sizeof hidden, "%s/else", top);
	const char *folders[] = {readable, writable, hidden};
	for (int i = 0; i < 3; i++) {
		char file[80];
		assert_int_equal(mkdir(folders[i], 0755), 0);
		snprintf(file, sizeof file, "%s/f", folders[i]);
		write_file(file);
	}
	return 0;
}

static int remove_folders(void **state)
{
	(void)state;
	char command[128];
	snprintf(command, sizeof command, "rm -rf %s", top);
	return system(command);
}

static const char *theirs; /* a file that is read again */

/* Runs `check` confined; its result, or 100 if the confinement itself failed. */
static int confined(int (*check)(const struct confine_report *report))
{
	fflush(NULL);
	pid_t child = fork();
	if (child == 0) {
		char file[80];
		snprintf(file, sizeof file, "%s/f", readable); /* a file stands for its folder */
		const char *reads[] = {file}, *writes[] = {writable, "/nowhere/at/all"};
		struct confine_settings s = {.readable = reads, .n_readable = 1, .writable = writes, .n_writable = 2, .again = &theirs, .n_again = theirs != NULL};
		struct confine_report report;
		struct error error = {0};
		if (confine_process(&s, &report, &error) < 0) {
			fprintf(stderr, "%s\n", error.text);
			_exit(100);
		}
		_exit(check(&report));
	}
	int status = 0;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int try_open(const char *folder, const char *name, int flags)
{
	char path[96];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	int fd = open(path, flags, 0600);
	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

static int check_files(const struct confine_report *r)
{
	if (!r->landlock)
		return 77;
	if (try_open(readable, "f", O_RDONLY) || try_open(readable, "f", O_WRONLY) != EACCES || try_open(readable, "new", O_WRONLY | O_CREAT) != EACCES)
		return 1;
	if (try_open(writable, "new", O_WRONLY | O_CREAT) || try_open(writable, "f", O_RDWR | O_TRUNC))
		return 2;
	if (try_open(hidden, "f", O_RDONLY) != EACCES || open("/etc/shadow", O_RDONLY) >= 0 || try_open("/dev", "null", O_WRONLY))
		return 3;
	char from[80], to[80]; /* logs are replaced by rename */
	snprintf(from, sizeof from, "%s/new", writable);
	snprintf(to, sizeof to, "%s/f", writable);
	return rename(from, to) ? 4 : 0;
}

static int check_calls(const struct confine_report *r)
{
	if (!r->seccomp)
		return 77;
	char *const argv[] = {"/bin/true", NULL};
	if (execv(argv[0], argv) == 0 || errno != EPERM)
		return 1;
	if (mount("none", top, "tmpfs", 0, NULL) == 0 || errno != EPERM)
		return 2;
	return getpid() > 0 ? 0 : 3;
}

static unsigned long long capabilities_now(void)
{
	unsigned long long effective = ~0ULL;
	char line[128];
	FILE *f = fopen("/proc/self/status", "re");
	while (f && fgets(line, sizeof line, f))
		if (strncmp(line, "CapEff:", 7) == 0)
			effective = strtoull(line + 7, NULL, 16);
	if (f)
		fclose(f);
	return effective;
}

static int check_capabilities(const struct confine_report *r)
{
	if (!r->capabilities || r->others || r->read_search)
		return 1;
	return capabilities_now() & ~(1ULL << 12) /* CAP_NET_ADMIN */ ? 2 : 0;
}

/* A file of another user: it can be read, others of his elsewhere cannot, and nothing can be written. */
static int check_theirs(const struct confine_report *r)
{
	if (!r->landlock || !r->seccomp)
		return r->read_search ? 1 : 77;
	if (!r->read_search || !r->others || strcmp(r->others, theirs) != 0)
		return 2;
	if (capabilities_now() & ~(1ULL << 12 | 1ULL << 2) /* CAP_NET_ADMIN, CAP_DAC_READ_SEARCH */)
		return 3;
	return try_open(readable, "theirs", O_RDONLY) || try_open(readable, "theirs", O_WRONLY) != EACCES || try_open(hidden, "theirs", O_RDONLY) != EACCES ? 4 : 0;
}

static void expect_confined(int (*check)(const struct confine_report *))
{
	int status = confined(check);
	if (status == 77)
		skip(); /* this kernel has no such thing */
	assert_int_equal(status, 0);
}

static void test_files(void **state)
{
	(void)state;
	expect_confined(check_files);
}

static void test_calls(void **state)
{
	(void)state;
	expect_confined(check_calls);
}

static void test_capabilities(void **state)
{
	(void)state;
	expect_confined(check_capabilities);
}

static void make_theirs(const char *folder, char *path, size_t room)
{
	snprintf(path, room, "%s/theirs", folder);
	write_file(path);
	assert_int_equal(chmod(path, 0600), 0);
	if (chown(path, 12345, 12345) < 0)
		skip(); /* only root gives files away */
}

static void test_theirs(void **state)
{
	static char path[80], elsewhere[80];
	(void)state;
	if (geteuid())
		skip();
	make_theirs(readable, path, sizeof path);
	make_theirs(hidden, elsewhere, sizeof elsewhere);
	theirs = path;
	int status = confined(check_theirs);
	theirs = NULL;
	if (status == 77)
		skip();
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_files), cmocka_unit_test(test_calls), cmocka_unit_test(test_capabilities),
					   cmocka_unit_test(test_theirs)};
	return cmocka_run_group_tests(tests, make_folders, remove_folders);
}
